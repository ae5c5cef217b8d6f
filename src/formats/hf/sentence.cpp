#include "formats/hf/sentence.hpp"

#include <algorithm>

#include "formats/hf/files.hpp"
#include "formats/quote.hpp"
#include "hearth/base/cat.hpp"
#include "hearth/base/file.hpp"

namespace hearth::formats {

namespace {

template <class... Parts>
Status wrong(const Parts&... parts) {
    return {Code::malformed, cat(parts...)};
}
template <class... Parts>
Status unsupported(const Parts&... parts) {
    return {Code::unsupported, cat(parts...)};
}

struct Mode {
    std::string_view flag, name;  // of older and newer files
    std::uint64_t type;           // GGUF's; 0: not one of them
};
constexpr Mode kModes[] = {{"pooling_mode_mean_tokens", "mean", 1},
                           {"pooling_mode_cls_token", "cls", 2},
                           {"pooling_mode_lasttoken", "lasttoken", 3},
                           {"pooling_mode_max_tokens", "max", 0},
                           {"pooling_mode_mean_sqrt_len_tokens", "mean_sqrt_len_tokens", 0},
                           {"pooling_mode_weightedmean_tokens", "weightedmean", 0}};

class Modules {
public:
    Modules(const std::string& folder, const HfFamily& family, Metadata& metadata,
            std::vector<std::unique_ptr<Safetensors>>& files, std::vector<HfTensor>& tensors)
        : folder_(folder), family_(family), metadata_(metadata), files_(files), tensors_(tensors) {}

    Status all() {
        HEARTH_ASSIGN(const auto list, read_json(folder_, "modules.json"));
        if (!list) return pooling("1_Pooling", false);
        if (!list->root().is_array())
            return wrong("modules.json: is ", list->root().kind_name(), ", expected an array");
        std::size_t at = 0;
        for (const JsonValue module : list->root()) {
            const std::string_view path = module["path"].text(), type = module["type"].text();
            // Folders beside config.json, which no path leaves.
            if (path.find_first_of("/\\") != std::string_view::npos || path.starts_with('.') ||
                path.find('\0') != std::string_view::npos)
                return unsupported("modules.json: a module has the path ", quote(path), ", supported are plain names");
            HEARTH_TRY(
                one(at++, std::string(path), type.substr(type.rfind('.') + 1)).in(cat("modules.json: ", quote(type))));
        }
        return {};
    }

private:
    // The last word of its class says what a module does.
    Status one(std::size_t at, const std::string& path, std::string_view type) {
        if (type == "Transformer") {
            if (at != 0 || !path.empty())
                return unsupported("is module ", at, " in the folder ", quote(path),
                                   ", supported is the first, beside config.json");
            return length();
        }
        if (at == 0) return unsupported("comes first, supported there is a Transformer");
        if (type == "Pooling") {
            if (pooled_) return unsupported("comes twice");
            pooled_ = true;
            return pooling(path, true);
        }
        if (type == "Dense") {
            if (!pooled_ || normalized_ || dense_ == 2)
                return unsupported("is supported twice behind pooling and before Normalize");
            return dense(path);
        }
        if (type == "Normalize") {
            normalized_ = true;
            metadata_.insert("embedding.hearth.normalize", true);
            return {};
        }
        return unsupported("is not supported; Transformer, Pooling, Dense and Normalize are");
    }

    void set(std::string_view key, MetaValue value) const {
        metadata_.insert(cat(family_.architecture, ".", key), std::move(value));
    }

    Status length() const {
        HEARTH_ASSIGN(const auto config, read_json(folder_, "sentence_bert_config.json"));
        if (!config || !config->root()["max_seq_length"].given()) return {};
        const auto most = config->root()["max_seq_length"].integer();
        if (!most || *most < 1)
            return wrong("sentence_bert_config.json: 'max_seq_length' is no whole number of at least 1");
        metadata_.insert("embedding.hearth.max_tokens", static_cast<std::uint64_t>(*most));
        return {};
    }

