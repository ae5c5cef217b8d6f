// Speculation changes no bit: tokens, logits and sessions are those of plain decoding, for every kind of cache and sampler.
#include <array>

#include "capi/drafts.hpp"

using namespace hearth::test;

namespace {

// Texts that come again: what a lookup looks for.
std::vector<std::int32_t> repeating(std::size_t n) {
    std::vector<std::int32_t> v{1};
    while (v.size() < n) v.push_back(static_cast<std::int32_t>(20 + v.size() * 13 % 23));
    return v;
}

std::string piece_of(hearth_model* model, hearth_token token) {
    hearth_tokenizer* t = nullptr;
    CHECK_OK(hearth_tokenizer_of_model(&t, model));
    const TokenizerPtr tokenizer(t);
    char text[64] = {};
    std::size_t needed = 0;
    CHECK_OK(hearth_tokenizer_piece(text, sizeof text, &needed, t, token, true));
    return {text, needed};
}

constexpr const char* kFamilies[] = {"llama-tied-fused", "qwen3moe", "gemma3n", "gemma4", "qwen35", "lfm2", "deepseek2-groups",
                                     "deepseek4"};

}  // namespace

TEST_CASE("draft: guesses by lookup and by a model change no bit, whatever the cache and the sampler") {
    const auto runtime = make_runtime(2);
    const auto other = open_model(runtime.get(), shared_or_golden("families/llama-tied-fused.gguf"));
    constexpr std::array<Settings, 4> kSettings{{{0, 0, 1, nullptr}, {0.8, 0, 1, nullptr}, {0.7, 3, 1, nullptr}, {0.3, 0, 1.3, nullptr}}};
    std::size_t drafted = 0, accepted = 0, i = 0;
    for (const char* family : kFamilies) {
        CAPTURE(std::string(family));
        const auto path = shared_or_golden("families/" + std::string(family) + ".gguf");
        if (!std::filesystem::exists(path)) {
            skipped("models with guesses", 1);
            continue;
        }
        const auto model = open_model(runtime.get(), path);
        const bool alike = piece_of(model.get(), 260) == piece_of(other.get(), 260);  // then it may guess for this one
        const std::uint32_t kv = 1 + static_cast<std::uint32_t>(i % 3);
        const auto prompt = repeating(70);
        for (int n = 0; n < (kThin ? 1 : 2); ++n) {
            const auto sampling = sampling_of(kSettings[++i % kSettings.size()], static_cast<int>(n));
            CAPTURE(i);
            const Drafted plain = generate(model.get(), prompt, sampling.get(), HEARTH_DRAFT_NONE, nullptr, kv);
            CHECK(plain.tokens.size() == 90);
            CHECK(plain.finish.drafted_tokens == 0);
            for (const auto& [draft, by] : {std::pair<std::uint32_t, hearth_model*>{HEARTH_DRAFT_LOOKUP, nullptr},
                                            {HEARTH_DRAFT_MODEL, model.get()},
                                            {HEARTH_DRAFT_MODEL, alike ? other.get() : model.get()}}) {
                const Drafted guessed = generate(model.get(), prompt, sampling.get(), draft, by, kv);
                check_same(plain, guessed);
                drafted += guessed.finish.drafted_tokens;
                accepted += guessed.finish.accepted_tokens;
                if (guessed.finish.accepted_tokens != 0) CHECK(guessed.finish.passes < plain.finish.passes);
            }
        }
    }
    MESSAGE(drafted, " tokens guessed, ", accepted, " came true");
    CHECK(accepted > 10);  // how many depends on the clock: guessing rests where it loses
    CHECK(drafted > accepted);
}

TEST_CASE("draft: what is left of a session is what plain decoding leaves") {
    const auto runtime = make_runtime(2);
    const auto model = open_model(runtime.get(), shared_or_golden("families/llama-tied-fused.gguf"));
    const auto sampling = sampling_of({}, 1);
    const Drafted plain = generate(model.get(), repeating(50), sampling.get(), HEARTH_DRAFT_NONE, nullptr, HEARTH_KV_F16);
    const Drafted guessed = generate(model.get(), repeating(50), sampling.get(), HEARTH_DRAFT_LOOKUP, nullptr, HEARTH_KV_F16);
    CHECK(plain.saved == guessed.saved);
    CHECK(guessed.finish.accepted_tokens > 0);
}

