// Open-addressing tables for the encoder's hot loops: built once when the vocabulary loads, read without allocation.
// Thread class: immutable after it is built, shareable.
#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>
#include <string_view>
#include <vector>

namespace hearth::text {

// Finaliser of MurmurHash3 (Appleby, public domain): every input bit reaches every output bit.
inline std::uint64_t mix64(std::uint64_t x) {
    x ^= x >> 33;
    x *= 0xff51afd7ed558ccdull;
    x ^= x >> 33;
    x *= 0xc4ceb9fe1a85ec53ull;
    x ^= x >> 33;
    return x;
}

inline std::uint64_t hash_bytes(std::string_view s) {
    std::uint64_t h = 0x9e3779b97f4a7c15ull ^ s.size();
    std::size_t i = 0;
    for (; i + 8 <= s.size(); i += 8) {
        std::uint64_t word;
        __builtin_memcpy(&word, s.data() + i, 8);
        h = mix64(h ^ word);
    }
    std::uint64_t tail = 0;
    for (std::size_t k = 0; i + k < s.size(); ++k)
        tail |= std::uint64_t(static_cast<unsigned char>(s[i + k])) << (8 * k);
    return mix64(h ^ tail);
}

// Value by 64-bit key; the key ~0 is never there. The first insertion of a key stays.
template <class Value>
class FlatMap {
public:
    static constexpr std::uint64_t none = ~std::uint64_t(0);

    explicit FlatMap(std::size_t expected = 0) { rehash(expected); }

    bool insert(std::uint64_t key, Value value) {
        if (3 * (count_ + 1) > 2 * slots_.size()) rehash(2 * (count_ + 1));
        Slot& slot = slots_[place(key)];
        if (slot.key == key) return false;
        slot = {key, value};
        ++count_;
        return true;
    }
    const Value* find(std::uint64_t key) const {
        const Slot& slot = slots_[place(key)];
        return slot.key == key && key != none ? &slot.value : nullptr;
    }
    std::size_t size() const { return count_; }

private:
    struct Slot {
        std::uint64_t key = none;
        Value value{};
    };
    std::size_t place(std::uint64_t key) const {
        std::size_t i = mix64(key) & mask_;
        while (slots_[i].key != key && slots_[i].key != none) i = (i + 1) & mask_;
        return i;
    }
    void rehash(std::size_t expected) {
        std::vector<Slot> old(std::bit_ceil(expected + expected / 2 + 2));  // at most two thirds full
        old.swap(slots_);
        mask_ = slots_.size() - 1;
        for (const Slot& slot : old)
            if (slot.key != none) slots_[place(slot.key)] = slot;
    }
    std::vector<Slot> slots_;
    std::size_t mask_ = 0;
    std::size_t count_ = 0;
};

}  // namespace hearth::text
