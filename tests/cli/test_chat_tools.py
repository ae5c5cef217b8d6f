"""hearth chat: reasoning, calls of tools and their results."""

import json
import os
import pty
import select
import time

import support
from gguf import Gguf
from support import TestCase, folder, model, run, start

CALL = '<tool_call>{"name":"probe","arguments":{"x":[1,2]}}</tool_call>'


PROMPT = "user\nhello</s>\n<s>assistant\n"
# After a tool's result the prompt goes on with `suffix`; without one the model says the same again.
TEMPLATE = ("{{ bos_token }}{% for m in messages if m.role == 'user' %}user\n{{ m.content }}</s>\n<s>assistant\n{% endfor %}"
            "{{ suffix if messages[-1].role == 'tool' }}")


def first_token(path, prompt):
    return run("run", path, "-n", "1", "--temp", "0", "--parse-special", "-p", prompt).out


def says(text):
    """A model that answers `hello` with the text: that of the token which it chooses."""
    path = folder / f"says-{len(text)}-{sum(text.encode())}.gguf"
    if not path.exists():
        changed = Gguf(model().read_bytes())
        tokens = changed.strings("tokenizer.ggml.tokens")
        at = tokens.index(first_token(model(), PROMPT).replace(b" ", "\u2581".encode()))
        tokens[at] = text.replace(" ", "\u2581").encode()
        changed.set_strings("tokenizer.ggml.tokens", tokens)
        path.write_bytes(changed.bytes())
    return path


def arguments(text, *others, ends=True):
    """Of a chat with that model, which says something else after a tool's result, or does not."""
    template = support.file("tools.jinja", TEMPLATE.encode())
    made = ("chat", says(text), "-n", "1", "--temp", "0", "--dialect", "hermes", "--template", template, *others)
    if not ends:
        return made
    suffix = next(s for s in ("a", "one", "Then", "x y", "It is", "(", "7")
                  if first_token(says(text), PROMPT + s).strip() not in (b"", text.encode()))
    return (*made, "--template-args", json.dumps({"suffix": suffix}))


def tools():
    path = folder / "probe.json"
    path.write_text(json.dumps([{"type": "function", "function": {"name": "probe", "parameters": {"type": "object"}}}]))
    return path


