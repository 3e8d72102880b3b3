#!/usr/bin/env python3
"""Executable reference of the ghost semantics (access.md sections 6 and 8) on top of amref.py.
  Hist   static structure: every op of every change held, edges, sequences. A function of the SET of changes.
  Batch  definition: kills/targets by closure search from every visible op (executable spec).
  Inc    incremental engine: counters on edges; flip(change) touches its ops, their neighbours and ghost chains.
  view_tree / stranded / export are shared and take a status object (Batch or Inc)."""
import sys, os
sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))  # amref.py
from amref import *
MK = {0: "map", 6: "map", 2: "list", 4: "text"}

class N:  # one op
    __slots__ = "i ctr ch k action val name expand insert obj key slot pred ke ie rke rie dead cov hid".split()
    def __repr__(s): return "%d@%s/%d" % (s.ctr, s.ch.c.actor.hex()[-2:], s.action)
class C:  # one change
    __slots__ = "i c past prev ops maxop".split()

class Hist:
    def __init__(s):
        s.ch = []; s.by = {}; s.nodes = {}; s.slots = {}; s.elems = {}; s.kids = {}; s.forked = set(); s._path = {}; s.bya = {}
    # ---- forks: a change's branch path = hashes of those changes of its own chain that have a sibling
    def path(s, x):
        if x.c.actor not in s.forked: return ()
        p = s._path.get(x.i)
        if p is None:
            sib = s.kids[(x.c.actor, x.prev.i if x.prev else -1)]
            p = s._path[x.i] = (s.path(x.prev) if x.prev else ()) + ((x.c.hash,) if len(sib) > 1 else ())
        return p
    def sk(s, n): return (n.ctr, n.ch.c.actor, s.path(n.ch))
    def chain(s, t):
        while t: yield t; t = t.prev
    def add(s, c):
        if c.hash in s.by: return s.by[c.hash]
        if any(d not in s.by for d in c.deps): raise Bad("missing dep")
        x = C(); x.i = len(s.ch); x.c = c; x.past = 0; x.ops = []
        for d in c.deps: y = s.by[d]; x.past |= y.past | 1 << y.i
        own = [y for y in s.bya.get(c.actor, ()) if x.past >> y.i & 1]
        x.prev = max(own, key=lambda y: y.c.seq) if own else None
        if any(y is not x.prev and not x.prev.past >> y.i & 1 for y in own): raise Bad("own past is forked (A3)")
        if c.seq != (x.prev.c.seq + 1 if own else 1): raise Bad("seq")
        x.maxop = max([c.start + len(c.ops) - 1] + [s.by[d].maxop for d in c.deps])
        if c.deps and c.start <= max(s.by[d].maxop for d in c.deps): raise Bad("startOp")
        sib = s.kids.setdefault((c.actor, x.prev.i if own else -1), []); sib.append(x)
        if len(sib) > 1: s.forked.add(c.actor); s._path = {}
        s.bya.setdefault(c.actor, []).append(x); s.ch.append(x); s.by[c.hash] = x
        for k, o in enumerate(c.ops): s.addop(x, k, o)
        return x
    def fork_in(s, y, mask):
        """nearest change of y's own chain (y included) that has a sibling inside mask, or None"""
        if y.c.actor not in s.forked: return None
        for z in s.chain(y):
            if any(w is not z and mask >> w.i & 1 for w in s.kids[(z.c.actor, z.prev.i if z.prev else -1)]): return z
    def ref(s, n, mask):
        """how a change whose past is mask names op n: plain actor, or actor || hash of the branch's first change"""
        z = s.fork_in(n.ch, mask); return (n.ctr, n.ch.c.actor if z is None else n.ch.c.actor + z.c.hash)
    def res(s, x, rid):
        """resolve a reference (ctr, actor or alias) made by change x: a function of past(x) alone"""
        ctr, a = rid
        for y in s.nodes.get(rid, ()):
            if y.ch is x or (x.past >> y.ch.i & 1 and s.fork_in(y.ch, x.past) is None): return y
        for y in s.nodes.get((ctr, a[:-32]), ()):
            if x.past >> y.ch.i & 1 and s.ref(y, x.past) == rid: return y
        raise Bad("unresolved reference")
    def addop(s, x, k, o):
        n = N(); n.ch = x; n.k = k; n.ctr = o.id[0]; n.action = o.action; n.val = o.val; n.name = o.name; n.expand = o.expand; n.insert = o.insert
        n.i = (x.i, k); n.obj = None if o.obj is None else s.res(x, o.obj)
        if n.obj is not None and n.obj.action not in MK: raise Bad("not an object")
        n.key = o.key if isinstance(o.key, str) else None if o.key == HEAD else s.res(x, o.key)
        n.slot = (n.obj.i if n.obj else None, o.key) if isinstance(o.key, str) else (n.obj.i, n.i if o.insert else n.key.i)
        n.pred = [s.res(x, p) for p in o.pred]; L = s.slots.setdefault(n.slot, [])
        for p in n.pred:
            if p.slot != n.slot or p.action in (3, 5): raise Bad("bad pred")
        n.ke = []; n.ie = []; n.rke = []; n.rie = []; n.cov = n.hid = 0
        if n.action == 5:  # increment: counters are incremented, other named values are hidden
            for p in n.pred: (n.ie if p.action == 1 and p.val[0] == "counter" else n.ke).append(p)
        else:
            n.ke = list(n.pred)
            if not n.insert:  # pred+ : silent killers (deletes, hiding increments) in the past that no other op of the past covers
                inp = lambda y: y.ch is x or x.past >> y.ch.i & 1
                for d in L:
                    if d.dead and inp(d) and not any(inp(t) and t.action != 5 for t in d.rke): n.ke.append(d)
        n.dead = n.action == 3 or (n.action == 5 and bool(n.ke))   # "silent": kills without leaving a value
        for p in n.ke: p.rke.append(n)
        for p in n.ie: p.rie.append(n)
        L.append(n); x.ops.append(n); s.nodes.setdefault(o.id, []).append(n)
        if n.insert: s.kids.setdefault(("seq", n.obj.i, n.key.i if n.key else None), []).append(n); s.elems.setdefault(n.obj.i, []).append(n)
    def seq(s, obj, present):
        """elements of a list/text in RGA order: children by descending id, depth first"""
        out = []; st = [n for n in s.kids.get(("seq", obj.i, None), ()) if present >> n.ch.i & 1]; st.sort(key=s.sk)
        while st:
            n = st.pop(); out.append(n)
            k = [m for m in s.kids.get(("seq", obj.i, n.i), ()) if present >> m.ch.i & 1]
            if k: k.sort(key=s.sk); st.extend(k)
        return out
    def all(s): return (1 << len(s.ch)) - 1
    def heads(s, mask):
        p = 0
        for x in s.ch:
            if mask >> x.i & 1: p |= x.past
        return [x for x in s.ch if (mask & ~p) >> x.i & 1]

