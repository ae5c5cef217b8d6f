//! Sessions: one conversation, its tokens and its cache.

use std::fmt;
use std::ops::Deref;
use std::path::Path;
use std::ptr::{self, NonNull};
use std::sync::{Arc, PoisonError, RwLock};

use hearth_sys as sys;

use crate::adapter::Adapter;
#[cfg(doc)]
use crate::error::Error;
use crate::error::{check, Result};
use crate::ffi;
use crate::generate::{Completion, GenerateOptions};
use crate::generation::Generation;
use crate::model::Model;
use crate::prefix_store::PrefixStore;
use crate::sampling::Sampling;
use crate::tokenizer::{Encode, Token};

/// How a session keeps the past.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum KvType {
    /// Half precision.
    #[default]
    F16,
    /// Single precision: twice the memory.
    F32,
    /// 8-bit integers with a scale for each head's row: half of F16's memory.
    Q8,
}

/// The choices of a new session.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SessionOptions {
    /// Tokens that it can hold; 0: the model's context length, or as much of it as memory holds.
    pub context: u32,
    /// The type of its cache.
    pub kv: KvType,
    /// Prompt tokens of a step; 0: 512. Never changes a result.
    pub chunk: u32,
}

/// One conversation: its tokens and its cache. `Send`, not `Sync`: it may move between threads, and only one uses it at
/// a time. Another thread stops it through a [`CancelHandle`].
///
/// ```
/// use hearth::{GenerateOptions, Sampling};
/// # fn main() -> hearth::Result<()> {
/// # let model = hearth::Model::open(hearth_testing::model())?;
/// let mut session = model.session()?;
/// session.append("Once upon a time")?;
/// let options = GenerateOptions { max_tokens: 16, ..Default::default() };
/// for event in session.generate(&Sampling::greedy()?, &options)? {
///     print!("{}", event?.text());
/// }
/// # assert!(session.len() > 1);
/// # Ok(())
/// # }
/// ```
pub struct Session {
    target: Arc<Target>,
    raw: NonNull<sys::hearth_session>,
    logits: Vec<f32>,
    model: Model, // freed last, with the runtime's callbacks
}

// The header's class of sessions is [object]: one thread at a time, whichever it is.
unsafe impl Send for Session {}

/// What is cancelled: null once it is freed.
pub(crate) struct Target {
    pub(crate) object: RwLock<Object>,
}

#[derive(Clone, Copy)]
pub(crate) enum Object {
    Session(NonNull<sys::hearth_session>),
    Generator(NonNull<sys::hearth_generator>),
    Gone,
}

// Only calls of the class [any] are made with the pointer, and none after the owner took it away.
unsafe impl Send for Target {}
unsafe impl Sync for Target {}

impl Target {
    pub(crate) fn new(object: Object) -> Arc<Target> {
        Arc::new(Target {
            object: RwLock::new(object),
        })
    }

    /// Waits for calls that are being made.
    pub(crate) fn take_away(&self) {
        *self.object.write().unwrap_or_else(PoisonError::into_inner) = Object::Gone;
    }
}

/// Stops what a session or a generator computes, from any thread: `Send`, `Sync`, and `Clone`. It keeps nothing alive;
/// after the end of what it belongs to it does nothing.
///
/// ```
/// # fn main() -> hearth::Result<()> {
/// # let model = hearth::Model::open(hearth_testing::model())?;
/// let mut session = model.session()?;
/// let handle = session.cancel_handle();
/// let watchdog = std::thread::spawn(move || handle.cancel());
/// session.append("Some text")?;
/// match session.evaluate() {
///     Ok(()) | Err(hearth::Error::Cancelled(_)) => {} // whoever was first
///     Err(other) => return Err(other),
/// }
/// # watchdog.join().unwrap();
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct CancelHandle(pub(crate) Arc<Target>);

impl CancelHandle {
    /// Stops what runs now, if anything does, within milliseconds: an evaluation fails with [`Error::Cancelled`] and
    /// keeps the passes that it finished; a generation ends with
    /// [`FinishReason::Cancelled`](crate::FinishReason::Cancelled).
    pub fn cancel(&self) {
        let object = self.0.object.read().unwrap_or_else(PoisonError::into_inner);
        // While the lock is held the object lives; cancelling cannot fail for one that does.
        let _ = match *object {
            Object::Session(session) => unsafe { sys::hearth_session_cancel(session.as_ptr()) },
            Object::Generator(generator) => unsafe {
                sys::hearth_generator_cancel(generator.as_ptr(), ptr::null_mut())
            },
            Object::Gone => sys::HEARTH_OK,
        };
    }
}

