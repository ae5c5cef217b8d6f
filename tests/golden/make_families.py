"""Writes goldens of families that ../shared/golden lacks: tests/golden/families/NAME.{gguf,json,f32} in the form of
../shared/golden/README.md, random weights with the logits and greedy tokens of the NumPy forward of make_hf.py.

usage: python3 make_families.py OUT   (needs what make_hf.py needs)
"""

import json
import pathlib
import struct
import sys

import numpy as np

import make_hf

U32, F32, BOOL, STRING, ARRAY, I32, BF16 = 4, 6, 7, 8, 9, 5, 30


def string(text):
    return struct.pack("<Q", len(text.encode())) + text.encode()


def value(x):
    """GGUF type and bytes."""
    if isinstance(x, bool):
        return BOOL, struct.pack("<?", x)
    if isinstance(x, int):
        return I32 if x < 0 else U32, struct.pack("<i" if x < 0 else "<I", x)
    if isinstance(x, float):
        return F32, struct.pack("<f", x)
    if isinstance(x, str):
        return STRING, string(x)
    parts = [value(v) for v in x]
    return ARRAY, struct.pack("<IQ", parts[0][0], len(parts)) + b"".join(raw for _, raw in parts)


def save(path, keys, tensors):
    """tensors: {name: F32 or BF16 values as an array}; matrices go to BF16, vectors to F32."""
    out = struct.pack("<4sIQQ", b"GGUF", 3, len(tensors), len(keys))
    for key, x in keys.items():
        kind, raw = value(x)
        out += string(key) + struct.pack("<I", kind) + raw
    data = b""
    for name, x in tensors.items():
        matrix = x.ndim > 1
        raw = (make_hf.bfloat(x)[1] if matrix else x.astype(np.float32)).tobytes()
        out += string(name) + struct.pack("<I", x.ndim) + struct.pack(f"<{x.ndim}Q", *reversed(x.shape))
        out += struct.pack("<IQ", BF16 if matrix else 0, len(data))
        data += raw + b"\0" * (-len(raw) % 32)
    path.write_bytes(out + b"\0" * (-len(out) % 32) + data)


def vocabulary(size):
    """SentencePiece: three special tokens, the bytes, and a few pieces."""
    texts = ["<unk>", "<s>", "</s>"] + [f"<0x{b:02X}>" for b in range(256)] + ["\u2581"]
    texts += [chr(ord("a") + i) for i in range(size - len(texts))]
    return {"tokenizer.ggml.model": "llama", "tokenizer.ggml.tokens": texts,
            "tokenizer.ggml.scores": [0.0] * 3 + [-1.0] * (size - 3),
            "tokenizer.ggml.token_type": [2, 3, 3] + [6] * 256 + [1] * (size - 259), "tokenizer.ggml.bos_token_id": 1,
            "tokenizer.ggml.eos_token_id": 2, "tokenizer.ggml.unknown_token_id": 0}


def greedy(c, w, tokens, steps):
    """The tokens that follow, and the least lead of any of them."""
    out, lead = [], np.inf
    for _ in range(steps):
        last = make_hf.forward(c, w, np.array(tokens + out))[-1]
        second, first = np.sort(last)[-2:]
        lead = min(lead, first - second)
        out.append(int(last.argmax()))
    return out, lead


def write(out, name, architecture, c, keys, names, seed, **kinds):
    """c: config as make_hf.py has it; names: {module of a folder: of GGUF} for what stands in a layer."""
    for seed in range(seed, seed + 500):
        rng = np.random.default_rng(seed)
        w = make_hf.random_weights(c, rng, **kinds)
        w = {n: (make_hf.bfloat(x)[0] if x.ndim > 1 else x.astype(np.float32)).astype(np.float64) for n, x in w.items()}
        tokens = [1] + [int(t) for t in rng.integers(3, c["vocab_size"], 27)]
        following, lead = greedy(c, w, tokens, 16)
        logits = make_hf.forward(c, w, np.array(tokens)).astype(np.float32)
        if lead >= 0.004 * abs(logits).max():
            break
    top = {"model.embed_tokens": "token_embd", "model.norm": "output_norm", "lm_head": "output"}
    tensors, stacks = {}, {}
    for full, x in w.items():
        if ".experts." in full:  # of all experts of a layer
            before, after = full.split(".experts.")
            stacks.setdefault(f"blk.{before.split('.')[2]}.{names[after.split('.')[1]]}.weight", []).append(x)
            continue
        module, parameter = full.rsplit(".", 1)
        parts = module.split(".", 3)
        tensors[(top[module] if module in top else f"blk.{parts[2]}.{names[parts[3]]}") + "." + parameter] = x
    tensors |= {n: np.stack(x) for n, x in stacks.items()}
    keys = {"general.architecture": architecture, **{f"{architecture}.{k}": v for k, v in keys.items()}, **vocabulary(c["vocab_size"])}
    save(out / f"{name}.gguf", keys, tensors)
    logits.tofile(out / f"{name}.f32")
    (out / f"{name}.json").write_text(json.dumps(
        {"arch": architecture, "kind": "logits", "tokens": tokens, "vocab": c["vocab_size"], "width": c["vocab_size"], "ctx": 512,
         "greedy": following, "max_abs": float(abs(logits).max()), "compare": "max", "max_rel": 1e-5,
         "oracle": "make_families.py, double precision"}, indent=1) + "\n")


