// nlohmann_json's SAX interface feeds our own nodes: its values allocate in their destructors, so that a host out of
// memory would be terminated; without them a refusal of memory is std::bad_alloc and nothing else.
#include "formats/json.hpp"

#define JSON_ASSERT(x) static_cast<void>(0)
#include <nlohmann/json.hpp>

#include <limits>

#include "hearth/base/cat.hpp"

namespace hearth::formats {

namespace {

// Deeper than any file of a model; the parser itself needs no stack.
constexpr std::size_t kMostDepth = 64;
// Places are 32 bits.
constexpr std::size_t kMostBytes = std::numeric_limits<std::uint32_t>::max() / 2;

}  // namespace

class JsonBuilder {
public:
    explicit JsonBuilder(Json& out) : out_(out) { out_.nodes_.resize(1); }

    // The functions that nlohmann::json::sax_parse calls; false stops it.
    bool null() { return add(Json::Kind::null); }
    bool boolean(bool v) {
        if (!add(Json::Kind::boolean)) return false;
        out_.nodes_.back().boolean = v;
        return true;
    }
    bool number_integer(std::int64_t v) {
        if (!add(Json::Kind::integer)) return false;
        out_.nodes_.back().integer = v;
        return true;
    }
    bool number_unsigned(std::uint64_t v) {
        if (!add(Json::Kind::unsigned_integer)) return false;
        out_.nodes_.back().natural = v;
        return true;
    }
    bool number_float(double v, const std::string&) {
        if (!add(Json::Kind::real)) return false;
        out_.nodes_.back().real = v;
        return true;
    }
    bool string(std::string& v) {
        if (!add(Json::Kind::string)) return false;
        out_.nodes_.back().string = {static_cast<std::uint32_t>(out_.text_.size()), static_cast<std::uint32_t>(v.size())};
        out_.text_ += v;
        return true;
    }
    bool binary(std::vector<std::uint8_t>&) { return false; }
    bool start_object(std::size_t) { return open(Json::Kind::object); }
    bool start_array(std::size_t) { return open(Json::Kind::array); }
    bool end_object() { return close(); }
    bool end_array() { return close(); }
    bool key(std::string& v) {
        key_begin_ = static_cast<std::uint32_t>(out_.text_.size());
        key_size_ = static_cast<std::uint32_t>(v.size());
        out_.text_ += v;
        return true;
    }
    template <class Exception>
    bool parse_error(std::size_t position, const std::string& last, const Exception&) {
        (void)last;
        wrong_at_ = position;
        return false;
    }

    Status failure(std::string_view what) const {
        if (deep_) return {Code::unsupported, cat(what, ": is nested more than ", kMostDepth, " deep")};
        return {Code::malformed, cat(what, ": is not JSON at byte ", wrong_at_)};
    }

private:
    struct Level {
        std::uint32_t node, last;  // last child, 0: none yet
    };

    bool add(Json::Kind kind) {
        const auto at = static_cast<std::uint32_t>(out_.nodes_.size());
        Json::Node node;
        node.kind = kind;
        node.key_begin = key_begin_;
        node.key_size = key_size_;
        key_size_ = 0;
        out_.nodes_.push_back(node);
        if (levels_.empty()) return true;
        Level& level = levels_.back();
        if (level.last == 0)
            out_.nodes_[level.node].first = at;
        else
            out_.nodes_[level.last].next = at;
        level.last = at;
        ++out_.nodes_[level.node].count;
        return true;
    }
    bool open(Json::Kind kind) {
        deep_ = levels_.size() == kMostDepth;
        if (deep_) return false;
        add(kind);
        levels_.push_back({static_cast<std::uint32_t>(out_.nodes_.size() - 1), 0});
        return true;
    }
    bool close() {
        levels_.pop_back();
        return true;
    }

    Json& out_;
    std::vector<Level> levels_;
    std::uint32_t key_begin_ = 0, key_size_ = 0;
    std::size_t wrong_at_ = 0;
    bool deep_ = false;
};

Result<Json> Json::parse(std::string_view text, std::string_view what) {
    if (text.size() > kMostBytes)
        return Status(Code::unsupported, cat(what, ": has ", text.size(), " bytes, expected at most ", kMostBytes));
    Json out;
    JsonBuilder builder(out);
    if (!nlohmann::json::sax_parse(text, &builder)) return builder.failure(what);
    return out;
}

std::optional<double> JsonValue::number() const {
    const Json::Node& n = node();
    if (n.kind == Json::Kind::real) return n.real;
    if (n.kind == Json::Kind::integer) return static_cast<double>(n.integer);
    if (n.kind == Json::Kind::unsigned_integer) return static_cast<double>(n.natural);
    return std::nullopt;
}

std::optional<std::int64_t> JsonValue::integer() const {
    const Json::Node& n = node();
    if (n.kind == Json::Kind::integer) return n.integer;
    if (n.kind == Json::Kind::unsigned_integer && n.natural <= std::uint64_t{INT64_MAX})
        return static_cast<std::int64_t>(n.natural);
    constexpr double limit = 9007199254740992.0;  // 2^53, up to which doubles are whole numbers one by one
    if (n.kind == Json::Kind::real && n.real > -limit && n.real < limit) {
        const auto whole = static_cast<std::int64_t>(n.real);
        if (static_cast<double>(whole) == n.real) return whole;
    }
    return std::nullopt;
}

JsonValue JsonValue::operator[](std::string_view key) const {
    JsonValue found(json_, 0);
    if (!is_object()) return found;
    for (const JsonValue member : *this)
        if (member.key() == key) found = member;
    return found;
}

const char* JsonValue::kind_name() const {
    static constexpr const char* names[] = {"absent",   "null",     "a bool",   "a number", "a number",
                                            "a number", "a string", "an array", "an object"};
    return names[static_cast<std::size_t>(node().kind)];
}

}  // namespace hearth::formats
