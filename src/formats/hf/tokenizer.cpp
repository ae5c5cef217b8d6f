#include "formats/hf/tokenizer.hpp"

#include <map>

#include "formats/hf/splits.hpp"
#include "formats/quote.hpp"
#include "hearth/base/cat.hpp"

namespace hearth::formats {

namespace {

template <class... Parts>
Status wrong(const Parts&... parts) {
    return {Code::malformed, cat("tokenizer.json: ", parts...)};
}
template <class... Parts>
Status unsupported(const Parts&... parts) {
    return {Code::unsupported, cat("tokenizer.json: ", parts...)};
}

// GGUF's kinds of tokens.
enum : std::int64_t { normal = 1, unknown = 2, control = 3, user_defined = 4, unused = 5, byte = 6 };

constexpr std::size_t kMostTokens = 1 << 24;

bool spells_byte(std::string_view s) {
    return s.size() == 6 && s.starts_with("<0x") && s[5] == '>' &&
           s.substr(3, 2).find_first_not_of("0123456789ABCDEFabcdef") == std::string_view::npos;
}

class Translator {
public:
    Translator(const HfTexts& texts, Metadata& out) : texts_(texts), root_(texts.tokenizer->root()), out_(out) {}

    Status run() {
        if (!root_.is_object()) return wrong("is ", root_.kind_name(), ", expected an object");
        const JsonValue model = root_["model"];
        // Files of old have no type where it is BPE.
        if (model["type"].is("BPE") || (!model["type"].given() && model["merges"].is_array())) {
            HEARTH_TRY(bpe(model));
        } else if (model["type"].is("WordPiece")) {
            HEARTH_TRY(word_piece(model));
        } else if (model["type"].is("Unigram")) {
            HEARTH_TRY(unigram(model));
        } else {
            return unsupported("'model.type' is ", quote(model["type"].text()), ", supported are BPE, WordPiece and Unigram");
        }
        HEARTH_TRY(special_ids());
        HEARTH_TRY(around());
        chat_template();
        return {};
    }

private:
    // ---- vocabulary ----
    // `spelling`: the token as the text floor has it.
    Status put_token(std::int64_t id, std::string_view text, std::int64_t kind) { return put_token(id, text, kind, std::string(text)); }
    Status put_token(std::int64_t id, std::string_view text, std::int64_t kind, std::string spelling) {
        if (id < 0 || static_cast<std::uint64_t>(id) >= kMostTokens)
            return wrong("token ", quote(text), " has the id ", id, ", expected 0 to ", kMostTokens - 1);
        const auto at = static_cast<std::size_t>(id);
        if (at >= tokens_.size()) {
            tokens_.resize(at + 1);
            kinds_.resize(at + 1, 0);
        }
        tokens_[at] = std::move(spelling);
        kinds_[at] = kind;
        ids_.insert_or_assign(std::string(text), id);
        return {};
    }

    // put(id, text) takes each token.
    template <class Put>
    Status vocabulary(JsonValue vocab, Put put) {
        if (!vocab.is_object()) return wrong("'model.vocab' is ", vocab.kind_name(), ", expected an object of ids");
        // Ids far beyond the number of tokens would only be holes.
        const std::uint64_t most = 2 * (vocab.size() + root_["added_tokens"].size()) + 65536;
        for (const JsonValue token : vocab) {
            const auto id = token.integer();
            if (!id) return wrong("the id of token ", quote(token.key()), " is ", token.kind_name(), ", expected a number");
            if (*id > static_cast<std::int64_t>(most)) return wrong("token ", quote(token.key()), " has the id ", *id, " in a vocabulary of ", vocab.size());
            HEARTH_TRY(put(*id, token.key()));
        }
        return added_tokens(most);
    }

