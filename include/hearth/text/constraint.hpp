// Which tokens may come next so that the text stays within a grammar. The masks of a grammar's states are computed when
// they are first asked for and kept, within a bound on memory, for all copies of a constraint.
// Thread class: TokenBytes is immutable and shareable; a Constraint belongs to one thread at a time, copies of it are
// independent of each other, and cheap: a copy is the place in the text that it was taken at.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <mutex>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "hearth/base/memory_share.hpp"
#include "hearth/base/status.hpp"
#include "hearth/text/grammar.hpp"
#include "hearth/text/tokenizer.hpp"

namespace hearth {

class ForcedCall;

// The bytes of every token of a vocabulary, as tries in depth-first order. Tokens that end generation and those without
// bytes are no text. Control tokens are the byte kControl, which no text has, and their spelling.
class TokenBytes {
public:
    static constexpr char kControl = '\xff';
    // Its bytes, and those of tables that are made for it, are taken from `memory`.
    static Result<std::shared_ptr<const TokenBytes>> make(const Tokenizer& tokenizer, std::shared_ptr<Memory> memory);
    // pieces [vocab]; the text of those in `ends` is not looked at. The byte kControl is taken as what it stands for.
    static std::shared_ptr<const TokenBytes> make(std::vector<std::string> pieces, std::vector<Token> ends,
                                                  std::shared_ptr<Memory> memory = nullptr);

    struct Node {
        std::uint8_t byte;
        std::uint16_t depth;         // 1 for first bytes
        std::uint32_t skip;          // the next node that is not below this one
        std::uint32_t tokens_begin;  // in `all`; its tokens end where those of the next node begin
    };
    struct Trie {
        std::vector<Node> nodes;  // and one behind the last
        std::vector<Token> all;   // by their bytes
        std::size_t longest = 0;  // bytes
        std::span<const Token> tokens(std::size_t node) const {
            return std::span(all).subspan(nodes[node].tokens_begin,
                                          nodes[node + 1].tokens_begin - nodes[node].tokens_begin);
        }
    };
    // Of short, of longer and of all other tokens: where a grammar counts, most tokens are too short to reach a bound,
    // and what is allowed of them need not be found again for every count.
    static constexpr std::size_t kTries = 3;
    static constexpr std::array<std::size_t, kTries> kMostBytes{8, 24, 4096};  // longer tokens are never allowed
    const Trie& trie(std::size_t i) const { return tries_[i]; }

    std::size_t size() const { return pieces_.size(); }    // vocabulary
    std::span<const Token> ends() const { return ends_; }  // ascending
    const std::string& piece(Token id) const { return pieces_[static_cast<std::size_t>(id)]; }
    std::uint64_t bytes() const;  // about how many it takes
    const std::shared_ptr<Memory>& memory() const { return share_.memory(); }

    explicit TokenBytes(std::shared_ptr<Memory> memory) : share_(std::move(memory)) {}

private:
    MemoryShare share_;
    std::vector<std::string> pieces_;
    std::vector<Token> ends_;
    std::array<Trie, kTries> tries_;
};

class Constraint {
public:
    Constraint(std::shared_ptr<const Grammar> grammar, std::shared_ptr<const TokenBytes> tokens);
    ~Constraint();
    Constraint(const Constraint& other);
    Constraint& operator=(const Constraint& other);

    // Bit t of word t / 64 is set where token t may come next; tokens that end generation exactly where the text may
    // end. Valid until the next call of any function of this object. Fails where the grammar is too ambiguous, or where
    // the memory that the vocabulary counts in has no room for the tables of even one text.
    Result<std::span<const std::uint64_t>> mask();
    // Goes on behind a token. One that the mask forbids is refused and changes nothing.
    Status accept(Token token);
    // The same for text that does not come as a token, whole or not at all.
    Status accept_text(std::string_view bytes);
    Result<bool> can_end();   // the text as it stands is in the grammar
    Result<bool> must_end();  // and no longer text that begins with it is

private:
    class State;
    std::unique_ptr<State> state_;
};

// A language for the texts of many generations, with what has been computed of it for the vocabularies that it was used
// with. Thread class: shareable.
class ConstraintSource {
public:
    explicit ConstraintSource(std::shared_ptr<const Grammar> grammar);
    explicit ConstraintSource(std::shared_ptr<const ForcedCall> call);
    ~ConstraintSource();
    bool needs_dialect() const { return call_ != nullptr; }
    // Of a text that has not begun. `dialect`: of the tool calls of the model whose vocabulary it is. `prompt`: the end
    // of the text before it.
    Result<Constraint> begin(const std::shared_ptr<const TokenBytes>& tokens, std::string_view dialect = {},
                             std::string_view prompt = {});

private:
    static constexpr std::size_t kVocabularies = 4;  // whose tables are kept
    struct Kept {
        std::shared_ptr<const TokenBytes> tokens;
        std::string_view reasoning_end;  // of tables of dialects
        Constraint constraint;
    };
    std::shared_ptr<const Grammar> grammar_;
    std::shared_ptr<const ForcedCall> call_;
    std::mutex mutex_;
    std::vector<Kept> kept_;  // last used last
};

}  // namespace hearth
