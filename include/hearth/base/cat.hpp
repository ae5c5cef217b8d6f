// cat("tensor '", name, "' has ", n, " rows"): builds the sentence of an error from parts, without locale or printf.
#pragma once

#include <charconv>
#include <concepts>
#include <string>
#include <string_view>

namespace hearth {

namespace detail {
inline void cat_one(std::string& out, std::string_view s) { out += s; }
inline void cat_one(std::string& out, const char* s) { out += s; }
inline void cat_one(std::string& out, const std::string& s) { out += s; }
inline void cat_one(std::string& out, char c) { out += c; }
inline void cat_one(std::string& out, bool b) { out += b ? "true" : "false"; }
template <class T>
    requires(std::integral<T> || std::floating_point<T>)
void cat_one(std::string& out, T v) {
    char buf[64];
    auto r = std::to_chars(buf, buf + sizeof buf, v);
    out.append(buf, r.ptr);
}
}  // namespace detail

template <class... Parts>
std::string cat(const Parts&... parts) {
    std::string out;
    (detail::cat_one(out, parts), ...);
    return out;
}

}  // namespace hearth
