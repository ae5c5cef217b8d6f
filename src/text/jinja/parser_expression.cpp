#include <algorithm>

#include "hearth/base/cat.hpp"
#include "text/jinja/native.hpp"
#include "text/jinja/parser.hpp"
#include "text/jinja/python_text.hpp"

namespace hearth::text::jinja {

namespace {

// Operators one after the other (a + b + c …) make trees that are as high as they are long.
constexpr std::uint16_t kMostHeight = 500;

struct Binary {
    Token token;
    Op op;
};

}  // namespace

ExprPtr Parser::make(Op op, std::size_t at) {
    auto e = std::make_unique<Expr>();
    e->op = op;
    e->at = static_cast<std::uint32_t>(at);
    return e;
}

void Parser::grow(Expr& parent, const Expr* kid) {
    if (kid == nullptr) return;
    parent.height = std::max(parent.height, static_cast<std::uint16_t>(kid->height + 1));
    if (parent.height > kMostHeight)
        fail(parent.at, cat("this expression is more than ", kMostHeight, " operations high"));
}

void Parser::adopt(Expr& parent, ExprPtr kid) {
    grow(parent, kid.get());
    parent.kids.push_back(std::move(kid));
}

ExprPtr Parser::make(Op op, std::size_t at, ExprPtr a, ExprPtr b) {
    ExprPtr e = make(op, at);
    adopt(*e, std::move(a));
    if (b != nullptr) adopt(*e, std::move(b));
    return e;
}

ExprPtr Parser::constant(Constant value, std::size_t at) {
    ExprPtr e = make(Op::constant, at);
    e->index = static_cast<std::uint32_t>(program_.constants.size());
    program_.constants.push_back(std::move(value));
    return e;
}

ExprPtr Parser::name(const std::string& text, std::size_t at) {
    ExprPtr e = make(Op::name, at);
    e->index = symbol(text);
    for (MacroDefinition* m : macros_) {
        m->uses_caller = m->uses_caller || text == "caller";
        m->uses_varargs = m->uses_varargs || text == "varargs";
        m->uses_kwargs = m->uses_kwargs || text == "kwargs";
    }
    return e;
}

ExprPtr Parser::expression(bool with_condition) {
    const Level level(*this);
    if (!level) return make(Op::constant, 0);
    if (!with_condition) return either();
    ExprPtr then = either();
    while (is_name("if")) {
        const std::size_t at = now().at;
        advance();
        ExprPtr condition = either(), otherwise;
        if (skip_name("else")) otherwise = expression();
        ExprPtr e = make(Op::conditional, at, std::move(condition), std::move(then));
        adopt(*e, std::move(otherwise));
        then = std::move(e);
    }
    return then;
}

bool Parser::at_tuple_end(Names ends) const {
    return is(Token::variable_end) || is(Token::block_end) || is(Token::rparen) || is(Token::end) || is_any(ends);
}

ExprPtr Parser::tuple(bool with_condition, bool parenthesised, Names ends) {
    const std::size_t at = now().at;
    ExprPtr all;
    ExprPtr first;
    while (!failed() && !at_tuple_end(ends)) {
        ExprPtr item = expression(with_condition);
        if (all == nullptr && first == nullptr && !is(Token::comma)) return item;
        if (all == nullptr) all = make(Op::tuple, at);
        adopt(*all, std::move(item));
        if (!skip(Token::comma)) break;
    }
    if (all != nullptr) return all;
    if (!parenthesised) fail(now().at, cat("expected an expression, found ", describe(now())));
    return make(Op::tuple, at);
}

ExprPtr Parser::either() {
    ExprPtr left = both();
    while (is_name("or")) {
        const std::size_t at = now().at;
        advance();
        left = make(Op::either, at, std::move(left), both());
    }
    return left;
}

ExprPtr Parser::both() {
    ExprPtr left = negation();
    while (is_name("and")) {
        const std::size_t at = now().at;
        advance();
        left = make(Op::both, at, std::move(left), negation());
    }
    return left;
}

ExprPtr Parser::negation() {
    if (!is_name("not")) return comparison();
    const Level level(*this);
    if (!level) return make(Op::constant, 0);
    const std::size_t at = now().at;
    advance();
    return make(Op::negation, at, negation());
}

ExprPtr Parser::comparison() {
    ExprPtr left = sum();
    ExprPtr chain;
    while (!failed()) {
        const std::size_t at = now().at;
        Comparison kind = Comparison::eq;
        if (is_name("not") && ahead().token == Token::name && ahead().text == "in") {
            advance();
            kind = Comparison::not_in;
        } else if (is_name("in")) {
            kind = Comparison::in;
        } else {
            switch (now().token) {
                case Token::eq:
                    kind = Comparison::eq;
                    break;
                case Token::ne:
                    kind = Comparison::ne;
                    break;
                case Token::lt:
                    kind = Comparison::lt;
                    break;
                case Token::le:
                    kind = Comparison::le;
                    break;
                case Token::gt:
                    kind = Comparison::gt;
                    break;
                case Token::ge:
                    kind = Comparison::ge;
                    break;
                default:
                    return chain != nullptr ? std::move(chain) : std::move(left);
            }
        }
        advance();
        if (chain == nullptr) chain = make(Op::compare, at, std::move(left));
        adopt(*chain, sum());
        chain->comparisons.push_back(kind);
    }
    return chain != nullptr ? std::move(chain) : std::move(left);
}

ExprPtr Parser::sum() {
    ExprPtr left = concatenation();
    while (is(Token::add) || is(Token::sub)) {
        const Op op = is(Token::add) ? Op::add : Op::subtract;
        const std::size_t at = now().at;
        advance();
        left = make(op, at, std::move(left), concatenation());
    }
    return left;
}

ExprPtr Parser::concatenation() {
    ExprPtr first = product();
    if (!is(Token::tilde)) return first;
    ExprPtr all = make(Op::concat, now().at, std::move(first));
    while (skip(Token::tilde)) adopt(*all, product());
    return all;
}

ExprPtr Parser::product() {
    static constexpr Binary operators[] = {{Token::mul, Op::multiply},
                                           {Token::div, Op::divide},
                                           {Token::floordiv, Op::floor_divide},
                                           {Token::mod, Op::modulo}};
    ExprPtr left = power();
    while (true) {
        const auto* const o =
            std::find_if(std::begin(operators), std::end(operators), [&](const Binary& b) { return is(b.token); });
        if (o == std::end(operators)) return left;
        const std::size_t at = now().at;
        advance();
        left = make(o->op, at, std::move(left), power());
    }
}

ExprPtr Parser::power() {
    ExprPtr left = unary();
    while (is(Token::pow)) {
        const std::size_t at = now().at;
        advance();
        left = make(Op::power, at, std::move(left), unary());
    }
    return left;
}

ExprPtr Parser::unary(bool with_filter) {
    const std::size_t at = now().at;
    ExprPtr e;
    if (is(Token::sub) || is(Token::add)) {
        const Level level(*this);
        if (!level) return make(Op::constant, 0);
        const Op op = is(Token::sub) ? Op::negate : Op::plus;
        advance();
        e = make(op, at, unary(false));
    } else {
        e = primary();
    }
    e = postfix(std::move(e));
    return with_filter ? filters(std::move(e)) : std::move(e);
}

ExprPtr Parser::number(const Lexeme& lexeme) {
    Constant c;
    if (lexeme.token == Token::real) {
        c.kind = Kind::real;
        parse_real(lexeme.text, c.real);
    } else if (parse_integer(lexeme.text, 10, c.integer)) {
        c.kind = Kind::integer;
    } else {
        c.kind = Kind::big;
        c.text = lexeme.text;
    }
    return constant(std::move(c), lexeme.at);
}

ExprPtr Parser::primary() {
    const Lexeme& first = now();
    const std::size_t at = first.at;
    switch (first.token) {
        case Token::name: {
            const std::string text = first.text;
            advance();
            if (text == "true" || text == "True") return constant({Kind::boolean, 1, 0, {}}, at);
            if (text == "false" || text == "False") return constant({Kind::boolean, 0, 0, {}}, at);
            if (text == "none" || text == "None") return constant({Kind::none, 0, 0, {}}, at);
            return name(text, at);
        }
        case Token::string: {
            std::string text;
            for (; is(Token::string); advance()) text += now().text;
            return constant({Kind::string, 0, 0, std::move(text)}, at);
        }
        case Token::integer:
        case Token::real: {
            ExprPtr e = number(first);
            advance();
            return e;
        }
        case Token::lparen: {
            advance();
            ExprPtr e = tuple(true, true);
            expect(Token::rparen, "')'");
            return e;
        }
        case Token::lbracket:
            return list();
        case Token::lbrace:
            return dict();
        default:
            fail(at, cat("expected an expression, found ", describe(first)));
            return make(Op::constant, at);
    }
}

ExprPtr Parser::list() {
    ExprPtr all = make(Op::list, now().at);
    expect(Token::lbracket, "'['");
    while (!failed() && !is(Token::rbracket)) {
        if (!all->kids.empty()) {
            expect(Token::comma, "',' or ']'");
            if (is(Token::rbracket)) break;
        }
        adopt(*all, expression());
    }
    expect(Token::rbracket, "']'");
    return all;
}

ExprPtr Parser::dict() {
    ExprPtr all = make(Op::dict, now().at);
    expect(Token::lbrace, "'{'");
    while (!failed() && !is(Token::rbrace)) {
        if (!all->kids.empty()) {
            expect(Token::comma, "',' or '}'");
            if (is(Token::rbrace)) break;
        }
        adopt(*all, expression());
        expect(Token::colon, "':'");
        adopt(*all, expression());
    }
    expect(Token::rbrace, "'}'");
    return all;
}

ExprPtr Parser::postfix(ExprPtr object) {
    while (!failed()) {
        if (is(Token::dot) || is(Token::lbracket))
            object = subscript(std::move(object));
        else if (is(Token::lparen))
            object = call(std::move(object));
        else
            break;
    }
    return object;
}

ExprPtr Parser::filters(ExprPtr object) {
    while (!failed()) {
        if (skip(Token::pipe))
            object = filter(std::move(object));
        else if (is_name("is"))
            object = test(std::move(object));
        else if (is(Token::lparen))
            object = call(std::move(object));
        else
            break;
    }
    return object;
}

ExprPtr Parser::filter(ExprPtr object) {
    const std::size_t at = now().at;
    ExprPtr e = make(Op::filter, at, std::move(object));
    e->name = take_name("the name of a filter");
    while (skip(Token::dot)) e->name += '.' + take_name("the name of a filter");
    e->native = find_filter(e->name);
    if (e->native == nullptr && !lenient_) fail(at, cat("there is no filter named '", e->name, "'"));
    if (is(Token::lparen)) arguments(e->arguments);
    for (const Argument& a : e->arguments) grow(*e, a.value.get());
    return e;
}

ExprPtr Parser::test(ExprPtr object) {
    advance();
    const bool negated = skip_name("not");
    const std::size_t at = now().at;
    ExprPtr e = make(Op::test, at, std::move(object));
    e->negated = negated;
    e->name = take_name("the name of a test");
    while (skip(Token::dot)) e->name += '.' + take_name("the name of a test");
    e->native = find_test(e->name);
    if (e->native == nullptr && !lenient_) fail(at, cat("there is no test named '", e->name, "'"));
    if (is(Token::lparen)) {
        arguments(e->arguments);
    } else if ((is(Token::name) && !is_any({"else", "or", "and"})) || is(Token::string) || is(Token::integer) ||
               is(Token::real) || is(Token::lbracket) || is(Token::lbrace)) {
        if (is_name("is")) fail(now().at, "tests cannot be chained with 'is'");
        Argument a;
        a.value = postfix(primary());
        e->arguments.push_back(std::move(a));
    }
    for (const Argument& a : e->arguments) grow(*e, a.value.get());
    return e;
}

void Parser::arguments(std::vector<Argument>& out) {
    expect(Token::lparen, "'('");
    bool named = false, starred = false, double_starred = false;
    while (!failed() && !is(Token::rparen)) {
        if (!out.empty()) {
            expect(Token::comma, "',' or ')'");
            if (is(Token::rparen)) break;
        }
        Argument a;
        const std::size_t at = now().at;
        bool allowed = true;
        if (skip(Token::mul)) {
            a.how = Argument::How::list;
            allowed = !starred && !double_starred;
            starred = true;
        } else if (skip(Token::pow)) {
            a.how = Argument::How::dict;
            allowed = !double_starred;
            double_starred = true;
        } else if (is(Token::name) && ahead().token == Token::assign) {
            a.how = Argument::How::named;
            a.name = now().text;
            advance();
            advance();
            allowed = !double_starred;
            named = true;
        } else {
            allowed = !starred && !double_starred && !named;
        }
        if (!allowed)
            fail(at, "an argument stands where it cannot: expected positional, then named, then *list and **dict");
        a.value = expression();
        out.push_back(std::move(a));
    }
    expect(Token::rparen, "')'");
}

ExprPtr Parser::call(ExprPtr object) {
    ExprPtr e = make(Op::call, now().at, std::move(object));
    arguments(e->arguments);
    for (const Argument& a : e->arguments) grow(*e, a.value.get());
    return e;
}

ExprPtr Parser::subscript(ExprPtr object) {
    const std::size_t at = now().at;
    if (skip(Token::dot)) {
        if (is(Token::integer)) {
            ExprPtr index = number(now());
            advance();
            return make(Op::item, at, std::move(object), std::move(index));
        }
        ExprPtr e = make(Op::attribute, at, std::move(object));
        e->name = take_name("the name of an attribute");
        e->method = find_method(e->name);
        return e;
    }
    expect(Token::lbracket, "'['");
    std::vector<ExprPtr> keys;
    while (!failed() && !is(Token::rbracket)) {
        if (!keys.empty()) expect(Token::comma, "',' or ']'");
        keys.push_back(subscribed());
    }
    if (keys.empty()) fail(now().at, "expected a subscript");
    expect(Token::rbracket, "']'");
    if (failed()) return object;
    if (keys.size() == 1) return make(Op::item, at, std::move(object), std::move(keys[0]));
    ExprPtr all = make(Op::tuple, at);
    for (ExprPtr& key : keys) adopt(*all, std::move(key));
    return make(Op::item, at, std::move(object), std::move(all));
}

ExprPtr Parser::subscribed() {
    const std::size_t at = now().at;
    ExprPtr parts[3];
    if (!is(Token::colon)) {
        parts[0] = expression();
        if (!is(Token::colon)) return std::move(parts[0]);
    }
    advance();
    const auto present = [&] { return !is(Token::colon) && !is(Token::rbracket) && !is(Token::comma) && !failed(); };
    if (present()) parts[1] = expression();
    if (skip(Token::colon) && present()) parts[2] = expression();
    ExprPtr e = make(Op::slice, at);
    for (ExprPtr& part : parts) adopt(*e, std::move(part));
    return e;
}

}  // namespace hearth::text::jinja
