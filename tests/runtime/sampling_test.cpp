// The chain of samplers against distributions worked out by hand, and what holds for any settings.
#include "hearth/runtime/sampling.hpp"

#include <algorithm>
#include <array>
#include <atomic>
#include <cmath>
#include <cstdlib>
#include <limits>
#include <map>
#include <new>
#include <numeric>
#include <set>
#include <string>
#include <utility>

#include <doctest/doctest.h>

#include "hearth/base/cat.hpp"
#include "runtime/chances.hpp"
#include "support/golden.hpp"

using namespace hearth;
using namespace hearth::test;

// Counts allocations of this program, for "choosing does not allocate"; sanitizers bring their own operators. Not
// inlined: the compiler would see free() meet a pointer from operator new and warn.
#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
#define HEARTH_COUNT_ALLOCATIONS 1
static std::atomic<std::size_t> allocations{0};
[[gnu::noinline]] void* operator new(std::size_t bytes) {
    allocations.fetch_add(1, std::memory_order_relaxed);
    if (void* block = std::malloc(bytes ? bytes : 1)) return block;
    throw std::bad_alloc();
}
[[gnu::noinline]] void operator delete(void* block) noexcept { std::free(block); }
[[gnu::noinline]] void operator delete(void* block, std::size_t) noexcept { std::free(block); }
#endif

namespace {

// A bit of every sampler.
const Settings kEverything = {{"repetition_penalty", 1.1}, {"dry_multiplier", 0.8}, {"dry_window", 100}, {"top_n_sigma", 5},
                              {"typical_p", 0.95},         {"xtc_probability", 0.5}, {"temperature_range", 0.3}, {"mirostat_tau", 6}};

// The chain as its documentation says, in the plainest way: sort everything, add up in order.
std::vector<std::int32_t> reference_kept(const std::vector<float>& logits, double top_k, double top_p, double min_p) {
    std::vector<std::int32_t> ids(logits.size());
    std::iota(ids.begin(), ids.end(), 0);
    const auto at = [&](std::int32_t id) { return static_cast<double>(logits[static_cast<std::size_t>(id)]); };
    std::stable_sort(ids.begin(), ids.end(), [&](auto a, auto b) { return at(a) > at(b); });
    if (top_k > 0 && top_k < static_cast<double>(ids.size())) ids.resize(static_cast<std::size_t>(top_k));
    const double best = at(ids[0]);
    if (top_p < 1.0) {
        double total = 0.0, sum = 0.0;
        for (const auto id : ids) total += std::exp(at(id) - best);
        std::size_t kept = 0;
        while (kept < ids.size()) {
            sum += std::exp(at(ids[kept++]) - best);
            if (sum >= top_p * total) break;
        }
        ids.resize(kept);
    }
    if (min_p > 0.0) std::erase_if(ids, [&](auto id) { return std::exp(at(id) - best) < min_p * (1 - 1e-12); });
    std::sort(ids.begin(), ids.end());
    return ids;
}

}  // namespace

TEST_CASE("sampling: defaults are those that the documentation states") {
    const Sampling sampling;
    const std::map<std::string, double> expected = {
        {"temperature", 0.8},
        {"top_k", 40},
        {"top_p", 0.95},
        {"min_p", 0.05},
        {"seed", 0},
        {"repetition_penalty", 1},
        {"presence_penalty", 0},
        {"frequency_penalty", 0},
        {"penalty_window", 64},
        {"dry_multiplier", 0},
        {"dry_base", 1.75},
        {"dry_allowed_length", 2},
        {"dry_window", 4096},
        {"top_n_sigma", 0},
        {"typical_p", 1},
        {"xtc_probability", 0},
        {"xtc_threshold", 0.1},
        {"temperature_range", 0},
        {"temperature_exponent", 1},
        {"mirostat_tau", 0},
        {"mirostat_eta", 0.1},
    };
    CHECK(Sampling::keys().size() == expected.size());
    for (const auto& [key, value] : expected) {
        const auto got = sampling.get(key);
        REQUIRE_MESSAGE(got.ok(), key);
        CHECK_MESSAGE(*got == value, key);
    }
    for (const SamplingKey& key : Sampling::keys()) {
        CHECK_MESSAGE(key.doc.size() > 20, std::string(key.name));
        CHECK(key.doc.back() == '.');
        CHECK(key.minimum <= key.initial);
        CHECK(key.initial <= key.maximum);
    }
}

