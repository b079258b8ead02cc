// Masks, fields and boxes of labels.
#include "common.cuh"

namespace volume_masks {

struct MaskAboveParameters {
    const float* __restrict__ field;
    uint8_t* __restrict__ mask;
    uint32_t voxels;
    float level;
};

// 1 where the field is above the level; NaN is not.
KERNEL(256, 4) mask_above(const MaskAboveParameters p) {
    const uint32_t voxel = blockIdx.x * 256 + threadIdx.x;
    if (voxel < p.voxels) p.mask[voxel] = p.field[voxel] > p.level;
}
REGISTER_KERNEL(mask_above, 256);

struct MaskOfLabelParameters {
    const uint8_t* __restrict__ labels;
    uint8_t* __restrict__ mask;
    uint32_t voxels;
    uint32_t wanted;
};

// 1 where the label is `wanted`.
KERNEL(256, 4) mask_of_label(const MaskOfLabelParameters p) {
    const uint32_t voxel = blockIdx.x * 256 + threadIdx.x;
    if (voxel < p.voxels) p.mask[voxel] = p.labels[voxel] == p.wanted;
}
REGISTER_KERNEL(mask_of_label, 256);

struct FieldOfLabelParameters {
    const uint8_t* __restrict__ labels;
    float* __restrict__ field;
    uint32_t depth, height, width;                // of the labels
    int origin_z, origin_y, origin_x;             // first voxel of the field; may lie outside
    uint32_t field_depth, field_height, field_width;
    uint32_t wanted;
};

// A box as a field: 1 where the label is `wanted`, 0 elsewhere and outside;
// to smooth and to cut at one half.
KERNEL(256, 4) field_of_label(const FieldOfLabelParameters p) {
    const uint32_t index = blockIdx.x * 256 + threadIdx.x;
    if (index >= p.field_depth * p.field_height * p.field_width) return;
    // Below 0 wraps around to far outside.
    const uint32_t x = uint32_t(p.origin_x) + index % p.field_width;
    const uint32_t y = uint32_t(p.origin_y) + index / p.field_width % p.field_height;
    const uint32_t z = uint32_t(p.origin_z) + index / p.field_width / p.field_height;
    const bool is_inside = x < p.width && y < p.height && z < p.depth;
    p.field[index] = is_inside && p.labels[(size_t(z) * p.height + y) * p.width + x] == p.wanted ? 1.0f : 0.0f;
}
REGISTER_KERNEL(field_of_label, 256);

// Voxels a block of `label_boxes` looks at; the host knows it too.
constexpr uint32_t BOX_VOXELS = 256 * 64;

struct LabelBoxesParameters {
    const uint8_t* __restrict__ labels;
    uint32_t* __restrict__ boxes; // per label: lowest z, y, x as 2^32 - 1 - index, highest z, y, x
    uint32_t depth, height, width;
};

// The box of every label but 0. `boxes` start as zeros, so everything is a
// largest value, which does not depend on the order of the threads.
KERNEL(256, 4) label_boxes(const LabelBoxesParameters p) {
    SHARED_ARRAY(uint32_t, boxes, 256 * 6);
    for (uint32_t i = 0; i < 6; i++) boxes[threadIdx.x * 6 + i] = 0;
    __syncthreads();
    const uint32_t voxels = p.depth * p.height * p.width;
    for (uint32_t turn = 0; turn < BOX_VOXELS / 256; turn++) {
        const uint32_t voxel = blockIdx.x * BOX_VOXELS + turn * 256 + threadIdx.x;
        if (voxel >= voxels) break;
        const uint32_t label = p.labels[voxel], x = voxel % p.width;
        // The ends of a run along x say all about it.
        const bool starts = x == 0 || p.labels[voxel - 1] != label;
        const bool ends = x + 1 == p.width || p.labels[voxel + 1] != label;
        if (label == 0 || !(starts || ends)) continue;
        const uint32_t at[3] = {voxel / p.width / p.height, voxel / p.width % p.height, x};
        for (uint32_t axis = 0; axis < 3; axis++) {
            atomicMax(boxes + label * 6 + axis, 0xffffffffu - at[axis]);
            atomicMax(boxes + label * 6 + 3 + axis, at[axis]);
        }
    }
    __syncthreads();
    const uint32_t* const box = boxes + threadIdx.x * 6;
    if (box[0] == 0) return; // no such label here
    for (uint32_t i = 0; i < 6; i++) atomicMax(p.boxes + threadIdx.x * 6 + i, box[i]);
}
REGISTER_KERNEL(label_boxes, 256);

} // namespace volume_masks
