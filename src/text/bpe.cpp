// Byte-pair encoding: over bytes spelled in GPT-2's alphabet (Radford et al., 2019; "gpt2"), or over characters with
// spaces as U+2581 ("gemma4") or as they are ("whitespace").
#include <array>
#include <memory>
#include <string>

#include "hearth/base/cat.hpp"
#include "hearth/base/stop.hpp"
#include "hearth/base/utf8.hpp"
#include "text/flat_map.hpp"
#include "text/merge.hpp"
#include "text/pre_tokenizer.hpp"
#include "text/string_table.hpp"
#include "text/tokenizer_base.hpp"
#include "text/unicode.hpp"
#include "text/word_cache.hpp"

namespace hearth::text {

namespace {

// Printable bytes spell themselves, the other 68 the code points from U+0100 on, in order.
struct ByteAlphabet {
    static constexpr std::size_t end = 256 + 68;
    std::array<std::uint16_t, 256> code_point{};
    std::array<std::int16_t, end> byte{};
    constexpr ByteAlphabet() {
        for (auto& b : byte) b = -1;
        std::uint16_t next = 256;
        for (std::uint16_t b = 0; b < 256; ++b) {
            const bool printable = (b >= 33 && b <= 126) || (b >= 161 && b <= 172) || b >= 174;
            code_point[b] = printable ? b : next++;
            byte[code_point[b]] = static_cast<std::int16_t>(b);
        }
    }
};
constexpr ByteAlphabet alphabet;

// Spellings with a character outside the alphabet stand for themselves, as in Hugging Face's byte-level decoder.
std::string bytes_of(std::string_view spelling) {
    if (utf8_valid_prefix(spelling) != spelling.size()) return std::string(spelling);
    std::string out;
    for (std::size_t i = 0; i < spelling.size();) {
        const std::uint32_t c = utf8_next(spelling, i);
        if (c >= ByteAlphabet::end || alphabet.byte[c] < 0) return std::string(spelling);
        out += static_cast<char>(alphabet.byte[c]);
    }
    return out;
}

std::string replace_all(std::string_view s, std::string_view from, std::string_view to) {
    std::string out;
    out.reserve(s.size());
    for (std::size_t i = 0; i < s.size();) {
        const std::size_t at = std::min(s.find(from, i), s.size());
        out.append(s, i, at - i);
        if (at < s.size()) out += to;
        i = at + from.size();
    }
    return out;
}

class Bpe final : public TokenizerBase {
public:
    Bpe(std::string_view model, Vocab v, PreTokenizer pre) : TokenizerBase(model, std::move(v)), pre_(std::move(pre)) {}

    Status prepare(const Metadata& metadata, const Stop* stop) {
        marks_ = pre_.has(escape_spaces);
        raw_ = marks_ || pre_.has(whole_characters);
        HEARTH_ASSIGN(const auto lowercase, metadata.get_bool("tokenizer.ggml.normalizer.lowercase"));
        lowercase_ = lowercase.value_or(false);
        for (std::size_t i = 0; i < vocab().size(); ++i) {
            stop_point(stop, i);
            const std::string_view spelling = vocab().text(static_cast<Token>(i));
            if (marks_)
                bytes_.append(replace_all(spelling, space_mark, " "));
            else
                bytes_.append(raw_ ? std::string(spelling) : bytes_of(spelling));
        }
        if (pre_.has(ignore_merges) && !raw_) bytes_.index([&](std::size_t i) { return plain(static_cast<Token>(i)); });
        for (std::size_t b = 0; b < 256; ++b) {
            std::string spelling;
            if (raw_)
                spelling = static_cast<char>(b);
            else
                utf8_append(spelling, alphabet.code_point[b]);
            const Token id = vocab().find(spelling);
            first_[b] = id >= 0 && plain(id) ? id : -1;
        }
        return load_merges(metadata, stop);
    }

private:
    bool plain(Token id) const {
        const TokenKind k = vocab().kind(id);
        return k != TokenKind::control && k != TokenKind::unknown && k != TokenKind::byte;
    }
    static std::uint64_t pair_key(Token left, Token right) {
        return std::uint64_t(static_cast<std::uint32_t>(left)) << 32 | static_cast<std::uint32_t>(right);
    }

