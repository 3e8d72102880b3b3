#!/usr/bin/env python3
"""access_model1.py - the rules of access.md for the kinds of this version, written as plainly as they can be.

A reference to compare lk-access-eval with, and a generator of histories in which every device may lie.  Everything is
computed from sets, by the text: effective, visible, essential, readers, clean epochs, parents of changes.  Nothing here
is fast, incremental or clever.

  access_model1.py random SEED [N]       one history as JSON Lines, refused envelopes included
  access_model1.py many FIRST RUNS DIR   histories to DIR/in, what this model says of them to DIR/want
  access_model1.py eval < DIR/in         the same from JSON Lines; an empty line ends a history

An envelope: {"id", "author", "grant", "seq", "prev", "deps", "tag", "ops", "boxes", "shared", "links"}.  id: any
string of at most 32 characters; compared as a string where the rules compare ids.  author: the key that signed.  grant:
[id, index] or null for the grant of prev.  tag: of the key that seals.  boxes: their number.  shared: [tag, device] for
each box of a share.  links: [newer, older].  Box keys are named DEVICE.bN, which stands for the device's own statement
about a box key and the counter N; "" is no box key.
Ops: {"kind": 1, root, rootbox, device, box}, {"kind": 2, key, box, role, rank, flags, parent}, {"kind": 3, "entries":
[{target: [id, index], level, flags, keep}]}, {"kind": 5}, {"kind": 6}, {"kind": 8}, {"kind": 9, keys}, {"kind": 12,
last}, {"kind": 128..255}.
"""
import json, random, sys

NONE, RELAY, READ, WRITE, ADMIN = range(5)
GENESIS, GRANT, REVOKE, LEAVE, CHANGE, EPOCH, SHARE, IMPORT = 1, 2, 3, 5, 6, 8, 9, 12
ENROLL, COLD, OWN, HERE = 1, 4, 8, 16
SOFT, TREE = 1, 2
ROOT_INDEX = 255
OWN_MAX = 32


class Op:
    """One op: who, under which grant, what, and the mask of the ops in its past."""
    def __init__(self, env, index, body, i, past):
        self.env, self.index, self.kind, self.b, self.i, self.past = env, index, body["kind"], body, i, past


class Env:
    def __init__(self, j):
        self.j, self.id, self.prev, self.ops = j, j["id"], j["prev"], []


class World:
    """The admissible envelopes one device holds, in some causal order."""
    def __init__(w):
        w.ops, w.env, w.cache, w.parents, w.number = [], {}, {}, {}, {}

    def all(w): return (1 << len(w.ops)) - 1

    def of(w, m):
        while m:
            b = m & -m
            yield w.ops[b.bit_length() - 1]
            m ^= b

    def star_env(w, i):
        """mask of everything in the past of an envelope, its own ops included"""
        o = w.env[i].ops[-1]
        return o.past | 1 << o.i

    def push(w, j):
        e = Env(j)
        past = 0
        for p in j["deps"] + ([j["prev"]] if j["prev"] else []):
            past |= w.star_env(p)
        e.past = past
        e.grant = tuple(j["grant"]) if j["grant"] else w.env[j["prev"]].grant if j["prev"] else None
        if j["ops"][0]["kind"] == GENESIS:
            e.grant = (e.id, ROOT_INDEX if j["ops"][0]["rootbox"] else 0)
        for n, b in enumerate(j["ops"]):
            o = Op(e, n, b, len(w.ops), past)
            w.ops.append(o)
            e.ops.append(o)
            past |= 1 << o.i
        w.env[e.id] = e
        return e

    def pop(w, e):
        del w.env[e.id]
        del w.ops[len(w.ops) - len(e.ops):]
        n = len(w.ops)
        w.cache = {k: v for k, v in w.cache.items() if not k[1] >> n}
        for d in (w.parents, w.number):
            d.pop(e.id, None)


def inp(o, p): return o.past >> p.i & 1


# ---------- grants ----------

