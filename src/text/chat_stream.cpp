#include "text/chat_stream.hpp"

#include <algorithm>
#include <utility>

namespace hearth::text {

namespace {

constexpr Tags kReasoning[] = {{"<think>", "</think>"},
                               {"<thinking>", "</thinking>"},
                               {"<seed:think>", "</seed:think>"},
                               {"◁think▷", "◁/think▷"},
                               {"[THINK]", "[/THINK]"}};

// Ends of a turn that no text holds by chance.
constexpr std::string_view kTurnEnds[] = {"<|im_end|>",      "<|eot_id|>",    "<|eom_id|>", "<|endoftext|>",
                                          "<|end_of_text|>", "<end_of_turn>", "<|end|>"};

constexpr std::size_t kBare = ~std::size_t{0};
// Kinds of marks that are dropped: those before the end of a turn leave the white space to the text.
constexpr std::size_t kDrop = 0, kEndsTurn = 1, kEndsBody = 2;
constexpr std::size_t kHeader = 512;
// A candidate that fails this close to its mark is plain text, in which marks are looked for again; what was read
// further is passed on as it is, so that hostile text costs no more than its length.
constexpr std::size_t kLookAgain = 1024;

bool is_word(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_'; }

constexpr Step kBareSteps[] = {{Op::calls}};

}  // namespace

std::span<const Tags> common_reasoning() { return kReasoning; }

ChatStream::ChatStream(const Dialect& dialect, ToolSchemas schemas, std::vector<std::string> control,
                       bool reasoning_open)
    : dialect_(&dialect), schemas_(std::move(schemas)), control_(std::move(control)) {
    for (std::size_t i = 0; i < dialect.triggers.size(); ++i)
        marks_.push_back({dialect.triggers[i].text, Role::trigger, i});
    const auto tags = [&](const Tags& pair) {
        marks_.push_back({pair.open, Role::reasoning, marks_.size()});
        marks_.push_back({pair.close, Role::end, marks_.size() - 1});
    };
    for (const Tags& pair : dialect.reasoning) tags(pair);
    for (const Tags& pair : kReasoning) tags(pair);
    for (const Tags& pair : dialect.answer) {
        marks_.push_back({pair.open, Role::answer, 0});
        marks_.push_back({pair.close, Role::answer_end, 0});
    }
    if (const HeaderRule* headers = dialect.headers) {
        for (const std::string_view text : headers->opens) marks_.push_back({text, Role::header, 0});
        for (const std::string_view text : headers->ends) marks_.push_back({text, Role::drop, kEndsBody});
        mode_ = Mode::header;
    }
    for (const std::string_view text : dialect.drops) marks_.push_back({text, Role::drop, kDrop});
    for (const std::string_view text : kTurnEnds) marks_.push_back({text, Role::drop, kEndsTurn});
    for (const std::string& text : control_)
        if (!text.empty()) marks_.push_back({text, Role::drop, kEndsTurn});
    for (const Mark& mark : marks_) first_[static_cast<unsigned char>(mark.text.front())] = true;
    if (reasoning_open) {
        mode_ = Mode::body;
        reasoning_ = after_mark_ = true;
        tags_ = kBare;  // whichever closes it
    }
}

void ChatStream::feed(std::string_view piece) {
    if (final_) return;
    raw_ += piece;
    run();
}

void ChatStream::finish() {
    if (final_) return;
    final_ = true;
    run();
}

bool ChatStream::next(ChatEvent& event) {
    if (events_.empty()) return false;
    event = std::move(events_.front());
    events_.pop_front();
    return true;
}

void ChatStream::run() {
    for (;;) {
        const bool on = mode_ == Mode::call ? run_call() : mode_ == Mode::header ? run_header() : run_body();
        if (!on) return;
    }
}

void ChatStream::emit(std::size_t from, std::size_t to) {
    if (from >= to) return;
    start_ = after_mark_ = false;
    const auto kind = reasoning_ ? ChatEvent::Kind::reasoning : ChatEvent::Kind::content;
    if (!events_.empty() && events_.back().kind == kind) {
        events_.back().text.append(raw_, from, to - from);
        return;
    }
    ChatEvent event;
    event.kind = kind;
    event.text.assign(raw_, from, to - from);
    events_.push_back(std::move(event));
}

// What has been scanned and is text.
void ChatStream::emit_body() {
    if (solid_ <= pos_) return;
    emit(pos_, solid_);
    pos_ = solid_;
}

// Everything before `at` is accounted for, and a mark was there.
void ChatStream::leave_mark(std::size_t at) {
    pos_ = scan_ = solid_ = at;
    start_ = after_mark_ = true;
}

bool ChatStream::active(const Mark& mark) const {
    switch (mark.role) {
        case Role::trigger:
            if (reasoning_ && !dialect_->calls_in_reasoning) return false;
            return start_ || !dialect_->triggers[mark.index].at_start;
        // Elsewhere than at the start, the tags are the subject of the text.
        case Role::reasoning:
            return !reasoning_ && start_;
        case Role::answer:
            return !reasoning_ && start_;
        case Role::answer_end:
            return !reasoning_ && in_answer_;
        case Role::end:
            return reasoning_ && (tags_ == kBare || tags_ == mark.index);
        case Role::drop:
        case Role::header:
            return true;
    }
    return false;
}

// The longest mark at scan_.
ChatStream::Found ChatStream::look(Mark& mark) const {
    Found found = Found::nothing;
    for (const Mark& one : marks_) {
        if (!active(one)) continue;
        const Match match = match_at(raw_, scan_, one.text);
        if (match == Match::part && !final_) return Found::partly;
        if (match != Match::yes || (found == Found::mark && one.text.size() <= mark.text.size())) continue;
        mark = one;
        found = Found::mark;
    }
    return found;
}

bool ChatStream::run_body() {
    for (; scan_ < raw_.size(); ++scan_) {
        const char c = raw_[scan_];
        if (first_[static_cast<unsigned char>(c)]) {
            Mark mark{};
            const Found found = look(mark);
            if (found == Found::partly) break;
            if (found == Found::mark) {
                emit_body();
                act(mark);
                return true;
            }
        }
        if (is_space(c)) continue;
        if (start_ && solid_ == pos_) {
            if (dialect_->bare && !reasoning_ && (c == '{' || c == '[') && scan_ != not_bare_) {
                open_call(kBare);
                return true;
            }
            if (after_mark_) pos_ = scan_;
        }
        start_ = false;
        solid_ = scan_ + 1;
    }
    if (final_ && !(start_ && after_mark_)) solid_ = scan_ = raw_.size();
    emit_body();
    return false;
}

void ChatStream::act(const Mark& mark) {
    const std::size_t after = scan_ + mark.text.size();
    switch (mark.role) {
        case Role::trigger:
            open_call(mark.index);
            return;
        case Role::reasoning:
            reasoning_ = true;
            tags_ = mark.index;
            break;
        case Role::end:
            reasoning_ = false;
            break;
        case Role::answer:
        case Role::answer_end:
            in_answer_ = mark.role == Role::answer;
            break;
        case Role::drop:
            if (mark.index == kEndsTurn && !start_) {
                solid_ = scan_;
                emit_body();
            }
            if (mark.index == kEndsBody) {
                reasoning_ = false;
                mode_ = Mode::header;
            }
            break;
        case Role::header:
            reasoning_ = false;
            before_header_ = pos_;
            leave_mark(scan_);
            mode_ = Mode::header;
            return;
    }
    leave_mark(after);
}

// What stands before a body of a dialect with headers: nothing of it is shown.
bool ChatStream::run_header() {
    const HeaderRule& rule = *dialect_->headers;
    while (pos_ < raw_.size() && is_space(raw_[pos_])) ++pos_;
    scan_ = solid_ = pos_;
    if (pos_ == raw_.size()) return false;
    bool fits = false, part = false, token = false;
    for (const std::string_view start : rule.starts) {
        const Match match =
            start.empty() ? (is_word(raw_[pos_]) ? Match::yes : Match::no) : match_at(raw_, pos_, start);
        fits |= match == Match::yes;
        part |= match == Match::part && !final_;
        token |= match == Match::yes && !start.empty();
    }
    Mark mark{};
    const Found found = look(mark);
    if (!fits && found == Found::mark && mark.role == Role::drop) {
        leave_mark(pos_ + mark.text.size());
        before_header_ = std::string::npos;
        return true;
    }
    part |= found == Found::partly;
    const std::string_view window = std::string_view(raw_).substr(pos_, kHeader);
    const std::size_t stop = fits ? window.find(rule.stop) : std::string_view::npos;
    if (stop == std::string_view::npos && (part || (fits && window.size() < kHeader && !final_))) return false;
    Header header{Header::Kind::none};
    if (stop != std::string_view::npos) header = rule.read(window.substr(0, stop));
    mode_ = Mode::body;
    reasoning_ = header.kind == Header::Kind::reasoning;
    // A header that broke off says nothing.
    const bool broken = token && final_ && stop == std::string_view::npos && window.size() < kHeader;
    if (broken && rule.read(window).kind != Header::Kind::none) {
        leave_mark(raw_.size());
        return true;
    }
    if (header.kind == Header::Kind::none) {
        // An answer that begins without a header, or goes on: then white space before it belongs to it.
        pos_ = std::min(pos_, std::exchange(before_header_, std::string::npos));
        after_mark_ = start_ = false;
        ++scan_;
        solid_ = scan_;
        return true;
    }
    tags_ = 0;
    before_header_ = std::string::npos;
    call_from_ = pos_;
    leave_mark(pos_ + stop + rule.stop.size());
    if (header.kind == Header::Kind::call) {
        in_header_call_ = true;
        call_body_ = call_at_ = pos_;
        start_reader(header.code ? rule.code : rule.call, false);
        reader_->set_name(header.name);
    }
    return true;
}

void ChatStream::start_reader(std::span<const Step> steps, bool strict) {
    reader_.emplace(steps, call_from_, schemas_, strict, events_, calls_);
    mode_ = Mode::call;
}

void ChatStream::open_call(std::size_t trigger) {
    trigger_ = trigger;
    in_header_call_ = false;
    call_from_ = scan_;
    call_body_ = call_at_ = scan_ + (trigger == kBare ? 0 : dialect_->triggers[trigger].text.size());
    if (trigger == kBare)
        start_reader(kBareSteps, true);
    else
        start_reader(dialect_->triggers[trigger].steps, dialect_->triggers[trigger].strict);
}

// The next trigger with the same mark, from the beginning.
bool ChatStream::next_candidate() {
    if (in_header_call_ || trigger_ == kBare || reader_->emitted()) return false;
    const auto& triggers = dialect_->triggers;
    for (std::size_t i = trigger_ + 1; i < triggers.size(); ++i) {
        if (triggers[i].text != triggers[trigger_].text) continue;
        trigger_ = i;
        call_at_ = call_body_;
        start_reader(triggers[i].steps, triggers[i].strict);
        return true;
    }
    return false;
}

bool ChatStream::run_call() {
    const CallReader::State state = reader_->read(raw_, call_at_, final_);
    if (state == CallReader::State::more) return false;
    if (state == CallReader::State::bad && next_candidate()) return true;
    mode_ = Mode::body;
    if (state == CallReader::State::done) {
        leave_mark(call_at_);
        if (in_header_call_) mode_ = Mode::header;
    } else {
        give_up(call_at_);
    }
    reader_.reset();
    return true;
}

// What no call accounts for is content.
void ChatStream::give_up(std::size_t stopped) {
    const bool emitted = reader_->emitted();
    const std::size_t from = reader_->mark();  // call_from_ while no call stands
    // White space before a mark that is none belongs to the text, unless there was a mark before it.
    if (from != call_from_ || after_mark_) pos_ = from;
    if (!emitted && !final_ && stopped - from <= kLookAgain) {
        if (trigger_ == kBare && !in_header_call_) {
            not_bare_ = scan_ = from;
            solid_ = pos_;
            return;
        }
        scan_ = solid_ = in_header_call_ ? call_body_ : from + dialect_->triggers[trigger_].text.size();
        emit_body();
        return;
    }
    const std::size_t to = final_ ? raw_.size() : stopped;
    if (from == to) {
        leave_mark(to);
        return;
    }
    const bool reasoning = std::exchange(reasoning_, reasoning_ && !emitted);
    scan_ = solid_ = to;
    emit_body();
    reasoning_ = reasoning;
}

}  // namespace hearth::text
