#include <algorithm>

#include "hearth/engine/draft.hpp"
#include "hearth/engine/engine.hpp"

namespace hearth {

namespace {

class ModelDrafter final : public Drafter {
public:
    // `vocab`: tokens that both models have.
    ModelDrafter(std::shared_ptr<LoadedModel> model, std::shared_ptr<Session> session, std::size_t vocab)
        : model_(std::move(model)), session_(std::move(session)), vocab_(vocab) {}

    double seconds() const override { return seconds_; }
    Status guess(std::span<const DraftToken> tokens, std::size_t most, std::vector<DraftToken>& out,
                 const Stop* stop) override {
        out.clear();
        seconds_ = 0;
        Sequence& s = session_->sequence();
        if (tokens.size() >= s.context()) return {};
        const auto foreign = [&](DraftToken t) { return static_cast<std::size_t>(t) >= model_->info().vocab; };
        const auto known = s.tokens();
        const auto same = static_cast<std::size_t>(std::ranges::mismatch(known, tokens).in1 - known.begin());
        // What it cannot read it has no guess about.
        if (std::ranges::any_of(tokens.subspan(same), foreign)) return {};
        HEARTH_TRY(s.truncate(same));
        HEARTH_TRY(s.append(tokens.subspan(same)));
        // A prompt, or what was decoded without guesses.
        if (s.missing() > 2) HEARTH_TRY(session_->evaluate_locked(false, nullptr, stop));
        const auto start = Stop::Clock::now();
        for (most = std::min(most, s.context() - tokens.size()); out.size() < most;) {
            HEARTH_TRY(session_->evaluate_locked(false, nullptr, stop));
            const auto logits = s.logits().first(vocab_);
            const auto token = static_cast<DraftToken>(std::ranges::max_element(logits) - logits.begin());
            out.push_back(token);
            HEARTH_TRY(s.append({&token, 1}));
        }
        seconds_ = std::chrono::duration<double>(Stop::Clock::now() - start).count();
        return {};
    }

private:
    std::shared_ptr<LoadedModel> model_;
    std::shared_ptr<Session> session_;
    std::size_t vocab_;
    double seconds_ = 0;
};

}  // namespace

Result<std::unique_ptr<Drafter>> make_model_drafter(LoadedModel& target, std::shared_ptr<LoadedModel> draft,
                                                    std::size_t context) {
    if (draft->runtime() != target.runtime())
        return Status(Code::invalid_argument, "the draft model belongs to another runtime than the model");
    HEARTH_TRY(target.check_same_tokens(*draft));
    const std::size_t vocab = std::min(draft->info().vocab, target.info().vocab);
    const std::size_t most = draft->info().context != 0 ? static_cast<std::size_t>(draft->info().context) : context;
    HEARTH_ASSIGN(auto session, Session::make(draft, {std::min(context, most), KvType::f16, 0}));
    return std::unique_ptr<Drafter>(new ModelDrafter(std::move(draft), std::move(session), vocab));
}

}  // namespace hearth
