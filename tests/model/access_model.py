#!/usr/bin/env python3
"""access_model.py - the access rules, executable: a second opinion for access/.

Written from the text of access.md alone; plain functions of sets.  What is kept up to date op by op is in access_check.py.

  access_model.py eval [--full] < FILE         one answer a history
  access_model.py random SEED [N]              a random Byzantine history of about N envelopes and its answer
  access_model.py many FIRST RUNS              the same for many seeds, one after the other
  access_model.py check FIRST RUNS             the invariants of section 11 on many seeds

THE FORMAT

A file is JSON Lines: one JSON object a line, UTF-8.  An empty line, or the end of the file, ends a history if a line came
before.  An object with "id" is an envelope; one without is for people and drivers ({"note": ..}, {"expect": ..}) and is
passed over, as are unknown fields.  What is no JSON object, lacks a field that has no default, or has one of another type than
said here, is a broken file: a tool stops with an error.

Names.  Everything that is bytes in reality is a name: any string but the empty one, without space or control characters.
The id of an envelope stands for its hash, the name of a device or root for its public key, the name of an epoch key for
that key.  Two names are the same thing exactly if they are the same string.  Where a rule or a tool needs an order of ids
("the lowest"), names compare as strings, byte by byte, a prefix first: an id made of the name's bytes and zeros up to 32 has
this order.  No answer below depends on an order.  Real signatures, boxes and ciphertexts are not in the format: each
is right unless a field says otherwise.

Order.  The first line with an admissible genesis says which document this is; any other genesis is refused (A1).  Otherwise
lines may come in any order: a line waits until its prev and all its deps are admissible, then it is judged, by its past
alone.  One that is never judged is, like one that is refused, in no list of the answer.  Of two lines with one id the later
one is passed over.  A fork is two envelopes of one author with the same prev (or none); nothing marks it.

An envelope:
  id      name
  author  name: the key that signs
  grant   OP, or null (default).  The grant under which `author` acts, named by the op that gives it; `author` chooses among the
          two of a genesis.  null: the grant of prev; without prev refused (A4).  In the envelope of the genesis null: root's
          with a rootbox, else the creator's.  In one with a guard null too: any grant in its past that names the author; if
          there is none, refused (A4).
  seq     integer from 0.  (A real envelope counts from 1.)
  prev    id, or null (default): the author's envelope before this one
  deps    list of ids [[]], in any order.  prev may be among them, and is one of them in any case.
  epoch   name of the epoch key that seals it, or null (default).  null is right for, and only for, an envelope with a genesis or an
          epoch op: it is sealed under its own key, the name of which is right there too, and no other.
  signed  name [author]: whose signature it really has.  Another one than the author's: refused (A1).
  doc     id [the genesis]: the document it was signed for.  Another one than that of the history: refused (A1).
  kind, body    the only op of the envelope, or
  ops     list of {"kind": .., "body": ..}.  Op 0 of envelope X is named X, op n is named X/n.  OP stands for such a name.
body defaults to {}.  kind is a string; or an integer, for an op of a kind that has no name: 13 to 127 wait for ever, 128 to
255 need write and have no effect, others are refused (A1).

Roles and levels: 0 none, 1 relay, 2 read, 3 write, 4 admin.  A box key is named DEVICE.bN: this stands for the box key, the
counter N, and a statement about both, signed by DEVICE.  So a box key is certified for DEVICE only.  Flags are booleans [false].

Bodies (defaults in brackets):
  genesis  root, creator: names; box: the creator's; rootbox [""]; guardians: list of names [[]]; k: integer [0].  Gives two
           grants, both named by this op: root's (admin, rank 0, cold) and the creator's (admin, rank 10, enroll; real
           ones have 1000, and the ranks below move down with it).
           With a rootbox (a home document) the author is root, else the creator.  The key's name is the id of the envelope.
  grant    key: name; role, rank: integers; box [""]; enroll, own, cold: flags; parent: null [null], or the index of an
           earlier grant in this envelope.  An own grant stands below that, or below the grant of the envelope.  A cold key and
           a relay have no box key: what is said of one counts for nothing, but must be certified.  keys: list [exactly right]
           of the epoch keys it hands over: those of the maximal epochs of its past, with role read or more.
  revoke   entries: list of {target: OP; key: name [the one the op gives; a genesis gives two, so there it must be said];
           level [0]; keep: ids [[]]; soft, tree: flags}
  ban      key: name
  leave, change   nothing.  (pick, of a model in which one branch of a fork is shown, is an unknown field.)
  import   last: boolean [true]; changes: list of [actor, seq, hash] [[]].  The actor of a member is named KEY@OP (his key and
           grant).  An import is the consecutive envelopes up to one with last.
  adopt    ops: ids of envelopes; an import is named by its last one
  epoch    key: name of the new key [the id of the envelope]; to: list of [device, box key] in any order [exactly right]; links:
           list of names of older keys [exactly right: those of all maximal epochs of its past]; bad: devices whose box does not open [[]]
  share    boxes: list of [epoch key, device] [[]]; links: list of [newer key, older key] [[]].  One box may also be said as
           epoch, key (the device) and box [the right one].
  rekey    box
  guard    sigs: list of names; and either grant: a body of grant, or revoke: a body of revoke

Refused for its form (A1), whatever the past:
  envelope   no op, or more than 16; more than 64 deps besides prev; two of change and import; two of epoch and share; epoch with
             revoke or ban; leave not the last op; guard not alone; a string as kind that is not above; `signed`, `doc`
  genesis    not op 0; with epoch, share or another genesis; with prev, deps, or seq not 0; root = creator; another author than said
             above; box or rootbox not certified for its key; a rootbox and further ops
  grant      role not 1 to 4; rank not 0 to 65535; parent without own, or not the index of an earlier grant
  revoke     no entries, or more than 64; level not 0 to 3; more than 16 in keep, or one twice; two entries for one grant, in an
             envelope said with "ops" (otherwise the second stands for a second op)
  adopt      no ops, or more than 256, or one twice
  guard      both or neither of grant and revoke; or own; a grant of its author is named
Refused by what is said above of a body: a box key missing or not certified (A6), an epoch whose `to` is not exactly right or
with `bad`, whose links are not exactly right, or with more than 64 (A7); a grant
with wrong keys (A7), a share without boxes and links, or with a wrong `box` (A7).

The answer is one JSON object a history, on one line, every list sorted:
  admissible  ids of envelopes
  effective   names of ops
  visible     ids of the envelopes of visible changes, and of all envelopes of visible imports
with --full also
  essential   ids of the envelopes in the essential set;  heads: those of them that are in the past of no other
  ghosts      ids of void changes among the Automerge ancestors of visible ones
  readers     object: effective readers that have a box key -> that box key
  clean       names of the clean epoch keys, with everything admissible as the view
  maximal     names of the keys of the maximal epochs of the essential set
  parents     object: id of a change -> ids of its Automerge parents.  (An import is its last envelope, and has no parents.)
  number      object: id of a change -> its Automerge seq, from 1
  next        ids: the parents a change on top of everything would have
`random` and `many` write the envelopes, then {"expect": the full answer, "seed": n}, then an empty line.  An answer of all keys to
  {"id":"G","author":"A","seq":0,"kind":"genesis","body":{"root":"R","creator":"A","box":"A.b0"}}
  {"id":"x","author":"A","seq":1,"prev":"G","ops":[{"kind":"epoch"},{"kind":"change"}]}
begins {"admissible":["G","x"],"clean":["x"],"effective":["G","x","x/1"], and has "visible":["x"].

WHERE EACH RULE IS

  3 kinds, needs        need(), Grant, form()        5 formula             View.decide
  3 actor, seq, deps    parents(), number            5 what is left        View.level
  3 import              unit(), why_import           6 ghosts              ghosts()
  3 limits              form()                       6 essential set       essential()
  4 A1                  form(), why_not              7 readers, box keys   readers()
  4 A2                  run()                        7 who knows a key     given(), known()
  4 A3                  why_chain                    7 dirty, clean        clean()
  4 A4                  why_chain, World.author_of   8 forks               visible(): nothing to do; forks()
  4 A5                  why_op: View.decide          9 sharing, persons    Grant.line, why_grant
  4 A6                  why_grant, why_revoke, ..    11 invariants         access_check.py
  4 A7                  why_seal, why_epoch, ..           12 scenarios          tests/data/access, access_test.py
A8 (a chunk's own form), ghosts inside a document, names, relays and sessions have no place in an abstract history.

WHERE THE PAGE LEAVES A CHOICE

 1. The author of a genesis, what stands for "their box keys", and which grants are cold or may enroll: as protocol.md has
    it.  A genesis with a rootbox is alone in its envelope.
 2. A3, own forks.  "Any other key can write no more": with two own envelopes in its past that do not lie on one line of prevs, an
    envelope is refused unless its grant is cold ("the cold root") or all its ops are share or leave.  Those
    take a prev with the greatest seq.  That the fork is joined by such a share, and so causally dominated, does not help.
 3. own: the grant stands below the grant of the envelope, or `parent`.  The one above it needs enroll, at least the new role,
    and a lower rank; A6 holds besides.  A `guard` gives no own grant.  32 counts own grants in the past below the topmost,
    void ones too.
 4. "While its parent's is effective" means the grant op of the parent, as in section 5, not what its holder may still do.
 5. Whoever has several grants: his box key is the one with the greatest counter among his effective grants and effective rekeys,
    also of grants that let him read nothing any more.  "Newer than the last": than every statement in the past, void ones too.
 6. A grant (role read or more) hands over the keys of the maximal epochs of its past, and the key it is sealed under, nothing else;
    also to a cold key, and under the box key it names, even a replaced one.  So does a guard's grant.  Root knows the first key
    only with a rootbox.
 7. A grantee without box key, who knows a key, makes it dirty only when he is no reader.
 8. "A later epoch supersedes it": an effective one.
 9. In this format the links of an epoch are complete: whoever could place the epochs of his past has their keys.  (Real envelopes
    may have fewer, as there may be more than 64; docs/protocol.md.)  One of a share leads from an epoch to one in its past.  They
    count for knowledge, right or wrong.
10. A change may use any clean key.  Whatever is no change, import or epoch may use any epoch key of its past.
11. revoke, ban, guard: not with an epoch in one envelope (they are sealed under the key before).  leave comes last, and what comes
    before it in the envelope counts as before it.  At most one change or import, and one epoch or share.
12. guard: its author needs a grant in his past (A4), whatever has become of it, a cold one too.  Names that are no guardian's, and
    repeated ones, count for nothing.  k = 0 or no guardians: no guard is admissible.
13. An import is visible if every part of it is effective, or its last envelope is adopted; `effective` is said of each part.  It
    breaks off where the line of prevs brings another envelope, or another grant.  Its actors are looked at when it is complete;
    (actor, seq) of every complete import in the past counts, void ones too.
14. Being void is no condition for being adopted.  An import is adopted by its last envelope only, and a complete one.
15. Two entries of a revocation for one grant are not canonical: its entries ascend.  Bans do not touch what a genesis or a guard
    gives, and own grants like others.
16. A share to a device which has the key already is admissible.
17. An own grant made in one envelope with the grant above it rests on an op of its own rank, and a grant on the bans of its own rank:
    "from ranks below" holds for them in the order parent, leave, ban, others inside a rank.
"""
import json
import sys

