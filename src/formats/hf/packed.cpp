// The layouts in which quantizers store weights. Sources: AutoGPTQ's and AutoAWQ's tensors as documented in transformers
// (quantization/gptq, quantization/awq), the compressed-tensors formats pack-quantized, int-quantized and float-quantized,
// DeepSeek-V3's block-scaled FP8, the OCP Microscaling specification for MXFP4, and DeepSeek-V4's of both, whose scales are
// E8M0 under the name "scale".
#include <algorithm>
#include <bit>
#include <cstring>

#include "formats/hf/integers.hpp"
#include "formats/quote.hpp"
#include "hearth/base/cat.hpp"
#include "hearth/base/half.hpp"
#include "hearth/codecs/codec_id.hpp"

namespace hearth::formats {

namespace {

template <class... Parts>
Status wrong(const HfModule& module, const Parts&... parts) {
    return {Code::malformed, cat("tensor ", quote(module.name), ": ", parts...)};
}

// Powers of two from 2^-127 on, and one that is no number.
float e8m0(std::uint8_t exponent) {
    if (exponent == 0) return std::bit_cast<float>(0x00400000U);
    return std::bit_cast<float>(exponent == 255 ? 0x7fc00000U : std::uint32_t{exponent} << 23);
}

// A stored matrix, mapped.
struct Stored {
    const StoredTensor* tensor = nullptr;
    const ByteSource* file = nullptr;
    const std::byte* data = nullptr;

    template <class T>
    T at(std::uint64_t i) const {
        T value;
        std::memcpy(&value, data + i * sizeof value, sizeof value);
        return value;
    }
    float real(std::uint64_t i) const {
        switch (tensor->type) {
            case SafeType::f16:
                return f16_to_f32(at<f16>(i));
            case SafeType::bf16:
                return bf16_to_f32(at<bf16>(i));
            case SafeType::f8_e8m0:
                return e8m0(at<std::uint8_t>(i));
            default:
                return at<float>(i);
        }
    }
    // Number i of `bits` bits from the lowest on, in rows of 32-bit words.
    std::uint32_t packed(std::uint64_t row, std::uint64_t words, std::uint64_t i, std::uint32_t bits) const {
        const std::uint32_t each = 32 / bits;
        return at<std::uint32_t>(row * words + i / each) >> (i % each * bits) & ((std::uint64_t{1} << bits) - 1);
    }
    void release() const { file->release(tensor->offset, tensor->bytes); }
};

class Reader {
public:
    Reader(const Safetensors& files, const HfModule& module) : files_(files), module_(module) {}

    // Of one of the types and of that shape, which must be there.
    Result<Stored> need(std::string_view parameter, std::initializer_list<SafeType> types, const std::vector<std::uint64_t>& shape) const {
        const StoredTensor* t = module_.find(parameter);
        if (t == nullptr) return wrong(module_, parameter, " is missing");
        if (std::ranges::find(types, t->type) == types.end()) return wrong(module_, parameter, " is of type ", name_of(t->type), ", which is not supported there");
        if (!shape.empty() && t->shape != shape) {
            StoredTensor expected;
            expected.shape = shape;
            return wrong(module_, parameter, " has the shape ", shape_text(*t), ", expected ", shape_text(expected));
        }
        return stored(*t);
    }
    Result<Stored> stored(const StoredTensor& t) const {
        Stored s;
        s.tensor = &t;
        s.file = &files_.part(t);
        s.data = s.file->view(t.offset, t.bytes).data();
        if (s.data == nullptr || t.bytes == 0)
            return Status(Code::unsupported, cat("tensor ", quote(t.name), ": is empty or in a file that cannot be mapped, which packed weights need"));
        return s;
    }
    // A matrix of that parameter, with both dimensions at least 1.
    Result<Stored> matrix(std::string_view parameter, std::initializer_list<SafeType> types) const {
        HEARTH_ASSIGN(const Stored s, need(parameter, types, {}));
        if (s.tensor->shape.size() != 2) return wrong(module_, parameter, " has the shape ", shape_text(*s.tensor), ", expected two dimensions");
        return s;
    }

