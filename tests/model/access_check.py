"""access_check.py - the invariants of access.md section 11, and what section 13 states, held against random histories.

Also here: the same rules kept up to date op by op (Replica), and what devices can open (Dolev-Yao), neither of which the
reference rests on.
"""
import random

from access_model import *
from access_random import Gen


class Held(View):
    """The formula of section 5 over what a replica believes at the moment."""
    def __init__(v, r): v.W, v.r = r.W, r
    def has(v, o): return v.r.S >> o.i & 1
    def eff(v, o): return v.r.E >> o.i & 1


class Replica:
    """Effective ops, kept up to date as ops come in any causal order."""
    def __init__(r, W):
        r.W, r.S, r.E, r.under = W, 0, 0, {}
        r.view = Held(r)

    def add(r, o):
        r.S |= 1 << o.i
        dirty = set()
        if o.kind in ("genesis", "guard"):
            r.E |= 1 << o.i
            dirty |= set(r.touched(o))
        else:
            r.under.setdefault(o.env.grant, []).append(o)
            dirty.add(o.env.grant)
        while dirty:
            g = min(dirty, key=lambda q: (q.rank, q.op.i, q.key))
            dirty.remove(g)
            for kinds in (("leave",), ("ban",), None):
                for x in r.under.get(g, ()):
                    if x.kind in kinds if kinds else x.kind not in ("leave", "ban"): r.settle(x, dirty)

    def settle(r, x, dirty):
        if bool(r.view.decide(x)) != bool(r.E >> x.i & 1):
            r.E ^= 1 << x.i
            dirty |= set(r.touched(x))

    def touched(r, o):
        """grants whose ops may stand differently when o does"""
        W = r.W
        mine = [g for g in W.grants.get(o.i, ()) if r.S >> o.i & 1]
        yield from mine
        if mine and o.env.grant: yield o.env.grant
        for c in o.cuts: yield from (g for g in W.grants_in(r.S) if c.covers(g))
        if o.kind == "leave": yield o.env.grant
        if o.kind == "ban": yield from (g.op.env.grant for g in W.grants_in(r.S) if g.key == o.body["key"] and g.op.kind == "grant")


# ---------- what devices can open ----------

def opened(W, d):
    """masks of the envelopes d can open and place, and the keys, if everything was delivered to him"""
    K, place, more = set(), 0, True
    boxes = [given(W, o) for o in W.ops if o.kind in KEYED]
    ladder = [x for o in W.ops for x in links(W, o)]
    while more:
        new = {t for give in boxes for t, k, b in give if k == d} | {t for n, t in ladder if n in K}
        more = not new <= K
        K |= new
    for e in W.envs.values():
        if e.seal in K and e.past & ~place == 0: place |= e.star
    return place, K


def quiesce(W, limit=60):
    """honest readers share what others lack, until nobody has anything to add"""
    shares, more = 0, True
    while more:
        more = False
        for h in sorted(readers(W, W.all())):
            O, K = opened(W, h)
            R = readers(W, O)
            if not O or not R.get(h): continue
            H, v = known(W, O), W.view(O)
            lack = [[t, d] for t in sorted(K & set(H)) for d, b in sorted(R.items()) if b and d not in {q for q, _ in H[t]}]
            g = next((g for g in W.grants_in(O) if g.key == h and v.level(g) >= READ), None)
            if not lack or g is None: continue
            own = [e for e in W.authors.get(h, ()) if O >> e.ops[-1].i & 1]
            p = max(own, key=lambda e: e.seq) if own else None
            j = dict(id=f"zz{len(W.ops):06}", author=h, grant=g.op.name, seq=p.seq + 1 if p else 0, prev=p and p.id, deps=heads(W, O),
                     epoch=sorted(K & {key_of(e) for e in epochs(W, O)})[0], kind="share", body=dict(boxes=lack[:32]))
            w = why_not(W, j)
            assert w is None, ("an honest share is refused", w, j)
            W.accept(j)
            shares, more = shares + 1, True
            assert shares < limit, "shares without end"
    return shares


def i12(W):
    """after quiescence every effective reader opens every visible change that some warm reader can"""
    shares, v = quiesce(W), {e: None for e in visible(W, W.all())}
    could = 0
    for d in readers(W, W.all()):
        O, _ = opened(W, d)
        if O and readers(W, O).get(d): could |= O
    for d, b in readers(W, could).items():
        if not b: continue
        O, K = opened(W, d)
        for i in v:
            e = W.envs[i]
            assert not could >> e.ops[-1].i & 1 or e.seal in K, ("I12", d, i)
    return shares


# ---------- the others ----------

