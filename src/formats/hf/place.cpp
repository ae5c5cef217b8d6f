// Where the modules of a folder go.
#include <algorithm>

#include "formats/hf/config.hpp"
#include "hearth/base/cat.hpp"

namespace hearth::formats {

namespace {

struct ModuleLine {
    std::string_view architecture, from, to;
    HfRole role;
};
#define HEARTH_HF_FAMILY(name, architecture, rotation)
#define HEARTH_HF_VARIANT(name, key, value, architecture, rotation)
#define HEARTH_HF_KEY(architecture, from, to, kind)
#define HEARTH_HF_EXPECT(architecture, key, value)
#define HEARTH_HF_DEFAULT(name, key, value)
#define HEARTH_HF_MODULE(architecture, from, to, role) {architecture, from, to, HfRole::role},
constexpr ModuleLine modules[] = {
#include "formats/hf/families.inc"
};

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
        if (pattern == "*") return true;
        if (pattern.starts_with("{L}") || pattern.starts_with("{E}")) {
            const auto n = take_number(text);
            if (!n) return false;
            (pattern[1] == 'L' ? numbers.layer : numbers.expert) = *n;
            pattern.remove_prefix(3);
            continue;
        }
        const std::size_t literal = std::min(pattern.find_first_of("{*"), pattern.size());
        if (!text.starts_with(pattern.substr(0, literal))) return false;
        pattern.remove_prefix(literal);
        text.remove_prefix(literal);
    }
    return text.empty();
}

// "mtp.layers.0.…" and "mtp.…" as modules of the layer behind the last.
std::string behind(std::uint64_t layers, std::string_view module) {
    module.remove_prefix(module.find('.') + 1);
    HfPlace numbers{"", HfRole::ignored};
    if (matches("layers.{L}.*", module, numbers)) module.remove_prefix(cat("layers.", numbers.layer, ".").size());
    return cat("model.layers.", layers + numbers.layer, ".", module);
}

}  // namespace

std::optional<HfPlace> place_of(const HfFamily& family, std::uint64_t layers, std::string_view name) {
    // Classes that see or hear have the text model one level deeper, at either of two places; encoders have it under a
    // name of their own; models without a head may have it one level higher.
    std::string deeper;
    for (const auto& [from, to] : {std::pair("model.language_model.", "model."), std::pair("language_model.model.", "model."),
                                   std::pair("language_model.lm_head", "lm_head"), std::pair("layers.", "model.layers."),
                                   std::pair("embed_tokens", "model.embed_tokens"), std::pair("bert.", "model."),
                                   std::pair("roberta.", "model."), std::pair("distilbert.", "model."),
                                   std::pair("embeddings.", "model.embeddings."), std::pair("encoder.", "model.encoder."),
                                   std::pair("transformer.", "model.transformer."), std::pair("pooler.", "model.pooler."),
                                   std::pair("transformer_encoder.", "model.transformer_encoder."),
                                   std::pair("emb_ln", "model.emb_ln"), std::pair("final_norm", "model.final_norm")}) {
        if (!name.starts_with(from)) continue;
        deeper = cat(to, name.substr(std::string_view(from).size()));
        break;
    }
    for (const std::string_view alone : {"norm", "layer_norm", "encoder", "freqs_cis"})
        if (name == alone) deeper = cat("model.", alone);
    const std::string_view module = deeper.empty() ? name : std::string_view(deeper);
    for (const ModuleLine& line : modules) {
        HfPlace place{"", line.role};
        if (!applies(line.architecture, family) || !matches(line.from, module, place)) continue;
        if (line.role == HfRole::predictor) return place_of(family, layers, behind(layers, module));
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
    HfPlace beyond{"", HfRole::ignored};
    if (matches("model.layers.{L}.*", module, beyond) && beyond.layer >= layers) return beyond;
    return std::nullopt;
}

}  // namespace hearth::formats
