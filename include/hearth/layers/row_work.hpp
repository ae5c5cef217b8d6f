// Rows of several products as the chunks of one phase, whatever weights they belong to: one layer's projections, or all
// the experts that tokens chose.
#pragma once

#include <algorithm>
#include <cstddef>
#include <span>

#include "hearth/kernels/kernels.hpp"

namespace hearth {

struct RowWork {
    std::size_t rows = 0;
    std::size_t bytes = 0;       // of weights behind kLanes rows
    std::size_t unit = kLanes;   // chunks are multiples of it
    std::size_t first_chunk = 0, chunks = 0, chunk_rows = 0;  // by place_chunks
};

// Cuts the rows into small chunks of about as many bytes, one product after the other; into larger ones where a chunk's
// inputs, about as many bytes as values, outgrow a core's cache. Returns the number of chunks.
std::size_t place_chunks(std::span<RowWork> products, std::size_t workers, std::size_t inputs = 0);

// Neighbouring chunks [chunk, end) of a worker: f(product, first, end) for rows [first, end) of each that they meet. So
// a product's weights stream in stretches as long as the executor makes them.
template <class F>
void each_stretch(std::span<const RowWork> products, std::size_t chunk, std::size_t end, F&& f) {
    const auto after = std::upper_bound(products.begin(), products.end(), chunk,
                                        [](std::size_t c, const RowWork& p) { return c < p.first_chunk; });
    for (auto i = static_cast<std::size_t>(after - products.begin()) - 1; chunk < end; ++i) {
        const RowWork& p = products[i];
        const std::size_t stop = std::min(end, p.first_chunk + p.chunks);
        f(i, (chunk - p.first_chunk) * p.chunk_rows, std::min(p.rows, (stop - p.first_chunk) * p.chunk_rows));
        chunk = stop;
    }
}

}  // namespace hearth
