// Mixtures of experts against sums in double over the decoded weights, and against themselves: one token alone on one
// worker is what every batch, split and number of workers must repeat.
#include "hearth/layers/moe.hpp"

#include <bit>
#include <limits>
#include <numeric>

#include "kernels/values.hpp"
#include "layers/support.hpp"

namespace hearth::test {
namespace {

struct Shape {
    MoeSpec spec;
    std::size_t k = 64;
    const char* types[3] = {"F32", "F32", "F32"};  // gate, up, down
    bool biases = false, scales = false, fused = false, selection_bias = false;
    bool by_token = false;
    float limit = 0, shared_limit = 0;
};

// The id of a token that has these values.
constexpr std::size_t kTokenIds = 11;
std::int32_t id_of(const float* x) { return static_cast<std::int32_t>(std::bit_cast<std::uint32_t>(*x) % kTokenIds); }

struct Stack {
    std::size_t rows = 0, k = 0;
    std::vector<float> values, bias, scale;  // [matrices, rows, k], [matrices, rows], [matrices]
    double product(std::size_t matrix, std::size_t row, const std::vector<double>& x) const {
        double sum = 0;
        for (std::size_t i = 0; i < k; ++i) sum += static_cast<double>(values[(matrix * rows + row) * k + i]) * x[i];
        if (!scale.empty()) sum *= static_cast<double>(scale[matrix]);
        return bias.empty() ? sum : sum + static_cast<double>(bias[matrix * rows + row]);
    }
    std::vector<double> all(std::size_t matrix, const std::vector<double>& x) const {
        std::vector<double> y(rows);
        for (std::size_t r = 0; r < rows; ++r) y[r] = product(matrix, r, x);
        return y;
    }
};

class Mixture {
public:
    Shape shape;
    MoeWeights weights;
    MoeForms forms;
    ActivationNeeds needs;
    std::size_t gemm_scratch = 0;
    Stack router, gate, up, down, shared_router, shared_gate, shared_up, shared_down;

    explicit Mixture(const Shape& s, std::uint64_t seed = 7) : shape(s), draws_(seed), executor_(executor_of(2)) {
        const MoeSpec& m = s.spec;
        weights.router = load(router, "F32", s.k, m.experts, 1, s.biases);
        if (s.selection_bias) weights.selection_bias = draws_.many(m.experts, 0.3F);
        for (std::size_t i = 0; s.by_token && i < kTokenIds * m.used; ++i)  // ids of a token descend, and may be the same
            weights.by_token.push_back(static_cast<std::uint16_t>(m.experts - 1 - i * i % m.experts));
        weights.limit = s.limit;
        weights.shared_limit = s.shared_limit;
        if (s.fused) {
            weights.gate_up = load(gate, s.types[0], s.k, m.feed_forward, 2 * m.experts, s.biases, 2);
            gathered(weights.gate_up);
        } else {
            weights.gate = load(gate, s.types[0], s.k, m.feed_forward, m.experts, s.biases);
            weights.up = load(up, s.types[1], s.k, m.feed_forward, m.experts, s.biases);
            gathered(weights.gate);
            gathered(weights.up);
        }
        weights.down = load(down, s.types[2], m.feed_forward, s.k, m.experts, s.biases);
        forms.activated.add(weights.down);
        needs.add(weights.router);
        if (m.shared_feed_forward == 0) return;
        if (m.shared_gated) weights.shared_router = load(shared_router, "F32", s.k, 1, 1, false);
        weights.shared_gate = load(shared_gate, s.types[2], s.k, m.shared_feed_forward, 1, false);
        weights.shared_up = load(shared_up, s.types[0], s.k, m.shared_feed_forward, 1, false);
        weights.shared_down = load(shared_down, s.types[1], m.shared_feed_forward, s.k, 1, false);
        needs.add(weights.shared_gate);
        needs.add(weights.shared_up);
        forms.activated.add(weights.shared_down);
    }

