#!/usr/bin/env python3
"""access_diff1.py - random histories through access_model1.py and lk-access-eval; they must agree about everything.

usage: access_diff1.py EVAL [RUNS [FIRST]]     EVAL: path of lk-access-eval.  Prints the seeds that differ.
"""
import json, pathlib, subprocess, sys, tempfile

HERE = pathlib.Path(__file__).parent


def main(av):
    if not av: sys.exit(__doc__)
    runs, first = int(av[1]) if len(av) > 1 else 300, int(av[2]) if len(av) > 2 else 0
    with tempfile.TemporaryDirectory() as d:
        subprocess.run([sys.executable, HERE / "access_model1.py", "many", str(first), str(runs), d], check=True)
        got = subprocess.run([av[0]], stdin=open(d + "/in"), capture_output=True, text=True)
        want = open(d + "/want").read().splitlines()
    out = got.stdout.splitlines()
    if got.returncode or len(out) != len(want):
        sys.exit(f"{av[0]} stopped after {len(out)} histories: {got.stderr[-2000:]}")
    bad, total = 0, {}
    for seed, (a, b) in enumerate(zip(out, want), first):
        a, b = json.loads(a), json.loads(b)
        for k, v in b.items(): total[k] = total.get(k, 0) + len(v)
        if a == b: continue
        bad += 1
        if bad > 5: continue
        for k in sorted(a.keys() | b.keys()):
            if a.get(k) == b.get(k): continue
            x, y = a.get(k), b.get(k)
            if isinstance(x, list) and isinstance(y, list):
                x, y = sorted(set(x) - set(y)), sorted(set(y) - set(x))
            print(f"seed {seed}: {k}: lk {x}, model {y}")
    print(f"{runs} histories from seed {first}, {bad} differ; {total}")
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
