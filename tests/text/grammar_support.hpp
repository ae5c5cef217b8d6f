// Small vocabularies, and texts made by choosing at random among the tokens that a constraint allows.
#pragma once

#include <optional>
#include <random>
#include <string>
#include <string_view>
#include <vector>

#include <doctest/doctest.h>

#include "hearth/text/constraint.hpp"

namespace hearth::test {

using SharedGrammar = std::shared_ptr<const Grammar>;

// Every byte, then random strings over `alphabet`, then the token that ends generation.
inline std::shared_ptr<const TokenBytes> small_vocabulary(std::string_view alphabet = "", std::size_t more = 0,
                                                          std::uint32_t seed = 1) {
    std::vector<std::string> pieces;
    for (int byte = 0; byte < 256; ++byte) pieces.emplace_back(1, static_cast<char>(byte));
    std::mt19937 random(seed);
    for (std::size_t i = 0; i < more; ++i) {
        std::string text;
        // Some are longer than the first and the second of the tries.
        for (std::size_t n = i % 8 == 7 ? 6 + random() % 40 : 2 + random() % 4; n-- > 0;)
            text += alphabet[random() % alphabet.size()];
        pieces.push_back(std::move(text));
    }
    pieces.emplace_back("</end>");
    const auto end = static_cast<Token>(pieces.size() - 1);
    return TokenBytes::make(std::move(pieces), {end});
}

inline SharedGrammar made(Result<SharedGrammar> grammar) {
    REQUIRE_MESSAGE(grammar.ok(), grammar.status().message());
    return *grammar;
}

inline bool allowed(std::span<const std::uint64_t> mask, Token t) {
    return ((mask[static_cast<std::size_t>(t) / 64] >> (t % 64)) & 1) != 0;
}

inline bool matches(const SharedGrammar& grammar, std::string_view text) {
    static const auto bytes = small_vocabulary();
    Constraint constraint(grammar, bytes);
    if (!constraint.accept_text(text).ok()) return false;
    const auto whole = constraint.can_end();
    REQUIRE(whole.ok());
    return *whole;
}

// What a random walk over the masks writes; nullopt where `most` tokens did not end it. Checks every mask on the way
// against the constraint's own answer for every token.
inline std::optional<std::string> generate(const SharedGrammar& grammar,
                                           const std::shared_ptr<const TokenBytes>& tokens, std::mt19937& random,
                                           std::size_t most, bool check = false) {
    Constraint constraint(grammar, tokens);
    std::string out;
    const Token end = tokens->ends().front();
    for (std::size_t i = 0; i < most; ++i) {
        const auto mask = constraint.mask();
        REQUIRE_MESSAGE(mask.ok(), mask.status().message());
        std::vector<Token> ways;
        for (Token t = 0; t < static_cast<Token>(tokens->size()); ++t)
            if (allowed(*mask, t)) ways.push_back(t);
        REQUIRE_MESSAGE(!ways.empty(), "nothing may follow: " << out);
        if (check) {
            std::vector<Token> tried;
            for (Token t = 0; t < static_cast<Token>(tokens->size()); ++t) {
                Constraint fork = constraint;
                if (fork.accept(t).ok()) tried.push_back(t);
            }
            CHECK(tried == ways);
        }
        if (ways.back() == end && random() % 3 == 0) return out;
        const Token chosen = ways[random() % ways.size()];
        const Status accepted = constraint.accept(chosen);
        REQUIRE_MESSAGE(accepted.ok(), accepted.message());
        if (chosen == end) return out;
        out += tokens->piece(chosen);
    }
    return std::nullopt;
}

struct Verdict {
    std::string_view text;
    bool good;
};

}  // namespace hearth::test
