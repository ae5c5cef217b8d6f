// Filters of single values.
#include <algorithm>
#include <charconv>
#include <cmath>

#include "hearth/base/cat.hpp"
#include "text/jinja/interpreter.hpp"
#include "text/jinja/python_text.hpp"

namespace hearth::text::jinja {

namespace {

// round(d, digits) as Python: the decimal number of so many digits that is nearest to the exact value.
double round_to(double d, std::int64_t digits) {
    if (!std::isfinite(d) || digits > 330) return d;
    if (digits < -310) return std::copysign(0.0, d);
    double out = 0;
    if (digits >= 0) {
        const std::string text = format_real(d, static_cast<int>(digits), 'f');
        return parse_real(text, out) ? out : d;
    }
    // Digits before the point: the integer part exactly, then to even at ties.
    const std::string exact = format_real(std::fabs(d), 0, 'f');
    const auto cut = static_cast<std::size_t>(-digits);
    const std::string text = exact.size() < cut ? std::string(cut - exact.size(), '0') + exact : exact;
    std::string head = text.substr(0, text.size() - cut);
    const std::string tail = text.substr(text.size() - cut);
    const std::string half = cat("5", std::string(cut - 1, '0'));
    const bool fraction = std::floor(std::fabs(d)) != std::fabs(d);
    const bool odd = !head.empty() && ((head.back() - '0') & 1) != 0;
    const bool up = tail > half || (tail == half && (fraction || odd));
    parse_real(cat(head.empty() ? "0" : head, std::string(cut, '0')), out);
    if (up) {
        double unit = 0;
        parse_real(cat("1", std::string(cut, '0')), unit);
        out += unit;
    }
    return std::copysign(out, d);
}

double ten_to(std::int64_t n) {
    double out = 1;
    parse_real(cat("1e", n), out);
    return out;
}

Value round_integer(Call& call, std::int64_t i, std::int64_t digits) {
    if (digits >= 0) return Value::integer(i);
    if (digits < -19) return Value::integer(0);
    std::int64_t unit = 1;
    for (std::int64_t n = digits; n < 0; ++n) {
        if (unit > INT64_MAX / 20) return Value::integer(0);
        unit *= 10;
    }
    const std::int64_t rest = i % unit, base = i - rest, size = rest < 0 ? -rest : rest;
    const bool odd = (base / unit) % 2 != 0;
    const bool up = size * 2 > unit || (size * 2 == unit && odd);
    return up ? call.in.binary(Op::add, Value::integer(base), Value::integer(rest < 0 ? -unit : unit))
              : Value::integer(base);
}

}  // namespace

Value filter_abs(Call& call) {
    const Value& v = call.self;
    if (v.is(Kind::real)) return Value::real(std::fabs(v.as_real()));
    if (v.is_integer())
        return v.as_integer() < 0 ? call.in.binary(Op::negate, v, Value()) : Value::integer(v.as_integer());
    return call.fail(v.is_undefined() ? undefined_sentence(v)
                                      : cat("bad operand type for abs(): '", type_name(v), "'"));
}

Value filter_attr(Call& call) { return call.in.own_attribute(call.self, str(call.in, call[0])); }

Value filter_default(Call& call) {
    if (!call.self.is_undefined() && !(call.flag(1) && !truth(call.self))) return call.self;
    return call.given(0) ? call[0] : call.run.text(std::string());
}

Value filter_float(Call& call) {
    const Value& v = call.self;
    double out = 0;
    if (v.is_number()) return Value::real(v.as_real());
    if (v.is_undefined()) return call.fail(undefined_sentence(v));
    const bool readable = (v.is_string() && call.run.work_text(v.text().size()) && parse_real(v.text(), out)) ||
                          (v.is(Kind::big) && parse_real(v.as<String>().text, out));
    if (readable) return Value::real(out);
    return call.given(0) ? call[0] : Value::real(0);
}

Value filter_int(Call& call) {
    const Value& v = call.self;
    // A base that Python would refuse leaves the number of the text as a float.
    const std::int64_t base = !call.given(1) ? 10 : call[1].is_integer() ? call[1].as_integer() : 1;
    const bool has_base = base == 0 || (base >= 2 && base <= 36);
    std::int64_t out = 0;
    Value otherwise = call.given(0) ? call[0] : Value::integer(0);
    if (v.is_undefined()) return call.fail(undefined_sentence(v));
    if (v.is_integer()) return Value::integer(v.as_integer());
    if (v.is(Kind::big)) return v;
    double real = 0;
    if (v.is(Kind::real)) {
        real = v.as_real();
    } else if (v.is_string()) {
        if (!call.run.work_text(v.text().size())) return {};
        if (has_base && parse_integer(v.text(), static_cast<int>(base), out)) return Value::integer(out);
        if (!parse_real(v.text(), real)) return otherwise;
    } else {
        return otherwise;
    }
    if (!std::isfinite(real)) return otherwise;
    if (real >= 9223372036854775808.0 || real < -9223372036854775808.0)
        return call.run.make<String>(format_real(std::trunc(real), 0, 'f'), false, Kind::big);
    return Value::integer(static_cast<std::int64_t>(real));
}

Value filter_round(Call& call) {
    std::int64_t digits = 0;
    std::string_view method = "common";
    if (!call.integer(0, digits) || !call.string(1, method)) return {};
    const Value& v = call.self;
    if (method != "common" && method != "ceil" && method != "floor")
        return call.fail("method must be common, ceil or floor");
    if (!v.is_number())
        return call.fail(v.is_undefined() ? undefined_sentence(v)
                                          : cat("type ", type_name(v), " doesn't define __round__ method"));
    if (method == "common")
        return v.is_integer() ? round_integer(call, v.as_integer(), digits)
                              : Value::real(round_to(v.as_real(), digits));
    if (digits > 300 || digits < -300) return call.fail("the precision may be at most 300");
    const double scale = ten_to(digits), scaled = v.as_real() * scale;
    const double whole = method == "ceil" ? std::ceil(scaled) : std::floor(scaled);
    return Value::real(whole / scale);
}

Value filter_random(Call& call) {
    return call.fail("the filter 'random' is not known here: a rendering depends on its input only");
}

Value filter_tojson(Call& call) {
    JsonStyle style;
    style.ensure_ascii = call.flag(0);
    style.sort_keys = call.flag(3);
    if (call.given(1) && !call[1].is_none()) {
        style.has_indent = true;
        style.item_separator.assign(1, ',');
        if (call[1].is_string()) {
            style.indent = call[1].text();
        } else {
            std::int64_t width = 0;
            if (!call.integer(1, width)) return {};
            style.indent.assign(static_cast<std::size_t>(std::clamp<std::int64_t>(width, 0, 1000)), ' ');
        }
    }
    if (call.given(2) && !call[2].is_none()) {
        Values parts;
        if (!elements(call.in, call[2], parts)) return {};
        if (parts.size() != 2 || !parts[0].is_string() || !parts[1].is_string())
            return call.fail("separators must be two strings");
        style.item_separator = parts[0].text();
        style.key_separator = parts[1].text();
    }
    std::string out;
    append_json(call.run, out, call.self, style);
    return call.run.text(std::move(out));
}

// ---- pprint
// ------------------------------------------------------------------------------------------------------------

namespace {

constexpr std::size_t kLine = 80;

// pprint.pformat: on one line where it fits, else an element on each; the keys of mappings sorted.
class Printer {
public:
    explicit Printer(Interpreter& in) : in_(in) {}