def i1_i10(W, trace, rng):
    """any order of lines gives the same; incremental equals batch"""
    want, lines = verdict(W), trace[1:]
    rng.shuffle(lines)
    assert verdict(run(trace[:1] + lines)) == want, "I1, I10: order of delivery"
    r, left, got = Replica(W), dict.fromkeys(W.envs.values()), 0
    while left:
        e = rng.choice([e for e in left if e.past & ~got == 0])
        del left[e]
        got |= e.star
        for o in e.ops: r.add(o)
        if rng.random() < .2: assert r.E == effective(W, r.S), "I1: incremental and batch, at a prefix"
    assert r.E == effective(W, W.all()), "I1: incremental and batch"


def above(g):
    """a grant and the grants its person stands on"""
    yield g
    while g.own:
        g = g.parent
        yield g


def formula(W, E, o):
    """section 5 once more, over a finished set: E must agree with it everywhere, which only one set does"""
    on = lambda p: bool(E >> p.i & 1)
    if o.kind in ("genesis", "guard"): return True
    g, cuts = o.env.grant, [(c, b) for c in W.ops if on(c) for b in entries(c)]
    wants = {"leave": RELAY, "share": READ, "rekey": READ, "ban": ADMIN, "grant": ADMIN, "revoke": ADMIN}.get(o.kind, WRITE)
    if o.kind == "revoke" and all(g in list(above(W.grant(b["target"], b.get("key"))))[1:] for b in entries(o)): wants = RELAY
    if o.kind == "grant" and o.body.get("own"): wants = o.body["role"]
    if not on(g.op) or g.role < wants: return False
    for c, b in cuts:
        t = W.grant(b["target"], b.get("key"))
        if g is not t and not (b.get("tree") and t in above(g)) or b.get("level", NONE) >= wants: continue
        named = any(W.envs[k] is o.env or W.envs[k].past >> o.i & 1 for k in b.get("keep", ()))
        unseen = b.get("soft") and o.kind in ("ban", "revoke") and not before(o, c)
        if not named and not unseen: return False
    for c in W.ops:
        if not on(c): continue
        if c.kind == "leave" and c.env.grant is g and o.kind != "leave":
            if o.env is not c.env and not (c.env.prev and c.env.prev.star >> o.i & 1): return False
        if c.kind == "ban" and o.kind == "grant" and c.body["key"] == o.body["key"] and not before(c, o):
            if c.env.grant.rank < g.rank or c.env.grant.rank == g.rank and not before(o, c): return False
    return not (o.kind == "grant" and o.body.get("own")) or on(W.grants[o.i][0].parent.op)


def admitted(W):
    """what A3, A6 and A7 leave no way around"""
    for e in W.envs.values():
        own = [f for f in W.envs.values() if f.author == e.author and e.past >> f.ops[-1].i & 1]
        exempt = e.grant.cold or all(o.kind in ("share", "leave") for o in e.ops)
        assert len({f.seq for f in own}) == len(own) or exempt, "A3: a forked key writes on"
        assert all(f.seq < e.seq for f in own) and e.seq == (e.prev.seq + 1 if e.prev else 0), "A3: seq"
        assert not e.grant.cold or e.ops[0].kind == "genesis" or not {o.kind for o in e.ops} - COLD_KINDS, "cold"
    for o in W.ops:
        b, g = o.body, o.env.grant
        if o.kind == "grant":
            new = W.grants[o.i][0]
            assert new.rank > g.rank and new.role <= g.role, "A6: grant"
            assert not new.own or new.parent.enroll and new.parent.rank < new.rank and new.role <= new.parent.role, "A6: own"
            devices = [x for x in W.grants_in(o.past) if x.own and list(above(x))[-1] is list(above(new))[-1]]
            assert not new.own or len(devices) < OWN_MAX, "A6: devices"
        for x in W.grants.get(o.i, ()): assert not x.box or x.box.startswith(x.key + ".b"), "A6: box"
        for x in entries(o):
            t = W.grant(x["target"], x.get("key"))
            keys = {q.key for q in W.grants_in(o.past) if q is t or x.get("tree") and t in above(q)}
            assert before(o, t.op) and {W.envs[k].author for k in x.get("keep", ())} <= keys, "A6: keep"
            assert all(o.past >> W.envs[k].ops[-1].i & 1 for k in x.get("keep", ())), "A6: keep"
        if o.kind == "guard":
            signed = [q for q in W.genesis.body["guardians"] if q in b["sigs"]]
            assert len(signed) >= W.genesis.body["k"] > 0, "T31"
        if o.kind == "rekey":
            boxes = [q.box for q in W.grants_in(o.past) if q.key == o.env.author]
            boxes += [q.body["box"] for q in W.of(o.past) if q.kind == "rekey" and q.env.author == o.env.author]
            assert all(box_n(b["box"]) > box_n(q) for q in boxes), "A6: rekey"
        if o.kind == "epoch":
            assert key_of(o) not in {key_of(e) for e in epochs(W, o.past)} and key_of(o) == o.env.seal, "K12"
            boxes = {d: x for d, x in readers(W, o.past).items() if x}
            assert dict(b.get("to", boxes.items())) == boxes, "K6"
        if o.kind == "share": assert all(readers(W, o.past).get(d) for _, d in shares(o)), "A7: share"


