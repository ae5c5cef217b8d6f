#include "formats/hf/rows.hpp"

#include <algorithm>
#include <cstring>

#include "formats/quote.hpp"
#include "hearth/base/cat.hpp"
#include "hearth/codecs/codec.hpp"
#include "hearth/codecs/codec_id.hpp"

namespace hearth::formats {

namespace {

class Plain final : public Rows {
public:
    Plain(const Safetensors& files, const StoredTensor& tensor, std::uint32_t type, std::uint64_t width)
        : Rows(type, tensor.elements() / width, width), file_(files.part(tensor)), tensor_(tensor) {}
    Status read(std::uint64_t first, std::uint64_t count, std::byte* out) const override {
        return file_.read(tensor_.offset + first * row_bytes(), {out, static_cast<std::size_t>(count * row_bytes())});
    }
    std::span<const std::byte> view() const override { return file_.view(tensor_.offset, tensor_.bytes); }
    void release(std::uint64_t first, std::uint64_t count) const override {
        file_.release(tensor_.offset + first * row_bytes(), count * row_bytes());
    }

private:
    const ByteSource& file_;
    const StoredTensor& tensor_;
};

// I64 as I32, which holds every one of them.
class Narrowed final : public Rows {
public:
    Narrowed(const Safetensors& files, const StoredTensor& tensor, std::uint64_t width)
        : Rows(codec_id::I32, tensor.elements() / width, width), file_(files.part(tensor)), tensor_(tensor) {}
    Status read(std::uint64_t first, std::uint64_t count, std::byte* out) const override {
        std::vector<std::int64_t> stored(static_cast<std::size_t>(width()));
        for (std::uint64_t r = first; r < first + count; ++r) {
            HEARTH_TRY(file_.read(tensor_.offset + r * width() * sizeof stored[0], std::as_writable_bytes(std::span(stored))));
            for (const std::int64_t wide : stored) {
                const auto id = static_cast<std::int32_t>(wide);
                std::memcpy(out, &id, sizeof id);
                out += sizeof id;
            }
        }
        return {};
    }
    // By name, the first that I32 does not hold.
    Status check() const {
        std::vector<std::int64_t> stored(static_cast<std::size_t>(width()));
        for (std::uint64_t r = 0; r < count(); ++r) {
            HEARTH_TRY(file_.read(tensor_.offset + r * width() * sizeof stored[0], std::as_writable_bytes(std::span(stored))));
            for (const std::int64_t wide : stored)
                if (wide < 0 || wide > INT32_MAX)
                    return {Code::malformed, cat("tensor ", quote(tensor_.name), " has ", wide, " in row ", r, ", expected 0 to ", INT32_MAX)};
        }
        return {};
    }
    void release(std::uint64_t first, std::uint64_t count) const override {
        file_.release(tensor_.offset + first * width() * sizeof(std::int64_t), count * width() * sizeof(std::int64_t));
    }

private:
    const ByteSource& file_;
    const StoredTensor& tensor_;
};

class Made final : public Rows {
public:
    explicit Made(std::vector<float> values) : Rows(codec_id::F32, 1, values.size()), values_(std::move(values)) {}
    Status read(std::uint64_t first, std::uint64_t count, std::byte* out) const override {
        std::memcpy(out, std::as_bytes(std::span(values_)).data() + first * row_bytes(), count * row_bytes());
        return {};
    }
    std::span<const std::byte> view() const override { return std::as_bytes(std::span(values_)); }

private:
    std::vector<float> values_;
};

class Interleaved final : public Rows {
public:
    Interleaved(RowsPtr rows, std::uint64_t heads)
        : Rows(rows->type(), rows->count(), rows->width()), rows_(std::move(rows)), half_(count() / heads / 2) {}
    Status read(std::uint64_t first, std::uint64_t count, std::byte* out) const override {
        for (std::uint64_t r = first; r < first + count; ++r, out += row_bytes()) {
            const std::uint64_t head = r / (2 * half_), within = r % (2 * half_);
            HEARTH_TRY(rows_->read(head * 2 * half_ + within % 2 * half_ + within / 2, 1, out));
        }
        return {};
    }
    // Rows of a head are read with others of it: only whole heads are done with.
    void release(std::uint64_t first, std::uint64_t count) const override {
        const std::uint64_t head = 2 * half_, begin = (first + head - 1) / head, end = (first + count) / head;
        if (begin < end) rows_->release(begin * head, (end - begin) * head);
    }

private:
    RowsPtr rows_;
    std::uint64_t half_;
};

class Floats final : public Rows {
public:
    Floats(RowsPtr rows, float added) : Rows(codec_id::F32, rows->count(), rows->width()), rows_(std::move(rows)), added_(added) {}
    Status read(std::uint64_t first, std::uint64_t count, std::byte* out) const override {
        const Codec& codec = *find_codec(rows_->type());
        std::vector<std::byte> stored(rows_->row_bytes());
        std::vector<float> values(static_cast<std::size_t>(width()));
        for (std::uint64_t r = first; r < first + count; ++r, out += row_bytes()) {
            HEARTH_TRY(rows_->read(r, 1, stored.data()));
            codec.decode(stored.data(), values.size() / codec.block_values, values.data());
            for (float& v : values) v += added_;
            std::memcpy(out, values.data(), row_bytes());
        }
        return {};
    }
    void release(std::uint64_t first, std::uint64_t count) const override { rows_->release(first, count); }

private:
    RowsPtr rows_;
    float added_;
};

class Alternate final : public Rows {
public:
    Alternate(std::shared_ptr<const Rows> rows, std::uint64_t first)
        : Rows(rows->type(), rows->count() / 2, rows->width()), rows_(std::move(rows)), first_(first) {}
    Status read(std::uint64_t first, std::uint64_t count, std::byte* out) const override {
        for (std::uint64_t r = first; r < first + count; ++r, out += row_bytes()) HEARTH_TRY(rows_->read(2 * r + first_, 1, out));
        return {};
    }
    // The other rows' pages go too; they come back when they are read.
    void release(std::uint64_t first, std::uint64_t count) const override { rows_->release(2 * first, 2 * count); }

private:
    std::shared_ptr<const Rows> rows_;
    std::uint64_t first_;
};

class First final : public Rows {
public:
    First(RowsPtr rows, std::uint64_t count) : Rows(rows->type(), count, rows->width()), rows_(std::move(rows)) {}
    Status read(std::uint64_t first, std::uint64_t count, std::byte* out) const override { return rows_->read(first, count, out); }
    std::span<const std::byte> view() const override {
        const auto all = rows_->view();
        return all.empty() ? all : all.first(static_cast<std::size_t>(bytes()));
    }
    void release(std::uint64_t first, std::uint64_t count) const override { rows_->release(first, count); }

private:
    RowsPtr rows_;
};

class Transposed final : public Rows {
public:
    Transposed(std::shared_ptr<const Rows> rows, std::uint64_t height, std::uint64_t first, std::uint64_t step)
        : Rows(rows->type(), rows->count() / height * (rows->width() / step), height), rows_(std::move(rows)), first_(first), step_(step) {}
    // A row of a matrix is read once for all the columns that are wanted of it.
    Status read(std::uint64_t first, std::uint64_t count, std::byte* out) const override {
        const std::uint64_t columns = rows_->width() / step_, height = width();
        const auto size = static_cast<std::size_t>(row_bytes() / height);
        const auto stored = rows_->view();
        std::vector<std::byte> line(stored.empty() ? rows_->row_bytes() : 0);
        while (count != 0) {
            const std::uint64_t matrix = first / columns, column = first % columns, taken = std::min(count, columns - column);
            for (std::uint64_t r = 0; r < height; ++r) {
                const std::byte* from = line.data();
                if (stored.empty())
                    HEARTH_TRY(rows_->read(matrix * height + r, 1, line.data()));
                else
                    from = stored.data() + (matrix * height + r) * rows_->row_bytes();
                for (std::uint64_t c = 0; c < taken; ++c)
                    std::memcpy(out + c * row_bytes() + r * size, from + ((column + c) * step_ + first_) * size, size);
            }
            first += taken;
            count -= taken;
            out += taken * row_bytes();
        }
        return {};
    }
    // Every row of a matrix is read for every column of it: only whole matrices are done with.
    void release(std::uint64_t first, std::uint64_t count) const override {
        const std::uint64_t columns = rows_->width() / step_, begin = (first + columns - 1) / columns, end = (first + count) / columns;
        if (begin < end) rows_->release(begin * width(), (end - begin) * width());
    }

private:
    std::shared_ptr<const Rows> rows_;
    std::uint64_t first_, step_;
};

class OrderedRows final : public Rows {
public:
    OrderedRows(std::shared_ptr<const Rows> rows, std::vector<std::uint64_t> order)
        : Rows(rows->type(), order.size(), rows->width()), rows_(std::move(rows)), order_(std::move(order)) {}
    Status read(std::uint64_t first, std::uint64_t count, std::byte* out) const override {
        for (std::uint64_t r = first; r < first + count; ++r, out += row_bytes())
            HEARTH_TRY(rows_->read(order_[static_cast<std::size_t>(r)], 1, out));
        return {};
    }
    void release(std::uint64_t first, std::uint64_t count) const override {
        for (std::uint64_t r = first; r < first + count; ++r) rows_->release(order_[static_cast<std::size_t>(r)], 1);
    }

private:
    std::shared_ptr<const Rows> rows_;
    std::vector<std::uint64_t> order_;
};

class OrderedColumns final : public Rows {
public:
    OrderedColumns(RowsPtr rows, std::uint64_t run, std::vector<std::uint64_t> order)
        : Rows(rows->type(), rows->count(), rows->width()),
          rows_(std::move(rows)),
          run_bytes_(static_cast<std::size_t>(row_bytes() / (width() / run))),
          order_(std::move(order)) {}
    Status read(std::uint64_t first, std::uint64_t count, std::byte* out) const override {
        std::vector<std::byte> stored(row_bytes());
        for (std::uint64_t r = first; r < first + count; ++r) {
            HEARTH_TRY(rows_->read(r, 1, stored.data()));
            for (const std::uint64_t from : order_) {
                std::memcpy(out, stored.data() + from * run_bytes_, run_bytes_);
                out += run_bytes_;
            }
        }
        return {};
    }
    void release(std::uint64_t first, std::uint64_t count) const override { rows_->release(first, count); }

private:
    RowsPtr rows_;
    std::size_t run_bytes_;
    std::vector<std::uint64_t> order_;
};

class Stacked final : public Rows {
public:
    explicit Stacked(std::vector<RowsPtr> parts)
        : Rows(parts.front()->type(), parts.front()->count() * parts.size(), parts.front()->width()),
          parts_(std::move(parts)) {}
    Status read(std::uint64_t first, std::uint64_t count, std::byte* out) const override {
        return each(first, count, [&](const Rows& part, std::uint64_t begin, std::uint64_t rows) {
            Status status = part.read(begin, rows, out);
            out += rows * row_bytes();
            return status;
        });
    }
    void release(std::uint64_t first, std::uint64_t count) const override {
        (void)each(first, count, [](const Rows& part, std::uint64_t begin, std::uint64_t rows) {
            part.release(begin, rows);
            return Status();
        });
    }

private:
    template <class Use>
    Status each(std::uint64_t first, std::uint64_t count, Use use) const {
        const std::uint64_t size = parts_.front()->count();
        while (count != 0) {
            const std::uint64_t begin = first % size, rows = std::min(count, size - begin);
            HEARTH_TRY(use(*parts_[static_cast<std::size_t>(first / size)], begin, rows));
            first += rows;
            count -= rows;
        }
        return {};
    }
    std::vector<RowsPtr> parts_;
};

}  // namespace

Rows::Rows(std::uint32_t type, std::uint64_t count, std::uint64_t width)
    : type_(type), count_(count), width_(width), row_bytes_(find_codec(type)->row_bytes(static_cast<std::size_t>(width))) {}

Result<RowsPtr> plain_rows(const Safetensors& files, const StoredTensor& tensor, std::uint64_t width) {
    std::uint32_t type = 0;
    switch (tensor.type) {
        case SafeType::f32:
            type = codec_id::F32;
            break;
        case SafeType::f16:
            type = codec_id::F16;
            break;
        case SafeType::bf16:
            type = codec_id::BF16;
            break;
        case SafeType::f64:
            type = codec_id::F64;
            break;
        default:
            return Status(Code::unsupported, cat("tensor ", quote(tensor.name), " is of type ", name_of(tensor.type),
                                                 ", expected floats there: F32, F16, BF16 or F64"));
    }
    return RowsPtr(std::make_unique<Plain>(files, tensor, type, width));
}

Result<RowsPtr> integer_id_rows(const Safetensors& files, const StoredTensor& tensor, std::uint64_t width) {
    if (tensor.type == SafeType::i32) return RowsPtr(std::make_unique<Plain>(files, tensor, codec_id::I32, width));
    if (tensor.type != SafeType::i64)
        return Status(Code::unsupported, cat("tensor ", quote(tensor.name), " is of type ", name_of(tensor.type), ", expected I32 or I64"));
    auto rows = std::make_unique<Narrowed>(files, tensor, width);
    HEARTH_TRY(rows->check());
    return RowsPtr(std::move(rows));
}

RowsPtr made_rows(std::vector<float> values) { return std::make_unique<Made>(std::move(values)); }

RowsPtr interleaved_rows(RowsPtr rows, std::uint64_t heads) {
    return std::make_unique<Interleaved>(std::move(rows), heads);
}

RowsPtr float_rows(RowsPtr rows, float added) { return std::make_unique<Floats>(std::move(rows), added); }

RowsPtr alternate_rows(std::shared_ptr<const Rows> rows, std::uint64_t first) {
    return std::make_unique<Alternate>(std::move(rows), first);
}

RowsPtr first_rows(RowsPtr rows, std::uint64_t count) { return std::make_unique<First>(std::move(rows), count); }

RowsPtr transposed_rows(std::shared_ptr<const Rows> rows, std::uint64_t height, std::uint64_t first, std::uint64_t step) {
    return std::make_unique<Transposed>(std::move(rows), height, first, step);
}

RowsPtr ordered_rows(std::shared_ptr<const Rows> rows, std::vector<std::uint64_t> order) {
    return std::make_unique<OrderedRows>(std::move(rows), std::move(order));
}

RowsPtr ordered_columns(RowsPtr rows, std::uint64_t run, std::vector<std::uint64_t> order) {
    return std::make_unique<OrderedColumns>(std::move(rows), run, std::move(order));
}

RowsPtr stacked_rows(std::vector<RowsPtr> parts) { return std::make_unique<Stacked>(std::move(parts)); }

Status read_bytes(const Rows& rows, std::uint64_t offset, std::span<std::byte> dst) {
    const std::uint64_t size = rows.row_bytes();
    std::vector<std::byte> partial;
    while (!dst.empty()) {
        const std::uint64_t row = offset / size, within = offset % size;
        std::size_t taken = 0;
        if (within == 0 && dst.size() >= size) {
            const std::uint64_t count = dst.size() / size;
            HEARTH_TRY(rows.read(row, count, dst.data()));
            taken = static_cast<std::size_t>(count * size);
        } else {
            partial.resize(static_cast<std::size_t>(size));
            HEARTH_TRY(rows.read(row, 1, partial.data()));
            taken = std::min(dst.size(), static_cast<std::size_t>(size - within));
            std::copy_n(partial.begin() + static_cast<std::ptrdiff_t>(within), taken, dst.begin());
        }
        dst = dst.subspan(taken);
        offset += taken;
    }
    return {};
}

void release_bytes(const Rows& rows, std::uint64_t offset, std::uint64_t bytes) {
    if (offset > rows.bytes() || bytes > rows.bytes() - offset) return;
    const std::uint64_t size = rows.row_bytes(), first = (offset + size - 1) / size, end = (offset + bytes) / size;
    if (first < end) rows.release(first, end - first);
}

}  // namespace hearth::formats