sys.setrecursionlimit(1 << 20)

NONE, RELAY, READ, WRITE, ADMIN = range(5)
NEED = {"ban": ADMIN, "leave": RELAY, "change": WRITE, "import": WRITE, "adopt": WRITE, "epoch": WRITE, "share": READ,
        "rekey": READ}
KINDS = set(NEED) | {"genesis", "grant", "revoke", "guard"}
COLD_KINDS = {"grant", "revoke", "ban", "share", "rekey", "guard"}
CONTROL = {"genesis", "grant", "revoke", "ban", "leave", "guard", "rekey"}
KEYED = {"genesis", "grant", "epoch", "share", "guard"}
OWN_MAX, OPS_MAX, DEPS_MAX, KEEP_MAX, ENTRIES_MAX, ADOPT_MAX = 32, 16, 64, 16, 64, 256
RANK_GENESIS, RANK_GUARD, RANK_MAX = -2, -1, 65535
CREATOR_RANK = 10


class Op:
    """One op: its envelope and place there, and the mask of the ops in its past."""
    __slots__ = "env index kind body i past cuts given".split()

    def __init__(o, env, index, kind, body, i, past):
        o.env, o.index, o.kind, o.body, o.i, o.past, o.cuts, o.given = env, index, kind, body, i, past, [], None

    @property
    def name(o): return f"{o.env.id}/{o.index}" if o.index else o.env.id


