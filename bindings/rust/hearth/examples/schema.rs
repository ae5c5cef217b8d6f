use hearth::{GenerateOptions, Model, Sampling};
use serde_json::json;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let path = std::env::args().nth(1).unwrap_or("model.gguf".into());
    let model = Model::open(path)?; // shared by cloning, usable from any thread

    // Text that is valid for a schema, and parses as a Rust type.
    let mut sampling = Sampling::new()?;
    sampling.set("temperature", 0.7)?.set("seed", 1.0)?;
    sampling.schema(&json!({"type": "array", "items": {"enum": ["red", "green", "blue"]}, "maxItems": 3}))?;
    let mut session = model.session()?;
    session.append("The colours of the flag are ")?;
    let colours: Vec<String> = session.complete(&sampling, &GenerateOptions::default())?.parse()?;
    println!("{colours:?}");
    Ok(())
}
