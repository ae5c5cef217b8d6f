#include "formats/hf/splits.hpp"

#include "formats/hf/patterns.hpp"
#include "formats/quote.hpp"
#include "hearth/base/cat.hpp"

namespace hearth::formats {

namespace {

constexpr std::string_view space_mark = "\xe2\x96\x81";
constexpr std::string_view gpt2_pattern =
    "'s|'t|'re|'ve|'m|'ll|'d| ?\\p{L}+| ?\\p{N}+| ?[^\\s\\p{L}\\p{N}]+|\\s+(?!\\S)|\\s+";

template <class... Parts>
Status unsupported(const Parts&... parts) {
    return {Code::unsupported, cat("tokenizer.json: ", parts..., ", which is not supported")};
}

std::string escaped(std::string_view literal) {
    std::string out;
    for (const char c : literal) {
        const bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == ' ' || (c & 0x80) != 0;
        if (!plain) out += '\\';
        out += c;
    }
    return out;
}

Status add_pattern(std::string pattern, Splits& out) {
    // There ^ and $ mean the lines.
    if (pattern.find_first_of("^$") != std::string::npos) pattern.insert(0, "(?m)");
    out.patterns.push_back(std::move(pattern));
    return {};
}

Status split(JsonValue p, Splits& out) {
    const JsonValue regex = p["pattern"]["Regex"], literal = p["pattern"]["String"], behavior = p["behavior"];
    const bool invert = p["invert"].boolean().value_or(false);
    if (!regex.is_string() && (!literal.is_string() || literal.text().empty())) return unsupported("a Split has neither a 'Regex' nor a 'String'");
    std::string pattern = regex.is_string() ? "" : escaped(literal.text());
    if (regex.is_string()) {
        HEARTH_ASSIGN(pattern, pcre_pattern(regex.text()));
    }
    // What lies between matches becomes pieces of their own; where matches cover any text there is nothing between, and
    // to keep the matches and remove the rest is the same.
    if (behavior.is("Isolated") && !invert) return add_pattern(pattern, out);
    if (behavior.is("Removed") && invert && regex.text().ends_with("|\\s+")) return add_pattern(pattern, out);
    if (literal.is_string() && !invert) {
        // After U+2581 took the place of every space there is none to split at.
        if (literal.is(" ") && out.marks) return {};
        const std::string other = cat("(?:(?!", pattern, ").)");
        if (behavior.is("MergedWithPrevious")) return add_pattern(cat("(?s)", other, "*", pattern, "|", other, "+"), out);
        if (behavior.is("MergedWithNext")) return add_pattern(cat("(?s)", pattern, other, "*|", other, "+"), out);
    }
    return unsupported("a Split has the behavior ", quote(behavior.text()), invert ? " inverted" : "");
}

Status metaspace(JsonValue p, Splits& out) {
    if (p["replacement"].given() && !p["replacement"].is(space_mark))
        return unsupported("a Metaspace has the replacement ", quote(p["replacement"].text()));
    out.marks = true;
    const JsonValue scheme = p["prepend_scheme"];
    if (scheme.is("first"))
        out.prefix = "first";
    else if (scheme.is("always") || (!scheme.given() && p["add_prefix_space"].boolean().value_or(true)))
        out.prefix = "missing";
    else if (scheme.given() && !scheme.is("never"))
        return unsupported("a Metaspace has the prepend_scheme ", quote(scheme.text()));
    if (p["split"].boolean().value_or(true)) out.patterns.push_back(cat(space_mark, "[^", space_mark, "]*|[^", space_mark, "]+"));
    return {};
}

}  // namespace

Status read_normalizer(JsonValue n, Splits& out) {
    if (!n.given()) return {};
    const JsonValue type = n["type"];
    if (type.is("Sequence")) {
        for (const JsonValue inner : n["normalizers"]) HEARTH_TRY(read_normalizer(inner, out));
        return {};
    }
    for (const auto& [name, form] : {std::pair("NFC", "nfc"), std::pair("NFD", "nfd"), std::pair("NFKC", "nfkc"), std::pair("NFKD", "nfkd")}) {
        if (!type.is(name)) continue;
        if (!out.normal_form.empty() || out.marks || !out.prefix.empty()) return unsupported("a second normalizer of the type ", name);
        out.normal_form = form;
        return {};
    }
    if (type.is("Prepend") && n["prepend"].is(space_mark) && !out.marks) {
        out.prefix = "always";
        return {};
    }
    if (type.is("Replace") && n["pattern"]["String"].is(" ") && n["content"].is(space_mark)) {
        out.marks = true;
        return {};
    }
    return unsupported("a normalizer is of the type ", quote(type.text()), type.is("Prepend") || type.is("Replace") ? " with other text than spaces and U+2581" : "");
}

Status read_pre_tokenizer(JsonValue p, Splits& out) {
    if (!p.given()) return {};
    const JsonValue type = p["type"];
    if (type.is("Sequence")) {
        for (const JsonValue inner : p["pretokenizers"]) HEARTH_TRY(read_pre_tokenizer(inner, out));
        return {};
    }
    if (out.bytes) return unsupported("a pre-tokenizer follows ByteLevel");
    if (type.is("ByteLevel")) {
        out.bytes = true;
        if (p["add_prefix_space"].boolean().value_or(true)) {
            if (!out.patterns.empty()) return unsupported("ByteLevel adds a space to pieces of the text");
            out.prefix = "missing";
        }
        if (p["use_regex"].boolean().value_or(true)) out.patterns.emplace_back(gpt2_pattern);
        return {};
    }
    if (type.is("Split")) return split(p, out);
    if (type.is("Digits")) {
        out.patterns.emplace_back(p["individual_digits"].boolean().value_or(false) ? "\\p{N}" : "\\p{N}+");
        return {};
    }
    if (type.is("Metaspace")) return metaspace(p, out);
    return unsupported("a pre-tokenizer is of the type ", quote(type.text()));
}

}  // namespace hearth::formats
