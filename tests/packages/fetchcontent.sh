#!/bin/sh
# fetchcontent.sh PREFIX: configures README.md's CMake snippets as projects of their own, the first with this checkout in
# place of the repository and the second with hearth in PREFIX, and runs README.md's C example as their app.
set -u
root=$(cd "$(dirname "$0")/../.." && pwd)
out=$root/build/packages/snippets
. "$root/tests/packages/common.sh"
prefix=$1
fetched=$root/build/fetchcontent
rm -rf "$out"
for i in 0 1; do
    mkdir -p "$out/$i"
    python3 - "$root/README.md" "$out/$i" $i <<'EOF'
import re, sys
readme, out, number = sys.argv[1:]
text = open(readme, encoding="utf-8").read()
blocks = {kind: re.findall(rf"^```{kind}\n(.*?)^```$", text, re.S | re.M) for kind in ("cmake", "c")}
assert len(blocks["cmake"]) == 2 and len(blocks["c"]) == 1, {k: len(b) for k, b in blocks.items()}
cmake = blocks["cmake"][int(number)]
assert ("FetchContent_Declare" if number == "0" else "find_package(hearth") in cmake, cmake
# A host's own warnings hold for its parts as well.
flags = "" if number == "1" else "add_compile_options(-Wall -Wextra -Wshadow -Wvla -Werror)\n"
open(out + "/CMakeLists.txt", "w").write(cmake.replace("include(FetchContent)\n", "include(FetchContent)\n" + flags))
open(out + "/main.c", "w").write(blocks["c"][0])
EOF
    result "snippet $((i + 1)) is taken from README.md" || true
done
# The smallest hearth there is: no other build has these objects, as paths of generated headers are in them.
cmake -S "$out/0" -B "$fetched" -G Ninja -DCMAKE_BUILD_TYPE=Release "-DFETCHCONTENT_SOURCE_DIR_HEARTH=$root" \
    -DHEARTH_MINIMAL=ON -DHEARTH_ISAS=scalar >/dev/null &&
    cmake --build "$fetched" --target app
result "hearth is built as a part of another project"
"$fetched/app" "$model" | grep -q .
result "the app with hearth as a part of its build answers"
! grep -E '^(HEARTH_(BUILD_TESTS|BUILD_EXAMPLES|BUILD_BENCH|INSTALL|WERROR)(:BOOL)?=ON|BUILD_SHARED_LIBS:|BUILD_TESTING:)' "$fetched/CMakeCache.txt"
result "neither tests nor examples, nothing to install, and no option of the host's are set"
cmake -S "$out/1" -B "$out/1/build" -G Ninja "-DCMAKE_PREFIX_PATH=$prefix" >/dev/null && cmake --build "$out/1/build" &&
    "$out/1/build/app" "$model" | grep -q .
result "the app with an installed hearth answers"
exit $failed
