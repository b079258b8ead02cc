// A libcuda.so.1 without a GPU: the part of the driver interface that the
// crate calls, backed by the kernels compiled into this library. Device
// memory is host memory, poisoned and allocated to the byte; streams finish
// at once, or as late as events and waits allow; a capture records and a
// graph replays.
//
// Settings, from the environment or by `emulator_set` (without the prefix):
//   SPINENAV_EMULATOR_FAIL_AFTER  after so many kernel launches every call
//                                 returns CUDA_ERROR_LAUNCH_FAILED, as a lost
//                                 device does; -1 (default): never
//   SPINENAV_EMULATOR_MEMORY      bytes of the device (default 2 GiB)
//   SPINENAV_EMULATOR_CAPABILITY  such as 75 (default 80)
//   SPINENAV_EMULATOR_DRIVER      CUDA version of the driver (default 13000)
//   SPINENAV_EMULATOR_DEVICES     GPUs (default 1)
//   SPINENAV_EMULATOR_SCHEDULE    order of threads and copies (`set_schedule`)
//   SPINENAV_EMULATOR_STREAMS     1: a stream does nothing before something
//                                 waits for it; 2: only the first stream made
//                                 since is like that, others run ahead of it
//                                 (default 0: everything at once)
#include "streams.h"
#include <mutex>

static std::mutex mutex;

static void* context_in_use = nullptr;
static std::atomic<long long> launches{0}, allocations{0};
static std::atomic<long long> launches_until_fault{setting("FAIL_AFTER", -1)};
static std::string last_message;
static std::unordered_map<DevicePointer, size_t> memory;
static std::unordered_map<const void*, int> dynamic_shared_limit;
static size_t memory_in_use = 0;

static size_t device_memory() { return size_t(setting("MEMORY", 2ll << 30)); }
static Result allocate(DevicePointer* pointer, size_t bytes) {
    if (sticky_error) return sticky_error;
    if (bytes == 0) return INVALID_VALUE;
    std::lock_guard<std::mutex> lock(mutex);
    if (memory_in_use + bytes > device_memory()) return OUT_OF_MEMORY;
    void* data = nullptr;
    if (posix_memalign(&data, 256, bytes)) return OUT_OF_MEMORY;
    memset(data, 0xff, bytes);
    *pointer = reinterpret_cast<DevicePointer>(data);
    memory[*pointer] = bytes;
    memory_in_use += bytes;
    allocations++;
    return SUCCESS;
}

static Result release(DevicePointer pointer) {
    std::lock_guard<std::mutex> lock(mutex);
    auto found = memory.find(pointer);
    if (found == memory.end()) return INVALID_VALUE;
    memory_in_use -= found->second;
    memory.erase(found);
    free(reinterpret_cast<void*>(pointer));
    return SUCCESS;
}

static Result execute(const emu::Kernel& kernel, emu::Dim3 grid, emu::Dim3 block, unsigned shared, void** arguments) {
    launches++;
    if (launches_until_fault >= 0 && launches_until_fault-- == 0) {
        sticky_error = LAUNCH_FAILED;
        std::lock_guard<std::mutex> lock(mutex);
        last_message = "injected fault";
        return LAUNCH_FAILED;
    }
    Result result = emu::launch(kernel, grid, block, shared, arguments);
    if (result) {
        sticky_error = result;
        std::lock_guard<std::mutex> lock(mutex);
        last_message = emu::last_error();
        fprintf(stderr, "[emulator] %s\n", last_message.c_str());
    }
    return result;
}

static void* at(DevicePointer pointer) { return reinterpret_cast<void*>(pointer); }

