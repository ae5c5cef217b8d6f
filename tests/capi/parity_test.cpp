// Logits and greedy tokens against an independent engine (see ../shared/golden/README.md).
#include <algorithm>
#include <cmath>
#include <map>
#include <set>

#include "capi/support.hpp"
#include "support/figures.hpp"

using namespace hearth::test;

namespace {

// Every family of the library, as models.inc lists them.
const std::set<std::string> kFamilies = {
#define HEARTH_MODEL(name, function) name,
#include "models/models.inc"
#undef HEARTH_MODEL
};

// Their goldens of logits from the first position on, of both collections; a new one needs no line here. Other goldens have
// tests of their own: embeddings in embed_test.cpp, logits from far positions in models/far_test.cpp. "phimoe" has none, as
// its reference departs from the original model, which "phimoe-original" follows.
std::vector<std::string> goldens() {
    std::set<std::string> found;
    for (const auto& folder : {golden("families"), shared("families")}) {
        if (!std::filesystem::exists(folder)) continue;
        for (const auto& entry : std::filesystem::directory_iterator(folder)) {
            const std::string name = entry.path().stem();
            if (entry.path().extension() != ".json" || name == "phimoe") continue;
            const auto j = read_json(entry.path());
            if (j["kind"] == "logits" && !j.contains("pos0") && kFamilies.contains(j["arch"].get<std::string>())) found.insert(name);
        }
    }
    return {found.begin(), found.end()};
}

// What only ../shared/golden holds.
constexpr std::size_t kShared = 33;
void count_missing() {
    if (!std::filesystem::exists(shared("families"))) skipped("family goldens", kShared);
}

// Of the logits with a Q8_0 cache against those with an F32 cache.
constexpr double kQ8CacheNmse = 1e-3;

double max_error(const std::vector<float>& x, const std::vector<float>& reference) {
    double worst = 0;
    for (std::size_t i = 0; i < x.size(); ++i) {
        const double e = std::fabs(static_cast<double>(x[i]) - reference[i]);
        worst = e <= worst ? worst : e;  // NaN counts as worse
    }
    return worst;
}

double nmse(const std::vector<float>& x, const std::vector<float>& ideal) {
    double error = 0, power = 0;
    for (std::size_t i = 0; i < x.size(); ++i) {
        error += (static_cast<double>(x[i]) - ideal[i]) * (static_cast<double>(x[i]) - ideal[i]);
        power += static_cast<double>(ideal[i]) * ideal[i];
    }
    return error / power;
}

// What it measures counts as figures of `family`.
void check_logits(const nlohmann::json& j, const std::string& base, const std::vector<float>& got, const std::string& family) {
    const auto reference = read_floats(shared_or_golden(base + ".f32"));
    REQUIRE(got.size() == reference.size());
    if (j["compare"] == "max") {
        // stories260K states no max_abs: it is that of the reference.
        const double scale = j.contains("max_abs") ? j["max_abs"].get<double>() : max_error(reference, std::vector<float>(reference.size()));
        const double error = max_error(got, reference) / scale;
        MESSAGE(base << ": error " << error << " of the largest logit, bound " << j["max_rel"].get<double>());
        CHECK(error <= j["max_rel"].get<double>());
        record({family, "gguf", base.substr(base.find('/') + 1), "", "max", error, j["max_rel"]});
    } else {
        const double error = nmse(got, read_floats(shared_or_golden(base + ".ideal.f32")));
        const double oracle = nmse(reference, read_floats(shared_or_golden(base + ".ideal.f32")));
        MESSAGE(base << ": nmse " << error << ", oracle " << oracle << ", bound " << j["max_nmse"].get<double>());
        CHECK(error <= j["max_nmse"].get<double>());
        CHECK(error <= 1.05 * oracle);
        record({family, "gguf", base.substr(base.find('/') + 1), "", "nmse", error, j["max_nmse"]});
    }
}

std::vector<std::int32_t> greedy(hearth_session* session, std::size_t count) {
    std::vector<std::int32_t> out;
    for (std::size_t i = 0; i < count; ++i) {
        const std::int32_t token = best(evaluate(session, false));
        out.push_back(token);
        append(session, {&token, 1});
    }
    return out;
}

}  // namespace

TEST_CASE("parity: family goldens within their tolerance and greedy tokens exact" * doctest::test_suite("figures")) {
    const auto runtime = make_runtime();
    std::size_t run = 0;
    for (const std::string& name : goldens()) {
        CAPTURE(name);
        const auto j = read_json(shared_or_golden("families/" + name + ".json"));
        const auto model = open_model(runtime.get(), shared_or_golden("families/" + j.value("model", name + ".gguf")));
        const auto tokens = j["tokens"].get<std::vector<std::int32_t>>();
        const auto session = make_session(model.get(), j["ctx"]);
        append(session.get(), tokens);
        check_logits(j, "families/" + name, evaluate(session.get(), true), j["arch"]);
        CHECK(greedy(session.get(), j["greedy"].size()) == j["greedy"].get<std::vector<std::int32_t>>());
        ++run;
    }
    CHECK(run >= 19);  // what a bare clone carries
    count_missing();
}

TEST_CASE("parity: every other golden file is refused with a sentence that names its architecture or key") {
    if (!std::filesystem::exists(shared("families"))) return skipped("unsupported goldens", 1);
    const auto runtime = make_runtime();
    for (const auto& entry : std::filesystem::directory_iterator(shared("families"))) {
        if (entry.path().extension() != ".gguf") continue;
        const std::string name = entry.path().stem();
        if (kFamilies.contains(read_json(shared("families/" + name + ".json"))["arch"].get<std::string>())) continue;
        CAPTURE(name);
        hearth_model* model = nullptr;
        CHECK_FAILS(hearth_model_open_path(&model, runtime.get(), entry.path().c_str(), nullptr), HEARTH_EUNSUPPORTED, name, "support");
        CHECK(model == nullptr);
    }
}

