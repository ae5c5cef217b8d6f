#include "text/tokenizer_base.hpp"

#include "hearth/base/cat.hpp"
#include "hearth/base/utf8.hpp"

namespace hearth::text {

namespace {

// Keeps offsets within 32 bits, with room for what the models insert.
constexpr std::size_t longest_text = std::size_t(1) << 30;

// The white space that tokens with strip flags absorb: that of the C locale, or of Unicode.
bool is_space(char32_t c, bool any) { return c == ' ' || (c >= '\t' && c <= '\r') || (any && unicode::is_whitespace(c)); }

// Where white space ends that begins at `at`, and where that begins which ends there, down to `least`.
std::size_t space_end(std::string_view text, std::size_t at, bool any) {
    for (std::size_t next = at; next < text.size(); at = next)
        if (!is_space(static_cast<char32_t>(utf8_next(text, next)), any)) break;
    return at;
}
std::size_t space_begin(std::string_view text, std::size_t at, std::size_t least, bool any) {
    while (at > least) {
        std::size_t begin = at - 1;
        while (begin > least && (static_cast<unsigned char>(text[begin]) & 0xc0) == 0x80) --begin;
        std::size_t next = begin;
        if (!is_space(static_cast<char32_t>(utf8_next(text, next)), any)) break;
        at = begin;
    }
    return at;
}

}  // namespace

TokenizerBase::TokenizerBase(std::string_view model, Vocab vocab)
    : model_(model), vocab_(std::move(vocab)), user_defined_(vocab_, false), all_special_(vocab_, true) {}

Result<std::vector<Token>> TokenizerBase::encode(std::string_view text, EncodeOptions options) const {
    if (text.size() > longest_text)
        return Status(Code::out_of_range, cat("the text has ", text.size(), " bytes, expected at most ", longest_text));
    if (const std::size_t good = utf8_valid_prefix(text); good != text.size())
        return Status(Code::invalid_utf8, cat("the text is not UTF-8 at byte ", good, " of ", text.size()));
    std::vector<Token> out;
    out.reserve(text.size() / 3 + 8);
    if (options.add_special) out.insert(out.end(), vocab_.prefix.begin(), vocab_.prefix.end());

    bool at_start = true;
    std::size_t begin = 0;
    const auto encode_until = [&](std::size_t end) -> Status {
        if (begin >= end) return {};
        std::string_view part = text.substr(begin, end - begin);
        std::string normal;
        if (vocab_.normal_form && !unicode::is_ascii(part)) {
            normal = unicode::encode(unicode::normalize(unicode::decode(part), *vocab_.normal_form));
            part = normal;
        }
        HEARTH_TRY(encode_text(part, at_start && (begin == 0 || !vocab_.first_space_only), out));
        at_start = false;
        return {};
    };
    for (const auto& match : (options.parse_special ? all_special_ : user_defined_).find(text, options.plain)) {
        const bool left = vocab_.strips_left(match.id);
        HEARTH_TRY(encode_until(left ? space_begin(text, match.begin, begin, vocab_.strips_any_space) : match.begin));
        out.push_back(match.id);
        at_start = true;
        begin = vocab_.strips_right(match.id) ? space_end(text, match.end, vocab_.strips_any_space) : match.end;
    }
    HEARTH_TRY(encode_until(text.size()));
    if (options.add_special) out.insert(out.end(), vocab_.suffix.begin(), vocab_.suffix.end());
    return out;
}

void TokenizerBase::append_piece(Token id, bool special, std::string& out) const {
    if (!vocab_.contains(id)) return;
    switch (vocab_.kind(id)) {
        case TokenKind::normal:
        case TokenKind::undefined:
            append_normal(id, out);
            break;
        case TokenKind::byte:
            if (const int value = vocab_.byte_value(id); value >= 0)
                out += static_cast<char>(value);
            else
                append_normal(id, out);
            break;
        case TokenKind::user_defined:
            out += vocab_.text(id);
            break;
        case TokenKind::control:
        case TokenKind::unknown:
        case TokenKind::unused:
            if (special) out += vocab_.text(id);
            break;
    }
}

std::string TokenizerBase::piece(Token id, bool special) const {
    std::string out;
    append_piece(id, special, out);
    return out;
}

std::string TokenizerBase::decode(std::span<const Token> ids, bool special) const {
    std::string out;
    bool strip = vocab_.add_space_prefix;
    for (const Token id : ids) {
        const std::size_t before = out.size();
        append_piece(id, special, out);
        if (!strip || kind(id) == TokenKind::control) continue;
        if (kind(id) != TokenKind::user_defined && out.size() > before && out[before] == ' ') out.erase(before, 1);
        strip = false;
    }
    return utf8_repair(out);
}

std::optional<Token> TokenizerBase::find(std::string_view text) const {
    const Token id = vocab_.find(text);
    return id < 0 ? std::nullopt : std::optional<Token>(id);
}

}  // namespace hearth::text
