"""What a chat model's turn consists of, as it arrives."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Optional, Union

from ._generation import Result


@dataclass(frozen=True)
class Content:
    """The next part of the answer."""

    text: str

    def __str__(self) -> str:
        return self.text


@dataclass(frozen=True)
class Reasoning:
    """The next part of what the model thinks before it answers."""

    text: str

    def __str__(self) -> str:
        return ""


@dataclass(frozen=True)
class ToolBegin:
    """A call of a tool has begun: its name and number within the turn, from 0, are known."""

    index: int
    name: str
    id: str

    def __str__(self) -> str:
        return ""


@dataclass(frozen=True)
class ToolArguments:
    """The next part of a call's arguments; together they are one JSON value."""

    index: int
    text: str

    def __str__(self) -> str:
        return ""


@dataclass(frozen=True)
class ToolCall:
    """A whole call. ``arguments`` is the JSON value, a dict as a rule; ``complete`` is False for a broken call, which is
    withdrawn: what the model wrote follows as content."""

    index: int
    name: str
    id: str
    arguments: Any
    complete: bool = True

    def __str__(self) -> str:
        return ""


@dataclass(frozen=True)
class ToolResult:
    """What a tool that was run returned (``value``) or raised (``error``), and what the model reads of it (``text``)."""

    call: ToolCall
    value: Any
    text: str
    error: Optional[BaseException] = None

    def __str__(self) -> str:
        return ""


@dataclass(frozen=True)
class TurnEnd:
    """A turn has ended: the assistant's message as templates take it, and the counts and times of its generation."""

    message: dict[str, Any]
    result: Result

    def __str__(self) -> str:
        return ""


ChatEvent = Union[Content, Reasoning, ToolBegin, ToolArguments, ToolCall, ToolResult, TurnEnd]
