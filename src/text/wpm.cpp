// WordPiece as BERT uses it ("bert"): Devlin et al., "BERT" (2018); words are split greedily, longest piece first.
#include <algorithm>
#include <string>
#include <utility>

#include "hearth/base/cat.hpp"
#include "hearth/base/stop.hpp"
#include "hearth/base/utf8.hpp"
#include "text/token_trie.hpp"
#include "text/tokenizer_base.hpp"
#include "text/unicode.hpp"

namespace hearth::text {

namespace {

constexpr const char* cls_key = "tokenizer.ggml.cls_token_id";

struct Normalisation {
    bool lowercase = true;
    bool strip_accents = true;
    std::size_t longest_word = SIZE_MAX;  // characters; longer ones are unknown
};

class Wpm final : public TokenizerBase {
public:
    Wpm(Vocab v, Normalisation normalisation, Token unknown, const Stop* stop)
        : TokenizerBase("bert", std::move(v)), normalisation_(normalisation), unknown_(unknown) {
        std::vector<TokenTrie::Entry> begins, continuations;
        for (std::size_t i = 0; i < vocab().size(); ++i) {
            stop_point(stop, i);
            const auto id = static_cast<Token>(i);
            std::string_view spelling = vocab().text(id);
            const TokenKind kind = vocab().kind(id);
            // Plain text never turns into control tokens.
            if (kind == TokenKind::control || kind == TokenKind::unknown || spelling.empty()) continue;
            // U+2581 alone can only be the letter itself, as a continuation.
            if (spelling.starts_with(space_mark) && spelling.size() > space_mark.size()) {
                spelling.remove_prefix(space_mark.size());
                begins.push_back({spelling, id});
            } else {
                continuations.push_back({spelling, id});
            }
        }
        begins_ = TokenTrie(std::move(begins));
        continuations_ = TokenTrie(std::move(continuations));
    }

private:
    // The order of the steps is BERT's: each may change what the next one sees.
    std::u32string normalise(std::string_view raw) const {
        std::u32string text;
        text.reserve(raw.size());
        for (std::size_t i = 0; i < raw.size();) {
            const auto c = static_cast<char32_t>(utf8_next(raw, i));
            if (c == '\t' || c == '\n' || c == '\r') {
                text += U' ';
            } else if (c == 0 || c == 0xfffd || unicode::is_control(c)) {
                continue;
            } else if (unicode::is_whitespace(c)) {
                text += U' ';
            } else if (unicode::is_cjk(c)) {
                text += U' ';
                text += c;
                text += U' ';
            } else {
                text += c;
            }
        }
        if (normalisation_.strip_accents) text = unicode::strip_marks(unicode::nfd(text));
        if (normalisation_.lowercase) text = unicode::lower(text);
        return text;
    }

    static bool stands_alone(char32_t c) {
        if (c < 0x80) return c > ' ' && !(c >= '0' && c <= '9') && !(c >= 'A' && c <= 'Z') && !(c >= 'a' && c <= 'z');
        return unicode::is_punctuation(c);
    }

    Status encode_text(std::string_view raw, bool /*at_start*/, std::vector<Token>& out) const override {
        std::string word;
        std::size_t characters = 0;
        const auto finish = [&] {
            if (characters > normalisation_.longest_word)
                out.push_back(unknown_);
            else if (!word.empty())
                encode_word(word, out);
            word.clear();
            characters = 0;
        };
        for (const char32_t c : normalise(raw)) {
            if (c == ' ') {
                finish();
                continue;
            }
            const bool alone = stands_alone(c);
            if (alone) finish();
            utf8_append(word, c);
            ++characters;
            if (alone) finish();
        }
        finish();
        return {};
    }

