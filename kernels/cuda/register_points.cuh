// What the kernels for registration share: a pose and a found neighbour.
#pragma once
#include "common.cuh"

namespace register_points {

// A found neighbour is one 64-bit key, the bits of the squared distance above
// the index: distances are not negative, so keys order as distances do, and
// the smallest of several is found with atomicMin, the same in every run.
typedef unsigned long long Key;

// No neighbour: a query that is not finite, or nothing within reach. Its
// distance reads as NaN.
constexpr Key NOTHING = ~0ull;

DEVICE Key key_of(float squared, uint32_t index) { return Key(uint32_t(__float_as_int(squared))) << 32 | index; }

DEVICE float squared_of(Key key) { return __int_as_float(int(uint32_t(key >> 32))); }

// Row-major rotation about the centroid, then the place of the centroid.
struct Placement {
    float rotation[9], centre[3];
};

} // namespace register_points
