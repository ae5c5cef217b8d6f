// Normalizers and pre-tokenizers of WordPiece and unigram tokenizers.
#include "formats/hf/splits.hpp"
#include "formats/quote.hpp"
#include "hearth/base/cat.hpp"

namespace hearth::formats {

namespace {

constexpr std::string_view space_mark = "\xe2\x96\x81";

template <class... Parts>
Status unsupported(const Parts&... parts) {
    return {Code::unsupported, cat("tokenizer.json: ", parts..., ", which is not supported")};
}

// RFC 4648 with padding; false: it is not that.
bool decode_base64(std::string_view text, std::vector<std::uint64_t>& out) {
    if (text.size() % 4 != 0) return false;
    while (text.ends_with('=')) text.remove_suffix(1);
    std::uint32_t bits = 0;
    int count = 0;
    for (const char c : text) {
        const std::uint32_t value = c >= 'A' && c <= 'Z'   ? static_cast<std::uint32_t>(c - 'A')
                                    : c >= 'a' && c <= 'z' ? static_cast<std::uint32_t>(c - 'a' + 26)
                                    : c >= '0' && c <= '9' ? static_cast<std::uint32_t>(c - '0' + 52)
                                    : c == '+'             ? 62
                                    : c == '/'             ? 63
                                                           : 64;
        if (value == 64) return false;
        bits = bits << 6 | value;
        count += 6;
        if (count < 8) continue;
        count -= 8;
        out.push_back(bits >> count & 0xff);
    }
    return true;
}

// How a normalizer treats spaces, beside its rules.
struct Spaces {
    bool strip_right = false, collapse = false;
};

Status unigram_normalizer(JsonValue n, UnigramSteps& out, Spaces& spaces) {
    if (!n.given()) return {};
    const JsonValue type = n["type"];
    if (type.is("Sequence")) {
        for (const JsonValue inner : n["normalizers"]) HEARTH_TRY(unigram_normalizer(inner, out, spaces));
        return {};
    }
    if (type.is("Precompiled")) {
        if (!out.charsmap.empty() || spaces.strip_right || spaces.collapse) return unsupported("a Precompiled normalizer follows others");
        if (!decode_base64(n["precompiled_charsmap"].text(), out.charsmap))
            return {Code::malformed, "tokenizer.json: 'precompiled_charsmap' is not base64"};
        return {};
    }
    for (const auto& [name, form] : {std::pair("NFC", "nfc"), std::pair("NFD", "nfd"), std::pair("NFKC", "nfkc"), std::pair("NFKD", "nfkd")}) {
        if (!type.is(name)) continue;
        if (!out.normal_form.empty() || !out.charsmap.empty() || spaces.strip_right || spaces.collapse) return unsupported("a normalizer of the type ", name, " follows others");
        out.normal_form = form;
        return {};
    }
    if (type.is("Strip")) {
        spaces.strip_right = spaces.strip_right || n["strip_right"].boolean().value_or(false);
        return {};
    }
    const JsonValue pattern = n["pattern"], content = n["content"];
    if (type.is("Replace") && (pattern["Regex"].is(" {2,}") || pattern["String"].is("  ")) && (content.is(" ") || content.is(space_mark)) && !pattern["String"].given()) {
        spaces.collapse = true;
        return {};
    }
    return unsupported("a normalizer is of the type ", quote(type.text()), type.is("Replace") ? " with other text than runs of spaces" : "");
}

Status unigram_pre_tokenizer(JsonValue p, UnigramSteps& out, bool& at_spaces) {
    const JsonValue type = p["type"];
    if (type.is("Sequence")) {
        for (const JsonValue inner : p["pretokenizers"]) HEARTH_TRY(unigram_pre_tokenizer(inner, out, at_spaces));
        return {};
    }
    if (type.is("WhitespaceSplit") && !out.words) {
        at_spaces = true;
        return {};
    }
    if (!type.is("Metaspace")) return unsupported("a pre-tokenizer is of the type ", quote(type.text()));
    if (p["replacement"].given() && !p["replacement"].is(space_mark))
        return unsupported("a Metaspace has the replacement ", quote(p["replacement"].text()));
    const JsonValue scheme = p["prepend_scheme"];
    const bool always = scheme.is("always") || (!scheme.given() && p["add_prefix_space"].boolean().value_or(true));
    if (!always && !scheme.is("never")) return unsupported("a Metaspace has the prepend_scheme ", quote(scheme.text()));
    out.prefix = always;
    out.missing_only = always;
    out.words = p["split"].boolean().value_or(true);
    return {};
}

}  // namespace

Status read_bert_steps(JsonValue normalizer, JsonValue pre_tokenizer, BertSteps& out) {
    if (!normalizer["type"].is("BertNormalizer"))
        return unsupported("WordPiece has a normalizer of the type ", quote(normalizer["type"].text()), " instead of BertNormalizer");
    if (!pre_tokenizer["type"].is("BertPreTokenizer"))
        return unsupported("WordPiece has a pre-tokenizer of the type ", quote(pre_tokenizer["type"].text()), " instead of BertPreTokenizer");
    for (const char* flag : {"clean_text", "handle_chinese_chars"})
        if (!normalizer[flag].boolean().value_or(true)) return unsupported("BertNormalizer has '", flag, "' off");
    out.lowercase = normalizer["lowercase"].boolean().value_or(true);
    out.strip_accents = normalizer["strip_accents"].boolean().value_or(out.lowercase);
    return {};
}

Status read_unigram_steps(JsonValue normalizer, JsonValue pre_tokenizer, UnigramSteps& out) {
    Spaces spaces;
    bool at_spaces = false;
    HEARTH_TRY(unigram_normalizer(normalizer, out, spaces));
    HEARTH_TRY(unigram_pre_tokenizer(pre_tokenizer, out, at_spaces));
    // Words that stand alone with a mark each, or runs that became one mark with none at the end: the same.
    out.any_space = at_spaces;
    out.remove_extra = (at_spaces || (spaces.collapse && spaces.strip_right)) && out.words && out.prefix;
    if (!out.remove_extra && (at_spaces || spaces.collapse || spaces.strip_right))
        return unsupported("a unigram model's white space is treated in a way of its own");
    return {};
}

}  // namespace hearth::formats