    // Numbers of groups by column, left empty where they are in order.
    Status group_order(std::string_view parameter, Integers& m) const {
        if (module_.find(parameter) == nullptr) return {};
        HEARTH_ASSIGN(const Stored order, need(parameter, {SafeType::i32}, {m.columns}));
        const std::uint64_t size = (m.columns + m.groups - 1) / m.groups;
        bool ordered = true;
        std::vector<std::int32_t> groups;
        for (std::uint64_t i = 0; i < m.columns; ++i) {
            groups.push_back(order.at<std::int32_t>(i));
            if (groups.back() < 0 || static_cast<std::uint64_t>(groups.back()) >= m.groups)
                return wrong(module_, parameter, " has ", groups.back(), " at entry ", i, ", expected 0 to ", m.groups - 1);
            ordered = ordered && static_cast<std::uint64_t>(groups.back()) == i / size;
        }
        if (!ordered) m.group_of = std::move(groups);
        return {};
    }

private:
    const Safetensors& files_;
    const HfModule& module_;
};

constexpr std::initializer_list<SafeType> kReals = {SafeType::f16, SafeType::bf16, SafeType::f32};
constexpr std::initializer_list<SafeType> kScales = {SafeType::f16, SafeType::bf16, SafeType::f32, SafeType::f8_e8m0};
constexpr std::initializer_list<SafeType> kWords = {SafeType::i32, SafeType::u32};

// ---- GPTQ and AWQ: qweight, qzeros, scales [groups, rows], perhaps g_idx ----

class Qweight final : public Integers {
public:
    Stored weight, zeros, scales;
    std::uint32_t bits = 4;
    bool awq = false;
    std::int32_t zero_offset = 0;

