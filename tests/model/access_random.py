"""access_random.py - random histories for access_model.py in which every device may lie.

Stale and invented views, forks, dating back by those who are out, impersonation, duels at equal rank, deep chains, persons
with many devices, keys handed over, replaced and published again, people who leave and come back.  Each seed leans to some
of these.  Refused envelopes are kept in the trace now and then: both sides of a comparison must refuse them.
"""
import random

from access_model import *

KEYS = ["A"] + [f"K{i}" for i in range(7)]
GUARDIANS = ["P", "Q", "S"]
WEIGHTS = {"change": 30, "grant": 20, "revoke": 12, "ban": 2.5, "leave": 1.5, "adopt": 5, "epoch": 9, "share": 6, "rekey": 3,
           "import": 4, "guard": .8, 200: .8}
# How a seed leans: (kinds that weigh more, share of honest views, how often somebody who is out dates back)
LEANS = [({}, .7, .08), ({"revoke": 26, "ban": 6, "grant": 30}, .45, .15), ({"grant": 45, "revoke": 14}, .8, .05),
         ({"epoch": 16, "share": 14, "rekey": 9, "revoke": 14}, .75, .05), ({"change": 40, "adopt": 12, "import": 9}, .5, .25),
         ({"grant": 34, "revoke": 18, "leave": 4}, .7, .1), ({"guard": 5, "ban": 8, "leave": 6}, .7, .1), ({}, .35, .1)]
RECIPES = [(.10, ["epoch", "change"], "change"), (.13, ["change", "leave"], "change"), (.16, ["adopt", "change"], "change"),
           (.20, ["grant", "grant"], "grant"), (.32, ["grant", "grant", "grant"], "grant"), (.38, ["grant", "epoch", "change"], "grant"),
           (.10, ["revoke", "change"], "revoke"), (.16, ["revoke", "grant"], "revoke"), (.26, ["revoke", "ban"], "revoke"),
           (.34, ["change", "revoke"], "revoke"), (.20, ["ban", "grant"], "ban"), (.20, ["rekey", "epoch"], "rekey")]