TEST_CASE("sampling: keys take their bounds and refuse what lies beyond") {
    Sampling sampling;
    for (std::size_t i = 0; i < Sampling::keys().size(); ++i) {
        const SamplingKey& key = Sampling::keys()[i];
        CAPTURE(std::string(key.name));
        CHECK(sampling.set(key.name, key.minimum).ok());
        CHECK(sampling.set(key.name, key.maximum).ok());
        CHECK(sampling[i] == key.maximum);
        for (const double wrong :
             {std::nextafter(key.minimum, -1e300), std::nextafter(key.maximum, 1e300), -1e300, 1e300,
              static_cast<double>(kNan), static_cast<double>(kInf), -static_cast<double>(kInf)}) {
            const Status status = sampling.set(key.name, wrong);
            CHECK(status.code() == Code::invalid_argument);
            CHECK(status.message().find(cat("'", key.name, "'")) != std::string::npos);
            CHECK(status.message().find(cat("from ", key.minimum, " to ", key.maximum)) != std::string::npos);
        }
        const double between = key.minimum + 0.5;
        const Status status = sampling.set(key.name, between);
        CHECK(status.ok() == !key.integer);
        if (key.integer) CHECK(status.message().find("whole numbers") != std::string::npos);
        CHECK(*sampling.get(key.name) == (key.integer ? key.maximum : between));
    }
}

TEST_CASE("sampling: the sentence about an unknown key lists the known ones") {
    Sampling sampling;
    for (const std::string name : {"top_q", "", "TOP_K", "top_k "}) {
        const Status status = sampling.set(name, 1.0);
        CHECK(status.code() == Code::invalid_argument);
        CHECK(status.message().find("unknown sampling key '" + name + "'") != std::string::npos);
        for (const SamplingKey& key : Sampling::keys()) CHECK(status.message().find(key.name) != std::string::npos);
        CHECK(sampling.get(name).status().code() == Code::invalid_argument);
    }
}

TEST_CASE("sampling: seeds reach every whole number that a double holds exactly") {
    Sampling sampling;
    const std::vector<float> logits(1000, 0.0f);
    const auto draws = [&](double seed) {
        auto sampler = make(plain({{"seed", seed}}), logits.size());
        std::vector<std::int32_t> ids;
        for (std::uint64_t i = 0; i < 8; ++i) ids.push_back(sampler->choose(logits, i));
        return ids;
    };
    CHECK(sampling.set("seed", 9007199254740992.0).ok());
    CHECK(draws(9007199254740992.0) != draws(9007199254740991.0));
    CHECK(draws(9007199254740991.0) != draws(9007199254740990.0));
    CHECK(draws(0) != draws(1));
    CHECK(draws(7) == draws(7));
}

TEST_CASE("sampler: an empty vocabulary is refused") {
    CHECK(Sampler::make(Sampling(), 0, kernel_table(Isa::scalar)).status().code() == Code::invalid_argument);
}

TEST_CASE("sampler: greedy takes the best token and of equal ones the lowest id") {
    const Settings greedy = {{"temperature", 0}};
    CHECK(make(greedy, 4)->choose(std::vector<float>{1, 5, 3, 5}, 0) == 1);
    CHECK(make(greedy, 1)->choose(std::vector<float>{-3}, 0) == 0);
    CHECK(make(greedy, 3)->choose(std::vector<float>{-1e38f, -2e38f, -1e38f}, 9) == 0);
    CHECK(make(greedy, 2)->choose(std::vector<float>{-0.0f, 0.0f}, 0) == 0);
    // At every place of a large vocabulary, across the blocks that are scanned together.
    std::vector<float> logits(1000, -1.0f);
    auto sampler = make(greedy, logits.size());
    for (std::size_t i = 0; i < logits.size(); ++i) {
        logits[i] = 2.0f;
        CHECK(sampler->choose(logits, i) == static_cast<std::int32_t>(i));
        logits[i] = -1.0f;
    }
}

