#include "text/jinja/format.hpp"

#include <algorithm>
#include <charconv>
#include <cmath>

#include "hearth/base/cat.hpp"
#include "hearth/base/utf8.hpp"
#include "text/jinja/python_text.hpp"

namespace hearth::text::jinja {

namespace {

// [[fill]align][sign][#][0][width][grouping][.precision][type]
struct Spec {
    std::string fill = " ";
    char align = '\0', sign = '-', grouping = '\0', type = '\0';
    bool alternate = false;
    std::size_t width = 0;
    int precision = -1;
};

constexpr std::size_t kMostWidth = 100'000;
constexpr int kMostPrecision = 1000;

void pad(std::string& out, std::string_view text, const Spec& spec, char otherwise) {
    const std::size_t length = code_points(text), missing = spec.width > length ? spec.width - length : 0;
    const char align = spec.align != '\0' ? spec.align : otherwise;
    const auto fill = [&](std::size_t n) {
        for (std::size_t i = 0; i < n; ++i) out += spec.fill;
    };
    if (align == '=') {  // between sign and digits
        std::size_t head = !text.empty() && (text[0] == '-' || text[0] == '+' || text[0] == ' ') ? 1 : 0;
        if (text.size() > head + 1 && text[head] == '0' &&
            std::string_view("xXoObB").find(text[head + 1]) != std::string_view::npos)
            head += 2;
        out += text.substr(0, head);
        fill(missing);
        out += text.substr(head);
        return;
    }
    const std::size_t left = align == '<' ? 0 : align == '^' ? missing / 2 : missing;
    fill(left);
    out += text;
    fill(missing - left);
}

std::string digits_of(std::int64_t value, int base, bool upper_case) {
    const auto natural = value < 0 ? 0 - static_cast<std::uint64_t>(value) : static_cast<std::uint64_t>(value);
    char buffer[65];
    const auto end = std::to_chars(buffer, buffer + sizeof buffer, natural, base);
    std::string out(buffer, end.ptr);
    return upper_case ? upper(out) : out;
}

void group(std::string& digits, char separator) {
    if (separator == '\0') return;
    std::size_t end = 0;
    while (end < digits.size() && digits[end] >= '0' && digits[end] <= '9') ++end;
    for (std::size_t i = end; i > 3; i -= 3) digits.insert(i - 3, 1, separator);
}

std::string sign_text(bool negative, char sign) { return negative ? "-" : sign == '+' ? "+" : sign == ' ' ? " " : ""; }

bool format_integer(Run& run, std::string& out, std::int64_t value, const Spec& spec) {
    int base = 10;
    std::string prefix;
    switch (spec.type) {
        case '\0':
        case 'd':
        case 'i':
        case 'u':
        case 'n':
            break;
        case 'b':
            base = 2;
            break;
        case 'o':
            base = 8;
            break;
        case 'x':
        case 'X':
            base = 16;
            break;
        case 'c': {
            if (value < 0 || value > 0x10ffff || (value >= 0xd800 && value < 0xe000)) {
                run.fail(cat(value, " is no Unicode character"));
                return false;
            }
            std::string text;
            utf8_append(text, static_cast<std::uint32_t>(value));
            pad(out, text, spec, '<');
            return true;
        }
        default:
            run.fail(cat("unknown format code '", spec.type, "' for an integer"));
            return false;
    }
    if (spec.alternate && base != 10) prefix = cat("0", spec.type);
    std::string digits = digits_of(value, base, spec.type == 'X');
    group(digits, spec.grouping);
    pad(out, cat(sign_text(value < 0, spec.sign), prefix, digits), spec, '>');
    return true;
}

bool format_float(Run& run, std::string& out, double value, const Spec& spec) {
    std::string text;
    const bool percent = spec.type == '%';
    const double size = std::fabs(percent ? value * 100 : value);
    if (spec.type == '\0' && spec.precision < 0) {
        append_real(text, size);
    } else if (spec.type == '\0') {
        text = format_real(size, std::max(spec.precision, 1), 'g');
        if (text.find_first_not_of("0123456789") == std::string::npos) text += ".0";
    } else if (percent || std::string_view("eEfFgG").find(spec.type) != std::string_view::npos) {
        text = format_real(size, spec.precision < 0 ? 6 : spec.precision, percent ? 'f' : spec.type, spec.alternate);
    } else {
        run.fail(cat("unknown format code '", spec.type, "' for a number"));
        return false;
    }
    group(text, spec.grouping);
    if (percent) text += '%';
    pad(out, sign_text(std::signbit(value) && !std::isnan(value), spec.sign) + text, spec, '>');
    return true;
}

bool format_value(Interpreter& in, std::string& out, const Value& v, const Spec& spec) {
    if (v.is_string() || (spec.type == 's' && v.is_undefined())) {
        if (spec.type != '\0' && spec.type != 's') {
            in.run.fail(cat("unknown format code '", spec.type, "' for a string"));
            return false;
        }
        std::string text = str(in, v);
        if (spec.precision >= 0) text.resize(byte_of(text, static_cast<std::size_t>(spec.precision)));
        pad(out, text, spec, '<');
        return true;
    }
    if (v.is_number()) {
        const bool as_real = v.is(Kind::real) || std::string_view("eEfFgG%").find(spec.type) != std::string_view::npos;
        if (v.is(Kind::boolean) && spec.type == '\0') {
            // Like an integer, but for the empty format.
            pad(out, str(in, v), spec, '<');
            return true;
        }
        if (as_real && spec.type != '\0') return format_float(in.run, out, v.as_real(), spec);
        return v.is(Kind::real) ? format_float(in.run, out, v.as_real(), spec)
                                : format_integer(in.run, out, v.as_integer(), spec);
    }
    in.run.fail(cat("unsupported format for '", type_name(v), "'"));
    return false;
}

bool read_count(std::string_view text, std::size_t& i, std::size_t& out) {
    const std::size_t begin = i;
    out = 0;
    for (; i < text.size() && text[i] >= '0' && text[i] <= '9'; ++i)
        out = std::min<std::size_t>(out * 10 + static_cast<std::size_t>(text[i] - '0'), 1u << 30);
    return i > begin;
}

// ---- %
// -------------------------------------------------------------------------------------------------------------------

class Percent {
public:
    Percent(Interpreter& interpreter, const Value& pattern, const Value& values)
        : in_(interpreter), run_(interpreter.run), safe_(pattern.is_safe()), text_(pattern.text()), values_(values) {}

