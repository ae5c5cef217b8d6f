//! Models: opening, numbers, packing.

use std::ffi::c_void;
use std::fmt;
use std::ops::ControlFlow;
use std::panic::{catch_unwind, AssertUnwindSafe};
use std::path::Path;
use std::ptr::{self, NonNull};
use std::sync::{Arc, Mutex, PoisonError};

use hearth_sys as sys;
use serde_json::Value;

use crate::error::{check, Error, Result};
use crate::ffi::{self, Panic, Progress};
use crate::runtime::Runtime;
use crate::session::{Session, SessionOptions};
use crate::tokenizer::Tokenizer;

/// A loaded model: weights and tokenizer, immutable. Shared by cloning; sessions and whatever else is made of it keep it
/// alive. `Send` and `Sync`.
///
/// ```
/// # fn main() -> hearth::Result<()> {
/// # let path = hearth_testing::model();
/// let model = hearth::Model::open(path)?;
/// println!("{} tokens, {} bytes of weights", model.vocab_size(), model.weight_bytes());
/// # assert!(model.vocab_size() > 0 && model.weight_bytes() > 0);
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct Model(Arc<Inner>);

struct Inner {
    raw: NonNull<sys::hearth_model>,
    runtime: Runtime, // freed after `raw`, whose callbacks it holds
}

// The header's class of models is [any].
unsafe impl Send for Inner {}
unsafe impl Sync for Inner {}

impl Drop for Inner {
    fn drop(&mut self) {
        // Made by hearth_model_open_…, freed once.
        unsafe { sys::hearth_model_free(self.raw.as_ptr()) }
    }
}

/// A file that the host reads, for [`ModelBuilder::open_reader`] and [`inspect_reader`]. Called from any thread, during
/// that call; it must not use the runtime that loads.
pub trait ReadAt: Sync {
    /// Of the whole file, in bytes.
    fn size(&self) -> u64;
    /// Fills `bytes` from `offset` on.
    ///
    /// # Errors
    /// Where that cannot be done: the model is not opened ([`Error::Io`]).
    fn read_at(&self, offset: u64, bytes: &mut [u8]) -> std::io::Result<()>;
}

type Callback<'a> = Box<dyn FnMut(u64, u64) -> ControlFlow<()> + Send + 'a>;

/// How a model is opened.
#[derive(Default)]
pub struct ModelBuilder<'a> {
    runtime: Option<Runtime>,
    progress: Option<Callback<'a>>,
    mtp: bool,
}

impl<'a> ModelBuilder<'a> {
    /// With this runtime; by default a new one with all cores.
    pub fn runtime(mut self, runtime: &Runtime) -> Self {
        self.runtime = Some(runtime.clone());
        self
    }

    /// With the blocks that predict further tokens, for [`Draft::Mtp`](crate::Draft::Mtp). A file that has none is refused
    /// with [`Error::Unsupported`].
    pub fn mtp(mut self, mtp: bool) -> Self {
        self.mtp = mtp;
        self
    }

    /// Called every few milliseconds while loading, with done and total bytes of weights. `ControlFlow::Break(())` stops
    /// with [`Error::Cancelled`]. It must not use the runtime, which waits for the load. A panic in it stops the load and
    /// goes on in the caller.
    ///
    /// ```
    /// use std::ops::ControlFlow;
    /// # let path = hearth_testing::model();
    /// let stopped = hearth::Model::builder().progress(|_done, _total| ControlFlow::Break(())).open(path);
    /// assert!(matches!(stopped, Err(hearth::Error::Cancelled(_))));
    /// ```
    pub fn progress(mut self, progress: impl FnMut(u64, u64) -> ControlFlow<()> + Send + 'a) -> Self {
        self.progress = Some(Box::new(progress));
        self
    }

