// The float functions against double, and every instruction set against scalar over dense sweeps of arguments.
#include <algorithm>

#include "kernels/values.hpp"

namespace hearth::test {
namespace {

#include "kernels/portable/math_scalar.inl"

// Every `step`-th float from `from` away from zero up to `to`, both of one sign.
template <class F>
void sweep(float from, float to, std::uint32_t step, F f) {
    const auto last = std::bit_cast<std::uint32_t>(to);
    for (auto bits = std::bit_cast<std::uint32_t>(from); bits <= last; bits += step) f(std::bit_cast<float>(bits));
}

template <class Got, class Want>
double worst(float from, float to, std::uint32_t step, Got got, Want want) {
    double error = 0;
    sweep(from, to, step, [&](float x) { error = std::max(error, ulps(got(x), want(static_cast<double>(x)))); });
    return error;
}

std::vector<float> sweep_values(float from, float to, std::uint32_t step) {
    std::vector<float> v;
    sweep(from, to, step, [&](float x) { v.push_back(x); });
    return v;
}

}  // namespace

TEST_CASE("exp: within 1 ulp of the exact value where it is a normal float") {
    const auto exact = [](double x) { return std::exp(x); };
    const double up = worst(
        0.0f, 88.72283f, 997, [](float x) { return exp(x); }, exact);
    const double down = worst(
        -0.0f, -87.33654f, 997, [](float x) { return exp(x); }, exact);
    MESSAGE("exp: " << std::max(up, down) << " ulp");
    CHECK(std::max(up, down) <= 1.0);
}

TEST_CASE("exp: ends of the range") {
    CHECK(same(exp(0.0f), 1.0f));
    CHECK(same(exp(-0.0f), 1.0f));
    CHECK(same(exp(-kInf), 0.0f));
    CHECK(same(exp(kInf), kInf));
    CHECK(std::isnan(exp(kNan)));
    CHECK(std::isnan(exp(std::bit_cast<float>(0xffc12345u))));
    CHECK(exp(0x1.62e42ep6f) < kInf);
    CHECK(same(exp(0x1.62e43p6f), kInf));
    CHECK(exp(-0x1.5d589ep6f) >= 0x1p-126f);
    CHECK(same(exp(-0x1.5d58ap6f), 0.0f));
    CHECK(same(exp(3.4028235e38f), kInf));
    CHECK(same(exp(-3.4028235e38f), 0.0f));
}

TEST_CASE("exp: does not fall as its argument rises") {
    float before = 0.0f;
    bool rising = true;
    for (float x = -88.0f; x < 89.0f; x += 0x1p-14f) {
        const float y = exp(x);
        rising = rising && y >= before;
        before = y;
    }
    CHECK(rising);
}

TEST_CASE("tanh: within 2 ulp of the exact value, odd, 1 at infinity") {
    const double error = worst(
        0.0f, kInf, 997, [](float x) { return tanh(x); }, [](double x) { return std::tanh(x); });
    MESSAGE("tanh: " << error << " ulp");
    CHECK(error <= 2.0);
    for (float x : {0.0f, 1e-45f, 1e-30f, 0.3f, 0.55f, 0.7f, 5.0f, 20.0f, 1e30f, kInf}) CHECK(same(tanh(-x), -tanh(x)));
    CHECK(same(tanh(kInf), 1.0f));
    CHECK(std::isnan(tanh(kNan)));
    CHECK(std::isnan(tanh(-kNan)));
}

TEST_CASE("silu: within 3 ulp where the result is normal, no NaN at the ends") {
    const auto exact = [](double x) { return x / (1.0 + std::exp(-x)); };
    const auto got = [](float x) { return silu(x); };
    const double error = std::max(worst(0.0f, 3e38f, 997, got, exact), worst(-0.0f, -87.0f, 997, got, exact));
    MESSAGE("silu: " << error << " ulp");
    CHECK(error <= 3.0);
    CHECK(same(silu(kInf), kInf));
    CHECK(same(silu(-kInf), -0.0f));
    CHECK(same(silu(-3.4028235e38f), -0.0f));
    CHECK(same(silu(3.4028235e38f), 3.4028235e38f));
    CHECK(std::isnan(silu(kNan)));
}

TEST_CASE("gelu: close to the tanh form in double, relatively for small results too") {
    const auto exact = [](double x) {
        const double u = 0.79788456080286535588 * (x + 0.044715 * x * x * x);
        return x / (1.0 + std::exp(-2.0 * u));
    };
    // The argument of exp carries a rounding error of 2^-24 of itself, up to 88 of them.
    double relative = 0, absolute = 0;
    for (float from : {0.0f, -0.0f})
        sweep(from, std::copysign(9.5f, from), 997, [&](float x) {
            const double want = exact(static_cast<double>(x)), miss = std::fabs(static_cast<double>(gelu(x)) - want);
            absolute = std::max(absolute, miss / std::max(1.0, std::fabs(want)));
            if (std::fabs(want) > 1e-36) relative = std::max(relative, miss / std::fabs(want));
        });
    MESSAGE("gelu: " << relative << " relative, " << absolute << " absolute (relative above 1)");
    CHECK(relative <= 200 * 0x1p-24);
    CHECK(absolute <= 3 * 0x1p-24);
    CHECK(same(gelu(kInf), kInf));
    CHECK(same(gelu(-kInf), -0.0f));
    CHECK(same(gelu(-3.4028235e38f), -0.0f));
    CHECK(same(gelu(1e30f), 1e30f));
    CHECK(std::isnan(gelu(kNan)));
    const auto tanh_form = [](double x) {
        return 0.5 * x * (1.0 + std::tanh(0.79788456080286535588 * (x + 0.044715 * x * x * x)));
    };
    for (float x : {-4.0f, -1.0f, -0.1f, 0.1f, 1.0f, 4.0f})
        CHECK(static_cast<double>(gelu(x)) == doctest::Approx(tanh_form(static_cast<double>(x))).epsilon(1e-6));
}

TEST_CASE("gelu_erf: close to the erf form in double, relatively for small results too") {
    const auto exact = [](double x) { return 0.5 * x * std::erfc(-x * 0.70710678118654752440); };
    double relative = 0, absolute = 0;
    for (float from : {0.0f, -0.0f})
        sweep(from, std::copysign(12.5f, from), 997, [&](float x) {
            const double want = exact(static_cast<double>(x)), miss = std::fabs(static_cast<double>(gelu_erf(x)) - want);
            absolute = std::max(absolute, miss / std::max(1.0, std::fabs(want)));
            if (std::fabs(want) > 1e-36) relative = std::max(relative, miss / std::fabs(want));
        });
    MESSAGE("gelu_erf: " << relative << " relative, " << absolute << " absolute (relative above 1)");
    CHECK(relative <= 200 * 0x1p-24);
    CHECK(absolute <= 3 * 0x1p-24);
    CHECK(same(gelu_erf(kInf), kInf));
    CHECK(gelu_erf(-kInf) == 0.0f);
    CHECK(gelu_erf(-3.4028235e38f) == 0.0f);
    CHECK(same(gelu_erf(3.4028235e38f), 3.4028235e38f));
    CHECK(std::isnan(gelu_erf(kNan)));
}

TEST_CASE("exp, tanh, silu, gelu: equal bits on every instruction set") {
    std::vector<float> x;
    for (float sign : {1.0f, -1.0f}) {
        const std::vector<float> part =
            sweep_values(std::copysign(0.0f, sign), std::copysign(kInf, sign), kThin ? 30011 : 3001);
        x.insert(x.end(), part.begin(), part.end());
        // Densely around the ends of exp's range and the joint of tanh.
        for (float c : {0.55f, 0.275f, 87.33654f, 88.72283f, 1.0f}) {
            const auto bits = std::bit_cast<std::uint32_t>(c);
            for (std::uint32_t b = bits - 200; b < bits + 200; ++b)
                x.push_back(std::copysign(std::bit_cast<float>(b), sign));
        }
        x.push_back(std::copysign(kInf, sign));
        x.push_back(std::copysign(kNan, sign));
        x.push_back(std::bit_cast<float>(sign > 0 ? 0x7f800001u : 0xffbfffffu));  // signalling NaN
    }
    while (x.size() % 16) x.push_back(0.5f);
    const std::vector<float> ones(x.size(), 1.0f);
    for_each_isa([&](const KernelTable& table, const KernelTable& scalar) {
        for (GluFn KernelTable::*op : {&KernelTable::silu_mul, &KernelTable::gelu_mul, &KernelTable::gelu_erf_mul}) {
            std::vector<float> got(x.size()), want(x.size());
            (table.*op)(x.data(), ones.data(), x.size(), got.data());
            (scalar.*op)(x.data(), ones.data(), x.size(), want.data());
            check_same(got, want);
        }
        {
            // exp of x <= 0, through exp_sum with a maximum of 0.
            std::vector<float> below(1, 0.0f);
            for (float v : x)
                if (!(v > 0.0f)) below.push_back(v);
            std::vector<float> got(below.size()), want(below.size());
            const float sum = table.exp_sum(below.data(), below.size(), got.data());
            CHECK(same(sum, scalar.exp_sum(below.data(), below.size(), want.data())));
            check_same(got, want);
        }
        {
            // tanh, through the soft cap of attention with one key of one channel: max = tanh(q).
            static const float key[kSpan] = {1.0f}, value[kSpan] = {1.0f};  // kernels may read all of a span
            const std::size_t heads = 64;
            std::vector<float> out(heads), sum(heads), got(x.size()), want(x.size());
            alignas(64) static float scratch[attention_span_scratch(1)];
            for (std::size_t i = 0; i + heads <= x.size(); i += heads) {
                AttentionQueries queries{x.data() + i, out.data(), got.data() + i, sum.data(), 0, 1};
                const AttentionSpanArgs a{&queries, 1,       heads, 1, 1,    key,  value,
                                          nullptr,  nullptr, 1,     1, 1.0f, 1.0f, scratch};
                table.attention_span_f32(a);
                queries.max = want.data() + i;
                scalar.attention_span_f32(a);
            }
            check_same(got, want);
            CHECK(same(want[64 * 100], tanh(x[64 * 100]) + 0.0f));
        }
    });
}

}  // namespace hearth::test
