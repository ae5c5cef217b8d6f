// One pass through the shared encoder: its memory, and what its parts hand to each other.
#pragma once

#include <vector>

#include "models/encoder.hpp"

namespace hearth {

struct EncoderWorkspace final : Workspace {
    RunLimits limits;
    Buffer pages;                  // [pages, page_bytes]: keys and values of a layer
    Buffer hidden;                 // [tokens, embedding]: the stream
    Buffer normed;                 // [tokens, embedding], where norms stand before sub-layers
    Buffer branch;                 // [tokens, embedding]: what a sub-layer made of it
    Buffer columns;                // [tokens, q | k | v]
    Buffer mixed;                  // [tokens, heads * head_dim]
    Buffer gate_up;                // [tokens, 2 * feed_forward]
    Buffer activated;              // [tokens, feed_forward]
    Buffer angles;                 // [tokens, 2, rope dims / 2]: cos, sin of the main rotation, then of the local
    Buffer normed_32, normed_256;  // of a sub-layer's input
    Buffer inner_32, inner_256;    // of `mixed`, later of `activated`
    Buffer partials;
    MoeWorkspace experts;
    HeadWorkspace head;
    std::vector<Buffer> scratch;  // [workers]
    std::vector<std::byte*> page_pointers;
    std::vector<KvView> views;  // [sequences]
    std::vector<BatchToken> tokens;
    std::vector<std::int32_t> ids;
    std::vector<std::uint32_t> positions;  // [tokens], in their sequence
    std::vector<bool> of_second;           // [tokens], whether they are of a second text
    std::vector<std::uint32_t> rows;       // token index of each row of the result
    Tally activated_rows;                  // of each block of `activated`
    Tally token_blocks;                    // of a product

    // Where the batch's sequences stand in pages.
    Status place(std::span<const SequenceBatch> batch, const KvLayout& layout);
};

struct EncoderModel::Pass {
    EncoderWorkspace& w;
    RunContext run;
    std::size_t tokens;
    float *hidden, *branch;
    float* input;  // of sub-layers: `normed`, or `hidden` itself
    float *columns, *mixed, *gate_up, *activated;

    LinearInput stream_input(std::size_t k) const {
        return {input, w.normed_32.as<std::byte>(), w.normed_256.as<std::byte>(), tokens, k};
    }
    LinearInput inner_input(const float* x, std::size_t k) const {
        return {x, w.inner_32.as<std::byte>(), w.inner_256.as<std::byte>(), tokens, k};
    }
};

}  // namespace hearth
