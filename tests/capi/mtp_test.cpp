// Guesses of a model's own blocks for further tokens: they change no bit, bring something where they are right, and
// rest where they are not. That they are what the formats say: models/predictor_test; engine/heads_test.
#include <array>

#include "capi/drafts.hpp"
#include "models/random_model.hpp"
#include "support/temporary.hpp"

using namespace hearth::test;
using hearth::cat;

namespace {

ModelPtr open_bytes(hearth_runtime* runtime, std::span<const std::byte> bytes, std::uint32_t flags) {
    hearth_model_options o;
    CHECK_OK(hearth_model_options_init(&o, sizeof o));
    o.flags = flags;
    hearth_model* m = nullptr;
    CHECK_OK(hearth_model_open_memory(&m, runtime, bytes.data(), bytes.size(), &o));
    return ModelPtr(m);
}

ModelFile predicting(const char* arch, std::uint64_t layers = 2, std::uint64_t predictors = 1) {
    ModelShape s;
    s.arch = arch;
    s.type = "Q8_0";
    s.layers = layers;
    s.embd = 128;
    s.ffn = 96;
    s.rank = 64;
    s.predictors = predictors;
    return ModelFile(s);
}

// The next token follows from the last one alone, and the head knows it: no layer adds anything to the stream, of which
// the output's rows are the embeddings in another order, and the head reads the embedding and nothing else.
ModelFile knowing(std::uint64_t layers) {
    ModelShape s;
    s.arch = "glm4moe";
    s.type = "F32";
    s.layers = layers;
    s.embd = 128;
    s.ffn = 256;
    s.predictors = 1;
    ModelFile file(s);
    const auto floats = [](ModelFile::Tensor& t) {
        return std::span(reinterpret_cast<float*>(t.bytes.data()), t.bytes.size() / sizeof(float));
    };
    for (ModelFile::Tensor& t : file.tensors) {
        const bool silent =
            t.name.find("attn_output") != std::string::npos || t.name.find("ffn_down") != std::string::npos;
        const bool plain = t.name.find("nextn") != std::string::npos || t.name == "output_norm.weight";
        const bool join = t.name.find("eh_proj") != std::string::npos;
        if (silent || join) std::ranges::fill(floats(t), 0.0F);
        if (plain && !join) std::ranges::fill(floats(t), 1.0F);
        for (std::size_t i = 0; join && i < s.embd; ++i) floats(t)[i * 2 * s.embd + i] = 1;
    }
    const auto from = floats(file.tensor("token_embd.weight")), to = floats(file.tensor("output.weight"));
    for (std::size_t t = 0; t < s.vocab; ++t)
        std::ranges::copy(from.subspan(t * s.embd, s.embd),
                          to.begin() + static_cast<std::ptrdiff_t>((t * 7 + 3) % s.vocab * s.embd));
    return file;
}

std::vector<std::int32_t> prompt_of(std::size_t n) {
    std::vector<std::int32_t> v{1};
    while (v.size() < n) v.push_back(static_cast<std::int32_t>((v.size() * v.size() * 31 + 7) % 290));
    return v;
}

constexpr std::array<Settings, 4> kSettings{
    {{0, 0, 1, nullptr}, {0.8, 0, 1, nullptr}, {0.7, 3, 1, nullptr}, {0.3, 0, 1.3, nullptr}}};

// Tokens of a session that goes on, with or without guesses.
std::vector<std::int32_t> go_on(hearth_model* model, hearth_session* session, std::uint32_t draft,
                                hearth_event* finish = nullptr) {
    hearth_generator* g = nullptr;
    CHECK_OK(hearth_generator_new(&g, model));
    const GeneratorPtr generator(g);
    hearth_generate_options o;
    CHECK_OK(hearth_generate_options_init(&o, sizeof o));
    o.max_tokens = 40;
    o.flags = HEARTH_GENERATE_IGNORE_EOS;
    o.draft = draft;
    CHECK_OK(hearth_generator_submit(g, session, nullptr, &o));
    std::vector<std::int32_t> tokens;
    while (hearth_generator_step(g) == HEARTH_OK) {
        hearth_event e{};
        e.struct_size = sizeof e;
        while (hearth_generator_next_event(&e, g) == HEARTH_OK) {
            if (e.kind == HEARTH_EVENT_TOKEN) tokens.push_back(e.token);
            if (e.kind == HEARTH_EVENT_FINISH && finish != nullptr) *finish = e;
        }
    }
    return tokens;
}

}  // namespace

