// Embeddings against an independent engine and against themselves: the same bytes alone and in company, for every
// instruction set and thread count; what pooling, dimensions and length make of states; refusals.
#include <algorithm>
#include <cmath>
#include <numeric>

#include "capi/support.hpp"
#include "models/random_encoder.hpp"
#include "support/figures.hpp"

using namespace hearth::test;

namespace {

using Ids = std::vector<std::int32_t>;

const std::vector<std::string> kGoldens = {"bert",        "nomic-bert",      "nomic-bert-moe",
                                           "modern-bert", "gemma-embedding", "qwen3-embedding"};

hearth_embed_options embed_options(std::uint32_t pooling = HEARTH_POOLING_DEFAULT, std::uint32_t flags = 0) {
    hearth_embed_options o;
    CHECK_OK(hearth_embed_options_init(&o, sizeof o));
    o.pooling = pooling;
    o.flags = flags;
    return o;
}

hearth_status embed_into(std::vector<float>& out, hearth_model* model, const std::vector<Ids>& sequences,
                         const hearth_embed_options& o) {
    std::vector<const std::int32_t*> starts;
    std::vector<std::size_t> lengths;
    for (const Ids& s : sequences) {
        starts.push_back(s.data());
        lengths.push_back(s.size());
    }
    std::size_t needed = 0;
    float none = 0;
    const hearth_status sized =
        hearth_model_embed(&none, 0, &needed, model, starts.data(), lengths.data(), starts.size(), &o);
    if (sized != HEARTH_EBUFS) return sized;
    out.resize(needed);
    return hearth_model_embed(out.data(), out.size(), &needed, model, starts.data(), lengths.data(), starts.size(), &o);
}

std::vector<float> embed(hearth_model* model, const std::vector<Ids>& sequences,
                         const hearth_embed_options& o = embed_options()) {
    std::vector<float> out;
    CHECK_OK(embed_into(out, model, sequences, o));
    return out;
}

hearth_embedding_info info_of(hearth_model* model) {
    hearth_embedding_info info{};
    info.struct_size = sizeof info;
    CHECK_OK(hearth_model_embedding_info(&info, model));
    return info;
}

bool present(const std::string& name) {
    return std::filesystem::exists(shared_or_golden("families/" + name + ".gguf"));
}
ModelPtr open_golden(hearth_runtime* runtime, const std::string& name) {
    return open_model(runtime, shared_or_golden("families/" + name + ".gguf"));
}

Ids some_tokens(std::size_t n, std::uint32_t seed) {
    Ids ids(n);
    std::uint32_t state = seed * 2654435761U + 1;
    for (std::int32_t& id : ids) {
        state = state * 1664525 + 1013904223;
        id = static_cast<std::int32_t>(3 + (state >> 8) % 260);
    }
    return ids;
}

double largest_difference(std::span<const float> a, std::span<const float> b) {
    REQUIRE(a.size() == b.size());
    double worst = 0;
    for (std::size_t i = 0; i < a.size(); ++i) {
        const double e = std::fabs(static_cast<double>(a[i]) - static_cast<double>(b[i]));
        worst = e <= worst ? worst : e;
    }
    return worst;
}

}  // namespace

TEST_CASE("embed: goldens within their tolerance" * doctest::test_suite("figures")) {
    const auto runtime = make_runtime();
    std::size_t missing = 0;
    for (const std::string& name : kGoldens) {
        if (!present(name)) {
            ++missing;
            continue;
        }
        const auto j = read_json(shared_or_golden("families/" + name + ".json"));
        const auto model = open_golden(runtime.get(), name);
        const auto info = info_of(model.get());
        const std::string pooling = j["pooling"];
        CHECK(info.pooling == (pooling == "mean"  ? HEARTH_POOLING_MEAN
                               : pooling == "cls" ? HEARTH_POOLING_CLS
                                                  : HEARTH_POOLING_LAST));
        CHECK(info.width == j["width"].get<std::uint32_t>());
        CHECK(info.generates == (j["arch"] == "qwen3" ? 1 : 0));
        const auto got = embed(model.get(), {j["tokens"].get<Ids>()});
        const double error = largest_difference(got, read_floats(shared_or_golden("families/" + name + ".f32"))) /
                             j["max_abs"].get<double>();
        MESSAGE(name << ": error " << error << " of the largest value, bound " << j["max_rel"].get<double>());
        CHECK(error <= j["max_rel"].get<double>());
        // Those whose GELU the reference evaluates in another form aside, only rounding is left.
        const bool erf = name == "bert" || name == "nomic-bert-moe" || name == "modern-bert";
        if (erf) continue;
        CHECK(error <= 3e-6);
        record({j["arch"], "gguf", name, "", "max", error, 3e-6});
    }
    CHECK(missing + 2 <= kGoldens.size());
    if (missing != 0) skipped("embedding goldens", missing);
}

