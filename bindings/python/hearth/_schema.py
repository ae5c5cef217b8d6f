"""JSON Schemas of Python types, and values of those types from JSON. pydantic is used where its models are given."""

from __future__ import annotations

import collections.abc
import dataclasses
import enum
import inspect
import json
import sys
import types
import typing
from typing import Any, Callable, Union

_PLAIN: dict[Any, dict[str, Any]] = {
    str: {"type": "string"},
    int: {"type": "integer"},
    float: {"type": "number"},
    bool: {"type": "boolean"},
    type(None): {"type": "null"},
    list: {"type": "array"},
    dict: {"type": "object"},
}
_UNIONS: tuple[Any, ...] = (Union,)
if sys.version_info >= (3, 10):
    _UNIONS += (types.UnionType,)
_LISTS = (list, set, frozenset, collections.abc.Sequence, collections.abc.Iterable, collections.abc.Set)


def is_pydantic(kind: Any) -> bool:
    """Whether it is a pydantic model's class."""
    return isinstance(kind, type) and hasattr(kind, "model_json_schema") and hasattr(kind, "model_validate_json")


def schema_of(kind: Any) -> dict[str, Any]:
    """The JSON Schema of a pydantic model, dataclass, TypedDict, Enum, Literal, Union, list[…], dict[str, …]… or of itself.

    Raises:
        TypeError: a type that has no JSON.
    """
    if isinstance(kind, collections.abc.Mapping):
        return dict(kind)
    if kind is Any or kind is inspect.Parameter.empty:
        return {}
    if is_pydantic(kind):
        made: dict[str, Any] = kind.model_json_schema()
        return made
    if isinstance(kind, collections.abc.Hashable) and kind in _PLAIN:
        return dict(_PLAIN[kind])
    if isinstance(kind, type) and issubclass(kind, enum.Enum):
        return {"enum": [member.value for member in kind]}
    if _has_fields(kind):
        return _of_fields(kind)
    return _of_generic(kind)


def _has_fields(kind: Any) -> bool:
    if sys.version_info >= (3, 10):
        return dataclasses.is_dataclass(kind) or typing.is_typeddict(kind)
    return dataclasses.is_dataclass(kind) or hasattr(kind, "__required_keys__")


def _of_fields(kind: Any) -> dict[str, Any]:
    hints = typing.get_type_hints(kind, include_extras=True)
    if dataclasses.is_dataclass(kind):
        missing = dataclasses.MISSING
        required = [f.name for f in dataclasses.fields(kind) if f.default is missing and f.default_factory is missing]
    else:
        required = [name for name in hints if name in kind.__required_keys__]
    properties = {name: schema_of(hint) for name, hint in hints.items()}
    return {"type": "object", "properties": properties, "required": required, "additionalProperties": False}


def _of_generic(kind: Any) -> dict[str, Any]:
    origin, arguments = typing.get_origin(kind), typing.get_args(kind)
    if origin is typing.Literal:
        return {"enum": list(arguments)}
    if origin in _UNIONS:
        return {"anyOf": [schema_of(a) for a in arguments]}
    if hasattr(kind, "__metadata__"):  # Annotated[int, "description"]
        made = schema_of(arguments[0])
        if texts := [note for note in kind.__metadata__ if isinstance(note, str)]:
            made["description"] = " ".join(texts)
        return made
    if origin in _LISTS:
        return {"type": "array", "items": schema_of(arguments[0])} if arguments else {"type": "array"}
    if origin is tuple:
        if len(arguments) == 2 and arguments[1] is Ellipsis:
            return {"type": "array", "items": schema_of(arguments[0])}
        count = len(arguments)
        parts = [schema_of(a) for a in arguments]
        return {"type": "array", "prefixItems": parts, "items": False, "minItems": count, "maxItems": count}
    if origin in (dict, collections.abc.Mapping):
        if arguments and arguments[0] is not str:
            raise TypeError(f"{kind!r}: keys of JSON objects are str")
        return {"type": "object", "additionalProperties": schema_of(arguments[1])} if arguments else {"type": "object"}
    raise TypeError(f"{kind!r} has no JSON Schema; give a pydantic model, a dataclass, a TypedDict or a schema")


