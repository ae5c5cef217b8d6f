// Reads one trigger's calls by the steps of its dialect, as the text arrives.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <span>
#include <string>
#include <string_view>

#include "hearth/text/chat_parser.hpp"
#include "text/json_scanner.hpp"
#include "text/literal_reader.hpp"
#include "text/tool_calls/dialect.hpp"
#include "text/tool_values.hpp"

namespace hearth::text {

// How much of `mark` stands at `at`.
enum class Match : std::uint8_t { no, part, yes };
Match match_at(std::string_view text, std::size_t at, std::string_view mark);

inline bool is_space(char c) { return c == ' ' || c == '\n' || c == '\t' || c == '\r'; }

class CallReader {
public:
    enum class State : std::uint8_t { more, done, bad };

    // `from`: where the trigger begins. `index`: of the next call, counted on by the calls that stand.
    CallReader(std::span<const Step> steps, std::size_t from, const ToolSchemas& schemas, bool strict,
               std::deque<ChatEvent>& events, std::size_t& index)
        : steps_(steps), schemas_(&schemas), events_(&events), index_(&index), mark_(from), strict_(strict) {}

    // Goes on at `at`. On `bad`, a call that was begun has been ended as not complete.
    State read(std::string_view text, std::size_t& at, bool final);
    void set_name(std::string_view name) { name_ = name; }
    // Where the text begins that no call which stands accounts for.
    std::size_t mark() const { return mark_; }
    bool emitted() const { return emitted_; }

private:
    // Those from key_text on are values under way.
    enum class Place : std::uint8_t {
        list,
        item,
        key_or_end,
        key,
        colon,
        after_value,
        after_item,
        key_text,
        value,
        text,
        arguments,
    };
    enum class Member : std::uint8_t { name, arguments, id, other };

    State step(const Step& step);
    State mark_step(const Step& step);
    State name_until(const Step& step);
    State word();
    State indexed(const Step& step);
    State calls(bool keyed);
    State part(bool keyed);
    State member(bool keyed);
    State arguments();
    State arguments_done();
    State code(std::string_view stop);
    State object_end();
    State scan_value();
    State member_text();
    State params(const ParamRule& rule);
    State param_value(const ParamRule& rule);
    State python();
    State braces(const Step& step);

    State short_of() const { return final_ ? State::bad : State::more; }
    bool skip_space();
    bool set_valid_name(std::string_view name);
    void begin();
    void end();
    void put(std::string text);
    void clear_call();

    std::span<const Step> steps_;
    const ToolSchemas* schemas_;
    std::deque<ChatEvent>* events_;
    std::size_t* index_;

    std::string_view text_;  // of this read()
    std::size_t at_ = 0, from_ = 0, scan_ = 0, mark_ = 0, step_ = 0;
    bool final_ = false, strict_ = false, emitted_ = false, begun_ = false;

    std::string name_, id_, key_, held_, delta_;
    JsonScanner json_;
    BracketScanner brackets_{{}};
    Place place_ = Place::list;
    Member member_ = Member::other;
    bool entered_ = false;  // the step has begun
    bool list_ = false, nested_ = false;
    bool id_next_ = false;
    bool wrapped_ = false;  // the arguments are a JSON string around JSON
    bool arguments_known_ = false;
    bool value_open_ = false, streaming_ = false, first_ = true;
};

}  // namespace hearth::text
