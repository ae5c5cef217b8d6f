// Gated short convolutions (LFM2): of three projections B, C and X of the stream, C times the convolution of B times X.
#include "models/mixer.hpp"

namespace hearth {

namespace {

struct Tensors final : MixerTensors {
    MatrixInfo input;  // rows B, C, X
    const TensorInfo* conv = nullptr;

    std::vector<MatrixInfo> matrices() const override { return {input}; }
    Result<std::unique_ptr<Mixer>> load(LoadContext& context, const DecoderSpec& spec,
                                        std::size_t layer) const override;
};

class ShortConv final : public Mixer {
public:
    ShortConv(const DecoderSpec& spec, std::size_t index) : spec_(spec), index_(index) {}

    Status load(LoadContext& context, const Tensors& t) {
        HEARTH_ASSIGN(input_, Linear::load(context, t.input.weight, t.input.bias, t.input.scale));
        HEARTH_ASSIGN(conv_, load_taps(context, t.conv));
        return {};
    }

    void add_needs(ActivationNeeds& needs) const override { needs.add(input_); }

    // One phase: who completes a block of channels convolves it.
    void run(const MixerPass& pass) const override {
        const std::size_t d = spec_.embedding, block = pass.out_needs.block();
        LinearRun product;
        product.add(input_, pass.columns, 3 * d);
        product.run(pass.run, pass.in, [&](const LinearRun::Piece& p, std::size_t) {
            for (std::size_t row = p.first, end = 0; row < p.end; row = end) {
                const std::size_t channel = row % d, from = channel / block * block, to = std::min(from + block, d);
                end = std::min(p.end, row - channel + to);
                if (pass.tally.add(from / block, end - row, 3 * (to - from))) convolve(pass, from, to);
            }
        });
    }

private:
    void convolve(const MixerPass& pass, std::size_t first, std::size_t last) const {
        const std::size_t d = spec_.embedding;
        pass.each_sequence(index_, [&](std::size_t begin, std::size_t end, float* state) {
            float* const row = pass.columns + begin * 3 * d + first;
            CausalConvArgs a{};
            a.x = row + 2 * d;
            a.in_gate = row;
            a.out_gate = row + d;
            a.stride = 3 * d;
            a.tokens = end - begin;
            a.weights = conv_.data() + first;
            a.state = state + first;
            a.row_stride = d;
            a.taps = spec_.short_conv_taps;
            a.channels = last - first;
            pass.run.kernels.causal_conv(a);
        });
        for (std::size_t t = 0; t < pass.tokens.size(); ++t) {
            std::copy_n(pass.columns + t * 3 * d + 2 * d + first, last - first, pass.mixed + t * d + first);
            quantize_values(pass.run, pass.out, pass.out_needs, t, first, last);
        }
    }

    const DecoderSpec& spec_;
    std::size_t index_;
    Linear input_;
    std::vector<float> conv_;  // [taps, embedding]
};

Result<std::unique_ptr<Mixer>> Tensors::load(LoadContext& context, const DecoderSpec& spec, std::size_t layer) const {
    auto mixer = std::make_unique<ShortConv>(spec, layer);
    HEARTH_TRY(mixer->load(context, *this));
    return std::unique_ptr<Mixer>(std::move(mixer));
}

}  // namespace

Result<std::unique_ptr<MixerTensors>> find_short_conv(TensorFinder& tensors, const DecoderSpec& spec,
                                                      std::size_t index) {
    auto out = std::make_unique<Tensors>();
    const std::string b = layer_prefix(spec, index) + "shortconv.";
    const std::uint64_t d = spec.embedding;
    HEARTH_ASSIGN(out->input, tensors.matrix(b + "in_proj", {d, 3 * d}));
    HEARTH_ASSIGN(out->conv, tensors.need(b + "conv.weight", {spec.short_conv_taps, d}));
    HEARTH_ASSIGN(out->output, tensors.matrix(b + "out_proj", {d, d}));
    return std::unique_ptr<MixerTensors>(std::move(out));
}

MixerSizes short_conv_sizes(const DecoderSpec& spec, const LayerSpec&, const RunLimits&) {
    MixerSizes z;
    z.columns = 3 * std::size_t{spec.embedding};
    z.mixed = spec.embedding;
    z.tallies = panels_of(spec.embedding);
    z.kv.state_floats = std::size_t{spec.short_conv_taps - 1} * spec.embedding;
    return z;
}

}  // namespace hearth
