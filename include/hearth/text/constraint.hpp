// Which tokens may come next so that the text stays within a grammar. The masks of a grammar's states are computed when
// they are first asked for and kept, within a bound on memory, for all copies of a constraint.
// Thread class: TokenBytes is immutable and shareable; a Constraint belongs to one thread at a time, copies of it are
// independent of each other.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "hearth/base/status.hpp"
#include "hearth/text/grammar.hpp"
#include "hearth/text/tokenizer.hpp"

namespace hearth {

// The bytes of every token of a vocabulary, as a trie in depth-first order. Tokens that end generation and those
// without bytes (control tokens) are no text.
class TokenBytes {
public:
    static std::shared_ptr<const TokenBytes> make(const Tokenizer& tokenizer);
    // pieces [vocab]; the text of those in `ends` is not looked at.
    static std::shared_ptr<const TokenBytes> make(std::vector<std::string> pieces, std::vector<Token> ends);

    struct Node {
        std::uint8_t byte;
        std::uint16_t depth;         // 1 for first bytes
        std::uint32_t skip;          // the next node that is not below this one
        std::uint32_t tokens_begin;  // in tokens(); its tokens end where those of the next node begin
    };
    std::size_t size() const { return pieces_.size(); }  // vocabulary
    std::span<const Node> nodes() const { return {nodes_.data(), nodes_.size() - 1}; }
    std::span<const Token> tokens(std::size_t node) const {
        return std::span(tokens_).subspan(nodes_[node].tokens_begin,
                                          nodes_[node + 1].tokens_begin - nodes_[node].tokens_begin);
    }
    std::span<const Token> ends() const { return ends_; }  // ascending
    const std::string& piece(Token id) const { return pieces_[static_cast<std::size_t>(id)]; }
    std::size_t longest() const { return longest_; }  // bytes

private:
    std::vector<std::string> pieces_;
    std::vector<Token> ends_, tokens_;
    std::vector<Node> nodes_;  // and one behind the last
    std::size_t longest_ = 0;
};

class Constraint {
public:
    Constraint(std::shared_ptr<const Grammar> grammar, std::shared_ptr<const TokenBytes> tokens);
    ~Constraint();
    Constraint(const Constraint& other);
    Constraint& operator=(const Constraint& other);

    // Bit t of word t / 64 is set where token t may come next; tokens that end generation exactly where the text may
    // end. Valid until the next call of any function of this object. Fails where the grammar is too ambiguous.
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

}  // namespace hearth
