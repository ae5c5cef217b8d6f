#include <algorithm>

#include "engine/inspect.hpp"
#include "hearth/base/cat.hpp"

namespace hearth {

Result<std::shared_ptr<LoadedModel>> LoadedModel::load(std::shared_ptr<Runtime> runtime, std::unique_ptr<Gguf> file,
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
    HEARTH_TRY(m->runtime_->memory()->budget.check(m->info_.weight_bytes, what));
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
    RunLimits wanted;
    wanted.workers = runtime_->executor().workers();
    for (const SequenceBatch& s : batch) {
        wanted.tokens += s.tokens.size();
        wanted.positions = std::max(wanted.positions, s.position + s.tokens.size());
    }
    if (workspace_ == nullptr || wanted.tokens > limits_.tokens || wanted.positions > limits_.positions) {
        // Depth grows with a conversation: by halves, so that it is not bought anew for every page.
        wanted.tokens = std::max(wanted.tokens, limits_.tokens);
        wanted.positions = std::max(wanted.positions + wanted.positions / 2 + kSpan, limits_.positions);
        workspace_.reset();
        limits_ = {};
        HEARTH_ASSIGN(workspace_, model_->make_workspace(wanted, runtime_->memory()));
        limits_ = wanted;
    }
    return model_->forward(batch, *workspace_, runtime_->kernels(), runtime_->executor(), logits);
}

Result<float*> LoadedModel::logits_room(std::size_t rows) {
    const std::size_t bytes = rows * info_.vocab * sizeof(float);
    if (logits_.size() < bytes) {
        logits_ = Buffer();
        HEARTH_ASSIGN(logits_, Buffer::make(runtime_->memory(), bytes, "logits"));
    }
    return logits_.as<float>();
}

}  // namespace hearth
