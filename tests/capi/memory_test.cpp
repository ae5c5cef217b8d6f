// Memory that ends: the host's allocator, the budget and operator new refuse at every point in turn. What was given is
// given back, and the call says what was lacking.
#include <algorithm>
#include <array>
#include <atomic>
#include <cstdlib>
#include <new>

#include "capi/support.hpp"
#include "models/random_model.hpp"

namespace {

// Allocations of this program and of the library, which resolves operator new here: number `fail_at` and all that come
// after it fail, while `failing` is set.
std::atomic<bool> failing{false};
std::atomic<std::size_t> allocations{0}, fail_at{0};
std::atomic<long> live{0};

void* allocate(std::size_t bytes, std::size_t alignment) {
    if (failing.load(std::memory_order_relaxed) && allocations.fetch_add(1) >= fail_at.load(std::memory_order_relaxed))
        return nullptr;
    void* block = alignment <= alignof(std::max_align_t)
                      ? std::malloc(bytes == 0 ? 1 : bytes)
                      : std::aligned_alloc(alignment, (bytes + alignment) / alignment * alignment);
    if (block != nullptr) live.fetch_add(1, std::memory_order_relaxed);
    return block;
}
void release(void* block) {
    if (block != nullptr) live.fetch_sub(1, std::memory_order_relaxed);
    std::free(block);
}
void* allocate_or_throw(std::size_t bytes, std::size_t alignment) {
    if (void* block = allocate(bytes, alignment)) return block;
    throw std::bad_alloc();
}

}  // namespace

void* operator new(std::size_t n) { return allocate_or_throw(n, 0); }
void* operator new[](std::size_t n) { return allocate_or_throw(n, 0); }
void* operator new(std::size_t n, std::align_val_t a) { return allocate_or_throw(n, static_cast<std::size_t>(a)); }
void* operator new[](std::size_t n, std::align_val_t a) { return allocate_or_throw(n, static_cast<std::size_t>(a)); }
void* operator new(std::size_t n, const std::nothrow_t&) noexcept { return allocate(n, 0); }
void* operator new[](std::size_t n, const std::nothrow_t&) noexcept { return allocate(n, 0); }
void operator delete(void* p) noexcept { release(p); }
void operator delete[](void* p) noexcept { release(p); }
void operator delete(void* p, std::size_t) noexcept { release(p); }
void operator delete[](void* p, std::size_t) noexcept { release(p); }
void operator delete(void* p, std::align_val_t) noexcept { release(p); }
void operator delete[](void* p, std::align_val_t) noexcept { release(p); }
void operator delete(void* p, std::size_t, std::align_val_t) noexcept { release(p); }
void operator delete[](void* p, std::size_t, std::align_val_t) noexcept { release(p); }
void operator delete(void* p, const std::nothrow_t&) noexcept { release(p); }
void operator delete[](void* p, const std::nothrow_t&) noexcept { release(p); }

using namespace hearth::test;

namespace {

std::vector<std::byte> small_model(const char* type = "Q8_0", const char* arch = "llama") {
    ModelShape s;
    s.arch = arch;
    s.type = type;
    s.layers = 1;
    s.embd = 32;
    s.heads = 2;
    s.kv_heads = 1;
    s.ffn = 64;
    return ModelFile(s).bytes();
}

// A host allocator that refuses from one call on.
struct Host {
    std::atomic<std::size_t> calls{0}, fail_from{SIZE_MAX};
    std::atomic<std::int64_t> bytes{0}, blocks{0};

