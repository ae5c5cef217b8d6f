// Attention over the keys and values of a sequence: queries, keys and values projected, normed, rotated, stored.
#include <algorithm>
#include <numeric>

#include "hearth/base/math.hpp"
#include "models/mixer.hpp"

namespace hearth {

namespace {

// Columns of a token's queries, keys and values: where keys and values begin, and how many there are.
struct QkvRow {
    std::size_t query;  // of one head, with its gate
    std::size_t keys, values, width;
};
QkvRow qkv_row(const DecoderSpec& spec, const LayerSpec& layer) {
    const std::size_t kv_heads = layer.has_kv() ? layer.kv_heads : 0,
                      query = layer.key_dim + (spec.gated_queries ? layer.value_dim : 0), keys = spec.heads * query,
                      values = keys + kv_heads * layer.key_dim;
    return {query, keys, values, values + kv_heads * layer.value_dim};
}

struct Tensors final : MixerTensors {
    MatrixInfo q, k, v, qkv;  // either q, k and v, or qkv with rows Q, K, V
    const TensorInfo *q_norm = nullptr, *k_norm = nullptr, *sinks = nullptr;

    std::vector<MatrixInfo> matrices() const override { return {q, k, v, qkv}; }
    Result<std::unique_ptr<Mixer>> load(LoadContext& context, const DecoderSpec& spec,
                                        std::size_t layer) const override;
};

class Attention final : public Mixer {
public:
    Attention(const DecoderSpec& spec, std::size_t index)
        : spec_(spec), layer_(spec.layers[index]), index_(index), row_(qkv_row(spec, layer_)) {}

    Status load(LoadContext& context, const Tensors& t) {
        const auto matrix = [&](const MatrixInfo& m) { return Linear::load(context, m.weight, m.bias, m.scale); };
        HEARTH_ASSIGN(q_, matrix(t.q));
        HEARTH_ASSIGN(k_, matrix(t.k));
        HEARTH_ASSIGN(v_, matrix(t.v));
        HEARTH_ASSIGN(qkv_, matrix(t.qkv));
        HEARTH_ASSIGN(q_norm_, load_vector(context, t.q_norm));
        HEARTH_ASSIGN(k_norm_, load_vector(context, t.k_norm));
        HEARTH_ASSIGN(sinks_, load_vector(context, t.sinks));
        return {};
    }

    void add_needs(ActivationNeeds& needs) const override {
        for (const Linear* w : {&q_, &k_, &v_, &qkv_}) needs.add(*w);
    }

    void run(const MixerPass& pass) const override {
        project(pass);
        AttentionSpec attn{spec_.heads,
                           spec_.attention_scale,
                           spec_.attention_softcap,
                           layer_.window,
                           sinks_.empty() ? nullptr : sinks_.data(),
                           layer_.chunk,
                           row_.query};
        attn.both_ways = !spec_.causal;
        auto complete = [&](std::size_t first, std::size_t end, std::size_t) {
            for (std::size_t t = first; t < end; ++t) {
                if (spec_.gated_queries) gate(pass, t);
                pass.quantize(t);
            }
        };
        attention(pass.run, attn, layer_.has_kv() ? index_ : layer_.kv_layer, pass.tokens, pass.columns, row_.width,
                  pass.mixed, pass.partials, complete);
    }

private:
    void project(const MixerPass& pass) const;
    void gate(const MixerPass& pass, std::size_t token) const;
    void finish_heads(const MixerPass& pass, std::size_t token, std::size_t first, std::size_t end) const;

