// Runs the blocks of a grid on the machine's threads.
#include "block.h"
#include <atomic>
#include <mutex>
#include <thread>

namespace emu {

Kernel* Kernel::first = nullptr;
void set_early_copies(bool early);

static thread_local std::string launch_error;
static unsigned schedule_in_use = 0;

// CUresult values.
constexpr int INVALID_VALUE = 1, LAUNCH_FAILED = 719;
// What sm_80 and later grant with the opt-in attribute (sm_86 and sm_89).
constexpr unsigned MAX_SHARED_BYTES = 99 * 1024;

const char* last_error() { return launch_error.c_str(); }

void set_schedule(unsigned schedule) {
    schedule_in_use = schedule;
    set_early_copies(schedule == 1);
}

const Kernel* find_kernel(const char* name) {
    for (const Kernel* kernel = Kernel::first; kernel; kernel = kernel->next)
        if (!strcmp(kernel->name, name)) return kernel;
    return nullptr;
}

static bool is_possible(const Kernel& kernel, Dim3 grid, Dim3 block, unsigned shared_bytes) {
    size_t threads = size_t(block.x) * block.y * block.z;
    return threads > 0 && threads <= kernel.max_threads && shared_bytes <= MAX_SHARED_BYTES && grid.x > 0 && grid.y > 0 &&
           grid.z > 0 && grid.x <= 0x7fffffffu && grid.y <= 65535 && grid.z <= 65535;
}

int launch(const Kernel& kernel, Dim3 grid, Dim3 block, unsigned shared_bytes, void** arguments) {
    if (!is_possible(kernel, grid, block, shared_bytes)) {
        char text[200];
        snprintf(text, sizeof text, "%s: grid (%u,%u,%u), block (%u,%u,%u) of at most %u threads, %u bytes shared",
                 kernel.name, grid.x, grid.y, grid.z, block.x, block.y, block.z, kernel.max_threads, shared_bytes);
        launch_error = text;
        return INVALID_VALUE;
    }
    const size_t total = size_t(grid.x) * grid.y * grid.z;
    std::atomic<size_t> next{0};
    std::atomic<bool> stop{false};
    std::mutex mutex;
    std::string error;
    auto work = [&] {
        Block state(shared_bytes);
        state.call = kernel.call;
        state.arguments = arguments;
        block_dim = block;
        grid_dim = grid;
        for (size_t i; !stop && (i = next++) < total;) {
            block_index = {unsigned(i % grid.x), unsigned(i / grid.x % grid.y), unsigned(i / (size_t(grid.x) * grid.y))};
            state.run(schedule_in_use);
            if (!state.failed) continue;
            std::lock_guard<std::mutex> lock(mutex);
            if (error.empty()) error = state.error;
            stop = true;
        }
    };
#if defined(EMU_TSAN)
    work(); // fibers of one OS thread: the races inside a block are the point
#else
    size_t threads = std::min<size_t>(std::max(1u, std::thread::hardware_concurrency()), total);
    std::vector<std::thread> helpers;
    for (size_t i = 1; i < threads; i++) helpers.emplace_back(work);
    work();
    for (std::thread& helper : helpers) helper.join();
#endif
    if (error.empty()) return 0;
    launch_error = std::string(kernel.name) + ": " + error;
    return LAUNCH_FAILED;
}

} // namespace emu