def grant(W, g):
    e = W.env.get(g[0])
    if e is None: return None
    first = e.ops[0]
    if first.kind == GENESIS and g[1] in (0, ROOT_INDEX):
        b = first.b
        base = dict(op=first, role=ADMIN, own=False, enroll=True, parent=None, issuer=None)
        if g[1] == 0: return dict(base, key=b["device"], box=b["box"], rank=1000, cold=False)
        return dict(base, key=b["root"], box=b["rootbox"], rank=0, cold=True)
    if g[1] >= len(e.ops) or e.ops[g[1]].kind != GRANT: return None
    o = e.ops[g[1]]
    f = o.b["flags"]
    parent = None
    if f & OWN: parent = (e.id, o.b["parent"]) if f & HERE else e.grant
    return dict(op=o, role=o.b["role"], own=bool(f & OWN), enroll=bool(f & ENROLL), cold=bool(f & COLD), parent=parent,
                issuer=e.grant, key=o.b["key"], box=o.b["box"], rank=o.b["rank"])


def grants_in(W, m):
    k = ("g", m)
    if k not in W.cache:
        out = []
        for o in W.of(m):
            if o.kind == GENESIS: out += [(o.env.id, 0), (o.env.id, ROOT_INDEX)]
            elif o.kind == GRANT: out.append((o.env.id, o.index))
        W.cache[k] = out
    return W.cache[k]


def rank(W, o): return -2 if o.kind == GENESIS else grant(W, o.env.grant)["rank"]


def person(W, g):
    while True:
        yield g
        g = grant(W, g)["parent"]
        if g is None: return


def covers(W, e, g):
    t = tuple(e["target"])
    return g == t or bool(e["flags"] & TREE) and t in person(W, g)


def entries(o): return o.b["entries"] if o.kind == REVOKE else ()


def keep(W, e):
    m = 0
    for t in e["keep"]: m |= W.star_env(t)
    return m


def need(W, o):
    if o.kind == GRANT: return o.b["role"] if o.b["flags"] & OWN else ADMIN
    if o.kind == REVOKE:
        g = o.env.grant
        mine = all(tuple(e["target"]) != g and g in person(W, tuple(e["target"])) for e in entries(o))
        return RELAY if mine else ADMIN
    return {LEAVE: RELAY, SHARE: READ}.get(o.kind, WRITE)


# ---------- section 5 ----------

def leave_keeps(W, l):
    m = W.star_env(l.env.prev) if l.env.prev else 0
    for o in l.env.ops[:l.index]: m |= 1 << o.i
    return m


def evaluate(W, S):
    """mask of the effective ops of the causally closed mask S"""
    key = ("e", S)
    if key in W.cache: return W.cache[key]
    ops = list(W.of(S))
    cuts = [(c, e, keep(W, e)) for c in ops for e in entries(c)]
    leaves = [(l, leave_keeps(W, l)) for l in ops if l.kind == LEAVE]
    memo = {}

    def eff(o):
        if o.i in memo:
            assert memo[o.i] is not None, "circular authority"
            return memo[o.i]
        memo[o.i] = None
        memo[o.i] = r = decide(o)
        return r

    def decide(o):
        if o.kind == GENESIS: return True
        g = o.env.grant
        me, n = grant(W, g), need(W, o)
        if not eff(me["op"]) or me["role"] < n: return False
        if o.kind == GRANT:
            p = grant(W, (o.env.id, o.index))["parent"]
            if p is not None and not eff(grant(W, p)["op"]): return False
        for c, e, k in cuts:
            if covers(W, e, g) and e["level"] < n and not k >> o.i & 1:
                if e["flags"] & SOFT and o.kind == REVOKE and not inp(o, c): continue
                if eff(c): return False
        if o.kind != LEAVE:
            for l, k in leaves:
                if l.env.grant == g and not k >> o.i & 1 and eff(l): return False
        return True

    E = 0
    for o in ops:
        if eff(o): E |= 1 << o.i
    W.cache[key] = E
    return E


def level(W, S, E, g):
    """the role grant g has left for a new op on top of S"""
    x = grant(W, g)
    if not E >> x["op"].i & 1: return NONE
    r = x["role"]
    for o in W.of(S & E):
        if o.kind == LEAVE and o.env.grant == g: return NONE
        for e in entries(o):
            if covers(W, e, g): r = min(r, e["level"])
    return r


def import_units(W, S):
    """complete imports: lists of their ops, from the first piece to the last"""
    out = []
    for o in W.of(S):
        if o.kind != IMPORT or not o.b["last"]: continue
        unit, e = [o], o.env
        while e.prev:
            p = W.env[e.prev]
            piece = [q for q in p.ops if q.kind == IMPORT]
            if not piece or piece[0].b["last"] or p.grant != e.grant: break
            unit.insert(0, piece[0])
            e = p
        out.append(unit)
    return out


