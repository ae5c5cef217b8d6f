// Runs an automaton over bytes: all ways to read the text so far, as one interned set of (state, stack), and the steps
// between such sets, which are computed once (a deterministic automaton built on demand). Stacks are hash-consed, so
// that sets share them and equal stacks have equal numbers. Thread class: one thread at a time.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <unordered_set>
#include <vector>

#include "hearth/base/status.hpp"
#include "hearth/text/constraint.hpp"
#include "text/grammar/automaton.hpp"

namespace hearth::text::grammar {

using SetId = std::uint32_t;
using FrameId = std::uint32_t;
using Mask = std::vector<std::uint64_t>;

struct Frame {
    std::uint32_t state = 0;  // goes on there, or, of a loop, enters its body again or leaves it
    std::uint32_t count = 0;  // of a loop: how often its body has been entered
    FrameId below = 0;
    std::array<FrameId, TokenBytes::kTries> canonical{};  // see Matcher::canonical
    friend bool operator==(const Frame& a, const Frame& b) {
        return a.state == b.state && a.count == b.count && a.below == b.below;
    }
};
struct Item {
    std::uint32_t state;  // of kind bytes
    FrameId stack;
    friend auto operator<=>(const Item&, const Item&) = default;
};
struct ItemSet {
    std::vector<Item> items;  // ascending
    bool accepts = false;     // the text may end
    static constexpr SetId kUnknown = 0xffffffff;
    std::array<SetId, TokenBytes::kTries> canonical{kUnknown, kUnknown, kUnknown};
    std::array<std::shared_ptr<const Mask>, TokenBytes::kTries> parts;  // of the tokens of one trie
    std::shared_ptr<const Mask> mask;                                   // of all
    friend bool operator==(const ItemSet& a, const ItemSet& b) { return a.accepts == b.accepts && a.items == b.items; }
};

class Matcher {
public:
    static constexpr SetId kNowhere = 0;  // the text is not the beginning of any in the grammar

    Matcher(std::shared_ptr<const Automaton> automaton, std::shared_ptr<const TokenBytes> tokens);

    Result<SetId> start();
    // Before steps: what one call may cost is bounded.
    void begin_work() { work_ = 0; }
    Result<SetId> step(SetId from, std::uint8_t byte) {
        const SetId known = next_[std::size_t{from} * classes_ + automaton_->classes[byte]];
        if (known != ItemSet::kUnknown) return known;
        return compute_step(from, automaton_->classes[byte]);
    }
    const ItemSet& set(SetId id) const { return sets_[id]; }
    Result<std::shared_ptr<const Mask>> mask(SetId id);

    // What the tables take; the caller starts new ones when it is too much.
    std::size_t bytes() const { return bytes_; }
    // The set of another matcher of the same grammar.
    SetId import(const Matcher& other, SetId id);

    const Automaton& automaton() const { return *automaton_; }
    const std::shared_ptr<const Automaton>& shared_automaton() const { return automaton_; }
    const std::shared_ptr<const TokenBytes>& tokens() const { return tokens_; }

private:
    FrameId push(std::uint32_t state, std::uint32_t count, FrameId below);
    SetId intern(ItemSet set);
    Result<SetId> compute_step(SetId from, std::uint8_t byte_class);
    Result<SetId> close(const std::vector<Item>& from);
    // A set that allows the same tokens of a trie, the same for many: counts that none of these tokens can bring near a
    // bound are as good as any other such count.
    SetId canonical(SetId id, std::size_t trie);
    std::uint32_t canonical_count(const Frame& frame, std::size_t trie) const;
    Status add_allowed(SetId from, std::size_t trie, Mask& out);
    Status make_part(SetId from, std::size_t trie);

    struct FrameHash {
        const std::vector<Frame>* frames;
        std::size_t operator()(FrameId id) const;
    };
    struct FrameEqual {
        const std::vector<Frame>* frames;
        bool operator()(FrameId a, FrameId b) const { return (*frames)[a] == (*frames)[b]; }
    };
    struct SetHash {
        const std::vector<ItemSet>* sets;
        std::size_t operator()(SetId id) const;
    };
    struct SetEqual {
        const std::vector<ItemSet>* sets;
        bool operator()(SetId a, SetId b) const { return (*sets)[a] == (*sets)[b]; }
    };

    std::shared_ptr<const Automaton> automaton_;
    std::shared_ptr<const TokenBytes> tokens_;
    std::size_t classes_;
    std::vector<Frame> frames_;  // [0]: the empty stack
    std::unordered_set<FrameId, FrameHash, FrameEqual> frame_ids_;
    std::vector<ItemSet> sets_;
    std::unordered_set<SetId, SetHash, SetEqual> set_ids_;
    std::vector<SetId> next_;  // [sets, classes]
    std::size_t bytes_ = 0;
    std::size_t work_ = 0;  // states visited since the last call from outside

    std::vector<Item> pending_;
    std::unordered_set<std::uint64_t> visited_;
    std::vector<SetId> path_;
};

}  // namespace hearth::text::grammar
