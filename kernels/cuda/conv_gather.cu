// Any convolution as an implicit matrix product that gathers its rows: other
// kernels, strides, dilations, 1x1x1 (also the head with planar outputs),
// planar inputs with few channels (the stem), and transposed convolutions
// whose kernel is their stride (one 1x1x1 product per tap, scattered).
//
// A thread block of 4 warps computes 128 rows (voxels) times 8 * n_tiles
// channels. Thread t brings row t: 64 bytes (two units of 16 input lanes) per
// step, three steps under way at a time. Norm and activation are applied in
// place by the thread that brought the row.
#include "conv.cuh"

constexpr int ROWS = 128;
constexpr int STEP_BUFFER = ROWS * 64; // bytes
constexpr int STEPS_AHEAD = 3;

// Byte of 16-byte piece `piece` of row `row`: pieces rotate every two rows,
// so that eight rows read together fall into different banks.
DEVICE int row_address(int row, int piece) { return row * 64 + ((piece ^ ((row >> 1) & 3)) << 4); }

// What a thread knows about its row.
struct Row {
    int z, y, x;        // first input voxel of the window
    bool exists;
};

// Brings two units into a step's buffer; bit u of the result: unit u is inside.
DEVICE int bring(unsigned char* buffer, const ConvParameters& p, const Row& row, int unit) {
    int inside = 0;
#pragma unroll
    for (int u = 0; u < 2; u++) {
        const bool exists = row.exists && unit + u < p.units;
        const int block = (unit + u) / p.tap_count, tap = (unit + u) - block * p.tap_count;
        const uint16_t* from = p.blocks[0].values;
        bool is_in = false;
        if (exists) {
            const Tap offset = p.taps[tap];
            const int z = row.z + offset.z, y = row.y + offset.y, x = row.x + offset.x;
            is_in = is_inside(z, y, x, p.in_size);
            if (is_in) from = p.blocks[block].values + ((size_t(z) * p.in_size.y + y) * p.in_size.x + x) * 16;
        }
#pragma unroll
        for (int half = 0; half < 2; half++) // cached: the halves share a sector, and the taps overlap
            copy_async_16_cached(buffer + row_address(threadIdx.x, u * 2 + half), from + half * 8, is_in);
        inside |= int(is_in) << u;
    }
    return inside;
}

// Norm and activation on the row this thread brought.
DEVICE void apply_to_row(unsigned char* buffer, const ConvParameters& p, int unit, int inside) {
#pragma unroll
    for (int u = 0; u < 2; u++) {
        if (!(inside >> u & 1)) continue;
        const Block block = p.blocks[(unit + u) / p.tap_count];
        if (changes_nothing(block)) continue;
#pragma unroll
        for (int half = 0; half < 2; half++) {
            Words4* const piece = reinterpret_cast<Words4*>(buffer + row_address(threadIdx.x, u * 2 + half));
            Half8 packed;
            packed.words = *piece;
            float values[8];
            unpack(packed, values);
            apply_load(values, block, half);
            *piece = pack(values);
        }
    }
}

// Brings 32 values of a planar input, rounded to fp16.
DEVICE void bring_planar(unsigned char* buffer, const ConvParameters& p, const Row& row, int unit) {
    const size_t voxels = voxels_of(p.in_size);
#pragma unroll
    for (int piece = 0; piece < 4; piece++) {
        float values[8];
#pragma unroll
        for (int i = 0; i < 8; i++) {
            const int k = unit * 16 + piece * 8 + i;
            values[i] = 0.f;
            if (!row.exists || k >= p.units * 16) continue;
            const Tap tap = p.taps[k];
            const int z = row.z + tap.z, y = row.y + tap.y, x = row.x + tap.x;
            if (tap.channel >= 0 && is_inside(z, y, x, p.in_size))
                values[i] = load_read_only(p.planar_in + tap.channel * voxels + (size_t(z) * p.in_size.y + y) * p.in_size.x + x);
        }
        *reinterpret_cast<Words4*>(buffer + row_address(threadIdx.x, piece)) = pack(values);
    }
}

template <int n_tiles>
DEVICE void multiply_step(float (&sum)[2][n_tiles][4], const unsigned char* buffer, const Words2 (&b)[2][n_tiles]) {
    const int lane = threadIdx.x & 31, warp = threadIdx.x >> 5;
#pragma unroll
    for (int u = 0; u < 2; u++) {
#pragma unroll
        for (int m = 0; m < 2; m++) {
            uint32_t a[4];
            load_matrices(a, buffer + row_address(warp * 32 + m * 16 + (lane & 15), u * 2 + (lane >> 4)));
#pragma unroll
            for (int n = 0; n < n_tiles; n++) {
                const uint32_t right[2] = {b[u][n].x, b[u][n].y};
                mma_m16n8k16(sum[m][n], a, right);
            }
        }
    }
}

