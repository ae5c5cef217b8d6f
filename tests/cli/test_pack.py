"""hearth pack: files that load at once and answer the same."""

import json
import os
import signal
import subprocess

from gguf import Gguf
from support import TestCase, file, folder, model, run, start, stories, STORIES


def packed(path):
    out = folder / f"packed-{path.name}"
    if not out.exists():
        result = run("pack", path, out)
        assert result.code == 0, result.err
    return out


class Pack(TestCase):
    def test_answers_are_the_same(self):
        for kind in ("F32", "Q8_0", "Q4_K_M"):
            with self.subTest(kind):
                path = model(f"pack-{kind}", "--type", kind, width=256)
                answers = ("-p", "abc abd", "-n", 20, "--temp", 0)
                for command, options, text in (("run", answers, b""), ("tokenize", (), b"some text")):
                    expected = self.check_ok(run(command, path, *options, stdin=text))
                    self.assertEqual(self.check_ok(run(command, packed(path), *options, stdin=text)), expected)

    @stories
    def test_trained_model(self):
        arguments = ("-p", "Once upon a time", "-n", 60, "--temp", 0)
        expected = self.check_ok(run("run", STORIES, *arguments))
        self.assertEqual(self.check_ok(run("run", packed(STORIES), *arguments)), expected)

    def test_prints_nothing_and_leaves_one_file(self):
        out = folder / "out" / "p.gguf"
        out.parent.mkdir()
        self.assertEqual(self.check_ok(run("pack", model(), out)), b"")
        self.assertEqual(os.listdir(out.parent), ["p.gguf"])
        before = out.read_bytes()
        self.check_ok(run("pack", model(), out))
        self.assertEqual(out.read_bytes(), before)

    def test_file_is_gguf_with_the_same_keys(self):
        path = model("keys", "--type", "Q8_0", "--merges")
        raw, out = Gguf(path.read_bytes()), Gguf(packed(path).read_bytes())
        for key, value in raw.keys.items():
            if key != "general.alignment":
                self.assertEqual(out.keys[key], value, key)
        self.assertEqual(set(out.keys) - set(raw.keys), {"general.alignment", "hearth.pack.version", "hearth.pack.layouts"})
        self.assertEqual([t[:2] for t in out.tensors], [t[:2] for t in raw.tensors])
        for before, after in zip(raw.tensors, out.tensors):
            self.assertEqual(after[2], before[2] + (0x48500000 if len(before[1]) > 1 else 0))

    def test_inspect_says_it(self):
        path = packed(model("keys", "--type", "Q8_0", "--merges"))
        info = json.loads(self.check_ok(run("inspect", path, "--json")))
        self.assertEqual(info["packed"], {"version": 1, "types": ["Q8_0"]})
        self.assertIs(info["supported"], True)
        self.assertIn("panels of Q8_0", self.check_ok(run("inspect", path)).decode())

    def test_refusals(self):
        out = folder / "never.gguf"
        self.check_error(run("pack", packed(model()), out), "packed already")
        self.check_error(run("pack", folder / "none.gguf", out), "none.gguf", "no such file")
        self.check_error(run("pack", file("text.gguf", b"no model"), out), "text.gguf", "not a GGUF file")
        self.check_error(run("pack", model(), folder / "nowhere" / "x.gguf"), "x.gguf", "does not exist")
        self.assertFalse(out.exists())
        self.assertEqual(run("pack", model()).code, 2)
        self.assertEqual(run("pack").code, 2)

    def test_another_version_or_layout_says_what_to_do(self):
        good = packed(model()).read_bytes()
        version = good.index(b"hearth.pack.version") + len(b"hearth.pack.version") + 4
        other = good[:version] + b"\x09" + good[version + 1:]
        self.check_error(run("run", file("v9.gguf", other), "-p", "a"), "v9.gguf", "version 9", "reads 1", "pack it again")
        layout = good.index(b"F32 ") + 4
        other = good[:layout] + bytes([good[layout] ^ 1]) + good[layout + 1:]
        self.check_error(run("run", file("l.gguf", other), "-p", "a"), "another layout", "pack it again")

    def test_truncated(self):
        good = packed(model()).read_bytes()
        for size in (0, 3, 100, len(good) // 2, len(good) - 64):
            self.assertEqual(run("run", file("cut.gguf", good[:size]), "-p", "a").code, 1)

    def test_interrupt_leaves_nothing(self):
        out = folder / "interrupted" / "p.gguf"
        out.parent.mkdir()
        process = start("pack", model("wide", "--type", "Q8_0", "--vocab", "40000", width=512), out, stderr=subprocess.PIPE)
        process.send_signal(signal.SIGINT)
        _, err = process.communicate(timeout=300)
        # Before its own handler stands the signal ends it; after the last slice it is too late to stop.
        self.assertIn(process.returncode, (130, -signal.SIGINT, 0), err)
        self.assertEqual(os.listdir(out.parent), ["p.gguf"] if process.returncode == 0 else [])
