// What the front ends build: rules whose bodies are expressions over literals and sets of code points.
// Thread class: one thread at a time.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "hearth/base/status.hpp"
#include "text/grammar/code_set.hpp"

namespace hearth::text::grammar {

using Expr = std::uint32_t;
using Rule = std::uint32_t;
inline constexpr std::uint32_t kUnbounded = 0xffffffff;

// Deeper nesting of an expression within one rule is refused by the front ends.
inline constexpr std::size_t kMostNesting = 200;
inline constexpr std::size_t kMostText = std::size_t{1} << 20;

enum class Op : std::uint8_t { literal, set, sequence, choice, repeat, rule };

struct Node {
    Op op;
    std::uint32_t low = 0, high = 0;  // repeat: how often; rule: low is its number
    std::string text;                 // literal: any bytes
    CodeSet set;
    std::vector<Expr> children;
};

class Ir {
public:
    Expr literal(std::string_view bytes) {
        return add({.op = Op::literal, .text = std::string(bytes), .set = {}, .children = {}});
    }
    Expr empty() { return literal(""); }
    Expr set(CodeSet set) { return add({.op = Op::set, .text = {}, .set = std::move(set), .children = {}}); }
    Expr sequence(std::vector<Expr> parts) {
        if (parts.size() == 1) return parts.front();
        return add({.op = Op::sequence, .text = {}, .set = {}, .children = std::move(parts)});
    }
    Expr choice(std::vector<Expr> parts) {
        if (parts.size() == 1) return parts.front();
        return add({.op = Op::choice, .text = {}, .set = {}, .children = std::move(parts)});
    }
    Expr repeat(Expr part, std::uint32_t low, std::uint32_t high) {
        return add({.op = Op::repeat, .low = low, .high = high, .text = {}, .set = {}, .children = {part}});
    }
    Expr optional(Expr part) { return repeat(part, 0, 1); }
    Expr rule(Rule number) { return add({.op = Op::rule, .low = number, .text = {}, .set = {}, .children = {}}); }

    Rule declare(std::string name) {
        bodies_.push_back(kUnbounded);
        names_.push_back(std::move(name));
        return static_cast<Rule>(bodies_.size() - 1);
    }
    void define(Rule number, Expr body) { bodies_[number] = body; }
    bool defined(Rule number) const { return bodies_[number] != kUnbounded; }

    // Sets that patterns looked up by name, which takes long.
    std::map<std::string, CodeSet, std::less<>> named_sets;

    const std::vector<Node>& nodes() const { return nodes_; }
    const std::vector<Expr>& bodies() const { return bodies_; }
    const std::string& name(Rule number) const { return names_[number]; }
    std::size_t rules() const { return bodies_.size(); }

private:
    Expr add(Node node) {
        nodes_.push_back(std::move(node));
        return static_cast<Expr>(nodes_.size() - 1);
    }
    std::vector<Node> nodes_;
    std::vector<Expr> bodies_;
    std::vector<std::string> names_;
};

struct Automaton;
// All rules are defined. Refuses left recursion and grammars of which no text exists.
Result<std::shared_ptr<const Automaton>> compile(const Ir& ir, Rule root);

}  // namespace hearth::text::grammar
