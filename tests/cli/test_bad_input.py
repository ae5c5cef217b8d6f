"""Whatever is wrong: a sentence that names what and where, exit code 1 (2 for usage), no crash."""

import struct

import support
from gguf import Gguf
from support import TestCase, file, folder, model, run

PROMPT = ("-p", "x", "-n", "1")


class Files(TestCase):
    def setUp(self):
        self.raw = model().read_bytes()

    def check(self, name, content, *words):
        path = file(name, content)
        for command in (("run", path, *PROMPT), ("logits", path, "--tokens", "1", "--out", folder / "none")):
            self.check_error(run(*command), name, *words)
        self.assertFalse((folder / "none").exists())

    def test_missing(self):
        for command in (("run", *PROMPT), ("inspect",), ("tokenize",), ("bench",), ("chat",)):
            self.check_error(run(command[0], folder / "absent.gguf", *command[1:]), "absent.gguf", "no such file")

    def test_folder_that_holds_no_model(self):
        for command in (("run", *PROMPT), ("inspect",), ("tokenize",), ("bench",), ("chat",)):
            self.check_error(run(command[0], folder, *command[1:]), folder, "folder", "config.json")

    def test_empty(self):
        self.check("empty.gguf", b"", "empty")

    def test_other_files(self):
        self.check("text.gguf", b"this is no model\n" * 100, "not a GGUF file", "this")
        self.check("magic.gguf", Gguf(self.raw).bytes(magic=b"GGML"), "GGML", "GGUF")
        self.check("version.gguf", self.raw[:4] + struct.pack("<I", 99) + self.raw[8:], "99")

    def test_truncated_anywhere(self):
        head = self.raw.index(b"token_embd.weight")
        for length in (3, 4, 10, 23, 24, 30, 100, head // 2, head, head + 40, len(self.raw) // 2, len(self.raw) - 1):
            with self.subTest(length=length):
                path = file("short.gguf", self.raw[:length])
                self.check_error(run("run", path, *PROMPT), "short.gguf")

    def test_unknown_architecture(self):
        changed = Gguf(self.raw)
        changed.set_string("general.architecture", "martian")
        self.check("martian.gguf", changed.bytes(), "architecture", "martian", "llama")
        text = run("inspect", folder / "martian.gguf")
        self.assertIn(b"martian", self.check_ok(text))

    def test_unknown_tensor_type(self):
        changed = Gguf(self.raw)
        changed.tensor("blk.1.attn_k.weight")[2] = 999
        self.check("type.gguf", changed.bytes(), "blk.1.attn_k.weight", "999")

    def test_missing_tensor(self):
        changed = Gguf(self.raw)
        changed.tensors.remove(changed.tensor("blk.1.ffn_down.weight"))
        self.check("lacking.gguf", changed.bytes(), "blk.1.ffn_down.weight", "missing")

    def test_wrong_shape(self):
        changed = Gguf(self.raw)
        dims = changed.tensor("blk.0.ffn_up.weight")[1]
        dims.reverse()
        self.check("shape.gguf", changed.bytes(), "blk.0.ffn_up.weight", dims[0], dims[1], "expected")

    def test_tensor_beyond_the_file(self):
        changed = Gguf(self.raw)
        changed.tensor("blk.0.ffn_up.weight")[3] = 1 << 40
        self.check("beyond.gguf", changed.bytes(), "blk.0.ffn_up.weight")

    def test_missing_key(self):
        changed = Gguf(self.raw)
        del changed.keys["llama.block_count"]
        self.check("key.gguf", changed.bytes(), "llama.block_count")


class Values(TestCase):
    def test_prompt_longer_than_the_context(self):
        self.check_error(run("run", model(), "--ctx", 8, "-p", "a b c d e f g h i j k l m n o p"), "context", 8)

    def test_prompt_that_is_not_utf8(self):
        self.check_error(run("run", model(), "-p", b"ab\xffcd"), "UTF-8", "byte 2")
        self.check_error(run("run", model(), stdin=b"\xe2\x82"), "UTF-8", "byte 0")
        self.check_error(run("tokenize", model(), stdin=b"abc\xc0\xaf"), "UTF-8", "byte 3")

    def test_invalid_token_ids(self):
        out = folder / "out.bin"
        for ids, word in (("1,99999", "99999"), ("-1", "-1"), ("1,2,512,3", "512"), ("99999999999", "99999999999")):
            self.check_error(run("logits", model(), f"--tokens={ids}", "--out", out), word, "vocabulary")
        for ids in ("", "1,,2", "1,2,", "x", "1 2", "1,2x"):
            result = run("logits", model(), f"--tokens={ids}", "--out", out)
            self.assertEqual(result.code, 2, ids)
        self.assertFalse(out.exists())

    def test_sampling_values(self):
        run_it = ("run", model(), *PROMPT)
        self.check_error(run(*run_it, "--set", "warmth=1"), "warmth", "temperature", "min_p")
        self.check_error(run(*run_it, "--temp=-1"), "temperature", "-1", "from 0 to 100")
        self.check_error(run(*run_it, "--top-p=1.5"), "top_p", "1.5")
        self.check_error(run(*run_it, "--top-k=2.5"), "top_k", "whole numbers")
        self.check_error(run(*run_it, "--seed=9007199254740994"), "seed")
        self.check_error(run(*run_it, "--min-p=nan"), "min_p")

    def test_instruction_sets(self):
        for name in ("z80", "SCALAR", "avx2 "):
            self.check_error(run("run", model(), *PROMPT, "--isa", name), name, "scalar")
            self.check_error(run("run", model(), *PROMPT, env={"HEARTH_ISA": name}), name)
        known = [n for n in ("avx2", "avx2vnni", "avx512", "amx", "neon", "dotprod", "i8mm") if run("run", model(), *PROMPT, "--isa", n).code != 0]
        self.assertGreater(len(known), 0)  # no machine runs them all
        for name in known:
            self.check_error(run("run", model(), *PROMPT, "--isa", name), name)

    def test_thread_counts(self):
        self.check_error(run("run", model(), *PROMPT, "--threads", 1000000), "threads", 1000000)

    def test_files_that_cannot_be_written(self):
        for path in (folder / "no" / "such" / "folder.bin", folder):
            self.check_error(run("logits", model(), "--tokens", "1", "--out", path), "cannot write", path)
        leftovers = [p for p in folder.iterdir() if ".part" in p.name]
        self.assertEqual(leftovers, [])


class Usage(TestCase):
    def test_wrong_usage_is_2(self):
        for arguments in ((), ("sing",), ("run",), ("run", "a", "b"), ("run", "a", "--warm"), ("run", "a", "-n", "x"),
                          ("run", "a", "-n", "-3"), ("run", "a", "--temp", "hot"), ("run", "a", "--kv", "f8"),
                          ("run", "a", "--set", "min_p"), ("run", "a", "--set", "min_p=x"), ("logits", "a"),
                          ("logits", "a", "--tokens", "1"), ("bench",), ("bench", "a", "--stream"), ("bench", "a", "-r", "0"),
                          ("tokenize",), ("inspect",), ("chat",)):
            with self.subTest(arguments=arguments):
                result = run(*arguments)
                self.assertEqual(result.code, 2, result.err)
                self.assertEqual(result.out, b"")
                self.assertNotEqual(result.err, "")

    def test_help_and_version_are_0(self):
        self.assertIn(b"run", self.check_ok(run("--help")))
        self.assertRegex(self.check_ok(run("--version")), rb"^hearth \d+\.\d+\.\d+\n$")
        for command in ("run", "chat", "inspect", "tokenize", "logits", "bench"):
            self.assertIn(b"MODEL", self.check_ok(run(command, "-h")))

    def test_hello_examples_tell_what_is_wrong(self):
        self.assertGreater(len(support.others["hello"]), 0)
        for program in support.others["hello"]:
            self.assertEqual(run(program=program).code, 2)
            result = run(folder / "absent.gguf", program=program)
            self.assertEqual((result.code, result.out), (1, b""))
            self.assertIn("absent.gguf", result.err)