    Value format() {
        while (i_ < text_.size() && !run_.failed()) {
            if (text_[i_] != '%') {
                out_ += text_[i_++];
                continue;
            }
            ++i_;
            directive();
            if (!run_.room(out_.size())) return {};
        }
        if (run_.failed()) return {};
        const bool mapping = values_.is(Kind::dict);
        if (!mapping &&
            !(values_.is(Kind::tuple) ? next_ == values_.as<List>().items.size() : next_ == 1 || values_.is_sequence()))
            return run_.fail("not all arguments converted during string formatting");
        return run_.text(std::move(out_), safe_);
    }

private:
    bool next_value(Value& out) {
        if (values_.is(Kind::tuple)) {
            const Values& items = values_.as<List>().items;
            if (next_ < items.size()) {
                out = items[next_++];
                return true;
            }
        } else if (next_++ == 0) {
            out = values_;
            return true;
        }
        run_.fail("not enough arguments for format string");
        return false;
    }

    // The number after '%' or '.', or one of the values for '*'.
    bool count(std::int64_t& out) {
        if (i_ < text_.size() && text_[i_] == '*') {
            ++i_;
            Value v;
            if (!next_value(v)) return false;
            if (!v.is_integer()) run_.fail("* wants int");
            out = v.as_integer();
            return !run_.failed();
        }
        std::size_t n = 0;
        if (read_count(text_, i_, n)) out = static_cast<std::int64_t>(n);
        return true;
    }

