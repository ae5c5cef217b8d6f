// Architecture as data: what the one shared forward of decoder models reads. A family's file fills it from metadata.
// A field chooses between layers; none names an architecture.
#pragma once

#include <cstdint>
#include <vector>

#include "hearth/layers/moe.hpp"
#include "hearth/layers/rope.hpp"

namespace hearth {

// RMS norm of queries and keys before rotation.
enum class QkNorm : int {
    none,
    heads,       // of every head
    projection,  // of all heads together
};

struct DecoderSpec {
    std::uint32_t layers = 0;
    std::uint32_t extra_layers = 0;  // that follow them in the file and are left alone (predictors of further tokens)
    std::uint32_t embedding = 0;   // width of the residual stream
    std::uint32_t heads = 0;       // of queries
    std::uint32_t kv_heads = 0;    // divides heads
    std::uint32_t key_dim = 0;     // of a head
    std::uint32_t value_dim = 0;
    std::uint32_t feed_forward = 0;  // of layers without experts
    std::uint32_t vocab = 0;
    std::uint64_t context = 0;     // as trained or extended

    float norm_eps = 1e-5F;
    float embedding_scale = 1;     // h = scale * embedding
    float residual_scale = 1;      // of every sub-layer's output
    float attention_scale = 0;     // of q . k
    float logit_divisor = 1;

    RopeSpec rope;
    // Used instead of rope.factors by sequences whose context is longer than long_context; empty: never.
    std::vector<float> rope_factors_long;
    std::uint64_t long_context = 0;
    std::vector<bool> layer_rotates;  // [layers]; empty: all do

    // q *= 1 + beta * ln(1 + floor(position / period)) after rotation; beta 0: off.
    struct {
        double beta = 0, period = 1;
    } query_temperature;

    QkNorm qk_norm = QkNorm::none;
    bool norm_bias = false;        // the norms of the stream add a bias
    const char* ffn_norm = "ffn_norm";  // what the file calls the norm before the feed-forward
    std::vector<std::uint32_t> windows;  // [layers] keys that a query sees, itself included, 0: all; empty: all everywhere
    bool sinks = false;            // every query head has a score that takes part in its softmax without a value
    bool gate_in_up = false;       // ffn_up holds gate rows, then up rows; there is no ffn_gate

    MoeSpec moe;                   // experts 0: every layer is dense
    std::vector<bool> layer_has_experts;  // [layers]; empty: all do, when there are any

    bool has_experts(std::size_t layer) const {
        return moe.experts != 0 && (layer_has_experts.empty() || layer_has_experts[layer]);
    }
};

}  // namespace hearth