TEST_CASE("sampler: the position and the settings decide a draw, not what was drawn before") {
    const auto logits = noise(500, 3, 2.0);
    for (const Settings& settings : {plain({}), Settings{}, plain({{"top_p", 0.7}})}) {
        auto forwards = make(settings, logits.size()), backwards = make(settings, logits.size());
        std::vector<std::int32_t> a, b;
        for (std::uint64_t i = 0; i < 100; ++i) a.push_back(forwards->choose(logits, i));
        for (std::uint64_t i = 100; i-- > 0;) b.push_back(backwards->choose(logits, i));
        std::reverse(b.begin(), b.end());
        CHECK(a == b);
    }
}

TEST_CASE("sampler: every instruction set chooses the same tokens") {
    const Settings penalised = {{"repetition_penalty", 1.3}, {"frequency_penalty", 0.2}};
    for (const Settings& settings :
         {plain({}), Settings{}, plain({{"top_p", 0.9}}), plain({{"min_p", 0.01}}), penalised, kEverything,
          plain({{"typical_p", 0.7}}), plain({{"top_n_sigma", 1.5}, {"mirostat_tau", 4}})}) {
        for (const IsaInfo& isa : isa_list()) {
            if (!isa.available) continue;
            CAPTURE(std::string(isa.name));
            auto scalar = make(settings, 2003), other = make(settings, 2003, isa.isa);
            for (std::uint64_t i = 0; i < (test::kThin ? 10 : 30); ++i) {
                const auto logits = noise(2003, 100 + i, 1.5);
                const auto id = scalar->choose(logits, i);
                CHECK(other->choose(logits, i) == id);
                scalar->accept(id);
                other->accept(id);
            }
        }
    }
}

TEST_CASE("sampler: without settings the choice follows the softmax") {
    const std::vector<double> p = {0.5, 0.25, 0.125, 0.0625, 0.03125, 0.03125};
    check_distribution(kPlain, logs(p), p);
    check_distribution(plain({{"seed", 77}}), logs(p), p);
}

TEST_CASE("sampler: temperature sharpens and flattens by powers") {
    const std::vector<double> p = {0.4, 0.3, 0.2, 0.1};
    for (const double t : {0.25, 0.5, 0.8, 2.0, 100.0}) {
        std::vector<double> expected;
        for (const double x : p) expected.push_back(std::pow(x, 1.0 / t));
        check_distribution(plain({{"temperature", t}}), logs(p), expected);
    }
    CHECK(support(plain({{"temperature", 1e-6}}), logs(p)) == std::set<std::int32_t>{0});
    CHECK(support(plain({{"temperature", 5e-324}}), logs(p)) == std::set<std::int32_t>{0});
}

TEST_CASE("sampler: top_k keeps k tokens, ties by the lower id") {
    const std::vector<double> p = {0.1, 0.3, 0.2, 0.3, 0.1};
    check_distribution(plain({{"top_k", 2}}), logs(p), {0, 0.3, 0, 0.3, 0});
    check_distribution(plain({{"top_k", 4}}), logs(p), {0.1, 0.3, 0.2, 0.3, 0});
    check_distribution(plain({{"top_k", 1}}), logs(p), {0, 1, 0, 0, 0});
    check_distribution(plain({{"top_k", 5}}), logs(p), p);
    check_distribution(plain({{"top_k", 2147483647}}), logs(p), p);
    // All equal, and more of them than one heap takes.
    const std::vector<float> flat(6000, 1.25f);
    for (const std::int32_t k : {1, 3, 64, 65, 4096, 4097, 5999}) {
        const auto ids = support(plain({{"top_k", k}}), flat, 600);
        CHECK(*ids.rbegin() < k);
        if (k <= 65) CHECK(ids.size() == static_cast<std::size_t>(k));
    }
}

