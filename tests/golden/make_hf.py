"""Writes tests/golden/hf: tiny folders of random models as Hugging Face's libraries write them, each with the logits
that a NumPy forward of its own computes in double precision from the folder's files alone, and the token ids that the
`tokenizers` package gives for a list of texts.

usage: python3 make_hf.py OUT [NAME...]   (all, or those; needs numpy, safetensors, tokenizers and transformers from PyPI; torch is not needed)

    OUT/NAME/            config.json, model.safetensors (or shards), tokenizer.json, tokenizer_config.json, …
    OUT/NAME.json        {"tokens", "width", "texts": [{"text", "ids"}], "eos"}
    OUT/NAME.f32         logits [tokens, width]

The forward is written from the papers and the configs' definitions: rotation by halves, rows of queries and keys as
they stand in the folder, no GGUF in sight.
"""

import json
import math
import pathlib
import shutil
import sys

import numpy as np
import transformers
from safetensors.numpy import save_file
from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers, processors, trainers

VOCAB = 320
TEXTS = [
    "",
    "Hello world",
    " two  spaces   three\n\nlines\r\n\ttabs ",
    "It's 2024: we've 12345 apples & they're $3.99!",
    "Überraschung naïve café cafe\u0301 Ångström",
    "日本語のテキスト и русский текст العربية",
    "emoji 🙂👩‍👩‍👧 and \u00a0non-breaking\u3000spaces",
    "<|special|> in the middle <extra>  and at the end <|special|>",
    "<extra>x<extra> y",
    "def f(x):\n    return x ** 2  # comment",
    "UPPER lower MiXeD camelCase snake_case",
    "a" * 50 + " " * 20 + "b",
    "▁marks▁ in text",
]
CORPUS = [t for t in TEXTS for _ in range(3)] + [
    "The quick brown fox jumps over the lazy dog. It was a bright cold day in April, and the clocks were striking 13.",
    "Once upon a time there was a little girl named Lily who loved to play outside in the park with her red ball.",
    "for (int i = 0; i < 100; ++i) { sum += values[i]; }",
]
CI = "(?i:'s|'t|'re|'ve|'m|'ll|'d)"
END = r" ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
LLAMA3 = CI + r"|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}|" + END
QWEN2 = CI + r"|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}|" + END


# ---- tokenizers -------------------------------------------------------------------------------------------------------


def byte_level(pre, normalizer=None, bos=None, ignore_merges=False, prefix_space=False):
    """Byte-level BPE with the given splits before the bytes."""
    t = Tokenizer(models.BPE(ignore_merges=ignore_merges))
    if normalizer is not None:
        t.normalizer = normalizer
    t.pre_tokenizer = pre
    t.decoder = decoders.ByteLevel()
    specials = ["<|begin|>", "<|end|>"]
    t.train_from_iterator(CORPUS, trainers.BpeTrainer(vocab_size=VOCAB - 2, special_tokens=specials, show_progress=False,
                                                      initial_alphabet=pre_tokenizers.ByteLevel.alphabet()))
    t.add_special_tokens([AddedToken("<|special|>", special=True, normalized=False)])
    t.add_tokens([AddedToken("<extra>", lstrip=True, rstrip=True, normalized=False)])
    if bos is not None:
        t.post_processor = processors.Sequence([
            processors.ByteLevel(trim_offsets=False),
            processors.TemplateProcessing(single=f"{bos} $A", pair=f"{bos} $A {bos} $B:1",
                                          special_tokens=[(bos, t.token_to_id(bos))])])
    return t, "<|begin|>", "<|end|>"


def split(pattern):
    return pre_tokenizers.Sequence([pre_tokenizers.Split(Regex(pattern), "isolated"),
                                    pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)])


def characters(metaspace):
    """BPE over characters with U+2581 and byte fallback, as Llama 2's: by normalizers, or by a Metaspace."""
    specials = ["<unk>", "<s>", "</s>"]
    base = Tokenizer(models.BPE(unk_token="<unk>", byte_fallback=True, fuse_unk=True))
    if metaspace is None:
        base.normalizer = normalizers.Sequence([normalizers.Prepend("▁"), normalizers.Replace(" ", "▁")])
    else:
        base.pre_tokenizer = pre_tokenizers.Metaspace("▁", prepend_scheme=metaspace, split=False)
    latin = [t for t in CORPUS if t.isascii()]  # so that other scripts fall back to bytes
    room = VOCAB - 258
    base.train_from_iterator(latin, trainers.BpeTrainer(vocab_size=room, special_tokens=specials, show_progress=False,
                                                        limit_alphabet=40))
    j = json.loads(base.to_str())
    for b in range(256):
        j["model"]["vocab"][f"<0x{b:02X}>"] = len(j["model"]["vocab"])
    t = Tokenizer.from_str(json.dumps(j))
    t.decoder = decoders.Sequence([decoders.Replace("▁", " "), decoders.ByteFallback(), decoders.Fuse(), decoders.Strip(" ", 1, 0)])
    t.add_special_tokens([AddedToken("<|special|>", special=True, normalized=False)])
    t.add_tokens([AddedToken("<extra>", rstrip=True, normalized=False)])
    t.post_processor = processors.TemplateProcessing(single="<s> $A", pair="<s> $A <s> $B:1",
                                                     special_tokens=[("<s>", t.token_to_id("<s>"))])
    return t, "<s>", "</s>"


# ---- models -----------------------------------------------------------------------------------------------------------


def rms(x, weight, eps):
    return x / np.sqrt((x * x).mean(-1, keepdims=True) + eps) * weight


