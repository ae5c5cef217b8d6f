// Adapters in PEFT's folders, and control vectors: made, trained, refused.
#include "capi/adapter_support.hpp"

using namespace hearth::test;
using hearth::GgufWriter;

namespace {

using Json = nlohmann::ordered_json;

std::vector<float> logits_with(hearth_model* model, const hearth_adapter* adapter, double scale,
                               const std::vector<std::int32_t>& tokens) {
    const auto s = make_session(model);
    if (adapter != nullptr) CHECK_OK(hearth_session_attach(s.get(), adapter, scale));
    append(s.get(), tokens);
    return evaluate(s.get(), true);
}

struct Tensor {
    std::string name;
    std::vector<std::uint64_t> shape;  // row-major
    std::vector<float> values;
};

std::vector<std::byte> safetensors(const std::vector<Tensor>& tensors) {
    Json header = Json::object();
    std::size_t at = 0;
    for (const Tensor& t : tensors) {
        const std::size_t bytes = t.values.size() * sizeof(float);
        header[t.name] = {{"dtype", "F32"}, {"shape", t.shape}, {"data_offsets", {at, at + bytes}}};
        at += bytes;
    }
    const std::string text = header.dump();
    std::vector<std::byte> out(8 + text.size() + at);
    const std::uint64_t size = text.size();
    std::memcpy(out.data(), &size, 8);
    std::memcpy(out.data() + 8, text.data(), text.size());
    at = 8 + text.size();
    for (const Tensor& t : tensors) {
        std::memcpy(out.data() + at, t.values.data(), t.values.size() * sizeof(float));
        at += t.values.size() * sizeof(float);
    }
    return out;
}

std::string folder_of(const TemporaryDirectory& dir, const std::string& name, const Json& config,
                      const std::vector<Tensor>& tensors) {
    std::filesystem::create_directory(dir.path() / name);
    const std::string text = config.dump();
    dir.write(name + "/adapter_config.json", std::as_bytes(std::span(text)));
    dir.write(name + "/adapter_model.safetensors", safetensors(tensors));
    return dir / name;
}

Json config_of(double rank, double alpha) {
    return {
        {"peft_type", "LORA"}, {"r", rank},         {"lora_alpha", alpha},        {"target_modules", {"q_proj"}},
        {"bias", "none"},      {"use_dora", false}, {"modules_to_save", nullptr}, {"megatron_core", "megatron.core"}};
}

struct Named {
    const char *ours, *theirs;
};
constexpr Named kModules[] = {{"attn_q", "self_attn.q_proj"}, {"attn_k", "self_attn.k_proj"},
                              {"attn_v", "self_attn.v_proj"}, {"attn_output", "self_attn.o_proj"},
                              {"ffn_gate", "mlp.gate_proj"},  {"ffn_up", "mlp.up_proj"},
                              {"ffn_down", "mlp.down_proj"},  {"ffn_gate_inp", "mlp.gate"}};
constexpr Named kExperts[] = {
    {"ffn_gate_exps", "gate_proj"}, {"ffn_up_exps", "up_proj"}, {"ffn_down_exps", "down_proj"}};

// What PEFT would have written of an adapter: rows of queries and keys in the folder's order, experts apart.
std::vector<Tensor> as_peft(const LoraFile& lora, const ModelShape& shape, bool interleaved) {
    std::vector<Tensor> out;
    for (const LoraPart& p : lora.parts) {
        const std::string prefix = "base_model.model.";
        const std::uint64_t k = p.a_shape[0], rows = p.b_shape[1], r = lora.rank;
        if (p.base == "token_embd.weight") {
            std::vector<float> a(p.a.size());
            for (std::uint64_t i = 0; i < shape.vocab; ++i)
                for (std::uint64_t j = 0; j < r; ++j) a[j * shape.vocab + i] = p.a[i * r + j];
            out.push_back({prefix + "model.embed_tokens.lora_embedding_A", {r, shape.vocab}, a});
            out.push_back({prefix + "model.embed_tokens.lora_embedding_B", {rows, r}, p.b});
            continue;
        }
        if (p.base == "output.weight") {
            out.push_back({prefix + "lm_head.lora_A.weight", {r, k}, p.a});
            out.push_back({prefix + "lm_head.lora_B.weight", {rows, r}, p.b});
            continue;
        }
        const std::string layer = p.base.substr(4, 1), name = p.base.substr(6, p.base.size() - 6 - 7);
        const std::string at = prefix + "model.layers." + layer + ".";
        for (const Named& n : kExperts)
            for (std::uint64_t e = 0; n.ours == name && e < shape.experts; ++e) {
                const auto part = [&](const std::vector<float>& all, std::size_t each) {
                    return std::vector<float>(all.begin() + static_cast<std::ptrdiff_t>(e * each),
                                              all.begin() + static_cast<std::ptrdiff_t>((e + 1) * each));
                };
                const std::vector<float> a = part(p.a, k * r), b = part(p.b, rows * r);
                if (std::ranges::all_of(b, [](float x) { return x == 0; })) continue;  // of which PEFT knows nothing
                out.push_back({at + "mlp.experts." + std::to_string(e) + "." + n.theirs + ".lora_A.weight", {r, k}, a});
                out.push_back(
                    {at + "mlp.experts." + std::to_string(e) + "." + n.theirs + ".lora_B.weight", {rows, r}, b});
            }
        for (const Named& n : kModules) {
            if (n.ours != name) continue;
            std::vector<float> b = p.b;
            const bool query = name == "attn_q";
            if (interleaved && (query || name == "attn_k")) {
                const std::uint64_t heads = query ? shape.heads : shape.kv_heads, height = rows / heads,
                                    half = height / 2;
                for (std::uint64_t row = 0; row < rows; ++row) {
                    const std::uint64_t head = row / height, within = row % height;
                    const std::uint64_t to = head * height + within % 2 * half + within / 2;
                    for (std::uint64_t j = 0; j < r; ++j) b[to * r + j] = p.b[row * r + j];
                }
            }
            out.push_back({at + n.theirs + ".lora_A.weight", {r, k}, p.a});
            out.push_back({at + n.theirs + ".lora_B.default.weight", {rows, r}, b});
        }
    }
    return out;
}

}  // namespace

