#include "text/grammar/json_numbers.hpp"

#include <algorithm>
#include <string>

#include "hearth/base/cat.hpp"

namespace hearth::text::grammar {

namespace {

constexpr std::int64_t kLargestInteger = 999'999'999'999'999'999;
constexpr std::int64_t kLargestScaled = 999'999'999'999'999;  // 15 digits: every such decimal survives a double
constexpr std::int64_t kUsualPlaces = 6;

Expr digits(Ir& ir, char low, char high) {
    return ir.set({{static_cast<std::uint32_t>(low), static_cast<std::uint32_t>(high)}});
}
Expr any_digits(Ir& ir, std::size_t low, std::size_t high) {
    return ir.repeat(digits(ir, '0', '9'), static_cast<std::uint32_t>(low), static_cast<std::uint32_t>(high));
}

// Strings of digits between two of the same length.
Expr same_length(Ir& ir, std::string_view low, std::string_view high) {
    if (low.empty()) return ir.empty();
    const std::string zeros(low.size() - 1, '0'), nines(low.size() - 1, '9');
    if (low.front() == high.front())
        return ir.sequence({ir.literal(low.substr(0, 1)), same_length(ir, low.substr(1), high.substr(1))});
    std::vector<Expr> ways;
    char first = low.front(), last = high.front();
    if (low.substr(1) != zeros) {
        ways.push_back(ir.sequence({ir.literal(low.substr(0, 1)), same_length(ir, low.substr(1), nines)}));
        ++first;
    }
    if (high.substr(1) != nines) {
        ways.push_back(ir.sequence({ir.literal(high.substr(0, 1)), same_length(ir, zeros, high.substr(1))}));
        --last;
    }
    if (first <= last)
        ways.push_back(ir.sequence({digits(ir, first, last), any_digits(ir, zeros.size(), zeros.size())}));
    return ir.choice(std::move(ways));
}

// 0 <= low <= high.
Expr naturals(Ir& ir, std::int64_t low, std::int64_t high) {
    std::vector<Expr> ways;
    std::int64_t from = low;
    while (true) {
        const std::string first = cat(from);
        std::int64_t to = 9;
        for (std::size_t i = 1; i < first.size(); ++i) to = to * 10 + 9;
        to = std::min(to, high);
        ways.push_back(same_length(ir, first, cat(to)));
        if (to == high) break;
        from = to + 1;
    }
    return ir.choice(std::move(ways));
}

// Places behind the point, missing ones being zeros, between bounds as far as those are still tight; at least one where
// `some`.
Expr places(Ir& ir, std::string_view low, std::string_view high, bool some) {
    if (low.empty()) return ir.empty();
    const std::string zeros(low.size(), '0'), nines(low.size(), '9');
    if (low == zeros && high == nines) return any_digits(ir, some ? 1 : 0, low.size());
    std::vector<Expr> ways;
    if (!some && low == zeros) ways.push_back(ir.empty());
    for (char digit = low.front(); digit <= high.front(); ++digit) {
        const std::string_view rest_low = digit == low.front() ? low.substr(1) : std::string_view(zeros).substr(1);
        const std::string_view rest_high = digit == high.front() ? high.substr(1) : std::string_view(nines).substr(1);
        ways.push_back(ir.sequence({digits(ir, digit, digit), places(ir, rest_low, rest_high, false)}));
    }
    return ir.choice(std::move(ways));
}

// Numbers whose 10^scale-fold lies between the bounds, 0 <= low <= high.
Expr positive(Ir& ir, std::int64_t low, std::int64_t high, std::size_t scale) {
    std::int64_t unit = 1;
    for (std::size_t i = 0; i < scale; ++i) unit *= 10;
    const auto padded = [&](std::int64_t fraction) {
        std::string text = cat(fraction);
        return std::string(scale - text.size(), '0') + text;
    };
    const auto with = [&](Expr whole, std::int64_t from, std::int64_t to) {
        if (scale == 0) return whole;
        const Expr fraction = ir.sequence({ir.literal("."), places(ir, padded(from), padded(to), true)});
        return ir.sequence({whole, from == 0 ? ir.optional(fraction) : fraction});
    };
    std::int64_t first = low / unit, last = high / unit;
    if (first == last) return with(ir.literal(cat(first)), low % unit, high % unit);
    std::vector<Expr> ways;
    if (low % unit != 0) {
        ways.push_back(with(ir.literal(cat(first)), low % unit, unit - 1));
        ++first;
    }
    if (high % unit != unit - 1) {
        ways.push_back(with(ir.literal(cat(last)), 0, high % unit));
        --last;
    }
    if (first <= last) ways.push_back(with(naturals(ir, first, last), 0, unit - 1));
    return ir.choice(std::move(ways));
}

std::optional<Expr> between(Ir& ir, std::int64_t low, std::int64_t high, std::size_t scale) {
    if (low > high) return std::nullopt;
    std::vector<Expr> ways;
    if (high >= 0) ways.push_back(positive(ir, std::max<std::int64_t>(low, 0), high, scale));
    if (low < 0)
        ways.push_back(ir.sequence({ir.literal("-"), positive(ir, std::max<std::int64_t>(-high, 1), -low, scale)}));
    return ir.choice(std::move(ways));
}

// The least and the greatest multiple of 10^-places within the bounds.
std::int64_t least(const Bound& bound, std::int64_t places) {
    bool exact = true;
    const std::int64_t floor = scaled_floor(bound.value, places, exact);
    return exact && !bound.open ? floor : floor + 1;
}
std::int64_t greatest(const Bound& bound, std::int64_t places) {
    bool exact = true;
    const std::int64_t floor = scaled_floor(bound.value, places, exact);
    return exact && bound.open ? floor - 1 : floor;
}

std::optional<Expr> scaled(Ir& ir, const std::optional<Bound>& low, const std::optional<Bound>& high,
                           std::int64_t places, std::int64_t largest) {
    const std::int64_t from = low ? std::max(least(*low, places), -largest) : -largest;
    const std::int64_t to = high ? std::min(greatest(*high, places), largest) : largest;
    if (from > largest || to < -largest) return std::nullopt;
    return between(ir, from, to, static_cast<std::size_t>(places));
}

}  // namespace

std::optional<Expr> integers_between(Ir& ir, const std::optional<Bound>& low, const std::optional<Bound>& high) {
    return scaled(ir, low, high, 0, kLargestInteger);
}

std::optional<Expr> numbers_between(Ir& ir, const std::optional<Bound>& low, const std::optional<Bound>& high) {
    if (!low && !high) return any_number(ir);
    // As many places as usual, or as the bounds have, or fewer where those are large.
    std::int64_t needed = 0;
    for (const auto* bound : {&low, &high})
        if (*bound) needed = std::max(needed, -(*bound)->value.exponent);
    std::int64_t count = std::max(needed, kUsualPlaces);
    if (count > 15) return std::nullopt;
    const auto fits = [&](const std::optional<Bound>& bound) {
        bool exact = true;
        if (!bound) return true;
        const std::int64_t value = scaled_floor(bound->value, count, exact);
        return value <= kLargestScaled && value >= -kLargestScaled;
    };
    while (count > needed && !(fits(low) && fits(high))) --count;
    return scaled(ir, low, high, count, kLargestScaled);
}

Expr any_number(Ir& ir) {
    const Expr whole = ir.choice({ir.literal("0"), ir.sequence({digits(ir, '1', '9'), any_digits(ir, 0, 15)})});
    const Expr fraction = ir.sequence({ir.literal("."), any_digits(ir, 1, 16)});
    const Expr power = ir.sequence(
        {ir.set({{'E', 'E'}, {'e', 'e'}}), ir.optional(ir.set({{'+', '+'}, {'-', '-'}})), any_digits(ir, 1, 2)});
    return ir.sequence({ir.optional(ir.literal("-")), whole, ir.optional(fraction), ir.optional(power)});
}

}  // namespace hearth::text::grammar
