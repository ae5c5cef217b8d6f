// The shared encoder from its tensors: found and checked without reading weights, then loaded.
#include <algorithm>
#include <cmath>

#include "hearth/base/math.hpp"
#include "models/encoder.hpp"
#include "models/encoder_family.hpp"
#include "models/weight_account.hpp"

namespace hearth {

namespace {

class Finder {
public:
    Finder(const Hparams& h, TensorFinder& tensors, const EncoderSpec& spec, EmbeddingInfo& info)
        : h_(h), t_(tensors), s_(spec), info_(info) {}

    Result<EncoderTensors> all() {
        EncoderTensors out;
        const std::uint64_t d = s_.embedding;
        HEARTH_ASSIGN(out.embedding, t_.need("token_embd.weight", {d, s_.vocab}));
        if (s_.positions) {
            HEARTH_ASSIGN(out.positions, t_.need("position_embd.weight", {d, s_.context}));
        }
        const TensorInfo* const types = t_.source().find("token_types.weight");
        if (s_.token_types && types != nullptr) {
            if (types->shape[1] == 0 || types->shape[1] > 65536)
                return Status(Code::malformed, cat("tensor 'token_types.weight' has shape ", shape_text(*types),
                                                   ", expected {", d, ", 1 to 65536}"));
            HEARTH_ASSIGN(out.types, t_.need("token_types.weight", {d, types->shape[1]}));
        }
        if (s_.embedding_norm) {
            HEARTH_ASSIGN(out.embedding_norm, norm("token_embd_norm", d));
        }
        for (std::size_t i = 0; i < s_.layers.size(); ++i) {
            HEARTH_ASSIGN(const auto layer, one(s_.layers[i], cat("blk.", i, ".")));
            out.layers.push_back(layer);
        }
        if (s_.final_norm != nullptr) {
            HEARTH_ASSIGN(out.final_norm, norm(s_.final_norm, d));
        }
        HEARTH_ASSIGN(out.head, find_head(h_, t_, s_.head, s_.embedding, info_));
        return out;
    }

private:
    Result<NormInfo> norm(const std::string& name, std::uint64_t n) { return find_norm(t_, name, n, s_.norm_bias); }

    Status attention(EncoderLayerTensors& l, const std::string& b) {
        const std::uint64_t d = s_.embedding, q = std::uint64_t{s_.heads} * s_.head_dim,
                            kv = std::uint64_t{s_.kv_heads} * s_.head_dim;
        if (t_.exists(b + "attn_qkv.weight")) {
            HEARTH_ASSIGN(l.qkv, t_.matrix(b + "attn_qkv", {d, q + 2 * kv}));
        } else {
            HEARTH_ASSIGN(l.q, t_.matrix(b + "attn_q", {d, q}));
            HEARTH_ASSIGN(l.k, t_.matrix(b + "attn_k", {d, kv}));
            HEARTH_ASSIGN(l.v, t_.matrix(b + "attn_v", {d, kv}));
        }
        if (s_.optional_norms && t_.exists(b + "attn_q_norm.weight")) {
            HEARTH_ASSIGN(l.q_norm, norm(b + "attn_q_norm", q));
            HEARTH_ASSIGN(l.k_norm, norm(b + "attn_k_norm", kv));
        }
        HEARTH_ASSIGN(l.output, t_.matrix(b + "attn_output", {q, d}));
        return {};
    }

    Status feed_forward(EncoderLayerTensors& l, const std::string& b) {
        using Form = EncoderSpec::FeedForward;
        const std::uint64_t d = s_.embedding, f = s_.feed_forward;
        if (s_.form == Form::gated) {
            HEARTH_ASSIGN(l.gate, t_.matrix(b + "ffn_gate", {d, f}));
        }
        HEARTH_ASSIGN(l.up, t_.matrix(b + "ffn_up", {d, s_.form == Form::gate_in_up ? 2 * f : f}));
        HEARTH_ASSIGN(l.down, t_.matrix(b + "ffn_down", {f, d}));
        return {};
    }

