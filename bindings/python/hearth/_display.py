"""What notebooks show."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from html import escape
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ._generation import Result
    from ._model import Model

_CELL = "padding:.15em .8em .15em 0;text-align:left;vertical-align:top"


def table(title: str, rows: Mapping[str, Any]) -> str:
    """Names and values."""
    lines = "".join(
        f'<tr><th style="{_CELL}">{escape(str(name))}</th><td style="{_CELL}">{escape(str(value))}</td></tr>'
        for name, value in rows.items()
    )
    return f"<div><b>{escape(title)}</b><table>{lines}</table></div>"


def model_html(model: Model) -> str:
    """The facts of a model."""
    info = model.info
    kinds = ", ".join(f"{q['type']}: {q['tensors']}" for q in info.get("quantization", []))
    rows = {
        "architecture": info["architecture"],
        "parameters": f"{info['parameters']:,} in {info['tensors']} tensors ({kinds})",
        "weights": f"{model.weight_bytes / 1e6:,.1f} MB",
        "context": f"{model.context_length:,} tokens",
        "vocabulary": f"{model.vocab_size:,} tokens",
        "runs on": f"{model.runtime.isa}, {model.runtime.threads} threads",
    }
    return table(f"hearth.Model {info.get('name') or ''}".strip(), rows)


def result_html(result: Result) -> str:
    """The text, each token on the colour of its probability where that is known; counts below."""
    parts = []
    for token in result.tokens:
        text = escape(token).replace("\n", "<br>")
        if math.isnan(token.logprob):
            parts.append(text)
        else:
            p = math.exp(token.logprob)
            parts.append(f'<span title="{p:.1%}" style="background:hsla({p * 120:.0f},70%,60%,.45)">{text}</span>')
    facts = (
        f"{result.generated_tokens} tokens, {result.tokens_per_second:.1f} tokens/s · prompt: {result.prompt_tokens} evaluated, "
        f"{result.reused_tokens} reused · {result.finish}"
    )
    return f'<div style="white-space:pre-wrap">{"".join(parts)}</div><small>{escape(facts)}</small>'


def messages_html(messages: Sequence[Mapping[str, Any]]) -> str:
    """A conversation."""
    blocks = []
    for message in messages:
        role = str(message.get("role", ""))
        content = message.get("content") or ""
        body = escape(content if isinstance(content, str) else json.dumps(content, ensure_ascii=False))
        if reasoning := message.get("reasoning_content"):
            body = f"<details><summary>reasoning</summary>{escape(str(reasoning))}</details>{body}"
        for call in message.get("tool_calls") or ():
            function = call.get("function", {})
            arguments = function.get("arguments")
            shown = arguments if isinstance(arguments, str) else json.dumps(arguments, ensure_ascii=False)
            body += f"<div><code>{escape(str(function.get('name')))}({escape(shown)})</code></div>"
        blocks.append(f'<div style="margin:.3em 0"><b>{escape(role)}</b><div style="white-space:pre-wrap">{body}</div></div>')
    return "<div>" + "".join(blocks) + "</div>"
