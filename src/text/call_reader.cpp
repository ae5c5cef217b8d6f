#include "text/call_reader.hpp"

#include <algorithm>
#include <utility>

namespace hearth::text {

namespace {

// Names and ids are short; what runs on is prose.
constexpr std::size_t kName = 256;

bool is_word(char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' || c == '.' ||
           c == '-' || c == ':' || c == '/' || static_cast<unsigned char>(c) >= 0x80;
}

std::string_view trim(std::string_view text) {
    while (!text.empty() && is_space(text.front())) text.remove_prefix(1);
    while (!text.empty() && is_space(text.back())) text.remove_suffix(1);
    return text;
}

}  // namespace

Match match_at(std::string_view text, std::size_t at, std::string_view mark) {
    const std::string_view rest = text.substr(at, mark.size());
    if (rest == mark) return Match::yes;
    return rest.size() < mark.size() && mark.starts_with(rest) ? Match::part : Match::no;
}

bool CallReader::skip_space() {
    while (at_ < text_.size() && is_space(text_[at_])) ++at_;
    return at_ < text_.size();
}

bool CallReader::set_valid_name(std::string_view name) {
    name = trim(name);
    if (name.empty() || name.size() > kName) return false;
    for (const char c : name)
        if (static_cast<unsigned char>(c) < 0x20 || std::string_view("<>{}[]\"'`").find(c) != std::string_view::npos)
            return false;
    name_ = name;
    return true;
}

void CallReader::begin() {
    ChatEvent event;
    event.kind = ChatEvent::Kind::tool_begin;
    event.index = *index_;
    event.name = name_;
    event.id = id_;
    events_->push_back(std::move(event));
    begun_ = emitted_ = true;
}

void CallReader::put(std::string text) {
    if (text.empty()) return;
    ChatEvent event;
    event.kind = ChatEvent::Kind::tool_arguments;
    event.index = *index_;
    event.text = std::move(text);
    events_->push_back(std::move(event));
}

void CallReader::end() {
    put(std::exchange(delta_, {}));
    ChatEvent event;
    event.kind = ChatEvent::Kind::tool_end;
    event.index = (*index_)++;
    event.id = id_;
    events_->push_back(std::move(event));
    mark_ = at_;
    clear_call();
}

void CallReader::clear_call() {
    begun_ = arguments_known_ = wrapped_ = nested_ = false;
    name_.clear();
    id_.clear();
    held_.clear();
}

CallReader::State CallReader::read(std::string_view text, std::size_t& at, bool final) {
    text_ = text;
    at_ = at;
    final_ = final;
    State state = State::done;
    while (step_ < steps_.size()) {
        state = step(steps_[step_]);
        if (state != State::done) break;
        ++step_;
        entered_ = false;
    }
    put(std::exchange(delta_, {}));
    if (state == State::bad && begun_) {
        ChatEvent event;
        event.kind = ChatEvent::Kind::tool_end;
        event.index = (*index_)++;
        event.id = id_;
        event.complete = false;
        events_->push_back(std::move(event));
    }
    at = at_;
    return state;
}

CallReader::State CallReader::step(const Step& step) {
    if (!entered_) {
        entered_ = true;
        from_ = scan_ = at_;
        place_ = Place::list;
        list_ = false;
        first_ = true;
        streaming_ = false;
        id_next_ = false;
        value_open_ = false;
        brackets_ = BracketScanner(step.op == Op::braces ? step.text : std::string_view());
        json_.reset();
    }
    switch (step.op) {
        case Op::lit:
        case Op::opt:
            return mark_step(step);
        case Op::set:
            name_ = step.text;
            return State::done;
        case Op::skip:
        case Op::name:
            return name_until(step);
        case Op::indexed:
            return indexed(step);
        case Op::word:
            return word();
        case Op::json:
        case Op::code: {
            const State state = step.op == Op::json ? arguments() : code(step.text);
            if (state == State::done) end();
            return state;
        }
        case Op::calls:
            return calls(false);
        case Op::keyed:
            return calls(true);
        case Op::params:
            return params(*step.params);
        case Op::python:
            return python();
        case Op::braces:
            return braces(step);
    }
    return State::bad;
}

CallReader::State CallReader::mark_step(const Step& step) {
    const bool optional = step.op == Op::opt;
    if (!skip_space()) return optional && final_ ? State::done : short_of();
    const Match match = match_at(text_, at_, step.text);
    if (match == Match::yes) at_ += step.text.size();
    if (match == Match::part) {
        if (!final_) return State::more;
        // The end of the text cut the closing mark: the call before it is whole.
        if (optional) at_ = text_.size();
    }
    return match == Match::yes || optional ? State::done : State::bad;
}

// Name up to a mark; skip is the same for a text that is not kept.
CallReader::State CallReader::name_until(const Step& step) {
    for (; scan_ < text_.size(); ++scan_) {
        if (scan_ - from_ > kName) return State::bad;
        const Match stop = match_at(text_, scan_, step.text);
        const Match alternative = step.alt.empty() || id_next_ ? Match::no : match_at(text_, scan_, step.alt);
        if ((stop == Match::part || alternative == Match::part) && !final_) return State::more;
        if (stop != Match::yes && alternative != Match::yes) continue;
        const std::string_view found = text_.substr(from_, scan_ - from_);
        if (id_next_)
            id_ = trim(found);
        else if (step.op == Op::name && !set_valid_name(found))
            return State::bad;
        scan_ += stop == Match::yes ? step.text.size() : step.alt.size();
        from_ = at_ = scan_;
        if (stop == Match::yes) return State::done;
        id_next_ = true;
        --scan_;
    }
    return short_of();
}

CallReader::State CallReader::indexed(const Step& step) {
    const State state = name_until({Op::name, step.text});
    if (state != State::done) return state;
    id_ = name_;
    if (name_.starts_with("functions.")) name_.erase(0, 10);
    const std::size_t colon = name_.rfind(':');
    if (colon != std::string::npos && colon + 1 < name_.size() &&
        name_.find_first_not_of("0123456789", colon + 1) == std::string::npos)
        name_.erase(colon);
    return name_.empty() ? State::bad : State::done;
}

CallReader::State CallReader::word() {
    if (scan_ == from_) {
        if (!skip_space()) return short_of();
        from_ = scan_ = at_;
    }
    while (scan_ < text_.size() && is_word(text_[scan_])) {
        if (scan_ - from_ > kName) return State::bad;
        ++scan_;
    }
    if (scan_ == text_.size()) return short_of();
    at_ = scan_;
    return set_valid_name(text_.substr(from_, scan_ - from_)) ? State::done : State::bad;
}

CallReader::State CallReader::python() {
    if (scan_ == from_) {
        if (!skip_space()) return short_of();
        if (text_[at_] != '[' && !is_word(text_[at_])) return State::bad;
        from_ = scan_ = at_;
    }
    if (!brackets_.scan(text_, scan_, final_)) {
        // Before the first bracket there is nothing but a name.
        const std::string_view seen = text_.substr(from_, std::min(scan_ - from_, kName + 1));
        if (seen.size() > kName && seen.find_first_of("([") == std::string_view::npos) return State::bad;
        return short_of();
    }
    const auto read = read_python_calls(text_.substr(from_, scan_ - from_), *schemas_);
    if (read.empty()) return State::bad;
    at_ = scan_;
    for (const ReadCall& call : read) {
        name_ = call.name;
        begin();
        put(call.arguments);
        end();
    }
    return State::done;
}

CallReader::State CallReader::braces(const Step& step) {
    if (scan_ == from_) {
        if (!skip_space()) return short_of();
        if (text_[at_] != '{') return State::bad;
        from_ = scan_ = at_;
    }
    if (!brackets_.scan(text_, scan_, final_)) return short_of();
    auto json = read_braces(text_.substr(from_, scan_ - from_), step.text);
    if (!json) return State::bad;
    at_ = scan_;
    begin();
    put(*std::move(json));
    end();
    return State::done;
}

CallReader::State CallReader::params(const ParamRule& rule) {
    for (;;) {
        if (value_open_) {
            const State state = param_value(rule);
            if (state != State::done) return state;
            value_open_ = false;
        }
        if (!skip_space()) return short_of();
        const Match open = match_at(text_, at_, rule.open), end_mark = match_at(text_, at_, rule.end);
        if (end_mark == Match::yes) {
            at_ += rule.end.size();
            if (!begun_) begin();
            delta_ += first_ ? "{}" : "}";
            end();
            return State::done;
        }
        if (open != Match::yes) return open == Match::part || end_mark == Match::part ? short_of() : State::bad;
        const std::size_t key_at = at_ + rule.open.size();
        const std::size_t key_end = text_.substr(0, std::min(text_.size(), key_at + kName)).find(rule.key_end, key_at);
        if (key_end == std::string_view::npos) return text_.size() - key_at >= kName ? State::bad : short_of();
        std::size_t value = key_end + rule.key_end.size();
        if (!rule.value_begin.empty()) {
            while (value < text_.size() && is_space(text_[value]) && value - key_end <= kName) ++value;
            if (value - key_end > kName) return State::bad;
            const Match match = match_at(text_, value, rule.value_begin);
            if (match == Match::part) return short_of();
            if (match == Match::no) return State::bad;
            value += rule.value_begin.size();
        }
        if (!begun_) begin();
        key_ = trim(text_.substr(key_at, key_end - key_at));
        delta_ += first_ ? "{" : ", ";
        append_json_string(delta_, key_);
        delta_ += ": ";
        first_ = false;
        value_open_ = true;
        streaming_ = false;
        at_ = from_ = scan_ = value;
    }
}

// A value up to its closing tag. Strings leave as they arrive; other kinds are known when they are whole.
CallReader::State CallReader::param_value(const ParamRule& rule) {
    constexpr std::string_view kOpen = "<![CDATA[", kClose = "]]>";
    const Match block = rule.cdata ? match_at(text_, from_, kOpen) : Match::no;
    if (block == Match::part) return short_of();
    const bool cdata = block == Match::yes;
    const std::string_view close = cdata ? kClose : rule.close;
    const unsigned kinds = schemas_->kinds(name_, key_);
    const bool text_only = kinds == kString && !rule.cdata;
    if (cdata) scan_ = std::max(scan_, from_ + kOpen.size());
    std::size_t sure = scan_;
    const std::size_t found = text_.find(close, scan_);
    // At the end of what is known, a part of the tag and the line break before it may stand.
    if (found == std::string_view::npos) {
        const std::size_t kept = std::min(text_.size() - scan_, close.size() + 1);
        sure = std::max(scan_, text_.size() - kept);
    }
    if (text_only) {
        if (!streaming_) {
            if (text_.size() == from_) return short_of();
            if (rule.newlines && text_[from_] == '\n') ++from_;
            delta_ += '"';
            streaming_ = true;
        }
        std::size_t until = found == std::string_view::npos ? sure : found;
        if (rule.newlines && found != std::string_view::npos && until > from_ && text_[until - 1] == '\n') --until;
        for (; from_ < until; ++from_) {
            const char c = text_[from_];
            if (c == '"' || c == '\\') delta_ += '\\';
            append_json_byte(delta_, c, true);
        }
    }
    if (found == std::string_view::npos) {
        scan_ = sure;
        return short_of();
    }
    std::size_t next = found + close.size();
    if (cdata) {
        // The tag itself follows the block.
        const Match match = match_at(text_, next, rule.close);
        if (match != Match::yes) return match == Match::part ? short_of() : State::bad;
        next += rule.close.size();
    }
    if (text_only) {
        delta_ += '"';
    } else {
        std::string_view value = text_.substr(from_, found - from_);
        if (cdata) value.remove_prefix(kOpen.size());
        if (rule.newlines && value.starts_with('\n')) value.remove_prefix(1);
        if (rule.newlines && value.ends_with('\n')) value.remove_suffix(1);
        append_value(delta_, value, cdata ? kString : kinds);
    }
    at_ = next;
    return State::done;
}

}  // namespace hearth::text
