// A decoder file's tensors: found, checked, planned for, loaded.
#include <algorithm>

#include "models/decoder.hpp"

namespace hearth {

namespace {

class Finder {
public:
    Finder(TensorFinder& tensors, const DecoderSpec& spec) : t_(tensors), s_(spec) {}

    Result<DecoderTensors> all() {
        DecoderTensors out;
        HEARTH_ASSIGN(out.embedding, t_.need("token_embd.weight", {s_.embedding, s_.vocab}));
        for (const LayerSpec& layer : s_.layers) {
            HEARTH_ASSIGN(auto found, one(cat("blk.", out.layers.size(), "."), layer));
            out.layers.push_back(found);
        }
        for (std::uint32_t i = 0; i < s_.extra_layers; ++i) t_.ignore_prefix(cat("blk.", s_.layers.size() + i, "."));
        HEARTH_ASSIGN(out.output_norm, norm("output_norm"));
        HEARTH_ASSIGN(out.output.weight, t_.want("output.weight", {s_.embedding, s_.vocab}));
        HEARTH_TRY(t_.extras(out.output, "output", {s_.embedding, s_.vocab}));  // the bias may come with a tied output too
        return out;
    }

private:
    Result<NormInfo> norm(const std::string& name) {
        NormInfo n;
        HEARTH_ASSIGN(n.weight, t_.need(name + ".weight", {s_.embedding}));
        if (s_.norm_bias) {
            HEARTH_ASSIGN(n.bias, t_.need(name + ".bias", {s_.embedding}));
        }
        return n;
    }

    Result<MatrixInfo> matrix(const std::string& name, std::uint64_t k, std::uint64_t rows) {
        return t_.matrix(name, {k, rows});
    }

    Result<DecoderLayerTensors> one(const std::string& b, const LayerSpec& layer) {
        DecoderLayerTensors l;
        const QkvRow row = qkv_row(s_, layer);
        const std::uint64_t d = s_.embedding, q = row.keys, k = row.values - row.keys, v = row.width - row.values;
        HEARTH_ASSIGN(l.attn_norm, norm(b + "attn_norm"));
        if (t_.exists(b + "attn_qkv.weight")) {
            HEARTH_ASSIGN(l.qkv, matrix(b + "attn_qkv", d, q + k + v));
        } else {
            HEARTH_ASSIGN(l.q, matrix(b + "attn_q", d, q));
            HEARTH_ASSIGN(l.k, matrix(b + "attn_k", d, k));
            HEARTH_ASSIGN(l.v, matrix(b + "attn_v", d, v));
        }
        if (s_.qk_norm != QkNorm::none) {
            const bool all = s_.qk_norm == QkNorm::projection;
            HEARTH_ASSIGN(l.q_norm, t_.need(b + "attn_q_norm.weight", {all ? q : layer.key_dim}));
            HEARTH_ASSIGN(l.k_norm, t_.need(b + "attn_k_norm.weight", {all ? k : layer.key_dim}));
        }
        if (s_.sinks) {
            HEARTH_ASSIGN(l.sinks, t_.need(b + "attn_sinks.weight", {s_.heads}));
        }
        HEARTH_ASSIGN(l.output, matrix(b + "attn_output", std::uint64_t{s_.heads} * layer.value_dim, d));
        HEARTH_ASSIGN(l.ffn_norm, norm(b + s_.ffn_norm));
        if (s_.post_norms) {
            HEARTH_ASSIGN(l.post_attention_norm, norm(b + "post_attention_norm"));
            HEARTH_ASSIGN(l.post_ffn_norm, norm(b + "post_ffw_norm"));
        }
        if (layer.experts) {
            HEARTH_ASSIGN(l.experts, find_experts(t_, s_, b));
            return l;
        }
        if (s_.gate_in_up) {
            HEARTH_ASSIGN(l.up, matrix(b + "ffn_up", d, std::uint64_t{layer.feed_forward} * 2));
        } else {
            HEARTH_ASSIGN(l.gate, matrix(b + "ffn_gate", d, layer.feed_forward));
            HEARTH_ASSIGN(l.up, matrix(b + "ffn_up", d, layer.feed_forward));
        }
        HEARTH_ASSIGN(l.down, matrix(b + "ffn_down", layer.feed_forward, d));
        return l;
    }

    TensorFinder& t_;
    const DecoderSpec& s_;
};

class DecoderBlueprint final : public Blueprint {
public:
    DecoderBlueprint(DecoderSpec spec, DecoderTensors tensors, std::string architecture, const TensorSource& source)
        : spec_(std::move(spec)), tensors_(std::move(tensors)) {
        info_.architecture = std::move(architecture);
        info_.context = spec_.context;
        info_.vocab = spec_.vocab;
        info_.embedding = spec_.embedding;
        info_.layers = static_cast<std::uint32_t>(spec_.layers.size());
        info_.heads = spec_.heads;
        info_.experts = spec_.moe.experts;
        info_.experts_used = spec_.moe.used;
        for (const LayerSpec& l : spec_.layers) {
            info_.kv_heads = std::max(info_.kv_heads, l.kv_heads);
            info_.feed_forward = std::max(info_.feed_forward, l.feed_forward);
            info_.kv.push_back({l.kv_heads, l.key_dim, l.value_dim});
            scratch_bytes_ = std::max(scratch_bytes_, attention_scratch(l.key_dim));
        }
        for (const TensorInfo& t : source.tensors()) info_.parameters += t.elements();
        std::uint64_t matrices = 0;
        auto count = [&](const TensorInfo* weight) {
            matrices += Linear::memory_bytes(weight);
            scratch_bytes_ = std::max<std::size_t>(scratch_bytes_, Linear::scratch_bytes(weight));
        };
        tensors_.each_matrix([&](const MatrixInfo& m) { count(m.weight); });
        for (const DecoderLayerTensors& l : tensors_.layers) add_forms(l.experts, forms_);
        const std::size_t moe_scratch = spec_.moe.experts == 0 ? 0 : moe_scratch_bytes(forms_, spec_.embedding);
        std::uint64_t unused = 0;  // by a token: experts that it does not choose
        for (const DecoderLayerTensors& l : tensors_.layers) {
            l.experts.each_matrix([&](const MatrixInfo& m, bool stack) {
                const std::uint64_t bytes = expert_memory_bytes(l.experts, m);
                matrices += bytes;
                if (stack) unused += bytes / spec_.moe.experts * (spec_.moe.experts - spec_.moe.used);
                scratch_bytes_ = std::max<std::size_t>(scratch_bytes_, moe_scratch + Linear::scratch_bytes(m.weight));
            });
        }
        const std::uint64_t inner = matrices;
        count(tensors_.embedding);
        info_.weight_bytes = matrices;
        // A token reads one row of the embedding, or all of it when it is the output too.
        info_.decode_bytes = (tensors_.output.weight == nullptr ? matrices : inner) - unused;
    }

