// Many sessions in too little memory, short prompts behind long ones: each gets the tokens that it gets alone.
#include <algorithm>
#include <map>

#include "hearth/engine/generator.hpp"
#include "models/random_model.hpp"
#include "support/golden.hpp"

namespace hearth::test {
namespace {

struct Loaded {
    std::shared_ptr<Runtime> runtime;
    std::shared_ptr<LoadedModel> model;
};

Loaded load(const std::string& arch, std::uint64_t budget) {
    RuntimeOptions options;
    options.threads = 2;
    options.memory_budget = budget;
    auto runtime = Runtime::make(options);
    REQUIRE(runtime.ok());
    auto file = open_model(shared_or_golden("families/" + arch + ".gguf").string());
    REQUIRE(file.ok());
    auto model = LoadedModel::load(*runtime, *std::move(file), {});
    REQUIRE_MESSAGE(model.ok(), model.status().message());
    return {*runtime, *model};
}

std::shared_ptr<Session> session_of(const Loaded& l, std::span<const std::int32_t> prompt, std::size_t context) {
    auto session = Session::make(l.model, {context, KvType::f16, 64});
    REQUIRE_MESSAGE(session.ok(), session.status().message());
    REQUIRE((*session)->sequence().append(prompt).ok());
    return *session;
}

struct Seen {
    std::vector<Token> tokens;
    FinishReason reason = FinishReason::none;
    GenerateStats stats;
    std::string error;
    std::size_t steps = 0;  // until its first token
};

// let_go: the caches of those that have finished, as freeing their sessions would.
std::map<Session*, Seen> drain(Generator& generator, bool let_go = false) {
    std::map<Session*, Seen> seen;
    GenerateEvent e;
    for (std::size_t steps = 0; generator.step().ok(); ++steps)
        while (generator.next_event(e)) {
            Seen& s = seen[e.session.get()];
            if (e.kind == EventKind::token) {
                if (s.tokens.empty()) s.steps = steps;
                s.tokens.push_back(e.token);
            }
            if (e.kind != EventKind::finish) continue;
            s.reason = e.reason;
            s.stats = e.stats;
            s.error = e.status.message();
            if (let_go) e.session->sequence().release();
        }
    return seen;
}

std::vector<std::int32_t> prompt_of(Draws& draws, std::size_t n) {
    std::vector<std::int32_t> v(n);
    for (auto& t : v) t = static_cast<std::int32_t>(3 + draws.below(200));
    return v;
}

}  // namespace

TEST_CASE("many: sessions that memory does not hold together take turns, each with its own tokens") {
    constexpr std::size_t kSessions = 7, kContext = 700, kTokens = 40;
    for (const char* arch : {"qwen35", "llama-tied-fused", "gemma4"}) {
        if (kThin && arch != std::string_view("qwen35")) break;
        CAPTURE(std::string(arch));
        Draws draws(11);
        std::vector<std::vector<std::int32_t>> prompts;
        for (std::size_t i = 0; i < kSessions; ++i) prompts.push_back(prompt_of(draws, 200 + 60 * i));
        GenerateOptions options;
        options.max_tokens = kTokens;
        options.ignore_eos = true;
        std::vector<std::vector<Token>> alone;
        std::uint64_t base = 0, cache = 0;
        {
            const Loaded free = load(arch, 0);
            for (const auto& prompt : prompts) {
                const auto session = session_of(free, prompt, kContext);
                Generator generator(free.model);
                REQUIRE(generator.submit(session, session.get(), Sampling(), options).ok());
                alone.push_back(drain(generator)[session.get()].tokens);
                REQUIRE(alone.back().size() == kTokens);
                cache = std::max(cache, session->sequence().cache_bytes());
                base = free.runtime->memory()->budget.used() - session->sequence().cache_bytes();
            }
        }
        // Room for the longest and half of it again; the workspace for the others beside it.
        const Loaded tight = load(arch, base + base / 4 + cache + cache / 2);
        std::vector<std::shared_ptr<Session>> sessions;
        Generator generator(tight.model);
        for (const auto& prompt : prompts) {
            sessions.push_back(session_of(tight, prompt, kContext));
            REQUIRE(generator.submit(sessions.back(), sessions.back().get(), Sampling(), options).ok());
        }
        auto seen = drain(generator, true);
        std::size_t preemptions = 0;
        for (std::size_t i = 0; i < kSessions; ++i) {
            const Seen& s = seen[sessions[i].get()];
            CHECK_MESSAGE(s.reason == FinishReason::length, s.error);
            CHECK(s.tokens == alone[i]);
            preemptions += s.stats.preemptions;
        }
        CHECK(seen[sessions[0].get()].stats.preemptions == 0);  // who came first is never put back
        MESSAGE(std::string(arch), ": ", preemptions, " caches given up");
        CHECK(tight.runtime->memory()->budget.used() <= tight.runtime->memory()->budget.limit());
    }
}

TEST_CASE("many: a session that cannot fit alone ends with the figures, and the others go on") {
    const Loaded free = load("llama-tied-fused", 0);
    Draws draws(12);
    const auto small = session_of(free, prompt_of(draws, 20), 64);
    REQUIRE(small->evaluate(false, nullptr).ok());
    const std::uint64_t used = free.runtime->memory()->budget.used();
    const Loaded tight = load("llama-tied-fused", used + (std::uint64_t{1} << 20));
    const auto a = session_of(tight, prompt_of(draws, 20), 64), b = session_of(tight, prompt_of(draws, 30), 64);
    // All that is left but for the first's pages is somebody else's.
    REQUIRE(a->evaluate(false, nullptr).ok());
    const std::uint64_t left = tight.runtime->memory()->left();
    REQUIRE(tight.runtime->memory()->budget.take(left, "a neighbour").ok());
    Generator generator(tight.model);
    GenerateOptions options;
    options.max_tokens = 5;
    options.ignore_eos = true;
    REQUIRE(generator.submit(b, b.get(), Sampling(), options).ok());
    REQUIRE(generator.submit(a, a.get(), Sampling(), options).ok());
    auto seen = drain(generator);
    CHECK(seen[a.get()].tokens.size() + seen[b.get()].tokens.size() >= 5);  // the one in the other's place, or both in turn
    for (const auto& s : {a, b})
        if (seen[s.get()].reason == FinishReason::error) CHECK(seen[s.get()].error.find("budget") != std::string::npos);
    tight.runtime->memory()->budget.give(left);
}

TEST_CASE("many: a short prompt does not wait for a long one before it") {
    const Loaded l = load("llama-tied-fused", 0);
    Draws draws(13);
    const auto longer = session_of(l, prompt_of(draws, 4000), 4096), shorter = session_of(l, prompt_of(draws, 50), 512);
    Generator generator(l.model);
    GenerateOptions options;
    options.max_tokens = 3;
    options.ignore_eos = true;
    REQUIRE(generator.submit(longer, longer.get(), Sampling(), options).ok());
    REQUIRE(generator.submit(shorter, shorter.get(), Sampling(), options).ok());
    auto seen = drain(generator);
    CHECK(seen[shorter.get()].steps == 0);
    CHECK(seen[longer.get()].steps > 10);
    CHECK(seen[longer.get()].tokens.size() == 3);
    CHECK(seen[longer.get()].stats.passes > 10);
    CHECK(seen[shorter.get()].stats.passes == 3);
}

}  // namespace hearth::test
