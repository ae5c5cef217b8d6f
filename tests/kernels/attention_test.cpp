// Attention over spans and their merge: scalar against a plain softmax in double, every instruction set against
// scalar to the bit, and what lies outside of [first, last) without influence.
#include <type_traits>

#include "kernels/values.hpp"

namespace hearth::test {
namespace {

struct Shape {
    std::size_t heads, key_dim, value_dim, first, last;
    float softcap;
};

template <class T>
T stored(float x) {
    if constexpr (std::is_same_v<T, float>)
        return x;
    else
        return f32_to_f16(x);
}
double value_of(float x) { return static_cast<double>(x); }
double value_of(std::uint16_t x) { return static_cast<double>(f16_to_f32(x)); }

// One span's keys and values; what no key of [first, last) owns is filled with `garbage`.
template <class T>
struct Span {
    std::vector<T> keys, values;
    Span(Source& source, const Shape& s, Values kind, T garbage)
        : keys(kSpan * s.key_dim, garbage), values(kSpan * s.value_dim, garbage) {
        for (std::size_t j = s.first; j < s.last; ++j) {
            for (std::size_t c = 0; c < s.key_dim; ++c) key(s, j, c) = stored<T>(source.one(kind));
            for (std::size_t c = 0; c < s.value_dim; ++c) values[j * s.value_dim + c] = stored<T>(source.one(kind));
        }
    }
    T& key(const Shape& s, std::size_t j, std::size_t c) { return keys[(j / 16 * s.key_dim + c) * 16 + j % 16]; }
};

struct Result {
    std::vector<float> out, max, sum;
};

template <class T>
Result run(const KernelTable& t, const Shape& s, Span<T>& span, const std::vector<float>& q, std::size_t q_stride,
           float scale) {
    const std::size_t out_stride = s.value_dim + 3;
    Guarded<T> keys(span.keys), values(span.values);
    Guarded<float> q_in(q), out(s.heads * out_stride), max(s.heads), sum(s.heads);
    // Scratch must be aligned to 64 bytes; its guards are whole lines.
    std::vector<float> memory(s.heads * kSpan + 48, 7.0f);
    float* scratch = memory.data();
    while (reinterpret_cast<std::uintptr_t>(scratch) % 64) ++scratch;
    scratch += 16;
    const AttentionSpanArgs a{q_in.data(), q_stride,   s.heads,    keys.data(), values.data(), s.key_dim,
                              s.value_dim, s.first,    s.last,     scale,       s.softcap,     scratch,
                              out.data(),  out_stride, max.data(), sum.data()};
    const std::vector<float> before = out.values();
    (std::is_same_v<T, float> ? t.attention_span_f32 : t.attention_span_f16)(a);
    CHECK((keys.intact() && values.intact() && q_in.intact() && out.intact() && max.intact() && sum.intact()));
    bool guards = true;
    for (float* p = memory.data(); p < scratch; ++p) guards = guards && *p == 7.0f;
    for (float* p = scratch + s.heads * kSpan; p < memory.data() + memory.size(); ++p) guards = guards && *p == 7.0f;
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
    {1, 1, 1, 0, 1, 0},       {1, 128, 128, 0, 256, 0},   {2, 64, 64, 0, 256, 0},   {3, 80, 80, 0, 200, 0},
    {4, 128, 128, 0, 256, 0}, {4, 128, 128, 37, 101, 0},  {5, 96, 96, 255, 256, 0}, {6, 33, 17, 15, 17, 0},
    {7, 64, 64, 16, 32, 0},   {8, 128, 128, 240, 255, 0}, {9, 7, 5, 1, 255, 0},     {4, 256, 256, 0, 256, 50},
    {1, 192, 128, 3, 250, 0}, {16, 72, 48, 100, 164, 30}, {1, 64, 40, 0, 64, 1},    {2, 576, 512, 0, 33, 0},
    {12, 64, 1, 17, 18, 0},   {1, 16, 16, 0, 255, 0},     {3, 1, 31, 0, 256, 5},    {5, 48, 144, 64, 192, 0},
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
                const std::size_t q_stride = s.key_dim + number % 3;
                std::vector<float> q = source.many(s.heads * q_stride, kind);
                Span<T> clean(source, s, kind, T{0});
                const float scale = number % 4 ? 0.125f : -1.5f;
                const Result want = run(scalar, s, clean, q, q_stride, scale);
                check_same(run(table, s, clean, q, q_stride, scale), want);
            }
    });
}

template <class T>
void check_garbage() {
    const T nan = std::is_same_v<T, float> ? static_cast<T>(kNan) : static_cast<T>(0x7e00);
    const auto check = [&](const KernelTable& table) {
        for (const Shape& s : kShapes) {
            Source a(3), b(3);
            const std::vector<float> q = a.many(s.heads * s.key_dim);
            b.many(s.heads * s.key_dim);
            Span<T> zeros(a, s, Values::normal, T{0}), nans(b, s, Values::normal, nan);
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
        Span<T> span(source, s, Values::normal, T{0});
        const float scale = 1.0f / std::sqrt(static_cast<float>(s.key_dim));
        const Result got = run(kernel_table(Isa::scalar), s, span, q, s.key_dim, scale);
        double worst = 0;
        for (std::size_t h = 0; h < s.heads; ++h) {
            std::vector<double> score;
            double max = -1e300, sum = 0;
            for (std::size_t j = s.first; j < s.last; ++j) {
                double dot = 0;
                for (std::size_t c = 0; c < s.key_dim; ++c)
                    dot += value_of(q[h * s.key_dim + c]) * value_of(span.key(s, j, c));
                dot *= value_of(scale);
                if (s.softcap > 0) dot = value_of(s.softcap) * std::tanh(dot / value_of(s.softcap));
                score.push_back(dot);
                max = std::max(max, dot);
            }
            for (double& x : score) sum += x = std::exp(x - max);
            worst = std::max(worst, std::fabs(value_of(got.sum[h]) - sum) / sum);
            for (std::size_t c = 0; c < s.value_dim; ++c) {
                double y = 0;
                for (std::size_t j = s.first; j < s.last; ++j)
                    y += score[j - s.first] / sum * value_of(span.values[j * s.value_dim + c]);
                worst = std::max(worst, std::fabs(value_of(got.out[h * s.value_dim + c] / got.sum[h]) - y));
            }
        }
        CAPTURE(s.key_dim);
        CAPTURE(s.value_dim);
        CHECK(worst < 4e-6);
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
TEST_CASE("attention_span_f32: what lies outside of [first, last) has no influence") { check_garbage<float>(); }
TEST_CASE("attention_span_f16: what lies outside of [first, last) has no influence") { check_garbage<std::uint16_t>(); }
TEST_CASE("attention_span_f32: is a softmax") { check_softmax<float>(); }
TEST_CASE("attention_span_f16: is a softmax") { check_softmax<std::uint16_t>(); }

TEST_CASE("attention_span: heads do not know of each other") {
    const Shape all{7, 40, 24, 5, 90, 0};
    Source source(4);
    const std::vector<float> q = source.many(all.heads * all.key_dim);
    Span<float> span(source, all, Values::normal, 0.0f);
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
