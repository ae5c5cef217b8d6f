"""Paths as the system takes them."""

from __future__ import annotations

import os
from typing import Union

Path = Union[str, os.PathLike[str]]


def path_of(path: Path) -> bytes:
    """The bytes of a path, whatever they are."""
    made = os.fsencode(path)
    if b"\0" in made:
        raise ValueError(f"embedded null character in the path {path!r}")
    return made
