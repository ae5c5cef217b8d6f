// A call of a tool that a generation must be, in the notation of the model's dialect (chat_parser.hpp), which reads it
// back. Thread class: immutable, shareable.
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "hearth/base/status.hpp"
#include "hearth/text/constraint.hpp"

namespace hearth {

class ForcedCall {
public:
    // `tools`: a JSON array of {"type": "function", "function": {"name", "parameters"}}, or of the functions
    // themselves. `name`: that of the tool to be called; "": any of them. `dialect`: "": that of the model. Fails as
    // from_json_schema does where the parameters are no schema that is supported.
    static Result<std::shared_ptr<const ForcedCall>> make(std::string_view tools, std::string_view name,
                                                          std::string_view dialect);
    // One call, for a vocabulary. `dialect`: the model's. `reasoning_end`: the tag up to which there is reasoning before
    // it, or "". Refuses parameters that the dialect has no way to write.
    Result<std::shared_ptr<const Grammar>> grammar(std::string_view dialect, const TokenBytes& tokens,
                                                   std::string_view reasoning_end = {}) const;
    // The tag, where the model's prompt ends in reasoning.
    std::string_view reasoning_end(std::string_view dialect, std::string_view prompt) const;

private:
    struct Tools;
    explicit ForcedCall(std::shared_ptr<const Tools> tools) : tools_(std::move(tools)) {}
    std::shared_ptr<const Tools> tools_;
};

}  // namespace hearth
