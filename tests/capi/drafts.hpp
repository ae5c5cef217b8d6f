// One generation with guesses or without, and all that it leaves.
#pragma once

#include "capi/support.hpp"

namespace hearth::test {

struct Drafted {
    std::vector<std::int32_t> tokens;
    std::vector<float> logits;  // of every token
    std::string text;
    std::vector<std::byte> saved;
    hearth_event finish{};
};

struct Settings {
    double temperature = 0, mirostat_tau = 0, repeat = 1;
    const char* stop = nullptr;
};

inline SamplingPtr sampling_of(const Settings& s, int seed) {
    hearth_sampling* raw = nullptr;
    CHECK_OK(hearth_sampling_new(&raw));
    SamplingPtr sampling(raw);
    CHECK_OK(hearth_sampling_set(raw, "temperature", s.temperature));
    CHECK_OK(hearth_sampling_set(raw, "seed", seed));
    if (s.repeat != 1) CHECK_OK(hearth_sampling_set(raw, "repetition_penalty", s.repeat));
    if (s.mirostat_tau != 0) CHECK_OK(hearth_sampling_set(raw, "mirostat_tau", s.mirostat_tau));
    if (s.stop != nullptr) CHECK_OK(hearth_sampling_set_list(raw, "stop", &s.stop, nullptr, 1));
    return sampling;
}

inline Drafted generate(hearth_model* model, std::span<const std::int32_t> prompt, const hearth_sampling* sampling,
                        std::uint32_t draft, hearth_model* draft_model, std::uint32_t kv, std::uint32_t tokens = 90) {
    const auto session = make_session(model, 600, kv);
    append(session.get(), prompt);
    hearth_generator* g = nullptr;
    CHECK_OK(hearth_generator_new(&g, model));
    const GeneratorPtr generator(g);
    hearth_generate_options o;
    CHECK_OK(hearth_generate_options_init(&o, sizeof o));
    o.max_tokens = tokens;
    o.flags = HEARTH_GENERATE_IGNORE_EOS | HEARTH_GENERATE_LOGITS;
    o.draft = draft;
    o.draft_model = draft_model;
    CHECK_OK(hearth_generator_submit(g, session.get(), sampling, &o));
    Drafted r;
    const std::size_t vocab = hearth_model_vocab_size(model);
    while (hearth_generator_step(g) == HEARTH_OK) {
        hearth_event e{};
        e.struct_size = sizeof e;
        while (hearth_generator_next_event(&e, g) == HEARTH_OK) {
            r.text.append(e.text, e.text_length);
            if (e.kind == HEARTH_EVENT_TOKEN) {
                r.tokens.push_back(e.token);
                r.logits.insert(r.logits.end(), e.logits, e.logits + vocab);
            }
            if (e.kind == HEARTH_EVENT_FINISH) r.finish = e;
        }
    }
    evaluate(session.get(), false);
    std::size_t needed = 0;
    CHECK(hearth_session_save(nullptr, 0, &needed, session.get()) == HEARTH_EBUFS);
    r.saved.resize(needed);
    CHECK_OK(hearth_session_save(r.saved.data(), r.saved.size(), &needed, session.get()));
    return r;
}

inline void check_same(const Drafted& a, const Drafted& b) {
    CHECK(a.tokens == b.tokens);
    CHECK(same_bits(a.logits, b.logits));
    CHECK(a.text == b.text);
    CHECK(a.finish.reason == b.finish.reason);
    CHECK(a.finish.stop == b.finish.stop);
}

}  // namespace hearth::test
