#include "hearth/base/cpu.hpp"

#include <array>

#if defined(__x86_64__)
#include <cpuid.h>
#if defined(__linux__)
#include <sys/syscall.h>
#include <unistd.h>
#endif
#endif

#include "hearth/base/cat.hpp"

#if defined(__aarch64__) && defined(__APPLE__)
#include <sys/sysctl.h>
#elif defined(__aarch64__) && defined(__linux__)
#include <sys/auxv.h>
#endif

namespace hearth {

namespace {

#if defined(__x86_64__)
// Bit `bit` of EAX or EDX of CPUID leaf 7 (Intel SDM volume 2A, CPUID).
bool leaf7_eax(unsigned subleaf, unsigned bit) {
    unsigned a = 0, b = 0, c = 0, d = 0;
    return __get_cpuid_count(7, subleaf, &a, &b, &c, &d) != 0 && (a >> bit & 1) != 0;
}
bool leaf7_edx(unsigned subleaf, unsigned bit) {
    unsigned a = 0, b = 0, c = 0, d = 0;
    return __get_cpuid_count(7, subleaf, &a, &b, &c, &d) != 0 && (d >> bit & 1) != 0;
}

// The operating system saves tile registers (XCR0 bits 17 and 18) and lets this process use them. Linux wants to be
// asked before the first use (Documentation/arch/x86/xstate.rst); its answer holds for all threads.
bool tiles_granted() {
    unsigned a = 0, b = 0, c = 0, d = 0;
    if (__get_cpuid(1, &a, &b, &c, &d) == 0 || (c & bit_OSXSAVE) == 0) return false;
    unsigned low = 0, high = 0;
    __asm__("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
    if ((low >> 17 & 3) != 3) return false;
#if defined(__linux__) && defined(SYS_arch_prctl)
    constexpr long kRequestPermission = 0x1023, kTileData = 18;  // ARCH_REQ_XCOMP_PERM, XFEATURE_XTILEDATA
    return syscall(SYS_arch_prctl, kRequestPermission, kTileData) == 0;
#else
    return false;  // no other system is known to grant them
#endif
}

// __builtin_cpu_supports takes literals only, and checks the operating system's register support too.
bool cpu_has(std::string_view feature) {
#define HEARTH_FEATURE(name) \
    if (feature == #name) return __builtin_cpu_supports(#name) != 0
    HEARTH_FEATURE(avx2);
    HEARTH_FEATURE(fma);
    HEARTH_FEATURE(avx512f);
    HEARTH_FEATURE(avx512bw);
    HEARTH_FEATURE(avx512vl);
    HEARTH_FEATURE(avx512dq);
    HEARTH_FEATURE(avx512vnni);
#undef HEARTH_FEATURE
    // Names that not every compiler knows.
    if (feature == "avxvnni") return leaf7_eax(1, 4);
    if (feature == "amx-tile") return leaf7_edx(0, 24);
    if (feature == "amx-int8") return leaf7_edx(0, 25);
    // Every CPU with AVX2 has it, and GCC 10 does not know the name.
    if (feature == "f16c") return __builtin_cpu_supports("avx2") != 0;
    return false;
}
bool made_by_intel() {
    unsigned a = 0, b = 0, c = 0, d = 0;
    return __get_cpuid(0, &a, &b, &c, &d) != 0 && b == signature_INTEL_ebx && c == signature_INTEL_ecx &&
           d == signature_INTEL_edx;
}
constexpr std::string_view kProcessor = "x86";
#elif defined(__aarch64__)
// Features by the names that Linux gives them.
#if defined(__APPLE__)
bool cpu_has(std::string_view feature) {
    const char* const name = feature == "asimddp" ? "hw.optional.arm.FEAT_DotProd"
                             : feature == "i8mm"  ? "hw.optional.arm.FEAT_I8MM"
                                                  : nullptr;
    int value = 0;
    std::size_t size = sizeof value;
    return name != nullptr && sysctlbyname(name, &value, &size, nullptr, 0) == 0 && value != 0;
}
#elif defined(__linux__)
bool cpu_has(std::string_view feature) {
    // Numbers of asm/hwcap.h, which in older systems lacks the newer ones.
    constexpr unsigned long asimddp = 1ul << 20, i8mm = 1ul << 13;
    if (feature == "asimddp") return (getauxval(AT_HWCAP) & asimddp) != 0;
    if (feature == "i8mm") return (getauxval(AT_HWCAP2) & i8mm) != 0;
    return false;
}
#else
bool cpu_has(std::string_view) { return false; }
#endif
bool tiles_granted() { return false; }
bool made_by_intel() { return false; }
constexpr std::string_view kProcessor = "arm";  // NEON is part of the architecture
#else
bool cpu_has(std::string_view) { return false; }
bool tiles_granted() { return false; }
bool made_by_intel() { return false; }
constexpr std::string_view kProcessor = "other";
#endif

bool runs_here(std::string_view features, std::string_view processor) {
    if (processor != "any" && processor != kProcessor) return false;
    while (!features.empty()) {
        const std::size_t space = features.find(' ');
        if (!cpu_has(features.substr(0, space))) return false;
        features = space == std::string_view::npos ? std::string_view() : features.substr(space + 1);
    }
    return true;
}

IsaInfo look_at(IsaInfo info, std::string_view processor) {
    info.available = info.built && runs_here(info.needs, processor);
    if (info.available && info.needs.find("amx-tile") != std::string_view::npos) {
        info.available = tiles_granted();
        info.refused = !info.available;
    }
    return info;
}

const auto& table() {
#define HEARTH_ISA(name, features, processor, base, is_built) \
    look_at({Isa::name, Isa::base, #name, features, is_built != 0, false, false}, #processor),
    static const std::array list{
#include "hearth/isas.inc"
    };
#undef HEARTH_ISA
    return list;
}

}  // namespace

std::span<const IsaInfo> isa_list() { return table(); }

const IsaInfo& isa_info(Isa isa) { return table()[static_cast<std::size_t>(isa)]; }

bool gains_by_fetching() {
    static const bool gains = made_by_intel();
    return gains;
}

Isa best_isa() {
    Isa best = Isa::scalar;
    for (const IsaInfo& i : isa_list())
        if (i.available) best = i.isa;
    return best;
}

Result<Isa> isa_by_name(std::string_view name) {
    if (name.empty() || name == "auto") return best_isa();
    std::string known;
    for (const IsaInfo& i : isa_list()) {
        if (i.available) known += cat(known.empty() ? "" : ", ", i.name);
        if (i.name != name) continue;
        if (!i.built) return Status(Code::isa_unavailable, cat("instruction set '", name, "' is not part of this build"));
        if (i.refused)
            return Status(Code::isa_unavailable,
                          cat("instruction set '", name, "' needs tile registers, which the operating system does not grant"));
        if (!i.available)
            return Status(Code::isa_unavailable, cat("instruction set '", name, "' needs ", i.needs, ", which this CPU lacks"));
        return i.isa;
    }
    return Status(Code::isa_unavailable, cat("unknown instruction set '", name, "'; this CPU can run: ", known));
}

}  // namespace hearth
