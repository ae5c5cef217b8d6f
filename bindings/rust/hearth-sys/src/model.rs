//! Models: opening, packing, inspecting, numbers.

use crate::{hearth_runtime, hearth_status, hearth_text};
use core::ffi::{c_char, c_int, c_void};

opaque! {
    /// A loaded model: weights and tokenizer, immutable. \[any\]
    hearth_model
}

/// with the blocks that predict further tokens; HEARTH_EUNSUPPORTED where the file has none
pub const HEARTH_MODEL_MTP: u32 = 1;

#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct hearth_model_options {
    pub struct_size: usize,
    /// HEARTH_MODEL_…
    pub flags: u32,
    pub reserved: u32,
    /// Called every few milliseconds while loading, in the thread that opens the model, with done and total bytes of weights;
    /// non-zero stops with HEARTH_ECANCELLED. May be null.
    /// A load holds its runtime: other loads and passes on it wait, and the callback must not use that runtime.
    pub progress: Option<unsafe extern "C" fn(done: u64, total: u64, user: *mut c_void) -> i32>,
    pub progress_user: *mut c_void,
}

/// The host's reader; `read` fills dst completely and returns 0, or fails with non-zero. Called from any thread, only
/// during the call it is passed to; it must not use the runtime that loads.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct hearth_reader {
    pub struct_size: usize,
    /// of the whole file in bytes
    pub size: u64,
    pub read: Option<unsafe extern "C" fn(offset: u64, dst: *mut c_void, bytes: usize, user: *mut c_void) -> i32>,
    pub user: *mut c_void,
}

#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct hearth_pack_options {
    pub struct_size: usize,
    /// must be 0
    pub flags: u32,
    pub reserved: u32,
    /// Called with done and total bytes of the model's tensors; non-zero stops with HEARTH_ECANCELLED. May be null. The
    /// callback must not use the runtime.
    pub progress: Option<unsafe extern "C" fn(done: u64, total: u64, user: *mut c_void) -> i32>,
    pub progress_user: *mut c_void,
}