class Env:
    """One envelope; star: its past and itself."""
    __slots__ = "id author grant seq prev seal past star ops j".split()


class Grant:
    """What an op gives to a key.  line: itself and, while these are own, the grants above it."""
    __slots__ = "op key box role rank own enroll cold parent line".split()

    def __init__(g, op, body, parent=None, **over):
        b = {**body, **over}
        g.op, g.key, g.role, g.rank, g.parent = op, b["key"], b["role"], b["rank"], parent
        g.own, g.enroll, g.cold = (bool(b.get(f)) for f in ("own", "enroll", "cold"))
        g.box = "" if g.cold and not over or g.role == RELAY else b.get("box", "")
        g.line = (g,) + (parent.line if parent else ())


class Cut:
    """One entry of a revocation."""
    __slots__ = "op target level keep soft tree".split()

    def covers(c, g): return c.target is g or c.tree and c.target in g.line


def before(o, p): return o.past >> p.i & 1


class World:
    """The envelopes one device holds, in some causal order; the last one may be on trial."""
    def __init__(w):
        w.ops, w.envs, w.grants, w.cuts, w.bans, w.leaves, w.authors, w.epochs = [], {}, {}, {}, {}, {}, {}, []
        w.control = w.keyed = w.stable = 0
        w.genesis, w.undo, w.held, w.trial, w.parents, w.number = None, [], {}, {}, {}, {}

    def all(w): return (1 << len(w.ops)) - 1

    def of(w, m):
        while m:
            b = m & -m
            yield w.ops[b.bit_length() - 1]
            m ^= b

    def keep(w, where, thing):
        where.append(thing)
        w.undo.append(where)

    def memo(w, what, m, make):
        """make(), remembered under a mask of ops, until one of these is popped"""
        d = w.trial if m >> w.stable else w.held
        k = (what, m)
        if k not in d: d[k] = make()
        return d[k]

    def author_of(w, j, prev):
        ref = j.get("grant")
        if ref is None: return prev.grant if prev else None
        return w.grant(ref, j["author"])

    def grant(w, ref, key):
        """the grant an op name and a key stand for, or None"""
        i, _, n = ref.partition("/")
        n = int(n or 0)
        e = w.envs.get(i)
        if e is None or n >= len(e.ops): return None
        gs = w.grants.get(e.ops[n].i, [])
        if key is None: return gs[0] if len(gs) == 1 else None
        return next((g for g in gs if g.key == key), None)

    def push(w, j):
        """puts an envelope on trial; its prev and deps are there"""
        e = Env()
        e.j, e.id, e.author, e.seq, e.ops, e.past = j, j["id"], j["author"], j["seq"], [], 0
        e.prev = w.envs[j["prev"]] if j.get("prev") is not None else None
        for d in j.get("deps", ()): e.past |= w.envs[d].star
        if e.prev: e.past |= e.prev.star
        e.grant = w.author_of(j, e.prev)
        e.seal = j.get("epoch")
        e.star = e.past
        for n, (kind, body) in enumerate(ops_of(j)):
            o = Op(e, n, kind, body, len(w.ops), e.star)
            w.ops.append(o)
            e.ops.append(o)
            w.enter(e, o)
            e.star |= 1 << o.i
        w.envs[e.id] = e
        w.authors.setdefault(e.author, []).append(e)
        return e

    def enter(w, e, o):
        b, kind = o.body, o.kind
        if kind in CONTROL: w.control |= 1 << o.i
        if kind in KEYED: w.keyed |= 1 << o.i
        if kind in ("genesis", "epoch"):
            w.keep(w.epochs, o)
            if e.seal is None: e.seal = key_of(o)
        if kind == "genesis":
            root = Grant(o, b, key=b["root"], role=ADMIN, rank=0, box=b.get("rootbox", ""), enroll=False, cold=True, own=False)
            made = Grant(o, b, key=b["creator"], role=ADMIN, rank=CREATOR_RANK, enroll=True, cold=False, own=False)
            w.grants[o.i] = [made, root]
            e.grant = root if root.box else made
        body = b.get("grant") if kind == "guard" else b
        if kind == "grant":
            n, up = b.get("parent"), None
            if b.get("own"): up = e.grant if n is None else w.grants[e.ops[n].i][0]
            w.grants[o.i] = [Grant(o, b, up)]
        if kind == "guard" and body: w.grants[o.i] = [Grant(o, body)]
        for x in entries(o):
            c = Cut()
            c.op, c.target, c.level = o, w.grant(x["target"], x.get("key")), x.get("level", NONE)
            c.soft, c.tree, c.keep = bool(x.get("soft")), bool(x.get("tree")), 0
            for t in x.get("keep", ()):
                if t in w.envs: c.keep |= w.envs[t].star
            o.cuts.append(c)
            w.keep(w.cuts.setdefault(c.target, []), c)
        if kind == "ban": w.keep(w.bans.setdefault(b["key"], []), o)
        if kind == "leave": w.keep(w.leaves.setdefault(e.grant, []), o)

    def pop(w, e):
        """takes the envelope on trial away again"""
        for where in reversed(w.undo): where.pop()
        w.undo.clear()
        w.trial.clear()
        w.authors[e.author].pop()
        del w.envs[e.id]
        for o in e.ops: w.grants.pop(o.i, None)
        del w.ops[len(w.ops) - len(e.ops):]
        w.control &= w.all()
        w.keyed &= w.all()

    def accept(w, j):
        e = w.push(j)
        w.undo.clear()
        w.trial.clear()
        w.stable = len(w.ops)
        for o in e.ops:
            if o.kind == "genesis": w.genesis = o
            if o.kind == "change":
                w.parents[e.id] = parents(w, o.past)
                w.number[e.id] = 1 + sum(q.kind == "change" and q.env.grant is e.grant for q in w.of(o.past))
        return e

    def view(w, S):
        return w.memo("view", S & w.control, lambda: View(w, S & w.control))

    def grants_in(w, S):
        return [g for o in w.of(S & w.control) for g in w.grants.get(o.i, ())]


