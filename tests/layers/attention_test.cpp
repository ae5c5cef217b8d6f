// Attention over a paged cache against a plain softmax in double: borders of spans, windows, sinks, batches; and both
// ways of splitting the work to the same bytes.
#include "hearth/layers/attention.hpp"

#include <algorithm>

#include "hearth/base/half.hpp"
#include "kernels/values.hpp"
#include "layers/support.hpp"

namespace hearth::test {
namespace {

// key: [heads * key_dim], value: [heads * value_dim].
void store_token(const KvView& view, std::size_t layer, std::size_t position, const float* key, const float* value) {
    const KvShape& shape = view.layout->layers[layer].shape;
    for (std::size_t h = 0; h < shape.heads; ++h) {
        kv_store_key(view, layer, h, position, key + h * shape.key_dim, kernel_table(best_isa()));
        if (shape.values_in_keys) continue;
        kv_store_value(view, layer, h, position, value + h * shape.value_dim, kernel_table(best_isa()));
    }
}

// Rows of dim values as the cache rounds them.
void round_rows(KvType type, std::size_t dim, std::vector<float>& rows) {
    if (type == KvType::f16)
        for (float& x : rows) x = f16_to_f32(f32_to_f16(x));
    std::vector<std::int8_t> codes(dim);
    for (std::size_t i = 0; type == KvType::q8_0 && i < rows.size(); i += dim) {
        const float scale = kernel_table(Isa::scalar)
                                .quantize_q8_row(&rows[i], dim, 0, 4, reinterpret_cast<std::uint8_t*>(codes.data()));
        for (std::size_t c = 0; c < dim; ++c) rows[i + c] = scale * static_cast<float>(codes[c]);
    }
}

constexpr KvType kTypes[] = {KvType::f16, KvType::f32, KvType::q8_0};

// A sequence with `length` random keys and values in its pages.
struct Cached {
    KvLayout layout;
    std::vector<std::vector<float>> keys, values;  // [length] of [heads * dim], as the cache rounds them
    std::vector<Buffer> pages;
    std::vector<std::byte*> pointers;
    KvView view;
    std::shared_ptr<Memory> memory = std::make_shared<Memory>();