    // [tokens, k]
    std::vector<float> run(const std::vector<float>& x, std::size_t workers, Isa isa = best_isa(),
                           std::size_t chunk = SIZE_MAX, bool in_place = false) const {
        const std::size_t k = shape.k, tokens = x.size() / k;
        chunk = std::min(chunk, tokens);
        const auto memory = std::make_shared<Memory>();
        auto workspace = MoeWorkspace::make(memory, shape.spec, forms, chunk, workers);
        REQUIRE(workspace.ok());
        CHECK(memory->budget.used() == MoeWorkspace::bytes(shape.spec, forms, chunk));
        Workers threads(workers, moe_scratch_bytes(forms, k) + gemm_scratch);
        const RunContext run = threads.run(kernel_table(isa));
        std::vector<std::byte> q8_32(chunk * activation_bytes(Activation::q8_32, k) + 1),
            q8_256(chunk * activation_bytes(Activation::q8_256, k) + 1);
        std::vector<float> y(x.size());
        for (std::size_t t = 0; t < tokens; t += chunk) {
            const std::size_t n = std::min(chunk, tokens - t);
            if (in_place) std::copy_n(x.data() + t * k, n * k, y.data() + t * k);
            const LinearInput input{in_place ? y.data() + t * k : x.data() + t * k, q8_32.data(), q8_256.data(), n, k};
            for (std::size_t i = 0; i < n; ++i) quantize_token(run, input, needs, i);
            std::vector<std::int32_t> ids;
            for (std::size_t i = 0; i < n; ++i) ids.push_back(id_of(x.data() + (t + i) * k));
            // What stands in y when tokens are said to be complete.
            std::vector<float> complete;
            auto then = [&](std::size_t first, std::size_t end, std::size_t worker) {
                const float* const at = y.data() + (t + first) * k;
                if (worker < workers) complete.insert(complete.end(), at, at + (end - first) * k);
            };
            moe_feed_forward(run, shape.spec, weights, *workspace, input, {y.data() + t * k}, then, ids);
            check_same(complete, {y.begin() + static_cast<std::ptrdiff_t>(t * k),
                                  y.begin() + static_cast<std::ptrdiff_t>((t + n) * k)});
        }
        return y;
    }

    // One token in double. Experts are chosen by the definition: sort by score, then id.
    std::vector<double> expected(const float* token) const {
        const MoeSpec& m = shape.spec;
        const std::vector<double> x(token, token + shape.k);
        const std::vector<double> logits = router.all(0, x);
        std::vector<double> p = logits;
        double sum = 0;
        for (double& v : p) {
            v = m.gating == Gating::sigmoid            ? 1 / (1 + std::exp(-v))
                : m.gating == Gating::root_of_softplus ? std::sqrt(std::log1p(std::exp(v)))
                                                       : std::exp(v);
            sum += v;
        }
        if (m.gating == Gating::softmax)
            for (double& v : p) v /= sum;
        std::vector<double> score = p;
        for (std::size_t e = 0; e < weights.selection_bias.size(); ++e)
            score[e] += static_cast<double>(weights.selection_bias[e]);
        std::vector<std::size_t> order(m.experts);
        std::iota(order.begin(), order.end(), 0);
        std::stable_sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) { return score[a] > score[b]; });
        order.resize(m.used);
        if (shape.by_token)
            std::copy_n(weights.by_token.begin() + id_of(token) * static_cast<std::ptrdiff_t>(m.used), m.used, order.begin());
        double total = 0;
        for (const std::size_t e : order) total += p[e];
        std::vector<double> y(shape.k);
        const auto add = [&](const Stack& g, std::size_t gi, const Stack& u, std::size_t ui, const Stack& d,
                             std::size_t di, double w, double limit) {
            std::vector<double> in = x;
            if (m.weigh_inputs) {
                for (double& v : in) v *= w;
                w = 1;
            }
            std::vector<double> a = g.all(gi, in), b = u.all(ui, in);
            for (std::size_t i = 0; i < a.size(); ++i) {
                if (limit != 0) {
                    a[i] = std::min(a[i], limit);
                    b[i] = std::clamp(b[i], -limit, limit);
                }
                if (m.glu == Glu::clamped_silu) {
                    a[i] = std::min(a[i], 7.0);
                    a[i] = a[i] / (1 + std::exp(-1.702 * a[i])) * (std::clamp(b[i], -7.0, 7.0) + 1);
                } else if (m.glu == Glu::gelu) {
                    a[i] = 0.5 * a[i] * (1 + std::tanh(0.7978845608028654 * (a[i] + 0.044715 * std::pow(a[i], 3)))) * b[i];
                } else {
                    a[i] = a[i] / (1 + std::exp(-a[i])) * b[i];
                }
            }
            for (std::size_t r = 0; r < shape.k; ++r) y[r] += w * d.product(di, r, a);
        };
        for (const std::size_t e : order) {
            double w = p[e];
            if (m.gating == Gating::softmax_of_chosen || m.normalize) w /= total;
            w *= static_cast<double>(m.scale);
            if (shape.fused)
                add(gate, 2 * e, gate, 2 * e + 1, down, e, w, static_cast<double>(shape.limit));
            else
                add(gate, e, up, e, down, e, w, static_cast<double>(shape.limit));
        }
        if (m.shared_feed_forward != 0)
            add(shared_gate, 0, shared_up, 0, shared_down, 0,
                shape.spec.shared_gated ? 1 / (1 + std::exp(-shared_router.product(0, 0, x))) : 1.0,
                static_cast<double>(shape.shared_limit));
        return y;
    }

