// Residual streams of which each part of a layer reads a mean and writes to all, while they are mixed
// (hyper-connections; Zhu et al., 2024; with a matrix that is nearly doubly stochastic, Xie et al., "mHC", 2025). The
// part's input and output stand in `hidden`.
#include <algorithm>
#include <cmath>
#include <utility>

#include "hearth/base/math.hpp"
#include "models/decoder_pass.hpp"

namespace hearth {

namespace {

double sigmoid(double x) { return 1 / (1 + det_exp(-x)); }

// 1 / the root mean square of x. Squares in double, element i in lane i mod 16.
double inverse_rms(const float* x, std::size_t n, double eps) {
    double lanes[kLanes] = {}, total = 0;
    for (std::size_t i = 0; i < n; i += kLanes)
        for (std::size_t lane = 0; lane < std::min(kLanes, n - i); ++lane)
            lanes[lane] += static_cast<double>(x[i + lane]) * static_cast<double>(x[i + lane]);
    for (const double lane : lanes) total += lane;
    return 1 / std::sqrt(total / static_cast<double>(n) + eps);
}

// Rows [source] of exp(x - their largest) over their sum, plus eps; then columns and rows in turn are brought to sums
// of 1, columns first and last (Sinkhorn and Knopp, 1967).
void normalise(float* x, std::size_t n, std::size_t rounds, double eps) {
    const auto divide = [&](std::size_t line, std::size_t step, std::size_t next) {
        double sum = eps;
        for (std::size_t i = 0; i < n; ++i) sum += static_cast<double>(x[line * step + i * next]);
        for (std::size_t i = 0; i < n; ++i)
            x[line * step + i * next] = static_cast<float>(static_cast<double>(x[line * step + i * next]) / sum);
    };
    for (std::size_t source = 0; source < n; ++source) {
        float* const row = x + source * n;
        const double largest = static_cast<double>(*std::max_element(row, row + n));
        double sum = 0;
        for (std::size_t i = 0; i < n; ++i) {
            row[i] = static_cast<float>(det_exp(static_cast<double>(row[i]) - largest));
            sum += static_cast<double>(row[i]);
        }
        for (std::size_t i = 0; i < n; ++i) row[i] = static_cast<float>(static_cast<double>(row[i]) / sum + eps);
    }
    for (std::size_t round = 0; round < rounds; ++round) {
        for (std::size_t source = 0; round != 0 && source < n; ++source) divide(source, n, 1);
        for (std::size_t to = 0; to < n; ++to) divide(to, 1, n);
    }
}

}  // namespace

// All streams begin as the embedding.
void DecoderModel::start_streams(const Pass& pass, std::size_t t) const {
    const std::size_t d = spec_.embedding, n = spec_.streams;
    for (std::size_t i = 0; i < n; ++i) std::copy_n(pass.hidden + t * d, d, pass.streams + (t * n + i) * d);
    quantize_token(pass.run, pass.mixed_input(n * d), stream_needs_, t);
}

// From the product of the streams as they are, to what it would be of their norm, and to weights: of the streams in the
// mean that is read [n], of what is written to each [n], of each stream [n] in each [n]; or the first of these alone.
// hidden = that mean.
void DecoderModel::weigh_streams(const Pass& pass, const StreamMix& mix, std::size_t t) const {
    const std::size_t n = spec_.streams, outputs = mix.base.size(), width = n * spec_.embedding;
    const double factor = inverse_rms(pass.streams + t * width, width, static_cast<double>(spec_.norm_eps));
    float* const m = pass.mix + t * outputs;
    for (std::size_t i = 0; i < outputs; ++i) {
        const double x =
            static_cast<double>(m[i]) * factor * static_cast<double>(mix.scale[std::min<std::size_t>(i / n, 2)]) +
            static_cast<double>(mix.base[i]);
        m[i] = static_cast<float>(i < n ? sigmoid(x) + spec_.mixing_eps : i < 2 * n ? 2 * sigmoid(x) : x);
    }
    if (outputs != n) normalise(m + 2 * n, n, spec_.mixing_rounds, spec_.mixing_eps);
    const std::size_t d = spec_.embedding;
    float* const x = pass.hidden + t * d;
    std::fill_n(x, d, 0.0F);
    for (std::size_t i = 0; i < n; ++i) pass.run.kernels.add_scaled(pass.streams + (t * n + i) * d, m[i], d, x);
}

// normed = norm of the mean of streams that the part reads; `hidden`, where it will write, is 0.
void DecoderModel::read_streams(Pass& pass, const StreamMix& mix, const Norm& norm, ActivationNeeds needs) const {
    const std::size_t d = spec_.embedding, n = spec_.streams, outputs = mix.base.size();
    LinearRun product;
    product.add(mix.weights, pass.mix, outputs);
    product.run(pass.run, pass.mixed_input(n * d), LinearRun::kNothing, pass.w.token_blocks, [&](std::size_t t) {
        weigh_streams(pass, mix, t);
        norm_stream(pass, norm, needs, t);
        std::fill_n(pass.hidden + t * d, d, 0.0F);
    });
    std::swap(pass.streams, pass.predicted);  // what is written are the streams of the next part
}

// The part has written its output for a token.
void DecoderModel::write_streams(const Pass& pass, std::size_t t) const {
    const std::size_t d = spec_.embedding, n = spec_.streams;
    const float *const weights = pass.mix + t * n * (n + 2) + n, *const matrix = weights + n;
    for (std::size_t to = 0; to < n; ++to) {
        float* const y = pass.streams + (t * n + to) * d;
        std::fill_n(y, d, 0.0F);
        pass.run.kernels.add_scaled(pass.hidden + t * d, weights[to], d, y);
        for (std::size_t i = 0; i < n; ++i)
            pass.run.kernels.add_scaled(pass.predicted + (t * n + i) * d, matrix[i * n + to], d, y);
    }
    quantize_token(pass.run, pass.mixed_input(n * d), stream_needs_, t);
}

// hidden = the mean of streams that the output reads.
void DecoderModel::join_streams(Pass& pass) const {
    const std::size_t d = spec_.embedding, n = spec_.streams;
    LinearRun product;
    product.add(output_mix_.weights, pass.mix, n);
    product.run(pass.run, pass.mixed_input(n * d), LinearRun::kNothing, pass.w.token_blocks,
                [&](std::size_t t) { weigh_streams(pass, output_mix_, t); });
}

}  // namespace hearth
