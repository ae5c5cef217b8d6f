// Names from a file inside messages: whatever bytes they are, the sentence stays short, printable UTF-8.
#pragma once

#include <string>
#include <string_view>

namespace hearth::formats {

// UTF-8 without control characters: fit to be quoted as it is, here and on every floor above.
bool printable(std::string_view text);
// In single quotes; bytes that are not printable UTF-8 as \xNN, cut after 80 bytes.
std::string quote(std::string_view text);

}  // namespace hearth::formats
