// Models and sessions that do not fit are refused before anything is allocated, with what they need and what there is;
// what is let in has what it needs to the end of its context.
#include "hearth/engine/engine.hpp"
#include "models/random_model.hpp"

namespace hearth::test {
namespace {

std::uint64_t machine = 0;  // what the machine has left
std::uint64_t machine_left() { return machine; }

std::shared_ptr<Runtime> runtime_of(std::uint64_t budget, bool counted = true) {
    RuntimeOptions options;
    options.threads = 2;
    options.memory_budget = budget;
    if (counted) options.available = machine_left;
    auto runtime = Runtime::make(options);
    REQUIRE(runtime.ok());
    return *std::move(runtime);
}

Result<std::shared_ptr<LoadedModel>> load(const std::shared_ptr<Runtime>& runtime,
                                          const std::vector<std::byte>& bytes) {
    auto source = open_memory(bytes);
    REQUIRE(source.ok());
    auto file = open_model(*std::move(source));
    REQUIRE(file.ok());
    return LoadedModel::load(runtime, *std::move(file), {});
}

std::shared_ptr<LoadedModel> loaded_by(const std::shared_ptr<Runtime>& runtime, const std::vector<std::byte>& bytes) {
    auto model = load(runtime, bytes);
    REQUIRE_MESSAGE(model.ok(), model.status().message());
    return *std::move(model);
}

void check_refused(const Status& status, Code code, std::initializer_list<std::string> words) {
    CHECK(status.code() == code);
    for (const std::string& word : words)
        CHECK_MESSAGE(status.message().find(word) != std::string::npos, status.message());
}

}  // namespace

TEST_CASE(
    "fit: a model is refused before it is read where its weights are more than the machine or the budget leaves") {
    const auto bytes = ModelFile(ModelShape{}).bytes();
    machine = UINT64_MAX;
    const std::uint64_t weights = [&] { return loaded_by(runtime_of(0), bytes)->weight_bytes(); }();
    for (const bool budget : {false, true}) {
        machine = budget ? 0 : weights - 1;  // a budget alone counts where there is one
        const auto runtime = runtime_of(budget ? weights - 1 : 0);
        auto refused = load(runtime, bytes);
        REQUIRE(!refused.ok());
        check_refused(refused.status(), budget ? Code::over_budget : Code::out_of_memory,
                      {"the weights", cat(weights), cat(weights - 1)});
        CHECK(runtime->memory()->budget.used() == 0);
        machine = budget ? 0 : weights;
        CHECK(load(runtime_of(budget ? weights : 0), bytes).ok());
    }
}

TEST_CASE("fit: a session counts cache, workspace and logits, and says what would fit") {
    ModelShape shape;
    shape.context = 4096;
    const auto bytes = ModelFile(shape).bytes();
    for (const std::size_t chunk : {std::size_t{0}, std::size_t{16}}) {
        for (const bool budget : {false, true}) {
            machine = UINT64_MAX;
            const auto model = loaded_by(runtime_of(0), bytes);
            const KvLayout layout = KvLayout::make(KvType::f16, model->info().kv);
            const std::uint64_t need = model->session_bytes(layout, 1000, chunk != 0 ? chunk : 512);
            CHECK(need > KvCache::bytes_for(layout, 1000, 512));
            const std::uint64_t weights = model->weight_bytes();
            for (const std::uint64_t left : {need, need - 1}) {
                machine = UINT64_MAX;
                const auto runtime = runtime_of(budget ? weights + left : 0);
                const auto loaded = loaded_by(runtime, bytes);
                machine = left;
                SessionOptions options;
                options.context = 1000;
                options.chunk = chunk;
                auto session = Session::make(loaded, options);
                CHECK(session.ok() == (left == need));
                CHECK(runtime->memory()->budget.used() == weights);
                if (session.ok()) continue;
                check_refused(
                    session.status(), budget ? Code::over_budget : Code::out_of_memory,
                    {"1000 tokens", cat(need), cat(budget ? weights + left : left), "a context of ", "would fit"});
                // The context that it names does fit, and one more token does not.
                const std::string text = session.status().message();
                const std::string before = "a context of ";
                options.context = std::stoul(text.substr(text.find(before) + before.size()));
                CHECK(options.context < 1000);
                CHECK(Session::make(loaded, options).ok());
                options.context += 1;
                CHECK(!Session::make(loaded, options).ok());
            }
        }
    }
}

TEST_CASE("fit: a session that names no context takes what fits of the model's") {
    ModelShape shape;
    shape.context = 4096;
    const auto bytes = ModelFile(shape).bytes();
    machine = UINT64_MAX;
    const auto model = loaded_by(runtime_of(0), bytes);
    const KvLayout layout = KvLayout::make(KvType::f16, model->info().kv);
    const auto context_with = [&](std::uint64_t left) -> std::size_t {
        machine = left;
        auto session = Session::make(model, SessionOptions{});
        machine = UINT64_MAX;
        return session.ok() ? (*session)->sequence().context() : 0;
    };
    CHECK(context_with(UINT64_MAX) == 4096);
    CHECK(context_with(model->session_bytes(layout, 4096, 512)) == 4096);
    CHECK(context_with(model->session_bytes(layout, 4096, 512) - 1) == 4096 - kSpan);
    CHECK(context_with(model->session_bytes(layout, 700, 512)) == 768);  // the cache comes in pages
    CHECK(context_with(model->session_bytes(layout, kSpan, 512)) == kSpan);
    CHECK(context_with(model->session_bytes(layout, kSpan, 512) - 1) == 0);  // too little to be of use: refused
}

TEST_CASE("fit: a session that was let in by the budget runs to the end of its context") {
    // With windows, room for checkpoints in part, or none.
    for (const auto& [arch, room] :
         {std::pair<const char*, std::uint64_t>{"llama", 0}, {"gemma3", 0}, {"gemma3", 500000}}) {
        ModelShape shape;
        shape.arch = arch;
        shape.context = 4096;
        const auto bytes = ModelFile(shape).bytes();
        const auto roomy = loaded_by(runtime_of(0, false), bytes);
        const KvLayout layout = KvLayout::make(KvType::f16, roomy->info().kv);
        const std::size_t context = 1100, chunk = 300;
        const auto runtime =
            runtime_of(roomy->weight_bytes() + roomy->session_bytes(layout, context, chunk) + room, false);
        const auto model = loaded_by(runtime, bytes);
        SessionOptions options;
        options.context = context;
        options.chunk = chunk;
        auto session = Session::make(model, options);
        REQUIRE_MESSAGE(session.ok(), session.status().message());
        std::vector<std::int32_t> tokens(7, 5);
        for (std::size_t at = 0; at < context; at += tokens.size()) {
            tokens.resize(std::min<std::size_t>(at % 2 == 0 ? 7 : 400, context - at), 5);
            REQUIRE((*session)->sequence().append(tokens).ok());
            const Status s = (*session)->evaluate(false, nullptr);
            REQUIRE_MESSAGE(s.ok(), s.message());
        }
        // What passes hold already is not counted again for the next conversation.
        CHECK(model->session_bytes(layout, context, chunk) <= KvCache::bytes_for(layout, context, chunk));
    }
}

}  // namespace hearth::test