class Calls(TestCase):
    def messages(self, others, stdin, first=CALL):
        saved = folder / "tools-chat.json"
        out = self.check_ok(run(*arguments(first, *others), stdin=stdin + f"\n/save {saved}\n".encode()))
        return out.decode(), json.loads(saved.read_text())

    def test_a_call_its_result_and_the_answer(self):
        out, messages = self.messages(("--tools", tools()), b"hello\n42 degrees")
        self.assertEqual(out.splitlines()[0], 'tool call: {"name": "probe", "arguments": {"x":[1,2]}}')
        self.assertEqual([m["role"] for m in messages], ["user", "assistant", "tool", "assistant"])
        (call,) = messages[1]["tool_calls"]
        self.assertEqual((messages[1]["content"], call["type"]), ("", "function"))
        self.assertEqual(call["function"], {"name": "probe", "arguments": {"x": [1, 2]}})
        self.assertEqual(messages[2], {"role": "tool", "tool_call_id": call["id"], "name": "probe", "content": "42 degrees"})
        self.assertEqual(out, out.splitlines()[0] + "\n" + messages[3]["content"] + "\n")

    def test_a_program_gives_the_result(self):
        out, messages = self.messages(("--tools", tools(), "--tool-command", "cat; echo"), b"hello")
        told = json.loads(messages[2]["content"])
        self.assertEqual((told["name"], told["arguments"]), ("probe", {"x": [1, 2]}))
        self.assertEqual(told["id"], messages[1]["tool_calls"][0]["id"])
        self.assertEqual(messages[3]["role"], "assistant")

    def test_a_program_that_fails_says_so(self):
        _, messages = self.messages(("--tools", tools(), "--tool-command", "echo half; exit 3"), b"hello")
        self.assertEqual(messages[2]["content"], "error: exit code 3\nhalf\n")
        _, messages = self.messages(("--tools", tools(), "--tool-command", "/no/such/program 2>/dev/null"), b"hello")
        self.assertEqual(messages[2]["content"], "error: exit code 127\n")
        # One that neither reads nor writes, and one that writes much.
        _, messages = self.messages(("--tools", tools(), "--tool-command", ":"), b"hello")
        self.assertEqual(messages[2]["content"], "")
        result = run(*arguments(CALL, "--tools", tools(), "--tool-command", "head -c 20000000 /dev/zero"), stdin=b"hello\n")
        self.assertEqual(result.code, 1)
        self.assertIn("more than 16 MB", result.err)

    def test_calls_without_end_are_stopped(self):
        result = run(*arguments(CALL, "--tools", tools(), "--tool-command", ":", ends=False), stdin=b"hello\n")
        self.assertEqual((result.code, result.out.count(b"tool call: ")), (1, 33))
        self.assertIn("32 times in a row", result.err)

    def test_a_session_goes_on_with_a_call_that_waits(self):
        kept = folder / "calls.session"
        command = arguments(CALL, "--tools", tools(), "--session", kept)
        self.check_ok(run(*command, stdin=b"hello\n"))
        self.assertEqual(len(json.loads((folder / "calls.session.json").read_text())), 2)
        self.check_ok(run(*command, stdin=b"42\n"))
        messages = json.loads((folder / "calls.session.json").read_text())
        self.assertEqual([m["role"] for m in messages], ["user", "assistant", "tool", "assistant"])
        (folder / "calls.session.json").write_text('[{"role": "user"}, 3]')
        refused = run(*command, stdin=b"42\n")
        self.assertEqual(refused.code, 1)
        self.assertIn("no JSON array of messages", refused.err)

    def test_reasoning_stands_apart(self):
        text = "<think> deep </think> done"
        out, messages = self.messages((), b"hello", text)
        self.assertEqual(out, "deep\n\ndone\n")
        self.assertEqual((messages[1]["reasoning_content"].strip(), messages[1]["content"]), ("deep", "done"))
        out, _ = self.messages(("--hide-reasoning",), b"hello", text)
        self.assertEqual(out, "done\n")

    def test_a_call_is_forced_once(self):
        schema = {"type": "object", "properties": {"x": {"enum": [1, 2]}}, "required": ["x"], "additionalProperties": False}
        named = [{"type": "function", "function": {"name": name, "parameters": schema}} for name in ("probe", "other")]
        file = support.file("two-tools.json", json.dumps(named).encode())
        for choice, dialect in (("required", "hermes"), ("other", "qwen3_coder"), ("probe", "glm")):
            saved = folder / "forced.json"
            out = self.check_ok(run("chat", model(), "--temp", "0", "-n", "150", "--ctx", "1024", "--dialect", dialect,
                                    "--tools", file, "--tool-choice", choice,
                                    stdin=f"hello\n42\n/save {saved}\n".encode())).decode()
            messages = json.loads(saved.read_text())
            self.assertEqual([m["role"] for m in messages], ["user", "assistant", "tool", "assistant"])
            (call,) = messages[1]["tool_calls"]
            self.assertIn(call["function"]["name"], ("probe", "other") if choice == "required" else (choice,))
            self.assertIn(call["function"]["arguments"], ({"x": 1}, {"x": 2}))
            self.assertEqual(out.count("tool call: "), 1)
            self.assertNotIn("tool_calls", messages[3])
        self.check_error(run("chat", "no-such.gguf", "--tools", file, "--tool-choice", "third", stdin=b""), "two-tools.json", "'third'")
        self.assertEqual(run("chat", model(), "--tool-choice", "required", stdin=b"").code, 2)

    def test_wrong_options(self):
        bad = support.file("bad-tools.json", b'[{"name": "f"}, {"function": 3}]')
        self.check_error(run("chat", model(), "--tools", bad, stdin=b""), bad, "/1/function has no name")
        self.check_error(run("chat", model(), "--dialect", "klingon", stdin=b""), "klingon", "hermes")
        self.assertEqual(run("chat", model(), "--tool-command", "cat", stdin=b"").code, 2)


class Terminal(TestCase):
    def test_reasoning_is_dimmed_and_results_are_asked_for(self):
        ours, theirs = pty.openpty()
        text = "<think>deep</think>" + CALL
        environment = {k: v for k, v in os.environ.items() if k != "NO_COLOR"}
        process = start(*arguments(text, "--tools", tools()), stdin=theirs, stdout=theirs, stderr=theirs,
                        start_new_session=True, env=environment)
        os.close(theirs)
        seen, end = b"", time.monotonic() + support.TIMEOUT
        try:
            for prompt, line in ((b"> ", b"hello\n"), (b"tool probe> ", b"42\n"), (b"\n> ", b"/quit\n")):
                since = len(seen)
                while prompt not in seen[since:]:
                    self.assertLess(time.monotonic(), end, seen)
                    if select.select([ours], [], [], 1)[0]:
                        seen += os.read(ours, 65536)
                os.write(ours, line)
            self.assertEqual(process.wait(timeout=support.TIMEOUT), 0)
        finally:
            if process.poll() is None:
                process.kill()
                process.wait()
            os.close(ours)
        self.assertIn(b"\033[2mdeep\033[22m\r\ntool call: {", seen)
