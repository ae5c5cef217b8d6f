"""hearth run --draft: the same text, however it is guessed."""

import unittest

import support
from support import TestCase, model, run

HEADS = support.GOLDEN / "families" / "glm4moe.gguf"

PROMPT = "one two three four one two three four one two three"


class Draft(TestCase):
    def test_the_same_text_by_every_guess(self):
        for settings in (("--temp", 0), ("--temp", 0.8, "--seed", 7)):
            arguments = ("run", model(), "-p", PROMPT, "-n", 60, "--ignore-eos", *settings)
            expected = self.check_ok(run(*arguments))
            self.assertEqual(self.check_ok(run(*arguments, "--draft", "lookup")), expected)
            self.assertEqual(self.check_ok(run(*arguments, "--draft", model(), "--draft-tokens", 3)), expected)

    @unittest.skipUnless(HEADS.exists(), "../shared/golden is not beside this checkout")
    def test_the_same_text_by_the_models_own_heads(self):
        arguments = ("run", HEADS, "-p", "one two three", "-n", 40, "--ignore-eos", "--ctx", 200)
        self.assertEqual(self.check_ok(run(*arguments, "--draft", "mtp")), self.check_ok(run(*arguments)))

    def test_heads_that_a_file_does_not_have_are_refused(self):
        self.check_error(run("run", model(), "-p", PROMPT, "-n", 4, "--draft", "mtp"), "tiny.gguf", "MTP")

    def test_what_cannot_guess_is_refused(self):
        done = run("run", model(), "-p", PROMPT, "-n", 4, "--draft", support.folder / "nowhere.gguf")
        self.assertNotEqual(done.code, 0)
        self.assertIn("nowhere.gguf", done.err)
        done = run("run", model(), "-p", PROMPT, "-n", 4, "--draft", "lookup", "--draft-tokens", 17)
        self.assertNotEqual(done.code, 0)
        self.assertIn("17", done.err)
