// Panels as packed files have them: the bytes of the kernels' packers, whatever the shape, the slices and the source.
#include "hearth/models/packing.hpp"

#include <cstring>

#include "hearth/layers/linear.hpp"
#include "layers/support.hpp"

namespace hearth::test {
namespace {

std::vector<std::byte> written(const Tensors& tensors, const TensorInfo& info, std::size_t workers) {
    const auto executor = executor_of(workers);
    const auto memory = std::make_shared<Memory>();
    LoadContext context{tensors, memory, *executor, Logger{}};
    std::vector<std::byte> out;
    const Status s = write_tensor(context, info, [&](std::span<const std::byte> bytes) {
        out.insert(out.end(), bytes.begin(), bytes.end());
        return Status();
    });
    REQUIRE_MESSAGE(s.ok(), s.message());
    CHECK(context.done_bytes == info.bytes);
    CHECK(memory->budget.used() == 0);
    return out;
}

// One panel after the other by the format's own packer.
std::vector<std::byte> panels_of(const PanelFormat& format, const TensorInfo& info,
                                 const std::vector<std::byte>& stored) {
    const std::size_t k = info.shape[0], rows = info.shape[1], row_bytes = find_codec(info.type)->row_bytes(k);
    std::vector<std::byte> out, panel(format.panel_bytes(k));
    for (std::size_t m = 0; m < info.shape[2] * info.shape[3]; ++m) {
        for (std::size_t r = 0; r < rows; r += kLanes) {
            format.pack(stored.data() + (m * rows + r) * row_bytes, row_bytes, std::min(kLanes, rows - r), k,
                        panel.data());
            out.insert(out.end(), panel.begin(), panel.end());
        }
    }
    return out;
}

}  // namespace

TEST_CASE("packing: every format, shape and source gives the packers' panels, in slices of any number") {
    for (const PanelFormat& format : panel_formats()) {
        const Codec& codec = *find_codec(format.codec);
        CAPTURE(codec.name);
        Draws draws(format.codec + 1);
        const std::size_t k = std::max<std::size_t>(256, format.block_values);
        for (const auto& shape : std::vector<std::vector<std::uint64_t>>{
                 {k, 2}, {k, 16}, {k, 33}, {3 * k, 70}, {k, 32, 3}, {k, 64, 2, 2}, {16 * k, 2600}}) {
            // Many slices, which hold blocks of any type in the same way.
            if (shape.back() == 2600 && format.codec != codec_id::Q4_K && format.codec != codec_id::F16) continue;
            Tensors tensors;
            std::size_t values = 1;
            for (const std::uint64_t n : shape) values *= n;
            auto stored = random_blocks(draws, codec, values, 1);
            const TensorInfo* info = tensors.add("w", format.codec, shape, stored);
            const auto expected = panels_of(format, *info, stored);
            CHECK(bytes_when_packed(*info) == expected.size());
            for (const bool mapped : {true, false}) {
                tensors.mapped = mapped;
                CHECK(written(tensors, *info, mapped ? 1 : 3) == expected);
            }
        }
    }
}

TEST_CASE("packing: vectors, types without panels and stacks that do not fill theirs stay as they are") {
    Draws draws(3);
    Tensors tensors;
    auto vector = random_blocks(draws, *find_codec("F32"), 300, 1),
         other = random_blocks(draws, *find_codec("NVFP4"), 640, 1);
    const TensorInfo* v = tensors.add("v", codec_id::F32, {300}, vector);
    const TensorInfo* w = tensors.add("w", codec_id::NVFP4, {64, 10}, other);
    REQUIRE(find_panel_format(codec_id::NVFP4) == nullptr);
    auto halves = random_blocks(draws, *find_codec("Q8_0"), 64 * 48 * 2, 1);
    const TensorInfo* h = tensors.add("h", codec_id::Q8_0, {64, 48, 2}, halves);
    for (const bool mapped : {true, false}) {
        tensors.mapped = mapped;
        CHECK(bytes_when_packed(*v) == 0);
        CHECK(bytes_when_packed(*h) == 0);
        CHECK(written(tensors, *h, 2) == halves);
        CHECK(bytes_when_packed(*w) == 0);
        CHECK(written(tensors, *v, 1) == vector);
        CHECK(written(tensors, *w, 2) == other);
    }
    CHECK(pack_layouts(tensors.tensors()).empty());
}

TEST_CASE("packing: sinks and sources that fail end the writing with their sentence") {
    Draws draws(4);
    Tensors tensors;
    const TensorInfo* info =
        tensors.add("w", codec_id::Q8_0, {256, 40}, random_blocks(draws, *find_codec("Q8_0"), 256 * 40, 1));
    const auto executor = executor_of(2);
    LoadContext context{tensors, std::make_shared<Memory>(), *executor, Logger{}};
    CHECK(write_tensor(context, *info, [](auto) { return Status(Code::io, "disk full"); }).message() == "disk full");
    tensors.mapped = false;
    tensors.fail_from = 0;
    CHECK(write_tensor(context, *info, [](auto) { return Status(); }).code() == Code::io);
}

TEST_CASE("packing: sizes that no file can have are no sizes") {
    TensorInfo info;
    info.type = codec_id::Q4_K;
    info.dims = 4;
    const auto bytes = packed_types().bytes;
    const std::uint64_t huge = std::uint64_t{1} << 62;
    for (const std::array<std::uint64_t, 4>& shape : std::vector<std::array<std::uint64_t, 4>>{{huge, 1, 1, 1},
                                                                                               {256, huge >> 7, 1, 1},
                                                                                               {256, 1, huge >> 8, 1},
                                                                                               {256, 17, huge >> 12, 1},
                                                                                               {256, 1, 1, huge >> 8},
                                                                                               {128, 16, 1, 1}}) {
        info.shape = shape;
        CHECK(bytes(info) == 0);
    }
    info.shape = {256, 1, 1, 1};
    CHECK(bytes(info) == find_panel_format(codec_id::Q4_K)->panel_bytes(256));
    info.type = codec_id::NVFP4;
    CHECK(bytes(info) == 0);
}

TEST_CASE("packing: a packed tensor loads to the same rows in place, copied and read; as a vector too") {
    for (const PanelFormat& format : panel_formats()) {
        const Codec& codec = *find_codec(format.codec);
        CAPTURE(codec.name);
        Draws draws(format.codec + 77);
        const std::size_t k = std::max<std::size_t>(256, format.block_values), rows = 37;
        const auto stored = random_blocks(draws, codec, rows * k, 1);
        const auto values = decoded(codec, stored);
        TensorInfo plain;
        plain.type = format.codec;
        plain.shape = {k, rows, 1, 1};
        const auto panels = panels_of(format, plain, stored);
        for (const int way : {0, 1, 2}) {
            Tensors tensors;
            const TensorInfo* info = tensors.add_packed("w", format.codec, {k, rows}, panels);
            tensors.mapped = way != 2;
            tensors.maps_itself = true;
            const auto executor = executor_of(2);
            const auto memory = std::make_shared<Memory>();
            LoadContext context{tensors, memory, *executor, Logger{}};
            context.source_stays = way == 0;
            auto linear = Linear::load(context, info);
            REQUIRE(linear.ok());
            const bool in_place = context.in_place(*info);
            CHECK(in_place == (way == 0));
            CHECK(memory->budget.used() == (in_place ? 0 : Linear::memory_bytes(info)));
            std::vector<float> row(k);
            for (std::size_t r = 0; r < rows; ++r) {
                linear->row(r, row.data());
                CHECK(std::memcmp(row.data(), values.data() + r * k, k * sizeof(float)) == 0);
            }
            auto floats = read_floats(tensors, *info);
            REQUIRE(floats.ok());
            CHECK(std::memcmp(floats->data(), values.data(), values.size() * sizeof(float)) == 0);
        }
        // As two matrices of which each has its own last panel.
        plain.shape = {k, 18, 2, 1};
        Tensors tensors;
        const TensorInfo* info = tensors.add_packed("w", format.codec, {k, 18, 2}, panels_of(format, plain, stored));
        auto floats = read_floats(tensors, *info);
        REQUIRE(floats.ok());
        CHECK(std::memcmp(floats->data(), values.data(), 36 * k * sizeof(float)) == 0);
    }
}

}  // namespace hearth::test