    void directive() {
        Spec spec;
        Value value;
        bool named = false, left = false, zero = false;
        if (i_ < text_.size() && text_[i_] == '(') {
            std::size_t end = i_, level = 0;
            do {
                level += text_[end] == '(' ? 1u : 0u;
                level -= text_[end] == ')' ? 1u : 0u;
                ++end;
            } while (end < text_.size() && level > 0);
            if (level > 0) return void(run_.fail("incomplete format key"));
            if (!values_.is(Kind::dict)) return void(run_.fail("format requires a mapping"));
            const std::string_view key = text_.substr(i_ + 1, end - i_ - 2);
            const Value* const found = values_.as<Dict>().find(key);
            if (found == nullptr) return void(run_.fail(cat("the mapping has no '", key, "'")));
            value = *found;
            named = true;
            i_ = end;
        }
        for (; i_ < text_.size(); ++i_) {
            const char c = text_[i_];
            if (c == '-')
                left = true;
            else if (c == '0')
                zero = true;
            else if (c == '+' || (c == ' ' && spec.sign != '+'))
                spec.sign = c;
            else if (c == '#')
                spec.alternate = true;
            else if (c != ' ')
                break;
        }
        std::int64_t width = 0, precision = -1;
        if (!count(width)) return;
        if (width < 0) {
            left = true;
            width = -width;
        }
        if (i_ < text_.size() && text_[i_] == '.') {
            ++i_;
            precision = 0;
            if (!count(precision)) return;
            precision = std::max<std::int64_t>(precision, 0);
        }
        while (i_ < text_.size() && (text_[i_] == 'l' || text_[i_] == 'h' || text_[i_] == 'L')) ++i_;
        if (i_ == text_.size()) return void(run_.fail("incomplete format"));
        if (width > static_cast<std::int64_t>(kMostWidth) || precision > static_cast<std::int64_t>(kMostWidth))
            return void(run_.fail(cat("width and precision may be at most ", kMostWidth)));
        spec.width = static_cast<std::size_t>(width);
        spec.precision = static_cast<int>(precision);
        const char kind = text_[i_++];
        if (kind == '%') {
            out_ += '%';
            return;
        }
        if (!named && !next_value(value)) return;
        if (!run_.work(1 + spec.width / 8)) return;
        convert(kind, spec, value, left, zero);
    }

    void convert(char kind, Spec& spec, const Value& v, bool left, bool zero) {
        if (left) {
            spec.align = '<';
        } else if (zero && kind != 's' && kind != 'r' && kind != 'a' && kind != 'c') {
            spec.fill.assign(1, '0');
            spec.align = '=';
        } else {
            spec.align = '>';
        }
        if (kind == 's' || kind == 'r' || kind == 'a') {
            std::string text;
            if (kind == 's')
                append_text(in_, text, v);
            else
                append_repr(in_, text, v);
            if (safe_ && !v.is_safe()) {
                std::string escaped;
                append_escaped(escaped, text);
                text.swap(escaped);
            }
            if (spec.precision >= 0) text.resize(byte_of(text, static_cast<std::size_t>(spec.precision)));
            pad(out_, text, spec, '>');
            return;
        }
        if (kind == 'c' && v.is_string() && code_points(v.text()) == 1) return pad(out_, v.text(), spec, '>');
        if (v.is_undefined()) return void(run_.fail(undefined_sentence(v)));
        if (!v.is_number() && !v.is(Kind::big))
            return void(run_.fail(cat("%", kind, " format: a number is required, not ", type_name(v))));
        if (std::string_view("diuxXoc").find(kind) != std::string_view::npos) return integer(kind, spec, v);
        if (std::string_view("eEfFgG").find(kind) == std::string_view::npos)
            return void(run_.fail(cat("unsupported format character '", kind, "'")));
        spec.type = kind;
        spec.precision = std::min(spec.precision, kMostPrecision);
        if (!v.is_number()) return void(run_.fail("cannot compute with an integer of more than 64 bits"));
        format_float(run_, out_, v.as_real(), spec);
    }

