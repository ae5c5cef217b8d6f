// Methods of str, dict, list and tuple.
#include <algorithm>
#include <cmath>

#include "hearth/base/cat.hpp"
#include "hearth/base/utf8.hpp"
#include "text/jinja/format.hpp"
#include "text/jinja/interpreter.hpp"
#include "text/jinja/python_text.hpp"

namespace hearth::text::jinja {

namespace {

std::string_view text_of(const Call& call) { return call.self.text(); }
// Results of methods of text that is marked as safe are marked too.
Value same_kind(const Call& call, std::string text) { return call.run.text(std::move(text), call.self.is_safe()); }
Value same_kind(const Call& call, std::string_view text) { return call.run.text(text, call.self.is_safe()); }

using Mapping = std::string (*)(std::string_view);
Value map_text(Call& call, Mapping map) {
    if (!call.run.work_text(text_of(call).size() * 8) || !call.run.room(text_of(call).size() * 8)) return {};
    return same_kind(call, map(text_of(call)));
}

Value strip_text(Call& call, bool left, bool right) {
    const std::string_view text = text_of(call);
    if (!call.given(0) || call[0].is_none()) {
        const std::string_view cut = left ? strip_left(text) : text;
        return call.run.work_text(text.size()) ? same_kind(call, right ? strip_right(cut) : cut) : Value();
    }
    std::string_view chars;
    if (!call.string(0, chars) || !call.run.work(1 + text.size() * chars.size() / 256)) return {};
    return same_kind(call, strip(text, chars, left, right));
}

// The part that the optional arguments start and end (from parameter `first`) leave; `from` is its place in code
// points. False where they leave nothing that even the empty text is in.
bool cut_text(Call& call, std::size_t first, std::string_view& text, std::size_t& from) {
    text = text_of(call);
    from = 0;
    if (!call.given(first)) return call.run.work_text(text.size());
    const auto size = static_cast<std::int64_t>(call.self.as<String>().length());
    std::int64_t start = 0, end = size;
    if (!call[first].is_none() && !call.integer(first, start)) return false;
    if (call.given(first + 1) && !call[first + 1].is_none() && !call.integer(first + 1, end)) return false;
    if (start < 0) start = std::max<std::int64_t>(start + size, 0);
    if (end < 0) end = std::max<std::int64_t>(end + size, 0);
    end = std::min(end, size);
    if (start > end || !call.run.work_text(text.size() * 2)) return false;
    const std::size_t begin = byte_of(text, static_cast<std::size_t>(start));
    text = text.substr(begin, byte_of(text.substr(begin), static_cast<std::size_t>(end - start)));
    from = static_cast<std::size_t>(start);
    return true;
}

// Place in code points, -1: nowhere.
std::int64_t place(Call& call, bool last) {
    std::string_view part, text;
    std::size_t from = 0;
    if (!call.string(0, part) || !cut_text(call, 1, text, from)) return -1;
    const std::size_t at = last ? find_last_text(call.run, text, part) : find_text(call.run, text, part, 0);
    return at == std::string_view::npos ? -1 : static_cast<std::int64_t>(from + code_points(text.substr(0, at)));
}

Value place_or_failure(Call& call, bool last) {
    const std::int64_t at = place(call, last);
    return at >= 0 || call.run.failed() ? Value::integer(at) : call.fail("substring not found");
}

Value has_affix(Call& call, bool front) {
    std::string_view text;
    std::size_t from = 0;
    const bool somewhere = cut_text(call, 1, text, from);
    if (call.run.failed()) return {};
    Values affixes{call[0]};
    if (call[0].is(Kind::tuple)) affixes = call[0].as<List>().items;
    for (const Value& affix : affixes) {
        if (!affix.is_string())
            return call.fail(
                affix.is_undefined()
                    ? undefined_sentence(affix)
                    : cat(call.entry.name, " first arg must be str or a tuple of str, not ", type_name(affix)));
        const std::string_view a = affix.text();
        if (somewhere && call.run.work_text(a.size()) &&
            (front ? text.substr(0, a.size()) == a
                   : text.size() >= a.size() && text.substr(text.size() - a.size()) == a))
            return Value::boolean(true);
    }
    return Value::boolean(false);
}

Value justify(Call& call, char align) {
    std::int64_t width = 0;
    std::string_view fill = " ";
    if (!call.integer(0, width) || !call.string(1, fill)) return {};
    if (code_points(fill) != 1) return call.fail("The fill character must be exactly one character long");
    auto& self = call.self.as<String>();
    const auto length = static_cast<std::int64_t>(self.length());
    if (width <= length) return call.self;
    const auto missing = static_cast<std::size_t>(width - length);
    if (missing > call.run.limits().memory_bytes || !call.run.room(missing * fill.size() + self.text.size()) ||
        !call.run.work_text(missing * fill.size()))
        return call.fail("the width is too large", Code::over_budget);
    // CPython's center puts the odd one to the left where the width is odd.
    const std::size_t left = align == '<'   ? 0
                             : align == '>' ? missing
                                            : missing / 2 + (missing & static_cast<std::size_t>(width) & 1);
    std::string out;
    for (std::size_t i = 0; i < left; ++i) out += fill;
    out += self.text;
    for (std::size_t i = left; i < missing; ++i) out += fill;
    return same_kind(call, std::move(out));
}

Value split_text(Call& call, bool from_right) {
    std::string_view text = text_of(call), separator;
    std::int64_t most = -1;
    const bool by_space = !call.given(0) || call[0].is_none();
    if ((!by_space && !call.string(0, separator)) || !call.integer(1, most)) return {};
    if (!by_space && separator.empty()) return call.fail("empty separator");
    std::vector<std::string_view> parts;
    const auto another = [&] {
        return (most < 0 || static_cast<std::int64_t>(parts.size()) < most) && call.run.work();
    };
    if (!call.run.work_text(text.size() * 2)) return {};
    if (by_space && !from_right) {
        for (text = strip_left(text); !text.empty();) {
            if (!another()) {
                parts.push_back(text);
                break;
            }
            std::size_t end = 0, next = 0;
            while (end < text.size() && !is_space(utf8_next(text, next))) end = next;
            parts.push_back(text.substr(0, end));
            text = strip_left(text.substr(end));
        }
    } else if (by_space) {
        for (text = strip_right(text); !text.empty();) {
            if (!another()) {
                parts.push_back(text);
                break;
            }
            std::size_t begin = text.size();
            while (begin > 0) {
                std::size_t previous = begin - 1;
                while (previous > 0 && (static_cast<unsigned char>(text[previous]) & 0xc0) == 0x80) --previous;
                std::size_t next = previous;
                if (is_space(utf8_next(text, next))) break;
                begin = previous;
            }
            parts.push_back(text.substr(begin));
            text = strip_right(text.substr(0, begin));
        }
    } else {
        while (another()) {
            const std::size_t at =
                from_right ? find_last_text(call.run, text, separator) : find_text(call.run, text, separator, 0);
            if (at == std::string_view::npos) break;
            parts.push_back(from_right ? text.substr(at + separator.size()) : text.substr(0, at));
            text = from_right ? text.substr(0, at) : text.substr(at + separator.size());
        }
        parts.push_back(text);
    }
    if (from_right) std::reverse(parts.begin(), parts.end());
    Values out;
    out.reserve(parts.size());
    for (const std::string_view part : parts) {
        out.push_back(same_kind(call, part));
        if (call.run.failed()) return {};
    }
    return call.run.list(std::move(out));
}

Value part_text(Call& call, bool from_right) {
    std::string_view separator;
    if (!call.string(0, separator)) return {};
    if (separator.empty()) return call.fail("empty separator");
    const std::string_view text = text_of(call);
    const std::size_t at =
        from_right ? find_last_text(call.run, text, separator) : find_text(call.run, text, separator, 0);
    if (at == std::string_view::npos) {
        const Value none = same_kind(call, std::string_view());
        return from_right ? call.run.tuple({none, none, call.self}) : call.run.tuple({call.self, none, none});
    }
    return call.run.tuple({same_kind(call, text.substr(0, at)), same_kind(call, separator),
                           same_kind(call, text.substr(at + separator.size()))});
}

Value all_are(Call& call, Has what) {
    return call.run.work_text(text_of(call).size() * 8) ? Value::boolean(is_all(text_of(call), what)) : Value();
}

}  // namespace

Value method_upper(Call& call) { return map_text(call, upper); }
Value method_lower(Call& call) { return map_text(call, lower); }
Value method_casefold(Call& call) { return map_text(call, casefold); }
Value method_title(Call& call) { return map_text(call, title); }
Value method_capitalize(Call& call) { return map_text(call, capitalize); }
Value method_swapcase(Call& call) { return map_text(call, swapcase); }
Value method_strip(Call& call) { return strip_text(call, true, true); }
Value method_lstrip(Call& call) { return strip_text(call, true, false); }
Value method_rstrip(Call& call) { return strip_text(call, false, true); }
Value method_find(Call& call) { return Value::integer(place(call, false)); }
Value method_rfind(Call& call) { return Value::integer(place(call, true)); }
Value method_index(Call& call) { return place_or_failure(call, false); }
Value method_rindex(Call& call) { return place_or_failure(call, true); }
Value method_startswith(Call& call) { return has_affix(call, true); }
Value method_endswith(Call& call) { return has_affix(call, false); }
Value method_center(Call& call) { return justify(call, '^'); }
Value method_ljust(Call& call) { return justify(call, '<'); }
Value method_rjust(Call& call) { return justify(call, '>'); }
Value method_split(Call& call) { return split_text(call, false); }
Value method_rsplit(Call& call) { return split_text(call, true); }
Value method_partition(Call& call) { return part_text(call, false); }
Value method_rpartition(Call& call) { return part_text(call, true); }
Value method_isalpha(Call& call) { return all_are(call, Has::alpha); }
Value method_isalnum(Call& call) { return all_are(call, Has::alnum); }
Value method_isascii(Call& call) { return all_are(call, Has::ascii); }
Value method_isdecimal(Call& call) { return all_are(call, Has::decimal); }
Value method_isdigit(Call& call) { return all_are(call, Has::digit); }
Value method_isidentifier(Call& call) { return all_are(call, Has::identifier); }
Value method_islower(Call& call) { return all_are(call, Has::lower); }
Value method_isnumeric(Call& call) { return all_are(call, Has::numeric); }
Value method_isprintable(Call& call) { return all_are(call, Has::printable); }
Value method_isspace(Call& call) { return all_are(call, Has::space); }
Value method_istitle(Call& call) { return all_are(call, Has::title); }
Value method_isupper(Call& call) { return all_are(call, Has::upper); }
Value method_format(Call& call) { return format_braces(call.in, call.self, call.arguments); }
Value method_encode(Call& call) { return call.fail("bytes are not known here: text stays text"); }

Value method_format_map(Call& call) {
    if (!call[0].is(Kind::dict)) return call.fail("format_map() takes a mapping");
    Arguments arguments;
    for (const Dict::Entry& e : call[0].as<Dict>().entries)
        if (e.key.is_string()) arguments.named.emplace_back(e.key.text(), e.value);
    return format_braces(call.in, call.self, arguments);
}

Value method_count(Call& call) {
    std::string_view part, text;
    std::size_t from = 0;
    if (!call.string(0, part) || !cut_text(call, 1, text, from)) return Value::integer(0);
    if (part.empty()) return Value::integer(code_points(text) + 1);
    std::int64_t count = 0;
    for (std::size_t at = find_text(call.run, text, part, 0); at != std::string_view::npos;
         at = find_text(call.run, text, part, at + part.size()))
        ++count;
    return Value::integer(count);
}

Value method_replace(Call& call) {
    std::string_view old, fresh;
    std::int64_t most = -1;
    if (!call.string(0, old) || !call.string(1, fresh) || !call.integer(2, most)) return {};
    if (!call.run.work_text(text_of(call).size() * 2)) return {};
    if (!call.self.is_safe() || call[1].is_safe())
        return same_kind(call, replace_text(call.run, text_of(call), old, fresh, most));
    std::string escaped;
    append_escaped(escaped, fresh);
    return same_kind(call, replace_text(call.run, text_of(call), old, escaped, most));
}

Value method_removeprefix(Call& call) {
    std::string_view part, text = text_of(call);
    if (!call.string(0, part) || !call.run.work_text(text.size())) return {};
    return text.substr(0, part.size()) == part ? same_kind(call, text.substr(part.size())) : call.self;
}

Value method_removesuffix(Call& call) {
    std::string_view part, text = text_of(call);
    if (!call.string(0, part) || !call.run.work_text(text.size())) return {};
    const bool ends = text.size() >= part.size() && text.substr(text.size() - part.size()) == part;
    return ends ? same_kind(call, text.substr(0, text.size() - part.size())) : call.self;
}

Value method_splitlines(Call& call) {
    Values out;
    if (!call.run.work_text(text_of(call).size() * 4)) return {};
    for (const std::string_view line : split_lines(text_of(call), call.flag(0))) {
        out.push_back(same_kind(call, line));
        if (!call.run.work()) return {};
    }
    return call.run.list(std::move(out));
}

Value method_expandtabs(Call& call) {
    std::int64_t size = 8;
    if (!call.integer(0, size)) return {};
    size = std::clamp<std::int64_t>(size, 0, 1000);
    const std::string_view text = text_of(call);
    std::string out;
    std::int64_t column = 0;
    for (const char c : text) {
        if (c == '\t') {
            const std::int64_t n = size > 0 ? size - column % size : 0;
            out.append(static_cast<std::size_t>(n), ' ');
            column += n;
            if (!call.run.work() || !call.run.room(out.size())) return {};
            continue;
        }
        out += c;
        if (c == '\n' || c == '\r')
            column = 0;
        else if ((static_cast<unsigned char>(c) & 0xc0) != 0x80)
            ++column;
    }
    return call.run.work_text(text.size()) ? same_kind(call, std::move(out)) : Value();
}

Value method_zfill(Call& call) {
    std::int64_t width = 0;
    if (!call.integer(0, width)) return {};
    auto& self = call.self.as<String>();
    const auto length = static_cast<std::int64_t>(self.length());
    if (width <= length) return call.self;
    const auto missing = static_cast<std::size_t>(width - length);
    if (missing > call.run.limits().memory_bytes || !call.run.room(missing + self.text.size()) ||
        !call.run.work_text(missing))
        return call.fail("the width is too large", Code::over_budget);
    std::string out = self.text;
    out.insert(!out.empty() && (out[0] == '-' || out[0] == '+') ? 1 : 0, missing, '0');
    return same_kind(call, std::move(out));
}

Value method_join(Call& call) {
    Values items;
    if (!elements(call.in, call[0], items)) return {};
    std::string out;
    const bool safe = call.self.is_safe();
    for (std::size_t i = 0; i < items.size(); ++i) {
        const Value& item = items[i];
        if (!item.is_string() && !safe)
            return call.fail(item.is_undefined()
                                 ? undefined_sentence(item)
                                 : cat("sequence item ", i, ": expected str instance, ", type_name(item), " found"));
        if (i != 0) out += call.self.text();
        const std::string text = str(call.in, item);
        if (safe && !item.is_safe())
            append_escaped(out, text);
        else
            out += text;
        if (!call.run.room(out.size()) || !call.run.work_text(call.self.text().size())) return {};
    }
    return same_kind(call, std::move(out));
}

// ---- dict, list, tuple, float
// ------------------------------------------------------------------------------------------

Value method_same(Call& call) { return call.self; }  // nothing changes a value, so that it is its own copy

Value method_get(Call& call) {
    if (!hashable(call[0])) return call.fail(cat("unhashable type: '", type_name(call[0]), "'"));
    const Value* const found = call.self.as<Dict>().find(call[0]);
    if (found != nullptr) return *found;
    return call.given(1) ? call[1] : Value::none();
}

Value method_items(Call& call) { return call.run.make<View>(call.self, View::What::items); }
Value method_keys(Call& call) { return call.run.make<View>(call.self, View::What::keys); }
Value method_values(Call& call) { return call.run.make<View>(call.self, View::What::values); }

Value method_count_items(Call& call) {
    const Values& items = call.self.as<List>().items;
    return Value::integer(static_cast<std::size_t>(
        std::count_if(items.begin(), items.end(), [&](const Value& v) { return equal(call.run, v, call[0]); })));
}

Value method_index_of(Call& call) {
    const Values& items = call.self.as<List>().items;
    const auto size = static_cast<std::int64_t>(items.size());
    std::int64_t start = 0, stop = size;
    if (!call.integer(1, start) || !call.integer(2, stop)) return {};
    if (start < 0) start = std::max<std::int64_t>(start + size, 0);
    if (stop < 0) stop += size;
    for (std::int64_t i = start; i < std::min(stop, size); ++i)
        if (equal(call.run, items[static_cast<std::size_t>(i)], call[0])) return Value::integer(i);
    std::string shown;
    append_repr(call.in, shown, call[0]);
    return call.fail(cat(shown, " is not in ", type_name(call.self)));
}

Value method_is_integer(Call& call) {
    return Value::boolean(std::floor(call.self.as_real()) == call.self.as_real() && std::isfinite(call.self.as_real()));
}

}  // namespace hearth::text::jinja
