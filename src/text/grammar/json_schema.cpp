// JSON Schema, draft 2020-12. Every set of schemas that must hold for one value becomes a rule, made once; so recursion
// through references ends, and properties that may be missing cost one rule each.
#include "text/grammar/json_schema.hpp"

#include <algorithm>
#include <deque>

#include "hearth/base/cat.hpp"
#include "hearth/text/grammar.hpp"
#include "text/grammar/json_strings.hpp"
#include "text/grammar/regex.hpp"
#include "text/grammar/source.hpp"
#include "text/tool_values.hpp"

namespace hearth {

namespace text::grammar {

namespace {

constexpr std::size_t kMostSchema = std::size_t{1} << 18;  // bytes
constexpr std::size_t kMostRules = 50'000;
constexpr std::size_t kMostNodes = std::size_t{1} << 21;
constexpr std::uint32_t kMostBlanks = 24;  // of a line's indentation

class Schema {
public:
    // The rules go to `ir`.
    Schema(Ir& ir, const Json& root, Notation notation, const Tags* tags)
        : root_(root), gatherer_(root), ir_(ir), notation_(std::move(notation)), tags_(tags) {}

    // The rule of a value for which the root holds, and `also` where it is not null.
    Result<Rule> run(const Json* also) {
        make_spaces();
        Conjunction whole{{&root_}};
        if (also != nullptr) whole.push_back({also});
        Rule root = 0;
        if (tags_ == nullptr) {
            root = rule_for(std::move(whole));
        } else {
            root = ir_.declare("arguments");
            HEARTH_ASSIGN(const Expr body, tagged(whole));
            ir_.define(root, body);
        }
        while (!waiting_.empty()) {
            const auto [key, rule] = std::move(waiting_.front());
            waiting_.pop_front();
            HEARTH_ASSIGN(const Expr body, build(key.first, key.second));
            ir_.define(rule, body);
            if (ir_.rules() > kMostRules || ir_.nodes().size() > kMostNodes)
                return Status(Code::unsupported,
                              "the schema is too large, or its combinations of anyOf, oneOf and allOf are too many");
        }
        return root;
    }

private:
    // Nothing: the value is written in the notation. Else it is all that a tag has, with the tag's end, and is read as
    // one of these kinds (tool_values.hpp).
    using Kinds = std::optional<unsigned>;
    using Key = std::pair<Conjunction, Kinds>;

    Rule rule_for(Conjunction parts, Kinds kinds = {}) {
        std::sort(parts.begin(), parts.end());
        parts.erase(std::unique(parts.begin(), parts.end()), parts.end());
        const auto [at, added] = rules_.try_emplace({parts, kinds}, 0);
        if (added) {
            at->second = ir_.declare(parts.empty() ? "any value" : cat("#", parts.size() > 1 ? " and others" : ""));
            waiting_.emplace_back(at->first, at->second);
        }
        return at->second;
    }
    Expr value(const Conjunction& parts, Kinds kinds = {}) { return ir_.rule(rule_for(parts, kinds)); }
    Expr never() { return ir_.set({}); }

    void make_spaces() {
        const Expr blanks = ir_.repeat(ir_.set({{'\t', '\t'}, {' ', ' '}}), 0, kMostBlanks);
        space_ = ir_.declare("blanks");
        const Expr some = ir_.choice({ir_.literal(" "), ir_.sequence({ir_.literal("\n"), blanks})});
        ir_.define(space_, notation_.json() ? ir_.optional(some) : ir_.empty());
        char_ = ir_.declare("a character");
        ir_.define(char_, json_any_char(ir_, notation_.escaped));
    }
    Expr space() { return ir_.rule(space_); }
    Expr comma() { return ir_.sequence({ir_.literal(","), space()}); }
    Expr colon() {
        return notation_.json() ? ir_.sequence({ir_.literal(":"), ir_.optional(ir_.literal(" "))}) : ir_.literal(":");
    }
    // Other notations than JSON are also read with Python's names.
    Expr word(std::string_view json, std::string_view python, bool tag) {
        if (notation_.json() && !tag) return ir_.literal(json);
        return ir_.choice({ir_.literal(json), ir_.literal(python)});
    }

