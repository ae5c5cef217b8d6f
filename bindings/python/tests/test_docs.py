"""Examples in docstrings and in the READMEs do what they say."""

from __future__ import annotations

import doctest
import importlib
import pkgutil
import re
from pathlib import Path
from typing import Any

import pytest

import hearth
from conftest import ROOT

READMES = [ROOT / "README.md", ROOT / "bindings" / "python" / "README.md"]


def python_blocks(readme: Path) -> list[str]:
    return re.findall(r"^```python\n(.*?)^```$", readme.read_text(encoding="utf-8"), re.S | re.M)


def test_docstrings(stories_path: str, stories: hearth.Model) -> None:
    names = {"MODEL": stories_path, "hearth": hearth, "model": stories}
    tried = 0
    for part in [hearth.__name__, *(f"hearth.{m.name}" for m in pkgutil.iter_modules(hearth.__path__))]:
        outcome = doctest.testmod(importlib.import_module(part), extraglobs=names)
        assert outcome.failed == 0
        tried += outcome.attempted
    assert tried >= 8


def test_everything_public_is_documented() -> None:
    for name in hearth.__all__:
        thing = getattr(hearth, name)
        if not isinstance(thing, type) or name == "ChatEvent":
            continue
        assert thing.__doc__, name
        for member, value in vars(thing).items():
            if not member.startswith("_") and (callable(value) or isinstance(value, property)):
                assert value.__doc__, f"{name}.{member}"


@pytest.mark.parametrize("readme", READMES, ids=["README.md", "bindings/python/README.md"])
def test_readme(readme: Path, make_model: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """The Python blocks of a README run one after the other, in a folder that has a model.gguf."""
    blocks = python_blocks(readme)
    assert blocks
    (tmp_path / "model.gguf").symlink_to(make_model("--context", "4096"))
    monkeypatch.chdir(tmp_path)
    names: dict[str, Any] = {"__name__": "__main__"}
    for number, block in enumerate(blocks):
        exec(compile(block, f"{readme.name}, block {number}", "exec", dont_inherit=True), names)
    assert capsys.readouterr().out
