// A cache as a blob: positions, pages (of each the tokens or rows that are there), states, and the newest checkpoint, whose
// pages are named where the sequence has them as well.
#include <algorithm>
#include <vector>

#include "hearth/base/cat.hpp"
#include "hearth/runtime/kv_cache.hpp"

namespace hearth {

namespace {

// Rows of a page that are there before `position`.
std::size_t rows_of_page(const KvLayout::Group& group, std::size_t number, std::size_t position) {
    const std::size_t rows = position / group.every;
    return std::min(kSpan, rows - std::min(rows, number * kSpan));
}

constexpr std::uint8_t kOwn = 0, kShared = 1;  // of a checkpoint's page or state: stored with it, or the sequence's

Status expect(bool good, const BlobReader& blob, std::string_view what, std::uint64_t found,
              std::string_view expected) {
    if (good) return {};
    return {Code::malformed, cat(what, " is ", found, " before byte ", blob.position(), ", expected ", expected)};
}

}  // namespace

Status KvCache::save_page(BlobWriter& blob, std::size_t group, const Page& page, std::size_t tokens) const {
    const std::size_t bytes = kv_packed_bytes(*layout_, group, tokens);
    if (!blob.keeps()) {
        blob.skip(bytes);
        return {};
    }
    std::vector<std::byte> packed(bytes);
    kv_pack(*layout_, group, page->data(), tokens, packed.data());
    return blob.bytes(packed);
}

Result<KvCache::Page> KvCache::restore_page(BlobReader& blob, std::size_t group, std::size_t tokens) const {
    const std::size_t bytes = kv_packed_bytes(*layout_, group, tokens);
    std::vector<std::byte> packed(std::min<std::uint64_t>(bytes, blob.left()));  // no more than there is
    packed.resize(packed.size() < bytes ? 0 : bytes);
    if (packed.size() < bytes)
        return Status(Code::malformed, cat("ends within a page of the key-value cache, which takes ", bytes,
                                           " bytes from byte ", blob.position()));
    HEARTH_TRY(blob.bytes(packed, "a page of the key-value cache"));
    HEARTH_ASSIGN(Buffer page,
                  Buffer::make(memory_, layout_->groups[group].page_bytes, "a page of the key-value cache"));
    kv_unpack(*layout_, group, packed.data(), tokens, page.data());
    return std::make_shared<Buffer>(std::move(page));
}

Result<KvCache::Table> KvCache::restore_table(BlobReader& blob, std::size_t group, std::size_t position) const {
    HEARTH_ASSIGN(const auto begin, blob.value<std::uint64_t>("the first page of a group of layers"));
    const std::size_t seen = layout_->groups[group].reach.first(position) / layout_->groups[group].span();
    HEARTH_TRY(expect(begin <= seen, blob, cat("the first page of group ", group), begin,
                      cat("at most ", seen, ", the first that is seen")));
    Table table;
    table.begin = static_cast<std::size_t>(begin);
    return table;
}

Status KvCache::save_checkpoint(BlobWriter& blob, const Checkpoint& c) const {
    HEARTH_TRY(blob.value(std::uint64_t{c.position}));
    if (layout_->state_bytes != 0) {
        HEARTH_TRY(blob.value(c.state == state_ ? kShared : kOwn));
        if (c.state != state_) HEARTH_TRY(blob.bytes(c.state->bytes()));
    }
    for (std::size_t g = 0; g < tables_.size(); ++g) {
        if (layout_->groups[g].reach.all()) continue;
        const Table& t = c.tables[g];
        HEARTH_TRY(blob.value(std::uint64_t{t.begin}));
        for (std::size_t p = t.begin; p < t.end(); ++p) {
            const bool shared = tables_[g].has(p, t[p]);
            HEARTH_TRY(blob.value(shared ? kShared : kOwn));
            if (!shared) HEARTH_TRY(save_page(blob, g, t[p], rows_of_page(layout_->groups[g], p, c.position)));
        }
    }
    HEARTH_TRY(blob.value(std::uint64_t{c.logits.size() / sizeof(float)}));
    return blob.bytes({c.logits.data(), c.logits.size()});
}

Status KvCache::save(BlobWriter& blob, std::size_t position) const {
    if (!stands_at(position) && position != 0)
        return {Code::internal, cat("a cache that does not stand at position ", position, " cannot be saved there")};
    for (std::size_t g = 0; g < tables_.size(); ++g) {
        const Table& t = tables_[g];
        HEARTH_TRY(blob.value(std::uint64_t{position == 0 ? 0 : t.begin}));
        for (std::size_t p = t.begin; p < layout_->groups[g].pages(position); ++p)
            HEARTH_TRY(save_page(blob, g, t[p], rows_of_page(layout_->groups[g], p, position)));
    }
    if (layout_->state_bytes != 0 && position != 0) HEARTH_TRY(blob.bytes(state_->bytes()));
    const bool kept = last_checkpoint() != 0 && last_checkpoint() <= position;
    HEARTH_TRY(blob.value(std::uint8_t{kept}));
    return kept ? save_checkpoint(blob, *checkpoints_.back()) : Status();
}

Result<std::shared_ptr<const KvCache::Checkpoint>> KvCache::restore_checkpoint(BlobReader& blob, std::size_t position,
                                                                               std::size_t vocab) const {
    auto c = std::make_shared<Checkpoint>();
    HEARTH_ASSIGN(const auto at, blob.value<std::uint64_t>("the position of a checkpoint"));
    HEARTH_TRY(expect(at != 0 && at <= position, blob, "the position of a checkpoint", at, cat("1 to ", position)));
    c->position = static_cast<std::size_t>(at);
    const auto shared = [&](std::string_view what) -> Result<bool> {
        HEARTH_ASSIGN(const auto mark, blob.value<std::uint8_t>(what));
        HEARTH_TRY(expect(mark == kOwn || mark == kShared, blob, what, mark, "0 or 1"));
        return mark == kShared;
    };
    if (layout_->state_bytes != 0) {
        HEARTH_ASSIGN(const bool same, shared("the mark of a checkpoint's states"));
        HEARTH_TRY(expect(!same || at == position, blob, "the position of a checkpoint with the sequence's states", at,
                          cat(position)));
        c->state = state_;
        if (!same) {
            HEARTH_ASSIGN(Buffer state, Buffer::make(memory_, layout_->state_bytes, "the states of a checkpoint",
                                                     Buffer::Content::unspecified));
            HEARTH_TRY(blob.bytes(state.bytes(), "the states of a checkpoint"));
            c->state = std::make_shared<Buffer>(std::move(state));
        }
    }
    c->tables.resize(tables_.size());
    for (std::size_t g = 0; g < tables_.size(); ++g) {
        if (layout_->groups[g].reach.all()) continue;
        Table& t = c->tables[g];
        HEARTH_ASSIGN(t, restore_table(blob, g, c->position));
        for (std::size_t p = t.begin; p < layout_->groups[g].pages(c->position); ++p) {
            HEARTH_ASSIGN(const bool same, shared("the mark of a checkpoint's page"));
            HEARTH_TRY(expect(!same || p >= tables_[g].begin, blob,
                              "the number of a page of a checkpoint and the sequence", p,
                              cat(tables_[g].begin, " at least")));
            Page page;
            if (same) {
                page = tables_[g][p];
            } else {
                HEARTH_ASSIGN(page, restore_page(blob, g, rows_of_page(layout_->groups[g], p, c->position)));
            }
            t.pages.push_back(std::move(page));
        }
    }
    HEARTH_ASSIGN(const auto logits, blob.value<std::uint64_t>("the number of logits of a checkpoint"));
    HEARTH_TRY(expect(logits == 0 || logits == vocab, blob, "the number of logits of a checkpoint", logits,
                      cat("0 or ", vocab)));
    if (logits != 0) {
        HEARTH_ASSIGN(c->logits, Buffer::make(memory_, vocab * sizeof(float), "logits of a checkpoint",
                                              Buffer::Content::unspecified));
        HEARTH_TRY(blob.bytes(c->logits.bytes(), "the logits of a checkpoint"));
    }
    return std::shared_ptr<const Checkpoint>(std::move(c));
}

Result<KvCache> KvCache::restored(BlobReader& blob, std::size_t position, std::size_t vocab) const {
    KvCache cache(layout_, memory_, allowance_);
    for (std::size_t g = 0; g < tables_.size(); ++g) {
        Table& t = cache.tables_[g];
        HEARTH_ASSIGN(t, restore_table(blob, g, position));
        for (std::size_t p = t.begin; p < layout_->groups[g].pages(position); ++p) {
            HEARTH_ASSIGN(Page page, restore_page(blob, g, rows_of_page(layout_->groups[g], p, position)));
            t.pages.push_back(std::move(page));
        }
    }
    if (layout_->state_bytes != 0 && position != 0) {
        HEARTH_ASSIGN(Buffer state, Buffer::make(memory_, layout_->state_bytes, "the recurrent states of a sequence",
                                                 Buffer::Content::unspecified));
        HEARTH_TRY(blob.bytes(state.bytes(), "the recurrent states"));
        cache.state_ = std::make_shared<Buffer>(std::move(state));
    }
    cache.state_position_ = position;
    HEARTH_ASSIGN(const auto kept, blob.value<std::uint8_t>("the mark of a checkpoint"));
    HEARTH_TRY(expect(kept <= 1, blob, "the number of checkpoints", kept, "0 or 1"));
    if (kept != 0) {
        HEARTH_ASSIGN(auto c, cache.restore_checkpoint(blob, position, vocab));
        cache.checkpoints_.push_back(std::move(c));
    }
    if (!cache.wants_checkpoints() || cache.checkpoint_bytes() > allowance_) cache.checkpoints_.clear();
    cache.point_to_pages((position + kSpan - 1) / kSpan);
    return cache;
}

}  // namespace hearth
