"""--lora, --control and hearth steer-train."""

import json

from gguf import Gguf
from support import TestCase, file, folder, model, run


def pairs(name="pairs.jsonl"):
    lines = [{"positive": f"{text} good", "negative": f"{text} bad"} for text in ("a b c", "the cat", "x")]
    return file(name, "\n".join(map(json.dumps, lines)).encode() + b"\n\n")


class Adapters(TestCase):
    def test_trains_and_steers(self):
        path = model()
        for method in ("mean", "pca"):
            out = folder / f"{method}.gguf"
            self.assertEqual(self.check_ok(run("steer-train", path, pairs(), "-o", out, "--method", method)), b"")
            vector = Gguf(out.read_bytes())
            self.assertTrue(vector.keys["general.architecture"][1].endswith(b"controlvector"))
            self.assertEqual([t[0] for t in vector.tensors], ["direction.1"])
            prompt = ("run", path, "-p", "abc abd", "-n", 12, "--temp", 0, "--ignore-eos")
            plain = self.check_ok(run(*prompt))
            self.assertEqual(self.check_ok(run(*prompt, "--control", f"{out}:0")), plain)
            self.assertNotEqual(self.check_ok(run(*prompt, "--control", f"{out}:30", "--control-layers", "1-1")), plain)
            self.assertNotEqual(self.check_ok(run(*prompt, "--control", out, "--control", f"{out}:29")), plain)

    def test_bad_input_is_told(self):
        path, lines = model(), pairs()
        out = folder / "none.gguf"
        for text, part in ((b"{", "line 1"), (b"[]", "line 1"), (b"{\"positive\": \"a\"}", "negative"),
                           (b"{\"positive\": \"a\", \"negative\": 3}", "neither"), (b"", "no pairs"),
                           (b"{\"positive\": \"a\", \"negative\": \"b\", \"more\": 1}", "more")):
            with self.subTest(text):
                self.check_error(run("steer-train", path, file("bad.jsonl", text), "-o", out), part)
        self.assertFalse(out.exists())
        self.check_ok(run("steer-train", path, lines, "-o", folder / "v.gguf"))
        prompt = ("run", path, "-p", "a", "-n", 1)
        self.check_error(run(*prompt, "--lora", folder / "v.gguf"), "--control")
        self.check_error(run(*prompt, "--lora", "nothing.gguf:x"), "no number")
        self.check_error(run(*prompt, "--lora", "nothing.gguf:1"), "nothing.gguf")
        self.check_error(run(*prompt, "--lora", path), "is no adapter")
