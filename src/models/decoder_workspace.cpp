// How much memory a pass through the shared decoder takes.
#include <algorithm>

#include "models/decoder_pass.hpp"

namespace hearth {

DecoderWorkspaceSizes decoder_workspace_sizes(const DecoderSpec& s, const MoeForms& forms, std::size_t widest_head,
                                              const RunLimits& limits) {
    DecoderWorkspaceSizes z{};
    const std::size_t t = limits.tokens, f = sizeof(float);
    std::size_t feed_forward = 0, mixed = 0, columns = 0, partials = 0;  // of the widest layers
    for (const LayerSpec& l : s.layers) {
        if (!l.experts || s.experts_beside_dense) feed_forward = std::max(feed_forward, std::size_t{l.feed_forward});
        const MixerSizes sizes = mixer_sizes(s, l, limits);
        mixed = std::max(mixed, sizes.mixed);
        columns = std::max(columns, sizes.columns);
        partials = std::max(partials, sizes.partials);
        z.tallies = std::max(z.tallies, sizes.tallies);
    }
    const std::size_t activated = std::max({feed_forward, std::size_t{s.layer_embedding}, std::size_t{s.laurel}});
    const std::size_t inner = std::max(activated, mixed);
    z.tokens = t;
    z.feed_forward = feed_forward;
    z.hidden = t * s.embedding * f;
    z.normed = z.hidden;
    z.branch = s.experts_beside_dense || s.laurel != 0 ? z.hidden : 0;
    z.layer_inputs = t * s.layer_embedding * s.layers.size() * f;
    z.streams = s.streams != 1 || s.predicts ? 2 * s.streams * z.hidden : 0;
    z.mix = s.mixes_streams() ? t * s.streams * (s.streams + 2) * f : s.streams != 1 ? t * s.streams * f : 0;
    const std::size_t together = (s.mixes_streams() ? std::size_t{s.streams} : s.predicts ? 2 : 0) * s.embedding;
    z.streams_32 = t * activation_bytes(Activation::q8_32, together);
    z.streams_256 = t * activation_bytes(Activation::q8_256, together);
    z.columns = t * columns * f;
    z.mixed = t * mixed * f;
    z.partials = partials * f;
    z.gate_up = t * 2 * feed_forward * f;
    z.activated = t * activated * f;
    z.angles = t * (s.rope.dims + s.local_rope.dims) * f;
    z.normed_32 = t * activation_bytes(Activation::q8_32, s.embedding);
    z.normed_256 = t * activation_bytes(Activation::q8_256, s.embedding);
    z.inner_32 = t * activation_bytes(Activation::q8_32, inner);
    z.inner_256 = t * activation_bytes(Activation::q8_256, inner);
    z.experts = MoeWorkspace::bytes(s.moe, forms, t);
    z.head = widest_head != 0 ? HeadWorkspace::bytes(widest_head) : 0;
    return z;
}

std::uint64_t DecoderWorkspaceSizes::total(std::size_t workers, std::size_t scratch_bytes) const {
    return hidden + normed + branch + layer_inputs + streams + mix + columns + mixed + gate_up + activated + angles +
           normed_32 + normed_256 + inner_32 + inner_256 + streams_32 + streams_256 + partials + experts + head + workers * scratch_bytes;
}

std::uint64_t DecoderModel::workspace_bytes(const RunLimits& limits) const {
    return decoder_workspace_sizes(spec_, moe_forms_, widest_head_, limits).total(limits.workers, scratch_bytes_);
}

Result<std::unique_ptr<Workspace>> DecoderModel::make_workspace(const RunLimits& limits,
                                                                std::shared_ptr<Memory> memory) const {
    auto w = std::make_unique<DecoderWorkspace>();
    const DecoderWorkspaceSizes z = decoder_workspace_sizes(spec_, moe_forms_, widest_head_, limits);
    w->limits = limits;
    const std::pair<Buffer*, std::size_t> buffers[] = {{&w->hidden, z.hidden},
                                                       {&w->normed, z.normed},
                                                       {&w->branch, z.branch},
                                                       {&w->layer_inputs, z.layer_inputs},
                                                       {&w->streams, z.streams},
                                                       {&w->mix, z.mix},
                                                       {&w->columns, z.columns},
                                                       {&w->mixed, z.mixed},
                                                       {&w->gate_up, z.gate_up},
                                                       {&w->activated, z.activated},
                                                       {&w->angles, z.angles},
                                                       {&w->normed_32, z.normed_32},
                                                       {&w->normed_256, z.normed_256},
                                                       {&w->inner_32, z.inner_32},
                                                       {&w->inner_256, z.inner_256},
                                                       {&w->streams_32, z.streams_32},
                                                       {&w->streams_256, z.streams_256},
                                                       {&w->partials, z.partials}};
    for (auto [buffer, bytes] : buffers) {
        HEARTH_ASSIGN(*buffer, Buffer::make(memory, bytes, "the workspace of a forward pass"));
    }
    HEARTH_ASSIGN(w->experts, MoeWorkspace::make(memory, spec_.moe, moe_forms_, limits.tokens, limits.workers));
    HEARTH_ASSIGN(w->head, HeadWorkspace::make(memory, widest_head_));
    for (std::size_t i = 0; i < limits.workers; ++i) {
        HEARTH_ASSIGN(Buffer b, Buffer::make(memory, scratch_bytes_, "the scratch memory of a worker"));
        w->scratch.push_back(std::move(b));
    }
    w->activated_rows = Tally(z.feed_forward / kLanes + 1);
    w->token_blocks = Tally(limits.workers);
    w->mixer = Tally(z.tallies);
    w->tokens.reserve(limits.tokens);
    w->ids.reserve(limits.tokens);
    w->long_context.reserve(limits.tokens);
    w->logit_rows.reserve(limits.tokens);
    if (spec_.predicts) w->inputs.reserve(limits.tokens);
    w->memory = std::move(memory);
    return std::unique_ptr<Workspace>(std::move(w));
}

}  // namespace hearth
