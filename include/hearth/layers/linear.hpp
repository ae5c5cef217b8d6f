// Matrix products with stored weights: y = W x (+ bias), W as panels of 16 rows.
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "hearth/codecs/codec.hpp"
#include "hearth/kernels/panels.hpp"
#include "hearth/layers/context.hpp"
#include "hearth/layers/row_work.hpp"

namespace hearth {

// The values of a small tensor of any type.
Result<std::vector<float>> read_floats(const TensorSource& source, const TensorInfo& info);

// A vector of floats stored with the model (norm weights, biases, rope factors). Empty when the model has none.
Result<std::vector<float>> load_vector(LoadContext& context, const TensorInfo* info);

// Weights of a matrix {k, rows}, or of a stack of them {k, rows, matrices}, each in panels of its own. Types with a panel
// format are packed, unless the file holds panels already, which are used in place where they are mapped; others keep
// their stored bytes and are decoded panel by panel into F32 while they are used. Immutable after load; shareable.
class Linear {
public:
    // Null info gives an empty Linear. `bias` {rows, matrices} and `scale` {1} or {matrices}, a factor of the output
    // before the bias, may be null. With `split` each stored matrix is taken as so many, one below the other.
    static Result<Linear> load(LoadContext& context, const TensorInfo* info, const TensorInfo* bias = nullptr,
                               const TensorInfo* scale = nullptr, std::size_t split = 1);
    // Bytes that load would take of an arena, and scratch bytes that one worker needs to run it.
    static std::uint64_t memory_bytes(const TensorInfo* info, std::size_t split = 1);
    static std::uint64_t scratch_bytes(const TensorInfo* info);
    static Activation activation(const TensorInfo& info);

    static constexpr std::uint32_t kNoId = UINT32_MAX;
    // Its place among LoadContext::matrices.
    std::uint32_t id() const { return id_; }
    bool empty() const { return rows_ == 0; }
    std::size_t rows() const { return rows_; }  // of each matrix
    std::size_t k() const { return k_; }
    std::size_t matrices() const { return matrices_; }
    std::uint64_t bytes() const { return bytes_; }
    // Behind kLanes rows.
    std::size_t panel_bytes() const { return static_cast<std::size_t>(bytes_ / (matrices_ * panels_of(rows_))); }
    Activation activation() const { return format_ != nullptr ? format_->activation : Activation::f32; }
    // One stored row as floats [k], equal to the bit to the stored block's decode; matrices follow each other.
    void row(std::size_t index, float* values) const;

    // A part of one matrix's product.
    struct Part {
        std::size_t matrix;
        std::size_t first, end;  // rows; first is a multiple of 16
        const void* x;           // [tokens, activation_bytes(activation(), k)]
        std::size_t tokens;
        float* y;                // [tokens, y_stride], column 0 is row `first`
        std::size_t y_stride;
        std::size_t x_stride = 0;  // bytes; 0: rows of x follow each other
    };
    // y = W x (+ bias) for the part; room: scratch_bytes of memory, aligned to 64 bytes.
    void multiply(const KernelTable& kernels, const Part& part, std::byte* room) const;

private:
    Status load_weights(LoadContext& context, const TensorInfo& info);
    const PanelFormat* format_ = nullptr;  // null: stored bytes of codec_
    const Codec* codec_ = nullptr;
    std::uint32_t id_ = kNoId;
    std::size_t rows_ = 0, k_ = 0, matrices_ = 0, panel_bytes_ = 0;
    std::shared_ptr<const Arena> arena_;   // holds weights_, where the source's mapping does not
    const std::byte* weights_ = nullptr;   // [matrices, ceil(rows / 16), panel_bytes] or [matrices, rows, row_bytes]
    std::uint64_t bytes_ = 0;
    std::vector<float> bias_;              // [matrices, rows] or empty
    std::vector<float> scale_;             // [1] or [matrices] or empty
};

// Inputs of a group of Linears in every form that they ask for. Buffers belong to the workspace.
struct LinearInput {
    const float* f32 = nullptr;  // [tokens, k]
    std::byte* q8_32 = nullptr;  // room for [tokens, activation_bytes(q8_32, k)], null when no weight wants it
    std::byte* q8_256 = nullptr;
    std::size_t tokens = 0;
    std::size_t k = 0;
    std::size_t first_row = 0;  // of the pass, that row 0 belongs to

    const void* data(Activation a) const {
        return a == Activation::f32 ? static_cast<const void*>(f32) : a == Activation::q8_32 ? q8_32 : q8_256;
    }
};

// Which quantised forms a group of weights wants.
struct ActivationNeeds {
    bool q8_32 = false, q8_256 = false;
    void add(Activation a) {
        q8_32 |= a == Activation::q8_32;
        q8_256 |= a == Activation::q8_256;
    }
    void add(const Linear& w) {
        if (!w.empty()) add(w.activation());
    }
    // Values that are quantised together.
    std::size_t block() const { return q8_256 ? 256 : q8_32 ? 32 : kLanes; }
};

// Quantises token `token` of the input as `needs` says: all of it, or values [first, end), whole blocks.
void quantize_token(const RunContext& run, const LinearInput& input, ActivationNeeds needs, std::size_t token);
void quantize_values(const RunContext& run, const LinearInput& input, ActivationNeeds needs, std::size_t token,
                     std::size_t first, std::size_t end);

// Several products of the same input in one parallel phase. Chunks are rows of the weights; a worker goes on with what
// it has just written while it is in its cache: after(piece, worker) for each piece of the output, once for each row and
// token.
class LinearRun {
public:
    struct Piece {
        std::size_t part;              // in the order of adding
        std::size_t first, end;        // rows, which stand in y
        std::size_t token, token_end;  // for tokens [token, token_end)
    };
    // After a piece of a product whose tokens are seen to when they are complete.
    static constexpr auto kNothing = [](const Piece&, std::size_t) {};

