// The second embedding that some decoders have for every layer: a row of a table beside a projection of the first.
#include <cmath>

#include "models/decoder_pass.hpp"

namespace hearth {

// layer_inputs = (norm(projection of the stream / sqrt(embedding)) + sqrt(layer_embedding) * row) / sqrt(2), the norm
// over each layer's part.
void DecoderModel::embed_layers(Pass& pass) const {
    const KernelTable& k = pass.run.kernels;
    const std::size_t d = spec_.embedding, part = spec_.layer_embedding, width = part * layers_.size();
    const auto root = [](double x) { return static_cast<float>(std::sqrt(x)); };
    const float stream_scale = 1 / root(static_cast<double>(d)), row_scale = root(static_cast<double>(part));
    LinearRun product;
    product.add(layer_projection_, pass.layer_inputs, width);
    product.run(pass.run, pass.stream_input(pass.hidden, d));
    parallel_for(pass.run.executor, pass.tokens, [&](std::size_t t, std::size_t worker) {
        float* const x = pass.layer_inputs + t * width;
        auto* const row = reinterpret_cast<float*>(pass.run.worker_scratch(worker));
        layer_embedding_.row(static_cast<std::size_t>(pass.w.ids[t]), row);
        k.scale(x, stream_scale, width);
        for (std::size_t at = 0; at < width; at += part)
            k.rms_norm(x + at, layer_projection_norm_.data(), spec_.norm_eps, part, x + at);
        k.add_scaled(row, row_scale, width, x);
        k.scale(x, root(0.5), width);
    });
}

// stream += norm(projection(glu(gate of the stream, the layer's own embedding))). Of several streams the first one
// gates, scaled, and the others are added to.
void DecoderModel::add_layer_embedding(Pass& pass, std::size_t index) const {
    const DecoderLayer& l = layers_[index];
    const RunContext& run = pass.run;
    const std::size_t d = spec_.embedding, part = spec_.layer_embedding, width = part * layers_.size();
    const bool several = spec_.streams != 1;
    const LinearInput gated = pass.inner_input(pass.activated, part);
    LinearRun gate, projection;
    gate.add(l.input_gate, pass.activated, part);
    gate.run(run, pass.stream_input(several ? pass.normed : pass.hidden, d), LinearRun::kNothing, pass.w.token_blocks,
             [&](std::size_t t) {
                 float* const x = pass.activated + t * part;
                 apply_glu(spec_.glu, run.kernels, x, pass.layer_inputs + t * width + index * part, part, x);
                 quantize_token(run, gated, l.input_needs, t);
             });
    if (!several)
        return add_to_stream(pass, l.input_projection, gated, l.input_norm,
                             [&](std::size_t t) { end_layer(pass, index, t); });
    projection.add(l.input_projection, pass.normed, d);
    projection.run(run, gated, LinearRun::kNothing, pass.w.token_blocks, [&](std::size_t t) {
        float* const x = pass.normed + t * d;
        norm_token(pass, l.input_norm, x, x);
        for (std::size_t i = 1; i < spec_.streams; ++i)
            run.kernels.add_scaled(x, 1, d, pass.streams + (i * pass.tokens + t) * d);
        end_layer(pass, index, t);
    });
}

}  // namespace hearth
