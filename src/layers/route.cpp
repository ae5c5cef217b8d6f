// Which experts a token visits, and with what weights.
#include <algorithm>
#include <cmath>
#include <limits>

#include "hearth/base/math.hpp"
#include "hearth/layers/moe.hpp"

namespace hearth {

namespace {

constexpr float kNone = -std::numeric_limits<float>::infinity();

float below_numbers(float value) { return value == value ? value : kNone; }  // where NaN stands

// sqrt(ln(1 + exp(x))); where exp(x) is far below 1, ln(1 + exp(x)) is exp(x).
float root_of_softplus(float logit) {
    const auto x = static_cast<double>(logit);
    if (x != x) return logit;
    if (x < -16) return static_cast<float>(det_exp(x / 2));
    return static_cast<float>(std::sqrt(std::max(x, 0.0) + det_log(1 + det_exp(-std::abs(x)))));
}

// Scores of experts outside of the best groups become -infinity.
void keep_best_groups(const MoeSpec& spec, float* scores) {
    const std::size_t size = spec.experts / spec.groups;
    std::array<float, kMaxExpertGroups> of_group;
    std::array<bool, kMaxExpertGroups> dropped{};
    for (std::size_t g = 0; g < spec.groups; ++g) {
        float best = kNone, second = kNone;
        for (std::size_t i = 0; i < size; ++i) {
            const float s = scores[g * size + i];
            second = std::max(second, std::min(s, best));
            best = std::max(best, s);
        }
        of_group[g] = size > 1 && !spec.groups_by_best ? below_numbers(best + second) : best;
    }
    // The worst go until groups_used are left; of equal ones those of lower id stay.
    for (std::size_t left = spec.groups; left > spec.groups_used; --left) {
        std::size_t worst = spec.groups;
        for (std::size_t g = 0; g < spec.groups; ++g)
            if (!dropped[g] && (worst == spec.groups || of_group[g] <= of_group[worst])) worst = g;
        dropped[worst] = true;
        std::fill_n(scores + worst * size, size, kNone);
    }
}

// The `used` highest scores, as ids in ascending order. best: room for [used].
void pick(const MoeSpec& spec, const float* scores, std::uint32_t* ids, float* best) {
    std::size_t held = 0;
    for (std::uint32_t e = 0; e < spec.experts; ++e) {
        const float s = scores[e];
        if (held == spec.used && !(s > best[held - 1])) continue;
        std::size_t at = held < spec.used ? held++ : held - 1;
        for (; at > 0 && s > best[at - 1]; --at) {
            best[at] = best[at - 1];
            ids[at] = ids[at - 1];
        }
        best[at] = s;
        ids[at] = e;
    }
    std::sort(ids, ids + held);
}

// Picks one after the other; the scores of those become NaN, which none was.
void mix_sparsely(const MoeSpec& spec, const float* logits, float* scores, std::uint32_t* ids, float* weights) {
    for (std::size_t i = 0; i < spec.used; ++i) {
        std::size_t best = spec.experts;
        for (std::size_t e = 0; e < spec.experts; ++e) {
            if (!std::isnan(scores[e]) && (best == spec.experts || scores[e] > scores[best])) best = e;
        }
        const float top = logits[best];
        double sum = 0;
        for (std::size_t e = 0; e < spec.experts; ++e) {
            if (std::isnan(scores[e])) continue;
            const float behind = (top - logits[e]) / std::max(std::abs(logits[e]), top);
            if (!(behind > 2 * kSparseMixerNoise)) sum += det_exp(static_cast<double>(logits[e]) - static_cast<double>(top));
        }
        scores[best] = std::numeric_limits<float>::quiet_NaN();
        const auto weight = static_cast<float>(1 / sum);
        std::size_t at = i;  // ids ascend
        for (; at > 0 && ids[at - 1] > best; --at) {
            ids[at] = ids[at - 1];
            weights[at] = weights[at - 1];
        }
        ids[at] = static_cast<std::uint32_t>(best);
        weights[at] = weight;
    }
}

// What stands for the logits among scores, and in weights before they are brought to their sum, which it returns.
float activate(const MoeSpec& spec, const KernelTable& kernels, float* logits) {
    const std::size_t n = spec.experts;
    if (spec.gating == Gating::softmax) return kernels.exp_sum(logits, n, logits);
    if (spec.gating == Gating::sigmoid) {
        for (std::size_t e = 0; e < n; ++e)
            logits[e] = static_cast<float>(1 / (1 + det_exp(-static_cast<double>(logits[e]))));
    } else if (spec.gating == Gating::root_of_softplus) {
        for (std::size_t e = 0; e < n; ++e) logits[e] = root_of_softplus(logits[e]);
    }
    return 1;
}

void finish_weights(const MoeSpec& spec, const KernelTable& kernels, const float* logits, float sum,
                    const std::uint32_t* ids, float* weights) {
    for (std::size_t i = 0; i < spec.used; ++i) weights[i] = logits[ids[i]];
    if (spec.gating == Gating::softmax_of_chosen) sum = kernels.exp_sum(weights, spec.used, weights);
    for (std::size_t i = 0; i < spec.used; ++i) weights[i] /= sum;
    if (spec.normalize) {
        float total = 0;
        for (std::size_t i = 0; i < spec.used; ++i) total += weights[i];
        total = total < kLeastWeightSum ? kLeastWeightSum : total;
        for (std::size_t i = 0; i < spec.used; ++i) weights[i] /= total;
    }
    if (spec.scale != 1)
        for (std::size_t i = 0; i < spec.used; ++i) weights[i] *= spec.scale;
}

}  // namespace

void route(const MoeSpec& spec, std::span<const float> selection_bias, const KernelTable& kernels, float* logits,
           std::uint32_t* ids, float* weights) {
    const std::size_t n = spec.experts;
    float* scores = logits + n;
    std::copy_n(logits, n, scores);
    const float sum = activate(spec, kernels, logits);
    // Exponentials, sigmoids and roots keep the order of logits but may round two of them to one: where nothing is
    // added, logits pick.
    if (spec.gating != Gating::softmax_of_chosen && spec.gating != Gating::sparse_mixer &&
        (!selection_bias.empty() || spec.groups != 1))
        for (std::size_t e = 0; e < n; ++e) scores[e] = logits[e] / sum;
    for (std::size_t e = 0; e < selection_bias.size(); ++e) scores[e] += selection_bias[e];
    for (std::size_t e = 0; e < n; ++e) scores[e] = below_numbers(scores[e]);
    if (spec.gating == Gating::sparse_mixer) return mix_sparsely(spec, logits, scores, ids, weights);
    if (spec.groups != 1) keep_best_groups(spec, scores);
    pick(spec, scores, ids, weights);
    finish_weights(spec, kernels, logits, sum, ids, weights);
}

void weigh(const MoeSpec& spec, const KernelTable& kernels, float* logits, const std::uint32_t* ids, float* weights) {
    const float sum = activate(spec, kernels, logits);
    finish_weights(spec, kernels, logits, sum, ids, weights);
}

}  // namespace hearth
