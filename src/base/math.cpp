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

// An unevaluated sum hi + lo with |lo| <= ulp(hi) / 2: about 106 bits. The exact sum and product are those of
// T. J. Dekker, "A floating-point technique for extending the available precision", Numer. Math. 18 (1971).
struct Two {
    double hi, lo;
};

Two fast_sum(double a, double b) {  // |a| >= |b| or a == 0
    const double s = a + b;
    return {s, b - (s - a)};
}

Two exact_sum(double a, double b) {
    const double s = a + b, t = s - a;
    return {s, (a - (s - t)) + (b - t)};
}

Two exact_product(double a, double b) {  // |a|, |b| < 2^996
    const double p = a * b;
    const double ca = 134217729.0 * a, cb = 134217729.0 * b;  // 2^27 + 1
    const double ah = ca - (ca - a), al = a - ah;
    const double bh = cb - (cb - b), bl = b - bh;
    return {p, ((ah * bh - p) + ah * bl + al * bh) + al * bl};
}

Two product(Two a, Two b) {
    const Two p = exact_product(a.hi, b.hi);
    return fast_sum(p.hi, p.lo + (a.hi * b.lo + a.lo * b.hi));
}

Two sum(Two a, Two b) {
    const Two s = exact_sum(a.hi, b.hi);
    return fast_sum(s.hi, s.lo + (a.lo + b.lo));
}

Two quotient(double a, Two b) {
    const double q = a / b.hi;
    const Two p = exact_product(q, b.hi);
    return fast_sum(q, (((a - p.hi) - p.lo) - q * b.lo) / b.hi);
}

// ln 2 in parts: n * hi is exact for |n| < 2^20.
constexpr double kLn2Hi = 0x1.62e42feep-1, kLn2Lo = 0x1.a39ef35793c76p-33, kLn2Tail = 0x1.cc01f97b57a08p-87;

struct Split {
    std::int64_t exponent;
    double mantissa;  // within [sqrt(1/2), sqrt(2)]
};

Split split(double x) {
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
    return {e, m};
}

// log m = 2 atanh(s), s = (m - 1) / (m + 1), z = s^2 <= 0.0295. The series in z after its term of power `first` / 2:
// 2/(first+2) + z * 2/(first+4) + ... to s^21.
double atanh_series(double z, int first) {
    double p = 2.0 / 21.0;
    for (int n = 19; n > first; n -= 2) p = p * z + 2.0 / n;
    return p;
}

// The logarithm with a relative error near 2^-66, for powers.
Two log_two(double x) {
    const auto [e, m] = split(x);
    const Two s = quotient(m - 1.0, exact_sum(m, 1.0));
    const Two z = product(s, s);
    // The first two terms carry the precision, the rest is below 2^-12 of the sum.
    const double rest = atanh_series(z.hi, 3);
    const Two cubic = sum({0x1.5555555555555p-1, 0x1.5555555555555p-55}, exact_product(z.hi, rest));
    const Two series = sum({2.0 * s.hi, 2.0 * s.lo}, product(product(s, z), cubic));
    const double n = static_cast<double>(e);
    const Two whole = fast_sum(n * kLn2Hi, n * kLn2Lo);
    const Two low = exact_product(n, kLn2Lo);
    return sum(sum(whole, {low.lo + n * kLn2Tail, 0.0}), series);
}

