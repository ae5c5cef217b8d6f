//! The examples run, and that of the README is what it shows.

use std::path::Path;
use std::process::{Command, Output};

fn run(example: &str, arguments: &[&str]) -> Output {
    let test = std::env::current_exe().unwrap();
    let program = test
        .parent()
        .and_then(Path::parent)
        .unwrap()
        .join("examples")
        .join(example);
    assert!(
        program.exists(),
        "{}: cargo test builds it, or cargo build --examples",
        program.display()
    );
    Command::new(program).args(arguments).output().unwrap()
}

fn text(output: &Output) -> String {
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout.clone()).unwrap()
}

fn rust_of(readme: &str) -> Vec<String> {
    let text = std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(readme)).unwrap();
    let blocks = text.split("```rust\n").skip(1);
    blocks.map(|b| b.split("```").next().unwrap().to_string()).collect()
}

#[test]
fn the_readmes_show_examples_that_run() {
    let model = hearth_testing::model();
    for (readme, example) in [("../../../README.md", "readme"), ("../README.md", "schema")] {
        let here = Path::new(env!("CARGO_MANIFEST_DIR"));
        let source = std::fs::read_to_string(here.join(format!("examples/{example}.rs"))).unwrap();
        assert_eq!(
            rust_of(readme),
            [source],
            "{readme} on the left, examples/{example}.rs on the right"
        );
        let told = text(&run(example, &[model.to_str().unwrap()]));
        assert!(
            example != "schema" || (told.starts_with('[') && told.trim_end().ends_with(']')),
            "{told}"
        );
        let lost = run(example, &["missing.gguf"]);
        assert_eq!(lost.status.code(), Some(1));
        assert!(String::from_utf8_lossy(&lost.stderr).contains("missing.gguf"));
    }
}

#[test]
fn embed_tells_of_its_texts() {
    let told = text(&run("embed", &["--tiny", "one", "two"]));
    assert!(told.starts_with("2 vectors of "), "{told}");
    let rows: Vec<Vec<&str>> = told.lines().skip(1).map(|l| l.split_whitespace().collect()).collect();
    assert_eq!(rows.len(), 2, "{told}");
    assert_eq!((rows[0][0], rows[0][2]), ("1.000", "one"), "{told}");
    assert_eq!((rows[1][1], rows[1][2]), ("1.000", "two"), "{told}");
    assert_eq!(rows[0][1], rows[1][0], "{told}");
}

#[test]
#[cfg(feature = "stream")]
fn chat_answers_its_questions() {
    let told = text(&run("chat", &["--tiny", "Hello", "And you?"]));
    assert_eq!(told.matches(" tokens, ").count(), 2, "{told}");
}
