"""Byte-level BPE. Words are merged without the space before them, so that a value is spelt alike in a sentence and behind a
quotation mark, which makes copying easy; only the space before the most frequent words joins them, as the last merges.
Merges never cross the borders of GPT-2's words, so GGUF's pre-tokenizer "gpt-2" finds the same tokens."""

import collections
import json
import re

from tokenizers import Regex, Tokenizer, decoders, models, pre_tokenizers, trainers

CONTROL = ["<|endoftext|>", "<|im_start|>", "<|im_end|>"]
MARKS = ["<tool_call>", "</tool_call>", "<tool_response>", "</tool_response>"]
PIECES = r"\p{L}+|\p{N}|[^\s\p{L}\p{N}]+|\s"


def train(texts, size, joined=300):
    """A tokenizer of `size` tokens, `joined` of them words with their space."""
    bpe = Tokenizer(models.BPE())
    bpe.pre_tokenizer = pre_tokenizers.Sequence(
        [pre_tokenizers.Split(Regex(PIECES), "isolated"), pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)])
    bytes_ = sorted(pre_tokenizers.ByteLevel.alphabet())
    trainer = trainers.BpeTrainer(vocab_size=size - joined - len(CONTROL) - len(MARKS), initial_alphabet=bytes_, show_progress=False,
                                  min_frequency=2)
    bpe.train_from_iterator(texts, trainer)
    vocab, merges = taken_apart(bpe)
    counts = collections.Counter(w for t in texts for w in re.findall(r"(?<= )(?:[A-Za-z]+|[^\s\w]+)", t))
    for word, _ in counts.most_common():
        if joined == 0:
            break
        if word in vocab and "Ġ" + word not in vocab:
            vocab["Ġ" + word] = len(vocab)
            merges.append(("Ġ", word))
            joined -= 1
    return finish(vocab, merges)


def taken_apart(bpe):
    """The words of a tokenizer with their numbers, and its merges, which versions of tokenizers write in two ways."""
    state = json.loads(bpe.to_str())["model"]
    return state["vocab"], [tuple(m) if isinstance(m, list) else tuple(m.split(" ")) for m in state["merges"]]


def finish(vocab, merges):
    bpe = Tokenizer(models.BPE(vocab=vocab, merges=merges))
    bpe.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=True)
    bpe.decoder = decoders.ByteLevel()
    bpe.add_special_tokens(CONTROL + MARKS)
    return bpe
