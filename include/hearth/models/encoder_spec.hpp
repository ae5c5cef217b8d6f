// Encoders as data: what their one shared forward reads. A family's file fills it from metadata. A field chooses
// between layers; none names an architecture.
#pragma once

#include <cstdint>
#include <vector>

#include "hearth/layers/glu.hpp"
#include "hearth/layers/moe.hpp"
#include "hearth/layers/rope.hpp"
#include "hearth/models/decoder_spec.hpp"
#include "hearth/models/head_spec.hpp"

namespace hearth {

struct EncoderLayerSpec {
    Rotation rotation = Rotation::main;
    std::size_t window = 0;  // of keys around a query, half to either side; 0: all
    bool input_norm = true;  // with norms before sub-layers: attention has one
    bool experts = false;
};

struct EncoderSpec {
    std::vector<EncoderLayerSpec> layers;
    std::uint32_t embedding = 0;  // width of the stream
    std::uint32_t heads = 0, kv_heads = 0, head_dim = 0;
    std::uint32_t feed_forward = 0;
    std::uint32_t vocab = 0;
    std::uint64_t context = 0;  // as trained: rows of the table of positions, where there is one

    bool rms_norms = false;  // instead of layer norms
    bool norm_bias = true;
    float norm_eps = 1e-12F;
    // Where norms stand: h = norm(h + f(h)) after both sub-layers ("Attention Is All You Need", 2017), or h +=
    // f(norm(h)) and one norm at the end.
    bool pre_norm = false;
    bool embedding_norm = true;
    const char* final_norm = nullptr;  // what the file calls the one at the end

    bool positions = false;    // learned, added to the embedding
    bool token_types = false;  // so is one of these, where the file has them: the second for a second text, else the first
    RopeSpec rope;
    RopeSpec local_rope;          // of layers that say so
    double alibi = 0;             // scores fall with the distance; exponents of the slopes are spread up to it; 0: off
    bool optional_norms = false;  // of queries and keys (whole projections), and a second one after attention, if found

    enum class FeedForward : int {
        plain,       // down(f(up x))
        gated,       // down(f(gate x) * up x)
        gate_in_up,  // the same, ffn_up holding rows of the gate, then of up
    };
    FeedForward form = FeedForward::plain;
    Glu glu = Glu::gelu_erf;
    MoeSpec moe;  // of layers with experts, which are not gated
    HeadSpec head;

    const RopeSpec& rope_of(const EncoderLayerSpec& layer) const {
        return layer.rotation == Rotation::local ? local_rope : rope;
    }
};

}  // namespace hearth
