// The emulator of instructions that this CPU may lack (support/emulation.hpp), against plain loops. On a CPU that has
// them the same tests run on its own.
#include "support/emulation.hpp"

#include <algorithm>
#include <random>

#include "kernels/values.hpp"

#if defined(HEARTH_HAS_EMULATION)

#include <sys/wait.h>

namespace hearth::test {
namespace {

struct Bytes32 {
    std::uint8_t at[32];
};

void fill(std::mt19937& random, void* to, std::size_t n) {
    for (std::size_t i = 0; i < n; ++i) static_cast<std::uint8_t*>(to)[i] = static_cast<std::uint8_t>(random());
}

Bytes32 plain_product(bool words, std::size_t bytes, const Bytes32& acc, const Bytes32& a, const Bytes32& b) {
    Bytes32 out{};
    for (std::size_t lane = 0; lane < bytes; lane += 4) {
        std::uint32_t sum;
        std::memcpy(&sum, acc.at + lane, 4);
        for (std::size_t k = 0; k < (words ? 2u : 4u); ++k) {
            std::int16_t x, y;
            std::memcpy(&x, a.at + lane + 2 * (k % 2), 2);
            std::memcpy(&y, b.at + lane + 2 * (k % 2), 2);
            const int product = words ? x * y : int{a.at[lane + k]} * int{static_cast<std::int8_t>(b.at[lane + k])};
            sum += static_cast<std::uint32_t>(product);
        }
        std::memcpy(out.at + lane, &sum, 4);
    }
    return out;
}

// acc <- acc + a * b. Operands go through fixed registers, so that no instruction set is asked of the compiler.
#define HEARTH_VECTOR_FORM(name, instruction, setup)                                                   \
    Bytes32 name(const Bytes32& acc, const Bytes32& a, const Bytes32& b) {                             \
        Bytes32 out;                                                                                   \
        asm volatile("vmovdqu (%1), %%ymm9\n\tvmovdqu (%2), %%ymm2\n\tvmovdqu (%3), %%ymm13\n\t" setup \
                     "%{vex%} " instruction "\n\tvmovdqu %%ymm9, (%0)\n\tvzeroupper"                   \
                     :                                                                                 \
                     : "r"(&out), "r"(&acc), "r"(&a), "r"(&b)                                          \
                     : "memory", "xmm2", "xmm9", "xmm13", "r8", "rax");                                \
        return out;                                                                                    \
    }
HEARTH_VECTOR_FORM(bytes_ymm, "vpdpbusd %%ymm13, %%ymm2, %%ymm9", "")
HEARTH_VECTOR_FORM(bytes_xmm, "vpdpbusd %%xmm13, %%xmm2, %%xmm9", "")
HEARTH_VECTOR_FORM(bytes_memory, "vpdpbusd (%3), %%ymm2, %%ymm9", "")
HEARTH_VECTOR_FORM(bytes_displaced, "vpdpbusd -8(%3,%%r8,4), %%ymm2, %%ymm9", "mov $2, %%r8\n\t")
HEARTH_VECTOR_FORM(bytes_far, "vpdpbusd 0x1000(%%rax), %%xmm2, %%xmm9", "lea -0x1000(%3), %%rax\n\t")
HEARTH_VECTOR_FORM(words_ymm, "vpdpwssd %%ymm13, %%ymm2, %%ymm9", "")
HEARTH_VECTOR_FORM(words_memory, "vpdpwssd (%3), %%xmm2, %%xmm9", "")
#undef HEARTH_VECTOR_FORM

struct alignas(64) Configuration {
    std::uint8_t palette = 1, start_row = 0, reserved[14] = {};
    std::uint16_t row_bytes[16] = {};
    std::uint8_t rows[16] = {};
    Configuration& tile(std::size_t t, std::size_t row_count, std::size_t bytes) {
        rows[t] = static_cast<std::uint8_t>(row_count);
        row_bytes[t] = static_cast<std::uint16_t>(bytes);
        return *this;
    }
};
void configure(const Configuration& c) { asm volatile("ldtilecfg %0" : : "m"(c)); }

using Matrix = std::vector<std::uint8_t>;  // [16][64]

// C + A B for rows x columns x depth bytes, of a sign each.
Matrix plain_tiles(bool a_signed, bool b_signed, std::size_t rows, std::size_t columns, std::size_t depth, Matrix c,
                   const Matrix& a, const Matrix& b) {
    for (std::size_t m = 0; m < rows; ++m)
        for (std::size_t n = 0; n < columns; ++n) {
            std::uint32_t sum;
            std::memcpy(&sum, &c[64 * m + 4 * n], 4);
            for (std::size_t k = 0; k < depth; ++k) {
                const std::uint8_t x = a[64 * m + k], y = b[64 * (k / 4) + 4 * n + k % 4];
                sum += static_cast<std::uint32_t>((a_signed ? static_cast<std::int8_t>(x) : int{x}) *
                                                  (b_signed ? static_cast<std::int8_t>(y) : int{y}));
            }
            std::memcpy(&c[64 * m + 4 * n], &sum, 4);
        }
    return c;
}

// Tile 5 += tile 1 * tile 6 in memory order, loaded at a stride of 64.
#define HEARTH_TILE_FORM(name, instruction)                                                         \
    void name(std::uint8_t* c, const std::uint8_t* a, const std::uint8_t* b) {                      \
        asm volatile(                                                                               \
            "tileloadd (%0,%3,1), %%tmm5\n\ttileloadd (%1,%3,1), %%tmm1\n\ttileloaddt1 (%2,%3,1), " \
            "%%tmm6\n\t" instruction " %%tmm6, %%tmm1, %%tmm5\n\ttilestored %%tmm5, (%0,%3,1)"      \
            :                                                                                       \
            : "r"(c), "r"(a), "r"(b), "r"(64L)                                                      \
            : "memory");                                                                            \
    }
HEARTH_TILE_FORM(tiles_uu, "tdpbuud")
HEARTH_TILE_FORM(tiles_us, "tdpbusd")
HEARTH_TILE_FORM(tiles_su, "tdpbsud")
HEARTH_TILE_FORM(tiles_ss, "tdpbssd")
#undef HEARTH_TILE_FORM

// The signal that ends a child that runs `body` under emulation, 0 if none does.
template <class Body>
int signal_of(Body body) {
    const pid_t child = fork();
    REQUIRE(child >= 0);
    if (child == 0) {
        signal(SIGILL, SIG_DFL);
        signal(SIGSEGV, SIG_DFL);
        {
            const Emulation on;
            body();
        }
        _exit(0);
    }
    int status = 0;
    REQUIRE(waitpid(child, &status, 0) == child);
    return WIFSIGNALED(status) ? WTERMSIG(status) : WEXITSTATUS(status);
}
bool faults(int end) { return end == SIGILL || end == SIGSEGV; }  // #UD and #GP

}  // namespace

TEST_CASE("emulation: AVX-VNNI products are those of plain loops") {
    if (!isa_info(Isa::avx2).available) {
        MESSAGE("SKIPPED 1 test of instructions on registers that this CPU lacks");
        return;
    }
    const Emulation on;
    std::mt19937 random(3);
    std::size_t differences = 0;
    for (int round = 0; round < 200; ++round) {
        Bytes32 acc, a, b;
        for (Bytes32* v : {&acc, &a, &b}) fill(random, v->at, 32);
        if (round == 0) acc = a = b = {};
        if (round == 1) std::memset(acc.at, 0xff, 32);
        const auto differs = [&](const Bytes32& got, bool words, std::size_t bytes) {
            const Bytes32 want = plain_product(words, bytes, acc, a, b);
            differences += std::memcmp(got.at, want.at, 32) != 0;
        };
        differs(bytes_ymm(acc, a, b), false, 32);
        differs(bytes_xmm(acc, a, b), false, 16);
        differs(bytes_memory(acc, a, b), false, 32);
        differs(bytes_displaced(acc, a, b), false, 32);
        differs(bytes_far(acc, a, b), false, 16);
        differs(words_ymm(acc, a, b), true, 32);
        differs(words_memory(acc, a, b), true, 16);
    }
    CHECK(differences == 0);
}

TEST_CASE("emulation: tile products are those of plain loops, at every shape") {
    isa_list();  // asks for tiles where the CPU has them
    const Emulation on;
    std::mt19937 random(4);
    const struct {
        void (*run)(std::uint8_t*, const std::uint8_t*, const std::uint8_t*);
        bool a_signed, b_signed;
    } forms[] = {{tiles_uu, false, false}, {tiles_us, false, true}, {tiles_su, true, false}, {tiles_ss, true, true}};
    std::size_t differences = 0;
    for (const auto& form : forms)
        for (const std::size_t rows : {1u, 7u, 16u})
            for (const std::size_t columns : {1u, 8u, 16u})
                for (const std::size_t depth : {4u, 32u, 64u}) {
                    Matrix c(1024), a(1024), b(1024);
                    for (Matrix* m : {&c, &a, &b}) fill(random, m->data(), 1024);
                    const Matrix want = plain_tiles(form.a_signed, form.b_signed, rows, columns, depth, c, a, b);
                    Configuration configuration;
                    configuration.tile(5, rows, 4 * columns).tile(1, rows, depth).tile(6, depth / 4, 4 * columns);
                    configure(configuration);
                    form.run(c.data(), a.data(), b.data());
                    asm volatile("tilerelease");
                    differences += c != want;
                }
    CHECK(differences == 0);
}

TEST_CASE("emulation: tiles keep their rows, loads and tilezero clear the rest, ldtilecfg all") {
    isa_list();  // asks for tiles where the CPU has them
    const Emulation on;
    std::mt19937 random(5);
    Matrix from(2048), to(2048, 0xee);
    fill(random, from.data(), from.size());
    configure(Configuration().tile(0, 3, 20).tile(7, 16, 64));
    asm volatile("tileloadd 4(%0,%2,2), %%tmm0\n\ttilestored %%tmm0, (%1,%3,1)"
                 :
                 : "r"(from.data()), "r"(to.data()), "r"(50L), "r"(64L)
                 : "memory");
    Matrix want(2048, 0xee);
    for (std::size_t row = 0; row < 3; ++row) std::memcpy(&want[64 * row], &from[4 + 100 * row], 20);
    CHECK(to == want);
    asm volatile("tileloadd (%0,%2,1), %%tmm7\n\ttilezero %%tmm7\n\ttilestored %%tmm7, (%1,%2,1)"
                 :
                 : "r"(from.data()), "r"(to.data()), "r"(64L)
                 : "memory");
    CHECK(std::count(to.begin(), to.begin() + 1024, 0) == 1024);
    CHECK(to[1024] == 0xee);
    asm volatile("tileloadd (%0,%1,1), %%tmm7" : : "r"(from.data()), "r"(64L) : "memory");
    configure(Configuration().tile(7, 16, 64));
    asm volatile("tilestored %%tmm7, (%0,%1,1)\n\ttilerelease" : : "r"(to.data()), "r"(64L) : "memory");
    CHECK(std::count(to.begin(), to.begin() + 1024, 0) == 1024);
}

TEST_CASE("emulation: what hardware refuses ends the program, and so does any other illegal instruction") {
    isa_list();  // asks for tiles where the CPU has them
    static std::uint8_t room[4096];
    static Configuration good, bad;
    good = Configuration().tile(0, 16, 64).tile(1, 16, 32).tile(2, 8, 64).tile(3, 4, 64);
    CHECK(signal_of([] {
              configure(good);
              asm volatile("tdpbssd %tmm2, %tmm1, %tmm0\n\ttilerelease");
          }) == 0);
    CHECK(faults(signal_of([] { asm volatile("tilezero %tmm0"); })));
    CHECK(faults(signal_of([] {
        configure(good);
        asm volatile("tilerelease\n\ttilezero %tmm0");
    })));
    CHECK(faults(signal_of([] {
        configure(good);
        asm volatile("tilezero %tmm4");
    })));
    CHECK(faults(signal_of([] {
        configure(good);
        asm volatile("tdpbssd %tmm3, %tmm1, %tmm0");
    })));
    // A tile twice, which assemblers refuse: tdpbssd of 1, 1, 0 and of 2, 0, 0.
    CHECK(faults(signal_of([] {
        configure(good);
        asm volatile(".byte 0xc4, 0xe2, 0x73, 0x5e, 0xc1");
    })));
    CHECK(faults(signal_of([] {
        configure(good);
        asm volatile(".byte 0xc4, 0xe2, 0x6b, 0x5e, 0xc0");
    })));
    CHECK(faults(signal_of([] {
        configure(good);
        asm volatile("tileloadd (%0,%1,1), %%tmm5" : : "r"(room), "r"(64L));
    })));
    CHECK(signal_of([] { asm volatile("ud2"); }) == SIGILL);
    const auto refused = [](auto change) {
        bad = good;
        change(bad);
        return faults(signal_of([] { configure(bad); }));
    };
    CHECK(refused([](Configuration& c) { c.palette = 2; }));
    CHECK(refused([](Configuration& c) { c.reserved[3] = 1; }));
    CHECK(refused([](Configuration& c) { c.tile(0, 17, 64); }));
    CHECK(refused([](Configuration& c) { c.tile(0, 16, 65); }));
    CHECK(refused([](Configuration& c) { c.tile(0, 0, 64); }));
    CHECK(refused([](Configuration& c) { c.tile(0, 16, 0); }));
    CHECK(refused([](Configuration& c) { c.tile(8, 16, 64); }));
}

}  // namespace hearth::test

#endif
