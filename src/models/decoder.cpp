// The forward of decoder models, once for all families: what differs between them stands in DecoderSpec.
#include "models/decoder.hpp"

#include <algorithm>
#include <cmath>

#include "hearth/base/math.hpp"

namespace hearth {

namespace {

struct DecoderWorkspace final : Workspace {
    RunLimits limits;
    Buffer hidden;     // [tokens, embedding]: the residual stream
    Buffer normed;     // [tokens, embedding]
    Buffer qkv;        // [tokens, (heads + kv_heads) * key_dim + kv_heads * value_dim]
    Buffer attended;   // [tokens, heads * value_dim]
    Buffer gate_up;    // [tokens, 2 * feed_forward]
    Buffer activated;  // [tokens, feed_forward]
    Buffer angles;     // [tokens, 2, rope dims / 2]: cos, sin
    Buffer q8_32, q8_256;
    Buffer partials;
    std::vector<Buffer> scratch;  // [workers]
    std::vector<BatchToken> tokens;
    std::vector<std::int32_t> ids;
    std::vector<std::uint8_t> long_context;  // [tokens]
    std::vector<std::uint32_t> logit_rows;   // token index of each row of logits
};

}  // namespace

DecoderWorkspaceSizes decoder_workspace_sizes(const DecoderSpec& s, const RunLimits& limits) {
    DecoderWorkspaceSizes z{};
    const std::size_t t = limits.tokens, f = sizeof(float);
    const std::size_t attended = std::size_t{s.heads} * s.value_dim;
    const std::size_t widest = std::max({std::size_t{s.embedding}, attended, std::size_t{s.feed_forward}});
    z.tokens = t;
    z.hidden = t * s.embedding * f;
    z.normed = z.hidden;
    z.qkv = t * ((std::size_t{s.heads} + s.kv_heads) * s.key_dim + std::size_t{s.kv_heads} * s.value_dim) * f;
    z.attended = t * attended * f;
    z.gate_up = t * 2 * s.feed_forward * f;
    z.activated = t * s.feed_forward * f;
    z.angles = t * s.rope.dims * f;
    z.q8_32 = t * activation_bytes(Activation::q8_32, widest);
    z.q8_256 = t * activation_bytes(Activation::q8_256, widest);
    z.partials = attention_partials(limits.workers, s.heads / s.kv_heads, s.value_dim, limits.positions) * f;
    return z;
}

std::uint64_t DecoderWorkspaceSizes::total(std::size_t workers, std::size_t scratch_bytes) const {
    return hidden + normed + qkv + attended + gate_up + activated + angles + q8_32 + q8_256 + partials + workers * scratch_bytes;
}

std::uint64_t DecoderModel::workspace_bytes(const RunLimits& limits) const {
    return decoder_workspace_sizes(spec_, limits).total(limits.workers, scratch_bytes_);
}

Result<std::unique_ptr<Workspace>> DecoderModel::make_workspace(const RunLimits& limits, std::shared_ptr<Memory> memory) const {
    auto w = std::make_unique<DecoderWorkspace>();
    const DecoderWorkspaceSizes z = decoder_workspace_sizes(spec_, limits);
    w->limits = limits;
    const std::pair<Buffer*, std::size_t> buffers[] = {
        {&w->hidden, z.hidden},       {&w->normed, z.normed},       {&w->qkv, z.qkv},       {&w->attended, z.attended},
        {&w->gate_up, z.gate_up},     {&w->activated, z.activated}, {&w->angles, z.angles}, {&w->q8_32, z.q8_32},
        {&w->q8_256, z.q8_256},       {&w->partials, z.partials}};
    for (auto [buffer, bytes] : buffers) {
        HEARTH_ASSIGN(*buffer, Buffer::make(memory, bytes, "the workspace of a forward pass"));
    }
    for (std::size_t i = 0; i < limits.workers; ++i) {
        HEARTH_ASSIGN(Buffer b, Buffer::make(memory, scratch_bytes_, "the scratch memory of a worker"));
        w->scratch.push_back(std::move(b));
    }
    w->tokens.reserve(limits.tokens);
    w->ids.reserve(limits.tokens);
    w->long_context.reserve(limits.tokens);
    w->logit_rows.reserve(limits.tokens);
    return std::unique_ptr<Workspace>(std::move(w));
}

struct DecoderModel::Pass {
    DecoderWorkspace& w;
    RunContext run;
    std::size_t tokens;
    float* hidden;     // [tokens, embedding]
    float* normed;     // [tokens, embedding]
    float* qkv;        // [tokens, qkv_stride]
    std::size_t qkv_stride, k_offset, v_offset;
    float* attended;   // [tokens, heads * value_dim]
    float* gate_up;    // [tokens, 2 * feed_forward]
    float* activated;  // [tokens, feed_forward]

