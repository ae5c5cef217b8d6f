#include <optional>

#include "guard.h"
#include "hearth/engine/chat_tokens.hpp"
#include "hearth/text/chat_template.hpp"

using namespace hearth;        // NOLINT(google-build-using-namespace)
using namespace hearth::capi;  // NOLINT(google-build-using-namespace)

extern "C" {

hearth_status hearth_chat_template(hearth_text** out, const hearth_tokenizer* tokenizer, const char* name) {
    return guard([&]() -> Status {
        HEARTH_NOT_NULL(out);
        *out = nullptr;
        HEARTH_NOT_NULL(tokenizer);
        const std::string* const source = tokenizer->templates->source(name != nullptr ? name : "");
        if (source == nullptr)
            return {Code::not_found, name != nullptr && *name != '\0'
                                         ? cat("the model carries no chat template named '", name, "'")
                                         : std::string("the model carries no chat template")};
        *out = new hearth_text{*source};
        return {};
    });
}

hearth_status hearth_chat_render(hearth_text** out, const hearth_tokenizer* tokenizer, const char* source,
                                 size_t source_length, const char* input, size_t input_length) {
    return guard([&]() -> Status {
        HEARTH_NOT_NULL(out);
        *out = nullptr;
        if (tokenizer == nullptr) HEARTH_NOT_NULL(source);
        HEARTH_ASSIGN(const auto json, text_argument(input, input_length));
        if (source == nullptr) {
            HEARTH_ASSIGN(auto text, tokenizer->templates->render(json));
            *out = new hearth_text{std::move(text)};
            return {};
        }
        HEARTH_ASSIGN(const auto own, text_argument(source, source_length));
        if (tokenizer != nullptr) {
            HEARTH_ASSIGN(auto text, tokenizer->templates->render(own, json));
            *out = new hearth_text{std::move(text)};
            return {};
        }
        HEARTH_ASSIGN(const auto made, ChatTemplate::compile(own));
        HEARTH_ASSIGN(auto text, made.render(json));
        *out = new hearth_text{std::move(text)};
        return {};
    });
}

hearth_status hearth_chat_tokens(hearth_token* tokens, size_t capacity, size_t* needed,
                                 const hearth_tokenizer* tokenizer, const char* source, size_t source_length,
                                 const char* input, size_t input_length, uint32_t flags) {
    return guard([&]() -> Status {
        if (needed != nullptr) *needed = 0;
        HEARTH_NOT_NULL(tokenizer);
        if ((flags & ~HEARTH_TOKENIZE_NO_SPECIAL) != 0)
            return {Code::invalid_argument, cat("flags is ", flags, ", expected 0 or HEARTH_TOKENIZE_NO_SPECIAL")};
        HEARTH_ASSIGN(const auto json, text_argument(input, input_length));
        std::optional<std::string_view> own;
        if (source != nullptr) {
            HEARTH_ASSIGN(own, text_argument(source, source_length));
        }
        HEARTH_ASSIGN(const auto ids, chat_tokens(*tokenizer->templates, *tokenizer->impl, own, json, flags == 0));
        return copy_out(tokens, capacity, needed, ids.data(), ids.size());
    });
}

}  // extern "C"
