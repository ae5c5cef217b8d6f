#include "hearth/formats/adapter_file.hpp"

#include <algorithm>
#include <map>

#include "formats/adapter_kinds.hpp"
#include "formats/quote.hpp"
#include "hearth/base/cat.hpp"
#include "hearth/formats/gguf.hpp"
#include "hearth/formats/hf_folder.hpp"

namespace hearth {

using formats::quote;

namespace {

constexpr std::string_view kA = ".lora_a", kB = ".lora_b";

Result<double> alpha_of(const Metadata& metadata) {
    HEARTH_ASSIGN(const auto alpha, metadata.get_float("adapter.lora.alpha"));
    if (!alpha) return Status(Code::malformed, "metadata key 'adapter.lora.alpha' is missing");
    if (!(*alpha > 0 && *alpha < 1e30))
        return Status(Code::malformed,
                      cat("metadata key 'adapter.lora.alpha' is ", *alpha, ", expected a number above 0"));
    return *alpha;
}

Status read_low_rank(const Gguf& file, AdapterFile& out) {
    const Metadata& metadata = file.metadata();
    HEARTH_ASSIGN(const auto type, metadata.get_string("adapter.type"));
    if (!type) return {Code::malformed, "metadata key 'adapter.type' is missing"};
    if (*type != "lora")
        return {Code::unsupported, cat("metadata key 'adapter.type' is ", quote(*type), ", expected 'lora'")};
    constexpr std::string_view kKnown[] = {"adapter.type", "adapter.lora.alpha", "adapter.lora.task_name"};
    const auto& values = metadata.values();
    for (auto at = values.lower_bound("adapter."); at != values.end() && at->first.starts_with("adapter."); ++at)
        if (std::ranges::find(kKnown, at->first) == std::end(kKnown))
            return {Code::unsupported, cat("metadata key ", quote(at->first), " is not supported")};
    HEARTH_ASSIGN(const auto architecture, metadata.get_string("general.architecture"));
    out.model = architecture.value_or("");
    if (out.model.empty()) return {Code::malformed, "metadata key 'general.architecture' is missing"};
    HEARTH_ASSIGN(const double alpha, alpha_of(metadata));
    std::map<std::string, AdapterFile::Change> changes;
    for (const TensorInfo& t : file.tensors()) {
        const bool a = t.name.ends_with(kA), b = t.name.ends_with(kB);
        if (!a && !b)
            return {Code::unsupported,
                    cat("tensor ", quote(t.name), " is no part of a low-rank change: its name ends in neither ", kA,
                        " nor ", kB)};
        std::string base = t.name.substr(0, t.name.size() - kA.size());
        AdapterFile::Change& change = changes[base];
        change.base = std::move(base);
        (a ? change.a : change.b) = &t;
    }
    for (auto& [name, change] : changes) {
        if (change.a == nullptr || change.b == nullptr)
            return {Code::malformed,
                    cat("tensor ", quote(name + std::string(change.a == nullptr ? kA : kB)), " is missing, beside ",
                        quote(name + std::string(change.a == nullptr ? kB : kA)))};
        change.scale = alpha / static_cast<double>(change.b->shape[0]);
        out.changes.push_back(std::move(change));
    }
    if (out.changes.empty()) return {Code::malformed, "an adapter without tensors"};
    return {};
}

Status read_directions(const Gguf& file, AdapterFile& out) {
    constexpr std::string_view kPrefix = "direction.";
    HEARTH_ASSIGN(const auto hint, file.metadata().get_string("controlvector.model_hint"));
    out.model = hint.value_or("");
    for (const TensorInfo& t : file.tensors()) {
        std::size_t layer = 0;
        const std::string_view digits =
            t.name.starts_with(kPrefix) ? std::string_view(t.name).substr(kPrefix.size()) : "";
        const bool numbers =
            !digits.empty() && digits.size() <= 5 && digits.find_first_not_of("0123456789") == std::string_view::npos;
        for (const char c : digits) layer = numbers ? layer * 10 + static_cast<std::size_t>(c - '0') : 0;
        if (!numbers || digits[0] == '0')
            return {Code::malformed, cat("tensor ", quote(t.name),
                                         " is no direction of a control vector, expected 'direction.1' and so on")};
        out.directions.push_back({layer, &t});
    }
    if (out.directions.empty()) return {Code::malformed, "a control vector without directions"};
    std::ranges::sort(out.directions, {}, &AdapterFile::Direction::layer);
    HEARTH_ASSIGN(const auto count, file.metadata().get_uint("controlvector.layer_count"));
    if (count && *count < out.directions.size())
        return {Code::malformed, cat("metadata key 'controlvector.layer_count' is ", *count, ", the file has ",
                                     out.directions.size(), " directions")};
    return {};
}

Result<AdapterFile> open_gguf(const std::string& path) {
    HEARTH_ASSIGN(auto file, Gguf::open_path(path));
    AdapterFile out;
    const auto read = [&]() -> Status {
        HEARTH_ASSIGN(const auto kind, file->metadata().get_string("general.architecture"));
        HEARTH_ASSIGN(const auto type, file->metadata().get_string("general.type"));
        if (kind == "controlvector") {
            out.kind = AdapterFile::Kind::directions;
            return read_directions(*file, out);
        }
        if (type != "adapter")
            return {Code::unsupported, cat("is no adapter: metadata key 'general.type' is ",
                                           type ? quote(*type) : std::string("missing"), ", expected 'adapter'")};
        return read_low_rank(*file, out);
    };
    HEARTH_TRY(read().in(path));
    out.source = std::move(file);
    return out;
}

}  // namespace

Result<AdapterFile> open_adapter(const std::string& path, const Metadata& model) {
    Result<AdapterFile> out =
        HfFolder::is_folder(path) || path.ends_with(".safetensors") ? formats::open_peft(path, model) : open_gguf(path);
    if (out.ok()) out->name = path;
    return out;
}

}  // namespace hearth
