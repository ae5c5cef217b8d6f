//! The safe crate against a small model with random weights.

mod adapters;
mod chat;
mod embedding;
mod folders;
mod generation;
mod generators;
mod loading;
mod sampling;
mod sessions;
#[cfg(feature = "stream")]
mod streams;
mod threads;

use hearth::{GenerateOptions, Model, Runtime, Session, SessionOptions};

/// A model with random weights, with two threads, once for all tests.
fn model() -> &'static Model {
    static MODEL: std::sync::OnceLock<Model> = std::sync::OnceLock::new();
    MODEL.get_or_init(|| open(2))
}

fn open(threads: u32) -> Model {
    let runtime = Runtime::builder().threads(threads).build().unwrap();
    Model::builder()
        .runtime(&runtime)
        .open(hearth_testing::random(&[]))
        .unwrap()
}

fn session(prompt: &str) -> Session {
    let mut session = model()
        .session_with(&SessionOptions {
            context: 256,
            ..Default::default()
        })
        .unwrap();
    if !prompt.is_empty() {
        session.append(prompt).unwrap();
    }
    session
}

fn tokens(max_tokens: u32) -> GenerateOptions {
    GenerateOptions {
        max_tokens,
        ignore_eos: true,
        ..Default::default()
    }
}