TEST_CASE("embed: the same bytes alone and in company, for every instruction set, thread count and pass") {
    std::vector<Ids> texts;
    for (const std::size_t n : {3UL, 40UL, 1UL, 17UL, 60UL, 33UL, 16UL, 5UL})
        texts.push_back(some_tokens(n, static_cast<std::uint32_t>(n)));
    std::size_t missing = 0;
    for (const std::string& name : kGoldens) {
        if (!present(name)) {
            ++missing;
            continue;
        }
        CAPTURE(name);
        // Longer than a page of keys, with windows and cut into passes.
        std::vector<Ids> all = texts;
        if (name == "modern-bert" || name == "qwen3-embedding") all.insert(all.begin() + 2, some_tokens(290, 7));
        std::vector<std::vector<float>> reference;
        std::uint32_t number = 0;
        for (const char* isa : available_isa_names()) {
            CAPTURE(std::string(isa));
            const std::uint32_t threads = number++ % 3 + 1;
            const auto runtime = make_runtime(threads, isa);
            const auto model = open_golden(runtime.get(), name);
            if (reference.empty())
                for (const Ids& t : all) reference.push_back(embed(model.get(), {t}));
            for (const std::uint32_t pass : {0U, 64U}) {
                if (pass != 0 && number % 2 == 0) continue;
                auto o = embed_options();
                o.pass_tokens = pass;
                const auto together = embed(model.get(), all, o);
                const std::size_t width = together.size() / all.size();
                for (std::size_t t = 0; t < all.size(); ++t)
                    CHECK(same_bits(std::span(together).subspan(t * width, width), reference[t]));
            }
        }
        CHECK(!same_bits(reference[0], reference[1]));
    }
    if (missing != 0) skipped("embedding goldens", missing);
}

TEST_CASE("embed: pooling, dimensions and length follow from the states of tokens") {
    const auto runtime = make_runtime();
    const auto model = open_golden(runtime.get(), "bert");
    const std::vector<Ids> texts = {some_tokens(9, 1), some_tokens(1, 2), some_tokens(30, 3)};
    const auto states = embed(model.get(), texts, embed_options(HEARTH_POOLING_NONE));
    const std::size_t width = info_of(model.get()).token_width;
    REQUIRE(states.size() == 40 * width);
    std::size_t at = 0;
    for (std::size_t t = 0; t < texts.size(); ++t) {
        const std::size_t n = texts[t].size();
        std::vector<double> mean(width);
        for (std::size_t i = 0; i < n; ++i)
            for (std::size_t c = 0; c < width; ++c)
                mean[c] += static_cast<double>(states[(at + i) * width + c]) / static_cast<double>(n);
        const auto row = [&](const std::vector<float>& all) { return std::span(all).subspan(t * width, width); };
        const auto means = embed(model.get(), texts, embed_options(HEARTH_POOLING_MEAN));
        for (std::size_t c = 0; c < width; ++c)
            CHECK(static_cast<double>(row(means)[c]) == doctest::Approx(mean[c]).epsilon(1e-6));
        CHECK(same_bits(row(embed(model.get(), texts)), row(means)));
        CHECK(same_bits(row(embed(model.get(), texts, embed_options(HEARTH_POOLING_CLS))),
                        std::span(states).subspan(at * width, width)));
        CHECK(same_bits(row(embed(model.get(), texts, embed_options(HEARTH_POOLING_LAST))),
                        std::span(states).subspan((at + n - 1) * width, width)));
        auto o = embed_options(HEARTH_POOLING_MEAN, HEARTH_EMBED_NORMALIZE);
        o.dimensions = 24;
        const auto cut = embed(model.get(), texts, o);
        const double length = std::sqrt(std::inner_product(mean.begin(), mean.begin() + 24, mean.begin(), 0.0));
        for (std::size_t c = 0; c < 24; ++c)
            CHECK(static_cast<double>(cut[t * 24 + c]) == doctest::Approx(mean[c] / length).epsilon(1e-6));
        at += n;
    }
}

