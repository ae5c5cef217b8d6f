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

    bool empty() const { return rows_ == 0; }
    std::size_t rows() const { return rows_; }  // of each matrix
    std::size_t k() const { return k_; }
    std::size_t matrices() const { return matrices_; }
    std::uint64_t bytes() const { return bytes_; }
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
    };
    // y = W x (+ bias) for the part; room: scratch_bytes of memory, aligned to 64 bytes.
    void multiply(const KernelTable& kernels, const Part& part, std::byte* room) const;

private:
    Status load_weights(LoadContext& context, const TensorInfo& info);
    const PanelFormat* format_ = nullptr;  // null: stored bytes of codec_
    const Codec* codec_ = nullptr;
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
// it has just written while it is in its cache: run(run, input, after) calls after(part, first, end, worker) for rows
// [first, end) of the part-th added product, all tokens of which stand in y, once for each row.
class LinearRun {
public:
    // y: [tokens, y_stride]. Empty weights are passed over and not counted. Chunks are multiples of `unit` rows.
    void add(const Linear& w, float* y, std::size_t y_stride, std::size_t unit = 1);
    // Rows [0, rows) of `a` and [b_first, b_first + rows) of `b` in the same chunks, to ya and yb. b_first is a
    // multiple of kLanes.
    void add_pair(const Linear& a, float* ya, const Linear& b, std::size_t b_first, float* yb, std::size_t rows,
                  std::size_t y_stride);
    void run(const RunContext& run, const LinearInput& input) {
        this->run(run, input, [](std::size_t, std::size_t, std::size_t, std::size_t) {});
    }
    template <class After>
    void run(const RunContext& run, const LinearInput& input, After&& after) {
        const std::size_t chunks = plan(run.executor.workers());
        parallel_ranges(run.executor, chunks, [&](std::size_t chunk, std::size_t chunk_end, std::size_t worker) {
            for (std::size_t i = 0; chunk < chunk_end; ++i) {
                const Part& part = parts_[i];
                const std::size_t part_end = std::min(chunk_end, part.first_chunk + part.chunks);
                // So many rows at a time that their outputs stay in the cache.
                const std::size_t step = std::max<std::size_t>(1, kCachedOutputs / (input.tokens * part.chunk_rows));
                while (chunk < part_end) {
                    const std::size_t stop = std::min(part_end, chunk + step);
                    const std::size_t first = (chunk - part.first_chunk) * part.chunk_rows;
                    const std::size_t end = std::min(part.rows, (stop - part.first_chunk) * part.chunk_rows);
                    multiply(run, input, *part.w, first, end, part.y + first, part.y_stride, worker);
                    if (part.w2 != nullptr)
                        multiply(run, input, *part.w2, part.first2 + first, part.first2 + end, part.y2 + first, part.y_stride,
                                 worker);
                    after(i, first, end, worker);
                    chunk = stop;
                }
            }
        });
    }

private:
    static constexpr std::size_t kCachedOutputs = 65536;
    struct Part {
        const Linear *w, *w2;  // w2 null but for pairs
        float *y, *y2;
        std::size_t y_stride, rows, first2, unit;
        std::size_t first_chunk, chunks, chunk_rows;
    };
    // Places the chunks; returns their number.
    std::size_t plan(std::size_t workers);
    // Rows [first, end) of w, first a multiple of kLanes, to y[tokens, y_stride].
    static void multiply(const RunContext& run, const LinearInput& input, const Linear& w, std::size_t first,
                         std::size_t end, float* y, std::size_t y_stride, std::size_t worker);
    std::array<Part, 4> parts_{};
    std::size_t count_ = 0;
};

}  // namespace hearth
