"""clang-tidy over the library's sources, on two threads. Most of its time goes into the standard library's headers, so
sources with the same command are looked at together, each included into one. Those in which something is found, or that
cannot stand together, are looked at again by themselves, which is what is told. A source that passed is not looked at
again until it, a header it includes, its command or the rules change.
usage: tidy.py ROOT BUILD_DIR [CLANG_TIDY]"""

import concurrent.futures
import functools
import hashlib
import json
import pathlib
import re
import shlex
import subprocess
import sys

sys.path.append(str(pathlib.Path(__file__).resolve().parents[2] / "src/cmake"))
import join  # noqa: E402

BATCH = 10  # sources that are looked at together
INCLUDE = re.compile(r'^\s*#\s*include\s*"([^"]+)"', re.M)
# Options that clang does not know or that only matter to the code it would generate.
DROPPED = re.compile(r"^(-Werror|-W.*|-fno-trapping-math|-fno-tree-.*|-mprefer-vector-width=.*)$")


class Tidy:
    def __init__(self, root, build, tool):
        self.root, self.build, self.tool = pathlib.Path(root).resolve(), pathlib.Path(build).resolve(), tool
        self.cache = self.build / "tidy"
        self.cache.mkdir(exist_ok=True)
        version = subprocess.run([tool, "--version"], capture_output=True, text=True, check=True).stdout
        self.rules = version + (self.root / ".clang-tidy").read_text()
        self.paths = [self.root / "include", self.root / "src", self.root / "capi", self.build / "src/generated"]

    @functools.lru_cache(maxsize=None)
    def includes(self, path):
        """The files of the project that `path` includes itself."""
        found = set()
        for name in INCLUDE.findall(path.read_text(errors="replace")):
            for folder in [path.parent, *self.paths]:
                if (folder / name).is_file():
                    found.add((folder / name).resolve())
                    break
        return frozenset(found)

    def closure(self, path):
        seen, waiting = set(), [path]
        while waiting:
            current = waiting.pop()
            if current not in seen:
                seen.add(current)
                waiting += self.includes(current)
        return sorted(seen)

    def key(self, entry):
        digest = hashlib.sha256((self.rules + entry["command"]).encode())
        for path in self.closure(pathlib.Path(entry["file"]).resolve()):
            digest.update(str(path).encode() + path.read_bytes())
        return digest.hexdigest()

    def stamp(self, entry):
        return self.cache / self.key(entry)

    def run(self, entries):
        """What clang-tidy said of each source that it finds something in."""
        if len(entries) == 1:
            file = entries[0]["file"]
        else:
            text = "".join(f'#include "{e["file"]}"  // NOLINT\n' for e in entries)
            joined = self.cache / f"{hashlib.sha256(text.encode()).hexdigest()}.cpp"
            joined.write_text(text)
            file = str(joined)
        done = subprocess.run(
            [self.tool, "--quiet", f"--config-file={self.root / '.clang-tidy'}", file, "--", *arguments(entries[0])],
            capture_output=True, text=True, cwd=entries[0]["directory"],
        )
        if done.returncode == 0:
            for entry in entries:
                self.stamp(entry).touch()
            return []
        if len(entries) > 1:
            named = [e for e in entries if f"{e['file']}:" in done.stdout] or entries
            rest = [e for e in entries if e not in named]
            return [said for part in [[e] for e in named] + [rest] if part for said in self.run(part)]
        said = "\n".join(l for l in done.stdout.splitlines() if l.strip())
        return [said or done.stderr.strip()]

    def batches(self, entries):
        """Those without a stamp, of which as many together as leave work for both threads."""
        by_command = {}
        for entry in entries:
            if not self.stamp(entry).exists():
                # Kernels read few headers, and are the same names once for each format.
                alone = entry["file"] if "/kernels/" in entry["file"] else ""
                by_command.setdefault((alone, *arguments(entry)), {})[entry["file"]] = entry
        found = []
        for of in by_command.values():
            for group in join.grouped(self.root, sorted(of)):
                found += [[of[file] for file in group[at : at + BATCH]] for at in range(0, len(group), BATCH)]
        return sorted(found, key=len, reverse=True)


def arguments(entry):
    """Of the compiler, without its source and what it writes."""
    words = [w for w in shlex.split(entry["command"]) if not DROPPED.match(w)]
    if words[0].endswith("ccache"):
        words = words[1:]
    return without_output([w for w in words[1:] if w != "-c"], entry["file"])


def without_output(arguments, source):
    kept, skip = [], False
    for word in arguments:
        if skip:
            skip = False
        elif word in ("-o", "-MT", "-MF", "-MQ"):
            skip = True
        elif word not in ("-MD", "-MMD", source):
            kept.append(word)
    return kept


def main(root, build, tool="clang-tidy"):
    tidy = Tidy(root, build, tool)
    database = json.loads((tidy.build / "compile_commands.json").read_text())
    sources = {}
    for entry in database:
        path = pathlib.Path(entry["file"]).resolve()
        if any(tidy.root / folder in path.parents for folder in ("src", "capi")):
            sources.setdefault(path, entry)
    if not sources:
        print("compile_commands.json names no source of the library")
        return 1
    failures = 0
    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        for found in pool.map(tidy.run, tidy.batches(sources.values())):
            failures += len(found)
            print(*found, sep="\n", end="\n" if found else "")
    print(f"{len(sources)} sources, {failures} with findings")
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