TEST_CASE("embed: a generating model gives its states as well, and goes on generating") {
    const auto runtime = make_runtime();
    for (const std::string name : {"qwen3", "deepseek4"}) {  // which has rows for several tokens, up to 128
        if (!present(name)) {
            skipped("generating models", 1);
            continue;
        }
        CAPTURE(name);
        const auto model = open_golden(runtime.get(), name);
        const auto info = info_of(model.get());
        CHECK(info.generates == 1);
        CHECK(info.pooling == HEARTH_POOLING_NONE);
        const Ids text = some_tokens(name == "qwen3" ? 37 : 140, 5);
        const auto whole = embed(model.get(), {text}, embed_options(HEARTH_POOLING_NONE));
        for (const std::uint32_t pass : {1U, 7U, 36U}) {  // what a causal model sees does not depend on a text's end
            auto o = embed_options(HEARTH_POOLING_NONE);
            o.pass_tokens = pass;
            CHECK(same_bits(embed(model.get(), {text}, o), whole));
            o.pooling = HEARTH_POOLING_LAST;
            CHECK(same_bits(embed(model.get(), {text}, o), std::span(whole).last(info.width)));
            o.pooling = HEARTH_POOLING_MEAN;
            CHECK(same_bits(embed(model.get(), {text}, o), embed(model.get(), {text}, embed_options(HEARTH_POOLING_MEAN))));
        }
        const auto session = make_session(model.get());
        append(session.get(), text);
        CHECK(evaluate(session.get(), false).size() == hearth_model_vocab_size(model.get()));
    }
}

TEST_CASE("embed: what cannot be embedded is refused with a sentence") {
    const auto runtime = make_runtime();
    const auto model = open_golden(runtime.get(), "bert");
    std::vector<float> out;
    CHECK_FAILS(embed_into(out, model.get(), {{5, 6}, some_tokens(65, 1)}, embed_options()), HEARTH_ERANGE, "text 1",
                "65", "64");
    CHECK_FAILS(embed_into(out, model.get(), {{5, 6}, {}}, embed_options()), HEARTH_EINVAL, "text 1", "no tokens");
    CHECK_FAILS(embed_into(out, model.get(), {{5, 272}}, embed_options()), HEARTH_ERANGE, "272", "vocabulary");
    CHECK_FAILS(embed_into(out, model.get(), {{-1}}, embed_options()), HEARTH_ERANGE, "-1");
    CHECK_FAILS(embed_into(out, model.get(), {{5}}, embed_options(9)), HEARTH_EINVAL, "pooling", "9");
    CHECK_FAILS(embed_into(out, model.get(), {{5}}, embed_options(0, 64)), HEARTH_EINVAL, "flags", "64");
    CHECK_FAILS(embed_into(out, model.get(), {{5}}, embed_options(0, HEARTH_EMBED_TRUNCATE)), HEARTH_EINVAL,
                "token ids");
    CHECK_FAILS(embed_into(out, model.get(), {{5}}, embed_options(HEARTH_POOLING_RANK)), HEARTH_EINVAL, "reranker");
    auto o = embed_options();
    o.dimensions = 65;
    CHECK_FAILS(embed_into(out, model.get(), {{5}}, o), HEARTH_EINVAL, "65", "64");
    o = embed_options();
    o.progress = [](std::uint64_t, std::uint64_t, void*) -> std::int32_t { return 1; };
    CHECK_FAILS(embed_into(out, model.get(), {{5}}, o), HEARTH_ECANCELLED, "stopped");
    CHECK(embed(model.get(), {}).empty());

    const char* const texts[] = {"some words"};
    const std::size_t lengths[] = {10};
    std::size_t needed = 7;
    float value = 0;
    CHECK_FAILS(hearth_model_embed(&value, 1, &needed, nullptr, nullptr, nullptr, 0, nullptr), HEARTH_EINVAL, "model");
    CHECK(needed == 0);
    CHECK_FAILS(hearth_model_embed(&value, 1, &needed, model.get(), nullptr, lengths, 1, nullptr), HEARTH_EINVAL,
                "null");
    CHECK_FAILS(hearth_model_embed_texts(&value, 1, &needed, model.get(), texts, nullptr, 1, nullptr), HEARTH_EINVAL,
                "lengths");
    CHECK_FAILS(hearth_model_embed_texts(&value, 1, &needed, model.get(), texts, lengths, 1, nullptr), HEARTH_EBUFS,
                "64");
    CHECK(needed == 64);
    CHECK_FAILS(hearth_model_embed_texts(nullptr, 64, &needed, model.get(), texts, lengths, 1, nullptr), HEARTH_EINVAL,
                "out");
    CHECK_FAILS(hearth_model_rerank(&value, 1, &needed, model.get(), "q", 1, texts, lengths, 1, nullptr), HEARTH_EINVAL,
                "reranker");
    CHECK_FAILS(hearth_model_embedding_info(nullptr, model.get()), HEARTH_EINVAL, "info");
    hearth_embedding_info info{};
    CHECK_FAILS(hearth_model_embedding_info(&info, model.get()), HEARTH_EINVAL, "struct_size");
    hearth_text* label = nullptr;
    CHECK_FAILS(hearth_model_score_label(&label, model.get(), 0), HEARTH_ENOTFOUND, "labels");
    hearth_session* session = nullptr;
    CHECK_FAILS(hearth_session_new(&session, model.get(), nullptr), HEARTH_EUNSUPPORTED, "bert", "embeddings");
    CHECK(session == nullptr);
}

