// Runs kernels of x86-64 instruction sets that the CPU lacks: while an Emulation stands, the handler of SIGILL executes
// the instructions of AMX-TILE, AMX-INT8 and AVX-VNNI (VEX vpdpbusd and vpdpwssd) on the registers of the trapped
// thread and goes on behind them. Where the CPU has them nothing traps. Encodings and faults: Intel SDM volume 2.
// A use that hardware would refuse, and any other illegal instruction, ends as it would without the handler.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string_view>

#include <doctest/doctest.h>

#include "hearth/base/cpu.hpp"

#if defined(__x86_64__) && defined(__linux__)
#define HEARTH_HAS_EMULATION 1
#include <cpuid.h>
#include <signal.h>
#include <ucontext.h>
#include <unistd.h>
#endif

namespace hearth::test {

enum class Execution { native, emulated, impossible };

inline bool is_emulated(std::string_view feature) {
#if defined(HEARTH_HAS_EMULATION)
    return feature == "avxvnni" || feature == "amx-tile" || feature == "amx-int8";
#else
    static_cast<void>(feature);
    return false;
#endif
}

// How a test can run the kernels of an instruction set here.
inline Execution execution(const IsaInfo& isa) {
    if (isa.available) return Execution::native;
    if (!isa.built || !isa_info(isa.base).available) return Execution::impossible;
    // What it needs beyond its base must all be emulated.
    std::string_view needs = isa.needs;
    while (!needs.empty()) {
        const std::size_t space = needs.find(' ');
        const std::string_view feature = needs.substr(0, space);
        needs = space == std::string_view::npos ? std::string_view() : needs.substr(space + 1);
        if (isa_info(isa.base).needs.find(feature) == std::string_view::npos && !is_emulated(feature))
            return Execution::impossible;
    }
    return Execution::emulated;
}

#if defined(HEARTH_HAS_EMULATION)

namespace emulation {

// Palette 1: 8 tiles of up to 16 rows of 64 bytes.
struct Tiles {
    bool configured;
    std::uint8_t rows[8];
    std::uint16_t row_bytes[8];
    std::uint8_t data[8][16][64];
};
inline constinit thread_local Tiles tiles{};
inline constinit std::atomic<std::size_t> tile_products{0}, vector_products{0};

// What a handler says without the C++ library.
enum class Verdict { done, unknown, refused };
inline Verdict refuse(const char* why) {
    static_cast<void>(!write(2, why, std::strlen(why)));
    return Verdict::refused;
}

// A VEX instruction of map 0F38, decoded.
struct Instruction {
    unsigned opcode, prefix, wide, length256, vvvv;  // prefix: 0 none, 1 66, 2 F3, 3 F2
    unsigned reg, rm;                                // rm: a register when `direct`
    bool direct, has_sib;
    std::uintptr_t address;  // of a vector operand; of row 0 of a tile without the index
    std::int64_t index;      // scaled: what a vector's address adds, a tile's rows are apart by
    std::size_t size;
};

inline std::uint64_t general_register(const ucontext_t& u, unsigned number) {
    static constexpr int order[] = {REG_RAX, REG_RCX, REG_RDX, REG_RBX, REG_RSP, REG_RBP, REG_RSI, REG_RDI,
                                    REG_R8,  REG_R9,  REG_R10, REG_R11, REG_R12, REG_R13, REG_R14, REG_R15};
    return static_cast<std::uint64_t>(u.uc_mcontext.gregs[order[number]]);
}

inline bool decode(const ucontext_t& u, Instruction& i) {
    const auto* const start = reinterpret_cast<const std::uint8_t*>(u.uc_mcontext.gregs[REG_RIP]);
    const std::uint8_t* p = start;
    if (p[0] != 0xc4 || (p[1] & 31) != 2) return false;
    const unsigned r = ~p[1] >> 7 & 1, x = ~p[1] >> 6 & 1, b = ~p[1] >> 5 & 1;
    i.wide = p[2] >> 7;
    i.vvvv = ~(p[2] >> 3) & 15u;
    i.length256 = p[2] >> 2 & 1;
    i.prefix = p[2] & 3;
    i.opcode = p[3];
    const unsigned mod = p[4] >> 6, low = p[4] & 7;
    i.reg = (p[4] >> 3 & 7u) | r << 3;
    i.rm = low | b << 3;
    i.direct = mod == 3;
    i.has_sib = false;
    i.address = 0;
    i.index = 0;
    p += 5;
    if (!i.direct) {
        bool relative = false, absolute = false;
        if (low == 4) {
            i.has_sib = true;
            const unsigned scale = *p >> 6, index = (*p >> 3 & 7u) | x << 3, base = *p & 7u;
            ++p;
            if (index != 4)
                i.index = static_cast<std::int64_t>(general_register(u, index)) * (std::int64_t{1} << scale);
            absolute = mod == 0 && base == 5;
            if (!absolute) i.address = general_register(u, base | b << 3);
        } else {
            relative = mod == 0 && low == 5;
            if (!relative) i.address = general_register(u, i.rm);
        }
        std::int32_t displacement = 0;
        if (mod == 1) {
            displacement = static_cast<std::int8_t>(*p++);
        } else if (mod == 2 || relative || absolute) {
            std::memcpy(&displacement, p, 4);
            p += 4;
        }
        if (relative) i.address = reinterpret_cast<std::uintptr_t>(p);
        i.address += static_cast<std::uintptr_t>(static_cast<std::intptr_t>(displacement));
    }
    i.size = static_cast<std::size_t>(p - start);
    return true;
}

// ---- vector registers: in the frame of the signal, as XSAVE lays them out
// --------------------------------------------

inline std::size_t xsave_offset(unsigned component) {
    unsigned a = 0, b = 0, c = 0, d = 0;
    __cpuid_count(0xd, component, a, b, c, d);
    return b;
}

struct VectorRegisters {
    std::uint8_t* area;
    std::uint64_t present;  // components that are not in their initial state, all zeros

