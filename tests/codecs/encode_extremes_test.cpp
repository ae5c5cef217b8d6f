// What encoders do with zeros, the smallest and largest floats, constants and values that are no numbers.
#include <algorithm>
#include <cmath>
#include <cstdint>
#include <limits>
#include <map>
#include <string_view>
#include <vector>

#include <doctest/doctest.h>

#include "codecs/sample.hpp"
#include "hearth/codecs/codec.hpp"
#include "hearth/codecs/codec_id.hpp"

namespace hearth {
namespace {

using test::Shape;

constexpr float kMax = std::numeric_limits<float>::max();
constexpr float kTiny = std::numeric_limits<float>::denorm_min();
constexpr float kInf = std::numeric_limits<float>::infinity();

template <class Test>
void for_each_encoder(Test test) {
    std::size_t count = 0;
    for (const Codec& codec : codec_list()) {
        if (!codec.encode) continue;
        CAPTURE(codec.name);
        test(codec);
        ++count;
    }
    CHECK(count == 11);
}

bool is_float_type(const Codec& codec) { return codec.block_values == 1; }

std::size_t not_finite(const std::vector<float>& values) {
    return static_cast<std::size_t>(
        std::count_if(values.begin(), values.end(), [](float f) { return !std::isfinite(f); }));
}

}  // namespace

TEST_CASE("encode: zeros stay zeros") {
    for_each_encoder([](const Codec& codec) {
        for (float zero : {0.0f, -0.0f}) {
            for (float y : test::round_trip(codec, std::vector<float>(512, zero))) CHECK(y == 0.0f);
        }
    });
}

TEST_CASE("encode: any finite floats give finite values, with no more error than zeros would have") {
    for_each_encoder([](const Codec& codec) {
        for (std::uint64_t seed = 0; seed < 40; ++seed) {
            auto x = test::any_floats(256 * 16, seed);
            // Also bands of exponents, where not everything is dwarfed by one value.
            if (seed % 4 != 0) {
                const int low = -150 + static_cast<int>(seed) * 7;
                for (float& f : x) {
                    int exponent = 0;
                    const float mantissa = std::frexp(f, &exponent);
                    f = std::ldexp(mantissa, std::min(low + (exponent & 7), 127));
                }
            }
            const auto y = test::round_trip(codec, x);
            CAPTURE(seed);
            CHECK(not_finite(y) == 0);
            const std::vector<float> zeros(codec.block_values);
            for (std::size_t i = 0; i < x.size(); i += codec.block_values) {
                const double error = test::squared_error(&x[i], &y[i], codec.block_values);
                const double power = test::squared_error(&x[i], zeros.data(), codec.block_values);
                REQUIRE(error <= power * (1 + 1e-6));
            }
        }
    });
}

TEST_CASE("encode: the largest floats are cut, not made infinite, and keep their sign") {
    for_each_encoder([](const Codec& codec) {
        for (float big : {kMax, -kMax, 1e30f, -1e30f, 3e9f, -3e9f}) {
            std::vector<float> one(256, 0.0f), all(256, big), both(256, big);
            one[17] = big;
            for (std::size_t i = 0; i < 256; i += 2) both[i] = -big;
            for (const auto& x : {one, all, both}) {
                const auto y = test::round_trip(codec, x);
                CHECK(not_finite(y) == 0);
                for (std::size_t i = 0; i < 256; ++i) {
                    if (x[i] != 0) CHECK(std::signbit(y[i]) == std::signbit(x[i]));
                    if (x[i] != 0) CHECK(std::fabs(y[i]) >= 65504.0f);
                }
            }
        }
    });
}

TEST_CASE("encode: subnormal floats give finite values of at most the smallest half") {
    for_each_encoder([](const Codec& codec) {
        for (float tiny : {kTiny, -kTiny, 100 * kTiny, 1e-38f, -1e-38f, 1e-20f}) {
            std::vector<float> x(256, tiny);
            x[3] = -tiny;
            x[200] = 0;
            for (float y : test::round_trip(codec, x)) CHECK(std::fabs(y) <= 0x1p-24f);
        }
    });
}

TEST_CASE("encode: values near the smallest half are kept, though their scale is below it") {
    for_each_encoder([](const Codec& codec) {
        const auto x = test::sample(Shape::gauss, 256 * 20, 3, 1e-6);
        CHECK(test::relative_error(x, test::round_trip(codec, x)) < 0.2);
    });
}

TEST_CASE("encode: constant blocks come back to half precision") {
    for_each_encoder([](const Codec& codec) {
        for (float constant : {1.0f, -1.0f, 0.1f, -0.1f, 1000.3f, -1000.3f, 7e-4f}) {
            // The scales of the last are subnormal halves.
            const float limit = codec.id == codec_id::BF16 || constant == 7e-4f ? 0x1p-8f : 0x1p-10f;
            for (float y : test::round_trip(codec, std::vector<float>(256, constant))) {
                CAPTURE(constant);
                CHECK(std::fabs(y - constant) <= limit * std::fabs(constant));
            }
        }
    });
}

TEST_CASE("encode: infinity and NaN pass through float types and give finite blocks elsewhere") {
    for_each_encoder([](const Codec& codec) {
        for (float odd : {kInf, -kInf, std::nanf(""), -std::nanf("")}) {
            for (std::size_t at : {0u, 31u, 100u}) {
                auto x = test::sample(Shape::gauss, 256, 9);
                x[at] = odd;
                const auto y = test::round_trip(codec, x);
                if (is_float_type(codec)) {
                    CHECK((std::isnan(odd) ? std::isnan(y[at]) : y[at] == odd));
                    CHECK(not_finite(y) == 1);
                } else {
                    CHECK(not_finite(y) == 0);
                }
            }
            const auto y = test::round_trip(codec, std::vector<float>(256, odd));
            CHECK(not_finite(y) == (is_float_type(codec) ? 256 : 0));
        }
    });
}

TEST_CASE("encode: F16 and BF16 reproduce every finite value and cut beyond the largest") {
    for (std::uint32_t id : {codec_id::F16, codec_id::BF16}) {
        const Codec* codec = find_codec(id);
        std::vector<std::byte> blocks;
        for (std::uint32_t bits = 0; bits < 0x10000; ++bits) {
            blocks.push_back(static_cast<std::byte>(bits & 255));
            blocks.push_back(static_cast<std::byte>(bits >> 8));
        }
        const auto values = test::decode(*codec, blocks);
        const auto again = test::encode(*codec, values);
        std::size_t wrong = 0;
        for (std::size_t i = 0; i < values.size(); ++i) {
            wrong += !std::isnan(values[i]) && (again[2 * i] != blocks[2 * i] || again[2 * i + 1] != blocks[2 * i + 1]);
        }
        CHECK(wrong == 0);
        const float largest = id == codec_id::F16 ? 65504.0f : 0x1.fep127f;
        CHECK(test::round_trip(*codec, {kMax, -kMax, largest}) == std::vector<float>{largest, -largest, largest});
    }
}

TEST_CASE("encode: Q8_0 reproduces the values of its own blocks") {
    const Codec* codec = find_codec(codec_id::Q8_0);
    for (Shape shape : {Shape::gauss, Shape::laplace, Shape::uniform}) {
        for (double scale : {0.02, 1.0, 1e4}) {
            const auto first = test::encode(*codec, test::sample(shape, 32 * 2000, 21, scale));
            CHECK(test::encode(*codec, test::decode(*codec, first)) == first);
        }
    }
}

TEST_CASE("encode: multiplying by a power of two multiplies the result") {
    for_each_encoder([](const Codec& codec) {
        const auto x = test::sample(Shape::gauss, 256 * 40, 31, 64.0);
        const auto y = test::round_trip(codec, x);
        for (float factor : {2.0f, 8.0f}) {
            auto scaled = x;
            for (float& f : scaled) f *= factor;
            auto expected = y;
            for (float& f : expected) f *= factor;
            CHECK(test::round_trip(codec, scaled) == expected);
        }
    });
}

TEST_CASE("encode: types without an offset treat both signs alike") {
    for (std::uint32_t id : {codec_id::Q8_0, codec_id::Q4_0, codec_id::Q5_0, codec_id::Q6_K}) {
        const Codec* codec = find_codec(id);
        const auto x = test::sample(Shape::laplace, 256 * 40, 41, 0.02);
        auto negative = x;
        for (float& f : negative) f = -f;
        auto expected = test::round_trip(*codec, x);
        for (float& f : expected) f = -f;
        CAPTURE(codec->name);
        CHECK(test::round_trip(*codec, negative) == expected);
    }
}

TEST_CASE("encode: blocks do not depend on their neighbours, address or earlier content, and nothing else is written") {
    for_each_encoder([](const Codec& codec) {
        const auto x = test::sample(Shape::gauss, 256 * 6, 51);
        const auto together = test::encode(codec, x);
        for (std::byte filler : {std::byte{0x00}, std::byte{0xff}}) {
            std::vector<std::byte> alone(together.size() + 2, filler);
            for (std::size_t i = 0; i < x.size() / codec.block_values; ++i) {
                codec.encode(x.data() + i * codec.block_values, 1, alone.data() + 1 + i * codec.block_bytes);
            }
            CHECK(alone.front() == filler);
            CHECK(alone.back() == filler);
            CHECK(std::vector<std::byte>(alone.begin() + 1, alone.end() - 1) == together);
        }
    });
}

// The search compares sums of floats, so this holds only while every build adds in the same order and fuses nothing.
TEST_CASE("encode: blocks are the same bytes on every platform") {
    // FNV-1a of the blocks, as encoded on x86-64 and aarch64 alike.
    const std::map<std::string_view, std::uint64_t> expected = {
        {"F32", 0x7422e8a6b882331bu},  {"F16", 0x72ee39c07cbc8a52u},  {"Q4_0", 0x343cb9592eaa4754u},
        {"Q4_1", 0x5c049b8df9509b42u}, {"Q5_0", 0x105144df8a7e4f04u}, {"Q5_1", 0x80926ce870d860dcu},
        {"Q8_0", 0xfcb1d643d616c870u}, {"Q4_K", 0xcc806df8253238bfu}, {"Q5_K", 0x0343f867a0827875u},
        {"Q6_K", 0x5c5a28fc39f96661u}, {"BF16", 0x9b9c49720d68817fu}};
    for_each_encoder([&](const Codec& codec) {
        std::uint64_t hash = 14695981039346656037u;
        for (std::uint64_t seed = 0; seed < 5; ++seed) {
            // Sums of four uniform draws: no function of the platform's math library.
            std::vector<float> x(256 * 64);
            const float scale[] = {1e-6f, 0.02f, 1.0f, 1e3f, 1e8f};
            for (std::size_t i = 0; i < x.size(); ++i) {
                float sum = -2;
                for (std::uint64_t k = 0; k < 4; ++k) sum += static_cast<float>(uniform_draw(seed + 100 * k, i));
                x[i] = sum * scale[seed];
            }
            for (std::byte byte : test::encode(codec, x)) {
                hash = (hash ^ std::to_integer<std::uint64_t>(byte)) * 1099511628211u;
            }
        }
        CHECK(hash == expected.at(codec.name));
    });
}

}  // namespace hearth