    /// Opens a GGUF file (of a split model any part: the others lie beside it), or a Hugging Face folder: `config.json`,
    /// `model.safetensors` or its shards, `tokenizer.json`.
    ///
    /// A packed file ([`pack`]) is mapped: while the model is open it must not be changed or truncated in place, which
    /// would change the weights or end the process with SIGBUS. Replacing it by rename is fine.
    ///
    /// # Errors
    /// [`Error::NotFound`], [`Error::Io`], [`Error::Format`], [`Error::Unsupported`]; where the weights would not fit,
    /// before they are read, [`Error::OverBudget`] or [`Error::OutOfMemory`]; [`Error::Cancelled`].
    pub fn open(self, path: impl AsRef<Path>) -> Result<Model> {
        let path = ffi::c_path(path.as_ref())?;
        self.load(|out, runtime, options| unsafe { sys::hearth_model_open_path(out, runtime, path.as_ptr(), options) })
    }

    /// Opens a GGUF file that is open already, from its beginning. The descriptor is not kept.
    ///
    /// # Errors
    /// As [`ModelBuilder::open`].
    #[cfg(unix)]
    pub fn open_fd(self, file: impl std::os::fd::AsFd) -> Result<Model> {
        let fd = std::os::fd::AsRawFd::as_raw_fd(&file.as_fd());
        self.load(|out, runtime, options| unsafe { sys::hearth_model_open_fd(out, runtime, fd, options) })
    }

    /// Opens a GGUF file in memory, which may be freed afterwards.
    ///
    /// # Errors
    /// As [`ModelBuilder::open`].
    pub fn open_memory(self, bytes: &[u8]) -> Result<Model> {
        let data = bytes.as_ptr().cast::<c_void>();
        self.load(|out, runtime, options| unsafe {
            sys::hearth_model_open_memory(out, runtime, data, bytes.len(), options)
        })
    }

    /// Opens a GGUF file that the host reads. A panic in the reader stops the load and goes on in the caller.
    ///
    /// # Errors
    /// As [`ModelBuilder::open`]; [`Error::Io`] where the reader fails.
    pub fn open_reader(self, reader: &dyn ReadAt) -> Result<Model> {
        Reading::of(reader, |described| {
            self.load(|out, runtime, options| unsafe {
                sys::hearth_model_open_reader(out, runtime, described, options)
            })
        })
    }

    fn load(
        self,
        open: impl FnOnce(
            *mut *mut sys::hearth_model,
            *mut sys::hearth_runtime,
            *const sys::hearth_model_options,
        ) -> sys::hearth_status,
    ) -> Result<Model> {
        let runtime = self.runtime.map_or_else(Runtime::new, Ok)?;
        let mut options: sys::hearth_model_options = unsafe { std::mem::zeroed() };
        check(unsafe { sys::hearth_model_options_init(&mut options, std::mem::size_of_val(&options)) })?;
        if self.mtp {
            options.flags |= sys::HEARTH_MODEL_MTP;
        }
        let mut callback = self
            .progress
            .unwrap_or_else(|| Box::new(|_, _| ControlFlow::Continue(())));
        let mut progress = Progress::new(&mut *callback);
        (options.progress, options.progress_user) = progress.hook();
        let mut raw = ptr::null_mut();
        let opened = ffi::made(open(&mut raw, runtime.raw(), &options), raw);
        let opened = opened.map(|raw| Model(Arc::new(Inner { raw, runtime })));
        progress.end();
        opened
    }
}

struct Reading<'a> {
    reader: &'a dyn ReadAt,
    panic: Mutex<Option<Panic>>,
}

