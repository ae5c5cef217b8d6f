// Families whose layers see a window, a chunk or a state: sessions that go back and fork give the bytes of sessions
// that never did, in the memory that was planned.
#include <atomic>
#include <thread>

#include "hearth/engine/engine.hpp"
#include "models/random_model.hpp"
#include "support/golden.hpp"

namespace hearth::test {
namespace {

constexpr const char* kBounded[] = {"gemma2", "gemma3", "gemma3n", "gemma4", "gpt-oss", "llama4"};
constexpr const char* kRecurrent[] = {"qwen35", "lfm2", "deepseek4"};
constexpr KvType kTypes[] = {KvType::f16, KvType::f32, KvType::q8_0};

std::shared_ptr<LoadedModel> load(Result<std::unique_ptr<hearth::ModelFile>> file) {
    REQUIRE(file.ok());
    RuntimeOptions options;
    options.threads = 2;
    auto runtime = Runtime::make(options);
    REQUIRE(runtime.ok());
    auto model = LoadedModel::load(*runtime, *std::move(file), {});
    REQUIRE_MESSAGE(model.ok(), model.status().message());
    return *std::move(model);
}

std::shared_ptr<LoadedModel> small(const std::string& arch) {
    if (std::ranges::find(kRecurrent, arch) != std::end(kRecurrent))
        return load(open_model(shared_or_golden("families/" + arch + ".gguf").string()));
    ModelShape shape;
    shape.arch = arch;
    shape.layers = 4;
    shape.embd = 32;
    shape.heads = 2;
    shape.kv_heads = 1;
    shape.ffn = 32;
    shape.context = 40000;
    const auto bytes = ModelFile(shape).bytes();
    auto source = open_memory(bytes);
    REQUIRE(source.ok());
    return load(open_model(*std::move(source)));
}

std::shared_ptr<Session> session_of(const std::shared_ptr<LoadedModel>& model, KvType kv, std::size_t chunk) {
    SessionOptions options;
    options.context = 1800;
    options.kv = kv;
    options.chunk = chunk;
    auto session = Session::make(model, options);
    REQUIRE(session.ok());
    return *std::move(session);
}

std::vector<std::int32_t> some(Draws& draws, std::size_t n) {  // ids that every model here has
    std::vector<std::int32_t> v(n);
    for (auto& t : v) t = static_cast<std::int32_t>(draws.below(200));
    return v;
}

void evaluate(Session& s) {
    const Status status = s.evaluate(false, nullptr);
    REQUIRE_MESSAGE(status.ok(), status.message());
}

}  // namespace

TEST_CASE("window: sessions that were cut and forked give the bytes of sessions that never were") {
    Draws draws(1);
    std::size_t kind = 0;
    std::vector<std::string> all_kinds(std::begin(kBounded), std::end(kBounded));
    all_kinds.insert(all_kinds.end(), std::begin(kRecurrent), std::end(kRecurrent));
    for (const std::string& arch : all_kinds) {
        if (arch == "deepseek4" && !std::filesystem::exists(shared_or_golden("families/deepseek4.gguf"))) {
            skipped("window models", 1);
            continue;
        }
        const auto model = small(arch);
        const KvType kv = kTypes[kind++ % 3];
        CAPTURE(arch);
        std::vector<std::shared_ptr<Session>> all{session_of(model, kv, 300)};
        std::uint64_t most = 0;
        for (std::size_t round = 0; round < (kThin ? 6 : 12); ++round) {
            if (round % 4 == 2) {
                auto fork = all[draws.below(all.size())]->fork();
                REQUIRE(fork.ok());
                all.push_back(*std::move(fork));
            }
            Session& s = *all[draws.below(all.size())];
            Sequence& q = s.sequence();
            if (round % 3 == 2 || q.length() > 1000) REQUIRE(q.truncate(draws.below(std::min<std::size_t>(q.length(), 1000) + 1)).ok());
            REQUIRE(q.append(some(draws, 1 + draws.below(700))).ok());
            evaluate(s);
            for (std::size_t i = 0; i < 3; ++i) {
                REQUIRE(q.append(some(draws, 1)).ok());
                evaluate(s);
            }
            if (round % 4 == 3) {
                REQUIRE(q.truncate(q.length() - 2).ok());
                if (q.cache().layout().state_bytes == 0) CHECK(q.missing() == 1);
                evaluate(s);
            }
            most = std::max(most, q.cache_bytes() - q.cache().checkpoint_bytes());
            if (round % 2 == 0) continue;
            const auto fresh = session_of(model, kv, 512);
            REQUIRE(fresh->sequence().append(q.tokens()).ok());
            evaluate(*fresh);
            const bool same = std::ranges::equal(fresh->sequence().logits(), q.logits());
            CHECK_MESSAGE(same, "after " << q.length() << " tokens");
        }
        CHECK(most <= KvCache::bytes_for(all[0]->sequence().cache().layout(), 1800, 300));
    }
}

TEST_CASE("window: forks on threads of their own, which cut and go on, do not see each other") {
    for (const char* arch : {"gemma3", "lfm2"}) {
        const auto model = small(arch);
        Draws draws(2);
        const auto base = session_of(model, KvType::f16, 300);
        REQUIRE(base->sequence().append(some(draws, 600)).ok());
        evaluate(*base);
        std::vector<std::shared_ptr<Session>> forks;
        for (int i = 0; i < 3; ++i) forks.push_back(*base->fork());
        std::atomic<int> failures{0};
        {
            std::vector<std::thread> threads;
            for (std::size_t i = 0; i < forks.size(); ++i)
                threads.emplace_back([&, i] {
                    Draws own(10 + i);
                    Sequence& q = forks[i]->sequence();
                    for (int round = 0; round < 6; ++round) {
                        const auto more = some(own, 1 + own.below(60));
                        if (!q.append(more).ok() || !forks[i]->evaluate(false, nullptr).ok()) ++failures;
                        if (!q.truncate(q.length() - own.below(100)).ok()) ++failures;
                    }
                    if (!forks[i]->evaluate(false, nullptr).ok()) ++failures;
                });
            for (std::thread& t : threads) t.join();
        }
        CHECK(failures == 0);
        for (const auto& fork : forks) {
            const auto fresh = session_of(model, KvType::f16, 512);
            REQUIRE(fresh->sequence().append(fork->sequence().tokens()).ok());
            evaluate(*fresh);
            CHECK(std::ranges::equal(fresh->sequence().logits(), fork->sequence().logits()));
        }
    }
}

TEST_CASE("window: the plan of every family is what its cache takes at most") {
    for (const char* arch : kBounded) {
        const auto model = small(arch);
        for (const KvType kv : kTypes) {
            const auto layout = std::make_shared<const KvLayout>(KvLayout::make(kv, model->info().kv));
            CHECK(layout->groups.size() == 2);
            for (const auto& [context, chunk] :
                 {std::pair<std::size_t, std::size_t>{700, 64}, {9000, 512}, {33000, 4096}}) {
                const std::uint64_t plan = KvCache::bytes_for(*layout, context, chunk);
                CHECK(plan < (context + kSpan - 1) / kSpan * layout->page_bytes +
                                 (arch == std::string("llama4") && context == 700));
                std::uint64_t most = 0;
                for (std::size_t first = 1; first <= chunk && most != plan; first += 1 + chunk / 64) {
                    const std::uint64_t before = model->runtime()->memory()->budget.used();
                    KvCache c(layout, model->runtime()->memory());
                    for (std::size_t at = 0, end = first; at < context;
                         at = end, end = std::min(end + chunk, context)) {
                        REQUIRE(c.prepare(at, end).ok());
                        most = std::max(most, model->runtime()->memory()->budget.used() - before);
                    }
                    CHECK(model->runtime()->memory()->budget.used() - before == c.bytes());
                }
                CHECK_MESSAGE(most == plan, arch << ", context " << context << ", chunk " << chunk);
            }
        }
    }
}

}  // namespace hearth::test
