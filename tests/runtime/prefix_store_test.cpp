// Prefixes that sequences share through a store, over caches of every kind.
#include <thread>

#include "runtime/stored.hpp"
#include "support/golden.hpp"

namespace hearth::test {

TEST_CASE("prefix store: a prompt that was computed once is taken over, of every kind of cache") {
    for (const Kind& kind : kKinds) {
        const Stored s(kind);
        Draws draws(31);
        for (const std::size_t length : {40, 255, 256, 257, 700, 1024, 2500}) {
            const auto prompt = some(draws, length);
            Sequence one = s.sequence(), two = s.sequence();
            REQUIRE(one.append(prompt).ok());
            CHECK(s.run(one) == length);
            REQUIRE(two.append(prompt).ok());
            // With states the logits come from the store, else the last token is computed again.
            CHECK(s.run(two) == (s.f.layout->state_bytes != 0 ? 0 : 1));
            // Both go on, whoever wrote the pages.
            for (Sequence* each : {&two, &one, &two}) {
                REQUIRE(each->append(some(draws, 1 + draws.below(3))).ok());
                REQUIRE(evaluate(*each, 300));
                check_logits(s.f, *each);
            }
        }
        CHECK(s.store->stats().lookups == 14);
        CHECK(s.store->stats().found_tokens != 0);
    }
}

TEST_CASE("prefix store: another question behind the same beginning") {
    for (const Kind& kind : kKinds) {
        const Stored s(kind);
        const bool anywhere = PrefixStore::anywhere(*s.f.layout);
        Draws draws(32);
        const auto system = some(draws, 1300), question = some(draws, 200), other = some(draws, 90);
        Sequence first = s.sequence(), second = s.sequence(), third = s.sequence();
        REQUIRE(first.append(joined(system, question)).ok());
        CHECK(s.run(first) == 1500);
        REQUIRE(second.append(joined(system, other)).ok());
        // Caches that go on anywhere have all of it; others what was kept on the way.
        const std::size_t missing = s.run(second);
        if (anywhere)
            CHECK(missing == 90);
        else
            CHECK(missing <= 1390 - Sequence::kCheckpointDistance);
        // Evaluated by itself, all have it.
        Sequence alone = s.sequence();
        REQUIRE(alone.append(system).ok());
        s.run(alone);
        REQUIRE(third.append(joined(system, some(draws, 50))).ok());
        CHECK(s.run(third) == 50);
    }
}

TEST_CASE("prefix store: a conversation that is told again, with its answers") {
    for (const Kind& kind : kKinds) {
        const Stored s(kind);
        Draws draws(33);
        Sequence chat = s.sequence();
        for (int turn = 0; turn < 4; ++turn) {
            REQUIRE(chat.append(some(draws, 150)).ok());
            s.run(chat);
            for (int i = 0; i < 60; ++i) {
                REQUIRE(chat.append(some(draws, 1)).ok());
                REQUIRE(evaluate(chat, 300));
            }
            Sequence again = s.sequence();
            REQUIRE(again.append(chat.tokens()).ok());
            REQUIRE(again.append(some(draws, 40)).ok());
            CHECK(s.run(again) <= 100);
        }
    }
}

TEST_CASE("prefix store: sequences that fork, go back, fail and are saved compute what they would alone") {
    for (const Kind& kind : kKinds) {
        for (const std::uint64_t bytes : {kPlenty, std::uint64_t{20000}, std::uint64_t{1}}) {
            const Stored s(kind, bytes);
            Draws draws(34);
            // Few beginnings, so that they meet.
            const std::vector<std::vector<std::int32_t>> beginnings{some(draws, 600), some(draws, 300),
                                                                    some(draws, 40)};
            std::vector<Sequence> all(3, s.sequence());
            for (int round = 0; round < 150; ++round) {
                Sequence& q = all[draws.below(all.size())];
                switch (draws.below(7)) {
                    case 0:
                        REQUIRE(q.truncate(draws.below(q.length() + 1)).ok());
                        break;
                    case 1:
                        q = all[draws.below(all.size())];
                        break;
                    case 2:
                        if (q.missing() != 0) q.recall(1);
                        evaluate(q, 1 + draws.below(400), &draws);
                        break;
                    case 3:
                        REQUIRE(q.truncate(0).ok());
                        [[fallthrough]];
                    case 4:
                        if (q.length() < 1500) REQUIRE(q.append(beginnings[draws.below(3)]).ok());
                        break;
                    default:
                        if (q.length() < 2500) REQUIRE(q.append(some(draws, 1 + draws.below(200))).ok());
                }
                if (q.length() == 0 || draws.below(3) == 0) continue;
                if (draws.below(4) != 0) q.recall(1);
                REQUIRE(evaluate(q, 1 + draws.below(512)));
                check_logits(s.f, q);
            }
            CHECK(s.store->stats().bytes <= bytes);
            if (bytes == 1) CHECK(s.store->stats().found_tokens == 0);
            if (bytes == kPlenty) CHECK(s.store->stats().found_tokens != 0);
            s.store->clear();
            CHECK(s.store->stats().bytes == 0);
            all.clear();
            CHECK(s.f.host.bytes == 0);
        }
    }
}

TEST_CASE("prefix store: rows that are asked for are computed") {
    const Stored s(kKinds[1]);
    Draws draws(35);
    const auto prompt = some(draws, 500);
    Sequence one = s.sequence(), two = s.sequence();
    REQUIRE(one.append(prompt).ok());
    s.run(one);
    REQUIRE(two.append(prompt).ok());
    two.recall(500);
    CHECK(two.missing() == 500);
    const Stored t({{kAll}, 0});
    Sequence three = t.sequence(), four = t.sequence();
    REQUIRE(three.append(prompt).ok());
    t.run(three);
    REQUIRE(four.append(prompt).ok());
    four.recall(100);
    CHECK(four.missing() == 100);
}

TEST_CASE("prefix store: what another origin computed is never taken") {
    for (const Kind& kind : kKinds) {
        const Stored s(kind);
        Draws draws(36);
        const auto prompt = some(draws, 700);
        Sequence one = s.sequence(1), two = s.sequence(2);
        REQUIRE(one.append(prompt).ok());
        s.run(one);
        REQUIRE(two.append(prompt).ok());
        CHECK(s.run(two) == 700);
    }
}

TEST_CASE("prefix store: what was used longest ago goes first, from its end") {
    const Stored probe({{kAll}, 0});
    Draws draws(37);
    const auto a = some(draws, 1024), b = some(draws, 1024), c = some(draws, 1024);
    const auto put = [&](const Stored& s, const std::vector<std::int32_t>& prompt) {
        Sequence q = s.sequence();
        REQUIRE(q.append(prompt).ok());
        return s.run(q);
    };
    put(probe, a);
    const std::uint64_t each = probe.store->stats().bytes;
    const Stored s({{kAll}, 0}, 2 * each + each / 4);  // two prompts and a block
    put(s, a);
    put(s, b);
    CHECK(put(s, a) == 1);  // now b is the older
    put(s, c);
    CHECK(s.store->stats().evictions == 3);
    CHECK(s.store->stats().bytes <= 2 * each + each / 4);
    CHECK(put(s, a) == 1);
    CHECK(put(s, c) == 1);
    CHECK(put(s, b) == 768);  // its first block is there
    // Of one that does not fit, the beginning is kept.
    const Stored small({{kAll}, 0}, each / 2 + 1);
    put(small, a);
    CHECK(put(small, a) == 512);
}

TEST_CASE("prefix store: gives way where memory is refused") {
    for (const Kind& kind : kKinds) {
        const Stored plain(kind);
        // As much as one sequence takes alone.
        Draws draws(38);
        const auto prompt = some(draws, 900), other = some(draws, 900);
        std::uint64_t most = 0;
        {
            Sequence q = plain.f.sequence(3000, 0);
            REQUIRE(q.append(prompt).ok());
            REQUIRE(evaluate(q, 300));
            REQUIRE(q.append(some(draws, 1)).ok());
            REQUIRE(evaluate(q, 300));
            most = plain.f.host.most;
        }
        const Fixture f(kind.reaches, kind.states, kind.rows);
        const auto memory = std::make_shared<Memory>(Allocator{}, most);
        const auto store = PrefixStore::make(memory, store_options(kPlenty));
        const PrefixUse use{store, {}, nullptr, 0};
        for (const auto& tokens : {prompt, other, prompt}) {
            Sequence q(KvCache(f.layout, memory), kVocab, 3000);
            q.use_store(use);
            REQUIRE(q.append(tokens).ok());
            for (int i = 0; i < 3; ++i) {
                if (i != 0) REQUIRE(q.append(some(draws, 1)).ok());
                q.recall(1);
                REQUIRE(evaluate(q, 300));
                check_logits(f, q);
            }
            CHECK(memory->budget.used() <= most);
        }
        CHECK(store->stats().evictions != 0);
        // What only the store has counts as left.
        CHECK(memory->left() == most);
        CHECK(memory->check(most, "everything").ok());
        CHECK(Buffer::make(memory, most, "everything").ok());
        CHECK(store->stats().bytes == 0);
    }
}

TEST_CASE("prefix store: threads share it") {
    const Fixture f({kAll, kWindow}, 0);
    const auto memory = std::make_shared<Memory>();
    const auto store = PrefixStore::make(memory, store_options(60000));
    std::mutex lock;  // as a runtime's
    std::vector<std::thread> threads;
    for (std::uint32_t t = 0; t < 3; ++t)
        threads.emplace_back([&, t] {
            Draws draws(39);
            const auto beginning = some(draws, 600);
            Draws own(40 + t);
            for (int round = 0; round < (kThin ? 5 : 20); ++round) {
                Sequence q(KvCache(f.layout, memory, kPlenty), kVocab, 3000);
                q.use_store({store, {}, nullptr, 0});
                CHECK(q.append(joined(beginning, some(own, 100))).ok());
                {
                    const std::lock_guard guard(lock);
                    q.recall(1);
                    CHECK(evaluate(q, 300));
                }
                check_logits(f, q);
                if (t == 0) store->clear();
                if (t == 1) CHECK(memory->left() > 0);
            }
        });
    for (std::thread& t : threads) t.join();
    CHECK(store->stats().lookups == (kThin ? 15 : 60));
}

}  // namespace hearth::test
