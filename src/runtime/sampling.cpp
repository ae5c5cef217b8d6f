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

struct ChainStep {
    const SamplerDef* sampler;
    std::vector<double> values;
    std::vector<double> state, next;  // next: once the token that was drawn last is accepted
};

class ChainSampler final : public Sampler {
public:
    ChainSampler(const Sampling& settings, std::size_t vocab, const KernelTable& kernels, std::vector<ChainStep> steps,
                 SamplerVocab texts)
        : candidates_(vocab, kernels),
          history_(look_back(steps)),
          vocab_(vocab),
          texts_(std::move(texts)),
          steps_(std::move(steps)),
          seed_(static_cast<std::uint64_t>(*settings.get("seed"))),
          greedy_(*settings.get("temperature") == 0.0) {
        candidates_.lengths(look_back(steps_));
        if (greedy_) std::erase_if(steps_, [](const ChainStep& s) { return s.sampler->draws_only; });
        for (const auto& [token, bias] : settings.biases()) {
            if (static_cast<std::size_t>(token) >= vocab) continue;
            if (std::isinf(bias))
                banned_.push_back(token);
            else
                biases_.emplace_back(token, static_cast<float>(bias));
        }
        for (const auto& [token, bias] : biases_) biased_.push_back(token);
    }

    void accept(std::int32_t token) override {
        if (token >= 0 && static_cast<std::size_t>(token) < vocab_) history_.push(token);
        if (token == drawn_)
            for (ChainStep& step : steps_) step.state = step.next;
        drawn_ = -1;
    }

    std::int32_t choose(std::span<const float> logits, std::uint64_t position,
                        std::span<const std::int32_t> excluded, std::span<const std::uint64_t> allowed) override {
        if (allowed.empty())
            candidates_.start(logits);
        else
            candidates_.start(logits, allowed);
        add_biases();
        candidates_.drop(banned_);
        candidates_.drop(excluded);
        const Candidate best = candidates_.best();
        // Without a finite best there is no distribution: +inf wins, and all of -inf and NaN have no order but the id.
        // Where some tokens are out of play, nothing tells them from one of -inf: nothing is left.
        const bool fewer = !banned_.empty() || !excluded.empty() || !allowed.empty();
        if (!std::isfinite(best.logit)) return best.logit < 0 && fewer ? -1 : best.id;
        if (greedy_ && steps_.empty()) return best.id;
        for (std::size_t i = 0; i < steps_.size(); ++i) {
            ChainStep& step = steps_[i];
            SamplerInput input{candidates_, history_, texts_, uniform_draw(seed_, position, 1 + i), step.state.data()};
            step.sampler->apply(step.values.data(), input);
        }
        if (greedy_) return candidates_.best().id;
        drawn_ = candidates_.draw(uniform_draw(seed_, position));
        for (ChainStep& step : steps_) {
            step.next = step.state;
            if (step.sampler->drawn != nullptr)
                step.sampler->drawn(step.values.data(), step.next.data(), candidates_, drawn_);
        }
        return drawn_;
    }

private:
    static std::size_t look_back(std::span<const ChainStep> steps) {
        std::size_t most = 0;
        for (const ChainStep& s : steps)
            if (s.sampler->look_back != nullptr) most = std::max(most, s.sampler->look_back(s.values.data()));
        return most;
    }

    void add_biases() {
        if (biases_.empty()) return;
        const auto counts = candidates_.counters();
        for (std::size_t i = 0; i < biases_.size(); ++i)
            counts[static_cast<std::size_t>(biases_[i].first)] = static_cast<std::uint32_t>(i + 1);
        candidates_.adjust(biased_, [&](std::int32_t id, float logit) {
            return logit + biases_[counts[static_cast<std::size_t>(id)] - 1].second;
        });
        for (const std::int32_t id : biased_) counts[static_cast<std::size_t>(id)] = 0;
    }

    Candidates candidates_;
    History history_;
    std::size_t vocab_;
    SamplerVocab texts_;
    std::vector<ChainStep> steps_;
    std::vector<std::pair<std::int32_t, float>> biases_;
    std::vector<std::int32_t> biased_, banned_;  // tokens of biases_; of bias -infinity
    std::uint64_t seed_;
    std::int32_t drawn_ = -1;
    bool greedy_;
};

std::size_t first_key(const SamplerDef* sampler) {
    std::size_t first = 0;
    for (const SamplerDef* s : chain()) {
        if (s == sampler) break;
        first += s->keys.size();
    }
    return first;
}

const SamplerDef* find_sampler(std::string_view name) {
    const auto it = std::ranges::find(chain(), name, &SamplerDef::name);
    return it != chain().end() ? *it : nullptr;
}

// Tokens whose text has one of the strings in it.
std::vector<bool> tokens_with(const Tokenizer& tokenizer, std::size_t vocab, std::span<const std::string> strings) {
    std::vector<bool> with(vocab);
    for (std::size_t id = 0; id < vocab; ++id) {
        const std::string text = tokenizer.piece(static_cast<std::int32_t>(id));
        for (const std::string& s : strings)
            if (text.find(s) != std::string::npos) with[id] = true;
    }
    return with;
}

constexpr SamplingListKey kListKeys[] = {
    {"order",
     "The names of the samplers in the order in which they are applied; those that are not named are not. Empty: the "
     "order of their keys, which is that of this library."},
    {"stop",
     "Texts that end the generation where one of them is complete; neither it nor a part of it that ends the text is "
     "given out. Its tokens stay in the session."},
    {"ban", "Texts that are never generated: a token that would complete one is not chosen."},
    {"dry_breakers", "Tokens with one of these texts in them end the sequences that the sampler dry compares."},
};
constexpr std::size_t kMostTexts = 1024, kMostBytes = 4096;

}  // namespace