    LinearInput input(const float* x, std::size_t k, std::size_t count) const {
        return {x, w.q8_32.as<std::byte>(), w.q8_256.as<std::byte>(), count, k};
    }
};

Status DecoderModel::forward(std::span<const SequenceBatch> batch, Workspace& workspace, const KernelTable& kernels,
                             Executor& executor, float* logits) const {
    auto& w = static_cast<DecoderWorkspace&>(workspace);
    w.tokens.clear();
    w.ids.clear();
    w.long_context.clear();
    w.logit_rows.clear();
    for (const SequenceBatch& s : batch) {
        for (std::size_t i = 0; i < s.tokens.size(); ++i) {
            if (i >= s.logits_from) w.logit_rows.push_back(static_cast<std::uint32_t>(w.tokens.size()));
            w.tokens.push_back({&s.kv, s.position + i});
            w.ids.push_back(s.tokens[i]);
            w.long_context.push_back(s.context > spec_.long_context);
        }
        if (s.position + s.tokens.size() > w.limits.positions)
            return {Code::internal, cat("a pass reaches position ", s.position + s.tokens.size(), ", planned for ", w.limits.positions)};
    }
    if (w.tokens.size() > w.limits.tokens || executor.workers() > w.limits.workers)
        return {Code::internal, cat("a pass of ", w.tokens.size(), " tokens, planned for ", w.limits.tokens)};

    const std::size_t k_offset = std::size_t{spec_.heads} * spec_.key_dim;
    const std::size_t v_offset = k_offset + std::size_t{spec_.kv_heads} * spec_.key_dim;
    Pass pass{w, {kernels, executor, w.scratch}, w.tokens.size(), w.hidden.as<float>(), w.normed.as<float>(),
              w.qkv.as<float>(), v_offset + std::size_t{spec_.kv_heads} * spec_.value_dim, k_offset, v_offset,
              w.attended.as<float>(), w.gate_up.as<float>(), w.activated.as<float>()};
    embed(pass);
    for (std::size_t layer = 0; layer < layers_.size(); ++layer) run_layer(pass, layer);
    write_logits(pass, logits);
    return {};
}

// hidden = scale * embedding row; and the rotation angles of every token.
void DecoderModel::embed(Pass& pass) const {
    const std::size_t half = spec_.rope.dims / 2;
    parallel_for(pass.run.executor, pass.tokens, [&](std::size_t t, std::size_t) {
        float* h = pass.hidden + t * spec_.embedding;
        embedding_.row(static_cast<std::size_t>(pass.w.ids[t]), h);
        if (spec_.embedding_scale != 1) pass.run.kernels.scale(h, spec_.embedding_scale, spec_.embedding);
        if (spec_.rope.kind != RopeKind::none) {
            float* cos = pass.w.angles.as<float>() + t * 2 * half;
            const bool far = pass.w.long_context[t] != 0 && !frequencies_long_.empty();
            rope_angles(far ? frequencies_long_ : frequencies_, spec_.rope.magnitude, pass.w.tokens[t].position, cos, cos + half);
        }
    });
}

void DecoderModel::run_layer(Pass& pass, std::size_t index) const {
    const DecoderLayer& l = layers_[index];
    const RunContext& run = pass.run;
    const std::size_t d = spec_.embedding, f = spec_.feed_forward, tokens = pass.tokens;

    // Attention: normed input → q|k|v → rotated, stored → attended → output, added to the stream.
    const LinearInput attn_in = pass.input(pass.normed, d, tokens);
    parallel_for(run.executor, tokens, [&](std::size_t t, std::size_t) {
        run.kernels.rms_norm(pass.hidden + t * d, l.attn_norm.data(), spec_.norm_eps, d, pass.normed + t * d);
        quantize_token(run, attn_in, attn_needs_, t);
    });
    LinearRun qkv;
    qkv.add(l.qkv, pass.qkv, pass.qkv_stride);
    qkv.add(l.q, pass.qkv, pass.qkv_stride);
    qkv.add(l.k, pass.qkv + pass.k_offset, pass.qkv_stride);
    qkv.add(l.v, pass.qkv + pass.v_offset, pass.qkv_stride);
    qkv.run(run, attn_in);
    rotate_and_store(pass, index);
    const AttentionSpec attn{spec_.heads, spec_.attention_scale, 0, 0, nullptr};
    attention(run, attn, index, pass.w.tokens, pass.qkv, pass.qkv_stride, pass.attended, pass.w.partials.as<float>());
    const LinearInput o_in = pass.input(pass.attended, std::size_t{spec_.heads} * spec_.value_dim, tokens);
    parallel_for(run.executor, tokens, [&](std::size_t t, std::size_t) { quantize_token(run, o_in, o_needs_, t); });
    LinearRun output;
    output.add(l.output, pass.normed, d);
    output.run(run, o_in);

    // Feed-forward: down(silu(gate) * up), added to the stream.
    const LinearInput ffn_in = pass.input(pass.normed, d, tokens);
    parallel_for(run.executor, tokens, [&](std::size_t t, std::size_t) {
        float* h = pass.hidden + t * d;
        run.kernels.add_scaled(pass.normed + t * d, spec_.residual_scale, d, h);
        run.kernels.rms_norm(h, l.ffn_norm.data(), spec_.norm_eps, d, pass.normed + t * d);
        quantize_token(run, ffn_in, ffn_needs_, t);
    });
    LinearRun gate_up;
    gate_up.add(l.gate, pass.gate_up, 2 * f);
    gate_up.add(l.up, pass.gate_up + (spec_.gate_in_up ? 0 : f), 2 * f);
    gate_up.run(run, ffn_in);
    const LinearInput down_in = pass.input(pass.activated, f, tokens);
    parallel_for(run.executor, tokens, [&](std::size_t t, std::size_t) {
        const float* gate = pass.gate_up + t * 2 * f;
        run.kernels.silu_mul(gate, gate + f, f, pass.activated + t * f);
        quantize_token(run, down_in, down_needs_, t);
    });
    LinearRun down;
    down.add(l.down, pass.normed, d);
    down.run(run, down_in);
    parallel_for(run.executor, tokens, [&](std::size_t t, std::size_t) {
        run.kernels.add_scaled(pass.normed + t * d, spec_.residual_scale, d, pass.hidden + t * d);
    });
}

// Per-head norms, rotation, query temperature; keys and values go to the cache.
void DecoderModel::rotate_and_store(Pass& pass, std::size_t index) const {
    const DecoderLayer& l = layers_[index];
    const KernelTable& k = pass.run.kernels;
    const std::size_t half = spec_.rope.dims / 2;
    const bool rotates = spec_.rope.kind != RopeKind::none && (spec_.layer_rotates.empty() || spec_.layer_rotates[index]);
    const RopeFn rotate = spec_.rope.kind == RopeKind::adjacent ? k.rope_adjacent : k.rope_halves;
    parallel_for(pass.run.executor, pass.tokens, [&](std::size_t t, std::size_t) {
        float* q = pass.qkv + t * pass.qkv_stride;
        float* key = q + pass.k_offset;
        const BatchToken& token = pass.w.tokens[t];
        const float* cos = pass.w.angles.as<float>() + t * 2 * half;
        const std::size_t heads = spec_.heads + spec_.kv_heads;  // keys follow the queries
        for (std::size_t h = 0; h < heads; ++h) {
            float* x = q + h * spec_.key_dim;
            if (spec_.qk_norm)
                k.rms_norm(x, (h < spec_.heads ? l.q_norm : l.k_norm).data(), spec_.norm_eps, spec_.key_dim, x);
            if (rotates) rotate(x, cos, cos + half, half);
        }
        if (spec_.query_temperature.beta != 0) {
            const double steps = std::floor(static_cast<double>(token.position) / spec_.query_temperature.period);
            k.scale(q, static_cast<float>(1 + spec_.query_temperature.beta * det_log(1 + steps)), pass.k_offset);
        }
        kv_store(*token.kv, index, token.position, key, q + pass.v_offset, k);
    });
}

void DecoderModel::write_logits(Pass& pass, float* logits) const {
    const std::vector<std::uint32_t>& rows = pass.w.logit_rows;
    if (rows.empty()) return;
    const std::size_t d = spec_.embedding;
    const LinearInput in = pass.input(pass.normed, d, rows.size());
    parallel_for(pass.run.executor, rows.size(), [&](std::size_t r, std::size_t) {
        pass.run.kernels.rms_norm(pass.hidden + rows[r] * d, output_norm_.data(), spec_.norm_eps, d, pass.normed + r * d);
        quantize_token(pass.run, in, output_needs_, r);
    });
    LinearRun output;
    output.add(output_.empty() ? embedding_ : output_, logits, spec_.vocab);
    output.run(pass.run, in);
    if (spec_.logit_divisor != 1)
        parallel_for(pass.run.executor, rows.size(), [&](std::size_t r, std::size_t) {
            pass.run.kernels.scale(logits + r * spec_.vocab, 1.0F / spec_.logit_divisor, spec_.vocab);
        });
}

}  // namespace hearth
