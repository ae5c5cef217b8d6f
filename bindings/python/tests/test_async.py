"""async for: the loop goes on, several at once, cancelling."""

from __future__ import annotations

import asyncio
import time
from typing import Any

import pytest

import hearth


@pytest.fixture(scope="module")
def long(make_model: Any) -> hearth.Model:
    """With a context in which prompts take seconds."""
    path = make_model("--context", "16384", "--embd", "512", "--ffn", "2048", "--layers", "6")
    return hearth.Model(path, progress=False)


def test_pieces(tiny: hearth.Model) -> None:
    async def collect() -> tuple[list[str], str, hearth.Result]:
        pieces = [piece async for piece in tiny.generate("abc", max_tokens=20, seed=1)]
        awaited = await tiny.generate("abc", max_tokens=20, seed=1)
        chat = await tiny.chat("abc", max_tokens=5, seed=1)
        return [str(p) for p in pieces], chat, awaited

    pieces, chat, awaited = asyncio.run(collect())
    assert "".join(pieces) == awaited.text == tiny.generate("abc", max_tokens=20, seed=1).text()
    assert chat == tiny.chat("abc", max_tokens=5, seed=1).text()


def test_several_at_once_and_in_batches(tiny: hearth.Model) -> None:
    async def one(seed: int) -> str:
        return (await tiny.generate("abc", max_tokens=30, seed=seed)).text

    async def all_of_them() -> list[str]:
        return list(await asyncio.gather(*(one(seed) for seed in range(6))))

    assert asyncio.run(all_of_them()) == [tiny.generate("abc", max_tokens=30, seed=s).text() for s in range(6)]

    async def batch() -> list[str]:
        texts = ["", ""]
        async for number, piece in tiny.generate_many(["abc", "def"], max_tokens=9, seed=2):
            texts[number] += piece
        return texts

    async def awaited() -> list[str]:
        return [result.text for result in await tiny.generate_many(["abc", "def"], max_tokens=9, seed=2)]

    assert asyncio.run(batch()) == asyncio.run(awaited()) == [tiny.generate(p, max_tokens=9, seed=2).text() for p in ("abc", "def")]


def test_the_loop_goes_on_and_cancelling_stops_a_prompt(long: hearth.Model) -> None:
    session = long.session().append([300] * 16000)

    async def work() -> tuple[int, float]:
        async def generate() -> None:
            async for _ in session.generate(max_tokens=1):
                pass

        task = asyncio.create_task(generate())
        ticks = 0
        for _ in range(20):
            await asyncio.sleep(0.01)
            ticks += 1
        assert not task.done()
        begun = time.monotonic()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        return ticks, time.monotonic() - begun

    ticks, seconds = asyncio.run(work())
    assert ticks == 20 and seconds < 1.0
    assert len(session) == 16000  # free again
    session.truncate(4)
    assert session.logits().shape == (512,)


def test_breaking_off(tiny: hearth.Model) -> None:
    async def work() -> str:
        session = tiny.session().append("abc")
        async with session.generate(ignore_eos=True) as generation:
            async for piece in generation:
                break
        assert generation.result().finish == "cancelled"
        return session.text

    assert asyncio.run(work()).startswith("abc")


def test_timeouts(long: hearth.Model) -> None:
    async def work() -> None:
        await asyncio.wait_for(long.generate([300] * 16000, max_tokens=1)._all(), 0.2)

    begun = time.monotonic()
    with pytest.raises(asyncio.TimeoutError):
        asyncio.run(work())
    assert time.monotonic() - begun < 3
