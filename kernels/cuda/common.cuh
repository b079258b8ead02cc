// What every kernel is written with. The same sources are compiled three
// ways: by nvcc for GPUs, by a C++ compiler against `emu/` for tests without
// a GPU, and by the same compiler under sanitizers.
//
// All PTX of the project is in the small functions of this file; the emulator
// has its own version of each (`emu/cuda_emu.h`), and `emu/conformance.cu`
// pins down what both must do. Kernels contain no `asm`.
//
// A kernel is declared with KERNEL and listed with REGISTER_KERNEL:
//
//     KERNEL(256, 1) scale_values(float* values, int count, float factor) { ... }
//     REGISTER_KERNEL(scale_values, 256);
//
// KERNEL(threads, blocks): at most `threads` per block, and registers limited
// so that at least `blocks` of them fit on a multiprocessor.
#pragma once

#if defined(CUDA_EMULATOR)
#include "cuda_emu.h"
#else

#include <stdint.h>

#define KERNEL(threads, blocks) extern "C" __global__ void __launch_bounds__(threads, blocks)
#define REGISTER_KERNEL(name, threads)
#define DEVICE static __device__ __forceinline__
#define SHARED_ARRAY(type, name, count) __shared__ __align__(16) type name[count]
#define DYNAMIC_SHARED(type, name)                                                                 \
    extern __shared__ __align__(128) unsigned char name##_bytes[];                                 \
    type* const name = reinterpret_cast<type*>(name##_bytes)

// ---- half precision: an fp16 value is a uint16_t; arithmetic is done in f32

DEVICE float half_to_float(uint16_t half) {
    float value;
    asm("cvt.f32.f16 %0, %1;" : "=f"(value) : "h"(half));
    return value;
}

// Round to nearest even; beyond 65504 it becomes infinite.
DEVICE uint16_t float_to_half(float value) {
    uint16_t half;
    asm("cvt.rn.f16.f32 %0, %1;" : "=h"(half) : "f"(value));
    return half;
}

// Two values at once, `low` in the lower 16 bits.
DEVICE uint32_t floats_to_half2(float low, float high) {
    uint32_t pair;
    asm("cvt.rn.f16x2.f32 %0, %1, %2;" : "=r"(pair) : "f"(high), "f"(low));
    return pair;
}

// ---- shared memory and tensor cores

DEVICE uint32_t shared_address(const void* pointer) {
    return static_cast<uint32_t>(__cvta_generic_to_shared(pointer));
}

// sum(16x8, f32) += a(16x16, fp16, rows) * b(16x8, fp16, columns), one warp.
// Lane l holds of a: rows l/4 and l/4+8, columns 2*(l%4)+{0,1} and +8;
// of b: rows 2*(l%4)+{0,1} and +8, column l/4;
// of sum: rows l/4 and l/4+8, columns 2*(l%4)+{0,1}.
DEVICE void mma_m16n8k16(float (&sum)[4], const uint32_t (&a)[4], const uint32_t (&b)[2]) {
    asm("mma.sync.aligned.m16n8k16.row.col.f32.f16.f16.f32 {%0,%1,%2,%3},{%4,%5,%6,%7},{%8,%9},{%0,%1,%2,%3};"
        : "+f"(sum[0]), "+f"(sum[1]), "+f"(sum[2]), "+f"(sum[3])
        : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b[0]), "r"(b[1]));
}

// Four 8x8 fp16 matrices from shared memory into the layout of operand a.
// Lane l names row l%8 of matrix l/8: 16 bytes, aligned to 16.
DEVICE void load_matrices(uint32_t (&matrices)[4], const void* row) {
    asm volatile("ldmatrix.sync.aligned.m8n8.x4.shared.b16 {%0,%1,%2,%3},[%4];"
                 : "=r"(matrices[0]), "=r"(matrices[1]), "=r"(matrices[2]), "=r"(matrices[3])
                 : "r"(shared_address(row))
                 : "memory");
}

// Starts a copy of 16 bytes from global to shared memory, both aligned to 16;
// writes zeros when `inside` is false (`from` is not read then).
DEVICE void copy_async_16(void* to, const void* from, bool inside) {
    asm volatile("cp.async.cg.shared.global [%0],[%1],16,%2;" ::"r"(shared_address(to)), "l"(from), "r"(inside ? 16 : 0)
                 : "memory");
}

// The same through the first-level cache, for sectors that are read in
// halves, or again soon.
DEVICE void copy_async_16_cached(void* to, const void* from, bool inside) {
    asm volatile("cp.async.ca.shared.global [%0],[%1],16,%2;" ::"r"(shared_address(to)), "l"(from), "r"(inside ? 16 : 0)
                 : "memory");
}

// Closes the group of copies started since the last call.
DEVICE void copy_async_commit() { asm volatile("cp.async.commit_group;" ::: "memory"); }

// Waits until at most `pending` groups of this thread are under way. Other
// threads see the data after a __syncthreads() that follows.
template <int pending> DEVICE void copy_async_wait() {
    asm volatile("cp.async.wait_group %0;" ::"n"(pending) : "memory");
}

// Loads through the read-only cache.
template <typename T> DEVICE T load_read_only(const T* pointer) { return __ldg(pointer); }

// e^x; the hardware approximation (relative error about 2^-21).
DEVICE float fast_exp(float x) { return __expf(x); }

#endif

// 8 bytes: four fp16 values, or two floats.
struct __align__(8) Words2 {
    uint32_t x, y;
};

#if !defined(CUDA_EMULATOR)
DEVICE Words2 load_read_only(const Words2* pointer) {
    const uint2 words = __ldg(reinterpret_cast<const uint2*>(pointer));
    return {words.x, words.y};
}
#endif

// 16 bytes: eight fp16 values.
struct __align__(16) Words4 {
    uint32_t x, y, z, w;
};

// Sum over the 32 lanes, the same bits in every lane.
template <typename T> DEVICE T warp_sum(T value) {
#pragma unroll
    for (int offset = 16; offset > 0; offset >>= 1) value += __shfl_xor_sync(0xffffffffu, value, offset);
    return value;
}
