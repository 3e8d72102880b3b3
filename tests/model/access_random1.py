"""access_random1.py - random histories for access_model1.py in which every device may lie.

Arbitrary old views, forks, dating back, impersonation, wrong ranks, roles, boxes, seals, frontiers; several ops in one
envelope.  Refused envelopes are kept in the trace now and then: both sides of a comparison must refuse them.
"""
import random

from access_model1 import *

KEYS = ["R", "A"] + [f"K{i}" for i in range(6)]
BITS = ((ENROLL, .4), (COLD, .08))


class Gen:
    def __init__(s, seed, n):
        s.rng, s.W, s.trace, s.refused = random.Random(seed), World(), [], {}
        s.honest = s.rng.choice([.5, .7, .8, .9])
        i = s.new_id()
        home = s.rng.random() < .2
        s.put(dict(id=i, author="R" if home else "A", grant=None, seq=1, prev=None, deps=[], tag="t" + i, boxes=0, shared=[],
                   links=[], ops=[dict(kind=GENESIS, root="R", rootbox="R.b0" if home else "", device="A", box="A.b0")]))
        tries = 0
        while len(s.W.env) < n and tries < 30 * n:
            tries += 1
            s.step()

    def new_id(s): return "%08x" % s.rng.getrandbits(32)

    def put(s, j):
        w = why_not(s.W, j)
        if w is None:
            accept(s.W, j)
            s.trace.append(j)
        else:
            s.refused[w] = s.refused.get(w, 0) + 1
            if s.rng.random() < .3: s.trace.append(j)
        return w is None

    def view(s):
        W, rng = s.W, s.rng
        if rng.random() < s.honest: return W.all()
        ids, m = list(W.env), W.star_env(next(iter(W.env)))
        for _ in range(rng.randint(0, 4)):
            m |= W.star_env(rng.choice(ids[len(ids) // 2:] if rng.random() < .6 else ids))
        return m

    def own_tips(s, m, a):
        W = s.W
        own = [i for i in {o.env.id for o in W.of(m)} if grant(W, W.env[i].grant)["key"] == a]
        return sorted(i for i in own if not any(k != i and W.env[k].past >> W.env[i].ops[-1].i & 1 for k in own))

    def cut(s, m, pool):
        W, rng = s.W, s.rng
        t = rng.choice(pool)
        e = dict(target=list(t), level=rng.choice([NONE, NONE, NONE, READ, WRITE]), keep=[],
                 flags=(SOFT if rng.random() < .2 else 0) | (TREE if rng.random() < .4 else 0))
        ks = {grant(W, h)["key"] for h in grants_in(W, m) if covers(W, e, h)}
        of = [i for i in sorted({o.env.id for o in W.of(m)}) if grant(W, W.env[i].grant)["key"] in ks]
        tips = sorted({t for k in ks for t in s.own_tips(m, k)})
        if rng.random() < .3 and of: tips = [rng.choice(of)]
        if rng.random() < .1: tips = []
        if rng.random() < .03: tips = [rng.choice(sorted(W.env))]
        e["keep"] = tips[:16]
        return e

    def grant_op(s, m, g, ops):
        W, rng = s.W, s.rng
        me = grant(W, g)
        k = rng.choice(KEYS[1:])
        flags = sum(f for f, p in BITS if rng.random() < p)
        if (me["enroll"] or rng.random() < .2) and rng.random() < (.5 if me["role"] == ADMIN else .9): flags |= OWN
        role = min(me["role"], rng.choice([RELAY, READ, WRITE, WRITE, ADMIN, ADMIN]))
        if rng.random() < .05: role = ADMIN
        b = dict(kind=GRANT, key=k, role=role, rank=me["rank"] + rng.randint(0, 3), flags=flags, parent=0)
        here = [n for n, o in enumerate(ops) if o["kind"] == GRANT and (o["flags"] & ENROLL or rng.random() < .1)]
        if here and rng.random() < .6: b["flags"] = flags = flags & ~COLD | OWN
        if flags & OWN and here and rng.random() < .7:
            b["flags"] |= HERE
            b["parent"] = rng.choice(here)
            b["rank"] = ops[b["parent"]]["rank"] + rng.randint(0, 2)
            b["role"] = min(role, ops[b["parent"]]["role"]) if rng.random() < .9 else role
        n = max([0] + [box_n(grant(W, h)["box"]) for h in grants_in(W, m) if grant(W, h)["key"] == k])
        if rng.random() < .06: n += 1
        elif rng.random() < .1: n = 0
        b["box"] = "" if b["flags"] & COLD or b["role"] == RELAY else f"{k}.b{n}"
        if rng.random() < .04 and b["box"]: b["box"] = rng.choice(KEYS) + ".b0"
        return b

    def op(s, kind, m, a, g, ops):
        W, rng = s.W, s.rng
        if kind == GRANT: return s.grant_op(m, g, ops)
        if kind == REVOKE:
            me = grant(W, g)
            pool = [q for q in grants_in(W, m) if rng.random() < .1 or grant(W, q)["rank"] > me["rank"]]
            if not pool: return None
            es = {tuple(e["target"]): e for e in (s.cut(m, pool) for _ in range(rng.choice([1, 1, 1, 2])))}
            return dict(kind=REVOKE, entries=[es[t] for t in sorted(es)])
        if kind == SHARE: return dict(kind=SHARE, keys=[])
        if kind == IMPORT: return dict(kind=IMPORT, last=int(rng.random() < .6))
        return dict(kind=kind)

    def section(s, j, m):
        """key section and seal, as an honest author would write them on top of m and the earlier ops of j"""
        W, rng = s.W, s.rng
        ks = [o["kind"] for o in j["ops"]]
        c = clean(W, m)
        es = [o for o in epochs(W, m)]
        j["tag"] = W.env[c[0]].j["tag"] if c else tag(rng.choice(es))
        if rng.random() < .08: j["tag"] = tag(rng.choice(es))
        if EPOCH in ks:
            j["tag"] = "t" + j["id"]
            before = dict(j, ops=j["ops"][:ks.index(EPOCH)])
            e = W.push(before) if before["ops"] else None
            P = m if e is None else e.ops[-1].past | 1 << e.ops[-1].i
            try:
                j["boxes"] = len({x for x in readers(W, P).values() if x})
                j["links"] = [[j["tag"], t] for t in maximal(W, P)]
            finally:
                if e is not None: W.pop(e)
            q = rng.random()
            if q < .06: j["boxes"] += rng.choice([-1, 1])
            elif q < .12 and j["links"]: j["links"].pop()
            elif q < .15: j["tag"] = tag(rng.choice(es))
        if SHARE in ks:
            R, H = readers(W, m), known(W, m)
            lack = [[t, d] for d, b in sorted(R.items()) if b for t in sorted(H) if d not in {q for q, _ in H[t]}]
            some = [[t, d] for d, b in sorted(R.items()) if b for t in sorted(H)]
            pick = rng.sample(lack, min(len(lack), 2)) if lack else rng.sample(some, min(len(some), 1))
            if rng.random() < .1: pick = [[tag(rng.choice(es)), rng.choice(KEYS)]]
            j["shared"], j["boxes"] = sorted(pick), len(pick)
            j["ops"][ks.index(SHARE)]["keys"] = [d for _, d in j["shared"]]
            if rng.random() < .3 and len(es) > 1:
                x, y = rng.sample(es, 2)
                j["links"] = [[tag(x), tag(y)]] if rng.random() < .5 or inp(x, y) else [[tag(y), tag(x)]]

    def kinds(s):
        rng = s.rng
        k = rng.choices([CHANGE, GRANT, REVOKE, LEAVE, EPOCH, SHARE, IMPORT, 200], [34, 22, 13, 1.5, 10, 6, 4, 1])[0]
        q = rng.random()
        if q < .12 and k == CHANGE: return [EPOCH, CHANGE]
        if q < .16 and k == CHANGE: return [CHANGE, LEAVE]
        if q < .36 and k == GRANT: return rng.choice([[GRANT, GRANT], [GRANT, GRANT, GRANT]])
        if q < .44 and k == GRANT: return [GRANT, EPOCH, CHANGE]
        if q < .1 and k == REVOKE: return [REVOKE, CHANGE]
        if q < .15 and k == REVOKE: return [REVOKE, GRANT]
        if q < .3 and k == REVOKE: return [CHANGE, REVOKE]
        if q < .02: return rng.choices([CHANGE, GRANT, REVOKE, LEAVE, EPOCH, SHARE, IMPORT, 130], k=rng.randint(2, 4))
        return [k]

    def build(s, a, m, kinds, g=None):
        W, rng = s.W, s.rng
        tips = s.own_tips(m, a)
        prev = rng.choice(tips) if tips else None
        if len(tips) > 1:
            if a == "R" or kinds[0] in (SHARE, LEAVE): prev = max(tips, key=lambda i: W.env[i].j["seq"])
            elif rng.random() < .8: m = W.star_env(prev)
        if g is None:
            gs = [q for q in grants_in(W, m) if grant(W, q)["key"] == a]
            if not gs: return None
            E = evaluate(W, m)
            live = [q for q in gs if level(W, m, E, q) >= RELAY]
            if prev and W.env[prev].grant in live and rng.random() < .6: live = [W.env[prev].grant]
            g = rng.choice(live if live and rng.random() < .9 else gs)
        if grant(W, g) is None: return None
        piece = [o for o in W.env[prev].ops if o.kind == IMPORT] if prev else []
        if piece and not piece[0].b["last"] and rng.random() < .6:
            kinds = [IMPORT]
            if rng.random() < .8: g = W.env[prev].grant
        j = dict(id=s.new_id(), author=a, seq=W.env[prev].j["seq"] + 1 if prev else 1, prev=prev, boxes=0, shared=[], links=[],
                 grant=None if prev and W.env[prev].grant == g else list(g), deps=[i for i in heads(W, m) if i != prev],
                 ops=[], tag="")
        for k in kinds:
            o = s.op(k, m, a, g, j["ops"])
            if o is None: return None
            j["ops"].append(o)
        if why_body(j) is None: s.section(j, m)
        else: j["tag"] = tag(epochs(W, m)[0])
        if rng.random() < .02: j["seq"] += 1
        return j

    def step(s):
        W, rng = s.W, s.rng
        m = s.view()
        ks = sorted({grant(W, q)["key"] for q in grants_in(W, m)})
        last = list(W.env.values())[-1]
        if any(o.kind == IMPORT and not o.b["last"] for o in last.ops) and rng.random() < .5:
            m, ks = W.star_env(last.id), [last.j["author"]]
        a = rng.choice(ks) if rng.random() < .95 else rng.choice(KEYS)
        if a == "R" and rng.random() < .6: a = "A"
        g = None
        if rng.random() < .03: g = rng.choice(grants_in(W, m))
        kinds = s.kinds()
        j = s.build(a, m, kinds, g)
        if j is None: return
        if not s.put(j) and CHANGE in kinds and rng.random() < .5:
            j = s.build(a, m, [EPOCH, CHANGE])
            if j: s.put(j)
