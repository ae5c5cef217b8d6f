// Gated delta rule (Yang et al., "Gated Delta Networks", 2024) as in Qwen3-Next: projections that pass a short
// convolution, a matrix for each head as state, outputs that are normed and gated.
#include <cmath>

#include "models/mixer.hpp"

namespace hearth {

namespace {

constexpr float kNormEps = 1e-6F;  // of queries and keys, added to the sum of their squares; no file says it
constexpr std::size_t kColumns = 2 * kStatePanel;  // of a head's state that are one piece of work
constexpr std::size_t kTokens = 64;                // whose gates are computed at a time

// How a token's columns lie: heads of head_dim, then the gates of the rule. Files hold all heads of queries, of keys,
// of values and of output gates one after the other, or, for each head of keys, one query, the key, its values and
// their output gates.
struct Columns {
    enum class Kind { query, key, value, gate };
    struct Head {
        Kind kind;
        std::size_t channel;  // of the convolution
    };
    std::size_t channels, width;
    std::vector<Head> heads;                    // by place
    std::vector<std::size_t> q, k, v, z, a, b;  // columns for each head of values

    Columns(const DeltaSpec& s, bool joint, bool paired_gates)
        : channels((2 * std::size_t{s.key_heads} + s.value_heads) * s.head_dim),
          width(channels + (std::size_t{s.head_dim} + 2) * s.value_heads),
          heads(2 * (s.key_heads + s.value_heads)) {
        const std::size_t n = s.key_heads, dim = s.head_dim, each = s.value_heads / n,
                          gates = width - 2 * s.value_heads;
        const std::size_t step = 2 + 2 * each;
        const auto place = [&](std::size_t at, Kind kind, std::size_t channel) {
            heads[at] = {kind, channel * dim};
            return at * dim;
        };
        for (std::size_t h = 0; h < s.value_heads; ++h) {
            const std::size_t key = s.tiled ? h % n : h / each, in_key = h % each;
            q.push_back(place(joint ? key * step : key, Kind::query, key));
            k.push_back(place(joint ? key * step + 1 : n + key, Kind::key, n + key));
            v.push_back(place(joint ? key * step + 2 + in_key : 2 * n + h, Kind::value, 2 * n + h));
            z.push_back(place(joint ? key * step + 2 + each + in_key : 2 * n + s.value_heads + h, Kind::gate, 0));
            b.push_back(gates + (paired_gates ? key * 2 * each + in_key : h));
            a.push_back(gates + (paired_gates ? key * 2 * each + each + in_key : s.value_heads + h));
        }
    }
};

std::size_t conv_floats(const DeltaSpec& s) {
    const std::size_t channels = (2 * std::size_t{s.key_heads} + s.value_heads) * s.head_dim;
    return ((s.taps - 1) * channels + kLanes - 1) / kLanes * kLanes;
}
std::size_t head_floats(const DeltaSpec& s) {
    return (s.head_dim + kStatePanel - 1) / kStatePanel * kStatePanel * s.head_dim;
}

struct Tensors final : MixerTensors {
    MatrixInfo qkv, gate;    // or, without gate, all of it in qkv
    MatrixInfo beta, alpha;  // or, without alpha, both in beta: those of each head of keys together
    const TensorInfo *conv = nullptr, *bias = nullptr, *rate = nullptr, *norm = nullptr;

    std::vector<MatrixInfo> matrices() const override { return {qkv, gate, beta, alpha}; }
    Result<std::unique_ptr<Mixer>> load(LoadContext& context, const DecoderSpec& spec,
                                        std::size_t layer) const override;
};

class GatedDelta final : public Mixer {
public:
    GatedDelta(const DecoderSpec& spec, std::size_t index, const Tensors& t)
        : spec_(spec),
          s_(spec.delta),
          index_(index),
          at_(s_, t.gate.weight == nullptr, t.alpha.weight == nullptr),
          query_scale_(s_.head_dim, 1 / static_cast<float>(s_.head_dim)),
          key_scale_(s_.head_dim, static_cast<float>(1 / std::sqrt(static_cast<double>(s_.head_dim)))) {}