impl Reading<'_> {
    /// What `call` makes of the reader; a panic in it goes on here.
    fn of<T>(reader: &dyn ReadAt, call: impl FnOnce(*const sys::hearth_reader) -> T) -> T {
        let reading = Reading {
            reader,
            panic: Mutex::new(None),
        };
        let described = sys::hearth_reader {
            struct_size: std::mem::size_of::<sys::hearth_reader>(),
            size: reader.size(),
            read: Some(Reading::read),
            user: (&reading as *const Reading<'_>).cast_mut().cast(),
        };
        let called = call(&described);
        if let Some(panic) = reading.panic.into_inner().unwrap_or_else(PoisonError::into_inner) {
            std::panic::resume_unwind(panic);
        }
        called
    }

    unsafe extern "C" fn read(offset: u64, dst: *mut c_void, bytes: usize, user: *mut c_void) -> i32 {
        // `user` is the Reading of the call that is running; `dst` are `bytes` bytes of the library's own.
        let this = unsafe { &*user.cast::<Reading<'_>>() };
        let read = catch_unwind(AssertUnwindSafe(|| {
            unsafe { dst.cast::<u8>().write_bytes(0, bytes) }; // what the host sees is initialised
            let into: &mut [u8] = if bytes == 0 {
                &mut []
            } else {
                unsafe { std::slice::from_raw_parts_mut(dst.cast(), bytes) }
            };
            this.reader.read_at(offset, into)
        }));
        match read {
            Ok(read) => i32::from(read.is_err()),
            Err(panic) => {
                *this.panic.lock().unwrap_or_else(PoisonError::into_inner) = Some(panic);
                1
            }
        }
    }
}

impl Model {
    /// Opens a model with a runtime of its own, on all cores: [`ModelBuilder::open`].
    ///
    /// # Errors
    /// As there.
    pub fn open(path: impl AsRef<Path>) -> Result<Model> {
        Model::builder().open(path)
    }

    /// With a runtime, with progress, from other sources than a path.
    pub fn builder<'a>() -> ModelBuilder<'a> {
        ModelBuilder::default()
    }

    /// The runtime that it computes with.
    pub fn runtime(&self) -> &Runtime {
        &self.0.runtime
    }

    /// Its tokenizer and chat template, which keep the model alive.
    ///
    /// # Errors
    /// [`Error::OutOfMemory`].
    pub fn tokenizer(&self) -> Result<Tokenizer> {
        Tokenizer::of_model(self)
    }

    /// A new conversation, with as much context as the model and memory allow and a cache in F16.
    ///
    /// # Errors
    /// As [`Model::session_with`].
    pub fn session(&self) -> Result<Session> {
        Session::new(self, &SessionOptions::default())
    }

    /// A new conversation.
    ///
    /// # Errors
    /// [`Error::OverBudget`] or [`Error::OutOfMemory`] where cache and workspace would not fit at full context; the
    /// sentence tells which context would. [`Error::Unsupported`] for models that make no text.
    pub fn session_with(&self, options: &SessionOptions) -> Result<Session> {
        Session::new(self, options)
    }

    /// Number of tokens in the vocabulary: the width of logits.
    pub fn vocab_size(&self) -> u32 {
        unsafe { sys::hearth_model_vocab_size(self.raw()) }
    }

    /// Tokens, as trained, or as the file says.
    pub fn context_length(&self) -> u32 {
        unsafe { sys::hearth_model_context_length(self.raw()) }
    }

    /// Bytes of weights that it holds in memory.
    pub fn weight_bytes(&self) -> u64 {
        unsafe { sys::hearth_model_weight_bytes(self.raw()) }
    }

    /// Bytes of weights that are read for one decoded token.
    pub fn decode_bytes(&self) -> u64 {
        unsafe { sys::hearth_model_decode_bytes(self.raw()) }
    }

    /// Tells models apart that compute differently. The first call reads all weights.
    ///
    /// # Errors
    /// [`Error::OutOfMemory`].
    pub fn digest(&self) -> Result<[u8; 16]> {
        let mut digest = [0; 16];
        check(unsafe { sys::hearth_model_digest(digest.as_mut_ptr(), self.raw()) })?;
        Ok(digest)
    }

    /// The value of a metadata key of the file: strings as they are, other values as JSON.
    ///
    /// # Errors
    /// [`Error::NotFound`].
    pub fn metadata(&self, key: &str) -> Result<String> {
        let key = ffi::c_string("the key", key)?;
        ffi::text(|out| unsafe { sys::hearth_model_metadata(out, self.raw(), key.as_ptr()) })
    }

    /// What [`inspect`] tells, of the loaded model.
    ///
    /// # Errors
    /// [`Error::OutOfMemory`].
    pub fn inspect(&self) -> Result<Value> {
        json(&ffi::text(|out| unsafe { sys::hearth_model_inspect(out, self.raw()) })?)
    }

    pub(crate) fn raw(&self) -> *mut sys::hearth_model {
        self.0.raw.as_ptr()
    }
}

impl fmt::Debug for Model {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Model")
            .field("vocab_size", &self.vocab_size())
            .field("context_length", &self.context_length())
            .field("runtime", self.runtime())
            .finish_non_exhaustive()
    }
}

