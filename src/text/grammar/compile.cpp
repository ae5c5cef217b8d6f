#include <algorithm>
#include <map>
#include <optional>
#include <tuple>

#include "hearth/base/cat.hpp"
#include "text/grammar/automaton.hpp"
#include "text/grammar/ir.hpp"

namespace hearth::text::grammar {

namespace {

constexpr std::size_t kMostStates = std::size_t{1} << 20;
constexpr std::size_t kMostEdges = std::size_t{1} << 22;
// Of what can be empty every number of repetitions is tried at once.
constexpr std::uint32_t kMostEmptyRepeats = 100;
// Repetitions of one character up to this are written out, which needs no stack.
constexpr std::uint32_t kUnrolled = 8;

// The least solution of: a node holds where `base` says so, where all parts of a sequence hold, any of a choice, the
// body of a rule or repetition. Linear in the size of the grammar.
std::vector<char> propagate(const Ir& ir, std::vector<char> base) {
    const auto& nodes = ir.nodes();
    std::vector<std::vector<Expr>> parents(nodes.size());
    std::vector<std::uint32_t> missing(nodes.size(), 1);
    for (Expr i = 0; i < nodes.size(); ++i) {
        for (const Expr child : nodes[i].children) parents[child].push_back(i);
        if (nodes[i].op == Op::rule) parents[ir.bodies()[nodes[i].low]].push_back(i);
        if (nodes[i].op == Op::sequence) {
            missing[i] = static_cast<std::uint32_t>(nodes[i].children.size());
            if (missing[i] == 0) base[i] = 1;
        }
    }
    std::vector<Expr> work;
    for (Expr i = 0; i < nodes.size(); ++i)
        if (base[i]) work.push_back(i);
    while (!work.empty()) {
        const Expr done = work.back();
        work.pop_back();
        for (const Expr parent : parents[done])
            if (!base[parent] && --missing[parent] == 0) {
                base[parent] = 1;
                work.push_back(parent);
            }
    }
    return base;
}

class Compiler {
public:
    explicit Compiler(const Ir& ir) : ir_(ir) {}

    Result<std::shared_ptr<const Automaton>> run(Rule root) {
        find_facts();
        if (!productive_[ir_.bodies()[root]])
            return Status(Code::invalid_argument,
                          cat("no text belongs to the grammar: ", ir_.name(root), " never ends"));
        HEARTH_TRY(refuse_left_recursion());
        add({.kind = Kind::end});
        out_.rule_starts.resize(ir_.rules());
        for (Rule rule = 0; rule < ir_.rules(); ++rule) {
            const Expr body = ir_.bodies()[rule];
            if (productive_[body]) out_.rule_starts[rule] = emit(body, 0);
            HEARTH_TRY(status_);
        }
        out_.start = out_.rule_starts[root];
        shorten();
        find_classes();
        return std::shared_ptr<const Automaton>(std::make_shared<Automaton>(std::move(out_)));
    }

private:
    void find_facts() {
        const auto& nodes = ir_.nodes();
        std::vector<char> empty(nodes.size()), text(nodes.size());
        for (Expr i = 0; i < nodes.size(); ++i) {
            const Node& node = nodes[i];
            empty[i] = (node.op == Op::literal && node.text.empty()) || (node.op == Op::repeat && node.low == 0);
            text[i] = node.op == Op::literal || (node.op == Op::set && !node.set.empty()) ||
                      (node.op == Op::repeat && node.low == 0);
        }
        nullable_ = propagate(ir_, std::move(empty));
        productive_ = propagate(ir_, std::move(text));
    }

    // The parts at whose beginning `node` may begin.
    std::vector<Expr> leftmost(const Node& node) const {
        if (node.op == Op::rule) return {ir_.bodies()[node.low]};
        if (node.op != Op::sequence) return node.children;
        std::vector<Expr> out;
        for (const Expr child : node.children) {
            out.push_back(child);
            if (!nullable_[child]) break;
        }
        return out;
    }

    Status refuse_left_recursion() const {
        const auto& nodes = ir_.nodes();
        std::vector<char> seen(nodes.size());  // 1: being looked at, 2: done
        struct Place {
            Expr node;
            std::vector<Expr> parts;
            std::size_t at;
        };
        for (Rule rule = 0; rule < ir_.rules(); ++rule) {
            const Expr body = ir_.bodies()[rule];
            if (seen[body]) continue;
            std::vector<Place> path;
            seen[body] = 1;
            path.push_back({body, leftmost(nodes[body]), 0});
            while (!path.empty()) {
                Place& top = path.back();
                if (top.at == top.parts.size()) {
                    seen[top.node] = 2;
                    path.pop_back();
                    continue;
                }
                const Expr part = top.parts[top.at++];
                if (!productive_[part] || seen[part] == 2) continue;
                if (seen[part] == 1) return left_recursion(part, top.node);
                seen[part] = 1;
                path.push_back({part, leftmost(nodes[part]), 0});
            }
        }
        return {};
    }
    Status left_recursion(Expr body, Expr from) const {
        Rule rule = ir_.nodes()[from].op == Op::rule ? ir_.nodes()[from].low : 0;
        for (Rule i = 0; i < ir_.rules(); ++i)
            if (ir_.bodies()[i] == body) rule = i;
        return {Code::unsupported,
                cat("rule '", ir_.name(rule),
                    "' begins with itself (left recursion); write it as a repetition or let it begin with "
                    "something else")};
    }

