//! Sessions: one conversation with its cache.

use crate::{hearth_model, hearth_status, hearth_token};
use core::ffi::{c_char, c_void};

opaque! {
    /// One conversation: its tokens and its cache. \[object\]; while a generator works on it, only through that generator.
    hearth_session
}

pub const HEARTH_KV_F16: u32 = 1;
pub const HEARTH_KV_F32: u32 = 2;
pub const HEARTH_KV_Q8_0: u32 = 3;

#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct hearth_session_options {
    pub struct_size: usize,
    /// tokens it can hold; 0: the model's context length, or as much of it as memory holds
    pub context: u32,
    /// HEARTH_KV_…: F16 (default); F32; Q8_0: int8 with a scale for each head's row, half of F16's memory
    pub kv: u32,
    /// prompt tokens per step; 0: 512. Never changes a result.
    pub chunk: u32,
    /// must be 0
    pub flags: u32,
}

/// Evaluates what is pending. logits: of the last token \[vocab\], or with HEARTH_EVAL_ALL of every token evaluated by
/// this call \[pending, vocab\]; null evaluates without copying. With nothing pending: the logits of the last token.
/// HEARTH_ESTATE for an empty session. Capacity and needed count floats; HEARTH_EBUFS comes before any work.
/// @since 0.1
pub const HEARTH_EVAL_ALL: u32 = 1;

extern "C" {
    pub fn hearth_session_options_init(options: *mut hearth_session_options, struct_size: usize) -> hearth_status;
    /// Refused before anything is allocated where cache and workspace at full context would not fit: with HEARTH_EBUDGET in
    /// the runtime's budget, or where there is none and no allocator of the host, with HEARTH_ENOMEM in the memory that the
    /// machine and the control groups leave this process. The sentence has the bytes needed, those there are, and the
    /// context that would fit. @since 0.1
    pub fn hearth_session_new(
        out: *mut *mut hearth_session,
        model: *mut hearth_model,
        options: *const hearth_session_options,
    ) -> hearth_status;
    pub fn hearth_session_free(session: *mut hearth_session);
    /// Appends to the tokens; they are evaluated with the next eval or generation. HEARTH_ERANGE beyond the context or
    /// outside the vocabulary: then nothing is appended. @since 0.1
    pub fn hearth_session_append_tokens(
        session: *mut hearth_session,
        tokens: *const hearth_token,
        count: usize,
    ) -> hearth_status;
    /// Special tokens (BOS) are added only when the session is empty. flags: HEARTH_TOKENIZE_…. @since 0.1
    pub fn hearth_session_append_text(
        session: *mut hearth_session,
        text: *const c_char,
        length: usize,
        flags: u32,
    ) -> hearth_status;
    pub fn hearth_session_length(session: *const hearth_session) -> usize;
    pub fn hearth_session_context(session: *const hearth_session) -> u32;
    pub fn hearth_session_tokens(
        tokens: *mut hearth_token,
        capacity: usize,
        needed: *mut usize,
        session: *const hearth_session,
    ) -> hearth_status;
    pub fn hearth_session_eval(
        logits: *mut f32,
        capacity: usize,
        needed: *mut usize,
        session: *mut hearth_session,
        flags: u32,
    ) -> hearth_status;
    /// Stops what runs on the session now, if anything does: hearth_session_eval returns HEARTH_ECANCELLED, and the passes that it
    /// finished are kept; a generation ends with HEARTH_FINISH_CANCELLED. \[any\] @since 0.1
    pub fn hearth_session_cancel(session: *mut hearth_session) -> hearth_status;
    /// Keeps the first `length` tokens. Free where all layers see all tokens, and up to 64 tokens back where some see a window;
    /// further back, and at all where layers keep a recurrent state, the next evaluation also takes again what lies between
    /// the nearest checkpoint and `length`, to the same bits. Checkpoints are kept at the ends of evaluated prompts (tokens
    /// appended together), where a session was truncated, and every 1024 tokens, the older the fewer, 16 at most, of a quarter
    /// of the cache at most, and of no memory that the session itself may need. @since 0.1
    pub fn hearth_session_truncate(session: *mut hearth_session, length: usize) -> hearth_status;
    /// `count` tokens in place of `removed` tokens from `at` on: what stays the same up to the first difference is not evaluated
    /// again, what follows is. With at 0 and removed = hearth_session_length it gives the session other tokens altogether and
    /// keeps the past that both have. HEARTH_ERANGE beyond its length, the context or the vocabulary; then nothing has
    /// changed. @since 0.1
    pub fn hearth_session_replace(
        session: *mut hearth_session,
        at: usize,
        removed: usize,
        tokens: *const hearth_token,
        count: usize,
    ) -> hearth_status;
    /// The conversation as bytes: tokens, cache, and the newest checkpoint. Restored, it goes on as if it had never stopped, to
    /// the bit. The first save or restore of a model reads all its weights once (for their digest).
    /// hearth_session_save: capacity and needed count bytes; HEARTH_EBUFS comes before any work.
    /// hearth_session_save_path: the file appears whole or not at all. @since 0.1
    pub fn hearth_session_save(
        bytes: *mut c_void,
        capacity: usize,
        needed: *mut usize,
        session: *mut hearth_session,
    ) -> hearth_status;
    pub fn hearth_session_save_path(session: *mut hearth_session, path: *const c_char) -> hearth_status;
    /// What was saved in place of what the session holds. On any failure the session is as it was. The bytes may come from
    /// anywhere. HEARTH_EFORMAT for bytes that are no saved session, cut or damaged; HEARTH_EUNSUPPORTED for one of another
    /// version of the format; HEARTH_ESTATE for one of another model, another type of cache, other adapters, or (models whose
    /// positions depend on it) a context on the other side of the one that they were trained for; HEARTH_ERANGE for one that is longer than the
    /// session's context. While it runs both conversations take memory. @since 0.1
    pub fn hearth_session_restore(session: *mut hearth_session, bytes: *const c_void, count: usize) -> hearth_status;
    pub fn hearth_session_restore_path(session: *mut hearth_session, path: *const c_char) -> hearth_status;
    /// A second conversation with the same past; memory is shared until the two differ: who goes on copies a page of up to 256
    /// tokens, and recurrent states. @since 0.1
    pub fn hearth_session_fork(out: *mut *mut hearth_session, session: *const hearth_session) -> hearth_status;
    /// Bytes of its cache, of that of HEARTH_DRAFT_MTP and its checkpoints (what is shared with forks counts for each). Layers
    /// that see a window keep the keys of that window and of a pass, however long the session is. @since 0.1
    pub fn hearth_session_memory(session: *const hearth_session) -> u64;
}
