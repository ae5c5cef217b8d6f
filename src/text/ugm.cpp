// Unigram language models of SentencePiece ("t5": T5, XLM-RoBERTa and their kin).
#include <algorithm>
#include <limits>
#include <utility>

#include "hearth/base/cat.hpp"
#include "hearth/base/stop.hpp"
#include "hearth/base/utf8.hpp"
#include "text/charsmap.hpp"
#include "text/piece_normalizer.hpp"
#include "text/tokenizer_base.hpp"
#include "text/unigram.hpp"

namespace hearth::text {

namespace {

constexpr const char* charsmap_key = "tokenizer.ggml.precompiled_charsmap";
constexpr float unknown_penalty = 10.0f;  // below the least probable token

class Ugm final : public TokenizerBase {
public:
    Ugm(Vocab v, PieceNormalizer normalizer, Token unknown, const Stop* stop)
        : TokenizerBase("t5", std::move(v)), normalizer_(std::move(normalizer)), unknown_(unknown) {
        float least = std::numeric_limits<float>::max();
        bool any = false;
        std::vector<Unigram::Entry> entries;
        entries.reserve(vocab().size());
        for (std::size_t i = 0; i < vocab().size(); ++i) {
            stop_point(stop, i);
            const auto id = static_cast<Token>(i);
            const std::string_view spelling = vocab().text(id);
            const TokenKind kind = vocab().kind(id);
            const bool normal = kind == TokenKind::normal || kind == TokenKind::undefined;
            if (normal) {
                least = std::min(least, vocab().score(id));
                any = true;
            }
            // Control, unknown, unused and byte tokens never come from the letters of their names.
            if (!normal && kind != TokenKind::user_defined) continue;
            if (spelling.empty() || utf8_valid_prefix(spelling) != spelling.size()) continue;
            // User-defined tokens are found in raw text already; here come those that normalisation made.
            entries.push_back({spelling, id, normal ? vocab().score(id) : 0.0f});
        }
        unigram_ = Unigram(entries, vocab().size(), (any ? least : 0.0f) - unknown_penalty);
        for (std::size_t b = 0; b < 256; ++b) {
            const Token id = vocab().byte_token(static_cast<unsigned char>(b));
            const bool is_byte = id >= 0 && vocab().kind(id) == TokenKind::byte;
            byte_fallback_ = byte_fallback_ && is_byte;
        }
    }

private:
    Status encode_text(std::string_view raw, bool /*at_start*/, std::vector<Token>& out) const override {
        const std::string text = normalizer_.apply(raw);
        bool after_unknown = false;
        std::size_t at = 0;
        for (const auto& piece : unigram_.segment(text)) {
            if (piece.id >= 0) {
                out.push_back(piece.id);
            } else if (byte_fallback_) {
                for (std::size_t i = 0; i < piece.length; ++i)
                    out.push_back(vocab().byte_token(static_cast<unsigned char>(text[at + i])));
            } else if (!after_unknown) {  // neighbours share one unknown token
                out.push_back(unknown_);
            }
            after_unknown = piece.id < 0;
            at += piece.length;
        }
        return {};
    }

    void append_normal(Token id, std::string& out) const override { append_with_spaces(vocab().text(id), out); }

    PieceNormalizer normalizer_;
    Token unknown_;
    bool byte_fallback_ = true;  // there is a byte token for every byte
    Unigram unigram_;
};

// GGUF writers store the blob as u8 or as i8.
Result<std::vector<std::uint8_t>> read_charsmap(const Metadata& metadata) {
    std::vector<std::uint8_t> blob;
    const MetaValue* value = metadata.find(charsmap_key);
    if (value == nullptr) return blob;
    const auto take = [&](const auto& numbers) -> Status {
        blob.reserve(numbers.size());
        for (std::size_t i = 0; i < numbers.size(); ++i) {
            if (std::cmp_less(numbers[i], -128) || std::cmp_greater(numbers[i], 255))
                return {Code::malformed, cat("metadata key '", charsmap_key, "' has ", numbers[i], " at entry ", i,
                                             ", expected a byte")};
            blob.push_back(static_cast<std::uint8_t>(numbers[i]));
        }
        return {};
    };
    if (const auto* u = std::get_if<std::vector<std::uint64_t>>(value)) {
        HEARTH_TRY(take(*u));
    } else if (const auto* s = std::get_if<std::vector<std::int64_t>>(value)) {
        HEARTH_TRY(take(*s));
    } else {
        return Status(Code::malformed, cat("metadata key '", charsmap_key, "' is not an array of bytes"));
    }
    return blob;
}

}  // namespace

Result<std::unique_ptr<Tokenizer>> make_ugm(const Metadata& metadata, const Stop* stop) {
    VocabDefaults defaults;
    defaults.eos = 1;
    defaults.unknown = 2;
    defaults.padding = 0;
    defaults.add_eos = true;
    defaults.need_scores = true;
    HEARTH_ASSIGN(auto vocab, Vocab::load(metadata, defaults, stop));
    const auto unknown = vocab.special(SpecialToken::unknown);
    if (!unknown)
        return Status(Code::malformed, cat("metadata key 'tokenizer.ggml.unknown_token_id' is missing, expected the id "
                                           "of one of the ",
                                           vocab.size(), " tokens"));
    HEARTH_TRY(TokenTrie::check_lengths(vocab));
    PieceNormalizer normalizer;
    HEARTH_ASSIGN(const auto blob, read_charsmap(metadata));
    auto rules = Charsmap::parse(blob);
    if (!rules.ok()) return std::move(rules).status().in(cat("metadata key '", charsmap_key, "'"));
    normalizer.rules = *std::move(rules);
    normalizer.add_prefix = vocab.add_space_prefix;
    normalizer.missing_only = vocab.missing_space_only;
    HEARTH_ASSIGN(const auto any_space, metadata.get_bool("tokenizer.hearth.any_space"));
    normalizer.any_space = any_space.value_or(false);
    normalizer.remove_extra = vocab.remove_extra_whitespaces;
    return std::unique_ptr<Tokenizer>(std::make_unique<Ugm>(std::move(vocab), std::move(normalizer), *unknown, stop));
}

}  // namespace hearth::text
