"""Nothing of the machine or the way of its making stands in the repository. usage: words.py ROOT"""

import pathlib
import re
import subprocess
import sys

from common import files, report

# Written in pieces so that this file passes its own check.
BANNED = [
    (re.compile("/" + r"(root|home/\w+|Users/\w+|work)/\w"), "a path of one machine"),
    (re.compile(r"\b(10|192\.168|172\.(1[6-9]|2\d|3[01]))(\.\d{1,3}){2,3}\b"), "an address of one network"),
    (re.compile("(artifactory|nexus|devpi|verdaccio|jfrog)" + r"[\w.-]*\.(com|net|org|io|local|internal)", re.I), "a registry's host"),
    (re.compile(r"\b(Clau" + "de|Chat" + "GPT|Cop" + "ilot|Anth" + r"ropic|AI-gen" + r"erated|sub-?ag" + r"ent)\b", re.I), "a word about tools"),
    (re.compile(r"\b(FIX" + "ME|TO" + "DO|X" + "XX|HA" + r"CK)\b"), "unfinished work"),
    (re.compile("^(<<<<<<" + "<|>>>>>>" + ">) ", re.M), "a merge conflict"),
]
BINARY_ENDINGS = {".gguf", ".f32", ".blocks", ".png", ".bin", ".gz"}


def tracked(root):
    """What git knows (and new files that it does not ignore), or all files where there is no git."""
    listed = subprocess.run(["git", "-C", str(root), "ls-files", "-co", "--exclude-standard"], capture_output=True, text=True)
    if listed.returncode == 0:
        return [p for p in sorted(set(listed.stdout.splitlines()))]
    return [p.relative_to(root).as_posix() for p in files(root, ".", endings=None)]


def check(root):
    problems = []
    for relative in tracked(root):
        path = pathlib.Path(root, relative)
        if any(relative.endswith(e) for e in BINARY_ENDINGS) or relative.startswith("tests/golden/"):
            continue
        try:
            text = path.read_text(encoding="utf-8")
        except (FileNotFoundError, IsADirectoryError):
            continue
        except UnicodeDecodeError:
            problems.append(f"{relative}: is not UTF-8 text")
            continue
        for pattern, what in BANNED:
            for found in pattern.finditer(text):
                line = text.count("\n", 0, found.start()) + 1
                problems.append(f"{relative}:{line}: '{found.group(0)}' is {what}")
        if re.search(r"[ \t]+$", text, re.M) and not relative.endswith((".md", ".json", ".txt", ".abi")):
            line = text.count("\n", 0, re.search(r"[ \t]+$", text, re.M).start()) + 1
            problems.append(f"{relative}:{line}: blanks at the end of a line")
    return problems


if __name__ == "__main__":
    report(check(sys.argv[1]))
