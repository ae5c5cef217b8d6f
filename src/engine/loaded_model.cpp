#include <algorithm>

#include "engine/inspect.hpp"
#include "hearth/base/cat.hpp"

namespace hearth {

Result<std::shared_ptr<LoadedModel>> LoadedModel::load(std::shared_ptr<Runtime> runtime, std::unique_ptr<ModelFile> file,
                                                       LoadProgress progress) {
    auto m = std::make_shared<LoadedModel>();
    m->runtime_ = std::move(runtime);
    const std::string name = file->name();
    Understanding model = understand(*file);
    auto& blueprint = model.blueprint;
    if (!blueprint.ok()) return std::move(blueprint).status().in(name);
    m->info_ = (*blueprint)->info();
    if (!model.tokenizer.ok()) return std::move(model.tokenizer).status().in(name);
    m->inspection_ = inspection_text(*file, model, m->runtime_->executor().workers());
    m->tokenizer_ = *std::move(model.tokenizer);

    const auto guard = m->runtime_->lock();
    LoadContext context{*file, m->runtime_->memory(), m->runtime_->executor(), m->runtime_->log()};
    context.source_stays = true;
    std::uint64_t in_place = 0;
    for (const TensorInfo& t : file->tensors())
        if (context.in_place(t)) in_place += Arena::place_bytes(t.bytes);
    in_place = std::min(in_place, m->info_.weight_bytes);
    const std::string what = cat(name, ": the weights");
    HEARTH_TRY(m->runtime_->memory()->check(m->info_.weight_bytes, what));
    HEARTH_TRY(context.arena->charge(in_place, what));
    HEARTH_TRY(context.arena->reserve(m->info_.weight_bytes - in_place, what));
    context.progress = progress.report;
    context.progress_user = progress.user;
    for (const TensorInfo& t : file->tensors()) context.total_bytes += t.bytes;
    auto loaded = (*blueprint)->load(context);
    if (!loaded.ok()) return std::move(loaded).status().in(name);
    HEARTH_TRY(context.finish().in(name));
    m->model_ = *std::move(loaded);
    m->metadata_ = file->take_metadata();
    if (in_place != 0) m->file_ = std::move(file);
    m->runtime_->log()(LogLevel::info, cat(name, ": ", m->info_.architecture, ", ", m->info_.weight_bytes, " bytes of weights"));
    return m;
}

Status LoadedModel::forward(std::span<const SequenceBatch> batch, float* logits) {
    HEARTH_TRY(make_room(batch));
    return model_->forward(batch, *workspace_, runtime_->kernels(), runtime_->executor(), logits);
}

Status LoadedModel::embed(std::span<const SequenceBatch> batch, float* rows) {
    HEARTH_TRY(make_room(batch));
    return model_->embed(batch, *workspace_, runtime_->kernels(), runtime_->executor(), rows);
}

void LoadedModel::finish(Head head, const float* pooled, std::size_t count, float* out) {
    model_->finish(head, pooled, count, *workspace_, runtime_->kernels(), runtime_->executor(), out);
}

// Grows the workspace where the batch needs it.
Status LoadedModel::make_room(std::span<const SequenceBatch> batch) {
    RunLimits wanted;
    wanted.sequences = batch.size();
    wanted.workers = runtime_->executor().workers();
    std::size_t context = 0;
    for (const SequenceBatch& s : batch) {
        wanted.tokens += s.tokens.size();
        wanted.positions = std::max(wanted.positions, s.position + s.tokens.size());
        context = std::max(context, s.context);
    }
    if (workspace_ == nullptr || wanted.tokens > limits_.tokens || wanted.positions > limits_.positions ||
        (info_.kv.empty() && wanted.sequences > limits_.sequences)) {
        // Depth grows with a conversation: by halves, so that it is not bought anew for every page.
        wanted.tokens = std::max(wanted.tokens, limits_.tokens);
        const std::size_t ahead = std::min(wanted.positions + wanted.positions / 2 + kSpan, context);
        wanted.positions = std::max({wanted.positions, ahead, limits_.positions});
        wanted.sequences = std::max(wanted.sequences, limits_.sequences);
        workspace_.reset();
        limits_ = {};
        held_ = logits_.size();
        HEARTH_ASSIGN(workspace_, model_->make_workspace(wanted, runtime_->memory()));
        limits_ = wanted;
        held_ = logits_.size() + model_->workspace_bytes(wanted);
    }
    return {};
}

std::uint64_t LoadedModel::pass_bytes(const RunLimits& limits) const {
    const std::uint64_t bytes = model_->workspace_bytes(limits);
    return bytes - std::min(bytes, held_.load());
}

std::uint64_t LoadedModel::session_bytes(const KvLayout& layout, std::size_t context, std::size_t chunk) const {
    const RunLimits limits{std::min(chunk, context), context, runtime_->executor().workers()};
    const std::uint64_t passes = model_->workspace_bytes(limits) + info_.vocab * sizeof(float);
    return KvCache::bytes_for(layout, context, limits.tokens) + passes - std::min(passes, held_.load());
}

Result<float*> LoadedModel::logits_room(std::size_t rows) {
    const std::size_t bytes = rows * info_.vocab * sizeof(float);
    if (logits_.size() < bytes) {
        held_ -= logits_.size();
        logits_ = Buffer();
        HEARTH_ASSIGN(logits_, Buffer::make(runtime_->memory(), bytes, "logits"));
        held_ += bytes;
    }
    return logits_.as<float>();
}

}  // namespace hearth
