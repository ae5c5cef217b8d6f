// What constrained output takes of a loaded model.
#include "hearth/base/cat.hpp"
#include "hearth/engine/chat.hpp"
#include "hearth/engine/chat_turn.hpp"
#include "hearth/engine/engine.hpp"
#include "hearth/engine/generator.hpp"
#include "hearth/text/chat_parser.hpp"

namespace hearth {

Result<std::shared_ptr<const TokenBytes>> LoadedModel::token_bytes() {
    const std::lock_guard lock(token_bytes_mutex_);
    if (token_bytes_ == nullptr) {
        // Settings that outlive the model keep them, and give their memory back with their last owner.
        HEARTH_ASSIGN(token_bytes_, TokenBytes::make(*tokenizer_, runtime_->memory()));
    }
    return token_bytes_;
}

Result<std::unique_ptr<Constraint>> begin_constraint(LoadedModel& model, const Sampling& sampling,
                                                     const GenerateOptions& options, std::span<const Token> prompt) {
    if (sampling.constraint() == nullptr) return std::unique_ptr<Constraint>();
    if (options.ignore_eos)
        return Status(Code::invalid_argument,
                      "the text is constrained, so it ends where it is whole: ends of generation cannot be ignored");
    HEARTH_ASSIGN(const auto tokens, model.token_bytes());
    std::string_view dialect;
    std::string end;
    if (sampling.constraint()->needs_dialect()) {
        const ChatTemplates templates(model.metadata(), *model.tokenizer());
        const std::string* source = templates.source("tool_use");
        if (source == nullptr) source = templates.source("");
        dialect = source != nullptr ? ChatParser::detect(*source) : "plain";
        end = end_of_prompt(*model.tokenizer(), prompt);
    }
    HEARTH_ASSIGN(const Constraint begun, sampling.constraint()->begin(tokens, dialect, end));
    return std::make_unique<Constraint>(begun);
}

}  // namespace hearth
