// One JSON value (RFC 8259), checked byte by byte as it arrives.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace hearth::text {

class JsonScanner {
public:
    enum class State : std::uint8_t { more, done, bad };

    // `used` is false where the value ended before `c`, as a number does. Raw control characters within a string are
    // taken: models write them, and append_json_byte() makes them proper.
    State take(char c, bool& used);
    // No more text: done where what stands is a whole value.
    State end() const;
    bool in_string() const { return at_ == At::string; }
    void reset();

private:
    enum class At : std::uint8_t {
        value,
        item_or_end,
        key_or_end,
        key,
        colon,
        after,
        string,
        escape,
        hex,
        literal,
        minus,
        zero,
        integer,
        point,
        fraction,
        exponent,
        sign,
        digits,
        finished,
    };
    State closed();
    State open_value(char c);
    bool number_takes(char c);
    bool in_number() const { return at_ >= At::minus && at_ <= At::digits; }
    bool number_whole() const {
        return at_ == At::zero || at_ == At::integer || at_ == At::fraction || at_ == At::digits;
    }

    std::string stack_;  // of '{' and '['
    std::string_view rest_;
    At at_ = At::value;
    bool key_ = false;
    std::uint8_t hex_ = 0;
};

// A byte of JSON text; control characters within a string become escapes.
void append_json_byte(std::string& out, char c, bool in_string);
// `text` as a JSON string. With `ensure_ascii`, for which it must be UTF-8, what is not ASCII becomes escapes.
void append_json_string(std::string& out, std::string_view text, bool ensure_ascii = false);
bool is_json(std::string_view text);

}  // namespace hearth::text