def shown(W, S):
    """visible things of S: ops of changes, and of last pieces of imports"""
    key = ("v", S)
    if key not in W.cache:
        E = evaluate(W, S)
        out = [o for o in W.of(S & E) if o.kind == CHANGE]
        out += [u[-1] for u in import_units(W, S) if all(E >> o.i & 1 for o in u)]
        W.cache[key] = sorted(out, key=lambda o: o.i)
    return W.cache[key]


def visible(W, S):
    E = evaluate(W, S)
    ids = {o.env.id for o in W.of(S & E) if o.kind == CHANGE}
    for u in import_units(W, S):
        if all(E >> o.i & 1 for o in u): ids |= {o.env.id for o in u}
    return ids


def essential(W, S):
    m = 0
    for o in W.of(evaluate(W, S)): m |= W.star_env(o.env.id)
    return m


def heads(W, m):
    ids = {o.env.id for o in W.of(m)}
    return sorted(i for i in ids if not any(k != i and W.env[k].past >> W.env[i].ops[-1].i & 1 for k in ids))


def ancestors(W, ids):
    """Automerge ancestors of changes, themselves included; an import has none"""
    out, todo = set(), list(ids)
    while todo:
        i = todo.pop()
        if i not in out:
            out.add(i)
            todo += W.parents.get(i, ())
    return out


def parents(W, S):
    """heads of what S shows"""
    V = [o.env.id for o in shown(W, S)]
    below = set()
    for i in V: below |= ancestors(W, W.parents.get(i, ()))
    return sorted(i for i in V if i not in below)


# ---------- section 7 ----------

def box_n(b): return int(b.rsplit(".b", 1)[1]) if b else -1


def readers(W, S):
    key = ("r", S)
    if key not in W.cache:
        E, out = evaluate(W, S), {}
        for g in grants_in(W, S):
            if level(W, S, E, g) >= READ:
                x = grant(W, g)
                out[x["key"]] = max(out.get(x["key"], ""), x["box"], key=lambda b: (box_n(b), b))
        W.cache[key] = out
    return W.cache[key]


def epochs(W, S): return [o for o in W.of(S) if o.kind in (GENESIS, EPOCH)]
def tag(o): return o.env.j["tag"]


def maximal(W, S):
    es = epochs(W, S)
    return sorted({tag(e) for e in es if not any(inp(f, e) for f in es)})


def known(W, S):
    """{tag: (device, box key)s}: whom the record of S hands a key to, effective or not, directly or over links"""
    key = ("k", S)
    if key in W.cache: return W.cache[key]
    H, links = {}, []
    for o in W.of(S):
        b = o.b
        give = []
        if o.kind == GENESIS:
            give = [(tag(o), b["device"], b["box"])] + ([(tag(o), b["root"], b["rootbox"])] if b["rootbox"] else [])
        elif o.kind == EPOCH:
            give = [(tag(o), d, x) for d, x in readers(W, o.past).items() if x]
        elif o.kind == SHARE:
            give = [(t, d, readers(W, o.past)[d]) for t, d in o.env.j["shared"]]
        elif o.kind == GRANT and b["role"] >= READ:
            give = [(t, b["key"], b["box"]) for t in set(maximal(W, o.past)) | {tag(o)}]
        for t, d, x in give: H.setdefault(t, set()).add((d, x))
        if o.kind in (EPOCH, SHARE): links += [(n, t) for n, t in o.env.j["links"]]
    more = True
    while more:
        more = False
        for n, t in links:
            new = H.get(n, set()) - H.setdefault(t, set())
            if new:
                H[t] |= new
                more = True
    W.cache[key] = H
    return H


def clean(W, S):
    """ids of envelopes with an epoch that a change on top of S may be sealed under"""
    key = ("c", S)
    if key not in W.cache:
        E, R, H = evaluate(W, S), readers(W, S), known(W, S)
        es = [e for e in epochs(W, S) if E >> e.i & 1]
        top = [e for e in es if not any(inp(f, e) for f in es)]
        W.cache[key] = sorted(e.env.id for e in top
                              if all(d in R and (not b or R[d] == b) for d, b in H.get(tag(e), ())))
    return W.cache[key]


# ---------- section 4: admissible, a function of the past ----------

def own_box(b, n): return not b or b.rsplit(".b", 1)[0] == n


