// The shared encoder with random weights: every family near a plain forward in double, several sequences in a pass, in
// the memory that was announced; and what describe says of files that have something wrong.
#include <map>
#include <numeric>

#include "hearth/models/model.hpp"
#include "kernels/values.hpp"
#include "models/random_encoder.hpp"
#include "support/figures.hpp"
#include "support/pages.hpp"

namespace hearth::test {
namespace {

constexpr double kBound = 3e-6;  // of differences by the largest value

using Vec = std::vector<double>;

// The same model in double, straight from the definitions.
class Plain {
public:
    explicit Plain(const ModelFile& file) : f_(file), arch_(file.shape().arch) {}

    std::vector<Vec> states(const std::vector<std::int32_t>& ids) const {
        std::vector<Vec> h;
        for (std::size_t t = 0; t < ids.size(); ++t) {
            Vec x = row("token_embd", static_cast<std::size_t>(ids[t]));
            if (f_.has_tensor("token_types.weight")) x = plus(x, row("token_types", 0));
            if (f_.has_tensor("position_embd.weight")) x = plus(x, row("position_embd", t));
            if (f_.has_tensor("token_embd_norm.weight")) x = norm(x, "token_embd_norm");
            h.push_back(x);
        }
        for (std::size_t i = 0; i < kLayers; ++i) layer(h, i);
        if (pre_norm(arch_))
            for (Vec& x : h) x = norm(x, arch_ == "neo-bert" ? "enc.output_norm" : "output_norm");
        return h;
    }

    Vec scores(const Vec& pooled) const {
        Vec x = product(pooled, "cls");
        for (double& v : x) v = arch_ == "modern-bert" ? gelu(v) : std::tanh(v);
        if (arch_ == "modern-bert") x = norm(x, "cls.norm");
        return product(x, "cls.output");
    }

private:
    Vec values(const std::string& name) const {
        const auto floats = decoded(*find_codec(const_cast<ModelFile&>(f_).tensor(name).type),
                                    const_cast<ModelFile&>(f_).tensor(name).bytes);
        return {floats.begin(), floats.end()};
    }
    Vec row(const std::string& name, std::size_t i) const {
        const Vec all = values(name + ".weight");
        return {all.begin() + static_cast<std::ptrdiff_t>(i * kWidth),
                all.begin() + static_cast<std::ptrdiff_t>((i + 1) * kWidth)};
    }
    static Vec plus(Vec a, const Vec& b) {
        for (std::size_t i = 0; i < a.size(); ++i) a[i] += b[i];
        return a;
    }
    Vec norm(Vec x, const std::string& name) const {
        const double n = static_cast<double>(x.size());
        double mean = 0, squares = 0;
        if (!rms(arch_))
            for (const double v : x) mean += v / n;
        for (const double v : x) squares += (v - mean) * (v - mean);
        const double r = 1 / std::sqrt(squares / n + (rms(arch_) ? 1e-5 : 1e-12));
        const Vec w = values(name + ".weight");
        const Vec b = f_.has_tensor(name + ".bias") ? values(name + ".bias") : Vec(x.size());
        for (std::size_t i = 0; i < x.size(); ++i) x[i] = (x[i] - mean) * r * w[i] + b[i];
        return x;
    }
    Vec product(const Vec& x, const std::string& name, std::size_t matrix = 0, std::size_t rows = 0) const {
        const Vec w = values(name + ".weight");
        if (rows == 0) rows = w.size() / x.size();
        Vec y(rows);
        for (std::size_t r = 0; r < rows; ++r)
            for (std::size_t k = 0; k < x.size(); ++k) y[r] += w[(matrix * rows + r) * x.size() + k] * x[k];
        return f_.has_tensor(name + ".bias") ? plus(y, values(name + ".bias")) : y;
    }
    static double gelu(double x) { return 0.5 * x * std::erfc(-x / std::sqrt(2.0)); }
    double activation(double x) const {
        return one_of(arch_, {"eurobert", "llama-embed", "neo-bert", "nomic-bert"}) ? x / (1 + std::exp(-x)) : gelu(x);
    }

