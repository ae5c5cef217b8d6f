"""Progress: tqdm's bar, its widget in notebooks, a plain line where tqdm is not installed, and nothing where nobody looks."""

from __future__ import annotations

import io
import re
import sys
import time
from typing import Any

import pytest

import hearth
from hearth import _progress


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.fixture(autouse=True)
def nothing_is_quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_progress, "QUICK", 0.0)


class Slow(io.FileIO):
    """A file that is read for longer than the 20 ms between two looks at the progress."""

    def read(self, size: "int | None" = -1) -> bytes:
        time.sleep(0.01)
        return super().read(size) or b""


def test_loading_shows_tqdms_bar(tiny_path: str, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("tqdm")
    monkeypatch.setattr(sys, "stderr", terminal := Terminal())  # here: pytest sets its own before each test
    with Slow(tiny_path) as file:
        hearth.Model(file)  # progress is on by itself
    assert "loading:" in terminal.getvalue() and re.search(r"\d+%\|.*B/s", terminal.getvalue())


def test_prompts_show_how_far_they_are(tiny: hearth.Model, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("tqdm")
    monkeypatch.setattr(sys, "stderr", terminal := Terminal())
    tiny.session(chunk=32).append([300] * 300).generate(progress=True, max_tokens=1).result()
    assert "prompt:" in terminal.getvalue() and " tokens/s" in terminal.getvalue()


def test_without_tqdm(tiny_path: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "tqdm.auto", None)  # importing it fails
    monkeypatch.setattr(sys, "stderr", terminal := Terminal())
    with Slow(tiny_path) as file:
        hearth.Model(file)
    lines = terminal.getvalue().split("\r")
    assert any(re.fullmatch(r"loading: +\d+%\|[█ ]{30}\|", line) for line in lines), lines
    assert lines[-2].strip() == "" == lines[-1]  # it is gone at the end


def test_nothing_is_written_where_nobody_looks(tiny_path: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "tqdm.auto", None)
    monkeypatch.setattr(sys, "stderr", io.StringIO())
    for progress in (True, False, None):
        with Slow(tiny_path) as file:
            hearth.Model(file, progress=progress)
    assert isinstance(sys.stderr, io.StringIO) and sys.stderr.getvalue() == ""
    monkeypatch.setattr(sys, "stderr", None)  # as without a console
    with _progress.bar(True, "x") as shown:
        shown(1, 2)


def test_errors_of_a_progress_function_are_raised(tiny: hearth.Model) -> None:
    def enough(done: int, total: int) -> None:
        raise LookupError(f"{done} of {total}")

    with pytest.raises(LookupError):
        tiny.embed(["a b c"] * 40, pass_tokens=8, progress=enough)
    with pytest.raises(LookupError):
        tiny.generate("abc " * 60, max_tokens=1, progress=enough).text()
    assert tiny.generate("abc", max_tokens=2).result().generated_tokens > 0
