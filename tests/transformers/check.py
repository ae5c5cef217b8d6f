"""check.py --hearth FILE [--seed N…] [--only TEXT…] [--list]: folders as transformers writes them, against transformers itself.

For every case of cases.json builds a small random model of a class of transformers, saves it with save_pretrained, and
compares what hearth makes of the folder with what the class computes in double precision: the logits of every token, or the
vectors of an encoder. Parameters are random throughout, norms and biases as well, so that nothing is lost in ones and zeros.
Every folder is read a second time with the config.json that the case states, as older and published folders have it,
instead of that which this version of transformers writes; the bytes must be the same.

A row of results passes where no value differs by more than TOLERANCE of the largest. Where rounding decides (an expert's
score next to another's, say) it may differ by as much as it does in transformers when all parameters are
changed by JITTER of themselves; such rows are counted, and the row in the middle must not differ by more than MEDIAN.
Classes that the installed transformers does not have are counted as skipped, by name. Needs torch and transformers.
"""
import argparse
import contextlib
import inspect
import json
import pathlib
import subprocess
import sys
import tempfile
import traceback

import numpy as np
import torch
import transformers
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers

TOLERANCE, MEDIAN = 1e-5, 3e-5
JITTER, DRAWS = 5e-7, 4  # eight times what single precision rounds by
HERE = pathlib.Path(__file__).resolve().parent
TEXTS = ["Hello world", " two  spaces\n\nlines\r\n\ttabs ", "It's 2024: we've 12345 apples!", "naïve café cafe\u0301 日本語 🙂👩‍👧", "snake_case x**2"]


def cases():
    """Those of cases.json with what they take from others."""
    listed = json.loads((HERE / "cases.json").read_text(encoding="utf-8"))
    by_name = {}
    for case in listed:
        if "like" in case:
            base = by_name[case["like"]]
            case = {**base, **case, "config": {**base["config"], **case.get("config", {})}}
        assert case["name"] not in by_name, case["name"]
        by_name[case["name"]] = case
    return list(by_name.values())


@contextlib.contextmanager
def in_double():
    """Classes ask for single precision by name in norms, rotations and recurrences, which then is double as well."""
    names = {"float32": torch.float32, "float": torch.float}
    for name in names:
        setattr(torch, name, torch.float64)
    torch.Tensor.float = torch.Tensor.double
    try:
        yield
    finally:
        for name, kind in names.items():
            setattr(torch, name, kind)
        del torch.Tensor.float


@contextlib.contextmanager
def sample_deviation(wanted):
    """GGUF files of Gemma 3n are computed with deviations over n - 1, folders like them; transformers takes them over n."""
    own = torch.std
    if wanted:
        torch.std = lambda *arguments, **named: own(*arguments, **{**named, "unbiased": True})
    try:
        yield
    finally:
        torch.std = own


def fill(model, generator):
    """Random parameters: those that begin as ones around 1, those that begin as zeros around 0, matrices by their width."""
    def noise(tensor):
        return torch.randn(tensor.shape, generator=generator, dtype=torch.float32)

    with torch.no_grad():
        for name, t in model.state_dict().items():
            if name.endswith("tid2eid"):
                experts = model.config.n_routed_experts
                order = torch.stack([torch.randperm(experts, generator=generator) for _ in range(t.shape[0])])
                t.copy_(order[:, : t.shape[1]])
            elif not t.is_floating_point():
                continue
            elif name.endswith("A_log"):
                t.copy_(0.7 + 0.5 * noise(t))
            elif t.dim() < 2 or name.endswith(("dt_bias", "_bias", "layer_scalar")):
                about = 1.0 if t.numel() and bool((t == 1).all()) else 0.0
                t.copy_(about + 0.3 * noise(t))
            elif "embed" in name and t.dim() == 2 and "proj" not in name:
                t.copy_(noise(t))
            else:
                t.copy_(noise(t) * (1.2 / t.shape[-1] ** 0.5))


