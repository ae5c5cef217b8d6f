#include "hearth/base/cpu.hpp"

#include <array>

#include "hearth/base/cat.hpp"

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
bool cpu_has(std::string_view) { return false; }
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
