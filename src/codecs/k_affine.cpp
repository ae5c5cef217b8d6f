// Scales and minimums of Q4_K and Q5_K by least squares. The aim is the smallest sum of squared errors, every value
// counted alike: with inputs of equal variance that is the smallest expected error of a matrix product.
//
// First each sub-block alone: from several step widths, codes by rounding and (step, offset) by linear regression on
// the codes take turns, as in Lloyd's algorithm. Then the super-block: d and dmin from the largest step and offset, and
// for each sub-block the best of the 6-bit scales near the ideal one, every trial with its own min and codes; d and
// dmin follow by regression over all 256 values, and the scales once more. More candidates gain less than 1 % of the
// error.
#include "codecs/k_affine.hpp"

#include <algorithm>
#include <cmath>

#include "codecs/rounding.hpp"

namespace hearth::codecs {
namespace {

constexpr int kSubs = 8;
constexpr int kLength = 32;

struct Line {
    float step, offset;  // value = step * code + offset
};

// One rounding of a sub-block to codes: its error, and the sums that a regression on the codes needs.
struct Trial {
    float error, codes, codes_squared, codes_values;
};

// Eight partial sums in a fixed order, which a compiler can keep in vector registers.
Trial try_line(const float* x, Line line, float top) {
    const float inverse_step = inverse(line.step);
    float error[8] = {}, codes[8] = {}, squares[8] = {}, products[8] = {};
    for (int i = 0; i < kLength; i += 8) {
        for (int l = 0; l < 8; ++l) {
            const float code = nearest_code((x[i + l] - line.offset) * inverse_step, 0.0f, top);
            const float rest = x[i + l] - (line.step * code + line.offset);
            error[l] += rest * rest;
            codes[l] += code;
            squares[l] += code * code;
            products[l] += code * x[i + l];
        }
    }
    const auto fold = [](const float* s) { return ((s[0] + s[4]) + (s[2] + s[6])) + ((s[1] + s[5]) + (s[3] + s[7])); };
    return {fold(error), fold(codes), fold(squares), fold(products)};
}

// The line of least squares through (code, value). An offset of the wrong sign is not expressible: then one through 0.
Line regression(const Trial& t, float sum, float sign, Line current) {
    const float n = kLength;
    const float determinant = n * t.codes_squared - t.codes * t.codes;
    if (!(determinant > 0)) return current;
    const float step = (n * t.codes_values - t.codes * sum) / determinant;
    const float offset = (sum - step * t.codes) / n;
    if (sign * offset > 0) return {std::max(t.codes_values / t.codes_squared, 0.0f), 0.0f};
    return {std::max(step, 0.0f), offset};
}

// sign 1: offsets of at most 0; sign -1: of at least 0.
Line ideal_line(const float* x, float sum, float top, float sign) {
    const auto [low, high] = std::minmax_element(x, x + kLength);
    const float offset = sign > 0 ? std::min(*low, 0.0f) : std::max(*low, 0.0f);
    const float range = *high - offset;
    Line best{0.0f, offset};
    if (!(range > 0)) return best;
    float best_error = -1;
    for (int widening = -2; widening <= 3; ++widening) {
        Line line{range / (top + 0.5f * static_cast<float>(widening)), offset};
        for (int round = 0; round < 3; ++round) {
            const Trial trial = try_line(x, line, top);
            if (best_error < 0 || trial.error < best_error) {
                best = line;
                best_error = trial.error;
            }
            line = regression(trial, sum, sign, line);
        }
    }
    return best;
}

struct Choice {
    KAffine block;
    float error;
};

class Search {
public:
    Search(const float* values, int top, float sign) : values_(values), top_(static_cast<float>(top)), sign_(sign) {
        for (int j = 0; j < kSubs; ++j) {
            const float* x = values + kLength * j;
            float sum = 0;
            for (int l = 0; l < kLength; ++l) sum += x[l];
            sums_[j] = sum;
            ideal_[j] = ideal_line(x, sum, top_, sign);
        }
    }

    Choice run() {
        float step = 0, offset = 0;
        for (const Line& line : ideal_) {
            step = std::max(step, line.step);
            offset = std::max(offset, std::fabs(line.offset));
        }
        const Choice best = choose(nearest_scale(step / 63, step), with_sign(nearest_scale(offset / 63, offset)));
        const auto [d, dmin] = refit(best.block);
        const Choice next = choose(d, dmin);
        return next.error < best.error ? next : best;
    }

private:
    static f16 nearest_scale(float scale, float largest) {
        const f16 half = finite_half(scale);
        return coarse_half(half) && largest > 63.5f * f16_to_f32(half) ? static_cast<f16>(half + 1) : half;
    }
    f16 with_sign(f16 half) const { return sign_ < 0 ? static_cast<f16>(half | 0x8000u) : half; }

