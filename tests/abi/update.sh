#!/bin/sh
# tests/abi/update.sh [BUILD_DIR]: writes hearth.abi, the baseline of tests/abi/check.sh, from a release build. Run it
# after functions were added to hearth.h, and read the difference: only additions belong there. Needs abigail-tools.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
build=${1:-$here/../../build/release}
cmake --build "$build" --target hearth_abi >&2
abidw --headers-dir "$build/tests/abi/include" --drop-private-types --no-corpus-path --no-comp-dir-path \
    --no-show-locs --no-architecture "$build/tests/abi/libhearth_abi.so" |
    sed "s: path='[^']*': path='hearth.h':" >"$here/hearth.abi"
