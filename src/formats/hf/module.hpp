// The parameters of one module of a folder ("model.layers.0.mlp.up_proj": "qweight", "qzeros", "scales", …).
#pragma once

#include <map>
#include <string>
#include <string_view>

#include "formats/hf/rows.hpp"
#include "formats/safetensors.hpp"

namespace hearth::formats {

struct HfModule {
    std::string_view name;
    std::map<std::string_view, const StoredTensor*> parameters;

    const StoredTensor* find(std::string_view parameter) const {
        const auto at = parameters.find(parameter);
        return at == parameters.end() ? nullptr : at->second;
    }
};

// How a config says that weights are packed, as far as their tensors do not.
struct HfPacking {
    bool awq = false;             // "qweight" in AWQ's order, else GPTQ's
    bool zeros_plain = false;     // GPTQ's zero points are stored as they are, not one less
    std::uint64_t bits = 0;       // of GPTQ and AWQ
    std::uint64_t block_rows = 0, block_columns = 0;  // of "weight_scale_inv", 0: one scale for all
};

struct HfMatrix {
    RowsPtr rows;
    std::vector<std::uint64_t> shape;  // row-major
};

// The weight of a module in whatever form it is stored.
//
// Integers with a scale for each group of a row (GPTQ, AWQ, compressed-tensors' int4 and int8) are brought to Q4_0, Q5_0 or
// Q8_0, the narrowest whose codes hold every q - zero, where that is exact: scales that are F16 numbers, groups of
// multiples of 32. Where it is not (scales beyond F16, columns in the order of their activations) they become F32. FP8
// becomes BF16 where its scales are powers of two, else F32. MXFP4 stays MXFP4, in whichever of two layouts.
Result<HfMatrix> packed_matrix(const Safetensors& files, const HfModule& module, const HfPacking& packing);

}  // namespace hearth::formats
