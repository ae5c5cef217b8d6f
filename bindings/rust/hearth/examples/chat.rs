//! Talks with a chat model in its own template, the answer as a stream. usage: chat MODEL [QUESTION…]
//!
//! Without questions they are read from the standard input, a line each. `--tiny` in place of a model is the small one
//! of the tests.

use std::io::{BufRead, Write};

use futures::StreamExt;
use hearth::{Chat, ChatEvent, Message, Model};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut arguments = std::env::args().skip(1);
    let path = match arguments.next().as_deref() {
        None => return Err("usage: chat MODEL [QUESTION…]".into()),
        Some("--tiny") => hearth_testing::model(),
        Some(path) => path.into(),
    };
    let questions: Vec<String> = arguments.collect();
    let mut chat = Chat::new(&Model::open(path)?)?;
    chat.push(Message::system("Answer briefly."));
    chat.options.max_tokens = 256;
    if questions.is_empty() {
        for line in std::io::stdin().lock().lines() {
            chat = futures::executor::block_on(answer(chat, &line?))?;
        }
    } else {
        for question in &questions {
            chat = futures::executor::block_on(answer(chat, question))?;
        }
    }
    Ok(())
}

/// One turn. Any executor will do: a thread of the stream's own computes.
async fn answer(mut chat: Chat, question: &str) -> Result<Chat, Box<dyn std::error::Error>> {
    chat.push(Message::user(question));
    let mut stream = chat.into_stream();
    let mut out = std::io::stdout();
    while let Some(event) = stream.next().await {
        match event? {
            ChatEvent::Content(text) => write!(out, "{text}")?,
            ChatEvent::ToolEnd { call, .. } => writeln!(out, "[{} {}]", call.name(), call.arguments())?,
            ChatEvent::Finish(finish) => writeln!(out, "\n({} tokens, {:?})", finish.generated_tokens, finish.reason)?,
            _ => {}
        }
        out.flush()?;
    }
    Ok(stream.into_inner())
}
