// JSON of model files (RFC 8259), read whole into one block of nodes and one of text.
// Thread class: a document is immutable and shareable; values point into it.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "hearth/base/status.hpp"

namespace hearth::formats {

class JsonValue;

class Json {
public:
    // Any bytes: an error names the byte and what was wrong there. `what` ("config.json") stands before it.
    static Result<Json> parse(std::string_view text, std::string_view what);
    JsonValue root() const;

private:
    friend class JsonValue;
    friend class JsonBuilder;
    enum class Kind : std::uint8_t { absent, null, boolean, integer, unsigned_integer, real, string, array, object };
    struct Node {
        Kind kind = Kind::absent;
        std::uint32_t next = 0;                    // the sibling after this one, 0: none
        std::uint32_t first = 0, count = 0;        // children
        std::uint32_t key_begin = 0, key_size = 0; // in text_, for members of objects
        union {
            bool boolean;
            std::int64_t integer;
            std::uint64_t natural;
            double real;
            struct {
                std::uint32_t begin, size;
            } string;  // in text_
        };
        Node() : natural(0) {}
    };
    std::vector<Node> nodes_;  // [0] stands for what is absent, [1] is the root
    std::string text_;
};

// A value of a document, or none: looking into what is absent gives what is absent.
class JsonValue {
public:
    bool exists() const { return node().kind != Json::Kind::absent; }
    bool is_null() const { return node().kind == Json::Kind::null; }
    // Neither absent nor null, which many writers use for the same.
    bool given() const { return exists() && !is_null(); }
    bool is_object() const { return node().kind == Json::Kind::object; }
    bool is_array() const { return node().kind == Json::Kind::array; }
    bool is_string() const { return node().kind == Json::Kind::string; }
    bool is_number() const {
        return node().kind == Json::Kind::integer || node().kind == Json::Kind::unsigned_integer ||
               node().kind == Json::Kind::real;
    }
    bool is_boolean() const { return node().kind == Json::Kind::boolean; }

    std::string_view key() const { return view(node().key_begin, node().key_size); }
    // Of a string, else empty.
    std::string_view text() const { return is_string() ? view(node().string.begin, node().string.size) : std::string_view(); }
    std::optional<bool> boolean() const { return is_boolean() ? std::optional(node().boolean) : std::nullopt; }
    std::optional<double> number() const;
    // A number without a fraction: 32 and 32.0.
    std::optional<std::int64_t> integer() const;
    // Whether it is a string of this text.
    bool is(std::string_view expected) const { return is_string() && text() == expected; }

    // Of an array or object.
    std::size_t size() const { return node().count; }
    // The last member of that key, as other readers have it.
    JsonValue operator[](std::string_view key) const;

    class Iterator {
    public:
        Iterator(const Json* json, std::uint32_t at) : json_(json), at_(at) {}
        JsonValue operator*() const { return {json_, at_}; }
        Iterator& operator++() {
            at_ = json_->nodes_[at_].next;
            return *this;
        }
        bool operator!=(const Iterator& other) const { return at_ != other.at_; }

    private:
        const Json* json_;
        std::uint32_t at_;
    };
    Iterator begin() const { return {json_, node().first}; }
    Iterator end() const { return {json_, 0}; }

    // A value that does not exist.
    JsonValue absent() const { return {json_, 0}; }
    // "an object", for messages.
    const char* kind_name() const;

private:
    friend class Json;
    JsonValue(const Json* json, std::uint32_t at) : json_(json), at_(at) {}
    const Json::Node& node() const { return json_->nodes_[at_]; }
    std::string_view view(std::uint32_t begin, std::uint32_t size) const {
        return std::string_view(json_->text_).substr(begin, size);
    }
    const Json* json_;
    std::uint32_t at_;
};

inline JsonValue Json::root() const { return {this, 1}; }

}  // namespace hearth::formats
