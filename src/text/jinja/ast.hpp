// What a template is compiled to. Everything is immutable after parsing; heights are bounded, so that going down needs
// little stack.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "text/jinja/value.hpp"

namespace hearth::text::jinja {

struct NativeEntry;

enum class Op : std::uint8_t {
    constant,
    name,
    operand,
    list,
    tuple,
    dict,
    attribute,
    item,
    slice,
    call,
    filter,
    test,
    negate,
    plus,
    negation,
    both,
    either,
    add,
    subtract,
    multiply,
    divide,
    floor_divide,
    modulo,
    power,
    concat,
    compare,
    conditional,
};
enum class Comparison : std::uint8_t { eq, ne, lt, le, gt, ge, in, not_in };

struct Expr;
using ExprPtr = std::unique_ptr<Expr>;

// One argument of a call: positional, named, *list or **dict.
struct Argument {
    enum class How : std::uint8_t { positional, named, list, dict };
    How how = How::positional;
    std::string name;
    ExprPtr value;
};

// kids: operands in their order. slice: start, stop, step, each may be null. attribute, call, filter, test: kids[0] is
// the object. dict: key, value, key, value … conditional: condition, then, else (may be null).
struct Expr {
    Op op = Op::constant;
    bool negated = false;  // of a test
    std::uint16_t height = 1;
    std::int16_t method = -1;             // attribute: the methods of that name
    std::uint32_t at = 0;                 // offset in the source
    std::uint32_t index = 0;              // constant: in Program::constants; name: its symbol
    const NativeEntry* native = nullptr;  // of filter and test; null: there is none of that name
    std::string name;                     // of attribute, filter, test
    std::vector<ExprPtr> kids;
    std::vector<Argument> arguments;
    std::vector<Comparison> comparisons;
};

struct Constant {
    Kind kind = Kind::none;  // none, boolean, integer, big, real, string
    std::int64_t integer = 0;
    double real = 0;
    std::string text;
};

struct Target {
    enum class Kind : std::uint8_t { name, attribute, tuple };
    Kind kind = Kind::name;
    std::uint32_t symbol = 0, at = 0;
    std::string attribute;
    std::vector<Target> parts;
};

struct Stmt;
using Body = std::vector<std::unique_ptr<Stmt>>;

struct Parameter {
    std::uint32_t symbol = 0;
    std::string name;
    ExprPtr value;  // the default, may be null
};

struct MacroDefinition {
    std::string name;
    std::vector<Parameter> parameters;
    Body body;
    bool uses_caller = false, uses_varargs = false, uses_kwargs = false;
};

struct Branch {
    ExprPtr condition;  // null: else
    Body body;
};

struct Stmt {
    enum class Kind : std::uint8_t {
        text,
        output,
        branch,
        loop,
        set,
        set_block,
        macro,
        call,
        filter,
        with,
        block,
        scope,
        autoescape,
        stop,
        next,
    };
    Kind kind = Kind::text;
    bool recursive = false;  // loop
    std::uint32_t at = 0;
    std::uint32_t symbol = 0;  // macro
    std::string text;
    std::vector<ExprPtr> exprs;   // output; set and set_block, call, filter, autoescape: one; loop: iterable, test
    std::vector<Target> targets;  // loop, set, with
    std::vector<Branch> branches;
    Body body, otherwise;
    std::unique_ptr<MacroDefinition> macro;  // macro, call
};

struct Program {
    std::string source;  // with newlines normalised
    std::vector<std::string> symbols;
    std::vector<Constant> constants;
    Body body;
    // Symbols that the interpreter itself sets.
    std::uint32_t loop = 0, caller = 0, varargs = 0, kwargs = 0;
};

// "line 3, column 7"; columns count code points.
std::string place(const std::string& source, std::size_t at);

}  // namespace hearth::text::jinja
