#!/usr/bin/env python3
"""train.py DATA OUT [--steps N]: trains the model on what make_data.py wrote; goes on where OUT/state.pt stands.

DATA has tokenizer.json and train.npz. OUT gets state.pt (weights, optimiser, step: all that is needed to go on),
train.log and loss.png. Matrices of layers are trained by Muon (momentum whose singular values are set to one by a
Newton-Schulz iteration; Jordan et al., 2024), embeddings and norms by AdamW."""

import argparse
import json
import os
import signal
import time
from pathlib import Path

import numpy as np
import torch

from model import Decoder, Shape


def orthogonal(g):
    """The nearest matrix with singular values of about one, by five steps of Newton and Schulz."""
    a, b, c = 3.4445, -4.7750, 2.0315
    x = g / (g.norm() + 1e-7)
    tall = x.shape[0] > x.shape[1]
    x = x.T if tall else x
    for _ in range(5):
        y = x @ x.T
        x = a * x + (b * y + c * y @ y) @ x
    return x.T if tall else x


class Muon(torch.optim.Optimizer):
    def __init__(self, params, lr, momentum=0.95, decay=0.01):
        super().__init__(params, {"lr": lr, "momentum": momentum, "decay": decay})

    @torch.no_grad()
    def step(self):
        for group in self.param_groups:
            for p in group["params"]:
                state = self.state[p]
                if "m" not in state:
                    state["m"] = torch.zeros_like(p)
                m = state["m"]
                m.lerp_(p.grad, 1 - group["momentum"])
                update = orthogonal(p.grad.lerp(m, group["momentum"]))
                p.mul_(1 - group["lr"] * group["decay"])
                p.add_(update, alpha=-group["lr"] * max(1.0, p.shape[0] / p.shape[1]) ** 0.5)


class Rows:
    """Rows of tokens in a seeded order; row i of an epoch is the same on every machine."""

    def __init__(self, path, seed):
        data = np.load(path)
        self.tokens, self.weights = data["tokens"], data["weights"]
        self.seed, self.epoch, self.order = seed, -1, None

    def __len__(self):
        return len(self.tokens)

    def batch(self, step, size):
        take = []
        for i in range(step * size, (step + 1) * size):
            epoch, at = divmod(i, len(self))
            if epoch != self.epoch:
                self.epoch, self.order = epoch, np.random.default_rng([self.seed, epoch]).permutation(len(self))
            take.append(self.order[at])
        take = np.array(take)
        tokens = torch.from_numpy(self.tokens[take].astype(np.int64))
        weights = torch.from_numpy(self.weights[take])
        return tokens[:, :-1], tokens[:, 1:], weights[:, 1:]


def optimizers(model, muon, adam):
    matrices = [p for n, p in model.named_parameters() if p.dim() == 2 and n.startswith("blk")]
    others = [p for n, p in model.named_parameters() if p.dim() != 2 or not n.startswith("blk")]
    return Muon(matrices, muon), torch.optim.AdamW(others, lr=adam, betas=(0.9, 0.98), weight_decay=0.0)


def save(path, model, muon, adam, step):
    """All that is needed to go on; a run that is stopped in between leaves the state before."""
    temporary = path.with_suffix(".new")
    torch.save({"model": model.state_dict(), "muon": muon.state_dict(), "adam": adam.state_dict(), "step": step,
                "shape": model.shape.dict()}, temporary)
    os.replace(temporary, path)


def rate(step, steps, warm=50):
    """Up within `warm` steps, level, and down to nothing over the last half."""
    if step < warm:
        return (step + 1) / warm
    left = (steps - step) / (steps * 0.5)
    return max(0.02, min(1.0, left))


