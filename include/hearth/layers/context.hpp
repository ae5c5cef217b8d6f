// What layers need around them while loading and while running.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "hearth/base/arena.hpp"
#include "hearth/base/log.hpp"
#include "hearth/base/memory.hpp"
#include "hearth/base/parallel.hpp"
#include "hearth/base/status.hpp"
#include "hearth/base/tensor.hpp"
#include "hearth/kernels/kernels.hpp"

namespace hearth {

class RowChanges;  // layers/low_rank.hpp

// Loading: where tensors come from and where weights go. One thread.
struct LoadContext {
    const TensorSource& source;
    std::shared_ptr<Memory> memory;
    Executor& executor;
    Logger log;
    // Where weights go: room for all of them where the caller reserved it.
    std::shared_ptr<Arena> arena = std::make_shared<Arena>(memory);
    // The source lives as long as what is loaded: packed tensors are used where they are mapped.
    bool source_stays = false;
    // Called with loaded and total stored bytes between tensors, and by who watches the executor; non-zero cancels. May be
    // null.
    int (*progress)(std::uint64_t done, std::uint64_t total, void* user) = nullptr;
    void* progress_user = nullptr;
    std::uint64_t total_bytes = 0;
    std::uint64_t done_bytes = 0;
    // Matrices as they stand in memory, in the order of loading: what a digest of the weights is made of, and what
    // adapters may change. A Linear remembers its place among them.
    struct Matrix {
        const TensorInfo* info;
        std::span<const std::byte> bytes;
        std::size_t split = 1;  // parts of each stored matrix
        enum class Use : int { products, rows, fixed } use = Use::products;
    };
    std::vector<Matrix> matrices = {};
    bool numbers_matrices = true;  // else Linears have no place, and nothing can change them
    // Of matrices from place `first` on.
    void use_matrices(std::size_t first, Matrix::Use use) {
        for (std::size_t i = first; i < matrices.size(); ++i) matrices[i].use = use;
    }

    bool in_place(const TensorInfo& info) const;
    Status advance(const TensorInfo& info);
    // Counts bytes as done and reports.
    Status add_done(std::uint64_t bytes);
    // The last report. What was read before loading, or is left alone, counts as done now.
    Status finish();
    Status report();
    Status cancelled() const;
};

// Running: kernels, workers, and each worker's scratch. One forward pass at a time.
struct RunContext {
    const KernelTable& kernels;
    Executor& executor;
    std::span<Buffer> scratch;  // [workers], each as large as the plan asked for
    const RowChanges* changes = nullptr;  // of products, where some rows of the pass have adapters

    std::byte* worker_scratch(std::size_t worker) const { return scratch[worker].data(); }
};

}  // namespace hearth