def ops_of(j):
    if "ops" in j: return [(o["kind"], o.get("body", {})) for o in j["ops"]]
    return [(j["kind"], j.get("body", {}))]


def entries(o):
    if o.kind == "revoke": return o.body["entries"]
    return o.body["revoke"]["entries"] if o.kind == "guard" and o.body.get("revoke") else ()


def rank(o):
    return RANK_GENESIS if o.kind == "genesis" else RANK_GUARD if o.kind == "guard" else o.env.grant.rank


def need(o):
    if o.kind == "grant": return o.body["role"] if o.body.get("own") else ADMIN
    if o.kind == "revoke":
        g = o.env.grant
        mine = all(c.target and c.target is not g and g in c.target.line for c in o.cuts)
        return RELAY if mine else ADMIN
    return NEED.get(o.kind, WRITE)


# ---------- section 5: effective ----------

class View:
    """What holds in a causally closed set; only its control ops matter."""
    def __init__(v, W, S): v.W, v.S, v.known = W, S, {}

    def eff(v, o):
        if o.kind not in CONTROL: return v.decide(o)
        if o.i not in v.known:
            v.known[o.i] = None
            v.known[o.i] = v.decide(o)
        assert v.known[o.i] is not None, "circular authority"
        return v.known[o.i]

    def has(v, o): return v.S >> o.i & 1

    def cuts(v, g):
        """entries in this view that cover a grant"""
        for t in g.line:
            for c in v.W.cuts.get(t, ()):
                if v.has(c.op) and c.covers(g): yield c

    def decide(v, o):
        if o.kind in ("genesis", "guard"): return True
        g, n = o.env.grant, need(o)
        if not v.eff(g.op) or g.role < n: return False
        if o.kind == "grant":
            new = v.W.grants[o.i][0]
            if new.parent and not v.eff(new.parent.op): return False
            if any(v.has(b) and ban_hits(b, o) and v.eff(b) for b in v.W.bans.get(new.key, ())): return False
        if any(v.denies(c, o, n) and v.eff(c.op) for c in v.cuts(g)): return False
        return o.kind == "leave" or not any(
            v.has(l) and not kept_by_leave(l, o) and v.eff(l) for l in v.W.leaves.get(g, ()))

    def denies(v, c, o, n):
        if c.level >= n or c.keep >> o.i & 1: return False
        return not (c.soft and o.kind in ("revoke", "ban") and not before(o, c.op))

    def level(v, g):
        """the role a grant has left for a new op on top of this view"""
        if not v.eff(g.op): return NONE
        if any(v.has(l) and v.eff(l) for l in v.W.leaves.get(g, ())): return NONE
        return min([g.role] + [c.level for c in v.cuts(g) if c.level < g.role and v.eff(c.op)])