TEST_CASE("embed: passes that the memory budget does not hold are refused before they run") {
    const auto roomy = make_runtime();
    const auto loaded = open_golden(roomy.get(), "bert");
    const auto tight = make_runtime(2, nullptr, hearth_runtime_memory(roomy.get()) + 100000);
    const auto model = open_golden(tight.get(), "bert");
    std::vector<Ids> texts(64, some_tokens(60, 9));
    std::vector<float> out;
    CHECK_FAILS(embed_into(out, model.get(), texts, embed_options()), HEARTH_EBUDGET, "embedding passes", "budget");
}

namespace {

ModelPtr open_file(hearth_runtime* runtime, const ModelFile& file) {
    const auto bytes = file.bytes();
    hearth_model* m = nullptr;
    CHECK_OK(hearth_model_open_memory(&m, runtime, bytes.data(), bytes.size(), nullptr));
    return ModelPtr(m);
}

Ids encode(hearth_model* model, const std::string& text, std::uint32_t flags) {
    hearth_tokenizer* t = nullptr;
    CHECK_OK(hearth_tokenizer_of_model(&t, model));
    const TokenizerPtr tokenizer(t);
    Ids ids(512);
    std::size_t needed = 0;
    CHECK_OK(hearth_tokenizer_encode(ids.data(), ids.size(), &needed, t, text.data(), text.size(), flags));
    ids.resize(needed);
    return ids;
}

std::vector<float> read_weights(ModelFile file, const std::string& name) {
    const auto& bytes = file.tensor(name).bytes;
    std::vector<float> values(bytes.size() / sizeof(float));
    std::memcpy(values.data(), bytes.data(), bytes.size());
    return values;
}

std::vector<float> rerank(hearth_model* model, const std::string& query, const std::vector<std::string>& documents) {
    std::vector<const char*> starts;
    std::vector<std::size_t> lengths;
    for (const std::string& d : documents) {
        starts.push_back(d.data());
        lengths.push_back(d.size());
    }
    std::vector<float> scores(documents.size());
    std::size_t needed = 0;
    CHECK_OK(hearth_model_rerank(scores.data(), scores.size(), &needed, model, query.data(), query.size(),
                                 starts.data(), lengths.data(), starts.size(), nullptr));
    CHECK(needed == documents.size());
    return scores;
}

}  // namespace

TEST_CASE("rerank: a query and a document meet with the special tokens that the file asks for") {
    const auto runtime = make_runtime();
    ModelFile file = encoder_file("bert", "F32", true);
    file.set("pooling_type", std::uint64_t{4});
    file.set("classifier.output_labels", std::vector<std::string>{"good", "fair", "bad"});
    file.keys["tokenizer.ggml.seperator_token_id"] = std::uint64_t{270};
    for (const bool all : {false, true}) {
        CAPTURE(all);
        for (const char* flag : {"bos", "eos", "sep"})
            file.keys[std::string("tokenizer.ggml.add_") + flag + "_token"] = all || flag[0] == 'b';
        const auto model = open_file(runtime.get(), file);
        const auto info = info_of(model.get());
        CHECK(info.scores == 3);
        CHECK(info.pooling == HEARTH_POOLING_RANK);
        hearth_text* label = nullptr;
        CHECK_OK(hearth_model_score_label(&label, model.get(), 2));
        CHECK(std::string(hearth_text_data(label, nullptr)) == "bad");
        hearth_text_free(label);
        const std::vector<std::string> documents = {"a document", "another one, longer", ""};
        const auto scores = rerank(model.get(), "the query", documents);
        for (std::size_t i = 0; i < documents.size(); ++i) {
            Ids ids = {1};
            const auto put = [&](const Ids& more) { ids.insert(ids.end(), more.begin(), more.end()); };
            put(encode(model.get(), "the query", HEARTH_TOKENIZE_NO_SPECIAL));
            if (all) put({2, 270});
            put(encode(model.get(), documents[i], HEARTH_TOKENIZE_NO_SPECIAL));
            if (all) put({2});
            const auto outputs = embed(model.get(), {ids});
            REQUIRE(outputs.size() == 3);
            CHECK(same_bits(std::span(outputs).first(1), std::span(scores).subspan(i, 1)));
        }
        CHECK(scores[0] != scores[1]);
        std::vector<float> out;
        CHECK_FAILS(embed_into(out, model.get(), {{5}}, embed_options(0, HEARTH_EMBED_NORMALIZE)), HEARTH_EINVAL,
                    "scores");
    }
}

