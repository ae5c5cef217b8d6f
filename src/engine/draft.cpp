#include "hearth/engine/draft.hpp"

#include <algorithm>
#include <cmath>

namespace hearth {

namespace {

constexpr std::size_t kShortest = 2;   // suffixes that occur again by chance are worth no pass
constexpr std::size_t kLongest = 12;   // beyond it the choice among occurrences hardly changes

class LookupDrafter final : public Drafter {
public:
    Status guess(std::span<const DraftToken> tokens, std::size_t most, std::vector<DraftToken>& out,
                 const Stop* /*stop*/) override {
        out.clear();
        const std::size_t n = tokens.size();
        std::size_t best = kShortest - 1, from = 0;
        // The newest of the longest.
        for (std::size_t end = n - std::min<std::size_t>(n, 1); end >= kShortest && best < kLongest; --end) {
            if (tokens[end - 1] != tokens[n - 1]) continue;
            std::size_t same = 1;
            while (same < std::min(kLongest, end) && tokens[end - 1 - same] == tokens[n - 1 - same]) ++same;
            if (same > best) {
                best = same;
                from = end;
            }
        }
        // Where the occurrence overlaps the end, its period goes on.
        if (from != 0)
            for (std::size_t i = 0; i < most; ++i) out.push_back(from + i < n ? tokens[from + i] : out[from + i - n]);
        return {};
    }
};

// The line through the times of passes is worth something once the passes differ.
constexpr double kDecay = 0.97;
constexpr double kSlope = 0.03;        // before that: of one more token, in passes of one
constexpr std::size_t kTryAfter = 32;  // tokens

}  // namespace

std::unique_ptr<Drafter> make_lookup_drafter() { return std::make_unique<LookupDrafter>(); }

void DraftPace::passed(std::size_t tokens, double seconds) {
    const auto n = static_cast<double>(tokens);
    const std::array<double, 5> one{1, n, seconds, n * n, n * seconds};
    for (std::size_t i = 0; i < one.size(); ++i) sums_[i] = kDecay * sums_[i] + one[i];
}

double DraftPace::seconds(std::size_t tokens) const {
    const auto& [w, n, t, nn, nt] = sums_;
    if (w == 0) return 0;
    const double mean_n = n / w, mean_t = t / w, spread = nn / w - mean_n * mean_n;
    double slope = kSlope * mean_t / (1 + kSlope * (mean_n - 1));
    if (spread > 0.25) slope = std::clamp((nt / w - mean_n * mean_t) / spread, 0.0, mean_t);
    return std::max(mean_t + slope * (static_cast<double>(tokens) - mean_n), 0.1 * mean_t);
}

void DraftPace::guessed(std::size_t tokens, double seconds) {
    if (tokens == 0) return;
    const double one = seconds / static_cast<double>(tokens);
    guess_seconds_ = guess_seconds_ == 0 ? one : 0.8 * guess_seconds_ + 0.2 * one;
}

void DraftPace::tried(std::size_t tokens, std::size_t came_true) {
    for (std::size_t i = 0; i < std::min(tokens, came_true + 1); ++i) truth_ = 0.92 * truth_ + (i < came_true ? 0.08 : 0);
}

std::size_t DraftPace::next(std::size_t others) {
    std::size_t best = 0;
    if (sums_[0] != 0) {
        double rate = 0;
        const auto more = static_cast<double>(others);
        for (std::size_t k = 0; k <= most_; ++k) {
            double own = 0, chance = 1;
            for (std::size_t i = 0; i <= k; ++i, chance *= truth_) own += chance;
            const double r = (own + more) / (seconds(others + 1 + k) + static_cast<double>(k) * guess_seconds_);
            if (r <= rate) continue;
            rate = r;
            best = k;
        }
    }
    if (best != 0) {
        quiet_ = 0;
        return best;
    }
    if (++quiet_ % kTryAfter != 0) return 0;
    return std::min<std::size_t>(most_, 2);
}

}  // namespace hearth
