// The pushdown automaton over bytes that a grammar becomes (a recursive transition network, W. A. Woods 1970): states
// with byte edges, calls of rules that push where to go on, and loops that push how often their body has been entered.
// Thread class: immutable, shareable.
#pragma once

#include <array>
#include <cstdint>
#include <vector>

namespace hearth::text::grammar {

enum class Kind : std::uint8_t {
    bytes,  // edges [first, first + count)
    split,  // targets [first, first + count), without reading
    call,   // goes to the start of rule `first`, then to `next`
    loop,   // the body at `first`, low to high times, then `next`
    end     // of a rule or a body: goes on where the top of the stack says
};

struct AutomatonState {
    Kind kind;
    std::uint32_t first = 0, count = 0, next = 0;
    std::uint32_t low = 0, high = 0;  // kUnbounded: without limit
};

struct Edge {
    std::uint8_t low, high;
    std::uint32_t target;
};

struct Automaton {
    std::vector<AutomatonState> states;
    std::vector<Edge> edges;
    std::vector<std::uint32_t> targets;
    std::vector<std::uint32_t> rule_starts;
    std::uint32_t start = 0;
    std::array<std::uint8_t, 256> classes{};  // bytes of a class are treated alike by every state
    std::vector<std::uint8_t> examples;       // [number of classes], a byte of each
};

}  // namespace hearth::text::grammar