TEST_CASE("peft: a folder computes what the same adapter in GGUF does, to the bit") {
    const auto runtime = make_runtime(2);
    const TemporaryDirectory dir;
    const auto tokens = prompt_of(24);
    for (const std::string arch : {"llama", "qwen3", "qwen3moe"}) {
        CAPTURE(arch);
        const ModelFile file(small_shape(arch));
        LoraFile lora(file, 8, 4, changeable(file));
        for (LoraPart& p : lora.parts)  // an expert that is not changed
            if (p.b_shape.size() == 3)
                std::fill_n(p.b.begin() + static_cast<std::ptrdiff_t>(p.b_shape[0] * p.b_shape[1]),
                            p.b_shape[0] * p.b_shape[1], 0.0F);
        const auto model = open_memory_model(runtime.get(), file.bytes());
        const auto gguf = load_adapter(model.get(), dir.write(arch + ".gguf", lora.bytes()));
        const auto expected = logits_with(model.get(), gguf.get(), 1, tokens);
        CHECK(!same_bits(expected, logits_with(model.get(), nullptr, 0, tokens)));
        const auto tensors = as_peft(lora, file.shape(), arch == "llama");
        std::size_t number = 0;
        const auto same = [&](const Json& config) {
            const std::string folder = folder_of(dir, arch + std::to_string(number++), config, tensors);
            const auto adapter = load_adapter(model.get(), folder);
            CHECK(same_bits(logits_with(model.get(), adapter.get(), 1, tokens), expected));
            const auto one_file = load_adapter(model.get(), folder + "/adapter_model.safetensors");
            CHECK(same_bits(logits_with(model.get(), one_file.get(), 1, tokens), expected));
        };
        Json config = config_of(4, 12);
        same(config);
        config["use_rslora"] = true;  // 6 / sqrt(4)
        config["lora_alpha"] = 6;
        same(config);
        // By patterns: other numbers for all but the layers, whose modules get theirs.
        config = config_of(4, 12);
        config["r"] = 9;
        config["lora_alpha"] = 99;
        for (const char* key : {"rank_pattern", "alpha_pattern"}) {
            Json& patterns = config[key] = Json::object();
            const double value = std::string(key) == "rank_pattern" ? 4 : 12;
            for (const Named& n : kModules) patterns[n.theirs] = value;
            for (const Named& n : kExperts) patterns[n.theirs] = value;
            patterns["embed_tokens"] = value;
            patterns["^lm_head"] = value;
        }
        same(config);
    }
}

