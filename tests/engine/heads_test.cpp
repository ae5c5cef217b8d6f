// What a model's heads guess: what the definition says, in doubles, and the same whatever passes they have seen it in.
#include "hearth/engine/draft.hpp"
#include "hearth/engine/engine.hpp"
#include "models/head_reference.hpp"

namespace hearth::test {
namespace {

constexpr std::size_t kWidth = 128, kMost = 5;

ModelFile predicting(const char* arch, std::uint64_t predictors, const char* type = "F32") {
    ModelShape s;
    s.arch = arch;
    s.type = type;
    s.embd = kWidth;
    s.ffn = 64;
    s.rank = 64;
    s.predictors = predictors;
    return ModelFile(s);
}

std::shared_ptr<LoadedModel> load(const std::vector<std::byte>& bytes, const RuntimeOptions& options) {
    auto runtime = Runtime::make(options);
    REQUIRE(runtime.ok());
    auto source = open_memory(bytes);
    REQUIRE(source.ok());
    auto file = open_model(*std::move(source));
    REQUIRE(file.ok());
    auto model = LoadedModel::load(*runtime, *std::move(file), {}, true);
    REQUIRE_MESSAGE(model.ok(), model.status().message());
    return *std::move(model);
}

std::shared_ptr<LoadedModel> load(const std::vector<std::byte>& bytes, std::size_t threads = 2,
                                  const std::string& isa = "") {
    RuntimeOptions options;
    options.threads = threads;
    options.isa = isa;
    return load(bytes, options);
}

std::shared_ptr<Session> session_of(const std::shared_ptr<LoadedModel>& model, std::size_t chunk) {
    auto session = Session::make(model, {1000, KvType::f32, chunk});
    REQUIRE(session.ok());
    return *std::move(session);
}

std::vector<std::int32_t> some_tokens(std::size_t n) {
    std::vector<std::int32_t> v;
    for (std::size_t i = 0; i < n; ++i) v.push_back(static_cast<std::int32_t>((i * i * 31 + 7 * i + 1) % 290));
    return v;
}

std::shared_ptr<HeadDrafter> drafter_of(Session& session) {
    auto drafter = session.head_drafter();
    REQUIRE_MESSAGE(drafter.ok(), drafter.status().message());
    return *drafter;
}

void evaluate(Session& session, std::span<const std::int32_t> tokens) {
    REQUIRE(session.sequence().append(tokens).ok());
    REQUIRE(session.evaluate(false, nullptr).ok());
}

// What the session's heads guess behind `next`, which is appended.
std::vector<DraftToken> guesses(Session& session, std::int32_t next, std::size_t most = kMost) {
    const auto drafter = drafter_of(session);
    REQUIRE(session.sequence().append({&next, 1}).ok());
    const auto turn = session.model()->runtime()->lock();
    std::vector<DraftToken> out;
    const Status s = drafter->guess(session.sequence().tokens(), most, out, nullptr);
    REQUIRE_MESSAGE(s.ok(), s.message());
    return out;
}

std::vector<float> states_of(const std::shared_ptr<LoadedModel>& model, const std::vector<std::int32_t>& tokens) {
    const auto session = session_of(model, 512);
    Sequence& s = session->sequence();
    REQUIRE(s.append(tokens).ok());
    auto batch = s.next_batch(tokens.size(), 1);
    REQUIRE(batch.ok());
    std::vector<float> states(tokens.size() * kWidth), logits(model->info().vocab);
    batch->states = states.data();
    const auto turn = model->runtime()->lock();
    REQUIRE(model->forward({&*batch, 1}, logits.data()).ok());
    return states;
}

std::int32_t best(const HeadReference::Row& row) {
    return static_cast<std::int32_t>(std::max_element(row.begin(), row.end()) - row.begin());
}

// The definition: head k reads what head k - 1 made, and token i + k + 1; the last one goes on with what it made
// itself.
std::vector<DraftToken> expected(ModelFile& file, std::vector<float> inputs, const std::vector<std::int32_t>& tokens,
                                 std::size_t heads) {
    std::vector<DraftToken> all(tokens.begin(), tokens.end());
    for (std::size_t i = 0; all.size() < tokens.size() + kMost; ++i) {
        HeadReference head(file, 2 + std::min(i, heads - 1));
        const std::size_t rows = inputs.size() / kWidth;
        std::vector<HeadReference::Row> states;
        const std::vector<std::int32_t> read(all.end() - static_cast<std::ptrdiff_t>(rows), all.end());
        all.push_back(best(head.run(read, inputs, &states).back()));
        if (i + 1 < heads) inputs.clear();
        const std::size_t from = i + 1 < heads ? 0 : rows - 1;  // the next head begins anew
        for (std::size_t r = from; r < rows; ++r) inputs.insert(inputs.end(), states[r].begin(), states[r].end());
    }
    return {all.end() - static_cast<std::ptrdiff_t>(kMost), all.end()};
}

}  // namespace

TEST_CASE("heads: guesses are those of the definition, by one head and by several") {
    for (const auto& [arch, heads] : {std::pair{"qwen35", 1}, {"glm4moe", 2}, {"deepseek2", 3}}) {
        CAPTURE(std::string(arch));
        ModelFile file = predicting(arch, static_cast<std::uint64_t>(heads));
        const auto model = load(file.bytes());
        REQUIRE(model->heads().size() == static_cast<std::size_t>(heads));
        const auto tokens = some_tokens(8);
        const std::vector<std::int32_t> known(tokens.begin(), tokens.end() - 1);
        const auto session = session_of(model, 3);
        (void)drafter_of(*session);
        evaluate(*session, known);
        CHECK(guesses(*session, tokens.back()) ==
              expected(file, states_of(model, known), tokens, static_cast<std::size_t>(heads)));
    }
}

TEST_CASE("heads: guesses do not depend on how passes were cut, on guesses before, on threads or instruction sets") {
    for (const auto& [arch, type, heads] : {std::tuple{"qwen35moe", "Q8_0", 1}, {"glm4moe", "Q4_0", 2}}) {
        CAPTURE(std::string(arch));
        const auto bytes = predicting(arch, static_cast<std::uint64_t>(heads), type).bytes();
        const auto model = load(bytes), other = load(bytes, 1, "scalar");
        const auto tokens = some_tokens(120);
        const auto little = session_of(model, 7), alone = session_of(other, 512);
        (void)drafter_of(*little);
        (void)drafter_of(*alone);
        evaluate(*little, std::span(tokens).first(50));
        evaluate(*alone, std::span(tokens).first(110));
        std::vector<DraftToken> last;
        for (std::size_t i = 50; i <= 110; ++i) {
            if (i % 3 != 0 || i == 110)
                last = guesses(*little, tokens[i], 1 + i % kMost);
            else
                REQUIRE(little->sequence().append({&tokens[i], 1}).ok());
            REQUIRE(last.size() >= 1);
            if (i != 110) REQUIRE(little->evaluate(false, nullptr).ok());
        }
        CHECK(last.size() == 1 + 110 % kMost);
        CHECK(last == guesses(*alone, tokens[110], 1 + 110 % kMost));
    }
}

TEST_CASE("heads: what they were not given they do without, and go on behind it") {
    const auto bytes = predicting("qwen35", 2).bytes();
    const auto model = load(bytes);
    const auto tokens = some_tokens(900);
    const auto session = session_of(model, 512);
    evaluate(*session, std::span(tokens).first(30));
    CHECK(guesses(*session, tokens[30]).empty());  // nothing was seen
    REQUIRE(session->evaluate(false, nullptr).ok());
    CHECK(guesses(*session, tokens[31]).size() == kMost);
    REQUIRE(session->evaluate(false, nullptr).ok());
    evaluate(*session, std::span(tokens).subspan(32, 600));  // more than wait
    CHECK(guesses(*session, tokens[632]).size() == kMost);
    CHECK(guesses(*session, tokens[633]).empty());  // a state is missing
    REQUIRE(session->sequence().truncate(100).ok());
    evaluate(*session, std::span(tokens).subspan(50, 20));
    CHECK(guesses(*session, tokens[70]).size() == kMost);
    REQUIRE(session->sequence().truncate(3).ok());  // before the first that they have
    evaluate(*session, std::span(tokens).first(9));
    CHECK(guesses(*session, tokens[9]).size() == kMost);
    // A fork knows as much.
    REQUIRE(session->evaluate(false, nullptr).ok());
    const auto fork = session->fork();
    REQUIRE(fork.ok());
    CHECK(guesses(**fork, tokens[10]) == guesses(*session, tokens[10]));
    drafter_of(*session)->release();
    REQUIRE(session->evaluate(false, nullptr).ok());
    CHECK(guesses(*session, tokens[11]).size() == kMost);  // of one state
}

TEST_CASE("heads: their cache is refused like a session's where there is no room") {
    const auto bytes = predicting("glm4moe", 1).bytes();
    RuntimeOptions options;
    options.threads = 1;
    {
        const auto model = load(bytes, 1);
        const KvLayout layout = KvLayout::make(KvType::f32, model->info().kv);
        options.memory_budget = model->weight_bytes() + model->session_bytes(layout, 1000, 32);
    }
    const auto model = load(bytes, options);
    const auto session = session_of(model, 32);
    std::vector<std::int32_t> tokens = some_tokens(1000);
    evaluate(*session, tokens);  // its own cache has all that it was promised
    const auto drafter = session->head_drafter();
    CHECK(drafter.status().code() == Code::over_budget);
    CHECK(drafter.status().message().find("1000 tokens") != std::string::npos);
}

}  // namespace hearth::test
