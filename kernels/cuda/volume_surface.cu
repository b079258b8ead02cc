// The surface field = level as triangles, the same triangles as the engine's
// `surface::extract`: samples above the level are inside; whatever lies beyond
// the field or is NaN is outside, so the surface closes half a voxel beyond.
//
// The samples, with a border of "outside" all around, are kept as bits, one
// word for 32 samples of a row. Crossed edges then are differences of words,
// and the number of a vertex is the prefix sum up to its word plus a count of
// bits: no table of vertices is needed (the idea of Flying Edges, Schroeder,
// Maynard & Geveci 2015, doi:10.1109/LDAV.2015.7348069, with words for rows).
// Vertices are numbered by word, then by sample, then x, y, z edge; triangles
// by word, then by cell: the same in every run.
#include "volume_cells.cuh"

namespace volume_surface {

// Crossings keep this share of an edge away from its ends, so that no
// triangle shrinks to a point; as in the engine.
constexpr double END_MARGIN = 0.01;

// Sizes of the field; the bits have one more sample on each side.
struct FieldSize {
    uint32_t depth, height, width;
};

DEVICE uint32_t words_per_row(const FieldSize& size) { return (size.width + 2 + 31) / 32; }

struct WordPlace {
    uint32_t word, y, z; // word in its row; bordered row and plane
};

DEVICE WordPlace word_place(const FieldSize& size, uint32_t index) {
    const uint32_t words = words_per_row(size), row = index / words;
    return {index % words, row % (size.height + 2), row / (size.height + 2)};
}

DEVICE uint32_t word_index(const FieldSize& size, const WordPlace& at) {
    return (at.z * (size.height + 2) + at.y) * words_per_row(size) + at.word;
}

// The bits of a word; all outside beyond the last row and plane.
DEVICE uint32_t word_at(const uint32_t* __restrict__ bits, const FieldSize& size, const WordPlace& at) {
    const bool exists = at.word < words_per_row(size) && at.y < size.height + 2 && at.z < size.depth + 2;
    return exists ? load_read_only(bits + word_index(size, at)) : 0;
}

// A row's bits at x and, `high`, at x + 1.
struct RowPair {
    uint32_t low, high;
};

DEVICE RowPair row_pair(const uint32_t* __restrict__ bits, const FieldSize& size, const WordPlace& at) {
    const uint32_t low = word_at(bits, size, at), next = word_at(bits, size, {at.word + 1, at.y, at.z});
    return {low, low >> 1 | next << 31};
}

// Which samples of a word begin a crossed x, y or z edge.
struct Crossings {
    uint32_t along[3];
};

DEVICE Crossings crossings(const uint32_t* __restrict__ bits, const FieldSize& size, const WordPlace& at) {
    const RowPair row = row_pair(bits, size, at);
    return {{row.low ^ row.high, row.low ^ word_at(bits, size, {at.word, at.y + 1, at.z}),
             row.low ^ word_at(bits, size, {at.word, at.y, at.z + 1})}};
}

// The eight corners of 32 cells.
struct Cells {
    RowPair rows[4];
};

DEVICE Cells cells_at(const uint32_t* __restrict__ bits, const FieldSize& size, const WordPlace& at) {
    return {{row_pair(bits, size, at), row_pair(bits, size, {at.word, at.y + 1, at.z}),
             row_pair(bits, size, {at.word, at.y, at.z + 1}), row_pair(bits, size, {at.word, at.y + 1, at.z + 1})}};
}

DEVICE uint32_t pattern_of(const Cells& cells, uint32_t lane) {
    uint32_t pattern = 0;
#pragma unroll
    for (int row = 0; row < 4; row++) {
        pattern |= (cells.rows[row].low >> lane & 1) << (2 * row);
        pattern |= (cells.rows[row].high >> lane & 1) << (2 * row + 1);
    }
    return pattern;
}

// Cells of a word whose corners are not all alike.
DEVICE uint32_t crossed_cells(const Cells& cells) {
    uint32_t any = 0, all = 0xffffffffu;
#pragma unroll
    for (int row = 0; row < 4; row++) {
        any |= cells.rows[row].low | cells.rows[row].high;
        all &= cells.rows[row].low & cells.rows[row].high;
    }
    return any & ~all;
}

DEVICE uint32_t triangle_count(uint32_t pattern) {
    return uint32_t(CELL_FIRST_TRIANGLE[pattern + 1]) - CELL_FIRST_TRIANGLE[pattern];
}

struct SurfaceInsideParameters {
    const float* __restrict__ field;
    uint32_t* __restrict__ bits;
    FieldSize size;
    uint32_t words;
    float level;
};

// Bits of the bordered samples; one warp a word.
KERNEL(256, 4) surface_inside(const SurfaceInsideParameters p) {
    const uint32_t index = blockIdx.x * 8 + threadIdx.x / 32, lane = threadIdx.x & 31;
    if (index >= p.words) return;
    const WordPlace at = word_place(p.size, index);
    // The border is at 0 and beyond the p.size; 0 - 1 wraps around.
    const uint32_t x = at.word * 32 + lane - 1, y = at.y - 1, z = at.z - 1;
    const bool is_in_field = x < p.size.width && y < p.size.height && z < p.size.depth;
    const bool is_inside = is_in_field && p.field[(size_t(z) * p.size.height + y) * p.size.width + x] > p.level;
    const uint32_t word = __ballot_sync(0xffffffffu, is_inside);
    if (lane == 0) p.bits[index] = word;
}
REGISTER_KERNEL(surface_inside, 256);

struct SurfaceCountParameters {
    const uint32_t* __restrict__ bits;
    uint32_t* __restrict__ vertices;
    uint32_t* __restrict__ triangles;
    FieldSize size;
    uint32_t words;
};

// Vertices and triangles that belong to each word; one thread a word.
KERNEL(256, 3) surface_count(const SurfaceCountParameters p) {
    const uint32_t index = blockIdx.x * 256 + threadIdx.x;
    if (index >= p.words) return;
    const WordPlace at = word_place(p.size, index);
    const Crossings crossed = crossings(p.bits, p.size, at);
    p.vertices[index] = uint32_t(__popc(crossed.along[0]) + __popc(crossed.along[1]) + __popc(crossed.along[2]));
    const Cells cells = cells_at(p.bits, p.size, at);
    uint32_t count = 0;
    for (uint32_t left = crossed_cells(cells); left != 0; left &= left - 1)
        count += triangle_count(pattern_of(cells, uint32_t(__ffs(int(left))) - 1));
    p.triangles[index] = count;
}
REGISTER_KERNEL(surface_count, 256);

// Where samples lie: row-major affine for sample indices (x, y, z, 1).
struct SampleAffine {
    double m[12];
};

DEVICE bool is_finite(double value) { return fabs(value) < INFINITY; }

DEVICE double sample_at(const float* __restrict__ field, const FieldSize& size, uint32_t x, uint32_t y, uint32_t z) {
    const bool is_in_field = x < size.width && y < size.height && z < size.depth;
    return is_in_field ? double(field[(size_t(z) * size.height + y) * size.width + x]) : -INFINITY;
}

// The number of the vertex on the edge from bordered sample `lane` of a word.
DEVICE uint32_t vertex_number(const Crossings& crossed, uint32_t first, uint32_t lane, int axis) {
    const uint32_t lower = (1u << lane) - 1;
    uint32_t number = first;
#pragma unroll
    for (int i = 0; i < 3; i++) {
        number += uint32_t(__popc(crossed.along[i] & lower));
        if (i < axis) number += crossed.along[i] >> lane & 1;
    }
    return number;
}

struct SurfaceVerticesParameters {
    const float* __restrict__ field;
    const uint32_t* __restrict__ bits;
    const uint32_t* __restrict__ vertices_before;
    float* __restrict__ positions;
    SampleAffine place_from_sample;
    FieldSize size;
    uint32_t words;
    float level;
};

// Vertex positions; one warp a word, one lane a sample. f64 as on the CPU.
KERNEL(256, 3) surface_vertices(const SurfaceVerticesParameters p) {
    const uint32_t index = blockIdx.x * 8 + threadIdx.x / 32, lane = threadIdx.x & 31;
    if (index >= p.words) return;
    const WordPlace at = word_place(p.size, index);
    const Crossings crossed = crossings(p.bits, p.size, at);
    const uint32_t x = at.word * 32 + lane - 1, y = at.y - 1, z = at.z - 1;
    for (int axis = 0; axis < 3; axis++) {
        if (!(crossed.along[axis] >> lane & 1)) continue;
        const double a = sample_at(p.field, p.size, x, y, z);
        const double b = sample_at(p.field, p.size, x + (axis == 0), y + (axis == 1), z + (axis == 2));
        double share = (double(p.level) - a) / (b - a);
        // An infinite or NaN neighbour has no gradient: half way.
        const bool has_gradient = is_finite(a) && is_finite(b) && is_finite(share);
        share = share < END_MARGIN ? END_MARGIN : share > 1.0 - END_MARGIN ? 1.0 - END_MARGIN : share;
        if (!has_gradient) share = 0.5;
        double sample[3] = {double(int(x)), double(int(y)), double(int(z))};
        sample[axis] += share;
        const size_t vertex = vertex_number(crossed, p.vertices_before[index], lane, axis);
#pragma unroll
        for (int row = 0; row < 3; row++) {
            const double* const m = p.place_from_sample.m + row * 4;
            p.positions[vertex * 3 + row] = float(m[0] * sample[0] + m[1] * sample[1] + m[2] * sample[2] + m[3]);
        }
    }
}
REGISTER_KERNEL(surface_vertices, 256);

// Vertex of edge `edge` (see volume_cells.cuh) of the cell at lane of a word.
DEVICE uint32_t cell_vertex(const uint32_t* __restrict__ bits, const uint32_t* __restrict__ vertices_before,
                            const FieldSize& size, const WordPlace& at, uint32_t lane, uint32_t edge) {
    const int axis = int(edge >> 2);
    const uint32_t b = edge & 1, c = edge >> 1 & 1;
    const uint32_t dx = axis == 0 ? 0 : b, dy = axis == 0 ? b : axis == 1 ? 0 : c, dz = axis == 2 ? 0 : c;
    const uint32_t x = lane + dx;
    const WordPlace start = {at.word + x / 32, at.y + dy, at.z + dz};
    const Crossings crossed = crossings(bits, size, start);
    return vertex_number(crossed, vertices_before[word_index(size, start)], x % 32, axis);
}

struct SurfaceTrianglesParameters {
    const uint32_t* __restrict__ bits;
    const uint32_t* __restrict__ vertices_before;
    const uint32_t* __restrict__ triangles_before;
    uint32_t* __restrict__ corners;
    FieldSize size;
    uint32_t words;
    uint32_t turned;
};

// Triangles; one warp a word, one lane a cell. `turned` winds them the other
// way round, for an affine that mirrors.
KERNEL(256, 3) surface_triangles(const SurfaceTrianglesParameters p) {
    const uint32_t index = blockIdx.x * 8 + threadIdx.x / 32, lane = threadIdx.x & 31;
    if (index >= p.words) return;
    const WordPlace at = word_place(p.size, index);
    const Cells cells = cells_at(p.bits, p.size, at);
    if (crossed_cells(cells) == 0) return; // the same for the whole warp
    const uint32_t pattern = pattern_of(cells, lane), count = triangle_count(pattern);
    uint32_t before = count;
#pragma unroll
    for (int distance = 1; distance < 32; distance <<= 1) {
        const uint32_t lower = __shfl_up_sync(0xffffffffu, before, distance);
        if (int(lane) >= distance) before += lower;
    }
    before += p.triangles_before[index] - count;
    for (uint32_t t = 0; t < count; t++) {
        const uint8_t* const edges = CELL_TRIANGLES + (uint32_t(CELL_FIRST_TRIANGLE[pattern]) + t) * 3;
        const size_t to = (size_t(before) + t) * 3;
        p.corners[to] = cell_vertex(p.bits, p.vertices_before, p.size, at, lane, edges[0]);
        p.corners[to + 1] = cell_vertex(p.bits, p.vertices_before, p.size, at, lane, edges[p.turned ? 2 : 1]);
        p.corners[to + 2] = cell_vertex(p.bits, p.vertices_before, p.size, at, lane, edges[p.turned ? 1 : 2]);
    }
}
REGISTER_KERNEL(surface_triangles, 256);

} // namespace volume_surface
