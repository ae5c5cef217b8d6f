// From a layer's kind of mixer to its file.
#include "models/mixer.hpp"

#include <cmath>

#include "hearth/base/math.hpp"

namespace hearth {

namespace {

struct Entry {
    MixerKind kind;
    Result<std::unique_ptr<MixerTensors>> (*find)(TensorFinder&, const DecoderSpec&, std::size_t);
    MixerSizes (*sizes)(const DecoderSpec&, const LayerSpec&, const RunLimits&);
};

constexpr Entry kMixers[] = {
#define HEARTH_MIXER(kind) {MixerKind::kind, find_##kind, kind##_sizes},
#include "models/mixers.inc"
#undef HEARTH_MIXER
};

constexpr bool in_order() {
    for (std::size_t i = 0; i < std::size(kMixers); ++i)
        if (kMixers[i].kind != static_cast<MixerKind>(i)) return false;
    return true;
}
static_assert(in_order());

const Entry& entry(const LayerSpec& layer) { return kMixers[static_cast<std::size_t>(layer.mixer)]; }

}  // namespace

float query_temperature(const DecoderSpec& spec, std::size_t position) {
    const auto& t = spec.query_temperature;
    const double steps = std::floor((static_cast<double>(position) + t.offset) / t.period);
    return static_cast<float>(1 + t.beta * det_log(1 + steps));
}

Result<std::unique_ptr<MixerTensors>> find_mixer(TensorFinder& tensors, const DecoderSpec& spec, std::size_t layer) {
    return entry(spec.layers[layer]).find(tensors, spec, layer);
}

MixerSizes mixer_sizes(const DecoderSpec& spec, const LayerSpec& layer, const RunLimits& limits) {
    return entry(layer).sizes(spec, layer, limits);
}

Result<std::vector<float>> load_taps(LoadContext& context, const TensorInfo* info) {
    HEARTH_ASSIGN(const std::vector<float> stored, load_vector(context, info));
    const auto taps = static_cast<std::size_t>(info->shape[0]), channels = stored.size() / taps;
    std::vector<float> out(stored.size());
    for (std::size_t c = 0; c < channels; ++c)
        for (std::size_t j = 0; j < taps; ++j) out[j * channels + c] = stored[c * taps + j];
    return out;
}

}  // namespace hearth
