#include "hearth/formats/hf_folder.hpp"

#include <algorithm>
#include <filesystem>

#include "formats/hf/config.hpp"
#include "formats/hf/files.hpp"
#include "formats/hf/sentence.hpp"
#include "formats/hf/tensors.hpp"
#include "formats/hf/tokenizer.hpp"
#include "formats/json.hpp"
#include "formats/quote.hpp"
#include "hearth/base/cat.hpp"
#include "hearth/base/file.hpp"

namespace hearth {

using formats::Json;
using formats::read_json;
using formats::read_text;
using formats::Safetensors;

namespace {

Result<Safetensors> open_weights(const std::string& folder) {
    constexpr const char* index_name = "model.safetensors.index.json";
    HEARTH_ASSIGN(const auto index, read_text(cat(folder, "/", index_name)));
    if (index) return Safetensors::open(*index, index_name, [&](const std::string& name) { return open_path(cat(folder, "/", name)); });
    auto file = open_path(folder + "/model.safetensors");
    if (file.ok()) return Safetensors::open(*std::move(file));
    if (file.status().code() != Code::not_found) return std::move(file).status();
    return Status(Code::not_found, cat(folder, ": has neither model.safetensors nor ", index_name));
}

// Templates in other places than tokenizer_config.json: those of processors, and further ones by their names.
Status add_other_templates(const std::string& folder, Metadata& metadata) {
    HEARTH_ASSIGN(const auto processor, read_json(folder, "chat_template.json"));
    if (processor) {
        const formats::JsonValue text = processor->root()["chat_template"];
        if (text.is_string()) metadata.insert("tokenizer.chat_template", std::string(text.text()));
    }
    std::error_code failed;
    for (std::filesystem::directory_iterator at(folder + "/additional_chat_templates", failed), end; !failed && at != end; at.increment(failed)) {
        if (at->path().extension() != ".jinja") continue;
        HEARTH_ASSIGN(auto text, read_text(at->path().string()));
        if (text) metadata.insert(cat("tokenizer.chat_template.", at->path().stem().string()), *std::move(text));
    }
    return {};
}

Status add_tokenizer(const std::string& folder, const Json& config, Metadata& metadata) {
    HEARTH_ASSIGN(const auto tokenizer, read_json(folder, "tokenizer.json"));
    if (!tokenizer) return {Code::unsupported, "tokenizer.json is missing"};
    HEARTH_ASSIGN(const auto tokenizer_config, read_json(folder, "tokenizer_config.json"));
    HEARTH_ASSIGN(const auto generation, read_json(folder, "generation_config.json"));
    formats::HfTexts texts;
    texts.tokenizer = &*tokenizer;
    texts.config = tokenizer_config ? &*tokenizer_config : nullptr;
    texts.model = &config;
    texts.generation = generation ? &*generation : nullptr;
    // A template in a file of its own is the newer place.
    HEARTH_ASSIGN(auto chat, read_text(folder + "/chat_template.jinja"));
    if (chat) metadata.insert("tokenizer.chat_template", *std::move(chat));
    HEARTH_TRY(add_other_templates(folder, metadata));
    return formats::read_tokenizer(texts, metadata);
}

// Where they count as layers.
Metadata with_predictors(const Metadata& metadata, const formats::HfConfig& config, std::uint64_t count) {
    const std::string of = cat(config.family.architecture, ".");
    Metadata out;
    out.insert(of + "block_count", config.layers + count);
    out.insert(of + "nextn_predict_layers", count);
    for (const auto& [key, value] : metadata.values()) out.insert(key, value);
    return out;
}

}  // namespace

struct HfFolder::Weights {
    Safetensors files;
    std::vector<std::unique_ptr<Safetensors>> behind;  // of layers behind pooling
    std::vector<formats::HfTensor> tensors;
};

HfFolder::HfFolder(std::string name) : name_(std::move(name)) {}
HfFolder::~HfFolder() = default;

bool HfFolder::is_folder(const std::string& path) {
    std::error_code ignored;
    return std::filesystem::is_directory(path, ignored);
}

Result<std::unique_ptr<HfFolder>> HfFolder::open_path(const std::string& path) {
    std::string folder = path;
    while (folder.size() > 1 && folder.back() == '/') folder.pop_back();
    HEARTH_ASSIGN(const auto config, read_json(folder, "config.json"));
    if (!config) return Status(Code::not_found, cat(folder, ": is a folder without config.json, expected that of a model"));
    std::unique_ptr<HfFolder> out(new HfFolder(folder));
    auto files = open_weights(folder);
    if (!files.ok()) return std::move(files).status().in(folder);
    out->weights_ = std::make_unique<Weights>(Weights{*std::move(files), {}, {}});
    out->metadata_.insert("general.name", folder.substr(folder.rfind('/') + 1));

    auto understood = formats::read_config(*config, out->metadata_);
    if (understood.ok()) {
        out->troubles_.tensor = formats::place_tensors(out->weights_->files, *understood, out->weights_->tensors);
        if (const std::uint64_t n = formats::hf_predictors(out->weights_->tensors, understood->layers); n != 0)
            out->metadata_ = with_predictors(out->metadata_, *understood, n);
        out->troubles_.key = formats::read_sentence_modules(folder, understood->family, out->metadata_, out->weights_->behind, out->weights_->tensors);
    } else if (out->metadata_.find("general.architecture") == nullptr) {
        out->troubles_.architecture = std::move(understood).status();
    } else {
        out->troubles_.key = std::move(understood).status();
    }
    out->troubles_.tokenizer = add_tokenizer(folder, *config, out->metadata_);
    for (std::size_t i = 0; i < out->weights_->tensors.size(); ++i) {
        out->infos_.push_back(out->weights_->tensors[i].info);
        out->infos_.back().offset = i;
    }
    return out;
}

std::uint64_t HfFolder::file_bytes() const {
    std::uint64_t bytes = weights_->files.file_bytes();
    for (const auto& files : weights_->behind) bytes += files->file_bytes();
    return bytes;
}
bool HfFolder::maps() const {
    return weights_->files.maps() && std::ranges::all_of(weights_->behind, [](const auto& files) { return files->maps(); });
}

const TensorInfo* HfFolder::find(std::string_view name) const {
    const auto at = std::ranges::lower_bound(infos_, name, {}, [](const TensorInfo& t) { return std::string_view(t.name); });
    return at == infos_.end() || at->name != name ? nullptr : &*at;
}

std::span<const std::byte> HfFolder::view(const TensorInfo& info) const {
    return info.offset < infos_.size() ? weights_->tensors[static_cast<std::size_t>(info.offset)].rows->view() : std::span<const std::byte>();
}

Status HfFolder::read(const TensorInfo& info, std::uint64_t offset, std::span<std::byte> dst) const {
    if (info.offset >= infos_.size()) return {Code::invalid_argument, cat(name_, ": tensor ", formats::quote(info.name), " is not of this folder")};
    const formats::Rows& rows = *weights_->tensors[static_cast<std::size_t>(info.offset)].rows;
    if (offset > rows.bytes() || dst.size() > rows.bytes() - offset)
        return {Code::invalid_argument, cat(name_, ": ", dst.size(), " bytes from byte ", offset, " of tensor ", formats::quote(info.name),
                                            " were asked for, it has ", rows.bytes())};
    return formats::read_bytes(rows, offset, dst).in(cat("tensor ", formats::quote(info.name)));
}

void HfFolder::release(const TensorInfo& info, std::uint64_t offset, std::uint64_t bytes) const {
    if (info.offset >= infos_.size()) return;
    const formats::Rows& rows = *weights_->tensors[static_cast<std::size_t>(info.offset)].rows;
    formats::release_bytes(rows, offset, bytes);
}

}  // namespace hearth
