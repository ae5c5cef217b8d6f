// Adapters as PEFT writes them (https://huggingface.co/docs/peft/developer_guides/checkpoint): adapter_config.json, and
// in adapter_model.safetensors, for each module that they change,
//   base_model.model.<module>.lora_A.weight [rank, in]             base_model.model.<module>.lora_B.weight [out, rank]
//   base_model.model.<module>.lora_embedding_A [rank, vocabulary]  base_model.model.<module>.lora_embedding_B [width,
//   rank]
// brought to the names and the order of rows that the matrices of the model have here.
#include <algorithm>
#include <cmath>
#include <map>

#include "formats/adapter_kinds.hpp"
#include "formats/hf/files.hpp"
#include "formats/hf/tensors.hpp"
#include "formats/quote.hpp"
#include "hearth/base/cat.hpp"
#include "hearth/base/file.hpp"
#include "hearth/formats/hf_folder.hpp"

namespace hearth::formats {

namespace {

constexpr const char* kConfig = "adapter_config.json";
constexpr const char* kWeights = "adapter_model.safetensors";

#define HEARTH_HF_FAMILY(name, architecture, rotation) {name, architecture, HfRotation::rotation},
#define HEARTH_HF_VARIANT(name, key, value, architecture, rotation) {name, architecture, HfRotation::rotation},
#define HEARTH_HF_KEY(architecture, from, to, kind)
#define HEARTH_HF_EXPECT(architecture, key, value)
#define HEARTH_HF_DEFAULT(name, key, value)
#define HEARTH_HF_MODULE(architecture, from, to, role)
constexpr HfFamily kFamilies[] = {
#include "formats/hf/families.inc"
};
// Whose heads of values take turns between those of keys.
constexpr std::string_view kTiled[] = {"qwen35", "qwen35moe"};

// Rows of zeros: of experts that an adapter leaves as they are.
class Zeros final : public Rows {
public:
    Zeros(std::uint64_t count, std::uint64_t width) : Rows(0, count, width) {}
    Status read(std::uint64_t, std::uint64_t count, std::byte* out) const override {
        std::fill_n(out, static_cast<std::size_t>(count * row_bytes()), std::byte{0});
        return {};
    }
};

class PeftSource final : public TensorSource {
public:
    explicit PeftSource(Safetensors files) : files_(std::move(files)) {}
    const Safetensors& files() const { return files_; }
    std::size_t add(HfTensor tensor) {
        tensor.info.offset = infos_.size();
        infos_.push_back(tensor.info);
        rows_.push_back(std::move(tensor.rows));
        return infos_.size() - 1;
    }

    std::span<const TensorInfo> tensors() const override { return infos_; }
    const TensorInfo* find(std::string_view name) const override {
        const auto at = std::ranges::find(infos_, name, &TensorInfo::name);
        return at == infos_.end() ? nullptr : &*at;
    }
    std::span<const std::byte> view(const TensorInfo& info) const override { return rows_[at(info)]->view(); }
    bool maps() const override { return files_.maps(); }
    Status read(const TensorInfo& info, std::uint64_t offset, std::span<std::byte> dst) const override {
        return read_bytes(*rows_[at(info)], offset, dst).in(cat("tensor ", quote(info.name)));
    }
    using TensorSource::release;
    void release(const TensorInfo& info, std::uint64_t offset, std::uint64_t bytes) const override {
        release_bytes(*rows_[at(info)], offset, bytes);
    }

private:
    static std::size_t at(const TensorInfo& info) { return static_cast<std::size_t>(info.offset); }
    Safetensors files_;
    std::vector<TensorInfo> infos_;
    std::vector<RowsPtr> rows_;
};

// What the config says of all modules and of some.
class PeftConfig {
public:
    static Result<PeftConfig> read(const Json& json) {
        PeftConfig out;
        const JsonValue root = json.root();
        HEARTH_TRY(check(root));
        HEARTH_ASSIGN(out.rank_, number(root["r"], "r"));
        HEARTH_ASSIGN(out.alpha_, number(root["lora_alpha"], "lora_alpha"));
        out.root_of_rank_ = root["use_rslora"].boolean().value_or(false);
        HEARTH_TRY(patterns(root["rank_pattern"], "rank_pattern", out.ranks_));
        HEARTH_TRY(patterns(root["alpha_pattern"], "alpha_pattern", out.alphas_));
        return out;
    }
    double rank(std::string_view module) const { return of(module, ranks_, rank_); }
    double scale(std::string_view module) const {
        const double r = rank(module);
        return of(module, alphas_, alpha_) / (root_of_rank_ ? std::sqrt(r) : r);
    }

private:
    struct Pattern {
        std::string module;  // whole, or behind a dot
        bool whole;
        double value;
    };

