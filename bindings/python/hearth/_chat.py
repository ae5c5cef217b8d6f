"""Conversations with chat models."""

from __future__ import annotations

import asyncio
import weakref
from collections import deque
from collections.abc import AsyncIterator, Generator, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Callable, Literal, Optional, Union

from . import _hearth as native
from ._errors import NotFoundError
from ._events import ChatEvent, Content, Reasoning, ToolCall, ToolResult, TurnEnd
from ._generation import Result, in_thread
from ._options import GenerateOptions, Settings, Unpack
from ._schema import parse
from ._tools import Tool, definitions_of, finished, text_of
from ._turn import Turn

if TYPE_CHECKING:
    from ._model import Model
    from ._session import Session

Message = dict[str, Any]


class ChatOptions(GenerateOptions, total=False):
    """Keyword arguments of :meth:`Model.chat` and :meth:`Model.conversation` beside :class:`GenerateOptions`."""

    run_tools: bool  #: run the functions that the model calls, and let it go on with what they return
    max_rounds: int  #: turns of the model in one reply at most, with ``run_tools``; 8 where it is left out
    tool_choice: Union[Literal["auto", "required"], str]  #: ``"required"`` or a tool's name: the first turn is a call of it
    template: str  #: a Jinja template instead of the model's own
    dialect: str  #: how the model writes calls and reasoning, one of :func:`chat_dialects`; left out: as the template tells
    variables: Mapping[str, Any]  #: of the template, such as ``{"enable_thinking": False}``


class Chat:
    """A conversation with a model: its messages, its tools, and a session that keeps what was computed of them.

    ``chat.send(text)`` is the user's next message and the model's reply to it. :attr:`messages` may be changed at will: what
    stays the same from the beginning is not computed again. Close it, or use ``with``, to give the session back.
    """

    def __init__(
        self,
        model: Model,
        *,
        tools: Sequence[Union[Callable[..., Any], Mapping[str, Any], Tool]] = (),
        messages: Optional[list[Message]] = None,
        session: Optional[Session] = None,
        **options: Unpack[ChatOptions],
    ) -> None:
        self.model = model
        self.messages: list[Message] = messages if messages is not None else []
        self.tools = [Tool.of(tool) for tool in tools]
        self._options: dict[str, Any] = dict(options)
        self._definitions = definitions_of(self.tools)
        self._session = session
        self._running: Optional[weakref.ref[ChatStream]] = None

    @property
    def session(self) -> Session:
        """Where it is computed."""
        if self._session is None:
            self._session = self.model.session()
        return self._session

    def send(self, text: str, **options: Unpack[ChatOptions]) -> ChatStream:
        """Appends a message of the user; the model's reply, as a stream of events. A reply that was broken off before is
        cancelled, and is not part of the messages.

        Raises:
            TypeError: unknown options. ValueError, InvalidArgumentError: options out of bounds. Errors of the computation
            come from the stream.
        """
        self.messages.append({"role": "user", "content": text})
        return self.reply(**options)

    def reply(self, **options: Unpack[ChatOptions]) -> ChatStream:
        """The model's reply to the messages as they are; :meth:`send` without a new one."""
        return ChatStream(self, {**self._options, **options})

    def fork(self) -> Chat:
        """A second conversation with the same past; memory is shared."""
        other = Chat(self.model, tools=self.tools, messages=[dict(m) for m in self.messages], **self._options)
        other._session = self.session.fork()
        return other

    def close(self) -> None:
        """Cancels a reply that runs, and gives the session back."""
        self._break_off()
        if self._session is not None:
            self._session.close()

    def _break_off(self) -> None:
        running = None if self._running is None else self._running()
        if running is not None:
            running.close()

    def __enter__(self) -> Chat:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"<hearth.Chat of {len(self.messages)} messages>"

    def _repr_html_(self) -> str:
        from ._display import messages_html

        return messages_html(self.messages)


