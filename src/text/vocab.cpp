#include "text/vocab.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

#include "hearth/base/cat.hpp"
#include "hearth/base/hex.hpp"
#include "hearth/base/stop.hpp"
#include "hearth/base/utf8.hpp"

namespace hearth::text {

namespace {

constexpr std::string_view tokens_key = "tokenizer.ggml.tokens";

struct SpecialKey {
    SpecialToken which;
    const char* key;
};
// "seperator" is the spelling of the format.
constexpr SpecialKey special_keys[] = {
    {SpecialToken::bos, "tokenizer.ggml.bos_token_id"},
    {SpecialToken::eos, "tokenizer.ggml.eos_token_id"},
    {SpecialToken::eot, "tokenizer.ggml.eot_token_id"},
    {SpecialToken::eom, "tokenizer.ggml.eom_token_id"},
    {SpecialToken::unknown, "tokenizer.ggml.unknown_token_id"},
    {SpecialToken::separator, "tokenizer.ggml.seperator_token_id"},
    {SpecialToken::padding, "tokenizer.ggml.padding_token_id"},
    {SpecialToken::mask, "tokenizer.ggml.mask_token_id"},
    {SpecialToken::fim_prefix, "tokenizer.ggml.fim_pre_token_id"},
    {SpecialToken::fim_suffix, "tokenizer.ggml.fim_suf_token_id"},
    {SpecialToken::fim_middle, "tokenizer.ggml.fim_mid_token_id"},
};

// Spellings by which a special token is known where the file has no key for it; the first that exists counts.
struct SpecialSpelling {
    SpecialToken which;
    const char* spelling;
};
constexpr SpecialSpelling special_spellings[] = {
    {SpecialToken::eot, "<|eot_id|>"},
    {SpecialToken::eot, "<|im_end|>"},
    {SpecialToken::eot, "<|end|>"},
    {SpecialToken::eot, "<end_of_turn>"},
    {SpecialToken::eot, "<turn|>"},
    {SpecialToken::eot, "<end_of_utterance>"},
    {SpecialToken::eot, "<EOT>"},
    {SpecialToken::eot, "_<EOT>"},
    {SpecialToken::eot, "[EOT]"},
    {SpecialToken::eot, "<|endoftext|>"},
    {SpecialToken::eot, "<|end_of_text|>"},
    {SpecialToken::eot, "<｜end▁of▁sentence｜>"},
    {SpecialToken::eom, "<|eom_id|>"},
    {SpecialToken::fim_prefix, "<|fim_prefix|>"},
    {SpecialToken::fim_prefix, "<fim-prefix>"},
    {SpecialToken::fim_prefix, "<fim_prefix>"},
    {SpecialToken::fim_prefix, "<PRE>"},
    {SpecialToken::fim_prefix, "▁<PRE>"},
    {SpecialToken::fim_prefix, "<｜fim▁begin｜>"},
    {SpecialToken::fim_suffix, "<|fim_suffix|>"},
    {SpecialToken::fim_suffix, "<fim-suffix>"},
    {SpecialToken::fim_suffix, "<fim_suffix>"},
    {SpecialToken::fim_suffix, "<SUF>"},
    {SpecialToken::fim_suffix, "▁<SUF>"},
    {SpecialToken::fim_suffix, "<｜fim▁hole｜>"},
    {SpecialToken::fim_middle, "<|fim_middle|>"},
    {SpecialToken::fim_middle, "<fim-middle>"},
    {SpecialToken::fim_middle, "<fim_middle>"},
    {SpecialToken::fim_middle, "<MID>"},
    {SpecialToken::fim_middle, "▁<MID>"},
    {SpecialToken::fim_middle, "<｜fim▁end｜>"},
};

// A token of one of these spellings ends generation, whatever its kind in the file.
constexpr const char* ending_spellings[] = {
    "<|eot_id|>",
    "<|im_end|>",
    "<|end|>",
    "<|return|>",
    "<|call|>",
    "<|flush|>",
    "<|calls|>",
    "<end_of_turn>",
    "<|endoftext|>",
    "</s>",
    "<|eom_id|>",
    "<EOT>",
    "_<EOT>",
    "[EOT]",
    "[EOS]",
    "<|end_of_text|>",
    "<end_of_utterance>",
    "<eos>",
    "<turn|>",
    "<|tool_response>",
    "<｜end▁of▁sentence｜>",
    "[e~[",
};
// The same for the tokens around files in fill-in-the-middle training: a model that emits one has left its hole.
constexpr const char* fim_ending_spellings[] = {"<|fim_pad|>",   "<fim-pad>",  "<fim_pad>",  "<|fim_repo|>",
                                                "<|repo_name|>", "<fim-repo>", "<reponame>", "<|file_sep|>"};
constexpr const char* fim_ending_keys[] = {"tokenizer.ggml.fim_pad_token_id", "tokenizer.ggml.fim_rep_token_id",
                                           "tokenizer.ggml.fim_sep_token_id"};

std::string lower_ascii(std::string s) {
    for (char& c : s)
        if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
    return s;
}

// Where these exist, <|end|> closes a message and not the turn: gpt-oss' harmony format and Solar's.
bool end_is_inner(const Vocab& v) {
    const auto has = [&](const char* spelling) { return v.find(spelling) >= 0; };
    return (has("<|call|>") || has("<|calls|>")) && (has("<|return|>") || has("<|flush|>"));
}

// nullopt when absent or explicitly none (all ones, as converters write it).
Result<std::optional<Token>> read_id(const Metadata& metadata, const char* key, std::size_t size) {
    HEARTH_ASSIGN(const auto id, metadata.get_int(key));
    std::optional<Token> out;
    if (!id || *id == -1 || *id == std::int64_t(0xffffffff)) return out;
    if (*id < 0 || static_cast<std::uint64_t>(*id) >= size)
        return Status(Code::malformed,
                      cat("metadata key '", key, "' is ", *id, ", expected the id of one of the ", size, " tokens"));
    out = static_cast<Token>(*id);
    return out;
}

int byte_spelled(std::string_view s) {
    if (s.size() != 6 || !s.starts_with("<0x") || s[5] != '>') return -1;
    const int high = hex_value(s[3]);
    const int low = hex_value(s[4]);
    return high < 0 || low < 0 ? -1 : high * 16 + low;
}

}  // namespace

Result<Vocab> Vocab::load(const Metadata& metadata, const VocabDefaults& defaults, const Stop* stop) {
    Vocab v;
    HEARTH_TRY(v.load_tokens(metadata, defaults.need_scores, stop));
    v.find_byte_tokens(stop);
    HEARTH_TRY(v.load_special(metadata, defaults));
    HEARTH_TRY(v.find_end_of_generation(metadata));
    HEARTH_TRY(v.set_strips(metadata));
    HEARTH_TRY(v.load_flags(metadata, defaults));
    HEARTH_TRY(v.load_json_flags(metadata));
    return v;
}

Status Vocab::load_tokens(const Metadata& metadata, bool need_scores, const Stop* stop) {
    HEARTH_ASSIGN(const auto* tokens, metadata.get_strings(tokens_key));
    if (tokens == nullptr)
        return {Code::malformed, cat("metadata key '", tokens_key, "' is missing, expected the vocabulary")};
    const std::size_t n = tokens->size();
    if (n == 0) return {Code::malformed, cat("metadata key '", tokens_key, "' is empty, expected at least one token")};
    if (n > std::size_t(std::numeric_limits<Token>::max()))
        return {Code::malformed, cat("metadata key '", tokens_key, "' has ", n, " entries, more than ids can number")};
    std::size_t bytes = 0;
    for (const std::string& t : *tokens) bytes += t.size();
    texts_.reserve(n, bytes);
    for (std::size_t i = 0; i < n; ++i) {
        stop_point(stop, i);
        texts_.append((*tokens)[i]);
    }
    texts_.index([](std::size_t) { return true; });

    HEARTH_ASSIGN(const auto scores, metadata.get_floats("tokenizer.ggml.scores"));
    if (scores) {
        if (scores->size() != n)
            return {Code::malformed, cat("metadata key 'tokenizer.ggml.scores' has ", scores->size(),
                                         " entries, expected ", n, ", one for each of '", tokens_key, "'")};
        scores_.reserve(n);
        constexpr double limit = std::numeric_limits<float>::max();
        for (std::size_t i = 0; i < n; ++i) {
            stop_point(stop, i);
            double score = (*scores)[i];
            if (std::isnan(score)) {
                if (need_scores)
                    return {Code::malformed,
                            cat("metadata key 'tokenizer.ggml.scores' has NaN at entry ", i, ", expected a number")};
                score = 0;
            }
            scores_.push_back(static_cast<float>(std::clamp(score, -limit, limit)));
        }
    }

    kinds_.assign(n, TokenKind::normal);
    HEARTH_ASSIGN(const auto kinds, metadata.get_uints("tokenizer.ggml.token_type"));
    if (!kinds) return {};
    if (kinds->size() != n)
        return {Code::malformed, cat("metadata key 'tokenizer.ggml.token_type' has ", kinds->size(),
                                     " entries, expected ", n, ", one for each of '", tokens_key, "'")};
    for (std::size_t i = 0; i < n; ++i) {
        stop_point(stop, i);
        if ((*kinds)[i] > std::uint64_t(TokenKind::byte))
            return {Code::malformed, cat("metadata key 'tokenizer.ggml.token_type' has ", (*kinds)[i], " at entry ", i,
                                         ", expected 0 to 6")};
        kinds_[i] = static_cast<TokenKind>((*kinds)[i]);
    }
    return {};
}

void Vocab::find_byte_tokens(const Stop* stop) {
    byte_tokens_.fill(-1);
    for (int b = 0; b < 256; ++b) {
        const char raw = static_cast<char>(b);
        byte_tokens_[static_cast<std::size_t>(b)] = find(std::string_view(&raw, 1));
    }
    for (std::size_t i = 0; i < size(); ++i) {
        stop_point(stop, i);
        if (const int value = byte_spelled(text(static_cast<Token>(i))); value >= 0)
            byte_tokens_[static_cast<std::size_t>(value)] = static_cast<Token>(i);
    }
}

int Vocab::byte_value(Token id) const { return byte_spelled(text(id)); }

Status Vocab::load_special(const Metadata& metadata, const VocabDefaults& defaults) {
    const auto set_default = [&](SpecialToken which, std::optional<Token> id) {
        if (!id || !contains(*id)) return;
        if (defaults.only_control && kind(*id) != TokenKind::control && text(*id) != "<|endoftext|>") return;
        special_[static_cast<std::size_t>(which)] = id;
    };
    set_default(SpecialToken::bos, defaults.bos);
    set_default(SpecialToken::eos, defaults.eos);
    set_default(SpecialToken::unknown, defaults.unknown);
    set_default(SpecialToken::separator, defaults.separator);
    set_default(SpecialToken::padding, defaults.padding);
    set_default(SpecialToken::mask, defaults.mask);
    for (const SpecialKey& k : special_keys) {
        if (metadata.find(k.key) == nullptr) continue;
        HEARTH_ASSIGN(special_[static_cast<std::size_t>(k.which)], read_id(metadata, k.key, size()));
    }
    for (const SpecialSpelling& s : special_spellings) {
        auto& id = special_[static_cast<std::size_t>(s.which)];
        if (id) continue;
        if (std::string_view(s.spelling) == "<|end|>" && end_is_inner(*this)) continue;
        if (const Token found = find(s.spelling); found >= 0) id = found;
    }
    return {};
}

Status Vocab::find_end_of_generation(const Metadata& metadata) {
    ends_.assign(size(), 0);
    // gemma4: </s> is an HTML tag there.
    const Token html_s = find("<|tool_response>") >= 0 ? find("</s>") : -1;
    const auto mark = [&](Token id) { ends_[static_cast<std::size_t>(id)] = 1; };
    const auto mark_spelling = [&](const char* spelling) {
        const Token id = find(spelling);
        if (id < 0 || id == html_s) return;
        mark(id);
        set_kind(id, TokenKind::control);  // some converters leave such a token normal or user-defined
    };
    for (const char* spelling : ending_spellings) mark_spelling(spelling);
    for (const char* spelling : fim_ending_spellings) mark_spelling(spelling);
    for (const char* key : fim_ending_keys) {
        HEARTH_ASSIGN(const auto id, read_id(metadata, key, size()));
        if (id) mark(*id);
    }
    for (const SpecialToken which : {SpecialToken::eos, SpecialToken::eot, SpecialToken::eom})
        if (const auto id = special(which)) mark(*id);

    HEARTH_ASSIGN(const auto further, read_ids(metadata, "tokenizer.hearth.end_ids"));
    for (const Token id : further) mark(id);

    // What structures such messages must reach the reader.
    if (end_is_inner(*this)) {
        for (const char* spelling : {"<|end|>", "<|channel|>", "<|message|>", "<|start|>", "<|constrain|>"}) {
            const Token id = find(spelling);
            if (id < 0) continue;
            set_kind(id, TokenKind::user_defined);
            ends_[static_cast<std::size_t>(id)] = 0;
        }
    }
    return {};
}

Status Vocab::set_strips(const Metadata& metadata) {
    strips_.assign(size(), 0);
    for (const auto& [key, bit] : {std::pair("tokenizer.hearth.lstrip_ids", 1), std::pair("tokenizer.hearth.rstrip_ids", 2)}) {
        HEARTH_ASSIGN(const auto ids, read_ids(metadata, key));
        for (const Token id : ids) strips_[static_cast<std::size_t>(id)] |= static_cast<std::uint8_t>(bit);
    }
    // A tokenizer.json has said it all.
    strips_any_space = metadata.find("tokenizer.hearth.prefix_ids") != nullptr;
    if (strips_any_space) return {};
    HEARTH_ASSIGN(auto pre, metadata.get_string("tokenizer.ggml.pre"));
    HEARTH_ASSIGN(auto model, metadata.get_string("tokenizer.ggml.model"));
    HEARTH_ASSIGN(auto name, metadata.get_string("general.name"));
    const auto strip_left = [&](const char* spelling) {
        if (const Token id = find(spelling); id >= 0) strips_[static_cast<std::size_t>(id)] |= 1;
    };
    if (pre && (*pre == "jina-v2-de" || *pre == "jina-v2-es" || *pre == "jina-v2-code")) strip_left("<mask>");
    if (model == "t5") strip_left("<mask>");  // of XLM-R; T5 has none
    const std::string lower = lower_ascii(name.value_or(""));
    if (pre == "modern-bert" || lower.find("modern-bert") != std::string::npos) strip_left("[MASK]");
    if (lower.find("phi-3") == std::string::npos && lower.find("phi3") == std::string::npos) return {};
    for (std::size_t i = 0; i < size(); ++i) {
        const std::string_view spelling = text(static_cast<Token>(i));
        const bool plain = spelling == "<unk>" || spelling == "<s>" || spelling == "<|endoftext|>";
        const TokenKind k = kinds_[i];
        if (!plain && (k == TokenKind::control || k == TokenKind::user_defined || k == TokenKind::unknown))
            strips_[i] |= 2;
    }
    return {};
}

Status Vocab::load_flags(const Metadata& metadata, const VocabDefaults& defaults) {
    const auto flag = [&](const char* key, bool fallback, bool& out) -> Status {
        HEARTH_ASSIGN(const auto value, metadata.get_bool(key));
        out = value.value_or(fallback);
        return {};
    };
    HEARTH_TRY(flag("tokenizer.ggml.add_bos_token", defaults.add_bos, add_bos));
    HEARTH_TRY(flag("tokenizer.ggml.add_eos_token", defaults.add_eos, add_eos));
    HEARTH_TRY(flag("tokenizer.ggml.add_sep_token", defaults.add_separator, add_separator));
    HEARTH_TRY(flag("tokenizer.ggml.add_space_prefix", defaults.add_space_prefix, add_space_prefix));
    HEARTH_TRY(
        flag("tokenizer.ggml.remove_extra_whitespaces", defaults.remove_extra_whitespaces, remove_extra_whitespaces));
    // Without such a token there is nothing to add.
    add_bos = add_bos && special(SpecialToken::bos);
    add_eos = add_eos && special(SpecialToken::eos);
    if (add_bos) prefix.push_back(*special(SpecialToken::bos));
    if (add_eos) suffix.push_back(*special(SpecialToken::eos));
    return {};
}

Result<std::vector<Token>> Vocab::read_ids(const Metadata& metadata, const char* key) const {
    std::vector<Token> out;
    HEARTH_ASSIGN(const auto ids, metadata.get_uints(key));
    if (!ids) return out;
    for (const std::uint64_t id : *ids) {
        if (id >= size())
            return Status(Code::malformed,
                          cat("metadata key '", key, "' has ", id, ", expected the id of one of the ", size(), " tokens"));
        out.push_back(static_cast<Token>(id));
    }
    return out;
}

// What tokenizers of Hugging Face say beyond GGUF's keys (formats/hf/tokenizer.hpp).
Status Vocab::load_json_flags(const Metadata& metadata) {
    constexpr const char* form_key = "tokenizer.hearth.normal_form";
    HEARTH_ASSIGN(const auto form, metadata.get_string(form_key));
    if (form) {
        normal_form = unicode::find_form(*form);
        if (!normal_form)
            return {Code::malformed, cat("metadata key '", form_key, "' is '", utf8_repair(*form), "', expected nfc, nfd, nfkc or nfkd")};
    }
    HEARTH_ASSIGN(const auto space, metadata.get_string("tokenizer.hearth.space_prefix"));
    first_space_only = space == "first";
    missing_space_only = first_space_only || space == "missing";
    if (metadata.find("tokenizer.hearth.prefix_ids") == nullptr) return {};
    HEARTH_ASSIGN(prefix, read_ids(metadata, "tokenizer.hearth.prefix_ids"));
    HEARTH_ASSIGN(suffix, read_ids(metadata, "tokenizer.hearth.suffix_ids"));
    add_bos = special(SpecialToken::bos) && !prefix.empty() && prefix.front() == *special(SpecialToken::bos);
    add_eos = special(SpecialToken::eos) && !suffix.empty() && suffix.back() == *special(SpecialToken::eos);
    return {};
}

void append_with_spaces(std::string_view spelling, std::string& out) {
    for (std::size_t i = 0; i < spelling.size();) {
        const std::size_t mark = std::min(spelling.find(space_mark, i), spelling.size());
        out.append(spelling, i, mark - i);
        if (mark < spelling.size()) out += ' ';
        i = mark + space_mark.size();
    }
}

}  // namespace hearth::text
