// CUDA on a CPU, for tests: what device code sees.
//
// Promises: one fiber per CUDA thread, blocks in parallel; `__syncthreads`,
// masked shuffles and votes with divergence found; shared memory poisoned
// with NaN and allocated to the byte, so that AddressSanitizer sees an
// overrun; asynchronous copies that arrive as late (or as early) as the rules
// allow; fp16, ldmatrix and mma.m16n8k16 to the bit of the operands' layout.
// Does not model: bank conflicts, memory order between blocks, timing, the
// rounding inside a tensor core, wgmma, TMA.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <type_traits>
#include <utility>

namespace emu {

struct Dim3 {
    unsigned x, y, z;
};

// The values lanes bring to a warp operation; two, used in turn.
struct Warp {
    unsigned arrived = 0, mask = 0, generation = 0, alive = 0;
    const char* operation = nullptr;
    alignas(16) unsigned char slot[2][32][64];
};

struct Thread {
    Dim3 index;
    unsigned lane, warp;
};

// POD thread-locals: no initialisation to check on each access.
extern __thread Thread* current;
extern __thread Dim3 block_index, block_dim, grid_dim;

void sync_threads(const char* where);
int sync_threads_count(int predicate, const char* where);
[[noreturn]] void fail(const char* format, ...);
Warp& current_warp();
// Brings `bytes` to the lanes of `mask`; returns the slot they are in.
unsigned rendezvous(unsigned mask, const char* operation, const void* value, size_t bytes);
// Between lanes and slots: a copy that ThreadSanitizer does not see, because
// lanes meet without ordering the memory of the kernel.
void copy_unseen(void* to, const void* from, size_t bytes);
void* static_shared(const void* key, size_t bytes);
void* dynamic_shared();
void copy_async_16(void* to, const void* from, bool inside);
void copy_async_commit();
void copy_async_wait(unsigned pending);
float half_to_float(uint16_t half);
uint16_t float_to_half(float value);

template <class T> inline T shuffle(unsigned mask, const char* operation, T value, int source) {
    static_assert(sizeof(T) <= 64);
    unsigned slot = rendezvous(mask, operation, &value, sizeof value);
    if (!(mask >> (source & 31) & 1)) fail("%s: reads lane %d outside the mask", operation, source);
    T result;
    copy_unseen(&result, current_warp().slot[slot][source & 31], sizeof result);
    return result;
}

// ---- the list of kernels, and calling one with an array of argument addresses

using Call = void (*)(void**);

struct Kernel {
    const char* name;
    Call call;
    int arguments;
    const unsigned* argument_bytes;
    unsigned max_threads;
    Kernel* next;
    static Kernel* first;
    Kernel(const char* name, Call call, int arguments, const unsigned* bytes, unsigned max_threads)
        : name(name), call(call), arguments(arguments), argument_bytes(bytes), max_threads(max_threads), next(first) {
        first = this;
    }
};

template <class F> struct Signature;
template <class... A> struct Signature<void (*)(A...)> {
    template <void (*K)(A...), size_t... I> static void unpack(void** p, std::index_sequence<I...>) {
        K(*reinterpret_cast<std::remove_const_t<std::remove_reference_t<A>>*>(p[I])...);
    }
    template <void (*K)(A...)> static void call(void** p) { unpack<K>(p, std::index_sequence_for<A...>{}); }
    static constexpr int count = sizeof...(A);
    static const unsigned* bytes() {
        static const unsigned sizes[] = {unsigned(sizeof(A))..., 0};
        return sizes;
    }
};

const Kernel* find_kernel(const char* name);
// Runs a grid; returns 0 or a CUresult, with the reason in `last_error()`.
int launch(const Kernel& kernel, Dim3 grid, Dim3 block, unsigned shared_bytes, void** arguments);
const char* last_error();
// 0: threads in order, copies arrive when waited for; 1: reversed, copies
// arrive at once; 2: rotated, late copies.
void set_schedule(unsigned schedule);

} // namespace emu

// ---- the spellings of CUDA
#define __global__
#define __device__
#define __host__
#define __forceinline__ inline
#define __restrict__ __restrict
#define __align__(n) alignas(n)
#define __constant__
#define threadIdx (emu::current->index)
#define blockIdx (emu::block_index)
#define blockDim (emu::block_dim)
#define gridDim (emu::grid_dim)
#define EMU_TEXT2(x) #x
#define EMU_TEXT(x) EMU_TEXT2(x)
#define __syncthreads() emu::sync_threads(__FILE__ ":" EMU_TEXT(__LINE__))
#define __syncthreads_count(p) emu::sync_threads_count((p) != 0, __FILE__ ":" EMU_TEXT(__LINE__))
#define __syncthreads_or(p) (__syncthreads_count(p) != 0)
#define __syncthreads_and(p) (__syncthreads_count(!(p)) == 0)

