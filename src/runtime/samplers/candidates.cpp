// The tokens in play: selection without sorting the vocabulary, and the draw. Everything here is a fixed sequence of
// IEEE operations on results of `exp_sum`, so a choice has the same bits on every instruction set.
#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>

#include "hearth/base/math.hpp"
#include "runtime/samplers/sampler.hpp"

namespace hearth {
namespace {

constexpr std::size_t kScan = 64;        // logits that one comparison with the threshold skips together
constexpr std::size_t kHeapLimit = 128;  // up to here a heap beats the histogram
constexpr std::size_t kSumLanes = 8;
constexpr std::size_t kSumBlock = 256;
// The histogram's buckets are 1/32 wide in logits; from 128 below the best on all share the last one. Rounding is
// monotone, so a better candidate is never in a later bucket.
constexpr std::size_t kBuckets = 4096;
constexpr float kBucketsPerLogit = 32.0f;
constexpr float kLowest = -std::numeric_limits<float>::infinity();

// Whether any of x[0, n) is above `threshold`; NaN is not.
bool any_above(const float* x, std::size_t n, float threshold) {
    int any = 0;
    for (std::size_t i = 0; i < n; ++i) any |= x[i] > threshold ? 1 : 0;
    return any != 0;
}

// Eight interleaved chains, folded in order.
double sum_of(const float* x, std::size_t n) {
    double lanes[kSumLanes] = {};
    std::size_t i = 0;
    for (; i + kSumLanes <= n; i += kSumLanes) {
        for (std::size_t lane = 0; lane < kSumLanes; ++lane) lanes[lane] += static_cast<double>(x[i + lane]);
    }
    for (std::size_t lane = 0; i + lane < n; ++lane) lanes[lane] += static_cast<double>(x[i + lane]);
    double sum = 0.0;
    for (const double lane : lanes) sum += lane;
    return sum;
}

}  // namespace

Candidates::Candidates(std::size_t vocab, const KernelTable& kernels)
    : kernels_(kernels), weights_(vocab), counters_(vocab) {
    listed_.reserve(vocab);
    edited_.reserve(vocab);
    block_sums_.reserve(vocab / kSumBlock + 1);
    ids_.reserve(vocab);
    edge_.reserve(vocab);
    histogram_.reserve(kBuckets);
}

void Candidates::start(std::span<const float> logits) {
    logits_ = logits;
    whole_ = true;
    fresh_ = false;
    listed_.clear();
}

std::span<float> Candidates::edit() {
    if (edited_.empty() || logits_.data() != edited_.data()) {
        edited_.assign(logits_.begin(), logits_.end());
        logits_ = edited_;
    }
    return edited_;
}

Candidate Candidates::best() const {
    if (listed_.empty() && !whole_) return {kLowest, -1};
    if (!whole_) return *std::min_element(listed_.begin(), listed_.end(), better);
    Candidate best{kLowest, -1};
    for (std::size_t begin = 0; begin < logits_.size(); begin += kScan) {
        const std::size_t n = std::min(kScan, logits_.size() - begin);
        if (!any_above(&logits_[begin], n, best.logit)) continue;
        for (std::size_t i = begin; i < begin + n; ++i) {
            if (logits_[i] > best.logit) best = {logits_[i], static_cast<std::int32_t>(i)};
        }
    }
    if (best.id >= 0) return best;
    for (std::size_t i = 0; i < logits_.size(); ++i) {
        if (!std::isnan(logits_[i])) return {logits_[i], static_cast<std::int32_t>(i)};
    }
    return {kLowest, 0};
}

void Candidates::list() {
    fresh_ = false;
    if (!whole_) return;
    listed_.clear();
    for (std::size_t i = 0; i < logits_.size(); ++i) {
        if (logits_[i] > kLowest) listed_.push_back({logits_[i], static_cast<std::int32_t>(i)});
    }
    whole_ = false;
}

// A heap of the best so far with the worst on top. Ids ascend, so that a later logit must be above the worst one
// to enter, which skips nearly everything after the first few blocks.
void Candidates::top_of_whole(std::size_t count) {
    listed_.clear();
    float threshold = kLowest;
    for (std::size_t begin = 0; begin < logits_.size(); begin += kScan) {
        const std::size_t n = std::min(kScan, logits_.size() - begin);
        if (!any_above(&logits_[begin], n, threshold)) continue;
        for (std::size_t i = begin; i < begin + n; ++i) {
            if (!(logits_[i] > threshold)) continue;
            if (listed_.size() == count) {
                std::pop_heap(listed_.begin(), listed_.end(), better);
                listed_.pop_back();
            }
            listed_.push_back({logits_[i], static_cast<std::int32_t>(i)});
            std::push_heap(listed_.begin(), listed_.end(), better);
            if (listed_.size() == count) threshold = listed_.front().logit;
        }
    }
    std::sort_heap(listed_.begin(), listed_.end(), better);
}

void Candidates::keep_top(std::size_t count) {
    if (whole_ && count <= kHeapLimit) {
        top_of_whole(count);
        whole_ = false;
        return;
    }
    if (fresh_ && count <= kHeapLimit) {  // in the same order as of the whole
        std::sort(listed_.begin(), listed_.end(), better);
        listed_.resize(std::min(listed_.size(), count));
        fresh_ = false;
        return;
    }
    keep_head(static_cast<double>(count), [](std::size_t) { return 1.0; });
}

void Candidates::keep_mass(double mass) {
    const double target = weigh() * mass;
    keep_head(target, [this](std::size_t i) { return static_cast<double>(weights_[i]); });
}

// Keeps the shortest head, in the order of `better`, whose weights reach `target`. A histogram over the logits finds
// the bucket where the sum passes the target; only that bucket is sorted. Sums run in the order of the candidates.
template <class Weight>
void Candidates::keep_head(double target, Weight weight) {
    const float top = best().logit;
    const auto bucket_of = [top](float logit) {
        const float below = (top - logit) * kBucketsPerLogit;
        return below < static_cast<float>(kBuckets - 1) ? static_cast<std::size_t>(below) : kBuckets - 1;
    };
    const std::size_t n = whole_ ? logits_.size() : listed_.size();
    const auto at = [this](std::size_t i) {
        return whole_ ? Candidate{logits_[i], static_cast<std::int32_t>(i)} : listed_[i];
    };
    histogram_.assign(kBuckets, 0.0);
    for (std::size_t i = 0; i < n; ++i) {
        const float logit = at(i).logit;
        if (logit > kLowest) histogram_[bucket_of(logit)] += weight(i);
    }
    double sum = 0.0;
    std::size_t edge = 0;
    while (edge < kBuckets && sum + histogram_[edge] < target) sum += histogram_[edge++];

    Candidate last{std::numeric_limits<float>::lowest(), std::numeric_limits<std::int32_t>::max()};
    if (edge < kBuckets) {
        edge_.clear();
        for (std::size_t i = 0; i < n; ++i) {
            const Candidate c = at(i);
            if (c.logit > kLowest && bucket_of(c.logit) == edge) edge_.push_back({c, weight(i)});
        }
        std::sort(edge_.begin(), edge_.end(),
                  [](const Edge& a, const Edge& b) { return better(a.candidate, b.candidate); });
        // The bucket's sum was rounded in another order: its last candidate closes the head in any case.
        for (std::size_t i = 0; i < edge_.size(); ++i) {
            last = edge_[i].candidate;
            sum += edge_[i].weight;
            if (sum >= target) break;
        }
    }
    keep_from(last.logit, [last](const Candidate& c) { return !better(last, c); });
}

// Keeps the candidates for which `kept` holds; none of them is below `floor`.
template <class Kept>
void Candidates::keep_from(float floor, Kept kept) {
    fresh_ = false;
    if (!whole_) {
        std::erase_if(listed_, [kept](const Candidate& c) { return !kept(c); });
        return;
    }
    listed_.clear();
    const float below = std::nextafter(floor, kLowest);
    for (std::size_t begin = 0; begin < logits_.size(); begin += kScan) {
        const std::size_t n = std::min(kScan, logits_.size() - begin);
        if (!any_above(&logits_[begin], n, below)) continue;
        for (std::size_t i = begin; i < begin + n; ++i) {
            const Candidate c{logits_[i], static_cast<std::int32_t>(i)};
            if (c.logit > below && kept(c)) listed_.push_back(c);
        }
    }
    whole_ = false;
}

double Candidates::weigh() {
    const std::size_t n = whole_ ? logits_.size() : listed_.size();
    weighed_ = n;
    // NaN and -inf become the lowest finite number, whose exponential is 0.
    constexpr float kFloor = std::numeric_limits<float>::lowest();
    for (std::size_t i = 0; i < n; ++i) {
        const float logit = whole_ ? logits_[i] : listed_[i].logit;
        weights_[i] = logit > kFloor ? logit : kFloor;
    }
    kernels_.exp_sum(weights_.data(), n, weights_.data());
    block_sums_.clear();
    double total = 0.0;
    for (std::size_t begin = 0; begin < n; begin += kSumBlock) {
        block_sums_.push_back(sum_of(&weights_[begin], std::min(kSumBlock, n - begin)));
        total += block_sums_.back();
    }
    return total;
}

double Candidates::log_sum() {
    const double total = weigh();
    return static_cast<double>(best().logit) + det_log(total);
}

std::span<std::uint32_t> Candidates::lengths(std::size_t n) {
    if (lengths_.size() < n) lengths_.resize(n);
    return std::span(lengths_).first(n);
}

void Candidates::drop(std::span<const std::int32_t> ids) {
    if (ids.empty()) return;
    if (whole_) {
        const std::span<float> logits = edit();
        for (const std::int32_t id : ids) logits[static_cast<std::size_t>(id)] = kLowest;
    } else {
        std::erase_if(listed_, [ids](const Candidate& c) { return std::ranges::find(ids, c.id) != ids.end(); });
    }
}

// In nats, of weights_ with this sum.
double Candidates::entropy(double total) const {
    const double top = best().logit;
    double lanes[kSumLanes] = {};
    for (std::size_t i = 0; i < weighed_; ++i) {
        const float logit = whole_ ? logits_[i] : listed_[i].logit;
        if (weights_[i] > 0.0F)
            lanes[i % kSumLanes] += static_cast<double>(weights_[i]) * (top - static_cast<double>(logit));
    }
    double sum = 0.0;
    for (const double lane : lanes) sum += lane;
    return det_log(total) + sum / total;
}

double Candidates::relative_entropy() {
    const double total = weigh();
    std::size_t n = listed_.size();
    if (whole_) n = static_cast<std::size_t>(std::ranges::count_if(logits_, [](float x) { return x > kLowest; }));
    return n < 2 ? 0.0 : std::clamp(entropy(total) / det_log(static_cast<double>(n)), 0.0, 1.0);
}

void Candidates::keep_typical(double mass) {
    list();
    const double total = weigh(), mean = entropy(total), spread = det_log(total), top = best().logit;
    near_.clear();
    near_.reserve(weights_.size());
    for (std::size_t i = 0; i < listed_.size(); ++i)
        near_.push_back(
            {std::abs(spread + (top - static_cast<double>(listed_[i].logit)) - mean), static_cast<std::uint32_t>(i)});
    // The nearest are sorted in growing parts: mostly a few make up the mass.
    std::size_t kept = 0, sorted = 0;
    double sum = 0.0;
    for (std::size_t part = 64; kept < near_.size();) {
        if (kept == sorted) {
            const std::size_t end = std::min(near_.size(), sorted + part);
            const auto at = [&](std::size_t i) { return near_.begin() + static_cast<std::ptrdiff_t>(i); };
            if (end < near_.size()) std::nth_element(at(sorted), at(end), near_.end());
            std::sort(at(sorted), at(end));
            sorted = end;
            part *= 4;
        }
        sum += static_cast<double>(weights_[near_[kept++].index]);
        if (sum >= mass * total) break;
    }
    near_.resize(kept);
    std::ranges::sort(near_, {}, &Near::index);
    for (std::size_t i = 0; i < kept; ++i) listed_[i] = listed_[near_[i].index];
    listed_.resize(kept);
}

void Candidates::drop_top_choices(double probability) {
    const double least_weight = weigh() * probability;
    list();  // after which weights_ are no longer theirs
    weigh();
    Candidate least{std::numeric_limits<float>::infinity(), -1};
    std::size_t choices = 0;
    for (std::size_t i = 0; i < listed_.size(); ++i) {
        if (static_cast<double>(weights_[i]) < least_weight) continue;
        ++choices;
        if (least.id < 0 || better(least, listed_[i])) least = listed_[i];
    }
    if (choices < 2) return;
    std::erase_if(listed_, [least](const Candidate& c) { return better(c, least); });
}

void Candidates::keep_sigmas(double sigmas) {
    const std::size_t n = whole_ ? logits_.size() : listed_.size();
    const double top = best().logit;
    // Of what lies below the best, which keeps the squares small.
    double sums[kSumLanes] = {}, squares[kSumLanes] = {}, sum = 0.0, square = 0.0;
    std::size_t count = 0;
    for (std::size_t i = 0; i < n; ++i) {
        const float logit = whole_ ? logits_[i] : listed_[i].logit;
        if (!(logit > kLowest)) continue;
        const double below = top - static_cast<double>(logit);
        sums[i % kSumLanes] += below;
        squares[i % kSumLanes] += below * below;
        ++count;
    }
    for (std::size_t lane = 0; lane < kSumLanes; ++lane) {
        sum += sums[lane];
        square += squares[lane];
    }
    const double mean = sum / static_cast<double>(count);
    keep_above(top - sigmas * std::sqrt(std::max(square / static_cast<double>(count) - mean * mean, 0.0)));
}

void Candidates::keep_surprise(double bits) {
    constexpr double kLn2 = 0x1.62e42fefa39efp-1;
    spread_ = det_log(weigh());
    top_ = best().logit;
    const double top = top_;
    keep_above(std::min(top, top + spread_ - bits * kLn2));
}

double Candidates::surprise(std::int32_t id) {
    constexpr double kBitsPerNat = 0x1.71547652b82fep+0;
    float logit = whole_ ? logits_[static_cast<std::size_t>(id)] : kLowest;
    for (const Candidate& c : listed_)
        if (!whole_ && c.id == id) logit = c.logit;
    return (spread_ + (static_cast<double>(top_) - static_cast<double>(logit))) * kBitsPerNat;
}

void Candidates::keep_ratio(double ratio) { keep_above(static_cast<double>(best().logit) + det_log(ratio)); }

void Candidates::keep_above(double floor) {
    // Rounding to float may go up past the floor; no float in between is lost when the step down comes first.
    const double lowest = std::numeric_limits<float>::lowest();
    const float start = std::nextafter(static_cast<float>(std::max(floor, lowest)), kLowest);
    keep_from(std::max(start, static_cast<float>(lowest)),
              [floor](const Candidate& c) { return static_cast<double>(c.logit) >= floor; });
}

void Candidates::divide(double temperature) {
    list();
    // Relative to the best, so that nothing overflows upwards.
    const double top = best().logit;
    constexpr double kFloor = std::numeric_limits<float>::lowest();
    for (Candidate& c : listed_) {
        c.logit = static_cast<float>(std::max((static_cast<double>(c.logit) - top) / temperature, kFloor));
    }
}

std::int32_t Candidates::draw(double u) {
    const double target = weigh() * u;
    const std::size_t n = weighed_;
    const auto id_at = [this](std::size_t i) { return whole_ ? static_cast<std::int32_t>(i) : listed_[i].id; };
    double sum = 0.0;
    std::size_t last = 0;  // the last candidate of any weight so far
    for (std::size_t block = 0; block < block_sums_.size(); ++block) {
        const std::size_t begin = block * kSumBlock, end = std::min(n, begin + kSumBlock);
        const double after = sum + block_sums_[block];
        if (after <= target) {
            sum = after;
            continue;
        }
        for (std::size_t i = begin; i < end; ++i) {
            if (weights_[i] <= 0.0f) continue;
            last = i;
            sum += static_cast<double>(weights_[i]);
            if (sum > target) return id_at(i);
        }
        // Rounding inside the block: its last candidate owns the remainder.
        break;
    }
    return id_at(last);
}

}  // namespace hearth
