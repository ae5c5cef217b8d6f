#include "text/piece_normalizer.hpp"

#include "hearth/base/utf8.hpp"
#include "text/vocab.hpp"

namespace hearth::text {

std::string PieceNormalizer::apply(std::string_view text) const {
    std::string out;
    out.reserve(text.size() + text.size() / 4 + space_mark.size());
    bool started = false;
    bool after_space = remove_extra;
    for (std::size_t i = 0; i < text.size();) {
        std::string_view part;
        if (const auto match = rules.find(text.substr(i)); match.length > 0) {
            part = match.replacement;
            i += match.length;
        } else {
            const std::size_t begin = i;
            utf8_next(text, i);
            part = text.substr(begin, i - begin);
        }
        if (!started) {
            // The prefix belongs to the first text that is not just a space; a text of spaces alone becomes empty.
            if (remove_extra && part == " ") continue;
            started = true;
            if (add_prefix) out += space_mark;
        }
        // A replacement is taken whole: only spaces at its beginning can be superfluous.
        while (after_space && part.starts_with(' ')) part.remove_prefix(1);
        if (part.empty()) continue;
        after_space = remove_extra && part.ends_with(' ');
        for (const char c : part) {
            if (c == ' ')
                out += space_mark;
            else
                out += c;
        }
    }
    if (remove_extra)
        while (out.ends_with(space_mark)) out.resize(out.size() - space_mark.size());
    return out;
}

}  // namespace hearth::text