    void codes(std::uint64_t row, std::int32_t* out) const override {
        const std::uint64_t size = (columns + groups - 1) / groups;
        for (std::uint64_t i = 0; i < columns; ++i) {
            const std::uint64_t g = group_of.empty() ? i / size : static_cast<std::uint64_t>(group_of[i]);
            // GPTQ packs along the columns, AWQ along the rows, eight of which take turns.
            const std::uint32_t q = awq ? weight.packed(i, rows / 8, turned(row), 4)
                                        : static_cast<std::uint32_t>(weight.at<std::uint32_t>(i / (32 / bits) * rows + row) >> (i % (32 / bits) * bits) & mask());
            out[i] = static_cast<std::int32_t>(q) - zero(g, row);
        }
    }
    std::int32_t zero(std::uint64_t group, std::uint64_t row) const {
        return static_cast<std::int32_t>(zeros.packed(group, rows * bits / 32, awq ? turned(row) : row, bits)) + zero_offset;
    }
    float scale(std::uint64_t row, std::uint64_t group) const override { return scales.real(group * rows + row); }
    void release() const override { weight.release(); }

private:
    std::uint32_t mask() const { return static_cast<std::uint32_t>((std::uint64_t{1} << bits) - 1); }
    static std::uint64_t turned(std::uint64_t row) {
        constexpr std::uint64_t place[8] = {0, 4, 1, 5, 2, 6, 3, 7};
        return row / 8 * 8 + place[row % 8];
    }
};

Result<HfMatrix> qweight_matrix(const Reader& in, const HfModule& module, const HfPacking& packing) {
    if (packing.bits != 2 && packing.bits != 4 && packing.bits != 8)
        return Status(Code::unsupported, cat("tensor ", quote(module.name), ": is packed in ", packing.bits, " bits, supported are 2, 4 and 8"));
    if (packing.awq && packing.bits != 4)
        return Status(Code::unsupported, cat("tensor ", quote(module.name), ": is packed in ", packing.bits, " bits of AWQ, supported are 4"));
    auto m = std::make_unique<Qweight>();
    m->bits = static_cast<std::uint32_t>(packing.bits);
    m->awq = packing.awq;
    m->zero_offset = packing.awq || packing.zeros_plain ? 0 : 1;
    const std::uint64_t each = 32 / packing.bits;
    HEARTH_ASSIGN(m->weight, in.matrix("qweight", kWords));
    const auto& shape = m->weight.tensor->shape;
    m->rows = packing.awq ? shape[1] * each : shape[1];
    m->columns = packing.awq ? shape[0] : shape[0] * each;
    HEARTH_ASSIGN(m->scales, in.matrix("scales", kReals));
    m->groups = m->scales.tensor->shape[0];
    if (m->rows % each != 0 || m->groups > m->columns) return wrong(module, "qweight has the shape ", shape_text(*m->weight.tensor), ", which does not fit scales of ", shape_text(*m->scales.tensor));
    HEARTH_ASSIGN(m->scales, in.need("scales", kReals, {m->groups, m->rows}));
    HEARTH_ASSIGN(m->zeros, in.need("qzeros", kWords, {m->groups, m->rows / each}));
    HEARTH_TRY(in.group_order("g_idx", *m));
    std::int32_t low = INT32_MAX, high = INT32_MIN;
    for (std::uint64_t g = 0; g < m->groups; ++g)
        for (std::uint64_t r = 0; r < m->rows; ++r) {
            low = std::min(low, m->zero(g, r));
            high = std::max(high, m->zero(g, r));
        }
    m->least = -high;
    m->most = static_cast<int>((1U << packing.bits) - 1) - low;
    HfMatrix out{nullptr, {m->rows, m->columns}};
    out.rows = integer_rows(std::move(m));
    return out;
}

// ---- compressed-tensors: weight_packed or an int8 weight, weight_scale [rows, groups], perhaps zero points ----

class Compressed final : public Integers {
public:
    Stored weight, scales, zeros;  // zeros may be absent
    std::uint32_t bits = 0;        // 0: bytes
    std::uint64_t scale_rows = 0;  // 1: the same for all rows