def ban_hits(b, o):
    if before(b, o): return False
    return rank(o) > rank(b) or rank(o) == rank(b) and not before(o, b)


def kept_by_leave(l, o):
    """o lies in past*(prev(l)), or before l in its envelope"""
    return o.env is l.env and o.index < l.index or l.env.prev is not None and l.env.prev.star >> o.i & 1


def effective(W, S):
    v, m = W.view(S), 0
    for o in W.of(S):
        if v.eff(o): m |= 1 << o.i
    return m


# ---------- what is shown, and what is kept: sections 5, 6, 8 ----------

def unit(o):
    """the ops of the import that ends with o"""
    out, e = [o], o.env
    while e.prev and e.prev.grant is e.grant:
        part = [q for q in e.prev.ops if q.kind == "import"]
        if not part or part[0].body.get("last", True): break
        out.insert(0, part[0])
        e = e.prev
    return out


def shown(W, S):
    """visible changes, and the last ops of visible imports"""
    v, out = W.view(S), {}
    for o in W.of(S):
        if o.kind == "change" and v.eff(o): out[o.i] = o
        if o.kind == "import" and o.body.get("last", True) and all(v.eff(p) for p in unit(o)): out[o.i] = o
        if o.kind == "adopt" and v.eff(o):
            for i in o.body["ops"]:
                x = content(W.envs[i])
                out[x.i] = x
    return [out[i] for i in sorted(out)]


def content(e):
    """the change of an envelope, or the import that ends there"""
    return next((o for o in e.ops if o.kind == "change" or o.kind == "import" and o.body.get("last", True)), None)


def visible(W, S):
    return {p.env.id for o in shown(W, S) for p in (unit(o) if o.kind == "import" else [o])}


def essential(W, S):
    v, m = W.view(S), 0
    for o in W.of(S):
        if v.eff(o): m |= o.env.star
    return m


def heads(W, m):
    below = 0
    for o in W.of(m): below |= o.env.past
    return sorted({o.env.id for o in W.of(m & ~below)})


def ancestors(W, ids):
    """Automerge ancestors, themselves included"""
    out, todo = set(), list(ids)
    while todo:
        i = todo.pop()
        if i not in out:
            out.add(i)
            todo += W.parents.get(i, ())
    return out


def parents(W, S):
    """heads of what S shows"""
    ids = {o.env.id for o in shown(W, S)}
    below = set()
    for i in ids: below |= ancestors(W, W.parents.get(i, ()))
    return sorted(ids - below)


def ghosts(W, S):
    ids = {o.env.id for o in shown(W, S)}
    return ancestors(W, ids) - ids


def forks(W, S):
    """envelopes of one author with one prev: (author, prev) -> ids"""
    out = {}
    for e in {o.env for o in W.of(S)}: out.setdefault((e.author, e.prev and e.prev.id), []).append(e.id)
    return {k: sorted(v) for k, v in out.items() if len(v) > 1}


# ---------- section 7: keys ----------

def box_n(b): return int(b.rsplit(".b", 1)[1]) if b else -1
def own_box(b, key): return b.rsplit(".b", 1)[0] == key and b.rsplit(".b", 1)[-1].isdigit()
def key_of(o): return o.env.id if o.kind == "genesis" else o.body.get("key", o.env.id)


def readers(W, S):
    """effective readers -> box key, "" if there is none"""
    def make():
        v = W.view(S)
        live = {g.key: "" for g in W.grants_in(S) if v.level(g) >= READ}
        said = [(g.key, g.box) for g in W.grants_in(S) if g.key in live and v.eff(g.op)]
        said += [(o.env.author, o.body["box"]) for o in W.of(S & W.control)
                 if o.kind == "rekey" and o.env.author in live and v.eff(o)]
        for d, b in said: live[d] = max(live[d], b, key=box_n)
        return live
    return W.memo("readers", S & W.control, make)


