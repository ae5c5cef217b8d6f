// Instruction sets as named bundles, each on top of another one whose instructions it contains.
#pragma once

#include <span>
#include <string>
#include <string_view>

#include "hearth/base/status.hpp"

namespace hearth {

// From the slowest to the fastest of a processor; the list is that of the hearth_add_isa lines in src/CMakeLists.txt.
#define HEARTH_ISA(name, features, processor, base, built) name,
enum class Isa : int {
#include "hearth/isas.inc"
};
#undef HEARTH_ISA

struct IsaInfo {
    Isa isa;
    Isa base;  // the set whose kernels serve where this one has none; scalar's is itself
    std::string_view name;
    std::string_view needs;  // CPU features, for messages
    bool built;              // this library contains its kernels
    bool available;          // and they run here
    bool refused;            // the CPU could, the operating system does not grant its registers
};

std::span<const IsaInfo> isa_list();
const IsaInfo& isa_info(Isa isa);
// Whether this CPU's cores read long stretches faster where software fetches ahead of its loads. Intel's do (decoding was
// 20 % faster on an Emerald Rapids), AMD's do not (5 % slower on a Zen 4); no others have been measured.
bool gains_by_fetching();
// The best available one.
Isa best_isa();
// By name; an error that lists what there is when unknown, not built or beyond this CPU. "" or "auto" is the best.
Result<Isa> isa_by_name(std::string_view name);

}  // namespace hearth
