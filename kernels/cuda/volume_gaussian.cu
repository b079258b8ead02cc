// Separable Gaussian smoothing, as `kernels::gaussian_blur` does on the CPU:
// the host gives the taps, beyond the border the border value continues, and
// the taps are summed in their order.
#include "common.cuh"

namespace volume_gaussian {

struct GaussianAlongXParameters {
    const float* __restrict__ source;
    float* __restrict__ result;
    const float* __restrict__ taps;
    int radius;
    uint32_t width;
};

// Along x: one block a stretch of 256 voxels of a row, kept in shared memory
// with `radius` voxels to both sides (dynamic: (256 + 2 radius) * 4 bytes).
// Blocks: rows * ceil(width / 256).
KERNEL(256, 4) gaussian_along_x(const GaussianAlongXParameters p) {
    DYNAMIC_SHARED(float, stretch);
    const uint32_t stretches = (p.width + 255) / 256;
    const size_t row = size_t(blockIdx.x / stretches) * p.width;
    const int start = int(blockIdx.x % stretches) * 256, last = int(p.width) - 1;
    for (int i = int(threadIdx.x); i < 256 + 2 * p.radius; i += 256) {
        const int x = start + i - p.radius;
        stretch[i] = p.source[row + (x < 0 ? 0 : x > last ? last : x)];
    }
    __syncthreads();
    const int x = start + int(threadIdx.x);
    if (x > last) return;
    float sum = 0.0f;
    for (int tap = 0; tap <= 2 * p.radius; tap++) sum += load_read_only(p.taps + tap) * stretch[threadIdx.x + tap];
    p.result[row + x] = sum;
}
REGISTER_KERNEL(gaussian_along_x, 256);

// Voxels along the axis that one thread of `gaussian_across` computes.
constexpr int RUN = 8;

struct GaussianAcrossParameters {
    const float* __restrict__ source;
    float* __restrict__ result;
    const float* __restrict__ taps;
    int radius;
    uint32_t length;
    uint32_t stride;
    uint32_t lines;
};

// Along y or z, whose neighbours lie `stride` voxels apart: one thread RUN
// voxels of a line, so that each value is read once for all of them. Thread =
// `inner` position (fastest, coalesced) + stride * (run + runs * outer).
KERNEL(256, 3) gaussian_across(const GaussianAcrossParameters p) {
    const uint32_t runs = (p.length + RUN - 1) / RUN;
    const uint32_t thread = blockIdx.x * 256 + threadIdx.x;
    if (thread >= p.lines * runs) return;
    const uint32_t inner = thread % p.stride, run = thread / p.stride % runs, outer = thread / p.stride / runs;
    const size_t line = size_t(outer) * p.length * p.stride + inner;
    const int start = int(run) * RUN, last = int(p.length) - 1;
    float sums[RUN];
#pragma unroll
    for (int i = 0; i < RUN; i++) sums[i] = 0.0f;
    for (int step = -p.radius; step < RUN + p.radius; step++) {
        const int at = start + step;
        const float value = p.source[line + size_t(at < 0 ? 0 : at > last ? last : at) * p.stride];
#pragma unroll
        for (int i = 0; i < RUN; i++) {
            const int tap = step + p.radius - i;
            // The same for all threads, so the warp does not diverge.
            if (tap >= 0 && tap <= 2 * p.radius) sums[i] += load_read_only(p.taps + tap) * value;
        }
    }
#pragma unroll
    for (int i = 0; i < RUN; i++)
        if (start + i <= last) p.result[line + size_t(start + i) * p.stride] = sums[i];
}
REGISTER_KERNEL(gaussian_across, 256);

} // namespace volume_gaussian