def epochs(W, S): return [o for o in W.epochs if S >> o.i & 1]


def maximal(W, S):
    es = epochs(W, S)
    return {key_of(e) for e in es if not any(before(f, e) for f in es)}


def shares(o):
    """boxes of a share, (epoch key, device)"""
    b = o.body
    return [tuple(x) for x in b.get("boxes", ())] + ([(b["epoch"], b["key"])] if "epoch" in b else [])


def links(W, o):
    """(newer, older) pairs an op carries"""
    if o.kind == "share": return [tuple(x) for x in o.body.get("links", ())]
    if o.kind != "epoch": return []
    return [(key_of(o), t) for t in o.body.get("links", sorted(maximal(W, o.past)))]


def granted(o):
    """the body of a grant, a guard's too"""
    return o.body if o.kind == "grant" else o.body.get("grant") or {} if o.kind == "guard" else {}


def given(W, o):
    """(epoch key, device, box key) of all the op hands over, effective or not"""
    b = o.body
    if o.kind == "genesis":
        return [(key_of(o), b["creator"], b["box"])] + ([(key_of(o), b["root"], b["rootbox"])] if b.get("rootbox") else [])
    if o.kind == "epoch": return [(key_of(o), d, x) for d, x in readers(W, o.past).items() if x]
    if o.kind == "share": return [(t, d, readers(W, o.past)[d]) for t, d in shares(o)]
    if granted(o).get("role", NONE) >= READ:
        g = W.grants[o.i][0]
        return [(t, g.key, g.box) for t in maximal(W, o.past) | {o.env.seal}]
    return []


def known(W, S):
    """epoch key -> the (device, box key)s that know it, as far as S records"""
    def make():
        out, ladder = {}, []
        for o in W.of(S & W.keyed):
            if o.given is None: o.given = given(W, o), links(W, o)
            for t, d, b in o.given[0]: out.setdefault(t, set()).add((d, b))
            ladder += o.given[1]
        more = True
        while more:
            more = False
            for n, t in ladder:
                new = out.get(n, set()) - out.setdefault(t, set())
                if new:
                    out[t] |= new
                    more = True
        return out
    return W.memo("known", S & W.keyed, make)


def clean(W, S):
    """names of the keys a change on top of S may be sealed under"""
    def make():
        v, R, H = W.view(S), readers(W, S), known(W, S)
        es = [e for e in epochs(W, S) if v.eff(e)]
        top = [e for e in es if not any(before(f, e) for f in es)]
        return {key_of(e) for e in top if all(d in R and (not b or R[d] == b) for d, b in H.get(key_of(e), ()))}
    return W.memo("clean", S & (W.control | W.keyed), make)


# ---------- section 4: admissible, a function of the past ----------

def form(j):
    """what can be refused without looking at anything else"""
    ops = ops_of(j)
    kinds = [k for k, _ in ops]
    if not 1 <= len(ops) <= OPS_MAX or len(set(j.get("deps", ())) - {j.get("prev")}) > DEPS_MAX: return "A1 limits"
    if any(13 <= k <= 127 for k in kinds if isinstance(k, int)): return "waits"
    if any(not 128 <= k <= 255 if isinstance(k, int) else k not in KINDS for k in kinds): return "A1 kind"
    if j.get("signed", j["author"]) != j["author"]: return "A1 signature"
    if sum(k in ("change", "import") for k in kinds) > 1 or sum(k in ("epoch", "share") for k in kinds) > 1: return "A1 ops"
    if "epoch" in kinds and {"revoke", "ban"} & set(kinds) or "leave" in kinds[:-1]: return "A1 ops"
    if "guard" in kinds and (len(kinds) > 1 or j.get("grant") is not None): return "A1 ops"
    if "genesis" in kinds:
        if kinds[0] != "genesis" or {"genesis", "epoch", "share"} & set(kinds[1:]): return "A1 genesis"
        if ops[0][1].get("rootbox") and len(ops) > 1: return "A1 genesis"
    for n, (kind, b) in enumerate(ops):
        w = form_op(kind, b, kinds[:n])
        if w: return w
    return None


def form_op(kind, b, earlier):
    if kind == "guard":
        if bool(b.get("grant")) == bool(b.get("revoke")): return "A1 guard"
        kind, b = ("grant", b["grant"]) if b.get("grant") else ("revoke", b["revoke"])
        if b.get("own"): return "A6 own"
    if kind == "grant":
        if not RELAY <= b["role"] <= ADMIN or not 0 <= b["rank"] <= RANK_MAX: return "A1 grant"
        n = b.get("parent")
        if n is not None and (not b.get("own") or not 0 <= n < len(earlier) or earlier[n] != "grant"): return "A1 parent"
    if kind == "revoke":
        es = b["entries"]
        if not 1 <= len(es) <= ENTRIES_MAX: return "A1 entries"
        for e in es:
            ks = e.get("keep", ())
            if not NONE <= e.get("level", NONE) < ADMIN or len(ks) > KEEP_MAX or len(set(ks)) < len(ks): return "A1 entries"
    if kind == "adopt" and not 1 <= len(set(b["ops"])) == len(b["ops"]) <= ADOPT_MAX: return "A1 adopt"
    return None


