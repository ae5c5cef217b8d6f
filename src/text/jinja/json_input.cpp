// nlohmann_json's SAX interface feeds our own values; its own allocate in their destructors, so that a host out of
// memory would be terminated.
#include "text/jinja/json_input.hpp"

#define JSON_ASSERT(x) static_cast<void>(0)
#include <nlohmann/json.hpp>

#include "hearth/base/cat.hpp"

namespace hearth::text::jinja {

namespace {

// Python's own parser ends at its recursion limit; values deeper than this cannot be written either.
constexpr std::size_t kMostDepth = 200;

class Builder {
public:
    explicit Builder(Run& run) : run_(run) {}

    bool null() { return add(Value::none()); }
    bool boolean(bool v) { return add(Value::boolean(v)); }
    bool number_integer(std::int64_t v) { return add(Value::integer(v)); }
    bool number_unsigned(std::uint64_t v) {
        if (v <= static_cast<std::uint64_t>(INT64_MAX)) return add(Value::integer(static_cast<std::int64_t>(v)));
        return add(run_.make<String>(cat(v), false, Kind::big));
    }
    bool number_float(double v, const std::string& text) {
        if (text.find_first_of(".eE") == std::string::npos) return add(run_.make<String>(text, false, Kind::big));
        return add(Value::real(v));
    }
    bool string(std::string& v) { return add(run_.text(std::move(v))); }
    bool binary(std::vector<std::uint8_t>&) { return false; }
    bool start_object(std::size_t) { return open(true); }
    bool start_array(std::size_t) { return open(false); }
    bool key(std::string& v) {
        levels_.back().key = run_.text(std::move(v));
        return !run_.failed();
    }
    bool end_object() {
        Level level = std::move(levels_.back());
        levels_.pop_back();
        return add(run_.make<Dict>(std::move(level.entries)));
    }
    bool end_array() {
        Level level = std::move(levels_.back());
        levels_.pop_back();
        return add(run_.list(std::move(level.items)));
    }
    template <class Exception>
    bool parse_error(std::size_t position, const std::string&, const Exception&) {
        wrong_at_ = position;
        return false;
    }

    Value root;
    std::size_t wrong_at() const { return wrong_at_; }
    bool deep() const { return deep_; }

private:
    struct Level {
        bool is_object = false;
        Value key;
        std::vector<Dict::Entry> entries;
        Values items;
    };

    bool add(Value v) {
        if (!run_.work()) return false;
        if (levels_.empty())
            root = std::move(v);
        else if (levels_.back().is_object)
            levels_.back().entries.push_back({std::move(levels_.back().key), std::move(v)});
        else
            levels_.back().items.push_back(std::move(v));
        return true;
    }
    bool open(bool is_object) {
        deep_ = levels_.size() == kMostDepth;
        if (deep_) return false;
        levels_.emplace_back();
        levels_.back().is_object = is_object;
        return true;
    }

    Run& run_;
    std::vector<Level> levels_;
    std::size_t wrong_at_ = 0;
    bool deep_ = false;
};

}  // namespace

Result<Value> parse_json(Run& run, std::string_view text) {
    Builder builder(run);
    if (nlohmann::json::sax_parse(text, &builder) && !run.failed()) return std::move(builder.root);
    if (run.failed()) return Status(run.code(), cat("the input: ", run.failure()));
    if (builder.deep()) return Status(Code::out_of_range, cat("the input is nested more than ", kMostDepth, " deep"));
    return Status(Code::malformed, cat("the input is not JSON at byte ", builder.wrong_at()));
}

}  // namespace hearth::text::jinja
