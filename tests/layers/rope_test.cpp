// Rotation angles against closed forms in long double.
#include "hearth/layers/rope.hpp"

#include <algorithm>
#include <cmath>

#include <doctest/doctest.h>

namespace hearth::test {
namespace {

constexpr long double kPi = 3.141592653589793238462643383279502884L;

long double plain(double base, std::uint32_t dims, std::size_t i) {
    return std::pow(static_cast<long double>(base),
                    -2.0L * static_cast<long double>(i) / static_cast<long double>(dims));
}

void check_near(double got, long double want) {
    CHECK(static_cast<double>(std::fabs(static_cast<long double>(got) - want)) <=
          1e-14 * static_cast<double>(std::fabs(want)));
}

// YaRN as its paper writes it (section 3.2): r(i) = L / wavelength; gamma rises from 0 at r = alpha to 1 at r = beta.
// Most models round the borders to whole dimensions; between them gamma is linear in i, beyond them it is 0 or 1.
long double yarn_gamma(const RopeSpec& s, std::size_t i) {
    const auto border = [&](double rotations) {  // the dimension whose wavelength fits `rotations` times in the context
        const long double wavelength =
            static_cast<long double>(s.yarn.original_context) / static_cast<long double>(rotations);
        return static_cast<long double>(s.dims) / 2 * std::log(wavelength / (2 * kPi)) /
               std::log(static_cast<long double>(s.base));
    };
    const auto rounded = [&](long double to, long double at) { return s.yarn.whole_pairs ? to : at; };
    const long double first = border(s.yarn.beta_fast), last = border(s.yarn.beta_slow);
    const long double fast = std::max(0.0L, rounded(std::floor(first), first));
    const long double slow = std::min(static_cast<long double>(s.dims) - 1, rounded(std::ceil(last), last));
    const auto x = static_cast<long double>(i);
    if (x <= fast) return 1;
    if (x >= slow) return 0;
    return (slow - x) / (slow - fast);
}

}  // namespace

TEST_CASE("rope: plain frequencies are powers of the base") {
    for (const std::uint32_t dims : {2U, 6U, 64U, 96U, 128U, 256U}) {
        for (const double base : {10000.0, 500000.0, 1000000.0, 1e9, 1.5}) {
            RopeSpec s;
            s.dims = dims;
            s.base = base;
            const auto f = rope_frequencies(s);
            REQUIRE(f.size() == dims / 2);
            for (std::size_t i = 0; i < f.size(); ++i) check_near(f[i], plain(base, dims, i));
        }
    }
}

TEST_CASE("rope: linear scaling and factors divide frequencies") {
    RopeSpec s;
    s.dims = 64;
    s.base = 500000;
    s.linear = 8;
    for (std::size_t i = 0; i < 32; ++i) s.factors.push_back(1 + 0.37F * static_cast<float>(i));
    const auto f = rope_frequencies(s);
    for (std::size_t i = 0; i < 32; ++i)
        check_near(f[i], plain(s.base, 64, i) / static_cast<long double>(s.factors[i]) / 8);
    s.factors.clear();
    const auto g = rope_frequencies(s);
    for (std::size_t i = 0; i < 32; ++i) check_near(g[i], plain(s.base, 64, i) / 8);
}

TEST_CASE("rope: YaRN keeps fast dimensions, divides slow ones, and ramps between") {
    for (const std::uint32_t dims : {32U, 64U, 128U}) {
        for (const double factor : {4.0, 16.0, 40.0}) {
            for (const double original : {256.0, 4096.0, 32768.0}) {
                for (const bool whole : {true, false}) {
                    for (const auto& [fast, slow] : {std::pair(32.0, 1.0), std::pair(6.0, 2.0)}) {
                        RopeSpec s;
                        s.dims = dims;
                        s.base = 1000000;
                        s.yarn = {true, factor, original, fast, slow, whole};
                        const auto f = rope_frequencies(s);
                        bool ramps = false;
                        for (std::size_t i = 0; i < f.size(); ++i) {
                            const long double theta = plain(s.base, dims, i), gamma = yarn_gamma(s, i);
                            check_near(f[i], (1 - gamma) * theta / static_cast<long double>(factor) + gamma * theta);
                            ramps = ramps || (gamma > 0 && gamma < 1);
                        }
                        CHECK(f[0] == 1.0);  // the fastest dimension turns within any context
                        CHECK(ramps);
                    }
                }
            }
        }
    }
}

TEST_CASE("rope: angles are accurate at every position up to 131072 and beyond") {
    RopeSpec s;
    s.dims = 128;
    s.base = 500000;
    const auto f = rope_frequencies(s);
    std::vector<float> cos(64), sin(64);
    double worst = 0;
    for (std::size_t p = 0; p <= 1100000; p = p < 64 ? p + 1 : p + p / 37 + 1) {
        for (const double magnitude : {1.0, 1.2}) {
            rope_angles(f, magnitude, p, cos.data(), sin.data());
            for (std::size_t i = 0; i < 64; ++i) {
                const long double angle = static_cast<long double>(p) * static_cast<long double>(f[i]);
                const auto m = static_cast<long double>(magnitude);
                worst = std::max(
                    worst, static_cast<double>(std::fabs(static_cast<long double>(cos[i]) - m * std::cos(angle))));
                worst = std::max(
                    worst, static_cast<double>(std::fabs(static_cast<long double>(sin[i]) - m * std::sin(angle))));
            }
        }
    }
    rope_angles(f, 1, 131072, cos.data(), sin.data());
    CHECK(std::fabs(static_cast<double>(sin[0]) - std::sin(131072.0)) < 1e-7);
    CHECK(worst < 1e-7);
}

TEST_CASE("rope: position 0 does not rotate") {
    RopeSpec s;
    s.dims = 10;
    std::vector<float> cos(5), sin(5);
    rope_angles(rope_frequencies(s), 1, 0, cos.data(), sin.data());
    for (std::size_t i = 0; i < 5; ++i) CHECK((cos[i] == 1.0F && sin[i] == 0.0F));
}

}  // namespace hearth::test
