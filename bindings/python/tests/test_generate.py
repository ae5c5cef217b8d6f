"""Generations: pieces, results, constraints, several at once."""

from __future__ import annotations

import dataclasses
import enum
import gc
import json
import math
import re
from typing import Annotated, List, Literal, Optional

import numpy as np
import pydantic
import pytest

import hearth


def test_words_of_stories(stories: hearth.Model) -> None:
    result = stories.generate("Once upon a time", max_tokens=24, temperature=0).result()
    assert result.text.startswith(", there was a little girl named Lily.")
    assert (result.finish, result.generated_tokens) == ("length", 24) and result.prompt_tokens == 5
    assert result.tokens_per_second > 0 and result.prompt_seconds > 0


def test_pieces_make_the_text(tiny: hearth.Model) -> None:
    generation = tiny.generate("abc", max_tokens=40, seed=3)
    pieces = list(generation)
    assert all(isinstance(p, str) for p in pieces) and generation.done
    assert "".join(pieces) == generation.text() == str(generation) == generation.result().text
    ids = [p.id for p in pieces if p.id >= 0]
    assert len(ids) == generation.result().generated_tokens
    assert tiny.generate("abc", max_tokens=40, seed=3).text() == generation.text()
    assert tiny.generate("abc", max_tokens=40, seed=4).text() != generation.text()
    assert tiny.generate(tiny.tokenize("abc"), max_tokens=40, seed=3).text() == generation.text()


def test_probabilities_are_those_of_the_logits(tiny: hearth.Model) -> None:
    session = tiny.session().append("abc")
    for token in session.generate(max_tokens=5, temperature=0, logprobs=4, logits=True):
        logits = token.logits
        assert logits is not None and logits.shape == (512,) and logits.dtype == np.float32
        assert not logits.flags.writeable and logits.base is not None
        logprobs = logits.astype(np.float64) - np.logaddexp.reduce(logits.astype(np.float64))
        assert token.logprob == pytest.approx(logprobs[token.id], abs=1e-4)
        assert len(token.top) == 4 and token.top[0][0] == token.id == int(logits.argmax())
        assert [p for _, p in token.top] == sorted((p for _, p in token.top), reverse=True)
    kept = [t.logits for t in tiny.generate("abc", max_tokens=3, temperature=0, logits=True)]
    sums = [float(a.sum()) for a in kept if a is not None]
    gc.collect()
    assert sums == [float(a.sum()) for a in kept if a is not None]
    assert math.isnan(next(tiny.generate("abc", max_tokens=1)).logprob)


def test_stop_ban_and_bias(stories: hearth.Model) -> None:
    result = stories.generate("Once upon a time", max_tokens=60, temperature=0, stop=["girl", " Lily"]).result()
    assert (result.text, result.finish, result.stop) == (", there was a little ", "stop", 0)
    assert "Lily" not in stories.generate("Once upon a time", max_tokens=60, temperature=0, ban=["Lily"]).text()
    first = stories.generate("Once upon a time", max_tokens=1, temperature=0).result().tokens[0]
    other = stories.generate("Once upon a time", max_tokens=1, temperature=0, bias={first.id: -math.inf}).result().tokens[0]
    assert other.id != first.id
    assert stories.generate("Once", max_tokens=3, temperature=0, stop=" u").result().finish in ("stop", "length")


def test_sampling_by_keys(tiny: hearth.Model) -> None:
    named = {key.name: key.initial for key in hearth.sampling_keys()}
    text = tiny.generate("abc", max_tokens=8, sampling=named).text()
    assert text == tiny.generate("abc", max_tokens=8).text()
    with pytest.raises(hearth.InvalidArgumentError, match="no_such_key"):
        tiny.generate("abc", sampling={"no_such_key": 1.0})
    tiny.generate("abc", max_tokens=2, order=["top_k", "temperature"], dry_breakers=["\n"], dry_multiplier=0.5).text()


class Colour(enum.Enum):
    RED = "red"
    BLUE = "blue"


class Wheel(pydantic.BaseModel):
    inches: Annotated[int, pydantic.Field(ge=1, le=30)]
    brand: Optional[str] = None


class Car(pydantic.BaseModel):
    """A car."""

    name: Annotated[str, pydantic.StringConstraints(max_length=12)]
    colour: Colour
    wheels: Annotated[List[Wheel], pydantic.Field(max_length=2)]
    kind: Literal["new", "used"] = "new"


@dataclasses.dataclass
class Point:
    x: int
    on: bool
    colour: Colour


