// What is guessed, and how much. That guesses change no token: capi/draft_test.
#include "hearth/engine/draft.hpp"

#include <doctest/doctest.h>

namespace hearth::test {
namespace {

std::vector<DraftToken> lookup(const std::vector<DraftToken>& tokens, std::size_t most = 4) {
    std::vector<DraftToken> out{99};
    REQUIRE(make_lookup_drafter()->guess(tokens, most, out, nullptr).ok());
    return out;
}

using Tokens = std::vector<DraftToken>;

}  // namespace

TEST_CASE("draft: a lookup goes on as the text did after its longest suffix") {
    CHECK(lookup({1, 2, 3, 4, 5, 6, 1, 2, 3}) == Tokens{4, 5, 6, 1});
    CHECK(lookup({1, 2, 3, 4, 5, 6, 1, 2, 3}, 2) == Tokens{4, 5});
    CHECK(lookup({7, 1, 2, 8, 9, 1, 2, 5, 5, 7, 1, 2}) == Tokens{8, 9, 1, 2});  // three tokens, not the newer two
    CHECK(lookup({1, 2, 8, 0, 1, 2, 9, 0, 1, 2}) == Tokens{9, 0, 1, 2});        // [0, 1, 2], not [1, 2] before it
    CHECK(lookup({1, 2, 8, 3, 1, 2, 9, 4, 1, 2}) == Tokens{9, 4, 1, 2});        // the newer of two
}
TEST_CASE("draft: a lookup goes on with a period") {
    CHECK(lookup({5, 5, 5}) == Tokens{5, 5, 5, 5});
    CHECK(lookup({1, 2, 1, 2, 1, 2}, 5) == Tokens{1, 2, 1, 2, 1});
}
TEST_CASE("draft: a lookup has no idea where nothing occurred before") {
    CHECK(lookup({}).empty());
    CHECK(lookup({1}).empty());
    CHECK(lookup({1, 1}).empty());  // one token alone is chance
    CHECK(lookup({1, 2, 3, 1}).empty());
    CHECK(lookup({1, 2, 3, 1, 2}, 0).empty());
}

TEST_CASE("draft: the pace follows what comes true") {
    DraftPace pace(8);
    CHECK(pace.next(0) == 0);  // nothing is known yet
    pace.passed(1, 0.02);
    CHECK(pace.next(0) >= 4);
    for (int i = 0; i < 40; ++i) {
        pace.passed(9, 0.022);
        pace.tried(8, 8);
    }
    CHECK(pace.next(0) == 8);
    for (int i = 0; i < 80; ++i) pace.tried(8, 0);
    for (int i = 0; i < 20; ++i) {
        pace.passed(1, 0.020);
        pace.passed(9, 0.040);
    }
    std::size_t guesses = 0;
    for (int i = 0; i < 320; ++i) guesses += pace.next(0) != 0 ? 1 : 0;
    CHECK(guesses == 10);  // now and then
    for (int i = 0; i < 30; ++i) pace.tried(2, 2);
    CHECK(pace.next(0) > 2);
}

TEST_CASE("draft: the pace knows what a guess and a longer pass cost") {
    DraftPace dear(8), cheap(8);
    for (int i = 0; i < 50; ++i)
        for (DraftPace* p : {&dear, &cheap}) {
            p->passed(1, 0.020);
            p->passed(5, 0.024);
            p->tried(4, 3);
        }
    dear.guessed(4, 4 * 0.018);  // a draft model nearly as slow as the model
    cheap.guessed(4, 4 * 0.0005);
    CHECK(cheap.next(0) >= 4);
    CHECK(dear.next(0) < cheap.next(0));
    CHECK(cheap.seconds(1) == doctest::Approx(0.020).epsilon(0.02));
    CHECK(cheap.seconds(9) == doctest::Approx(0.028).epsilon(0.02));
    // Passes that are bound by computing: each token costs as much as a pass of it alone.
    DraftPace bound(8);
    for (int i = 0; i < 50; ++i) {
        bound.passed(1, 0.01);
        bound.passed(4, 0.04);
        bound.tried(3, 2);
    }
    CHECK(bound.next(0) == 0);
}

}  // namespace hearth::test
