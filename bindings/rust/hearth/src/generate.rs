//! What a generation is asked for, and what it tells.

use std::ffi::CStr;
use std::time::Duration;

use hearth_sys as sys;
use serde::de::DeserializeOwned;

use crate::error::{check, Error, Result};
use crate::ffi;
use crate::model::Model;
use crate::tokenizer::Token;

/// Who guesses tokens that a pass then tries. No token and no bit of a logit changes, only the time.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub enum Draft {
    /// Nobody.
    #[default]
    None,
    /// What followed in the session where its last tokens stood before: for texts that repeat parts of the prompt.
    Lookup,
    /// A smaller model of the same runtime with the same vocabulary.
    Model(Model),
    /// The model's own blocks for further tokens, where it was opened with them
    /// ([`ModelBuilder::mtp`](crate::ModelBuilder::mtp)).
    Mtp,
}

/// What a generation is asked for.
#[derive(Clone, Debug, Default)]
pub struct GenerateOptions {
    /// Tokens at most; 0: until the model ends or the context is full.
    pub max_tokens: u32,
    /// Do not stop at end-of-generation tokens.
    pub ignore_eos: bool,
    /// Write control tokens out in the text.
    pub special: bool,
    /// Token events carry the logits that the token was chosen from, `[vocab]`.
    pub logits: bool,
    /// Send [`Event::Prefill`].
    pub prefill: bool,
    /// Token events carry the log probability of the token, and those of so many most probable ones.
    pub logprobs: Option<u32>,
    /// After this time the generation ends wherever it is; at most 49 days.
    pub deadline: Option<Duration>,
    /// Who guesses tokens.
    pub draft: Draft,
    /// Guessed for one pass at most, up to 16; 0: 8.
    pub draft_tokens: u32,
}

impl GenerateOptions {
    /// As C takes them; `draft_model` borrows from `self`.
    pub(crate) fn c(&self, tag: usize) -> Result<sys::hearth_generate_options> {
        let mut c: sys::hearth_generate_options = unsafe { std::mem::zeroed() };
        check(unsafe { sys::hearth_generate_options_init(&mut c, std::mem::size_of_val(&c)) })?;
        c.max_tokens = self.max_tokens;
        for (asked, flag) in [
            (self.ignore_eos, sys::HEARTH_GENERATE_IGNORE_EOS),
            (self.special, sys::HEARTH_GENERATE_SPECIAL),
            (self.logits, sys::HEARTH_GENERATE_LOGITS),
            (self.prefill, sys::HEARTH_GENERATE_PREFILL),
            (self.logprobs.is_some(), sys::HEARTH_GENERATE_LOGPROBS),
        ] {
            if asked {
                c.flags |= flag;
            }
        }
        c.tag = tag as *mut std::ffi::c_void; // a number, never followed
        c.top_logprobs = self.logprobs.unwrap_or(0);
        // 0 would be no deadline.
        c.deadline_ms = self
            .deadline
            .map_or(0, |d| u32::try_from(d.as_millis()).unwrap_or(u32::MAX).max(1));
        c.draft_tokens = self.draft_tokens;
        match &self.draft {
            Draft::None => c.draft = sys::HEARTH_DRAFT_NONE,
            Draft::Lookup => c.draft = sys::HEARTH_DRAFT_LOOKUP,
            Draft::Mtp => c.draft = sys::HEARTH_DRAFT_MTP,
            Draft::Model(model) => {
                c.draft = sys::HEARTH_DRAFT_MODEL;
                c.draft_model = model.raw();
            }
        }
        Ok(c)
    }
}

/// A token with the natural logarithm of its probability under the model's own distribution, before any sampler.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Logprob {
    /// The token.
    pub token: Token,
    /// At most 0.
    pub logprob: f32,
}

/// A token was chosen.
#[derive(Clone, Debug, PartialEq)]
pub struct TokenEvent {
    /// Which.
    pub token: Token,
    /// What became whole with it; may be empty, and is never half a character.
    pub text: String,
    /// `[vocab]`, where [`GenerateOptions::logits`] asked for them.
    pub logits: Option<Vec<f32>>,
    /// Of the token, then of the most probable ones, best first, where [`GenerateOptions::logprobs`] asked for them.
    pub logprobs: Vec<Logprob>,
}

/// Why a generation ended.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum FinishReason {
    /// The model ended its turn, or a stop text or the constrained text is complete.
    Stop,
    /// [`GenerateOptions::max_tokens`].
    Length,
    /// The session is full.
    Context,
    /// Somebody stopped it.
    Cancelled,
    /// [`GenerateOptions::deadline`] is over.
    Deadline,
    /// It failed. Iterators of one session give the error instead.
    Error(Error),
    /// A reason that this crate does not know.
    Other(u32),
}