// exp(x + tail), |tail| tiny beside x.
double exp_sum(double x, double tail) {
    if (!(x == x)) return x;
    if (x > 709.782712893384) return std::bit_cast<double>(0x7ff0000000000000u);
    if (x < -745.2) return 0.0;
    const double n = round_even(x * 1.4426950408889634);
    // |r| <= 0.3466; the low part of the reduced argument is kept.
    const Two r = exact_sum(x - n * kLn2Hi, tail - n * kLn2Lo);
    // Taylor to r^13: the first dropped term is below 2^-56 there.
    double p = 1.0 / 6227020800.0;
    for (double c : {1.0 / 479001600.0, 1.0 / 39916800.0, 1.0 / 3628800.0, 1.0 / 362880.0, 1.0 / 40320.0, 1.0 / 5040.0,
                     1.0 / 720.0, 1.0 / 120.0, 1.0 / 24.0, 1.0 / 6.0, 0.5})
        p = p * r.hi + c;
    const double y = 1.0 + (r.hi + (r.lo + r.hi * r.hi * p));
    const auto k = static_cast<std::int64_t>(n);
    if (k > 1000) return scale2(scale2(y, k - 100), 100);
    if (k < -1000) return scale2(scale2(y, k + 100), -100);
    return scale2(y, k);
}

}  // namespace

double det_exp(double x) { return exp_sum(x, 0.0); }

double det_log(double x) {
    const auto [e, m] = split(x);
    const double f = m - 1.0, s = f / (m + 1.0), z = s * s;
    // 2s = f - s*f, which keeps the low bits that the division lost.
    const double n = static_cast<double>(e);
    const double tail = s * (z * atanh_series(z, 1) - f) + n * kLn2Lo;
    return n * kLn2Hi + (f + tail);
}

double det_pow(double x, double y) {
    if (y == 0.0) return 1.0;
    const Two l = log_two(x);
    // Beyond these the result is 0 or infinity for every x but 1, whose logarithm is exactly 0.
    if (l.hi == 0.0) return 1.0;
    if (y > 0x1p70 || y < -0x1p70) return exp_sum((y > 0.0) == (l.hi > 0.0) ? 800.0 : -800.0, 0.0);
    const Two p = exact_product(y, l.hi);
    const Two exponent = fast_sum(p.hi, p.lo + y * l.lo);
    return exp_sum(exponent.hi, exponent.lo);
}

SinCos det_sincos(double x) {
    // pi/2 in parts of 23 bits (Cody and Waite): n * part is exact for n < 2^30, and the differences are kept in two
    // doubles, so that a result near a zero of sine or cosine keeps its relative precision.
    const double n = round_even(x * 0.6366197723675814);
    const Two a = exact_sum(x, -n * 0x1.921fb4p0);
    const Two b = exact_sum(a.hi, -n * 0x1.4442dp-24);
    const Two c1 = exact_sum(b.hi, -n * 0x1.8469898cc5170p-48);
    const Two last = exact_product(-n, 0x1.8469898cc5170p-48);
    const Two reduced = exact_sum(c1.hi, (((a.lo + b.lo) + c1.lo) + last.lo) - n * 0x1.b839a252049c1p-104);
    const double r = reduced.hi, low = reduced.lo;
    const double z = r * r;
    double s = 1.0 / 355687428096000.0;  // 1/17!
    for (double c : {-1.0 / 1307674368000.0, 1.0 / 6227020800.0, -1.0 / 39916800.0, 1.0 / 362880.0, -1.0 / 5040.0,
                     1.0 / 120.0, -1.0 / 6.0})
        s = s * z + c;
    double c = 1.0 / 20922789888000.0;  // 1/16!
    for (double k :
         {-1.0 / 87178291200.0, 1.0 / 479001600.0, -1.0 / 3628800.0, 1.0 / 40320.0, -1.0 / 720.0, 1.0 / 24.0})
        c = c * z + k;
    // sin(r + low) = sin r + low cos r, cos(r + low) = cos r - low sin r.
    const double sine = r + (r * z * s + low * (1.0 - 0.5 * z));
    const Two half = exact_sum(1.0, -0.5 * z);
    const double cosine = half.hi + (half.lo + (z * z * c - r * low));
    switch (static_cast<std::int64_t>(n) & 3) {
        case 0:
            return {sine, cosine};
        case 1:
            return {cosine, -sine};
        case 2:
            return {-sine, -cosine};
        default:
            return {-cosine, sine};
    }
}

}  // namespace hearth
