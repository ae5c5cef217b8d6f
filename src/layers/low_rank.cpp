#include "hearth/layers/low_rank.hpp"

#include <algorithm>

namespace hearth {

namespace {

constexpr std::size_t kTokens = 16, kRows = 4 * kLanes;  // of a tile of outputs

// Calls f(first, end, set) for neighbouring rows of [first, end) with the same adapters.
template <class F>
void each_set(std::span<const AdapterSet* const> sets, std::size_t first, std::size_t end, F&& f) {
    for (std::size_t next = first; first < end; first = next) {
        while (next < end && sets[next] == sets[first]) ++next;
        if (sets[first] != nullptr) f(first, next, *sets[first]);
    }
}

std::size_t rank(const AdapterSet& set, const Linear& w) {
    std::size_t n = 0;
    for (const AdapterSet::Entry& e : set.entries)
        if (const LowRank* change = e.adapter->product(w.id())) n += change->rank();
    return n;
}

// Where A x of `w` begins among those of `matrices`.
std::size_t offset(const AdapterSet& set, std::span<const Linear* const> matrices, const Linear& w) {
    std::size_t n = 0;
    for (const Linear* m : matrices) {
        if (m == &w) break;
        n += rank(set, *m);
    }
    return n;
}

// A x for inputs [tokens, w.k()], for matrix `matrix` of w; u: [tokens, stride].
void lower_rows(const KernelTable& kernels, const AdapterSet& set, const Linear& w, std::size_t matrix, const float* x,
                std::size_t tokens, float* u, std::size_t stride) {
    for (const AdapterSet::Entry& e : set.entries) {
        const LowRank* change = e.adapter->product(w.id());
        if (change == nullptr) continue;
        const std::size_t split = w.matrices() / change->a.matrices();
        change->a.multiply(kernels, {matrix / split, 0, change->rank(), x, tokens, u, stride}, nullptr);
        u += change->rank();
    }
}

// y += scale * B u for each adapter.
void raise_rows(const KernelTable& kernels, const AdapterSet& set, const Linear& w, const float* u, std::size_t stride,
                std::size_t tokens, const RowChanges::Outputs& out) {
    alignas(64) float tile[kTokens * kRows];  // [tokens, rows]
    for (const AdapterSet::Entry& e : set.entries) {
        const LowRank* change = e.adapter->product(w.id());
        if (change == nullptr) continue;
        const float scale = e.scale * change->scale;
        for (std::size_t t = 0; t < tokens; t += kTokens) {
            const std::size_t count = std::min(kTokens, tokens - t);
            for (std::size_t first = out.first; first < out.end; first += kRows) {
                const std::size_t end = std::min(out.end, first + kRows), rows = end - first;
                change->b.multiply(kernels,
                                   {out.matrix, first, end, u + t * stride, count, tile, rows, stride * sizeof(float)},
                                   nullptr);
                for (std::size_t i = 0; i < count; ++i)
                    kernels.add_scaled(tile + i * rows, scale, rows,
                                       out.y + (t + i) * out.y_stride + first - out.first);
            }
        }
        u += change->rank();
    }
}

}  // namespace

void Adapter::add(LowRank change) {
    const std::uint32_t matrix = change.matrix;
    std::vector<std::uint32_t>& places = change.rows ? rows_ : products_;
    changes_.push_back(std::move(change));
    places[matrix] = static_cast<std::uint32_t>(changes_.size());
}

void Adapter::add_direction(std::size_t layer, std::vector<float> values) {
    if (directions_.size() <= layer) directions_.resize(layer + 1);
    directions_[layer] = std::move(values);
}

bool RowChanges::touches(std::span<const Linear* const> matrices) const {
    const AdapterSet* last = nullptr;
    for (const AdapterSet* set : sets_) {
        if (set == nullptr || set == last) continue;
        last = set;
        for (const Linear* w : matrices)
            if (rank(*set, *w) != 0) return true;
    }
    return false;
}

void RowChanges::lower(const RunContext& run, std::span<const Linear* const> matrices, const LinearInput& input) const {
    if (!touches(matrices)) return;
    const std::size_t blocks = (input.tokens + kTokens - 1) / kTokens, base = input.first_row;
    parallel_for(run.executor, blocks * matrices.size(), [&](std::size_t i, std::size_t) {
        const std::size_t first = base + i / matrices.size() * kTokens,
                          end = std::min(base + input.tokens, first + kTokens);
        const Linear& w = *matrices[i % matrices.size()];
        each_set(sets_, first, end, [&](std::size_t row, std::size_t row_end, const AdapterSet& set) {
            lower_rows(run.kernels, set, w, 0, input.f32 + (row - base) * input.k, row_end - row,
                       room_ + row * stride_ + offset(set, matrices, w), stride_);
        });
    });
}

void RowChanges::add(const KernelTable& kernels, std::span<const Linear* const> matrices, const Linear& w,
                     std::size_t row, std::size_t tokens, const Outputs& out) const {
    each_set(sets_, row, row + tokens, [&](std::size_t first, std::size_t end, const AdapterSet& set) {
        Outputs part = out;
        part.y += (first - row) * out.y_stride;
        raise_rows(kernels, set, w, room_ + first * stride_ + offset(set, matrices, w), stride_, end - first, part);
    });
}

void RowChanges::lower_one(const KernelTable& kernels, std::span<const Linear* const> matrices, std::size_t matrix,
                           const float* x, std::size_t row, std::size_t slot) const {
    const AdapterSet* const set = sets_[row];
    if (set == nullptr) return;
    for (const Linear* w : matrices)
        lower_rows(kernels, *set, *w, matrix, x, 1, room_ + slot * stride_ + offset(*set, matrices, *w), stride_);
}

void RowChanges::add_one(const KernelTable& kernels, std::span<const Linear* const> matrices, const Linear& w,
                         std::size_t row, std::size_t slot, const Outputs& out) const {
    const AdapterSet* const set = sets_[row];
    if (set != nullptr)
        raise_rows(kernels, *set, w, room_ + slot * stride_ + offset(*set, matrices, w), stride_, 1, out);
}

void RowChanges::add_row(const KernelTable& kernels, const AdapterSet& set, const Linear& w, std::size_t index,
                         float* row) {
    for (const AdapterSet::Entry& e : set.entries) {
        const LowRank* change = e.adapter->rows(w.id());
        if (change == nullptr) continue;
        alignas(64) float tile[kRows], u[kMostRank];
        change->a.row(index, u);
        const float scale = e.scale * change->scale;
        for (std::size_t first = 0; first < change->b.rows(); first += kRows) {
            const std::size_t end = std::min(change->b.rows(), first + kRows);
            change->b.multiply(kernels, {0, first, end, u, 1, tile, end - first}, nullptr);
            kernels.add_scaled(tile, scale, end - first, row + first);
        }
    }
}

}  // namespace hearth
