// Values of a template while it is rendered, as Python has them. Objects are counted by reference, belong to the Run of
// one rendering and are all freed with it, cycles included.
// Thread class: one thread for each Run.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "hearth/base/cat.hpp"
#include "hearth/base/status.hpp"
#include "hearth/text/chat_template.hpp"

namespace hearth::text::jinja {

enum class Kind : std::uint8_t {
    missing,  // an argument that was not given; no template sees it
    undefined,
    none,
    boolean,
    integer,
    real,
    big,  // an integer of the input beyond 64 bits: its digits, printed and compared only
    string,
    list,
    tuple,
    dict,
    view,  // dict.keys(), .values() or .items()
    range,
    generator,  // what map, select … give: made when it is first looked at, and gone through once
    function,
    macro,
    name_space,
    loop,
    cycler,
    joiner,
    scope,  // variables; no template sees it as a value
};

class Run;
class Interpreter;

struct Object {
    Object(Run& owner, Kind object_kind, std::size_t bytes);
    virtual ~Object();
    Object(const Object&) = delete;
    Object& operator=(const Object&) = delete;
    // Lets go of all other objects.
    virtual void clear() {}
    // Payload that came after the object was made.
    void charge(std::size_t bytes);

    Run& run;
    Object *previous = nullptr, *next = nullptr;  // all objects of the run
    Object* next_dead = nullptr;
    std::size_t charged;
    std::uint32_t references = 0;
    Kind kind;
};

class Value {
public:
    Value() noexcept : kind_(Kind::undefined), integer_(0) {}
    Value(const Value& other) noexcept : kind_(other.kind_), is_object_(other.is_object_), integer_(other.integer_) {
        if (is_object_) {
            object_ = other.object_;
            ++object_->references;
        }
    }
    Value(Value&& other) noexcept : Value() { swap(other); }
    Value& operator=(Value other) noexcept {
        swap(other);
        return *this;
    }
    ~Value() {
        if (is_object_) release();
    }
    explicit Value(Object* object) noexcept : kind_(object->kind), is_object_(true), object_(object) {
        ++object->references;
    }
    // An undefined value whose `why` is a string object.
    static Value undefined(Object* why) noexcept {
        Value v(why);
        v.kind_ = Kind::undefined;
        return v;
    }
    static Value missing() noexcept { return {Kind::missing, 0}; }
    static Value none() noexcept { return {Kind::none, 0}; }
    static Value boolean(bool b) noexcept { return {Kind::boolean, b ? 1 : 0}; }
    static Value integer(std::int64_t i) noexcept { return {Kind::integer, i}; }
    static Value integer(std::size_t i) noexcept { return {Kind::integer, static_cast<std::int64_t>(i)}; }
    static Value integer(int i) noexcept { return {Kind::integer, i}; }
    static Value real(double d) noexcept {
        Value v(Kind::real, 0);
        v.real_ = d;
        return v;
    }

    Kind kind() const { return kind_; }
    bool is(Kind k) const { return kind_ == k; }
    bool is_missing() const { return kind_ == Kind::missing; }
    bool is_undefined() const { return kind_ == Kind::undefined; }
    bool is_none() const { return kind_ == Kind::none; }
    bool is_string() const { return kind_ == Kind::string; }
    // Booleans are integers, as in Python.
    bool is_integer() const { return kind_ == Kind::integer || kind_ == Kind::boolean; }
    bool is_number() const { return is_integer() || kind_ == Kind::real; }
    bool is_sequence() const { return kind_ == Kind::list || kind_ == Kind::tuple; }
    bool has_object() const { return is_object_; }

    std::int64_t as_integer() const { return integer_; }
    double as_real() const { return kind_ == Kind::real ? real_ : static_cast<double>(integer_); }
    Object* object() const { return object_; }
    template <class T>
    T& as() const {
        return *static_cast<T*>(object_);
    }
    inline std::string_view text() const;  // of a string
    inline bool is_safe() const;           // a string that is marked as escaped

    void swap(Value& other) noexcept {
        std::swap(kind_, other.kind_);
        std::swap(is_object_, other.is_object_);
        std::swap(integer_, other.integer_);
    }

private:
    Value(Kind kind, std::int64_t i) noexcept : kind_(kind), integer_(i) {}
    void release() noexcept;

