#include "formats/split_name.hpp"

#include <algorithm>

#include "hearth/base/cat.hpp"

namespace hearth::formats {

namespace {

std::optional<std::uint64_t> five_digits(std::string_view text) {
    std::uint64_t out = 0;
    for (char c : text) {
        if (c < '0' || c > '9') return std::nullopt;
        out = out * 10 + static_cast<std::uint64_t>(c - '0');
    }
    return out;
}

std::string padded(std::uint64_t number) {
    const std::string digits = cat(number);
    return std::string(5 - std::min<std::size_t>(5, digits.size()), '0') + digits;
}

}  // namespace

std::optional<SplitName> parse_split_name(std::string_view path) {
    constexpr std::string_view pattern = "-00001-of-00003.gguf";
    if (path.size() < pattern.size()) return std::nullopt;
    const std::string_view tail = path.substr(path.size() - pattern.size());
    if (tail[0] != '-' || tail.substr(6, 4) != "-of-" || tail.substr(15) != ".gguf") return std::nullopt;
    const auto number = five_digits(tail.substr(1, 5)), count = five_digits(tail.substr(10, 5));
    if (!number || !count || *number < 1 || *number > *count) return std::nullopt;
    return SplitName{std::string(path.substr(0, path.size() - pattern.size())), *number - 1, *count};
}

std::string split_name(std::string_view prefix, std::uint64_t number, std::uint64_t count) {
    return cat(prefix, "-", padded(number + 1), "-of-", padded(count), ".gguf");
}

}  // namespace hearth::formats
