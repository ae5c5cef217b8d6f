// The forward of encoders, once for all families: what differs between them stands in EncoderSpec.
#include <algorithm>
#include <cmath>
#include <numeric>

#include "models/encoder_pass.hpp"

namespace hearth {

Status EncoderModel::forward(std::span<const SequenceBatch>, Workspace&, const KernelTable&, Executor&, float*) const {
    return {Code::internal, "an encoder was asked for logits"};
}

Status EncoderModel::embed(std::span<const SequenceBatch> batch, Workspace& workspace, const KernelTable& kernels,
                           Executor& executor, float* rows) const {
    auto& w = static_cast<EncoderWorkspace&>(workspace);
    if (executor.workers() > w.limits.workers)
        return {Code::internal, cat("a pass of ", executor.workers(), " workers, planned for ", w.limits.workers)};
    HEARTH_TRY(w.place(batch, layout_));
    const Pass pass{w,
                    {kernels, executor, w.scratch},
                    w.tokens.size(),
                    w.hidden.as<float>(),
                    w.branch.as<float>(),
                    spec_.pre_norm ? w.normed.as<float>() : w.hidden.as<float>(),
                    w.columns.as<float>(),
                    w.mixed.as<float>(),
                    w.gate_up.as<float>(),
                    w.activated.as<float>()};
    if (pass.tokens == 0) return {};
    parallel_for(executor, pass.tokens, [&](std::size_t t, std::size_t) { begin(pass, t); });
    for (std::size_t layer = 0; layer < layers_.size(); ++layer) {
        attend(pass, layer);
        feed_forward(pass, layer);
    }
    const std::size_t d = spec_.embedding;
    parallel_for(executor, w.rows.size(), [&](std::size_t r, std::size_t) {
        const float* const x = pass.hidden + w.rows[r] * d;
        if (spec_.final_norm != nullptr)
            norm(pass, final_norm_, x, d, rows + r * d);
        else
            std::copy_n(x, d, rows + r * d);
    });
    return {};
}

void EncoderModel::finish(Head head, const float* pooled, std::size_t count, Workspace& workspace,
                          const KernelTable& kernels, Executor& executor, float* out) const {
    auto& w = static_cast<EncoderWorkspace&>(workspace);
    head_.run({kernels, executor, w.scratch}, head, pooled, count, spec_.embedding, w.head, out);
}

void EncoderModel::norm(const Pass& pass, const Norm& norm, const float* x, std::size_t n, float* y) const {
    const KernelTable& k = pass.run.kernels;
    if (spec_.rms_norms)
        k.rms_norm(x, norm.weight.data(), spec_.norm_eps, n, y);
    else
        k.layer_norm(x, norm.weight.data(), norm.bias.empty() ? nullptr : norm.bias.data(), spec_.norm_eps, n, y);
}

// The stream of a token as it begins, its rotation angles, and what the first product reads.
void EncoderModel::begin(const Pass& pass, std::size_t t) const {
    const std::size_t d = spec_.embedding, half = spec_.rope.dims / 2, local_half = spec_.local_rope.dims / 2;
    const KernelTable& k = pass.run.kernels;
    float* const h = pass.hidden + t * d;
    const std::size_t position = pass.w.positions[t];
    embedding_.row(static_cast<std::size_t>(pass.w.ids[t]), h);
    const std::vector<float>& type = pass.w.of_second[t] && !second_type_.empty() ? second_type_ : type_;
    if (!type.empty()) k.add_scaled(type.data(), 1, d, h);
    if (!positions_.empty()) {
        float* const learned = pass.branch + t * d;
        positions_.row(position, learned);
        k.add_scaled(learned, 1, d, h);
    }
    if (spec_.embedding_norm) norm(pass, embedding_norm_, h, d, h);
    float* const cos = pass.w.angles.as<float>() + t * 2 * (half + local_half);
    rope_angles(frequencies_, spec_.rope.magnitude, position, cos, cos + half);
    float* const local = cos + 2 * half;
    rope_angles(frequencies_local_, spec_.local_rope.magnitude, position, local, local + local_half);
    begin_layer(pass, 0, t);
}

// The input of a layer's first product, where there is such a layer.
void EncoderModel::begin_layer(const Pass& pass, std::size_t layer, std::size_t t) const {
    if (layer == layers_.size()) return;
    const std::size_t d = spec_.embedding;
    if (spec_.pre_norm) {
        const float* const h = pass.hidden + t * d;
        if (spec_.layers[layer].input_norm)
            norm(pass, layers_[layer].input_norm, h, d, pass.input + t * d);
        else
            std::copy_n(h, d, pass.input + t * d);
    }
    quantize_token(pass.run, pass.stream_input(d), layers_[layer].input_needs, t);
}

// hidden += W in where norms come before sub-layers; else branch = hidden + W in, which the norm is to read.
// then(token) once it stands.
template <class Then>
void EncoderModel::add_to_stream(const Pass& pass, const Linear& w, const LinearInput& in, Then&& then) const {
    const std::size_t d = spec_.embedding;
    float* const from = spec_.pre_norm ? pass.branch : pass.hidden;
    float* const to = spec_.pre_norm ? pass.hidden : pass.branch;
    LinearRun product;
    product.add(w, pass.branch, d);
    const auto add = [&](const LinearRun::Piece& p, std::size_t) {
        for (std::size_t t = p.token; t < p.token_end; ++t)
            pass.run.kernels.add_scaled(from + t * d + p.first, 1, p.end - p.first, to + t * d + p.first);
    };
    product.run(pass.run, in, add, pass.w.token_blocks, then);
}

// Normed or plain stream → q|k|v, rotated and stored → mixed → output, added to the stream.
void EncoderModel::attend(const Pass& pass, std::size_t index) const {
    const EncoderLayer& l = layers_[index];
    project(pass, index);
    AttentionSpec attn;
    attn.heads = spec_.heads;
    attn.scale = static_cast<float>(1 / std::sqrt(static_cast<double>(spec_.head_dim)));
    attn.window = spec_.layers[index].window;
    attn.both_ways = true;
    attn.slopes = slopes_.empty() ? nullptr : slopes_.data();
    const LinearInput mixed = pass.inner_input(pass.mixed, EncoderColumns(spec_).keys);
    auto complete = [&](std::size_t first, std::size_t end, std::size_t) {
        for (std::size_t t = first; t < end; ++t) quantize_token(pass.run, mixed, l.output_needs, t);
    };
    attention(pass.run, attn, 0, pass.w.tokens, pass.columns, EncoderColumns(spec_).width, pass.mixed,
              pass.w.partials.as<float>(), complete);
    add_to_stream(pass, l.output, mixed, [&](std::size_t t) { end_attention(pass, index, t); });
}

void EncoderModel::project(const Pass& pass, std::size_t index) const {
    const EncoderLayer& l = layers_[index];
    const EncoderColumns row(spec_);
    const LinearInput in = pass.stream_input(spec_.embedding);
    LinearRun qkv;
    if (l.qkv.empty()) {
        qkv.add(l.q, pass.columns, row.width, spec_.head_dim);
        qkv.add(l.k, pass.columns + row.keys, row.width, spec_.head_dim);
        qkv.add(l.v, pass.columns + row.values, row.width, spec_.head_dim);
    } else {
        qkv.add(l.qkv, pass.columns, row.width, std::lcm(kLanes, std::size_t{spec_.head_dim}));
    }
    if (!l.q_norm.weight.empty()) {  // which needs all heads before it can finish one
        qkv.run(pass.run, in, LinearRun::kNothing, pass.w.token_blocks, [&](std::size_t t) {
            float* const q = pass.columns + t * row.width;
            norm(pass, l.q_norm, q, row.keys, q);
            norm(pass, l.k_norm, q + row.keys, row.values - row.keys, q + row.keys);
            finish_heads(pass, index, t, 0, row.width);
        });
        return;
    }
    const std::size_t offsets[] = {0, row.keys, row.values};  // of the parts that there are
    qkv.run(pass.run, in, [&](const LinearRun::Piece& p, std::size_t) {
        for (std::size_t t = p.token; t < p.token_end; ++t)
            finish_heads(pass, index, t, offsets[p.part] + p.first, offsets[p.part] + p.end);
    });
}

// Columns [first, end) of q|k|v of one token, whole heads: rotated, keys and values stored.
void EncoderModel::finish_heads(const Pass& pass, std::size_t index, std::size_t t, std::size_t first,
                                std::size_t end) const {
    const EncoderLayerSpec& layer = spec_.layers[index];
    const EncoderColumns row(spec_);
    const KernelTable& k = pass.run.kernels;
    const RopeSpec& rope = spec_.rope_of(layer);
    const RopeFn rotate = rope.kind == RopeKind::adjacent ? k.rope_adjacent : k.rope_halves;
    const std::size_t main = spec_.rope.dims, half = rope.dims / 2, dim = spec_.head_dim;
    const float* const cos =
        pass.w.angles.as<float>() + t * (main + spec_.local_rope.dims) + (layer.rotation == Rotation::local ? main : 0);
    const BatchToken& token = pass.w.tokens[t];
    for (std::size_t at = first; at < end; at += dim) {
        float* const x = pass.columns + t * row.width + at;
        if (at >= row.values) {
            kv_store_value(*token.kv, 0, (at - row.values) / dim, token.position, x, k);
            continue;
        }
        if (rope.kind != RopeKind::none) rotate(x, cos, cos + half, half);
        if (at >= row.keys) kv_store_key(*token.kv, 0, (at - row.keys) / dim, token.position, x, k);
    }
}

// The norms behind attention, and the feed-forward's input.
void EncoderModel::end_attention(const Pass& pass, std::size_t index, std::size_t t) const {
    const EncoderLayer& l = layers_[index];
    const std::size_t d = spec_.embedding;
    float *const h = pass.hidden + t * d, *const sum = pass.branch + t * d;
    if (spec_.pre_norm) {
        norm(pass, l.ffn_norm, h, d, pass.input + t * d);
    } else if (l.attention_norm_2.weight.empty()) {
        norm(pass, l.attention_norm, sum, d, h);
    } else {
        norm(pass, l.attention_norm, sum, d, sum);
        pass.run.kernels.add_scaled(h, 1, d, sum);
        norm(pass, l.attention_norm_2, sum, d, h);
    }
    quantize_token(pass.run, pass.stream_input(d), l.ffn_needs, t);
}

// What the two projections, or experts, make of the stream, added to it.
void EncoderModel::feed_forward(const Pass& pass, std::size_t index) const {
    const EncoderLayer& l = layers_[index];
    const std::size_t d = spec_.embedding;
    if (l.experts != nullptr) {
        auto complete = [&](std::size_t first, std::size_t end, std::size_t) {
            for (std::size_t t = first; t < end; ++t) {
                float* const h = pass.hidden + t * d;
                if (!l.experts_bias.empty()) pass.run.kernels.add_scaled(l.experts_bias.data(), 1, d, h);
                if (!spec_.pre_norm) norm(pass, l.output_norm, h, d, h);
                begin_layer(pass, index + 1, t);
            }
        };
        moe_feed_forward(pass.run, spec_.moe, *l.experts, pass.w.experts, pass.stream_input(d),
                         {pass.branch, pass.hidden, 1}, complete);
        return;
    }
    const LinearInput down_in = pass.inner_input(pass.activated, spec_.feed_forward);
    activate(pass, index, down_in);
    add_to_stream(pass, l.down, down_in, [&](std::size_t t) {
        if (!spec_.pre_norm) norm(pass, l.output_norm, pass.branch + t * d, d, pass.hidden + t * d);
        begin_layer(pass, index + 1, t);
    });
}

// activated, quantised for `down` by whoever completes a block of it.
void EncoderModel::activate(const Pass& pass, std::size_t index, const LinearInput& down_in) const {
    using Form = EncoderSpec::FeedForward;
    const EncoderLayer& l = layers_[index];
    const std::size_t f = spec_.feed_forward, stride = spec_.form == Form::plain ? f : 2 * f;
    const LinearInput in = pass.stream_input(spec_.embedding);
    const auto act = [&](std::size_t t, std::size_t first, std::size_t end) {
        float* const gate = pass.gate_up + t * stride + first;
        apply_glu(spec_.glu, pass.run.kernels, gate, spec_.form == Form::plain ? nullptr : gate + f, end - first,
                  pass.activated + t * f + first);
    };
    LinearRun product;
    if (spec_.form == Form::gate_in_up && f % kLanes != 0) {  // a panel holds rows of both
        product.add(l.up, pass.gate_up, stride);
        product.run(pass.run, in, LinearRun::kNothing, pass.w.token_blocks, [&](std::size_t t) {
            act(t, 0, f);
            quantize_token(pass.run, down_in, l.down_needs, t);
        });
        return;
    }
    if (spec_.form == Form::plain)
        product.add(l.up, pass.gate_up, stride);
    else if (spec_.form == Form::gated)
        product.add_pair(l.gate, pass.gate_up, l.up, 0, pass.gate_up + f, f, stride);
    else
        product.add_pair(l.up, pass.gate_up, l.up, f, pass.gate_up + f, f, stride);
    const std::size_t block = l.down_needs.block();
    product.run(pass.run, in, [&](const LinearRun::Piece& p, std::size_t) {
        for (std::size_t t = 0; t < pass.tokens; ++t) act(t, p.first, p.end);
        for (std::size_t b = p.first / block; b * block < p.end; ++b) {
            const std::size_t from = b * block, to = std::min(from + block, f);
            if (!pass.w.activated_rows.add(b, std::min(p.end, to) - std::max(p.first, from), to - from)) continue;
            for (std::size_t t = 0; t < pass.tokens; ++t) quantize_values(pass.run, down_in, l.down_needs, t, from, to);
        }
    });
}

}  // namespace hearth
