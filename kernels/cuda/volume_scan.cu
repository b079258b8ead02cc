// Exclusive prefix sums of 32-bit counts: where each part of a result goes
// when every thread knows only how much it will write.
//
// Two levels a step (Blelloch 1990, CMU-CS-90-190; Harris, Sengupta & Owens,
// GPU Gems 3, chapter 39): blocks scan SCAN_ITEMS values, the host scans the
// block sums the same way, and `scan_add` adds them. The sum of all is what
// the last level leaves in its one block sum.
#include "common.cuh"

namespace volume_scan {

constexpr int ITEMS_PER_THREAD = 8;
constexpr int SCAN_ITEMS = 256 * ITEMS_PER_THREAD; // 2048; the host knows it too

// The sum over lower threads of the block; `total` becomes the block's sum.
DEVICE uint32_t scan_block(uint32_t value, uint32_t& total) {
    SHARED_ARRAY(uint32_t, warp_sums, 8);
    const unsigned lane = threadIdx.x & 31, warp = threadIdx.x >> 5;
    uint32_t sum = value;
#pragma unroll
    for (int distance = 1; distance < 32; distance <<= 1) {
        const uint32_t lower = __shfl_up_sync(0xffffffffu, sum, distance);
        if (int(lane) >= distance) sum += lower;
    }
    if (lane == 31) warp_sums[warp] = sum;
    __syncthreads();
    uint32_t before = 0;
    total = 0;
#pragma unroll
    for (unsigned i = 0; i < 8; i++) {
        const uint32_t part = warp_sums[i];
        if (i < warp) before += part;
        total += part;
    }
    return before + sum - value;
}

struct ScanBlocksParameters {
    uint32_t* __restrict__ values;
    uint32_t* __restrict__ block_sums;
    uint32_t count;
};

// In place within each stretch of SCAN_ITEMS; one block sum each.
KERNEL(256, 4) scan_blocks(const ScanBlocksParameters p) {
    const uint32_t first = blockIdx.x * SCAN_ITEMS + threadIdx.x * ITEMS_PER_THREAD;
    uint32_t items[ITEMS_PER_THREAD], sum = 0;
#pragma unroll
    for (int i = 0; i < ITEMS_PER_THREAD; i++) {
        items[i] = first + i < p.count ? p.values[first + i] : 0;
        sum += items[i];
    }
    uint32_t total;
    uint32_t before = scan_block(sum, total);
#pragma unroll
    for (int i = 0; i < ITEMS_PER_THREAD; i++) {
        if (first + i < p.count) p.values[first + i] = before;
        before += items[i];
    }
    if (threadIdx.x == 0) p.block_sums[blockIdx.x] = total;
}
REGISTER_KERNEL(scan_blocks, 256);

struct ScanAddParameters {
    uint32_t* __restrict__ values;
    const uint32_t* __restrict__ before;
    uint32_t count;
};

// Adds to each stretch the sum of all stretches before it.
KERNEL(256, 4) scan_add(const ScanAddParameters p) {
    const uint32_t first = blockIdx.x * SCAN_ITEMS + threadIdx.x;
    const uint32_t sum = p.before[blockIdx.x];
#pragma unroll
    for (int i = 0; i < ITEMS_PER_THREAD; i++)
        if (first + i * 256 < p.count) p.values[first + i * 256] += sum;
}
REGISTER_KERNEL(scan_add, 256);

} // namespace volume_scan