    Status experts(EncoderLayerTensors& l, const std::string& b) {
        const std::uint64_t d = s_.embedding, n = s_.moe.experts, f = s_.moe.feed_forward;
        HEARTH_ASSIGN(l.experts.router, t_.matrix(b + "ffn_gate_inp", {d, n}));
        HEARTH_ASSIGN(l.experts.gate, t_.matrix(b + "ffn_up_exps", {d, f, n}));
        HEARTH_ASSIGN(l.experts.down, t_.matrix(b + "ffn_down_exps", {f, d, n}));
        HEARTH_ASSIGN(l.experts_bias, t_.want(b + "ffn_exps_sum.bias", {d}));
        return {};
    }

    Result<EncoderLayerTensors> one(const EncoderLayerSpec& layer, const std::string& b) {
        EncoderLayerTensors l;
        const std::uint64_t d = s_.embedding;
        if (s_.pre_norm && layer.input_norm) {
            HEARTH_ASSIGN(l.input_norm, norm(b + "attn_norm", d));
        }
        HEARTH_TRY(attention(l, b));
        if (s_.pre_norm) {
            HEARTH_ASSIGN(l.ffn_norm, norm(b + "ffn_norm", d));
        } else {
            HEARTH_ASSIGN(l.attention_norm, norm(b + "attn_output_norm", d));
            if (s_.optional_norms && t_.exists(b + "attn_norm_2.weight")) {
                HEARTH_ASSIGN(l.attention_norm_2, norm(b + "attn_norm_2", d));
            }
            HEARTH_ASSIGN(l.output_norm, norm(b + "layer_output_norm", d));
        }
        if (layer.experts) {
            HEARTH_TRY(experts(l, b));
        } else {
            HEARTH_TRY(feed_forward(l, b));
        }
        return l;
    }

    const Hparams& h_;
    TensorFinder& t_;
    const EncoderSpec& s_;
    EmbeddingInfo& info_;
};

class EncoderBlueprint final : public Blueprint {
public:
    EncoderBlueprint(const Hparams& h, EncoderSpec spec, EncoderTensors tensors, EmbeddingInfo embeddings,
                     const TensorSource& source)
        : spec_(std::move(spec)), tensors_(std::move(tensors)) {
        info_.architecture = h.architecture();
        info_.context = spec_.context;
        info_.vocab = spec_.vocab;
        info_.embedding = spec_.embedding;
        info_.layers = static_cast<std::uint32_t>(spec_.layers.size());
        info_.heads = spec_.heads;
        info_.kv_heads = spec_.kv_heads;
        info_.feed_forward = spec_.feed_forward;
        info_.experts = spec_.moe.experts;
        info_.experts_used = spec_.moe.used;
        embeddings.causal = false;
        embeddings.logits = false;
        info_.embeddings = std::move(embeddings);
        for (const TensorInfo& t : source.tensors()) info_.parameters += t.elements();
        WeightAccount account(tensors_, spec_.moe, spec_.embedding);
        for (const TensorInfo* table : {tensors_.embedding, tensors_.positions})
            if (table != nullptr) account.add(table);
        forms_ = account.forms;
        info_.decode_bytes = account.read;
        info_.weight_bytes = account.bytes;
        scratch_bytes_ = std::max(attention_scratch(spec_.head_dim), account.scratch);
        widest_head_ = PoolingHead::widest(tensors_.head);
    }

    std::uint64_t workspace_bytes(const RunLimits& limits) const override {
        return EncoderSizes(spec_, forms_, widest_head_, limits).total(limits.workers, scratch_bytes_);
    }

