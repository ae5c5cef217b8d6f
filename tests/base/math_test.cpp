#include "hearth/base/math.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstring>
#include <limits>

#include "hearth/base/rng.hpp"

namespace {

using hearth::uniform_draw;

// Distance of `got` from the reference in units of the reference's last place.
double ulps(double got, long double reference) {
    const double rounded = static_cast<double>(reference);
    if (got == rounded) return 0.0;
    const double next = std::nextafter(std::fabs(rounded), std::numeric_limits<double>::infinity());
    const double ulp = next - std::fabs(rounded);
    return static_cast<double>(std::fabs(static_cast<long double>(got) - reference) / ulp);
}

double uniform(std::uint64_t seed, std::uint64_t i, double low, double high) {
    return low + (high - low) * uniform_draw(seed, i);
}

// Where long double has 113 bits it is software.
constexpr std::uint64_t kDraws = std::numeric_limits<long double>::digits > 64 ? 10000 : 200000;

}  // namespace

TEST_CASE("math: exp is within 2 ulp over its whole domain") {
    double worst = 0;
    for (std::uint64_t i = 0; i < kDraws; ++i) {
        for (double range : {700.0, 20.0, 0.7, 1e-3}) {
            const double x = uniform(1, i, -range, range);
            worst = std::max(worst, ulps(hearth::det_exp(x), std::exp(static_cast<long double>(x))));
        }
    }
    CHECK(worst < 2.0);
}

TEST_CASE("math: exp at the borders") {
    const double inf = std::numeric_limits<double>::infinity();
    CHECK(hearth::det_exp(0.0) == 1.0);
    CHECK(hearth::det_exp(-0.0) == 1.0);
    CHECK(hearth::det_exp(710.0) == inf);
    CHECK(hearth::det_exp(inf) == inf);
    CHECK(hearth::det_exp(-inf) == 0.0);
    CHECK(hearth::det_exp(-800.0) == 0.0);
    CHECK(std::isnan(hearth::det_exp(std::numeric_limits<double>::quiet_NaN())));
    CHECK(ulps(hearth::det_exp(709.78), std::exp(709.78L)) < 2.0 * 700);  // 709.78 itself is rounded
    CHECK(std::fabs(hearth::det_exp(-740.0) - std::exp(-740.0)) <= 2 * std::numeric_limits<double>::denorm_min());
}

TEST_CASE("math: log is within 2 ulp over its whole domain") {
    double worst = 0;
    for (std::uint64_t i = 0; i < kDraws; ++i) {
        const double near_one = uniform(2, i, 0.5, 2.0);
        const double wide = std::ldexp(uniform(3, i, 1.0, 2.0), static_cast<int>(i % 2090) - 1066);
        const double close = 1.0 + uniform(4, i, -1e-6, 1e-6);
        for (double x : {near_one, wide, close})
            worst = std::max(worst, ulps(hearth::det_log(x), std::log(static_cast<long double>(x))));
    }
    CHECK(worst < 2.0);
    CHECK(hearth::det_log(1.0) == 0.0);
}

TEST_CASE("math: pow is within 2 ulp, large exponents included") {
    double worst = 0;
    for (std::uint64_t i = 0; i < kDraws; ++i) {
        // Bases and exponents of rotary frequencies, results over the whole range, and bases close to 1.
        const double theta = uniform(5, i, 1e3, 1e7), fraction = -uniform(6, i, 0.0, 1.0);
        const double base = std::exp(uniform(7, i, -30.0, 30.0)), exponent = uniform(8, i, -23.0, 23.0);
        const double close = 1.0 + uniform(9, i, -1e-4, 1e-4), large = uniform(10, i, -1e6, 1e6);
        worst = std::max(worst, ulps(hearth::det_pow(theta, fraction),
                                     std::pow(static_cast<long double>(theta), static_cast<long double>(fraction))));
        worst = std::max(worst, ulps(hearth::det_pow(base, exponent),
                                     std::pow(static_cast<long double>(base), static_cast<long double>(exponent))));
        worst = std::max(worst, ulps(hearth::det_pow(close, large),
                                     std::pow(static_cast<long double>(close), static_cast<long double>(large))));
    }
    CHECK(worst < 2.0);
}

TEST_CASE("math: pow at the borders") {
    const double inf = std::numeric_limits<double>::infinity();
    CHECK(hearth::det_pow(3.0, 0.0) == 1.0);
    CHECK(hearth::det_pow(1.0, 1e300) == 1.0);
    CHECK(hearth::det_pow(10000.0, 1.0) == 10000.0);
    CHECK(hearth::det_pow(2.0, -3.0) == 0.125);
    CHECK(hearth::det_pow(2.0, 1e300) == inf);
    CHECK(hearth::det_pow(2.0, -1e300) == 0.0);
    CHECK(hearth::det_pow(0.5, 1e300) == 0.0);
    CHECK(hearth::det_pow(0.5, -1e300) == inf);
}

TEST_CASE("math: sine and cosine are within 2 ulp up to 2^30") {
    double worst = 0;
    for (std::uint64_t i = 0; i < kDraws; ++i) {
        for (double range : {0.8, 100.0, 1e6, 0x1p30}) {
            const double x = uniform(11, i, -range, range);
            const auto [s, c] = hearth::det_sincos(x);
            worst = std::max(worst, ulps(s, std::sin(static_cast<long double>(x))));
            worst = std::max(worst, ulps(c, std::cos(static_cast<long double>(x))));
        }
        // Positions are whole numbers, and multiples of pi/2 are where a careless reduction loses everything.
        const double whole = static_cast<double>(i), zero = static_cast<double>(i * 3001) * 1.5707963267948966;
        for (double x : {whole, zero}) {
            const auto [s, c] = hearth::det_sincos(x);
            worst = std::max(worst, ulps(s, std::sin(static_cast<long double>(x))));
            worst = std::max(worst, ulps(c, std::cos(static_cast<long double>(x))));
        }
    }
    CHECK(worst < 2.0);
    CHECK(hearth::det_sincos(0.0).sin == 0.0);
    CHECK(hearth::det_sincos(0.0).cos == 1.0);
}

TEST_CASE("math: the bits are those of every other machine") {
    // A digest over many results. A change of one bit on one machine or compiler changes it.
    std::uint64_t digest = 1469598103934665603u;
    auto add = [&](double v) {
        std::uint64_t bits;
        static_assert(sizeof bits == sizeof v);
        std::memcpy(&bits, &v, sizeof bits);
        digest = (digest ^ bits) * 1099511628211u;
    };
    for (std::uint64_t i = 0; i < 20000; ++i) {
        add(hearth::det_exp(uniform(21, i, -700.0, 700.0)));
        add(hearth::det_log(uniform(22, i, 1e-3, 1e6)));
        add(hearth::det_pow(uniform(23, i, 1e3, 1e6), uniform(24, i, -1.0, 1.0)));
        const auto [s, c] = hearth::det_sincos(uniform(25, i, -1e6, 1e6));
        add(s);
        add(c);
    }
    CHECK(digest == 11511112898405948007u);
}
