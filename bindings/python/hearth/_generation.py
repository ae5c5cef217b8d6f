"""A generation as it runs: an iterator, an asynchronous iterator, and what it came to."""

from __future__ import annotations

import asyncio
import math
import threading
from collections import deque
from collections.abc import AsyncIterator, Generator, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from types import TracebackType
from typing import TYPE_CHECKING, Any, Callable, Literal, Optional, TypeVar

import numpy as np
import numpy.typing as npt

from . import _hearth as native
from ._errors import Error, StateError, error_of
from ._options import Settings
from ._progress import bar
from ._schema import parse

if TYPE_CHECKING:
    from ._session import Session

T = TypeVar("T")
Finish = Literal["stop", "length", "context", "cancelled", "error", "deadline"]
_REASONS: dict[int, Finish] = {
    native.FINISH_STOP: "stop",
    native.FINISH_LENGTH: "length",
    native.FINISH_CONTEXT: "context",
    native.FINISH_CANCELLED: "cancelled",
    native.FINISH_ERROR: "error",
    native.FINISH_DEADLINE: "deadline",
}


class Token(str):
    """A piece of generated text, with the token that brought it. Empty where the token ends within a character.

    Attributes:
        id: the token; -1 for the text that waited for the end.
        logprob: natural logarithm of its probability under the model's own distribution; nan without ``logprobs=``.
        top: the most probable tokens as ``(id, logprob)``, best first; with ``logprobs=N``.
        logits: float32 [vocab], read-only, a view of the event's memory; with ``logits=True``, else ``None``.
    """

    id: int
    logprob: float
    top: list[tuple[int, float]]
    logits: Optional[npt.NDArray[np.float32]]

    @classmethod
    def _of(cls, event: native.Event, text: str) -> Token:
        self = cls(text)
        pairs = event.logprobs
        self.id = event.token
        self.logprob = pairs[0][1] if pairs else math.nan
        self.top = pairs[1:]
        self.logits = event.logits
        return self


@dataclass
class Result:
    """What a generation came to. Times are in seconds."""

    text: str = ""
    tokens: list[Token] = field(default_factory=list, repr=False)
    finish: Finish = "cancelled"  #: why it ended
    stop: int = -1  #: which of the texts in ``stop=`` ended it
    prompt_tokens: int = 0  #: that were evaluated for it
    reused_tokens: int = 0  #: of the prompt that needed no evaluation
    generated_tokens: int = 0
    prompt_seconds: float = 0.0
    generate_seconds: float = 0.0
    wait_seconds: float = 0.0  #: from submit to the first pass
    preemptions: int = 0
    passes: int = 0
    drafted_tokens: int = 0
    accepted_tokens: int = 0
    draft_speedup: float = 1.0
    schema: Any = field(default=None, repr=False)

    @property
    def tokens_per_second(self) -> float:
        """Of decoding."""
        return self.generated_tokens / self.generate_seconds if self.generate_seconds else 0.0

    @property
    def value(self) -> Any:
        """With ``schema=``: the text as a value of it, such as the pydantic model; else the parsed JSON.

        Raises:
            ValueError: the text is no such value, because the generation was cut off.
        """
        return parse(self.schema if self.schema is not None else {}, self.text)

    def __str__(self) -> str:
        return self.text

    def _repr_html_(self) -> str:
        from ._display import result_html

        return result_html(self)


