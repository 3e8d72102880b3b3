#!/usr/bin/env python3
"""access_diff.py - the access rules of a program against the reference, on the same histories.

usage: access_diff.py [--runs N] [--first SEED] [--shrink SEED] EVAL

EVAL: a command (with --full) that reads histories and prints answers.  --shrink: the lines of a history that a difference needs.

The written scenarios of tests/data/access, then N random histories [2000], half of them with their lines in another order.
All keys of an answer are compared that EVAL gives; it must give admissible, effective and visible.  Prints "ok: .." or "not ok: ..",
one for the scenarios and one for a hundred histories, and the seeds that differ: access_model.py random SEED is the history.
"""
import argparse
import json
import random
import shlex
import subprocess
import sys

import access_model as model
from access_random import Gen
from access_test import DATA, differences

LEAST = ("admissible", "effective", "visible")


def ask(command, batch):
    """answers of a program to a list of lists of lines"""
    text = "".join("".join(json.dumps(j) + "\n" for j in lines) + "\n" for lines in batch)
    p = subprocess.run(command, input=text, capture_output=True, text=True)
    out = [json.loads(line) for line in p.stdout.splitlines()]
    return out, "" if p.returncode == 0 and len(out) == len(batch) else \
        f"{command[0]}: exit {p.returncode} after {len(out)} of {len(batch)} histories\n{p.stderr[-2000:]}"


def compare(name, command, cases):
    """cases: (name, lines, answer)"""
    got, bad = ask(command, [c[1] for c in cases])
    told = [bad] if bad else []
    for (case, _, want), answer in zip(cases, got):
        wrong = {k: (want.get(k), v) for k, v in answer.items() if k in want and want[k] != v}
        wrong.update({k: ([], ["no answer"]) for k in LEAST if k not in answer})
        if wrong: told.append(f"{case}:\n{differences(wrong)}")
    print(f"{'not ok' if told else 'ok'}: {name}" + "".join("\n" + t for t in told[:10]), flush=True)
    return bool(told)


def scenarios():
    for path in sorted(DATA.glob("*.jsonl")):
        lines = [json.loads(line) for line in path.read_text().splitlines()]
        yield path.stem, model.envelopes(lines), lines[-1]["expect"]


def histories(first, n):
    for seed in range(first, first + n):
        g = Gen(seed)
        lines = g.trace
        if seed % 2:
            rest = lines[1:]
            random.Random(seed).shuffle(rest)
            lines = lines[:1] + rest
        yield f"seed {seed}", lines, model.verdict(g.W)


def differ(command, lines):
    """what a program says otherwise of a history"""
    got, bad = ask(command, [lines])
    want = model.verdict(model.run(lines))
    return bad or differences({k: (want[k], v) for k, v in got[0].items() if k in want and want[k] != v})


def without(lines, j):
    """a history in which one envelope was never written: its place in chains and pasts closes"""
    out, seq = [], {}
    for x in lines:
        if x is j: continue
        x = {**x, "deps": [e for d in x.get("deps", ()) for e in ([d] if d != j["id"] else [*j.get("deps", ()), j.get("prev")]) if e]}
        if x.get("prev") == j["id"]: x["prev"] = j.get("prev")
        if x.get("prev") in seq or x.get("prev") is None: x["seq"] = seq[x["prev"]] + 1 if x.get("prev") else 0
        seq[x["id"]] = x["seq"]
        x["deps"] = list(dict.fromkeys(x["deps"]))
        out.append(x)
    return out


def shrink(command, lines):
    """takes envelopes away as long as something differs, many at once first"""
    size = len(lines) // 2
    while size:
        at = len(lines)
        while at > 1:
            at = max(1, at - size)
            less = lines
            for j in lines[at:at + size]: less = without(less, next(x for x in less if x["id"] == j["id"]))
            if differ(command, less): lines = less
        size //= 2
    return lines


def main():
    a = argparse.ArgumentParser(usage=__doc__)
    a.add_argument("--runs", type=int, default=2000)
    a.add_argument("--first", type=int, default=0)
    a.add_argument("--shrink", type=int)
    a.add_argument("eval")
    a = a.parse_args()
    command = shlex.split(a.eval)
    if a.shrink is not None:
        lines = shrink(command, Gen(a.shrink).trace)
        for j in lines: model.write(j)
        sys.exit(differ(command, lines) or "nothing differs")
    failed = compare("access rules, scenarios", command, list(scenarios()))
    for first in range(a.first, a.first + a.runs, 100):
        n = min(100, a.first + a.runs - first)
        failed |= compare(f"access rules, histories {first} to {first + n - 1}", command, list(histories(first, n)))
    return failed


if __name__ == "__main__":
    sys.exit(main())
