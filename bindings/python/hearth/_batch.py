"""Several generations in the same passes."""

from __future__ import annotations

from collections import deque
from collections.abc import AsyncIterator, Generator, Iterator, Sequence
from typing import TYPE_CHECKING, Any, Optional

from . import _hearth as native
from ._errors import Error, StateError
from ._generation import Generation, Result, Token, in_thread
from ._options import Settings

if TYPE_CHECKING:
    from ._session import Session


class _Part(Generation):
    """One of a batch: a generation whose passes the batch makes."""

    def __init__(self, session: Session, settings: Settings, generator: native.Generator) -> None:
        self._shared = generator
        super().__init__(session, settings, keep=False)

    def _make_generator(self) -> native.Generator:
        return self._shared

    def _end(self) -> None:
        self._done = True
        self._bars.close()
        self.result_so_far.text = "".join(self._parts)


class Batch:
    """Runs as it is iterated: ``for`` and ``async for`` give ``(number of the prompt, Token)`` as they come."""

    def __init__(self, sessions: Sequence[Session], settings: Sequence[Settings]) -> None:
        self._parts: list[_Part] = []
        self._by_tag: dict[int, int] = {}
        self._pending: deque[tuple[int, Token]] = deque()
        self._generator: Optional[native.Generator] = None
        self._sessions = list(sessions)
        if not sessions:
            return
        self._model = sessions[0].model
        self._generator = native.Generator(self._model._native)
        for session, setting in zip(sessions, settings):
            part = _Part(session, setting, self._generator)
            self._by_tag[part._tag] = len(self._parts)
            self._parts.append(part)

    def _advance(self) -> bool:
        try:
            while not self._pending and self._generator is not None:
                events = self._generator.step(self._model.vocab_size)
                if events is None:
                    self.close()
                    break
                for event in events:
                    number = self._by_tag[event.tag]
                    part = self._parts[number]
                    part._take(event)
                    while part._pending:
                        self._pending.append((number, part._pending.popleft()))
        except BaseException:
            self.close()
            raise
        return bool(self._pending)

    def __iter__(self) -> Iterator[tuple[int, Token]]:
        return self

    def __next__(self) -> tuple[int, Token]:
        if not self._pending and not self._advance():
            raise StopIteration
        return self._pending.popleft()

    def __aiter__(self) -> AsyncIterator[tuple[int, Token]]:
        return self

    async def __anext__(self) -> tuple[int, Token]:
        if not self._pending and not await in_thread(self._advance, self.cancel):
            raise StopAsyncIteration
        return self._pending.popleft()

    def __await__(self) -> Generator[Any, None, list[Result]]:
        return self._all().__await__()

    async def _all(self) -> list[Result]:
        async for _ in self:
            pass
        return self.results()

    def results(self) -> list[Result]:
        """Runs all to their ends. Raises the error of the first that failed; :attr:`errors` has all."""
        for _ in self:
            pass
        for error in self.errors.values():
            raise error
        return [part.result_so_far for part in self._parts]

    @property
    def errors(self) -> dict[int, Error]:
        """Of the prompts that failed, by number."""
        return {i: part._error for i, part in enumerate(self._parts) if part._error is not None}

    def texts(self) -> list[str]:
        """Runs all to their ends; their texts in the order of the prompts."""
        return [result.text for result in self.results()]

    def cancel(self) -> None:
        """Stops all of them within milliseconds, from any thread."""
        if self._generator is not None:
            try:
                self._generator.cancel(None)
            except StateError:  # it ended just now
                pass

    def close(self) -> None:
        """Ends all of them and frees their sessions."""
        if self._generator is not None:
            self._generator.close()
            self._generator = None
            for session in self._sessions:
                session.close()
            self._model._log_messages()

    def __enter__(self) -> Batch:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"<hearth.Batch of {len(self._parts)} prompts, {'running' if self._generator is not None else 'ended'}>"