    static void* allocate(std::size_t n, std::size_t alignment, void* user) {
        auto& h = *static_cast<Host*>(user);
        if (h.calls.fetch_add(1) >= h.fail_from) return nullptr;
        void* p = std::aligned_alloc(alignment, n);
        std::memset(p, 0x5a, n);  // hearth zeroes what it needs zeroed
        h.bytes += static_cast<std::int64_t>(n);
        ++h.blocks;
        return p;
    }
    static void release(void* p, std::size_t n, void* user) {
        auto& h = *static_cast<Host*>(user);
        h.bytes -= static_cast<std::int64_t>(n);
        --h.blocks;
        std::free(p);
    }
};

struct Run {
    hearth_status status = HEARTH_OK;
    std::string sentence;
    std::vector<float> logits;
    std::uint32_t tokens = 0;
};

// All calls of a conversation until one fails; whatever was made is freed.
Run converse(hearth_runtime* runtime, std::span<const std::byte> file) {
    Run run;
    hearth_model* model = nullptr;
    hearth_session *session = nullptr, *fork = nullptr;
    const hearth_token tokens[] = {1, 40, 41, 42, 43};
    run.logits.resize(290);
    const auto ok = [&](hearth_status s) {
        run.status = s;
        if (s != HEARTH_OK) run.sentence = hearth_last_error();
        return s == HEARTH_OK;
    };
    hearth_session_options o{};
    o.struct_size = sizeof o;
    o.context = 400;
    o.kv = HEARTH_KV_F16;
    hearth_generate_options g{};
    g.struct_size = sizeof g;
    g.max_tokens = 4;
    g.flags = HEARTH_GENERATE_IGNORE_EOS | HEARTH_GENERATE_LOGITS;
    const auto count = [](const hearth_event* e, void* user) -> std::int32_t {
        if (e->kind == HEARTH_EVENT_TOKEN) ++*static_cast<std::uint32_t*>(user);
        return 0;
    };
    if (ok(hearth_model_open_memory(&model, runtime, file.data(), file.size(), nullptr)) &&
        ok(hearth_session_new(&session, model, &o)) && ok(hearth_session_append_tokens(session, tokens, 5)) &&
        ok(hearth_session_append_text(session, "hello world", 11, 0)) &&
        ok(hearth_session_eval(run.logits.data(), run.logits.size(), nullptr, session, 0)) &&
        ok(hearth_session_fork(&fork, session)) && ok(hearth_session_append_tokens(fork, tokens, 3)) &&
        ok(hearth_session_generate(nullptr, fork, nullptr, &g, count, &run.tokens)))
        ok(hearth_session_generate(nullptr, session, nullptr, &g, count, &run.tokens));
    hearth_model_free(model);
    hearth_session_free(session);
    hearth_session_free(fork);
    return run;
}

RuntimePtr runtime_with(Host& host, std::uint32_t threads, std::uint64_t budget = 0) {
    hearth_runtime_options o;
    CHECK_OK(hearth_runtime_options_init(&o, sizeof o));
    o.threads = threads;
    o.memory_budget = budget;
    o.allocate = Host::allocate;
    o.release = Host::release;
    o.memory_user = &host;
    hearth_runtime* r = nullptr;
    CHECK_OK(hearth_runtime_new(&r, &o));
    return RuntimePtr(r);
}

}  // namespace

TEST_CASE("memory: the host's allocator may refuse at any call") {
    const auto file = small_model();
    for (const std::uint32_t threads : {1U, 2U}) {
        Host host;
        const auto runtime = runtime_with(host, threads);
        const Run good = converse(runtime.get(), file);
        REQUIRE_MESSAGE(good.status == HEARTH_OK, good.sentence);
        CHECK(good.tokens == 8);
        CHECK(host.blocks == 0);
        const std::size_t calls = host.calls;
        CHECK(calls > 10);
        for (std::size_t n = 0; n < calls; ++n) {
            host.calls = 0;
            host.fail_from = n;
            const Run run = converse(runtime.get(), file);
            CAPTURE(n);
            CHECK_MESSAGE(run.status == HEARTH_ENOMEM, hearth_status_name(run.status) << ": " << run.sentence);
            CHECK(contains(run.sentence, "bytes"));
            CHECK(host.blocks == 0);
            CHECK(host.bytes == 0);
            CHECK(hearth_runtime_memory(runtime.get()) == 0);
        }
        host.fail_from = SIZE_MAX;
        CHECK(same_bits(converse(runtime.get(), file).logits, good.logits));
    }
}

