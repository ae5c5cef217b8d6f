#include "hearth/runtime/sampling.hpp"

#include <algorithm>
#include <cmath>

#include "hearth/base/cat.hpp"
#include "hearth/base/rng.hpp"
#include "runtime/samplers/sampler.hpp"

namespace hearth {

#define HEARTH_SAMPLER(name) extern const SamplerDef sampler_##name;
#include "runtime/samplers.inc"
#undef HEARTH_SAMPLER

namespace {

constexpr SamplingKey kSeed = {
    "seed",
    0.0,
    9007199254740992.0,
    0.0,
    true,
    "Starts the random numbers: the same model, text, settings and seed give the same tokens everywhere. 0 is a seed "
    "like any other; vary it to vary the text."};

std::span<const SamplerDef* const> chain() {
    static constexpr const SamplerDef* kChain[] = {
#define HEARTH_SAMPLER(name) &sampler_##name,
#include "runtime/samplers.inc"
#undef HEARTH_SAMPLER
    };
    return kChain;
}

// All keys in the order of the chain, the seed last. Made once, from constants.
const std::vector<SamplingKey>& all_keys() {
    static const std::vector<SamplingKey> keys = [] {
        std::vector<SamplingKey> all;
        for (const SamplerDef* sampler : chain()) all.insert(all.end(), sampler->keys.begin(), sampler->keys.end());
        all.push_back(kSeed);
        return all;
    }();
    return keys;
}

Result<std::size_t> find_key(std::string_view name) {
    const auto keys = Sampling::keys();
    for (std::size_t i = 0; i < keys.size(); ++i) {
        if (keys[i].name == name) return i;
    }
    std::string known;
    for (const SamplingKey& key : keys) known += cat(known.empty() ? "" : ", ", key.name);
    return Status(Code::invalid_argument, cat("unknown sampling key '", name, "'; the keys are ", known));
}

class ChainSampler final : public Sampler {
public:
    ChainSampler(const Sampling& settings, std::size_t vocab, const KernelTable& kernels, std::size_t look_back)
        : candidates_(vocab, kernels), history_(look_back), vocab_(vocab) {
        std::size_t first = 0;
        const bool greedy = *settings.get("temperature") == 0.0;
        for (const SamplerDef* sampler : chain()) {
            Step step{sampler, {}};
            for (std::size_t i = 0; i < sampler->keys.size(); ++i) step.values.push_back(settings[first + i]);
            first += sampler->keys.size();
            if (sampler->active(step.values.data()) && !(greedy && sampler->keeps_best))
                steps_.push_back(std::move(step));
        }
        greedy_ = greedy;
        seed_ = static_cast<std::uint64_t>(*settings.get("seed"));
    }

    void accept(std::int32_t token) override {
        if (token >= 0 && static_cast<std::size_t>(token) < vocab_) history_.push(token);
    }

    std::int32_t choose(std::span<const float> logits, std::uint64_t position) override {
        candidates_.start(logits);
        const Candidate best = candidates_.best();
        // Without a finite best there is no distribution: +inf wins, and all of -inf and NaN have no order but the id.
        if (!std::isfinite(best.logit) || (greedy_ && steps_.empty())) return best.id;
        SamplerInput input{candidates_, history_};
        for (const Step& step : steps_) step.sampler->apply(step.values.data(), input);
        if (greedy_) return candidates_.best().id;
        return candidates_.draw(uniform_draw(seed_, position));
    }

private:
    struct Step {
        const SamplerDef* sampler;
        std::vector<double> values;
    };
    Candidates candidates_;
    History history_;
    std::size_t vocab_;
    std::vector<Step> steps_;
    std::uint64_t seed_ = 0;
    bool greedy_ = false;
};

}  // namespace

Sampling::Sampling() {
    for (const SamplingKey& key : keys()) values_.push_back(key.initial);
}

std::span<const SamplingKey> Sampling::keys() { return all_keys(); }

Status Sampling::set(std::string_view key, double value) {
    HEARTH_ASSIGN(const std::size_t index, find_key(key));
    const SamplingKey& known = keys()[index];
    // Written so that NaN is refused as well.
    if (!(value >= known.minimum && value <= known.maximum)) {
        return {Code::invalid_argument,
                cat("sampling key '", key, "' takes ", known.integer ? "whole numbers" : "numbers", " from ",
                    known.minimum, " to ", known.maximum, ", not ", value)};
    }
    if (known.integer && value != std::floor(value)) {
        return {Code::invalid_argument, cat("sampling key '", key, "' takes whole numbers, not ", value)};
    }
    values_[index] = value;
    return {};
}

Result<double> Sampling::get(std::string_view key) const {
    HEARTH_ASSIGN(const std::size_t index, find_key(key));
    return values_[index];
}

Result<std::unique_ptr<Sampler>> Sampler::make(const Sampling& settings, std::size_t vocab,
                                               const KernelTable& kernels) {
    if (vocab == 0 || vocab > 0x7fffffff) {
        return Status(Code::invalid_argument, cat("a sampler cannot choose from a vocabulary of ", vocab, " tokens"));
    }
    std::size_t look_back = 0, first = 0;
    for (const SamplerDef* sampler : chain()) {
        std::vector<double> values;
        for (std::size_t i = 0; i < sampler->keys.size(); ++i) values.push_back(settings[first + i]);
        first += sampler->keys.size();
        if (sampler->look_back && sampler->active(values.data())) {
            look_back = std::max(look_back, sampler->look_back(values.data()));
        }
    }
    return std::unique_ptr<Sampler>(std::make_unique<ChainSampler>(settings, vocab, kernels, look_back));
}

}  // namespace hearth
