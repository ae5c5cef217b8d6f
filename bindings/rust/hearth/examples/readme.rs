use hearth::{Chat, ChatEvent, Model};

fn main() -> hearth::Result<()> {
    let path = std::env::args().nth(1).unwrap_or("model.gguf".into());
    let mut chat = Chat::new(&Model::open(path)?)?;
    chat.options.max_tokens = 64;
    for event in chat.send("What is the capital of France?")? {
        if let ChatEvent::Content(text) = event? {
            print!("{text}");
        }
    }
    Ok(())
}
