#include "models/pooling_head.hpp"

#include <algorithm>

namespace hearth {

namespace {

constexpr std::uint64_t kMaxWidth = 1 << 20;

// A matrix {width, rows} with as many rows as it has.
Result<HeadLayerTensors> layer(TensorFinder& tensors, const char* name, std::uint64_t width) {
    HeadLayerTensors l;
    const std::string full = cat(name, ".weight");
    const TensorInfo* info = tensors.source().find(full);
    const std::uint64_t rows = info != nullptr ? info->shape[1] : 0;
    if (info != nullptr && (rows == 0 || rows > kMaxWidth))
        return Status(Code::malformed, cat("tensor '", full, "' has shape ", shape_text(*info), ", expected {", width,
                                           ", 1 to ", kMaxWidth, "}"));
    HEARTH_ASSIGN(l.matrix, tensors.matrix(name, {width, rows}));
    return l;
}

Result<Pooling> read_pooling(const Hparams& h, std::string_view key, Pooling fallback) {
    HEARTH_ASSIGN(const auto pooling, h.metadata().get_uint(h.full(key)));
    if (pooling.value_or(0) > 4)
        return Status(Code::unsupported, cat("metadata key '", h.full(key), "' is ", *pooling,
                                             ", supported are 0 (none), 1 (mean), 2 (cls), 3 (last), 4 (rank)"));
    return pooling ? static_cast<Pooling>(*pooling) : fallback;
}

// Of a dense layer, as folders of sentence-transformers have it.
Result<HeadActivation> read_activation(const Hparams& h, const char* layer) {
    const std::string key = cat(layer, "_activation");
    const auto name = h.text(key, "none");
    if (!name.ok()) return name.status();
    if (*name == "none") return HeadActivation::none;
    if (*name == "tanh") return HeadActivation::tanh;
    if (*name == "gelu") return HeadActivation::gelu_erf;
    return Status(Code::unsupported,
                  cat("metadata key '", h.full(key), "' is '", *name, "', supported are none, tanh and gelu"));
}

}  // namespace

Result<HeadTensors> find_head(const Hparams& h, TensorFinder& tensors, const HeadSpec& spec, std::uint32_t width,
                              EmbeddingInfo& info) {
    HeadTensors out;
    HEARTH_ASSIGN(info.pooling, read_pooling(h, "pooling_type", Pooling::none));
    HEARTH_ASSIGN(info.rank_pooling, read_pooling(h, "classifier.pooling_type", spec.rank_pooling));
    if (info.rank_pooling == Pooling::none || info.rank_pooling == Pooling::rank)
        return Status(Code::unsupported, cat("metadata key '", h.full("classifier.pooling_type"), "' is ",
                                             static_cast<int>(info.rank_pooling), ", supported are 1 (mean), 2 (cls), 3 (last)"));
    std::uint64_t at = width;
    for (const char* name : {"dense_2", "dense_3"}) {
        if (!tensors.exists(cat(name, ".weight"))) continue;
        HEARTH_ASSIGN(HeadLayerTensors l, layer(tensors, name, at));
        HEARTH_ASSIGN(l.activation, read_activation(h, name));
        at = l.matrix.weight->shape[1];
        out.projection.push_back(l);
    }
    info.width = static_cast<std::uint32_t>(at);
    at = width;
    if (tensors.exists("cls.weight")) {
        HEARTH_ASSIGN(HeadLayerTensors l, layer(tensors, "cls", at));
        l.activation = spec.rank_activation;
        at = l.matrix.weight->shape[1];
        if (spec.rank_norm) {
            HEARTH_ASSIGN(l.norm, tensors.want("cls.norm.weight", {at}));
        }
        out.scores.push_back(l);
    }
    if (tensors.exists("cls.output.weight")) {
        HEARTH_ASSIGN(const HeadLayerTensors l, layer(tensors, "cls.output", at));
        at = l.matrix.weight->shape[1];
        out.scores.push_back(l);
    }
    if (!out.scores.empty()) info.scores = static_cast<std::uint32_t>(at);
    info.softmax = spec.softmax && info.scores > 1;  // of one alone it would say nothing
    if (info.pooling == Pooling::rank && out.scores.empty())
        return Status(Code::malformed, cat("metadata key '", h.full("pooling_type"),
                                           "' is 4 (rank), but tensor 'cls.output.weight' is missing"));
    HEARTH_ASSIGN(const auto* labels, h.metadata().get_strings(h.full("classifier.output_labels")));
    if (labels != nullptr) {
        if (!out.scores.empty() && labels->size() != info.scores)
            return Status(Code::malformed, cat("metadata key '", h.full("classifier.output_labels"), "' has ",
                                               labels->size(), " entries, the scoring head ", info.scores, " outputs"));
        info.labels = *labels;
    }
    return out;
}

Result<HeadWorkspace> HeadWorkspace::make(const std::shared_ptr<Memory>& memory, std::size_t widest) {
    HeadWorkspace w;
    if (widest == 0) return w;
    w.widest_ = widest;
    HEARTH_ASSIGN(w.memory_, Buffer::make(memory, bytes(widest), "the workspace of what follows pooling"));
    return w;
}

std::size_t PoolingHead::widest(const HeadTensors& tensors) {
    std::size_t most = 0;
    tensors.each_matrix([&](const MatrixInfo& m) {
        most = std::max<std::size_t>({most, m.weight->shape[0], m.weight->shape[1]});
    });
    return (most + 15) / 16 * 16;
}

Result<PoolingHead> PoolingHead::load(LoadContext& context, const HeadTensors& tensors, float norm_eps) {
    PoolingHead head;
    head.norm_eps_ = norm_eps;
    const auto load = [&](const std::vector<HeadLayerTensors>& from, std::vector<Layer>& to) -> Status {
        for (const HeadLayerTensors& t : from) {
            Layer l;
            l.activation = t.activation;
            HEARTH_ASSIGN(l.matrix, Linear::load(context, t.matrix.weight, t.matrix.bias, t.matrix.scale));
            HEARTH_ASSIGN(l.norm, load_vector(context, t.norm));
            l.needs.add(l.matrix);
            to.push_back(std::move(l));
        }
        return {};
    };
    HEARTH_TRY(load(tensors.projection, head.projection_));
    HEARTH_TRY(load(tensors.scores, head.scores_));
    return head;
}

// y [tokens, rows]; in.f32 is y then.
void PoolingHead::run_layer(const RunContext& run, const Layer& layer, LinearInput& in, float* y) const {
    const std::size_t rows = layer.matrix.rows();
    for (std::size_t i = 0; i < in.tokens; ++i) quantize_token(run, in, layer.needs, i);
    LinearRun product;
    product.add(layer.matrix, y, rows);
    product.run(run, in);
    for (std::size_t i = 0; i < in.tokens; ++i) {
        float* const row = y + i * rows;
        if (layer.activation == HeadActivation::tanh) run.kernels.soft_cap(row, 1, rows);
        if (layer.activation == HeadActivation::gelu_erf) run.kernels.gelu_erf_mul(row, nullptr, rows, row);
        if (!layer.norm.empty()) run.kernels.layer_norm(row, layer.norm.data(), nullptr, norm_eps_, rows, row);
    }
    in.f32 = y;
    in.k = rows;
}

void PoolingHead::run(const RunContext& run, Head head, const float* pooled, std::size_t count, std::size_t width,
                      HeadWorkspace& workspace, float* out) const {
    const std::vector<Layer>& layers = head == Head::projection ? projection_ : scores_;
    if (layers.empty()) {
        std::copy_n(pooled, count * width, out);
        return;
    }
    constexpr std::size_t most = HeadWorkspace::kVectors;
    float* const rooms[] = {workspace.memory_.as<float>(), workspace.memory_.as<float>() + most * workspace.widest_};
    std::byte* const q8_32 = workspace.memory_.data() + 2 * most * workspace.widest_ * sizeof(float);
    std::byte* const q8_256 = q8_32 + most * activation_bytes(Activation::q8_32, workspace.widest_);
    const std::size_t results = layers.back().matrix.rows();
    for (std::size_t first = 0; first < count; first += most) {
        LinearInput in{pooled + first * width, q8_32, q8_256, std::min(most, count - first), width};
        for (std::size_t i = 0; i < layers.size(); ++i)
            run_layer(run, layers[i], in, i + 1 == layers.size() ? out + first * results : rooms[i % 2]);
    }
}

}  // namespace hearth
