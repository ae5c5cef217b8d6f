#include "hearth/base/cpu.hpp"

#include <array>

#include "hearth/base/cat.hpp"

#if defined(__aarch64__) && defined(__APPLE__)
#include <sys/sysctl.h>
#elif defined(__aarch64__) && defined(__linux__)
#include <sys/auxv.h>
#endif

namespace hearth {

namespace {

#if defined(__x86_64__)
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
    // Every CPU with AVX2 has it, and GCC 10 does not know the name.
    if (feature == "f16c") return __builtin_cpu_supports("avx2") != 0;
    return false;
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
constexpr std::string_view kProcessor = "arm";  // NEON is part of the architecture
#else
bool cpu_has(std::string_view) { return false; }
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

const auto& table() {
#define HEARTH_ISA(name, features, processor, is_built) \
    IsaInfo{Isa::name, #name, features, is_built != 0, is_built != 0 && runs_here(features, #processor)},
    static const std::array list{
#include "hearth/isas.inc"
    };
#undef HEARTH_ISA
    return list;
}

}  // namespace

std::span<const IsaInfo> isa_list() { return table(); }

const IsaInfo& isa_info(Isa isa) { return table()[static_cast<std::size_t>(isa)]; }

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
        if (!i.available)
            return Status(Code::isa_unavailable, cat("instruction set '", name, "' needs ", i.needs, ", which this CPU lacks"));
        return i.isa;
    }
    return Status(Code::isa_unavailable, cat("unknown instruction set '", name, "'; this CPU can run: ", known));
}

}  // namespace hearth
