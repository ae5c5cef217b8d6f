#include "hearth/text/tokenizer.hpp"

#include "hearth/base/cat.hpp"
#include "hearth/base/utf8.hpp"

namespace hearth {

namespace text {
#define HEARTH_TOKENIZER(name, maker) Result<std::unique_ptr<Tokenizer>> maker(const Metadata& metadata, const Stop* stop);
#include "text/tokenizers.inc"
#undef HEARTH_TOKENIZER
}  // namespace text

Result<std::unique_ptr<Tokenizer>> Tokenizer::make(const Metadata& metadata, const Stop* stop) {
    HEARTH_ASSIGN(auto model, metadata.get_string("tokenizer.ggml.model"));
    std::string known;
#define HEARTH_TOKENIZER(name, maker)                                \
    if (model && *model == name) return text::maker(metadata, stop); \
    known += cat(known.empty() ? "'" : ", '", name, "'");
#include "text/tokenizers.inc"
#undef HEARTH_TOKENIZER
    if (!model)
        return Status(Code::malformed, cat("metadata key 'tokenizer.ggml.model' is missing, expected one of ", known));
    return Status(Code::unsupported,
                  cat("metadata key 'tokenizer.ggml.model' is '", utf8_repair(*model), "', expected one of ", known));
}

std::string StreamDecoder::push(Token id) {
    std::string bytes = tokenizer_->piece(id, special_);
    if (strip_ && at_start_) {
        // Control tokens before the text (BOS) do not use up the space that the encoder added.
        const TokenKind kind = tokenizer_->kind(id);
        if (kind != TokenKind::control) at_start_ = false;
        if (kind != TokenKind::control && kind != TokenKind::user_defined && bytes.starts_with(' ')) bytes.erase(0, 1);
    }
    pending_ += bytes;
    const std::size_t whole = pending_.size() - utf8_incomplete_suffix(pending_);
    std::string out = utf8_repair(std::string_view(pending_).substr(0, whole));
    pending_.erase(0, whole);
    return out;
}

std::string StreamDecoder::flush() {
    std::string out = utf8_repair(pending_);
    pending_.clear();
    at_start_ = true;
    return out;
}

}  // namespace hearth
