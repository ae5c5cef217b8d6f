"""How the tests reach the programs and the data."""

import os
import subprocess
import tempfile
import unittest
from pathlib import Path

GOLDEN = Path(__file__).resolve().parents[2] / ".." / "shared" / "golden"
STORIES = GOLDEN / "stories260K.gguf"
README = Path(__file__).resolve().parents[2] / "README.md"
TIMEOUT = 300

hearth, tiny_model, others = [], [], {}  # command lines, set by run.py
instrumented = False  # the programs run under an emulator or with sanitizers; set by run.py
_folder = tempfile.TemporaryDirectory(prefix="hearth-cli-")
folder = Path(_folder.name)


def stories(test):
    """Marks a test that needs the trained golden model, which stands beside the checkout."""
    return unittest.skipUnless(STORIES.exists(), "../shared/golden is not beside this checkout")(test)


class Result:
    def __init__(self, process):
        self.code, self.out, self.raw_err = process.returncode, process.stdout, process.stderr
        self.err = process.stderr.decode(errors="replace")


def run(*arguments, stdin=b"", program=None, env=None):
    """Runs hearth to its end."""
    command = (program or hearth) + [a if isinstance(a, bytes) else str(a) for a in arguments]
    return Result(subprocess.run(command, input=stdin, capture_output=True, timeout=TIMEOUT, check=False,
                                 env={**os.environ, **(env or {})}))


def start(*arguments, **keywords):
    """Starts hearth and returns the process."""
    return subprocess.Popen(hearth + [str(a) for a in arguments], **keywords)


def model(name="tiny", *options, width=64):
    """A tiny model of random weights; the same file for the same name."""
    path = folder / f"{name}.gguf"
    if not path.exists():
        subprocess.run(tiny_model + [str(path), "--embd", str(width), "--ffn", str(2 * width), "--layers", "2", *options], check=True,
                       timeout=TIMEOUT)
    return path


def long_model():
    """Room for more tokens than any test waits for."""
    return model("long", "--context", "1000000")


def file(name, content):
    path = folder / name
    path.write_bytes(content)
    return path


class TestCase(unittest.TestCase):
    def check_error(self, result, *words, code=1):
        """An exit code, one sentence on standard error with all of the words, nothing on standard output."""
        self.assertEqual(result.code, code, result.err)
        self.assertEqual(result.out, b"")
        lines = result.err.splitlines()
        self.assertEqual(len(lines), 1, result.err)
        self.assertTrue(lines[0].startswith("hearth: "), lines[0])
        for word in words:
            self.assertIn(str(word), lines[0])

    def check_ok(self, result):
        self.assertEqual(result.code, 0, result.err)
        return result.out
