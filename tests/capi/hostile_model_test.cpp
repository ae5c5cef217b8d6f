// Models that lie: bytes changed at random, and single fields changed on purpose. Each is refused with a sentence or
// runs.
#include <map>
#include <random>

#include "capi/support.hpp"
#include "models/random_model.hpp"

using namespace hearth::test;

namespace {

struct Tally {
    std::size_t refused = 0, ran = 0;
};

ModelShape tiny(const char* arch, const char* type = "Q8_0") {
    ModelShape s;
    s.arch = arch;
    s.type = type;
    s.layers = 1;
    s.embd = 32;
    s.heads = 2;
    s.kv_heads = 1;
    s.ffn = 64;
    s.vocab = 262;
    s.factors = true;
    return s;
}

// Refused with a sentence, or three tokens are evaluated, text is tokenized and two more tokens are generated.
void try_model(hearth_runtime* runtime, std::span<const std::byte> file, Tally& tally) {
    hearth_text* text = nullptr;
    if (hearth_inspect_memory(&text, runtime, file.data(), file.size()) == HEARTH_OK) {
        std::size_t length = 0;
        const char* json = hearth_text_data(text, &length);
        CHECK(nlohmann::json::accept(json, json + length));
        hearth_text_free(text);
    }
    hearth_model* m = nullptr;
    const hearth_status status = hearth_model_open_memory(&m, runtime, file.data(), file.size(), nullptr);
    if (status != HEARTH_OK) {
        ++tally.refused;
        const std::string sentence = hearth_last_error();
        const bool expected = status == HEARTH_EFORMAT || status == HEARTH_EUNSUPPORTED || status == HEARTH_EBUDGET ||
                              status == HEARTH_EINVAL /* a part of a split model */ || status == HEARTH_EUTF8;
        CHECK_MESSAGE(expected, hearth_status_name(status) << ": " << sentence);
        CHECK(sentence.size() > 10);
        CHECK(m == nullptr);
        return;
    }
    ++tally.ran;
    const ModelPtr model(m);
    const auto vocab = static_cast<std::int32_t>(hearth_model_vocab_size(model.get()));
    hearth_session_options o;
    CHECK_OK(hearth_session_options_init(&o, sizeof o));
    o.context = 16;
    hearth_session* s = nullptr;
    if (hearth_session_new(&s, model.get(), &o) != HEARTH_OK) return;
    const SessionPtr session(s);
    const std::int32_t tokens[] = {0, vocab / 2, vocab - 1};
    CHECK_OK(hearth_session_append_tokens(session.get(), tokens, 3));
    std::vector<float> logits(static_cast<std::size_t>(vocab) * 3);
    const hearth_status evaluated =
        hearth_session_eval(logits.data(), logits.size(), nullptr, session.get(), HEARTH_EVAL_ALL);
    CHECK((evaluated == HEARTH_OK || evaluated == HEARTH_EBUDGET));
    if (evaluated != HEARTH_OK) return;
    (void)hearth_session_append_text(session.get(), "ab \xc3\xa9", 5, 0);  // the vocabulary may not allow it
    hearth_generate_options g;
    CHECK_OK(hearth_generate_options_init(&g, sizeof g));
    g.max_tokens = 2;
    g.flags = HEARTH_GENERATE_IGNORE_EOS | HEARTH_GENERATE_SPECIAL;
    const auto nothing = [](const hearth_event*, void*) -> std::int32_t { return 0; };
    const hearth_status generated = hearth_session_generate(nullptr, session.get(), nullptr, &g, nothing, nullptr);
    CHECK((generated == HEARTH_OK || generated == HEARTH_EBUDGET));
}

}  // namespace

