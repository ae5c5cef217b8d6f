#!/bin/sh
# conan.sh CONAN: runs the recipe of packaging/conan with this conan, the system's dependencies and no remote.
set -u
root=$(cd "$(dirname "$0")/../.." && pwd)
out=$root/build/packages/conan
. "$root/tests/packages/common.sh"
conan=$1
CONAN_HOME=$out/home
export CONAN_HOME
mkdir -p "$out"
"$conan" profile detect --force >/dev/null 2>&1 || exit 1
# Without the flags that a profile only repeats (-m64), and with -Werror, objects are those of the release build, which the
# compiler cache has.
"$conan" create "$root/packaging/conan" --no-remote -o "hearth/*:system_deps=True" -s compiler.cppstd=20 -s build_type=Release \
    -c tools.cmake.cmaketoolchain:generator=Ninja -c 'tools.cmake.cmaketoolchain:extra_variables={"HEARTH_WERROR": "ON"}' \
    -c "tools.cmake.cmake_layout:test_folder=$out/test" -c tools.cmake.cmaketoolchain:user_presets= \
    -c 'tools.cmake.cmaketoolchain:enabled_blocks=["generic_system", "cppstd", "shared", "fpic", "find_paths", "extra_variables", "variables"]'
result "conan creates the package and tests it"
"$conan" remove "hearth/*" --confirm >/dev/null
exit $failed