impl fmt::Debug for CancelHandle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CancelHandle").finish_non_exhaustive()
    }
}

/// Logits of one or more tokens, `[rows, vocab]`, borrowed from their session. As a slice it is all rows, one behind
/// the other.
#[derive(Clone, Copy, Debug)]
pub struct Logits<'a> {
    data: &'a [f32],
    vocab: usize,
}

impl<'a> Logits<'a> {
    /// Rows, and values of each.
    pub fn shape(&self) -> (usize, usize) {
        (self.data.len() / self.vocab.max(1), self.vocab)
    }

    /// The logits that follow the row's token.
    ///
    /// # Panics
    /// Beyond the last row.
    pub fn row(&self, i: usize) -> &'a [f32] {
        &self.data[i * self.vocab..][..self.vocab]
    }

    /// Row after row.
    pub fn rows(&self) -> impl ExactSizeIterator<Item = &'a [f32]> + 'a {
        self.data.chunks_exact(self.vocab.max(1))
    }

    /// The token with the largest logit in the last row, the lowest id of equal ones.
    pub fn argmax(&self) -> Option<Token> {
        let last = self.rows().last()?;
        let best = last
            .iter()
            .enumerate()
            .reduce(|best, next| if next.1 > best.1 { next } else { best })?;
        Token::try_from(best.0).ok()
    }
}

impl Deref for Logits<'_> {
    type Target = [f32];
    fn deref(&self) -> &[f32] {
        self.data
    }
}

impl Session {
    pub(crate) fn new(model: &Model, options: &SessionOptions) -> Result<Session> {
        let mut c: sys::hearth_session_options = unsafe { std::mem::zeroed() };
        check(unsafe { sys::hearth_session_options_init(&mut c, std::mem::size_of_val(&c)) })?;
        c.context = options.context;
        c.chunk = options.chunk;
        c.kv = match options.kv {
            KvType::F16 => sys::HEARTH_KV_F16,
            KvType::F32 => sys::HEARTH_KV_F32,
            KvType::Q8 => sys::HEARTH_KV_Q8_0,
        };
        let mut raw = ptr::null_mut();
        let raw = ffi::made(unsafe { sys::hearth_session_new(&mut raw, model.raw(), &c) }, raw)?;
        Ok(Session::own(raw, model))
    }

    fn own(raw: NonNull<sys::hearth_session>, model: &Model) -> Session {
        Session {
            target: Target::new(Object::Session(raw)),
            raw,
            logits: Vec::new(),
            model: model.clone(),
        }
    }

    /// The model that it belongs to.
    pub fn model(&self) -> &Model {
        &self.model
    }

    /// Stops what it computes, from another thread.
    pub fn cancel_handle(&self) -> CancelHandle {
        CancelHandle(self.target.clone())
    }

    /// Appends text; BOS is added where the session is empty and the vocabulary says so. It is evaluated with the next
    /// evaluation or generation.
    ///
    /// # Errors
    /// [`Error::OutOfRange`] beyond the context: then nothing is appended.
    pub fn append(&mut self, text: &str) -> Result<()> {
        self.append_with(text, Encode::default())
    }

    /// Appends text with a choice.
    ///
    /// # Errors
    /// As [`Session::append`].
    pub fn append_with(&mut self, text: &str, how: Encode) -> Result<()> {
        check(unsafe { sys::hearth_session_append_text(self.raw(), text.as_ptr().cast(), text.len(), how.flags()) })
    }

    /// Appends tokens.
    ///
    /// # Errors
    /// [`Error::OutOfRange`] beyond the context or outside the vocabulary: then nothing is appended.
    pub fn append_tokens(&mut self, tokens: &[Token]) -> Result<()> {
        check(unsafe { sys::hearth_session_append_tokens(self.raw(), tokens.as_ptr(), tokens.len()) })
    }

    /// Number of tokens, evaluated or not.
    pub fn len(&self) -> usize {
        unsafe { sys::hearth_session_length(self.raw()) }
    }

    /// Whether it has no tokens.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Tokens that it can hold.
    pub fn context(&self) -> u32 {
        unsafe { sys::hearth_session_context(self.raw()) }
    }

    /// Its tokens.
    ///
    /// # Errors
    /// [`Error::OutOfMemory`].
    pub fn tokens(&self) -> Result<Vec<Token>> {
        ffi::buffer(self.len(), |tokens, capacity, needed| unsafe {
            sys::hearth_session_tokens(tokens, capacity, needed, self.raw())
        })
    }

