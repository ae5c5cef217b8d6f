#include "text/grammar/json_strings.hpp"

#include <algorithm>
#include <vector>

#include "hearth/base/cat.hpp"
#include "hearth/base/utf8.hpp"
#include "text/grammar/json_document.hpp"

namespace hearth::text::grammar {

namespace {

// RFC 8259, section 7: what may stand unescaped.
CodeSet unescaped() { return difference(any_code(), {{0, 0x1f}, {'"', '"'}, {'\\', '\\'}}); }

Expr one_of(Ir& ir, std::string_view chars) {
    CodeSet set;
    for (const char c : chars) set.push_back({static_cast<std::uint32_t>(c), static_cast<std::uint32_t>(c)});
    return ir.set(normalized(std::move(set)));
}

#define HEARTH_LABEL "[A-Za-z0-9](?:[A-Za-z0-9-]{0,59}[A-Za-z0-9])?"
#define HEARTH_HOST HEARTH_LABEL "(?:\\." HEARTH_LABEL "){0,3}"
#define HEARTH_OCTET "(?:25[0-5]|2[0-4]\\d|1\\d\\d|[1-9]?\\d)"
#define HEARTH_GROUP "[0-9a-fA-F]{1,4}"
// Without leap days and leap seconds, years of four digits.
#define HEARTH_DATE                                               \
    "[1-9]\\d{3}-(?:(?:0[13578]|1[02])-(?:0[1-9]|[12]\\d|3[01])|" \
    "(?:0[469]|11)-(?:0[1-9]|[12]\\d|30)|02-(?:0[1-9]|1\\d|2[0-8]))"
#define HEARTH_TIME "(?:[01]\\d|2[0-3]):[0-5]\\d:[0-5]\\d(?:\\.\\d{1,6})?(?:Z|[+-](?:[01]\\d|2[0-3]):[0-5]\\d)"

struct Format {
    std::string_view name, pattern;
};
constexpr Format kFormats[] = {
    {"date", HEARTH_DATE},
    {"time", HEARTH_TIME},
    {"date-time", HEARTH_DATE "T" HEARTH_TIME},
    {"uuid", "[0-9a-fA-F]{8}-(?:[0-9a-fA-F]{4}-){3}[0-9a-fA-F]{12}"},
    {"email", "[A-Za-z0-9_+-]{1,20}(?:\\.[A-Za-z0-9_+-]{1,20}){0,2}@" HEARTH_LABEL "(?:\\." HEARTH_LABEL "){1,2}"},
    {"hostname", HEARTH_HOST},
    {"ipv4", HEARTH_OCTET "(?:\\." HEARTH_OCTET "){3}"},
    // RFC 4291, section 2.2: whole, or with `::` in place of at least one group.
    {"ipv6",
     "(?:" HEARTH_GROUP ":){7}" HEARTH_GROUP "|(?:" HEARTH_GROUP ":){1,7}:|(?:" HEARTH_GROUP ":){1,6}:" HEARTH_GROUP
     "|(?:" HEARTH_GROUP ":){1,5}(?::" HEARTH_GROUP "){1,2}|(?:" HEARTH_GROUP ":){1,4}(?::" HEARTH_GROUP
     "){1,3}|(?:" HEARTH_GROUP ":){1,3}(?::" HEARTH_GROUP "){1,4}|(?:" HEARTH_GROUP ":){1,2}(?::" HEARTH_GROUP
     "){1,5}|" HEARTH_GROUP ":(?::" HEARTH_GROUP "){1,6}|:(?:(?::" HEARTH_GROUP "){1,7}|:)"},
    {"uri", "https?://" HEARTH_HOST
            "(?::[1-9]\\d{0,3})?(?:/[A-Za-z0-9._~-]*)*(?:\\?[A-Za-z0-9._~=&-]*)?(?:#[A-Za-z0-9._~-]*)?"},
};

#undef HEARTH_LABEL
#undef HEARTH_HOST
#undef HEARTH_OCTET
#undef HEARTH_GROUP
#undef HEARTH_DATE
#undef HEARTH_TIME

}  // namespace

std::string_view format_pattern(std::string_view format) {
    for (const Format& known : kFormats)
        if (known.name == format) return known.pattern;
    return {};
}

Expr json_char(Ir& ir, const CodeSet& set, const CodeSet& escaped) {
    constexpr std::pair<std::uint32_t, std::string_view> shorts[] = {
        {'"', "\\\""}, {'\\', "\\\\"}, {'\b', "\\b"}, {'\f', "\\f"}, {'\n', "\\n"}, {'\r', "\\r"}, {'\t', "\\t"}};
    const auto has = [&](std::uint32_t code) { return !intersection(set, {{code, code}}).empty(); };
    std::vector<Expr> ways{ir.set(intersection(set, difference(unescaped(), escaped)))};
    for (const auto& [code, spelling] : shorts)
        if (has(code)) ways.push_back(ir.literal(spelling));
    for (std::uint32_t code = 0; code < 0x20; ++code)
        if (has(code) && code != '\b' && code != '\f' && code != '\n' && code != '\r' && code != '\t')
            ways.push_back(ir.literal(json_unit(code)));
    for (const CodeRange& range : escaped)
        for (std::uint32_t code = range.low; code <= range.high; ++code)
            if (has(code)) ways.push_back(ir.literal(json_unit(code)));
    return ir.choice(std::move(ways));
}

Expr json_any_char(Ir& ir, const CodeSet& escaped) {
    const auto hex = [&] { return one_of(ir, "0123456789abcdefABCDEF"); };
    const auto hexes = [&](std::uint32_t count) { return ir.repeat(hex(), count, count); };
    // Surrogates in pairs only.
    const Expr high = ir.sequence({one_of(ir, "dD"), one_of(ir, "89abAB"), hexes(2)});
    const Expr low = ir.sequence({one_of(ir, "dD"), one_of(ir, "cdefCDEF"), hexes(2)});
    const Expr plain = ir.choice({ir.sequence({one_of(ir, "0123456789abcefABCEF"), hexes(3)}),
                                  ir.sequence({one_of(ir, "dD"), one_of(ir, "01234567"), hexes(2)})});
    const Expr pair = ir.sequence({high, ir.literal("\\u"), low});
    const Expr escape = ir.choice({one_of(ir, "\"\\/bfnrt"), ir.sequence({ir.literal("u"), ir.choice({plain, pair})})});
    return ir.choice({ir.set(difference(unescaped(), escaped)), ir.sequence({ir.literal("\\"), escape})});
}

namespace {

// A text of the set's characters that is none of `names`, then `end`.
Expr none_of(Ir& ir, std::span<const std::string> names, const CodeSet& chars, std::string_view end, bool empty,
             std::uint32_t most) {
    // A trie of the names; where a text leaves it, anything may follow. A rule for each of its nodes, which keeps long
    // names from nesting expressions. Names with other characters cannot be met: they leave it where those
    // are.
    struct Place {
        std::vector<std::pair<std::uint32_t, std::size_t>> children;
        bool name = false;
    };
    std::vector<Place> trie(1);
    for (const std::string& name : names) {
        std::size_t at = 0;
        bool plain = true;
        for (std::size_t i = 0; i < name.size() && plain;) {
            const std::uint32_t code = utf8_next(name, i);
            plain = !intersection(chars, {{code, code}}).empty();
            if (!plain) break;
            const auto found = std::find_if(trie[at].children.begin(), trie[at].children.end(),
                                            [&](const auto& child) { return child.first == code; });
            if (found != trie[at].children.end()) {
                at = found->second;
                continue;
            }
            trie[at].children.emplace_back(code, trie.size());
            at = trie.size();
            trie.emplace_back();
        }
        if (plain) trie[at].name = true;
    }
    std::vector<Rule> rules;
    for (std::size_t i = 0; i < trie.size(); ++i) rules.push_back(ir.declare("a key"));
    const Rule rest = ir.declare("a key");
    ir.define(rest, ir.sequence({ir.repeat(ir.set(chars), 0, most), ir.literal(end)}));
    for (std::size_t i = 0; i < trie.size(); ++i) {
        CodeSet taken;
        std::vector<Expr> ways;
        for (const auto& [code, child] : trie[i].children) {
            taken.push_back({code, code});
            ways.push_back(ir.sequence({ir.set({{code, code}}), ir.rule(rules[child])}));
        }
        ways.push_back(ir.sequence({ir.set(difference(chars, normalized(std::move(taken)))), ir.rule(rest)}));
        if (!trie[i].name && (empty || i != 0)) ways.push_back(ir.literal(end));
        ir.define(rules[i], ir.choice(std::move(ways)));
    }
    return ir.rule(rules[0]);
}

}  // namespace

Expr json_other_key(Ir& ir, std::span<const std::string> names, const CodeSet& escaped) {
    return ir.sequence({ir.literal("\""), none_of(ir, names, difference(unescaped(), escaped), "\"", true, kUnbounded)});
}

// Readers of other notations than JSON end a word that is too long.
constexpr std::uint32_t kMostWord = 64;

Expr other_word(Ir& ir, std::span<const std::string> names, const CodeSet& chars) {
    return none_of(ir, names, chars, "", false, kMostWord);
}

}  // namespace hearth::text::grammar
