#include "formats/hf/integers.hpp"

#include <cstring>

#include "hearth/base/half.hpp"
#include "hearth/codecs/codec_id.hpp"

namespace hearth::formats {

namespace {

constexpr std::size_t kBlock = 32;  // values of a block of Q4_0, Q5_0 and Q8_0

// Whether every scale is an F16 number, and every block of 32 columns is of one group.
bool fits_blocks(const Integers& m) {
    if (!m.group_of.empty() || m.columns % kBlock != 0 || m.columns / m.groups % kBlock != 0) return false;
    for (std::uint64_t r = 0; r < m.rows; ++r)
        for (std::uint64_t g = 0; g < m.groups; ++g) {
            const float s = m.scale(r, g);
            if (!(f16_to_f32(f32_to_f16(s)) == s)) return false;  // NaN does not either
        }
    return true;
}

std::uint32_t type_of(const Integers& m) {
    const bool blocks = fits_blocks(m);
    if (blocks && m.least >= -8 && m.most <= 7) return codec_id::Q4_0;
    if (blocks && m.least >= -16 && m.most <= 15) return codec_id::Q5_0;
    if (blocks && m.least >= -128 && m.most <= 127) return codec_id::Q8_0;
    return codec_id::F32;
}

class IntegerRows final : public Rows {
public:
    explicit IntegerRows(std::unique_ptr<Integers> m) : Rows(type_of(*m), m->rows, m->columns), m_(std::move(m)) {}

    Status read(std::uint64_t first, std::uint64_t count, std::byte* out) const override {
        std::vector<std::int32_t> codes(static_cast<std::size_t>(width()));
        for (std::uint64_t r = first; r < first + count; ++r, out += row_bytes()) {
            m_->codes(r, codes.data());
            if (type() == codec_id::F32)
                write_floats(r, codes.data(), out);
            else
                write_blocks(r, codes.data(), out);
        }
        return {};
    }
    void release(std::uint64_t first, std::uint64_t count) const override {
        if (first == 0 && count == this->count()) m_->release();
    }

private:
    void write_floats(std::uint64_t row, const std::int32_t* codes, std::byte* out) const {
        const std::uint64_t size = (m_->columns + m_->groups - 1) / m_->groups;
        for (std::uint64_t i = 0; i < m_->columns; ++i) {
            const std::uint64_t group = m_->group_of.empty() ? i / size : static_cast<std::uint64_t>(m_->group_of[i]);
            const float value = static_cast<float>(codes[i]) * m_->scale(row, group);
            std::memcpy(out + i * sizeof value, &value, sizeof value);
        }
    }

    // Blocks as in codecs/blocks.hpp: an F16 scale, the fifth bits of Q5_0, then nibbles of columns j and j + 16 in a byte.
    void write_blocks(std::uint64_t row, const std::int32_t* codes, std::byte* out) const {
        const std::uint64_t size = m_->columns / m_->groups;
        for (std::uint64_t begin = 0; begin < m_->columns; begin += kBlock, codes += kBlock) {
            const f16 d = f32_to_f16(m_->scale(row, begin / size));
            std::memcpy(out, &d, sizeof d);
            out += sizeof d;
            if (type() == codec_id::Q8_0) {
                for (std::size_t j = 0; j < kBlock; ++j) *out++ = static_cast<std::byte>(codes[j]);
                continue;
            }
            const int offset = type() == codec_id::Q5_0 ? 16 : 8;
            if (type() == codec_id::Q5_0) {
                std::uint32_t high = 0;
                for (std::size_t j = 0; j < kBlock; ++j) high |= static_cast<std::uint32_t>((codes[j] + offset) >> 4 & 1) << j;
                std::memcpy(out, &high, sizeof high);
                out += sizeof high;
            }
            for (std::size_t j = 0; j < kBlock / 2; ++j)
                *out++ = static_cast<std::byte>(((codes[j] + offset) & 15) | ((codes[j + 16] + offset) & 15) << 4);
        }
    }

    std::unique_ptr<Integers> m_;
};

}  // namespace

RowsPtr integer_rows(std::unique_ptr<Integers> integers) { return std::make_unique<IntegerRows>(std::move(integers)); }

}  // namespace hearth::formats
