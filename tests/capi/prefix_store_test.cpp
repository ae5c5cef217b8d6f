// Prefix stores: the same bytes with and without one, of every kind of cache, on any thread.
#include <thread>

#include "capi/support.hpp"
#include "support/temporary.hpp"

using namespace hearth::test;

namespace {

using StorePtr = std::unique_ptr<hearth_prefix_store, Freer<hearth_prefix_store_free>>;

// One of each kind of cache, as sessions that are saved.
const std::vector<std::string> kFamilies{"llama-q4_k_m", "gemma3n", "qwen35",    "lfm2",       "deepseek2-groups",
                                         "gpt-oss",      "llama4",  "qwen3next", "deepseek32", "deepseek4"};
constexpr std::uint32_t kKv[] = {HEARTH_KV_F16, HEARTH_KV_F32, HEARTH_KV_Q8_0};

std::vector<std::int32_t> prompt_of(std::size_t length, std::int32_t first = 1) {
    std::vector<std::int32_t> tokens{first};
    while (tokens.size() < length) tokens.push_back((tokens.back() * 37 + 11) % 250 + 3);
    return tokens;
}

StorePtr open_store(hearth_runtime* runtime, std::uint64_t bytes = 0, const std::string& folder = "") {
    hearth_prefix_store_options o;
    CHECK_OK(hearth_prefix_store_options_init(&o, sizeof o));
    o.memory_bytes = bytes;
    o.folder = folder.empty() ? nullptr : folder.c_str();
    hearth_prefix_store* s = nullptr;
    CHECK_OK(hearth_prefix_store_open(&s, runtime, &o));
    return StorePtr(s);
}

hearth_prefix_store_stats stats(hearth_prefix_store* store) {
    hearth_prefix_store_stats s{};
    s.struct_size = sizeof s;
    CHECK_OK(hearth_prefix_store_get_stats(&s, store));
    return s;
}

// Tokens that a greedy generation chose, and how many it evaluated first.
std::pair<std::vector<std::int32_t>, std::uint32_t> generate(hearth_session* session, std::uint32_t count) {
    hearth_generate_options o;
    CHECK_OK(hearth_generate_options_init(&o, sizeof o));
    o.max_tokens = count;
    o.flags = HEARTH_GENERATE_IGNORE_EOS;
    std::pair<std::vector<std::int32_t>, std::uint32_t> out;
    const auto on_event = [](const hearth_event* e, void* user) {
        auto& to = *static_cast<decltype(out)*>(user);
        if (e->kind == HEARTH_EVENT_TOKEN) to.first.push_back(e->token);
        if (e->kind == HEARTH_EVENT_FINISH) to.second = e->prompt_tokens;
        return 0;
    };
    CHECK_OK(hearth_session_generate(nullptr, session, nullptr, &o, on_event, &out));
    return out;
}

std::filesystem::path llama() { return shared_or_golden("families/llama-q4_k_m.gguf"); }

}  // namespace

TEST_CASE("prefix store: sessions compute the same bytes with and without one, of every kind of cache") {
    const auto system = prompt_of(300), question = prompt_of(30, 7), other = prompt_of(40, 9);
    std::size_t missing = 0;
    for (const std::string& name : kFamilies) {
        const auto path = shared_or_golden("families/" + name + ".gguf");
        if (!std::filesystem::exists(path)) {
            ++missing;
            continue;
        }
        CAPTURE(name);
        const auto runtime = make_runtime(2);
        const auto model = open_model(runtime.get(), path);
        const TemporaryDirectory dir;
        const auto store = open_store(runtime.get(), 0, dir / "prefixes");
        // As another process would.
        const auto again = make_runtime(1);
        const auto model_again = open_model(again.get(), path);
        for (const std::uint32_t kv : kKv) {
            if (kThin && kv != kKv[name.size() % 3]) continue;
            for (const auto& behind : {question, other, question}) {
                const auto plain = make_session(model.get(), 512, kv, 64),
                           stored = make_session(model.get(), 600, kv, 50);
                CHECK_OK(hearth_session_use_store(stored.get(), store.get()));
                for (hearth_session* s : {plain.get(), stored.get()}) append(s, system);
                CHECK(same_bits(evaluate(plain.get(), false), evaluate(stored.get(), false)));
                for (hearth_session* s : {plain.get(), stored.get()}) append(s, behind);
                CHECK(generate(plain.get(), 5).first == generate(stored.get(), 5).first);
                for (hearth_session* s : {plain.get(), stored.get()}) append(s, prompt_of(5));
                CHECK(same_bits(evaluate(plain.get(), true), evaluate(stored.get(), true)));
                // Gone back to where pages are shared.
                for (hearth_session* s : {plain.get(), stored.get()}) {
                    CHECK_OK(hearth_session_truncate(s, 290));
                    append(s, other);
                }
                CHECK(same_bits(evaluate(plain.get(), false), evaluate(stored.get(), false)));
            }
            // All at once, and every row of what is asked for.
            const auto plain = make_session(model.get(), 512, kv), stored = make_session(model.get(), 512, kv);
            CHECK_OK(hearth_session_use_store(stored.get(), store.get()));
            for (hearth_session* s : {plain.get(), stored.get()}) {
                append(s, system);
                append(s, question);
            }
            const auto found = stats(store.get()).found_tokens;
            const auto chosen = generate(plain.get(), 5).first;
            CHECK(generate(stored.get(), 5).first == chosen);
            CHECK(stats(store.get()).found_tokens >= found + 300);
            const auto reading = open_store(again.get(), 1, dir / "prefixes");
            const auto other_process = make_session(model_again.get(), 500, kv, 30);
            CHECK_OK(hearth_session_use_store(other_process.get(), reading.get()));
            append(other_process.get(), system);
            append(other_process.get(), question);
            CHECK(generate(other_process.get(), 5).first == chosen);
            CHECK(stats(reading.get()).found_tokens >= 300);
            CHECK(stats(reading.get()).files_read != 0);
            CHECK(stats(reading.get()).files_refused == 0);
            const auto rows = make_session(model.get(), 512, kv), all = make_session(model.get(), 512, kv);
            CHECK_OK(hearth_session_use_store(all.get(), store.get()));
            for (hearth_session* s : {rows.get(), all.get()}) append(s, system);
            CHECK(same_bits(evaluate(rows.get(), true), evaluate(all.get(), true)));
        }
    }
    if (missing != 0) skipped("families of sessions with a prefix store", missing);
}

