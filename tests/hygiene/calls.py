"""Calls that a library must not make: it ends no process, prints nothing, asserts nothing, opens no socket.
usage: calls.py ROOT"""

import re
import sys

from common import bare, files, numbered, read, report

BANNED = {
    r"(?<![\w.>])(std::)?(abort|exit|_exit|_Exit|quick_exit|terminate|raise|signal|sigaction)\s*\(": "ends or disturbs the host's process",
    r"\b(std::)?(printf|vprintf|puts|putchar|perror|putc)\s*\(": "prints",
    r"\b(std::)?v?fprintf\s*\(|\bfputs\s*\(|\b(stdout|stderr)\b": "prints",
    r"\bstd::(cout|cerr|clog|wcout|wcerr|print|println)\b": "prints",
    r"(?<!static_)\bassert\s*\(|#\s*include\s*<cassert>": "ends the host's process on a defect",
    r"\b__builtin_(trap|abort|unreachable)\b|\bstd::unreachable\b": "is undefined or ends the process when reached",
    r"\b(std::)?system\s*\(|\bpopen\s*\(|((?<!\w)::|[=!(]\s*)v?fork\s*\(\s*\)|\bexec[lv]p?e?\s*\(": "starts a process",
    r"(?<![\w.>:])(socket|connect|getaddrinfo|gethostbyname|bind|listen|accept)\s*\(\s*[A-Za-z_&]+\s*,": "opens the network",
    r"\b(std::)?(rand|srand)\s*\(|\bstd::random_device\b|\bstd::mt19937": "draws numbers that are not a function of the seed",
    r"\b(std::)?setlocale\s*\(": "changes the host's process",
    r"\b(std::)?(strtok|asctime|gmtime|localtime)\s*\(": "is not thread-safe",
    r"\bdynamic_cast\s*<[^>]*&\s*>": "throws",
    # Stopped: of work that was stopped, base/stop.hpp; the engine makes it a Status.
    r"(?<![\w])throw\b(?!\s*(std::bad_alloc|Stopped)\b)": "exceptions do not cross the library (Status does)",
    r"\busing\s+namespace\s+std\b": "pulls in all of std",
    r"-ffast-math|\b#pragma\s+(GCC\s+optimize|float_control|STDC\s+FP_CONTRACT\s+ON)": "changes the arithmetic",
}
# The environment is read where a runtime is made, once.
GETENV = re.compile(r"\b(std::|secure_)?getenv\s*\(")
GETENV_AT = "src/engine/runtime.cpp"
# libm and the standard's transcendental functions differ between machines; kernels and tables have their own.
LIBM = re.compile(r"\bstd::(exp|exp2|expm1|log|log2|log10|log1p|pow|sin|cos|tan|tanh|sinh|cosh|erf|cbrt)f?\s*\(")


def check(root):
    problems = []
    for path in files(root, "src", "include", "capi"):
        relative = path.relative_to(root).as_posix()
        for number, line in numbered(bare(read(path))):
            for pattern, reason in BANNED.items():
                found = re.search(pattern, line)
                if found:
                    problems.append(f"{relative}:{number}: '{found.group(0).strip()}' {reason}")
            if GETENV.search(line) and relative != GETENV_AT:
                problems.append(f"{relative}:{number}: the environment is read in {GETENV_AT} only")
            found = LIBM.search(line)
            if found and "/codecs/" not in relative:
                problems.append(f"{relative}:{number}: '{found.group(0)}' gives other bits on other machines: base/math.hpp")
    return problems


if __name__ == "__main__":
    report(check(sys.argv[1]))