    Status added_tokens(std::uint64_t most) {
        std::vector<std::uint64_t> left, right;
        for (const JsonValue token : root_["added_tokens"]) {
            const auto id = token["id"].integer();
            const std::string_view text = token["content"].text();
            if (!id || text.empty() || *id > static_cast<std::int64_t>(most)) return wrong("'added_tokens' has an entry without id or content");
            if (token["single_word"].boolean().value_or(false))
                return unsupported("added token ", quote(text), " is to be found as a single word only, which is not supported");
            HEARTH_TRY(put_token(*id, text, token["special"].boolean().value_or(false) ? control : user_defined));
            if (token["lstrip"].boolean().value_or(false)) left.push_back(static_cast<std::uint64_t>(*id));
            if (token["rstrip"].boolean().value_or(false)) right.push_back(static_cast<std::uint64_t>(*id));
        }
        for (std::size_t i = 0; i < tokens_.size(); ++i) {
            if (kinds_[i] != 0) continue;
            tokens_[i] = cat("[PAD", i, "]");
            kinds_[i] = unused;
        }
        out_.insert("tokenizer.ggml.tokens", tokens_);
        out_.insert("tokenizer.ggml.token_type", kinds_);
        if (!left.empty()) out_.insert("tokenizer.hearth.lstrip_ids", std::move(left));
        if (!right.empty()) out_.insert("tokenizer.hearth.rstrip_ids", std::move(right));
        return {};
    }

    // ---- byte pair encoding ----
    Status bpe(JsonValue model) {
        for (const char* key : {"continuing_subword_prefix", "end_of_word_suffix"})
            if (model[key].given() && !model[key].is("")) return unsupported("'model.", key, "' is ", quote(model[key].text()), ", supported is none");
        if (model["dropout"].given() && model["dropout"].number() != 0.0) return unsupported("'model.dropout' is set, supported is none");
        Splits splits;
        HEARTH_TRY(read_normalizer(root_["normalizer"], splits));
        HEARTH_TRY(read_pre_tokenizer(root_["pre_tokenizer"], splits));
        const bool fallback = model["byte_fallback"].boolean().value_or(false);
        if (!splits.bytes && !fallback) return unsupported("'model' is BPE over characters without 'byte_fallback', which is not supported");
        if (!splits.bytes && !splits.marks) return unsupported("'model' is BPE over characters that leaves spaces as they are, which is not supported");
        if (splits.bytes && splits.marks) return unsupported("spaces are replaced and bytes are spelled, which is not supported together");
        out_.insert("tokenizer.ggml.model", std::string(splits.bytes ? "gpt2" : "gemma4"));
        out_.insert("tokenizer.ggml.pre", std::string("tokenizer.json"));
        HEARTH_TRY(vocabulary(model["vocab"], [&](std::int64_t id, std::string_view text) {
            return put_token(id, text, fallback && spells_byte(text) ? byte : normal);
        }));
        HEARTH_TRY(merges(model["merges"]));
        if (model["unk_token"].is_string()) HEARTH_TRY(unknown_token(model["unk_token"].text()));
        out_.insert("tokenizer.hearth.patterns", std::move(splits.patterns));
        if (model["ignore_merges"].boolean().value_or(false)) out_.insert("tokenizer.hearth.ignore_merges", true);
        if (!splits.normal_form.empty()) out_.insert("tokenizer.hearth.normal_form", std::move(splits.normal_form));
        out_.insert("tokenizer.ggml.add_space_prefix", !splits.prefix.empty());
        if (!splits.prefix.empty() && splits.prefix != "always") out_.insert("tokenizer.hearth.space_prefix", std::move(splits.prefix));
        return {};
    }

    Status unknown_token(std::string_view text) {
        const auto at = ids_.find(text);
        if (at == ids_.end()) return wrong("'model.unk_token' is ", quote(text), ", which is no token");
        out_.insert("tokenizer.ggml.unknown_token_id", static_cast<std::uint64_t>(at->second));
        return {};
    }

    // ---- pieces of words, which GGUF spells the other way round: those that begin a word have a mark ----
    Status word_piece(JsonValue model) {
        constexpr std::string_view mark = "##", space_mark = "\xe2\x96\x81";
        if (model["continuing_subword_prefix"].given() && !model["continuing_subword_prefix"].is(mark))
            return unsupported("'model.continuing_subword_prefix' is ", quote(model["continuing_subword_prefix"].text()), ", supported is '##'");
        BertSteps steps;
        HEARTH_TRY(read_bert_steps(root_["normalizer"], root_["pre_tokenizer"], steps));
        out_.insert("tokenizer.ggml.model", std::string("bert"));
        out_.insert("tokenizer.ggml.normalizer.lowercase", steps.lowercase);
        out_.insert("tokenizer.ggml.normalizer.strip_accents", steps.strip_accents);
        const auto longest = model["max_input_chars_per_word"].integer().value_or(100);
        if (longest < 1) return wrong("'model.max_input_chars_per_word' is ", longest, ", expected at least 1");
        out_.insert("tokenizer.hearth.longest_word", static_cast<std::uint64_t>(longest));
        HEARTH_TRY(vocabulary(model["vocab"], [&](std::int64_t id, std::string_view text) {
            const bool inner = text.starts_with(mark) && text.size() > mark.size();
            return put_token(id, text, normal, inner ? std::string(text.substr(mark.size())) : cat(space_mark, text));
        }));
        return unknown_token(model["unk_token"].is_string() ? model["unk_token"].text() : "[UNK]");
    }

