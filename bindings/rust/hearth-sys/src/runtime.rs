//! Instruction sets and runtimes.

use crate::hearth_status;
use core::ffi::{c_char, c_void};

opaque! {
    /// What a host decides once: threads, memory, instruction set, log. Any number of runtimes may live in a process;
    /// hearth has no globals. \[any\] for making models from it.
    hearth_runtime
}

pub const HEARTH_LOG_ERROR: i32 = 0;
pub const HEARTH_LOG_WARNING: i32 = 1;
pub const HEARTH_LOG_INFO: i32 = 2;
pub const HEARTH_LOG_DEBUG: i32 = 3;

#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct hearth_runtime_options {
    pub struct_size: usize,
    /// 0: as many as this process may use cores
    pub threads: u32,
    /// must be 0
    pub flags: u32,
    /// bytes for weights, caches and scratch together; 0: no limit
    pub memory_budget: u64,
    /// null, "" or "auto": the environment variable HEARTH_ISA, else the best that this CPU runs
    pub isa: *const c_char,
    /// Large blocks (weights, caches, scratch); null: the system. Callable from any thread; null result = refused.
    /// These, log and run must not call into the same runtime.
    pub allocate: Option<unsafe extern "C" fn(bytes: usize, alignment: usize, user: *mut c_void) -> *mut c_void>,
    pub release: Option<unsafe extern "C" fn(block: *mut c_void, bytes: usize, user: *mut c_void)>,
    pub memory_user: *mut c_void,
    /// Messages, level as HEARTH_LOG_…; null: none. Called from any thread.
    pub log: Option<unsafe extern "C" fn(level: i32, text: *const c_char, length: usize, user: *mut c_void)>,
    pub log_user: *mut c_void,
    /// The host's own threads: call task(data, worker) for some or all workers 1 … workers-1, each at most once, and
    /// return when those calls have ended. Null: hearth's own pool.
    pub run: Option<
        unsafe extern "C" fn(
            task: Option<unsafe extern "C" fn(data: *mut c_void, worker: usize)>,
            data: *mut c_void,
            workers: usize,
            user: *mut c_void,
        ),
    >,
    pub run_user: *mut c_void,
}

extern "C" {
    /// Number of instruction sets that this library knows (built in or not). \[any\] @since 0.1
    pub fn hearth_isa_count() -> usize;
    /// Name ("scalar", "avx2", "avx512", "neon"…) of set i, null beyond the last; \*available (may be null): can run here.
    /// \[any\] @since 0.1
    pub fn hearth_isa_name(i: usize, available: *mut bool) -> *const c_char;
    /// Fills in the defaults. \[any\] @since 0.1
    pub fn hearth_runtime_options_init(options: *mut hearth_runtime_options, struct_size: usize) -> hearth_status;
    /// options may be null. HEARTH_EISA for an instruction set that cannot run here. @since 0.1
    pub fn hearth_runtime_new(out: *mut *mut hearth_runtime, options: *const hearth_runtime_options) -> hearth_status;
    pub fn hearth_runtime_free(runtime: *mut hearth_runtime);
    /// The name of the instruction set in use. \[any\] @since 0.1
    pub fn hearth_runtime_isa(runtime: *const hearth_runtime) -> *const c_char;
    pub fn hearth_runtime_threads(runtime: *const hearth_runtime) -> u32;
    /// Bytes that the runtime's objects hold now (weights, caches, scratch). \[any\] @since 0.1
    pub fn hearth_runtime_memory(runtime: *const hearth_runtime) -> u64;
    /// Reads `bytes` of memory with all threads `rounds` times; *bytes_per_second is the median round: the bound of
    /// decoding. \[any\] @since 0.1
    pub fn hearth_runtime_measure_stream(
        bytes_per_second: *mut f64,
        runtime: *mut hearth_runtime,
        bytes: u64,
        rounds: u32,
    ) -> hearth_status;
}