    // `indent`: columns before it, `allowance`: columns that must be left behind it.
    void print(std::string& out, const Value& v, std::size_t indent, std::size_t allowance, std::size_t depth) {
        if (!in_.run.deeper(depth) || !in_.run.room(out.size())) return;
        const std::string flat = one_line(v, depth);
        const bool nested =
            (v.is_sequence() && !v.as<List>().items.empty()) || (v.is(Kind::dict) && !v.as<Dict>().entries.empty());
        if (!nested || code_points(flat) + indent + allowance <= kLine) {
            out += flat;
            return;
        }
        if (v.is(Kind::dict)) return dict(out, v, indent, allowance, depth);
        const Values& items = v.as<List>().items;
        const bool is_list = v.is(Kind::list), single = !is_list && items.size() == 1;
        out += is_list ? '[' : '(';
        for (std::size_t i = 0; i < items.size() && !in_.run.failed(); ++i) {
            if (i != 0) out += cat(",\n", std::string(indent + 1, ' '));
            print(out, items[i], indent + 1, i + 1 == items.size() ? allowance + (single ? 2 : 1) : 1, depth + 1);
        }
        out += is_list ? "]" : single ? ",)" : ")";
    }

private:
    std::vector<const Dict::Entry*> sorted(const Dict& dict) {
        std::vector<const Dict::Entry*> order;
        for (const Dict::Entry& e : dict.entries) order.push_back(&e);
        merge_sort(order,
                   [&](const Dict::Entry* a, const Dict::Entry* b) { return key_order(in_.run, a->key, b->key) < 0; });
        return order;
    }

    std::string one_line(const Value& v, std::size_t depth) {
        std::string out;
        if (!in_.run.work() || !in_.run.deeper(depth)) return out;
        if (v.is(Kind::dict)) {
            out += '{';
            for (const Dict::Entry* e : sorted(v.as<Dict>())) {
                if (out.size() > 1) out += ", ";
                out += cat(one_line(e->key, depth + 1), ": ", one_line(e->value, depth + 1));
                if (!in_.run.room(out.size())) return out;
            }
            return out + '}';
        }
        if (!v.is_sequence()) {
            append_repr(in_, out, v, depth);
            return out;
        }
        const Values& items = v.as<List>().items;
        out += v.is(Kind::list) ? '[' : '(';
        for (std::size_t i = 0; i < items.size() && in_.run.room(out.size()); ++i)
            out += cat(i != 0 ? ", " : "", one_line(items[i], depth + 1));
        return out + (v.is(Kind::list) ? "]" : items.size() == 1 ? ",)" : ")");
    }

    void dict(std::string& out, const Value& v, std::size_t indent, std::size_t allowance, std::size_t depth) {
        out += '{';
        const auto order = sorted(v.as<Dict>());
        for (std::size_t i = 0; i < order.size() && !in_.run.failed(); ++i) {
            if (i != 0) out += cat(",\n", std::string(indent + 1, ' '));
            const std::string key = one_line(order[i]->key, depth + 1);
            out += key + ": ";
            print(out, order[i]->value, indent + code_points(key) + 3, i + 1 == order.size() ? allowance + 1 : 1,
                  depth + 1);
        }
        out += '}';
    }

    Interpreter& in_;
};

}  // namespace

Value filter_pprint(Call& call) {
    std::string out;
    Printer(call.in).print(out, call.self, 0, 0, 0);
    return call.run.text(std::move(out));
}

}  // namespace hearth::text::jinja
