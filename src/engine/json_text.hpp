// Writes JSON. Nothing but strings, so that where memory ends an exception leaves and nothing else happens.
#pragma once

#include <charconv>
#include <cmath>
#include <concepts>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "hearth/base/utf8.hpp"

namespace hearth {

// Values in the order in which they are put; commas come by themselves.
class JsonText {
public:
    JsonText& begin_object() { return open('{'); }
    JsonText& end_object() { return close('}'); }
    JsonText& begin_array() { return open('['); }
    JsonText& end_array() { return close(']'); }
    JsonText& key(std::string_view name) {
        value(name);
        out_ += ':';
        comma_ = false;
        return *this;
    }
    // Bytes that are not UTF-8 become U+FFFD.
    JsonText& value(std::string_view text) {
        constexpr char hex[] = "0123456789abcdef";
        std::string quoted(1, '"');
        for (const char c : utf8_repair(text)) {
            const auto byte = static_cast<unsigned char>(c);
            if (c == '"' || c == '\\') {
                quoted += '\\';
                quoted += c;
            } else if (byte < 0x20) {
                quoted += "\\u00";
                quoted += hex[byte >> 4];
                quoted += hex[byte & 15];
            } else {
                quoted += c;
            }
        }
        quoted += '"';
        return raw(quoted);
    }
    JsonText& value(const char* text) { return value(std::string_view(text)); }
    JsonText& value(const std::string& text) { return value(std::string_view(text)); }
    JsonText& value(std::same_as<bool> auto b) { return raw(b ? "true" : "false"); }
    template <class T>
        requires(std::integral<T> && !std::same_as<T, bool>)
    JsonText& value(T n) {
        char buffer[24];
        return raw({buffer, std::to_chars(buffer, buffer + sizeof buffer, n).ptr});
    }
    // Infinities and NaN, which JSON does not have, are null.
    JsonText& value(double x) {
        if (!std::isfinite(x)) return null();
        char buffer[32];
        const std::string_view digits(buffer, std::to_chars(buffer, buffer + sizeof buffer, x).ptr);
        raw(digits);
        if (digits.find_first_of(".e") == std::string_view::npos) out_ += ".0";
        return *this;
    }
    template <class T>
    JsonText& value(const std::vector<T>& values) {
        begin_array();
        for (const auto& v : values) value(static_cast<const T&>(v));
        return end_array();
    }
    JsonText& null() { return raw("null"); }
    // A value that is JSON already.
    JsonText& json(std::string_view text) { return raw(text); }
    template <class T>
    JsonText& member(std::string_view name, const T& v) { return key(name).value(v); }
    std::string take() { return std::move(out_); }

private:
    JsonText& raw(std::string_view text) {
        if (comma_) out_ += ',';
        out_ += text;
        comma_ = true;
        return *this;
    }
    JsonText& open(char bracket) {
        raw({&bracket, 1});
        comma_ = false;
        return *this;
    }
    JsonText& close(char bracket) {
        out_ += bracket;
        comma_ = true;
        return *this;
    }
    std::string out_;
    bool comma_ = false;
};

}  // namespace hearth
