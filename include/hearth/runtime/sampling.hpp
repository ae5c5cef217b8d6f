// Choosing the next token. Settings are string keys with bounds; a chain applies the samplers that they ask for, in a
// chosen order. Every draw is a pure function of (seed, position), but for mirostat, which learns from the draws before
// it; ties go to the lower token id. Thread class: Sampling and Sampler belong to one thread at a time.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "hearth/base/status.hpp"
#include "hearth/kernels/kernels.hpp"
#include "hearth/text/constraint.hpp"
#include "hearth/text/tokenizer.hpp"

namespace hearth {

struct SamplingKey {
    std::string_view name;  // "min_p"
    double minimum, maximum, initial;
    bool integer;
    std::string_view doc;  // one sentence
};
// Keys whose values are lists of texts.
enum class SamplingList : int { order, stop, ban, dry_breakers };
struct SamplingListKey {
    std::string_view name, doc;
};

// The values of all keys. Unknown keys and values out of bounds are refused with a sentence.
class Sampling {
public:
    Sampling();
    static std::span<const SamplingKey> keys();
    static std::span<const SamplingListKey> list_keys();  // in the order of SamplingList
    static std::optional<SamplingListKey> sampler(std::size_t i);  // in the order of the chain; nullopt beyond the last
    Status set(std::string_view key, double value);
    Result<double> get(std::string_view key) const;
    Status set_list(std::string_view key, std::vector<std::string> texts);
    // Is added to the logit of a token before all samplers; -infinity: the token is never chosen. 0: none.
    Status set_bias(std::int32_t token, double bias);
    // What the text must be; null: any. Copies of these settings share what is computed of it.
    void constrain(std::shared_ptr<ConstraintSource> source) { constraint_ = std::move(source); }
    const std::shared_ptr<ConstraintSource>& constraint() const { return constraint_; }

    double operator[](std::size_t index) const { return values_[index]; }  // in the order of keys()
    const std::vector<std::string>& list(SamplingList key) const { return lists_[static_cast<std::size_t>(key)]; }
    std::span<const std::pair<std::int32_t, double>> biases() const { return biases_; }  // by token

private:
    std::vector<double> values_;
    std::vector<std::vector<std::string>> lists_;
    std::vector<std::pair<std::int32_t, double>> biases_;
    std::shared_ptr<ConstraintSource> constraint_;
};

// One conversation's chooser.
class Sampler {
public:
    // The tokenizer is asked for the texts of tokens where settings speak of text; it may be null where they do not.
    static Result<std::unique_ptr<Sampler>> make(const Sampling& settings, std::size_t vocab,
                                                 const KernelTable& kernels, const Tokenizer* tokenizer = nullptr);
    virtual ~Sampler() = default;
    // A token that is part of the text, whether given or chosen: penalties look at it.
    virtual void accept(std::int32_t token) = 0;
    // logits [vocab]; not changed. `position` numbers the draw. None of `excluded` is chosen, and of `allowed`, where it
    // is not empty, only tokens whose bit (of word token / 64) is set; -1 where nothing is left.
    virtual std::int32_t choose(std::span<const float> logits, std::uint64_t position,
                                std::span<const std::int32_t> excluded = {},
                                std::span<const std::uint64_t> allowed = {}) = 0;
};

// A token with the natural logarithm of its probability.
struct TokenLogprob {
    std::int32_t token;
    float logprob;
};
// Of the model's own distribution, before any sampler.
class Logprobs {
public:
    Logprobs(std::size_t vocab, const KernelTable& kernels);
    ~Logprobs();
    // That of `token`, then the `top` most probable ones, best first. logits [vocab]. Valid until the next call.
    std::span<const TokenLogprob> of(std::span<const float> logits, std::int32_t token, std::size_t top);

private:
    std::unique_ptr<class Candidates> candidates_;
    std::vector<TokenLogprob> out_;
};

}  // namespace hearth