    std::uint32_t add(AutomatonState state) {
        if (out_.states.size() >= kMostStates) {
            if (status_.ok())
                status_ = {Code::unsupported, cat("the grammar is too large: more than ", kMostStates, " states")};
            return 0;
        }
        out_.states.push_back(state);
        return static_cast<std::uint32_t>(out_.states.size() - 1);
    }
    std::uint32_t add_bytes(const std::vector<Edge>& edges) {
        if (out_.edges.size() + edges.size() > kMostEdges) {
            if (status_.ok())
                status_ = {Code::unsupported, cat("the grammar is too large: more than ", kMostEdges, " edges")};
            return 0;
        }
        const auto first = static_cast<std::uint32_t>(out_.edges.size());
        out_.edges.insert(out_.edges.end(), edges.begin(), edges.end());
        return add({.kind = Kind::bytes, .first = first, .count = static_cast<std::uint32_t>(edges.size())});
    }
    std::uint32_t add_split(const std::vector<std::uint32_t>& targets) {
        const std::uint32_t state = add({.kind = Kind::split});
        set_split(state, targets);
        return state;
    }
    void set_split(std::uint32_t state, const std::vector<std::uint32_t>& targets) {
        if (!status_.ok()) return;
        out_.states[state].first = static_cast<std::uint32_t>(out_.targets.size());
        out_.states[state].count = static_cast<std::uint32_t>(targets.size());
        out_.targets.insert(out_.targets.end(), targets.begin(), targets.end());
    }

    std::uint32_t emit_set(const CodeSet& set, std::uint32_t next) {
        std::map<std::tuple<std::uint8_t, std::uint8_t, std::uint32_t>, std::uint32_t> tails;
        std::vector<Edge> edges;
        for (const ByteSequence& sequence : utf8_sequences(set)) {
            std::uint32_t target = next;
            for (std::size_t i = sequence.size; i-- > 1;) {
                const ByteRange range = sequence.bytes[i];
                const auto [at, added] = tails.try_emplace({range.low, range.high, target}, 0);
                if (added) at->second = add_bytes({{range.low, range.high, target}});
                target = at->second;
            }
            edges.push_back({sequence.bytes[0].low, sequence.bytes[0].high, target});
        }
        return add_bytes(edges);
    }

    // The state from which `expr` and then `next` is read. Depth: that of the expression, which front ends bound.
    std::uint32_t emit(Expr expr, std::uint32_t next) {
        if (!status_.ok()) return 0;
        const Node& node = ir_.nodes()[expr];
        switch (node.op) {
            case Op::literal:
                for (std::size_t i = node.text.size(); i-- > 0;) {
                    const auto byte = static_cast<std::uint8_t>(node.text[i]);
                    next = add_bytes({{byte, byte, next}});
                }
                return next;
            case Op::set:
                return emit_set(node.set, next);
            case Op::sequence:
                for (std::size_t i = node.children.size(); i-- > 0;) next = emit(node.children[i], next);
                return next;
            case Op::choice: {
                std::vector<std::uint32_t> targets;
                for (const Expr child : node.children)
                    if (productive_[child]) targets.push_back(emit(child, next));
                return add_split(targets);
            }
            case Op::rule:
                return add({.kind = Kind::call, .first = node.low, .next = next});
            case Op::repeat:
                return emit_repeat(node, next);
        }
        return next;
    }
    std::uint32_t emit_repeat(const Node& node, std::uint32_t next) {
        const Expr child = node.children.front();
        if (node.high == 0 || !productive_[child]) return next;
        if (node.high == kUnbounded && node.low <= 1) {
            const std::uint32_t again = add({.kind = Kind::split});
            const std::uint32_t body = emit(child, again);
            set_split(again, {body, next});
            return node.low == 0 ? again : body;
        }
        const Op op = ir_.nodes()[child].op;
        if (node.high == 1 || (node.high <= kUnrolled && (op == Op::set || op == Op::literal))) {
            std::uint32_t from = next;
            for (std::uint32_t i = node.high; i-- > 0;) {
                from = emit(child, from);
                if (i >= node.low) from = add_split({from, next});
            }
            return from;
        }
        std::uint32_t low = node.low;
        if (nullable_[child]) {
            low = 0;
            if (node.high == kUnbounded) {
                const std::uint32_t again = add({.kind = Kind::split});
                set_split(again, {emit(child, again), next});
                return again;
            }
            if (node.high > kMostEmptyRepeats) {
                if (status_.ok())
                    status_ = {Code::unsupported, cat("what can be empty is repeated up to ", node.high,
                                                      " times; at most ", kMostEmptyRepeats, " are supported")};
                return 0;
            }
        }
        const std::uint32_t body = emit(child, 0);
        return add({.kind = Kind::loop, .first = body, .next = next, .low = low, .high = node.high});
    }

    // A split with one target is that target; so calls at the end of rules are seen as such and need no stack.
    void shorten() {
        const auto follow = [&](std::uint32_t& state) {
            while (out_.states[state].kind == Kind::split && out_.states[state].count == 1 &&
                   out_.targets[out_.states[state].first] != state)
                state = out_.targets[out_.states[state].first];
        };
        for (auto& state : out_.states)
            if (state.kind == Kind::call || state.kind == Kind::loop) follow(state.next);
    }

    void find_classes() {
        std::array<bool, 257> begins{};
        begins[0] = true;
        for (const Edge& edge : out_.edges) {
            begins[edge.low] = true;
            begins[std::size_t{edge.high} + 1] = true;
        }
        for (std::size_t byte = 0; byte < 256; ++byte) {
            if (begins[byte]) out_.examples.push_back(static_cast<std::uint8_t>(byte));
            out_.classes[byte] = static_cast<std::uint8_t>(out_.examples.size() - 1);
        }
    }

    const Ir& ir_;
    std::vector<char> nullable_, productive_;
    Automaton out_;
    Status status_;
};

}  // namespace

Result<std::shared_ptr<const Automaton>> compile(const Ir& ir, Rule root) { return Compiler(ir).run(root); }

}  // namespace hearth::text::grammar
