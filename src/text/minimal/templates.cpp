// Instead of jinja/: a build without the chat layer renders no templates.
#include "hearth/text/chat_template.hpp"

namespace hearth {

namespace {
Status left_out() { return {Code::unsupported, "this build of hearth (HEARTH_MINIMAL) renders no chat templates"}; }
}  // namespace

Result<ChatTemplate> ChatTemplate::compile(std::string_view) { return left_out(); }

Result<std::string> ChatTemplate::render(std::string_view, const TemplateDefaults&, const TemplateLimits&) const {
    return left_out();
}

bool ChatTemplate::has_tools(std::string_view) { return false; }

}  // namespace hearth
