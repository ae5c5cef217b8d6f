#include "text/literal_reader.hpp"

#include "hearth/base/hex.hpp"
#include "hearth/base/utf8.hpp"
#include "text/json_scanner.hpp"
#include "text/tool_values.hpp"

namespace hearth::text {

namespace {

constexpr int kDepth = 64;

bool is_word(char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' || c == '.' ||
           c == '-' || static_cast<unsigned char>(c) >= 0x80;
}

}  // namespace

void LiteralReader::skip_space() {
    while (at_ < text_.size() && std::string_view(" \t\r\n").find(text_[at_]) != std::string_view::npos) ++at_;
}

bool LiteralReader::take(char c) {
    skip_space();
    if (at_ == text_.size() || text_[at_] != c) return false;
    ++at_;
    return true;
}

std::string_view LiteralReader::word() {
    skip_space();
    const std::size_t from = at_;
    while (at_ < text_.size() && is_word(text_[at_])) ++at_;
    return text_.substr(from, at_ - from);
}

std::optional<std::string> LiteralReader::whole() {
    std::string out;
    if (!value(out)) return std::nullopt;
    skip_space();
    if (!at_end()) return std::nullopt;
    return out;
}

bool LiteralReader::value(std::string& out) {
    skip_space();
    if (at_ == text_.size() || depth_ == kDepth) return false;
    ++depth_;
    bool good = false;
    const char c = text_[at_];
    if (!quote_.empty() && text_.substr(at_).starts_with(quote_)) {
        good = string(out);
    } else if (c == '[' || (c == '(' && quote_.empty())) {
        ++at_;
        good = list(out, c == '[' ? ']' : ')');
    } else if (c == '{') {
        ++at_;
        good = object(out);
    } else if ((c == '"' || c == '\'') && quote_.empty()) {
        good = string(out);
    } else {
        good = scalar(out);
    }
    --depth_;
    return good;
}

bool LiteralReader::escape(std::string& text) {
    if (at_ == text_.size()) return false;
    const char c = text_[at_++];
    constexpr std::string_view kFrom = "ntrbfav0\\'\"\n";
    constexpr char kTo[] = {'\n', '\t', '\r', '\b', '\f', '\a', '\v', '\0', '\\', '\'', '"'};
    if (const std::size_t at = kFrom.find(c); at != std::string_view::npos) {
        if (at < sizeof kTo) text += kTo[at];  // an escaped line break is none
        return true;
    }
    const std::size_t digits = c == 'x' ? 2 : c == 'u' ? 4 : c == 'U' ? 8 : 0;
    if (digits == 0) {
        text += '\\';
        text += c;
        return true;
    }
    std::uint32_t code = 0;
    for (std::size_t i = 0; i < digits; ++i) {
        const int digit = at_ < text_.size() ? hex_value(text_[at_]) : -1;
        if (digit < 0) return false;
        code = code * 16 + static_cast<std::uint32_t>(digit);
        ++at_;
    }
    if (code > 0x10ffff || (code >= 0xd800 && code < 0xe000)) code = 0xfffd;
    utf8_append(text, code);
    return true;
}

bool LiteralReader::string(std::string& out) {
    std::string text;
    if (!quote_.empty()) {
        at_ += quote_.size();
        const std::size_t end = text_.find(quote_, at_);
        if (end == std::string_view::npos) return false;
        append_json_string(out, text_.substr(at_, end - at_));
        at_ = end + quote_.size();
        return true;
    }
    const char quote = text_[at_++];
    while (at_ < text_.size() && text_[at_] != quote) {
        const char c = text_[at_++];
        if (c != '\\')
            text += c;
        else if (!escape(text))
            return false;
    }
    if (at_ == text_.size()) return false;
    ++at_;
    append_json_string(out, text);
    return true;
}

bool LiteralReader::list(std::string& out, char close) {
    out += '[';
    bool first = true;
    while (!take(close)) {
        if (!first) {
            if (!take(',')) return false;
            if (take(close)) break;
            out += ", ";
        }
        if (!value(out)) return false;
        first = false;
    }
    out += ']';
    return true;
}

bool LiteralReader::key(std::string& out) {
    skip_space();
    if (at_ == text_.size()) return false;
    const bool quoted =
        quote_.empty() ? text_[at_] == '"' || text_[at_] == '\'' : text_.substr(at_).starts_with(quote_);
    if (quoted) return string(out);
    const std::string_view name = word();
    append_json_string(out, name);
    return !name.empty();
}

bool LiteralReader::object(std::string& out) {
    out += '{';
    bool first = true;
    while (!take('}')) {
        if (!first) {
            if (!take(',')) return false;
            if (take('}')) break;
            out += ", ";
        }
        if (!key(out) || !take(':')) return false;
        out += ": ";
        if (!value(out)) return false;
        first = false;
    }
    out += '}';
    return true;
}

bool LiteralReader::scalar(std::string& out) {
    const std::size_t from = at_;
    while (at_ < text_.size() && (is_word(text_[at_]) || text_[at_] == '+')) ++at_;
    const std::string_view word = text_.substr(from, at_ - from);
    if (word.empty()) return false;
    if (word == "True" || word == "true") {
        out += "true";
    } else if (word == "False" || word == "false") {
        out += "false";
    } else if (word == "None" || word == "null") {
        out += "null";
    } else if (is_json(word)) {
        out += word;
    } else {
        if (quote_.empty()) return false;
        append_json_string(out, word);
    }
    return true;
}

bool BracketScanner::scan(std::string_view text, std::size_t& at, bool final) {
    for (; at < text.size(); ++at) {
        const char c = text[at];
        if (!quote_.empty() && c == quote_.front()) {
            const std::string_view rest = text.substr(at, quote_.size());
            if (rest == quote_) {
                open_ = open_ == 0 ? '"' : '\0';
                at += quote_.size() - 1;
                continue;
            }
            if (rest.size() < quote_.size() && quote_.starts_with(rest) && !final) return false;
        }
        if (open_ != 0) {
            if (!quote_.empty()) continue;
            if (escaped_)
                escaped_ = false;
            else if (c == '\\')
                escaped_ = true;
            else if (c == open_)
                open_ = 0;
            continue;
        }
        if (quote_.empty() && (c == '"' || c == '\'')) open_ = c;
        if (c == '(' || c == '[' || c == '{') ++depth_;
        if (c != ')' && c != ']' && c != '}') continue;
        ++at;
        if (depth_ <= 1) return true;
        --depth_;
        --at;
    }
    return false;
}

namespace {

// name(key=value, ...) at the reader's place.
bool read_call(LiteralReader& reader, const ToolSchemas& schemas, std::vector<ReadCall>& calls, bool outermost) {
    std::string_view name = reader.word();
    if (name.empty() || !reader.take('(')) return false;
    if (name == "print" && outermost) return read_call(reader, schemas, calls, false) && reader.take(')');
    // Llama's built-in tools: brave_search.call(query="...").
    if (name.size() > 5 && name.ends_with(".call")) name.remove_suffix(5);
    ReadCall call{std::string(name), "{"};
    bool first = true;
    std::size_t position = 0;
    while (!reader.take(')')) {
        if (!first) {
            if (!reader.take(',')) return false;
            if (reader.take(')')) break;
            call.arguments += ", ";
        }
        first = false;
        const std::size_t here = reader.at();
        std::string key(reader.word());
        if (key.empty() || !reader.take('=')) {
            const auto parameter = schemas.parameter(name, position);
            if (!parameter) return false;
            key = *parameter;
            reader.go(here);
        }
        ++position;
        append_json_string(call.arguments, key);
        call.arguments += ": ";
        if (!reader.value(call.arguments)) return false;
    }
    call.arguments += '}';
    calls.push_back(std::move(call));
    return true;
}

}  // namespace

std::vector<ReadCall> read_python_calls(std::string_view text, const ToolSchemas& schemas) {
    LiteralReader reader(text);
    std::vector<ReadCall> calls;
    bool good = true;
    if (reader.take('[')) {
        good = read_call(reader, schemas, calls, true);
        while (good && !reader.take(']')) good = reader.take(',') && read_call(reader, schemas, calls, true);
    } else {
        good = read_call(reader, schemas, calls, true);
    }
    reader.skip_space();
    if (!good || !reader.at_end()) calls.clear();
    return calls;
}

std::optional<std::string> read_braces(std::string_view text, std::string_view quote) {
    auto json = LiteralReader(text, quote).whole();
    if (!json || json->front() != '{') return std::nullopt;
    return json;
}

}  // namespace hearth::text
