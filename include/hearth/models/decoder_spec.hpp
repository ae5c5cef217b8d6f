// Architecture as data: what the one shared forward of decoder models reads. A family's file fills it from metadata.
// A field chooses between layers; none names an architecture.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "hearth/layers/glu.hpp"
#include "hearth/layers/moe.hpp"
#include "hearth/layers/rope.hpp"
#include "hearth/models/head_spec.hpp"

namespace hearth {

// RMS norm of queries and keys, before rotation unless it says otherwise.
enum class QkNorm : int {
    none,
    heads,          // of every head
    projection,     // of all heads together
    rotated_heads,  // of every head, without weights and after rotation, where a layer rotates
};

// What carries values from token to token in a layer.
enum class MixerKind : int { attention, gated_delta, short_conv, latent, compressed };

// Which of a model's rotations turns the queries and keys of a layer.
enum class Rotation : int { none, main, local };

// What may differ between the layers of a model.
struct LayerSpec {
    MixerKind mixer = MixerKind::attention;
    std::uint32_t kv_heads = 0;      // divides the heads of queries
    std::uint32_t key_dim = 0;       // of a head
    std::uint32_t value_dim = 0;
    std::uint32_t feed_forward = 0;  // without experts
    Rotation rotation = Rotation::main;
    std::size_t window = 0;          // keys that a query sees, itself included; 0: all
    std::size_t chunk = 0;           // and it sees them from the last multiple of this on; 0: from the first
    bool tempered = true;            // queries take the query_temperature
    bool experts = false;
    std::optional<double> sparse_gate;  // gates count from their mean plus so many deviations on; what is below is 0
    static constexpr std::uint32_t kOwn = UINT32_MAX;
    std::uint32_t kv_layer = kOwn;   // whose keys and values it reads, when it has none

    std::uint32_t ratio = 0;         // tokens of a row of compressed attention; 0: it has none
    bool indexed = false;            // such rows are made of the tokens of the row before too, and an indexer chooses them
    bool chosen_by_token = false;    // experts: a table says which, by the token's id
    float expert_limit = 0, shared_limit = 0;  // of what enters the gated units of experts; 0: none

    bool has_kv() const { return kv_layer == kOwn; }
};

// Heads of a gated delta rule, and the convolution of what enters it.
struct DeltaSpec {
    std::uint32_t key_heads = 0, value_heads = 0;  // of values a multiple of those of keys
    std::uint32_t head_dim = 0;                    // of all
    std::uint32_t taps = 0;
    bool tiled = false;  // head h of values meets that of keys h mod key_heads; else h / (value_heads / key_heads)
};

// The indexer, by whose keys every query chooses the `top` that it sees (DeepSeek-V3.2, 2025, section 2).
struct IndexSpec {
    std::uint32_t heads = 0, dim = 0, top = 0;  // 0: there is none, a query sees all
};

// Multi-head latent attention (DeepSeek-V2, 2024, section 2.1): a token keeps one vector for all heads, of which each makes
// keys and values of its own. Queries and keys have `plain` channels beside those of DecoderSpec::rope, which are rotated.
struct LatentSpec {
    std::uint32_t rank = 0;        // of that vector
    std::uint32_t query_rank = 0;  // of the one that queries are made of; 0: they are made of the stream
    std::uint32_t plain = 0;       // channels of a head
    std::uint32_t value_dim = 0;   // of a head
    bool joint = false;            // the file has what makes keys and values in one
    IndexSpec index;  // whose keys are cached behind the latent
};

// Attention over vectors that are key and value for all heads, of the tokens in a window and, before and beside them, of
// rows that stand for LayerSpec::ratio tokens each (DeepSeek-V4). key_dim channels, of which the last are rotated; the
// heads' outputs are rotated back.
struct CompressedSpec {
    std::uint32_t query_rank = 0;                     // of the vector that queries are made of
    std::uint32_t output_groups = 0, output_rank = 0; // heads in groups, of each of which a vector is made for the output
    IndexSpec index;                                  // of layers that are indexed
};

struct DecoderSpec {
    std::vector<LayerSpec> layers;
    std::uint32_t first_layer = 0;   // number in the file
    std::uint32_t extra_layers = 0;  // that follow them in the file: predictors of further tokens, which plain decoding leaves alone
    bool predicts = false;           // it is one: the stream begins as a product of a state and the token that followed it
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

    // q *= 1 + beta * ln(1 + floor((position + offset) / period)) after rotation; beta 0: off.
    struct {
        double beta = 0, period = 1, offset = 0;
    } query_temperature;

    LatentSpec latent;             // of layers whose mixer it is; kv_heads of them is 1, key_dim the rank and what is rotated
    CompressedSpec compressed;     // of layers whose mixer it is; kv_heads of them is 1, key_dim and value_dim are the same

    QkNorm qk_norm = QkNorm::none;
    bool value_norm = false;       // of every value head, without weights
    bool keys_as_values = false;   // where a layer has no values of its own: keys before norm and rotation
    bool layer_norm = false;       // the norms of the stream are LayerNorms with a bias instead of RMS norms
    bool pre_norms = true;         // attention and feed-forward see the stream through a norm
    const char* ffn_norm = "ffn_norm";  // what the file calls the norm before the feed-forward
    const char* output_norm = "output_norm";  // and that of the output
    bool post_norms = false;       // outputs of attention and feed-forward pass a norm before they enter the stream
    bool gated_queries = false;    // rows of a head's query are followed by those of a gate of the head's output
    bool sinks = false;            // every query head has a score that takes part in its softmax without a value
    bool gate_in_up = false;       // ffn_up holds gate rows, then up rows; there is no ffn_gate

    DeltaSpec delta;                    // of layers with MixerKind::gated_delta
    std::uint32_t short_conv_taps = 0;  // of layers with MixerKind::short_conv

    Glu glu = Glu::silu;           // of the dense feed-forward

    MoeSpec moe;                   // of layers with experts
    bool experts_beside_dense = false;  // such layers have both, between norms of their own, and add the results

    // A second embedding of so many values for every layer and token, which gates a correction of the stream after the
    // feed-forward; 0: none.
    std::uint32_t layer_embedding = 0;
    // Residual streams: with several, one passes through a layer while all are predicted before it and corrected after it
    // (AltUp; Baykal et al., "Alternating Updates for Efficient Transformers", 2023).
    std::uint32_t streams = 1;
    // Or each part of a layer reads a mean of them, by weights that they give, and writes to all, while they are mixed by
    // a matrix that is nearly doubly stochastic (hyper-connections; Zhu et al., 2024; with the matrix, Xie et al., "mHC",
    // 2025). So many times its rows and columns are normalised; 0: they are not of this kind.
    std::uint32_t mixing_rounds = 0;
    double mixing_eps = 0;
    // Width of a path beside attention (LAuReL; Menghani et al., "Learned Augmented Residual Layer", 2024); 0: none.
    std::uint32_t laurel = 0;
    bool layer_scales = false;     // the stream may be scaled after a layer

    bool causal = true;            // else tokens see those behind them too, and windows reach half to either side
    HeadSpec head;                 // of what stands behind pooling

    bool mixes_streams() const { return mixing_rounds != 0; }
    bool predicts_streams() const { return streams != 1 && !mixes_streams(); }
    const RopeSpec& rope_of(const LayerSpec& layer) const { return layer.rotation == Rotation::local ? local_rope : rope; }
    bool rotates(const LayerSpec& layer) const {
        return layer.rotation != Rotation::none && rope_of(layer).kind != RopeKind::none;
    }
};

}  // namespace hearth
