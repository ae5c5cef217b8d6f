// Random values for the encoders' tests, and the errors that encoding and decoding leaves.
#pragma once

#include <bit>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "hearth/base/rng.hpp"
#include "hearth/codecs/codec.hpp"

namespace hearth::test {

enum class Shape { gauss, laplace, uniform };

// Standard deviation 1, except uniform: [-1, 1].
inline std::vector<float> sample(Shape shape, std::size_t count, std::uint64_t seed, double scale = 1.0) {
    std::vector<float> values(count);
    for (std::size_t i = 0; i < count; ++i) {
        const double u = 1.0 - uniform_draw(seed, 2 * i);
        const double v = uniform_draw(seed, 2 * i + 1);
        double x = 2 * v - 1;
        if (shape == Shape::gauss) x = std::sqrt(-2 * std::log(u)) * std::cos(6.283185307179586 * v);
        if (shape == Shape::laplace) x = -std::log(u) * (v < 0.5 ? -1 : 1) / std::sqrt(2.0);
        values[i] = static_cast<float>(x * scale);
    }
    return values;
}

// Any finite float: random bit patterns.
inline std::vector<float> any_floats(std::size_t count, std::uint64_t seed) {
    std::vector<float> values;
    for (std::uint64_t i = 0; values.size() < count; ++i) {
        for (std::uint32_t bits : philox4x32(seed, i, 1)) {
            const float f = std::bit_cast<float>(bits);
            if (std::isfinite(f) && values.size() < count) values.push_back(f);
        }
    }
    return values;
}

inline std::vector<std::byte> encode(const Codec& codec, const std::vector<float>& values) {
    std::vector<std::byte> blocks(codec.row_bytes(values.size()));
    codec.encode(values.data(), values.size() / codec.block_values, blocks.data());
    return blocks;
}
inline std::vector<float> decode(const Codec& codec, const std::vector<std::byte>& blocks) {
    const std::size_t count = blocks.size() / codec.block_bytes;
    std::vector<float> values(count * codec.block_values);
    codec.decode(blocks.data(), count, values.data());
    return values;
}
inline std::vector<float> round_trip(const Codec& codec, const std::vector<float>& values) {
    return decode(codec, encode(codec, values));
}

inline double squared_error(const float* x, const float* y, std::size_t count) {
    double sum = 0;
    for (std::size_t i = 0; i < count; ++i) {
        const double rest = static_cast<double>(x[i]) - static_cast<double>(y[i]);
        sum += rest * rest;
    }
    return sum;
}
// Root mean square error over root mean square.
inline double relative_error(const std::vector<float>& x, const std::vector<float>& y) {
    const std::vector<float> zeros(x.size());
    return std::sqrt(squared_error(x.data(), y.data(), x.size()) / squared_error(x.data(), zeros.data(), x.size()));
}

}  // namespace hearth::test
