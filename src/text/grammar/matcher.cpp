#include "text/grammar/matcher.hpp"

#include <algorithm>

#include "hearth/base/cat.hpp"
#include "text/grammar/ir.hpp"

namespace hearth::text::grammar {

namespace {

// A grammar that needs more ways at once, or more work for one mask, is refused where that shows.
constexpr std::size_t kMostItems = std::size_t{1} << 16;
constexpr std::size_t kMostWork = 8'000'000;
constexpr std::size_t kMostBytes = std::size_t{256} << 20;

std::uint64_t mix(std::uint64_t hash, std::uint64_t value) {
    hash = (hash ^ value) * 0x9e3779b97f4a7c15u;
    return hash ^ (hash >> 32);
}
std::uint64_t key(const Item& item) { return (std::uint64_t{item.state} << 32) | item.stack; }

}  // namespace

std::size_t Matcher::FrameHash::operator()(FrameId id) const {
    const Frame& frame = (*frames)[id];
    return mix(mix(mix(1, frame.state), frame.count), frame.below);
}

std::size_t Matcher::SetHash::operator()(SetId id) const {
    const ItemSet& set = (*sets)[id];
    std::uint64_t hash = set.accepts;
    for (const Item& item : set.items) hash = mix(hash, key(item));
    return hash;
}

Matcher::Matcher(std::shared_ptr<const Automaton> automaton, std::shared_ptr<const TokenBytes> tokens)
    : automaton_(std::move(automaton)),
      tokens_(std::move(tokens)),
      classes_(automaton_->examples.size()),
      frames_(1),
      frame_ids_(16, FrameHash{&frames_}, FrameEqual{&frames_}),
      set_ids_(16, SetHash{&sets_}, SetEqual{&sets_}) {
    intern({});
}

std::uint32_t Matcher::canonical_count(const Frame& frame, std::size_t trie) const {
    const AutomatonState& state = automaton_->states[frame.state];
    if (state.kind != Kind::loop || frame.count == 0) return 0;
    // A token enters a body at most once for each of its bytes, for bodies that cannot be empty.
    const std::uint64_t longest = tokens_->trie(trie).longest + 1, count = frame.count, low = state.low,
                        high = state.high;
    if (count + longest < low) return static_cast<std::uint32_t>(low - longest - 1);
    if (count >= low && count + longest < high && state.high != kUnbounded)
        return static_cast<std::uint32_t>(std::max(low, high - longest - 1));
    return frame.count;
}

FrameId Matcher::push(std::uint32_t state, std::uint32_t count, FrameId below) {
    frames_.push_back({.state = state, .count = count, .below = below});
    const auto id = static_cast<FrameId>(frames_.size() - 1);
    const auto [at, added] = frame_ids_.insert(id);
    if (!added) {
        frames_.pop_back();
        return *at;
    }
    bytes_ += sizeof(Frame) + 32;
    for (std::size_t trie = 0; trie < TokenBytes::kTries; ++trie) {
        const std::uint32_t settled = canonical_count(frames_[id], trie);
        const FrameId settled_below = frames_[below].canonical[trie];
        const FrameId found = settled == count && settled_below == below ? id : push(state, settled, settled_below);
        frames_[id].canonical[trie] = found;
    }
    return id;
}

SetId Matcher::intern(ItemSet set) {
    sets_.push_back(std::move(set));
    const auto id = static_cast<SetId>(sets_.size() - 1);
    const auto [at, added] = set_ids_.insert(id);
    if (!added) {
        sets_.pop_back();
        return *at;
    }
    next_.resize(sets_.size() * classes_, sets_[id].items.empty() ? kNowhere : ItemSet::kUnknown);
    bytes_ += sizeof(ItemSet) + 32 + sets_[id].items.size() * sizeof(Item) + classes_ * sizeof(SetId);
    return id;
}

Result<SetId> Matcher::start() {
    begin_work();
    return close({{automaton_->start, 0}});
}

Result<SetId> Matcher::compute_step(SetId from, std::uint8_t byte_class) {
    const std::uint8_t byte = automaton_->examples[byte_class];
    std::vector<Item> reached;
    for (const Item& item : sets_[from].items) {
        const AutomatonState& state = automaton_->states[item.state];
        work_ += state.count / 16 + 1;  // an edge costs far less than a state to follow
        for (std::uint32_t i = 0; i < state.count; ++i) {
            const Edge& edge = automaton_->edges[state.first + i];
            if (edge.low <= byte && byte <= edge.high) reached.push_back({edge.target, item.stack});
        }
    }
    HEARTH_ASSIGN(const SetId to, close(reached));
    next_[std::size_t{from} * classes_ + byte_class] = to;
    return to;
}

// Follows everything that reads nothing.
Result<SetId> Matcher::close(const std::vector<Item>& from) {
    ItemSet out;
    pending_.clear();
    visited_.clear();
    const auto visit = [&](std::uint32_t state, FrameId stack) {
        if (visited_.insert(key({state, stack})).second) pending_.push_back({state, stack});
    };
    const auto enter_loop = [&](std::uint32_t at, std::uint32_t count, FrameId below) {
        const AutomatonState& loop = automaton_->states[at];
        if (count >= loop.low) visit(loop.next, below);
        if (count >= loop.high) return;
        // Without an upper bound it matters only whether the lower one is reached.
        const std::uint32_t entered = loop.high == kUnbounded ? std::min(count + 1, std::max(loop.low, 1u)) : count + 1;
        visit(loop.first, push(at, entered, below));
    };
    for (const Item& item : from) visit(item.state, item.stack);
    while (!pending_.empty()) {
        const Item item = pending_.back();
        pending_.pop_back();
        if (++work_ > kMostWork || visited_.size() > kMostItems || bytes_ > kMostBytes)
            return Status(Code::unsupported, cat("the grammar is too ambiguous: there are more than ", kMostItems,
                                                 " ways to read the text at once, or they take too long to follow"));
        const AutomatonState& state = automaton_->states[item.state];
        switch (state.kind) {
            case Kind::bytes:
                out.items.push_back(item);
                break;
            case Kind::split:
                for (std::uint32_t i = 0; i < state.count; ++i) visit(automaton_->targets[state.first + i], item.stack);
                break;
            case Kind::call: {
                // A call at the end of a rule needs not come back to it.
                const bool last = automaton_->states[state.next].kind == Kind::end;
                visit(automaton_->rule_starts[state.first], last ? item.stack : push(state.next, 0, item.stack));
                break;
            }
            case Kind::loop:
                enter_loop(item.state, 0, item.stack);
                break;
            case Kind::end: {
                if (item.stack == 0) {
                    out.accepts = true;
                    break;
                }
                const Frame frame = frames_[item.stack];
                if (automaton_->states[frame.state].kind == Kind::loop && frame.count > 0)
                    enter_loop(frame.state, frame.count, frame.below);
                else
                    visit(frame.state, frame.below);
                break;
            }
        }
    }
    std::sort(out.items.begin(), out.items.end());
    return intern(std::move(out));
}

SetId Matcher::canonical(SetId id, std::size_t trie) {
    if (sets_[id].canonical[trie] != ItemSet::kUnknown) return sets_[id].canonical[trie];
    ItemSet out;
    out.accepts = sets_[id].accepts;
    for (const Item& item : sets_[id].items) out.items.push_back({item.state, frames_[item.stack].canonical[trie]});
    std::sort(out.items.begin(), out.items.end());
    out.items.erase(std::unique(out.items.begin(), out.items.end()), out.items.end());
    const SetId found = intern(std::move(out));
    sets_[found].canonical[trie] = found;
    sets_[id].canonical[trie] = found;
    return found;
}

Status Matcher::add_allowed(SetId from, std::size_t which, Mask& out) {
    const TokenBytes::Trie& trie = tokens_->trie(which);
    path_.assign(trie.longest + 1, from);
    for (std::size_t i = 0; i + 1 < trie.nodes.size();) {
        const TokenBytes::Node& node = trie.nodes[i];
        HEARTH_ASSIGN(const SetId to, step(path_[node.depth - 1u], node.byte));
        if (to == kNowhere) {
            i = node.skip;
            continue;
        }
        path_[node.depth] = to;
        for (const Token t : trie.tokens(i)) out[static_cast<std::size_t>(t) / 64] |= std::uint64_t{1} << (t % 64);
        ++i;
    }
    return {};
}

Status Matcher::make_part(SetId from, std::size_t trie) {
    if (sets_[from].parts[trie]) return {};
    auto out = std::make_shared<Mask>((tokens_->size() + 63) / 64);
    HEARTH_TRY(add_allowed(from, trie, *out));
    bytes_ += out->size() * sizeof(std::uint64_t);
    sets_[from].parts[trie] = std::move(out);
    return {};
}

Result<std::shared_ptr<const Mask>> Matcher::mask(SetId id) {
    begin_work();
    std::array<SetId, TokenBytes::kTries> from{};
    for (std::size_t trie = 0; trie < from.size(); ++trie) from[trie] = canonical(id, trie);
    const bool same = std::equal(from.begin() + 1, from.end(), from.begin());
    if (same && sets_[from[0]].mask) return sets_[from[0]].mask;
    auto out = std::make_shared<Mask>((tokens_->size() + 63) / 64);
    for (std::size_t trie = 0; trie < from.size(); ++trie) {
        if (same) {
            HEARTH_TRY(add_allowed(from[trie], trie, *out));
            continue;
        }
        HEARTH_TRY(make_part(from[trie], trie));
        const Mask& part = *sets_[from[trie]].parts[trie];
        for (std::size_t i = 0; i < part.size(); ++i) (*out)[i] |= part[i];
    }
    if (sets_[id].accepts)
        for (const Token t : tokens_->ends()) (*out)[static_cast<std::size_t>(t) / 64] |= std::uint64_t{1} << (t % 64);
    if (same) {
        bytes_ += out->size() * sizeof(std::uint64_t);
        sets_[from[0]].mask = out;
    }
    return std::shared_ptr<const Mask>(std::move(out));
}

SetId Matcher::import(const Matcher& other, SetId id) {
    ItemSet out;
    out.accepts = other.sets_[id].accepts;
    for (const Item& item : other.sets_[id].items) {
        std::vector<FrameId> frames;
        for (FrameId at = item.stack; at != 0; at = other.frames_[at].below) frames.push_back(at);
        FrameId stack = 0;
        for (std::size_t i = frames.size(); i-- > 0;)
            stack = push(other.frames_[frames[i]].state, other.frames_[frames[i]].count, stack);
        out.items.push_back({item.state, stack});
    }
    std::sort(out.items.begin(), out.items.end());
    return intern(std::move(out));
}

}  // namespace hearth::text::grammar
