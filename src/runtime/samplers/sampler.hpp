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
    // A copy of the logits that may be changed; before any step that lists.
    std::span<float> edit();
    // One zero per token, to be left as zeros.
    std::span<std::uint32_t> counters() { return counters_; }
    std::vector<std::int32_t>& ids() { return ids_; }  // empty scratch, to be left empty

    // The best candidate. When no logit is a number above -inf: the lowest id that is not NaN, else id 0.
    Candidate best() const;
    // All steps below need best().logit to be finite, and keep the best candidate.
    void keep_top(std::size_t count);
    void keep_mass(double mass);      // the fewest of the best that have this share of the probability
    void keep_ratio(double ratio);    // those at least `ratio` times as probable as the best
    void divide(double temperature);  // of the logits
    // The candidate at `u` in [0, 1) of the cumulated probability.
    std::int32_t draw(double u);

private:
    struct Edge {
        Candidate candidate;
        double weight;
    };
    void list();  // the whole vocabulary, by id
    void top_of_whole(std::size_t count);
    template <class Weight>
    void keep_head(double target, Weight weight);
    template <class Kept>
    void keep_from(float floor, Kept kept);
    double weigh();  // weights_[i] = exp(logit - best) of the candidates, and their sum

    const KernelTable& kernels_;
    std::span<const float> logits_;  // [vocab]
    bool whole_ = true;              // the candidates are logits_; else listed_
    std::vector<Candidate> listed_;
    std::vector<float> edited_;   // [vocab] once edit() was called
    std::vector<float> weights_;  // [vocab], of which weighed_ are in use
    std::size_t weighed_ = 0;
    std::vector<double> block_sums_;
    std::vector<double> histogram_;
    std::vector<Edge> edge_;
    std::vector<std::uint32_t> counters_;  // [vocab]
    std::vector<std::int32_t> ids_;
};

struct SamplerInput {
    Candidates& candidates;
    const History& history;
};

struct SamplerDef {
    std::string_view name;
    std::span<const SamplingKey> keys;
    // `values` are those of `keys`. A sampler that is not active takes no part.
    bool (*active)(const double* values);
    void (*apply)(const double* values, SamplerInput& input);
    // It never changes which candidate is best, so that greedy choice leaves it out.
    bool keeps_best;
    // How many tokens it looks back; null: none.
    std::size_t (*look_back)(const double* values);
};

}  // namespace hearth
