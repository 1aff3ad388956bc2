#!/usr/bin/env python3
"""row.py LABEL: the JSON of one `candor bench --vs` on stdin as rows of a Markdown table, one for each work that both have done."""
import json
import sys

WORKS = {  # key: name, unit, key of the share, what it is a share of
    "prefill_tps": ("prefill", "tokens/s", "ceiling_share", "ceiling"),
    "decode_tps": ("decode", "tokens/s", "bandwidth_share", "bandwidth"),
    "sessions_tps": ("all sessions", "tokens/s", "sessions_bandwidth_share", "bandwidth"),
    "grad_step_s": ("gradient, embeddings", "s", "grad_ceiling_share", "ceiling"),
    "grad_logits_step_s": ("gradient, logits", "s", "grad_logits_ceiling_share", "ceiling"),
    "train_step_s": ("training step", "s", "train_ceiling_share", "ceiling"),
}


def figure(x):
    return f"{x:.0f}" if x >= 100 else f"{x:.1f}" if x >= 10 else f"{x:.3g}"


def spread(s, show=figure):
    return f"{show(s['median'])} ({show(s['min'])}..{show(s['max'])})"


def main():
    text = sys.stdin.read()
    if not text:
        return  # candor has said why on stderr
    j = json.loads(text)
    for key, (name, unit, share, of) in WORKS.items():
        if key not in j or key not in j["vs"]:
            continue
        theirs, ratio = j["vs"][key]["theirs"], j["vs"][key]["ratio"]
        part = f"{100 * j[share]['median']:.0f}% of the {of}" if share in j else "-"
        speed = f"**{ratio['median']:.2f}** ({ratio['min']:.2f}..{ratio['max']:.2f})"
        print(f"| {sys.argv[1]} | {name} | {spread(j[key])} {unit} | {spread(theirs)} {unit} | {speed} | {part} |")


main()
