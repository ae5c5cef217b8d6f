// Several residual streams, of which one passes through each layer (AltUp), and the low-rank path beside attention
// (LAuReL). The first stream is the one that passes; while it does, it stands in `hidden`.
#include <algorithm>
#include <cmath>

#include "models/decoder_pass.hpp"

namespace hearth {

namespace {

double magnitude(const float* x, std::size_t n) {
    double lanes[kLanes] = {}, total = 0;
    for (std::size_t i = 0; i < n; ++i) lanes[i % kLanes] += static_cast<double>(x[i]) * static_cast<double>(x[i]);
    for (const double lane : lanes) total += lane;
    return std::sqrt(total);
}

// x scaled to the magnitude of another vector.
void match_magnitude(const KernelTable& kernels, double wanted, std::size_t n, float* x) {
    const double own = magnitude(x, n);
    if (own != 0) kernels.scale(x, static_cast<float>(wanted / own), n);
}

// Row `row` of a small matrix [rows, n] times m [n].
float small_product(const std::vector<float>& matrix, std::size_t row, const float* m, std::size_t n) {
    float sum = 0;
    for (std::size_t i = 0; i < n; ++i) sum += matrix[row * n + i] * m[i];
    return sum;
}

}  // namespace

// y [tokens, rows] = one matrix of a stack times the input.
void DecoderModel::product_of(Pass& pass, const Linear& w, std::size_t matrix, const LinearInput& in, float* y) const {
    constexpr std::size_t kRows = 4 * kLanes;
    const std::size_t rows = w.rows();
    parallel_for(pass.run.executor, (rows + kRows - 1) / kRows, [&](std::size_t chunk, std::size_t worker) {
        const std::size_t first = chunk * kRows, end = std::min(rows, first + kRows);
        w.multiply(pass.run.kernels, {matrix, first, end, in.data(w.activation()), in.tokens, y + first, rows},
                   pass.run.worker_scratch(worker));
    });
}

// The first stream is the embedding, the others projections of it, of its magnitude.
void DecoderModel::split_streams(Pass& pass) const {
    const std::size_t d = spec_.embedding, all = pass.tokens * d;
    const LinearInput in = pass.stream_input(pass.hidden, d);
    for (std::size_t i = 1; i < spec_.streams; ++i) product_of(pass, stream_split_, i - 1, in, pass.streams + i * all);
    parallel_for(pass.run.executor, pass.tokens, [&](std::size_t t, std::size_t) {
        const float* const x = pass.hidden + t * d;
        std::copy_n(x, d, pass.streams + t * d);
        const double wanted = magnitude(x, d);
        for (std::size_t i = 1; i < spec_.streams; ++i)
            match_magnitude(pass.run.kernels, wanted, d, pass.streams + i * all + t * d);
    });
}

// predicted[i] = streams[i] + sum over a of C[i, a] streams[a], C = predict * mix; hidden = predicted[0]. mix =
// tanh(router of the norm of the first stream), which stands in `normed`.
void DecoderModel::predict_streams(Pass& pass, const DecoderLayer& l) const {
    const std::size_t d = spec_.embedding, n = spec_.streams, all = pass.tokens * d;
    const KernelTable& k = pass.run.kernels;
    LinearRun router;
    router.add(l.stream_router, pass.mix, n);
    router.run(pass.run, pass.normed_input(d, pass.tokens), LinearRun::kNothing, pass.w.token_blocks, [&](std::size_t t) {
        float* const mix = pass.mix + t * n;
        k.soft_cap(mix, 1, n);
        for (std::size_t i = 0; i < n; ++i) {
            float* const y = pass.predicted + i * all + t * d;
            std::copy_n(pass.streams + i * all + t * d, d, y);
            for (std::size_t a = 0; a < n; ++a)
                k.add_scaled(pass.streams + a * all + t * d, small_product(l.predict, i * n + a, mix, n), d, y);
        }
        std::copy_n(pass.predicted + t * d, d, pass.hidden + t * d);
        norm_stream(pass, l.attn_norm, attn_needs_, t);
    });
}

// streams[i] = predicted[i] + (1 + c[i]) (hidden - predicted[0]), c = correct * mix, mix of the norm of hidden.
void DecoderModel::correct_streams(Pass& pass, std::size_t index) const {
    const DecoderLayer& l = layers_[index];
    const std::size_t d = spec_.embedding, n = spec_.streams, all = pass.tokens * d;
    const KernelTable& k = pass.run.kernels;
    const LinearInput in = pass.normed_input(d, pass.tokens);
    LinearRun router;
    router.add(l.stream_router, pass.mix, n);
    router.run(pass.run, in, LinearRun::kNothing, pass.w.token_blocks, [&](std::size_t t) {
        float* const mix = pass.mix + t * n;
        float* const change = pass.hidden + t * d;
        k.soft_cap(mix, 1, n);
        k.add_scaled(pass.predicted + t * d, -1, d, change);
        for (std::size_t i = 0; i < n; ++i) {
            float* const y = pass.streams + i * all + t * d;
            std::copy_n(pass.predicted + i * all + t * d, d, y);
            k.add_scaled(change, 1 + small_product(l.correct, i, mix, n), d, y);
        }
        if (spec_.layer_embedding == 0) return end_layer(pass, index, t);
        for (std::size_t i = 0; i < d; ++i) pass.normed[t * d + i] = pass.streams[t * d + i] * l.correct_scale[i];
        quantize_token(pass.run, in, stream_needs_, t);
    });
}

// hidden = mean of the first stream and projections of the others, of its magnitude.
void DecoderModel::merge_streams(Pass& pass) const {
    const std::size_t d = spec_.embedding, n = spec_.streams, all = pass.tokens * d;
    for (std::size_t i = 1; i < n; ++i) {
        const LinearInput in = pass.stream_input(pass.streams + i * all, d);
        parallel_for(pass.run.executor, pass.tokens,
                     [&](std::size_t t, std::size_t) { quantize_token(pass.run, in, stream_needs_, t); });
        product_of(pass, stream_merge_, i - 1, in, pass.predicted + i * all);
    }
    parallel_for(pass.run.executor, pass.tokens, [&](std::size_t t, std::size_t) {
        const float* const first = pass.streams + t * d;
        float* const y = pass.hidden + t * d;
        const double wanted = magnitude(first, d);
        std::copy_n(first, d, y);
        for (std::size_t i = 1; i < n; ++i) {
            float* const x = pass.predicted + i * all + t * d;
            match_magnitude(pass.run.kernels, wanted, d, x);
            pass.run.kernels.add_scaled(x, 1, d, y);
        }
        pass.run.kernels.scale(y, 1 / static_cast<float>(n), d);
    });
}

// branch = in + norm(up(down(in))).
void DecoderModel::laurel(Pass& pass, const DecoderLayer& l, const LinearInput& in) const {
    const std::size_t d = spec_.embedding;
    const LinearInput narrow = pass.inner_input(pass.activated, spec_.laurel);
    LinearRun down, up;
    down.add(l.laurel_down, pass.activated, spec_.laurel);
    down.run(pass.run, in, LinearRun::kNothing, pass.w.token_blocks,
             [&](std::size_t t) { quantize_token(pass.run, narrow, l.laurel_needs, t); });
    up.add(l.laurel_up, pass.branch, d);
    up.run(pass.run, narrow, LinearRun::kNothing, pass.w.token_blocks, [&](std::size_t t) {
        float* const y = pass.branch + t * d;
        norm_token(pass, l.laurel_norm, y, y);
        pass.run.kernels.add_scaled(pass.normed + t * d, 1, d, y);
    });
}

}  // namespace hearth
