// Matrices of small integers with a scale for each group of columns of a row, in the layouts of several quantizers.
#pragma once

#include "formats/hf/module.hpp"

namespace hearth::formats {

class Integers {
public:
    virtual ~Integers() = default;
    std::uint64_t rows = 0, columns = 0, groups = 0;
    int least = 0, most = 0;             // that codes() can give
    std::vector<std::int32_t> group_of;  // [columns]; empty: columns / groups each

    // q - zero of every column of a row.
    virtual void codes(std::uint64_t row, std::int32_t* out) const = 0;
    virtual float scale(std::uint64_t row, std::uint64_t group) const = 0;
    virtual void release() const {}
};

// The rows of the narrowest type that holds them exactly.
RowsPtr integer_rows(std::unique_ptr<Integers> integers);

}  // namespace hearth::formats
