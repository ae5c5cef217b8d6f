"""Text to tokens and back."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, Optional

from . import _hearth as native
from ._errors import NotFoundError
from ._paths import Path, path_of


class Tokenizer:
    """The tokenizer of a model. Callable from any thread.

    ``Tokenizer(path)`` reads it from a model file without its weights; :attr:`Model.tokenizer` is that of a loaded model.

    Raises:
        NotFoundError: no such file.
        FormatError, UnsupportedError: no model file, or one whose tokenizer is unknown.
    """

    def __init__(self, path: Path) -> None:
        self._native = native.Tokenizer.open_path(path_of(path))

    @classmethod
    def _of(cls, made: native.Tokenizer) -> Tokenizer:
        self = cls.__new__(cls)
        self._native = made
        return self

    def __len__(self) -> int:
        return self._native.size

    def encode(self, text: str, *, special: bool = True, parse_special: bool = False) -> list[int]:
        """The token ids of ``text``.

        Args:
            special: add what the model begins or ends texts with (BOS, EOS, CLS, SEP).
            parse_special: ``"<|im_end|>"`` in the text becomes that control token; never for text of other people.
        Raises:
            UnicodeEncodeError: the text has lone surrogates.
        """
        flags = (0 if special else native.TOKENIZE_NO_SPECIAL) | (native.TOKENIZE_PARSE_SPECIAL if parse_special else 0)
        return self._native.encode(text.encode(), flags)

    def decode(self, tokens: Sequence[int], *, special: bool = False) -> str:
        """The text of tokens; broken UTF-8 becomes U+FFFD. ``special`` writes control tokens out.

        Raises:
            LimitError: an id outside the vocabulary.
        """
        return self._native.decode(list(tokens), special)

    def piece(self, token: int, *, special: bool = True) -> bytes:
        """The bytes of one token, which need not be whole characters."""
        return self._native.piece(token, special)

    def stream(self, tokens: Iterable[int], *, special: bool = False) -> Iterator[str]:
        """The text of tokens as they arrive, never half a character."""
        decoder = native.Decoder(self._native, special)
        for token in tokens:
            if text := decoder.push(token):
                yield text
        if text := decoder.flush():
            yield text

    def find(self, text: str) -> Optional[int]:
        """The id of the token that is written ``text``."""
        return _or_none(self._native.find(text))

    def ends_generation(self, token: int) -> bool:
        """Whether a model says with this token that its turn has ended."""
        return self._native.ends_generation(token)

    @property
    def bos(self) -> Optional[int]:
        """The id of the token that begins texts."""
        return _or_none(self._native.special(native.TOKEN_BOS))

    @property
    def eos(self) -> Optional[int]:
        """The id of the token that ends texts."""
        return _or_none(self._native.special(native.TOKEN_EOS))

    @property
    def special_tokens(self) -> dict[str, int]:
        """The ids of the vocabulary's special tokens, by ``"bos"``, ``"eos"``, ``"eot"``…"""
        names = ("bos", "eos", "eot", "eom", "unknown", "separator", "padding", "mask")
        found = {name: self._native.special(getattr(native, f"TOKEN_{name.upper()}")) for name in names}
        return {name: token for name, token in found.items() if token >= 0}

    def chat_template(self, name: str = "") -> Optional[str]:
        """The Jinja template that the model's file carries for conversations; ``None`` where it has none of that name."""
        try:
            return self._native.chat_template(name)
        except NotFoundError:
            return None

    def render_chat(self, messages: Sequence[Mapping[str, Any]], *, template: Optional[str] = None, **variables: Any) -> str:
        """A conversation as the text that the model reads.

        Args:
            messages: ``{"role", "content", …}`` each.
            template: a Jinja template; ``None`` for the model's own.
            variables: of the template: ``tools``, ``add_generation_prompt``, ``enable_thinking``…
        Raises:
            InvalidArgumentError: the template fails or raises; the sentence has line and column.
        """
        return self._native.chat_render(template, chat_input(messages, variables))

    def chat_tokens(self, messages: Sequence[Mapping[str, Any]], *, template: Optional[str] = None, **variables: Any) -> list[int]:
        """The same as tokens, in which only the template names control tokens: ``"<|im_end|>"`` in a message stays text."""
        return self._native.chat_tokens(template, chat_input(messages, variables), 0)

    def close(self) -> None:
        """Gives it back; later calls raise :class:`StateError`."""
        self._native.close()

    def __repr__(self) -> str:
        return f"<hearth.Tokenizer of {len(self)} tokens>"


def chat_input(messages: Sequence[Mapping[str, Any]], variables: Mapping[str, Any]) -> str:
    """What hearth_chat_render takes."""
    return json.dumps({"messages": list(messages), "add_generation_prompt": True, **variables}, ensure_ascii=False)


def _or_none(token: int) -> Optional[int]:
    return token if token >= 0 else None
