"""Conversations as the model reads them: template.jinja rendered, and which parts are the model's own."""

import json
from pathlib import Path

import jinja2

HERE = Path(__file__).parent
TEMPLATE = (HERE / "template.jinja").read_text(encoding="utf-8").rstrip("\n")


def environment():
    e = jinja2.Environment(trim_blocks=True, lstrip_blocks=True)
    e.filters["tojson"] = lambda value: json.dumps(value, ensure_ascii=False)
    return e


RENDER = environment().from_string(TEMPLATE)
ANSWER = "<|im_start|>assistant\n"
END = "<|im_end|>"


def render(messages, tools=None, generation=False):
    return RENDER.render(messages=messages, tools=tools, add_generation_prompt=generation)


def parts(text):
    """(text, whether the model writes it) in turn; an answer goes up to and with its end token."""
    out, at = [], 0
    while True:
        begin = text.find(ANSWER, at)
        if begin < 0:
            out.append((text[at:], False))
            return [p for p in out if p[0]]
        begin += len(ANSWER)
        end = text.index(END, begin) + len(END)
        out += [(text[at:begin], False), (text[begin:end], True)]
        at = end
