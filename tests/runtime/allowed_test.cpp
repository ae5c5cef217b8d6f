// Choice among the tokens that a mask allows: what every sampler makes of the others having no probability.
#include <array>

#include "hearth/base/cat.hpp"
#include "runtime/chances.hpp"

using namespace hearth;
using namespace hearth::test;

namespace {

const std::vector<Settings> kChains = {
    {{"temperature", 0}},
    {{"temperature", 0}, {"repetition_penalty", 1.3}},
    {{"temperature", 0}, {"dry_multiplier", 2}, {"dry_allowed_length", 1}},
    kPlain,
    {},
    plain({{"top_k", 3}}),
    plain({{"top_k", 300}}),
    plain({{"top_p", 0.9}}),
    plain({{"min_p", 0.05}}),
    plain({{"typical_p", 0.7}}),
    plain({{"top_n_sigma", 1.5}}),
    plain({{"xtc_probability", 1}}),
    plain({{"temperature_range", 0.5}}),
    plain({{"mirostat_tau", 3}}),
    plain({{"dry_multiplier", 2}, {"dry_allowed_length", 1}}),
    plain({{"repetition_penalty", 1.3}, {"presence_penalty", 0.4}, {"frequency_penalty", -0.3}}),
};

bool allows(const std::vector<std::uint64_t>& mask, std::size_t id) { return ((mask[id / 64] >> (id % 64)) & 1) != 0; }

// `part` of the tokens, and token 1.
std::vector<std::uint64_t> random_mask(std::size_t vocab, std::uint64_t seed, double part) {
    std::vector<std::uint64_t> mask((vocab + 63) / 64);
    for (std::size_t id = 0; id < vocab; ++id)
        if (uniform_draw(seed, id) < part) mask[id / 64] |= std::uint64_t{1} << (id % 64);
    mask[0] |= 2;
    return mask;
}

}  // namespace

TEST_CASE(
    "allowed tokens: the choice is that of logits which are -inf for all others, with every sampler and set of "
    "instructions") {
    constexpr std::size_t kVocab = 1003;
    std::vector<std::vector<float>> rows;
    for (std::uint64_t i = 0; i < 15; ++i) rows.push_back(noise(kVocab, 100 + i, 1.5));
    for (std::size_t s = 0; s < kChains.size(); ++s)
        for (const IsaInfo& isa : isa_list()) {
            if (!isa.available) continue;
            INFO(cat("chain ", s, ", ", isa.name));
            auto masked = make(kChains[s], kVocab, isa.isa), plain = make(kChains[s], kVocab);
            for (std::uint64_t i = 0; i < rows.size(); ++i) {
                auto logits = rows[i];
                constexpr std::array kParts{0.004, 0.04, 0.3, 0.99, 1.0};
                const auto mask = random_mask(kVocab, i, kParts[i % kParts.size()]);
                const auto id = masked->choose(logits, i, {}, mask);
                for (std::size_t t = 0; t < kVocab; ++t)
                    if (!allows(mask, t)) logits[t] = -kInf;
                const auto expected = plain->choose(logits, i);
                REQUIRE(id == expected);
                REQUIRE(allows(mask, static_cast<std::size_t>(id)));
                masked->accept(id);
                plain->accept(id);
            }
        }
}

TEST_CASE("allowed tokens: forbidden ones take no part in the distribution") {
    const auto logits = logs({0.4, 0.3, 0.2, 0.1});
    const std::vector<std::uint64_t> mask{0b1010};
    auto sampler = make(kPlain, 4);
    std::array<std::size_t, 4> counts{};
    for (std::uint64_t i = 0; i < 4000; ++i)
        ++counts.at(static_cast<std::size_t>(sampler->choose(logits, i, {}, mask)));
    CHECK(counts[0] + counts[2] == 0);
    CHECK(std::abs(static_cast<double>(counts[1]) - 3000) < 110);  // 4 standard deviations
}

TEST_CASE("allowed tokens: -1 where nothing is left, whether by the mask, biases, exclusion or logits") {
    for (const Settings& settings : kChains) {
        auto sampler = make(settings, 70);
        const std::vector<float> logits(70, 1.0F);
        const auto only = [](std::size_t id) {
            std::vector<std::uint64_t> mask(2);
            mask[id / 64] = std::uint64_t{1} << (id % 64);
            return mask;
        };
        CHECK(sampler->choose(logits, 0, {}, only(69)) == 69);
        CHECK(sampler->choose(logits, 0, {}, std::vector<std::uint64_t>(2)) == -1);
        CHECK(sampler->choose(logits, 0, std::array{69}, only(69)) == -1);
        CHECK(sampler->choose(logits, 0, std::array{69}, std::vector<std::uint64_t>(2, ~std::uint64_t{0})) != 69);
        // Bits beyond the vocabulary are not looked at, words that are missing are zeros.
        CHECK(sampler->choose(logits, 0, {}, only(70)) == -1);
        CHECK(sampler->choose(logits, 0, {}, std::vector<std::uint64_t>{std::uint64_t{1} << 5}) == 5);
        CHECK(sampler->choose(logits, 0, {}, std::vector<std::uint64_t>(9, ~std::uint64_t{0})) >= 0);
        for (const float none : {-kInf, kNan}) {
            auto holes = logits;
            holes[69] = none;
            CHECK(sampler->choose(holes, 0, {}, only(69)) == -1);
            for (std::size_t id = 0; id < 64; ++id) holes[id] = none;
            CHECK(sampler->choose(holes, 0, {}, std::vector<std::uint64_t>{~std::uint64_t{0}}) == -1);
        }
        auto high = logits;
        high[69] = kInf;
        CHECK(sampler->choose(high, 0, {}, only(69)) == 69);
    }
    Sampling sampling;
    REQUIRE(sampling.set_bias(3, -static_cast<double>(kInf)).ok());
    REQUIRE(sampling.set_bias(2, 5).ok());
    auto sampler = *Sampler::make(sampling, 4, kernel_table(Isa::scalar));
    const std::array logits{1.0F, 1.0F, 1.0F, 1.0F};
    CHECK(sampler->choose(logits, 0, {}, std::vector<std::uint64_t>{0b1000}) == -1);
    CHECK(sampler->choose(logits, 0, {}, std::vector<std::uint64_t>{0b1001}) == 0);
    CHECK(sampler->choose(logits, 0, {}, std::vector<std::uint64_t>{0b0011}) != 2);
}