class Gen:
    def __init__(s, seed, n=None):
        s.rng, s.W, s.trace, s.refused = random.Random(seed), World(), [], {}
        rng, lean = s.rng, LEANS[seed % len(LEANS)]
        s.weights = {**WEIGHTS, **lean[0]}
        s.honest, s.backdate = min(.95, lean[1] + rng.choice([0, 0, .2])), lean[2]
        s.people, s.deep = seed % len(LEANS) == 5, seed % len(LEANS) == 2
        home = rng.random() < .3
        b = dict(root="R", creator="A", box="A.b0", guardians=GUARDIANS, k=2)
        if home: b["rootbox"] = "R.b0"
        s.put(dict(id=s.new_id(), kind="genesis", author="R" if home else "A", seq=0, body=b))
        s.open()
        n = n or (150 if seed % 50 == 49 else rng.choice([20, 25, 30, 40]))
        for _ in range(12 * n):
            if len(s.W.envs) >= n: break
            s.step()

    def new_id(s): return "%08x" % s.rng.getrandbits(32)
    def some(s, p): return s.rng.random() < p

    def put(s, j):
        w = why_not(s.W, j)
        if w is None:
            s.W.accept(j)
            s.trace.append(j)
        else:
            s.refused[w] = s.refused.get(w, 0) + 1
            if s.some(.3): s.trace.append(j)
        return w is None

    def open(s):
        """two equal admins, a junior one, two writers, so that something can happen"""
        if s.some(.2): return
        G = s.W.genesis.env.id
        give = lambda k, role, rank, **f: ("grant", dict(key=k, box=f"{k}.b0", role=role, rank=rank, **f))
        s.honestly("R", s.W.grant(G, "R"), [give("K0", ADMIN, CREATOR_RANK)])
        s.honestly("A", s.W.grant(G, "A"), [give("K1", ADMIN, 2000), give("K2", WRITE, 3000, enroll=True)])
        if s.deep: return s.chain(s.W.grants_in(s.W.all())[-2], s.rng.randint(3, 10))
        g = s.W.grants_in(s.W.all())[-2]
        s.honestly("K1", g, [give("K3", s.rng.choice([WRITE, ADMIN]), 3000, enroll=True)])

    def chain(s, g, n):
        """admins who make admins; each one also has something to lose"""
        for i in range(n):
            k = KEYS[1 + i % (len(KEYS) - 1)]
            s.honestly(g.key, g, [("grant", dict(key=k, box=f"{k}.b0", role=ADMIN, rank=g.rank + 1, enroll=s.some(.5)))])
            g = s.W.grants_in(s.W.all())[-1]
            if s.some(.4): s.honestly(g.key, g, [("change", {})])

    def honestly(s, a, g, ops): s.put(s.envelope(a, s.W.all(), g, ops))

    # Views and places in chains.

    def view(s):
        W, rng = s.W, s.rng
        if s.some(s.honest): return W.all()
        es = list(W.envs.values())
        m = es[0].star
        for _ in range(rng.randint(0, 4)): m |= rng.choice(es[len(es) // 2:] if s.some(.6) else es).star
        return m

    def own_tips(s, m, a):
        own = [e for e in s.W.authors.get(a, ()) if m >> e.ops[-1].i & 1]
        below = 0
        for e in own: below |= e.past
        return [e for e in own if not below >> e.ops[-1].i & 1]

    def somebody_out(s):
        """a key that has lost what it had, and what it may have seen before"""
        W, rng = s.W, s.rng
        v = W.view(W.all())
        gs = [g for g in W.grants_in(W.all()) if v.level(g) < g.role]
        if not gs: return None
        g = rng.choice(gs)
        m = g.op.env.star
        for e in s.own_tips(W.all(), g.key):
            if s.some(.7): m |= e.star
        es = list(W.envs.values())
        for _ in range(rng.choice([0, 0, 1, 2])):
            e = rng.choice(es)
            if not any(e.star >> c.op.i & 1 for c in v.cuts(g)): m |= e.star
        return g, m

    # Bodies.

    def entry(s, m, pool):
        W, rng = s.W, s.rng
        t = rng.choice(pool)
        x = dict(target=t.op.name, key=t.key)
        if s.some(.35): x["level"] = rng.choice([RELAY, READ, WRITE])
        if s.some(.2): x["soft"] = True
        if s.some(.5 if s.people else .25): x["tree"] = True
        line = [g for g in W.grants_in(m) if g is t or x.get("tree") and t in g.line]
        tips = sorted({e.id for k in {g.key for g in line} for e in s.own_tips(m, k)})
        of = [e.id for k in {g.key for g in line} for e in W.authors.get(k, ()) if m >> e.ops[-1].i & 1]
        q = rng.random()
        if q < .3 and of: tips = [rng.choice(sorted(of))]
        elif q < .4: tips = []
        elif q < .43: tips = [rng.choice(sorted(W.envs))]
        if tips: x["keep"] = tips[:KEEP_MAX]
        return x

    def revoke(s, m, r):
        W, rng = s.W, s.rng
        pool = [g for g in W.grants_in(m) if g.rank > r or s.some(.08)]
        if not pool: return None
        n = rng.choice([1, 1, 1, 1, 2, 3])
        es = {(x["target"], x["key"]): x for x in (s.entry(m, pool) for _ in range(n))}
        return dict(entries=[es[t] for t in sorted(es)])

    def grant(s, m, g, before_ops):
        W, rng = s.W, s.rng
        k = rng.choice(KEYS)
        role = min(g.role, rng.choice([RELAY, READ, WRITE, WRITE, ADMIN, ADMIN, ADMIN]))
        b = dict(key=k, role=role, rank=g.rank + rng.choice([1, 1, 1, 2, 2, 5, 1000]))
        if s.deep and s.some(.8): role = g.role
        if s.some(.5): b["enroll"] = True
        if s.some(.25 if s.people else .05): b["cold"] = True
        if (g.enroll or s.some(.15)) and s.some(.85 if g.role < ADMIN else .6 if s.people else .3): b["own"] = True
        here = [n for n, (kind, x) in enumerate(before_ops) if kind == "grant" and (x.get("enroll") or s.some(.1))]
        if here and s.some(.7):
            n = rng.choice(here)
            b.update(own=True, parent=n, rank=before_ops[n][1]["rank"] + rng.choice([0, 1, 1, 1, 2]))
            b.pop("cold", None)
            if s.some(.9): b["role"] = min(role, before_ops[n][1]["role"])
        if not b.get("cold") and b["role"] != RELAY: b["box"] = s.box(m, k)
        if s.some(.03): b["rank"] = g.rank + rng.choice([0, -1])
        if s.some(.03): b["role"] = ADMIN
        if s.some(.03) and "box" in b and b["role"] != RELAY: b["box"] = rng.choice(KEYS) + ".b0"
        if s.some(.01): b["rank"] = RANK_MAX
        b["rank"] = min(b["rank"], RANK_MAX)
        return b

    def box(s, m, k):
        n = max([0] + [box_n(g.box) for g in s.W.grants_in(m) if g.key == k])
        q = s.rng.random()
        return f"{k}.b{n + 1 if q < .05 else 0 if q < .12 else n}"

    def body(s, kind, m, a, g, before_ops):
        W, rng = s.W, s.rng
        if kind == "grant": return s.grant(m, g, before_ops)
        if kind == "revoke": return s.revoke(m, g.rank)
        if kind == "ban": return dict(key=rng.choice(KEYS))
        if kind == "adopt":
            seen = [o for o in W.of(m) if o.kind in ("change", "import")]
            v = W.view(m)
            void = [o for o in seen if not v.eff(o)]
            pool = void if void and s.some(.85) else seen
            if not pool: return None
            ids = {(unit_end(W, o, m) if s.some(.9) else o.env.id) for o in rng.sample(pool, min(len(pool), rng.randint(1, 3)))}
            if s.some(.03): ids.add(rng.choice(sorted(W.envs)))
            return dict(ops=sorted(ids))
        if kind == "epoch": return s.epoch(m)
        if kind == "share": return s.share(m)
        if kind == "rekey":
            n = max([box_n(q.box) for q in W.grants_in(m) if q.key == a] + [box_n(o.body["box"]) for o in W.of(m & W.control)
                    if o.kind == "rekey" and o.env.author == a])
            return dict(box=f"{a}.b{n + rng.choice([1, 1, 1, 1, 1, 2, 0])}")
        if kind == "import": return dict(last=s.some(.6))
        if kind == "guard": return s.guard(m)
        return {}

    def epoch(s, m):
        W, rng = s.W, s.rng
        b = {}
        q = rng.random()
        if q < .05: b["key"] = key_of(rng.choice(epochs(W, m)))
        elif q < .08: b["key"] = key_of(rng.choice(W.epochs))
        elif q < .20:
            to = sorted([d, x] for d, x in readers(W, m).items() if x)
            if q < .12 and to: to.pop(rng.randrange(len(to)))
            elif q < .15: to.append([f"K{rng.randrange(7)}", "K9.b0"])
            b["to"] = to
        if s.some(.25):
            old = sorted({key_of(e) for e in epochs(W, m)})
            b["links"] = rng.sample(old, rng.randint(0, min(3, len(old))))
        return b

    def share(s, m):
        W, rng = s.W, s.rng
        R, H = readers(W, m), known(W, m)
        some = [[t, d] for d, b in sorted(R.items()) if b for t in sorted(H)]
        lack = [[t, d] for t, d in some if d not in {q for q, _ in H[t]}]
        pick = rng.sample(lack, min(len(lack), 2)) if lack and s.some(.8) else rng.sample(some, min(len(some), 1))
        if s.some(.08): pick = [[rng.choice(sorted(H)), rng.choice(KEYS)]]
        b = dict(boxes=pick)
        es = epochs(W, m)
        if s.some(.3) and len(es) > 1:
            x, y = rng.sample(es, 2)
            if before(y, x) and s.some(.9): x, y = y, x
            b["links"] = [[key_of(x), key_of(y)]]
        return b if pick or "links" in b else None

    def guard(s, m):
        W, rng = s.W, s.rng
        sigs = sorted(rng.sample(GUARDIANS, 2)) if s.some(.7) else rng.choice([["P"], ["P", "P"], ["P", "A"], []])
        if s.some(.5):
            k = rng.choice(KEYS)
            return dict(sigs=sigs, grant=dict(key=k, box=s.box(m, k), role=ADMIN, rank=rng.randint(0, 3), enroll=s.some(.5)))
        b = s.revoke(m, RANK_GUARD)
        return b and dict(sigs=sigs, revoke=b)

    # Envelopes.

    def envelope(s, a, m, g, ops):
        W, rng = s.W, s.rng
        tips = s.own_tips(m, a)
        prev = None
        if tips:
            prev = max(tips, key=lambda e: e.seq) if s.some(.5) else rng.choice(tips)
            kinds = {k for k, _ in ops}
            if len(tips) > 1 and not (g and g.cold or kinds <= {"share", "leave"}) and s.some(.85): m = prev.star | g.op.env.star
        j = dict(id=s.new_id(), author=a, seq=prev.seq + 1 if prev else 0, prev=prev and prev.id, deps=heads(W, m),
                 grant=g.op.name)
        if prev and prev.grant is g and s.some(.5): j["grant"] = None
        if len(ops) == 1: j["kind"], j["body"] = ops[0]
        else: j["ops"] = [dict(kind=k, body=b) for k, b in ops]
        own = next((b for k, b in ops if k == "epoch"), None)
        if own is None: j["epoch"] = s.seal(m)
        elif s.some(.3): j["epoch"] = own.get("key", j["id"])
        return j

    def seal(s, m):
        c = sorted(clean(s.W, m))
        if c and not s.some(.07): return c[0]
        return s.rng.choice(sorted({key_of(e) for e in epochs(s.W, m)}))

    def kinds(s):
        rng = s.rng
        k = rng.choices(list(s.weights), list(s.weights.values()))[0]
        q = rng.random()
        for p, ks, of in RECIPES:
            if k == of and q < p: return ks
        if s.some(.015): return rng.choices(["change", "grant", "revoke", "leave", "epoch", "share", "import", 130, 50], k=rng.randint(1, 4))
        return [k]

    def act(s, a, m, g, kinds):
        """ops on top of m, each one knowing those before it in the envelope as far as it can name them"""
        ops = []
        for k in kinds:
            b = s.body(k, m, a, g, ops)
            if b is None: return False
            ops.append((k, b))
        return s.put(s.bend(s.envelope(a, m, g, ops)))

    def bend(s, j):
        """now and then something a codec or a chain rule must notice"""
        q = s.rng.random()
        if q < .006: j["seq"] += s.rng.choice([-1, 1])
        elif q < .010: j["author"] = s.rng.choice(KEYS)
        elif q < .014: j["grant"] = s.rng.choice(s.W.grants_in(s.W.all())).op.name
        elif q < .018: j["prev"] = s.rng.choice(sorted(s.W.envs))
        elif q < .020: j["deps"] = j["deps"] + ["nowhere"]
        elif q < .022: j["signed"] = "K9"
        elif q < .024: j["doc"] = "elsewhere"
        if "nowhere" in j.get("deps", ()):
            s.trace.append(j)
            return dict(j, kind=0, ops=[dict(kind=0)], deps=[], prev=None)
        return j

    def import_on(s, e):
        """the next part of an import, and somebody who has not seen it revokes its author now and then"""
        m = e.star
        s.act(e.author, m, e.grant, ["import"])
        seniors = [g for g in s.W.grants_in(m) if g.rank < e.grant.rank and g.role == ADMIN]
        if seniors and s.some(.3): s.act(*(lambda g: (g.key, m | g.op.env.star, g))(s.rng.choice(seniors)), ["revoke"])

    # Plots: what chance alone would take thousands of histories to stage.

    def play(s, g, m, *ops, seal=None):
        """one envelope; what has been seen once it is there, or what had been if it is refused"""
        j = s.envelope(g.key, m, g, list(ops))
        if seal: j["epoch"] = seal
        return s.W.envs[j["id"]].star if s.put(j) else m

    def plot(s):
        W, rng = s.W, s.rng
        m = W.all()
        v = W.view(m)
        able = [g for g in W.grants_in(m) if not g.cold and v.level(g) == ADMIN and len(s.own_tips(m, g.key)) < 2]
        if len({g.key for g in able}) < 3: return
        a, b, c = sorted(rng.sample(able, 3), key=lambda g: g.rank)
        rng.choice([s.plot_keys, s.plot_person, s.plot_soft])(m, a, b, c)

    def spare(s, *gs): return s.rng.choice([k for k in KEYS if k not in [g.key for g in gs]])
    def given_to(s, m, k): return [g for g in s.W.grants_in(m) if g.key == k]

    def plot_keys(s, m, a, b, c):
        """somebody gets a key by a share, or down the links of an epoch that becomes void, is removed, and a change goes on
        under it"""
        W, rng = s.W, s.rng
        k = s.spare(a, b, c)
        x = s.play(a, m, ("epoch", {}))
        seal = key_of(epochs(W, x)[-1])
        d = s.play(b, m, ("grant", dict(key=k, box=s.box(m, k), role=READ, rank=b.rank + 1)))
        gs = s.given_to(d & ~m, k)
        if not gs: return
        cut = 0
        if s.some(.5):
            y = s.play(c, x | d, ("share", dict(boxes=[[seal, k]])))
        else:
            y = s.play(c, x | d, ("epoch", {}))
            cut = s.play(a, x, ("revoke", dict(entries=[dict(target=c.op.name, key=c.key, level=rng.choice([NONE, READ]))])))
        out = s.play(b, d, ("revoke", dict(entries=[dict(target=gs[0].op.name, level=rng.choice([NONE, RELAY]))])))
        end = y | cut | out if s.some(.8) else x | cut | out
        s.play(a, end, ("change", {}), seal=seal)

    def plot_person(s, m, a, b, c):
        """a person is shared with while the sharer is downgraded, or the person's key banned"""
        root, dev = s.spare(a, b, c), s.spare(a, b, c)
        d = s.play(b, m, ("grant", dict(key=root, role=WRITE, rank=b.rank + 1, enroll=True, cold=s.some(.7), box=s.box(m, root))),
                   ("grant", dict(key=dev, role=WRITE, rank=b.rank + 2, own=True, parent=0, box=s.box(m, dev))))
        gs = s.given_to(d & ~m, dev)
        if not gs: return
        s.play(gs[-1], d, ("epoch", {}), ("change", {}))
        if s.some(.5): s.play(a, m, ("ban", dict(key=root)))
        else: s.play(a, m, ("revoke", dict(entries=[dict(target=b.op.name, key=b.key, level=s.rng.choice([WRITE, WRITE, READ]))])))

    def plot_soft(s, m, a, b, c):
        """an admin is revoked softly while he revokes, bans and grants; it is hardened, or he goes on when he knows"""
        target = dict(target=b.op.name, key=b.key)
        r = s.play(a, m, ("revoke", dict(entries=[dict(target, soft=True)])))
        x = s.play(b, m, s.rng.choice([("ban", dict(key=s.spare(a, b))), ("revoke", dict(entries=[dict(target=c.op.name, key=c.key)]))]))
        s.play(b, x, ("grant", s.grant(x, b, [])))
        s.play(b, x | r, ("revoke", dict(entries=[dict(target=c.op.name, key=c.key)])))
        if s.some(.5): s.play(a, r, ("revoke", dict(entries=[target])))

    def step(s):
        W, rng = s.W, s.rng
        if s.some(.02): return s.plot()
        if s.some(s.backdate):
            out = s.somebody_out()
            if out: return s.act(out[0].key, out[1], out[0], s.kinds())
        m = s.view()
        last = W.ops[-1]
        if last.kind == "import" and not last.body["last"] and s.some(.7): return s.import_on(last.env)
        gs = W.grants_in(m)
        v = W.view(m)
        live = [g for g in gs if v.level(g) > NONE]
        g = rng.choice(live if live and not s.some(.06) else gs)
        if s.some(.7 if s.deep else .25): g = max(live or gs, key=lambda q: q.op.i)
        if g.key == "R" and s.some(.5): g = rng.choice(gs)
        if s.some(.6): m = essential(W, m) | g.op.env.star            # as honest devices build on it
        own = W.authors.get(g.key)
        if own and s.some(.8):                                        # a device that is behind still knows its own
            m |= own[-1].star
            v = W.view(m)
        kinds = s.kinds()
        if g.cold and s.some(.85): kinds = [rng.choice(["grant", "revoke", "revoke", "ban", "share"])]
        elif s.some(.85):
            level = v.level(g)
            while any(NEED.get(k, WRITE if k not in ("grant", "revoke", "guard") else NONE) > level for k in kinds): kinds = s.kinds()
        if "adopt" in kinds and s.some(.6):
            void = [o for o in W.ops if o.kind in ("change", "import") and not v.eff(o)]
            if void: m |= rng.choice(void).env.star
        tips = s.own_tips(m, g.key)
        if len(tips) > 1 and s.some(.3): kinds = [rng.choice(["share", "leave", "share"])]
        elif tips and s.some(.06):                                    # a fork: from an earlier place in the chain
            e = rng.choice(tips)
            for _ in range(rng.randint(1, 3)): e = e.prev or e
            m = e.star | g.op.env.star
        if not s.act(g.key, m, g, kinds) and {"change", "import"} & set(kinds) and s.some(.6):
            s.act(g.key, m, g, ["epoch", "change"])


def unit_end(W, o, m):
    """the envelope an import is named by, as far as m shows it"""
    while o.kind == "import" and not o.body.get("last", True):
        after = [p for p in W.of(m) if p.kind == "import" and p.env.prev is o.env]
        if not after: break
        o = after[0]
    return o.env.id
