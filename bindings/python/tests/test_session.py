"""Sessions: tokens, logits, copies, stores, adapters."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import hearth


def test_logits(tiny: hearth.Model) -> None:
    session = tiny.session().append("hello world")
    every = session.logits(all=True)
    assert every.shape == (len(session), 512) and every.dtype == np.float32 and not every.flags.writeable
    assert every.flags.c_contiguous and every.flags.aligned
    last = session.logits()
    assert last.shape == (512,) and (last == every[-1]).all()
    session.append([300, 301]).evaluate()
    other = tiny.session(chunk=3).append(session.tokens)
    assert (other.logits() == session.logits()).all()
    with pytest.raises(hearth.StateError):
        tiny.session().logits()


def test_tokens(tiny: hearth.Model) -> None:
    session = tiny.session(context=64).append("abc")
    assert session.context == 64 and session.tokens == tiny.tokenize("abc") and session.text == "abc"
    session.tokens = tiny.tokenize("abd")
    assert session.text == "abd"
    session.replace(1, 1, [300])
    assert session.tokens[1] == 300
    session.truncate(1)
    assert len(session) == 1
    with pytest.raises(hearth.LimitError):
        session.append("abc " * 100)
    assert len(session) == 1 and "1 of 64" in repr(session) and "<table>" in session._repr_html_()


def test_forks_save_and_restore(tiny: hearth.Model, tmp_path: Path) -> None:
    session = tiny.session().append("hello world")
    session.evaluate()
    fork = session.fork()
    expected = session.generate(max_tokens=8, seed=5).text()
    saved = fork.save()
    assert isinstance(saved, bytes)
    fork.save(tmp_path / "session")
    for source in (saved, memoryview(saved), tmp_path / "session", str(tmp_path / "session")):
        again = tiny.session().restore(source)
        assert again.text == "hello world"
        assert again.generate(max_tokens=8, seed=5).text() == expected
    assert fork.generate(max_tokens=8, seed=5).text() == expected
    with pytest.raises(hearth.FormatError):
        fork.restore(saved[:-1])
    with pytest.raises(hearth.StateError):
        tiny.session(kv="f32").restore(saved)


def test_a_running_session_takes_no_other_calls(tiny: hearth.Model) -> None:
    session = tiny.session().append("abc")
    generation = session.generate(max_tokens=50, ignore_eos=True)
    next(generation)
    for call in (session.logits, session.save, session.fork, lambda: session.append("x"), lambda: session.generate(), lambda: len(session)):
        with pytest.raises(hearth.StateError, match="in use"):
            call()
    assert "running" in repr(session)
    session.cancel()
    assert generation.result().finish == "cancelled"
    assert session.logits().shape == (512,)
    del generation
    half = session.generate("y", max_tokens=50, ignore_eos=True)
    next(half)
    del half  # frees the session
    assert session.logits().shape == (512,)


def test_prefix_store(tiny_path: str, tmp_path: Path) -> None:
    model = hearth.Model(tiny_path, prefix_store=True, progress=False)
    prompt = "a long beginning that many prompts have in common " * 8
    first = model.generate(prompt, max_tokens=4, seed=1).result()
    second = model.generate(prompt, max_tokens=4, seed=1).result()
    assert first.text == second.text and second.reused_tokens > 100 > first.reused_tokens
    assert model.prefix_store is not None
    stats = model.prefix_store.stats
    assert stats["found_tokens"] >= second.reused_tokens - 1 and "found" in repr(model.prefix_store)
    assert "<table>" in model.prefix_store._repr_html_()
    model.prefix_store.clear()
    assert model.generate(prompt, max_tokens=4, seed=1).result().reused_tokens == 0
    kept = hearth.PrefixStore(model, folder=tmp_path / "store")
    session = model.session().use_store(kept).append(prompt)
    session.evaluate()
    assert kept.stats["files"] > 0
    kept.close()
    session.use_store(None)


def test_control_vectors(tiny: hearth.Model, tiny_path: str, tmp_path: Path) -> None:
    pairs = [("good day", "bad day"), ("happy", "sad")]
    adapter = tiny.train_control_vector(pairs, tmp_path / "mood.gguf", method="mean")
    assert adapter.kind == "control" and adapter.info["parts"] >= 1 and "mood" in adapter.path and "control" in repr(adapter)
    session = tiny.session().append("abc")
    plain = session.logits()
    session.attach(adapter, 4.0)
    assert [(a.path, s) for a, s in session.adapters] == [(adapter.path, 4.0)]
    steered = session.logits()
    assert (steered != plain).any()
    session.detach(adapter)
    assert (session.logits() == plain).all()
    with pytest.raises(hearth.NotFoundError):
        session.detach(adapter)
    model = hearth.Model(tiny_path, adapters=[(tmp_path / "mood.gguf", 4.0)], progress=False)
    assert (model.session().append("abc").logits() == steered).all()
    with pytest.raises(hearth.Error):
        hearth.Adapter(tiny, tiny_path)


def test_embeddings(tiny: hearth.Model) -> None:
    info = tiny.embedding_info
    vectors = tiny.embed(["hello", "a longer text of some words"])
    assert vectors.shape == (2, info["width"]) and vectors.dtype == np.float32
    assert np.allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-5)
    assert (tiny.embed("hello") == vectors[0]).all() and tiny.embed("hello").shape == (info["width"],)
    assert (tiny.embed([tiny.tokenize("hello")]) == vectors[:1]).all()
    words = tiny.embed("hello", pooling="none", normalize=False)
    assert words.shape == (len(tiny.tokenize("hello")), info["token_width"])
    assert tiny.embed(["hello"], dimensions=16).shape == (1, 16)
    assert tiny.embed([]).shape == (0, info["width"])
    seen: list[tuple[int, int]] = []
    tiny.embed(["a b c"] * 40, pass_tokens=8, progress=lambda done, total: seen.append((done, total)))
    assert seen[-1] == (40, 40)
    with pytest.raises(hearth.LimitError):
        tiny.embed("abc " * 400)
    assert tiny.embed(["abc " * 400], truncate=True).shape[0] == 1
    with pytest.raises(hearth.InvalidArgumentError, match="rerank|score"):
        tiny.rerank("query", ["document"])
    assert tiny.score_labels == []