    std::vector<float> inputs(std::size_t tokens) { return draws_.many(tokens * shape.k, 2); }

private:
    Linear load(Stack& stack, const char* type, std::size_t k, std::size_t rows, std::size_t matrices, bool bias,
                std::size_t split = 1) {
        const Codec& codec = *find_codec(type);
        auto bytes = random_blocks(draws_, codec, k * rows * matrices, 2 / std::sqrt(static_cast<float>(k)));
        stack.rows = rows;
        stack.k = k;
        stack.values = decoded(codec, bytes);
        const std::string name = cat("w", count_++);
        const TensorInfo* w = tensors_.add(name, codec.id, {k, rows * split, matrices / split}, std::move(bytes));
        const TensorInfo *b = nullptr, *s = nullptr;
        if (bias) {
            stack.bias = draws_.many(rows * matrices, 0.5F);
            b = tensors_.add_floats(name + ".bias", stack.bias);
        }
        if (shape.scales && split == 1 && matrices > 1) {
            stack.scale = draws_.many(matrices, 0.5F, 1);
            s = tensors_.add_floats(name + ".scale", stack.scale);
        }
        gemm_scratch = std::max<std::size_t>(gemm_scratch, Linear::scratch_bytes(w));
        const auto memory = std::make_shared<Memory>();
        LoadContext context{tensors_, memory, *executor_, Logger{}};
        auto loaded = Linear::load(context, w, b, s, split);
        REQUIRE_MESSAGE(loaded.ok(), loaded.status().message());
        CHECK(memory->budget.used() == Linear::memory_bytes(w, split));
        CHECK(loaded->matrices() == matrices);
        return *std::move(loaded);
    }
    void gathered(const Linear& w) {
        forms.gathered[static_cast<std::size_t>(w.activation())] = true;
        needs.add(w);
    }

    Draws draws_;
    Tensors tensors_;
    std::unique_ptr<Executor> executor_;
    std::size_t count_ = 0;
};

MoeSpec spec_of(std::uint32_t experts, std::uint32_t used, std::uint32_t width, std::uint32_t shared = 0) {
    MoeSpec s;
    s.experts = experts;
    s.used = used;
    s.feed_forward = width;
    s.shared_feed_forward = shared;
    return s;
}

