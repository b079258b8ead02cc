// Streams, events and copies of the driver stand-in: in which order things
// happen that a GPU may do at the same time. Part of `driver.cpp`.
#pragma once
#include "cuda_emu.h"
#include <atomic>
#include <chrono>
#include <cstdlib>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <unordered_map>
#include <vector>

typedef int Result; // CUresult
typedef unsigned long long DevicePointer;
typedef std::chrono::steady_clock Clock;

enum : Result {
    SUCCESS = 0,
    INVALID_VALUE = 1,
    OUT_OF_MEMORY = 2,
    INVALID_DEVICE = 101,
    INVALID_IMAGE = 200,
    NOT_FOUND = 500,
    NOT_READY = 600,
    LAUNCH_FAILED = 719,
    CAPTURE_UNSUPPORTED = 900,
};

typedef std::function<Result()> Operation;
struct Graph {
    std::vector<Operation> operations;
};
struct Executable {
    std::shared_ptr<Graph> graph;
};
struct Stream {
    Graph* capture = nullptr;
    bool is_first = false;
    std::deque<Operation> waiting;
    long long queued = 0, done = 0;
};
struct Event {
    Clock::time_point time;
    Stream* stream = nullptr;
    long long after = 0; // operations of the stream that come before it
};

static std::unordered_map<std::string, long long>& overrides() {
    static std::unordered_map<std::string, long long> values;
    return values;
}

static long long setting(const char* name, long long otherwise) {
    auto found = overrides().find(name);
    if (found != overrides().end()) return found->second;
    const char* text = getenv((std::string("SPINENAV_EMULATOR_") + name).c_str());
    return text && *text ? atoll(text) : otherwise;
}

static Stream null_stream;
// Once set, every call returns it, as after a fault on a device.
static std::atomic<Result> sticky_error{SUCCESS};

static Stream* stream_of(void* handle) {
    return reinterpret_cast<uintptr_t>(handle) < 16 ? &null_stream : static_cast<Stream*>(handle);
}

// All streams, and page-locked memory (start, bytes).
static std::set<Stream*> streams;
static std::map<const char*, size_t> pinned;

static bool is_first_made = false;
static bool is_late(const Stream* stream) {
    const long long mode = setting("STREAMS", 0);
    return mode == 1 || (mode == 2 && stream->is_first);
}

static bool is_pinned(const void* pointer) {
    auto after = pinned.upper_bound(static_cast<const char*>(pointer));
    return after != pinned.begin() && static_cast<const char*>(pointer) < std::prev(after)->first + std::prev(after)->second;
}

// Does what a stream has to do, up to `count` operations since its start.
static Result finish(Stream* stream, long long count) {
    while (stream->done < count && !stream->waiting.empty()) {
        Operation operation = std::move(stream->waiting.front());
        stream->waiting.pop_front();
        stream->done++;
        if (!sticky_error) operation();
    }
    return sticky_error;
}

static Result finish_all() {
    for (Stream* stream : streams) finish(stream, stream->queued);
    return finish(&null_stream, null_stream.queued);
}

static Result run(void* handle, Operation operation) {
    if (sticky_error) return sticky_error;
    Stream* stream = stream_of(handle);
    if (stream->capture) {
        stream->capture->operations.push_back(std::move(operation));
        return SUCCESS;
    }
    if (!is_late(stream)) return operation();
    stream->waiting.push_back(std::move(operation));
    stream->queued++;
    return SUCCESS;
}

static Result copy(void* stream, void* to, const void* from, size_t bytes) {
    return run(stream, [=] {
        memcpy(to, from, bytes);
        return SUCCESS;
    });
}

// Ordinary memory is read before the call returns, page-locked memory when
// the stream gets there.
static Result copy_in(void* stream, void* to, const void* from, size_t bytes) {
    if (is_pinned(from) || stream_of(stream)->capture) return copy(stream, to, from, bytes);
    auto staged = std::make_shared<std::vector<char>>(static_cast<const char*>(from), static_cast<const char*>(from) + bytes);
    return run(stream, [=] {
        memcpy(to, staged->data(), bytes);
        return SUCCESS;
    });
}

// A copy to ordinary memory waits for its stream.
static Result copy_out(void* stream, void* to, const void* from, size_t bytes) {
    Result result = copy(stream, to, from, bytes);
    if (result || is_pinned(to) || stream_of(stream)->capture) return result;
    return finish(stream_of(stream), stream_of(stream)->queued);
}
