"""Holds the table of sizes in README.md to what the libraries weigh.

usage: sizes.py [--write] SOURCE_DIR

Of each preset below that was built the shared library is stripped and measured. Without --write it fails where one is over
its budget, or more than 3 % away from the table; presets that were not built are counted as skipped. With --write all of
them are built first, and the table is made.
"""
import os
import re
import subprocess
import sys
import tempfile

BEGIN, END = "<!-- sizes: made by tests/readme/sizes.py -->\n", "<!-- end of sizes -->\n"
HEAD = """| build | x86-64 | 64-bit Arm |
|---|---|---|
"""
# Name in the table, presets, and the most that the stripped library may weigh.
ROWS = [("`mobile`: everything, every instruction set", ("mobile", "mobile-aarch64"), 3_000_000),
        ("`minimal`: without the chat layer; AVX2 or NEON with dot products", ("minimal", "minimal-aarch64"), 1_500_000)]
TOLERANCE = 0.03


def library(root, preset):
    return os.path.join(root, "build", preset, "capi", "libhearth.so")


def stripped_size(path, preset):
    """Bytes, or None where it was not built."""
    if not os.path.exists(path):
        return None
    strip = "aarch64-linux-gnu-strip" if preset.endswith("aarch64") else "strip"
    with tempfile.TemporaryDirectory() as folder:
        out = os.path.join(folder, "stripped")
        subprocess.run([strip, "-o", out, path], check=True)
        return os.path.getsize(out)


def build(root, preset):
    subprocess.run(["cmake", "--preset", preset], cwd=root, check=True, stdout=subprocess.DEVNULL)
    subprocess.run(["cmake", "--build", os.path.join(root, "build", preset), "--target", "hearth_shared"], check=True)


def figure(size):
    return f"{size / 1e6:.2f} MB"


def main(arguments):
    write = "--write" in arguments
    root = [a for a in arguments if a != "--write"][0]
    if write:
        for _, presets, _ in ROWS:
            for preset in presets:
                build(root, preset)
    path = os.path.join(root, "README.md")
    with open(path, encoding="utf-8") as f:
        text = f.read()
    before, begin, rest = text.partition(BEGIN)
    told, end, after = rest.partition(END)
    if not begin or not end:
        sys.exit(f"README.md has no place for the table of sizes: {BEGIN.strip()} … {END.strip()}")
    lines = [line.strip("|\n").split("|") for line in told.splitlines()[2:]]
    failures, skipped, made = [], 0, HEAD
    for i, (name, presets, most) in enumerate(ROWS):
        cells = []
        for column, preset in enumerate(presets):
            size = stripped_size(library(root, preset), preset)
            if size is None:
                skipped += 1
                continue
            cells.append(figure(size))
            if size > most:
                failures.append(f"{preset}: the stripped library has {size} bytes, expected {most} at most")
            if write:
                continue
            found = re.fullmatch(r"([0-9.]+) MB", lines[i][column + 1].strip()) if i < len(lines) else None
            if not found or abs(float(found[1]) * 1e6 - size) > TOLERANCE * size:
                failures.append(f"README.md does not tell {figure(size)} of {preset}: run tests/readme/sizes.py --write")
            else:
                print(f"{preset}: {size} bytes, {found[0]} in README.md")
        made += f"| {name} | " + " | ".join(cells) + " |\n"
    if write and not failures:
        with open(path, "w", encoding="utf-8") as f:
            f.write(before + begin + made + end + after)
    if skipped:
        print(f"SKIPPED {skipped} sizes of presets that were not built")
    print("\n".join(failures), file=sys.stderr)
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
