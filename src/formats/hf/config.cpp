#include "formats/hf/config.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <numbers>

#include "formats/quote.hpp"
#include "hearth/base/cat.hpp"
#include "hearth/base/math.hpp"

namespace hearth::formats {

namespace {

using enum HfRotation;
enum class Kind : int { count, count_or_none, number, number_or_none, flag_or_none, inverse_root, local_layers, every_second_local };
using enum Kind;

struct KeyLine {
    std::string_view architecture, from, to;
    Kind kind;
};
struct Expected {
    std::string_view text;
    double number = 0;
    constexpr Expected(const char* t) : text(t) {}           // NOLINT(google-explicit-constructor)
    constexpr Expected(double n) : number(n) {}              // NOLINT(google-explicit-constructor)
};
struct ExpectLine {
    std::string_view architecture, key;
    Expected value;
};
struct ModuleLine {
    std::string_view architecture, from, to;
    HfRole role;
};

#define HEARTH_HF_FAMILY(name, architecture, rotation) {name, architecture, rotation},
#define HEARTH_HF_KEY(architecture, from, to, kind)
#define HEARTH_HF_EXPECT(architecture, key, value)
#define HEARTH_HF_MODULE(architecture, from, to, role)
constexpr HfFamily families[] = {
#include "formats/hf/families.inc"
};
#define HEARTH_HF_FAMILY(name, architecture, rotation)
#define HEARTH_HF_KEY(architecture, from, to, kind) {architecture, from, to, kind},
#define HEARTH_HF_EXPECT(architecture, key, value)
#define HEARTH_HF_MODULE(architecture, from, to, role)
constexpr KeyLine keys[] = {
#include "formats/hf/families.inc"
};
#define HEARTH_HF_FAMILY(name, architecture, rotation)
#define HEARTH_HF_KEY(architecture, from, to, kind)
#define HEARTH_HF_EXPECT(architecture, key, value) {architecture, key, value},
#define HEARTH_HF_MODULE(architecture, from, to, role)
constexpr ExpectLine expectations[] = {
#include "formats/hf/families.inc"
};
#define HEARTH_HF_FAMILY(name, architecture, rotation)
#define HEARTH_HF_KEY(architecture, from, to, kind)
#define HEARTH_HF_EXPECT(architecture, key, value)
#define HEARTH_HF_MODULE(architecture, from, to, role) {architecture, from, to, HfRole::role},
constexpr ModuleLine modules[] = {
#include "formats/hf/families.inc"
};

template <class... Parts>
Status wrong(const Parts&... parts) {
    return {Code::malformed, cat("config.json: ", parts...)};
}
template <class... Parts>
Status unsupported(const Parts&... parts) {
    return {Code::unsupported, cat("config.json: ", parts...)};
}

bool applies(std::string_view line, const HfFamily& family) { return line.empty() || line == family.architecture; }

Result<HfFamily> family_of(JsonValue config) {
    const JsonValue names = config["architectures"];
    if (!names.is_array() || names.size() == 0) return wrong("'architectures' names no class of model");
    const JsonValue name = *names.begin();
    std::string known;
    for (const HfFamily& f : families) {
        if (name.is(f.name)) return f;
        known += cat(known.empty() ? "" : ", ", f.name);
    }
    return unsupported("'architectures' is ", quote(name.text()), ", which is not supported as a folder; supported are ", known);
}

Result<double> number_at(JsonValue of, std::string_view where, std::string_view key) {
    const auto value = of[key].number();
    if (!value) return wrong("'", where, key, "' is ", of[key].kind_name(), ", expected a number");
    return *value;
}

class Reader {
public:
    Reader(JsonValue config, const HfFamily& family, Metadata& metadata)
        : config_(config), family_(family), metadata_(metadata) {}