namespace {

// The middle one of the rows' errors.
double median_row_nmse(const std::vector<float>& x, const std::vector<float>& ideal, std::size_t width) {
    std::vector<double> errors;
    for (std::size_t at = 0; at < x.size(); at += width) {
        const auto begin = static_cast<std::ptrdiff_t>(at), end = static_cast<std::ptrdiff_t>(at + width);
        errors.push_back(nmse({x.begin() + begin, x.begin() + end}, {ideal.begin() + begin, ideal.begin() + end}));
    }
    std::nth_element(errors.begin(), errors.begin() + static_cast<std::ptrdiff_t>(errors.size() / 2), errors.end());
    return errors[errors.size() / 2];
}

}  // namespace

TEST_CASE("parity: an int8 cache stays near one in F32") {
    const auto runtime = make_runtime();
    for (const std::string& name : goldens()) {
        CAPTURE(name);
        const auto model = open_model(runtime.get(), shared_or_golden("families/" + name + ".gguf"));
        const auto j = read_json(shared_or_golden("families/" + name + ".json"));
        const auto logits = [&](std::uint32_t kv) {
            const auto session = make_session(model.get(), 512, kv);
            append(session.get(), j["tokens"].get<std::vector<std::int32_t>>());
            return evaluate(session.get(), true);
        };
        const auto exact = logits(HEARTH_KV_F32);
        const auto rounded = logits(HEARTH_KV_Q8_0);
        const double halves = nmse(logits(HEARTH_KV_F16), exact), codes = nmse(rounded, exact);
        const double middle = median_row_nmse(rounded, exact, j["width"]);
        MESSAGE(name << ": nmse of F16 " << halves << ", of Q8_0 " << codes << ", of its middle row " << middle << ", bound " << kQ8CacheNmse);
        // Random routers are undecided: at some tokens the rounding tips the choice of an expert, and all that follow
        // differ by it.
        const std::string arch = j["arch"];
        const bool experts = arch.ends_with("moe") || name == "llama-moe" || name == "gemma4-moe" || arch == "gpt-oss" || arch == "llama4";
        // Gemma 4 does not scale its scores, which makes what rounding does to them as much larger; with experts even a
        // cache in F16 tips choices at most tokens.
        const bool unscaled = arch == "gemma4";
        // In a latent cache values, keys and what is rotated of them stand under one scale; and there are experts.
        const bool latent = arch.starts_with("deepseek") || arch == "mistral4";
        CHECK(middle <= ((unscaled && experts) || latent ? 10 : 1) * kQ8CacheNmse);
        // Where a query chooses its keys by random weights, F16 tips choices too: only the middle row tells something.
        if (arch == "deepseek32") continue;
        CHECK(halves < codes);
        CHECK(codes <= (latent ? 15 : experts ? 10 : 1) * (unscaled ? 3 : 1) * kQ8CacheNmse);
    }
    count_missing();
}

TEST_CASE("parity: a real trained model tells its stories" * doctest::test_suite("figures")) {
    if (!std::filesystem::exists(shared("stories260K.gguf"))) return skipped("stories", 7);
    const auto runtime = make_runtime();
    const auto model = open_model(runtime.get(), shared("stories260K.gguf"));
    const auto j = read_json(shared("stories260K.json"));
    hearth_tokenizer* t = nullptr;
    CHECK_OK(hearth_tokenizer_of_model(&t, model.get()));
    const TokenizerPtr tokenizer(t);
    {
        const auto session = make_session(model.get());
        append(session.get(), j["tokens"].get<std::vector<std::int32_t>>());
        check_logits(j, "stories260K", evaluate(session.get(), true), "llama");
    }
    for (const std::uint32_t kv : {HEARTH_KV_F16, HEARTH_KV_F32}) for (const auto& c : j["cases"]) {
        const std::string prompt = c["prompt"];
        CAPTURE(prompt);
        CAPTURE(kv);
        const auto session = make_session(model.get(), 512, kv);
        CHECK_OK(hearth_session_append_text(session.get(), prompt.data(), prompt.size(), 0));
        std::vector<std::int32_t> ids(c["tokens"].size());
        std::size_t needed = 0;
        CHECK_OK(hearth_session_tokens(ids.data(), ids.size(), &needed, session.get()));
        CHECK(ids == c["tokens"].get<std::vector<std::int32_t>>());
        struct Story {
            std::vector<std::int32_t> tokens;
            std::string text;
        } story;
        hearth_generate_options o;
        CHECK_OK(hearth_generate_options_init(&o, sizeof o));
        o.max_tokens = static_cast<std::uint32_t>(c["greedy"].size());
        o.flags = HEARTH_GENERATE_IGNORE_EOS;
        const auto collect = [](const hearth_event* e, void* user) -> std::int32_t {
            auto* s = static_cast<Story*>(user);
            s->text.append(e->text, e->text_length);
            if (e->kind == HEARTH_EVENT_TOKEN) s->tokens.push_back(e->token);
            return 0;
        };
        std::uint32_t finish = 0;
        CHECK_OK(hearth_session_generate(&finish, session.get(), nullptr, &o, collect, &story));
        CHECK(finish == HEARTH_FINISH_LENGTH);
        CHECK(story.tokens == c["greedy"].get<std::vector<std::int32_t>>());
        CHECK(story.text == c["text"].get<std::string>());
    }
}
