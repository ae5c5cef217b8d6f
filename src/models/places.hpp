// Rows of floats and of their quantised forms, one after the other in a mixer's memory.
#pragma once

#include "hearth/layers/linear.hpp"

namespace hearth {

// Offsets in floats, each aligned to a line.
class FloatPlaces {
public:
    std::size_t take(std::size_t floats) {
        const std::size_t at = end_;
        end_ += (floats + 15) / 16 * 16;
        return at;
    }
    std::size_t take_forms(std::size_t rows, std::size_t k) {
        return take(rows * (activation_bytes(Activation::q8_32, k) + activation_bytes(Activation::q8_256, k) + 64) / 4);
    }
    std::size_t end() const { return end_; }

private:
    std::size_t end_ = 0;
};

// [tokens, k] at `values`, its other forms in a place of take_forms.
inline LinearInput input_at(float* values, float* forms, std::size_t tokens, std::size_t k) {
    auto* const q8_32 = reinterpret_cast<std::byte*>(forms);
    const std::size_t bytes = (tokens * activation_bytes(Activation::q8_32, k) + 63) / 64 * 64;
    return {values, q8_32, q8_32 + bytes, tokens, k};
}

// Tokens [first, first + count) of it.
inline LinearInput part_of(const LinearInput& in, std::size_t first, std::size_t count) {
    const auto at = [&](std::byte* rows, Activation a) {
        return rows == nullptr ? nullptr : rows + first * activation_bytes(a, in.k);
    };
    return {in.f32 + first * in.k, at(in.q8_32, Activation::q8_32), at(in.q8_256, Activation::q8_256), count, in.k,
            in.first_row + first};
}

}  // namespace hearth
