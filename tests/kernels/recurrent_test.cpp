// Kernels of recurrent layers: scalar against double, every instruction set against scalar to the bit, and any way of
// cutting tokens or columns to the same bits.
#include <algorithm>

#include "kernels/values.hpp"

namespace hearth::test {
namespace {

const KernelTable& scalar_table() { return kernel_table(Isa::scalar); }

// Inputs of a convolution; run() works on copies and returns outputs and the state behind them.
struct Conv {
    std::size_t taps, channels, tokens;
    bool gated, silu;
    std::vector<float> x, in_gate, out_gate, weights, state;

    Conv(std::uint32_t seed, std::size_t taps_, std::size_t channels_, std::size_t tokens_, bool gated_, bool silu_,
         Values kind = Values::normal)
        : taps(taps_), channels(channels_), tokens(tokens_), gated(gated_), silu(silu_) {
        Source source(seed);
        x = source.many(tokens * channels, kind);
        in_gate = source.many(gated ? x.size() : 0);
        out_gate = source.many(in_gate.size());
        weights = source.many(taps * channels);
        state = source.many((taps - 1) * channels, kind);
    }
    std::vector<float> run(const KernelTable& t, std::size_t piece) const {
        Guarded<float> y(x), s(state);
        for (std::size_t from = 0; from < tokens; from += piece) {
            const std::size_t at = from * channels;
            t.causal_conv({y.data() + at, gated ? in_gate.data() + at : nullptr, gated ? out_gate.data() + at : nullptr,
                           channels, std::min(piece, tokens - from), weights.data(), s.data(), channels, taps, channels,
                           silu});
        }
        CHECK((y.intact() && s.intact()));
        std::vector<float> all = y.values();
        const std::vector<float> after = s.values();
        all.insert(all.end(), after.begin(), after.end());
        return all;
    }
    double u(std::ptrdiff_t t, std::size_t c) const {
        if (t < 0)
            return static_cast<double>(
                state[static_cast<std::size_t>(t + static_cast<std::ptrdiff_t>(taps) - 1) * channels + c]);
        const std::size_t at = static_cast<std::size_t>(t) * channels + c;
        return static_cast<double>(x[at]) * (gated ? static_cast<double>(in_gate[at]) : 1.0);
    }
};

struct Delta {
    std::size_t rows, columns, tokens, stride;
    std::vector<float> inputs, decay, beta, state;  // inputs: q, k, v of each token

    Delta(std::uint32_t seed, std::size_t rows_, std::size_t columns_, std::size_t tokens_,
          Values kind = Values::normal)
        : rows(rows_), columns(columns_), tokens(tokens_), stride(2 * rows + columns + 3) {
        Source source(seed);
        inputs = source.many(tokens * stride, kind);
        for (float& x : inputs) x *= kind == Values::normal ? 0.2f : 1.0f;
        for (std::size_t t = 0; t < tokens; ++t) {
            decay.push_back(1.0f / (1.0f + std::fabs(source.normal())));
            beta.push_back(1.0f / (1.0f + std::fabs(source.normal())));
        }
        state.resize((columns + kStatePanel - 1) / kStatePanel * kStatePanel * rows);
        for (std::size_t c = 0; c < columns; ++c)
            for (std::size_t i = 0; i < rows; ++i) state[place(i, c)] = source.one(kind);
    }
    std::size_t place(std::size_t i, std::size_t c) const {
        return c / kStatePanel * kStatePanel * rows + i * kStatePanel + c % kStatePanel;
    }