TEST_CASE("sampler: top_p keeps the shortest head that reaches the share") {
    const std::vector<double> p = {0.0625, 0.5, 0.125, 0.25, 0.0625};
    check_distribution(plain({{"top_p", 0.5}}), logs(p), {0, 1, 0, 0, 0});
    check_distribution(plain({{"top_p", 0.51}}), logs(p), {0, 0.5, 0, 0.25, 0});
    check_distribution(plain({{"top_p", 0.8}}), logs(p), {0, 0.5, 0.125, 0.25, 0});
    check_distribution(plain({{"top_p", 0.9}}), logs(p), {0.0625, 0.5, 0.125, 0.25, 0});
    check_distribution(plain({{"top_p", 0.99}}), logs(p), p);
    check_distribution(plain({{"top_p", 0}}), logs(p), {0, 1, 0, 0, 0});
}

TEST_CASE("sampler: min_p keeps what reaches a part of the best") {
    const std::vector<double> p = {0.05, 0.5, 0.1, 0.3, 0.05};
    check_distribution(plain({{"min_p", 0.15}}), logs(p), {0, 0.5, 0.1, 0.3, 0});
    check_distribution(plain({{"min_p", 0.5}}), logs(p), {0, 0.5, 0, 0.3, 0});
    check_distribution(plain({{"min_p", 1}}), logs(p), {0, 1, 0, 0, 0});
    check_distribution(plain({{"min_p", 0.05}}), logs(p), p);
    check_distribution(plain({{"min_p", 5e-324}}), logs(p), p);
    CHECK(support(plain({{"min_p", 1}}), {2, 3, 3, 1}) == std::set<std::int32_t>{1, 2});
}

TEST_CASE("sampler: top_k, top_p and min_p come in this order, temperature after them") {
    const std::vector<double> p = {0.4, 0.2, 0.2, 0.1, 0.1};
    // Of the 0.8 that top_k leaves, 0.7 are 0.56: two tokens; of all, 0.7 would have taken three.
    check_distribution(plain({{"top_k", 3}, {"top_p", 0.7}}), logs(p), {0.4, 0.2, 0, 0, 0});
    // min_p after top_p: 0.2 / 0.4 stays at 0.5.
    check_distribution(plain({{"top_p", 0.95}, {"min_p", 0.4}}), logs(p), {0.4, 0.2, 0.2, 0, 0});
    // A high temperature does not bring back what top_p and min_p dropped.
    check_distribution(plain({{"top_p", 0.75}, {"temperature", 50}}), logs(p),
                       {std::pow(0.4, 0.02), std::pow(0.2, 0.02), std::pow(0.2, 0.02), 0, 0});
    check_distribution(plain({{"min_p", 0.3}, {"temperature", 2}}), logs(p),
                       {std::sqrt(0.4), std::sqrt(0.2), std::sqrt(0.2), 0, 0});
}

TEST_CASE("sampler: repetition divides positive and multiplies negative logits of seen tokens") {
    const std::vector<float> logits = {2.0f, -1.0f, 1.0f, 0.0f, -3.0f};
    const Settings settings = plain({{"repetition_penalty", 2}});
    auto sampler = make(settings, logits.size());
    for (const std::int32_t id : {0, 1, 3, 0, 0}) sampler->accept(id);
    const std::vector<float> expected = {1.0f, -2.0f, 1.0f, 0.0f, -3.0f};
    auto plainly = make(kPlain, logits.size());
    for (std::uint64_t i = 0; i < 1000; ++i) REQUIRE(sampler->choose(logits, i) == plainly->choose(expected, i));
}

TEST_CASE("sampler: presence counts once and frequency each time") {
    const std::vector<float> logits = {2.0f, -1.0f, 1.0f, 0.5f};
    auto sampler = make(plain({{"presence_penalty", 0.5}, {"frequency_penalty", 0.25}}), logits.size());
    for (const std::int32_t id : {0, 0, 0, 2, 1, 1}) sampler->accept(id);
    const std::vector<float> expected = {2.0f - 0.5f - 0.75f, -1.0f - 0.5f - 0.5f, 1.0f - 0.5f - 0.25f, 0.5f};
    auto plainly = make(kPlain, logits.size());
    for (std::uint64_t i = 0; i < 1000; ++i) REQUIRE(sampler->choose(logits, i) == plainly->choose(expected, i));
    // Negative values encourage.
    auto encourage = make({{"temperature", 0}, {"presence_penalty", -5}}, logits.size());
    encourage->accept(1);
    CHECK(encourage->choose(logits, 0) == 1);
}

