#include "model.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <span>

#include "hearth/base/cat.hpp"
#include "hearth/base/rng.hpp"
#include "hearth/codecs/codec.hpp"
#include "hearth/codecs/codec_id.hpp"
#include "vocabulary.hpp"

namespace tiny {

using hearth::cat;
using hearth::Code;
using hearth::Codec;
using hearth::GgufWriter;
using hearth::Status;
using hearth::TensorInfo;

namespace {

struct FileType {
    std::string_view name;
    std::string_view codec;
    std::uint64_t id;  // general.file_type
};
// Q4_K_M is Q4_K with Q6_K where errors cost most.
constexpr FileType file_types[] = {{"F32", "F32", 0},    {"F16", "F16", 1},    {"BF16", "BF16", 32},
                                   {"Q8_0", "Q8_0", 7},  {"Q4_0", "Q4_0", 2},  {"Q4_K", "Q4_K", 14},
                                   {"Q5_K", "Q5_K", 16}, {"Q6_K", "Q6_K", 18}, {"Q4_K_M", "Q4_K", 15}};

// Uniform in mean ± width: element i of tensor number `tensor` is a function of (seed, tensor, i) alone.
struct Draw {
    std::uint64_t seed, tensor;
    float mean, width;

    void operator()(std::uint64_t first, std::span<float> out) const {  // first and out.size() are multiples of 4
        for (std::size_t i = 0; i < out.size(); i += 4) {
            const auto bits = hearth::philox4x32(seed, (first + i) / 4, tensor);
            for (std::size_t j = 0; j < 4; ++j) {
                const float unit = static_cast<float>(static_cast<std::int32_t>(bits[j]) >> 8) * 0x1p-23f;
                out[i + j] = mean + width * unit;
            }
        }
    }
};

Status fill(const TensorInfo& info, const GgufWriter::Emit& emit, const Codec& codec, const Draw& draw) {
    constexpr std::uint64_t chunk = 16384;  // a multiple of every block
    std::vector<float> values(chunk);
    std::vector<std::byte> blocks(codec.row_bytes(chunk));
    for (std::uint64_t first = 0; first < info.elements(); first += chunk) {
        const std::uint64_t count = std::min(chunk, info.elements() - first);
        draw(first, std::span(values).first((count + 3) / 4 * 4));
        codec.encode(values.data(), count / codec.block_values, blocks.data());
        HEARTH_TRY(emit(std::span(blocks).first(codec.row_bytes(count))));
    }
    return {};
}

class Builder {
public:
    Builder(GgufWriter& writer, const Shape& shape, const FileType& type)
        : writer_(writer), s_(shape), type_(type), head_(shape.embd / shape.heads) {}

