// Arithmetic as Python has it, with integers of 64 bits: a result beyond them is a failure.
#include <cmath>
#include <cstdint>

#include "hearth/base/cat.hpp"
#include "hearth/base/math.hpp"
#include "text/jinja/format.hpp"
#include "text/jinja/interpreter.hpp"

namespace hearth::text::jinja {

namespace {

constexpr std::int64_t kLowest = INT64_MIN, kHighest = INT64_MAX;

std::string_view sign_of(Op op) {
    switch (op) {
        case Op::add:
            return "+";
        case Op::subtract:
            return "-";
        case Op::multiply:
            return "*";
        case Op::divide:
            return "/";
        case Op::floor_divide:
            return "//";
        case Op::modulo:
            return "%";
        case Op::power:
            return "**";
        default:
            return "operator";
    }
}

Value too_large(Run& run) { return run.fail("the integer result has more than 64 bits", Code::out_of_range); }

bool multiply(std::int64_t a, std::int64_t b, std::int64_t& out) {
    if (a == 0 || b == 0) {
        out = 0;
        return true;
    }
    if ((a == -1 && b == kLowest) || (b == -1 && a == kLowest)) return false;
    if (a > 0 ? (b > 0 ? a > kHighest / b : b < kLowest / a) : (b > 0 ? a < kLowest / b : b < kHighest / a))
        return false;
    out = a * b;
    return true;
}

std::int64_t floor_divide(std::int64_t a, std::int64_t b) {
    const std::int64_t q = a / b;
    return a % b != 0 && (a < 0) != (b < 0) ? q - 1 : q;
}

// As CPython's float_divmod: the remainder has the divisor's sign, the quotient is a whole number.
void divide(double a, double b, double& quotient, double& remainder) {
    remainder = std::fmod(a, b);
    double q = (a - remainder) / b;
    if (remainder != 0) {
        if ((b < 0) != (remainder < 0)) {
            remainder += b;
            q -= 1;
        }
    } else {
        remainder = std::copysign(0.0, b);
    }
    quotient = q != 0 ? (q - std::floor(q) > 0.5 ? std::floor(q) + 1 : std::floor(q)) : std::copysign(0.0, a / b);
}

// x to a whole power with about 100 bits (products and sums with their exact errors), so that its rounding is pow's.
double whole_power(double x, std::uint64_t n) {
    double high = 1, low = 0, base = x, base_low = 0;
    const auto times = [](double& h, double& l, double bh, double bl) {
        const double product = h * bh;
        if (!std::isfinite(product)) {
            h = product;
            l = 0;
            return;
        }
        const double error = std::fma(h, bh, -product) + (h * bl + l * bh);
        h = product + error;
        l = error - (h - product);
    };
    for (; n != 0; n >>= 1) {
        if ((n & 1) != 0) times(high, low, base, base_low);
        if (n > 1) times(base, base_low, base, base_low);
    }
    return high;
}

Value real_power(Run& run, double x, double y) {
    if (y == 0 || x == 1) return Value::real(1);
    if (std::isnan(x) || std::isnan(y)) return Value::real(std::nan(""));
    const bool whole = std::floor(y) == y;
    if (x == 0 && y < 0) return run.fail("0.0 cannot be raised to a negative power");
    if (x < 0 && !whole && std::isfinite(y) && std::isfinite(x))
        return run.fail("a negative number to a fractional power is complex");
    double result = 0;
    if (whole && std::fabs(y) <= 4096) {
        result = whole_power(x, static_cast<std::uint64_t>(std::fabs(y)));
        if (y < 0) result = 1 / result;
    } else if (y == 0.5) {
        result = std::sqrt(x);
    } else if (std::isinf(y) || std::isinf(x) || x == 0) {
        const double size = std::fabs(x);
        if (std::isinf(y))
            result = size == 1 ? 1 : (size > 1) == (y > 0) ? HUGE_VAL : 0;
        else
            result = (size > 1) == (y > 0) ? HUGE_VAL : 0;
        return Value::real(result);
    } else {
        result = det_pow(std::fabs(x), y);
        if (x < 0 && std::fmod(std::fabs(y), 2) == 1) result = -result;
    }
    if (std::isinf(result) && std::isfinite(x))
        return run.fail("the result of the power is out of range", Code::out_of_range);
    return Value::real(result);
}

Value integer_power(Run& run, std::int64_t a, std::int64_t n) {
    if (n < 0) return real_power(run, static_cast<double>(a), static_cast<double>(n));
    std::int64_t result = 1;
    if (a == 0 || a == 1 || a == -1)
        return Value::integer(n == 0 ? 1 : a == -1 && n % 2 == 0 ? 1 : static_cast<int>(a));
    for (; n != 0; --n)  // at most 63 rounds before it overflows
        if (!multiply(result, a, result)) return too_large(run);
    return Value::integer(result);
}

Value integers(Run& run, Op op, std::int64_t a, std::int64_t b) {
    std::int64_t out = 0;
    switch (op) {
        case Op::add:
            if (b > 0 ? a > kHighest - b : a < kLowest - b) return too_large(run);
            return Value::integer(a + b);
        case Op::subtract:
            if (b < 0 ? a > kHighest + b : a < kLowest + b) return too_large(run);
            return Value::integer(a - b);
        case Op::multiply:
            return multiply(a, b, out) ? Value::integer(out) : too_large(run);
        case Op::power:
            return integer_power(run, a, b);
        default:
            break;
    }
    if (b == 0) return run.fail(op == Op::divide ? "division by zero" : "integer division or modulo by zero");
    if (op == Op::divide) return Value::real(static_cast<double>(a) / static_cast<double>(b));
    if (b == -1) {
        if (op == Op::modulo) return Value::integer(0);
        return a == kLowest ? too_large(run) : Value::integer(-a);
    }
    if (op == Op::floor_divide) return Value::integer(floor_divide(a, b));
    return Value::integer(a - floor_divide(a, b) * b);
}

Value reals(Run& run, Op op, double a, double b) {
    switch (op) {
        case Op::add:
            return Value::real(a + b);
        case Op::subtract:
            return Value::real(a - b);
        case Op::multiply:
            return Value::real(a * b);
        case Op::power:
            return real_power(run, a, b);
        default:
            break;
    }
    if (b == 0) return run.fail(op == Op::divide ? "float division by zero" : "float floor division or modulo by zero");
    if (op == Op::divide) return Value::real(a / b);
    double quotient = 0, remainder = 0;
    divide(a, b, quotient, remainder);
    return Value::real(op == Op::modulo ? remainder : quotient);
}

Value repeat(Run& run, const Value& v, std::int64_t times) {
    const std::size_t n = times > 0 ? static_cast<std::size_t>(times) : 0;
    const std::size_t size = v.is_string() ? v.text().size() : v.as<List>().items.size();
    const std::size_t unit = v.is_string() ? 1 : sizeof(Value);
    if (size != 0 && n > run.limits().memory_bytes / size / unit) {
        run.room(run.limits().memory_bytes + 1);
        return {};
    }
    if (!run.room(size * n * unit) || !run.work(size * n / (v.is_string() ? 32 : 1) + 1)) return {};
    if (v.is_string()) {
        std::string out;
        out.reserve(size * n);
        for (std::size_t i = 0; i < n; ++i) out += v.text();
        return run.text(std::move(out), v.is_safe());
    }
    const Values& items = v.as<List>().items;
    Values out;
    out.reserve(size * n);
    for (std::size_t i = 0; i < n; ++i) out.insert(out.end(), items.begin(), items.end());
    return v.is(Kind::list) ? run.list(std::move(out)) : run.tuple(std::move(out));
}

Value joined(Run& run, const Value& a, const Value& b) {
    if (a.is_string()) {
        if (!run.room(a.text().size() + b.text().size()) || !run.work_text(a.text().size() + b.text().size()))
            return {};
        const bool safe = a.is_safe() || b.is_safe();
        std::string out;
        out.reserve(a.text().size() + b.text().size());
        for (const Value* v : {&a, &b}) {
            // Beside text that is marked as safe the other is escaped (markupsafe).
            if (safe && !v->is_safe())
                append_escaped(out, v->text());
            else
                out += v->text();
        }
        return run.text(std::move(out), safe);
    }
    const Values &x = a.as<List>().items, &y = b.as<List>().items;
    if (!run.room((x.size() + y.size()) * sizeof(Value)) || !run.work(x.size() + y.size())) return {};
    Values out;
    out.reserve(x.size() + y.size());
    out.insert(out.end(), x.begin(), x.end());
    out.insert(out.end(), y.begin(), y.end());
    return a.is(Kind::list) ? run.list(std::move(out)) : run.tuple(std::move(out));
}

}  // namespace

Value Interpreter::binary(Op op, const Value& a, const Value& b) {
    if (op == Op::negate || op == Op::plus) {
        if (a.is_undefined()) return run.fail(undefined_sentence(a));
        if (a.is_integer())
            return op == Op::plus ? Value::integer(a.as_integer()) : integers(run, Op::subtract, 0, a.as_integer());
        if (a.is(Kind::real)) return Value::real(op == Op::plus ? a.as_real() : -a.as_real());
        return run.fail(cat("bad operand type for unary ", op == Op::plus ? "+" : "-", ": '", type_name(a), "'"));
    }
    if (a.is_string() && op == Op::modulo) return format_percent(*this, a, b);
    if (a.is_undefined()) return run.fail(undefined_sentence(a));
    if (b.is_undefined()) return run.fail(undefined_sentence(b));
    if (a.is_integer() && b.is_integer()) return integers(run, op, a.as_integer(), b.as_integer());
    if (a.is_number() && b.is_number()) return reals(run, op, a.as_real(), b.as_real());
    if (op == Op::add && a.kind() == b.kind() && (a.is_string() || a.is_sequence())) return joined(run, a, b);
    if (op == Op::multiply) {
        if ((a.is_string() || a.is_sequence()) && b.is_integer()) return repeat(run, a, b.as_integer());
        if ((b.is_string() || b.is_sequence()) && a.is_integer()) return repeat(run, b, a.as_integer());
    }
    if (a.is(Kind::big) || b.is(Kind::big))
        return run.fail("cannot compute with an integer of more than 64 bits", Code::out_of_range);
    if (op == Op::add && a.is_string())
        return run.fail(cat("can only concatenate str (not \"", type_name(b), "\") to str"));
    return run.fail(
        cat("unsupported operand type(s) for ", sign_of(op), ": '", type_name(a), "' and '", type_name(b), "'"));
}

}  // namespace hearth::text::jinja
