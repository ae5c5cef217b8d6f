//! Runtimes: threads, memory, instruction set, log.

use std::ffi::{c_char, c_void};
use std::fmt;
use std::panic::{catch_unwind, AssertUnwindSafe};
use std::ptr::{self, NonNull};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::Arc;

use hearth_sys as sys;

#[cfg(doc)]
use crate::error::Error;
use crate::error::{check, Result};
use crate::ffi;

/// What a host decides once: threads, memory, instruction set, log. Any number of runtimes may live in a process.
///
/// It is shared by cloning. Whatever is made with it keeps it alive. `Send` and `Sync`: usable from any thread at any
/// time; the forward passes of all its models take turns.
///
/// ```
/// # fn main() -> hearth::Result<()> {
/// let runtime = hearth::Runtime::builder().threads(2).memory_budget(1 << 30).build()?;
/// assert_eq!(runtime.threads(), 2);
/// println!("computes with {}", runtime.isa());
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct Runtime(Arc<Inner>);

struct Inner {
    raw: NonNull<sys::hearth_runtime>,
    _callbacks: Lent, // freed after `raw`
}

/// Callbacks whose address C has: a box that nobody moves or borrows mutably.
struct Lent(NonNull<Callbacks>);

impl Drop for Lent {
    fn drop(&mut self) {
        // From Box::leak in build(); the runtime that called them is gone, or was never made.
        drop(unsafe { Box::from_raw(self.0.as_ptr()) });
    }
}

// The header's class of runtimes is [any]; the callbacks are Send and Sync by their bounds.
unsafe impl Send for Inner {}
unsafe impl Sync for Inner {}

impl Drop for Inner {
    fn drop(&mut self) {
        // Made by hearth_runtime_new, freed once.
        unsafe { sys::hearth_runtime_free(self.raw.as_ptr()) }
    }
}

/// How much a message of the log matters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum LogLevel {
    /// Something failed.
    Error,
    /// Something is not as it should be, and work goes on.
    Warning,
    /// What is done.
    Info,
    /// What defects are looked for with.
    Debug,
}

type Log = Box<dyn Fn(LogLevel, &str) + Send + Sync>;
type Run = Box<dyn Fn(&Work<'_>) + Send + Sync>;

#[derive(Default)]
struct Callbacks {
    log: Option<Log>,
    run: Option<Run>,
    memory: Option<Box<dyn Memory>>,
}

/// Where large blocks (weights, caches, scratch) come from.
///
/// # Safety
/// `allocate` returns null or `bytes` bytes at a multiple of `alignment` that nobody else uses until `release` gets
/// them, with the same number of bytes. Both are called from any thread, and must not use the runtime.
pub unsafe trait Memory: Send + Sync + 'static {
    /// Null refuses: the call that wanted it fails with [`Error::OutOfMemory`].
    fn allocate(&self, bytes: usize, alignment: usize) -> *mut u8;
    /// Takes a block back.
    ///
    /// # Safety
    /// `block` came from `allocate` with these `bytes`, and is not used any more.
    unsafe fn release(&self, block: *mut u8, bytes: usize);
}

/// What a host's own threads are asked to compute: see [`RuntimeBuilder::run`].
pub struct Work<'a> {
    task: unsafe extern "C" fn(*mut c_void, usize),
    data: *mut c_void,
    workers: usize,
    taken: &'a [AtomicU64],
}

// The library's own contract: the task may be called from any threads, for each worker once.
unsafe impl Send for Work<'_> {}
unsafe impl Sync for Work<'_> {}

impl Work<'_> {
    /// Workers are numbered 1 to `workers() - 1`; number 0 is the library's own thread.
    pub fn workers(&self) -> usize {
        self.workers
    }

    /// Does the part of a worker, on this thread. A part that was done, or does not exist, is passed over.
    pub fn call(&self, worker: usize) {
        if worker == 0 || worker >= self.workers {
            return;
        }
        let bit = 1u64 << (worker % 64);
        if self.taken[worker / 64].fetch_or(bit, Ordering::Relaxed) & bit == 0 {
            // Within run(), which lends `self`: the task is still waiting for its workers; and this one for the first time.
            unsafe { (self.task)(self.data, worker) }
        }
    }
}

/// The choices of a new [`Runtime`].
#[derive(Default)]
pub struct RuntimeBuilder {
    threads: u32,
    memory_budget: u64,
    isa: Option<String>,
    callbacks: Callbacks,
}

