"""Writes tests/golden/text/jinja.json: templates with what Python's jinja2 makes of them in the configuration of Hugging
Face transformers. usage: make_template_golden.py OUT.json (needs the package jinja2, 3.1 or later)

The file is a list of [template, text], text null where rendering or compiling fails; `input` is the
input of all, as text."""

import copy
import json
import sys
from datetime import datetime

import jinja2
import jinja2.ext
import jinja2.nodes
import jinja2.sandbox

from template_snippets import INPUT, SNIPPETS


class Generation(jinja2.ext.Extension):
    """{% generation %}: its body, as the tracker of transformers leaves it in the text."""

    tags = {"generation"}

    def parse(self, parser):
        line = next(parser.stream).lineno
        body = parser.parse_statements(["name:endgeneration"], drop_needle=True)
        return jinja2.nodes.CallBlock(self.call_method("_pass"), [], [], body).set_lineno(line)

    def _pass(self, caller):
        return caller()


def raise_exception(message):
    raise jinja2.exceptions.TemplateError(message)


def tojson(x, ensure_ascii=False, indent=None, separators=None, sort_keys=False):
    return json.dumps(x, ensure_ascii=ensure_ascii, indent=indent, separators=separators, sort_keys=sort_keys)


def environment():
    env = jinja2.sandbox.ImmutableSandboxedEnvironment(
        trim_blocks=True, lstrip_blocks=True, extensions=[Generation, "jinja2.ext.loopcontrols"]
    )
    env.filters["tojson"] = tojson
    env.globals["raise_exception"] = raise_exception
    env.globals["strftime_now"] = lambda form: datetime.fromisoformat(INPUT["now"]).strftime(form)
    return env


def render(env, source):
    variables = {k: copy.deepcopy(v) for k, v in INPUT.items() if k != "now"}
    try:
        return env.from_string(source).render(**variables)
    except Exception:
        return None


def main(out):
    env = environment()
    rows = [[source, render(env, source)] for source in SNIPPETS]
    lines = ",\n".join(json.dumps(row, ensure_ascii=False) for row in rows)
    with open(out, "w", encoding="utf-8") as file:
        file.write('{"input": ' + json.dumps(json.dumps(INPUT, ensure_ascii=False), ensure_ascii=False) + ',\n"cases": [\n' + lines + "\n]}\n")
    print(len(rows), "templates,", sum(text is None for _, text in rows), "of them fail")


if __name__ == "__main__":
    main(sys.argv[1])