template <class T> inline T __shfl_xor_sync(unsigned mask, T value, int lanes) {
    return emu::shuffle(mask, "shfl_xor", value, int(emu::current->lane) ^ lanes);
}
template <class T> inline T __shfl_sync(unsigned mask, T value, int lane) {
    return emu::shuffle(mask, "shfl", value, lane & 31);
}
template <class T> inline T __shfl_down_sync(unsigned mask, T value, int lanes) {
    int lane = int(emu::current->lane);
    return emu::shuffle(mask, "shfl_down", value, lane + lanes < 32 ? lane + lanes : lane);
}
template <class T> inline T __shfl_up_sync(unsigned mask, T value, int lanes) {
    int lane = int(emu::current->lane);
    return emu::shuffle(mask, "shfl_up", value, lane >= lanes ? lane - lanes : lane);
}
inline unsigned __ballot_sync(unsigned mask, int predicate) {
    unsigned slot = emu::rendezvous(mask, "ballot", &predicate, 4), votes = 0;
    for (int lane = 0; lane < 32; lane++) {
        int vote = 0;
        if (mask >> lane & 1) emu::copy_unseen(&vote, emu::current_warp().slot[slot][lane], 4);
        if (vote) votes |= 1u << lane;
    }
    return votes;
}
inline int __any_sync(unsigned mask, int predicate) { return __ballot_sync(mask, predicate) != 0; }
inline int __all_sync(unsigned mask, int predicate) { return __ballot_sync(mask, !predicate) == 0; }
inline void __syncwarp(unsigned mask = 0xffffffffu) { emu::rendezvous(mask, "syncwarp", nullptr, 0); }
inline void __threadfence() { __atomic_thread_fence(__ATOMIC_SEQ_CST); }
inline int __popc(unsigned x) { return __builtin_popcount(x); }
inline int __ffs(int x) { return __builtin_ffs(x); }
inline int __clz(int x) { return x ? __builtin_clz(unsigned(x)) : 32; }
template <class T> inline T __ldg(const T* pointer) { return *pointer; }
inline float __int_as_float(int x) { float f; memcpy(&f, &x, 4); return f; }
inline int __float_as_int(float x) { int i; memcpy(&i, &x, 4); return i; }
using std::max;
using std::min;

// ---- atomics: relaxed, as on the device
template <class T, class F> inline T emu_atomic(T* p, F change) {
    static_assert(sizeof(T) == 4 || sizeof(T) == 8);
    using Bits = std::conditional_t<sizeof(T) == 4, uint32_t, uint64_t>;
    Bits old_bits = __atomic_load_n(reinterpret_cast<Bits*>(p), __ATOMIC_RELAXED), new_bits;
    for (;;) {
        T old_value, new_value;
        memcpy(&old_value, &old_bits, sizeof(T));
        new_value = change(old_value);
        memcpy(&new_bits, &new_value, sizeof(T));
        if (__atomic_compare_exchange_n(reinterpret_cast<Bits*>(p), &old_bits, new_bits, false, __ATOMIC_RELAXED,
                                        __ATOMIC_RELAXED))
            return old_value;
    }
}
template <class T> inline T atomicAdd(T* p, T v) { return emu_atomic(p, [=](T old) { return T(old + v); }); }
template <class T> inline T atomicMin(T* p, T v) { return emu_atomic(p, [=](T old) { return old < v ? old : v; }); }
template <class T> inline T atomicMax(T* p, T v) { return emu_atomic(p, [=](T old) { return old < v ? v : old; }); }
template <class T> inline T atomicOr(T* p, T v) { return emu_atomic(p, [=](T old) { return T(old | v); }); }
template <class T> inline T atomicAnd(T* p, T v) { return emu_atomic(p, [=](T old) { return T(old & v); }); }
template <class T> inline T atomicExch(T* p, T v) { return emu_atomic(p, [=](T) { return v; }); }
template <class T> inline T atomicCAS(T* p, T expected, T v) {
    return emu_atomic(p, [=](T old) { return old == expected ? v : old; });
}

// ---- the portable layer of common.cuh
#define KERNEL(threads, blocks) extern "C" void
#define REGISTER_KERNEL(name, threads)                                                             \
    static emu::Kernel emu_kernel_##name(#name, &emu::Signature<decltype(&name)>::template call<&name>,     \
                                         emu::Signature<decltype(&name)>::count,                   \
                                         emu::Signature<decltype(&name)>::bytes(), threads)
#define DEVICE static inline
#define SHARED_ARRAY(type, name, count)                                                            \
    static const char name##_key = 0;                                                              \
    type* const name = static_cast<type*>(emu::static_shared(&name##_key, sizeof(type) * (count)))
#define DYNAMIC_SHARED(type, name) type* const name = static_cast<type*>(emu::dynamic_shared())

DEVICE float half_to_float(uint16_t half) { return emu::half_to_float(half); }
DEVICE uint16_t float_to_half(float value) { return emu::float_to_half(value); }
DEVICE uint32_t floats_to_half2(float low, float high) {
    return uint32_t(emu::float_to_half(low)) | uint32_t(emu::float_to_half(high)) << 16;
}
DEVICE void copy_async_16(void* to, const void* from, bool inside) { emu::copy_async_16(to, from, inside); }
DEVICE void copy_async_16_cached(void* to, const void* from, bool inside) { emu::copy_async_16(to, from, inside); }
DEVICE void copy_async_commit() { emu::copy_async_commit(); }
template <int pending> DEVICE void copy_async_wait() { emu::copy_async_wait(pending); }
template <typename T> DEVICE T load_read_only(const T* pointer) { return *pointer; }
DEVICE float fast_exp(float x) { return std::exp(x); }
void mma_m16n8k16(float (&sum)[4], const uint32_t (&a)[4], const uint32_t (&b)[2]);
void load_matrices(uint32_t (&matrices)[4], const void* row);
