// Statements.
#include "text/jinja/interpreter.hpp"

#include <algorithm>

#include "hearth/base/cat.hpp"

namespace hearth::text::jinja {

Interpreter::Interpreter(Run& r, const Program& program)
    : run(r),
      program_(program),
      constants_(program.constants.size()),
      top_(program.symbols.size()),
      made_(program.constants.size()) {
    for (std::size_t i = 0; i < top_.size(); ++i) {
        const NativeEntry* const global = find_global(program.symbols[i]);
        top_[i] = global != nullptr ? run.make<Function>(*global, Value()) : Value::missing();
    }
}

void Interpreter::define(std::string_view name, Value value) {
    const auto at = std::find(program_.symbols.begin(), program_.symbols.end(), name);
    if (at != program_.symbols.end()) top_[static_cast<std::size_t>(at - program_.symbols.begin())] = std::move(value);
}

const Moment& Interpreter::moment() {
    if (!has_moment_) set_moment(current_moment());
    return moment_;
}

bool Interpreter::render(std::string& out) {
    out_ = &out;
    exec(program_.body);
    return !run.failed();
}

Status Interpreter::failure() const {
    return {run.code(), placed_ ? cat(place(program_.source, place_), ": ", run.failure()) : run.failure()};
}

void Interpreter::note_place(std::uint32_t at) {
    if (placed_) return;
    placed_ = true;
    place_ = at;
}

void Interpreter::write(std::string_view text) {
    if (text.empty() || run.failed()) return;
    if (text.size() > run.output_limit() || open_bytes_ > run.output_limit() - text.size()) {
        run.fail(cat("the template writes more than the ", run.output_limit(), " bytes that a rendering may have"),
                 Code::over_budget);
        return;
    }
    if (!run.work_text(text.size())) return;
    open_bytes_ += text.size();
    out_->append(text);
}

void Interpreter::write_value(const Value& v) {
    if (v.is_string() && (!autoescape_ || v.is_safe())) return write(v.text());
    std::string text = str(*this, v);
    if (!autoescape_) return write(text);
    std::string escaped;
    append_escaped(escaped, text);
    write(escaped);
}

// ---- variables
// -------------------------------------------------------------------------------------------------------

void Interpreter::set(std::uint32_t symbol, Value value) {
    if (scope_.is_undefined()) {
        top_[symbol] = std::move(value);
        return;
    }
    auto& scope = scope_.as<Scope>();
    scope.set(symbol, std::move(value));
    if (scope.variables.size() <= scope.charged_variables) return;
    scope.charged_variables = scope.variables.size();
    scope.charge(sizeof(Scope::Variable));
}

Value Interpreter::lookup(std::uint32_t symbol) {
    const Value* at = &scope_;
    while (!at->is_undefined()) {
        auto& scope = at->as<Scope>();
        if (const Value* found = scope.find(symbol)) return *found;
        at = &scope.outer;
    }
    if (!top_[symbol].is_missing()) return top_[symbol];
    return run.undefined(cat("'", program_.symbols[symbol], "' is undefined"));
}

void Interpreter::assign(const Target& target, const Value& value) {
    if (target.kind == Target::Kind::name) return set(target.symbol, value);
    if (target.kind == Target::Kind::attribute) {
        const Value object = lookup(target.symbol);
        if (!object.is(Kind::name_space))
            run.fail(cat("cannot set the attribute '", target.attribute, "' of '", program_.symbols[target.symbol],
                         "', which is no namespace"));
        else
            object.as<NameSpace>().set(target.attribute, value);
    } else {
        Values parts;
        if (elements(*this, value, parts)) {
            if (parts.size() != target.parts.size())
                run.fail(cat("cannot unpack ", parts.size(), " values into ", target.parts.size(), " variables"));
            for (std::size_t i = 0; i < target.parts.size() && !run.failed(); ++i) assign(target.parts[i], parts[i]);
        }
    }
    if (run.failed()) note_place(target.at);
}

// ---- statements
// ------------------------------------------------------------------------------------------------------

Interpreter::Flow Interpreter::exec(const Body& body) {
    for (const auto& s : body) {
        const Flow flow = exec(*s);
        if (flow != Flow::on) return flow;
    }
    return run.failed() ? Flow::failed : Flow::on;
}

Interpreter::Flow Interpreter::exec(const Stmt& s) {
    const Depth depth(*this);
    Flow flow = Flow::on;
    if (run.work()) {
        switch (s.kind) {
            case Stmt::Kind::text:
                write(s.text);
                break;
            case Stmt::Kind::output:
                for (const ExprPtr& e : s.exprs) {
                    const Value v = eval(*e);
                    if (run.failed()) break;
                    write_value(v);
                }
                break;
            case Stmt::Kind::branch:
                flow = exec_branch(s);
                break;
            case Stmt::Kind::loop:
                flow = exec_for(s);
                break;
            case Stmt::Kind::set: {
                const Value v = eval(*s.exprs[0]);
                if (!run.failed()) assign(s.targets[0], v);
                break;
            }
            case Stmt::Kind::set_block:
                flow = exec_set_block(s);
                break;
            case Stmt::Kind::macro:
                set(s.symbol, run.make<Macro>(*s.macro, scope_));
                break;
            case Stmt::Kind::call:
                flow = exec_call(s);
                break;
            case Stmt::Kind::filter: {
                operands_.push_back(captured(s.body));
                const Value v = run.failed() ? Value() : eval(*s.exprs[0]);
                operands_.pop_back();
                if (!run.failed()) write_value(v);
                break;
            }
            case Stmt::Kind::with:
                flow = exec_with(s);
                break;
            case Stmt::Kind::block: {
                const Swap<Value> outside(scope_, Value());
                flow = in_scope(s.body);
                break;
            }
            case Stmt::Kind::scope:
                flow = in_scope(s.body);
                break;
            case Stmt::Kind::autoescape:
                flow = exec_autoescape(s);
                break;
            case Stmt::Kind::stop:
                flow = Flow::stop;
                break;
            case Stmt::Kind::next:
                flow = Flow::next;
                break;
        }
    }
    if (!run.failed()) return flow;
    note_place(s.at);
    return Flow::failed;
}

Interpreter::Flow Interpreter::exec_branch(const Stmt& s) {
    for (const Branch& b : s.branches) {
        const bool taken = b.condition == nullptr || truth(eval(*b.condition));
        if (run.failed()) return Flow::failed;
        if (taken) return exec(b.body);
    }
    return Flow::on;
}

Interpreter::Flow Interpreter::in_scope(const Body& body) {
    const Swap<Value> scope(scope_, run.make<Scope>(scope_));
    return exec(body);
}

Value Interpreter::captured(const Body& body) {
    std::string text;
    {
        const Swap<std::string*> out(out_, &text);
        in_scope(body);
    }
    open_bytes_ -= std::min(open_bytes_, text.size());
    return run.text(std::move(text), autoescape_);
}

Interpreter::Flow Interpreter::exec_set_block(const Stmt& s) {
    Value v = captured(s.body);
    if (s.exprs[0] != nullptr && !run.failed()) {
        operands_.push_back(std::move(v));
        v = eval(*s.exprs[0]);
        operands_.pop_back();
    }
    if (!run.failed()) assign(s.targets[0], v);
    return Flow::on;
}

Interpreter::Flow Interpreter::exec_call(const Stmt& s) {
    const Expr& e = *s.exprs[0];
    const Value callee = eval(*e.kids[0]);
    Arguments arguments;
    if (run.failed() || !eval_arguments(e.arguments, arguments)) return Flow::failed;
    arguments.named.emplace_back("caller", run.make<Macro>(*s.macro, scope_));
    const Value v = call(callee, std::move(arguments));
    if (run.failed()) {
        note_place(e.at);
        return Flow::failed;
    }
    write_value(v);
    return Flow::on;
}

Interpreter::Flow Interpreter::exec_with(const Stmt& s) {
    Values values;
    for (const ExprPtr& e : s.exprs) {
        values.push_back(eval(*e));
        if (run.failed()) return Flow::failed;
    }
    const Swap<Value> scope(scope_, run.make<Scope>(scope_));
    for (std::size_t i = 0; i < values.size(); ++i) assign(s.targets[i], values[i]);
    return exec(s.body);
}

Interpreter::Flow Interpreter::exec_autoescape(const Stmt& s) {
    const bool on = truth(eval(*s.exprs[0]));
    const Swap<bool> escaping(autoescape_, bool{on});
    return in_scope(s.body);
}

// ---- loops
// -----------------------------------------------------------------------------------------------------------

Interpreter::Flow Interpreter::exec_for(const Stmt& s) {
    const Value iterable = eval(*s.exprs[0]);
    Values source;
    if (run.failed()) return Flow::failed;
    if (!elements(*this, iterable, source)) {
        note_place(s.exprs[0]->at);
        return Flow::failed;
    }
    const Value loop = run.make<Loop>(s);
    loop.as<Loop>().outer = scope_;
    return exec_loop(loop, std::move(source));
}

bool Interpreter::pull(Loop& loop) {
    const Stmt& s = loop.statement;
    while (loop.taken < loop.source.size()) {
        Value item = std::move(loop.source[loop.taken++]);
        bool passes = true;
        if (s.exprs[1] != nullptr) {
            // The condition sees the item and what is around the loop, but no `loop`.
            const Swap<Value> scope(scope_, run.make<Scope>(loop.outer));
            assign(s.targets[0], item);
            passes = !run.failed() && truth(eval(*s.exprs[1]));
            if (run.failed()) return false;
        }
        if (!passes) continue;
        loop.ready.push_back(std::move(item));
        return true;
    }
    return false;
}

Interpreter::Flow Interpreter::exec_loop(const Value& loop_object, Values source) {
    auto& loop = loop_object.as<Loop>();
    const Stmt& s = loop.statement;
    loop.charge(source.size() * sizeof(Value));
    loop.source = std::move(source);
    Value scope;
    Flow flow = Flow::on;
    bool completed = false;
    while (flow != Flow::stop && run.work()) {
        if (loop.waiting() == 0 && !pull(loop)) break;
        loop.previous = std::move(loop.current);
        loop.current = loop.take();
        ++loop.index;
        // A scope that nothing has kept is used again.
        if (!scope.is_undefined() && scope.object()->references == 1)
            scope.as<Scope>().variables.clear();
        else
            scope = run.make<Scope>(loop.outer);
        const Swap<Value> inside(scope_, Value(scope));
        assign(s.targets[0], loop.current);
        set(program_.loop, loop_object);
        flow = exec(s.body);
        if (flow == Flow::failed) return flow;
        completed = completed || flow == Flow::on;
    }
    if (run.failed()) return Flow::failed;
    // As Jinja has it: also where all rounds ended in break or continue.
    if (!completed && !s.otherwise.empty()) {
        const Swap<Value> outside(scope_, run.make<Scope>(loop.outer));
        return exec(s.otherwise);
    }
    return Flow::on;
}

Value Interpreter::call_loop(const Value& object, Arguments arguments) {
    auto& loop = object.as<Loop>();
    if (!loop.statement.recursive) return run.fail("only a loop marked 'recursive' can be called");
    if (arguments.positional.size() != 1 || !arguments.named.empty())
        return run.fail("loop() takes one argument: what to go through");
    Values source;
    if (!elements(*this, arguments.positional[0], source)) return {};
    const Depth depth(*this);
    if (run.failed()) return {};
    const Value inner = run.make<Loop>(loop.statement);
    inner.as<Loop>().outer = loop.outer;
    inner.as<Loop>().depth = loop.depth + 1;
    std::string text;
    {
        const Swap<std::string*> out(out_, &text);
        exec_loop(inner, std::move(source));
    }
    open_bytes_ -= std::min(open_bytes_, text.size());
    return run.text(std::move(text), autoescape_);
}

Value Interpreter::loop_attribute(Loop& loop, std::string_view name) {
    const auto all = [&] {
        while (pull(loop)) {
        }
        return loop.index + 1 + static_cast<std::int64_t>(loop.waiting());
    };
    if (name == "index") return Value::integer(loop.index + 1);
    if (name == "index0") return Value::integer(loop.index);
    if (name == "first") return Value::boolean(loop.index == 0);
    if (name == "last") return Value::boolean(loop.waiting() == 0 && !pull(loop));
    if (name == "length") return Value::integer(all());
    if (name == "revindex") return Value::integer(all() - loop.index);
    if (name == "revindex0") return Value::integer(all() - loop.index - 1);
    if (name == "depth") return Value::integer(loop.depth + 1);
    if (name == "depth0") return Value::integer(loop.depth);
    if (name == "previtem") return loop.index > 0 ? loop.previous : run.undefined("there is no previous item");
    if (name == "nextitem")
        return loop.waiting() != 0 || pull(loop) ? loop.ready[loop.first_ready]
                                                 : run.undefined("there is no next item");
    return Value::missing();
}

// ---- macros
// ----------------------------------------------------------------------------------------------------------

Value Interpreter::call_macro(Macro& macro, Arguments arguments) {
    const MacroDefinition& d = macro.definition;
    const Depth depth(*this);
    if (!run.work()) return {};
    const Value keep(&macro);
    Values& positional = arguments.positional;
    auto& named = arguments.named;
    const auto take = [&](std::string_view name, Value& out) {
        const auto at = std::find_if(named.begin(), named.end(), [&](const auto& n) { return n.first == name; });
        if (at == named.end()) return false;
        out = std::move(at->second);
        named.erase(at);
        return true;
    };
    const Value scope = run.make<Scope>(macro.scope);
    const Swap<Value> inside(scope_, Value(scope));
    bool own_caller = false;
    std::vector<const Parameter*> missing;
    for (std::size_t i = 0; i < d.parameters.size(); ++i) {
        const Parameter& p = d.parameters[i];
        own_caller = own_caller || p.symbol == program_.caller;
        Value v;
        if (i < positional.size())
            v = positional[i];
        else if (!take(p.name, v))
            v = p.value != nullptr ? eval(*p.value) : run.undefined(cat("parameter '", p.name, "' was not provided"));
        if (run.failed()) return {};
        set(p.symbol, std::move(v));
    }
    if (d.uses_caller && !own_caller) {
        Value caller;
        if (!take("caller", caller)) caller = run.undefined("No caller defined");
        set(program_.caller, std::move(caller));
    }
    if (d.uses_kwargs) {
        std::vector<Dict::Entry> entries;
        entries.reserve(named.size());
        for (auto& [name, value] : named) entries.push_back({run.text(name), std::move(value)});
        named.clear();
        set(program_.kwargs, run.make<Dict>(std::move(entries)));
    }
    if (!named.empty()) return run.fail(cat("macro '", d.name, "' takes no keyword argument '", named[0].first, "'"));
    if (d.uses_varargs) {
        Values rest;
        for (std::size_t i = d.parameters.size(); i < positional.size(); ++i) rest.push_back(std::move(positional[i]));
        set(program_.varargs, run.tuple(std::move(rest)));
    } else if (positional.size() > d.parameters.size()) {
        return run.fail(cat("macro '", d.name, "' takes not more than ", d.parameters.size(), " arguments, not ",
                            positional.size()));
    }
    std::string text;
    {
        const Swap<std::string*> out(out_, &text);
        exec(d.body);
    }
    open_bytes_ -= std::min(open_bytes_, text.size());
    return run.text(std::move(text), autoescape_);
}

}  // namespace hearth::text::jinja