def i2_i3_i6(W, E):
    """chains; what revocations void; no two against each other"""
    v, targets = W.view(W.all()), set()
    for o in W.ops:
        on, g = E >> o.i & 1, o.env.grant
        assert W.view(o.past | 1 << o.i).eff(o), "A5"
        if on and o.kind not in ("genesis", "guard"):
            assert g.role >= need(o) and g.key == o.env.author, "I2"
            while g:
                assert E >> g.op.i & 1, "I2"
                assert not g.own or E >> g.parent.op.i & 1 and g.rank > g.parent.rank and g.parent.enroll, "own"
                g = g.op.env.grant if g.op.kind == "grant" else None
        for c in o.cuts:
            assert rank(o) < c.target.rank, "I6, R2, section 13: equals cannot remove equals"
            if o.kind != "guard": targets.add((o.env.grant, c.target))
            for x in W.ops if on else ():
                if x.kind in ("genesis", "guard") or not c.covers(x.env.grant) or need(x) <= c.level: continue
                if c.keep >> x.i & 1 or c.soft and x.kind in ("revoke", "ban") and not before(x, o): continue
                assert not E >> x.i & 1, "I3"
        if on and o.kind == "leave":
            assert all(kept_by_leave(o, x) or x.kind == "leave" or not E >> x.i & 1 for x in W.ops if x.env.grant is o.env.grant
                       and x.kind not in ("genesis", "guard")), "leave"
    assert not any((b, a) in targets for a, b in targets), "I6"
    for g in W.grants_in(W.all()):
        if v.level(g) > NONE: assert E >> g.op.i & 1, "a live grant is effective"


def i4(W, E, rng):
    """ops of rank >= r never change the status of an op of rank < r"""
    r = rng.choice([1, 2, 11, CREATOR_RANK + 1, CREATOR_RANK + 2, 2001])
    drop = 0
    for e in W.envs.values():
        if e.past & drop or all(rank(o) >= r for o in e.ops) and rng.random() < .5: drop |= sum(1 << o.i for o in e.ops)
    if any(rank(o) < r for o in W.of(drop)): return
    E2 = effective(W, W.all() & ~drop)
    assert all(not (E ^ E2) >> o.i & 1 for o in W.of(W.all() & ~drop) if rank(o) < r), "I4, R9"


def below(g, targets):
    """g is one of these grants, or was given under them"""
    while g and g not in targets: g = g.op.env.grant if g.op.kind == "grant" else None
    return g is not None


def i5_i8(W, E):
    """what the newest envelopes change"""
    for i in heads(W, W.all()):
        e = W.envs[i]
        if not e.grant or e.ops[0].kind == "genesis": continue
        mine = sum(1 << o.i for o in e.ops)
        E2 = effective(W, W.all() & ~mine)
        gained, lost = E & ~E2 & ~mine, E2 & ~E
        if gained:
            undone = [o for o in W.of(lost) if o.kind in ("revoke", "ban", "leave")]
            assert undone and all(rank(o) > min(map(rank, e.ops)) or o.env.author == e.author for o in undone), "I5"
        elif lost:
            covered = [g for o in e.ops for c in o.cuts for g in W.grants_in(W.all()) if c.covers(g)]
            banned = {o.body["key"] for o in e.ops if o.kind == "ban"}
            for x in W.of(lost):
                own = x.kind == "grant" and W.grants[x.i][0]
                ok = below(x.env.grant, covered) or own and (own.key in banned or own.parent and below(own.parent, covered))
                ok = ok or own and own.parent and own.parent.key in banned or x.env.grant is e.grant
                g = x.env.grant
                while g and not ok:
                    ok = g.key in banned and g.op.kind == "grant" or bool(g.parent) and (g.parent.key in banned or below(g.parent, covered))
                    ok = ok or e.ops[-1].kind == "leave" and g.op.env.grant is e.grant
                    g = g.op.env.grant if g.op.kind == "grant" else None
                assert ok, ("I8", x.name)


def i7(W, trace):
    """without its void leftovers a document is the same, and they are in nobody's way"""
    keep = {o.env.id for o in W.of(essential(W, W.all()))}
    a, b = verdict(W), verdict(run([j for j in trace if j["id"] in keep]))
    assert all(a[k] == b[k] for k in ("effective", "visible", "essential", "heads", "ghosts", "readers", "next")), "I7"


