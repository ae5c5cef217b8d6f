// States after the final norm, for who goes on from them; and how a predictor of further tokens begins with such a
// state and the token that followed it (DeepSeek-V3, 2024, section 2.2).
#include "models/decoder_pass.hpp"

namespace hearth {

void DecoderModel::note_inputs(std::span<const SequenceBatch> batch, DecoderWorkspace& w) const {
    w.inputs.clear();
    for (const SequenceBatch& s : batch)
        for (std::size_t i = 0; i < s.tokens.size(); ++i) w.inputs.push_back(s.inputs + i * spec_.embedding);
}

// The token's embedding stands in `hidden`: normed, and the normed state behind it.
void DecoderModel::join_token(const Pass& pass, std::size_t t) const {
    const std::size_t d = spec_.embedding;
    float* const row = pass.streams + t * 2 * d;
    norm_token(pass, token_norm_, pass.hidden + t * d, row);
    norm_token(pass, state_norm_, pass.w.inputs[t], row + d);
    quantize_token(pass.run, pass.mixed_input(2 * d), stream_needs_, t);
}

// hidden = what the layer begins with.
void DecoderModel::join_states(Pass& pass) const {
    LinearRun product;
    product.add(join_, pass.hidden, spec_.embedding);
    product.run(pass.run, pass.mixed_input(2 * std::size_t{spec_.embedding}), LinearRun::kNothing, pass.w.token_blocks,
                [&](std::size_t t) { begin_layer(pass, 0, t); });
}

void DecoderModel::write_states(std::span<const SequenceBatch> batch, const Pass& pass) const {
    const std::size_t d = spec_.embedding;
    std::size_t first = 0;
    for (const SequenceBatch& s : batch) {
        if (s.states != nullptr && s.states_from < s.tokens.size()) {
            const float* const from = pass.hidden + (first + s.states_from) * d;
            parallel_for(pass.run.executor, s.tokens.size() - s.states_from, [&](std::size_t i, std::size_t) {
                norm_token(pass, output_norm_, from + i * d, s.states + i * d);
            });
        }
        first += s.tokens.size();
    }
}

}  // namespace hearth