TEST_CASE("hostile models: bytes changed at random") {
    // A budget as a careful host sets it: what a file of some kilobytes asks for beyond is refused.
    const auto runtime = make_runtime(1, nullptr, std::uint64_t{256} << 20);
    Tally tally;
    std::size_t number = 0;
    for (const char* arch : kArchitectures) {
        const ModelFile good(tiny(arch, number % 2 == 0 ? "Q8_0" : "Q5_0"));
        const auto bytes = good.bytes();
        std::size_t header = bytes.size();
        for (const auto& t : good.tensors) header -= std::min(header, t.bytes.size());
        std::mt19937_64 random(++number);
        for (int seed = 0; seed < (long_run() ? 100'000 : kThin ? 400 : 1000); ++seed) {
            CAPTURE(std::string(arch));
            CAPTURE(seed);
            auto changed = bytes;
            const std::size_t changes = 1 + random() % 8;
            for (std::size_t i = 0; i < changes; ++i) {
                // Mostly in keys and tensor descriptions, which come first.
                const std::size_t at = random() % (random() % 4 == 0 ? changed.size() : header);
                switch (random() % 4) {
                    case 0:
                        changed[at] = static_cast<std::byte>(random());
                        break;
                    case 1:
                        changed[at] ^= static_cast<std::byte>(1U << random() % 8);
                        break;
                    case 2:
                        changed[at] = std::byte{0xff};
                        break;
                    default:
                        changed[at] = std::byte{0};
                        break;
                }
            }
            if (random() % 16 == 0) changed.resize(random() % changed.size());
            try_model(runtime.get(), changed, tally);
        }
    }
    CHECK(hearth_runtime_memory(runtime.get()) == 0);
    CHECK(tally.refused > 500);
    CHECK(tally.ran > 500);
}

TEST_CASE("hostile models: weights of any bytes") {
    const auto runtime = make_runtime(2);
    Tally tally;
    for (const hearth::Codec& codec : hearth::codec_list()) {
        ModelShape shape = tiny("qwen3");
        shape.embd = 256;
        shape.ffn = 256;
        shape.type = codec.name;
        CAPTURE(shape.type);
        ModelFile file(shape);
        std::mt19937_64 random(codec.id);
        for (const int fill : {-1, 0xff, 0x7f, 0x80}) {
            for (auto& t : file.tensors)
                if (t.name.find("rope") == std::string::npos)
                    for (std::byte& b : t.bytes)
                        b = static_cast<std::byte>(fill < 0 ? random() : static_cast<std::uint64_t>(fill));
            try_model(runtime.get(), file.bytes(), tally);
        }
    }
    CHECK(tally.refused == 0);
}

TEST_CASE("hostile models: keys with other values") {
    const auto runtime = make_runtime(1, nullptr, std::uint64_t{256} << 20);
    const double nan = std::numeric_limits<double>::quiet_NaN();
    const std::vector<hearth::MetaValue> values{std::uint64_t{0},
                                                std::uint64_t{1},
                                                std::uint64_t{2},
                                                std::uint64_t{3},
                                                std::uint64_t{31},
                                                std::uint64_t{255},
                                                std::uint64_t{256},
                                                std::uint64_t{1} << 31,
                                                (std::uint64_t{1} << 32) - 1,
                                                std::uint64_t{1} << 32,
                                                UINT64_MAX,
                                                std::int64_t{-1},
                                                INT64_MIN,
                                                0.0,
                                                -0.0,
                                                1e-300,
                                                1e300,
                                                -1e9,
                                                0.5,
                                                nan,
                                                std::numeric_limits<double>::infinity(),
                                                true,
                                                std::string(),
                                                std::string("none"),
                                                std::string("yarn"),
                                                std::string("longrope"),
                                                std::string("gpt2"),
                                                std::string("t5"),
                                                std::string("bert"),
                                                std::string(100000, 'x'),
                                                std::vector<std::uint64_t>{},
                                                std::vector<std::uint64_t>(1000, 2),
                                                std::vector<double>{nan},
                                                std::vector<std::string>{},
                                                std::vector<std::string>(262, "a"),
                                                std::vector<bool>(262, true),
                                                std::vector<std::int64_t>(262, -1)};
    // Keys that the files do not have, and that somebody reads.
    const char* more[] = {"attention.key_length",
                          "attention.value_length",
                          "attention.scale",
                          "rope.dimension_count",
                          "rope.scaling.type",
                          "rope.scaling.factor",
                          "rope.scale_linear",
                          "rope.scaling.attn_factor",
                          "rope.scaling.original_context_length",
                          "rope.scaling.finetuned",
                          "rope.scaling.yarn_log_multiplier",
                          "rope.scaling.yarn_beta_fast",
                          "attention.temperature_scale",
                          "expert_count",
                          "logit_scale"};
    const char* tokenizer[] = {"pre",
                               "eot_token_id",
                               "eos_token_ids",
                               "add_bos_token",
                               "add_space_prefix",
                               "precompiled_charsmap",
                               "merges",
                               "remove_extra_whitespaces",
                               "unknown_token_id",
                               "padding_token_id"};
    const auto names_of = [&](const ModelFile& good) {
        std::vector<std::string> names;
        for (const auto& [name, value] : good.keys) names.push_back(name);
        for (const char* name : more) names.push_back(good.key(name));
        for (const char* name : tokenizer) names.push_back(std::string("tokenizer.ggml.") + name);
        return names;
    };
    const auto common = [](const ModelFile& good, const std::string& name) {
        const std::string own = good.key("");
        return name.starts_with(own) ? name.substr(own.size()) : name;
    };
    std::map<std::string, std::size_t> families;  // that have a key
    for (const char* arch : kArchitectures) {
        const ModelFile good(tiny(arch));
        for (const std::string& name : names_of(good)) ++families[common(good, name)];
    }
    std::size_t number = 0;
    for (const char* arch : kArchitectures) {
        Tally tally;
        const ModelFile good(tiny(arch));
        ++number;
        for (const std::string& name : names_of(good)) {
            // What many families have is read by the same lines: each of them takes its share of the values.
            const std::size_t share = long_run() ? 1 : std::max<std::size_t>(families[common(good, name)] / (kThin ? 2 : 4), 1);
            for (std::size_t i = 0; i < values.size(); ++i) {
                if ((i + number) % share != 0) continue;
                CAPTURE(name);
                CAPTURE(i);
                ModelFile file = good;
                file.keys[name] = values[i];
                try_model(runtime.get(), file.bytes(), tally);
            }
        }
        const std::size_t least = kThin ? 10 : 30;
        CHECK(tally.refused > least);
        CHECK(tally.ran > least);
    }
    CHECK(hearth_runtime_memory(runtime.get()) == 0);
}

TEST_CASE("hostile models: tensors of other shapes, types and names") {
    const auto runtime = make_runtime(1, nullptr, std::uint64_t{256} << 20);
    std::mt19937_64 random(5);
    Tally tally;
    for (const char* arch : kArchitectures) {
        const ModelFile good(tiny(arch));
        for (int seed = 0; seed < 150; ++seed) {
            CAPTURE(std::string(arch));
            CAPTURE(seed);
            ModelFile file = good;
            auto& t = file.tensors[random() % file.tensors.size()];
            const hearth::Codec* codec = nullptr;
            switch (random() % 4) {
                case 0:  // another type for the same shape, where rows allow it
                    codec = &hearth::codec_list()[random() % hearth::codec_list().size()];
                    if (t.shape[0] % codec->block_values != 0) continue;
                    t.type = codec->id;
                    file.reshape(t.name, std::vector<std::uint64_t>(t.shape));
                    break;
                case 1: {
                    auto shape = t.shape;
                    shape[random() % shape.size()] *= 1 + random() % 3;
                    shape.resize(1 + random() % 4, 1);
                    file.reshape(t.name, shape);
                    break;
                }
                case 2:
                    t.name = file.tensors[random() % file.tensors.size()].name + (random() % 2 != 0 ? ".x" : "2");
                    break;
                default:
                    file.erase_tensor(std::string(t.name));
                    break;
            }
            try_model(runtime.get(), file.bytes(), tally);
        }
    }
    CHECK(tally.refused > 100);
    CHECK(tally.ran > 100);
}
