// Each sampler beyond the usual ones, and the lists and biases around them.
#include <algorithm>
#include <array>

#include "runtime/chances.hpp"
#include "support/golden.hpp"

using namespace hearth;
using namespace hearth::test;

namespace {

double entropy(std::span<const double> p) {
    double h = 0;
    for (const double x : p) h -= x > 0 ? x * std::log(x) : 0;
    return h;
}

std::vector<double> powered(std::vector<double> p, double temperature) {
    for (double& x : p) x = std::pow(x, 1 / temperature);
    return p;
}

}  // namespace

TEST_CASE("sampler: top_n_sigma keeps what lies within so many deviations of the best, at any temperature") {
    const std::vector<float> logits{10, 9, 8, 0, 0, 0, 0, 0, 0, 0};
    // Mean 2.7, deviation 4.1485.
    CHECK(support(plain({{"top_n_sigma", 0.2}}), logits) == std::set<std::int32_t>{0});
    CHECK(support(plain({{"top_n_sigma", 0.3}}), logits) == std::set<std::int32_t>{0, 1});
    CHECK(support(plain({{"top_n_sigma", 0.5}}), logits) == std::set<std::int32_t>{0, 1, 2});
    CHECK(support(plain({{"top_n_sigma", 0.5}, {"temperature", 50}}), logits) == std::set<std::int32_t>{0, 1, 2});
    const auto many = noise(5000, 3, 2);
    double mean = 0, square = 0;
    for (const float x : many) mean += x;
    mean /= 5000;
    for (const float x : many) square += (x - mean) * (x - mean);
    const double floor = *std::ranges::max_element(many) - std::sqrt(square / 5000);
    std::set<std::int32_t> want;
    for (std::size_t i = 0; i < many.size(); ++i)
        if (many[i] >= floor) want.insert(static_cast<std::int32_t>(i));
    CHECK(want.size() > 1);
    CHECK(support(plain({{"top_n_sigma", 1}, {"temperature", 50}}), many) == want);
    CHECK(support(plain({{"top_n_sigma", 1}}), {0.5F, 0.5F, -kInf, kNan}) == std::set<std::int32_t>{0, 1});
}

TEST_CASE("sampler: typical_p keeps the tokens nearest to the mean surprise") {
    const std::vector<double> p{0.5, 0.2, 0.15, 0.1, 0.05};
    const double h = entropy(p);  // 1.33: the 0.2 is nearest, then 0.15, 0.5, 0.1, 0.05
    CHECK(std::abs(-std::log(0.2) - h) < std::abs(-std::log(0.15) - h));
    CHECK(support(plain({{"typical_p", 0.1}}), logs(p)) == std::set<std::int32_t>{1});
    CHECK(support(plain({{"typical_p", 0.3}}), logs(p)) == std::set<std::int32_t>{1, 2});
    check_distribution(plain({{"typical_p", 0.8}}), logs(p), {0.5, 0.2, 0.15, 0, 0});
    CHECK(support(plain({{"typical_p", 0}}), logs(p)) == std::set<std::int32_t>{1});
    // As many as the plain definition on a large vocabulary.
    const std::size_t size = test::kThin ? 700 : 3000;
    const auto logits = noise(size, 9, 3);
    std::vector<double> all(logits.begin(), logits.end());
    double sum = 0;
    for (double& x : all) sum += x = std::exp(x);
    for (double& x : all) x /= sum;
    const double mean = entropy(all);
    std::vector<std::int32_t> ids(all.size());
    std::iota(ids.begin(), ids.end(), 0);
    const auto far = [&](std::int32_t i) { return std::abs(-std::log(all[static_cast<std::size_t>(i)]) - mean); };
    std::ranges::sort(ids, {}, far);
    double mass = 0;
    std::set<std::int32_t> want;
    for (std::size_t i = 0; mass < 0.3; ++i) {
        mass += all[static_cast<std::size_t>(ids[i])];
        want.insert(ids[i]);
    }
    const auto got = support(plain({{"typical_p", 0.3}, {"temperature", 20}}), logits, 7 * size);
    CHECK(std::ranges::includes(want, got));
    CHECK(got.size() > want.size() / 2);
}

