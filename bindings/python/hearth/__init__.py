"""hearth runs language models on the device that its user owns.

>>> import hearth
>>> model = hearth.Model(MODEL)
>>> for piece in model.generate("Once upon a time", max_tokens=4, temperature=0):
...     print(piece, end="")
, there was a
"""

from ._batch import Batch
from ._chat import Chat, ChatOptions, ChatStream, chat_dialects
from ._errors import (
    BudgetError,
    BufferTooSmallError,
    CancelledError,
    Error,
    FormatError,
    InstructionSetError,
    InternalError,
    InvalidArgumentError,
    LimitError,
    NotFoundError,
    NothingYetError,
    OutOfMemoryError,
    ReadError,
    StateError,
    TextError,
    UnsupportedError,
)
from ._events import ChatEvent, Content, Reasoning, ToolArguments, ToolBegin, ToolCall, ToolResult, TurnEnd
from ._extras import Adapter, PrefixStore
from ._generation import Generation, Result, Token
from ._hearth import isas as _isas
from ._hearth import samplers as _samplers
from ._hearth import version as _version
from ._model import Model, Runtime
from ._options import GenerateOptions, SamplingKey, sampling_keys
from ._schema import schema_of
from ._session import Session
from ._tokenizer import Tokenizer
from ._tools import Tool

__version__: str = _version()


def isas() -> dict[str, bool]:
    """Instruction sets that this library knows, and whether each can run here."""
    return dict(_isas())


def samplers() -> dict[str, str]:
    """What chooses tokens, in the order in which it is applied unless ``order=`` says otherwise, with documentation."""
    return dict(_samplers())


__all__ = [
    "Adapter", "Batch", "BudgetError", "BufferTooSmallError", "CancelledError", "Chat", "ChatEvent", "ChatOptions", "ChatStream",
    "Content", "Error", "FormatError", "GenerateOptions", "Generation", "InstructionSetError", "InternalError",
    "InvalidArgumentError", "LimitError", "Model", "NotFoundError", "NothingYetError", "OutOfMemoryError", "PrefixStore",
    "ReadError", "Reasoning", "Result", "Runtime", "SamplingKey", "Session", "StateError", "TextError", "Token", "Tokenizer",
    "Tool", "ToolArguments", "ToolBegin", "ToolCall", "ToolResult", "TurnEnd", "UnsupportedError", "__version__",
    "chat_dialects", "isas", "sampling_keys", "samplers", "schema_of",
]  # fmt: skip
