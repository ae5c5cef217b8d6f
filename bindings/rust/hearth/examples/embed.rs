//! Which of some texts are alike. usage: embed MODEL [TEXT…]
//!
//! `--tiny` in place of a model is the small one of the tests.

use hearth::{EmbedOptions, Model, Pooling};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut arguments = std::env::args().skip(1);
    let path = match arguments.next().as_deref() {
        None => return Err("usage: embed MODEL [TEXT…]".into()),
        Some("--tiny") => hearth_testing::model(),
        Some(path) => path.into(),
    };
    let mut texts: Vec<String> = arguments.collect();
    if texts.is_empty() {
        texts = ["The cat sleeps.", "A cat is sleeping.", "Rates went up."]
            .map(String::from)
            .to_vec();
    }
    let model = Model::open(path)?;
    // Models that were not made for embeddings have no pooling of their own.
    let pooling = match model.embedding_info()?.pooling {
        Pooling::None => Pooling::Mean,
        own => own,
    };
    let options = EmbedOptions {
        pooling,
        normalize: true,
        truncate: true,
        ..Default::default()
    };
    let vectors = model.embed(&texts, &options)?;
    println!("{} vectors of {} values; cosines:", vectors.len(), vectors.width());
    for (i, text) in texts.iter().enumerate() {
        let row: Vec<String> = (0..texts.len())
            .map(|j| format!("{:6.3}", vectors.cosine(i, j)))
            .collect();
        println!("{}  {text}", row.join(" "));
    }
    Ok(())
}
