// Stop texts, banned texts, biases and probabilities as a generation sees them.
#include <algorithm>
#include <cmath>

#include "capi/support.hpp"

using namespace hearth::test;

namespace {

struct Output {
    std::string text;
    std::vector<std::int32_t> tokens;
    std::vector<std::string> pieces;
    std::vector<std::vector<hearth_logprob>> logprobs;
    std::vector<std::vector<float>> logits;
    std::uint32_t reason = 0;
    std::int32_t stop = -2;
    std::string message;
};

struct Fixture {
    RuntimePtr runtime = make_runtime();
    ModelPtr model = open_model(runtime.get(), shared_or_golden("families/llama-q4_k_m.gguf"));
    SamplingPtr sampling;
    Fixture() {
        hearth_sampling* s = nullptr;
        CHECK_OK(hearth_sampling_new(&s));
        sampling.reset(s);
        CHECK_OK(hearth_sampling_set(s, "temperature", 1));
        CHECK_OK(hearth_sampling_set(s, "top_k", 0));
    }
    void list(const char* key, const std::vector<std::string>& texts) const {
        std::vector<const char*> pointers;
        std::vector<std::size_t> lengths;
        for (const std::string& t : texts) {
            pointers.push_back(t.data());
            lengths.push_back(t.size());
        }
        CHECK_OK(hearth_sampling_set_list(sampling.get(), key, pointers.data(), lengths.data(), texts.size()));
    }
    Output generate(std::uint32_t flags = 0, std::uint32_t top = 0, std::uint32_t max_tokens = 60) const {
        const auto session = make_session(model.get());
        const std::vector<std::int32_t> prompt{1, 80, 90, 100};
        append(session.get(), prompt);
        hearth_generate_options o;
        CHECK_OK(hearth_generate_options_init(&o, sizeof o));
        o.max_tokens = max_tokens;
        o.flags = HEARTH_GENERATE_IGNORE_EOS | flags;
        o.top_logprobs = top;
        Output out;
        const auto status = hearth_session_generate(
            &out.reason, session.get(), sampling.get(), &o,
            [](const hearth_event* e, void* user) {
                auto& got = *static_cast<Output*>(user);
                got.text.append(e->text, e->text_length);
                if (e->kind == HEARTH_EVENT_TOKEN) {
                    got.tokens.push_back(e->token);
                    got.pieces.emplace_back(e->text, e->text_length);
                    got.logprobs.emplace_back(e->logprobs, e->logprobs + e->logprob_count);
                    if (e->logits != nullptr) got.logits.emplace_back(e->logits, e->logits + 272);
                } else if (e->kind == HEARTH_EVENT_FINISH) {
                    got.stop = e->stop;
                    got.message = e->message;
                }
                return 0;
            },
            &out);
        CHECK((status == HEARTH_OK) == out.message.empty());
        CHECK(hearth_session_length(session.get()) == 4 + out.tokens.size());
        return out;
    }
};

}  // namespace

TEST_CASE("generated text: ends before a stop text, whichever token it ends in") {
    const Fixture f;
    const Output whole = f.generate();
    REQUIRE(whole.text.size() > 40);
    CHECK(whole.stop == -1);
    for (std::size_t at = 5; at + 8 < 40; ++at) {
        // Whole characters only: texts are UTF-8.
        std::size_t end = at + 1 + at % 7;
        while (end < whole.text.size() && (static_cast<unsigned char>(whole.text[end]) & 0xc0) == 0x80) ++end;
        if ((static_cast<unsigned char>(whole.text[at]) & 0xc0) == 0x80) continue;
        const std::string stop = whole.text.substr(at, end - at);
        f.list("stop", {"never in it", stop});
        const Output cut = f.generate();
        CHECK(cut.text == whole.text.substr(0, whole.text.find(stop)));
        CHECK(cut.reason == HEARTH_FINISH_STOP);
        CHECK(cut.stop == 1);
        CHECK(std::equal(cut.tokens.begin(), cut.tokens.end(), whole.tokens.begin()));
    }
    f.list("stop", {});
    CHECK(f.generate().text == whole.text);
}

TEST_CASE("generated text: never has a banned text in it, and is else what it was") {
    const Fixture f;
    const Output free = f.generate();
    std::vector<std::string> banned;
    for (std::size_t length : {1, 1, 2, 3, 2}) {
        // The first characters that come are forbidden, again and again. Bytes that are none are U+FFFD in the text
        // only.
        const Output now = f.generate();
        for (const std::string& b : banned) CHECK(now.text.find(b) == std::string::npos);
        CHECK(now.reason == HEARTH_FINISH_LENGTH);
        const auto ascii = [](char c) { return static_cast<unsigned char>(c) < 0x80; };
        std::size_t at = 0;
        while (at + length <= now.text.size() && !std::all_of(&now.text[at], &now.text[at] + length, ascii)) ++at;
        REQUIRE(at + length <= now.text.size());
        banned.push_back(now.text.substr(at, length));
        f.list("ban", banned);
    }
    CHECK(f.generate().text.find(banned.back()) == std::string::npos);
    f.list("ban", {"no such text"});
    CHECK(f.generate().tokens == free.tokens);
}

