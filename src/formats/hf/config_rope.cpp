// Rotations and their scalings in a config.json.
#include <algorithm>
#include <cmath>
#include <numbers>

#include "formats/hf/config_reading.hpp"
#include "formats/quote.hpp"
#include "hearth/base/math.hpp"

namespace hearth::formats {

namespace {

class Rope {
public:
    explicit Rope(const HfReading& r) : r_(r) {}

    Status all() {
        // Some have one of these for each kind of layer.
        const JsonValue every = r_.config["rope_parameters"];
        const JsonValue global = every["main"].is_object() ? every["main"] : every["full_attention"];
        const JsonValue nested = global.is_object() ? global : every;
        if (every["sliding_attention"].is_object()) {
            const JsonValue kind = every["sliding_attention"]["rope_type"];
            if (kind.given() && !kind.is("default"))
                return hf_unsupported("'rope_parameters.sliding_attention.rope_type' is ", quote(kind.text()), ", supported is default");
            HEARTH_ASSIGN(const double local, hf_number(every["sliding_attention"], "rope_parameters.sliding_attention.", "rope_theta"));
            r_.set("rope.freq_base_swa", local);
        }
        // DeepSeek V4 scales only what turns keys that stand for several tokens.
        const JsonValue scaling = every["compress"].is_object() ? every["compress"] : nested.is_object() ? nested : r_.config["rope_scaling"];
        const JsonValue theta = nested["rope_theta"].given() ? nested["rope_theta"] : r_.config["rope_theta"];
        if (theta.given() && !theta.number()) return hf_wrong("'rope_theta' is ", theta.kind_name(), ", expected a number");
        const double base = theta.given() ? *theta.number() : hf_default(r_.family, "rope_theta").value_or(10000);
        if (!(base > 1 && base < 1e18)) return hf_wrong("'rope_theta' is ", base, ", expected more than 1");
        r_.set("rope.freq_base", base);
        HEARTH_ASSIGN(const std::uint64_t width, head_width());
        std::uint64_t rotated = width;
        const JsonValue type = scaling["rope_type"].given() ? scaling["rope_type"] : scaling["type"];
        const JsonValue part = nested["partial_rotary_factor"].given() ? nested["partial_rotary_factor"] : r_.config["partial_rotary_factor"];
        const auto usual = hf_default(r_.family, "partial_rotary_factor");
        if (part.given() || usual) {
            const auto share = part.given() ? part.number() : usual;
            if (!share || !(*share > 0 && *share <= 1)) return hf_wrong("'partial_rotary_factor' is not a number from 0 to 1");
            rotated = static_cast<std::uint64_t>(static_cast<double>(width) * *share);
            if (type.is("proportional")) return proportional(width, rotated / 2);
            r_.set("rope.dimension_count", rotated);
        }
        if (!scaling.given()) return {};
        if (!scaling.is_object()) return hf_wrong("'rope_scaling' is ", scaling.kind_name(), ", expected an object");
        // "dynamic" begins to differ beyond the context that the config states.
        if (!type.given() || type.is("default") || type.is("dynamic")) return {};
        if (type.is("linear")) {
            HEARTH_ASSIGN(const double factor, hf_number(scaling, "rope_scaling.", "factor"));
            r_.set("rope.scaling.type", std::string("linear"));
            r_.set("rope.scaling.factor", factor);
            return {};
        }
        if (type.is("llama3")) return llama3(scaling, base, rotated);
        if (type.is("yarn")) return yarn(scaling);
        if (type.is("longrope") || type.is("su")) return longrope(scaling, rotated);
        return hf_unsupported("'rope_scaling' is of the type ", quote(type.text()), ", supported are linear, llama3, yarn and longrope");
    }

private:
    Result<std::uint64_t> head_width() const {
        HEARTH_ASSIGN(const std::uint64_t given, r_.count_of("attention.key_length", 0));
        if (given != 0) return given;
        HEARTH_ASSIGN(const std::uint64_t width, r_.count_of("embedding_length", 0));
        HEARTH_ASSIGN(const std::uint64_t heads, r_.count_of("attention.head_count", 0));
        if (heads == 0 || width == 0 || width % heads != 0)
            return hf_wrong("'hidden_size' is ", width, ", not a multiple of 'num_attention_heads', which is ", heads);
        return width / heads;
    }