    void rotate(Vec& x, std::size_t position, double base) const {
        const std::size_t dim = kWidth / kHeads;
        for (std::size_t head = 0; head < kHeads; ++head)
            for (std::size_t i = 0; i < dim / 2; ++i) {
                const double a = static_cast<double>(position) *
                                 std::pow(base, -2.0 * static_cast<double>(i) / static_cast<double>(dim));
                const std::size_t one = head * dim + (turns_neighbours(arch_) ? 2 * i : i),
                                  two = turns_neighbours(arch_) ? one + 1 : one + dim / 2;
                const double u = x[one], v = x[two];
                x[one] = u * std::cos(a) - v * std::sin(a);
                x[two] = u * std::sin(a) + v * std::cos(a);
            }
    }

    void layer(std::vector<Vec>& h, std::size_t index) const {
        const std::string b = cat("blk.", index, ".");
        const std::size_t n = h.size(), dim = kWidth / kHeads;
        const bool local = arch_ == "modern-bert" && index % 2 != 0;
        std::vector<Vec> q, k, v;
        for (std::size_t t = 0; t < n; ++t) {
            Vec x = h[t];
            if (pre_norm(arch_) && f_.has_tensor(b + "attn_norm.weight")) x = norm(x, b + "attn_norm");
            if (f_.has_tensor(b + "attn_qkv.weight")) {
                const Vec all = product(x, b + "attn_qkv");
                q.emplace_back(all.begin(), all.begin() + kWidth);
                k.emplace_back(all.begin() + kWidth, all.begin() + 2 * kWidth);
                v.emplace_back(all.begin() + 2 * kWidth, all.end());
            } else {
                q.push_back(product(x, b + "attn_q"));
                k.push_back(product(x, b + "attn_k"));
                v.push_back(product(x, b + "attn_v"));
            }
            if (f_.has_tensor(b + "attn_q_norm.weight")) {
                q[t] = norm(q[t], b + "attn_q_norm");
                k[t] = norm(k[t], b + "attn_k_norm");
            }
            if (!one_of(arch_, {"bert", "jina-bert-v2"}))
                for (Vec* x_ : {&q[t], &k[t]}) rotate(*x_, t, local ? 500.0 : 10000.0);
        }
        for (std::size_t t = 0; t < n; ++t) {
            Vec mixed(kWidth);
            for (std::size_t head = 0; head < kHeads; ++head) {
                const double slope =
                    arch_ == "jina-bert-v2" ? std::pow(2.0, -8.0 / kHeads * static_cast<double>(head + 1)) : 0;
                double sum = 0;
                Vec out(dim);
                for (std::size_t j = 0; j < n; ++j) {
                    const std::size_t distance = j > t ? j - t : t - j;
                    if (local && distance > 4) continue;
                    double dot = 0;
                    for (std::size_t c = 0; c < dim; ++c) dot += q[t][head * dim + c] * k[j][head * dim + c];
                    const double p =
                        std::exp(dot / std::sqrt(static_cast<double>(dim)) - slope * static_cast<double>(distance));
                    sum += p;
                    for (std::size_t c = 0; c < dim; ++c) out[c] += p * v[j][head * dim + c];
                }
                for (std::size_t c = 0; c < dim; ++c) mixed[head * dim + c] = out[c] / sum;
            }
            const Vec a = plus(h[t], product(mixed, b + "attn_output"));
            if (pre_norm(arch_)) {
                h[t] = plus(a, feed_forward(norm(a, b + "ffn_norm"), b));
                continue;
            }
            Vec x = norm(a, b + "attn_output_norm");
            if (f_.has_tensor(b + "attn_norm_2.weight")) x = norm(plus(x, h[t]), b + "attn_norm_2");
            h[t] = norm(plus(x, feed_forward(x, b)), b + "layer_output_norm");
        }
    }

    Vec feed_forward(const Vec& x, const std::string& b) const {
        if (f_.has_tensor(b + "ffn_gate_inp.weight")) return experts(x, b);
        Vec up = product(x, b + "ffn_up");
        if (fused_gate(arch_)) {
            const Vec gate(up.begin(), up.begin() + kFeedForward);
            up.erase(up.begin(), up.begin() + kFeedForward);
            for (std::size_t i = 0; i < up.size(); ++i) up[i] *= activation(gate[i]);
        } else if (gated(arch_)) {
            const Vec gate = product(x, b + "ffn_gate");
            for (std::size_t i = 0; i < up.size(); ++i) up[i] *= activation(gate[i]);
        } else {
            for (double& u : up) u = activation(u);
        }
        return product(up, b + "ffn_down");
    }

