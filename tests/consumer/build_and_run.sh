#!/bin/sh
# build_and_run.sh cmake|make shared|static PREFIX WORK_DIR CC CXX [MODEL]: builds the two apps against an installed
# hearth and runs them.
set -eu
how=$1 kind=$2 prefix=$3 work=$4 cc=$5 cxx=$6
shift 6
source=$(cd "$(dirname "$0")" && pwd)
rm -rf "$work"
mkdir -p "$work"
if [ "$how" = cmake ]; then
    cmake -S "$source" -B "$work" -DCMAKE_PREFIX_PATH="$prefix" -DHEARTH_KIND="$kind" -DCMAKE_C_COMPILER="$cc" \
        -DCMAKE_CXX_COMPILER="$cxx"
    cmake --build "$work"
else
    libdir=$(dirname "$(find "$prefix" -name hearth.pc)")
    (cd "$work" && PKG_CONFIG_PATH="$libdir" make -f "$source/Makefile" KIND="$kind" CC="$cc" CXX="$cxx")
fi
for app in consumer_c consumer_cpp; do
    case $kind in
    shared) ldd "$work/$app" | grep "$prefix.*libhearth.so.0\|libhearth.so.0 => $prefix" >/dev/null ;;
    static) if ldd "$work/$app" | grep libhearth; then exit 1; fi ;;
    esac || { echo "$app is not linked as $kind"; exit 1; }
    "$work/$app" "$@"
done
