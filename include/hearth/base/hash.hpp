// Digests that tell contents apart and find damage: XXH3 of 128 bits (Y. Collet, xxHash 0.8). No seal: two contents of
// the same digest can be made on purpose, so what a digest vouches for is still checked like any other input.
// Thread class: one thread at a time for each Hasher.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

namespace hearth {

struct Hash128 {
    std::uint64_t low = 0, high = 0;
    friend bool operator==(const Hash128&, const Hash128&) = default;
};

class Hasher {
public:
    Hasher();
    void add(std::span<const std::byte> bytes);
    void add(std::uint64_t value);
    void add(std::string_view text);  // and its length
    void add(const Hash128& digest);
    Hash128 digest() const;  // of all that was added; more may follow

private:
    alignas(64) std::byte state_[576];
};

}  // namespace hearth
