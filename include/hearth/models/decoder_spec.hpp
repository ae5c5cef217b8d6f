// Architecture as data: what the one shared forward of decoder models reads. A family's file fills it from metadata.
// A field chooses between layers; none names an architecture.
#pragma once

#include <cstdint>
#include <vector>

#include "hearth/layers/glu.hpp"
#include "hearth/layers/moe.hpp"
#include "hearth/layers/rope.hpp"

namespace hearth {

// RMS norm of queries and keys before rotation.
enum class QkNorm : int {
    none,
    heads,       // of every head
    projection,  // of all heads together
};

// Which of a model's rotations turns the queries and keys of a layer.
enum class Rotation : int { none, main, local };

// What may differ between the layers of a model.
struct LayerSpec {
    std::uint32_t kv_heads = 0;      // divides the heads of queries
    std::uint32_t key_dim = 0;       // of a head
    std::uint32_t value_dim = 0;
    std::uint32_t feed_forward = 0;  // without experts
    Rotation rotation = Rotation::main;
    std::size_t window = 0;          // keys that a query sees, itself included; 0: all
    bool experts = false;
};

struct DecoderSpec {
    std::vector<LayerSpec> layers;
    std::uint32_t extra_layers = 0;  // that follow them in the file and are left alone (predictors of further tokens)
    std::uint32_t embedding = 0;     // width of the residual stream
    std::uint32_t heads = 0;         // of queries
    std::uint32_t vocab = 0;
    std::uint64_t context = 0;     // as trained or extended

    float norm_eps = 1e-5F;
    float embedding_scale = 1;     // h = scale * embedding
    float residual_scale = 1;      // of every sub-layer's output
    float attention_scale = 0;     // of q . k
    float attention_softcap = 0;   // s = c tanh(s / c) for scores, after that; 0: off
    float logit_divisor = 1;
    float logit_softcap = 0;       // the same for logits

    RopeSpec rope;
    RopeSpec local_rope;           // of layers that say so
    // Used instead of rope.factors by sequences whose context is longer than long_context; empty: never.
    std::vector<float> rope_factors_long;
    std::uint64_t long_context = 0;

    // q *= 1 + beta * ln(1 + floor(position / period)) after rotation; beta 0: off.
    struct {
        double beta = 0, period = 1;
    } query_temperature;

    QkNorm qk_norm = QkNorm::none;
    bool norm_bias = false;        // the norms of the stream add a bias
    const char* ffn_norm = "ffn_norm";  // what the file calls the norm before the feed-forward
    bool post_norms = false;       // outputs of attention and feed-forward pass a norm before they enter the stream
    bool sinks = false;            // every query head has a score that takes part in its softmax without a value
    bool gate_in_up = false;       // ffn_up holds gate rows, then up rows; there is no ffn_gate

    Glu glu = Glu::silu;           // of the dense feed-forward

    MoeSpec moe;                   // of layers with experts

    const RopeSpec& rope_of(const LayerSpec& layer) const { return layer.rotation == Rotation::local ? local_rope : rope; }
    bool rotates(const LayerSpec& layer) const {
        return layer.rotation != Rotation::none && rope_of(layer).kind != RopeKind::none;
    }
};

}  // namespace hearth