    Status build() {
        HEARTH_TRY(metadata());
        HEARTH_TRY(set_vocabulary(writer_, s_.vocab, s_.merges));
        const bool tied = s_.arch == "smollm3";
        // Logits of standard deviation 4: the best one is rarely a near tie.
        const double readout = 4 / std::sqrt(static_cast<double>(s_.embd));
        HEARTH_TRY(matrix("token_embd.weight", s_.embd, s_.vocab, tied ? readout : 1, tied ? "Q6_K" : ""));
        HEARTH_TRY(vector("output_norm.weight", s_.embd, 1, 0.1f));
        if (!tied) HEARTH_TRY(matrix("output.weight", s_.embd, s_.vocab, readout, "Q6_K"));
        for (std::uint64_t layer = 0; layer < s_.layers; ++layer) HEARTH_TRY(block(layer));
        return {};
    }

private:
    Status metadata() {
        HEARTH_TRY(writer_.set("general.architecture", s_.arch));
        HEARTH_TRY(writer_.set("general.name", std::string("tiny random model")));
        HEARTH_TRY(writer_.set("general.file_type", type_.id));
        HEARTH_TRY(writer_.set("general.quantization_version", std::uint64_t{2}));
        HEARTH_TRY(set("context_length", s_.context));
        HEARTH_TRY(set("embedding_length", s_.embd));
        HEARTH_TRY(set("block_count", s_.layers));
        HEARTH_TRY(set("feed_forward_length", s_.ffn));
        HEARTH_TRY(set("vocab_size", s_.vocab));
        HEARTH_TRY(set("attention.head_count", s_.heads));
        HEARTH_TRY(set("attention.head_count_kv", s_.kv_heads));
        HEARTH_TRY(set("attention.layer_norm_rms_epsilon", 1e-5));
        HEARTH_TRY(set("rope.dimension_count", head_));
        HEARTH_TRY(set("rope.freq_base", 10000.0));
        if (s_.arch == "qwen3" || s_.arch == "mistral3") {
            HEARTH_TRY(set("attention.key_length", head_));
            HEARTH_TRY(set("attention.value_length", head_));
        }
        if (s_.arch == "mistral3") {
            HEARTH_TRY(set("rope.scaling.type", std::string("yarn")));
            HEARTH_TRY(set("rope.scaling.factor", 4.0));
            HEARTH_TRY(set("rope.scaling.original_context_length", std::max<std::uint64_t>(1, s_.context / 4)));
            HEARTH_TRY(set("rope.scaling.yarn_beta_fast", 32.0));
            HEARTH_TRY(set("rope.scaling.yarn_beta_slow", 1.0));
            HEARTH_TRY(set("rope.scaling.yarn_log_multiplier", 1.0));
            HEARTH_TRY(set("attention.temperature_scale", 0.1));
        }
        if (s_.arch == "phi3") {
            HEARTH_TRY(set("rope.scaling.original_context_length", s_.context));
            HEARTH_TRY(set("attention.sliding_window", std::uint64_t{0}));
        }
        if (s_.arch == "granite") {
            HEARTH_TRY(set("attention.scale", 1 / std::sqrt(static_cast<double>(head_))));
            HEARTH_TRY(set("embedding_scale", 3.0));
            HEARTH_TRY(set("residual_scale", 0.5));
            HEARTH_TRY(set("logit_scale", 2.0));
        }
        return {};
    }

    Status block(std::uint64_t layer) {
        const std::string at = cat("blk.", layer, ".");
        const std::uint64_t kv = s_.kv_heads * head_;
        const double in = deviation(s_.embd);
        // What is added to the residual stream grows it by a constant factor, however many layers there are.
        const double out = 1 / std::sqrt(2.0 * static_cast<double>(s_.layers));
        const std::string_view fine = more_bits(layer) ? "Q6_K" : "";
        HEARTH_TRY(vector(at + "attn_norm.weight", s_.embd, 1, 0.1f));
        if (s_.arch == "phi3") {
            HEARTH_TRY(matrix(at + "attn_qkv.weight", s_.embd, s_.embd + 2 * kv, in));
        } else {
            HEARTH_TRY(matrix(at + "attn_q.weight", s_.embd, s_.embd, in));
            HEARTH_TRY(matrix(at + "attn_k.weight", s_.embd, kv, in));
            HEARTH_TRY(matrix(at + "attn_v.weight", s_.embd, kv, in, fine));
        }
        if (s_.arch == "qwen2") {
            HEARTH_TRY(vector(at + "attn_q.bias", s_.embd, 0, 0.1f));
            HEARTH_TRY(vector(at + "attn_k.bias", kv, 0, 0.1f));
            HEARTH_TRY(vector(at + "attn_v.bias", kv, 0, 0.1f));
        }
        if (s_.arch == "qwen3") {
            HEARTH_TRY(vector(at + "attn_q_norm.weight", head_, 1, 0.1f));
            HEARTH_TRY(vector(at + "attn_k_norm.weight", head_, 1, 0.1f));
        }
        HEARTH_TRY(matrix(at + "attn_output.weight", s_.embd, s_.embd, deviation(s_.embd) * out));
        HEARTH_TRY(vector(at + "ffn_norm.weight", s_.embd, 1, 0.1f));
        if (s_.arch == "phi3") {
            HEARTH_TRY(matrix(at + "ffn_up.weight", s_.embd, 2 * s_.ffn, in));
        } else {
            HEARTH_TRY(matrix(at + "ffn_gate.weight", s_.embd, s_.ffn, in));
            HEARTH_TRY(matrix(at + "ffn_up.weight", s_.embd, s_.ffn, in));
        }
        return matrix(at + "ffn_down.weight", s_.ffn, s_.embd, deviation(s_.ffn) * out, fine);
    }

