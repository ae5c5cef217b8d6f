// Equality and order of values as Python 3 has them.
#include <algorithm>
#include <cmath>

#include "text/jinja/interpreter.hpp"
#include "text/jinja/python_text.hpp"
#include "text/jinja/value.hpp"

namespace hearth::text::jinja {

namespace {

// -1, 0, 1; 2: not comparable (NaN). Integers and floats compare by exact value.
int number_order(const Value& a, const Value& b) {
    if (a.is_integer() && b.is_integer())
        return a.as_integer() < b.as_integer() ? -1 : a.as_integer() > b.as_integer() ? 1 : 0;
    if (a.is(Kind::real) && b.is(Kind::real)) {
        const double x = a.as_real(), y = b.as_real();
        return x < y ? -1 : x > y ? 1 : x == y ? 0 : 2;
    }
    if (a.is(Kind::real)) {
        const int turned = number_order(b, a);
        return turned == 2 ? 2 : -turned;
    }
    const double y = b.as_real();
    if (std::isnan(y)) return 2;
    if (y >= 9223372036854775808.0) return -1;
    if (y < -9223372036854775808.0) return 1;
    const double whole = std::floor(y);
    const auto near = static_cast<std::int64_t>(whole);
    if (a.as_integer() != near) return a.as_integer() < near ? -1 : 1;
    return y > whole ? -1 : 0;
}

bool equal_lists(Run& run, const Values& a, const Values& b, std::size_t depth) {
    if (a.size() != b.size()) return false;
    for (std::size_t i = 0; i < a.size(); ++i)
        if (!equal(run, a[i], b[i], depth + 1)) return false;
    return true;
}

bool equal_dicts(Run& run, Dict& a, Dict& b, std::size_t depth) {
    if (a.entries.size() != b.entries.size()) return false;
    return std::all_of(a.entries.begin(), a.entries.end(), [&](const Dict::Entry& e) {
        const Value* other = b.find(e.key);
        return other != nullptr && equal(run, e.value, *other, depth + 1);
    });
}

int rank(const Value& v) {
    if (v.is_number()) return 0;
    if (v.is(Kind::big)) return 1;
    if (v.is_string()) return 2;
    if (v.is_none()) return 3;
    if (v.is_undefined()) return 4;
    if (v.is(Kind::tuple)) return 5;
    return 6;
}

int sign_of(int v) { return v < 0 ? -1 : v > 0 ? 1 : 0; }

}  // namespace

bool equal(Run& run, const Value& a, const Value& b, std::size_t depth) {
    if (!run.work() || !run.deeper(depth)) return false;
    if (a.is_number() && b.is_number()) return number_order(a, b) == 0;
    if (a.kind() != b.kind()) return false;
    switch (a.kind()) {
        case Kind::none:
        case Kind::undefined:
            return true;
        case Kind::big:
            return a.as<String>().text == b.as<String>().text;
        case Kind::string:
            return run.work_text(std::min(a.text().size(), b.text().size())) && a.text() == b.text();
        case Kind::list:
        case Kind::tuple:
            return a.object() == b.object() || equal_lists(run, a.as<List>().items, b.as<List>().items, depth);
        case Kind::dict:
            return a.object() == b.object() || equal_dicts(run, a.as<Dict>(), b.as<Dict>(), depth);
        case Kind::range: {
            const Range &x = a.as<Range>(), &y = b.as<Range>();
            return x.length == y.length &&
                   (x.length == 0 || (x.start == y.start && (x.length == 1 || x.step == y.step)));
        }
        default:
            return a.has_object() && a.object() == b.object();
    }
}

// NaN makes both orders false, and lists with one in them too.
bool less_or_equal(Run& run, const Value& a, const Value& b, std::string_view sign) {
    if (a.is_number() && b.is_number()) {
        const int order = number_order(a, b);
        return order == -1 || order == 0;
    }
    return less(run, a, b, sign) || (!run.failed() && equal(run, a, b));
}

bool less(Run& run, const Value& a, const Value& b, std::string_view sign, std::size_t depth) {
    if (!run.work() || !run.deeper(depth)) return false;
    if (a.is_number() && b.is_number()) return number_order(a, b) == -1;
    if (sign == ">" || sign == ">=") {
        // The sentence names the operands as they stand; the order is asked the other way round.
        if (!a.is_undefined() && !b.is_undefined() && !(a.is_string() && b.is_string()) &&
            !(a.is_sequence() && a.kind() == b.kind())) {
            run.fail(
                cat("'", sign, "' not supported between instances of '", type_name(b), "' and '", type_name(a), "'"));
            return false;
        }
    }
    // Code points and their UTF-8 have the same order.
    if (a.is_string() && b.is_string())
        return run.work_text(std::min(a.text().size(), b.text().size())) && a.text() < b.text();
    if (a.is_sequence() && a.kind() == b.kind()) {
        const Values &x = a.as<List>().items, &y = b.as<List>().items;
        for (std::size_t i = 0; i < x.size() && i < y.size(); ++i)
            if (!equal(run, x[i], y[i], depth + 1)) return !run.failed() && less(run, x[i], y[i], sign, depth + 1);
        return x.size() < y.size();
    }
    if (a.is_undefined() || b.is_undefined()) {
        run.fail(undefined_sentence(a.is_undefined() ? a : b));
        return false;
    }
    run.fail(cat("'", sign, "' not supported between instances of '", type_name(a), "' and '", type_name(b), "'"));
    return false;
}

int key_order(Run& run, const Value& a, const Value& b) {
    const int x = rank(a), y = rank(b);
    if (x != y) return x < y ? -1 : 1;
    switch (x) {
        case 0: {
            const int order = number_order(a, b);
            if (order != 2) return order;
            // NaN stands after all numbers; here it equals itself, so that the order is one.
            const bool first = a.is(Kind::real) && std::isnan(a.as_real()),
                       second = b.is(Kind::real) && std::isnan(b.as_real());
            return first == second ? 0 : first ? 1 : -1;
        }
        case 1:
            return sign_of(a.as<String>().text.compare(b.as<String>().text));
        case 2:
            return run.work_text(std::min(a.text().size(), b.text().size())) ? sign_of(a.text().compare(b.text())) : 0;
        case 3:
        case 4:
            return 0;
        case 5: {
            if (!run.work()) return 0;
            const Values &p = a.as<List>().items, &q = b.as<List>().items;
            for (std::size_t i = 0; i < p.size() && i < q.size(); ++i)
                if (const int order = key_order(run, p[i], q[i]); order != 0) return order;
            return p.size() < q.size() ? -1 : p.size() > q.size() ? 1 : 0;
        }
        default: {
            const auto p = reinterpret_cast<std::uintptr_t>(a.object()),
                       q = reinterpret_cast<std::uintptr_t>(b.object());
            return p < q ? -1 : p > q ? 1 : 0;
        }
    }
}

bool contains(Run& run, const Value& container, const Value& item) {
    const auto any = [&](const Values& items) {
        return std::any_of(items.begin(), items.end(), [&](const Value& v) { return equal(run, v, item); });
    };
    switch (container.kind()) {
        case Kind::undefined:
            return false;
        case Kind::string:
            if (!item.is_string()) {
                run.fail(item.is_undefined()
                             ? undefined_sentence(item)
                             : cat("'in <string>' requires string as left operand, not ", type_name(item)));
                return false;
            }
            return find_text(run, container.text(), item.text(), 0) != std::string_view::npos;
        case Kind::list:
        case Kind::tuple:
            return any(container.as<List>().items);
        case Kind::dict:
        case Kind::view: {
            Dict& dict = container.is(Kind::dict) ? container.as<Dict>() : container.as<View>().dict.as<Dict>();
            const auto what = container.is(Kind::dict) ? View::What::keys : container.as<View>().what;
            if (what == View::What::values)
                return std::any_of(dict.entries.begin(), dict.entries.end(),
                                   [&](const Dict::Entry& e) { return equal(run, e.value, item); });
            if (what == View::What::items) {
                if (!item.is(Kind::tuple) || item.as<List>().items.size() != 2) return false;
                const Value* found = dict.find(item.as<List>().items[0]);
                return found != nullptr && equal(run, *found, item.as<List>().items[1]);
            }
            if (!hashable(item)) {
                run.fail(cat("unhashable type: '", type_name(item), "'"));
                return false;
            }
            return dict.find(item) != nullptr;
        }
        case Kind::range: {
            const Range& r = container.as<Range>();
            if (!item.is_number() || r.length == 0) return false;
            if (item.is(Kind::real) &&
                (!(std::fabs(item.as_real()) < 9e15) || std::floor(item.as_real()) != item.as_real()))
                return false;
            const std::int64_t i = item.is_integer() ? item.as_integer() : static_cast<std::int64_t>(item.as_real());
            const std::int64_t last = r.start + (r.length - 1) * r.step;
            return i >= std::min(r.start, last) && i <= std::max(r.start, last) && (i - r.start) % r.step == 0;
        }
        case Kind::generator: {
            Values items;
            return elements(container.as<Generator>().in, container, items) && any(items);
        }
        default:
            run.fail(cat("argument of type '", type_name(container), "' is not iterable"));
            return false;
    }
}

}  // namespace hearth::text::jinja
