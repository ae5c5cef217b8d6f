#include <algorithm>
#include <optional>
#include <set>

#include "engine/inspect.hpp"
#include "hearth/base/cat.hpp"

namespace hearth {

namespace {

// More of a tensor that is no matrix of the model (of a part that is not run) is not read for the digest's sake.
constexpr std::uint64_t kMostOfTensor = std::uint64_t{1} << 20;
constexpr std::size_t kDigestPiece = std::size_t{1} << 22;
constexpr std::size_t kQuickTokens = 8;  // the phases of a pass of so many are over before anyone waits for them

// The architecture's numbers, names and shapes of matrices, and the bytes of what is none.
Result<Hash128> described(const ModelFile& file, const std::string& architecture,
                          std::span<const LoadContext::Matrix> matrices) {
    Hasher h;
    h.add(std::string_view(architecture));
    const std::string prefix = architecture + ".";
    const auto& values = file.metadata().values();
    for (auto it = values.lower_bound(prefix); it != values.end() && it->first.starts_with(prefix); ++it) {
        h.add(std::string_view(it->first));
        h.add(std::string_view(metadata_text(it->second)));
    }
    std::set<const TensorInfo*> are_matrices;
    for (const LoadContext::Matrix& m : matrices) {
        are_matrices.insert(m.info);
        h.add(std::string_view(m.info->name));
        for (const std::uint64_t n : m.info->shape) h.add(n);
        h.add(std::uint64_t{m.info->type});
    }
    std::vector<const TensorInfo*> others;
    for (const TensorInfo& t : file.tensors())
        if (!are_matrices.contains(&t)) others.push_back(&t);
    std::ranges::sort(others, {}, &TensorInfo::name);
    std::vector<std::byte> bytes;
    for (const TensorInfo* t : others) {
        bytes.resize(static_cast<std::size_t>(std::min(t->bytes, kMostOfTensor)));
        HEARTH_TRY(file.read(*t, 0, bytes));
        h.add(std::string_view(t->name));
        h.add(std::uint64_t{t->bytes});
        h.add(bytes);
    }
    return h.digest();
}

// The host may cancel while a large tensor is on its way.
template <class Load>
Status load_watched(LoadContext& context, const Stop& stop, Load load) {
    try {
        const Executor::Watch watch(context.executor, &stop, true);
        return load();
    } catch (const Stopped&) {
        return context.cancelled();
    }
}

}  // namespace

// Beside the model, of which they are no part for digests and adapters: it computes the same with them as without.
Status LoadedModel::load_heads(LoadedModel& m, std::span<const std::unique_ptr<Blueprint>> heads, LoadContext& context) {
    const std::size_t matrices = context.matrices.size();
    context.numbers_matrices = false;
    for (const auto& blueprint : heads) {
        auto head = std::make_shared<LoadedModel>();
        head->runtime_ = m.runtime_;
        head->info_ = blueprint->info();
        head->tokenizer_ = m.tokenizer_;
        HEARTH_ASSIGN(head->model_, blueprint->load_beside(*m.model_, context));
        m.heads_.push_back(std::move(head));
    }
    context.matrices.resize(matrices);
    return {};
}

Result<std::shared_ptr<LoadedModel>> LoadedModel::load(std::shared_ptr<Runtime> runtime, std::unique_ptr<ModelFile> file,
                                                       LoadProgress progress, bool heads) {
    auto m = std::make_shared<LoadedModel>();
    m->runtime_ = std::move(runtime);
    const std::string name = file->name();
    LoadContext context{*file, m->runtime_->memory(), m->runtime_->executor(), m->runtime_->log()};
    context.source_stays = true;
    context.progress = progress.report;
    context.progress_user = progress.user;
    for (const TensorInfo& t : file->tensors()) context.total_bytes += t.bytes;
    Stop stop;
    if (progress.report != nullptr)
        stop.ask_host([](void* user) { return !static_cast<LoadContext*>(user)->report().ok(); }, &context);

    std::optional<Understanding> understood;
    try {
        understood = understand(*file, &stop);
        if (understood->blueprint.ok() && understood->tokenizer.ok())
            m->inspection_ = inspection_text(*file, *understood, m->runtime_->executor().workers());
    } catch (const Stopped&) {
        return context.cancelled().in(name);
    }
    auto& blueprint = understood->blueprint;
    if (!blueprint.ok()) return std::move(blueprint).status().in(name);
    m->info_ = (*blueprint)->info();
    std::vector<std::unique_ptr<Blueprint>> head_prints;
    if (heads && m->info_.predictors == 0)
        return Status(Code::unsupported, "has no blocks that predict further tokens (MTP)").in(name);
    for (std::uint32_t i = 0; heads && i < m->info_.predictors; ++i) {
        auto head = (*blueprint)->predictor(i);
        if (!head.ok()) return std::move(head).status().in(name);
        m->info_.weight_bytes += (*head)->info().weight_bytes;
        head_prints.push_back(*std::move(head));
    }
    if (!understood->tokenizer.ok()) return std::move(understood->tokenizer).status().in(name);
    m->tokenizer_ = *std::move(understood->tokenizer);

    const auto guard = m->runtime_->lock();
    std::uint64_t in_place = 0;
    for (const TensorInfo& t : file->tensors())
        if (context.in_place(t)) in_place += Arena::place_bytes(t.bytes);
    in_place = std::min(in_place, m->info_.weight_bytes);
    const std::string what = cat(name, ": the weights");
    HEARTH_TRY(m->runtime_->memory()->check(m->info_.weight_bytes, what));
    HEARTH_TRY(context.arena->charge(in_place, what));
    HEARTH_TRY(context.arena->reserve(m->info_.weight_bytes - in_place, what));
    Status loaded = load_watched(context, stop, [&]() -> Status {
        HEARTH_ASSIGN(m->model_, (*blueprint)->load(context));
        return load_heads(*m, head_prints, context);
    });
    HEARTH_TRY(std::move(loaded).in(name));
    HEARTH_TRY(context.finish().in(name));
    HEARTH_ASSIGN(m->described_, described(*file, m->info_.architecture, context.matrices));
    for (const LoadContext::Matrix& matrix : context.matrices) {
        m->matrices_.push_back(matrix.bytes);
        m->matrix_list_.push_back({matrix.info->name, matrix.info->shape, matrix.split, matrix.use});
    }
    m->metadata_ = file->take_metadata();
    if (in_place != 0) m->file_ = std::move(file);
    m->runtime_->log()(LogLevel::info, cat(name, ": ", m->info_.architecture, ", ", m->info_.weight_bytes, " bytes of weights"));
    return m;
}

Status LoadedModel::check_same_tokens(const LoadedModel& other) {
    if (other.tokenizer_ == tokenizer_) return {};
    const std::lock_guard lock(alike_mutex_);
    if (std::ranges::any_of(alike_, [&](const auto& t) { return t.lock() == other.tokenizer_; })) return {};
    for (std::uint32_t i = 0; i < std::min(info_.vocab, other.info_.vocab); ++i) {
        const auto token = static_cast<Token>(i);
        const std::string here = tokenizer_->piece(token, true), there = other.tokenizer_->piece(token, true);
        if (here != there)
            return {Code::invalid_argument, cat("token ", i, " of the draft model is '", there, "', of the model '", here, "'")};
    }
    std::erase_if(alike_, [](const auto& t) { return t.expired(); });
    alike_.push_back(other.tokenizer_);
    return {};
}

Hash128 LoadedModel::digest() {
    std::call_once(digested_, [&] {
        const auto guard = runtime_->lock();
        std::vector<std::span<const std::byte>> pieces;
        for (std::span<const std::byte> rest : matrices_)
            for (; !rest.empty(); rest = rest.subspan(std::min(rest.size(), kDigestPiece)))
                pieces.push_back(rest.first(std::min(rest.size(), kDigestPiece)));
        std::vector<Hash128> digests(pieces.size());
        parallel_for(runtime_->executor(), pieces.size(), [&](std::size_t i, std::size_t) {
            Hasher h;
            h.add(pieces[i]);
            digests[i] = h.digest();
        });
        Hasher h;
        h.add(described_);
        for (const Hash128& d : digests) h.add(d);
        digest_ = h.digest();
    });
    return digest_;
}

Status LoadedModel::forward(std::span<const SequenceBatch> batch, float* logits, const Stop* stop) {
    HEARTH_TRY(make_room(batch));
    std::size_t tokens = 0;
    for (const SequenceBatch& s : batch) tokens += s.tokens.size();
    try {
        const Executor::Watch watch(runtime_->executor(), stop, tokens > kQuickTokens);
        return model_->forward(batch, *workspace_, runtime_->kernels(), runtime_->executor(), logits);
    } catch (const Stopped&) {
        // It counts what was done of it.
        drop_workspace();
        return {Code::cancelled, "the pass was stopped"};
    }
}

void LoadedModel::drop_workspace() {
    workspace_.reset();
    limits_ = {};
    held_ = logits_.size();
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
        drop_workspace();
        HEARTH_ASSIGN(workspace_, model_->make_workspace(wanted, runtime_->memory()));
        limits_ = wanted;
        held_ = logits_.size() + model_->workspace_bytes(wanted);
    }
    return {};
}

bool LoadedModel::give_back() {
    bool any = workspace_ != nullptr || logits_.size() != 0;
    for (const auto& head : heads_) any |= head->give_back();
    logits_ = Buffer();
    drop_workspace();
    return any;
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
