"""Adds up test results. usage: tally.py LOG...   each LOG is the output of `ctest -V` or of another stage.

Prints one line `N passed, N failed, N skipped`, and before it one line for each reason of skipping. A doctest program
and one of cargo count with their test cases, every other ctest and every line `RESULT passed|failed|skipped NAME` as one. Tests report
cases that they leave out as `SKIPPED <n> <what>`.
"""

import collections
import re
import sys

CASES = re.compile(r"^(\d+): \[doctest\] test cases:\s*(\d+) \|\s*(\d+) passed \|\s*(\d+) failed \|\s*(\d+) skipped")
SKIPPED = re.compile(r"^(?:(\d+): )?.*\bSKIPPED (\d+) (.*)$")
RESULT = re.compile(r"^\s*\d+/\d+ Test\s+#(\d+): (\S+) \.*\s*(\*{3})?(Passed|Failed|Not Run.*?|Skipped|Timeout|Exception.*?|\S.*?)\s+[\d.]+ sec")
CARGO = re.compile(r"^test result: \w+\. (\d+) passed; (\d+) failed; (\d+) ignored; ")
OTHER = re.compile(r"^RESULT (passed|failed|skipped) (.*)$")


def tally(text):
    """(passed, failed, skipped, Counter of reasons)"""
    cases, reasons = {}, collections.Counter()
    passed = failed = skipped = 0
    for line in text.splitlines():
        if found := CASES.match(line):
            cases.setdefault(found.group(1), []).append([int(n) for n in found.groups()[2:]])
        elif found := SKIPPED.match(line):
            skipped += int(found.group(2))
            reasons[found.group(3)] += int(found.group(2))
        elif found := RESULT.match(line):
            number, name, outcome = found.group(1), found.group(2), found.group(4)
            good = outcome == "Passed"
            if outcome == "Skipped":
                skipped += 1
                reasons[name] += 1
            elif number in cases:
                for ran, broken, left_out in cases[number]:
                    passed, failed, skipped = passed + ran, failed + broken, skipped + left_out
                    if left_out:
                        reasons[f"cases filtered out of {name}"] += left_out
                if not good and not any(broken for _, broken, _ in cases[number]):
                    failed += 1  # ended badly after its cases, by a leak for instance
            elif good:
                passed += 1
            else:
                failed += 1
        elif found := CARGO.match(line):
            ran, broken, left_out = (int(n) for n in found.groups())
            passed, failed, skipped = passed + ran, failed + broken, skipped + left_out
            if left_out:
                reasons["ignored tests of Rust"] += left_out
        elif found := OTHER.match(line):
            kind, name = found.groups()
            passed, failed, skipped = passed + (kind == "passed"), failed + (kind == "failed"), skipped + (kind == "skipped")
            if kind == "skipped":
                reasons[name] += 1
    return passed, failed, skipped, reasons


def main(paths):
    total, reasons = [0, 0, 0], collections.Counter()
    for path in paths:
        with open(path, encoding="utf-8", errors="replace") as log:
            *counts, why = tally(log.read())
        total = [a + b for a, b in zip(total, counts)]
        reasons += why
    for what, count in sorted(reasons.items()):
        print(f"skipped {count}: {what}")
    print("{} passed, {} failed, {} skipped".format(*total))
    return 1 if total[1] else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