class ChatStream:
    """A reply as it is made: ``for`` and ``async for`` give typed events, :class:`Content`, :class:`Reasoning`,
    :class:`ToolBegin`, :class:`ToolArguments`, :class:`ToolCall`, :class:`ToolResult`, :class:`TurnEnd`. ``str(event)`` is
    the answer's text and empty for all others, so that ``print(event, end="")`` shows the answer.

    ``str(stream)`` and :meth:`text` run it to the end, and ``for`` may be left and taken up again. It is part of
    :attr:`Chat.messages` from the end of a turn on. ``with`` cancels what is left.
    """

    def __init__(self, chat: Chat, options: Mapping[str, Any]) -> None:
        self.chat = chat
        left = dict(options)
        self._run_tools: bool = left.pop("run_tools", False)
        self._rounds: int = left.pop("max_rounds", 8) if self._run_tools else 1
        self._choice: str = left.pop("tool_choice", None) or "auto"
        self._template: Optional[str] = left.pop("template", None)
        self._dialect: Optional[str] = left.pop("dialect", None)
        self._variables: dict[str, Any] = dict(left.pop("variables", None) or {})
        self._options = left
        if self._choice != "auto" and not chat.tools:
            raise ValueError("tool_choice without tools")
        if self._choice != "auto" and any(key in left for key in ("schema", "regex", "grammar", "choices")):
            raise ValueError("tool_choice decides what the text is; a schema, regex, grammar or choices cannot as well")
        self._settings()  # wrong options are told here, not at the first event
        self._turn: Optional[Turn] = None
        self._begun = 0  # turns
        self._closed = False
        self._waiting: deque[ChatEvent] = deque()
        self._to_call: deque[ToolCall] = deque()
        self._content: list[str] = []
        self._reasoning: list[str] = []
        self.results: list[Result] = []  #: counts and times of each turn
        self.calls: list[ToolCall] = []  #: whole calls of the reply

    # ---- turns and the calls between them ----------------------------------------------------------------------

    def _settings(self) -> Settings:
        return Settings.of(self.chat.model._with_draft(self._options))

    def _start(self) -> None:
        chat, settings = self.chat, self._settings()
        if self._begun == 0:
            chat._break_off()
            chat._running = weakref.ref(self)
        if self._choice != "auto" and self._begun == 0:
            source = self._template
            dialect = self._dialect or (native.chat_detect(source) if source else None)
            name = None if self._choice == "required" else self._choice
            settings.sampling.set_tool_choice(chat._definitions or "[]", name, dialect)
        variables = {"tools": [tool.definition for tool in chat.tools] or None, **self._variables}
        tokens = chat.model.tokenizer.chat_tokens(chat.messages, template=self._template, **variables)
        self._turn = Turn(
            chat.session, tokens, settings, template=self._template, tools=chat._definitions, dialect=self._dialect
        )
        self._begun += 1

    def _note(self, events: Sequence[ChatEvent]) -> None:
        for event in events:
            self._waiting.append(event)
            if isinstance(event, Content):
                self._content.append(event.text)
            elif isinstance(event, Reasoning):
                self._reasoning.append(event.text)
            elif isinstance(event, ToolCall) and event.complete:
                self.calls.append(event)
            elif isinstance(event, TurnEnd):
                self.chat.messages.append(event.message)
                self.results.append(event.result)

    def _next(self) -> Optional[Turn]:
        """The turn that runs. Behind its end come its calls, and then another turn where there were any."""
        if self._turn is not None and self._turn.ended:
            if self._run_tools:
                self._to_call.extend(self._turn.calls)
            self._closed = not self._to_call or self._begun >= self._rounds
            self._turn = None
        return self._turn

    def _advance(self) -> bool:
        """Runs until an event waits, or to the end: False."""
        try:
            while not self._waiting:
                turn = self._next()
                if self._to_call:
                    self._waiting.append(self._call(self._to_call.popleft()))
                elif self._closed:
                    return False
                elif turn is None:
                    self._start()
                else:
                    self._note(turn.advance())
        except BaseException:
            self.close()
            raise
        return True

    async def _advance_async(self) -> bool:
        try:
            while not self._waiting:
                turn = self._next()
                if self._to_call:
                    self._waiting.append(await self._call_async(self._to_call.popleft()))
                elif self._closed:
                    return False
                elif turn is None:
                    await in_thread(self._start, lambda: None)
                else:
                    self._note(await turn.advance_async())
        except BaseException:
            self.close()
            raise
        return True

    def _tool(self, call: ToolCall) -> Tool:
        for tool in self.chat.tools:
            if tool.name == call.name and tool.function is not None:
                return tool
        raise NotFoundError(f"there is no tool {call.name!r}; there are: {', '.join(t.name for t in self.chat.tools)}")

    def _told(self, call: ToolCall, value: Any, error: Optional[Exception]) -> ToolResult:
        text = text_of(value) if error is None else text_of({"error": f"{type(error).__name__}: {error}"})
        self.chat.messages.append({"role": "tool", "tool_call_id": call.id, "name": call.name, "content": text})
        return ToolResult(call, value, text, error)

    def _call(self, call: ToolCall) -> ToolResult:
        try:
            tool = self._tool(call)
            value = tool(**tool.arguments(call.arguments))
            return self._told(call, finished(value) if tool.is_async else value, None)
        except Exception as error:  # the model is told of it
            return self._told(call, None, error)

    async def _call_async(self, call: ToolCall) -> ToolResult:
        try:
            tool = self._tool(call)
            arguments = tool.arguments(call.arguments)
            value = await tool(**arguments) if tool.is_async else await asyncio.to_thread(tool, **arguments)
            return self._told(call, value, None)
        except Exception as error:
            return self._told(call, None, error)

    # ---- for, async for ----------------------------------------------------------------------------------------

    def __iter__(self) -> Iterator[ChatEvent]:
        return self

    def __next__(self) -> ChatEvent:
        if not self._advance():
            raise StopIteration
        return self._waiting.popleft()

    def __aiter__(self) -> AsyncIterator[ChatEvent]:
        return self

    async def __anext__(self) -> ChatEvent:
        if not await self._advance_async():
            raise StopAsyncIteration
        return self._waiting.popleft()

    def __await__(self) -> Generator[Any, None, str]:
        return self._all().__await__()

    async def _all(self) -> str:
        async for _ in self:
            pass
        return self.text()

    # ---- the end ---------------------------------------------------------------------------------------------

    def text(self) -> str:
        """Runs to the end; the answer, without reasoning and calls."""
        for _ in self:
            pass
        return "".join(self._content)

    def __str__(self) -> str:
        return self.text()

    def texts(self) -> Iterator[str]:
        """The pieces of the answer only."""
        for event in self:
            if isinstance(event, Content):
                yield event.text

    @property
    def reasoning(self) -> str:
        """What came so far of the reasoning."""
        return "".join(self._reasoning)

    @property
    def message(self) -> Message:
        """Runs to the end; the assistant's last message, as templates take it."""
        self.text()
        return next(m for m in reversed(self.chat.messages) if m.get("role") == "assistant")

    def value(self) -> Any:
        """Runs to the end; with ``schema=``: the answer as a value of it, such as the pydantic model.

        Raises:
            ValueError: the answer is no such value, because it was cut off.
        """
        schema = self._options.get("schema")
        return parse(schema if schema is not None else {}, self.text())

    def cancel(self) -> None:
        """Stops it within milliseconds, from any thread: the turn ends with what it has, no tool is run any more."""
        self._run_tools = False
        turn = self._turn
        if turn is not None:
            turn.cancel()

    def close(self) -> None:
        """Ends it where it is, and frees the session. A turn that was not at its end is not part of the messages."""
        self._closed = True
        self._to_call.clear()
        if self._turn is not None:
            self._turn.close()

    def __enter__(self) -> ChatStream:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    async def __aenter__(self) -> ChatStream:
        return self

    async def __aexit__(self, *_: object) -> None:
        await asyncio.to_thread(self.close)

    def __repr__(self) -> str:
        return f"<hearth.ChatStream {''.join(self._content)[:60]!r}>"

    def _repr_html_(self) -> str:
        from ._display import messages_html

        self.text()
        return messages_html(self.chat.messages)


def chat_dialects() -> list[str]:
    """The ways to write calls and reasoning that are known."""
    return native.chat_dialects()
