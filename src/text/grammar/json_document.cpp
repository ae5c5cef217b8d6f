// nlohmann_json's SAX interface feeds our own values; its own allocate in their destructors, so that a host out of
// memory would be terminated.
#include "text/grammar/json_document.hpp"

#define JSON_ASSERT(x) static_cast<void>(0)
#include <nlohmann/json.hpp>

#include <charconv>
#include <limits>
#include <unordered_set>

#include "hearth/base/cat.hpp"
#include "hearth/base/hex.hpp"
#include "text/json_scanner.hpp"

namespace hearth::text::grammar {

namespace {

constexpr std::size_t kMostDepth = 100;
constexpr std::int64_t kBeyond = 2'000'000'000'000'000'000;

class Builder {
public:
    bool null() { return add({}); }
    bool boolean(bool v) {
        return add({.type = Json::Type::boolean, .boolean = v, .text = {}, .items = {}, .members = {}, .key = {}});
    }
    bool number_integer(std::int64_t v) { return number(cat(v)); }
    bool number_unsigned(std::uint64_t v) { return number(cat(v)); }
    bool number_float(double, const std::string& text) { return number(text); }
    bool string(std::string& v) {
        return add({.type = Json::Type::string, .text = v, .items = {}, .members = {}, .key = {}});
    }
    bool binary(std::vector<std::uint8_t>&) { return false; }
    bool start_object(std::size_t) { return open(Json::Type::object); }
    bool start_array(std::size_t) { return open(Json::Type::array); }
    bool key(std::string& v) {
        if (!levels_.back().keys.insert(v).second) {
            twice_ = v;
            return false;
        }
        levels_.back().key = v;
        return true;
    }
    bool end_object() { return close(); }
    bool end_array() { return close(); }
    template <class Exception>
    bool parse_error(std::size_t position, const std::string&, const Exception&) {
        wrong_at_ = position > 0 ? position - 1 : 0;  // it counts from 1
        return false;
    }

    Json root;
    Status failure(std::string_view what) const {
        if (deep_) return {Code::unsupported, cat(what, " is nested more than ", kMostDepth, " deep")};
        if (twice_) return {Code::malformed, cat(what, " has an object with the key ", json_quoted(*twice_), " twice")};
        return {Code::malformed, cat(what, " is not JSON at byte ", wrong_at_)};
    }

private:
    struct Level {
        Json value;
        std::string key;
        std::unordered_set<std::string> keys;
    };
    bool number(std::string text) {
        return add({.type = Json::Type::number, .text = std::move(text), .items = {}, .members = {}, .key = {}});
    }
    bool add(Json value) {
        if (levels_.empty()) {
            root = std::move(value);
        } else if (Level& level = levels_.back(); level.value.is(Json::Type::object)) {
            value.key = level.key;
            level.value.members.push_back(std::move(value));
        } else {
            level.value.items.push_back(std::move(value));
        }
        return true;
    }
    bool open(Json::Type type) {
        deep_ = levels_.size() == kMostDepth;
        if (deep_) return false;
        levels_.emplace_back();
        levels_.back().value.type = type;
        return true;
    }
    bool close() {
        Json value = std::move(levels_.back().value);
        levels_.pop_back();
        return add(std::move(value));
    }

