#!/usr/bin/env python3
"""cases.py FIRST END: random histories, one JSON line for each seed, in the form of tests/data/ghost/*.json.
Each has three views: as generated, with its exports; with other changes void; and at old heads."""
import sys
import ghost
from ghost import *
from gen import history

def name_of(n): return "%d.%d" % (n.ch.i, n.k)

def mask_of(heads):
    m = 0
    for x in heads: m |= x.past | 1 << x.i
    return m

def view(H, void, exports, heads=None):
    """heads: the changes whose ancestors take part; None: all."""
    m = None if heads is None else mask_of(heads)
    B = Batch(H, void, m); gh = ghosts(B)
    r = {"voidHashes": [x.c.hash.hex() for x in H.ch if void >> x.i & 1], "tree": tree(B), "ghosts": [str(x.i) for x in gh],
         "stranded": [{"op": name_of(n), "because": sorted({name_of(g) for g in ws})} for n, ws in stranded(B)]}
    if heads is not None: r["heads"] = [str(x.i) for x in heads]
    if exports:
        heads = sorted(x.c.hash for x in H.heads(B.present)); key = b"".join(heads) + b"".join(sorted(x.c.hash for x in gh))
        b, _, X = export(H, void); r["exportHex"] = b.hex(); r["exportFixOps"] = len(X.ops)
        r["cleanHex"] = clean(H, void)[0].hex()
        r["squashHex"] = squash(H, void, hashlib.sha256(b"lk squash" + key).digest()[:16])[0].hex()
    return r

def case(seed):
    ghost.CELLS = True; H, void, r = history(seed)
    other = sum(1 << x.i for x in H.ch if r.random() < .4)
    old = H.heads(mask_of(r.sample(H.ch, 2)))
    return {"name": "seed %d" % seed, "changes": [{"label": str(x.i), "hex": chunk(1, encode_change(x.c)).hex()} for x in H.ch],
            "views": [view(H, void, True), view(H, other, False), view(H, void, False, old)]}

if __name__ == "__main__":
    for seed in range(int(sys.argv[1]), int(sys.argv[2])):
        print(json.dumps(case(seed), ensure_ascii=False))
