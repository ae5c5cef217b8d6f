// Instead of hf/, safetensors.cpp and json.cpp: a minimal build reads GGUF files only.
#include <filesystem>
#include <system_error>

#include "formats/adapter_kinds.hpp"
#include "hearth/base/cat.hpp"
#include "hearth/formats/hf_folder.hpp"

namespace hearth {

namespace {
Status left_out(const std::string& path) {
    return {Code::unsupported, cat(path, ": this build of hearth (HEARTH_MINIMAL) reads GGUF files only")};
}
}  // namespace

struct HfFolder::Weights {};

bool HfFolder::is_folder(const std::string& path) {
    std::error_code ignored;
    return std::filesystem::is_directory(path, ignored);
}

Result<std::unique_ptr<HfFolder>> HfFolder::open_path(const std::string& path) { return left_out(path); }

// No object is ever made.
HfFolder::~HfFolder() = default;
std::uint64_t HfFolder::file_bytes() const { return 0; }
const TensorInfo* HfFolder::find(std::string_view) const { return nullptr; }
std::span<const std::byte> HfFolder::view(const TensorInfo&) const { return {}; }
bool HfFolder::maps() const { return false; }
Status HfFolder::read(const TensorInfo&, std::uint64_t, std::span<std::byte>) const { return left_out(name_); }
void HfFolder::release(const TensorInfo&, std::uint64_t, std::uint64_t) const {}

Result<AdapterFile> formats::open_peft(const std::string& path, const Metadata&) { return left_out(path); }

}  // namespace hearth