extern "C" {
    pub fn hearth_model_options_init(options: *mut hearth_model_options, struct_size: usize) -> hearth_status;
    /// Opens a GGUF file (of a split model any part: the others lie beside it) or a Hugging Face folder: config.json,
    /// model.safetensors or its shards, tokenizer.json. options may be null.
    /// Where the weights would not fit (the budget, or without one the memory that the machine leaves this process) it is
    /// refused before they are read: HEARTH_EBUDGET, HEARTH_ENOMEM.
    /// A packed file (hearth_model_pack) is mapped and used in place: while the model is open it must not be changed or
    /// truncated, which would change the weights or end the process with SIGBUS; replacing it by rename is fine. Its bytes
    /// count against the memory budget. HEARTH_EUNSUPPORTED where it was packed by a version whose panels are laid out
    /// otherwise: pack it again from the original. @since 0.1
    pub fn hearth_model_open_path(
        out: *mut *mut hearth_model,
        runtime: *mut hearth_runtime,
        path: *const c_char,
        options: *const hearth_model_options,
    ) -> hearth_status;
    /// The descriptor is not kept and not closed. @since 0.1
    pub fn hearth_model_open_fd(
        out: *mut *mut hearth_model,
        runtime: *mut hearth_runtime,
        fd: c_int,
        options: *const hearth_model_options,
    ) -> hearth_status;
    /// The bytes may be freed after the call. @since 0.1
    pub fn hearth_model_open_memory(
        out: *mut *mut hearth_model,
        runtime: *mut hearth_runtime,
        data: *const c_void,
        bytes: usize,
        options: *const hearth_model_options,
    ) -> hearth_status;
    pub fn hearth_model_open_reader(
        out: *mut *mut hearth_model,
        runtime: *mut hearth_runtime,
        reader: *const hearth_reader,
        options: *const hearth_model_options,
    ) -> hearth_status;
    pub fn hearth_model_free(model: *mut hearth_model);
    /// \[any\] @since 0.1
    pub fn hearth_pack_options_init(options: *mut hearth_pack_options, struct_size: usize) -> hearth_status;
    /// Writes a model as hearth's kernels read it, so that later loads only map it: a GGUF file with the same metadata and
    /// tensors, of which the matrices are stored as panels in types of hearth's own (other engines refuse it). It runs as the
    /// original does, to the bit. `packed_path` appears whole or not at all, and is replaced where it exists; of a split
    /// model one file is made. Memory holds some megabytes, whatever the model's size. options may be null.
    /// HEARTH_EINVAL for a file that is packed already, HEARTH_EUNSUPPORTED for a model that would not load. Holds the
    /// runtime as a load does. \[any\] @since 0.1
    pub fn hearth_model_pack(
        runtime: *mut hearth_runtime,
        path: *const c_char,
        packed_path: *const c_char,
        options: *const hearth_pack_options,
    ) -> hearth_status;
    /// Tells about a model file without loading weights, as a JSON object:
    ///   "supported": bool, and when false "why": {"part": "architecture"|"tensor"|"tokenizer"|"key", "message": sentence}
    ///   "packed": {"version", "types": \[…\]} for a file of hearth_model_pack, else null,
    ///   "file", "format" ("GGUF", or "safetensors" with format_version 0), "format_version", "file_bytes", "architecture",
    ///   "name", "parameters", "tensors",
    ///   "context_length", "embedding_length", "layers", "heads", "kv_heads", "feed_forward_length",
    ///   "experts" and "experts_used" (of a layer, and of them by a token; 0 without experts),
    ///   "embeddings": {"width", "causal", "generates", "pooling", "scores", "labels": \[…\]}, see hearth_embedding_info,
    ///   "vocabulary": {"model", "size", "bos", "eos", …},
    ///   "quantization": \[{"type", "tensors", "bytes", "parameters"}…\] by bytes, descending; "bits_per_weight",
    ///   "memory": {"weights", "kv_bytes_per_token", "kv_page_tokens", "scratch", "kv_at_context": \[…\]} in bytes;
    ///     "kv_groups": \[{"window", "chunk", "bytes_per_token"}…\] are the layers that see the same keys (0: no bound), "state"
    ///     is what does not grow; of each context "kv" is the most that a session with passes of 512 tokens takes, "checkpoints"
    ///     the most that it keeps beside them of memory that is left, and "total" that without checkpoints.
    /// Fails only when the file cannot be read as a model at all. \[any\] @since 0.1
    pub fn hearth_inspect_path(
        out: *mut *mut hearth_text,
        runtime: *mut hearth_runtime,
        path: *const c_char,
    ) -> hearth_status;
    pub fn hearth_inspect_fd(out: *mut *mut hearth_text, runtime: *mut hearth_runtime, fd: c_int) -> hearth_status;
    pub fn hearth_inspect_memory(
        out: *mut *mut hearth_text,
        runtime: *mut hearth_runtime,
        data: *const c_void,
        bytes: usize,
    ) -> hearth_status;
    pub fn hearth_inspect_reader(
        out: *mut *mut hearth_text,
        runtime: *mut hearth_runtime,
        reader: *const hearth_reader,
    ) -> hearth_status;
    /// The same for a loaded model.
    pub fn hearth_model_inspect(out: *mut *mut hearth_text, model: *const hearth_model) -> hearth_status;
    /// Numbers of a model; 0 for null. \[any\] @since 0.1
    pub fn hearth_model_vocab_size(model: *const hearth_model) -> u32;
    /// as trained, or as the file says
    pub fn hearth_model_context_length(model: *const hearth_model) -> u32;
    /// held in memory
    pub fn hearth_model_weight_bytes(model: *const hearth_model) -> u64;
    /// of weights read for one decoded token
    pub fn hearth_model_decode_bytes(model: *const hearth_model) -> u64;
    /// Tells models apart that compute differently: of the architecture, its numbers and all weights, 16 bytes. Names and the
    /// tokenizer do not matter. The first call reads all weights. @since 0.1
    pub fn hearth_model_digest(digest: *mut u8, model: *mut hearth_model) -> hearth_status;
    /// The value of a metadata key as text; strings as they are, other values as JSON. HEARTH_ENOTFOUND.
    pub fn hearth_model_metadata(
        out: *mut *mut hearth_text,
        model: *const hearth_model,
        key: *const c_char,
    ) -> hearth_status;
}
