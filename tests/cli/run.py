"""run.py --hearth FILE --tiny-model FILE [--hello FILE …] [--emulator COMMAND] [--sanitize NAMES] [unittest arguments]

Runs the tests of the command line over built programs."""

import argparse
import shlex
import sys
import unittest
from pathlib import Path

import support


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--hearth", required=True)
    parser.add_argument("--tiny-model", required=True)
    parser.add_argument("--hello", action="append", default=[])
    parser.add_argument("--emulator", default="")
    parser.add_argument("--sanitize", default="", help="the sanitizers that the programs were built with")
    parser.add_argument("-k", dest="patterns", action="append", help="only tests whose name contains it")
    options = parser.parse_args()
    emulator = shlex.split(options.emulator.replace(";", " "))
    support.hearth[:] = emulator + [options.hearth]
    support.tiny_model[:] = emulator + [options.tiny_model]
    support.others["hello"] = [emulator + [path] for path in options.hello]
    support.instrumented = bool(emulator or options.sanitize)
    loader = unittest.TestLoader()
    if options.patterns:
        loader.testNamePatterns = [f"*{p}*" for p in options.patterns]
    suite = loader.discover(str(Path(__file__).parent), pattern="test_*.py")
    result = unittest.TextTestRunner(verbosity=1).run(suite)
    if suite.countTestCases() == 0:
        print("no test was found", file=sys.stderr)
        return 1
    return 0 if result.wasSuccessful() else 1


if __name__ == "__main__":
    sys.exit(main())
