"""Writes C definitions with empty bodies for every function of hearth.h: what abidw and abidiff read the ABI from.

The library's own entries are C++, whose debug information drags the standard library's types into the baseline; that
their signatures are those of the header is what extern "C" makes the compiler check. usage: stubs.py HEADER OUT.c
"""

import pathlib
import re
import sys


def stubs(header):
    code = re.sub(r"/\*.*?\*/", " ", header, flags=re.S)
    for declaration in re.findall(r"HEARTH_API\s+(?!__attribute__)([^;{]*?);", code):
        text = " ".join(declaration.split())
        returns = "" if re.match(r"void hearth_", text) else "return 0;"
        yield f"{text} {{ {returns} }}"


if __name__ == "__main__":
    header = pathlib.Path(sys.argv[1])
    lines = list(stubs(header.read_text(encoding="utf-8")))
    text = '#include "hearth.h"\n' + "\n".join(lines) + "\n"
    pathlib.Path(sys.argv[2]).write_text(text, encoding="utf-8")
