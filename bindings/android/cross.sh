#!/bin/sh
# cross.sh JAVA_HOME: links libhearth_jni.so for 64-bit Arm as Android's build does, and looks at its headers: segments for
# pages of 16 KB, and no library but the system's. Debian's cross compiler stands for the NDK's, so libstdc++ for libc++.
set -u
cd "$(dirname "$0")" || exit 1
root=$(cd ../.. && pwd)
out=$root/build/android
build=$root/build/mobile-aarch64
libs=/usr/lib/aarch64-linux-gnu
if ! command -v aarch64-linux-gnu-g++ >/dev/null || ! command -v ld.lld >/dev/null || ! [ -e $libs/libpcre2-8.a ] ||
    ! { [ -e "$build/capi/libhearth.a" ] || [ -n "${HEARTH_LONG:-}" ]; }; then
    # Compiling hearth for it takes minutes: it is done with HEARTH_LONG=1, or where the preset was built before.
    echo "RESULT skipped android 64-bit Arm (build the preset mobile-aarch64 first)"
    exit 0
fi
cmake --preset mobile-aarch64 -S "$root" >/dev/null && cmake --build "$build" --target hearth_static || exit 1
aarch64-linux-gnu-g++ -std=c++20 -Os -fPIC -fvisibility=hidden -ffunction-sections -fdata-sections -Wall -Wextra -Wshadow \
    -Werror "-I$1/include" "-I$1/include/linux" "-I$root/capi" -shared hearth/src/main/cpp/*.cpp "$build/capi/libhearth.a" \
    $libs/libpcre2-8.a $libs/libutf8proc.a -static-libstdc++ -static-libgcc -fuse-ld=lld "-B$build/lld" -Wl,--exclude-libs,ALL \
    -Wl,-z,defs -Wl,--version-script=hearth/src/main/cpp/exports.map -Wl,--gc-sections -Wl,--icf=all \
    -Wl,--pack-dyn-relocs=relr -Wl,-z,max-page-size=16384 -o "$out/libhearth_jni_arm64.so" || exit 1
failed=0
result() { # result NAME: of the command before
    if [ $? = 0 ]; then echo "RESULT passed android $1"; else
        echo "RESULT failed android $1"
        failed=1
    fi
}
aligned=$(readelf -lW "$out/libhearth_jni_arm64.so" | awk '$1 == "LOAD" {n++; if ($NF !~ /^0x[0-9a-f]*[48c0]000$/ || length($NF) < 6) bad = 1} END {print n > 0 && !bad}')
[ "${aligned:-0}" = 1 ]
result "segments are aligned for pages of 16 KB"
needed=$(readelf -dW "$out/libhearth_jni_arm64.so" | sed -n 's/.*(NEEDED).*\[\(.*\)\]/\1/p' | tr '\n' ' ')
echo "needed: $needed"
! echo "$needed" | grep -E 'gomp|omp|c\+\+|tbb|pcre|utf8' >/dev/null
result "nothing is needed but the C library"
exports=$(aarch64-linux-gnu-nm -D --defined-only "$out/libhearth_jni_arm64.so" | awk '{print $3}' | tr '\n' ' ')
[ "$exports" = "JNI_OnLoad " ]
result "JNI_OnLoad is all that it exports"
exit $failed
