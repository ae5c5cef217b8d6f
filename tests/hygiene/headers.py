"""Every public header compiles alone: hearth.h as pedantic C99 and as C++20, include/hearth as C++20.
usage: headers.py ROOT GENERATED_INCLUDE_DIR CC CXX"""

import concurrent.futures
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


def check(root, generated, cc, cxx):
    root = pathlib.Path(root)
    c = [cc, "-std=c99", "-pedantic", *STRICT, f"-I{root}/capi"]
    cpp = [cxx, "-std=c++20", "-pedantic", *STRICT, f"-I{root}/include", f"-I{generated}", f"-I{root}/capi"]
    jobs = []
    for header in sorted(root.glob("capi/hearth*.h")):
        jobs += [(c, header.name, ".c"), (cpp, header.name, ".cpp")]
    for header in sorted(root.glob("include/hearth/*/*.hpp")):
        jobs.append((cpp, header.relative_to(root / "include").as_posix(), ".cpp"))
    if not jobs:
        return [f"{root} has no public headers"]
    with concurrent.futures.ThreadPoolExecutor(min(2, os.cpu_count() or 1)) as pool:
        return [p for found in pool.map(lambda job: compile_alone(*job), jobs) for p in found]


if __name__ == "__main__":
    report(check(*sys.argv[1:5]))
