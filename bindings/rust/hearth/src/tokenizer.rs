//! Tokenizers, the streaming decoder, and chat templates.

use std::fmt;
use std::path::Path;
use std::ptr::{self, NonNull};
use std::sync::Arc;

use hearth_sys as sys;
use serde_json::Value;

use crate::error::{check, Error, Result};
use crate::ffi;
use crate::model::Model;

/// The number of a token in its vocabulary.
pub type Token = i32;

/// How text becomes tokens.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Encode {
    /// Add BOS, EOS, CLS, SEP as the vocabulary says. Default: true.
    pub add_special: bool,
    /// `"<|im_end|>"` in the text becomes that token. Default: false, so that text of users stays text.
    pub parse_special: bool,
}

impl Default for Encode {
    fn default() -> Self {
        Encode {
            add_special: true,
            parse_special: false,
        }
    }
}

impl Encode {
    pub(crate) fn flags(self) -> u32 {
        let mut flags = 0;
        if !self.add_special {
            flags |= sys::HEARTH_TOKENIZE_NO_SPECIAL;
        }
        if self.parse_special {
            flags |= sys::HEARTH_TOKENIZE_PARSE_SPECIAL;
        }
        flags
    }
}

/// Tokens with a meaning of their own.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Special {
    /// Begins a text.
    Bos,
    /// Ends a text.
    Eos,
    /// Ends a turn.
    Eot,
    /// Ends a message.
    Eom,
    /// Stands for what the vocabulary cannot spell.
    Unknown,
    /// Stands between texts.
    Separator,
    /// Fills.
    Padding,
    /// Stands for what is to be guessed.
    Mask,
}

/// A vocabulary, how text is cut into its tokens, and the chat template. Shared by cloning; `Send` and `Sync`.
///
/// ```
/// # fn main() -> hearth::Result<()> {
/// # let path = hearth_testing::model();
/// let tokenizer = hearth::Tokenizer::open(path)?; // no weights are read
/// let tokens = tokenizer.encode("Hello", Default::default())?;
/// assert_eq!(tokenizer.decode(&tokens, false)?.trim(), "Hello");
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct Tokenizer(Arc<Inner>);

struct Inner {
    raw: NonNull<sys::hearth_tokenizer>,
    _model: Option<Model>,
}

// The header's class of tokenizers is [any].
unsafe impl Send for Inner {}
unsafe impl Sync for Inner {}

impl Drop for Inner {
    fn drop(&mut self) {
        // Made by hearth_tokenizer_…, freed once.
        unsafe { sys::hearth_tokenizer_free(self.raw.as_ptr()) }
    }
}

impl Tokenizer {
    /// That of a model file, whose weights are not read.
    ///
    /// # Errors
    /// [`Error::NotFound`], [`Error::Io`], [`Error::Format`], [`Error::Unsupported`].
    pub fn open(path: impl AsRef<Path>) -> Result<Tokenizer> {
        let path = ffi::c_path(path.as_ref())?;
        let mut raw = ptr::null_mut();
        let raw = ffi::made(unsafe { sys::hearth_tokenizer_open_path(&mut raw, path.as_ptr()) }, raw)?;
        Ok(Tokenizer(Arc::new(Inner { raw, _model: None })))
    }

    pub(crate) fn of_model(model: &Model) -> Result<Tokenizer> {
        let mut raw = ptr::null_mut();
        let raw = ffi::made(unsafe { sys::hearth_tokenizer_of_model(&mut raw, model.raw()) }, raw)?;
        Ok(Tokenizer(Arc::new(Inner {
            raw,
            _model: Some(model.clone()),
        })))
    }

    /// Number of tokens.
    pub fn size(&self) -> u32 {
        unsafe { sys::hearth_tokenizer_size(self.raw()) }
    }

    /// Text as tokens.
    ///
    /// # Errors
    /// [`Error::OutOfMemory`].
    pub fn encode(&self, text: &str, how: Encode) -> Result<Vec<Token>> {
        ffi::buffer(text.len() / 2 + 8, |tokens, capacity, needed| unsafe {
            let text = (text.as_ptr().cast(), text.len());
            sys::hearth_tokenizer_encode(tokens, capacity, needed, self.raw(), text.0, text.1, how.flags())
        })
    }

