// DeepSeek V4: one arithmetic whatever the pieces, sizes of its cache, and what is said of files that have it wrong.
#include "hearth/models/model.hpp"
#include "kernels/values.hpp"
#include "models/random_model.hpp"
#include "support/pages.hpp"

namespace hearth::test {
namespace {

constexpr std::uint64_t kEmbd = 64, kHeads = 6, kRank = 32, kGroups = 3, kOut = 16, kStreams = 3, kExperts = 5,
                        kUsed = 2, kExpert = 32, kVocab = 290, kIndexHeads = 2, kWindow = 7, kTop = 5;

constexpr const char* kTable = "blk.0.ffn_gate_tid2eid.weight";

// Layers of every kind. key: channels of a head; dim: of the indexer; rotated: of both.
ModelFile compressed_file(const char* type, std::uint64_t key, std::uint64_t dim, std::uint64_t rotated) {
    ModelShape shape;
    shape.arch = "deepseek4";
    shape.layers = 4;
    shape.embd = kEmbd;
    shape.heads = kHeads;
    shape.kv_heads = 1;
    shape.ffn = kExpert;
    shape.vocab = kVocab;
    shape.experts = kExperts;
    shape.used = kUsed;
    shape.context = 4096;
    ModelFile f(shape);
    f.tensors.clear();
    const auto number = [&](const char* name, std::uint64_t value) { f.set(name, value); };
    number("attention.head_count_kv", 1);
    number("attention.key_length", key);
    number("attention.value_length", key);
    number("attention.q_lora_rank", kRank);
    number("attention.output_group_count", kGroups);
    number("attention.output_lora_rank", kOut);
    number("attention.sliding_window", kWindow);
    f.set("attention.compress_ratios", std::vector<std::uint64_t>{0, 4, 128, 4});
    f.set("attention.compress_rope_freq_base", 40000.0);
    number("attention.indexer.head_count", kIndexHeads);
    number("attention.indexer.key_length", dim);
    number("attention.indexer.top_k", kTop);
    number("rope.dimension_count", rotated);
    f.set("rope.scaling.type", std::string("yarn"));
    f.set("rope.scaling.factor", 4.0);
    number("hyper_connection.count", kStreams);
    number("hyper_connection.sinkhorn_iterations", 3);
    f.set("hyper_connection.epsilon", 1e-6);
    number("hash_layer_count", 1);
    number("expert_count", kExperts);
    number("expert_used_count", kUsed);
    number("expert_feed_forward_length", kExpert);
    number("expert_shared_count", 1);
    number("expert_gating_func", 4);
    f.set("expert_weights_scale", 1.5);
    f.set("swiglu_clamp_exp", std::vector<double>{2.5, 2.5, 0.0, 2.5});
    Draws draws(5);
    const Codec& codec = *find_codec(type);
    const auto matrix = [&](const std::string& name, std::vector<std::uint64_t> dims) {
        std::uint64_t n = 1;
        for (const std::uint64_t d : dims) n *= d;
        f.tensors.push_back({name + ".weight", codec.id, dims, random_blocks(draws, codec, n, 0.25F)});
    };
    const auto floats = [&](const std::string& name, std::vector<std::uint64_t> dims, float mean) {
        std::uint64_t n = 1;
        for (const std::uint64_t d : dims) n *= d;
        f.add_floats(name + ".weight", draws.many(n, 0.2F, mean));
        f.tensors.back().shape = std::move(dims);
    };
    const auto mix = [&](const std::string& name, std::uint64_t outputs, std::uint64_t kinds) {
        matrix(name + "_fn", {kStreams * kEmbd, outputs});
        floats(name + "_base", {outputs}, 0);
        floats(name + "_scale", {kinds}, 0.5F);
    };
    const auto compressor = [&](const std::string& name, std::uint64_t width, std::uint64_t sets, std::uint64_t ratio) {
        matrix(name + "_kv", {kEmbd, sets * width});
        matrix(name + "_gate", {kEmbd, sets * width});
        floats(name + "_ape", {sets * width, ratio}, 0);
        floats(name + "_norm", {width}, 1);
    };
    matrix("token_embd", {kEmbd, kVocab});
    matrix("output", {kEmbd, kVocab});
    floats("output_norm", {kEmbd}, 1);
    mix("output_hc", kStreams, 1);
    for (std::uint64_t i = 0; i < 4; ++i) {
        const std::string b = cat("blk.", i, ".");
        floats(b + "attn_norm", {kEmbd}, 1);
        floats(b + "ffn_norm", {kEmbd}, 1);
        floats(b + "attn_sinks", {kHeads}, 0);
        matrix(b + "attn_q_a", {kEmbd, kRank});
        floats(b + "attn_q_a_norm", {kRank}, 1);
        matrix(b + "attn_q_b", {kRank, kHeads * key});
        matrix(b + "attn_kv", {kEmbd, key});
        floats(b + "attn_kv_a_norm", {key}, 1);
        matrix(b + "attn_output_a", {kHeads * key / kGroups, kGroups * kOut});
        // Its rows are no multiple of the blocks of most types.
        floats(b + "attn_output_b", {kGroups * kOut, kEmbd}, 0);
        mix(b + "hc_attn", kStreams * (kStreams + 2), 3);
        mix(b + "hc_ffn", kStreams * (kStreams + 2), 3);
        if (i != 0) compressor(b + "attn_compressor", key, i % 2 + 1, i == 2 ? 128 : 4);
        if (i % 2 != 0) {
            matrix(b + "indexer.proj", {kEmbd, kIndexHeads});
            matrix(b + "indexer.attn_q_b", {kRank, kIndexHeads * dim});
            compressor(b + "indexer_compressor", dim, 2, 4);
        }
        matrix(b + "ffn_gate_inp", {kEmbd, kExperts});
        if (i == 0) {
            std::vector<std::int32_t> ids(kVocab * kUsed);
            for (std::size_t n = 0; n < ids.size(); ++n) ids[n] = static_cast<std::int32_t>((n * 7 + n / 3) % kExperts);
            const auto bytes = std::as_bytes(std::span(ids));
            f.tensors.push_back(
                {b + "ffn_gate_tid2eid.weight", codec_id::I32, {kUsed, kVocab}, {bytes.begin(), bytes.end()}});
        } else {
            f.add_floats(b + "exp_probs_b.bias", draws.many(kExperts, 0.2F));
        }
        for (const char* name : {"gate", "up", "down"}) {
            matrix(cat(b, "ffn_", name, "_exps"),
                   {name[0] == 'd' ? kExpert : kEmbd, name[0] == 'd' ? kEmbd : kExpert, kExperts});
            matrix(cat(b, "ffn_", name, "_shexp"),
                   {name[0] == 'd' ? kExpert : kEmbd, name[0] == 'd' ? kEmbd : kExpert});
        }
    }
    return f;
}

Result<std::vector<float>> logits(const ModelFile& file, KvType kv, std::size_t workers, std::size_t piece) {
    const Opened opened(file);
    Trouble part{};
    HEARTH_ASSIGN(auto blueprint, describe_model(opened.file->metadata(), *opened.file, &part));
    const auto memory = std::make_shared<Memory>();
    const auto executor = executor_of(workers);
    LoadContext context{*opened.file, memory, *executor, Logger{}};
    const ModelInfo& info = blueprint->info();
    HEARTH_ASSIGN(auto model, blueprint->load(context));
    CHECK(memory->budget.used() == info.weight_bytes);
    constexpr std::size_t kTokens = 270;  // two rows of the longer kind
    const KvLayout layout = KvLayout::make(kv, info.kv);
    const Pages pages(layout, kTokens, memory);
    const std::uint64_t before = memory->budget.used();
    const RunLimits limits{piece, kTokens, workers};
    HEARTH_ASSIGN(auto workspace, model->make_workspace(limits, memory));
    CHECK(memory->budget.used() - before == model->workspace_bytes(limits));
    std::vector<std::int32_t> ids;
    for (std::size_t i = 0; i < kTokens; ++i)
        ids.push_back(static_cast<std::int32_t>((i * i * 31 + 7 * i + 1) % kVocab));
    std::vector<float> out(kTokens * kVocab);
    for (std::size_t at = 0; at < kTokens; at += piece) {
        SequenceBatch batch;
        batch.kv = pages.view();
        batch.tokens = std::span(ids).subspan(at, std::min(piece, kTokens - at));
        batch.position = at;
        batch.context = 1024;
        HEARTH_TRY(
            model->forward({&batch, 1}, *workspace, kernel_table(best_isa()), *executor, out.data() + at * kVocab));
    }
    for (const float x : out) REQUIRE(std::isfinite(x));
    return out;
}

std::vector<float> good_logits(const ModelFile& file, KvType kv, std::size_t workers, std::size_t piece) {
    auto out = logits(file, kv, workers, piece);
    REQUIRE_MESSAGE(out.ok(), out.status().message());
    return *std::move(out);
}

std::string trouble(const ModelFile& file) {
    const Opened opened(file);
    Trouble part{};
    const auto blueprint = describe_model(opened.file->metadata(), *opened.file, &part);
    return blueprint.ok() ? std::string() : blueprint.status().message();
}

struct Wrong {
    const char* name;
    MetaValue value;
    std::vector<std::string> words;
};

}  // namespace

TEST_CASE("compressed: the same bytes whatever the pieces and the workers, near the same weights in F32") {
    const ModelFile uneven = compressed_file("F32", 22, 10, 6), q8 = compressed_file("Q8_0", 32, 32, 16);
    for (const KvType kv : {KvType::f16, KvType::f32, KvType::q8_0}) {
        CAPTURE(static_cast<int>(kv));
        const auto whole = good_logits(uneven, kv, 1, 270);
        check_same(good_logits(uneven, kv, 3, 61), whole);
        check_same(good_logits(uneven, kv, 2, 1), whole);
    }
    ModelFile same = q8.as_floats();
    same.tensor(kTable) = ModelFile(q8).tensor(kTable);
    const auto whole = good_logits(q8, KvType::f32, 2, 270), floats = good_logits(same, KvType::f32, 2, 270);
    check_same(good_logits(q8, KvType::f32, 1, 37), whole);
    // Rounded inputs tip random choices: the middle of the rows tells.
    std::vector<double> errors;
    for (std::size_t row = 0; row < whole.size(); row += kVocab) {
        double error = 0, power = 0;
        for (std::size_t i = row; i < row + kVocab; ++i) {
            const double e = static_cast<double>(whole[i]) - static_cast<double>(floats[i]);
            error += e * e;
            power += static_cast<double>(floats[i]) * static_cast<double>(floats[i]);
        }
        errors.push_back(error / power);
    }
    std::ranges::sort(errors);
    CHECK_MESSAGE(errors[errors.size() / 2] < 1e-2, errors[errors.size() / 2]);
    CHECK(errors[errors.size() / 2] > 0);
}

TEST_CASE("compressed: the cache has a window of keys, rows for several tokens, and what waits for a row") {
    const ModelFile file = compressed_file("F32", 32, 32, 16);
    const Opened opened(file);
    Trouble part{};
    const auto blueprint = describe_model(opened.file->metadata(), *opened.file, &part);
    REQUIRE_MESSAGE(blueprint.ok(), blueprint.status().message());
    const KvLayout layout = KvLayout::make(KvType::f16, (*blueprint)->info().kv);
    REQUIRE(layout.groups.size() == 3);
    CHECK((layout.groups[0].reach.window == kWindow && layout.groups[0].page_bytes == kSpan * 4 * 32 * 2));
    CHECK((layout.groups[1].span() == 4 * kSpan && layout.groups[1].page_bytes == kSpan * 2 * (32 + 32) * 2));
    CHECK((layout.groups[2].span() == 128 * kSpan && layout.groups[2].page_bytes == kSpan * 32 * 2));
    // Of two sets for 8 tokens, and of one for 128: values and scores.
    CHECK(layout.state_bytes == (2 * 8 * 2 * 2 * (32 + 32) + 128 * 2 * 32) * sizeof(float));
}

TEST_CASE("compressed: wrong keys are named") {
    const auto u = [](std::uint64_t n) { return MetaValue(n); };
    const auto ratios = [](std::vector<std::uint64_t> v) { return MetaValue(std::move(v)); };
    const std::string none;
    const double nan = std::numeric_limits<double>::quiet_NaN();
    const std::vector<Wrong> list{
        {"attention.key_length", none, {"missing"}},
        {"attention.value_length", u(31), {"is 31", "expected 32"}},
        {"attention.head_count_kv", u(2), {"is 2", "expected 1"}},
        {"rope.dimension_count", none, {"missing"}},
        {"rope.dimension_count", u(34), {"expected 1 to 32"}},
        {"attention.q_lora_rank", u(0), {"is 0"}},
        {"attention.q_lora_rank", u(UINT64_MAX), {"expected 1 to"}},
        {"attention.q_lora_rank", none, {"missing"}},
        {"attention.q_lora_rank", u(31), {"tensor 'blk.0.attn_q_a.weight'", "{64, 31}"}},
        {"attention.output_group_count", u(4), {"is 4", "divisor"}},
        {"attention.output_group_count", u(7), {"is 7", "1 to 6"}},
        {"attention.output_group_count", u(2), {"tensor 'blk.0.attn_output_a.weight'", "{96, 32}"}},
        {"attention.output_lora_rank", u(17), {"is 17", "multiple of 16"}},
        {"attention.output_lora_rank", u(1 << 20), {"expected 1 to"}},
        {"attention.sliding_window", u(0), {"is 0"}},
        {"attention.sliding_window", none, {"missing"}},
        {"attention.compress_ratios", none, {"missing"}},
        {"attention.compress_ratios", ratios({0, 4, 128}), {"an array of 3", "each of 4 layers"}},
        {"attention.compress_ratios", ratios({0, 8, 128, 4}), {"8 for layer 1", "0, 4 and 128"}},
        {"attention.compress_ratios", ratios({0, 0, 0, 0}), {"attn_compressor"}},
        {"attention.compress_ratios", std::vector<double>{0, nan, 128, 4}, {"for layer 1"}},
        {"attention.compress_ratios", std::string("x"), {"string"}},
        {"attention.compress_rope_freq_base", none, {"missing"}},
        {"attention.compress_rope_freq_base", 1.0, {"is 1", "more than 1"}},
        {"attention.indexer.head_count", none, {"missing"}},
        {"attention.indexer.head_count", u(3), {"tensor 'blk.1.indexer.attn_q_b.weight'"}},
        {"attention.indexer.key_length", u(15), {"is 15", "at least"}},
        {"attention.indexer.key_length", u(33), {"tensor 'blk.1.indexer_compressor_kv.weight'"}},
        {"attention.indexer.top_k", u(0), {"is 0"}},
        {"attention.indexer.top_k", u(UINT64_MAX), {"expected 1 to"}},
        {"hyper_connection.count", u(1), {"is 1", "2 to"}},
        {"hyper_connection.count", u(17), {"is 17"}},
        {"hyper_connection.count", u(4), {"tensor 'blk.0.hc_attn_fn.weight'", "{256, 24}"}},
        {"hyper_connection.sinkhorn_iterations", u(0), {"is 0"}},
        {"hyper_connection.sinkhorn_iterations", u(UINT64_MAX), {"expected 1 to"}},
        {"hyper_connection.epsilon", -1.0, {"is -1", "0 to 1"}},
        {"hyper_connection.epsilon", nan, {"finite"}},
        {"hash_layer_count", u(5), {"is 5", "at most 4"}},
        {"hash_layer_count", u(2), {"tensor 'blk.1.ffn_gate_tid2eid.weight' is missing"}},
        {"hash_layer_count", u(0), {"ffn_gate_tid2eid"}},
        {"expert_gating_func", u(2), {"is 2", "supported is 4"}},
        {"swiglu_clamp_exp", std::vector<double>{1, 2}, {"an array of 2"}},
        {"swiglu_clamp_exp", std::vector<double>{1, -2, 1, 1}, {"-2 for layer 1"}},
        {"swiglu_clamp_shexp", std::vector<double>{1, 1, 1, nan}, {"for layer 3"}},
        {"nextn_predict_layers", u(4), {"less than"}},
    };
    const ModelFile good = compressed_file("F32", 32, 32, 16);
    REQUIRE(trouble(good).empty());
    for (const Wrong& wrong : list) {
        CAPTURE(std::string(wrong.name));
        ModelFile file = good;
        if (wrong.value == MetaValue(none))
            file.keys.erase(file.key(wrong.name));
        else
            file.set(wrong.name, wrong.value);
        const std::string message = trouble(file);
        REQUIRE(!message.empty());
        for (const std::string& word : wrong.words) CHECK_MESSAGE(message.find(word) != std::string::npos, message);
        if (message.starts_with("metadata")) CHECK_MESSAGE(message.find("deepseek4.") != std::string::npos, message);
    }
}

TEST_CASE("compressed: missing tensors, and tables of experts that there are not, are named") {
    const ModelFile good = compressed_file("F32", 32, 32, 16);
    for (const char* name :
         {"output_hc_fn", "output_hc_base", "output_hc_scale", "blk.1.hc_attn_fn", "blk.2.hc_ffn_base",
          "blk.3.hc_ffn_scale", "blk.0.attn_sinks", "blk.0.attn_kv", "blk.0.attn_kv_a_norm", "blk.1.attn_compressor_kv",
          "blk.1.attn_compressor_gate", "blk.2.attn_compressor_ape", "blk.2.attn_compressor_norm", "blk.3.indexer.proj",
          "blk.3.indexer.attn_q_b", "blk.3.indexer_compressor_ape", "blk.0.ffn_gate_tid2eid", "blk.0.attn_output_b"}) {
        ModelFile file = good;
        file.erase_tensor(cat(name, ".weight"));
        const std::string message = trouble(file);
        CHECK_MESSAGE(message.find(cat("tensor '", name, ".weight' is missing")) != std::string::npos, message);
    }
    ModelFile file = good;
    file.tensor(kTable).type = codec_id::F32;
    CHECK(trouble(file).find("has type F32, expected I32") != std::string::npos);
    for (const std::int32_t id : {-1, 5, 1 << 30}) {
        file = good;
        std::memcpy(file.tensor(kTable).bytes.data() + 3 * sizeof id, &id, sizeof id);
        const auto out = logits(file, KvType::f32, 1, 1);
        REQUIRE(!out.ok());
        CHECK_MESSAGE(out.status().message().find(cat("tensor '", kTable, "' entry 3 is ")) != std::string::npos,
                      out.status().message());
    }
}

}  // namespace hearth::test
