#include "formats/hf/files.hpp"

#include <span>

#include "hearth/base/cat.hpp"
#include "hearth/base/file.hpp"

namespace hearth::formats {

namespace {

// Beyond any config or vocabulary.
constexpr std::uint64_t kMostTextBytes = std::uint64_t{1} << 30;

}  // namespace

Result<std::optional<std::string>> read_text(const std::string& path) {
    std::optional<std::string> out;
    auto file = open_path(path);
    if (!file.ok() && file.status().code() == Code::not_found) return out;
    if (!file.ok()) return std::move(file).status();
    if ((*file)->size() > kMostTextBytes)
        return Status(Code::unsupported,
                      cat(path, ": has ", (*file)->size(), " bytes, expected at most ", kMostTextBytes));
    std::string text(static_cast<std::size_t>((*file)->size()), '\0');
    HEARTH_TRY((*file)->read(0, std::as_writable_bytes(std::span<char>(text))));
    out = std::move(text);
    return out;
}

Result<std::optional<Json>> read_json(const std::string& folder, const std::string& name) {
    std::optional<Json> out;
    HEARTH_ASSIGN(const auto text, read_text(cat(folder, "/", name)));
    if (!text) return out;
    HEARTH_ASSIGN(out, Json::parse(*text, name));
    return out;
}

}  // namespace hearth::formats
