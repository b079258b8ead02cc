// How activations are stored and loaded: blocks of 16 channels, fp16.
//
// A block is [z][y][x][16]: 32 bytes a voxel, one memory sector. A tensor is
// a list of blocks from anywhere, so that concatenation costs nothing. Scale,
// shift and the slope of the activation are applied by the reader; padding
// with zeros comes after them.
//
// The structs are mirrored in `src/cuda/parameters.rs`.
#pragma once
#include "common.cuh"

// One stored block as a reader sees it: y = line(scale * x + shift).
struct Block {
    const uint16_t* values;
    const float* scale; // 16 values, or null for 1
    const float* shift; // 16 values, or null for 0
    float slope;        // of `line` below zero; 1 changes nothing
    uint32_t unused;
};

// A tensor: its channels in the order of the lanes of its blocks, or, when
// `lanes` is given, channel c in lane lanes[c] % 16 of block lanes[c] / 16
// (NO_LANE: zero). `lanes` is as long as whole blocks need.
struct View {
    const Block* blocks;
    const uint32_t* lanes;
};

constexpr uint32_t NO_LANE = 0xffffffffu;

struct Size {
    int z, y, x;
};

DEVICE size_t voxels_of(Size size) { return size_t(size.z) * size.y * size.x; }

DEVICE Size position_of(size_t voxel, Size size) {
    // 32-bit division is several times faster; the host refuses larger grids.
    const uint32_t v = uint32_t(voxel), row = v / uint32_t(size.x);
    return {int(row / uint32_t(size.y)), int(row % uint32_t(size.y)), int(v % uint32_t(size.x))};
}

DEVICE bool is_inside(int z, int y, int x, Size size) {
    return unsigned(z) < unsigned(size.z) && unsigned(y) < unsigned(size.y) && unsigned(x) < unsigned(size.x);
}

// The numbers are those of `ActivationKind` in Rust.
enum Activation : int { LINE = 0, SILU = 1, SIGMOID = 2 };

DEVICE float line(float x, float slope) { return x > 0.f ? x : x * slope; }

DEVICE float activate(float x, int kind, float slope) {
    if (kind == LINE) return line(x, slope);
    const float sigmoid = 1.f / (1.f + fast_exp(-x));
    return kind == SILU ? x * sigmoid : sigmoid;
}

// What is stored is finite: the largest fp16 number instead of infinity, so
// that a lane nobody uses never makes a NaN of a weight of zero.
DEVICE float storable(float x) { return fminf(fmaxf(x, -65504.f), 65504.f); }

union Half8 {
    Words4 words;
    uint32_t pairs[4];
    uint16_t halves[8];
};

DEVICE bool changes_nothing(const Block& block) { return block.scale == nullptr && block.slope == 1.f; }

// Applies a block's load to eight lanes, of half 0 or 1 of the block.
DEVICE void apply_load(float (&values)[8], const Block& block, int half) {
    if (block.scale != nullptr) {
#pragma unroll
        for (int i = 0; i < 8; i++)
            values[i] = values[i] * load_read_only(block.scale + half * 8 + i) + load_read_only(block.shift + half * 8 + i);
    }
#pragma unroll
    for (int i = 0; i < 8; i++) values[i] = line(values[i], block.slope);
}

DEVICE void unpack(const Half8& packed, float (&values)[8]) {
#pragma unroll
    for (int i = 0; i < 8; i++) values[i] = half_to_float(packed.halves[i]);
}

DEVICE Words4 pack(const float (&values)[8]) {
    Half8 packed;
#pragma unroll
    for (int i = 0; i < 4; i++) packed.pairs[i] = floats_to_half2(storable(values[2 * i]), storable(values[2 * i + 1]));
    return packed.words;
}

// Eight channels from `first` (a multiple of 8) at a voxel, load applied.
DEVICE void load_8(const View& view, size_t voxel, int first, float (&values)[8]) {
    if (view.lanes == nullptr) {
        const Block block = view.blocks[first >> 4];
        Half8 packed;
        packed.words = *reinterpret_cast<const Words4*>(block.values + voxel * 16 + (first & 8));
        unpack(packed, values);
        apply_load(values, block, (first >> 3) & 1);
        return;
    }
    for (int i = 0; i < 8; i++) {
        const uint32_t lane = view.lanes[first + i];
        values[i] = 0.f;
        if (lane == NO_LANE) continue;
        const Block block = view.blocks[lane >> 4];
        float value = half_to_float(block.values[voxel * 16 + (lane & 15)]);
        if (block.scale != nullptr) value = value * block.scale[lane & 15] + block.shift[lane & 15];
        values[i] = line(value, block.slope);
    }
}

// Writes eight channels from `first` at a voxel of a buffer of whole blocks.
DEVICE void store_8(uint16_t* buffer, size_t voxels, size_t voxel, int first, const float (&values)[8]) {
    uint16_t* const to = buffer + ((first >> 4) * voxels + voxel) * 16 + (first & 8);
    *reinterpret_cast<Words4*>(to) = pack(values);
}
