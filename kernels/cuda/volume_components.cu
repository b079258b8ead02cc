// Connected parts of a mask, with the numbers of `kernels::connected_components`:
// 0 is background, parts count from 1 in the order of their first voxels.
//
// Label equivalence with union-find in global memory (Komura 2015,
// doi:10.1016/j.cpc.2015.04.015; Playne & Hawick 2018,
// doi:10.1109/TPDS.2018.2799216): every voxel points at an earlier voxel of
// its part, roots at themselves. Links only ever move towards smaller indices,
// so the root of a finished part is its first voxel whatever the order of the
// threads, and the numbers are the same in every run.
//
// Words: 32 voxels in memory order, the same for all steps here.
#include "common.cuh"

namespace volume_components {

constexpr uint32_t BACKGROUND = 0xffffffffu;

// Reads past the L1 cache: other threads move links meanwhile. An outdated
// link would be correct too (it names a voxel of the same part).
DEVICE uint32_t link_of(const uint32_t* links, uint32_t voxel) {
#if defined(CUDA_EMULATOR)
    // What the volatile read is on the device, in words that C++ knows.
    return __atomic_load_n(links + voxel, __ATOMIC_RELAXED);
#else
    return *reinterpret_cast<const volatile uint32_t*>(links + voxel);
#endif
}

DEVICE uint32_t root_of(const uint32_t* links, uint32_t voxel) {
    uint32_t next = link_of(links, voxel);
    while (next != voxel) {
        voxel = next;
        next = link_of(links, voxel);
    }
    return voxel;
}

DEVICE void unite(uint32_t* links, uint32_t a, uint32_t b) {
    a = root_of(links, a);
    b = root_of(links, b);
    while (a != b) {
        if (a < b) {
            const uint32_t swapped = a;
            a = b;
            b = swapped;
        }
        const uint32_t old = atomicMin(links + a, b);
        if (old == a) return; // a was a root and hangs under b now
        a = old;              // somebody was faster: unite with what they linked
    }
}

struct ComponentsStartParameters {
    const uint8_t* __restrict__ mask;
    uint32_t* __restrict__ links;
    uint32_t voxels;
    uint32_t width;
};

// Each voxel of the mask points at the start of its run along x within its
// word; so runs need no uniting inside a word.
KERNEL(256, 4) components_start(const ComponentsStartParameters p) {
    const uint32_t voxel = blockIdx.x * 256 + threadIdx.x, lane = threadIdx.x & 31;
    const bool is_inside = voxel < p.voxels && p.mask[voxel] != 0;
    const uint32_t inside = __ballot_sync(0xffffffffu, is_inside);
    const uint32_t row_starts = __ballot_sync(0xffffffffu, voxel % p.width == 0);
    if (voxel >= p.voxels) return;
    // Lanes where a run starts: inside, and not continued from the lane before.
    const uint32_t starts = inside & (~(inside << 1) | row_starts);
    const uint32_t up_to_here = starts & (0xffffffffu >> (31 - lane));
    p.links[voxel] = is_inside ? voxel - lane + uint32_t(31 - __clz(int(up_to_here))) : BACKGROUND;
}
REGISTER_KERNEL(components_start, 256);

struct ComponentsUniteParameters {
    uint32_t* __restrict__ links;
    uint32_t depth;
    uint32_t height;
    uint32_t width;
    int steps;
};

// Unites each voxel with its earlier neighbours; `steps`: 1 for neighbours
// that share a face (6), 2 for edges as well (18), 3 for corners as well (26).
KERNEL(256, 3) components_unite(const ComponentsUniteParameters p) {
    const uint32_t voxel = blockIdx.x * 256 + threadIdx.x;
    if (voxel >= p.depth * p.height * p.width || link_of(p.links, voxel) == BACKGROUND) return;
    const int x = int(voxel % p.width), y = int(voxel / p.width % p.height), z = int(voxel / p.width / p.height);
    const auto is_inside = [&](int i, int j, int k) {
        const bool is_in_grid = i >= 0 && i < int(p.width) && j >= 0 && j < int(p.height) && k >= 0;
        return is_in_grid && link_of(p.links, (uint32_t(k) * p.height + j) * p.width + i) != BACKGROUND;
    };
    // Along x only where a word begins (see components_start).
    if ((voxel & 31) == 0 && is_inside(x - 1, y, z)) unite(p.links, voxel, voxel - 1);
    const bool has_left = is_inside(x - 1, y, z);
    // The four earlier rows: (dy, dz) = (-1, 0), (-1, -1), (0, -1), (1, -1).
    for (int row = 0; row < 4; row++) {
        const int dy = row == 0 || row == 1 ? -1 : row - 2, dz = row == 0 ? 0 : -1;
        const int used = (dy != 0) + (dz != 0);
        if (used > p.steps) continue;
        const int j = y + dy, k = z + dz;
        const bool middle = is_inside(x, j, k);
        if (middle) {
            // Already united when the voxels to the left touch the same way.
            if (has_left && is_inside(x - 1, j, k)) continue;
            unite(p.links, voxel, (uint32_t(k) * p.height + j) * p.width + x);
        } else if (used < p.steps) {
            // One further along x; a middle voxel would have joined them.
            const uint32_t beside = (uint32_t(k) * p.height + j) * p.width + x;
            if (!has_left && is_inside(x - 1, j, k)) unite(p.links, voxel, beside - 1);
            if (is_inside(x + 1, j, k)) unite(p.links, voxel, beside + 1);
        }
    }
}
REGISTER_KERNEL(components_unite, 256);

struct ComponentsFlattenParameters {
    uint32_t* __restrict__ links;
    uint32_t* __restrict__ root_bits;
    uint32_t* __restrict__ counts;
    uint32_t voxels;
};

// Points every voxel at its root, marks the roots in `root_bits` and counts
// them per word in `counts`.
KERNEL(256, 4) components_flatten(const ComponentsFlattenParameters p) {
    const uint32_t voxel = blockIdx.x * 256 + threadIdx.x;
    bool is_root = false;
    if (voxel < p.voxels) {
        const uint32_t link = link_of(p.links, voxel);
        if (link != BACKGROUND) {
            const uint32_t root = root_of(p.links, link);
            is_root = root == voxel;
            // Only shortens: a reader meets the old link or the root.
            if (root != link) atomicMin(p.links + voxel, root);
        }
    }
    const uint32_t roots = __ballot_sync(0xffffffffu, is_root);
    if ((threadIdx.x & 31) == 0 && voxel < p.voxels) {
        p.root_bits[voxel / 32] = roots;
        p.counts[voxel / 32] = uint32_t(__popc(roots));
    }
}
REGISTER_KERNEL(components_flatten, 256);

struct ComponentsNumberParameters {
    const uint32_t* __restrict__ links;
    const uint32_t* __restrict__ root_bits;
    const uint32_t* __restrict__ roots_before;
    uint32_t* __restrict__ labels;
    uint32_t* __restrict__ sizes;
    uint32_t voxels;
};

// Numbers from the prefix sums of `counts`, and the voxels of each part.
// `labels` may not be `links`.
KERNEL(256, 4) components_number(const ComponentsNumberParameters p) {
    const uint32_t voxel = blockIdx.x * 256 + threadIdx.x, lane = threadIdx.x & 31;
    uint32_t label = 0;
    if (voxel < p.voxels) {
        const uint32_t root = p.links[voxel];
        if (root != BACKGROUND) {
            const uint32_t lower = p.root_bits[root / 32] & ((1u << (root & 31)) - 1);
            label = p.roots_before[root / 32] + uint32_t(__popc(lower)) + 1;
        }
        p.labels[voxel] = label;
    }
    // One addition per stretch of equal p.labels in the warp. Whole numbers, so
    // the order of the additions does not matter.
    const uint32_t before = __shfl_up_sync(0xffffffffu, label, 1);
    const uint32_t starts = __ballot_sync(0xffffffffu, lane == 0 || before != label);
    if (label == 0 || !(starts >> lane & 1)) return;
    const uint32_t later = lane == 31 ? 0 : starts >> (lane + 1);
    const uint32_t length = later == 0 ? 32 - lane : uint32_t(__ffs(int(later)));
    atomicAdd(p.sizes + label - 1, length);
}
REGISTER_KERNEL(components_number, 256);

struct PartMaskParameters {
    const uint32_t* __restrict__ labels;
    uint8_t* __restrict__ mask;
    uint32_t voxels;
    uint32_t wanted;
};

// 1 in the part with number `wanted`.
KERNEL(256, 4) mask_of_part(const PartMaskParameters p) {
    const uint32_t voxel = blockIdx.x * 256 + threadIdx.x;
    if (voxel < p.voxels) p.mask[voxel] = p.labels[voxel] == p.wanted;
}
REGISTER_KERNEL(mask_of_part, 256);

struct ClearSmallPartsParameters {
    const uint32_t* __restrict__ parts;
    const uint32_t* __restrict__ sizes;
    uint8_t* __restrict__ labels;
    uint32_t voxels;
    uint32_t smallest;
};

// Makes the voxels of parts with fewer than `smallest` voxels background.
KERNEL(256, 4) clear_small_parts(const ClearSmallPartsParameters p) {
    const uint32_t voxel = blockIdx.x * 256 + threadIdx.x;
    if (voxel >= p.voxels) return;
    const uint32_t part = p.parts[voxel];
    if (part != 0 && p.sizes[part - 1] < p.smallest) p.labels[voxel] = 0;
}
REGISTER_KERNEL(clear_small_parts, 256);

} // namespace volume_components
