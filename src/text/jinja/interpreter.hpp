// Walks a Program. A failure is kept in the Run; functions return anything then, and callers look at failed().
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "text/jinja/ast.hpp"
#include "text/jinja/native.hpp"
#include "text/jinja/value.hpp"

namespace hearth::text::jinja {

// What {% for %} keeps; the template's `loop`.
struct Loop : Object {
    Loop(Run& owner, const Stmt& s) : Object(owner, Kind::loop, sizeof(Loop)), statement(s) {}
    void clear() override {
        source.clear();
        ready.clear();
        changed = outer = current = previous = Value();
    }
    const Stmt& statement;
    Value outer;  // the scope around the loop
    Values source;
    std::size_t taken = 0;  // of source, looked at
    Values ready;           // passed the loop's condition; those before first_ready are gone through
    std::size_t first_ready = 0;
    std::size_t waiting() const { return ready.size() - first_ready; }
    Value take() {
        Value v = std::move(ready[first_ready++]);
        if (waiting() == 0) {
            ready.clear();
            first_ready = 0;
        }
        return v;
    }
    std::int64_t index = -1;  // of the current item
    std::size_t depth = 0;    // of recursive loops
    Value current, previous;
    Value changed = Value::missing();  // a tuple: what changed() saw last
};

struct Macro : Object {
    Macro(Run& owner, const MacroDefinition& d, Value around)
        : Object(owner, Kind::macro, sizeof(Macro)), definition(d), scope(std::move(around)) {}
    void clear() override { scope = Value(); }
    const MacroDefinition& definition;
    Value scope;
};

struct Cycler : Object {
    Cycler(Run& owner, Values v)
        : Object(owner, Kind::cycler, sizeof(Cycler) + v.size() * sizeof(Value)), items(std::move(v)) {}
    void clear() override { items.clear(); }
    Values items;
    std::size_t position = 0;
};

struct Joiner : Object {
    Joiner(Run& owner, Value s) : Object(owner, Kind::joiner, sizeof(Joiner)), separator(std::move(s)) {}
    void clear() override { separator = Value(); }
    Value separator;
    bool used = false;
};

// "'x' is undefined"
std::string undefined_sentence(const Value& v);

// The clock of strftime_now.
struct Moment {
    std::int64_t year = 1970;
    int month = 1, day = 1, hour = 0, minute = 0, second = 0, microsecond = 0;
};
// "2025-06-15T12:34:56", with a blank for the T, without seconds or a time of the day, and with a fraction.
bool parse_moment(std::string_view text, Moment& out);
Moment current_moment();
// Python's datetime.strftime in the C locale.
Value format_moment(Run& run, const Moment& moment, std::string_view format);

class Interpreter {
public:
    Interpreter(Run& r, const Program& program);
    void define(std::string_view name, Value value);  // a variable of the whole template
    void set_moment(const Moment& moment) {
        moment_ = moment;
        has_moment_ = true;
    }
    const Moment& moment();
    bool render(std::string& out);  // the text, appended; false where it failed
    Status failure() const;         // with its place

    Value eval(const Expr& e);
    Value call(const Value& callee, Arguments arguments);
    Value call(const NativeEntry& entry, Value self, Arguments arguments);
    Value attribute(const Value& object, std::string_view name);      // object.name
    Value own_attribute(const Value& object, std::string_view name);  // getattr(object, name): no members of dicts
    Value item(const Value& object, const Value& key);                // object[key]
    Value slice(const Value& object, const Value& start, const Value& stop, const Value& step);
    bool take_all(Generator& generator, Values& out);
    bool take_one(Generator& generator, Value& out);  // false: none is left, or failed
    Value binary(Op op, const Value& a, const Value& b);
    bool autoescape() const { return autoescape_; }

    Run& run;

private:
    enum class Flow : std::uint8_t { on, stop, next, failed };
    class Depth;

    // ---- statements
    Flow exec(const Body& body);
    Flow exec(const Stmt& s);
    Flow exec_branch(const Stmt& s);
    Flow exec_for(const Stmt& s);
    Flow exec_loop(const Value& loop_object, Values source);
    Flow exec_set_block(const Stmt& s);
    Flow exec_call(const Stmt& s);
    Flow exec_with(const Stmt& s);
    Flow exec_autoescape(const Stmt& s);
    Flow in_scope(const Body& body);
    Value captured(const Body& body);  // in a scope of its own, its text
    void write(std::string_view text);
    void write_value(const Value& v);
    void assign(const Target& target, const Value& value);
    void set(std::uint32_t symbol, Value value);
    Value lookup(std::uint32_t symbol);
    bool pull(Loop& loop);  // one more item into loop.ready; false: there is none

    // ---- expressions
    Value eval_dict(const Expr& e);
    Value eval_item(const Expr& e);
    Value eval_attribute(const Expr& e);
    Value eval_call(const Expr& e);
    Value eval_filter(const Expr& e);
    Value eval_test(const Expr& e);
    Value eval_concat(const Expr& e);
    Value eval_compare(const Expr& e);
    Value eval_inner(const Expr& e);
    bool eval_kids(const Expr& e, Values& out);
    void note_place(std::uint32_t at);
    bool eval_arguments(const std::vector<Argument>& list, Arguments& out);
    bool spread(const Argument& a, const Value& v, Arguments& out);
    Value call_macro(Macro& macro, Arguments arguments);
    Value call_loop(const Value& loop, Arguments arguments);
    Value loop_attribute(Loop& loop, std::string_view name);
    Value special_attribute(const Value& object, std::string_view name);
    const Value& constant(std::uint32_t index);

    const Program& program_;
    Values constants_, top_;
    std::vector<bool> made_;  // constants
    Value scope_;             // the innermost scope; undefined: the template itself
    std::string* out_ = nullptr;
    std::size_t open_bytes_ = 0;  // of all texts that are being written
    std::size_t depth_ = 0;
    std::vector<Value> operands_;
    bool autoescape_ = false, has_moment_ = false;
    bool placed_ = false;  // the failure has its place
    std::uint32_t place_ = 0;
    Moment moment_;
};

// One level of statements, expressions or calls under way.
class Interpreter::Depth {
public:
    explicit Depth(Interpreter& in) : in_(in) {
        if (++in.depth_ > in.run.limits().depth)
            in.run.fail(cat("calls, statements and expressions are nested more than ", in.run.limits().depth, " deep"),
                        Code::over_budget);
    }
    ~Depth() { --in_.depth_; }
    Depth(const Depth&) = delete;
    Depth& operator=(const Depth&) = delete;

private:
    Interpreter& in_;
};

// Puts a value in a variable for as long as it lives.
template <class T>
class Swap {
public:
    Swap(T& variable, T value) : variable_(variable), old_(std::move(variable)) { variable_ = std::move(value); }
    ~Swap() { variable_ = std::move(old_); }
    Swap(const Swap&) = delete;
    Swap& operator=(const Swap&) = delete;

private:
    T& variable_;
    T old_;
};

}  // namespace hearth::text::jinja