TEST_CASE("rerank: a decoder's template is filled in, and its scores are probabilities") {
    const auto runtime = make_runtime();
    ModelShape shape;
    shape.arch = "qwen3";
    ModelFile file(shape);
    file.set("pooling_type", std::uint64_t{4});
    file.add_floats("cls.output.weight", Draws(3).many(2 * shape.embd, 0.1F));
    file.reshape("cls.output.weight", {shape.embd, 2});
    file.keys["tokenizer.chat_template.rerank"] = std::string("<s>q: {query} d: {document} {query}</s>");
    const auto model = open_file(runtime.get(), file);
    const auto scores = rerank(model.get(), "a{document}b", {"one", "two words"});
    const auto weights = read_weights(file, "cls.output.weight");
    for (std::size_t i = 0; i < 2; ++i) {
        const std::string text =
            std::string("<s>q: a{document}b d: ") + (i == 0 ? "one" : "two words") + " a{document}b</s>";
        const Ids ids = encode(model.get(), text, HEARTH_TOKENIZE_NO_SPECIAL | HEARTH_TOKENIZE_PARSE_SPECIAL);
        CHECK(ids.front() == 1);
        const auto state = embed(model.get(), {ids}, embed_options(HEARTH_POOLING_LAST));
        double logits[2] = {};
        for (std::size_t r = 0; r < 2; ++r)
            for (std::size_t c = 0; c < shape.embd; ++c)
                logits[r] += static_cast<double>(state[c]) * static_cast<double>(weights[r * shape.embd + c]);
        CHECK(static_cast<double>(scores[i]) ==
              doctest::Approx(1 / (1 + std::exp(logits[1] - logits[0]))).epsilon(1e-5));
        const auto both = embed(model.get(), {ids});
        CHECK(static_cast<double>(both[0]) + static_cast<double>(both[1]) == doctest::Approx(1).epsilon(1e-6));
    }
}

TEST_CASE("embed: texts longer than the context are refused, or lose their end but for what must stand there") {
    const auto runtime = make_runtime();
    ModelFile file = encoder_file("bert");
    file.keys["tokenizer.ggml.add_eos_token"] = true;
    const auto model = open_file(runtime.get(), file);
    const std::string text(700, 'a');
    const char* const start = text.data();
    const std::size_t length = text.size();
    std::vector<float> out(kWidth);
    std::size_t needed = 0;
    auto o = embed_options();
    CHECK_FAILS(hearth_model_embed_texts(out.data(), out.size(), &needed, model.get(), &start, &length, 1, &o),
                HEARTH_ERANGE, "600");
    o.flags = HEARTH_EMBED_TRUNCATE;
    CHECK_OK(hearth_model_embed_texts(out.data(), out.size(), &needed, model.get(), &start, &length, 1, &o));
    const Ids whole = [&] {
        Ids all(1000);
        hearth_tokenizer* t = nullptr;
        CHECK_OK(hearth_tokenizer_of_model(&t, model.get()));
        const TokenizerPtr tokenizer(t);
        CHECK_OK(hearth_tokenizer_encode(all.data(), all.size(), &needed, t, text.data(), text.size(), 0));
        all.resize(needed);
        return all;
    }();
    REQUIRE(whole.size() > kContext);
    CHECK(whole.back() == 2);
    Ids cut(whole.begin(), whole.begin() + kContext - 1);
    cut.push_back(2);
    CHECK(same_bits(embed(model.get(), {cut}), out));
}