std::vector<Shape> float_shapes() {
    std::vector<Shape> list;
    Shape s;
    s.spec = spec_of(8, 2, 24);
    list.push_back(s);
    s.spec.normalize = true;
    s.spec.scale = 2.5F;
    s.biases = true;
    s.scales = true;
    list.push_back(s);
    s = {};
    s.spec = spec_of(5, 3, 40, 56);  // rows that are not whole panels
    s.spec.gating = Gating::sigmoid;
    s.spec.shared_gated = true;
    s.selection_bias = true;
    list.push_back(s);
    s.spec.normalize = true;
    s.spec.shared_gated = false;
    s.fused = true;
    list.push_back(s);
    s = {};
    s.spec = spec_of(6, 6, 16);  // every expert
    s.spec.gating = Gating::softmax_of_chosen;
    s.spec.glu = Glu::clamped_silu;
    s.biases = true;
    s.fused = true;
    list.push_back(s);
    s.biases = false;
    s.spec = spec_of(6, 2, 24, 40);
    s.spec.gating = Gating::sigmoid;
    s.spec.weigh_inputs = true;
    s.spec.glu = Glu::gelu;
    list.push_back(s);
    s = {};
    s.spec = spec_of(9, 3, 24, 32);
    s.spec.gating = Gating::root_of_softplus;
    s.spec.normalize = true;
    s.limit = 0.5F;
    s.selection_bias = true;
    list.push_back(s);
    s.by_token = true;
    s.selection_bias = false;
    s.shared_limit = 0.25F;
    s.fused = true;
    list.push_back(s);
    s = {};
    s.biases = true;
    s.spec = spec_of(1, 1, 200, 8);  // wider than a tile
    s.fused = false;
    s.k = 144;
    list.push_back(s);
    return list;
}

std::vector<Shape> all_shapes() {
    std::vector<Shape> list = float_shapes();
    Shape s;
    s.k = 256;
    s.spec = spec_of(7, 3, 256, 256);
    for (const char* type : {"Q4_K", "Q8_0", "MXFP4"}) {
        std::fill_n(s.types, 3, type);
        s.fused = !s.fused;
        list.push_back(s);
    }
    s.types[0] = "Q4_K";  // three forms of the same input
    s.types[1] = "Q4_0";
    s.types[2] = "F16";
    s.fused = false;
    list.push_back(s);
    return list;
}

}  // namespace

TEST_CASE("moe: the output is the weighted sum of the chosen experts") {
    for (const Shape& s : float_shapes()) {
        Mixture m(s);
        const std::size_t tokens = 70;  // more than a tile for an expert that all choose
        const auto x = m.inputs(tokens);
        const auto y = m.run(x, 2);
        double worst = 0, largest = 0;
        for (std::size_t t = 0; t < tokens; ++t) {
            const auto e = m.expected(x.data() + t * s.k);
            for (std::size_t r = 0; r < s.k; ++r) {
                worst = std::max(worst, std::fabs(static_cast<double>(y[t * s.k + r]) - e[r]));
                largest = std::max(largest, std::fabs(e[r]));
            }
        }
        CAPTURE(s.spec.experts);
        CAPTURE(s.spec.used);
        CHECK(largest > 0.1);
        CHECK_MESSAGE(worst < 2e-5 * largest, "of the largest output: " << worst / largest);
    }
}

TEST_CASE("moe: a token's bits do not depend on instruction set, workers, batch, cut or place") {
    for (const Shape& s : all_shapes()) {
        CAPTURE(s.types[0]);
        CAPTURE(s.spec.experts);
        Mixture m(s);
        const std::size_t tokens = 75;
        const auto x = m.inputs(tokens);
        const auto reference = m.run(x, 1, reference_isa(), 1);
        for (const Isa isa : available_isas()) {
            check_same(m.run(x, 2, isa), reference);
            check_same(m.run(x, 1, isa, 1), reference);
        }
        for (const std::size_t workers : {1, 2, 3, 5})
            for (const std::size_t chunk : {std::size_t{1}, std::size_t{2}, std::size_t{17}, SIZE_MAX})
                check_same(m.run(x, workers, best_isa(), chunk, workers == 3), reference);
        // The same tokens in another order.
        std::vector<float> turned(x.size()), back(x.size());
        for (std::size_t t = 0; t < tokens; ++t)
            std::copy_n(x.data() + t * s.k, s.k, turned.data() + (tokens - 1 - t) * s.k);
        const auto y = m.run(turned, 2);
        for (std::size_t t = 0; t < tokens; ++t)
            std::copy_n(y.data() + t * s.k, s.k, back.data() + (tokens - 1 - t) * s.k);
        check_same(back, reference);
    }
}

