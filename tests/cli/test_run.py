"""hearth run: the text, where it goes, how it stops."""

import json
import os
import pty
import signal
import subprocess
import time

import support
from support import GOLDEN, STORIES, TestCase, long_model, model, run, start, stories

GREEDY = ("--temp", "0")


class Golden(TestCase):
    @stories
    def test_texts_character_for_character(self):
        cases = json.loads((GOLDEN / "stories260K.json").read_text())["cases"]
        self.assertGreater(len(cases), 0)
        for case in cases:
            with self.subTest(prompt=case["prompt"]):
                count = len(case["greedy"])
                as_argument = run("run", STORIES, *GREEDY, "-n", count, "-p", case["prompt"])
                self.assertEqual(self.check_ok(as_argument).decode(), case["text"])
                as_input = run("run", STORIES, *GREEDY, "-n", count, stdin=case["prompt"].encode())
                self.assertEqual(self.check_ok(as_input).decode(), case["text"])

    @stories
    def test_the_readme_tells_what_inspect_prints(self):
        readme = support.README.read_text(encoding="utf-8")
        told = readme.partition("$ hearth inspect stories260K.gguf\n")[2].partition("\n$ ")[0].splitlines()
        printed = self.check_ok(run("inspect", STORIES)).decode().splitlines()
        self.assertGreater(len(told), 5)
        self.assertEqual([line for line in told if line != "…" and line not in printed], [])

    @stories
    def test_hello_examples_answer_greedily(self):
        case = json.loads((GOLDEN / "stories260K.json").read_text())["cases"][0]
        self.assertGreater(len(support.others["hello"]), 0)
        for program in support.others["hello"]:
            text = self.check_ok(run(STORIES, case["prompt"], program=program)).decode()
            self.assertTrue(text.endswith("\n"))
            self.assertGreater(len(text), 100)
            self.assertTrue(case["text"].startswith(text[:-1]))


class Text(TestCase):
    def test_same_settings_give_the_same_text_on_every_isa_and_thread_count(self):
        arguments = ("run", model(), "-p", "some words", "-n", 40, "--ignore-eos", "--temp", 1.5, "--seed", 9)
        expected = self.check_ok(run(*arguments))
        self.assertGreater(len(expected), 20)
        for changes in (("--isa", "scalar"), ("--threads", 1), ("--threads", 3), ("--isa", "auto", "--threads", 2)):
            self.assertEqual(self.check_ok(run(*arguments, *changes)), expected, changes)

    def test_seeds_change_the_text(self):
        texts = {run("run", model(), "-p", "x", "-n", 30, "--ignore-eos", "--temp", 2, "--seed", s).out
                 for s in (1, 2, 9007199254740992)}
        self.assertEqual(len(texts), 3)

    @stories
    def test_stop_ban_and_order(self):
        base = ("run", STORIES, *GREEDY, "-n", 60, "-p", "Once upon a time")
        whole = self.check_ok(run(*base)).decode()
        word = whole[40:].split()[0]
        self.assertEqual(self.check_ok(run(*base, "--stop", "never seen", "--stop", word)).decode(), whole[:whole.find(word)])
        self.assertNotIn(word, self.check_ok(run(*base, "--ban", word)).decode())
        self.assertEqual(self.check_ok(run(*base[:2], *base[4:], "--order", "top_k", "--top-k", 1)).decode(), whole)
        refused = run(*base, "--order", "best")
        self.assertNotEqual(refused.code, 0)
        self.assertIn("mirostat", refused.err.decode() if isinstance(refused.err, bytes) else refused.err)

    def test_sampling_options_and_set_are_the_same_keys(self):
        base = ("run", model(), "-p", "x", "-n", 120, "--ignore-eos")
        unchanged = self.check_ok(run(*base))
        for option, key in (("--temp=1.7", "temperature=1.7"), ("--top-k=3", "top_k=3"), ("--top-p=0.3", "top_p=0.3"),
                            ("--min-p=0.9", "min_p=0.9"), ("--seed=5", "seed=5"), ("--penalty-window=3", "penalty_window=3"),
                            ("--repetition-penalty=1.4", "repetition_penalty=1.4"),
                            ("--presence-penalty=1.5", "presence_penalty=1.5"),
                            ("--frequency-penalty=0.5", "frequency_penalty=0.5")):
            text = self.check_ok(run(*base, option))
            self.assertEqual(text, self.check_ok(run(*base, "--set", key)), key)
            if "window" not in key:  # without penalties it means nothing
                self.assertNotEqual(text, unchanged, key)
        self.assertEqual(run(*base, *GREEDY).out, run(*base, "--top-k", 1).out)
        self.assertNotEqual(run(*base, "--temp", 0).out, run(*base, "--temp", 0, "--set", "presence_penalty=100").out)

    def test_output_is_the_continuation_only_and_nothing_else_is_told_to_a_pipe(self):
        result = run("run", model(), "-p", "abc", "-n", 5, "--ignore-eos")
        self.check_ok(result)
        self.assertEqual(result.err, "")
        self.assertFalse(result.out.startswith(b"abc"))

    def test_more_tokens_only_append(self):
        arguments = ("run", model(), "-p", "hello", "--ignore-eos", *GREEDY, "-n")
        long = self.check_ok(run(*arguments, 60)).decode(errors="replace")
        # The last character of the short text may have been cut in its middle.
        short = self.check_ok(run(*arguments, 20)).decode(errors="replace").rstrip("\N{REPLACEMENT CHARACTER}")
        self.assertTrue(long.startswith(short))

    def test_empty_and_strange_prompts(self):
        for prompt in ("", "[a,b]", "{}", "%%", "\n", "--", "é🙂"):
            with self.subTest(prompt=prompt):
                by_argument = run("run", model(), *((f"--prompt={prompt}",) if prompt else ("-p", "")), "-n", 4, "--ignore-eos", *GREEDY)
                by_input = run("run", model(), "-n", 4, "--ignore-eos", *GREEDY, stdin=prompt.encode())
                self.assertEqual(self.check_ok(by_argument), self.check_ok(by_input))
        self.check_ok(run("run", model(), "-p", "", "-n", 4, "--ignore-eos"))
        self.check_ok(run("run", model(), "-n", 4, "--ignore-eos", stdin=b"a\0b"))

    def test_a_full_context_ends_the_text_and_is_told(self):
        result = run("run", model(), "-p", "hello", "--ctx", 20, "--ignore-eos")
        self.check_ok(result)
        self.assertEqual(result.err, "hearth: the context of 20 tokens is full\n")

    def test_f32_cache_works(self):
        self.check_ok(run("run", model(), "-p", "hello", "-n", 4, "--ignore-eos", "--kv", "f32"))
        self.check_ok(run("run", model(), "-p", "hello", "-n", 4, "--ignore-eos", "--kv", "q8_0"))