KILL = (0, 1, 2, 3, 4, 6)
class Batch:
    """void: bitmask of change numbers; present: causally closed bitmask; prune drops void changes outside every visible past"""
    def __init__(s, H, void=0, present=None, prune=True):
        present = H.all() if present is None else present; vis = present & ~void
        if prune:
            p = 0
            for x in H.ch:
                if vis >> x.i & 1: p |= x.past
            present = vis | (present & p)
        s.H = H; s.present = present; s.vis = vis; s.killed = set(); s.tot = {}; s.tgt = {}
        for x in H.ch:
            if not vis >> x.i & 1: continue
            for c in x.ops:
                if c.action == 5:
                    for p in c.ke:
                        if s.v(p): s.killed.add(p)
                    st = list(c.ie); seen = set(); s.tgt[c] = []
                    while st:
                        p = st.pop()
                        if p in seen: continue
                        seen.add(p)
                        if s.v(p):
                            if p.action == 1 and p.val[0] == "counter": s.tot[p] = s.tot.get(p, 0) + c.val[1]; s.tgt[c].append(p)
                        else: st.extend(p.ke)
                else:
                    st = list(c.ke); seen = set()
                    while st:
                        p = st.pop()
                        if p in seen: continue
                        seen.add(p); s.killed.add(p)
                        if not s.v(p): st.extend(p.ke)
    def v(s, n): return s.vis >> n.ch.i & 1
    def covered(s, n): return n in s.killed       # overwritten/deleted by a visible op, directly or through ghosts
    def alive(s, n): return n.action not in (3, 5) and s.v(n) and n not in s.killed
    def total(s, n): return s.tot.get(n, 0)
    def order(s, obj): return s.H.seq(obj, s.present)
    def targets(s, n): return s.tgt[n]

