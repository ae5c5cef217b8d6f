"""Writes goldens of families with latent attention that ../shared/golden lacks: tests/golden/families/NAME.{gguf,json,f32}
in the form of ../shared/golden/README.md, random weights with the logits and greedy tokens of the NumPy forward below.

usage: python3 make_latent.py OUT   (needs what make_hf.py needs)

    deepseek2-groups   experts in groups as DeepSeek-V2 has them: softmax, a group is as good as its best expert
    mistral4           query temperature, YaRN with a log multiplier

The forward is the definition (DeepSeek-V2, 2024, sections 2.1 and 2.2; YaRN, 2023), in double precision: every head makes
its keys and values of the latent, nothing is absorbed.
"""

import json
import math
import pathlib
import sys

import numpy as np

import make_hf
from make_families import save, vocabulary

VOCAB, TOKENS = 270, 28


class Shape:
    embd, heads, query_rank, rank, plain, rotated, value, ffn = 32, 4, 20, 24, 12, 8, 10, 48
    layers, dense, experts, used, groups, groups_used, expert_ffn = 3, 1, 12, 3, 4, 2, 16
    weights_scale, base, eps = 1.5, 20000.0, 1e-6
    factor, original, multiplier = 8.0, 64, 0.0707  # of YaRN; a tenth of the multiplier, as files have it
    temperature, period = 0.0, 8


def weights(s, rng):
    def matrix(*shape):
        return make_hf.bfloat(rng.normal(0, 1.6 / math.sqrt(shape[-1]), shape))[0].astype(np.float64)

    def norm(n):
        return rng.normal(1, 0.2, n).astype(np.float32).astype(np.float64)

    w = {"token_embd.weight": matrix(VOCAB, s.embd), "output_norm.weight": norm(s.embd), "output.weight": matrix(VOCAB, s.embd)}
    for i in range(s.layers):
        def put(name, x):
            w[f"blk.{i}.{name}.weight"] = x

        put("attn_norm", norm(s.embd))
        put("attn_q_a", matrix(s.query_rank, s.embd))
        put("attn_q_a_norm", norm(s.query_rank))
        put("attn_q_b", matrix(s.heads * (s.plain + s.rotated), s.query_rank))
        put("attn_kv_a_mqa", matrix(s.rank + s.rotated, s.embd))
        put("attn_kv_a_norm", norm(s.rank))
        put("attn_k_b", matrix(s.heads, s.rank, s.plain))
        put("attn_v_b", matrix(s.heads, s.value, s.rank))
        put("attn_output", matrix(s.embd, s.heads * s.value))
        put("ffn_norm", norm(s.embd))
        if i < s.dense:
            for name, shape in (("gate", (s.ffn, s.embd)), ("up", (s.ffn, s.embd)), ("down", (s.embd, s.ffn))):
                put(f"ffn_{name}", matrix(*shape))
            continue
        put("ffn_gate_inp", matrix(s.experts, s.embd))
        for kind, stack in (("exps", (s.experts,)), ("shexp", ())):
            put(f"ffn_gate_{kind}", matrix(*stack, s.expert_ffn, s.embd))
            put(f"ffn_up_{kind}", matrix(*stack, s.expert_ffn, s.embd))
            put(f"ffn_down_{kind}", matrix(*stack, s.embd, s.expert_ffn))
    return w


def rms(x, weight, eps):
    return x / np.sqrt((x * x).mean(-1, keepdims=True) + eps) * weight