    Status keys_of_family() {
        for (const KeyLine& line : keys) {
            if (!applies(line.architecture, family_)) continue;
            const JsonValue v = config_[line.from];
            const bool optional = line.kind != count && line.kind != number;
            if (!v.given() && optional) continue;
            if (!v.exists()) return wrong("'", line.from, "' is missing");
            if (line.kind == local_layers || line.kind == every_second_local) {
                HEARTH_TRY(layer_types(v, line));
            } else if (line.kind == inverse_root) {
                HEARTH_ASSIGN(const double n, number_at(config_, "", line.from));
                if (!(n > 0)) return wrong("'", line.from, "' is ", n, ", expected more than 0");
                set(line.to, 1 / std::sqrt(n));
            } else if (line.kind == flag_or_none) {
                if (!v.boolean()) return wrong("'", line.from, "' is ", v.kind_name(), ", expected a bool");
                set(line.to, *v.boolean());
            } else if (line.kind == number || line.kind == number_or_none) {
                HEARTH_ASSIGN(const double n, number_at(config_, "", line.from));
                set(line.to, n);
            } else {
                const auto n = v.integer();
                if (!n || *n < 0) return wrong("'", line.from, "' is ", v.kind_name(), ", expected a whole number of at least 0");
                set(line.to, static_cast<std::uint64_t>(*n));
            }
        }
        for (const ExpectLine& line : expectations) {
            const JsonValue v = config_[line.key];
            if (!applies(line.architecture, family_) || !v.given()) continue;
            // A line for one architecture stands before those for all.
            if (line.architecture.empty() && std::ranges::any_of(expectations, [&](const ExpectLine& other) {
                    return other.architecture == family_.architecture && other.key == line.key;
                }))
                continue;
            const bool same = line.value.text.empty() ? v.number() == line.value.number : v.is(line.value.text);
            if (same) continue;
            const std::string has = v.is_string() ? quote(v.text()) : v.number() ? cat(*v.number()) : std::string(v.kind_name());
            return unsupported("'", line.key, "' is ", has, ", supported is ",
                               line.value.text.empty() ? cat(line.value.number) : quote(line.value.text));
        }
        return {};
    }

    // Rotation: "rope_theta" and "rope_scaling", or both in "rope_parameters".
    Status rope(HfConfig& out) {
        // Some have one of these for each kind of layer.
        const JsonValue every = config_["rope_parameters"], global = every["full_attention"];
        const JsonValue nested = global.is_object() ? global : every;
        if (every["sliding_attention"].is_object()) {
            HEARTH_ASSIGN(const double local, number_at(every["sliding_attention"], "rope_parameters.sliding_attention.", "rope_theta"));
            set("rope.freq_base_swa", local);
        }
        const JsonValue scaling = nested.is_object() ? nested : config_["rope_scaling"];
        const JsonValue theta = nested["rope_theta"].given() ? nested["rope_theta"] : config_["rope_theta"];
        if (theta.given()) {
            if (!theta.number()) return wrong("'rope_theta' is ", theta.kind_name(), ", expected a number");
            set("rope.freq_base", *theta.number());
        }
        const double base = theta.number().value_or(10000);
        if (!(base > 1 && base < 1e18)) return wrong("'rope_theta' is ", base, ", expected more than 1");
        HEARTH_ASSIGN(const std::uint64_t width, head_width());
        std::uint64_t rotated = width;
        const JsonValue part = nested["partial_rotary_factor"].given() ? nested["partial_rotary_factor"] : config_["partial_rotary_factor"];
        if (part.given()) {
            const auto share = part.number();
            if (!share || !(*share > 0 && *share <= 1)) return wrong("'partial_rotary_factor' is not a number from 0 to 1");
            rotated = static_cast<std::uint64_t>(static_cast<double>(width) * *share);
            set("rope.dimension_count", rotated);
        }
        if (!scaling.given()) return {};
        if (!scaling.is_object()) return wrong("'rope_scaling' is ", scaling.kind_name(), ", expected an object");
        const JsonValue type = scaling["rope_type"].given() ? scaling["rope_type"] : scaling["type"];
        // "dynamic" begins to differ beyond the context that the config states.
        if (!type.given() || type.is("default") || type.is("dynamic")) return {};
        if (type.is("linear")) {
            HEARTH_ASSIGN(const double factor, number_at(scaling, "rope_scaling.", "factor"));
            set("rope.scaling.type", std::string("linear"));
            set("rope.scaling.factor", factor);
            return {};
        }
        if (type.is("llama3")) return llama3(scaling, base, rotated, out);
        if (type.is("yarn")) return yarn(scaling);
        if (type.is("longrope") || type.is("su")) return longrope(scaling, rotated, out);
        return unsupported("'rope_scaling' is of the type ", quote(type.text()), ", supported are linear, llama3, yarn and longrope");
    }