impl RuntimeBuilder {
    /// Threads that compute; 0, the default: as many as this process may use cores. No number changes a result.
    pub fn threads(mut self, threads: u32) -> Self {
        self.threads = threads;
        self
    }

    /// Bytes for weights, caches and scratch together; 0, the default: no limit. What would exceed it is refused with
    /// [`Error::OverBudget`].
    pub fn memory_budget(mut self, bytes: u64) -> Self {
        self.memory_budget = bytes;
        self
    }

    /// The name of an instruction set ([`isas`]). The default is that of the environment variable `HEARTH_ISA`, else
    /// the best that this CPU runs. None changes a result.
    pub fn isa(mut self, name: impl Into<String>) -> Self {
        self.isa = Some(name.into());
        self
    }

    /// Where messages go; by default nowhere. Called from any thread; it must not use the runtime. Panics in it are
    /// dropped.
    pub fn log(mut self, log: impl Fn(LogLevel, &str) + Send + Sync + 'static) -> Self {
        self.callbacks.log = Some(Box::new(log));
        self
    }

    /// Computes on the host's own threads instead of a pool of hearth's. `run` calls [`Work::call`] for some or all
    /// workers, on threads of its choice, and returns when those calls have ended; it must not use the runtime. Panics
    /// in it are dropped: what it did not do is done without it.
    ///
    /// ```
    /// # fn main() -> hearth::Result<()> {
    /// let runtime = hearth::Runtime::builder()
    ///     .threads(3)
    ///     .run(|work| std::thread::scope(|scope| {
    ///         for worker in 1..work.workers() {
    ///             scope.spawn(move || work.call(worker));
    ///         }
    ///     }))
    ///     .build()?;
    /// # let model = hearth::Model::builder().runtime(&runtime).open(hearth_testing::model())?;
    /// # assert!(model.embed(&["a b"], &Default::default())?.width() > 0);
    /// # Ok(())
    /// # }
    /// ```
    pub fn run(mut self, run: impl Fn(&Work<'_>) + Send + Sync + 'static) -> Self {
        self.callbacks.run = Some(Box::new(run));
        self
    }

    /// Takes large blocks from the host instead of the system.
    pub fn memory(mut self, memory: impl Memory) -> Self {
        self.callbacks.memory = Some(Box::new(memory));
        self
    }

    /// # Errors
    /// [`Error::IsaUnavailable`] for an instruction set that cannot run here, [`Error::InvalidArgument`] for one that
    /// does not exist.
    pub fn build(self) -> Result<Runtime> {
        let isa = self
            .isa
            .as_deref()
            .map(|name| ffi::c_string("the instruction set", name))
            .transpose()?;
        let lent = Lent(NonNull::from(Box::leak(Box::new(self.callbacks))));
        let user = lent.0.as_ptr().cast::<c_void>();
        let callbacks = unsafe { lent.0.as_ref() };
        // Plain data, for which zeros are valid; then the library's defaults.
        let mut options: sys::hearth_runtime_options = unsafe { std::mem::zeroed() };
        check(unsafe { sys::hearth_runtime_options_init(&mut options, std::mem::size_of_val(&options)) })?;
        options.threads = self.threads;
        options.memory_budget = self.memory_budget;
        options.isa = isa.as_ref().map_or(ptr::null(), |name| name.as_ptr());
        if callbacks.log.is_some() {
            options.log = Some(log);
            options.log_user = user;
        }
        if callbacks.run.is_some() {
            options.run = Some(run);
            options.run_user = user;
        }
        if callbacks.memory.is_some() {
            options.allocate = Some(allocate);
            options.release = Some(release);
            options.memory_user = user;
        }
        let mut raw = ptr::null_mut();
        // The options are copied, but for `user`, which lives as long as the runtime.
        let raw = ffi::made(unsafe { sys::hearth_runtime_new(&mut raw, &options) }, raw)?;
        Ok(Runtime(Arc::new(Inner { raw, _callbacks: lent })))
    }
}

impl Runtime {
    /// All cores, the best instruction set, no limit of memory, no log.
    ///
    /// # Errors
    /// [`Error::IsaUnavailable`] and [`Error::InvalidArgument`] for what `HEARTH_ISA` asks for.
    pub fn new() -> Result<Runtime> {
        RuntimeBuilder::default().build()
    }

    /// With choices.
    pub fn builder() -> RuntimeBuilder {
        RuntimeBuilder::default()
    }