    explicit VectorRegisters(const ucontext_t& u) : area(reinterpret_cast<std::uint8_t*>(u.uc_mcontext.fpregs)) {
        std::memcpy(&present, area + 512, 8);
    }
    std::uint8_t* low(unsigned n) const { return area + 160 + 16 * n; }
    std::uint8_t* high(unsigned n) const { return area + xsave_offset(2) + 16 * n; }
    void read(unsigned n, std::uint8_t (&bytes)[32]) const {
        std::memset(bytes, 0, 32);
        if (present & 2) std::memcpy(bytes, low(n), 16);
        if (present & 4) std::memcpy(bytes + 16, high(n), 16);
    }
    // All 32 bytes; those above become zeros, as after any VEX instruction.
    void write(unsigned n, const std::uint8_t (&bytes)[32]) const {
        for (unsigned component : {1u, 2u})
            if ((present >> component & 1) == 0) std::memset(component == 1 ? low(0) : high(0), 0, 256);
        std::memcpy(low(n), bytes, 16);
        std::memcpy(high(n), bytes + 16, 16);
        if (present >> 6 & 1) std::memset(area + xsave_offset(6) + 32 * n, 0, 32);
        const std::uint64_t now = present | 6;
        std::memcpy(area + 512, &now, 8);
    }
};

inline std::int32_t wrapped(std::int64_t x) { return static_cast<std::int32_t>(static_cast<std::uint32_t>(x)); }

inline Verdict vector_product(const ucontext_t& u, const Instruction& i) {
    if (i.prefix != 1 || i.wide != 0) return Verdict::unknown;
    const VectorRegisters registers(u);
    std::uint8_t acc[32], a[32], b[32];
    registers.read(i.reg, acc);
    registers.read(i.vvvv, a);
    const std::size_t bytes = i.length256 ? 32 : 16;
    if (i.direct)
        registers.read(i.rm, b);
    else
        std::memcpy(b, reinterpret_cast<const void*>(i.address + static_cast<std::uintptr_t>(i.index)), bytes);
    for (std::size_t lane = 0; lane < bytes; lane += 4) {
        std::int32_t sum;
        std::memcpy(&sum, acc + lane, 4);
        std::int64_t wide = sum;
        if (i.opcode == 0x50) {
            for (std::size_t k = lane; k < lane + 4; ++k) wide += a[k] * static_cast<std::int8_t>(b[k]);
        } else {
            for (std::size_t k = lane; k < lane + 4; k += 2) {
                std::int16_t x, y;
                std::memcpy(&x, a + k, 2);
                std::memcpy(&y, b + k, 2);
                wide += x * y;
            }
        }
        sum = wrapped(wide);
        std::memcpy(acc + lane, &sum, 4);
    }
    if (bytes == 16) std::memset(acc + 16, 0, 16);
    registers.write(i.reg, acc);
    vector_products.fetch_add(1, std::memory_order_relaxed);
    return Verdict::done;
}

// ---- tiles
// -----------------------------------------------------------------------------------------------------------

inline Verdict load_configuration(const std::uint8_t* c) {
    tiles = {};
    if (c[0] == 0) return Verdict::done;
    if (c[0] != 1) return refuse("ldtilecfg: palette above 1\n");
    if (c[1] != 0) return refuse("ldtilecfg: a start row, which no kernel here wants\n");
    for (std::size_t i = 2; i < 16; ++i)
        if (c[i] != 0) return refuse("ldtilecfg: reserved bytes are not 0\n");
    for (std::size_t t = 0; t < 16; ++t) {
        std::uint16_t row_bytes;
        std::memcpy(&row_bytes, c + 16 + 2 * t, 2);
        const std::uint8_t rows = c[48 + t];
        if (t >= 8 && (rows != 0 || row_bytes != 0)) return refuse("ldtilecfg: a tile above 7\n");
        if (rows > 16 || row_bytes > 64) return refuse("ldtilecfg: more than 16 rows of 64 bytes\n");
        if ((rows == 0) != (row_bytes == 0)) return refuse("ldtilecfg: rows without bytes, or bytes without rows\n");
        if (t >= 8) continue;
        tiles.rows[t] = rows;
        tiles.row_bytes[t] = row_bytes;
    }
    tiles.configured = true;
    return Verdict::done;
}

inline Verdict move_tile(const Instruction& i) {
    if (!i.has_sib) return refuse("tile load or store without SIB\n");
    const unsigned t = i.reg;
    for (std::size_t row = 0; row < tiles.rows[t]; ++row) {
        auto* const memory = reinterpret_cast<std::uint8_t*>(
            i.address + static_cast<std::uintptr_t>(i.index * static_cast<std::int64_t>(row)));
        if (i.prefix == 2)
            std::memcpy(memory, tiles.data[t][row], tiles.row_bytes[t]);
        else
            std::memcpy(tiles.data[t][row], memory, tiles.row_bytes[t]);
    }
    if (i.prefix != 2) {  // a load clears the rest of the register
        for (std::size_t row = 0; row < 16; ++row) {
            const std::size_t from = row < tiles.rows[t] ? tiles.row_bytes[t] : 0;
            std::memset(tiles.data[t][row] + from, 0, 64 - from);
        }
    }
    return Verdict::done;
}

inline Verdict multiply_tiles(const Instruction& i) {
    const unsigned c = i.reg, a = i.rm, b = i.vvvv;
    if (!i.direct || a >= 8 || b >= 8) return refuse("tdp: an operand is no tile\n");
    if (c == a || c == b || a == b) return refuse("tdp: a tile twice\n");
    if (tiles.rows[a] == 0 || tiles.rows[b] == 0) return refuse("tdp: a tile without rows\n");
    if (tiles.row_bytes[a] % 4 != 0 || tiles.row_bytes[b] % 4 != 0 || tiles.row_bytes[c] % 4 != 0)
        return refuse("tdp: rows that are not whole dwords\n");
    if (tiles.rows[c] != tiles.rows[a] || tiles.row_bytes[c] != tiles.row_bytes[b] ||
        tiles.row_bytes[a] / 4 != tiles.rows[b])
        return refuse("tdp: shapes that do not fit\n");
    // Prefix 0 uud, 1 usd, 2 sud, 3 ssd.
    const bool a_signed = i.prefix >= 2, b_signed = i.prefix % 2 != 0;
    for (std::size_t m = 0; m < tiles.rows[a]; ++m) {
        for (std::size_t n = 0; n < tiles.row_bytes[b] / 4u; ++n) {
            std::int32_t sum;
            std::memcpy(&sum, tiles.data[c][m] + 4 * n, 4);
            std::int64_t wide = sum;
            for (std::size_t k = 0; k < tiles.rows[b]; ++k) {
                for (std::size_t j = 0; j < 4; ++j) {
                    const std::uint8_t x = tiles.data[a][m][4 * k + j], y = tiles.data[b][k][4 * n + j];
                    wide += (a_signed ? static_cast<std::int8_t>(x) : int{x}) *
                            (b_signed ? static_cast<std::int8_t>(y) : int{y});
                }
            }
            sum = wrapped(wide);
            std::memcpy(tiles.data[c][m] + 4 * n, &sum, 4);
        }
        std::memset(tiles.data[c][m] + tiles.row_bytes[b], 0, 64u - tiles.row_bytes[b]);
    }
    tile_products.fetch_add(1, std::memory_order_relaxed);
    return Verdict::done;
}

inline Verdict tile_instruction(const Instruction& i) {
    if (i.wide != 0 || i.length256 != 0) return Verdict::unknown;
    if (i.opcode == 0x49 && i.prefix == 0) {
        if (!i.direct)
            return load_configuration(
                reinterpret_cast<const std::uint8_t*>(i.address + static_cast<std::uintptr_t>(i.index)));
        if (i.reg != 0 || i.rm != 0) return Verdict::unknown;
        tiles = {};
        return Verdict::done;
    }
    if (!(i.opcode == 0x49 && i.prefix == 3 && i.direct) && !(i.opcode == 0x4b && i.prefix != 0 && !i.direct) &&
        i.opcode != 0x5e)
        return Verdict::unknown;
    if (!tiles.configured) return refuse("a tile instruction without a configuration\n");
    if (i.reg >= 8 || tiles.rows[i.reg] == 0) return refuse("a tile that is not configured\n");
    if (i.opcode == 0x4b) return move_tile(i);
    if (i.opcode == 0x5e) return multiply_tiles(i);
    std::memset(tiles.data[i.reg], 0, sizeof tiles.data[i.reg]);
    return Verdict::done;
}

inline constinit struct sigaction previous {};

inline void handle(int, siginfo_t*, void* context) {
    auto& u = *static_cast<ucontext_t*>(context);
    Instruction i{};
    Verdict verdict = Verdict::unknown;
    if (decode(u, i)) {
        if (i.opcode == 0x50 || i.opcode == 0x52)
            verdict = vector_product(u, i);
        else if (i.opcode == 0x49 || i.opcode == 0x4b || i.opcode == 0x5e)
            verdict = tile_instruction(i);
    }
    if (verdict == Verdict::done)
        u.uc_mcontext.gregs[REG_RIP] += static_cast<greg_t>(i.size);
    else
        sigaction(SIGILL, &previous, nullptr);  // the instruction runs again and meets whoever was there before
}

}  // namespace emulation

// While it stands. One at a time, inside of a test case: doctest has handlers of its own, set before each.
class Emulation {
public:
    Emulation() : tile_products_(emulation::tile_products), vector_products_(emulation::vector_products) {
        struct sigaction action {};
        action.sa_sigaction = emulation::handle;
        action.sa_flags = SA_SIGINFO;
        sigaction(SIGILL, &action, &emulation::previous);
    }
    ~Emulation() { sigaction(SIGILL, &emulation::previous, nullptr); }
    Emulation(const Emulation&) = delete;
    Emulation& operator=(const Emulation&) = delete;
    // Emulated since it began.
    std::size_t tile_products() const { return emulation::tile_products - tile_products_; }
    std::size_t vector_products() const { return emulation::vector_products - vector_products_; }

private:
    std::size_t tile_products_, vector_products_;
};

#else

class Emulation {
public:
    Emulation() {}
    std::size_t tile_products() const { return 0; }
    std::size_t vector_products() const { return 0; }
};

#endif

}  // namespace hearth::test