/// The end of a generation, with its figures.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Finish {
    /// Why.
    pub reason: FinishReason,
    /// The last text.
    pub text: String,
    /// The token that ended it, which is not in the session.
    pub token: Option<Token>,
    /// The number of the stop text that ended it.
    pub stop: Option<usize>,
    /// Tokens evaluated before the first one was chosen.
    pub prompt_tokens: u32,
    /// Tokens of the session that needed no evaluation.
    pub reused_tokens: u32,
    /// Tokens that were chosen.
    pub generated_tokens: u32,
    /// From submission to its first pass.
    pub waited: Duration,
    /// Time of evaluating the prompt.
    pub prompt_time: Duration,
    /// Time of generating.
    pub generate_time: Duration,
    /// Passes that it took part in.
    pub passes: u32,
    /// Times that its cache was given to other sessions.
    pub preemptions: u32,
    /// Tokens that were guessed.
    pub drafted_tokens: u32,
    /// Guesses that came true.
    pub accepted_tokens: u32,
    /// What guessing brought, estimated from the times of its passes; 1 without guesses.
    pub draft_speedup: f64,
}

/// What a generation tells.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum Event {
    /// Progress of the prompt, in tokens, where [`GenerateOptions::prefill`] asked for it.
    Prefill {
        /// Evaluated so far.
        done: u32,
        /// To evaluate.
        total: u32,
    },
    /// A token was chosen.
    Token(TokenEvent),
    /// The end.
    Finish(Finish),
}

impl Event {
    /// The text that it adds.
    pub fn text(&self) -> &str {
        match self {
            Event::Token(token) => &token.text,
            Event::Finish(finish) => &finish.text,
            Event::Prefill { .. } => "",
        }
    }

    /// The token that it adds.
    pub fn token(&self) -> Option<Token> {
        match self {
            Event::Token(token) => Some(token.token),
            _ => None,
        }
    }

    /// A copy of what the library lends.
    ///
    /// # Safety
    /// The event was filled by the library, and its generator has not been called since.
    pub(crate) unsafe fn copy(e: &sys::hearth_event, vocab: usize) -> Event {
        let text = unsafe { ffi::borrowed(e.text, e.text_length) };
        match e.kind {
            sys::HEARTH_EVENT_PREFILL => Event::Prefill {
                done: e.prompt_tokens,
                total: e.prompt_total,
            },
            sys::HEARTH_EVENT_TOKEN => Event::Token(TokenEvent {
                token: e.token,
                text,
                logits: (!e.logits.is_null()).then(|| unsafe { ffi::slice(e.logits, vocab) }.to_vec()),
                logprobs: unsafe { ffi::slice(e.logprobs, e.logprob_count as usize) }
                    .iter()
                    .map(|l| Logprob {
                        token: l.token,
                        logprob: l.logprob,
                    })
                    .collect(),
            }),
            _ => Event::Finish(Finish {
                reason: match e.reason {
                    sys::HEARTH_FINISH_STOP => FinishReason::Stop,
                    sys::HEARTH_FINISH_LENGTH => FinishReason::Length,
                    sys::HEARTH_FINISH_CONTEXT => FinishReason::Context,
                    sys::HEARTH_FINISH_CANCELLED => FinishReason::Cancelled,
                    sys::HEARTH_FINISH_DEADLINE => FinishReason::Deadline,
                    sys::HEARTH_FINISH_ERROR => {
                        let message = unsafe { CStr::from_ptr(e.message) }.to_string_lossy().into_owned();
                        FinishReason::Error(Error::new(e.status, message))
                    }
                    other => FinishReason::Other(other),
                },
                text,
                token: (e.token >= 0).then_some(e.token),
                stop: usize::try_from(e.stop).ok(),
                prompt_tokens: e.prompt_tokens,
                reused_tokens: e.reused_tokens,
                generated_tokens: e.generated_tokens,
                waited: seconds(e.wait_seconds),
                prompt_time: seconds(e.prompt_seconds),
                generate_time: seconds(e.generate_seconds),
                passes: e.passes,
                preemptions: e.preemptions,
                drafted_tokens: e.drafted_tokens,
                accepted_tokens: e.accepted_tokens,
                draft_speedup: e.draft_speedup,
            }),
        }
    }
}

fn seconds(value: f64) -> Duration {
    Duration::try_from_secs_f64(value).unwrap_or_default()
}

/// A generation that has ended.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Completion {
    /// All of its text.
    pub text: String,
    /// All of its tokens.
    pub tokens: Vec<Token>,
    /// Why it ended, and its figures.
    pub finish: Finish,
}

impl Completion {
    /// The text as JSON of a Rust type, for generations that a schema holds to it.
    ///
    /// # Errors
    /// Where it is none: without a schema, or cut off.
    pub fn parse<T: DeserializeOwned>(&self) -> serde_json::Result<T> {
        serde_json::from_str(&self.text)
    }
}