    Result<std::uint64_t> count_of(std::string_view key, std::uint64_t fallback) const {
        HEARTH_ASSIGN(const auto v, metadata_.get_uint(cat(family_.architecture, ".", key)));
        return v.value_or(fallback);
    }

private:
    // Which layers attend to a window only: told, or required to be every second one, which the architecture has by itself.
    Status layer_types(JsonValue types, const KeyLine& line) {
        std::vector<bool> local;
        for (const JsonValue type : types) {
            local.push_back(type.is("sliding_attention"));
            if (!local.back() && !type.is("full_attention"))
                return unsupported("'", line.from, "' has ", quote(type.text()), ", supported are sliding_attention and full_attention");
            if (line.kind == every_second_local && local.back() != (local.size() % 2 == 1))
                return unsupported("'", line.from, "' is not sliding_attention at every second layer from the first on, but at layer ", local.size() - 1);
        }
        if (line.kind == local_layers) set(line.to, std::move(local));
        return {};
    }

    void set(std::string_view key, MetaValue value) {
        // The precision of GGUF's keys, so that both give the same bits.
        if (auto* number_value = std::get_if<double>(&value)) *number_value = static_cast<double>(static_cast<float>(*number_value));
        metadata_.insert(cat(family_.architecture, ".", key), std::move(value));
    }

    Result<std::uint64_t> head_width() const {
        HEARTH_ASSIGN(const std::uint64_t given, count_of("attention.key_length", 0));
        if (given != 0) return given;
        HEARTH_ASSIGN(const std::uint64_t width, count_of("embedding_length", 0));
        HEARTH_ASSIGN(const std::uint64_t heads, count_of("attention.head_count", 0));
        if (heads == 0 || width == 0 || width % heads != 0)
            return wrong("'hidden_size' is ", width, ", not a multiple of 'num_attention_heads', which is ", heads);
        return width / heads;
    }

    // Llama 3.1: low frequencies are divided by the factor, high ones stay, those between are mixed.
    Status llama3(JsonValue scaling, double base, std::uint64_t rotated, HfConfig& out) {
        HEARTH_ASSIGN(const double factor, number_at(scaling, "rope_scaling.", "factor"));
        HEARTH_ASSIGN(const double low, number_at(scaling, "rope_scaling.", "low_freq_factor"));
        HEARTH_ASSIGN(const double high, number_at(scaling, "rope_scaling.", "high_freq_factor"));
        HEARTH_ASSIGN(const double original, number_at(scaling, "rope_scaling.", "original_max_position_embeddings"));
        if (!(factor >= 1 && low > 0 && high > low && original >= 1))
            return wrong("'rope_scaling' of type llama3 has a factor below 1, or frequency factors that are not 0 < low < high");
        if (rotated > kMostRotated) return wrong("heads of ", rotated, " values are too wide");
        HfFactors f{"rope_freqs.weight", {}};
        for (std::uint64_t i = 0; 2 * i < rotated; ++i) {
            const double frequency = det_pow(base, -2.0 * static_cast<double>(i) / static_cast<double>(rotated));
            const double wavelength = 2 * std::numbers::pi / frequency;
            double divisor = 1;
            if (wavelength > original / low) {
                divisor = factor;
            } else if (wavelength >= original / high) {
                const double smooth = (original / wavelength - low) / (high - low);
                divisor = 1 / ((1 - smooth) / factor + smooth);
            }
            f.values.push_back(static_cast<float>(divisor));
        }
        out.factors.push_back(std::move(f));
        return {};
    }

    Status original_context(JsonValue scaling, double& original) {
        HEARTH_ASSIGN(const std::uint64_t context, count_of("context_length", 0));
        original = static_cast<double>(context);
        for (const JsonValue from : {scaling, config_}) {
            if (!from["original_max_position_embeddings"].given()) continue;
            HEARTH_ASSIGN(original, number_at(from, "", "original_max_position_embeddings"));
            break;
        }
        if (!(original >= 2 && original < 1e12)) return wrong("'original_max_position_embeddings' is ", original, ", expected at least 2");
        set("rope.scaling.original_context_length", static_cast<std::uint64_t>(original));
        return {};
    }

