#include "hearth/engine/steer.hpp"

#include <algorithm>
#include <cmath>

#include "hearth/base/cat.hpp"
#include "hearth/codecs/codec_id.hpp"
#include "hearth/formats/gguf_writer.hpp"

namespace hearth {

namespace {

constexpr int kMostSteps = 300;
constexpr double kSettled = 1e-10;

double dot(const float* a, const double* b, std::size_t n) {
    double sum = 0;
    for (std::size_t i = 0; i < n; ++i) sum += static_cast<double>(a[i]) * b[i];
    return sum;
}

// To length 1; what it was.
double normalise(std::vector<double>& v) {
    double squares = 0;
    for (const double x : v) squares += x * x;
    const double length = std::sqrt(squares);
    if (length > 0)
        for (double& x : v) x /= length;
    return length;
}

// Differences [pairs] of one layer, each `width` long and `stride` behind the one before.
struct Differences {
    const float* first;
    std::size_t pairs, width, stride;
    const float* of(std::size_t pair) const { return first + pair * stride; }

    std::vector<double> mean() const {
        std::vector<double> out(width);
        for (std::size_t p = 0; p < pairs; ++p)
            for (std::size_t i = 0; i < width; ++i)
                out[i] += static_cast<double>(of(p)[i]) / static_cast<double>(pairs);
        return out;
    }
    // Power iteration from the mean: v becomes the sum over pairs of (d v) d, of length 1.
    std::vector<double> component() const {
        std::vector<double> center = mean();
        std::vector<double> v = center;
        if (normalise(v) == 0) std::fill(v.begin(), v.end(), 1 / std::sqrt(static_cast<double>(width)));
        for (int step = 0; step < kMostSteps; ++step) {
            std::vector<double> next(width);
            for (std::size_t p = 0; p < pairs; ++p) {
                const double along = dot(of(p), v.data(), width);
                for (std::size_t i = 0; i < width; ++i) next[i] += along * static_cast<double>(of(p)[i]);
            }
            if (normalise(next) == 0) return center;
            double change = 0;
            for (std::size_t i = 0; i < width; ++i) change = std::max(change, std::fabs(next[i] - v[i]));
            v = std::move(next);
            if (change < kSettled) break;
        }
        double length = 0, side = 0;
        for (std::size_t p = 0; p < pairs; ++p)
            length += std::fabs(dot(of(p), v.data(), width)) / static_cast<double>(pairs);
        for (std::size_t i = 0; i < width; ++i) side += v[i] * center[i];
        for (double& x : v) x *= side < 0 ? -length : length;
        return v;
    }
};

Status write(const std::string& path, const std::string& architecture,
             const std::vector<std::vector<float>>& directions) {
    GgufWriter writer;
    HEARTH_TRY(writer.set("general.architecture", std::string("controlvector")));
    HEARTH_TRY(writer.set("controlvector.model_hint", architecture));
    HEARTH_TRY(writer.set("controlvector.layer_count", std::uint64_t{directions.size() - 1}));
    for (std::size_t layer = 1; layer < directions.size(); ++layer) {
        const std::uint64_t shape[] = {directions[layer].size()};
        HEARTH_TRY(writer.add_tensor(cat("direction.", layer), codec_id::F32, shape,
                                     std::as_bytes(std::span(directions[layer]))));
    }
    return writer.write(path).status();
}

}  // namespace

Status train_control_vector(const std::shared_ptr<LoadedModel>& model, std::span<const SteerPair> pairs,
                            SteerMethod method, const std::string& path, LoadProgress progress) {
    const ModelInfo& info = model->info();
    if (!info.one_stream)
        return {Code::unsupported, cat("a model of architecture '", info.architecture,
                                       "' has several residual streams, which no control vector can be added to")};
    if (info.layers < 2) return {Code::unsupported, "the model has one layer, which no control vector is added to"};
    if (pairs.empty()) return {Code::invalid_argument, "there are no pairs of prompts"};
    std::size_t longest = 0;
    for (std::size_t i = 0; i < pairs.size(); ++i) {
        if (pairs[i].positive.empty() || pairs[i].negative.empty())
            return {Code::invalid_argument, cat("a prompt of pair ", i, " has no tokens")};
        longest = std::max({longest, pairs[i].positive.size(), pairs[i].negative.size()});
    }
    HEARTH_ASSIGN(const auto session, Session::make(model, {longest, KvType::f32, 0}));
    const std::size_t width = info.embedding, all = width * info.layers;
    const std::size_t kept = method == SteerMethod::mean ? 1 : pairs.size();
    HEARTH_ASSIGN(Buffer differences,
                  Buffer::make(model->runtime()->memory(), kept * all * sizeof(float), "the differences of pairs"));
    std::vector<float> states(2 * all);
    std::vector<double> sums(method == SteerMethod::mean ? all : 0);
    for (std::size_t i = 0; i < pairs.size(); ++i) {
        if (progress.report != nullptr && progress.report(i, pairs.size(), progress.user) != 0)
            return {Code::cancelled,
                    cat("training was cancelled by the host after ", i, " of ", pairs.size(), " pairs")};
        HEARTH_TRY(session->layer_states(pairs[i].positive, states.data()).in(cat("the positive prompt of pair ", i)));
        HEARTH_TRY(
            session->layer_states(pairs[i].negative, states.data() + all).in(cat("the negative prompt of pair ", i)));
        float* const to = differences.as<float>() + (kept == 1 ? 0 : i * all);
        for (std::size_t j = 0; j < all; ++j) {
            to[j] = states[j] - states[all + j];
            if (!std::isfinite(to[j]))
                return {Code::out_of_range,
                        cat("the states of pair ", i, " behind layer ", j / width, " are not finite")};
            if (!sums.empty()) sums[j] += static_cast<double>(to[j]);
        }
    }
    if (!sums.empty())
        for (std::size_t j = 0; j < all; ++j)
            differences.as<float>()[j] = static_cast<float>(sums[j] / static_cast<double>(pairs.size()));
    std::vector<std::vector<float>> directions(info.layers);
    bool differs = false;
    for (std::size_t layer = 1; layer < info.layers; ++layer) {
        const Differences d{differences.as<float>() + layer * width, kept, width, all};
        const std::vector<double> v = kept == 1 ? d.mean() : d.component();
        for (const double x : v) {
            directions[layer].push_back(static_cast<float>(x));
            differs = differs || x != 0;
        }
    }
    if (!differs)
        return {Code::invalid_argument, "the positive prompts do not differ from the negative ones in any layer"};
    if (progress.report != nullptr) progress.report(pairs.size(), pairs.size(), progress.user);
    return write(path, info.architecture, directions);
}

}  // namespace hearth
