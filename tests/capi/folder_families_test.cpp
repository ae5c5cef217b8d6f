// Folders made of the goldens in GGUF: the same weights under the names, shapes and keys of Hugging Face's classes (as
// transformers' modeling files define them) give the logits of the golden.
#include <algorithm>
#include <array>
#include <cmath>

#include "capi/folder_arrays.hpp"
#include "capi/folder_compressed.hpp"
#include "capi/folder_latent.hpp"
#include "hearth/formats/hf_folder.hpp"
#include "support/figures.hpp"
#include "support/temporary.hpp"

using namespace hearth::test;

namespace {

// Rows of b behind those of a, matrix for matrix.
Array joined(const Array& a, const Array& b) {
    Array out{{a.shape[0], a.shape[1] + b.shape[1], a.shape[2]}, {}};
    const auto size_a = static_cast<std::ptrdiff_t>(a.shape[1] * a.shape[2]), size_b = static_cast<std::ptrdiff_t>(b.shape[1] * b.shape[2]);
    for (std::ptrdiff_t e = 0; e < static_cast<std::ptrdiff_t>(a.shape[0]); ++e) {
        out.values.insert(out.values.end(), a.values.begin() + e * size_a, a.values.begin() + (e + 1) * size_a);
        out.values.insert(out.values.end(), b.values.begin() + e * size_b, b.values.begin() + (e + 1) * size_b);
    }
    return out;
}

// Rows (or values, of vectors) of a and b by turns.
Array by_turns(const Array& a, const Array& b) {
    Array out = a;
    out.shape[1] *= 2;
    out.values.clear();
    const auto row = static_cast<std::ptrdiff_t>(a.shape.size() == 3 ? a.shape[2] : 1);
    for (std::ptrdiff_t at = 0; at < static_cast<std::ptrdiff_t>(a.values.size()); at += row)
        for (const Array* from : {&a, &b}) out.values.insert(out.values.end(), from->values.begin() + at, from->values.begin() + at + row);
    return out;
}

// Rows from `fixed` on, `unit` for each of four heads of values: from hearth's order (head v with head v mod 2 of keys) to
// neighbours that share a head of keys. With `columns`, the same within every row.
void group_heads(Array& a, std::size_t fixed, std::size_t unit, bool columns = false) {
    const std::size_t width = columns ? 1 : a.values.size() / a.shape[0], row = columns ? a.shape[1] : a.values.size();
    const std::vector<float> from = a.values;
    for (std::size_t base = 0; base < from.size(); base += row)
        for (std::size_t g = 0; g < 4; ++g)
            for (std::size_t i = 0; i < unit * width; ++i)
                a.values[base + (fixed + g * unit) * width + i] = from[base + (fixed + (g % 2 * 2 + g / 2) * unit) * width + i];
}

// Rows first, first + 1, …, of it.
Array rows_of(const Array& a, std::size_t first, std::size_t count) {
    const std::size_t width = a.values.size() / a.shape[0];
    const auto begin = a.values.begin() + static_cast<std::ptrdiff_t>(first * width);
    return {{count, width}, {begin, begin + static_cast<std::ptrdiff_t>(count * width)}};
}

// Keys and values of each head after each other: [heads, rank, plain] and [heads, value, rank] as [heads * (plain + value), rank].
Array joint_heads(Array keys, const Array& values) {
    transpose_last(keys);
    const std::size_t heads = keys.shape[0], rank = keys.shape[2], rows = keys.shape[1] + values.shape[1];
    Array out = joined(keys, values);
    out.shape = {heads * rows, rank};
    return out;
}

// What the class stores in one tensor, in another order or otherwise.
void adapt(const std::string& golden, Arrays& from, bool stacked) {
    for (std::size_t l = 0; from.contains("blk." + std::to_string(l) + ".attn_k_b.weight"); ++l) {
        const std::string b = "blk." + std::to_string(l) + ".attn_";
        from[b + "kv_b.weight"] = joint_heads(from[b + "k_b.weight"], from[b + "v_b.weight"]);
        from.erase(b + "k_b.weight");
        from.erase(b + "v_b.weight");
    }
    const auto join_experts = [&](const std::string& ffn) {
        if (!from.contains(ffn + "gate_exps.weight")) return;
        from[ffn + "gate_up_exps.weight"] = joined(from[ffn + "gate_exps.weight"], from[ffn + "up_exps.weight"]);
        from.erase(ffn + "gate_exps.weight");
        from.erase(ffn + "up_exps.weight");
    };
    for (std::size_t l = 0; l < 5; ++l) {
        const std::string b = "blk." + std::to_string(l) + ".";
        for (const char* parameter : {".weight", ".bias"}) {
            const std::string gate = b + "ffn_gate_exps" + parameter, up = b + "ffn_up_exps" + parameter;
            if (golden != "gpt-oss" || !from.contains(gate)) continue;
            from[b + "ffn_gate_up_exps" + parameter] = by_turns(from[gate], from[up]);
            from.erase(gate);
            from.erase(up);
        }
        if (auto& ids = from[b + "ffn_gate_tid2eid.weight"]; ids.shape.empty())
            from.erase(b + "ffn_gate_tid2eid.weight");
        else if (stacked)
            ids.type = "I64";
        if (golden == "llama4" || golden == "qwen35moe" || (golden == "mistral4" && stacked)) join_experts(b + "ffn_");
        if (from.contains(b + "ffn_gate_inp_shexp.weight")) from[b + "ffn_gate_inp_shexp.weight"].shape = {1, 64};
        for (const char* conv : {"ssm_conv1d.weight", "shortconv.conv.weight"})
            if (auto& shape = from[b + conv].shape; shape.empty())
                from.erase(b + conv);
            else
                shape.insert(shape.begin() + 1, 1);
        if (!from.contains(b + "ssm_a")) continue;
        for (float& v : from[b + "ssm_a"].values) v = std::log(-v);
        if (golden == "qwen3next") {
            const Array qkv = std::move(from[b + "attn_qkv.weight"]), z = std::move(from[b + "attn_gate.weight"]);
            Array& all = from[b + "qkvz.weight"];
            all.shape = {192, 64};
            for (std::size_t h = 0; h < 2; ++h)
                for (const Array& part : {rows_of(qkv, h * 16, 16), rows_of(qkv, 32 + h * 16, 16), rows_of(qkv, 64 + h * 32, 32), rows_of(z, h * 32, 32)})
                    all.values.insert(all.values.end(), part.values.begin(), part.values.end());
            from.erase(b + "attn_qkv.weight");
            from.erase(b + "attn_gate.weight");
            continue;
        }
        group_heads(from[b + "attn_qkv.weight"], 64, 16);
        group_heads(from[b + "ssm_conv1d.weight"], 64, 16);
        group_heads(from[b + "attn_gate.weight"], 0, 16);
        group_heads(from[b + "ssm_out.weight"], 0, 16, true);
        for (const char* name : {"ssm_beta.weight", "ssm_alpha.weight", "ssm_dt.bias", "ssm_a"}) group_heads(from[b + name], 0, 1);
    }
}

// A layer that predicts further tokens stands beside the model in some classes: "mtp.layers.0.…", and "mtp.fc" and norms.
void move_predictor(const Case& c, const std::string& layer, std::string& name) {
    const std::string from = c.prefix + "layers." + layer + ".";
    if (!c.golden.starts_with("qwen3") || !name.starts_with(from)) return;
    const std::string rest = name.substr(from.size());
    const bool beside = rest.starts_with("fc.") || rest.starts_with("pre_fc_") || rest.starts_with("norm.");
    name = (beside ? "mtp." : "mtp.layers.0.") + rest;
}

// The folder's tensors.
Arrays renamed(const Case& c, Arrays from) {
    Arrays out;
    const nlohmann::json& config = c.config.contains("text_config") ? c.config["text_config"] : c.config;
    const std::size_t heads = config["num_attention_heads"], kv_heads = config["num_key_value_heads"];
    for (auto& [full, a] : from) {
        std::string name = full, layer;
        if (name.starts_with("blk.")) {
            layer = name.substr(4, name.find('.', 4) - 4);
            name.replace(4, layer.size(), "{L}");
        }
        // A line for the whole name goes before one for its module.
        const auto find = [&](const std::string& wanted) -> const Rename* {
            for (const auto* list : {&c.renames, &kUsual})
                for (const Rename& r : *list)
                    if (r.from == wanted) return &r;
            return nullptr;
        };
        std::string parameter;
        const Rename* r = find(name);
        if (r == nullptr) {
            parameter = name.substr(name.rfind('.'));
            r = find(name.substr(0, name.rfind('.')));
        }
        REQUIRE_MESSAGE(r != nullptr, full);
        if (r->how == How::gone) continue;
        const std::string prefix = r->to == "head" ? "" : r->to != "lm_head" ? c.prefix : c.prefix == "language_model.model." ? "language_model." : "";
        std::string to = prefix + r->to + parameter;
        put_number(to, "{L}", layer);
        if (layer == std::to_string(config["num_hidden_layers"].get<int>())) move_predictor(c, layer, to);
        if (r->how == How::halves) to_halves(a, full.find("attn_q") != std::string::npos ? heads : kv_heads);
        if (r->how == How::transposed) transpose_last(a);
        if (r->how == How::minus_one)
            for (float& v : a.values) v -= 1;
        if (r->how != How::experts) {
            out[to] = std::move(a);
            continue;
        }
        const std::size_t size = a.values.size() / a.shape[0];
        for (std::size_t e = 0; e < a.shape[0]; ++e) {
            std::string one = to;
            put_number(one, "{E}", std::to_string(e));
            const auto begin = a.values.begin() + static_cast<std::ptrdiff_t>(e * size);
            out[one] = {{a.shape.begin() + 1, a.shape.end()}, {begin, begin + static_cast<std::ptrdiff_t>(size)}};
        }
    }
    return out;
}

// One more layer, like the one before, for files that have none that predicts.
void add_predictor(Arrays& from, std::size_t layers) {
    const std::string last = "blk." + std::to_string(layers - 1) + ".", next = "blk." + std::to_string(layers) + ".";
    const Arrays all = from;
    for (const auto& [name, a] : all)
        if (name.starts_with(last)) from[next + name.substr(last.size())] = a;
    const std::size_t width = all.at("token_embd.weight").shape[1];
    from[next + "nextn.eh_proj.weight"] = {{width, 2 * width}, std::vector<float>(2 * width * width, 0.01F)};
    for (const char* norm : {"enorm", "hnorm", "shared_head_norm"})
        from[next + "nextn." + norm + ".weight"] = {{width}, std::vector<float>(width, 1.5F)};
}

// Tensors of layer `layer` of the folder that differ from those of the golden by more than what adding 1 costs. Experts'
// gates may stand with their inputs, in one tensor.
std::vector<std::string> unlike(const std::string& path, const std::string& layer, const Arrays& golden) {
    const auto folder = hearth::HfFolder::open_path(path);
    REQUIRE(folder.ok());
    std::vector<std::string> out;
    std::size_t found = 0;
    for (const auto& [name, a] : golden) {
        if (!name.starts_with("blk." + layer + ".")) continue;
        ++found;
        if ((name.ends_with("gate_exps.weight") || name.ends_with("up_exps.weight")) && (*folder)->find("blk." + layer + ".ffn_gate_up_exps.weight") != nullptr)
            continue;
        const hearth::TensorInfo* const t = (*folder)->find(name);
        if (t == nullptr || t->elements() != a.values.size() || std::string_view(hearth::find_codec(t->type)->name) != "F32") {
            out.push_back(name);
            continue;
        }
        std::vector<float> values(a.values.size());
        REQUIRE((*folder)->read(*t, 0, std::as_writable_bytes(std::span(values))).ok());
        for (std::size_t i = 0; i < values.size(); ++i) {
            if (std::fabs(values[i] - a.values[i]) <= 2e-7F * (1 + std::fabs(a.values[i]))) continue;
            out.push_back(name);
            break;
        }
    }
    CHECK(found > 10);
    return out;
}

hearth_status open_with_predictors(hearth_model** out, hearth_runtime* runtime, const std::filesystem::path& folder) {
    hearth_model_options o;
    CHECK_OK(hearth_model_options_init(&o, sizeof o));
    o.flags = HEARTH_MODEL_MTP;
    return hearth_model_open_path(out, runtime, folder.c_str(), &o);
}

// A golden in which numbers are others, that one of a folder stands for.
std::filesystem::path with_numbers(const TemporaryDirectory& directory, const Case& c) {
    const std::string name = c.golden;
    std::string bytes = read_text(shared_or_golden("families/" + name + ".gguf"));
    const auto behind = [&](const std::string& key) {
        const std::size_t at = bytes.find(key);
        REQUIRE(at != std::string::npos);
        return at + key.size();
    };
    if (c.one_limit) {  // arrays (9) of floats (6), one for each layer
        const std::size_t from = behind(name + ".swiglu_clamp_exp"), to = behind(name + ".swiglu_clamp_shexp"), head = 16;
        REQUIRE(bytes.compare(from, head, bytes, to, head) == 0);
        REQUIRE((bytes[to] == 9 && bytes[to + 4] == 6));
        bytes.replace(to + head, 4 * static_cast<std::size_t>(bytes[to + 8]), bytes, from + head, 4 * static_cast<std::size_t>(bytes[to + 8]));
    } else {
        const std::size_t at = behind(name + ".attention.temperature_length");
        REQUIRE(bytes[at] == 4);  // an unsigned number of 32 bits
        std::memcpy(bytes.data() + at + 4, &c.temperature_length, sizeof c.temperature_length);
    }
    return directory.write("numbers.gguf", std::as_bytes(std::span(bytes)));
}

}  // namespace

