#!/usr/bin/env python3
"""chat.py --hearth PROGRAM: what a newcomer does with the model that comes with hearth, as documents tell it."""

import argparse
import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
MODEL = ROOT / "examples" / "models" / "hearth-tiny.gguf"
TOOLS = ROOT / "examples" / "train_tiny" / "tools.json"


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--hearth", required=True)
    options = parser.parse_args()
    failures = []

    def must(condition, sentence):
        if not condition:
            failures.append(sentence)

    def chat(said, *more):
        ran = subprocess.run([options.hearth, "chat", str(MODEL), "--temp", "0", *more], input=said, capture_output=True, text=True, timeout=60)
        must(ran.returncode == 0, f"chat exits with {ran.returncode}: {ran.stderr}")
        return ran.stdout

    must(MODEL.stat().st_size <= 8_000_000, f"the model has {MODEL.stat().st_size} bytes, at most 8000000 are allowed")
    text = chat("how do I load a model in Rust?\n")
    must('hearth::Model::open("model.gguf")' in text, f"Rust: {text!r}")
    text = chat("Hello!\nwhat is a session?\nWho won the football game?\n")
    for words in ("Hello", "conversation", "only knows hearth"):
        must(words in text, f"a conversation without '{words}': {text!r}")
    text = chat("set a timer for 5 minutes\nok\n", "--tools", str(TOOLS))
    must(re.search(r'set_timer.*"amount": ?5, ?"unit": ?"minutes"', text), f"a timer: {text!r}")
    # What the README shows comes from the model, word for word; the script opens the same chat.
    shown = re.search(r"^\$ examples/quickstart\.sh\n> (.*)\n((?:.*\n)*?)```", (ROOT / "README.md").read_text(encoding="utf-8"), re.M)
    must(shown and shown[2].replace("\n", " ").strip() in chat(shown[1] + "\n").replace("\n", " "), "the README shows another answer than the model gives")
    script = ROOT / "examples" / "quickstart.sh"
    must('chat "$here/examples/models/hearth-tiny.gguf"' in script.read_text(), "examples/quickstart.sh opens no chat with the model")
    if Path(options.hearth).resolve() == ROOT / "build" / "release" / "bin" / "hearth":  # built already, so that it builds nothing
        ran = subprocess.run([script], input=f"{shown[1]}\n", capture_output=True, text=True, timeout=600)
        must(ran.returncode == 0 and shown[2].split()[0] in ran.stdout, f"examples/quickstart.sh: {ran.stdout!r} {ran.stderr}")
    for failure in failures:
        print(failure)
    sys.exit(bool(failures))


if __name__ == "__main__":
    main()
