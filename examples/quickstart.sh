#!/bin/sh
# examples/quickstart.sh [MODEL.gguf [PROMPT]]: builds hearth and lets the model continue the prompt, as it is written.
# Installs what the build needs on Debian and Ubuntu. Without a model it opens a chat with the tiny one that comes with hearth.
set -u
here=$(cd "$(dirname "$0")/.." && pwd)
model=${1:-}
prompt=${2:-Once upon a time}
say() { echo "$*" >&2; }

case $model in
-h | --help) sed -n '2,3s/^# //p' "$0"; exit 0 ;;
esac
if [ -n "$model" ] && [ ! -f "$model" ]; then
    say "there is no file '$model'"
    exit 1
fi

packages="build-essential cmake ninja-build pkg-config libtbb-dev libpcre2-dev libutf8proc-dev libxxhash-dev nlohmann-json3-dev libcli11-dev"
if command -v dpkg-query >/dev/null; then
    missing=
    for package in $packages; do
        dpkg-query -W -f='${Status}' "$package" 2>/dev/null | grep -q 'ok installed' || missing="$missing $package"
    done
    if [ -n "$missing" ]; then
        sudo=
        if [ "$(id -u)" != 0 ]; then
            command -v sudo >/dev/null || { say "please install as root: apt-get install$missing"; exit 1; }
            sudo=sudo
        fi
        say "installing:$missing"
        log=$(mktemp)
        # shellcheck disable=SC2086
        if ! { $sudo apt-get update && $sudo env DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends $missing; } >"$log" 2>&1; then
            tail -n 5 "$log" >&2
            say "apt could not install:$missing"
            exit 1
        fi
        rm -f "$log"
    fi
else
    for command in cmake ninja pkg-config c++; do
        command -v $command >/dev/null && continue
        say "'$command' is not installed. On macOS: xcode-select --install; brew install cmake ninja pkg-config tbb pcre2 utf8proc xxhash nlohmann-json cli11"
        exit 1
    done
fi

build=$here/build/release
log=$here/build/quickstart.log
mkdir -p "$here/build"
step() {
    "$@" >"$log" 2>&1 && return 0
    grep -E 'error|Error' "$log" | head -n 20 >&2
    say "the build failed (whole log: $log)"
    exit 1
}
[ -f "$build/build.ninja" ] || step cmake -S "$here" --preset release -DHEARTH_BUILD_TESTS=OFF
# Ninja tells its progress in its own log; a person at a terminal sees it when it takes longer than a few seconds.
(
    [ -t 2 ] || exit 0
    sleep 3
    while :; do
        tail -n 1 "$log" 2>/dev/null | grep -o '^\[[0-9]*/[0-9]*\]' | tr '\n' '\r' >&2
        sleep 2
    done
) &
watcher=$!
trap 'kill $watcher 2>/dev/null' EXIT
step cmake --build "$build" --target hearth
kill $watcher 2>/dev/null
wait $watcher 2>/dev/null
trap - EXIT

rm -f "$log"
if [ -z "$model" ]; then
    say "This is hearth-tiny, which only knows hearth. Ask it: how do I load a model in Rust?   (/quit ends)"
    say "Other models: examples/quickstart.sh MODEL.gguf \"$prompt\""
    exec "$build/bin/hearth" chat "$here/examples/models/hearth-tiny.gguf" --temp 0
fi
exec "$build/bin/hearth" run "$model" -p "$prompt" -n 128