    std::vector<Level> levels_;
    std::optional<std::string> twice_;
    std::size_t wrong_at_ = 0;
    bool deep_ = false;
};

bool find_path(const Json& at, const Json* target, std::string& path) {
    if (&at == target) return true;
    const std::size_t size = path.size();
    for (std::size_t i = 0; i < at.items.size(); ++i) {
        path += cat("/", i);
        if (find_path(at.items[i], target, path)) return true;
        path.resize(size);
    }
    for (const Json& member : at.members) {
        path += '/';
        for (const char c : member.key) {
            if (c == '~')
                path += "~0";
            else if (c == '/')
                path += "~1";
            else
                path += c;
        }
        if (find_path(member, target, path)) return true;
        path.resize(size);
    }
    return false;
}

void number_values(Json& at, std::uint32_t& next) {
    at.order = next++;
    for (Json& item : at.items) number_values(item, next);
    for (Json& member : at.members) number_values(member, next);
}

std::optional<std::string> percent_decoded(std::string_view text) {
    std::string out;
    for (std::size_t i = 0; i < text.size(); ++i) {
        if (text[i] != '%') {
            out += text[i];
            continue;
        }
        if (i + 2 >= text.size() || hex_value(text[i + 1]) < 0 || hex_value(text[i + 2]) < 0) return std::nullopt;
        out += static_cast<char>(hex_value(text[i + 1]) * 16 + hex_value(text[i + 2]));
        i += 2;
    }
    return out;
}

}  // namespace

Result<Json> parse_json(std::string_view text, std::string_view what) {
    Builder builder;
    if (!nlohmann::json::sax_parse(text, &builder)) return builder.failure(what);
    std::uint32_t next = 0;
    number_values(builder.root, next);
    return std::move(builder.root);
}

bool equal(const Json& a, const Json& b) {
    if (a.type != b.type) return false;
    switch (a.type) {
        case Json::Type::null:
            return true;
        case Json::Type::boolean:
            return a.boolean == b.boolean;
        case Json::Type::string:
            return a.text == b.text;
        case Json::Type::number: {
            const auto x = parse_decimal(a.text), y = parse_decimal(b.text);
            return x && y ? *x == *y : a.text == b.text;
        }
        case Json::Type::array:
            if (a.items.size() != b.items.size()) return false;
            for (std::size_t i = 0; i < a.items.size(); ++i)
                if (!equal(a.items[i], b.items[i])) return false;
            return true;
        case Json::Type::object:
            if (a.members.size() != b.members.size()) return false;
            for (const Json& member : a.members) {
                const Json* other = b.find(member.key);
                if (other == nullptr || !equal(member, *other)) return false;
            }
            return true;
    }
    return false;
}

std::string json_unit(std::uint32_t code) {
    constexpr std::string_view hex = "0123456789abcdef";
    std::string out = "\\u";
    for (int shift = 12; shift >= 0; shift -= 4) out += hex[code >> shift & 15];
    return out;
}

std::string json_quoted(std::string_view text, const CodeSet& escaped) {
    std::string out;
    append_json_string(out, text);
    for (const CodeRange& range : escaped)
        for (std::uint32_t code = range.low; code <= range.high; ++code)
            for (std::size_t at = 0; (at = out.find(static_cast<char>(code), at)) != std::string::npos; at += 6)
                out.replace(at, 1, json_unit(code));
    return out;
}

std::string pointer_to(const Json& root, const Json* target) {
    std::string path;
    find_path(root, target, path);
    return path;
}

const Json* follow(const Json& root, std::string_view fragment) {
    const Json* at = &root;
    while (!fragment.empty()) {
        if (fragment.front() != '/') return nullptr;
        fragment.remove_prefix(1);
        const std::size_t end = std::min(fragment.find('/'), fragment.size());
        const auto decoded = percent_decoded(fragment.substr(0, end));
        if (!decoded) return nullptr;
        fragment.remove_prefix(end);
        std::string key;
        for (std::size_t i = 0; i < decoded->size(); ++i) {
            if ((*decoded)[i] != '~') {
                key += (*decoded)[i];
            } else if (++i < decoded->size() && ((*decoded)[i] == '0' || (*decoded)[i] == '1')) {
                key += (*decoded)[i] == '0' ? '~' : '/';
            } else {
                return nullptr;
            }
        }
        if (at->is(Json::Type::object)) {
            at = at->find(key);
        } else if (at->is(Json::Type::array)) {
            std::size_t index = 0;
            const auto [stop, error] = std::from_chars(key.data(), key.data() + key.size(), index);
            at = error == std::errc() && stop == key.data() + key.size() && index < at->items.size() ? &at->items[index]
                                                                                                     : nullptr;
        } else {
            at = nullptr;
        }
        if (at == nullptr) return nullptr;
    }
    return at;
}

std::optional<Decimal> parse_decimal(std::string_view text) {
    Decimal out;
    std::size_t i = 0;
    if (i < text.size() && text[i] == '-') {
        out.negative = true;
        ++i;
    }
    bool fraction = false;
    std::int64_t zeros = 0;  // not yet known to be followed by another digit
    std::size_t significant = 0;
    for (; i < text.size() && text[i] != 'e' && text[i] != 'E'; ++i) {
        if (text[i] == '.') {
            fraction = true;
            continue;
        }
        if (fraction) --out.exponent;
        if (text[i] == '0') {
            ++zeros;
            continue;
        }
        significant = out.digits == 0 ? 1 : significant + static_cast<std::size_t>(zeros) + 1;
        if (significant > 18) return std::nullopt;
        for (; zeros > 0; --zeros) out.digits *= 10;
        out.digits = out.digits * 10 + static_cast<std::uint64_t>(text[i] - '0');
    }
    out.exponent += zeros;
    if (i < text.size()) {
        std::string_view power = text.substr(i + 1);
        if (power.starts_with('+')) power.remove_prefix(1);
        int value = 0;
        const auto [stop, error] = std::from_chars(power.data(), power.data() + power.size(), value);
        if (error != std::errc() || stop != power.data() + power.size() || value > 100000 || value < -100000)
            return std::nullopt;
        out.exponent += value;
    }
    if (out.digits == 0) return Decimal{};
    return out;
}

bool less(const Decimal& a, const Decimal& b) {
    if (a.negative != b.negative) return a.negative;
    // By the place of the first digit, then by the digits from there.
    const auto order = [](const Decimal& value) {
        std::int64_t place = value.exponent;
        std::uint64_t digits = value.digits;
        for (std::uint64_t rest = digits; rest >= 10; rest /= 10) ++place;
        while (digits != 0 && digits < 100'000'000'000'000'000) digits *= 10;
        return std::pair(digits == 0 ? std::numeric_limits<std::int64_t>::min() : place, digits);
    };
    return a.negative ? order(b) < order(a) : order(a) < order(b);
}

std::int64_t scaled_floor(const Decimal& value, std::int64_t places, bool& exact) {
    exact = true;
    std::uint64_t digits = value.digits;
    std::int64_t exponent = value.exponent + places;
    for (; exponent > 0 && digits != 0; --exponent) {
        if (digits > static_cast<std::uint64_t>(kBeyond) / 10) return value.negative ? -kBeyond : kBeyond;
        digits *= 10;
    }
    for (; exponent < 0 && digits != 0; ++exponent) {
        if (digits % 10 != 0) exact = false;
        digits /= 10;
    }
    const auto whole = static_cast<std::int64_t>(digits);
    if (!value.negative) return whole;
    return exact ? -whole : -whole - 1;
}

}  // namespace hearth::text::grammar
