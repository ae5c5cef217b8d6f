#include "text/pre_tokenizer.hpp"

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>

#include <new>
#include <span>
#include <string>

#include "hearth/base/cat.hpp"
#include "hearth/base/utf8.hpp"

namespace hearth::text {

namespace {

#define HEARTH_REGEXES(set, ...) constexpr const char* regexes_##set[] = {__VA_ARGS__};
#define HEARTH_PRE_TOKENIZER(name, set, flags)
#include "text/pre_tokenizers.inc"

struct Entry {
    const char* name;
    std::span<const char* const> regexes;
    unsigned flags;
};
#define HEARTH_REGEXES(set, ...)
#define HEARTH_PRE_TOKENIZER(name, set, flags) {name, regexes_##set, flags},
constexpr Entry entries[] = {
#include "text/pre_tokenizers.inc"
};

// PCRE2's \s contains U+180E, which is no White_Space, so the shorthands are spelled out.
std::string spell_out_spaces(std::string_view pattern) {
    constexpr std::string_view spaces =
        "\\t-\\r \\x{85}\\x{a0}\\x{1680}\\x{2000}-\\x{200a}\\x{2028}\\x{2029}\\x{202f}\\x{205f}\\x{3000}";
    std::string out;
    bool in_class = false;
    for (std::size_t i = 0; i < pattern.size(); ++i) {
        const char c = pattern[i];
        if (c == '\\' && i + 1 < pattern.size()) {
            const char escaped = pattern[++i];
            if (escaped == 's')
                out += in_class ? std::string(spaces) : cat('[', spaces, ']');
            else if (escaped == 'S' && !in_class)
                out += cat("[^", spaces, ']');
            else
                (out += c) += escaped;
            continue;
        }
        if (c == '[') in_class = true;
        if (c == ']') in_class = false;
        out += c;
    }
    return out;
}

// Far beyond what the patterns need on any text (they are linear in it), but an end for one that is not.
constexpr std::uint32_t match_limit = 500'000'000;
constexpr std::uint32_t heap_limit_kib = 256 * 1024;

std::string pcre2_message(int code) {
    PCRE2_UCHAR8 text[128];
    const int length = pcre2_get_error_message_8(code, text, sizeof text);
    return length < 0 ? cat("error ", code) : std::string(reinterpret_cast<const char*>(text));
}

}  // namespace

std::vector<std::string_view> pre_tokenizer_names() {
    std::vector<std::string_view> names;
    for (const Entry& e : entries) names.emplace_back(e.name);
    return names;
}

Result<PreTokenizer> PreTokenizer::make(std::string_view name) {
    for (const Entry& e : entries)
        if (name == e.name) return make(e.name, {e.regexes.begin(), e.regexes.end()}, e.flags);
    return Status(Code::unsupported,
                  cat("metadata key 'tokenizer.ggml.pre': pre-tokenizer '", utf8_repair(name), "' is not supported"));
}

Result<PreTokenizer> PreTokenizer::make(std::string_view name, std::vector<std::string_view> patterns, unsigned flags) {
    PreTokenizer pre;
    pre.name_ = name;
    pre.flags_ = flags;
    for (const std::string_view pattern : patterns) {
        const std::string spelled = spell_out_spaces(pattern);
        int error = 0;
        PCRE2_SIZE at = 0;
        pcre2_code_8* code = pcre2_compile_8(reinterpret_cast<PCRE2_SPTR8>(spelled.data()), spelled.size(),
                                             PCRE2_UTF | PCRE2_UCP | PCRE2_NEVER_BACKSLASH_C, &error, &at, nullptr);
        if (code == nullptr)
            return Status(Code::internal, cat("pre-tokenizer '", name, "': the pattern ", spelled, " is wrong at ", at,
                                              ": ", pcre2_message(error)));
        Regex regex;
        regex.code = std::shared_ptr<const pcre2_code_8>(code, [](pcre2_code_8* c) { pcre2_code_free_8(c); });
        // Where the system forbids generated code, matching is interpreted.
        std::uint32_t nothing = 0;
        pre.may_match_nothing_ = pre.may_match_nothing_ || pcre2_pattern_info_8(code, PCRE2_INFO_MATCHEMPTY, &nothing) != 0 || nothing != 0;
        regex.jit = pcre2_jit_compile_8(code, PCRE2_JIT_COMPLETE) == 0;
        pre.regexes_.push_back(std::move(regex));
    }
    return pre;
}

Splitter::Splitter(const PreTokenizer& pre)
    : pre_(&pre),
      data_(pcre2_match_data_create_8(1, nullptr), pcre2_match_data_free_8),
      limits_(pcre2_match_context_create_8(nullptr), pcre2_match_context_free_8) {
    if (!data_ || !limits_) throw std::bad_alloc();
    pcre2_set_match_limit_8(limits_.get(), match_limit);
    pcre2_set_heap_limit_8(limits_.get(), heap_limit_kib);
}

Status Splitter::match(std::size_t level, std::string_view text, std::size_t from, std::size_t& begin,
                       std::size_t& end) {
    const PreTokenizer::Regex& regex = pre_->regexes_[level];
    const auto* subject = reinterpret_cast<PCRE2_SPTR8>(text.data());
    constexpr std::uint32_t options = PCRE2_NOTEMPTY | PCRE2_NO_UTF_CHECK;
    int rc = PCRE2_ERROR_JIT_STACKLIMIT;
    if (regex.jit)
        rc = pcre2_jit_match_8(regex.code.get(), subject, text.size(), from, options, data_.get(), limits_.get());
    if (rc == PCRE2_ERROR_JIT_STACKLIMIT)
        rc = pcre2_match_8(regex.code.get(), subject, text.size(), from, options | PCRE2_NO_JIT, data_.get(),
                           limits_.get());
    if (rc >= 0) {
        const PCRE2_SIZE* bounds = pcre2_get_ovector_pointer_8(data_.get());
        begin = bounds[0];
        end = bounds[1];
        return {};
    }
    if (rc == PCRE2_ERROR_NOMEMORY) throw std::bad_alloc();
    begin = end = text.size();
    if (rc == PCRE2_ERROR_NOMATCH) return {};
    return {Code::out_of_range, cat("pre-tokenizer '", pre_->name_, "' gave up on ", text.size(), " bytes at byte ",
                                    from, ": ", pcre2_message(rc))};
}

}  // namespace hearth::text
