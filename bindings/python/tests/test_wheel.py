"""The wheel that pip made: it has every instruction set and every library that it needs, and auditwheel accepts it."""

from __future__ import annotations

import os
import platform
import shutil
import subprocess
import sys
import tarfile
from importlib import metadata
from pathlib import Path

import pytest

import hearth
from conftest import ROOT

MODULE = Path(hearth._hearth.__file__)


@pytest.mark.skipif(sys.platform != "linux", reason="ldd is of Linux")
def test_libraries_lie_beside_the_module() -> None:
    """Nothing but the C and C++ runtimes comes from the system."""
    out = subprocess.run(["ldd", MODULE], capture_output=True, text=True, check=True).stdout
    system = ("libc.so", "libm.so", "libstdc++.so", "libgcc_s.so", "ld-linux", "linux-vdso", "libpthread", "libdl", "librt")
    for line in out.splitlines():
        name, _, path = line.strip().partition(" => ")
        if not name.split("/")[-1].startswith(system):
            assert Path(path.split()[0]).parent == MODULE.parent, line


def test_all_instruction_sets_are_in_it() -> None:
    expected = {"x86_64": {"scalar", "avx2", "avx2vnni", "avx512", "amx"}, "aarch64": {"scalar", "neon", "dotprod", "i8mm"}}
    assert expected[platform.machine()] <= set(hearth.isas())
    assert metadata.version("hearth") == hearth.__version__


def test_the_source_distribution_is_what_the_module_is_made_of(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    build = pytest.importorskip("scikit_build_core.build")
    monkeypatch.chdir(ROOT)
    with tarfile.open(tmp_path / build.build_sdist(str(tmp_path))) as archive:
        names = {name.split("/", 1)[1] for name in archive.getnames()}
    folders = ("src", "include", "capi", "bindings/python")
    files = [file for folder in folders for file in (ROOT / folder).rglob("*") if file.is_file()]
    kept = {str(file.relative_to(ROOT)) for file in files if "__pycache__" not in file.parts}
    assert len(kept) > 500 and kept | {"CMakeLists.txt", "LICENSE", "pyproject.toml"} <= names
    assert not [name for name in names if name.split("/")[0] in ("build", "tests", "examples", "bench")]


@pytest.mark.skipif(sys.platform != "linux", reason="auditwheel is of Linux")
def test_auditwheel_repairs_it(tmp_path: Path, tiny_path: str) -> None:
    """What is repaired is used with nothing else on the path."""
    pytest.importorskip("auditwheel")
    wheel = os.environ.get("HEARTH_WHEEL")
    if not wheel:
        pytest.skip("HEARTH_WHEEL names no wheel")
    tools = Path(sys.executable).parent
    environment = {"PATH": f"{tools}:/usr/bin:/bin"}
    done = subprocess.run(
        [sys.executable, "-m", "auditwheel", "repair", "-w", tmp_path / "out", wheel], capture_output=True, text=True, env=environment
    )
    assert done.returncode == 0, done.stderr
    (repaired,) = (tmp_path / "out").glob("*.whl")
    assert "manylinux" in repaired.name
    shutil.unpack_archive(repaired, tmp_path / "site", "zip")
    program = "import hearth; print(hearth.__file__, hearth.Model(%r, progress=False).generate('a', max_tokens=2).result().generated_tokens)" % tiny_path
    done = subprocess.run([sys.executable, "-c", program], env={"PYTHONPATH": str(tmp_path / "site")}, capture_output=True, text=True, cwd=tmp_path)
    assert done.returncode == 0 and str(tmp_path / "site") in done.stdout and done.stdout.split()[-1] in ("1", "2"), done.stderr