    Status yarn(JsonValue scaling) {
        HEARTH_ASSIGN(const double factor, number_at(scaling, "rope_scaling.", "factor"));
        if (!(factor >= 1 && factor < 1e6)) return wrong("'rope_scaling.factor' is ", factor, ", expected at least 1");
        double original = 0;
        HEARTH_TRY(original_context(scaling, original));
        set("rope.scaling.type", std::string("yarn"));
        set("rope.scaling.factor", factor);
        for (const auto& [key, expected] : {std::pair("beta_fast", 32.0), std::pair("beta_slow", 1.0)}) {
            if (!scaling[key].given()) continue;
            HEARTH_ASSIGN(const double value, number_at(scaling, "rope_scaling.", key));
            if (value != expected)
                return unsupported("'rope_scaling.", key, "' is ", value, ", supported is ", expected);
        }
        // The magnitude that the loader computes by itself, and what the config has instead.
        const auto magnitude = [&](double scale) { return factor > 1 ? 0.1 * scale * det_log(factor) + 1 : 1.0; };
        double wanted = magnitude(1);
        if (scaling["attention_factor"].given()) {
            HEARTH_ASSIGN(wanted, number_at(scaling, "rope_scaling.", "attention_factor"));
        } else if (scaling["mscale"].given() && scaling["mscale_all_dim"].given()) {
            HEARTH_ASSIGN(const double scale, number_at(scaling, "rope_scaling.", "mscale"));
            HEARTH_ASSIGN(const double all, number_at(scaling, "rope_scaling.", "mscale_all_dim"));
            if (scale != 0 && all != 0) wanted = magnitude(scale) / magnitude(all);
        }
        if (!(wanted > 0 && wanted < 1e6)) return wrong("'rope_scaling.attention_factor' is ", wanted, ", expected more than 0");
        if (wanted != magnitude(1)) set("rope.scaling.attn_factor", wanted / magnitude(1));
        return {};
    }

    // LongRoPE (Phi 3): factors for contexts within and beyond the original one.
    Status longrope(JsonValue scaling, std::uint64_t rotated, HfConfig& out) {
        double original = 0;
        HEARTH_TRY(original_context(scaling, original));
        for (const auto& [key, name] : {std::pair("short_factor", "rope_factors_short.weight"), std::pair("long_factor", "rope_factors_long.weight")}) {
            const JsonValue list = scaling[key];
            if (!list.is_array() || list.size() != rotated / 2)
                return wrong("'rope_scaling.", key, "' has ", list.size(), " entries, expected ", rotated / 2, ", half of the rotated values of a head");
            HfFactors f{name, {}};
            for (const JsonValue v : list) {
                if (!v.number()) return wrong("'rope_scaling.", key, "' has an entry that is ", v.kind_name());
                f.values.push_back(static_cast<float>(*v.number()));
            }
            out.factors.push_back(std::move(f));
        }
        HEARTH_ASSIGN(const std::uint64_t context, count_of("context_length", 0));
        double factor = static_cast<double>(context) / original;
        if (!config_["original_max_position_embeddings"].given() && scaling["factor"].given()) {
            HEARTH_ASSIGN(factor, number_at(scaling, "rope_scaling.", "factor"));
        }
        double magnitude = 1;
        if (scaling["attention_factor"].given()) {
            HEARTH_ASSIGN(magnitude, number_at(scaling, "rope_scaling.", "attention_factor"));
        } else if (factor > 1) {
            magnitude = std::sqrt(1 + det_log(factor) / det_log(original));
        }
        set("rope.scaling.attn_factor", magnitude);
        return {};
    }

