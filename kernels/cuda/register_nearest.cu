// For each placed source point the nearest target point, exactly, the lowest
// index among equals. Points are x, y, z in mm.
//
#include "register_points.cuh"

namespace register_points {

constexpr int TILE = 256;

struct Position {
    float x, y, z;
};

DEVICE Position place(const Placement& p, const float* __restrict__ offset) {
    const float x = offset[0], y = offset[1], z = offset[2];
    const float* const r = p.rotation;
    return {r[0] * x + r[1] * y + r[2] * z + p.centre[0], r[3] * x + r[4] * y + r[5] * z + p.centre[1],
            r[6] * x + r[7] * y + r[8] * z + p.centre[2]};
}

DEVICE float squared_distance(const Position& a, float x, float y, float z) {
    const float dx = a.x - x, dy = a.y - y, dz = a.z - z;
    return dx * dx + dy * dy + dz * dz;
}

struct NothingFoundParameters {
    Key* __restrict__ keys;
    uint32_t sources;
};

KERNEL(256, 4) nothing_found(const NothingFoundParameters p) {
    const uint32_t source = blockIdx.x * 256 + threadIdx.x;
    if (source < p.sources) p.keys[source] = NOTHING;
}
REGISTER_KERNEL(nothing_found, 256);

struct NearestOfAllParameters {
    const float* __restrict__ offsets;
    const float* __restrict__ targets;
    Key* __restrict__ keys;
    uint32_t sources;
    uint32_t target_count;
    uint32_t stretch;
    Placement placement;
};

// Looks at every target point: for a few thousand of them. Blocks: x over 256
// source points each, y over stretches of `stretch` target points (a multiple
// of TILE), so that few source points still fill the device. `keys` start as
// NOTHING.
KERNEL(256, 4) nearest_of_all(const NearestOfAllParameters p) {
    SHARED_ARRAY(float, tile, TILE * 3);
    const uint32_t source = blockIdx.x * 256 + threadIdx.x;
    Position at = {0.0f, 0.0f, 0.0f};
    if (source < p.sources) at = place(p.placement, p.offsets + size_t(source) * 3);
    const uint32_t first = blockIdx.y * p.stretch;
    const uint32_t end = first + p.stretch < p.target_count ? first + p.stretch : p.target_count;
    float nearest = INFINITY;
    uint32_t index = 0;
    for (uint32_t start = first; start < end; start += TILE) {
        const uint32_t count = end - start < TILE ? end - start : TILE;
        __syncthreads();
        for (uint32_t i = threadIdx.x; i < count * 3; i += 256) tile[i] = p.targets[size_t(start) * 3 + i];
        __syncthreads();
        for (uint32_t i = 0; i < count; i++) {
            const float squared = squared_distance(at, tile[i * 3], tile[i * 3 + 1], tile[i * 3 + 2]);
            if (squared < nearest) { // false for NaN
                nearest = squared;
                index = start + i;
            }
        }
    }
    if (source < p.sources && nearest < INFINITY) atomicMin(p.keys + source, key_of(nearest, index));
}
REGISTER_KERNEL(nearest_of_all, 256);

// A box of cells around the target points; cell (x, y, z) holds the points
// `order[first[cell] .. first[cell + 1]]`.
struct Buckets {
    float low[3];
    float cell_mm;
    int size[3]; // cells along x, y, z
};

DEVICE int cell_along(const Buckets& box, int axis, float coordinate) {
    const float at = (coordinate - box.low[axis]) / box.cell_mm;
    // Clamped before the cast: far away and NaN are cell 0 or the last.
    return int(fminf(fmaxf(at, 0.0f), float(box.size[axis] - 1)));
}

DEVICE uint32_t cell_of(const Buckets& box, const float* __restrict__ point) {
    return (uint32_t(cell_along(box, 2, point[2])) * box.size[1] + cell_along(box, 1, point[1])) * box.size[0] +
           cell_along(box, 0, point[0]);
}

struct BucketsCountParameters {
    const float* __restrict__ targets;
    uint32_t* __restrict__ counts;
    uint32_t target_count;
    Buckets box;
};

// How many points each cell gets; `counts` start as 0.
KERNEL(256, 4) buckets_count(const BucketsCountParameters p) {
    const uint32_t point = blockIdx.x * 256 + threadIdx.x;
    if (point < p.target_count) atomicAdd(p.counts + cell_of(p.box, p.targets + size_t(point) * 3), 1u);
}
REGISTER_KERNEL(buckets_count, 256);

struct BucketsFillParameters {
    const float* __restrict__ targets;
    uint32_t* __restrict__ next;
    uint32_t* __restrict__ order;
    uint32_t target_count;
    Buckets box;
};

// Puts the points into their cells. `next` starts as the prefix sums of the
// counts and ends as the ends of the cells. The order within a cell changes
// from run to run; what is found does not, because keys break ties.
KERNEL(256, 4) buckets_fill(const BucketsFillParameters p) {
    const uint32_t point = blockIdx.x * 256 + threadIdx.x;
    if (point < p.target_count) p.order[atomicAdd(p.next + cell_of(p.box, p.targets + size_t(point) * 3), 1u)] = point;
}
REGISTER_KERNEL(buckets_fill, 256);

DEVICE Key nearest_in_row(const Position& at, const float* __restrict__ targets, const uint32_t* __restrict__ order,
                          uint32_t begin, uint32_t end, Key best) {
    for (uint32_t i = begin; i < end; i++) {
        const uint32_t index = order[i];
        const float* const p = targets + size_t(index) * 3;
        const float squared = squared_distance(at, p[0], p[1], p[2]);
        if (squared < INFINITY) best = min(best, key_of(squared, index));
    }
    return best;
}

struct NearestInBucketsParameters {
    const float* __restrict__ offsets;
    const float* __restrict__ targets;
    const uint32_t* __restrict__ ends;
    const uint32_t* __restrict__ order;
    Key* __restrict__ keys;
    uint32_t sources;
    Buckets box;
    float max_mm;
    Placement placement;
};

// Exact nearest point within `max_mm`: shells of cells around the query's
// until no further cell can hold a nearer point (Bentley, Weide & Yao 1980,
// doi:10.1145/355921.355927). `ends` is what buckets_fill left in `next`.
KERNEL(128, 4) nearest_in_buckets(const NearestInBucketsParameters p) {
    const uint32_t source = blockIdx.x * 128 + threadIdx.x;
    if (source >= p.sources) return;
    const Position at = place(p.placement, p.offsets + size_t(source) * 3);
    Key best = NOTHING;
    if (fabsf(at.x) < INFINITY && fabsf(at.y) < INFINITY && fabsf(at.z) < INFINITY) {
        const int cell[3] = {cell_along(p.box, 0, at.x), cell_along(p.box, 1, at.y), cell_along(p.box, 2, at.z)};
        const int longest = max(p.box.size[0], max(p.box.size[1], p.box.size[2]));
        for (int shell = 0; shell < longest; shell++) {
            // Cells of this shell are at least this far away. A query outside
            // the p.box is only further from them than its clamped cell is.
            // The small part is for the rounding of cell_along.
            const float reach = (float(shell - 1) - 0.001f) * p.box.cell_mm;
            const float nearest = squared_of(best);
            if (shell > 1 && (reach > p.max_mm || (best != NOTHING && reach * reach > nearest))) break;
            const int z0 = max(cell[2] - shell, 0), z1 = min(cell[2] + shell, p.box.size[2] - 1);
            const int y0 = max(cell[1] - shell, 0), y1 = min(cell[1] + shell, p.box.size[1] - 1);
            const int x0 = max(cell[0] - shell, 0), x1 = min(cell[0] + shell, p.box.size[0] - 1);
            for (int z = z0; z <= z1; z++)
                for (int y = y0; y <= y1; y++) {
                    const uint32_t row = (uint32_t(z) * p.box.size[1] + y) * p.box.size[0];
                    const bool is_side = abs(z - cell[2]) == shell || abs(y - cell[1]) == shell;
                    // Whole rows on the four sides, both p.ends of the others.
                    for (int x = x0; x <= x1; x += is_side || x1 == x0 ? 1 : x1 - x0) {
                        if (!is_side && abs(x - cell[0]) != shell) continue;
                        const uint32_t c = row + x;
                        best = nearest_in_row(at, p.targets, p.order, c == 0 ? 0 : p.ends[c - 1], p.ends[c], best);
                    }
                }
        }
        const float nearest = squared_of(best);
        if (best != NOTHING && nearest > p.max_mm * p.max_mm) best = NOTHING;
    }
    p.keys[source] = best;
}
REGISTER_KERNEL(nearest_in_buckets, 128);

} // namespace register_points
