// Tokens of a template, with Jinja's handling of white space around tags (trim_blocks and lstrip_blocks are on).
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "hearth/base/status.hpp"

namespace hearth::text::jinja {

enum class Token : std::uint8_t {
    text,
    variable_begin,
    variable_end,
    block_begin,
    block_end,
    name,
    string,
    integer,
    real,
    add,
    sub,
    mul,
    div,
    floordiv,
    mod,
    pow,
    tilde,
    lparen,
    rparen,
    lbracket,
    rbracket,
    lbrace,
    rbrace,
    eq,
    ne,
    lt,
    le,
    gt,
    ge,
    assign,
    dot,
    colon,
    pipe,
    comma,
    semicolon,
    end,
};

struct Lexeme {
    Token token = Token::end;
    std::uint32_t at = 0;
    std::string text;  // of text, names, strings (unescaped) and numbers (without underscores)
};

// CRLF and CR become LF; one newline at the end goes.
std::string normalize_newlines(std::string_view source);
Result<std::vector<Lexeme>> lex(const std::string& source);
// "end of statement block", for messages.
std::string describe(const Lexeme& lexeme);

}  // namespace hearth::text::jinja
