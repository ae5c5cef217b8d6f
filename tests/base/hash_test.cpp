#include "hearth/base/hash.hpp"

#include <vector>

#include "hearth/base/blob.hpp"
#include "support/golden.hpp"

namespace hearth::test {

TEST_CASE("hash: is XXH3 of 128 bits, of the bytes and not of how they are cut") {
    CHECK(Hasher().digest() == Hash128{0x6001c324468d497fU, 0x99aa06d3014798d8U});  // of nothing, by the specification
    std::vector<std::byte> bytes(100000);
    for (std::size_t i = 0; i < bytes.size(); ++i) bytes[i] = static_cast<std::byte>(i * i >> 3);
    Hasher whole, cut;
    whole.add(bytes);
    for (std::size_t at = 0, n = 1; at < bytes.size(); at += n, n = n * 3 % 1001)
        cut.add(std::span(bytes).subspan(at, std::min(n, bytes.size() - at)));
    CHECK(whole.digest() == cut.digest());
    bytes.back() ^= std::byte{1};
    Hasher other;
    other.add(bytes);
    CHECK(!(other.digest() == whole.digest()));
}

TEST_CASE("blob: what was written is read, with the same digest, and no further") {
    BlobCounter counter;
    std::vector<std::byte> room(20);
    BlobMemory blob(room);
    for (BlobWriter* to : {static_cast<BlobWriter*>(&counter), static_cast<BlobWriter*>(&blob)}) {
        REQUIRE(to->value(std::uint32_t{7}).ok());
        REQUIRE(to->value(-2.5).ok());
        REQUIRE(to->value(std::uint64_t{1} << 60).ok());
    }
    CHECK(counter.written() == 20);
    CHECK(blob.value(std::uint8_t{1}).code() == Code::internal);  // more than was counted
    const auto source = open_memory(room);
    BlobReader reader(**source);
    CHECK(*reader.value<std::uint32_t>("a") == 7);
    CHECK(*reader.value<double>("b") == -2.5);
    CHECK(reader.left() == 8);
    std::vector<std::byte> more(9);
    const Status cut = reader.bytes(more, "the end");
    CHECK(cut.code() == Code::malformed);
    CHECK(cut.message().find("the end") != std::string::npos);
    CHECK(*reader.value<std::uint64_t>("c") == std::uint64_t{1} << 60);
    CHECK(reader.left() == 0);
}

}  // namespace hearth::test
