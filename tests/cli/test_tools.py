"""hearth inspect, tokenize, logits and bench."""

import array
import json
import sys
import unittest

from gguf import Gguf
from support import GOLDEN, STORIES, TestCase, file, folder, model, run, stories


def floats(path):
    values = array.array("f")
    values.frombytes(path.read_bytes())
    if sys.byteorder == "big":
        values.byteswap()
    return values


class Inspect(TestCase):
    def test_json_tells_what_the_file_holds(self):
        path = model()
        raw = Gguf(path.read_bytes())
        info = json.loads(self.check_ok(run("inspect", path, "--json")))
        self.assertIs(info["supported"], True)
        self.assertEqual(info["architecture"], "llama")
        self.assertEqual(info["layers"], 2)
        self.assertEqual(info["embedding_length"], 64)
        self.assertEqual(info["tensors"], len(raw.tensors))
        self.assertEqual(info["file_bytes"], path.stat().st_size)
        parameters = 0
        for _, dims, _, _ in raw.tensors:
            count = 1
            for d in dims:
                count *= d
            parameters += count
        self.assertEqual(info["parameters"], parameters)
        self.assertEqual(info["vocabulary"]["size"], len(raw.strings("tokenizer.ggml.tokens")))
        self.assertGreater(info["memory"]["weights"], 0)
        self.assertGreater(info["memory"]["kv_bytes_per_token"], 0)

    def test_table_has_the_same_facts(self):
        text = self.check_ok(run("inspect", model("q8", "--type", "Q8_0"))).decode()
        for word in ("llama", "Q8_0", "512 tokens", "memory", "bits per weight"):
            self.assertIn(word, text)

    def test_weights_are_not_needed(self):
        vocabulary_only = Gguf(model().read_bytes())
        vocabulary_only.tensors, vocabulary_only.data = [], b""
        info = json.loads(self.check_ok(run("inspect", file("vocabulary.gguf", vocabulary_only.bytes()), "--json")))
        self.assertIs(info["supported"], False)
        self.assertIn("missing", info["why"]["message"])


class Tokenize(TestCase):
    def ids(self, path, text, *options):
        return [int(i) for i in self.check_ok(run("tokenize", path, *options, stdin=text.encode())).split()]

    def test_formats_agree(self):
        text = "Hello wörld, 🙂\n two  spaces"
        ids = self.ids(model(), text)
        out = json.loads(self.check_ok(run("tokenize", model(), "--json", stdin=text.encode())))
        self.assertEqual(out["tokens"], ids)
        self.assertEqual(len(out["pieces"]), len(ids))
        self.assertGreater(len(ids), 1)

    def test_no_bos(self):
        with_bos, without = self.ids(model(), "abc"), self.ids(model(), "abc", "--no-bos")
        self.assertEqual(with_bos[1:], without)
        self.assertEqual(with_bos[0], 1)

    def test_special_tokens_only_when_asked_for(self):
        self.assertNotIn(2, self.ids(model(), "a</s>b", "--no-bos"))
        self.assertIn(2, self.ids(model(), "a</s>b", "--no-bos", "--parse-special"))

    def test_empty_input(self):
        self.assertEqual(self.check_ok(run("tokenize", model(), "--no-bos")), b"\n")
        self.assertEqual(json.loads(self.check_ok(run("tokenize", model(), "--no-bos", "--json"))), {"tokens": [], "pieces": []})

    def test_pieces_spell_the_text(self):
        out = json.loads(self.check_ok(run("tokenize", model("bpe", "--merges"), "--no-bos", "--json", stdin=b"some plain words")))
        self.assertEqual("".join(out["pieces"]), "some plain words")

    @unittest.skipUnless((GOLDEN / "vocab").exists(), "../shared/golden is not beside this checkout")
    def test_golden_vocabularies_without_weights(self):
        files = sorted((GOLDEN / "vocab").glob("*.gguf"))
        self.assertGreater(len(files), 0)
        for path in files:
            # In text mode the carriage returns of some cases would be lost.
            texts = path.with_suffix(".gguf.inp").read_bytes().decode().split("\n__ggml_vocab_test__\n")[:-1]
            expected = path.with_suffix(".gguf.out").read_text().split("\n")
            # All of them are the text floor's test; the way through the program is the same for each.
            for i in range(0, len(texts), 9):
                with self.subTest(path=path.name, text=texts[i]):
                    self.assertEqual(self.ids(path, texts[i], "--no-bos"), [int(t) for t in expected[i].split()])


