// Names of the parts of a split model: "<prefix>-00001-of-00003.gguf", counted from 1 in the name and from 0 here.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace hearth::formats {

// Five digits in a name, 16 bits in the metadata.
inline constexpr std::uint64_t most_parts = 65535;

struct SplitName {
    std::string prefix;
    std::uint64_t number = 0;
    std::uint64_t count = 0;
};

// nullopt when the path does not end in the pattern, or its numbers contradict each other.
std::optional<SplitName> parse_split_name(std::string_view path);
std::string split_name(std::string_view prefix, std::uint64_t number, std::uint64_t count);

}  // namespace hearth::formats
