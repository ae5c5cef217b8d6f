// Puts GGUF files together byte by byte, so that any field can be wrong. (For right ones there is GgufWriter.)
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <initializer_list>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace hearth::test {

class GgufBuilder {
public:
    template <class T>
    GgufBuilder& put(T number) {
        const std::size_t at = bytes_.size();
        bytes_.resize(at + sizeof number);
        std::memcpy(bytes_.data() + at, &number, sizeof number);
        return *this;
    }
    GgufBuilder& raw(std::string_view text) {
        for (char c : text) put(c);
        return *this;
    }
    GgufBuilder& text(std::string_view s) { return put<std::uint64_t>(s.size()).raw(s); }
    GgufBuilder& header(std::uint32_t version, std::uint64_t tensors, std::uint64_t keys) {
        return raw("GGUF").put(version).put(tensors).put(keys);
    }
    // A key and its value type; the value is put after it.
    GgufBuilder& key(std::string_view name, std::uint32_t type) { return text(name).put(type); }
    GgufBuilder& key_u32(std::string_view name, std::uint32_t value) { return key(name, 4).put(value); }
    GgufBuilder& key_u16(std::string_view name, std::uint16_t value) { return key(name, 2).put(value); }
    GgufBuilder& key_text(std::string_view name, std::string_view value) { return key(name, 8).text(value); }
    GgufBuilder& key_array(std::string_view name, std::uint32_t type, std::uint64_t count) {
        return key(name, 9).put(type).put(count);
    }
    GgufBuilder& tensor(std::string_view name, std::initializer_list<std::uint64_t> shape, std::uint32_t type,
                        std::uint64_t offset) {
        text(name).put(static_cast<std::uint32_t>(shape.size()));
        for (std::uint64_t n : shape) put(n);
        return put(type).put(offset);
    }
    // Zeros up to a multiple of `alignment`, then `data` bytes counting upwards.
    GgufBuilder& data(std::size_t data, std::size_t alignment = 32) {
        bytes_.resize((bytes_.size() + alignment - 1) / alignment * alignment);
        for (std::size_t i = 0; i < data; ++i) put(static_cast<std::uint8_t>(i));
        return *this;
    }
    std::size_t size() const { return bytes_.size(); }
    const std::vector<std::byte>& bytes() const { return bytes_; }

private:
    std::vector<std::byte> bytes_;
};

}  // namespace hearth::test
