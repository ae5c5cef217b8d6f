#!/usr/bin/env python3
"""grow.py STATE DATA OUT: a larger model that begins with what a trained one knows.

STATE is the state.pt of train.py, DATA/tokenizer.json its tokenizer. OUT gets a tokenizer in which the words that people
ask with most are whole, and a state.pt with more and wider layers. New tokens begin as the mean of what they were spelt
with, new layers and new heads add nothing at first, and new places of a state hold 0 (for which norms are scaled, as they
divide by a mean over all places), so that the larger model begins where the smaller one stood."""

import argparse
import collections
import random
import re
from pathlib import Path

import torch

import commands
import facts as F
import tokenizer as T
import train
from model import Decoder, Shape

WORD = re.compile(r"[A-Za-z]+")


def counts(seed, questions=120000, asked=40000):
    """How often words stand in questions and commands."""
    rng, facts, found = random.Random(seed), F.read(), collections.Counter()
    for _ in range(questions):
        found.update(WORD.findall(F.question(rng, rng.choice(facts))))
    for _ in range(asked):
        found.update(WORD.findall(commands.fill(rng, rng.choice(list(commands.TOOLS)))[0]))
    return found


def with_words(old, words, size):
    """The tokenizer `old` with the first of `words` whole, up to `size` tokens with the control tokens."""
    vocab, merges = T.taken_apart(old)
    room = size - len(T.CONTROL) - len(T.MARKS)
    bpe, todo = T.finish(vocab, merges), list(words)
    while todo and len(vocab) < room:
        some, todo = todo[:100], todo[100:]  # what is joined changes how later words are spelt
        for word, pieces in zip(some, (e.tokens for e in bpe.encode_batch(some))):
            for i in range(1, len(pieces)):
                left = "".join(pieces[:i])
                if left + pieces[i] not in vocab and len(vocab) < room:
                    vocab[left + pieces[i]] = len(vocab)
                if (left, pieces[i]) not in merges and left in vocab and left + pieces[i] in vocab:
                    merges.append((left, pieces[i]))
        bpe = T.finish(vocab, merges)
    return bpe


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("state", type=Path)
    parser.add_argument("data", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--vocabulary", type=int, default=5120)
    parser.add_argument("--layers", type=int, default=6)
    parser.add_argument("--hidden", type=int, default=768)
    parser.add_argument("--width", type=int, default=0, help="a multiple of the width of heads that share a key; as it was by default")
    parser.add_argument("--seed", type=int, default=7)
    options = parser.parse_args()
    torch.manual_seed(options.seed)
    state = torch.load(options.state, weights_only=False)
    old, shape, trained = T.Tokenizer.from_file(str(options.data / "tokenizer.json")), Shape(**state["shape"]), state["model"]
    common = [w for w, n in counts(options.seed).most_common() if n > 20 and len(w) > 1]
    bpe = with_words(old, common, options.vocabulary)
    options.out.mkdir(parents=True, exist_ok=True)
    bpe.save(str(options.out / "tokenizer.json"))

    width = options.width or shape.width
    together = shape.width // shape.kv_heads
    if width < shape.width or width % together:
        raise SystemExit(f"--width {width}: expected a multiple of {together} that is not less than {shape.width}")
    heads = {"heads": width // shape.head, "kv_heads": width // together}
    grown = Shape(**{**shape.dict(), "vocab": bpe.get_vocab_size(), "layers": options.layers, "hidden": options.hidden, "width": width, **heads})
    model = Decoder(grown)
    weights = model.state_dict()

    def norm(w, given):
        given = given * (shape.width / width) ** 0.5
        w.fill_(given.square().mean().sqrt())
        w[:len(given)] = given

    embedding, wide = trained["token_embd.weight"], weights["token_embd.weight"].zero_()
    for token, i in bpe.get_vocab().items():
        known = old.token_to_id(token)
        ids = [known] if known is not None else old.encode(bpe.decode([i]), add_special_tokens=False).ids
        wide[i, :shape.width] = embedding[ids].mean(0)
    norm(weights["output_norm.weight"], trained["output_norm.weight"])
    places = [i * options.layers // shape.layers for i in range(shape.layers)]  # of the old layers, new ones between them
    for layer in range(options.layers):
        mine = {n: w for n, w in weights.items() if n.startswith(f"blk.{layer}.")}
        for name in ("attn_output", "ffn_down"):
            mine[f"blk.{layer}.{name}.weight"].zero_()
        if layer not in places:
            continue
        for name, w in mine.items():
            given = trained[name.replace(f"blk.{layer}.", f"blk.{places.index(layer)}.")]
            if name.endswith("norm.weight"):
                norm(w, given)
            else:
                w[tuple(slice(n) for n in given.shape)] = given
    model.load_state_dict(weights)
    train.save(options.out / "state.pt", model, *train.optimizers(model, 0, 0), 0)
    spelt = [len(bpe.encode(w).ids) for w in common]
    print(f"{grown}, {sum(p.numel() for p in model.parameters())} parameters; of {len(common)} words {spelt.count(1)} are whole")


if __name__ == "__main__":
    main()