    // The layers whose value and down projections Q4_K_M keeps finer: the first and last eighth and every third
    // between.
    bool more_bits(std::uint64_t layer) const {
        const std::uint64_t eighth = s_.layers / 8;
        return layer < eighth || layer >= 7 * s_.layers / 8 || (layer - eighth) % 3 == 2;
    }

    static double deviation(std::uint64_t in) { return 1 / std::sqrt(static_cast<double>(in)); }

    Status set(const char* key, hearth::MetaValue value) {
        return writer_.set(cat(s_.arch, ".", key), std::move(value));
    }

    // {in, out} in the chosen type, or in `mixed` where the file mixes types.
    Status matrix(const std::string& name, std::uint64_t in, std::uint64_t out, double std_deviation,
                  std::string_view mixed = "") {
        const bool other = !mixed.empty() && type_.name == "Q4_K_M";
        // A uniform distribution of width w has the deviation w / sqrt(3).
        return add(name, std::array{in, out}, other ? mixed : type_.codec, 0,
                   static_cast<float>(std_deviation * std::sqrt(3.0)));
    }
    Status vector(const std::string& name, std::uint64_t n, float mean, float width) {
        return add(name, std::array{n}, "F32", mean, width);
    }

    template <std::size_t N>
    Status add(const std::string& name, std::array<std::uint64_t, N> dims, std::string_view codec_name, float mean,
               float width) {
        const Codec* codec = hearth::find_codec(codec_name);
        if (codec == nullptr || codec->encode == nullptr) {
            return {Code::unsupported, cat("type ", codec_name, " cannot be written by this version")};
        }
        const Draw draw{s_.seed, tensor_++, mean, width};
        return writer_.add_tensor(name, codec->id, dims,
                                  [codec, draw](const TensorInfo& info, const GgufWriter::Emit& emit) {
                                      return fill(info, emit, *codec, draw);
                                  });
    }

    GgufWriter& writer_;
    const Shape& s_;
    const FileType& type_;
    std::uint64_t head_;
    std::uint64_t tensor_ = 0;
};

}  // namespace

const std::vector<std::string>& architectures() {
    static const std::vector<std::string> names = {"llama", "qwen2", "qwen3", "phi3", "mistral3", "smollm3", "granite"};
    return names;
}

const std::vector<std::string>& types() {
    static const std::vector<std::string> names = [] {
        std::vector<std::string> out;
        for (const FileType& type : file_types) out.emplace_back(type.name);
        return out;
    }();
    return names;
}

Status add_model(GgufWriter& writer, const Shape& s) {
    const auto type =
        std::find_if(std::begin(file_types), std::end(file_types), [&](const FileType& t) { return t.name == s.type; });
    if (type == std::end(file_types)) return {Code::invalid_argument, cat("type '", s.type, "' is unknown")};
    if (std::find(architectures().begin(), architectures().end(), s.arch) == architectures().end()) {
        return {Code::invalid_argument, cat("architecture '", s.arch, "' is unknown")};
    }
    constexpr std::uint64_t most = std::uint64_t{1} << 24;  // keeps every product far from overflow
    for (std::uint64_t n : {s.layers, s.embd, s.heads, s.kv_heads, s.ffn, s.vocab, s.context}) {
        if (n == 0 || n > most) return {Code::invalid_argument, cat("a size is ", n, ", expected 1 to ", most)};
    }
    if (s.embd % s.heads != 0 || s.embd / s.heads % 2 != 0) {
        return {Code::invalid_argument, cat("embd is ", s.embd, ", expected an even multiple of heads, ", s.heads)};
    }
    if (s.heads % s.kv_heads != 0) {
        return {Code::invalid_argument, cat("heads is ", s.heads, ", expected a multiple of kv-heads, ", s.kv_heads)};
    }
    if (s.vocab < least_tokens) {
        return {Code::invalid_argument,
                cat("vocab is ", s.vocab, ", expected at least ", least_tokens, ": special tokens and bytes")};
    }
    return Builder(writer, s, *type).build();
}

}  // namespace tiny
