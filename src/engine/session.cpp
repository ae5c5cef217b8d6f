#include <algorithm>

#include "hearth/base/cat.hpp"
#include "hearth/engine/adapter.hpp"
#include "hearth/engine/draft.hpp"
#include "hearth/engine/engine.hpp"
#include "hearth/engine/generator.hpp"

namespace hearth {

namespace {
constexpr std::size_t kDefaultChunk = 512;
constexpr std::size_t kMaxChunk = 4096;  // beyond it a pass only costs memory
}  // namespace

Result<std::shared_ptr<Session>> Session::make(std::shared_ptr<LoadedModel> model, const SessionOptions& options) {
    const ModelInfo& info = model->info();
    if (!info.embeddings.logits)
        return Status(Code::unsupported, cat("a model of architecture '", info.architecture,
                                             "' that sees both ways makes embeddings and no text: it has no sessions"));
    std::size_t context = options.context != 0 ? options.context : info.context;
    if (context > (std::size_t{1} << 31))
        return Status(Code::out_of_range, cat("context is ", context, " tokens, expected at most ", std::size_t{1} << 31));
    auto layout = std::make_shared<const KvLayout>(KvLayout::make(options.kv, info.kv));
    const auto& memory = model->runtime()->memory();
    const std::size_t chunk = std::min(options.chunk != 0 ? options.chunk : kDefaultChunk, kMaxChunk);
    const auto needed = [&](std::size_t tokens) { return model->session_bytes(*layout, tokens, chunk); };
    const Status fits = memory->check(needed(context), cat("a session of ", context, " tokens (key-value cache and workspace)"));
    if (!fits.ok()) {
        // The most that would do, for who asks again.
        std::size_t good = 0, bad = context;
        for (const std::uint64_t left = memory->left(); bad - good > 1;) {
            const std::size_t middle = good + (bad - good) / 2;
            (needed(middle) <= left ? good : bad) = middle;
        }
        // Nobody asked for all of the model's context, which may be far more than is ever used.
        if (options.context == 0 && good >= kSpan)
            context = good / kSpan * kSpan;
        else
            return Status(fits.code(),
                          cat(fits.message(), "; ", good == 0 ? std::string("no context") : cat("a context of ", good, " tokens"),
                              " would fit"));
    }
    const std::uint64_t left = memory->left(), all = needed(context);
    const std::uint64_t checkpoints = std::min(KvCache::allowance_for(*layout, context, chunk), left - std::min(left, all));
    return std::make_shared<Session>(model, Sequence(KvCache(layout, memory, checkpoints), info.vocab, context), chunk);
}

Result<std::shared_ptr<Session>> Session::fork() const {
    auto other = std::make_shared<Session>(model_, sequence_, chunk_);
    other->attached_ = attached_;
    if (head_drafter_ != nullptr) other->head_drafter_ = head_drafter_->fork();
    return other;
}

Status Session::attach(std::shared_ptr<const LoadedAdapter> adapter, double scale) {
    if (adapter->model() != model_) return {Code::invalid_argument, "the adapter was loaded for another model than the session's"};
    constexpr double kMost = 1000;
    if (!(scale >= -kMost && scale <= kMost))
        return {Code::invalid_argument, cat("the scale is ", scale, ", expected -", kMost, " to ", kMost)};
    std::vector<AttachedAdapter> attached = attached_;
    const auto at = std::ranges::find(attached, adapter, &AttachedAdapter::adapter);
    if (at != attached.end())
        at->scale = static_cast<float>(scale);
    else
        attached.push_back({std::move(adapter), static_cast<float>(scale)});
    compute_with(std::move(attached));
    return {};
}

Status Session::detach(const LoadedAdapter& adapter) {
    std::vector<AttachedAdapter> attached = attached_;
    if (std::erase_if(attached, [&](const AttachedAdapter& a) { return a.adapter.get() == &adapter; }) == 0)
        return {Code::not_found, cat("the adapter '", adapter.name(), "' is not attached")};
    compute_with(std::move(attached));
    return {};
}

void Session::detach_all() { compute_with({}); }

void Session::compute_with(std::vector<AttachedAdapter> attached) {
    sequence_.use(make_set(attached));
    attached_ = std::move(attached);
    if (sequence_.store() != nullptr) use_store(sequence_.store());  // where it keeps what these compute apart
}

Hash128 Session::adapter_digest() const {
    return sequence_.adapters() != nullptr ? sequence_.adapters()->digest : Hash128();
}

Result<std::shared_ptr<HeadDrafter>> Session::head_drafter() {
    if (head_drafter_ == nullptr) {
        HEARTH_ASSIGN(head_drafter_, make_head_drafter(*model_, *this));
    }
    return head_drafter_;
}

std::uint64_t Session::cache_bytes() const {
    return sequence_.cache_bytes() + (head_drafter_ != nullptr ? head_drafter_->bytes() : 0);
}

std::size_t Session::rows(bool all) const { return all ? std::max<std::size_t>(sequence_.pending(), 1) : 1; }

Status Session::evaluate(bool all, float* out, const Stop* stop) {
    if (sequence_.length() == 0) return {Code::bad_state, "the session has no tokens to evaluate"};
    if (sequence_.pending() == 0 && !sequence_.logits().empty()) {
        if (out != nullptr) std::ranges::copy(sequence_.logits(), out);
        return {};
    }
    const auto guard = model_->runtime()->lock(stop);
    if (!guard) return {Code::cancelled, "stopped while others were computing"};
    return evaluate_locked(all, out, stop);
}

Status Session::evaluate_locked(bool all, float* out, const Stop* stop) {
    const std::size_t vocab = model_->info().vocab, wanted = rows(all);
    sequence_.recall(wanted);
    if (sequence_.missing() == 0 && out != nullptr) std::ranges::copy(sequence_.logits(), out);
    for (std::size_t left = sequence_.missing(); left > 0;) {
        const std::size_t count = std::min(left, chunk_), later = left - count;
        const std::size_t logits = wanted > later ? std::min(count, wanted - later) : 0;
        HEARTH_ASSIGN(SequenceBatch batch, sequence_.next_batch(count, logits));
        if (head_drafter_ != nullptr) batch.states = head_drafter_->states(sequence_.tokens(), batch.position, count);
        HEARTH_ASSIGN(float* const rows, model_->logits_room(std::max<std::size_t>(logits, 1)));
        HEARTH_TRY(model_->forward({&batch, 1}, rows, stop));
        sequence_.done(count, later == 0 ? std::span(rows + (logits - 1) * vocab, vocab) : std::span<const float>());
        if (head_drafter_ != nullptr) head_drafter_->computed(sequence_.tokens(), count);
        if (out != nullptr && logits != 0) out = std::copy_n(rows, logits * vocab, out);
        left = later;
    }
    return {};
}

Status Session::layer_states(std::span<const Token> tokens, float* out) {
    HEARTH_TRY(sequence_.truncate(0));
    HEARTH_TRY(sequence_.append(tokens));
    const auto guard = model_->runtime()->lock();
    HEARTH_ASSIGN(float* const logits, model_->logits_room(1));
    for (std::size_t left = sequence_.missing(); left > 0;) {
        const std::size_t count = std::min(left, chunk_);
        left -= count;
        HEARTH_ASSIGN(SequenceBatch batch, sequence_.next_batch(count, 0));
        if (left == 0) batch.layer_states = out;
        HEARTH_TRY(model_->forward({&batch, 1}, logits));
        sequence_.done(count, {});
    }
    return {};
}

void Session::use_store(std::shared_ptr<PrefixStore> store) {
    if (store == nullptr) return sequence_.use_store({});
    const std::uint64_t border = model_->info().long_context;
    Hasher h;
    h.add(model_->digest());
    h.add(std::uint64_t{border != 0 && sequence_.context() > border});  // then positions mean something else
    if (sequence_.adapters() != nullptr) h.add(adapter_digest());
    sequence_.use_store({std::move(store), PrefixStore::origin(sequence_.cache().layout(), h.digest()),
                         &model_->runtime()->executor(), model_->info().vocab});
}

void Session::cancel() {
    const std::lock_guard lock(cancel_mutex_);
    if (generator_ != nullptr) generator_->cancel(handle_);
    if (stop_ != nullptr) stop_->request();
}

void Session::runs_in(Generator* generator, void* handle) {
    const std::lock_guard lock(cancel_mutex_);
    generator_ = generator;
    handle_ = handle;
}

void Session::runs(Stop* stop) {
    const std::lock_guard lock(cancel_mutex_);
    stop_ = stop;
}

}  // namespace hearth