TEST_CASE("folders: the goldens' weights under the names of their classes give the goldens' logits" * doctest::test_suite("figures")) {
    const auto runtime = make_runtime();
    const TemporaryDirectory directory;
    std::size_t missing = 0;
    std::vector<Case> cases = decoder_cases();
    for (Case& c : compressed_cases()) cases.push_back(std::move(c));
    for (const Case& c : cases) {
        const std::string name = c.golden, of = c.config["architectures"][0];
        CAPTURE(name);
        CAPTURE(of);
        if (!std::filesystem::exists(shared_or_golden("families/" + name + ".json"))) {
            ++missing;
            continue;
        }
        const auto j = read_json(shared_or_golden("families/" + name + ".json"));
        const bool other_numbers = c.temperature_length != 0 || c.one_limit;
        const auto file = other_numbers ? with_numbers(directory, c) : shared_or_golden("families/" + name + ".gguf");
        Arrays from = arrays_of(file);
        adapt(name, from, of == "Mistral4ForCausalLM" || (name == "deepseek4" && !c.prefix.empty()));
        const auto folder = directory.path() / of;
        write_folder(folder, c.config, renamed(c, std::move(from)));
        const auto model = open_model(runtime.get(), folder);
        const auto logits = [&](hearth_model* m) {
            const auto session = make_session(m, j["ctx"]);
            for (std::uint32_t times = 0; times < (c.temperature_length == 0 ? 1 : 4); ++times)
                append(session.get(), j["tokens"].get<std::vector<std::int32_t>>());
            return evaluate(session.get(), true);
        };
        const auto got = logits(model.get()), same = logits(open_model(runtime.get(), file).get());
        const auto reference = other_numbers ? same : read_floats(shared_or_golden("families/" + name + ".f32"));
        REQUIRE(got.size() == reference.size());
        double worst = 0, apart = 0;
        for (std::size_t i = 0; i < got.size(); ++i) {
            const double e = std::fabs(static_cast<double>(got[i]) - reference[i]);
            worst = e <= worst ? worst : e;  // NaN counts as worse
            apart = std::max(apart, std::fabs(static_cast<double>(got[i]) - same[i]));
        }
        const double scale = j["max_abs"], bound = 2e-5;
        MESSAGE(name << " as " << of << ": error " << worst / scale << " of the largest logit, from the GGUF " << apart / scale);
        CHECK(worst / scale <= bound);
        CHECK(apart / scale <= 1e-5);
        record({j["arch"], "folder", name, of, "max", worst / scale, bound});
    }
    if (missing != 0) skipped("family goldens", missing);
}

