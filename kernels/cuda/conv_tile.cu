// Convolution 3x3x3, stride 1, padding 1, as an implicit matrix product with
// a resident halo: 4x8x8 outputs need 6x10x10 inputs, which are loaded once
// for 27 taps.
//
// A thread block of 4 warps computes 256 voxels times 8 * n_tiles channels.
// Warp w owns output rows y = 2w, 2w+1 of all four slices z: the fragments of
// six input slices, loaded once, serve the three taps along z of four output
// slices (half of the shared-memory traffic of loading per tap).
//
// The input goes through two buffers: while one block of 16 channels is
// multiplied, the next one is copied asynchronously. Norm and activation are
// applied in place by the thread that copied the piece, so that one barrier
// per block of channels is enough.
#include "conv.cuh"

constexpr int TILE_Z = 4, TILE_Y = 8, TILE_X = 8;
constexpr int HALO_Y = TILE_Y + 2, HALO_X = TILE_X + 2;
constexpr int HALO = (TILE_Z + 2) * HALO_Y * HALO_X;  // 600 voxels
constexpr int SLICE = HALO_Y * HALO_X;                // 100 voxels
constexpr int TILE_BUFFER = HALO * 32;                // bytes of one block of channels

// Byte of half `half` of halo voxel v. The halves swap every four voxels, so
// that eight neighbours along x, which ldmatrix reads together, fall into
// different banks.
DEVICE int halo_address(int v, int half) { return v * 32 + ((half ^ ((v >> 2) & 1)) << 4); }

// Voxel index in the input of every halo voxel, -1 outside.
DEVICE void find_halo(int* offsets, int z0, int y0, int x0, Size size) {
    for (int v = threadIdx.x; v < HALO; v += 128) {
        const int z = z0 + v / SLICE - 1, y = y0 + v / HALO_X % HALO_Y - 1, x = x0 + v % HALO_X - 1;
        offsets[v] = is_inside(z, y, x, size) ? (z * size.y + y) * size.x + x : -1;
    }
}

// Starts the copy of one block of channels. A thread copies 16-byte pieces
// threadIdx.x, +128, ...: always the same half of a voxel.
DEVICE void start_copy(unsigned char* buffer, const Block& block, const int* offsets) {
    const int half = threadIdx.x & 1;
    for (int v = threadIdx.x >> 1; v < HALO; v += 64) {
        const int offset = offsets[v];
        const uint16_t* const from = block.values + size_t(offset < 0 ? 0 : offset) * 16 + half * 8;
        copy_async_16(buffer + halo_address(v, half), from, offset >= 0);
    }
    copy_async_commit();
}

// Norm and activation on the pieces this thread copied; outside stays zero.
DEVICE void apply_in_place(unsigned char* buffer, const Block& block, const int* offsets) {
    if (changes_nothing(block)) return;
    const int half = threadIdx.x & 1;
    float scale[8], shift[8];
#pragma unroll
    for (int i = 0; i < 8; i++) {
        scale[i] = block.scale != nullptr ? load_read_only(block.scale + half * 8 + i) : 1.f;
        shift[i] = block.scale != nullptr ? load_read_only(block.shift + half * 8 + i) : 0.f;
    }
    for (int v = threadIdx.x >> 1; v < HALO; v += 64) {
        if (offsets[v] < 0) continue;
        Words4* const piece = reinterpret_cast<Words4*>(buffer + halo_address(v, half));
        Half8 packed;
        packed.words = *piece;
        float values[8];
        unpack(packed, values);
#pragma unroll
        for (int i = 0; i < 8; i++) values[i] = line(values[i] * scale[i] + shift[i], block.slope);
        *piece = pack(values);
    }
}