    static bool is_set(JsonValue v) {
        if (!v.given()) return false;
        if (v.is_boolean()) return *v.boolean();
        if (v.is_number()) return v.number() != 0.0;
        return v.is_string() ? !v.text().empty() : v.size() != 0;
    }

    // Everything that would be computed otherwise is refused, and so is what nobody here knows.
    static Status check(JsonValue root) {
        if (!root.is_object()) return {Code::malformed, cat(kConfig, " is ", root.kind_name(), ", expected an object")};
        if (!root["peft_type"].is("LORA"))
            return {Code::unsupported,
                    cat(kConfig, ": 'peft_type' is ", quote(root["peft_type"].text()), ", expected 'LORA'")};
        constexpr std::string_view kKnown[] = {"peft_type",
                                               "auto_mapping",
                                               "base_model_name_or_path",
                                               "revision",
                                               "task_type",
                                               "inference_mode",
                                               "r",
                                               "target_modules",
                                               "exclude_modules",
                                               "lora_alpha",
                                               "lora_dropout",
                                               "layers_to_transform",
                                               "layers_pattern",
                                               "rank_pattern",
                                               "alpha_pattern",
                                               "use_rslora",
                                               "loftq_config",
                                               "eva_config",
                                               "runtime_config",
                                               "peft_version",
                                               "megatron_config",
                                               "megatron_core",
                                               "qalora_group_size"};
        constexpr std::string_view kStarts[] = {"gaussian", "eva", "orthogonal", "true", "false"};
        for (const JsonValue v : root) {
            const bool harmless = std::ranges::find(kKnown, v.key()) != std::end(kKnown) ||
                                  (v.key() == "bias" && v.is("none")) ||
                                  (v.key() == "init_lora_weights" &&
                                   (!v.is_string() || std::ranges::find(kStarts, v.text()) != std::end(kStarts)));
            if (!harmless && is_set(v))
                return {Code::unsupported, cat(kConfig, ": ", quote(v.key()), " is set, which is not supported",
                                               v.is_string() ? cat(" (", quote(v.text()), ")") : std::string())};
        }
        return {};
    }

    static Result<double> number(JsonValue v, std::string_view key) {
        const auto n = v.number();
        if (!n || !(*n > 0 && *n < 1e30))
            return Status(Code::malformed, cat(kConfig, ": ", quote(key), " is ",
                                               n ? cat(*n) : std::string(v.exists() ? v.kind_name() : "missing"),
                                               ", expected a number above 0"));
        return *n;
    }

    // Keys are regular expressions for the end of a module's name; those that are names are supported.
    static Status patterns(JsonValue object, std::string_view key, std::vector<Pattern>& out) {
        if (!object.given()) return {};
        if (!object.is_object())
            return {Code::malformed,
                    cat(kConfig, ": ", quote(key), " is ", object.kind_name(), ", expected an object")};
        for (const JsonValue v : object) {
            const bool whole = v.key().starts_with('^');
            const std::string_view name = v.key().substr(whole ? 1 : 0);
            if (name.empty() || name.find_first_of("\\*+?[](){}|^$") != std::string_view::npos)
                return {Code::unsupported, cat(kConfig, ": ", quote(key), " has the pattern ", quote(v.key()),
                                               ", expected the name of a module")};
            HEARTH_ASSIGN(const double value, number(v, v.key()));
            out.push_back({std::string(name), whole, value});
        }
        return {};
    }
    static double of(std::string_view module, const std::vector<Pattern>& patterns, double otherwise) {
        for (const Pattern& p : patterns) {
            if (!module.ends_with(p.module)) continue;
            const std::size_t before = module.size() - p.module.size();
            if (before == 0 || (!p.whole && module[before - 1] == '.')) return p.value;
        }
        return otherwise;
    }