    Result<std::unique_ptr<Model>> load(LoadContext& context) const override {
        auto model = std::make_unique<EncoderModel>(spec_, info_.embeddings);
        HEARTH_TRY(model->load(context, tensors_, scratch_bytes_, forms_));
        return std::unique_ptr<Model>(std::move(model));
    }

private:
    EncoderSpec spec_;
    EncoderTensors tensors_;
    MoeForms forms_;
    std::size_t scratch_bytes_ = 0, widest_head_ = 0;
};

// Slopes of heads (Press et al., "Train Short, Test Long", 2021): powers of 2^(-max / n) for the largest power of two n
// of heads, then every other power of its root.
std::vector<float> alibi_slopes(std::uint32_t heads, double max) {
    std::uint32_t n = 1;
    while (n * 2 <= heads) n *= 2;
    std::vector<float> slopes(heads);
    for (std::uint32_t i = 0; i < heads; ++i) {
        const double exponent = i < n ? max / n * (i + 1) : max / 2 / n * (2 * (i - n) + 1);
        slopes[i] = static_cast<float>(det_pow(2, -exponent));
    }
    return slopes;
}

}  // namespace

Result<std::unique_ptr<Blueprint>> make_encoder(const Hparams& h, TensorFinder& tensors, EncoderSpec spec) {
    EmbeddingInfo info;
    HEARTH_ASSIGN(EncoderTensors found, Finder(h, tensors, spec, info).all());
    return std::unique_ptr<Blueprint>(
        std::make_unique<EncoderBlueprint>(h, std::move(spec), std::move(found), std::move(info), tensors.source()));
}

Status EncoderModel::load(LoadContext& context, const EncoderTensors& tensors, std::size_t scratch_bytes,
                          const MoeForms& forms) {
    scratch_bytes_ = scratch_bytes;
    moe_forms_ = forms;
    widest_head_ = PoolingHead::widest(tensors.head);
    const KvShape shape{spec_.kv_heads, spec_.head_dim, spec_.head_dim};
    layout_ = KvLayout::make(KvType::f32, {&shape, 1});
    frequencies_ = rope_frequencies(spec_.rope);
    frequencies_local_ = rope_frequencies(spec_.local_rope);
    if (spec_.alibi > 0) slopes_ = alibi_slopes(spec_.heads, spec_.alibi);
    const auto load_matrix = [&](const MatrixInfo& m, Linear& to) -> Status {
        HEARTH_ASSIGN(to, Linear::load(context, m.weight, m.bias, m.scale));
        return {};
    };
    HEARTH_ASSIGN(embedding_, Linear::load(context, tensors.embedding));
    HEARTH_ASSIGN(positions_, Linear::load(context, tensors.positions));
    if (tensors.types != nullptr) {
        HEARTH_ASSIGN(type_, load_vector(context, tensors.types));
        const auto d = static_cast<std::ptrdiff_t>(spec_.embedding);
        if (tensors.types->shape[1] > 1) second_type_.assign(type_.begin() + d, type_.begin() + 2 * d);
        type_.resize(spec_.embedding);
    }
    HEARTH_ASSIGN(embedding_norm_, load_norm(context, tensors.embedding_norm));
    for (const EncoderLayerTensors& t : tensors.layers) {
        EncoderLayer l;
        const std::pair<const NormInfo*, Norm*> norms[] = {{&t.input_norm, &l.input_norm},
                                                           {&t.attention_norm, &l.attention_norm},
                                                           {&t.attention_norm_2, &l.attention_norm_2},
                                                           {&t.ffn_norm, &l.ffn_norm},
                                                           {&t.output_norm, &l.output_norm},
                                                           {&t.q_norm, &l.q_norm},
                                                           {&t.k_norm, &l.k_norm}};
        for (const auto& [from, to] : norms) {
            HEARTH_ASSIGN(*to, load_norm(context, *from));
        }
        const std::pair<const MatrixInfo*, Linear*> matrices[] = {
            {&t.q, &l.q},           {&t.k, &l.k},       {&t.v, &l.v},   {&t.qkv, &l.qkv},
            {&t.output, &l.output}, {&t.gate, &l.gate}, {&t.up, &l.up}, {&t.down, &l.down}};
        for (const auto& [from, to] : matrices) HEARTH_TRY(load_matrix(*from, *to));
        for (const Linear* w : {&l.q, &l.k, &l.v, &l.qkv}) l.input_needs.add(*w);
        for (const Linear* w : {&l.gate, &l.up}) l.ffn_needs.add(*w);
        l.output_needs.add(l.output);
        l.down_needs.add(l.down);
        if (t.experts.router.weight != nullptr) {
            HEARTH_ASSIGN(auto experts, load_experts(context, t.experts));
            for (const Linear* w : {&experts.router, &experts.gate}) l.ffn_needs.add(*w);
            l.experts = std::make_unique<MoeWeights>(std::move(experts));
            HEARTH_ASSIGN(l.experts_bias, load_vector(context, t.experts_bias));
        }
        layers_.push_back(std::move(l));
    }
    HEARTH_ASSIGN(final_norm_, load_norm(context, tensors.final_norm));
    HEARTH_ASSIGN(head_, PoolingHead::load(context, tensors.head, spec_.norm_eps));
    return {};
}

}  // namespace hearth
