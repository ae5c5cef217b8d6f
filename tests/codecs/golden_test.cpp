// Blocks of every storage type with their values, compared to the bit (tests/golden/codecs).
#include <bit>
#include <cstdint>
#include <set>
#include <string>
#include <vector>

#include <doctest/doctest.h>
#include <nlohmann/json.hpp>

#include "hearth/codecs/codec.hpp"
#include "hearth/codecs/codec_id.hpp"
#include "support/golden.hpp"

namespace hearth {
namespace {

// Types without golden blocks; hand_made_test.cpp covers them.
const std::set<std::uint32_t> kByHand = {codec_id::F32, codec_id::F64, codec_id::I8,   codec_id::I16,
                                         codec_id::I32, codec_id::I64, codec_id::Q1_0, codec_id::Q2_0};

std::size_t first_difference(const std::vector<float>& a, const std::vector<float>& b) {
    std::size_t i = 0;
    while (i < a.size() && std::bit_cast<std::uint32_t>(a[i]) == std::bit_cast<std::uint32_t>(b[i])) ++i;
    return i;
}

}  // namespace

TEST_CASE("codecs: golden blocks of every type decode to the bit") {
    for (const Codec& codec : codec_list()) {
        if (kByHand.count(codec.id) != 0) continue;
        const std::string name(codec.name);
        CAPTURE(name);
        const auto blocks = test::read_bytes(test::golden("codecs/" + name + ".blocks"));
        const auto expected = test::read_floats(test::golden("codecs/" + name + ".f32"));
        REQUIRE(!blocks.empty());
        REQUIRE(blocks.size() % codec.block_bytes == 0);
        const std::size_t count = blocks.size() / codec.block_bytes;
        REQUIRE(expected.size() == count * codec.block_values);
        std::vector<float> values(expected.size());
        codec.decode(blocks.data(), count, values.data());
        const std::size_t at = first_difference(values, expected);
        if (at != expected.size()) {
            FAIL_CHECK("value " << at << " of " << name << " is " << values[at] << ", expected " << expected[at]);
        }
    }
}

TEST_CASE("codecs: blocks decode alike at any address and one by one") {
    for (const Codec& codec : codec_list()) {
        if (kByHand.count(codec.id) != 0) continue;
        const std::string name(codec.name);
        CAPTURE(name);
        const auto blocks = test::read_bytes(test::golden("codecs/" + name + ".blocks"));
        const auto expected = test::read_floats(test::golden("codecs/" + name + ".f32"));
        std::vector<std::byte> moved(blocks.size() + 1);
        std::copy(blocks.begin(), blocks.end(), moved.begin() + 1);
        std::vector<float> values(expected.size());
        for (std::size_t i = 0; i < blocks.size() / codec.block_bytes; ++i) {
            codec.decode(moved.data() + 1 + i * codec.block_bytes, 1, values.data() + i * codec.block_values);
        }
        CHECK(first_difference(values, expected) == expected.size());
    }
}

TEST_CASE("codecs: ids and sizes are those of the index of golden blocks") {
    const auto index = nlohmann::json::parse(test::read_text(test::golden("codecs/index.json")));
    REQUIRE(index.size() > 20);
    for (const auto& item : index.items()) {
        const std::string name = item.key();
        const auto& entry = item.value();
        CAPTURE(name);
        const Codec* codec = find_codec(name);
        REQUIRE(codec != nullptr);
        CHECK(codec->id == entry.at("id").get<std::uint32_t>());
        CHECK(codec->block_values == entry.at("block_elements").get<std::uint32_t>());
        CHECK(codec->block_bytes == entry.at("block_bytes").get<std::uint32_t>());
    }
    for (const Codec& codec : codec_list()) {
        CAPTURE(codec.name);
        CHECK(index.contains(std::string(codec.name)) == (kByHand.count(codec.id) == 0));
    }
}

TEST_CASE("codecs: lookup finds each type by id and name, and nothing else") {
    std::set<std::uint32_t> ids;
    std::set<std::string_view> names;
    for (const Codec& codec : codec_list()) {
        CHECK(find_codec(codec.id) == &codec);
        CHECK(find_codec(codec.name) == &codec);
        CHECK(ids.insert(codec.id).second);
        CHECK(names.insert(codec.name).second);
        CHECK(codec.row_bytes(4 * codec.block_values) == 4 * codec.block_bytes);
    }
    // Removed numbers, activation types that no file stores, numbers that nobody gave out.
    for (std::uint32_t id : {4u, 5u, 9u, 15u, 31u, 32u, 33u, 36u, 37u, 38u, 43u, 0xffffffffu}) CHECK(!find_codec(id));
    for (const char* name : {"", "Q4", "q4_0", "Q4_0 ", "Q8_1"}) CHECK(!find_codec(std::string_view(name)));
    CHECK(find_codec(codec_id::Q4_K)->name == "Q4_K");
}

TEST_CASE("codecs: the types that hearth writes") {
    std::set<std::string_view> written;
    for (const Codec& codec : codec_list()) {
        if (codec.encode) written.insert(codec.name);
    }
    CHECK(written == std::set<std::string_view>{"F32", "F16", "BF16", "Q8_0", "Q4_0", "Q4_1", "Q5_0", "Q5_1", "Q4_K",
                                                "Q5_K", "Q6_K"});
}

}  // namespace hearth
