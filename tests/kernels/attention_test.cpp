// Attention over spans and their merge: scalar against a plain softmax in double, every instruction set against
// scalar to the bit, and what lies outside of [first, last) without influence.
#include <algorithm>
#include <tuple>
#include <type_traits>
#include <utility>

#include "kernels/values.hpp"

namespace hearth::test {
namespace {

struct Shape {
    std::size_t heads, key_dim, value_dim, first, last;
    float softcap;
    bool shared = false;  // values are channels of keys
    float slope = 0;  // of the first head; each has half of the one before
    std::ptrdiff_t position = 0;

    std::vector<float> slopes() const {
        std::vector<float> all(slope != 0 ? heads : 0, slope);
        for (std::size_t h = 1; h < all.size(); ++h) all[h] = all[h - 1] / 2;
        return all;
    }
};

// The cache's types by their elements: float, binary16, and int8 codes with a scale for each row.
template <class T>
constexpr bool kCoded = std::is_same_v<T, std::int8_t>;

template <class T>
T stored(float x) {
    if constexpr (std::is_same_v<T, float>)
        return x;
    else
        return f32_to_f16(x);
}
double value_of(float x) { return static_cast<double>(x); }
double value_of(std::uint16_t x) { return static_cast<double>(f16_to_f32(x)); }

// One span's keys and values; what no key of [first, last) owns is garbage: 0, or NaN and codes that are not 0.
template <class T>
struct Span {
    std::vector<T> keys, values;
    std::vector<float> key_scales, value_scales;
    Shape s;

