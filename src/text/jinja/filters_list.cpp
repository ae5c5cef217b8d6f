// Filters of what can be gone through.
#include <algorithm>

#include "hearth/base/cat.hpp"
#include "text/jinja/interpreter.hpp"
#include "text/jinja/python_text.hpp"

namespace hearth::text::jinja {

namespace {

Value generator(Call& call, Fill fill) {
    Interpreter& in = call.in;
    return call.run.make<Generator>(in, std::move(call), fill);
}

// "a.b.0" of an item: each part is looked up as item[part]; `otherwise` stands for what is not there.
Value attribute_of(Call& call, const Value& item, const Value& path, const Value& otherwise) {
    if (path.is_missing() || path.is_none()) return item;
    if (path.is_integer()) {
        Value v = call.in.item(item, path);
        return v.is_undefined() && !otherwise.is_missing() && !otherwise.is_none() ? otherwise : v;
    }
    std::string_view rest = path.is_string() ? path.text() : std::string_view();
    if (!path.is_string())
        return call.fail(cat("an attribute is named by a string or an integer, not ", type_name(path)));
    Value v = item;
    while (!call.run.failed()) {
        const std::size_t end = std::min(rest.find('.'), rest.size());
        const std::string_view part = rest.substr(0, end);
        std::int64_t index = 0;
        const bool is_index = is_all(part, Has::decimal) && parse_integer(part, 10, index);
        v = call.in.item(v, is_index ? Value::integer(index) : call.run.text(part));
        if (v.is_undefined() && !otherwise.is_missing() && !otherwise.is_none()) v = otherwise;
        if (end == rest.size()) break;
        rest.remove_prefix(end + 1);
    }
    return v;
}

// Texts without their case, where case is not to count.
Value folded(Call& call, Value v, bool case_sensitive) {
    if (case_sensitive || !v.is_string() || !call.run.work_text(v.text().size() * 8)) return v;
    return call.run.text(lower(v.text()));
}

struct Keyed {
    Value key, item;
};

bool keyed(Call& call, const Value& source, const Value& path, const Value& otherwise, bool case_sensitive,
           std::vector<Keyed>& out) {
    Values items;
    if (!elements(call.in, source, items)) return false;
    out.reserve(items.size());
    for (Value& item : items) {
        Value key = folded(call, attribute_of(call, item, path, otherwise), case_sensitive);
        if (call.run.failed()) return false;
        out.push_back({std::move(key), std::move(item)});
    }
    return true;
}

Value extreme(Call& call, bool largest) {
    std::vector<Keyed> items;
    if (!keyed(call, call.self, call[1], Value::missing(), call.flag(0), items)) return {};
    if (items.empty()) return call.run.undefined("No aggregated item, sequence was empty.");
    std::size_t best = 0;
    for (std::size_t i = 1; i < items.size(); ++i)
        if (largest ? less(call.run, items[best].key, items[i].key, ">")
                    : less(call.run, items[i].key, items[best].key))
            best = i;
    return items[best].item;
}

// The filter, test or attribute that map, select and their kin name in their first arguments.
struct Chosen {
    const NativeEntry* entry = nullptr;
    Value path = Value::missing(), otherwise = Value::missing();
    Arguments arguments;
};

bool choose_test(Call& call, bool by_attribute, Chosen& out) {
    Values& given = call.arguments.positional;
    std::size_t used = 0;
    if (by_attribute) {
        if (given.empty()) {
            call.fail("Missing parameter for attribute name");
            return false;
        }
        out.path = given[used++];
    }
    if (used == given.size()) return true;  // by truth
    const Value& name = given[used++];
    if (!name.is_string()) {
        call.fail(cat("a test is named by a string, not ", type_name(name)));
        return false;
    }
    out.entry = find_test(name.text());
    if (out.entry == nullptr) {
        call.fail(cat("there is no test named '", name.text(), "'"));
        return false;
    }
    out.arguments.positional.assign(given.begin() + static_cast<std::ptrdiff_t>(used), given.end());
    out.arguments.named = call.arguments.named;
    return true;
}

bool pick(Call& call, Values& out, bool by_attribute, bool wanted) {
    Chosen test;
    Values items;
    if (!truth(call.self)) return true;  // also what cannot be gone through, as Jinja has it
    if (!choose_test(call, by_attribute, test) || !elements(call.in, call.self, items)) return false;
    for (Value& item : items) {
        const Value v = by_attribute ? attribute_of(call, item, test.path, Value::missing()) : item;
        if (call.run.failed()) return false;
        const bool holds = truth(test.entry != nullptr ? call.in.call(*test.entry, v, test.arguments) : v);
        if (call.run.failed()) return false;
        if (holds == wanted) out.push_back(std::move(item));
    }
    return true;
}

bool choose_map(Call& call, Chosen& out) {
    Values& given = call.arguments.positional;
    auto& named = call.arguments.named;
    if (given.empty()) {
        for (auto& [name, value] : named) {
            if (name == "attribute") {
                out.path = value;
            } else if (name == "default") {
                out.otherwise = value;
            } else {
                call.fail(cat("Unexpected keyword argument '", name, "'"));
                return false;
            }
        }
        if (!out.path.is_missing()) return true;
        call.fail("map requires a filter argument");
        return false;
    }
    if (!given[0].is_string()) {
        call.fail(cat("a filter is named by a string, not ", type_name(given[0])));
        return false;
    }
    out.entry = find_filter(given[0].text());
    if (out.entry == nullptr) {
        call.fail(cat("there is no filter named '", given[0].text(), "'"));
        return false;
    }
    out.arguments.positional.assign(given.begin() + 1, given.end());
    out.arguments.named = named;
    return true;
}

bool fill_map(Call& call, Values& out) {
    Chosen with;
    Values items;
    if (!truth(call.self)) return true;
    if (!choose_map(call, with) || !elements(call.in, call.self, items)) return false;
    for (Value& item : items) {
        out.push_back(with.entry != nullptr ? call.in.call(*with.entry, std::move(item), with.arguments)
                                            : attribute_of(call, item, with.path, with.otherwise));
        if (call.run.failed()) return false;
    }
    return true;
}

bool fill_select(Call& call, Values& out) { return pick(call, out, false, true); }
bool fill_reject(Call& call, Values& out) { return pick(call, out, false, false); }
bool fill_selectattr(Call& call, Values& out) { return pick(call, out, true, true); }
bool fill_rejectattr(Call& call, Values& out) { return pick(call, out, true, false); }

bool fill_items(Call& call, Values& out) {
    if (call.self.is_undefined()) return true;
    if (!call.self.is(Kind::dict)) {
        call.fail("Can only get item pairs from a mapping.");
        return false;
    }
    for (const Dict::Entry& e : call.self.as<Dict>().entries) {
        out.push_back(call.run.tuple({e.key, e.value}));
        if (!call.run.work()) return false;
    }
    return true;
}

bool fill_reverse(Call& call, Values& out) {
    if (!elements(call.in, call.self, out)) return false;
    std::reverse(out.begin(), out.end());
    return true;
}

bool fill_batch(Call& call, Values& out) {
    std::int64_t count = 0;
    Values items;
    if (!call.integer(0, count) || !elements(call.in, call.self, items)) return false;
    Values batch;
    for (Value& item : items) {
        if (static_cast<std::int64_t>(batch.size()) == count) {
            out.push_back(call.run.list(std::move(batch)));
            batch = {};
        }
        batch.push_back(std::move(item));
    }
    if (batch.empty()) return true;
    const auto size = static_cast<std::int64_t>(batch.size());
    if (call.given(1) && !call[1].is_none() && size < count) {
        const auto missing = static_cast<std::size_t>(count - size);
        if (!call.run.work(missing) || !call.run.room(missing * sizeof(Value))) return false;
        batch.insert(batch.end(), missing, call[1]);
    }
    out.push_back(call.run.list(std::move(batch)));
    return !call.run.failed();
}

bool fill_slice(Call& call, Values& out) {
    std::int64_t slices = 0;
    Values items;
    if (!call.integer(0, slices) || !elements(call.in, call.self, items)) return false;
    if (slices == 0) {
        call.fail("integer division or modulo by zero");
        return false;
    }
    if (slices < 0) return true;
    if (!call.run.work(static_cast<std::uint64_t>(slices))) return false;
    const auto count = static_cast<std::size_t>(slices), each = items.size() / count, longer = items.size() % count;
    std::size_t begin = 0;
    for (std::size_t i = 0; i < count; ++i) {
        const std::size_t end = begin + each + (i < longer ? 1 : 0);
        Values part(items.begin() + static_cast<std::ptrdiff_t>(begin),
                    items.begin() + static_cast<std::ptrdiff_t>(end));
        if (call.given(1) && !call[1].is_none() && i >= longer) part.push_back(call[1]);
        out.push_back(call.run.list(std::move(part)));
        if (call.run.failed()) return false;
        begin = end;
    }
    return true;
}

bool fill_unique(Call& call, Values& out) {
    std::vector<Keyed> items;
    if (!keyed(call, call.self, call[1], Value::missing(), call.flag(0), items)) return false;
    std::vector<std::size_t> order(items.size());
    for (std::size_t i = 0; i < items.size(); ++i) {
        order[i] = i;
        if (hashable(items[i].key)) continue;
        call.fail(cat("unhashable type: '", type_name(items[i].key), "'"));
        return false;
    }
    merge_sort(order,
               [&](std::size_t a, std::size_t b) { return key_order(call.run, items[a].key, items[b].key) < 0; });
    std::vector<bool> repeated(items.size());
    for (std::size_t i = 1; i < order.size(); ++i)
        repeated[order[i]] = key_order(call.run, items[order[i - 1]].key, items[order[i]].key) == 0;
    for (std::size_t i = 0; i < items.size(); ++i)
        if (!repeated[i]) out.push_back(std::move(items[i].item));
    return !call.run.failed();
}

}  // namespace

Value filter_map(Call& call) { return generator(call, fill_map); }
Value filter_select(Call& call) { return generator(call, fill_select); }
Value filter_reject(Call& call) { return generator(call, fill_reject); }
Value filter_selectattr(Call& call) { return generator(call, fill_selectattr); }
Value filter_rejectattr(Call& call) { return generator(call, fill_rejectattr); }
Value filter_items(Call& call) { return generator(call, fill_items); }
Value filter_batch(Call& call) { return generator(call, fill_batch); }
Value filter_slice(Call& call) { return generator(call, fill_slice); }
Value filter_unique(Call& call) { return generator(call, fill_unique); }

Value filter_reverse(Call& call) {
    if (!call.self.is_string()) {
        if (!iterable(call.self)) return call.fail("argument must be iterable");
        return generator(call, fill_reverse);
    }
    return call.in.slice(call.self, Value::none(), Value::none(), Value::integer(-1));
}

Value filter_length(Call& call) {
    const std::int64_t n =
        call.self.is(Kind::loop) ? call.in.attribute(call.self, "length").as_integer() : length(call.self);
    return n >= 0 ? Value::integer(n) : call.fail(cat("object of type '", type_name(call.self), "' has no len()"));
}

Value filter_list(Call& call) {
    Values items;
    return elements(call.in, call.self, items) ? call.run.list(std::move(items)) : Value();
}

Value filter_first(Call& call) {
    Values items;
    if (call.self.is_sequence() && !call.self.as<List>().items.empty()) return call.self.as<List>().items.front();
    if (call.self.is(Kind::generator)) {
        Value v;
        if (call.in.take_one(call.self.as<Generator>(), v) || call.run.failed()) return v;
    } else if (!elements(call.in, call.self, items)) {
        return {};
    }
    return !items.empty() ? items.front() : call.run.undefined("No first item, sequence was empty.");
}

Value filter_last(Call& call) {
    Values items;
    if (call.self.is(Kind::generator)) return call.fail("'generator' object is not reversible");
    if (!elements(call.in, call.self, items)) return {};
    return !items.empty() ? items.back() : call.run.undefined("No last item, sequence was empty.");
}

Value filter_join(Call& call) {
    Values items;
    if (!elements(call.in, call.self, items)) return {};
    const std::string separator = call.given(0) ? str(call.in, call[0]) : std::string();
    std::string out;
    bool safe = call.in.autoescape();
    for (std::size_t i = 0; i < items.size(); ++i) {
        if (i != 0) out += separator;
        const Value v = attribute_of(call, items[i], call[1], Value::missing());
        if (call.run.failed()) return {};
        if (safe && !v.is_safe())
            append_escaped(out, str(call.in, v));
        else
            append_text(call.in, out, v);
        if (!call.run.room(out.size()) || !call.run.work_text(separator.size())) return {};
    }
    return call.run.text(std::move(out), safe);
}

Value filter_sum(Call& call) {
    Values items;
    if (!elements(call.in, call.self, items)) return {};
    Value total = call.given(1) ? call[1] : Value::integer(0);
    if (total.is_string()) return call.fail("sum() can't sum strings [use ''.join(seq) instead]");
    for (const Value& item : items) {
        const Value v = attribute_of(call, item, call[0], Value::missing());
        if (call.run.failed()) return {};
        total = call.in.binary(Op::add, total, v);
        if (call.run.failed()) return {};
    }
    return total;
}

Value filter_max(Call& call) { return extreme(call, true); }
Value filter_min(Call& call) { return extreme(call, false); }

Value filter_sort(Call& call) {
    Values items;
    if (!elements(call.in, call.self, items)) return {};
    std::vector<Value> paths;
    if (call.given(2) && call[2].is_string()) {
        std::string_view rest = call[2].text();
        while (true) {
            const std::size_t end = std::min(rest.find(','), rest.size());
            paths.push_back(call.run.text(rest.substr(0, end)));
            if (end == rest.size()) break;
            rest.remove_prefix(end + 1);
        }
    } else {
        paths.push_back(call[2]);
    }
    std::vector<Keyed> rows;
    for (Value& item : items) {
        Values key;
        for (const Value& path : paths) {
            key.push_back(folded(call, attribute_of(call, item, path, Value::missing()), call.flag(1)));
            if (call.run.failed()) return {};
        }
        rows.push_back({call.run.list(std::move(key)), std::move(item)});
    }
    std::int64_t reverse = 0;
    if (!call.integer(0, reverse)) return {};
    merge_sort(rows, [&](const Keyed& a, const Keyed& b) {
        return reverse != 0 ? less(call.run, b.key, a.key) : less(call.run, a.key, b.key);
    });
    for (std::size_t i = 0; i < rows.size(); ++i) items[i] = std::move(rows[i].item);
    return call.run.list(std::move(items));
}

Value filter_dictsort(Call& call) {
    std::string_view by = "key";
    if (!call.string(1, by)) return {};
    if (by != "key" && by != "value") return call.fail("You can only sort by either \"key\" or \"value\"");
    if (!call.self.is(Kind::dict))
        return call.fail(call.self.is_undefined()
                             ? undefined_sentence(call.self)
                             : cat("'", type_name(call.self), "' object has no attribute 'items'"));
    std::vector<Keyed> rows;
    for (const Dict::Entry& e : call.self.as<Dict>().entries)
        rows.push_back({folded(call, by == "key" ? e.key : e.value, call.flag(0)), call.run.tuple({e.key, e.value})});
    std::int64_t reverse = 0;
    if (!call.integer(2, reverse) || !call.run.work(rows.size())) return {};
    merge_sort(rows, [&](const Keyed& a, const Keyed& b) {
        return reverse != 0 ? less(call.run, b.key, a.key) : less(call.run, a.key, b.key);
    });
    Values items;
    for (Keyed& row : rows) items.push_back(std::move(row.item));
    return call.run.list(std::move(items));
}

Value filter_groupby(Call& call) {
    std::vector<Keyed> rows;
    if (!keyed(call, call.self, call[0], call[1], call.flag(2), rows)) return {};
    merge_sort(rows, [&](const Keyed& a, const Keyed& b) { return less(call.run, a.key, b.key); });
    Values groups;
    for (std::size_t begin = 0, end = 0; begin < rows.size() && !call.run.failed(); begin = end) {
        Values members;
        for (end = begin; end < rows.size() && equal(call.run, rows[begin].key, rows[end].key); ++end)
            members.push_back(rows[end].item);
        if (end == begin) ++end;  // a key that does not equal itself
        if (members.empty()) members.push_back(rows[begin].item);
        // The name of a group is that of its first member, with its case.
        Value name = call.flag(2) ? rows[begin].key : attribute_of(call, members[0], call[0], call[1]);
        Value group = call.run.tuple({std::move(name), call.run.list(std::move(members))});
        group.as<List>().is_group = true;
        groups.push_back(std::move(group));
    }
    return call.run.list(std::move(groups));
}

}  // namespace hearth::text::jinja
