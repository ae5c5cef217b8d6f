// The forward of decoder models, once for all families: what differs between them stands in DecoderSpec.
#include "models/decoder.hpp"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "hearth/base/math.hpp"

namespace hearth {

namespace {

struct DecoderWorkspace final : Workspace {
    RunLimits limits;
    Buffer hidden;                       // [tokens, embedding]: the residual stream
    Buffer normed;                       // [tokens, embedding]
    Buffer qkv;                          // [tokens, columns of the widest layer]
    Buffer attended;                     // [tokens, heads * value_dim]
    Buffer gate_up;                      // [tokens, 2 * feed_forward]
    Buffer activated;                    // [tokens, feed_forward]
    Buffer angles;                       // [tokens, 2, rope dims / 2]: cos, sin of the main rotation, then of the local
    Buffer normed_32, normed_256;        // of `normed`
    Buffer inner_32, inner_256;          // of `attended`, later of `activated`
    Buffer partials;
    MoeWorkspace experts;
    std::vector<Buffer> scratch;  // [workers]
    std::vector<BatchToken> tokens;
    std::vector<std::int32_t> ids;
    std::vector<std::uint8_t> long_context;  // [tokens]
    std::vector<std::uint32_t> logit_rows;   // token index of each row of logits
    Tally activated_rows;                    // of each block of `activated`
    Tally token_blocks;                      // of a product
};

}  // namespace

DecoderWorkspaceSizes decoder_workspace_sizes(const DecoderSpec& s, const MoeForms& forms, const RunLimits& limits) {
    DecoderWorkspaceSizes z{};
    const std::size_t t = limits.tokens, f = sizeof(float);
    std::size_t feed_forward = 0, attended = 0, columns = 0;  // of the widest layers
    for (const LayerSpec& l : s.layers) {
        if (!l.experts) feed_forward = std::max(feed_forward, std::size_t{l.feed_forward});
        attended = std::max(attended, std::size_t{s.heads} * l.value_dim);
        columns = std::max(columns, qkv_row(s, l).width);
        const std::size_t partials =
            attention_partials(limits.workers, t, s.heads / l.kv_heads, l.value_dim, limits.positions);
        z.partials = std::max(z.partials, partials * f);
    }
    const std::size_t inner = std::max(feed_forward, attended);
    z.tokens = t;
    z.feed_forward = feed_forward;
    z.hidden = t * s.embedding * f;
    z.normed = z.hidden;
    z.qkv = t * columns * f;
    z.attended = t * attended * f;
    z.gate_up = t * 2 * feed_forward * f;
    z.activated = t * feed_forward * f;
    z.angles = t * (s.rope.dims + s.local_rope.dims) * f;
    z.normed_32 = t * activation_bytes(Activation::q8_32, s.embedding);
    z.normed_256 = t * activation_bytes(Activation::q8_256, s.embedding);
    z.inner_32 = t * activation_bytes(Activation::q8_32, inner);
    z.inner_256 = t * activation_bytes(Activation::q8_256, inner);
    z.experts = MoeWorkspace::bytes(s.moe, forms, t);
    return z;
}

std::uint64_t DecoderWorkspaceSizes::total(std::size_t workers, std::size_t scratch_bytes) const {
    return hidden + normed + qkv + attended + gate_up + activated + angles + normed_32 + normed_256 + inner_32 +
           inner_256 + partials + experts + workers * scratch_bytes;
}

std::uint64_t DecoderModel::workspace_bytes(const RunLimits& limits) const {
    return decoder_workspace_sizes(spec_, moe_forms_, limits).total(limits.workers, scratch_bytes_);
}

Result<std::unique_ptr<Workspace>> DecoderModel::make_workspace(const RunLimits& limits,
                                                                std::shared_ptr<Memory> memory) const {
    auto w = std::make_unique<DecoderWorkspace>();
    const DecoderWorkspaceSizes z = decoder_workspace_sizes(spec_, moe_forms_, limits);
    w->limits = limits;
    const std::pair<Buffer*, std::size_t> buffers[] = {{&w->hidden, z.hidden},
                                                       {&w->normed, z.normed},
                                                       {&w->qkv, z.qkv},
                                                       {&w->attended, z.attended},
                                                       {&w->gate_up, z.gate_up},
                                                       {&w->activated, z.activated},
                                                       {&w->angles, z.angles},
                                                       {&w->normed_32, z.normed_32},
                                                       {&w->normed_256, z.normed_256},
                                                       {&w->inner_32, z.inner_32},
                                                       {&w->inner_256, z.inner_256},
                                                       {&w->partials, z.partials}};
    for (auto [buffer, bytes] : buffers) {
        HEARTH_ASSIGN(*buffer, Buffer::make(memory, bytes, "the workspace of a forward pass"));
    }
    HEARTH_ASSIGN(w->experts, MoeWorkspace::make(memory, spec_.moe, moe_forms_, limits.tokens, limits.workers));
    for (std::size_t i = 0; i < limits.workers; ++i) {
        HEARTH_ASSIGN(Buffer b, Buffer::make(memory, scratch_bytes_, "the scratch memory of a worker"));
        w->scratch.push_back(std::move(b));
    }
    w->activated_rows = Tally(z.feed_forward / kLanes + 1);
    w->token_blocks = Tally(limits.workers);
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
    float* hidden;  // [tokens, embedding]
    float* normed;  // [tokens, embedding]
    float* qkv;     // [tokens, columns of the layer]
    float* attended;   // [tokens, heads * value_dim]
    float* gate_up;    // [tokens, 2 * feed_forward]
    float* activated;  // [tokens, feed_forward]

    // Of the first `count` rows of `normed`, k wide.
    LinearInput normed_input(std::size_t k, std::size_t count) const {
        return {normed, w.normed_32.as<std::byte>(), w.normed_256.as<std::byte>(), count, k};
    }
    LinearInput inner_input(const float* x, std::size_t k) const {
        return {x, w.inner_32.as<std::byte>(), w.inner_256.as<std::byte>(), tokens, k};
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
              w.qkv.as<float>(),
              w.attended.as<float>(),
              w.gate_up.as<float>(),
              w.activated.as<float>()};
    embed(pass);
    for (std::size_t layer = 0; layer < layers_.size(); ++layer) run_layer(pass, layer);
    write_logits(pass, logits);
    return {};
}

// hidden = scale * embedding row; the rotation angles of every token; and what the first layer begins with.
void DecoderModel::embed(Pass& pass) const {
    const std::size_t half = spec_.rope.dims / 2, local_half = spec_.local_rope.dims / 2;
    parallel_for(pass.run.executor, pass.tokens, [&](std::size_t t, std::size_t) {
        float* h = pass.hidden + t * spec_.embedding;
        embedding_.row(static_cast<std::size_t>(pass.w.ids[t]), h);
        if (spec_.embedding_scale != 1) pass.run.kernels.scale(h, spec_.embedding_scale, spec_.embedding);
        const std::size_t position = pass.w.tokens[t].position;
        float* const cos = pass.w.angles.as<float>() + t * 2 * (half + local_half);
        if (spec_.rope.kind != RopeKind::none) {
            const bool far = pass.w.long_context[t] != 0 && !frequencies_long_.empty();
            rope_angles(far ? frequencies_long_ : frequencies_, spec_.rope.magnitude, position, cos, cos + half);
        }
        float* const local = cos + 2 * half;
        rope_angles(frequencies_local_, spec_.local_rope.magnitude, position, local, local + local_half);
        norm_for_layer(pass, 0, t);
    });
}

// cos [rope dims / 2] of a token; its sin follows.
const float* DecoderModel::angles(const Pass& pass, std::size_t token, Rotation rotation) const {
    const std::size_t main = spec_.rope.dims, local = spec_.local_rope.dims;
    return pass.w.angles.as<float>() + token * (main + local) + (rotation == Rotation::local ? main : 0);
}

// stream += scale * W in, and then(token) once it stands. Each chunk's worker adds the rows that it has computed; but a
// norm of the output needs all of it.
template <class Then>
void DecoderModel::add_to_stream(Pass& pass, const Linear& w, const LinearInput& in, const Norm& post,
                                 Then&& then) const {
    const std::size_t d = spec_.embedding;
    LinearRun product;
    product.add(w, pass.normed, d);
    const auto add = [&](const LinearRun::Piece& p, std::size_t) {
        if (spec_.post_norms) return;
        for (std::size_t t = p.token; t < p.token_end; ++t)
            pass.run.kernels.add_scaled(pass.normed + t * d + p.first, spec_.residual_scale, p.end - p.first,
                                        pass.hidden + t * d + p.first);
    };
    const auto complete = [&](std::size_t t) {
        if (spec_.post_norms) add_normed(pass, post, t);
        then(t);
    };
    product.run(pass.run, in, add, pass.w.token_blocks, complete);
}

// stream += scale * norm of what stands in `normed`.
void DecoderModel::add_normed(const Pass& pass, const Norm& post, std::size_t t) const {
    const std::size_t d = spec_.embedding;
    float* const x = pass.normed + t * d;
    norm_token(pass, post, x, x);
    pass.run.kernels.add_scaled(x, spec_.residual_scale, d, pass.hidden + t * d);
}

void DecoderModel::norm_token(const Pass& pass, const Norm& norm, const float* x, float* y) const {
    pass.run.kernels.rms_norm(x, norm.weight.data(), spec_.norm_eps, spec_.embedding, y);
    if (!norm.bias.empty()) pass.run.kernels.add_scaled(norm.bias.data(), 1, spec_.embedding, y);
}

// normed = norm of the stream at a token, in the forms that products of it want.
void DecoderModel::norm_stream(const Pass& pass, const Norm& norm, ActivationNeeds needs, std::size_t t) const {
    const std::size_t d = spec_.embedding;
    norm_token(pass, norm, pass.hidden + t * d, pass.normed + t * d);
    quantize_token(pass.run, pass.normed_input(d, pass.tokens), needs, t);
}

// The input of a layer's attention, where there is such a layer.
void DecoderModel::norm_for_layer(const Pass& pass, std::size_t layer, std::size_t t) const {
    if (layer < layers_.size()) norm_stream(pass, layers_[layer].attn_norm, attn_needs_, t);
}

// Five phases: what a token needs before the next product is done by whoever completes it in the one before. With
// experts it is one more, for the choice of them; see moe.cpp.
void DecoderModel::run_layer(Pass& pass, std::size_t index) const {
    const DecoderLayer& l = layers_[index];
    const RunContext& run = pass.run;

    // Attention: normed input → q|k|v, rotated and stored → attended → output, added to the stream.
    const LinearInput in = pass.normed_input(spec_.embedding, pass.tokens);
    project_heads(pass, index, in);
    const LayerSpec& layer = spec_.layers[index];
    const AttentionSpec attn{spec_.heads, spec_.attention_scale, spec_.attention_softcap, layer.window,
                             l.sinks.empty() ? nullptr : l.sinks.data()};
    const LinearInput o_in = pass.inner_input(pass.attended, std::size_t{spec_.heads} * layer.value_dim);
    auto quantize = [&](std::size_t first, std::size_t end, std::size_t) {
        for (std::size_t t = first; t < end; ++t) quantize_token(run, o_in, l.output_needs, t);
    };
    attention(run, attn, index, pass.w.tokens, pass.qkv, qkv_row(spec_, layer).width, pass.attended,
              pass.w.partials.as<float>(), quantize);
    add_to_stream(pass, l.output, o_in, l.post_attention_norm,
                  [&](std::size_t t) { norm_stream(pass, l.ffn_norm, ffn_needs_, t); });

    // Feed-forward: down(glu(gate, up)), added to the stream.
    if (l.experts != nullptr) {
        auto complete = [&](std::size_t first, std::size_t end, std::size_t) {
            for (std::size_t t = first; t < end; ++t) {
                if (spec_.post_norms) add_normed(pass, l.post_ffn_norm, t);
                norm_for_layer(pass, index + 1, t);
            }
        };
        float* const stream = spec_.post_norms ? nullptr : pass.hidden;
        moe_feed_forward(run, spec_.moe, *l.experts, pass.w.experts, in, {pass.normed, stream, spec_.residual_scale},
                         complete);
        return;
    }
    const LinearInput down_in = pass.inner_input(pass.activated, layer.feed_forward);
    activate(pass, index, in, down_in);
    add_to_stream(pass, l.down, down_in, l.post_ffn_norm,
                  [&](std::size_t t) { norm_for_layer(pass, index + 1, t); });
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
    if (spec_.gate_in_up && f % kLanes != 0) {  // one panel holds the last rows of the gate and the first of up
        gate_up.add(l.up, pass.gate_up, 2 * f);
        const auto whole = [&](std::size_t t) {
            act(t, 0, f);
            quantize_token(run, down_in, l.down_needs, t);
        };
        gate_up.run(run, in, [](const LinearRun::Piece&, std::size_t) {}, pass.w.token_blocks, whole);
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

// q|k|v of every token; who has computed a head norms and rotates it, and stores its keys or values in the cache.
void DecoderModel::project_heads(Pass& pass, std::size_t index, const LinearInput& in) const {
    const DecoderLayer& l = layers_[index];
    const LayerSpec& layer = spec_.layers[index];
    const QkvRow row = qkv_row(spec_, layer);
    LinearRun qkv;
    if (l.qkv.empty()) {
        qkv.add(l.q, pass.qkv, row.width, layer.key_dim);
        qkv.add(l.k, pass.qkv + row.keys, row.width, layer.key_dim);
        qkv.add(l.v, pass.qkv + row.values, row.width, layer.value_dim);
    } else {
        // Chunks that end between heads, of keys and of values: one chunk where their widths have no such unit.
        const std::size_t unit = std::lcm(kLanes, std::size_t{layer.key_dim});
        const bool fits = layer.key_dim == layer.value_dim || (row.values % unit == 0 && unit % layer.value_dim == 0);
        qkv.add(l.qkv, pass.qkv, row.width, fits ? unit : l.qkv.rows());
    }
    if (spec_.qk_norm == QkNorm::projection) {  // which needs all heads before it can finish one
        const auto finish = [&](std::size_t t) {
            float* const q = pass.qkv + t * row.width;
            float* const k = q + row.keys;
            pass.run.kernels.rms_norm(q, l.q_norm.data(), spec_.norm_eps, row.keys, q);
            pass.run.kernels.rms_norm(k, l.k_norm.data(), spec_.norm_eps, row.values - row.keys, k);
            finish_heads(pass, index, t, 0, row.width);
        };
        qkv.run(pass.run, in, [](const LinearRun::Piece&, std::size_t) {}, pass.w.token_blocks, finish);
        return;
    }
    const std::size_t offsets[] = {0, row.keys, row.values};
    qkv.run(pass.run, in, [&](const LinearRun::Piece& p, std::size_t) {
        for (std::size_t t = 0; t < pass.tokens; ++t)
            finish_heads(pass, index, t, offsets[p.part] + p.first, offsets[p.part] + p.end);
    });
}

// Columns [first, end) of q|k|v of one token, whole heads.
void DecoderModel::finish_heads(Pass& pass, std::size_t index, std::size_t t, std::size_t first,
                                std::size_t end) const {
    const DecoderLayer& l = layers_[index];
    const LayerSpec& layer = spec_.layers[index];
    const QkvRow columns = qkv_row(spec_, layer);
    const KernelTable& k = pass.run.kernels;
    const RopeSpec& rope = spec_.rope_of(layer);
    const std::size_t half = rope.dims / 2, dim = layer.key_dim;
    const bool rotates = spec_.rotates(layer);
    const RopeFn rotate = rope.kind == RopeKind::adjacent ? k.rope_adjacent : k.rope_halves;
    const BatchToken& token = pass.w.tokens[t];
    const float* cos = angles(pass, t, layer.rotation);
    float* const row = pass.qkv + t * columns.width;
    std::size_t at = first;
    for (; at < std::min(end, columns.values); at += dim) {
        const bool query = at < columns.keys;
        float* const x = row + at;
        if (spec_.qk_norm == QkNorm::heads)
            k.rms_norm(x, (query ? l.q_norm : l.k_norm).data(), spec_.norm_eps, dim, x);
        if (rotates) rotate(x, cos, cos + half, half);
        if (!query)
            kv_store_key(*token.kv, index, (at - columns.keys) / dim, token.position, x, k);
        else if (spec_.query_temperature.beta != 0)
            k.scale(x, query_temperature(token.position), dim);
    }
    for (; at < end; at += layer.value_dim)
        kv_store_value(*token.kv, index, (at - columns.values) / layer.value_dim, token.position, row + at, k);
}

float DecoderModel::query_temperature(std::size_t position) const {
    const double steps = std::floor(static_cast<double>(position) / spec_.query_temperature.period);
    return static_cast<float>(1 + spec_.query_temperature.beta * det_log(1 + steps));
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
    output.run(pass.run, in, [&](const LinearRun::Piece& p, std::size_t) {
        for (std::size_t r = 0; r < rows.size(); ++r) {
            float* const y = logits + r * spec_.vocab + p.first;
            if (spec_.logit_divisor != 1) pass.run.kernels.scale(y, 1.0F / spec_.logit_divisor, p.end - p.first);
            if (spec_.logit_softcap != 0) pass.run.kernels.soft_cap(y, spec_.logit_softcap, p.end - p.first);
        }
    });
}

}  // namespace hearth
