#!/bin/sh
# bindings/swift/Tests/run.sh [--chroot | OPTION OF swift test…]: builds the package and runs its tests against build/release,
# which must have the shared library and tiny_model. Exit code 77: there is no Swift toolchain.
#
# The toolchain is `swift` of the PATH; on Debian without one that of ../shared/tools/swift_in_chroot.sh, which needs root and
# makes a chroot at HEARTH_SWIFT_ROOT (~/.cache/hearth/swift-root), once, in two to six minutes and 3 GB. --chroot makes it,
# where it is needed, and does no more.
set -u
cd "$(dirname "$0")/../../.." || exit 1
root=$(pwd)
work=$root/build/swift
mkdir -p "$work/lib"
binaries=$root/build/release/bin

chroot=../shared/tools/swift_in_chroot.sh
place=
if command -v swift >/dev/null && swift --version >/dev/null 2>&1; then
    run() { env "$@"; }
elif [ -x "$chroot" ] && [ "$(id -u)" = 0 ]; then
    place=${HEARTH_SWIFT_ROOT:-$HOME/.cache/hearth/swift-root}
    case $place/ in "$root"/*) echo "HEARTH_SWIFT_ROOT may not be within the repository, which is mounted there"; exit 1 ;; esac
    mkdir -p "$place"
    run() {
        "$chroot" "$place" . env HOME=/root LD_LIBRARY_PATH="/usr/libexec/swift/lib/swift/linux:$work/lib" "$@"
    }
    run swift --version || exit 77
else
    echo "there is no swift in the PATH, and no root with $chroot"
    exit 77
fi
[ "${1-}" != --chroot ] || exit 0

case $(uname) in
Darwin) library=$root/build/release/capi/libhearth.dylib ;;
*) library=$root/build/release/capi/libhearth.so.0 ;;
esac
[ -e "$library" ] || { echo "$library is not built"; exit 1; }
if [ -n "$place" ]; then
    # What the library needs of this machine, beside it: the chroot is another Debian.
    cp -uL "$library" "$work/lib/"
    ldd "$library" | sed -n 's/.*=> \(.*\/lib\(tbb\|pcre2-8\|utf8proc\)\.so[^ ]*\) .*/\1/p' | while read -r needed; do
        cp -uL "$needed" "$work/lib/"
    done
fi

"$binaries/tiny_model" "$work/tiny.gguf" && "$binaries/tiny_model" "$work/long.gguf" --context 8192 || exit 1
# given FILE: its path in the build tree, which the chroot sees, or nothing.
given() { [ -e "../shared/golden/$1" ] && cp -u "../shared/golden/$1" "$work/" && echo "$work/$(basename "$1")"; }
stories=$(given stories260K.gguf) || echo "SKIPPED 1 Swift test with stories260K, which ../shared/golden does not have"
predicting=$(given families/glm4moe.gguf) || echo "SKIPPED 1 Swift test with glm4moe, which ../shared/golden does not have"

# The READMEs show the programs that are built here.
python3 - <<'END' || exit 1
import re, sys
for text, program in ("README.md", "Story"), ("bindings/swift/README.md", "Quickstart"):
    blocks = re.findall(r"^```swift\n(.*?)^```$", open(text, encoding="utf-8").read(), re.S | re.M)
    if blocks != [open(f"bindings/swift/Examples/{program}/main.swift", encoding="utf-8").read()]:
        sys.exit(f"{text} does not show bindings/swift/Examples/{program}/main.swift")
END

log=$work/test.log
run HEARTH_TEST_MODEL="$work/tiny.gguf" HEARTH_TEST_LONG_MODEL="$work/long.gguf" HEARTH_TEST_STORIES="$stories" \
    HEARTH_TEST_PREDICTING="$predicting" HEARTH_TEST_BERT="$root/tests/golden/families/bert.gguf" \
    swift test --package-path bindings/swift --scratch-path build/swift/build -Xswiftc -warnings-as-errors "$@" >"$log" 2>&1
status=$?
cat "$log"
# The skipped ones were told of above.
sed -n "s/^Test Case '\(.*\)' \(passed\|failed\) (.*/RESULT \2 \1/p" "$log"
# SwiftUI is not there on Linux: of the views of the sample only the syntax can be checked.
if run swiftc -frontend -parse bindings/swift/Examples/ChatApp/App/*.swift; then
    echo "RESULT passed the sample's views parse"
else
    echo "RESULT failed the sample's views parse"
    status=1
fi
built=build/swift/build/debug
if [ $status = 0 ]; then
    if told=$(run $built/Story "$work/tiny.gguf") && [ -n "$told" ] && run $built/Quickstart "$work/long.gguf" &&
        ! run $built/Quickstart "$work/no.gguf"; then
        echo "RESULT passed the READMEs' Swift programs"
    else
        echo "RESULT failed the READMEs' Swift programs"
        status=1
    fi
fi
exit $status