    const DecoderSpec& spec_;
    const LayerSpec& layer_;
    std::size_t index_;
    QkvRow row_;
    Linear q_, k_, v_, qkv_;
    std::vector<float> q_norm_, k_norm_, sinks_;
};

Result<std::unique_ptr<Mixer>> Tensors::load(LoadContext& context, const DecoderSpec& spec, std::size_t layer) const {
    auto mixer = std::make_unique<Attention>(spec, layer);
    HEARTH_TRY(mixer->load(context, *this));
    return std::unique_ptr<Mixer>(std::move(mixer));
}

// q|k|v of every token; who has computed a head norms and rotates it, and stores its keys or values in the cache.
void Attention::project(const MixerPass& pass) const {
    LinearRun qkv;
    if (qkv_.empty()) {
        qkv.add(q_, pass.columns, row_.width, row_.query);
        qkv.add(k_, pass.columns + row_.keys, row_.width, layer_.key_dim);
        qkv.add(v_, pass.columns + row_.values, row_.width, layer_.value_dim);
    } else {
        // Chunks that end between heads, of keys and of values: one chunk where their widths have no such unit.
        const std::size_t unit = std::lcm(kLanes, std::size_t{layer_.key_dim});
        const bool fits =
            layer_.key_dim == layer_.value_dim || (row_.values % unit == 0 && unit % layer_.value_dim == 0);
        qkv.add(qkv_, pass.columns, row_.width, fits ? unit : qkv_.rows());
    }
    if (spec_.qk_norm == QkNorm::projection) {  // which needs all heads before it can finish one
        const auto finish = [&](std::size_t t) {
            float* const q = pass.columns + t * row_.width;
            float* const k = q + row_.keys;
            pass.run.kernels.rms_norm(q, q_norm_.data(), spec_.norm_eps, row_.keys, q);
            pass.run.kernels.rms_norm(k, k_norm_.data(), spec_.norm_eps, row_.values - row_.keys, k);
            finish_heads(pass, t, 0, row_.width);
        };
        qkv.run(pass.run, pass.in, LinearRun::kNothing, pass.token_blocks, finish);
        return;
    }
    const std::size_t offsets[] = {0, row_.keys, row_.values};  // of the parts that there are
    qkv.run(pass.run, pass.in, [&](const LinearRun::Piece& p, std::size_t) {
        for (std::size_t t = 0; t < pass.tokens.size(); ++t)
            finish_heads(pass, t, offsets[p.part] + p.first, offsets[p.part] + p.end);
    });
}

// Columns [first, end) of q|k|v of one token, whole heads.
void Attention::finish_heads(const MixerPass& pass, std::size_t t, std::size_t first, std::size_t end) const {
    const KernelTable& k = pass.run.kernels;
    const RopeSpec& rope = spec_.rope_of(layer_);
    const std::size_t half = rope.dims / 2, dim = layer_.key_dim;
    const bool rotates = spec_.rotates(layer_);
    const RopeFn rotate = rope.kind == RopeKind::adjacent ? k.rope_adjacent : k.rope_halves;
    const BatchToken& token = pass.tokens[t];
    const float* cos = pass.angles.of(t, layer_.rotation);
    float* const row = pass.columns + t * row_.width;
    const bool keys_serve = v_.empty() && qkv_.empty();  // as values too
    const auto store_value = [&](std::size_t head, const float* x) {
        float* const normed = row + row_.values + head * layer_.value_dim;
        if (spec_.value_norm) k.rms_norm(x, nullptr, spec_.norm_eps, layer_.value_dim, normed);
        kv_store_value(*token.kv, index_, head, token.position, spec_.value_norm ? normed : x, k);
    };
    std::size_t at = first;
    while (at < std::min(end, row_.values)) {
        const bool query = at < row_.keys;
        float* const x = row + at;
        if (!query && keys_serve) store_value((at - row_.keys) / dim, x);
        if (spec_.qk_norm == QkNorm::heads) k.rms_norm(x, (query ? q_norm_ : k_norm_).data(), spec_.norm_eps, dim, x);
        if (rotates) rotate(x, cos, cos + half, half);
        if (rotates && spec_.qk_norm == QkNorm::rotated_heads) k.rms_norm(x, nullptr, spec_.norm_eps, dim, x);
        if (!query)
            kv_store_key(*token.kv, index_, (at - row_.keys) / dim, token.position, x, k);
        else if (layer_.tempered && spec_.query_temperature.beta != 0)
            k.scale(x, query_temperature(spec_, token.position), dim);
        at += query ? row_.query : dim;
    }
    for (; at < end; at += layer_.value_dim) store_value((at - row_.values) / layer_.value_dim, row + at);
}

// mixed *= sigmoid(gate) for each head.
void Attention::gate(const MixerPass& pass, std::size_t t) const {
    const std::size_t dim = layer_.value_dim;
    const float* const row = pass.columns + t * row_.width + layer_.key_dim;
    float* const y = pass.mixed + t * spec_.heads * dim;
    for (std::size_t h = 0; h < spec_.heads; ++h)
        pass.run.kernels.sigmoid_mul(row + h * row_.query, y + h * dim, dim, y + h * dim);
}

}  // namespace

Result<std::unique_ptr<MixerTensors>> find_attention(TensorFinder& tensors, const DecoderSpec& spec,
                                                     std::size_t index) {
    auto out = std::make_unique<Tensors>();
    const LayerSpec& layer = spec.layers[index];
    const std::string b = layer_prefix(spec, index);
    const QkvRow row = qkv_row(spec, layer);
    const std::uint64_t d = spec.embedding, q = row.keys, k = row.values - row.keys, v = row.width - row.values;
    if (!spec.gated_queries && tensors.exists(b + "attn_qkv.weight")) {
        HEARTH_ASSIGN(out->qkv, tensors.matrix(b + "attn_qkv", {d, q + k + v}));
    } else {
        HEARTH_ASSIGN(out->q, tensors.matrix(b + "attn_q", {d, q}));
        if (layer.has_kv()) {
            HEARTH_ASSIGN(out->k, tensors.matrix(b + "attn_k", {d, k}));
        } else {  // some files keep what was never trained
            for (const char* unused : {"attn_k.weight", "attn_v.weight", "attn_k_norm.weight"})
                tensors.ignore(b + unused);
        }
        const bool keys_serve = spec.keys_as_values && k == v && !tensors.exists(b + "attn_v.weight");
        if (layer.has_kv() && !keys_serve) {
            HEARTH_ASSIGN(out->v, tensors.matrix(b + "attn_v", {d, v}));
        }
    }
    if (spec.qk_norm == QkNorm::heads || spec.qk_norm == QkNorm::projection) {
        const bool all = spec.qk_norm == QkNorm::projection;
        HEARTH_ASSIGN(out->q_norm, tensors.need(b + "attn_q_norm.weight", {all ? q : layer.key_dim}));
        if (layer.has_kv()) {
            HEARTH_ASSIGN(out->k_norm, tensors.need(b + "attn_k_norm.weight", {all ? k : layer.key_dim}));
        }
    }
    if (spec.sinks) {
        HEARTH_ASSIGN(out->sinks, tensors.need(b + "attn_sinks.weight", {spec.heads}));
    }
    HEARTH_ASSIGN(out->output, tensors.matrix(b + "attn_output", {std::uint64_t{spec.heads} * layer.value_dim, d}));
    return std::unique_ptr<MixerTensors>(std::move(out));
}

MixerSizes attention_sizes(const DecoderSpec& spec, const LayerSpec& layer, const RunLimits& limits) {
    MixerSizes z;
    z.columns = qkv_row(spec, layer).width;
    z.mixed = std::size_t{spec.heads} * layer.value_dim;
    z.partials = attention_partials(limits.workers, limits.tokens, spec.heads / layer.kv_heads, layer.value_dim,
                                    limits.positions);
    z.scratch = attention_scratch(layer.key_dim);
    if (layer.has_kv()) z.kv = {layer.kv_heads, layer.key_dim, layer.value_dim};
    return z;
}

}  // namespace hearth
