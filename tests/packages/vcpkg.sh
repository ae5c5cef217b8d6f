#!/bin/sh
# vcpkg.sh: runs the port of packaging/vcpkg by stubs of vcpkg's functions, and builds an app against what it installs.
set -u
root=$(cd "$(dirname "$0")/../.." && pwd)
out=$root/build/packages/vcpkg
. "$root/tests/packages/common.sh"
port=$root/packaging/vcpkg/hearth
mkdir -p "$out"
python3 - "$port/vcpkg.json" "$root/CMakeLists.txt" "$port/portfile.cmake" <<'EOF'
import json, re, sys
manifest, cmake, portfile = (open(path, encoding="utf-8").read() for path in sys.argv[1:])
port = json.loads(manifest)
assert port["name"] == "hearth" and port["license"] == "MIT", port
assert port["version"] == re.search(r"project\(hearth VERSION ([0-9.]+)", cmake)[1], "its version is not that of CMakeLists.txt"
names = [d if isinstance(d, str) else d["name"] for d in port["dependencies"]]
assert names == sorted(names) and len(set(names)) == len(names), names
features = re.search(r"FEATURES\n((?: +\w+ HEARTH_\w+\n)+)", portfile)[1].split()
assert sorted(features[::2]) == sorted(port["features"]), "portfile.cmake and vcpkg.json have other features"
assert all(f"option({option} " in cmake for option in features[1::2]), "a feature is no option of hearth"
assert set(port["default-features"]) <= set(port["features"])
EOF
result "the port's manifest and portfile agree"
# The flags of the release build, so that the compiler cache knows the objects; as deep below the root, too.
cmake "-DPORT_DIR=$port" "-DBUILD=$root/build/vcpkg" "-DPACKAGES=$out/packages" -DLINKAGE=dynamic -DFEATURES=tbb \
    -DEXTRA=-DHEARTH_WERROR=ON -P "$root/tests/packages/vcpkg_stubs.cmake"
result "the port configures, builds and installs"
! [ -e "$out/packages/lib/libhearth.a" ] && [ -s "$out/packages/share/hearth/copyright" ] && [ -s "$out/packages/share/hearth/usage" ]
result "the port installs one kind of library, its licence and its usage"
rm -rf "$out/app"
cmake -S "$root/packaging/conan/test_package" -B "$out/app" "-Dhearth_DIR=$out/packages/share/hearth" >/dev/null &&
    cmake --build "$out/app" && "$out/app/example"
result "an app finds what the port installed"
exit $failed