    Vec experts(const Vec& x, const std::string& b) const {
        Vec p = product(x, b + "ffn_gate_inp");
        double sum = 0;
        for (double& v : p) sum += v = std::exp(v);
        std::vector<std::size_t> order(p.size());
        std::iota(order.begin(), order.end(), 0);
        std::sort(order.begin(), order.end(), [&](std::size_t i, std::size_t j) { return p[i] > p[j]; });
        Vec y(kWidth);
        for (std::size_t i = 0; i < 2; ++i) {
            Vec up = product(x, b + "ffn_up_exps", order[i], kFeedForward);
            for (double& u : up) u = gelu(u);
            const Vec down = product(up, b + "ffn_down_exps", order[i], kWidth);
            for (std::size_t c = 0; c < kWidth; ++c) y[c] += p[order[i]] / sum * down[c];
        }
        return f_.has_tensor(b + "ffn_exps_sum.bias") ? plus(y, values(b + "ffn_exps_sum.bias")) : y;
    }

    const ModelFile& f_;
    std::string arch_;
};

struct Loaded {
    std::shared_ptr<Memory> memory = std::make_shared<Memory>();
    std::unique_ptr<Executor> executor = executor_of(2);
    std::unique_ptr<Model> model;
    std::unique_ptr<Workspace> workspace;
    ModelInfo info;

    explicit Loaded(const ModelFile& file) {
        const Opened opened(file);
        Trouble part{};
        auto described = describe_model(opened.file->metadata(), *opened.file, &part);
        REQUIRE_MESSAGE(described.ok(), described.status().message());
        info = (*described)->info();
        LoadContext context{*opened.file, memory, *executor, Logger{}};
        auto loaded = (*described)->load(context);
        REQUIRE_MESSAGE(loaded.ok(), loaded.status().message());
        model = *std::move(loaded);
    }

