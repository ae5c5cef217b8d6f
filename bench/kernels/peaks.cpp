#include "peaks.hpp"

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <limits>
#include <memory>
#include <string_view>
#include <vector>

#include "hearth/base/memory.hpp"

#if defined(__x86_64__)
#include <immintrin.h>
#elif defined(__aarch64__)
#include <arm_neon.h>
#endif

namespace hearth {
namespace {

constexpr int kTurns = 20000;
constexpr int kChains = 10;  // independent sums: they hide the latency, and stay in 16 registers with their operands

template <class Loop>
double least_seconds(int runs, Loop loop) {
    double least = std::numeric_limits<double>::infinity();
    for (int run = 0; run < runs; ++run) {
        const auto start = std::chrono::steady_clock::now();
        loop();
        least = std::min(least, std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count());
    }
    return least;
}

// Of a `loop` that does kTurns * kChains * each multiplications.
template <class Loop>
double rate(Loop loop, double each) {
    return kTurns * kChains * each / least_seconds(20, loop);
}

#if defined(__x86_64__)

[[gnu::target("avx512f,avx512vnni")]] void vnni_zmm() {
    __m512i sum[kChains] = {}, a = _mm512_set1_epi8(1), b = a;
    for (auto& s : sum) asm volatile("" : "+v"(s));  // so that no two are seen to be equal
    for (int i = 0; i < kTurns; ++i) {
        asm volatile("" : "+v"(a), "+v"(b));
        for (auto& s : sum) s = _mm512_dpbusd_epi32(s, a, b);
    }
    for (auto& s : sum) asm volatile("" : "+v"(s));
}
[[gnu::target("avx512f")]] void fma_zmm() {
    __m512 sum[kChains] = {}, a = _mm512_set1_ps(1), b = a;
    for (auto& s : sum) asm volatile("" : "+v"(s));  // so that no two are seen to be equal
    for (int i = 0; i < kTurns; ++i) {
        asm volatile("" : "+v"(a), "+v"(b));
        for (auto& s : sum) s = _mm512_fmadd_ps(a, b, s);
    }
    for (auto& s : sum) asm volatile("" : "+v"(s));
}
[[gnu::target("avx2")]] void maddubs_ymm() {
    __m256i sum[kChains] = {}, a = _mm256_set1_epi8(1), b = a;
    for (auto& s : sum) asm volatile("" : "+x"(s));  // so that no two are seen to be equal
    for (int i = 0; i < kTurns; ++i) {
        asm volatile("" : "+x"(a), "+x"(b));
        for (auto& s : sum)
            asm volatile("vpmaddubsw %2, %1, %%ymm15\n\tvpaddw %%ymm15, %0, %0" : "+x"(s) : "x"(a), "x"(b) : "xmm15");
    }
    for (auto& s : sum) asm volatile("" : "+x"(s));
}
[[gnu::target("avxvnni")]] void vnni_ymm() {
    __m256i sum[kChains] = {}, a = _mm256_set1_epi8(1), b = a;
    for (auto& s : sum) asm volatile("" : "+x"(s));  // so that no two are seen to be equal
    for (int i = 0; i < kTurns; ++i) {
        asm volatile("" : "+x"(a), "+x"(b));
        for (auto& s : sum) s = _mm256_dpbusd_avx_epi32(s, a, b);
    }
    for (auto& s : sum) asm volatile("" : "+x"(s));
}
[[gnu::target("avx2,fma")]] void fma_ymm() {
    __m256 sum[kChains] = {}, a = _mm256_set1_ps(1), b = a;
    for (auto& s : sum) asm volatile("" : "+x"(s));  // so that no two are seen to be equal
    for (int i = 0; i < kTurns; ++i) {
        asm volatile("" : "+x"(a), "+x"(b));
        for (auto& s : sum) s = _mm256_fmadd_ps(a, b, s);
    }
    for (auto& s : sum) asm volatile("" : "+x"(s));
}
[[gnu::target("amx-tile,amx-int8")]] void tiles() {
    struct alignas(64) {
        std::uint8_t palette = 1, start = 0, reserved[14] = {};
        std::uint16_t bytes[16] = {};
        std::uint8_t rows[16] = {};
    } config;
    for (int t = 0; t < 8; ++t) config.bytes[t] = 64, config.rows[t] = 16;
    asm volatile("" ::"m"(config));  // GCC 12 believes that only 8 bytes of it are read
    _tile_loadconfig(&config);
    _tile_zero(4);
    _tile_zero(5);
    _tile_zero(6);
    _tile_zero(7);
    for (int i = 0; i < kTurns * kChains / 4; ++i) {
        _tile_dpbssd(0, 4, 6);
        _tile_dpbssd(1, 4, 7);
        _tile_dpbssd(2, 5, 6);
        _tile_dpbssd(3, 5, 7);
    }
    _tile_release();
}

double int8_loop(std::string_view isa) {
    if (isa == "amx") return rate(tiles, 16 * 16 * 64);
    if (isa == "avx512") return rate(vnni_zmm, 64);
    if (isa == "avx2vnni") return rate(vnni_ymm, 32);
    return isa == "avx2" ? rate(maddubs_ymm, 32) : 0;
}
double float_loop(std::string_view isa) {
    if (isa == "amx" || isa == "avx512") return rate(fma_zmm, 16);
    return isa == "avx2" || isa == "avx2vnni" ? rate(fma_ymm, 8) : 0;
}

#elif defined(__aarch64__)

void mlal() {
    int16x8_t sum[kChains] = {};
    int8x8_t a = vdup_n_s8(1), b = a;
    for (auto& s : sum) asm volatile("" : "+w"(s));  // so that no two are seen to be equal
    for (int i = 0; i < kTurns; ++i) {
        asm volatile("" : "+w"(a), "+w"(b));
        for (auto& s : sum) s = vmlal_s8(s, a, b);
    }
    for (auto& s : sum) asm volatile("" : "+w"(s));
}
void fmla() {
    float32x4_t sum[kChains] = {}, a = vdupq_n_f32(1), b = a;
    for (auto& s : sum) asm volatile("" : "+w"(s));  // so that no two are seen to be equal
    for (int i = 0; i < kTurns; ++i) {
        asm volatile("" : "+w"(a), "+w"(b));
        for (auto& s : sum) s = vfmaq_f32(s, a, b);
    }
    for (auto& s : sum) asm volatile("" : "+w"(s));
}
#pragma GCC push_options
#pragma GCC target("arch=armv8.2-a+dotprod+i8mm")
void sdot() {
    int32x4_t sum[kChains] = {};
    int8x16_t a = vdupq_n_s8(1), b = a;
    for (auto& s : sum) asm volatile("" : "+w"(s));  // so that no two are seen to be equal
    for (int i = 0; i < kTurns; ++i) {
        asm volatile("" : "+w"(a), "+w"(b));
        for (auto& s : sum) asm volatile("sdot %0.4s, %1.16b, %2.16b" : "+w"(s) : "w"(a), "w"(b));
    }
    for (auto& s : sum) asm volatile("" : "+w"(s));
}
void smmla() {
    int32x4_t sum[kChains] = {};
    int8x16_t a = vdupq_n_s8(1), b = a;
    for (auto& s : sum) asm volatile("" : "+w"(s));  // so that no two are seen to be equal
    for (int i = 0; i < kTurns; ++i) {
        asm volatile("" : "+w"(a), "+w"(b));
        for (auto& s : sum) asm volatile("smmla %0.4s, %1.16b, %2.16b" : "+w"(s) : "w"(a), "w"(b));
    }
    for (auto& s : sum) asm volatile("" : "+w"(s));
}
#pragma GCC pop_options

double int8_loop(std::string_view isa) {
    if (isa == "i8mm") return rate(smmla, 32);
    if (isa == "dotprod") return rate(sdot, 16);
    return isa == "neon" ? rate(mlal, 8) : 0;
}
double float_loop(std::string_view isa) { return isa == "scalar" ? 0 : rate(fmla, 4); }

#else

double int8_loop(std::string_view) { return 0; }
double float_loop(std::string_view) { return 0; }

#endif

// Measured when first asked for, and only where the instructions exist.
double once(std::vector<double>& known, double (*loop)(std::string_view), Isa isa) {
    const auto i = static_cast<std::size_t>(isa);
    if (known.size() <= i) known.resize(i + 1, -1);
    if (known[i] < 0) known[i] = isa_info(isa).available ? loop(isa_info(isa).name) : 0;
    return known[i];
}

}  // namespace

double int8_peak(Isa isa) {
    static std::vector<double> known;
    return once(known, int8_loop, isa);
}

double float_peak(Isa isa) {
    static std::vector<double> known;
    return once(known, float_loop, isa);
}

void read_words(const std::uint64_t* words, std::size_t count) {
    std::uint64_t sum[8] = {};
    for (std::size_t i = 0; i < count; i += 8)
        for (std::size_t j = 0; j < 8; ++j) sum[j] += words[i + j];
    for (auto& s : sum) asm volatile("" : "+r"(s));
}

double read_peak() {
    static const double peak = [] {
        constexpr std::size_t kWords = std::size_t{16} << 20;  // 128 MiB, beyond any cache of one core
        Result<Buffer> memory = Buffer::make(std::make_shared<Memory>(), kWords * 8, "a streaming read");
        if (!memory.ok()) return 0.0;
        auto* const words = memory->as<std::uint64_t>();
        std::memset(words, 1, kWords * 8);
        return static_cast<double>(kWords * 8) / least_seconds(5, [&] { read_words(words, kWords); });
    }();
    return peak;
}

}  // namespace hearth
