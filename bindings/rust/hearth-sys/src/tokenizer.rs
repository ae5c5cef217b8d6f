//! Tokenizers and the streaming decoder.

use crate::{hearth_model, hearth_status};
use core::ffi::c_char;

pub type hearth_token = i32;

/// add no BOS, EOS, CLS, SEP
pub const HEARTH_TOKENIZE_NO_SPECIAL: u32 = 1;
/// "\<|im_end|>" in the text becomes that token
pub const HEARTH_TOKENIZE_PARSE_SPECIAL: u32 = 2;
pub const HEARTH_TOKEN_BOS: u32 = 0;
pub const HEARTH_TOKEN_EOS: u32 = 1;
pub const HEARTH_TOKEN_EOT: u32 = 2;
pub const HEARTH_TOKEN_EOM: u32 = 3;
pub const HEARTH_TOKEN_UNKNOWN: u32 = 4;
pub const HEARTH_TOKEN_SEPARATOR: u32 = 5;
pub const HEARTH_TOKEN_PADDING: u32 = 6;
pub const HEARTH_TOKEN_MASK: u32 = 7;

opaque! {
    /// A tokenizer alone, from a model file without its weights. \[any\] for all functions that take it const.
    hearth_tokenizer
}

opaque! {
    /// Tokens to text as they arrive; never half a character. \[object\]
    hearth_decoder
}

extern "C" {
    pub fn hearth_tokenizer_open_path(out: *mut *mut hearth_tokenizer, path: *const c_char) -> hearth_status;
    /// That of a loaded model; keeps the model alive. @since 0.1
    pub fn hearth_tokenizer_of_model(out: *mut *mut hearth_tokenizer, model: *mut hearth_model) -> hearth_status;
    pub fn hearth_tokenizer_free(tokenizer: *mut hearth_tokenizer);
    pub fn hearth_tokenizer_size(tokenizer: *const hearth_tokenizer) -> u32;
    /// @since 0.1
    pub fn hearth_tokenizer_encode(
        tokens: *mut hearth_token,
        capacity: usize,
        needed: *mut usize,
        tokenizer: *const hearth_tokenizer,
        text: *const c_char,
        length: usize,
        flags: u32,
    ) -> hearth_status;
    /// All at once; broken UTF-8 becomes U+FFFD. special: control tokens are written out. Not zero-terminated.
    pub fn hearth_tokenizer_decode(
        text: *mut c_char,
        capacity: usize,
        needed: *mut usize,
        tokenizer: *const hearth_tokenizer,
        tokens: *const hearth_token,
        count: usize,
        special: bool,
    ) -> hearth_status;
    /// The bytes of one token, which need not be whole characters. HEARTH_ERANGE for an id outside the vocabulary.
    pub fn hearth_tokenizer_piece(
        bytes: *mut c_char,
        capacity: usize,
        needed: *mut usize,
        tokenizer: *const hearth_tokenizer,
        token: hearth_token,
        special: bool,
    ) -> hearth_status;
    /// The id of HEARTH_TOKEN_…, -1 where the vocabulary has none.
    pub fn hearth_tokenizer_special(tokenizer: *const hearth_tokenizer, which: u32) -> hearth_token;
    pub fn hearth_tokenizer_find(
        tokenizer: *const hearth_tokenizer,
        text: *const c_char,
        length: usize,
    ) -> hearth_token;
    pub fn hearth_tokenizer_ends_generation(tokenizer: *const hearth_tokenizer, token: hearth_token) -> bool;
    pub fn hearth_decoder_new(
        out: *mut *mut hearth_decoder,
        tokenizer: *mut hearth_tokenizer,
        special: bool,
    ) -> hearth_status;
    pub fn hearth_decoder_free(decoder: *mut hearth_decoder);
    /// \*text is borrowed until the decoder's next call; \*length may be 0. @since 0.1
    pub fn hearth_decoder_push(
        text: *mut *const c_char,
        length: *mut usize,
        decoder: *mut hearth_decoder,
        token: hearth_token,
    ) -> hearth_status;
    pub fn hearth_decoder_flush(
        text: *mut *const c_char,
        length: *mut usize,
        decoder: *mut hearth_decoder,
    ) -> hearth_status;
}
