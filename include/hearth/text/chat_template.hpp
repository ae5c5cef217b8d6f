// Chat templates: the Jinja programs that models carry, rendered as Hugging Face transformers renders them (blocks
// trimmed, loop controls, an immutable sandbox) and with bounds on what a template may spend.
// Thread class: immutable, shareable; renderings do not see each other.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "hearth/base/status.hpp"

namespace hearth {

namespace text::jinja {
struct Program;
}

// What one rendering may take. The figures are far above what templates of models need for conversations of megabytes.
struct TemplateLimits {
    std::uint64_t steps = 20'000'000;  // expressions, statements, elements, and 32 bytes of text each
    std::size_t output_bytes = 64u << 20;
    std::size_t memory_bytes = std::size_t{256} << 20;  // of values at one time
    std::size_t depth = 800;                            // of nested calls, statements and expressions under way
};

// Names and texts of variables that are set where the input has no member of that name.
using TemplateDefaults = std::vector<std::pair<std::string, std::string>>;

class ChatTemplate {
public:
    // An error names line and column: "line 3, column 7: …".
    static Result<ChatTemplate> compile(std::string_view source);

    // `input` is a JSON object. Each member is a variable of the template (messages, tools, add_generation_prompt,
    // bos_token …), but for `extra`, whose members are further variables, and `now`, the time that strftime_now()
    // tells ("2025-06-15T12:34:56"; without it the clock's). An object with a member `input` and no `messages` stands
    // for that member.
    Result<std::string> render(std::string_view input, const TemplateDefaults& defaults = {},
                               const TemplateLimits& limits = {}) const;

    // Whether the input has tools: models may carry a template of its own for that.
    static bool has_tools(std::string_view input);

private:
    std::shared_ptr<const text::jinja::Program> program_;
};

}  // namespace hearth
