// A decoder file's tensors: found, checked, planned for, loaded.
#include <algorithm>
#include <cmath>

#include "models/decoder.hpp"
#include "models/weight_account.hpp"

namespace hearth {

namespace {

class Finder {
public:
    Finder(TensorFinder& tensors, const DecoderSpec& spec) : t_(tensors), s_(spec) {}

    Result<DecoderTensors> all(const Hparams& h, EmbeddingInfo& info) {
        DecoderTensors out;
        HEARTH_ASSIGN(out.embedding, t_.need("token_embd.weight", {s_.embedding, s_.vocab}));
        for (std::size_t i = 0; i < s_.layers.size(); ++i) {
            HEARTH_ASSIGN(auto found, one(i));
            out.layers.push_back(std::move(found));
        }
        for (std::uint32_t i = 0; i < s_.extra_layers; ++i) t_.ignore_prefix(cat("blk.", s_.layers.size() + i, "."));
        HEARTH_ASSIGN(out.output_norm, norm(s_.output_norm));
        HEARTH_ASSIGN(out.output.weight, t_.want("output.weight", {s_.embedding, s_.vocab}));
        HEARTH_TRY(t_.extras(out.output, "output", {s_.embedding, s_.vocab}));  // the bias may come with a tied output too
        if (s_.layer_embedding != 0) {
            const std::uint64_t values = std::uint64_t{s_.layer_embedding} * s_.layers.size();
            HEARTH_ASSIGN(out.layer_embedding, t_.need("per_layer_token_embd.weight", {values, s_.vocab}));
            HEARTH_ASSIGN(out.layer_projection, matrix("per_layer_model_proj", s_.embedding, values));
            HEARTH_ASSIGN(out.layer_projection_norm, t_.need("per_layer_proj_norm.weight", {s_.layer_embedding}));
        }
        if (s_.mixes_streams()) {
            HEARTH_ASSIGN(out.output_mix, stream_mix("output_hc", s_.streams, 1));
        } else if (s_.streams != 1) {
            const std::uint64_t d = s_.embedding, others = s_.streams - 1;
            HEARTH_ASSIGN(out.stream_split, t_.matrix("altup_proj", {d, d, others}));
            HEARTH_ASSIGN(out.stream_merge, t_.matrix("altup_unembd_proj", {d, d, others}));
        }
        HEARTH_ASSIGN(out.head, find_head(h, t_, s_.head, s_.embedding, info));
        return out;
    }

    // Of a predictor, which may have an embedding, an output and a norm before it of its own.
    Result<DecoderTensors> predictor(const NormInfo& output_norm) {
        DecoderTensors out;
        const std::string b = layer_prefix(s_, 0) + "nextn.";
        HEARTH_ASSIGN(out.join, matrix(b + "eh_proj", std::uint64_t{s_.embedding} * 2, s_.embedding));
        HEARTH_ASSIGN(out.token_norm, norm(b + "enorm"));
        HEARTH_ASSIGN(out.state_norm, norm(b + "hnorm"));
        HEARTH_ASSIGN(out.embedding, t_.want(b + "embed_tokens.weight", {s_.embedding, s_.vocab}));
        HEARTH_ASSIGN(out.output.weight, t_.want(b + "shared_head_head.weight", {s_.embedding, s_.vocab}));
        if (out.output.weight != nullptr)
            HEARTH_TRY(t_.extras(out.output, b + "shared_head_head", {s_.embedding, s_.vocab}));
        out.output_norm = output_norm;
        if (t_.exists(b + "shared_head_norm.weight")) {
            HEARTH_ASSIGN(out.output_norm, norm(b + "shared_head_norm"));
        }
        HEARTH_ASSIGN(auto found, one(0));
        out.layers.push_back(std::move(found));
        HEARTH_TRY(t_.all_used(layer_prefix(s_, 0)));
        return out;
    }

private:
    Result<NormInfo> norm(const std::string& name) { return find_norm(t_, name, s_.embedding, s_.layer_norm); }

    Result<MatrixInfo> matrix(const std::string& name, std::uint64_t k, std::uint64_t rows) {
        return t_.matrix(name, {k, rows});
    }