// The output voxel of a row, or -1.
DEVICE int output_voxel(const ConvParameters& p, int row, int scatter_tap) {
    if (row >= int(voxels_of(p.rows))) return -1;
    const Size at = position_of(row, p.rows), s = p.scatter;
    const int z = at.z * s.z + scatter_tap / (s.y * s.x), y = at.y * s.y + scatter_tap / s.x % s.y;
    const int x = at.x * s.x + scatter_tap % s.x;
    return (z * p.out_size.y + y) * p.out_size.x + x;
}

template <int n_tiles, bool planar> DEVICE void conv_gather(const ConvParameters& p) {
    DYNAMIC_SHARED(unsigned char, shared);
    const int scatter_taps = p.scatter.z * p.scatter.y * p.scatter.x;
    const int group = blockIdx.x % p.groups, rest = blockIdx.x / p.groups;
    const int scatter_tap = rest % scatter_taps, first_row = rest / scatter_taps * ROWS;
    const int first = blockIdx.z * p.units_per_split, last = min(first + p.units_per_split, p.units);
    const int lane = threadIdx.x & 31, warp = threadIdx.x >> 5;

    const int own = first_row + threadIdx.x;
    const Size at = position_of(own, p.rows);
    const Row row = {at.z * p.stride.z - p.padding.z, at.y * p.stride.y - p.padding.y, at.x * p.stride.x - p.padding.x,
                     own < int(voxels_of(p.rows))};

    float sum[2][n_tiles][4];
#pragma unroll
    for (int m = 0; m < 2; m++)
#pragma unroll
        for (int n = 0; n < n_tiles; n++) sum[m][n][0] = sum[m][n][1] = sum[m][n][2] = sum[m][n][3] = 0.f;
    const Words2* weights =
        p.weights + (size_t(scatter_tap * p.groups + group) * (p.units + 1) + first) * n_tiles * 32 + lane;

    int inside = 0; // two bits for each step under way
    if (!planar) {
#pragma unroll
        for (int step = 0; step < STEPS_AHEAD - 1; step++) {
            if (first + step * 2 < last) inside |= bring(shared + step * STEP_BUFFER, p, row, first + step * 2) << (2 * step);
            copy_async_commit();
        }
    }
    int slot = 0;
    for (int unit = first; unit < last; unit += 2) {
        unsigned char* const buffer = shared + slot * STEP_BUFFER;
        Words2 b[2][n_tiles];
#pragma unroll
        for (int u = 0; u < 2; u++)
#pragma unroll
            for (int n = 0; n < n_tiles; n++) b[u][n] = load_read_only(weights + (u * n_tiles + n) * 32);
        weights += 2 * n_tiles * 32;
        if (planar) {
            bring_planar(buffer, p, row, unit);
        } else {
            copy_async_wait<STEPS_AHEAD - 2>();
            apply_to_row(buffer, p, unit, inside & 3);
        }
        __syncthreads(); // this step is complete, and nobody reads the one before any more
        if (!planar) {
            inside >>= 2;
            const int next = unit + (STEPS_AHEAD - 1) * 2, next_slot = slot == 0 ? STEPS_AHEAD - 1 : slot - 1;
            if (next < last) inside |= bring(shared + next_slot * STEP_BUFFER, p, row, next) << (2 * (STEPS_AHEAD - 2));
            copy_async_commit();
        }
        multiply_step<n_tiles>(sum, buffer, b);
        slot = slot + 1 == STEPS_AHEAD ? 0 : slot + 1;
    }

    int voxel[2][2];
#pragma unroll
    for (int m = 0; m < 2; m++)
#pragma unroll
        for (int h = 0; h < 2; h++) voxel[m][h] = output_voxel(p, first_row + warp * 32 + m * 16 + h * 8 + (lane >> 2), scatter_tap);
    __syncthreads(); // the buffers become the reduction space
    finish<2, n_tiles>(p, sum, voxel, group, rest, reinterpret_cast<float*>(shared));
}

KERNEL(128, 5) conv_gather_16(const ConvParameters p) { conv_gather<2, false>(p); }
KERNEL(128, 4) conv_gather_32(const ConvParameters p) { conv_gather<4, false>(p); }
KERNEL(128, 3) conv_gather_64(const ConvParameters p) { conv_gather<8, false>(p); }
KERNEL(128, 5) conv_planar_16(const ConvParameters p) { conv_gather<2, true>(p); }
KERNEL(128, 4) conv_planar_32(const ConvParameters p) { conv_gather<4, true>(p); }
KERNEL(128, 3) conv_planar_64(const ConvParameters p) { conv_gather<8, true>(p); }
REGISTER_KERNEL(conv_gather_16, 128);
REGISTER_KERNEL(conv_gather_32, 128);
REGISTER_KERNEL(conv_gather_64, 128);
REGISTER_KERNEL(conv_planar_16, 128);
REGISTER_KERNEL(conv_planar_32, 128);
REGISTER_KERNEL(conv_planar_64, 128);
