// libFuzzer entry for the GGUF parser (clang++ -fsanitize=fuzzer,address); tests/formats runs it over mutated seeds
// in every build. Any bytes either open or give a Status, and say the same through both ways of reading.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <span>
#include <vector>

#include "hearth/formats/gguf.hpp"

namespace {

struct Bytes {
    const std::uint8_t* data;
    std::size_t size;
};

int read_bytes(std::uint64_t offset, void* dst, std::size_t bytes, void* user) {
    const auto& from = *static_cast<const Bytes*>(user);
    if (offset > from.size || bytes > from.size - offset) std::abort();  // the reader is never asked for more
    std::memcpy(dst, from.data + offset, bytes);
    return 0;
}

void require(bool condition) {
    if (!condition) std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    using namespace hearth;
    Bytes bytes{data, size};
    auto memory = open_memory(std::as_bytes(std::span(data, size)));
    auto reader = open_reader({read_bytes, size, &bytes});
    require(memory.ok() && reader.ok());
    const auto a = Gguf::open(*std::move(memory)), b = Gguf::open(*std::move(reader));
    require(a.ok() == b.ok() && a.status().code() == b.status().code());
    if (!a.ok()) {
        require(!a.status().message().empty());
        return 0;
    }
    require((*a)->metadata().values().size() == (*b)->metadata().values().size());
    require((*a)->tensors().size() == (*b)->tensors().size());
    for (const TensorInfo& info : (*a)->tensors()) {
        require((*a)->find(info.name) == &info);
        const auto view = (*a)->view(info);
        require(view.size() == info.bytes && info.bytes > 0);
        std::byte ends[2] = {view.front(), view.back()}, read[2];
        require((*b)->read(info, 0, std::span(read, 1)).ok());
        require((*b)->read(info, info.bytes - 1, std::span(read + 1, 1)).ok());
        require(std::memcmp(ends, read, 2) == 0);
        (*a)->release(info);
    }
    return 0;
}