    static constexpr std::uint64_t kMostRotated = 1 << 16;
    JsonValue config_;
    const HfFamily& family_;
    Metadata& metadata_;
};

// How "quantization_config" says that weights are packed.
Result<HfPacking> read_packing(JsonValue config) {
    HfPacking out;
    const JsonValue q = config["quantization_config"], method = q["quant_method"];
    if (!q.given()) return out;
    const auto count = [&](const char* key, std::uint64_t fallback) -> Result<std::uint64_t> {
        if (!q[key].given()) return fallback;
        const auto n = q[key].integer();
        if (!n || *n < 1 || *n > 1 << 20) return wrong("'quantization_config.", key, "' is no whole number of at least 1");
        return static_cast<std::uint64_t>(*n);
    };
    if (method.is("gptq") || method.is("awq")) {
        out.awq = method.is("awq");
        HEARTH_ASSIGN(out.bits, count("bits", 4));
        out.zeros_plain = q["checkpoint_format"].is("gptq_v2");
        if (out.awq && q["version"].is_string() && !q["version"].is("gemm") && !q["version"].is("GEMM"))
            return unsupported("'quantization_config.version' is ", quote(q["version"].text()), ", supported is gemm");
        return out;
    }
    if (method.is("fp8")) {
        const JsonValue size = q["weight_block_size"];
        std::array<std::uint64_t*, 2> to = {&out.block_rows, &out.block_columns};
        if (!size.given()) return out;
        if (size.size() != 2) return wrong("'quantization_config.weight_block_size' is no pair of numbers");
        std::size_t i = 0;
        for (const JsonValue v : size) {
            if (v.integer().value_or(0) < 1) return wrong("'quantization_config.weight_block_size' is no pair of numbers");
            *to[i++] = static_cast<std::uint64_t>(*v.integer());
        }
        return out;
    }
    // Their tensors say the rest.
    if (method.is("compressed-tensors") || method.is("mxfp4")) return out;
    return unsupported("'quantization_config.quant_method' is ", quote(method.text()), ", supported are gptq, awq, fp8, compressed-tensors and mxfp4");
}

// SmolLM3 may list the layers that rotate, and models with experts those without; the architectures have patterns of their
// own.
Status check_layers(JsonValue config) {
    const JsonValue dense = config["mlp_only_layers"];
    if (dense.is_array() && dense.size() != 0) return unsupported("'mlp_only_layers' is not empty");
    const JsonValue list = config["no_rope_layers"];
    if (!list.given()) return {};
    std::uint64_t layer = 0;
    for (const JsonValue rotates : list) {
        ++layer;
        if (rotates.integer() != (layer % 4 == 0 ? 0 : 1))
            return unsupported("'no_rope_layers' is not the pattern of every fourth layer at layer ", layer - 1);
    }
    return {};
}

}  // namespace

Result<HfConfig> read_config(const Json& json, Metadata& metadata) {
    const JsonValue config = json.root();
    if (!config.is_object()) return wrong("is ", config.kind_name(), ", expected an object");
    HfConfig out;
    HEARTH_ASSIGN(out.family, family_of(config));
    metadata.insert("general.architecture", std::string(out.family.architecture));
    Reader reader(config, out.family, metadata);
    HEARTH_TRY(reader.keys_of_family());
    HEARTH_TRY(reader.rope(out));
    HEARTH_TRY(check_layers(config));
    HEARTH_ASSIGN(out.packing, read_packing(config));
    HEARTH_ASSIGN(out.layers, reader.count_of("block_count", 0));
    HEARTH_ASSIGN(out.heads, reader.count_of("attention.head_count", 0));
    HEARTH_ASSIGN(out.kv_heads, reader.count_of("attention.head_count_kv", out.heads));
    out.tied = config["tie_word_embeddings"].boolean().value_or(false);
    return out;
}

namespace {

// A number of at most 5 digits at the start of `text`, which loses it.
std::optional<std::uint64_t> take_number(std::string_view& text) {
    std::uint64_t value = 0;
    std::size_t digits = 0;
    for (; digits < text.size() && text[digits] >= '0' && text[digits] <= '9'; ++digits)
        value = value * 10 + static_cast<std::uint64_t>(text[digits] - '0');
    if (digits == 0 || digits > 5 || (digits > 1 && text[0] == '0')) return std::nullopt;
    text.remove_prefix(digits);
    return value;
}

// Matches "model.layers.{L}.…" and gives the numbers in the holes.
bool matches(std::string_view pattern, std::string_view text, HfPlace& numbers) {
    while (!pattern.empty()) {
        if (pattern.starts_with("{L}") || pattern.starts_with("{E}")) {
            const auto n = take_number(text);
            if (!n) return false;
            (pattern[1] == 'L' ? numbers.layer : numbers.expert) = *n;
            pattern.remove_prefix(3);
            continue;
        }
        const std::size_t literal = std::min(pattern.find('{'), pattern.size());
        if (!text.starts_with(pattern.substr(0, literal))) return false;
        pattern.remove_prefix(literal);
        text.remove_prefix(literal);
    }
    return text.empty();
}

}  // namespace

std::optional<HfPlace> place_of(const HfFamily& family, std::string_view module) {
    for (const ModuleLine& line : modules) {
        HfPlace place{"", line.role};
        if (!applies(line.architecture, family) || !matches(line.from, module, place)) continue;
        for (std::string_view to = line.to; !to.empty();) {
            const std::size_t literal = std::min(to.find("{L}"), to.size());
            place.name += to.substr(0, literal);
            to.remove_prefix(literal);
            if (to.empty()) break;
            place.name += cat(place.layer);
            to.remove_prefix(3);
        }
        return place;
    }
    return std::nullopt;
}

}  // namespace hearth::formats
