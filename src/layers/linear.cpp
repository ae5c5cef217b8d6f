#include "hearth/layers/linear.hpp"

#include <algorithm>
#include <cstring>
#include <numeric>

#include "hearth/base/cat.hpp"
#include "hearth/base/cpu.hpp"
#include "hearth/layers/low_rank.hpp"
#include "layers/slabs.hpp"

namespace hearth {

namespace {

// Rows that are decoded on the fly go through the F32 panel.
const PanelFormat& f32_panel() { return *find_panel_format(0); }

}  // namespace

Result<std::vector<float>> read_floats(const TensorSource& source, const TensorInfo& info) {
    const Codec* codec = find_codec(info.type);
    std::vector<std::byte> stored(info.bytes);
    HEARTH_TRY(source.read(info, 0, stored));
    std::vector<float> values(info.elements());
    if (info.packed) {
        const PanelFormat& format = *find_panel_format(info.type);
        const std::size_t k = info.shape[0], rows = info.shape[1], panel_bytes = format.panel_bytes(k);
        for (std::size_t row = 0; row < info.rows(); ++row) {
            const std::size_t panel = row / rows * panels_of(rows) + row % rows / kLanes;
            format.unpack(stored.data() + panel * panel_bytes, row % rows % kLanes, k, values.data() + row * k);
        }
        return values;
    }
    codec->decode(stored.data(), values.size() / codec->block_values, values.data());
    return values;
}

Result<std::vector<float>> load_vector(LoadContext& context, const TensorInfo* info) {
    std::vector<float> values;
    if (info == nullptr) return values;
    HEARTH_ASSIGN(values, read_floats(context.source, *info));
    HEARTH_TRY(context.advance(*info));
    return values;
}

Activation Linear::activation(const TensorInfo& info) {
    const PanelFormat* format = find_panel_format(info.type);
    return format != nullptr ? format->activation : Activation::f32;
}

std::uint64_t Linear::memory_bytes(const TensorInfo* info, std::size_t split) {
    if (info == nullptr) return 0;
    const PanelFormat* format = find_panel_format(info->type);
    if (format == nullptr) return Arena::place_bytes(info->bytes);
    const std::uint64_t matrices = info->shape[2] * info->shape[3] * split;
    return Arena::place_bytes(matrices * panels_of(info->shape[1] / split) * format->panel_bytes(info->shape[0]));
}

std::uint64_t Linear::scratch_bytes(const TensorInfo* info) {
    if (info == nullptr || find_panel_format(info->type) != nullptr) return 0;
    // One decoded row and one F32 panel.
    return info->shape[0] * sizeof(float) * (kLanes + 1) + 64;
}

Result<Linear> Linear::load(LoadContext& context, const TensorInfo* info, const TensorInfo* bias,
                            const TensorInfo* scale, std::size_t split) {
    Linear w;
    if (info == nullptr) return w;
    w.codec_ = find_codec(info->type);
    w.format_ = find_panel_format(info->type);
    w.rows_ = info->shape[1] / split;
    w.matrices_ = info->shape[2] * info->shape[3] * split;
    w.k_ = info->shape[0];
    w.bytes_ = memory_bytes(info, split);
    w.arena_ = context.arena;
    if (w.format_ != nullptr) w.panel_bytes_ = w.format_->panel_bytes(w.k_);
    HEARTH_TRY(w.load_weights(context, *info));
    const std::uint64_t used = w.format_ != nullptr ? w.matrices_ * panels_of(w.rows_) * w.panel_bytes_ : info->bytes;
    if (context.numbers_matrices) w.id_ = static_cast<std::uint32_t>(context.matrices.size());
    context.matrices.push_back({info, {w.weights_, static_cast<std::size_t>(used)}, split});
    HEARTH_TRY(context.advance(*info));
    HEARTH_ASSIGN(w.bias_, load_vector(context, bias));
    HEARTH_ASSIGN(w.scale_, load_vector(context, scale));
    return w;
}

Status Linear::load_weights(LoadContext& context, const TensorInfo& info) {
    const std::size_t panels = panels_of(rows_);
    // Panels as stored are those of whole matrices: a split one has the same only where its parts fill theirs.
    if (info.packed && info.bytes != matrices_ * panels * panel_bytes_)
        return {Code::malformed, cat("tensor '", info.name, "' is packed in ", info.bytes, " bytes, expected ",
                                     matrices_ * panels * panel_bytes_)};
    if (context.in_place(info)) {
        weights_ = context.source.view(info).data();
        return {};
    }
    HEARTH_ASSIGN(const std::span<std::byte> place, context.arena->take(bytes_, cat("tensor '", info.name, "'")));
    weights_ = place.data();
    if (format_ == nullptr || info.packed)
        return copy_stored(context, info, 0, place.first(static_cast<std::size_t>(info.bytes)));
    const std::size_t row_bytes = codec_->row_bytes(k_);
    // A panel never holds rows of two matrices, so a stack is cut into panels only where they fill its matrices.
    const std::size_t unit_rows = matrices_ == 1 || rows_ % kLanes == 0 ? kLanes : rows_;
    const std::size_t unit_panels = panels_of(unit_rows);
    return for_slabs(context, info, unit_rows * row_bytes, [&](const Slab& slab) {
        for (std::size_t i = 0; i < slab.units * unit_panels; ++i) {
            const std::size_t panel = slab.first * unit_panels + i, row = panel % panels * kLanes;
            const std::byte* rows = slab.bytes + (i / unit_panels * unit_rows + i % unit_panels * kLanes) * row_bytes;
            format_->pack(rows, row_bytes, std::min(kLanes, rows_ - row), k_, place.data() + panel * panel_bytes_);
        }
    });
}

void Linear::row(std::size_t index, float* values) const {
    if (format_ != nullptr) {
        const std::size_t row = index % rows_, panel = index / rows_ * panels_of(rows_) + row / kLanes;
        format_->unpack(weights_ + panel * panel_bytes_, row % kLanes, k_, values);
    } else {
        const std::size_t row_bytes = codec_->row_bytes(k_);
        codec_->decode(weights_ + index * row_bytes, k_ / codec_->block_values, values);
    }
}

void Linear::multiply(const KernelTable& kernels, const Part& part, std::byte* room) const {
    GemmArgs args{};
    args.k = k_;
    args.x = part.x;
    args.x_stride = part.x_stride != 0 ? part.x_stride : activation_bytes(activation(), k_);
    args.tokens = part.tokens;
    args.y_stride = part.y_stride;
    args.fetch_ahead = gains_by_fetching();
    if (format_ != nullptr) {
        args.panels = weights_ + (part.matrix * panels_of(rows_) + part.first / kLanes) * panel_bytes_;
        args.panel_bytes = panel_bytes_;
        args.rows = part.end - part.first;
        args.y = part.y;
        (kernels.*(format_->gemm))(args);
    } else {
        const PanelFormat& f32 = f32_panel();
        const std::size_t row_bytes = codec_->row_bytes(k_);
        const std::byte* stored = weights_ + part.matrix * rows_ * row_bytes;
        auto* panel = reinterpret_cast<float*>(room);  // [k][16]
        float* row = panel + k_ * kLanes;              // [k]
        args.panels = panel;
        args.panel_bytes = f32.panel_bytes(k_);
        for (std::size_t r0 = part.first; r0 < part.end; r0 += kLanes) {
            const std::size_t count = std::min(kLanes, part.end - r0);
            for (std::size_t r = 0; r < kLanes; ++r) {
                if (r < count) {
                    codec_->decode(stored + (r0 + r) * row_bytes, k_ / codec_->block_values, row);
                    for (std::size_t i = 0; i < k_; ++i) panel[i * kLanes + r] = row[i];
                } else {
                    for (std::size_t i = 0; i < k_; ++i) panel[i * kLanes + r] = 0.0F;
                }
            }
            args.rows = count;
            args.y = part.y + (r0 - part.first);
            kernels.gemm_f32(args);
        }
    }
    const std::size_t rows = part.end - part.first;
    const float scale = scale_.empty() ? 1.0F : scale_[scale_.size() == 1 ? 0 : part.matrix];
    if (scale != 1)
        for (std::size_t t = 0; t < part.tokens; ++t) kernels.scale(part.y + t * part.y_stride, scale, rows);
    if (!bias_.empty()) {
        const float* bias = bias_.data() + part.matrix * rows_ + part.first;
        for (std::size_t t = 0; t < part.tokens; ++t) kernels.add_scaled(bias, 1.0F, rows, part.y + t * part.y_stride);
    }
}

void quantize_token(const RunContext& run, const LinearInput& input, ActivationNeeds needs, std::size_t token) {
    quantize_values(run, input, needs, token, 0, input.k);
}

void quantize_values(const RunContext& run, const LinearInput& input, ActivationNeeds needs, std::size_t token,
                     std::size_t first, std::size_t end) {
    const float* x = input.f32 + token * input.k + first;
    auto blocks = [&](std::byte* to, Activation a) {
        return to + token * activation_bytes(a, input.k) + activation_bytes(a, first);
    };
    if (needs.q8_32) run.kernels.quantize_q8_32(x, end - first, blocks(input.q8_32, Activation::q8_32));
    if (needs.q8_256) run.kernels.quantize_q8_256(x, end - first, blocks(input.q8_256, Activation::q8_256));
}

void LinearRun::add(const Linear& w, float* y, std::size_t y_stride, std::size_t unit) {
    if (w.empty()) return;
    parts_[count_] = {&w, nullptr, y, nullptr, y_stride, 0};
    work_[count_++] = {w.rows(), w.panel_bytes(), std::lcm(kLanes, unit)};
}

void LinearRun::add_pair(const Linear& a, float* ya, const Linear& b, std::size_t b_first, float* yb, std::size_t rows,
                         std::size_t y_stride) {
    parts_[count_] = {&a, &b, ya, yb, y_stride, b_first};
    work_[count_++] = {rows, a.panel_bytes()};
}

std::size_t LinearRun::token_block(std::size_t tokens, std::size_t workers) {
    // Every block unpacks the weights anew: not for fewer tokens than make up for it.
    constexpr std::size_t kLeast = 128, kUnit = 16;
    const std::size_t blocks = std::clamp<std::size_t>(tokens / kLeast, 1, workers);
    const std::size_t each = (tokens + blocks - 1) / blocks;
    return (each + kUnit - 1) / kUnit * kUnit;
}

void LinearRun::multiply(const RunContext& run, const LinearInput& input, const Linear& w, const Piece& p,
                         std::size_t w_first, float* y, std::size_t y_stride, std::size_t worker) const {
    const Activation form = w.activation();
    const auto* const x = static_cast<const std::byte*>(input.data(form)) + p.token * activation_bytes(form, input.k);
    float* const to = y + p.token * y_stride + p.first;
    w.multiply(run.kernels, {0, w_first + p.first, w_first + p.end, x, p.token_end - p.token, to, y_stride},
               run.worker_scratch(worker));
    if (run.changes == nullptr) return;
    std::array<const Linear*, 2 * kMostParts> matrices;
    const std::size_t count = list(matrices);
    run.changes->add(run.kernels, {matrices.data(), count}, w, input.first_row + p.token, p.token_end - p.token,
                     {0, w_first + p.first, w_first + p.end, to, y_stride});
}

std::size_t LinearRun::list(std::array<const Linear*, 2 * kMostParts>& out) const {
    std::size_t count = 0;
    for (const Part& p : std::span(parts_).first(count_))
        for (const Linear* w : {p.w, p.w2})
            if (w != nullptr && std::find(out.begin(), out.begin() + count, w) == out.begin() + count) out[count++] = w;
    return count;
}

void LinearRun::lower_changed(const RunContext& run, const LinearInput& input) const {
    std::array<const Linear*, 2 * kMostParts> matrices;
    const std::size_t count = list(matrices);
    run.changes->lower(run, {matrices.data(), count}, input);
}

}  // namespace hearth
