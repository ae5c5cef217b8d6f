// How much encoding loses: bounds on known distributions, and comparison with the plain rule of each format.
#include <algorithm>
#include <cmath>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <doctest/doctest.h>

#include "codecs/sample.hpp"
#include "hearth/base/half.hpp"
#include "hearth/codecs/codec.hpp"

namespace hearth {
namespace {

using test::Shape;

// Largest accepted error relative to the root mean square: 1 % above what was measured over 500,000 values of each
// distribution. In brackets what the quantizer of the Python package gguf 0.19.0 leaves, where it has one:
// Q8_0 (0.00534, 0.00674, 0.00377), Q4_0 (0.0858, 0.1072, 0.0651), Q4_1 (0.0781, 0.0919, 0.0607),
// Q5_0 (0.0425, 0.0536, 0.0312), Q5_1 (0.0378, 0.0444, 0.0294), BF16 (0.00165, 0.00166, 0.00176).
struct Bound {
    const char* name;
    double gauss, laplace, uniform;
};
constexpr Bound kBounds[] = {
    {"F32", 0, 0, 0},
    {"F16", 0.00022, 0.00022, 0.00023},
    {"BF16", 0.00168, 0.00169, 0.00178},
    {"Q8_0", 0.00539, 0.00681, 0.00380},
    {"Q4_0", 0.0867, 0.1083, 0.0658},
    {"Q4_1", 0.0789, 0.0928, 0.0613},
    {"Q5_0", 0.0430, 0.0542, 0.0316},
    {"Q5_1", 0.0382, 0.0449, 0.0297},
    {"Q4_K", 0.0708, 0.0838, 0.0544},
    {"Q5_K", 0.0350, 0.0415, 0.0269},
    {"Q6_K", 0.0170, 0.0209, 0.0128},
};

// Error of 32 values under the plain rule of a format, with codes chosen before the scale is rounded to half.
double plain_error(const std::string& name, const float* x) {
    const auto half = [](double v) { return static_cast<double>(f16_to_f32(f32_to_f16(static_cast<float>(v)))); };
    const auto [low, high] = std::minmax_element(x, x + 32);
    const double extreme = -*low > *high ? *low : *high;
    const bool with_min = name == "Q4_1" || name == "Q5_1";
    const int top = name == "Q8_0" ? 127 : name[1] == '4' ? 15 : 31;
    const double m = with_min ? *low : 0;
    const double d = with_min         ? (static_cast<double>(*high) - *low) / top
                     : name == "Q8_0" ? std::fabs(extreme) / 127
                                      : extreme / -((top + 1) / 2);
    const double first = with_min ? 0 : name == "Q8_0" ? -127 : -(top + 1) / 2;
    const double last = with_min ? top : name == "Q8_0" ? 127 : (top - 1) / 2;
    double sum = 0;
    for (int i = 0; i < 32; ++i) {
        const double code = d == 0 ? 0 : std::clamp(std::round((x[i] - m) / d), first, last);
        const double rest = x[i] - (half(d) * code + half(m));
        sum += rest * rest;
    }
    return sum;
}

}  // namespace

TEST_CASE("encode: errors on Gaussian, Laplace and uniform values keep their bounds") {
    for (const Bound& bound : kBounds) {
        const Codec* codec = find_codec(std::string_view(bound.name));
        REQUIRE(codec != nullptr);
        REQUIRE(static_cast<bool>(codec->encode));
        for (std::uint64_t seed : {1u, 2u, 3u}) {
            // 0.02 is the usual size of trained weights, where the scales of K-quants are subnormal halves.
            for (double scale : {1.0, 0.02, 300.0}) {
                for (Shape shape : {Shape::gauss, Shape::laplace, Shape::uniform}) {
                    const auto x = test::sample(shape, 256 * 256, seed, scale);
                    const double error = test::relative_error(x, test::round_trip(*codec, x));
                    const double limit = shape == Shape::gauss     ? bound.gauss
                                         : shape == Shape::laplace ? bound.laplace
                                                                   : bound.uniform;
                    CAPTURE(std::string(bound.name));
                    CAPTURE(scale);
                    CAPTURE(static_cast<int>(shape));
                    // Two standard deviations of the measurement at this number of values.
                    CHECK(error <= limit * 1.01);
                    CHECK(error >= limit * 0.8);
                }
            }
        }
    }
}

TEST_CASE("encode: every type that hearth writes has bounds") {
    for (const Codec& codec : codec_list()) {
        if (!codec.encode) continue;
        CAPTURE(codec.name);
        CHECK(std::count_if(std::begin(kBounds), std::end(kBounds),
                            [&](const Bound& bound) { return codec.name == bound.name; }) == 1);
    }
}

TEST_CASE("encode: no block of 32 errs more than under the plain rule of its format") {
    for (const char* name : {"Q8_0", "Q4_0", "Q4_1", "Q5_0", "Q5_1"}) {
        const Codec* codec = find_codec(std::string_view(name));
        double ours = 0, plain = 0;
        // Down to where scales are subnormal halves or less than the smallest, up to the largest.
        for (double scale : {1e-8, 1e-6, 1e-5, 3e-4, 0.02, 1.0, 5000.0}) {
            for (double shift : {0.0, 1.0, 100.0}) {
                auto x = test::sample(Shape::laplace, 32 * 500, 77, scale);
                for (float& f : x) f += static_cast<float>(shift * scale);
                const auto y = test::round_trip(*codec, x);
                for (std::size_t i = 0; i < x.size(); i += 32) {
                    const double limit = plain_error(name, x.data() + i);
                    const double error = test::squared_error(x.data() + i, y.data() + i, 32);
                    CAPTURE(name);
                    CAPTURE(scale);
                    CAPTURE(shift);
                    CAPTURE(i);
                    CHECK(error <= limit * (1 + 1e-5));
                    ours += error / limit;
                    plain += 1;
                }
            }
        }
        CHECK(ours < plain);
    }
}

TEST_CASE("encode: K-quants do not lose values that keep away from zero") {
    for (double shift : {3.0, -3.0, 10.0, -10.0}) {
        auto x = test::sample(Shape::uniform, 256 * 100, 5);
        for (float& f : x) f += static_cast<float>(shift);
        for (const char* name : {"Q4_K", "Q5_K"}) {
            const Codec* codec = find_codec(std::string_view(name));
            const auto y = test::round_trip(*codec, x);
            const double error = std::sqrt(test::squared_error(x.data(), y.data(), x.size()) / x.size());
            // Step 2 / 15 (2 / 31) and an offset in 63 parts, uniformly distributed rests.
            const double step = 2.0 / (codec->name == "Q4_K" ? 15 : 31);
            const double offset_step = (std::fabs(shift) + 1) / 63;
            CAPTURE(name);
            CAPTURE(shift);
            CHECK(error <= std::sqrt((step * step + offset_step * offset_step) / 12));
        }
    }
}

TEST_CASE("encode: one outlier in a super-block does not blur the other sub-blocks more than its scale demands") {
    auto x = test::sample(Shape::gauss, 256 * 50, 11);
    for (std::size_t i = 0; i < x.size(); i += 256) x[i + 100] = 40.0f;
    for (const auto& bound : {std::pair{"Q4_K", 0.08}, {"Q5_K", 0.055}, {"Q6_K", 0.025}}) {
        const std::string_view name = bound.first;
        const Codec* codec = find_codec(name);
        const auto y = test::round_trip(*codec, x);
        double error = 0;
        for (std::size_t i = 0; i < x.size(); i += 256) error += test::squared_error(&x[i + 128], &y[i + 128], 128);
        CAPTURE(name);
        CHECK(std::sqrt(error / (static_cast<double>(x.size()) / 2)) < bound.second);
    }
}

}  // namespace hearth
