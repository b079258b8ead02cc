// What the wrappers of `common.cuh` must do, one small kernel each. The test
// `conformance` of `tests/cuda_emulated.rs` compares them with plain sums.
#include "../common.cuh"

// product[16][8] = a[16][16] * b[16][8] through ldmatrix and mma; a arrives by
// asynchronous copies. One warp.
KERNEL(32, 1) conformance_matrix(const uint16_t* a, const uint16_t* b, float* product) {
    SHARED_ARRAY(uint16_t, rows, 256);
    const int lane = threadIdx.x, row = lane >> 2, pair = (lane & 3) * 2;
    copy_async_16(rows + lane * 8, a + lane * 8, true);
    copy_async_commit();
    copy_async_wait<0>();
    __syncthreads();
    uint32_t left[4], right[2];
    float sum[4] = {0.f, 0.f, 0.f, 0.f};
    load_matrices(left, rows + (lane & 15) * 16 + (lane >> 4) * 8);
    for (int i = 0; i < 2; i++)
        right[i] = b[(pair + 8 * i) * 8 + row] | uint32_t(b[(pair + 8 * i + 1) * 8 + row]) << 16;
    mma_m16n8k16(sum, left, right);
    for (int i = 0; i < 4; i++) product[(row + (i >> 1) * 8) * 8 + pair + (i & 1)] = sum[i];
}
REGISTER_KERNEL(conformance_matrix, 32);

// Converts to fp16 and back.
KERNEL(64, 1) conformance_half(const float* values, float* rounded, int count) {
    const int i = blockIdx.x * 64 + threadIdx.x;
    if (i < count) rounded[i] = half_to_float(float_to_half(values[i]));
}
REGISTER_KERNEL(conformance_half, 64);

// Faulty on purpose: reads what another thread wrote without a barrier.
KERNEL(64, 1) conformance_missing_barrier(float* values) {
    SHARED_ARRAY(float, shared, 64);
    shared[threadIdx.x] = float(threadIdx.x);
    values[threadIdx.x] = shared[63 - threadIdx.x];
}
REGISTER_KERNEL(conformance_missing_barrier, 64);

// Faulty on purpose: does not wait for its copy.
KERNEL(32, 1) conformance_missing_wait(const float* from, float* values) {
    SHARED_ARRAY(float, shared, 128);
    copy_async_16(shared + threadIdx.x * 4, from + threadIdx.x * 4, true);
    copy_async_commit();
    values[threadIdx.x] = shared[threadIdx.x * 4];
    copy_async_wait<0>();
}
REGISTER_KERNEL(conformance_missing_wait, 32);

// Faulty on purpose: writes one value behind its shared memory.
KERNEL(32, 1) conformance_overrun(float* values) {
    SHARED_ARRAY(float, shared, 32);
    shared[threadIdx.x + 1] = 1.f;
    __syncthreads();
    values[threadIdx.x] = shared[threadIdx.x];
}
REGISTER_KERNEL(conformance_overrun, 32);

// Faulty on purpose: half of a warp does not reach the shuffle.
KERNEL(32, 1) conformance_divergence(float* values) {
    float value = float(threadIdx.x);
    if (threadIdx.x < 16) value = __shfl_xor_sync(0xffffffffu, value, 1);
    values[threadIdx.x] = value;
}
REGISTER_KERNEL(conformance_divergence, 32);