@pytest.mark.parametrize("seed", range(4))
def test_schemas(tiny: hearth.Model, seed: int) -> None:
    car = tiny.generate("a car: ", schema=Car, seed=seed, max_tokens=400).value()
    assert isinstance(car, Car) and all(1 <= w.inches <= 30 for w in car.wheels)
    schema = {"type": "object", "properties": {"n": {"enum": [1, 2]}}, "required": ["n"], "additionalProperties": False}
    for given in (schema, json.dumps(schema)):
        assert tiny.generate("x", schema=given, seed=seed).value() in ({"n": 1}, {"n": 2})
    assert tiny.generate("x", schema=Literal["yes", "no"], seed=seed).value() in ("yes", "no")
    result = tiny.generate("x", schema=Point, seed=seed, max_tokens=200).result()
    if result.finish == "stop":
        point = result.value
        assert isinstance(point, Point) and isinstance(point.colour, Colour) and isinstance(point.x, int)


def test_other_constraints(tiny: hearth.Model) -> None:
    assert re.fullmatch(r"[a-c]{3}-\d\d", tiny.generate("x", regex=r"[a-c]{3}-\d\d").text())
    assert tiny.generate("x", choices=["north", "south"]).text() in ("north", "south")
    assert tiny.generate("x", grammar='root ::= "a" | "bb"').text() in ("a", "bb")
    with pytest.raises(ValueError, match="at a time"):
        tiny.generate("x", regex="a", choices=["b"])
    with pytest.raises(hearth.Error, match="1"):
        tiny.generate("x", regex="(")
    with pytest.raises(ValueError):
        tiny.generate("x", schema=Car, max_tokens=2).value()


def test_many_prompts_get_what_each_gets_alone(tiny: hearth.Model) -> None:
    prompts = ["abc", "hello", "a longer prompt than the others " * 3]
    alone = [tiny.generate(p, max_tokens=12, seed=7).text() for p in prompts]
    batch = tiny.generate_many(prompts, max_tokens=12, seed=7)
    texts = {0: "", 1: "", 2: ""}
    for number, piece in batch:
        texts[number] += piece
    assert [texts[i] for i in range(3)] == alone == batch.texts()
    assert [r.generated_tokens for r in batch.results()] == [12, 12, 12]
    assert tiny.generate_many([]).results() == []


def test_speculation_changes_no_text(stories: hearth.Model, stories_path: str) -> None:
    plain = stories.generate("Once upon a time", max_tokens=80, temperature=0).text()
    looked = stories.generate("Once upon a time", max_tokens=80, temperature=0, draft="lookup").result()
    assert looked.text == plain and looked.draft_speedup > 0
    small = hearth.Model(stories_path, runtime=stories.runtime, progress=False)
    guessed = stories.generate("Once upon a time", max_tokens=80, temperature=0, draft=small, draft_tokens=4).result()
    assert guessed.text == plain and guessed.drafted_tokens >= guessed.accepted_tokens > 0
    both = hearth.Model(stories_path, draft=stories_path, progress=False)
    assert both.generate("Once upon a time", max_tokens=80, temperature=0).text() == plain
    with pytest.raises(ValueError, match="lookup"):
        stories.generate("a", draft="other")


def test_guesses_of_a_models_own_blocks(tiny: hearth.Model, tiny_path: str) -> None:
    with pytest.raises(hearth.UnsupportedError):
        hearth.Model(tiny_path, draft="mtp", progress=False)  # the file has none
    with pytest.raises(hearth.InvalidArgumentError):
        tiny.generate("a", draft="mtp")


def test_ends(tiny: hearth.Model) -> None:
    assert tiny.generate("a" * 40, deadline=0.001, ignore_eos=True).result().finish in ("deadline", "context")
    full = tiny.generate("a", ignore_eos=True, temperature=0).result()
    assert full.finish == "context"
    with tiny.generate("abc", ignore_eos=True) as generation:
        next(generation)
    assert generation.done and generation.result().finish == "cancelled"
    generation = tiny.generate("abc", ignore_eos=True)
    next(generation)
    generation.cancel()
    assert generation.result().finish == "cancelled"


def test_html(tiny: hearth.Model) -> None:
    result = tiny.generate("<b>", max_tokens=12, logprobs=0, seed=1, bias={}).result()
    html = result._repr_html_()
    assert html.count("<span") == sum(1 for t in result.tokens if t.id >= 0) and "tokens/s" in html
    assert "<script>" not in hearth.Result(text="<script>", tokens=result.tokens)._repr_html_()
    assert "Generation" in repr(tiny.generate("a", max_tokens=1))


def test_progress_of_prompts(tiny: hearth.Model) -> None:
    seen: list[tuple[int, int]] = []
    tiny.generate("abc " * 60, max_tokens=1, progress=lambda done, total: seen.append((done, total))).text()
    assert seen and seen[-1][0] == seen[-1][1] > 60