TEST_CASE("prefix store: what is there is not evaluated again") {
    const auto runtime = make_runtime();
    const auto model = open_model(runtime.get(), llama());
    const auto store = open_store(runtime.get());
    const auto run = [&](std::size_t length, std::int32_t first = 1) {
        const auto session = make_session(model.get());
        CHECK_OK(hearth_session_use_store(session.get(), store.get()));
        append(session.get(), prompt_of(length, first));
        return generate(session.get(), 3).second;
    };
    CHECK(run(400) == 400);
    CHECK(run(400) == 1);
    CHECK(run(450) == 50);
    CHECK(run(300) == 1);
    CHECK(run(20) == 20);  // too short to be looked for
    CHECK(run(400, 5) == 400);
    const auto s = stats(store.get());
    CHECK(s.lookups == 5);
    CHECK(s.asked_tokens == 400 + 400 + 450 + 300 + 400);
    CHECK(s.found_tokens == 399 + 400 + 299);
    CHECK(s.evictions == 0);
    CHECK(s.bytes != 0);
    CHECK(s.parts == 4);
    CHECK_OK(hearth_prefix_store_clear(store.get()));
    CHECK(stats(store.get()).bytes == 0);
    CHECK(run(400) == 400);
    // A session that uses it no more, and a fork that does.
    const auto session = make_session(model.get());
    CHECK_OK(hearth_session_use_store(session.get(), store.get()));
    hearth_session* made = nullptr;
    CHECK_OK(hearth_session_fork(&made, session.get()));
    const SessionPtr fork(made);
    CHECK_OK(hearth_session_use_store(session.get(), nullptr));
    append(session.get(), prompt_of(400));
    append(fork.get(), prompt_of(400));
    CHECK(generate(session.get(), 3).second == 400);
    CHECK(generate(fork.get(), 3).second == 1);
}

TEST_CASE("prefix store: models, caches and contexts that compute otherwise have nothing in common") {
    const auto runtime = make_runtime();
    const auto store = open_store(runtime.get());
    const auto run = [&](const char* name, std::uint32_t kv, std::uint32_t context) {
        const auto model = open_model(runtime.get(), shared_or_golden(std::string("families/") + name + ".gguf"));
        const auto session = make_session(model.get(), context, kv);
        CHECK_OK(hearth_session_use_store(session.get(), store.get()));
        append(session.get(), prompt_of(300));
        return generate(session.get(), 1).second;
    };
    CHECK(run("llama-q4_k_m", HEARTH_KV_F16, 512) == 300);
    CHECK(run("llama-q8_0", HEARTH_KV_F16, 512) == 300);
    CHECK(run("llama-q4_k_m", HEARTH_KV_F32, 512) == 300);
    CHECK(run("llama-q4_k_m", HEARTH_KV_F16, 400) == 1);  // opened again
    CHECK(run("phi3", HEARTH_KV_F16, 400) == 300);
    CHECK(run("phi3", HEARTH_KV_F16, 100000) == 300);  // positions beyond what it was trained for
    CHECK(run("phi3", HEARTH_KV_F16, 100000) == 1);
}

