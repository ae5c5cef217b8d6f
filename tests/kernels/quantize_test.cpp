// Int8 activation blocks: the stated rule, its limits, and every instruction set against scalar to the byte.
#include <array>
#include <utility>

#include "kernels/values.hpp"

namespace hearth::test {
namespace {

template <class Block>
constexpr std::size_t kBlock = sizeof(Block::q);

void run(const KernelTable& t, const float* x, std::size_t k, ActQ8x32* y) { t.quantize_q8_32(x, k, y); }
void run(const KernelTable& t, const float* x, std::size_t k, ActQ8x256* y) { t.quantize_q8_256(x, k, y); }

std::int32_t total(const std::int8_t* q, std::size_t n) {
    std::int32_t sum = 0;
    for (std::size_t i = 0; i < n; ++i) sum += q[i];
    return sum;
}
bool sums_hold(const ActQ8x32& b) {
    return b.sum == total(b.q, 32) && b.begin8 == -8 * b.sum && b.begin128 == -128 * b.sum;
}
bool sums_hold(const ActQ8x256& b) {
    bool hold = true;
    for (std::size_t j = 0; j < 8; ++j) hold = hold && b.sum32[j] == total(b.q + 32 * j, 32);
    std::int32_t largest = 0;
    for (std::size_t j = 0; j < 16; ++j) {
        hold = hold && b.sum16[j] == total(b.q + 16 * j, 16);
        hold = hold && (static_cast<std::uint32_t>(b.begin16[j] + 32 * b.sum16[j]) & 0xffff) == 0;
        std::int32_t size = 0;
        for (std::size_t i = 16 * j; i < 16 * (j + 1); ++i) size += std::abs(b.q[i]);
        largest = std::max(largest, size);
    }
    return hold && b.calm == (largest <= 1023 ? 1 : 0);
}

// The block that the rule of kernels.hpp gives, computed by other means than the kernels.
template <class Block>
void check_block(const Block& b, const float* x) {
    float amax = 0;
    bool finite = true;
    for (std::size_t i = 0; i < kBlock<Block>; ++i) {
        finite = finite && std::isfinite(x[i]);
        amax = std::fmax(amax, std::fabs(x[i]));
    }
    bool good = sums_hold(b);
    if (!finite) {
        good = good && std::isnan(b.scale);
    } else {
        const bool empty = amax == 0 || 127.0f / amax == kInf;
        good = good && same(b.scale, empty ? 0.0f : amax / 127.0f);
        const float inv = empty ? 0.0f : 127.0f / amax;
        for (std::size_t i = 0; i < kBlock<Block>; ++i) {
            const float product = x[i] * inv;
            good = good && static_cast<float>(b.q[i]) == std::nearbyint(product) && b.q[i] != -128;
        }
    }
    if (!finite)
        for (std::size_t i = 0; i < kBlock<Block>; ++i) good = good && b.q[i] == 0;
    CHECK(good);
}

template <class Block>
void check_all() {
    for_each_isa([](const KernelTable& table, const KernelTable& scalar) {
        for (std::size_t blocks : {1, 2, 3, 17, 64})
            for (Values kind : kAllValues) {
                CAPTURE(blocks);
                CAPTURE(static_cast<int>(kind));
                const std::size_t k = blocks * kBlock<Block>;
                Source source(static_cast<std::uint32_t>(blocks * 8 + static_cast<std::size_t>(kind)));
                std::vector<float> x = source.many(k, kind);
                // Blocks of different sizes; without infinities in some of the special ones.
                for (std::size_t b = 0; b < blocks; ++b)
                    for (std::size_t i = 0; i < kBlock<Block>; ++i) {
                        float& v = x[b * kBlock<Block> + i];
                        if (b % 2 && !std::isfinite(v)) v = 1.0f;
                        if (b % 3 == 2) v = std::ldexp(v, -static_cast<int>(b));
                    }
                Guarded<float> in(x);
                Guarded<Block> got(blocks), want(blocks);
                run(table, in.data(), k, got.data());
                run(scalar, in.data(), k, want.data());
                CHECK((in.intact() && got.intact() && want.intact()));
                CHECK(std::memcmp(got.data(), want.data(), blocks * sizeof(Block)) == 0);
                for (std::size_t b = 0; b < blocks; ++b) check_block(want.data()[b], x.data() + b * kBlock<Block>);
            }
    });
}

template <class Block>
void check_limits() {
    for_each_isa([](const KernelTable& table, const KernelTable& scalar) {
        for (const KernelTable* t : {&table, &scalar}) {
            Block b;
            std::vector<float> x(kBlock<Block>, 0.0f);
            const auto encode = [&] {
                run(*t, x.data(), x.size(), &b);
                check_block(b, x.data());
            };
            encode();
            CHECK(same(b.scale, 0.0f));
            // amax where 127 / amax just overflows, and just does not.
            const float tiny = 127.0f * 0x1p-128f;
            x[3] = -tiny;
            encode();
            CHECK(same(b.scale, 0.0f));
            CHECK(b.q[3] == 0);
            x[3] = -std::nextafter(tiny, 1.0f);
            encode();
            CHECK(b.scale > 0.0f);
            CHECK(b.q[3] == -127);
            x[3] = 3.4028235e38f;
            encode();
            CHECK(b.q[3] == 127);
            // amax 127: codes are the values, ties go to even.
            x[3] = 127.0f;
            const std::array<float, 6> ties = {0.5f, 1.5f, 2.5f, -0.5f, -1.5f, 125.5f};
            const std::array<int, 6> codes = {0, 2, 2, 0, -2, 126};
            for (std::size_t i = 0; i < 6; ++i) x[10 + i] = ties[i];
            encode();
            CHECK(same(b.scale, 1.0f));
            for (std::size_t i = 0; i < 6; ++i) CHECK(b.q[10 + i] == codes[i]);
            for (float bad : {kInf, -kInf, kNan, std::bit_cast<float>(0xff800001u)}) {
                x[kBlock<Block> - 1] = bad;
                encode();
                CHECK(std::bit_cast<std::uint32_t>(b.scale) == 0x7fc00000u);
            }
        }
    });
}

// The greatest code is 127 for every significand of amax: the proof in scalar/quantize.cpp that no clamp is needed.
template <class Block>
void check_top_code(const KernelTable& t) {
    std::vector<float> x(kBlock<Block>, 0.0f);
    Block b;
    bool good = true;
    for (std::uint32_t m = 0; m < (1u << 23); m += 61) {
        x[0] = std::bit_cast<float>(0x3f800000u | m);
        x[1] = -x[0];
        run(t, x.data(), x.size(), &b);
        good = good && b.q[0] == 127 && b.q[1] == -127;
    }
    CHECK(good);
}

}  // namespace

TEST_CASE("quantize_q8_32: equals scalar and the rule") { check_all<ActQ8x32>(); }
TEST_CASE("quantize_q8_256: equals scalar and the rule") { check_all<ActQ8x256>(); }
TEST_CASE("quantize_q8_32: limits") { check_limits<ActQ8x32>(); }
TEST_CASE("quantize_q8_256: limits") { check_limits<ActQ8x256>(); }
TEST_CASE("quantize_q8_row: equals scalar and the rule, writes codes alone") {
    const auto row = [](const KernelTable& t, const std::vector<float>& x, std::uint8_t offset, std::size_t stride) {
        Guarded<std::uint8_t> q(std::vector<std::uint8_t>((x.size() - 1) / 4 * stride + (x.size() - 1) % 4 + 1, 0x33));
        const float scale = t.quantize_q8_row(x.data(), x.size(), offset, stride, q.data());
        CHECK(q.intact());
        return std::pair(scale, q.values());
    };
    for (std::size_t n : kSizes)
        for (Values kind : kAllValues)
            for (std::size_t stride : {std::size_t{4}, std::size_t{64}}) {
                CAPTURE(n);
                CAPTURE(static_cast<int>(kind));
                CAPTURE(stride);
                Source source(static_cast<std::uint32_t>(n));
                const std::vector<float> x = source.many(n, kind);
                const std::uint8_t offset = stride == 64 ? 128 : 0;
                const auto want = row(kernel_table(Isa::scalar), x, offset, stride);
                for_each_isa([&](const KernelTable& table, const KernelTable&) {
                    const auto got = row(table, x, offset, stride);
                    CHECK(same(got.first, want.first));
                    CHECK(got.second == want.second);
                });
                // As ActQ8x32 has it, where the row is such a block.
                if (n == 32) {
                    ActQ8x32 block;
                    kernel_table(Isa::scalar).quantize_q8_32(x.data(), n, &block);
                    CHECK(same(block.scale, want.first));
                }
                float amax = 0;
                bool finite = true;
                for (float v : x) {
                    finite = finite && std::isfinite(v);
                    amax = std::fmax(amax, std::fabs(v));
                }
                const bool empty = !finite || amax == 0 || 127.0f / amax == kInf;
                CHECK(same(want.first, !finite ? kNan : empty ? 0.0f : amax / 127.0f));
                bool good = true;
                std::vector<std::uint8_t> rest = want.second;
                for (std::size_t c = 0; c < n; ++c) {
                    std::uint8_t& q = rest[c / 4 * stride + c % 4];
                    const float code = empty ? 0.0f : std::nearbyint(x[c] * (127.0f / amax));
                    good = good && static_cast<float>(static_cast<std::int8_t>(q - offset)) == code;
                    q = 0x33;
                }
                CHECK(good);
                CHECK(rest == std::vector<std::uint8_t>(rest.size(), 0x33));
            }
}

TEST_CASE("quantize: the largest value has code 127 whatever its significand") {
    check_top_code<ActQ8x32>(kernel_table(best_isa()));
    check_top_code<ActQ8x32>(kernel_table(Isa::scalar));
}

}  // namespace hearth::test