namespace {

struct Routed {
    std::vector<std::uint32_t> ids;
    std::vector<float> weights;
};

Routed routed(const MoeSpec& spec, std::vector<float> logits, const std::vector<float>& bias = {},
              Isa isa = best_isa()) {
    REQUIRE(logits.size() == spec.experts);
    logits.resize(2 * logits.size(), 123.0F);
    Routed r{std::vector<std::uint32_t>(spec.used, 99), std::vector<float>(spec.used)};
    route(spec, bias, kernel_table(isa), logits.data(), r.ids.data(), r.weights.data());
    return r;
}

using Ids = std::vector<std::uint32_t>;

}  // namespace

TEST_CASE("moe: the highest scores are picked, of equal ones those of lower id, and listed by id") {
    MoeSpec s = spec_of(6, 3, 8);
    for (const Gating gating : {Gating::softmax, Gating::sigmoid, Gating::softmax_of_chosen, Gating::root_of_softplus}) {
        s.gating = gating;
        CHECK(routed(s, {1, 5, 3, 2, 4, 0}).ids == Ids{1, 2, 4});
        CHECK(routed(s, {2, 2, 2, 2, 2, 2}).ids == Ids{0, 1, 2});
        CHECK(routed(s, {0, 2, 1, 2, 2, 2}).ids == Ids{1, 3, 4});
        CHECK(routed(s, {-0.0F, 0.0F, -0.0F, 0.0F, -1, -1}).ids == Ids{0, 1, 2});
    }
    // Two logits whose exponentials round to one are still told apart.
    s.gating = Gating::softmax;
    s.used = 1;
    CHECK(routed(s, {-1e-8F, 0, -20, -20, -20, -20}).ids == Ids{1});
    // A bias picks but does not weigh.
    s.used = 2;
    s.gating = Gating::sigmoid;
    const auto r = routed(s, {0, 0, 0, 0, 0, 9}, {0, 0, 1, 2, 0, 0});
    CHECK(r.ids == Ids{2, 3});
    CHECK(r.weights == std::vector<float>{0.5F, 0.5F});
}

TEST_CASE("moe: weights by gating, normalised and scaled") {
    MoeSpec s = spec_of(4, 2, 8);
    const std::vector<float> logits{0, std::log(2.0F), 0, std::log(4.0F)};  // softmax 1/8 2/8 1/8 4/8
    const auto near = [](const std::vector<float>& got, const std::vector<double>& want) {
        REQUIRE(got.size() == want.size());
        for (std::size_t i = 0; i < got.size(); ++i)
            CHECK(static_cast<double>(got[i]) == doctest::Approx(want[i]).epsilon(1e-6));
    };
    near(routed(s, logits).weights, {0.25, 0.5});
    s.normalize = true;
    near(routed(s, logits).weights, {1.0 / 3, 2.0 / 3});
    s.scale = 3;
    near(routed(s, logits).weights, {1, 2});
    s.gating = Gating::softmax_of_chosen;
    s.normalize = false;
    s.scale = 1;
    near(routed(s, logits).weights, {1.0 / 3, 2.0 / 3});
    s.gating = Gating::sigmoid;
    near(routed(s, logits).weights, {2.0 / 3, 0.8});
    s.gating = Gating::root_of_softplus;
    near(routed(s, logits).weights, {std::sqrt(std::log(3.0)), std::sqrt(std::log(5.0))});
    for (const double x : {-60.0, -16.5, -15.5, 30.0, 90.0}) {  // small ones by another formula
        const auto logit = static_cast<float>(x);
        const double weight = std::sqrt(x > 0 ? x + std::log1p(std::exp(-x)) : std::log1p(std::exp(x)));
        near(routed(s, {logit, logit, -99, -99}).weights, {weight, weight});
    }
    s.gating = Gating::sigmoid;
    // Weights that are all but nothing are not blown up to one.
    s.normalize = true;
    near(routed(s, {-40, -40, -41, -42}).weights, {std::exp(-40.0) * 16384, std::exp(-40.0) * 16384});
}