TEST_CASE("prefix store: misuse") {
    const auto runtime = make_runtime(1), other = make_runtime(1);
    const auto model = open_model(runtime.get(), llama());
    const auto session = make_session(model.get());
    const auto store = open_store(other.get());
    hearth_prefix_store* out = nullptr;
    hearth_prefix_store_options o;
    CHECK_OK(hearth_prefix_store_options_init(&o, sizeof o));
    CHECK_FAILS(hearth_session_use_store(session.get(), store.get()), HEARTH_EINVAL, "another runtime");
    CHECK_FAILS(hearth_session_use_store(nullptr, store.get()), HEARTH_EINVAL, "session");
    CHECK_FAILS(hearth_prefix_store_open(nullptr, runtime.get(), &o), HEARTH_EINVAL, "out");
    CHECK_FAILS(hearth_prefix_store_open(&out, nullptr, &o), HEARTH_EINVAL, "runtime");
    CHECK_FAILS(hearth_prefix_store_clear(nullptr), HEARTH_EINVAL, "store");
    hearth_prefix_store_stats s{};
    CHECK_FAILS(hearth_prefix_store_get_stats(&s, store.get()), HEARTH_EINVAL, "struct_size");
    CHECK_FAILS(hearth_prefix_store_get_stats(nullptr, store.get()), HEARTH_EINVAL, "stats");
    o.flags = 1;
    CHECK_FAILS(hearth_prefix_store_open(&out, runtime.get(), &o), HEARTH_EINVAL, "flags");
    CHECK(out == nullptr);
    hearth_prefix_store_free(nullptr);
}

TEST_CASE("prefix store: in a budget it gives way to sessions and models") {
    // What a session takes at most, and half of that for the store.
    std::uint64_t weights = 0, most = 0;
    {
        const auto runtime = make_runtime();
        const auto model = open_model(runtime.get(), llama());
        weights = hearth_runtime_memory(runtime.get());
        const auto session = make_session(model.get(), 2000);
        append(session.get(), prompt_of(1999));
        evaluate(session.get(), false);
        most = hearth_runtime_memory(runtime.get()) - weights;
    }
    const auto runtime = make_runtime(2, nullptr, weights + most + most / 2);
    const auto model = open_model(runtime.get(), llama());
    const auto store = open_store(runtime.get(), most);
    std::vector<float> first;
    for (int round = 0; round < 3; ++round) {
        const auto session = make_session(model.get(), 1600);
        CHECK_OK(hearth_session_use_store(session.get(), store.get()));
        append(session.get(), prompt_of(1500, round == 2 ? 1 : 1 + round));
        const auto logits = evaluate(session.get(), false);
        if (round == 0) first = logits;
        if (round == 2) CHECK(same_bits(first, logits));
        generate(session.get(), 3);
    }
    const auto large = make_session(model.get(), 2000);
    append(large.get(), prompt_of(1999));
    evaluate(large.get(), false);
    CHECK(hearth_runtime_memory(runtime.get()) <= weights + most + most / 2);
    CHECK(stats(store.get()).evictions != 0);
}

TEST_CASE("prefix store: sessions on several threads share one") {
    const auto runtime = make_runtime(2);
    const auto model = open_model(runtime.get(), llama());
    const auto store = open_store(runtime.get(), 1 << 20);
    const auto alone = make_session(model.get());
    append(alone.get(), prompt_of(300));
    const auto want = evaluate(alone.get(), false);
    std::vector<std::thread> threads;
    std::vector<int> good(3);
    for (std::size_t t = 0; t < good.size(); ++t)
        threads.emplace_back([&, t] {
            for (int round = 0; round < (kThin ? 3 : 8); ++round) {
                hearth_session_options o;
                hearth_session_options_init(&o, sizeof o);
                o.context = 512;
                o.kv = HEARTH_KV_F32;
                hearth_session* made = nullptr;
                hearth_session_new(&made, model.get(), &o);
                const SessionPtr session(made);
                hearth_session_use_store(made, store.get());
                auto tokens = prompt_of(300);
                hearth_session_append_tokens(made, tokens.data(), tokens.size());
                std::vector<float> logits(want.size());
                std::size_t needed = 0;
                hearth_session_eval(logits.data(), logits.size(), &needed, made, 0);
                good[t] += same_bits(logits, want);
                tokens = prompt_of(40, static_cast<std::int32_t>(2 + t));
                hearth_session_append_tokens(made, tokens.data(), tokens.size());
                hearth_session_eval(nullptr, 0, &needed, made, 0);
                if (round == 1) hearth_prefix_store_clear(store.get());
            }
        });
    for (std::thread& t : threads) t.join();
    for (const int n : good) CHECK(n == (kThin ? 3 : 8));
    CHECK(stats(store.get()).found_tokens != 0);
}
