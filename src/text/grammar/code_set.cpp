#include "text/grammar/code_set.hpp"

#include <algorithm>

namespace hearth::text::grammar {

namespace {

std::size_t encode(std::uint32_t c, std::uint8_t* out) {
    if (c < 0x80) {
        out[0] = static_cast<std::uint8_t>(c);
        return 1;
    }
    const std::size_t size = c < 0x800 ? 2 : c < 0x10000 ? 3 : 4;
    for (std::size_t i = size; i-- > 1; c >>= 6) out[i] = static_cast<std::uint8_t>(0x80 | (c & 0x3f));
    constexpr std::uint8_t leads[] = {0, 0, 0xc0, 0xe0, 0xf0};
    out[0] = static_cast<std::uint8_t>(leads[size] | c);
    return size;
}

// Splits a range until its ends differ in trailing groups of six bits that are all zeros and all ones: then every
// combination of bytes between those of its ends is in the range.
void split(std::uint32_t low, std::uint32_t high, std::vector<ByteSequence>& out) {
    for (const std::uint32_t limit : {0x7fu, 0x7ffu, 0xffffu})
        if (low <= limit && high > limit) {
            split(low, limit, out);
            split(limit + 1, high, out);
            return;
        }
    if (high >= 0x80) {
        for (std::uint32_t bits = 6; bits <= 18; bits += 6) {
            const std::uint32_t mask = (1u << bits) - 1;
            if ((low & ~mask) == (high & ~mask)) continue;
            if ((low & mask) != 0) {
                split(low, low | mask, out);
                split((low | mask) + 1, high, out);
                return;
            }
            if ((high & mask) != mask) {
                split(low, (high & ~mask) - 1, out);
                split(high & ~mask, high, out);
                return;
            }
        }
    }
    std::uint8_t first[4], last[4];
    ByteSequence sequence{};
    sequence.size = encode(low, first);
    encode(high, last);
    for (std::size_t i = 0; i < sequence.size; ++i) sequence.bytes[i] = {first[i], last[i]};
    out.push_back(sequence);
}

}  // namespace

CodeSet complement(const CodeSet& set) { return difference(any_code(), set); }

CodeSet normalized(CodeSet set) {
    std::sort(set.begin(), set.end(), [](const CodeRange& a, const CodeRange& b) { return a.low < b.low; });
    CodeSet merged;
    for (const CodeRange& range : set) {
        if (range.low > range.high) continue;
        if (!merged.empty() && range.low <= merged.back().high + 1)
            merged.back().high = std::max(merged.back().high, range.high);
        else
            merged.push_back(range);
    }
    return intersection(merged, any_code());
}

CodeSet intersection(const CodeSet& a, const CodeSet& b) {
    CodeSet out;
    for (std::size_t i = 0, j = 0; i < a.size() && j < b.size();) {
        const std::uint32_t low = std::max(a[i].low, b[j].low), high = std::min(a[i].high, b[j].high);
        if (low <= high) out.push_back({low, high});
        if (a[i].high < b[j].high)
            ++i;
        else
            ++j;
    }
    return out;
}

CodeSet difference(const CodeSet& a, const CodeSet& b) {
    CodeSet outside;
    std::uint32_t next = 0;
    for (const CodeRange& range : b) {
        if (range.low > next) outside.push_back({next, range.low - 1});
        next = range.high + 1;
    }
    if (next <= kLastCode) outside.push_back({next, kLastCode});
    return intersection(a, outside);
}

std::vector<ByteSequence> utf8_sequences(const CodeSet& set) {
    std::vector<ByteSequence> out;
    for (const CodeRange& range : set) split(range.low, range.high, out);
    return out;
}

}  // namespace hearth::text::grammar
