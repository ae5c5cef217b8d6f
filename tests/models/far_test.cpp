// Llama 4 across the border of its chunks: a sequence of which nothing stands before position 8180, as the reference had
// it. Sessions begin at 0, so this is a test of the model.
#include <nlohmann/json.hpp>

#include "hearth/formats/gguf.hpp"
#include "hearth/models/model.hpp"
#include "layers/support.hpp"
#include "support/figures.hpp"
#include "support/golden.hpp"
#include "support/pages.hpp"

namespace hearth::test {

TEST_CASE("far: logits and greedy tokens of Llama 4 from position 8180 on" * doctest::test_suite("figures")) {
    if (!std::filesystem::exists(shared("families/llama4-far.json"))) return skipped("far goldens", 1);
    const auto j = nlohmann::json::parse(read_text(shared("families/llama4-far.json")));
    const auto reference = read_floats(shared("families/llama4-far.f32"));
    auto source = open_path(shared("families/" + j["model"].get<std::string>()));
    REQUIRE(source.ok());
    const auto file = Gguf::open(*std::move(source));
    REQUIRE(file.ok());
    Trouble part{};
    const auto described = describe_model((*file)->metadata(), **file, &part);
    REQUIRE(described.ok());
    const ModelInfo& info = (*described)->info();
    const auto memory = std::make_shared<Memory>();
    const auto executor = executor_of(2);
    LoadContext context{**file, memory, *executor, Logger{}};
    const auto model = (*described)->load(context);
    REQUIRE(model.ok());

    const std::size_t first = j["pos0"];
    auto tokens = j["tokens"].get<std::vector<std::int32_t>>();
    const auto following = j["greedy"].get<std::vector<std::int32_t>>();
    const std::size_t end = first + tokens.size() + following.size();
    const KvLayout layout = KvLayout::make(KvType::f32, info.kv);
    // A prompt at once and one in pieces of 5, of which one crosses the border.
    for (const std::size_t chunk : {tokens.size(), std::size_t{5}}) {
        CAPTURE(chunk);
        const Pages pages(layout, end, memory, first);
        const auto workspace = (*model)->make_workspace({chunk, end, executor->workers()}, memory);
        REQUIRE(workspace.ok());
        const auto pass = [&](std::span<const std::int32_t> ids, std::size_t position, float* logits) {
            SequenceBatch batch;
            batch.kv = pages.view();
            batch.tokens = ids;
            batch.position = position;
            batch.context = end;
            const Status s = (*model)->forward({&batch, 1}, **workspace, kernel_table(best_isa()), *executor, logits);
            REQUIRE_MESSAGE(s.ok(), s.message());
        };
        std::vector<float> logits(tokens.size() * info.vocab);
        REQUIRE(logits.size() == reference.size());
        for (std::size_t at = 0; at < tokens.size(); at += chunk)
            pass(std::span(tokens).subspan(at, std::min(chunk, tokens.size() - at)), first + at, &logits[at * info.vocab]);
        double worst = 0;
        for (std::size_t i = 0; i < logits.size(); ++i) {
            const double e = std::fabs(static_cast<double>(logits[i]) - reference[i]);
            worst = e <= worst ? worst : e;  // NaN counts as worse
        }
        const double error = worst / j["max_abs"].get<double>();
        MESSAGE("llama4-far: error " << error << " of the largest logit, bound " << j["max_rel"].get<double>());
        CHECK(error <= j["max_rel"].get<double>());
        record({info.architecture, "gguf", "llama4-far", "", "max", error, j["max_rel"]});

        std::vector<float> last(logits.end() - info.vocab, logits.end());
        for (std::size_t i = 0; i < following.size(); ++i) {
            const auto best = static_cast<std::int32_t>(std::max_element(last.begin(), last.end()) - last.begin());
            CHECK(best == following[i]);
            pass({&best, 1}, first + tokens.size() + i, last.data());
        }
    }
}

}  // namespace hearth::test
