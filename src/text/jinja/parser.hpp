// From tokens to a Program, by the grammar of Jinja 3.1.
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "text/jinja/ast.hpp"
#include "text/jinja/lexer.hpp"

namespace hearth::text::jinja {

class Parser {
public:
    explicit Parser(Program& program) : program_(program) {}
    Status run();

private:
    using Names = std::initializer_list<std::string_view>;

    // ---- statements: parser.cpp
    Body body(Names ends);  // up to, not including, the name of one of these tags
    std::unique_ptr<Stmt> statement();
    void end_block();
    std::unique_ptr<Stmt> branch();
    std::unique_ptr<Stmt> loop();
    std::unique_ptr<Stmt> set();
    std::unique_ptr<Stmt> macro();
    std::unique_ptr<Stmt> call_block();
    std::unique_ptr<Stmt> filter_block();
    std::unique_ptr<Stmt> with();
    std::unique_ptr<Stmt> named_block();
    Body closed_body(std::string_view end);  // the body, its end tag's name and the end of that tag
    void signature(MacroDefinition& definition);
    Target target(bool with_tuple, bool with_attribute);
    Target single_target(bool with_attribute);
    std::unique_ptr<Stmt> make_statement(Stmt::Kind kind, std::size_t at);

    // ---- expressions: parser_expression.cpp
    ExprPtr expression(bool with_condition = true);
    ExprPtr tuple(bool with_condition = true, bool parenthesised = false, Names ends = {});
    ExprPtr either();
    ExprPtr both();
    ExprPtr negation();
    ExprPtr comparison();
    ExprPtr sum();
    ExprPtr concatenation();
    ExprPtr product();
    ExprPtr power();
    ExprPtr unary(bool with_filter = true);
    ExprPtr primary();
    ExprPtr list();
    ExprPtr dict();
    ExprPtr postfix(ExprPtr object);
    ExprPtr filters(ExprPtr object);
    ExprPtr filter(ExprPtr object);
    ExprPtr test(ExprPtr object);
    ExprPtr call(ExprPtr object);
    ExprPtr subscript(ExprPtr object);
    ExprPtr subscribed();
    void arguments(std::vector<Argument>& out);
    bool at_tuple_end(Names ends) const;

    ExprPtr make(Op op, std::size_t at);
    ExprPtr make(Op op, std::size_t at, ExprPtr a, ExprPtr b = nullptr);
    ExprPtr constant(Constant value, std::size_t at);
    ExprPtr number(const Lexeme& lexeme);
    ExprPtr name(const std::string& text, std::size_t at);
    void adopt(Expr& parent, ExprPtr kid);
    void grow(Expr& parent, const Expr* kid);

    // ---- tokens
    const Lexeme& now() const { return lexemes_[next_]; }
    const Lexeme& ahead() const { return lexemes_[next_ + 1 < lexemes_.size() ? next_ + 1 : next_]; }
    bool is(Token token) const { return now().token == token; }
    bool is_name(std::string_view text) const { return is(Token::name) && now().text == text; }
    bool is_any(Names names) const;
    void advance() {
        if (next_ + 1 < lexemes_.size()) ++next_;
    }
    bool skip(Token token);
    bool skip_name(std::string_view text);
    void expect(Token token, std::string_view what);
    void expect_name(std::string_view text);
    std::string take_name(std::string_view what);
    std::uint32_t symbol(const std::string& name);

    void fail(std::size_t at, std::string_view message);
    bool failed() const { return !status_.ok(); }
    // Counts a level of the grammar that calls itself; false beyond the bound.
    class Level {
    public:
        explicit Level(Parser& parser);
        ~Level() { --parser_.level_; }
        Level(const Level&) = delete;
        Level& operator=(const Level&) = delete;
        explicit operator bool() const { return !parser_.failed(); }

    private:
        Parser& parser_;
    };

    Program& program_;
    std::vector<Lexeme> lexemes_;
    std::size_t next_ = 0, level_ = 0;
    Status status_;
    std::map<std::string, std::uint32_t, std::less<>> symbols_;
    std::vector<MacroDefinition*> macros_;  // those around the place that is read
    std::size_t loops_ = 0;                 // loops around it in the same macro
    // Within a condition an unknown filter or test is an error only when it is reached, as in Jinja.
    bool lenient_ = false;
};

}  // namespace hearth::text::jinja
