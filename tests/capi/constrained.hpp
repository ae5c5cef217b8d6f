// A small model, settings and a prompt, for texts that must be something.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "capi/support.hpp"

namespace hearth::test {

struct Generated {
    std::string text, message;
    std::vector<std::int32_t> tokens;
    std::uint32_t reason = 0;
    std::int32_t stop = -2, finish_token = -2;
};

class Constrained {
public:
    explicit Constrained(const std::filesystem::path& path = shared_or_golden("families/llama-q4_k_m.gguf"))
        : model_(open_model(runtime_.get(), path)) {
        hearth_sampling* s = nullptr;
        CHECK_OK(hearth_sampling_new(&s));
        sampling_.reset(s);
        set("temperature", 1);
        set("top_k", 0);
    }
    hearth_model* model() const { return model_.get(); }
    hearth_sampling* sampling() const { return sampling_.get(); }
    void set(const char* key, double value) const { CHECK_OK(hearth_sampling_set(sampling_.get(), key, value)); }
    // Models of random weights seldom close what they open.
    void lean_to(const std::string& characters, double bias) const {
        hearth_tokenizer* raw = nullptr;
        CHECK_OK(hearth_tokenizer_of_model(&raw, model_.get()));
        const TokenizerPtr tokenizer(raw);
        for (const char c : characters) {
            std::int32_t tokens[8];
            std::size_t count = 0;
            CHECK_OK(hearth_tokenizer_encode(tokens, 8, &count, raw, &c, 1, HEARTH_TOKENIZE_NO_SPECIAL));
            CHECK_OK(hearth_sampling_set_bias(sampling_.get(), tokens[count - 1], bias));
        }
    }
    SessionPtr session() const {
        auto made = make_session(model_.get());
        const std::vector<std::int32_t> prompt{1, 80, 90, 100};
        append(made.get(), prompt);
        return made;
    }
    void submit(hearth_generator* generator, hearth_session* session, std::uint32_t max_tokens) const {
        hearth_generate_options o;
        CHECK_OK(hearth_generate_options_init(&o, sizeof o));
        o.max_tokens = max_tokens;
        CHECK_OK(hearth_generator_submit(generator, session, sampling_.get(), &o));
    }
    Generated generate(std::uint32_t max_tokens, std::uint32_t flags = 0) const {
        const auto own = session();
        hearth_generate_options o;
        CHECK_OK(hearth_generate_options_init(&o, sizeof o));
        o.max_tokens = max_tokens;
        o.flags = flags;
        Generated out;
        const auto status = hearth_session_generate(
            &out.reason, own.get(), sampling_.get(), &o,
            [](const hearth_event* e, void* user) {
                auto& got = *static_cast<Generated*>(user);
                got.text.append(e->text, e->text_length);
                if (e->kind == HEARTH_EVENT_TOKEN) got.tokens.push_back(e->token);
                if (e->kind == HEARTH_EVENT_FINISH) {
                    got.stop = e->stop;
                    got.message = e->message;
                    got.finish_token = e->token;
                }
                return 0;
            },
            &out);
        CHECK((status == HEARTH_OK) == out.message.empty());
        return out;
    }

private:
    RuntimePtr runtime_ = make_runtime();
    ModelPtr model_;
    SamplingPtr sampling_;
};

// Runs until nothing is left; the tokens of each session.
inline std::map<hearth_session*, std::vector<std::int32_t>> drain_tokens(hearth_generator* generator) {
    std::map<hearth_session*, std::vector<std::int32_t>> out;
    while (hearth_generator_step(generator) == HEARTH_OK) {
        hearth_event e{};
        e.struct_size = sizeof e;
        while (hearth_generator_next_event(&e, generator) == HEARTH_OK)
            if (e.kind == HEARTH_EVENT_TOKEN) out[e.session].push_back(e.token);
    }
    return out;
}

}  // namespace hearth::test
