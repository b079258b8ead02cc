// Digitally reconstructed radiographs: what an X-ray of the CT would show.
//
// Each pixel is the line integral of attenuation from the source to its place
// on the detector (Siddon 1985, doi:10.1118/1.595715, states the integral; we
// sample it trilinearly at even steps, which varies smoothly with the pose, as
// a registration needs). HU are turned into attenuation relative to water,
// 1 + HU / 1000, nothing below air.
#include "common.cuh"

namespace volume_radiograph {

// All in voxel indices (x, y, z) of the CT, integers at voxel centres.
struct Camera {
    float source[3];
    float corner[3];   // middle of the first pixel
    float column[3];   // from a pixel to the next in its row
    float row[3];      // from a row to the next
    float voxel_mm[3]; // size of a voxel along x, y, z
    float step_mm;
};

DEVICE float attenuation(const float* __restrict__ hu, uint32_t width, uint32_t height, uint32_t x, uint32_t y,
                         uint32_t z) {
    return fmaxf(1.0f + load_read_only(hu + (size_t(z) * height + y) * width + x) * 1e-3f, 0.0f);
}

// Attenuation at a point; the caller keeps it within the voxel centres.
DEVICE float attenuation_at(const float* __restrict__ hu, const uint32_t (&size)[3], const float (&at)[3]) {
    uint32_t low[3], high[3];
    float share[3];
#pragma unroll
    for (int axis = 0; axis < 3; axis++) {
        const float last = float(size[axis] - 1), inside = fminf(fmaxf(at[axis], 0.0f), last);
        low[axis] = uint32_t(inside);
        high[axis] = low[axis] + 1 < size[axis] ? low[axis] + 1 : size[axis] - 1;
        share[axis] = inside - float(low[axis]);
    }
    float planes[2];
#pragma unroll
    for (int k = 0; k < 2; k++) {
        const uint32_t z = k ? high[2] : low[2];
        float rows[2];
#pragma unroll
        for (int j = 0; j < 2; j++) {
            const uint32_t y = j ? high[1] : low[1];
            const float a = attenuation(hu, size[0], size[1], low[0], y, z);
            rows[j] = a + (attenuation(hu, size[0], size[1], high[0], y, z) - a) * share[0];
        }
        planes[k] = rows[0] + (rows[1] - rows[0]) * share[1];
    }
    return planes[0] + (planes[1] - planes[0]) * share[2];
}

struct RadiographParameters {
    const float* __restrict__ hu;
    float* __restrict__ image;
    uint32_t depth;
    uint32_t height;
    uint32_t width;
    uint32_t image_height;
    uint32_t image_width;
    Camera camera;
};

// One thread a pixel, blocks of 16 x 16. The result is in millimetres of water.
KERNEL(256, 3) radiograph(const RadiographParameters p) {
    const uint32_t tiles = (p.image_width + 15) / 16;
    const uint32_t u = blockIdx.x % tiles * 16 + threadIdx.x % 16, v = blockIdx.x / tiles * 16 + threadIdx.x / 16;
    if (u >= p.image_width || v >= p.image_height) return;
    const uint32_t size[3] = {p.width, p.height, p.depth};
    float direction[3], length_squared = 0.0f, enter = 0.0f, leave = 1.0f;
#pragma unroll
    for (int axis = 0; axis < 3; axis++) {
        const float pixel = p.camera.corner[axis] + float(u) * p.camera.column[axis] + float(v) * p.camera.row[axis];
        direction[axis] = pixel - p.camera.source[axis];
        const float mm = direction[axis] * p.camera.voxel_mm[axis];
        length_squared += mm * mm;
        // The part of the ray between the outermost voxel centres.
        const float low = -p.camera.source[axis], high = float(size[axis] - 1) - p.camera.source[axis];
        if (direction[axis] != 0.0f) {
            const float a = low / direction[axis], b = high / direction[axis];
            enter = fmaxf(enter, fminf(a, b));
            leave = fminf(leave, fmaxf(a, b));
        } else if (low > 0.0f || high < 0.0f) {
            leave = -1.0f;
        }
    }
    float sum = 0.0f;
    if (enter < leave) {
        const float length_mm = sqrtf(length_squared) * (leave - enter);
        // At least one step; the host bounds the detector, so no more than 2^20.
        const int steps = int(fminf(fmaxf(ceilf(length_mm / p.camera.step_mm), 1.0f), 1048576.0f));
        const float share = (leave - enter) / float(steps);
        for (int i = 0; i < steps; i++) {
            const float along = enter + (float(i) + 0.5f) * share;
            float at[3];
#pragma unroll
            for (int axis = 0; axis < 3; axis++) at[axis] = p.camera.source[axis] + along * direction[axis];
            sum += attenuation_at(p.hu, size, at);
        }
        sum *= length_mm / float(steps);
    }
    p.image[v * p.image_width + u] = sum;
}
REGISTER_KERNEL(radiograph, 256);

} // namespace volume_radiograph
