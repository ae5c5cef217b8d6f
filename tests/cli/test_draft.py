"""hearth run --draft: the same text, however it is guessed."""

import support
from support import TestCase, model, run

PROMPT = "one two three four one two three four one two three"


class Draft(TestCase):
    def test_the_same_text_by_every_guess(self):
        for settings in (("--temp", 0), ("--temp", 0.8, "--seed", 7)):
            arguments = ("run", model(), "-p", PROMPT, "-n", 60, "--ignore-eos", *settings)
            expected = self.check_ok(run(*arguments))
            self.assertEqual(self.check_ok(run(*arguments, "--draft", "lookup")), expected)
            self.assertEqual(self.check_ok(run(*arguments, "--draft", model(), "--draft-tokens", 3)), expected)

    def test_what_cannot_guess_is_refused(self):
        done = run("run", model(), "-p", PROMPT, "-n", 4, "--draft", support.folder / "nowhere.gguf")
        self.assertNotEqual(done.code, 0)
        self.assertIn("nowhere.gguf", done.err)
        done = run("run", model(), "-p", PROMPT, "-n", 4, "--draft", "lookup", "--draft-tokens", 17)
        self.assertNotEqual(done.code, 0)
        self.assertIn("17", done.err)
