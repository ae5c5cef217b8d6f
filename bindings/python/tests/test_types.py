"""Types: mypy --strict on the package, its tests and a program that uses it; the native module's stub against the module."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import hearth
from test_docs import READMES, python_blocks

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


def start(folder: Path, *arguments: str) -> "subprocess.Popen[str]":
    """In `folder`, which gets their .mypy_cache."""
    pytest.importorskip("mypy")
    command = [sys.executable, "-m", *arguments]
    environment = {**os.environ, "MYPYPATH": str(HERE)}
    return subprocess.Popen(command, text=True, cwd=folder, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)


@pytest.fixture(scope="module")
def stubtest(tmp_path_factory: pytest.TempPathFactory) -> Iterator["subprocess.Popen[str]"]:
    """It takes as long as mypy, beside which it runs."""
    command = ["mypy.stubtest", "hearth._hearth", "--concise"]
    if sys.version_info >= (3, 10):  # mypy for 3.9 is older than the option
        command.append("--ignore-disjoint-bases")
    with start(tmp_path_factory.mktemp("stubtest"), *command) as started:
        yield started


def test_strict(tmp_path: Path, stubtest: "subprocess.Popen[str]") -> None:
    """The installed package, as py.typed makes it visible; the tests; the READMEs; and what a user writes, with its two
    mistakes."""
    package = start(tmp_path, "mypy", "--strict", "-p", "hearth")
    out, _ = package.communicate(timeout=300)
    assert package.returncode == 0, out
    program = tmp_path / "user.py"
    program.write_text(USER)
    for number, readme in enumerate(READMES):
        (tmp_path / f"readme{number}.py").write_text("\n".join(python_blocks(readme)))
    sources = [*tmp_path.glob("*.py"), *sorted(HERE.glob("*.py"))]
    out, _ = start(tmp_path, "mypy", "--strict", *map(str, sources)).communicate(timeout=300)
    errors = [line for line in out.splitlines() if ": error:" in line]
    wrong = [number for number, line in enumerate(USER.splitlines(), 1) if "# E:" in line]
    assert len(errors) == len(wrong) and all(f"user.py:{n}: error" in e for n, e in zip(wrong, errors)), out


def test_the_stub_is_the_module(stubtest: "subprocess.Popen[str]") -> None:
    out, _ = stubtest.communicate(timeout=300)
    # pybind11's metaclass, and its __init__ that refuses, are not told.
    known = ("metaclass differs", '__init__ is inconsistent, stub does not have *args parameter "args"')
    assert out and not [line for line in out.splitlines() if not line.endswith(known)], out


def test_marker() -> None:
    assert (Path(hearth.__file__).parent / "py.typed").exists()
