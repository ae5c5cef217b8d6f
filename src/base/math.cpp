#include "hearth/base/math.hpp"

#include <bit>
#include <cstdint>
#include <initializer_list>

namespace hearth {

namespace {

double round_even(double x) {  // |x| < 2^51
    const double magic = 0x1.8p52;
    return (x + magic) - magic;
}

double scale2(double x, std::int64_t n) {  // x * 2^n, n within the exponents of double
    return x * std::bit_cast<double>(static_cast<std::uint64_t>(n + 1023) << 52);
}

// ln 2 in two parts: n * hi is exact for |n| < 2^20.
constexpr double kLn2Hi = 0x1.62e42feep-1, kLn2Lo = 0x1.a39ef35793c76p-33;

}  // namespace

double det_exp(double x) {
    if (!(x == x)) return x;
    if (x > 709.782712893384) return std::bit_cast<double>(0x7ff0000000000000u);
    if (x < -745.2) return 0.0;
    const double n = round_even(x * 1.4426950408889634);
    const double r = (x - n * kLn2Hi) - n * kLn2Lo;  // |r| <= 0.3466
    // Taylor to r^13: the first dropped term is below 2^-56 there.
    double p = 1.0 / 6227020800.0;
    for (double c : {1.0 / 479001600.0, 1.0 / 39916800.0, 1.0 / 3628800.0, 1.0 / 362880.0, 1.0 / 40320.0, 1.0 / 5040.0,
                     1.0 / 720.0, 1.0 / 120.0, 1.0 / 24.0, 1.0 / 6.0, 0.5})
        p = p * r + c;
    const double y = 1.0 + (r + r * r * p);
    const auto k = static_cast<std::int64_t>(n);
    if (k > 1000) return scale2(scale2(y, k - 100), 100);
    if (k < -1000) return scale2(scale2(y, k + 100), -100);
    return scale2(y, k);
}

double det_log(double x) {
    std::uint64_t bits = std::bit_cast<std::uint64_t>(x);
    std::int64_t e = 0;
    if (bits < 0x0010000000000000u) {  // subnormal
        bits = std::bit_cast<std::uint64_t>(x * 0x1p54);
        e = -54;
    }
    e += static_cast<std::int64_t>(bits >> 52) - 1023;
    double m = std::bit_cast<double>((bits & 0x000fffffffffffffu) | 0x3ff0000000000000u);  // [1, 2)
    if (m > 1.4142135623730951) {
        m *= 0.5;
        e += 1;
    }
    // log m = 2 atanh(s), s = (m-1)/(m+1), |s| <= 0.1716: odd series to s^21.
    const double f = m - 1.0, s = f / (m + 1.0), z = s * s;
    double p = 2.0 / 21.0;
    for (double c : {2.0 / 19.0, 2.0 / 17.0, 2.0 / 15.0, 2.0 / 13.0, 2.0 / 11.0, 2.0 / 9.0, 2.0 / 7.0, 2.0 / 5.0, 2.0 / 3.0})
        p = p * z + c;
    // 2s = f - s*f, which keeps the low bits that the division lost.
    const double tail = s * (z * p - f) + static_cast<double>(e) * kLn2Lo;
    return static_cast<double>(e) * kLn2Hi + (f + tail);
}

double det_pow(double x, double y) {
    if (y == 0.0) return 1.0;
    return det_exp(y * det_log(x));
}

SinCos det_sincos(double x) {
    // pi/2 in three parts (Cody and Waite): n * part is exact for n < 2^26 with 27-bit parts.
    const double n = round_even(x * 0.6366197723675814);
    const double r = ((x - n * 0x1.921fb5p0) - n * 0x1.110b46p-26) - n * 0x1.1a62633145c07p-54;
    const double z = r * r;
    double s = 1.0 / 355687428096000.0;  // 1/17!
    for (double c : {-1.0 / 1307674368000.0, 1.0 / 6227020800.0, -1.0 / 39916800.0, 1.0 / 362880.0, -1.0 / 5040.0,
                     1.0 / 120.0, -1.0 / 6.0})
        s = s * z + c;
    const double sine = r + r * z * s;
    double c = 1.0 / 20922789888000.0;  // 1/16!
    for (double k : {-1.0 / 87178291200.0, 1.0 / 479001600.0, -1.0 / 3628800.0, 1.0 / 40320.0, -1.0 / 720.0, 1.0 / 24.0})
        c = c * z + k;
    const double cosine = (1.0 - 0.5 * z) + z * z * c;
    switch (static_cast<std::int64_t>(n) & 3) {
        case 0: return {sine, cosine};
        case 1: return {cosine, -sine};
        case 2: return {-sine, -cosine};
        default: return {-cosine, sine};
    }
}

}  // namespace hearth