    double rank_ = 0, alpha_ = 0;
    bool root_of_rank_ = false;
    std::vector<Pattern> ranks_, alphas_;
};

// The model's numbers, as a config of its folder would have them.
class ModelNumbers {
public:
    static Result<ModelNumbers> read(const Metadata& m) {
        ModelNumbers out;
        HEARTH_ASSIGN(const auto name, m.get_string("general.architecture"));
        out.name_ = name.value_or("");
        const auto family = std::ranges::find(kFamilies, std::string_view(out.name_), &HfFamily::architecture);
        if (family == std::end(kFamilies))
            return Status(Code::unsupported,
                          cat("models of architecture ", quote(out.name_),
                              " have no folders here, and so no names for what an adapter of PEFT changes"));
        out.config_.family = *family;
        const auto number = [&](std::string_view key, std::uint64_t& to) -> Status {
            HEARTH_ASSIGN(const auto n, m.get_uints(cat(out.name_, ".", key)));
            if (n && !n->empty()) to = n->front();
            return {};
        };
        HfConfig& c = out.config_;
        HEARTH_TRY(number("block_count", c.layers));
        HEARTH_TRY(number("expert_count", c.experts));
        HEARTH_TRY(number("ssm.group_count", c.delta.key_heads));
        HEARTH_TRY(number("ssm.time_step_rank", c.delta.value_heads));
        HEARTH_TRY(number("ssm.state_size", c.delta.key_dim));
        c.delta.value_dim = c.delta.key_dim;
        c.delta.tiled = std::ranges::find(kTiled, std::string_view(out.name_)) != std::end(kTiled);
        HEARTH_ASSIGN(const auto heads, m.get_uints(cat(out.name_, ".attention.head_count"), c.layers));
        HEARTH_ASSIGN(const auto kv_heads, m.get_uints(cat(out.name_, ".attention.head_count_kv"), c.layers));
        if (heads) out.heads_ = *heads;
        out.kv_heads_ = kv_heads ? *kv_heads : out.heads_;
        return out;
    }
    const HfConfig& of_layer(std::uint64_t layer) {
        const auto at = [&](const std::vector<std::uint64_t>& n) {
            return layer < n.size() ? n[static_cast<std::size_t>(layer)] : 0;
        };
        config_.heads = at(heads_);
        config_.kv_heads = at(kv_heads_);
        return config_;
    }
    const std::string& name() const { return name_; }

private:
    std::string name_;
    HfConfig config_;
    std::vector<std::uint64_t> heads_, kv_heads_;  // of layers
};

struct Module {
    const StoredTensor *a = nullptr, *b = nullptr;
    bool embedding = false;
};

class Reader {
public:
    Reader(PeftSource& source, ModelNumbers numbers, PeftConfig config, AdapterFile& out)
        : source_(source), numbers_(std::move(numbers)), config_(std::move(config)), out_(out) {}

    Status all() {
        std::map<std::string, Module, std::less<>> modules;
        for (const StoredTensor& t : source_.files().tensors()) HEARTH_TRY(sort(t, modules));
        for (const auto& [name, m] : modules) HEARTH_TRY(one(name, m));
        for (auto& [name, experts] : stacks_) HEARTH_TRY(stack(name, experts));
        if (found_.empty()) return {Code::malformed, cat(kWeights, " has no tensors")};
        for (const auto& [name, f] : found_)
            out_.changes.push_back({name, &source_.tensors()[f.a], &source_.tensors()[f.b], f.scale});
        return {};
    }

private:
    struct Found {
        std::size_t a, b;  // in the source
        double scale;
    };
    struct Expert {
        std::string module;
        RowsPtr a, b;
    };

    static Status sort(const StoredTensor& t, std::map<std::string, Module, std::less<>>& modules) {
        constexpr std::string_view kPrefix = "base_model.model.";
        if (!t.name.starts_with(kPrefix))
            return {Code::malformed, cat("tensor ", quote(t.name), " does not begin with ", quote(kPrefix))};
        const std::string_view name = std::string_view(t.name).substr(kPrefix.size());
        struct Form {
            std::string_view part, end;
            bool b, embedding;
        };
        constexpr Form kForms[] = {{".lora_A", ".weight", false, false},
                                   {".lora_B", ".weight", true, false},
                                   {".lora_embedding_A", "", false, true},
                                   {".lora_embedding_B", "", true, true}};
        for (const Form& f : kForms) {
            const std::size_t at = name.rfind(f.part);
            if (at == std::string_view::npos || at == 0 || !name.ends_with(f.end)) continue;
            // Between them the adapter's own name may stand: ".default".
            std::string_view own = name.substr(at + f.part.size());
            if (own.size() < f.end.size()) continue;
            own.remove_suffix(f.end.size());
            if (!own.empty() && (own[0] != '.' || own.find('.', 1) != std::string_view::npos)) continue;
            Module& m = modules[std::string(name.substr(0, at))];
            const StoredTensor*& place = f.b ? m.b : m.a;
            if (place != nullptr || ((m.a != nullptr || m.b != nullptr) && m.embedding != f.embedding))
                return {Code::malformed, cat("tensor ", quote(t.name), " is a second one for its module")};
            place = &t;
            m.embedding = f.embedding;
            return {};
        }
        return {Code::unsupported, cat("tensor ", quote(t.name), " ", shape_text(t),
                                       " is no factor of a low-rank change, and not supported")};
    }

