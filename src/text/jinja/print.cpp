// Values as text: str(), repr(), JSON and escaped for HTML.
#include <charconv>
#include <cmath>

#include "hearth/base/cat.hpp"
#include "hearth/base/utf8.hpp"
#include "text/jinja/interpreter.hpp"
#include "text/jinja/python_text.hpp"
#include "text/json_scanner.hpp"

namespace hearth::text::jinja {

void append_integer(std::string& out, std::int64_t i) { out += cat(i); }

void append_real(std::string& out, double d) {
    if (std::isnan(d) || std::isinf(d)) {
        out += std::isnan(d) ? "nan" : d < 0 ? "-inf" : "inf";
        return;
    }
    // The shortest digits that give the number again; with an exponent below 1e-4 and from 1e16 on.
    char buffer[40];
    const auto end = std::to_chars(buffer, buffer + sizeof buffer, d, std::chars_format::scientific);
    std::string_view text(buffer, static_cast<std::size_t>(end.ptr - buffer));
    if (text[0] == '-') {
        out += '-';
        text.remove_prefix(1);
    }
    const std::size_t e = text.find('e');
    int exponent = 0;
    std::from_chars(text.data() + e + (text[e + 1] == '+' ? 2 : 1), text.data() + text.size(), exponent);
    if (exponent < -4 || exponent >= 16) {
        out += text;
        return;
    }
    std::string digits(1, text[0]);
    if (e > 1) digits += text.substr(2, e - 2);
    if (exponent < 0) {
        out += "0.";
        out.append(static_cast<std::size_t>(-exponent - 1), '0');
        out += digits;
        return;
    }
    const auto whole = static_cast<std::size_t>(exponent) + 1;
    if (digits.size() < whole) digits.append(whole - digits.size(), '0');
    out.append(digits, 0, whole);
    out += '.';
    out += digits.size() > whole ? digits.substr(whole) : "0";
}

void append_escaped(std::string& out, std::string_view text) {
    for (const char c : text) {
        switch (c) {
            case '&':
                out += "&amp;";
                break;
            case '<':
                out += "&lt;";
                break;
            case '>':
                out += "&gt;";
                break;
            case '"':
                out += "&#34;";
                break;
            case '\'':
                out += "&#39;";
                break;
            default:
                out += c;
        }
    }
}

namespace {

void append_items(Interpreter& in, std::string& out, const Values& items, std::size_t depth) {
    for (std::size_t i = 0; i < items.size() && !in.run.failed(); ++i) {
        if (i != 0) out += ", ";
        append_repr(in, out, items[i], depth + 1);
    }
}

void append_dict(Interpreter& in, std::string& out, const Dict& dict, std::size_t depth) {
    out += '{';
    bool first = true;
    for (const Dict::Entry& e : dict.entries) {
        if (in.run.failed()) return;
        if (!first) out += ", ";
        first = false;
        append_repr(in, out, e.key, depth + 1);
        out += ": ";
        append_repr(in, out, e.value, depth + 1);
    }
    out += '}';
}

void append_object(Interpreter& in, std::string& out, const Value& v, std::size_t depth) {
    switch (v.kind()) {
        case Kind::view: {
            Values items;
            if (!elements(in, v, items)) return;
            out += cat(type_name(v), "([");
            append_items(in, out, items, depth);
            out += "])";
            break;
        }
        case Kind::range: {
            const Range& r = v.as<Range>();
            out += cat("range(", r.start, ", ", r.stop, r.step != 1 ? cat(", ", r.step) : std::string(), ")");
            break;
        }
        case Kind::name_space: {
            out += "<Namespace {";
            bool first = true;
            for (const auto& [name, value] : v.as<NameSpace>().members) {
                if (in.run.failed()) return;
                if (!first) out += ", ";
                first = false;
                append_quoted(out, name);
                out += ": ";
                append_repr(in, out, value, depth + 1);
            }
            out += "}>";
            break;
        }
        case Kind::loop: {
            const Value index = in.attribute(v, "index"), length = in.attribute(v, "length");
            out += cat("<LoopContext ", index.as_integer(), "/", length.as_integer(), ">");
            break;
        }
        case Kind::macro:
            out += "<Macro ";
            append_quoted(out, v.as<Macro>().definition.name);
            out += '>';
            break;
        case Kind::function:
            out += cat("<function ", v.as<Function>().entry.name, ">");
            break;
        default:
            out += cat("<", type_name(v), " object>");
    }
}

}  // namespace

void append_repr(Interpreter& in, std::string& out, const Value& v, std::size_t depth) {
    Run& run = in.run;
    if (!run.work() || !run.deeper(depth) || !run.room(out.size())) return;
    switch (v.kind()) {
        case Kind::missing:
        case Kind::undefined:
            out += "Undefined";
            break;
        case Kind::none:
            out += "None";
            break;
        case Kind::boolean:
            out += v.as_integer() != 0 ? "True" : "False";
            break;
        case Kind::integer:
            append_integer(out, v.as_integer());
            break;
        case Kind::big:
            out += v.as<String>().text;
            break;
        case Kind::real:
            append_real(out, v.as_real());
            break;
        case Kind::string:
            if (!run.work_text(v.text().size())) return;
            if (v.is_safe()) out += "Markup(";
            append_quoted(out, v.text());
            if (v.is_safe()) out += ')';
            break;
        case Kind::list:
            out += '[';
            append_items(in, out, v.as<List>().items, depth);
            out += ']';
            break;
        case Kind::tuple:
            out += '(';
            append_items(in, out, v.as<List>().items, depth);
            out += v.as<List>().items.size() == 1 ? ",)" : ")";
            break;
        case Kind::dict:
            append_dict(in, out, v.as<Dict>(), depth);
            break;
        default:
            append_object(in, out, v, depth);
    }
}

void append_text(Interpreter& in, std::string& out, const Value& v) {
    if (v.is_string()) {
        if (in.run.work_text(v.text().size()) && in.run.room(out.size() + v.text().size())) out += v.text();
    } else if (!v.is_undefined()) {
        append_repr(in, out, v);
    }
}

std::string str(Interpreter& in, const Value& v) {
    std::string out;
    append_text(in, out, v);
    return out;
}

// ---- JSON
// --------------------------------------------------------------------------------------------------------------------

namespace {

void append_json_real(std::string& out, double d) {
    if (std::isnan(d))
        out += "NaN";
    else if (std::isinf(d))
        out += d < 0 ? "-Infinity" : "Infinity";
    else
        append_real(out, d);
}

void append_line(std::string& out, const JsonStyle& style, std::size_t depth) {
    if (!style.has_indent) return;
    out += '\n';
    for (std::size_t i = 0; i < depth; ++i) out += style.indent;
}

bool append_json_key(Run& run, std::string& out, const Value& key, bool ensure_ascii) {
    std::string text;
    switch (key.kind()) {
        case Kind::string:
            append_json_string(out, key.text(), ensure_ascii);
            return true;
        case Kind::none:
            text = "null";
            break;
        case Kind::boolean:
            text = key.as_integer() != 0 ? "true" : "false";
            break;
        case Kind::integer:
            append_integer(text, key.as_integer());
            break;
        case Kind::big:
            text = key.as<String>().text;
            break;
        case Kind::real:
            append_json_real(text, key.as_real());
            break;
        default:
            run.fail(cat("keys of JSON must be str, int, float, bool or None, not ", type_name(key)));
            return false;
    }
    append_json_string(out, text, ensure_ascii);
    return true;
}

void append_json_dict(Run& run, std::string& out, const Dict& dict, const JsonStyle& style, std::size_t depth) {
    std::vector<const Dict::Entry*> order;
    for (const Dict::Entry& e : dict.entries) order.push_back(&e);
    if (style.sort_keys)
        merge_sort(order, [&](const Dict::Entry* a, const Dict::Entry* b) { return less(run, a->key, b->key); });
    out += '{';
    for (std::size_t i = 0; i < order.size() && !run.failed(); ++i) {
        if (i != 0) out += style.item_separator;
        append_line(out, style, depth + 1);
        if (!append_json_key(run, out, order[i]->key, style.ensure_ascii)) return;
        out += style.key_separator;
        append_json(run, out, order[i]->value, style, depth + 1);
    }
    if (!order.empty()) append_line(out, style, depth);
    out += '}';
}

}  // namespace

void append_json(Run& run, std::string& out, const Value& v, const JsonStyle& style, std::size_t depth) {
    if (!run.work(1 + style.indent.size() * depth / 32) || !run.deeper(depth) || !run.room(out.size())) return;
    switch (v.kind()) {
        case Kind::none:
            out += "null";
            break;
        case Kind::boolean:
            out += v.as_integer() != 0 ? "true" : "false";
            break;
        case Kind::integer:
            append_integer(out, v.as_integer());
            break;
        case Kind::big:
            out += v.as<String>().text;
            break;
        case Kind::real:
            append_json_real(out, v.as_real());
            break;
        case Kind::string:
            if (run.work_text(v.text().size())) append_json_string(out, v.text(), style.ensure_ascii);
            break;
        case Kind::list:
        case Kind::tuple: {
            const Values& items = v.as<List>().items;
            out += '[';
            for (std::size_t i = 0; i < items.size() && !run.failed(); ++i) {
                if (i != 0) out += style.item_separator;
                append_line(out, style, depth + 1);
                append_json(run, out, items[i], style, depth + 1);
            }
            if (!items.empty()) append_line(out, style, depth);
            out += ']';
            break;
        }
        case Kind::dict:
            append_json_dict(run, out, v.as<Dict>(), style, depth);
            break;
        default:
            run.fail(cat("Object of type ", type_name(v), " is not JSON serializable"));
    }
}

}  // namespace hearth::text::jinja