TEST_CASE("mtp: heads change no bit, whatever the family, the cache and the sampler") {
    const auto runtime = make_runtime(2);
    std::size_t drafted = 0, i = 0;
    for (const char* arch : {"glm4moe", "glm4", "qwen3next", "qwen35", "qwen35moe", "deepseek2", "mistral4"}) {
        CAPTURE(std::string(arch));
        const auto bytes = predicting(arch, 2, i % 2 + 1).bytes();
        const auto model = open_bytes(runtime.get(), bytes, HEARTH_MODEL_MTP);
        const std::uint32_t kv = 1 + static_cast<std::uint32_t>(i % 3);
        ++i;
        const auto sampling = sampling_of(kSettings[i % kSettings.size()], static_cast<int>(i));
        const auto prompt = prompt_of(60);
        const Drafted plain = generate(model.get(), prompt, sampling.get(), HEARTH_DRAFT_NONE, nullptr, kv, 50);
        const Drafted guessed = generate(model.get(), prompt, sampling.get(), HEARTH_DRAFT_MTP, nullptr, kv, 50);
        CHECK(plain.tokens.size() == 50);
        check_same(plain, guessed);
        drafted += guessed.finish.drafted_tokens;
    }
    CHECK(drafted > 0);
}

TEST_CASE("mtp: where the head is right, most guesses come true and save passes") {
    const auto runtime = make_runtime(2);
    const auto bytes = knowing(12).bytes();
    const auto model = open_bytes(runtime.get(), bytes, HEARTH_MODEL_MTP);
    hearth_event f{};
    std::uint32_t plain_passes = 0;
    // How many are guessed depends on the clock, and times of a busy machine may be anything.
    for (int n = 0; n < 4; ++n) {
        const auto sampling = sampling_of(kSettings[static_cast<std::size_t>(n) % 2], n);
        const Drafted plain =
            generate(model.get(), prompt_of(30), sampling.get(), HEARTH_DRAFT_NONE, nullptr, HEARTH_KV_F16, 200);
        const Drafted guessed =
            generate(model.get(), prompt_of(30), sampling.get(), HEARTH_DRAFT_MTP, nullptr, HEARTH_KV_F16, 200);
        check_same(plain, guessed);
        CHECK(plain.saved == guessed.saved);
        f = guessed.finish;
        plain_passes = plain.finish.passes;
        MESSAGE(f.accepted_tokens, " of ", f.drafted_tokens, " came true, ", f.passes, " passes for 200 tokens, ",
                f.draft_speedup, " times as fast");
        if (f.drafted_tokens > 50 && f.passes < plain_passes / 2 && f.draft_speedup > 1) break;
    }
    CHECK(f.drafted_tokens > 0);
    CHECK(f.accepted_tokens > 0.9 * f.drafted_tokens);
    CHECK(f.passes < plain_passes);
}

TEST_CASE("mtp: where the head is wrong, it rests") {
    const auto runtime = make_runtime(2);
    const auto bytes = predicting("glm4moe").bytes();
    const auto model = open_bytes(runtime.get(), bytes, HEARTH_MODEL_MTP);
    const auto sampling = sampling_of({1, 0, 1, nullptr}, 3);  // of which nobody knows what comes
    const Drafted guessed =
        generate(model.get(), prompt_of(30), sampling.get(), HEARTH_DRAFT_MTP, nullptr, HEARTH_KV_F16, 400);
    MESSAGE(guessed.finish.drafted_tokens, " guessed for 400 tokens, ", guessed.finish.accepted_tokens, " came true");
    CHECK(guessed.finish.drafted_tokens > 0);
    CHECK(guessed.finish.drafted_tokens < 250);
}

