// Sets of Unicode code points as sorted ranges, and the byte sequences that encode them in UTF-8.
// Thread class: pure functions.
#pragma once

#include <array>
#include <cstdint>
#include <vector>

namespace hearth::text::grammar {

struct CodeRange {
    std::uint32_t low, high;  // both in
    friend bool operator==(const CodeRange&, const CodeRange&) = default;
};
using CodeSet = std::vector<CodeRange>;

inline constexpr std::uint32_t kLastCode = 0x10ffff;

// Sorted, without overlaps, without surrogates and what lies above U+10FFFF.
CodeSet normalized(CodeSet set);
// These take and give normalised sets.
CodeSet complement(const CodeSet& set);
CodeSet intersection(const CodeSet& a, const CodeSet& b);
CodeSet difference(const CodeSet& a, const CodeSet& b);
inline CodeSet any_code() { return {{0, 0xd7ff}, {0xe000, kLastCode}}; }

struct ByteRange {
    std::uint8_t low, high;
};
struct ByteSequence {
    std::array<ByteRange, 4> bytes;
    std::size_t size;
};
// Each sequence stands for all code points whose bytes lie within its ranges; the sequences are disjoint.
std::vector<ByteSequence> utf8_sequences(const CodeSet& set);

}  // namespace hearth::text::grammar