    Status pooling(const std::string& path, bool needed) const {
        const std::string name = path + "/config.json";
        HEARTH_ASSIGN(const auto config, read_json(folder_, name));
        if (!config) return needed ? Status(Code::not_found, cat(name, " is missing")) : Status();
        const JsonValue root = config->root();
        std::vector<const Mode*> modes;
        for (const Mode& m : kModes)
            if (root[m.flag].boolean() == true || root["pooling_mode"].is(m.name)) modes.push_back(&m);
        if (modes.size() != 1 || modes.front()->type == 0) {
            std::string has;
            for (const Mode* m : modes) has += cat(has.empty() ? "" : " and ", m->name);
            if (has.empty() && root["pooling_mode"].is_string()) has = quote(root["pooling_mode"].text());
            return unsupported(name, ": pools by ", has.empty() ? "nothing that it names" : has,
                               ", supported is one of mean, cls and lasttoken");
        }
        set("pooling_type", modes.front()->type);
        return {};
    }

    Status dense(const std::string& path) {
        const std::string name = path + "/config.json";
        HEARTH_ASSIGN(const auto config, read_json(folder_, name));
        if (!config) return {Code::not_found, cat(name, " is missing")};
        const std::string_view full = config->root()["activation_function"].text(),
                               kind = full.substr(full.rfind('.') + 1);
        const std::string layer = cat("dense_", 2 + dense_++);
        if (kind != "Identity" && kind != "Tanh" && kind != "GELU")
            return unsupported(name, ": 'activation_function' is ", quote(full),
                               ", supported are Identity, Tanh and GELU");
        set(layer + "_activation", std::string(kind == "Identity" ? "none" : kind == "Tanh" ? "tanh" : "gelu"));
        auto source = open_path(cat(folder_, "/", path, "/model.safetensors"));
        if (!source.ok()) return std::move(source).status();
        HEARTH_ASSIGN(Safetensors opened, Safetensors::open(*std::move(source)));
        files_.push_back(std::make_unique<Safetensors>(std::move(opened)));
        const Safetensors& files = *files_.back();
        const StoredTensor* const weight = files.find("linear.weight");
        if (weight == nullptr) return wrong(path, "/model.safetensors: tensor 'linear.weight' is missing");
        for (const StoredTensor& t : files.tensors()) {
            const bool bias = t.name == "linear.bias";
            if (&t != weight && !bias)
                return unsupported(path, "/model.safetensors: tensor ", quote(t.name),
                                   " has no place in a Dense module");
            if (t.shape.size() != (bias ? 1U : 2U) || t.bytes == 0)
                return wrong(path, "/model.safetensors: tensor ", quote(t.name), " has the shape ", shape_text(t),
                             ", expected ", bias ? 1 : 2, " dimensions");
            HfTensor out;
            HEARTH_ASSIGN(out.rows, plain_rows(files, t, t.shape.back()));
            out.info.name = cat(layer, bias ? ".bias" : ".weight");
            out.info.type = out.rows->type();
            out.info.dims = static_cast<std::uint32_t>(t.shape.size());
            std::ranges::reverse_copy(t.shape, out.info.shape.begin());
            out.info.bytes = out.rows->bytes();
            const auto before =
                std::ranges::lower_bound(tensors_, out.info.name, {},
                                         [](const HfTensor& other) -> const std::string& { return other.info.name; });
            tensors_.insert(before, std::move(out));
        }
        return {};
    }

    const std::string& folder_;
    const HfFamily& family_;
    Metadata& metadata_;
    std::vector<std::unique_ptr<Safetensors>>& files_;
    std::vector<HfTensor>& tensors_;
    bool pooled_ = false, normalized_ = false;
    std::size_t dense_ = 0;
};

}  // namespace

Status read_sentence_modules(const std::string& folder, const HfFamily& family, Metadata& metadata,
                             std::vector<std::unique_ptr<Safetensors>>& files, std::vector<HfTensor>& tensors) {
    return Modules(folder, family, metadata, files, tensors).all();
}

}  // namespace hearth::formats
