#!/usr/bin/env python3
"""facts.py --hearth PROGRAM: what examples/train_tiny tells of hearth must be so: every name that a fact has exists.

Functions and constants stand in hearth.h, options in the help of their command, files in the repository. Every function
of capi/symbols.txt has a fact, no two facts share a name, and the held-out questions ask for facts that exist."""

import argparse
import json
import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "examples" / "train_tiny"))
sys.dont_write_bytecode = True

import commands  # noqa: E402
import facts as F  # noqa: E402

COMMANDS = "run chat template embed inspect tokenize logits bench pack steer-train".split()
ELSEWHERE = {"HEARTH_ISA": "README.md", "HEARTH_MINIMAL": "CMakePresets.json", "HEARTH_SMALL": "CMakePresets.json", "hearth_add_isa": "src/CMakeLists.txt", "HEARTH_LIB_DIR": "bindings/rust/README.md"}


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--hearth", required=True)
    options = parser.parse_args()
    help_of = lambda *command: subprocess.run([options.hearth, *command, "--help"], capture_output=True, text=True, check=True).stdout
    shown = {command: help_of(command) for command in COMMANDS}
    every = help_of() + "".join(shown.values()) + (ROOT / "tests" / "run.sh").read_text() + "--preset --install --build --cflags --libs --help --version"
    header = (ROOT / "capi" / "hearth.h").read_text()
    facts = F.read()
    wrong = []

    def must(condition, sentence):
        if not condition:
            wrong.append(sentence)

    def has_option(text, option):
        return re.search(rf"(?<![\w-]){re.escape(option)}(?![\w-])", text)

    for fact in facts:
        texts = " ".join([fact.say, *fact.how, *fact.what, *fact.does, *fact.ask])
        for name in re.findall(r"\b(?:hearth|HEARTH)_\w+", texts):
            text = (ROOT / ELSEWHERE[name]).read_text() if name in ELSEWHERE else header
            must(re.search(rf"\b{name}\b", text), f"{fact.id}: there is no {name}")
        for command, option in fact.flag:
            must(has_option(shown[command], option), f"{fact.id}: hearth {command} has no {option}")
        for option in re.findall(r"(?<![\w-])--[a-z][\w-]*", fact.say):
            must(has_option(every, option), f"{fact.id}: no command has {option}")
        for command in re.findall(r"\bhearth ([a-z-]+) (?:MODEL|SOURCE|--)", fact.say):
            must(command in COMMANDS, f"{fact.id}: there is no command {command}")
        for path in re.findall(r"\b(?:examples|tests|src|bench|capi|bindings)/[\w./-]*\w", fact.say):
            must("NAME" in path or "ISA" in path or (ROOT / path).exists(), f"{fact.id}: there is no file {path}")
        for inc in re.findall(r"\b\w+\.inc\b", fact.say):
            must(any(ROOT.glob(f"src/**/{inc}")) or any(ROOT.glob(f"include/**/{inc}")), f"{fact.id}: there is no {inc}")
        must(len(fact.say) <= 240, f"{fact.id}: the answer is too long")
        must(fact.how or fact.what or fact.does or fact.ask or fact.name or fact.flag, f"{fact.id}: nobody can ask for it")
    ids = [fact.id for fact in facts]
    must(len(ids) >= 300, f"there are {len(ids)} facts only")
    for name in {i for i in ids if ids.count(i) > 1}:
        must(False, f"two facts are called {name}")
    for name in re.findall(r"^hearth_\w+", (ROOT / "capi" / "symbols.txt").read_text(), re.M):
        must(name in ids, f"no fact tells what {name} does")
    given = json.loads((ROOT / "examples" / "train_tiny" / "tools.json").read_text())
    must(given == list(commands.TOOLS.values()), "tools.json has other tools than commands.py")
    held = 0
    for kinds, known in (("facts*.txt", ids), ("commands*.txt", commands.TOOLS)):
        for path in (ROOT / "examples" / "train_tiny" / "held_out").glob(kinds):
            for line in path.read_text().splitlines():
                if line and not line.startswith("#"):
                    held += 1
                    must(line.split(" | ")[0] in known, f"{path.name}: '{line}' asks for nothing that is known")
    must(held >= 600, f"there are {held} held-out lines only")
    for sentence in wrong:
        print(sentence)
    print(f"RESULT {'failed' if wrong else 'passed'} {len(facts)} facts, {held} held-out lines")
    sys.exit(bool(wrong))


if __name__ == "__main__":
    main()
