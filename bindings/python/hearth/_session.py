"""One conversation with a model: its tokens and what was computed of them."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from types import TracebackType
from typing import TYPE_CHECKING, Any, Literal, Optional, Union

import numpy as np
import numpy.typing as npt

from . import _hearth as native
from ._generation import Generation
from ._options import GenerateOptions, Settings, Unpack
from ._paths import Path, path_of

if TYPE_CHECKING:
    from ._extras import Adapter, PrefixStore
    from ._model import Model

KV = Literal["f16", "f32", "q8_0"]
KINDS: dict[str, int] = {"f16": native.KV_F16, "f32": native.KV_F32, "q8_0": native.KV_Q8_0}


class Session:
    """Tokens, and the cache of what the model computed for them. One thread at a time: a second one is refused with
    :class:`StateError`; :meth:`cancel` may be called from anywhere.

    Made by :meth:`Model.session`. ``len(session)`` is its tokens; ``with`` closes it.
    """

    def __init__(self, model: Model, made: native.Session) -> None:
        self.model = model
        self._native = made

    # ---- tokens ----------------------------------------------------------------------------------------------

    def append(self, what: Union[str, Iterable[int]], *, parse_special: bool = False) -> Session:
        """Appends text or token ids, which are evaluated with the next :meth:`logits`, :meth:`evaluate` or
        :meth:`generate`. An empty session gets the model's BOS before a text.

        Raises:
            LimitError: beyond the context or outside the vocabulary; then nothing is appended.
        """
        if isinstance(what, str):
            self._native.append_text(what.encode(), native.TOKENIZE_PARSE_SPECIAL if parse_special else 0)
        else:
            self._native.append_tokens(list(what))
        return self

    @property
    def tokens(self) -> list[int]:
        """The token ids that it holds."""
        return self._native.tokens()

    @tokens.setter
    def tokens(self, tokens: Sequence[int]) -> None:
        self.replace(0, len(self), tokens)

    @property
    def text(self) -> str:
        """What its tokens spell, without control tokens."""
        return self.model.tokenizer.decode(self.tokens)

    def __len__(self) -> int:
        return self._native.length

    @property
    def context(self) -> int:
        """Tokens that it can hold."""
        return self._native.context

    @property
    def memory(self) -> int:
        """Bytes of its cache and its checkpoints; what is shared with forks counts for each."""
        return self._native.memory

    def truncate(self, length: int) -> None:
        """Keeps the first ``length`` tokens."""
        self._native.truncate(length)

    def replace(self, at: int, removed: int, tokens: Sequence[int]) -> None:
        """Puts ``tokens`` in the place of ``removed`` tokens from ``at`` on. What stays the same up to the first
        difference is not evaluated again."""
        self._native.replace(at, removed, list(tokens))

    # ---- evaluation ------------------------------------------------------------------------------------------

    def evaluate(self) -> None:
        """Computes what is pending, without copying logits.

        Raises:
            CancelledError: :meth:`cancel` was called. KeyboardInterrupt: Ctrl-C. Passes that ended are kept.
        """
        self._native.evaluate()

    def logits(self, *, all: bool = False) -> npt.NDArray[np.float32]:
        """Evaluates what is pending, straight into a new read-only array.

        Returns:
            float32 [vocab], of the last token; with ``all`` float32 [pending, vocab], of every token evaluated by this call.
        Raises:
            StateError: the session is empty, or in use. CancelledError, KeyboardInterrupt: as :meth:`evaluate`.
        """
        flat = self._native.eval(all)
        return flat.reshape(-1, self.model.vocab_size) if all else flat

    def generate(self, text: Optional[str] = None, **options: Unpack[GenerateOptions]) -> Generation:
        """Goes on from its tokens, behind ``text`` where it is given. See :class:`GenerateOptions`.

        Until it has ended the session takes no other calls but :meth:`cancel`.
        """
        settings = Settings.of(options)
        if text is not None:
            self.append(text)
        return Generation(self, settings)

    def cancel(self) -> None:
        """Stops what runs on the session now, from any thread."""
        self._native.cancel()

    # ---- copies ----------------------------------------------------------------------------------------------

    def fork(self) -> Session:
        """A second conversation with the same past; memory is shared until the two differ."""
        return Session(self.model, self._native.fork())

    def save(self, path: Optional[Path] = None) -> Optional[bytes]:
        """The conversation as bytes, or with ``path`` as a file, which appears whole or not at all."""
        if path is None:
            return self._native.save()
        self._native.save_path(path_of(path))
        return None

    def restore(self, saved: Union[bytes, bytearray, memoryview, str, os.PathLike[str]]) -> Session:
        """What was saved, in place of what it holds: it goes on as if it had never stopped, to the bit.

        Raises:
            FormatError: no saved session, cut or damaged. StateError: of another model, cache or adapters. LimitError:
            longer than this context. Then the session is as it was.
        """
        if isinstance(saved, (bytes, bytearray, memoryview)):
            self._native.restore(saved)
        else:
            self._native.restore_path(path_of(saved))
        return self

    # ---- adapters and stores -----------------------------------------------------------------------------------

    def attach(self, adapter: Adapter, scale: float = 1.0) -> Session:
        """From now on it computes with the adapter, ``scale`` times; its tokens are computed again.

        Raises:
            InvalidArgumentError: an adapter of another model, a scale that is not finite.
        """
        self._native.attach(adapter._native, scale)
        return self

    def detach(self, adapter: Optional[Adapter] = None) -> Session:
        """Without it again; ``None``: without any. NotFoundError where it is not attached."""
        if adapter is None:
            self._native.detach_all()
        else:
            self._native.detach(adapter._native)
        return self

    @property
    def adapters(self) -> list[tuple[Adapter, float]]:
        """What is attached, with scales, in order."""
        from ._extras import Adapter

        return [(Adapter._of(made), scale) for made, scale in self._native.adapters()]

    def use_store(self, store: Optional[PrefixStore]) -> Session:
        """Its prompts are looked for and kept there; ``None``: nowhere."""
        self._native.use_store(None if store is None else store._native)
        return self

    def close(self) -> None:
        """Gives its memory back; later calls raise :class:`StateError`."""
        self._native.close()

    @property
    def closed(self) -> bool:
        """Whether it was closed."""
        return self._native.closed

    def __enter__(self) -> Session:
        return self

    def __exit__(self, kind: Optional[type[BaseException]], error: Optional[BaseException], trace: Optional[TracebackType]) -> None:
        self.close()

    def __repr__(self) -> str:
        if self.closed:
            return "<hearth.Session closed>"
        try:
            return f"<hearth.Session {len(self)} of {self.context} tokens, {self.memory / 1e6:.1f} MB>"
        except RuntimeError:
            return "<hearth.Session running>"

    def _repr_html_(self) -> str:
        from ._display import table

        if self.closed:
            return table("Session", {"state": "closed"})
        rows: dict[str, Any] = {"tokens": f"{len(self)} of {self.context}", "memory": f"{self.memory / 1e6:.1f} MB"}
        return table("Session", {**rows, "text": self.text[-400:]})
