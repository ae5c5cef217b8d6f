// GEMM of every format: scalar against double, every instruction set against scalar to the bit.
#include "kernels/weights.hpp"
#include "support/emulation.hpp"

namespace hearth::test {
namespace {

// A second half scale stands behind the first.
bool has_min(std::uint32_t codec) {
    return codec == codec_id::Q4_1 || codec == codec_id::Q5_1 || codec == codec_id::Q4_K || codec == codec_id::Q5_K;
}

struct Shape {
    std::size_t rows, k, tokens;
};

// Weights and activations of one shape, with strides that no format asks for.
struct Case {
    Case(const PanelFormat& f, const Shape& s, Weights weights, Values values, std::uint32_t seed)
        : format(f),
          shape(s),
          source(seed),
          bytes(random_rows(source, *find_codec(f.codec), s.rows, s.k, weights)),
          panels(pack_rows(f, bytes, s.rows, s.k)),
          x_stride(activation_bytes(f.activation, s.k) + 4 * source.below(3)),
          x(random_activations(source, f.activation, s.tokens, s.k, x_stride, values)),
          y_stride(s.rows + source.below(20)),
          fetch_ahead(source.below(2) == 0) {}

    // All of y with the gaps between its rows; nothing else may be written.
    std::vector<float> run(const KernelTable& table) {
        Guarded<float> y(std::vector<float>(shape.tokens * y_stride, kGap));
        GemmArgs args{panels.data(), format.panel_bytes(shape.k),
                      shape.rows,    shape.k,
                      x.data(),      x_stride,
                      shape.tokens,  y.data(),
                      y_stride,      fetch_ahead};
        (table.*format.gemm)(args);
        CHECK(y.intact());
        std::vector<float> all = y.values();
        bool gaps = true;
        for (std::size_t t = 0; t < shape.tokens; ++t)
            for (std::size_t r = shape.rows; r < y_stride; ++r) gaps = gaps && all[t * y_stride + r] == kGap;
        CHECK(gaps);
        return all;
    }

