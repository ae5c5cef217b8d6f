// Families with latent attention: what their keys must say of each other, and files from before their matrices were
// split.
#include "hearth/models/model.hpp"
#include "kernels/values.hpp"
#include "models/random_model.hpp"
#include "support/pages.hpp"

namespace hearth::test {
namespace {

ModelFile latent_file(const char* arch, const char* type = "Q8_0") {
    ModelShape s;
    s.arch = arch;
    s.type = type;
    s.ffn = 96;
    s.rank = 64;
    return ModelFile(s);
}

std::vector<float> logits(const ModelFile& file, std::size_t workers) {
    const Opened opened(file);
    Trouble part{};
    auto blueprint = describe_model(opened.file->metadata(), *opened.file, &part);
    REQUIRE_MESSAGE(blueprint.ok(), blueprint.status().message());
    const auto memory = std::make_shared<Memory>();
    const auto executor = executor_of(workers);
    LoadContext context{*opened.file, memory, *executor, Logger{}};
    const ModelInfo& info = (*blueprint)->info();
    auto model = (*blueprint)->load(context);
    REQUIRE_MESSAGE(model.ok(), model.status().message());
    CHECK(memory->budget.used() == info.weight_bytes);
    const std::size_t tokens = 70;  // more than are absorbed at a time
    const KvLayout layout = KvLayout::make(KvType::f32, info.kv);
    const Pages pages(layout, tokens, memory);
    auto workspace = (*model)->make_workspace({tokens, tokens, workers}, memory);
    REQUIRE(workspace.ok());
    std::vector<std::int32_t> ids;
    for (std::size_t i = 0; i < tokens; ++i)
        ids.push_back(static_cast<std::int32_t>((i * i * 31 + 7 * i + 1) % info.vocab));
    SequenceBatch batch;
    batch.kv = pages.view();
    batch.tokens = ids;
    batch.context = 1024;
    std::vector<float> out(tokens * info.vocab);
    const Status s = (*model)->forward({&batch, 1}, **workspace, kernel_table(best_isa()), *executor, out.data());
    REQUIRE_MESSAGE(s.ok(), s.message());
    for (const float x : out) REQUIRE(std::isfinite(x));
    return out;
}

// The same model with attn_kv_b in place of attn_k_b and attn_v_b, whose values it takes; both files hold the same
// numbers.
ModelFile joined(ModelFile& split, const char* type) {
    const std::size_t heads = 4, plain = 64, value = 64, rank = 64;
    ModelFile joint = split;
    Draws draws(9);
    const Codec &codec = *find_codec(type), &f32 = *find_codec("F32");
    const std::size_t row_bytes = codec.row_bytes(rank);
    for (std::size_t layer = 0; layer < split.shape().layers; ++layer) {
        const std::string at = cat("blk.", layer, ".attn_");
        const std::vector<std::byte> stored = random_blocks(draws, codec, rank * heads * (plain + value), 0.25F);
        const std::vector<float> values = decoded(codec, stored);
        ModelFile::Tensor kv{at + "kv_b.weight", codec.id, {rank, heads * (plain + value)}, stored};
        ModelFile::Tensor k{at + "k_b.weight", f32.id, {plain, rank, heads}, {}},
            v{at + "v_b.weight", codec.id, {rank, value, heads}, {}};
        std::vector<float> turned;
        for (std::size_t h = 0; h < heads; ++h) {
            const std::size_t row = h * (plain + value);
            for (std::size_t i = 0; i < rank; ++i)
                for (std::size_t j = 0; j < plain; ++j) turned.push_back(values[(row + j) * rank + i]);
            const auto begin = stored.begin() + static_cast<std::ptrdiff_t>((row + plain) * row_bytes);
            v.bytes.insert(v.bytes.end(), begin, begin + static_cast<std::ptrdiff_t>(value * row_bytes));
        }
        k.bytes.resize(turned.size() * sizeof(float));
        std::memcpy(k.bytes.data(), turned.data(), k.bytes.size());
        for (const ModelFile::Tensor& t : {k, v}) split.tensor(t.name) = t;
        for (const char* gone : {"k_b.weight", "v_b.weight"}) joint.erase_tensor(at + gone);
        joint.tensors.push_back(std::move(kv));
    }
    for (const char* gone : {"attention.key_length_mla", "attention.value_length_mla"})
        joint.keys.erase(joint.key(gone));
    joint.set("attention.key_length", std::uint64_t{96});
    joint.set("attention.value_length", std::uint64_t{64});
    joint.set("attention.head_count_kv", std::uint64_t{4});
    return joint;
}

struct Wrong {
    const char* name;
    MetaValue value;
    std::vector<std::string> words;
};

}  // namespace

TEST_CASE("latent: keys and values in one tensor are the same numbers as in two") {
    for (const char* type : {"F32", "F16", "BF16", "Q8_0", "Q4_0", "NVFP4"}) {
        CAPTURE(std::string(type));
        ModelFile split = latent_file("deepseek2", "F32");
        const ModelFile joint = joined(split, type);
        for (const std::size_t workers : {1U, 3U}) check_same(logits(joint, workers), logits(split, workers));
    }
}

TEST_CASE("latent: the cache has room for the latent and the rotated channels, and for nothing else") {
    const ModelFile file = latent_file("mistral4");
    const Opened opened(file);
    Trouble part{};
    const auto blueprint = describe_model(opened.file->metadata(), *opened.file, &part);
    REQUIRE(blueprint.ok());
    const KvLayout layout = KvLayout::make(KvType::f16, (*blueprint)->info().kv);
    CHECK(layout.page_bytes == kSpan * (64 + 32) * 2 * file.shape().layers);
}

TEST_CASE("latent: an indexer's keys stand behind the latent; what is wrong with it is named") {
    const ModelFile base = latent_file("mistral4", "F32");
    ModelFile good = base;
    good.keys.clear();
    const std::string from = "mistral4", to = "deepseek32";
    for (const auto& [name, value] : base.keys)
        good.keys[name.starts_with(from) ? to + name.substr(from.size()) : name] = value;
    good.keys["general.architecture"] = to;
    const auto set = [&](ModelFile& f, const char* name, MetaValue value) {
        f.keys[cat(to, ".attention.indexer.", name)] = std::move(value);
    };
    set(good, "head_count", std::uint64_t{2});
    set(good, "key_length", std::uint64_t{40});
    set(good, "top_k", std::uint64_t{9});
    Draws draws(4);
    const auto add = [&](const std::string& name, std::vector<std::uint64_t> shape) {
        std::uint64_t n = 1;
        for (const std::uint64_t d : shape) n *= d;
        good.add_floats(name, draws.many(n, 0.1F));
        good.tensors.back().shape = std::move(shape);
    };
    for (std::size_t layer = 0; layer < 2; ++layer) {
        const std::string b = cat("blk.", layer, ".indexer.");
        add(b + "attn_q_b.weight", {64, 80});
        add(b + "attn_k.weight", {256, 40});
        add(b + "proj.weight", {256, 2});
        add(b + "k_norm.weight", {40});
        add(b + "k_norm.bias", {40});
    }
    const auto describe = [](const ModelFile& file) {
        const Opened opened(file);
        Trouble part{};
        auto blueprint = describe_model(opened.file->metadata(), *opened.file, &part);
        return blueprint.ok() ? std::pair(std::string(), (*blueprint)->info().kv)
                              : std::pair(blueprint.status().message(), std::vector<KvShape>{});
    };
    const auto [trouble, kv] = describe(good);
    REQUIRE_MESSAGE(trouble.empty(), trouble);
    CHECK((kv.size() == 2 && kv[1].key_dim == 64 + 32 + 40 && kv[1].value_dim == 64));
    check_same(logits(good, 1), logits(good, 3));
    const auto refused = [&](const char* name, MetaValue value, const std::string& word) {
        CAPTURE(std::string(name));
        ModelFile bad = good;
        set(bad, name, std::move(value));
        const std::string message = describe(bad).first;
        CHECK_MESSAGE(message.find(word) != std::string::npos, message);
        bad.keys.erase(cat(to, ".attention.indexer.", name));
        CHECK_MESSAGE(describe(bad).first.find(name) != std::string::npos, describe(bad).first);
    };
    for (const char* name : {"head_count", "key_length", "top_k"}) {
        refused(name, std::uint64_t{0}, "is 0");
        refused(name, UINT64_MAX, "expected 1 to");
        refused(name, std::int64_t{-1}, "expected");
    }
    refused("key_length", std::uint64_t{31}, "expected at least");
    refused("key_length", std::uint64_t{41}, "indexer.attn_q_b");
    refused("head_count", std::uint64_t{3}, "indexer.attn_q_b");
    for (const char* name : {"attn_q_b.weight", "attn_k.weight", "proj.weight", "k_norm.weight", "k_norm.bias"}) {
        ModelFile bad = good;
        bad.erase_tensor(cat("blk.1.indexer.", name));
        CHECK_MESSAGE(describe(bad).first.find(cat("indexer.", name, "' is missing")) != std::string::npos,
                      describe(bad).first);
    }
}

TEST_CASE("latent: wrong keys are named") {
    const auto u = [](std::uint64_t n) { return MetaValue(n); };
    const std::string none;
    const std::vector<Wrong> list{
        {"attention.kv_lora_rank", u(0), {"is 0"}},
        {"attention.kv_lora_rank", u(std::uint64_t{1} << 40), {"expected 1 to"}},
        {"attention.kv_lora_rank", u(65), {"attention.key_length' is 96", "expected 97"}},
        {"attention.kv_lora_rank", std::int64_t{-64}, {"expected"}},
        {"attention.kv_lora_rank", none, {"missing"}},
        {"attention.q_lora_rank", u(0), {"is 0"}},
        {"attention.q_lora_rank", u(UINT64_MAX), {"expected 1 to"}},
        {"attention.q_lora_rank", u(63), {"tensor 'blk.0.attn_q_a.weight'", "{256, 63}"}},
        {"attention.key_length", u(95), {"is 95", "expected 96"}},
        {"attention.key_length_mla", u(32), {"is 32", "more than"}},
        {"attention.key_length_mla", u(0), {"is 0"}},
        {"attention.key_length_mla", u(97), {"tensor 'blk.0.attn_q_b.weight'"}},
        {"attention.key_length_mla", u(1 << 20), {"1048576"}},
        {"attention.key_length_mla", none, {"missing"}},
        {"attention.value_length_mla", u(0), {"is 0"}},
        {"attention.value_length_mla", u(63), {"tensor 'blk.0.attn_v_b.weight'", "{64, 63, 4}"}},
        {"attention.value_length_mla", none, {"missing"}},
        {"rope.dimension_count", u(34), {"expected 98"}},
        {"rope.dimension_count", none, {"missing"}},
        {"rope.scaling.yarn_log_multiplier", -1.0, {"is -1", "expected more than"}},
        {"rope.scaling.yarn_log_multiplier", std::numeric_limits<double>::quiet_NaN(), {"finite"}},
        {"attention.temperature_scale", std::string("x"), {"a string"}},
        {"attention.temperature_length", u(0), {"is 0", "1 or more"}},
        {"attention.temperature_length", -3.0, {"is -3"}},
        {"expert_group_count", u(3), {"divisor"}},
        {"expert_group_count", u(65), {"65"}},
        {"leading_dense_block_count", u(3), {"at most 2"}},
        {"nextn_predict_layers", u(2), {"less than"}},
    };
    const ModelFile good = latent_file("mistral4");
    for (const Wrong& wrong : list) {
        CAPTURE(std::string(wrong.name));
        ModelFile file = good;
        if (wrong.value == MetaValue(none))
            file.keys.erase(file.key(wrong.name));
        else
            file.set(wrong.name, wrong.value);
        const Opened opened(file);
        Trouble part{};
        const auto blueprint = describe_model(opened.file->metadata(), *opened.file, &part);
        REQUIRE(!blueprint.ok());
        const std::string message = blueprint.status().message();
        for (const std::string& word : wrong.words) CHECK_MESSAGE(message.find(word) != std::string::npos, message);
        if (message.starts_with("metadata")) CHECK_MESSAGE(message.find("mistral4.") != std::string::npos, message);
    }
}

}  // namespace hearth::test
