#!/usr/bin/env python3
"""begin.py MODEL.gguf DATA OUT: lets training go on from a model that export.py wrote.

Writes DATA/tokenizer.json, which make_data.py then keeps, and OUT/state.pt at step 0 with the model's weights (rounded
as the file has them) and an optimiser that remembers nothing."""

import argparse
import re
from pathlib import Path

import numpy as np
import torch
from gguf import GGUFReader
from gguf.quants import dequantize

import tokenizer as T
import train
from model import Decoder, Shape

NORMAL = 1
KEYS = {"width": "embedding_length", "layers": "block_count", "heads": "attention.head_count", "kv_heads": "attention.head_count_kv",
        "hidden": "feed_forward_length", "context": "context_length", "vocab": "vocab_size"}


def tokenizer_of(reader):
    """The BPE of the file; what is added behind its words gets the numbers it had."""
    tokens, kinds, merges = (reader.fields[f"tokenizer.ggml.{key}"].contents() for key in ("tokens", "token_type", "merges"))
    bpe = T.finish({t: i for i, (t, kind) in enumerate(zip(tokens, kinds)) if kind == NORMAL}, [tuple(m.split(" ")) for m in merges])
    assert all(bpe.token_to_id(t) == i for i, t in enumerate(tokens)), "the tokens' numbers do not come back"
    return bpe


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("model", type=Path)
    parser.add_argument("data", type=Path)
    parser.add_argument("out", type=Path)
    options = parser.parse_args()
    reader = GGUFReader(options.model)
    shape = Shape(**{name: int(reader.fields[f"llama.{key}"].contents()) for name, key in KEYS.items()})
    model = Decoder(shape)
    weights = {t.name: torch.from_numpy(np.array(dequantize(t.data, t.tensor_type), np.float32)) for t in reader.tensors}
    model.load_state_dict({name: weights[name].view(p.shape) for name, p in model.state_dict().items()})
    for path in (options.data, options.out):
        path.mkdir(parents=True, exist_ok=True)
    tokenizer_of(reader).save(str(options.data / "tokenizer.json"))
    muon, adam = train.optimizers(model, 0, 0)
    train.save(options.out / "state.pt", model, muon, adam, 0)
    print(options.out / "state.pt", "has", sum(p.numel() for p in model.parameters()), "parameters")


if __name__ == "__main__":
    main()
