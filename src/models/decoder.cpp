// The forward of decoder models, once for all families: what differs between them stands in DecoderSpec.
#include <algorithm>
#include <cmath>
#include <optional>

#include "models/decoder_pass.hpp"

namespace hearth {

namespace {

// gate = max(gate - (mean + deviations * standard deviation), 0). Sums in double, element k in lane k mod 16.
void cut_gate(float* gate, std::size_t n, double deviations) {
    const auto sum = [&](auto&& f) {
        double lanes[kLanes] = {}, total = 0;
        for (std::size_t i = 0; i < n; ++i) lanes[i % kLanes] += f(static_cast<double>(gate[i]));
        for (const double lane : lanes) total += lane;
        return total;
    };
    const double mean = sum([](double x) { return x; }) / static_cast<double>(n);
    const double squares = sum([mean](double x) { return (x - mean) * (x - mean); });
    const auto cut = static_cast<float>(mean + deviations * std::sqrt(squares / static_cast<double>(n - 1)));
    for (std::size_t i = 0; i < n; ++i) gate[i] = gate[i] <= cut ? 0 : gate[i] - cut;  // NaN passes
}

}  // namespace

Status DecoderModel::forward(std::span<const SequenceBatch> batch, Workspace& workspace, const KernelTable& kernels,
                             Executor& executor, float* logits) const {
    return run(batch, workspace, kernels, executor, [&](Pass& pass) { write_logits(pass, logits); });
}

Status DecoderModel::embed(std::span<const SequenceBatch> batch, Workspace& workspace, const KernelTable& kernels,
                           Executor& executor, float* rows) const {
    return run(batch, workspace, kernels, executor, [&](Pass& pass) {
        const std::vector<std::uint32_t>& wanted = pass.w.logit_rows;
        parallel_for(executor, wanted.size(), [&](std::size_t r, std::size_t) {
            norm_token(pass, output_norm_, pass.hidden + wanted[r] * spec_.embedding, rows + r * spec_.embedding);
        });
    });
}

void DecoderModel::finish(Head head, const float* pooled, std::size_t count, Workspace& workspace,
                          const KernelTable& kernels, Executor& executor, float* out) const {
    auto& w = static_cast<DecoderWorkspace&>(workspace);
    head_.run({kernels, executor, w.scratch}, head, pooled, count, spec_.embedding, w.head, out);
}

template <class Write>
Status DecoderModel::run(std::span<const SequenceBatch> batch, Workspace& workspace, const KernelTable& kernels,
                         Executor& executor, Write&& write) const {
    auto& w = static_cast<DecoderWorkspace&>(workspace);
    w.tokens.clear();
    w.ids.clear();
    w.long_context.clear();
    w.logit_rows.clear();
    w.sets.clear();
    for (const SequenceBatch& s : batch) {
        for (std::size_t i = 0; i < s.tokens.size(); ++i) {
            if (i >= s.logits_from) w.logit_rows.push_back(static_cast<std::uint32_t>(w.tokens.size()));
            w.tokens.push_back({&s.kv, s.position + i, 0, s.position + s.tokens.size()});
            w.ids.push_back(s.tokens[i]);
            w.long_context.push_back(s.context > spec_.long_context);
        }
        if (s.position + s.tokens.size() > w.limits.positions)
            return {Code::internal, cat("a pass reaches position ", s.position + s.tokens.size(), ", planned for ",
                                        w.limits.positions)};
    }
    if (w.tokens.size() > w.limits.tokens || executor.workers() > w.limits.workers)
        return {Code::internal, cat("a pass of ", w.tokens.size(), " tokens, planned for ", w.limits.tokens)};

    Pass pass{w,
              {kernels, executor, w.scratch},
              w.tokens.size(),
              w.hidden.as<float>(),
              w.normed.as<float>(),
              w.branch.as<float>(),
              w.layer_inputs.as<float>(),
              w.streams.as<float>(),
              w.streams.as<float>() + w.tokens.size() * spec_.streams * spec_.embedding,
              w.mix.as<float>(),
              w.gate_up.as<float>(),
              w.activated.as<float>()};
    std::optional<RowChanges> changes;
    if (std::ranges::any_of(batch, [](const SequenceBatch& s) { return s.adapters != nullptr || s.layer_states != nullptr; })) {
        HEARTH_TRY(note_changes(batch, w, pass));
        if (pass.change_stride != 0) pass.run.changes = &changes.emplace(w.sets, w.changes.as<float>(), pass.change_stride);
    }
    if (spec_.predicts) note_inputs(batch, w);
    embed(pass);
    if (spec_.predicts) join_states(pass);
    if (spec_.predicts_streams()) split_streams(pass);
    if (spec_.layer_embedding != 0) embed_layers(pass);
    if (spec_.predicts_streams() || spec_.layer_embedding != 0)
        parallel_for(executor, pass.tokens, [&](std::size_t t, std::size_t) { begin_layer(pass, 0, t); });
    for (std::size_t layer = 0; layer < layers_.size(); ++layer) run_layer(pass, layer);
    if (spec_.predicts_streams() && !w.logit_rows.empty()) merge_streams(pass);
    if (spec_.mixes_streams() && !w.logit_rows.empty()) join_streams(pass);
    write_states(batch, pass);
    write(pass);
    return {};
}

// hidden = scale * embedding row; the rotation angles of every token; and what the next product begins with.
void DecoderModel::embed(Pass& pass) const {
    const std::size_t half = spec_.rope.dims / 2, local_half = spec_.local_rope.dims / 2;
    parallel_for(pass.run.executor, pass.tokens, [&](std::size_t t, std::size_t) {
        float* h = pass.hidden + t * spec_.embedding;
        embedding_.row(static_cast<std::size_t>(pass.w.ids[t]), h);
        if (!pass.w.sets.empty() && pass.w.sets[t] != nullptr)
            RowChanges::add_row(pass.run.kernels, *pass.w.sets[t], embedding_, static_cast<std::size_t>(pass.w.ids[t]), h);
        if (spec_.embedding_scale != 1) pass.run.kernels.scale(h, spec_.embedding_scale, spec_.embedding);
        const std::size_t position = pass.w.tokens[t].position;
        float* const cos = pass.w.angles.as<float>() + t * 2 * (half + local_half);
        if (spec_.rope.kind != RopeKind::none) {
            const bool far = pass.w.long_context[t] != 0 && !frequencies_long_.empty();
            rope_angles(far ? frequencies_long_ : frequencies_, spec_.rope.magnitude, position, cos, cos + half);
        }
        float* const local = cos + 2 * half;
        rope_angles(frequencies_local_, spec_.local_rope.magnitude, position, local, local + local_half);
        if (spec_.mixes_streams()) return start_streams(pass, t);
        if (spec_.predicts) return join_token(pass, t);
        if (spec_.streams == 1 && spec_.layer_embedding == 0) return begin_layer(pass, 0, t);
        quantize_token(pass.run, pass.stream_input(pass.hidden, spec_.embedding), stream_needs_, t);
    });
}

// stream += scale * norm of what stands in `normed`.
void DecoderModel::add_normed(const Pass& pass, const Norm& post, std::size_t t) const {
    const std::size_t d = spec_.embedding;
    float* const x = pass.normed + t * d;
    norm_token(pass, post, x, x);
    pass.run.kernels.add_scaled(x, spec_.residual_scale, d, pass.hidden + t * d);
}

// Where there is no norm, y = x.
void DecoderModel::norm_token(const Pass& pass, const Norm& norm, const float* x, float* y) const {
    if (norm.weight.empty()) {
        std::copy_n(x, spec_.embedding, y);
        return;
    }
    if (spec_.layer_norm)
        pass.run.kernels.layer_norm(x, norm.weight.data(), norm.bias.data(), spec_.norm_eps, spec_.embedding, y);
    else
        pass.run.kernels.rms_norm(x, norm.weight.data(), spec_.norm_eps, spec_.embedding, y);
}

// normed = norm of the stream at a token, in the forms that products of it want.
void DecoderModel::norm_stream(const Pass& pass, const Norm& norm, ActivationNeeds needs, std::size_t t) const {
    const std::size_t d = spec_.embedding;
    norm_token(pass, norm, pass.hidden + t * d, pass.normed + t * d);
    quantize_token(pass.run, pass.normed_input(d, pass.tokens), needs, t);
}

// The input of a layer's first product, where there is such a layer.
void DecoderModel::begin_layer(const Pass& pass, std::size_t layer, std::size_t t) const {
    if (layer == layers_.size()) return;
    const DecoderLayer& l = layers_[layer];
    if (spec_.streams == 1) return norm_stream(pass, l.attn_norm, attn_needs_, t);
    const std::size_t d = spec_.embedding;
    norm_token(pass, l.stream_router_norm, pass.streams + t * d, pass.normed + t * d);
    quantize_token(pass.run, pass.normed_input(d, pass.tokens), stream_needs_, t);
}

// Five phases: what a token needs before the next product is done by whoever completes it in the one before. With
// experts it is one more, for the choice of them; see moe.cpp.
void DecoderModel::run_layer(Pass& pass, std::size_t index) const {
    const DecoderLayer& l = layers_[index];
    const RunContext& run = pass.run;
    const std::size_t d = spec_.embedding;
    if (spec_.predicts_streams()) predict_streams(pass, l);
    if (spec_.mixes_streams()) read_streams(pass, l.attention_mix, l.attn_norm, attn_needs_);

    // Attention, or what stands in its place: normed input → mixed → output, added to the stream.
    const LinearInput in = pass.normed_input(d, pass.tokens);
    if (spec_.laurel != 0) laurel(pass, l, in);
    auto* const mixed = pass.w.mixed.as<float>();
    const LinearInput out = pass.inner_input(mixed, l.output.k());
    l.mixer->run({run, pass.w.tokens, {pass.w.angles.as<float>(), spec_.rope.dims, spec_.local_rope.dims}, in,
                  out, l.output_needs, pass.w.columns.as<float>(), mixed, pass.w.partials.as<float>(),
                  pass.w.token_blocks, pass.w.mixer});
    add_to_stream(pass, l.output, out, l.post_attention_norm, [&](std::size_t t) {
        if (spec_.laurel != 0) {
            constexpr float kHalfRoot = 0.70710678F;
            run.kernels.add_scaled(pass.branch + t * d, 1, d, pass.hidden + t * d);
            run.kernels.scale(pass.hidden + t * d, kHalfRoot, d);
        }
        if (spec_.mixes_streams()) return write_streams(pass, t);
        norm_stream(pass, l.ffn_norm, ffn_needs_, t);
    });

    if (spec_.mixes_streams()) read_streams(pass, l.ffn_mix, l.ffn_norm, ffn_needs_);
    feed_forward(pass, index);
    if (spec_.predicts_streams()) correct_streams(pass, index);
    if (spec_.layer_embedding != 0) add_layer_embedding(pass, index);
}

// down(glu(gate, up)), or what experts make of it, or both, added to the stream.
void DecoderModel::feed_forward(Pass& pass, std::size_t index) const {
    const DecoderLayer& l = layers_[index];
    const LinearInput in = pass.normed_input(spec_.embedding, pass.tokens);
    if (l.experts != nullptr && !spec_.experts_beside_dense) {
        auto complete = [&](std::size_t first, std::size_t end, std::size_t) {
            for (std::size_t t = first; t < end; ++t) {
                if (spec_.post_norms) add_normed(pass, l.post_ffn_norm, t);
                after_feed_forward(pass, index, t);
            }
        };
        float* const stream = spec_.post_norms ? nullptr : pass.hidden;
        moe_feed_forward(pass.run, spec_.moe, *l.experts, pass.w.experts, in,
                         {pass.normed, stream, spec_.residual_scale}, complete, pass.w.ids);
        return;
    }
    const LinearInput down_in = pass.inner_input(pass.activated, spec_.layers[index].feed_forward);
    activate(pass, index, in, down_in);
    if (l.experts == nullptr)
        return add_to_stream(pass, l.down, down_in, l.post_ffn_norm,
                             [&](std::size_t t) { after_feed_forward(pass, index, t); });
    LinearRun product;
    product.add(l.down, pass.branch, spec_.embedding);
    product.run(pass.run, down_in, LinearRun::kNothing, pass.w.token_blocks,
                [&](std::size_t t) { norm_stream(pass, l.router_norm, ffn_needs_, t); });
    add_experts_beside(pass, index);
}

// Experts for the same stream as the dense feed-forward whose product stands in `branch`; both normed, added, normed
// again and added to the stream. Their router saw the stream through a norm of its own.
void DecoderModel::add_experts_beside(Pass& pass, std::size_t index) const {
    const DecoderLayer& l = layers_[index];
    const RunContext& run = pass.run;
    const std::size_t d = spec_.embedding;
    const LinearInput in = pass.normed_input(d, pass.tokens);
    moe_choose(run, spec_.moe, *l.experts, pass.w.experts, in);
    parallel_for(run.executor, pass.tokens,
                 [&](std::size_t t, std::size_t) { norm_stream(pass, l.experts_norm, ffn_needs_, t); });
    auto complete = [&](std::size_t first, std::size_t end, std::size_t) {
        for (std::size_t t = first; t < end; ++t) {
            float *const x = pass.normed + t * d, *const dense = pass.branch + t * d;
            norm_token(pass, l.experts_post_norm, x, x);
            norm_token(pass, l.dense_post_norm, dense, dense);
            run.kernels.add_scaled(dense, 1, d, x);
            add_normed(pass, l.post_ffn_norm, t);
            after_feed_forward(pass, index, t);
        }
    };
    moe_apply(run, spec_.moe, *l.experts, pass.w.experts, in, {pass.normed}, complete);
}

// What a token needs for the product that follows the feed-forward.
void DecoderModel::after_feed_forward(const Pass& pass, std::size_t index, std::size_t t) const {
    if (spec_.mixes_streams()) return write_streams(pass, t);
    if (spec_.streams != 1) return norm_stream(pass, layers_[index].stream_router_norm, stream_needs_, t);
    if (spec_.layer_embedding == 0) return end_layer(pass, index, t);
    quantize_token(pass.run, pass.stream_input(pass.hidden, spec_.embedding), stream_needs_, t);
}

void DecoderModel::end_layer(const Pass& pass, std::size_t index, std::size_t t) const {
    const DecoderLayer& l = layers_[index];
    if (l.scale != 1) pass.run.kernels.scale(pass.hidden + t * spec_.embedding, l.scale, spec_.embedding);
    if (pass.watched) steer(pass, index, t);
    begin_layer(pass, index + 1, t);
}

// activated = glu(gate, up), quantised for `down` by whoever completes a block.
void DecoderModel::activate(Pass& pass, std::size_t index, const LinearInput& in, const LinearInput& down_in) const {
    const DecoderLayer& l = layers_[index];
    const RunContext& run = pass.run;
    const std::size_t f = down_in.k;
    auto act = [&](std::size_t t, std::size_t first, std::size_t end) {
        float* const gate = pass.gate_up + t * 2 * f;
        apply_glu(spec_.glu, run.kernels, gate + first, gate + f + first, end - first, pass.activated + t * f + first);
    };
    LinearRun gate_up;
    const std::optional<double> sparse = spec_.layers[index].sparse_gate;  // which a whole row decides
    // One panel holds the last rows of the gate and the first of up.
    const bool shares_panel = spec_.gate_in_up && f % kLanes != 0;
    if (sparse || shares_panel) {
        if (!spec_.gate_in_up) gate_up.add(l.gate, pass.gate_up, 2 * f);
        gate_up.add(l.up, pass.gate_up + (spec_.gate_in_up ? 0 : f), 2 * f);
        const auto whole = [&](std::size_t t) {
            if (sparse) cut_gate(pass.gate_up + t * 2 * f, f, *sparse);
            act(t, 0, f);
            quantize_token(run, down_in, l.down_needs, t);
        };
        gate_up.run(run, in, LinearRun::kNothing, pass.w.token_blocks, whole);
        return;
    }
    if (spec_.gate_in_up)
        gate_up.add_pair(l.up, pass.gate_up, l.up, f, pass.gate_up + f, f, 2 * f);
    else
        gate_up.add_pair(l.gate, pass.gate_up, l.up, 0, pass.gate_up + f, f, 2 * f);
    const std::size_t block = l.down_needs.block();
    gate_up.run(run, in, [&](const LinearRun::Piece& p, std::size_t) {
        for (std::size_t t = 0; t < pass.tokens; ++t) act(t, p.first, p.end);
        for (std::size_t b = p.first / block; b * block < p.end; ++b) {
            const std::size_t from = b * block, to = std::min(from + block, f);
            if (!pass.w.activated_rows.add(b, std::min(p.end, to) - std::max(p.first, from), to - from)) continue;
            for (std::size_t t = 0; t < pass.tokens; ++t) quantize_values(run, down_in, l.down_needs, t, from, to);
        }
    });
}

void DecoderModel::write_logits(Pass& pass, float* logits) const {
    const std::vector<std::uint32_t>& rows = pass.w.logit_rows;
    if (rows.empty()) return;
    const std::size_t d = spec_.embedding;
    const LinearInput in = pass.normed_input(d, rows.size());
    parallel_for(pass.run.executor, rows.size(), [&](std::size_t r, std::size_t) {
        norm_token(pass, output_norm_, pass.hidden + rows[r] * d, pass.normed + r * d);
        quantize_token(pass.run, in, output_needs_, r);
    });
    LinearRun output;
    output.add(output_.empty() ? embedding_ : output_, logits, spec_.vocab);
    RunContext run = pass.run;
    std::optional<RowChanges> changes;  // rows here are not those of the pass
    if (run.changes != nullptr) run.changes = &changes.emplace(pass.w.logit_sets, pass.w.changes.as<float>(), pass.change_stride);
    output.run(run, in, [&](const LinearRun::Piece& p, std::size_t) {
        for (std::size_t r = 0; r < rows.size(); ++r) {
            float* const y = logits + r * spec_.vocab + p.first;
            if (spec_.logit_divisor != 1) pass.run.kernels.scale(y, 1.0F / spec_.logit_divisor, p.end - p.first);
            if (spec_.logit_softcap != 0) pass.run.kernels.soft_cap(y, spec_.logit_softcap, p.end - p.first);
        }
    });
}

}  // namespace hearth
