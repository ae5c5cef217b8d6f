// A vocabulary that any tool can load: 3 special tokens, one for each byte, and pieces of lower-case words.
#pragma once

#include <cstdint>

#include "hearth/base/status.hpp"
#include "hearth/formats/gguf_writer.hpp"

namespace tiny {

inline constexpr std::uint64_t special_tokens = 3, least_tokens = special_tokens + 256;

// Sets tokenizer.ggml.* for `tokens` tokens. merges: byte-level BPE ("gpt2") instead of SentencePiece ("llama").
hearth::Status set_vocabulary(hearth::GgufWriter& writer, std::uint64_t tokens, bool merges);

}  // namespace tiny