class Logits(TestCase):
    def logits(self, path, tokens, *options):
        out = folder / "logits.f32"
        result = run("logits", path, "--tokens", ",".join(map(str, tokens)), "--out", out, *options)
        self.assertEqual(self.check_ok(result), b"")
        raw = out.read_bytes()
        out.unlink()
        return raw

    @stories
    def test_golden(self):
        golden = json.loads((GOLDEN / "stories260K.json").read_text())
        expected = floats(GOLDEN / "stories260K.f32")
        for kv in ("f32", "f16", "q8_0"):
            got = array.array("f")
            got.frombytes(self.logits(STORIES, golden["tokens"], "--kv", kv))
            self.assertEqual(len(got), len(expected))
            largest = max(abs(x) for x in expected)
            error = max(abs(a - b) for a, b in zip(got, expected))
            # The reference kept its cache in F32; halves cost about three digits, int8 leaves about two.
            bound = {"f32": golden["max_rel"], "f16": 5e-3, "q8_0": 5e-2}[kv]
            self.assertLessEqual(error, largest * bound, kv)

    def test_shape_and_little_endian_floats(self):
        raw = self.logits(model(), [1, 5, 9])
        self.assertEqual(len(raw), 3 * 512 * 4)
        # A row depends on the tokens before it only.
        self.assertEqual(self.logits(model(), [1, 5]), raw[:2 * 512 * 4])

    def test_equal_bytes_whatever_runs_it(self):
        tokens = [(7 * i + 3) % 512 for i in range(70)]
        for kind in ("F32", "Q4_K_M"):
            path = model("wide" + kind, "--type", kind, width=256)
            for kv in ("f16", "f32", "q8_0"):
                expected = self.logits(path, tokens, "--kv", kv)
                for options in (("--chunk", 1), ("--chunk", 7), ("--chunk", 32), ("--threads", 1), ("--threads", 3, "--chunk", 5),
                                ("--isa", "scalar"), ("--isa", "scalar", "--chunk", 9, "--threads", 2), ("--ctx", 70)):
                    self.assertTrue(self.logits(path, tokens, "--kv", kv, *options) == expected, (kind, kv, options))

    def test_more_tokens_than_the_context(self):
        out = folder / "long.f32"
        result = run("logits", model(), "--tokens", "1,2,3,4,5", "--ctx", 4, "--out", out)
        self.check_error(result, "context", 4)
        self.assertFalse(out.exists())

    def test_an_existing_file_stays_until_the_new_one_is_whole(self):
        out = file("kept.f32", b"old")
        self.assertEqual(run("logits", model(), "--tokens", "1,99999", "--out", out).code, 1)
        self.assertEqual(out.read_bytes(), b"old")
        self.check_ok(run("logits", model(), "--tokens", "1", "--out", out))
        self.assertEqual(out.stat().st_size, 512 * 4)
        self.check_ok(run("logits", model(), "--tokens", "1", "--out", "/dev/null"))


class Bench(TestCase):
    SMALL = ("-p", 16, "-n", 8, "-r", 2)

    def test_json(self):
        out = json.loads(self.check_ok(run("bench", model(), *self.SMALL, "--json", "--threads", 2)))
        for key in ("prefill_tps", "decode_tps", "decode_gbps", "bytes_per_token", "load_s", "peak_rss_bytes"):
            self.assertGreater(out[key], 0, key)
        self.assertAlmostEqual(out["decode_gbps"], out["bytes_per_token"] * out["decode_tps"] / 1e9, delta=1e-6)
        self.assertEqual(out["threads"], 2)
        self.assertLess(out["bytes_per_token"], 2 * model().stat().st_size)

    def test_depth_and_single_measurements(self):
        out = json.loads(self.check_ok(run("bench", model(), "-p", 0, "-n", 4, "-d", 40, "-r", 1, "--json", "--kv", "f32")))
        self.assertIsNone(out["prefill_tps"])
        self.assertGreater(out["decode_tps"], 0)
        self.assertEqual(out["depth"], 40)
        out = json.loads(self.check_ok(run("bench", model(), "-p", 4, "-n", 0, "-r", 1, "--json", "--isa", "scalar")))
        self.assertIsNone(out["decode_tps"])
        self.assertEqual(out["isa"], "scalar")

    def test_text(self):
        text = self.check_ok(run("bench", model(), *self.SMALL)).decode()
        for word in ("prefill", "decode", "tokens/s", "GB/s", "load", "memory"):
            self.assertIn(word, text)

    def test_stream(self):
        out = json.loads(self.check_ok(run("bench", "--stream", "--json", "-r", 1)))
        self.assertGreater(out["stream_gbps"], 0)
        self.assertIn("GB/s", self.check_ok(run("bench", "--stream", "--threads", 1, "-r", 1)).decode())