TEST_CASE("mtp: sessions that are cut, edited, forked, saved or evaluated elsewhere go on as without guesses") {
    const auto runtime = make_runtime(2);
    for (const bool right : {true, false}) {
        const auto bytes = (right ? knowing(3) : predicting("qwen35", 2, 2)).bytes();
        const auto model = open_bytes(runtime.get(), bytes, HEARTH_MODEL_MTP),
                   bare = open_bytes(runtime.get(), bytes, 0);
        std::uint64_t bare_bytes = 0;
        const auto steps = [&](std::uint32_t draft) {
            hearth_model* const m = model.get();
            std::vector<std::vector<std::int32_t>> all;
            hearth_event finish{};
            const auto session = make_session(m, 600);
            append(session.get(), prompt_of(45));
            (void)evaluate(session.get(), false);  // before any head looks
            all.push_back(go_on(m, session.get(), draft));
            append(session.get(), prompt_of(9));
            all.push_back(go_on(m, session.get(), draft));
            hearth_session* raw = nullptr;
            CHECK_OK(hearth_session_fork(&raw, session.get()));
            const SessionPtr fork(raw);
            all.push_back(go_on(m, session.get(), draft));
            CHECK_OK(hearth_session_truncate(fork.get(), 60));
            append(fork.get(), prompt_of(5));
            all.push_back(go_on(m, fork.get(), draft));
            const auto other = prompt_of(4);
            CHECK_OK(hearth_session_replace(fork.get(), 20, 3, other.data(), other.size()));
            all.push_back(go_on(m, fork.get(), draft));
            std::size_t needed = 0;
            CHECK(hearth_session_save(nullptr, 0, &needed, fork.get()) == HEARTH_EBUFS);
            std::vector<std::byte> saved(needed);
            CHECK_OK(hearth_session_save(saved.data(), saved.size(), &needed, fork.get()));
            const auto restored = make_session(m, 600);
            CHECK_OK(hearth_session_restore(restored.get(), saved.data(), saved.size()));
            all.push_back(go_on(m, restored.get(), draft, &finish));
            if (right && draft != HEARTH_DRAFT_NONE) CHECK(finish.accepted_tokens > 0);  // it began anew
            const auto memory = [](const SessionPtr& s) { return hearth_session_memory(s.get()); };
            if (draft == HEARTH_DRAFT_NONE)
                bare_bytes = memory(restored);
            else
                CHECK(memory(restored) > bare_bytes);
            // A model without heads computes the same.
            const auto plain = make_session(bare.get(), 600);
            CHECK_OK(hearth_session_restore(plain.get(), saved.data(), saved.size()));
            CHECK(go_on(bare.get(), plain.get(), HEARTH_DRAFT_NONE) == all.back());
            return all;
        };
        CHECK(steps(HEARTH_DRAFT_NONE) == steps(HEARTH_DRAFT_MTP));
    }
}

TEST_CASE("mtp: weights are in memory where they were asked for, and in the plan") {
    const auto runtime = make_runtime(2);
    const auto bytes = predicting("deepseek2").bytes();
    const auto with = open_bytes(runtime.get(), bytes, HEARTH_MODEL_MTP);
    const std::uint64_t one = hearth_runtime_memory(runtime.get());
    CHECK(one == hearth_model_weight_bytes(with.get()));
    const auto without = open_bytes(runtime.get(), bytes, 0);
    CHECK(hearth_runtime_memory(runtime.get()) - one == hearth_model_weight_bytes(without.get()));
    hearth_text* text = nullptr;
    CHECK_OK(hearth_model_inspect(&text, without.get()));
    const TextPtr owned(text);
    const auto j = nlohmann::json::parse(hearth_text_data(text, nullptr));
    CHECK(j["mtp"]["blocks"] == 1);
    CHECK(j["mtp"]["weights"] == hearth_model_weight_bytes(with.get()) - hearth_model_weight_bytes(without.get()));
    CHECK(j["mtp"]["kv_bytes_per_token"] ==
          j["memory"]["kv_bytes_per_token"].get<std::uint64_t>() / 2);  // as each of two layers
    CHECK(j["layers"] == 2);
    std::array<std::uint8_t, 16> a{}, b{};
    CHECK_OK(hearth_model_digest(a.data(), with.get()));
    CHECK_OK(hearth_model_digest(b.data(), without.get()));
    CHECK(a == b);
    // Within a budget of what the model takes without them.
    const auto small = make_runtime(2, nullptr, hearth_model_weight_bytes(without.get()));
    hearth_model_options o;
    CHECK_OK(hearth_model_options_init(&o, sizeof o));
    o.flags = HEARTH_MODEL_MTP;
    hearth_model* m = nullptr;
    CHECK_FAILS(hearth_model_open_memory(&m, small.get(), bytes.data(), bytes.size(), &o), HEARTH_EBUDGET, "weights");
    (void)open_bytes(small.get(), bytes, 0);
}

