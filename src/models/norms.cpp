#include "models/norms.hpp"

#include "hearth/layers/linear.hpp"

namespace hearth {

Result<NormInfo> find_norm(TensorFinder& tensors, const std::string& name, std::uint64_t width, bool bias) {
    NormInfo found;
    HEARTH_ASSIGN(found.weight, tensors.need(name + ".weight", {width}));
    if (bias) {
        HEARTH_ASSIGN(found.bias, tensors.need(name + ".bias", {width}));
    }
    return found;
}

Result<Norm> load_norm(LoadContext& context, const NormInfo& info) {
    Norm norm;
    HEARTH_ASSIGN(norm.weight, load_vector(context, info.weight));
    HEARTH_ASSIGN(norm.bias, load_vector(context, info.bias));
    return norm;
}

}  // namespace hearth
