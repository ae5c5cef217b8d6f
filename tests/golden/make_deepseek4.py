"""Writes tests/golden/hf/deepseek4: a tiny random DeepSeek V4 in the form in which the model is published (its names, FP8
with a power of two for each block, experts in nibbles with a power of two for each 32 values), with the logits that
transformers computes from the same values unpacked, in single precision.

usage: python3 make_deepseek4.py OUT   (needs numpy, safetensors, tokenizers, torch and transformers from PyPI)
"""

import json
import pathlib
import shutil
import sys
import tempfile

import numpy as np
import torch
import transformers
from safetensors.numpy import load_file, save_file

from make_hf import QWEN2, bfloat, byte_level, fnv, fp8, mxfp4, save, split

BLOCK = [32, 32]
FP8 = ("wq_a", "wq_b", "wkv", "wo_a", "wo_b", "shared_experts.w1", "shared_experts.w2", "shared_experts.w3")
PUBLISHED = {"model.embed_tokens.": "embed.", "model.hc_head.hc_": "hc_head_", "attn.norm.": "attn.kv_norm.", "model.": ""}


def powers(scale):
    """E8M0 of F32 powers of two."""
    return (np.ascontiguousarray(scale, np.float32).view(np.uint32) >> 23).astype(np.uint8)


def packed(name, x):
    """How the checkpoint stores a parameter: {name: (type, array)}, and the values it then has."""
    module = name.removesuffix(".weight")
    if ".ffn.experts." in name:
        parts, values = mxfp4(x)
        return {name: ("I8", parts["blocks"][1].reshape(len(x), -1).view(np.int8)), module + ".scale": ("F8_E8M0", parts["scales"][1])}, values
    if name.endswith(".weight") and module.endswith(FP8) and "compressor" not in name:
        parts, values = fp8(x, BLOCK, powers=True)
        return {name: parts["weight"], module + ".scale": ("F8_E8M0", powers(parts["weight_scale_inv"][1]))}, values
    if x.dtype == np.int64:
        return {name: ("I64", x)}, x
    if x.ndim == 1 or name.endswith(".ape"):
        return {name: ("F32", x.astype(np.float32))}, x
    values, bits = bfloat(x)
    return {name: ("BF16", bits)}, values


def random_like(name, x, experts, rng):
    if x.dtype == np.int64:  # different ones for each token
        return np.argsort(rng.random((x.shape[0], experts)))[:, :x.shape[1]].astype(np.int64)
    if "norm" in name:
        return 1 + 0.2 * rng.standard_normal(x.shape)
    if name.endswith("scale"):
        return 0.5 + 0.5 * rng.random(x.shape)
    if x.ndim == 1 or name.endswith(".ape"):
        return 0.5 * rng.standard_normal(x.shape)
    return rng.standard_normal(x.shape) * 1.5 / np.sqrt(x.shape[-1])


