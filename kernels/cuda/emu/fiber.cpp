#include "fiber.h"

namespace emu {

#if defined(EMU_UCONTEXT)

void prepare(Context& context, char* stack, void (*entry)()) {
    getcontext(&context.uc);
    context.uc.uc_stack.ss_sp = stack;
    context.uc.uc_stack.ss_size = STACK_BYTES;
    context.uc.uc_link = nullptr;
    context.stack = stack;
    context.stack_bytes = STACK_BYTES;
    makecontext(&context.uc, entry, 0);
}

void switch_to(Context& from, Context& to, bool last) {
#if defined(__SANITIZE_ADDRESS__)
    __sanitizer_start_switch_fiber(last ? nullptr : &from.fake_stack, to.stack, to.stack_bytes);
#endif
#if defined(EMU_TSAN)
    // No synchronisation: two CUDA threads share only what a barrier orders.
    __tsan_switch_to_fiber(to.tsan, __tsan_switch_to_fiber_no_sync);
#endif
    if (last) setcontext(&to.uc);
    swapcontext(&from.uc, &to.uc);
#if defined(__SANITIZE_ADDRESS__)
    __sanitizer_finish_switch_fiber(from.fake_stack, nullptr, nullptr);
#endif
}

void arrived(Context& from) {
#if defined(__SANITIZE_ADDRESS__)
    __sanitizer_finish_switch_fiber(nullptr, &from.stack, &from.stack_bytes);
#else
    (void)from;
#endif
}

#else

extern "C" void emu_switch(void** from, void* to);
asm(R"(.text
.globl emu_switch
.type emu_switch,@function
emu_switch:
  pushq %rbp; pushq %rbx; pushq %r12; pushq %r13; pushq %r14; pushq %r15
  movq %rsp,(%rdi); movq %rsi,%rsp
  popq %r15; popq %r14; popq %r13; popq %r12; popq %rbx; popq %rbp; ret
.size emu_switch,.-emu_switch
)");

void prepare(Context& context, char* stack, void (*entry)()) {
    void** top = reinterpret_cast<void**>(stack + STACK_BYTES);
    *--top = nullptr; // keeps the stack aligned as after a call
    *--top = reinterpret_cast<void*>(entry);
    for (int saved_register = 0; saved_register < 6; saved_register++) *--top = nullptr;
    context.stack_pointer = top;
}

void switch_to(Context& from, Context& to, bool) { emu_switch(&from.stack_pointer, to.stack_pointer); }

void arrived(Context&) {}

#endif

} // namespace emu