extern "C" {

// ---- for tests, not part of CUDA
// Changes a setting, such as FAIL_AFTER (counted from now; it also takes a
// fault away) or SCHEDULE.
void emulator_set(const char* name, long long value) {
    overrides()[name] = value;
    if (!strcmp(name, "FAIL_AFTER")) {
        sticky_error = SUCCESS;
        launches_until_fault = value;
    }
    if (!strcmp(name, "SCHEDULE")) emu::set_schedule(unsigned(value));
    if (!strcmp(name, "STREAMS")) is_first_made = false;
}
// Starts a kernel without the driver; 0, or a CUresult explained by `emulator_error`.
int emulator_launch(const char* name, unsigned blocks, unsigned threads, unsigned shared, void** arguments) {
    const emu::Kernel* kernel = emu::find_kernel(name);
    return kernel ? emu::launch(*kernel, {blocks, 1, 1}, {threads, 1, 1}, shared, arguments) : NOT_FOUND;
}
const char* emulator_error() { return emu::last_error(); }
long long emulator_launches() { return launches; }
// Calls that allocated device memory since the start.
long long emulator_allocations() { return allocations; }
long long emulator_memory_in_use() {
    std::lock_guard<std::mutex> lock(mutex);
    return (long long)memory_in_use;
}

// ---- the driver
Result cuInit(unsigned) {
    emu::set_schedule(unsigned(setting("SCHEDULE", 0)));
    return SUCCESS;
}
Result cuDriverGetVersion(int* version) { return *version = int(setting("DRIVER", 13000)), SUCCESS; }
Result cuDeviceGetCount(int* count) { return *count = int(setting("DEVICES", 1)), SUCCESS; }
Result cuDeviceGet(int* device, int ordinal) { return *device = ordinal, ordinal ? INVALID_DEVICE : SUCCESS; }
Result cuDeviceGetName(char* name, int length, int) {
    snprintf(name, size_t(length), "CUDA emulator");
    return SUCCESS;
}
Result cuDeviceTotalMem_v2(size_t* bytes, int) { return *bytes = device_memory(), SUCCESS; }
Result cuMemGetInfo_v2(size_t* available, size_t* total) {
    std::lock_guard<std::mutex> lock(mutex);
    *total = device_memory();
    *available = *total - memory_in_use;
    return sticky_error;
}
Result cuDeviceGetUuid_v2(char* uuid, int) { return memset(uuid, 7, 16), SUCCESS; }
Result cuDeviceGetAttribute(int* value, int attribute, int) {
    int capability = int(setting("CAPABILITY", 80));
    switch (attribute) {
    case 1: *value = 1024; break;             // MAX_THREADS_PER_BLOCK
    case 8: *value = 48 * 1024; break;        // MAX_SHARED_MEMORY_PER_BLOCK
    case 10: *value = 32; break;              // WARP_SIZE
    case 16: *value = 4; break;               // MULTIPROCESSOR_COUNT
    case 75: *value = capability / 10; break; // COMPUTE_CAPABILITY_MAJOR
    case 76: *value = capability % 10; break; // COMPUTE_CAPABILITY_MINOR
    case 97: *value = 99 * 1024; break;       // MAX_SHARED_MEMORY_PER_BLOCK_OPTIN
    case 115: *value = 1; break;              // MEMORY_POOLS_SUPPORTED
    default: *value = 0;
    }
    return SUCCESS;
}
Result cuDeviceGetDefaultMemPool(void** pool, int) { return *pool = reinterpret_cast<void*>(0x2000), SUCCESS; }
Result cuMemPoolSetAttribute(void*, int, void*) { return SUCCESS; }
Result cuDevicePrimaryCtxRetain(void** context, int) { return *context = reinterpret_cast<void*>(0x1000), SUCCESS; }
Result cuDevicePrimaryCtxRelease_v2(int) { return SUCCESS; }
Result cuCtxSetCurrent(void* context) { return context_in_use = context, SUCCESS; }
Result cuCtxGetCurrent(void** context) { return *context = context_in_use, SUCCESS; }
Result cuCtxSynchronize() { return finish_all(); }

Result cuStreamCreate(void** stream, unsigned) {
    Stream* made = new Stream;
    made->is_first = !is_first_made;
    is_first_made = true;
    streams.insert(made);
    return *stream = made, sticky_error.load();
}
Result cuStreamCreateWithPriority(void** stream, unsigned flags, int) { return cuStreamCreate(stream, flags); }
Result cuStreamDestroy_v2(void* handle) {
    Stream* stream = static_cast<Stream*>(handle);
    finish(stream, stream->queued);
    streams.erase(stream);
    return delete stream, SUCCESS;
}
Result cuStreamSynchronize(void* stream) { return finish(stream_of(stream), stream_of(stream)->queued); }
Result cuStreamWaitEvent(void* stream, void* handle, unsigned) {
    const Event event = *static_cast<Event*>(handle);
    return run(stream, [=] { return streams.count(event.stream) ? finish(event.stream, event.after) : SUCCESS; });
}

Result cuEventCreate(void** event, unsigned) { return *event = new Event, sticky_error.load(); }
Result cuEventDestroy_v2(void* event) { return delete static_cast<Event*>(event), SUCCESS; }
Result cuEventRecord(void* handle, void* stream) {
    Event* event = static_cast<Event*>(handle);
    event->time = Clock::now();
    event->stream = stream_of(stream);
    event->after = event->stream->queued;
    return sticky_error;
}
Result cuEventSynchronize(void* handle) {
    const Event event = *static_cast<Event*>(handle);
    return streams.count(event.stream) ? finish(event.stream, event.after) : sticky_error.load();
}
Result cuEventQuery(void* handle) {
    const Event event = *static_cast<Event*>(handle);
    if (sticky_error) return sticky_error;
    return streams.count(event.stream) && event.stream->done < event.after ? NOT_READY : SUCCESS;
}
Result cuEventElapsedTime(float* ms, void* from, void* to) {
    auto elapsed = static_cast<Event*>(to)->time - static_cast<Event*>(from)->time;
    *ms = std::chrono::duration<float, std::milli>(elapsed).count();
    return sticky_error;
}
Result cuEventElapsedTime_v2(float* ms, void* from, void* to) { return cuEventElapsedTime(ms, from, to); }

Result cuMemAlloc_v2(DevicePointer* pointer, size_t bytes) { return allocate(pointer, bytes); }
Result cuMemAllocAsync(DevicePointer* pointer, size_t bytes, void*) { return allocate(pointer, bytes); }
Result cuMemFree_v2(DevicePointer pointer) {
    finish_all();
    return release(pointer);
}
Result cuMemFreeAsync(DevicePointer pointer, void* stream) {
    if (sticky_error || !is_late(stream_of(stream))) return release(pointer);
    return run(stream, [=] { return release(pointer); });
}
Result cuMemHostAlloc(void** pointer, size_t bytes, unsigned) {
    if (sticky_error) return sticky_error;
    if (posix_memalign(pointer, 4096, bytes ? bytes : 1)) return OUT_OF_MEMORY;
    allocations++;
    memset(*pointer, 0xff, bytes);
    pinned[static_cast<const char*>(*pointer)] = bytes;
    return SUCCESS;
}
Result cuMemFreeHost(void* pointer) {
    pinned.erase(static_cast<const char*>(pointer));
    return free(pointer), SUCCESS;
}
Result cuMemcpyHtoDAsync_v2(DevicePointer to, const void* from, size_t n, void* s) { return copy_in(s, at(to), from, n); }
Result cuMemcpyDtoHAsync_v2(void* to, DevicePointer from, size_t n, void* s) { return copy_out(s, to, at(from), n); }
Result cuMemcpyDtoDAsync_v2(DevicePointer to, DevicePointer from, size_t n, void* s) { return copy(s, at(to), at(from), n); }
Result cuMemcpyHtoD_v2(DevicePointer to, const void* from, size_t n) {
    finish_all();
    return memcpy(at(to), from, n), sticky_error.load();
}
Result cuMemcpyDtoH_v2(void* to, DevicePointer from, size_t n) {
    finish_all();
    return memcpy(to, at(from), n), sticky_error.load();
}
Result cuMemsetD8Async(DevicePointer to, unsigned char value, size_t n, void* stream) {
    return run(stream, [=] { return memset(at(to), value, n), SUCCESS; });
}
Result cuMemsetD8_v2(DevicePointer to, unsigned char value, size_t n) { return cuMemsetD8Async(to, value, n, nullptr); }

Result cuModuleLoadData(void** module, const void* image) {
    const unsigned char* bytes = static_cast<const unsigned char*>(image);
    const bool elf = !memcmp(bytes, "\x7f" "ELF", 4), fat = !memcmp(bytes, "\x50\xed\x55\xba", 4);
    *module = reinterpret_cast<void*>(1); // the kernels of this library, whatever the image holds
    return elf || fat ? sticky_error.load() : INVALID_IMAGE;
}
Result cuModuleUnload(void*) { return SUCCESS; }
Result cuModuleGetFunction(const void** function, void*, const char* name) {
    *function = emu::find_kernel(name);
    return *function ? SUCCESS : NOT_FOUND;
}
Result cuFuncGetAttribute(int* value, int attribute, const emu::Kernel* kernel) {
    *value = attribute == 0 ? int(kernel->max_threads) : attribute == 4 ? 64 : 0;
    return SUCCESS;
}
Result cuFuncSetAttribute(const void* function, int attribute, int value) {
    if (attribute != 8) return SUCCESS; // MAX_DYNAMIC_SHARED_SIZE_BYTES
    if (value > 99 * 1024) return INVALID_VALUE;
    std::lock_guard<std::mutex> lock(mutex);
    dynamic_shared_limit[function] = value;
    return SUCCESS;
}
Result cuGetErrorName(Result error, const char** text) {
    static thread_local std::string name;
    name = error == LAUNCH_FAILED ? "CUDA_ERROR_LAUNCH_FAILED" : "CUDA_ERROR_" + std::to_string(error);
    return *text = name.c_str(), SUCCESS;
}
Result cuGetErrorString(Result error, const char** text) {
    static thread_local std::string message;
    std::lock_guard<std::mutex> lock(mutex);
    message = "emulator: " + (last_message.empty() ? std::to_string(error) : last_message);
    return *text = message.c_str(), SUCCESS;
}

Result cuLaunchKernel(const emu::Kernel* kernel, unsigned gx, unsigned gy, unsigned gz, unsigned bx, unsigned by,
                      unsigned bz, unsigned shared, void* stream, void** parameters, void**) {
    {
        // Without the opt-in attribute a block gets 48 KiB.
        std::lock_guard<std::mutex> lock(mutex);
        auto limit = dynamic_shared_limit.find(kernel);
        if (shared > 48 * 1024 && (limit == dynamic_shared_limit.end() || unsigned(limit->second) < shared))
            return INVALID_VALUE;
    }
    // Arguments are copied now: a graph replays what was passed at capture.
    std::vector<std::vector<uint64_t>> values(size_t(kernel->arguments));
    for (size_t i = 0; i < values.size(); i++) {
        values[i].resize((kernel->argument_bytes[i] + 7) / 8);
        memcpy(values[i].data(), parameters[i], kernel->argument_bytes[i]);
    }
    return run(stream, [=]() mutable {
        std::vector<void*> addresses;
        for (auto& value : values) addresses.push_back(value.data());
        return execute(*kernel, {gx, gy, gz}, {bx, by, bz}, shared, addresses.data());
    });
}

Result cuStreamBeginCapture_v2(void* stream, int) {
    if (sticky_error) return sticky_error;
    if (stream_of(stream)->capture) return CAPTURE_UNSUPPORTED;
    return stream_of(stream)->capture = new Graph, SUCCESS;
}
Result cuStreamEndCapture(void* stream, void** graph) {
    *graph = stream_of(stream)->capture;
    stream_of(stream)->capture = nullptr;
    return sticky_error;
}
Result cuStreamIsCapturing(void* stream, int* status) { return *status = stream_of(stream)->capture != nullptr, SUCCESS; }
Result cuGraphInstantiateWithFlags(void** executable, void* graph, unsigned long long) {
    *executable = new Executable{std::make_shared<Graph>(*static_cast<Graph*>(graph))};
    return sticky_error;
}
Result cuGraphExecDestroy(void* executable) { return delete static_cast<Executable*>(executable), SUCCESS; }
Result cuGraphDestroy(void* graph) { return delete static_cast<Graph*>(graph), SUCCESS; }
Result cuGraphUpload(void*, void*) { return sticky_error; }
Result cuGraphLaunch(void* executable, void* stream) {
    if (sticky_error) return sticky_error;
    std::shared_ptr<Graph> graph = static_cast<Executable*>(executable)->graph;
    return run(stream, [=] {
        for (auto& operation : graph->operations)
            if (operation()) break; // a graph's fault shows at the next call, as on a device
        return SUCCESS;
    });
}
}
