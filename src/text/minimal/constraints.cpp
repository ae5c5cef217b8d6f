// Instead of grammar/: a build without the chat layer constrains no text, so no object of these classes is ever made.
#include "hearth/text/constraint.hpp"

namespace hearth {

namespace {
Status left_out() { return {Code::unsupported, "this build of hearth (HEARTH_MINIMAL) constrains no text"}; }
}  // namespace

class Constraint::State {};

Constraint::Constraint(std::shared_ptr<const Grammar>, std::shared_ptr<const TokenBytes>) {}
Constraint::~Constraint() = default;
Constraint::Constraint(const Constraint&) {}
Constraint& Constraint::operator=(const Constraint&) { return *this; }
Result<std::span<const std::uint64_t>> Constraint::mask() { return left_out(); }
Status Constraint::accept(Token) { return left_out(); }
Status Constraint::accept_text(std::string_view) { return left_out(); }
Result<bool> Constraint::can_end() { return left_out(); }
Result<bool> Constraint::must_end() { return left_out(); }

ConstraintSource::~ConstraintSource() = default;
Result<Constraint> ConstraintSource::begin(const std::shared_ptr<const TokenBytes>&, std::string_view, std::string_view) {
    return left_out();
}

Result<std::shared_ptr<const TokenBytes>> TokenBytes::make(const Tokenizer&, std::shared_ptr<Memory>) {
    return left_out();
}

}  // namespace hearth
