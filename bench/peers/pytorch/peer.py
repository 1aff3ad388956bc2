#!/usr/bin/env python3
"""PyTorch as a peer of `candor bench --vs` (the protocol is in ../../README.md): the gradient and training steps of a decoder of a known
shape with random weights, in plain PyTorch, no other package. Prints "ready", then answers each line it reads with one line of JSON.

    /usr/bin/python3 peer.py --shape 135m [--dtype f32|bf16] [--step-rows 256] [-t 2]

    grad         forward and backward through frozen weights to the embeddings of given tokens
    grad-logits  z[T,V] -> softmax -> soft embeddings -> decoder -> loss on the soft tokens -> dL/dz
    train        the gradient of all weights and AdamW, in f32 (4m and 15m)

loss = -sum log p(next token) - w.h[last], as in candor; bf16 holds the weights and activations in bf16, the loss in f32."""
import argparse
import json
import math
import sys
import time

import torch
import torch.nn.functional as F

# layers, width, heads, kv heads, ff, vocabulary, bias on q k v, base of the rotation
SHAPES = {
    "4m": (6, 192, 6, 6, 512, 4096, False, 1e4),
    "15m": (6, 288, 6, 6, 768, 32000, False, 1e4),
    "135m": (30, 576, 9, 3, 1536, 49152, False, 1e4),
    "0.5b": (24, 896, 14, 2, 4864, 151936, True, 1e6),
    "1.5b": (28, 1536, 12, 2, 8960, 151936, True, 1e6),
}


class Decoder:
    """Llama and Qwen2: RMSNorm, rotary positions (halves), grouped-query attention, SwiGLU, tied embedding."""

    def __init__(self, shape, dtype, rows):
        self.L, self.C, self.H, self.G, self.F, self.V, bias, base = SHAPES[shape]
        self.D = self.C // self.H
        normal = lambda *size: (0.02 * torch.randn(*size)).to(dtype)
        self.embd = normal(self.V, self.C)
        self.norm = torch.ones(self.C, dtype=dtype)
        kv = self.G * self.D
        self.layers = [
            {
                "n1": torch.ones(self.C, dtype=dtype), "n2": torch.ones(self.C, dtype=dtype),
                "q": normal(self.C, self.C), "k": normal(kv, self.C), "v": normal(kv, self.C), "o": normal(self.C, self.C),
                "bq": normal(self.C) if bias else None, "bk": normal(kv) if bias else None, "bv": normal(kv) if bias else None,
                "gate": normal(self.F, self.C), "up": normal(self.F, self.C), "down": normal(self.C, self.F),
            }
            for _ in range(self.L)
        ]
        angle = torch.arange(rows)[:, None] * base ** (-torch.arange(0, self.D, 2) / self.D)
        self.cos = torch.cat((angle.cos(), angle.cos()), 1).to(dtype)
        self.sin = torch.cat((angle.sin(), angle.sin()), 1).to(dtype)
        self.mask = torch.full((rows, rows), -math.inf).triu(1).to(dtype)

    def parameters(self):
        return [self.embd, self.norm] + [x for y in self.layers for x in y.values() if x is not None]

    def rms(self, x, w):
        return x * torch.rsqrt(x.float().pow(2).mean(-1, keepdim=True) + 1e-5).to(x.dtype) * w

    def turn(self, x):
        half = self.D // 2
        return x * self.cos + torch.cat((-x[..., half:], x[..., :half]), -1) * self.sin

    def attention(self, x, y):
        T = x.shape[0]
        heads = lambda w, b, n: F.linear(x, w, b).view(T, n, self.D).transpose(0, 1)
        q, k, v = self.turn(heads(y["q"], y["bq"], self.H)), self.turn(heads(y["k"], y["bk"], self.G)), heads(y["v"], y["bv"], self.G)
        k, v = k.repeat_interleave(self.H // self.G, 0), v.repeat_interleave(self.H // self.G, 0)
        a = torch.softmax(q @ k.transpose(1, 2) / math.sqrt(self.D) + self.mask, -1)
        return F.linear((a @ v).transpose(0, 1).reshape(T, self.C), y["o"])

    def forward(self, x):
        for y in self.layers:
            x = x + self.attention(self.rms(x, y["n1"]), y)
            n = self.rms(x, y["n2"])
            x = x + F.linear(F.silu(F.linear(n, y["gate"])) * F.linear(n, y["up"]), y["down"])
        return self.rms(x, self.norm)

    def log_probs(self, h):
        return torch.log_softmax(F.linear(h, self.embd).float(), -1)


def loss_of_tokens(m, x, ids, w):
    h = m.forward(x)
    return F.nll_loss(m.log_probs(h[:-1]), ids[1:], reduction="sum") - (w * h[-1].float()).sum()


def grad(m, ids, w):
    x = m.embd[ids].clone().requires_grad_(True)
    loss_of_tokens(m, x, ids, w).backward()
    return x.grad


def grad_logits(m, z, w):
    z.grad = None
    p = torch.softmax(z, -1)
    h = m.forward(p.to(m.embd.dtype) @ m.embd)
    loss = -(p[1:] * m.log_probs(h[:-1])).sum() - (w * h[-1].float()).sum()
    loss.backward()
    return z.grad


class Training:
    def __init__(self, shape, rows):
        self.m = Decoder(shape, torch.float32, rows)
        for p in self.m.parameters():
            p.requires_grad_(True)
        self.opt = torch.optim.AdamW(self.m.parameters(), lr=1e-4, betas=(0.9, 0.95), weight_decay=0.1, foreach=True)

    def step(self, ids):
        self.opt.zero_grad(set_to_none=True)
        h = self.m.forward(F.embedding(ids, self.m.embd))
        F.nll_loss(self.m.log_probs(h[:-1]), ids[1:]).backward()
        self.opt.step()


def main():
    a = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    a.add_argument("--shape", choices=SHAPES, required=True)
    a.add_argument("--dtype", choices=("f32", "bf16"), default="f32")
    a.add_argument("--step-rows", type=int, default=256)
    a.add_argument("-t", "--threads", type=int, default=2)
    o = a.parse_args()
    torch.manual_seed(1)
    torch.set_num_threads(o.threads)
    made = {}

    def once(name, make):
        if name not in made:
            made[name] = make()
        return made[name]

    def model():
        return once("model", lambda: Decoder(o.shape, torch.bfloat16 if o.dtype == "bf16" else torch.float32, o.step_rows))

    V, C = SHAPES[o.shape][5], SHAPES[o.shape][1]
    ids, w = torch.randint(V, (o.step_rows,)), torch.randn(C)
    works = {
        "grad": ("grad_step_s", lambda: grad(model(), ids, w)),
        "grad-logits": (
            "grad_logits_step_s",
            lambda: grad_logits(model(), once("z", lambda: (2 * torch.randn(o.step_rows, V)).requires_grad_(True)), w),
        ),
        "train": ("train_step_s", lambda: once("training", lambda: Training(o.shape, o.step_rows)).step(ids)),
    }
    print("ready", flush=True)
    for line in sys.stdin:
        key, work = works.get(line.strip(), (None, None))
        if work is None:
            print("{}", flush=True)
            continue
        t0 = time.perf_counter()
        work()
        print(json.dumps({key: time.perf_counter() - t0}), flush=True)


main()
