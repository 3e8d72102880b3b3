"""One device's replica of one document: envelopes in, verdicts, keys and Automerge changes out.

Authority as docs say it, for the kinds of version 1, slow and plain: every verdict is computed from the set of
envelopes in the past.  An op is (envelope id, index); a grant is a reference (envelope id, index), 255 = the root's.
"""
import lkproto as p
import amref
from lkproto import check, Refused, Wait


class View:
    """What holds in a causally closed set of ops."""
    def __init__(self, rep, ops):
        self.rep, self.ops, self.memo = rep, set(ops), {}
        self.revokes = [(x, e) for x in self.ops if rep.kind(x) == p.REVOKE for e in rep.value(x)]
        self.leaves = [x for x in self.ops if rep.kind(x) == p.LEAVE]
        self.grants = {ref: g for ref, g in rep.grants.items() if g["op"] in self.ops}
        self.epochs = [x for x in self.ops if rep.kind(x) in (p.GENESIS, p.EPOCH)]

    def need(self, x):
        kind, v = self.rep.kind(x), self.rep.value(x)
        if kind == p.GRANT:
            return v["role"] if v["flags"] & p.OWN else p.ADMIN
        if kind == p.REVOKE:
            mine = self.rep.grant_of(x)
            below = all(self.rep.grants[(e["id"], e["index"])]["own"] and mine in self.rep.own_line((e["id"], e["index"]))
                for e in v)
            return p.RELAY if below else p.ADMIN
        return {p.LEAVE: p.RELAY, p.CHANGE: p.WRITE, p.IMPORT: p.WRITE, p.EPOCH: p.WRITE, p.SHARE: p.READ}.get(kind, p.WRITE)

    def covers(self, entry, ref):
        target = (entry["id"], entry["index"])
        return target == ref or bool(entry["flags"] & p.TREE and target in self.rep.own_line(ref))

    def allowed(self, x, ref, need):
        """Would x (an op, or None for a new one on top of the view) be effective under grant ref?"""
        rep = self.rep
        g = self.grants.get(ref)
        if g is None or g["role"] < need or not self.effective(g["op"]):
            return False
        for c, e in self.revokes:
            if self.covers(e, ref) and e["level"] < need and self.effective(c):
                if x and any(rep.in_past_star(x[0], k) for k in e["keep"]):
                    continue
                if x and e["flags"] & p.SOFT and rep.kind(x) == p.REVOKE and not rep.in_past(c, x):
                    continue
                return False
        for c in self.leaves:
            if rep.grant_of(c) == ref and x != c and self.effective(c) and not (x and rep.kind(x) == p.LEAVE):
                if not (x and (rep.in_past_star(x[0], rep.env[c[0]]["prev"]) or rep.in_past(x, c) and x[0] == c[0])):
                    return False
        return True

    def effective(self, x):
        if x not in self.memo:
            if self.rep.kind(x) == p.GENESIS:
                self.memo[x] = True
            else:
                ok = self.allowed(x, self.rep.grant_of(x), self.need(x))
                if ok and self.rep.kind(x) == p.GRANT:
                    g = self.rep.grants[x]
                    ok = not g["own"] or (g["parent"] in self.grants and self.effective(self.grants[g["parent"]]["op"]))
                self.memo[x] = ok
        return self.memo[x]

    def readers(self):
        """device pk -> current box key (None for cold ones)"""
        out = {}
        for ref, g in self.grants.items():
            if self.allowed(None, ref, p.READ):
                best = out.get(g["device"], (-1, b""))
                out[g["device"]] = max(best, (g["counter"], g["box"] or b""))
        return {d: b or None for d, (_, b) in out.items()}

    def box_keys(self):
        return {b for b in self.readers().values() if b}

    def etag(self, x): return self.rep.env[x[0]]["etag"]

    def maximal(self):
        return [e for e in self.epochs if not any(self.rep.in_past(e, f) for f in self.epochs)]

    def known(self):
        """etag -> {(device, box key)} that some op handed it to, down the links; right or wrong, effective or not."""
        rep, out = self.rep, {}
        for x in self.ops:
            kind, v = rep.kind(x), rep.value(x)
            give = []
            if kind == p.GENESIS:
                give = [(self.etag(x), v["device"], v["box"])] + ([(self.etag(x), v["root"], v["root_box"])]
                    if v["policy"] & 1 else [])
            elif kind == p.EPOCH:
                give = [(self.etag(x), d, b) for d, b in View(rep, rep.past_ops(x)).readers().items() if b]
            elif kind == p.SHARE:
                readers = View(rep, rep.past_ops(x)).readers()
                give = [(b[2], d, readers[d]) for b, d in zip(rep.env[x[0]]["section"]["boxes"], v)]
            elif kind == p.GRANT and v["role"] >= p.READ and v["box"]:
                give = [(t, v["device"], v["box"]) for t in rep.handed_by_grant(x)]
            for t, d, b in give:
                out.setdefault(t, set()).add((d, b))
        links = [(n or rep.env[x[0]]["etag"], o) for x in self.ops if rep.kind(x) in (p.EPOCH, p.SHARE)
                 for n, o, _ in rep.env[x[0]]["section"]["links"]]
        again = True
        while again:
            again = False
            for newer, older in links:
                more = out.get(newer, set()) - out.setdefault(older, set())
                if more:
                    out[older] |= more
                    again = True
        return out

    def clean(self):
        readers, known = self.readers(), self.known()
        good = [e for e in self.epochs if self.effective(e)]
        heads = [e for e in good if not any(self.rep.in_past(e, f) for f in good)]
        return sorted(e for e in heads if all(readers.get(d) == b for d, b in known[self.etag(e)]))

    def seal_key(self):
        """etag for an op that is no change: the lowest clean key, else the last"""
        c = self.clean()
        return self.etag(c[0] if c else max(self.maximal(), key=lambda e: (len(self.rep.past_ops(e)), e)))

    def visible(self):
        """change ops that show; imports are left out of this model"""
        return [x for x in self.ops if self.rep.kind(x) == p.CHANGE and self.effective(x)]


