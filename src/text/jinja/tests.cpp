// What follows `is`.
#include "hearth/base/cat.hpp"
#include "text/jinja/interpreter.hpp"
#include "text/jinja/python_text.hpp"

namespace hearth::text::jinja {

namespace {

bool remainder(Call& call, const Value& v, const Value& by, Value& out) {
    if (v.is_string()) {
        call.fail("not all arguments converted during string formatting");
        return false;
    }
    out = call.in.binary(Op::modulo, v, by);
    return !call.run.failed();
}

Value parity(Call& call, int wanted) {
    Value rest;
    return remainder(call, call.self, Value::integer(2), rest)
               ? Value::boolean(equal(call.run, rest, Value::integer(wanted)))
               : Value();
}

bool all_cased(Call& call, Has what) {
    const std::string text = str(call.in, call.self);
    return call.run.work_text(text.size() * 8) && is_all(text, what);
}

}  // namespace

Value test_odd(Call& call) { return parity(call, 1); }
Value test_even(Call& call) { return parity(call, 0); }
Value test_divisibleby(Call& call) {
    Value rest;
    return remainder(call, call.self, call[0], rest) ? Value::boolean(equal(call.run, rest, Value::integer(0)))
                                                     : Value();
}
Value test_defined(Call& call) { return Value::boolean(!call.self.is_undefined()); }
Value test_undefined(Call& call) { return Value::boolean(call.self.is_undefined()); }
Value test_none(Call& call) { return Value::boolean(call.self.is_none()); }
Value test_boolean(Call& call) { return Value::boolean(call.self.is(Kind::boolean)); }
Value test_false(Call& call) { return Value::boolean(call.self.is(Kind::boolean) && !truth(call.self)); }
Value test_true(Call& call) { return Value::boolean(call.self.is(Kind::boolean) && truth(call.self)); }
Value test_integer(Call& call) { return Value::boolean(call.self.is(Kind::integer) || call.self.is(Kind::big)); }
Value test_float(Call& call) { return Value::boolean(call.self.is(Kind::real)); }
Value test_number(Call& call) { return Value::boolean(call.self.is_number() || call.self.is(Kind::big)); }
Value test_string(Call& call) { return Value::boolean(call.self.is_string()); }
Value test_mapping(Call& call) { return Value::boolean(call.self.is(Kind::dict)); }
Value test_iterable(Call& call) { return Value::boolean(iterable(call.self)); }
Value test_sequence(Call& call) {
    const Value& v = call.self;
    return Value::boolean(v.is_sequence() || v.is_string() || v.is(Kind::dict) || v.is(Kind::range) ||
                          v.is_undefined());
}
Value test_callable(Call& call) {
    const Kind kind = call.self.kind();
    return Value::boolean(kind == Kind::function || kind == Kind::macro || kind == Kind::loop || kind == Kind::joiner ||
                          kind == Kind::undefined);
}
Value test_lower(Call& call) { return Value::boolean(all_cased(call, Has::lower)); }
Value test_upper(Call& call) { return Value::boolean(all_cased(call, Has::upper)); }
Value test_escaped(Call& call) { return Value::boolean(call.self.is_safe()); }
Value test_filter(Call& call) {
    return Value::boolean(call.self.is_string() && find_filter(call.self.text()) != nullptr);
}
Value test_test(Call& call) { return Value::boolean(call.self.is_string() && find_test(call.self.text()) != nullptr); }
Value test_in(Call& call) { return Value::boolean(contains(call.run, call[0], call.self)); }
// Identity: objects by themselves, plain values and texts by what they are.
Value test_sameas(Call& call) {
    const Value &a = call.self, &b = call[0];
    if (a.kind() != b.kind()) return Value::boolean(false);
    if (a.has_object() && !a.is_string() && !a.is_undefined()) return Value::boolean(a.object() == b.object());
    return Value::boolean(equal(call.run, a, b));
}
Value test_eq(Call& call) { return Value::boolean(equal(call.run, call.self, call[0])); }
Value test_ne(Call& call) { return Value::boolean(!equal(call.run, call.self, call[0])); }
Value test_lt(Call& call) { return Value::boolean(less(call.run, call.self, call[0], "<")); }
Value test_gt(Call& call) { return Value::boolean(less(call.run, call[0], call.self, ">")); }
Value test_le(Call& call) { return Value::boolean(less_or_equal(call.run, call.self, call[0], "<=")); }
Value test_ge(Call& call) { return Value::boolean(less_or_equal(call.run, call[0], call.self, ">=")); }

}  // namespace hearth::text::jinja
