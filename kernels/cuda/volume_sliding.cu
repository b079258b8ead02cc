// A network over a volume larger than its window: windows are cut out, their
// class probabilities blended with a Gaussian weight, and the sum turned into
// probabilities or labels (nnU-Net, Isensee et al. 2021,
// doi:10.1038/s41592-020-01008-z).
//
// One window at a time in stream order, so no atomics are needed and the sums
// have the same bits in every run. Fields are planar: `classes` times [z][y][x].
#include "common.cuh"

namespace volume_sliding {

// Where a window lies in the volume; voxel counts [z, y, x].
struct Placement {
    uint32_t depth, height, width;                      // of the volume
    uint32_t origin_z, origin_y, origin_x;              // first voxel of the window
    uint32_t patch_depth, patch_height, patch_width;    // of the window
};

// Clamp, offset and scale of the input, and what counts as worth a network.
struct Preparation {
    float low, high, offset, scale, padding, threshold;
};

DEVICE bool volume_index(const Placement& p, uint32_t index, uint32_t& voxel) {
    const uint32_t x = p.origin_x + index % p.patch_width;
    const uint32_t y = p.origin_y + index / p.patch_width % p.patch_height;
    const uint32_t z = p.origin_z + index / p.patch_width / p.patch_height;
    voxel = (z * p.height + y) * p.width + x;
    return x < p.width && y < p.height && z < p.depth;
}

DEVICE uint32_t patch_voxels(const Placement& p) { return p.patch_depth * p.patch_height * p.patch_width; }

struct SlidingCutParameters {
    const float* __restrict__ hu;
    float* __restrict__ window;
    uint32_t* __restrict__ found;
    uint32_t* __restrict__ broken;
    Placement place;
    Preparation prepare;
};

// Cuts a window out of the HU volume (padding outside) and scales it for the
// network; sets `found[0]` when a voxel lies above the threshold, and
// `broken[0]` when one is NaN.
KERNEL(256, 4) sliding_cut(const SlidingCutParameters p) {
    const uint32_t index = blockIdx.x * 256 + threadIdx.x;
    float value = p.prepare.padding;
    const bool is_in_window = index < patch_voxels(p.place);
    uint32_t voxel;
    if (is_in_window && volume_index(p.place, index, voxel)) value = p.hu[voxel];
    const bool is_above = is_in_window && value > p.prepare.threshold;
    if (__syncthreads_or(is_above) && threadIdx.x == 0) atomicOr(p.found, 1u);
    if (is_in_window && value != value) atomicOr(p.broken, 1u);
    if (!is_in_window) return;
    value = value < p.prepare.low ? p.prepare.low : value;
    value = value > p.prepare.high ? p.prepare.high : value;
    p.window[index] = (value - p.prepare.offset) / p.prepare.scale;
}
REGISTER_KERNEL(sliding_cut, 256);

struct SlidingBlendParameters {
    const float* __restrict__ values; // of the window, `classes` times its voxels
    const float* __restrict__ weights;
    const uint32_t* __restrict__ found; // 0: nothing above the threshold, all of class 0
    float* __restrict__ sums;
    float* __restrict__ total;
    Placement place;
    uint32_t classes;
};

// Adds weight * values of a window to `sums`, and the weight to `total`. The
// values of a window without bone are not read, so that its result is the one
// the processor gives without running the network.
KERNEL(256, 4) sliding_blend(const SlidingBlendParameters p) {
    const uint32_t index = blockIdx.x * 256 + threadIdx.x, count = patch_voxels(p.place);
    uint32_t voxel;
    if (index >= count || !volume_index(p.place, index, voxel)) return;
    const float weight = p.weights[index];
    const size_t voxels = size_t(p.place.depth) * p.place.height * p.place.width;
    p.total[voxel] += weight;
    if (p.found[0] == 0) {
        p.sums[voxel] += weight;
        return;
    }
    for (uint32_t c = 0; c < p.classes; c++) p.sums[c * voxels + voxel] += weight * p.values[size_t(c) * count + index];
}
REGISTER_KERNEL(sliding_blend, 256);

struct SlidingNormalizeParameters {
    float* __restrict__ sums;
    const float* __restrict__ total;
    uint32_t voxels;
    uint32_t classes;
};

// Sums to probabilities, in place.
KERNEL(256, 4) sliding_normalize(const SlidingNormalizeParameters p) {
    const uint32_t voxel = blockIdx.x * 256 + threadIdx.x;
    if (voxel >= p.voxels) return;
    const float weight = fmaxf(p.total[voxel], 1.17549435e-38f); // the smallest normal number
    for (uint32_t c = 0; c < p.classes; c++) p.sums[size_t(c) * p.voxels + voxel] /= weight;
}
REGISTER_KERNEL(sliding_normalize, 256);

struct SoftmaxPlanarParameters {
    float* __restrict__ logits;
    uint32_t voxels;
    uint32_t classes;
};

// Softmax over planar channels, in place.
KERNEL(256, 4) softmax_planar(const SoftmaxPlanarParameters p) {
    const uint32_t voxel = blockIdx.x * 256 + threadIdx.x;
    if (voxel >= p.voxels) return;
    float largest = -INFINITY;
    for (uint32_t c = 0; c < p.classes; c++) largest = fmaxf(largest, p.logits[size_t(c) * p.voxels + voxel]);
    float sum = 0.0f;
    for (uint32_t c = 0; c < p.classes; c++) sum += expf(p.logits[size_t(c) * p.voxels + voxel] - largest);
    for (uint32_t c = 0; c < p.classes; c++) {
        float& value = p.logits[size_t(c) * p.voxels + voxel];
        value = expf(value - largest) / sum;
    }
}
REGISTER_KERNEL(softmax_planar, 256);

struct ArgmaxPlanarParameters {
    const float* __restrict__ values;
    uint8_t* __restrict__ labels;
    uint32_t voxels;
    uint32_t classes;
};

// The class with the largest value, the first of equals.
KERNEL(256, 4) argmax_planar(const ArgmaxPlanarParameters p) {
    const uint32_t voxel = blockIdx.x * 256 + threadIdx.x;
    if (voxel >= p.voxels) return;
    float largest = p.values[voxel];
    uint32_t label = 0;
    for (uint32_t c = 1; c < p.classes; c++) {
        const float value = p.values[size_t(c) * p.voxels + voxel];
        if (value > largest) {
            largest = value;
            label = c;
        }
    }
    p.labels[voxel] = uint8_t(label);
}
REGISTER_KERNEL(argmax_planar, 256);

} // namespace volume_sliding
