// Functions of the interpreter's own that templates call: filters, tests, methods and globals. A new one is a function
// and its line in an .inc.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "text/jinja/value.hpp"

namespace hearth::text::jinja {

struct Arguments {
    Values positional;
    std::vector<std::pair<std::string, Value>> named;
};

struct Call;
using Native = Value (*)(Call&);

// `parameters`: names with blanks between, those with a '?' may be left out; "*" takes any arguments as they are.
struct NativeEntry {
    std::string_view name, parameters;
    Native run;
};

inline constexpr std::size_t kMostParameters = 6;

struct Call {
    Call(Interpreter& interpreter, const NativeEntry& entry, Value object, Arguments given);
    // Matches the arguments with the parameters; false and a failure where they do not fit.
    bool bind();
    const Value& operator[](std::size_t i) const { return bound[i]; }
    bool given(std::size_t i) const { return !bound[i].is_missing(); }
    // Python's default for what was not given.
    bool flag(std::size_t i, bool otherwise = false) const { return given(i) ? truth(bound[i]) : otherwise; }
    // A failure where the argument is of another type.
    bool integer(std::size_t i, std::int64_t& out);
    bool string(std::size_t i, std::string_view& out);
    Value fail(std::string message, Code code = Code::invalid_argument) { return run.fail(std::move(message), code); }

    Interpreter& in;
    Run& run;
    const NativeEntry& entry;
    Value self;  // what is filtered or tested, or whose method it is
    Arguments arguments;
    Value bound[kMostParameters];
};

const NativeEntry* find_filter(std::string_view name);
const NativeEntry* find_test(std::string_view name);
const NativeEntry* find_global(std::string_view name);

struct MethodEntry {
    Kind type;
    NativeEntry native;  // run null: a method that changes its object, which the sandbox does not allow
};
// Index of the first method of that name, -1: no type has one.
std::int16_t find_method(std::string_view name);
// The method of that name for the type of `object`; null: it has none.
const MethodEntry* method_of(const Value& object, std::int16_t first);

// ---- objects that only exist while a template runs
// -------------------------------------------------------------------

struct Function : Object {
    Function(Run& owner, const NativeEntry& e, Value object)
        : Object(owner, Kind::function, sizeof(Function)), entry(e), self(std::move(object)) {}
    void clear() override { self = Value(); }
    const NativeEntry& entry;
    Value self;
};

// Fills `out` with what the call gives; false where it failed.
using Fill = bool (*)(Call& call, Values& out);
struct Generator : Object {
    Generator(Run& owner, Interpreter& interpreter, Call&& c, Fill f)
        : Object(owner, Kind::generator, sizeof(Generator)), in(interpreter), call(std::move(c)), fill(f) {}
    void clear() override {
        call.self = Value();
        call.arguments = {};
        for (Value& v : call.bound) v = Value();
        items.clear();
    }
    Interpreter& in;
    Call call;
    Fill fill;
    bool begun = false;
    Values items;
    std::size_t next = 0;  // those before it are gone
};

}  // namespace hearth::text::jinja
