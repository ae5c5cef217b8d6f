#include "formats/hf/config_reading.hpp"

#include <algorithm>
#include <array>
#include <cmath>

#include "formats/quote.hpp"

namespace hearth::formats {

namespace {

using enum HfRotation;
enum class Kind : int { count, count_or_none, number, number_or_none, flag_or_none, inverse_root, local_layers, every_second_local };
using enum Kind;

struct VariantLine {
    std::string_view key, value;
    HfFamily family;

    bool applies_to(JsonValue config) const {
        const JsonValue v = config[key];
        if (value == "true") return v.boolean() == true;
        return value == "some" ? v.number().value_or(0) > 0 : v.is(value);
    }
};
struct KeyLine {
    std::string_view architecture, from, to;
    Kind kind;
};
struct Expected {
    std::string_view text;
    double number = 0;
    constexpr Expected(const char* t) : text(t) {}           // NOLINT(google-explicit-constructor)
    constexpr Expected(double n) : number(n) {}              // NOLINT(google-explicit-constructor)
    constexpr Expected(bool on) : number(on ? 1 : 0) {}  // NOLINT(google-explicit-constructor)
    constexpr Expected(int n) : number(n) {}                 // NOLINT(google-explicit-constructor)

    // A flag is 0 or 1; of texts the case is nothing.
    bool is(JsonValue v) const {
        if (text.empty()) return v.is_boolean() ? (*v.boolean() ? 1.0 : 0.0) == number : v.number() == number;
        const auto lower = [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; };
        return v.is_string() && std::ranges::equal(v.text(), text, {}, lower, lower);
    }
};
struct ExpectLine {
    std::string_view architecture, key;
    Expected value;
};
struct DefaultLine {
    std::string_view name, key;
    double value;
};

#define HEARTH_HF_FAMILY(name, architecture, rotation) {name, architecture, rotation},
#define HEARTH_HF_VARIANT(name, key, value, architecture, rotation)
#define HEARTH_HF_KEY(architecture, from, to, kind)
#define HEARTH_HF_EXPECT(architecture, key, value)
#define HEARTH_HF_DEFAULT(name, key, value)
#define HEARTH_HF_MODULE(architecture, from, to, role)
constexpr HfFamily families[] = {
#include "formats/hf/families.inc"
};
#define HEARTH_HF_FAMILY(name, architecture, rotation)
#define HEARTH_HF_VARIANT(name, key, value, architecture, rotation) {key, value, {name, architecture, rotation}},
#define HEARTH_HF_KEY(architecture, from, to, kind)
#define HEARTH_HF_EXPECT(architecture, key, value)
#define HEARTH_HF_DEFAULT(name, key, value)
#define HEARTH_HF_MODULE(architecture, from, to, role)
constexpr VariantLine variants[] = {
#include "formats/hf/families.inc"
};
#define HEARTH_HF_FAMILY(name, architecture, rotation)
#define HEARTH_HF_VARIANT(name, key, value, architecture, rotation)
#define HEARTH_HF_KEY(architecture, from, to, kind) {architecture, from, to, kind},
#define HEARTH_HF_EXPECT(architecture, key, value)
#define HEARTH_HF_DEFAULT(name, key, value)
#define HEARTH_HF_MODULE(architecture, from, to, role)
constexpr KeyLine keys[] = {
#include "formats/hf/families.inc"
};
#define HEARTH_HF_FAMILY(name, architecture, rotation)
#define HEARTH_HF_VARIANT(name, key, value, architecture, rotation)
#define HEARTH_HF_KEY(architecture, from, to, kind)
#define HEARTH_HF_EXPECT(architecture, key, value) {architecture, key, value},
#define HEARTH_HF_DEFAULT(name, key, value)
#define HEARTH_HF_MODULE(architecture, from, to, role)
constexpr ExpectLine expectations[] = {
#include "formats/hf/families.inc"
};
#define HEARTH_HF_FAMILY(name, architecture, rotation)
#define HEARTH_HF_VARIANT(name, key, value, architecture, rotation)
#define HEARTH_HF_KEY(architecture, from, to, kind)
#define HEARTH_HF_EXPECT(architecture, key, value)
#define HEARTH_HF_DEFAULT(name, key, value) {name, key, value},
#define HEARTH_HF_MODULE(architecture, from, to, role)
constexpr DefaultLine defaults[] = {
#include "formats/hf/families.inc"
};

HfFamily variant_of(const HfFamily& family, JsonValue config) {
    const JsonValue text = config["text_config"];
    for (const VariantLine& line : variants)
        if (line.family.name == family.name && line.applies_to(text.is_object() ? text : config)) return line.family;
    return family;
}

Result<HfFamily> family_of(JsonValue config) {
    const JsonValue names = config["architectures"];
    if (!names.is_array() || names.size() == 0) return hf_wrong("'architectures' names no class of model");
    const JsonValue name = *names.begin();
    std::string known;
    for (const HfFamily& f : families) {
        if (name.is(f.name)) return variant_of(f, config);
        known += cat(known.empty() ? "" : ", ", f.name);
    }
    return hf_unsupported("'architectures' is ", quote(name.text()), ", which is not supported as a folder; supported are ", known);
}

class Reader {
public:
    explicit Reader(const HfReading& r) : r_(r) {}

