// The tables of kernels: complete, and made from the lines of kernels.inc.
#include <algorithm>
#include <set>
#include <string>

#include "kernels/values.hpp"

namespace hearth::test {
namespace {

struct Line {
    Isa isa;
    std::string op;
};
const std::vector<Line>& lines() {
    static const std::vector<Line> list = {
#define HEARTH_KERNEL(isa, op) {Isa::isa, #op},
#include "kernels/kernels.inc"
#undef HEARTH_KERNEL
    };
    return list;
}
const std::vector<std::string>& ops() {
    static const std::vector<std::string> list = {
#define HEARTH_OP(name, type) #name,
#include "hearth/kernels/ops.inc"
#undef HEARTH_OP
    };
    return list;
}

// An instruction set and those below it.
std::set<Isa> chain_of(Isa isa) {
    std::set<Isa> chain{isa};
    while (isa_info(isa).base != isa) chain.insert(isa = isa_info(isa).base);
    return chain;
}

// The function of every operation, as bits.
std::vector<std::uintptr_t> functions(const KernelTable& table) {
    return {
#define HEARTH_OP(name, type) reinterpret_cast<std::uintptr_t>(table.name),
#include "hearth/kernels/ops.inc"
#undef HEARTH_OP
    };
}

}  // namespace

TEST_CASE("kernel_table: every operation stands once, scalar has them all") {
    std::set<std::pair<Isa, std::string>> seen;
    for (const Line& line : lines()) {
        CAPTURE(line.op);
        CHECK(seen.insert({line.isa, line.op}).second);
        CHECK(std::count(ops().begin(), ops().end(), line.op) == 1);
    }
    for (const std::string& op : ops()) {
        CAPTURE(op);
        CHECK(seen.count({Isa::scalar, op}) == 1);
    }
}

TEST_CASE("kernel_table: an instruction set runs its own kernels, else those of the sets below it, and no others") {
    std::size_t absent = 0;
    for (const IsaInfo& isa : isa_list()) {
        CAPTURE(isa.name);
        const std::vector<std::uintptr_t> own = functions(kernel_table(isa.isa));
        for (std::size_t op = 0; op < ops().size(); ++op) {
            CAPTURE(ops()[op]);
            REQUIRE(own[op] != 0);
            const Isa origin = kernel_origin(isa.isa, op);
            const std::set<Isa> chain = chain_of(isa.isa);
            CHECK(chain.count(origin) == 1);
            CHECK(isa_info(origin).built);
            CHECK(own[op] == functions(kernel_table(origin))[op]);
            // Nothing between origin and isa has code of its own.
            for (const Line& line : lines()) {
                if (line.op != ops()[op] || chain.count(line.isa) == 0 || !isa_info(line.isa).built) continue;
                CHECK(line.isa <= origin);
            }
        }
    }
    for (const Line& line : lines())
        if (isa_info(line.isa).built && execution(isa_info(line.isa)) == Execution::impossible) ++absent;
    if (absent > 0) MESSAGE("SKIPPED " << absent << " kernels of instruction sets that this CPU lacks");
}

}  // namespace hearth::test
