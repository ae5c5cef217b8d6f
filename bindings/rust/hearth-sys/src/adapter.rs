//! Adapters (LoRA, control vectors) and the training of control vectors.

use crate::{hearth_model, hearth_session, hearth_status, hearth_token};
use core::ffi::{c_char, c_void};

opaque! {
    /// Changes of a model that sessions compute with: low-rank changes of its matrices (LoRA), or a control vector. Immutable;
    /// any number of sessions share one. \[any\]
    hearth_adapter
}

/// y = W x + scale \* alpha / rank \* B (A x)
pub const HEARTH_ADAPTER_LORA: u32 = 1;
/// scale \* direction, added to the stream behind layers
pub const HEARTH_ADAPTER_CONTROL: u32 = 2;

#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct hearth_adapter_options {
    pub struct_size: usize,
    /// must be 0
    pub flags: u32,
    /// of a control vector's directions those of layers first_layer to last_layer are used;
    pub first_layer: u32,
    /// layers count from 0, the first never has a direction; 0: to the last
    pub last_layer: u32,
    /// must be 0
    pub reserved: u32,
}

#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct hearth_adapter_info {
    pub struct_size: usize,
    /// HEARTH_ADAPTER_…
    pub kind: u32,
    /// matrices that it changes, or layers that it adds to
    pub parts: u32,
    /// the largest; 0 for a control vector
    pub rank: u32,
    pub reserved: u32,
    /// held in memory
    pub bytes: u64,
}

/// the mean of the differences
pub const HEARTH_STEER_MEAN: u32 = 0;
/// their first principal component, as long as they are along it on average
pub const HEARTH_STEER_PCA: u32 = 1;

#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct hearth_steer_options {
    pub struct_size: usize,
    /// HEARTH_STEER_…
    pub method: u32,
    /// must be 0
    pub flags: u32,
    /// Called with done and all pairs; non-zero stops with HEARTH_ECANCELLED. May be null.
    pub progress: Option<unsafe extern "C" fn(done: u64, total: u64, user: *mut c_void) -> i32>,
    pub progress_user: *mut c_void,
}

extern "C" {
    pub fn hearth_adapter_options_init(options: *mut hearth_adapter_options, struct_size: usize) -> hearth_status;
    /// Loads an adapter for a model: a GGUF file of the kinds "lora" or "controlvector", or a folder of PEFT's
    /// (adapter_config.json, adapter_model.safetensors). options may be null. Every tensor must have its place in the model and
    /// the shape for it: HEARTH_ESTATE for an adapter of another model, HEARTH_EUNSUPPORTED for kinds of adapters that would not
    /// be computed as they were trained (DoRA, biases, whole modules…), HEARTH_EFORMAT; the sentence names the tensor or key. Its
    /// bytes count against the memory budget. Keeps the model alive. \[any\] @since 0.1
    pub fn hearth_adapter_load(
        out: *mut *mut hearth_adapter,
        model: *mut hearth_model,
        path: *const c_char,
        options: *const hearth_adapter_options,
    ) -> hearth_status;
    /// Sessions that it is attached to keep what they need.
    pub fn hearth_adapter_free(adapter: *mut hearth_adapter);
    /// info->struct_size must be set. \[any\] @since 0.1
    pub fn hearth_adapter_describe(info: *mut hearth_adapter_info, adapter: *const hearth_adapter) -> hearth_status;
    /// The path that it was loaded from, borrowed from the adapter; "" for null. \[any\] @since 0.1
    pub fn hearth_adapter_path(adapter: *const hearth_adapter) -> *const c_char;
    /// From now on the session computes with the adapter, `scale` (-1000 to 1000) times; one that is attached already gets the
    /// new scale. Several are added in the order in which they were attached. Nothing is loaded or copied.
    /// What a session holds is always what it would hold if its adapters had been there from its first token on: where they
    /// change, its tokens stay, all of them are pending, and the next evaluation or generation computes them again (logits,
    /// cache and checkpoints of before are gone; forks keep theirs). A scale of 0 is the same as no adapter, to the bit. A fork
    /// has the same adapters; a saved session is restored only into one with the same adapters and scales (HEARTH_ESTATE).
    /// Sessions of one generator may have different adapters: each gets the tokens that it would get alone.
    /// HEARTH_EINVAL for an adapter of another hearth_model, HEARTH_ESTATE while a generator runs the session. @since 0.1
    pub fn hearth_session_attach(
        session: *mut hearth_session,
        adapter: *const hearth_adapter,
        scale: f64,
    ) -> hearth_status;
    /// HEARTH_ENOTFOUND where it is not attached. @since 0.1
    pub fn hearth_session_detach(session: *mut hearth_session, adapter: *const hearth_adapter) -> hearth_status;
    pub fn hearth_session_detach_all(session: *mut hearth_session) -> hearth_status;
    /// Attached adapter number i, in their order: a handle of its own in \*out (may be null), which is the caller's to free, and
    /// its scale. HEARTH_ENOTFOUND beyond the last. @since 0.1
    pub fn hearth_session_adapter(
        out: *mut *mut hearth_adapter,
        scale: *mut f64,
        session: *const hearth_session,
        i: usize,
    ) -> hearth_status;
    pub fn hearth_steer_options_init(options: *mut hearth_steer_options, struct_size: usize) -> hearth_status;
    /// Makes a control vector from `count` pairs of prompts that contrast, positive\[i\] of positive_lengths\[i\] tokens with
    /// negative\[i\]: for each layer but the first, where the stream behind it at the last token of the positive prompt lies from
    /// that of the negative one (Zou et al., "Representation Engineering", 2023). Attached with a scale of 1 it adds what the
    /// prompts differ by. `path` becomes a GGUF file of the kind "controlvector", whole or not at all. The same file on every
    /// machine. HEARTH_EINVAL for empty prompts and pairs that do not differ. options may be null. \[any\] @since 0.1
    pub fn hearth_steer_train(
        model: *mut hearth_model,
        positive: *const *const hearth_token,
        positive_lengths: *const usize,
        negative: *const *const hearth_token,
        negative_lengths: *const usize,
        count: usize,
        path: *const c_char,
        options: *const hearth_steer_options,
    ) -> hearth_status;
}