TEST_CASE("memory: after a refusal the same objects go on where memory is there again") {
    const auto file = small_model();
    Host host;
    const auto runtime = runtime_with(host, 2);
    hearth_model* m = nullptr;
    CHECK_OK(hearth_model_open_memory(&m, runtime.get(), file.data(), file.size(), nullptr));
    const ModelPtr model(m);
    std::vector<std::int32_t> tokens(300, 50);
    for (std::size_t i = 0; i < tokens.size(); ++i) tokens[i] = static_cast<std::int32_t>(3 + i * 7 % 280);
    std::vector<float> reference;
    {
        const auto session = make_session(model.get(), 400, HEARTH_KV_F16, 64);
        append(session.get(), tokens);
        reference = evaluate(session.get(), false);
    }
    for (std::size_t n = 0;; ++n) {
        const auto session = make_session(model.get(), 400, HEARTH_KV_F16, 64);
        append(session.get(), tokens);
        host.calls = 0;
        host.fail_from = n;
        std::vector<float> logits(290);
        const hearth_status s = hearth_session_eval(logits.data(), 290, nullptr, session.get(), 0);
        host.fail_from = SIZE_MAX;
        if (s == HEARTH_OK) {
            CHECK(n >= 2);  // the two pages at least
            break;
        }
        CHECK(s == HEARTH_ENOMEM);
        CHECK(same_bits(evaluate(session.get(), false), reference));
    }
}

TEST_CASE("memory: budgets too small for weights, cache or workspace are refused with the figures") {
    const auto file = small_model("F32");
    Host host;
    std::uint64_t weights = 0, peak = 0;
    {
        const auto runtime = runtime_with(host, 1);
        hearth_model* m = nullptr;
        CHECK_OK(hearth_model_open_memory(&m, runtime.get(), file.data(), file.size(), nullptr));
        const ModelPtr model(m);
        weights = hearth_model_weight_bytes(model.get());
        CHECK(hearth_runtime_memory(runtime.get()) == weights);
        CHECK(converse(runtime.get(), file).status == HEARTH_OK);
        const auto session = make_session(model.get(), 400, HEARTH_KV_F16);
        append(session.get(), std::vector<std::int32_t>{1, 2, 3});
        evaluate(session.get(), false);
        peak = hearth_runtime_memory(runtime.get());
        CHECK(peak > weights + hearth_session_memory(session.get()));
    }
    bool refused_cache = false, refused_workspace = false, passed = false;
    for (std::uint64_t budget = weights - 1; budget < 16 * peak; budget += budget / 16) {
        const auto runtime = runtime_with(host, 1, budget);
        const Run run = converse(runtime.get(), file);
        CAPTURE(budget);
        CAPTURE(run.sentence);
        passed = run.status == HEARTH_OK;
        if (!passed) {
            CHECK(run.status == HEARTH_EBUDGET);
            CHECK(contains(run.sentence, std::to_string(budget)));
            CHECK(contains(run.sentence, "budget"));
            if (budget < weights) CHECK(contains(run.sentence, std::to_string(weights)));
            refused_cache = refused_cache || contains(run.sentence, "key-value cache");
            refused_workspace =
                refused_workspace || contains(run.sentence, "workspace") || contains(run.sentence, "scratch");
        }
        CHECK(host.blocks == 0);
        CHECK(hearth_runtime_memory(runtime.get()) == 0);
        if (passed) break;
    }
    CHECK(passed);
    CHECK(refused_cache);
    CHECK(refused_workspace);
}

TEST_CASE("memory: everything comes back whatever the order of freeing") {
    const auto file = small_model();
    for (int order = 0; order < 24; ++order) {
        Host host;
        RuntimePtr runtime = runtime_with(host, 2);
        hearth_model* m = nullptr;
        CHECK_OK(hearth_model_open_memory(&m, runtime.get(), file.data(), file.size(), nullptr));
        ModelPtr model(m);
        SessionPtr session = make_session(model.get());
        append(session.get(), std::vector<std::int32_t>{1, 2, 3});
        evaluate(session.get(), false);
        hearth_generator* g = nullptr;
        CHECK_OK(hearth_generator_new(&g, model.get()));
        GeneratorPtr generator(g);
        CHECK_OK(hearth_generator_submit(generator.get(), session.get(), nullptr, nullptr));
        for (int i = 0; i < 3; ++i) CHECK_OK(hearth_generator_step(generator.get()));
        hearth_event e{};
        e.struct_size = sizeof e;
        CHECK_OK(hearth_generator_next_event(&e, generator.get()));
        std::array<int, 4> sequence{0, 1, 2, 3};
        for (int i = 0; i < order; ++i) std::next_permutation(sequence.begin(), sequence.end());
        for (int which : sequence) {
            if (which == 0) runtime.reset();
            if (which == 1) model.reset();
            if (which == 2) session.reset();
            if (which == 3) generator.reset();
        }
        CHECK(host.blocks == 0);
        CHECK(host.bytes == 0);
    }
}

