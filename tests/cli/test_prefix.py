"""hearth run and chat --prefix-store: the same text, and files that others take it from."""

import stat

import support
from support import TestCase, model, run

PROMPT = "words of a long beginning, " * 12


class PrefixStore(TestCase):
    def test_the_same_text_with_and_without_files(self):
        folder = support.folder / "prefixes"
        arguments = ("run", model(), "-p", PROMPT, "-n", 20, "--ignore-eos", "--temp", 0)
        expected = self.check_ok(run(*arguments))
        times = []
        for _ in range(3):
            self.assertEqual(self.check_ok(run(*arguments, "--prefix-store", folder)), expected)
            files = sorted(folder.iterdir())
            self.assertGreater(len(files), 0)
            times.append([(f.name, f.stat().st_ino) for f in files])
        self.assertEqual(times[0], times[2])  # read, not written again
        self.assertEqual(stat.S_IMODE(folder.stat().st_mode), 0o700)
        for file in folder.iterdir():
            self.assertEqual(stat.S_IMODE(file.stat().st_mode), 0o600)
            file.write_bytes(b"something else")
        damaged = run(*arguments, "--prefix-store", folder)
        self.assertEqual(self.check_ok(damaged), expected)
        self.assertIn("is removed", damaged.err)

    def test_chat(self):
        folder = support.folder / "chats"
        arguments = ("chat", model(), "--system", PROMPT, "-n", 8, "--temp", 0)
        expected = self.check_ok(run(*arguments, stdin=b"one\ntwo\n"))
        for _ in range(2):
            self.assertEqual(self.check_ok(run(*arguments, "--prefix-store", folder, stdin=b"one\ntwo\n")), expected)
        self.assertGreater(len(list(folder.iterdir())), 0)

    def test_a_folder_that_cannot_be_written_is_told(self):
        blocked = support.folder / "blocked"
        blocked.write_bytes(b"")
        done = run("run", model(), "-p", PROMPT, "-n", 4, "--temp", 0, "--prefix-store", blocked / "below")
        self.assertGreater(len(self.check_ok(done)), 0)
        self.assertIn(f"{blocked}/below", done.err)
