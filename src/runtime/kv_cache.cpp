#include "hearth/runtime/kv_cache.hpp"

#include <algorithm>
#include <cstring>

namespace hearth {

namespace {

std::size_t pages_of(std::size_t tokens) { return (tokens + kSpan - 1) / kSpan; }
std::size_t back(std::size_t position, std::size_t tokens) { return position - std::min(position, tokens); }

// Pages between the first key that is seen, by a pass that ends at `end` or after going back, and `end`.
std::size_t pages_before(const Reach& reach, std::size_t end, std::size_t tokens) {
    return pages_of(end) - reach.first(back(end, tokens)) / kSpan;
}

// The most pages that a group has at a time: the most of pages_before(end) for any end up to `length`.
std::size_t most_pages(const KvLayout::Group& group, std::size_t length, std::size_t chunk) {
    const Reach& reach = group.reach;
    if (reach.all()) return group.pages(length);
    const std::size_t tokens = std::max(chunk, KvCache::kRollback);
    std::size_t in_window = pages_of(length), in_chunk = in_window;
    // Keys go at the rate at which others come: the deepest span has every case.
    if (const Reach window{reach.window, 0}; reach.window != 0) {
        in_window = 0;
        for (std::size_t end = length; end > back(length, kSpan); --end)
            in_window = std::max(in_window, pages_before(window, end, tokens));
    }
    // Keys go when a pass begins beyond a multiple of the chunk: just before that they are the most. Multiples repeat
    // their place in a page after kSpan of them.
    if (const Reach chunked{0, reach.chunk}; reach.chunk != 0) {
        in_chunk = pages_before(chunked, length, tokens);
        const std::size_t last = back(length, tokens) / reach.chunk;
        for (std::size_t i = last; i > back(last, kSpan); --i)
            in_chunk = std::max(in_chunk, pages_before(chunked, i * reach.chunk - 1 + tokens, tokens));
    }
    return std::min(in_window, in_chunk);
}

}  // namespace

KvCache::KvCache(std::shared_ptr<const KvLayout> layout, std::shared_ptr<Memory> memory, std::uint64_t allowance)
    : layout_(std::move(layout)), memory_(std::move(memory)), allowance_(allowance), tables_(layout_->groups.size()) {
    for (const KvLayout::Group& g : layout_->groups) bounded_ = bounded_ || !g.reach.all();
    if (layout_->state_bytes != 0) states_.resize(layout_->layers.size());
}

std::uint64_t KvCache::bytes_for(const KvLayout& layout, std::size_t tokens, std::size_t chunk) {
    std::uint64_t bytes = layout.state_bytes;
    for (const KvLayout::Group& g : layout.groups) bytes += most_pages(g, tokens, chunk) * g.page_bytes;
    return bytes;
}

std::uint64_t KvCache::allowance_for(const KvLayout& layout, std::size_t tokens, std::size_t chunk) {
    return std::max(bytes_for(layout, tokens, chunk) / 4, 2 * std::uint64_t{layout.state_bytes});
}

std::uint64_t KvCache::own_bytes() const {
    std::uint64_t bytes = state_ != nullptr ? layout_->state_bytes : 0;
    if (before_ != nullptr && before_ != state_) bytes += layout_->state_bytes;
    for (std::size_t g = 0; g < tables_.size(); ++g) bytes += tables_[g].pages.size() * layout_->groups[g].page_bytes;
    return bytes;
}

// ---- going back -----------------------------------------------------------------------------------------------------

bool KvCache::stands_at(std::size_t position) const {
    return (layout_->state_bytes == 0 || state_position_ == position) && has_pages_at(position);
}

bool KvCache::has_pages_at(std::size_t position) const {
    for (std::size_t g = 0; g < tables_.size(); ++g)
        if (layout_->groups[g].reach.first(position) / layout_->groups[g].span() < tables_[g].begin) return false;
    return true;
}

std::size_t KvCache::reachable(std::size_t length) const {
    if (stands_at(length)) return length;
    const Checkpoint* const c = checkpoint_at_or_before(length);
    const std::size_t position = c != nullptr ? c->position : 0;
    const bool before = before_ != nullptr && before_position_ <= length && has_pages_at(before_position_);
    return before ? std::max(position, before_position_) : position;
}

std::size_t KvCache::rewind(std::size_t length) {
    const std::size_t to = reachable(length);
    if (!stands_at(to) && before_ != nullptr && before_position_ == to && has_pages_at(to)) {
        state_ = before_;
        state_position_ = to;
    }
    if (!stands_at(to)) {
        const Checkpoint* const c = checkpoint_at_or_before(to);
        // Where memory ends, nothing has changed.
        for (std::size_t g = 0; c != nullptr && g < tables_.size(); ++g)
            tables_[g].pages.reserve(c->tables[g].pages.size());
        for (std::size_t g = 0; g < tables_.size(); ++g) {
            if (layout_->groups[g].reach.all()) continue;
            Table& t = tables_[g];
            std::fill(pointers_.begin() + static_cast<std::ptrdiff_t>(g * stride_ + t.begin),
                      pointers_.begin() + static_cast<std::ptrdiff_t>(g * stride_ + t.end()), nullptr);
            t.begin = c != nullptr ? c->tables[g].begin : 0;
            if (c != nullptr)
                t.pages = c->tables[g].pages;
            else
                t.pages.clear();
            write_pointers(g, t.begin, t.end());
        }
        state_ = c != nullptr ? c->state : nullptr;
        state_position_ = to;
    }
    for (std::size_t g = 0; g < tables_.size(); ++g) {
        Table& t = tables_[g];
        const std::size_t end = std::max(layout_->groups[g].pages(to), t.begin);
        if (end >= t.end()) continue;
        std::fill(pointers_.begin() + static_cast<std::ptrdiff_t>(g * stride_ + end),
                  pointers_.begin() + static_cast<std::ptrdiff_t>(g * stride_ + t.end()), nullptr);
        t.pages.resize(end - t.begin);
    }
    while (last_checkpoint() > to) checkpoints_.pop_back();
    return to;
}

void KvCache::clear() {
    checkpoints_.clear();
    for (Table& t : tables_) t = {};
    std::ranges::fill(pointers_, nullptr);
    state_ = nullptr;
    state_position_ = 0;
    before_ = nullptr;
}

// ---- checkpoints ----------------------------------------------------------------------------------------------------

const KvCache::Checkpoint* KvCache::checkpoint_at_or_before(std::size_t position) const {
    const auto it = std::ranges::find_if(checkpoints_.rbegin(), checkpoints_.rend(),
                                         [&](const auto& c) { return c->position <= position; });
    return it != checkpoints_.rend() ? it->get() : nullptr;
}

void KvCache::checkpoint(std::size_t position, std::span<const float> logits) {
    if (!wants_checkpoints() || position <= last_checkpoint() || !stands_at(position)) return;
    auto c = std::make_shared<Checkpoint>();
    c->position = position;
    c->state = state_;
    c->tables.resize(tables_.size());
    for (std::size_t g = 0; g < tables_.size(); ++g) {
        const Reach& reach = layout_->groups[g].reach;
        if (reach.all()) continue;
        const Table& t = tables_[g];
        Table& kept = c->tables[g];
        kept.begin = std::max(reach.first(back(position, kRollback)) / kSpan, t.begin);
        for (std::size_t p = kept.begin; p < pages_of(position); ++p) kept.pages.push_back(t[p]);
    }
    if (checkpoints_.size() == kMostCheckpoints) drop_checkpoint();
    if (!logits.empty() && checkpoint_bytes() + logits.size_bytes() <= allowance_) {
        auto room = Buffer::make(memory_, logits.size_bytes(), "logits of a checkpoint", Buffer::Content::unspecified);
        if (room.ok()) {  // without them the last token is evaluated again
            c->logits = *std::move(room);
            std::ranges::copy(logits, c->logits.as<float>());
        }
    }
    checkpoints_.push_back(std::move(c));
}

std::span<const float> KvCache::logits_at(std::size_t position) const {
    const Checkpoint* const c = checkpoint_at_or_before(position);
    if (c == nullptr || c->position != position) return {};
    return {c->logits.as<float>(), c->logits.size() / sizeof(float)};
}

// The one whose neighbours lie closest together, measured by its age; the newest last.
void KvCache::drop_checkpoint() {
    const std::size_t newest = checkpoints_.size() - 1;
    std::size_t choice = newest, least = 0, age = 0;
    for (std::size_t i = 0; i < newest; ++i) {
        const std::size_t gap = checkpoints_[i + 1]->position - (i != 0 ? checkpoints_[i - 1]->position : 0);
        const std::size_t old = checkpoints_[newest]->position - checkpoints_[i]->position;
        if (choice != newest && gap * age >= least * old) continue;
        choice = i;
        least = gap;
        age = old;
    }
    checkpoints_.erase(checkpoints_.begin() + static_cast<std::ptrdiff_t>(choice));
}

std::uint64_t KvCache::kept_bytes(std::span<const Step> steps, const Buffer* state) const {
    std::uint64_t bytes = 0;
    for (auto c = checkpoints_.begin(); c != checkpoints_.end(); ++c) {
        const auto earlier = std::span(checkpoints_.begin(), c);
        bytes += (*c)->logits.size();
        if ((*c)->state.get() != state) bytes += layout_->state_bytes;
        for (std::size_t g = 0; g < tables_.size(); ++g) {
            const Table& kept = (*c)->tables[g];
            for (std::size_t p = kept.begin; p < kept.end(); ++p) {
                const bool own = p >= (steps.empty() ? 0 : steps[g].begin) && tables_[g].has(p, kept[p]);
                const auto has = [&](const auto& e) { return e->tables[g].has(p, kept[p]); };
                if (!own && std::ranges::none_of(earlier, has)) bytes += layout_->groups[g].page_bytes;
            }
        }
    }
    return bytes;
}

std::uint64_t KvCache::checkpoint_bytes() const { return kept_bytes({}, state_.get()); }

// ---- sharing --------------------------------------------------------------------------------------------------------

KvCache::Cut KvCache::cut(std::size_t position) const {
    Cut c{position, std::vector<Table>(tables_.size()), layout_->state_bytes != 0 ? state_ : nullptr};
    for (std::size_t g = 0; g < tables_.size(); ++g) {
        const KvLayout::Group& group = layout_->groups[g];
        const Table& t = tables_[g];
        Table& kept = c.tables[g];
        kept.begin = std::max(group.reach.first(back(position, kRollback)) / group.span(), t.begin);
        for (std::size_t p = kept.begin; p < group.pages(position); ++p) kept.pages.push_back(t[p]);
    }
    return c;
}

void KvCache::adopt(Cut cut) {
    const std::size_t stride = std::max(stride_, std::max<std::size_t>(2 * pages_of(cut.position), 16));
    // Where memory ends, nothing has changed.
    std::vector<std::byte*> pointers(stride * tables_.size());
    tables_ = std::move(cut.tables);
    pointers_ = std::move(pointers);
    stride_ = stride;
    for (std::size_t g = 0; g < tables_.size(); ++g) write_pointers(g, tables_[g].begin, tables_[g].end());
    if (layout_->state_bytes != 0) state_ = std::move(cut.state);
    state_position_ = cut.position;
    while (last_checkpoint() > cut.position) checkpoints_.pop_back();
}

// ---- a pass ---------------------------------------------------------------------------------------------------------

bool KvCache::alone(std::size_t group, std::size_t number) const {
    const Page& page = tables_[group][number];
    const auto own =
        std::ranges::count_if(checkpoints_, [&](const auto& c) { return c->tables[group].has(number, page); });
    return page.use_count() == 1 + own;
}

bool KvCache::is_ready(std::size_t first, std::size_t end) const {
    if (layout_->state_bytes != 0 && (state_ == nullptr || state_.use_count() != 1)) return false;
    for (std::size_t g = 0; g < tables_.size(); ++g) {
        const std::size_t span = layout_->groups[g].span(), last = layout_->groups[g].pages(end);
        if (tables_[g].end() < last) return false;
        for (std::size_t p = first / span; p < last; ++p)
            if (!alone(g, p)) return false;
    }
    return true;
}

KvCache::Step KvCache::step(std::size_t group, std::size_t first, std::size_t end) const {
    const Table& t = tables_[group];
    const KvLayout::Group& g = layout_->groups[group];
    const std::size_t span = g.span(), last = g.pages(end);
    Step s{t.begin, {}};
    for (std::size_t p = first / span; p < std::min(last, t.end()); ++p)
        if (!alone(group, p)) s.fresh.emplace_back(p, nullptr);
    const std::size_t seen = g.reach.first(std::min(first, back(end, kRollback))) / span;
    for (std::size_t p = t.end(); p < last; ++p) {
        // A page that is seen no more becomes the next one, where nobody else has it.
        const bool goes = s.begin < std::min(seen, t.end());
        const bool serves = goes && t[s.begin].use_count() == 1;
        s.fresh.emplace_back(p, serves ? t[s.begin] : nullptr);
        s.begin += goes ? 1 : 0;
    }
    return s;
}

Status KvCache::allocate(std::vector<Step>& steps, std::shared_ptr<Buffer>& state) const {
    const auto make = [&](std::size_t bytes, std::string_view what, const Buffer* content,
                          std::shared_ptr<Buffer>& to) {
        const auto empty = content == nullptr ? Buffer::Content::zero : Buffer::Content::unspecified;
        HEARTH_ASSIGN(Buffer buffer, Buffer::make(memory_, bytes, what, empty));
        if (content != nullptr) std::memcpy(buffer.data(), content->data(), bytes);
        to = std::make_shared<Buffer>(std::move(buffer));
        return Status();
    };
    for (std::size_t g = 0; g < steps.size(); ++g)
        for (auto& [number, page] : steps[g].fresh) {
            const Buffer* const content = number < tables_[g].end() ? tables_[g][number].get() : nullptr;
            if (page == nullptr)
                HEARTH_TRY(make(layout_->groups[g].page_bytes, "a page of the key-value cache", content, page));
        }
    if (layout_->state_bytes != 0 && (state_ == nullptr || state_.use_count() != 1))
        HEARTH_TRY(make(layout_->state_bytes, "the recurrent states of a sequence", state_.get(), state));
    return {};
}

void KvCache::write_pointers(std::size_t group, std::size_t from, std::size_t end) {
    for (std::size_t p = from; p < end; ++p) pointers_[group * stride_ + p] = tables_[group][p]->data();
}

// All of them anew.
void KvCache::point_to_pages(std::size_t stride) {
    pointers_ = std::vector<std::byte*>(stride * tables_.size());
    stride_ = stride;
    for (std::size_t g = 0; g < tables_.size(); ++g) write_pointers(g, tables_[g].begin, tables_[g].end());
}

void KvCache::commit(std::vector<Step>& steps, std::size_t end) {
    // All have their room before any grows: where memory ends, nothing has changed.
    for (std::size_t g = 0; g < steps.size(); ++g)
        tables_[g].pages.reserve(std::max(tables_[g].end(), layout_->groups[g].pages(end)) - tables_[g].begin);
    if (pages_of(end) > stride_) point_to_pages(std::max<std::size_t>(2 * pages_of(end), 16));
    for (std::size_t g = 0; g < steps.size(); ++g) {
        Table& t = tables_[g];
        for (auto& [number, page] : steps[g].fresh) {
            if (number < t.end())
                t[number] = std::move(page);
            else
                t.pages.push_back(std::move(page));
            pointers_[g * stride_ + number] = t[number]->data();
        }
        for (; t.begin < steps[g].begin; ++t.begin) {
            pointers_[g * stride_ + t.begin] = nullptr;
            t.pages.erase(t.pages.begin());
        }
    }
}

Status KvCache::prepare(std::size_t first, std::size_t end, bool keep) {
    before_ = keep && layout_->state_bytes != 0 ? state_ : nullptr;
    before_position_ = first;
    for (bool again = false; !is_ready(first, end);) {
        std::vector<Step> steps;
        for (std::size_t g = 0; g < tables_.size(); ++g) steps.push_back(step(g, first, end));
        if (kept_bytes(steps, nullptr) > allowance_) {
            drop_checkpoint();
            continue;
        }
        std::shared_ptr<Buffer> state;
        if (Status s = allocate(steps, state); !s.ok()) {
            if (!s.no_memory() || (checkpoints_.empty() && again)) {
                before_ = nullptr;
                return s;
            }
            // Who shared pages with the sequence may have given them up for it: then they need no copy.
            if (checkpoints_.empty()) again = true;
            else drop_checkpoint();
            continue;
        }
        commit(steps, end);
        if (state != nullptr) state_ = std::move(state);
        while (checkpoint_bytes() > allowance_) drop_checkpoint();  // of pages that have just been copied
        break;
    }
    for (std::size_t i = 0; i < states_.size(); ++i) {
        const KvLayout::Layer& l = layout_->layers[i];
        states_[i] = l.shape.state_floats == 0 ? nullptr : reinterpret_cast<float*>(state_->data() + l.state);
    }
    state_position_ = kNowhere;
    return {};
}

}  // namespace hearth