class Inc:
    """incremental: cov(n) = number of covering edges into n, hid(n) = visible increments that hide n"""
    def __init__(s, H=None): s.H = H or Hist(); s.vis = 0; s.present = 0; s.tots = {}; s.dirty = set(); s.seqs = {}; s.work = 0; s.maxwork = 0
    def v(s, n): return s.vis >> n.ch.i & 1
    def contributes(s, n):   # does n put cover on what its ke names?
        return (n.action != 5) if s.v(n) else n.cov > 0
    def bump(s, n, d):
        st = [(n, d)]
        while st:
            n, d = st.pop()
            for p in n.ke:
                s.work += 1
                a = p.cov; p.cov += d; s.touch(p)
                if not s.v(p) and (a > 0) != (p.cov > 0): st.append((p, d))
    def touch(s, n):
        if n.slot in s.tots: s.dirty.add(n.slot)
    def add(s, c, void):
        H = s.H
        if c.hash in H.by: return H.by[c.hash]
        x = H.add(c); s.present |= 1 << x.i
        for n in x.ops:
            if n.action in (2, 4): s.seqs[n.i] = []
            if n.insert:
                L = s.seqs[n.obj.i]; i = 0 if n.key is None else L.index(n.key) + 1
                while i < len(L) and H.sk(L[i]) > H.sk(n): i += 1
                L.insert(i, n)
            if n.action == 5: s.tots.setdefault(n.slot, {})
            s.touch(n)
        if not void: s.set(x, True)
        return x
    def set(s, x, visible):
        """flip one change. Successors inside the change are handled first (descending op number)"""
        if bool(s.vis >> x.i & 1) == visible: return
        before = s.work
        old = [s.contributes(n) for n in x.ops]; s.vis ^= 1 << x.i
        for n in reversed(x.ops):
            s.work += 1; s.touch(n)
            if n.action == 5:
                for p in n.ke: p.hid += 1 if visible else -1
            w = s.contributes(n)
            if w == old[n.k]: continue
            d = 1 if w else -1
            for p in n.ke:
                s.work += 1; c = s.contributes(p); p.cov += d; s.touch(p)
                if p.ch is not x and s.contributes(p) != c: s.bump(p, d)
        s.maxwork = max(s.maxwork, s.work - before)
    def alive(s, n): return n.action not in (3, 5) and s.v(n) and n.cov <= 0 and n.hid <= 0
    def covered(s, n): return n.cov > 0 or (n.hid > 0 and bool(s.v(n)))
    def total(s, n):
        if n.slot not in s.tots: return 0
        if n.slot in s.dirty:
            s.dirty.discard(n.slot); t = s.tots[n.slot] = {}
            for c in s.H.slots[n.slot]:
                if c.action == 5 and s.v(c):
                    for p in s.targets(c): t[p] = t.get(p, 0) + c.val[1]
        return s.tots[n.slot].get(n, 0)
    def targets(s, c):
        st = list(c.ie); seen = set(); out = []
        while st:
            p = st.pop()
            if p in seen: continue
            seen.add(p)
            if s.v(p):
                if p.action == 1 and p.val[0] == "counter": out.append(p)
            else: st.extend(p.ke)
        return out
    def order(s, obj): return s.seqs[obj.i]
    def check(s):  # internal invariant
        for x in s.H.ch:
            for n in x.ops:
                assert n.cov == sum(1 for t in n.rke if (t.action != 5 if s.v(t) else t.cov > 0)), "cov"
                assert n.hid == sum(1 for t in n.rke if t.action == 5 and s.v(t)), "hid"

# ------------------------------------------------------------------ reading
CELLS = False
def oid(H, n, ids=True):
    if n is None: return "_root"
    a = n.ch.c.actor.hex(); p = H.path(n.ch)
    return "%d@%s" % (n.ctr, a) + "".join("~" + h.hex()[:8] for h in p)
