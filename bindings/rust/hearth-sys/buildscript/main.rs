//! Finds or builds the library. In order: `HEARTH_LIB_DIR`, pkg-config, the sources with CMake (see src/lib.rs).

mod source;

use std::env;
use std::path::{Path, PathBuf};

fn main() {
    println!("cargo:rerun-if-changed=buildscript");
    for name in [
        "HEARTH_LIB_DIR",
        "HEARTH_INCLUDE_DIR",
        "HEARTH_SOURCE_DIR",
        "HEARTH_CMAKE_ARGS",
        "DOCS_RS",
    ] {
        println!("cargo:rerun-if-env-changed={name}");
    }
    println!(
        "cargo:rustc-env=HEARTH_TARGET={}",
        env::var("TARGET").expect("cargo sets TARGET")
    );
    if env::var_os("DOCS_RS").is_some() {
        return header(None); // documentation links nothing
    }
    let statically = env::var_os("CARGO_FEATURE_STATIC").is_some();
    let include = if let Some(folder) = env::var_os("HEARTH_LIB_DIR") {
        built(Path::new(&folder), statically)
    } else if let Some(include) = (!statically).then(installed).flatten() {
        include
    } else {
        source::build()
    };
    header(include);
}

/// Links the library of a folder: of a build tree, or wherever somebody put it.
fn built(folder: &Path, statically: bool) -> Option<PathBuf> {
    let folder = folder
        .canonicalize()
        .unwrap_or_else(|e| panic!("HEARTH_LIB_DIR is {}: {e}", folder.display()));
    let shared = ["libhearth.so", "libhearth.dylib"]
        .iter()
        .map(|n| folder.join(n))
        .find(|p| p.exists());
    match shared.filter(|_| !statically) {
        Some(library) => {
            println!("cargo:rerun-if-changed={}", library.display());
            within_reach(&folder);
            println!("cargo:rustc-link-lib=dylib=hearth");
        }
        None => {
            assert!(
                folder.join("libhearth.a").exists(),
                "HEARTH_LIB_DIR is {}: no such libhearth is there",
                folder.display()
            );
            println!("cargo:rerun-if-changed={}", folder.join("libhearth.a").display());
            println!("cargo:rustc-link-search=native={}", folder.display());
            println!("cargo:rustc-link-lib=static=hearth");
            source::link_dependencies(&[folder]);
        }
    }
    env::var_os("HEARTH_INCLUDE_DIR").map(PathBuf::from)
}

/// `cargo test` and `cargo run` look for shared libraries in search folders below the target folder only: links to the
/// library are put there, so that programs start without LD_LIBRARY_PATH.
fn within_reach(folder: &Path) {
    println!("cargo:rustc-link-search=native={}", folder.display());
    #[cfg(unix)]
    {
        let near = PathBuf::from(env::var_os("OUT_DIR").expect("cargo sets OUT_DIR")).join("lib");
        std::fs::create_dir_all(&near).expect("OUT_DIR can be written");
        for entry in folder.read_dir().expect("the library's folder can be read").flatten() {
            let name = entry.file_name();
            let text = name.to_string_lossy();
            if text.starts_with("libhearth.so") || (text.starts_with("libhearth") && text.ends_with(".dylib")) {
                let link = near.join(&name);
                let _ = std::fs::remove_file(&link);
                std::os::unix::fs::symlink(entry.path(), &link).expect("OUT_DIR can hold links");
            }
        }
        println!("cargo:rustc-link-search=native={}", near.display());
    }
}

/// An installed library of this version or a later one that is compatible with it.
fn installed() -> Option<Option<PathBuf>> {
    let found = pkg_config::Config::new()
        .range_version("0.1".."0.2")
        .probe("hearth")
        .ok()?;
    for folder in &found.link_paths {
        within_reach(folder);
    }
    let include = env::var_os("HEARTH_INCLUDE_DIR").map(PathBuf::from);
    Some(include.or_else(|| {
        found
            .include_paths
            .iter()
            .find(|p| p.join("hearth.h").exists())
            .cloned()
    }))
}

/// Tells this crate's tests, and the build scripts of crates that depend on it, where hearth.h is.
fn header(include: Option<PathBuf>) {
    let include = include.or_else(|| source::folder().map(|f| f.join("capi")));
    let path = include.map(|folder| folder.join("hearth.h")).filter(|p| p.exists());
    println!(
        "cargo:rustc-env=HEARTH_HEADER={}",
        path.as_deref().unwrap_or(Path::new("")).display()
    );
    if let Some(folder) = path.as_deref().and_then(Path::parent) {
        println!("cargo:include={}", folder.display());
    }
}
