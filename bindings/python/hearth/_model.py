"""A loaded model, and the runtime that it computes with."""

from __future__ import annotations

import json
import logging
import os
import threading
from collections.abc import Mapping, Sequence
from types import TracebackType
from typing import Any, BinaryIO, Callable, Literal, Optional, Union

import numpy as np
import numpy.typing as npt

from . import _hearth as native
from ._batch import Batch
from ._chat import Chat, ChatOptions, ChatStream
from ._errors import NotFoundError
from ._extras import Adapter, PrefixStore
from ._generation import Generation
from ._options import GenerateOptions, Settings, Unpack
from ._paths import Path, path_of
from ._progress import Progress, bar
from ._session import KINDS, KV, Session
from ._tokenizer import Tokenizer

Source = Union[str, "os.PathLike[str]", bytes, bytearray, memoryview, int, BinaryIO]
Pooling = Literal["default", "none", "mean", "cls", "last", "rank"]
_log = logging.getLogger("hearth")
_LEVELS = (logging.ERROR, logging.WARNING, logging.INFO, logging.DEBUG)


class Runtime:
    """Threads, memory and instruction set; models of one runtime take turns with its threads. Callable from any thread.

    Args:
        threads: ``None``: as many as this process may use cores.
        isa: ``None`` or ``"auto"``: the environment variable HEARTH_ISA, else the best; see :func:`isas`.
        memory_budget: bytes for weights, caches and scratch together; ``None``: no limit.
    Raises:
        InstructionSetError: one that cannot run here.
    """

    def __init__(self, *, threads: Optional[int] = None, isa: Optional[str] = None, memory_budget: Optional[int] = None) -> None:
        self._native = native.Runtime(threads or 0, isa or "auto", memory_budget or 0)

    @property
    def isa(self) -> str:
        """The instruction set in use, such as ``"avx512"``."""
        return self._native.isa

    @property
    def threads(self) -> int:
        """How many threads compute."""
        return self._native.threads

    @property
    def memory(self) -> int:
        """Bytes that its models, sessions and stores hold now."""
        return self._native.memory

    def measure_stream(self, bytes: int = 1 << 28, rounds: int = 3) -> float:
        """Bytes per second that its threads read from memory: the bound of decoding."""
        return self._native.measure_stream(bytes, rounds)

    def inspect(self, source: Source) -> dict[str, Any]:
        """Tells about a model without loading weights: architecture, sizes in bytes, memory plan for several contexts,
        whether it is supported.

        Raises:
            NotFoundError: no such file. FormatError: it cannot be read as a model at all.
        """
        found: dict[str, Any] = json.loads(_inspect(self._native, source))
        return found

    def pack(self, path: Path, packed_path: Path, *, progress: Progress = False) -> None:
        """Writes a model as hearth's kernels read it, so that later loads only map it.

        Raises:
            NotFoundError, FormatError, UnsupportedError: as opening it. ReadError: the file could not be written.
        """
        with bar(progress, "packing") as shown:
            native.pack(self._native, path_of(path), path_of(packed_path), shown)

    def __repr__(self) -> str:
        return f"<hearth.Runtime {self.isa}, {self.threads} threads, {self.memory / 1e6:.1f} MB>"