def wrap64(x): return (x + (1 << 63)) % (1 << 64) - (1 << 63)
def slotops(S, slot): return sorted((n for n in S.H.slots.get(slot, ()) if S.present >> n.ch.i & 1 and S.alive(n)), key=S.H.sk)
def keys_of(S, obj):
    H = S.H; o = obj.i if obj else None
    if not hasattr(H, "_keys") or H._keys[0] != len(H.ch):
        d = {}
        for sl in H.slots:
            if isinstance(sl[1], str): d.setdefault(sl[0], []).append(sl[1])
        H._keys = (len(H.ch), d)
    return sorted(H._keys[1].get(o, ()), key=lambda k: k.encode())
def elem(S, e): return slotops(S, e.slot)
def value(S, n):
    if n.action in MK: return tree(S, n)
    t, x = n.val; r = {"id": oid(S.H, n), "t": t}
    if t == "counter": x = wrap64(x + S.total(n))
    if t in ("int", "uint", "counter", "timestamp"): r["v"] = str(x)
    elif t == "f64": r["v"] = struct.unpack("<d", x)[0]
    elif t == "bytes": r["v"] = x.hex()
    elif t.startswith("unknown"): r["t"] = "unknown"
    elif t != "null": r["v"] = x
    return r
def chstr(n): return n.val[1] if n.action == 1 and n.val[0] == "str" else "\ufffc"
def tree(S, obj=None):
    H = S.H; t = "map" if obj is None else MK[obj.action]
    if t == "map":
        e = {}
        for k in keys_of(S, obj):
            v = [value(S, n) for n in slotops(S, (obj.i if obj else None, k))]
            if v: e[k] = v
        return {"id": oid(H, obj), "t": "map", "entries": e}
    if t == "list":
        it = [[value(S, n) for n in elem(S, e)] for e in S.order(obj) if e.action != 7]
        return {"id": oid(H, obj), "t": "list", "items": [x for x in it if x]}
    cells, marks = text_cells(S, obj); r = {"id": oid(H, obj), "t": "text", "text": "".join(c for _, c, _ in cells), "marks": marks}
    if CELLS:   # elements that are not exactly one string value: blocks, conflicts
        pos = 0; r["cells"] = []
        for e, c, _ in cells:
            v = [n for n in elem(S, e) if n.action != 7]
            if len(v) > 1 or v[0].action != 1 or v[0].val[0] != "str": r["cells"].append([pos, [value(S, n) for n in v]])
            pos += len(c.encode("utf-16-le")) // 2
    return r
def text_cells(S, obj, raw_marks=None):
    """[(element, string, {name: value})] of the visible elements; raw_marks: predicate for active mark ops"""
    act = []; cells = []; ok = raw_marks or (lambda n: S.alive(n))
    for e in S.order(obj):
        if e.action == 7:
            if not ok(e): continue
            if e.name is not None: act.append(e)
            else: act = [m for m in act if not (m.ch is e.ch and m.k == e.k - 1)]
            continue
        v = [n for n in elem(S, e) if n.action != 7]
        if not v: continue
        cur = {}
        for m in sorted(act, key=S.H.sk): cur[m.name] = m.val
        cells.append((e, chstr(v[-1]), {k: x for k, x in cur.items() if x[0] != "null"}))
    out = {}; pos = 0
    for _, c, cur in cells:
        w = len(c.encode("utf-16-le")) // 2
        for n, x in cur.items():
            l = out.setdefault(n, [])
            if l and l[-1][1] == pos and l[-1][2] == x: l[-1][1] = pos + w
            else: l.append([pos, pos + w, x])
        pos += w
    return cells, [{"name": n, "start": a, "end": b, "value": v} for n in sorted(out) for a, b, v in out[n]]
def ghosts(S): return [x for x in S.H.ch if (S.present & ~S.vis) >> x.i & 1]
def stranded(S):
    """visible content that is hidden only because of ghosts: [(op, [ghost ops that hide it])]"""
    out = []
    for x in S.H.ch:
        if not S.vis >> x.i & 1: continue
        for n in x.ops:
            why = []; ok = True
            if n.action == 3: continue
            if n.action == 5:
                g = [p for p in n.ie if not S.v(p) and not S.covered(p)]
                if any(S.alive(p) for p in S.targets(n)): g = []
                if not g and not any(S.alive(p) for p in S.targets(n)): continue
                why += g
            elif not S.alive(n): continue
            o = n.obj
            while o is not None and ok:
                if S.v(o): ok = S.alive(o)
                else: ok = not S.covered(o); why.append(o)
                o = o.obj
            if ok and why: out.append((n, why))
    return out
