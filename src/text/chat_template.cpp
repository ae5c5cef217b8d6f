#include "hearth/text/chat_template.hpp"

#include "hearth/base/cat.hpp"
#include "hearth/base/utf8.hpp"
#include "text/jinja/interpreter.hpp"
#include "text/jinja/json_input.hpp"
#include "text/jinja/parser.hpp"

namespace hearth {

namespace {

using namespace text::jinja;  // NOLINT(google-build-using-namespace)

// Places are 32 bits; the largest templates of models have some 50 kB.
constexpr std::size_t kMostSource = 16u << 20;

Status define_all(Run& run, Interpreter& in, const Value& input, const TemplateDefaults& defaults) {
    Dict& members = input.as<Dict>();
    const auto define = [&](const Dict& from) {
        for (const Dict::Entry& e : from.entries) in.define(e.key.text(), e.value);
    };
    const Value* const extra = members.find("extra");
    const Value* const now = members.find("now");
    if (extra != nullptr && !extra->is_none() && !extra->is(Kind::dict))
        return {Code::invalid_argument, cat("the input's member 'extra' must be an object, not ", type_name(*extra))};
    if (now != nullptr && !now->is_none()) {
        Moment moment;
        if (!now->is_string() || !parse_moment(now->text(), moment))
            return {Code::invalid_argument, "the input's member 'now' must be a time like \"2025-06-15T12:34:56\""};
        in.set_moment(moment);
    }
    for (const auto& [name, text] : defaults) in.define(name, run.text(text));
    for (const Dict::Entry& e : members.entries)
        if (e.key.text() != "extra" && e.key.text() != "now") in.define(e.key.text(), e.value);
    if (extra != nullptr && extra->is(Kind::dict)) define(extra->as<Dict>());
    return {};
}

// The object whose members are the variables.
Result<Value> variables_of(Run& run, std::string_view input) {
    HEARTH_ASSIGN(Value variables, parse_json(run, input));
    if (variables.is(Kind::dict)) {
        Dict& all = variables.as<Dict>();
        const Value* const inner = all.find("messages") == nullptr ? all.find("input") : nullptr;
        if (inner != nullptr && inner->is(Kind::dict)) variables = Value(*inner);
    }
    if (!variables.is(Kind::dict))
        return Status(Code::invalid_argument, cat("the input must be an object, not ", type_name(variables)));
    return variables;
}

}  // namespace

Result<ChatTemplate> ChatTemplate::compile(std::string_view source) {
    if (source.size() > kMostSource)
        return Status(Code::unsupported,
                      cat("the template has ", source.size(), " bytes, expected at most ", kMostSource));
    if (const std::size_t valid = utf8_valid_prefix(source); valid != source.size())
        return Status(Code::invalid_utf8, cat("the template is not UTF-8 at byte ", valid));
    auto program = std::make_shared<Program>();
    program->source = normalize_newlines(source);
    HEARTH_TRY(Parser(*program).run());
    ChatTemplate out;
    out.program_ = std::move(program);
    return out;
}

Result<std::string> ChatTemplate::render(std::string_view input, const TemplateDefaults& defaults,
                                         const TemplateLimits& limits) const {
    Run run(limits);
    HEARTH_ASSIGN(const Value variables, variables_of(run, input));
    Interpreter in(run, *program_);
    HEARTH_TRY(define_all(run, in, variables, defaults));
    std::string out;
    if (!in.render(out)) return in.failure();
    return out;
}

bool ChatTemplate::has_tools(std::string_view input) {
    Run run(TemplateLimits{});
    const auto variables = variables_of(run, input);
    const Value* const tools = variables.ok() ? variables->as<Dict>().find("tools") : nullptr;
    return tools != nullptr && truth(*tools);
}

}  // namespace hearth
