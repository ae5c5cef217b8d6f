//! Runs language models on the device that its user owns: generation, chat with tools, embeddings.
//!
//! The same file, tokens and options give the same bits on every number of threads, batch and instruction set. The
//! library opens no socket, and it never takes its host down.
//!
//! ```
//! use hearth::{GenerateOptions, Model, Sampling};
//! # fn main() -> hearth::Result<()> {
//! # let path = hearth_testing::model();
//! let model = Model::open(path)?; // a GGUF file or a Hugging Face folder
//! let mut session = model.session()?;
//! session.append("Once upon a time")?;
//! let options = GenerateOptions { max_tokens: 32, ..Default::default() };
//! for event in session.generate(&Sampling::new()?.with("seed", 7.0)?, &options)? {
//!     print!("{}", event?.text());
//! }
//! # Ok(())
//! # }
//! ```
//!
//! # What there is
//!
//! | for | type |
//! |---|---|
//! | threads, memory, log | [`Runtime`] |
//! | weights and tokenizer | [`Model`], [`Tokenizer`], [`Adapter`] |
//! | one conversation: tokens, cache, logits | [`Session`], [`PrefixStore`] |
//! | text, token by token | [`Session::generate`]: [`Generation`]; several at once: [`Generator`] |
//! | how tokens are chosen, and JSON by a schema | [`Sampling`] |
//! | chat with templates, reasoning and tools | [`Chat`], [`ChatParser`] |
//! | embeddings and reranking | [`Model::embed`], [`Model::rerank`] |
//!
//! # Threads
//!
//! [`Runtime`], [`Model`], [`Tokenizer`], [`Adapter`], [`PrefixStore`] and [`CancelHandle`] are `Send` and `Sync`:
//! usable from any thread at any time, and shared by cloning. [`Session`], [`Generator`], [`Sampling`], [`Decoder`],
//! [`ChatParser`] and [`Chat`] are `Send` and not `Sync`: one thread at a time, whichever it is.
//!
//! ```
//! fn any_thread<T: Send + Sync>() {}
//! fn one_at_a_time<T: Send>() {}
//! any_thread::<hearth::Model>();
//! one_at_a_time::<hearth::Session>();
//! ```
//! ```compile_fail
//! fn any_thread<T: Send + Sync>() {}
//! any_thread::<hearth::Session>();
//! ```
//!
//! Objects may be dropped in any order. Nothing of the library unwinds; a panic in a callback stops the call that made
//! it, and goes on where that call was made.
//!
//! # Features
//!
//! - `stream`: generations, generators and turns of a chat as `futures_core::Stream`, with any executor.
//! - `schemars`: JSON Schemas of Rust types, for [`Sampling`] and for tools.
//! - `static`: links hearth statically, built from its sources unless `HEARTH_LIB_DIR` is set.
#![warn(missing_docs)]

mod adapter;
mod chat;
mod embed;
mod error;
mod ffi;
mod generate;
mod generation;
mod generator;
mod message;
mod model;
mod parser;
mod prefix_store;
mod runtime;
mod sampling;
#[cfg(feature = "schemars")]
mod schema;
mod session;
#[cfg(feature = "stream")]
mod stream;
mod tokenizer;

pub use adapter::{steer_train, Adapter, AdapterInfo, AdapterKind, AdapterOptions, SteerMethod};
pub use chat::{Chat, Reply, Turn};
pub use embed::{EmbedOptions, EmbeddingInfo, Embeddings, Pooling};
pub use error::{Error, Result};
pub use generate::{Completion, Draft, Event, Finish, FinishReason, GenerateOptions, Logprob, TokenEvent};
pub use generation::Generation;
pub use generator::{Generator, Refused, Ticket};
pub use message::{Content, FunctionCall, Message, Tool, ToolCall};
pub use model::{inspect, inspect_memory, inspect_reader, pack, Model, ModelBuilder, ReadAt};
pub use parser::{detect_dialect, dialects, ChatEvent, ChatParser, ChatParserOptions};
pub use prefix_store::{PrefixStore, PrefixStoreOptions, PrefixStoreStats};
pub use runtime::{isas, version, LogLevel, Memory, Runtime, RuntimeBuilder, Work};
pub use sampling::{Sampling, SamplingKey};
pub use session::{CancelHandle, KvType, Logits, Session, SessionOptions};
#[cfg(feature = "stream")]
pub use stream::{EventStream, GenerationStream, GeneratorStream, ReplyStream};
pub use tokenizer::{Decoder, Encode, Special, Token, Tokenizer};