    Result<Expr> build(const Conjunction& unexpanded, Kinds kinds) {
        HEARTH_ASSIGN(const auto expanded, gatherer_.expand(unexpanded));
        if (!expanded) return never();
        const Conjunction& parts = *expanded;
        for (std::size_t i = 0; i < parts.size(); ++i) {
            for (const auto& [key, bit] : {std::pair("anyOf", Part::kAnyOf), std::pair("oneOf", Part::kOneOf)}) {
                const Json* branches = parts[i].schema->find(key);
                if (branches != nullptr && (parts[i].done & bit) == 0)
                    return alternatives(parts, i, *branches, key, bit, kinds);
            }
        }
        HEARTH_ASSIGN(const Demands demands, gatherer_.gather(parts));
        const Json* at = parts.empty() ? &root_ : parts.front().schema;
        const bool tag = kinds.has_value();
        const bool text_only = kinds == text::kString;
        std::vector<Expr> ways, texts;  // in a tag: without its end, and with it
        if (demands.values) {
            for (const Json* one : *demands.values) {
                const bool is_text = one->is(Json::Type::string);
                if (tag && is_text) {
                    if (const auto text = tag_constant(one->text, *kinds)) texts.push_back(*text);
                } else if (!text_only) {
                    ways.push_back(constant(*one, tag));
                }
            }
            return written(std::move(ways), std::move(texts), tag);
        }
        if ((demands.types & kNull) != 0 && !text_only) ways.push_back(word("null", "None", tag));
        if ((demands.types & kBoolean) != 0 && !text_only)
            ways.push_back(ir_.choice({word("true", "True", tag), word("false", "False", tag)}));
        if ((demands.types & (kInteger | kFraction)) != 0 && !text_only) {
            const bool whole = (demands.types & kFraction) == 0;
            const auto number = (whole ? integers_between : numbers_between)(ir_, demands.low, demands.high);
            if (!number && demands.types != (demands.types & (kInteger | kFraction))) {
                // Another type remains.
            } else if (!number) {
                return gatherer_.refuse(
                    at, "no number of at most 15 digits, or integer of at most 18, lies between the bounds");
            } else {
                ways.push_back(*number);
            }
        }
        if ((demands.types & kString) != 0 && tag) {
            HEARTH_ASSIGN(const Expr text, tag_string(demands, at, *kinds));
            texts.push_back(text);
        } else if ((demands.types & kString) != 0) {
            HEARTH_ASSIGN(const Expr text, string(demands, at));
            ways.push_back(text);
        }
        if ((demands.types & kArray) != 0 && !text_only) ways.push_back(array(demands));
        if ((demands.types & kObject) != 0 && !text_only) {
            HEARTH_ASSIGN(const Expr members, object(demands, at));
            ways.push_back(members);
        }
        return written(std::move(ways), std::move(texts), tag);
    }

    Expr written(std::vector<Expr> ways, std::vector<Expr> texts, bool tag) {
        if (!ways.empty()) {
            const Expr one = ir_.choice(std::move(ways));
            if (!tag) return one;
            texts.push_back(ir_.sequence({one, ir_.literal(tags_->close_written)}));
        }
        return texts.empty() ? never() : ir_.choice(std::move(texts));
    }

