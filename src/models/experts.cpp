#include "models/experts.hpp"

namespace hearth {

Result<ExpertTensors> find_experts(TensorFinder& tensors, const DecoderSpec& spec, const std::string& prefix) {
    const MoeSpec& m = spec.moe;
    const std::uint64_t d = spec.embedding, n = m.experts, f = m.feed_forward, shared = m.shared_feed_forward;
    ExpertTensors t;
    if (spec.experts_beside_dense) {
        HEARTH_ASSIGN(t.router.weight, tensors.need(prefix + "ffn_gate_inp.weight", {d, n}));
        HEARTH_ASSIGN(t.router_scale, tensors.need(prefix + "ffn_gate_inp.scale", {d}));
    } else {
        HEARTH_ASSIGN(t.router, tensors.matrix(prefix + "ffn_gate_inp", {d, n}));
    }
    HEARTH_ASSIGN(t.selection_bias, tensors.want(prefix + "exp_probs_b.bias", {n}));
    if (tensors.exists(prefix + "ffn_gate_up_exps.weight")) {
        HEARTH_ASSIGN(t.gate_up, tensors.matrix(prefix + "ffn_gate_up_exps", {d, 2 * f, n}));
    } else {
        HEARTH_ASSIGN(t.gate, tensors.matrix(prefix + "ffn_gate_exps", {d, f, n}));
        HEARTH_ASSIGN(t.up, tensors.matrix(prefix + "ffn_up_exps", {d, f, n}));
    }
    HEARTH_ASSIGN(t.down, tensors.matrix(prefix + "ffn_down_exps", {f, d, n}));
    if (m.weigh_inputs)  // products are weighed in place of inputs
        for (const MatrixInfo* matrix : {&t.gate, &t.up, &t.gate_up})
            if (matrix->bias != nullptr)
                return Status(Code::unsupported, cat("tensor '", matrix->bias->name, "' has no place in this architecture"));
    if (shared == 0) return t;
    if (m.shared_gated) {
        HEARTH_ASSIGN(t.shared_router, tensors.need(prefix + "ffn_gate_inp_shexp.weight", {d}));
    }
    HEARTH_ASSIGN(t.shared_gate, tensors.matrix(prefix + "ffn_gate_shexp", {d, shared}));
    HEARTH_ASSIGN(t.shared_up, tensors.matrix(prefix + "ffn_up_shexp", {d, shared}));
    HEARTH_ASSIGN(t.shared_down, tensors.matrix(prefix + "ffn_down_shexp", {shared, d}));
    return t;
}

Result<MoeWeights> load_experts(LoadContext& context, const ExpertTensors& t) {
    const auto matrix = [&](const MatrixInfo& m, std::size_t split = 1) {
        return Linear::load(context, m.weight, m.bias, m.scale, split);
    };
    MoeWeights w;
    HEARTH_ASSIGN(w.router, matrix(t.router));
    HEARTH_ASSIGN(w.selection_bias, load_vector(context, t.selection_bias));
    HEARTH_ASSIGN(w.gate, matrix(t.gate));
    HEARTH_ASSIGN(w.up, matrix(t.up));
    HEARTH_ASSIGN(w.gate_up, matrix(t.gate_up, 2));
    HEARTH_ASSIGN(w.down, matrix(t.down));
    HEARTH_ASSIGN(w.shared_router, Linear::load(context, t.shared_router));
    HEARTH_ASSIGN(w.shared_gate, matrix(t.shared_gate));
    HEARTH_ASSIGN(w.shared_up, matrix(t.shared_up));
    HEARTH_ASSIGN(w.shared_down, matrix(t.shared_down));
    return w;
}

std::uint64_t expert_memory_bytes(const ExpertTensors& tensors, const MatrixInfo& matrix) {
    return Linear::memory_bytes(matrix.weight, matrix.weight == tensors.gate_up.weight ? 2 : 1);
}

void add_forms(const ExpertTensors& t, MoeForms& forms) {
    for (const MatrixInfo* m : {&t.gate, &t.up, &t.gate_up})
        if (m->weight != nullptr) forms.gathered[static_cast<std::size_t>(Linear::activation(*m->weight))] = true;
    for (const MatrixInfo* m : {&t.down, &t.shared_down})
        if (m->weight != nullptr) forms.activated.add(Linear::activation(*m->weight));
}

}  // namespace hearth
