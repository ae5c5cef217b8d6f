// Inputs, guarded outputs and comparisons for the tests of kernels.
#pragma once

#include <bit>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <limits>
#include <random>
#include <string>
#include <vector>

#include <doctest/doctest.h>

#include "hearth/base/cpu.hpp"
#include "hearth/base/half.hpp"
#include "hearth/kernels/kernels.hpp"
#include "support/emulation.hpp"
#include "support/thin.hpp"

namespace hearth::test {

inline constexpr float kInf = std::numeric_limits<float>::infinity();
inline constexpr float kNan = std::numeric_limits<float>::quiet_NaN();

// What a vector is made of. `special` mixes zeros of both signs, subnormals, infinities, huge and tiny values;
// `poisoned` is `special` with NaN.
enum class Values { normal, wide, subnormal, special, poisoned };
inline constexpr Values kAllValues[] = {Values::normal, Values::wide, Values::subnormal, Values::special,
                                        Values::poisoned};

class Source {
public:
    explicit Source(std::uint32_t seed) : bits_(seed) {}
    std::uint32_t bits() { return static_cast<std::uint32_t>(bits_()); }
    std::size_t below(std::size_t n) { return bits() % n; }
    float normal() { return normal_(bits_); }
    float one(Values kind) {
        switch (kind) {
            case Values::normal:
                return normal();
            case Values::wide:
                return std::ldexp(normal(), static_cast<int>(below(60)) - 30);
            case Values::subnormal:
                return std::bit_cast<float>(bits() & 0x807fffffu);
            case Values::special:
            case Values::poisoned:
                break;
        }
        static const float list[] = {0.0f,   -0.0f,   kInf,   -kInf,   3.4028235e38f, -3.4028235e38f,
                                     1e-45f, -1e-45f, 1e-38f, -1e-38f, 1.0f,          -1.0f,
                                     88.7f,  -88.7f,  1e30f,  -1e30f,  1e-30f,        127.0f};
        const std::size_t pick = below(24);
        if (pick < std::size(list)) return list[pick];
        return kind == Values::poisoned && pick == 23 ? kNan : normal();
    }
    std::vector<float> many(std::size_t n, Values kind = Values::normal) {
        std::vector<float> v(n);
        for (float& x : v) x = one(kind);
        return v;
    }

private:
    std::mt19937 bits_;
    std::normal_distribution<float> normal_;
};

// n elements between two zones of known bytes; check() sees that no byte of the zones has changed.
template <class T>
class Guarded {
public:
    explicit Guarded(std::size_t n) : n_(n), bytes_(kZone * 2 + n * sizeof(T), kFill) {}
    explicit Guarded(const std::vector<T>& v) : Guarded(v.size()) {
        if (n_) std::memcpy(data(), v.data(), n_ * sizeof(T));
    }
    T* data() { return reinterpret_cast<T*>(bytes_.data() + kZone); }
    std::size_t size() const { return n_; }
    bool intact() const {
        for (std::size_t i = 0; i < kZone; ++i)
            if (bytes_[i] != kFill || bytes_[bytes_.size() - 1 - i] != kFill) return false;
        return true;
    }
    std::vector<T> values() const {
        std::vector<T> v(n_);
        if (n_) std::memcpy(v.data(), bytes_.data() + kZone, n_ * sizeof(T));
        return v;
    }

private:
    static constexpr std::size_t kZone = 128;
    static constexpr unsigned char kFill = 0xa5;
    std::size_t n_;
    std::vector<unsigned char> bytes_;
};

inline bool same(float a, float b) {
    return std::bit_cast<std::uint32_t>(a) == std::bit_cast<std::uint32_t>(b) || (a != a && b != b);
}
// Index of the first difference, or the size.
inline std::size_t first_difference(const std::vector<float>& a, const std::vector<float>& b) {
    std::size_t i = 0;
    while (i < a.size() && i < b.size() && same(a[i], b[i])) ++i;
    return i;
}
inline void check_same(const std::vector<float>& got, const std::vector<float>& want) {
    REQUIRE(got.size() == want.size());
    const std::size_t i = first_difference(got, want);
    if (i < got.size()) {
        CAPTURE(i);
        CAPTURE(got[i]);
        CAPTURE(want[i]);
        CHECK_MESSAGE(false, "bits differ");
    }
}

// Distance in units of the last place of a float at `want`, those of subnormals being those of the smallest normal.
inline double ulps(float got, double want) {
    const double magnitude = std::fabs(want);
    if (magnitude >= 0x1.ffffffp127) return got == static_cast<float>(want) ? 0.0 : 1e30;
    int exponent = -125;
    if (magnitude >= 0x1p-126) std::frexp(magnitude, &exponent);
    return std::fabs(static_cast<double>(got) - want) / std::ldexp(1.0, exponent - 24);
}

// f(table, scalar table) for every instruction set of this machine above scalar.
template <class F>
void for_each_isa(F f) {
    for (const IsaInfo& isa : isa_list()) {
        if (isa.isa == Isa::scalar) continue;
        if (!isa.available) {
            // Emulated kernels have their own tests.
            if (isa.built && execution(isa) == Execution::impossible)
                MESSAGE("SKIPPED 1 instruction set that this CPU lacks: " << isa.name);
            continue;
        }
        CAPTURE(isa.name);
        f(kernel_table(isa.isa), kernel_table(Isa::scalar));
    }
}

inline constexpr std::size_t kSizes[] = {1,  2,  3,  4,  5,  7,  8,  9,  12, 15, 16,  17,  23,  24,   31,
                                         32, 33, 47, 48, 49, 63, 64, 65, 79, 96, 127, 256, 300, 1000, 2053};

}  // namespace hearth::test
