// Conversions between float and half against an independent computation in double precision.
#include <bit>
#include <cmath>
#include <cstdint>
#include <limits>
#include <vector>

#include <doctest/doctest.h>

#include "hearth/base/half.hpp"
#include "hearth/base/rng.hpp"

namespace hearth {
namespace {

// A binary format by its parameters; its values and roundings computed with ldexp and nearbyint only.
struct Format {
    int mantissa_bits, exponent_bits;

    int bias() const { return (1 << (exponent_bits - 1)) - 1; }
    std::uint32_t infinity() const { return ((1u << exponent_bits) - 1) << mantissa_bits; }
    std::uint32_t sign() const { return 1u << (mantissa_bits + exponent_bits); }

    double value(std::uint32_t bits) const {
        const double size = (bits & sign()) ? -1.0 : 1.0;
        const int exponent = static_cast<int>((bits & infinity()) >> mantissa_bits);
        const double mantissa = static_cast<double>(bits & ((1u << mantissa_bits) - 1));
        if ((bits & infinity()) == infinity()) return mantissa != 0 ? std::nan("") : size * HUGE_VAL;
        const double whole = exponent == 0 ? mantissa : mantissa + std::ldexp(1.0, mantissa_bits);
        return size * std::ldexp(whole, (exponent == 0 ? 1 : exponent) - bias() - mantissa_bits);
    }

    std::uint32_t round(double x) const {
        const std::uint32_t s = std::signbit(x) ? sign() : 0;
        const double a = std::fabs(x);
        if (std::isinf(a)) return s | infinity();
        if (a == 0) return s;
        const int exponent = std::max(std::ilogb(a), 1 - bias());
        // In units of the last place; a full carry moves into the exponent by itself.
        const double units = std::nearbyint(std::ldexp(a, mantissa_bits - exponent));
        const double hidden = std::ldexp(1.0, mantissa_bits);
        const double bits = units + (exponent + bias() - 1) * hidden;
        return s | (bits >= infinity() ? infinity() : static_cast<std::uint32_t>(bits));
    }
};
constexpr Format kF16{10, 5}, kBf16{7, 8};

// Floats where rounding is decided: around every value of the format and every midpoint, and random bit patterns.
template <class Check>
void for_many_floats(const Format& format, Check check) {
    for (std::uint32_t bits = 0; bits < format.infinity(); ++bits) {
        const double here = format.value(bits);
        const double next = bits + 1 == format.infinity() ? 2 * here - format.value(bits - 1) : format.value(bits + 1);
        for (double point : {here, (here + next) / 2}) {
            const float f = static_cast<float>(point);
            for (float near : {f, std::nextafterf(f, HUGE_VALF), std::nextafterf(f, -HUGE_VALF)}) {
                check(near);
                check(-near);
            }
        }
    }
    for (std::uint64_t i = 0; i < 500000; ++i) {
        for (std::uint32_t word : philox4x32(17, i, 0)) {
            const float f = std::bit_cast<float>(word);
            if (!std::isnan(f)) check(f);
        }
    }
    for (float f : {0.0f, std::numeric_limits<float>::denorm_min(), std::numeric_limits<float>::min(),
                    std::numeric_limits<float>::max(), HUGE_VALF}) {
        check(f);
        check(-f);
    }
}

}  // namespace

TEST_CASE("half: all 65536 bit patterns widen to their value and come back") {
    std::size_t wrong = 0;
    for (std::uint32_t bits = 0; bits < 0x10000; ++bits) {
        const f16 h = static_cast<f16>(bits);
        const float f = f16_to_f32(h);
        const double expected = kF16.value(bits);
        if (std::isnan(expected)) {
            // NaN stays NaN with its sign and payload, made quiet.
            wrong += !std::isnan(f) || std::signbit(f) != ((bits & 0x8000) != 0) || f32_to_f16(f) != (h | 0x200u);
        } else {
            wrong += f != expected || std::signbit(f) != std::signbit(expected) || f32_to_f16(f) != h;
        }
    }
    CHECK(wrong == 0);
}

TEST_CASE("half: all 65536 bfloat16 patterns widen to their value and come back") {
    std::size_t wrong = 0;
    for (std::uint32_t bits = 0; bits < 0x10000; ++bits) {
        const bf16 h = static_cast<bf16>(bits);
        const float f = bf16_to_f32(h);
        const double expected = kBf16.value(bits);
        if (std::isnan(expected)) {
            wrong += !std::isnan(f) || std::signbit(f) != ((bits & 0x8000) != 0) || f32_to_bf16(f) != (h | 0x40u);
        } else {
            wrong += f != expected || std::signbit(f) != std::signbit(expected) || f32_to_bf16(f) != h;
        }
    }
    CHECK(wrong == 0);
}

TEST_CASE("half: floats round to the nearest half, ties to even") {
    std::size_t checked = 0, wrong = 0;
    for_many_floats(kF16, [&](float f) {
        ++checked;
        if (f32_to_f16(f) == kF16.round(f)) return;
        if (++wrong < 10) FAIL_CHECK("f32_to_f16(" << f << ") is " << f32_to_f16(f) << ", expected " << kF16.round(f));
    });
    CHECK(checked > 2000000);
    CHECK(wrong == 0);
    CHECK(f32_to_f16(65519.996f) == 0x7bff);
    CHECK(f32_to_f16(65520.0f) == 0x7c00);
    CHECK(f32_to_f16(0x1p-25f) == 0);
    CHECK(f32_to_f16(std::nextafterf(0x1p-25f, 1.0f)) == 1);
    CHECK(f32_to_f16(0x3p-25f) == 2);
}

TEST_CASE("half: floats round to the nearest bfloat16, ties to even") {
    std::size_t checked = 0, wrong = 0;
    for_many_floats(kBf16, [&](float f) {
        ++checked;
        if (f32_to_bf16(f) == kBf16.round(f)) return;
        if (++wrong < 10)
            FAIL_CHECK("f32_to_bf16(" << f << ") is " << f32_to_bf16(f) << ", expected " << kBf16.round(f));
    });
    CHECK(checked > 2000000);
    CHECK(wrong == 0);
    CHECK(f32_to_bf16(1 + 0x1p-8f) == 0x3f80);
    CHECK(f32_to_bf16(1 + 0x3p-8f) == 0x3f82);
    CHECK(f32_to_bf16(std::numeric_limits<float>::max()) == 0x7f80);
}

TEST_CASE("half: NaN of any payload stays NaN and keeps its sign") {
    std::size_t wrong = 0;
    for (std::uint64_t i = 0; i < 100000; ++i) {
        for (std::uint32_t word : philox4x32(23, i, 0)) {
            // Payloads in the low bits only are the dangerous ones: cutting them off would leave infinity.
            for (std::uint32_t payload : {word & 0x7fffffu, word & 0x1fffu, 1u}) {
                if (payload == 0) continue;
                const std::uint32_t bits = (word & 0x80000000u) | 0x7f800000u | payload;
                const float f = std::bit_cast<float>(bits);
                const f16 h = f32_to_f16(f);
                const bf16 b = f32_to_bf16(f);
                wrong += (h & 0x7fffu) <= 0x7c00u || (h >> 15) != (bits >> 31);
                wrong += (b & 0x7fffu) <= 0x7f80u || (b >> 15) != (bits >> 31);
            }
        }
    }
    CHECK(wrong == 0);
}

}  // namespace hearth