    Span(Source& source, const Shape& shape, Values kind, bool nan)
        : keys(kSpan * (kCoded<T> ? 4 * key_units(shape.key_dim) : shape.key_dim)),
          values(shape.shared ? 0 : kSpan * shape.value_dim),
          key_scales(kCoded<T> ? kSpan : 0),
          value_scales(shape.shared ? 0 : key_scales.size()),
          s(shape) {
        for (std::size_t j = 0; j < kSpan; ++j) {
            forget(j, nan);
            if (j >= s.first && j < s.last) store(j, source.many(s.key_dim, kind), source.many(s.value_dim, kind));
        }
    }
    std::size_t key_at(std::size_t j, std::size_t c) const {
        if constexpr (kCoded<T>) return (j / 16 * key_units(s.key_dim) + c / 4) * 64 + j % 16 * 4 + c % 4;
        return (j / 16 * s.key_dim + c) * 16 + j % 16;
    }
    void store(std::size_t j, const std::vector<float>& key, const std::vector<float>& value) {
        if constexpr (kCoded<T>) {
            const KernelTable& t = kernel_table(Isa::scalar);
            const auto bytes = [](std::int8_t* p) { return reinterpret_cast<std::uint8_t*>(p); };
            key_scales[j] = t.quantize_q8_row(key.data(), s.key_dim, 128, 64, bytes(&keys[key_at(j, 0)]));
            if (s.shared) return;
            value_scales[j] = t.quantize_q8_row(value.data(), s.value_dim, 0, 4, bytes(&values[j * s.value_dim]));
        } else {
            for (std::size_t c = 0; c < s.key_dim; ++c) keys[key_at(j, c)] = stored<T>(key[c]);
            for (std::size_t c = 0; c < s.value_dim && !s.shared; ++c)
                values[j * s.value_dim + c] = stored<T>(value[c]);
        }
    }
    void forget(std::size_t j, bool nan) {
        T fill{};
        if constexpr (kCoded<T>) {
            key_scales[j] = nan ? kNan : 0.0f;
            if (!s.shared) value_scales[j] = key_scales[j];
            fill = nan ? std::int8_t{-77} : std::int8_t{0};
        } else if (nan) {
            fill = stored<T>(kNan);
        }
        for (std::size_t c = 0; c < s.key_dim; ++c) keys[key_at(j, c)] = fill;
        for (std::size_t c = 0; c < s.value_dim && !s.shared; ++c) values[j * s.value_dim + c] = fill;
    }
    double key(std::size_t j, std::size_t c) const {
        const T x = keys[key_at(j, c)];
        if constexpr (kCoded<T>)
            return value_of(key_scales[j]) * (static_cast<std::uint8_t>(x) - 128);
        else
            return value_of(x);
    }
    double value(std::size_t j, std::size_t c) const {
        if (s.shared) return key(j, c);
        const T x = values[j * s.value_dim + c];
        if constexpr (kCoded<T>)
            return value_of(value_scales[j]) * x;
        else
            return value_of(x);
    }
};

// A query as scores see it.
template <class T>
std::vector<double> seen(const float* q, std::size_t n) {
    std::vector<double> x(q, q + n);
    if (kCoded<T>) {
        std::vector<std::int8_t> codes(n);
        const float scale =
            kernel_table(Isa::scalar).quantize_q8_row(q, n, 0, 4, reinterpret_cast<std::uint8_t*>(codes.data()));
        for (std::size_t c = 0; c < n; ++c) x[c] = value_of(scale) * codes[c];
    }
    return x;
}

struct Result {
    std::vector<float> out, max, sum;
};

// Aligned to 64 bytes as kernels want it; its guards are whole lines.
class Scratch {
public:
    explicit Scratch(std::size_t key_dim) : n_(attention_span_scratch(key_dim)), memory_(n_ + 48, 7.0f) {
        while (reinterpret_cast<std::uintptr_t>(memory_.data() + begin_) % 64) ++begin_;
    }
    float* data() { return memory_.data() + begin_; }
    bool intact() const {
        bool good = true;
        for (std::size_t i = 0; i < memory_.size(); ++i)
            good = good && ((i >= begin_ && i < begin_ + n_) || memory_[i] == 7.0f);
        return good;
    }

private:
    std::size_t n_, begin_ = 16;
    std::vector<float> memory_;
};

template <class T>
AttentionSpanFn span_of(const KernelTable& t) {
    return std::is_same_v<T, float> ? t.attention_span_f32 : kCoded<T> ? t.attention_span_q8_0 : t.attention_span_f16;
}

template <class T>
Result run(const KernelTable& t, const Shape& s, Span<T>& span, const std::vector<float>& q, std::size_t q_stride,
           float scale) {
    const std::size_t out_stride = s.value_dim + 3;
    Guarded<T> keys(span.keys), values(span.values);
    Guarded<float> key_scales(span.key_scales), value_scales(span.value_scales);
    Guarded<float> q_in(q), out(s.heads * out_stride), max(s.heads), sum(s.heads);
    Scratch scratch(s.key_dim);
    const AttentionQueries queries{q_in.data(), out.data(), max.data(), sum.data(), s.first, s.last, s.position};
    const std::vector<float> slopes = s.slopes();
    const std::vector<float> before = out.values();
    span_of<T>(t)({&queries, 1, s.heads, q_stride, out_stride, keys.data(), s.shared ? nullptr : values.data(),
                   key_scales.data(), value_scales.data(), s.key_dim, s.value_dim, scale, s.softcap, scratch.data(),
                   slopes.empty() ? nullptr : slopes.data()});
    CHECK((keys.intact() && values.intact() && key_scales.intact() && value_scales.intact()));
    CHECK((q_in.intact() && out.intact() && max.intact() && sum.intact()));
    bool guards = scratch.intact();
    Result r{{}, max.values(), sum.values()};
    for (std::size_t h = 0; h < s.heads; ++h)
        for (std::size_t c = 0; c < out_stride; ++c) {
            const float y = out.data()[h * out_stride + c];
            if (c < s.value_dim)
                r.out.push_back(y);
            else
                guards = guards && same(y, before[h * out_stride + c]);
        }
    CHECK(guards);
    return r;
}

void check_same(const Result& got, const Result& want) {
    test::check_same(got.max, want.max);
    test::check_same(got.sum, want.sum);
    test::check_same(got.out, want.out);
}

constexpr Shape kShapes[] = {
    {1, 1, 1, 0, 1, 0},
    {1, 128, 128, 0, 256, 0},
    {2, 64, 64, 0, 256, 0},
    {3, 80, 80, 0, 200, 0},
    {4, 128, 128, 0, 256, 0},
    {4, 128, 128, 37, 101, 0},
    {5, 96, 96, 255, 256, 0},
    {6, 33, 17, 15, 17, 0},
    {7, 64, 64, 16, 32, 0},
    {8, 128, 128, 240, 255, 0},
    {9, 7, 5, 1, 255, 0},
    {4, 256, 256, 0, 256, 50},
    {1, 192, 128, 3, 250, 0},
    {16, 72, 48, 100, 164, 30},
    {1, 64, 40, 0, 64, 1},
    {2, 576, 512, 0, 33, 0},
    {12, 64, 1, 17, 18, 0},
    {1, 16, 16, 0, 255, 0},
    {3, 1, 31, 0, 256, 5},
    {5, 48, 144, 64, 192, 0},
    {1, 1, 1, 0, 1, 0, true},
    {16, 576, 512, 0, 256, 0, true},
    {20, 40, 32, 3, 200, 0, true},
    {4, 33, 17, 15, 17, 0, true},
    {37, 20, 20, 100, 255, 9, true},
    {7, 19, 6, 0, 256, 0, true},
    {4, 64, 64, 0, 256, 0, false, 0.5F, 100},
    {3, 40, 24, 37, 201, 0, false, 0.05F, -90},
    {13, 32, 32, 5, 250, 0, false, 0.06F, 280},
    {20, 40, 32, 3, 200, 0, true, 0.06F, 150},
};

template <class T>
void check_isas() {
    for_each_isa([](const KernelTable& table, const KernelTable& scalar) {
        std::size_t number = 0;
        for (const Shape& s : kShapes)
            for (Values kind : kAllValues) {
                CAPTURE(number);
                CAPTURE(static_cast<int>(kind));
                Source source(static_cast<std::uint32_t>(++number));
                if (kThin && number % 3 != 0) continue;
                const std::size_t q_stride = s.key_dim + number % 3;
                std::vector<float> q = source.many(s.heads * q_stride, kind);
                Span<T> clean(source, s, kind, false);
                const float scale = number % 4 ? 0.125f : -1.5f;
                const Result want = run(scalar, s, clean, q, q_stride, scale);
                check_same(run(table, s, clean, q, q_stride, scale), want);
            }
    });
}

template <class T>
void check_garbage() {
    const auto check = [&](const KernelTable& table) {
        for (const Shape& s : kShapes) {
            Source a(3), b(3);
            const std::vector<float> q = a.many(s.heads * s.key_dim);
            b.many(s.heads * s.key_dim);
            Span<T> zeros(a, s, Values::normal, false), nans(b, s, Values::normal, true);
            const Result got = run(table, s, nans, q, s.key_dim, 0.5f);
            check_same(got, run(table, s, zeros, q, s.key_dim, 0.5f));
            for (float x : got.sum) CHECK(x >= 1.0f);
        }
    };
    check(kernel_table(Isa::scalar));
    for_each_isa([&](const KernelTable& table, const KernelTable&) { check(table); });
}

template <class T>
void check_softmax() {
    for (const Shape& s : kShapes) {
        Source source(11);
        const std::vector<float> q = source.many(s.heads * s.key_dim);
        Span<T> span(source, s, Values::normal, false);
        const float scale = 1.0f / std::sqrt(static_cast<float>(s.key_dim));
        const Result got = run(kernel_table(Isa::scalar), s, span, q, s.key_dim, scale);
        double worst = 0;
        for (std::size_t h = 0; h < s.heads; ++h) {
            const std::vector<double> query = seen<T>(q.data() + h * s.key_dim, s.key_dim);
            std::vector<double> score;
            double max = -1e300, sum = 0;
            for (std::size_t j = s.first; j < s.last; ++j) {
                double dot = 0;
                for (std::size_t c = 0; c < s.key_dim; ++c) dot += query[c] * span.key(j, c);
                dot *= value_of(scale);
                if (s.softcap > 0) dot = value_of(s.softcap) * std::tanh(dot / value_of(s.softcap));
                if (s.slope != 0) dot -= value_of(s.slopes()[h]) * std::fabs(static_cast<double>(j) - static_cast<double>(s.position));
                score.push_back(dot);
                max = std::max(max, dot);
            }
            for (double& x : score) sum += x = std::exp(x - max);
            worst = std::max(worst, std::fabs(value_of(got.sum[h]) - sum) / sum);
            for (std::size_t c = 0; c < s.value_dim; ++c) {
                double y = 0;
                for (std::size_t j = s.first; j < s.last; ++j) y += score[j - s.first] / sum * span.value(j, c);
                worst = std::max(worst, std::fabs(value_of(got.out[h * s.value_dim + c] / got.sum[h]) - y));
            }
        }
        CAPTURE(s.key_dim);
        CAPTURE(s.value_dim);
        CHECK(worst < 4e-6);
    }
}

// Tokens of one call, each with keys of its own: equal to as many calls, by scalar code, with a token each; and what a
// token does not see is NaN to it, though others of the call see it.
template <class T>
void check_tokens() {
    Source shapes(31);
    for (std::size_t round = 0; round < (kThin ? 20 : 60); ++round) {
        CAPTURE(round);
        const std::size_t count = 1 + shapes.below(12), heads = 1 + shapes.below(17);
        const std::size_t begin = shapes.below(200), end = begin + 1 + shapes.below(kSpan - begin);
        Shape all{heads, 1 + shapes.below(130), 1 + shapes.below(130), begin, end, round % 5 == 0 ? 9.0f : 0.0f};
        all.shared = round % 2 == 1;
        if (all.shared) all.value_dim = std::min(all.value_dim, all.key_dim);
        if (round % 4 == 1 || round % 8 == 2) all.slope = 0.3F;
        const std::vector<float> slopes = all.slopes();
        const auto position = [](std::size_t t) { return 40 * static_cast<std::ptrdiff_t>(t) - 90; };
        Source source(static_cast<std::uint32_t>(round));
        Span<T> span(source, all, kAllValues[round % 5], true);
        const std::vector<float> q = source.many(count * heads * all.key_dim);
        // As in a prompt, as with a window, and any.
        std::vector<std::pair<std::size_t, std::size_t>> ranges;
        for (std::size_t t = 0; t < count; ++t) {
            std::size_t first = begin, last = end - std::min(end - begin - 1, count - 1 - t);
            if (round % 3 == 1) first = std::min(begin + t, last - 1);
            if (round % 3 == 2) {
                first = begin + shapes.below(end - begin);
                last = first + 1 + shapes.below(end - first);
            }
            ranges.emplace_back(first, last);
        }
        const auto own = [&](std::size_t t) {
            const auto from = q.begin() + static_cast<std::ptrdiff_t>(t * heads * all.key_dim);
            return std::vector<float>(from, from + static_cast<std::ptrdiff_t>(heads * all.key_dim));
        };
        std::vector<Result> want;
        for (std::size_t t = 0; t < count; ++t) {
            Shape one = all;
            std::tie(one.first, one.last) = ranges[t];
            one.position = position(t);
            Span<T> own_keys = span;
            for (std::size_t j = 0; j < kSpan; ++j)
                if (j < one.first || j >= one.last) own_keys.forget(j, true);
            want.push_back(run(kernel_table(Isa::scalar), one, own_keys, own(t), all.key_dim, 0.3f));
        }
        const auto check = [&](const KernelTable& table) {
            Scratch scratch(all.key_dim);
            std::vector<Guarded<float>> out, max, sum, queries;
            for (std::size_t t = 0; t < count; ++t) {
                out.emplace_back(heads * all.value_dim);
                max.emplace_back(heads);
                sum.emplace_back(heads);
                queries.emplace_back(own(t));
            }
            std::vector<AttentionQueries> tokens;
            for (std::size_t t = 0; t < count; ++t)
                tokens.push_back({queries[t].data(), out[t].data(), max[t].data(), sum[t].data(), ranges[t].first,
                                  ranges[t].second, position(t)});
            span_of<T>(table)({tokens.data(), count, heads, all.key_dim, all.value_dim, span.keys.data(),
                               all.shared ? nullptr : span.values.data(), span.key_scales.data(),
                               span.value_scales.data(), all.key_dim, all.value_dim, 0.3f, all.softcap,
                               scratch.data(), slopes.empty() ? nullptr : slopes.data()});
            CHECK(scratch.intact());
            for (std::size_t t = 0; t < count; ++t) {
                CAPTURE(t);
                CHECK((out[t].intact() && max[t].intact() && sum[t].intact()));
                check_same({out[t].values(), max[t].values(), sum[t].values()}, want[t]);
            }
        };
        check(kernel_table(Isa::scalar));
        for_each_isa([&](const KernelTable& table, const KernelTable&) { check(table); });
    }
}

struct Parts {
    std::vector<float> out, max, sum;
};
Parts random_parts(Source& source, std::size_t spans, std::size_t stride, Values kind) {
    Parts p{source.many(spans * stride, kind), source.many(spans * 2, kind), source.many(spans * 2, kind)};
    for (float& x : p.sum) x = std::fabs(x);
    for (float& x : p.max) x *= 4;
    return p;
}
std::vector<float> merge(const KernelTable& t, const Parts& p, std::size_t spans, std::size_t stride, std::size_t dim,
                         bool has_sink, float sink) {
    Guarded<float> out(p.out), max(p.max), sum(p.sum), y(dim);
    t.attention_merge({out.data(), stride, max.data(), sum.data(), 2, spans, dim, has_sink, sink, y.data()});
    CHECK((out.intact() && max.intact() && sum.intact() && y.intact()));
    return y.values();
}

}  // namespace

TEST_CASE("attention_span_f32: equals scalar") { check_isas<float>(); }
TEST_CASE("attention_span_f16: equals scalar") { check_isas<std::uint16_t>(); }
TEST_CASE("attention_span_q8_0: equals scalar") { check_isas<std::int8_t>(); }
TEST_CASE("attention_span_f32: what lies outside of [first, last) has no influence") { check_garbage<float>(); }
TEST_CASE("attention_span_f16: what lies outside of [first, last) has no influence") { check_garbage<std::uint16_t>(); }
TEST_CASE("attention_span_q8_0: what lies outside of [first, last) has no influence") { check_garbage<std::int8_t>(); }
TEST_CASE("attention_span_f32: is a softmax") { check_softmax<float>(); }
TEST_CASE("attention_span_f16: is a softmax") { check_softmax<std::uint16_t>(); }
TEST_CASE("attention_span_q8_0: is a softmax") { check_softmax<std::int8_t>(); }

TEST_CASE("attention_span_f32: tokens of a call do not know of each other") { check_tokens<float>(); }
TEST_CASE("attention_span_f16: tokens of a call do not know of each other") { check_tokens<std::uint16_t>(); }
TEST_CASE("attention_span_q8_0: tokens of a call do not know of each other") { check_tokens<std::int8_t>(); }

TEST_CASE("attention_span: heads do not know of each other") {
    const Shape all{7, 40, 24, 5, 90, 0};
    Source source(4);
    const std::vector<float> q = source.many(all.heads * all.key_dim);
    Span<float> span(source, all, Values::normal, false);
    for_each_isa([&](const KernelTable& table, const KernelTable&) {
        const Result together = run(table, all, span, q, all.key_dim, 0.2f);
        for (std::size_t h = 0; h < all.heads; ++h) {
            Shape one = all;
            one.heads = 1;
            const std::vector<float> own(q.begin() + static_cast<std::ptrdiff_t>(h * all.key_dim),
                                         q.begin() + static_cast<std::ptrdiff_t>((h + 1) * all.key_dim));
            const Result alone = run(table, one, span, own, all.key_dim, 0.2f);
            const auto from = together.out.begin() + static_cast<std::ptrdiff_t>(h * all.value_dim);
            test::check_same(alone.out, {from, from + static_cast<std::ptrdiff_t>(all.value_dim)});
            CHECK(same(alone.sum[0], together.sum[h]));
        }
    });
}

TEST_CASE("attention_merge: equals scalar") {
    for_each_isa([](const KernelTable& table, const KernelTable& scalar) {
        for (std::size_t spans : {1, 2, 3, 7, 8, 9, 10, 16, 17, 18, 40})
            for (std::size_t dim : {1, 5, 16, 31, 64, 80, 128, 257})
                for (Values kind : kAllValues)
                    for (bool has_sink : {false, true}) {
                        CAPTURE(spans);
                        CAPTURE(dim);
                        CAPTURE(static_cast<int>(kind));
                        Source source(static_cast<std::uint32_t>(spans * 1000 + dim));
                        const Parts p = random_parts(source, spans, dim + 2, kind);
                        const float sink = source.normal() * 3;
                        check_same(merge(table, p, spans, dim + 2, dim, has_sink, sink),
                                   merge(scalar, p, spans, dim + 2, dim, has_sink, sink));
                    }
    });
}

TEST_CASE("attention_merge: spans together are one softmax over all keys, the sink among them") {
    // Each span has one key: score max, weight 1, value out. So the merge is the whole softmax.
    for (bool has_sink : {false, true})
        for (std::size_t spans : {1, 2, 9, 33}) {
            Source source(21);
            Parts p = random_parts(source, spans, 20, Values::normal);
            for (float& x : p.sum) x = 1.0f;
            const float sink = 2.5f;
            const std::vector<float> y = merge(kernel_table(Isa::scalar), p, spans, 20, 20, has_sink, sink);
            double max = has_sink ? value_of(sink) : -1e300, sum = 0;
            for (std::size_t s = 0; s < spans; ++s) max = std::max(max, value_of(p.max[2 * s]));
            for (std::size_t s = 0; s < spans; ++s) sum += std::exp(value_of(p.max[2 * s]) - max);
            if (has_sink) sum += std::exp(value_of(sink) - max);
            for (std::size_t c = 0; c < 20; ++c) {
                double want = 0;
                for (std::size_t s = 0; s < spans; ++s)
                    want += std::exp(value_of(p.max[2 * s]) - max) / sum * value_of(p.out[s * 20 + c]);
                CHECK(std::fabs(value_of(y[c]) - want) < 2e-6);
            }
        }
}

}  // namespace hearth::test