class Replica:
    def __init__(self, name, S, docid, keys=(), box_sk=None, my_pk=None):
        self.name, self.S, self.docid, self.box_sk, self.pk = name, S, docid, box_sk, my_pk
        self.topic = p.topic_id(S)
        self.L = {p.etag_of(L): L for L in keys}
        self.env, self.order, self.grants, self.am, self.waiting, self.refused, self.spare = {}, [], {}, {}, {}, {}, {}

    # -------------------------------------------------------------- the DAG

    def kind(self, x): return self.env[x[0]]["body"]["ops"][x[1]][0]
    def value(self, x): return self.env[x[0]]["body"]["ops"][x[1]][1]
    def grant_of(self, x): return self.env[x[0]]["grant"]
    def in_past_star(self, eid, tip): return eid == tip or (tip in self.env and eid in self.env[tip]["past"])
    def in_past(self, a, b): return a[0] in self.env[b[0]]["past"] or (a[0] == b[0] and a[1] < b[1])
    def ops_of(self, eids): return {(i, n) for i in eids for n in range(len(self.env[i]["body"]["ops"]))}
    def past_ops(self, x): return self.ops_of(self.env[x[0]]["past"]) | {(x[0], n) for n in range(x[1])}
    def view(self): return View(self, self.ops_of(self.order))

    def own_line(self, ref):
        """the grants above an own grant, its person's root included"""
        out = []
        while ref in self.grants and self.grants[ref]["own"]:
            ref = self.grants[ref]["parent"]
            out.append(ref)
        return out

    def handed_by_grant(self, x):
        v = View(self, self.past_ops(x))
        return {v.etag(e) for e in v.maximal()} | {self.env[x[0]]["etag"]}

    def keys_before(self, x):
        """etags a welcome for grant x may hold: those the grant hands over, and every older one of its past"""
        v = View(self, self.past_ops(x))
        return {v.etag(e) for e in v.epochs} | {self.env[x[0]]["etag"]}

    def essential(self):
        v = self.view()
        good = {x[0] for x in v.ops if v.effective(x)}
        return {i for i in self.order if any(self.in_past_star(i, g) for g in good)}

    def heads(self, eids=None):
        eids = self.essential() if eids is None else eids
        return sorted(i for i in eids if not any(i in self.env[j]["past"] for j in eids))

    def chain_tip(self, pk):
        mine = [self.env[i] for i in self.order if self.env[i]["author"] == pk]
        return max(mine, key=lambda e: e["seq"]) if mine else None

    def farewell(self, device):
        """What a former reader is still served: the past of the earliest effective revocations of each grant, and those."""
        view = self.view()
        refs = [r for r, g in view.grants.items() if g["device"] == device]
        if not refs or any(view.allowed(None, r, p.RELAY) for r in refs):
            return None
        first = set()
        for r in refs:
            end = {x[0] for x, e in view.revokes if view.covers(e, r) and e["level"] < p.RELAY and view.effective(x)}
            end |= {x[0] for x in view.leaves if self.grant_of(x) == r and view.effective(x)}
            first |= {i for i in end if not any(j in self.env[i]["past"] for j in end)}
        return {i for i in self.order if any(self.in_past_star(i, f) for f in first)}

    # -------------------------------------------------------------- receiving

    def receive(self, raw):
        """accepted | known | waiting: why | refused: why; then whatever waited for it"""
        verdict = self.receive_one(raw)
        before = None
        while before != (len(self.order), len(self.L), len(self.spare)):
            before = (len(self.order), len(self.L), len(self.spare))
            self.learn()
            for w in list(self.waiting.values()):
                if self.receive_one(w) == "accepted" and w == raw:
                    verdict = "accepted"
        return verdict

    def receive_one(self, raw):
        try:
            e = p.parse_envelope(raw)
            if e["id"] in self.env:
                return "known"
            self.accept(e)
        except Wait as w:
            self.waiting[p.envelope_id(raw)] = raw
            return "waiting: %s" % w
        except Refused as r:
            self.refused[p.envelope_id(raw)] = str(r)
            return "refused: %s" % r
        self.waiting.pop(e["id"], None)
        return "accepted"

    def key_for(self, e):
        for keys in (self.L, self.spare):
            if e["etag"] in keys:
                return keys[e["etag"]]
        if e["section"] and self.box_sk:
            found = p.find_my_keys(e["section"], self.box_sk, self.topic, e["etag"])
            if e["etag"] in found:
                return found[e["etag"]]
        raise Wait("key unknown")

    def learn(self):
        """Keys out of boxes and links. Those of accepted envelopes are held; those of envelopes that still wait
        (spare) only open other envelopes: a newcomer needs a link of an epoch whose past he cannot open yet."""
        def pull(envelopes, into):
            for e in envelopes:
                if e["section"]:
                    if self.box_sk:
                        into.update(p.find_my_keys(e["section"], self.box_sk, self.topic, e["etag"]))
                    into.update(p.follow_links(e["section"], e["etag"], {**self.L, **self.spare}))
        before = None
        while before != (len(self.L), len(self.spare)):
            before = (len(self.L), len(self.spare))
            pull(self.env.values(), self.L)
            pull([p.parse_envelope(w) for w in self.waiting.values()], self.spare)

    def accept(self, e):
        check(e["topic"] == self.topic, "other topic")
        L = self.key_for(e)
        p.open_envelope(e, L)
        b = e["body"]
        first = b["ops"][0]
        genesis = first[0] == p.GENESIS
        if genesis:
            check(e["id"] == self.docid, "another genesis in this topic")
            v = first[1]
            home = v["policy"] & 1
            e["author"], e["grant"], e["past"] = (v["root"] if home else v["device"]), (e["id"], p.ROOT_INDEX if home
                else 0), frozenset()
        else:
            need = set(b["deps"]) | ({e["prev"]} if e["seq"] > 1 else set())
            if not need <= set(self.env):
                raise Wait("past unknown")
            e["past"] = frozenset(need.union(*(self.env[i]["past"] for i in need)))
            check(e["prev"] not in b["deps"], "prev in deps")
            before = self.env[e["prev"]]["grant"] if e["seq"] > 1 else None
            check(b["grant"] is None or b["grant"] != before, "grant repeated")
            e["grant"] = b["grant"] or before
            check(e["grant"] in self.grants and e["grant"][0] in e["past"], "grant is not in the past")
            e["author"] = self.grants[e["grant"]]["device"]
        check(p.author_tag(self.S, e["author"]) == e["tag"], "author tag")
        p.verify_envelope(e, e["author"], p.ZERO if genesis else self.docid)
        if e["seq"] > 1:
            prev = self.env[e["prev"]]
            check(prev["author"] == e["author"] and prev["seq"] + 1 == e["seq"], "prev")
        own = {i for i in e["past"] if self.env[i]["author"] == e["author"]}
        check(all(self.in_past_star(i, e["prev"]) for i in own), "past holds a fork of the author")
        self.env[e["id"]] = e
        grants, am = dict(self.grants), dict(self.am)
        try:
            have = {self.env[o[0]]["etag"] for o in self.ops_of(e["past"]) if self.kind(o) in (p.GENESIS, p.EPOCH)}
            check(genesis or (e["section"] or {}).get("type") == 1 or e["etag"] in have, "sealed under no epoch of the past")
            for n, (kind, v) in enumerate(b["ops"]):
                self.admit((e["id"], n), kind, v, L)
        except (Refused, Wait):
            del self.env[e["id"]]
            self.grants, self.am = grants, am
            raise
        self.order.append(e["id"])
        self.L[e["etag"]] = L

    def admit(self, x, kind, v, L):
        e = self.env[x[0]]
        if kind == p.GENESIS:
            base = dict(own=False, parent=None, op=x, role=p.ADMIN)
            self.grants[(x[0], 0)] = dict(base, enroll=True, device=v["device"], rank=1000, box=v["box"], counter=v["counter"], cold=False)
            self.grants[(x[0], p.ROOT_INDEX)] = dict(base, device=v["root"], rank=0, box=v.get("root_box"), counter=0,
                enroll=False, cold=True)
            return
        view = View(self, self.past_ops(x))
        mine = self.grants[e["grant"]]
        check(not mine["cold"] or kind in (p.GRANT, p.REVOKE, p.SHARE), "kind not for a cold key")
        if kind == p.GRANT:
            parent = (x[0], v["parent"]) if v["flags"] & p.PARENT_HERE else e["grant"]
            g = dict(device=v["device"], box=v["box"], counter=v.get("counter", 0), role=v["role"], rank=v["rank"], op=x,
                     own=bool(v["flags"] & p.OWN), enroll=bool(v["flags"] & p.ENROLL), cold=bool(v["flags"] & p.COLD))
            g["parent"] = parent if g["own"] else None
            check(v["rank"] > mine["rank"] and v["role"] <= mine["role"], "rank or role")
            if g["own"]:
                up = self.grants.get(parent)
                check(up and up["enroll"] and v["rank"] > up["rank"] and v["role"] <= up["role"], "own grant")
            self.grants[x] = g
        if kind == p.REVOKE:
            for n in v:
                t = self.grants.get((n["id"], n["index"]))
                check(t and t["op"] in view.ops and t["rank"] > mine["rank"], "revoke target")
                check(all(k in e["past"] and view.covers(n, self.env[k]["grant"]) for k in n["keep"]), "keep")
        # the op must be effective in its own past plus itself
        check(View(self, view.ops | {x}).effective(x), "not effective in its own view")
        if kind == p.EPOCH:
            past = {view.etag(o) for o in view.epochs}
            check(e["etag"] not in past, "epoch key seen before")
            p.check_epoch_section(e["section"], L, self.topic, e["seq"], e["tag"], view.box_keys(), past)
        if kind == p.SHARE:
            readers, past = view.readers(), {view.etag(o) for o in view.epochs}
            check(all(readers.get(d) for d in v), "share to no reader")
            check(all(b[2] in past for b in e["section"]["boxes"]), "share of no epoch of the past")
            check(all(n in past and o in past for n, o, _ in e["section"]["links"]), "link of no epoch of the past")
            at = {view.etag(o): o for o in view.epochs}
            check(all(self.in_past(at[o], at[n]) for n, o, _ in e["section"]["links"]), "link upwards")
        if kind == p.CHANGE:
            check(e["etag"] in {view.etag(c) for c in view.clean()}, "change under a key that is not clean")
            self.am[x] = self.change_of(x, v, view)

    # -------------------------------------------------------------- Automerge

    def ancestors(self, xs):
        out, todo = set(), list(xs)
        while todo:
            x = todo.pop()
            if x not in out:
                out.add(x)
                todo += self.am[x]["parents"]
        return out

    def change_place(self, view, grant, grant_id_now=None):
        """deps, actor, seq, startOp of a change on top of `view` under `grant`: a function of the past alone"""
        vis = [x for x in view.visible() if x in self.am]
        tops = [x for x in vis if not any(y != x and x in self.ancestors([y]) for y in vis)]
        tops.sort(key=lambda x: self.am[x]["hash"])
        below = self.ancestors(tops)
        seq = 1 + sum(1 for x in view.ops if self.kind(x) == p.CHANGE and self.grant_of(x) == grant)
        start = 1 + max([self.am[x]["max"] for x in below], default=0)
        actor = p.actor_id(self.S, self.grants[grant]["device"], grant[0], grant[1])
        return tops, actor, seq, start, below

    def change_of(self, x, content, view):
        tops, actor, seq, start, _ = self.change_place(view, self.env[x[0]]["grant"])
        chunk = p.chunk_of(content, [self.am[t]["hash"] for t in tops], actor, seq, start)
        try:
            (_, body, h), = amref.chunks(chunk)
            c = amref.parse_change(body, h)
            check(amref.encode_change(c) == body, "change is not canonical")
        except (amref.Bad, UnicodeDecodeError) as err:
            raise Refused("Automerge: %s" % err)
        return dict(chunk=chunk, hash=h, parents=tops, max=start + len(c.ops) - 1, change=c)

    def document(self, view=None):
        """The plain Automerge document of the visible changes (and the ghosts below them, which this model shows)."""
        view = view or self.view()
        d = amref.Doc()
        d.add([self.am[x]["change"] for x in sorted(self.ancestors(view.visible()), key=lambda x: self.order.index(x[0])
            if x[0] in self.order else 1 << 30)])
        assert not d.queue
        return d
