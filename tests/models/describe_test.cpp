// What describe_model says of files that lack something, or have it wrong: the right status, part and words.
#include "hearth/layers/moe.hpp"
#include "hearth/models/model.hpp"

#include <limits>

#include "models/random_model.hpp"
#include "support/golden.hpp"

namespace hearth::test {
namespace {

struct Outcome {
    Status status;
    Trouble part = Trouble::key;
    ModelInfo info;
};

Outcome describe(const ModelFile& model) {
    const Opened opened(model);
    Outcome out;
    auto blueprint = describe_model(opened.file->metadata(), *opened.file, &out.part);
    if (blueprint.ok())
        out.info = (*blueprint)->info();
    else
        out.status = blueprint.status();
    return out;
}

struct Wrong {
    std::string what;
    std::function<void(ModelFile&)> change;
    Code code;
    Trouble part;
    std::vector<std::string> words;
};

void check_refused(const ModelFile& good, const Wrong& wrong) {
    CAPTURE(good.shape().arch);
    CAPTURE(wrong.what);
    ModelFile model = good;
    wrong.change(model);
    const Outcome out = describe(model);
    REQUIRE_MESSAGE(!out.status.ok(), "was accepted");
    CHECK_MESSAGE(static_cast<int>(out.status.code()) == static_cast<int>(wrong.code), out.status.message());
    CHECK_MESSAGE(static_cast<int>(out.part) == static_cast<int>(wrong.part), out.status.message());
    for (const std::string& word : wrong.words)
        CHECK_MESSAGE(out.status.message().find(word) != std::string::npos,
                      "'" << word << "' in: " << out.status.message());
}

Wrong key(const ModelFile& m, const char* name, MetaValue value, Code code, std::vector<std::string> words) {
    const std::string full = m.key(name);
    words.push_back(full);
    return {cat(name, " changed, expecting ", words.front()),
            [full, value](ModelFile& f) {
                f.keys[full] = value;
                f.stored.erase(full);
            },
            code, Trouble::key, std::move(words)};
}

bool has_experts_alone(const ModelFile& m) {
    return m.shape().is({"qwen2moe", "qwen3moe", "olmoe", "granitemoe", "phimoe", "gpt-oss", "qwen3next", "qwen35moe"});
}

std::vector<std::string> required_keys() {
    return {"context_length",      "embedding_length",     "block_count",
            "feed_forward_length", "attention.head_count", "attention.layer_norm_rms_epsilon"};
}

std::vector<Wrong> wrong_keys(const ModelFile& m) {
    const double nan = std::numeric_limits<double>::quiet_NaN(), inf = std::numeric_limits<double>::infinity();
    const auto u = [](std::uint64_t n) { return MetaValue(n); };
    std::vector<Wrong> list;
    for (const std::string& name : required_keys()) {
        const std::string full = m.key(name);
        if (name != "feed_forward_length" || !has_experts_alone(m))
            list.push_back({name + " missing",
                            [full](ModelFile& f) { f.keys.erase(full); },
                            Code::malformed,
                            Trouble::key,
                            {full, "missing"}});
        list.push_back(key(m, name.c_str(), std::string("four"), Code::malformed, {"a string"}));
        list.push_back(key(m, name.c_str(), true, Code::malformed, {"bool"}));
        if (name.find("epsilon") != std::string::npos) continue;
        list.push_back(key(m, name.c_str(), u(0), Code::malformed, {"is 0", "expected 1"}));
        list.push_back(key(m, name.c_str(), std::int64_t{-4}, Code::malformed, {"expected"}));
        list.push_back(key(m, name.c_str(), 4.5, Code::malformed, {"a float"}));
        list.push_back(
            key(m, name.c_str(), u(std::uint64_t{1} << 32), Code::malformed, {"4294967296", "expected 1 to"}));
        list.push_back(key(m, name.c_str(), u(UINT64_MAX), Code::malformed, {"18446744073709551615", "expected 1 to"}));
        list.push_back(key(m, name.c_str(), std::vector<std::uint64_t>{}, Code::malformed, {"empty array"}));
        const bool each = name == "feed_forward_length";  // may differ between layers
        list.push_back(key(m, name.c_str(), std::vector<std::uint64_t>{2, 4}, each ? Code::malformed : Code::unsupported,
                           {each ? "one value for each of 4 layers" : "differs between layers"}));
    }
    for (const double bad : {nan, inf, -inf, -1e-5, 1.5})
        list.push_back(key(m, "attention.layer_norm_rms_epsilon", bad, Code::malformed, {"expected"}));
    list.push_back(key(m, "attention.head_count_kv", u(3), Code::malformed, {"not a multiple", "3"}));
    // Where 0 means a layer of another kind, its tensors are missing.
    if (!m.shape().short_conv()) list.push_back(key(m, "attention.head_count_kv", u(0), Code::malformed, {"is 0"}));
    list.push_back(key(m, "attention.head_count_kv", u(8), Code::malformed, {"not a multiple"}));
    list.push_back(key(m, "attention.key_length", u(0), Code::malformed, {"is 0"}));
    list.push_back(key(m, "attention.key_length", u(1 << 20), Code::malformed, {"1048576"}));
    list.push_back(key(m, "attention.value_length", u(1 << 20), Code::malformed, {"1048576"}));
    list.push_back(key(m, "attention.scale", nan, Code::malformed, {"finite"}));
    list.push_back(key(m, "rope.dimension_count", u(15), Code::malformed, {"15", "even"}));
    if (!m.shape().latent())
        list.push_back(key(m, "rope.dimension_count", u(18), Code::malformed, {"18", "expected 1 to 16"}));
    list.push_back(key(m, "rope.dimension_count", u(0), Code::malformed, {"is 0"}));
    for (const double bad : {0.0, 1.0, -10000.0, nan, inf, 1e31})
        list.push_back(key(m, "rope.freq_base", bad, Code::malformed, {"expected"}));
    list.push_back(key(m, "rope.freq_base", std::string("x"), Code::malformed, {"a string"}));
    list.push_back(
        key(m, "rope.scaling.type", std::string("dynamic"), Code::unsupported, {"dynamic", "yarn", "longrope"}));
    list.push_back(key(m, "rope.scaling.type", u(3), Code::malformed, {"expected a string"}));
    for (const double bad : {-2.0, nan, inf})
        list.push_back(key(m, "rope.scaling.factor", bad, Code::malformed, {"expected"}));
    // Angles beyond what rotations are computed for.
    list.push_back(key(m, "rope.scaling.factor", 1e-12, Code::malformed, {"expected"}));
    for (const double bad : {0.0, -5.0, nan, 1e25})
        list.push_back(key(m, "rope.scaling.original_context_length", bad, Code::malformed, {"expected"}));
    list.push_back(key(m, "rope.scaling.attn_factor", nan, Code::malformed, {"finite"}));
    return list;
}

std::vector<ModelFile> all_families() {
    std::vector<ModelFile> list;
    for (const char* arch : kArchitectures) {
        ModelShape s;
        s.arch = arch;
        s.type = "Q8_0";
        s.layers = 4;
        s.embd = 64;
        s.ffn = 96;
        s.vocab = 270;
        list.emplace_back(s);
    }
    return list;
}

}  // namespace

TEST_CASE("describe: sizes of every family are those of its file") {
    for (const ModelFile& m : all_families()) {
        CAPTURE(m.shape().arch);
        const Outcome out = describe(m);
        REQUIRE_MESSAGE(out.status.ok(), out.status.message());
        CHECK(out.info.architecture == m.shape().arch);
        CHECK(out.info.context == 1024);
        CHECK(out.info.vocab == 270);
        CHECK(out.info.embedding == 64);
        CHECK(out.info.layers == 4);
        CHECK(out.info.heads == 4);
        const bool latent = m.shape().latent();
        CHECK(out.info.kv_heads == (latent ? 1 : 2));
        CHECK(out.info.feed_forward == 96);
        REQUIRE(out.info.kv.size() == 4);
        const KvShape& kv = out.info.kv[1];
        if (latent)
            CHECK((kv.heads == 1 && kv.key_dim == 288 && kv.value_dim == 256 && kv.values_in_keys));
        else
            CHECK((kv.heads == 2 && kv.key_dim == 16 && kv.value_dim == 16));
        std::uint64_t parameters = 0;
        for (const auto& t : m.tensors) parameters += decoded(*find_codec(t.type), t.bytes).size();
        CHECK(out.info.parameters == parameters);
    }
}

TEST_CASE("describe: a wrong or missing key is named, in every family") {
    std::size_t number = 0;
    for (const ModelFile& m : all_families())
        for (const Wrong& wrong : wrong_keys(m))
            if (++number % 5 == 0 || !kThin) check_refused(m, wrong);
}

TEST_CASE("describe: a missing tensor is named with the shape it should have, in every family") {
    std::size_t number = 0;
    for (const ModelFile& m : all_families()) {
        for (const auto& t : m.tensors) {
            if (++number % 3 != 0 && kThin) continue;
            // Without output.weight the embedding is the output; biases are found by being there.
            if (t.name == "output.weight" || t.name.ends_with(".bias")) continue;
            // Keys serve where there are no values, and 1 where there is no scale.
            if (m.shape().arch == "gemma4" && (t.name.ends_with("attn_v.weight") || t.name.ends_with("output_scale.weight")))
                continue;
            // Fused projections could come as three as well.
            std::string named = t.name;
            if (const auto at = named.find("attn_qkv"); at != std::string::npos && !m.shape().delta()) named.replace(at, 8, "attn_q");
            check_refused(m, {t.name + " missing",
                              [&](ModelFile& f) { f.erase_tensor(t.name); },
                              Code::malformed,
                              Trouble::tensor,
                              {"'" + named + "' is missing", "expected shape {"}});
        }
    }
}

TEST_CASE("describe: a tensor of another shape is named with both shapes, in every family") {
    std::size_t number = 0;
    for (const ModelFile& m : all_families()) {
        for (const auto& t : m.tensors) {
            // Neighbouring families have mostly the same: where that takes long they share them.
            if (++number % 3 != 0 && kThin) continue;
            auto wider = t.shape;
            wider[0] *= 2;
            check_refused(m, {t.name + " wider",
                              [&](ModelFile& f) { f.reshape(t.name, wider); },
                              Code::malformed,
                              Trouble::tensor,
                              {t.name, cat("{", wider[0])}});
            auto deeper = t.shape;
            deeper.resize(3, 1);
            deeper[2] = 2;
            check_refused(m, {t.name + " deeper",
                              [&](ModelFile& f) { f.reshape(t.name, deeper); },
                              Code::malformed,
                              Trouble::tensor,
                              {t.name, ", 2}"}});
            if (t.shape.size() < 2 || t.name == "token_embd.weight") continue;
            auto longer = t.shape;
            longer[1] += 1;
            check_refused(m, {t.name + " longer",
                              [&](ModelFile& f) { f.reshape(t.name, longer); },
                              Code::malformed,
                              Trouble::tensor,
                              {t.name, cat(longer[1]), cat(t.shape[1])}});
        }
    }
}

TEST_CASE("describe: tensors that the family does not compute with are refused, not passed over") {
    for (const ModelFile& m : all_families())
        for (const std::string name : {"blk.0.ffn_gate_exps.weight", "blk.4.attn_norm.weight",
                                       "blk.0.attn_sinks.weight", "position_embd.weight"})
            if (!m.has_tensor(name)) check_refused(m, {name,
                              [&](ModelFile& f) { f.add_floats(name, std::vector<float>(64)); },
                              Code::unsupported,
                              Trouble::tensor,
                              {name, "{64}", "no place"}});
    for (const ModelFile& m : all_families()) {
        const bool fused = m.shape().arch == "phi3", latent = m.shape().arch == "mistral4";
        // Both forms at once cannot be right.
        check_refused(m, {"q beside qkv",
                          [&](ModelFile& f) {
                              auto t = f.tensor(fused    ? "blk.1.attn_qkv.weight"
                                                : latent ? "blk.1.attn_q_b.weight"
                                                         : "blk.1.attn_q.weight");
                              t.name = fused ? "blk.1.attn_q.weight" : "blk.1.attn_qkv.weight";
                              f.tensors.push_back(t);
                              f.reshape(t.name, {64, fused ? 64U : 128U});
                          },
                          Code::unsupported,
                          Trouble::tensor,
                          {"attn_q"}});
    }
}

TEST_CASE("describe: rotation factors must be positive numbers, one for each pair") {
    for (const char* arch : {"llama", "phi3"}) {
        ModelShape s;
        s.arch = arch;
        s.type = "Q8_0";
        s.factors = true;
        const ModelFile m(s);
        CHECK(describe(m).status.ok());
        for (const std::string name : {"rope_freqs.weight", "rope_factors_short.weight", "rope_factors_long.weight"}) {
            ModelFile has = m;
            has.erase_tensor(name);
            has.add_floats(name, std::vector<float>(32, 2.0F));
            CHECK(describe(has).status.ok());
            for (const float bad : {0.0F, -1.0F, std::numeric_limits<float>::quiet_NaN(), 1e-30F})
                check_refused(has, {cat(name, " holds ", bad),
                                    [&](ModelFile& f) { std::memcpy(f.tensor(name).bytes.data() + 4 * 7, &bad, 4); },
                                    Code::malformed,
                                    Trouble::tensor,
                                    {name, "entry 7"}});
            check_refused(has, {name + " too long",
                                [&](ModelFile& f) { f.reshape(name, {33}); },
                                Code::malformed,
                                Trouble::tensor,
                                {name, "{33}", "{32}"}});
        }
    }
}

TEST_CASE("describe: keys of single families") {
    ModelShape s;
    s.type = "Q8_0";
    s.arch = "granite";
    const ModelFile granite(s);
    check_refused(granite, key(granite, "logit_scale", 0.0, Code::malformed, {"is 0"}));
    check_refused(granite, key(granite, "embedding_scale", std::string("x"), Code::malformed, {"a string"}));
    check_refused(granite,
                  key(granite, "residual_scale", std::numeric_limits<double>::infinity(), Code::malformed, {"finite"}));
    check_refused(granite, key(granite, "rope.scaling.finetuned", 3.0, Code::malformed, {"expected a bool"}));
    s.arch = "mistral3";
    const ModelFile mistral(s);
    check_refused(mistral,
                  key(mistral, "attention.temperature_scale", std::string("x"), Code::malformed, {"a string"}));
    check_refused(mistral, key(mistral, "rope.scaling.yarn_beta_fast", true, Code::malformed, {"bool"}));
    for (const char* name : {"rope.scaling.yarn_beta_fast", "rope.scaling.yarn_beta_slow"})
        for (const double bad : {0.0, -1.0})
            check_refused(mistral, key(mistral, name, bad, Code::malformed, {"more than 0"}));
}

TEST_CASE("describe: keys of single families with local layers") {
    ModelShape s;
    s.type = "Q8_0";
    s.layers = 4;
    const auto u = [](std::uint64_t n) { return MetaValue(n); };
    const auto without = [](const ModelFile& m, const char* name) {
        const std::string full = m.key(name);
        return Wrong{cat("no ", name), [full](ModelFile& f) { f.keys.erase(full); }, Code::malformed, Trouble::key, {full, "missing"}};
    };
    for (const char* arch : {"gemma2", "gemma3", "gemma3n", "gemma4"}) {
        s.arch = arch;
        const ModelFile m(s);
        check_refused(m, key(m, "final_logit_softcapping", -1.0, Code::malformed, {"0 or more"}));
        check_refused(m, key(m, "attention.sliding_window_pattern", std::vector<bool>(3, true), Code::malformed, {"4 layers"}));
        check_refused(m, key(m, "attention.sliding_window_pattern", u(0), Code::malformed, {"is 0"}));
        if (s.arch != "gemma3") check_refused(m, key(m, "attention.sliding_window", u(0), Code::malformed, {"is 0"}));
        if (s.arch != "gemma2") check_refused(m, key(m, "rope.freq_base_swa", 0.5, Code::malformed, {"more than 1"}));
    }
    for (const char* arch : {"gemma3n", "gemma4"}) {
        s.arch = arch;
        const ModelFile m(s);
        for (const std::uint64_t bad : {std::uint64_t{3}, std::uint64_t{4}, UINT64_MAX})
            check_refused(m, key(m, "attention.shared_kv_layers", u(bad), Code::malformed, {"less than 3"}));
    }
    s.arch = "gemma4";
    const ModelFile four(s);
    check_refused(four, {"a layer that shares keys of another width",
                         [](ModelFile& f) { f.set("attention.sliding_window_pattern", std::vector<bool>{true, true, true, false}); },
                         Code::malformed, Trouble::key, {"shared_kv_layers", "layer 3", "another kind"}});
    check_refused(four, key(four, "rope.dimension_count_swa", u(31), Code::malformed, {"even"}));
    for (const char* name : {"attention.key_length_swa", "attention.value_length_swa", "attention.sliding_window_pattern"})
        check_refused(four, without(four, name));
    s.arch = "gemma3n";
    const ModelFile nano(s);
    check_refused(nano, key(nano, "altup.num_inputs", u(1), Code::malformed, {"expected 2"}));
    check_refused(nano, key(nano, "altup.active_idx", u(1), Code::unsupported, {"supported is 0"}));
    check_refused(nano, key(nano, "activation_sparsity_scale", std::vector<double>(3, 1.0), Code::malformed, {"4 layers"}));
    check_refused(nano, key(nano, "activation_sparsity_scale", std::vector<double>(4, std::numeric_limits<double>::quiet_NaN()),
                            Code::malformed, {"expected a number"}));
    s.arch = "llama4";
    const ModelFile llama(s);
    check_refused(llama, key(llama, "attention.sliding_window", u(4096), Code::unsupported, {"4096", "8192"}));
    check_refused(llama, without(llama, "interleave_moe_layer_step"));
    check_refused(llama, {"a bias of weighed inputs",
                          [](ModelFile& f) { f.add_floats("blk.1.ffn_up_exps.bias", std::vector<float>(512 * 5)); f.reshape("blk.1.ffn_up_exps.bias", {512, 5}); },
                          Code::unsupported, Trouble::tensor, {"ffn_up_exps.bias"}});
}

TEST_CASE("describe: keys of families with recurrent layers") {
    ModelShape s;
    s.type = "Q8_0";
    s.layers = 4;
    const auto u = [](std::uint64_t n) { return MetaValue(n); };
    for (const char* arch : {"qwen3next", "qwen35", "qwen35moe"}) {
        s.arch = arch;
        const ModelFile m(s);
        const Outcome out = describe(m);
        REQUIRE_MESSAGE(out.status.ok(), out.status.message());
        // 3 tokens of 8 heads of 64 channels, and 4 heads of 64 x 64.
        for (std::size_t i = 0; i < 4; ++i) CHECK(out.info.kv[i].state_floats == (i % 2 == 0 ? 3 * 512 + 4 * 4096 : 0));
        CHECK(out.info.kv[0].heads == 0);
        for (const char* name : {"ssm.conv_kernel", "ssm.state_size", "ssm.group_count", "ssm.time_step_rank", "ssm.inner_size"}) {
            check_refused(m, {cat("no ", name), [&](ModelFile& f) { f.keys.erase(f.key(name)); }, Code::malformed,
                              Trouble::key, {name, "missing"}});
            check_refused(m, key(m, name, u(0), Code::malformed, {"is 0"}));
            check_refused(m, key(m, name, u(UINT64_MAX), Code::malformed, {"expected 1 to"}));
        }
        check_refused(m, key(m, "ssm.conv_kernel", u(9), Code::malformed, {"expected 1 to 8"}));
        check_refused(m, key(m, "ssm.group_count", u(3), Code::malformed, {"a multiple", "3"}));
        check_refused(m, key(m, "ssm.inner_size", u(512), Code::unsupported, {"512", "supported is 256"}));
        check_refused(m, key(m, "full_attention_interval", u(0), Code::malformed, {"is 0"}));
        check_refused(m, key(m, "attention.value_length", u(32), Code::malformed, {"is 32", "expected 64"}));
        check_refused(m, key(m, "attention.recurrent_layers", std::vector<bool>(3, true), Code::malformed, {"4 layers"}));
        check_refused(m, key(m, "attention.recurrent_layers", std::vector<std::uint64_t>{}, Code::malformed, {"4 layers"}));
        check_refused(m, key(m, "attention.recurrent_layers", std::string("all"), Code::malformed, {"a string"}));
        // The flags say what the interval would: the file stands; other flags want other tensors.
        ModelFile flagged = m;
        flagged.keys.erase(flagged.key("full_attention_interval"));
        flagged.set("attention.recurrent_layers", std::vector<std::uint64_t>{1, 0, 1, 0});
        CHECK(describe(flagged).status.ok());
        flagged.set("attention.recurrent_layers", std::vector<bool>{true, false, true, false});
        CHECK(describe(flagged).status.ok());
        flagged.set("attention.recurrent_layers", std::vector<bool>{true, true, true, false});
        CHECK(describe(flagged).status.message().find("blk.1.attn_qkv.weight") != std::string::npos);
        if (s.arch == "qwen3next") continue;
        for (const std::vector<std::uint64_t>& bad : {std::vector<std::uint64_t>{11, 11}, {11, 11, 11, 0, 0}})
            check_refused(m, key(m, "rope.dimension_sections", bad, Code::malformed, {"3 or 4"}));
        check_refused(m, key(m, "rope.dimension_sections", std::vector<std::uint64_t>{11, 10, 10, 1}, Code::unsupported,
                             {"leaves out pair 31"}));
    }
    for (const char* arch : {"lfm2", "lfm2moe"}) {
        s.arch = arch;
        const ModelFile m(s);
        const Outcome out = describe(m);
        REQUIRE_MESSAGE(out.status.ok(), out.status.message());
        for (std::size_t i = 0; i < 4; ++i) CHECK(out.info.kv[i].state_floats == (i % 2 == 0 ? 2 * 256 : 0));
        for (const std::uint64_t bad : {std::uint64_t{0}, std::uint64_t{9}, UINT64_MAX})
            check_refused(m, key(m, "shortconv.l_cache", u(bad), Code::malformed, {"expected 1 to 8"}));
        check_refused(m, key(m, "shortconv.l_cache", std::string("3"), Code::malformed, {"a string"}));
        check_refused(m, key(m, "attention.sliding_window", -1.5, Code::malformed, {"sliding_window"}));
        check_refused(m, {"a convolution where the file has attention",
                          [](ModelFile& f) { f.set("attention.head_count_kv", std::vector<std::uint64_t>{0, 0, 0, 2}); },
                          Code::malformed, Trouble::tensor, {"blk.1.shortconv.in_proj.weight", "missing"}});
    }
}

TEST_CASE("describe: keys of experts") {
    std::vector<ModelFile> models;
    for (const char* arch : kArchitectures) {
        ModelShape s;
        s.type = "Q8_0";
        s.arch = arch;
        s.layers = 2;
        if (s.is({"gemma4", "llama", "mistral3"})) s.experts = 6;
        if (s.moe()) models.emplace_back(s);
    }
    REQUIRE(models.size() >= 2);
    const auto u = [](std::uint64_t n) { return MetaValue(n); };
    for (const ModelFile& m : models) {
        const std::uint64_t experts = m.shape().experts;
        REQUIRE_MESSAGE(describe(m).status.ok(), describe(m).status.message());
        check_refused(m, key(m, "expert_count", std::string("8"), Code::malformed, {"a string"}));
        check_refused(m, key(m, "expert_count", u(1 << 20), Code::malformed, {"1048576"}));
        check_refused(m, key(m, "expert_used_count", u(0), Code::malformed, {"is 0"}));
        check_refused(m, key(m, "expert_used_count", u(experts + 1), Code::malformed, {cat("expected 1 to ", experts)}));
        check_refused(m, key(m, "expert_feed_forward_length", u(0), Code::malformed, {"is 0"}));
        check_refused(m, key(m, "expert_gating_func", u(9), Code::unsupported, {"9", "softmax"}));
        check_refused(m, key(m, "expert_weights_norm", u(1), Code::malformed, {"bool"}));
        check_refused(m, key(m, "expert_weights_scale", std::numeric_limits<double>::quiet_NaN(), Code::malformed, {"finite"}));
        check_refused(m, key(m, "expert_group_count", u(kMaxExpertGroups + 1), Code::malformed, {"expected 1 to"}));
        check_refused(m, key(m, "expert_group_count", u(4), Code::malformed, {"a divisor"}));
        check_refused(m, {"groups without enough experts",
                          [&](ModelFile& f) {
                              f.set("expert_group_count", experts);
                              f.set("expert_group_used_count", std::uint64_t{1});
                          },
                          Code::malformed, Trouble::key, {"expert_group_used_count", "leaves 1"}});
        check_refused(m, {"no used count", [&](ModelFile& f) { f.keys.erase(f.key("expert_used_count")); },
                          Code::malformed, Trouble::key, {"expert_used_count", "missing"}});
        // More experts than the tensors hold.
        check_refused(m, {"another count", [&](ModelFile& f) { f.set("expert_count", experts + 1); },
                          Code::malformed, Trouble::tensor, {"ffn_gate_inp", cat(experts + 1)}});
        if (m.shape().is({"gemma4", "llama", "llama4", "mistral3"})) continue;  // may be dense
        check_refused(m, key(m, "expert_count", u(0), Code::malformed, {"is 0"}));
        check_refused(m, {"no count", [&](ModelFile& f) { f.keys.erase(f.key("expert_count")); },
                          Code::malformed, Trouble::key, {"expert_count", "missing"}});
    }
}

TEST_CASE("describe: keys of single families with experts") {
    ModelShape s;
    s.type = "Q8_0";
    s.layers = 3;
    const auto u = [](std::uint64_t n) { return MetaValue(n); };
    s.arch = "glm4moe";
    const ModelFile glm(s);
    check_refused(glm, key(glm, "nextn_predict_layers", u(3), Code::malformed, {"is 3", "less than"}));
    check_refused(glm, key(glm, "leading_dense_block_count", u(4), Code::malformed, {"is 4", "at most 3"}));
    check_refused(glm, key(glm, "expert_shared_count", u(UINT64_MAX), Code::malformed, {"at most"}));
    check_refused(glm, {"two shared experts in the key, one in the tensors",
                        [&](ModelFile& f) { f.set("expert_shared_count", std::uint64_t{2}); },
                        Code::malformed, Trouble::tensor, {"ffn_gate_shexp"}});
    // Layers that predict further tokens are left alone, whatever they hold.
    ModelFile predicts = glm;
    predicts.set("nextn_predict_layers", std::uint64_t{1});
    predicts.add_floats("blk.2.nextn.enorm.weight", std::vector<float>(256));
    const Outcome out = describe(predicts);
    REQUIRE_MESSAGE(out.status.ok(), out.status.message());
    CHECK(out.info.layers == 2);
    CHECK(out.info.weight_bytes < describe(glm).info.weight_bytes);
    s.arch = "gpt-oss";
    const ModelFile oss(s);
    check_refused(oss, key(oss, "attention.sliding_window", u(0), Code::malformed, {"is 0"}));
    check_refused(oss, {"no window", [&](ModelFile& f) { f.keys.erase(f.key("attention.sliding_window")); },
                        Code::malformed, Trouble::key, {"sliding_window", "missing"}});
    s.arch = "qwen2moe";
    const ModelFile qwen(s);
    check_refused(qwen, {"no shared width", [&](ModelFile& f) { f.keys.erase(f.key("expert_shared_feed_forward_length")); },
                         Code::malformed, Trouble::key, {"expert_shared_feed_forward_length", "missing"}});
    check_refused(qwen, {"a shared bias that nobody adds",
                         [&](ModelFile& f) { f.add_floats("blk.0.ffn_gate_inp_shexp.bias", {1.0F}); },
                         Code::unsupported, Trouble::tensor, {"ffn_gate_inp_shexp.bias"}});
}

TEST_CASE("describe: layers that read the keys of others keep none") {
    ModelShape s;
    s.arch = "gemma4";
    s.type = "Q8_0";
    s.layers = 6;
    const ModelInfo info = describe(ModelFile(s)).info;
    REQUIRE(info.kv.size() == 6);
    for (std::size_t i = 0; i < 6; ++i) CHECK(info.kv[i].heads == (i < 2 ? 2 : 0));
    const KvLayout all = KvLayout::make(KvType::f16, info.kv), own = KvLayout::make(KvType::f16, std::span(info.kv).first(2));
    CHECK(all.page_bytes == own.page_bytes);
}

TEST_CASE("describe: a decoded token reads the experts that it uses") {
    ModelShape s;
    s.type = "Q8_0";
    s.arch = "qwen3moe";
    s.layers = 3;
    s.experts = 8;
    s.used = 8;
    const ModelInfo all = describe(ModelFile(s)).info;
    s.used = 2;
    const ModelInfo some = describe(ModelFile(s)).info;
    CHECK(all.weight_bytes == some.weight_bytes);
    std::uint64_t experts = 0;
    for (const auto& t : ModelFile(s).tensors)
        if (t.shape.size() == 3) experts += t.bytes.size();
    CHECK(all.decode_bytes - some.decode_bytes == experts / 8 * 6);
}

TEST_CASE("describe: architectures") {
    ModelShape s;
    s.type = "Q8_0";
    s.layers = 1;
    const ModelFile m(s);
    const std::string name = "general.architecture";
    check_refused(m, {"unknown",
                      [&](ModelFile& f) { f.keys[name] = std::string("mamba"); },
                      Code::unsupported,
                      Trouble::architecture,
                      {"'mamba'", "llama", "qwen3"}});
    check_refused(m, {"prefix",
                      [&](ModelFile& f) { f.keys[name] = std::string("llam"); },
                      Code::unsupported,
                      Trouble::architecture,
                      {"'llam'"}});
    check_refused(
        m, {"absent", [&](ModelFile& f) { f.keys.erase(name); }, Code::malformed, Trouble::key, {name, "missing"}});
    check_refused(m, {"number",
                      [&](ModelFile& f) { f.keys[name] = std::uint64_t{1}; },
                      Code::malformed,
                      Trouble::key,
                      {name, "string"}});
    for (const Trouble part : {Trouble::architecture, Trouble::tensor, Trouble::key})
        CHECK(!trouble_name(part).empty());
}

TEST_CASE("describe: where all layers have experts their width is enough") {
    std::size_t seen = 0;
    for (ModelFile m : all_families()) {
        if (!has_experts_alone(m)) continue;
        ++seen;
        m.keys.erase(m.key("feed_forward_length"));
        const Outcome out = describe(m);
        CHECK_MESSAGE(out.status.ok(), out.status.message());
        CHECK(out.info.feed_forward == 0);
    }
    CHECK(seen >= 7);
}

TEST_CASE("describe: one value for each layer is taken where all are the same") {
    for (const ModelFile& m : all_families()) {
        ModelFile arrays = m;
        arrays.set("attention.head_count", std::vector<std::uint64_t>(4, 4));
        if (!m.shape().short_conv()) arrays.set("attention.head_count_kv", std::vector<std::uint64_t>(4, 2));
        arrays.set("feed_forward_length", std::vector<std::uint64_t>(4, 96));
        const Outcome out = describe(arrays);
        CHECK_MESSAGE(out.status.ok(), out.status.message());
        CHECK(out.info.kv_heads == (m.shape().latent() ? 1 : 2));
    }
}

}  // namespace hearth::test
