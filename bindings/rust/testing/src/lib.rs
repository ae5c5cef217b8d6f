//! Where tests and the examples in the documentation get a model from.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

/// A small model: the file that `HEARTH_TEST_MODEL` names, else the trained one of the repository where it has one,
/// else one with random weights, which the program `tiny_model` of the release build writes.
///
/// # Panics
/// When there is none of these.
pub fn model() -> PathBuf {
    static MODEL: OnceLock<PathBuf> = OnceLock::new();
    MODEL
        .get_or_init(|| {
            if let Some(named) = std::env::var_os("HEARTH_TEST_MODEL") {
                return named.into();
            }
            let trained = repository().join("examples/models/hearth-tiny.gguf");
            if trained.exists() {
                return trained;
            }
            random(&[])
        })
        .clone()
}

/// A model with random weights, made with these options of `tiny_model`: the same file for the same options.
///
/// # Panics
/// When the release build has no `tiny_model`.
pub fn random(options: &[&str]) -> PathBuf {
    let name = format!("tiny{}.gguf", options.join("").replace("--", "-"));
    let path = folder().join(name);
    if !path.exists() {
        let program = std::env::var_os("HEARTH_TINY_MODEL")
            .map_or_else(|| repository().join("build/release/bin/tiny_model"), PathBuf::from);
        let writing = path.with_extension(format!("{}.part", std::process::id()));
        let ran = Command::new(&program).args(options).arg(&writing).output();
        let ran = ran.unwrap_or_else(|e| {
            panic!(
                "{}: {e}: cmake --build build/release --target tiny_model",
                program.display()
            )
        });
        assert!(ran.status.success(), "{}", String::from_utf8_lossy(&ran.stderr));
        std::fs::rename(&writing, &path).expect("the model gets its name");
    }
    path
}

/// A folder for what tests write, of this user alone.
pub fn folder() -> PathBuf {
    let folder = repository().join("build/rust/models");
    std::fs::create_dir_all(&folder).expect("build/rust can be written");
    folder
}

fn repository() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .ancestors()
        .nth(3)
        .expect("this crate stands in the repository")
}
