#!/usr/bin/env python3
"""convert_bert.py FOLDER OUT.gguf: a BERT model of Hugging Face's layout (also as sentence-transformers stores it) as GGUF.

Reads config.json, model.safetensors, vocab.txt and, where they are, tokenizer_config.json and 1_Pooling/config.json.
Weights keep their type. A sequence classifier's head becomes a reranker's. Needs nothing but Python."""

import argparse
import json
import struct
import sys
from pathlib import Path

UINT32, FLOAT32, BOOL, STRING, ARRAY, INT32 = 4, 6, 7, 8, 9, 5
TYPES = {"F32": 0, "F16": 1, "BF16": 30}
NORMAL, UNKNOWN, CONTROL = 1, 2, 3
ALIGNMENT = 32

LAYER = {
    "attention.self.query": "attn_q",
    "attention.self.key": "attn_k",
    "attention.self.value": "attn_v",
    "attention.output.dense": "attn_output",
    "attention.output.LayerNorm": "attn_output_norm",
    "intermediate.dense": "ffn_up",
    "output.dense": "ffn_down",
    "output.LayerNorm": "layer_output_norm",
}
GLOBAL = {
    "embeddings.word_embeddings": "token_embd",
    "embeddings.position_embeddings": "position_embd",
    "embeddings.token_type_embeddings": "token_types",
    "embeddings.LayerNorm": "token_embd_norm",
}


def text(value):
    raw = value.encode()
    return struct.pack("<Q", len(raw)) + raw


def name_of(tensor, classifier):
    """The GGUF name of a tensor; None for those that are not needed."""
    tensor = tensor.removeprefix("bert.")
    base, _, kind = tensor.rpartition(".")
    kind = {"gamma": "weight", "beta": "bias"}.get(kind, kind)
    if base in GLOBAL:
        return f"{GLOBAL[base]}.{kind}"
    if base == "pooler.dense":
        return f"cls.{kind}" if classifier else None
    if base == "classifier":
        return f"cls.output.{kind}"
    if base.startswith("encoder.layer."):
        number, _, rest = base.removeprefix("encoder.layer.").partition(".")
        if rest in LAYER:
            return f"blk.{number}.{LAYER[rest]}.{kind}"
    if tensor.endswith("position_ids") or tensor.startswith("cls."):
        return None
    sys.exit(f"tensor '{tensor}' has no place in a BERT model")


def read_json(path):
    return json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}


def pooling_type(folder, classifier):
    if classifier:
        return 4
    modes = read_json(folder / "1_Pooling" / "config.json")
    for key, number in (("pooling_mode_mean_tokens", 1), ("pooling_mode_cls_token", 2), ("pooling_mode_lasttoken", 3)):
        if modes.get(key):
            return number
    return 0


