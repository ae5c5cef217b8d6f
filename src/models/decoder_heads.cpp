// Queries, keys and values of the shared decoder: projected, normed, rotated, stored.
#include <algorithm>
#include <cmath>
#include <numeric>

#include "hearth/base/math.hpp"
#include "models/decoder_pass.hpp"

namespace hearth {

// cos [rope dims / 2] of a token; its sin follows.
const float* DecoderModel::angles(const Pass& pass, std::size_t token, Rotation rotation) const {
    const std::size_t main = spec_.rope.dims, local = spec_.local_rope.dims;
    return pass.w.angles.as<float>() + token * (main + local) + (rotation == Rotation::local ? main : 0);
}

// q|k|v of every token; who has computed a head norms and rotates it, and stores its keys or values in the cache.
void DecoderModel::project_heads(Pass& pass, std::size_t index, const LinearInput& in) const {
    const DecoderLayer& l = layers_[index];
    const LayerSpec& layer = spec_.layers[index];
    const QkvRow row = qkv_row(spec_, layer);
    LinearRun qkv;
    if (l.qkv.empty()) {
        qkv.add(l.q, pass.qkv, row.width, layer.key_dim);
        qkv.add(l.k, pass.qkv + row.keys, row.width, layer.key_dim);
        qkv.add(l.v, pass.qkv + row.values, row.width, layer.value_dim);
    } else {
        // Chunks that end between heads, of keys and of values: one chunk where their widths have no such unit.
        const std::size_t unit = std::lcm(kLanes, std::size_t{layer.key_dim});
        const bool fits = layer.key_dim == layer.value_dim || (row.values % unit == 0 && unit % layer.value_dim == 0);
        qkv.add(l.qkv, pass.qkv, row.width, fits ? unit : l.qkv.rows());
    }
    if (spec_.qk_norm == QkNorm::projection) {  // which needs all heads before it can finish one
        const auto finish = [&](std::size_t t) {
            float* const q = pass.qkv + t * row.width;
            float* const k = q + row.keys;
            pass.run.kernels.rms_norm(q, l.q_norm.data(), spec_.norm_eps, row.keys, q);
            pass.run.kernels.rms_norm(k, l.k_norm.data(), spec_.norm_eps, row.values - row.keys, k);
            finish_heads(pass, index, t, 0, row.width);
        };
        qkv.run(pass.run, in, kNothing, pass.w.token_blocks, finish);
        return;
    }
    const std::size_t offsets[] = {0, row.keys, row.values};  // of the parts that there are
    qkv.run(pass.run, in, [&](const LinearRun::Piece& p, std::size_t) {
        for (std::size_t t = 0; t < pass.tokens; ++t)
            finish_heads(pass, index, t, offsets[p.part] + p.first, offsets[p.part] + p.end);
    });
}

// Columns [first, end) of q|k|v of one token, whole heads.
void DecoderModel::finish_heads(Pass& pass, std::size_t index, std::size_t t, std::size_t first,
                                std::size_t end) const {
    const DecoderLayer& l = layers_[index];
    const LayerSpec& layer = spec_.layers[index];
    const QkvRow columns = qkv_row(spec_, layer);
    const KernelTable& k = pass.run.kernels;
    const RopeSpec& rope = spec_.rope_of(layer);
    const std::size_t half = rope.dims / 2, dim = layer.key_dim;
    const bool rotates = spec_.rotates(layer);
    const RopeFn rotate = rope.kind == RopeKind::adjacent ? k.rope_adjacent : k.rope_halves;
    const BatchToken& token = pass.w.tokens[t];
    const float* cos = angles(pass, t, layer.rotation);
    float* const row = pass.qkv + t * columns.width;
    const bool keys_serve = l.v.empty() && l.qkv.empty();  // as values too
    const auto store_value = [&](std::size_t head, const float* x) {
        float* const normed = row + columns.values + head * layer.value_dim;
        if (spec_.value_norm) k.rms_norm(x, nullptr, spec_.norm_eps, layer.value_dim, normed);
        kv_store_value(*token.kv, index, head, token.position, spec_.value_norm ? normed : x, k);
    };
    std::size_t at = first;
    for (; at < std::min(end, columns.values); at += dim) {
        const bool query = at < columns.keys;
        float* const x = row + at;
        if (!query && keys_serve) store_value((at - columns.keys) / dim, x);
        if (spec_.qk_norm == QkNorm::heads) k.rms_norm(x, (query ? l.q_norm : l.k_norm).data(), spec_.norm_eps, dim, x);
        if (rotates) rotate(x, cos, cos + half, half);
        if (rotates && spec_.qk_norm == QkNorm::rotated_heads) k.rms_norm(x, nullptr, spec_.norm_eps, dim, x);
        if (!query)
            kv_store_key(*token.kv, index, (at - columns.keys) / dim, token.position, x, k);
        else if (layer.tempered && spec_.query_temperature.beta != 0)
            k.scale(x, query_temperature(token.position), dim);
    }
    for (; at < end; at += layer.value_dim) store_value((at - columns.values) / layer.value_dim, row + at);
}

float DecoderModel::query_temperature(std::size_t position) const {
    const double steps =
        std::floor((static_cast<double>(position) + spec_.query_temperature.offset) / spec_.query_temperature.period);
    return static_cast<float>(1 + spec_.query_temperature.beta * det_log(1 + steps));
}

}  // namespace hearth
