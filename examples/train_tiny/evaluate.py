#!/usr/bin/env python3
"""evaluate.py MODEL.gguf [OTHER.gguf] [--library libhearth.so] [--wrong]: how well it answers held_out/, through hearth.

Prints, for each file, the share of answers that contain the words of the right fact, of tool calls that are exactly
right (held to the tools' definitions by a grammar, and free), of honest refusals, and the loss on the right answers.
Everything is greedy, so the figures are the same on every machine. Needs nothing but Python and a built hearth."""

import argparse
import ctypes as C
import json
import math
import random
import sys
from array import array
from pathlib import Path

import commands
import facts as F
import small_talk

HERE = Path(__file__).parent
SPECIAL = 2  # HEARTH_GENERATE_SPECIAL
EVAL_ALL = 1


class Options(C.Structure):
    _fields_ = [("struct_size", C.c_size_t), ("max_tokens", C.c_uint32), ("flags", C.c_uint32), ("tag", C.c_void_p),
                ("top_logprobs", C.c_uint32), ("deadline_ms", C.c_uint32), ("draft", C.c_uint32), ("draft_tokens", C.c_uint32),
                ("draft_model", C.c_void_p)]


class Event(C.Structure):  # what is read of it
    _fields_ = [("struct_size", C.c_size_t), ("kind", C.c_uint32), ("reason", C.c_uint32), ("session", C.c_void_p),
                ("tag", C.c_void_p), ("token", C.c_int32), ("status", C.c_int32), ("text", C.POINTER(C.c_char)),
                ("text_length", C.c_size_t)]


class Hearth:
    def __init__(self, library, model):
        self.c = C.CDLL(str(library))
        self.c.hearth_last_error.restype = C.c_char_p
        self.c.hearth_session_length.restype = C.c_size_t
        self.on_event = C.CFUNCTYPE(C.c_int32, C.POINTER(Event), C.c_void_p)
        self.runtime, self.model, self.session, self.tokenizer = (C.c_void_p() for _ in range(4))
        self.check(self.c.hearth_runtime_new(C.byref(self.runtime), None))
        self.check(self.c.hearth_model_open_path(C.byref(self.model), self.runtime, str(model).encode(), None))
        self.check(self.c.hearth_session_new(C.byref(self.session), self.model, None))
        self.check(self.c.hearth_tokenizer_of_model(C.byref(self.tokenizer), self.model))
        self.vocabulary = self.c.hearth_model_vocab_size(self.model)

    def check(self, status):
        if status:
            raise SystemExit(self.c.hearth_last_error().decode())

    def tokens(self, messages, tools, generation=True):
        text = json.dumps({"messages": messages, "tools": tools, "add_generation_prompt": generation}).encode()
        ids, count = (C.c_int32 * 4096)(), C.c_size_t()
        self.check(self.c.hearth_chat_tokens(ids, C.c_size_t(4096), C.byref(count), self.tokenizer, None, C.c_size_t(0), text,
                                             C.c_size_t(len(text)), C.c_uint32(0)))
        return list(ids[:count.value])

    def hold(self, ids):
        length = self.c.hearth_session_length(self.session)
        self.check(self.c.hearth_session_replace(self.session, C.c_size_t(0), C.c_size_t(length), (C.c_int32 * len(ids))(*ids),
                                                 C.c_size_t(len(ids))))

    def answer(self, messages, tools=None, forced=False, limit=160):
        self.hold(self.tokens(messages, tools))
        sampling = C.c_void_p()
        self.check(self.c.hearth_sampling_new(C.byref(sampling)))
        self.check(self.c.hearth_sampling_set(sampling, b"temperature", C.c_double(0)))
        if forced:
            text = json.dumps(tools).encode()
            self.check(self.c.hearth_sampling_set_tool_choice(sampling, text, C.c_size_t(len(text)), None, None))
        options, pieces, finish = Options(), [], C.c_uint32()
        self.check(self.c.hearth_generate_options_init(C.byref(options), C.c_size_t(C.sizeof(Options))))
        options.max_tokens, options.flags = limit, SPECIAL

        def event(e, _):
            pieces.append(C.string_at(e.contents.text, e.contents.text_length))
            return 0

        self.check(self.c.hearth_session_generate(C.byref(finish), self.session, sampling, C.byref(options), self.on_event(event), None))
        self.c.hearth_sampling_free(sampling)
        return b"".join(pieces).decode(errors="replace")

    def loss(self, messages, tools, answer):
        """The mean of the cross entropy of an answer's tokens, its end included."""
        before = len(self.tokens(messages, tools))
        # The template puts a line's end behind the end token, which nobody generates.
        ids = self.tokens([*messages, answer], tools, False)[:-1]
        self.hold(ids[:1])
        self.check(self.c.hearth_session_eval(None, C.c_size_t(0), None, self.session, C.c_uint32(0)))
        self.hold(ids)
        rows = len(ids) - 1
        logits, needed = array("f", bytes(4 * rows * self.vocabulary)), C.c_size_t()
        address = (C.c_float * len(logits)).from_buffer(logits)
        self.check(self.c.hearth_session_eval(address, C.c_size_t(len(logits)), C.byref(needed), self.session, C.c_uint32(EVAL_ALL)))
        total = 0.0
        for i in range(before, len(ids)):  # row r is of token r + 1, and tells of token r + 2
            row = logits[(i - 2) * self.vocabulary:(i - 1) * self.vocabulary]
            most = max(row)
            total += most + math.log(sum(map(math.exp, (x - most for x in row)))) - row[ids[i]]
        return total / (len(ids) - before)