    Status keys_of_family() {
        for (const KeyLine& line : keys) {
            if (!applies(line.architecture, r_.family)) continue;
            const JsonValue v = r_.at(line.from);
            const bool optional = line.kind != count && line.kind != number;
            if (!v.given()) {
                if (!v.exists() && r_.has(line.to)) continue;  // an earlier line or the architecture's own says it
                const auto fallback = hf_default(r_.family, line.from);
                if (fallback) {
                    HEARTH_TRY(put(line, *fallback));
                } else if (!optional && !v.exists()) {
                    return hf_wrong("'", line.from, "' is missing");
                }
                if (fallback || optional) continue;
            }
            HEARTH_TRY(one(line, v));
        }
        for (const ExpectLine& line : expectations) {
            const JsonValue v = r_.at(line.key);
            if (!applies(line.architecture, r_.family) || !v.given()) continue;
            // A line for one architecture stands before those for all.
            if (line.architecture.empty() && std::ranges::any_of(expectations, [&](const ExpectLine& other) {
                    return other.architecture == r_.family.architecture && other.key == line.key;
                }))
                continue;
            if (line.value.is(v)) continue;
            const std::string has = v.is_string()   ? quote(v.text())
                                    : v.number()    ? cat(*v.number())
                                    : v.is_boolean() ? std::string(*v.boolean() ? "true" : "false")
                                                     : std::string(v.kind_name());
            return hf_unsupported("'", line.key, "' is ", has, ", supported is ",
                                  line.value.text.empty() ? cat(line.value.number) : quote(line.value.text));
        }
        return {};
    }

private:
    Status one(const KeyLine& line, JsonValue v) {
        switch (line.kind) {
            case local_layers:
            case every_second_local:
                return layer_types(v, line);
            case flag_or_none:
                if (!v.boolean()) return hf_wrong("'", line.from, "' is ", v.kind_name(), ", expected a bool");
                r_.set(line.to, *v.boolean());
                return {};
            case number:
            case number_or_none:
            case inverse_root:
                if (!v.number()) return hf_wrong("'", line.from, "' is ", v.kind_name(), ", expected a number");
                return put(line, *v.number());
            default:
                break;
        }
        std::vector<std::uint64_t> counts;
        const auto add = [&](JsonValue n) -> Status {
            const auto whole = n.integer();
            if (!whole || *whole < 0) return hf_wrong("'", line.from, "' is ", n.kind_name(), ", expected a whole number of at least 0");
            counts.push_back(static_cast<std::uint64_t>(*whole));
            return {};
        };
        if (!v.is_array()) {
            HEARTH_TRY(add(v));
            r_.set(line.to, counts.front());
            return {};
        }
        for (const JsonValue n : v) HEARTH_TRY(add(n));
        r_.set(line.to, std::move(counts));
        return {};
    }

    Status put(const KeyLine& line, double n) {
        if (line.kind == inverse_root && !(n > 0)) return hf_wrong("'", line.from, "' is ", n, ", expected more than 0");
        if (line.kind == count || line.kind == count_or_none)
            r_.set(line.to, static_cast<std::uint64_t>(n));  // of a default
        else
            r_.set(line.to, line.kind == inverse_root ? 1 / std::sqrt(n) : n);
        return {};
    }

    // Which layers attend to a window only: told, or required to be every second one, which the architecture has by itself.
    Status layer_types(JsonValue types, const KeyLine& line) {
        std::vector<bool> local;
        for (const JsonValue type : types) {
            local.push_back(type.is("sliding_attention"));
            if (!local.back() && !type.is("full_attention"))
                return hf_unsupported("'", line.from, "' has ", quote(type.text()), ", supported are sliding_attention and full_attention");
            if (line.kind == every_second_local && local.back() != (local.size() % 2 == 1))
                return hf_unsupported("'", line.from, "' is not sliding_attention at every second layer from the first on, but at layer ", local.size() - 1);
        }
        if (line.kind == local_layers) r_.set(line.to, std::move(local));
        return {};
    }

