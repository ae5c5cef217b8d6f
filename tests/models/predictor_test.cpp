// Predictors of further tokens, block by block: their logits against a reference in doubles, and the same bits however
// a pass is cut and whatever computes it. What is made of them: capi/mtp_test.
#include "hearth/models/model.hpp"
#include "kernels/values.hpp"
#include "models/head_reference.hpp"
#include "support/pages.hpp"

namespace hearth::test {
namespace {

ModelFile predicting(const char* arch, const char* type = "F32", std::uint64_t predictors = 1) {
    ModelShape s;
    s.arch = arch;
    s.type = type;
    s.embd = 128;
    s.ffn = 96;
    s.rank = 64;
    s.predictors = predictors;
    return ModelFile(s);
}

// A model with its predictors.
struct Loaded {
    Opened opened;
    std::shared_ptr<Memory> memory = std::make_shared<Memory>();
    std::unique_ptr<Executor> executor;
    std::vector<std::unique_ptr<Blueprint>> blueprints;
    std::vector<std::unique_ptr<Model>> models;  // the first is the trunk

    Loaded(const ModelFile& file, std::size_t workers) : opened(file), executor(executor_of(workers)) {
        Trouble part{};
        auto described = describe_model(opened.file->metadata(), *opened.file, &part);
        REQUIRE_MESSAGE(described.ok(), described.status().message());
        blueprints.push_back(*std::move(described));
        LoadContext context{*opened.file, memory, *executor, Logger{}};
        auto trunk = blueprints[0]->load(context);
        REQUIRE_MESSAGE(trunk.ok(), trunk.status().message());
        models.push_back(*std::move(trunk));
        CHECK(memory->budget.used() == blueprints[0]->info().weight_bytes);
        for (std::uint32_t i = 0; i < blueprints[0]->info().predictors; ++i) {
            auto blueprint = blueprints[0]->predictor(i);
            REQUIRE_MESSAGE(blueprint.ok(), blueprint.status().message());
            const std::uint64_t before = memory->budget.used();
            auto head = (*blueprint)->load_beside(*models[0], context);
            REQUIRE_MESSAGE(head.ok(), head.status().message());
            CHECK(memory->budget.used() - before == (*blueprint)->info().weight_bytes);
            blueprints.push_back(*std::move(blueprint));
            models.push_back(*std::move(head));
        }
    }

