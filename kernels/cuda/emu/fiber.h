// A fiber: a stack that can be left and re-entered. The switch is written by
// hand on x86-64 (a few nanoseconds) and `ucontext` elsewhere; sanitizers are
// told of every switch.
#pragma once
#include <cstddef>

#if defined(__SANITIZE_ADDRESS__)
#include <sanitizer/common_interface_defs.h>
#endif
#if defined(EMU_TSAN)
#include <sanitizer/tsan_interface.h>
#define TSAN_RELEASE(address) __tsan_release(address)
#define TSAN_ACQUIRE(address) __tsan_acquire(address)
extern "C" void __tsan_read_range(void*, unsigned long);
extern "C" void __tsan_write_range(void*, unsigned long);
#define TSAN_READ(address, bytes) __tsan_read_range(const_cast<void*>(static_cast<const void*>(address)), bytes)
#define TSAN_WRITE(address, bytes) __tsan_write_range(address, bytes)
#else
#define TSAN_RELEASE(address) ((void)0)
#define TSAN_ACQUIRE(address) ((void)0)
#define TSAN_READ(address, bytes) ((void)0)
#define TSAN_WRITE(address, bytes) ((void)0)
#endif
#if !defined(__x86_64__)
#include <ucontext.h>
#endif

namespace emu {

constexpr size_t STACK_BYTES = 128 * 1024;

struct Context {
#if defined(__x86_64__)
    void* stack_pointer = nullptr;
#else
    ucontext_t state;
#endif
    // For sanitizers.
    void* tsan = nullptr;
    void* fake_stack = nullptr;
    const void* stack = nullptr;
    size_t stack_bytes = 0;
};

// Makes `context` start `entry` on `stack` at the first switch to it.
void prepare(Context& context, char* stack, void (*entry)());
// Leaves `from` and continues `to`; `last` when `from` is never entered again.
void switch_to(Context& from, Context& to, bool last = false);
// The first thing a fiber's entry does; `from` is the context that entered it.
void arrived(Context& from);

} // namespace emu
