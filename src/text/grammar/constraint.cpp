#include "hearth/text/constraint.hpp"

#include <algorithm>
#include <mutex>
#include <numeric>

#include "hearth/base/cat.hpp"
#include "hearth/text/forced_call.hpp"
#include "text/grammar/matcher.hpp"

namespace hearth {

using text::grammar::Mask;
using text::grammar::Matcher;
using text::grammar::SetId;

namespace {

// What the tables of one grammar and vocabulary may take before new ones are begun.
constexpr std::size_t kMostBytes = std::size_t{64} << 20;
constexpr std::string_view kTables = "tables of constrained output";

TokenBytes::Trie make_trie(const std::vector<std::string>& pieces, std::vector<Token> order) {
    TokenBytes::Trie out;
    const auto piece = [&](Token id) -> const std::string& { return pieces[static_cast<std::size_t>(id)]; };
    std::sort(order.begin(), order.end(), [&](Token a, Token b) {
        const int compared = piece(a).compare(piece(b));
        return compared != 0 ? compared < 0 : a < b;
    });
    std::vector<TokenBytes::Node>& nodes = out.nodes;
    std::vector<std::size_t> path;  // nodes of the text before
    const auto close = [&](std::size_t depth) {
        for (; path.size() > depth; path.pop_back()) nodes[path.back()].skip = static_cast<std::uint32_t>(nodes.size());
    };
    for (std::size_t i = 0; i < order.size(); ++i) {
        const std::string& text = piece(order[i]);
        std::size_t shared = 0;
        while (shared < path.size() && shared < text.size() &&
               nodes[path[shared]].byte == static_cast<std::uint8_t>(text[shared]))
            ++shared;
        close(shared);
        for (std::size_t depth = shared; depth < text.size(); ++depth) {
            path.push_back(nodes.size());
            nodes.push_back({static_cast<std::uint8_t>(text[depth]), static_cast<std::uint16_t>(depth + 1), 0,
                             static_cast<std::uint32_t>(i)});
        }
        out.longest = std::max(out.longest, text.size());
    }
    close(0);
    nodes.push_back({0, 0, 0, static_cast<std::uint32_t>(order.size())});
    out.all = std::move(order);
    return out;
}

}  // namespace

Result<std::shared_ptr<const TokenBytes>> TokenBytes::make(const Tokenizer& tokenizer, std::shared_ptr<Memory> memory) {
    std::vector<std::string> pieces(tokenizer.size());
    std::vector<Token> ends;
    for (std::size_t i = 0; i < pieces.size(); ++i) {
        const auto id = static_cast<Token>(i);
        if (tokenizer.ends_generation(id)) {
            ends.push_back(id);
        } else if (pieces[i] = tokenizer.piece(id); pieces[i].find(kControl) != std::string::npos) {
            pieces[i].clear();  // of bytes that are no text
        } else if (pieces[i].empty() && tokenizer.kind(id) == TokenKind::control && !tokenizer.text(id).empty()) {
            pieces[i] = cat(kControl, tokenizer.text(id));
        }
    }
    auto made = std::const_pointer_cast<TokenBytes>(make(std::move(pieces), std::move(ends), std::move(memory)));
    HEARTH_TRY(made->share_.grow(made->bytes(), "the tokens' texts for constrained output"));
    return std::shared_ptr<const TokenBytes>(std::move(made));
}

std::shared_ptr<const TokenBytes> TokenBytes::make(std::vector<std::string> pieces, std::vector<Token> ends,
                                                   std::shared_ptr<Memory> memory) {
    auto out = std::make_shared<TokenBytes>(std::move(memory));
    for (const Token id : ends) pieces[static_cast<std::size_t>(id)].clear();
    std::sort(ends.begin(), ends.end());
    std::array<std::vector<Token>, kTries> tokens;
    for (std::size_t i = 0; i < pieces.size(); ++i) {
        const auto most = std::lower_bound(kMostBytes.begin(), kMostBytes.end(), pieces[i].size());
        if (most == kMostBytes.end()) pieces[i].clear();
        if (!pieces[i].empty())
            tokens[static_cast<std::size_t>(most - kMostBytes.begin())].push_back(static_cast<Token>(i));
    }
    for (std::size_t i = 0; i < kTries; ++i) out->tries_[i] = make_trie(pieces, std::move(tokens[i]));
    out->pieces_ = std::move(pieces);
    out->ends_ = std::move(ends);
    return out;
}

std::uint64_t TokenBytes::bytes() const {
    std::uint64_t bytes = ends_.capacity() * sizeof(Token) + pieces_.capacity() * sizeof(std::string);
    for (const std::string& piece : pieces_)
        if (piece.capacity() > std::string().capacity()) bytes += piece.capacity() + 1;
    for (const Trie& trie : tries_) bytes += trie.nodes.capacity() * sizeof(Node) + trie.all.capacity() * sizeof(Token);
    return bytes;
}

// Copies share the tables; whoever finds them full begins new ones, and the old ones go with the last who uses them.
class Constraint::State {
public:
    struct Tables {
        std::mutex mutex;
        MemoryShare share;
        Matcher matcher;
        Tables(std::shared_ptr<const text::grammar::Automaton> automaton, std::shared_ptr<const TokenBytes> tokens)
            : share(tokens->memory()), matcher(std::move(automaton), std::move(tokens)) {}
        bool full() { return matcher.bytes() > kMostBytes || !share.grow(matcher.bytes(), kTables).ok(); }
    };
    std::shared_ptr<const Grammar> grammar;
    std::shared_ptr<Tables> tables;
    std::shared_ptr<const Mask> mask;  // the last one, which the caller may still look at
    SetId at = 0;
    bool begun = false;
    bool ended = false;

