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
ROWS = [("`mobile`: everything; AVX2, or NEON with dot products and int8 matrix products", ("mobile-x86_64", "mobile-aarch64"),
         3_000_000),
        ("`minimal`: without the chat layer and folders; AVX2 or NEON", ("minimal-x86_64", "minimal-aarch64"), 1_500_000)]
# What comes with either, as Debian packs it.
BESIDE = ["libpcre2-8.so.0", "libutf8proc.so.2"]
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


def beside(preset):
    """Bytes of the libraries that come with it, or None."""
    folder = f"/usr/lib/{'aarch64' if preset.endswith('aarch64') else 'x86_64'}-linux-gnu"
    paths = [os.path.join(folder, name) for name in BESIDE]
    return sum(map(os.path.getsize, paths)) if all(map(os.path.exists, paths)) else None


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
    lines = [[cell.strip() for cell in line.strip("|\n").split("|")] for line in told.splitlines()[2:]]
    rows = [(name, [stripped_size(library(root, preset), preset) for preset in presets], presets, most)
            for name, presets, most in ROWS]
    rows.append(("beside either: PCRE2 and utf8proc, as Debian packs them", [beside(preset) for preset in ROWS[0][1]], ROWS[0][1], None))
    failures, skipped, made = [], 0, HEAD
    for i, (name, sizes, presets, most) in enumerate(rows):
        made += f"| {name} | " + " | ".join(figure(size) for size in sizes if size) + " |\n"
        for column, (size, preset) in enumerate(zip(sizes, presets)):
            if size is None:
                skipped += 1
            elif most is not None and size > most:
                failures.append(f"{preset}: the stripped library has {size} bytes, expected {most} at most")
            elif not write:
                found = re.fullmatch(r"([0-9.]+) MB", lines[i][column + 1]) if i < len(lines) and column + 1 < len(lines[i]) else None
                if not found or abs(float(found[1]) * 1e6 - size) > TOLERANCE * size:
                    failures.append(f"README.md does not tell {figure(size)} of {name} ({preset}): run tests/readme/sizes.py --write")
                else:
                    print(f"{preset}: {size} bytes, {found[0]} in README.md")
    if write and skipped:
        sys.exit(f"{skipped} sizes could not be measured")
    if write and not failures:
        with open(path, "w", encoding="utf-8") as f:
            f.write(before + begin + made + end + after)
    if skipped:
        print(f"SKIPPED {skipped} sizes of presets that were not built")
    print("\n".join(failures), file=sys.stderr)
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
