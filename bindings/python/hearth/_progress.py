"""Progress bars: tqdm's where it is installed, else a plain line on stderr."""

from __future__ import annotations

import importlib
import sys
import time
from typing import Any, Callable, Optional, Union

#: ``True``: a bar; ``False`` or ``None``: nothing; a function: it is called with done and all units.
Progress = Union[bool, None, Callable[[int, int], object]]


QUICK = 0.3  # seconds: what is over by then needs no bar


class Bar:
    """A callable of ``(done, total)`` that shows a bar; with tqdm's package a widget in notebooks."""

    def __init__(self, title: str, unit: str = "B") -> None:
        self.title, self.unit = title, unit
        self._bar: Optional[Any] = None
        self._plain = False
        self._begun = time.monotonic()
        self._width = 0

    def __call__(self, done: int, total: int) -> None:
        if self._bar is None and not self._plain:
            if time.monotonic() - self._begun < QUICK or done >= total:
                return
            self._open(total)
        if self._bar is not None:
            self._bar.update(done - self._bar.n)
        elif self._width:
            share = done / total if total else 1.0
            filled = int(share * 30)
            sys.stderr.write(f"\r{self.title}: {share:4.0%}|{'█' * filled}{' ' * (30 - filled)}|")
            sys.stderr.flush()

    def _open(self, total: int) -> None:
        try:
            tqdm: Any = importlib.import_module("tqdm.auto")
            self._bar = tqdm.tqdm(total=total, unit=self.unit, unit_scale=True, desc=self.title, leave=False)
        except ImportError:
            self._plain = True
            self._width = 30 if sys.stderr is not None and sys.stderr.isatty() else 0

    def close(self) -> None:
        """Takes the bar away."""
        if self._bar is not None:
            self._bar.close()
        elif self._width:
            sys.stderr.write("\r" + " " * (len(self.title) + self._width + 9) + "\r")
            sys.stderr.flush()

    def __enter__(self) -> Bar:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


class Silent(Bar):
    """No bar; a user's function where there is one."""

    def __init__(self, function: Optional[Callable[[int, int], object]]) -> None:
        super().__init__("")
        self.function = function

    def __call__(self, done: int, total: int) -> None:
        if self.function is not None:
            self.function(done, total)

    def close(self) -> None:
        """Nothing to take away."""


def bar(progress: Progress, title: str, unit: str = "B") -> Bar:
    """What ``progress=`` asks for, as a context manager."""
    if progress is True:
        return Bar(title, unit)
    return Silent(progress if callable(progress) else None)
