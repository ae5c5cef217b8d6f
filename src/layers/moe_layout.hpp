// The memory of a pass through a mixture of experts, carved from one block.
#pragma once

#include "hearth/layers/moe.hpp"

namespace hearth {

// An expert with the tokens that chose it.
struct MoeJob {
    const Linear *gate, *up, *down;
    std::size_t gate_matrix, up_matrix, matrix;
    std::size_t width;        // feed-forward
    float limit;              // of what enters its gated unit
    std::size_t value;        // number of its first activated value
    std::uint32_t slot, tokens;
};

// Offsets. Slots are the (token, expert) pairs sorted by expert; after them one for each token's shared expert.
struct MoeLayout {
    std::size_t bytes = 0;
    std::size_t logits;         // float [tokens, 2, experts]: logits, scores
    std::size_t ids;            // uint32 [tokens, used]
    std::size_t weights;        // float [tokens, used]
    std::size_t slot_token;     // uint32 [slots]
    std::size_t slot_weight;    // float [slots]
    std::size_t next;           // uint32 [experts + 1]
    std::size_t jobs;           // MoeJob [experts + 1]
    std::size_t work;           // RowWork [experts + 1]: their gates and ups
    std::size_t activated;      // float [tokens * used, feed_forward], [tokens, shared_feed_forward]
    std::size_t q8_32, q8_256;  // the same values in these forms

    MoeLayout(const MoeSpec& s, const MoeForms& forms, std::size_t tokens) {
        const std::size_t f = sizeof(float), routed = tokens * s.used;
        const std::size_t slots = routed + (s.shared_feed_forward != 0 ? tokens : 0);
        const std::size_t values = routed * s.feed_forward + tokens * s.shared_feed_forward;
        logits = take(tokens * 2 * s.experts * f);
        ids = take(routed * sizeof(std::uint32_t));
        weights = take(routed * f);
        slot_token = take(slots * sizeof(std::uint32_t));
        slot_weight = take(slots * f);
        next = take((std::size_t{s.experts} + 1) * sizeof(std::uint32_t));
        jobs = take((std::size_t{s.experts} + 1) * sizeof(MoeJob));
        work = take((std::size_t{s.experts} + 1) * sizeof(RowWork));
        activated = take(values * f);
        q8_32 = take(forms.activated.q8_32 ? activation_bytes(Activation::q8_32, values) : 0);
        q8_256 = take(forms.activated.q8_256 ? activation_bytes(Activation::q8_256, values) : 0);
    }

private:
    std::size_t take(std::size_t n) {
        const std::size_t at = bytes;
        bytes += (n + 63) / 64 * 64;
        return at;
    }
};

}  // namespace hearth