def strip(t):
    """tree without ids, for comparison with an export"""
    if isinstance(t, list): return [strip(x) for x in t]
    if t["t"] == "map": return {"t": "map", "entries": {k: strip(v) for k, v in t["entries"].items()}}
    if t["t"] == "list": return {"t": "list", "items": strip(t["items"])}
    r = {k: v for k, v in t.items() if k != "id"}
    if "cells" in r: r["cells"] = [[p, strip(v)] for p, v in r["cells"]]
    return r

# ------------------------------------------------------------------ export
def undo(H, g):
    """U_g: a change that depends on ghost g only and takes back what g alone says: deletes each of its values, subtracts its
    increments. Its bytes are a function of g, so two exports that contain it merge without doing it twice."""
    c = Change(); c.actor = hashlib.sha256(b"lk undo" + g.c.hash).digest()[:16]; c.seq = 1; c.start = g.c.start + len(g.ops); c.deps = [g.c.hash]; c.time = 0; c.msg = "lk: undo"; c.extra = b""; c.ops = []
    c.start = g.maxop + 1
    r = lambda n: H.ref(n, g.past | 1 << g.i)
    for n in g.ops:
        k = dict(id=(c.start + len(c.ops), c.actor), obj=r(n.obj) if n.obj else None, insert=False, expand=False, name=None, key=n.slot[1] if isinstance(n.slot[1], str) else r(n) if n.insert else r(n.key))
        if n.action in (0, 1, 2, 4, 6): c.ops.append(Op(action=3, val=("null", None), pred=[r(n)], **k))
        elif n.action == 5 and n.ie: c.ops.append(Op(action=5, val=("int", wrap64(-n.val[1])), pred=sorted(r(p) for p in n.ie), **k))
    if not c.ops: return None
    c.hash = sha(1, encode_change(c)); return c
