"""Folders as Hugging Face's libraries write them, with random weights: a reranker, and a LoRA of PEFT's."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import hearth

WIDTH, FFN = 32, 48
WORDS = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "the", "cat", "dog", "rain", "sun", "is", "here"]


def safetensors(path: Path, shapes: Mapping[str, tuple[int, ...]]) -> None:
    """The size of the header in 8 bytes, a JSON header, the values: float32."""
    random = np.random.default_rng(1)
    header, data = {}, b""
    for name, shape in shapes.items():
        begin = len(data)
        data += random.uniform(-0.5, 0.5, shape).astype("<f4").tobytes()
        header[name] = {"dtype": "F32", "shape": shape, "data_offsets": [begin, len(data)]}
    head = json.dumps(header).encode()
    path.write_bytes(len(head).to_bytes(8, "little") + head + data)


def tokenizer() -> dict[str, Any]:
    flags = {"special": True, "normalized": False, "single_word": False, "lstrip": False, "rstrip": False}

    def token(text: str, kind: int) -> dict[str, Any]:
        return {"SpecialToken": {"id": text, "type_id": kind}}

    def text(name: str, kind: int) -> dict[str, Any]:
        return {"Sequence": {"id": name, "type_id": kind}}

    single = [token("[CLS]", 0), text("A", 0), token("[SEP]", 0)]
    return {
        "version": "1.0", "truncation": None, "padding": None,
        "added_tokens": [{"id": i, "content": WORDS[i], **flags} for i in range(4)],
        "normalizer": {
            "type": "BertNormalizer", "clean_text": True, "handle_chinese_chars": True, "strip_accents": None, "lowercase": True
        },
        "pre_tokenizer": {"type": "BertPreTokenizer"},
        "post_processor": {
            "type": "TemplateProcessing", "single": single, "pair": [*single, text("B", 0), token("[SEP]", 0)],
            "special_tokens": {w: {"id": w, "ids": [WORDS.index(w)], "tokens": [w]} for w in ("[CLS]", "[SEP]")},
        },
        "decoder": {"type": "WordPiece", "prefix": "##", "cleanup": True},
        "model": {
            "type": "WordPiece", "unk_token": "[UNK]", "continuing_subword_prefix": "##", "max_input_chars_per_word": 100,
            "vocab": {word: i for i, word in enumerate(WORDS)},
        },
    }  # fmt: skip


@pytest.fixture(scope="module")
def reranker(tmp_path_factory: pytest.TempPathFactory) -> hearth.Model:
    """A BERT of one layer with a head of two outputs."""
    folder = tmp_path_factory.mktemp("reranker")
    config = {
        "architectures": ["BertForSequenceClassification"], "model_type": "bert", "hidden_size": WIDTH, "num_hidden_layers": 1,
        "intermediate_size": FFN, "num_attention_heads": 2, "max_position_embeddings": 64, "vocab_size": len(WORDS),
        "hidden_act": "gelu", "layer_norm_eps": 1e-12, "type_vocab_size": 2, "position_embedding_type": "absolute",
        "pad_token_id": 0, "id2label": {"0": "good", "1": "bad"},
    }  # fmt: skip
    layer = "bert.encoder.layer.0."
    linear = {f"{layer}attention.self.{part}": (WIDTH, WIDTH) for part in ("query", "key", "value")}
    linear |= {layer + "attention.output.dense": (WIDTH, WIDTH), layer + "intermediate.dense": (FFN, WIDTH)}
    linear |= {layer + "output.dense": (WIDTH, FFN), "bert.pooler.dense": (WIDTH, WIDTH), "classifier": (2, WIDTH)}
    shapes: dict[str, tuple[int, ...]] = {}
    for name, shape in linear.items():
        shapes |= {name + ".weight": shape, name + ".bias": shape[:1]}
    for norm in ("bert.embeddings.", layer + "attention.output.", layer + "output."):
        shapes |= {f"{norm}LayerNorm.{part}": (WIDTH,) for part in ("weight", "bias")}
    for table, rows in (("word", len(WORDS)), ("position", 64), ("token_type", 2)):
        shapes[f"bert.embeddings.{table}_embeddings.weight"] = (rows, WIDTH)
    (folder / "config.json").write_text(json.dumps(config))
    (folder / "tokenizer.json").write_text(json.dumps(tokenizer()))
    safetensors(folder / "model.safetensors", shapes)
    return hearth.Model(folder, progress=False)


def test_a_reranker_scores_documents(reranker: hearth.Model) -> None:
    info = reranker.embedding_info
    assert (info["scores"], bool(info["generates"])) == (2, False) and reranker.score_labels == ["good", "bad"]
    documents = ["the cat", "the dog is here", "rain"]
    scores = reranker.rerank("is the cat here", documents)
    assert scores.shape == (3,) and scores.dtype == np.float32 and len(set(scores.tolist())) == 3
    for document, score in zip(documents, scores):  # the first output for both, put together by hand
        query, tail = (reranker.tokenize(text, special=False) for text in ("is the cat here", document))
        outputs = reranker.embed([[2, *query, 3, *tail, 3]], normalize=False)
        assert outputs.shape == (1, 2) and outputs[0, 0] == score
    with pytest.raises(hearth.LimitError):
        reranker.rerank("dog", ["cat " * 100])
    assert np.isfinite(reranker.rerank("dog", ["cat " * 100], truncate=True)).all()
    assert reranker.rerank("dog", []).shape == (0,)
    with pytest.raises(hearth.Error):
        reranker.generate("the cat")


def test_loras(tiny: hearth.Model, tiny_path: str, tmp_path: Path) -> None:
    shapes: dict[str, tuple[int, ...]] = {}
    for layer in range(2):
        name = f"base_model.model.model.layers.{layer}.self_attn.q_proj."
        shapes |= {name + "lora_A.weight": (4, 256), name + "lora_B.weight": (256, 4)}
    config = {"peft_type": "LORA", "r": 4, "lora_alpha": 8, "target_modules": ["q_proj"], "task_type": "CAUSAL_LM", "bias": "none"}
    (tmp_path / "adapter_config.json").write_text(json.dumps(config))
    safetensors(tmp_path / "adapter_model.safetensors", shapes)
    lora = hearth.Adapter(tiny, tmp_path)
    assert (lora.kind, lora.info["parts"], lora.info["rank"]) == ("lora", 2, 4) and lora.path == str(tmp_path)
    plain = tiny.session().append("abc").logits()
    session = tiny.session().append("abc").attach(lora)
    changed = session.logits()
    assert (changed != plain).any() and (session.fork().append([]).adapters[0][1]) == 1.0
    lora.close()  # the session keeps what it needs
    session.attach(session.adapters[0][0], 0.0)
    assert (session.logits() == plain).all()
    assert (session.detach().logits() == plain).all() and session.adapters == []
    model = hearth.Model(tiny_path, adapters=[tmp_path], progress=False)
    assert (model.session().append("abc").logits() == changed).all()
    with pytest.raises(hearth.InvalidArgumentError):
        tiny.session().attach(hearth.Adapter(model, tmp_path))
