#include "text/jinja/parser.hpp"

#include <algorithm>

#include "hearth/base/cat.hpp"
#include "text/jinja/native.hpp"

namespace hearth::text::jinja {

namespace {
// Of the grammar: statements in statements and brackets in brackets.
constexpr std::size_t kMostLevels = 100;
}  // namespace

Parser::Level::Level(Parser& parser) : parser_(parser) {
    if (++parser_.level_ > kMostLevels)
        parser_.fail(parser_.now().at, cat("statements and brackets are nested more than ", kMostLevels, " deep"));
}

Status Parser::run() {
    HEARTH_ASSIGN(lexemes_, lex(program_.source));
    program_.loop = symbol("loop");
    program_.caller = symbol("caller");
    program_.varargs = symbol("varargs");
    program_.kwargs = symbol("kwargs");
    program_.body = body({});
    if (!failed() && !is(Token::end)) fail(now().at, cat("unexpected ", describe(now())));
    return status_;
}

void Parser::fail(std::size_t at, std::string_view message) {
    if (failed()) return;
    status_ = {Code::malformed, cat(place(program_.source, at), ": ", message)};
    // Nothing is read any more: all loops of the grammar end at the end.
    next_ = lexemes_.size() - 1;
}

bool Parser::is_any(Names names) const {
    return is(Token::name) && std::find(names.begin(), names.end(), now().text) != names.end();
}
bool Parser::skip(Token token) {
    if (!is(token)) return false;
    advance();
    return true;
}
bool Parser::skip_name(std::string_view text) {
    if (!is_name(text)) return false;
    advance();
    return true;
}
void Parser::expect(Token token, std::string_view what) {
    if (!skip(token)) fail(now().at, cat("expected ", what, ", found ", describe(now())));
}
void Parser::expect_name(std::string_view text) {
    if (!skip_name(text)) fail(now().at, cat("expected '", text, "', found ", describe(now())));
}
std::string Parser::take_name(std::string_view what) {
    if (!is(Token::name)) {
        fail(now().at, cat("expected ", what, ", found ", describe(now())));
        return {};
    }
    std::string text = now().text;
    advance();
    return text;
}

std::uint32_t Parser::symbol(const std::string& name) {
    const auto [at, fresh] = symbols_.emplace(name, static_cast<std::uint32_t>(program_.symbols.size()));
    if (fresh) program_.symbols.push_back(name);
    return at->second;
}

std::unique_ptr<Stmt> Parser::make_statement(Stmt::Kind kind, std::size_t at) {
    auto s = std::make_unique<Stmt>();
    s->kind = kind;
    s->at = static_cast<std::uint32_t>(at);
    return s;
}

Body Parser::body(Names ends) {
    Body out;
    const Level level(*this);
    while (level && !is(Token::end)) {
        const std::size_t at = now().at;
        if (is(Token::text)) {
            out.push_back(make_statement(Stmt::Kind::text, at));
            out.back()->text = now().text;
            advance();
        } else if (skip(Token::variable_begin)) {
            auto s = make_statement(Stmt::Kind::output, at);
            s->exprs.push_back(tuple());
            expect(Token::variable_end, "'}}'");
            out.push_back(std::move(s));
        } else {
            expect(Token::block_begin, "a tag");
            if (is_any(ends)) return out;
            if (auto s = statement()) out.push_back(std::move(s));
        }
    }
    if (!failed() && ends.size() != 0) {
        std::string wanted;
        for (const std::string_view end : ends) wanted += cat(wanted.empty() ? "'" : " or '", end, "'");
        fail(now().at, cat("expected the tag ", wanted, ", found the end of the template"));
    }
    return out;
}

void Parser::end_block() { expect(Token::block_end, "'%}'"); }

Body Parser::closed_body(std::string_view end) {
    end_block();
    Body out = body({end});
    expect_name(end);
    return out;
}

std::unique_ptr<Stmt> Parser::statement() {
    const std::size_t at = now().at;
    const std::string tag = take_name("the name of a tag");
    if (failed()) return nullptr;
    const bool was_lenient = lenient_;
    if (tag != "if" && tag != "print" && tag != "set") lenient_ = false;
    std::unique_ptr<Stmt> s;
    if (tag == "if") {
        s = branch();
    } else if (tag == "for") {
        s = loop();
    } else if (tag == "set") {
        s = set();
    } else if (tag == "macro") {
        s = macro();
    } else if (tag == "call") {
        s = call_block();
    } else if (tag == "filter") {
        s = filter_block();
    } else if (tag == "with") {
        s = with();
    } else if (tag == "block") {
        s = named_block();
    } else if (tag == "generation") {
        s = make_statement(Stmt::Kind::scope, at);
        s->body = closed_body("endgeneration");
    } else if (tag == "autoescape") {
        s = make_statement(Stmt::Kind::autoescape, at);
        s->exprs.push_back(expression());
        s->body = closed_body("endautoescape");
    } else if (tag == "print") {
        s = make_statement(Stmt::Kind::output, at);
        while (!failed() && !is(Token::block_end)) {
            if (!s->exprs.empty()) expect(Token::comma, "','");
            s->exprs.push_back(expression());
        }
    } else if (tag == "break" || tag == "continue") {
        if (loops_ == 0) fail(at, cat("'", tag, "' stands outside of a loop"));
        s = make_statement(tag == "break" ? Stmt::Kind::stop : Stmt::Kind::next, at);
    } else if (tag == "include" || tag == "import" || tag == "from" || tag == "extends") {
        fail(at, cat("'", tag, "' would load another template, which chat templates cannot do"));
    } else {
        fail(at, cat("unknown tag '", tag, "'"));
    }
    lenient_ = was_lenient;
    if (!failed()) end_block();
    return s;
}

std::unique_ptr<Stmt> Parser::branch() {
    auto s = make_statement(Stmt::Kind::branch, now().at);
    const bool was_lenient = lenient_;
    bool has_condition = true;
    while (!failed()) {
        Branch b;
        if (has_condition) b.condition = tuple(false);
        lenient_ = true;
        end_block();
        if (has_condition)
            b.body = body({"elif", "else", "endif"});
        else
            b.body = body({"endif"});
        s->branches.push_back(std::move(b));
        if (skip_name("elif")) continue;
        if (has_condition && skip_name("else")) {
            has_condition = false;
            continue;
        }
        expect_name("endif");
        break;
    }
    lenient_ = was_lenient;
    return s;
}

std::unique_ptr<Stmt> Parser::loop() {
    auto s = make_statement(Stmt::Kind::loop, now().at);
    s->targets.push_back(target(true, false));
    expect_name("in");
    s->exprs.push_back(tuple(false, false, {"recursive"}));
    s->exprs.push_back(skip_name("if") ? expression() : nullptr);
    s->recursive = skip_name("recursive");
    end_block();
    ++loops_;
    s->body = body({"endfor", "else"});
    --loops_;
    if (skip_name("else")) {
        end_block();
        s->otherwise = body({"endfor"});
    }
    expect_name("endfor");
    return s;
}

Target Parser::single_target(bool with_attribute) {
    Target t;
    t.at = now().at;
    if (skip(Token::lparen)) {
        t = target(true, with_attribute);
        expect(Token::rparen, "')'");
        return t;
    }
    const std::string text = take_name("the name of a variable");
    static constexpr std::string_view reserved[] = {"true", "false", "none", "True", "False", "None"};
    if (!failed() && std::find(std::begin(reserved), std::end(reserved), text) != std::end(reserved))
        fail(t.at, cat("cannot assign to '", text, "'"));
    t.symbol = symbol(text);
    if (with_attribute && skip(Token::dot)) {
        t.kind = Target::Kind::attribute;
        t.attribute = take_name("the name of an attribute");
    }
    return t;
}

Target Parser::target(bool with_tuple, bool with_attribute) {
    const Level level(*this);
    if (!level) return {};
    const std::size_t at = now().at;
    Target first = single_target(with_attribute);
    if (!with_tuple || !is(Token::comma)) return first;
    Target all;
    all.kind = Target::Kind::tuple;
    all.at = static_cast<std::uint32_t>(at);
    all.parts.push_back(std::move(first));
    while (skip(Token::comma)) {
        if (!is(Token::name) && !is(Token::lparen)) break;
        if (is_name("in")) break;
        all.parts.push_back(single_target(with_attribute));
    }
    return all;
}

std::unique_ptr<Stmt> Parser::set() {
    const std::size_t at = now().at;
    auto s = make_statement(Stmt::Kind::set, at);
    s->targets.push_back(target(true, true));
    if (skip(Token::assign)) {
        s->exprs.push_back(tuple());
        return s;
    }
    s->kind = Stmt::Kind::set_block;
    const bool was_lenient = lenient_;
    lenient_ = false;
    s->exprs.push_back(is(Token::pipe) ? filters(make(Op::operand, at)) : nullptr);
    s->body = closed_body("endset");
    lenient_ = was_lenient;
    return s;
}

void Parser::signature(MacroDefinition& definition) {
    expect(Token::lparen, "'('");
    while (!failed() && !is(Token::rparen)) {
        if (!definition.parameters.empty()) expect(Token::comma, "','");
        Parameter p;
        const std::size_t at = now().at;
        p.name = take_name("the name of a parameter");
        p.symbol = symbol(p.name);
        if (skip(Token::assign))
            p.value = expression();
        else if (!definition.parameters.empty() && definition.parameters.back().value != nullptr)
            fail(at, cat("the parameter '", p.name, "' without a default follows one with a default"));
        definition.parameters.push_back(std::move(p));
    }
    expect(Token::rparen, "')'");
}

std::unique_ptr<Stmt> Parser::macro() {
    auto s = make_statement(Stmt::Kind::macro, now().at);
    s->macro = std::make_unique<MacroDefinition>();
    s->macro->name = take_name("the name of a macro");
    s->symbol = symbol(s->macro->name);
    const std::size_t outer_loops = loops_;
    loops_ = 0;
    macros_.push_back(s->macro.get());
    signature(*s->macro);
    s->macro->body = closed_body("endmacro");
    macros_.pop_back();
    loops_ = outer_loops;
    return s;
}

std::unique_ptr<Stmt> Parser::call_block() {
    auto s = make_statement(Stmt::Kind::call, now().at);
    s->macro = std::make_unique<MacroDefinition>();
    s->macro->name = "caller";
    if (is(Token::lparen)) signature(*s->macro);
    const std::size_t at = now().at;
    s->exprs.push_back(expression());
    if (!failed() && s->exprs[0]->op != Op::call) fail(at, "expected a call after 'call'");
    const std::size_t outer_loops = loops_;
    loops_ = 0;
    macros_.push_back(s->macro.get());
    s->macro->body = closed_body("endcall");
    macros_.pop_back();
    loops_ = outer_loops;
    return s;
}

std::unique_ptr<Stmt> Parser::filter_block() {
    auto s = make_statement(Stmt::Kind::filter, now().at);
    s->exprs.push_back(filters(filter(make(Op::operand, now().at))));
    s->body = closed_body("endfilter");
    return s;
}

std::unique_ptr<Stmt> Parser::with() {
    auto s = make_statement(Stmt::Kind::with, now().at);
    while (!failed() && !is(Token::block_end)) {
        if (!s->targets.empty()) expect(Token::comma, "','");
        s->targets.push_back(target(false, false));
        expect(Token::assign, "'='");
        s->exprs.push_back(expression());
    }
    s->body = closed_body("endwith");
    return s;
}

std::unique_ptr<Stmt> Parser::named_block() {
    auto s = make_statement(Stmt::Kind::block, now().at);
    const std::string text = take_name("the name of a block");
    const bool scoped = skip_name("scoped");
    skip_name("required");
    if (scoped) s->kind = Stmt::Kind::scope;
    const std::size_t outer_loops = loops_;
    loops_ = 0;
    s->body = closed_body("endblock");
    loops_ = outer_loops;
    if (is(Token::name)) expect_name(text);
    return s;
}

}  // namespace hearth::text::jinja