class Model:
    """A language model: weights and tokenizer, immutable. Callable from any thread.

    >>> import hearth
    >>> model = hearth.Model(MODEL)
    >>> model.generate("Once upon a time", max_tokens=4, temperature=0).text()
    ', there was a'

    Args:
        source: path of a GGUF file or a Hugging Face folder; or the file's bytes, its descriptor, or an open binary file.
        threads, isa, memory_budget: see :class:`Runtime`.
        runtime: one that several models share; then without the three.
        context: tokens that sessions hold, unless they say otherwise; ``None``: the model's, or what memory holds.
        kv: type of the caches; ``"q8_0"`` takes half the memory of ``"f16"``.
        progress: a bar while loading; or a function that is called with done and all bytes.
        adapters: paths of LoRA adapters or control vectors for all sessions, or ``(path, scale)``.
        draft: path of a smaller model, or a :class:`Model` of the same runtime, or ``"lookup"``, or ``"mtp"``, the model's own
            blocks for further tokens: guesses tokens for all generations, which changes their time only.
        prefix_store: ``True`` keeps what prompts computed in memory, a path in that folder too, for all sessions.
    Raises:
        NotFoundError: no such file. FormatError: a damaged file. UnsupportedError: a kind that is not known. BudgetError,
        OutOfMemoryError: it would not fit; told before weights are read. KeyboardInterrupt: Ctrl-C stops loading.
    """

    def __init__(
        self,
        source: Source,
        *,
        threads: Optional[int] = None,
        isa: Optional[str] = None,
        memory_budget: Optional[int] = None,
        runtime: Optional[Runtime] = None,
        context: Optional[int] = None,
        kv: KV = "f16",
        progress: Progress = True,
        adapters: Sequence[Union[Path, tuple[Path, float]]] = (),
        draft: Union[Path, Model, None] = None,
        prefix_store: Union[bool, Path] = False,
    ) -> None:
        if runtime is not None and (threads or isa or memory_budget):
            raise ValueError("give threads, isa and memory_budget to the runtime")
        if kv not in KINDS:
            raise ValueError(f"kv is one of {', '.join(KINDS)}, not {kv!r}")
        self.runtime = runtime or Runtime(threads=threads, isa=isa, memory_budget=memory_budget)
        with bar(progress, "loading") as shown:
            self._native = _open(self.runtime._native, source, shown, native.MODEL_MTP if draft == "mtp" else 0)
        self._log_messages()
        self._context, self._kv = context or 0, kv
        self.tokenizer = Tokenizer._of(native.Tokenizer.of_model(self._native))
        self.vocab_size: int = self._native.vocab_size  #: tokens, and width of logits
        self.context_length: int = self._native.context_length  #: tokens, as the model was trained
        pairs = [a if isinstance(a, tuple) else (a, 1.0) for a in adapters]
        self.adapters = [(Adapter(self, path), scale) for path, scale in pairs]
        self._draft: Union[str, Model, None] = None
        if isinstance(draft, Model) or (isinstance(draft, str) and draft in ("lookup", "mtp")):
            self._draft = draft
        elif draft is not None:
            self._draft = Model(draft, runtime=self.runtime, progress=progress)
        self.prefix_store: Optional[PrefixStore] = None
        if prefix_store:
            self.prefix_store = PrefixStore(self, folder=None if prefix_store is True else prefix_store)

    # ---- text ------------------------------------------------------------------------------------------------

    def tokenize(self, text: str, *, special: bool = True, parse_special: bool = False) -> list[int]:
        """The token ids of ``text``; see :meth:`Tokenizer.encode`."""
        return self.tokenizer.encode(text, special=special, parse_special=parse_special)

    def detokenize(self, tokens: Sequence[int], *, special: bool = False) -> str:
        """The text of tokens; see :meth:`Tokenizer.decode`."""
        return self.tokenizer.decode(tokens, special=special)

    def session(self, *, context: Optional[int] = None, kv: Optional[KV] = None, chunk: int = 0) -> Session:
        """A conversation: tokens and their cache.

        Args:
            context: tokens that it can hold; ``None``: as the model was opened with.
            kv: type of its cache. chunk: prompt tokens of a pass; 0: 512. It never changes a result.
        Raises:
            BudgetError, OutOfMemoryError: it would not fit; the sentence has the context that would.
        """
        made = native.Session(self._native, context or self._context, KINDS[kv or self._kv], chunk)
        session = Session(self, made)
        for adapter, scale in self.adapters:
            session.attach(adapter, scale)
        if self.prefix_store is not None:
            session.use_store(self.prefix_store)
        return session

    def generate(self, prompt: Union[str, Sequence[int]], **options: Unpack[GenerateOptions]) -> Generation:
        """Goes on from a text or from tokens, in a session of its own. See :class:`GenerateOptions`.

        Raises:
            TypeError: unknown options. ValueError, InvalidArgumentError: options out of bounds, an empty prompt.
            LimitError: a prompt beyond the context. BudgetError, OutOfMemoryError: no room for the session. Errors of the
            computation, and KeyboardInterrupt, come from the iterator.

        >>> for piece in model.generate("Once upon a time", max_tokens=6, temperature=0):
        ...     print(piece, end="|")
        ,| there| was| a| little| g|
        """
        settings = Settings.of(self._with_draft(options))
        return Generation(self.session().append(prompt), settings, keep=False)

    def generate_many(self, prompts: Sequence[Union[str, Sequence[int]]], **options: Unpack[GenerateOptions]) -> Batch:
        """Several prompts in the same passes, which read the weights once for all of them; each gets the text that it would
        get alone. Iterating gives ``(number of the prompt, piece)``; :meth:`Batch.results` the results in order."""
        made = self._with_draft(options)
        return Batch([self.session().append(prompt) for prompt in prompts], [Settings.of(made) for _ in prompts])

    def chat(
        self,
        messages: Union[str, Sequence[Mapping[str, Any]]],
        *,
        tools: Sequence[Union[Callable[..., Any], Mapping[str, Any]]] = (),
        **options: Unpack[ChatOptions],
    ) -> ChatStream:
        """The model's next turn in a conversation, in its own template, as typed events; see :class:`ChatStream`.

        Args:
            messages: ``{"role": "user", "content": "…"}`` and so on; a ``str`` is one message of the user.
            tools: Python functions, whose signatures and docstrings the model is told; or definitions as dicts.
            options: of :class:`ChatOptions` and :class:`GenerateOptions`, such as ``run_tools=True``.
        Raises:
            TypeError: unknown options, or a tool whose signature has no JSON Schema. ValueError, InvalidArgumentError:
            options out of bounds. The stream raises NotFoundError where the model has no template, InvalidArgumentError
            where the template refuses the messages, and what computing raises.
        """
        listed = [{"role": "user", "content": messages}] if isinstance(messages, str) else [dict(m) for m in messages]
        return Chat(self, tools=tools, messages=listed, **options).reply()

    def conversation(
        self,
        system: Optional[str] = None,
        *,
        tools: Sequence[Union[Callable[..., Any], Mapping[str, Any]]] = (),
        **options: Unpack[ChatOptions],
    ) -> Chat:
        """A conversation that remembers its messages and what was computed of them; see :class:`Chat`."""
        messages: list[dict[str, Any]] = [] if system is None else [{"role": "system", "content": system}]
        return Chat(self, tools=tools, messages=messages, **options)

    # ---- embeddings ------------------------------------------------------------------------------------------

    def embed(
        self,
        texts: Union[str, Sequence[str], Sequence[Sequence[int]]],
        *,
        normalize: bool = True,
        pooling: Pooling = "default",
        dimensions: int = 0,
        special: bool = True,
        parse_special: bool = False,
        truncate: bool = False,
        pass_tokens: int = 0,
        progress: Progress = False,
    ) -> npt.NDArray[np.float32]:
        """Embeddings of texts, or of sequences of token ids.

        Args:
            normalize: vectors of Euclidean length 1.
            pooling: ``"default"`` is what the model file says, and the mean of all tokens where it says nothing; ``"none"``
                gives a vector for each token.
            dimensions: that are kept of each vector; 0: all. truncate: texts beyond the context lose their end.
        Returns:
            float32 [texts, width]; of one ``str`` [width]; with ``pooling="none"`` [all tokens, token width].
        Raises:
            LimitError: a text beyond the context, a token outside the vocabulary. InvalidArgumentError: an empty text.
        """
        flags = native.EMBED_NORMALIZE if normalize else 0
        flags |= (0 if special else native.EMBED_NO_SPECIAL) | (native.EMBED_PARSE_SPECIAL if parse_special else 0)
        flags |= native.EMBED_TRUNCATE if truncate else 0
        info = self.embedding_info
        kind = int(getattr(native, f"POOLING_{pooling.upper()}"))
        if pooling == "default" and info["pooling"] == native.POOLING_NONE:
            kind = native.POOLING_MEAN
        given: list[Any] = [texts] if isinstance(texts, str) else list(texts)
        by_tokens = bool(given) and not isinstance(given[0], str)
        call: Any = self._native.embed_tokens if by_tokens else self._native.embed_texts
        with bar(progress, "embedding", " texts") as shown:
            flat: npt.NDArray[np.float32] = call(given, kind, flags, dimensions, pass_tokens, shown) if given else np.zeros(0, np.float32)
        if pooling == "none":
            return flat.reshape(-1, dimensions or info["token_width"])
        if isinstance(texts, str):
            return flat
        return flat.reshape(len(given), -1) if given else flat.reshape(0, dimensions or info["width"])

    def rerank(
        self, query: str, documents: Sequence[str], *, truncate: bool = False, pass_tokens: int = 0, progress: Progress = False
    ) -> npt.NDArray[np.float32]:
        """How well each document answers the query: float32 [documents], larger is better.

        Raises:
            InvalidArgumentError: the model is no reranker.
        """
        flags = native.EMBED_TRUNCATE if truncate else 0
        with bar(progress, "reranking", " texts") as shown:
            return self._native.rerank(query, list(documents), flags, pass_tokens, shown)

    @property
    def embedding_info(self) -> dict[str, int]:
        """``width``, ``token_width``, ``pooling``, ``scores``, ``generates``, ``context`` (tokens of a text at most)."""
        return self._native.embedding_info()

    @property
    def score_labels(self) -> list[str]:
        """Names of the scoring head's outputs, where the file has them."""
        try:
            return [self._native.score_label(i) for i in range(self.embedding_info["scores"])]
        except NotFoundError:
            return []

    def train_control_vector(
        self, pairs: Sequence[tuple[str, str]], path: Path, *, method: Literal["mean", "pca"] = "mean", progress: Progress = False
    ) -> Adapter:
        """Makes a control vector from pairs of prompts that contrast (first with, then without), as a GGUF file at ``path``.

        Raises:
            InvalidArgumentError: no pairs, or an empty prompt. LimitError: a prompt beyond the context.
        """
        sides = [[self.tokenize(pair[side]) for pair in pairs] for side in (0, 1)]
        kind = native.STEER_PCA if method == "pca" else native.STEER_MEAN
        with bar(progress, "training", " pairs") as shown:
            self._native.steer_train(sides[0], sides[1], path_of(path), kind, shown)
        return Adapter(self, path)

    # ---- about it --------------------------------------------------------------------------------------------

    @property
    def info(self) -> dict[str, Any]:
        """Architecture, sizes, quantization and memory plan, as ``hearth inspect`` tells them."""
        found: dict[str, Any] = json.loads(self._native.inspect())
        return found

    def metadata(self, key: str) -> Optional[str]:
        """The value of a metadata key of the file; strings as they are, others as JSON; ``None`` where there is none."""
        try:
            return self._native.metadata(key)
        except NotFoundError:
            return None

    @property
    def weight_bytes(self) -> int:
        """Of weights held in memory."""
        return self._native.weight_bytes

    @property
    def decode_bytes(self) -> int:
        """Of weights read for one decoded token."""
        return self._native.decode_bytes

    @property
    def digest(self) -> str:
        """Tells models apart that compute differently: 32 hexadecimal digits. The first call reads all weights."""
        return self._native.digest().hex()

    def close(self) -> None:
        """Gives it back with its last session; later calls raise :class:`StateError`."""
        self._native.close()

    def _with_draft(self, options: Any) -> dict[str, Any]:
        return {"draft": self._draft, **options} if self._draft is not None else dict(options)

    def _log_messages(self) -> None:
        for level, text in self.runtime._native.messages():
            _log.log(_LEVELS[level] if 0 <= level < len(_LEVELS) else logging.DEBUG, "%s", text)

    def __enter__(self) -> Model:
        return self

    def __exit__(self, kind: Optional[type[BaseException]], error: Optional[BaseException], trace: Optional[TracebackType]) -> None:
        self.close()

    def __repr__(self) -> str:
        if self._native.closed:
            return "<hearth.Model closed>"
        info = self.info
        return f"<hearth.Model {info['architecture']}, {info['parameters']:,} parameters, {self.runtime.isa}>"

    def _repr_html_(self) -> str:
        from ._display import model_html

        return model_html(self)