    std::vector<float> states(const std::vector<std::vector<std::int32_t>>& texts) {
        RunLimits limits{0, 0, executor->workers(), texts.size()};
        std::vector<SequenceBatch> batch;
        const KvLayout layout = KvLayout::make(KvType::f32, info.kv);
        std::vector<std::unique_ptr<Pages>> pages;
        for (const auto& t : texts) {
            SequenceBatch s;
            if (!info.kv.empty()) s.kv = pages.emplace_back(std::make_unique<Pages>(layout, t.size(), memory))->view();
            s.tokens = t;
            s.context = t.size();
            batch.push_back(s);
            limits.tokens += t.size();
            limits.positions = std::max(limits.positions, t.size());
        }
        workspace.reset();
        const std::uint64_t before = memory->budget.used();
        auto made = model->make_workspace(limits, memory);
        REQUIRE(made.ok());
        CHECK(memory->budget.used() - before == model->workspace_bytes(limits));
        workspace = *std::move(made);
        std::vector<float> rows(limits.tokens * info.embedding);
        const Status s = model->embed(batch, *workspace, kernel_table(best_isa()), *executor, rows.data());
        REQUIRE_MESSAGE(s.ok(), s.message());
        return rows;
    }
};

std::vector<std::int32_t> ids(std::size_t n, std::size_t seed) {
    std::vector<std::int32_t> out;
    for (std::size_t i = 0; i < n; ++i) out.push_back(static_cast<std::int32_t>((i * i * 31 + 7 * i + seed) % kVocab));
    return out;
}

double distance(std::span<const float> got, const Vec& want) {
    REQUIRE(got.size() == want.size());
    double worst = 0, most = 0;
    for (std::size_t i = 0; i < got.size(); ++i) {
        const double e = std::fabs(static_cast<double>(got[i]) - want[i]);
        worst = e <= worst ? worst : e;
        most = std::max(most, std::fabs(want[i]));
    }
    return worst / most;
}

Vec flat(const std::vector<Vec>& rows) {
    Vec out;
    for (const Vec& r : rows) out.insert(out.end(), r.begin(), r.end());
    return out;
}

Status describe(const ModelFile& file) {
    const Opened opened(file);
    Trouble part{};
    return describe_model(opened.file->metadata(), *opened.file, &part).status();
}

void check_refused(const std::string& arch, const std::function<void(ModelFile&)>& change, Code code,
                   std::vector<std::string> words) {
    // Made once: drawing the weights takes longer than all that is done with them here.
    static std::map<std::string, ModelFile> made;
    auto found = made.find(arch);
    if (found == made.end()) found = made.emplace(arch, encoder_file(arch)).first;
    ModelFile f = found->second;
    change(f);
    const Status s = describe(f);
    CAPTURE(arch);
    REQUIRE_MESSAGE(!s.ok(), "was accepted, expecting " << words.front());
    CHECK_MESSAGE(static_cast<int>(s.code()) == static_cast<int>(code), s.message());
    for (const std::string& word : words)
        CHECK_MESSAGE(s.message().find(word) != std::string::npos, "'" << word << "' in: " << s.message());
}

}  // namespace

TEST_CASE("encoder: every family near a plain forward in double, alone and beside others" *
          doctest::test_suite("figures")) {
    std::vector<std::string> families(std::begin(kEncoders), std::end(kEncoders));
    families.push_back("llama-embed");  // a decoder that sees both ways
    for (const std::string& arch : families) {
        CAPTURE(arch);
        const ModelFile file = encoder_file(arch);
        Loaded loaded(file);
        const Plain plain(file);
        CHECK(!loaded.info.embeddings.causal);
        CHECK(loaded.info.embeddings.width == kWidth);
        const std::vector<std::vector<std::int32_t>> texts = {ids(11, 1), ids(1, 2), ids(19, 3)};
        Vec want;
        for (const auto& t : texts) {
            const Vec own = flat(plain.states(t));
            want.insert(want.end(), own.begin(), own.end());
        }
        const std::vector<float> together = loaded.states(texts);
        const double error = distance(together, want);
        MESSAGE(arch << ": " << error << " of the largest value");
        CHECK(error <= kBound);
        record({arch, "gguf", "a plain forward", "", "max", error, kBound});
        check_same(loaded.states({texts[2]}), {together.end() - 19 * kWidth, together.end()});
    }
}

TEST_CASE("encoder: more tokens than a page of keys holds") {
    for (const std::string& arch : std::vector<std::string>{"jina-bert-v2", "modern-bert"}) {
        CAPTURE(arch);
        const ModelFile file = encoder_file(arch);
        Loaded loaded(file);
        const std::vector<std::vector<std::int32_t>> texts = {ids(40, 4), ids(290, 5)};
        const std::vector<float> together = loaded.states(texts);
        const Vec want = flat(Plain(file).states(texts[1]));
        CHECK(distance(std::span(together).last(290 * kWidth), want) <= kBound);
        check_same(loaded.states({texts[1]}), {together.end() - 290 * kWidth, together.end()});
    }
}

TEST_CASE("encoder: quantised weights near their decoded values") {
    for (const std::string& arch : std::vector<std::string>{"bert", "modern-bert", "nomic-bert-moe"}) {
        CAPTURE(arch);
        const ModelFile file = encoder_file(arch, "Q8_0");
        Loaded loaded(file), floats(file.as_floats());
        const auto got = loaded.states({ids(20, 1)}), want = floats.states({ids(20, 1)});
        CHECK(distance(got, Vec(want.begin(), want.end())) <= 0.05);
        CHECK(distance(got, Vec(want.begin(), want.end())) > 0);
    }
}

TEST_CASE("encoder: scoring heads are those of their family") {
    for (const std::string& arch : std::vector<std::string>{"bert", "modern-bert"}) {
        CAPTURE(arch);
        const ModelFile file = encoder_file(arch, "F32", true);
        Loaded loaded(file);
        CHECK(loaded.info.embeddings.scores == 3);
        CHECK(loaded.info.embeddings.rank_pooling == (arch == "bert" ? Pooling::cls : Pooling::mean));
        const std::vector<float> states = loaded.states({ids(70, 1)});  // more vectors than a head takes at a time
        std::vector<float> scores(70 * 3);
        loaded.model->finish(Head::scores, states.data(), 70, *loaded.workspace, kernel_table(best_isa()),
                             *loaded.executor, scores.data());
        Vec want;
        for (std::size_t t = 0; t < 70; ++t) {
            const Vec own = Plain(file).scores(Vec(states.begin() + static_cast<std::ptrdiff_t>(t * kWidth),
                                                   states.begin() + static_cast<std::ptrdiff_t>((t + 1) * kWidth)));
            want.insert(want.end(), own.begin(), own.end());
        }
        CHECK(distance(scores, want) <= kBound);
    }
}

TEST_CASE("encoder: wrong keys and tensors are named") {
    const auto key = [](const char* name, MetaValue value) {
        return [name, value](ModelFile& f) { f.set(name, value); };
    };
    const auto u = [](std::uint64_t n) { return MetaValue(n); };
    for (const std::string arch : kEncoders) {
        for (const char* name :
             {"context_length", "embedding_length", "block_count", "feed_forward_length", "attention.head_count"}) {
            for (const std::uint64_t wrong : {std::uint64_t{0}, std::uint64_t{1} << 40})
                check_refused(arch, key(name, u(wrong)), Code::malformed, {name});
            check_refused(arch, [&](ModelFile& f) { f.keys.erase(f.key(name)); }, Code::malformed, {name, "missing"});
        }
        check_refused(arch, key("attention.head_count", u(3)), Code::malformed, {"multiple"});
        check_refused(arch, key("attention.causal", true), Code::unsupported, {"both ways"});
        check_refused(arch, key("pooling_type", u(9)), Code::unsupported, {"pooling_type", "9"});
        check_refused(arch, key("pooling_type", u(4)), Code::malformed, {"rank", "cls.output"});
        const char* const eps = rms(arch) ? "attention.layer_norm_rms_epsilon" : "attention.layer_norm_epsilon";
        check_refused(arch, key(eps, -1.0), Code::malformed, {"epsilon"});
        check_refused(arch, key("feed_forward_length", u(97)), Code::malformed, {"ffn_"});
        check_refused(arch, key("block_count", u(4)), Code::malformed, {"blk.3."});
        check_refused(arch, key("block_count", u(2)), Code::unsupported, {"blk.2."});
        const ModelFile whole = encoder_file(arch);
        for (const auto& t : whole.tensors) {
            if (one_of(t.name, {"token_types.weight"}) || t.name.ends_with(".bias") ||
                t.name.find("_norm") != std::string::npos)
                continue;
            if (t.name.find("attn_qkv") != std::string::npos || t.name.find("ffn_gate.") != std::string::npos)
                continue;  // another form then
            check_refused(arch, [&](ModelFile& f) { f.erase_tensor(t.name); }, Code::malformed, {t.name, "missing"});
            check_refused(arch,
                          [&](ModelFile& f) {
                              f.reshape(t.name, {t.shape[0] * 2, t.shape[1]});
                          },
                          Code::malformed, {t.name, "shape"});
        }
        check_refused(arch, [&](ModelFile& f) { f.add_floats("blk.0.unknown.weight", {1.0F}); }, Code::unsupported,
                      {"blk.0.unknown"});
        check_refused(arch, [&](ModelFile& f) { f.add_floats("cls.weight", std::vector<float>(63)); }, Code::malformed,
                      {"cls.weight", "shape"});
        if (one_of(arch, {"bert", "jina-bert-v2"})) continue;
        check_refused(arch, key("rope.freq_base", 0.5), Code::malformed, {"freq_base"});
        check_refused(arch, key("rope.dimension_count", u(3)), Code::malformed, {"even"});
        check_refused(arch, key("rope.dimension_count", u(18)), Code::malformed, {"dimension_count"});
        check_refused(arch, key("rope.scaling.type", std::string("yarn")), Code::unsupported, {"yarn"});
    }
    check_refused("bert", key("context_length", u(601)), Code::malformed, {"position_embd", "601"});
    check_refused("jina-bert-v2", key("attention.max_alibi_bias", -1.0), Code::malformed, {"max_alibi_bias"});
    check_refused("modern-bert", key("hidden_activation", std::string("relu")), Code::unsupported, {"relu"});
    check_refused("modern-bert", key("attention.sliding_window_pattern", u(0)), Code::malformed, {"pattern"});
    check_refused("modern-bert", key("rope.freq_base_swa", 0.0), Code::malformed, {"freq_base_swa"});
    check_refused("nomic-bert-moe", key("moe_every_n_layers", u(0)), Code::malformed, {"moe_every_n_layers"});
    check_refused("nomic-bert-moe", key("expert_used_count", u(6)), Code::malformed, {"expert_used_count"});
    check_refused("nomic-bert-moe", key("expert_count", u(6)), Code::malformed, {"ffn_gate_inp", "6"});
    check_refused("bert",
                  [](ModelFile& f) {
                      f.set("classifier.output_labels", std::vector<std::string>{"a"});
                      f.add_floats("cls.output.weight", std::vector<float>(128));
                      f.reshape("cls.output.weight", {64, 2});
                  },
                  Code::malformed, {"output_labels", "1", "2"});
}

}  // namespace hearth::test