    Status load_merges(const Metadata& metadata, const Stop* stop) {
        constexpr std::string_view key = "tokenizer.ggml.merges";
        HEARTH_ASSIGN(const auto* merges, metadata.get_strings(key));
        if (merges == nullptr)
            return {Code::malformed, cat("metadata key '", key, "' is missing, expected the merges of pairs")};
        if (merges->size() >= Merge::none)
            return {Code::malformed, cat("metadata key '", key, "' has too many entries")};
        merges_ = FlatMap<Merge>(merges->size());
        std::string joined;
        for (std::size_t i = 0; i < merges->size(); ++i) {
            stop_point(stop, i);
            const std::string& line = (*merges)[i];
            const auto wrong = [&](std::string_view what, std::string_view part) {
                return Status(Code::malformed,
                              cat("metadata key '", key, "' entry ", i, " is '", utf8_repair(line), "': ", what,
                                  part.empty() ? "" : " '", utf8_repair(part), part.empty() ? "" : "'"));
            };
            const std::size_t space = line.find(' ', 1);
            if (space == std::string::npos) return wrong("expected two tokens with a space between them", {});
            const std::string_view left = std::string_view(line).substr(0, space);
            const std::string_view right = std::string_view(line).substr(space + 1);
            joined.assign(left).append(right);
            const Token left_id = vocab().find(left);
            const Token right_id = vocab().find(right);
            const Token id = vocab().find(joined);
            if (left_id < 0) return wrong("the vocabulary has no token", left);
            if (right_id < 0) return wrong("the vocabulary has no token", right);
            if (id < 0) return wrong("the vocabulary has no token", joined);
            merges_.insert(pair_key(left_id, right_id), {static_cast<std::uint32_t>(i), id});
        }
        return {};
    }

    Status encode_text(std::string_view raw, bool at_start, std::vector<Token>& out) const override {
        std::string lower;
        if (lowercase_) {
            lower = unicode::encode(unicode::lower(unicode::decode(raw)));
            raw = lower;
        }
        std::string escaped;
        if (marks_) {
            const bool has_space = raw.front() == ' ' || raw.starts_with(space_mark);
            if (at_start && vocab().add_space_prefix && !(has_space && vocab().missing_space_only)) escaped = space_mark;
            escaped += replace_all(raw, " ", space_mark);
            raw = escaped;
        } else if (at_start && vocab().add_space_prefix && raw.front() != ' ') {
            escaped = cat(' ', raw);
            raw = escaped;
        }
        WordCache cache(raw);
        Merger merger;
        Splitter splitter(pre_);
        return splitter.split(raw, [&](std::string_view word) { return encode_word(word, cache, merger, out); });
    }

    Status encode_word(std::string_view word, WordCache& cache, Merger& merger, std::vector<Token>& out) const {
        if (word.size() == 1 && first_[static_cast<unsigned char>(word[0])] >= 0) {
            out.push_back(first_[static_cast<unsigned char>(word[0])]);
            return {};
        }
        if (cache.replay(word, out)) return {};
        const std::size_t before = out.size();
        const Token whole = whole_word(word);
        if (whole >= 0)
            out.push_back(whole);
        else
            HEARTH_TRY(merge_word(word, merger, out));
        cache.store(word, out, before);
        return {};
    }

    Token whole_word(std::string_view word) const {
        if (!raw_) return pre_.has(ignore_merges) ? bytes_.find(word) : -1;
        if (pre_.has(ignore_merges) ||
            (pre_.has(whole_newlines) && word.find_first_not_of('\n') == std::string_view::npos)) {
            const Token id = vocab().find(word);
            return id >= 0 && plain(id) ? id : -1;
        }
        return -1;
    }

    Status merge_word(std::string_view word, Merger& merger, std::vector<Token>& out) const {
        auto& symbols = merger.symbols;
        symbols.clear();
        for (std::size_t i = 0; i < word.size();) {
            const std::size_t here = i;
            Token id = first_[static_cast<unsigned char>(word[i])];
            if (raw_) {
                utf8_next(word, i);
                if (i - here > 1) {
                    id = vocab().find(word.substr(here, i - here));
                    if (id >= 0 && !plain(id)) id = -1;
                }
            } else {
                ++i;
            }
            if (id < 0 && vanishes(word.substr(here, i - here))) continue;
            symbols.push_back({static_cast<std::uint32_t>(here), static_cast<std::uint32_t>(i - here), id});
        }
        merger.run([&](const Symbol& left, const Symbol& right) -> Merge {
            const Merge* m = merges_.find(pair_key(left.id, right.id));
            return m == nullptr ? Merge{} : *m;
        });
        for (const Symbol& s : symbols) {
            if (s.id >= 0)
                out.push_back(s.id);
            else
                HEARTH_TRY(fall_back(word.substr(s.begin, s.length), out));
        }
        return {};
    }