def keys_of(folder, config, tokens, classifier):
    """(name, type, encoded value) in order."""
    heads = config["num_attention_heads"]
    yield "general.architecture", STRING, text("bert")
    yield "general.name", STRING, text(Path(config.get("_name_or_path") or folder.name).name)
    numbers = {
        "context_length": config["max_position_embeddings"],
        "embedding_length": config["hidden_size"],
        "block_count": config["num_hidden_layers"],
        "feed_forward_length": config["intermediate_size"],
        "attention.head_count": heads,
        "pooling_type": pooling_type(folder, classifier),
    }
    for key, value in numbers.items():
        yield f"bert.{key}", UINT32, struct.pack("<I", value)
    yield "bert.attention.causal", BOOL, b"\0"
    yield "bert.attention.layer_norm_epsilon", FLOAT32, struct.pack("<f", config.get("layer_norm_eps", 1e-12))
    settings = read_json(folder / "tokenizer_config.json")
    special = {name: settings.get(f"{name}_token", default) for name, default in
               (("cls", "[CLS]"), ("sep", "[SEP]"), ("unk", "[UNK]"), ("pad", "[PAD]"), ("mask", "[MASK]"))}
    ids = {token: i for i, token in enumerate(tokens)}
    spelled = []
    for token in tokens:
        if token in special.values():
            spelled.append(token)
        else:  # GGUF marks where words begin, WordPiece where they go on
            spelled.append(token[2:] if token.startswith("##") and len(token) > 2 else "\u2581" + token)
    kinds = [CONTROL if t in special.values() and t != special["unk"] else UNKNOWN if t == special["unk"] else NORMAL
             for t in tokens]
    yield "tokenizer.ggml.model", STRING, text("bert")
    yield "tokenizer.ggml.tokens", ARRAY, struct.pack("<IQ", STRING, len(tokens)) + b"".join(map(text, spelled))
    yield "tokenizer.ggml.token_type", ARRAY, struct.pack(f"<IQ{len(kinds)}i", INT32, len(kinds), *kinds)
    for name, key in (("cls", "bos"), ("sep", "seperator"), ("unk", "unknown"), ("pad", "padding"), ("mask", "mask")):
        if special[name] in ids:
            yield f"tokenizer.ggml.{key}_token_id", UINT32, struct.pack("<I", ids[special[name]])
    lower = bool(settings.get("do_lower_case", True))
    accents = settings.get("strip_accents")
    yield "tokenizer.ggml.normalizer.lowercase", BOOL, bytes([lower])
    yield "tokenizer.ggml.normalizer.strip_accents", BOOL, bytes([lower if accents is None else bool(accents)])


def convert(folder, out):
    config = read_json(folder / "config.json")
    if config.get("model_type") != "bert":
        sys.exit(f"{folder}: config.json says model_type '{config.get('model_type')}', expected 'bert'")
    if config.get("hidden_act", "gelu") != "gelu":
        sys.exit(f"{folder}: hidden_act is '{config['hidden_act']}', expected 'gelu'")
    tokens = (folder / "vocab.txt").read_text(encoding="utf-8").split("\n")
    tokens = tokens[:-1] if tokens[-1] == "" else tokens
    with open(folder / "model.safetensors", "rb") as weights:
        (length,) = struct.unpack("<Q", weights.read(8))
        header = json.loads(weights.read(length))
        header.pop("__metadata__", None)
        classifier = any(name.startswith("classifier.") for name in header)
        tensors = [(name_of(name, classifier), info) for name, info in header.items()]
        tensors = sorted((t for t in tensors if t[0] is not None), key=lambda t: t[0])
        keys = list(keys_of(folder, config, tokens, classifier))
        with open(out, "wb") as file:
            file.write(struct.pack("<4sIQQ", b"GGUF", 3, len(tensors), len(keys)))
            for name, kind, value in keys:
                file.write(text(name) + struct.pack("<I", kind) + value)
            offset = 0
            for name, info in tensors:
                if info["dtype"] not in TYPES:
                    sys.exit(f"tensor '{name}' is of type {info['dtype']}, expected one of {', '.join(TYPES)}")
                shape = info["shape"][::-1]
                file.write(text(name) + struct.pack(f"<I{len(shape)}QIQ", len(shape), *shape, TYPES[info["dtype"]], offset))
                begin, end = info["data_offsets"]
                offset += -(-(end - begin) // ALIGNMENT) * ALIGNMENT
            file.write(b"\0" * (-file.tell() % ALIGNMENT))
            for _, info in tensors:
                begin, end = info["data_offsets"]
                weights.seek(8 + length + begin)
                left = end - begin
                while left:
                    piece = weights.read(min(left, 1 << 24))
                    if not piece:
                        sys.exit(f"{folder / 'model.safetensors'}: ends early")
                    file.write(piece)
                    left -= len(piece)
                file.write(b"\0" * (-file.tell() % ALIGNMENT))


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("out", type=Path)
    options = parser.parse_args()
    convert(options.folder, options.out)


if __name__ == "__main__":
    main()