    Status one(const std::string& name, const Module& m) {
        if (m.a == nullptr || m.b == nullptr)
            return {Code::malformed, cat("module ", quote(name), " has one factor, ",
                                         quote((m.a != nullptr ? m.a : m.b)->name), ", expected two")};
        for (const StoredTensor* t : {m.a, m.b})
            if (t->shape.size() != 2 || t->bytes == 0)
                return {Code::malformed, cat("tensor ", quote(t->name), " has the shape ", shape_text(*t),
                                             ", expected two dimensions with entries")};
        const std::uint64_t rank = m.a->shape[0];
        if (m.b->shape[1] != rank || static_cast<double>(rank) != config_.rank(name))
            return {Code::malformed,
                    cat("tensors ", quote(m.a->name), " ", shape_text(*m.a), " and ", quote(m.b->name), " ",
                        shape_text(*m.b), " do not have the rank ", config_.rank(name), " that ", kConfig, " gives")};
        const auto place = place_of(numbers_.of_layer(0).family, numbers_.of_layer(0).layers, name);
        if (!place || place->role == HfRole::ignored || place->layer >= numbers_.of_layer(0).layers)
            return {Code::bad_state,
                    cat("tensor ", quote(m.a->name), " changes ", quote(name), ", which a model of architecture ",
                        quote(numbers_.name()), " does not have here: the adapter is of another model")};
        HEARTH_ASSIGN(RowsPtr a, plain_rows(source_.files(), *m.a, m.a->shape[1]));
        HEARTH_ASSIGN(RowsPtr b, plain_rows(source_.files(), *m.b, rank));
        if (m.embedding)
            return add(place->name + ".weight", {m.a->shape[1], rank}, transposed_rows(std::move(a), rank), *m.b,
                       std::move(b), name);
        const HfConfig& config = numbers_.of_layer(place->layer);
        switch (place->role) {
            case HfRole::plain:
            case HfRole::query:
            case HfRole::key:
            case HfRole::swapped:
            case HfRole::by_heads:
            case HfRole::value_rows:
            case HfRole::value_columns:
            case HfRole::delta_inputs:
            case HfRole::alternate:
            case HfRole::in_out:
                break;
            case HfRole::expert:
                return expert(*place, name, std::move(a), std::move(b));
            default:
                return {Code::unsupported, cat("tensor ", quote(m.a->name), " changes ", quote(name),
                                               ", which adapters cannot change here")};
        }
        const bool columns = place->role == HfRole::value_columns;
        HfPlace plain = *place;
        plain.role = HfRole::plain;
        std::vector<HfTensor> below, above;
        HEARTH_TRY(
            place_matrix(source_.files(), config, columns ? *place : plain, name, {std::move(a), m.a->shape}, below));
        HEARTH_TRY(
            place_matrix(source_.files(), config, columns ? plain : *place, name, {std::move(b), m.b->shape}, above));
        // Of a module that is two matrices here both have the same A.
        const std::size_t lowered = source_.add(named(std::move(below.front()), m.a->name));
        for (HfTensor& t : above) {
            std::string base = t.info.name;
            HEARTH_TRY(
                note(std::move(base), lowered, source_.add(named(std::move(t), m.b->name)), config_.scale(name), name));
        }
        return {};
    }

    static HfTensor named(HfTensor t, const std::string& name) {
        t.info.name = name;  // as the file has it, for messages
        return t;
    }

    Status note(std::string base, std::size_t a, std::size_t b, double scale, std::string_view module) {
        if (!found_.emplace(std::move(base), Found{a, b, scale}).second)
            return {Code::malformed, cat("module ", quote(module), " occurs twice, under two names")};
        return {};
    }