    Result<Expr> alternatives(const Conjunction& parts, std::size_t which, const Json& branches, std::string_view key,
                              unsigned bit, Kinds kinds) {
        const Json* at = parts[which].schema;
        if (!branches.is(Json::Type::array) || branches.items.empty())
            return gatherer_.wrong(at, cat(key, " is not an array of schemas"));
        Conjunction rest = parts;
        rest[which].done |= bit;
        const auto with = [&](std::size_t i) {
            Conjunction all = rest;
            all.push_back({&branches.items[i]});
            return all;
        };
        // What holds for one branch must not hold for another: only what is seen to be so is taken.
        if (bit == Part::kOneOf)
            for (std::size_t i = 0; i < branches.items.size(); ++i)
                for (std::size_t j = 0; j < i; ++j) {
                    HEARTH_ASSIGN(const bool apart, gatherer_.disjoint({{&branches.items[i]}}, {{&branches.items[j]}}));
                    if (!apart)
                        return gatherer_.refuse(at,
                                                cat("branches ", j, " and ", i,
                                                    " of oneOf may both hold; give them different types, or a required "
                                                    "property with different constants, or use anyOf"));
                }
        std::vector<Expr> ways;
        for (std::size_t i = 0; i < branches.items.size(); ++i) ways.push_back(value(with(i), kinds));
        return ir_.choice(std::move(ways));
    }

    Expr constant(const Json& one, bool tag = false) {
        switch (one.type) {
            case Json::Type::null:
                return word("null", "None", tag);
            case Json::Type::boolean:
                return one.boolean ? word("true", "True", tag) : word("false", "False", tag);
            case Json::Type::number:
                return ir_.literal(one.text);
            case Json::Type::string: {
                const auto text = constant_string(ir_, notation_, one.text);
                return text ? *text : never();
            }
            case Json::Type::array: {
                std::vector<Expr> out{ir_.literal("[")};
                for (std::size_t i = 0; i < one.items.size(); ++i) {
                    if (i > 0) out.push_back(comma());
                    out.push_back(constant(one.items[i]));
                }
                out.push_back(ir_.literal("]"));
                return ir_.sequence(std::move(out));
            }
            case Json::Type::object:
                break;
        }
        std::vector<Expr> out{ir_.literal("{")};
        for (std::size_t i = 0; i < one.members.size(); ++i) {
            if (i > 0) out.push_back(comma());
            out.push_back(named_key(ir_, notation_, one.members[i].key));
            out.push_back(colon());
            out.push_back(constant(one.members[i]));
        }
        out.push_back(ir_.literal("}"));
        return ir_.sequence(std::move(out));
    }

    // Only what the reader takes for that text.
    std::optional<Expr> tag_constant(const std::string& text, unsigned kinds) {
        std::string read;
        text::append_value(read, text, kinds);
        const bool block = tags_->cdata && text.starts_with('<');
        if (read != json_quoted(text) || block || text.find(tags_->close) != std::string::npos) return std::nullopt;
        return ir_.sequence({ir_.literal(text), ir_.literal(tags_->close_written)});
    }