class Export:
    """raw: Batch(H, 0, present) = what stock Automerge shows for the changes as they are; eff: Batch(H, void).
    ops = one restoring change such that stock(changes + it) shows tree(eff)."""
    def __init__(s, H, void, actor=None, undos=True):
        B = Batch(H, void); vh = {x.c.hash for x in H.ch if void >> x.i & 1}; s.gh = [x.c for x in ghosts(B)]; s.stats = {}
        H2 = Hist(); [H2.add(x.c) for x in H.ch if B.present >> x.i & 1]; s.need = H2.all(); void = sum(1 << x.i for x in H2.ch if x.c.hash in vh)
        s.undo = [u for g in s.gh for u in [undo(H2, H2.by[g.hash])] if u] if undos else []
        for u in s.undo: H2.add(u)
        H = s.H = H2; s.eff = Batch(H, void, s.need); s.raw = Batch(H, 0, prune=False); s.ops = []
        hs = H.heads(H.all()); s.deps = sorted(x.c.hash for x in hs); s.start = 1 + max([x.maxop for x in hs] + [0])
        s.actor = actor or hashlib.sha256(b"lk export" + b"".join(s.deps) + b"".join(sorted(g.hash for g in s.gh))).digest()[:16]
    def n(s, k): s.stats[k] = s.stats.get(k, 0) + 1
    def rid(s, n): return (n.ctr, n.ch.c.actor)
    def put(s, **k):
        o = Op(insert=False, val=("null", None), pred=[], expand=False, name=None)
        for a, v in k.items(): setattr(o, a, v)
        o.pred = sorted(o.pred); o.id = (s.start + len(s.ops), s.actor); s.ops.append(o); return o.id
    def run(s):
        s.fix(None)
        if not s.ops: return None
        c = Change(); c.deps = s.deps; c.actor = s.actor; c.seq = 1; c.start = s.start; c.time = 0; c.msg = "lk: effective state"; c.extra = b""; c.ops = s.ops
        c.hash = sha(1, encode_change(c)); return c
    def fix(s, obj):
        """obj is reachable in both raw and effective tree with the same id"""
        oi = s.rid(obj) if obj else None
        if obj is None or MK[obj.action] == "map":
            for k in keys_of(s.eff, obj): s.slot(oi, k, (obj.i if obj else None, k))
            return
        text = MK[obj.action] == "text"
        for e in s.raw.order(obj):
            if e.action != 7: s.slot(oi, s.rid(e), e.slot)
            else: s.slot(oi, s.rid(e), e.slot, True)
        if text: s.marks(oi, obj)
    def slot(s, oi, key, slot, mark=False):
        raw, eff = slotops(s.raw, slot), slotops(s.eff, slot)
        if mark: raw = [n for n in raw if n.action != 7]; eff = [n for n in eff if n.action != 7]
        R, E = set(raw), set(eff); dead = [n for n in raw if n not in E]; back = [n for n in eff if n not in R]; stay = [n for n in eff if n in R]
        if back:   # put back; survivors above the lowest one move too, so that order and winner stay
            m = min(s.H.sk(n) for n in back); move = [n for n in stay if s.H.sk(n) > m]; stay = [n for n in stay if s.H.sk(n) < m]
            pred = [s.rid(n) for n in dead + move]; s.n("restored slot")
            if move: s.n("moved survivors")
            for n in sorted(back + move, key=s.H.sk): s.copy(n, obj=oi, key=key, pred=pred); pred = []
        elif dead: s.put(obj=oi, key=key, action=3, pred=[s.rid(n) for n in dead]); s.n("deleted ghost value")
        for n in stay:
            if n.action in MK: s.fix(n)
            elif n.val[0] == "counter" and wrap64(s.raw.total(n) - s.eff.total(n)):
                s.put(obj=oi, key=key, action=5, val=("int", wrap64(s.eff.total(n) - s.raw.total(n))), pred=[s.rid(n)]); s.n("counter fixed")
    def copy(s, n, **k):
        """a new op with n's effective value; objects are deep-copied"""
        if n.action not in MK:
            v = n.val
            if v[0] == "counter": v = ("counter", wrap64(v[1] + s.eff.total(n)))
            return s.put(action=1, val=v, **k)
        i = s.put(action=n.action, **k); s.n("copied object")
        if MK[n.action] == "map":
            for key in keys_of(s.eff, n):
                for x in slotops(s.eff, (n.i, key)): s.copy(x, obj=i, key=key)
            return i
        ref = HEAD; new = []; text = MK[n.action] == "text"
        cells = text_cells(s.eff, n)[0] if text else [(e, None, {}) for e in s.eff.order(n) if e.action != 7 and elem(s.eff, e)]
        for e, _, _ in cells:
            first = True
            for x in [y for y in elem(s.eff, e) if y.action != 7]:
                if first: ref = s.copy(x, obj=i, key=ref, insert=True); first = False
                else: s.copy(x, obj=i, key=ref)
            new.append(ref)
        if text: s.spans(i, cells, [{} for _ in cells], new, [HEAD] + new[:-1])
        return i
    def marks(s, oi, obj):
        H = s.H; order = s.raw.order(obj); cells = text_cells(s.eff, obj)[0]
        # marks as stock will see them on exactly these elements: every mark op of the raw view counts
        rawm = {e: cur for e, _, cur in s.cells_as(cells, order)}
        pos = {e: i for i, e in enumerate(order)}
        prev = [s.rid(order[pos[e] - 1]) if pos[e] else HEAD for e, _, _ in cells]
        s.spans(oi, cells, [rawm[e] for e, _, _ in cells], [s.rid(e) for e, _, _ in cells], prev)
    def cells_as(s, cells, order):
        act = []; want = {e for e, _, _ in cells}; out = []
        for e in order:
            if e.action == 7:
                if s.raw.alive(e):
                    if e.name is not None: act.append(e)
                    else: act = [m for m in act if not (m.ch is e.ch and m.k == e.k - 1)]
            if e in want:
                cur = {}
                for m in sorted(act, key=s.H.sk): cur[m.name] = m.val
                out.append((e, None, {k: x for k, x in cur.items() if x[0] != "null"}))
        return out
    def spans(s, oi, cells, have, ids, prev):
        """overlay marks (expand none): for each name, maximal runs whose value must change"""
        names = sorted({k for _, _, m in cells for k in m} | {k for m in have for k in m})
        for nm in names:
            i = 0
            while i < len(cells):
                w = cells[i][2].get(nm); h = have[i].get(nm)
                if w == h: i += 1; continue
                j = i
                while j + 1 < len(cells) and cells[j + 1][2].get(nm) == w and cells[j + 1][2].get(nm) != have[j + 1].get(nm): j += 1
                s.put(obj=oi, key=prev[i], action=7, insert=True, name=nm, val=w or ("null", None))
                s.put(obj=oi, key=ids[j], action=7, insert=True); s.n("mark overlay"); i = j + 1
