// Packed weights: what goes into a panel comes out as the codec decodes it.
#include <set>

#include "kernels/weights.hpp"

namespace hearth::test {

TEST_CASE("panels: every format is listed once, with a codec of the same block length, and found by its codec") {
    std::set<std::uint32_t> seen;
    for (const PanelFormat& f : panel_formats()) {
        const Codec* const codec = find_codec(f.codec);
        REQUIRE(codec != nullptr);
        CAPTURE(codec->name);
        CHECK(seen.insert(f.codec).second);
        CHECK(codec->block_values == f.block_values);
        CHECK(find_panel_format(f.codec) == &f);
        // Keep the file's bits per weight: scales and mins may grow to bytes, no more.
        CHECK(static_cast<double>(f.block_bytes) <= 16.0 * codec->block_bytes * 1.03);
    }
    CHECK(seen.size() == 14);
    CHECK(find_panel_format(codec_id::Q2_K) == nullptr);
    CHECK(find_panel_format(0xffffffffu) == nullptr);
}

TEST_CASE("panels: unpack equals decode to the bit, missing rows are zeros") {
    for (const PanelFormat& f : panel_formats()) {
        const Codec& codec = *find_codec(f.codec);
        CAPTURE(codec.name);
        Source source(f.codec + 1);
        for (std::size_t rows = 1; rows <= kLanes; ++rows)
            for (std::size_t blocks : {1, 2, 3, 7, 16, 37})
                for (Weights kind : {Weights::plain, Weights::extreme}) {
                    const std::size_t k = blocks * f.block_values;
                    CAPTURE(rows);
                    CAPTURE(k);
                    const std::vector<std::byte> bytes = random_rows(source, codec, rows, k, kind);
                    PanelBytes panel = pack_rows(f, bytes, rows, k);
                    for (std::size_t r = 0; r < kLanes; ++r) {
                        CAPTURE(r);
                        std::vector<float> want(k, 0.0f);
                        if (r < rows) codec.decode(bytes.data() + r * codec.row_bytes(k), blocks, want.data());
                        Guarded<float> got(k);
                        f.unpack(panel.data(), r, k, got.data());
                        CHECK(got.intact());
                        if (r < rows)
                            check_same(got.values(), want);
                        else
                            CHECK(got.values() == want);  // zeros of either sign
                    }
                }
    }
}

TEST_CASE("panels: rows may stand apart and at any address") {
    for (const PanelFormat& f : panel_formats()) {
        const Codec& codec = *find_codec(f.codec);
        CAPTURE(codec.name);
        Source source(f.codec + 100);
        const std::size_t k = 3 * f.block_values, row_bytes = codec.row_bytes(k), rows = 13;
        const std::vector<std::byte> bytes = random_rows(source, codec, rows, k, Weights::plain);
        PanelBytes want = pack_rows(f, bytes, rows, k);
        std::vector<std::byte> apart(1 + rows * (row_bytes + 3));
        for (std::size_t r = 0; r < rows; ++r)
            std::memcpy(apart.data() + 1 + r * (row_bytes + 3), bytes.data() + r * row_bytes, row_bytes);
        PanelBytes got(want.size());
        f.pack(apart.data() + 1, row_bytes + 3, rows, k, got.data());
        CHECK(std::memcmp(got.data(), want.data(), want.size()) == 0);
    }
}

}  // namespace hearth::test