    Result<Expr> tag_string(const Demands& demands, const Json* at, unsigned kinds) {
        // What may begin a value of another kind that the reader would take it for. Words like `true` that it would
        // take are values that the schema allows, for it allows the kind.
        CodeSet not_first;
        const auto add = [&](unsigned kind, CodeSet set) {
            if (kinds == 0 || (kinds & kind) != 0) not_first.insert(not_first.end(), set.begin(), set.end());
        };
        add(text::kNumber | text::kArray | text::kObject, {{'\t', '\n'}, {'\r', '\r'}, {' ', ' '}});
        add(text::kNumber, {{'+', '+'}, {'-', '.'}, {'0', '9'}});
        add(text::kArray, {{'(', '('}, {'[', '['}});
        add(text::kObject, {{'{', '{'}});
        const bool mixed = !not_first.empty();
        if (tags_->cdata) not_first.push_back({'<', '<'});
        not_first = normalized(std::move(not_first));
        const bool bounded = demands.least_length > 0 || demands.most_length != kUnbounded;
        const Expr end = ir_.literal(tags_->close_written);
        if (demands.patterns.size() + demands.formats.size() != 0) {
            if (mixed)
                return gatherer_.refuse(
                    at, "a pattern or format beside numbers, arrays or objects cannot be written in this dialect");
            HEARTH_ASSIGN(const Expr body,
                          matching(demands, at, {.quote = tags_->close, .quote_written = {}, .escaped = {}}));
            return ir_.sequence({body, end});
        }
        if (demands.least_length > demands.most_length) return never();
        if (bounded) {
            const CodeSet chars = difference(any_code(), {{'<', '<'}});
            std::vector<Expr> ways;
            if (demands.least_length == 0) ways.push_back(ir_.empty());
            const auto more = [](std::uint32_t n) { return n == kUnbounded ? n : n - 1; };
            if (demands.most_length > 0)
                ways.push_back(
                    ir_.sequence({ir_.set(difference(chars, not_first)),
                                  ir_.repeat(ir_.set(chars), demands.least_length == 0 ? 0 : demands.least_length - 1,
                                             more(demands.most_length))}));
            return ir_.sequence({ir_.choice(std::move(ways)), end});
        }
        std::vector<Expr> ways{ir_.sequence({text_without(ir_, tags_->close, not_first), end})};
        if (tags_->cdata)
            ways.push_back(ir_.sequence({ir_.literal("<![CDATA["), text_without(ir_, "]]>"), ir_.literal("]]>"), end}));
        return ir_.choice(std::move(ways));
    }

    Result<Expr> string(const Demands& demands, const Json* at) {
        const bool bounded = demands.least_length > 0 || demands.most_length != kUnbounded;
        if (demands.patterns.size() + demands.formats.size() == 0) {
            if (demands.least_length > demands.most_length) return never();
            return any_string(ir_, notation_, bounded ? ir_.rule(char_) : json_any_char(ir_, notation_.escaped),
                              demands.least_length, demands.most_length);
        }
        HEARTH_ASSIGN(const Expr body, matching(demands, at, notation_));
        const Expr quote = ir_.literal(notation_.json() ? "\"" : std::string_view(notation_.quote_written));
        return ir_.sequence({quote, body, quote});
    }

    // What stands between the quotes.
    Result<Expr> matching(const Demands& demands, const Json* at, const Notation& notation) {
        const bool bounded = demands.least_length > 0 || demands.most_length != kUnbounded;
        if (demands.patterns.size() + demands.formats.size() > 1)
            return gatherer_.refuse(at, "more than one pattern or format for one string is not supported");
        const bool is_pattern = !demands.patterns.empty();
        // No format allows the empty string.
        if (bounded && !(demands.least_length <= 1 && demands.most_length == kUnbounded && !is_pattern))
            return gatherer_.refuse(at, "minLength or maxLength together with pattern or format is not supported");
        const std::string_view pattern =
            is_pattern ? std::string_view(*demands.patterns.begin()) : format_pattern(*demands.formats.begin());
        auto body =
            parse_regex(ir_, pattern, "pattern", is_pattern ? Match::anywhere : Match::whole, emit_of(notation));
        if (!body.ok()) {
            const Status status = std::move(body).status();
            const Status refused = gatherer_.refuse(at, status.message());
            return Status(status.code(), refused.message());
        }
        return *body;
    }