    Status add(std::string base, const std::vector<std::uint64_t>& a_shape, RowsPtr a, const StoredTensor& b_info,
               RowsPtr b, const std::string& module) {
        const std::size_t lowered = source_.add(make_tensor(module + ".lora_embedding_A", a_shape, std::move(a)));
        const std::size_t raised = source_.add(make_tensor(b_info.name, {b_info.shape[0], b_info.shape[1]}, std::move(b)));
        return note(std::move(base), lowered, raised, config_.scale(module), module);
    }

    Status expert(const HfPlace& place, const std::string& module, RowsPtr a, RowsPtr b) {
        if (place.expert >= numbers_.of_layer(0).experts)
            return {Code::bad_state,
                    cat("module ", quote(module), " is of an expert that the model does not have: it has ",
                        numbers_.of_layer(0).experts)};
        if (!stacks_[place.name].emplace(place.expert, Expert{module, std::move(a), std::move(b)}).second)
            return {Code::malformed, cat("module ", quote(module), " occurs twice, under two names")};
        return {};
    }

    Status stack(const std::string& name, std::map<std::uint64_t, Expert>& experts) {
        const std::uint64_t count = numbers_.of_layer(0).experts;
        const Expert& first = experts.begin()->second;
        const std::string module = first.module;
        const std::uint64_t rank = first.b->width(), in = first.a->width(), out = first.b->count();
        for (const auto& [number, e] : experts)
            if (e.b->width() != rank || e.a->width() != in || e.b->count() != out ||
                config_.scale(e.module) != config_.scale(module))
                return {Code::unsupported, cat("module ", quote(e.module), " has another rank, scale or shape than ",
                                               quote(module), ", which experts of a layer cannot have here")};
        std::vector<RowsPtr> a, b;
        for (std::uint64_t i = 0; i < count; ++i) {
            const auto at = experts.find(i);
            const bool there = at != experts.end();
            a.push_back(there ? float_rows(std::move(at->second.a), 0) : std::make_unique<Zeros>(rank, in));
            b.push_back(there ? float_rows(std::move(at->second.b), 0) : std::make_unique<Zeros>(out, rank));
        }
        const std::size_t lowered =
            source_.add(make_tensor(module + ".lora_A", {count, rank, in}, stacked_rows(std::move(a))));
        const std::size_t raised =
            source_.add(make_tensor(module + ".lora_B", {count, out, rank}, stacked_rows(std::move(b))));
        return note(name + ".weight", lowered, raised, config_.scale(module), module);
    }

    PeftSource& source_;
    ModelNumbers numbers_;
    PeftConfig config_;
    AdapterFile& out_;
    std::map<std::string, Found> found_;
    std::map<std::string, std::map<std::uint64_t, Expert>> stacks_;
};

}  // namespace

Result<AdapterFile> open_peft(const std::string& path, const Metadata& model) {
    std::string folder = path;
    if (!HfFolder::is_folder(path)) {
        const std::size_t slash = path.rfind('/');
        folder = slash == std::string::npos ? "." : path.substr(0, slash + 1);
    }
    while (folder.size() > 1 && folder.back() == '/') folder.pop_back();
    const std::string weights = folder == path || HfFolder::is_folder(path) ? cat(folder, "/", kWeights) : path;
    AdapterFile out;
    const auto read = [&]() -> Status {
        HEARTH_ASSIGN(const auto json, read_json(folder, kConfig));
        if (!json) return {Code::not_found, cat("is no adapter: there is no ", kConfig)};
        HEARTH_ASSIGN(PeftConfig config, PeftConfig::read(*json));
        HEARTH_ASSIGN(ModelNumbers numbers, ModelNumbers::read(model));
        auto file = hearth::open_path(weights);
        if (!file.ok() && file.status().code() == Code::not_found)
            return {Code::not_found, cat("has no ", kWeights, ", the only form of an adapter's weights that is read")};
        if (!file.ok()) return std::move(file).status();
        HEARTH_ASSIGN(Safetensors files, Safetensors::open(*std::move(file)));
        auto source = std::make_unique<PeftSource>(std::move(files));
        HEARTH_TRY(Reader(*source, std::move(numbers), std::move(config), out).all());
        out.source = std::move(source);
        return {};
    };
    HEARTH_TRY(read().in(path));
    return out;
}

}  // namespace hearth::formats
