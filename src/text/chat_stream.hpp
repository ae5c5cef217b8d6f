// The state of one ChatParser: content and reasoning, in which marks are looked for, and the calls that they open.
#pragma once

#include <array>
#include <cstddef>
#include <deque>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "hearth/text/chat_parser.hpp"
#include "text/call_reader.hpp"
#include "text/tool_calls/dialect.hpp"
#include "text/tool_values.hpp"

namespace hearth::text {

// The reasoning tags that every dialect knows, where a turn begins.
std::span<const Tags> common_reasoning();

class ChatStream {
public:
    ChatStream(const Dialect& dialect, ToolSchemas schemas, std::vector<std::string> control, bool reasoning_open);
    ChatStream(const ChatStream&) = delete;
    ChatStream& operator=(const ChatStream&) = delete;

    void feed(std::string_view piece);
    void finish();
    bool next(ChatEvent& event);
    const std::string& raw() const { return raw_; }

private:
    enum class Mode : std::uint8_t { body, header, call };
    enum class Role : std::uint8_t { trigger, reasoning, end, answer, answer_end, drop, header };
    struct Mark {
        std::string_view text;
        Role role;
        std::size_t index;  // of the trigger or the tags
    };
    enum class Found : std::uint8_t { nothing, partly, mark };

    void run();
    bool run_body();
    bool run_header();
    bool run_call();
    bool active(const Mark& mark) const;
    Found look(Mark& mark) const;
    void act(const Mark& mark);
    void open_call(std::size_t trigger);
    void start_reader(std::span<const Step> steps, bool strict);
    bool next_candidate();
    void give_up(std::size_t stopped);
    void emit(std::size_t from, std::size_t to);
    void emit_body();
    void leave_mark(std::size_t at);

    const Dialect* dialect_;
    ToolSchemas schemas_;
    std::vector<std::string> control_;
    std::vector<Mark> marks_;
    std::array<bool, 256> first_{};  // whether a mark begins with the byte

    std::string raw_;
    std::deque<ChatEvent> events_;
    std::size_t pos_ = 0;    // before it everything is accounted for
    std::size_t scan_ = 0;   // before it there is no mark
    std::size_t solid_ = 0;  // before it no white space that a mark may swallow
    std::size_t calls_ = 0;  // that were begun and ended
    bool final_ = false;
    bool reasoning_ = false;
    bool in_answer_ = false;                         // between tags around the answer
    std::size_t tags_ = 0;                           // that opened the reasoning
    bool start_ = true;                              // no text of this part has come yet
    bool after_mark_ = false;                        // white space before the text belongs to the mark
    std::size_t before_header_ = std::string::npos;  // the text's end before what may be a header
    std::size_t not_bare_ = std::string::npos;       // JSON there is no call
    Mode mode_ = Mode::body;

    std::optional<CallReader> reader_;
    std::size_t call_from_ = 0, call_body_ = 0, call_at_ = 0;
    std::size_t trigger_ = 0;  // index of the candidate
    bool in_header_call_ = false;
};

}  // namespace hearth::text
