#include <algorithm>
#include <cstdlib>

#include "hearth/base/cat.hpp"
#include "text/jinja/interpreter.hpp"

namespace hearth::text::jinja {

namespace {

constexpr std::int64_t kMostRange = 100'000;  // jinja2.sandbox.MAX_RANGE

// dict(mapping or pairs, **named)
bool entries_of(Call& call, std::vector<Dict::Entry>& out) {
    if (call.arguments.positional.size() > 1) {
        call.fail(cat(call.entry.name, " expected at most 1 argument, got ", call.arguments.positional.size()));
        return false;
    }
    if (!call.arguments.positional.empty()) {
        const Value& v = call.arguments.positional[0];
        if (v.is(Kind::dict)) {
            out = v.as<Dict>().entries;
        } else {
            Values pairs, pair;
            if (!elements(call.in, v, pairs)) return false;
            for (const Value& p : pairs) {
                if (!elements(call.in, p, pair)) return false;
                if (pair.size() != 2 || !hashable(pair[0])) {
                    call.fail("dict() needs pairs of a hashable key and a value");
                    return false;
                }
                out.push_back({pair[0], pair[1]});
            }
        }
    }
    for (auto& [name, value] : call.arguments.named) out.push_back({call.run.text(name), std::move(value)});
    return call.run.work(out.size()) && !call.run.failed();
}

}  // namespace

Value global_dict(Call& call) {
    std::vector<Dict::Entry> entries;
    return entries_of(call, entries) ? call.run.make<Dict>(std::move(entries)) : Value();
}

Value global_namespace(Call& call) {
    std::vector<Dict::Entry> entries;
    if (!entries_of(call, entries)) return {};
    Value out = call.run.make<NameSpace>();
    for (Dict::Entry& e : entries) {
        if (!e.key.is_string()) return call.fail("the attributes of a namespace have strings as names");
        if (!call.run.work(1 + out.as<NameSpace>().members.size())) return {};
        out.as<NameSpace>().set(e.key.text(), std::move(e.value));
    }
    return out;
}

Value global_range(Call& call) {
    const Values& given = call.arguments.positional;
    if (given.empty() || given.size() > 3 || !call.arguments.named.empty())
        return call.fail("range() takes 1 to 3 arguments");
    std::int64_t numbers[3] = {0, 0, 1};
    for (std::size_t i = 0; i < given.size(); ++i) {
        if (given[i].is_undefined()) return call.fail(undefined_sentence(given[i]));
        if (!given[i].is_integer())
            return call.fail(cat("'", type_name(given[i]), "' object cannot be interpreted as an integer"));
        numbers[i] = given[i].as_integer();
        constexpr std::int64_t most = std::int64_t{1} << 60;
        if (numbers[i] < -most || numbers[i] > most) return call.fail("Range too big.", Code::over_budget);
    }
    const std::int64_t start = given.size() > 1 ? numbers[0] : 0, stop = given.size() > 1 ? numbers[1] : numbers[0];
    const std::int64_t step = numbers[2];
    if (step == 0) return call.fail("range() arg 3 must not be zero");
    std::int64_t count = 0;
    if (step > 0 && start < stop) count = (stop - start - 1) / step + 1;
    if (step < 0 && start > stop) count = (start - stop - 1) / -step + 1;
    if (count > kMostRange)
        return call.fail(cat("Range too big. The sandbox blocks ranges larger than MAX_RANGE (", kMostRange, ")."),
                         Code::over_budget);
    return call.run.make<Range>(start, stop, step, count);
}

Value global_cycler(Call& call) {
    if (call.arguments.positional.empty()) return call.fail("at least one item has to be provided");
    if (!call.arguments.named.empty()) return call.fail("cycler() takes no keyword arguments");
    return call.run.make<Cycler>(std::move(call.arguments.positional));
}

Value method_next(Call& call) {
    auto& cycler = call.self.as<Cycler>();
    Value v = cycler.items[cycler.position];
    cycler.position = (cycler.position + 1) % cycler.items.size();
    return v;
}

Value method_reset(Call& call) {
    call.self.as<Cycler>().position = 0;
    return Value::none();
}

Value global_joiner(Call& call) {
    return call.run.make<Joiner>(call.given(0) ? call[0] : call.run.text(std::string(", ")));
}

Value global_lipsum(Call& call) {
    return call.fail("lipsum() is not known here: a rendering depends on its input only");
}

Value global_raise_exception(Call& call) {
    std::string message = str(call.in, call[0]);
    return call.fail(message.empty() ? std::string("the template raised an exception") : std::move(message));
}

Value global_strftime_now(Call& call) {
    std::string_view format;
    if (!call.string(0, format)) return {};
    return format_moment(call.run, call.in.moment(), format);
}

// ---- methods of loops
// ------------------------------------------------------------------------------------------------

Value method_cycle(Call& call) {
    const Values& items = call.arguments.positional;
    if (items.empty()) return call.fail("no items for cycling given");
    return items[static_cast<std::size_t>(std::max<std::int64_t>(call.self.as<Loop>().index, 0)) % items.size()];
}

Value method_changed(Call& call) {
    auto& loop = call.self.as<Loop>();
    Value now = call.run.tuple(std::move(call.arguments.positional));
    if (!loop.changed.is_missing() && equal(call.run, loop.changed, now)) return Value::boolean(false);
    loop.changed = std::move(now);
    return Value::boolean(true);
}

}  // namespace hearth::text::jinja
