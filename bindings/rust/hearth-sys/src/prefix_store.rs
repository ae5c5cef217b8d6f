//! Prefix stores: what sessions share.

use crate::{hearth_runtime, hearth_session, hearth_status};
use core::ffi::c_char;

opaque! {
    /// What sessions have computed, for others that begin with the same tokens: a prompt is looked for when it is evaluated, and
    /// what the store has of it is taken over instead, to the same bits; behind that, only the rest is computed, and kept in turn.
    /// Sessions of any models of its runtime may share one: what is found was computed by the same weights, with the same kind of
    /// cache. Tokens are compared, not their digests alone.
    /// Caches in which every layer sees all tokens go on behind any token that two prompts have in common. Where layers see a
    /// window, or keep states or rows for several tokens, they go on where a prompt or an answer ended, or 1024 tokens after the
    /// last such place: evaluate what many prompts begin with (hearth_session_eval) before what follows it, and it is found.
    /// \[any\]
    hearth_prefix_store
}

#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct hearth_prefix_store_options {
    pub struct_size: usize,
    /// must be 0
    pub flags: u32,
    pub reserved: u32,
    /// It holds at most; 0: a quarter of what the runtime's budget or the machine leaves at this moment. Pages are shared
    /// with the sessions that use them. They count in the runtime's memory, and are given up, those first that were used
    /// longest ago, before anything is refused for want of it.
    pub memory_bytes: u64,
    /// Where it is kept as files too, for other processes and later; null: nowhere. Made where it does not exist. Files hold
    /// what conversations were about: they are their owner's alone (0600, a folder that is made 0700). What is read is
    /// checked and may be anything, but whoever can write there can make a model see other text: keep it as private as the
    /// conversations. Any number of processes may use it at the same time. Prompts are written when they were evaluated, by
    /// the call that did it; where that fails the log says so, and nothing else happens.
    pub folder: *const c_char,
    /// of its files at most, those go first that were used longest ago; 0: 4 GiB
    pub folder_bytes: u64,
}

#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct hearth_prefix_store_stats {
    pub struct_size: usize,
    /// prompts of 32 tokens or more that were looked for
    pub lookups: u64,
    /// of them, tokens that their sessions had not
    pub asked_tokens: u64,
    /// of those, tokens that were taken over
    pub found_tokens: u64,
    /// that it holds: blocks of up to 256 tokens, and ends of prompts
    pub parts: u64,
    /// of them in memory, shared with sessions or not
    pub bytes: u64,
    /// parts that made room
    pub evictions: u64,
    /// in the folder now, whoever wrote them
    pub files: u64,
    pub file_bytes: u64,
    /// by this store, as the following
    pub files_written: u64,
    pub files_read: u64,
    pub files_evicted: u64,
    /// damaged or of something else; they were removed
    pub files_refused: u64,
}

extern "C" {
    /// \[any\] @since 0.1
    pub fn hearth_prefix_store_options_init(
        options: *mut hearth_prefix_store_options,
        struct_size: usize,
    ) -> hearth_status;
    /// options may be null. @since 0.1
    pub fn hearth_prefix_store_open(
        out: *mut *mut hearth_prefix_store,
        runtime: *mut hearth_runtime,
        options: *const hearth_prefix_store_options,
    ) -> hearth_status;
    /// Sessions that use it keep it alive.
    pub fn hearth_prefix_store_free(store: *mut hearth_prefix_store);
    /// stats->struct_size must be set. @since 0.1
    pub fn hearth_prefix_store_get_stats(
        stats: *mut hearth_prefix_store_stats,
        store: *mut hearth_prefix_store,
    ) -> hearth_status;
    /// Forgets everything, and removes its folder's files; sessions keep what they took over. @since 0.1
    pub fn hearth_prefix_store_clear(store: *mut hearth_prefix_store) -> hearth_status;
    /// From now on the session's prompts are looked for and kept there; null: nowhere. Forks do as it does. HEARTH_EINVAL for a
    /// store of another runtime. The first use of a model reads all its weights once (for their digest). @since 0.1
    pub fn hearth_session_use_store(session: *mut hearth_session, store: *mut hearth_prefix_store) -> hearth_status;
}