class Stopping(TestCase):
    LONG = ("--ignore-eos", "-p", "hello")

    def test_ctrl_c_ends_generation_with_130(self):
        process = start("run", long_model(), *self.LONG, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        first = process.stdout.read(10)
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=support.TIMEOUT)
        self.assertEqual(len(first), 10)
        self.assertEqual(process.returncode, 130, err)
        self.assertEqual(err, b"hearth: stopped\n")
        (first + out).decode()  # whole characters

    def test_ctrl_c_while_waiting_for_the_prompt(self):
        process = start("run", model(), stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        # It reads when the prompt's first part was taken from the pipe.
        process.stdin.write(b"x" * 200000)
        process.stdin.flush()
        time.sleep(0.5)
        process.send_signal(signal.SIGINT)
        self.assertEqual(process.wait(timeout=support.TIMEOUT), 130)
        process.stdin.close()
        self.assertEqual(process.stdout.read(), b"")
        process.stdout.close()
        process.stderr.close()

    def test_a_reader_that_leaves_is_no_error(self):
        process = start("run", long_model(), *self.LONG, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        self.assertEqual(len(process.stdout.read(10)), 10)
        process.stdout.close()
        self.assertEqual(process.wait(timeout=support.TIMEOUT), 0)
        self.assertEqual(process.stderr.read(), b"")
        process.stderr.close()

    def test_a_full_disk_is_an_error(self):
        if not os.path.exists("/dev/full"):
            self.skipTest("no /dev/full here")
        with open("/dev/full", "wb") as full:
            process = start("run", model(), "-p", "x", "-n", 5, "--ignore-eos", stdin=subprocess.DEVNULL, stdout=full,
                            stderr=subprocess.PIPE)
            err = process.communicate(timeout=support.TIMEOUT)[1]
        self.assertEqual(process.returncode, 1)
        self.assertIn(b"standard output", err)


class Terminal(TestCase):
    def output_of(self, stream):
        """What a run shows on a terminal that stands for `stream`."""
        ours, theirs = pty.openpty()
        streams = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, stream: theirs}
        process = start("run", model(), "-p", "x", "-n", 5, "--ignore-eos", stdin=subprocess.DEVNULL, **streams)
        os.close(theirs)
        shown = b""
        while True:
            try:
                part = os.read(ours, 65536)
            except OSError:  # Linux says EIO when the other end is closed
                part = b""
            if not part:
                break
            shown += part
        os.close(ours)
        other = b"".join(pipe for pipe in process.communicate(timeout=support.TIMEOUT) if pipe)
        self.assertEqual(process.returncode, 0)
        return shown, other

    def test_progress_bar_and_speed_on_standard_error(self):
        shown, out = self.output_of("stderr")
        self.assertIn(b"loading [", shown)
        self.assertIn(b"100 %", shown)
        self.assertIn(b"tokens/s", shown)
        self.assertNotIn(b"loading", out)

    def test_a_final_newline_on_standard_output(self):
        shown, err = self.output_of("stdout")
        self.assertTrue(shown.endswith(b"\n"))
        self.assertEqual(err, b"")
