#include "hearth/runtime/watched_text.hpp"

#include <algorithm>

namespace hearth {

int StopTexts::push(std::string_view text, std::string& out) {
    if (stops_.empty()) {
        out += text;
        return -1;
    }
    held_ += text;
    std::size_t first = std::string::npos;
    int which = -1;
    for (std::size_t i = 0; i < stops_.size(); ++i) {
        const std::size_t at = held_.find(stops_[i]);
        if (at >= first) continue;
        first = at;
        which = static_cast<int>(i);
    }
    if (which >= 0) {
        out.append(held_, 0, first);
        held_.clear();
        return which;
    }
    // The longest end of the text that a stop begins with.
    std::size_t keep = 0;
    for (const std::string& stop : stops_)
        for (std::size_t n = std::min(stop.size() - 1, held_.size()); n > keep; --n)
            if (held_.ends_with(std::string_view(stop).substr(0, n))) {
                keep = n;
                break;
            }
    out.append(held_, 0, held_.size() - keep);
    held_.erase(0, held_.size() - keep);
    return -1;
}

std::string StopTexts::flush() { return std::exchange(held_, {}); }

BannedTexts::BannedTexts(std::vector<std::string> texts, const Tokenizer& tokenizer)
    : texts_(std::move(texts)), tokenizer_(tokenizer) {
    for (const std::string& t : texts_) longest_ = std::max(longest_, t.size());
}

bool BannedTexts::completed_by(Token token) const {
    const std::string piece = tokenizer_.piece(token);
    if (piece.empty()) return false;
    const std::string text = tail_ + piece;
    return std::ranges::any_of(texts_, [&](const std::string& t) {
        // It ends within the piece: what stands before it is accepted.
        const std::size_t from = tail_.size() >= t.size() ? tail_.size() + 1 - t.size() : 0;
        return text.find(t, from) != std::string::npos;
    });
}

void BannedTexts::all_completing(std::size_t vocab, std::vector<Token>& out) const {
    out.clear();
    for (std::size_t id = 0; id < vocab; ++id)
        if (completed_by(static_cast<Token>(id))) out.push_back(static_cast<Token>(id));
}

void BannedTexts::accept(Token token) {
    if (texts_.empty()) return;
    tail_ += tokenizer_.piece(token);
    if (tail_.size() >= longest_) tail_.erase(0, tail_.size() + 1 - longest_);
}

}  // namespace hearth
