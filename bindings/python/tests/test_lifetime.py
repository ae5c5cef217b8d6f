"""Objects that go in any order, threads, forks, and the end of the interpreter: nothing ends the process."""

from __future__ import annotations

import gc
import itertools
import subprocess
import sys
import threading
import time
from typing import Any

import pytest

import hearth


def run(program: str, path: str, code: int = 0) -> str:
    done = subprocess.run([sys.executable, "-X", "faulthandler", "-c", program, path], capture_output=True, text=True, timeout=120)
    assert done.returncode == code, (done.returncode, done.stdout, done.stderr)
    return done.stdout


def test_any_order(tiny_path: str) -> None:
    for order in itertools.permutations(range(3)):
        model = hearth.Model(tiny_path, progress=False)
        session = model.session().append("abc")
        generation = session.generate(max_tokens=20, ignore_eos=True)
        next(generation)
        objects: list[Any] = [model, session, generation]
        del model, session, generation
        for i in order:
            objects[i] = None
            gc.collect()


def test_use_after_close(tiny_path: str) -> None:
    model = hearth.Model(tiny_path, progress=False)
    session = model.session().append("abc")
    tokenizer = hearth.Tokenizer(tiny_path)
    tokenizer.close()
    model.close()
    assert session.logits().shape == (512,)  # keeps what it needs
    session.close()
    for call in (model.session, session.logits, session.fork, lambda: session.append("x"), session.cancel, lambda: tokenizer.encode("a")):
        with pytest.raises(hearth.StateError, match="closed"):
            call()
    assert "closed" in repr(model) and "closed" in repr(session) and "closed" in session._repr_html_()
    with pytest.raises(hearth.StateError):
        model.generate("a")


def test_threads(tiny: hearth.Model) -> None:
    expected = tiny.generate("abc", max_tokens=20, seed=1).text()
    vector = tiny.embed("abc")
    failures: list[BaseException] = []
    shared = tiny.session().append("abc")
    refused = []

    def work() -> None:
        try:
            for _ in range(10):
                assert tiny.generate("abc", max_tokens=20, seed=1).text() == expected
                assert (tiny.embed("abc") == vector).all()
                try:  # one session for all of them: some are refused, none races
                    shared.append([300]).logits()
                except hearth.StateError:
                    refused.append(1)
        except BaseException as error:
            failures.append(error)

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failures
    assert shared.logits().shape == (512,)


def test_other_threads_run_meanwhile(make_model: Any) -> None:
    model = hearth.Model(make_model("--context", "16384", "--embd", "512", "--ffn", "2048", "--layers", "6"), progress=False)
    session = model.session().append([300] * 12000)
    count, running = 0, True

    def tick() -> None:
        nonlocal count
        begun = time.monotonic()
        while running:
            count += 1
            if time.monotonic() - begun > 0.3:
                session.cancel()
                time.sleep(0.02)

    thread = threading.Thread(target=tick)
    thread.start()
    with pytest.raises(hearth.CancelledError):
        session.logits()
    running = False
    thread.join()
    assert count >= 500  # it was not held up


def test_forks(tiny_path: str) -> None:
    out = run(
        """
import os, sys, hearth
model = hearth.Model(sys.argv[1], progress=False)
session = model.session().append("abc")
generation = session.generate(max_tokens=9)
next(generation)
child = os.fork()
if child == 0:
    for use in (model.session, session.fork, lambda: next(generation), lambda: model.tokenize("a"), lambda: model.embed("a")):
        try: use()
        except hearth.StateError as error: assert "fork" in str(error)
        else: os._exit(5)
    del generation, session
    model = hearth.Model(sys.argv[1], progress=False)  # a new one works
    print(model.generate("abc", max_tokens=3).result().generated_tokens, flush=True)
    sys.exit(7)
assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 7
print(len(generation.result().tokens) > 0)
import multiprocessing
def work(n):
    return hearth.Model(sys.argv[1], progress=False).generate("abc", max_tokens=n, temperature=0).text()
with multiprocessing.get_context("fork").Pool(2) as pool:
    assert pool.map(work, [3, 3])[0] == work(3)
""",
        tiny_path,
    )
    assert out.split() == ["3", "True"]


def test_the_end_of_the_interpreter(tiny_path: str) -> None:
    run(
        """
import sys, threading, hearth
model = hearth.Model(sys.argv[1], progress=False)
def work():
    while True:
        model.session().append([300] * 500).logits()
        model.generate("abc", max_tokens=20).text()
for _ in range(3): threading.Thread(target=work, daemon=True).start()
generation = model.generate("abc", ignore_eos=True)
next(generation)
import time; time.sleep(0.3)
""",
        tiny_path,
    )
    run(
        """
import sys, asyncio, hearth
model = hearth.Model(sys.argv[1], progress=False)
async def main():
    asyncio.create_task(model.generate("abc", ignore_eos=True)._all())
    await asyncio.sleep(0.02)
asyncio.run(main())
held = [model.generate("abc", ignore_eos=True) for _ in range(3)]
for g in held: next(g)
""",
        tiny_path,
    )


def test_destructors_at_the_end_of_the_interpreter(tiny_path: str) -> None:
    out = run(
        """
import sys, hearth
class Held:
    def __init__(self): self.model = hearth.Model(sys.argv[1], progress=False); self.print = print
    def __del__(self):
        self.print(self.model.session().append([300] * 200).logits().shape[0], flush=True)
sys.held = Held()  # taken apart with the modules, behind the end of the threads
""",
        tiny_path,
    )
    assert out.split() in ([], ["512"])  # what Python has left by then


def test_arrays_outlive_what_made_them(tiny_path: str) -> None:
    model = hearth.Model(tiny_path, progress=False)
    logits = model.session().append("abc").logits()
    event_logits = next(model.generate("abc", max_tokens=1, logits=True)).logits
    vectors = model.embed(["abc"])
    assert event_logits is not None
    before = [float(a.sum()) for a in (logits, event_logits, vectors)]
    del model
    gc.collect()
    assert [float(a.sum()) for a in (logits, event_logits, vectors)] == before
    with pytest.raises(ValueError):
        logits[0] = 0