    // Words have no limit of length unless a key of folders says so: Hugging Face's implementation makes those over 100
    // characters unknown and the original over 200, but GGUF has no key for it and a piece says more than an unknown
    // token. The time is bounded by the longest token instead.
    void encode_word(std::string_view word, std::vector<Token>& out) const {
        const std::size_t first = out.size();
        const TokenTrie* trie = &begins_;
        for (std::size_t begin = 0; begin < word.size();) {
            std::size_t end = begin;
            Token best = -1;
            std::uint32_t node = TokenTrie::root;
            for (std::size_t i = begin; i < word.size(); ++i) {
                node = trie->step(node, static_cast<unsigned char>(word[i]));
                if (node == TokenTrie::none) break;
                if (const Token id = trie->token(node); id >= 0) {
                    best = id;
                    end = i + 1;
                }
            }
            if (best < 0) {  // one part that is no token makes the whole word unknown
                out.resize(first);
                out.push_back(unknown_);
                return;
            }
            out.push_back(best);
            begin = end;
            trie = &continuations_;
        }
    }

    void append_normal(Token id, std::string& out) const override {
        std::string_view spelling = vocab().text(id);
        if (spelling.starts_with(space_mark) && spelling.size() > space_mark.size()) {
            out += ' ';
            spelling.remove_prefix(space_mark.size());
        }
        out += spelling;
    }

    Normalisation normalisation_;
    Token unknown_;
    TokenTrie begins_;         // words and their first pieces, without the mark
    TokenTrie continuations_;  // what may follow within a word
};

Status missing(const char* key, const char* what, std::size_t tokens) {
    return {Code::malformed, cat("metadata key '", key, "' is missing, expected the id of the ", what,
                                 " token, one of the ", tokens, " tokens")};
}

}  // namespace

Result<std::unique_ptr<Tokenizer>> make_wpm(const Metadata& metadata, const Stop* stop) {
    // BERT's CLS stands in the place of BOS; files name it by either key.
    HEARTH_ASSIGN(const auto cls, metadata.get_int(cls_key));
    if (cls && !std::in_range<Token>(*cls))
        return Status(Code::malformed, cat("metadata key '", cls_key, "' is ", *cls, ", expected the id of a token"));
    VocabDefaults defaults;
    defaults.bos = static_cast<Token>(cls.value_or(101));
    defaults.separator = 102;
    defaults.unknown = 100;
    defaults.padding = 0;
    defaults.mask = 103;
    defaults.add_bos = true;
    defaults.add_separator = true;
    HEARTH_ASSIGN(auto vocab, Vocab::load(metadata, defaults, stop));
    HEARTH_TRY(TokenTrie::check_lengths(vocab));
    if (cls && !vocab.contains(static_cast<Token>(*cls)))
        return Status(Code::malformed, cat("metadata key '", cls_key, "' is ", *cls, ", expected the id of one of the ",
                                           vocab.size(), " tokens"));
    const auto begin = vocab.special(SpecialToken::bos);
    const auto separator = vocab.special(SpecialToken::separator);
    const auto unknown = vocab.special(SpecialToken::unknown);
    const bool told = metadata.find("tokenizer.hearth.prefix_ids") != nullptr;  // what stands around a text
    if (!begin && !told) return missing(cls_key, "CLS", vocab.size());
    if (!separator && !told) return missing("tokenizer.ggml.seperator_token_id", "SEP", vocab.size());
    if (!unknown) return missing("tokenizer.ggml.unknown_token_id", "unknown", vocab.size());
    // Every text stands between CLS and SEP, whatever the add_*_token keys say.
    if (!told) {
        vocab.add_bos = true;
        vocab.prefix = {*begin};
        vocab.suffix = {*separator};
    }
    vocab.add_space_prefix = true;  // decoding drops the space of the first word

    Normalisation normalisation;
    HEARTH_ASSIGN(const auto lowercase, metadata.get_bool("tokenizer.ggml.normalizer.lowercase"));
    HEARTH_ASSIGN(const auto strip, metadata.get_bool("tokenizer.ggml.normalizer.strip_accents"));
    HEARTH_ASSIGN(const auto longest, metadata.get_uint("tokenizer.hearth.longest_word"));
    if (longest) normalisation.longest_word = static_cast<std::size_t>(*longest);
    normalisation.lowercase = lowercase.value_or(true);
    normalisation.strip_accents =
        strip.value_or(normalisation.lowercase);  // BERT: unless said, uncased means unaccented
    return std::unique_ptr<Tokenizer>(std::make_unique<Wpm>(std::move(vocab), normalisation, *unknown, stop));
}

}  // namespace hearth::text
