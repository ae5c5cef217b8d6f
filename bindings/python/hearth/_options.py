"""What can be said of a generation, as keyword arguments; and from them what hearth takes."""

from __future__ import annotations

import json
import operator
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple, Optional, TypedDict, Union

from . import _hearth as native
from ._schema import schema_of

if sys.version_info >= (3, 11):
    from typing import Unpack
else:
    from typing_extensions import Unpack

if TYPE_CHECKING:
    from ._model import Model

__all__ = ["GenerateOptions", "SamplingKey", "Settings", "Unpack", "sampling_keys"]


class SamplingKey(NamedTuple):
    """A number that shapes the choice of tokens."""

    name: str
    minimum: float
    maximum: float
    initial: float
    doc: str


def sampling_keys() -> list[SamplingKey]:
    """All keys that ``generate(…)`` takes as numbers, with bounds, initial values and documentation."""
    return [SamplingKey(*entry) for entry in native.sampling_keys()]


class GenerateOptions(TypedDict, total=False):
    """Keyword arguments of :meth:`Model.generate`, :meth:`Model.chat` and :meth:`Session.generate`; each may be left out.

    Numbers without a note are keys of the samplers, whose bounds and meaning :func:`sampling_keys` tells.
    """

    max_tokens: int  #: tokens at most; 0 or left out: until the model ends or the context is full
    temperature: float  #: 0: always the most probable token
    seed: int  #: the same seed gives the same text, on every machine and with any number of threads
    top_k: int
    top_p: float
    min_p: float
    typical_p: float
    top_n_sigma: float
    xtc_probability: float
    xtc_threshold: float
    repetition_penalty: float
    presence_penalty: float
    frequency_penalty: float
    penalty_window: int
    dry_multiplier: float
    dry_base: float
    dry_allowed_length: int
    dry_window: int
    temperature_range: float
    temperature_exponent: float
    mirostat_tau: float
    mirostat_eta: float
    sampling: Mapping[str, float]  #: any keys, for those that this list does not know
    order: Sequence[str]  #: names of samplers, as they are applied
    stop: Union[str, Sequence[str]]  #: texts that end the generation; they are not part of its text
    ban: Sequence[str]  #: texts that are never generated
    dry_breakers: Sequence[str]
    bias: Mapping[int, float]  #: by token, added to its logit; ``-math.inf``: it is never chosen
    schema: Any  #: the text is JSON of a schema: a pydantic model, dataclass, type, dict of JSON Schema, or its text
    regex: str  #: the text matches it, whole: ECMA-262 with flag ``u``
    grammar: str  #: the text belongs to a GBNF grammar, from ``root``
    choices: Sequence[str]  #: the text is one of these
    ignore_eos: bool  #: do not stop where the model ends its turn
    special: bool  #: write control tokens out
    logprobs: int  #: so many of the most probable tokens with each token, and its own log probability; 0: only its own
    logits: bool  #: each token with the logits it was chosen from, float32 [vocab]
    progress: Any  #: ``True``: a bar while the prompt is evaluated; or a function of done and all tokens
    deadline: float  #: seconds, after which it ends wherever it is
    draft: Union[str, Model, None]  #: ``"lookup"``, ``"mtp"`` or a smaller model of the same runtime: guesses that only change the time
    draft_tokens: int  #: guessed for one pass at most, up to 16


_NUMBERS = {key for key, *_ in native.sampling_keys()}
_LISTS = {key for key, _ in native.sampling_lists()}
_CONSTRAINTS = ("schema", "regex", "grammar", "choices")


@dataclass
class Settings:
    """Keyword arguments, taken apart and checked."""

    sampling: native.Sampling
    max_tokens: int = 0
    flags: int = 0
    top_logprobs: int = 0
    deadline_ms: int = 0
    draft: int = native.DRAFT_NONE
    draft_tokens: int = 0
    draft_model: Optional[native.Model] = None
    progress: Any = None
    schema: Any = None
    extra: dict[str, Any] = field(default_factory=dict)

    @classmethod
    def of(cls, options: Mapping[str, Any]) -> Settings:
        """Raises TypeError for unknown keywords, hearth's errors for wrong values."""
        left = {key: value for key, value in options.items() if value is not None}
        made = cls(native.Sampling(), schema=left.get("schema"))
        _numbers(made.sampling, left)
        _constraint(made.sampling, left)
        made._generation(left)
        if left:
            raise TypeError(f"unknown options: {', '.join(sorted(left))}; numbers are: {', '.join(sorted(_NUMBERS))}")
        return made

    def _generation(self, left: dict[str, Any]) -> None:
        self.max_tokens = _count(left, "max_tokens")
        if "deadline" in left:
            seconds = float(left.pop("deadline"))
            if not 0 < seconds < 4e6:
                raise ValueError(f"deadline is a number of seconds above 0, not {seconds}")
            self.deadline_ms = max(1, int(seconds * 1000))
        self.progress = left.pop("progress", None)
        for name, flag in (
            ("ignore_eos", native.GENERATE_IGNORE_EOS),
            ("special", native.GENERATE_SPECIAL),
            ("logits", native.GENERATE_LOGITS),
        ):
            if left.pop(name, False):
                self.flags |= flag
        if left.get("logprobs") is not False and "logprobs" in left:
            self.flags |= native.GENERATE_LOGPROBS
            self.top_logprobs = _count(left, "logprobs")
        left.pop("logprobs", None)
        if self.progress:
            self.flags |= native.GENERATE_PREFILL
        draft = left.pop("draft", None)
        self.draft_tokens = _count(left, "draft_tokens")
        if draft == "lookup":
            self.draft = native.DRAFT_LOOKUP
        elif isinstance(draft, str):
            if draft != "mtp":
                raise ValueError(f'draft is "lookup", "mtp" or a model, not {draft!r}')
            self.draft = native.DRAFT_MTP
        elif draft is not None:
            self.draft, self.draft_model = native.DRAFT_MODEL, draft._native


def _count(left: dict[str, Any], name: str) -> int:
    value = operator.index(left.pop(name, 0))
    if not 0 <= value < 1 << 32:
        raise ValueError(f"{name} is a count of at least 0, not {value}")
    return value


def _numbers(sampling: native.Sampling, left: dict[str, Any]) -> None:
    for key, value in dict(left.pop("sampling", {})).items():
        sampling.set(key, value)
    for key in _NUMBERS.intersection(left):
        sampling.set(key, left.pop(key))
    if isinstance(left.get("stop"), str):
        left["stop"] = [left["stop"]]
    for key in _LISTS.intersection(left):
        sampling.set_list(key, list(left.pop(key)))
    for token, value in dict(left.pop("bias", {})).items():
        sampling.set_bias(token, value)


def _constraint(sampling: native.Sampling, left: dict[str, Any]) -> None:
    given = [name for name in _CONSTRAINTS if name in left]
    if len(given) > 1:
        raise ValueError(f"one of {' and '.join(given)} at a time")
    if "schema" in left:
        schema = left.pop("schema")
        sampling.set_schema(schema if isinstance(schema, str) else json.dumps(schema_of(schema), ensure_ascii=False))
    elif "regex" in left:
        sampling.set_regex(left.pop("regex"))
    elif "grammar" in left:
        sampling.set_gbnf(left.pop("grammar"))
    elif "choices" in left:
        sampling.set_choices(list(left.pop("choices")))