/// Tells about a model file without loading its weights, as a JSON object: `supported` and `why` not, `architecture`,
/// `parameters`, `context_length`, `layers`, `vocabulary`, `quantization`, `memory` and more; `hearth.h` lists all.
///
/// ```
/// # fn main() -> hearth::Result<()> {
/// # let path = hearth_testing::model();
/// let told = hearth::inspect(&hearth::Runtime::new()?, path)?;
/// assert_eq!(told["supported"], true);
/// println!("{} parameters", told["parameters"]);
/// # Ok(())
/// # }
/// ```
///
/// # Errors
/// Only where the file cannot be read as a model at all: [`Error::NotFound`], [`Error::Io`], [`Error::Format`].
pub fn inspect(runtime: &Runtime, path: impl AsRef<Path>) -> Result<Value> {
    let path = ffi::c_path(path.as_ref())?;
    json(&ffi::text(|out| unsafe {
        sys::hearth_inspect_path(out, runtime.raw(), path.as_ptr())
    })?)
}

/// The same for a file in memory.
///
/// # Errors
/// As [`inspect`].
pub fn inspect_memory(runtime: &Runtime, bytes: &[u8]) -> Result<Value> {
    let data = bytes.as_ptr().cast();
    json(&ffi::text(|out| unsafe {
        sys::hearth_inspect_memory(out, runtime.raw(), data, bytes.len())
    })?)
}

/// The same for a file that the host reads. A panic in the reader goes on in the caller.
///
/// # Errors
/// As [`inspect`]; [`Error::Io`] where the reader fails.
pub fn inspect_reader(runtime: &Runtime, reader: &dyn ReadAt) -> Result<Value> {
    json(&Reading::of(reader, |described| {
        ffi::text(|out| unsafe { sys::hearth_inspect_reader(out, runtime.raw(), described) })
    })?)
}

/// Writes the model at `path` to `packed` as hearth's kernels read it, so that later loads only map it. It computes the
/// same bits. `progress` gets done and total bytes; `ControlFlow::Break(())` stops. The file appears whole or not at all.
///
/// # Errors
/// As [`ModelBuilder::open`]; [`Error::InvalidArgument`] for a file that is packed already.
pub fn pack(
    runtime: &Runtime,
    path: impl AsRef<Path>,
    packed: impl AsRef<Path>,
    mut progress: impl FnMut(u64, u64) -> ControlFlow<()> + Send,
) -> Result<()> {
    let (path, packed) = (ffi::c_path(path.as_ref())?, ffi::c_path(packed.as_ref())?);
    let mut options: sys::hearth_pack_options = unsafe { std::mem::zeroed() };
    check(unsafe { sys::hearth_pack_options_init(&mut options, std::mem::size_of_val(&options)) })?;
    let mut progress = Progress::new(&mut progress);
    (options.progress, options.progress_user) = progress.hook();
    let status = unsafe { sys::hearth_model_pack(runtime.raw(), path.as_ptr(), packed.as_ptr(), &options) };
    let done = check(status);
    progress.end();
    done
}

/// JSON that the library wrote.
pub(crate) fn json<T: serde::de::DeserializeOwned>(text: &str) -> Result<T> {
    serde_json::from_str(text).map_err(|e| Error::Internal(format!("the library wrote JSON that cannot be read: {e}")))
}