TEST_CASE("sampler: the repetition penalty is applied before presence and frequency") {
    auto sampler = make({{"temperature", 0}, {"repetition_penalty", 2}, {"presence_penalty", 1}}, 2);
    sampler->accept(0);
    // 4 / 2 - 1 = 1; the other way round it would be (4 - 1) / 2 = 1.5.
    CHECK(sampler->choose(std::vector<float>{4.0f, 1.25f}, 0) == 1);
    CHECK(sampler->choose(std::vector<float>{4.0f, 0.75f}, 0) == 0);
}

TEST_CASE("sampler: penalties reach back exactly penalty_window tokens") {
    const std::vector<float> logits = {1.0f, 0.5f, -9.0f};
    for (const std::int32_t window : {1, 2, 3, 64, 1000}) {
        CAPTURE(window);
        auto sampler = make({{"temperature", 0}, {"presence_penalty", 1}, {"penalty_window", window}}, 3);
        for (std::int32_t round = 0; round < 3; ++round) {
            sampler->accept(0);
            for (std::int32_t i = 0; i < window; ++i) {
                CHECK(sampler->choose(logits, 0) == 1);
                sampler->accept(2);
                sampler->accept(99);  // not tokens: ignored
                sampler->accept(-1);
            }
            CHECK(sampler->choose(logits, 0) == 0);
        }
    }
    auto off = make({{"temperature", 0}, {"presence_penalty", 1}, {"penalty_window", 0}}, 2);
    off->accept(0);
    CHECK(off->choose(logits, 0) == 0);
}

TEST_CASE("sampler: logits that are no numbers") {
    const std::vector<Settings> all = {
        {{"temperature", 0}},
        kPlain,
        {},
        plain({{"top_k", 3}}),
        plain({{"top_p", 0.9}}),
        plain({{"min_p", 1e-9}}),
        plain({{"temperature", 100}}),
        {{"temperature", 100}, {"repetition_penalty", 100}, {"frequency_penalty", -100}},
        kEverything,
        plain({{"typical_p", 0.5}}),
        plain({{"top_n_sigma", 1}}),
        plain({{"xtc_probability", 1}}),
        plain({{"temperature_range", 1}}),
        plain({{"mirostat_tau", 3}}),
        {{"temperature", 1}, {"dry_multiplier", 100}, {"dry_base", 100}, {"dry_allowed_length", 1}}};
    for (std::size_t s = 0; s < all.size(); ++s) {
        CAPTURE(s);
        auto sampler = make(all[s], 6);
        for (const std::int32_t id : {0, 1, 2, 3}) sampler->accept(id);
        for (std::uint64_t i = 0; i < 300; ++i) {
            // NaN and -inf are never chosen while there is a number.
            const auto id = sampler->choose(std::vector<float>{kNan, 1, -kInf, 2, kNan, -kInf}, i);
            REQUIRE((id == 1 || id == 3));
            REQUIRE(sampler->choose(std::vector<float>{kNan, -kInf, -3e38f, -kInf, kNan, kNan}, i) == 2);
            REQUIRE(sampler->choose(std::vector<float>{3e38f, kNan, kInf, -kInf, kInf, 1}, i) == 2);
            REQUIRE(sampler->choose(std::vector<float>{kNan, kNan, -kInf, -kInf, kNan, -kInf}, i) == 2);
            REQUIRE(sampler->choose(std::vector<float>(6, kNan), i) == 0);
            REQUIRE(sampler->choose(std::vector<float>(6, -kInf), i) == 0);
            const auto wide = sampler->choose(std::vector<float>{3e38f, -3e38f, 3.4e38f, -3.4e38f, 0, 1}, i);
            REQUIRE((wide == 0 || wide == 2));
        }
    }
}

TEST_CASE("sampler: logits are not changed, whatever the chain does") {
    const auto before = noise(300, 8, 3.0);
    auto logits = before;
    auto sampler = make({{"repetition_penalty", 1.5}, {"presence_penalty", 1}}, logits.size());
    for (std::uint64_t i = 0; i < 100; ++i) sampler->accept(sampler->choose(logits, i));
    CHECK(logits == before);
}

