// Low-rank changes of matrices (Hu et al., "LoRA: Low-Rank Adaptation of Large Language Models", 2021):
//   y = W x + sum over the adapters of a row, in their order, of scale * B (A x)
// with A x and B u computed by the kernels of float weights, one chain of fma for each value, and one fma for each
// output and adapter: other rows of a pass, its chunks and its workers cannot be seen in a row's results. And
// directions that are added to the stream behind a layer (Zou et al., "Representation Engineering", 2023).
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "hearth/base/hash.hpp"
#include "hearth/layers/linear.hpp"

namespace hearth {

inline constexpr std::size_t kMostRank = 4096;

struct LowRank {
    std::uint32_t matrix = 0;  // Linear::id of what it changes
    bool rows = false;         // that is read row by row: then `a` is {rank, rows}
    Linear a;                  // {k, rank, stored matrices}
    Linear b;                  // {rank, rows, matrices}, split as the changed one is; of rows {rank, k}
    float scale = 1;           // alpha / rank

    std::size_t rank() const { return b.k(); }
};

// What one adapter holds for a model. Immutable; shareable.
class Adapter {
public:
    explicit Adapter(std::size_t matrices) : products_(matrices), rows_(matrices) {}
    void add(LowRank change);
    void add_direction(std::size_t layer, std::vector<float> values);  // [embedding]
    void set_width(std::size_t width) { width_ = width; }
    void keep(std::shared_ptr<const Arena> arena) { arena_ = std::move(arena); }  // that counts its directions

    // Null: it leaves the matrix as it is.
    const LowRank* product(std::uint32_t matrix) const { return at(products_, matrix); }
    const LowRank* rows(std::uint32_t matrix) const { return at(rows_, matrix); }
    // Behind a layer; null: none.
    const float* direction(std::size_t layer) const {
        return layer < directions_.size() && !directions_[layer].empty() ? directions_[layer].data() : nullptr;
    }
    // The most values that A x takes of a token for products that run together.
    std::size_t width() const { return width_; }

private:
    const LowRank* at(const std::vector<std::uint32_t>& places, std::uint32_t matrix) const {
        return matrix < places.size() && places[matrix] != 0 ? &changes_[places[matrix] - 1] : nullptr;
    }
    std::vector<LowRank> changes_;
    std::vector<std::uint32_t> products_, rows_;  // [matrices]: place in changes_, from 1 on
    std::vector<std::vector<float>> directions_;  // [layers]
    std::shared_ptr<const Arena> arena_;
    std::size_t width_ = 0;
};

// The adapters of a sequence, in their order. Immutable; shareable.
struct AdapterSet {
    struct Entry {
        std::shared_ptr<const Adapter> adapter;
        float scale;  // not 0
    };
    std::vector<Entry> entries;  // not empty
    Hash128 digest;              // of contents and scales

    std::size_t width() const {
        std::size_t n = 0;
        for (const Entry& e : entries) n += e.adapter->width();
        return n;
    }
};

// What adapters change in the products of one pass.
class RowChanges {
public:
    // sets: [rows], null where a row has none; room: [rows of inputs, stride] for A x.
    RowChanges(std::span<const AdapterSet* const> sets, float* room, std::size_t stride)
        : sets_(sets), room_(room), stride_(stride) {}

    // Outputs of a part of a product, rows [first, end) of one of the matrices.
    struct Outputs {
        std::size_t matrix;
        std::size_t first, end;
        float* y;  // [tokens, y_stride], column 0 is row `first`
        std::size_t y_stride;
    };

    const AdapterSet* set(std::size_t row) const { return sets_[row]; }
    bool touches(std::span<const Linear* const> matrices) const;
    // A x for products of an input by `matrices`, each of which stands there once; a phase, where there is any.
    void lower(const RunContext& run, std::span<const Linear* const> matrices, const LinearInput& input) const;
    // y += the changes of `w`, one of `matrices`, for `tokens` rows of the pass from `row` on.
    void add(const KernelTable& kernels, std::span<const Linear* const> matrices, const Linear& w, std::size_t row,
             std::size_t tokens, const Outputs& out) const;

    // The same for inputs that are others than the rows of the pass: A x of one of them with the adapters of pass row
    // `row`, at place `slot` of the room, and what it adds to y.
    void lower_one(const KernelTable& kernels, std::span<const Linear* const> matrices, std::size_t matrix,
                   const float* x, std::size_t row, std::size_t slot) const;
    void add_one(const KernelTable& kernels, std::span<const Linear* const> matrices, const Linear& w, std::size_t row,
                 std::size_t slot, const Outputs& out) const;
    // row += what the adapters change in row `index` of a matrix that is read row by row.
    static void add_row(const KernelTable& kernels, const AdapterSet& set, const Linear& w, std::size_t index,
                        float* row);

private:
    std::span<const AdapterSet* const> sets_;
    float* room_;
    std::size_t stride_;
};

}  // namespace hearth
