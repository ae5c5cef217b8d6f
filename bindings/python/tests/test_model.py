"""Opening models, what they tell, and how that fails."""

from __future__ import annotations

import io
import logging
import os
import pickle
import time
from pathlib import Path
from typing import Any

import pytest

import hearth
from conftest import ROOT
from hearth import _errors, _hearth


def test_sources_give_the_same_model(tiny_path: str, tiny: hearth.Model, tmp_path: Path) -> None:
    data = Path(tiny_path).read_bytes()
    expected = tiny.generate("ab", max_tokens=6, temperature=0).result().tokens
    with open(tiny_path, "rb") as file:
        for source in (data, bytearray(data), memoryview(data), Path(tiny_path), file.fileno(), file, io.BytesIO(data)):
            with hearth.Model(source, progress=False) as model:
                assert model.digest == tiny.digest
                assert model.generate("ab", max_tokens=6, temperature=0).result().tokens == expected
            told = tiny.runtime.inspect(source)
            assert {key: told[key] for key in ("architecture", "parameters", "tensors")} == {
                key: tiny.info[key] for key in ("architecture", "parameters", "tensors")
            }


def test_errors_have_the_class_of_their_status(tmp_path: Path, tiny_path: str, tiny: hearth.Model) -> None:
    with pytest.raises(hearth.NotFoundError, match="nothing.gguf") as caught:
        hearth.Model(tmp_path / "nothing.gguf", progress=False)
    assert isinstance(caught.value, FileNotFoundError)
    assert (caught.value.status, caught.value.name) == (13, "HEARTH_ENOTFOUND")
    with pytest.raises(hearth.FormatError):
        hearth.Model(Path(tiny_path).read_bytes()[:5000], progress=False)
    with pytest.raises(hearth.Error):
        hearth.Model(b"", progress=False)
    with pytest.raises(hearth.BudgetError, match="budget|limit"):
        hearth.Model(tiny_path, memory_budget=100_000, progress=False)
    with pytest.raises(hearth.InstructionSetError):
        hearth.Runtime(isa="no-such-isa")
    with pytest.raises(hearth.InvalidArgumentError, match="temperature"):
        tiny.generate("a", temperature=-3)
    with pytest.raises(hearth.LimitError):
        tiny.session().append([10**6])
    with pytest.raises(TypeError, match="no_such_option"):
        tiny.generate("a", no_such_option=1)  # type: ignore[call-arg]


def test_every_status_of_the_header_has_its_class() -> None:
    for status in range(1, 16):
        made = _errors.error_of(status, "a sentence")
        assert (made.status, made.name) == (status, _hearth.status_name(status))
        assert type(made) is not hearth.Error and str(made) == "a sentence"
        assert type(pickle.loads(pickle.dumps(made))) is type(made)


def test_paths_are_bytes(tiny_path: str, tmp_path: Path) -> None:
    name = os.fsdecode(os.fsencode(tmp_path) + b"/m\xff\xfe \xc3\xa4.gguf")  # no UTF-8
    os.symlink(tiny_path, name)
    assert hearth.Model(name, progress=False).vocab_size == 512 == len(hearth.Tokenizer(Path(name)))
    with pytest.raises(ValueError, match="null character"):
        hearth.Model(tiny_path + "\0more", progress=False)


def test_folders() -> None:
    """Of Hugging Face, as transformers writes them."""
    model = hearth.Model(ROOT / "tests" / "golden" / "hf" / "llama", progress=False)
    assert model.info["architecture"] == "llama"
    assert model.session().append([1, 2, 3]).logits().shape == (model.vocab_size,)


def test_counts_have_bounds(tiny: hearth.Model) -> None:
    wrong: Any
    for wrong in ({"max_tokens": -1}, {"draft_tokens": 1 << 40}, {"logprobs": -2}, {"deadline": 0.0}):
        with pytest.raises(ValueError, match=next(iter(wrong))):
            tiny.generate("a", **wrong)
    with pytest.raises(TypeError):
        tiny.generate("a", max_tokens=1.5)  # type: ignore[arg-type]


def test_readers_that_fail_raise_their_own_exception(tiny_path: str) -> None:
    class Broken(io.BytesIO):
        def read(self, *_: Any) -> bytes:
            raise KeyError("the disk is gone")

    class Short(io.BytesIO):
        def read(self, *_: Any) -> bytes:
            return b""

    data = Path(tiny_path).read_bytes()
    with pytest.raises(KeyError, match="the disk is gone"):
        hearth.Model(Broken(data), progress=False)
    with pytest.raises(ValueError, match="0 bytes instead of"):
        hearth.Model(Short(data), progress=False)


