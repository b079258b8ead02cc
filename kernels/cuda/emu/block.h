// One CUDA block while it runs.
#pragma once
#include "cuda_emu.h"
#include "fiber.h"
#include <map>
#include <string>
#include <vector>

namespace emu {

struct AsyncCopy {
    void* to;
    const void* from;
    bool inside;
    unsigned group;
};

// A CUDA thread.
struct Fiber {
    Thread thread;
    Context context;
    bool done = false;
    std::vector<AsyncCopy> copies;
    unsigned copy_group = 0;
};

struct SharedMemory {
    void* data;
    size_t bytes;
};

// Kept by an OS thread over all blocks it runs, to reuse stacks and memory.
struct Block {
    std::vector<Fiber> fibers;
    std::vector<Warp> warps;
    Context scheduler;
    Fiber* running = nullptr;
    Call call = nullptr;
    void** arguments = nullptr;
    char* stacks = nullptr;
    size_t stack_count = 0;
    std::map<const void*, SharedMemory> static_memory;
    SharedMemory dynamic_memory{nullptr, 0};

    unsigned alive = 0;                            // threads not yet returned
    unsigned barrier_arrived = 0, barrier_generation = 0;
    const char* barrier_where = nullptr;
    int votes[2] = {0, 0};                         // of __syncthreads_count, used in turn
    bool progress = false;                         // since the scheduler last looked
    bool failed = false;
    std::string error;

    explicit Block(size_t dynamic_bytes);
    ~Block();
    Block(const Block&) = delete;
    void run(unsigned schedule);

  private:
    void reset();
    size_t order(size_t turn, unsigned schedule) const;
    void finish(size_t fiber);
};

} // namespace emu
