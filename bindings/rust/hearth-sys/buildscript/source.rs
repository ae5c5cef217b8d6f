//! Builds hearth from its sources, as a static library.

use std::env;
use std::path::PathBuf;

/// The sources: HEARTH_SOURCE_DIR, or the repository that this crate stands in.
pub fn folder() -> Option<PathBuf> {
    let here = PathBuf::from(env::var_os("CARGO_MANIFEST_DIR").expect("cargo sets CARGO_MANIFEST_DIR"));
    let folder = env::var_os("HEARTH_SOURCE_DIR")
        .map(PathBuf::from)
        .or_else(|| Some(here.ancestors().nth(3)?.to_path_buf()))?;
    folder
        .join("capi/hearth.h")
        .exists()
        .then(|| folder.canonicalize().unwrap_or(folder))
}

/// Returns the folder of hearth.h.
pub fn build() -> Option<PathBuf> {
    let sources = folder().unwrap_or_else(|| {
        panic!(
            "hearth is not installed, and its sources are not here: install it (cmake --install), or set \
             HEARTH_LIB_DIR to the folder of libhearth, or HEARTH_SOURCE_DIR to that of its sources"
        )
    });
    for part in ["CMakeLists.txt", "src", "capi", "include"] {
        println!("cargo:rerun-if-changed={}", sources.join(part).display());
    }
    let mut config = cmake::Config::new(&sources);
    config.no_default_flags(true).profile("Release");
    for (name, value) in [
        ("BUILD_TESTS", "OFF"),
        ("BUILD_EXAMPLES", "OFF"),
        ("BUILD_BENCH", "OFF"),
        ("INSTALL", "ON"),
    ] {
        config.define(format!("HEARTH_{name}"), value);
    }
    config.define("CMAKE_INSTALL_LIBDIR", "lib");
    if env::var_os("CMAKE_GENERATOR").is_none() && program("ninja") {
        config.generator("Ninja");
    }
    for argument in env::var("HEARTH_CMAKE_ARGS").unwrap_or_default().split_whitespace() {
        config.configure_arg(argument);
    }
    let root = config.build();
    println!("cargo:rustc-link-search=native={}", root.join("lib").display());
    println!("cargo:rustc-link-lib=static=hearth");
    link_dependencies(&[root.join("lib")]);
    Some(root.join("include"))
}

fn program(name: &str) -> bool {
    env::var_os("PATH").is_some_and(|paths| env::split_paths(&paths).any(|folder| folder.join(name).exists()))
}

/// What the static library needs, as the hearth.pc beside it tells, and the C++ runtime. Libraries that were fetched
/// instead of found lie in the folders `beside` as well.
pub fn link_dependencies(beside: &[PathBuf]) {
    for package in needed(beside) {
        let library = package.trim_start_matches("lib");
        let there = |form: &str| beside.iter().any(|folder| folder.join(form).exists());
        if there(&format!("lib{library}.a")) {
            println!("cargo:rustc-link-lib=static={library}");
        } else if there(&format!("lib{library}.so")) || there(&format!("lib{library}.dylib")) {
            println!("cargo:rustc-link-lib=dylib={library}");
        } else if pkg_config::Config::new().probe(&package).is_err() {
            println!("cargo:rustc-link-lib=dylib={library}"); // the linker's own folders
        }
    }
    let target = env::var("TARGET").expect("cargo sets TARGET");
    let runtime = if target.contains("apple") || target.contains("freebsd") {
        "c++"
    } else {
        "stdc++"
    };
    println!("cargo:rustc-link-lib=dylib={runtime}");
}

/// `Requires.private` of hearth.pc: installed, or at the top of a build tree. Without one, what hearth needs by default.
fn needed(beside: &[PathBuf]) -> Vec<String> {
    let places = beside
        .iter()
        .flat_map(|folder| [folder.join("pkgconfig/hearth.pc"), folder.join("../hearth.pc")]);
    let text = places.filter_map(|path| std::fs::read_to_string(path).ok()).next();
    let text = text.unwrap_or_else(|| "Requires.private: tbb, libpcre2-8, libutf8proc".into());
    let list = text.lines().find_map(|line| line.strip_prefix("Requires.private:"));
    let names = list
        .unwrap_or("")
        .split(',')
        .map(str::trim)
        .filter(|name| !name.is_empty());
    names.map(String::from).collect()
}