    // Logits of all tokens in passes of `chunk`; and all states.
    std::vector<float> run(std::size_t model, const std::vector<std::int32_t>& tokens, const std::vector<float>& inputs,
                           std::vector<float>& states, std::size_t chunk, Isa isa) const {
        const ModelInfo& info = blueprints[model]->info();
        const KvLayout layout = KvLayout::make(KvType::f32, info.kv);
        const Pages pages(layout, tokens.size(), memory);
        auto workspace = models[model]->make_workspace({chunk, tokens.size(), executor->workers()}, memory);
        REQUIRE(workspace.ok());
        std::vector<float> out(tokens.size() * info.vocab);
        states.assign(tokens.size() * info.embedding, 0);
        for (std::size_t at = 0; at < tokens.size(); at += chunk) {
            SequenceBatch batch;
            batch.kv = pages.view();
            batch.tokens = std::span(tokens).subspan(at, std::min(chunk, tokens.size() - at));
            batch.position = at;
            batch.context = 1024;
            batch.states = states.data() + at * info.embedding;
            if (!inputs.empty()) batch.inputs = inputs.data() + at * info.embedding;
            const Status s = models[model]->forward({&batch, 1}, **workspace, kernel_table(isa), *executor,
                                                    out.data() + at * info.vocab);
            REQUIRE_MESSAGE(s.ok(), s.message());
        }
        return out;
    }
};

std::vector<std::int32_t> some_tokens(std::size_t n) {
    std::vector<std::int32_t> v;
    for (std::size_t i = 0; i < n; ++i) v.push_back(static_cast<std::int32_t>((i * i * 31 + 7 * i + 1) % 290));
    return v;
}

double largest(const std::vector<HeadReference::Row>& rows) {
    double most = 0;
    for (const auto& row : rows)
        for (const double x : row) most = std::max(most, std::fabs(x));
    return most;
}

double difference(const std::vector<HeadReference::Row>& rows, const std::vector<float>& values) {
    double most = 0;
    std::size_t at = 0;
    for (const auto& row : rows)
        for (const double x : row) most = std::max(most, std::fabs(x - static_cast<double>(values[at++])));
    CHECK(at == values.size());
    return most / largest(rows);
}

Status predictor_of(const ModelFile& file) {
    const Opened opened(file);
    Trouble part{};
    const auto described = describe_model(opened.file->metadata(), *opened.file, &part);
    REQUIRE_MESSAGE(described.ok(), described.status().message());
    return (*described)->predictor(0).status();
}

}  // namespace

TEST_CASE("predictor: logits and states are those of a reference in doubles, for every kind of block") {
    const auto tokens = some_tokens(9);
    for (const char* arch : {"glm4moe", "qwen3next", "qwen35", "qwen35moe", "deepseek2"}) {
        CAPTURE(std::string(arch));
        ModelFile file = predicting(arch);
        const Loaded loaded(file, 2);
        Draws draws(3);
        const auto inputs = draws.many(tokens.size() * 128, 2);
        std::vector<float> states;
        const auto logits = loaded.run(1, tokens, inputs, states, 4, best_isa());
        std::vector<HeadReference::Row> expected;
        const auto rows = HeadReference(file, 2).run(tokens, inputs, &expected);
        const double off = difference(rows, logits), states_off = difference(expected, states);
        MESSAGE(std::string(arch), ": logits off by ", off, " of the largest, states by ", states_off);
        CHECK(off < 1e-5);
        CHECK(states_off < 1e-5);
    }
}

TEST_CASE("predictor: a block with an indexer is that without, as long as all keys are chosen") {
    const ModelFile base = predicting("deepseek2");
    ModelFile file = base;
    const std::string from = "deepseek2", to = "deepseek32";
    file.keys.clear();
    for (const auto& [name, value] : base.keys)
        file.keys[name.starts_with(from) ? to + name.substr(from.size()) : name] = value;
    file.keys["general.architecture"] = to;
    file.keys[to + ".attention.q_lora_rank"] = std::uint64_t{64};
    file.keys[to + ".attention.indexer.head_count"] = std::uint64_t{2};
    file.keys[to + ".attention.indexer.key_length"] = std::uint64_t{40};
    file.keys[to + ".attention.indexer.top_k"] = std::uint64_t{9};
    Draws draws(4);
    for (std::size_t layer = 0; layer < 3; ++layer) {
        const std::string b = cat("blk.", layer, ".");
        file.erase_tensor(b + "attn_q.weight");
        using Shape = std::vector<std::uint64_t>;
        for (const auto& [name, shape] : {std::pair{"attn_q_a.weight", Shape{128, 64}},
                                          {"attn_q_a_norm.weight", Shape{64}},
                                          {"attn_q_b.weight", Shape{64, 256}},
                                          {"indexer.attn_q_b.weight", Shape{64, 80}},
                                          {"indexer.attn_k.weight", Shape{128, 40}},
                                          {"indexer.proj.weight", Shape{128, 2}},
                                          {"indexer.k_norm.weight", Shape{40}},
                                          {"indexer.k_norm.bias", Shape{40}}}) {
            file.add_floats(b + name, draws.many(shape[0] * (shape.size() > 1 ? shape[1] : 1), 0.2F));
            file.tensors.back().shape = shape;
        }
    }
    const auto tokens = some_tokens(9);
    const auto inputs = draws.many(tokens.size() * 128, 2);
    std::vector<float> states;
    const auto logits = Loaded(file, 2).run(1, tokens, inputs, states, 4, best_isa());
    CHECK(difference(HeadReference(file, 2).run(tokens, inputs, nullptr), logits) < 1e-5);
    file.erase_tensor("blk.2.indexer.proj.weight");
    CHECK(predictor_of(file).message().find("blk.2.indexer.proj.weight") != std::string::npos);
}

TEST_CASE("predictor: an embedding, an output and a norm of its own take the place of the model's") {
    const auto tokens = some_tokens(5);
    ModelFile file = predicting("glm4moe"), other = file;
    Draws draws(7);
    for (const char* name : {"nextn.embed_tokens.weight", "nextn.shared_head_head.weight"}) {
        file.add_floats(cat("blk.2.", name), draws.many(std::size_t{290} * 128, 0.3F));
        file.tensors.back().shape = {128, 290};
    }
    const auto inputs = draws.many(tokens.size() * 128);
    std::vector<float> states, shared;
    const auto logits = Loaded(file, 1).run(1, tokens, inputs, states, 5, best_isa());
    CHECK(difference(HeadReference(file, 2).run(tokens, inputs, nullptr), logits) < 1e-5);
    other.erase_tensor("blk.2.nextn.shared_head_norm.weight");
    const auto plain = Loaded(other, 1).run(1, tokens, inputs, shared, 5, best_isa());
    CHECK(difference(HeadReference(other, 2).run(tokens, inputs, nullptr), plain) < 1e-5);
}

TEST_CASE("predictor: the same bits for any workers, chunks and instruction set") {
    const auto tokens = some_tokens(21);
    for (const auto& [arch, type] : {std::pair{"glm4moe", "Q8_0"}, {"qwen35", "Q4_0"}, {"deepseek2", "F16"}}) {
        CAPTURE(std::string(arch));
        const ModelFile file = predicting(arch, type);
        Draws draws(5);
        const auto inputs = draws.many(tokens.size() * 128);
        const Loaded one(file, 1), three(file, 3);
        std::vector<float> expected_states, states;
        const auto expected = one.run(1, tokens, inputs, expected_states, 21, reference_isa());
        for (const auto& [loaded, chunk, isa] : {std::tuple{&three, std::size_t{21}, best_isa()},
                                                 {&one, std::size_t{1}, best_isa()},
                                                 {&three, std::size_t{8}, reference_isa()}}) {
            check_same(loaded->run(1, tokens, inputs, states, chunk, isa), expected);
            check_same(states, expected_states);
        }
    }
}

TEST_CASE("predictor: the states that a model gives are those that it embeds") {
    const auto tokens = some_tokens(11);
    const ModelFile file = predicting("qwen35");
    const Loaded loaded(file, 2);
    std::vector<float> states, others;
    (void)loaded.run(0, tokens, {}, states, 11, best_isa());
    (void)loaded.run(0, tokens, {}, others, 3, best_isa());
    check_same(states, others);
    const KvLayout layout = KvLayout::make(KvType::f32, loaded.blueprints[0]->info().kv);
    const Pages pages(layout, tokens.size(), loaded.memory);
    auto workspace = loaded.models[0]->make_workspace({11, 11, 2}, loaded.memory);
    REQUIRE(workspace.ok());
    SequenceBatch batch;
    batch.kv = pages.view();
    batch.tokens = tokens;
    batch.context = 1024;
    std::vector<float> rows(states.size());
    REQUIRE(loaded.models[0]
                ->embed({&batch, 1}, **workspace, kernel_table(best_isa()), *loaded.executor, rows.data())
                .ok());
    check_same(rows, states);
}

TEST_CASE("predictor: what is wrong with its tensors is told when it is asked for, and not before") {
    const ModelFile good = predicting("glm4moe");
    CHECK(predictor_of(good).ok());
    for (const char* name : {"nextn.eh_proj.weight", "nextn.enorm.weight", "nextn.hnorm.weight", "attn_q.weight",
                             "ffn_norm.weight", "ffn_up_exps.weight"}) {
        const std::string full =
            cat("blk.2.", std::string_view(name) == "ffn_norm.weight" ? "post_attention_norm.weight" : name);
        ModelFile file = good;
        file.erase_tensor(full);
        const Status missing = predictor_of(file);
        CHECK_FALSE(missing.ok());
        CHECK_MESSAGE(missing.message().find(full) != std::string::npos, missing.message());
        file = good;
        file.reshape(full, {64, 32});
        const Status shape = predictor_of(file);
        CHECK_FALSE(shape.ok());
        CHECK_MESSAGE(shape.message().find(full) != std::string::npos, shape.message());
    }
    ModelFile more = good;
    more.add_floats("blk.2.nextn.surprise.weight", {1});
    CHECK(predictor_of(more).message().find("nextn.surprise") != std::string::npos);
    const ModelFile none = predicting("glm4moe", "F32", 0);
    CHECK(predictor_of(none).message().find("0 blocks") != std::string::npos);
}

}  // namespace hearth::test
