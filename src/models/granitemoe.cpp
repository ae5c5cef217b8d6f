// Granite 3 and 4 with experts: Granite's block and scalars; weights of the chosen experts renormalised, perhaps a shared
// expert.
#include "models/family.hpp"

namespace hearth {

Result<std::unique_ptr<Blueprint>> describe_granitemoe(const Hparams& h, TensorFinder& tensors) {
    HEARTH_TRY(h.count("expert_count", UINT32_MAX).status());
    return describe_granite(h, tensors);
}

}  // namespace hearth
