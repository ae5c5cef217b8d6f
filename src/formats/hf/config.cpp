#include "formats/hf/config.hpp"

#include <cmath>
#include <numbers>

#include "formats/quote.hpp"
#include "hearth/base/cat.hpp"
#include "hearth/base/math.hpp"

namespace hearth::formats {

namespace {

using enum HfRotation;
enum class Kind : int { count, count_or_none, number, number_or_none };
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
            const bool optional = line.kind == count_or_none || line.kind == number_or_none;
            if (!v.given() && optional) continue;
            if (!v.exists()) return wrong("'", line.from, "' is missing");
            if (line.kind == number || line.kind == number_or_none) {
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
        const JsonValue nested = config_["rope_parameters"];
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

// SmolLM3 may list the layers that rotate; the architecture has them in its own pattern.
Status check_rotating_layers(JsonValue config) {
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
    HEARTH_TRY(check_rotating_layers(config));
    HEARTH_ASSIGN(out.heads, reader.count_of("attention.head_count", 0));
    HEARTH_ASSIGN(out.kv_heads, reader.count_of("attention.head_count_kv", out.heads));
    out.tied = config["tie_word_embeddings"].boolean().value_or(false);
    return out;
}

std::optional<HfPlace> place_of(const HfFamily& family, std::string_view module) {
    for (const ModuleLine& line : modules) {
        if (!applies(line.architecture, family)) continue;
        const std::size_t hole = line.from.find("{L}");
        if (hole == std::string_view::npos) {
            if (module == line.from) return HfPlace{std::string(line.to), line.role};
            continue;
        }
        const std::string_view before = line.from.substr(0, hole), after = line.from.substr(hole + 3);
        if (module.size() <= before.size() + after.size() || !module.starts_with(before) || !module.ends_with(after)) continue;
        const std::string_view layer = module.substr(before.size(), module.size() - before.size() - after.size());
        if (layer.find_first_not_of("0123456789") != std::string_view::npos || layer.size() > 5) continue;
        if (line.role == HfRole::ignored) return HfPlace{"", line.role};
        const std::size_t to = line.to.find("{L}");
        return HfPlace{cat(line.to.substr(0, to), layer, line.to.substr(to + 3)), line.role};
    }
    return std::nullopt;
}

}  // namespace hearth::formats
