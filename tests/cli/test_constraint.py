"""--schema, --regex, --grammar, --choices: what is printed is what was asked for."""

import json
import re

from support import STORIES, TestCase, file, model, run, stories

SCHEMA = {"type": "object",
          "properties": {"kind": {"enum": ["cat", "dog"]}, "age": {"type": "integer", "minimum": 0, "maximum": 30},
                         "name": {"type": "string", "maxLength": 8}},
          "required": ["kind", "age"], "additionalProperties": False}


class Constrained(TestCase):
    def valid(self, text):
        value = json.loads(text)
        self.assertLessEqual({"kind", "age"}, set(value))
        self.assertLessEqual(set(value), set(SCHEMA["properties"]))
        self.assertIn(value["kind"], ("cat", "dog"))
        self.assertIn(value["age"], range(31))
        self.assertLessEqual(len(value.get("name", "")), 8)

    def test_schema(self):
        path = file("constraint_schema.json", json.dumps(SCHEMA).encode())
        for seed in range(3):
            text = self.check_ok(run("run", model(), "-p", "x", "--schema", path, "--seed", seed, "--temp", 1))
            self.valid(text)
        chat = self.check_ok(run("chat", model(), "--schema", path, "--temp", 0, stdin=b"hello\nagain\n"))
        # One space or line break may stand between values; each answer begins with a brace.
        answers = re.findall(r"\{[^{}]*\}", chat.decode())
        self.assertEqual(len(answers), 2)
        for answer in answers:
            self.valid(answer)

    def test_regex_grammar_and_choices(self):
        base = ("run", model(), "-p", "x", "--temp", 1)
        self.assertRegex(self.check_ok(run(*base, "--regex", r"\d{3}-[a-z]{2,4}!")).decode(), r"^\d{3}-[a-z]{2,4}!$")
        path = file("constraint.gbnf", b'root ::= "<" [a-c]{1,9} ">" | "none"\n')
        self.assertRegex(self.check_ok(run(*base, "--grammar", path)).decode(), r"^(<[a-c]{1,9}>|none)$")
        self.assertIn(self.check_ok(run(*base, "--choices", "left", "--choices", "right")), (b"left", b"right"))

    @stories
    def test_stories(self):
        path = file("constraint_schema.json", json.dumps(SCHEMA).encode())
        self.valid(self.check_ok(run("run", STORIES, "-p", "Once upon a time", "--schema", path, "--temp", 0)))

    def test_wrong_ones_are_told_with_their_place(self):
        base = ("run", "no-such-model.gguf", "-p", "x")  # before a long load
        bad = file("bad_schema.json", b'{"properties": {"a": {"not": {}}}}')
        self.check_error(run(*base, "--schema", bad), "bad_schema.json", "/properties/a", "'not'")
        bad = file("bad.gbnf", b'root ::= "a\n')
        self.check_error(run(*base, "--grammar", bad), "bad.gbnf", "line 1")
        self.check_error(run(*base, "--regex", "(a"), "--regex", "column")
        usage = run("run", model(), "-p", "x", "--regex", "a", "--choices", "b")
        self.assertEqual(usage.code, 2)
        self.assertIn("--regex excludes --choices", usage.err)
        self.check_error(run("run", model(), "-p", "x", "--regex", "a", "--ignore-eos"), "cannot be ignored")
