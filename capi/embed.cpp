#include "hearth/engine/embed.hpp"

#include <algorithm>

#include "guard.h"

using namespace hearth;        // NOLINT(google-build-using-namespace)
using namespace hearth::capi;  // NOLINT(google-build-using-namespace)

namespace {

constexpr std::uint32_t kTextFlags = HEARTH_EMBED_NO_SPECIAL | HEARTH_EMBED_PARSE_SPECIAL | HEARTH_EMBED_TRUNCATE;

struct Options {
    EmbedOptions embed;
    std::uint32_t flags = 0;
};

Result<Options> embed_options(const hearth_embed_options* options) {
    hearth_embed_options o{};
    HEARTH_TRY(read_options(o, options, "hearth_embed_options"));
    if (o.pooling > HEARTH_POOLING_RANK)
        return Status(Code::invalid_argument,
                      cat("hearth_embed_options.pooling is ", o.pooling, ", expected HEARTH_POOLING_…"));
    if ((o.flags & ~(HEARTH_EMBED_NORMALIZE | kTextFlags)) != 0)
        return Status(Code::invalid_argument,
                      cat("hearth_embed_options.flags is ", o.flags, ", expected HEARTH_EMBED_… only"));
    Options out;
    out.flags = o.flags;
    if (o.pooling != HEARTH_POOLING_DEFAULT) out.embed.pooling = static_cast<Pooling>(o.pooling - 1);
    out.embed.normalize = (o.flags & HEARTH_EMBED_NORMALIZE) != 0;
    out.embed.dimensions = o.dimensions;
    out.embed.pass_tokens = o.pass_tokens;
    out.embed.progress = {o.progress, o.progress_user};
    return out;
}

using Sequences = std::vector<std::span<const Token>>;

Status embed_all(float* out, size_t capacity, size_t* needed, LoadedModel& model, const Sequences& sequences,
                 const EmbedOptions& options) {
    HEARTH_ASSIGN(const EmbedShape shape, embed_shape(model.info(), options));
    const size_t floats = shape.floats(sequences);
    if (needed != nullptr) *needed = floats;
    if (floats > capacity)
        return {Code::buffer_too_small, cat("the buffer holds ", capacity, " floats, needed are ", floats)};
    if (floats != 0) HEARTH_NOT_NULL(out);
    return embed(model, sequences, options, out);
}

// What is longer than the context loses its end, but for the special tokens that stand there.
Status truncate(const LoadedModel& model, std::vector<Token>& tokens, bool special) {
    const size_t most = model.info().context;
    if (tokens.size() <= most) return {};
    size_t keep = 0;
    if (special) {
        HEARTH_ASSIGN(const auto around, model.tokenizer()->encode("", {true, false}));
        const auto same = std::mismatch(tokens.rbegin(), tokens.rend(), around.rbegin(), around.rend());
        keep = std::min(static_cast<size_t>(same.first - tokens.rbegin()), most);
    }
    tokens.erase(tokens.begin() + static_cast<std::ptrdiff_t>(most - keep),
                 tokens.end() - static_cast<std::ptrdiff_t>(keep));
    return {};
}

Status check_arrays(const void* items, const void* lengths, size_t count) {
    if (count == 0) return {};
    if (items == nullptr) return null_argument("texts or tokens");
    return lengths == nullptr ? null_argument("lengths") : Status();
}

Sequences views(const std::vector<std::vector<Token>>& tokens) { return {tokens.begin(), tokens.end()}; }

}  // namespace

