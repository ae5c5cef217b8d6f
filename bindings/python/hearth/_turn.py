"""One turn of a chat model: a generation, taken apart into events as it runs."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Optional

from . import _hearth as native
from ._events import ChatEvent, Content, Reasoning, ToolArguments, ToolBegin, ToolCall, TurnEnd
from ._generation import Generation, in_thread
from ._options import Settings

if TYPE_CHECKING:
    from ._session import Session


class Turn:
    """Advances by a piece of text; the message and the calls are there at the end."""

    def __init__(
        self,
        session: Session,
        tokens: list[int],
        settings: Settings,
        *,
        template: Optional[str],
        tools: Optional[str],
        dialect: Optional[str],
    ) -> None:
        settings.flags |= native.GENERATE_SPECIAL
        self._parser = native.ChatParser(session.model.tokenizer._native, dialect or "", template, tools, tokens, 0)
        session.tokens = tokens
        self._generation = Generation(session, settings)
        self.ended = False
        self.calls: list[ToolCall] = []
        self.message: dict[str, Any] = {}

    def advance(self) -> list[ChatEvent]:
        """The next events, perhaps none yet; :class:`TurnEnd` is the last."""
        return self._take(self._generation._advance())

    async def advance_async(self) -> list[ChatEvent]:
        """The same, in a thread of the loop's executor."""
        return self._take(await in_thread(self._generation._advance, self._generation.cancel))

    def _take(self, more: bool) -> list[ChatEvent]:
        generation = self._generation
        while generation._pending:
            self._parser.feed(generation._pending.popleft())
        if not more:
            self.ended = True
            self._parser.finish()
        events: list[ChatEvent] = []
        for entry in self._parser.events():
            if event := self._event(*entry):
                events.append(event)
        if self.ended:
            self.message = json.loads(self._parser.message())
            events.append(TurnEnd(self.message, generation.result_so_far))
        return events

    def _event(self, kind: int, index: int, complete: bool, text: str, name: str, id: str) -> Optional[ChatEvent]:
        if kind == native.CHAT_CONTENT:
            return Content(text)
        if kind == native.CHAT_REASONING:
            return Reasoning(text)
        if kind == native.CHAT_TOOL_BEGIN:
            return ToolBegin(index, name, id)
        if kind == native.CHAT_TOOL_ARGUMENTS:
            return ToolArguments(index, text)
        if kind != native.CHAT_TOOL_END:
            return None
        try:
            arguments: Any = json.loads(text)
        except ValueError:
            arguments, complete = text, False
        call = ToolCall(index, name, id, arguments, complete)
        if complete:
            self.calls.append(call)
        return call

    def cancel(self) -> None:
        """Stops it, from any thread."""
        self._generation.cancel()

    def close(self) -> None:
        """Ends it and frees the session."""
        self._generation.close()
