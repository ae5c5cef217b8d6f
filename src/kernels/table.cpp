// The tables of all instruction sets, made by the compiler from ops.inc and kernels.inc.
#include "hearth/kernels/kernels.hpp"

#include <type_traits>

namespace hearth {

#define HEARTH_KERNEL(isa, op)                           \
    namespace isa {                                      \
    std::remove_pointer_t<decltype(KernelTable::op)> op; \
    }
#include "kernels/kernels.inc"
#undef HEARTH_KERNEL

namespace {

// Numbers of the operations, in the order of ops.inc.
namespace op_index {
enum : std::size_t {
#define HEARTH_OP(name, type) name,
#include "hearth/kernels/ops.inc"
#undef HEARTH_OP
    count
};
}  // namespace op_index

constexpr bool kBuilt[] = {
#define HEARTH_ISA(name, features, processor, base, built) built != 0,
#include "hearth/isas.inc"
#undef HEARTH_ISA
};
constexpr Isa kBase[] = {
#define HEARTH_ISA(name, features, processor, base, built) Isa::base,
#include "hearth/isas.inc"
#undef HEARTH_ISA
};
constexpr std::size_t kIsas = sizeof kBuilt / sizeof kBuilt[0];

constexpr std::size_t index_of(Isa isa) { return static_cast<std::size_t>(isa); }

struct Tables {
    KernelTable table[kIsas] = {};
    Isa origin[kIsas][op_index::count] = {};
};

constexpr Tables make_tables() {
    Tables t;
    for (std::size_t i = 0; i < kIsas; ++i) {
        const std::size_t base = index_of(kBase[i]);
        t.table[i] = t.table[base];
        for (std::size_t op = 0; op < op_index::count; ++op) t.origin[i][op] = t.origin[base][op];
        // Kernels of a set that this build lacks are declared and never named.
#define HEARTH_KERNEL(isa, op)                    \
    if constexpr (kBuilt[index_of(Isa::isa)]) {   \
        if (i == index_of(Isa::isa)) {            \
            t.table[i].op = isa::op;              \
            t.origin[i][op_index::op] = Isa::isa; \
        }                                         \
    }
#include "kernels/kernels.inc"
#undef HEARTH_KERNEL
    }
    return t;
}

constexpr Tables kTables = make_tables();

}  // namespace

const KernelTable& kernel_table(Isa isa) { return kTables.table[index_of(isa)]; }

Isa kernel_origin(Isa isa, std::size_t op) { return kTables.origin[index_of(isa)][op]; }

}  // namespace hearth