TEST_CASE("sampler: xtc drops all good choices but the least, as often as it is told") {
    const std::vector<double> p{0.4, 0.3, 0.2, 0.06, 0.04};
    check_distribution(plain({{"xtc_probability", 1}}), logs(p), {0, 0, 0.2, 0.06, 0.04});
    check_distribution(plain({{"xtc_probability", 1}, {"xtc_threshold", 0.25}}), logs(p), {0, 0.3, 0.2, 0.06, 0.04});
    CHECK(support(plain({{"xtc_probability", 1}, {"xtc_threshold", 0.35}}), logs(p))
              .contains(0));  // a single choice stays
    // Half the time: the mean of both distributions.
    std::vector<double> mean(5);
    for (std::size_t i = 0; i < 5; ++i) mean[i] = p[i] / 2 + (i < 2 ? 0 : p[i] / 0.3 / 2);
    check_distribution(plain({{"xtc_probability", 0.5}}), logs(p), mean);
    auto greedy = make({{"temperature", 0}, {"xtc_probability", 1}}, 5);
    CHECK(greedy->choose(logs(p), 0) == 0);
}

TEST_CASE("sampler: a temperature range follows the entropy") {
    const std::vector<double> p{0.7, 0.2, 0.1};
    const double share = entropy(p) / std::log(3.0);
    check_distribution(plain({{"temperature_range", 0.5}}), logs(p), powered(p, 0.5 + share));
    check_distribution(plain({{"temperature_range", 0.5}, {"temperature_exponent", 3}}), logs(p),
                       powered(p, 0.5 + std::pow(share, 3)));
    // All alike: the highest temperature, which changes nothing; one alone: nothing to choose.
    check_distribution(plain({{"temperature_range", 5}}), logs({1, 1, 1, 1}), {1, 1, 1, 1});
    CHECK(support(plain({{"temperature_range", 5}}), {3, -kInf, -kInf}) == std::set<std::int32_t>{0});
}

TEST_CASE("sampler: mirostat steers the mean surprise to its target") {
    auto logits = noise(2000, 5, 2);
    logits[77] = 9;  // no target below the surprise of the best can be met
    std::vector<double> p(logits.begin(), logits.end());
    double sum = 0;
    for (double& x : p) sum += x = std::exp(x);
    for (const double target : {2.5, 4.0, 5.5}) {
        auto sampler = make(plain({{"mirostat_tau", target}}), logits.size());
        double surprise = 0;
        constexpr int kTokens = test::kThin ? 500 : 4000;
        for (int i = 0; i < kTokens; ++i) {
            const std::int32_t token = sampler->choose(logits, static_cast<std::uint64_t>(i));
            surprise -= std::log2(p[static_cast<std::size_t>(token)] / sum);
            // Asked again it answers alike: it learns from what is accepted.
            REQUIRE(sampler->choose(logits, static_cast<std::uint64_t>(i)) == token);
            sampler->accept(token);
        }
        CHECK(surprise / kTokens == doctest::Approx(target).epsilon(test::kThin ? 0.1 : 0.02));
    }
}