    void integer(char kind, Spec& spec, const Value& v) {
        std::int64_t i = v.as_integer();
        if (v.is(Kind::big)) return void(run_.fail("cannot compute with an integer of more than 64 bits"));
        if (v.is(Kind::real)) {
            if (kind == 'x' || kind == 'X' || kind == 'o' || kind == 'c')
                return void(run_.fail(cat("%", kind, " format: an integer is required, not float")));
            if (!(std::fabs(v.as_real()) < 9.2e18)) return void(run_.fail("this float has no integer of 64 bits"));
            i = static_cast<std::int64_t>(v.as_real());
        }
        spec.type = kind == 'd' || kind == 'i' || kind == 'u' ? '\0' : kind;
        if (spec.precision > 0 && kind != 'c') {  // at least so many digits
            std::string digits = digits_of(i, kind == 'o' ? 8 : kind == 'x' || kind == 'X' ? 16 : 10, kind == 'X');
            if (digits.size() < static_cast<std::size_t>(spec.precision))
                digits.insert(0, static_cast<std::size_t>(spec.precision) - digits.size(), '0');
            const std::string prefix = spec.alternate && spec.type != '\0' ? cat("0", kind) : std::string();
            return pad(out_, cat(sign_text(i < 0, spec.sign), prefix, digits), spec, '>');
        }
        format_integer(run_, out_, i, spec);
    }

    Interpreter& in_;
    Run& run_;
    bool safe_;
    std::string_view text_;
    const Value& values_;
    std::string out_;
    std::size_t i_ = 0, next_ = 0;
};

// ---- str.format
// ----------------------------------------------------------------------------------------------------------

class Braces {
public:
    Braces(Interpreter& interpreter, const Value& pattern, const Arguments& arguments)
        : in_(interpreter), run_(interpreter.run), safe_(pattern.is_safe()), arguments_(arguments) {}

    bool format(std::string& out, std::string_view text, int level) {
        for (std::size_t i = 0; i < text.size() && !run_.failed();) {
            const char c = text[i];
            if ((c == '{' || c == '}') && i + 1 < text.size() && text[i + 1] == c) {
                out += c;
                i += 2;
            } else if (c == '}') {
                run_.fail("Single '}' encountered in format string");
            } else if (c == '{') {
                i = field(out, text, i + 1, level);
            } else {
                out += c;
                ++i;
            }
        }
        return !run_.failed();
    }

private:
    // One replacement field after its '{'; the place behind its '}'.
    std::size_t field(std::string& out, std::string_view text, std::size_t begin, int level) {
        std::size_t end = begin, open = 1;
        for (; end < text.size(); ++end) {
            if (text[end] == '{') ++open;
            if (text[end] == '}' && --open == 0) break;
        }
        if (open != 0) {
            run_.fail("expected '}' before end of string");
            return text.size();
        }
        if (level == 2) run_.fail("Max string recursion exceeded");
        std::string_view inner = text.substr(begin, end - begin);
        std::size_t name_end = 0, bracket = 0;
        for (; name_end < inner.size(); ++name_end) {
            if (inner[name_end] == '[') bracket = 1;
            if (inner[name_end] == ']') bracket = 0;
            if (bracket == 0 && (inner[name_end] == ':' || inner[name_end] == '!')) break;
        }
        const std::string_view name = inner.substr(0, name_end);
        inner.remove_prefix(name_end);
        char conversion = '\0';
        if (!inner.empty() && inner[0] == '!') {
            if (inner.size() < 2 || (inner.size() > 2 && inner[2] != ':')) {
                run_.fail("expected ':' after conversion specifier");
                return text.size();
            }
            conversion = inner[1];
            inner.remove_prefix(2);
        }
        std::string spec;
        Value v = value_of(name);
        if (run_.failed() || (!inner.empty() && !format(spec, inner.substr(1), level + 1))) return text.size();
        if (conversion == 'r' || conversion == 'a') {
            std::string shown;
            append_repr(in_, shown, v);
            v = run_.text(std::move(shown));
        } else if (conversion == 's') {
            v = run_.text(str(in_, v));
        } else if (conversion != '\0') {
            run_.fail(cat("Unknown conversion specifier '", conversion, "'"));
        }
        if (!run_.failed()) put(out, v, spec);
        if (run_.room(out.size())) static_cast<void>(run_.work(1));
        return end + 1;
    }

