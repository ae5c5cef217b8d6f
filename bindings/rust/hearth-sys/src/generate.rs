//! Generators, their options and events.

use crate::{hearth_model, hearth_sampling, hearth_session, hearth_status, hearth_token};
use core::ffi::{c_char, c_void};

opaque! {
    /// Runs one or many sessions of a model together: submit, then step and drain events until HEARTH_EAGAIN says that
    /// nothing is left. What a session gets never depends on the others. \[object\], but cancel is \[any\].
    hearth_generator
}

/// token, and text when characters became whole
pub const HEARTH_EVENT_TOKEN: u32 = 1;
/// reason, last text, counts and times; the session is free again
pub const HEARTH_EVENT_FINISH: u32 = 2;
/// prompt progress: done of total tokens
pub const HEARTH_EVENT_PREFILL: u32 = 3;
/// the model ended its turn: `token` says with which, it is not appended; or a stop text is
/// complete: `stop` says which, its tokens are in the session; or the constrained text is
/// whole: `token` and `stop` are -1
pub const HEARTH_FINISH_STOP: u32 = 1;
/// max_tokens
pub const HEARTH_FINISH_LENGTH: u32 = 2;
/// the session is full
pub const HEARTH_FINISH_CONTEXT: u32 = 3;
pub const HEARTH_FINISH_CANCELLED: u32 = 4;
/// status and message say which
pub const HEARTH_FINISH_ERROR: u32 = 5;
/// deadline_ms is over
pub const HEARTH_FINISH_DEADLINE: u32 = 6;
/// do not stop at end-of-generation tokens
pub const HEARTH_GENERATE_IGNORE_EOS: u32 = 1;
/// write control tokens out in text
pub const HEARTH_GENERATE_SPECIAL: u32 = 2;
/// token events carry the logits that the token was chosen from
pub const HEARTH_GENERATE_LOGITS: u32 = 4;
/// send HEARTH_EVENT_PREFILL
pub const HEARTH_GENERATE_PREFILL: u32 = 8;
/// token events carry `logprobs`
pub const HEARTH_GENERATE_LOGPROBS: u32 = 16;

#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct hearth_generate_options {
    pub struct_size: usize,
    /// 0: until the model ends or the context is full
    pub max_tokens: u32,
    /// HEARTH_GENERATE_…
    pub flags: u32,
    /// comes back in the events
    pub tag: *mut c_void,
    /// with HEARTH_GENERATE_LOGPROBS: how many of the most probable tokens
    pub top_logprobs: u32,
    /// milliseconds from submit, after which the generation ends wherever it is; 0: none
    pub deadline_ms: u32,
    /// HEARTH_DRAFT_…
    pub draft: u32,
    /// guessed for one pass at most, up to 16; 0: 8. Fewer where more would lose time.
    pub draft_tokens: u32,
    /// with HEARTH_DRAFT_MODEL; retained
    pub draft_model: *mut hearth_model,
}

/// Speculation: some next tokens are guessed, and one pass tries them all. Every token is chosen as without guesses, for any
/// sampler and seed, from logits that have the same bits: only the time changes. How many are guessed follows from the times
/// of passes and from how many guesses came true; where guessing loses, it rests. hearth_event.draft_speedup tells.
pub const HEARTH_DRAFT_NONE: u32 = 0;
/// what followed in the session where its last tokens stood before: for texts that repeat
/// parts of the prompt, as code, summaries and edits do
pub const HEARTH_DRAFT_LOOKUP: u32 = 1;
/// the most probable tokens of a smaller model of the same runtime, which must spell the tokens
/// that both have alike (HEARTH_EINVAL); its cache takes memory like a session's
pub const HEARTH_DRAFT_MODEL: u32 = 2;
/// the model's own blocks for further tokens, loaded with HEARTH_MODEL_MTP (else HEARTH_EINVAL).
/// They read what passes compute from the first such submit on, with a cache of their own
pub const HEARTH_DRAFT_MTP: u32 = 3;

