#include "models/experts.hpp"

#include "hearth/codecs/codec.hpp"
#include "hearth/codecs/codec_id.hpp"

namespace hearth {

namespace {

// The ids of a table's experts, each of which there must be.
Result<std::vector<std::uint16_t>> load_table(LoadContext& context, const TensorInfo& info, std::size_t experts) {
    HEARTH_ASSIGN(const std::vector<float> values, load_vector(context, &info));
    std::vector<std::uint16_t> table(values.size());
    for (std::size_t i = 0; i < values.size(); ++i) {
        if (!(values[i] >= 0 && values[i] < static_cast<float>(experts)))
            return Status(Code::malformed, cat("tensor '", info.name, "' entry ", i, " is ", values[i], ", expected 0 to ",
                                               experts - 1));
        table[i] = static_cast<std::uint16_t>(values[i]);
    }
    return table;
}

}  // namespace

Result<ExpertTensors> find_experts(TensorFinder& tensors, const DecoderSpec& spec, const std::string& prefix,
                                   bool by_token) {
    const MoeSpec& m = spec.moe;
    const std::uint64_t d = spec.embedding, n = m.experts, f = m.feed_forward, shared = m.shared_feed_forward;
    ExpertTensors t;
    if (spec.experts_beside_dense) {
        HEARTH_ASSIGN(t.router.weight, tensors.need(prefix + "ffn_gate_inp.weight", {d, n}));
        HEARTH_ASSIGN(t.router_scale, tensors.need(prefix + "ffn_gate_inp.scale", {d}));
    } else {
        HEARTH_ASSIGN(t.router, tensors.matrix(prefix + "ffn_gate_inp", {d, n}));
    }
    if (by_token) {
        HEARTH_ASSIGN(t.by_token, tensors.need(prefix + "ffn_gate_tid2eid.weight", {m.used, spec.vocab}));
        if (t.by_token->type != codec_id::I32)
            return Status(Code::malformed, cat("tensor '", t.by_token->name, "' has type ",
                                               find_codec(t.by_token->type)->name, ", expected I32"));
    } else {
        HEARTH_ASSIGN(t.selection_bias, tensors.want(prefix + "exp_probs_b.bias", {n}));
    }
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
    if (t.by_token != nullptr) {
        HEARTH_ASSIGN(w.by_token, load_table(context, *t.by_token, w.router.rows()));
    }
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
