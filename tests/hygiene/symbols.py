"""What the built objects define and import.

usage: symbols.py exports LIBRARY ROOT            exported symbols equal capi/symbols.txt and the header's functions
       symbols.py imports LIBRARY                 nothing of the network, of processes or of output is imported
       symbols.py weak OBJECT...                  kernel objects define no weak symbol
       symbols.py state STATIC_LIBRARY            no mutable data of static storage but the listed
"""

import pathlib
import re
import subprocess
import sys

from common import bare, read, report

NETWORK = {
    "socket", "connect", "bind", "listen", "accept", "accept4", "send", "sendto", "sendmsg", "recv", "recvfrom", "recvmsg",
    "getaddrinfo", "gethostbyname", "gethostbyname_r", "getnameinfo", "res_query", "inet_pton", "if_nametoindex",
}
PROCESS = {"abort", "exit", "_exit", "quick_exit", "_ZSt9terminatev", "raise", "kill", "signal", "sigaction", "system", "popen",
           "fork", "vfork", "execve", "execvp", "posix_spawn", "setenv", "putenv", "setlocale", "__assert_fail"}
OUTPUT = {"printf", "__printf_chk", "puts", "putchar", "perror", "fprintf", "__fprintf_chk", "vfprintf", "fputs", "fwrite",
          "stdout", "stderr", "_ZSt4cout", "_ZSt4cerr", "_ZSt4clog"}
# Mutable data of static storage that may be, each with its reason.
STATE = {
    # The text of hearth_last_error is thread-local by the rules of the C ABI.
    r"\b(hearth::capi::)?\(anonymous namespace\)::last_error\w*$": "thread-local error text",
    r"^TLS init function|^__tls_guard$": "the same",
    # Filled once on first use and constant from then on (C++ makes that thread-safe).
    r"hearth::.*::table\(\)::list$": "what this CPU can run",
    r"hearth::gains_by_fetching\(\)::gains$": "what it reads faster by",
    r"hearth::.*::all_keys\(\)::keys$": "the keys of all samplers",
    r"^DW\.ref\.": "the compiler's references to type information",
    r"^guard variable for ": "of such constants",
    r"hearth::kernel_(table|origin|tables)\b.*|hearth::\(anonymous namespace\)::.*\b(tables|filled)\b.*$": "kernel tables",
}


def nm(arguments):
    done = subprocess.run(["nm", *arguments], capture_output=True, text=True)
    if done.returncode != 0:
        raise SystemExit(f"nm {' '.join(arguments)}: {done.stderr.strip()}")
    return done.stdout


def exported(library):
    names = set()
    for line in nm(["-D", "--defined-only", str(library)]).splitlines():
        name = line.split()[-1].split("@")[0]
        if not re.fullmatch(r"HEARTH_\d+", name):
            names.add(name)
    return names


def declared(header):
    return set(re.findall(r"\b(hearth_\w+)\s*\(", " ".join(re.findall(r"HEARTH_API\b[^;]*;", bare(read(header))))))


def compare_exports(found, listed, in_header):
    problems = []
    for name in sorted(found - listed):
        problems.append(f"{name} is exported but not in capi/symbols.txt")
    for name in sorted(listed - found):
        problems.append(f"{name} is in capi/symbols.txt but not exported")
    for name in sorted(in_header - listed):
        problems.append(f"{name} is declared in hearth.h but not in capi/symbols.txt")
    for name in sorted(listed - in_header):
        problems.append(f"{name} is in capi/symbols.txt but not declared in hearth.h")
    for name in sorted(listed):
        if not re.fullmatch(r"hearth_[a-z0-9_]+", name):
            problems.append(f"{name} does not begin with hearth_")
    return problems


def check_exports(library, root):
    listed = {line.strip() for line in read(f"{root}/capi/symbols.txt").splitlines() if line.strip() and not line.startswith("#")}
    return compare_exports(exported(library), listed, declared(f"{root}/capi/hearth.h"))


def check_imports(library):
    problems = []
    for line in nm(["-D", "--undefined-only", str(library)]).splitlines():
        name = line.split()[-1].split("@")[0]
        for names, what in ((NETWORK, "opens the network"), (PROCESS, "touches the host's process"), (OUTPUT, "prints")):
            if name in names:
                problems.append(f"{pathlib.Path(library).name} imports {name}, which {what}")
    return problems


def check_weak(objects):
    if not objects:
        return ["no kernel objects were given"]
    problems = []
    for path in objects:
        for line in nm(["-C", "--defined-only", path]).splitlines():
            parts = line.split(maxsplit=2)
            if len(parts) == 3 and parts[1] in "WVuvw":
                problems.append(f"{path}: '{parts[2]}' is weak: the linker may choose it for a caller without this instruction set")
    return problems


def check_state(library):
    done = subprocess.run(["objdump", "-t", "-C", str(library)], capture_output=True, text=True)
    if done.returncode != 0:
        raise SystemExit(f"objdump -t {library}: {done.stderr.strip()}")
    problems = []
    for line in done.stdout.splitlines():
        found = re.match(r"[0-9a-f]+ .{7} (\S+)\t[0-9a-f]+ (?:\.hidden )?(.+)$", line)
        if not found or not re.match(r"\.(data(?!\.rel\.ro)|bss|tdata|tbss|ldata|lbss)\b", found.group(1)):
            continue
        name = found.group(2).strip()
        if name.startswith(".") or any(re.search(pattern, name) for pattern in STATE):
            continue
        problems.append(f"{name} ({found.group(1)}) is mutable data of the process")
    return sorted(set(problems))


if __name__ == "__main__":
    kind, arguments = sys.argv[1], sys.argv[2:]
    report(
        {
            "exports": lambda: check_exports(*arguments),
            "imports": lambda: check_imports(*arguments),
            "weak": lambda: check_weak(arguments),
            "state": lambda: check_state(*arguments),
        }[kind]()
    )
