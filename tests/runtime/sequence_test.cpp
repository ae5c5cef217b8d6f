// A conversation's tokens, what of them is evaluated, and its last logits.
#include "hearth/runtime/sequence.hpp"

#include <doctest/doctest.h>

namespace hearth::test {
namespace {

Sequence make_sequence(std::size_t context = 600, std::uint64_t budget = 0) {
    const KvShape shape{1, 16, 16};
    auto layout = std::make_shared<const KvLayout>(KvLayout::make(KvType::f16, std::span(&shape, 1)));
    return {KvCache(layout, std::make_shared<Memory>(Allocator{}, budget)), 100, context};
}
std::vector<std::int32_t> numbers(std::size_t n) {
    std::vector<std::int32_t> v(n);
    for (std::size_t i = 0; i < n; ++i) v[i] = static_cast<std::int32_t>(i % 100);
    return v;
}
const std::vector<float> kLogits(100, 0.5F);

}  // namespace

TEST_CASE("sequence: tokens outside the vocabulary and beyond the context are refused whole") {
    Sequence s = make_sequence(10);
    REQUIRE(s.append(numbers(4)).ok());
    for (const std::int32_t bad : {-1, 100, INT32_MAX, INT32_MIN}) {
        const std::int32_t mixed[] = {5, bad};
        const Status st = s.append(mixed);
        CHECK(st.code() == Code::out_of_range);
        CHECK(st.message().find("position 5") != std::string::npos);
        CHECK(st.message().find(std::to_string(bad)) != std::string::npos);
    }
    CHECK(s.append(numbers(7)).code() == Code::out_of_range);
    CHECK(s.length() == 4);
    REQUIRE(s.append(numbers(6)).ok());
    CHECK(s.append(numbers(1)).code() == Code::out_of_range);
    CHECK(s.append({}).ok());
    CHECK(s.length() == 10);
}

TEST_CASE("sequence: batches follow each other, and the last logits last until something changes") {
    Sequence s = make_sequence();
    REQUIRE(s.append(numbers(300)).ok());
    CHECK(s.pending() == 300);
    auto first = s.next_batch(260, 0);
    REQUIRE(first.ok());
    CHECK(first->position == 0);
    CHECK(first->tokens.size() == 260);
    CHECK(first->logits_from == 260);
    CHECK(first->context == 600);
    CHECK(s.cache_bytes() == 2 * first->kv.layout->page_bytes);
    s.done(260, {});
    CHECK(s.pending() == 40);
    auto second = s.next_batch(40, 1);
    REQUIRE(second.ok());
    CHECK(second->position == 260);
    CHECK(second->tokens[0] == 60);
    CHECK(second->logits_from == 39);
    s.done(40, kLogits);
    CHECK(s.pending() == 0);
    CHECK(s.logits().size() == 100);
    REQUIRE(s.append({}).ok());
    CHECK(s.logits().size() == 100);
    REQUIRE(s.truncate(300).ok());
    CHECK(s.logits().size() == 100);
    const Sequence fork = s;
    REQUIRE(s.append(numbers(1)).ok());
    CHECK(s.logits().empty());
    CHECK(fork.logits().size() == 100);
    CHECK(s.truncate(302).code() == Code::out_of_range);
    REQUIRE(s.truncate(200).ok());
    CHECK(s.evaluated() == 200);
    CHECK(s.pending() == 0);
    // The logits of the last kept token are had by evaluating it once more.
    auto again = s.next_batch(1, 1);
    REQUIRE(again.ok());
    CHECK(again->position == 199);
    CHECK(again->tokens[0] == 99);
    s.done(1, kLogits);
    CHECK(s.evaluated() == 200);
    REQUIRE(s.truncate(0).ok());
    CHECK(s.cache_bytes() == 0);
    CHECK(s.length() == 0);
}

TEST_CASE("sequence: a cache that finds no room leaves the tokens pending") {
    Sequence s = make_sequence(600, 20000);  // one page of 16384 bytes
    REQUIRE(s.append(numbers(300)).ok());
    CHECK(s.next_batch(300, 1).status().code() == Code::over_budget);
    CHECK(s.pending() == 300);
    REQUIRE(s.next_batch(256, 0).ok());
    s.done(256, {});
    CHECK(s.next_batch(44, 1).status().code() == Code::over_budget);
    CHECK(s.pending() == 44);
    REQUIRE(s.truncate(256).ok());
    REQUIRE(s.next_batch(1, 1).ok());
    s.done(1, kLogits);
    CHECK(s.pending() == 0);
}

TEST_CASE("sequence: with states, a cut or a pass that failed begins anew, and tells what is missing") {
    const KvShape shapes[] = {{1, 16, 16}, {0, 0, 0, 7}};
    auto layout = std::make_shared<const KvLayout>(KvLayout::make(KvType::f16, shapes));
    Sequence s(KvCache(layout, std::make_shared<Memory>()), 100, 600);
    CHECK(s.missing() == 0);
    // The state of this "model" is the sum of the tokens that it has seen.
    const auto pass = [](Sequence& q, std::size_t count) {
        auto batch = q.next_batch(count, count == q.missing() ? 1 : 0);
        REQUIRE(batch.ok());
        for (const std::int32_t t : batch->tokens) batch->kv.states[1][6] += static_cast<float>(t);
        return std::pair(batch->position, batch->kv.states[1][6]);
    };
    REQUIRE(s.append(numbers(20)).ok());
    CHECK(s.missing() == 20);
    CHECK(pass(s, 12) == std::pair<std::size_t, float>(0, 66));
    s.done(12, {});
    CHECK(s.missing() == 8);
    CHECK(pass(s, 8) == std::pair<std::size_t, float>(12, 190));
    // Not done: it failed.
    CHECK(s.missing() == 20);
    CHECK(s.pending() == 8);
    CHECK(pass(s, 20) == std::pair<std::size_t, float>(0, 190));
    s.done(20, kLogits);
    CHECK(s.missing() == 0);
    Sequence fork = s;
    REQUIRE(s.append(numbers(3)).ok());
    CHECK(s.missing() == 3);
    CHECK(pass(s, 3) == std::pair<std::size_t, float>(20, 193));
    s.done(3, kLogits);
    CHECK(fork.missing() == 0);
    // Only pending tokens are cut.
    REQUIRE(s.append(numbers(5)).ok());
    REQUIRE(s.truncate(24).ok());
    CHECK(s.missing() == 1);
    CHECK(pass(s, 1) == std::pair<std::size_t, float>(23, 193));
    s.done(1, kLogits);
    REQUIRE(s.truncate(22).ok());
    CHECK(s.evaluated() == 22);
    CHECK(s.pending() == 0);
    CHECK(s.missing() == 22);
    CHECK(pass(s, 22) == std::pair<std::size_t, float>(0, 191));
    s.done(22, kLogits);
    REQUIRE(fork.append(numbers(2)).ok());
    CHECK(pass(fork, 2) == std::pair<std::size_t, float>(20, 191));
}

}  // namespace hearth::test