def _open(runtime: native.Runtime, source: Source, progress: Callable[[int, int], object], flags: int) -> native.Model:
    if isinstance(source, (bytes, bytearray, memoryview)):
        return native.Model.open_memory(runtime, source, progress, flags)
    if isinstance(source, int):
        return native.Model.open_fd(runtime, source, progress, flags)
    if isinstance(source, (str, os.PathLike)):
        return native.Model.open_path(runtime, path_of(source), progress, flags)
    return native.Model.open_reader(runtime, source.seek(0, os.SEEK_END), _reader(source), progress, flags)


def _inspect(runtime: native.Runtime, source: Source) -> str:
    if isinstance(source, (bytes, bytearray, memoryview)):
        return native.inspect_memory(runtime, source)
    if isinstance(source, int):
        return native.inspect_fd(runtime, source)
    if isinstance(source, (str, os.PathLike)):
        return native.inspect_path(runtime, path_of(source))
    return native.inspect_reader(runtime, source.seek(0, os.SEEK_END), _reader(source))


def _reader(file: BinaryIO) -> Callable[[int, int], bytes]:
    one_at_a_time = threading.Lock()  # threads of the library come at once

    def read(offset: int, count: int) -> bytes:
        with one_at_a_time:
            file.seek(offset)
            data = file.read(count)
            while 0 < len(data) < count and (more := file.read(count - len(data))):
                data += more
            return data

    return read