Sampling::Sampling() : lists_(std::size(kListKeys)) {
    for (const SamplingKey& key : keys()) values_.push_back(key.initial);
    lists_[static_cast<std::size_t>(SamplingList::dry_breakers)] = {"\n", ":", "\"", "*"};
}

std::span<const SamplingListKey> Sampling::list_keys() { return kListKeys; }

std::optional<SamplingListKey> Sampling::sampler(std::size_t i) {
    if (i >= chain().size()) return std::nullopt;
    return SamplingListKey{chain()[i]->name, chain()[i]->doc};
}

Status Sampling::set_list(std::string_view key, std::vector<std::string> texts) {
    const auto it = std::ranges::find(kListKeys, key, &SamplingListKey::name);
    if (it == std::end(kListKeys)) {
        std::string known;
        for (const SamplingListKey& k : kListKeys) known += cat(known.empty() ? "" : ", ", k.name);
        return {Code::invalid_argument, cat("unknown sampling list '", key, "'; the lists are ", known)};
    }
    if (texts.size() > kMostTexts)
        return {Code::out_of_range,
                cat("sampling list '", key, "' has ", texts.size(), " texts, at most ", kMostTexts, " are taken")};
    const bool order = key == "order";
    for (std::size_t i = 0; i < texts.size(); ++i) {
        if (texts[i].empty())
            return {Code::invalid_argument, cat("text ", i, " of sampling list '", key, "' is empty")};
        if (texts[i].size() > kMostBytes)
            return {Code::out_of_range, cat("text ", i, " of sampling list '", key, "' has ", texts[i].size(),
                                            " bytes, at most ", kMostBytes, " are taken")};
        if (!order) continue;
        if (find_sampler(texts[i]) == nullptr) {
            std::string known;
            for (const SamplerDef* s : chain()) known += cat(known.empty() ? "" : ", ", s->name);
            return {Code::invalid_argument, cat("unknown sampler '", texts[i], "'; the samplers are ", known)};
        }
        if (std::find(texts.begin(), texts.begin() + static_cast<std::ptrdiff_t>(i), texts[i]) !=
            texts.begin() + static_cast<std::ptrdiff_t>(i))
            return {Code::invalid_argument, cat("sampler '", texts[i], "' stands twice in the order")};
        // It decides what is drawn from.
        if (texts[i] == "mirostat" && i + 1 != texts.size())
            return {Code::invalid_argument, "sampler 'mirostat' stands last in any order"};
    }
    lists_[static_cast<std::size_t>(it - kListKeys)] = std::move(texts);
    return {};
}

Status Sampling::set_bias(std::int32_t token, double bias) {
    if (token < 0) return {Code::out_of_range, cat("a bias for token ", token, ", which no vocabulary has")};
    if (!(bias <= 1000.0) || (bias < -1000.0 && !std::isinf(bias)))
        return {Code::invalid_argument,
                cat("the bias of token ", token, " is ", bias, ", expected -1000 to 1000 or -infinity")};
    const auto it = std::ranges::lower_bound(biases_, token, {}, &std::pair<std::int32_t, double>::first);
    const bool there = it != biases_.end() && it->first == token;
    if (bias == 0.0) {
        if (there) biases_.erase(it);
    } else if (there) {
        it->second = bias;
    } else {
        biases_.emplace(it, token, bias);
    }
    return {};
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

Result<std::unique_ptr<Sampler>> Sampler::make(const Sampling& settings, std::size_t vocab, const KernelTable& kernels,
                                               const Tokenizer* tokenizer) {
    if (vocab == 0 || vocab > 0x7fffffff)
        return Status(Code::invalid_argument, cat("a sampler cannot choose from a vocabulary of ", vocab, " tokens"));
    for (const auto& [token, bias] : settings.biases())
        if (static_cast<std::size_t>(token) >= vocab)
            return Status(Code::out_of_range, cat("a bias for token ", token, ", the vocabulary has ", vocab));
    std::vector<const SamplerDef*> wanted(chain().begin(), chain().end());
    if (const auto& order = settings.list(SamplingList::order); !order.empty()) {
        wanted.clear();
        for (const std::string& name : order) wanted.push_back(find_sampler(name));
    }
    std::vector<ChainStep> steps;
    SamplerVocab texts;
    for (const SamplerDef* sampler : wanted) {
        ChainStep step{sampler, {}, std::vector<double>(sampler->state), std::vector<double>(sampler->state)};
        const std::size_t first = first_key(sampler);
        for (std::size_t i = 0; i < sampler->keys.size(); ++i) step.values.push_back(settings[first + i]);
        if (!sampler->active(step.values.data())) continue;
        if (sampler->begin != nullptr) sampler->begin(step.values.data(), step.state.data());
        const auto& breakers = settings.list(SamplingList::dry_breakers);
        if (sampler->breakers && tokenizer != nullptr && !breakers.empty())
            texts.breakers = tokens_with(*tokenizer, vocab, breakers);
        steps.push_back(std::move(step));
    }
    return std::unique_ptr<Sampler>(
        std::make_unique<ChainSampler>(settings, vocab, kernels, std::move(steps), std::move(texts)));
}

}  // namespace hearth
