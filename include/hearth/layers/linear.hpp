// Matrix products with stored weights: y = W x (+ bias), W as panels of 16 rows.
#pragma once

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

// Weights of one matrix {k, rows}. Types with a panel format are packed; others keep their stored bytes and are decoded
// panel by panel into F32 while they are used. Immutable after load; shareable.
class Linear {
public:
    // Null info gives an empty Linear. `bias` {rows} and `scale` {1}, a factor of the output before the bias, may be null.
    static Result<Linear> load(LoadContext& context, const TensorInfo* info, const TensorInfo* bias = nullptr,
                               const TensorInfo* scale = nullptr);
    // Bytes that load would take of an arena, and scratch bytes that one worker needs to run it.
    static std::uint64_t memory_bytes(const TensorInfo* info);
    static std::uint64_t scratch_bytes(const TensorInfo* info);

    bool empty() const { return rows_ == 0; }
    std::size_t rows() const { return rows_; }
    std::size_t k() const { return k_; }
    std::uint64_t bytes() const { return bytes_; }
    Activation activation() const { return format_ != nullptr ? format_->activation : Activation::f32; }
    // One row as floats [k], equal to the bit to the stored block's decode.
    void row(std::size_t index, float* values) const;

private:
    friend class LinearRun;
    const PanelFormat* format_ = nullptr;  // null: stored bytes of codec_
    const Codec* codec_ = nullptr;
    std::size_t rows_ = 0, k_ = 0, panel_bytes_ = 0;
    std::shared_ptr<const Arena> arena_;   // holds weights_
    const std::byte* weights_ = nullptr;   // [ceil(rows / 16), panel_bytes] or [rows, row_bytes]
    std::uint64_t bytes_ = 0;
    std::vector<float> bias_;              // [rows] or empty
    float scale_ = 1;
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
    void add(const Linear& w) {
        q8_32 |= !w.empty() && w.activation() == Activation::q8_32;
        q8_256 |= !w.empty() && w.activation() == Activation::q8_256;
    }
};

// Quantises token `t` of the input as `needs` says.
void quantize_token(const RunContext& run, const LinearInput& input, ActivationNeeds needs, std::size_t token);

// Several products of the same input in one parallel phase.
class LinearRun {
public:
    // y: [tokens, y_stride]. Empty weights are passed over.
    void add(const Linear& w, float* y, std::size_t y_stride);
    void run(const RunContext& run, const LinearInput& input);

private:
    struct Part {
        const Linear* w;
        float* y;
        std::size_t y_stride;
        std::size_t first_chunk, chunk_panels;
    };
    static void run_part(const RunContext& run, const LinearInput& input, const Part& part, std::size_t chunk,
                         std::size_t worker);
    std::array<Part, 4> parts_{};
    std::size_t count_ = 0;
};

}  // namespace hearth