TEST_CASE("sampler: dry subtracts by the length of the sequence that would go on") {
    // 1 2 3 4 … 1 2 3: a 4 would repeat four tokens, of which three are matched.
    const auto chosen = [](const Settings& settings, std::vector<std::int32_t> text, std::vector<float> logits) {
        auto sampler = make(settings, logits.size());
        for (const std::int32_t t : text) sampler->accept(t);
        return sampler->choose(logits, 0);
    };
    const std::vector<std::int32_t> text{1, 2, 3, 4, 9, 5, 1, 2, 3};
    std::vector<float> logits(10, 0.0F);
    const auto with = [&](float ahead) {
        auto l = logits;
        l[4] = ahead;
        return l;
    };
    Settings dry{{"temperature", 0}, {"dry_multiplier", 2}, {"dry_base", 3}, {"dry_allowed_length", 2}};
    // 2 * 3^(3 - 2) = 6.
    CHECK(chosen(dry, text, with(5.99F)) != 4);
    CHECK(chosen(dry, text, with(6.01F)) == 4);
    dry.back().second = 1;  // 2 * 3^2 = 18
    CHECK(chosen(dry, text, with(17.9F)) != 4);
    CHECK(chosen(dry, text, with(18.1F)) == 4);
    dry.back().second = 4;  // shorter than allowed
    CHECK(chosen(dry, text, with(0.01F)) == 4);
    dry.back().second = 1;
    dry.push_back({"dry_window", 5});  // the first sequence is out of sight
    CHECK(chosen(dry, text, with(0.01F)) == 4);
    dry.back().second = 8;  // and here its first token is: two match
    CHECK(chosen(dry, text, with(5.99F)) != 4);
    CHECK(chosen(dry, text, with(6.01F)) == 4);
    // Against the definition, on texts of few letters.
    for (std::uint64_t seed = 0; seed < 40; ++seed) {
        std::vector<std::int32_t> random(60);
        for (std::size_t i = 0; i < random.size(); ++i)
            random[i] = static_cast<std::int32_t>(uniform_draw(seed, i) * 3);
        std::array<std::size_t, 3> most{};
        for (std::size_t at = 0; at + 1 < random.size(); ++at) {
            std::size_t n = 0;
            while (n <= at && random[at - n] == random[random.size() - 1 - n]) ++n;
            auto& m = most[static_cast<std::size_t>(random[at + 1])];
            m = std::max(m, n);
        }
        std::vector<float> l(3);
        std::size_t best = 0;
        const auto value = [&](std::size_t i) {
            return most[i] < 2 ? 0.0 : -std::pow(1.2, static_cast<double>(most[i]) - 2);
        };
        for (std::size_t i = 1; i < 3; ++i)
            if (value(i) > value(best)) best = i;
        CHECK(chosen({{"temperature", 0}, {"dry_multiplier", 1}, {"dry_base", 1.2}}, random, l) ==
              static_cast<std::int32_t>(best));
    }
}

TEST_CASE("sampling: an order of samplers is applied as it stands, and those it lacks are not") {
    const std::vector<double> p{0.6, 0.3, 0.1};
    // Temperature before min_p: 0.1 is then 0.41 of the best instead of 0.17.
    const Settings settings{{"temperature", 2}, {"min_p", 0.3}, {"top_k", 1}, {"top_p", 1}};
    const auto ids = [&](const std::vector<std::string>& order) {
        auto sampler = make(settings, 3, Isa::scalar, nullptr, {{"order", order}});
        std::set<std::int32_t> seen;
        for (std::uint64_t i = 0; i < 2000; ++i) seen.insert(sampler->choose(logs(p), i));
        return seen;
    };
    CHECK(ids({"temperature", "min_p"}) == std::set<std::int32_t>{0, 1, 2});
    CHECK(ids({"min_p", "temperature"}) == std::set<std::int32_t>{0, 1});
    CHECK(ids({"top_k"}) == std::set<std::int32_t>{0});
    CHECK(ids({}) == std::set<std::int32_t>{0});
    Sampling sampling;
    CHECK(sampling.set_list("order", {"min_p", "min_p"}).code() == Code::invalid_argument);
    CHECK(sampling.set_list("order", {"mirostat", "min_p"}).code() == Code::invalid_argument);
    const Status unknown = sampling.set_list("order", {"best"});
    CHECK(unknown.code() == Code::invalid_argument);
    CHECK(unknown.message().find("top_n_sigma") != std::string::npos);
    CHECK(sampling.set_list("none", {}).message().find("dry_breakers") != std::string::npos);
    CHECK(sampling.set_list("stop", {""}).code() == Code::invalid_argument);
    // Penalties after a step that listed the tokens.
    auto late = make({{"temperature", 0.001}, {"repetition_penalty", 4}, {"top_k", 2}}, 3, Isa::scalar, nullptr,
                     {{"order", {"top_k", "penalties", "temperature"}}});
    late->accept(0);
    CHECK(late->choose(std::array{3.0F, 1.0F, 0.9F}, 0) == 1);
    late->accept(1);
    CHECK(late->choose(std::array{3.0F, 1.0F, 0.9F}, 0) == 0);  // the third was dropped before
}

