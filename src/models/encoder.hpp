// The shared encoder: tensors of a file in their places, the loaded weights, and the one forward. A sequence is one
// pass; several share it without seeing each other. Nothing is kept from pass to pass.
#pragma once

#include <memory>
#include <vector>

#include "hearth/layers/linear.hpp"
#include "hearth/layers/moe.hpp"
#include "hearth/models/encoder_spec.hpp"
#include "hearth/models/model.hpp"
#include "models/experts.hpp"
#include "models/norms.hpp"
#include "models/pooling_head.hpp"

namespace hearth {

struct EncoderLayerTensors {
    NormInfo input_norm, attention_norm, attention_norm_2, ffn_norm, output_norm;
    MatrixInfo q, k, v, qkv;  // either q, k and v, or qkv with rows Q, K, V
    NormInfo q_norm, k_norm;
    MatrixInfo output;
    MatrixInfo gate, up, down;
    ExpertTensors experts;  // the gates of which are what is activated
    const TensorInfo* experts_bias = nullptr;  // [embedding], added to what they make together
};

struct EncoderTensors {
    const TensorInfo *embedding = nullptr, *types = nullptr, *positions = nullptr;
    NormInfo embedding_norm, final_norm;
    std::vector<EncoderLayerTensors> layers;
    HeadTensors head;

    template <class F>
    void each_matrix(F&& f) const {
        for (const EncoderLayerTensors& l : layers)
            for (const MatrixInfo* m : {&l.q, &l.k, &l.v, &l.qkv, &l.output, &l.gate, &l.up, &l.down})
                if (m->weight != nullptr) f(*m);
        head.each_matrix(f);
    }
};

struct EncoderLayer {
    Norm input_norm, attention_norm, attention_norm_2, ffn_norm, output_norm, q_norm, k_norm;
    Linear q, k, v, qkv, output, gate, up, down;
    std::unique_ptr<MoeWeights> experts;
    std::vector<float> experts_bias;
    ActivationNeeds input_needs, ffn_needs, output_needs, down_needs;
};

// Columns of a token's queries, keys and values.
struct EncoderColumns {
    std::size_t keys, values, width;
    explicit EncoderColumns(const EncoderSpec& s)
        : keys(std::size_t{s.heads} * s.head_dim),
          values(keys + std::size_t{s.kv_heads} * s.head_dim),
          width(values + std::size_t{s.kv_heads} * s.head_dim) {}
};

// Buffers of one pass by size; a formula both for planning and for allocating.
struct EncoderSizes {
    std::size_t pages, page_bytes;
    std::size_t hidden, normed, branch, columns, mixed, gate_up, activated, angles, normed_32, normed_256, inner_32,
        inner_256, partials, experts, head;
    EncoderSizes(const EncoderSpec& spec, const MoeForms& forms, std::size_t widest_head, const RunLimits& limits);
    std::uint64_t total(std::size_t workers, std::size_t scratch_bytes) const;
};

class EncoderModel final : public Model {
public:
    EncoderModel(EncoderSpec spec, EmbeddingInfo info) : spec_(std::move(spec)), info_(std::move(info)) {}
    Status load(LoadContext& context, const EncoderTensors& tensors, std::size_t scratch_bytes, const MoeForms& forms);

    Result<std::unique_ptr<Workspace>> make_workspace(const RunLimits& limits,
                                                      std::shared_ptr<Memory> memory) const override;
    std::uint64_t workspace_bytes(const RunLimits& limits) const override;
    Status forward(std::span<const SequenceBatch> batch, Workspace& workspace, const KernelTable& kernels,
                   Executor& executor, float* logits) const override;
    Status embed(std::span<const SequenceBatch> batch, Workspace& workspace, const KernelTable& kernels,
                 Executor& executor, float* rows) const override;
    void finish(Head head, const float* pooled, std::size_t count, Workspace& workspace, const KernelTable& kernels,
                Executor& executor, float* out) const override;

private:
    struct Pass;
    void begin(const Pass& pass, std::size_t token) const;
    void begin_layer(const Pass& pass, std::size_t layer, std::size_t token) const;
    void attend(const Pass& pass, std::size_t layer) const;
    void project(const Pass& pass, std::size_t layer) const;
    void finish_heads(const Pass& pass, std::size_t layer, std::size_t token, std::size_t first, std::size_t end) const;
    void end_attention(const Pass& pass, std::size_t layer, std::size_t token) const;
    void feed_forward(const Pass& pass, std::size_t layer) const;
    void activate(const Pass& pass, std::size_t layer, const LinearInput& down_in) const;
    void norm(const Pass& pass, const Norm& norm, const float* x, std::size_t n, float* y) const;
    template <class Then>
    void add_to_stream(const Pass& pass, const Linear& w, const LinearInput& in, Then&& then) const;

    EncoderSpec spec_;
    EmbeddingInfo info_;
    Linear embedding_, positions_;
    // [embedding], of every token, but those of a second text where the file has more than one
    std::vector<float> type_, second_type_;
    Norm embedding_norm_, final_norm_;
    std::vector<EncoderLayer> layers_;
    PoolingHead head_;
    KvLayout layout_;  // of one layer: its keys and values are read before the next writes its own
    std::vector<double> frequencies_, frequencies_local_;
    std::vector<float> slopes_;
    MoeForms moe_forms_;
    std::size_t scratch_bytes_ = 0, widest_head_ = 0;
};

}  // namespace hearth
