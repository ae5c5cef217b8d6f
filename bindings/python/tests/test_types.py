"""Types: mypy --strict on the package, its tests and a program that uses it; the native module's stub against the module."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

import hearth

HERE = Path(__file__).resolve().parent

USER = """
import asyncio
import numpy as np
import numpy.typing as npt
import hearth
from typing_extensions import assert_type

model = hearth.Model("model.gguf", threads=2, kv="q8_0")
for piece in model.generate("Once", max_tokens=3, temperature=0.5):
    assert_type(piece, hearth.Token)
assert_type(model.generate([1, 2]).result(), hearth.Result)
assert_type(model.session().logits(), npt.NDArray[np.float32])
for event in model.chat("hi", tools=[len], run_tools=True, max_tokens=3):
    if isinstance(event, hearth.ToolCall):
        assert_type(event.name, str)
async def main() -> None:
    async for piece in model.generate("Once"):
        assert_type(piece, hearth.Token)
    assert_type(await model.generate("Once"), hearth.Result)
asyncio.run(main())
model.generate("Once", max_token=3)  # E: max_token
model.session(kv="q4")  # E: kv
"""


def mypy(*arguments: str) -> "subprocess.CompletedProcess[str]":
    pytest.importorskip("mypy")
    return subprocess.run([sys.executable, "-m", *arguments], capture_output=True, text=True, timeout=300, cwd=HERE)


def test_strict(tmp_path: Path) -> None:
    """The installed package, as py.typed makes it visible; the tests; and what a user writes, with its two mistakes."""
    program = tmp_path / "user.py"
    program.write_text(USER)
    done = mypy("mypy", "--strict", "--cache-dir", str(tmp_path / "cache"), "-p", "hearth", "--show-error-codes")
    assert done.returncode == 0, done.stdout
    done = mypy("mypy", "--strict", "--cache-dir", str(tmp_path / "cache"), str(program), *map(str, sorted(HERE.glob("*.py"))))
    errors = [line for line in done.stdout.splitlines() if ": error:" in line]
    wrong = [number for number, line in enumerate(USER.splitlines(), 1) if "# E:" in line]
    assert len(errors) == len(wrong) and all(f"user.py:{n}: error" in e for n, e in zip(wrong, errors)), done.stdout


def test_the_stub_is_the_module() -> None:
    done = mypy("mypy.stubtest", "hearth._hearth", "--concise", "--ignore-disjoint-bases")
    # pybind11's metaclass, and its __init__ that refuses, are not told.
    known = ("metaclass differs", '__init__ is inconsistent, stub does not have *args parameter "args"')
    lines = [line for line in done.stdout.splitlines() if not line.endswith(known)]
    assert done.stdout and not lines, done.stdout + done.stderr


def test_marker() -> None:
    assert (Path(hearth.__file__).parent / "py.typed").exists()