def frequencies(c, width, length):
    """Inverse frequencies and the factor of cosine and sine."""
    scaling = c.get("rope_scaling") or {}
    base = c["rope_theta"]
    inv = base ** (-np.arange(0, width, 2) / width)
    kind = scaling.get("rope_type", scaling.get("type", "default"))
    if kind == "default":
        return inv, 1.0
    if kind == "linear":
        return inv / scaling["factor"], 1.0
    if kind == "llama3":
        f, low, high, old = (scaling[k] for k in ("factor", "low_freq_factor", "high_freq_factor", "original_max_position_embeddings"))
        out = []
        for v in inv:
            wave = 2 * math.pi / v
            smooth = (old / wave - low) / (high - low)
            out.append(v if wave < old / high else v / f if wave > old / low else (1 - smooth) * v / f + smooth * v)
        return np.array(out), 1.0
    if kind == "yarn":
        f, old = scaling["factor"], scaling["original_max_position_embeddings"]
        at = lambda turns: width * math.log(old / (turns * 2 * math.pi)) / (2 * math.log(base))
        low, high = max(math.floor(at(32)), 0), min(math.ceil(at(1)), width - 1)
        ramp = np.clip((np.arange(width // 2) - low) / max(high - low, 0.001), 0, 1)
        return inv / f * ramp + inv * (1 - ramp), scaling.get("attention_factor") or 0.1 * math.log(f) + 1
    if kind == "longrope":
        old = c["original_max_position_embeddings"]
        factors = np.array(scaling["long_factor"] if length > old else scaling["short_factor"])
        scale = c["max_position_embeddings"] / old
        if "short_mscale" in scaling:
            return inv / factors, scaling["short_mscale"]
        return inv / factors, math.sqrt(1 + math.log(scale) / math.log(old)) if scale > 1 else 1.0
    raise ValueError(kind)


def rotate(x, inv, magnitude, adjacent=False):
    """x [tokens, heads, width]: the first 2 len(inv) values of each head, by halves or by adjacent pairs."""
    n = len(inv)
    if adjacent:
        order = np.concatenate([np.arange(0, 2 * n, 2), np.arange(1, 2 * n, 2), np.arange(2 * n, x.shape[-1])])
        out = np.empty_like(x)
        out[..., order] = rotate(x[..., order], inv, magnitude)
        return out
    angle = np.arange(x.shape[0])[:, None] * inv
    cos, sin = (np.concatenate([f(angle)] * 2, -1)[:, None] * magnitude for f in (np.cos, np.sin))
    part, rest = x[..., :2 * n], x[..., 2 * n:]
    turned = np.concatenate([-part[..., n:], part[..., :n]], -1)
    return np.concatenate([part * cos + turned * sin, rest], -1)


def silu(x):
    return x / (1 + np.exp(-x))


def gelu(x):
    return 0.5 * x * (1 + np.tanh(math.sqrt(2 / math.pi) * (x + 0.044715 * x ** 3)))


def softmax(x):
    e = np.exp(x - x.max(-1, keepdims=True))
    return e / e.sum(-1, keepdims=True)


def sparse_mixer(scores, used, noise=0.01):
    """Experts and shares of Phi 3.5 MoE: each pick's share of a softmax over those left that are nearly as high."""
    left, out = scores.copy(), []
    for _ in range(used):
        best = int(left.argmax())
        behind = (left[best] - scores) / np.maximum(abs(scores), left[best])
        out.append((best, softmax(np.where(behind > 2 * noise, -np.inf, left))[best]))
        left[best] = -np.inf
    return out


def experts(c, w, p, x):
    """The mixture of a layer; p: prefix of its names."""
    kind, used = c["model_type"], c["num_experts_per_tok"]
    out = np.zeros_like(x)
    if kind == "gpt_oss":
        logits = x @ w[p + "router.weight"].T + w[p + "router.bias"]
        for t, row in enumerate(logits):
            best = np.argsort(-row)[:used]
            for e, share in zip(best, softmax(row[best])):
                both = w[p + "experts.gate_up_proj"][e] @ x[t] + w[p + "experts.gate_up_proj_bias"][e]
                gate, up = np.minimum(both[::2], 7.0), np.clip(both[1::2], -7.0, 7.0)
                inner = (up + 1) * gate / (1 + np.exp(-1.702 * gate))
                out[t] += share * (w[p + "experts.down_proj"][e] @ inner + w[p + "experts.down_proj_bias"][e])
        return out
    if kind == "granitemoe":
        for t, row in enumerate(x @ w[p + "router.layer.weight"].T):
            best = np.argsort(-row)[:used]
            for e, share in zip(best, softmax(row[best])):
                gate, up = np.split(w[p + "input_linear.weight"][e] @ x[t], 2)
                out[t] += share * (w[p + "output_linear.weight"][e] @ (silu(gate) * up))
        return out
    if kind == "phimoe":
        for t, row in enumerate(x @ w[p + "gate.weight"].T):
            for e, share in sparse_mixer(row, used):
                gate, up, down = (w[f"{p}experts.{e}.{n}.weight"] for n in ("w1", "w3", "w2"))
                out[t] += share * (down @ (silu(gate @ x[t]) * (up @ x[t])))
        return out
    names = ("w1", "w3", "w2") if kind == "mixtral" else ("gate_proj", "up_proj", "down_proj")
    probabilities = softmax(x @ w[p + "gate.weight"].T)
    for t, row in enumerate(probabilities):
        best = np.argsort(-row)[:used]
        total = row[best].sum() if kind == "mixtral" or c.get("norm_topk_prob") else 1.0
        for e in best:
            gate, up, down = (w[f"{p}experts.{e}.{n}.weight"] for n in names)
            out[t] += row[e] / total * (down @ (silu(gate @ x[t]) * (up @ x[t])))
    if kind == "qwen2_moe":
        gate, up, down = (w[p + f"shared_expert.{n}_proj.weight"] for n in ("gate", "up", "down"))
        out += (silu(x @ gate.T) * (x @ up.T)) @ down.T / (1 + np.exp(-(x @ w[p + "shared_expert_gate.weight"].T)))
    return out


def forward(c, w, tokens):
    kind = c["model_type"]
    gemma = kind.startswith("gemma")
    if gemma:
        c = {**c, "embedding_multiplier": math.sqrt(c["hidden_size"]), "attention_multiplier": c["query_pre_attn_scalar"] ** -0.5}
        w = {n: v + 1 if "norm" in n else v for n, v in w.items()}
    olmo = kind in ("olmo2", "olmo3")
    after = {"olmo2": ("post_attention_layernorm", "", "post_feedforward_layernorm"),
             "olmo3": ("post_attention_layernorm", "", "post_feedforward_layernorm"),
             "glm4": ("post_self_attn_layernorm", "post_attention_layernorm", "post_mlp_layernorm")}.get(
        kind, ("post_attention_layernorm", "pre_feedforward_layernorm", "post_feedforward_layernorm") if gemma
        else (None, "post_attention_layernorm", None))
    heads, kv = c["num_attention_heads"], c["num_key_value_heads"]
    width = c.get("head_dim") or c["hidden_size"] // heads
    eps = c["rms_norm_eps"]
    residual = c.get("residual_multiplier", 1.0)
    inv, magnitude = frequencies(c, int(width * c.get("partial_rotary_factor", 1.0)), len(tokens))
    scale = c.get("attention_multiplier", 1 / math.sqrt(width))
    layer_norm = lambda name, x: (x - x.mean(-1, keepdims=True)) / np.sqrt(x.var(-1, keepdims=True) + eps) * w[name + ".weight"] + w[name + ".bias"]
    norm = lambda name, x: layer_norm(name, x) if kind == "phimoe" else rms(x, w[name + ".weight"], eps) if name + ".weight" in w else x
    linear = lambda name, x: x @ w[name + ".weight"].T + w.get(name + ".bias", 0)
    h = w["model.embed_tokens.weight"][tokens] * c.get("embedding_multiplier", 1.0)
    n = len(tokens)
    mask = np.where(np.tril(np.ones((n, n))) > 0, 0, -np.inf)
    for i in range(c["num_hidden_layers"]):
        p = f"model.layers.{i}."
        x = norm(p + "input_layernorm", h)
        if p + "self_attn.qkv_proj.weight" in w:
            q, k, v = np.split(linear(p + "self_attn.qkv_proj", x), [heads * width, (heads + kv) * width], -1)
        else:
            q, k, v = (linear(p + f"self_attn.{m}_proj", x) for m in "qkv")
        if kind == "olmoe" or olmo:  # one norm over all heads
            q, k = rms(q, w[p + "self_attn.q_norm.weight"], eps), rms(k, w[p + "self_attn.k_norm.weight"], eps)
        q, k, v = (m.reshape(n, -1, width) for m in (q, k, v))
        if p + "self_attn.q_norm.weight" in w and kind != "olmoe" and not olmo:
            q, k = rms(q, w[p + "self_attn.q_norm.weight"], eps), rms(k, w[p + "self_attn.k_norm.weight"], eps)
        local = c.get("layer_types", [""] * 99)[i] == "sliding_attention"
        plain = kind == "olmo3" and local  # without scaling
        turn = c["rope_theta"] ** (-np.arange(0, width, 2) / width) if plain else c["rope_local_base_freq"] ** (-np.arange(0, width, 2) / width) if kind == "gemma3_text" and local else inv
        if not (kind == "smollm3" and (i + 1) % 4 == 0):
            q, k = (rotate(m, turn, 1.0 if plain else magnitude, kind == "glm4") for m in (q, k))
        k, v = (np.repeat(m, heads // kv, 1) for m in (k, v))
        s = np.einsum("ihd,jhd->hij", q, k) * scale
        if kind == "gemma2":
            s = c["attn_logit_softcapping"] * np.tanh(s / c["attn_logit_softcapping"])
        s = s + mask
        if local:
            s = np.where(np.arange(n)[:, None] - np.arange(n) < c["sliding_window"], s, -np.inf)
        if p + "self_attn.sinks" in w:
            sinks = np.broadcast_to(w[p + "self_attn.sinks"][:, None, None], (heads, n, 1))
            s = softmax(np.concatenate([s, sinks], -1))[..., :-1]
        else:
            s = softmax(s)
        a = linear(p + "self_attn.o_proj", np.einsum("hij,jhd->ihd", s, v).reshape(n, -1))
        h = h + residual * (rms(a, w[p + after[0] + ".weight"], eps) if after[0] else a)
        x = norm(p + after[1], h)
        mixture = p + ("block_sparse_moe." if kind in ("mixtral", "granitemoe", "phimoe") else "mlp.")
        if mixture + "router.layer.weight" in w or mixture + "gate.weight" in w or mixture + "router.weight" in w:
            h = h + residual * experts(c, w, mixture, x)
            continue
        if p + "mlp.gate_up_proj.weight" in w:
            gate, up = np.split(linear(p + "mlp.gate_up_proj", x), 2, -1)
        else:
            gate, up = linear(p + "mlp.gate_proj", x), linear(p + "mlp.up_proj", x)
        f = linear(p + "mlp.down_proj", (gelu if gemma else silu)(gate) * up)
        h = h + residual * (rms(f, w[p + after[2] + ".weight"], eps) if after[2] else f)
    h = norm("model.norm", h)
    head = w.get("lm_head.weight", w["model.embed_tokens.weight"])
    out = (h @ head.T + w.get("lm_head.bias", 0)) / c.get("logits_scaling", 1.0)
    cap = c.get("final_logit_softcapping")
    return cap * np.tanh(out / cap) if cap else out


def random_weights(c, rng, fused=False, biases=(), qk_norm=False, extra_norms=()):
    kind = c["model_type"]
    d, f, heads, kv = c["hidden_size"], c["intermediate_size"], c["num_attention_heads"], c["num_key_value_heads"]
    width = c.get("head_dim") or d // heads
    w = {}

    def matrix(name, rows, cols):
        w[name + ".weight"] = rng.normal(0, 1.4 / math.sqrt(cols), (rows, cols))
        if name.rsplit(".", 1)[-1] in biases:
            w[name + ".bias"] = rng.normal(0, 0.3, rows)

    def norm(name, size):
        w[name + ".weight"] = rng.uniform(0.6, 1.4, size) - (1 if kind.startswith("gemma") else 0)
        if kind == "phimoe":
            w[name + ".bias"] = rng.normal(0, 0.3, size)

    w["model.embed_tokens.weight"] = rng.normal(0, 1, (c["vocab_size"], d))
    for i in range(c["num_hidden_layers"]):
        p = f"model.layers.{i}."
        if kind not in ("olmo2", "olmo3"):
            norm(p + "input_layernorm", d)
        norm(p + "post_attention_layernorm", d)
        for name in extra_norms:
            norm(p + name, d)
        if fused:
            matrix(p + "self_attn.qkv_proj", (heads + 2 * kv) * width, d)
        else:
            matrix(p + "self_attn.q_proj", heads * width, d)
            matrix(p + "self_attn.k_proj", kv * width, d)
            matrix(p + "self_attn.v_proj", kv * width, d)
        if qk_norm:
            norm(p + "self_attn.q_norm", width * (heads if kind.startswith("olmo") else 1))
            norm(p + "self_attn.k_norm", width * (kv if kind.startswith("olmo") else 1))
        matrix(p + "self_attn.o_proj", d, heads * width)
        if kind == "gpt_oss":
            count = c["num_local_experts"]
            w[p + "self_attn.sinks"] = rng.normal(0, 1, heads)
            matrix(p + "mlp.router", count, d)
            w[p + "mlp.router.bias"] = rng.normal(0, 1, count)
            for name, rows, cols in (("gate_up_proj", 2 * f, d), ("down_proj", d, f)):
                w[p + f"mlp.experts.{name}"] = rng.normal(0, 1.4 / math.sqrt(cols), (count, rows, cols))
                w[p + f"mlp.experts.{name}_bias"] = rng.normal(0, 0.3, (count, rows))
        elif kind == "granitemoe":
            m, count = p + "block_sparse_moe.", c["num_local_experts"]
            w[m + "router.layer.weight"] = rng.normal(0, 4 / math.sqrt(d), (count, d))
            w[m + "input_linear.weight"] = rng.normal(0, 1.4 / math.sqrt(d), (count, 2 * f, d))
            w[m + "output_linear.weight"] = rng.normal(0, 1.4 / math.sqrt(f), (count, d, f))
        elif "num_experts_per_tok" in c:
            mixtral = kind in ("mixtral", "phimoe")
            m, inner = p + ("block_sparse_moe." if mixtral else "mlp."), c.get("moe_intermediate_size", f)
            count = c.get("num_local_experts") or c["num_experts"]
            w[m + "gate.weight"] = rng.normal(0, 4 / math.sqrt(d), (count, d))
            for e in range(count):
                for name, rows, cols in zip(("w1", "w3", "w2") if mixtral else ("gate_proj", "up_proj", "down_proj"),
                                            (inner, inner, d), (d, d, inner)):
                    matrix(f"{m}experts.{e}.{name}", rows, cols)
            if kind == "qwen2_moe":
                shared = c["shared_expert_intermediate_size"]
                for name, rows, cols in (("gate_proj", shared, d), ("up_proj", shared, d), ("down_proj", d, shared)):
                    matrix(m + "shared_expert." + name, rows, cols)
                matrix(m + "shared_expert_gate", 1, d)
        else:
            if fused or kind == "glm4":
                matrix(p + "mlp.gate_up_proj", 2 * f, d)
            else:
                matrix(p + "mlp.gate_proj", f, d)
                matrix(p + "mlp.up_proj", f, d)
            matrix(p + "mlp.down_proj", d, f)
    norm("model.norm", d)
    if not c.get("tie_word_embeddings"):
        matrix("lm_head", c["vocab_size"], d)
    return w


def bfloat(x):
    """Rounded to BF16 (nearest even), and its bits."""
    bits = np.ascontiguousarray(x, np.float32).view(np.uint32)
    bits = ((bits + 0x7FFF + ((bits >> 16) & 1)) >> 16).astype(np.uint16)
    return (bits.astype(np.uint32) << 16).view(np.float32), bits


def save(tensors, path):
    """{name: (type, array)} as a safetensors file; NumPy has no BF16 or FP8, so the header is written here."""
    header, offset, blobs = {"__metadata__": {"format": "pt"}}, 0, []
    for name, (kind, array) in sorted(tensors.items(), key=lambda item: (-item[1][1].dtype.itemsize, item[0])):
        blob = np.ascontiguousarray(array).tobytes()
        header[name] = {"dtype": kind, "shape": list(array.shape), "data_offsets": [offset, offset + len(blob)]}
        offset += len(blob)
        blobs.append(blob)
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    path.write_bytes(len(text).to_bytes(8, "little") + text + b"".join(blobs))


# ---- packed weights: each takes a matrix [rows, columns] and gives its tensors by parameter and the values they stand for


def words(codes, bits):
    """The last axis in 32-bit words, from the lowest bits on."""
    each = 32 // bits
    codes = codes.astype(np.uint32).reshape(*codes.shape[:-1], -1, each)
    return np.bitwise_or.reduce(codes << (np.arange(each, dtype=np.uint32) * bits), -1).view(np.int32)


def affine(x, bits, group, symmetric, scale_type, order=None):
    """Codes q, zero points z [rows, groups] and scales [rows, groups] of (q - z) * scale; order: group of each column."""
    rows, columns = x.shape
    groups = columns // group
    order = np.arange(columns) // group if order is None else order
    low, high = (np.stack([f(x[:, order == g], 1) for g in range(groups)], 1) for f in (np.min, np.max))
    top = 2 ** bits - 1
    if symmetric:
        scale = np.maximum(abs(low), abs(high)) * 2 / top
        zero = np.full(scale.shape, 2 ** (bits - 1))
    else:
        low, high = np.minimum(low, 0), np.maximum(high, 0)
        scale = (high - low) / top
        zero = np.clip(np.round(-low / scale), 0, top).astype(np.int64)
    scale = bfloat(scale)[0] if scale_type == "BF16" else scale.astype({"F16": np.float16, "F32": np.float32}[scale_type])
    s = scale.astype(np.float64)[:, order]
    q = np.clip(np.round(x / s) + zero[:, order], 0, top).astype(np.int64)
    return q, zero, scale, (q - zero[:, order]) * s


def reals(x, kind):
    return ("BF16", bfloat(x)[1]) if kind == "BF16" else (kind, x)


def gptq(x, symmetric=True, shuffled=None):
    order = None if shuffled is None else shuffled.permutation(np.arange(x.shape[1]) // 32)
    q, z, s, value = affine(x, 4, 32, symmetric, "F16", order)
    index = np.arange(x.shape[1]) // 32 if order is None else order
    return {"qweight": ("I32", words(q, 4).T.copy()), "qzeros": ("I32", words(z.T - 1 & 15, 4)), "scales": ("F16", s.T.copy()),
            "g_idx": ("I32", index.astype(np.int32))}, value


def awq(x):
    q, z, s, value = affine(x, 4, 32, False, "F16")
    turn = lambda m: m.reshape(m.shape[0], -1, 8)[..., [0, 2, 4, 6, 1, 3, 5, 7]].reshape(m.shape)
    return {"qweight": ("I32", words(turn(q.T), 4)), "qzeros": ("I32", words(turn(z.T), 4)), "scales": ("F16", s.T.copy())}, value


def compressed4(x, symmetric=True):
    q, z, s, value = affine(x, 4, 32, symmetric, "BF16")
    out = {"weight_packed": ("I32", words(q, 4)), "weight_scale": reals(s, "BF16"), "weight_shape": ("I64", np.array(x.shape))}
    if not symmetric:
        out["weight_zero_point"] = ("I32", words(z.T, 4).T.copy())
    return out, value


def int8(x, scale_type="BF16"):
    q, z, s, value = affine(x, 8, x.shape[1], True, scale_type)
    return {"weight": ("I8", (q - 128).astype(np.int8)), "weight_scale": reals(s, scale_type)}, value


E4M3 = np.array([(b & 7) / 512 if b >> 3 == 0 else (1 + (b & 7) / 8) * 2.0 ** ((b >> 3) - 7) for b in range(127)])


def to_e4m3(x):
    code = np.abs(E4M3[None] - np.abs(x).reshape(-1, 1)).argmin(1).reshape(x.shape)
    return (code + 128 * (x < 0)).astype(np.uint8), np.sign(x) * E4M3[code]


def fp8(x, block=None, powers=False, name="weight_scale_inv"):
    b0, b1 = block or (1, x.shape[1])
    rows, columns = -(-x.shape[0] // b0), -(-x.shape[1] // b1)
    scale = np.array([[np.abs(x[i * b0:(i + 1) * b0, j * b1:(j + 1) * b1]).max() for j in range(columns)] for i in range(rows)]) / 448
    scale = (2.0 ** np.ceil(np.log2(scale)) if powers else scale).astype(np.float32)
    spread = np.repeat(np.repeat(scale, b0, 0), b1, 1)[:x.shape[0], :x.shape[1]]
    code, value = to_e4m3(x / spread)
    return {"weight": ("F8_E4M3", code), name: ("F32", scale)}, (value.astype(np.float32) * spread).astype(np.float64)


FP4 = np.array([0, 0.5, 1, 1.5, 2, 3, 4, 6])


def mxfp4(x):
    """x [.., rows, columns]."""
    g = x.reshape(*x.shape[:-1], -1, 32)
    exponent = np.clip(np.floor(np.log2(np.abs(g).max(-1))) - 2, -127, 127)
    scaled = g / 2.0 ** exponent[..., None]
    code = np.abs(FP4 - np.abs(scaled)[..., None]).argmin(-1)
    value = (np.sign(scaled) * FP4[code] * 2.0 ** exponent[..., None]).reshape(x.shape)
    code = code | (scaled < 0) * 8
    return {"blocks": ("U8", (code[..., ::2] | code[..., 1::2] << 4).astype(np.uint8)), "scales": ("U8", (exponent + 127).astype(np.uint8))}, value


def pack(w, packers, stored, values):
    """Replaces the weights of modules whose names end with a key of `packers`."""
    for name in list(w):
        module = name.removesuffix(".weight")
        packer = next((p for end, p in packers.items() if module.endswith(end)), None)
        if packer is None or name.endswith("bias"):
            continue
        parts, values[name] = packer(w[name])
        del stored[name]
        joint = "." if module != name else "_"
        stored.update({module + joint + k: v for k, v in parts.items()})


def fnv(x):
    """FNV-1a over the bytes of the values in F32."""
    h = 0xcbf29ce484222325
    for b in (np.ascontiguousarray(x, np.float32) + np.float32(0)).tobytes():
        h = (h ^ b) * 0x100000001b3 % 2 ** 64
    return f"{h:016x}"


def store(w, kind):
    """The weights as they are stored, and the values that they then have."""
    if kind == "BF16":
        pairs = {name: bfloat(x) for name, x in w.items()}
        return {n: ("BF16", bits) for n, (_, bits) in pairs.items()}, {n: v.astype(np.float64) for n, (v, _) in pairs.items()}
    array = {n: x.astype({"F16": np.float16, "F32": np.float32}[kind]) for n, x in w.items()}
    return {n: (kind, x) for n, x in array.items()}, {n: x.astype(np.float64) for n, x in array.items()}


WANTED = set(sys.argv[2:])


def write(out, name, config_class, options, kind, tokenizer, shards=1, generation=True, packers=None, quantization=None,
          types=None, bound=None, rows=8, class_name=None, **kinds):
    if WANTED and name not in WANTED:
        return
    rng = np.random.default_rng(sum(map(ord, name)))
    folder = out / name
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    t, bos, eos = tokenizer
    shape = dict(vocab_size=t.get_vocab_size(), hidden_size=32, intermediate_size=48, num_hidden_layers=1, num_attention_heads=4,
                 num_key_value_heads=2, max_position_embeddings=256, rms_norm_eps=1e-5, rope_theta=10000.0)
    shape.update(options)
    rope = {k: shape.pop(k) for k in ("rope_theta", "rope_scaling", "rope_local_base_freq") if k in shape}
    config = config_class(bos_token_id=t.token_to_id(bos), eos_token_id=t.token_to_id(eos), pad_token_id=None,
                          architectures=[class_name or config_class.__name__.replace("Config", "ForCausalLM")], **shape)
    config.save_pretrained(folder)
    c = json.loads((folder / "config.json").read_text())
    # Versions of transformers differ in where they write the rotation; folders of both kinds are about.
    c.pop("rope_parameters", None)
    c.update(rope)
    c.pop("transformers_version", None)
    written = dict(c)
    if quantization:
        written["quantization_config"] = quantization
    if kinds.pop("nested_rope", False):
        written["rope_parameters"] = {"rope_type": "default", "rope_theta": written.pop("rope_theta"), **written.pop("rope_scaling", {})}
        if c["model_type"] == "olmo3":
            written["rope_parameters"] = {"full_attention": written["rope_parameters"], "sliding_attention": {
                "rope_type": "default", "rope_theta": c["rope_theta"]}}
        if "rope_local_base_freq" in c:
            written["rope_parameters"] = {"full_attention": written["rope_parameters"], "sliding_attention": {
                "rope_type": "default", "rope_theta": written.pop("rope_local_base_freq")}}
    (folder / "config.json").write_text(json.dumps(written, indent=1) + "\n")
    w = random_weights(c, rng, **kinds)
    stored, values = store(w, kind)
    pack(w, packers or {}, stored, values)
    if shards == 1:
        save(stored, folder / "model.safetensors")
    else:
        names, weight_map = sorted(stored), {}
        for i in range(shards):
            file = f"model-{i + 1:05}-of-{shards:05}.safetensors"
            part = names[i::shards]
            save({n: stored[n] for n in part}, folder / file)
            weight_map.update({n: file for n in part})
        index = {"metadata": {"total_size": sum(a.nbytes for _, a in stored.values())}, "weight_map": weight_map}
        (folder / "model.safetensors.index.json").write_text(json.dumps(index, indent=1) + "\n")
    t.save(str(folder / "tokenizer.json"), pretty=False)
    (folder / "tokenizer_config.json").write_text(json.dumps(
        {"bos_token": bos, "eos_token": {"content": eos, "special": True}, "tokenizer_class": "PreTrainedTokenizerFast",
         "chat_template": "{{ messages[0].content }}"}, indent=1) + "\n")
    if generation:
        (folder / "generation_config.json").write_text(json.dumps(
            {"bos_token_id": t.token_to_id(bos), "eos_token_id": [t.token_to_id(eos), t.token_to_id("<|special|>")]}) + "\n")
    tokens = [int(x) for x in rng.integers(0, t.get_vocab_size(), rows)]
    forward(c, values, np.array(tokens)).astype(np.float32).tofile(out / f"{name}.f32")
    # Matrices whose rows GGUF leaves where they are, by hearth's names.
    plain = {"self_attn.o_proj": "attn_output", "self_attn.v_proj": "attn_v", "mlp.gate_proj": "ffn_gate", "mlp.up_proj": "ffn_up",
             "mlp.down_proj": "ffn_down"}
    decoded = {}
    for full, x in values.items():
        parts = full.removesuffix(".weight").split(".", 3)
        if packers and len(parts) == 4 and parts[3] in plain:
            decoded[f"blk.{parts[2]}.{plain[parts[3]]}.weight"] = fnv(x)
    more = {k: v for k, v in (("types", types), ("max_nmse", bound), ("decoded", decoded)) if v}
    (out / f"{name}.json").write_text(json.dumps(
        {**more, "tokens": tokens, "context": 64, "width": t.get_vocab_size(), "eos": t.token_to_id(eos), "special": t.token_to_id("<|special|>"),
         "texts": [{"text": x, "ids": t.encode(x).ids, "plain": t.encode(x, add_special_tokens=False).ids} for x in (TEXTS if rows == 8 else [])]},
        ensure_ascii=True) + "\n")


def main(out):
    llama3 = {"rope_type": "llama3", "factor": 8.0, "low_freq_factor": 1.0, "high_freq_factor": 4.0, "original_max_position_embeddings": 64}
    yarn = {"rope_type": "yarn", "factor": 4.0, "original_max_position_embeddings": 64}
    long = {"type": "longrope", "short_factor": [1.0, 1.1, 1.3], "long_factor": [1.5, 2.0, 4.0]}
    write(out, "llama", transformers.LlamaConfig, {"num_hidden_layers": 2, "rope_theta": 500000.0, "rope_scaling": llama3}, "BF16",
          byte_level(split(LLAMA3), bos="<|begin|>", ignore_merges=True), shards=2)
    write(out, "llama-bias", transformers.LlamaConfig, {"attention_bias": True, "rope_scaling": yarn, "tie_word_embeddings": True}, "F32",
          characters(None), biases=("q_proj", "k_proj", "v_proj", "o_proj"), generation=False)
    write(out, "mistral", transformers.MistralConfig, {"head_dim": 16, "sliding_window": None}, "F16", characters("first"), nested_rope=True)
    write(out, "qwen2", transformers.Qwen2Config, {"rope_theta": 1000000.0, "tie_word_embeddings": True}, "F16",
          byte_level(split(QWEN2), normalizer=normalizers.NFC()), biases=("q_proj", "k_proj", "v_proj"))
    write(out, "qwen3", transformers.Qwen3Config, {"head_dim": 16, "tie_word_embeddings": True}, "BF16",
          byte_level(split(QWEN2), normalizer=normalizers.NFC()), qk_norm=True, nested_rope=True)
    write(out, "phi3", transformers.Phi3Config,
          {"partial_rotary_factor": 0.75, "rope_scaling": long, "original_max_position_embeddings": 64, "tie_word_embeddings": True}, "BF16",
          byte_level(pre_tokenizers.ByteLevel(add_prefix_space=True)), fused=True)
    write(out, "granite", transformers.GraniteConfig,
          {"embedding_multiplier": 3.0, "residual_multiplier": 0.4, "attention_multiplier": 0.2, "logits_scaling": 2.0, "tie_word_embeddings": True}, "BF16",
          byte_level(pre_tokenizers.Sequence([pre_tokenizers.Digits(individual_digits=True),
                                              pre_tokenizers.ByteLevel(add_prefix_space=False)])))
    write(out, "smollm3", transformers.SmolLM3Config, {"num_hidden_layers": 4, "tie_word_embeddings": True}, "BF16",
          characters("always"))

    bytes_ = lambda: byte_level(split(QWEN2))
    small = {"num_hidden_layers": 1, "tie_word_embeddings": True, "intermediate_size": 64, "head_dim": 16, "num_attention_heads": 4}
    shuffled = np.random.default_rng(5)
    write(out, "gptq", transformers.Qwen3Config, small, "F16", bytes_(), qk_norm=True, rows=6, bound=3e-4,
          packers={"q_proj": gptq, "v_proj": gptq, "o_proj": lambda x: gptq(x, symmetric=False), "gate_proj": gptq,
                   "up_proj": gptq, "down_proj": lambda x: gptq(x, shuffled=shuffled)},
          quantization={"quant_method": "gptq", "bits": 4, "group_size": 32, "desc_act": True, "sym": False},
          types={"Q4_0": 4, "Q5_0": 1, "F32": 1})
    write(out, "awq", transformers.LlamaConfig, small, "F16", bytes_(), rows=6, bound=3e-4,
          packers={n: awq for n in ("q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj")},
          quantization={"quant_method": "awq", "bits": 4, "group_size": 32, "version": "gemm", "zero_point": True},
          types={"Q5_0": 7})
    write(out, "compressed", transformers.MistralConfig, {**small, "sliding_window": None}, "BF16", bytes_(), rows=6, bound=3e-4,
          packers={"q_proj": compressed4, "k_proj": compressed4, "v_proj": lambda x: compressed4(x, symmetric=False), "o_proj": compressed4,
                   "gate_proj": int8, "up_proj": lambda x: int8(x, "F32"), "down_proj": lambda x: fp8(x, name="weight_scale")},
          quantization={"quant_method": "compressed-tensors", "format": "mixed-precision"},
          types={"Q4_0": 3, "Q5_0": 1, "Q8_0": 1, "F32": 2})
    write(out, "fp8", transformers.Qwen3Config, small, "BF16", bytes_(), qk_norm=True, rows=6,
          packers={"q_proj": lambda x: fp8(x, (24, 16)), "o_proj": lambda x: fp8(x, (24, 16)), "up_proj": lambda x: fp8(x, (24, 16), True),
                   "down_proj": lambda x: fp8(x, (24, 16), True)},
          quantization={"quant_method": "fp8", "weight_block_size": [24, 16], "activation_scheme": "dynamic"}, types={"F32": 2})
    moe = {**small, "intermediate_size": 48, "hidden_size": 16}
    write(out, "qwen3moe", transformers.Qwen3MoeConfig,
          {**moe, "num_experts": 4, "num_experts_per_tok": 2, "moe_intermediate_size": 16, "norm_topk_prob": True, "decoder_sparse_step": 1},
          "BF16", bytes_(), qk_norm=True, rows=6)
    write(out, "qwen2moe", transformers.Qwen2MoeConfig,
          {"hidden_size": 16, "num_hidden_layers": 1, "tie_word_embeddings": True, "num_experts": 4, "num_experts_per_tok": 2, "moe_intermediate_size": 16,
           "shared_expert_intermediate_size": 32, "norm_topk_prob": False, "decoder_sparse_step": 1},
          "BF16", bytes_(), biases=("q_proj", "k_proj", "v_proj"), rows=6)
    write(out, "mixtral", transformers.MixtralConfig,
          {**moe, "intermediate_size": 16, "num_local_experts": 4, "num_experts_per_tok": 2, "sliding_window": None}, "BF16", bytes_(), rows=6)
    # The models on the hub name the class of their own code.
    for name, class_name in (("phimoe", "PhimoeForCausalLM"), ("phimoe-hub", "PhiMoEForCausalLM")):
        write(out, name, transformers.PhimoeConfig,
              {**moe, "intermediate_size": 16, "num_local_experts": 4, "num_experts_per_tok": 2, "sliding_window": None, "attention_bias": True,
               "lm_head_bias": True, "tie_word_embeddings": False, "original_max_position_embeddings": 128,
               "rope_scaling": {"type": "longrope", "short_factor": [1.0 + 0.1 * i for i in range(8)], "long_factor": [1.5 + i for i in range(8)], "short_mscale": 1.24, "long_mscale": 1.24,
                                "original_max_position_embeddings": 128}},
              "BF16", bytes_(), biases=("q_proj", "k_proj", "v_proj", "o_proj", "lm_head"), rows=6, class_name=class_name)
    write(out, "olmoe", transformers.OlmoeConfig,
          {"hidden_size": 16, "intermediate_size": 16, "tie_word_embeddings": True, "num_experts": 4, "num_experts_per_tok": 2, "norm_topk_prob": False},
          "BF16", bytes_(), qk_norm=True, rows=6)
    write(out, "granitemoe", transformers.GraniteMoeConfig,
          {"hidden_size": 16, "intermediate_size": 16, "tie_word_embeddings": True, "num_local_experts": 4, "num_experts_per_tok": 2,
           "embedding_multiplier": 3.0, "residual_multiplier": 0.4, "attention_multiplier": 0.4, "logits_scaling": 2.0}, "BF16", bytes_(), rows=6)
    write(out, "gpt-oss", transformers.GptOssConfig,
          {"num_hidden_layers": 2, "tie_word_embeddings": True, "intermediate_size": 32, "head_dim": 8, "num_local_experts": 4,
           "num_experts_per_tok": 2, "sliding_window": 4, "layer_types": ["sliding_attention", "full_attention"], "rope_theta": 150000.0,
           "rope_scaling": {"rope_type": "yarn", "factor": 4.0, "original_max_position_embeddings": 64, "beta_fast": 32.0, "beta_slow": 1.0}},
          "BF16", bytes_(), biases=("q_proj", "k_proj", "v_proj", "o_proj"), rows=8, bound=1e-3,
          packers={"experts.gate_up_proj": mxfp4, "experts.down_proj": mxfp4}, quantization={"quant_method": "mxfp4"}, types={"MXFP4": 6})
    write(out, "glm4", transformers.Glm4Config,
          {"hidden_size": 16, "num_hidden_layers": 1, "tie_word_embeddings": True, "head_dim": 8, "partial_rotary_factor": 0.5, "attention_bias": True}, "BF16",
          bytes_(), biases=("q_proj", "k_proj", "v_proj"), extra_norms=("post_self_attn_layernorm", "post_mlp_layernorm"), rows=6)
    olmo = {"hidden_size": 16, "tie_word_embeddings": True, "rope_theta": 500000.0}
    write(out, "olmo2", transformers.Olmo2Config, {**olmo, "num_hidden_layers": 1}, "BF16", bytes_(),
          extra_norms=("post_feedforward_layernorm",), qk_norm=True, rows=6)
    write(out, "olmo3", transformers.Olmo3Config,
          {**olmo, "num_hidden_layers": 2, "head_dim": 8, "sliding_window": 3, "rope_scaling": yarn,
           "layer_types": ["sliding_attention", "full_attention"]},
          "BF16", bytes_(), extra_norms=("post_feedforward_layernorm",), qk_norm=True, rows=6, nested_rope=True)
    norms = ("pre_feedforward_layernorm", "post_feedforward_layernorm")
    layers = lambda n: ["full_attention" if i % 2 else "sliding_attention" for i in range(n)]
    write(out, "gemma2", transformers.Gemma2Config,
          {"hidden_size": 16, "num_hidden_layers": 2, "head_dim": 8, "sliding_window": 3, "query_pre_attn_scalar": 12, "attn_logit_softcapping": 5.0,
           "final_logit_softcapping": 8.0, "layer_types": layers(2)}, "BF16", characters("never"), extra_norms=norms)
    write(out, "gemma3", transformers.Gemma3TextConfig,
          {"hidden_size": 16, "num_hidden_layers": 3, "head_dim": 8, "sliding_window": 3, "query_pre_attn_scalar": 8, "rope_theta": 1000000.0,
           "rope_local_base_freq": 10000.0, "rope_scaling": {"rope_type": "linear", "factor": 8.0}, "layer_types": layers(3)},
          "BF16", characters("never"), extra_norms=norms, qk_norm=True, rows=6, class_name="Gemma3ForCausalLM", nested_rope=True)


if __name__ == "__main__":
    main(pathlib.Path(sys.argv[1]))
