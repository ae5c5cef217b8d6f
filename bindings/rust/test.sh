#!/bin/sh
# bindings/rust/test.sh: formats, lints, tests and documents the Rust crates against the library of build/release, and
# links them once as a build from the sources does. One line RESULT passed|failed|skipped for what is no test program of cargo.
set -u
cd "$(dirname "$0")" || exit 1
root=$(cd ../.. && pwd)
export HEARTH_LIB_DIR="$root/build/release/capi" HEARTH_INCLUDE_DIR="$root/capi"
export HEARTH_TINY_MODEL="$root/build/release/bin/tiny_model"
features="--features stream,schemars"
failed=0

check() { # check NAME COMMAND…
    name=$1
    shift
    echo "== $name"
    if "$@"; then outcome=passed; else outcome=failed failed=1; fi
    printf '\nRESULT %s rust %s\n' $outcome "$name" # on a line of its own, whatever the program ended with
}
tests() { # tests NAME COMMAND…: cargo tells how many there are
    name=$1
    shift
    echo "== $name"
    "$@" || failed=1
}
has() { cargo "$1" --version >/dev/null 2>&1; }

oldest=$(sed -n 's/^rust-version = "\(.*\)"/\1/p' Cargo.toml)
version=$(rustc --version | sed -n 's/^rustc \([0-9]*\.[0-9]*\).*/\1/p')
if [ "$(printf '%s\n' "$oldest" "${version:-0}" | sort -V | head -n 1)" != "$oldest" ]; then
    echo "SKIPPED 1 stage rust: Rust is ${version:-not here}, $oldest or later is needed"
    exit 0
fi
cargo fetch --locked || {
    echo "SKIPPED 1 stage rust, whose dependencies could not be fetched"
    exit 0
}
if has fmt; then check fmt cargo fmt --all --check; else echo "RESULT skipped rust fmt (no rustfmt)"; fi
if has clippy; then
    check clippy cargo clippy --locked --workspace --all-targets --all-features -- -D warnings
else
    echo "RESULT skipped rust clippy (not installed)"
fi
# shellcheck disable=SC2086
tests tests cargo test --locked $features
# shellcheck disable=SC2086
RUSTDOCFLAGS="-D warnings" check doc cargo doc --locked --no-deps $features
# The commands that README.md tells, but for the building, with a small model.
# shellcheck disable=SC2016,SC2317 # called by check; the backquotes are Markdown's
commands() {
    sed -n '/^```sh$/,/^```$/s/^cargo .*/&/p' README.md | sed 's/MODEL\.gguf/--tiny/' >"$root/build/rust/commands.sh" &&
        [ -s "$root/build/rust/commands.sh" ] && sh -e "$root/build/rust/commands.sh"
}
check "commands of README.md" commands
# A program outside of the workspace, with the dependency as README.md has it.
# shellcheck disable=SC2016,SC2317
dependent() {
    folder=$root/build/rust/dependent
    mkdir -p "$folder/src"
    {
        printf '[package]\nname = "dependent"\nversion = "0.1.0"\nedition = "2021"\n\n[workspace]\n\n'
        sed -n '/^```toml$/,/^```$/{/^```/d;p;}' README.md | sed "s|…/hearth|$root|"
    } >"$folder/Cargo.toml"
    cp Cargo.lock "$folder/" && cp hearth/examples/readme.rs "$folder/src/main.rs" &&
        cargo run --offline --manifest-path "$folder/Cargo.toml" --target-dir "$root/build/rust" -- \
            "$root/build/rust/models/tiny.gguf"
}
check "a program that depends on it" dependent

# The other ways to the library: installed, by pkg-config, and from the sources, by CMake. Compiling all of hearth once
# more takes minutes: it is done with HEARTH_LONG=1 only, and otherwise CMake gets a project that installs what is built.
installed=$root/build/rust/installed
rm -rf "$installed"
# shellcheck disable=SC2317 # called by tests
installed() {
    cmake --install "$root/build/release" --prefix "$installed" >/dev/null &&
        PKG_CONFIG_PATH=$(dirname "$(find "$installed" -name hearth.pc)") \
            env -u HEARTH_LIB_DIR -u HEARTH_INCLUDE_DIR cargo test --locked -p hearth-sys --doc
}
tests "installed, by pkg-config" installed
sources=$root
target=$root/build/rust/source
if [ -z "${HEARTH_LONG:-}" ]; then
    sources=$root/build/rust/prebuilt
    target=$root/build/rust
    mkdir -p "$sources"
    ln -sfn "$root/capi" "$sources/capi"
    cat >"$sources/CMakeLists.txt" <<EOF
cmake_minimum_required(VERSION 3.22)
project(prebuilt LANGUAGES NONE)
install(FILES "$root/build/release/capi/libhearth.a" DESTINATION \${CMAKE_INSTALL_LIBDIR})
install(FILES "$root/build/release/hearth.pc" DESTINATION \${CMAKE_INSTALL_LIBDIR}/pkgconfig)
install(FILES "$root/capi/hearth.h" DESTINATION include)
EOF
fi
check "from the sources, static" env -u HEARTH_LIB_DIR -u HEARTH_INCLUDE_DIR HEARTH_SOURCE_DIR="$sources" \
    cargo run --locked --target-dir "$target" --features static --example embed -- --tiny

if [ "$version" = "$oldest" ]; then
    echo "RESULT passed rust oldest version, $oldest: all of the above"
elif echo | RUSTUP_AUTO_INSTALL=0 rustc "+$oldest" --crate-type lib -o "$root/build/rust/oldest" - >/dev/null 2>&1; then
    # shellcheck disable=SC2086
    check "oldest version, $oldest" cargo "+$oldest" check --locked --workspace --all-targets $features
else
    echo "RESULT skipped rust oldest version (Rust $oldest is not installed)"
fi
exit $failed
