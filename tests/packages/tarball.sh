#!/bin/sh
# tarball.sh: packs the archive of the preset `package`, unpacks it elsewhere, and uses it as somebody does who has nothing
# else of hearth: both libraries by CMake and by pkg-config, the command line, an example.
set -u
root=$(cd "$(dirname "$0")/../.." && pwd)
out=$root/build/packages/tarball
. "$root/tests/packages/common.sh"
build=$root/build/package
cc=${CC:-cc} cxx=${CXX:-c++}

cmake --preset package -S "$root" >/dev/null && cmake --build "$build" && rm -f "$build"/hearth-*.tar.gz &&
    (cd "$build" && cpack -G TGZ) || exit 1
rm -rf "$out"
mkdir -p "$out"
tar -xzf "$build"/hearth-*.tar.gz -C "$out" || exit 1
prefix=$(echo "$out"/hearth-*)
missing=
for file in include/hearth.h include/hearth/eigen.hpp include/hearth/isas.inc lib/libhearth.so lib/libhearth.a \
    lib/hearth/libpcre2-8.a lib/hearth/libutf8proc.a lib/cmake/hearth/hearthConfig.cmake lib/pkgconfig/hearth.pc bin/hearth \
    share/doc/hearth/LICENSE share/doc/hearth/README.md share/doc/hearth/CHANGELOG.md share/doc/hearth/THIRD-PARTY.txt share/doc/hearth/docs/command-line.md \
    share/hearth/examples/hello.c share/hearth/examples/hello.cpp share/hearth/models/hearth-tiny.gguf; do
    [ -s "$prefix/$file" ] || missing="$missing $file"
done
echo "missing:$missing"
[ -z "$missing" ]
result "the archive has all that belongs there"
! grep -rlIF "$root" "$prefix"
result "no file of the archive knows where it was built"
notices=0
for name in libpcre2-8 libutf8proc xxhash nlohmann_json cli11; do
    grep -q "^==== $name ====" "$prefix/share/doc/hearth/THIRD-PARTY.txt" && notices=$((notices + 1))
done
[ $notices = 5 ] && [ "$(grep -ci 'redistribut\|permission is hereby granted' "$prefix/share/doc/hearth/THIRD-PARTY.txt")" -ge 5 ]
result "the licences of five libraries come with it"

# The C and C++ libraries of the system, and nothing else; found nowhere but in the system's folders.
for file in lib/libhearth.so bin/hearth; do
    needed=$(readelf -dW "$prefix/$file" | sed -n 's/.*(NEEDED).*\[\(.*\)\]/\1/p')
    echo "$file needs:" $needed
    ! echo "$needed" | grep -vE '^(libc|libm|libstdc\+\+|libgcc_s|libpthread|ld-linux[-a-z0-9_]*)\.so\.[0-9]+$' &&
        ! readelf -dW "$prefix/$file" | grep -E 'RPATH|RUNPATH'
    result "$file needs the C and C++ libraries only"
done
for how in cmake make; do
    for kind in shared static; do
        "$root/tests/consumer/build_and_run.sh" $how $kind "$prefix" "$out/$how-$kind" "$cc" "$cxx" \
            "$prefix/share/hearth/models/hearth-tiny.gguf" || false
        result "apps in C and C++ by $how, $kind"
    done
done
! ldd "$out/cmake-static/consumer_c" "$out/make-static/consumer_c" | grep -E 'pcre|utf8proc|tbb'
result "apps that link it statically need no library of its own"
PKG_CONFIG_PATH=$prefix/lib/pkgconfig
export PKG_CONFIG_PATH
# shellcheck disable=SC2046
"$cc" -std=c99 "$prefix/share/hearth/examples/hello.c" $(pkg-config --cflags --libs hearth) -o "$out/hello" &&
    LD_LIBRARY_PATH=$prefix/lib "$out/hello" "$prefix/share/hearth/models/hearth-tiny.gguf" "Once upon a time" | grep -q .
result "hello.c by pkg-config"
"$prefix/bin/hearth" run "$prefix/share/hearth/models/hearth-tiny.gguf" -p "Once upon a time" -n 8 --temp 0 | grep -q .
result "the command line"
exit $failed
