// Sequences that go back, fork and fail, over caches of every kind: what a pass sees of the cache is what it would have
// seen had it never been otherwise, in the memory that was planned.
#include <mutex>
#include <thread>

#include "runtime/toy.hpp"

namespace hearth::test {

TEST_CASE("rewind: any cuts, forks, failed passes and refusals leave what a sequence sees as it would have been") {
    Draws draws(1);
    for (const Kind& kind : kKinds) {
        Fixture f(kind.reaches, kind.states, kind.rows);
        constexpr std::size_t kContext = 3000;
        const std::uint64_t allowance = draws.below(3) * KvCache::allowance_for(*f.layout, kContext, 512) / 2;
        std::vector<Sequence> all{f.sequence(kContext, allowance)};
        for (std::size_t round = 0; round < 300; ++round) {
            const std::size_t which = draws.below(all.size());
            Sequence& s = all[which];
            switch (draws.below(8)) {
                case 0:
                    if (all.size() < 4) all.push_back(Sequence(s));
                    break;
                case 1:
                    if (all.size() > 1) all.erase(all.begin() + static_cast<std::ptrdiff_t>(which));
                    break;
                case 2:
                    REQUIRE(s.truncate(draws.below(s.length() + 1)).ok());
                    break;
                case 3:
                    REQUIRE(s.truncate(s.length() - std::min(s.length(), draws.below(KvCache::kRollback))).ok());
                    break;
                case 4:
                    f.host.refuse_from = f.host.calls + draws.below(5);
                    evaluate(s, 1 + draws.below(400));
                    f.host.refuse_from = SIZE_MAX;
                    break;
                case 5:
                    evaluate(s, 1 + draws.below(400), &draws);
                    break;
                default: {
                    const std::size_t n = draws.below(2) == 0 ? 1 : draws.below(700);
                    if (s.length() + n <= kContext) REQUIRE(s.append(some(draws, n)).ok());
                    if (s.length() == 0) break;
                    REQUIRE(evaluate(s, 1 + draws.below(512)));
                    check_logits(f, s);
                }
            }
        }
        for (Sequence& s : all) {
            if (s.length() == 0) continue;
            REQUIRE(evaluate(s, 512));
            check_logits(f, s);
            CHECK(s.cache().checkpoint_bytes() <= allowance);
            CHECK(s.cache_bytes() - s.cache().checkpoint_bytes() <= KvCache::bytes_for(*f.layout, kContext, 512));
        }
        all.resize(1, f.sequence(1, 0));
        CHECK(f.memory->budget.used() == all[0].cache_bytes());
        REQUIRE(all[0].truncate(0).ok());
        CHECK(f.host.bytes == 0);
    }
}

TEST_CASE("rewind: a refusal at any allocation of a pass leaves a sequence that goes on") {
    Draws draws(7);
    for (const Kind& kind : kKinds) {
        Fixture f(kind.reaches, kind.states, kind.rows);
        Sequence s = f.sequence(3000, std::uint64_t{1} << 20);
        REQUIRE(s.append(some(draws, 900)).ok());
        REQUIRE(evaluate(s, 300));
        REQUIRE(s.append(some(draws, 400)).ok());
        const std::vector<std::int32_t> tokens(s.tokens().begin(), s.tokens().end());
        bool whole = false;
        for (std::size_t n = 0; !whole; ++n) {
            Sequence fork = s;
            f.host.refuse_from = f.host.calls + n;
            whole = evaluate(fork, 300);
            f.host.refuse_from = SIZE_MAX;
            CHECK(std::ranges::equal(fork.tokens(), tokens));
            REQUIRE(evaluate(fork, 300));
            check_logits(f, fork);
            CHECK((n != 0 || !whole));
        }
        REQUIRE(evaluate(s, 300));
        check_logits(f, s);
    }
}

TEST_CASE("rewind: forks on several threads need the engine's lock for their passes only") {
    for (const Kind& kind : kKinds) {
        // The system's allocator: the host's here is no thread's but one.
        const auto layout = Fixture(kind.reaches, kind.states, kind.rows).layout;
        const auto memory = std::make_shared<Memory>();
        std::mutex engine;
        Draws draws(8);
        Sequence first(KvCache(layout, memory, KvCache::allowance_for(*layout, 4000, 300)), kVocab, 4000);
        REQUIRE(first.append(some(draws, 700)).ok());
        REQUIRE(evaluate(first, 300));
        std::vector<Sequence> forks(3, first);
        std::vector<std::thread> threads;
        for (std::size_t i = 0; i < forks.size(); ++i)
            threads.emplace_back([&, i] {
                Draws own(20 + i);
                for (int round = 0; round < 20; ++round) {
                    Sequence fork = forks[i];
                    if (!fork.append(some(own, 1 + own.below(90))).ok()) return;
                    {
                        const std::lock_guard lock(engine);
                        if (!evaluate(fork, 40)) return;
                    }
                    if (own.below(3) == 0 && !fork.truncate(own.below(fork.length())).ok()) return;
                    forks[i] = fork;
                }
            });
        for (std::thread& t : threads) t.join();
        forks.push_back(std::move(first));
        for (Sequence& s : forks) {
            if (s.length() == 0) continue;
            REQUIRE(evaluate(s, 300));
            CHECK(std::ranges::equal(s.logits(), Toy::expected(*layout, s.tokens())));
        }
    }
}

TEST_CASE("rewind: the plan is what a sequence takes at most") {
    Draws draws(2);
    for (const Kind& kind : kKinds)
        for (const std::size_t context : {90, 1000, 2100})
            for (const std::size_t chunk : {1, 50, 257, 512}) {
                const Fixture f(kind.reaches, kind.states, kind.rows);
                const std::uint64_t plan = KvCache::bytes_for(*f.layout, context, chunk);
                std::uint64_t most = 0;
                // Passes may lie anywhere between the pages.
                for (std::size_t round = 0; round < 40 && most != plan; ++round) {
                    KvCache c(f.layout, f.memory);
                    for (std::size_t at = 0; at < context;) {
                        const std::size_t n = at == 0 ? 1 + draws.below(chunk) : chunk, end = std::min(at + n, context);
                        REQUIRE(c.prepare(at, end).ok());
                        c.done(end);
                        if (c.bytes() != f.host.bytes) FAIL_CHECK(c.bytes() << " bytes, held are " << f.host.bytes);
                        most = std::max(most, c.bytes());
                        at = end;
                    }
                    REQUIRE(most <= plan);
                }
                CHECK_MESSAGE(most == plan, "context " << context << ", chunk " << chunk);
            }
}

TEST_CASE("rewind: decoding over windows takes no more memory once they are full") {
    Draws draws(3);
    Fixture f({kWindow, kFar}, 0);
    Sequence s = f.sequence(8000, 0);
    REQUIRE(s.append(some(draws, 1000)).ok());
    REQUIRE(evaluate(s, 512));
    const std::size_t calls = f.host.calls;
    const std::uint64_t bytes = s.cache_bytes();
    for (std::size_t i = 0; i < 3000; ++i) {
        REQUIRE(s.append(some(draws, 1)).ok());
        REQUIRE(evaluate(s, 512));
    }
    check_logits(f, s);
    CHECK(f.host.calls == calls);
    CHECK(s.cache_bytes() == bytes);
    // Nothing has to be evaluated again but the last token.
    for (std::size_t i = 0; i < KvCache::kRollback; ++i) REQUIRE(s.truncate(s.length() - 1).ok());
    CHECK(s.missing() == 1);
    REQUIRE(s.truncate(2000).ok());
    CHECK(s.missing() == 2000);
}

TEST_CASE("rewind: going back to the end of a prompt costs no pass, and near it no more than from there") {
    Draws draws(4);
    for (const auto& [window, states] : {std::pair<Reach, std::size_t>{kWindow, 0}, {kAll, 1}, {kFar, 2}}) {
        Fixture f({window, kAll}, states);
        Sequence s = f.sequence(8000, std::uint64_t{1} << 30);
        std::size_t ends[3];
        for (std::size_t& end : ends) {
            REQUIRE(s.append(some(draws, 700)).ok());
            REQUIRE(evaluate(s, 300));
            end = s.length();
            for (std::size_t i = 0; i < 600; ++i) {
                REQUIRE(s.append(some(draws, 1)).ok());
                REQUIRE(evaluate(s, 300));
            }
        }
        CHECK(s.cache().checkpoints() >= 3);
        for (std::size_t i = 3; i-- > 0;) {
            Sequence fork = s;
            REQUIRE(s.truncate(ends[i] + 7).ok());
            CHECK(s.missing() == 7);
            REQUIRE(s.truncate(ends[i]).ok());
            CHECK(s.missing() == 0);
            check_logits(f, s);
            REQUIRE(s.append(some(draws, 40)).ok());
            REQUIRE(evaluate(s, 300));
            check_logits(f, s);
            REQUIRE(fork.truncate(ends[i] + 1).ok());
            CHECK(fork.missing() == 1);
            REQUIRE(evaluate(fork, 300));
            check_logits(f, fork);
        }
    }
}

TEST_CASE("rewind: checkpoints share pages with their sequence, and never take more than their allowance beside it") {
    Draws draws(6);
    Fixture f({kWindow, kFar}, 0);
    Sequence shared = f.sequence(5000, std::uint64_t{1} << 30);
    REQUIRE(shared.append(some(draws, 1000)).ok());
    REQUIRE(evaluate(shared, 512));
    const std::size_t calls = f.host.calls;
    for (std::size_t i = 0; i < 20; ++i) {
        REQUIRE(shared.append(some(draws, 1)).ok());
        REQUIRE(evaluate(shared, 512));
    }
    CHECK(shared.cache().checkpoints() == 1);
    CHECK(f.host.calls == calls + 1);  // the logits
    for (const Kind& kind : kKinds) {
        Fixture g(kind.reaches, kind.states, kind.rows);
        const std::uint64_t plan = KvCache::bytes_for(*g.layout, 5000, 200);
        const std::uint64_t allowance = KvCache::allowance_for(*g.layout, 5000, 200);
        Sequence s = g.sequence(5000, allowance);
        std::size_t kept = 0;
        while (s.length() < 5000) {
            REQUIRE(
                s.append(some(draws, std::min<std::size_t>(draws.below(3) == 0 ? 300 : 1, 5000 - s.length()))).ok());
            REQUIRE(evaluate(s, 200));
            kept = std::max(kept, s.cache().checkpoints());
        }
        CHECK(g.host.most <= plan + allowance + 64 * KvCache::kMostCheckpoints);  // blocks are rounded to 64 bytes
        CHECK((kept != 0) == s.cache().wants_checkpoints());
    }
}

TEST_CASE("rewind: checkpoints are few, old ones far apart, and give way to what a pass needs") {
    Draws draws(5);
    Fixture f({kWindow, kAll}, 1);
    Sequence s = f.sequence(60000, std::uint64_t{1} << 30);
    REQUIRE(s.append(some(draws, 60000)).ok());
    REQUIRE(evaluate(s, 512));
    CHECK(s.cache().checkpoints() == KvCache::kMostCheckpoints);
    // From anywhere no further back than a part of the way to the end, and a distance.
    for (std::size_t at = 1000; at < 60000; at += 777) {
        const std::size_t again = at - s.cache().reachable(at);
        CHECK_MESSAGE(again <= (60000 - at) / 2 + 2 * Sequence::kCheckpointDistance, at << ": " << again);
    }
    // Another takes them with it; when memory ends they go, and the pass is had.
    Sequence fork = s;
    REQUIRE(fork.append(some(draws, 0)).ok());
    REQUIRE(fork.truncate(59000).ok());
    REQUIRE(fork.append(some(draws, 500)).ok());
    f.host.refuse_from = f.host.calls;
    CHECK(!fork.next_batch(500, 1).ok());
    CHECK(fork.cache().checkpoints() == 0);
    f.host.refuse_from = SIZE_MAX;
    REQUIRE(evaluate(fork, 512));
    check_logits(f, fork);
    check_logits(f, s);
}

}  // namespace hearth::test
