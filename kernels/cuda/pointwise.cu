// Operations on one voxel at a time, a thread for eight channels of a voxel:
// sums and products, copies with padding, pools and finer grids.
// Blocks of the output are along y of the launch grid.
#include "blocks.cuh"

// Mirrored in `src/cuda/parameters.rs`; not every kernel reads all of it.
struct PointwiseParameters {
    View first;
    View second;            // combine only
    const float* planar_in; // copy only: input [channel][z][y][x], or null
    uint16_t* values;       // output blocks
    float* planar_out;      // store only: output [channel][z][y][x]
    Size in_size;
    Size out_size;
    Size kernel;            // pool: window; finer: voxels per voxel
    Size stride;            // pool
    Size padding;           // pool; copy: voxels before the first
    int channels;           // of the output
    int kind;               // combine, pool, finer: which; store: 1 for softmax
    int activation;
    float slope;
};

// The numbers are those of `parameters.rs`.
enum Combine : int { ADD = 0, MULTIPLY = 1, GATE = 2 };
enum Pool : int { MAXIMUM = 0, AVERAGE = 1 };
enum Finer : int { NEAREST = 0, LINEAR = 1 };

// The voxel and the first of the eight channels of this thread.
struct Place {
    size_t voxel;
    int first;
    bool exists;
};

DEVICE Place place_of_thread(Size size) {
    const size_t index = size_t(blockIdx.x) * blockDim.x + threadIdx.x;
    return {index >> 1, int(blockIdx.y * 16 + (index & 1) * 8), (index >> 1) < voxels_of(size)};
}

DEVICE size_t index_of(int z, int y, int x, Size size) { return (size_t(z) * size.y + y) * size.x + x; }

KERNEL(256, 4) combine(const PointwiseParameters p) {
    const Place at = place_of_thread(p.out_size);
    if (!at.exists) return;
    float a[8], b[8];
    load_8(p.first, at.voxel, at.first, a);
    load_8(p.second, at.voxel, at.first, b);
#pragma unroll
    for (int i = 0; i < 8; i++) {
        const float value = p.kind == ADD ? a[i] + b[i] : p.kind == MULTIPLY ? a[i] * b[i] : a[i] * b[i] + a[i];
        a[i] = activate(value, p.activation, p.slope);
    }
    store_8(p.values, voxels_of(p.out_size), at.voxel, at.first, a);
}
REGISTER_KERNEL(combine, 256);

// Copies with load and activation applied; zeros around.
KERNEL(256, 4) copy_padded(const PointwiseParameters p) {
    const Place at = place_of_thread(p.out_size);
    if (!at.exists) return;
    const Size to = position_of(at.voxel, p.out_size);
    const int z = to.z - p.padding.z, y = to.y - p.padding.y, x = to.x - p.padding.x;
    float values[8] = {0.f, 0.f, 0.f, 0.f, 0.f, 0.f, 0.f, 0.f};
    if (is_inside(z, y, x, p.in_size)) {
        const size_t from = index_of(z, y, x, p.in_size);
        if (p.planar_in == nullptr) {
            load_8(p.first, from, at.first, values);
        } else {
            for (int i = 0; i < 8 && at.first + i < p.channels; i++)
                values[i] = p.planar_in[(at.first + i) * voxels_of(p.in_size) + from];
        }
#pragma unroll
        for (int i = 0; i < 8; i++) values[i] = activate(values[i], p.activation, p.slope);
    }
    store_8(p.values, voxels_of(p.out_size), at.voxel, at.first, values);
}
REGISTER_KERNEL(copy_padded, 256);

// Maximum (padding never wins) or mean of a window.
KERNEL(256, 4) pool(const PointwiseParameters p) {
    const Place at = place_of_thread(p.out_size);
    if (!at.exists) return;
    const Size to = position_of(at.voxel, p.out_size);
    float result[8];
#pragma unroll
    for (int i = 0; i < 8; i++) result[i] = p.kind == MAXIMUM ? -65504.f : 0.f;
    for (int kz = 0; kz < p.kernel.z; kz++)
        for (int ky = 0; ky < p.kernel.y; ky++)
            for (int kx = 0; kx < p.kernel.x; kx++) {
                const int z = to.z * p.stride.z - p.padding.z + kz, y = to.y * p.stride.y - p.padding.y + ky;
                const int x = to.x * p.stride.x - p.padding.x + kx;
                if (!is_inside(z, y, x, p.in_size)) continue;
                float values[8];
                load_8(p.first, index_of(z, y, x, p.in_size), at.first, values);
#pragma unroll
                for (int i = 0; i < 8; i++) result[i] = p.kind == MAXIMUM ? fmaxf(result[i], values[i]) : result[i] + values[i];
            }
    const float factor = p.kind == MAXIMUM ? 1.f : 1.f / float(p.kernel.z * p.kernel.y * p.kernel.x);
#pragma unroll
    for (int i = 0; i < 8; i++) result[i] *= factor;
    store_8(p.values, voxels_of(p.out_size), at.voxel, at.first, result);
}
REGISTER_KERNEL(pool, 256);

// Two neighbours along an axis and the weight of the second. Voxel centres
// are the anchors, the border is repeated (PyTorch, align_corners=False).
struct Between {
    int low, high;
    float weight;
};

DEVICE Between between(int to, int factor, int size, int kind) {
    if (kind == NEAREST) return {to / factor, to / factor, 0.f};
    const float from = fmaxf((float(to) + 0.5f) / float(factor) - 0.5f, 0.f);
    const int low = min(int(from), size - 1);
    return {low, min(low + 1, size - 1), from - float(low)};
}

KERNEL(256, 4) finer(const PointwiseParameters p) {
    const Place at = place_of_thread(p.out_size);
    if (!at.exists) return;
    const Size to = position_of(at.voxel, p.out_size);
    const Between z = between(to.z, p.kernel.z, p.in_size.z, p.kind), y = between(to.y, p.kernel.y, p.in_size.y, p.kind);
    const Between x = between(to.x, p.kernel.x, p.in_size.x, p.kind);
    float result[8] = {0.f, 0.f, 0.f, 0.f, 0.f, 0.f, 0.f, 0.f};
    for (int corner = 0; corner < 8; corner++) {
        const float weight = (corner & 4 ? z.weight : 1.f - z.weight) * (corner & 2 ? y.weight : 1.f - y.weight) *
                             (corner & 1 ? x.weight : 1.f - x.weight);
        if (weight == 0.f) continue;
        float values[8];
        load_8(p.first, index_of(corner & 4 ? z.high : z.low, corner & 2 ? y.high : y.low, corner & 1 ? x.high : x.low, p.in_size),
               at.first, values);
#pragma unroll
        for (int i = 0; i < 8; i++) result[i] += weight * values[i];
    }
    store_8(p.values, voxels_of(p.out_size), at.voxel, at.first, result);
}
REGISTER_KERNEL(finer, 256);
