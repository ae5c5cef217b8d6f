#include "hearth/runtime/prefix_store.hpp"

#include <algorithm>
#include <functional>
#include <new>
#include <optional>

#include "runtime/prefix_folder.hpp"
#include "runtime/prefix_part.hpp"

namespace hearth {

namespace {

// Of the pages' layout and of the arithmetic that filled them: one more when any of them changes.
constexpr std::uint64_t kVersion = 1;
// Files that are looked into for one prompt, beside blocks that are all of it.
constexpr std::size_t kMostEnds = 256;
// What a part takes beside its pages, about.
constexpr std::uint64_t kOverhead = 512;

using Parts = std::vector<std::shared_ptr<const PrefixPart>>;

template <class Each>
void each_buffer(const PrefixPart& part, const Each& each) {
    for (const KvCache::Table& t : part.cut.tables)
        for (const KvCache::Page& page : t.pages) each(page);
    if (part.cut.state != nullptr) each(part.cut.state);
    if (part.logits != nullptr) each(part.logits);
}

std::uint64_t overhead(const PrefixPart& part) { return kOverhead + part.tokens.size() * sizeof(std::int32_t); }

// Blocks from the first on, then the end where there is one. tokens: all of the cut's.
Parts split(const KvLayout& layout, const std::vector<Hash128>& keys, std::span<const std::int32_t> tokens,
            const KvCache::Cut& cut, const std::shared_ptr<const Buffer>& logits) {
    Parts parts;
    const std::size_t blocks = tokens.size() / kSpan;
    const auto make = [&](std::size_t from, std::size_t end, bool block) {
        auto part = std::make_shared<PrefixPart>();
        const auto own = tokens.subspan(from, end - from);
        part->parent = keys[from / kSpan];
        part->key = prefix_key(part->parent, own, block);
        part->tokens.assign(own.begin(), own.end());
        part->block = block;
        part->cut.position = end;
        part->cut.tables.resize(layout.groups.size());
        return part;
    };
    for (std::size_t n = 0; n < blocks; ++n) {
        auto part = make(n * kSpan, (n + 1) * kSpan, true);
        for (std::size_t g = 0; g < layout.groups.size(); ++g)
            if (plain(layout.groups[g])) part->cut.tables[g] = {n, {cut.tables[g][n]}};
        parts.push_back(std::move(part));
    }
    if (PrefixStore::anywhere(layout) && tokens.size() % kSpan == 0) return parts;
    auto part = make(blocks * kSpan, tokens.size(), false);
    for (std::size_t g = 0; g < layout.groups.size(); ++g) {
        if (!plain(layout.groups[g]))
            part->cut.tables[g] = cut.tables[g];
        else if (tokens.size() % kSpan != 0)
            part->cut.tables[g] = {blocks, {cut.tables[g][blocks]}};
    }
    part->cut.state = cut.state;
    part->known = logits != nullptr;
    part->logits = logits;
    parts.push_back(std::move(part));
    return parts;
}

// Of layouts whose blocks have no pages.
std::shared_ptr<const PrefixPart> empty_block(const KvLayout& layout, const Hash128& parent, const Hash128& key,
                                              std::span<const std::int32_t> tokens, std::size_t position) {
    auto part = std::make_shared<PrefixPart>();
    part->parent = parent;
    part->key = key;
    part->tokens.assign(tokens.begin(), tokens.end());
    part->block = true;
    part->cut.position = position;
    part->cut.tables.resize(layout.groups.size());
    return part;
}

// What blocks and an end have together, for a cache that goes on at `position`. last: null where blocks reach that far.
KvCache::Cut joined(const KvLayout& layout, const Parts& blocks, const PrefixPart* last, std::size_t position) {
    KvCache::Cut cut{position, std::vector<KvCache::Table>(layout.groups.size()),
                     last != nullptr ? last->cut.state : nullptr};
    for (std::size_t g = 0; g < layout.groups.size(); ++g) {
        const std::size_t pages = layout.groups[g].pages(position);
        KvCache::Table& t = cut.tables[g];
        if (!plain(layout.groups[g])) {
            t = last->cut.tables[g];
            t.pages.resize(std::max(pages, t.begin) - t.begin);
            continue;
        }
        for (std::size_t p = 0; p < pages; ++p)
            t.pages.push_back(last != nullptr && p == last->begin() / kSpan ? last->cut.tables[g][p]
                                                                            : blocks[p]->cut.tables[g][p]);
    }
    return cut;
}

}  // namespace

std::shared_ptr<PrefixStore> PrefixStore::make(std::shared_ptr<Memory> memory, const PrefixStoreOptions& options) {
    return std::make_shared<PrefixStore>(std::move(memory), options);
}

PrefixStore::PrefixStore(std::shared_ptr<Memory> memory, const PrefixStoreOptions& options)
    : memory_(std::move(memory)),
      memory_bytes_(options.memory_bytes != 0 ? options.memory_bytes : memory_->left() / 4),
      folder_(options.folder.empty()
                  ? nullptr
                  : std::make_unique<PrefixFolder>(
                        options.folder, options.folder_bytes != 0 ? options.folder_bytes : kFolderBytes, options.log)) {
    memory_->add(this);
}

PrefixStore::~PrefixStore() { memory_->remove(this); }

Hash128 PrefixStore::origin(const KvLayout& layout, const Hash128& computes) {
    Hasher h;
    h.add(kVersion);
    h.add(computes);
    h.add(static_cast<std::uint64_t>(layout.type));
    h.add(std::uint64_t{layout.state_bytes});
    for (const KvLayout::Group& g : layout.groups)
        for (const std::size_t n : {g.page_bytes, g.every, g.reach.window, g.reach.chunk}) h.add(std::uint64_t{n});
    return h.digest();
}

bool PrefixStore::anywhere(const KvLayout& layout) {
    return layout.state_bytes == 0 && std::ranges::all_of(layout.groups, plain);
}

// ---- looking --------------------------------------------------------------------------------------------------------

PrefixStore::Walk PrefixStore::walk(const Hash128& origin, const KvLayout& layout,
                                    std::span<const std::int32_t> tokens) const {
    Walk w{prefix_keys(origin, tokens), {}, {}};
    const bool any = anywhere(layout);
    const std::lock_guard lock(mutex_);
    auto at = entries_.find(origin);
    while (at != entries_.end()) {
        const std::size_t n = w.blocks.size();
        auto next = n + 1 < w.keys.size() ? entries_.find(w.keys[n + 1]) : entries_.end();
        if (next != entries_.end() &&
            (next->second.parent != &at->second ||
             !std::ranges::equal(next->second.part->tokens, tokens.subspan(n * kSpan, kSpan))))
            next = entries_.end();
        for (const Entry* child : at->second.children)
            if (any ? next == entries_.end() : !child->part->block) w.ends.push_back(child->part);
        if (next != entries_.end()) w.blocks.push_back(next->second.part);
        at = next;
    }
    return w;
}

PrefixStore::Found PrefixStore::find(const PrefixUse& use, const KvLayout& layout, std::span<const std::int32_t> tokens,
                                     std::size_t from, std::size_t rows) {
    try {
        return found(use, layout, tokens, from, rows);
    } catch (const std::bad_alloc&) {
        return {};  // then it is computed
    }
}

PrefixStore::Found PrefixStore::found(const PrefixUse& use, const KvLayout& layout,
                                      std::span<const std::int32_t> tokens, std::size_t from, std::size_t rows) {
    const Walk w = walk(use.origin, layout, tokens);
    Way way = by_memory(w, layout, tokens, rows);
    if (folder_ != nullptr && way.position < tokens.size() - rows)
        way = by_files(w, std::move(way), use, layout, tokens, rows);
    Found result;
    if (way.position > from) {
        result.cut = joined(layout, way.blocks, way.last.get(), way.position);
        if (way.last != nullptr && way.position == tokens.size()) result.logits = way.last->logits;
        if (way.last != nullptr) way.blocks.push_back(way.last);
        insert(way.blocks, anywhere(layout));  // they are used now
        if (folder_ != nullptr) folder_->use(way.blocks);
    }
    const std::lock_guard lock(mutex_);
    ++stats_.lookups;
    stats_.asked_tokens += tokens.size() - from;
    stats_.found_tokens += way.position > from ? way.position - from : 0;
    return result;
}

PrefixStore::Way PrefixStore::by_memory(const Walk& w, const KvLayout& layout, std::span<const std::int32_t> tokens,
                                        std::size_t rows) const {
    Way way;
    if (anywhere(layout)) way.position = std::min(w.blocks.size() * kSpan, tokens.size() - rows);
    for (const Part& end : w.ends) {
        const std::size_t common = end->begin() + common_tokens(end->tokens, tokens.subspan(end->begin()));
        const std::size_t to = prefix_end(*end, layout, common, tokens.size(), rows);
        if (to <= way.position) continue;
        way.position = to;
        way.last = end;
    }
    const std::size_t blocks = way.last != nullptr ? way.last->begin() / kSpan : (way.position + kSpan - 1) / kSpan;
    way.blocks.assign(w.blocks.begin(), w.blocks.begin() + static_cast<std::ptrdiff_t>(blocks));
    return way;
}

PrefixStore::Way PrefixStore::by_files(const Walk& w, Way way, const PrefixUse& use, const KvLayout& layout,
                                       std::span<const std::int32_t> tokens, std::size_t rows) {
    const PrefixFolder::Subject subject{use.origin, layout, tokens, use.vocab};
    const bool any = anywhere(layout), paged = std::ranges::any_of(layout.groups, plain);
    const PrefixFolder::Listing files = folder_->list();
    const std::size_t limit = tokens.size() - rows;
    // As far as there are blocks, of whatever kind.
    std::size_t reach = w.blocks.size();
    while (reach + 1 < w.keys.size() && (!paged || files.has(w.keys[reach], w.keys[reach + 1], (reach + 1) * kSpan)))
        ++reach;
    struct End {
        PrefixFolder::File file;
        std::size_t blocks = 0;  // before it
    };
    std::vector<End> ends;
    for (std::size_t n = any ? reach : 0; n <= reach; ++n)
        for (const PrefixFolder::File& file : files.behind(w.keys[n]))
            if (any || file.position - n * kSpan < kSpan) ends.push_back({file, n});
    std::ranges::sort(ends, std::greater(), [](const End& end) { return end.file.position; });
    ends.resize(std::min(ends.size(), kMostEnds));
    std::size_t best = std::max(way.position, any ? std::min(reach * kSpan, limit) : 0);
    std::optional<End> last;
    for (const End& end : ends) {
        if (!any && end.file.position <= best) break;
        std::size_t common = 0;
        const Part part = folder_->look(end.file, subject, common);
        const std::size_t to = part != nullptr ? prefix_end(*part, layout, common, tokens.size(), rows) : 0;
        if (to <= best) continue;
        best = to;
        last = end;
    }
    if (best <= way.position) return way;

    // Blocks that are not in memory, and the last part.
    const std::size_t blocks = last ? last->blocks : (best + kSpan - 1) / kSpan,
                      have = std::min(w.blocks.size(), blocks);
    Parts loaded(blocks - have + (last ? 1 : 0));
    const auto load = [&](std::size_t i) {
        const std::size_t n = have + i;
        std::size_t common = 0;
        if (n == blocks) {
            const Part part = folder_->load(last->file, subject, memory_, common);
            if (part != nullptr && prefix_end(*part, layout, common, tokens.size(), rows) == best) loaded[i] = part;
        } else if (!paged) {
            loaded[i] =
                empty_block(layout, w.keys[n], w.keys[n + 1], tokens.subspan(n * kSpan, kSpan), (n + 1) * kSpan);
        } else {
            const Part part = folder_->load({w.keys[n], w.keys[n + 1], (n + 1) * kSpan}, subject, memory_, common);
            if (part != nullptr && part->block && common == (n + 1) * kSpan) loaded[i] = part;
        }
    };
    const auto load_or_not = [&](std::size_t i) {
        try {
            load(i);
        } catch (const std::bad_alloc&) {
            // Then there is no such part.
        }
    };
    if (use.executor != nullptr)
        parallel_for(*use.executor, loaded.size(), [&](std::size_t i, std::size_t) { load_or_not(i); });
    else
        for (std::size_t i = 0; i < loaded.size(); ++i) load_or_not(i);

    Way further;
    further.blocks.assign(w.blocks.begin(), w.blocks.begin() + static_cast<std::ptrdiff_t>(have));
    while (further.blocks.size() < blocks && loaded[further.blocks.size() - have] != nullptr)
        further.blocks.push_back(loaded[further.blocks.size() - have]);
    const bool all = further.blocks.size() == blocks;
    if (all && last) further.last = loaded.back();
    if (all && (!last || further.last != nullptr))
        further.position = best;
    else if (any)
        further.position = std::min(further.blocks.size() * kSpan, limit);
    return further.position > way.position ? further : way;
}

// ---- keeping --------------------------------------------------------------------------------------------------------

void PrefixStore::put(const PrefixUse& use, const KvLayout& layout, std::span<const std::int32_t> tokens,
                      const KvCache::Cut& cut, std::span<const float> logits) {
    try {
        std::shared_ptr<const Buffer> kept;
        // Others compute the last token again.
        if (layout.state_bytes != 0 && !logits.empty()) {
            auto room =
                Buffer::make(memory_, logits.size_bytes(), "logits of a stored prefix", Buffer::Content::unspecified);
            if (room.ok()) {
                std::ranges::copy(logits, room->as<float>());
                kept = std::make_shared<const Buffer>(*std::move(room));
            }
        }
        const Parts parts = split(layout, prefix_keys(use.origin, tokens), tokens, cut, kept);
        const Parts gone = insert(parts, anywhere(layout));
        if (folder_ == nullptr) return;
        folder_->keep(parts, {use.origin, layout, tokens, use.vocab}, use.executor);
        for (const Part& part : gone) folder_->remove(*part);
    } catch (const std::bad_alloc&) {
        // Then it is not kept.
    }
}

// Where caches go on after any token, a part that begins another has nothing that the other has not.
bool PrefixStore::superseded(Entry& parent, const PrefixPart& part) const {
    return !part.block && std::ranges::any_of(parent.children, [&](const Entry* other) {
        return other->part->tokens.size() > part.tokens.size() &&
               common_tokens(part.tokens, other->part->tokens) == part.tokens.size();
    });
}

void PrefixStore::remove_superseded(Entry& parent, const PrefixPart& by, std::vector<Part>& gone) {
    for (std::size_t i = 0; i < parent.children.size();) {
        const Part part = parent.children[i]->part;
        if (part->block || part->tokens.size() >= by.tokens.size() ||
            common_tokens(part->tokens, by.tokens) != part->tokens.size()) {
            ++i;
            continue;
        }
        gone.push_back(part);
        remove(parent.children[i]);
    }
}

// Each the parent of the next; those that are there count as used.
std::vector<PrefixStore::Part> PrefixStore::insert(std::span<const Part> parts, bool anywhere) {
    std::vector<Part> gone;
    if (parts.empty()) return gone;
    const std::lock_guard lock(mutex_);
    Entry* parent = &entries_[parts.front()->parent];  // a root, but for the first it may be new
    std::vector<Entry*> path;
    for (const Part& part : parts) {
        auto at = entries_.find(part->key);
        if (at != entries_.end() && (at->second.parent != parent || at->second.part->tokens != part->tokens)) break;
        if (at == entries_.end()) {
            if (anywhere && superseded(*parent, *part)) break;
            // All that may run out of memory comes first.
            parent->children.reserve(parent->children.size() + 1);
            std::list<Entry*> place(1);
            at = entries_.try_emplace(part->key).first;
            if (!hold(*part)) {
                entries_.erase(at);
                break;
            }
            at->second.part = part;
            at->second.parent = parent;
            at->second.place = place.begin();
            place.front() = &at->second;
            used_.splice(used_.begin(), place);
            parent->children.push_back(&at->second);
            if (anywhere) remove_superseded(*parent, *part, gone);
        } else if (part->known && !at->second.part->known) {
            if (!hold(*part)) break;
            release(*at->second.part);
            at->second.part = part;
        }
        parent = &at->second;
        path.push_back(parent);
    }
    for (auto it = path.rbegin(); it != path.rend(); ++it) used_.splice(used_.begin(), used_, (*it)->place);
    evict();
    return gone;
}

// False, without a change, where memory for that is refused.
bool PrefixStore::hold(const PrefixPart& part) {
    try {
        each_buffer(part, [&](const auto& buffer) { held_.try_emplace(buffer.get(), Held{buffer, 0}); });
    } catch (const std::bad_alloc&) {
        std::erase_if(held_, [](const auto& held) { return held.second.parts == 0; });
        return false;
    }
    each_buffer(part, [&](const auto& buffer) {
        if (held_.find(buffer.get())->second.parts++ == 0) bytes_ += buffer->size();
    });
    bytes_ += overhead(part);
    return true;
}

// What it frees.
std::uint64_t PrefixStore::release(const PrefixPart& part) {
    std::uint64_t freed = 0;
    each_buffer(part, [&](const auto& buffer) {
        const auto it = held_.find(buffer.get());
        if (--it->second.parts != 0) return;
        held_.erase(it);
        bytes_ -= buffer->size();
        if (buffer.use_count() == 1) freed += buffer->size();
    });
    bytes_ -= overhead(part);
    return freed;
}

// An entry that nothing follows. Returns what that frees.
std::uint64_t PrefixStore::remove(Entry* entry) {
    const std::uint64_t freed = release(*entry->part);
    Entry* const parent = entry->parent;
    std::erase(parent->children, entry);
    used_.erase(entry->place);
    entries_.erase(entry->part->key);
    return freed;
}

PrefixStore::Entry* PrefixStore::oldest() {
    // Where memory ended while a path was made new, its order is not.
    while (!used_.back()->children.empty()) used_.splice(used_.begin(), used_, std::prev(used_.end()));
    return used_.back();
}

void PrefixStore::evict() {
    for (; bytes_ > memory_bytes_ && !used_.empty(); ++stats_.evictions) remove(oldest());
}

std::uint64_t PrefixStore::give_up(std::uint64_t bytes) {
    const std::lock_guard lock(mutex_);
    std::uint64_t freed = 0;
    for (; freed < bytes && !used_.empty(); ++stats_.evictions) freed += remove(oldest());
    return freed;
}

std::uint64_t PrefixStore::spare() const {
    const std::lock_guard lock(mutex_);
    std::uint64_t bytes = 0;
    for (const auto& [buffer, held] : held_)
        if (static_cast<std::size_t>(held.buffer.use_count()) == held.parts) bytes += buffer->size();
    return bytes;
}

PrefixStats PrefixStore::stats() const {
    const PrefixFolder::Stats files = folder_ != nullptr ? folder_->stats() : PrefixFolder::Stats{};
    const std::lock_guard lock(mutex_);
    PrefixStats s = stats_;
    s.parts = used_.size();
    s.bytes = bytes_;
    s.files = files.files;
    s.file_bytes = files.bytes;
    s.files_written = files.written;
    s.files_read = files.read;
    s.files_evicted = files.evicted;
    s.files_refused = files.refused;
    return s;
}

void PrefixStore::clear() {
    if (folder_ != nullptr) folder_->clear();
    const std::lock_guard lock(mutex_);
    while (!used_.empty()) remove(oldest());
    entries_.clear();
}

}  // namespace hearth
