// What the weights of a model take in memory, what a token reads of them, and the scratch that their products need.
#pragma once

#include <algorithm>

#include "models/experts.hpp"

namespace hearth {

struct WeightAccount {
    MoeForms forms;
    std::uint64_t bytes = 0;
    std::uint64_t read = 0;   // by a token, which does not choose all experts
    std::size_t scratch = 0;  // of a worker

    // Without tables of which a token reads a row.
    template <class Tensors>
    WeightAccount(const Tensors& tensors, const MoeSpec& moe, std::size_t embedding) {
        tensors.each_matrix([&](const MatrixInfo& m) { add(m.weight); });
        for (const auto& l : tensors.layers) add_forms(l.experts, forms);
        const std::size_t moe_scratch = moe.experts == 0 ? 0 : moe_scratch_bytes(forms, embedding);
        std::uint64_t unused = 0;
        for (const auto& l : tensors.layers) {
            l.experts.each_matrix([&](const MatrixInfo& m, bool stack) {
                const std::uint64_t taken = expert_memory_bytes(l.experts, m);
                bytes += taken;
                if (stack) unused += taken / moe.experts * (moe.experts - moe.used);
                scratch = std::max<std::size_t>(scratch, moe_scratch + Linear::scratch_bytes(m.weight));
            });
        }
        read = bytes - unused;
    }

    void add(const TensorInfo* weight) {
        bytes += Linear::memory_bytes(weight);
        scratch = std::max<std::size_t>(scratch, Linear::scratch_bytes(weight));
    }
};

}  // namespace hearth