extern "C" {

hearth_status hearth_embed_options_init(hearth_embed_options* options, size_t struct_size) {
    return guard([&] { return init_options(options, struct_size, hearth_embed_options{}, "hearth_embed_options"); });
}

hearth_status hearth_model_embedding_info(hearth_embedding_info* info, const hearth_model* model) {
    return guard([&]() -> Status {
        HEARTH_NOT_NULL(info);
        HEARTH_NOT_NULL(model);
        hearth_embedding_info out{};
        HEARTH_TRY(read_options(out, info, "hearth_embedding_info"));
        const size_t size = info->struct_size;
        const ModelInfo& m = model->impl->info();
        out.pooling = static_cast<uint32_t>(m.embeddings.pooling) + 1;
        out.width = m.embeddings.width;
        out.token_width = m.embedding;
        out.scores = m.embeddings.scores;
        out.generates = m.embeddings.logits ? 1 : 0;
        out.context = static_cast<uint32_t>(m.context);
        return init_options(info, size, out, "hearth_embedding_info");
    });
}

hearth_status hearth_model_score_label(hearth_text** out, const hearth_model* model, uint32_t i) {
    return guard([&]() -> Status {
        HEARTH_NOT_NULL(out);
        *out = nullptr;
        HEARTH_NOT_NULL(model);
        const auto& labels = model->impl->info().embeddings.labels;
        if (i >= labels.size())
            return {Code::not_found, cat("the model has ", labels.size(), " labels of scores, asked for number ", i)};
        *out = new hearth_text{labels[i]};
        return {};
    });
}

hearth_status hearth_model_embed(float* out, size_t capacity, size_t* needed, hearth_model* model,
                                 const hearth_token* const* tokens, const size_t* lengths, size_t count,
                                 const hearth_embed_options* options) {
    return guard([&]() -> Status {
        if (needed != nullptr) *needed = 0;
        HEARTH_NOT_NULL(model);
        HEARTH_TRY(check_arrays(tokens, lengths, count));
        HEARTH_ASSIGN(const Options o, embed_options(options));
        if ((o.flags & kTextFlags) != 0)
            return {Code::invalid_argument, cat("hearth_embed_options.flags is ", o.flags,
                                                ", of which token ids take HEARTH_EMBED_NORMALIZE only")};
        Sequences sequences;
        for (size_t i = 0; i < count; ++i) {
            if (tokens[i] == nullptr && lengths[i] != 0) return null_argument("a sequence of tokens");
            sequences.emplace_back(tokens[i], lengths[i]);
        }
        return embed_all(out, capacity, needed, *model->impl, sequences, o.embed);
    });
}

hearth_status hearth_model_embed_texts(float* out, size_t capacity, size_t* needed, hearth_model* model,
                                       const char* const* texts, const size_t* lengths, size_t count,
                                       const hearth_embed_options* options) {
    return guard([&]() -> Status {
        if (needed != nullptr) *needed = 0;
        HEARTH_NOT_NULL(model);
        HEARTH_TRY(check_arrays(texts, lengths, count));
        HEARTH_ASSIGN(const Options o, embed_options(options));
        const EncodeOptions encode{(o.flags & HEARTH_EMBED_NO_SPECIAL) == 0,
                                   (o.flags & HEARTH_EMBED_PARSE_SPECIAL) != 0};
        std::vector<std::vector<Token>> tokens;
        for (size_t i = 0; i < count; ++i) {
            HEARTH_ASSIGN(const auto text, text_argument(texts[i], lengths[i]));
            auto ids = model->impl->tokenizer()->encode(text, encode);
            if (!ids.ok()) return std::move(ids).status().in(cat("text ", i));
            tokens.push_back(*std::move(ids));
            if ((o.flags & HEARTH_EMBED_TRUNCATE) != 0)
                HEARTH_TRY(truncate(*model->impl, tokens.back(), encode.add_special));
        }
        return embed_all(out, capacity, needed, *model->impl, views(tokens), o.embed);
    });
}

hearth_status hearth_model_rerank(float* scores, size_t capacity, size_t* needed, hearth_model* model,
                                  const char* query, size_t query_length, const char* const* documents,
                                  const size_t* lengths, size_t count, const hearth_embed_options* options) {
    return guard([&]() -> Status {
        if (needed != nullptr) *needed = 0;
        HEARTH_NOT_NULL(model);
        HEARTH_TRY(check_arrays(documents, lengths, count));
        HEARTH_ASSIGN(const auto asked, text_argument(query, query_length));
        HEARTH_ASSIGN(Options o, embed_options(options));
        if (o.embed.pooling || o.embed.dimensions != 0 || (o.flags & ~HEARTH_EMBED_TRUNCATE) != 0)
            return {Code::invalid_argument,
                    "of hearth_embed_options reranking takes HEARTH_EMBED_TRUNCATE, pass_tokens and progress only"};
        o.embed.pooling = Pooling::rank;
        HEARTH_ASSIGN(const EmbedShape shape, embed_shape(model->impl->info(), o.embed));
        if (needed != nullptr) *needed = count;
        if (count > capacity)
            return {Code::buffer_too_small, cat("the buffer holds ", capacity, " floats, needed are ", count)};
        if (count != 0) HEARTH_NOT_NULL(scores);
        std::vector<std::vector<Token>> tokens;
        std::vector<std::size_t> second_texts;
        for (size_t i = 0; i < count; ++i) {
            HEARTH_ASSIGN(const auto document, text_argument(documents[i], lengths[i]));
            auto ids = rerank_tokens(*model->impl, asked, document);
            if (!ids.ok()) return std::move(ids).status().in(cat("document ", i));
            tokens.push_back(std::move(ids->tokens));
            second_texts.push_back(ids->second_text);
            if ((o.flags & HEARTH_EMBED_TRUNCATE) != 0) HEARTH_TRY(truncate(*model->impl, tokens.back(), true));
        }
        std::vector<float> all(count * shape.width);
        o.embed.second_texts = second_texts;
        HEARTH_TRY(embed(*model->impl, views(tokens), o.embed, all.data()));
        for (size_t i = 0; i < count; ++i) scores[i] = all[i * shape.width];
        return {};
    });
}

}  // extern "C"
