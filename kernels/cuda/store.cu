// The way out: blocks to planar f32, with softmax if asked. Labels of planar
// values: `argmax_planar` in `volume_sliding.cu`.
#include "blocks.cuh"

// Mirrored in `src/cuda/parameters.rs`.
struct StoreParameters {
    View view;         // input
    float* planar_out; // [channel][voxel]
    uint64_t voxels;
    int channels;
    int activation;
    float slope;
};

// A thread for sixteen channels of a voxel: blocks along y of the grid.
KERNEL(256, 4) store_planar_blocks(const StoreParameters p) {
    const size_t voxel = size_t(blockIdx.x) * 256 + threadIdx.x;
    if (voxel >= p.voxels) return;
    for (int first = blockIdx.y * 16; first < int(blockIdx.y) * 16 + 16 && first < p.channels; first += 8) {
        float values[8];
        load_8(p.view, voxel, first, values);
#pragma unroll
        for (int i = 0; i < 8; i++)
            if (first + i < p.channels)
                p.planar_out[(first + i) * p.voxels + voxel] = activate(values[i], p.activation, p.slope);
    }
}
REGISTER_KERNEL(store_planar_blocks, 256);

// Softmax over the channels of a voxel, a thread for each voxel. The first
// pass finds the largest logit and the sum of exponentials together (Milakov
// and Gimelshein 2018, arXiv:1805.02867, algorithm 3).
KERNEL(256, 4) store_softmax(const StoreParameters p) {
    const size_t voxel = size_t(blockIdx.x) * 256 + threadIdx.x;
    if (voxel >= p.voxels) return;
    float largest = -3.0e38f, sum = 0.f;
    for (int first = 0; first < p.channels; first += 8) {
        float values[8];
        load_8(p.view, voxel, first, values);
        for (int i = 0; i < 8 && first + i < p.channels; i++) {
            const float logit = activate(values[i], p.activation, p.slope), larger = fmaxf(largest, logit);
            sum = sum * fast_exp(largest - larger) + fast_exp(logit - larger);
            largest = larger;
        }
    }
    const float factor = 1.f / sum;
    for (int first = 0; first < p.channels; first += 8) {
        float values[8];
        load_8(p.view, voxel, first, values);
        for (int i = 0; i < 8 && first + i < p.channels; i++) {
            const float logit = activate(values[i], p.activation, p.slope);
            p.planar_out[(first + i) * p.voxels + voxel] = fast_exp(logit - largest) * factor;
        }
    }
}
REGISTER_KERNEL(store_softmax, 256);
