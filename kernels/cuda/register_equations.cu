// The normal equations of point-to-plane registration (Chen and Medioni 1992,
// doi:10.1016/0262-8856(92)90066-C; Low 2004, eq. 9-10), as the engine sums
// them on the CPU: J = [arm x normal, normal], e the distance above the plane,
// weights from a robust kernel.
//
// Two steps in a fixed order: each block sums POINTS_PER_BLOCK points, then
// one block sums the blocks. The same bits in every run on a device.
#include "register_points.cuh"

namespace register_points {

constexpr int POINTS_PER_BLOCK = 1024;
// 21 of the upper triangle of sum(w J J^T) row by row, 6 of sum(w J e), then
// sum(w e^2) and the number of points used.
constexpr int SUMS = 29;

// kind 0: Geman-McClure on the distance to the point; 1: Tukey's biweight on
// the distance to the plane; `scale_mm` the scale or the cut-off.
struct Robust {
    int kind;
    float scale_mm;
};

DEVICE float robust_weight(const Robust& robust, float squared_mm2, float plane_mm) {
    const float scale = robust.scale_mm;
    if (robust.kind == 0) {
        const float u = scale * scale / (scale * scale + squared_mm2);
        return u * u;
    }
    const float share = plane_mm / scale, u = 1.0f - share * share;
    return u > 0.0f ? u * u : 0.0f;
}

struct EquationsOfBlocksParameters {
    const float* __restrict__ offsets;
    const float* __restrict__ targets;
    const float* __restrict__ normals;
    const Key* __restrict__ keys;
    double* __restrict__ partials;
    uint32_t sources;
    uint32_t target_count;
    Placement placement;
    float max_squared;
    Robust robust;
};

// One block a stretch of POINTS_PER_BLOCK source points. `keys` are the
// neighbours from register_nearest.cu; points beyond `max_squared` and points
// without a neighbour are left out. A site is a target point and its normal.
KERNEL(256, 2) equations_of_blocks(const EquationsOfBlocksParameters p) {
    SHARED_ARRAY(double, warp_sums, 8 * SUMS);
    float sums[SUMS];
#pragma unroll
    for (int i = 0; i < SUMS; i++) sums[i] = 0.0f;
    for (int turn = 0; turn < POINTS_PER_BLOCK / 256; turn++) {
        const uint32_t source = blockIdx.x * POINTS_PER_BLOCK + turn * 256 + threadIdx.x;
        if (source >= p.sources) continue;
        const Key key = p.keys[source];
        const float squared = squared_of(key);
        const uint32_t index = uint32_t(key);
        if (!(squared <= p.max_squared) || index >= p.target_count) continue;
        const float* const o = p.offsets + size_t(source) * 3;
        const float* const m = p.targets + size_t(index) * 3;
        const float* const n = p.normals + size_t(index) * 3;
        float a[3], e = 0.0f;
#pragma unroll
        for (int i = 0; i < 3; i++) {
            const float* const r = p.placement.rotation + i * 3;
            a[i] = r[0] * o[0] + r[1] * o[1] + r[2] * o[2];
            e += (a[i] + p.placement.centre[i] - m[i]) * n[i];
        }
        const float weight = robust_weight(p.robust, squared, e);
        // Rotating by x about the centroid moves the point by x cross a.
        const float j[7] = {a[1] * n[2] - a[2] * n[1], a[2] * n[0] - a[0] * n[2], a[0] * n[1] - a[1] * n[0], n[0],
                            n[1], n[2], e};
        int at = 0;
#pragma unroll
        for (int row = 0; row < 6; row++) {
            const float scaled = weight * j[row];
#pragma unroll
            for (int column = row; column < 6; column++) sums[at++] += scaled * j[column];
        }
#pragma unroll
        for (int row = 0; row < 6; row++) sums[21 + row] += weight * j[row] * e;
        sums[27] += weight * e * e;
        sums[28] += 1.0f;
    }
    const unsigned lane = threadIdx.x & 31, warp = threadIdx.x >> 5;
#pragma unroll
    for (int i = 0; i < SUMS; i++) {
        const double sum = warp_sum(double(sums[i]));
        if (lane == 0) warp_sums[warp * SUMS + i] = sum;
    }
    __syncthreads();
    if (threadIdx.x >= SUMS) return;
    double sum = 0.0;
    for (int i = 0; i < 8; i++) sum += warp_sums[i * SUMS + threadIdx.x];
    p.partials[size_t(blockIdx.x) * SUMS + threadIdx.x] = sum;
}
REGISTER_KERNEL(equations_of_blocks, 256);

struct EquationsTotalParameters {
    const double* __restrict__ partials;
    double* __restrict__ total;
    uint32_t blocks;
};

// One block of 928 threads: a warp for each sum.
KERNEL(928, 1) equations_total(const EquationsTotalParameters p) {
    const uint32_t lane = threadIdx.x & 31, item = threadIdx.x >> 5;
    double sum = 0.0;
    for (uint32_t block = lane; block < p.blocks; block += 32) sum += p.partials[size_t(block) * SUMS + item];
    sum = warp_sum(sum);
    if (lane == 0) p.total[item] = sum;
}
REGISTER_KERNEL(equations_total, 928);

} // namespace register_points
