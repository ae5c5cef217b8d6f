// Small files of a folder.
#pragma once

#include <optional>
#include <string>

#include "formats/json.hpp"
#include "hearth/base/status.hpp"

namespace hearth::formats {

// nullopt: there is no such file.
Result<std::optional<std::string>> read_text(const std::string& path);
// `name` within the folder; errors begin with it.
Result<std::optional<Json>> read_json(const std::string& folder, const std::string& name);

}  // namespace hearth::formats
