//! Prefix stores: what sessions have computed, for others that begin with the same tokens.

use std::fmt;
use std::path::PathBuf;
use std::ptr::{self, NonNull};
use std::sync::Arc;

use hearth_sys as sys;

use crate::error::{check, Result};
use crate::ffi;
use crate::runtime::Runtime;

/// The choices of a new store.
#[derive(Clone, Debug, Default)]
pub struct PrefixStoreOptions {
    /// Bytes that it holds at most; 0: a quarter of what is left at this moment.
    pub memory_bytes: u64,
    /// Where it is kept as files too, for other processes and later. Files hold what conversations were about, and who
    /// can write there can make a model see other text: keep it as private as the conversations.
    pub folder: Option<PathBuf>,
    /// Bytes of its files at most; 0: 4 GiB.
    pub folder_bytes: u64,
}

/// Figures of a store.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PrefixStoreStats {
    /// Prompts of 32 tokens or more that were looked for.
    pub lookups: u64,
    /// Of them, tokens that their sessions had not.
    pub asked_tokens: u64,
    /// Of those, tokens that were taken over.
    pub found_tokens: u64,
    /// Parts that it holds.
    pub parts: u64,
    /// Bytes of them in memory, shared with sessions or not.
    pub bytes: u64,
    /// Parts that made room.
    pub evictions: u64,
    /// Files in the folder now, whoever wrote them.
    pub files: u64,
    /// Bytes of them.
    pub file_bytes: u64,
    /// Files that this store wrote.
    pub files_written: u64,
    /// Files that it read.
    pub files_read: u64,
    /// Files that it removed to make room.
    pub files_evicted: u64,
    /// Files that were damaged or of something else, and removed.
    pub files_refused: u64,
}

/// What sessions have computed, for others that begin with the same tokens, to the same bits. Sessions of any models of
/// its runtime may share one. Shared by cloning; `Send` and `Sync`.
///
/// ```
/// # fn main() -> hearth::Result<()> {
/// # let model = hearth::Model::open(hearth_testing::model())?;
/// let store = hearth::PrefixStore::open(model.runtime(), &Default::default())?;
/// let long = "A prompt that many conversations begin with, and that is long enough to be worth keeping. ".repeat(4);
/// for _ in 0..2 {
///     let mut session = model.session()?;
///     session.use_store(Some(&store))?;
///     session.append(&long)?;
///     session.evaluate()?; // the second time most of it is found
/// }
/// assert!(store.stats()?.found_tokens > 0);
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct PrefixStore(Arc<Inner>);

struct Inner {
    raw: NonNull<sys::hearth_prefix_store>,
    _runtime: Runtime, // freed after `raw`, whose callbacks it holds
}

// The header's class of stores is [any].
unsafe impl Send for Inner {}
unsafe impl Sync for Inner {}

impl Drop for Inner {
    fn drop(&mut self) {
        unsafe { sys::hearth_prefix_store_free(self.raw.as_ptr()) }
    }
}

impl PrefixStore {
    /// A new store; sessions use it with [`Session::use_store`](crate::Session::use_store).
    ///
    /// # Errors
    /// [`Error::Io`](crate::Error::Io) for a folder that cannot be used.
    pub fn open(runtime: &Runtime, options: &PrefixStoreOptions) -> Result<PrefixStore> {
        let folder = options.folder.as_deref().map(ffi::c_path).transpose()?;
        let mut c: sys::hearth_prefix_store_options = unsafe { std::mem::zeroed() };
        check(unsafe { sys::hearth_prefix_store_options_init(&mut c, std::mem::size_of_val(&c)) })?;
        c.memory_bytes = options.memory_bytes;
        c.folder = folder.as_ref().map_or(ptr::null(), |f| f.as_ptr());
        c.folder_bytes = options.folder_bytes;
        let mut raw = ptr::null_mut();
        let raw = ffi::made(
            unsafe { sys::hearth_prefix_store_open(&mut raw, runtime.raw(), &c) },
            raw,
        )?;
        Ok(PrefixStore(Arc::new(Inner {
            raw,
            _runtime: runtime.clone(),
        })))
    }

    /// What it holds and did.
    ///
    /// # Errors
    /// None that is known.
    pub fn stats(&self) -> Result<PrefixStoreStats> {
        let mut c: sys::hearth_prefix_store_stats = unsafe { std::mem::zeroed() };
        c.struct_size = std::mem::size_of_val(&c);
        check(unsafe { sys::hearth_prefix_store_get_stats(&mut c, self.raw()) })?;
        Ok(PrefixStoreStats {
            lookups: c.lookups,
            asked_tokens: c.asked_tokens,
            found_tokens: c.found_tokens,
            parts: c.parts,
            bytes: c.bytes,
            evictions: c.evictions,
            files: c.files,
            file_bytes: c.file_bytes,
            files_written: c.files_written,
            files_read: c.files_read,
            files_evicted: c.files_evicted,
            files_refused: c.files_refused,
        })
    }

    /// Forgets everything, and removes its folder's files; sessions keep what they took over.
    ///
    /// # Errors
    /// [`Error::Io`](crate::Error::Io).
    pub fn clear(&self) -> Result<()> {
        check(unsafe { sys::hearth_prefix_store_clear(self.raw()) })
    }

    pub(crate) fn raw(&self) -> *mut sys::hearth_prefix_store {
        self.0.raw.as_ptr()
    }
}

impl fmt::Debug for PrefixStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PrefixStore")
            .field("stats", &self.stats())
            .finish_non_exhaustive()
    }
}
