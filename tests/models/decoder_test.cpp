// The shared decoder with random weights: every family with many storage types gives the same finite logits on every
// instruction set, near those of the decoded weights, in the memory that was announced.

#include "hearth/models/model.hpp"

#include "hearth/kernels/panels.hpp"
#include "kernels/values.hpp"
#include "models/random_model.hpp"
#include "support/golden.hpp"
#include "support/pages.hpp"

namespace hearth::test {
namespace {

// Counts the parallel phases of another executor.
class Counting final : public Executor {
public:
    explicit Counting(Executor& inner) : inner_(inner) {}
    std::size_t workers() const override { return inner_.workers(); }
    std::size_t phases = 0;

protected:
    void run_all(std::size_t chunks, ChunkBody body) override {
        if (chunks > 1) ++phases;
        inner_.run(chunks, body);
    }

private:
    Executor& inner_;
};

struct Loaded {
    std::shared_ptr<Memory> memory = std::make_shared<Memory>();
    std::unique_ptr<Executor> executor;
    std::unique_ptr<Blueprint> blueprint;
    std::unique_ptr<Model> model;
    ModelInfo info;

    explicit Loaded(const ModelFile& file, std::size_t workers = 2) : executor(executor_of(workers)) {
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

    // All logits of the tokens as one sequence, `chunk` tokens a pass; `last_phases`: of the last pass.
    std::vector<float> logits(const std::vector<std::int32_t>& tokens, Isa isa, std::size_t chunk = 512,
                              std::size_t context = 1024, std::size_t* last_phases = nullptr) const {
        const KvLayout layout = KvLayout::make(KvType::f32, info.kv);
        const Pages pages(layout, tokens.size(), memory);
        const RunLimits limits{std::min(chunk, tokens.size()), tokens.size(), executor->workers()};
        const std::uint64_t before = memory->budget.used();
        auto workspace = model->make_workspace(limits, memory);
        REQUIRE(workspace.ok());
        CHECK(memory->budget.used() - before == model->workspace_bytes(limits));
        std::vector<float> out(tokens.size() * info.vocab);
        for (std::size_t at = 0; at < tokens.size(); at += chunk) {
            SequenceBatch batch;
            batch.kv = pages.view();
            batch.tokens = std::span(tokens).subspan(at, std::min(chunk, tokens.size() - at));
            batch.position = at;
            batch.context = context;
            Counting counting(*executor);
            const Status s =
                model->forward({&batch, 1}, **workspace, kernel_table(isa), counting, out.data() + at * info.vocab);
            REQUIRE_MESSAGE(s.ok(), s.message());
            if (last_phases != nullptr) *last_phases = counting.phases;
        }
        return out;
    }
};

std::vector<std::int32_t> some_tokens(std::size_t count, std::uint32_t vocab) {
    std::vector<std::int32_t> tokens;
    for (std::size_t i = 0; i < count; ++i)
        tokens.push_back(static_cast<std::int32_t>((i * i * 31 + 7 * i + 1) % vocab));
    return tokens;
}

double relative_distance(const std::vector<float>& a, const std::vector<float>& b) {
    double rest = 0, size = 0;
    for (std::size_t i = 0; i < a.size(); ++i) {
        rest += std::pow(static_cast<double>(a[i]) - static_cast<double>(b[i]), 2);
        size += std::pow(static_cast<double>(b[i]), 2);
    }
    return std::sqrt(rest / size);
}

}  // namespace

TEST_CASE("decoder: every family with every kind of weights, on every instruction set, near the decoded weights") {
    constexpr const char* kTypes[] = {"F32",  "F16",  "BF16", "Q8_0",   "Q4_0",  "Q4_K", "Q5_K",
                                      "Q6_K", "Q4_1", "Q5_0", "IQ4_NL", "MXFP4", "Q2_K", "TQ2_0"};
    std::size_t family = 0;
    for (const char* arch : kArchitectures) {
        ++family;
        for (std::size_t t = 0; t < std::size(kTypes); ++t) {
            const char* const type = kTypes[t];
            // A matrix of a type is the same matrix in every family: all types with and without experts, a third of them
            // elsewhere, other ones in neighbouring families.
            const bool every = std::string(arch) == "llama" || std::string(arch) == "qwen2moe";
            if (!every && (family + t) % (kThin ? 9 : 3) != 0) continue;
            CAPTURE(std::string(arch));
            CAPTURE(std::string(type));
            ModelShape s;
            s.arch = arch;
            s.type = type;
            s.layers = s.is({"gemma3n", "gemma4", "llama4", "smollm3"}) ? 4 : 2;  // where the fourth is another kind
            s.ffn = 256;
            s.heads = 8;
            s.factors = true;
            s.used = 5;  // all experts: with a choice, rounding could tip it, and the distance below would say nothing
            s.seed = static_cast<std::uint64_t>(arch[0]) * 131 + static_cast<std::uint64_t>(type[1]);
            const ModelFile file(s);
            const Loaded model(file);
            CHECK(model.memory->budget.used() == model.info.weight_bytes);
            const auto tokens = some_tokens(9, model.info.vocab);
            const auto reference = model.logits(tokens, reference_isa());
            for (float v : reference) REQUIRE(std::isfinite(v));
            for (const Isa isa : available_isas()) {
                check_same(model.logits(tokens, isa), reference);
                if (isa == best_isa()) check_same(model.logits(tokens, isa, 3), reference);
            }
            const Loaded floats(file.as_floats());
            const double distance = relative_distance(reference, floats.logits(tokens, best_isa()));
            // Formats with int8 activations round them; the others compute with the decoded weights exactly.
            const bool int8 = find_panel_format(find_codec(type)->id) != nullptr &&
                              find_panel_format(find_codec(type)->id)->activation != Activation::f32;
            // A sparse mixer drops what falls behind by a threshold, which rounding can tip.
            const double most = s.is({"phimoe"}) ? 0.25 : 0.05;
            CHECK_MESSAGE(distance <= (int8 ? most : 0.0), distance);
            if (int8) CHECK(distance > 0);
        }
    }
}

TEST_CASE("decoder: experts beside a dense feed-forward, on every instruction set") {
    for (const char* type : {"F32", "Q4_0", "Q4_K"}) {
        CAPTURE(std::string(type));
        ModelShape s;
        s.arch = "gemma4";
        s.type = type;
        s.ffn = 256;
        s.experts = 5;
        s.used = 2;
        const Loaded model{ModelFile(s)};
        CHECK(model.memory->budget.used() == model.info.weight_bytes);
        const auto tokens = some_tokens(19, model.info.vocab);
        const auto reference = model.logits(tokens, reference_isa());
        for (float v : reference) REQUIRE(std::isfinite(v));
        for (const Isa isa : available_isas()) check_same(model.logits(tokens, isa, isa == best_isa() ? 4 : 512), reference);
    }
}

TEST_CASE("decoder: a layer takes five parallel phases, with experts six, for a token as for a prompt") {
    for (const char* arch : {"llama", "qwen3", "phi3", "gemma3", "olmoe", "qwen3moe", "qwen2moe"}) {
        CAPTURE(std::string(arch));
        bool model_has_experts = false;
        std::size_t phases[2][3] = {};  // [layers - 1]: one token, one token over several spans, a prompt
        for (std::uint32_t layers = 1; layers <= 2; ++layers) {
            ModelShape s;
            s.arch = arch;
            s.type = "Q4_0";
            s.layers = layers;
            s.heads = 8;
            model_has_experts = s.moe();
            const Loaded model(ModelFile{s});
            std::size_t* const count = phases[layers - 1];
            model.logits(some_tokens(2, model.info.vocab), best_isa(), 1, 1024, count);
            model.logits(some_tokens(601, model.info.vocab), best_isa(), 600, 1024, count + 1);
            model.logits(some_tokens(600, model.info.vocab), best_isa(), 600, 1024, count + 2);
        }
        // The router of these few experts is one chunk for one token, which is no phase.
        const std::size_t most = model_has_experts ? 6 : 5, least[] = {5, 5, most};
        for (std::size_t i = 0; i < 3; ++i) {
            CHECK(phases[1][i] - phases[0][i] >= least[i]);
            CHECK(phases[1][i] - phases[0][i] <= most);
        }
    }
}

TEST_CASE("decoder: instruction sets that this CPU lacks give the same logits, emulated") {
    for (const IsaInfo& isa : isa_list()) {
        if (!isa.built || isa.isa == Isa::scalar || isa.available) continue;
        if (execution(isa) == Execution::impossible) {
            MESSAGE("SKIPPED 1 instruction set that this CPU can neither run nor emulate: " << isa.name);
            continue;
        }
        CAPTURE(isa.name);
        const Emulation on;
        const bool tiles = isa.needs.find("amx") != std::string_view::npos;
        std::size_t before = 0;
        for (const char* type : {"Q8_0", "Q4_0", "Q4_K", "Q5_K", "Q6_K"}) {
            CAPTURE(std::string(type));
            const GemmFn KernelTable::*gemm = find_panel_format(find_codec(type)->id)->gemm;
            if (kernel_table(isa.isa).*gemm == kernel_table(isa.base).*gemm) continue;  // has none of its own
            ModelShape s;
            s.type = type;
            s.layers = 1;
            s.ffn = 256;
            s.vocab = 270;
            s.seed = static_cast<std::uint64_t>(type[1]) + 40;
            const Loaded model(ModelFile(s), tiles ? 2 : 1);
            // A vector's product is a trap each, a tile's does 512 times as much.
            const auto tokens = some_tokens(tiles ? 50 : 1, model.info.vocab);
            const auto reference = model.logits(tokens, reference_isa());
            check_same(model.logits(tokens, isa.isa), reference);
            if (tiles) check_same(model.logits(tokens, isa.isa, 33), reference);
            const std::size_t now = tiles ? on.tile_products() : on.vector_products();
            CHECK_MESSAGE(now > before, "none of its kernels ran");
            before = now;
        }
        CHECK(before > 0);
        const std::string what = tiles ? " tile products" : " vector products";
        MESSAGE(isa.name << ": " << before << what << " emulated");
    }
}

TEST_CASE("decoder: announced and allocated weights agree, tied or not, for every storage type") {
    for (const Codec& codec : codec_list()) {
        for (const bool tied : {false, true}) {
            CAPTURE(codec.name);
            CAPTURE(tied);
            ModelShape s;
            s.type = codec.name;
            s.layers = 1;
            s.vocab = 265;  // not whole panels
            s.tied = tied;
            const Loaded model{ModelFile(s)};
            CHECK(model.memory->budget.used() == model.info.weight_bytes);
            CHECK((model.info.decode_bytes == model.info.weight_bytes) == tied);
            CHECK(model.info.decode_bytes <= model.info.weight_bytes);
        }
    }
}

TEST_CASE("decoder: a session's context chooses between the short and the long rotation factors") {
    ModelShape s;
    s.arch = "phi3";
    s.factors = true;
    s.layers = 1;
    ModelFile file(s);
    const auto tokens = some_tokens(9, 290);
    const Loaded both(file);
    const auto near = both.logits(tokens, best_isa(), 512, 128), far = both.logits(tokens, best_isa(), 512, 129);
    CHECK(relative_distance(near, far) > 1e-3);
    // Each alone gives what it gives beside the other.
    ModelFile only = file;
    only.erase_tensor("rope_factors_long.weight");
    check_same(Loaded(only).logits(tokens, best_isa(), 512, 1000), near);
    only = file;
    only.tensor("rope_factors_short.weight").bytes = only.tensor("rope_factors_long.weight").bytes;
    check_same(Loaded(only).logits(tokens, best_isa(), 512, 10), far);
}

TEST_CASE("decoder: fused and separate projections are the same model") {
    ModelShape s;
    s.type = "Q8_0";
    s.layers = 2;
    const ModelFile separate(s);
    ModelFile fused = separate;
    for (const char* b : {"blk.0.", "blk.1."}) {
        auto qkv = fused.tensor(std::string(b) + "attn_q.weight");
        for (const char* more : {"attn_k.weight", "attn_v.weight"}) {
            const auto& t = fused.tensor(std::string(b) + more);
            qkv.bytes.insert(qkv.bytes.end(), t.bytes.begin(), t.bytes.end());
            qkv.shape[1] += t.shape[1];
        }
        for (const char* part : {"attn_q.weight", "attn_k.weight", "attn_v.weight"})
            fused.erase_tensor(std::string(b) + part);
        qkv.name = std::string(b) + "attn_qkv.weight";
        fused.tensors.push_back(qkv);
    }
    const auto tokens = some_tokens(11, 290);
    check_same(Loaded(fused).logits(tokens, best_isa()), Loaded(separate).logits(tokens, best_isa()));
}

TEST_CASE("decoder: biases of every matrix are added") {
    ModelShape s;
    s.layers = 1;
    const ModelFile plain(s);
    const auto tokens = some_tokens(5, 290);
    const auto reference = Loaded(plain).logits(tokens, best_isa());
    for (const std::string name :
         {"attn_q", "attn_k", "attn_v", "attn_output", "ffn_gate", "ffn_up", "ffn_down", "output"}) {
        CAPTURE(name);
        ModelFile biased = plain;
        const std::string base = name == "output" ? name : "blk.0." + name;
        const std::uint64_t rows = biased.tensor(base + ".weight").shape[1];
        biased.add_floats(base + ".bias", std::vector<float>(rows, 0.0F));
        check_same(Loaded(biased).logits(tokens, best_isa()), reference);
        biased.erase_tensor(base + ".bias");
        Draws draws(3);
        biased.add_floats(base + ".bias", draws.many(rows));
        const auto logits = Loaded(biased).logits(tokens, best_isa());
        CHECK(relative_distance(logits, reference) > 1e-4);
        if (name != "output") continue;
        const auto bias = Draws(3).many(rows);
        for (std::size_t i = 0; i < logits.size(); ++i) CHECK(logits[i] == reference[i] + bias[i % 290]);
    }
}

TEST_CASE("decoder: gate and up of experts may come as one tensor") {
    for (const std::uint64_t ffn : {64, 40}) {
        ModelShape s;
        if (ffn == 40) s.arch = "mistral3";
        s.experts = 3;
        s.ffn = ffn;
        const ModelFile separate(s);
        ModelFile fused = separate;
        for (const std::string b : {"blk.0.", "blk.1."}) {
            auto both = fused.tensor(b + "ffn_gate_exps.weight");
            const auto up = fused.tensor(b + "ffn_up_exps.weight");
            const std::size_t one = both.bytes.size() / 3;
            for (std::size_t e = 3; e-- > 0;)
                both.bytes.insert(both.bytes.begin() + static_cast<std::ptrdiff_t>((e + 1) * one), up.bytes.begin() + static_cast<std::ptrdiff_t>(e * one),
                                  up.bytes.begin() + static_cast<std::ptrdiff_t>((e + 1) * one));
            both.shape[1] *= 2;
            both.name = b + "ffn_gate_up_exps.weight";
            for (const char* part : {"ffn_gate_exps.weight", "ffn_up_exps.weight"}) fused.erase_tensor(b + part);
            fused.tensors.push_back(both);
        }
        const auto tokens = some_tokens(11, 290);
        const Loaded a(fused), b(separate);
        check_same(a.logits(tokens, best_isa()), b.logits(tokens, best_isa()));
        CHECK(a.info.decode_bytes == b.info.decode_bytes);
        CHECK(a.memory->budget.used() == a.info.weight_bytes);
    }
}

TEST_CASE("decoder: a tied output has its own bias and scale, which the embedding does not see") {
    for (const bool tied : {false, true}) {
        ModelShape s;
        s.layers = 1;
        s.tied = tied;
        ModelFile file(s);
        const auto tokens = some_tokens(5, 290);
        const auto reference = Loaded(file).logits(tokens, best_isa());
        const auto bias = Draws(3).many(290);
        file.add_floats("output.bias", bias);
        file.add_floats("output.scale", {0.25F});
        const auto logits = Loaded(file).logits(tokens, best_isa());
        for (std::size_t i = 0; i < logits.size(); ++i) CHECK(logits[i] == reference[i] * 0.25F + bias[i % 290]);
    }
}

TEST_CASE("decoder: loading stops at the budget and gives everything back") {
    ModelShape s;
    s.type = "Q4_K";
    const Opened opened{ModelFile(s)};
    Trouble part{};
    auto blueprint = describe_model(opened.file->metadata(), *opened.file, &part);
    REQUIRE(blueprint.ok());
    const std::uint64_t need = (*blueprint)->info().weight_bytes;
    const auto executor = executor_of(1);
    for (const std::uint64_t limit : {std::uint64_t{1}, need / 2, need - 1, need}) {
        const auto memory = std::make_shared<Memory>(Allocator{}, limit);
        {
            LoadContext context{*opened.file, memory, *executor, Logger{}};
            auto model = (*blueprint)->load(context);
            CHECK(model.ok() == (limit == need));
            if (!model.ok()) {
                CHECK(model.status().code() == Code::over_budget);
                CHECK(model.status().message().find("tensor '") != std::string::npos);
            } else {
                auto workspace = (*model)->make_workspace({1, 1, 1}, memory);
                REQUIRE(!workspace.ok());
                CHECK(workspace.status().code() == Code::over_budget);
                CHECK(memory->budget.used() == need);
            }
        }
        CHECK(memory->budget.used() == 0);
    }
}

TEST_CASE("decoder: a pass beyond its workspace is refused") {
    ModelShape s;
    s.layers = 1;
    const Loaded model{ModelFile(s)};
    const KvLayout layout = KvLayout::make(KvType::f16, model.info.kv);
    const Pages pages(layout, 10, model.memory);
    auto workspace = model.model->make_workspace({2, 10, 2}, model.memory);
    REQUIRE(workspace.ok());
    const auto tokens = some_tokens(3, 290);
    std::vector<float> logits(3 * 290);
    for (const auto& [count, position] : {std::pair<std::size_t, std::size_t>{3, 0}, {2, 9}}) {
        SequenceBatch batch;
        batch.kv = pages.view();
        batch.tokens = std::span(tokens).first(count);
        batch.position = position;
        batch.context = 1024;
        const Status st =
            model.model->forward({&batch, 1}, **workspace, kernel_table(best_isa()), *model.executor, logits.data());
        CHECK(st.code() == Code::internal);
    }
}

}  // namespace hearth::test
