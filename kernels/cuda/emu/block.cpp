// Runs one block: every thread in turn until it waits, until all returned.
#include "block.h"
#include <cstdarg>
#include <cstdlib>
#include <sys/mman.h>

namespace emu {

__thread Thread* current;
__thread Dim3 block_index, block_dim, grid_dim;
static __thread Block* block;

// Copies arrive when they are issued (true) or when they are waited for.
static bool early_copies = false;
void set_early_copies(bool early) { early_copies = early; }

static void* allocate_shared(size_t bytes) {
    void* data = nullptr;
    if (posix_memalign(&data, 1024, bytes ? bytes : 1)) abort();
    return data;
}

Block::Block(size_t dynamic_bytes) {
    if (dynamic_bytes) dynamic_memory = {allocate_shared(dynamic_bytes), dynamic_bytes};
}

Block::~Block() {
    free(dynamic_memory.data);
    for (auto& entry : static_memory) free(entry.second.data);
    if (stacks) munmap(stacks, stack_count * STACK_BYTES);
}

// ---- called by device code, on a fiber

static void leave(bool last) { switch_to(block->running->context, block->scheduler, last); }

static void wait_a_turn() {
    if (!block->failed) leave(false);
    if (block->failed) {
        block->running->done = true;
        leave(true);
    }
}

void fail(const char* format, ...) {
    char reason[512], text[700];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(reason, sizeof reason, format, arguments);
    va_end(arguments);
    Dim3 b = block_index, t = current->index;
    snprintf(text, sizeof text, "block (%u,%u,%u) thread (%u,%u,%u): %s", b.x, b.y, b.z, t.x, t.y, t.z, reason);
    if (!block->failed) block->error = text;
    block->failed = true;
    block->running->done = true;
    leave(true);
    abort(); // a finished fiber is not entered again
}

Warp& current_warp() { return block->warps[current->warp]; }

void sync_threads(const char* where) {
    Block& b = *block;
    unsigned generation = b.barrier_generation;
    if (b.barrier_arrived && strcmp(b.barrier_where, where))
        fail("__syncthreads divergence: %s, others wait at %s", where, b.barrier_where);
    b.barrier_where = where;
    TSAN_RELEASE(&b.barrier_generation);
    b.barrier_arrived++;
    b.progress = true;
    if (b.barrier_arrived == b.alive) {
        b.barrier_arrived = 0;
        b.barrier_generation++;
    } else {
        while (b.barrier_generation == generation) wait_a_turn();
    }
    TSAN_ACQUIRE(&b.barrier_generation);
}

int sync_threads_count(int predicate, const char* where) {
    Block& b = *block;
    int turn = b.barrier_generation & 1;
    b.votes[turn] += predicate != 0;
    sync_threads(where);
    int votes = b.votes[turn];
    sync_threads(where); // nobody votes again before all have read
    b.votes[turn] = 0;
    return votes;
}

void copy_unseen(void* to, const void* from, size_t bytes) {
#if defined(EMU_TSAN)
    for (size_t i = 0; i < bytes; i++) {
        static_cast<char*>(to)[i] = static_cast<const char*>(from)[i];
        asm volatile("" ::: "memory"); // a loop, not a call of memcpy, which is watched
    }
#else
    if (bytes) memcpy(to, from, bytes);
#endif
}

unsigned rendezvous(unsigned mask, const char* operation, const void* value, size_t bytes) {
    Warp& warp = current_warp();
    unsigned generation = warp.generation, bit = 1u << current->lane;
    if (!(mask & bit)) fail("%s: the calling lane %u is not in the mask %08x", operation, current->lane, mask);
    if (mask & ~warp.alive) fail("%s: the mask %08x names lanes that returned (alive %08x)", operation, mask, warp.alive);
    if (!warp.arrived) {
        warp.mask = mask;
        warp.operation = operation;
    } else if (warp.mask != mask || strcmp(warp.operation, operation)) {
        fail("%s: warp divergence, other lanes are in %s", operation, warp.operation);
    }
    copy_unseen(warp.slot[generation & 1][current->lane], value, bytes);
    const bool orders_memory = !strcmp(operation, "syncwarp"); // shuffles do not
    if (orders_memory) TSAN_RELEASE(&warp);
    warp.arrived |= bit;
    block->progress = true;
    if (warp.arrived == mask) {
        warp.arrived = 0;
        warp.generation++;
    } else {
        while (warp.generation == generation) wait_a_turn();
    }
    if (orders_memory) TSAN_ACQUIRE(&warp);
    return generation & 1;
}

void* dynamic_shared() {
    if (!block->dynamic_memory.data) fail("the kernel uses dynamic shared memory, the launch gives none");
    return block->dynamic_memory.data;
}

void* static_shared(const void* key, size_t bytes) {
    SharedMemory& memory = block->static_memory[key];
    if (!memory.data) {
        memory = {allocate_shared(bytes), bytes};
        memset(memory.data, 0xff, bytes);
        TSAN_RELEASE(memory.data);
    }
    // Filling the memory came before every use, whichever thread did it.
    TSAN_ACQUIRE(memory.data);
    return memory.data;
}

static void perform(const AsyncCopy& copy) {
    TSAN_WRITE(copy.to, 16);
    if (copy.inside) {
        TSAN_READ(copy.from, 16);
        memcpy(copy.to, copy.from, 16);
    } else {
        memset(copy.to, 0, 16);
    }
}

void copy_async_16(void* to, const void* from, bool inside) {
    uintptr_t addresses = reinterpret_cast<uintptr_t>(to) | (inside ? reinterpret_cast<uintptr_t>(from) : 0);
    if (addresses & 15) fail("cp.async: an address is not a multiple of 16");
    AsyncCopy copy{to, from, inside, block->running->copy_group};
    if (early_copies) perform(copy);
    else block->running->copies.push_back(copy);
}

void copy_async_commit() { block->running->copy_group++; }

void copy_async_wait(unsigned pending) {
    Fiber* fiber = block->running;
    size_t kept = 0;
    for (const AsyncCopy& copy : fiber->copies) {
        if (copy.group + pending < fiber->copy_group) perform(copy);
        else fiber->copies[kept++] = copy;
    }
    fiber->copies.resize(kept);
}

// ---- the scheduler

static void entry() {
    arrived(block->scheduler);
    block->call(block->arguments);
    TSAN_RELEASE(&block->alive);
    block->running->done = true;
    leave(true);
}

void Block::reset() {
    size_t count = size_t(block_dim.x) * block_dim.y * block_dim.z;
    if (stack_count != count) {
        if (stacks) munmap(stacks, stack_count * STACK_BYTES);
        stacks = static_cast<char*>(mmap(nullptr, count * STACK_BYTES, PROT_READ | PROT_WRITE,
                                         MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0));
        if (stacks == MAP_FAILED) abort();
        stack_count = count;
        fibers.resize(count);
        warps.resize((count + 31) / 32);
    }
    alive = unsigned(count);
    barrier_arrived = 0;
    failed = false;
    votes[0] = votes[1] = 0;
    // NaN in every format: reading what nobody wrote shows in the results.
    for (auto& memory : static_memory) memset(memory.second.data, 0xff, memory.second.bytes);
    if (dynamic_memory.data) memset(dynamic_memory.data, 0xff, dynamic_memory.bytes);
    for (Warp& warp : warps) warp.arrived = warp.alive = 0;
    for (size_t i = 0; i < count; i++) {
        Fiber& fiber = fibers[i];
        fiber.done = false;
        fiber.copies.clear();
        fiber.copy_group = 0;
        unsigned n = unsigned(i), row = n / block_dim.x;
        fiber.thread = {{n % block_dim.x, row % block_dim.y, row / block_dim.y}, n % 32, n / 32};
        warps[i / 32].alive |= 1u << (i % 32);
        prepare(fiber.context, stacks + i * STACK_BYTES, entry);
#if defined(EMU_TSAN)
        fiber.context.tsan = __tsan_create_fiber(0);
#endif
    }
}

size_t Block::order(size_t turn, unsigned schedule) const {
    if (schedule == 0) return turn;
    if (schedule == 1) return fibers.size() - 1 - turn;
    return (turn + 37 * schedule) % fibers.size();
}

void Block::finish(size_t fiber) {
    alive--;
    progress = true;
    warps[fiber / 32].alive &= ~(1u << (fiber % 32));
    // On the device a returned thread no longer counts for the barrier.
    if (!failed && alive && barrier_arrived == alive) {
        barrier_arrived = 0;
        barrier_generation++;
    }
}

void Block::run(unsigned schedule) {
    block = this;
    reset();
#if defined(EMU_TSAN)
    scheduler.tsan = __tsan_get_current_fiber();
#endif
    while (alive) {
        progress = false;
        for (size_t turn = 0; turn < fibers.size(); turn++) {
            size_t i = order(turn, schedule);
            if (fibers[i].done) continue;
            running = &fibers[i];
            current = &running->thread;
            switch_to(scheduler, running->context);
            if (running->done) finish(i);
        }
        if (!progress && !failed) {
            failed = true;
            char text[300];
            snprintf(text, sizeof text, "block (%u,%u,%u): deadlock, %u threads wait, %u of them at __syncthreads %s",
                     block_index.x, block_index.y, block_index.z, alive, barrier_arrived,
                     barrier_where ? barrier_where : "(none)");
            error = text;
        }
    }
    TSAN_ACQUIRE(&alive);
#if defined(EMU_TSAN)
    for (Fiber& fiber : fibers) __tsan_destroy_fiber(fiber.context.tsan);
#endif
}

} // namespace emu