    std::uint64_t workspace_bytes(const RunLimits& limits) const override {
        return decoder_workspace_sizes(spec_, forms_, limits).total(limits.workers, scratch_bytes_);
    }

    Result<std::unique_ptr<Model>> load(LoadContext& context) const override {
        auto model = std::make_unique<DecoderModel>(spec_, info_);
        HEARTH_TRY(model->load(context, tensors_, scratch_bytes_, forms_));
        return std::unique_ptr<Model>(std::move(model));
    }

private:
    DecoderSpec spec_;
    DecoderTensors tensors_;
    std::size_t scratch_bytes_ = 0;
    MoeForms forms_;
};

}  // namespace

Result<std::unique_ptr<Blueprint>> make_decoder(const Hparams& h, TensorFinder& tensors, DecoderSpec spec) {
    HEARTH_ASSIGN(DecoderTensors found, Finder(tensors, spec).all());
    return std::unique_ptr<Blueprint>(
        std::make_unique<DecoderBlueprint>(std::move(spec), std::move(found), h.architecture(), tensors.source()));
}

Status DecoderModel::load(LoadContext& context, const DecoderTensors& tensors, std::size_t scratch_bytes,
                          const MoeForms& forms) {
    scratch_bytes_ = scratch_bytes;
    moe_forms_ = forms;
    frequencies_ = rope_frequencies(spec_.rope);
    frequencies_local_ = rope_frequencies(spec_.local_rope);
    if (!spec_.rope_factors_long.empty()) {
        RopeSpec far = spec_.rope;
        far.factors = spec_.rope_factors_long;
        frequencies_long_ = rope_frequencies(far);
    }
    auto norm = [&](const NormInfo& n) -> Result<Norm> {
        Norm loaded;
        HEARTH_ASSIGN(loaded.weight, load_vector(context, n.weight));
        HEARTH_ASSIGN(loaded.bias, load_vector(context, n.bias));
        return loaded;
    };
    auto matrix = [&](const MatrixInfo& m) { return Linear::load(context, m.weight, m.bias, m.scale); };
    const bool tied = tensors.output.weight == nullptr;
    HEARTH_ASSIGN(embedding_, Linear::load(context, tensors.embedding, tied ? tensors.output.bias : nullptr,
                                           tied ? tensors.output.scale : nullptr));
    for (const DecoderLayerTensors& t : tensors.layers) {
        DecoderLayer l;
        HEARTH_ASSIGN(l.attn_norm, norm(t.attn_norm));
        HEARTH_ASSIGN(l.q, matrix(t.q));
        HEARTH_ASSIGN(l.k, matrix(t.k));
        HEARTH_ASSIGN(l.v, matrix(t.v));
        HEARTH_ASSIGN(l.qkv, matrix(t.qkv));
        HEARTH_ASSIGN(l.q_norm, load_vector(context, t.q_norm));
        HEARTH_ASSIGN(l.k_norm, load_vector(context, t.k_norm));
        HEARTH_ASSIGN(l.output, matrix(t.output));
        HEARTH_ASSIGN(l.sinks, load_vector(context, t.sinks));
        HEARTH_ASSIGN(l.post_attention_norm, norm(t.post_attention_norm));
        HEARTH_ASSIGN(l.ffn_norm, norm(t.ffn_norm));
        HEARTH_ASSIGN(l.post_ffn_norm, norm(t.post_ffn_norm));
        HEARTH_ASSIGN(l.gate, matrix(t.gate));
        HEARTH_ASSIGN(l.up, matrix(t.up));
        HEARTH_ASSIGN(l.down, matrix(t.down));
        for (const Linear* w : {&l.q, &l.k, &l.v, &l.qkv}) attn_needs_.add(*w);
        l.output_needs.add(l.output);
        ffn_needs_.add(l.gate);
        ffn_needs_.add(l.up);
        l.down_needs.add(l.down);
        if (t.experts.router.weight != nullptr) {
            HEARTH_ASSIGN(auto experts, load_experts(context, t.experts));
            for (const Linear* w : {&experts.router, &experts.gate, &experts.up, &experts.gate_up, &experts.shared_router,
                                    &experts.shared_gate, &experts.shared_up})
                ffn_needs_.add(*w);
            l.experts = std::make_unique<MoeWeights>(std::move(experts));
        }
        layers_.push_back(std::move(l));
    }
    HEARTH_ASSIGN(output_norm_, norm(tensors.output_norm));
    HEARTH_ASSIGN(output_, matrix(tensors.output));
    output_needs_.add(output_.empty() ? embedding_ : output_);
    return {};
}

}  // namespace hearth
