// How much memory a pass through the shared encoder takes, and where its sequences stand in it.
#include <algorithm>

#include "models/encoder_pass.hpp"

namespace hearth {

namespace {

constexpr std::size_t round16(std::size_t n) { return (n + 15) / 16 * 16; }

}  // namespace

EncoderSizes::EncoderSizes(const EncoderSpec& s, const MoeForms& forms, std::size_t widest_head,
                           const RunLimits& limits) {
    const std::size_t t = limits.tokens, f = sizeof(float), d = s.embedding;
    const EncoderColumns row(s);
    const std::size_t inner = std::max<std::size_t>(s.feed_forward, row.keys);
    const KvShape shape{s.kv_heads, s.head_dim, s.head_dim};
    page_bytes = KvLayout::make(KvType::f32, {&shape, 1}).page_bytes;
    // Of two neighbouring pages at least one page's worth is taken, but for what follows the last sequence.
    pages = 2 * (t + 16 * limits.sequences) / kSpan + 2;
    hidden = t * d * f;
    normed = s.pre_norm ? hidden : 0;
    branch = hidden;
    columns = t * row.width * f;
    mixed = t * row.keys * f;
    gate_up = t * (s.form == EncoderSpec::FeedForward::plain ? 1 : 2) * s.feed_forward * f;
    activated = t * s.feed_forward * f;
    angles = t * (s.rope.dims + s.local_rope.dims) * f;
    normed_32 = t * activation_bytes(Activation::q8_32, d);
    normed_256 = t * activation_bytes(Activation::q8_256, d);
    inner_32 = t * activation_bytes(Activation::q8_32, inner);
    inner_256 = t * activation_bytes(Activation::q8_256, inner);
    partials = attention_partials(limits.workers, t, s.heads / s.kv_heads, s.head_dim, limits.positions) * f;
    experts = MoeWorkspace::bytes(s.moe, forms, t);
    head = widest_head != 0 ? HeadWorkspace::bytes(widest_head) : 0;
}

std::uint64_t EncoderSizes::total(std::size_t workers, std::size_t scratch_bytes) const {
    return pages * page_bytes + hidden + normed + branch + columns + mixed + gate_up + activated + angles + normed_32 +
           normed_256 + inner_32 + inner_256 + partials + experts + head + workers * scratch_bytes;
}

std::uint64_t EncoderModel::workspace_bytes(const RunLimits& limits) const {
    return EncoderSizes(spec_, moe_forms_, widest_head_, limits).total(limits.workers, scratch_bytes_);
}

Result<std::unique_ptr<Workspace>> EncoderModel::make_workspace(const RunLimits& limits,
                                                                std::shared_ptr<Memory> memory) const {
    auto w = std::make_unique<EncoderWorkspace>();
    const EncoderSizes z(spec_, moe_forms_, widest_head_, limits);
    w->limits = limits;
    const std::pair<Buffer*, std::size_t> buffers[] = {{&w->pages, z.pages * z.page_bytes},
                                                       {&w->hidden, z.hidden},
                                                       {&w->normed, z.normed},
                                                       {&w->branch, z.branch},
                                                       {&w->columns, z.columns},
                                                       {&w->mixed, z.mixed},
                                                       {&w->gate_up, z.gate_up},
                                                       {&w->activated, z.activated},
                                                       {&w->angles, z.angles},
                                                       {&w->normed_32, z.normed_32},
                                                       {&w->normed_256, z.normed_256},
                                                       {&w->inner_32, z.inner_32},
                                                       {&w->inner_256, z.inner_256},
                                                       {&w->partials, z.partials}};
    for (auto [buffer, bytes] : buffers) {
        HEARTH_ASSIGN(*buffer, Buffer::make(memory, bytes, "the workspace of a pass"));
    }
    HEARTH_ASSIGN(w->experts, MoeWorkspace::make(memory, spec_.moe, moe_forms_, limits.tokens, limits.workers));
    HEARTH_ASSIGN(w->head, HeadWorkspace::make(memory, widest_head_));
    for (std::size_t i = 0; i < limits.workers; ++i) {
        HEARTH_ASSIGN(Buffer scratch, Buffer::make(memory, scratch_bytes_, "a worker's scratch"));
        w->scratch.push_back(std::move(scratch));
    }
    for (std::size_t i = 0; i < z.pages; ++i) w->page_pointers.push_back(w->pages.data() + i * z.page_bytes);
    w->activated_rows = Tally(panels_of(spec_.feed_forward));
    w->token_blocks = Tally(limits.workers);
    return std::unique_ptr<Workspace>(std::move(w));
}

// A sequence that fits into a page stands in one, from a multiple of 16 on, perhaps among others; a longer one begins
// with a page. So spans and lanes of its keys are the same wherever it stands.
Status EncoderWorkspace::place(std::span<const SequenceBatch> batch, const KvLayout& layout) {
    views.clear();
    views.reserve(batch.size());  // tokens point to them
    tokens.clear();
    ids.clear();
    positions.clear();
    of_second.clear();
    rows.clear();
    std::size_t slot = 0;
    for (const SequenceBatch& s : batch) {
        const std::size_t n = s.tokens.size(), left = kSpan - slot % kSpan;
        if (left < std::min(n, kSpan)) slot += left;
        const std::size_t page = slot / kSpan, first = slot % kSpan;
        slot += round16(n);
        if (slot > page_pointers.size() * kSpan || n > limits.positions || s.position != 0)
            return {Code::internal, cat("a sequence of ", n, " tokens does not fit into the pass")};
        views.push_back({&layout, page_pointers.data() + page});
        for (std::size_t i = 0; i < n; ++i) {
            if (i >= s.logits_from) rows.push_back(static_cast<std::uint32_t>(tokens.size()));
            tokens.push_back({&views.back(), first + i, first, first + n});
            ids.push_back(s.tokens[i]);
            positions.push_back(static_cast<std::uint32_t>(i));
            of_second.push_back(i >= s.second_text);
        }
    }
    if (tokens.size() > limits.tokens)
        return {Code::internal, cat("a pass of ", tokens.size(), " tokens, planned for ", limits.tokens)};
    return {};
}

}  // namespace hearth
