#include "hearth/base/rng.hpp"

#include <doctest/doctest.h>

#include <cmath>
#include <set>

using hearth::philox4x32;
using hearth::uniform_draw;

TEST_CASE("rng: known answers of Philox4x32-10") {
    // kat_vectors of the Random123 distribution that goes with the paper.
    using Words = std::array<std::uint32_t, 4>;
    CHECK(philox4x32(0, 0, 0) == Words{0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8});
    CHECK(philox4x32(~std::uint64_t{0}, ~std::uint64_t{0}, ~std::uint64_t{0}) ==
          Words{0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd});
    CHECK(philox4x32(0x299f31d0a4093822, 0x85a308d3243f6a88, 0x0370734413198a2e) ==
          Words{0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1});
}

TEST_CASE("rng: draws lie in [0, 1), depend on seed and index, and repeat") {
    std::set<double> seen;
    for (std::uint64_t seed : {0u, 1u, 2u, 0xffffffffu}) {
        for (std::uint64_t i = 0; i < 1000; ++i) {
            const double u = uniform_draw(seed, i);
            CHECK_MESSAGE(u >= 0.0, "seed " << seed << " index " << i);
            CHECK_MESSAGE(u < 1.0, "seed " << seed << " index " << i);
            CHECK(u == uniform_draw(seed, i));
            CHECK(u * 0x1p53 == std::floor(u * 0x1p53));
            seen.insert(u);
        }
    }
    CHECK(seen.size() == 4000);
}

TEST_CASE("rng: draws are spread evenly") {
    // Chi-square over 100 bins, 99 degrees of freedom: beyond 161 with a probability of 1e-4.
    for (std::uint64_t seed : {3u, 4u, 5u}) {
        std::array<int, 100> bins{};
        constexpr int kDraws = 100000;
        for (int i = 0; i < kDraws; ++i)
            bins[static_cast<std::size_t>(uniform_draw(seed, static_cast<std::uint64_t>(i)) * 100)]++;
        double chi = 0;
        for (int n : bins) chi += (n - 1000.0) * (n - 1000.0) / 1000.0;
        CHECK(chi < 161.0);
        CHECK(chi > 50.0);
    }
}
