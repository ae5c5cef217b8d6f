// Instead of chat_tokens.cpp and constrained.cpp: a build without the chat layer.
#include "hearth/engine/chat_tokens.hpp"
#include "hearth/engine/engine.hpp"
#include "hearth/engine/generator.hpp"

namespace hearth {

Result<std::vector<Token>> chat_tokens(const ChatTemplates&, const Tokenizer&, std::optional<std::string_view>,
                                       std::string_view, bool) {
    return Status(Code::unsupported, "this build of hearth (HEARTH_MINIMAL) renders no chat templates");
}

Result<std::shared_ptr<const TokenBytes>> LoadedModel::token_bytes() { return TokenBytes::make(*tokenizer_, nullptr); }

// No sampling has a constraint.
Result<std::unique_ptr<Constraint>> begin_constraint(LoadedModel&, const Sampling&, const GenerateOptions&,
                                                     std::span<const Token>) {
    return std::unique_ptr<Constraint>();
}

}  // namespace hearth
