// From general.architecture to the family that knows it.
#include <algorithm>

#include "models/family.hpp"

namespace hearth {

namespace {

struct Family {
    std::string_view name;
    Result<std::unique_ptr<Blueprint>> (*describe)(const Hparams&, TensorFinder&);
};

constexpr Family kFamilies[] = {
#define HEARTH_MODEL(name, function) {name, function},
#include "models/models.inc"
#undef HEARTH_MODEL
};

}  // namespace

bool is_architecture(std::string_view name) { return std::ranges::find(kFamilies, name, &Family::name) != std::end(kFamilies); }

std::string_view trouble_name(Trouble part) {
    switch (part) {
        case Trouble::architecture: return "architecture";
        case Trouble::tensor: return "tensor";
        default: return "key";
    }
}

Result<std::unique_ptr<Blueprint>> Blueprint::predictor(std::uint32_t index) const {
    return Status(Code::unsupported, index < info_.predictors
                                         ? cat("the blocks that predict further tokens of a model of architecture '", info_.architecture,
                                               "' are not supported")
                                         : cat("the file has ", info_.predictors, " blocks that predict further tokens"));
}

Result<std::unique_ptr<Model>> Blueprint::load_beside(const Model& /*of*/, LoadContext& /*context*/) const {
    return Status(Code::internal, "no predictor of further tokens");
}

Result<std::unique_ptr<Blueprint>> describe_model(const Metadata& metadata, const TensorSource& source, Trouble* part) {
    *part = Trouble::key;
    HEARTH_ASSIGN(auto architecture, metadata.get_string("general.architecture"));
    if (!architecture) return Status(Code::malformed, "metadata key 'general.architecture' is missing");
    for (const Family& family : kFamilies) {
        if (family.name != *architecture) continue;
        TensorFinder tensors(source);
        auto blueprint = family.describe(Hparams(metadata, *architecture), tensors);
        if (!blueprint.ok()) {
            if (blueprint.status().message().starts_with("tensor ")) *part = Trouble::tensor;
            return blueprint;
        }
        *part = Trouble::tensor;
        HEARTH_TRY(tensors.all_used());
        return blueprint;
    }
    *part = Trouble::architecture;
    std::string known;
    for (const Family& family : kFamilies) known += cat(known.empty() ? "" : ", ", family.name);
    return Status(Code::unsupported, cat("architecture '", *architecture, "' is not supported; known are: ", known));
}

}  // namespace hearth
