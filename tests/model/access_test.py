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
import types

import access_check
import access_model as model
from access_bugs import BUGS
from access_random import Gen

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


def planted(old, new):
    """the reference with a bug in it"""
    text = pathlib.Path(model.__file__).read_text()
    assert text.count(old) == 1, f"{text.count(old)} times in access_model.py: {old}"
    m = types.ModuleType("planted")
    exec(compile(text.replace(old, new), "access_model.py with a bug", "exec"), m.__dict__)
    return m


class Histories:
    """random histories and what the reference says of them, made once"""
    def __init__(s): s.made = []

    def __call__(s, seed):
        while len(s.made) <= seed:
            g = Gen(len(s.made))
            v = model.verdict(g.W)
            s.made.append((g.trace, {k: v[k] for k in ("admissible", "effective", "visible")}))
        return s.made[seed]


def told_after(bug, histories, limit):
    """how many histories it takes to see the bug, or None"""
    m = planted(*bug[1:])
    for seed in range(limit):
        trace, want = histories(seed)
        try:
            got = m.verdict(m.run(trace))
        except (AssertionError, LookupError, AttributeError):         # a tool that stops is told as well
            return seed + 1
        if any(got[k] != want[k] for k in want): return seed + 1
    return None


def invariants(runs):
    total = {}
    for seed in range(runs):
        try:
            for k, v in access_check.one(seed).items(): total[k] = total.get(k, 0) + v
        except AssertionError as e:
            return f"seed {seed}: {e}", ""
    return "", ", ".join(f"{v} {k}" for k, v in total.items())


def said(name, bad):
    print(f"{'not ok' if bad else 'ok'}: access, {name}" + (f"\n{bad}" if bad else ""), flush=True)
    return bool(bad)


def main():
    a = argparse.ArgumentParser(usage=__doc__)
    a.add_argument("--runs", type=int, default=200)
    a.add_argument("--bugs", type=int, default=2000)
    a = a.parse_args()
    failed = [said(p.stem, scenario(p)) for p in sorted(DATA.glob("*.jsonl"))]
    bad, what = invariants(a.runs)
    failed.append(said(f"invariants: {what}", bad))
    histories = Histories()
    for bug in BUGS if a.bugs else ():
        n = told_after(bug, histories, a.bugs)
        failed.append(said(f"planted: {bug[0]}" + (f" (told after {n})" if n else ""), "" if n else f"not told in {a.bugs} histories"))
    return any(failed)


if __name__ == "__main__":
    sys.exit(main())
