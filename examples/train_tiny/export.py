#!/usr/bin/env python3
"""export.py STATE TOKENIZER OUT.gguf [--type q8_0|f32]: the trained model as a GGUF file of the llama family."""

import argparse
import json
import struct
from pathlib import Path

import numpy as np

import talk
import tokenizer as T

UINT32, INT32, FLOAT32, BOOL, STRING, ARRAY = 4, 5, 6, 7, 8, 9
F32, Q8_0 = 0, 8
NORMAL, CONTROL, USER = 1, 3, 4
ALIGNMENT = 32


def text(value):
    raw = value.encode()
    return struct.pack("<Q", len(raw)) + raw


def array(kind, values):
    return struct.pack("<iQ", kind, len(values)) + b"".join(values)


def q8_0(rows):
    """Blocks of 32: a half-precision scale and 32 whole numbers; rows: [n, columns], columns a multiple of 32."""
    blocks = rows.astype(np.float32).reshape(-1, 32)
    scale = (np.abs(blocks).max(1) / 127).astype(np.float16)
    divisor = np.where(scale == 0, 1, scale.astype(np.float32))
    whole = np.clip(np.rint(blocks / divisor[:, None]), -127, 127).astype(np.int8)
    out = np.empty((len(blocks), 34), np.uint8)
    out[:, :2] = scale.view(np.uint8).reshape(-1, 2)
    out[:, 2:] = whole.view(np.uint8)
    return out.tobytes()


def keys_of(shape, vocabulary, merges):
    """(name, type, encoded value) in order."""
    yield "general.architecture", STRING, text("llama")
    yield "general.name", STRING, text("hearth-tiny")
    yield "general.license", STRING, text("mit")
    for key, value in {"context_length": shape["context"], "embedding_length": shape["width"], "block_count": shape["layers"],
                       "feed_forward_length": shape["hidden"], "attention.head_count": shape["heads"],
                       "attention.head_count_kv": shape["kv_heads"], "rope.dimension_count": shape["width"] // shape["heads"],
                       "vocab_size": shape["vocab"]}.items():
        yield f"llama.{key}", UINT32, struct.pack("<I", value)
    yield "llama.attention.layer_norm_rms_epsilon", FLOAT32, struct.pack("<f", shape["epsilon"])
    yield "llama.rope.freq_base", FLOAT32, struct.pack("<f", shape["rope_base"])
    kinds = [CONTROL if t in T.CONTROL else USER if t in T.MARKS else NORMAL for t in vocabulary]
    yield "tokenizer.ggml.model", STRING, text("gpt2")
    yield "tokenizer.ggml.pre", STRING, text("gpt-2")
    yield "tokenizer.ggml.tokens", ARRAY, array(STRING, [text(t) for t in vocabulary])
    yield "tokenizer.ggml.token_type", ARRAY, array(INT32, [struct.pack("<i", k) for k in kinds])
    yield "tokenizer.ggml.merges", ARRAY, array(STRING, [text(m) for m in merges])
    for name, token in (("eos", "<|im_end|>"), ("eot", "<|im_end|>"), ("padding", "<|endoftext|>")):
        yield f"tokenizer.ggml.{name}_token_id", UINT32, struct.pack("<I", vocabulary.index(token))
    yield "tokenizer.ggml.add_bos_token", BOOL, struct.pack("<?", False)
    yield "tokenizer.chat_template", STRING, text(talk.TEMPLATE)


def write(path, shape, weights, bpe, kind):
    state = json.loads(bpe.to_str())
    ids = {**state["model"]["vocab"], **{t["content"]: t["id"] for t in state["added_tokens"]}}
    vocabulary = [t for t, _ in sorted(ids.items(), key=lambda item: item[1])]
    assert [ids[t] for t in vocabulary] == list(range(len(ids))) and len(ids) == shape["vocab"]
    merges = [" ".join(m) for m in T.taken_apart(bpe)[1]]
    keys = list(keys_of(shape, vocabulary, merges))
    tensors = []
    for name, values in weights.items():
        values = values.float().numpy()
        if values.ndim == 2 and kind == Q8_0:
            tensors.append((name, values.shape, Q8_0, q8_0(values)))
        else:
            tensors.append((name, values.shape, F32, np.ascontiguousarray(values, np.float32).tobytes()))
    head = struct.pack("<4sIQQ", b"GGUF", 3, len(tensors), len(keys))
    for key, value_type, value in keys:
        head += text(key) + struct.pack("<i", value_type) + value
    at = 0
    for name, dims, value_type, raw in tensors:
        head += text(name) + struct.pack("<I", len(dims)) + b"".join(struct.pack("<Q", d) for d in reversed(dims))
        head += struct.pack("<iQ", value_type, at)
        at += -(-len(raw) // ALIGNMENT) * ALIGNMENT
    with open(path, "wb") as file:
        file.write(head + bytes(-len(head) % ALIGNMENT))
        for _, _, _, raw in tensors:
            file.write(raw + bytes(-len(raw) % ALIGNMENT))


def main():
    import torch

    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("state", type=Path)
    parser.add_argument("tokenizer", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--type", choices=["q8_0", "f32"], default="q8_0")
    parser.add_argument("--mean", type=Path, action="append", default=[], help="an earlier state, of which and STATE the mean is written")
    options = parser.parse_args()
    states = [torch.load(path, weights_only=False, map_location="cpu") for path in (options.state, *options.mean)]
    state = states[0]
    weights = {name: sum(s["model"][name].float() for s in states) / len(states) for name in state["model"]}
    write(options.out, state["shape"], weights, T.Tokenizer.from_file(str(options.tokenizer)), Q8_0 if options.type == "q8_0" else F32)
    print(options.out, options.out.stat().st_size, "bytes, step", state["step"])


if __name__ == "__main__":
    main()
