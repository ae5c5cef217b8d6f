#!/bin/sh
# bindings/swift/xcframework.sh [OUT]: builds libhearth for macOS, iOS and the iOS simulator and packs hearth.xcframework
# (OUT, bindings/swift/hearth.xcframework), which Package.swift then takes instead of build/release.
#
# It needs macOS with Xcode 16, CMake 3.24, Ninja and a network: what the library uses (PCRE2, utf8proc, xxHash, nlohmann_json)
# is fetched at the pinned releases and linked statically, so that one archive of each platform is all that an app needs; its
# threads are its own (HEARTH_TBB=OFF). It was written and checked with shellcheck on Linux, where it cannot run: it has not been run yet.
#
#   HEARTH_SLICES="macos-arm64 macos-x86_64 ios-arm64 simulator-arm64 simulator-x86_64"   chooses what is built
#   HEARTH_MACOS=13.3  HEARTH_IOS=16.3                                                    the oldest systems
set -eu
cd "$(dirname "$0")/../.."
root=$(pwd)
out=${1:-$root/bindings/swift/hearth.xcframework}
work=$root/build/xcframework
slices=${HEARTH_SLICES:-macos-arm64 macos-x86_64 ios-arm64 simulator-arm64 simulator-x86_64}
macos=${HEARTH_MACOS:-13.3}
ios=${HEARTH_IOS:-16.3}

[ "$(uname)" = Darwin ] || { echo "xcframework.sh needs macOS with Xcode" >&2; exit 1; }
for tool in cmake ninja xcodebuild libtool lipo; do
    command -v "$tool" >/dev/null || { echo "'$tool' is not installed" >&2; exit 1; }
done

# build SLICE: leaves $work/SLICE/libhearth-all.a
build() {
    slice=$1
    architecture=${slice#*-}
    case $slice in
    macos-*) set -- -DCMAKE_SYSTEM_NAME=Darwin -DCMAKE_OSX_SYSROOT=macosx -DCMAKE_OSX_DEPLOYMENT_TARGET="$macos" ;;
    ios-*) set -- -DCMAKE_SYSTEM_NAME=iOS -DCMAKE_OSX_SYSROOT=iphoneos -DCMAKE_OSX_DEPLOYMENT_TARGET="$ios" ;;
    simulator-*) set -- -DCMAKE_SYSTEM_NAME=iOS -DCMAKE_OSX_SYSROOT=iphonesimulator -DCMAKE_OSX_DEPLOYMENT_TARGET="$ios" ;;
    *) echo "unknown slice '$slice'" >&2; exit 1 ;;
    esac
    # The processor, by which the kernels are chosen, is not that of this Mac; nor is anything of Homebrew's for another.
    cmake -S "$root" -B "$work/$slice" -G Ninja -DCMAKE_BUILD_TYPE=Release \
        -DCMAKE_OSX_ARCHITECTURES="$architecture" -DCMAKE_SYSTEM_PROCESSOR="$architecture" -DHEARTH_INSTALL=OFF \
        -DHEARTH_BUILD_TESTS=OFF -DHEARTH_BUILD_EXAMPLES=OFF -DHEARTH_BUILD_BENCH=OFF -DBUILD_SHARED_LIBS=OFF \
        -DHEARTH_TBB=OFF -DCMAKE_DISABLE_FIND_PACKAGE_nlohmann_json=ON -DCMAKE_DISABLE_FIND_PACKAGE_PkgConfig=ON "$@"
    cmake --build "$work/$slice" --target hearth_static
    # The library and what it was linked with, as one archive.
    rm -f "$work/$slice/libhearth-all.a"
    find "$work/$slice" -name '*.a' ! -name 'libhearth-all.a' -print0 |
        xargs -0 libtool -static -no_warning_for_no_symbols -o "$work/$slice/libhearth-all.a"
}

# merge NAME SLICE…: one archive of several architectures, $work/NAME/libhearth.a
merge() {
    name=$1
    shift
    mkdir -p "$work/$name"
    for slice in "$@"; do
        shift
        set -- "$@" "$work/$slice/libhearth-all.a"
    done
    lipo -create "$@" -output "$work/$name/libhearth.a"
}

# of PREFIX: the slices of a platform
of() {
    for slice in $slices; do
        case $slice in "$1"-*) echo "$slice" ;; esac
    done
}

for slice in $slices; do build "$slice"; done

headers=$work/headers
mkdir -p "$headers"
cp "$root/capi/hearth.h" "$headers/"
cat >"$headers/module.modulemap" <<'END'
module CHearth [system] {
    header "hearth.h"
    export *
}
END

rm -rf "$out"
set --
for platform in macos ios simulator; do
    built=$(of "$platform")
    [ -n "$built" ] || continue
    # shellcheck disable=SC2086
    merge "$platform" $built
    set -- "$@" -library "$work/$platform/libhearth.a" -headers "$headers"
done
xcodebuild -create-xcframework "$@" -output "$out"
echo "$out"
