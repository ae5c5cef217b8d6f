// What adapters of sequences change in a pass, and directions that are added to the stream behind a layer (control
// vectors; Zou et al., "Representation Engineering", 2023).
#include <algorithm>

#include "models/decoder_pass.hpp"

namespace hearth {

Status DecoderModel::note_changes(std::span<const SequenceBatch> batch, DecoderWorkspace& w, Pass& pass) const {
    std::size_t stride = 0;
    w.sets.clear();
    w.states.clear();
    w.logit_sets.clear();
    for (const SequenceBatch& s : batch) {
        w.sets.insert(w.sets.end(), s.tokens.size(), s.adapters);
        w.states.insert(w.states.end(), s.tokens.size(), nullptr);
        if (!s.tokens.empty()) w.states.back() = s.layer_states;
        if (s.adapters != nullptr) stride = std::max(stride, s.adapters->width());
    }
    for (const std::uint32_t row : w.logit_rows) w.logit_sets.push_back(w.sets[row]);
    // Experts have a row for each token and expert.
    const std::size_t rows = w.sets.size() * (spec_.moe.experts != 0 ? spec_.moe.used + std::size_t{1} : 1);
    if (const std::size_t bytes = rows * stride * sizeof(float); w.changes.size() < bytes) {
        w.changes = Buffer();
        HEARTH_ASSIGN(w.changes, Buffer::make(w.memory, bytes, "the workspace of adapters"));
    }
    pass.change_stride = stride;
    pass.watched = true;
    return {};
}

// The stream of a token as it leaves a layer, with its directions; what it is then is kept for who asks.
void DecoderModel::steer(const Pass& pass, std::size_t layer, std::size_t t) const {
    const std::size_t d = spec_.embedding;
    float* const x = pass.hidden + t * d;
    if (const AdapterSet* set = pass.w.sets[t])
        for (const AdapterSet::Entry& e : set->entries)
            if (const float* direction = e.adapter->direction(layer))
                pass.run.kernels.add_scaled(direction, e.scale, d, x);
    if (float* const states = pass.w.states[t]) std::copy_n(x, d, states + layer * d);
}

}  // namespace hearth