    // A byte or character that is no token itself.
    Status fall_back(std::string_view symbol, std::vector<Token>& out) const {
        const std::size_t before = out.size();
        for (const char c : symbol) {
            const Token id = raw_ ? vocab().byte_token(static_cast<unsigned char>(c)) : -1;
            if (id >= 0) {
                out.push_back(id);
                continue;
            }
            out.resize(before);
            const auto unknown = vocab().special(SpecialToken::unknown);
            if (!unknown)
                return {Code::unsupported, cat("the vocabulary has no token for the byte ",
                                               int(static_cast<unsigned char>(c)), " and no unknown token")};
            out.push_back(*unknown);
            return {};
        }
        return {};
    }

    // A character that Hugging Face's whitespace splitting and BPE leave out: before merging, so that its neighbours
    // may merge.
    bool vanishes(std::string_view character) const {
        if (!pre_.has(whole_characters)) return false;
        for (const char c : character)
            if (vocab().byte_token(static_cast<unsigned char>(c)) >= 0) return false;
        std::size_t i = 0;
        return !vocab().special(SpecialToken::unknown) || unicode::is_whitespace(utf8_next(character, i));
    }

    void append_normal(Token id, std::string& out) const override { out += bytes_[static_cast<std::size_t>(id)]; }

    PreTokenizer pre_;
    bool raw_ = false;    // characters instead of bytes
    bool marks_ = false;  // with U+2581 for the space
    bool lowercase_ = false;
    std::array<Token, 256> first_{};  // the token of a byte (of an ASCII character when raw_), -1: none
    StringTable bytes_;               // what each token stands for in running text
    FlatMap<Merge> merges_;           // by the pair of ids
};

// The patterns of a tokenizer.json (formats/hf/tokenizer.hpp) where the metadata has them, else those of the name.
Result<PreTokenizer> make_pre_tokenizer(const Metadata& metadata, std::string_view model, std::string_view name) {
    HEARTH_ASSIGN(const auto* patterns, metadata.get_strings("tokenizer.hearth.patterns"));
    if (patterns == nullptr) return PreTokenizer::make(name);
    unsigned flags = model == "gemma4" ? unsigned{escape_spaces} : 0U;
    HEARTH_ASSIGN(const auto whole_words, metadata.get_bool("tokenizer.hearth.ignore_merges"));
    if (whole_words.value_or(false)) flags |= ignore_merges;
    auto pre = PreTokenizer::make("tokenizer.json", {patterns->begin(), patterns->end()}, flags | no_bos);
    if (!pre.ok())
        return Status(Code::unsupported, cat("metadata key 'tokenizer.hearth.patterns': ", pre.status().message()));
    if (pre->may_match_nothing())
        return Status(Code::unsupported, "metadata key 'tokenizer.hearth.patterns': a pattern may match nothing, and to split between "
                                         "characters is not supported");
    return pre;
}

Result<std::unique_ptr<Tokenizer>> make_bpe_named(const Metadata& metadata, std::string_view model,
                                                  std::string_view pre_name, const Stop* stop) {
    HEARTH_ASSIGN(auto pre, make_pre_tokenizer(metadata, model, pre_name));
    VocabDefaults defaults;
    // Falcon's <|endoftext|>, whose first files had no keys; an ordinary token in most other vocabularies.
    defaults.eos = 11;
    if (!pre.has(no_bos)) defaults.bos = 11;
    defaults.only_control = true;
    defaults.add_bos = pre.has(add_bos);
    defaults.add_separator = pre.has(add_separator);
    HEARTH_ASSIGN(auto vocab, Vocab::load(metadata, defaults, stop));
    auto bpe = std::make_unique<Bpe>(model, std::move(vocab), std::move(pre));
    HEARTH_TRY(bpe->prepare(metadata, stop));
    return std::unique_ptr<Tokenizer>(std::move(bpe));
}

}  // namespace

Result<std::unique_ptr<Tokenizer>> make_bpe(const Metadata& metadata, const Stop* stop) {
    HEARTH_ASSIGN(const auto pre, metadata.get_string("tokenizer.ggml.pre"));
    return make_bpe_named(metadata, "gpt2", pre.value_or("default"), stop);
}

Result<std::unique_ptr<Tokenizer>> make_gemma4(const Metadata& metadata, const Stop* stop) {
    return make_bpe_named(metadata, "gemma4", "gemma4", stop);
}

}  // namespace hearth::text
