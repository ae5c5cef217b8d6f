// Control vectors from contrasting prompts (Zou et al., "Representation Engineering: A Top-Down Approach to AI
// Transparency", 2023): behind each layer, where the stream at the last token of one prompt of a pair differs from that
// of the other, over all pairs.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "hearth/engine/engine.hpp"

namespace hearth {

struct SteerPair {
    std::vector<Token> positive, negative;
};

enum class SteerMethod : int {
    mean,       // of the differences
    component,  // their first principal component about 0, which points as the mean does and is as long as they are
                // along it
};

// Writes a GGUF file of the kind "controlvector" with a direction for every layer but the first, which appears whole or
// not at all. A scale of 1 adds what the pairs differ by.
Status train_control_vector(const std::shared_ptr<LoadedModel>& model, std::span<const SteerPair> pairs,
                            SteerMethod method, const std::string& path, LoadProgress progress);

}  // namespace hearth
