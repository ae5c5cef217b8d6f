#include "text/jinja/value.hpp"

#include <algorithm>

#include "text/jinja/interpreter.hpp"

namespace hearth::text::jinja {

// ---- objects and what they cost
// --------------------------------------------------------------------------------------

Object::Object(Run& owner, Kind object_kind, std::size_t bytes)
    : run(owner), next(owner.objects_), charged(bytes), kind(object_kind) {
    if (next != nullptr) next->previous = this;
    run.objects_ = this;
    run.room(bytes);
    run.used_ += bytes;
}

Object::~Object() {
    if (previous != nullptr)
        previous->next = next;
    else
        run.objects_ = next;
    if (next != nullptr) next->previous = previous;
    run.used_ -= charged;
}

void Object::charge(std::size_t bytes) {
    run.room(bytes);
    run.used_ += bytes;
    charged += bytes;
}

void Value::release() noexcept {
    Object* object = object_;
    is_object_ = false;
    integer_ = 0;
    if (--object->references != 0) return;
    Run& run = object->run;
    object->next_dead = run.dead_;
    run.dead_ = object;
    if (run.freeing_) return;
    run.freeing_ = true;
    while (run.dead_ != nullptr) {
        Object* dead = run.dead_;
        run.dead_ = dead->next_dead;
        delete dead;
    }
    run.freeing_ = false;
}

Run::~Run() {
    // What is left holds itself in cycles: nothing is freed while the links are cut, then everything.
    Object* object = objects_;
    while (object != nullptr) {
        ++object->references;
        object = object->next;
    }
    for (object = objects_; object != nullptr; object = object->next) object->clear();
    while (objects_ != nullptr) delete objects_;
}

bool Run::room(std::size_t bytes) {
    if (failed_) return false;
    if (bytes <= limits_.memory_bytes && used_ <= limits_.memory_bytes - bytes) return true;
    fail(cat("the template's values need more than the ", limits_.memory_bytes, " bytes that a rendering may hold"),
         Code::over_budget);
    return false;
}

bool Run::deeper(std::size_t depth) {
    if (failed_) return false;
    if (depth < 200) return true;
    fail("values are nested more than 200 deep", Code::out_of_range);
    return false;
}

bool Run::out_of_steps() {
    fail(cat("the template takes more than the ", limits_.steps, " steps that a rendering may take"),
         Code::over_budget);
    return false;
}

Value Run::fail(std::string message, Code code) {
    if (!failed_) {
        failed_ = true;
        code_ = code;
        failure_ = std::move(message);
    }
    return {};
}

Value Run::text(std::string t, bool safe) { return make<String>(std::move(t), safe); }
Value Run::list(Values items) { return make<List>(Kind::list, std::move(items)); }
Value Run::tuple(Values items) { return make<List>(Kind::tuple, std::move(items)); }
Value Run::undefined(std::string why) {
    const Value text = make<String>(std::move(why), false);
    return Value::undefined(text.object());
}

List::List(Run& owner, Kind k, Values v)
    : Object(owner, k, sizeof(List) + v.size() * sizeof(Value)), items(std::move(v)) {
    if (k != Kind::tuple) return;
    for (const Value& item : items) {
        hashable = hashable && jinja::hashable(item);
        if (item.is(Kind::tuple)) depth = std::max(depth, item.as<List>().depth + 1);
    }
    hashable = hashable && depth < 64;
}

std::size_t String::length() {
    if (length_ == static_cast<std::size_t>(-1))
        length_ = static_cast<std::size_t>(std::count_if(
            text.begin(), text.end(), [](char c) { return (static_cast<unsigned char>(c) & 0xc0) != 0x80; }));
    return length_;
}

Value* NameSpace::find(std::string_view name) {
    for (auto& [key, value] : members)
        if (key == name) return &value;
    return nullptr;
}

void NameSpace::set(std::string_view name, Value value) {
    if (Value* old = find(name)) {
        *old = std::move(value);
        return;
    }
    charge(name.size() + sizeof members[0]);
    members.emplace_back(name, std::move(value));
}

// ---- dictionaries
// ----------------------------------------------------------------------------------------------------

namespace {
constexpr std::size_t kSmall = 8;  // entries up to which a search goes through them
}

Dict::Dict(Run& owner, std::vector<Entry> list)
    : Object(owner, Kind::dict, sizeof(Dict) + list.size() * (sizeof(Entry) + sizeof(std::uint32_t))),
      entries(std::move(list)) {
    if (entries.size() <= kSmall) {
        for (std::size_t i = 1; i < entries.size();) {
            std::size_t same = 0;
            while (same < i && key_order(owner, entries[same].key, entries[i].key) != 0) ++same;
            if (same == i) {
                ++i;
                continue;
            }
            entries[same].value = std::move(entries[i].value);
            entries.erase(entries.begin() + static_cast<std::ptrdiff_t>(i));
        }
        return;
    }
    sort_index();
    // Equal keys are neighbours now, in the order in which they came.
    bool repeated = false;
    std::vector<bool> gone(entries.size());
    for (std::size_t i = 1, first = 0; i < index_.size(); ++i) {
        if (key_order(owner, entries[index_[first]].key, entries[index_[i]].key) != 0) {
            first = i;
            continue;
        }
        entries[index_[first]].value = std::move(entries[index_[i]].value);
        gone[index_[i]] = repeated = true;
    }
    if (!repeated) return;
    std::size_t kept = 0;
    for (std::size_t i = 0; i < entries.size(); ++i) {
        if (gone[i]) continue;
        if (kept != i) entries[kept] = std::move(entries[i]);
        ++kept;
    }
    entries.resize(kept);
    sort_index();
}

void Dict::sort_index() {
    index_.resize(entries.size());
    for (std::size_t i = 0; i < index_.size(); ++i) index_[i] = static_cast<std::uint32_t>(i);
    merge_sort(index_,
               [this](std::uint32_t a, std::uint32_t b) { return key_order(run, entries[a].key, entries[b].key) < 0; });
}

const Value* Dict::find(const Value& key) {
    if (entries.size() <= kSmall) {
        for (const Entry& e : entries)
            if (key_order(run, e.key, key) == 0) return &e.value;
        return nullptr;
    }
    const auto at = std::lower_bound(index_.begin(), index_.end(), key, [this](std::uint32_t i, const Value& k) {
        return key_order(run, entries[i].key, k) < 0;
    });
    return at != index_.end() && key_order(run, entries[*at].key, key) == 0 ? &entries[*at].value : nullptr;
}

const Value* Dict::find(std::string_view key) {
    if (entries.size() <= kSmall) {
        for (const Entry& e : entries)
            if (e.key.is_string() && e.key.text() == key) return &e.value;
        return nullptr;
    }
    return find(run.text(key));
}

// ---- what Python says of them
// ----------------------------------------------------------------------------------------

std::string_view type_name(const Value& v) {
    switch (v.kind()) {
        case Kind::missing:
        case Kind::undefined:
            return "Undefined";
        case Kind::none:
            return "NoneType";
        case Kind::boolean:
            return "bool";
        case Kind::integer:
        case Kind::big:
            return "int";
        case Kind::real:
            return "float";
        case Kind::string:
            return v.is_safe() ? "Markup" : "str";
        case Kind::list:
            return "list";
        case Kind::tuple:
            return "tuple";
        case Kind::dict:
            return "dict";
        case Kind::view:
            return v.as<View>().what == View::What::keys     ? "dict_keys"
                   : v.as<View>().what == View::What::values ? "dict_values"
                                                             : "dict_items";
        case Kind::range:
            return "range";
        case Kind::generator:
            return "generator";
        case Kind::function:
            return "function";
        case Kind::macro:
            return "Macro";
        case Kind::name_space:
            return "Namespace";
        case Kind::loop:
            return "LoopContext";
        case Kind::cycler:
            return "Cycler";
        case Kind::joiner:
            return "Joiner";
        case Kind::scope:
            break;
    }
    return "object";
}

std::int64_t length(const Value& v) {
    switch (v.kind()) {
        case Kind::undefined:
            return 0;
        case Kind::string:
            return static_cast<std::int64_t>(v.as<String>().length());
        case Kind::list:
        case Kind::tuple:
            return static_cast<std::int64_t>(v.as<List>().items.size());
        case Kind::dict:
            return static_cast<std::int64_t>(v.as<Dict>().entries.size());
        case Kind::view:
            return length(v.as<View>().dict);
        case Kind::range:
            return v.as<Range>().length;
        default:
            return -1;
    }
}

bool truth(const Value& v) {
    switch (v.kind()) {
        case Kind::missing:
        case Kind::undefined:
        case Kind::none:
            return false;
        case Kind::boolean:
        case Kind::integer:
            return v.as_integer() != 0;
        case Kind::real:
            return v.as_real() != 0;
        case Kind::string:
            return !v.text().empty();
        default:
            return length(v) != 0;  // what has no length is true
    }
}

bool hashable(const Value& v) {
    if (v.is(Kind::tuple)) return v.as<List>().hashable;
    return !v.is(Kind::list) && !v.is(Kind::dict) && !(v.is(Kind::view) && v.as<View>().what != View::What::values);
}

bool iterable(const Value& v) {
    switch (v.kind()) {
        case Kind::undefined:
        case Kind::string:
        case Kind::list:
        case Kind::tuple:
        case Kind::dict:
        case Kind::view:
        case Kind::range:
        case Kind::generator:
        case Kind::loop:
            return true;
        default:
            return false;
    }
}

bool elements(Interpreter& in, const Value& v, Values& out) {
    Run& run = in.run;
    out.clear();
    const std::int64_t count = length(v);
    if (count > 0 &&
        (!run.work(static_cast<std::uint64_t>(count)) || !run.room(static_cast<std::size_t>(count) * sizeof(Value))))
        return false;
    switch (v.kind()) {
        case Kind::undefined:
            return true;
        case Kind::list:
        case Kind::tuple:
            out = v.as<List>().items;
            return true;
        case Kind::string: {
            const std::string& text = v.as<String>().text;
            for (std::size_t i = 0, end = 0; i < text.size(); i = end) {
                end = i + 1;
                while (end < text.size() && (static_cast<unsigned char>(text[end]) & 0xc0) == 0x80) ++end;
                out.push_back(run.text(text.substr(i, end - i)));
                if (run.failed()) return false;
            }
            return true;
        }
        case Kind::dict:
            for (const Dict::Entry& e : v.as<Dict>().entries) out.push_back(e.key);
            return true;
        case Kind::view: {
            const View& view = v.as<View>();
            for (const Dict::Entry& e : view.dict.as<Dict>().entries) {
                if (view.what == View::What::items)
                    out.push_back(run.tuple({e.key, e.value}));
                else
                    out.push_back(view.what == View::What::keys ? e.key : e.value);
            }
            return !run.failed();
        }
        case Kind::range: {
            const Range& r = v.as<Range>();
            for (std::int64_t i = 0; i < r.length; ++i) out.push_back(Value::integer(r.start + i * r.step));
            return true;
        }
        case Kind::generator:
            return in.take_all(v.as<Generator>(), out);
        case Kind::loop: {
            // (item, loop) for what is left is Python's; nothing else goes through one.
            run.fail("a loop cannot be gone through a second time");
            return false;
        }
        default:
            run.fail(cat("'", type_name(v), "' object is not iterable"));
            return false;
    }
}

}  // namespace hearth::text::jinja
