"""Every public header compiles alone: hearth.h as pedantic C99 and as C++20, include/hearth as C++20.
usage: headers.py ROOT GENERATED_INCLUDE_DIR CC CXX [STAMP]

STAMP names a file that remembers the headers and compilers that passed last."""

import concurrent.futures
import hashlib
import os
import pathlib
import subprocess
import sys
import tempfile

from common import report

STRICT = ["-Wall", "-Wextra", "-Wshadow", "-Werror", "-fsyntax-only"]


def compile_alone(command, include, suffix):
    with tempfile.TemporaryDirectory() as folder:
        source = pathlib.Path(folder, "alone" + suffix)
        # Twice: the guard is checked too. A declaration keeps the unit from being empty.
        source.write_text(f'#include "{include}"\n#include "{include}"\nextern int hearth_alone;\n')
        done = subprocess.run(command + [str(source)], capture_output=True, text=True)
    return [] if done.returncode == 0 else [f"{include} does not compile alone ({' '.join(command[:2])}):\n{done.stderr.strip()}"]


def flags_of_eigen():
    """None where Eigen is not installed."""
    try:
        asked = subprocess.run(["pkg-config", "--cflags-only-I", "eigen3"], capture_output=True, text=True)
    except FileNotFoundError:
        return None
    return [f.replace("-I", "-isystem", 1) for f in asked.stdout.split()] if asked.returncode == 0 else None


def state(root, generated, cc, cxx):
    """A digest of all that the outcome depends on."""
    digest = hashlib.sha256(pathlib.Path(__file__).read_bytes())
    for compiler in (cc, cxx):
        digest.update(subprocess.run([compiler, "--version"], capture_output=True).stdout)
    for folder in (root / "capi", root / "include", pathlib.Path(generated)):
        for path in sorted(folder.rglob("*")):
            if path.suffix in (".h", ".hpp", ".inc"):
                digest.update(str(path).encode() + path.read_bytes())
    return digest.hexdigest()


def check(root, generated, cc, cxx, stamp=None):
    root = pathlib.Path(root)
    current = state(root, generated, cc, cxx)
    if stamp and os.path.exists(stamp) and pathlib.Path(stamp).read_text() == current:
        return []
    c = [cc, "-std=c99", "-pedantic", *STRICT, f"-I{root}/capi"]
    cpp = [cxx, "-std=c++20", "-pedantic", *STRICT, f"-I{root}/include", f"-I{generated}", f"-I{root}/capi"]
    jobs = []
    for header in sorted(root.glob("capi/hearth*.h")):
        jobs += [(c, header.name, ".c"), (cpp, header.name, ".cpp")]
    eigen = flags_of_eigen()
    for header in sorted(root.glob("include/hearth/**/*.hpp")):
        if header.name == "eigen.hpp" and eigen is None:
            print("SKIPPED 1 header: Eigen is not installed")
            continue
        flags = eigen if header.name == "eigen.hpp" else []
        jobs.append((cpp + flags, header.relative_to(root / "include").as_posix(), ".cpp"))
    if not jobs:
        return [f"{root} has no public headers"]
    with concurrent.futures.ThreadPoolExecutor(min(2, os.cpu_count() or 1)) as pool:
        problems = [p for found in pool.map(lambda job: compile_alone(*job), jobs) for p in found]
    if stamp and not problems:
        pathlib.Path(stamp).write_text(current)
    return problems


if __name__ == "__main__":
    report(check(*sys.argv[1:6]))
