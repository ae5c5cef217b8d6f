// Instruction sets as named bundles. Each later one on the same architecture contains the earlier ones.
#pragma once

#include <span>
#include <string>
#include <string_view>

#include "hearth/base/status.hpp"

namespace hearth {

// In the order in which kernels override each other; the list is that of the hearth_add_isa lines in src/CMakeLists.txt.
#define HEARTH_ISA(name, features, processor, built) name,
enum class Isa : int {
#include "hearth/isas.inc"
};
#undef HEARTH_ISA

struct IsaInfo {
    Isa isa;
    std::string_view name;
    std::string_view needs;  // CPU features, for messages
    bool built;              // this library contains its kernels
    bool available;          // and this CPU can run them
};

std::span<const IsaInfo> isa_list();
const IsaInfo& isa_info(Isa isa);
// The best available one.
Isa best_isa();
// By name; an error that lists what there is when unknown, not built or beyond this CPU. "" or "auto" is the best.
Result<Isa> isa_by_name(std::string_view name);

}  // namespace hearth
