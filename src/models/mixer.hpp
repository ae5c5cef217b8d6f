// What stands where attention stands in a layer. It makes, of the normed stream and of what a sequence keeps of earlier
// tokens, the rows that the layer's output product reads. A kind is a file of its own and a line of mixers.inc.
#pragma once

#include <algorithm>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "hearth/layers/linear.hpp"
#include "hearth/models/decoder_spec.hpp"
#include "hearth/models/model.hpp"
#include "models/reader.hpp"

namespace hearth {

// What a layer's mixer takes; room is shared by the layers of a model.
struct MixerSizes {
    std::size_t columns = 0;   // floats of a token, between its phases
    std::size_t mixed = 0;     // floats of a token, for the output product
    std::size_t partials = 0;  // further floats of a pass
    std::size_t tallies = 0;   // counts
    std::size_t scratch = 0;   // bytes of a worker, beside what products need
    KvShape kv;                // what stays in the cache of a token; empty: nothing
    // Beside it, of several tokens each. In the cache they are a layer, with the number of their own behind those of all.
    KvShape rows;
};

// cos [dims / 2] of a token and then its sin, of the main rotation and of the local one behind it.
struct Angles {
    const float* values;
    std::size_t main, local;  // dims
    const float* of(std::size_t token, Rotation rotation) const {
        return values + token * (main + local) + (rotation == Rotation::local ? main : 0);
    }
};

// What a mixer sees of a pass.
struct MixerPass {
    const RunContext& run;
    std::span<const BatchToken> tokens;  // of all its sequences in order
    Angles angles;
    LinearInput in;   // the normed stream, in all forms that add_needs has asked for
    LinearInput out;  // out.f32 is `mixed`, whose other forms are the mixer's to fill in
    ActivationNeeds out_needs;
    float* columns;  // [tokens, MixerSizes::columns]
    float* mixed;    // [tokens, MixerSizes::mixed]
    float* partials;
    Tally& token_blocks;  // for products in blocks of tokens
    Tally& tally;         // [MixerSizes::tallies]

    // f(first, end, state) for the tokens of each sequence, and its state of a layer.
    template <class F>
    void each_sequence(std::size_t layer, F&& f) const {
        for (std::size_t first = 0, end = 0; first < tokens.size(); first = end) {
            while (end < tokens.size() && tokens[end].kv == tokens[first].kv) ++end;
            f(first, end, tokens[first].kv->states[layer]);
        }
    }
    // Columns [first, end) of `mixed` stand for all tokens: quantises those blocks that they complete. blocks: the
    // first of the tally's counts for them.
    void quantize_columns(std::size_t first, std::size_t end, std::size_t blocks) const {
        const std::size_t block = out_needs.block();
        for (std::size_t b = first / block; b * block < end; ++b) {
            const std::size_t from = b * block, to = std::min(from + block, out.k);
            if (!tally.add(blocks + b, std::min(end, to) - std::max(first, from), to - from)) continue;
            for (std::size_t t = 0; t < tokens.size(); ++t) quantize_values(run, out, out_needs, t, from, to);
        }
    }
    void quantize(std::size_t token) const { quantize_token(run, out, out_needs, token); }
};

// Of one layer, loaded; shared by concurrent passes.
class Mixer {
public:
    virtual ~Mixer() = default;
    // Adds the forms in which its products want the normed stream.
    virtual void add_needs(ActivationNeeds& needs) const = 0;
    // mixed [tokens, …], whose other forms are written by who completes it.
    virtual void run(const MixerPass& pass) const = 0;
};

// Of one layer, found in a file.
class MixerTensors {
public:
    MatrixInfo output;
    virtual ~MixerTensors() = default;
    virtual std::vector<MatrixInfo> matrices() const = 0;  // without `output`; absent ones have no weight
    // The spec outlives the mixer.
    virtual Result<std::unique_ptr<Mixer>> load(LoadContext& context, const DecoderSpec& spec,
                                                std::size_t layer) const = 0;
};

// What the names of a layer's tensors begin with.
inline std::string layer_prefix(const DecoderSpec& spec, std::size_t layer) { return cat("blk.", spec.first_layer + layer, "."); }
// What queries at a position are multiplied by.
float query_temperature(const DecoderSpec& spec, std::size_t position);

Result<std::unique_ptr<MixerTensors>> find_mixer(TensorFinder& tensors, const DecoderSpec& spec, std::size_t layer);
// Weights of a convolution {taps, channels} as [taps, channels]: channels beside each other.
Result<std::vector<float>> load_taps(LoadContext& context, const TensorInfo* info);
MixerSizes mixer_sizes(const DecoderSpec& spec, const LayerSpec& layer, const RunLimits& limits);

#define HEARTH_MIXER(kind)                                                                            \
    Result<std::unique_ptr<MixerTensors>> find_##kind(TensorFinder& tensors, const DecoderSpec& spec, \
                                                      std::size_t layer);                             \
    MixerSizes kind##_sizes(const DecoderSpec& spec, const LayerSpec& layer, const RunLimits& limits);
#include "models/mixers.inc"
#undef HEARTH_MIXER

}  // namespace hearth