    Result<StreamMixTensors> stream_mix(const std::string& name, std::uint64_t outputs, std::uint64_t kinds) {
        StreamMixTensors m;
        // Without a bias, which could not be told from that of the norm's input.
        HEARTH_ASSIGN(m.weights.weight, t_.need(name + "_fn.weight", {std::uint64_t{s_.streams} * s_.embedding, outputs}));
        HEARTH_ASSIGN(m.base, t_.need(name + "_base.weight", {outputs}));
        HEARTH_ASSIGN(m.scale, t_.need(name + "_scale.weight", {kinds}));
        return m;
    }

    Result<DecoderLayerTensors> one(std::size_t index) {
        const LayerSpec& layer = s_.layers[index];
        const std::string b = layer_prefix(s_, index);
        DecoderLayerTensors l;
        const std::uint64_t d = s_.embedding;
        if (s_.pre_norms) {
            HEARTH_ASSIGN(l.attn_norm, norm(b + "attn_norm"));
            HEARTH_ASSIGN(l.ffn_norm, norm(b + s_.ffn_norm));
        }
        HEARTH_ASSIGN(l.mixer, find_mixer(t_, s_, index));
        if (s_.post_norms) {
            HEARTH_ASSIGN(l.post_attention_norm, norm(b + "post_attention_norm"));
            HEARTH_ASSIGN(l.post_ffn_norm, norm(b + "post_ffw_norm"));
        }
        if (s_.layer_embedding != 0) {
            HEARTH_ASSIGN(l.input_gate, matrix(b + "inp_gate", d, s_.layer_embedding));
            HEARTH_ASSIGN(l.input_projection, matrix(b + "proj", s_.layer_embedding, d));
            HEARTH_ASSIGN(l.input_norm, norm(b + "post_norm"));
        }
        if (s_.mixes_streams()) {
            const std::uint64_t n = s_.streams;
            HEARTH_ASSIGN(l.attention_mix, stream_mix(b + "hc_attn", n * (n + 2), 3));
            HEARTH_ASSIGN(l.ffn_mix, stream_mix(b + "hc_ffn", n * (n + 2), 3));
        } else if (s_.streams != 1) {
            const std::uint64_t n = s_.streams;
            HEARTH_ASSIGN(l.stream_router, matrix(b + "altup_router", d, n));
            HEARTH_ASSIGN(l.stream_router_norm, t_.need(b + "altup_router_norm.weight", {d}));
            HEARTH_ASSIGN(l.predict, t_.need(b + "altup_predict_coef.weight", {n, n * n}));
            HEARTH_ASSIGN(l.correct, t_.need(b + "altup_correct_coef.weight", {n, n}));
            HEARTH_ASSIGN(l.correct_scale, t_.need(b + "altup_correct_scale.weight", {d}));
        }
        if (s_.laurel != 0) {
            HEARTH_ASSIGN(l.laurel_down, matrix(b + "laurel_l", d, s_.laurel));
            HEARTH_ASSIGN(l.laurel_up, matrix(b + "laurel_r", s_.laurel, d));
            HEARTH_ASSIGN(l.laurel_norm, norm(b + "laurel_post_norm"));
        }
        if (s_.layer_scales) {
            HEARTH_ASSIGN(l.scale, t_.want(b + "layer_output_scale.weight", {1}));
        }
        if (layer.experts) {
            HEARTH_ASSIGN(l.experts, find_experts(t_, s_, b, layer.chosen_by_token));
            if (!s_.experts_beside_dense) return l;
            HEARTH_ASSIGN(l.dense_post_norm, norm(b + "post_ffw_norm_1"));
            HEARTH_ASSIGN(l.experts_norm, norm(b + "pre_ffw_norm_2"));
            HEARTH_ASSIGN(l.experts_post_norm, norm(b + "post_ffw_norm_2"));
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
    DecoderBlueprint(DecoderSpec spec, DecoderTensors tensors, EmbeddingInfo embeddings, std::string architecture,
                     const TensorSource& source)
        : spec_(std::move(spec)), tensors_(std::move(tensors)), source_(source) {
        info_.architecture = std::move(architecture);
        info_.embeddings = std::move(embeddings);
        info_.embeddings.causal = info_.embeddings.logits = spec_.causal;
        info_.embeddings.layers_alone = std::ranges::all_of(spec_.layers, &LayerSpec::has_kv);
        widest_head_ = PoolingHead::widest(tensors_.head);
        info_.context = spec_.context;
        info_.long_context = spec_.rope_factors_long.empty() ? 0 : spec_.long_context;
        info_.vocab = spec_.vocab;
        info_.embedding = spec_.embedding;
        info_.one_stream = spec_.streams == 1;
        info_.predictors = spec_.extra_layers;
        info_.layers = static_cast<std::uint32_t>(spec_.layers.size());
        info_.heads = spec_.heads;
        info_.experts = spec_.moe.experts;
        info_.experts_used = spec_.moe.used;
        std::vector<KvShape> rows;
        for (const LayerSpec& l : spec_.layers) {
            const Reach reach{l.window, l.chunk};
            info_.kv_heads = std::max(info_.kv_heads, l.kv_heads);
            info_.feed_forward = std::max(info_.feed_forward, l.feed_forward);
            const MixerSizes sizes = mixer_sizes(spec_, l, {});
            info_.kv.push_back(sizes.kv);
            rows.push_back(sizes.rows);
            if (l.has_kv())
                info_.kv.back().reach = reach;
            else
                info_.kv[l.kv_layer].reach = info_.kv[l.kv_layer].reach | reach;
            scratch_bytes_ = std::max(scratch_bytes_, sizes.scratch);
        }
        if (std::ranges::any_of(rows, [](const KvShape& r) { return r.heads != 0; }))
            info_.kv.insert(info_.kv.end(), rows.begin(), rows.end());
        for (const TensorInfo& t : source.tensors()) info_.parameters += t.elements();
        WeightAccount account(tensors_, spec_.moe, spec_.embedding);
        // A token reads one row of an embedding, or all of it when it is the output too.
        if (tensors_.output.weight == nullptr) account.read += Linear::memory_bytes(tensors_.embedding);
        if (tensors_.embedding != nullptr) account.add(tensors_.embedding);
        if (tensors_.layer_embedding != nullptr) {
            account.add(tensors_.layer_embedding);
            scratch_bytes_ = std::max<std::size_t>(scratch_bytes_, tensors_.layer_embedding->shape[0] * sizeof(float));
        }
        scratch_bytes_ = std::max(scratch_bytes_, account.scratch);
        forms_ = account.forms;
        info_.weight_bytes = account.bytes;
        info_.decode_bytes = account.read;
    }

    std::uint64_t workspace_bytes(const RunLimits& limits) const override {
        return decoder_workspace_sizes(spec_, forms_, widest_head_, limits).total(limits.workers, scratch_bytes_);
    }

    Result<std::unique_ptr<Model>> load(LoadContext& context) const override {
        auto model = std::make_unique<DecoderModel>(spec_, info_);
        HEARTH_TRY(model->load(context, tensors_, scratch_bytes_, forms_));
        return std::unique_ptr<Model>(std::move(model));
    }

    // One more layer like the last, or, where that is recurrent, like those with attention.
    Result<std::unique_ptr<Blueprint>> predictor(std::uint32_t index) const override {
        if (index >= spec_.extra_layers || spec_.streams != 1) return Blueprint::predictor(index);
        DecoderSpec spec = spec_;
        spec.layers = {spec_.layers.back()};
        if (MixerKind& mixer = spec.layers[0].mixer; mixer != MixerKind::latent) mixer = MixerKind::attention;
        spec.first_layer = static_cast<std::uint32_t>(spec_.layers.size()) + index;
        spec.extra_layers = 0;
        spec.predicts = true;
        spec.head = {};
        TensorFinder finder(source_);
        HEARTH_ASSIGN(DecoderTensors found, Finder(finder, spec).predictor(tensors_.output_norm));
        auto blueprint = std::make_unique<DecoderBlueprint>(std::move(spec), std::move(found), info_.embeddings,
                                                            info_.architecture, source_);
        // What it shares needs some too.
        blueprint->scratch_bytes_ = std::max(blueprint->scratch_bytes_, scratch_bytes_);
        return std::unique_ptr<Blueprint>(std::move(blueprint));
    }

    Result<std::unique_ptr<Model>> load_beside(const Model& of, LoadContext& context) const override {
        auto model = std::make_unique<DecoderModel>(spec_, info_);
        HEARTH_TRY(model->load(context, tensors_, scratch_bytes_, forms_, &static_cast<const DecoderModel&>(of)));
        return std::unique_ptr<Model>(std::move(model));
    }

private:
    DecoderSpec spec_;
    DecoderTensors tensors_;
    const TensorSource& source_;
    std::size_t scratch_bytes_ = 0, widest_head_ = 0;
    MoeForms forms_;
};

}  // namespace

Result<std::unique_ptr<Blueprint>> make_decoder(const Hparams& h, TensorFinder& tensors, DecoderSpec spec) {
    if (!spec.causal && std::ranges::any_of(spec.layers, [](const LayerSpec& l) { return l.mixer != MixerKind::attention; }))
        return Status(Code::unsupported, cat("metadata key '", h.full("attention.causal"),
                                             "' is false, which layers without plain attention do not support"));
    for (std::size_t i = 0; i < spec.layers.size(); ++i)
        if ((!spec.layers[i].experts || spec.experts_beside_dense) && spec.layers[i].feed_forward == 0)
            return Status(Code::malformed, cat("metadata key '", h.full("feed_forward_length"), "' is missing: layer ", i,
                                               " has more than experts"));
    EmbeddingInfo info;
    HEARTH_ASSIGN(DecoderTensors found, Finder(tensors, spec).all(h, info));
    return std::unique_ptr<Blueprint>(std::make_unique<DecoderBlueprint>(
        std::move(spec), std::move(found), std::move(info), h.architecture(), tensors.source()));
}

Status DecoderModel::load(LoadContext& context, const DecoderTensors& tensors, std::size_t scratch_bytes,
                          const MoeForms& forms, const DecoderModel* of) {
    scratch_bytes_ = scratch_bytes;
    moe_forms_ = forms;
    frequencies_ = rope_frequencies(spec_.rope);
    frequencies_local_ = rope_frequencies(spec_.local_rope);
    if (!spec_.rope_factors_long.empty()) {
        RopeSpec far = spec_.rope;
        far.factors = spec_.rope_factors_long;
        frequencies_long_ = rope_frequencies(far);
    }
    auto norm = [&](const NormInfo& n) { return load_norm(context, n); };
    auto matrix = [&](const MatrixInfo& m) { return Linear::load(context, m.weight, m.bias, m.scale); };
    auto stream_mix = [&](const StreamMixTensors& t, StreamMix& m) -> Status {
        HEARTH_ASSIGN(m.weights, matrix(t.weights));
        HEARTH_ASSIGN(m.base, load_vector(context, t.base));
        HEARTH_ASSIGN(m.scale, load_vector(context, t.scale));
        stream_needs_.add(m.weights);
        return {};
    };
    using Use = LoadContext::Matrix::Use;
    const std::size_t first_matrix = context.matrices.size();
    const bool tied = tensors.output.weight == nullptr;
    HEARTH_ASSIGN(embedding_, Linear::load(context, tensors.embedding, tied ? tensors.output.bias : nullptr,
                                           tied ? tensors.output.scale : nullptr));
    if (tensors.embedding == nullptr && of != nullptr) embedding_ = of->embedding_;
    context.use_matrices(first_matrix, Use::rows);
    const std::size_t second_matrix = context.matrices.size();
    HEARTH_ASSIGN(layer_embedding_, Linear::load(context, tensors.layer_embedding));
    context.use_matrices(second_matrix, Use::fixed);
    HEARTH_ASSIGN(layer_projection_, matrix(tensors.layer_projection));
    HEARTH_ASSIGN(layer_projection_norm_, load_vector(context, tensors.layer_projection_norm));
    const std::size_t stream_matrix = context.matrices.size();
    HEARTH_ASSIGN(stream_split_, matrix(tensors.stream_split));
    HEARTH_ASSIGN(stream_merge_, matrix(tensors.stream_merge));
    context.use_matrices(stream_matrix, Use::fixed);
    for (const Linear* w : {&layer_projection_, &stream_split_, &stream_merge_}) stream_needs_.add(*w);
    HEARTH_TRY(stream_mix(tensors.output_mix, output_mix_));
    HEARTH_ASSIGN(join_, matrix(tensors.join));
    HEARTH_ASSIGN(token_norm_, norm(tensors.token_norm));
    HEARTH_ASSIGN(state_norm_, norm(tensors.state_norm));
    stream_needs_.add(join_);
    for (const DecoderLayerTensors& t : tensors.layers) {
        DecoderLayer l;
        HEARTH_ASSIGN(l.attn_norm, norm(t.attn_norm));
        HEARTH_ASSIGN(l.mixer, t.mixer->load(context, spec_, layers_.size()));
        HEARTH_ASSIGN(l.output, matrix(t.mixer->output));
        HEARTH_ASSIGN(l.post_attention_norm, norm(t.post_attention_norm));
        HEARTH_ASSIGN(l.ffn_norm, norm(t.ffn_norm));
        HEARTH_ASSIGN(l.post_ffn_norm, norm(t.post_ffn_norm));
        HEARTH_ASSIGN(l.gate, matrix(t.gate));
        HEARTH_ASSIGN(l.up, matrix(t.up));
        HEARTH_ASSIGN(l.down, matrix(t.down));
        l.mixer->add_needs(attn_needs_);
        l.output_needs.add(l.output);
        ffn_needs_.add(l.gate);
        ffn_needs_.add(l.up);
        l.down_needs.add(l.down);
        if (t.experts.router.weight != nullptr) {
            HEARTH_ASSIGN(auto experts, load_experts(context, t.experts));
            experts.limit = spec_.layers[layers_.size()].expert_limit;
            experts.shared_limit = spec_.layers[layers_.size()].shared_limit;
            for (const Linear* w : {&experts.router, &experts.gate, &experts.up, &experts.gate_up, &experts.shared_router,
                                    &experts.shared_gate, &experts.shared_up})
                ffn_needs_.add(*w);
            l.experts = std::make_unique<MoeWeights>(std::move(experts));
            HEARTH_ASSIGN(l.dense_post_norm, norm(t.dense_post_norm));
            HEARTH_ASSIGN(l.experts_norm, norm(t.experts_norm));
            HEARTH_ASSIGN(l.experts_post_norm, norm(t.experts_post_norm));
            HEARTH_ASSIGN(l.router_norm.weight, load_vector(context, t.experts.router_scale));
            const auto scale = static_cast<float>(1 / std::sqrt(static_cast<double>(spec_.embedding)));
            for (float& w : l.router_norm.weight) w *= scale;
        }
        HEARTH_ASSIGN(l.input_gate, matrix(t.input_gate));
        HEARTH_ASSIGN(l.input_projection, matrix(t.input_projection));
        HEARTH_ASSIGN(l.input_norm, norm(t.input_norm));
        stream_needs_.add(l.input_gate);
        l.input_needs.add(l.input_projection);
        HEARTH_TRY(stream_mix(t.attention_mix, l.attention_mix));
        HEARTH_TRY(stream_mix(t.ffn_mix, l.ffn_mix));
        HEARTH_ASSIGN(l.stream_router, matrix(t.stream_router));
        HEARTH_ASSIGN(l.stream_router_norm.weight, load_vector(context, t.stream_router_norm));
        for (float& w : l.stream_router_norm.weight) w /= static_cast<float>(spec_.embedding);
        HEARTH_ASSIGN(l.predict, load_vector(context, t.predict));
        HEARTH_ASSIGN(l.correct, load_vector(context, t.correct));
        HEARTH_ASSIGN(l.correct_scale, load_vector(context, t.correct_scale));
        HEARTH_ASSIGN(l.laurel_down, matrix(t.laurel_down));
        HEARTH_ASSIGN(l.laurel_up, matrix(t.laurel_up));
        HEARTH_ASSIGN(l.laurel_norm, norm(t.laurel_norm));
        stream_needs_.add(l.stream_router);
        attn_needs_.add(l.laurel_down);
        l.laurel_needs.add(l.laurel_up);
        HEARTH_ASSIGN(const std::vector<float> scale, load_vector(context, t.scale));
        if (!scale.empty()) l.scale = scale[0];
        layers_.push_back(std::move(l));
    }
    HEARTH_ASSIGN(output_norm_, norm(tensors.output_norm));
    HEARTH_ASSIGN(output_, matrix(tensors.output));
    if (output_.empty() && of != nullptr) output_ = of->output_.empty() ? of->embedding_ : of->output_;
    output_needs_.add(output_.empty() ? embedding_ : output_);
    widest_head_ = PoolingHead::widest(tensors.head);
    const std::size_t head_matrix = context.matrices.size();
    HEARTH_ASSIGN(head_, PoolingHead::load(context, tensors.head, spec_.norm_eps));
    context.use_matrices(head_matrix, Use::fixed);
    return {};
}

}  // namespace hearth
