// Sums per channel, in an order that never changes.
//
// Whoever writes a tensor leaves {sum, sum of squares} of each of its tiles
// (f32, at most 1024 voxels); `finish_statistics` adds the tiles in f64 and
// makes scale and shift for every norm that uses them.
#include "blocks.cuh"

// Mirrored in `src/cuda/parameters.rs`.
struct StatisticsParameters {
    const uint16_t* values; // block_statistics: blocks
    float* partial;         // [lane][tile]{sum, squares}
    uint64_t voxels;
    int tiles;
};

constexpr int TILE_VOXELS = 1024;

// Adds the eight channels of each thread's half block over the 128 voxels of
// a block of 256 threads. Thread t: voxel t / 2, half t % 2.
DEVICE void write_tile(float (&sums)[8], float (&squares)[8], float* partial, int block, int tile, int tiles) {
    SHARED_ARRAY(float, reduction, 8 * 32);
    const int lane = threadIdx.x & 31, warp = threadIdx.x >> 5, half = threadIdx.x & 1;
#pragma unroll
    for (int i = 0; i < 8; i++) {
#pragma unroll
        for (int offset = 2; offset < 32; offset <<= 1) {
            sums[i] += __shfl_xor_sync(0xffffffffu, sums[i], offset);
            squares[i] += __shfl_xor_sync(0xffffffffu, squares[i], offset);
        }
        if (lane < 2) {
            reduction[warp * 32 + (half * 8 + i) * 2] = sums[i];
            reduction[warp * 32 + (half * 8 + i) * 2 + 1] = squares[i];
        }
    }
    __syncthreads();
    if (threadIdx.x < 32) {
        float total = 0.f;
        for (int w = 0; w < 8; w++) total += reduction[w * 32 + threadIdx.x];
        partial[(size_t(block * 16 + threadIdx.x / 2) * tiles + tile) * 2 + (threadIdx.x & 1)] = total;
    }
}

// Statistics of blocks that something else than a convolution wrote.
KERNEL(256, 4) block_statistics(const StatisticsParameters p) {
    const int block = blockIdx.y, half = threadIdx.x & 1;
    float sums[8] = {0.f, 0.f, 0.f, 0.f, 0.f, 0.f, 0.f, 0.f}, squares[8] = {0.f, 0.f, 0.f, 0.f, 0.f, 0.f, 0.f, 0.f};
    for (int i = threadIdx.x >> 1; i < TILE_VOXELS; i += 128) {
        const size_t voxel = size_t(blockIdx.x) * TILE_VOXELS + i;
        if (voxel >= p.voxels) break;
        Half8 packed;
        packed.words = *reinterpret_cast<const Words4*>(p.values + (block * p.voxels + voxel) * 16 + half * 8);
        float values[8];
        unpack(packed, values);
#pragma unroll
        for (int c = 0; c < 8; c++) {
            sums[c] += values[c];
            squares[c] += values[c] * values[c];
        }
    }
    write_tile(sums, squares, p.partial, block, blockIdx.x, p.tiles);
}
REGISTER_KERNEL(block_statistics, 256);

// Mirrored in `src/cuda/parameters.rs`.
struct ReduceParameters {
    const float* partial_sums; // [split][block][voxel][16]
    const float* bias;         // per lane
    uint16_t* values;          // output blocks, or null
    float* planar_out;         // output [channel][voxel], or null
    float* statistics;         // [lane][tile]{sum, squares}, or null
    uint64_t voxels;
    int splits;
    int channels;
    int tiles;
    int activation;
    float slope;
};

// Adds what the parts of a split convolution found, in order, and finishes
// as the convolution would have. Tiles of 128 voxels along x, blocks along y.
KERNEL(256, 3) reduce_splits(const ReduceParameters p) {
    const int block = blockIdx.y, half = threadIdx.x & 1;
    const size_t voxel = size_t(blockIdx.x) * 128 + (threadIdx.x >> 1);
    float sums[8] = {0.f, 0.f, 0.f, 0.f, 0.f, 0.f, 0.f, 0.f}, squares[8];
    if (voxel < p.voxels) {
        for (int split = 0; split < p.splits; split++) {
            const float* const from = p.partial_sums + ((size_t(split) * gridDim.y + block) * p.voxels + voxel) * 16 + half * 8;
#pragma unroll
            for (int i = 0; i < 8; i++) sums[i] += from[i];
        }
#pragma unroll
        for (int i = 0; i < 8; i++) {
            const int lane = block * 16 + half * 8 + i;
            sums[i] = storable(activate(sums[i] + p.bias[lane], p.activation, p.slope));
            if (p.planar_out != nullptr && lane < p.channels) p.planar_out[lane * p.voxels + voxel] = sums[i];
        }
        if (p.values != nullptr) store_8(p.values, p.voxels, voxel, block * 16 + half * 8, sums);
    }
    if (p.statistics == nullptr) return; // the same for all threads
#pragma unroll
    for (int i = 0; i < 8; i++) {
        sums[i] = half_to_float(float_to_half(sums[i])); // of what is stored
        squares[i] = sums[i] * sums[i];
    }
    write_tile(sums, squares, p.statistics, block, blockIdx.x, p.tiles);
}
REGISTER_KERNEL(reduce_splits, 256);

// A norm that uses the statistics. Arrays are as long as whole blocks need.
struct Norm {
    const float* gamma;
    const float* beta;
    float* scale;
    float* shift;
    float eps;
    int channels;
};

// Mirrored in `src/cuda/parameters.rs`.
struct FinishParameters {
    const float* partial; // [lane][tile]{sum, squares}
    const Norm* norms;
    uint64_t voxels;
    int norm_count;
    int tiles;
};

// scale = gamma / sqrt(variance + eps), shift = beta - mean * scale
// (Ulyanov et al. 2016, arXiv:1607.08022). One channel a thread block.
KERNEL(128, 8) finish_statistics(const FinishParameters p) {
    SHARED_ARRAY(double, totals, 128 * 2);
    const int channel = blockIdx.x, thread = threadIdx.x;
    const Words2* const tiles = reinterpret_cast<const Words2*>(p.partial) + size_t(channel) * p.tiles;
    double sum = 0.0, squares = 0.0;
    for (int tile = thread; tile < p.tiles; tile += 128) {
        const Words2 pair = tiles[tile];
        sum += double(__int_as_float(int(pair.x)));
        squares += double(__int_as_float(int(pair.y)));
    }
    totals[thread * 2] = sum;
    totals[thread * 2 + 1] = squares;
    __syncthreads();
    for (int width = 64; width > 0; width >>= 1) {
        if (thread < width) {
            totals[thread * 2] += totals[(thread + width) * 2];
            totals[thread * 2 + 1] += totals[(thread + width) * 2 + 1];
        }
        __syncthreads();
    }
    const double mean = totals[0] / double(p.voxels);
    double variance = totals[1] / double(p.voxels) - mean * mean;
    if (variance < 0.0) variance = 0.0;
    for (int n = thread; n < p.norm_count; n += 128) {
        const Norm norm = p.norms[n];
        if (channel >= norm.channels) continue;
        const float scale = float(double(norm.gamma[channel]) / sqrt(variance + double(norm.eps)));
        norm.scale[channel] = scale;
        norm.shift[channel] = float(double(norm.beta[channel]) - mean * double(scale));
    }
}
REGISTER_KERNEL(finish_statistics, 128);