def why_body(j):
    """what the codec refuses, as far as a generator may produce it"""
    ks = [o["kind"] for o in j["ops"]]
    if sum(k in (CHANGE, IMPORT) for k in ks) > 1 or sum(k in (EPOCH, SHARE) for k in ks) > 1: return "A1 ops"
    if EPOCH in ks and REVOKE in ks or LEAVE in ks[:-1]: return "A1 ops"
    if GENESIS in ks and (ks[0] != GENESIS or GENESIS in ks[1:] or EPOCH in ks or SHARE in ks): return "A1 genesis"
    if ks[0] == GENESIS and j["ops"][0]["rootbox"] and len(ks) > 1: return "A1 home genesis"
    for n, o in enumerate(j["ops"]):
        if o["kind"] == GRANT:
            if (o["box"] == "") != bool(o["flags"] & COLD or o["role"] == RELAY): return "A1 box"
            if o["flags"] & HERE and (not o["flags"] & OWN or not 0 <= o["parent"] < n or ks[o["parent"]] != GRANT):
                return "A1 parent"
            if not RELAY <= o["role"] <= ADMIN: return "A1 role"
        if o["kind"] == REVOKE:
            ts = [tuple(e["target"]) for e in o["entries"]]
            if not ts or sorted(set(ts)) != ts or any(sorted(set(e["keep"])) != e["keep"] for e in o["entries"]):
                return "A1 order"
    return None


def why_not(W, j):
    """None, or the rule that refuses an envelope all of whose deps are admissible"""
    if why_body(j): return why_body(j)
    first = j["ops"][0]
    if first["kind"] == GENESIS:
        ok = not W.ops and not j["deps"] and j["seq"] == 1 and j["prev"] is None and j["grant"] is None
        ok = ok and j["author"] == (first["root"] if first["rootbox"] else first["device"]) and first["root"] != first["device"]
        if not ok or not own_box(first["box"], first["device"]) or not own_box(first["rootbox"], first["root"]):
            return "A1 genesis"
    elif not j["deps"] and not j["prev"] or j["prev"] in j["deps"]: return "A2"
    elif j["seq"] == 1 and (j["prev"] or not j["grant"]): return "A3"
    elif j["seq"] > 1 and not j["prev"]: return "A3"
    e = W.push(j)
    w = why_env(W, e, j)
    W.pop(e)
    return w


def why_env(W, e, j):
    genesis = e.ops[0].kind == GENESIS
    ks = [o.kind for o in e.ops]
    if (EPOCH in ks or SHARE in ks) != bool(j["boxes"] or j["links"] or j["shared"] or EPOCH in ks): return "A1 section"
    if not genesis:
        me = grant(W, e.grant)
        if me is None or not e.past >> me["op"].i & 1 or me["key"] != j["author"]: return "A4"
        prev = W.env[e.prev] if e.prev else None
        if prev and j["grant"] and prev.grant == e.grant: return "A4 repeated"
        own = {o.env.id for o in W.of(e.past) if grant(W, o.env.grant)["key"] == j["author"]}
        if prev is None:
            if own or j["seq"] != 1: return "A3"
        else:
            if e.prev not in own or j["seq"] != prev.j["seq"] + 1: return "A3"
            if me["cold"] or all(k in (SHARE, LEAVE) for k in ks):
                if any(W.env[i].j["seq"] > prev.j["seq"] for i in own): return "A3"
            else:
                line, i = set(), e.prev
                while i:
                    line.add(i)
                    i = W.env[i].prev
                if own - line: return "A3 fork"
        if me["cold"] and any(k not in (GRANT, REVOKE, SHARE) for k in ks): return "A6 cold"
        if EPOCH not in ks and j["tag"] not in {tag(x) for x in epochs(W, e.past)}: return "A7"
    for o in e.ops:
        if o.kind == GENESIS: continue
        w = why_op(W, e, o, j)
        if w: return w
    return None


