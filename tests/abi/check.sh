#!/bin/sh
# tests/abi/check.sh STUBS LIBRARY INCLUDE_DIR: fails where an app that was built against the baseline hearth.abi would
# not work with hearth.h as it is now (STUBS was made from it) or with LIBRARY. Added functions pass. The comparison is
# fed bad samples as well, to see that it can fail.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
stubs=$1 library=$2 include=$3
baseline=$here/hearth.abi
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

if ! abidiff --no-added-syms --no-architecture --headers-dir2 "$include" "$baseline" "$stubs"; then
    echo "the ABI differs from tests/abi/hearth.abi; an addition is recorded by tests/abi/update.sh"
    exit 1
fi

symbols() { nm -D --defined-only "$1" | sed -n 's/.* T \(hearth_[a-z0-9_]*@@HEARTH_1\)$/\1/p' | sort; }
symbols "$library" >"$work/library"
sed -n "s/.*<elf-symbol name='\(hearth_[a-z0-9_]*\)' version='HEARTH_1'.*/\1@@HEARTH_1/p" "$baseline" | sort >"$work/baseline"
[ -s "$work/baseline" ] || { echo "hearth.abi names no function"; exit 1; }
missing=$(comm -13 "$work/library" "$work/baseline")
[ -z "$missing" ] || { echo "the library no longer exports: $missing"; exit 1; }

must_differ() {
    if cmp -s "$baseline" "$work/other.abi"; then
        echo "the bad sample for '$1' equals the baseline"
        exit 1
    fi
    if abidiff --no-added-syms --no-architecture "$baseline" "$work/other.abi" >"$work/log" 2>&1; then
        echo "abidiff does not notice $1"
        exit 1
    fi
}
sed 's/hearth_status_name/hearth_statux_name/g' "$baseline" >"$work/other.abi"
must_differ "a function that has gone"
sed "/class-decl name='hearth_event'/,/<\/class-decl>/ s/layout-offset-in-bits='320'/layout-offset-in-bits='352'/" \
    "$baseline" >"$work/other.abi"
must_differ "a field that has moved"