def why_not(W, j):
    """None, or the rule that refuses an envelope whose prev and deps are admissible"""
    w = form(j)
    if w: return w
    first = ops_of(j)[0][0] == "genesis"
    if j.get("doc") not in (None, j["id"] if first else W.genesis and W.genesis.env.id): return "A1 document"
    if first:
        w = why_genesis(W, j)
        if w: return w
    e = W.push(j)
    try:
        return (None if first else why_chain(W, e)) or why_seal(W, e) or next(filter(None, (why_op(W, o) for o in e.ops)), None)
    finally:
        W.pop(e)


def why_genesis(W, j):
    b = ops_of(j)[0][1]
    if W.genesis or j.get("prev") is not None or j.get("deps") or j["seq"] or b["root"] == b["creator"]: return "A1 genesis"
    if j["author"] != (b["root"] if b.get("rootbox") else b["creator"]): return "A1 genesis"
    if not own_box(b["box"], b["creator"]) or b.get("rootbox") and not own_box(b["rootbox"], b["root"]): return "A1 genesis"
    return None


def why_chain(W, e):
    """A3, A4, and what a cold key may do"""
    own = [f for f in W.authors[e.author][:-1] if e.past >> f.ops[-1].i & 1]
    kinds = {o.kind for o in e.ops}
    free = e.grant is not None and e.grant.cold or kinds <= {"share", "leave"}
    if e.prev is None:
        if own or e.seq != 0: return "A3"
    elif e.prev.author != e.author or e.seq != e.prev.seq + 1: return "A3"
    elif free:
        if any(f.seq > e.prev.seq for f in own): return "A3"
    else:
        line, f = set(), e.prev
        while f:
            line.add(f)
            f = f.prev
        if not line.issuperset(own): return "A3 fork"
    if kinds == {"guard"} and e.j.get("grant") is None:
        mine = any(g.key == e.author for g in W.grants_in(e.past))
        return None if mine else "A4"
    if e.grant is None or not e.past >> e.grant.op.i & 1: return "A4"
    if e.grant.cold and kinds - COLD_KINDS: return "A6 cold"
    return None


def why_seal(W, e):
    own = [key_of(o) for o in e.ops if o.kind in ("genesis", "epoch")]
    if own: return None if e.seal == own[0] else "A7 seal"
    return None if e.seal in {key_of(o) for o in epochs(W, e.past)} else "A7 seal"


def why_op(W, o):
    if o.kind == "genesis": return None
    if o.kind in WHY:
        w = WHY[o.kind](W, o)
        if w: return w
    if not W.view(o.past | 1 << o.i).eff(o): return "A5"
    if o.kind in ("change", "import") and o.env.seal not in clean(W, o.past): return "A7 clean"
    return None


def why_box(g, b):
    if b.get("box") and not own_box(b["box"], g.key): return "A6 box"
    return None if g.box or g.cold or g.role == RELAY else "A6 box"


def why_grant(W, o):
    new, me = W.grants[o.i][0], o.env.grant
    keys = maximal(W, o.past) if new.role >= READ else set()
    if set(o.body.get("keys", keys)) != keys: return "A7 keys"
    if new.rank <= me.rank: return "A6 rank"
    if new.role > me.role: return "A6 role"
    if new.own:
        up = new.parent
        if not up.enroll: return "A6 enroll"
        if new.rank <= up.rank or new.role > up.role: return "A6 parent"
        top = new.line[-1]
        if sum(g is not top and g.line[-1] is top for g in W.grants_in(o.past)) >= OWN_MAX: return "A6 devices"
    return why_box(new, o.body)


def why_revoke(W, o):
    if "ops" in o.env.j and len({c.target for c in o.cuts}) < len(o.cuts): return "A1 entries"
    for x, c in zip(entries(o), o.cuts):
        t = c.target
        if t is None or not before(o, t.op): return "A6 target"
        if rank(o) >= t.rank: return "A6 rank"
        keys = {g.key for g in W.grants_in(o.past) if c.covers(g)}
        for k in x.get("keep", ()):
            f = W.envs.get(k)
            if f is None or not o.env.past >> f.ops[-1].i & 1 or f.author not in keys: return "A6 keep"
    return None


def why_guard(W, o):
    G = W.genesis.body
    if not G.get("guardians") or G.get("k", 0) < 1: return "A6 guardians"
    if len(set(o.body["sigs"]) & set(G["guardians"])) < G["k"]: return "A6 guardians"
    return why_box(W.grants[o.i][0], o.body["grant"]) if o.body.get("grant") else why_revoke(W, o)


def why_adopt(W, o):
    for i in o.body["ops"]:
        e = W.envs.get(i)
        if e is None or not o.env.past >> e.ops[-1].i & 1 or content(e) is None: return "A6 adopt"
    return None


