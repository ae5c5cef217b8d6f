// One pass through the shared decoder: its memory, and what its parts hand to each other.
#pragma once

#include <vector>

#include "hearth/layers/low_rank.hpp"
#include "models/decoder.hpp"

namespace hearth {

struct DecoderWorkspace final : Workspace {
    RunLimits limits;
    Buffer hidden;                 // [tokens, embedding]: the residual stream
    Buffer normed;                 // [tokens, embedding]
    Buffer branch;                 // [tokens, embedding]: what stands beside the branch that is being computed
    Buffer layer_inputs;           // [tokens, layers, layer_embedding]
    Buffer streams;                // [2, streams, tokens, embedding]: as they are, and as predicted; or, mixed, [2, tokens,
                                   // streams, embedding]: as they are, and as the part of a layer leaves them; or, of a
                                   // predictor, [tokens, 2, embedding]: token and state
    Buffer mix;                    // [tokens, streams], or, mixed, [tokens, streams * (streams + 2)]
    Buffer columns, mixed;         // of mixers: [tokens, …] of the widest layer
    Buffer gate_up;                // [tokens, 2 * feed_forward]
    Buffer activated;              // [tokens, feed_forward, layer_embedding or laurel]
    Buffer angles;                 // [tokens, 2, rope dims / 2]: cos, sin of the main rotation, then of the local
    Buffer normed_32, normed_256;  // of `normed`, or of a stream
    Buffer inner_32, inner_256;    // of `mixed`, later of `activated`
    Buffer streams_32, streams_256;  // of mixed streams, or of token and state, all of a token together
    Buffer partials;               // of mixers
    MoeWorkspace experts;
    HeadWorkspace head;
    std::vector<Buffer> scratch;  // [workers]
    std::vector<BatchToken> tokens;
    std::vector<std::int32_t> ids;
    std::vector<std::uint8_t> long_context;  // [tokens]
    std::vector<std::uint32_t> logit_rows;   // token index of each row of logits
    // Of sequences with adapters, else empty.
    std::vector<const AdapterSet*> sets, logit_sets;  // [tokens], [rows of logits]
    std::vector<float*> states;                       // [tokens]: where the stream behind each layer goes, or null
    std::vector<const float*> inputs;                 // [tokens]: of a predictor, the states that it reads
    Buffer changes;                                   // for RowChanges
    std::shared_ptr<Memory> memory;                   // that it is made of
    Tally activated_rows;                    // of each block of `activated`
    Tally token_blocks;                      // of a product
    Tally mixer;
};

struct DecoderModel::Pass {
    DecoderWorkspace& w;
    RunContext run;
    std::size_t tokens;
    float* hidden;               // [tokens, embedding]
    float* normed;               // [tokens, embedding]
    float* branch;               // [tokens, embedding]
    float* layer_inputs;         // [tokens, layers, layer_embedding]
    float *streams, *predicted;  // [streams, tokens, embedding], the first of which passes through layers; or, mixed,
                                 // [tokens, streams, embedding] as they are and as they will be
    float* mix;                  // as in the workspace
    float* gate_up;              // [tokens, 2 * feed_forward]
    float* activated;            // [tokens, feed_forward]
    bool watched = false;        // directions are added to the stream behind layers, or it is kept
    std::size_t change_stride = 0;

    // Of the first `count` rows of `normed`, k wide.
    LinearInput normed_input(std::size_t k, std::size_t count) const {
        return {normed, w.normed_32.as<std::byte>(), w.normed_256.as<std::byte>(), count, k};
    }
    // Of another [tokens, embedding] in its place.
    LinearInput stream_input(const float* x, std::size_t k) const {
        return {x, w.normed_32.as<std::byte>(), w.normed_256.as<std::byte>(), tokens, k};
    }
    // All mixed streams of a token, or what a predictor joins, as one row.
    LinearInput mixed_input(std::size_t k) const {
        return {streams, w.streams_32.as<std::byte>(), w.streams_256.as<std::byte>(), tokens, k};
    }
    LinearInput inner_input(const float* x, std::size_t k) const {
        return {x, w.inner_32.as<std::byte>(), w.inner_256.as<std::byte>(), tokens, k};
    }
};

// stream += scale * W in, and then(token) once it stands. Each chunk's worker adds the rows that it has computed; but a
// norm of the output needs all of it.
template <class Then>
void DecoderModel::add_to_stream(Pass& pass, const Linear& w, const LinearInput& in, const Norm& post,
                                 Then&& then) const {
    const std::size_t d = spec_.embedding;
    LinearRun product;
    product.add(w, pass.normed, d);
    const auto add = [&](const LinearRun::Piece& p, std::size_t) {
        if (spec_.post_norms) return;
        for (std::size_t t = p.token; t < p.token_end; ++t)
            pass.run.kernels.add_scaled(pass.normed + t * d + p.first, spec_.residual_scale, p.end - p.first,
                                        pass.hidden + t * d + p.first);
    };
    const auto complete = [&](std::size_t t) {
        if (spec_.post_norms) add_normed(pass, post, t);
        then(t);
    };
    product.run(pass.run, in, add, pass.w.token_blocks, complete);
}

}  // namespace hearth