def main(out):
    heads = {"self_attn.q_proj": "attn_q", "self_attn.k_proj": "attn_k", "self_attn.v_proj": "attn_v", "self_attn.o_proj": "attn_output",
             "mlp.gate_proj": "ffn_gate", "mlp.up_proj": "ffn_up", "mlp.down_proj": "ffn_down"}
    shape = {"vocab_size": 270, "hidden_size": 32, "intermediate_size": 48, "num_attention_heads": 4, "num_key_value_heads": 2,
             "rms_norm_eps": 1e-6, "rope_theta": 500000.0}
    keys = {"context_length": 512, "embedding_length": 32, "feed_forward_length": 48, "attention.head_count": 4,
            "attention.head_count_kv": 2, "attention.layer_norm_rms_epsilon": 1e-6, "rope.freq_base": 500000.0}
    norms = {"self_attn.q_norm": "attn_q_norm", "self_attn.k_norm": "attn_k_norm", "post_attention_layernorm": "post_attention_norm",
             "post_feedforward_layernorm": "post_ffw_norm"}
    kinds = {"qk_norm": True, "extra_norms": ("post_feedforward_layernorm",)}
    write(out, "olmo2", "olmo2", {**shape, "model_type": "olmo2", "num_hidden_layers": 2}, {**keys, "block_count": 2}, {**heads, **norms}, 1, **kinds)
    # OLMo 3: local layers, and YaRN on the others.
    yarn = {"rope_type": "yarn", "factor": 4.0, "original_max_position_embeddings": 64}
    write(out, "olmo3", "olmo2",
          {**shape, "model_type": "olmo3", "num_hidden_layers": 4, "sliding_window": 8, "rope_scaling": yarn,
           "layer_types": ["sliding_attention"] * 3 + ["full_attention"]},
          {**keys, "block_count": 4, "attention.sliding_window": 8, "rope.scaling.type": "yarn", "rope.scaling.factor": 4.0,
           "rope.scaling.original_context_length": 64}, {**heads, **norms}, 1, **kinds)
    # Phi 3.5 MoE as the original computes it, from which the engine behind ../shared/golden departs.
    moe = {"block_sparse_moe.gate": "ffn_gate_inp", "w1": "ffn_gate_exps", "w3": "ffn_up_exps", "w2": "ffn_down_exps",
           "input_layernorm": "attn_norm", "post_attention_layernorm": "ffn_norm"}
    write(out, "phimoe-original", "phimoe",
          {**shape, "model_type": "phimoe", "num_hidden_layers": 2, "num_local_experts": 4, "num_experts_per_tok": 2},
          {**keys, "block_count": 2, "expert_count": 4, "expert_used_count": 2, "expert_feed_forward_length": 48}, {**heads, **moe}, 1,
          biases=("q_proj", "k_proj", "v_proj", "o_proj", "lm_head"))
    # Seed-OSS: heads wider than their share of the stream.
    small = {"hidden_size": 16, "intermediate_size": 32, "num_attention_heads": 2, "num_key_value_heads": 1, "head_dim": 12}
    write(out, "seed_oss", "seed_oss", {**shape, **small, "model_type": "seed_oss", "num_hidden_layers": 2},
          {**keys, "block_count": 2, "embedding_length": 16, "feed_forward_length": 32, "attention.head_count": 2,
           "attention.head_count_kv": 1, "attention.key_length": 12, "attention.value_length": 12, "rope.dimension_count": 12},
          {**heads, "input_layernorm": "attn_norm", "post_attention_layernorm": "post_attention_norm"}, 1,
          biases=("q_proj", "k_proj", "v_proj"))


if __name__ == "__main__":
    main(pathlib.Path(sys.argv[1]))
