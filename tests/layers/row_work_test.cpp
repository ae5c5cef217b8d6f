// How rows of several products become chunks.
#include "hearth/layers/row_work.hpp"

#include <doctest/doctest.h>

#include <utility>
#include <vector>

namespace hearth {

TEST_CASE("place_chunks: chunks follow each other and cover all rows of every product once") {
    for (const std::size_t workers : {1u, 2u, 7u, 64u})
        for (const std::size_t inputs : {std::size_t{0}, std::size_t{1} << 24}) {
            CAPTURE(workers);
            CAPTURE(inputs);
            std::vector<RowWork> work = {{1, 100}, {2048, 18944}, {130, 1u << 20, 48}, {8200, 36864}};
            const std::size_t chunks = place_chunks(work, workers, inputs);
            std::size_t next = 0;
            for (const RowWork& w : work) {
                CHECK(w.first_chunk == next);
                CHECK(w.chunk_rows % w.unit == 0);
                CHECK((w.chunks - 1) * w.chunk_rows < w.rows);
                CHECK(w.chunks * w.chunk_rows >= w.rows);
                next += w.chunks;
            }
            CHECK(chunks == next);
            // Any stretch meets the rows of its chunks, whichever products they belong to.
            std::vector<std::pair<std::size_t, std::size_t>> met;
            for (std::size_t at = 0; at < chunks; at += 5)
                each_stretch(work, at, std::min(chunks, at + 5),
                             [&](std::size_t product, std::size_t first, std::size_t end) {
                                 for (std::size_t row = first; row < end; ++row) met.emplace_back(product, row);
                             });
            std::vector<std::pair<std::size_t, std::size_t>> all;
            for (std::size_t product = 0; product < work.size(); ++product)
                for (std::size_t row = 0; row < work[product].rows; ++row) all.emplace_back(product, row);
            CHECK(met == all);
        }
}

TEST_CASE(
    "place_chunks: inputs that outgrow the cache meet several panels a chunk, and every worker has chunks enough") {
    const std::size_t tokens = 512, k = 8192, panel_bytes = 75776;  // Q4_K
    for (const std::size_t workers : {1u, 2u, 4u, 16u}) {
        CAPTURE(workers);
        std::vector<RowWork> decode = {{2048, panel_bytes}}, prefill = decode;
        CHECK(place_chunks(decode, workers, k) == 128);  // by bytes of weights: one panel
        const std::size_t chunks = place_chunks(prefill, workers, tokens * k);
        CHECK(chunks >= std::min<std::size_t>(128, 16 * workers));
        if (workers <= 2) CHECK(prefill[0].chunk_rows == 4 * kLanes);
    }
}

}  // namespace hearth