TEST_CASE("draft: stop texts and the end of tokens cut guesses where they cut plain decoding") {
    const auto runtime = make_runtime(2);
    const auto model = open_model(runtime.get(), shared_or_golden("families/llama-tied-fused.gguf"));
    const auto greedy = sampling_of({}, 1);
    const Drafted whole = generate(model.get(), repeating(50), greedy.get(), HEARTH_DRAFT_NONE, nullptr, HEARTH_KV_F16);
    for (const std::uint32_t most : {1, 2, 5, 31, 64})
        check_same(generate(model.get(), repeating(50), greedy.get(), HEARTH_DRAFT_NONE, nullptr, HEARTH_KV_F16, most),
                   generate(model.get(), repeating(50), greedy.get(), HEARTH_DRAFT_LOOKUP, nullptr, HEARTH_KV_F16, most));
    // A piece of what it says, from its middle.
    std::size_t from = whole.text.size() / 2;
    while (from < whole.text.size() && (static_cast<unsigned char>(whole.text[from]) & 0xc0) == 0x80) ++from;
    std::size_t end = from + 1;
    while (end < whole.text.size() && (static_cast<unsigned char>(whole.text[end]) & 0xc0) == 0x80) ++end;
    REQUIRE(end <= whole.text.size());
    const std::string stop = whole.text.substr(from, end - from);
    const auto stopping = sampling_of({0, 0, 1, stop.c_str()}, 1);
    const Drafted plain = generate(model.get(), repeating(50), stopping.get(), HEARTH_DRAFT_NONE, nullptr, HEARTH_KV_F16);
    const Drafted guessed = generate(model.get(), repeating(50), stopping.get(), HEARTH_DRAFT_LOOKUP, nullptr, HEARTH_KV_F16);
    CHECK(plain.finish.reason == HEARTH_FINISH_STOP);
    check_same(plain, guessed);
    CHECK(plain.saved == guessed.saved);
}

TEST_CASE("draft: refused with a sentence where it cannot be") {
    const auto runtime = make_runtime(1), elsewhere = make_runtime(1);
    const auto path = shared_or_golden("families/llama-tied-fused.gguf");
    const auto model = open_model(runtime.get(), path), far = open_model(elsewhere.get(), path);
    const auto session = make_session(model.get());
    append(session.get(), repeating(5));
    hearth_generator* g = nullptr;
    CHECK_OK(hearth_generator_new(&g, model.get()));
    const GeneratorPtr generator(g);
    hearth_generate_options o;
    CHECK_OK(hearth_generate_options_init(&o, sizeof o));
    o.draft = 9;
    CHECK_FAILS(hearth_generator_submit(g, session.get(), nullptr, &o), HEARTH_EINVAL, "draft", "9");
    o.draft = HEARTH_DRAFT_MODEL;
    CHECK_FAILS(hearth_generator_submit(g, session.get(), nullptr, &o), HEARTH_EINVAL, "draft_model");
    o.draft_model = far.get();
    CHECK_FAILS(hearth_generator_submit(g, session.get(), nullptr, &o), HEARTH_EINVAL, "another runtime");
    o.draft = HEARTH_DRAFT_LOOKUP;
    CHECK_FAILS(hearth_generator_submit(g, session.get(), nullptr, &o), HEARTH_EINVAL, "draft_model");
    o.draft_model = nullptr;
    o.draft_tokens = 17;
    CHECK_FAILS(hearth_generator_submit(g, session.get(), nullptr, &o), HEARTH_EINVAL, "17", "16");
    o.draft_tokens = 3;
    o.max_tokens = 2;
    CHECK_OK(hearth_generator_submit(g, session.get(), nullptr, &o));
}