    /// The name of the instruction set in use.
    pub fn isa(&self) -> &'static str {
        unsafe { ffi::literal(sys::hearth_runtime_isa(self.raw())) }.unwrap_or("")
    }

    /// Threads that compute.
    pub fn threads(&self) -> u32 {
        unsafe { sys::hearth_runtime_threads(self.raw()) }
    }

    /// Bytes that its models, sessions and stores hold now.
    pub fn memory(&self) -> u64 {
        unsafe { sys::hearth_runtime_memory(self.raw()) }
    }

    /// Reads `bytes` of memory with all threads `rounds` times; the median in bytes per second is the bound of decoding.
    ///
    /// # Errors
    /// [`Error::OutOfMemory`], [`Error::OverBudget`], [`Error::InvalidArgument`].
    pub fn measure_stream(&self, bytes: u64, rounds: u32) -> Result<f64> {
        let mut rate = 0.0;
        check(unsafe { sys::hearth_runtime_measure_stream(&mut rate, self.raw(), bytes, rounds) })?;
        Ok(rate)
    }

    pub(crate) fn raw(&self) -> *mut sys::hearth_runtime {
        self.0.raw.as_ptr()
    }
}

impl fmt::Debug for Runtime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Runtime")
            .field("isa", &self.isa())
            .field("threads", &self.threads())
            .finish_non_exhaustive()
    }
}

/// Instruction sets that the library knows, and whether each can run here.
pub fn isas() -> Vec<(&'static str, bool)> {
    let count = unsafe { sys::hearth_isa_count() };
    (0..count)
        .filter_map(|i| {
            let mut available = false;
            unsafe { ffi::literal(sys::hearth_isa_name(i, &mut available)) }.map(|name| (name, available))
        })
        .collect()
}

/// The version of the library that is linked: "0.1.0".
pub fn version() -> &'static str {
    unsafe { ffi::literal(sys::hearth_version()) }.unwrap_or("")
}

// ---- what C calls: `user` is the Callbacks of a runtime that lives; nothing unwinds into the library ----------------

unsafe extern "C" fn log(level: i32, text: *const c_char, length: usize, user: *mut c_void) {
    let _ = catch_unwind(AssertUnwindSafe(|| {
        let (callbacks, text) = unsafe { (&*user.cast::<Callbacks>(), ffi::borrowed(text, length)) };
        let level = match level {
            sys::HEARTH_LOG_ERROR => LogLevel::Error,
            sys::HEARTH_LOG_WARNING => LogLevel::Warning,
            sys::HEARTH_LOG_INFO => LogLevel::Info,
            _ => LogLevel::Debug,
        };
        if let Some(log) = &callbacks.log {
            log(level, &text);
        }
    }));
}

unsafe extern "C" fn run(
    task: Option<unsafe extern "C" fn(data: *mut c_void, worker: usize)>,
    data: *mut c_void,
    workers: usize,
    user: *mut c_void,
) {
    let _ = catch_unwind(AssertUnwindSafe(|| {
        let callbacks = unsafe { &*user.cast::<Callbacks>() };
        let (Some(run), Some(task)) = (&callbacks.run, task) else {
            return;
        };
        let few: [AtomicU64; 4] = Default::default();
        if workers <= few.len() * 64 {
            run(&Work {
                task,
                data,
                workers,
                taken: &few,
            });
        } else {
            let many: Vec<AtomicU64> = (0..workers.div_ceil(64)).map(|_| AtomicU64::new(0)).collect();
            run(&Work {
                task,
                data,
                workers,
                taken: &many,
            });
        }
    }));
}

unsafe extern "C" fn allocate(bytes: usize, alignment: usize, user: *mut c_void) -> *mut c_void {
    let given = catch_unwind(AssertUnwindSafe(|| {
        let callbacks = unsafe { &*user.cast::<Callbacks>() };
        callbacks
            .memory
            .as_ref()
            .map_or(ptr::null_mut(), |memory| memory.allocate(bytes, alignment))
    }));
    given.unwrap_or(ptr::null_mut()).cast()
}

unsafe extern "C" fn release(block: *mut c_void, bytes: usize, user: *mut c_void) {
    let _ = catch_unwind(AssertUnwindSafe(|| {
        let callbacks = unsafe { &*user.cast::<Callbacks>() };
        if let Some(memory) = &callbacks.memory {
            // The library gives back what it got.
            unsafe { memory.release(block.cast(), bytes) }
        }
    }));
}
