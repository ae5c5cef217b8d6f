// Sessions with adapters beside others: guesses, preemption and cancelling change none of their bits.
#include <map>

#include "capi/adapter_support.hpp"
#include "capi/phase_runner.hpp"

using namespace hearth::test;

namespace {

// Three sessions of one model: with an adapter, with two, with none.
constexpr std::size_t kSessions = 3;

struct Files {
    std::vector<std::byte> model, a, b;

    explicit Files(const std::string& arch) {
        ModelFile file(small_shape(arch));
        model = file.bytes();
        a = LoraFile(file, 3, 5, changeable(file)).bytes();
        b = LoraFile(file, 4, 9, changeable(file)).bytes();
    }
};

struct Loaded {
    TemporaryDirectory dir;
    RuntimePtr runtime;
    ModelPtr model;
    AdapterPtr a, b;

    Loaded(const Files& files, RuntimePtr r)
        : runtime(std::move(r)),
          model(open_memory_model(runtime.get(), files.model)),
          a(load_adapter(model.get(), dir.write("a.gguf", files.a))),
          b(load_adapter(model.get(), dir.write("b.gguf", files.b))) {}

    SessionPtr session(std::size_t which, std::size_t prompt = 0) const {
        auto s = make_session(model.get(), 500, HEARTH_KV_F16, 64);
        if (which < 2) CHECK_OK(hearth_session_attach(s.get(), a.get(), which == 0 ? 1 : -0.5));
        if (which == 1) CHECK_OK(hearth_session_attach(s.get(), b.get(), 2));
        // Few tokens in turn: what a lookup finds again.
        std::vector<std::int32_t> tokens{1};
        while (tokens.size() < (prompt != 0 ? prompt : 150 + 50 * which))
            tokens.push_back(static_cast<std::int32_t>(20 + tokens.size() * 13 % (23 + which)));
        append(s.get(), tokens);
        return s;
    }
};

struct Seen {
    std::vector<std::int32_t> tokens;
    std::vector<float> logits;  // of every token
    hearth_event finish{};
};

GeneratorPtr generator_of(hearth_model* model) {
    hearth_generator* g = nullptr;
    CHECK_OK(hearth_generator_new(&g, model));
    return GeneratorPtr(g);
}

void submit(hearth_generator* g, hearth_session* s, std::uint32_t tokens, std::uint32_t draft = 0, hearth_model* by = nullptr) {
    hearth_generate_options o;
    CHECK_OK(hearth_generate_options_init(&o, sizeof o));
    o.max_tokens = tokens;
    o.flags = HEARTH_GENERATE_IGNORE_EOS | HEARTH_GENERATE_LOGITS;
    o.draft = draft;
    o.draft_model = by;
    CHECK_OK(hearth_generator_submit(g, s, nullptr, &o));
}

// Until all have ended. Those that have are freed where `let_go` has them.
std::map<const hearth_session*, Seen> drain(hearth_generator* g, hearth_model* model, std::vector<SessionPtr>* let_go = nullptr) {
    std::map<const hearth_session*, Seen> seen;
    while (hearth_generator_step(g) == HEARTH_OK) {
        hearth_event e{};
        e.struct_size = sizeof e;
        while (hearth_generator_next_event(&e, g) == HEARTH_OK) {
            Seen& s = seen[e.session];
            if (e.kind == HEARTH_EVENT_TOKEN) {
                s.tokens.push_back(e.token);
                s.logits.insert(s.logits.end(), e.logits, e.logits + hearth_model_vocab_size(model));
            }
            if (e.kind != HEARTH_EVENT_FINISH) continue;
            s.finish = e;
            CHECK(e.status == HEARTH_OK);
            if (let_go != nullptr)
                for (SessionPtr& p : *let_go)
                    if (p.get() == e.session) p.reset();
        }
    }
    return seen;
}

constexpr std::uint32_t kTokens = 40;
constexpr const char* kFamilies[] = {"llama", "qwen2moe", "gemma3", "qwen35"};

}  // namespace