    // ---- unigram language models ----
    Status unigram(JsonValue model) {
        const JsonValue vocab = model["vocab"];
        if (!vocab.is_array()) return wrong("'model.vocab' is ", vocab.kind_name(), ", expected an array of tokens with scores");
        UnigramSteps steps;
        HEARTH_TRY(read_unigram_steps(root_["normalizer"], root_["pre_tokenizer"], steps));
        const bool fallback = model["byte_fallback"].boolean().value_or(false);
        std::vector<double> scores;
        for (const JsonValue entry : vocab) {
            if (!entry.is_array() || entry.size() != 2 || !(*entry.begin()).is_string()) return wrong("'model.vocab' entry ", scores.size(), " is no pair of a text and a score");
            const JsonValue text = *entry.begin(), score = *++entry.begin();
            if (!score.number()) return wrong("'model.vocab' entry ", scores.size(), " has a score that is ", score.kind_name());
            // Where words are parted before, no token reaches into the next.
            const bool reaches = steps.words && text.text().find("\xe2\x96\x81", 1) != std::string_view::npos;
            HEARTH_TRY(put_token(static_cast<std::int64_t>(scores.size()), text.text(), fallback && spells_byte(text.text()) ? byte : reaches ? unused : normal));
            scores.push_back(*score.number());
        }
        HEARTH_TRY(added_tokens(2 * (vocab.size() + root_["added_tokens"].size()) + 65536));
        scores.resize(tokens_.size());
        const auto unknown_id = model["unk_id"].integer();
        if (!unknown_id || *unknown_id < 0 || static_cast<std::size_t>(*unknown_id) >= tokens_.size())
            return unsupported("'model.unk_id' is no token's id, which is not supported");
        out_.insert("tokenizer.ggml.unknown_token_id", static_cast<std::uint64_t>(*unknown_id));
        out_.insert("tokenizer.ggml.model", std::string("t5"));
        out_.insert("tokenizer.ggml.scores", std::move(scores));
        out_.insert("tokenizer.ggml.add_space_prefix", steps.prefix);
        out_.insert("tokenizer.ggml.remove_extra_whitespaces", steps.remove_extra);
        if (steps.any_space) out_.insert("tokenizer.hearth.any_space", true);
        if (steps.missing_only) out_.insert("tokenizer.hearth.space_prefix", std::string("missing"));
        if (!steps.charsmap.empty()) out_.insert("tokenizer.ggml.precompiled_charsmap", std::move(steps.charsmap));
        if (!steps.normal_form.empty()) out_.insert("tokenizer.hearth.normal_form", std::move(steps.normal_form));
        return {};
    }

    Status merges(JsonValue list) {
        if (!list.is_array()) return wrong("'model.merges' is ", list.kind_name(), ", expected an array");
        std::vector<std::string> merges;
        merges.reserve(list.size());
        for (const JsonValue merge : list) {
            if (merge.is_string()) {
                merges.emplace_back(merge.text());
                continue;
            }
            if (!merge.is_array() || merge.size() != 2) return wrong("'model.merges' has an entry ", merges.size(), " that is no pair");
            const JsonValue left = *merge.begin(), right = *++merge.begin();
            // Pairs are kept as "left right": the first space behind the first character parts them.
            if (left.text().empty() || left.text().find(' ', 1) != std::string_view::npos)
                return unsupported("'model.merges' entry ", merges.size(), " has a space within ", quote(left.text()), ", which is not supported");
            merges.push_back(cat(left.text(), " ", right.text()));
        }
        out_.insert("tokenizer.ggml.merges", std::move(merges));
        return {};
    }

