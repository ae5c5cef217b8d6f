// Elementwise and reducing kernels: scalar against double, every instruction set against scalar to the bit.
#include "kernels/values.hpp"

namespace hearth::test {
namespace {

const KernelTable& scalar_table() { return kernel_table(Isa::scalar); }

// run(table, inputs..., n) -> everything that it wrote, at every size and kind of value.
template <class Run>
void check_equal(Run run) {
    for_each_isa([&](const KernelTable& table, const KernelTable& scalar) {
        for (std::size_t n : kSizes)
            for (Values kind : kAllValues) {
                CAPTURE(n);
                CAPTURE(static_cast<int>(kind));
                const auto seed = static_cast<std::uint32_t>(n * 8 + static_cast<std::size_t>(kind));
                Source a(seed), b(seed);
                check_same(run(table, a, n, kind), run(scalar, b, n, kind));
            }
    });
}

using RopeOp = RopeFn KernelTable::*;
using GluOp = GluFn KernelTable::*;

}  // namespace

TEST_CASE("rms_norm: equals scalar, in place and not, with weights and without") {
    check_equal([](const KernelTable& t, Source& source, std::size_t n, Values kind) {
        Guarded<float> x(source.many(n, kind)), w(source.many(n, kind)), y(n), z(n);
        t.rms_norm(x.data(), w.data(), 1e-6f, n, y.data());
        t.rms_norm(x.data(), nullptr, 0.0f, n, z.data());
        std::vector<float> all = y.values();
        const std::vector<float> bare = z.values();
        t.rms_norm(x.data(), w.data(), 1e-6f, n, x.data());
        check_same(x.values(), all);
        CHECK((x.intact() && w.intact() && y.intact() && z.intact()));
        all.insert(all.end(), bare.begin(), bare.end());
        return all;
    });
}

TEST_CASE("rms_norm: within a few roundings of the exact value") {
    Source source(5);
    for (std::size_t n : kSizes) {
        const std::vector<float> x = source.many(n), w = source.many(n);
        std::vector<float> y(n);
        scalar_table().rms_norm(x.data(), w.data(), 1e-5f, n, y.data());
        double squares = 0;
        for (float v : x) squares += static_cast<double>(v) * static_cast<double>(v);
        const double r = 1.0 / std::sqrt(squares / static_cast<double>(n) + static_cast<double>(1e-5f));
        const double bound = (static_cast<double>(n) / 32 + 12) * 0x1p-24;
        bool close = true;
        for (std::size_t i = 0; i < n; ++i) {
            const double want = static_cast<double>(x[i]) * r * static_cast<double>(w[i]);
            close = close && std::fabs(static_cast<double>(y[i]) - want) <= bound * std::fabs(want);
        }
        CAPTURE(n);
        CHECK(close);
    }
}

TEST_CASE("rms_norm: element k is summed in lane k mod 16, and lanes fold l+8, l+4, l+2, l+1") {
    // Values of very different sizes: any other order gives other bits.
    Source source(6);
    for (std::size_t n : {std::size_t{37}, std::size_t{160}, std::size_t{1001}}) {
        std::vector<float> x = source.many(n, Values::wide), y(n);
        float lane[16] = {};
        for (std::size_t k = 0; k < n; ++k) lane[k % 16] = std::fma(x[k], x[k], lane[k % 16]);
        for (int half : {8, 4, 2, 1})
            for (int l = 0; l < half; ++l) lane[l] = lane[l] + lane[l + half];
        const float mean = lane[0] / static_cast<float>(n);
        const float r = 1.0f / std::sqrt(mean + 1e-5f);
        scalar_table().rms_norm(x.data(), nullptr, 1e-5f, n, y.data());
        for (float& v : x) v *= r;
        check_same(y, x);
    }
}

TEST_CASE("layer_norm: equals scalar, in place and not, with weights and bias and without") {
    check_equal([](const KernelTable& t, Source& source, std::size_t n, Values kind) {
        Guarded<float> x(source.many(n, kind)), w(source.many(n, kind)), b(source.many(n, kind)), y(n), z(n);
        t.layer_norm(x.data(), w.data(), b.data(), 1e-6f, n, y.data());
        t.layer_norm(x.data(), nullptr, nullptr, 1e-5f, n, z.data());
        std::vector<float> all = y.values();
        const std::vector<float> bare = z.values();
        t.layer_norm(x.data(), w.data(), b.data(), 1e-6f, n, x.data());
        check_same(x.values(), all);
        CHECK((x.intact() && w.intact() && b.intact() && y.intact() && z.intact()));
        all.insert(all.end(), bare.begin(), bare.end());
        return all;
    });
}

TEST_CASE("layer_norm: near the exact value, far from 0 too") {
    Source source(15);
    for (const double shift : {0.0, 100.0}) {
        for (const std::size_t n : {std::size_t{16}, std::size_t{384}, std::size_t{1001}}) {
            std::vector<float> x = source.many(n), w = source.many(n), b = source.many(n), y(n);
            for (float& v : x) v += static_cast<float>(shift);
            scalar_table().layer_norm(x.data(), w.data(), b.data(), 1e-12f, n, y.data());
            double mean = 0, squares = 0;
            for (const float v : x) mean += static_cast<double>(v) / static_cast<double>(n);
            for (const float v : x) squares += (static_cast<double>(v) - mean) * (static_cast<double>(v) - mean);
            const double r = 1 / std::sqrt(squares / static_cast<double>(n) + 1e-12);
            bool close = true;
            for (std::size_t i = 0; i < n; ++i) {
                const double want =
                    (static_cast<double>(x[i]) - mean) * r * static_cast<double>(w[i]) + static_cast<double>(b[i]);
                close = close && std::fabs(static_cast<double>(y[i]) - want) <= (1 + shift) * 1e-5;
            }
            CAPTURE(n);
            CHECK(close);
        }
    }
}

TEST_CASE("silu_mul, gelu_mul, sigmoid_mul, gelu_erf_mul: equal scalar, in place on either input") {
    for (GluOp op :
         {&KernelTable::silu_mul, &KernelTable::gelu_mul, &KernelTable::sigmoid_mul, &KernelTable::gelu_erf_mul})
        check_equal([op](const KernelTable& t, Source& source, std::size_t n, Values kind) {
            Guarded<float> gate(source.many(n, kind)), up(source.many(n, Values::wide)), y(n);
            Guarded<float> gate_copy(gate.values());
            (t.*op)(gate.data(), up.data(), n, y.data());
            (t.*op)(gate_copy.data(), up.data(), n, gate_copy.data());
            check_same(gate_copy.values(), y.values());
            (t.*op)(gate.data(), up.data(), n, up.data());
            check_same(up.values(), y.values());
            CHECK((gate.intact() && up.intact() && y.intact() && gate_copy.intact()));
            return y.values();
        });
}

TEST_CASE("gelu_erf_mul: without up as with ones") {
    check_equal([](const KernelTable& t, Source& source, std::size_t n, Values kind) {
        Guarded<float> x(source.many(n, kind)), y(n), z(n);
        const std::vector<float> ones(n, 1.0f);
        t.gelu_erf_mul(x.data(), nullptr, n, y.data());
        t.gelu_erf_mul(x.data(), ones.data(), n, z.data());
        check_same(y.values(), z.values());
        t.gelu_erf_mul(x.data(), nullptr, n, x.data());
        check_same(x.values(), y.values());
        CHECK((x.intact() && y.intact()));
        return y.values();
    });
}

TEST_CASE("add_scaled, scale: equal scalar and the formula") {
    check_equal([](const KernelTable& t, Source& source, std::size_t n, Values kind) {
        const std::vector<float> before = source.many(n, kind);
        Guarded<float> x(source.many(n, kind)), y(before);
        const float s = source.normal();
        t.add_scaled(x.data(), s, n, y.data());
        std::vector<float> want(n);
        for (std::size_t i = 0; i < n; ++i) want[i] = std::fma(s, x.data()[i], before[i]);
        check_same(y.values(), want);
        for (std::size_t i = 0; i < n; ++i) want[i] = y.data()[i] * s;
        t.scale(y.data(), s, n);
        check_same(y.values(), want);
        CHECK((x.intact() && y.intact()));
        return y.values();
    });
}

TEST_CASE("soft_cap: equal scalar, and near the formula") {
    check_equal([](const KernelTable& t, Source& source, std::size_t n, Values kind) {
        Guarded<float> x(source.many(n, kind));
        t.soft_cap(x.data(), 1.0f + std::fabs(source.normal()), n);
        CHECK(x.intact());
        return x.values();
    });
    Source source(17);
    for (const float cap : {0.5f, 5.0f, 30.0f}) {
        std::vector<float> x = source.many(999);
        for (float& v : x) v *= 40;
        std::vector<float> y = x;
        scalar_table().soft_cap(y.data(), cap, y.size());
        for (std::size_t i = 0; i < x.size(); ++i) {
            const double s = static_cast<double>(cap), want = s * std::tanh(static_cast<double>(x[i]) / s);
            CHECK(static_cast<double>(y[i]) == doctest::Approx(want).epsilon(4e-7));
        }
    }
}

TEST_CASE("rope_adjacent, rope_halves: equal scalar and the formula") {
    for (bool halves : {false, true}) {
        const RopeOp op = halves ? &KernelTable::rope_halves : &KernelTable::rope_adjacent;
        check_equal([op, halves](const KernelTable& t, Source& source, std::size_t n, Values kind) {
            const std::vector<float> before = source.many(2 * n, kind);
            Guarded<float> x(before), cos(source.many(n)), sin(source.many(n));
            (t.*op)(x.data(), cos.data(), sin.data(), n);
            std::vector<float> want(2 * n);
            for (std::size_t i = 0; i < n; ++i) {
                const std::size_t first = halves ? i : 2 * i, second = halves ? i + n : 2 * i + 1;
                const float a = before[first], b = before[second], c = cos.data()[i], s = sin.data()[i];
                want[first] = std::fma(a, c, -(b * s));
                want[second] = std::fma(a, s, b * c);
            }
            check_same(x.values(), want);
            CHECK((x.intact() && cos.intact() && sin.intact()));
            return x.values();
        });
    }
}

TEST_CASE("exp_sum: equals scalar, in place and not") {
    check_equal([](const KernelTable& t, Source& source, std::size_t n, Values kind) {
        Guarded<float> x(source.many(n, kind)), y(n);
        const float sum = t.exp_sum(x.data(), n, y.data());
        const float again = t.exp_sum(x.data(), n, x.data());
        CHECK(same(sum, again));
        check_same(x.values(), y.values());
        CHECK((x.intact() && y.intact()));
        std::vector<float> all = y.values();
        all.push_back(sum);
        return all;
    });
}

TEST_CASE("sum_words: equals scalar") {
    Source source(7);
    for (const std::size_t n : {0u, 128u, 256u, 1280u, 4096u}) {
        std::vector<std::uint32_t> words(n);
        for (std::uint32_t& w : words) w = static_cast<std::uint32_t>(source.below(1u << 31)) * 2654435761u;
        const std::uint32_t want = std::accumulate(words.begin(), words.end(), std::uint32_t{0});
        for (const IsaInfo& isa : isa_list()) {
            if (!isa.available) continue;
            CAPTURE(isa.name);
            for (const bool fetch_ahead : {false, true})
                CHECK(kernel_table(isa.isa).sum_words(words.data(), n, fetch_ahead) == want);
        }
    }
}

TEST_CASE("exp_sum: is a softmax before its division") {
    Source source(8);
    for (std::size_t n : kSizes) {
        const std::vector<float> x = source.many(n);
        std::vector<float> y(n);
        const double sum = static_cast<double>(scalar_table().exp_sum(x.data(), n, y.data()));
        double max = -1e30, total = 0;
        for (float v : x) max = std::max(max, static_cast<double>(v));
        bool close = true;
        for (std::size_t i = 0; i < n; ++i) {
            const double e = std::exp(static_cast<double>(x[i]) - max);
            total += e;
            close = close && std::fabs(static_cast<double>(y[i]) - e) <= 8e-7 * e;  // x - max rounds too
        }
        CAPTURE(n);
        CHECK(close);
        CHECK(sum == doctest::Approx(total).epsilon(1e-6));
    }
    std::vector<float> masked = {1.0f, -kInf, 0.0f}, y(3);
    CHECK(scalar_table().exp_sum(masked.data(), 3, y.data()) == doctest::Approx(1.0 + std::exp(-1.0)));
    CHECK(same(y[1], 0.0f));
}

TEST_CASE("to_f16: equals scalar") {
    check_equal([](const KernelTable& t, Source& source, std::size_t n, Values kind) {
        Guarded<float> x(source.many(n, kind));
        Guarded<std::uint16_t> y(n);
        t.to_f16(x.data(), n, y.data());
        CHECK((x.intact() && y.intact()));
        std::vector<float> bits;
        for (std::uint16_t h : y.values()) bits.push_back(static_cast<float>(h));
        return bits;
    });
    std::vector<float> x;
    for (std::uint64_t bits = 0; bits < (std::uint64_t{1} << 32); bits += 2999)
        x.push_back(std::bit_cast<float>(static_cast<std::uint32_t>(bits)));
    for_each_isa([&](const KernelTable& table, const KernelTable& scalar) {
        std::vector<std::uint16_t> got(x.size()), want(x.size());
        table.to_f16(x.data(), x.size(), got.data());
        scalar.to_f16(x.data(), x.size(), want.data());
        CHECK(got == want);
    });
}

TEST_CASE("to_f16: rounds to the nearest half, ties to even") {
    std::vector<float> x;
    std::vector<std::uint16_t> want;
    const auto expect = [&](float v, std::uint16_t h) {
        x.push_back(v);
        want.push_back(h);
        x.push_back(-v);
        want.push_back(static_cast<std::uint16_t>(h | 0x8000u));
    };
    for (std::uint16_t h = 0; h < 0x7c00; ++h) {
        const float v = f16_to_f32(h);
        expect(v, h);
        const auto above = static_cast<std::uint16_t>(h + 1);
        const float next = above == 0x7c00 ? 65536.0f : f16_to_f32(above);  // as if the exponents went on
        const float middle = (v + next) / 2;
        expect(std::nextafter(middle, 0.0f), h);
        expect(middle, h % 2 ? above : h);
        expect(std::nextafter(middle, kInf), above);
    }
    expect(kInf, 0x7c00);
    expect(3e38f, 0x7c00);
    std::vector<std::uint16_t> got(x.size());
    scalar_table().to_f16(x.data(), x.size(), got.data());
    CHECK(got == want);
}

}  // namespace hearth::test