TEST_CASE("generated text: biases choose, forbid, and may leave nothing") {
    const Fixture f;
    CHECK_OK(hearth_sampling_set_bias(f.sampling.get(), 77, 1000));
    CHECK(f.generate(0, 0, 5).tokens == std::vector<std::int32_t>(5, 77));
    for (std::int32_t t = 0; t < 272; ++t)
        CHECK_OK(hearth_sampling_set_bias(f.sampling.get(), t, t == 78 ? 0.0 : -INFINITY));
    CHECK(f.generate(0, 0, 5).tokens == std::vector<std::int32_t>(5, 78));
    CHECK_OK(hearth_sampling_set_bias(f.sampling.get(), 78, -INFINITY));
    const Output none = f.generate(0, 0, 5);
    CHECK(none.reason == HEARTH_FINISH_ERROR);
    CHECK(none.tokens.empty());
    CHECK(contains(none.message, "leave no token"));
}

TEST_CASE("generated text: probabilities are those of the logits") {
    const Fixture f;
    const Output out = f.generate(HEARTH_GENERATE_LOGPROBS | HEARTH_GENERATE_LOGITS, 3, 10);
    REQUIRE(out.logprobs.size() == 10);
    for (std::size_t i = 0; i < 10; ++i) {
        const auto& logits = out.logits[i];
        double sum = 0;
        for (const float x : logits) sum += std::exp(static_cast<double>(x));
        REQUIRE(out.logprobs[i].size() == 4);
        CHECK(out.logprobs[i][0].token == out.tokens[i]);
        CHECK(out.logprobs[i][1].token == best(logits));
        for (const hearth_logprob& p : out.logprobs[i])
            CHECK(p.logprob ==
                  doctest::Approx(logits[static_cast<std::size_t>(p.token)] - std::log(sum)).epsilon(1e-5));
        CHECK(out.logprobs[i][2].logprob >= out.logprobs[i][3].logprob);
    }
    for (const auto& none : f.generate().logprobs) CHECK(none.empty());
}

TEST_CASE("sampling: lists and biases that are refused") {
    const Fixture f;
    auto* const s = f.sampling.get();
    const char* const texts[] = {"min_p", nullptr};
    CHECK_FAILS(hearth_sampling_set_list(s, "stops", texts, nullptr, 1), HEARTH_EINVAL, "stops", "dry_breakers");
    CHECK_FAILS(hearth_sampling_set_list(s, "stop", texts, nullptr, 2), HEARTH_EINVAL, "texts[1]", "null");
    CHECK_FAILS(hearth_sampling_set_list(s, "stop", nullptr, nullptr, 1), HEARTH_EINVAL, "texts");
    CHECK_FAILS(hearth_sampling_set_list(s, nullptr, texts, nullptr, 1), HEARTH_EINVAL, "key");
    CHECK_FAILS(hearth_sampling_set_list(nullptr, "stop", texts, nullptr, 1), HEARTH_EINVAL, "sampling");
    CHECK_OK(hearth_sampling_set_list(s, "order", texts, nullptr, 1));
    const char* const unknown[] = {"min"};
    CHECK_FAILS(hearth_sampling_set_list(s, "order", unknown, nullptr, 1), HEARTH_EINVAL, "'min'", "mirostat");
    CHECK_FAILS(hearth_sampling_set_bias(s, 3, NAN), HEARTH_EINVAL, "3", "nan");
    CHECK_FAILS(hearth_sampling_set_bias(nullptr, 3, 1), HEARTH_EINVAL, "sampling");
    CHECK_OK(hearth_sampling_set_bias(s, 272, 1));
    const auto session = make_session(f.model.get());
    append(session.get(), std::vector<std::int32_t>{1});
    std::uint32_t reason = 0;
    const auto nothing = [](const hearth_event*, void*) { return 0; };
    CHECK_FAILS(hearth_session_generate(&reason, session.get(), s, nullptr, nothing, nullptr), HEARTH_ERANGE, "272");
    hearth_generate_options o;
    CHECK_OK(hearth_generate_options_init(&o, sizeof o));
    o.top_logprobs = 2;
    CHECK_FAILS(hearth_session_generate(&reason, session.get(), nullptr, &o, nothing, nullptr), HEARTH_EINVAL,
                "top_logprobs");
    const char* doc = nullptr;
    std::size_t samplers = 0, lists = 0;
    for (; hearth_sampling_sampler(samplers, &doc) != nullptr; ++samplers) CHECK(std::strlen(doc) > 20);
    for (; hearth_sampling_list_key(lists, &doc) != nullptr; ++lists) CHECK(std::strlen(doc) > 20);
    CHECK(samplers == 10);
    CHECK(lists == 4);
}
