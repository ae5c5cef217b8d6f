// Samplers against distributions that were worked out by hand.
#pragma once

#include <cmath>
#include <limits>
#include <numeric>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include <doctest/doctest.h>

#include "hearth/base/rng.hpp"
#include "hearth/runtime/sampling.hpp"

namespace hearth::test {

using Settings = std::vector<std::pair<std::string, double>>;
using Lists = std::vector<std::pair<std::string, std::vector<std::string>>>;
inline constexpr float kInf = std::numeric_limits<float>::infinity();
inline constexpr float kNan = std::numeric_limits<float>::quiet_NaN();

// Everything off: the model's own distribution.
inline const Settings kPlain = {{"temperature", 1}, {"top_k", 0}, {"top_p", 1}, {"min_p", 0}};

inline Settings plain(Settings changes) {
    Settings all = kPlain;
    all.insert(all.end(), changes.begin(), changes.end());
    return all;
}

inline std::unique_ptr<Sampler> make(const Settings& settings, std::size_t vocab, Isa isa = Isa::scalar,
                                     const Tokenizer* tokenizer = nullptr, const Lists& lists = {}) {
    Sampling sampling;
    for (const auto& [key, value] : settings) {
        const Status status = sampling.set(key, value);
        REQUIRE_MESSAGE(status.ok(), status.message());
    }
    for (const auto& [key, texts] : lists) {
        const Status status = sampling.set_list(key, texts);
        REQUIRE_MESSAGE(status.ok(), status.message());
    }
    auto sampler = Sampler::make(sampling, vocab, kernel_table(isa), tokenizer);
    REQUIRE_MESSAGE(sampler.ok(), sampler.status().message());
    return *std::move(sampler);
}

inline std::vector<float> logs(std::vector<double> probabilities) {
    std::vector<float> logits;
    for (const double p : probabilities) logits.push_back(static_cast<float>(std::log(p)));
    return logits;
}

inline std::vector<std::size_t> tally(Sampler& sampler, const std::vector<float>& logits, std::size_t draws) {
    std::vector<std::size_t> counts(logits.size());
    for (std::size_t i = 0; i < draws; ++i) {
        ++counts.at(static_cast<std::size_t>(sampler.choose(logits, i)));  // throws on an id out of range
    }
    return counts;
}

inline std::set<std::int32_t> support(const Settings& settings, const std::vector<float>& logits,
                                      std::size_t draws = 4000) {
    auto sampler = make(settings, logits.size());
    const auto counts = tally(*sampler, logits, draws);
    std::set<std::int32_t> ids;
    for (std::size_t i = 0; i < counts.size(); ++i) {
        if (counts[i] > 0) ids.insert(static_cast<std::int32_t>(i));
    }
    return ids;
}

// Pearson's statistic is below its 99.99 % quantile (Wilson and Hilferty's approximation). Draws are fixed by the seed.
inline void check_distribution(const Settings& settings, const std::vector<float>& logits,
                               std::vector<double> expected) {
    constexpr std::size_t kDraws = 40000;
    auto sampler = make(settings, logits.size());
    const auto counts = tally(*sampler, logits, kDraws);
    const double sum = std::accumulate(expected.begin(), expected.end(), 0.0);
    double statistic = 0.0, freedom = -1.0;
    for (std::size_t i = 0; i < expected.size(); ++i) {
        if (expected[i] == 0.0) {
            CHECK(counts[i] == 0);
            continue;
        }
        const double mean = expected[i] / sum * kDraws;
        const double off = static_cast<double>(counts[i]) - mean;
        statistic += off * off / mean;
        freedom += 1.0;
    }
    if (freedom < 1.0) return;
    const double h = 2.0 / (9.0 * freedom);
    CHECK(statistic < freedom * std::pow(1.0 - h + 3.719 * std::sqrt(h), 3.0));
}

// A repeatable heap of numbers.
inline std::vector<float> noise(std::size_t n, std::uint64_t seed, double spread) {
    std::vector<float> logits(n);
    for (std::size_t i = 0; i < n; ++i) {
        double normal = -6.0;
        for (std::uint64_t j = 0; j < 12; ++j) normal += uniform_draw(seed, 12 * i + j);
        logits[i] = static_cast<float>(spread * normal);
    }
    return logits;
}

}  // namespace hearth::test
