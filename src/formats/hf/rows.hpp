// The tensors of a folder as the layers want them: rows of one storage type, made from stored tensors while they are
// read. Nothing is held in memory but what is asked for.
// Thread class: immutable, shareable.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "formats/safetensors.hpp"
#include "hearth/base/status.hpp"

namespace hearth::formats {

class Rows {
public:
    virtual ~Rows() = default;
    std::uint32_t type() const { return type_; }  // codec
    std::uint64_t count() const { return count_; }
    std::uint64_t width() const { return width_; }  // values of a row
    std::size_t row_bytes() const { return row_bytes_; }
    std::uint64_t bytes() const { return count_ * row_bytes_; }

    // out [count, row_bytes]; the range lies within the rows.
    virtual Status read(std::uint64_t first, std::uint64_t count, std::byte* out) const = 0;
    // All rows as they are stored, empty where they are made.
    virtual std::span<const std::byte> view() const { return {}; }
    virtual void release(std::uint64_t, std::uint64_t) const {}

protected:
    // `width` is a multiple of the codec's block.
    Rows(std::uint32_t type, std::uint64_t count, std::uint64_t width);

private:
    std::uint32_t type_;
    std::uint64_t count_, width_;
    std::size_t row_bytes_;
};
using RowsPtr = std::unique_ptr<Rows>;

// Bytes of rows from `offset` on, which lie within them; and that the caller is done with some.
Status read_bytes(const Rows& rows, std::uint64_t offset, std::span<std::byte> dst);
void release_bytes(const Rows& rows, std::uint64_t offset, std::uint64_t bytes);

// A tensor of floats as it is; `width` divides its elements.
Result<RowsPtr> plain_rows(const Safetensors& files, const StoredTensor& tensor, std::uint64_t width);
// A tensor of I32 or I64, each of which I32 holds, as I32.
Result<RowsPtr> integer_id_rows(const Safetensors& files, const StoredTensor& tensor, std::uint64_t width);
// Floats that are in no file.
RowsPtr made_rows(std::vector<float> values);
// Rotation by adjacent pairs, as GGUF's files have it, from rotation by halves: row 2i + h of a head is row
// h * (head rows / 2) + i of `rows`. `heads` divides the rows into even numbers.
RowsPtr interleaved_rows(RowsPtr rows, std::uint64_t heads);
// Decoded to F32, with `added` to each value.
RowsPtr float_rows(RowsPtr rows, float added);
// Every second row, from `first` on.
RowsPtr alternate_rows(std::shared_ptr<const Rows> rows, std::uint64_t first);
// The first `count` of them.
RowsPtr first_rows(RowsPtr rows, std::uint64_t count);
// Each of the matrices of `height` rows on its side: its columns as rows, every `step`th from `first` on. Of plain floats.
RowsPtr transposed_rows(std::shared_ptr<const Rows> rows, std::uint64_t height, std::uint64_t first = 0, std::uint64_t step = 1);
// Row i is row order[i]; each within the rows.
RowsPtr ordered_rows(std::shared_ptr<const Rows> rows, std::vector<std::uint64_t> order);
// Within each row, run i of `run` values is run order[i]; `run` is a multiple of the codec's block.
RowsPtr ordered_columns(RowsPtr rows, std::uint64_t run, std::vector<std::uint64_t> order);
// One after the other; all of one type, width and count.
RowsPtr stacked_rows(std::vector<RowsPtr> parts);

}  // namespace hearth::formats