def fork_groups(H): return [v for k, v in H.kids.items() if k[0] != "seq" and len(v) > 1]
def fork_losers(H, void=0, choose=None):
    """mask of the changes that lose a fork. Per fork point (never per seq): among the sibling subtrees that still hold a
    non-void change, choose(list of siblings) wins (default smallest hash); every change whose own chain runs through a loser loses"""
    lost = 0
    for sib in fork_groups(H):
        ok = [z for z in sib if any(not void >> y.i & 1 and any(w is z for w in H.chain(y)) for y in H.bya[z.c.actor])]
        if len(ok) < 2: continue
        w = (choose or (lambda l: min(l, key=lambda z: z.c.hash)))(ok)
        for y in H.bya[w.c.actor]:
            if any(z in ok and z is not w for z in H.chain(y)): lost |= 1 << y.i
    return lost
def rename(H, mask, plain=True):
    """rewrite a causally closed mask that holds forks into a fork-free history: a branch becomes an actor of its own
    (actor || 8 bytes of each branch hash), seq counted from 1, deps replaced. Order of op ids is kept. -> Hist, old->new index"""
    H1 = Hist()
    for x in H.ch:
        if mask >> x.i & 1: H1.add(x.c)
    nf = {}
    for sib in fork_groups(H1): nf[sib[0].c.actor] = nf.get(sib[0].c.actor, 0) + 1
    H2 = Hist(); new = {}; cnt = {}
    def act(x):
        p = H1.path(x)
        if plain and p and nf[x.c.actor] == 1:
            sib = next(v for v in fork_groups(H1) if v[0].c.actor == x.c.actor)
            if p[0] == min(z.c.hash for z in sib): return x.c.actor   # the least branch may keep its name
        return x.c.actor + b"".join(h[:8] for h in p)
    for x in H1.ch:
        c = Change(); a = act(x); c.actor = a; c.seq = cnt.get(a, 0) + 1; cnt[a] = c.seq
        c.deps = sorted(new[d].c.hash for d in x.c.deps); c.start = x.c.start; c.time = x.c.time; c.msg = x.c.msg; c.extra = x.c.extra; c.ops = []
        r = lambda n: (n.ctr, act(n.ch))
        for n in x.ops:
            c.ops.append(Op(id=r(n), obj=r(n.obj) if n.obj else None, key=n.slot[1] if isinstance(n.slot[1], str) else r(n.key) if n.key else HEAD, insert=n.insert,
                            action=n.action, val=n.val, pred=sorted(r(p) for p in n.pred), expand=n.expand, name=n.name))
        c.hash = sha(1, encode_change(c)); new[x.c.hash] = H2.add(c)
    return H2, {H.by[h].i: y.i for h, y in new.items()}
def export(H, void, undos=False):
    B = Batch(H, void); changed = 0
    need = Hist(); [need.add(x.c) for x in H.ch if B.present >> x.i & 1]
    if fork_groups(need):
        H2, m = rename(H, B.present); void = sum(1 << m[i] for i in m if void >> i & 1); changed = sum(1 for x in H2.ch if x.c.hash not in H.by); H = H2
    X = Export(H, void, undos=undos); c = X.run(); cs = [x.c for x in X.H.ch] + ([c] if c else [])
    X.stats["rehashed"] = changed; X.stats["total"] = len(H.ch)
    return b"".join(chunk(1, encode_change(c)) for c in cs), tree(X.eff), X