    // In pieces of so many tokens and columns.
    std::vector<float> run(const KernelTable& t, std::size_t piece, std::size_t width) const {
        Guarded<float> y(tokens * columns), s(state);
        for (std::size_t from = 0; from < tokens; from += piece)
            for (std::size_t c = 0; c < columns; c += width) {
                const float* const q = inputs.data() + from * stride;
                t.gated_delta({q, q + rows, q + 2 * rows + c, stride, decay.data() + from, beta.data() + from,
                               std::min(piece, tokens - from), rows, std::min(width, columns - c), s.data() + c * rows,
                               y.data() + from * columns + c, columns});
            }
        CHECK((y.intact() && s.intact()));
        std::vector<float> all = y.values();
        const std::vector<float> after = s.values();
        all.insert(all.end(), after.begin(), after.end());
        return all;
    }
    // As the paper states it, in double: S = decay S; S += k (beta (v - S^T k))^T; y = S^T q.
    std::vector<double> exact() const {
        std::vector<double> s(state.begin(), state.end()), y;
        for (std::size_t t = 0; t < tokens; ++t) {
            const float *q = inputs.data() + t * stride, *k = q + rows, *v = k + rows;
            for (double& x : s) x *= static_cast<double>(decay[t]);
            for (std::size_t c = 0; c < columns; ++c) {
                double seen = 0, out = 0;
                for (std::size_t i = 0; i < rows; ++i) seen += s[place(i, c)] * static_cast<double>(k[i]);
                const double d = static_cast<double>(beta[t]) * (static_cast<double>(v[c]) - seen);
                for (std::size_t i = 0; i < rows; ++i) {
                    s[place(i, c)] += d * static_cast<double>(k[i]);
                    out += s[place(i, c)] * static_cast<double>(q[i]);
                }
                y.push_back(out);
            }
        }
        y.insert(y.end(), s.begin(), s.end());
        return y;
    }
};

}  // namespace

TEST_CASE("causal_conv: equals scalar, whole and in pieces of tokens") {
    std::uint32_t seed = 0;
    for (std::size_t taps = 1; taps <= kMaxConvTaps; ++taps)
        for (const std::size_t channels : {std::size_t{1}, std::size_t{16}, std::size_t{39}})
            for (const Values kind : kAllValues) {
                CAPTURE(taps);
                CAPTURE(channels);
                ++seed;
                const Conv conv(seed, taps, channels, 11, seed % 3 == 0, seed % 2 == 0, kind);
                const std::vector<float> want = conv.run(scalar_table(), 11);
                for (const std::size_t piece : {std::size_t{1}, std::size_t{4}})
                    check_same(conv.run(scalar_table(), piece), want);
                for_each_isa([&](const KernelTable& table, const KernelTable&) {
                    for (const std::size_t piece : {std::size_t{1}, std::size_t{3}, std::size_t{11}})
                        check_same(conv.run(table, piece), want);
                });
            }
}

TEST_CASE("causal_conv: is the sum over the last tokens of each channel, and keeps them") {
    for (const bool gated : {false, true})
        for (const bool silu : {false, true}) {
            const Conv conv(7, 4, 20, 6, gated, silu);
            const std::vector<float> got = conv.run(scalar_table(), 6);
            for (std::size_t t = 0; t < conv.tokens; ++t)
                for (std::size_t c = 0; c < conv.channels; ++c) {
                    double s = 0, size = 0;
                    for (std::size_t j = 0; j < conv.taps; ++j) {
                        const auto token =
                            static_cast<std::ptrdiff_t>(t + j) - static_cast<std::ptrdiff_t>(conv.taps - 1);
                        const double term = static_cast<double>(conv.weights[j * conv.channels + c]) * conv.u(token, c);
                        s += term;
                        size += std::fabs(term);
                    }
                    if (silu) s /= 1 + std::exp(-s);
                    const double gate = gated ? static_cast<double>(conv.out_gate[t * conv.channels + c]) : 1;
                    CHECK(std::fabs(static_cast<double>(got[t * conv.channels + c]) - gate * s) <=
                          1e-6 * size * (1 + std::fabs(gate)));
                }
            for (std::size_t j = 0; j < 3; ++j)
                for (std::size_t c = 0; c < conv.channels; ++c)
                    CHECK(static_cast<double>(got[(conv.tokens + j) * conv.channels + c]) ==
                          doctest::Approx(conv.u(static_cast<std::ptrdiff_t>(3 + j), c)).epsilon(1e-6));
        }
}

TEST_CASE("delta_gates: equal scalar, and near the formulas") {
    for (std::size_t n : {std::size_t{1}, std::size_t{16}, std::size_t{61}})
        for (const Values kind : kAllValues) {
            Source source(static_cast<std::uint32_t>(n));
            const std::vector<float> a = source.many(n, kind), b = source.many(n, kind);
            const float rate = -std::fabs(source.normal()), bias = source.normal();
            std::vector<float> want(2 * n);
            scalar_table().delta_gates(a.data(), b.data(), rate, bias, n, want.data(), want.data() + n);
            for_each_isa([&](const KernelTable& table, const KernelTable&) {
                Guarded<float> got(2 * n);
                table.delta_gates(a.data(), b.data(), rate, bias, n, got.data(), got.data() + n);
                CHECK(got.intact());
                check_same(got.values(), want);
            });
        }
    double worst_decay = 0, worst_beta = 0;
    for (float x = -20; x < 20; x += 0.01f) {
        float decay = 0, beta = 0;
        scalar_table().delta_gates(&x, &x, -0.5f, 0.0f, 1, &decay, &beta);
        const double softplus = std::log1p(std::exp(static_cast<double>(x)));
        worst_decay = std::max(worst_decay, ulps(decay, std::exp(-0.5 * softplus)) / (1 + softplus));
        worst_beta = std::max(worst_beta, ulps(beta, 1 / (1 + std::exp(-static_cast<double>(x)))));
    }
    MESSAGE("delta_gates: decay " << worst_decay << " ulp for each 1 + softplus, beta " << worst_beta << " ulp");
    CHECK(worst_decay <= 1.5);
    CHECK(worst_beta <= 3);
    const float ends[] = {kInf, -kInf, 200, -200};
    float decay[4], beta[4];
    scalar_table().delta_gates(ends, ends, -1, 0, 4, decay, beta);
    CHECK((same(decay[0], 0) && same(decay[1], 1) && same(decay[2], 0) && same(decay[3], 1)));
    CHECK((same(beta[0], 1) && same(beta[1], 0) && same(beta[2], 1) && same(beta[3], 0)));
}

TEST_CASE("gated_delta: equals scalar, whole and in pieces of tokens and columns") {
    std::uint32_t seed = 0;
    for (const std::size_t rows : {std::size_t{1}, std::size_t{16}, std::size_t{37}})
        for (const std::size_t columns : {std::size_t{1}, std::size_t{16}, std::size_t{40}, std::size_t{128}})
            for (const Values kind : kAllValues) {
                CAPTURE(rows);
                CAPTURE(columns);
                const Delta delta(++seed, rows, columns, 7, kind);
                const std::vector<float> want = delta.run(scalar_table(), 7, columns);
                check_same(delta.run(scalar_table(), 1, kStatePanel), want);
                for_each_isa([&](const KernelTable& table, const KernelTable&) {
                    check_same(delta.run(table, 7, columns), want);
                    check_same(delta.run(table, 1, columns), want);
                    check_same(delta.run(table, 3, 3 * kStatePanel), want);
                });
            }
}

TEST_CASE("gated_delta: within roundings of the rule in double, over many tokens") {
    for (const std::size_t dim : {std::size_t{16}, std::size_t{128}}) {
        const Delta delta(3, dim, dim, 200);
        const std::vector<float> got = delta.run(scalar_table(), 64, dim);
        const std::vector<double> want = delta.exact();
        double largest = 0, error = 0;
        for (std::size_t i = 0; i < want.size(); ++i) {
            largest = std::max(largest, std::fabs(want[i]));
            error = std::max(error, std::fabs(static_cast<double>(got[i]) - want[i]));
        }
        MESSAGE("gated_delta: error " << error / largest << " of the largest value");
        CHECK(error <= 3e-6 * largest);
    }
}

}  // namespace hearth::test
