"""Exceptions: one class for each status of ``hearth.h``, all of them :class:`Error`."""

from __future__ import annotations


class Error(Exception):
    """A call into hearth failed. ``str()`` is one sentence that names the file, tensor, key or position.

    Attributes:
        status: the ``hearth_status``, such as 5.
        name: its name in ``hearth.h``, such as ``"HEARTH_EFORMAT"``.
    """

    status: int = 15
    name: str = "HEARTH_EINTERNAL"


class InvalidArgumentError(Error, ValueError):
    """HEARTH_EINVAL: an argument is wrong: out of bounds, an unknown key."""

    status, name = 1, "HEARTH_EINVAL"


class OutOfMemoryError(Error, MemoryError):
    """HEARTH_ENOMEM: memory was refused."""

    status, name = 2, "HEARTH_ENOMEM"


class BudgetError(Error, MemoryError):
    """HEARTH_EBUDGET: would exceed the memory budget; the sentence has the figures."""

    status, name = 3, "HEARTH_EBUDGET"


class ReadError(Error, OSError):
    """HEARTH_EIO: a file or reader did not deliver its bytes."""

    status, name = 4, "HEARTH_EIO"


class FormatError(Error, ValueError):
    """HEARTH_EFORMAT: a file contradicts its own format."""

    status, name = 5, "HEARTH_EFORMAT"


class UnsupportedError(Error, NotImplementedError):
    """HEARTH_EUNSUPPORTED: a sound file, schema or option of a kind that this version does not know."""

    status, name = 6, "HEARTH_EUNSUPPORTED"


class LimitError(Error, ValueError):
    """HEARTH_ERANGE: beyond the context, the vocabulary or another limit."""

    status, name = 7, "HEARTH_ERANGE"


class BufferTooSmallError(Error):
    """HEARTH_EBUFS: does not leave this package, which asks for sizes first."""

    status, name = 8, "HEARTH_EBUFS"


class NothingYetError(Error):
    """HEARTH_EAGAIN: does not leave this package."""

    status, name = 9, "HEARTH_EAGAIN"


class CancelledError(Error):
    """HEARTH_ECANCELLED: stopped by ``cancel()``."""

    status, name = 10, "HEARTH_ECANCELLED"


class InstructionSetError(Error):
    """HEARTH_EISA: an instruction set that this CPU or build lacks."""

    status, name = 11, "HEARTH_EISA"


class StateError(Error, RuntimeError):
    """HEARTH_ESTATE: the object is closed, in use, made before a fork, or does not allow this call now."""

    status, name = 12, "HEARTH_ESTATE"


class NotFoundError(Error, FileNotFoundError):
    """HEARTH_ENOTFOUND: no such file, key or tool."""

    status, name = 13, "HEARTH_ENOTFOUND"


class TextError(Error, ValueError):
    """HEARTH_EUTF8: text is not UTF-8; the sentence has the byte offset."""

    status, name = 14, "HEARTH_EUTF8"


class InternalError(Error):
    """HEARTH_EINTERNAL: a defect of hearth."""

    status, name = 15, "HEARTH_EINTERNAL"


_CLASSES: dict[int, type[Error]] = {
    c.status: c
    for c in (
        InvalidArgumentError, OutOfMemoryError, BudgetError, ReadError, FormatError, UnsupportedError, LimitError,
        BufferTooSmallError, NothingYetError, CancelledError, InstructionSetError, StateError, NotFoundError, TextError,
        InternalError,
    )
}  # fmt: skip


def error_of(status: int, message: str) -> Error:
    """The exception for a status; called by the native module."""
    made = _CLASSES.get(status, Error)(message)
    made.status = status
    return made
