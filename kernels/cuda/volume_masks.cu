// Masks and fields, one thread a voxel.
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
    uint32_t voxels;
    uint32_t wanted;
};

// The same as a field of 0 and 1, to smooth and to cut at one half.
KERNEL(256, 4) field_of_label(const FieldOfLabelParameters p) {
    const uint32_t voxel = blockIdx.x * 256 + threadIdx.x;
    if (voxel < p.voxels) p.field[voxel] = p.labels[voxel] == p.wanted ? 1.0f : 0.0f;
}
REGISTER_KERNEL(field_of_label, 256);

} // namespace volume_masks
