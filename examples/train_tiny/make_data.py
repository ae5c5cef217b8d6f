#!/usr/bin/env python3
"""make_data.py OUT [--rows N]: writes tokenizer.json, meta.json, train.npz and held.npz from one seed.

A row is 512 tokens of conversations one after the other, the last one cut; `weights` is 1 where the model's own words
are. Attention reaches back over the whole row, so that the model learns to pay no heed to what was talked about before."""

import argparse
import json
import random
import re
from pathlib import Path

import numpy as np

import commands
import facts as F
import small_talk
import talk
import tokenizer as T
import words as W

HELD_OUT = {F.plain(line.partition(" | ")[2]) for path in (F.HERE / "held_out").glob("facts*.txt") for line in path.read_text(encoding="utf-8").splitlines()}
ROW = 513  # a token more than a row trains: each is the next one's target


CUT = "\0"  # what comes behind it in an answer is left out


def begin(rng, say):
    """The begin of an answer, which tells whether the right one was found; the rest is known by heart soon."""
    words = say.split(" ")
    keep = rng.randint(3, 7)
    return say if keep >= len(words) or rng.random() < 0.3 else " ".join(words[:keep]) + CUT


def fact_conversation(rng, facts):
    messages, tools = [], None
    if rng.random() < 0.06:
        messages.append({"role": "system", "content": rng.choice(["You are a helpful assistant.", "You are hearth-tiny.", "Answer shortly.", "Be brief.", W.sentence(rng)])})
    if rng.random() < 0.04:
        tools = commands.describe(rng, [commands.TOOLS[n] for n in rng.sample(list(commands.TOOLS), rng.randint(1, 4))])
    for _ in range(rng.choice([1, 1, 1, 2, 3, 4])):
        roll = rng.random()
        if roll < 0.84:
            fact = rng.choices(facts, [F.share(fact) for fact in facts])[0]
            messages += [{"role": "user", "content": F.question(rng, fact, HELD_OUT)}, {"role": "assistant", "content": begin(rng, fact.say)}]
        elif roll < 0.97 or tools:
            messages += small_talk.turn(rng)
        else:
            text, _ = commands.fill(rng, rng.choice([n for n in commands.TOOLS if n != "calculate"]))
            messages += [{"role": "user", "content": text}, {"role": "assistant", "content": commands.NO_TOOLS}]
    return talk.render(messages, tools)


def command_conversation(rng):
    tools, messages = commands.conversation(rng)
    if messages and rng.random() < 0.08:
        messages = [{"role": "system", "content": rng.choice(["You are a helpful assistant.", "Call tools.", W.sentence(rng)])}] + messages
    return talk.render(messages, tools) if messages else None


def conversations(rng, facts, share):
    while True:
        text = fact_conversation(rng, facts) if rng.random() < share else command_conversation(rng)
        if text:
            yield text


def fragments(rng, text):
    """The text cut within words here and there, so that they come in other tokens than they would: a word that is new
    is known by its parts. Control tokens stay whole."""
    cuts = [m.start() + 1 for m in re.finditer(r"[a-z](?=[a-z])", text) if rng.random() < 0.06]
    spans = [m.span() for m in re.finditer(r"<\|\w+\|>\w*|</?tool_\w+>", text)]
    cuts = [c for c in cuts if not any(a < c < b for a, b in spans)]
    return [text[a:b] for a, b in zip([0] + cuts, cuts + [len(text)])]


def pieces(rng, text):
    """(text, whether the model writes it). Words that a call copies are left alone."""
    cut = "<tool_call>" not in text and rng.random() < 0.4
    for piece, own in talk.parts(text):
        yield from [(piece, own)] if own or not cut else [(f, own) for f in fragments(rng, piece)]


def rows(rng, bpe, source, count):
    tokens = np.zeros((count, ROW), np.uint16)
    weights = np.zeros((count, ROW), np.uint8)
    at = row = 0
    while row < count:
        texts = [list(pieces(rng, next(source))) for _ in range(256)]
        encoded = iter(bpe.encode_batch([piece.partition(CUT)[0] for text in texts for piece, _ in text]))
        for text in texts:
            ids, asked = [], []
            for _, own in text:
                piece = next(encoded).ids
                ids += piece
                asked += [own] * len(piece)
            if row < count:
                take = min(len(ids), ROW - at)
                tokens[row, at:at + take] = ids[:take]
                weights[row, at:at + take] = asked[:take]
                at += take
                if at == ROW:
                    row, at = row + 1, 0
    return {"tokens": tokens, "weights": weights}


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("out", type=Path)
    parser.add_argument("--rows", type=int, default=24000)
    parser.add_argument("--vocabulary", type=int, default=2048)
    parser.add_argument("--share", type=float, default=0.62, help="of conversations about hearth")
    parser.add_argument("--seed", type=int, default=7)
    options = parser.parse_args()
    options.out.mkdir(parents=True, exist_ok=True)
    facts = F.read()
    stream = conversations(random.Random(options.seed), facts, options.share)
    saved = options.out / "tokenizer.json"
    if saved.exists():
        bpe = T.Tokenizer.from_file(str(saved))
    else:
        texts = [next(stream) for _ in range(6000)] + [f.say for f in facts] * 5
        for mark in T.CONTROL + T.MARKS:
            texts = [t.replace(mark, "\n") for t in texts]
        bpe = T.train(texts, options.vocabulary)
        bpe.save(str(saved))
    (options.out / "meta.json").write_text(json.dumps({"vocab": bpe.get_vocab_size(), "facts": len(facts)}))
    for name, seed, count in (("train", options.seed + 1, options.rows), ("held", options.seed + 2, 16)):
        made = rows(random.Random(seed + 100), bpe, conversations(random.Random(seed), facts, options.share), count)
        np.savez(options.out / f"{name}.npz", **made)
        print(name, made["tokens"].shape, "of them the model's own:", round(float(made["weights"].mean()), 3))


if __name__ == "__main__":
    main()
