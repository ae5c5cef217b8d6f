// SentencePiece BPE ("llama"): Kudo and Richardson, "SentencePiece" (2018). Spaces become U+2581, characters merge by
// score, what is no token falls back to byte tokens.
#include <algorithm>
#include <bit>
#include <cmath>

#include "hearth/base/cat.hpp"
#include "hearth/base/stop.hpp"
#include "hearth/base/utf8.hpp"
#include "text/flat_map.hpp"
#include "text/merge.hpp"
#include "text/tokenizer_base.hpp"
#include "text/word_cache.hpp"

namespace hearth::text {

namespace {

// Higher scores give lower ranks; never Merge::none, because scores are finite.
std::uint32_t rank_of_score(float score) {
    const std::uint32_t bits = std::bit_cast<std::uint32_t>(score + 0.0f);  // -0 becomes 0
    return bits & 0x80000000u ? bits : 0x7fffffffu - bits;
}

class Spm final : public TokenizerBase {
public:
    Spm(Vocab v, const Stop* stop) : TokenizerBase("llama", std::move(v)) {
        for (std::size_t i = 0; i < vocab().size(); ++i) {
            stop_point(stop, i);
            const auto id = static_cast<Token>(i);
            if (!mergeable(id)) continue;
            const std::string_view spelling = vocab().text(id);
            if (utf8_valid_prefix(spelling) != spelling.size()) continue;
            longest_ = std::max(longest_, spelling.size());
            std::uint32_t last = 0;
            for (std::size_t k = 0; k < spelling.size();) {
                const std::size_t begin = k;
                const std::uint32_t c = utf8_next(spelling, k);
                if (begin > 0) pairs_.insert(pair_key(last, c), true);
                last = c;
            }
        }
    }

private:
    static std::uint64_t pair_key(std::uint32_t a, std::uint32_t b) { return std::uint64_t(a) << 32 | b; }
    // Plain text never turns into control tokens.
    bool mergeable(Token id) const {
        const TokenKind k = vocab().kind(id);
        return k == TokenKind::normal || k == TokenKind::user_defined || k == TokenKind::unused ||
               k == TokenKind::undefined;
    }

    std::string escape(std::string_view text, bool at_start) const {
        std::string out;
        out.reserve(text.size() + text.size() / 3 + 8);
        std::size_t i = 0;
        if (vocab().remove_extra_whitespaces) {
            if (at_start) i = std::min(text.find_first_not_of(' '), text.size());
            while (text.size() > i && text.back() == ' ') text.remove_suffix(1);
            if (i == text.size()) return out;
        }
        if (at_start && vocab().add_space_prefix) out += space_mark;
        for (; i < text.size(); ++i) {
            if (text[i] != ' ')
                out += text[i];
            else if (!vocab().remove_extra_whitespaces || i == 0 || text[i - 1] != ' ')
                out += space_mark;
        }
        return out;
    }

    // Two characters that stand side by side in no token are never merged, nor is anything across them: the text falls
    // into words there, which is exact and makes the merges local.
    Status encode_text(std::string_view raw, bool at_start, std::vector<Token>& out) const override {
        const std::string text = escape(raw, at_start);
        WordCache cache(text);
        Merger merger;
        const std::size_t first = out.size();
        std::size_t begin = 0;
        std::uint32_t last = 0;
        for (std::size_t i = 0; i < text.size();) {
            const std::size_t here = i;
            const std::uint32_t c = utf8_next(text, i);
            if (here > begin && pairs_.find(pair_key(last, c)) == nullptr) {
                HEARTH_TRY(encode_word(std::string_view(text).substr(begin, here - begin), cache, merger, out));
                begin = here;
            }
            last = c;
        }
        if (begin < text.size()) HEARTH_TRY(encode_word(std::string_view(text).substr(begin), cache, merger, out));
        // Neighbouring characters that are unknown share one token.
        if (const auto unknown = vocab().special(SpecialToken::unknown)) {
            const auto same = [&](Token a, Token b) { return a == *unknown && b == *unknown; };
            out.erase(std::unique(out.begin() + std::ptrdiff_t(first), out.end(), same), out.end());
        }
        return {};
    }

    Status encode_word(std::string_view word, WordCache& cache, Merger& merger, std::vector<Token>& out) const {
        if (cache.replay(word, out)) return {};
        const std::size_t first = out.size();
        auto& symbols = merger.symbols;
        symbols.clear();
        for (std::size_t i = 0; i < word.size();) {
            const std::size_t here = i;
            utf8_next(word, i);
            symbols.push_back({static_cast<std::uint32_t>(here), static_cast<std::uint32_t>(i - here), -1});
        }
        merger.run([&](const Symbol& left, const Symbol& right) -> Merge {
            const std::size_t length = left.length + right.length;
            if (length > longest_) return {};
            const Token id = vocab().find(word.substr(left.begin, length));
            if (id < 0 || !mergeable(id)) return {};
            return {rank_of_score(vocab().score(id)), id};
        });
        for (const Symbol& s : symbols) {
            const std::string_view spelling = word.substr(s.begin, s.length);
            const Token id = s.id >= 0 ? s.id : vocab().find(spelling);
            if (id >= 0 && mergeable(id))
                out.push_back(id);
            else
                HEARTH_TRY(fall_back(spelling, out));
        }
        cache.store(word, out, first);
        return {};
    }

    Status fall_back(std::string_view spelling, std::vector<Token>& out) const {
        const std::size_t before = out.size();
        for (const char c : spelling) {
            const Token id = vocab().byte_token(static_cast<unsigned char>(c));
            if (id >= 0) {
                out.push_back(id);
                continue;
            }
            out.resize(before);
            const auto unknown = vocab().special(SpecialToken::unknown);
            if (!unknown)
                return {Code::unsupported,
                        cat("the vocabulary has no token for '", spelling, "', no byte tokens and no unknown token")};
            out.push_back(*unknown);
            break;
        }
        return {};
    }

    void append_normal(Token id, std::string& out) const override { append_with_spaces(vocab().text(id), out); }

    std::size_t longest_ = 0;  // bytes of the longest token that merging can give
    FlatMap<bool> pairs_;      // characters that follow each other in some token
};

}  // namespace

Result<std::unique_ptr<Tokenizer>> make_spm(const Metadata& metadata, const Stop* stop) {
    VocabDefaults defaults;
    defaults.bos = 1;
    defaults.eos = 2;
    defaults.unknown = 0;
    defaults.add_bos = true;
    defaults.add_space_prefix = true;
    defaults.need_scores = true;
    HEARTH_ASSIGN(auto vocab, Vocab::load(metadata, defaults, stop));
    return std::unique_ptr<Tokenizer>(std::make_unique<Spm>(std::move(vocab), stop));
}

}  // namespace hearth::text