TEST_CASE("mtp: the blocks of a packed file guess as those of the original") {
    const auto runtime = make_runtime(2);
    const TemporaryDirectory directory;
    ModelFile small = predicting("qwen35");
    const std::string path = directory.write("model.gguf", small.bytes()), packed = directory / "packed.gguf";
    CHECK_OK(hearth_model_pack(runtime.get(), path.c_str(), packed.c_str(), nullptr));
    hearth_model_options o;
    CHECK_OK(hearth_model_options_init(&o, sizeof o));
    o.flags = HEARTH_MODEL_MTP;
    Drafted all[2];
    std::uint64_t weights[2];
    for (const auto& [file, i] : {std::pair{path, 0}, {packed, 1}}) {
        hearth_model* m = nullptr;
        CHECK_OK(hearth_model_open_path(&m, runtime.get(), file.c_str(), &o));
        const ModelPtr model(m);
        weights[i] = hearth_model_weight_bytes(m);
        all[i] = generate(m, prompt_of(20), nullptr, HEARTH_DRAFT_MTP, nullptr, HEARTH_KV_F16, 30);
    }
    CHECK(weights[0] == weights[1]);
    CHECK(all[0].finish.drafted_tokens > 0);
    CHECK(all[1].finish.drafted_tokens > 0);
    check_same(all[0], all[1]);
}

TEST_CASE("mtp: refused with a sentence where it cannot be") {
    const auto runtime = make_runtime(1);
    const auto good = predicting("glm4moe").bytes(), none = predicting("glm4moe", 2, 0).bytes();
    hearth_model_options o;
    CHECK_OK(hearth_model_options_init(&o, sizeof o));
    o.flags = 2;
    hearth_model* m = nullptr;
    CHECK_FAILS(hearth_model_open_memory(&m, runtime.get(), good.data(), good.size(), &o), HEARTH_EINVAL, "flags is 2");
    o.flags = HEARTH_MODEL_MTP;
    CHECK_FAILS(hearth_model_open_memory(&m, runtime.get(), none.data(), none.size(), &o), HEARTH_EUNSUPPORTED, "MTP");
    for (const auto* bytes : {&good, &none}) {
        const auto model = open_bytes(runtime.get(), *bytes, 0);
        const auto session = make_session(model.get());
        append(session.get(), prompt_of(5));
        hearth_generator* g = nullptr;
        CHECK_OK(hearth_generator_new(&g, model.get()));
        const GeneratorPtr generator(g);
        hearth_generate_options options;
        CHECK_OK(hearth_generate_options_init(&options, sizeof options));
        options.draft = HEARTH_DRAFT_MTP;
        CHECK_FAILS(hearth_generator_submit(g, session.get(), nullptr, &options), HEARTH_EINVAL, "MTP",
                    bytes == &good ? "without" : "no blocks");
    }
    ModelFile broken = predicting("qwen35");
    broken.erase_tensor("blk.2.nextn.hnorm.weight");
    const auto bytes = broken.bytes();
    CHECK_FAILS(hearth_model_open_memory(&m, runtime.get(), bytes.data(), bytes.size(), &o), HEARTH_EFORMAT,
                "blk.2.nextn.hnorm.weight");
    (void)open_bytes(runtime.get(), bytes, 0);  // plain decoding does not need it
}

TEST_CASE("mtp: sessions that guess and others share passes") {
    const auto runtime = make_runtime(2);
    const auto bytes = knowing(2).bytes();
    const auto model = open_bytes(runtime.get(), bytes, HEARTH_MODEL_MTP);
    hearth_generator* g = nullptr;
    CHECK_OK(hearth_generator_new(&g, model.get()));
    const GeneratorPtr generator(g);
    std::vector<SessionPtr> sessions;
    std::vector<std::vector<std::int32_t>> tokens(3), alone;
    for (std::size_t i = 0; i < 3; ++i) {
        sessions.push_back(make_session(model.get(), 300));
        append(sessions.back().get(), prompt_of(5 + 40 * i));
        hearth_generate_options o;
        CHECK_OK(hearth_generate_options_init(&o, sizeof o));
        o.max_tokens = 40;
        o.flags = HEARTH_GENERATE_IGNORE_EOS;
        o.draft = i == 1 ? HEARTH_DRAFT_LOOKUP : HEARTH_DRAFT_MTP;
        CHECK_OK(hearth_generator_submit(g, sessions.back().get(), nullptr, &o));
        const auto own = make_session(model.get(), 300);
        append(own.get(), prompt_of(5 + 40 * i));
        alone.push_back(go_on(model.get(), own.get(), HEARTH_DRAFT_NONE));
    }
    while (hearth_generator_step(g) == HEARTH_OK) {
        hearth_event e{};
        e.struct_size = sizeof e;
        while (hearth_generator_next_event(&e, g) == HEARTH_OK)
            for (std::size_t i = 0; i < 3; ++i)
                if (e.kind == HEARTH_EVENT_TOKEN && e.session == sessions[i].get()) tokens[i].push_back(e.token);
    }
    CHECK(tokens == alone);
}
