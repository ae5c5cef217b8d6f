"""Encodes the same text with bench_tokenizer and with Hugging Face `tokenizers`, both on one thread, in alternating
rounds, and prints a table of speeds and their ratio (median of the rounds).

    python compare.py [--text FILE] [--rounds N] BENCH_TOKENIZER VOCABULARY.gguf...     (pip install tokenizers gguf)

The `tokenizers` side is built from the same file: its tokens and merges, and the pattern of its pre-tokenizer. Without
--text the text is a megabyte of English prose and Python source (from the running Python's own library) and invented
words of other scripts.
"""

import argparse
import json
import os
import pathlib
import random
import statistics
import subprocess
import sys
import sysconfig
import tempfile
import time

os.environ["TOKENIZERS_PARALLELISM"] = "false"
os.environ["RAYON_NUM_THREADS"] = "1"

from gguf import GGUFReader  # noqa: E402
from tokenizers import Regex, Tokenizer, models, normalizers, pre_tokenizers  # noqa: E402

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / "tests" / "text"))
from make_pre_tokenizer_golden import PATTERNS  # noqa: E402

ALIASES = {"refact": "starcoder", "smollm": "starcoder", "command-r": "starcoder", "lfm2": "llama-bpe", "llama3": "llama-bpe",
           "deepseek-r1-qwen": "qwen2", "phi-2": "gpt-2", "hunyuan-dense": "deepseek-v3"}  # fmt: skip


def mixed_text(size):
    library = pathlib.Path(sysconfig.get_paths()["stdlib"])
    prose = (library / "pydoc_data" / "topics.py").read_text("utf-8").replace("\\n", "\n")
    code = "".join((library / n).read_text("utf-8") for n in ("argparse.py", "typing.py", "decimal.py", "inspect.py"))
    rng = random.Random(1)
    scripts = [(0x430, 0x44F), (0x3B1, 0x3C9), (0x5D0, 0x5EA), (0x905, 0x939), (0x4E00, 0x6000), (0x3042, 0x3093), (0xAC00, 0xB000)]
    lexicon = ["".join(chr(rng.randint(*s)) for _ in range(rng.randint(1, 7))) for s in scripts for _ in range(400)]
    lexicon += [str(rng.randint(0, 99999)) for _ in range(200)] + ["😀", "👍🏽", "🇩🇪", "½", "€"]
    words = (lexicon[min(len(lexicon) - 1, int(rng.paretovariate(0.4)))] for _ in range(size))
    out, other = [], iter(words)
    total = 0
    while total < size:
        for part in (prose[: size // 40], code[: size // 80], " ".join(next(other) for _ in range(size // 600)) + "\n"):
            out.append(part)
            total += len(part.encode())
        prose, code = prose[size // 40 :], code[size // 80 :]
    return "".join(out).encode()[:size].decode(errors="ignore")


def field(reader, key):
    f = reader.fields.get(key)
    return None if f is None else f.contents()


def reference(path):
    reader = GGUFReader(path)
    model, pre = field(reader, "tokenizer.ggml.model"), field(reader, "tokenizer.ggml.pre")
    tokens = field(reader, "tokenizer.ggml.tokens")
    vocab = {t: i for i, t in enumerate(tokens)}
    if model == "llama":
        scores = field(reader, "tokenizer.ggml.scores")
        merges = []
        for token, i in vocab.items():
            for k in range(1, len(token)):
                if token[:k] in vocab and token[k:] in vocab:
                    merges.append((-scores[i], vocab[token[:k]], token[:k], token[k:]))
        merges.sort()
        out = Tokenizer(models.BPE(vocab, [m[2:] for m in merges], unk_token="<unk>", byte_fallback=True, fuse_unk=True))
        out.normalizer = normalizers.Sequence([normalizers.Prepend("▁"), normalizers.Replace(" ", "▁")])
        return out
    merges = [(m[: m.index(" ", 1)], m[m.index(" ", 1) + 1 :]) for m in field(reader, "tokenizer.ggml.merges")]
    name = ALIASES.get(pre, pre)
    out = Tokenizer(models.BPE(vocab, merges, ignore_merges=name in ("llama-bpe", "tekken")))
    splits = [pre_tokenizers.Split(Regex(p), "isolated") for p in PATTERNS[name]]
    out.pre_tokenizer = pre_tokenizers.Sequence(splits + [pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)])
    return out


def speed(work, size, rounds=3):
    best = 1e9
    for _ in range(rounds):
        start = time.perf_counter()
        work()
        best = min(best, time.perf_counter() - start)
    return size / 1e6 / best


def main():
    args = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    args.add_argument("bench")
    args.add_argument("vocabularies", nargs="+")
    args.add_argument("--text", type=pathlib.Path)
    args.add_argument("--rounds", type=int, default=5)
    args = args.parse_args()
    text = args.text.read_bytes().decode() if args.text else mixed_text(1 << 20)
    size = len(text.encode())
    lines = text.split("\n")
    print(f"{size} bytes, {args.rounds} rounds, MB/s on one thread; load in ms")
    print(f"{'vocabulary':<28}{'hearth':>9}{'tokenizers':>12}{'ratio':>8}{'by lines':>10}{'tokenizers':>12}{'ratio':>8}{'load':>8}{'ids':>8}")
    with tempfile.TemporaryDirectory() as folder:
        file = pathlib.Path(folder) / "text"
        file.write_bytes(text.encode())
        for path in args.vocabularies:
            other = reference(path)
            rounds = []
            for _ in range(args.rounds):
                run = subprocess.run([args.bench, str(file), path], check=True, capture_output=True, text=True)
                ours = json.loads(run.stdout)
                # The batch call without offsets is the quicker of its two.
                whole = max(speed(lambda: other.encode(text, add_special_tokens=False), size),
                            speed(lambda: other.encode_batch_fast([text], add_special_tokens=False), size))  # fmt: skip
                by_line = speed(lambda: [other.encode(line, add_special_tokens=False) for line in lines], size)
                rounds.append((ours["encode_mb_s"], whole, ours["encode_mb_s"] / whole, ours["lines_mb_s"], by_line,
                               ours["lines_mb_s"] / by_line, ours["load_ms"]))  # fmt: skip
            hash_ = 2166136261
            for i in other.encode(text, add_special_tokens=False).ids:
                hash_ = ((hash_ ^ i) * 16777619) & 0xFFFFFFFF
            m = [statistics.median(column) for column in zip(*rounds)]
            name = pathlib.Path(path).stem.removeprefix("ggml-vocab-")
            same = "same" if hash_ == ours["hash"] else "differ"
            print(f"{name:<28}{m[0]:>9.1f}{m[1]:>12.1f}{m[2]:>8.1f}{m[3]:>10.1f}{m[4]:>12.1f}{m[5]:>8.1f}{m[6]:>8.1f}{same:>8}")


if __name__ == "__main__":
    main()
