// Sequences that are saved and restored, over caches of every kind.
#include <array>

#include "runtime/toy.hpp"

namespace hearth::test {
namespace {

std::vector<std::byte> saved(Sequence& s) {
    BlobCounter counter;
    REQUIRE(s.save(counter).ok());
    std::vector<std::byte> bytes(static_cast<std::size_t>(counter.written()));
    BlobMemory blob(bytes);
    REQUIRE(s.save(blob).ok());
    CHECK(blob.written() == bytes.size());
    return bytes;
}

Result<Sequence> restored(const Sequence& like, std::span<const std::byte> bytes) {
    const auto source = open_memory(bytes);
    BlobReader blob(**source);
    return like.restored(blob);
}

}  // namespace

TEST_CASE("saved sequence: goes on after any cuts, forks and failed passes as if it had never stopped") {
    Draws draws(11);
    for (const Kind& kind : kKinds) {
        const Fixture f(kind.reaches, kind.states, kind.rows);
        constexpr std::size_t kContext = 3000;
        const Sequence empty = f.sequence(kContext, KvCache::allowance_for(*f.layout, kContext, 512));
        Sequence s = empty;
        for (std::size_t round = 0; round < 120; ++round) {
            switch (draws.below(5)) {
                case 0:
                    REQUIRE(s.truncate(draws.below(s.length() + 1)).ok());
                    break;
                case 1:
                    evaluate(s, 1 + draws.below(400), &draws);
                    break;
                default: {
                    const std::size_t n = draws.below(2) == 0 ? 1 : draws.below(700);
                    if (s.length() + n <= kContext) REQUIRE(s.append(some(draws, n)).ok());
                    if (s.length() != 0 && draws.below(4) != 0) REQUIRE(evaluate(s, 1 + draws.below(512)));
                }
            }
            const auto bytes = saved(s);
            auto other = restored(empty, bytes);
            REQUIRE_MESSAGE(other.ok(), other.status().message());
            CHECK(std::ranges::equal(other->tokens(), s.tokens()));
            CHECK(std::ranges::equal(other->logits(), s.logits()));
            CHECK(other->missing() == s.missing());
            CHECK(other->pending() == s.pending());
            CHECK(saved(*other) == bytes);
            // Either goes on, the other ends.
            if (draws.below(2) == 0) s = *std::move(other);
            if (s.length() == 0) continue;
            REQUIRE(evaluate(s, 512));
            check_logits(f, s);
        }
    }
}

TEST_CASE("saved sequence: has nothing of tokens that were taken back") {
    const Fixture f({kAll, kWindow}, 0);
    Draws draws(12);
    const auto tokens = some(draws, 500);
    for (const std::size_t length : {2, 15, 16, 17, 256, 300}) {
        Sequence fresh = f.sequence(3000, 0), cut = f.sequence(3000, 0);
        REQUIRE(fresh.append(std::span(tokens).first(length)).ok());
        REQUIRE(cut.append(tokens).ok());
        REQUIRE(evaluate(fresh, 512));
        REQUIRE(evaluate(cut, 512));
        REQUIRE(cut.truncate(length).ok());
        if (cut.missing() > 1) continue;  // the window's keys are gone as well
        REQUIRE(evaluate(cut, 512));
        CHECK(saved(cut) == saved(fresh));
    }
}

TEST_CASE("saved sequence: near the newest checkpoint nothing is evaluated again") {
    for (const Kind& kind : kKinds) {
        const Fixture f(kind.reaches, kind.states, kind.rows);
        Draws draws(13);
        Sequence s = f.sequence(3000, std::uint64_t{1} << 30);
        REQUIRE(s.append(some(draws, 600)).ok());
        REQUIRE(evaluate(s, 300));
        REQUIRE(s.append(some(draws, 500)).ok());
        REQUIRE(evaluate(s, 300));
        auto other = restored(f.sequence(3000, std::uint64_t{1} << 30), saved(s));
        REQUIRE(other.ok());
        for (Sequence* each : {&s, &*other}) REQUIRE(each->truncate(600).ok());
        CHECK(other->missing() == s.missing());
        CHECK(s.missing() <= 1);
        REQUIRE(evaluate(*other, 300));
        check_logits(f, *other);
    }
}

TEST_CASE("saved sequence: cut or changed bytes are refused, or are another sequence that runs") {
    Draws draws(14);
    for (const Kind& kind : kKinds) {
        const Fixture f(kind.reaches, kind.states, kind.rows);
        const Sequence empty = f.sequence(1000, std::uint64_t{1} << 20);
        Sequence s = empty;
        REQUIRE(s.append(some(draws, 300)).ok());
        REQUIRE(evaluate(s, 300));
        REQUIRE(s.append(some(draws, 100)).ok());
        REQUIRE(evaluate(s, 300));
        const auto bytes = saved(s);
        for (std::size_t n = 0; n < bytes.size(); n += 1 + draws.below(std::max<std::size_t>(bytes.size() / 60, 1))) {
            const auto part = restored(empty, std::span(bytes).first(n));
            REQUIRE(!part.ok());
            CHECK(part.status().code() == Code::malformed);
        }
        for (std::size_t round = 0; round < 300; ++round) {
            auto other = bytes;
            // Numbers stand at the front of every part: most changes go there.
            const std::size_t at = draws.below(2) == 0 ? draws.below(40) : draws.below(other.size());
            const std::array<std::uint64_t, 6> hostile{
                0, 1, ~std::uint64_t{0}, std::uint64_t{1} << 63, 255, draws.below(2000)};
            std::memcpy(other.data() + at, &hostile[draws.below(6)],
                        std::min<std::size_t>(1 + draws.below(8), other.size() - at));
            auto got = restored(empty, other);
            if (!got.ok() || got->length() == 0) continue;
            CHECK(got->length() <= 1000);
            REQUIRE(evaluate(*got, 300));  // whatever it says
        }
    }
}

TEST_CASE("saved sequence: a refusal of memory at any point leaves nothing behind") {
    for (const Kind& kind : kKinds) {
        Fixture f(kind.reaches, kind.states, kind.rows);
        Draws draws(15);
        Sequence s = f.sequence(2000, std::uint64_t{1} << 20);
        REQUIRE(s.append(some(draws, 700)).ok());
        REQUIRE(evaluate(s, 300));
        const auto bytes = saved(s);
        const std::size_t held = f.host.bytes;
        for (std::size_t n = 0;; ++n) {
            f.host.refuse_from = f.host.calls + n;
            const auto other = restored(s, bytes);
            f.host.refuse_from = SIZE_MAX;
            if (other.ok()) break;
            CHECK(other.status().code() == Code::out_of_memory);
            CHECK(f.host.bytes == held);
        }
    }
}

TEST_CASE("replaced tokens: evaluate what follows the first difference, and nothing where there is none") {
    Draws draws(16);
    for (const Kind& kind : kKinds) {
        const Fixture f(kind.reaches, kind.states, kind.rows);
        Sequence s = f.sequence(1000, std::uint64_t{1} << 20);
        REQUIRE(s.append(some(draws, 400)).ok());
        REQUIRE(evaluate(s, 300));
        for (int round = 0; round < 20; ++round) {
            std::vector<std::int32_t> want(s.tokens().begin(), s.tokens().end());
            const std::size_t at = draws.below(want.size() + 1), removed = draws.below(want.size() - at + 1);
            const auto other = some(draws, draws.below(removed + 10));
            const auto place = want.begin() + static_cast<std::ptrdiff_t>(at);
            want.insert(want.erase(place, place + static_cast<std::ptrdiff_t>(removed)), other.begin(), other.end());
            REQUIRE(s.replace(at, removed, other).ok());
            CHECK(std::ranges::equal(s.tokens(), want));
            if (want.empty()) break;
            REQUIRE(evaluate(s, 300));
            check_logits(f, s);
            REQUIRE(s.replace(0, want.size(), want).ok());
            CHECK(s.missing() == 0);
        }
        const std::vector<std::int32_t> before(s.tokens().begin(), s.tokens().end()), foreign{1, 1000}, many(1001, 1);
        CHECK(s.replace(before.size() + 1, 0, {}).code() == Code::out_of_range);
        CHECK(s.replace(0, before.size() + 1, {}).code() == Code::out_of_range);
        CHECK(s.replace(0, 0, foreign).code() == Code::out_of_range);
        CHECK(s.replace(0, before.size(), many).code() == Code::out_of_range);
        CHECK(std::ranges::equal(s.tokens(), before));
    }
}

}  // namespace hearth::test
