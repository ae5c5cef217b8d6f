// Choosing the next token. Settings are string keys with bounds; a chain applies the samplers that they ask for in a
// fixed order. Every draw is a pure function of (seed, position), ties go to the lower token id.
// Thread class: Sampling and Sampler belong to one thread at a time.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string_view>
#include <vector>

#include "hearth/base/status.hpp"
#include "hearth/kernels/kernels.hpp"

namespace hearth {

struct SamplingKey {
    std::string_view name;  // "min_p"
    double minimum, maximum, initial;
    bool integer;
    std::string_view doc;  // one sentence
};

// The values of all keys. Unknown keys and values out of bounds are refused with a sentence.
class Sampling {
public:
    Sampling();
    static std::span<const SamplingKey> keys();
    Status set(std::string_view key, double value);
    Result<double> get(std::string_view key) const;
    double operator[](std::size_t index) const { return values_[index]; }  // in the order of keys()

private:
    std::vector<double> values_;
};

// One conversation's chooser.
class Sampler {
public:
    static Result<std::unique_ptr<Sampler>> make(const Sampling& settings, std::size_t vocab, const KernelTable& kernels);
    virtual ~Sampler() = default;
    // A token that is part of the text, whether given or chosen: penalties look at it.
    virtual void accept(std::int32_t token) = 0;
    // logits [vocab]; not changed. `position` numbers the draw.
    virtual std::int32_t choose(std::span<const float> logits, std::uint64_t position) = 0;
};

}  // namespace hearth
