// Numbered strings in one block of memory, and the number of a string.
// Thread class: immutable after index(), shareable.
#pragma once

#include <bit>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "text/flat_map.hpp"

namespace hearth::text {

class StringTable {
public:
    void reserve(std::size_t strings, std::size_t bytes) {
        offsets_.reserve(strings + 1);
        bytes_.reserve(bytes);
    }
    void append(std::string_view s) {
        bytes_ += s;
        offsets_.push_back(bytes_.size());
    }
    std::size_t size() const { return offsets_.size() - 1; }
    std::string_view operator[](std::size_t i) const {
        return {bytes_.data() + offsets_[i], offsets_[i + 1] - offsets_[i]};
    }

    // Makes find work for the strings that wanted(i) admits; empty ones are never found, of equal ones the last is.
    template <class Wanted>
    void index(const Wanted& wanted) {
        slots_.assign(std::bit_ceil(2 * size() + 2), Slot{});
        for (std::size_t i = 0; i < size(); ++i) {
            if ((*this)[i].empty() || !wanted(i)) continue;
            const std::uint64_t hash = hash_bytes((*this)[i]);
            slots_[place((*this)[i], hash)] = {static_cast<std::uint32_t>(hash >> 32), static_cast<std::int32_t>(i)};
        }
    }
    // -1: none.
    std::int32_t find(std::string_view s) const { return slots_.empty() ? -1 : slots_[place(s, hash_bytes(s))].number; }

private:
    struct Slot {
        std::uint32_t tag = 0;
        std::int32_t number = -1;
    };
    std::size_t place(std::string_view s, std::uint64_t hash) const {
        const std::size_t mask = slots_.size() - 1;
        const auto tag = static_cast<std::uint32_t>(hash >> 32);
        std::size_t i = hash & mask;
        while (slots_[i].number >= 0 &&
               !(slots_[i].tag == tag && (*this)[static_cast<std::size_t>(slots_[i].number)] == s))
            i = (i + 1) & mask;
        return i;
    }

    std::string bytes_;
    std::vector<std::uint64_t> offsets_{0};
    std::vector<Slot> slots_;  // open addressing, a power of two
};

}  // namespace hearth::text
