"""Holds the table of families in README.md to what the parity tests measure.

usage: families.py [--write] SOURCE_DIR PROGRAM_DIR

Runs the test cases of the suite "figures" of the test programs there, which append a line of JSON for every comparison (see
tests/support/figures.hpp), and makes the table of it: the worst figure of each family and form. Without --write it
fails where README.md has another table, and where src/models/models.inc or src/formats/hf/families.inc list a family
or class for which nothing was measured. A bare clone has a part of the goldens: then no figure may be above that of
the table, and what could not be measured is counted as skipped.
"""
import json
import math
import os
import re
import subprocess
import sys
import tempfile

BEGIN, END = "<!-- families: made by tests/readme/families.py -->\n", "<!-- end of families -->\n"
HEAD = """| family | GGUF | quantised | folder | packed | classes of folders |
|---|---|---|---|---|---|
"""
PROGRAMS = ["test_capi", "test_models"]
# Column of a figure.
COLUMNS = [("gguf", False), ("gguf", True), ("folder", False), ("folder", True)]


def measured(programs):
    """The figures that the programs write."""
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "figures")
        for program in programs:
            ran = subprocess.run([program, "--test-suite=figures"], env={**os.environ, "HEARTH_FIGURES": path},
                                 capture_output=True, text=True)
            if ran.returncode:
                sys.exit(f"{os.path.basename(program)} --test-suite=figures fails:\n{ran.stdout[-4000:]}{ran.stderr}")
        with open(path, encoding="utf-8") as lines:
            return [json.loads(line) for line in lines]


def rows(figures):
    """{family: ([worst figure or None for each column], {classes})}"""
    out = {}
    for f in figures:
        assert f["error"] <= f["bound"], f
        worst, classes = out.setdefault(f["family"], ([None] * len(COLUMNS), set()))
        at = COLUMNS.index((f["form"], f["measure"] == "nmse"))
        worst[at] = max(f["error"], worst[at] or 0.0)
        if f["of"]:
            classes.add(f["of"])
    return out


def rounded_up(x):
    """To two digits."""
    if x is None:
        return ""
    if x == 0:
        return "0"
    exponent = math.floor(math.log10(x)) - 1
    digits = math.ceil(round(x / 10.0 ** exponent, 6))
    if digits == 100:
        digits, exponent = 10, exponent + 1
    return f"{digits / 10:.1f}e{exponent + 1}"


def table(found):
    lines = []
    for family, (worst, classes) in sorted(found.items()):
        cells = [family, *map(rounded_up, worst), ", ".join(sorted(classes))]
        lines.append("".join(f"| {c} ".replace("|  ", "| ") for c in cells) + "|\n")
    return HEAD + "".join(lines)


def read_table(text):
    """The same as `rows` from a table, with figures as they are written."""
    out = {}
    for line in text.splitlines()[2:]:
        family, *figures, classes = [cell.strip() for cell in line.strip("|").split("|")]
        out[family] = ([float(x) if x else None for x in figures], set(classes.split(", ")) - {""})
    return out


def listed(source):
    """Families and classes that the library says it has."""
    def names(path, macro):
        with open(os.path.join(source, path), encoding="utf-8") as text:
            return set(re.findall(rf'^{macro}\("([^"]+)"', text.read(), re.M))
    return names("src/models/models.inc", "HEARTH_MODEL"), names("src/formats/hf/families.inc", "HEARTH_HF_FAMILY")


def differences(found, text, all_goldens, families, classes):
    """Sentences about what is wrong, and the number of figures that a bare clone leaves out."""
    begin, end = text.find(BEGIN), text.find(END)
    if begin < 0 or end < begin:
        return [f"README.md lacks the lines {BEGIN.strip()} and {END.strip()}"], 0
    old = text[begin + len(BEGIN):end]
    unmeasured_classes = sorted(classes - set().union(*(c for _, c in found.values())))
    faults = [f"class {c} of src/formats/hf/families.inc has no figure" for c in unmeasured_classes]
    if all_goldens:
        faults += [f"family {f} of src/models/models.inc has no figure" for f in sorted(families - set(found))]
        if old != table(found):
            faults.append(f"README.md has another table than was measured:\n{table(found)}"
                          "run tests/readme/families.py --write, and look at what became worse")
        return faults, 0
    has, skipped = read_table(old), 0
    for family, (worst, _) in found.items():
        told = has.get(family, ([None] * len(COLUMNS), set()))[0]
        for got, bound, (form, _) in zip(worst, told, COLUMNS):
            if got is not None and (bound is None or float(rounded_up(got)) > bound):
                faults.append(f"README.md tells {bound} of {family} ({form}), measured is {rounded_up(got)}")
    for family, (told, _) in has.items():
        mine = found.get(family, ([None] * len(COLUMNS), set()))[0]
        skipped += sum(t is not None and m is None for t, m in zip(told, mine))
    return faults, skipped


def main():
    arguments = sys.argv[1:]
    write = arguments[0] == "--write"
    source, folder = arguments[write:]
    programs = [os.path.join(folder, name) for name in PROGRAMS]
    readme = os.path.join(source, "README.md")
    with open(readme, encoding="utf-8") as file:
        text = file.read()
    found = rows(measured(programs))
    all_goldens = os.path.isdir(os.path.join(source, "..", "shared", "golden", "families"))
    if write:
        if not all_goldens:
            sys.exit("../shared/golden is not beside this checkout: the table would lose what it tells of those goldens")
        before, after = text.split(BEGIN)[0], text.split(END)[1]
        with open(readme, "w", encoding="utf-8") as file:
            file.write(before + BEGIN + table(found) + END + after)
        return
    faults, skipped = differences(found, text, all_goldens, *listed(source))
    for fault in faults:
        print(fault, file=sys.stderr)
    if skipped:
        print(f"SKIPPED {skipped} figures of README.md's table: ../shared/golden is not beside this checkout")
    print(f"families: {len(found)} measured, {len(faults)} faults")
    sys.exit(1 if faults else 0)


if __name__ == "__main__":
    main()
