"""Ctrl-C, in processes of their own, while a prompt, an answer, a load and embeddings are computed, and in a notebook."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from typing import Any

import pytest

PROGRAM = """
import io, signal, sys, time, hearth
signal.signal(signal.SIGINT, signal.default_int_handler)  # whoever runs the tests may ignore it
path, what = sys.argv[1:]
def main():
    if what == "load":
        class Slow(io.FileIO):
            def read(self, size=-1):
                if size > 4096: time.sleep(0.05)
                return super().read(size)
        print("ready", flush=True)
        hearth.Model(Slow(path), progress=False)
    model = hearth.Model(path, progress=False)
    session = model.session()
    if what == "decode":
        generation = session.append("abc").generate(ignore_eos=True)
        next(generation)
        print("ready", flush=True)
        for _ in generation: pass
    elif what == "embed":
        print("ready", flush=True)
        model.embed([[300] * 100] * 20000, pass_tokens=64)  # between passes
    else:
        session.append([300] * 32000)
        print("ready", flush=True)
        if what == "async":
            import asyncio
            async def consume():
                async for _ in session.generate(max_tokens=1): pass
            asyncio.run(consume())
        elif what == "chat":
            model.chat("abc " * 8000, max_tokens=1).text()
        elif what == "prefill": session.generate(max_tokens=1).text()
        elif what == "logits": session.logits()
        else: model.generate_many([[300] * 16000] * 2, max_tokens=1).texts()
try:
    main()
except KeyboardInterrupt:
    print("interrupted", time.monotonic(), flush=True)
    session = hearth.Model(path, progress=False).session().append("abc")
    print(session.logits().shape, flush=True)
else:
    print("it ended by itself")
"""


@pytest.fixture(scope="module")
def path(make_model: Any) -> str:
    return str(make_model("--context", "33000", "--embd", "512", "--ffn", "2048", "--layers", "6"))


@pytest.mark.parametrize("what", ["prefill", "logits", "many", "decode", "embed", "load", "async", "chat"])
def test_ctrl_c(path: str, what: str) -> None:
    with subprocess.Popen([sys.executable, "-c", PROGRAM, path, what], stdout=subprocess.PIPE, text=True) as child:
        assert child.stdout is not None and child.stdout.readline() == "ready\n"
        time.sleep(0.4)
        sent = time.monotonic()
        os.kill(child.pid, signal.SIGINT)
        try:
            out, _ = child.communicate(timeout=60)
        finally:
            child.kill()
    word, told = out.splitlines()[0].split()
    assert word == "interrupted", out
    assert float(told) - sent < 20  # some 40 ms on a machine that does nothing else; the work itself takes minutes
    assert out.splitlines()[1] == "(512,)" and child.returncode == 0
    print(f"{what}: {float(told) - sent:.3f} s")


def test_a_notebooks_kernel_is_interrupted(path: str) -> None:
    manager = pytest.importorskip("jupyter_client.manager")
    kernel, client = manager.start_new_kernel(kernel_name="python3")
    try:
        client.execute_interactive(
            f"import hearth; model = hearth.Model({path!r}, progress=False); s = model.session().append([300] * 32000)", timeout=60
        )
        # A kernel that stops on errors drops what it is asked before it has told of this one, so the last cell at times.
        asked = client.execute("print('ready', flush=True); s.logits()", stop_on_error=False)
        while True:  # an interrupt before the cell runs would be for nobody
            told = client.get_iopub_msg(timeout=30)
            if told["parent_header"].get("msg_id") == asked and told["msg_type"] == "stream":
                break
        time.sleep(0.4)
        begun = time.monotonic()
        kernel.interrupt_kernel()
        reply = client.get_shell_msg(timeout=30)
        while reply["content"].get("status") == "ok":  # of the first cell
            reply = client.get_shell_msg(timeout=30)
        assert reply["content"]["ename"] == "KeyboardInterrupt" and time.monotonic() - begun < 20
        shown: list[Any] = []
        client.execute_interactive("s.truncate(3); print(s.logits().shape)", timeout=60, output_hook=shown.append)
        assert any("(512,)" in str(m["content"].get("text")) for m in shown)
    finally:
        client.stop_channels()
        kernel.shutdown_kernel(now=True)


def test_handlers_of_the_program_run(path: str) -> None:
    program = """
import signal, sys, hearth
model = hearth.Model(sys.argv[1], progress=False)
heard = []
def handler(*_):
    heard.append(model.session().append("abc").tokens)  # hearth within a handler
    if len(heard) == 2:
        signal.setitimer(signal.ITIMER_REAL, 0)
        raise SystemExit(3)
signal.signal(signal.SIGALRM, handler)
signal.setitimer(signal.ITIMER_REAL, 0.1, 0.1)
model.session().append([300] * 32000).logits()
"""
    done = subprocess.run([sys.executable, "-c", program, path], timeout=60, capture_output=True, text=True)
    assert done.returncode == 3, done.stderr