def why_op(W, e, o, j):
    P, g, b = o.past, e.grant, o.b
    me = grant(W, g)
    if o.kind == GRANT:
        if b["rank"] <= me["rank"] or b["role"] > me["role"] or not own_box(b["box"], b["key"]): return "A6"
        x = grant(W, (e.id, o.index))
        if x["own"]:
            up = grant(W, x["parent"])
            if not up["enroll"] or b["rank"] <= up["rank"] or b["role"] > up["role"]: return "A6 own"
            top = list(person(W, x["parent"]))[-1]
            if sum(h != top and top in person(W, h) for h in grants_in(W, P)) >= OWN_MAX: return "A6 devices"
    for c in entries(o):
        t = tuple(c["target"])
        x = grant(W, t)
        if x is None or not P >> x["op"].i & 1: return "A6 target"
        if me["rank"] >= x["rank"]: return "A6 rank"
        ks = {grant(W, h)["key"] for h in grants_in(W, P) if covers(W, c, h)}
        for k in c["keep"]:
            if k not in W.env or k == e.id or not P >> W.env[k].ops[-1].i & 1: return "A6 keep"
            if grant(W, W.env[k].grant)["key"] not in ks: return "A6 keep"
    if not evaluate(W, P | 1 << o.i) >> o.i & 1: return "A5"
    past = {tag(x) for x in epochs(W, P)}
    if o.kind == EPOCH:
        if j["tag"] in past or any(l not in past for _, l in j["links"]) or j["shared"]: return "A7 epoch"
        if j["boxes"] != len({x for x in readers(W, P).values() if x}): return "A7 boxes"
    if o.kind == SHARE:
        if [d for _, d in j["shared"]] != b["keys"] or j["boxes"] != len(b["keys"]): return "A1 share"
        if not j["shared"] and not j["links"]: return "A1 share"
        R = readers(W, P)
        if any(t not in past or not R.get(d) for t, d in j["shared"]): return "A7 share"
        es = epochs(W, P)
        for n, t in j["links"]:
            if n == t or not any(tag(x) == n and tag(y) == t and inp(x, y) for x in es for y in es): return "A7 link"
    if o.kind in (CHANGE, IMPORT):
        if j["tag"] not in {tag(W.env[i].ops[[q.kind for q in W.env[i].ops].index(EPOCH)] if W.env[i].ops[0].kind != GENESIS
                            else W.env[i].ops[0]) for i in clean(W, P)}: return "A7 clean"
    return None


def accept(W, j):
    """adds an admissible envelope"""
    e = W.push(j)
    for o in e.ops:
        if o.kind == CHANGE:
            W.parents[e.id] = parents(W, o.past)
            W.number[e.id] = 1 + sum(q.kind == CHANGE and q.env.grant == e.grant for q in W.of(o.past))
    return e


def verdict(W, adm):
    S = W.all()
    E = evaluate(W, S)
    return dict(admissible=sorted(adm), effective=sorted(f"{o.env.id}/{o.index}" for o in W.of(E)),
                visible=sorted(visible(W, S)), essential=sorted({o.env.id for o in W.of(essential(W, S))}),
                heads=heads(W, essential(W, S)), readers={d: b for d, b in readers(W, S).items() if b},
                clean=W.env[clean(W, S)[0]].j["tag"] if clean(W, S) else "", maximal=maximal(W, essential(W, S)),
                parents={i: p for i, p in sorted(W.parents.items())}, number={i: n for i, n in sorted(W.number.items())},
                next=parents(W, S))


def run(lines):
    W, adm = World(), []
    for j in lines:
        if j["id"] in W.env or any(d not in W.env for d in j["deps"] + ([j["prev"]] if j["prev"] else [])): continue
        if j["grant"] and j["grant"][0] not in W.env: continue
        if why_not(W, j) is None:
            accept(W, j)
            adm.append(j["id"])
    return verdict(W, adm)


def histories(stream):
    lines = []
    for line in stream:
        if line.strip():
            lines.append(json.loads(line))
        elif lines:
            yield lines
            lines = []
    if lines: yield lines


def main(av):
    import access_random1
    if av[:1] == ["eval"]:
        for h in histories(sys.stdin): print(json.dumps(run(h), sort_keys=True))
    elif av[:1] == ["random"]:
        for j in access_random1.Gen(int(av[1]), int(av[2]) if len(av) > 2 else 30).trace: print(json.dumps(j, sort_keys=True))
    elif av[:1] == ["many"]:
        first, runs = int(av[1]), int(av[2])
        with open(av[3] + "/in", "w") as f, open(av[3] + "/want", "w") as want:
            for seed in range(first, first + runs):
                g = access_random1.Gen(seed, 14 + seed % 22)
                for j in g.trace: f.write(json.dumps(j, sort_keys=True) + "\n")
                f.write("\n")
                want.write(json.dumps(verdict(g.W, list(g.W.env)), sort_keys=True) + "\n")
    else:
        sys.exit(__doc__)


if __name__ == "__main__":
    main(sys.argv[1:])
