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

}  // namespace hearth::test