    /// Evaluates what is pending.
    ///
    /// # Errors
    /// [`Error::State`] for an empty session, [`Error::Cancelled`], [`Error::OutOfMemory`], [`Error::OverBudget`].
    pub fn evaluate(&mut self) -> Result<()> {
        check(unsafe { sys::hearth_session_eval(ptr::null_mut(), 0, ptr::null_mut(), self.raw(), 0) })
    }

    /// Evaluates what is pending; the logits of the last token, `[1, vocab]`.
    ///
    /// ```
    /// # fn main() -> hearth::Result<()> {
    /// # let model = hearth::Model::open(hearth_testing::model())?;
    /// # let mut session = model.session()?;
    /// session.append("The cat")?;
    /// let logits = session.logits()?;
    /// assert_eq!(logits.shape(), (1, model.vocab_size() as usize));
    /// let next = logits.argmax().unwrap();
    /// session.append_tokens(&[next])?;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// As [`Session::evaluate`].
    pub fn logits(&mut self) -> Result<Logits<'_>> {
        self.eval(0)
    }

    /// The logits of every token that was pending, `[pending, vocab]`; with nothing pending those of the last.
    ///
    /// # Errors
    /// As [`Session::evaluate`].
    pub fn all_logits(&mut self) -> Result<Logits<'_>> {
        self.eval(sys::HEARTH_EVAL_ALL)
    }

    fn eval(&mut self, flags: u32) -> Result<Logits<'_>> {
        let raw = self.raw();
        let vocab = self.model.vocab_size() as usize;
        let mut data = std::mem::take(&mut self.logits);
        if data.len() < vocab {
            data.resize(vocab, 0.0);
        }
        let mut needed = 0;
        // HEARTH_EBUFS comes before any work.
        let mut status = unsafe { sys::hearth_session_eval(data.as_mut_ptr(), data.len(), &mut needed, raw, flags) };
        if status == sys::HEARTH_EBUFS {
            data.resize(needed, 0.0);
            status = unsafe { sys::hearth_session_eval(data.as_mut_ptr(), data.len(), &mut needed, raw, flags) };
        }
        let evaluated = check(status);
        self.logits = data;
        evaluated.map(|()| Logits {
            data: &self.logits[..needed],
            vocab,
        })
    }

    /// Generates from what the session holds: an iterator of events. Dropping it stops; the session keeps the tokens
    /// that it has.
    ///
    /// # Errors
    /// [`Error::InvalidArgument`] for settings that do not fit each other or the model, [`Error::State`] for an empty
    /// session, [`Error::Unsupported`].
    pub fn generate(&mut self, sampling: &Sampling, options: &GenerateOptions) -> Result<Generation<'_>> {
        Generation::begin(self, sampling, options)
    }

    /// Generates to the end: the text, its tokens, and why it ended.
    ///
    /// # Errors
    /// As [`Session::generate`], and what ends the generation.
    pub fn complete(&mut self, sampling: &Sampling, options: &GenerateOptions) -> Result<Completion> {
        self.generate(sampling, options)?.complete()
    }

    /// Keeps the first `length` tokens.
    ///
    /// # Errors
    /// [`Error::OutOfRange`] beyond its length.
    pub fn truncate(&mut self, length: usize) -> Result<()> {
        check(unsafe { sys::hearth_session_truncate(self.raw(), length) })
    }

    /// `tokens` in place of `removed` tokens from `at` on; what stays the same up to the first difference is not
    /// evaluated again.
    ///
    /// # Errors
    /// [`Error::OutOfRange`] beyond its length, the context or the vocabulary; then nothing has changed.
    pub fn replace(&mut self, at: usize, removed: usize, tokens: &[Token]) -> Result<()> {
        check(unsafe { sys::hearth_session_replace(self.raw(), at, removed, tokens.as_ptr(), tokens.len()) })
    }

    /// Gives it other tokens altogether, and keeps the past that both have.
    ///
    /// # Errors
    /// As [`Session::replace`].
    pub fn set_tokens(&mut self, tokens: &[Token]) -> Result<()> {
        self.replace(0, self.len(), tokens)
    }

    /// A second conversation with the same past; memory is shared until the two differ.
    ///
    /// # Errors
    /// [`Error::OutOfMemory`], [`Error::OverBudget`].
    pub fn fork(&self) -> Result<Session> {
        let mut raw = ptr::null_mut();
        let raw = ffi::made(unsafe { sys::hearth_session_fork(&mut raw, self.raw()) }, raw)?;
        Ok(Session::own(raw, &self.model))
    }

    /// The conversation as bytes: restored, it goes on to the bit. The first one of a model reads all its weights.
    ///
    /// ```
    /// # fn main() -> hearth::Result<()> {
    /// # let model = hearth::Model::open(hearth_testing::model())?;
    /// # let mut session = model.session()?;
    /// session.append("The cat")?;
    /// session.evaluate()?;
    /// let bytes = session.save()?;
    /// let mut other = model.session()?;
    /// other.restore(&bytes)?;
    /// assert_eq!(other.logits()?.to_vec(), session.logits()?.to_vec());
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// [`Error::OutOfMemory`].
    pub fn save(&mut self) -> Result<Vec<u8>> {
        let raw = self.raw();
        ffi::buffer(0, |bytes: *mut u8, capacity, needed| unsafe {
            sys::hearth_session_save(bytes.cast(), capacity, needed, raw)
        })
    }

    /// The same as a file, which appears whole or not at all.
    ///
    /// # Errors
    /// [`Error::Io`].
    pub fn save_to(&mut self, path: impl AsRef<Path>) -> Result<()> {
        let path = ffi::c_path(path.as_ref())?;
        check(unsafe { sys::hearth_session_save_path(self.raw(), path.as_ptr()) })
    }

    /// What was saved in place of what the session holds. The bytes may come from anywhere; on failure nothing changes.
    ///
    /// # Errors
    /// [`Error::Format`] for damaged bytes, [`Error::Unsupported`] for another version, [`Error::State`] for another
    /// model, cache or adapters, [`Error::OutOfRange`] where the context is too short.
    pub fn restore(&mut self, bytes: &[u8]) -> Result<()> {
        check(unsafe { sys::hearth_session_restore(self.raw(), bytes.as_ptr().cast(), bytes.len()) })
    }

    /// The same from a file.
    ///
    /// # Errors
    /// As [`Session::restore`], and [`Error::NotFound`], [`Error::Io`].
    pub fn restore_from(&mut self, path: impl AsRef<Path>) -> Result<()> {
        let path = ffi::c_path(path.as_ref())?;
        check(unsafe { sys::hearth_session_restore_path(self.raw(), path.as_ptr()) })
    }

    /// Bytes of its cache and its checkpoints; what is shared with forks counts for each.
    pub fn memory(&self) -> u64 {
        unsafe { sys::hearth_session_memory(self.raw()) }
    }

    /// From now on its prompts are looked for and kept there; `None`: nowhere. Forks do as it does.
    ///
    /// # Errors
    /// [`Error::InvalidArgument`] for a store of another runtime.
    pub fn use_store(&mut self, store: Option<&PrefixStore>) -> Result<()> {
        let store = store.map_or(ptr::null_mut(), PrefixStore::raw);
        check(unsafe { sys::hearth_session_use_store(self.raw(), store) })
    }

    /// From now on it computes with the adapter, `scale` (-1000 to 1000) times; what it holds is computed again.
    ///
    /// # Errors
    /// [`Error::InvalidArgument`] for an adapter of another model.
    pub fn attach(&mut self, adapter: &Adapter, scale: f64) -> Result<()> {
        check(unsafe { sys::hearth_session_attach(self.raw(), adapter.raw(), scale) })
    }

    /// Without this adapter.
    ///
    /// # Errors
    /// [`Error::NotFound`] where it is not attached.
    pub fn detach(&mut self, adapter: &Adapter) -> Result<()> {
        check(unsafe { sys::hearth_session_detach(self.raw(), adapter.raw()) })
    }

    /// Without any adapter.
    ///
    /// # Errors
    /// None that is known.
    pub fn detach_all(&mut self) -> Result<()> {
        check(unsafe { sys::hearth_session_detach_all(self.raw()) })
    }

    /// Attached adapters with their scales, in their order.
    ///
    /// # Errors
    /// [`Error::OutOfMemory`].
    pub fn adapters(&self) -> Result<Vec<(Adapter, f64)>> {
        let mut all = Vec::new();
        loop {
            let (mut raw, mut scale) = (ptr::null_mut(), 0.0);
            let status = unsafe { sys::hearth_session_adapter(&mut raw, &mut scale, self.raw(), all.len()) };
            if status == sys::HEARTH_ENOTFOUND {
                return Ok(all);
            }
            all.push((Adapter::own(ffi::made(status, raw)?, &self.model), scale));
        }
    }

    pub(crate) fn raw(&self) -> *mut sys::hearth_session {
        self.raw.as_ptr()
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        self.target.take_away();
        // Made by hearth_session_new or _fork, freed once.
        unsafe { sys::hearth_session_free(self.raw()) }
    }
}

impl fmt::Debug for Session {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Session")
            .field("len", &self.len())
            .field("context", &self.context())
            .finish_non_exhaustive()
    }
}
