// Filters of text. What is no text is taken as str() has it.
#include <algorithm>
#include <charconv>
#include <cmath>

#include "hearth/base/cat.hpp"
#include "hearth/base/utf8.hpp"
#include "text/jinja/format.hpp"
#include "text/jinja/interpreter.hpp"
#include "text/jinja/python_text.hpp"

namespace hearth::text::jinja {

namespace {

// str(self), with the steps that reading it `times` over takes.
bool text_of(Call& call, std::string& out, std::size_t times = 4) {
    append_text(call.in, out, call.self);
    return !call.run.failed() && call.run.work_text(out.size() * times) && call.run.room(out.size() * times);
}

// The same kind of text as self: marked as safe where that is.
Value like_self(Call& call, std::string text) { return call.run.text(std::move(text), call.self.is_safe()); }

template <class Map>
Value mapped(Call& call, const Map& map) {
    std::string text;
    return text_of(call, text, 8) ? like_self(call, map(text)) : Value();
}

bool is_space_byte(char c) { return c == ' ' || (c >= '\t' && c <= '\r'); }

void percent_encode(std::string& out, std::string_view text, bool query) {
    static constexpr std::string_view hex = "0123456789ABCDEF";
    for (const char c : text) {
        const auto u = static_cast<unsigned char>(c);
        const bool plain = (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' ||
                           c == '.' || c == '-' || c == '~' || (c == '/' && !query);
        if (plain) {
            out += c;
        } else if (c == ' ' && query) {
            out += '+';
        } else {
            out += '%';
            out += hex[u >> 4];
            out += hex[u & 15];
        }
    }
}

}  // namespace

Value filter_upper(Call& call) { return mapped(call, upper); }
Value filter_lower(Call& call) { return mapped(call, lower); }
Value filter_capitalize(Call& call) { return mapped(call, capitalize); }

// Words begin behind white space, hyphens and opening brackets.
Value filter_title(Call& call) {
    return mapped(call, [](std::string_view text) {
        std::string out;
        bool at_begin = true;
        std::size_t begin = 0;
        const auto flush = [&](std::size_t end) {
            const std::string_view word = text.substr(begin, end - begin);
            const std::size_t first = byte_of(word, 1);
            out += upper(word.substr(0, first));
            out += lower(word.substr(first));
        };
        for (std::size_t i = 0; i < text.size();) {
            const std::size_t at = i;
            const char32_t c = utf8_next(text, i);
            const bool between = is_space(c) || c == '-' || c == '(' || c == '{' || c == '[' || c == '<';
            if (between == at_begin) continue;
            if (between)
                flush(at);
            else
                out += text.substr(begin, at - begin);
            begin = at;
            at_begin = between;
        }
        if (at_begin)
            out += text.substr(begin);
        else
            flush(text.size());
        return out;
    });
}

Value filter_trim(Call& call) {
    std::string text;
    std::string_view chars;
    if (!text_of(call, text, 1)) return {};
    if (!call.given(0) || call[0].is_none()) return like_self(call, std::string(strip(text)));
    if (!call.string(0, chars) || !call.run.work(1 + text.size() * chars.size() / 256)) return {};
    return like_self(call, std::string(strip(text, chars, true, true)));
}

Value filter_string(Call& call) { return call.self.is_string() ? call.self : call.run.text(str(call.in, call.self)); }

Value filter_safe(Call& call) { return call.run.text(str(call.in, call.self), true); }

Value filter_forceescape(Call& call) {
    std::string text, out;
    if (!text_of(call, text, 6)) return {};
    append_escaped(out, text);
    return call.run.text(std::move(out), true);
}

Value filter_escape(Call& call) { return call.self.is_safe() ? call.self : filter_forceescape(call); }

Value filter_replace(Call& call) {
    std::string text;
    std::int64_t most = -1;
    if (!text_of(call, text, 2)) return {};
    if (!(call.given(2) && call[2].is_none()) && !call.integer(2, most)) return {};
    return call.run.text(replace_text(call.run, text, str(call.in, call[0]), str(call.in, call[1]), most));
}

Value filter_format(Call& call) {
    Arguments& a = call.arguments;
    if (!a.named.empty() && !a.positional.empty())
        return call.fail("can't handle positional and keyword arguments at the same time");
    const Value pattern = filter_string(call);
    if (call.run.failed()) return {};
    if (a.named.empty()) return format_percent(call.in, pattern, call.run.tuple(std::move(a.positional)));
    std::vector<Dict::Entry> entries;
    for (auto& [name, value] : a.named) entries.push_back({call.run.text(name), std::move(value)});
    return format_percent(call.in, pattern, call.run.make<Dict>(std::move(entries)));
}

Value filter_center(Call& call) {
    std::int64_t width = 80;
    std::string text;
    if (!call.integer(0, width) || !text_of(call, text, 1)) return {};
    const auto length = static_cast<std::int64_t>(code_points(text));
    if (width <= length) return like_self(call, std::move(text));
    const auto missing = static_cast<std::size_t>(width - length);
    if (missing > call.run.limits().memory_bytes || !call.run.room(missing) || !call.run.work_text(missing))
        return call.fail("the width is too large", Code::over_budget);
    const std::size_t left = missing / 2 + (missing & static_cast<std::size_t>(width) & 1);
    return like_self(call, cat(std::string(left, ' '), text, std::string(missing - left, ' ')));
}

Value filter_indent(Call& call) {
    std::string indent(4, ' '), text;
    if (call.self.is_undefined()) return call.fail(undefined_sentence(call.self));
    if (!call.self.is_string())
        return call.fail(cat("unsupported operand type(s) for +=: '", type_name(call.self), "' and 'str'"));
    if (call.given(0) && call[0].is_string()) {
        indent = call[0].text();
    } else {
        std::int64_t width = 4;
        if (!call.integer(0, width)) return {};
        if (width > 1'000'000) return call.fail("the width is too large", Code::over_budget);
        indent.assign(static_cast<std::size_t>(std::max<std::int64_t>(width, 0)), ' ');
    }
    if (!text_of(call, text)) return {};
    text += '\n';
    const auto lines = split_lines(text, false);
    if (!call.run.room(text.size() + lines.size() * indent.size()) || !call.run.work_text(lines.size() * indent.size()))
        return {};
    std::string out = call.flag(1) ? indent : std::string();
    for (std::size_t i = 0; i < lines.size(); ++i) {
        if (i != 0) {
            out += '\n';
            if (call.flag(2) || !lines[i].empty()) out += indent;
        }
        out += lines[i];
    }
    return like_self(call, std::move(out));
}

Value filter_truncate(Call& call) {
    std::int64_t length = 255, leeway = 5;
    std::string_view end = "...";
    std::string text;
    if (!call.integer(0, length) || !call.string(2, end)) return {};
    if (!(call.given(3) && call[3].is_none()) && !call.integer(3, leeway)) return {};
    const auto ending = static_cast<std::int64_t>(code_points(end));
    if (length < ending) return call.fail(cat("expected length >= ", ending, ", got ", length));
    if (leeway < 0) return call.fail(cat("expected leeway >= 0, got ", leeway));
    if (!call.self.is_string()) {
        const std::int64_t count = jinja::length(call.self);
        if (count >= 0 && count <= length + leeway) return call.self;
        return call.fail(cat("'", type_name(call.self), "' object cannot be truncated"));
    }
    if (!text_of(call, text)) return {};
    const auto size = static_cast<std::int64_t>(code_points(text));
    if (size <= length || size - length <= leeway) return like_self(call, std::move(text));
    std::string out = text.substr(0, byte_of(text, static_cast<std::size_t>(length - ending)));
    if (!call.flag(1)) {
        const std::size_t blank = out.rfind(' ');
        if (blank != std::string::npos) out.resize(blank);
    }
    return like_self(call, out += end);
}

Value filter_wordcount(Call& call) {
    std::string text;
    if (!text_of(call, text)) return {};
    std::int64_t words = 0;
    bool inside = false;
    for (std::size_t i = 0; i < text.size();) {
        const bool word = is_word(utf8_next(text, i));
        if (word && !inside) ++words;
        inside = word;
    }
    return Value::integer(words);
}

Value filter_filesizeformat(Call& call) {
    static constexpr std::string_view decimal[] = {"kB", "MB", "GB", "TB", "PB", "EB", "ZB", "YB"};
    static constexpr std::string_view binary[] = {"KiB", "MiB", "GiB", "TiB", "PiB", "EiB", "ZiB", "YiB"};
    const double base = call.flag(0) ? 1024 : 1000;
    double bytes = call.self.as_real();
    if (!call.self.is_number() && !(call.self.is_string() && parse_real(call.self.text(), bytes)))
        return call.fail("filesizeformat needs a number");
    if (bytes == 1) return call.run.text(std::string("1 Byte"));
    if (bytes < base) return call.run.text(format_real(std::trunc(bytes), 0, 'f') + " Bytes");
    double unit = base;
    std::size_t i = 0;
    for (; i < 8; ++i) {
        unit *= base;
        if (bytes < unit) break;
    }
    const std::size_t at = std::min<std::size_t>(i, 7);
    return call.run.text(cat(format_real(base * bytes / unit, 1, 'f'), " ", (call.flag(0) ? binary : decimal)[at]));
}

Value filter_urlencode(Call& call) {
    std::string out;
    if (call.self.is_string() || !iterable(call.self)) {
        std::string text;
        if (!text_of(call, text)) return {};
        percent_encode(out, text, false);
        return call.run.text(std::move(out));
    }
    Values pairs, pair;
    const Value source = call.self.is(Kind::dict) ? call.run.make<View>(call.self, View::What::items) : call.self;
    if (!elements(call.in, source, pairs)) return {};
    for (const Value& p : pairs) {
        if (!elements(call.in, p, pair)) return {};
        if (pair.size() != 2) return call.fail("urlencode needs pairs of a key and a value");
        if (!out.empty()) out += '&';
        percent_encode(out, str(call.in, pair[0]), true);
        out += '=';
        percent_encode(out, str(call.in, pair[1]), true);
        if (!call.run.room(out.size()) || !call.run.work()) return {};
    }
    return call.run.text(std::move(out));
}

Value filter_xmlattr(Call& call) {
    if (!call.self.is(Kind::dict)) return call.fail(cat("xmlattr needs a mapping, not ", type_name(call.self)));
    std::string out;
    for (const Dict::Entry& e : call.self.as<Dict>().entries) {
        if (e.value.is_none() || e.value.is_undefined()) continue;
        const std::string key = str(call.in, e.key);
        if (key.find_first_of(" \t\n\v\f\r/>=") != std::string::npos)
            return call.fail(cat("Invalid character in attribute name: '", key, "'"));
        if (!out.empty() || call.flag(0, true)) out += ' ';
        append_escaped(out, key);
        out += "=\"";
        if (e.value.is_safe())
            out += e.value.text();
        else
            append_escaped(out, str(call.in, e.value));
        out += '"';
        if (!call.run.room(out.size()) || !call.run.work()) return {};
    }
    return call.run.text(std::move(out), call.in.autoescape());
}

namespace {

// Character references of HTML: numbers, and the names that escaping makes.
std::string unescaped(std::string_view text) {
    struct Named {
        std::string_view name, text;
    };
    static constexpr Named names[] = {{"amp;", "&"},        {"lt;", "<"},        {"gt;", ">"},
                                      {"quot;", "\""},      {"apos;", "'"},      {"nbsp;", "\u00a0"},
                                      {"copy;", "\u00a9"},  {"reg;", "\u00ae"},  {"hellip;", "\u2026"},
                                      {"mdash;", "\u2014"}, {"ndash;", "\u2013"}};
    std::string out;
    for (std::size_t i = 0; i < text.size();) {
        if (text[i] != '&') {
            out += text[i++];
            continue;
        }
        const std::string_view rest = text.substr(i + 1);
        if (rest.size() > 2 && rest[0] == '#') {
            const bool hex = rest[1] == 'x' || rest[1] == 'X';
            std::uint32_t point = 0;
            const char* const begin = rest.data() + (hex ? 2 : 1);
            const auto end = std::from_chars(begin, rest.data() + rest.size(), point, hex ? 16 : 10);
            if (end.ec == std::errc() && point != 0 && point <= 0x10ffff && (point < 0xd800 || point > 0xdfff)) {
                utf8_append(out, point);
                i = static_cast<std::size_t>(end.ptr - text.data());
                if (i < text.size() && text[i] == ';') ++i;
                continue;
            }
        }
        const auto* const named = std::find_if(std::begin(names), std::end(names),
                                               [&](const Named& n) { return rest.substr(0, n.name.size()) == n.name; });
        out += named != std::end(names) ? named->text : std::string_view("&");
        i += 1 + (named != std::end(names) ? named->name.size() : 0);
    }
    return out;
}

// Without what stands from `open` to `close`.
std::string without(std::string_view text, std::string_view open, std::string_view close) {
    std::string out;
    for (std::size_t from = 0;;) {
        const std::size_t begin = text.find(open, from);
        const std::size_t end = begin == std::string_view::npos ? begin : text.find(close, begin);
        if (end == std::string_view::npos) return out += text.substr(from);
        out += text.substr(from, begin - from);
        from = end + close.size();
    }
}

}  // namespace

Value filter_striptags(Call& call) {
    std::string text;
    if (!text_of(call, text, 8)) return {};
    const std::string bare = without(without(text, "<!--", "-->"), "<", ">");
    std::string out;
    for (std::string_view rest = strip_left(bare); !rest.empty(); rest = strip_left(rest)) {
        std::size_t end = 0, next = 0;
        while (end < rest.size() && !is_space(utf8_next(rest, next))) end = next;
        if (!out.empty()) out += ' ';
        out += rest.substr(0, end);
        rest.remove_prefix(end);
    }
    return call.run.text(unescaped(out));
}

// ---- wordwrap
// ----------------------------------------------------------------------------------------------------------

namespace {

bool is_letter_like(char32_t c) { return is_word(c) && !(c >= '0' && c <= '9'); }

// textwrap's chunks: runs of blanks, and words, which may be broken behind hyphens between letters.
std::vector<std::u32string> chunks_of(const std::u32string& line, bool at_hyphens) {
    std::vector<std::u32string> chunks;
    const auto blank = [](char32_t c) { return c < 0x80 && is_space_byte(static_cast<char>(c)); };
    for (std::size_t i = 0; i < line.size();) {
        std::size_t end = i;
        while (end < line.size() && blank(line[end]) == blank(line[i])) ++end;
        std::size_t begin = i;
        if (at_hyphens && !blank(line[i])) {
            for (std::size_t h = i + 2; h + 2 < end + 0; ++h) {
                const bool breaks = line[h] == '-' && is_letter_like(line[h - 1]) && is_word(line[h - 2]) &&
                                    is_word(line[h + 1]) && is_letter_like(line[h + 2]) && h >= begin + 2;
                if (!breaks) continue;
                chunks.push_back(line.substr(begin, h + 1 - begin));
                begin = h + 1;
            }
        }
        chunks.push_back(line.substr(begin, end - begin));
        i = end;
    }
    return chunks;
}

struct Wrap {
    std::size_t width = 79;
    bool break_words = true, at_hyphens = true;
};

std::vector<std::u32string> wrap_line(const std::u32string& line, const Wrap& how) {
    std::vector<std::u32string> chunks = chunks_of(line, how.at_hyphens), lines;
    const auto is_blank = [](const std::u32string& s) { return std::all_of(s.begin(), s.end(), is_space); };
    std::reverse(chunks.begin(), chunks.end());
    while (!chunks.empty()) {
        std::vector<std::u32string> current;
        std::size_t used = 0;
        if (is_blank(chunks.back()) && !lines.empty()) chunks.pop_back();
        while (!chunks.empty() && used + chunks.back().size() <= how.width) {
            used += chunks.back().size();
            current.push_back(std::move(chunks.back()));
            chunks.pop_back();
        }
        if (!chunks.empty() && chunks.back().size() > how.width) {
            const std::size_t left = how.width - used;
            if (how.break_words) {
                std::size_t end = left;
                const std::u32string& word = chunks.back();
                if (how.at_hyphens && word.size() > left && left > 0) {
                    const std::size_t hyphen = word.rfind(U'-', left - 1);
                    if (hyphen != std::u32string::npos && hyphen > 0 && word.find_first_not_of(U'-') < hyphen)
                        end = hyphen + 1;
                }
                current.push_back(word.substr(0, end));
                chunks.back() = word.substr(end);
            } else if (current.empty()) {
                current.push_back(std::move(chunks.back()));
                chunks.pop_back();
            }
        }
        if (!current.empty() && is_blank(current.back())) current.pop_back();
        if (current.empty()) continue;
        std::u32string whole;
        for (const std::u32string& part : current) whole += part;
        lines.push_back(std::move(whole));
    }
    return lines;
}

}  // namespace

Value filter_wordwrap(Call& call) {
    std::int64_t width = 79;
    std::string_view between = "\n";
    if (!call.integer(0, width) || (!(call.given(2) && call[2].is_none()) && !call.string(2, between))) return {};
    if (width <= 0) return call.fail(cat("invalid width ", width, " (must be > 0)"));
    if (!call.self.is_string()) return call.fail(cat("'", type_name(call.self), "' object has no lines to wrap"));
    std::string text;
    if (!text_of(call, text, 16)) return {};
    // Long words are cut again and again: what that copies is charged.
    if (!call.run.work(1 + text.size() / static_cast<std::size_t>(std::min<std::int64_t>(width, 1 << 20)) *
                               (text.size() / 32 + 1) / 8))
        return {};
    const Wrap how{static_cast<std::size_t>(width), call.flag(1, true), call.flag(3, true)};
    std::string out;
    bool first_line = true;
    for (const std::string_view line : split_lines(text, false)) {
        std::u32string points;
        for (std::size_t i = 0; i < line.size();) points += static_cast<char32_t>(utf8_next(line, i));
        if (!first_line) out += between;
        first_line = false;
        bool first = true;
        for (const std::u32string& part : wrap_line(points, how)) {
            if (!first) out += between;
            first = false;
            for (const char32_t c : part) utf8_append(out, c);
            if (!call.run.room(out.size()) || !call.run.work_text(between.size())) return {};
        }
    }
    return call.run.text(std::move(out));
}

}  // namespace hearth::text::jinja
