"""Adapters and prefix stores."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Optional

from . import _hearth as native
from ._paths import Path, path_of

if TYPE_CHECKING:
    from ._model import Model


class Adapter:
    """A LoRA (GGUF file or PEFT folder) or control vector for a model. Immutable; any number of sessions share it.

    Args:
        first_layer, last_layer: of a control vector, the layers whose directions are used; 0: to the last.
    Raises:
        StateError: an adapter of another model. UnsupportedError: of a kind that would not be computed as trained.
        NotFoundError, FormatError.
    """

    def __init__(self, model: Model, path: Path, *, first_layer: int = 0, last_layer: int = 0) -> None:
        self._native = native.Adapter.load(model._native, path_of(path), first_layer, last_layer)

    @classmethod
    def _of(cls, made: native.Adapter) -> Adapter:
        self = cls.__new__(cls)
        self._native = made
        return self

    @property
    def kind(self) -> str:
        """``"lora"`` or ``"control"``."""
        return "lora" if self._native.describe()["kind"] == native.ADAPTER_LORA else "control"

    @property
    def info(self) -> dict[str, int]:
        """``parts`` (matrices or layers that it changes), ``rank`` (the largest; 0 for control vectors), ``bytes``."""
        return {key: value for key, value in self._native.describe().items() if key != "kind"}

    @property
    def path(self) -> str:
        """Where it was loaded from."""
        return self._native.path

    def close(self) -> None:
        """Gives it back; sessions that it is attached to keep what they need."""
        self._native.close()

    def __repr__(self) -> str:
        return f"<hearth.Adapter {self.kind} {self.path!r}>"


class PrefixStore:
    """What sessions have computed, for others that begin with the same tokens. Callable from any thread.

    Args:
        model: the store belongs to its runtime, and serves all models of it.
        memory_bytes: that it holds at most; 0: a quarter of what is left now.
        folder: where it is kept as files too, for other processes and later.
        folder_bytes: of its files at most; 0: 4 GiB.
    """

    def __init__(self, model: Model, *, memory_bytes: int = 0, folder: Optional[Path] = None, folder_bytes: int = 0) -> None:
        where = None if folder is None else path_of(folder)
        self._native = native.PrefixStore(model.runtime._native, memory_bytes, where, folder_bytes)

    @property
    def stats(self) -> dict[str, int]:
        """``lookups``, ``asked_tokens``, ``found_tokens``, ``parts``, ``bytes``, ``evictions``, ``files``…"""
        return self._native.stats()

    def clear(self) -> None:
        """Forgets everything, and removes its folder's files."""
        self._native.clear()

    def close(self) -> None:
        """Gives it back; sessions that use it keep it alive."""
        self._native.close()

    def __repr__(self) -> str:
        stats = self.stats
        return f"<hearth.PrefixStore {stats['parts']} parts, {stats['bytes'] / 1e6:.1f} MB, {stats['found_tokens']} tokens found>"

    def _repr_html_(self) -> str:
        from ._display import table

        rows: dict[str, Any] = dict(self.stats)
        return table("PrefixStore", rows)
