// Views of what hearth.h writes and lends: their shapes, that they copy nothing, and that they have no elements where the
// numbers do not belong together. On the model that comes with hearth.
#include "hearth/eigen.hpp"

#include <doctest/doctest.h>

#include <string>
#include <vector>

namespace {

struct Objects {
    hearth_runtime* runtime = nullptr;
    hearth_model* model = nullptr;
    hearth_session* session = nullptr;

    Objects() {
        REQUIRE(hearth_runtime_new(&runtime, nullptr) == HEARTH_OK);
        const std::string path = HEARTH_SOURCE_DIR "/examples/models/hearth-tiny.gguf";
        REQUIRE(hearth_model_open_path(&model, runtime, path.c_str(), nullptr) == HEARTH_OK);
        REQUIRE(hearth_session_new(&session, model, nullptr) == HEARTH_OK);
        REQUIRE(hearth_session_append_text(session, "hearth runs", 11, 0) == HEARTH_OK);
    }
    Objects(const Objects&) = delete;
    Objects& operator=(const Objects&) = delete;
    ~Objects() {
        hearth_session_free(session);
        hearth_model_free(model);
        hearth_runtime_free(runtime);
    }
};

}  // namespace

TEST_CASE("eigen: logits of an evaluation are one row for each token, where they were written") {
    const Objects o;
    const std::size_t tokens = hearth_session_length(o.session), vocab = hearth_model_vocab_size(o.model);
    REQUIRE(tokens > 1);
    std::vector<float> all(tokens * vocab), last(vocab);
    REQUIRE(hearth_session_eval(all.data(), all.size(), nullptr, o.session, HEARTH_EVAL_ALL) == HEARTH_OK);
    REQUIRE(hearth_session_eval(last.data(), last.size(), nullptr, o.session, 0) == HEARTH_OK);
    const auto rows = hearth::logits(all, o.model);
    CHECK(rows.rows() == static_cast<Eigen::Index>(tokens));
    CHECK(rows.cols() == static_cast<Eigen::Index>(vocab));
    CHECK(rows.data() == all.data());
    const auto row = hearth::logits(last, o.model);
    CHECK(row.rows() == 1);
    CHECK((rows.bottomRows<1>().array() == row.array()).all());
    CHECK_FALSE((rows.topRows<1>().array() == row.array()).all());
    all[vocab] = 7;  // seen through the view: nothing was copied
    CHECK(rows(1, 0) == 7);
}

TEST_CASE("eigen: an event lends the logits that its token was chosen from") {
    const Objects o;
    hearth_generate_options options;
    REQUIRE(hearth_generate_options_init(&options, sizeof options) == HEARTH_OK);
    options.max_tokens = 5;
    struct Seen {
        const hearth_model* model;
        int with, without;
    };
    const auto on_event = [](const hearth_event* event, void* user) {
        auto& seen = *static_cast<Seen*>(user);
        const auto view = hearth::logits(*event, seen.model);
        if (event->kind != HEARTH_EVENT_TOKEN) return 0;
        if (event->logits == nullptr) {
            CHECK(view.size() == 0);
            ++seen.without;
            return 0;
        }
        CHECK(view.data() == event->logits);
        CHECK(view.size() == static_cast<Eigen::Index>(hearth_model_vocab_size(seen.model)));
        Eigen::Index best = -1;
        view.maxCoeff(&best);
        CHECK(best == event->token);  // greedy
        ++seen.with;
        return 0;
    };
    Seen seen{o.model, 0, 0};
    options.flags = HEARTH_GENERATE_LOGITS | HEARTH_GENERATE_IGNORE_EOS;
    REQUIRE(hearth_session_generate(nullptr, o.session, nullptr, &options, on_event, &seen) == HEARTH_OK);
    options.flags = HEARTH_GENERATE_IGNORE_EOS;
    REQUIRE(hearth_session_generate(nullptr, o.session, nullptr, &options, on_event, &seen) == HEARTH_OK);
    CHECK(seen.with == 5);
    CHECK(seen.without == 5);
}

TEST_CASE("eigen: embeddings have a row for each text, or token, as wide as the options make them") {
    const Objects o;
    const char* const texts[] = {"a cat", "a timer for the tea"};
    const std::size_t lengths[] = {5, 19};
    hearth_embedding_info info{};
    info.struct_size = sizeof info;
    REQUIRE(hearth_model_embedding_info(&info, o.model) == HEARTH_OK);
    REQUIRE(info.width > 8);
    for (const std::uint32_t pooling : {HEARTH_POOLING_DEFAULT, HEARTH_POOLING_NONE, HEARTH_POOLING_MEAN, HEARTH_POOLING_LAST})
        for (const std::uint32_t dimensions : {0u, 8u}) {
            CAPTURE(pooling);
            CAPTURE(dimensions);
            hearth_embed_options options;
            REQUIRE(hearth_embed_options_init(&options, sizeof options) == HEARTH_OK);
            options.pooling = pooling;
            options.dimensions = dimensions;
            options.flags = HEARTH_EMBED_NORMALIZE;
            std::size_t needed = 0;
            CHECK(hearth_model_embed_texts(nullptr, 0, &needed, o.model, texts, lengths, 2, &options) == HEARTH_EBUFS);
            std::vector<float> buffer(needed);
            REQUIRE(hearth_model_embed_texts(buffer.data(), needed, &needed, o.model, texts, lengths, 2, &options) == HEARTH_OK);
            const auto view = hearth::embeddings(buffer, o.model, options);
            CHECK(view.data() == buffer.data());
            CHECK(view.size() == static_cast<Eigen::Index>(needed));
            const bool pooled = (pooling == HEARTH_POOLING_DEFAULT ? info.pooling : pooling) != HEARTH_POOLING_NONE;
            CHECK(view.cols() == static_cast<Eigen::Index>(dimensions != 0 ? dimensions : pooled ? info.width : info.token_width));
            CHECK((pooled ? view.rows() == 2 : view.rows() > 2));
            // Each row is a vector of length 1, as it can only be where rows begin where the view says.
            CHECK((view.rowwise().norm().array() - 1).abs().maxCoeff() < 1e-5f);
            if (pooling == HEARTH_POOLING_DEFAULT && dimensions == 0)
                CHECK(hearth::embeddings(buffer, o.model).cols() == view.cols());
        }
}

TEST_CASE("eigen: numbers that do not belong together give views without elements") {
    const Objects o;
    const std::vector<float> floats(hearth_model_vocab_size(o.model) + 1);
    CHECK(hearth::logits(floats, o.model).size() == 0);
    CHECK(hearth::logits(floats, nullptr).size() == 0);
    CHECK(hearth::logits(std::span<const float>(), o.model).size() == 0);
    CHECK(hearth::embeddings(floats, nullptr).size() == 0);
    CHECK(hearth::matrix_view(floats, 0).size() == 0);
    hearth_embed_options options{};
    options.dimensions = 1u << 20;  // wider than the model: refused, so nothing was written
    CHECK(hearth::embeddings(std::vector<float>(1u << 20), o.model, options).size() == 0);
    hearth_event event{};
    CHECK(hearth::logits(event, o.model).size() == 0);
    event.logits = floats.data();
    CHECK(hearth::logits(event, nullptr).size() == 0);
}
