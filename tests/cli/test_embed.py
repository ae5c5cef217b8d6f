"""hearth embed."""

import array
import json
import math
import struct
import sys

from support import TestCase, file, folder, model, run


def floats(path):
    values = array.array("f")
    values.frombytes(path.read_bytes())
    if sys.byteorder == "big":
        values.byteswap()
    return list(values)


class Embed(TestCase):
    def embed(self, *options, name="vectors.f32"):
        out = folder / name
        self.check_ok(run("embed", model(), "--out", out, *options))
        return out

    def test_texts_are_rows_in_their_order(self):
        together = floats(self.embed("--pooling", "mean", "-p", "one text", "-p", "another, longer text", "-p", "x"))
        self.assertEqual(len(together), 3 * 64)
        for i, text in enumerate(("one text", "another, longer text", "x")):
            self.assertEqual(floats(self.embed("--pooling", "mean", "-p", text)), together[i * 64:(i + 1) * 64])
        lines = file("lines.txt", b"one text\nanother, longer text\r\nx\n")
        self.assertEqual(floats(self.embed("--pooling", "mean", "--file", lines)), together)

    def test_formats_have_the_same_values(self):
        options = ("--pooling", "last", "-p", "some text", "-p", "more")
        raw = floats(self.embed(*options))
        rows = json.loads(self.embed(*options, name="vectors.json").read_text())
        self.assertEqual([len(r) for r in rows], [64, 64])
        for got, want in zip((x for row in rows for x in row), raw):
            self.assertEqual(struct.pack("<f", got), struct.pack("<f", want))
        npy = self.embed(*options, name="vectors.npy").read_bytes()
        self.assertEqual(npy[:8], b"\x93NUMPY\x01\x00")
        (length,) = struct.unpack("<H", npy[8:10])
        self.assertEqual((10 + length) % 64, 0)
        self.assertIn(b"'shape': (2, 64)", npy[10:10 + length])
        self.assertEqual(npy[10 + length:], (folder / "vectors.f32").read_bytes())

    def test_pooling_dimensions_and_length(self):
        states = floats(self.embed("--tokens", "1,5,6,7"))
        self.assertEqual(len(states), 4 * 64)
        self.assertEqual(floats(self.embed("--tokens", "1,5,6,7", "--pooling", "cls")), states[:64])
        self.assertEqual(floats(self.embed("--tokens", "1,5,6,7", "--pooling", "last")), states[-64:])
        cut = floats(self.embed("--tokens", "1,5,6,7", "--pooling", "last", "--normalize", "--dimensions", "16"))
        self.assertEqual(len(cut), 16)
        self.assertAlmostEqual(sum(x * x for x in cut), 1, places=5)
        length = math.sqrt(sum(x * x for x in states[-64:-48]))
        for got, want in zip(cut, states[-64:-48]):
            self.assertAlmostEqual(got, want / length, places=5)

    def test_what_is_wrong_is_said(self):
        for options, word in ((("-p", "x"), "--out"), (("--out", "o"), "-p"), (("-p", "x", "--out", "o", "--pooling", "max"), "max"),
                              (("--tokens", "1,x", "--out", "o"), "'x'")):
            result = run("embed", model(), *options)
            self.assertEqual(result.code, 2)
            self.assertIn(word, result.err)
        for options, word in ((("--rerank", "query", "-p", "x"), "reranker"), (("--tokens", "99999", "--out", "o"), "vocabulary"),
                              (("-p", "x", "--out", "o", "--pooling", "mean", "--dimensions", "65"), "64"),
                              (("--file", folder / "none.txt", "--out", "o"), "none.txt"), (("-p", "a" * 3000, "--out", "o"), "512")):
            result = run("embed", model(), *options)
            self.assertEqual(result.code, 1)
            self.assertIn(word, result.err)

    def test_truncation_keeps_what_fits(self):
        words = "a b c d e " * 400
        self.assertEqual(len(floats(self.embed("-p", words, "--truncate"))), 512 * 64)
