// Tensors of a layer's mixture of experts: found, checked, loaded.
#pragma once

#include "hearth/layers/moe.hpp"
#include "hearth/models/decoder_spec.hpp"
#include "models/reader.hpp"

namespace hearth {

struct ExpertTensors {
    MatrixInfo router;
    const TensorInfo* router_scale = nullptr;  // of the router's normed input, where that is another than the experts'
    const TensorInfo* selection_bias = nullptr;
    MatrixInfo gate, up, down;  // stacks of all experts
    MatrixInfo gate_up;         // instead of gate and up: rows of the gate, then of up, for each expert
    const TensorInfo* shared_router = nullptr;
    MatrixInfo shared_gate, shared_up, shared_down;
    const TensorInfo* by_token = nullptr;  // I32 {used, vocabulary}: which experts a token's id chooses

    template <class F>
    void each_matrix(F&& f) const {  // f(matrix, whether it is a stack of experts of which a token uses some)
        const MatrixInfo shared{shared_router, nullptr, nullptr};
        for (const MatrixInfo* m : {&gate, &up, &gate_up, &down})
            if (m->weight != nullptr) f(*m, true);
        for (const MatrixInfo* m : {&router, &shared, &shared_gate, &shared_up, &shared_down})
            if (m->weight != nullptr) f(*m, false);
    }
};

// The tensors of one layer, named `prefix` + "ffn_gate_inp" and so on; with a table in place of a selection bias where
// tokens choose by their ids.
Result<ExpertTensors> find_experts(TensorFinder& tensors, const DecoderSpec& spec, const std::string& prefix,
                                   bool by_token = false);
Result<MoeWeights> load_experts(LoadContext& context, const ExpertTensors& tensors);
std::uint64_t expert_memory_bytes(const ExpertTensors& tensors, const MatrixInfo& matrix);
void add_forms(const ExpertTensors& tensors, MoeForms& forms);

}  // namespace hearth
