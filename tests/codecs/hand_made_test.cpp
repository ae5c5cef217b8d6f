// Types without golden blocks, and single blocks whose values follow from the format by hand.
#include <bit>
#include <cmath>
#include <cstdint>
#include <cstring>
#include <limits>
#include <string_view>
#include <vector>

#include <doctest/doctest.h>

#include "hearth/base/half.hpp"
#include "hearth/codecs/blocks.hpp"
#include "hearth/codecs/codec.hpp"
#include "hearth/codecs/codec_id.hpp"

namespace hearth {
namespace {

template <class T>
std::vector<float> decode_as(std::uint32_t id, const std::vector<T>& stored) {
    const Codec* codec = find_codec(id);
    REQUIRE(codec != nullptr);
    const std::size_t count = stored.size() * sizeof(T) / codec->block_bytes;
    std::vector<std::byte> bytes(stored.size() * sizeof(T));
    std::memcpy(bytes.data(), stored.data(), bytes.size());
    std::vector<float> values(count * codec->block_values, -99.0f);
    codec->decode(bytes.data(), count, values.data());
    return values;
}

using Floats = std::vector<float>;

}  // namespace

TEST_CASE("F32: every bit pattern passes unchanged, both ways") {
    const std::vector<std::uint32_t> bits = {0,           0x80000000u, 1,           0x807fffffu, 0x3f800001u,
                                             0x7f7fffffu, 0x7f800000u, 0xff800000u, 0x7fc00001u, 0x7f800001u};
    std::vector<std::uint32_t> back(bits.size()), again(bits.size());
    const Codec* codec = find_codec(codec_id::F32);
    std::vector<float> values(bits.size());
    codec->decode(reinterpret_cast<const std::byte*>(bits.data()), bits.size(), values.data());
    std::memcpy(back.data(), values.data(), back.size() * 4);
    CHECK(back == bits);
    codec->encode(values.data(), values.size(), reinterpret_cast<std::byte*>(again.data()));
    CHECK(again == bits);
    codec->decode(nullptr, 0, nullptr);
    codec->encode(nullptr, 0, nullptr);
}

TEST_CASE("F64: rounds to the nearest float, ties to even, beyond the range to infinity") {
    const float inf = std::numeric_limits<float>::infinity();
    CHECK(decode_as<double>(codec_id::F64,
                            {0.0, -1.5, 0.1, 1 + 0x1p-24, 1 + 0x3p-24, 0x1p-149, 0x1p-151, 1e39, -1e300}) ==
          Floats{0.0f, -1.5f, 0.1f, 1.0f, 1 + 0x1p-22f, 0x1p-149f, 0.0f, inf, -inf});
    CHECK(std::signbit(decode_as<double>(codec_id::F64, {-0.0})[0]));
    CHECK(std::isnan(decode_as<double>(codec_id::F64, {std::nan("")})[0]));
}

TEST_CASE("I8, I16, I32, I64: integers, the long ones rounded to the nearest float") {
    CHECK(decode_as<std::int8_t>(codec_id::I8, {0, 1, -1, 127, -128}) == Floats{0, 1, -1, 127, -128});
    CHECK(decode_as<std::int16_t>(codec_id::I16, {0, -1, 32767, -32768, 256}) == Floats{0, -1, 32767, -32768, 256});
    CHECK(decode_as<std::int32_t>(codec_id::I32, {-1, 16777217, 16777219, 2147483647, -2147483647 - 1}) ==
          Floats{-1, 16777216, 16777220, 2147483648.0f, -2147483648.0f});
    CHECK(decode_as<std::int64_t>(codec_id::I64, {-1, 5000000000, std::numeric_limits<std::int64_t>::max(),
                                                  std::numeric_limits<std::int64_t>::min()}) ==
          Floats{-1, 5e9f, 0x1p63f, -0x1p63f});
}

TEST_CASE("Q1_0: a set bit is d, a clear one -d, lowest bit first") {
    struct [[gnu::packed]] Block {
        f16 d;
        std::uint8_t bits[16];
    };
    Block a{f32_to_f16(0.75f), {}}, b{f32_to_f16(-2.0f), {}};
    a.bits[0] = 0x05;
    a.bits[15] = 0x80;
    for (std::uint8_t& byte : b.bits) byte = 0xff;
    const Floats y = decode_as<Block>(codec_id::Q1_0, {a, b});
    REQUIRE(y.size() == 256);
    for (std::size_t i = 0; i < 128; ++i) {
        CAPTURE(i);
        CHECK(y[i] == (i == 0 || i == 2 || i == 127 ? 0.75f : -0.75f));
        CHECK(y[128 + i] == -2.0f);
    }
}

TEST_CASE("Q2_0: codes of two bits, lowest first, are -1, 0, 1, 2 times d") {
    struct [[gnu::packed]] Block {
        f16 d;
        std::uint8_t qs[16];
    };
    Block a{f32_to_f16(0.5f), {}}, b{f32_to_f16(-3.0f), {}};
    for (std::uint8_t& byte : a.qs) byte = 0xe4;  // 0, 1, 2, 3
    b.qs[0] = 0x02;
    b.qs[15] = 0xc0;
    const Floats y = decode_as<Block>(codec_id::Q2_0, {a, b});
    REQUIRE(y.size() == 128);
    for (std::size_t i = 0; i < 64; ++i) {
        CAPTURE(i);
        CHECK(y[i] == 0.5f * (static_cast<float>(i % 4) - 1));
        CHECK(y[64 + i] == (i == 0 ? -3.0f : i == 63 ? -6.0f : 3.0f));
    }
}

TEST_CASE("Q4_K: scales and mins of six bits come from their three places") {
    BlockQ4_K block{};
    block.d = f32_to_f16(1.0f);
    block.dmin = f32_to_f16(1.0f);
    // Sub-block 1: scale 33, min 18. Sub-block 6: scale 0b10'1001 = 41, min 0b01'0110 = 22.
    block.scales[1] = 33;
    block.scales[5] = 18;
    block.scales[10] = 0x69;
    block.scales[2] |= 2 << 6;
    block.scales[6] |= 1 << 6;
    CHECK(k_scale(block.scales, 1) == 33);
    CHECK(k_min(block.scales, 1) == 18);
    CHECK(k_scale(block.scales, 6) == 41);
    CHECK(k_min(block.scales, 6) == 22);
    block.qs[5] = 0x70;        // value 37, sub-block 1
    block.qs[96 + 31] = 0x0f;  // value 223, sub-block 6
    const Floats y = decode_as<BlockQ4_K>(codec_id::Q4_K, {block});
    CHECK(y[37] == 7.0f * 33 - 18);
    CHECK(y[38] == -18.0f);
    CHECK(y[223] == 15.0f * 41 - 22);
    CHECK(y[0] == 0.0f);
}

TEST_CASE("MXFP4: scales reach from the smallest to the largest exponent") {
    for (int e = 0; e < 256; ++e) {
        BlockMXFP4 block{static_cast<std::uint8_t>(e), {}};
        block.qs[0] = 0xf7;  // 6 and -6
        block.qs[1] = 0x21;  // 0.5 and 1
        const Floats y = decode_as<BlockMXFP4>(codec_id::MXFP4, {block});
        CAPTURE(e);
        CHECK(y[0] == static_cast<float>(std::ldexp(6.0, e - 127)));
        CHECK(y[16] == -static_cast<float>(std::ldexp(6.0, e - 127)));
        CHECK(y[1] == static_cast<float>(std::ldexp(0.5, e - 127)));
        CHECK(y[17] == static_cast<float>(std::ldexp(1.0, e - 127)));
    }
}

TEST_CASE("NVFP4: every scale byte is an unsigned E4M3 number, 0x7f none") {
    for (int bits = 0; bits < 256; ++bits) {
        struct Block {
            std::uint8_t d[4], qs[32];
        } block{};
        block.d[2] = static_cast<std::uint8_t>(bits);
        block.qs[16] = 0xb5;  // values 32 and 40: 3 and -1.5
        const int exponent = (bits >> 3) & 15;
        const double mantissa = (bits & 7) / 8.0;
        double scale = exponent == 0 ? std::ldexp(mantissa, -6) : std::ldexp(1 + mantissa, exponent - 7);
        if (bits == 0x7f) scale = 0;
        const Floats y = decode_as<Block>(codec_id::NVFP4, {block});
        CAPTURE(bits);
        CHECK(y[32] == static_cast<float>(3 * scale));
        CHECK(y[40] == static_cast<float>(-1.5 * scale));
        CHECK(y[33] == 0.0f);
    }
}

}  // namespace hearth