    Cached(Draws& draws, KvType type, const KvShape& shape, std::size_t length, std::size_t layer = 1) {
        const KvShape other{3, 8, 24};
        const KvShape shapes[] = {other, shape, other};
        layout = KvLayout::make(type, shapes);
        for (std::size_t p = 0; p < (length + kSpan - 1) / kSpan; ++p) {
            auto b = Buffer::make(memory, layout.page_bytes, "page");
            REQUIRE(b.ok());
            // What was never stored must not be looked at.
            std::memset(b->data(), 0xff, b->size());
            pages.push_back(*std::move(b));
        }
        for (Buffer& b : pages) pointers.push_back(b.data());
        view = {&layout, pointers.data()};
        for (std::size_t i = 0; i < length; ++i) {
            keys.push_back(draws.many(shape.heads * shape.key_dim));
            values.push_back(draws.many(shape.heads * shape.value_dim));
            store_token(view, layer, i, keys.back().data(), values.back().data());
            round_rows(type, shape.key_dim, keys.back());
            round_rows(type, shape.value_dim, values.back());
            if (!shape.values_in_keys) continue;
            for (std::size_t h = 0; h < shape.heads; ++h)
                std::copy_n(&keys.back()[h * shape.key_dim], shape.value_dim, &values.back()[h * shape.value_dim]);
        }
    }
};

struct Setup {
    KvShape shape{2, 16, 24};
    std::uint32_t heads = 6;
    float scale = 0.3F;
    float softcap = 0;
    std::size_t window = 0, chunk = 0;
    std::vector<float> sinks;
    bool both_ways = false;
    std::vector<float> slopes = {};
    AttentionSpec spec() const {
        AttentionSpec out{heads, scale, softcap, window, sinks.empty() ? nullptr : sinks.data(), chunk};
        out.both_ways = both_ways;
        out.slopes = slopes.empty() ? nullptr : slopes.data();
        return out;
    }
};

struct Query {
    const Cached* sequence;
    std::size_t position;
    std::size_t first = 0, end = 0;  // of what it may see both ways
};

std::vector<double> plain(const Setup& s, const Query& query, const float* q) {
    std::vector<double> y(s.heads * s.shape.value_dim);
    const std::size_t group = s.heads / s.shape.heads;
    std::size_t first = s.window != 0 && query.position + 1 > s.window ? query.position + 1 - s.window : 0;
    while (s.chunk != 0 && first / s.chunk != query.position / s.chunk) ++first;
    std::size_t last = query.position;
    if (s.both_ways) {
        first = query.first;
        last = query.end - 1;
        while (s.window != 0 && query.position > first + s.window / 2) ++first;
        while (s.window != 0 && last > query.position + s.window / 2) --last;
    }
    std::vector<float> seen(q, q + s.heads * s.shape.key_dim);
    if (query.sequence->layout.type == KvType::q8_0) round_rows(KvType::q8_0, s.shape.key_dim, seen);
    for (std::size_t h = 0; h < s.heads; ++h) {
        const std::size_t kv = h / group;
        std::vector<double> scores;
        for (std::size_t j = first; j <= last; ++j) {
            double dot = 0;
            for (std::size_t c = 0; c < s.shape.key_dim; ++c)
                dot += static_cast<double>(seen[h * s.shape.key_dim + c]) *
                       static_cast<double>(query.sequence->keys[j][kv * s.shape.key_dim + c]);
            dot *= static_cast<double>(s.scale);
            if (s.softcap != 0) dot = static_cast<double>(s.softcap) * std::tanh(dot / static_cast<double>(s.softcap));
            if (!s.slopes.empty())
                dot -= static_cast<double>(s.slopes[h]) *
                       std::fabs(static_cast<double>(j) - static_cast<double>(query.position));
            scores.push_back(dot);
        }
        double sum = 0;
        if (!s.sinks.empty()) sum += std::exp(static_cast<double>(s.sinks[h]));
        for (double v : scores) sum += std::exp(v);
        for (std::size_t j = first; j <= last; ++j)
            for (std::size_t c = 0; c < s.shape.value_dim; ++c)
                y[h * s.shape.value_dim + c] +=
                    std::exp(scores[j - first]) / sum *
                    static_cast<double>(query.sequence->values[j][kv * s.shape.value_dim + c]);
    }
    return y;
}

std::vector<float> attend(const Setup& s, const std::vector<Query>& queries, const std::vector<float>& q,
                          std::size_t q_stride, std::size_t workers, Isa isa) {
    const std::size_t group = s.heads / s.shape.heads;
    Workers crew(workers, attention_scratch(s.shape.key_dim));
    std::size_t deepest = 0;
    std::vector<BatchToken> tokens;
    for (const Query& query : queries) {
        tokens.push_back({&query.sequence->view, query.position, query.first, query.end});
        deepest = std::max({deepest, query.position + 1, query.end});
    }
    // Exactly what was promised to be enough, and a guard behind it.
    std::vector<float> memory(attention_partials(workers, queries.size(), group, s.shape.value_dim, deepest) + 64, 5.0F);
    std::vector<float> y(queries.size() * s.heads * s.shape.value_dim + 8, 7.0F);
    const RunContext run = crew.run(kernel_table(isa));
    // What stands in y when a token is said to be complete.
    const std::size_t width = s.heads * s.shape.value_dim;
    std::vector<float> complete(queries.size() * width);
    std::vector<int> times(queries.size());
    auto then = [&](std::size_t first, std::size_t end, std::size_t worker) {
        for (std::size_t t = first; t < end; ++t) times[t] += worker < workers ? 1 : 100;
        std::copy(y.data() + first * width, y.data() + end * width, complete.data() + first * width);
    };
    attention(run, s.spec(), 1, tokens, q.data(), q_stride, y.data(), memory.data(), then);
    for (std::size_t i = 0; i < 64; ++i) CHECK(memory[memory.size() - 1 - i] == 5.0F);
    for (std::size_t i = 0; i < 8; ++i) CHECK(y[y.size() - 1 - i] == 7.0F);
    CHECK(times == std::vector<int>(queries.size(), 1));
    y.resize(y.size() - 8);
    check_same(complete, y);
    return y;
}

void check(const Setup& s, const std::vector<Query>& queries, Draws& draws) {
    const std::size_t width = s.heads * s.shape.key_dim, q_stride = width + 5, out = s.heads * s.shape.value_dim;
    const auto q = draws.many(queries.size() * q_stride);
    const auto reference = attend(s, queries, q, q_stride, 1, reference_isa());
    double worst = 0;
    for (std::size_t t = 0; t < queries.size(); ++t) {
        const auto want = plain(s, queries[t], q.data() + t * q_stride);
        for (std::size_t i = 0; i < out; ++i)
            worst = std::max(worst, std::fabs(static_cast<double>(reference[t * out + i]) - want[i]));
    }
    CHECK_MESSAGE(worst < 3e-6, worst);
    for (const Isa isa : available_isas())
        for (const std::size_t workers : {1U, 2U, 3U, 5U, 16U})
            check_same(attend(s, queries, q, q_stride, workers, isa), reference);
    // Each alone, split over few and many workers: both walks are taken, and nothing shows.
    for (std::size_t t = 0; t < queries.size(); ++t) {
        const std::vector<float> own(q.begin() + static_cast<std::ptrdiff_t>(t * q_stride),
                                     q.begin() + static_cast<std::ptrdiff_t>((t + 1) * q_stride));
        const std::vector<float> part(reference.begin() + static_cast<std::ptrdiff_t>(t * out),
                                      reference.begin() + static_cast<std::ptrdiff_t>((t + 1) * out));
        for (const std::size_t workers : {1U, 4U})
            check_same(attend(s, {queries[t]}, own, q_stride, workers, best_isa()), part);
    }
}

}  // namespace

TEST_CASE("attention: equals a plain softmax at the borders of spans, in batches and alone, for all cache types") {
    for (const KvType type : kTypes) {
        Draws draws(1);
        Setup s;
        const Cached c(draws, type, s.shape, 770);
        std::vector<Query> queries;
        for (const std::size_t p : {0U, 1U, 15U, 16U, 17U, 254U, 255U, 256U, 257U, 511U, 512U, 513U, 768U, 769U})
            queries.push_back({&c, p});
        check(s, queries, draws);
    }
}

TEST_CASE("attention: a prompt in one batch sees each token's own past only, whatever the group and the window") {
    struct Case {
        std::uint32_t group;
        KvType type;
        std::size_t window;
    };
    for (const Case& each : {Case{1, KvType::f16, 0}, Case{3, KvType::q8_0, 5}, Case{4, KvType::f32, 0},
                             Case{7, KvType::q8_0, 0}, Case{12, KvType::f16, 20}, Case{16, KvType::q8_0, 260}}) {
        CAPTURE(each.group);
        Draws draws(2);
        Setup s;
        s.heads = s.shape.heads * each.group;
        s.window = each.window;
        const Cached c(draws, each.type, s.shape, 290);
        std::vector<Query> queries;
        for (std::size_t p = 240; p < 290; ++p) queries.push_back({&c, p});
        check(s, queries, draws);
    }
}

TEST_CASE("attention: windows cut keys off at the far end") {
    for (const KvType type : kTypes)
        for (const std::size_t window : {1U, 2U, 100U, 255U, 256U, 257U, 300U, 5000U}) {
            CAPTURE(static_cast<int>(type));
            CAPTURE(window);
            Draws draws(3);
            Setup s;
            s.window = window;
            const Cached c(draws, type, s.shape, 600);
            check(s, {{&c, 0}, {&c, 99}, {&c, 255}, {&c, 256}, {&c, 299}, {&c, 511}, {&c, 512}, {&c, 599}}, draws);
        }
}

TEST_CASE("attention: a query sees no chunk but its own") {
    for (const std::size_t chunk : {1U, 100U, 256U, 300U, 512U})
        for (const std::size_t window : {0U, 77U}) {
            CAPTURE(chunk);
            Draws draws(chunk);
            Setup s;
            s.window = window;
            s.chunk = chunk;
            const Cached c(draws, KvType::f16, s.shape, 600);
            std::vector<Query> queries;
            for (const std::size_t at : {0, 99, 100, 255, 256, 299, 300, 301, 511, 512, 599}) queries.push_back({&c, at});
            check(s, queries, draws);
        }
}

TEST_CASE("attention: sinks take their share of the softmax; soft caps bend scores") {
    for (const KvType type : kTypes) {
        CAPTURE(static_cast<int>(type));
        Draws draws(4);
        Setup s;
        s.shape = {3, 32, 8};
        s.heads = 12;
        s.sinks = draws.many(12, 3);
        const Cached c(draws, type, s.shape, 520);
        check(s, {{&c, 0}, {&c, 255}, {&c, 256}, {&c, 519}}, draws);
        s.softcap = 2;
        s.scale = 4;
        check(s, {{&c, 3}, {&c, 511}, {&c, 519}}, draws);
        s.sinks.clear();
        check(s, {{&c, 3}, {&c, 511}, {&c, 519}}, draws);
    }
}

TEST_CASE("attention: a query that sees both ways sees its whole sequence or half a window to either side") {
    Draws draws(21);
    Setup s;
    s.both_ways = true;
    for (const std::size_t window : {0, 8, 9, 300}) {
        for (const bool slopes : {false, true}) {
            CAPTURE(window);
            s.window = window;
            s.slopes = slopes ? std::vector<float>{0.5F, 0.25F, 0.125F, 0.0625F, 0.03F, 0.01F} : std::vector<float>{};
            const Cached long_one(draws, KvType::f32, s.shape, 600), page(draws, KvType::f32, s.shape, 100);
            std::vector<Query> queries;
            for (const std::size_t p : {0UL, 3UL, 255UL, 256UL, 400UL, 599UL}) queries.push_back({&long_one, p, 0, 600});
            // Two sequences in one page, which do not see each other.
            for (const std::size_t p : {0UL, 10UL, 40UL}) queries.push_back({&page, p, 0, 41});
            for (const std::size_t p : {48UL, 60UL, 99UL}) queries.push_back({&page, p, 48, 100});
            check(s, queries, draws);
        }
    }
}

TEST_CASE("attention: sequences of a batch do not see each other") {
    Draws draws(5);
    Setup s;
    s.shape = {1, 48, 40};
    s.heads = 5;
    const Cached a(draws, KvType::f16, s.shape, 700), b(draws, KvType::f16, s.shape, 3),
        c(draws, KvType::f16, s.shape, 257);
    check(s, {{&a, 699}, {&b, 0}, {&b, 1}, {&b, 2}, {&c, 256}, {&a, 10}, {&c, 255}}, draws);
}

TEST_CASE("attention: values may be channels of the keys, for one head of the cache and many of queries") {
    struct Case {
        KvShape shape;
        std::uint32_t heads;
        KvType type;
    };
    for (const Case& each : {Case{{1, 40, 32, 0, true}, 20, KvType::f32}, Case{{1, 36, 28, 0, true}, 128, KvType::f16},
                             Case{{1, 34, 30, 0, true}, 33, KvType::q8_0}, Case{{2, 24, 24, 0, true}, 2, KvType::f16}}) {
        CAPTURE(each.heads);
        Draws draws(8);
        Setup s;
        s.shape = each.shape;
        s.heads = each.heads;
        const Cached c(draws, each.type, s.shape, 600);
        std::vector<Query> queries;
        for (const std::size_t p : {0, 255, 256, 257, 300, 301, 302, 599}) queries.push_back({&c, p});
        check(s, queries, draws);
        s.window = 70;
        s.sinks = draws.many(s.heads, 3);
        check(s, {{&c, 3}, {&c, 4}, {&c, 300}, {&c, 599}}, draws);
    }
}

TEST_CASE("kv layout: a latent of 512 and 64 rotated channels takes 576 values of a token, no more") {
    const KvShape latent{1, 576, 512, 0, true};
    for (const auto& [type, bytes] :
         {std::pair(KvType::f16, 1152U), std::pair(KvType::f32, 2304U), std::pair(KvType::q8_0, 580U)})
        CHECK(KvLayout::make(type, std::span(&latent, 1)).page_bytes == kSpan * bytes);
    const KvShape keys_alone{1, 128, 0};
    CHECK(KvLayout::make(KvType::q8_0, std::span(&keys_alone, 1)).page_bytes == kSpan * 132);
}

TEST_CASE("attention: an empty batch asks for nothing") {
    Setup s;
    CHECK(attend(s, {}, {}, 0, 2, best_isa()).empty());
}

TEST_CASE("kv layout: heads and layers lie apart, aligned, within the page") {
    for (const KvType type : kTypes) {
        const std::vector<KvShape> shapes{{2, 64, 64}, {1, 3, 5}, {8, 128, 96}, {3, 1, 1}};
        const KvLayout layout = KvLayout::make(type, shapes);
        const auto bytes_of = [&](std::size_t dim, std::size_t unit) {
            const std::size_t coded = (dim + unit - 1) / unit * unit + sizeof(float);
            return kSpan * (type == KvType::q8_0 ? coded : dim * (type == KvType::f16 ? 2 : 4));
        };
        std::vector<std::pair<std::size_t, std::size_t>> ranges;
        for (std::size_t l = 0; l < shapes.size(); ++l)
            for (std::size_t h = 0; h < shapes[l].heads; ++h) {
                const std::size_t keys = layout.keys_offset(l, h), values = layout.values_offset(l, h);
                CHECK(keys % 64 == 0);
                CHECK(values % 64 == 0);
                ranges.emplace_back(keys, keys + bytes_of(shapes[l].key_dim, 4));
                ranges.emplace_back(values, values + bytes_of(shapes[l].value_dim, 1));
            }
        std::sort(ranges.begin(), ranges.end());
        std::size_t bytes = 0;
        for (std::size_t i = 0; i < ranges.size(); ++i) {
            if (i != 0) CHECK(ranges[i - 1].second <= ranges[i].first);
            bytes += ranges[i].second - ranges[i].first;
        }
        CHECK(ranges.back().second <= layout.page_bytes);
        CHECK(layout.page_bytes < bytes + 64 * ranges.size());
    }
}

TEST_CASE("kv layout: layers whose queries see the same keys share pages, apart from others'") {
    const Reach all, window{8, 0}, chunk{0, 8};
    const std::vector<KvShape> shapes{{1, 4, 4, 0, false, window}, {2, 4, 4, 0, false, all},   {0, 0, 0, 9, false, chunk},
                                      {1, 4, 4, 0, false, window}, {1, 4, 4, 0, false, chunk}, {1, 4, 4, 0, false, {9, 0}}};
    const KvLayout layout = KvLayout::make(KvType::f32, shapes);
    REQUIRE(layout.groups.size() == 4);
    const std::size_t of_group[] = {0, 1, 0, 0, 2, 3}, heads_of_group[] = {2, 2, 1, 1};
    for (std::size_t l = 0; l < shapes.size(); ++l) {
        if (shapes[l].heads == 0) continue;
        CHECK(layout.layers[l].group == of_group[l]);
        CHECK(layout.groups[of_group[l]].reach == shapes[l].reach);
    }
    CHECK(layout.keys_offset(0, 0) != layout.keys_offset(3, 0));
    for (std::size_t g = 0; g < 4; ++g) CHECK(layout.groups[g].page_bytes == heads_of_group[g] * kSpan * 8 * sizeof(float));
    CHECK(layout.page_bytes == 6 * kSpan * 8 * sizeof(float));
    std::byte pages[4][2];
    std::byte* pointers[] = {pages[0], pages[0] + 1, pages[1], pages[1] + 1, pages[2], pages[2] + 1, pages[3], pages[3] + 1};
    const KvView view{&layout, pointers, nullptr, 0, 2};
    CHECK(view.page(3, 1) == pages[0] + 1);
    CHECK(view.page(4, 0) == pages[2]);
    // Two readers of the same keys.
    CHECK((window | all) == all);
    CHECK((window | Reach{5, 0}) == window);
    CHECK((chunk | chunk) == chunk);
    CHECK((chunk | window) == all);
}

TEST_CASE("kv store: keys go 16 to a lane group, values in rows; neighbours stay as they are") {
    Draws draws(6);
    const KvShape shape{2, 5, 7};
    const KvLayout layout = KvLayout::make(KvType::f32, std::span(&shape, 1));
    std::vector<float> first(layout.page_bytes / 4, 9.0F), second = first;
    std::byte* pages[] = {reinterpret_cast<std::byte*>(first.data()), reinterpret_cast<std::byte*>(second.data())};
    const auto key = draws.many(10), value = draws.many(14);
    const std::size_t position = kSpan + 37;
    store_token({&layout, pages}, 0, position, key.data(), value.data());
    std::vector<float> want(first.size(), 9.0F);
    CHECK(first == want);
    for (std::size_t h = 0; h < 2; ++h) {
        for (std::size_t c = 0; c < 5; ++c)
            want[layout.keys_offset(0, h) / 4 + (37 / 16 * 5 + c) * 16 + 37 % 16] = key[h * 5 + c];
        for (std::size_t c = 0; c < 7; ++c) want[layout.values_offset(0, h) / 4 + 37 * 7 + c] = value[h * 7 + c];
    }
    CHECK(second == want);
}

TEST_CASE("kv store: int8 keys go in units of 4 channels to their lane, scales behind; neighbours stay as they are") {
    Draws draws(7);
    const KvShape shape{2, 6, 7};
    const KvLayout layout = KvLayout::make(KvType::q8_0, std::span(&shape, 1));
    std::vector<std::byte> page(layout.page_bytes, std::byte{9});
    std::byte* pages[] = {page.data()};
    const auto key = draws.many(12), value = draws.many(14);
    store_token({&layout, pages}, 0, 37, key.data(), value.data());
    std::vector<std::byte> want(page.size(), std::byte{9});
    const auto put = [&](std::size_t at, auto x) { std::memcpy(want.data() + at, &x, sizeof x); };
    for (std::size_t h = 0; h < 2; ++h) {
        const auto row = [&](const float* x, std::size_t n, auto place) {
            float amax = 0;
            for (std::size_t c = 0; c < n; ++c) amax = std::max(amax, std::fabs(x[c]));
            for (std::size_t c = 0; c < n; ++c) place(c, static_cast<int>(std::nearbyint(x[c] * (127.0F / amax))));
            return amax / 127.0F;
        };
        const std::size_t keys = layout.keys_offset(0, h), values = layout.values_offset(0, h);
        const float sk = row(&key[h * 6], 6, [&](std::size_t c, int q) {
            put(keys + ((37 / 16 * 2 + c / 4) * 16 + 37 % 16) * 4 + c % 4, static_cast<std::uint8_t>(q + 128));
        });
        const float sv =
            row(&value[h * 7], 7, [&](std::size_t c, int q) { put(values + 37 * 7 + c, static_cast<std::int8_t>(q)); });
        put(keys + kSpan * 8 + 37 * sizeof(float), sk);
        put(values + kSpan * 7 + 37 * sizeof(float), sv);
    }
    CHECK(page == want);
}

}  // namespace hearth::test