    Value value_of(std::string_view name) {
        std::size_t end = std::min(name.find_first_of(".["), name.size());
        const std::string_view first = name.substr(0, end);
        Value v;
        std::size_t i = 0, index = 0;
        if (first.empty() || (read_count(first, i, index) && i == first.size())) {
            if (first.empty()) index = next_++;
            if (index >= arguments_.positional.size())
                return run_.fail(cat("Replacement index ", index, " out of range for positional args tuple"));
            v = arguments_.positional[index];
        } else {
            const auto at = std::find_if(arguments_.named.begin(), arguments_.named.end(),
                                         [&](const auto& n) { return n.first == first; });
            if (at == arguments_.named.end())
                return run_.fail(cat("the format names '", first, "', which is not given"));
            v = at->second;
        }
        while (end < name.size() && !run_.failed()) {
            const bool dotted = name[end] == '.';
            std::size_t stop =
                dotted ? std::min(name.find_first_of(".[", end + 1), name.size()) : name.find(']', end + 1);
            if (stop == std::string_view::npos) return run_.fail("Missing ']' in format string");
            const std::string_view part = name.substr(end + 1, stop - end - 1);
            i = 0;
            if (dotted)
                v = in_.attribute(v, part);
            else if (read_count(part, i, index) && i == part.size())
                v = in_.item(v, Value::integer(index));
            else
                v = in_.item(v, run_.text(part));
            end = dotted ? stop : stop + 1;
        }
        return v;
    }

    void put(std::string& out, const Value& v, std::string_view spec_text) {
        if (spec_text.empty()) {
            std::string text = str(in_, v);
            if (safe_ && !v.is_safe())
                append_escaped(out, text);
            else
                out += text;
            return;
        }
        Spec spec;
        if (!parse(spec_text, spec)) return void(run_.fail(cat("Invalid format specifier '", spec_text, "'")));
        if (run_.work(1 + spec.width / 8)) format_value(in_, out, v, spec);
    }

    static bool parse(std::string_view text, Spec& spec) {
        const auto is_align = [](char c) { return c == '<' || c == '>' || c == '^' || c == '='; };
        std::size_t i = 0, count = 0;
        if (!text.empty()) {
            const std::size_t first = byte_of(text, 1);
            if (first < text.size() && is_align(text[first])) {
                spec.fill = text.substr(0, first);
                spec.align = text[first];
                i = first + 1;
            } else if (is_align(text[0])) {
                spec.align = text[0];
                i = 1;
            }
        }
        const auto at = [&](char c) { return i < text.size() && text[i] == c; };
        if (at('+') || at('-') || at(' ')) spec.sign = text[i++];
        if (at('#')) {
            spec.alternate = true;
            ++i;
        }
        if (at('0')) {
            ++i;
            if (spec.align == '\0') {
                spec.fill.assign(1, '0');
                spec.align = '=';
            }
        }
        if (read_count(text, i, count)) spec.width = count;
        if (at(',') || at('_')) spec.grouping = text[i++];
        if (at('.')) {
            ++i;
            if (!read_count(text, i, count) || count > static_cast<std::size_t>(kMostPrecision)) return false;
            spec.precision = static_cast<int>(count);
        }
        if (i < text.size()) spec.type = text[i++];
        return i == text.size() && spec.width <= kMostWidth;
    }

    Interpreter& in_;
    Run& run_;
    bool safe_;
    const Arguments& arguments_;
    std::size_t next_ = 0;
};

}  // namespace

Value format_percent(Interpreter& in, const Value& pattern, const Value& values) {
    if (!in.run.work_text(pattern.text().size()) || !in.run.room(pattern.text().size())) return {};
    return Percent(in, pattern, values).format();
}

Value format_braces(Interpreter& in, const Value& pattern, const Arguments& arguments) {
    std::string out;
    if (!in.run.work_text(pattern.text().size()) || !in.run.room(pattern.text().size())) return {};
    if (!Braces(in, pattern, arguments).format(out, pattern.text(), 0)) return {};
    return in.run.text(std::move(out), pattern.is_safe());
}

}  // namespace hearth::text::jinja