    Status load(LoadContext& context, const Tensors& t) {
        const auto matrix = [&](const MatrixInfo& m) { return Linear::load(context, m.weight, m.bias, m.scale); };
        HEARTH_ASSIGN(qkv_, matrix(t.qkv));
        HEARTH_ASSIGN(gate_, matrix(t.gate));
        HEARTH_ASSIGN(beta_, matrix(t.beta));
        HEARTH_ASSIGN(alpha_, matrix(t.alpha));
        HEARTH_ASSIGN(bias_, load_vector(context, t.bias));
        HEARTH_ASSIGN(rate_, load_vector(context, t.rate));
        HEARTH_ASSIGN(norm_, load_vector(context, t.norm));
        HEARTH_ASSIGN(conv_, load_taps(context, t.conv));
        return {};
    }

    void add_needs(ActivationNeeds& needs) const override {
        for (const Linear* w : {&qkv_, &gate_, &beta_, &alpha_}) needs.add(*w);
    }

    // Two phases: who has computed a head's columns convolves them; who completes a head's outputs norms and gates
    // them.
    void run(const MixerPass& pass) const override {
        LinearRun products;
        const std::size_t dim = s_.head_dim;
        float* const gates = pass.columns + at_.width - 2 * s_.value_heads;
        products.add(qkv_, pass.columns, at_.width, dim);
        products.add(gate_, pass.columns + at_.channels, at_.width);
        products.add(beta_, gates, at_.width);
        products.add(alpha_, gates + s_.value_heads, at_.width);
        products.run(pass.run, pass.in, [&](const LinearRun::Piece& p, std::size_t) {
            if (p.part == 0)
                for (std::size_t head = p.first / dim; head * dim < p.end; ++head) finish_head(pass, head);
        });
        const std::size_t pieces = (dim + kColumns - 1) / kColumns;
        parallel_for(pass.run.executor, s_.value_heads * pieces, [&](std::size_t i, std::size_t) {
            const std::size_t head = i / pieces, first = i % pieces * kColumns;
            step(pass, head, first, std::min(dim, first + kColumns));
            if (!pass.tally.add(head, 1, pieces)) return;
            for (std::size_t t = 0; t < pass.tokens.size(); ++t) {
                float* const y = pass.mixed + t * pass.out.k + head * dim;
                pass.run.kernels.rms_norm(y, norm_.data(), spec_.norm_eps, dim, y);
                pass.run.kernels.silu_mul(pass.columns + t * at_.width + at_.z[head], y, dim, y);
            }
            pass.quantize_columns(head * dim, (head + 1) * dim, s_.value_heads);
        });
    }

private:
    void finish_head(const MixerPass& pass, std::size_t place) const;
    void step(const MixerPass& pass, std::size_t head, std::size_t first, std::size_t end) const;

