"""hearth template: conversations as text."""

import json
import unittest

from support import GOLDEN, TestCase, file, folder, model, run

TEMPLATE = "{{ bos_token }}{% for m in messages %}[{{ m.role }}] {{ m.content|trim }}\n{% endfor %}{{ extra_word }}"
INPUT = {"messages": [{"role": "user", "content": " héllo 🙂 "}], "bos_token": "<b>", "extra": {"extra_word": "end"}}
TEXT = "<b>[user] héllo 🙂\nend"


class Template(TestCase):
    def render(self, source, value, *options):
        path = file("input.json", json.dumps(value).encode())
        return self.check_ok(run("template", source, "--input", path, *options)).decode()

    def test_file_and_input(self):
        source = file("t.jinja", TEMPLATE.encode())
        self.assertEqual(self.render(source, INPUT), TEXT)
        self.assertEqual(self.render(source, {"name": "a case", "input": INPUT, "expected": ""}), TEXT)
        text = self.check_ok(run("template", source, "--input", "-", stdin=json.dumps(INPUT).encode()))
        self.assertEqual(text.decode(), TEXT)

    def test_model(self):
        text = self.render(model(), {"messages": [{"role": "user", "content": "hi"}], "add_generation_prompt": True})
        self.assertEqual(text, "<s>user\nhi</s>\n<s>assistant\n")
        shown = self.check_ok(run("template", model(), "--show")).decode()
        self.assertIn("add_generation_prompt", shown)
        self.check_error(run("template", model(), "--name", "tool_use", "--show"), "tool_use")

    def test_errors_name_the_place(self):
        case = file("case.json", b"{}")
        self.check_error(run("template", file("bad.jinja", b"a\n{{ 1 + }}"), "--input", case), "line 2, column 8")
        self.check_error(run("template", file("bad.jinja", b"{{ raise_exception('no tools') }}"), "--input", case), "line 1", "no tools")
        self.check_error(run("template", file("bad.jinja", b"{{ 'a' * 10**12 }}"), "--input", case), "bytes")
        self.check_error(run("template", folder / "none.jinja", "--input", case), "none.jinja")
        self.check_error(run("template", file("t.jinja", b"x"), "--input", folder / "none.json"), "none.json")
        self.check_error(run("template", file("t.jinja", b"x"), "--input", file("bad.json", b"{")), "not JSON at byte")
        self.assertEqual(run("template", file("t.jinja", b"x")).code, 2)

    @unittest.skipUnless((GOLDEN / "templates").exists(), "../shared/golden is not beside this checkout")
    def test_goldens(self):
        for name in ("Qwen3-Coder", "openai-gpt-oss-120b"):
            case = json.loads((GOLDEN / "templates" / f"{name}.json").read_text())["cases"][-1]
            self.assertEqual(self.render(GOLDEN / "templates" / f"{name}.jinja", case), case["expected"])
