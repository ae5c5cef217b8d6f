// Embeddings of many texts, and scores of documents for a query: packed into passes, each result the same bytes
// whatever stands beside it.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

#include "hearth/engine/engine.hpp"

namespace hearth {

struct EmbedOptions {
    std::optional<Pooling> pooling;  // else the model's
    bool normalize = false;          // to a Euclidean length of 1, after dimensions
    std::size_t dimensions = 0;      // that are kept of each vector (MRL); 0: all
    std::size_t pass_tokens = 0;     // of a pass, about; 0: 512
    LoadProgress progress;           // done and all sequences; non-zero stops
    std::span<const std::size_t> second_texts;  // where they begin, one for each sequence; empty: none has one
};

struct EmbedShape {
    Pooling pooling;
    std::size_t width;  // floats of a vector: one for each sequence, or without pooling for each token
    std::size_t floats(std::span<const std::span<const Token>> sequences) const;
};
// Refuses what the model cannot give.
Result<EmbedShape> embed_shape(const ModelInfo& info, const EmbedOptions& options);

// Results in the order of the sequences. Everything is judged before the first pass: tokens, lengths, memory.
Status embed(LoadedModel& model, std::span<const std::span<const Token>> sequences, const EmbedOptions& options,
             float* out);

// The tokens by which a reranker reads a query and a document: its template where it has one, else both with the
// special tokens that its tokenizer asks for between and around them.
struct RerankTokens {
    std::vector<Token> tokens;
    std::size_t second_text = SIZE_MAX;  // where the document begins, if its tokens are of another type
};
Result<RerankTokens> rerank_tokens(const LoadedModel& model, std::string_view query, std::string_view document);

}  // namespace hearth
