// Keys, values and recurrent states of one sequence. Forks share them until one of them writes (copy on write).
//
// Keys and values come in pages of kSpan rows, of one token each or of several. A group of layers whose queries see all
// keys keeps every page. A group whose queries see no further than a window, or than the last multiple of a chunk, keeps
// what they see, and the pages before that become its next ones: its memory ends at bytes_for() however long the sequence
// grows, and going back by up to kRollback tokens always finds its keys. A recurrent state stands at one position only.
//
// Going back further than that needs a checkpoint: the states, and the pages that queries see, as they were at some
// earlier position. Without one it means the beginning. A checkpoint shares its pages with the sequence for as long as
// both need them, so that it costs nothing until the sequence moves on; a state is copied by the next pass.
// Checkpoints are thinned out as they grow old, so that their distances grow with their age; there are at most
// kMostCheckpoints, and what they keep beyond the sequence itself stays below the allowance. Where memory is refused they
// go first.
//
// Thread class: one thread at a time for a cache and its forks together where pages are written (the engine's lock).
#pragma once

#include <cstddef>
#include <memory>
#include <span>
#include <vector>

#include "hearth/base/blob.hpp"
#include "hearth/base/memory.hpp"
#include "hearth/layers/attention.hpp"

namespace hearth {

class KvCache {
public:
    static constexpr std::size_t kRollback = 64;
    static constexpr std::size_t kMostCheckpoints = 16;

    using Page = std::shared_ptr<Buffer>;

    // Pages of a group from number `begin` on; those before it are gone.
    struct Table {
        std::size_t begin = 0;
        std::vector<Page> pages;
        std::size_t end() const { return begin + pages.size(); }
        Page& operator[](std::size_t number) { return pages[number - begin]; }
        const Page& operator[](std::size_t number) const { return pages[number - begin]; }
        // Has that very page.
        bool has(std::size_t number, const Page& page) const {
            return number >= begin && number < end() && (*this)[number] == page;
        }
    };
    // All that passes after `position` read, shared with whoever else has it; rows of later tokens mean nothing.
    struct Cut {
        std::size_t position = 0;
        std::vector<Table> tables;      // [groups]
        std::shared_ptr<Buffer> state;  // null where the layout has none
    };

    // `allowance`: bytes for checkpoints; 0: none are kept.
    KvCache(std::shared_ptr<const KvLayout> layout, std::shared_ptr<Memory> memory, std::uint64_t allowance = 0);

    // One like it that holds nothing.
    KvCache fresh() const { return {layout_, memory_, allowance_}; }

    // The last position up to `length`, of those that passes were done to, from which the next pass can go on.
    std::size_t reachable(std::size_t length) const;
    // Forgets what is behind reachable(length), which it returns.
    std::size_t rewind(std::size_t length);
    // Gives all of its memory back, checkpoints included: the next pass begins at 0.
    void clear();
    // For a pass over positions [first, end), first being reachable: makes them writable (allocates missing pages, copies
    // shared ones), and the states as they are at `first`. Fails without change, but that checkpoints may be gone. With
    // `keep` the states at `first` stay until the next prepare(), so that rewind() finds them: for passes of which only a
    // part may be wanted.
    Status prepare(std::size_t first, std::size_t end, bool keep = false);
    // That pass has run. Until then its states count as lost: a pass that fails leaves them in between.
    void done(std::size_t end) { state_position_ = end; }

    // Where rewind() would lose something at all.
    bool wants_checkpoints() const { return allowance_ != 0 && (layout_->state_bytes != 0 || bounded_); }
    // Keeps `position`, where the cache stands, for rewind(). logits: those after the last token, or empty.
    void checkpoint(std::size_t position, std::span<const float> logits);
    // The newest; 0 without any.
    std::size_t last_checkpoint() const { return checkpoints_.empty() ? 0 : checkpoints_.back()->position; }
    std::size_t checkpoints() const { return checkpoints_.size(); }
    // That were given with the checkpoint at a position.
    std::span<const float> logits_at(std::size_t position) const;

    // At `position`, where the cache stands, and as it is before any tokens are taken back.
    Cut cut(std::size_t position) const;
    // Goes on from there: from a cut of the same layout, of the same tokens as those that the cache has.
    void adopt(Cut cut);