def main(out):
    rng = np.random.default_rng(4)
    t, bos, eos = byte_level(split(QWEN2))
    # With few heads many scores of the indexer are zero, and which of equals are chosen is nobody's rule.
    options = dict(
        vocab_size=t.get_vocab_size(), hidden_size=32, moe_intermediate_size=32, num_hidden_layers=3, num_attention_heads=2, num_key_value_heads=1,
        head_dim=32, q_lora_rank=32, num_experts_per_tok=2, n_routed_experts=4, n_shared_experts=1, routed_scaling_factor=1.5, norm_topk_prob=True,
        scoring_func="sqrtsoftplus", max_position_embeddings=1024, rms_norm_eps=1e-6, rope_theta=10000.0, compress_rope_theta=160000.0,
        compress_ratios=[0, 4, 128, 0], num_hash_layers=1, qk_rope_head_dim=16, o_groups=2, o_lora_rank=16, index_n_heads=8, index_head_dim=32,
        index_topk=3, sliding_window=8, hc_mult=4, hc_sinkhorn_iters=5, hc_eps=1e-6, swiglu_limit=1.5, hidden_act="silu", num_nextn_predict_layers=1,
        attention_bias=False, tie_word_embeddings=False, bos_token_id=t.token_to_id(bos), eos_token_id=t.token_to_id(eos),
        rope_scaling={"type": "yarn", "factor": 16, "original_max_position_embeddings": 64, "beta_fast": 32, "beta_slow": 1})
    folder = out / "deepseek4"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    tokens = [int(x) for x in rng.integers(0, t.get_vocab_size(), 24)]
    with tempfile.TemporaryDirectory() as plain:
        plain = pathlib.Path(plain)
        make = transformers.DeepseekV4ForCausalLM
        # The class moves what it is given: of a copy.
        make(transformers.DeepseekV4Config(**json.loads(json.dumps(options)))).save_pretrained(plain)
        stored, values, decoded = {}, {}, {}
        for name, x in sorted(load_file(plain / "model.safetensors").items()):
            published = name
            for ours, theirs in PUBLISHED.items():
                published = published.replace(ours, theirs, 1)
            parts, value = packed(published, random_like(name, x, options["n_routed_experts"], rng))
            stored.update(parts)
            values[name] = np.ascontiguousarray(value, x.dtype)
            for end, place in (("attn.wq_b.weight", "attn_q_b"), ("attn.wo_a.weight", "attn_output_a"), ("shared_experts.w2.weight", "ffn_down_shexp")):
                if published.endswith(end) and "indexer" not in published:
                    decoded[f"blk.{published.split('.')[1]}.{place}.weight"] = fnv(values[name])
        for layer in range(options["num_hidden_layers"]):
            of = [values[f"model.layers.{layer}.ffn.experts.{e}.w2.weight"] for e in range(options["n_routed_experts"])]
            decoded[f"blk.{layer}.ffn_down_exps.weight"] = fnv(np.stack(of))
        # A predictor of further tokens, which has no place in the model itself.
        stored["mtp.0.enorm.weight"] = ("BF16", bfloat(np.ones(32))[1])
        save_file(values, plain / "model.safetensors", {"format": "pt"})
        model = make.from_pretrained(plain, dtype=torch.float32).eval()
        with torch.no_grad():
            logits = model(torch.tensor([tokens]), use_cache=False).logits[0].numpy()
    logits.astype(np.float32).tofile(out / "deepseek4.f32")
    save(stored, folder / "model.safetensors")
    quantization = {"quant_method": "fp8", "fmt": "e4m3", "scale_fmt": "ue8m0", "activation_scheme": "dynamic", "weight_block_size": BLOCK}
    config = {"architectures": ["DeepseekV4ForCausalLM"], "model_type": "deepseek_v4", **options, "topk_method": "noaux_tc", "expert_dtype": "fp4",
              "quantization_config": quantization}
    (folder / "config.json").write_text(json.dumps(config, indent=1) + "\n")
    t.save(str(folder / "tokenizer.json"), pretty=False)
    (folder / "tokenizer_config.json").write_text(json.dumps(
        {"bos_token": bos, "eos_token": {"content": eos, "special": True}, "tokenizer_class": "PreTrainedTokenizerFast",
         "chat_template": "{{ messages[0].content }}"}, indent=1) + "\n")
    (folder / "generation_config.json").write_text(json.dumps(
        {"bos_token_id": t.token_to_id(bos), "eos_token_id": [t.token_to_id(eos), t.token_to_id("<|special|>")]}) + "\n")
    (out / "deepseek4.json").write_text(json.dumps(
        {"types": {"MXFP4": 9, "I32": 1}, "max_nmse": 1e-3, "decoded": decoded, "tokens": tokens, "context": 64, "width": t.get_vocab_size(),
         "eos": t.token_to_id(eos), "special": t.token_to_id("<|special|>"), "texts": []}) + "\n")


if __name__ == "__main__":
    main(pathlib.Path(sys.argv[1]))