TEST_CASE("memory: a freed session's cache is given back although its generator lives") {
    const auto file = small_model();
    const auto runtime = make_runtime(1);
    hearth_model* m = nullptr;
    CHECK_OK(hearth_model_open_memory(&m, runtime.get(), file.data(), file.size(), nullptr));
    const ModelPtr model(m);
    hearth_generator* g = nullptr;
    CHECK_OK(hearth_generator_new(&g, model.get()));
    const GeneratorPtr generator(g);
    std::uint64_t with = 0, cache = 0;
    {
        const auto session = make_session(model.get());
        append(session.get(), std::vector<std::int32_t>{1, 2, 3});
        hearth_generate_options o{};
        o.struct_size = sizeof o;
        o.max_tokens = 1;
        CHECK_OK(hearth_generator_submit(generator.get(), session.get(), nullptr, &o));
        hearth_event e{};
        while (hearth_generator_step(generator.get()) == HEARTH_OK) do
                e.struct_size = sizeof e;
            while (hearth_generator_next_event(&e, generator.get()) == HEARTH_OK);
        with = hearth_runtime_memory(runtime.get());
        cache = hearth_session_memory(session.get());
        CHECK(cache > 0);
    }
    CHECK(hearth_runtime_memory(runtime.get()) == with - cache);
}

TEST_CASE("memory: operator new may fail at any allocation of any call") {
    for (const std::uint32_t threads : {1U, 2U}) {
        const auto file = small_model("Q8_0", threads == 1 ? "gemma3" : "llama");  // with windows, and without
        const auto runtime = make_runtime(threads);
        const Run good = converse(runtime.get(), file);
        REQUIRE(good.status == HEARTH_OK);
        std::size_t successes = 0;
        bool warm = false;
        const std::size_t stride = threads == 1 ? 1 : 7;
        for (std::size_t n = 0; successes == 0; n += stride) {
            allocations = 0;
            fail_at = n;
            const long outside = live;
            {
                hearth_model* model = nullptr;
                hearth_session *session = nullptr, *fork = nullptr;
                const hearth_token tokens[] = {1, 40, 41, 42, 43};
                float logits[290];
                std::uint32_t generated = 0;
                hearth_session_options o{};
                o.struct_size = sizeof o;
                o.context = 400;
                o.kv = HEARTH_KV_F16;
                hearth_generate_options g{};
                g.struct_size = sizeof g;
                g.max_tokens = 3;
                g.flags = HEARTH_GENERATE_IGNORE_EOS | HEARTH_GENERATE_LOGITS | HEARTH_GENERATE_PREFILL;
                const auto count = [](const hearth_event* e, void* user) -> std::int32_t {
                    if (e->kind == HEARTH_EVENT_TOKEN) ++*static_cast<std::uint32_t*>(user);
                    return 0;
                };
                hearth_status s = HEARTH_OK;
                const auto ok = [&](hearth_status status) {
                    s = status;
                    return s == HEARTH_OK;
                };
                failing = true;
                if (ok(hearth_model_open_memory(&model, runtime.get(), file.data(), file.size(), nullptr)) &&
                    ok(hearth_session_new(&session, model, &o)) &&
                    ok(hearth_session_append_tokens(session, tokens, 5)) &&
                    ok(hearth_session_append_text(session, "hello world", 11, 0)) &&
                    ok(hearth_session_eval(logits, 290, nullptr, session, 0)) &&
                    ok(hearth_session_fork(&fork, session)) && ok(hearth_session_append_tokens(fork, tokens, 3)) &&
                    ok(hearth_session_truncate(fork, hearth_session_length(session) + 2)) &&
                    ok(hearth_session_generate(nullptr, fork, nullptr, &g, count, &generated)))
                    ok(hearth_session_generate(nullptr, session, nullptr, &g, count, &generated));
                failing = false;
                if (s != HEARTH_OK) {
                    CHECK_MESSAGE(s == HEARTH_ENOMEM, hearth_status_name(s)
                                                          << " at allocation " << n << ": " << hearth_last_error());
                    CHECK(std::string(hearth_last_error()).size() > 5);
                    // What was made before can be used on: nothing is stuck half-way.
                    if (session != nullptr && hearth_session_length(session) != 0) {
                        CHECK_OK(hearth_session_eval(logits, 290, nullptr, session, 0));
                        CHECK_OK(hearth_session_generate(nullptr, session, nullptr, &g, count, &generated));
                    }
                } else {
                    ++successes;
                    CHECK(generated == 6);
                }
                hearth_model_free(model);
                hearth_session_free(session);
                hearth_session_free(fork);
            }
            CHECK(hearth_runtime_memory(runtime.get()) == 0);
            // Caches of the thread pool and of the error text may stay, once.
            const long kept = live - outside;
            if (warm) CHECK_MESSAGE(kept <= 64, kept << " blocks kept at allocation " << n);
            warm = true;
        }
    }
}