    // ---- special tokens ----
    std::optional<std::uint64_t> id_of(JsonValue token) const {
        const std::string_view text = token.is_object() ? token["content"].text() : token.text();
        const auto at = ids_.find(text);
        return text.empty() || at == ids_.end() ? std::nullopt : std::optional(static_cast<std::uint64_t>(at->second));
    }
    static JsonValue at(const Json* json, JsonValue absent, const char* key) { return json != nullptr ? json->root()[key] : absent; }

    // Ids of a config: a number or a list of them.
    Status ids_at(JsonValue value, std::string_view where, std::vector<std::uint64_t>& ids) const {
        if (!value.given()) return {};
        const auto add = [&](JsonValue v) -> Status {
            const auto id = v.integer();
            if (!id) return {Code::malformed, cat(where, " is no token id")};
            // Some configs name ids that their tokenizer does not have.
            if (*id >= 0 && static_cast<std::size_t>(*id) < tokens_.size()) ids.push_back(static_cast<std::uint64_t>(*id));
            return {};
        };
        if (!value.is_array()) return add(value);
        for (const JsonValue v : value) HEARTH_TRY(add(v));
        return {};
    }

    Status special_ids() {
        const JsonValue none = root_.absent();
        struct Special {
            const char *token, *id, *key;
        };
        // What BERT's vocabularies call them, where the config is silent.
        const auto known = [&](const char* config_key, const char* text, const char* key) {
            auto id = id_of(at(texts_.config, none, config_key));
            if (const auto spelled = ids_.find(std::string_view(text)); !id && spelled != ids_.end()) id = static_cast<std::uint64_t>(spelled->second);
            if (id) out_.insert(key, *id);
        };
        known("cls_token", "[CLS]", "tokenizer.ggml.cls_token_id");
        known("sep_token", "[SEP]", "tokenizer.ggml.seperator_token_id");
        known("mask_token", "[MASK]", "tokenizer.ggml.mask_token_id");
        for (const Special& s : {Special{"bos_token", "bos_token_id", "tokenizer.ggml.bos_token_id"},
                                 {"eos_token", "eos_token_id", "tokenizer.ggml.eos_token_id"},
                                 {"pad_token", "pad_token_id", "tokenizer.ggml.padding_token_id"},
                                 {"unk_token", nullptr, "tokenizer.ggml.unknown_token_id"}}) {
            auto id = id_of(at(texts_.config, none, s.token));
            if (!id && s.id != nullptr) {
                std::vector<std::uint64_t> ids;
                HEARTH_TRY(ids_at(at(texts_.generation, none, s.id), cat("generation_config.json: '", s.id, "'"), ids));
                HEARTH_TRY(ids_at(at(texts_.model, none, s.id), cat("config.json: '", s.id, "'"), ids));
                if (!ids.empty()) id = ids.front();
            }
            if (id) out_.insert(s.key, *id);
        }
        // Without a key a loader would take a number of its own.
        for (const char* key : {"tokenizer.ggml.bos_token_id", "tokenizer.ggml.eos_token_id"}) out_.insert(key, std::int64_t{-1});
        std::vector<std::uint64_t> ends;
        HEARTH_TRY(ids_at(at(texts_.generation, none, "eos_token_id"), "generation_config.json: 'eos_token_id'", ends));
        if (ends.empty()) HEARTH_TRY(ids_at(at(texts_.model, none, "eos_token_id"), "config.json: 'eos_token_id'", ends));
        if (!ends.empty()) out_.insert("tokenizer.hearth.end_ids", std::move(ends));
        return {};
    }

    // ---- what stands around a text ----
    // Of a template for two texts: what stands between them. Templates that hearth cannot follow have none.
    void between_two(JsonValue list, JsonValue specials) {
        std::vector<std::uint64_t> ids;
        bool first_seen = false;
        for (const JsonValue piece : list) {
            if (piece["Sequence"].is_object()) {
                if (first_seen) {
                    if (!piece["Sequence"]["id"].is("B")) return;
                    between_ = std::move(ids);
                    second_type_ = piece["Sequence"]["type_id"].integer() == 1;
                    return;
                }
                if (!piece["Sequence"]["id"].is("A")) return;
                first_seen = true;
            } else if (first_seen && !ids_at(specials[piece["SpecialToken"]["id"].text()]["ids"], "tokenizer.json: an id of 'post_processor'", ids).ok()) {
                return;
            }
        }
    }