TEST_CASE("sampler: the tokens kept are those of the plain definition, on large vocabularies too") {
    struct Case {
        std::size_t vocab;
        double spread, top_k, top_p, min_p;
    };
    const Case cases[] = {
        {257, 1.0, 0, 0.9, 0},     {5000, 3.0, 0, 0.5, 0},       {5000, 0.2, 0, 0.95, 0},
        {20000, 0.1, 0, 0.99, 0},  {20000, 2.0, 100, 0.99, 0},   {50000, 0.5, 0, 0.3, 0},
        {50000, 0.01, 6000, 1, 0}, {128256, 1.0, 0, 0.05, 0.02}, {128256, 4.0, 40, 0.95, 0.05},
        {3000, 2.0, 0, 1, 0.001},  {4096, 0.001, 0, 0.9999, 0},  {64, 1.0, 0, 0.999, 0.01},
    };
    for (const Case& c : cases) {
        CAPTURE(c.vocab);
        CAPTURE(c.top_k);
        CAPTURE(c.top_p);
        CAPTURE(c.min_p);
        const auto logits = noise(c.vocab, c.vocab, c.spread);
        const auto kept = reference_kept(logits, c.top_k, c.top_p, c.min_p);
        auto sampler =
            make(plain({{"top_k", c.top_k}, {"top_p", c.top_p}, {"min_p", c.min_p}, {"temperature", 100}}), c.vocab);
        // At a high temperature all kept tokens are about equally probable, so that many draws see most of few.
        std::set<std::int32_t> seen;
        const std::size_t draws = kept.size() <= 50 ? 20 * kept.size() : 150;
        for (std::uint64_t i = 0; i < draws; ++i) seen.insert(sampler->choose(logits, i));
        CHECK(std::includes(kept.begin(), kept.end(), seen.begin(), seen.end()));
        if (kept.size() <= 50) CHECK(seen.size() == kept.size());
    }
}

TEST_CASE("sampler: a rare token of a large vocabulary is drawn as often as it should be") {
    // One token holds half; the other half is spread over 131071.
    std::vector<float> logits(131072, 0.0f);
    logits[70000] = static_cast<float>(std::log(131071.0));
    auto sampler = make(kPlain, logits.size());
    std::size_t hits = 0, low = 0;
    constexpr std::size_t kDraws = 400;
    for (std::uint64_t i = 0; i < kDraws; ++i) {
        const auto id = sampler->choose(logits, i);
        hits += id == 70000;
        low += id < 65536;
    }
    CHECK(std::abs(static_cast<double>(hits) - 200) < 40);  // 4 standard deviations
    CHECK(std::abs(static_cast<double>(low) - 100) < 35);
}

#ifdef HEARTH_COUNT_ALLOCATIONS
TEST_CASE("sampler: choosing does not allocate after the first token") {
    const auto logits = noise(40000, 21, 0.3);
    const Settings penalised = {{"repetition_penalty", 1.1}, {"presence_penalty", 0.1}, {"penalty_window", 100}};
    for (const Settings& settings :
         {Settings{{"temperature", 0}}, kPlain, Settings{}, plain({{"top_p", 0.5}}), plain({{"top_p", 0.999}}),
          plain({{"min_p", 0.2}}), plain({{"top_k", 30000}, {"top_p", 0.5}}), penalised, kEverything,
          plain({{"typical_p", 0.9}})}) {
        auto sampler = make(settings, logits.size());
        sampler->accept(sampler->choose(logits, 0));
        const std::size_t before = allocations;
        for (std::uint64_t i = 1; i < 20; ++i) sampler->accept(sampler->choose(logits, i));
        CHECK(allocations == before);
        const std::vector<std::uint64_t> some(logits.size() / 64, 0x101), most(logits.size() / 64, 0x7fffffffffffffff);
        sampler->accept(sampler->choose(logits, 20, {}, most));
        const std::size_t masked = allocations;
        for (std::uint64_t i = 21; i < 30; ++i) sampler->accept(sampler->choose(logits, i, {}, i % 2 ? some : most));
        CHECK(allocations == masked);
    }
}
#endif
