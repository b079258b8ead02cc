// fp16 and the warp-wide matrix operations of the emulator.
#include "cuda_emu.h"
#include "fiber.h"

namespace emu {

float half_to_float(uint16_t half) {
    uint32_t sign = (half & 0x8000u) << 16, exponent = (half >> 10) & 31, mantissa = half & 1023, bits;
    if (exponent == 31) {
        bits = sign | 0x7f800000u | (mantissa << 13);
    } else if (exponent != 0) {
        bits = sign | ((exponent + 112) << 23) | (mantissa << 13);
    } else if (mantissa == 0) {
        bits = sign;
    } else { // subnormal: move the leading one into place
        int shift = 0;
        while (!(mantissa & 1024)) mantissa <<= 1, shift++;
        bits = sign | ((113 - shift) << 23) | ((mantissa & 1023) << 13);
    }
    float value;
    memcpy(&value, &bits, 4);
    return value;
}

uint16_t float_to_half(float value) {
    uint32_t bits;
    memcpy(&bits, &value, 4);
    uint32_t sign = (bits >> 16) & 0x8000, magnitude = bits & 0x7fffffff;
    if (magnitude > 0x7f800000) return uint16_t(sign | 0x7e00);  // NaN
    if (magnitude >= 0x477ff000) return uint16_t(sign | 0x7c00); // rounds to infinity
    if (magnitude < 0x38800000) {                                // subnormal: let an addition round
        float x;
        memcpy(&x, &magnitude, 4);
        x += 0.5f;
        uint32_t rounded;
        memcpy(&rounded, &x, 4);
        return uint16_t(sign | (rounded - 0x3f000000));
    }
    uint32_t odd = (magnitude >> 13) & 1;
    return uint16_t(sign | ((magnitude + 0xc8000fffu + odd) >> 13));
}

} // namespace emu

void load_matrices(uint32_t (&matrices)[4], const void* row) {
    if (reinterpret_cast<uintptr_t>(row) & 15) emu::fail("ldmatrix: the row address is not a multiple of 16");
    unsigned slot = emu::rendezvous(0xffffffffu, "ldmatrix", &row, sizeof row), lane = emu::current->lane;
    for (unsigned i = 0; i < 4; i++) {
        const unsigned char* from;
        memcpy(&from, emu::current_warp().slot[slot][i * 8 + lane / 4], sizeof from);
        TSAN_READ(from + (lane % 4) * 4, 4);
        memcpy(&matrices[i], from + (lane % 4) * 4, 4);
    }
    // A lane must not run on and overwrite a row that others still read.
    emu::rendezvous(0xffffffffu, "ldmatrix (end)", nullptr, 0);
}

void mma_m16n8k16(float (&sum)[4], const uint32_t (&a)[4], const uint32_t (&b)[2]) {
    struct Operands {
        float a[8], b[4];
    } mine;
    for (int i = 0; i < 4; i++) {
        mine.a[2 * i] = emu::half_to_float(uint16_t(a[i]));
        mine.a[2 * i + 1] = emu::half_to_float(uint16_t(a[i] >> 16));
    }
    for (int i = 0; i < 2; i++) {
        mine.b[2 * i] = emu::half_to_float(uint16_t(b[i]));
        mine.b[2 * i + 1] = emu::half_to_float(uint16_t(b[i] >> 16));
    }
    unsigned slot = emu::rendezvous(0xffffffffu, "mma.m16n8k16", &mine, sizeof mine);
    emu::Warp& warp = emu::current_warp();
    auto lane = [&](unsigned l) -> const Operands& { return *reinterpret_cast<const Operands*>(warp.slot[slot][l]); };
    unsigned row = emu::current->lane >> 2, column = (emu::current->lane & 3) * 2;
    for (int half = 0; half < 2; half++)
        for (unsigned t = 0; t < 4; t++) {
            const Operands &rows = lane(row * 4 + t), &left = lane(column * 4 + t), &right = lane((column + 1) * 4 + t);
            for (int e = 0; e < 2; e++) {
                float a0 = rows.a[half * 4 + e], a1 = rows.a[half * 4 + 2 + e];
                float b0 = left.b[half * 2 + e], b1 = right.b[half * 2 + e];
                sum[0] += a0 * b0;
                sum[1] += a0 * b1;
                sum[2] += a1 * b0;
                sum[3] += a1 * b1;
            }
        }
}
