"""The network: a decoder of the llama family (RMS norm, rotary positions, SwiGLU, tied embeddings) in PyTorch."""

from dataclasses import asdict, dataclass

import torch
import torch.nn.functional as F
from torch import nn


@dataclass
class Shape:
    vocab: int = 2048
    width: int = 192
    layers: int = 4
    heads: int = 6
    kv_heads: int = 3
    hidden: int = 512
    context: int = 1024
    rope_base: float = 10000.0
    epsilon: float = 1e-5

    @property
    def head(self):
        return self.width // self.heads

    def dict(self):
        return asdict(self)


def rotate(x, cos, sin):
    """Pairs (2i, 2i+1) are turned, as GGUF's llama expects. x: [batch, heads, tokens, head]."""
    even, odd = x[..., 0::2], x[..., 1::2]
    return torch.stack((even * cos - odd * sin, even * sin + odd * cos), dim=-1).flatten(-2)


class Layer(nn.Module):
    def __init__(self, shape, dropout=0.0):
        super().__init__()
        self.shape = shape
        self.drop = nn.Dropout(dropout)
        kv = shape.kv_heads * shape.head
        self.attn_norm = nn.RMSNorm(shape.width, eps=shape.epsilon)
        self.ffn_norm = nn.RMSNorm(shape.width, eps=shape.epsilon)
        self.attn_q = nn.Linear(shape.width, shape.width, bias=False)
        self.attn_k = nn.Linear(shape.width, kv, bias=False)
        self.attn_v = nn.Linear(shape.width, kv, bias=False)
        self.attn_output = nn.Linear(shape.width, shape.width, bias=False)
        self.ffn_gate = nn.Linear(shape.width, shape.hidden, bias=False)
        self.ffn_up = nn.Linear(shape.width, shape.hidden, bias=False)
        self.ffn_down = nn.Linear(shape.hidden, shape.width, bias=False)

    def forward(self, x, cos, sin, asked=None):
        """x: [batch, tokens, width]; with `asked` only these of all tokens come out: [asked, width]."""
        s, (batch, tokens, _) = self.shape, x.shape
        a = self.attn_norm(x)
        q = self.attn_q(a).view(batch, tokens, s.heads, s.head).transpose(1, 2)
        k = self.attn_k(a).view(batch, tokens, s.kv_heads, s.head).transpose(1, 2)
        v = self.attn_v(a).view(batch, tokens, s.kv_heads, s.head).transpose(1, 2)
        q, k = rotate(q, cos, sin).type_as(v), rotate(k, cos, sin).type_as(v)
        repeat = s.heads // s.kv_heads
        k, v = k.repeat_interleave(repeat, 1), v.repeat_interleave(repeat, 1)
        y = F.scaled_dot_product_attention(q, k, v, is_causal=True)
        y = y.transpose(1, 2).reshape(batch, tokens, s.width)
        if asked is not None:
            x, y = x.flatten(0, 1)[asked], y.flatten(0, 1)[asked]
        x = x + self.drop(self.attn_output(y))
        b = self.ffn_norm(x)
        return x + self.drop(self.ffn_down(F.silu(self.ffn_gate(b)) * self.ffn_up(b)))


class Decoder(nn.Module):
    def __init__(self, shape, dropout=0.0):
        super().__init__()
        self.shape = shape
        self.drop = nn.Dropout(dropout)
        self.token_embd = nn.Embedding(shape.vocab, shape.width)
        self.blk = nn.ModuleList(Layer(shape, dropout) for _ in range(shape.layers))
        self.output_norm = nn.RMSNorm(shape.width, eps=shape.epsilon)
        angles = torch.outer(torch.arange(shape.context).float(),
                             shape.rope_base ** (-torch.arange(0, shape.head, 2).float() / shape.head))
        self.register_buffer("cos", angles.cos(), persistent=False)
        self.register_buffer("sin", angles.sin(), persistent=False)
        for name, p in self.named_parameters():
            if p.dim() == 2:
                scale = 0.02
                if name.endswith(("attn_output.weight", "ffn_down.weight")):
                    scale /= (2 * shape.layers) ** 0.5
                nn.init.normal_(p, std=scale)

    def forward(self, tokens, asked=None):
        """tokens: [batch, tokens]. States before the head, of all tokens or of those that are asked for."""
        x = self.drop(self.token_embd(tokens))
        cos, sin = self.cos[:tokens.shape[1]], self.sin[:tokens.shape[1]]
        for layer in self.blk[:-1]:
            x = layer(x, cos, sin)
        x = self.blk[-1](x, cos, sin, asked)
        return self.output_norm(x)

    def loss(self, tokens, targets, weights):
        """The mean cross entropy of those targets [batch, tokens] whose weight is not 0."""
        asked = weights.flatten().nonzero().squeeze(1)
        logits = F.linear(self(tokens, asked), self.token_embd.weight).float()
        return F.cross_entropy(logits, targets.flatten()[asked])
