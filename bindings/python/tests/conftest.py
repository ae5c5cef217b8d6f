"""Models for the tests: stories260K where ../shared has it, and small random ones that the project's tiny_model writes."""

from __future__ import annotations

import collections
import functools
import os
import subprocess
from pathlib import Path
from typing import Any

import pytest

import hearth

ROOT = Path(__file__).resolve().parents[3]
STORIES = ROOT.parent / "shared" / "golden" / "stories260K.gguf"
TINY_MODEL = Path(os.environ.get("HEARTH_TINY_MODEL", ROOT / "build" / "release" / "bin" / "tiny_model"))


@pytest.fixture(scope="session")
def make_model(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """make_model(*options) is the path of a random model."""
    folder = tmp_path_factory.mktemp("models")

    @functools.lru_cache(maxsize=None)
    def make(*options: str) -> str:
        if not TINY_MODEL.exists():
            pytest.skip("tiny_model is not built; HEARTH_TINY_MODEL names it")
        path = folder / ("-".join(options).replace("--", "") + ".gguf" if options else "tiny.gguf")
        subprocess.run([TINY_MODEL, path, *options], check=True, capture_output=True)
        return str(path)

    return make


@pytest.fixture(scope="session")
def tiny_path(make_model: Any) -> str:
    return str(make_model())


@pytest.fixture(scope="session")
def tiny(tiny_path: str) -> hearth.Model:
    """Random weights, a vocabulary of 512 tokens, and a chat template."""
    return hearth.Model(tiny_path, progress=False)


@pytest.fixture(scope="session")
def stories_path() -> str:
    if not STORIES.exists():
        pytest.skip("../shared has no stories260K")
    return str(STORIES)


@pytest.fixture(scope="session")
def stories(stories_path: str) -> hearth.Model:
    return hearth.Model(stories_path, progress=False)


# ---- what tests/support/tally.py counts ------------------------------------------------------------------------------

_skipped: collections.Counter[str] = collections.Counter()


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    if report.skipped:
        reason = report.longrepr[2] if isinstance(report.longrepr, tuple) else "skipped"
        _skipped[reason.removeprefix("Skipped: ")] += 1


def pytest_terminal_summary(terminalreporter: Any) -> None:
    for outcome in ("passed", "failed", "error"):
        for report in terminalreporter.stats.get(outcome, ()):
            word = "passed" if outcome == "passed" else "failed"
            terminalreporter.write_line(f"RESULT {word} {report.nodeid}")
    for reason, count in _skipped.items():
        terminalreporter.write_line(f"SKIPPED {count} Python tests: {reason}")