def built(case, generator):
    """The model; LookupError where this transformers has none of its class."""
    cls = getattr(transformers, case["class"], None)
    if cls is None:
        raise LookupError(f"{case['class']}, which transformers {transformers.__version__} does not have")
    settings = {k: v for k, v in case["config"].items() if k != "text_config"}
    if "text_config" in case["config"]:
        settings["text_config"] = dict(case["config"]["text_config"])
    config = cls.config_class(**json.loads(json.dumps(settings)))
    for part in (config, getattr(config, "text_config", None)):
        if part is not None:
            part._attn_implementation = part._experts_implementation = "eager"
    torch.manual_seed(0)
    with in_double():
        model = cls(config).eval()
    model.tie_weights()
    fill(model, generator)
    model.tie_weights()
    return model


def results(model, case, ids):
    kind = case.get("results", "logits")
    with torch.no_grad(), in_double(), sample_deviation(case.get("sample_deviation", False)):
        out = model(input_ids=torch.tensor([ids]), **({"use_cache": False} if kind == "logits" else {}))
    if kind == "logits":
        return out.logits[0].double().numpy()
    if kind == "score":
        return out.logits.double().numpy()
    return out.last_hidden_state[0].double().numpy()


def spread(model, case, ids, reference, generator):
    """How far a row goes when every parameter changes by JITTER of itself: by far more than rounding does."""
    worst = np.zeros(len(reference))
    kept = {n: p.detach().clone() for n, p in model.named_parameters()}
    for _ in range(DRAWS):
        with torch.no_grad():
            for n, p in model.named_parameters():
                p.copy_(kept[n] * (1 + JITTER * torch.randn(p.shape, generator=generator, dtype=torch.float64)))
        worst = np.maximum(worst, np.abs(results(model, case, ids) - reference).max(axis=1))
    with torch.no_grad():
        for n, p in model.named_parameters():
            p.copy_(kept[n])
    return worst


def write_tokenizer(folder, vocab):
    t = Tokenizer(models.BPE())
    t.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    t.decoder = decoders.ByteLevel()
    t.train_from_iterator(TEXTS * 4, trainers.BpeTrainer(vocab_size=vocab, initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
                                                         show_progress=False))
    t.save(str(folder / "tokenizer.json"))
    return t


def run(program, *arguments, stdin=None):
    done = subprocess.run([str(program), *map(str, arguments)], capture_output=True, input=stdin, timeout=600, check=False)
    if done.returncode != 0:
        raise RuntimeError(done.stderr.decode(errors="replace").strip())
    return done.stdout


def of_hearth(program, folder, case, ids, width):
    out = folder.parent / "out.f32"
    kind = case.get("results", "logits")
    tokens = ",".join(map(str, ids))
    extra = case.get("options", [])
    if kind == "logits":
        run(program, "logits", folder, "--tokens", tokens, "--out", out, *extra)
    elif kind == "score":
        run(program, "embed", folder, "--tokens", tokens, "--pooling", "rank", "--out", out, *extra)
    else:
        run(program, "embed", folder, "--tokens", tokens, "--pooling", "none", "--out", out, *extra)
    return np.fromfile(out, dtype="<f4").reshape(-1, width)


def published(case, model):
    """config.json as the case states it."""
    config = {"architectures": [case["class"]], "model_type": model.config.model_type, **case["config"]}
    if "text_config" in config and getattr(model.config, "text_config", None) is not None:
        config["text_config"] = {"model_type": model.config.text_config.model_type, **config["text_config"]}
    return json.dumps(config)


