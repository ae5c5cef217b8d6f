#include "vocabulary.hpp"

#include <string>
#include <vector>

#include "hearth/base/utf8.hpp"

namespace tiny {

using hearth::GgufType;
using hearth::Status;

namespace {

// Letters by how often they stand in English, so that small vocabularies hold the common ones.
constexpr std::string_view letters = "etaoinshrdlucmfwypvbgkqjxz";

enum TokenType : std::int64_t { normal = 1, unknown = 2, control = 3, byte = 6 };

struct Piece {
    std::string left, right;  // the two pieces that it is merged from; left is empty for a single character
};

// Pieces in the order of their rank: all of length 1 over {space, letters}, then each of them with each letter behind
// it, and so on: every piece can be reached by merging smaller ones.
std::vector<Piece> make_pieces(std::uint64_t count, const std::string& space, bool singles) {
    std::vector<std::string> grown;
    std::vector<Piece> out;
    const auto add = [&](std::string left, std::string right, bool counts) {
        grown.push_back(left + right);
        if (counts && out.size() < count) out.push_back({std::move(left), std::move(right)});
    };
    add("", space, singles);
    for (char c : letters) add("", std::string(1, c), singles);
    for (std::size_t i = 0; out.size() < count; ++i) {
        for (char c : letters) add(grown[i], std::string(1, c), true);
    }
    return out;
}

// GPT-2's printable stand-ins for bytes: the visible characters of Latin-1 for themselves, the others, in order,
// from U+0100 on.
std::vector<std::string> byte_alphabet() {
    std::vector<std::string> out(256);
    std::uint32_t next = 0x100;
    for (std::uint32_t b = 0; b < 256; ++b) {
        const bool visible = (b >= 33 && b <= 126) || (b >= 161 && b <= 172) || b >= 174;
        hearth::utf8_append(out[b], visible ? b : next++);
    }
    return out;
}

std::string byte_token(unsigned b) {
    constexpr char hex[] = "0123456789ABCDEF";
    return {'<', '0', 'x', hex[b >> 4], hex[b & 15], '>'};
}

}  // namespace

Status set_vocabulary(hearth::GgufWriter& writer, std::uint64_t tokens, bool merges) {
    std::vector<std::string> texts = {"<unk>", "<s>", "</s>"}, merge_lines;
    std::vector<std::int64_t> types = {unknown, control, control};
    std::vector<double> scores(least_tokens, 0.0);
    const std::vector<std::string> alphabet = byte_alphabet();
    for (unsigned b = 0; b < 256; ++b) {
        texts.push_back(merges ? alphabet[b] : byte_token(b));
        types.push_back(merges ? normal : byte);
    }
    const std::string space = merges ? alphabet[' '] : "\u2581";
    // With merges the single characters are byte tokens already.
    for (const Piece& piece : make_pieces(tokens - least_tokens, space, !merges)) {
        texts.push_back(piece.left + piece.right);
        types.push_back(normal);
        scores.push_back(-static_cast<double>(scores.size() - least_tokens + 1));
        if (merges) merge_lines.push_back(piece.left + " " + piece.right);
    }

    const auto set = [&](const char* key, hearth::MetaValue value) {
        return writer.set(std::string("tokenizer.ggml.") + key, std::move(value));
    };
    HEARTH_TRY(set("model", std::string(merges ? "gpt2" : "llama")));
    HEARTH_TRY(set("pre", std::string(merges ? "gpt-2" : "default")));
    HEARTH_TRY(set("tokens", std::move(texts)));
    HEARTH_TRY(set("token_type", std::move(types)));
    if (merges) {
        HEARTH_TRY(set("merges", std::move(merge_lines)));
    } else {
        HEARTH_TRY(set("scores", std::move(scores)));
    }
    HEARTH_TRY(set("unknown_token_id", std::uint64_t{0}));
    HEARTH_TRY(set("bos_token_id", std::uint64_t{1}));
    HEARTH_TRY(set("eos_token_id", std::uint64_t{2}));
    HEARTH_TRY(set("add_bos_token", true));
    HEARTH_TRY(set("add_eos_token", false));
    return writer.set("tokenizer.chat_template",
                      std::string("{% for m in messages %}{{ '<s>' + m['role'] + '\\n' + m['content'] + '</s>\\n' }}"
                                  "{% endfor %}{% if add_generation_prompt %}{{ '<s>assistant\\n' }}{% endif %}"));
}

}  // namespace tiny