    // Gemma 4: frequencies are those of the whole head, of which the first `pairs` rotate.
    Status proportional(std::uint64_t width, std::uint64_t pairs) {
        constexpr float kNever = 1e30F;
        if (width > kMostRotated) return hf_wrong("heads of ", width, " values are too wide");
        HfFactors f{"rope_freqs.weight", std::vector<float>(static_cast<std::size_t>(width / 2), kNever)};
        std::fill_n(f.values.begin(), std::min<std::uint64_t>(pairs, width / 2), 1.0F);
        r_.out.factors.push_back(std::move(f));
        return {};
    }

    // Llama 3.1: low frequencies are divided by the factor, high ones stay, those between are mixed.
    Status llama3(JsonValue scaling, double base, std::uint64_t rotated) {
        HEARTH_ASSIGN(const double factor, hf_number(scaling, "rope_scaling.", "factor"));
        HEARTH_ASSIGN(const double low, hf_number(scaling, "rope_scaling.", "low_freq_factor"));
        HEARTH_ASSIGN(const double high, hf_number(scaling, "rope_scaling.", "high_freq_factor"));
        HEARTH_ASSIGN(const double original, hf_number(scaling, "rope_scaling.", "original_max_position_embeddings"));
        if (!(factor >= 1 && low > 0 && high >= low && original >= 1))
            return hf_wrong("'rope_scaling' of type llama3 has a factor below 1, or frequency factors that are not 0 < low <= high");
        if (rotated > kMostRotated) return hf_wrong("heads of ", rotated, " values are too wide");
        HfFactors f{"rope_freqs.weight", {}};
        for (std::uint64_t i = 0; 2 * i < rotated; ++i) {
            const double frequency = det_pow(base, -2.0 * static_cast<double>(i) / static_cast<double>(rotated));
            const double wavelength = 2 * std::numbers::pi / frequency;
            double divisor = 1;
            if (wavelength > original / low) {
                divisor = factor;
            } else if (wavelength >= original / high && high > low) {
                const double smooth = (original / wavelength - low) / (high - low);
                divisor = 1 / ((1 - smooth) / factor + smooth);
            }
            f.values.push_back(static_cast<float>(divisor));
        }
        r_.out.factors.push_back(std::move(f));
        return {};
    }

    Status original_context(JsonValue scaling, double& original) {
        HEARTH_ASSIGN(const std::uint64_t context, r_.count_of("context_length", 0));
        original = static_cast<double>(context);
        for (const JsonValue from : {scaling, r_.config}) {
            if (!from["original_max_position_embeddings"].given()) continue;
            HEARTH_ASSIGN(original, hf_number(from, "", "original_max_position_embeddings"));
            break;
        }
        if (!(original >= 2 && original < 1e12)) return hf_wrong("'original_max_position_embeddings' is ", original, ", expected at least 2");
        r_.set("rope.scaling.original_context_length", static_cast<std::uint64_t>(original));
        return {};
    }

    Status yarn(JsonValue scaling) {
        HEARTH_ASSIGN(const double factor, hf_number(scaling, "rope_scaling.", "factor"));
        if (!(factor >= 1 && factor < 1e6)) return hf_wrong("'rope_scaling.factor' is ", factor, ", expected at least 1");
        double original = 0;
        HEARTH_TRY(original_context(scaling, original));
        r_.set("rope.scaling.type", std::string("yarn"));
        r_.set("rope.scaling.factor", factor);
        for (const auto& [key, expected] : {std::pair("beta_fast", 32.0), std::pair("beta_slow", 1.0)}) {
            if (!scaling[key].given()) continue;
            HEARTH_ASSIGN(const double value, hf_number(scaling, "rope_scaling.", key));
            if (!(value > 0)) return hf_wrong("'rope_scaling.", key, "' is ", value, ", expected more than 0");
            if (value != expected) r_.set(cat("rope.scaling.yarn_", key), value);
        }
        if (scaling["truncate"].boolean() == false) r_.set("rope.scaling.yarn_truncate", false);
        // The magnitude that the loader computes by itself, and what the config has instead.
        const auto magnitude = [&](double scale) { return factor > 1 ? 0.1 * scale * det_log(factor) + 1 : 1.0; };
        double wanted = magnitude(1);
        if (scaling["attention_factor"].given()) {
            HEARTH_ASSIGN(wanted, hf_number(scaling, "rope_scaling.", "attention_factor"));
        } else if (scaling["mscale"].given() && scaling["mscale_all_dim"].given()) {
            HEARTH_ASSIGN(const double scale, hf_number(scaling, "rope_scaling.", "mscale"));
            HEARTH_ASSIGN(const double all, hf_number(scaling, "rope_scaling.", "mscale_all_dim"));
            if (scale != 0 && all != 0) wanted = magnitude(scale) / magnitude(all);
        }
        if (!(wanted > 0 && wanted < 1e6)) return hf_wrong("'rope_scaling.attention_factor' is ", wanted, ", expected more than 0");
        if (r_.has("attention.kv_lora_rank")) return latent_magnitude(scaling, factor, wanted);
        if (wanted != magnitude(1)) r_.set("rope.scaling.attn_factor", wanted / magnitude(1));
        return {};
    }

