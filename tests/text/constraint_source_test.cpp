// One language for many generations, vocabularies and threads.
#include <thread>

#include "text/grammar_support.hpp"

namespace hearth {
namespace {

// Draws by `seed` among the tokens that are allowed; the text, "" where 200 tokens did not end it.
std::string walk(Constraint constraint, const TokenBytes& tokens, std::uint32_t seed) {
    std::mt19937 random(seed);
    std::string out;
    for (int i = 0; i < 200; ++i) {
        const auto mask = constraint.mask();
        if (!mask.ok()) return mask.status().message();
        std::vector<Token> ways;
        for (Token t = 0; t < static_cast<Token>(tokens.size()); ++t)
            if (test::allowed(*mask, t)) ways.push_back(t);
        if (ways.empty()) return "nothing is allowed";
        const Token chosen = ways[random() % ways.size()];
        if (const Status status = constraint.accept(chosen); !status.ok()) return status.message();
        if (chosen == tokens.ends().front()) return out;
        out += tokens.piece(chosen);
    }
    return {};
}

TEST_CASE("constraint source: threads that share it write what each would alone") {
    const auto tokens = test::small_vocabulary("\"{}[]:, abctrue0", 300, 4);
    const auto grammar = test::made(Grammar::from_json_schema(
        R"({"type":"array","items":{"anyOf":[{"type":"integer","minimum":3,"maximum":70},{"type":"string","maxLength":9}]}})"));
    constexpr std::uint32_t kThreads = 4, kTexts = 12;
    std::vector<std::string> alone;
    for (std::uint32_t i = 0; i < kThreads * kTexts; ++i)
        alone.push_back(walk(Constraint(grammar, tokens), *tokens, i));
    ConstraintSource source(grammar);
    std::vector<std::string> together(alone.size());
    std::vector<std::thread> threads;
    for (std::uint32_t t = 0; t < kThreads; ++t)
        threads.emplace_back([&, t] {
            for (std::uint32_t i = 0; i < kTexts; ++i) {
                auto begun = source.begin(tokens);
                together[t * kTexts + i] =
                    begun.ok() ? walk(*begun, *tokens, t * kTexts + i) : begun.status().message();
            }
        });
    for (std::thread& thread : threads) thread.join();
    CHECK(together == alone);
}

TEST_CASE("constraint source: vocabularies come and go, and each begins anew") {
    ConstraintSource source(test::made(Grammar::from_regex("a{1,3}b")));
    std::vector<std::shared_ptr<const TokenBytes>> vocabularies;
    for (std::uint32_t i = 0; i < 6; ++i) vocabularies.push_back(test::small_vocabulary("ab", 20, i));
    for (int round = 0; round < 3; ++round)
        for (const auto& tokens : vocabularies) {
            auto begun = source.begin(tokens);
            REQUIRE(begun.ok());
            CHECK(begun->accept_text("aa").ok());
            // What one generation has read is not in the next.
            auto next = source.begin(tokens);
            CHECK(!next->accept_text("b").ok());
            CHECK(next->accept_text("aaab").ok());
            CHECK(*next->must_end());
            CHECK(!*begun->can_end());
        }
}

TEST_CASE("constraint source: tables stay within the memory that the vocabulary counts in") {
    const auto grammar = test::made(Grammar::from_json_schema(
        R"({"type":"array","items":{"type":"object","properties":{"a":{"type":"string","maxLength":99},"b":{"type":"number",
            "minimum":-5000,"maximum":5000}},"additionalProperties":{"type":"string","minLength":20}}})"));
    const auto free = test::small_vocabulary("\"{}[]:, abctrue0", 3000, 4);
    std::vector<std::string> pieces;
    for (std::size_t t = 0; t < free->size(); ++t) pieces.push_back(free->piece(static_cast<Token>(t)));
    const auto counted = [&](const std::shared_ptr<Memory>& memory) {
        return TokenBytes::make(pieces, {free->ends().begin(), free->ends().end()}, memory);
    };
    const auto plenty = std::make_shared<Memory>(Allocator{}, std::uint64_t{1} << 40);
    const auto tight = std::make_shared<Memory>(Allocator{}, std::uint64_t{1} << 16);
    std::size_t refused_walks = 0;
    for (const auto& memory : {plenty, tight}) {
        const auto tokens = counted(memory);
        ConstraintSource source(grammar);
        for (std::uint32_t seed = 0; seed < 40; ++seed) {
            auto begun = source.begin(tokens);
            REQUIRE_MESSAGE(begun.ok(), begun.status().message());
            const std::string got = walk(*begun, *tokens, seed);
            const bool refused = got.find("needs 65536 bytes; the memory budget is 65536 bytes") != std::string::npos;
            refused_walks += refused ? 1 : 0;
            if (!refused) CHECK(got == walk(Constraint(grammar, free), *free, seed));
            CHECK(!(refused && memory == plenty));
            CHECK(memory->budget.used() > 0);
            CHECK(memory->budget.used() <= memory->budget.limit());
        }
    }
    CHECK(refused_walks > 0);
    CHECK(refused_walks < 40);
    for (const auto& memory : {plenty, tight}) CHECK(memory->budget.used() == 0);

    const auto none = std::make_shared<Memory>(Allocator{}, 1000);
    ConstraintSource source(grammar);
    const auto tokens = counted(none);
    const auto refused = source.begin(tokens);
    REQUIRE(!refused.ok());
    CHECK(refused.status().code() == Code::over_budget);
    CHECK_MESSAGE(refused.status().message().find("tables of constrained output") != std::string::npos,
                  refused.status().message());
}

TEST_CASE("constraint: a copy is the place where it was taken, for drafts that are taken back") {
    const auto tokens = test::small_vocabulary();
    Constraint constraint(test::made(Grammar::from_regex("ab(cd)*e")), tokens);
    REQUIRE(constraint.accept('a').ok());
    const Constraint before = constraint;
    REQUIRE(constraint.accept('b').ok());
    REQUIRE(constraint.accept('e').ok());
    CHECK(*constraint.must_end());
    constraint = before;
    CHECK(!constraint.accept('e').ok());
    CHECK(constraint.accept_text("bcdcde").ok());
    CHECK(*constraint.must_end());
}

TEST_CASE("token bytes: the byte that stands for control tokens is no text") {
    std::vector<std::string> pieces{"a", "\xff[CALL]", "\xff"};
    const auto tokens = TokenBytes::make(std::move(pieces), {});
    for (const char* pattern : {".", "[^b]", "\\P{L}?a"}) {
        Constraint constraint(test::made(Grammar::from_regex(pattern)), tokens);
        const auto mask = constraint.mask();
        REQUIRE(mask.ok());
        CHECK((*mask)[0] == 1);
    }
    CHECK(tokens->bytes() > 0);
}

}  // namespace
}  // namespace hearth
