// Weight rows as files store them, their panels and their activations, plain and extreme, for the tests of GEMM.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <iterator>
#include <vector>

#include "hearth/base/memory.hpp"
#include "hearth/codecs/blocks.hpp"
#include "hearth/codecs/codec.hpp"
#include "hearth/codecs/codec_id.hpp"
#include "hearth/kernels/panels.hpp"
#include "kernels/values.hpp"

namespace hearth::test {

// `plain` is what models hold; `extreme` has codes that are all 0 or all ones, scales that are zero, subnormal,
// negative or the largest half; for float formats every finite bit pattern.
enum class Weights { plain, extreme };

inline f16 random_scale(Source& source, Weights kind) {
    if (kind == Weights::plain) return f32_to_f16(source.normal() * 0.01f);
    static const f16 list[] = {0x0000, 0x8000, 0x0001, 0x8001, 0x03ff, 0x0400, 0x3c00, 0xbc00, 0x7bff, 0xfbff};
    const std::size_t pick = source.below(2 * std::size(list));
    return pick < std::size(list) ? list[pick] : f32_to_f16(source.normal());
}

inline void random_bytes(Source& source, Weights kind, void* to, std::size_t n) {
    const std::uint32_t flat = kind == Weights::extreme ? source.below(4) : 0;
    for (std::size_t i = 0; i < n; ++i)
        static_cast<std::uint8_t*>(to)[i] = static_cast<std::uint8_t>(flat == 1   ? 0x00
                                                                      : flat == 2 ? 0xff
                                                                      : flat == 3 ? 0x80
                                                                                  : source.bits());
}

// `rows` rows of k values in the codec's blocks.
inline std::vector<std::byte> random_rows(Source& source, const Codec& codec, std::size_t rows, std::size_t k,
                                          Weights kind) {
    std::vector<std::byte> bytes(rows * codec.row_bytes(k));
    const auto each_block = [&]<class Block>(Block, auto set_scales) {
        for (std::size_t i = 0; i < bytes.size(); i += sizeof(Block)) {
            Block block;
            random_bytes(source, kind, &block, sizeof block);
            set_scales(block);
            std::memcpy(bytes.data() + i, &block, sizeof block);
        }
    };
    const auto one = [&](auto& block) { block.d = random_scale(source, kind); };
    const auto two = [&](auto& block) {
        block.d = random_scale(source, kind);
        block.dmin = random_scale(source, kind);
    };
    const auto with_min = [&](auto& block) {
        block.d = random_scale(source, kind);
        block.m = random_scale(source, kind);
    };
    switch (codec.id) {
        case codec_id::F32:
            for (std::size_t i = 0; i < bytes.size(); i += 4) {
                std::uint32_t x =
                    kind == Weights::plain ? std::bit_cast<std::uint32_t>(source.normal()) : source.bits();
                if ((x & 0x7f800000u) == 0x7f800000u) x &= 0x807fffffu;  // finite
                std::memcpy(bytes.data() + i, &x, 4);
            }
            break;
        case codec_id::F16:
        case codec_id::BF16: {
            const unsigned exponent = codec.id == codec_id::F16 ? 0x7c00u : 0x7f80u;
            for (std::size_t i = 0; i < bytes.size(); i += 2) {
                const float plain = source.normal();
                unsigned x = kind == Weights::extreme    ? source.bits() & 0xffffu
                             : codec.id == codec_id::F16 ? f32_to_f16(plain)
                                                         : f32_to_bf16(plain);
                if ((x & exponent) == exponent) x &= ~exponent;
                const auto half = static_cast<std::uint16_t>(x);
                std::memcpy(bytes.data() + i, &half, 2);
            }
            break;
        }
        case codec_id::Q8_0:
            each_block(BlockQ8_0{}, one);
            break;
        case codec_id::Q4_0:
            each_block(BlockQ4_0{}, one);
            break;
        case codec_id::Q4_1:
            each_block(BlockQ4_1{}, with_min);
            break;
        case codec_id::Q5_0:
            each_block(BlockQ5_0{}, one);
            break;
        case codec_id::Q5_1:
            each_block(BlockQ5_1{}, with_min);
            break;
        case codec_id::IQ4_NL:
            each_block(BlockIQ4_NL{}, one);
            break;
        case codec_id::IQ4_XS:
            each_block(BlockIQ4_XS{}, one);
            break;
        case codec_id::MXFP4:
            each_block(BlockMXFP4{}, [&](BlockMXFP4& block) {
                static constexpr std::uint8_t ends[] = {0, 1, 2, 3, 254, 255};
                block.e = kind == Weights::plain ? static_cast<std::uint8_t>(110 + source.below(16))
                                                 : ends[source.below(std::size(ends))];
            });
            break;
        case codec_id::Q4_K:
            each_block(BlockQ4_K{}, two);
            break;
        case codec_id::Q5_K:
            each_block(BlockQ5_K{}, two);
            break;
        case codec_id::Q6_K:
            each_block(BlockQ6_K{}, one);
            break;
        default:
            FAIL("no random rows for " << codec.name);
    }
    return bytes;
}

// 64-byte aligned bytes with a guard behind them.
class PanelBytes {
public:
    explicit PanelBytes(std::size_t n) : n_(n), storage_(n + 128, std::byte{0x5a}) {}
    std::byte* data() {
        const auto address = reinterpret_cast<std::uintptr_t>(storage_.data());
        return storage_.data() + (64 - address % 64) % 64;
    }
    std::size_t size() const { return n_; }
    bool intact() {
        for (const std::byte* p = data() + n_; p < storage_.data() + storage_.size(); ++p)
            if (*p != std::byte{0x5a}) return false;
        return true;
    }

private:
    std::size_t n_;
    std::vector<std::byte> storage_;
};

inline PanelBytes pack_rows(const PanelFormat& format, const std::vector<std::byte>& bytes, std::size_t rows,
                            std::size_t k) {
    const std::size_t row_bytes = find_codec(format.codec)->row_bytes(k), panel_bytes = format.panel_bytes(k);
    PanelBytes panels((rows + kLanes - 1) / kLanes * panel_bytes);
    for (std::size_t row = 0; row < rows; row += kLanes)
        format.pack(bytes.data() + row * row_bytes, row_bytes, std::min(kLanes, rows - row), k,
                    panels.data() + row / kLanes * panel_bytes);
    CHECK(panels.intact());
    return panels;
}

// What follows from a block's codes.
inline void complete(ActQ8x32& block) {
    block.sum = 0;
    for (std::int8_t q : block.q) block.sum += q;
    block.begin8 = -8 * block.sum;
    block.begin128 = -128 * block.sum;
}
inline void complete(ActQ8x256& block) {
    std::fill(std::begin(block.sum32), std::end(block.sum32), std::int16_t{0});
    block.calm = 1;
    for (std::size_t j = 0; j < 16; ++j) {
        std::int32_t sum = 0, size = 0;
        for (std::size_t i = 16 * j; i < 16 * (j + 1); ++i) {
            sum += block.q[i];
            size += std::abs(block.q[i]);
        }
        block.sum16[j] = static_cast<std::int16_t>(sum);
        block.sum32[j / 2] = static_cast<std::int16_t>(block.sum32[j / 2] + sum);
        block.begin16[j] = static_cast<std::int16_t>(static_cast<std::uint16_t>(-32 * sum));
        if (size > kCalmSum) block.calm = 0;
    }
}

// Codes of which 16 have sizes that sum up to kCalmSum: few large ones or many middling ones, of one sign or of both.
inline void make_calm(Source& source, std::int8_t* q) {
    const bool few = source.below(2) == 0, mixed = source.below(2) == 0;
    int left = kCalmSum, sign = source.below(2) == 0 ? 1 : -1;
    for (std::size_t i = 0, at = source.below(16); i < 16; ++i, at = (at + 1) % 16) {
        const int size = std::min(left, few ? 127 : i < 15 ? 63 : 78);
        left -= size;
        if (mixed && source.below(2) == 0) sign = -sign;
        q[at] = static_cast<std::int8_t>(sign * size);
    }
}

// One row of activations: made as blocks directly, so that the codes reach their ends.
template <class Block>
void random_activation(Source& source, Values kind, std::byte* to, std::size_t blocks, bool calm) {
    for (std::size_t b = 0; b < blocks; ++b) {
        Block block;
        float scale = source.one(kind);
        // Scales are finite and not negative.
        scale = std::fabs(scale);
        block.scale = scale <= 3.4028235e38f ? scale : 1.0f;
        const std::size_t flat = kind == Values::normal ? 0 : source.below(3);
        for (std::int8_t& q : block.q)
            q = static_cast<std::int8_t>(flat == 1   ? 127
                                         : flat == 2 ? -127
                                                     : static_cast<int>(source.below(255)) - 127);
        if (calm)
            for (std::size_t i = 0; i < sizeof block.q; i += 16) make_calm(source, block.q + i);
        complete(block);
        std::memcpy(to + b * sizeof block, &block, sizeof block);
    }
}

inline std::vector<std::byte> random_activations(Source& source, Activation activation, std::size_t tokens,
                                                 std::size_t k, std::size_t stride, Values kind) {
    std::vector<std::byte> bytes(tokens * stride);
    bool calm = false;  // of the next tokens, as many as tiles have
    for (std::size_t t = 0; t < tokens; ++t) {
        if (t % 24 == 0) calm = source.below(2) == 0;
        std::byte* const to = bytes.data() + t * stride;
        switch (activation) {
            case Activation::f32: {
                const std::vector<float> x = source.many(k, kind);
                std::memcpy(to, x.data(), k * sizeof(float));
                break;
            }
            case Activation::q8_32:
                random_activation<ActQ8x32>(source, kind, to, k / 32, calm);
                break;
            case Activation::q8_256:
                random_activation<ActQ8x256>(source, kind, to, k / 256, calm);
                break;
        }
    }
    return bytes;
}

// The values that a row of activations stands for, in double.
inline std::vector<double> activation_values(Activation activation, const std::byte* x, std::size_t k) {
    std::vector<double> values(k);
    for (std::size_t i = 0; i < k; ++i) {
        if (activation == Activation::f32) {
            values[i] = reinterpret_cast<const float*>(x)[i];
        } else if (activation == Activation::q8_32) {
            const ActQ8x32& block = reinterpret_cast<const ActQ8x32*>(x)[i / 32];
            values[i] = static_cast<double>(block.scale) * block.q[i % 32];
        } else {
            const ActQ8x256& block = reinterpret_cast<const ActQ8x256*>(x)[i / 256];
            values[i] = static_cast<double>(block.scale) * block.q[i % 256];
        }
    }
    return values;
}

}  // namespace hearth::test