TEST_CASE("peft: what would not be computed as it was trained is refused by its name") {
    const auto runtime = make_runtime(1);
    const TemporaryDirectory dir;
    const ModelFile file(small_shape("llama"));
    const auto model = open_memory_model(runtime.get(), file.bytes());
    const LoraFile lora(file, 8, 4, {"blk.0.attn_q.weight"});
    const auto good = as_peft(lora, file.shape(), true);
    std::size_t number = 0;
    const auto refused = [&](const Json& config, const std::vector<Tensor>& tensors, hearth_status status,
                             const std::string& part) {
        const std::string folder = folder_of(dir, std::to_string(number++), config, tensors);
        hearth_adapter* out = nullptr;
        CHECK_FAILS(hearth_adapter_load(&out, model.get(), folder.c_str(), nullptr), status, folder, part);
    };
    const auto with = [](const std::string& key, Json value) {
        Json config = config_of(4, 12);
        config[key] = std::move(value);
        return config;
    };
    load_adapter(model.get(), folder_of(dir, "good", config_of(4, 12), good));
    refused(with("use_dora", true), good, HEARTH_EUNSUPPORTED, "'use_dora'");
    refused(with("modules_to_save", {"lm_head"}), good, HEARTH_EUNSUPPORTED, "'modules_to_save'");
    refused(with("bias", "all"), good, HEARTH_EUNSUPPORTED, "'bias'");
    refused(with("lora_bias", true), good, HEARTH_EUNSUPPORTED, "'lora_bias'");
    refused(with("init_lora_weights", "pissa"), good, HEARTH_EUNSUPPORTED, "'init_lora_weights'");
    refused(with("something_new", 1), good, HEARTH_EUNSUPPORTED, "'something_new'");
    refused(with("peft_type", "IA3"), good, HEARTH_EUNSUPPORTED, "'IA3'");
    refused(with("r", 5), good, HEARTH_EFORMAT, "rank 5");
    refused(with("r", -1), good, HEARTH_EFORMAT, "'r'");
    refused(with("lora_alpha", "x"), good, HEARTH_EFORMAT, "'lora_alpha'");
    refused(with("rank_pattern", {{".*q_proj", 4}}), good, HEARTH_EUNSUPPORTED, ".*q_proj");
    refused(Json::array(), good, HEARTH_EFORMAT, "adapter_config.json");
    const Json config = config_of(4, 12);
    const auto renamed = [&](std::size_t which, const std::string& name) {
        auto tensors = good;
        tensors[which].name = name;
        return tensors;
    };
    const std::string layer = "base_model.model.model.layers.0.self_attn.";
    refused(config, renamed(0, "model.layers.0.self_attn.q_proj.lora_A.weight"), HEARTH_EFORMAT, "base_model.model.");
    refused(config, renamed(0, layer + "q_proj.lora_magnitude_vector"), HEARTH_EUNSUPPORTED, "lora_magnitude_vector");
    refused(config, renamed(0, layer + "k_proj.lora_A.weight"), HEARTH_EFORMAT, "one factor");
    refused(config, {good[0]}, HEARTH_EFORMAT, "one factor");
    refused(config, {}, HEARTH_EFORMAT, "no tensors");
    auto other = good;
    for (Tensor& t : other) t.name.replace(t.name.find("self_attn.q_proj"), 16, "attention.wqkv__");
    refused(config, other, HEARTH_ESTATE, "attention.wqkv__");
    other = good;
    for (Tensor& t : other) t.name.replace(t.name.find("layers.0"), 8, "layers.9");
    refused(config, other, HEARTH_ESTATE, "another model");
    other = good;
    for (Tensor& t : other) t.name.replace(t.name.find("q_proj"), 6, "v_proj");  // of another shape
    refused(config, other, HEARTH_ESTATE, "v_proj");
    std::filesystem::create_directory(dir.path() / "empty");
    hearth_adapter* out = nullptr;
    CHECK_FAILS(hearth_adapter_load(&out, model.get(), (dir / "empty").c_str(), nullptr), HEARTH_ENOTFOUND,
                "adapter_config.json");

    Draws draws(11);  // any bytes
    const std::string config_text = config.dump();
    const auto bytes = safetensors(good);
    for (std::size_t i = 0; i < (kThin ? 40 : 200); ++i) {
        std::vector<std::byte> text(config_text.size()), weights = bytes;
        std::memcpy(text.data(), config_text.data(), text.size());
        std::vector<std::byte>& hit = i % 2 == 0 ? text : weights;
        for (std::size_t n = 1 + draws.below(3); n > 0; --n)
            hit[draws.below(std::min<std::size_t>(hit.size(), 300))] = static_cast<std::byte>(draws.bits());
        dir.write("good/adapter_config.json", text);
        dir.write("good/adapter_model.safetensors", weights);
        const hearth_status status = hearth_adapter_load(&out, model.get(), (dir / "good").c_str(), nullptr);
        const AdapterPtr adapter(out);
        CHECK((status == HEARTH_OK) == (out != nullptr));
    }
}