    // The tables, locked, with `at` in them.
    Result<std::unique_lock<std::mutex>> lock() {
        std::unique_lock<std::mutex> held(tables->mutex);
        if (tables->full()) {
            auto fresh = std::make_shared<Tables>(tables->matcher.shared_automaton(), tables->matcher.tokens());
            if (begun) at = fresh->matcher.import(tables->matcher, at);
            held.unlock();
            tables = std::move(fresh);
            held = std::unique_lock<std::mutex>(tables->mutex);
            HEARTH_TRY(tables->share.grow(tables->matcher.bytes(), kTables));
        }
        if (!begun) {
            HEARTH_ASSIGN(at, tables->matcher.start());
            begun = true;
        }
        return held;
    }
};

Constraint::Constraint(std::shared_ptr<const Grammar> grammar, std::shared_ptr<const TokenBytes> tokens)
    : state_(std::make_unique<State>()) {
    std::shared_ptr<const text::grammar::Automaton> automaton(grammar, &grammar->automaton());
    state_->tables = std::make_shared<State::Tables>(std::move(automaton), std::move(tokens));
    state_->grammar = std::move(grammar);
}
Constraint::~Constraint() = default;
Constraint::Constraint(const Constraint& other) : state_(std::make_unique<State>(*other.state_)) {}
Constraint& Constraint::operator=(const Constraint& other) {
    if (this != &other) state_ = std::make_unique<State>(*other.state_);
    return *this;
}

Result<std::span<const std::uint64_t>> Constraint::mask() {
    State& state = *state_;
    HEARTH_ASSIGN(const auto held, state.lock());
    Matcher& matcher = state.tables->matcher;
    if (state.ended) {
        state.mask = std::make_shared<Mask>((matcher.tokens()->size() + 63) / 64);
    } else {
        HEARTH_ASSIGN(state.mask, matcher.mask(state.at));
    }
    return std::span<const std::uint64_t>(*state.mask);
}

Status Constraint::accept_text(std::string_view bytes) {
    State& state = *state_;
    HEARTH_ASSIGN(const auto held, state.lock());
    if (state.ended) return {Code::bad_state, "the constrained text has ended"};
    SetId at = state.at;
    state.tables->matcher.begin_work();
    for (std::size_t i = 0; i < bytes.size(); ++i) {
        HEARTH_ASSIGN(at, state.tables->matcher.step(at, static_cast<std::uint8_t>(bytes[i])));
        if (at == Matcher::kNowhere)
            return {Code::invalid_argument, cat("the grammar does not allow byte ", i, " of the text")};
    }
    state.at = at;
    return {};
}

Status Constraint::accept(Token token) {
    State& state = *state_;
    const TokenBytes& tokens = *state.tables->matcher.tokens();
    if (token < 0 || static_cast<std::size_t>(token) >= tokens.size())
        return {Code::out_of_range, cat("token ", token, " is outside the vocabulary of ", tokens.size())};
    if (std::binary_search(tokens.ends().begin(), tokens.ends().end(), token)) {
        HEARTH_ASSIGN(const bool may, can_end());
        if (!may || state.ended)
            return {Code::invalid_argument, cat("token ", token, " ends the text, which is not whole")};
        state.ended = true;
        return {};
    }
    if (tokens.piece(token).empty()) return {Code::invalid_argument, cat("token ", token, " is no text")};
    return accept_text(tokens.piece(token)).in(cat("token ", token));
}

Result<bool> Constraint::can_end() {
    HEARTH_ASSIGN(const auto held, state_->lock());
    return state_->tables->matcher.set(state_->at).accepts;
}
Result<bool> Constraint::must_end() {
    HEARTH_ASSIGN(const auto held, state_->lock());
    const auto& set = state_->tables->matcher.set(state_->at);
    return state_->ended || (set.accepts && set.items.empty());
}

ConstraintSource::ConstraintSource(std::shared_ptr<const Grammar> grammar) : grammar_(std::move(grammar)) {}
ConstraintSource::ConstraintSource(std::shared_ptr<const ForcedCall> call) : call_(std::move(call)) {}
ConstraintSource::~ConstraintSource() = default;

Result<Constraint> ConstraintSource::begin(const std::shared_ptr<const TokenBytes>& tokens, std::string_view dialect,
                                           std::string_view prompt) {
    const std::string_view end = call_ != nullptr ? call_->reasoning_end(dialect, prompt) : std::string_view();
    const std::lock_guard lock(mutex_);
    auto at = std::find_if(kept_.begin(), kept_.end(), [&](const Kept& kept) {
        return kept.tokens == tokens && kept.reasoning_end == end;
    });
    if (at == kept_.end()) {
        std::shared_ptr<const Grammar> grammar = grammar_;
        if (call_ != nullptr) {
            HEARTH_ASSIGN(grammar, call_->grammar(dialect, *tokens, end));
        }
        if (kept_.size() == kVocabularies) kept_.erase(kept_.begin());
        kept_.push_back({tokens, end, Constraint(std::move(grammar), tokens)});
    } else {
        std::rotate(at, at + 1, kept_.end());
    }
    Constraint& constraint = kept_.back().constraint;
    // Begins the text, in new tables where the ones so far are full.
    HEARTH_TRY(constraint.accept_text({}));
    return constraint;
}

}  // namespace hearth
