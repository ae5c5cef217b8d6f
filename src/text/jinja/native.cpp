#include "text/jinja/native.hpp"

#include <algorithm>
#include <iterator>

#include "hearth/base/cat.hpp"
#include "text/jinja/interpreter.hpp"

namespace hearth::text::jinja {

#define HEARTH_JINJA_FILTER(name, function, parameters) Value function(Call& call);
#include "text/jinja/filters.inc"
#undef HEARTH_JINJA_FILTER
#define HEARTH_JINJA_TEST(name, function, parameters) Value function(Call& call);
#include "text/jinja/tests.inc"
#undef HEARTH_JINJA_TEST
#define HEARTH_JINJA_GLOBAL(name, function, parameters) Value function(Call& call);
#include "text/jinja/globals.inc"
#undef HEARTH_JINJA_GLOBAL
#define HEARTH_JINJA_METHOD(type, name, function, parameters) Value function(Call& call);
#define HEARTH_JINJA_REFUSED(type, name)
#include "text/jinja/methods.inc"
#undef HEARTH_JINJA_METHOD
#undef HEARTH_JINJA_REFUSED

namespace {

constexpr NativeEntry kFilters[] = {
#define HEARTH_JINJA_FILTER(name, function, parameters) {name, parameters, function},
#include "text/jinja/filters.inc"
#undef HEARTH_JINJA_FILTER
};
constexpr NativeEntry kTests[] = {
#define HEARTH_JINJA_TEST(name, function, parameters) {name, parameters, function},
#include "text/jinja/tests.inc"
#undef HEARTH_JINJA_TEST
};
constexpr NativeEntry kGlobals[] = {
#define HEARTH_JINJA_GLOBAL(name, function, parameters) {name, parameters, function},
#include "text/jinja/globals.inc"
#undef HEARTH_JINJA_GLOBAL
};
constexpr MethodEntry kMethods[] = {
#define HEARTH_JINJA_METHOD(type, name, function, parameters) {Kind::type, {name, parameters, function}},
#define HEARTH_JINJA_REFUSED(type, name) {Kind::type, {name, "*", nullptr}},
#include "text/jinja/methods.inc"
#undef HEARTH_JINJA_METHOD
#undef HEARTH_JINJA_REFUSED
};

constexpr bool before(const NativeEntry& a, const NativeEntry& b) { return a.name < b.name; }
static_assert(std::is_sorted(std::begin(kFilters), std::end(kFilters), before), "filters.inc is sorted by name");
static_assert(std::is_sorted(std::begin(kTests), std::end(kTests), before), "tests.inc is sorted by name");
static_assert(std::is_sorted(std::begin(kGlobals), std::end(kGlobals), before), "globals.inc is sorted by name");
static_assert(std::is_sorted(std::begin(kMethods), std::end(kMethods),
                             [](const MethodEntry& a, const MethodEntry& b) { return before(a.native, b.native); }),
              "methods.inc is sorted by name");

template <std::size_t N>
const NativeEntry* find(const NativeEntry (&table)[N], std::string_view name) {
    const auto* const at = std::lower_bound(std::begin(table), std::end(table), name,
                                            [](const NativeEntry& e, std::string_view n) { return e.name < n; });
    return at != std::end(table) && at->name == name ? at : nullptr;
}

// The next word of a list of parameters; empty at its end.
std::string_view next_parameter(std::string_view& list) {
    const std::size_t end = std::min(list.find(' '), list.size());
    const std::string_view word = list.substr(0, end);
    list.remove_prefix(std::min(end + 1, list.size()));
    return word;
}

}  // namespace

const NativeEntry* find_filter(std::string_view name) { return find(kFilters, name); }
const NativeEntry* find_test(std::string_view name) { return find(kTests, name); }
const NativeEntry* find_global(std::string_view name) { return find(kGlobals, name); }

std::int16_t find_method(std::string_view name) {
    const auto* const at = std::lower_bound(std::begin(kMethods), std::end(kMethods), name,
                                            [](const MethodEntry& e, std::string_view n) { return e.native.name < n; });
    return at != std::end(kMethods) && at->native.name == name ? static_cast<std::int16_t>(at - std::begin(kMethods))
                                                               : std::int16_t{-1};
}

const MethodEntry* method_of(const Value& object, std::int16_t first) {
    if (first < 0) return nullptr;
    const MethodEntry* at = kMethods + first;
    const std::string_view name = at->native.name;
    for (; at != std::end(kMethods) && at->native.name == name; ++at)
        if (at->type == object.kind()) return at;
    return nullptr;
}

Call::Call(Interpreter& interpreter, const NativeEntry& e, Value object, Arguments a)
    : in(interpreter), run(interpreter.run), entry(e), self(std::move(object)), arguments(std::move(a)) {
    for (Value& v : bound) v = Value::missing();
}

bool Call::bind() {
    if (entry.parameters == "*") return true;
    std::string_view list = entry.parameters;
    std::size_t count = 0, used = 0;
    for (std::string_view word = next_parameter(list); !word.empty(); word = next_parameter(list), ++count) {
        const bool optional = word.back() == '?';
        if (optional) word.remove_suffix(1);
        if (count < arguments.positional.size()) bound[count] = arguments.positional[count];
        for (auto& [name, value] : arguments.named) {
            if (name != word) continue;
            if (!bound[count].is_missing()) {
                fail(cat(entry.name, "() got multiple values for argument '", word, "'"));
                return false;
            }
            bound[count] = value;
            ++used;
        }
        if (bound[count].is_missing() && !optional) {
            fail(cat(entry.name, "() missing required argument '", word, "'"));
            return false;
        }
    }
    if (arguments.positional.size() > count) {
        fail(cat(entry.name, "() takes at most ", count, " arguments, not ", arguments.positional.size()));
        return false;
    }
    if (used != arguments.named.size()) {
        for (const auto& [name, value] : arguments.named) {
            std::string_view words = entry.parameters;
            bool known = false;
            for (std::string_view word = next_parameter(words); !word.empty(); word = next_parameter(words))
                known = known || word.substr(0, word.find('?')) == name;
            if (!known) fail(cat(entry.name, "() got an unexpected keyword argument '", name, "'"));
        }
        return false;
    }
    return true;
}

bool Call::integer(std::size_t i, std::int64_t& out) {
    if (!given(i)) return true;
    if (!bound[i].is_integer()) {
        fail(bound[i].is_undefined()
                 ? undefined_sentence(bound[i])
                 : cat(entry.name, "(): '", type_name(bound[i]), "' object cannot be interpreted as an integer"));
        return false;
    }
    out = bound[i].as_integer();
    return true;
}

bool Call::string(std::size_t i, std::string_view& out) {
    if (!given(i)) return true;
    if (!bound[i].is_string()) {
        fail(bound[i].is_undefined() ? undefined_sentence(bound[i])
                                     : cat(entry.name, "() argument must be str, not ", type_name(bound[i])));
        return false;
    }
    out = bound[i].text();
    return true;
}

}  // namespace hearth::text::jinja
