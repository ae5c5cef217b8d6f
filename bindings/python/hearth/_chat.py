"""Conversations with chat models."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Generator, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Callable, Literal, Optional, Union

from . import _hearth as native
from ._errors import NotFoundError
from ._events import ChatEvent, Content, Reasoning, ToolCall, ToolResult, TurnEnd
from ._generation import Result
from ._options import GenerateOptions, Settings, Unpack
from ._schema import parse
from ._tools import Tool, definitions_of, text_of
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

    @property
    def session(self) -> Session:
        """Where it is computed."""
        if self._session is None:
            self._session = self.model.session()
        return self._session

    def send(self, text: str, **options: Unpack[ChatOptions]) -> ChatStream:
        """Appends a message of the user; the model's reply, as a stream of events."""
        self.messages.append({"role": "user", "content": text})
        return self.reply(**options)

    def reply(self, **options: Unpack[ChatOptions]) -> ChatStream:
        """The model's reply to the messages as they are."""
        return ChatStream(self, {**self._options, **options})

    def fork(self) -> Chat:
        """A second conversation with the same past; memory is shared."""
        other = Chat(self.model, tools=self.tools, messages=[dict(m) for m in self.messages], **self._options)
        other._session = self.session.fork()
        return other

    def close(self) -> None:
        """Gives its session back."""
        if self._session is not None:
            self._session.close()

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

    ``str(stream)`` and :meth:`text` run it to the end. It is part of :attr:`Chat.messages` from the end of a turn on.
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
        self._content: list[str] = []
        self._reasoning: list[str] = []
        self.results: list[Result] = []  #: counts and times of each turn
        self.calls: list[ToolCall] = []  #: whole calls of the reply
        self._events = self._run()

    # ---- the machine: a generator that yields events, or asks for what may be waited for -----------------------------------

    def _settings(self) -> Settings:
        return Settings.of(self.chat.model._with_draft(self._options))

    def _start(self, number: int) -> Turn:
        chat, settings = self.chat, self._settings()
        if self._choice != "auto" and number == 0:
            source = self._template
            dialect = self._dialect or (native.chat_detect(source) if source else None)
            name = None if self._choice == "required" else self._choice
            settings.sampling.set_tool_choice(chat._definitions or "[]", name, dialect)
        variables = {"tools": [tool.definition for tool in chat.tools] or None, **self._variables}
        tokens = chat.model.tokenizer.chat_tokens(chat.messages, template=self._template, **variables)
        self._turn = Turn(
            chat.session, tokens, settings, template=self._template, tools=chat._definitions, dialect=self._dialect
        )
        return self._turn

    def _note(self, event: ChatEvent) -> None:
        if isinstance(event, Content):
            self._content.append(event.text)
        elif isinstance(event, Reasoning):
            self._reasoning.append(event.text)
        elif isinstance(event, ToolCall) and event.complete:
            self.calls.append(event)
        elif isinstance(event, TurnEnd):
            self.chat.messages.append(event.message)
            self.results.append(event.result)

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
            return self._told(call, asyncio.run(value) if tool.is_async else value, None)
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

    def _run(self) -> Iterator[ChatEvent]:
        for number in range(self._rounds):
            turn = self._start(number)
            while (events := turn.advance()) is not None:
                for event in events:
                    self._note(event)
                    yield event
            if not (self._run_tools and turn.calls):
                return
            for call in turn.calls:
                yield self._call(call)

    async def _run_async(self) -> AsyncIterator[ChatEvent]:
        for number in range(self._rounds):
            turn = await asyncio.to_thread(self._start, number)
            while (events := await turn.advance_async()) is not None:
                for event in events:
                    self._note(event)
                    yield event
            if not (self._run_tools and turn.calls):
                return
            for call in turn.calls:
                yield await self._call_async(call)

    def __iter__(self) -> Iterator[ChatEvent]:
        return self._events

    def __next__(self) -> ChatEvent:
        return next(self._events)

    def __aiter__(self) -> AsyncIterator[ChatEvent]:
        return self._run_async()

    def __await__(self) -> Generator[Any, None, str]:
        return self._all().__await__()

    async def _all(self) -> str:
        async for _ in self:
            pass
        return self.text()

    # ---- the end ---------------------------------------------------------------------------------------------

    def text(self) -> str:
        """Runs to the end; the answer, without reasoning and calls."""
        if not self.results or self._turn is None or not self._turn._ended:
            for _ in self._events:
                pass
        return "".join(self._content)

    def __str__(self) -> str:
        return self.text()

    def texts(self) -> Iterator[str]:
        """The pieces of the answer only."""
        for event in self._events:
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
        """Stops it within milliseconds, from any thread."""
        if self._turn is not None:
            self._turn.cancel()

    def __repr__(self) -> str:
        return f"<hearth.ChatStream {''.join(self._content)[:60]!r}>"

    def _repr_html_(self) -> str:
        from ._display import messages_html

        self.text()
        return messages_html(self.chat.messages)


def chat_dialects() -> list[str]:
    """The ways to write calls and reasoning that are known."""
    return native.chat_dialects()
