// config.json of a folder, brought to the metadata keys of its family.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "formats/hf/module.hpp"
#include "formats/json.hpp"
#include "hearth/base/metadata.hpp"
#include "hearth/base/status.hpp"

namespace hearth::formats {

enum class HfRotation : int { interleave, halves };
enum class HfRole : int { plain, query, key, ignored, expert, alternate, in_out, plus_one, whole, transposed, squeezed, delta_inputs, value_rows, value_columns, decay,
                          positions, head, stacked, stacked_transposed, swapped, by_heads, router, token_ids, predictor };

struct HfFamily {
    std::string_view name;          // of the class in config.json
    std::string_view architecture;  // hearth's
    HfRotation rotation;
};

// Whether a line of a table, which names an architecture or all by "", is for this family.
inline bool applies(std::string_view line, const HfFamily& family) { return line.empty() || line == family.architecture; }

// A tensor that a folder has as numbers of its config.
struct HfFactors {
    std::string name;
    std::vector<float> values;
};

// Heads of layers with a gated delta rule.
struct HfDelta {
    std::uint64_t key_heads = 0, value_heads = 0;  // of keys as of queries
    std::uint64_t key_dim = 0, value_dim = 0;
    bool tiled = false;  // head v of values goes with head v mod key_heads of keys, instead of with one of as many before it

    // Where the head stands in a folder that is v-th here.
    std::uint64_t head(std::uint64_t v) const { return tiled ? v % key_heads * (value_heads / key_heads) + v / key_heads : v; }
};

struct HfConfig {
    HfFamily family;
    std::uint64_t layers = 0, heads = 0, kv_heads = 0;
    HfPacking packing;
    HfDelta delta;
    bool tied = false;  // the output is said to be the embedding
    std::uint64_t experts = 0;
    std::uint64_t first_position = 0;  // row of the table of positions
    bool scores = false;               // of the class it is the head that counts
    std::uint64_t most_tokens = 0;  // rows of the embedding beyond it are left alone; 0: all count
    std::vector<HfFactors> factors;
};

// Fills `metadata` with "{architecture}.*".
Result<HfConfig> read_config(const Json& config, Metadata& metadata);

// Where a module of a folder goes: "blk.3.attn_q" for "model.layers.3.self_attn.q_proj".
struct HfPlace {
    std::string name;
    HfRole role;
    std::uint64_t layer = 0, expert = 0;
};
// nullopt: the family has no such module. Layers from `layers` on are predictors of further tokens, of which modules that it
// does not have are ignored.
std::optional<HfPlace> place_of(const HfFamily& family, std::uint64_t layers, std::string_view module);

}  // namespace hearth::formats
