// The shared decoder: tensors of a file in their places, the loaded weights, and the one forward.
#pragma once

#include <memory>
#include <vector>

#include "hearth/layers/linear.hpp"
#include "hearth/layers/moe.hpp"
#include "hearth/models/decoder_spec.hpp"
#include "hearth/models/model.hpp"
#include "models/experts.hpp"
#include "models/family.hpp"
#include "models/mixer.hpp"
#include "models/norms.hpp"
#include "models/pooling_head.hpp"

namespace hearth {

// Of what streams are mixed by, before a part of a layer or the output.
struct StreamMixTensors {
    MatrixInfo weights;  // {streams * embedding, outputs}
    const TensorInfo *base = nullptr, *scale = nullptr;
};

struct DecoderLayerTensors {
    NormInfo attn_norm;
    std::unique_ptr<MixerTensors> mixer;
    NormInfo post_attention_norm, ffn_norm, post_ffn_norm;
    MatrixInfo gate, up, down;  // gate empty when up holds both; all empty in a layer of experts alone
    ExpertTensors experts;
    NormInfo dense_post_norm, experts_norm, experts_post_norm;  // with both
    MatrixInfo input_gate, input_projection;                    // of the layer's own embedding
    NormInfo input_norm;
    const TensorInfo* scale = nullptr;
    MatrixInfo stream_router;  // with several streams
    const TensorInfo *stream_router_norm = nullptr, *predict = nullptr, *correct = nullptr, *correct_scale = nullptr;
    StreamMixTensors attention_mix, ffn_mix;  // with streams that are mixed
    MatrixInfo laurel_down, laurel_up;
    NormInfo laurel_norm;
};

struct DecoderTensors {
    const TensorInfo* embedding = nullptr;
    std::vector<DecoderLayerTensors> layers;
    NormInfo output_norm;
    MatrixInfo output;                            // empty when tied to the embedding
    const TensorInfo* layer_embedding = nullptr;  // a row: what every layer's own embedding holds of a token
    MatrixInfo layer_projection;
    const TensorInfo* layer_projection_norm = nullptr;
    MatrixInfo stream_split, stream_merge;  // a matrix for every stream but the first
    StreamMixTensors output_mix;
    HeadTensors head;
    MatrixInfo join;  // of a predictor: {2 * embedding, embedding}, for a token's embedding and a state, each normed
    NormInfo token_norm, state_norm;