TEST_CASE("moe: a sparse mixer weighs each pick among what is nearly as high") {
    MoeSpec s = spec_of(5, 2, 8);
    s.gating = Gating::sparse_mixer;
    const auto check = [&](const std::vector<float>& logits, const Ids& ids, const std::vector<double>& weights) {
        const auto r = routed(s, logits);
        CHECK(r.ids == ids);
        for (std::size_t i = 0; i < ids.size(); ++i)
            CHECK(static_cast<double>(r.weights[i]) == doctest::Approx(weights[i]).epsilon(1e-6));
    };
    check({0, 3, 1, -2, 2}, {1, 4}, {1, 1});  // all others are far behind each
    const double first = 1 / (1 + std::exp(-0.03)), second = 1 / (1 + std::exp(-0.01));
    check({2.97F, 3, -9, 1, 0}, {0, 1}, {1, first});
    check({2.97F, 1, 2.96F, 3, 0}, {0, 3}, {second, 1 / (1 + std::exp(-0.03) + std::exp(-0.04))});
    check({-1, -2, -3, -1.01F, -4}, {0, 3}, {1 / (1 + std::exp(-0.01)), 1});  // by the magnitude of what is behind
    check({0, 0, 0, 0, 0}, {0, 1}, {0.2, 0.25});                              // 0 / 0 is not behind
    s.used = 5;
    check({0, 3, 1, -2, 2}, {0, 1, 2, 3, 4}, {1, 1, 1, 1, 1});
}

TEST_CASE("moe: groups") {
    MoeSpec s = spec_of(8, 2, 8);
    s.gating = Gating::sigmoid;
    s.groups = 4;
    s.groups_used = 2;
    // Sums of pairs: the third group has the highest single score and yet is left out.
    CHECK(routed(s, {1, 1, -1, -1, 2, -9, 1.5F, 0.5F}).ids == Ids{0, 6});
    s.groups_used = 1;
    CHECK(routed(s, {1, 1, -1, -1, 2, -9, 1, 1}).ids == Ids{0, 1});  // equal groups: the lower
    s.groups_used = 4;
    CHECK(routed(s, {1, 1, -1, -1, 2, -9, 1.5F, 0.5F}).ids == Ids{4, 6});
    s.groups_used = 2;
    s.groups_by_best = true;  // the third group is as good as its best
    CHECK(routed(s, {1, 1, -1, -1, 2, -9, 1.5F, 0.5F}).ids == Ids{4, 6});
    CHECK(routed(s, {1, 1, -1, 1, 2, -9, 1, 1}).ids == Ids{0, 4});  // equal groups: the lower
    s.groups_by_best = false;
    s.groups_used = 4;
    s.groups = 8;  // of one expert each
    CHECK(routed(s, {1, 1, -1, -1, 2, -9, 1.5F, 0.5F}, {}).ids == Ids{4, 6});
}

