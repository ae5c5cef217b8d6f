"""Groups sources that can be compiled at once, each included into one: prints one line for each group of two or more,
with | between them. usage: join.py ROOT SOURCE...

Sources are kept apart where both declare a name and one of them keeps it to itself, or where they use other namespaces.
What its headers declare counts as shared. Declarations begin in the first column, as .clang-format has it.
"""

import functools
import pathlib
import re
import sys

INCLUDE = re.compile(r'^#include "([^"]+)"', re.M)
SKIPPED = re.compile(r"[\s/}*]|namespace\b|extern|TEST_CASE|static_assert|public:|private:|$")
TYPE = re.compile(r"(?:template\s*<.*>\s*)?(?:struct|class|union|enum(?:\s+class)?)\s+(\w+)\s*(?:final\s*)?[:{;]")
MACRO = re.compile(r"#\s*define\s+(\w+)")
ALIAS = re.compile(r"using\s+(?:\w+::)*(\w+)\s*[=;]")
DECLARED = re.compile(r"^[^(=\[{;]*?(?<![:\w~])(\w+)\s*(?:[(=\[{;]|$)")
FURTHER = re.compile(r",\s*(\w+)\s*=")


def names(path):
    """(names of its own, names that it shares, namespaces that it uses)"""
    own, shared, used, depth = set(), set(), set(), False
    lines = path.read_text(encoding="utf-8").splitlines()
    for i, line in enumerate(lines):
        if line.startswith("namespace {"):
            depth = True
        elif line.startswith("}  // namespace") and line.rstrip() == "}  // namespace":
            depth = False
        elif line.startswith("using namespace"):
            used.add(line)
        into = own if depth or line.startswith(("#", "using ", "static ")) else shared
        if found := MACRO.match(line):
            into.add(found.group(1))
        if line.startswith("#") or SKIPPED.match(line) or line.startswith("using namespace"):
            continue
        if found := ALIAS.match(line) or TYPE.match(line):
            into.add(found.group(1))
            continue
        statement = line
        for further in lines[i + 1 : i + 6]:
            if statement.rstrip().endswith((";", "{", "}")):
                break
            statement += " " + further.strip()
        if found := DECLARED.match(statement):
            into.add(found.group(1))
            into.update(FURTHER.findall(statement.split("(")[0] if "(" in statement.split("=")[0] else statement))
    return own, shared, frozenset(used)


def closure(root, path, seen):
    """The project's headers that `path` includes."""
    for name in INCLUDE.findall(path.read_text(encoding="utf-8")):
        for folder in [path.parent, *(root / folder for folder in ("include", "src", "tests", "capi"))]:
            header = folder / name
            if header.is_file():
                if header not in seen:
                    seen.add(header)
                    closure(root, header, seen)
                break
    return seen


def grouped(root, sources):
    """Lists of paths."""
    root = pathlib.Path(root)
    declared = functools.lru_cache(maxsize=None)(names)
    groups = []
    for source in map(pathlib.Path, sources):
        own, shared, used = declared(source)
        for header in closure(root, source, set()):
            shared = shared.union(*declared(header)[:2])
        for group in groups:
            if used == group["used"] and not own & (group["own"] | group["shared"]) and not shared & group["own"]:
                break
        else:
            group = {"own": set(), "shared": set(), "used": used, "sources": []}
            groups.append(group)
        group["own"] |= own
        group["shared"] |= shared
        group["sources"].append(str(source))
    return [group["sources"] for group in groups]


if __name__ == "__main__":
    for group in grouped(sys.argv[1], sys.argv[2:]):
        if len(group) > 1:
            print("|".join(group))