    void codes(std::uint64_t row, std::int32_t* out) const override {
        const std::uint64_t size = (columns + groups - 1) / groups;
        const std::int32_t half = bits != 0 ? 1 << (bits - 1) : 0;
        for (std::uint64_t i = 0; i < columns; ++i) {
            const std::int32_t q = bits != 0 ? static_cast<std::int32_t>(weight.packed(row, weight.tensor->shape[1], i, bits)) - half
                                             : weight.at<std::int8_t>(row * columns + i);
            out[i] = q - (zeros.data == nullptr ? 0 : zero(row, group_of.empty() ? i / size : static_cast<std::uint64_t>(group_of[i])));
        }
    }
    // Packed zero points stand along the rows.
    std::int32_t zero(std::uint64_t row, std::uint64_t group) const {
        const std::uint64_t at = scale_rows == 1 ? 0 : row;
        if (bits == 0) return zeros.at<std::int8_t>(at * groups + group);
        const std::uint32_t each = 32 / bits;
        const std::uint32_t word = zeros.at<std::uint32_t>(at / each * groups + group);
        return static_cast<std::int32_t>(word >> (at % each * bits) & ((1U << bits) - 1)) - (1 << (bits - 1));
    }
    float scale(std::uint64_t row, std::uint64_t group) const override { return scales.real((scale_rows == 1 ? 0 : row) * groups + group); }
    void release() const override { weight.release(); }
};

Result<HfMatrix> compressed_matrix(const Reader& in, const HfModule& module) {
    auto m = std::make_unique<Compressed>();
    const bool packed = module.find("weight_packed") != nullptr;
    if (packed) {
        HEARTH_ASSIGN(m->weight, in.matrix("weight_packed", kWords));
        HEARTH_ASSIGN(const Stored shape, in.need("weight_shape", {SafeType::i64, SafeType::i32}, {2}));
        const bool wide = shape.tensor->type == SafeType::i64;
        const std::int64_t rows = wide ? shape.at<std::int64_t>(0) : shape.at<std::int32_t>(0),
                           columns = wide ? shape.at<std::int64_t>(1) : shape.at<std::int32_t>(1);
        const std::uint64_t words = m->weight.tensor->shape[1];
        m->rows = m->weight.tensor->shape[0];
        m->columns = static_cast<std::uint64_t>(columns);
        for (const std::uint32_t bits : {4U, 8U})
            if (columns > 0 && (m->columns + 32 / bits - 1) / (32 / bits) == words) m->bits = bits;
        if (rows < 0 || static_cast<std::uint64_t>(rows) != m->rows || m->bits == 0)
            return Status(Code::unsupported, cat("tensor ", quote(module.name), ": weight_packed of ", shape_text(*m->weight.tensor), " is not a matrix of ", rows, " by ",
                                                 columns, " in 4 or 8 bits"));
    } else {
        HEARTH_ASSIGN(m->weight, in.matrix("weight", {SafeType::i8}));
        m->rows = m->weight.tensor->shape[0];
        m->columns = m->weight.tensor->shape[1];
    }
    const StoredTensor* scale = module.find("weight_scale");
    if (scale == nullptr) return wrong(module, "weight_scale is missing");
    m->groups = scale->shape.size() == 2 ? scale->shape[1] : 1;
    m->scale_rows = scale->shape.empty() ? 1 : scale->shape[0];
    if (m->groups == 0 || m->groups > m->columns || m->columns % m->groups != 0 || (m->scale_rows != m->rows && m->scale_rows * m->groups != 1))
        return wrong(module, "weight_scale has the shape ", shape_text(*scale), ", which does not fit ", m->rows, " rows of ", m->columns);
    HEARTH_ASSIGN(m->scales, in.need("weight_scale", kReals, scale->shape));
    HEARTH_TRY(in.group_order("weight_g_idx", *m));
    const int half = 1 << ((m->bits == 0 ? 8 : m->bits) - 1);
    m->least = -half;
    m->most = half - 1;
    if (module.find("weight_zero_point") != nullptr) {
        if (packed) {
            const std::uint64_t each = 32 / m->bits;
            HEARTH_ASSIGN(m->zeros, in.need("weight_zero_point", kWords, {(m->scale_rows + each - 1) / each, m->groups}));
        } else {
            HEARTH_ASSIGN(m->zeros, in.need("weight_zero_point", {SafeType::i8}, scale->shape));
        }
        std::int32_t low = INT32_MAX, high = INT32_MIN;
        for (std::uint64_t r = 0; r < m->scale_rows; ++r)
            for (std::uint64_t g = 0; g < m->groups; ++g) {
                low = std::min(low, m->zero(r, g));
                high = std::max(high, m->zero(r, g));
            }
        m->least -= high;
        m->most -= low;
    }
    HfMatrix out{nullptr, {m->rows, m->columns}};
    out.rows = integer_rows(std::move(m));
    return out;
}

// ---- FP8 (E4M3: 4 bits of exponent with bias 7, 3 of mantissa, no infinity) with scales for blocks, rows or all ----

float e4m3(std::uint8_t bits) {
    const std::uint32_t sign = std::uint32_t{bits} >> 7 << 31, exponent = bits >> 3 & 15, mantissa = bits & 7;
    if (exponent == 15 && mantissa == 7) return std::bit_cast<float>(sign | 0x7fc00000U);
    const float size = exponent == 0 ? static_cast<float>(mantissa) / 512
                                     : std::bit_cast<float>((exponent + 120) << 23 | mantissa << 20);
    return sign != 0 ? -size : size;
}

// A power of two that leaves every E4M3 number within BF16's normal ones.
bool plain_power(float scale) {
    const std::uint32_t bits = std::bit_cast<std::uint32_t>(scale);
    return (bits & 0x807fffffU) == 0 && bits >= (20U << 23) && bits <= (240U << 23);
}

struct Fp8Parts {
    Stored weight, scales;
    std::uint64_t rows, columns, block_rows, block_columns, scale_columns;
    float scale(std::uint64_t r, std::uint64_t c) const { return scales.real(r / block_rows * scale_columns + c / block_columns); }
};

class Fp8 final : public Rows {
public:
    Fp8(const Fp8Parts& parts, std::uint32_t type) : Rows(type, parts.rows, parts.columns), p_(parts) {}
    Status read(std::uint64_t first, std::uint64_t count, std::byte* out) const override {
        for (std::uint64_t r = first; r < first + count; ++r)
            for (std::uint64_t c = 0; c < p_.columns; ++c) {
                const float value = e4m3(p_.weight.at<std::uint8_t>(r * p_.columns + c)) * p_.scale(r, c);
                if (type() == codec_id::BF16) {
                    const bf16 half = f32_to_bf16(value);
                    std::memcpy(out, &half, sizeof half);
                    out += sizeof half;
                } else {
                    std::memcpy(out, &value, sizeof value);
                    out += sizeof value;
                }
            }
        return {};
    }
    void release(std::uint64_t first, std::uint64_t count) const override {
        p_.weight.file->release(p_.weight.tensor->offset + first * p_.columns, count * p_.columns);
    }

private:
    Fp8Parts p_;
};

Result<HfMatrix> fp8_matrix(const Reader& in, const HfModule& module, const HfPacking& packing) {
    Fp8Parts p{};
    HEARTH_ASSIGN(p.weight, in.matrix("weight", {SafeType::f8_e4m3}));
    p.rows = p.weight.tensor->shape[0];
    p.columns = p.weight.tensor->shape[1];
    const std::string_view name = module.find("weight_scale_inv") != nullptr ? "weight_scale_inv"
                                  : module.find("weight_scale") != nullptr   ? "weight_scale"
                                                                             : "scale";
    const StoredTensor* scale = module.find(name);
    if (scale == nullptr) return wrong(module, "weight is FP8 without weight_scale, weight_scale_inv or scale");
    HEARTH_ASSIGN(p.scales, in.need(name, kScales, scale->shape));
    const auto& s = scale->shape;
    const std::uint64_t scale_rows = s.empty() ? 1 : s[0];
    p.scale_columns = s.size() == 2 ? s[1] : 1;
    const auto blocks = [](std::uint64_t n, std::uint64_t size) { return (n + size - 1) / size; };
    if (scale_rows * p.scale_columns == 1) {
        p.block_rows = p.rows;
        p.block_columns = p.columns;
    } else if (scale_rows == p.rows && p.scale_columns == 1) {
        p.block_rows = 1;
        p.block_columns = p.columns;
    } else {
        p.block_rows = packing.block_rows;
        p.block_columns = packing.block_columns;
    }
    if (s.size() > 2 || p.block_rows == 0 || p.block_columns == 0 || scale_rows != blocks(p.rows, p.block_rows) || p.scale_columns != blocks(p.columns, p.block_columns))
        return wrong(module, name, " has the shape ", shape_text(*scale), ", which does not fit a weight of ", shape_text(*p.weight.tensor), " in blocks of ",
                     packing.block_rows, " by ", packing.block_columns);
    bool powers = true;
    for (std::uint64_t i = 0; i < scale_rows * p.scale_columns; ++i) powers = powers && plain_power(p.scales.real(i));
    return HfMatrix{std::make_unique<Fp8>(p, powers ? codec_id::BF16 : codec_id::F32), {p.rows, p.columns}};
}

// ---- MXFP4: blocks [.., rows, columns / 32, 16] of nibbles in order, scales [.., rows, columns / 32] of E8M0 ----

class Mxfp4 final : public Rows {
public:
    Mxfp4(Stored blocks, Stored scales, std::uint64_t rows, std::uint64_t groups)
        : Rows(codec_id::MXFP4, rows, groups * 32), blocks_(blocks), scales_(scales), groups_(groups) {}
    // GGUF's blocks: the scale, then columns j and j + 16 in one byte.
    Status read(std::uint64_t first, std::uint64_t count, std::byte* out) const override {
        for (std::uint64_t b = first * groups_; b < (first + count) * groups_; ++b) {
            *out++ = scales_.data[b];
            const std::byte* in = blocks_.data + b * 16;
            for (std::size_t j = 0; j < 16; ++j) {
                const auto nibble = [&](std::size_t i) { return std::to_integer<unsigned>(in[i / 2]) >> (i % 2 * 4) & 15; };
                *out++ = static_cast<std::byte>(nibble(j) | nibble(j + 16) << 4);
            }
        }
        return {};
    }
    void release(std::uint64_t first, std::uint64_t count) const override {
        blocks_.file->release(blocks_.tensor->offset + first * groups_ * 16, count * groups_ * 16);
    }

private:
    Stored blocks_, scales_;
    std::uint64_t groups_;
};

Result<HfMatrix> mxfp4_matrix(const Reader& in, const HfModule& module) {
    HEARTH_ASSIGN(const Stored blocks, in.need("blocks", {SafeType::u8}, {}));
    auto shape = blocks.tensor->shape;
    if (shape.size() < 3 || shape.back() != 16) return wrong(module, "blocks have the shape ", shape_text(*blocks.tensor), ", expected [.., rows, columns / 32, 16]");
    shape.pop_back();
    HEARTH_ASSIGN(const Stored scales, in.need("scales", {SafeType::u8, SafeType::f8_e8m0}, shape));
    const std::uint64_t groups = shape.back();
    shape.back() *= 32;
    return HfMatrix{std::make_unique<Mxfp4>(blocks, scales, scales.tensor->elements() / groups, groups), shape};
}

// Nibbles in order as bytes [rows, columns / 2], scales [rows, columns / 32].
Result<HfMatrix> nibble_matrix(const Reader& in, const HfModule& module) {
    HEARTH_ASSIGN(const Stored weight, in.matrix("weight", {SafeType::i8}));
    const std::uint64_t rows = weight.tensor->shape[0], bytes = weight.tensor->shape[1];
    if (bytes == 0 || bytes % 16 != 0) return wrong(module, "weight of pairs has the shape ", shape_text(*weight.tensor), ", expected rows in multiples of 16 bytes");
    HEARTH_ASSIGN(const Stored scales, in.need("scale", {SafeType::f8_e8m0}, {rows, bytes / 16}));
    return HfMatrix{std::make_unique<Mxfp4>(weight, scales, rows, bytes / 16), {rows, 2 * bytes}};
}

}  // namespace

Result<HfMatrix> packed_matrix(const Safetensors& files, const HfModule& module, const HfPacking& packing) {
    const Reader in(files, module);
    if (module.find("qweight") != nullptr) return qweight_matrix(in, module, packing);
    if (module.find("weight_packed") != nullptr) return compressed_matrix(in, module);
    if (module.find("blocks") != nullptr) return mxfp4_matrix(in, module);
    const StoredTensor* weight = module.find("weight");
    if (weight == nullptr) return wrong(module, "has no weight");
    if (weight->type == SafeType::i8 && module.find("scale") != nullptr) return nibble_matrix(in, module);
    if (weight->type == SafeType::i8) return compressed_matrix(in, module);
    if (weight->type == SafeType::f8_e4m3) return fp8_matrix(in, module, packing);
    if (weight->shape.empty() || weight->bytes == 0)
        return wrong(module, "weight has the shape ", shape_text(*weight), ", expected dimensions with entries");
    HEARTH_ASSIGN(RowsPtr rows, plain_rows(files, *weight, weight->shape.back()));
    return HfMatrix{std::move(rows), weight->shape};
}

}  // namespace hearth::formats