def why_rekey(W, o):
    said = [g.box for g in W.grants_in(o.past) if g.key == o.env.author]
    said += [r.body["box"] for r in W.of(o.past & W.control) if r.kind == "rekey" and r.env.author == o.env.author]
    if not own_box(o.body["box"], o.env.author): return "A6 box"
    return None if box_n(o.body["box"]) > max(map(box_n, said)) else "A6 rekey"


def why_epoch(W, o):
    b = o.body
    past = {key_of(e) for e in epochs(W, o.past)}
    R = sorted([d, x] for d, x in readers(W, o.past).items() if x)
    if key_of(o) in past: return "A7 key"
    if sorted(list(x) for x in b.get("to", R)) != R or b.get("bad"): return "A7 boxes"
    ls = b.get("links")
    return None if ls is None or set(ls) == maximal(W, o.past) and len(set(ls)) == len(ls) <= DEPS_MAX else "A7 links"


def why_share(W, o):
    es, R, out = epochs(W, o.past), readers(W, o.past), shares(o)
    if not out and not o.body.get("links"): return "A1 share"
    if any(t not in {key_of(e) for e in es} or not R.get(d) for t, d in out): return "A7 share"
    if "box" in o.body and R[o.body["key"]] != o.body["box"]: return "A7 share"
    for n, t in links(W, o):
        if not any(key_of(x) == n and key_of(y) == t and before(x, y) for x in es for y in es): return "A7 links"
    return None


def why_import(W, o):
    if not o.body.get("last", True): return None
    mine = [tuple(c) for p in unit(o) for c in p.body.get("changes", ())]
    if not mine: return None
    members = {f"{g.key}@{g.op.name}" for g in W.grants_in(o.past)}
    places = {}
    for q in W.of(o.past):
        if q.kind == "import" and q.body.get("last", True):
            for p in unit(q):
                for a, n, h in p.body.get("changes", ()): places.setdefault((a, n), h)
    for a, n, h in mine:
        if a in members: return "A8 actor"
        if places.setdefault((a, n), h) != h: return "A8 place"
    return None


WHY = {"grant": why_grant, "revoke": why_revoke, "guard": why_guard, "adopt": why_adopt, "rekey": why_rekey,
       "epoch": why_epoch, "share": why_share, "import": why_import}


# ---------- histories ----------

def verdict(W):
    S = W.all()
    m = essential(W, S)
    return dict(admissible=sorted(W.envs), effective=sorted(o.name for o in W.of(effective(W, S))),
                visible=sorted(visible(W, S)), essential=sorted({o.env.id for o in W.of(m)}), heads=heads(W, m),
                ghosts=sorted(ghosts(W, S)), readers={d: b for d, b in readers(W, S).items() if b},
                clean=sorted(clean(W, S)), maximal=sorted(maximal(W, m)), parents=W.parents, number=W.number, next=parents(W, S))


def run(lines):
    """what a device holds after these lines, in whatever order they come"""
    W, waiting, seen, missing = World(), {}, set(), {}
    for j in lines:
        if j["id"] in seen: continue
        seen.add(j["id"])
        missing[j["id"]] = {d for d in [*j.get("deps", ()), j.get("prev")] if d is not None and d not in W.envs}
        for d in missing[j["id"]]: waiting.setdefault(d, []).append(j)
        todo = [] if missing[j["id"]] else [j]
        while todo:
            x = todo.pop()
            if ops_of(x)[0][0] != "genesis" and W.genesis is None or why_not(W, x) is not None: continue
            W.accept(x)
            for y in waiting.pop(x["id"], ()):
                missing[y["id"]].discard(x["id"])
                if not missing[y["id"]]: todo.append(y)
    return W


def histories(stream):
    """lists of lines; what has no id is left in"""
    lines = []
    for line in stream:
        if line.strip():
            lines.append(json.loads(line))
        elif lines:
            yield lines
            lines = []
    if lines: yield lines


def envelopes(lines): return [j for j in lines if "id" in j]
def write(x): print(json.dumps(x, sort_keys=True, separators=(",", ":")))


def main(av):
    if av[:1] == ["eval"]:
        for h in histories(sys.stdin):
            v = verdict(run(envelopes(h)))
            write(v if "--full" in av else {k: v[k] for k in ("admissible", "effective", "visible")})
    elif av[:1] in (["random"], ["many"]) and len(av) > 1:
        import access_random
        many = av[0] == "many"
        first, n = int(av[1]), int(av[2]) if len(av) > 2 else None
        for seed in range(first, first + n) if many else [first]:
            g = access_random.Gen(seed, None if many else n)
            for j in g.trace: write(j)
            write(dict(expect=verdict(g.W), seed=seed))
            print()
    elif av[:1] == ["check"] and len(av) == 3:
        import access_check
        access_check.many(int(av[1]), int(av[2]))
    else:
        sys.exit(__doc__.partition("\nTHE FORMAT")[0])


if __name__ == "__main__":
    main(sys.argv[1:])
