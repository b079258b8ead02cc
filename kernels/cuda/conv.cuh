// What all convolutions share: parameters and the way sums leave.
//
// Weights are in the order of the registers of mma.m16n8k16, so that they go
// from memory to the tensor cores without a detour:
// [group][unit][n][lane] of two words, where a unit is 16 input lanes at one
// tap, n counts 8 output channels within the group of a thread block. One
// more unit than there are follows, so that loading ahead needs no condition.
#pragma once
#include "blocks.cuh"

struct Tap {
    int z, y, x;
    int channel; // planar input only; negative: no such tap
};

// Mirrored in `src/cuda/parameters.rs`.
struct ConvParameters {
    const Block* blocks;     // input, or null
    const float* planar_in;  // input [channel][z][y][x], or null
    const Tap* taps;         // offsets into the input; for planar input one per k
    const Words2* weights;
    const float* bias;       // per output lane
    uint16_t* values;        // output blocks, or null
    float* planar_out;       // output [channel][z][y][x], or null
    float* partial_sums;     // [split][block][voxel][16] when the input is split
    float* statistics;       // [lane][tile] of {sum, sum of squares}, or null
    Size in_size;
    Size out_size;
    Size rows;               // grid that is enumerated: the output's, or the input's when scattering
    Size stride;
    Size padding;
    Size scatter;            // output voxels per row voxel (transposed convolution), else 1
    int tap_count;           // taps of the gather
    int units;               // units of the input
    int units_per_split;     // even
    int groups;              // groups of output channels
    int out_blocks;          // blocks written
    int channels;            // channels of a planar output
    int tiles;               // of `statistics`
    int activation;
    float slope;
};

// Writes one block (two n-tiles) of a row; `pairs` are the two channels of this
// lane in each n-tile.
DEVICE void store_block(const ConvParameters& p, int block, size_t voxels, int voxel, const uint32_t (&pairs)[2]) {
    // Lanes 2i and 2i+1 swap, so that each writes eight bytes and four lanes
    // fill the 32 bytes of a voxel: whole memory sectors.
    const int lane = threadIdx.x & 31, quarter = lane & 3, odd = lane & 1;
    const uint32_t got = __shfl_xor_sync(0xffffffffu, odd ? pairs[0] : pairs[1], 1);
    if (voxel < 0) return;
    uint16_t* const to = p.values + (block * voxels + voxel) * 16 + odd * 8 + (quarter >> 1) * 4;
    *reinterpret_cast<Words2*>(to) = odd ? Words2{got, pairs[1]} : Words2{pairs[0], got};
}

DEVICE void store_planar(const ConvParameters& p, int channel, size_t voxels, int voxel, float value) {
    if (voxel >= 0 && channel < p.channels) p.planar_out[channel * voxels + voxel] = value;
}

// Writes the sums of a warp: m-tiles of 16 rows, n-tiles of 8 channels.
// `voxel[m][h]` is the output voxel of this lane's row in half h of tile m,
// negative outside. `reduction` is shared memory of 4 * n_tiles * 16 floats
// that nobody else uses. Called by all 128 threads.
template <int m_tiles, int n_tiles>
DEVICE void finish(const ConvParameters& p, float (&sum)[m_tiles][n_tiles][4], const int (&voxel)[m_tiles][2], int group,
                   int tile, float* reduction) {
    const int lane = threadIdx.x & 31, warp = threadIdx.x >> 5, quarter = lane & 3;
    const size_t voxels = voxels_of(p.out_size);
    const int first_block = group * (n_tiles / 2);
#pragma unroll
    for (int pair = 0; pair < n_tiles / 2; pair++) {
        const int block = first_block + pair;
        if (block >= p.out_blocks) break; // the same for all threads
        float sums[4] = {0.f, 0.f, 0.f, 0.f}, squares[4] = {0.f, 0.f, 0.f, 0.f};
        float bias[4];
#pragma unroll
        for (int i = 0; i < 4; i++) bias[i] = p.bias[block * 16 + (i >> 1) * 8 + quarter * 2 + (i & 1)];
#pragma unroll
        for (int m = 0; m < m_tiles; m++) {
#pragma unroll
            for (int h = 0; h < 2; h++) {
                const int v = voxel[m][h];
                float value[4];
#pragma unroll
                for (int i = 0; i < 4; i++) value[i] = sum[m][pair * 2 + (i >> 1)][h * 2 + (i & 1)];
                if (p.partial_sums != nullptr) {
                    float* const to = p.partial_sums + ((size_t(blockIdx.z) * p.out_blocks + block) * voxels + v) * 16;
                    if (v >= 0)
#pragma unroll
                        for (int i = 0; i < 4; i++) to[(i >> 1) * 8 + quarter * 2 + (i & 1)] = value[i];
                    continue;
                }
#pragma unroll
                for (int i = 0; i < 4; i++) value[i] = storable(activate(value[i] + bias[i], p.activation, p.slope));
                if (p.planar_out != nullptr) {
#pragma unroll
                    for (int i = 0; i < 4; i++)
                        store_planar(p, block * 16 + (i >> 1) * 8 + quarter * 2 + (i & 1), voxels, v, value[i]);
                    continue;
                }
                const uint32_t pairs[2] = {floats_to_half2(value[0], value[1]), floats_to_half2(value[2], value[3])};
                store_block(p, block, voxels, v, pairs);
                if (p.statistics != nullptr && v >= 0) {
#pragma unroll
                    for (int i = 0; i < 4; i++) { // of what is stored, which is what will be normalised
                        const float stored = half_to_float(uint16_t(pairs[i >> 1] >> (16 * (i & 1))));
                        sums[i] += stored;
                        squares[i] += stored * stored;
                    }
                }
            }
        }
        if (p.statistics == nullptr) continue;
#pragma unroll
        for (int i = 0; i < 4; i++) {
#pragma unroll
            for (int offset = 4; offset < 32; offset <<= 1) { // over the eight rows
                sums[i] += __shfl_xor_sync(0xffffffffu, sums[i], offset);
                squares[i] += __shfl_xor_sync(0xffffffffu, squares[i], offset);
            }
            if (lane < 4) {
                float* const to = reduction + ((warp * (n_tiles / 2) + pair) * 16 + (i >> 1) * 8 + quarter * 2 + (i & 1)) * 2;
                to[0] = sums[i];
                to[1] = squares[i];
            }
        }
    }
    if (p.statistics == nullptr) return;
    __syncthreads();
    for (int i = threadIdx.x; i < n_tiles * 16; i += 128) {
        const int out_lane = first_block * 16 + i / 2;
        if (out_lane >= p.out_blocks * 16) break;
        float total = 0.f; // warps in order: the same bits every time
        for (int w = 0; w < 4; w++) total += reduction[w * n_tiles * 16 + i];
        p.statistics[(size_t(out_lane) * p.tiles + tile) * 2 + (i & 1)] = total;
    }
}
