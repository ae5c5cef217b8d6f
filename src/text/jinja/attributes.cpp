// object.name, object[key] and object[a:b:c].
#include <algorithm>

#include "hearth/base/cat.hpp"
#include "text/jinja/interpreter.hpp"
#include "text/jinja/python_text.hpp"

namespace hearth::text::jinja {

namespace {

std::string described(const Value& object) {
    if (object.is_none()) return "None";
    return cat("'", type_name(object), " object'");
}

// A place from the front, from an index that may count from the back; -1: outside.
std::int64_t place_of(std::int64_t index, std::int64_t size) {
    if (index < 0) index += size;
    return index >= 0 && index < size ? index : -1;
}

struct Cut {
    std::int64_t start, step, count;
};

// PySlice_AdjustIndices: what start:stop:step takes of `size` elements.
Cut cut_of(const std::int64_t* start, const std::int64_t* stop, std::int64_t step, std::int64_t size) {
    const auto bounded = [&](const std::int64_t* at, std::int64_t otherwise) {
        if (at == nullptr) return otherwise;
        std::int64_t i = *at;
        if (i < 0) {
            i += size;
            return i < 0 ? (step < 0 ? std::int64_t{-1} : std::int64_t{0}) : i;
        }
        return i >= size ? (step < 0 ? size - 1 : size) : i;
    };
    const std::int64_t first = bounded(start, step < 0 ? size - 1 : 0), last = bounded(stop, step < 0 ? -1 : size);
    std::int64_t count = 0;
    if (step > 0 && first < last) count = (last - first - 1) / step + 1;
    if (step < 0 && last < first) count = (first - last - 1) / -step + 1;
    return {first, step, count};
}

}  // namespace

Value Interpreter::special_attribute(const Value& object, std::string_view name) {
    switch (object.kind()) {
        case Kind::loop:
            return loop_attribute(object.as<Loop>(), name);
        case Kind::name_space: {
            const Value* found = object.as<NameSpace>().find(name);
            return found != nullptr ? *found : Value::missing();
        }
        case Kind::tuple: {
            const List& tuple = object.as<List>();
            if (tuple.is_group && name == "grouper") return tuple.items[0];
            if (tuple.is_group && name == "list") return tuple.items[1];
            break;
        }
        case Kind::cycler: {
            const auto& cycler = object.as<Cycler>();
            if (name == "current") return cycler.items[cycler.position];
            break;
        }
        case Kind::range: {
            const Range& r = object.as<Range>();
            if (name == "start") return Value::integer(r.start);
            if (name == "stop") return Value::integer(r.stop);
            if (name == "step") return Value::integer(r.step);
            break;
        }
        case Kind::boolean:
        case Kind::integer:
            if (name == "real" || name == "numerator") return Value::integer(object.as_integer());
            if (name == "imag") return Value::integer(0);
            if (name == "denominator") return Value::integer(1);
            break;
        case Kind::real:
            if (name == "real") return object;
            if (name == "imag") return Value::real(0);
            break;
        case Kind::macro: {
            const MacroDefinition& d = object.as<Macro>().definition;
            if (name == "name") return run.text(d.name);
            if (name == "catch_kwargs") return Value::boolean(d.uses_kwargs);
            if (name == "catch_varargs") return Value::boolean(d.uses_varargs);
            if (name == "caller") return Value::boolean(d.uses_caller);
            if (name == "arguments") {
                Values names;
                for (const Parameter& p : d.parameters) names.push_back(run.text(p.name));
                return run.tuple(std::move(names));
            }
            break;
        }
        default:
            break;
    }
    return Value::missing();
}

Value Interpreter::own_attribute(const Value& object, std::string_view name) {
    if (object.is_undefined()) return run.fail(undefined_sentence(object));
    if (const MethodEntry* const method = method_of(object, find_method(name))) {
        if (method->native.run == nullptr)
            return run.undefined(cat("access to attribute '", name, "' of '", type_name(object),
                                     "' object is unsafe: the sandbox changes no values"));
        return run.make<Function>(method->native, object);
    }
    Value special = special_attribute(object, name);
    if (!special.is_missing()) return special;
    return run.undefined(cat(described(object), " has no attribute '", name, "'"));
}

Value Interpreter::attribute(const Value& object, std::string_view name) {
    Value own = own_attribute(object, name);
    if (own.is_undefined() && object.is(Kind::dict))
        if (const Value* found = object.as<Dict>().find(name)) return *found;
    return own;
}

Value Interpreter::item(const Value& object, const Value& key) {
    if (object.is_undefined()) return run.fail(undefined_sentence(object));
    const bool indexed = object.is_sequence() || object.is_string() || object.is(Kind::range);
    if (object.is(Kind::dict)) {
        if (hashable(key))
            if (const Value* found = object.as<Dict>().find(key)) return *found;
    } else if (indexed && key.is_integer()) {
        const std::int64_t i = place_of(key.as_integer(), length(object));
        if (i >= 0) {
            const auto at = static_cast<std::size_t>(i);
            if (object.is_sequence()) return object.as<List>().items[at];
            if (object.is(Kind::range)) return Value::integer(object.as<Range>().start + i * object.as<Range>().step);
            auto& s = object.as<String>();
            if (s.ascii()) return run.text(s.text.substr(at, 1), s.safe);
            if (!run.work_text(s.text.size())) return {};
            const std::size_t begin = byte_of(s.text, at);
            const std::size_t end = begin + byte_of(std::string_view(s.text).substr(begin), 1);
            return run.text(s.text.substr(begin, end - begin), s.safe);
        }
    }
    if (key.is_string()) return own_attribute(object, key.text());
    std::string shown;
    append_repr(*this, shown, key);
    return run.undefined(cat(described(object), " has no element ", shown));
}

Value Interpreter::slice(const Value& object, const Value& start, const Value& stop, const Value& step) {
    if (object.is_undefined()) return run.fail(undefined_sentence(object));
    const Value* const parts[3] = {&start, &stop, &step};
    std::int64_t numbers[3] = {0, 0, 1};
    if (!object.is_sequence() && !object.is_string() && !object.is(Kind::range))
        return run.fail(cat("'", type_name(object), "' object is not subscriptable by a slice"));
    for (int i = 0; i < 3; ++i) {
        if (parts[i]->is_none()) continue;
        if (!parts[i]->is_integer())
            return run.fail(parts[i]->is_undefined()
                                ? undefined_sentence(*parts[i])
                                : cat("slice indices must be integers or None, not ", type_name(*parts[i])));
        numbers[i] = std::clamp<std::int64_t>(parts[i]->as_integer(), -(std::int64_t{1} << 60), std::int64_t{1} << 60);
    }
    if (numbers[2] == 0) return run.fail("slice step cannot be zero");
    const std::int64_t size = length(object);
    numbers[2] = std::clamp(numbers[2], -size - 1, size + 1);  // all larger ones take one element at most
    const Cut cut =
        cut_of(start.is_none() ? nullptr : &numbers[0], stop.is_none() ? nullptr : &numbers[1], numbers[2], size);
    if (!run.work(static_cast<std::uint64_t>(cut.count) / (object.is_string() ? 32 : 1) + 1)) return {};
    const auto at = [&](std::int64_t i) { return static_cast<std::size_t>(cut.start + i * cut.step); };
    if (object.is_sequence()) {
        const Values& items = object.as<List>().items;
        if (!run.room(static_cast<std::size_t>(cut.count) * sizeof(Value))) return {};
        Values taken;
        taken.reserve(static_cast<std::size_t>(cut.count));
        for (std::int64_t i = 0; i < cut.count; ++i) taken.push_back(items[at(i)]);
        return object.is(Kind::list) ? run.list(std::move(taken)) : run.tuple(std::move(taken));
    }
    if (object.is(Kind::range)) {
        const Range& r = object.as<Range>();
        const std::int64_t first = r.start + cut.start * r.step, by = r.step * cut.step;
        return run.make<Range>(first, first + cut.count * by, by, cut.count);
    }
    auto& s = object.as<String>();
    if (cut.count == 0) return run.text(std::string(), s.safe);
    if (!run.work_text(s.text.size()) || !run.room(s.text.size())) return {};
    if (cut.step == 1) {
        const std::size_t begin = s.ascii() ? at(0) : byte_of(s.text, at(0));
        const std::string_view rest = std::string_view(s.text).substr(begin);
        return run.text(rest.substr(0, s.ascii() ? static_cast<std::size_t>(cut.count)
                                                 : byte_of(rest, static_cast<std::size_t>(cut.count))),
                        s.safe);
    }
    std::vector<std::uint32_t> begins;  // of code points
    for (std::uint32_t i = 0; i < s.text.size(); ++i)
        if ((static_cast<unsigned char>(s.text[i]) & 0xc0) != 0x80) begins.push_back(i);
    begins.push_back(static_cast<std::uint32_t>(s.text.size()));
    std::string taken;
    for (std::int64_t i = 0; i < cut.count; ++i) taken.append(s.text, begins[at(i)], begins[at(i) + 1] - begins[at(i)]);
    return run.text(std::move(taken), s.safe);
}

}  // namespace hearth::text::jinja