TEST_CASE("memory: a decoded token allocates nothing") {
    for (const std::uint32_t threads : {1U, 2U}) {
        Host host;
        const RuntimePtr runtime = runtime_with(host, threads);
        const auto file = small_model("Q4_0");
        hearth_model* m = nullptr;
        CHECK_OK(hearth_model_open_memory(&m, runtime.get(), file.data(), file.size(), nullptr));
        const ModelPtr model(m);
        hearth_session_options o;
        CHECK_OK(hearth_session_options_init(&o, sizeof o));
        o.context = 1000;
        hearth_session* s = nullptr;
        CHECK_OK(hearth_session_new(&s, model.get(), &o));
        const SessionPtr session(s);
        const hearth_token prompt[] = {1, 40, 41, 42, 43};
        std::vector<float> logits(hearth_model_vocab_size(model.get()));
        CHECK_OK(hearth_session_append_tokens(s, prompt, 5));
        const auto counted = [&](auto&& work) {
            work();  // what is made once is made
            const std::size_t before = host.calls;
            allocations = 0;
            fail_at = SIZE_MAX;
            failing = true;
            work();
            failing = false;
            CHECK(allocations.load() == 0);
            CHECK(host.calls.load() == before);
        };
        // Token by token, as a host with a sampler of its own does.
        counted([&] {
            for (int i = 0; i < 50; ++i) {
                if (hearth_session_append_tokens(s, prompt + 1, 1) != HEARTH_OK ||
                    hearth_session_eval(logits.data(), logits.size(), nullptr, s, 0) != HEARTH_OK)
                    ++fail_at;  // cannot be: shows as a difference below
            }
        });
        CHECK(fail_at == SIZE_MAX);
        // Generating, with every sampler at work. Starting one allocates; its tokens do not.
        hearth_sampling* sampling = nullptr;
        CHECK_OK(hearth_sampling_new(&sampling));
        const std::pair<const char*, double> keys[] = {{"temperature", 0.8}, {"top_k", 50},           {"top_p", 0.95},
                                                       {"min_p", 0.01},      {"repetition_penalty", 1.1}, {"seed", 5}};
        for (const auto& [key, value] : keys) CHECK_OK(hearth_sampling_set(sampling, key, value));
        hearth_generator* g = nullptr;
        CHECK_OK(hearth_generator_new(&g, model.get()));
        hearth_generate_options options;
        CHECK_OK(hearth_generate_options_init(&options, sizeof options));
        options.max_tokens = 100;
        options.flags = HEARTH_GENERATE_IGNORE_EOS;
        CHECK_OK(hearth_generator_submit(g, s, sampling, &options));
        std::uint32_t tokens = 0;
        counted([&] {
            for (int i = 0; i < 40; ++i) {
                hearth_event e{};
                e.struct_size = sizeof e;
                if (hearth_generator_step(g) != HEARTH_OK) break;
                while (hearth_generator_next_event(&e, g) == HEARTH_OK) tokens += e.kind == HEARTH_EVENT_TOKEN;
            }
        });
        CHECK(tokens >= 80);
        hearth_generator_free(g);
        hearth_sampling_free(sampling);
    }
}
