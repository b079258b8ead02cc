// A voxel grid sampled on another one, as `kernels::resample` does on the CPU:
// integers are voxel centres, half a voxel beyond the outermost centres the
// border value holds, further out `outside`.
//
// For grids with parallel axes (kernels without `oblique`) the host computes where each destination index
// falls on each axis (`AxisSample`), in f64 and by the CPU's own rule, so both
// devices read the same voxels with the same weights and no f64 is needed
// here. Oblique grids are located in f64 per voxel.
#include "common.cuh"

namespace volume_resample {

// The source voxels on both sides of a destination index along one axis;
// lower is -1 outside the source.
struct __align__(16) AxisSample {
    int lower, upper;
    float fraction;
    int nearest;
};

// What a network is given: (clamp(value, low, high) - offset) / scale.
struct Window {
    float low, high, offset, scale;
};

DEVICE float apply_window(float value, const Window& window) {
    // Comparisons, not fminf: NaN stays NaN, as on the CPU.
    value = value < window.low ? window.low : value;
    value = value > window.high ? window.high : value;
    return (value - window.offset) / window.scale;
}

DEVICE float between(float a, float b, float t) { return a + (b - a) * t; }

DEVICE float blend_voxels(const float* __restrict__ source, uint32_t width, uint32_t height, const AxisSample& x,
                          const AxisSample& y, const AxisSample& z) {
    const float* const rows[4] = {
        source + (size_t(z.lower) * height + y.lower) * width,
        source + (size_t(z.lower) * height + y.upper) * width,
        source + (size_t(z.upper) * height + y.lower) * width,
        source + (size_t(z.upper) * height + y.upper) * width,
    };
    float along_x[4];
#pragma unroll
    for (int i = 0; i < 4; i++)
        along_x[i] = between(load_read_only(rows[i] + x.lower), load_read_only(rows[i] + x.upper), x.fraction);
    return between(between(along_x[0], along_x[1], y.fraction), between(along_x[2], along_x[3], y.fraction),
                   z.fraction);
}

DEVICE AxisSample locate(double coordinate, int length) {
    const double shifted = coordinate + 0.5;
    AxisSample at = {-1, -1, 0.0f, -1};
    if (shifted >= 0.0 && shifted < double(length)) { // false for NaN
        const double last = double(length - 1);
        const double inside = coordinate < 0.0 ? 0.0 : coordinate > last ? last : coordinate;
        at.nearest = int(shifted);
        at.lower = int(inside);
        at.upper = at.lower + 1 < length ? at.lower + 1 : length - 1;
        at.fraction = float(inside - double(at.lower));
    }
    return at;
}

// Row-major affine that maps a destination index (x, y, z, 1) to the source.
struct IndexAffine {
    double m[12];
};

DEVICE double source_coordinate(const IndexAffine& affine, int axis, uint32_t x, uint32_t y, uint32_t z) {
    const double* const row = affine.m + axis * 4;
    return row[0] * double(x) + (row[1] * double(y) + (row[2] * double(z) + row[3]));
}

// A destination voxel.
struct Destination {
    uint32_t x, y, z;
};

// That of this thread: one thread a voxel, x fastest.
DEVICE Destination destination(uint32_t index, uint32_t height, uint32_t width) {
    return {index % width, index / width % height, index / width / height};
}

// The three places of a destination voxel for any affine.
struct Places {
    AxisSample x, y, z;
};

DEVICE Places locate_all(const IndexAffine& affine, const Destination& at, uint32_t depth, uint32_t height,
                         uint32_t width) {
    return {locate(source_coordinate(affine, 0, at.x, at.y, at.z), int(width)),
            locate(source_coordinate(affine, 1, at.x, at.y, at.z), int(height)),
            locate(source_coordinate(affine, 2, at.x, at.y, at.z), int(depth))};
}

DEVICE bool is_inside(const Places& at) { return at.x.lower >= 0 && at.y.lower >= 0 && at.z.lower >= 0; }

// The linear sample, or `outside`, as the network sees it.
DEVICE float windowed_sample(const float* __restrict__ source, uint32_t height, uint32_t width, const Places& at,
                             float outside, const Window& window) {
    return apply_window(is_inside(at) ? blend_voxels(source, width, height, at.x, at.y, at.z) : outside, window);
}

struct ResampleLinearParameters {
    const float* __restrict__ source;
    const AxisSample* __restrict__ places;
    float* __restrict__ result;
    uint32_t source_height;
    uint32_t source_width;
    uint32_t depth;
    uint32_t height;
    uint32_t width;
    float outside;
    Window window;
};

// One thread a destination voxel; `places` holds the AxisSamples of x (width
// of the destination), then y, then z.
KERNEL(256, 4) resample_linear(const ResampleLinearParameters p) {
    const uint32_t index = blockIdx.x * 256 + threadIdx.x;
    if (index >= p.depth * p.height * p.width) return;
    const Destination to = destination(index, p.height, p.width);
    const Places at = {p.places[to.x], p.places[p.width + to.y], p.places[p.width + p.height + to.z]};
    p.result[index] = windowed_sample(p.source, p.source_height, p.source_width, at, p.outside, p.window);
}
REGISTER_KERNEL(resample_linear, 256);

struct ResampleLinearObliqueParameters {
    const float* __restrict__ source;
    float* __restrict__ result;
    IndexAffine source_from_result;
    uint32_t source_depth;
    uint32_t source_height;
    uint32_t source_width;
    uint32_t depth;
    uint32_t height;
    uint32_t width;
    float outside;
    Window window;
};

// Any affine, for gantry tilt and oblique slices.
KERNEL(256, 3) resample_linear_oblique(const ResampleLinearObliqueParameters p) {
    const uint32_t index = blockIdx.x * 256 + threadIdx.x;
    if (index >= p.depth * p.height * p.width) return;
    const Places at = locate_all(p.source_from_result, destination(index, p.height, p.width), p.source_depth,
                                 p.source_height, p.source_width);
    p.result[index] = windowed_sample(p.source, p.source_height, p.source_width, at, p.outside, p.window);
}
REGISTER_KERNEL(resample_linear_oblique, 256);

// Labels: the voxel whose box holds the point.
DEVICE uint8_t label_at(const uint8_t* __restrict__ source, uint32_t height, uint32_t width, int x, int y, int z,
                        uint32_t outside) {
    const bool is_inside = x >= 0 && y >= 0 && z >= 0;
    return is_inside ? source[(size_t(z) * height + y) * width + x] : uint8_t(outside);
}

struct ResampleLabelsParameters {
    const uint8_t* __restrict__ source;
    const AxisSample* __restrict__ places; // as of resample_linear
    uint8_t* __restrict__ result;
    uint32_t source_height;
    uint32_t source_width;
    uint32_t depth;
    uint32_t height;
    uint32_t width;
    uint32_t outside;
};

KERNEL(256, 4) resample_labels(const ResampleLabelsParameters p) {
    const uint32_t index = blockIdx.x * 256 + threadIdx.x;
    if (index >= p.depth * p.height * p.width) return;
    const Destination to = destination(index, p.height, p.width);
    const int x = p.places[to.x].nearest, y = p.places[p.width + to.y].nearest,
              z = p.places[p.width + p.height + to.z].nearest;
    p.result[index] = label_at(p.source, p.source_height, p.source_width, x, y, z, p.outside);
}
REGISTER_KERNEL(resample_labels, 256);

struct ResampleLabelsObliqueParameters {
    const uint8_t* __restrict__ source;
    uint8_t* __restrict__ result;
    IndexAffine source_from_result;
    uint32_t source_depth;
    uint32_t source_height;
    uint32_t source_width;
    uint32_t depth;
    uint32_t height;
    uint32_t width;
    uint32_t outside;
};

KERNEL(256, 4) resample_labels_oblique(const ResampleLabelsObliqueParameters p) {
    const uint32_t index = blockIdx.x * 256 + threadIdx.x;
    if (index >= p.depth * p.height * p.width) return;
    const Places at = locate_all(p.source_from_result, destination(index, p.height, p.width), p.source_depth,
                                 p.source_height, p.source_width);
    p.result[index] = label_at(p.source, p.source_height, p.source_width, at.x.nearest, at.y.nearest, at.z.nearest,
                               p.outside);
}
REGISTER_KERNEL(resample_labels_oblique, 256);

struct ConvertStoredHuParameters {
    const int16_t* __restrict__ stored;
    float* __restrict__ hu;
    uint32_t voxels;
};

// Stored Hounsfield units to f32: half the bytes over the bus.
KERNEL(256, 4) convert_stored_hu(const ConvertStoredHuParameters p) {
    const uint32_t index = blockIdx.x * 256 + threadIdx.x;
    if (index < p.voxels) p.hu[index] = float(p.stored[index]);
}
REGISTER_KERNEL(convert_stored_hu, 256);

} // namespace volume_resample