TEST_CASE("adapters: in company, with guesses and where caches are given up, sessions see what they see alone") {
    std::size_t accepted = 0, preemptions = 0;
    for (const char* arch : kFamilies) {
        CAPTURE(std::string(arch));
        const Files files(arch);
        std::vector<Seen> alone;
        std::uint64_t rest = 0, cache = 0;
        {
            const Loaded l(files, make_runtime(2));
            const auto generator = generator_of(l.model.get());
            for (std::size_t i = 0; i < kSessions; ++i) {
                auto session = l.session(i);
                submit(generator.get(), session.get(), kTokens);
                alone.push_back(drain(generator.get(), l.model.get())[session.get()]);
                REQUIRE(alone[i].tokens.size() == kTokens);
                const std::uint64_t with = hearth_runtime_memory(l.runtime.get());
                session.reset();
                rest = hearth_runtime_memory(l.runtime.get());
                cache = std::max(cache, with - rest);
            }
            CHECK(!same_bits(alone[0].logits, alone[1].logits));

            for (const std::uint32_t draft : {HEARTH_DRAFT_LOOKUP, HEARTH_DRAFT_MODEL}) {
                std::vector<SessionPtr> sessions;
                for (std::size_t i = 0; i < kSessions; ++i) {
                    sessions.push_back(l.session(i));
                    submit(generator.get(), sessions[i].get(), kTokens, draft,
                           draft == HEARTH_DRAFT_MODEL ? l.model.get() : nullptr);
                }
                auto seen = drain(generator.get(), l.model.get());
                for (std::size_t i = 0; i < kSessions; ++i) {
                    CAPTURE(i);
                    const Seen& s = seen[sessions[i].get()];
                    CHECK(s.tokens == alone[i].tokens);
                    CHECK(same_bits(s.logits, alone[i].logits));
                    accepted += s.finish.accepted_tokens;
                }
            }
        }
        // Room for the longest and half of it again; the workspace of several beside it.
        const Loaded tight(files, make_runtime(2, nullptr, rest + rest / 4 + cache + cache / 2));
        const auto generator = generator_of(tight.model.get());
        std::vector<SessionPtr> sessions;
        std::vector<const hearth_session*> names;
        for (std::size_t i = 0; i < kSessions; ++i) {
            sessions.push_back(tight.session(i));
            names.push_back(sessions[i].get());
            submit(generator.get(), sessions[i].get(), kTokens);
        }
        auto seen = drain(generator.get(), tight.model.get(), &sessions);
        for (std::size_t i = 0; i < kSessions; ++i) {
            CAPTURE(i);
            CHECK(seen[names[i]].tokens == alone[i].tokens);
            CHECK(same_bits(seen[names[i]].logits, alone[i].logits));
            preemptions += seen[names[i]].finish.preemptions;
        }
    }
    MESSAGE(accepted, " guesses came true, ", preemptions, " caches given up");
    CHECK(accepted > 0);  // how many depends on the clock: guessing rests where it loses
    CHECK(preemptions > 3);
}

TEST_CASE("adapters: a session that is cancelled within a pass goes on with them to the same bits") {
    for (const char* arch : kFamilies) {
        CAPTURE(std::string(arch));
        const Files files(arch);
        PhaseRunner runner;
        const Loaded l(files, runner.runtime());
        const auto generator = generator_of(l.model.get());
        const auto whole = l.session(1, 60);
        runner.phases = 0;
        submit(generator.get(), whole.get(), 8);
        const Seen expected = drain(generator.get(), l.model.get())[whole.get()];
        const std::size_t all = runner.phases;
        for (const std::size_t at : {std::size_t{2}, all / 3, all - 2}) {
            CAPTURE(at);
            const auto session = l.session(1, 60);
            runner.phases = 0;
            runner.at = at;
            runner.act = [&] { CHECK_OK(hearth_generator_cancel(generator.get(), session.get())); };
            submit(generator.get(), session.get(), 8);
            Seen cut = drain(generator.get(), l.model.get())[session.get()];
            CHECK(cut.finish.reason == HEARTH_FINISH_CANCELLED);
            CHECK(cut.tokens.size() < 8);
            runner.at = SIZE_MAX;
            submit(generator.get(), session.get(), static_cast<std::uint32_t>(8 - cut.tokens.size()));
            const Seen rest = drain(generator.get(), l.model.get())[session.get()];
            cut.tokens.insert(cut.tokens.end(), rest.tokens.begin(), rest.tokens.end());
            cut.logits.insert(cut.logits.end(), rest.logits.begin(), rest.logits.end());
            CHECK(cut.tokens == expected.tokens);
            CHECK(same_bits(cut.logits, expected.logits));
        }
    }
}