    Choice choose(f16 d_half, f16 dmin_half) const {
        Choice choice{{d_half, dmin_half, {}, {}, {}}, 0.0f};
        const float d = f16_to_f32(d_half);
        const float dmin = f16_to_f32(dmin_half);
        const float inverse_d = inverse(d);
        const float inverse_dmin = inverse(dmin);
        for (int j = 0; j < kSubs; ++j) {
            const float* x = values_ + kLength * j;
            const float scale0 = nearest_code(ideal_[j].step * inverse_d, 0.0f, 63.0f);
            Line best{};
            float best_error = -1;
            for (float scale = std::max(scale0 - 2, 0.0f); scale <= std::min(scale0 + 2, 63.0f); ++scale) {
                // The best offset for this step: the mean of what the codes leave.
                const float step = d * scale;
                const Trial first = try_line(x, {step, ideal_[j].offset}, top_);
                const float offset = (sums_[j] - step * first.codes) / kLength;
                const float min = nearest_code(-offset * inverse_dmin, 0.0f, 63.0f);
                const Line line{step, -(dmin * min)};
                const Trial trial = try_line(x, line, top_);
                if (best_error < 0 || trial.error < best_error) {
                    best = line;
                    best_error = trial.error;
                    choice.block.scales[j] = static_cast<std::uint8_t>(scale);
                    choice.block.mins[j] = static_cast<std::uint8_t>(min);
                }
            }
            choice.error += best_error;
            const float inverse_step = inverse(best.step);
            for (int l = 0; l < kLength; ++l) {
                const float code = nearest_code((x[l] - best.offset) * inverse_step, 0.0f, top_);
                choice.block.codes[kLength * j + l] = static_cast<std::uint8_t>(code);
            }
        }
        return choice;
    }

    struct Scales {
        f16 d, dmin;
    };
    // d and dmin of least squares for given 6-bit numbers and codes: value = d * (scale * code) - dmin * min.
    Scales refit(const KAffine& block) const {
        float aa = 0, ab = 0, bb = 0, ax = 0, bx = 0;
        for (int j = 0; j < kSubs; ++j) {
            const float scale = block.scales[j];
            const float b = block.mins[j];
            for (int l = 0; l < kLength; ++l) {
                const float a = scale * static_cast<float>(block.codes[kLength * j + l]);
                const float x = values_[kLength * j + l];
                aa += a * a;
                ab += a * b;
                bb += b * b;
                ax += a * x;
                bx += b * x;
            }
        }
        const float determinant = aa * bb - ab * ab;
        if (!(determinant > 1e-6f * aa * bb)) {
            return {aa > 0 ? finite_half(std::max(ax / aa, 0.0f)) : block.d, block.dmin};
        }
        const float d = (ax * bb - bx * ab) / determinant;
        const float dmin = (ax * ab - bx * aa) / determinant;
        return {finite_half(std::max(d, 0.0f)), finite_half(dmin)};
    }

    const float* values_;
    float top_, sign_;
    float sums_[kSubs];
    Line ideal_[kSubs];
};

}  // namespace

KAffine fit_k_affine(const float* values, int top) {
    float x[kSubs * kLength];
    bool positive_sub = false;
    for (int i = 0; i < kSubs * kLength; ++i) x[i] = clip_to_halves(values[i]);
    for (int j = 0; j < kSubs; ++j) {
        positive_sub = positive_sub || *std::min_element(x + kLength * j, x + kLength * (j + 1)) > 0;
    }
    const Choice usual = Search(x, top, 1.0f).run();
    if (!positive_sub) return usual.block;
    // Values that keep away from zero on the positive side want offsets that are added: dmin < 0.
    const Choice added = Search(x, top, -1.0f).run();
    return added.error < usual.error ? added.block : usual.block;
}

void pack_k_scales(const KAffine& block, std::uint8_t* packed) {
    for (int j = 0; j < 4; ++j) {
        const unsigned scale = block.scales[j + 4];
        const unsigned min = block.mins[j + 4];
        packed[j] = static_cast<std::uint8_t>(block.scales[j] | (scale >> 4) << 6);
        packed[j + 4] = static_cast<std::uint8_t>(block.mins[j] | (min >> 4) << 6);
        packed[j + 8] = static_cast<std::uint8_t>((scale & 15) | (min & 15) << 4);
    }
}

}  // namespace hearth::codecs
