// Text to token ids and back, by the vocabulary that a model file carries (GGUF's tokenizer.ggml.* keys).
// Thread class: Tokenizer is immutable and shareable; StreamDecoder belongs to one thread at a time.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "hearth/base/metadata.hpp"
#include "hearth/base/status.hpp"
#include "hearth/base/stop.hpp"

namespace hearth {

using Token = std::int32_t;

enum class TokenKind : int {
    undefined = 0,
    normal = 1,
    unknown = 2,
    control = 3,
    user_defined = 4,
    unused = 5,
    byte = 6
};
enum class SpecialToken : int {
    bos,
    eos,
    eot,
    eom,
    unknown,
    separator,
    padding,
    mask,
    fim_prefix,
    fim_suffix,
    fim_middle
};

struct EncodeOptions {
    bool add_special = true;     // BOS, EOS, CLS, SEP where the model's vocabulary asks for them
    bool parse_special = false;  // control tokens written in the text become themselves (user-defined ones always do)
    std::span<const std::size_t> plain = {};  // bytes of the text, in order, that begin no control token whatever stands there
};

class Tokenizer {
public:
    // Fails with the key and what was expected where metadata is missing, unknown or contradicts itself; throws Stopped where `stop`
    // says so.
    static Result<std::unique_ptr<Tokenizer>> make(const Metadata& metadata, const Stop* stop = nullptr);
    virtual ~Tokenizer() = default;

    // Text must be UTF-8 (Code::invalid_utf8 names the byte offset otherwise).
    virtual Result<std::vector<Token>> encode(std::string_view text, EncodeOptions options = {}) const = 0;
    // The bytes of one token in running text; control and unknown tokens are empty unless `special`.
    // Ids outside the vocabulary give an empty string. Bytes need not be whole UTF-8 characters.
    virtual std::string piece(Token id, bool special = false) const = 0;
    // All ids at once; a leading space that the encoder adds to text is removed. Broken UTF-8 becomes U+FFFD.
    virtual std::string decode(std::span<const Token> ids, bool special = false) const = 0;

    virtual std::string_view model() const = 0;         // as tokenizer.ggml.model names it
    virtual std::size_t size() const = 0;               // vocabulary
    virtual std::string_view text(Token id) const = 0;  // as the vocabulary spells it
    virtual TokenKind kind(Token id) const = 0;
    virtual std::optional<Token> special(SpecialToken which) const = 0;
    virtual std::optional<Token> find(std::string_view text) const = 0;  // exact spelling
    virtual bool ends_generation(Token id) const = 0;
    virtual bool adds_bos() const = 0;
    virtual bool adds_eos() const = 0;
};

// Turns tokens into text as they arrive and never emits half a character: bytes wait until they are whole, bytes
// that can no longer become whole turn into U+FFFD.
class StreamDecoder {
public:
    // `special`: render control tokens. `strip_leading_space`: the first piece loses the space that encoders add.
    explicit StreamDecoder(const Tokenizer& tokenizer, bool special = false, bool strip_leading_space = false)
        : tokenizer_(&tokenizer), special_(special), strip_(strip_leading_space) {}
    std::string push(Token id);
    std::string flush();  // what is left, made whole; the decoder starts anew

private:
    const Tokenizer* tokenizer_;
    bool special_;
    bool strip_;
    bool at_start_ = true;
    std::string pending_;
};

}  // namespace hearth
