#include "hearth/layers/row_work.hpp"

#include "hearth/kernels/panels.hpp"

namespace hearth {

// A few microseconds of a core's memory.
constexpr std::size_t kChunkBytes = 65536;
// Inputs that fill half of a core's cache: a chunk's panels share one reading of them.
constexpr std::size_t kManyInputs = std::size_t{1024} * 1024;

std::size_t place_chunks(std::span<RowWork> products, std::size_t workers, std::size_t inputs) {
    // Small chunks, so that a slow core does not hold up the rest: workers take many at a time while there are many.
    std::size_t panels = 0;
    for (const RowWork& p : products) panels += panels_of(p.rows);
    const bool many = inputs >= kManyInputs;
    const std::size_t most = std::clamp<std::size_t>(panels / (workers * (many ? 16 : 32)), 1, 4);
    std::size_t chunks = 0;
    for (RowWork& p : products) {
        const std::size_t by_bytes = std::clamp<std::size_t>(kChunkBytes / (p.bytes + 1), 1, most);
        const std::size_t rows = (many ? most : by_bytes) * kLanes;
        p.first_chunk = chunks;
        p.chunk_rows = (rows + p.unit - 1) / p.unit * p.unit;
        p.chunks = (p.rows + p.chunk_rows - 1) / p.chunk_rows;
        chunks += p.chunks;
    }
    return chunks;
}

}  // namespace hearth
