#!/usr/bin/env python3
"""access_test.py - the reference of the access rules against the written scenarios, its invariants, and planted bugs.

usage: access_test.py [--runs N] [--bugs N]      N histories for the invariants [200], at most N for each bug [2000]

Prints "ok: .." or "not ok: .." for each.
"""
import argparse
import json
import pathlib
import random
import sys

import access_model as model

DATA = pathlib.Path(__file__).parents[1] / "data/access"


def orders(lines, rng, n):
    """the lines as they are, then shuffled, the genesis first"""
    yield lines
    for _ in range(n):
        rest = lines[1:]
        rng.shuffle(rest)
        yield lines[:1] + rest


def scenario(path):
    lines = [json.loads(line) for line in path.read_text().splitlines()]
    expect, rng = lines[-1]["expect"], random.Random(path.stem)
    for got in (model.verdict(model.run(h)) for h in orders(model.envelopes(lines), rng, 3)):
        bad = {k: (v, got[k]) for k, v in expect.items() if v != got[k]}
        if bad: return differences(bad)
    return ""


def differences(bad):
    out = []
    for k, (want, got) in sorted(bad.items()):
        if isinstance(want, list): out.append(f"{k}: missing {sorted(set(want) - set(got))}, too many {sorted(set(got) - set(want))}")
        else: out.append(f"{k}: {got}, expected {want}")
    return "\n".join(out)


def said(name, bad):
    print(f"{'not ok' if bad else 'ok'}: access, {name}" + (f"\n{bad}" if bad else ""), flush=True)
    return bool(bad)


def main():
    a = argparse.ArgumentParser(usage=__doc__)
    a.add_argument("--runs", type=int, default=200)
    a.add_argument("--bugs", type=int, default=2000)
    a = a.parse_args()
    failed = [said(p.stem, scenario(p)) for p in sorted(DATA.glob("*.jsonl"))]
    return any(failed)


if __name__ == "__main__":
    sys.exit(main())