def plot(log, path):
    try:
        import matplotlib
    except ImportError:
        return
    matplotlib.use("Agg")
    import matplotlib.pyplot as plt
    points = [json.loads(line) for line in log.read_text().splitlines() if line.startswith('{"step"')]
    figure, axes = plt.subplots(figsize=(7, 3.5), dpi=90)
    axes.plot([p["step"] for p in points], [p["loss"] for p in points], linewidth=0.8, label="training")
    held = [p for p in points if "held_out" in p]
    if held:
        axes.plot([p["step"] for p in held], [p["held_out"] for p in held], marker=".", label="other rows")
    axes.set(xlabel="step", ylabel="cross entropy of answers (nats a token)", yscale="log")
    axes.grid(alpha=0.3, which="both")
    axes.legend()
    figure.tight_layout()
    figure.savefig(path)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("data", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--steps", type=int, default=2400, help="of the whole run, which the rates follow")
    parser.add_argument("--stop", type=int, default=0, help="stops after this step; the state goes on later")
    parser.add_argument("--batch", type=int, default=12, help="rows of a step")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--muon", type=float, default=0.02)
    parser.add_argument("--adam", type=float, default=0.004)
    parser.add_argument("--dropout", type=float, default=0.0, help="of embeddings and of what the layers add: against knowing questions by heart")
    parser.add_argument("--save-seconds", type=float, default=120)
    parser.add_argument("--layers", type=int, default=Shape.layers, help="of a new model, as --width and --hidden; a state has its own")
    parser.add_argument("--width", type=int, default=Shape.width)
    parser.add_argument("--hidden", type=int, default=Shape.hidden)
    parser.add_argument("--bfloat16", action="store_true", help="products in bfloat16: faster with AMX, slower without")
    options = parser.parse_args()

    torch.manual_seed(options.seed)
    torch.set_num_threads(options.threads)
    rows, held = Rows(options.data / "train.npz", options.seed), Rows(options.data / "held.npz", 1)
    vocab = json.loads((options.data / "meta.json").read_text())["vocab"]
    options.out.mkdir(parents=True, exist_ok=True)
    state_path, log = options.out / "state.pt", options.out / "train.log"
    state = torch.load(state_path, weights_only=False) if state_path.exists() else None
    shape = Shape(**state["shape"]) if state else Shape(vocab=vocab, layers=options.layers, width=options.width, hidden=options.hidden)
    if shape.vocab != vocab:
        raise SystemExit(f"{state_path} has {shape.vocab} tokens, {options.data} has {vocab}")
    model = Decoder(shape, options.dropout)
    muon, adam = optimizers(model, options.muon, options.adam)
    step = 0
    if state:
        model.load_state_dict(state["model"])
        muon.load_state_dict(state["muon"])
        adam.load_state_dict(state["adam"])
        step = state["step"]
    if step == 0:
        log.write_text(f"# shape {json.dumps(shape.dict())}\n# parameters {sum(p.numel() for p in model.parameters())}, "
                       f"rows {len(rows)} of {rows.tokens.shape[1]} tokens, batch {options.batch}, steps {options.steps}, "
                       f"muon {options.muon}, adam {options.adam}, dropout {options.dropout}, seed {options.seed}\n")

    def loss_of(batch):
        with torch.autocast("cpu", torch.bfloat16, enabled=options.bfloat16):
            return model.loss(*batch)

    stopped = []
    signal.signal(signal.SIGTERM, lambda *_: stopped.append(True))
    saved, started, first, sums = time.time(), time.time(), step, []
    while step < (options.stop or options.steps) and not stopped:
        scale = rate(step, options.steps)
        for group in muon.param_groups:
            group["lr"] = options.muon * scale
        for group in adam.param_groups:
            group["lr"] = options.adam * scale
        loss = loss_of(rows.batch(step, options.batch))
        loss.backward()
        muon.step()
        adam.step()
        model.zero_grad(set_to_none=True)
        sums.append(loss.item())
        step += 1
        if step % 20 == 0 or step == options.steps:
            entry = {"step": step, "loss": round(float(np.mean(sums)), 4)}
            sums.clear()
            if step % 200 == 0 or step == options.steps:
                model.eval()
                with torch.no_grad():
                    entry["held_out"] = round(float(np.mean([loss_of(held.batch(i, 4)).item() for i in range(4)])), 4)
                model.train()
            entry["tokens"] = step * options.batch * rows.tokens.shape[1]
            entry["seconds_a_step"] = round((time.time() - started) / (step - first), 2)
            with log.open("a") as file:
                file.write(json.dumps(entry) + "\n")
            print(json.dumps(entry), flush=True)
        if time.time() - saved > options.save_seconds:
            save(state_path, model, muon, adam, step)
            saved = time.time()
    save(state_path, model, muon, adam, step)
    plot(log, options.out / "loss.png")


if __name__ == "__main__":
    main()