    const DecoderSpec& spec_;
    const DeltaSpec& s_;
    std::size_t index_;
    Columns at_;
    Linear qkv_, gate_, beta_, alpha_;
    std::vector<float> conv_;         // [taps, channels]
    std::vector<float> bias_, rate_;  // [value_heads], of decays
    std::vector<float> norm_;         // [head_dim]
    std::vector<float> query_scale_,
        key_scale_;  // [head_dim]: an RMS norm times them has length 1 / sqrt(head_dim), and 1
};

Result<std::unique_ptr<Mixer>> Tensors::load(LoadContext& context, const DecoderSpec& spec, std::size_t layer) const {
    auto mixer = std::make_unique<GatedDelta>(spec, layer, *this);
    HEARTH_TRY(mixer->load(context, *this));
    return std::unique_ptr<Mixer>(std::move(mixer));
}

// Convolves the columns of one head of queries, keys or values; queries and keys get their length.
void GatedDelta::finish_head(const MixerPass& pass, std::size_t place) const {
    const Columns::Head head = at_.heads[place];
    if (head.kind == Columns::Kind::gate) return;
    const std::size_t dim = s_.head_dim;
    float* const x = pass.columns + place * dim;
    pass.each_sequence(index_, [&](std::size_t first, std::size_t end, float* state) {
        CausalConvArgs a{};
        a.x = x + first * at_.width;
        a.stride = at_.width;
        a.tokens = end - first;
        a.weights = conv_.data() + head.channel;
        a.state = state + head.channel;
        a.row_stride = at_.channels;
        a.taps = s_.taps;
        a.channels = dim;
        a.silu = true;
        pass.run.kernels.causal_conv(a);
    });
    if (head.kind == Columns::Kind::value) return;
    const float* const scale = (head.kind == Columns::Kind::query ? query_scale_ : key_scale_).data();
    const float eps = kNormEps / static_cast<float>(dim);
    for (std::size_t t = 0; t < pass.tokens.size(); ++t)
        pass.run.kernels.rms_norm(x + t * at_.width, scale, eps, dim, x + t * at_.width);
}

// Columns [first, end) of one head's values, token by token, while their part of the state stays in the core's cache.
void GatedDelta::step(const MixerPass& pass, std::size_t head, std::size_t first, std::size_t end) const {
    const std::size_t dim = s_.head_dim;
    pass.each_sequence(index_, [&](std::size_t begin, std::size_t last, float* state) {
        float* const s = state + conv_floats(s_) + head * head_floats(s_) + first * dim;
        for (std::size_t t = begin; t < last; t += kTokens) {
            float a[kTokens], b[kTokens], decay[kTokens], beta[kTokens];
            const std::size_t count = std::min(kTokens, last - t);
            const float* const row = pass.columns + t * at_.width;
            for (std::size_t i = 0; i < count; ++i) {
                a[i] = row[i * at_.width + at_.a[head]];
                b[i] = row[i * at_.width + at_.b[head]];
            }
            pass.run.kernels.delta_gates(a, b, rate_[head], bias_[head], count, decay, beta);
            pass.run.kernels.gated_delta({row + at_.q[head], row + at_.k[head], row + at_.v[head] + first, at_.width,
                                          decay, beta, count, dim, end - first, s,
                                          pass.mixed + t * pass.out.k + head * dim + first, pass.out.k});
        }
    });
}

}  // namespace

Result<std::unique_ptr<MixerTensors>> find_gated_delta(TensorFinder& tensors, const DecoderSpec& spec,
                                                       std::size_t index) {
    auto out = std::make_unique<Tensors>();
    const DeltaSpec& s = spec.delta;
    const std::string b = layer_prefix(spec, index);
    const std::uint64_t d = spec.embedding, n = s.value_heads, values = n * s.head_dim,
                        channels = 2 * std::uint64_t{s.key_heads} * s.head_dim + values;
    if (!s.tiled && tensors.exists(b + "ssm_in.weight")) {  // files before they were split
        HEARTH_ASSIGN(out->qkv, tensors.matrix(b + "ssm_in", {d, channels + values}));
    } else {
        HEARTH_ASSIGN(out->qkv, tensors.matrix(b + "attn_qkv", {d, channels}));
        HEARTH_ASSIGN(out->gate, tensors.matrix(b + "attn_gate", {d, values}));
    }
    if (s.tiled || tensors.exists(b + "ssm_beta.weight")) {
        HEARTH_ASSIGN(out->beta, tensors.matrix(b + "ssm_beta", {d, n}));
        HEARTH_ASSIGN(out->alpha, tensors.matrix(b + "ssm_alpha", {d, n}));
    } else {
        HEARTH_ASSIGN(out->beta, tensors.matrix(b + "ssm_ba", {d, 2 * n}));
    }
    HEARTH_ASSIGN(out->conv, tensors.need(b + "ssm_conv1d.weight", {s.taps, channels}));
    HEARTH_ASSIGN(out->bias, tensors.need(b + "ssm_dt.bias", {n}));
    HEARTH_ASSIGN(out->rate, tensors.need(b + "ssm_a", {n}));
    HEARTH_ASSIGN(out->norm, tensors.need(b + "ssm_norm.weight", {s.head_dim}));
    HEARTH_ASSIGN(out->output, tensors.matrix(b + "ssm_out", {values, d}));
    return std::unique_ptr<MixerTensors>(std::move(out));
}

MixerSizes gated_delta_sizes(const DecoderSpec& spec, const LayerSpec&, const RunLimits&) {
    const DeltaSpec& s = spec.delta;
    MixerSizes z;
    z.mixed = std::size_t{s.value_heads} * s.head_dim;
    z.columns = 2 * std::size_t{s.key_heads} * s.head_dim + 2 * z.mixed + 2 * s.value_heads;
    z.tallies = s.value_heads + panels_of(z.mixed);
    z.kv.state_floats = conv_floats(s) + s.value_heads * head_floats(s);
    return z;
}

}  // namespace hearth