    Kind kind_;
    bool is_object_ = false;
    union {
        std::int64_t integer_;
        double real_;
        Object* object_;
    };
    static_assert(sizeof(void*) <= sizeof(std::int64_t) && sizeof(double) == sizeof(std::int64_t));
};

using Values = std::vector<Value>;

// What one rendering may spend, what it has spent and what went wrong first.
class Run {
public:
    explicit Run(const TemplateLimits& limits) : limits_(limits) {}
    ~Run();
    Run(const Run&) = delete;
    Run& operator=(const Run&) = delete;

    // False when something has failed or the steps are used up.
    bool work(std::uint64_t steps = 1) {
        if (failed_) return false;
        if (steps <= steps_left_) {
            steps_left_ -= steps;
            return true;
        }
        return out_of_steps();
    }
    // Reading `bytes` of text.
    bool work_text(std::size_t bytes) { return work(1 + bytes / 32); }
    // Whether so much more may be made; asked before it is.
    bool room(std::size_t bytes);
    bool deeper(std::size_t depth);  // false and a failure beyond the depth of values

    Value fail(std::string message, Code code = Code::invalid_argument);
    bool failed() const { return failed_; }
    const std::string& failure() const { return failure_; }
    Code code() const { return code_; }

    template <class T, class... Arguments>
    Value make(Arguments&&... arguments) {
        return Value(new T(*this, std::forward<Arguments>(arguments)...));
    }
    Value text(std::string text, bool safe = false);
    Value text(std::string_view view, bool safe = false) { return text(std::string(view), safe); }
    Value list(Values items);
    Value tuple(Values items);
    Value undefined(std::string why);

    std::uint64_t steps() const { return limits_.steps - steps_left_; }
    std::size_t output_limit() const { return limits_.output_bytes; }
    const TemplateLimits& limits() const { return limits_; }

private:
    friend struct Object;
    friend class Value;
    bool out_of_steps();

    const TemplateLimits limits_;
    std::uint64_t steps_left_ = limits_.steps;
    std::size_t used_ = 0;
    Object* objects_ = nullptr;
    Object* dead_ = nullptr;  // waiting to be freed, so that long chains need no stack
    bool freeing_ = false, failed_ = false;
    Code code_ = Code::ok;
    std::string failure_;
};

struct String : Object {
    String(Run& owner, std::string t, bool is_safe = false, Kind k = Kind::string)
        : Object(owner, k, sizeof(String) + t.size()), text(std::move(t)), safe(is_safe) {}
    std::size_t length();  // in code points
    bool ascii() { return length() == text.size(); }

    const std::string text;
    const bool safe;

private:
    std::size_t length_ = static_cast<std::size_t>(-1);
};
inline std::string_view Value::text() const { return as<String>().text; }
inline bool Value::is_safe() const { return is_string() && as<String>().safe; }

// A list or a tuple.
struct List : Object {
    List(Run& owner, Kind k, Values v);
    void clear() override { items.clear(); }
    Values items;
    std::uint32_t depth = 0;  // of tuples in tuples
    bool hashable = true;     // of a tuple
    bool is_group = false;    // a tuple of groupby, with the names grouper and list
};

struct Dict : Object {
    struct Entry {
        Value key, value;
    };
    // Of equal keys the first stays in its place and the last gives the value. Keys are hashable.
    Dict(Run& owner, std::vector<Entry> list);
    void clear() override { entries.clear(); }
    const Value* find(const Value& key);
    const Value* find(std::string_view key);