TEST_CASE("folders: blocks that predict further tokens are those of the goldens, wherever a class has them") {
    const TemporaryDirectory directory;
    const auto runtime = make_runtime(1);
    std::size_t compared = 0, missing = 0;
    for (const Case& c : decoder_cases()) {
        const std::string name = c.golden, of = c.config["architectures"][0];
        constexpr std::array kFamilies{"glm4moe", "deepseek2", "deepseek32", "qwen3next", "qwen35", "qwen35moe"};
        if (std::ranges::find(kFamilies, name) == kFamilies.end()) continue;
        CAPTURE(name);
        CAPTURE(of);
        const auto file = shared_or_golden("families/" + name + ".gguf");
        if (!std::filesystem::exists(file)) {
            ++missing;
            continue;
        }
        const nlohmann::json& config = c.config.contains("text_config") ? c.config["text_config"] : c.config;
        const std::size_t layers = config["num_hidden_layers"];
        Arrays from = arrays_of(file);
        const std::string b = "blk." + std::to_string(layers) + ".nextn.";
        const bool has = from.contains(b + "eh_proj.weight");
        if (!has) add_predictor(from, layers);
        adapt(name, from, false);
        Arrays all = renamed(c, std::move(from));
        const auto folder = directory.path() / of;
        write_folder(folder, c.config, all);
        hearth_model* m = nullptr;
        CHECK_OK(open_with_predictors(&m, runtime.get(), folder));
        const ModelPtr model(m);
        hearth_text* text = nullptr;
        CHECK_OK(hearth_model_inspect(&text, m));
        const TextPtr owned(text);
        CHECK(nlohmann::json::parse(hearth_text_data(text, nullptr))["mtp"]["blocks"] == 1);
        if (has) {
            CHECK(unlike(folder, std::to_string(layers), arrays_of(file)) == std::vector<std::string>());
            ++compared;
        }
        // Without one of its norms it is refused, and without the product there is none; the model runs as ever.
        const auto without = [&](const char* part) {
            std::erase_if(all, [&](const auto& a) { return a.first.find(part) != std::string::npos; });
            write_folder(folder, c.config, all);
            (void)open_model(runtime.get(), folder);
        };
        const bool beside = name.starts_with("qwen3");
        without(beside ? "pre_fc_norm_hidden" : ".hnorm");
        CHECK_FAILS(open_with_predictors(&m, runtime.get(), folder), HEARTH_EFORMAT, b + "hnorm.weight");
        without(beside ? "mtp.fc" : ".eh_proj");
        CHECK_FAILS(open_with_predictors(&m, runtime.get(), folder), HEARTH_EUNSUPPORTED, "MTP");
    }
    if (missing != 0) return skipped("family goldens", missing);
    CHECK(compared == 3);
}

TEST_CASE("folders: a parameter of experts whose columns take turns has three dimensions, the last of which is even") {
    const Case c = gpt_oss_cases().front();
    const auto file = shared_or_golden("families/" + c.golden + ".gguf");
    if (!std::filesystem::exists(file)) return skipped("family goldens", 1);
    Arrays from = arrays_of(file);
    adapt(c.golden, from, false);
    Arrays all = renamed(c, std::move(from));
    const TemporaryDirectory directory;
    const auto runtime = make_runtime(1);
    Array& inputs = all.at("model.layers.0.mlp.experts.gate_up_proj");
    const std::size_t size = inputs.values.size();
    using Shape = std::vector<std::size_t>;
    for (const auto& [shape, words] : {std::pair(Shape{8, size / 8}, "three dimensions"), std::pair(Shape{8, size / 8, 1}, "an even number")}) {
        inputs.shape = shape;
        write_folder(directory.path() / "model", c.config, all);
        hearth_model* m = nullptr;
        CHECK_FAILS(hearth_model_open_path(&m, runtime.get(), (directory.path() / "model").c_str(), nullptr), HEARTH_EFORMAT, words);
    }
}