    Expr array(const Demands& demands) {
        const std::size_t least = demands.least_items, most = demands.most_items;
        std::vector<Expr> ways;
        if (least == 0) ways.push_back(ir_.literal("[]"));
        if (most > 0 && least <= most) {
            // From the last item that has a schema of its own to the first: each goes on with what may follow it.
            const std::size_t own = std::max<std::size_t>(demands.first_items.size(), 1);
            const auto item = [&](std::size_t i) {
                return value(i < demands.first_items.size() ? demands.first_items[i] : demands.other_items);
            };
            Expr rest = ir_.empty();
            if (most > own) {
                const auto fewer = static_cast<std::uint32_t>(least > own ? least - own : 0);
                const auto more =
                    demands.most_items == kUnbounded ? kUnbounded : static_cast<std::uint32_t>(most - own);
                rest = ir_.repeat(ir_.sequence({comma(), value(demands.other_items)}), fewer, more);
            }
            for (std::size_t i = std::min(own, most); i-- > 0;) {
                const Rule from = ir_.declare("items");
                if (i == 0) {
                    ir_.define(from, ir_.sequence({item(0), rest}));
                } else {
                    const Expr next = ir_.sequence({comma(), item(i), rest});
                    ir_.define(from, i >= least ? ir_.optional(next) : next);
                }
                rest = ir_.rule(from);
            }
            ways.push_back(ir_.sequence({ir_.literal("["), space(), rest, space(), ir_.literal("]")}));
        }
        return ways.empty() ? never() : ir_.choice(std::move(ways));
    }

    Status check_counts(const Demands& demands, const Json* at) const {
        const std::size_t count = demands.names.size();
        const bool others = demands.asks_additional || count == 0;
        const bool counted = others && count == 0;  // a map: its size may be bounded
        if (demands.least_properties > demands.required.size() && !(counted && demands.least_properties == 1))
            return gatherer_.refuse(at, "minProperties is supported for 1 and maps only");
        if (demands.most_properties != kUnbounded && !counted && (others || demands.most_properties < count))
            return gatherer_.refuse(at, "maxProperties is supported for maps only");
        return {};
    }

    // An object as its members between tags, in the schema's order.
    Result<Expr> tagged(const Conjunction& unexpanded) {
        HEARTH_ASSIGN(const auto parts, gatherer_.expand(unexpanded));
        if (!parts) return never();
        for (const Part& part : *parts)
            for (const char* key : {"anyOf", "oneOf"})
                if (part.schema->find(key) != nullptr)
                    return gatherer_.refuse(
                        part.schema, cat(key, " for the whole of the arguments cannot be written in this dialect"));
        HEARTH_ASSIGN(const Demands demands, gatherer_.gather(*parts));
        const Json* const at = parts->front().schema;
        if (demands.values)
            return gatherer_.refuse(at,
                                    "enum or const for the whole of the arguments cannot be written in this dialect");
        if ((demands.types & kObject) == 0) return never();
        HEARTH_TRY(check_counts(demands, at));
        const auto member = [&](Expr key, unsigned kinds, const Conjunction& schemas) {
            return ir_.sequence({ir_.literal(tags_->open), key, ir_.literal(tags_->key_end), value(schemas, kinds)});
        };
        std::vector<Expr> out;
        for (const std::string& name : demands.names) {
            const bool required = demands.required.contains(name);
            if (!plain_word(name) && !required) continue;
            if (!plain_word(name))
                return gatherer_.refuse(
                    at, cat("the property ", json_quoted(name), " has a name that cannot be written in this dialect"));
            const Rule one = ir_.declare(cat("property ", json_quoted(name)));
            ir_.define(one, member(ir_.literal(name), tags_->kinds(name), demands.properties.at(name)));
            out.push_back(required ? ir_.rule(one) : ir_.optional(ir_.rule(one)));
        }
        if ((demands.asks_additional || demands.names.empty()) && demands.most_properties > 0) {
            const Notation bare{.quote = tags_->close, .quote_written = {}, .escaped = {}};
            const std::uint32_t least = demands.least_properties > demands.required.size() ? 1 : 0;
            const Rule other = ir_.declare("another member");
            ir_.define(other, member(other_key(ir_, bare, demands.names), 0, demands.additional));
            out.push_back(ir_.repeat(ir_.rule(other), least, demands.most_properties));
        }
        return out.empty() ? ir_.empty() : ir_.sequence(std::move(out));
    }