    // y: [tokens, y_stride]. Empty weights are passed over and not counted. Chunks are multiples of `unit` rows.
    void add(const Linear& w, float* y, std::size_t y_stride, std::size_t unit = 1);
    // Rows [0, rows) of `a` and [b_first, b_first + rows) of `b` in the same chunks, to ya and yb. b_first is a
    // multiple of kLanes.
    void add_pair(const Linear& a, float* ya, const Linear& b, std::size_t b_first, float* yb, std::size_t rows,
                  std::size_t y_stride);

    void run(const RunContext& run, const LinearInput& input) {
        this->run(run, input, kNothing);
    }
    template <class After>
    void run(const RunContext& run, const LinearInput& input, After&& after) {
        walk(run, input, input.tokens, after);
    }
    // The same in blocks of tokens, where each worker has one of its own if there are many. Whoever completes a block
    // calls then(token) for each of its tokens, whose outputs all stand in y. blocks: a count for each worker.
    template <class After, class Then>
    void run(const RunContext& run, const LinearInput& input, After&& after, Tally& blocks, Then&& then) {
        std::size_t rows = 0;
        for (std::size_t i = 0; i < count_; ++i) rows += work_[i].rows;
        const std::size_t block = token_block(input.tokens, run.executor.workers());
        walk(run, input, block, [&](const Piece& p, std::size_t worker) {
            after(p, worker);
            if (!blocks.add(p.token / block, p.end - p.first, rows)) return;
            for (std::size_t t = p.token; t < p.token_end; ++t) then(t);
        });
    }

private:
    static constexpr std::size_t kCachedOutputs = 65536;
    struct Part {
        const Linear *w, *w2;  // w2 null but for pairs
        float *y, *y2;
        std::size_t y_stride, first2;
    };

    // Tokens that are multiplied at a time.
    static std::size_t token_block(std::size_t tokens, std::size_t workers);

    template <class After>
    void walk(const RunContext& run, const LinearInput& input, std::size_t block, After&& after) {
        if (run.changes != nullptr) lower_changed(run, input);
        const std::size_t chunks =
            place_chunks(std::span(work_).first(count_), run.executor.workers(), block * input.k);
        const std::size_t blocks = (input.tokens + block - 1) / block;
        parallel_ranges(run.executor, blocks * chunks, [&](std::size_t at, std::size_t at_end, std::size_t worker) {
            while (at < at_end) {
                const std::size_t token = at / chunks * block, token_end = std::min(input.tokens, token + block);
                const std::size_t stop = std::min(at_end, (at / chunks + 1) * chunks);
                each_stretch(std::span<const RowWork>(work_).first(count_), at % chunks, at % chunks + stop - at,
                             [&](std::size_t i, std::size_t first, std::size_t end) {
                                 rows_of(run, input, {i, first, end, token, token_end}, worker, after);
                             });
                at = stop;
            }
        });
    }
    template <class After>
    void rows_of(const RunContext& run, const LinearInput& input, const Piece& all, std::size_t worker, After&& after) {
        const Part& part = parts_[all.part];
        // So many rows at a time that their outputs stay in the cache.
        const std::size_t rows = work_[all.part].chunk_rows;
        const std::size_t step = std::max<std::size_t>(1, kCachedOutputs / ((all.token_end - all.token) * rows)) * rows;
        for (Piece p = all; p.first < all.end; p.first = p.end) {
            p.end = std::min(all.end, p.first + step);
            multiply(run, input, *part.w, p, 0, part.y, part.y_stride, worker);
            if (part.w2 != nullptr) multiply(run, input, *part.w2, p, part.first2, part.y2, part.y_stride, worker);
            after(p, worker);
        }
    }
    // The piece's rows of w, counted from row w_first, to their places in y.
    void multiply(const RunContext& run, const LinearInput& input, const Linear& w, const Piece& piece,
                  std::size_t w_first, float* y, std::size_t y_stride, std::size_t worker) const;
    // What adapters make of the input for all products; one phase more, where there is any.
    void lower_changed(const RunContext& run, const LinearInput& input) const;

    static constexpr std::size_t kMostParts = 8;
    // Each of the matrices once.
    std::size_t list(std::array<const Linear*, 2 * kMostParts>& out) const;
    std::array<Part, kMostParts> parts_{};
    std::array<RowWork, kMostParts> work_{};  // of each part
    std::size_t count_ = 0;
};

}  // namespace hearth