def test_progress_is_told_and_may_stop_a_load(make_model: Any) -> None:
    path = make_model("--embd", "512", "--layers", "6")
    seen: list[tuple[int, int]] = []
    hearth.Model(path, progress=lambda done, total: seen.append((done, total)))
    assert seen and seen[-1][0] == seen[-1][1] and [d for d, _ in seen] == sorted(d for d, _ in seen)

    class Slow(io.FileIO):
        def read(self, size: int | None = -1) -> bytes:
            time.sleep(0.03)
            return super().read(size) or b""

    def stop(done: int, total: int) -> None:
        raise LookupError("enough")

    with Slow(path) as file, pytest.raises(LookupError, match="enough"):
        hearth.Model(file, progress=stop)


def test_what_a_model_tells(tiny: hearth.Model, tiny_path: str) -> None:
    assert tiny.vocab_size == 512 == len(tiny.tokenizer) and tiny.context_length == 512
    assert tiny.info["architecture"] == "llama" == tiny.metadata("general.architecture")
    assert tiny.runtime.inspect(tiny_path)["parameters"] == tiny.info["parameters"]
    assert tiny.metadata("no.such.key") is None
    assert 0 < tiny.decode_bytes <= tiny.weight_bytes <= tiny.runtime.memory
    assert len(tiny.digest) == 32
    assert "llama" in repr(tiny) and "<table>" in tiny._repr_html_() and "512" in tiny._repr_html_()
    assert hearth.isas()["scalar"] and tiny.runtime.isa in hearth.isas()
    assert tiny.runtime.threads >= 1 and "threads" in repr(tiny.runtime)
    assert tiny.runtime.measure_stream(1 << 20, 1) > 1e6
    assert any(key.name == "temperature" and key.maximum >= 1 for key in hearth.sampling_keys())
    assert "top_k" in hearth.samplers() and hearth.__version__.count(".") == 2


def test_scalar_gives_the_same_bits(tiny_path: str, tiny: hearth.Model) -> None:
    scalar = hearth.Model(tiny_path, isa="scalar", threads=1, progress=False)
    assert scalar.runtime.isa == "scalar" and scalar.runtime.threads == 1
    assert (scalar.session().append("abc").logits() == tiny.session().append("abc").logits()).all()


def test_packed_models(tiny: hearth.Model, tiny_path: str, tmp_path: Path) -> None:
    tiny.runtime.pack(tiny_path, tmp_path / "packed.gguf")
    packed = hearth.Model(tmp_path / "packed.gguf", runtime=tiny.runtime, progress=False)
    assert (packed.session().append("abc").logits() == tiny.session().append("abc").logits()).all()
    with pytest.raises(ValueError, match="give threads"):
        hearth.Model(tiny_path, runtime=tiny.runtime, threads=2)


def test_tokenizer(tiny: hearth.Model, tiny_path: str) -> None:
    tokens = tiny.tokenize("hello wörld 🙂")
    assert tokens[0] == tiny.tokenizer.bos == tiny.tokenizer.special_tokens["bos"]
    assert tiny.detokenize(tokens) == "hello wörld 🙂" == "".join(tiny.tokenizer.stream(tokens)).strip()
    assert b"".join(tiny.tokenizer.piece(t, special=False) for t in tokens[1:]).decode().strip() == "hello wörld 🙂"
    assert hearth.Tokenizer(tiny_path).encode("hello wörld 🙂") == tokens
    assert tiny.tokenizer.eos is not None and tiny.tokenizer.ends_generation(tiny.tokenizer.eos)
    assert tiny.tokenizer.find("no such token at all") is None
    assert tiny.tokenizer.chat_template() and tiny.tokenizer.chat_template("no_such_name") is None
    with pytest.raises(hearth.LimitError):
        tiny.detokenize([10**6])
    with pytest.raises(UnicodeEncodeError):
        tiny.tokenize("\ud800")


def test_messages_go_to_logging(tiny_path: str, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    store = tmp_path / "store"
    with caplog.at_level(logging.DEBUG, logger="hearth"):
        model = hearth.Model(tiny_path, prefix_store=store, progress=False)
        os.chmod(store, 0o500)
        model.generate("abc " * 40, max_tokens=1).result()
    os.chmod(store, 0o700)
    if os.geteuid() != 0:  # root may write anywhere
        assert caplog.records
    for record in caplog.records:
        assert record.name == "hearth" and record.getMessage()
