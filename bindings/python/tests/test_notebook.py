"""The notebook runs from its first cell to its last, and its plots are there."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from conftest import ROOT, STORIES

NOTEBOOK = ROOT / "bindings" / "python" / "notebooks" / "tour.ipynb"
BUNDLED = ROOT / "examples" / "models" / "hearth-tiny.gguf"


def test_tour(make_model: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    nbclient = pytest.importorskip("nbclient")
    nbformat = pytest.importorskip("nbformat")
    pytest.importorskip("matplotlib")
    model = next((p for p in (STORIES, BUNDLED) if p.exists()), None) or Path(make_model())
    monkeypatch.setenv("HEARTH_MODEL", str(model))
    monkeypatch.setenv("MPLBACKEND", "module://matplotlib_inline.backend_inline")
    notebook = nbformat.read(NOTEBOOK, as_version=4)
    assert not any(cell.get("outputs") for cell in notebook.cells), "the notebook is kept without outputs"
    nbclient.NotebookClient(notebook, timeout=300, kernel_name="python3", resources={"metadata": {"path": str(NOTEBOOK.parent)}}).execute()
    kinds = [kind for cell in notebook.cells for out in cell.get("outputs", ()) for kind in out.get("data", {})]
    assert kinds.count("image/png") == 5, kinds
    assert kinds.count("text/html") >= 3