def check(case, seed, program, verbose):
    """(error of the worst row, error of the median row, rows that rounding decides) or an exception."""
    generator = torch.Generator().manual_seed(seed)
    model = built(case, generator)
    text = case["config"].get("text_config", case["config"])
    vocab = text["vocab_size"]
    # From `low` on: RoBERTa's positions leave the padding token out, which hearth never puts into a text.
    ids = torch.randint(case.get("low", 0), vocab, (case.get("tokens", 130),), generator=generator).tolist()
    with tempfile.TemporaryDirectory(prefix="hearth-transformers-") as scratch:
        folder = pathlib.Path(scratch) / "model"
        model.save_pretrained(folder)
        write_tokenizer(folder, min(vocab, 300))
        model.double()
        reference = results(model, case, ids)
        got = of_hearth(program, folder, case, ids, reference.shape[1]).astype(np.float64)
        if got.shape != reference.shape:
            raise RuntimeError(f"results are {got.shape}, expected {reference.shape}")
        if case.get("published", True):
            (folder / "config.json").write_text(published(case, model), encoding="utf-8")
            again = of_hearth(program, folder, case, ids, reference.shape[1])
            if not np.array_equal(again.astype(np.float64), got, equal_nan=True):
                raise RuntimeError(f"with config.json as the case states it results differ by {np.abs(again - got).max():.2e}")
    scale = np.abs(reference).max()
    if not np.isfinite(reference).all() or not scale > 0:
        raise RuntimeError("transformers' own results are not finite")
    errors = np.abs(got - reference).max(axis=1) / scale
    errors[~np.isfinite(errors)] = np.inf
    beyond = errors > TOLERANCE
    if beyond.any():
        allowed = spread(model, case, ids, reference, generator) / scale
        if verbose:
            for row in np.flatnonzero(beyond):
                print(f"    row {row}: error {errors[row]:.2e}, spread {allowed[row]:.2e}")
        unexplained = errors > np.maximum(TOLERANCE, allowed)
        if unexplained.any() or np.median(errors) > MEDIAN:
            rows = np.flatnonzero(unexplained if unexplained.any() else beyond)
            raise RuntimeError(f"{len(rows)} of {len(errors)} rows differ by more than {TOLERANCE:.0e} of the largest value, the first is {rows[0]}; "
                               f"worst {errors.max():.2e}, median {np.median(errors):.2e}")
    return errors.max(), float(np.median(errors)), int(beyond.sum())


def check_tokenizer(program):
    with tempfile.TemporaryDirectory(prefix="hearth-transformers-") as scratch:
        folder = pathlib.Path(scratch) / "model"
        model = built(cases()[0], torch.Generator().manual_seed(1))
        model.save_pretrained(folder)
        tokenizer = write_tokenizer(folder, 300)
        for text in TEXTS:
            want = tokenizer.encode(text, add_special_tokens=False).ids
            got = [int(i) for i in run(program, "tokenize", folder, "--no-bos", stdin=text.encode()).split()]
            if got != want:
                raise RuntimeError(f"{text!r} has the tokens {got}, expected {want}")


def main():
    parser = argparse.ArgumentParser(description=inspect.cleandoc(__doc__), formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--hearth", type=pathlib.Path)
    parser.add_argument("--seed", type=int, nargs="+", default=[1])
    parser.add_argument("--only", nargs="+", help="cases whose names have one of these within")
    parser.add_argument("--list", action="store_true")
    parser.add_argument("--verbose", action="store_true")
    options = parser.parse_args()
    chosen = [c for c in cases() if not options.only or any(o in c["name"] for o in options.only)]
    if options.list:
        return print(*(f"{c['name']}: {c['class']}" for c in chosen), sep="\n")
    if options.hearth is None:
        parser.error("--hearth is needed")
    transformers.logging.set_verbosity_error()
    transformers.logging.disable_progress_bar()
    torch.set_num_threads(1)
    passed = failed = 0
    if not options.only:
        check_tokenizer(options.hearth)
    for case in chosen:
        for seed in options.seed:
            name = f"{case['name']} (seed {seed})"
            try:
                worst, median, decided = check(case, seed, options.hearth, options.verbose)
            except LookupError as missing:
                print(f"SKIPPED 1 {missing}")
                break
            except Exception as error:  # pylint: disable=broad-except
                failed += 1
                print(f"RESULT failed {name}: {error}", flush=True)
                if options.verbose:
                    traceback.print_exc()
                continue
            passed += 1
            print(f"RESULT passed {name}: worst row {worst:.1e}, median {median:.1e}" +
                  (f", {decided} rows by rounding" if decided else ""), flush=True)
    sys.exit(1 if failed or not passed else 0)


if __name__ == "__main__":
    main()