    Result<Expr> object(const Demands& demands, const Json* at) {
        const std::size_t count = demands.names.size();
        const bool others = demands.asks_additional || count == 0;
        const bool counted = others && count == 0;  // a map: its size may be bounded
        HEARTH_TRY(check_counts(demands, at));
        // rests[i]: what may follow behind a member, from property i on; firsts[i]: the same before any member.
        const auto key_value = [&](Expr key, const Conjunction& parts) {
            return ir_.sequence({key, colon(), value(parts)});
        };
        Expr rest = ir_.empty(), first = never();
        bool first_empty = true;
        if (others && (!counted || demands.most_properties > 0)) {
            const Rule other = ir_.declare("another member");
            ir_.define(other, key_value(other_key(ir_, notation_, demands.names), demands.additional));
            const std::uint32_t most =
                counted && demands.most_properties != kUnbounded ? demands.most_properties - 1 : kUnbounded;
            rest = ir_.repeat(ir_.sequence({comma(), ir_.rule(other)}), 0, most);
            first = ir_.sequence({ir_.rule(other), rest});
        }
        for (std::size_t i = count; i-- > 0;) {
            const std::string& name = demands.names[i];
            const bool required = demands.required.contains(name);
            const Rule member = ir_.declare(cat("property ", json_quoted(name)));
            ir_.define(member, key_value(named_key(ir_, notation_, name), demands.properties.at(name)));
            const Rule behind = ir_.declare(cat("behind property ", json_quoted(name)));
            ir_.define(behind, rest);
            const Expr next = ir_.sequence({ir_.rule(member), ir_.rule(behind)});
            const Expr next_behind = ir_.sequence({comma(), next});
            const Rule from = ir_.declare(cat("from property ", json_quoted(name)));
            ir_.define(from, required ? next : ir_.choice({next, first}));
            first = ir_.rule(from);
            first_empty = first_empty && !required;
            const Rule from_behind = ir_.declare(cat("from property ", json_quoted(name)));
            ir_.define(from_behind, required ? next_behind : ir_.choice({next_behind, ir_.rule(behind)}));
            rest = ir_.rule(from_behind);
        }
        std::vector<Expr> ways{ir_.sequence({ir_.literal("{"), space(), first, space(), ir_.literal("}")})};
        if (first_empty && demands.least_properties == 0) ways.push_back(ir_.literal("{}"));
        return ir_.choice(std::move(ways));
    }

    const Json& root_;
    Gatherer gatherer_;
    Ir& ir_;
    const Notation notation_;
    const Tags* const tags_;  // of the root; null: none
    std::map<Key, Rule> rules_;
    std::deque<std::pair<Key, Rule>> waiting_;
    Rule space_ = 0, char_ = 0;
};

}  // namespace

Result<Rule> add_schema(Ir& ir, const Json& root, const Json* also, const Notation& notation) {
    return Schema(ir, root, notation, nullptr).run(also);
}

Result<Rule> add_tagged(Ir& ir, const Json& root, const Json* also, const Tags& tags) {
    // Within the JSON of a tag its end must not stand: the character that begins it comes as an escape.
    const auto first = static_cast<unsigned char>(tags.close.front());
    return Schema(ir, root, {.quote = {}, .quote_written = {}, .escaped = {{first, first}}}, &tags).run(also);
}

}  // namespace text::grammar

Result<std::shared_ptr<const Grammar>> Grammar::from_json_schema(std::string_view schema) {
    using namespace text::grammar;
    HEARTH_TRY(Source::check(schema, "schema", kMostSchema));
    HEARTH_ASSIGN(const Json root, parse_json(schema, "schema"));
    Ir ir;
    HEARTH_ASSIGN(const Rule value, add_schema(ir, root));
    HEARTH_ASSIGN(auto automaton, compile(ir, value));
    return std::shared_ptr<const Grammar>(std::make_shared<Grammar>(std::move(automaton)));
}

}  // namespace hearth