    /// Tokens as text; broken UTF-8 becomes U+FFFD. With `special`, control tokens are written out.
    ///
    /// # Errors
    /// [`Error::OutOfRange`] for a token outside the vocabulary.
    pub fn decode(&self, tokens: &[Token], special: bool) -> Result<String> {
        let bytes = ffi::buffer::<u8>(tokens.len() * 8 + 8, |text, capacity, needed| unsafe {
            let tokens = (tokens.as_ptr(), tokens.len());
            sys::hearth_tokenizer_decode(text.cast(), capacity, needed, self.raw(), tokens.0, tokens.1, special)
        })?;
        Ok(String::from_utf8(bytes).unwrap_or_else(|e| String::from_utf8_lossy(e.as_bytes()).into_owned()))
    }

    /// The bytes of one token, which need not be whole characters.
    ///
    /// # Errors
    /// [`Error::OutOfRange`] for a token outside the vocabulary.
    pub fn piece(&self, token: Token, special: bool) -> Result<Vec<u8>> {
        ffi::buffer(16, |bytes: *mut u8, capacity, needed| unsafe {
            sys::hearth_tokenizer_piece(bytes.cast(), capacity, needed, self.raw(), token, special)
        })
    }

    /// The token of a meaning, where the vocabulary has it.
    pub fn special(&self, which: Special) -> Option<Token> {
        let which = match which {
            Special::Bos => sys::HEARTH_TOKEN_BOS,
            Special::Eos => sys::HEARTH_TOKEN_EOS,
            Special::Eot => sys::HEARTH_TOKEN_EOT,
            Special::Eom => sys::HEARTH_TOKEN_EOM,
            Special::Unknown => sys::HEARTH_TOKEN_UNKNOWN,
            Special::Separator => sys::HEARTH_TOKEN_SEPARATOR,
            Special::Padding => sys::HEARTH_TOKEN_PADDING,
            Special::Mask => sys::HEARTH_TOKEN_MASK,
        };
        let token = unsafe { sys::hearth_tokenizer_special(self.raw(), which) };
        (token >= 0).then_some(token)
    }

    /// The token that is spelled exactly so in the vocabulary, such as `"<|im_end|>"`.
    pub fn find(&self, spelling: &str) -> Option<Token> {
        let token = unsafe { sys::hearth_tokenizer_find(self.raw(), spelling.as_ptr().cast(), spelling.len()) };
        (token >= 0).then_some(token)
    }

    /// Whether the token ends what a model generates.
    pub fn ends_generation(&self, token: Token) -> bool {
        unsafe { sys::hearth_tokenizer_ends_generation(self.raw(), token) }
    }

    /// Tokens to text as they arrive.
    ///
    /// # Errors
    /// [`Error::OutOfMemory`].
    pub fn decoder(&self, special: bool) -> Result<Decoder> {
        let mut raw = ptr::null_mut();
        // Makes an object of its own; the tokenizer is only looked at.
        let raw = ffi::made(unsafe { sys::hearth_decoder_new(&mut raw, self.raw(), special) }, raw)?;
        Ok(Decoder {
            raw,
            _tokenizer: self.clone(),
        })
    }

    /// The Jinja template that the file carries for conversations: the default one, or another by its name.
    ///
    /// # Errors
    /// [`Error::NotFound`].
    pub fn chat_template(&self, name: Option<&str>) -> Result<String> {
        let name = name.map(|n| ffi::c_string("the template's name", n)).transpose()?;
        let name = name.as_ref().map_or(ptr::null(), |n| n.as_ptr());
        ffi::text(|out| unsafe { sys::hearth_chat_template(out, self.raw(), name) })
    }

