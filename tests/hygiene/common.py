"""What the hygiene checks share: which files there are, source without comments and literals, and the way of reporting."""

import pathlib
import re
import sys

SOURCE_ENDINGS = {".cpp", ".hpp", ".h", ".c", ".inc", ".inl"}
SKIPPED_FOLDERS = {"build", ".git", ".cache", "__pycache__"}

TOKEN = re.compile(
    r"""
      //[^\n]*
    | /\*.*?\*/
    | R"(?P<mark>[^\s()\\]{0,16})\(.*?\)(?P=mark)"
    | "(?:\\.|[^"\\\n])*"
    | (?<![0-9A-Fa-f_])'(?:\\.|[^'\\\n])+'
    """,
    re.DOTALL | re.VERBOSE,
)


def files(root, *folders, endings=SOURCE_ENDINGS):
    """Files below `folders` of root, sorted; endings None: all of them."""
    found = []
    for folder in folders:
        base = pathlib.Path(root, folder)
        for path in [base] if base.is_file() else base.rglob("*"):
            parts = path.relative_to(root).parts
            if path.is_file() and not SKIPPED_FOLDERS.intersection(parts) and (endings is None or path.suffix in endings):
                found.append(path)
    return sorted(set(found))


def read(path):
    return pathlib.Path(path).read_text(encoding="utf-8", errors="replace")


def bare(text):
    """The code alone: comments become blanks, literals become empty ones, line numbers stay. Includes are kept."""

    def blank(match):
        token = match.group(0)
        line_start = text.rfind("\n", 0, match.start()) + 1
        if token.startswith('"') and re.match(r"\s*#\s*include\b", text[line_start : match.start()]):
            return token
        lines = "\n" * token.count("\n")
        return (" " if token.startswith("/") else '""') + lines

    return TOKEN.sub(blank, text)


def numbered(text):
    return enumerate(text.split("\n"), 1)


def report(problems):
    for problem in problems:
        print(problem)
    if problems:
        print(f"{len(problems)} found")
    sys.exit(1 if problems else 0)
