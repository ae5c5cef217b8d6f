"""Python functions as tools of a model."""

from __future__ import annotations

import asyncio
import inspect
import json
import typing
from collections.abc import Coroutine, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Callable, Optional, Union

from ._schema import is_pydantic, parameters_of, summary_of, value_of

ToolLike = Union[Callable[..., Any], Mapping[str, Any], "Tool"]


class Tool:
    """A function that a model may call. Name, description and the JSON Schema of the arguments come from its signature and
    docstring; types are those of :func:`schema_of`, pydantic models among them.

    >>> def add(a: int, b: int = 0) -> int:
    ...     '''Adds two numbers.
    ...
    ...     Args:
    ...         a: the first
    ...     '''
    ...     return a + b
    >>> hearth.Tool(add).definition["function"]["parameters"]["properties"]
    {'a': {'type': 'integer', 'description': 'the first'}, 'b': {'type': 'integer'}}
    """

    def __init__(self, function: Callable[..., Any], *, name: Optional[str] = None, description: Optional[str] = None) -> None:
        self.function: Optional[Callable[..., Any]] = function
        self.name = name or function.__name__
        about = summary_of(inspect.getdoc(function) or "") if description is None else description
        self.definition: dict[str, Any] = {
            "type": "function",
            "function": {"name": self.name, "description": about, "parameters": parameters_of(function)},
        }

    @classmethod
    def of(cls, what: ToolLike) -> Tool:
        """A function, a definition as chat templates take it (which nothing runs), or a tool."""
        if isinstance(what, Tool):
            return what
        if not isinstance(what, Mapping):
            return cls(what)
        self = cls.__new__(cls)
        self.function = None
        self.definition = dict(what)
        self.name = self.definition.get("function", self.definition).get("name", "")
        return self

    def arguments(self, given: Mapping[str, Any]) -> dict[str, Any]:
        """Arguments from JSON as the function takes them: pydantic models, dataclasses and enums are made.

        Raises:
            TypeError, ValueError: they do not fit the signature.
        """
        if self.function is None:
            raise TypeError(f"the tool {self.name} has no function")
        hints = typing.get_type_hints(self.function, include_extras=True)
        made = {name: value_of(hints.get(name, Any), value) for name, value in given.items()}
        inspect.signature(self.function).bind(**made)
        return made

    @property
    def is_async(self) -> bool:
        """Whether the function is a coroutine's."""
        return inspect.iscoroutinefunction(self.function)

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        if self.function is None:
            raise TypeError(f"the tool {self.name} has no function")
        return self.function(*args, **kwargs)

    def __repr__(self) -> str:
        return f"<hearth.Tool {self.name}>"


def definitions_of(tools: Sequence[Tool]) -> Optional[str]:
    """As JSON; ``None`` for none. Raises ValueError for two of one name."""
    names = [tool.name for tool in tools]
    for name in names:
        if names.count(name) > 1:
            raise ValueError(f"there are two tools of the name {name!r}")
    return json.dumps([tool.definition for tool in tools], ensure_ascii=False) if tools else None


def finished(work: Coroutine[Any, Any, Any]) -> Any:
    """What a coroutine returns; in a thread of its own where this one's loop runs already, as in a notebook."""
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return asyncio.run(work)
    with ThreadPoolExecutor(1) as thread:
        return thread.submit(asyncio.run, work).result()


def text_of(value: Any) -> str:
    """What a tool returned, as the model reads it: text as it is, all else as JSON where it has one."""
    if isinstance(value, str):
        return value
    if is_pydantic(type(value)):
        return str(value.model_dump_json())
    return json.dumps(value, ensure_ascii=False, default=_plain)


def _plain(value: Any) -> Any:
    if is_pydantic(type(value)):
        return value.model_dump(mode="json")
    if hasattr(value, "tolist"):  # NumPy
        return value.tolist()
    if hasattr(value, "__dataclass_fields__"):
        return {name: getattr(value, name) for name in value.__dataclass_fields__}
    return str(value)
