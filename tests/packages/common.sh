# What the package tests share. Sourced with `root` (the checkout) and `out` (a folder of the test's own) set.
failed=0
# result NAME: of the command before.
result() {
    if [ $? = 0 ]; then echo "RESULT passed packages: $1"; else
        echo "RESULT failed packages: $1"
        failed=1
    fi
}
skipped() { echo "RESULT skipped packages: $1"; }
model=$root/examples/models/hearth-tiny.gguf
export CCACHE_BASEDIR="${CCACHE_BASEDIR-$root}"
# Builds that do not take the compiler cache by themselves: hearth does at the top of a build only.
if command -v ccache >/dev/null; then export CMAKE_CXX_COMPILER_LAUNCHER=ccache CMAKE_C_COMPILER_LAUNCHER=ccache; fi
