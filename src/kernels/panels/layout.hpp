// Where everything stands in a panel: 16 output rows in lanes, bytes of quantized weights in units of 64 = 16 rows x 4
// consecutive k, [row][4]. That unit is the operand of vpdpbusd and a row of an AMX B tile. Byte planes keep the bit
// packing of the file's blocks, so that packing is a transposition of 4-byte groups. Units are 64-byte aligned
// where the panel is.
#pragma once

#include <cstddef>

namespace hearth::panel {

inline constexpr std::size_t kRows = 16;
inline constexpr std::size_t kUnit = 64;

// F32, F16, BF16: [k][row].

// Q8_0: [k / 32][8 units] of q ^ 0x80 (so unsigned), then [k / 32][row] f16 d.
struct Q8_0 {
    static constexpr std::size_t kValues = 32, kQuants = 8 * kUnit, kScales = 2 * kRows, kBytes = kQuants + kScales;
};
// Q4_0: [k / 32][4 units]: unit g holds k = 4 g + i in the low nibbles, 16 + 4 g + i in the high ones, offset 8; then
// [k / 32][row] f16 d.
struct Q4_0 {
    static constexpr std::size_t kValues = 32, kQuants = 4 * kUnit, kScales = 2 * kRows, kBytes = kQuants + kScales;
};
// Q4_K: per 256: [row] f16 d, [row] f16 dmin, u8 scales and u8 mins as [sub-block / 2][row][2], 32 units of nibbles:
// unit 8 p + g holds k = 64 p + 4 g + i in the low nibbles (sub-block 2 p), 64 p + 32 + 4 g + i in the high ones.
struct Q4_K {
    static constexpr std::size_t kValues = 256;
    static constexpr std::size_t kD = 0, kDmin = 32, kScales = 64, kMins = 192, kQuants = 320,
                                 kBytes = 320 + 32 * kUnit;
};
// Q5_K: as Q4_K, then 8 units of fifth bits: bit s of unit g belongs to k = 32 s + 4 g + i.
struct Q5_K {
    static constexpr std::size_t kValues = 256;
    static constexpr std::size_t kD = 0, kDmin = 32, kScales = 64, kMins = 192, kQuants = 320;
    static constexpr std::size_t kHigh = kQuants + 32 * kUnit, kBytes = kHigh + 8 * kUnit;
};
// Q6_K: per 256: i8 scales as [sub-block of 16 / 2][row][2]; 32 units of nibbles: unit 16 h + 8 e + g holds
// k = 128 h + 32 e + 4 g + i in the low nibbles, 64 further in the high ones; 16 units of upper bits: bits 2 s of unit
// 8 h + g belong to k = 128 h + 32 s + 4 g + i. Values are offset by 32. After all blocks [k / 256][row] f16 d.
struct Q6_K {
    static constexpr std::size_t kValues = 256;
    static constexpr std::size_t kScales = 0, kLow = 256, kHigh = kLow + 32 * kUnit, kBlock = kHigh + 16 * kUnit;
    static constexpr std::size_t kD = 2 * kRows, kBytes = kBlock + kD;  // kD: bytes of d of a block
};

}  // namespace hearth::panel
