#include "hearth/text/forced_call.hpp"

#include <algorithm>
#include <utility>
#include <vector>

#include "hearth/base/cat.hpp"
#include "hearth/text/chat_parser.hpp"
#include "text/grammar/json_schema.hpp"
#include "text/grammar/source.hpp"
#include "text/tool_calls/dialect.hpp"
#include "text/tool_values.hpp"

namespace hearth {

namespace {

using namespace text::grammar;

constexpr std::size_t kMostTools = 1024;

enum class Form : std::uint8_t { json, braces, tags };
struct CallForm {
    std::string_view dialect;
    Form form;
    std::string_view needs, before, between, gap, behind;
};
constexpr CallForm kForms[] = {
#define HEARTH_CALL_FORM_OF(dialect, needs, before, between, behind) \
    {#dialect, Form::json, needs, before, between, "", behind},
#define HEARTH_CALL_FORM(dialect, before, between, behind) {#dialect, Form::json, "", before, between, "", behind},
#define HEARTH_CALL_BRACES(dialect, before, between, behind) {#dialect, Form::braces, "", before, between, "", behind},
#define HEARTH_CALL_TAGS(dialect, before, between, gap, behind) \
    {#dialect, Form::tags, "", before, between, gap, behind},
#include "text/grammar/call_forms.inc"
#undef HEARTH_CALL_FORM_OF
#undef HEARTH_CALL_FORM
#undef HEARTH_CALL_BRACES
#undef HEARTH_CALL_TAGS
};

// How the dialect's parser reads arguments that are no JSON.
const text::Step* arguments_step(std::string_view dialect) {
    const text::Dialect* const found = text::dialect_named(dialect);
    if (found == nullptr) return nullptr;
    for (const text::Trigger& trigger : found->triggers)
        for (const text::Step& step : trigger.steps)
            if (step.op == text::Op::params || step.op == text::Op::braces) return &step;
    return nullptr;
}

bool known_dialect(std::string_view dialect) {
    const auto names = ChatParser::dialects();
    return std::find(names.begin(), names.end(), dialect) != names.end();
}

// Names stand in texts of many notations, where nothing can be escaped in the same way.
bool plain_name(std::string_view name) {
    return !name.empty() && name.size() <= 256 && std::all_of(name.begin(), name.end(), [](char c) {
        return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' || c == '-' ||
               c == '.';
    });
}

// The spellings of control tokens, the longest first.
class Controls {
public:
    explicit Controls(const TokenBytes& tokens) {
        for (std::size_t t = 0; t < tokens.size(); ++t)
            if (const std::string& piece = tokens.piece(static_cast<Token>(t));
                piece.size() > 1 && piece.front() == TokenBytes::kControl)
                spellings_.emplace_back(std::string_view(piece).substr(1));
        std::sort(spellings_.begin(), spellings_.end(), [](std::string_view a, std::string_view b) {
            return std::pair(b.size(), a) < std::pair(a.size(), b);
        });
    }
    bool has(std::string_view text) const {
        return text.empty() || std::find(spellings_.begin(), spellings_.end(), text) != spellings_.end();
    }
    // The text with the tokens in the place of their spellings.
    std::string replaced(std::string_view text) const {
        std::string out;
        while (!text.empty()) {
            const auto token = std::find_if(spellings_.begin(), spellings_.end(),
                                            [&](std::string_view spelling) { return text.starts_with(spelling); });
            const std::size_t length = token != spellings_.end() ? token->size() : 1;
            if (token != spellings_.end()) out += TokenBytes::kControl;
            out += text.substr(0, length);
            text.remove_prefix(length);
        }
        return out;
    }

private:
    std::vector<std::string_view> spellings_;
};

}  // namespace

struct ForcedCall::Tools {
    struct Tool {
        std::string name;
        const Json* parameters;  // in `document`; null: none
    };
    Json document;
    std::vector<Tool> tools;
    std::string dialect;
    text::ToolSchemas schemas;  // as the parser has them
    Json object, nothing;       // schemas of any object, and of one without properties

    Status read(std::string_view text) {
        HEARTH_ASSIGN(document, parse_json(text, "tools"));
        HEARTH_ASSIGN(object, parse_json(R"({"type": "object"})", "schema"));
        HEARTH_ASSIGN(nothing, parse_json(R"({"type": "object", "additionalProperties": false})", "schema"));
        object.order = ~std::uint32_t{0};  // unlike any of a schema that it stands beside
        if (!document.is(Json::Type::array) || document.items.empty() || document.items.size() > kMostTools)
            return {Code::invalid_argument, cat("the tools are no JSON array of 1 to ", kMostTools, " definitions")};
        for (std::size_t i = 0; i < document.items.size(); ++i) {
            const Json* function = document.items[i].find("function");
            if (function == nullptr) function = &document.items[i];
            const Json* name = function->find("name");
            if (name == nullptr || !name->is(Json::Type::string))
                return {Code::invalid_argument, cat("tool ", i, " has no name")};
            if (!plain_name(name->text))
                return {Code::invalid_argument, cat("the name of tool ", i, ", ", json_quoted(name->text),
                                                    ", is not of 1 to 256 letters, digits, '_', '-' and '.'")};
            const auto same = [&](const Tool& tool) { return tool.name == name->text; };
            if (std::any_of(tools.begin(), tools.end(), same))
                return {Code::invalid_argument, cat("two tools have the name '", name->text, "'")};
            const Json* parameters = function->find("parameters");
            if (parameters != nullptr && (parameters->is(Json::Type::null) ||
                                          (parameters->is(Json::Type::object) && parameters->members.empty())))
                parameters = nullptr;
            tools.push_back({name->text, parameters});
        }
        HEARTH_ASSIGN(schemas, text::ToolSchemas::parse(text));
        return {};
    }

    // Arguments of a tool, between the form's ends.
    Result<Rule> arguments(Ir& ir, const Tool& tool, const CallForm& form, const Controls& controls) const {
        const Json& parameters = tool.parameters != nullptr ? *tool.parameters : nothing;
        if (form.form == Form::json) return add_schema(ir, parameters, &object);
        const text::Step& step = *arguments_step(form.dialect);
        if (form.form == Form::braces)
            return add_schema(
                ir, parameters, &object,
                {.quote = std::string(step.text), .quote_written = controls.replaced(step.text), .escaped = {}});
        const text::ParamRule& rule = *step.params;
        const std::string_view line = rule.newlines ? "\n" : "";
        Tags tags;
        tags.open = controls.replaced(rule.open);
        tags.key_end =
            controls.replaced(cat(rule.key_end, rule.value_begin.empty() ? "" : form.gap, rule.value_begin, line));
        tags.close = rule.close;
        tags.close_written = controls.replaced(cat(line, rule.close, form.gap));
        tags.cdata = rule.cdata;
        tags.kinds = [&](std::string_view key) { return schemas.kinds(tool.name, key); };
        return add_tagged(ir, parameters, &object, tags);
    }

    Result<std::shared_ptr<const Grammar>> grammar(const CallForm& form, const Controls& controls,
                                                   std::string_view reasoning_end) const {
        Ir ir;
        std::vector<Expr> ways;
        for (const Tool& tool : tools) {
            auto written = arguments(ir, tool, form, controls);
            if (!written.ok()) return std::move(written).status().in(cat("parameters of tool '", tool.name, "'"));
            ways.push_back(ir.sequence(
                {ir.literal(cat(controls.replaced(form.before), tool.name, controls.replaced(form.between))),
                 ir.rule(*written), ir.literal(controls.replaced(form.behind))}));
        }
        const Rule call = ir.declare("a call");
        ir.define(call, ir.choice(std::move(ways)));
        Rule whole = call;
        if (!reasoning_end.empty()) {
            whole = ir.declare("reasoning and a call");
            const std::string end = controls.replaced(reasoning_end);
            ir.define(whole, ir.sequence({text_without(ir, reasoning_end), ir.literal(end), ir.literal("\n\n"), ir.rule(call)}));
        }
        HEARTH_ASSIGN(auto automaton, compile(ir, whole));
        return std::shared_ptr<const Grammar>(std::make_shared<Grammar>(std::move(automaton)));
    }
};

Result<std::shared_ptr<const ForcedCall>> ForcedCall::make(std::string_view tools, std::string_view name,
                                                           std::string_view dialect) {
    HEARTH_TRY(Source::check(tools, "tools", kMostText));
    if (!dialect.empty() && !known_dialect(dialect))
        return Status(Code::invalid_argument, cat("there is no dialect of tool calls '", dialect, "'"));
    auto made = std::make_shared<Tools>();
    HEARTH_TRY(made->read(tools));
    made->dialect = dialect;
    if (!name.empty()) {
        std::erase_if(made->tools, [&](const Tools::Tool& tool) { return tool.name != name; });
        if (made->tools.empty()) return Status(Code::not_found, cat("there is no tool '", name, "'"));
    }
    // What is wrong with the schemas is told here, whatever the dialect.
    std::shared_ptr<const ForcedCall> out(new ForcedCall(std::move(made)));
    const auto none = TokenBytes::make(std::vector<std::string>{}, {});
    HEARTH_TRY(out->grammar(dialect.empty() ? "plain" : dialect, *none).status());
    return out;
}

std::string_view ForcedCall::reasoning_end(std::string_view dialect, std::string_view prompt) const {
    return ChatParser::reasoning_end(tools_->dialect.empty() ? dialect : tools_->dialect, prompt);
}

Result<std::shared_ptr<const Grammar>> ForcedCall::grammar(std::string_view dialect, const TokenBytes& tokens,
                                                           std::string_view reasoning_end) const {
    if (!tools_->dialect.empty()) dialect = tools_->dialect;
    const Controls controls(tokens);
    for (const CallForm& form : kForms)
        if (form.dialect == dialect && controls.has(form.needs)) return tools_->grammar(form, controls, reasoning_end);
    return Status(Code::unsupported, cat("calls of tools cannot be forced in the dialect '", dialect, "'"));
}

}  // namespace hearth