    Status pieces(JsonValue list, JsonValue specials, std::vector<std::uint64_t>& before, std::vector<std::uint64_t>& after) {
        bool text_seen = false;
        for (const JsonValue piece : list) {
            if (piece["Sequence"].is_object()) {
                if (text_seen || !piece["Sequence"]["id"].is("A")) return unsupported("'post_processor' repeats the text, which is not supported");
                text_seen = true;
                continue;
            }
            const std::string_view name = piece["SpecialToken"]["id"].text();
            const JsonValue ids = specials[name]["ids"];
            if (name.empty() || !ids.is_array()) return wrong("'post_processor' has a template with an unknown token ", quote(name));
            HEARTH_TRY(ids_at(ids, "tokenizer.json: an id of 'post_processor'", text_seen ? after : before));
        }
        if (!text_seen) return unsupported("'post_processor' has a template without the text, which is not supported");
        return {};
    }

    Status post_processor(JsonValue p, bool& found, std::vector<std::uint64_t>& before, std::vector<std::uint64_t>& after) {
        if (!p.given() || p["type"].is("ByteLevel")) return {};
        if (p["type"].is("Sequence")) {
            for (const JsonValue inner : p["processors"]) HEARTH_TRY(post_processor(inner, found, before, after));
            return {};
        }
        if (found) return unsupported("'post_processor' puts tokens around a text twice, which is not supported");
        found = true;
        if (p["type"].is("TemplateProcessing")) {
            between_two(p["pair"], p["special_tokens"]);
            return pieces(p["single"], p["special_tokens"], before, after);
        }
        if (p["type"].is("BertProcessing") || p["type"].is("RobertaProcessing")) {
            for (const auto& [key, to] : {std::pair("cls", &before), std::pair("sep", &after)}) {
                const JsonValue pair = p[key];
                if (!pair.is_array() || pair.size() != 2) return wrong("'post_processor.", key, "' is no pair of a token and its id");
                HEARTH_TRY(ids_at(*++pair.begin(), "tokenizer.json: an id of 'post_processor'", *to));
            }
            between_ = after;
            second_type_ = p["type"].is("BertProcessing");
            if (p["type"].is("RobertaProcessing")) between_->insert(between_->end(), after.begin(), after.end());
            return {};
        }
        return unsupported("'post_processor' is of the type ", quote(p["type"].text()), ", which is not supported");
    }

    Status around() {
        std::vector<std::uint64_t> before, after;
        bool found = false;
        HEARTH_TRY(post_processor(root_["post_processor"], found, before, after));
        // Without a template, loaders of the folder go by these flags.
        if (!found) {
            const JsonValue none = root_.absent();
            for (const auto& [flag, token, to] : {std::tuple("add_bos_token", "bos_token", &before), std::tuple("add_eos_token", "eos_token", &after)}) {
                if (!at(texts_.config, none, flag).boolean().value_or(false)) continue;
                if (const auto id = id_of(at(texts_.config, none, token))) to->push_back(*id);
            }
        }
        if (between_) out_.insert("tokenizer.hearth.between_ids", *std::move(between_));
        if (second_type_) out_.insert("tokenizer.hearth.second_type", true);
        out_.insert("tokenizer.hearth.prefix_ids", std::move(before));
        out_.insert("tokenizer.hearth.suffix_ids", std::move(after));
        return {};
    }

    void chat_template() {
        if (texts_.config == nullptr) return;
        const JsonValue t = texts_.config->root()["chat_template"];
        if (t.is_string()) out_.insert("tokenizer.chat_template", std::string(t.text()));
        for (const JsonValue named : t) {  // a list of {"name", "template"}
            const std::string_view name = named["name"].text();
            if (!named["template"].is_string()) continue;
            out_.insert(name == "default" ? std::string("tokenizer.chat_template") : cat("tokenizer.chat_template.", name),
                        std::string(named["template"].text()));
        }
    }

    const HfTexts& texts_;
    JsonValue root_;
    Metadata& out_;
    std::vector<std::string> tokens_;
    std::vector<std::int64_t> kinds_;  // 0: a hole
    std::map<std::string, std::int64_t, std::less<>> ids_;
    std::optional<std::vector<std::uint64_t>> between_;
    bool second_type_ = false;
};

}  // namespace

Status read_tokenizer(const HfTexts& texts, Metadata& metadata) { return Translator(texts, metadata).run(); }

}  // namespace hearth::formats
