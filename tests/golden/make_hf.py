"""Writes tests/golden/hf: tiny folders of random models as Hugging Face's libraries write them, each with the logits
that a NumPy forward of its own computes in double precision from the folder's files alone, and the token ids that the
`tokenizers` package gives for a list of texts.

usage: python3 make_hf.py OUT   (needs numpy, safetensors, tokenizers and transformers from PyPI; torch is not needed)

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
        return inv / factors, math.sqrt(1 + math.log(scale) / math.log(old)) if scale > 1 else 1.0
    raise ValueError(kind)


def rotate(x, inv, magnitude):
    """x [tokens, heads, width]: the first 2 len(inv) values of each head, by halves."""
    n = len(inv)
    angle = np.arange(x.shape[0])[:, None] * inv
    cos, sin = (np.concatenate([f(angle)] * 2, -1)[:, None] * magnitude for f in (np.cos, np.sin))
    part, rest = x[..., :2 * n], x[..., 2 * n:]
    turned = np.concatenate([-part[..., n:], part[..., :n]], -1)
    return np.concatenate([part * cos + turned * sin, rest], -1)


def silu(x):
    return x / (1 + np.exp(-x))


def forward(c, w, tokens):
    heads, kv = c["num_attention_heads"], c["num_key_value_heads"]
    width = c.get("head_dim") or c["hidden_size"] // heads
    eps = c["rms_norm_eps"]
    residual = c.get("residual_multiplier", 1.0)
    inv, magnitude = frequencies(c, int(width * c.get("partial_rotary_factor", 1.0)), len(tokens))
    scale = c.get("attention_multiplier", 1 / math.sqrt(width))
    linear = lambda name, x: x @ w[name + ".weight"].T + w.get(name + ".bias", 0)
    h = w["model.embed_tokens.weight"][tokens] * c.get("embedding_multiplier", 1.0)
    n = len(tokens)
    mask = np.where(np.tril(np.ones((n, n))) > 0, 0, -np.inf)
    for i in range(c["num_hidden_layers"]):
        p = f"model.layers.{i}."
        x = rms(h, w[p + "input_layernorm.weight"], eps)
        if p + "self_attn.qkv_proj.weight" in w:
            q, k, v = np.split(linear(p + "self_attn.qkv_proj", x), [heads * width, (heads + kv) * width], -1)
        else:
            q, k, v = (linear(p + f"self_attn.{m}_proj", x) for m in "qkv")
        q, k, v = (m.reshape(n, -1, width) for m in (q, k, v))
        if p + "self_attn.q_norm.weight" in w:
            q, k = rms(q, w[p + "self_attn.q_norm.weight"], eps), rms(k, w[p + "self_attn.k_norm.weight"], eps)
        if not (c["model_type"] == "smollm3" and (i + 1) % 4 == 0):
            q, k = rotate(q, inv, magnitude), rotate(k, inv, magnitude)
        k, v = (np.repeat(m, heads // kv, 1) for m in (k, v))
        s = np.einsum("ihd,jhd->hij", q, k) * scale + mask
        s = np.exp(s - s.max(-1, keepdims=True))
        a = np.einsum("hij,jhd->ihd", s / s.sum(-1, keepdims=True), v).reshape(n, -1)
        h = h + residual * linear(p + "self_attn.o_proj", a)
        x = rms(h, w[p + "post_attention_layernorm.weight"], eps)
        if p + "mlp.gate_up_proj.weight" in w:
            gate, up = np.split(linear(p + "mlp.gate_up_proj", x), 2, -1)
        else:
            gate, up = linear(p + "mlp.gate_proj", x), linear(p + "mlp.up_proj", x)
        h = h + residual * linear(p + "mlp.down_proj", silu(gate) * up)
    h = rms(h, w["model.norm.weight"], eps)
    head = w.get("lm_head.weight", w["model.embed_tokens.weight"])
    return h @ head.T / c.get("logits_scaling", 1.0)


def random_weights(c, rng, fused=False, biases=(), qk_norm=False):
    d, f, heads, kv = c["hidden_size"], c["intermediate_size"], c["num_attention_heads"], c["num_key_value_heads"]
    width = c.get("head_dim") or d // heads
    w = {}

    def matrix(name, rows, cols):
        w[name + ".weight"] = rng.normal(0, 1.4 / math.sqrt(cols), (rows, cols))
        if name.rsplit(".", 1)[-1] in biases:
            w[name + ".bias"] = rng.normal(0, 0.3, rows)

    def norm(name, size):
        w[name + ".weight"] = rng.uniform(0.6, 1.4, size)

    w["model.embed_tokens.weight"] = rng.normal(0, 1, (c["vocab_size"], d))
    for i in range(c["num_hidden_layers"]):
        p = f"model.layers.{i}."
        norm(p + "input_layernorm", d)
        norm(p + "post_attention_layernorm", d)
        if fused:
            matrix(p + "self_attn.qkv_proj", (heads + 2 * kv) * width, d)
            matrix(p + "mlp.gate_up_proj", 2 * f, d)
        else:
            matrix(p + "self_attn.q_proj", heads * width, d)
            matrix(p + "self_attn.k_proj", kv * width, d)
            matrix(p + "self_attn.v_proj", kv * width, d)
            matrix(p + "mlp.gate_proj", f, d)
            matrix(p + "mlp.up_proj", f, d)
        if qk_norm:
            norm(p + "self_attn.q_norm", width)
            norm(p + "self_attn.k_norm", width)
        matrix(p + "self_attn.o_proj", d, heads * width)
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


def store(w, kind):
    """The weights as they are stored, and the values that they then have."""
    if kind == "BF16":
        pairs = {name: bfloat(x) for name, x in w.items()}
        return {n: ("BF16", bits) for n, (_, bits) in pairs.items()}, {n: v.astype(np.float64) for n, (v, _) in pairs.items()}
    array = {n: x.astype({"F16": np.float16, "F32": np.float32}[kind]) for n, x in w.items()}
    return {n: (kind, x) for n, x in array.items()}, {n: x.astype(np.float64) for n, x in array.items()}


def write(out, name, config_class, options, kind, tokenizer, shards=1, generation=True, **kinds):
    rng = np.random.default_rng(sum(map(ord, name)))
    folder = out / name
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    t, bos, eos = tokenizer
    shape = dict(vocab_size=t.get_vocab_size(), hidden_size=32, intermediate_size=48, num_hidden_layers=2, num_attention_heads=4,
                 num_key_value_heads=2, max_position_embeddings=256, rms_norm_eps=1e-5, rope_theta=10000.0)
    shape.update(options)
    rope = {k: shape.pop(k) for k in ("rope_theta", "rope_scaling") if k in shape}
    config = config_class(bos_token_id=t.token_to_id(bos), eos_token_id=t.token_to_id(eos), pad_token_id=None,
                          architectures=[config_class.__name__.replace("Config", "ForCausalLM")], **shape)
    config.save_pretrained(folder)
    c = json.loads((folder / "config.json").read_text())
    # Versions of transformers differ in where they write the rotation; folders of both kinds are about.
    c.pop("rope_parameters", None)
    c.update(rope)
    c.pop("transformers_version", None)
    written = dict(c)
    if kinds.pop("nested_rope", False):
        written["rope_parameters"] = {"rope_type": "default", "rope_theta": written.pop("rope_theta"), **written.pop("rope_scaling", {})}
    (folder / "config.json").write_text(json.dumps(written, indent=1) + "\n")
    w = random_weights(c, rng, **kinds)
    stored, values = store(w, kind)
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
    tokens = [int(x) for x in rng.integers(0, t.get_vocab_size(), 12)]
    forward(c, values, np.array(tokens)).astype(np.float32).tofile(out / f"{name}.f32")
    (out / f"{name}.json").write_text(json.dumps(
        {"tokens": tokens, "context": 64, "width": t.get_vocab_size(), "eos": t.token_to_id(eos), "special": t.token_to_id("<|special|>"),
         "texts": [{"text": x, "ids": t.encode(x).ids, "plain": t.encode(x, add_special_tokens=False).ids} for x in TEXTS]},
        ensure_ascii=True) + "\n")


def main(out):
    llama3 = {"rope_type": "llama3", "factor": 8.0, "low_freq_factor": 1.0, "high_freq_factor": 4.0, "original_max_position_embeddings": 64}
    yarn = {"rope_type": "yarn", "factor": 4.0, "original_max_position_embeddings": 64}
    long = {"type": "longrope", "short_factor": [1.0, 1.1, 1.3], "long_factor": [1.5, 2.0, 4.0]}
    write(out, "llama", transformers.LlamaConfig, {"rope_theta": 500000.0, "rope_scaling": llama3}, "BF16",
          byte_level(split(LLAMA3), bos="<|begin|>", ignore_merges=True), shards=2)
    write(out, "llama-bias", transformers.LlamaConfig, {"attention_bias": True, "rope_scaling": yarn, "tie_word_embeddings": True}, "F32",
          characters(None), biases=("q_proj", "k_proj", "v_proj", "o_proj"), generation=False)
    write(out, "mistral", transformers.MistralConfig, {"head_dim": 16, "sliding_window": None}, "F16", characters("first"), nested_rope=True)
    write(out, "qwen2", transformers.Qwen2Config, {"rope_theta": 1000000.0}, "F16",
          byte_level(split(QWEN2), normalizer=normalizers.NFC()), biases=("q_proj", "k_proj", "v_proj"))
    write(out, "qwen3", transformers.Qwen3Config, {"head_dim": 16, "tie_word_embeddings": True}, "BF16",
          byte_level(split(QWEN2), normalizer=normalizers.NFC()), qk_norm=True, nested_rope=True)
    write(out, "phi3", transformers.Phi3Config,
          {"partial_rotary_factor": 0.75, "rope_scaling": long, "original_max_position_embeddings": 64}, "BF16",
          byte_level(pre_tokenizers.ByteLevel(add_prefix_space=True)), fused=True)
    write(out, "granite", transformers.GraniteConfig,
          {"embedding_multiplier": 3.0, "residual_multiplier": 0.4, "attention_multiplier": 0.2, "logits_scaling": 2.0}, "BF16",
          byte_level(pre_tokenizers.Sequence([pre_tokenizers.Digits(individual_digits=True),
                                              pre_tokenizers.ByteLevel(add_prefix_space=False)])))
    write(out, "smollm3", transformers.SmolLM3Config, {"num_hidden_layers": 4, "tie_word_embeddings": True}, "BF16",
          characters("always"))


if __name__ == "__main__":
    main(pathlib.Path(sys.argv[1]))