class Generation:
    """Runs as it is iterated: ``for`` and ``async for`` give :class:`Token` pieces of text, which are ``str``.

    ``str(generation)`` and :meth:`text` run it to the end. The model computes only while a piece is waited for; without
    the interpreter's lock, and Ctrl-C stops it within some 40 ms, also within a long prompt. ``async for`` computes in a
    thread of the loop's executor; cancelling the task cancels the generation.

    One thread at a time; several generations of a model may run at once.
    """

    def __init__(self, session: Session, settings: Settings, *, keep: bool = True) -> None:
        self.session = session
        self.result_so_far = Result(schema=settings.schema)
        self._settings = settings
        self._keep = keep
        self._pending: deque[Token] = deque()
        self._parts: list[str] = []
        self._done = False
        self._error: Optional[Error] = None
        self._lock = threading.Lock()
        self._vocab = session.model.vocab_size
        self._generator = self._make_generator()
        self._tag = self._generator.submit(
            session._native, settings.sampling, settings.max_tokens, settings.flags, settings.top_logprobs,
            settings.deadline_ms, settings.draft, settings.draft_tokens, settings.draft_model,
        )  # fmt: skip
        self._bars = ExitStack()
        self._bar = self._bars.enter_context(bar(settings.progress, "prompt", " tokens"))

    def _make_generator(self) -> native.Generator:
        return native.Generator(self.session.model._native)

    # ---- one pass --------------------------------------------------------------------------------------------

    def _advance(self) -> bool:
        """Passes until there is a piece of text or the end; False at the end. Raises what went wrong."""
        if not self._lock.acquire(blocking=False):
            raise StateError("this generation is in use by another thread")
        try:
            while not self._pending and not self._done:
                events = self._generator.step(self._vocab)
                if events is None:
                    self._end()
                for event in events or ():
                    self._take(event)
        except BaseException:
            self._end()
            raise
        finally:
            self._lock.release()
        if self._error is not None and not self._pending:
            error, self._error = self._error, None
            raise error
        return bool(self._pending)

    def _take(self, event: native.Event) -> None:
        if event.kind == native.EVENT_PREFILL:
            self._bar(event.prompt_tokens, event.prompt_total)
            return
        text = event.text
        if event.kind == native.EVENT_TOKEN or text:
            token = Token._of(event, text)
            if event.kind == native.EVENT_FINISH:
                token.id = -1
            else:
                self._bars.close()
            self._pending.append(token)
            self._parts.append(text)
            self.result_so_far.tokens.append(token)
        if event.kind == native.EVENT_FINISH:
            self._finish(event)

    def _finish(self, event: native.Event) -> None:
        result = self.result_so_far
        result.finish = _REASONS.get(event.reason, "error")
        for name in (
            "stop", "prompt_tokens", "reused_tokens", "generated_tokens", "prompt_seconds", "generate_seconds",
            "wait_seconds", "preemptions", "passes", "drafted_tokens", "accepted_tokens", "draft_speedup",
        ):  # fmt: skip
            setattr(result, name, getattr(event, name))
        if event.reason == native.FINISH_ERROR:
            self._error = error_of(event.status, event.message)
        self._end()

    def _end(self) -> None:
        self._done = True
        self._bars.close()
        self.result_so_far.text = "".join(self._parts)
        self._generator.close()
        if not self._keep:
            self.session.close()
        self.session.model._log_messages()

    # ---- for, async for --------------------------------------------------------------------------------------

    def __iter__(self) -> Iterator[Token]:
        return self

    def __next__(self) -> Token:
        if not self._pending and not self._advance():
            raise StopIteration
        return self._pending.popleft()

    def __aiter__(self) -> AsyncIterator[Token]:
        return self

    async def __anext__(self) -> Token:
        if not self._pending and not await in_thread(self._advance, self.cancel):
            raise StopAsyncIteration
        return self._pending.popleft()

    def __await__(self) -> Generator[Any, None, Result]:
        return self._all().__await__()

    async def _all(self) -> Result:
        async for _ in self:
            pass
        return self.result_so_far

    # ---- the end ---------------------------------------------------------------------------------------------

    def result(self) -> Result:
        """Runs to the end. What was iterated already is part of it."""
        for _ in self:
            pass
        return self.result_so_far

    def text(self) -> str:
        """Runs to the end; all of the text."""
        return self.result().text

    def __str__(self) -> str:
        return self.text()

    def value(self) -> Any:
        """Runs to the end; with ``schema=``: the text as a value of it."""
        return self.result().value

    @property
    def done(self) -> bool:
        """Whether it has ended and every piece was taken."""
        return self._done and not self._pending

    def cancel(self) -> None:
        """Stops it within milliseconds, from any thread; the session keeps the tokens that it has."""
        if not self._done:
            try:
                self._generator.cancel(None)
            except StateError:  # it ended just now
                pass

    def close(self) -> None:
        """Cancels it and frees the session for other uses; also ``with`` and ``async with``."""
        self.cancel()
        with self._lock:
            if not self._done:
                self._end()

    def __enter__(self) -> Generation:
        return self

    def __exit__(self, kind: Optional[type[BaseException]], error: Optional[BaseException], trace: Optional[TracebackType]) -> None:
        self.close()

    async def __aenter__(self) -> Generation:
        return self

    async def __aexit__(
        self, kind: Optional[type[BaseException]], error: Optional[BaseException], trace: Optional[TracebackType]
    ) -> None:
        await asyncio.get_running_loop().run_in_executor(None, self.close)

    def __repr__(self) -> str:
        state = self.result_so_far.finish if self._done else "running"
        return f"<hearth.Generation {state}, {len(self.result_so_far.tokens)} tokens: {''.join(self._parts)[:60]!r}>"

    def _repr_html_(self) -> str:
        from ._display import result_html

        return result_html(self.result())


async def in_thread(work: Callable[[], T], cancel: Callable[[], None]) -> T:
    """Runs ``work`` in a thread of the loop's executor. A cancelled task cancels the work and waits for its end, which
    is milliseconds away, so that nothing runs on behind it."""
    future = asyncio.get_running_loop().run_in_executor(None, work)
    try:
        return await asyncio.shield(future)
    except asyncio.CancelledError:
        cancel()
        await asyncio.wait([future])
        if not future.cancelled():
            future.exception()  # taken
        raise
