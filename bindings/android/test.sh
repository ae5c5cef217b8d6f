#!/bin/sh
# bindings/android/test.sh: compiles the JNI layer and the Kotlin package for this machine's JVM, against the library of
# build/release, and runs their tests; cross-compiles the JNI library for 64-bit Arm with the flags of Android's build where
# a compiler for it is there, and looks at its headers. One line RESULT passed|failed|skipped for each test.
set -u
cd "$(dirname "$0")" || exit 1
root=$(cd ../.. && pwd)
here=$root/bindings/android
out=$root/build/android
cpp=$here/hearth/src/main/cpp
failed=0
mkdir -p "$out/classes" "$out/lib" "$out/files"

home=$(dirname "$(dirname "$(readlink -f "$(command -v javac)")")")
flags="-std=c++20 -O1 -fPIC -fvisibility=hidden -Wall -Wextra -Wshadow -Werror -I$home/include -I$home/include/linux -I$root/capi"
cxx=${CXX:-c++}
# shellcheck disable=SC2086
"$cxx" $flags -shared "$cpp"/*.cpp "$root/build/release/capi/libhearth.so" -Wl,-z,defs -Wl,-rpath,"$root/build/release/capi" \
    -o "$out/lib/libhearth_jni.so" || exit 1

# The compiler and its jars come from Maven Central once and are kept below build/.
if ! ls "$out/jars/kotlin-compiler-embeddable-"*.jar >/dev/null 2>&1; then
    mvn -q -B -f jars.xml dependency:copy-dependencies -DoutputDirectory="$out/jars" || {
        rm -rf "$out/jars"
        echo "SKIPPED 1 stage android, whose jars could not be fetched"
        exit 0
    }
fi
jars=$(printf '%s:' "$out"/jars/*.jar)
rm -rf "$out/classes"
mkdir -p "$out/classes"
sources="$here/hearth/src/main/java/hearth/*.java"
# shellcheck disable=SC2086
javac --release 8 -Xlint:all,-options -Werror -d "$out/classes" $sources &&
    java -Xmx1g -XX:TieredStopAtLevel=1 -cp "$jars" org.jetbrains.kotlin.cli.jvm.K2JVMCompiler -nowarn -no-stdlib -no-reflect -jvm-target 1.8 \
        -classpath "$jars" -d "$out/classes" "$here/hearth/src/main/java" "$here/hearth/src/main/kotlin" "$here/test/Test.kt" || exit 1
"$root/build/release/bin/tiny_model" "$out/files/tiny.gguf" >/dev/null || exit 1
# -Xcheck:jni looks at every call of the JNI layer: its warnings are failures.
timeout 300 java -Xcheck:jni -Djava.library.path="$out/lib" -cp "$out/classes:$jars" hearth.TestKt "$out/files/tiny.gguf" \
    "$out/files" >"$out/test.log" 2>&1 || failed=1
cat "$out/test.log"
if grep -qE 'WARNING in native method|FATAL ERROR in native|hs_err_pid' "$out/test.log"; then
    echo "RESULT failed android -Xcheck:jni has warnings"
    failed=1
else
    echo "RESULT passed android -Xcheck:jni has no warnings"
fi

sh ./cross.sh "$home" || failed=1
exit $failed