    static constexpr float kGap = 12345.678f;
    const PanelFormat& format;
    Shape shape;
    Source source;
    std::vector<std::byte> bytes;
    PanelBytes panels;
    std::size_t x_stride;
    std::vector<std::byte> x;
    std::size_t y_stride;
    bool fetch_ahead;
};

// Those of ops.inc that are GEMMs.
struct Gemm {
    GemmFn KernelTable::*gemm;
    std::string_view op;
};
template <class Fn>
Gemm gemm_of(Fn KernelTable::*, std::string_view) {
    return {nullptr, {}};
}
Gemm gemm_of(GemmFn KernelTable::*gemm, std::string_view op) { return {gemm, op}; }

// Block counts; float formats reach over the pieces into which k may be cut.
std::size_t some_k(const PanelFormat& f, Source& source) {
    static const std::size_t blocks[] = {1, 2, 3, 4, 5, 7, 8};
    static const std::size_t values[] = {1, 2, 3, 5, 8, 15, 16, 17, 64, 100, 511, 1023, 1024, 1025, 2050};
    return f.block_values == 1 ? values[source.below(std::size(values))]
                               : f.block_values * blocks[source.below(std::size(blocks))];
}

// All row counts to 70 and all token counts to 40, the other sizes drawn.
std::vector<Shape> shapes(const PanelFormat& f) {
    Source source(f.codec + 7);
    std::vector<Shape> list;
    for (std::size_t rows = 1; rows <= 70; ++rows) list.push_back({rows, some_k(f, source), 1 + source.below(12)});
    for (std::size_t tokens = 1; tokens <= 40; ++tokens)
        list.push_back({1 + source.below(40), some_k(f, source), tokens});
    // A lone token meets runs of panels side by side.
    for (const std::size_t rows : {32u, 47u, 48u, 100u, 131u})
        for (int i = 0; i < 2; ++i) list.push_back({rows, some_k(f, source), 1});
    // Weights that are unpacked a part of k after the other, for several tiles of tokens.
    for (const std::size_t k : {1024u, 1280u, 2304u}) list.push_back({30 + k / 256, k, 16 + k / 64});
    return list;
}

// Fewer for kernels that run emulated: every step of a vector costs a trap, a tile does more at a time.
std::vector<Shape> few_shapes(const PanelFormat& f, bool tiles) {
    std::vector<Shape> list;
    const std::size_t k = f.block_values;
    if (tiles) {
        const std::size_t blocks = 256 / k;
        std::size_t i = 0;
        for (const std::size_t tokens : {7u, 8u, 15u, 16u, 17u, 32u, 33u, 44u, 48u, 64u, 105u})
            for (const std::size_t rows : {16u, 33u})
                list.push_back({rows + i++ % 3, k * (1 + 7 * i % (3 * blocks)), tokens});
        list.push_back({70, 256, 33});
        list.push_back({96, 1024, 32});
        list.push_back({5, 512, 529});
        list.push_back({290, 256, 20});
        // Activations of a group of tokens that are too many for one part of k.
        if (f.codec == codec_id::Q8_0) list.push_back({18, 3360, 250});
    } else {
        for (std::size_t tokens = 1; tokens <= 8; ++tokens)
            list.push_back({7 + 3 * tokens, k * (1 + tokens % 2), tokens});
        list.push_back({16, k, 13});
        list.push_back({3, 3 * k, 2});
    }
    return list;
}

void check_against_scalar(const PanelFormat& f, Weights weights, Values values) {
    std::uint32_t seed = 0;
    for (const Shape& shape : shapes(f)) {
        CAPTURE(shape.rows);
        CAPTURE(shape.k);
        CAPTURE(shape.tokens);
        Case c(f, shape, weights, values, ++seed);
        const std::vector<float> want = c.run(kernel_table(Isa::scalar));
        for (const IsaInfo& isa : isa_list()) {
            if (isa.isa == Isa::scalar || !isa.available) continue;
            CAPTURE(isa.name);
            check_same(c.run(kernel_table(isa.isa)), want);
        }
    }
}

}  // namespace

TEST_CASE("gemm: every instruction set equals scalar to the bit") {
    for (const PanelFormat& f : panel_formats()) {
        CAPTURE(find_codec(f.codec)->name);
        check_against_scalar(f, Weights::plain, Values::normal);
        if (!kThin) check_against_scalar(f, Weights::plain, Values::subnormal);
        if (!kThin) check_against_scalar(f, Weights::extreme, Values::wide);
        check_against_scalar(f, Weights::extreme, Values::special);
    }
}

TEST_CASE("gemm: kernels of instruction sets that this CPU lacks equal scalar to the bit, emulated") {
    const struct {
        Isa isa;
        std::string_view op;
    } lines[] = {
#define HEARTH_KERNEL(isa, op) {Isa::isa, #op},
#include "kernels/kernels.inc"
#undef HEARTH_KERNEL
    };
    const Gemm gemms[] = {
#define HEARTH_OP(name, type) gemm_of(&KernelTable::name, #name),
#include "hearth/kernels/ops.inc"
#undef HEARTH_OP
    };
    const Emulation on;
    std::size_t native = 0, emulated = 0, impossible = 0;
    for (const auto& line : lines) {
        const IsaInfo& isa = isa_info(line.isa);
        if (!isa.built || isa.isa == Isa::scalar) continue;
        CAPTURE(isa.name);
        CAPTURE(line.op);
        const Execution how = execution(isa);
        native += how == Execution::native;
        impossible += how == Execution::impossible;
        if (how != Execution::emulated) continue;
        ++emulated;
        std::size_t formats = 0;
        for (const PanelFormat& f : panel_formats()) {
            bool is_op = false;
            for (const auto& g : gemms) is_op = is_op || (g.op == line.op && g.gemm == f.gemm);
            if (!is_op) continue;
            ++formats;
            const bool tiles = isa.needs.find("amx") != std::string_view::npos;
            const std::size_t before = tiles ? on.tile_products() : on.vector_products();
            std::uint32_t seed = 100;
            for (const Shape& shape : few_shapes(f, tiles)) {
                CAPTURE(shape.rows);
                CAPTURE(shape.k);
                CAPTURE(shape.tokens);
                const bool extreme = ++seed % 2 != 0;
                Case c(f, shape, extreme ? Weights::extreme : Weights::plain,
                       extreme ? (seed % 4 == 1 ? Values::wide : Values::special)
                               : (seed % 4 == 0 ? Values::normal : Values::subnormal),
                       seed);
                check_same(c.run(kernel_table(isa.isa)), c.run(kernel_table(Isa::scalar)));
            }
            const std::size_t trapped = (tiles ? on.tile_products() : on.vector_products()) - before;
            CHECK_MESSAGE(trapped > 0, "nothing of it ran");
        }
        CHECK_MESSAGE(formats == 1, "only GEMM kernels are emulated");
    }
    MESSAGE(native << " kernels ran natively, " << emulated << " emulated");
    if (impossible > 0) MESSAGE("SKIPPED " << impossible << " kernels that this CPU can neither run nor emulate");
}

TEST_CASE("gemm: the largest sums do not wrap or saturate") {
    const Emulation on;
    // All codes at one end against all activations at one end, over many blocks.
    for (const PanelFormat& f : panel_formats()) {
        if (f.activation == Activation::f32) continue;
        const Codec& codec = *find_codec(f.codec);
        CAPTURE(codec.name);
        const std::size_t k = 4 * f.block_values;
        for (int byte : {0x00, 0x7f, 0x80, 0xff})
            for (int q : {-127, 127, -63, 63}) {
                CAPTURE(byte);
                CAPTURE(q);
                // Of the smaller ones 16 come to the most that calm activations have.
                const auto code = [&](std::size_t i) { return i % 16 != 15 || std::abs(q) > 63 ? q : q / 63 * 78; };
                Source source(1);
                std::vector<std::byte> bytes(17 * codec.row_bytes(k), static_cast<std::byte>(byte));
                const auto scale = [&](std::size_t offset) {
                    for (std::size_t i = 0; i < bytes.size(); i += codec.block_bytes) {
                        const f16 one = 0x3c00;
                        std::memcpy(bytes.data() + i + offset, &one, 2);
                    }
                };
                if (f.codec == codec_id::MXFP4)
                    for (std::size_t i = 0; i < bytes.size(); i += codec.block_bytes) bytes[i] = std::byte{128};
                else
                    scale(f.codec == codec_id::Q6_K ? sizeof(BlockQ6_K) - 2 : 0);
                if (has_min(f.codec)) scale(2);
                PanelBytes panels = pack_rows(f, bytes, 17, k);
                std::vector<std::byte> x(activation_bytes(f.activation, k));
                const auto fill = [&]<class Block>(Block block) {
                    block.scale = 1.0f;
                    for (std::size_t i = 0; i < sizeof block.q; ++i) block.q[i] = static_cast<std::int8_t>(code(i));
                    complete(block);
                    for (std::size_t i = 0; i < x.size(); i += sizeof block)
                        std::memcpy(x.data() + i, &block, sizeof block);
                };
                if (f.activation == Activation::q8_32)
                    fill(ActQ8x32{});
                else
                    fill(ActQ8x256{});
                // With scales of 1 every value and sum is an integer below 2^31: double is exact, one block per fma.
                std::vector<float> values(k);
                codec.decode(bytes.data(), 4, values.data());
                double want = 0;
                for (std::size_t i = 0; i < k; ++i) want += static_cast<double>(values[i]) * code(i);
                for (const IsaInfo& isa : isa_list()) {
                    if (execution(isa) == Execution::impossible) continue;
                    CAPTURE(isa.name);
                    // The same token over and over, so that tiles are full where there are some.
                    for (const std::size_t tokens : {1u, 33u}) {
                        std::vector<float> y(17 * tokens);
                        GemmArgs args{panels.data(), f.panel_bytes(k), 17, k, x.data(), 0, tokens, y.data(), 17};
                        (kernel_table(isa.isa).*f.gemm)(args);
                        for (float v : y) CHECK(std::fabs(v - want) <= 1e-6 * std::fabs(want));
                    }
                }
            }
    }
}

TEST_CASE("gemm: the same bits on every processor") {
    // Inputs made from integers only, so that they are the same everywhere; the sums of the outputs are from x86-64.
    const auto hash_of = [](const PanelFormat& f) {
        const Codec& codec = *find_codec(f.codec);
        std::mt19937 random(20);
        const auto small = [&] { return (static_cast<float>(random() % 4001u) - 2000.0f) / 1024.0f; };
        const std::size_t rows = 37, k = 3 * 256, tokens = 7;
        std::vector<std::byte> bytes(rows * codec.row_bytes(k));
        for (std::byte& b : bytes) b = static_cast<std::byte>(random() & 255u);
        for (std::size_t i = 0; i < bytes.size(); i += codec.block_bytes) {
            const f16 half[2] = {f32_to_f16(small()), f32_to_f16(small())};
            const bf16 brain = f32_to_bf16(small());
            const float single = small();
            std::byte* const block = bytes.data() + i;
            switch (f.codec) {
                case codec_id::F32:
                    std::memcpy(block, &single, 4);
                    break;
                case codec_id::BF16:
                    std::memcpy(block, &brain, 2);
                    break;
                case codec_id::Q6_K:
                    std::memcpy(block + sizeof(BlockQ6_K) - 2, half, 2);
                    break;
                case codec_id::Q4_1:
                case codec_id::Q5_1:
                case codec_id::Q4_K:
                case codec_id::Q5_K:
                    std::memcpy(block, half, 4);
                    break;
                case codec_id::MXFP4:
                    *block = static_cast<std::byte>(120 + random() % 8);
                    break;
                default:
                    std::memcpy(block, half, 2);
            }
        }
        PanelBytes panels = pack_rows(f, bytes, rows, k);
        std::vector<float> values(tokens * k), y(tokens * rows);
        for (float& v : values) v = small();
        const std::size_t stride = activation_bytes(f.activation, k);
        std::vector<std::byte> x(tokens * stride);
        const KernelTable& table = kernel_table(Isa::scalar);
        for (std::size_t t = 0; t < tokens; ++t) {
            const float* const from = values.data() + t * k;
            if (f.activation == Activation::f32)
                std::memcpy(x.data() + t * stride, from, stride);
            else
                (f.activation == Activation::q8_32 ? table.quantize_q8_32 : table.quantize_q8_256)(
                    from, k, x.data() + t * stride);
        }
        (table.*f.gemm)({panels.data(), f.panel_bytes(k), rows, k, x.data(), stride, tokens, y.data(), rows});
        std::uint64_t hash = 0xcbf29ce484222325u;  // FNV-1a over words
        for (float v : y) hash = (hash ^ std::bit_cast<std::uint32_t>(v)) * 0x100000001b3u;
        return hash;
    };
    const struct {
        std::uint32_t codec;
        std::uint64_t hash;
    } known[] = {
        {codec_id::F32, 0x4d41ea9d67a36aacu},    {codec_id::F16, 0x135207af5ff3c791u},
        {codec_id::BF16, 0x822b55e47919c49cu},   {codec_id::Q8_0, 0xb3807b1f526374f9u},
        {codec_id::Q4_0, 0xb8bd4f21f0496d48u},   {codec_id::Q4_K, 0x160009b6de934aabu},
        {codec_id::Q5_K, 0x2bc45991646a0d98u},   {codec_id::Q6_K, 0x9c7147952fbb6b52u},
        {codec_id::Q4_1, 0x41b9ffa0a7156f89u},   {codec_id::Q5_0, 0x1dedd8b2b34493fbu},
        {codec_id::Q5_1, 0x273910ed04dd35f6u},   {codec_id::IQ4_NL, 0xa9af73a5b0ef921du},
        {codec_id::IQ4_XS, 0x3a38539ba3726483u}, {codec_id::MXFP4, 0x92b4a9edc6c7f5dcu},
    };
    CHECK(std::size(known) == panel_formats().size());
    for (const auto& want : known) {
        CAPTURE(find_codec(want.codec)->name);
        CHECK(hash_of(*find_panel_format(want.codec)) == want.hash);
    }
}

TEST_CASE("gemm: scalar is the matrix product of the decoded weights") {
    for (const PanelFormat& f : panel_formats()) {
        const Codec& codec = *find_codec(f.codec);
        CAPTURE(codec.name);
        for (const Shape& shape : shapes(f)) {
            const auto [rows, k, tokens] = shape;
            CAPTURE(rows);
            CAPTURE(k);
            CAPTURE(tokens);
            Case c(f, shape, Weights::plain, Values::normal, static_cast<std::uint32_t>(rows * 100 + tokens));
            const std::vector<float> y = c.run(kernel_table(Isa::scalar));
            std::vector<float> w(rows * k), magnitude(rows * k);
            codec.decode(c.bytes.data(), rows * k / f.block_values, w.data());
            // |d sc q| + |dmin m| (or |d q| + |m|) bounds what cancels inside of an affine format: decode with signs
            // that add up.
            std::vector<std::byte> adding = c.bytes;
            if (has_min(f.codec))
                for (std::size_t i = 0; i < adding.size(); i += codec.block_bytes) {
                    adding[i + 1] &= std::byte{0x7f};
                    adding[i + 3] &= std::byte{0x7f};
                    if (f.block_values == 256) adding[i + 3] |= std::byte{0x80};  // subtracted
                }
            codec.decode(adding.data(), rows * k / f.block_values, magnitude.data());
            // Roundings: at most two fma, two products and two conversions per block, four in decode.
            const double roundings = 2.0 * static_cast<double>(k / f.block_values) + 8.0;
            double worst = 0;
            for (std::size_t t = 0; t < tokens; ++t) {
                const std::vector<double> x = activation_values(f.activation, c.x.data() + t * c.x_stride, k);
                for (std::size_t r = 0; r < rows; ++r) {
                    double want = 0, sum = 0;
                    for (std::size_t i = 0; i < k; ++i) {
                        want += static_cast<double>(w[r * k + i]) * x[i];
                        sum += std::fabs(static_cast<double>(magnitude[r * k + i]) * x[i]);
                    }
                    const double error = std::fabs(static_cast<double>(y[t * c.y_stride + r]) - want);
                    if (sum > 0) worst = std::max(worst, error / (roundings * 0x1p-24 * sum));
                }
            }
            CHECK(worst <= 1.0);
        }
    }
}

}  // namespace hearth::test
