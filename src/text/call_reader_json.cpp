// The steps of CallReader that read JSON: the arguments, and objects that hold name and arguments.
#include <utility>

#include "text/call_reader.hpp"

namespace hearth::text {

// One JSON value; while the name is not known it is held, and a value that may need unwrapping always is.
CallReader::State CallReader::arguments() {
    if (!value_open_) {
        if (!skip_space()) return short_of();
        const char c = text_[at_];
        const bool plain = c == '{' || (c == '[' && !strict_);
        if (!plain && c != '"' && c != 'n') return State::bad;
        value_open_ = true;
        wrapped_ = !plain;
        json_.reset();
        if (plain && !name_.empty()) begin();
    }
    std::string& out = begun_ ? delta_ : held_;
    while (at_ < text_.size()) {
        bool used = true;
        const bool in_string = json_.in_string();
        const JsonScanner::State state = json_.take(text_[at_], used);
        if (state == JsonScanner::State::bad) return State::bad;
        if (used) append_json_byte(out, text_[at_++], in_string);
        if (state == JsonScanner::State::done) return arguments_done();
    }
    return short_of();
}

CallReader::State CallReader::arguments_done() {
    value_open_ = false;
    arguments_known_ = true;
    if (wrapped_) {
        // Arguments as a string around JSON, as interfaces for tools write them; or none.
        if (held_ == "null") {
            held_ = "{}";
        } else {
            auto text = json_string_text(held_);
            if (!text) return State::bad;
            if (text->find_first_not_of(" \t\r\n") == std::string::npos)
                held_ = "{}";
            else if (is_json(*text))
                held_ = *std::move(text);
            else if (strict_)
                return State::bad;
        }
    }
    if (!begun_ && !name_.empty()) {
        begin();
        put(std::exchange(held_, {}));
    }
    return State::done;
}

// Arguments that are JSON, or any text up to `stop` or the end as a JSON string.
CallReader::State CallReader::code(std::string_view stop) {
    if (!value_open_ && !streaming_) {
        if (!skip_space()) return short_of();
        if (text_[at_] != '{') {
            streaming_ = true;
            begin();
            delta_ += '"';
        }
    }
    if (!streaming_) return arguments();
    for (; at_ < text_.size(); ++at_) {
        const Match match = match_at(text_, at_, stop);
        if (match == Match::part && !final_) return State::more;
        if (match == Match::yes) break;
        const char c = text_[at_];
        if (c == '"' || c == '\\') delta_ += '\\';
        append_json_byte(delta_, c, true);
    }
    if (at_ == text_.size() && !final_) return State::more;
    delta_ += '"';
    return State::done;
}

// The value from from_ on, which is text_[from_ .. at_) when it is done.
CallReader::State CallReader::scan_value() {
    if (!value_open_) {
        if (!skip_space()) return short_of();
        value_open_ = true;
        from_ = at_;
        json_.reset();
    }
    while (at_ < text_.size()) {
        bool used = true;
        const JsonScanner::State state = json_.take(text_[at_], used);
        if (state == JsonScanner::State::bad) return State::bad;
        if (used) ++at_;
        if (state != JsonScanner::State::done) continue;
        value_open_ = false;
        return State::done;
    }
    return short_of();
}

// What the value after `key_` is. `keyed`: the key is the name.
CallReader::State CallReader::member(bool keyed) {
    if (!skip_space()) return short_of();
    const char c = text_[at_];
    const auto is = [&](std::initializer_list<std::string_view> keys) {
        for (const std::string_view key : keys)
            if (key == key_) return true;
        return false;
    };
    value_open_ = false;
    member_ = Member::other;
    if (keyed) {
        if (arguments_known_ || !set_valid_name(key_)) return State::bad;
        place_ = Place::arguments;
    } else if (is({"arguments", "parameters", "args"})) {
        if (arguments_known_) return State::bad;
        place_ = Place::arguments;
    } else if (key_ == "function" && c == '{') {
        if (nested_) return State::bad;
        nested_ = true;
        ++at_;
        place_ = Place::key_or_end;
    } else {
        if (is({"name", "tool_name", "function"}))
            member_ = Member::name;
        else if (is({"id", "tool_call_id", "call_id"}))
            member_ = Member::id;
        else if (strict_ && key_ != "type")
            return State::bad;
        if (member_ == Member::name && (c != '"' || !name_.empty())) return State::bad;
        place_ = Place::text;
    }
    return State::done;
}

CallReader::State CallReader::member_text() {
    const State state = scan_value();
    if (state != State::done || member_ == Member::other) return state;
    const std::string_view json = text_.substr(from_, at_ - from_);
    const auto text = json_string_text(json);
    if (member_ == Member::id) {
        id_ = text ? *text : std::string(json);
        return State::done;
    }
    if (!text || !set_valid_name(*text)) return State::bad;
    if (strict_ && !schemas_->empty() && !schemas_->has(name_)) return State::bad;
    if (arguments_known_) {
        begin();
        put(std::exchange(held_, {}));
    }
    return State::done;
}

CallReader::State CallReader::object_end() {
    if (name_.empty()) return State::bad;
    if (!arguments_known_) {
        if (strict_) return State::bad;
        begin();
        put("{}");
    }
    end();
    place_ = Place::after_item;
    return State::done;
}

// The parts of an object that are values, each until it is whole.
CallReader::State CallReader::part(bool keyed) {
    if (place_ == Place::value) return member(keyed);
    const Place place = place_;
    const State state = place == Place::arguments ? arguments() : place == Place::text ? member_text() : scan_value();
    if (state != State::done) return state;
    place_ = Place::after_value;
    if (place != Place::key_text) return state;
    const auto key = json_string_text(text_.substr(from_, at_ - from_));
    if (!key) return State::bad;
    key_ = *key;
    place_ = Place::colon;
    return state;
}

CallReader::State CallReader::calls(bool keyed) {
    for (;;) {
        if (place_ >= Place::key_text) {
            const State state = part(keyed);
            if (state != State::done) return state;
            continue;
        }
        const std::size_t before = at_;
        if (!skip_space()) {
            // The text ends after the arguments: the call is whole but for its brackets.
            if (final_ && place_ == Place::after_value && arguments_known_ && begun_) return object_end();
            if (final_ && place_ == Place::after_item) {
                at_ = before;
                return State::done;
            }
            return short_of();
        }
        const char c = text_[at_];
        switch (place_) {
            case Place::list:
                if (c != '[' && c != '{') return State::bad;
                list_ = c == '[';
                if (list_) ++at_;
                place_ = Place::item;
                break;
            case Place::item:
                if (c == ']' && list_ && emitted_) {
                    ++at_;
                    return State::done;
                }
                if (c != '{') return State::bad;
                ++at_;
                place_ = Place::key_or_end;
                break;
            case Place::key_or_end:
                if (c == '}') {
                    place_ = Place::after_value;
                    break;
                }
                [[fallthrough]];
            case Place::key:
                if (c != '"') return State::bad;
                value_open_ = false;
                place_ = Place::key_text;
                break;
            case Place::colon:
                if (c != ':') return State::bad;
                ++at_;
                place_ = Place::value;
                break;
            case Place::after_value:
                ++at_;
                if (c == ',' && !keyed) {
                    place_ = Place::key;
                } else if (c == '}' && nested_) {
                    nested_ = false;
                } else if (c != '}' || object_end() != State::done) {
                    return State::bad;
                }
                break;
            case Place::after_item:
                if (list_) {
                    if (c != ',' && c != ']') return State::bad;
                    ++at_;
                    if (c == ']') return State::done;
                    place_ = Place::item;
                    break;
                }
                if (c == ',' || c == ';') ++at_;
                if (!skip_space()) {
                    at_ = before;
                    return final_ ? State::done : State::more;
                }
                if (text_[at_] != '{') {
                    at_ = before;
                    return State::done;
                }
                place_ = Place::item;
                break;
            default:
                break;
        }
    }
}

}  // namespace hearth::text
