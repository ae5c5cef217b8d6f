// Minutes of random operations on many sessions, each compared with a fresh evaluation of its tokens. HEARTH_LONG=1.
#include <chrono>
#include <cstdlib>
#include <random>

#include "capi/support.hpp"
#include "models/random_model.hpp"

using namespace hearth::test;

namespace {

struct Conversation {
    SessionPtr session;
    std::vector<std::int32_t> tokens;  // what it should hold
};

constexpr std::uint32_t kContext = 700;

}  // namespace

TEST_CASE("soak: sessions equal fresh ones after any history") {
    const bool whole = long_run();
    if (!whole) MESSAGE("SHORT: 2 seconds; HEARTH_LONG=1 runs for 3 minutes");
    const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(whole ? 180 : 2);
    const std::uint64_t soak_seed = whole ? std::random_device{}() : 1;
    MESSAGE("seed " << soak_seed);
    std::mt19937_64 random(soak_seed);
    const auto runtime = make_runtime(2);
    std::size_t rounds = 0, compared = 0;
    while (std::chrono::steady_clock::now() < end) {
        ModelShape shape;
        shape.arch = kArchitectures[random() % std::size(kArchitectures)];
        shape.type = (std::array{"Q8_0", "Q4_0", "F16", "Q5_1"})[random() % 4];
        shape.embd = 64;
        shape.ffn = 96;
        shape.seed = random();
        shape.factors = random() % 2 != 0;
        shape.context = 512;
        const auto bytes = ModelFile(shape).bytes();
        hearth_model* m = nullptr;
        CHECK_OK(hearth_model_open_memory(&m, runtime.get(), bytes.data(), bytes.size(), nullptr));
        const ModelPtr model(m);
        hearth_generator* g = nullptr;
        CHECK_OK(hearth_generator_new(&g, model.get()));
        const GeneratorPtr generator(g);
        std::vector<Conversation> all;
        for (int step = 0; step < 120; ++step) {
            CAPTURE(shape.arch);
            CAPTURE(shape.seed);
            CAPTURE(step);
            if (all.empty() || (all.size() < 6 && random() % 8 == 0)) {
                all.push_back(
                    {make_session(model.get(), kContext, HEARTH_KV_F16, static_cast<std::uint32_t>(1 + random() % 90)),
                     {}});
            }
            const std::size_t at = random() % all.size();
            Conversation& c = all[at];
            switch (random() % 8) {
                case 0:
                case 1: {
                    std::vector<std::int32_t> more(
                        std::min<std::size_t>(random() % (random() % 4 == 0 ? 300 : 20), kContext - c.tokens.size()));
                    for (auto& t : more) t = static_cast<std::int32_t>(random() % 290);
                    append(c.session.get(), more);
                    c.tokens.insert(c.tokens.end(), more.begin(), more.end());
                    break;
                }
                case 2: {
                    if (all.size() >= 8) break;
                    hearth_session* f = nullptr;
                    CHECK_OK(hearth_session_fork(&f, c.session.get()));
                    const auto tokens = c.tokens;
                    all.push_back({SessionPtr(f), tokens});
                    break;
                }
                case 3: {
                    const std::size_t keep =
                        random() % 3 == 0 ? random() % (c.tokens.size() + 1)
                                          : c.tokens.size() - std::min<std::size_t>(c.tokens.size(), random() % 5);
                    CHECK_OK(hearth_session_truncate(c.session.get(), keep));
                    c.tokens.resize(keep);
                    break;
                }
                case 4:
                    all.erase(all.begin() + static_cast<std::ptrdiff_t>(at));
                    break;
                case 5: {  // some of them generate together; one may be cancelled, one may be freed
                    std::size_t running = 0;
                    for (Conversation& x : all) {
                        if (x.tokens.empty() || random() % 2 == 0) continue;
                        hearth_generate_options o{};
                        o.struct_size = sizeof o;
                        o.max_tokens = static_cast<std::uint32_t>(1 + random() % 12);
                        o.flags = random() % 2 != 0 ? HEARTH_GENERATE_IGNORE_EOS : 0;
                        CHECK_OK(hearth_generator_submit(generator.get(), x.session.get(), nullptr, &o));
                        ++running;
                    }
                    std::size_t finished = 0;
                    const bool cancels = random() % 3 == 0;
                    for (std::size_t i = 0; hearth_generator_step(generator.get()) == HEARTH_OK; ++i) {
                        hearth_event e{};
                        e.struct_size = sizeof e;
                        while (hearth_generator_next_event(&e, generator.get()) == HEARTH_OK) {
                            for (Conversation& x : all)
                                if (x.session.get() == e.session && e.kind == HEARTH_EVENT_TOKEN)
                                    x.tokens.push_back(e.token);
                            finished += e.kind == HEARTH_EVENT_FINISH;
                            CHECK(e.status == HEARTH_OK);
                            e.struct_size = sizeof e;
                        }
                        if (cancels && i == 2)
                            CHECK_OK(hearth_generator_cancel(generator.get(),
                                                             random() % 2 != 0 ? nullptr : c.session.get()));
                    }
                    CHECK(finished == running);
                    break;
                }
                default: {
                    if (c.tokens.empty()) break;
                    const auto logits = evaluate(c.session.get(), false);
                    const auto fresh = make_session(model.get(), kContext, HEARTH_KV_F16);
                    append(fresh.get(), c.tokens);
                    CHECK(same_bits(logits, evaluate(fresh.get(), false)));
                    ++compared;
                }
            }
            for (const Conversation& x : all) {
                std::vector<std::int32_t> held(kContext);
                std::size_t needed = 0;
                CHECK_OK(hearth_session_tokens(held.data(), held.size(), &needed, x.session.get()));
                held.resize(needed);
                CHECK(held == x.tokens);
            }
        }
        ++rounds;
    }
    CHECK(hearth_runtime_memory(runtime.get()) == 0);
    CHECK(compared > 10);
    MESSAGE(rounds << " rounds, " << compared << " comparisons");
}