    const HfReading& r_;
};

// How "quantization_config" says that weights are packed.
Result<HfPacking> read_packing(JsonValue config) {
    HfPacking out;
    const JsonValue q = config["quantization_config"], method = q["quant_method"];
    if (!q.given()) return out;
    const auto count = [&](const char* key, std::uint64_t fallback) -> Result<std::uint64_t> {
        if (!q[key].given()) return fallback;
        const auto n = q[key].integer();
        if (!n || *n < 1 || *n > 1 << 20) return hf_wrong("'quantization_config.", key, "' is no whole number of at least 1");
        return static_cast<std::uint64_t>(*n);
    };
    if (method.is("gptq") || method.is("awq")) {
        out.awq = method.is("awq");
        HEARTH_ASSIGN(out.bits, count("bits", 4));
        out.zeros_plain = q["checkpoint_format"].is("gptq_v2");
        if (out.awq && q["version"].is_string() && !q["version"].is("gemm") && !q["version"].is("GEMM"))
            return hf_unsupported("'quantization_config.version' is ", quote(q["version"].text()), ", supported is gemm");
        return out;
    }
    if (method.is("fp8")) {
        const JsonValue size = q["weight_block_size"];
        std::array<std::uint64_t*, 2> to = {&out.block_rows, &out.block_columns};
        if (!size.given()) return out;
        if (size.size() != 2) return hf_wrong("'quantization_config.weight_block_size' is no pair of numbers");
        std::size_t i = 0;
        for (const JsonValue v : size) {
            if (v.integer().value_or(0) < 1) return hf_wrong("'quantization_config.weight_block_size' is no pair of numbers");
            *to[i++] = static_cast<std::uint64_t>(*v.integer());
        }
        return out;
    }
    // Their tensors say the rest.
    if (method.is("compressed-tensors") || method.is("mxfp4")) return out;
    return hf_unsupported("'quantization_config.quant_method' is ", quote(method.text()), ", supported are gptq, awq, fp8, compressed-tensors and mxfp4");
}

// SmolLM3 may list the layers that rotate, and models with experts those without; the architectures have patterns of their
// own.
Status check_layers(JsonValue config) {
    const JsonValue dense = config["mlp_only_layers"];
    if (dense.is_array() && dense.size() != 0) return hf_unsupported("'mlp_only_layers' is not empty");
    const JsonValue list = config["no_rope_layers"];
    if (!list.given()) return {};
    std::uint64_t layer = 0;
    for (const JsonValue rotates : list) {
        ++layer;
        if (rotates.integer() != (layer % 4 == 0 ? 0 : 1))
            return hf_unsupported("'no_rope_layers' is not the pattern of every fourth layer at layer ", layer - 1);
    }
    return {};
}

// A class that scores has a head for it, whose labels may have names.
void read_scores(JsonValue config, const HfReading& r) {
    r.out.scores = true;
    r.set("pooling_type", std::uint64_t{4});
    std::vector<std::string> labels;
    const JsonValue names = config["id2label"];
    constexpr std::size_t most = 4096;  // of names that are looked at
    for (std::size_t i = 0; i < names.size() && names.size() <= most; ++i)
        if (names[cat(i)].is_string()) labels.emplace_back(names[cat(i)].text());
    if (labels.size() > 1 && labels.size() == names.size()) r.set("classifier.output_labels", std::move(labels));
}

}  // namespace

std::optional<double> hf_default(const HfFamily& family, std::string_view key) {
    for (const DefaultLine& line : defaults)
        if (line.name == family.name && line.key == key) return line.value;
    return std::nullopt;
}

Result<HfConfig> read_config(const Json& json, Metadata& metadata) {
    const JsonValue whole = json.root();
    if (!whole.is_object()) return hf_wrong("is ", whole.kind_name(), ", expected an object");
    HfConfig out;
    HEARTH_ASSIGN(out.family, family_of(whole));
    metadata.insert("general.architecture", std::string(out.family.architecture));
    // Classes that see or hear have a config for each part; of their text model some keys may stand outside.
    const JsonValue text = whole["text_config"], config = text.is_object() ? text : whole;
    const auto either = [&](const char* key) { return config[key].given() ? config : whole; };
    const HfReading reading{config, out.family, metadata, out};
    if (out.family.name.ends_with("ForSequenceClassification")) read_scores(whole, reading);
    HEARTH_TRY(read_special(reading));
    HEARTH_TRY(Reader(reading).keys_of_family());
    HEARTH_TRY(read_rope(reading));
    HEARTH_TRY(check_layers(config));
    HEARTH_ASSIGN(out.packing, read_packing(either("quantization_config")));
    HEARTH_ASSIGN(out.layers, reading.count_of("block_count", 0));
    HEARTH_ASSIGN(out.heads, reading.count_of("attention.head_count", 0));
    HEARTH_ASSIGN(out.experts, reading.count_of("expert_count", 0));
    const MetaValue* const kv_heads = metadata.find(cat(out.family.architecture, ".attention.head_count_kv"));
    if (kv_heads == nullptr || !std::holds_alternative<std::vector<std::uint64_t>>(*kv_heads)) {
        HEARTH_ASSIGN(out.kv_heads, reading.count_of("attention.head_count_kv", out.heads));
    }
    const char* const tie = "tie_word_embeddings";
    out.tied = either(tie)[tie].boolean().value_or(hf_default(out.family, tie).value_or(0) != 0);
    return out;
}

}  // namespace hearth::formats
