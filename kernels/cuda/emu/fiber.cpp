#include "fiber.h"

namespace emu {

#if defined(__x86_64__)

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

static void prepare_stack(Context& context, char* stack, void (*entry)()) {
    void** top = reinterpret_cast<void**>(stack + STACK_BYTES);
    *--top = nullptr; // keeps the stack aligned as after a call
    *--top = reinterpret_cast<void*>(entry);
    for (int saved_register = 0; saved_register < 6; saved_register++) *--top = nullptr;
    context.stack_pointer = top;
}

static void leave_for(Context& from, Context& to) { emu_switch(&from.stack_pointer, to.stack_pointer); }

#else

static void prepare_stack(Context& context, char* stack, void (*entry)()) {
    getcontext(&context.state);
    context.state.uc_stack.ss_sp = stack;
    context.state.uc_stack.ss_size = STACK_BYTES;
    context.state.uc_link = nullptr;
    makecontext(&context.state, entry, 0);
}

static void leave_for(Context& from, Context& to) { swapcontext(&from.state, &to.state); }

#endif

void prepare(Context& context, char* stack, void (*entry)()) {
    prepare_stack(context, stack, entry);
    context.stack = stack;
    context.stack_bytes = STACK_BYTES;
}

void switch_to(Context& from, Context& to, [[maybe_unused]] bool last) {
#if defined(__SANITIZE_ADDRESS__)
    __sanitizer_start_switch_fiber(last ? nullptr : &from.fake_stack, to.stack, to.stack_bytes);
#endif
#if defined(EMU_TSAN)
    // No synchronisation: two CUDA threads share only what a barrier orders.
    __tsan_switch_to_fiber(to.tsan, __tsan_switch_to_fiber_no_sync);
#endif
    leave_for(from, to);
#if defined(__SANITIZE_ADDRESS__)
    __sanitizer_finish_switch_fiber(from.fake_stack, nullptr, nullptr);
#endif
}

void arrived([[maybe_unused]] Context& from) {
#if defined(__SANITIZE_ADDRESS__)
    __sanitizer_finish_switch_fiber(nullptr, &from.stack, &from.stack_bytes);
#endif
}

} // namespace emu