def value_of(kind: Any, data: Any) -> Any:
    """A value of ``kind`` from parsed JSON: pydantic models are validated, dataclasses and enums made, the rest stays."""
    if is_pydantic(kind):
        return kind.model_validate(data)
    if isinstance(kind, type) and issubclass(kind, enum.Enum):
        return kind(data)
    if dataclasses.is_dataclass(kind) and isinstance(kind, type) and isinstance(data, dict):
        hints = typing.get_type_hints(kind)
        return kind(**{name: value_of(hints.get(name, Any), value) for name, value in data.items()})
    origin, arguments = typing.get_origin(kind), typing.get_args(kind)
    if hasattr(kind, "__metadata__"):
        return value_of(arguments[0], data)
    if isinstance(data, list) and origin in _LISTS and arguments:
        items = [value_of(arguments[0], item) for item in data]
        return items if origin not in (set, frozenset) else origin(items)
    if isinstance(data, list) and origin is tuple:
        if len(arguments) == 2 and arguments[1] is Ellipsis:
            return tuple(value_of(arguments[0], item) for item in data)
        return tuple(value_of(a, item) for a, item in zip(arguments, data))
    if isinstance(data, dict) and origin in (dict, collections.abc.Mapping) and arguments:
        return {key: value_of(arguments[1], value) for key, value in data.items()}
    if origin in _UNIONS:
        return _of_union(arguments, data)
    if kind is float and isinstance(data, int) and not isinstance(data, bool):
        return float(data)
    return data


def _of_union(arguments: tuple[Any, ...], data: Any) -> Any:
    if data is None:
        return None
    for part in arguments:
        if part is type(data):
            return data
    for part in arguments:
        if part is not type(None):
            try:
                return value_of(part, data)
            except (TypeError, ValueError):
                continue
    return data


def parse(kind: Any, text: str) -> Any:
    """The text of a generation with ``schema=kind`` as a value of it."""
    if is_pydantic(kind):
        return kind.model_validate_json(text)
    return value_of(kind, json.loads(text)) if not isinstance(kind, (str, collections.abc.Mapping)) else json.loads(text)


def parameters_of(function: Callable[..., Any]) -> dict[str, Any]:
    """The JSON Schema of a function's arguments, from its signature; descriptions from its docstring's ``Args:``.

    Raises:
        TypeError: positional-only arguments, ``*args`` or ``**kwargs``, or types that have no JSON.
    """
    hints = typing.get_type_hints(function, include_extras=True)
    notes = argument_notes(inspect.getdoc(function) or "")
    properties: dict[str, Any] = {}
    required = []
    for name, parameter in inspect.signature(function).parameters.items():
        if parameter.kind not in (parameter.POSITIONAL_OR_KEYWORD, parameter.KEYWORD_ONLY):
            raise TypeError(f"{function.__name__}: the argument {parameter} cannot be given by name, so it cannot be a tool's")
        made = schema_of(hints.get(name, Any))
        if name in notes:
            made.setdefault("description", notes[name])
        properties[name] = made
        if parameter.default is parameter.empty:
            required.append(name)
    return _lift({"type": "object", "properties": properties, "required": required, "additionalProperties": False})


def _lift(schema: dict[str, Any]) -> dict[str, Any]:
    """``$defs`` of nested pydantic schemas to the root, where their references look."""
    found: dict[str, Any] = {}

    def walk(node: Any) -> None:
        if isinstance(node, dict):
            found.update(node.pop("$defs", {}))
            for part in node.values():
                walk(part)
        elif isinstance(node, list):
            for part in node:
                walk(part)

    walk(schema)
    return {**schema, "$defs": found} if found else schema


def argument_notes(doc: str) -> dict[str, str]:
    """The ``Args:`` of a docstring: ``name: text``, with lines that go on indented."""
    notes: dict[str, str] = {}
    inside, indent, name = False, 0, ""
    for line in doc.splitlines():
        text = line.strip()
        depth = len(line) - len(line.lstrip())
        if text in ("Args:", "Arguments:", "Parameters:"):
            inside, indent, name = True, depth, ""
        elif inside and text and depth <= indent:
            inside = False
        elif inside and text:
            head, colon, rest = text.partition(":")
            head = head.split("(")[0].strip()
            if colon and head.isidentifier():
                name, notes[head] = head, rest.strip()
            elif name:
                notes[name] += " " + text
    return notes


def summary_of(doc: str) -> str:
    """What stands in a docstring before its first section."""
    lines: list[str] = []
    for line in doc.splitlines():
        if line.strip() in ("Args:", "Arguments:", "Parameters:", "Returns:", "Raises:", "Example:", "Examples:"):
            break
        lines.append(line.strip())
    return " ".join(line for line in lines if line)