    // What passes after `position`, where the cache stands, read, and the newest checkpoint. Nothing of tokens behind it.
    Status save(BlobWriter& blob, std::size_t position) const;
    // One of the same layout and allowance that holds what was saved at `position`; takes nothing for granted. Of logits
    // of a checkpoint there are none or `vocab`.
    Result<KvCache> restored(BlobReader& blob, std::size_t position, std::size_t vocab) const;

    KvView view() const {
        return {layout_.get(), pointers_.data(), states_.empty() ? nullptr : states_.data(), 0, stride_};
    }
    // What the sequence refers to, shared with forks or not.
    std::uint64_t bytes() const { return own_bytes() + checkpoint_bytes(); }
    // Of them, what only checkpoints need.
    std::uint64_t checkpoint_bytes() const;
    const KvLayout& layout() const { return *layout_; }

    // The most that a sequence of so many tokens takes when no pass has more than `chunk`, without checkpoints.
    static std::uint64_t bytes_for(const KvLayout& layout, std::size_t tokens, std::size_t chunk);
    // What its checkpoints may take: a quarter of that, but no less than two states.
    static std::uint64_t allowance_for(const KvLayout& layout, std::size_t tokens, std::size_t chunk);

private:
    static constexpr std::size_t kNowhere = SIZE_MAX;
    // Never changed, so that forks share it.
    struct Checkpoint {
        std::size_t position;
        std::shared_ptr<Buffer> state;
        std::vector<Table> tables;  // of bounded groups; the others keep all their pages
        Buffer logits;
    };
    // What a pass does to the table of a group.
    struct Step {
        std::size_t begin;                                // of it then
        std::vector<std::pair<std::size_t, Page>> fresh;  // by number; null: to be allocated
    };

    bool stands_at(std::size_t position) const;
    bool has_pages_at(std::size_t position) const;
    const Checkpoint* checkpoint_at_or_before(std::size_t position) const;
    void drop_checkpoint();
    // No other sequence sees it. Checkpoints of this one do not mind what is written behind them.
    bool alone(std::size_t group, std::size_t number) const;
    bool is_ready(std::size_t first, std::size_t end) const;
    Step step(std::size_t group, std::size_t first, std::size_t end) const;
    Status allocate(std::vector<Step>& steps, std::shared_ptr<Buffer>& state) const;
    void commit(std::vector<Step>& steps, std::size_t end);
    void write_pointers(std::size_t group, std::size_t from, std::size_t end);
    std::uint64_t own_bytes() const;
    Status save_page(BlobWriter& blob, std::size_t group, const Page& page, std::size_t tokens) const;
    Result<Page> restore_page(BlobReader& blob, std::size_t group, std::size_t tokens) const;
    Status save_checkpoint(BlobWriter& blob, const Checkpoint& c) const;
    Result<std::shared_ptr<const Checkpoint>> restore_checkpoint(BlobReader& blob, std::size_t position,
                                                                 std::size_t vocab) const;
    // Numbers of the first page of a table that reaches to `position`, as they stand in the blob.
    Result<Table> restore_table(BlobReader& blob, std::size_t group, std::size_t position) const;
    void point_to_pages(std::size_t stride);
    // What checkpoints have and the sequence has not, where its tables begin there.
    std::uint64_t kept_bytes(std::span<const Step> steps, const Buffer* state) const;

    std::shared_ptr<const KvLayout> layout_;
    std::shared_ptr<Memory> memory_;
    std::uint64_t allowance_;
    bool bounded_ = false;  // some group is
    std::vector<Table> tables_;                                     // [groups]
    std::vector<std::byte*> pointers_;                              // [groups, stride], of their pages
    std::size_t stride_ = 0;
    std::shared_ptr<Buffer> state_;   // of all layers; null: none yet
    std::size_t state_position_ = 0;  // tokens that state_ has seen
    std::shared_ptr<Buffer> before_;  // the state that prepare() was to keep
    std::size_t before_position_ = 0;
    std::vector<float*> states_;      // [layers], in state_
    std::vector<std::shared_ptr<const Checkpoint>> checkpoints_;  // in ascending order; none behind where the cache stands
};

}  // namespace hearth
