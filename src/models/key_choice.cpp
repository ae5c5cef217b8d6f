#include "models/key_choice.hpp"

#include <algorithm>
#include <functional>
#include <limits>

#include "hearth/base/half.hpp"

namespace hearth {

namespace {

constexpr float kNone = -std::numeric_limits<float>::infinity();

}  // namespace

std::size_t KeyIndex::scratch(const IndexSpec& spec) {
    return (std::size_t{spec.heads} * kSpan + std::size_t{spec.dim} * kLanes) * sizeof(float);
}

void KeyIndex::score(const RunContext& run, const KvView& kv, std::size_t count, const float* queries,
                     const float* weights, std::size_t span, float* scores, std::byte* scratch) const {
    const KvLayout& layout = *kv.layout;
    const KvLayout::Layer& l = layout.layers[layer_];
    const std::byte* const keys = kv.page(layer_, span) + layout.keys_offset(layer_, 0);
    const std::size_t n = std::min(kSpan, count - span * kSpan), key_dim = l.shape.key_dim, dim = spec_.dim;
    auto* const dots = reinterpret_cast<float*>(scratch);  // [heads, kSpan]
    float* const decoded = dots + spec_.heads * kSpan;     // [dim][16]
    GemmArgs a{};
    a.k = dim;
    a.x = queries;
    a.x_stride = dim * sizeof(float);
    a.tokens = spec_.heads;
    a.y = dots;
    a.y_stride = kSpan;
    if (layout.type != KvType::q8_0) {  // 16 keys in lanes are a panel of 16 rows
        const std::size_t element = layout.type == KvType::f16 ? sizeof(f16) : sizeof(float);
        a.panels = keys + first_ * kLanes * element;
        a.panel_bytes = key_dim * kLanes * element;
        a.rows = n;
        (layout.type == KvType::f16 ? run.kernels.gemm_f16 : run.kernels.gemm_f32)(a);
    } else {
        const auto* const scales = reinterpret_cast<const float*>(keys + l.key_scales);
        for (std::size_t j = 0; j < n; j += kLanes) {
            const auto* const codes =
                reinterpret_cast<const std::uint8_t*>(keys) + j / kLanes * key_units(key_dim) * kLanes * 4;
            a.rows = std::min(kLanes, n - j);
            for (std::size_t c = 0; c < dim; ++c) {
                const std::size_t channel = first_ + c;
                for (std::size_t lane = 0; lane < kLanes; ++lane) {
                    const int code = codes[(channel / 4 * kLanes + lane) * 4 + channel % 4];
                    decoded[c * kLanes + lane] =
                        lane < a.rows ? scales[j + lane] * static_cast<float>(code - 128) : 0.0F;
                }
            }
            a.panels = decoded;
            a.panel_bytes = dim * kLanes * sizeof(float);
            a.y = dots + j;
            run.kernels.gemm_f32(a);
        }
    }
    float* const to = scores + span * kSpan;
    std::fill_n(to, n, 0.0F);
    for (std::size_t h = 0; h < spec_.heads; ++h) {
        const float* const row = dots + h * kSpan;
        for (std::size_t j = 0; j < n; ++j) to[j] += weights[h] * (row[j] > 0 ? row[j] : 0.0F);
    }
    for (std::size_t j = 0; j < n; ++j) to[j] = to[j] == to[j] ? to[j] : kNone;
}

void KeyIndex::choose(const float* scores, std::size_t count, float* room, std::uint32_t* chosen) const {
    const std::size_t top = spec_.top;
    std::copy_n(scores, count, room);
    std::nth_element(room, room + top - 1, room + count, std::greater<>());
    const float least = room[top - 1];
    auto equal = static_cast<std::size_t>(std::count(room, room + top, least));
    std::size_t held = 0;
    for (std::size_t j = 0; j < count && held < top; ++j) {
        if (!(scores[j] > least) && (scores[j] != least || equal == 0)) continue;
        if (scores[j] == least) --equal;
        chosen[held++] = static_cast<std::uint32_t>(j);
    }
}

void gather_keys(const KvView& kv, std::size_t layer, const KeyRows& rows, const KvLayout& to, std::size_t to_layer,
                 std::size_t slot, std::byte* page) {
    const KvLayout& from = *kv.layout;
    const KvLayout::Layer &source = from.layers[layer], &own = to.layers[to_layer];
    std::byte* const keys = page + to.keys_offset(to_layer, 0);
    const auto stored = [&](std::size_t row) { return kv.page(layer, row / kSpan) + from.keys_offset(layer, 0); };
    // Of elements T, `height` of which are a key in `from`, and the first `taken` in `to`.
    const auto copy = [&]<class T>(T, std::size_t height, std::size_t taken) {
        for (std::size_t i = 0; i < rows.count; ++i) {
            const std::size_t row = rows[i], at = row % kSpan, place = slot + i;
            const auto* const src =
                reinterpret_cast<const T*>(stored(row)) + at / kLanes * height * kLanes + at % kLanes;
            T* const dst = reinterpret_cast<T*>(keys) + place / kLanes * taken * kLanes + place % kLanes;
            // Neighbours that fill all lanes go together.
            const bool whole = (row | place) % kLanes == 0 && i + kLanes <= rows.count;
            if (whole && rows[i + kLanes - 1] == row + kLanes - 1) {
                std::copy_n(src, taken * kLanes, dst);
                i += kLanes - 1;
                continue;
            }
            for (std::size_t c = 0; c < taken; ++c) dst[c * kLanes] = src[c * kLanes];
        }
    };
    switch (from.type) {
        case KvType::f16:
            return copy(std::uint16_t{}, source.shape.key_dim, own.shape.key_dim);
        case KvType::f32:
            return copy(float{}, source.shape.key_dim, own.shape.key_dim);
        case KvType::q8_0:
            copy(std::uint32_t{}, key_units(source.shape.key_dim), key_units(own.shape.key_dim));
            auto* const scales = reinterpret_cast<float*>(keys + own.key_scales);
            for (std::size_t i = 0; i < rows.count; ++i)
                scales[slot + i] = reinterpret_cast<const float*>(stored(rows[i]) + source.key_scales)[rows[i] % kSpan];
            return;
    }
}

}  // namespace hearth