    // Every matrix once, in file-independent order.
    template <class F>
    void each_matrix(F&& f) const {
        for (const DecoderLayerTensors& l : layers) {
            for (const MatrixInfo& m : l.mixer->matrices())
                if (m.weight != nullptr) f(m);
            const MatrixInfo& mixed = l.mixer->output;
            for (const MatrixInfo* m : {&mixed, &l.gate, &l.up, &l.down, &l.input_gate, &l.input_projection,
                                        &l.stream_router, &l.attention_mix.weights, &l.ffn_mix.weights, &l.laurel_down,
                                        &l.laurel_up})
                if (m->weight != nullptr) f(*m);
        }
        for (const MatrixInfo* m : {&layer_projection, &stream_split, &stream_merge, &output_mix.weights, &output, &join})
            if (m->weight != nullptr) f(*m);
        head.each_matrix(f);
    }
};

struct StreamMix {
    Linear weights;
    std::vector<float> base, scale;  // [outputs]; one for each kind of outputs
};

struct DecoderLayer {
    Norm attn_norm, post_attention_norm, ffn_norm, post_ffn_norm;
    std::unique_ptr<Mixer> mixer;
    Linear output, gate, up, down;
    std::unique_ptr<MoeWeights> experts;  // instead of gate, up and down, or beside them
    Norm router_norm, dense_post_norm, experts_norm, experts_post_norm;
    Linear input_gate, input_projection;
    Norm input_norm;
    float scale = 1;
    StreamMix attention_mix, ffn_mix;
    Linear stream_router, laurel_down, laurel_up;
    Norm stream_router_norm, laurel_norm;
    std::vector<float> predict, correct, correct_scale;  // [streams, streams, streams], [streams, streams], [embedding]
    ActivationNeeds output_needs, down_needs, input_needs, laurel_needs;
};

struct DecoderWorkspace;

class DecoderModel final : public Model {
public:
    DecoderModel(DecoderSpec spec, ModelInfo info) : spec_(std::move(spec)), info_(std::move(info)) {}
    // `of`: whose embedding and output it takes where the tensors have none; null: nobody's.
    Status load(LoadContext& context, const DecoderTensors& tensors, std::size_t scratch_bytes, const MoeForms& forms,
                const DecoderModel* of = nullptr);

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
    // The stream behind the last layer, for `rows` or logits: write(pass).
    template <class Write>
    Status run(std::span<const SequenceBatch> batch, Workspace& workspace, const KernelTable& kernels,
               Executor& executor, Write&& write) const;
    void embed(Pass& pass) const;
    void begin_layer(const Pass& pass, std::size_t layer, std::size_t token) const;
    void run_layer(Pass& pass, std::size_t layer) const;
    void feed_forward(Pass& pass, std::size_t layer) const;
    void add_experts_beside(Pass& pass, std::size_t layer) const;
    void after_feed_forward(const Pass& pass, std::size_t layer, std::size_t token) const;
    void end_layer(const Pass& pass, std::size_t layer, std::size_t token) const;
    // decoder_changes.cpp
    Status note_changes(std::span<const SequenceBatch> batch, DecoderWorkspace& workspace, Pass& pass) const;
    void steer(const Pass& pass, std::size_t layer, std::size_t token) const;
    void norm_token(const Pass& pass, const Norm& norm, const float* x, float* y) const;
    void norm_stream(const Pass& pass, const Norm& norm, ActivationNeeds needs, std::size_t token) const;
    void add_normed(const Pass& pass, const Norm& post, std::size_t token) const;
    template <class Then>
    void add_to_stream(Pass& pass, const Linear& w, const LinearInput& in, const Norm& post, Then&& then) const;
    // decoder_layer_embedding.cpp
    void embed_layers(Pass& pass) const;
    void add_layer_embedding(Pass& pass, std::size_t layer) const;
    // decoder_streams.cpp
    void split_streams(Pass& pass) const;
    void predict_streams(Pass& pass, const DecoderLayer& layer) const;
    void correct_streams(Pass& pass, std::size_t layer) const;
    void merge_streams(Pass& pass) const;
    void product_of(Pass& pass, const Linear& w, std::size_t matrix, const LinearInput& in, float* y) const;
    void laurel(Pass& pass, const DecoderLayer& layer, const LinearInput& in) const;
    // decoder_mixing.cpp
    void start_streams(const Pass& pass, std::size_t token) const;
    void read_streams(Pass& pass, const StreamMix& mix, const Norm& norm, ActivationNeeds needs) const;
    void write_streams(const Pass& pass, std::size_t token) const;
    void join_streams(Pass& pass) const;
    void weigh_streams(const Pass& pass, const StreamMix& mix, std::size_t token) const;
    void activate(Pass& pass, std::size_t layer, const LinearInput& in, const LinearInput& down_in) const;
    void write_logits(Pass& pass, float* logits) const;
    // decoder_states.cpp
    void note_inputs(std::span<const SequenceBatch> batch, DecoderWorkspace& workspace) const;
    void join_token(const Pass& pass, std::size_t token) const;
    void join_states(Pass& pass) const;
    void write_states(std::span<const SequenceBatch> batch, const Pass& pass) const;

    DecoderSpec spec_;
    ModelInfo info_;
    std::vector<double> frequencies_, frequencies_long_, frequencies_local_;
    Linear embedding_, output_;  // embedding_ doubles as output when tied
    Linear layer_embedding_, layer_projection_, stream_split_, stream_merge_;
    StreamMix output_mix_;
    std::vector<float> layer_projection_norm_;
    std::vector<DecoderLayer> layers_;
    Norm output_norm_, token_norm_, state_norm_;
    Linear join_;
    std::size_t scratch_bytes_ = 0;  // per worker
    std::size_t widest_head_ = 0;
    MoeForms moe_forms_;
    PoolingHead head_;
    ActivationNeeds attn_needs_, ffn_needs_, output_needs_, stream_needs_;
};

// Buffers of one pass by size; a formula both for planning and for allocating.
struct DecoderWorkspaceSizes {
    std::size_t tokens, feed_forward;  // of the widest dense layer
    std::size_t hidden, normed, branch, layer_inputs, streams, mix, columns, mixed, gate_up, activated, angles,
        normed_32, normed_256, inner_32, inner_256, streams_32, streams_256, partials, experts, head;
    std::size_t tallies;  // of mixers
    std::uint64_t total(std::size_t workers, std::size_t scratch_bytes) const;
};
DecoderWorkspaceSizes decoder_workspace_sizes(const DecoderSpec& spec, const MoeForms& forms, std::size_t widest_head,
                                              const RunLimits& limits);

}  // namespace hearth
