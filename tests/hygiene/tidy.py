"""clang-tidy over the library's sources, two at a time. A source that passed is not looked at again until it, a header
it includes, its command or the rules change. usage: tidy.py ROOT BUILD_DIR [CLANG_TIDY]"""

import concurrent.futures
import functools
import hashlib
import json
import pathlib
import re
import shlex
import subprocess
import sys

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

    def run(self, entry):
        """None when all is well, else what clang-tidy said."""
        stamp = self.cache / self.key(entry)
        if stamp.exists():
            return None
        words = [w for w in shlex.split(entry["command"]) if not DROPPED.match(w)]
        if words[0].endswith("ccache"):
            words = words[1:]
        arguments = [w for w in words[1:] if w != "-c"]
        done = subprocess.run(
            [self.tool, "--quiet", entry["file"], "--", *without_output(arguments, entry["file"])],
            capture_output=True, text=True, cwd=entry["directory"],
        )
        if done.returncode == 0:
            stamp.touch()
            return None
        said = "\n".join(l for l in done.stdout.splitlines() if l.strip())
        return said or done.stderr.strip()


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
        for said in pool.map(tidy.run, sources.values()):
            if said:
                failures += 1
                print(said)
    print(f"{len(sources)} sources, {failures} with findings")
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