/// A token with the natural logarithm of its probability under the model's own distribution, before any sampler.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct hearth_logprob {
    pub token: hearth_token,
    pub logprob: f32,
}

/// Pointers are borrowed until the generator's next call.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct hearth_event {
    pub struct_size: usize,
    pub kind: u32,
    /// of FINISH
    pub reason: u32,
    /// not a new reference
    pub session: *mut hearth_session,
    pub tag: *mut c_void,
    pub token: hearth_token,
    /// of FINISH with HEARTH_FINISH_ERROR
    pub status: hearth_status,
    /// not null
    pub text: *const c_char,
    pub text_length: usize,
    /// not null; the sentence of an error
    pub message: *const c_char,
    /// \[vocab\] or null
    pub logits: *const f32,
    /// evaluated for this generation (FINISH), done so far (PREFILL)
    pub prompt_tokens: u32,
    pub prompt_total: u32,
    pub generated_tokens: u32,
    /// times that its cache was given to other sessions (from here on: of FINISH)
    pub preemptions: u32,
    pub prompt_seconds: f64,
    pub generate_seconds: f64,
    /// of `token`, then of the most probable ones, best first; or null
    pub logprobs: *const hearth_logprob,
    pub logprob_count: u32,
    /// number of the stop text that ended it, or -1
    pub stop: i32,
    /// from submit to its first pass
    pub wait_seconds: f64,
    /// of decoding, estimated from the times of its passes; 1 without guesses
    pub draft_speedup: f64,
    /// that it took part in
    pub passes: u32,
    /// of the session that needed no evaluation
    pub reused_tokens: u32,
    /// guessed, and
    pub drafted_tokens: u32,
    /// come true
    pub accepted_tokens: u32,
}

extern "C" {
    pub fn hearth_generate_options_init(options: *mut hearth_generate_options, struct_size: usize) -> hearth_status;
    pub fn hearth_generator_new(out: *mut *mut hearth_generator, model: *mut hearth_model) -> hearth_status;
    /// Running sessions are released as if cancelled.
    pub fn hearth_generator_free(generator: *mut hearth_generator);
    /// The session must have at least one token and belong to the generator's model; the caller does not touch it until its
    /// FINISH event. sampling null: greedy. HEARTH_ESTATE when the session is already running. @since 0.1
    pub fn hearth_generator_submit(
        generator: *mut hearth_generator,
        session: *mut hearth_session,
        sampling: *const hearth_sampling,
        options: *const hearth_generate_options,
    ) -> hearth_status;
    /// One forward pass over all running sessions: those that decode, and of prompts up to 512 tokens, which they share. Where
    /// memory for caches ends, the session that was submitted last gives its cache up and is computed again when another has
    /// ended: its tokens stay the same. HEARTH_EAGAIN when none is running and no event is waiting. @since 0.1
    pub fn hearth_generator_step(generator: *mut hearth_generator) -> hearth_status;
    /// HEARTH_EAGAIN when there is no event left. event->struct_size must be set. @since 0.1
    pub fn hearth_generator_next_event(event: *mut hearth_event, generator: *mut hearth_generator) -> hearth_status;
    /// Stops a running session (null: all that run), with a FINISH event; it keeps the tokens it has. A pass that is being
    /// computed stops within milliseconds, and what it was computing for other sessions is computed again; but where models have
    /// recurrent states, which would be lost, it stops only with the last of its sessions. \[any\] @since 0.1
    pub fn hearth_generator_cancel(generator: *mut hearth_generator, session: *mut hearth_session) -> hearth_status;
    /// Sugar: submits one session, steps, and calls `on_event` for each event; non-zero from it cancels. *finish may be null.
    /// @since 0.1
    pub fn hearth_session_generate(
        finish: *mut u32,
        session: *mut hearth_session,
        sampling: *const hearth_sampling,
        options: *const hearth_generate_options,
        on_event: Option<unsafe extern "C" fn(event: *const hearth_event, user: *mut c_void) -> i32>,
        user: *mut c_void,
    ) -> hearth_status;
}
