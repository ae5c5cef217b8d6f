#!/usr/bin/env python3
"""Whole-model speed, in rounds that rotate hearth and other engines, so that a machine that drifts drifts for all.

    bench/e2e/run.py model.gguf ...                         files
    bench/e2e/run.py --make llama-1b:Q4_K_M --dir /tmp/m    random weights in the shapes of a known model
    bench/e2e/run.py model.gguf --peer 'NAME' 'COMMAND' 'PREFILL' 'DECODE'

COMMAND runs in a shell, with {model} {threads} {prompt} {tokens} {depth} filled in. PREFILL and DECODE are regular
expressions with one group, a number of tokens per second, searched in what COMMAND prints. --peer may stand several times.

Every round measures this machine's streaming read, then every engine once; the first round warms the file cache and is not
counted. Ratios are taken within a round; medians are told. The result is one JSON object on stdout (or --out FILE).
"""
import argparse
import json
import pathlib
import re
import shlex
import statistics
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]
SHAPES = ROOT / "../shared/tools/make_random_gguf.py"


def arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("models", nargs="*", type=pathlib.Path)
    parser.add_argument("--make", action="append", default=[], metavar="SHAPE:TYPE", help="a model of make_random_gguf.py")
    parser.add_argument("--dir", type=pathlib.Path, default=pathlib.Path("/tmp"), help="where made models are kept")
    parser.add_argument("--hearth", type=pathlib.Path, default=ROOT / "build/release/bin/hearth")
    parser.add_argument("--options", default="", help="more options of hearth bench, such as '--isa avx2 --kv q8_0'")
    parser.add_argument("--peer", action="append", default=[], nargs=4, metavar=("NAME", "COMMAND", "PREFILL", "DECODE"))
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--prompt", type=int, default=512)
    parser.add_argument("--tokens", type=int, default=48)
    parser.add_argument("--depth", type=int, default=0)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--out", type=pathlib.Path)
    options = parser.parse_args()
    if not options.models and not options.make:
        parser.error("name a model file, or --make one")
    if options.rounds < 1:
        parser.error("--rounds is at least 1")
    return options


def made(shape_and_type, folder):
    """The file of a random model, written unless it is there."""
    shape, _, kind = shape_and_type.rpartition(":")
    if not shape:
        sys.exit(f"--make takes SHAPE:TYPE, not {shape_and_type!r}")
    path = folder / (re.sub(r"[^\w.-]", "-", shape_and_type) + ".gguf")
    if not path.exists():
        part = path.with_suffix(".part")
        subprocess.run([sys.executable, SHAPES, shape, kind, part], check=True, stdout=sys.stderr)
        part.rename(path)
    return path


def output_of(command, **how):
    run = subprocess.run(command, capture_output=True, text=True, **how)
    if run.returncode != 0:
        sys.exit(f"failed with {run.returncode}: {command}\n{run.stdout}{run.stderr}")
    return run.stdout


def hearth(options, model):
    command = [options.hearth, "bench", model, "--json", "-r", "1", "-p", options.prompt, "-n", options.tokens, "-d",
               options.depth, "--threads", options.threads, *shlex.split(options.options)]
    return json.loads(output_of([str(word) for word in command]))


def stream(options):
    command = [str(options.hearth), "bench", "--stream", "--json", "--threads", str(options.threads)]
    return json.loads(output_of(command))["stream_gbps"]


def peer(options, model, name, command, prefill, decode):
    text = output_of(command.format(model=shlex.quote(str(model)), threads=options.threads, prompt=options.prompt,
                                    tokens=options.tokens, depth=options.depth), shell=True)
    figures = {}
    for key, pattern in (("prefill_tps", prefill), ("decode_tps", decode)):
        found = re.search(pattern, text)
        if found is None:
            sys.exit(f"{name}: nothing matches {pattern!r} in\n{text}")
        figures[key] = float(found.group(1))
    return figures


def median(rounds, figure):
    values = [figure(r) for r in rounds]
    values = [v for v in values if v is not None]
    return statistics.median(values) if values else None


def share(part, whole):
    return part / whole if part is not None and whole else None


def measure(options, model):
    engines = {"hearth": lambda: hearth(options, model)}
    for given in options.peer:
        engines[given[0]] = lambda given=given: peer(options, model, *given)
    rounds = []
    for index in range(options.rounds + 1):
        order = list(engines)
        order = order[index % len(order):] + order[:index % len(order)]
        rounds.append({"stream_gbps": stream(options), **{name: engines[name]() for name in order}})
        print(f"{model.name}: round {index} of {options.rounds}", file=sys.stderr)
    rounds = rounds[1:]
    result = {
        "model": model.name,
        "file_bytes": model.stat().st_size,
        "stream_gbps": median(rounds, lambda r: r["stream_gbps"]),
        "decode_share_of_stream": median(rounds, lambda r: share(r["hearth"]["decode_gbps"], r["stream_gbps"])),
    }
    for key in ("prefill_tps", "decode_tps"):
        result[key] = {name: median(rounds, lambda r: r[name][key]) for name in engines}
        result[key.replace("tps", "ratio")] = {
            name: median(rounds, lambda r: share(r["hearth"][key], r[name][key])) for name in engines if name != "hearth"}
    for key in ("load_s", "peak_rss_bytes"):
        result[key] = median(rounds, lambda r: r["hearth"][key])
    return {**result, "rounds": rounds}


def main():
    options = arguments()
    models = options.models + [made(name, options.dir) for name in options.make]
    settings = {key: getattr(options, key) for key in ("threads", "prompt", "tokens", "depth", "options")}
    text = json.dumps({**settings, "models": [measure(options, model) for model in models]}, indent=1)
    if options.out:
        options.out.write_text(text + "\n")
    else:
        print(text)


if __name__ == "__main__":
    main()
