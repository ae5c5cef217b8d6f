#include "text/piece_normalizer.hpp"

#include <algorithm>

#include "hearth/base/utf8.hpp"
#include "text/unicode.hpp"
#include "text/vocab.hpp"

namespace hearth::text {

std::string PieceNormalizer::apply(std::string_view text) const {
    std::string out;
    out.reserve(text.size() + text.size() / 4 + space_mark.size());
    bool started = false;
    bool after_space = remove_extra;
    const bool every = remove_extra && missing_only;  // spaces within replacements, too, and no marks of the text
    std::size_t solid = 0;                            // up to the last that is no space
    for (std::size_t i = 0; i < text.size();) {
        std::string_view part;
        if (const auto match = rules.find(text.substr(i)); match.length > 0) {
            part = match.replacement;
            i += match.length;
        } else {
            const std::size_t begin = i;
            const auto c = static_cast<char32_t>(utf8_next(text, i));
            part = any_space && unicode::is_whitespace(c) ? " " : text.substr(begin, i - begin);
        }
        if (!started) {
            // The prefix belongs to the first text that is not just a space; a text of spaces alone becomes empty.
            if (remove_extra && part == " ") continue;
            if (every) part.remove_prefix(std::min(part.find_first_not_of(' '), part.size()));
            if (every && part.empty()) continue;
            started = true;
            if (add_prefix && !(missing_only && (part.starts_with(' ') || part.starts_with(space_mark)))) out += space_mark;
        }
        // A replacement is taken whole: only spaces at its beginning can be superfluous.
        while (after_space && part.starts_with(' ')) part.remove_prefix(1);
        if (part.empty()) continue;
        for (std::size_t k = 0; k < part.size(); ++k) {
            if (part[k] != ' ') {
                out += part[k];
                solid = out.size();
            } else if (!every || k == 0 || part[k - 1] != ' ') {
                out += space_mark;
            }
        }
        after_space = remove_extra && part.ends_with(' ');
    }
    if (every) {
        out.resize(solid);
    } else if (remove_extra) {
        while (out.ends_with(space_mark)) out.resize(out.size() - space_mark.size());
    }
    return out;
}

}  // namespace hearth::text
