// What a sampler file provides and works on. A new sampler is one file that defines `sampler_NAME` and one line in
// ../samplers.inc; its keys then appear in Sampling::keys(), the C interface and every binding.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

#include "hearth/kernels/kernels.hpp"
#include "hearth/runtime/sampling.hpp"

namespace hearth {

struct Candidate {
    float logit;
    std::int32_t id;
};
// The strict total order of candidates: the higher logit, then the lower id. Never asked about NaN.
inline bool better(const Candidate& a, const Candidate& b) {
    return a.logit > b.logit || (a.logit == b.logit && a.id < b.id);
}

// The last tokens of the text.
class History {
public:
    explicit History(std::size_t capacity) : ring_(capacity) {}
    void push(std::int32_t token) {
        if (ring_.empty()) return;
        ring_[next_] = token;
        next_ = next_ + 1 == ring_.size() ? 0 : next_ + 1;
        if (size_ < ring_.size()) ++size_;
    }
    std::size_t size() const { return size_; }
    // The token that came `back` tokens ago; 0 is the last one. back < size().
    std::int32_t operator[](std::size_t back) const {
        return ring_[next_ > back ? next_ - 1 - back : next_ + ring_.size() - 1 - back];
    }

private:
    std::vector<std::int32_t> ring_;
    std::size_t next_ = 0;
    std::size_t size_ = 0;
};

// The tokens still in play. They start as the whole vocabulary, read in place; the first step that leaves fewer lists
// them. NaN and -inf are never listed. Memory is reserved once for the vocabulary, so no step allocates.
class Candidates {
public:
    Candidates(std::size_t vocab, const KernelTable& kernels);

    // Starts over with logits [vocab], which must stay as they are until the next start.
    void start(std::span<const float> logits);
    // The same with those tokens alone whose bit (of word token / 64) is set; words that are missing are zeros.
    void start(std::span<const float> logits, std::span<const std::uint64_t> allowed);
    // One zero per token, to be left as zeros.
    std::span<std::uint32_t> counters() { return counters_; }
    std::vector<std::int32_t>& ids() { return ids_; }  // empty scratch, to be left empty
    std::span<std::uint32_t> lengths(std::size_t n);   // scratch, for as many tokens as a sampler looks back
    // Gives tokens `ids`, whose counters are not zero, the logit change(id, logit) where they are still in play.
    template <class F>
    void adjust(std::span<const std::int32_t> ids, F change) {
        if (whole_) {
            const std::span<float> logits = edit();
            for (const std::int32_t id : ids) {
                float& logit = logits[static_cast<std::size_t>(id)];
                logit = change(id, logit);
            }
            return;
        }
        for (Candidate& c : listed_)
            if (counters_[static_cast<std::size_t>(c.id)] != 0) c.logit = change(c.id, c.logit);
    }
    // They are in play no more.
    void drop(std::span<const std::int32_t> ids);

    // The best candidate. When no logit is a number above -inf: the lowest id that is not NaN, else id 0; of a list, -1.
    Candidate best() const;
    // All steps below need best().logit to be finite, and keep the best candidate.
    void keep_top(std::size_t count);
    void keep_mass(double mass);      // the fewest of the best that have this share of the probability
    void keep_ratio(double ratio);    // those at least `ratio` times as probable as the best
    void divide(double temperature);  // of the logits
    void keep_sigmas(double sigmas);  // those whose logits are at most so many standard deviations below the best
    void keep_surprise(double bits);  // those that surprise by no more, and the best
    // The fewest, of those whose surprise is nearest to the mean, that have this share of the probability; the best may
    // go.
    void keep_typical(double mass);
    // Of those with at least this probability all but the least probable go.
    void drop_top_choices(double probability);
    // Shannon's, in nats, of the candidates' distribution, as a part of the most that so many can have; 0 for one.
    double relative_entropy();
    // The surprise in bits of a token under the candidates' distribution.
    double surprise(std::int32_t id);
    double log_sum();                                              // ln of the sum of exp(logit)
    std::span<const Candidate> listed() const { return listed_; }  // after a step that leaves fewer than all
    // The candidate at `u` in [0, 1) of the cumulated probability.
    std::int32_t draw(double u);

private:
    struct Edge {
        Candidate candidate;
        double weight;
    };
    std::span<float> edit();  // a copy of the logits that may be changed, while they are whole
    void list();              // the whole vocabulary, by id, if it is not listed yet
    double entropy(double total) const;
    void top_of_whole(std::size_t count);
    template <class Weight>
    void keep_head(double target, Weight weight);
    template <class Kept>
    void keep_from(float floor, Kept kept);
    void keep_above(double floor);  // logits that are no lower; floor is not above the best
    double weigh();                 // weights_[i] = exp(logit - best) of the candidates, and their sum

    const KernelTable& kernels_;
    std::span<const float> logits_;  // [vocab]
    bool whole_ = true;              // the candidates are logits_; else listed_
    bool fresh_ = false;             // listed_ is all that start() was given: steps treat it as they do the whole
    std::vector<Candidate> listed_;
    std::vector<float> edited_;   // [vocab] once edit() was called
    std::vector<float> weights_;  // [vocab], of which weighed_ are in use
    std::size_t weighed_ = 0;
    std::vector<double> block_sums_;
    std::vector<double> histogram_;
    std::vector<Edge> edge_;
    std::vector<std::uint32_t> counters_;  // [vocab]
    std::vector<std::int32_t> ids_;
    std::vector<std::uint32_t> lengths_;
    struct Near {
        double distance;
        std::uint32_t index;  // in listed_
        bool operator<(const Near& o) const {
            return distance < o.distance || (distance == o.distance && index < o.index);
        }
    };
    std::vector<Near> near_;
    double spread_ = 0;  // log of the sum of weights before keep_surprise
    float top_ = 0;      // logit of the best then
};

// The tokens that carry meaning of their own for a sampler, by id; empty: none.
struct SamplerVocab {
    std::vector<bool> breakers;  // end a repeated sequence
};

struct SamplerInput {
    Candidates& candidates;
    const History& history;
    const SamplerVocab& vocab;
    double uniform;  // in [0, 1), for samplers that draw themselves; not that of the token
    double* state;   // of this sampler, SamplerDef::state; kept from token to token
};

struct SamplerDef {
    std::string_view name;
    std::string_view doc;  // what it does, one sentence
    std::span<const SamplingKey> keys;
    // `values` are those of `keys`. A sampler that is not active takes no part.
    bool (*active)(const double* values);
    void (*apply)(const double* values, SamplerInput& input);
    // It shapes the draw only: greedy choice leaves it out.
    bool draws_only = true;
    // How many tokens it looks back; null: none.
    std::size_t (*look_back)(const double* values) = nullptr;
    // Whether it asks for SamplerVocab::breakers.
    bool breakers = false;
    // Values that it keeps from token to token, and what they begin with; null: none.
    std::size_t state = 0;
    void (*begin)(const double* values, double* state) = nullptr;
    // What it learns from the token that was drawn of what it left.
    void (*drawn)(const double* values, double* state, Candidates& candidates, std::int32_t token) = nullptr;
};

}  // namespace hearth
