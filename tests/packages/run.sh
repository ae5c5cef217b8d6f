#!/bin/sh
# tests/packages/run.sh: every way to get hearth into a build, tried; and what the small builds do and weigh. One line
# RESULT passed|failed|skipped for each test. Builds are made below build/, of objects that the compiler cache has from the
# release build; the small ones for 64-bit Arm are weighed where they were built before, or with HEARTH_LONG=1.
set -u
root=$(cd "$(dirname "$0")/../.." && pwd)
out=$root/build/packages
. "$root/tests/packages/common.sh"
here=$root/tests/packages
mkdir -p "$out"

"$here/tarball.sh" || failed=1
prefix=$(echo "$out"/tarball/hearth-*)
"$here/fetchcontent.sh" "$prefix" || failed=1
"$here/vcpkg.sh" || failed=1
conan=$out/venv/bin/conan
if ! [ -x "$conan" ]; then python3 -m venv "$out/venv" && "$out/venv/bin/pip" -q install 'conan>=2.11,<3'; fi
if [ -x "$conan" ]; then "$here/conan.sh" "$conan" || failed=1; else skipped "conan: pip could not get it"; fi

# What libhearth.a of the minimal build does without the chat layer, and what the shared library weighs, linked for Android.
small="minimal-x86_64"
[ -n "${HEARTH_LONG:-}" ] && small="minimal-x86_64 mobile-x86_64 minimal-aarch64 mobile-aarch64"
for preset in $small; do
    if [ "$(uname -m)" = x86_64 ] || [ "${preset#*-}" = aarch64 ]; then
        cmake --preset "$preset" -S "$root" >/dev/null &&
            cmake --build "$root/build/$preset" --target hearth_shared hearth_static || failed=1
    fi
done
if [ "$(uname -m)" = x86_64 ]; then
    # shellcheck disable=SC2046
    cc -std=c99 -Wall -Wextra -Werror "-I$root/capi" "$here/minimal_test.c" "$root/build/minimal-x86_64/capi/libhearth.a" \
        $(pkg-config --libs libpcre2-8 libutf8proc) -lstdc++ -lm -lpthread -o "$out/minimal_test" && "$out/minimal_test" "$model"
    result "a minimal build refuses what the chat layer did, and does the rest"
    python3 -B "$root/tests/readme/sizes.py" "$root"
    result "README.md's table of sizes"
else
    skipped "the minimal build, which is made on x86-64"
fi
exit $failed
