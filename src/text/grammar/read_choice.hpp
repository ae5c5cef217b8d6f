// What grammars and patterns are read alike in.
#pragma once

#include <cstddef>
#include <utility>
#include <vector>

#include "hearth/base/cat.hpp"
#include "text/grammar/ir.hpp"
#include "text/grammar/source.hpp"

namespace hearth::text::grammar {

// Ways with '|' between, each read by `way`, within `depth` groups.
template <class Way>
Result<Expr> read_choice(Source& in, Ir& ir, std::size_t depth, Way&& way) {
    if (depth > kMostNesting) return in.error(cat("groups are nested more than ", kMostNesting, " deep"));
    std::vector<Expr> ways;
    do {
        HEARTH_ASSIGN(const Expr one, way());
        ways.push_back(one);
    } while (in.take("|"));
    return ir.choice(std::move(ways));
}

}  // namespace hearth::text::grammar