// All 27 taps on one block of channels. `weights` moves along.
template <int n_tiles>
DEVICE void multiply_block(float (&sum)[TILE_Z][n_tiles][4], const unsigned char* buffer, const Words2*& weights,
                           Words2 (&ahead)[n_tiles]) {
    const int lane = threadIdx.x & 31, warp = threadIdx.x >> 5, row = lane & 15, half = lane >> 4;
    const int corner = (warp * 2 + (row >> 3)) * HALO_X + (row & 7);
#pragma unroll 1
    for (int column = 0; column < 9; column++) {
        const int v = corner + column / 3 * HALO_X + column % 3;
        uint32_t a[TILE_Z + 2][4];
#pragma unroll
        for (int z = 0; z < TILE_Z + 2; z++) load_matrices(a[z], buffer + halo_address(v + z * SLICE, half));
#pragma unroll
        for (int tap_z = 0; tap_z < 3; tap_z++) {
            uint32_t b[n_tiles][2];
            weights += n_tiles * 32;
#pragma unroll
            for (int n = 0; n < n_tiles; n++) {
                b[n][0] = ahead[n].x;
                b[n][1] = ahead[n].y;
                ahead[n] = load_read_only(weights + n * 32);
            }
#pragma unroll
            for (int z = 0; z < TILE_Z; z++) {
#pragma unroll
                for (int n = 0; n < n_tiles; n++) mma_m16n8k16(sum[z][n], a[z + tap_z], b[n]);
            }
        }
    }
}

template <int n_tiles> DEVICE void conv_tile(const ConvParameters& p) {
    DYNAMIC_SHARED(unsigned char, shared); // two buffers, then the offsets
    int* const offsets = reinterpret_cast<int*>(shared + 2 * TILE_BUFFER);
    const int group = blockIdx.x % p.groups, tile = blockIdx.x / p.groups;
    const int tiles_x = (p.out_size.x + TILE_X - 1) / TILE_X, tiles_y = (p.out_size.y + TILE_Y - 1) / TILE_Y;
    const int x0 = tile % tiles_x * TILE_X, y0 = tile / tiles_x % tiles_y * TILE_Y, z0 = tile / (tiles_x * tiles_y) * TILE_Z;
    const int blocks = p.units / 27, per_split = p.units_per_split / 27;
    const int first = blockIdx.z * per_split, last = min(first + per_split, blocks);
    const int lane = threadIdx.x & 31, warp = threadIdx.x >> 5;

    float sum[TILE_Z][n_tiles][4];
#pragma unroll
    for (int z = 0; z < TILE_Z; z++)
#pragma unroll
        for (int n = 0; n < n_tiles; n++) sum[z][n][0] = sum[z][n][1] = sum[z][n][2] = sum[z][n][3] = 0.f;

    const Words2* weights = p.weights + (size_t(group) * (p.units + 1) + size_t(first) * 27) * n_tiles * 32 + lane;
    Words2 ahead[n_tiles];
#pragma unroll
    for (int n = 0; n < n_tiles; n++) ahead[n] = load_read_only(weights + n * 32);

    find_halo(offsets, z0, y0, x0, p.in_size);
    __syncthreads();
    if (first < last) start_copy(shared, p.blocks[first], offsets);
    for (int block = first; block < last; block++) {
        unsigned char* const buffer = shared + ((block - first) & 1) * TILE_BUFFER;
        copy_async_wait<0>();
        apply_in_place(buffer, p.blocks[block], offsets);
        __syncthreads(); // this buffer is complete, and nobody reads the other one any more
        if (block + 1 < last) start_copy(shared + ((block + 1 - first) & 1) * TILE_BUFFER, p.blocks[block + 1], offsets);
        multiply_block<n_tiles>(sum, buffer, weights, ahead);
    }

    int voxel[TILE_Z][2];
#pragma unroll
    for (int z = 0; z < TILE_Z; z++)
#pragma unroll
        for (int h = 0; h < 2; h++) {
            const int oz = z0 + z, oy = y0 + warp * 2 + h, ox = x0 + (lane >> 2);
            voxel[z][h] = is_inside(oz, oy, ox, p.out_size) ? (oz * p.out_size.y + oy) * p.out_size.x + ox : -1;
        }
    __syncthreads(); // the first buffer becomes the reduction space
    finish<TILE_Z, n_tiles>(p, sum, voxel, group, tile, reinterpret_cast<float*>(shared));
}

KERNEL(128, 4) conv_tile_16(const ConvParameters p) { conv_tile<2>(p); }
KERNEL(128, 3) conv_tile_32(const ConvParameters p) { conv_tile<4>(p); }
KERNEL(128, 2) conv_tile_64(const ConvParameters p) { conv_tile<8>(p); }
REGISTER_KERNEL(conv_tile_16, 128);
REGISTER_KERNEL(conv_tile_32, 128);
REGISTER_KERNEL(conv_tile_64, 128);