def lines(names):
    """(name of the file, number in it, parts…) of each line of the files."""
    for path in sorted((HERE / "held_out").glob(names)):
        said = [line for line in path.read_text(encoding="utf-8").splitlines() if line and not line.startswith("#")]
        for number, line in enumerate(said):
            yield [path.name, number, *(part.strip() for part in line.split(" | "))]


def with_others(name, number):
    """The tool and some others, in an order of their own."""
    rng = random.Random(number)
    names = rng.sample([n for n in commands.TOOLS if n != name], rng.randint(1, 4)) + [name]
    rng.shuffle(names)
    return [commands.TOOLS[n] for n in names]


def called(text):
    try:
        call = json.loads(text.partition("<tool_call>")[2].partition("</tool_call>")[0])
        return call["name"], call["arguments"]
    except (ValueError, KeyError, TypeError):
        return None


def contains(text, keys):
    return all(key.lower() in text.lower() for key in keys)


def evaluate(hearth, wrong, with_loss, few):
    known = {fact.id: fact for fact in F.read()}
    user = lambda text: [{"role": "user", "content": text}]
    results, losses = {}, []

    def count(kind, right, question, text, file):
        results.setdefault(kind, []).append(bool(right))
        results.setdefault(f"{kind} ({file})", []).append(bool(right))
        if wrong and not right:
            print(f"{kind}: {question}\n    {text!r}")

    for file, number, fact, question in lines("facts*.txt"):
        if few and number % few:
            continue
        text = hearth.answer(user(question))
        count("facts", contains(text, known[fact].keys), f"{question} [{fact}]", text, file)
        if with_loss:
            losses.append(hearth.loss(user(question), None, {"role": "assistant", "content": known[fact].say}))
    for file, number, name, command, arguments in lines("commands*.txt"):
        if few and number % few:
            continue
        tools, meant = with_others(name, number), (name, json.loads(arguments))
        text = hearth.answer(user(command), tools, forced=True)
        count("calls", called(text) == meant, command, text, file)
        if not few:
            text = hearth.answer(user(command), tools)
            count("calls without grammar", called(text) == meant, command, text, file)
        if with_loss:
            call = {"role": "assistant", "content": "", "tool_calls": [{"type": "function", "function": {"name": name, "arguments": meant[1]}}]}
            losses.append(hearth.loss(user(command), tools, call))
    for file, _, kind, question in lines("refusals.txt"):
        text = hearth.answer(user(question))
        count("refusals and greetings", text.startswith(small_talk.UNKNOWN if kind == "unknown" else "Hello"), question, text, file)
    for kind, rights in results.items():
        print(f"{kind}: {sum(rights)} of {len(rights)}, {100 * sum(rights) / len(rights):.1f} %")
    if losses:
        print(f"loss: {sum(losses) / len(losses):.4f}")
    return results, losses


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("models", nargs="+", type=Path)
    parser.add_argument("--library", type=Path, default=next((HERE.parents[1] / "build" / "release").glob("**/libhearth.so"), None))
    parser.add_argument("--wrong", action="store_true", help="prints what is wrong")
    parser.add_argument("--loss", action="store_true", help="the loss on the right answers too, which takes longer")
    parser.add_argument("--few", type=int, default=0, help="every FEWth line only")
    parser.add_argument("--facts", type=float, default=0, help="fails below this share of right facts, in percent")
    parser.add_argument("--calls", type=float, default=0, help="fails below this share of right calls, in percent")
    options = parser.parse_args()
    failed = False
    for path in options.models:
        print(path.name, path.stat().st_size, "bytes")
        results, _ = evaluate(Hearth(options.library, path), options.wrong, options.loss, options.few)
        share = lambda kind: 100 * sum(results[kind]) / len(results[kind])
        failed |= share("facts") < options.facts or share("calls") < options.calls
    sys.exit(failed)


if __name__ == "__main__":
    main()