    // Latent attention: scores are multiplied by what "mscale_all_dim" says, the rotation by `wanted`. Loaders take scores
    // times the square of rotation times correction, where the correction is 1 + multiplier * log(factor), and the rotation
    // by a form of the architecture's own.
    Status latent_magnitude(JsonValue scaling, double factor, double wanted) {
        double all = 0;
        if (scaling["mscale_all_dim"].given()) {
            HEARTH_ASSIGN(all, hf_number(scaling, "rope_scaling.", "mscale_all_dim"));
        }
        const double log = det_log(factor), scores = 1 + 0.1 * all * log;
        if (!(scores > 0 && scores < 1e6)) return hf_wrong("'rope_scaling.mscale_all_dim' is ", all, ", expected at least 0");
        if (!(log > 0)) return wanted == 1 ? Status() : hf_unsupported("'rope_scaling.attention_factor' is ", wanted, " with a factor of 1");
        r_.set("rope.scaling.yarn_log_multiplier", (scores / wanted - 1) / log);
        const double own = r_.family.architecture == "deepseek2" ? wanted : scores / (1 + 0.1 * log);
        if (own != 1) r_.set("rope.scaling.attn_factor", own);
        return {};
    }

    // LongRoPE (Phi 3): factors for contexts within and beyond the original one.
    Status longrope(JsonValue scaling, std::uint64_t rotated) {
        double original = 0;
        HEARTH_TRY(original_context(scaling, original));
        for (const auto& [key, name] : {std::pair("short_factor", "rope_factors_short.weight"), std::pair("long_factor", "rope_factors_long.weight")}) {
            const JsonValue list = scaling[key];
            if (!list.is_array() || list.size() != rotated / 2)
                return hf_wrong("'rope_scaling.", key, "' has ", list.size(), " entries, expected ", rotated / 2, ", half of the rotated values of a head");
            HfFactors f{name, {}};
            for (const JsonValue v : list) {
                if (!v.number()) return hf_wrong("'rope_scaling.", key, "' has an entry that is ", v.kind_name());
                f.values.push_back(static_cast<float>(*v.number()));
            }
            r_.out.factors.push_back(std::move(f));
        }
        HEARTH_ASSIGN(const std::uint64_t context, r_.count_of("context_length", 0));
        double factor = static_cast<double>(context) / original;
        if (!r_.config["original_max_position_embeddings"].given() && scaling["factor"].given()) {
            HEARTH_ASSIGN(factor, hf_number(scaling, "rope_scaling.", "factor"));
        }
        double magnitude = 1;
        if (scaling["attention_factor"].given()) {
            HEARTH_ASSIGN(magnitude, hf_number(scaling, "rope_scaling.", "attention_factor"));
        } else if (scaling["short_mscale"].given() || scaling["long_mscale"].given()) {  // Phi 3.5 MoE
            HEARTH_ASSIGN(magnitude, hf_number(scaling, "rope_scaling.", "short_mscale"));
            HEARTH_ASSIGN(const double far, hf_number(scaling, "rope_scaling.", "long_mscale"));
            if (magnitude != far)
                return hf_unsupported("'rope_scaling.long_mscale' is ", far, ", supported is that of short_mscale, which is ", magnitude);
        } else if (factor > 1) {
            magnitude = std::sqrt(1 + det_log(factor) / det_log(original));
        }
        r_.set("rope.scaling.attn_factor", magnitude);
        return {};
    }


    static constexpr std::uint64_t kMostRotated = 1 << 16;
    const HfReading& r_;
};

}  // namespace

Status read_rope(const HfReading& r) { return Rope(r).all(); }

}  // namespace hearth::formats