def clean(H, void):
    """third export mode: rewrite the history without ghost content. Op ids (hence object ids, element ids, cursors) stay, hashes do not.
    Kept: visible ops that take part (not stranded), with preds replaced by the closure; ghost inserts as null elements.
    A change is cut where ops are left out (gaps between changes of an actor are legal). One last change deletes the null elements."""
    B = Batch(H, void)
    if fork_groups(H):
        H, m = rename(H, B.present, False); void = sum(1 << m[i] for i in m if void >> i & 1); B = Batch(H, void)
    gh = sorted(x.c.hash for x in ghosts(B)); suf = hashlib.sha256(b"lk clean" + b"".join(gh)).digest()[:8] if gh else b""   # another lineage: other actors
    keep = {}
    def objok(o):
        while o is not None:
            if not B.v(o): return False
            o = o.obj
        return True
    out = Hist(); last = {}; cnt = {}; dead = []
    for x in H.ch:
        if not B.present >> x.i & 1: continue
        ops = []
        for n in x.ops:
            if not objok(n.obj): continue
            base = dict(id=(n.ctr, n.ch.c.actor + suf), obj=None if n.obj is None else (n.obj.ctr, n.obj.ch.c.actor + suf), insert=n.insert, expand=False, name=None,
                        key=n.slot[1] if isinstance(n.slot[1], str) else (n.key.ctr, n.key.ch.c.actor + suf) if n.key else HEAD)
            if not B.v(n):
                if n.insert: ops.append(Op(action=1, val=("null", None), pred=[], **base)); keep[n] = 1; dead.append(n)
                continue
            if n.action == 5:
                P = set(B.targets(n)) | {p for p in n.ke if B.v(p)}
            else:
                P = set(); st = list(n.ke)
                while st:
                    p = st.pop()
                    if p in P: continue
                    P.add(p)
                    if not B.v(p): st.extend(p.ke)
            P = sorted((p.ctr, p.ch.c.actor + suf) for p in P if p in keep and p.action not in (3, 5))
            if n.action in (3, 5) and not P: continue
            base.update(expand=n.expand, name=n.name); ops.append(Op(action=n.action, val=n.val, pred=P, **base)); keep[n] = 1
        runs = []
        for o in ops:
            if runs and runs[-1][-1].id[0] + 1 == o.id[0]: runs[-1].append(o)
            else: runs.append([o])
        deps = sorted({h for d in x.c.deps for h in last[d]})
        if not runs and not B.vis >> x.i & 1: last[x.c.hash] = deps; continue     # nothing left of a ghost
        for run in runs or [[]]:
            c = Change(); c.actor = x.c.actor + suf; c.seq = cnt.get(c.actor, 0) + 1; cnt[c.actor] = c.seq; c.deps = reduce_(out, deps); c.time = x.c.time; c.msg = x.c.msg
            c.extra = x.c.extra; c.ops = run
            if not B.vis >> x.i & 1: c.msg = None; c.extra = b""; c.time = 0   # nothing a ghost says
            c.start = run[0].id[0] if run else 1 + max([out.by[h].maxop for h in deps] + [0]); c.hash = sha(1, encode_change(c)); out.add(c); deps = [c.hash]
        last[x.c.hash] = deps
    K = Batch(out, 0); X = Export(out, 0); X.actor = hashlib.sha256(b"lk clean" + b"".join(X.deps)).digest()[:16]
    for n in dead:
        w = out.nodes[(n.ctr, n.ch.c.actor + suf)][0]
        if K.alive(w): X.put(obj=X.rid(w.obj), key=X.rid(w), action=3, pred=[X.rid(w)])
    cs = [x.c for x in out.ch]
    if X.ops:
        c = Change(); c.deps = X.deps; c.actor = X.actor; c.seq = 1; c.start = X.start; c.time = 0; c.msg = None; c.extra = b""; c.ops = X.ops; c.hash = sha(1, encode_change(c)); cs.append(c)
    return b"".join(chunk(1, encode_change(c)) for c in cs), tree(B), cs
def reduce_(H, deps):
    xs = [H.by[h] for h in deps]; return sorted(x.c.hash for x in xs if not any(y.past >> x.i & 1 for y in xs))
def squash(H, void, actor=b"lk-squash-000001"):
    """fallback: one fresh change holding a deep copy of the effective tree; no history, no ghost bytes, new object ids"""
    X = Export(H, void, actor); X.start = 1; X.deps = []; X.ops = []
    for k in keys_of(X.eff, None):
        for n in slotops(X.eff, (None, k)): X.copy(n, obj=None, key=k)
    c = Change(); c.deps = []; c.actor = actor; c.seq = 1; c.start = 1; c.time = 0; c.msg = None; c.extra = b""; c.ops = X.ops; c.hash = sha(1, encode_change(c))
    return chunk(1, encode_change(c)), tree(X.eff), X
