// Where everything stands in a panel: 16 output rows in lanes, bytes of quantized weights in units of 64 = 16 rows x 4
// consecutive k, [row][4]. That unit is the operand of vpdpbusd and a row of an AMX B tile. Byte planes keep the bit
// packing of the file's blocks, so that packing is a transposition of 4-byte groups. Units are 64-byte aligned
// where the panel is. What a kernel needs first comes first: memory streams fastest when it is touched in order.
#pragma once

#include <cstddef>

namespace hearth::panel {

inline constexpr std::size_t kRows = 16;
inline constexpr std::size_t kUnit = 64;

// F32, F16, BF16: [k][row].

// Formats with one small scale per row and block put the scales of `Group` neighbouring blocks together, in front of
// them, which keeps units aligned: [Group][row] scales, block, block ... A last group may have fewer.
struct BlockPlace {
    std::size_t d, block;  // bytes from the start of the panel
};
template <std::size_t Group, std::size_t BlockBytes, std::size_t ScaleBytes>
[[gnu::always_inline]] constexpr BlockPlace in_groups(std::size_t b, std::size_t blocks) {
    const std::size_t first = b / Group * Group, rest = blocks - first, count = rest < Group ? rest : Group;
    const std::size_t group = first * (BlockBytes + ScaleBytes);
    return {group + (b - first) * ScaleBytes, group + count * ScaleBytes + (b - first) * BlockBytes};
}
// Half scales: 32 bytes a block.
template <std::size_t BlockBytes>
[[gnu::always_inline]] constexpr BlockPlace in_twos(std::size_t b, std::size_t blocks) {
    return in_groups<2, BlockBytes, 2 * kRows>(b, blocks);
}

// Q8_0, in twos: 8 units of q ^ 0x80, so unsigned.
struct Q8_0 {
    static constexpr std::size_t kValues = 32, kBlock = 8 * kUnit, kBytes = kBlock + 2 * kRows;
    [[gnu::always_inline]] static constexpr BlockPlace place(std::size_t b, std::size_t blocks) {
        return in_twos<kBlock>(b, blocks);
    }
};
// Q4_0, in twos: 4 units: unit g holds k = 4 g + i in the low nibbles, 16 + 4 g + i in the high ones, offset 8.
struct Q4_0 {
    static constexpr std::size_t kValues = 32, kNibbles = 0, kBlock = 4 * kUnit, kBytes = kBlock + 2 * kRows;
    [[gnu::always_inline]] static constexpr BlockPlace place(std::size_t b, std::size_t blocks) {
        return in_twos<kBlock>(b, blocks);
    }
};
// Q4_1: per 32: [row] f16 d, [row] f16 m, 4 units as Q4_0 without offset.
struct Q4_1 {
    static constexpr std::size_t kValues = 32, kM = 32, kNibbles = 0, kBlock = 4 * kUnit, kBytes = kBlock + 4 * kRows;
    [[gnu::always_inline]] static constexpr BlockPlace place(std::size_t b, std::size_t) {
        return {b * kBytes, b * kBytes + 4 * kRows};
    }
};
// Q5_0, in twos: a unit of fifth bits, bit g of which belongs to k = 4 g + i, then 4 units as Q4_0, offset 16.
struct Q5_0 {
    static constexpr std::size_t kValues = 32, kNibbles = kUnit, kBlock = 5 * kUnit, kBytes = kBlock + 2 * kRows;
    [[gnu::always_inline]] static constexpr BlockPlace place(std::size_t b, std::size_t blocks) {
        return in_twos<kBlock>(b, blocks);
    }
};
// Q5_1: per 32: [row] f16 d, [row] f16 m, 5 units as Q5_0 without offset.
struct Q5_1 {
    static constexpr std::size_t kValues = 32, kM = 32, kNibbles = kUnit, kBlock = 5 * kUnit,
                                 kBytes = kBlock + 4 * kRows;
    [[gnu::always_inline]] static constexpr BlockPlace place(std::size_t b, std::size_t) {
        return {b * kBytes, b * kBytes + 4 * kRows};
    }
};
// IQ4_NL, in twos: 4 units as Q4_0; the nibbles choose from a table.
struct IQ4_NL {
    static constexpr std::size_t kValues = 32, kNibbles = 0, kBlock = 4 * kUnit, kBytes = kBlock + 2 * kRows;
    [[gnu::always_inline]] static constexpr BlockPlace place(std::size_t b, std::size_t blocks) {
        return in_twos<kBlock>(b, blocks);
    }
};
// MXFP4, in fours: [row] u8 exponents, 4 units as IQ4_NL.
struct MXFP4 {
    static constexpr std::size_t kValues = 32, kNibbles = 0, kBlock = 4 * kUnit, kBytes = kBlock + kRows;
    [[gnu::always_inline]] static constexpr BlockPlace place(std::size_t b, std::size_t blocks) {
        return in_groups<4, kBlock, kRows>(b, blocks);
    }
};
// Q4_K: per 256: [row] f16 d, [row] f16 dmin, u8 scales and u8 mins as [sub-block / 2][row][2], 32 units of nibbles:
// unit 8 p + g holds k = 64 p + 4 g + i in the low nibbles (sub-block 2 p), 64 p + 32 + 4 g + i in the high ones.
struct Q4_K {
    static constexpr std::size_t kValues = 256;
    static constexpr std::size_t kD = 0, kDmin = 32, kScales = 64, kMins = 192, kQuants = 320,
                                 kBytes = 320 + 32 * kUnit;
};
// Q5_K: as Q4_K, with a unit of fifth bits in front of every four of nibbles: bit s of unit 5 g belongs to
// k = 32 s + 4 g + i, unit 5 g + 1 + p holds the nibbles of Q4_K's unit 8 p + g.
struct Q5_K {
    static constexpr std::size_t kValues = 256;
    static constexpr std::size_t kD = 0, kDmin = 32, kScales = 64, kMins = 192, kUnits = 320, kBytes = 320 + 40 * kUnit;
};
// Q6_K, in twos: i8 scales as [sub-block of 16 / 2][row][2], then 48 units. Bits 2 s of unit 24 h + 3 g are the upper
// bits of k = 128 h + 32 s + 4 g + i; unit 24 h + 3 g + 1 + e holds k = 128 h + 32 e + 4 g + i in the low nibbles, 64
// further in the high ones. Values are offset by 32.
struct Q6_K {
    static constexpr std::size_t kValues = 256;
    static constexpr std::size_t kScales = 0, kUnits = 256, kBlock = kUnits + 48 * kUnit, kBytes = kBlock + 2 * kRows;
    [[gnu::always_inline]] static constexpr BlockPlace place(std::size_t b, std::size_t blocks) {
        return in_twos<kBlock>(b, blocks);
    }
};
// IQ4_XS, in twos: i8 scales as [sub-block][row], then 4 units as IQ4_NL for each sub-block.
struct IQ4_XS {
    static constexpr std::size_t kValues = 256;
    static constexpr std::size_t kScales = 0, kUnits = 128, kBlock = kUnits + 32 * kUnit, kBytes = kBlock + 2 * kRows;
    [[gnu::always_inline]] static constexpr BlockPlace place(std::size_t b, std::size_t blocks) {
        return in_twos<kBlock>(b, blocks);
    }
};

}  // namespace hearth::panel