    /// A conversation as the text that the model was trained on. `input` has the template's variables: `messages`,
    /// `tools`, `add_generation_prompt` and any other. `source` is a template in place of the file's own.
    ///
    /// # Errors
    /// [`Error::Format`] for what is no template, [`Error::InvalidArgument`] where it fails or raises an exception, with
    /// line and column; [`Error::OverBudget`] beyond its bounds; [`Error::NotFound`] where there is no template.
    pub fn render_chat(&self, input: &Value, source: Option<&str>) -> Result<String> {
        let input = input.to_string();
        let (source, source_length) = pair(source);
        ffi::text(|out| unsafe {
            sys::hearth_chat_render(
                out,
                self.raw(),
                source,
                source_length,
                input.as_ptr().cast(),
                input.len(),
            )
        })
    }

    /// The same as tokens, in which only the template names control tokens: `"<|im_end|>"` in a message stays text.
    ///
    /// ```
    /// # fn main() -> hearth::Result<()> {
    /// # let tokenizer = hearth::Tokenizer::open(hearth_testing::model())?;
    /// let input = serde_json::json!({
    ///     "messages": [{"role": "user", "content": "Hello"}],
    ///     "add_generation_prompt": true,
    /// });
    /// let tokens = tokenizer.chat_tokens(&input, None)?;
    /// # assert!(!tokens.is_empty());
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// As [`Tokenizer::render_chat`].
    pub fn chat_tokens(&self, input: &Value, source: Option<&str>) -> Result<Vec<Token>> {
        let input = input.to_string();
        let (source, source_length) = pair(source);
        ffi::buffer(input.len() / 2 + 64, |tokens, capacity, needed| unsafe {
            let input = (input.as_ptr().cast(), input.len());
            sys::hearth_chat_tokens(
                tokens,
                capacity,
                needed,
                self.raw(),
                source,
                source_length,
                input.0,
                input.1,
                0,
            )
        })
    }

    pub(crate) fn raw(&self) -> *mut sys::hearth_tokenizer {
        self.0.raw.as_ptr()
    }
}

/// Optional text as C takes it.
pub(crate) fn pair(text: Option<&str>) -> (*const std::ffi::c_char, usize) {
    text.map_or((ptr::null(), 0), |t| (t.as_ptr().cast(), t.len()))
}

impl fmt::Debug for Tokenizer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tokenizer")
            .field("size", &self.size())
            .finish_non_exhaustive()
    }
}

/// Tokens to text as they arrive; never half a character. `Send`, not `Sync`.
pub struct Decoder {
    raw: NonNull<sys::hearth_decoder>,
    _tokenizer: Tokenizer,
}

// The header's class of decoders is [object]: one thread at a time, whichever it is.
unsafe impl Send for Decoder {}

impl Decoder {
    /// What became whole with this token; may be empty.
    ///
    /// # Errors
    /// [`Error::OutOfRange`] for a token outside the vocabulary.
    pub fn push(&mut self, token: Token) -> Result<&str> {
        self.take(|text, length, raw| unsafe { sys::hearth_decoder_push(text, length, raw, token) })
    }

    /// What is left at the end; bytes that are no whole character become U+FFFD.
    ///
    /// # Errors
    /// [`Error::OutOfMemory`].
    pub fn flush(&mut self) -> Result<&str> {
        self.take(|text, length, raw| unsafe { sys::hearth_decoder_flush(text, length, raw) })
    }

    fn take(
        &mut self,
        call: impl FnOnce(*mut *const std::ffi::c_char, *mut usize, *mut sys::hearth_decoder) -> sys::hearth_status,
    ) -> Result<&str> {
        let (mut text, mut length) = (ptr::null(), 0);
        check(call(&mut text, &mut length, self.raw.as_ptr()))?;
        // Borrowed until the next call, which needs `&mut self` again.
        let bytes = unsafe { ffi::slice(text.cast::<u8>(), length) };
        std::str::from_utf8(bytes).map_err(|e| Error::Internal(format!("a decoder gave broken text: {e}")))
    }
}

impl Drop for Decoder {
    fn drop(&mut self) {
        unsafe { sys::hearth_decoder_free(self.raw.as_ptr()) }
    }
}

impl fmt::Debug for Decoder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Decoder").finish_non_exhaustive()
    }
}
