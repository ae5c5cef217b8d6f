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
    Schema(Ir& ir, const Json& root) : root_(root), gatherer_(root), ir_(ir) {}

    // The rule of a value for which the root holds, and `also` where it is not null.
    Result<Rule> run(const Json* also) {
        make_spaces();
        Conjunction whole{{&root_}};
        if (also != nullptr) whole.push_back({also});
        const Rule root = rule_for(std::move(whole));
        while (!waiting_.empty()) {
            const auto [parts, rule] = std::move(waiting_.front());
            waiting_.pop_front();
            HEARTH_ASSIGN(const Expr body, build(parts));
            ir_.define(rule, body);
            if (ir_.rules() > kMostRules || ir_.nodes().size() > kMostNodes)
                return Status(Code::unsupported,
                              "the schema is too large, or its combinations of anyOf, oneOf and allOf are too many");
        }
        return root;
    }

private:
    Rule rule_for(Conjunction parts) {
        std::sort(parts.begin(), parts.end());
        parts.erase(std::unique(parts.begin(), parts.end()), parts.end());
        const auto [at, added] = rules_.try_emplace(parts, 0);
        if (added) {
            at->second = ir_.declare(parts.empty() ? "any value" : cat("#", parts.size() > 1 ? " and others" : ""));
            waiting_.emplace_back(std::move(parts), at->second);
        }
        return at->second;
    }
    Expr value(const Conjunction& parts) { return ir_.rule(rule_for(parts)); }
    Expr never() { return ir_.set({}); }

    void make_spaces() {
        const Expr blanks = ir_.repeat(ir_.set({{'\t', '\t'}, {' ', ' '}}), 0, kMostBlanks);
        space_ = ir_.declare("blanks");
        ir_.define(space_, ir_.optional(ir_.choice({ir_.literal(" "), ir_.sequence({ir_.literal("\n"), blanks})})));
        char_ = ir_.declare("a character");
        ir_.define(char_, json_any_char(ir_));
    }
    Expr space() { return ir_.rule(space_); }
    Expr comma() { return ir_.sequence({ir_.literal(","), space()}); }
    Expr colon() { return ir_.sequence({ir_.literal(":"), ir_.optional(ir_.literal(" "))}); }

    Result<Expr> build(const Conjunction& unexpanded) {
        HEARTH_ASSIGN(const auto expanded, gatherer_.expand(unexpanded));
        if (!expanded) return never();
        const Conjunction& parts = *expanded;
        for (std::size_t i = 0; i < parts.size(); ++i) {
            for (const auto& [key, bit] : {std::pair("anyOf", Part::kAnyOf), std::pair("oneOf", Part::kOneOf)}) {
                const Json* branches = parts[i].schema->find(key);
                if (branches != nullptr && (parts[i].done & bit) == 0)
                    return alternatives(parts, i, *branches, key, bit);
            }
        }
        HEARTH_ASSIGN(const Demands demands, gatherer_.gather(parts));
        const Json* at = parts.empty() ? &root_ : parts.front().schema;
        if (demands.values) {
            std::vector<Expr> ways;
            for (const Json* one : *demands.values) ways.push_back(constant(*one));
            return ways.empty() ? never() : ir_.choice(std::move(ways));
        }
        std::vector<Expr> ways;
        if ((demands.types & kNull) != 0) ways.push_back(ir_.literal("null"));
        if ((demands.types & kBoolean) != 0) ways.push_back(ir_.choice({ir_.literal("true"), ir_.literal("false")}));
        if ((demands.types & (kInteger | kFraction)) != 0) {
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
        if ((demands.types & kString) != 0) {
            HEARTH_ASSIGN(const Expr text, string(demands, at));
            ways.push_back(text);
        }
        if ((demands.types & kArray) != 0) ways.push_back(array(demands));
        if ((demands.types & kObject) != 0) {
            HEARTH_ASSIGN(const Expr members, object(demands, at));
            ways.push_back(members);
        }
        return ways.empty() ? never() : ir_.choice(std::move(ways));
    }

    Result<Expr> alternatives(const Conjunction& parts, std::size_t which, const Json& branches, std::string_view key,
                              unsigned bit) {
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
        for (std::size_t i = 0; i < branches.items.size(); ++i) ways.push_back(value(with(i)));
        return ir_.choice(std::move(ways));
    }

    Expr constant(const Json& one) {
        switch (one.type) {
            case Json::Type::null:
                return ir_.literal("null");
            case Json::Type::boolean:
                return ir_.literal(one.boolean ? "true" : "false");
            case Json::Type::number:
                return ir_.literal(one.text);
            case Json::Type::string:
                return ir_.literal(json_quoted(one.text));
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
            out.push_back(ir_.literal(json_quoted(one.members[i].key)));
            out.push_back(colon());
            out.push_back(constant(one.members[i]));
        }
        out.push_back(ir_.literal("}"));
        return ir_.sequence(std::move(out));
    }

    Result<Expr> string(const Demands& demands, const Json* at) {
        const Expr quote = ir_.literal("\"");
        const bool bounded = demands.least_length > 0 || demands.most_length != kUnbounded;
        if (demands.patterns.size() + demands.formats.size() == 0) {
            if (demands.least_length > demands.most_length) return never();
            return ir_.sequence(
                {quote,
                 ir_.repeat(bounded ? ir_.rule(char_) : json_any_char(ir_), demands.least_length, demands.most_length),
                 quote});
        }
        if (demands.patterns.size() + demands.formats.size() > 1)
            return gatherer_.refuse(at, "more than one pattern or format for one string is not supported");
        const bool is_pattern = !demands.patterns.empty();
        // No format allows the empty string.
        if (bounded && !(demands.least_length <= 1 && demands.most_length == kUnbounded && !is_pattern))
            return gatherer_.refuse(at, "minLength or maxLength together with pattern or format is not supported");
        const std::string_view pattern =
            is_pattern ? std::string_view(*demands.patterns.begin()) : format_pattern(*demands.formats.begin());
        auto body = parse_regex(ir_, pattern, "pattern", is_pattern ? Match::anywhere : Match::whole, json_char);
        if (!body.ok()) {
            const Status status = std::move(body).status();
            const Status refused = gatherer_.refuse(at, status.message());
            return Status(status.code(), refused.message());
        }
        return ir_.sequence({quote, *body, quote});
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

    Result<Expr> object(const Demands& demands, const Json* at) {
        const std::size_t count = demands.names.size();
        const bool others = demands.asks_additional || count == 0;
        const bool counted = others && count == 0;  // a map: its size may be bounded
        if (demands.least_properties > demands.required.size() && !(counted && demands.least_properties == 1))
            return gatherer_.refuse(at, "minProperties is supported for 1 and maps only");
        if (demands.most_properties != kUnbounded && !counted && (others || demands.most_properties < count))
            return gatherer_.refuse(at, "maxProperties is supported for maps only");
        // rests[i]: what may follow behind a member, from property i on; firsts[i]: the same before any member.
        const auto key_value = [&](Expr key, const Conjunction& parts) {
            return ir_.sequence({key, colon(), value(parts)});
        };
        Expr rest = ir_.empty(), first = never();
        bool first_empty = true;
        if (others && (!counted || demands.most_properties > 0)) {
            const Rule other = ir_.declare("another member");
            ir_.define(other, key_value(json_other_key(ir_, demands.names), demands.additional));
            const std::uint32_t most =
                counted && demands.most_properties != kUnbounded ? demands.most_properties - 1 : kUnbounded;
            rest = ir_.repeat(ir_.sequence({comma(), ir_.rule(other)}), 0, most);
            first = ir_.sequence({ir_.rule(other), rest});
        }
        for (std::size_t i = count; i-- > 0;) {
            const std::string& name = demands.names[i];
            const bool required = demands.required.contains(name);
            const Rule member = ir_.declare(cat("property ", json_quoted(name)));
            ir_.define(member, key_value(ir_.literal(json_quoted(name)), demands.properties.at(name)));
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
    std::map<Conjunction, Rule> rules_;
    std::deque<std::pair<Conjunction, Rule>> waiting_;
    Rule space_ = 0, char_ = 0;
};

}  // namespace

Result<Rule> add_schema(Ir& ir, const Json& root, const Json* also) { return Schema(ir, root).run(also); }

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
