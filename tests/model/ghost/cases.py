#!/usr/bin/env python3
"""cases.py FIRST END [forks]: random histories, one JSON line for each seed, in the form of tests/data/ghost/*.json.
Each has three views: as generated, with its exports; with other changes void; and at old heads. With `forks` devices were cloned,
seeds without a fork are left out, and there are more views, and changes in which something goes by a wrong name."""
import copy, sys
import ghost
from ghost import *
from gen import history, fork_history

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

def part(H, mask):
    K = Hist(); [K.add(x.c) for x in H.ch if mask >> x.i & 1]
    return K

def renamed(change, old, new):
    c = copy.deepcopy(change); name = lambda i: (i[0], new) if i is not None and i[1] == old else i
    for o in c.ops: o.obj = name(o.obj); o.key = name(o.key) if isinstance(o.key, tuple) else o.key; o.pred = sorted(name(p) for p in o.pred)
    c.hash = sha(1, encode_change(c)); return c

def wrong(H, r, most=8):
    """changes that are refused for a name"""
    out = []
    for x in H.ch:
        names = {i[1] for o in x.c.ops for i in [o.obj, o.key if isinstance(o.key, tuple) else None, *o.pred] if i is not None} - {x.c.actor}
        for old in sorted(names):
            a = old if old in H.bya else old[:-32]
            if a not in H.forked: continue
            for new in r.sample([a, a + bytes(32), a + old[-31:]] + [a + y.c.hash for y in H.ch], 4):
                if new in names or new == x.c.actor or len(out) == most: continue
                c = renamed(x.c, old, new)
                try: part(H, x.past).add(c)
                except Bad: out.append(chunk(1, encode_change(c)).hex())
    return out

def fork_case(seed):
    ghost.CELLS = True; H, void, r = fork_history(seed); groups = fork_groups(H)
    if not groups: return None
    some = sum(1 << x.i for x in H.ch if r.random() < .3); side = r.choice(r.choice(groups))
    branch = sum(1 << y.i for y in H.bya[side.c.actor] if any(z is side for z in H.chain(y)))
    views = [view(H, 0, True), view(H, void, True), view(H, some, False), view(H, branch, False)]
    return {"name": "forks, seed %d" % seed, "changes": [{"label": str(x.i), "hex": chunk(1, encode_change(x.c)).hex()} for x in H.ch], "views": views, "wrong": wrong(H, r)}

if __name__ == "__main__":
    make = fork_case if sys.argv[3:] == ["forks"] else case
    for c in map(make, range(int(sys.argv[1]), int(sys.argv[2]))):
        if c is not None: print(json.dumps(c, ensure_ascii=False))