namespace {

std::vector<std::byte> control_file(const std::vector<std::pair<std::string, std::vector<float>>>& directions,
                                    const std::string& hint = "") {
    GgufWriter writer;
    REQUIRE(writer.set("general.architecture", std::string("controlvector")).ok());
    if (!hint.empty()) REQUIRE(writer.set("controlvector.model_hint", hint).ok());
    for (const auto& [name, values] : directions) {
        const std::uint64_t shape[] = {values.size()};
        REQUIRE(writer.add_tensor(name, 0, shape, std::as_bytes(std::span(values))).ok());
    }
    return writer.write_parts()->front();
}

}  // namespace

TEST_CASE("control vectors: directions are added behind their layers") {
    const auto runtime = make_runtime(2);
    const TemporaryDirectory dir;
    ModelFile file(small_shape("qwen2"));
    const auto model = open_memory_model(runtime.get(), file.bytes());
    const auto tokens = prompt_of(20);
    Draws draws(3);
    const auto one = draws.many(64, 2), two = draws.many(64, 2);
    const std::string path = dir.write("c.gguf", control_file({{"direction.1", one}, {"direction.2", two}}, "qwen2"));
    const auto both = load_adapter(model.get(), path), first = load_adapter(model.get(), path, 1, 1),
               second = load_adapter(model.get(), path, 2);
    hearth_adapter_info info{};
    info.struct_size = sizeof info;
    CHECK_OK(hearth_adapter_describe(&info, first.get()));
    CHECK(info.kind == HEARTH_ADAPTER_CONTROL);
    CHECK(info.parts == 1);
    // The last product of a layer with a bias adds the same.
    const auto biased = [&](std::vector<std::pair<int, const std::vector<float>*>> layers, float scale) {
        ModelFile changed = file;
        for (const auto& [layer, values] : layers) {
            std::vector<float> bias = *values;
            for (float& x : bias) x *= scale;
            changed.add_floats("blk." + std::to_string(layer) + ".ffn_down.bias", bias);
        }
        const auto other = open_memory_model(runtime.get(), changed.bytes());
        return logits_with(other.get(), nullptr, 0, tokens);
    };
    CHECK(largest_difference(logits_with(model.get(), both.get(), 0.5, tokens), biased({{1, &one}, {2, &two}}, 0.5F)) < 1e-4);
    CHECK(largest_difference(logits_with(model.get(), first.get(), -1, tokens), biased({{1, &one}}, -1)) < 1e-4);
    CHECK(largest_difference(logits_with(model.get(), second.get(), 2, tokens), biased({{2, &two}}, 2)) < 1e-4);
    CHECK(largest_difference(logits_with(model.get(), first.get(), 1, tokens), logits_with(model.get(), nullptr, 0, tokens)) >
          0.01);

    const auto refused = [&](const std::vector<std::byte>& bytes, hearth_status status, const std::string& part) {
        const std::string name = dir.write("refused.gguf", bytes);
        hearth_adapter* out = nullptr;
        CHECK_FAILS(hearth_adapter_load(&out, model.get(), name.c_str(), nullptr), status, name, part);
    };
    refused(control_file({{"direction.0", one}}), HEARTH_EFORMAT, "direction.0");
    refused(control_file({{"direction.x", one}}), HEARTH_EFORMAT, "direction.x");
    refused(control_file({{"direction.3", one}}), HEARTH_ESTATE, "direction.3");
    refused(control_file({{"direction.1", draws.many(32, 1)}}), HEARTH_ESTATE, "{64}");
    refused(control_file({{"direction.1", one}}, "llama"), HEARTH_ESTATE, "'llama'");
    refused(control_file({}), HEARTH_EFORMAT, "without directions");
    load_adapter(model.get(), dir.write("hint.gguf", control_file({{"direction.1", one}}, "somebody/else")));
    const ModelFile streams(small_shape("gemma3n"));
    const auto several = open_memory_model(runtime.get(), streams.bytes());
    hearth_adapter* out = nullptr;
    CHECK_FAILS(hearth_adapter_load(&out, several.get(), (dir / "hint.gguf").c_str(), nullptr), HEARTH_EUNSUPPORTED,
                "streams");
}

