// What stands behind pooling: the dense layers of an embedder, the scoring head of a reranker.
#pragma once

#include <vector>

#include "hearth/layers/linear.hpp"
#include "hearth/models/head_spec.hpp"
#include "hearth/models/model.hpp"
#include "models/reader.hpp"

namespace hearth {

// One layer: norm(activation(W x + b)).
struct HeadLayerTensors {
    MatrixInfo matrix;
    HeadActivation activation = HeadActivation::none;
    const TensorInfo* norm = nullptr;
};

struct HeadTensors {
    std::vector<HeadLayerTensors> projection, scores;

    template <class F>
    void each_matrix(F&& f) const {
        for (const auto* layers : {&projection, &scores})
            for (const HeadLayerTensors& l : *layers) f(l.matrix);
    }
};

// The layers that the file has of those that the spec allows, for states of `width`; fills in what info says of them:
// pooling, width, scores and labels.
Result<HeadTensors> find_head(const Hparams& h, TensorFinder& tensors, const HeadSpec& spec, std::uint32_t width,
                              EmbeddingInfo& info);

// Memory of a head while it runs, for some vectors at a time.
class HeadWorkspace {
public:
    static constexpr std::size_t kVectors = 64;
    static std::uint64_t bytes(std::size_t widest) {
        return kVectors * (2 * widest * sizeof(float) + activation_bytes(Activation::q8_32, widest) +
                           activation_bytes(Activation::q8_256, widest));
    }
    static Result<HeadWorkspace> make(const std::shared_ptr<Memory>& memory, std::size_t widest);

private:
    friend class PoolingHead;
    std::size_t widest_ = 0;
    Buffer memory_;
};

class PoolingHead {
public:
    static Result<PoolingHead> load(LoadContext& context, const HeadTensors& tensors, float norm_eps);
    // Values of its widest vector; 0 when it has no layers.
    static std::size_t widest(const HeadTensors& tensors);
    // pooled [count, width] through the layers of one head; without any they are copied.
    void run(const RunContext& run, Head head, const float* pooled, std::size_t count, std::size_t width,
             HeadWorkspace& workspace, float* out) const;

private:
    struct Layer {
        Linear matrix;
        HeadActivation activation;
        std::vector<float> norm;
        ActivationNeeds needs;
    };
    void run_layer(const RunContext& run, const Layer& layer, LinearInput& in, float* y) const;
    std::vector<Layer> projection_, scores_;
    float norm_eps_ = 0;
};

}  // namespace hearth
