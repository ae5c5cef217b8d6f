// What a set of schemas that must all hold demands of one value, gathered keyword by keyword.
// Thread class: values; Gatherer: one thread at a time.
#pragma once

#include <compare>
#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "hearth/base/cat.hpp"
#include "text/grammar/ir.hpp"
#include "text/grammar/json_document.hpp"
#include "text/grammar/json_numbers.hpp"
#include "text/grammar/notation.hpp"

namespace hearth::text::grammar {

enum TypeBits : unsigned {
    kNull = 1,
    kBoolean = 2,
    kObject = 4,
    kArray = 8,
    kString = 16,
    kInteger = 32,
    kFraction = 64,
    kAnyType = 127
};

// A schema of a conjunction; `done` tells which of its keywords have been turned into other members already.
struct Part {
    const Json* schema;
    enum Done : unsigned { kRefs = 1, kAnyOf = 2, kOneOf = 4 };
    unsigned done = 0;
    // By the place in the schema, so that what is made of it is the same in every process.
    friend auto operator<=>(const Part& a, const Part& b) {
        return std::pair(a.schema->order, a.done) <=> std::pair(b.schema->order, b.done);
    }
    friend bool operator==(const Part& a, const Part& b) = default;
};
// All hold. Sorted and without repetitions, so that equal ones are found again; empty: anything.
using Conjunction = std::vector<Part>;

struct Demands {
    unsigned types = kAnyType;
    std::optional<std::vector<const Json*>> values;  // enum, const
    std::optional<Bound> low, high;
    std::uint32_t least_length = 0, most_length = kUnbounded;
    std::set<std::string> patterns, formats;
    std::uint32_t least_items = 0, most_items = kUnbounded;
    std::vector<Conjunction> first_items;
    Conjunction other_items;
    std::vector<std::string> names;                 // of properties, in order
    std::map<std::string, Conjunction> properties;  // of those
    std::set<std::string> required;
    Conjunction additional;
    bool asks_additional = false;
    std::uint32_t least_properties = 0, most_properties = kUnbounded;
};

class Gatherer {
public:
    explicit Gatherer(const Json& root) : root_(root) {}

    // `$ref` and `allOf` replaced by what they stand for; nullopt: nothing is valid.
    Result<std::optional<Conjunction>> expand(const Conjunction& parts) const;
    // Of an expanded conjunction, whose anyOf and oneOf are not looked at. The keyword that says so comes first in
    // errors.
    Result<Demands> gather(const Conjunction& parts) const;
    // Whether no value can satisfy both.
    Result<bool> disjoint(const Conjunction& a, const Conjunction& b, std::size_t depth = 0) const;

    Status refuse(const Json* at, std::string_view sentence) const {
        return {Code::unsupported, cat("schema at ", place(at), ": ", sentence)};
    }
    Status wrong(const Json* at, std::string_view sentence) const {
        return {Code::invalid_argument, cat("schema at ", place(at), ": ", sentence)};
    }

private:
    std::string place(const Json* at) const {
        const std::string pointer = pointer_to(root_, at);
        return pointer.empty() ? "its root" : pointer;
    }
    Status expand_one(const Part& part, std::size_t depth, std::set<const Json*>& open, std::set<Part>& out,
                      bool& never) const;
    Status check_keywords(const Json& schema) const;
    Status gather_type(const Json& schema, Demands& out) const;
    Status gather_values(const Json& schema, Demands& out) const;
    Status gather_numbers(const Json& schema, Demands& out) const;
    Status gather_strings(const Json& schema, Demands& out) const;
    Status gather_arrays(const Conjunction& parts, Demands& out) const;
    Status gather_objects(const Conjunction& parts, Demands& out) const;
    Result<std::uint32_t> natural(const Json& schema, std::string_view key, std::uint32_t otherwise) const;

    const Json& root_;
};

unsigned type_of(const Json& value);

// The rule of the values for which the schema holds, and `also`, which refers to nothing, where it is not null.
Result<Rule> add_schema(Ir& ir, const Json& root, const Json* also = nullptr, const Notation& notation = {});
// The same of objects whose members stand between tags.
Result<Rule> add_tagged(Ir& ir, const Json& root, const Json* also, const Tags& tags);

}  // namespace hearth::text::grammar