TEST_CASE("sampling: biases are added first, and a banned token is never chosen") {
    Sampling sampling;
    REQUIRE(sampling.set("temperature", 0).ok());
    REQUIRE(sampling.set_bias(2, 1.5).ok());
    const std::array logits{1.0F, 0.0F, 0.0F};
    const auto choose = [&] { return (*Sampler::make(sampling, 3, kernel_table(Isa::scalar)))->choose(logits, 0); };
    CHECK(choose() == 2);
    REQUIRE(sampling.set_bias(2, 0.5).ok());
    CHECK(choose() == 0);
    REQUIRE(sampling.set_bias(0, -std::numeric_limits<double>::infinity()).ok());
    CHECK(choose() == 2);
    REQUIRE(sampling.set_bias(2, 0).ok());
    CHECK(choose() == 1);
    REQUIRE(sampling.set_bias(1, -std::numeric_limits<double>::infinity()).ok());
    REQUIRE(sampling.set_bias(2, -std::numeric_limits<double>::infinity()).ok());
    CHECK(choose() == -1);
    REQUIRE(sampling.set_bias(0, 0).ok());
    auto sampler = Sampler::make(sampling, 3, kernel_table(Isa::scalar));
    const std::array<std::int32_t, 1> first{0};
    CHECK((*sampler)->choose(logits, 0) == 0);
    CHECK((*sampler)->choose(logits, 0, first) == -1);
    CHECK(sampling.set_bias(-1, 1).code() == Code::out_of_range);
    CHECK(sampling.set_bias(0, std::nan("")).code() == Code::invalid_argument);
    CHECK(sampling.set_bias(0, std::numeric_limits<double>::infinity()).code() == Code::invalid_argument);
    REQUIRE(sampling.set_bias(3, 1).ok());
    CHECK(Sampler::make(sampling, 3, kernel_table(Isa::scalar)).status().code() == Code::out_of_range);
}

TEST_CASE("logprobs: are those of the softmax, the best first") {
    Logprobs table(4, kernel_table(Isa::scalar));
    const auto logits = logs({0.1, 0.4, 0.3, 0.2});
    auto got = table.of(logits, 0, 2);
    REQUIRE(got.size() == 3);
    CHECK(got[0].token == 0);
    CHECK(std::exp(got[0].logprob) == doctest::Approx(0.1));
    CHECK(got[1].token == 1);
    CHECK(got[2].token == 2);
    CHECK(std::exp(got[2].logprob) == doctest::Approx(0.3));
    CHECK(table.of(logits, 3, 0).size() == 1);
    CHECK(table.of(logits, 3, 100).size() == 5);
    got = table.of(std::array{1.0F, -kInf, kNan, 1.0F}, 1, 4);
    REQUIRE(got.size() == 3);
    CHECK(got[0].logprob == -kInf);
    CHECK(got[1].token == 0);
    CHECK(std::exp(got[1].logprob) == doctest::Approx(0.5));
    CHECK(table.of(std::array{kNan, kNan, kNan, kNan}, 1, 4).size() == 1);
}