def frequencies(s):
    i = np.arange(s.rotated // 2)
    own = s.base ** (-2.0 * i / s.rotated)

    def correction(turns):
        return s.rotated * math.log(s.original / (turns * 2 * math.pi)) / (2 * math.log(s.base))

    low, high = max(0, math.floor(correction(32))), min(s.rotated - 1, math.ceil(correction(1)))
    keep = 1 - np.clip((i - low) / max(0.001, high - low), 0, 1)
    return own / s.factor * (1 - keep) + own * keep


def rotate(x, angles, magnitude):
    """Pairs of neighbours. x: [tokens, ..., rotated]"""
    cos, sin = np.cos(angles) * magnitude, np.sin(angles) * magnitude
    while cos.ndim < x.ndim:
        cos, sin = cos[:, None], sin[:, None]
    out = np.empty_like(x)
    out[..., 0::2] = x[..., 0::2] * cos - x[..., 1::2] * sin
    out[..., 1::2] = x[..., 0::2] * sin + x[..., 1::2] * cos
    return out


def swiglu(x, gate, up, down):
    g = gate @ x
    return down @ (g / (1 + np.exp(-g)) * (up @ x))


def route(s, logits, by_pairs=False):
    """Experts, their weights, and how little it would take to choose others."""
    p = np.exp(logits - logits.max())
    p /= p.sum()
    size = s.experts // s.groups
    score = np.sort(p.reshape(s.groups, size), axis=1)
    score = score[:, -1] if not by_pairs else score[:, -2:].sum(1)
    order = np.argsort(-score)
    margin = score[order[s.groups_used - 1]] - score[order[s.groups_used]] if s.groups_used < s.groups else np.inf
    kept = np.where(np.isin(np.arange(s.experts) // size, order[:s.groups_used]), p, -1)
    chosen = np.argsort(-kept)
    margin = min(margin, kept[chosen[s.used - 1]] - kept[chosen[s.used]])
    return chosen[:s.used], p[chosen[:s.used]] * s.weights_scale, margin


def forward(s, w, tokens, plain_rotation, report=None, by_pairs=False):
    n, log = len(tokens), math.log(s.factor)
    m = 1.0 if plain_rotation else (1 + 0.1 * log) / (1 + s.multiplier * log)
    scale = (m * (1 + s.multiplier * log)) ** 2 / math.sqrt(s.plain + s.rotated)
    positions = np.arange(n)
    angles = positions[:, None] * frequencies(s)[None]
    temperature = 1 + s.temperature * np.log(positions // s.period + 1)
    h = w["token_embd.weight"][tokens]
    for i in range(s.layers):
        def get(name):
            return w[f"blk.{i}.{name}.weight"]

        x = rms(h, get("attn_norm"), s.eps)
        q = rms(x @ get("attn_q_a").T, get("attn_q_a_norm"), s.eps) @ get("attn_q_b").T
        q = q.reshape(n, s.heads, s.plain + s.rotated)
        q = np.concatenate([q[..., :s.plain], rotate(q[..., s.plain:], angles, m)], -1) * temperature[:, None, None]
        kv = x @ get("attn_kv_a_mqa").T
        latent = rms(kv[:, :s.rank], get("attn_kv_a_norm"), s.eps)
        shared = rotate(kv[:, s.rank:], angles, m)
        mixed = np.zeros((n, s.heads, s.value))
        for head in range(s.heads):
            keys = np.concatenate([latent @ get("attn_k_b")[head], shared], 1)
            scores = q[:, head] @ keys.T * scale
            scores[np.triu_indices(n, 1)] = -np.inf
            p = np.exp(scores - scores.max(1, keepdims=True))
            mixed[:, head] = p / p.sum(1, keepdims=True) @ (latent @ get("attn_v_b")[head].T)
        h = h + mixed.reshape(n, -1) @ get("attn_output").T
        x = rms(h, get("ffn_norm"), s.eps)
        for t in range(n):
            if i < s.dense:
                h[t] = h[t] + swiglu(x[t], get("ffn_gate"), get("ffn_up"), get("ffn_down"))
                continue
            chosen, weight, margin = route(s, get("ffn_gate_inp") @ x[t], by_pairs)
            if report is not None:
                report.append(margin)
            y = swiglu(x[t], get("ffn_gate_shexp"), get("ffn_up_shexp"), get("ffn_down_shexp"))
            for e, p in zip(chosen, weight):
                y = y + p * swiglu(x[t], get("ffn_gate_exps")[e], get("ffn_up_exps")[e], get("ffn_down_exps")[e])
            h[t] = h[t] + y
    return rms(h, w["output_norm.weight"], s.eps) @ w["output.weight"].T


def write(out, name, architecture, s, plain_rotation):
    for seed in range(1, 2000):
        rng = np.random.default_rng(seed)
        w = weights(s, rng)
        tokens = [1] + [int(t) for t in rng.integers(3, VOCAB, TOKENS - 1)]
        report, following, lead = [], [], np.inf
        for _ in range(16):
            logits = forward(s, w, tokens + following, plain_rotation, report)
            second, first = np.sort(logits[-1])[-2:]
            lead = min(lead, first - second)
            following.append(int(logits[-1].argmax()))
            if lead < 0.004 * abs(logits).max() or min(report) < 1e-4:
                break
        else:
            break
    logits = forward(s, w, tokens, plain_rotation).astype(np.float32)
    # The other reading of groups must show, or the golden would prove nothing.
    other = forward(s, w, tokens, plain_rotation, by_pairs=True)
    assert s.groups == 1 or abs(other - logits).max() > 0.01 * abs(logits).max()
    keys = {"context_length": 512, "embedding_length": s.embd, "block_count": s.layers, "feed_forward_length": s.ffn,
            "attention.head_count": s.heads, "attention.head_count_kv": 1, "attention.layer_norm_rms_epsilon": s.eps,
            "attention.q_lora_rank": s.query_rank, "attention.kv_lora_rank": s.rank, "attention.key_length": s.rank + s.rotated,
            "attention.value_length": s.rank, "attention.key_length_mla": s.plain + s.rotated,
            "attention.value_length_mla": s.value, "rope.dimension_count": s.rotated, "rope.freq_base": s.base,
            "rope.scaling.type": "yarn", "rope.scaling.factor": s.factor, "rope.scaling.original_context_length": s.original,
            "rope.scaling.yarn_log_multiplier": s.multiplier, "leading_dense_block_count": s.dense, "expert_count": s.experts,
            "expert_used_count": s.used, "expert_feed_forward_length": s.expert_ffn, "expert_shared_count": 1,
            "expert_weights_scale": s.weights_scale}
    if s.groups != 1:
        keys |= {"expert_group_count": s.groups, "expert_group_used_count": s.groups_used}
    if s.temperature:
        keys |= {"attention.temperature_scale": s.temperature, "attention.temperature_length": s.period}
    keys = {"general.architecture": architecture, **{f"{architecture}.{k}": v for k, v in keys.items()}, **vocabulary(VOCAB)}
    save(out / f"{name}.gguf", keys, w)
    logits.tofile(out / f"{name}.f32")
    (out / f"{name}.json").write_text(json.dumps(
        {"arch": architecture, "kind": "logits", "tokens": tokens, "vocab": VOCAB, "width": VOCAB, "ctx": 512,
         "greedy": following, "max_abs": float(abs(logits).max()), "compare": "max", "max_rel": 1e-5,
         "oracle": "make_latent.py, double precision"}) + "\n")


def main(out):
    write(out, "deepseek2-groups", "deepseek2", Shape, True)

    class Mistral(Shape):
        groups = groups_used = 1
        temperature = 0.3

    write(out, "mistral4", "mistral4", Mistral, False)


if __name__ == "__main__":
    main(pathlib.Path(sys.argv[1]))
