// Expressions.
#include <algorithm>

#include "hearth/base/cat.hpp"
#include "text/jinja/interpreter.hpp"

namespace hearth::text::jinja {

std::string undefined_sentence(const Value& v) {
    return v.has_object() ? v.as<String>().text : std::string("the value is undefined");
}

const Value& Interpreter::constant(std::uint32_t index) {
    if (!made_[index]) {
        const Constant& c = program_.constants[index];
        Value& v = constants_[index];
        switch (c.kind) {
            case Kind::boolean:
                v = Value::boolean(c.integer != 0);
                break;
            case Kind::integer:
                v = Value::integer(c.integer);
                break;
            case Kind::real:
                v = Value::real(c.real);
                break;
            case Kind::string:
                v = run.text(c.text);
                break;
            case Kind::big:
                v = run.make<String>(c.text, false, Kind::big);
                break;
            default:
                v = Value::none();
                break;
        }
        made_[index] = true;
    }
    return constants_[index];
}

Value Interpreter::eval(const Expr& e) {
    if (!run.work()) {
        note_place(e.at);
        return {};
    }
    if (e.op == Op::constant) return constant(e.index);
    if (e.op == Op::name) return lookup(e.index);
    const Depth depth(*this);
    Value v = run.failed() ? Value() : eval_inner(e);
    if (run.failed()) note_place(e.at);
    return v;
}

bool Interpreter::eval_kids(const Expr& e, Values& out) {
    out.reserve(e.kids.size());
    for (const ExprPtr& kid : e.kids) {
        out.push_back(eval(*kid));
        if (run.failed()) return false;
    }
    return true;
}

Value Interpreter::eval_inner(const Expr& e) {
    switch (e.op) {
        case Op::constant:
            return constant(e.index);
        case Op::name:
            return lookup(e.index);
        case Op::operand:
            return operands_.back();
        case Op::list:
        case Op::tuple: {
            Values items;
            if (!eval_kids(e, items)) return {};
            return e.op == Op::list ? run.list(std::move(items)) : run.tuple(std::move(items));
        }
        case Op::dict:
            return eval_dict(e);
        case Op::attribute:
            return eval_attribute(e);
        case Op::item:
            return eval_item(e);
        case Op::slice:
            return run.fail("a slice stands where no value can be cut");
        case Op::call:
            return eval_call(e);
        case Op::filter:
            return eval_filter(e);
        case Op::test:
            return eval_test(e);
        case Op::negation: {
            const Value v = eval(*e.kids[0]);
            return Value::boolean(!truth(v));
        }
        case Op::both:
        case Op::either: {
            Value v = eval(*e.kids[0]);
            if (run.failed() || truth(v) == (e.op == Op::either)) return v;
            return eval(*e.kids[1]);
        }
        case Op::conditional: {
            const bool taken = truth(eval(*e.kids[0]));
            if (run.failed()) return {};
            if (taken) return eval(*e.kids[1]);
            if (e.kids[2] != nullptr) return eval(*e.kids[2]);
            return run.undefined("the inline if-expression evaluated to false and no else section was defined.");
        }
        case Op::concat:
            return eval_concat(e);
        case Op::compare:
            return eval_compare(e);
        case Op::negate:
        case Op::plus: {
            const Value v = eval(*e.kids[0]);
            if (run.failed()) return {};
            return e.op == Op::negate ? binary(Op::negate, v, Value()) : binary(Op::plus, v, Value());
        }
        default: {
            const Value a = eval(*e.kids[0]);
            if (run.failed()) return {};
            const Value b = eval(*e.kids[1]);
            if (run.failed()) return {};
            return binary(e.op, a, b);
        }
    }
}

Value Interpreter::eval_dict(const Expr& e) {
    std::vector<Dict::Entry> entries;
    for (std::size_t i = 0; i + 1 < e.kids.size(); i += 2) {
        Value key = eval(*e.kids[i]);
        if (run.failed()) return {};
        if (!hashable(key)) return run.fail(cat("unhashable type: '", type_name(key), "'"));
        Value value = eval(*e.kids[i + 1]);
        if (run.failed()) return {};
        entries.push_back({std::move(key), std::move(value)});
    }
    return run.make<Dict>(std::move(entries));
}

Value Interpreter::eval_attribute(const Expr& e) {
    const Value object = eval(*e.kids[0]);
    if (run.failed()) return {};
    if (e.method >= 0 || (!object.is(Kind::dict) && !object.is(Kind::name_space))) return attribute(object, e.name);
    // The usual way, without a search for methods.
    if (object.is(Kind::dict)) {
        if (const Value* found = object.as<Dict>().find(std::string_view(e.name))) return *found;
    } else if (const Value* found = object.as<NameSpace>().find(e.name)) {
        return *found;
    }
    return attribute(object, e.name);
}

Value Interpreter::eval_item(const Expr& e) {
    const Value object = eval(*e.kids[0]);
    if (run.failed()) return {};
    const Expr& key = *e.kids[1];
    if (key.op != Op::slice) {
        const Value k = eval(key);
        return run.failed() ? Value() : item(object, k);
    }
    Value parts[3];
    for (std::size_t i = 0; i < 3; ++i) {
        parts[i] = key.kids[i] != nullptr ? eval(*key.kids[i]) : Value::none();
        if (run.failed()) return {};
    }
    return slice(object, parts[0], parts[1], parts[2]);
}

bool Interpreter::spread(const Argument& a, const Value& v, Arguments& out) {
    if (a.how == Argument::How::list) {
        Values items;
        if (!elements(*this, v, items)) return false;
        for (Value& item : items) out.positional.push_back(std::move(item));
        return true;
    }
    if (!v.is(Kind::dict)) {
        run.fail(cat("what follows '**' must be a mapping, not '", type_name(v), "'"));
        return false;
    }
    for (const Dict::Entry& entry : v.as<Dict>().entries) {
        if (!entry.key.is_string()) {
            run.fail("the keys of what follows '**' must be strings");
            return false;
        }
        if (std::any_of(out.named.begin(), out.named.end(),
                        [&](const auto& n) { return n.first == entry.key.text(); })) {
            run.fail(cat("the argument '", entry.key.text(), "' is given twice"));
            return false;
        }
        if (!run.work(1 + out.named.size())) return false;
        out.named.emplace_back(entry.key.text(), entry.value);
    }
    return true;
}

bool Interpreter::eval_arguments(const std::vector<Argument>& list, Arguments& out) {
    for (const Argument& a : list) {
        Value v = eval(*a.value);
        if (run.failed()) return false;
        if (a.how == Argument::How::positional)
            out.positional.push_back(std::move(v));
        else if (a.how == Argument::How::named)
            out.named.emplace_back(a.name, std::move(v));
        else if (!spread(a, v, out))
            return false;
    }
    return true;
}

Value Interpreter::eval_call(const Expr& e) {
    const Expr& callee = *e.kids[0];
    if (callee.op == Op::attribute && callee.method >= 0) {
        const Value object = eval(*callee.kids[0]);
        if (run.failed()) return {};
        const MethodEntry* const method = method_of(object, callee.method);
        if (method != nullptr && method->native.run != nullptr) {
            Arguments arguments;
            return eval_arguments(e.arguments, arguments) ? call(method->native, object, std::move(arguments))
                                                          : Value();
        }
        const Value function = attribute(object, callee.name);
        Arguments arguments;
        if (run.failed() || !eval_arguments(e.arguments, arguments)) return {};
        return call(function, std::move(arguments));
    }
    const Value function = eval(callee);
    Arguments arguments;
    if (run.failed() || !eval_arguments(e.arguments, arguments)) return {};
    return call(function, std::move(arguments));
}

Value Interpreter::call(const NativeEntry& entry, Value self, Arguments arguments) {
    const Depth depth(*this);
    if (!run.work()) return {};
    Call c(*this, entry, std::move(self), std::move(arguments));
    return c.bind() ? entry.run(c) : Value();
}

Value Interpreter::call(const Value& callee, Arguments arguments) {
    switch (callee.kind()) {
        case Kind::function:
            return call(callee.as<Function>().entry, callee.as<Function>().self, std::move(arguments));
        case Kind::macro:
            return call_macro(callee.as<Macro>(), std::move(arguments));
        case Kind::loop:
            return call_loop(callee, std::move(arguments));
        case Kind::joiner: {
            auto& joiner = callee.as<Joiner>();
            if (!joiner.used) {
                joiner.used = true;
                return run.text(std::string());
            }
            return joiner.separator;
        }
        case Kind::undefined:
            return run.fail(undefined_sentence(callee));
        default:
            return run.fail(cat("'", type_name(callee), "' object is not callable"));
    }
}

Value Interpreter::eval_filter(const Expr& e) {
    Value object = eval(*e.kids[0]);
    if (run.failed()) return {};
    if (e.native == nullptr) return run.fail(cat("there is no filter named '", e.name, "'"));
    Arguments arguments;
    if (!eval_arguments(e.arguments, arguments)) return {};
    return call(*e.native, std::move(object), std::move(arguments));
}

Value Interpreter::eval_test(const Expr& e) {
    Value object = eval(*e.kids[0]);
    if (run.failed()) return {};
    if (e.native == nullptr) return run.fail(cat("there is no test named '", e.name, "'"));
    Arguments arguments;
    if (!eval_arguments(e.arguments, arguments)) return {};
    const Value v = call(*e.native, std::move(object), std::move(arguments));
    return Value::boolean(truth(v) != e.negated);
}

Value Interpreter::eval_concat(const Expr& e) {
    Values parts;
    if (!eval_kids(e, parts)) return {};
    std::string text;
    for (const Value& part : parts) {
        if (autoescape_ && !part.is_safe())
            append_escaped(text, str(*this, part));
        else
            append_text(*this, text, part);
        if (run.failed() || !run.work_text(text.size()) || !run.room(text.size())) return {};
    }
    return run.text(std::move(text), autoescape_);
}

Value Interpreter::eval_compare(const Expr& e) {
    Value left = eval(*e.kids[0]);
    for (std::size_t i = 0; i < e.comparisons.size(); ++i) {
        if (run.failed()) return {};
        Value right = eval(*e.kids[i + 1]);
        if (run.failed()) return {};
        bool holds = false;
        switch (e.comparisons[i]) {
            case Comparison::eq:
                holds = equal(run, left, right);
                break;
            case Comparison::ne:
                holds = !equal(run, left, right);
                break;
            case Comparison::lt:
                holds = less(run, left, right, "<");
                break;
            case Comparison::gt:
                holds = less(run, right, left, ">");
                break;
            case Comparison::le:
                holds = less_or_equal(run, left, right, "<=");
                break;
            case Comparison::ge:
                holds = less_or_equal(run, right, left, ">=");
                break;
            case Comparison::in:
                holds = contains(run, right, left);
                break;
            case Comparison::not_in:
                holds = !contains(run, right, left);
                break;
        }
        if (!holds) return Value::boolean(false);
        left = std::move(right);
    }
    return Value::boolean(true);
}

// ---- generators
// ------------------------------------------------------------------------------------------------------

namespace {
bool begin(Interpreter& in, Generator& g) {
    if (!g.begun) {
        g.begun = true;
        // What it is made from may go through this generator again, which is then empty.
        Values made;
        if (!g.fill(g.call, made)) return false;
        g.items = std::move(made);
        g.charge(g.items.size() * sizeof(Value));
    }
    return !in.run.failed();
}
}  // namespace

bool Interpreter::take_all(Generator& generator, Values& out) {
    const Depth depth(*this);
    const Value keep(&generator);
    if (run.failed() || !begin(*this, generator)) return false;
    out.assign(generator.items.begin() + static_cast<std::ptrdiff_t>(generator.next), generator.items.end());
    generator.next = generator.items.size();
    return run.work(out.size());
}

bool Interpreter::take_one(Generator& generator, Value& out) {
    const Depth depth(*this);
    const Value keep(&generator);
    if (run.failed() || !begin(*this, generator) || generator.next == generator.items.size()) return false;
    out = generator.items[generator.next++];
    return true;
}

}  // namespace hearth::text::jinja