    std::vector<Entry> entries;

private:
    void sort_index();
    std::vector<std::uint32_t> index_;  // of large ones: the entries in the order of their keys
};

struct View : Object {
    enum class What : std::uint8_t { keys, values, items };
    View(Run& owner, Value of, What w) : Object(owner, Kind::view, sizeof(View)), dict(std::move(of)), what(w) {}
    void clear() override { dict = Value(); }
    Value dict;
    What what;
};

struct Range : Object {
    Range(Run& owner, std::int64_t a, std::int64_t b, std::int64_t c, std::int64_t n)
        : Object(owner, Kind::range, sizeof(Range)), start(a), stop(b), step(c), length(n) {}
    std::int64_t start, stop, step, length;
};

// Variables of one scope; a macro keeps the scope that it was defined in.
struct Scope : Object {
    struct Variable {
        std::uint32_t symbol;
        Value value;
    };
    Scope(Run& owner, Value outer_scope) : Object(owner, Kind::scope, sizeof(Scope)), outer(std::move(outer_scope)) {}
    void clear() override {
        outer = Value();
        variables.clear();
    }
    Value* find(std::uint32_t symbol) {
        for (Variable& v : variables)
            if (v.symbol == symbol) return &v.value;
        return nullptr;
    }
    void set(std::uint32_t symbol, Value value) {
        if (Value* old = find(symbol))
            *old = std::move(value);
        else
            variables.push_back({symbol, std::move(value)});
    }
    Value outer;  // a Scope or undefined
    std::vector<Variable> variables;
    std::size_t charged_variables = 0;
};

struct NameSpace : Object {
    explicit NameSpace(Run& owner) : Object(owner, Kind::name_space, sizeof(NameSpace)) {}
    void clear() override { members.clear(); }
    Value* find(std::string_view name);
    void set(std::string_view name, Value value);
    std::vector<std::pair<std::string, Value>> members;
};

// ---- what Python does with values: value.cpp, compare.cpp -----------------------------------------------------------

// Python's type name: "str".
std::string_view type_name(const Value& v);
bool truth(const Value& v);
bool hashable(const Value& v);
bool equal(Run& run, const Value& a, const Value& b, std::size_t depth = 0);
// a < b; fails where Python has no order. `sign` names the operator in the sentence.
bool less(Run& run, const Value& a, const Value& b, std::string_view sign = "<", std::size_t depth = 0);
bool less_or_equal(Run& run, const Value& a, const Value& b, std::string_view sign);
// A total order of hashable values in which equal ones (1, 1.0 and True) are neighbours.
int key_order(Run& run, const Value& a, const Value& b);
bool contains(Run& run, const Value& container, const Value& item);
// The elements that a loop over `v` goes through; false and a failure where it is not iterable. Uses generators up.
bool elements(Interpreter& in, const Value& v, Values& out);
bool iterable(const Value& v);
// -1: it has no length.
std::int64_t length(const Value& v);
// Stable and safe with any order, even one that contradicts itself.
template <class T, class Less>
void merge_sort(std::vector<T>& items, const Less& before);

// ---- texts of values: print.cpp, json_output.cpp --------------------------------------------------------------------

void append_real(std::string& out, double d);  // repr(float)
void append_integer(std::string& out, std::int64_t i);
void append_repr(Interpreter& in, std::string& out, const Value& v, std::size_t depth = 0);
// str(v) appended; an undefined value is nothing.
void append_text(Interpreter& in, std::string& out, const Value& v);
std::string str(Interpreter& in, const Value& v);
struct JsonStyle {
    bool ensure_ascii = false, sort_keys = false, has_indent = false;
    std::string indent, item_separator = ", ", key_separator = ": ";
};
void append_json(Run& run, std::string& out, const Value& v, const JsonStyle& style, std::size_t depth = 0);
void append_escaped(std::string& out, std::string_view text);  // markupsafe.escape

// ---- implementation of the template ---------------------------------------------------------------------------------

template <class T, class Less>
void merge_sort(std::vector<T>& items, const Less& before) {
    std::vector<T> merged;
    for (std::size_t width = 1; width < items.size(); width *= 2) {
        merged.clear();
        merged.reserve(items.size());
        for (std::size_t begin = 0; begin < items.size(); begin += 2 * width) {
            const std::size_t middle = begin + width < items.size() ? begin + width : items.size();
            const std::size_t end = middle + width < items.size() ? middle + width : items.size();
            std::size_t a = begin, b = middle;
            while (a < middle || b < end) {
                const bool second = a == middle || (b < end && before(items[b], items[a]));
                merged.push_back(std::move(second ? items[b++] : items[a++]));
            }
        }
        items.swap(merged);
    }
}

}  // namespace hearth::text::jinja