def i9(W):
    """nobody who is out, and no replaced box key, derives the key of a change from its past, all of them together"""
    pools = 0
    for o in W.ops:
        if o.kind not in ("change", "import"): continue
        R = readers(W, o.past)
        give = [x for p in W.of(o.past) if p.kind in KEYED for x in given(W, p)]
        K = {t for t, d, b in give if d not in R or b and b != R[d]}
        for p in W.of(o.past):
            b = granted(p)
            if b.get("role", NONE) >= READ and b["key"] not in R: K |= maximal(W, p.past) | {p.env.seal}
        pools += bool(K)
        ladder, more = [x for p in W.of(o.past) for x in links(W, p)], True
        while more:
            new = {t for n, t in ladder if n in K} - K
            more = bool(new)
            K |= new
        assert o.env.seal not in K, ("I9", o.name)
        v = W.view(o.past)
        es = [e for e in epochs(W, o.past) if key_of(e) == o.env.seal and v.eff(e)]
        assert any(not any(before(f, e) and v.eff(f) for f in epochs(W, o.past)) for e in es), ("I9 superseded", o.name)
    for o in W.ops:
        if o.kind == "epoch": assert all(not b or own_box(b, d) for d, b in readers(W, o.past).items()), "K10"
    return pools


def i11(W):
    """a change rests on its author's previous one under this grant, and its ghosts are void"""
    for o in W.ops:
        if o.kind != "change": continue
        ps = W.parents[o.env.id]
        assert all(o.env.past >> W.envs[p].ops[-1].i & 1 or p == o.env.id for p in ps), "deps in the past"
        assert not any(p in ancestors(W, W.parents.get(q, ())) for p in ps for q in ps if p != q), "deps are an antichain"
        last = [q for q in W.of(o.past) if q.kind == "change" and q.env.grant is o.env.grant]
        assert not last or last[-1].env.id in ancestors(W, ps), "deps dominate the author's previous change"
        assert W.number[o.env.id] == 1 + len(last), "seq"
    shown_ids, m = visible(W, W.all()), essential(W, W.all())
    v = W.view(W.all())
    for i in ghosts(W, W.all()):
        assert i not in shown_ids and not v.eff(content(W.envs[i])), "ghosts are void"
        assert m >> W.envs[i].ops[-1].i & 1, "ghosts are essential"


def liveness(W):
    """every unforked writer can write, after at most one epoch; the phrase works"""
    S, n = W.all(), 0
    v = W.view(S)
    for g in W.grants_in(S):
        own = W.authors.get(g.key, ())
        p = max(own, key=lambda e: e.seq) if own else None
        j = dict(id="zz", author=g.key, grant=g.op.name, seq=p.seq + 1 if p else 0, prev=p and p.id, deps=heads(W, S))
        if v.level(g) >= WRITE and not g.cold and len(own) == (p.seq + 1 if p else 0):
            c = sorted(clean(W, S))
            if c: j.update(kind="change", epoch=c[0])
            else: j["ops"] = [dict(kind="epoch"), dict(kind="change")]
            assert why_not(W, j) is None, ("an honest writer cannot write", why_not(W, j))
            n += 1
        if g.rank == 0 and g.cold and v.level(g) == ADMIN:
            j.update(kind="grant", body=dict(key="Z", box="Z.b0", role=ADMIN, rank=1), epoch=key_of(W.epochs[0]))
            assert why_not(W, j) is None, ("the phrase does not work", why_not(W, j))
    return n


def one(seed, deep=True):
    g, rng = Gen(seed), random.Random(-seed - 1)
    W = g.W
    E = effective(W, W.all())
    st = dict(histories=1, envelopes=len(W.envs), ops=len(W.ops), refused=sum(g.refused.values()),
              void=len(W.ops) - bin(E).count("1"), forks=len(forks(W, W.all())))
    i1_i10(W, list(g.trace), rng)
    assert all(formula(W, E, o) == bool(E >> o.i & 1) for o in W.ops), "section 5"
    admitted(W)
    i2_i3_i6(W, E)
    i4(W, E, rng)
    i5_i8(W, E)
    i7(W, g.trace)
    st["pools"] = i9(W)
    i11(W)
    st["writers"] = liveness(W)
    if deep: st["shares"] = i12(W)
    return st


def many(first, runs):
    total = {}
    for seed in range(first, first + runs):
        try:
            for k, v in one(seed).items(): total[k] = total.get(k, 0) + v
        except AssertionError as e:
            raise SystemExit(f"seed {seed}: {e}")
    print(", ".join(f"{v} {k}" for k, v in total.items()))