TEST_CASE("moe: logits that are no numbers pick experts that exist and show in the weights") {
    const float nan = std::numeric_limits<float>::quiet_NaN(), inf = std::numeric_limits<float>::infinity();
    for (const Gating gating : {Gating::softmax, Gating::sigmoid, Gating::softmax_of_chosen, Gating::root_of_softplus,
                                Gating::sparse_mixer}) {
        for (const std::uint32_t groups : {1U, 2U, 6U}) {
            MoeSpec s = spec_of(6, 2, 8);
            s.gating = gating;
            s.groups = groups;
            s.groups_used = groups == 1 ? 1 : groups - 1;
            s.normalize = groups == 2;
            for (const auto& logits : std::vector<std::vector<float>>{{nan, nan, nan, nan, nan, nan},
                                                                      {nan, 1, nan, nan, nan, 2},
                                                                      {inf, -inf, inf, nan, inf, 0},
                                                                      {-inf, -inf, -inf, -inf, -inf, -inf},
                                                                      {inf, inf, inf, inf, inf, inf},
                                                                      {nan, nan, nan, nan, 3e38F, -3e38F}}) {
                const auto first = routed(s, logits, {}, reference_isa());
                for (const Isa isa : available_isas()) CHECK(routed(s, logits, {}, isa).ids == first.ids);
                CHECK(first.ids[0] < first.ids[1]);
                CHECK(first.ids[1] < 6);
            }
            const auto all_nan = routed(s, std::vector<float>(6, nan));
            for (const float w : all_nan.weights) CHECK(std::isnan(w));
            CHECK(routed(s, std::vector<float>(6, nan), {nan, nan, nan, nan, nan, nan}).ids[1] < 6);
        }
    }
    MoeSpec s = spec_of(4, 2, 8);
    CHECK(routed(s, {nan, 1, 2, nan}).ids == Ids{1, 2});
    // A token of NaN makes its own output NaN and no other's.
    Shape shape;
    shape.spec = spec_of(4, 2, 24, 16);
    Mixture m(shape);
    auto x = m.inputs(3);
    const auto clean = m.run(x, 2);
    x[shape.k + 5] = nan;
    const auto y = m.run(x, 2);
    for (std::size_t i = 0; i < y.size(); ++i) {
        if (i / shape.k == 1)
            CHECK(std::isnan(y[i]));
        else
            CHECK(y[i] == clean[i]);
    }
}

TEST_CASE("moe: sums go to the stream with a factor") {
    Shape s;
    s.spec = spec_of(8, 2, 24, 16);
    Mixture m(s);
    const auto x = m.inputs(5), before = m.inputs(5), y = m.run(x, 2);
    const auto memory = std::make_shared<Memory>();
    auto workspace = MoeWorkspace::make(memory, s.spec, m.forms, 5, 3);
    REQUIRE(workspace.ok());
    Workers threads(3, moe_scratch_bytes(m.forms, s.k));
    auto stream = before;
    std::vector<float> sums(x.size());
    const LinearInput input{x.data(), nullptr, nullptr, 5, s.k};
    auto then = [&](std::size_t first, std::size_t end, std::size_t) {  // the stream is complete, too
        for (std::size_t i = first * s.k; i < end * s.k; ++i) stream[i] = -stream[i];
    };
    moe_feed_forward(threads.run(kernel_table(best_isa())), s.spec, m.weights, *workspace, input,
                     {sums.data(), stream.data(), 0.6F}, then);
    check_same(sums, y);
    for (std::size_t i = 0; i < y.size(); ++i) CHECK(stream[i] == -std::fma(0.6F, y[i], before[i]));
}

TEST_CASE("moe: a workspace is charged to the budget and refused beyond it") {
    Shape s;
    s.spec = spec_of(8, 2, 24, 16);
    const Mixture m(s);
    const std::uint64_t need = MoeWorkspace::bytes(s.spec, m.forms, 9);
    CHECK(need > 9 * 2 * 24 * sizeof(float));
    for (const std::uint64_t limit : {need - 1, need}) {
        const auto memory = std::make_shared<Memory>(Allocator{}, limit);
        auto w = MoeWorkspace::make(memory, s.spec, m.forms, 9, 2);
        CHECK(w.ok() == (limit == need));
        if (!w.ok()) CHECK(w.status().code() == Code::over_budget);
    }
    CHECK(MoeWorkspace::bytes(MoeSpec{}, MoeForms{}, 9) == 0);
}

}  // namespace hearth::test