TEST_CASE("control vectors: training finds what prompts differ by, the same everywhere") {
    const TemporaryDirectory dir;
    const ModelFile file(small_shape("llama"));
    const std::string path = dir.write("model.gguf", file.bytes());
    std::vector<std::vector<std::int32_t>> positive, negative;
    for (int i = 0; i < 5; ++i) {
        positive.push_back(prompt_of(6 + static_cast<std::size_t>(i), 41 + i));
        negative.push_back(positive.back());
        positive.back().push_back(20);
        negative.back().push_back(30);
    }
    const auto train = [&](hearth_model* model, std::size_t count, std::uint32_t method, const std::string& to) {
        hearth_steer_options o;
        CHECK_OK(hearth_steer_options_init(&o, sizeof o));
        o.method = method;
        std::vector<const std::int32_t*> tokens[2];
        std::vector<std::size_t> lengths[2];
        for (std::size_t i = 0; i < count; ++i)
            for (int side = 0; side < 2; ++side) {
                const auto& t = (side == 0 ? positive : negative)[i];
                tokens[side].push_back(t.data());
                lengths[side].push_back(t.size());
            }
        return hearth_steer_train(model, tokens[0].data(), lengths[0].data(), tokens[1].data(), lengths[1].data(),
                                  count, to.c_str(), &o);
    };
    const auto runtime = make_runtime(2), scalar = make_runtime(1, reference_isa_name());
    const auto model = open_model(runtime.get(), path), other = open_model(scalar.get(), path);
    const auto last = [&](const hearth_adapter* adapter, const std::vector<std::int32_t>& tokens) {
        const auto s = make_session(model.get());
        if (adapter != nullptr) CHECK_OK(hearth_session_attach(s.get(), adapter, 1));
        append(s.get(), tokens);
        return evaluate(s.get(), false);
    };
    for (const std::uint32_t method : {HEARTH_STEER_MEAN, HEARTH_STEER_PCA}) {
        CAPTURE(method);
        // One pair: its difference, behind the last layer, makes one of the other.
        CHECK_OK(train(model.get(), 1, method, dir / "one.gguf"));
        const auto one = load_adapter(model.get(), dir / "one.gguf", 2);
        CHECK(largest_difference(last(one.get(), negative[0]), last(nullptr, positive[0])) < 1e-4);
        CHECK(largest_difference(last(nullptr, negative[0]), last(nullptr, positive[0])) > 0.1);
        CHECK_OK(train(model.get(), 5, method, dir / "a.gguf"));
        CHECK_OK(train(other.get(), 5, method, dir / "b.gguf"));
        CHECK(read_text(dir / "a.gguf") == read_text(dir / "b.gguf"));
        const auto all = load_adapter(model.get(), dir / "a.gguf", 2);
        // And all together: nearer to the positive ones' logits.
        double before = 0, after = 0;
        for (std::size_t i = 0; i < 5; ++i) {
            const auto target = last(nullptr, positive[i]), plain = last(nullptr, negative[i]),
                       steered = last(all.get(), negative[i]);
            before += largest_difference(plain, target);
            after += largest_difference(steered, target);
        }
        CHECK(after < before);
    }
    CHECK_FAILS(train(model.get(), 0, 0, dir / "c.gguf"), HEARTH_EINVAL, "no pairs");
    CHECK_FAILS(train(model.get(), 1, 7, dir / "c.gguf"), HEARTH_EINVAL, "method");
    negative = positive;
    CHECK_FAILS(train(model.get(), 5, 0, dir / "c.gguf"), HEARTH_EINVAL, "do not differ");
    positive[2].clear();
    CHECK_FAILS(train(model.get(), 5, 1, dir / "c.gguf"), HEARTH_EINVAL, "pair 2");
    positive[2] = {1, 1000000};
    CHECK_FAILS(train(model.get(), 5, 1, dir / "c.gguf"), HEARTH_ERANGE, "pair 2", "1000000");
    CHECK(!std::filesystem::exists(dir / "c.gguf"));
}
