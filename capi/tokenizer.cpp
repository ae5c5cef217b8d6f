#include "guard.h"

using namespace hearth;        // NOLINT(google-build-using-namespace)
using namespace hearth::capi;  // NOLINT(google-build-using-namespace)

extern "C" {

hearth_status hearth_tokenizer_open_path(hearth_tokenizer** out, const char* path) {
    return guard([&]() -> Status {
        HEARTH_NOT_NULL(out);
        *out = nullptr;
        HEARTH_NOT_NULL(path);
        HEARTH_ASSIGN(auto file, open_model(std::string(path)));
        auto tokenizer = make_tokenizer(*file);
        if (!tokenizer.ok()) return std::move(tokenizer).status().in(file->name());
        auto templates = std::make_shared<const ChatTemplates>(file->metadata(), **tokenizer);
        *out = new hearth_tokenizer{*std::move(tokenizer), std::move(templates)};
        return {};
    });
}

hearth_status hearth_tokenizer_of_model(hearth_tokenizer** out, hearth_model* model) {
    return guard([&]() -> Status {
        HEARTH_NOT_NULL(out);
        *out = nullptr;
        HEARTH_NOT_NULL(model);
        const Tokenizer& tokenizer = *model->impl->tokenizer();
        auto templates = std::make_shared<const ChatTemplates>(model->impl->metadata(), tokenizer);
        *out = new hearth_tokenizer{std::shared_ptr<const Tokenizer>(model->impl, &tokenizer), std::move(templates)};
        return {};
    });
}

void hearth_tokenizer_free(hearth_tokenizer* tokenizer) { delete tokenizer; }

uint32_t hearth_tokenizer_size(const hearth_tokenizer* tokenizer) {
    return tokenizer != nullptr ? static_cast<uint32_t>(tokenizer->impl->size()) : 0;
}

hearth_status hearth_tokenizer_encode(hearth_token* tokens, size_t capacity, size_t* needed, const hearth_tokenizer* tokenizer,
                                      const char* text, size_t length, uint32_t flags) {
    return guard([&]() -> Status {
        if (needed != nullptr) *needed = 0;
        HEARTH_NOT_NULL(tokenizer);
        HEARTH_ASSIGN(const auto input, text_argument(text, length));
        HEARTH_ASSIGN(const auto options, encode_options(flags));
        HEARTH_ASSIGN(const auto ids, tokenizer->impl->encode(input, options));
        return copy_out(tokens, capacity, needed, ids.data(), ids.size());
    });
}

hearth_status hearth_tokenizer_decode(char* text, size_t capacity, size_t* needed, const hearth_tokenizer* tokenizer,
                                      const hearth_token* tokens, size_t count, bool special) {
    return guard([&]() -> Status {
        if (needed != nullptr) *needed = 0;
        HEARTH_NOT_NULL(tokenizer);
        if (count != 0) HEARTH_NOT_NULL(tokens);
        for (size_t i = 0; i < count; ++i)
            if (tokens[i] < 0 || static_cast<size_t>(tokens[i]) >= tokenizer->impl->size())
                return {Code::out_of_range, cat("token ", tokens[i], " at position ", i, " is outside the vocabulary of ",
                                                tokenizer->impl->size(), " tokens")};
        const std::string out = tokenizer->impl->decode({tokens, count}, special);
        return copy_out(text, capacity, needed, out.data(), out.size());
    });
}

hearth_status hearth_tokenizer_piece(char* bytes, size_t capacity, size_t* needed, const hearth_tokenizer* tokenizer,
                                     hearth_token token, bool special) {
    return guard([&]() -> Status {
        if (needed != nullptr) *needed = 0;
        HEARTH_NOT_NULL(tokenizer);
        if (token < 0 || static_cast<size_t>(token) >= tokenizer->impl->size())
            return {Code::out_of_range, cat("token ", token, " is outside the vocabulary of ", tokenizer->impl->size(), " tokens")};
        const std::string out = tokenizer->impl->piece(token, special);
        return copy_out(bytes, capacity, needed, out.data(), out.size());
    });
}

hearth_token hearth_tokenizer_special(const hearth_tokenizer* tokenizer, uint32_t which) {
    if (tokenizer == nullptr || which > HEARTH_TOKEN_MASK) return -1;
    return tokenizer->impl->special(static_cast<SpecialToken>(which)).value_or(-1);
}

hearth_token hearth_tokenizer_find(const hearth_tokenizer* tokenizer, const char* text, size_t length) {
    if (tokenizer == nullptr || text == nullptr) return -1;
    return tokenizer->impl->find({text, length}).value_or(-1);
}

bool hearth_tokenizer_ends_generation(const hearth_tokenizer* tokenizer, hearth_token token) {
    return tokenizer != nullptr && tokenizer->impl->ends_generation(token);
}

hearth_status hearth_decoder_new(hearth_decoder** out, hearth_tokenizer* tokenizer, bool special) {
    return guard([&]() -> Status {
        HEARTH_NOT_NULL(out);
        *out = nullptr;
        HEARTH_NOT_NULL(tokenizer);
        *out = new hearth_decoder{tokenizer->impl, StreamDecoder(*tokenizer->impl, special), {}};
        return {};
    });
}

void hearth_decoder_free(hearth_decoder* decoder) { delete decoder; }

hearth_status hearth_decoder_push(const char** text, size_t* length, hearth_decoder* decoder, hearth_token token) {
    return guard([&]() -> Status {
        HEARTH_NOT_NULL(text);
        HEARTH_NOT_NULL(length);
        *text = "";
        *length = 0;
        HEARTH_NOT_NULL(decoder);
        if (token < 0 || static_cast<size_t>(token) >= decoder->tokenizer->size())
            return {Code::out_of_range, cat("token ", token, " is outside the vocabulary of ", decoder->tokenizer->size(), " tokens")};
        decoder->text = decoder->impl.push(token);
        *text = decoder->text.c_str();
        *length = decoder->text.size();
        return {};
    });
}

hearth_status hearth_decoder_flush(const char** text, size_t* length, hearth_decoder* decoder) {
    return guard([&]() -> Status {
        HEARTH_NOT_NULL(text);
        HEARTH_NOT_NULL(length);
        *text = "";
        *length = 0;
        HEARTH_NOT_NULL(decoder);
        decoder->text = decoder->impl.flush();
        *text = decoder->text.c_str();
        *length = decoder->text.size();
        return {};
    });
}

}  // extern "C"
