#!/usr/bin/env python3
"""access_scenarios.py - the scenarios of access.md, written down as histories with their outcome.

usage: access_scenarios.py DIR [ROUNDS]      writes DIR/NAME.jsonl: a note, the envelopes, {"expect": ..}

ROUNDS [250]: the length of L6, four ops each.

Each says what its text in section 12 says must be refused, void or shown; nothing here asks the model.  Everything not
listed is admissible, effective and visible.  Cast: root R, creator C, admins A and B (rank 10), junior admin M (20,
by A), writers E (by A) and F (by M), rank 200, who may enroll.
"""
import json
import pathlib
import sys

NONE, RELAY, READ, WRITE, ADMIN = range(5)


class Story:
    def __init__(s, name, text, cast=True, **genesis):
        s.name, s.text, s.lines, s.env, s.past = name, text, [], {}, {}
        b = dict(root="R", creator="C", box="C.b0", guardians=["P", "Q", "S"], k=2)
        s.put("G", "R" if genesis.get("rootbox") else "C", None, [("genesis", {**b, **genesis})], [], None)
        if not cast: return
        s.grant("gA", "R", "G", "A", ADMIN, 10, ["G"]).grant("gB", "R", "G", "B", ADMIN, 10, ["gA"])
        s.grant("gM", "A", "gA", "M", ADMIN, 20, ["gB"]).grant("gE", "A", "gA", "E", WRITE, 200, ["gM"], enroll=True)
        s.grant("gF", "M", "gM", "F", WRITE, 200, ["gE"], enroll=True)

    def put(s, i, author, grant, ops, on, seal, prev=0, over=None):
        """on: what the author claims to have seen; prev: his last envelope there, unless said"""
        past = set(on).union(*(s.past.get(d, ()) for d in on))
        own = [e for e in s.lines if e["id"] in past and e["author"] == author]
        p = max(own, key=lambda e: e["seq"]) if own and prev == 0 else s.env.get(prev)
        j = dict(id=i, author=author, grant=grant, seq=p["seq"] + 1 if p else 0, prev=p and p["id"], deps=list(on), epoch=seal)
        if len(ops) == 1: j["kind"], j["body"] = ops[0]
        else: j["ops"] = [dict(kind=k, body=b) for k, b in ops]
        j.update(over or {})
        s.lines.append(j)
        s.env[i], s.past[i] = j, past
        return s

    def op(s, i, author, g, kind, on, seal="G", prev=0, over=None, **body):
        return s.put(i, author, g, [(kind, body)], on, None if kind == "epoch" else seal, prev, over)

    def change(s, i, who, on, seal="G", grant=None, **kw): return s.op(i, who, grant or "g" + who, "change", on, seal, **kw)

    def fresh(s, i, who, on, grant=None):
        """an epoch and a change under it: I and I/1"""
        return s.put(i, who, grant or "g" + who, [("epoch", {}), ("change", {})], on, None)

    def grant(s, i, by, g, key, role, rank, on, seal="G", over=None, **flags):
        b = dict(key=key, role=role, rank=rank, **flags)
        if not flags.get("cold") and role != RELAY: b.setdefault("box", key + ".b0")
        return s.put(i, by, g, [("grant", b)], on, seal, 0, over)

    def revoke(s, i, by, g, target, on, keep=(), key=None, seal="G", prev=0, **entry):
        x = dict(target=target, keep=list(keep), **entry)
        if key: x["key"] = key
        return s.put(i, by, g, [("revoke", dict(entries=[x]))], on, seal, prev)

    def end(s, folder, refused=(), void=(), adopted=(), **also):
        adm = [e for e in s.lines if e["id"] not in refused]
        ops = [(e, n, k) for e in adm for n, k in enumerate([e["kind"]] if "kind" in e else [o["kind"] for o in e["ops"]])]
        name = lambda e, n: f"{e['id']}/{n}" if n else e["id"]
        eff = {name(e, n) for e, n, _ in ops} - set(void)
        left = (set(refused) | set(void)) - {e["id"] for e in s.lines} - {name(e, n) for e, n, _ in ops}
        assert not left, (s.name, left)
        seen = {e["id"] for e, n, k in ops if k in ("change", "import") and name(e, n) in eff} | set(adopted)
        seen -= set(also.pop("hidden", ()))
        expect = dict(admissible=sorted(e["id"] for e in adm), effective=sorted(eff), visible=sorted(seen), **also)
        rows = [dict(note=f"{s.name}: {s.text}"), *s.lines, dict(expect=expect)]
        text = "".join(json.dumps(r, separators=(", ", ": ")) + "\n" for r in rows)
        (folder / f"{s.name}.jsonl").write_text(text)


def edits(d):
    """T1 to T5, T12 to T14, T17 to T19, T24, C7: edits and their author's revocation"""
    t1 = lambda name, text: Story(name, text).change("e1", "E", ["gF"]).revoke("c", "A", "gA", "gE", ["e1"], ["e1"]).change("e2", "E", ["e1"])
    t1("T1", "E edits e1, A revokes E keeping e1, E concurrently edits e2: e1 stays, e2 void").end(d, void=["e2"])
    t2 = lambda name, text: t1(name, text).change("e9", "E", ["e2"]).change("e8", "E", ["gF"])
    t2("T2", "E later signs e9, and e8 on old deps: void").end(d, void=["e2", "e8", "e9"])
    t3 = lambda name, text: t2(name, text).change("f1", "F", ["e9"])
    t3("T3", "F, not informed, edits on top of e9: F's edit visible, e9 not").end(d, void=["e2", "e8", "e9"], ghosts=["e2", "e9"])
    t4 = lambda name, text: t3(name, text).op("ad", "F", "gF", "adopt", ["f1", "c"], ops=["e9"])
    t4("T4a", "F adopts e9: visible").end(d, void=["e2", "e8", "e9"], adopted=["e9"], ghosts=["e2"])
    t4("T4b", "F revoked with a frontier before the adopt: e9 gone, F's kept edit stays").revoke(
        "cF", "A", "gA", "gF", ["ad"], ["f1"]).end(d, void=["e2", "e8", "e9", "ad"])
    Story("T5", "E signs an edit whose past holds its own revocation: refused").revoke("c", "A", "gA", "gE", ["gF"]).change(
        "x", "E", ["c"]).fresh("y", "E", ["c"]).end(d, refused=["x", "y"])

    t12 = lambda name, text: Story(name, text).change("e1", "E", ["gF"]).change("e2", "E", ["e1"]).revoke(
        "c", "A", "gA", "gE", ["e2"], ["e1"])
    t12("T12", "A revokes E at e1 after seeing e2: e2 void").end(d, void=["e2"])
    t13 = lambda name, text: t12(name, text).grant("g2", "A", "gA", "E", WRITE, 200, ["c"]).op(
        "x2", "A", "gA", "epoch", ["g2"]).change("e3", "E", ["x2"], "x2", "g2")
    t13("T13", "E re-added: new edits count, e2 stays void").end(d, void=["e2"], number={"e1": 1, "e2": 2, "e3": 1})
    t13("T14", "a late revocation of the old grant: no effect on the new").revoke("c2", "B", "gB", "gE", ["e2"], ["e1"]).end(
        d, void=["e2"])
    Story("T17", "two revocations with different frontiers: the intersection").change("e1", "E", ["gF"]).change(
        "e2", "E", ["e1"]).revoke("c1", "A", "gA", "gE", ["e2"], ["e2"]).revoke("c2", "B", "gB", "gE", ["e1"], ["e1"]).end(
        d, void=["e2"])
    fork = lambda name, text: Story(name, text).change("a", "E", ["gF"]).change("b", "E", ["gF"])
    fork("T18", "a fork, one branch kept by a revocation: the other void").change("f1", "F", ["a", "b"]).revoke(
        "c", "A", "gA", "gE", ["f1"], ["b"]).end(d, void=["a"], ghosts=["a"])
    fork("C7", "a fork: both branches visible; later ones of both too; the author's key may only share and leave").change(
        "a2", "E", ["a"]).change("b2", "E", ["b"]).change("f1", "F", ["a2", "b2"]).change("x", "E", ["f1"]).fresh(
        "y", "E", ["f1"]).op("s", "E", "gE", "share", ["f1"], boxes=[["G", "F"]]).change("z", "E", ["s"]).op(
        "lv", "E", "gE", "leave", ["s"]).end(d, refused=["x", "y", "z"], number={"a": 1, "b": 1, "a2": 2, "b2": 2, "f1": 1})
    Story("T19", "leave, then an edit forked around it: void").change("e1", "E", ["gF"]).op("lv", "E", "gE", "leave", ["e1"]).change(
        "e2", "E", ["e1"]).end(d, void=["e2"])
    s = Story("T29", "a grant under an intermediate admin, and that admin's revocation: the same in any order")
    s.grant("gZ", "M", "gM", "Z", ADMIN, 30, ["gF"]).grant("gY", "Z", "gZ", "Y", WRITE, 300, ["gZ"]).change("y1", "Y", ["gY"])
    s.revoke("cM", "A", "gA", "gM", ["gF"], ["gF"]).end(d, void=["gZ", "gY", "y1"])


def admins(d):
    """T6 to T11, T15, T16, T20 to T25: admins against each other"""
    Story("T6", "A and B revoke each other: both refused").revoke("x", "A", "gA", "gB", ["gF"]).revoke(
        "y", "B", "gB", "gA", ["gF"]).end(d, refused=["x", "y"])
    Story("T7", "M revokes A: refused").revoke("x", "M", "gM", "gA", ["gF"]).end(d, refused=["x"])
    t8 = lambda name, text: Story(name, text).revoke("cM", "A", "gA", "gM", ["gF"], ["gF"]).revoke("mE", "M", "gM", "gE", ["gF"])
    t8("T8", "A revokes M; concurrently M revokes E, grants Z, Z edits: all void; E and F still write").grant(
        "gZ", "M", "gM", "Z", WRITE, 300, ["mE"]).fresh("z1", "Z", ["gZ"]).change("e1", "E", ["gF"]).change(
        "f1", "F", ["gF"]).end(d, void=["mE", "gZ", "z1", "z1/1"])
    t8("T9", "M, evicted, dates back revocations of E, F, A: no effect").revoke("mF", "M", "gM", "gF", ["mE"]).revoke(
        "mA", "M", "gM", "gA", ["mF"]).change("e1", "E", ["gF"]).change("f1", "F", ["gF"]).end(d, void=["mE", "mF"], refused=["mA"])
    s = Story("T10", "two at once: no effect").revoke("cM", "A", "gA", "gM", ["gF"], ["gF"])
    s.op("m", "M", "gM", "revoke", ["gF"], entries=[dict(target="gE"), dict(target="gF")])
    s.change("e1", "E", ["gF"]).change("f1", "F", ["gF"]).end(d, void=["m"])
    t11 = lambda name, text: Story(name, text).revoke("aM", "A", "gA", "gM", ["gF"], ["gF"]).change("m1", "M", ["gF"])
    t11("T11a", "A revokes M; R revokes A without having seen it: M is back").revoke(
        "rA", "R", "G", "gA", ["gF"], ["gE"]).end(d, void=["aM"])
    t11("T11b", "R has seen it: M stays out").revoke("rA", "R", "G", "gA", ["aM"], ["aM"]).end(d, void=["m1"])
    s = Story("T15", "a ban against concurrent and junior re-adds; an equal who has seen it may lift it")
    s.op("bn", "A", "gA", "ban", ["gF"], key="E").revoke("c", "A", "gA", "gE", ["bn"])
    s.grant("col", "M", "gM", "E", WRITE, 300, ["gF"]).grant("jun", "M", "gM", "E", WRITE, 300, ["col", "c"])
    s.grant("eq", "B", "gB", "E", WRITE, 300, ["gF"]).grant("lift", "B", "gB", "E", WRITE, 300, ["eq", "c"])
    s.grant("sen", "R", "G", "E", WRITE, 300, ["gF"]).fresh("e1", "E", ["lift"], "lift")
    s.end(d, void=["col", "eq"], refused=["jun"])
    s = Story("T16", "M downgraded to write while M edits and grants: the edit stays, the grant is void")
    s.revoke("cM", "A", "gA", "gM", ["gF"], ["gF"], level=WRITE).change("m1", "M", ["gF"])
    s.grant("gZ", "M", "gM", "Z", WRITE, 300, ["m1"]).end(d, void=["gZ"])
    s = Story("T20", "a writer grants, anyone grants a rank <= his own, or a role above it: refused")
    s.grant("x1", "E", "gE", "Z", WRITE, 300, ["gF"]).grant("x2", "M", "gM", "Z", ADMIN, 20, ["gF"])
    s.grant("x3", "A", "gA", "Z", ADMIN, 9, ["gF"]).grant("x4", "E", "gE", "Z", ADMIN, 300, ["gF"], own=True)
    s.end(d, refused=["x1", "x2", "x3", "x4"])
    s = Story("T21", "a revocation citing someone else's grant, or the victim's own grant as its proof: refused")
    s.revoke("x", "E", "gA", "gM", ["gF"]).revoke("y", "E", "gM", "gM", ["gF"]).end(d, refused=["x", "y"])
    s = Story("T22", "keep tip not in the past, or not the target's: refused").change("e1", "E", ["gF"])
    s.revoke("x", "A", "gA", "gE", ["gF"], ["e1"]).revoke("y", "A", "gA", "gE", ["e1"], ["gF"]).end(d, refused=["x", "y"])
    t23 = lambda name, text: Story(name, text).grant("gZ", "M", "gM", "Z", WRITE, 300, ["gF"]).revoke(
        "cM", "A", "gA", "gM", ["gZ"], ["gZ"]).grant("gY", "M", "gM", "Y", WRITE, 300, ["gZ"]).change("z1", "Z", ["gZ"]).change("y1", "Y", ["gY"])
    t23("T23", "an unseen sub-grant dies with its work, a seen one lives").end(d, void=["gY", "y1"])
    t23("T24", "later ops under a void grant: void").change("y2", "Y", ["y1"]).op("l", "Y", "gY", "leave", ["y2"]).end(
        d, void=["gY", "y1", "y2", "l"])
    t25 = lambda name, text: Story(name, text).revoke("cM", "A", "gA", "gM", ["gF"], ["gF"], soft=True).revoke(
        "mE", "M", "gM", "gE", ["gF"]).grant("gZ", "M", "gM", "Z", WRITE, 300, ["mE"]).change("e1", "E", ["gF"])
    t25("T25a", "soft keeps M's unseen revocation, not its grant").end(d, void=["gZ", "e1"])
    t25("T25b", "hardening voids it with one op").revoke("cM2", "A", "gA", "gM", ["cM"], ["gF"]).end(d, void=["gZ", "mE"])


def forms(d):
    """T26 to T28: what a codec and a waiting room must do"""
    s = Story("T26", "somebody else's signature: refused; the author's own second envelope: a fork")
    s.change("x", "E", ["gF"], over=dict(signed="F")).change("a", "E", ["gF"]).change("b", "E", ["gF"]).end(d, refused=["x"])
    s = Story("T27", "what cannot be, the wrong document, gaps in seq: refused").change("e1", "E", ["gF"])
    s.change("x1", "E", ["e1"], over=dict(doc="other")).change("x2", "E", ["e1"], over=dict(seq=2))
    s.change("x3", "E", ["e1"], over=dict(seq=0, prev=None)).change("x4", "E", ["e1"], over=dict(prev="gF"))
    s.revoke("x5", "A", "gA", "gE", ["gF"], level=ADMIN).grant("x6", "A", "gA", "Z", NONE, 300, ["gF"])
    s.grant("x7", "A", "gA", "Z", WRITE, 65536, ["gF"]).op("x8", "A", "gA", 0, ["gF"]).op("x9", "A", "gA", "adopt", ["gF"], ops=[])
    s.put("xa", "A", "gA", [("change", {}), ("change", {})], ["gF"], "G").put("xb", "A", "gA", [("leave", {}), ("change", {})], ["gF"], "G")
    s.put("xc", "A", "gA", [("revoke", dict(entries=[dict(target="gE")])), ("epoch", {})], ["gF"], None)
    s.revoke("xd", "A", "gA", "gE", ["gF"], ["gE"] * 17).op("xe", "A", "gA", "revoke", ["gF"], entries=[])
    s.op("xg", "A", "gA", "revoke", ["gF"], entries=[dict(target="gE"), dict(target="gE", key="E", level=READ)])
    s.put("xf", "A", "gA", [("unheard", {})], ["gF"], "G").op("u", "E", "gE", 200, ["e1"]).op("w", "E", "gE", 100, ["e1"])
    s.end(d, refused=[f"x{c}" for c in "123456789abcdefg"] + ["w"])
    s = Story("T27b", "sixty-four deps, 16 ops, 16 tips, 64 entries, 256 adopted: one more is refused")
    last, ids = "gF", []
    for n in range(258):
        s.change(f"e{n}", "E", [last])
        ids.append(last := f"e{n}")
    s.change("d64", "F", ids[:64]).change("d65", "F", ids[:65]).change("d66", "F", ["d64"] + ids[:64])
    s.put("o16", "F", "gF", [("share", dict(boxes=[["G", "A"]]))] + [(200, {})] * 15, ["gF"], "G").put(
        "o17", "F", "gF", [(200, {})] * 17, ["gF"], "G")
    s.revoke("k16", "A", "gA", "gE", [last], ids[:16]).revoke("k17", "A", "gA", "gE", [last], ids[:17])
    s.op("a256", "M", "gM", "adopt", [last], ops=ids[:256]).op("a257", "M", "gM", "adopt", [last], ops=ids[:257])
    for n in range(65):
        s.grant(f"r{n}", "A", "gA", f"Z{n}", RELAY, 300, [last])
        last = f"r{n}"
    many = [dict(target=f"r{n}") for n in range(65)]
    s.op("n64", "B", "gB", "revoke", [last], entries=many[:64]).op("n65", "B", "gB", "revoke", [last], entries=many)
    s.end(d, refused=["d65", "o17", "k17", "a257", "n65"], void=ids[16:], adopted=ids[:256])
    s = Story("T28", "deps naming an unknown hash: waits, never applied; what only came early is taken")
    s.change("x", "E", ["gF"], over=dict(deps=["gF", "nowhere"])).change("y", "F", ["x"])
    s.change("e1", "E", ["gF"]).change("f1", "F", ["e1"]).change("e2", "E", ["f1"])
    s.lines.sort(key=lambda j: j["id"] != "G" and -len(s.past[j["id"]]))
    s.end(d, refused=["x", "y"])


def roots(d):
    """T30, T31: the phrase and the guardians"""
    s = Story("T30", "the phrase after all admins left").op("l1", "A", "gA", "leave", ["gF"]).op("l2", "B", "gB", "leave", ["gF"])
    s.op("l3", "M", "gM", "leave", ["gF"]).op("l4", "C", "G", "leave", ["gF"]).fresh("e1", "E", ["l1", "l2", "l3", "l4"])
    s.grant("gN", "R", "G", "N", ADMIN, 10, ["e1"], "e1").change("n1", "N", ["gN"], "e1").grant("gD", "N", "gN", "D", WRITE, 300, ["n1"], "e1")
    s.op("x", "R", "G", "leave", ["gD"], "e1").grant("y", "A", "gA", "Z", WRITE, 300, ["gD"], "e1")
    s.end(d, refused=["x", "y"], readers={k: k + ".b0" for k in "EFND"}, clean=["e1"])
    give = lambda k, r: dict(key=k, box=k + ".b0", role=ADMIN, rank=r, enroll=True)
    guard = lambda s, i, on, sigs, **b: s.op(i, "F", "gF", "guard", on, sigs=sigs, **b)
    s = Story("T31", "k-1 guardians: refused; k: works; a duplicate signer counts once")
    for i, sigs in (("x1", ["P"]), ("x2", ["P", "P"]), ("x3", ["P", "A"]), ("x4", [])): guard(s, i, ["gF"], sigs, grant=give("N", 0))
    guard(s, "k1", ["gF"], ["P", "Q"], grant=give("N", 0))
    guard(s, "k2", ["k1"], ["Q", "S"], revoke=dict(entries=[dict(target="G", key="R", keep=["gB"])]))
    s.grant("late", "R", "G", "Z", ADMIN, 1, ["gF"]).op("s", "E", "gE", "share", ["k2"], boxes=[["G", "N"]])
    s.revoke("nF", "N", "k1", "gF", ["s"]).end(d, refused=["x1", "x2", "x3", "x4"], void=["late"])


def keys(d):
    """K1 to K12"""
    rest = {k: k + ".b0" for k in "ABCEFM"}
    drop = lambda *ks: {k: v for k, v in rest.items() if k not in ks}
    cut = lambda name, text: Story(name, text).revoke("c", "A", "gA", "gE", ["gF"])
    cut("K1", "the first change by one who had seen the removal is under a key the removed one does not have").fresh("f1", "F", ["c"]).end(
        d, clean=["f1"], readers=drop("E"))
    cut("K2", "a change under the old epoch by someone who had seen it: refused").change("x", "F", ["c"]).op(
        "x2", "F", "gF", "import", ["c"]).change("m1", "M", ["gF"]).end(d, refused=["x", "x2"], clean=[])
    s = Story("K3", "concurrent removals: the next change is under an epoch neither can open").revoke("cE", "A", "gA", "gE", ["gF"])
    s.op("x4", "A", "gA", "epoch", ["cE"]).revoke("cF", "B", "gB", "gF", ["gF"]).op("x5", "B", "gB", "epoch", ["cF"])
    s.change("y1", "M", ["x4", "x5"], "x4").change("y2", "M", ["x4", "x5"], "x5").fresh("m1", "M", ["x4", "x5"])
    s.end(d, refused=["y1", "y2"], clean=["m1"], readers=drop("E", "F"))
    s = Story("K4", "concurrent add and rotation: the new reader reads after a share, with no admin")
    s.grant("gD", "A", "gA", "D", READ, 250, ["gF"]).op("x", "F", "gF", "epoch", ["gF"]).change("f1", "F", ["x"], "x")
    s.op("s", "E", "gE", "share", ["f1", "gD"], "x", boxes=[["x", "D"]]).op("no", "E", "gE", "share", ["f1"], "x", boxes=[["x", "D"]])
    s.revoke("cD", "B", "gB", "gD", ["s"], seal="x").change("y", "F", ["cD"], "x").end(
        d, refused=["no", "y"], clean=[], readers=rest)
    s = Story("K5", "nothing in an epoch can claim to be newest: of two, both may be used").op("x1", "A", "gA", "epoch", ["gF"])
    s.op("x2", "F", "gF", "epoch", ["gF"]).change("e1", "E", ["x1", "x2"], "x1").change("m1", "M", ["x1", "x2"], "x2")
    s.change("y", "M", ["m1"], "G").end(d, refused=["y"], clean=["x1", "x2"], maximal=["x1", "x2"])
    s = Story("K6", "an epoch with one recipient too many or too few: refused; the order does not matter")
    full = [[k, v] for k, v in rest.items()]
    s.op("y1", "F", "gF", "epoch", ["gF"], to=full[1:]).op("y2", "F", "gF", "epoch", ["gF"], to=full + [["Z", "Z.b0"]])
    s.op("y3", "F", "gF", "epoch", ["gF"], to=full[1:] + [["A", "A.b1"]]).op("x", "F", "gF", "epoch", ["gF"], to=full[::-1])
    s.end(d, refused=["y1", "y2", "y3"])
    s = Story("K7", "a box that does not open: inadmissible in an epoch; a share heals").op("y", "F", "gF", "epoch", ["gF"], bad=["A"])
    s.op("s", "E", "gE", "share", ["gF"], boxes=[["G", "A"]]).end(d, refused=["y"])
    s = Story("K8", "an evicted admin dates back an epoch: void, never chosen; honest work under it stays")
    s.revoke("cM", "A", "gA", "gM", ["gF"], ["gF"]).op("xm", "M", "gM", "epoch", ["gF"]).op("xn", "A", "gA", "epoch", ["cM"])
    s.change("f1", "F", ["xm"], "xm").change("e1", "E", ["f1", "xn"], "xn").change("y", "E", ["e1"], "xm")
    s.end(d, void=["xm"], refused=["y"], clean=["xn"], readers=drop("M"))
    s = Story("K9", "a newcomer reads everything: the grant hands over both newest keys")
    s.op("x1", "A", "gA", "epoch", ["gF"]).op("x2", "B", "gB", "epoch", ["gF"]).grant("gD", "A", "gA", "D", READ, 250, ["x1", "x2"])
    s.change("e1", "E", ["gD"], "x1").revoke("cD", "A", "gA", "gD", ["gD"]).change("y1", "F", ["cD"], "x1").change("y2", "F", ["cD"], "x2")
    s.fresh("f1", "F", ["cD"]).end(d, refused=["y1", "y2"], clean=["f1"])
    s = Story("K10", "after rekey the old box key is used no more, not even when a grant names it again")
    s.op("rk", "E", "gE", "rekey", ["gF"], box="E.b1").change("y", "F", ["rk"]).op("x", "F", "gF", "epoch", ["rk"])
    s.grant("g2", "A", "gA", "E", ADMIN, 30, ["x"], "x").change("y1", "F", ["g2"], "x").fresh("f1", "F", ["g2"]).op("y2", "E", "gE", "rekey", ["x"], "x", box="E.b1")
    s.op("y3", "E", "gE", "rekey", ["x"], "x", box="F.b7")
    s.end(d, refused=["y", "y1", "y2", "y3"], readers={**rest, "E": "E.b1"}, clean=["f1"])
    s = Story("K11", "only one key is tried: the one the envelope names, of an epoch in its past").op("x1", "A", "gA", "epoch", ["gF"])
    s.change("y1", "E", ["gF"], "x1").change("y2", "E", ["gF"], "other").change("y3", "E", ["gF"], None)
    s.op("y4", "E", "gE", "epoch", ["gF"], over=dict(epoch="G")).change("e1", "E", ["x1"], "x1").end(d, refused=["y1", "y2", "y3", "y4"])
    s = Story("K12", "an old key published again as a new epoch: refused").op("x1", "A", "gA", "epoch", ["gF"], key="k1")
    s.op("y1", "F", "gF", "epoch", ["x1"], key="k1").op("y2", "F", "gF", "epoch", ["x1"], key="G").change("e1", "E", ["x1"], "k1")
    s.op("x2", "F", "gF", "epoch", ["gF"], key="k1").end(d, refused=["y1", "y2"], clean=["k1"], maximal=["k1"])


def persons(d):
    """Section 9, and what sections 3, 5 and 6 say besides the numbered scenarios"""
    s = Story("P1", "sharing with a person: root key and devices in one envelope; tree takes all, his phrase one of them")
    p = lambda key, rank, **f: ("grant", dict(key=key, role=WRITE, rank=rank, **f))
    s.put("gP", "A", "gA", [p("P0", 300, cold=True, enroll=True), p("P1", 301, own=True, parent=0, enroll=True, box="P1.b0"),
                            p("P2", 301, own=True, parent=0, box="P2.b0")], ["gF"], "G")
    s.change("p1", "P1", ["gP"], grant="gP/1").change("p2", "P2", ["gP"], grant="gP/2")
    s.grant("gQ", "P1", "gP/1", "P3", WRITE, 302, ["p1"], own=True).change("q1", "P3", ["gQ"], grant="gQ")
    s.op("x1", "P0", "gP", "change", ["gP"]).grant("x2", "P2", "gP/2", "Z", WRITE, 303, ["gP"], own=True)
    s.grant("x3", "P1", "gP/1", "Z", WRITE, 301, ["gP"], own=True).revoke("x4", "P1", "gP/1", "gP/2", ["p2"])
    s.revoke("pc", "P0", "gP", "gP/2", ["p1", "p2"], ["p2"]).change("p3", "P2", ["p2"], grant="gP/2")
    s.revoke("cP", "B", "gB", "gP", ["gQ", "p2"], ["p1", "p2"], tree=True).change("q2", "P3", ["q1"], grant="gQ")
    s.grant("gW", "P1", "gP/1", "P4", WRITE, 303, ["gQ"], own=True)
    s.end(d, refused=["x1", "x2", "x3", "x4"], void=["p3", "gQ", "q1", "q2", "pc", "gW"])
    s = Story("P2", "one's own further device: added and revoked by any live grant above it, and nobody else's")
    s.grant("gE2", "E", "gE", "E2", WRITE, 201, ["gF"], own=True, enroll=True).grant("gE3", "E2", "gE2", "E3", READ, 202, ["gE2"], own=True)
    s.change("q1", "E2", ["gE3"], grant="gE2").revoke("c", "E", "gE", "gE2", ["q1"], ["q1"]).change("q2", "E2", ["q1"], grant="gE2")
    s.revoke("x1", "E", "gE", "gF", ["gF"]).revoke("x2", "F", "gF", "gE2", ["gE2"]).revoke("c3", "E", "gE", "gE3", ["c"])
    s.grant("x3", "E2", "gE2", "E4", WRITE, 203, ["c"], own=True).end(d, refused=["x1", "x2", "x3"], void=["q2"])
    s = Story("P3", "at most 32 further devices a person")
    last = "gF"
    for n in range(33):
        s.grant(f"d{n}", "E", "gE", f"D{n}", READ, 201, [last], own=True)
        last = f"d{n}"
    s.end(d, refused=["d32"])
    s = Story("P4", "an own grant falls with the grant op it came from")
    s.put("gP", "M", "gM", [p("P0", 300, cold=True, enroll=True), p("P1", 301, own=True, parent=0, box="P1.b0")], ["gF"], "G")
    s.change("p1", "P1", ["gP"], grant="gP/1").op("b", "A", "gA", "ban", ["gF"], key="P0").end(d, void=["gP", "gP/1", "p1"])
    s = Story("P5", "a home document: root has a box, signs the genesis, and reads what comes", cast=False, rootbox="R.b0")
    s.grant("g1", "R", "G", "D", WRITE, 1001, ["G"]).fresh("d1", "D", ["g1"], "g1").op("rk", "R", "G", "rekey", ["d1"], "d1", box="R.b1")
    s.op("x", "R", "G", "change", ["d1"], "d1").op("x2", "C", "G", "change", ["rk"], "d1").fresh("c1", "C", ["rk"], "G")
    s.end(d, refused=["x", "x2"], readers={"R": "R.b1", "C": "C.b0", "D": "D.b0"}, clean=["c1"])
    s = Story("P6", "leave and come back: the new grant is another one, what left stays left")
    s.change("e1", "E", ["gF"]).op("lv", "E", "gE", "leave", ["e1"]).grant("g2", "A", "gA", "E", WRITE, 200, ["lv"])
    s.change("e2", "E", ["g2"], grant="g2").change("x", "E", ["g2"]).change("e3", "E", ["e2"], grant="g2")
    s.put("ll", "F", "gF", [("change", {}), ("leave", {})], ["gF"], "G").end(d, refused=["x"])


def contents(d):
    """imports, the essential set, and what section 5 says about one's own leave"""
    s = Story("I1", "an import is its consecutive envelopes, kept and voided as one, adopted by its last")
    s.op("i1", "E", "gE", "import", ["gF"], last=False).op("i2", "E", "gE", "import", ["i1"])
    s.revoke("c", "A", "gA", "gE", ["i2"], ["i1"]).op("x", "F", "gF", "adopt", ["i2"], ops=["i1"])
    s.op("i3", "F", "gF", "import", ["gF"], last=False).change("f1", "F", ["i3"]).op("i4", "F", "gF", "import", ["f1"])
    s.end(d, refused=["x"], void=["i2"], hidden=["i1", "i3"], ghosts=[])
    s = Story("I2", "an adopted import is shown with all its parts").op("i1", "E", "gE", "import", ["gF"], last=False)
    s.op("i2", "E", "gE", "import", ["i1"]).revoke("c", "A", "gA", "gE", ["gF"]).op("ad", "F", "gF", "adopt", ["i2", "c"], ops=["i2"])
    s.end(d, void=["i1", "i2"], adopted=["i1", "i2"])
    s = Story("I3", "no import holds a member's actor, or another change at a place an import has taken")
    s.op("i1", "E", "gE", "import", ["gF"], changes=[["a", 1, "h1"], ["a", 2, "h2"]])
    s.op("x1", "F", "gF", "import", ["i1"], changes=[["a", 2, "other"]]).op("x2", "F", "gF", "import", ["i1"], changes=[["E@gE", 1, "h"]])
    s.op("i2", "F", "gF", "import", ["i1"], changes=[["a", 2, "h2"], ["a", 3, "h3"], ["E@gF", 1, "h"]])
    s.op("i3", "M", "gM", "import", ["gF"], changes=[["a", 2, "other"]]).end(d, refused=["x1", "x2"])
    s = Story("Q1", "void leftovers are in nobody's past: quarantine; what honest work rests on is essential")
    s.change("e1", "E", ["gF"]).revoke("c", "A", "gA", "gE", ["e1"], ["e1"]).change("e2", "E", ["e1"]).change("e3", "E", ["e2"])
    s.change("f1", "F", ["e2"]).end(d, void=["e2", "e3"], essential=sorted("G gA gB gM gE gF e1 c e2 f1".split()), heads=["c", "f1"])
    s = Story("N1", "an adopted import takes nothing of its author with it").change("e1", "E", ["gF"])
    s.op("i1", "E", "gE", "import", ["e1"]).revoke("c", "A", "gA", "gE", ["i1"])
    s.op("a1", "F", "gF", "adopt", ["c"], ops=["i1"]).fresh("f1", "F", ["a1"]).op("a2", "F", "gF", "adopt", ["f1"], "f1", ops=["e1"])
    s.end(d, void=["e1", "i1"], adopted=["e1", "i1"], next=["e1", "f1"])
    s = Story("Q2", "an evicted writer's back-dated leave does not destroy what was kept").change("e1", "E", ["gF"]).change("e2", "E", ["e1"])
    s.revoke("c", "A", "gA", "gE", ["e2"], ["e2"]).op("lv", "E", "gE", "leave", ["e1"]).end(d, void=["lv"])


def floods(d, rounds):
    """L4 to L6, as far as a history can say them"""
    s = Story("L4", "a revoked device floods with back-dated ops: void, outside the essential set")
    s.change("e1", "E", ["gF"]).revoke("c", "A", "gA", "gE", ["e1"], ["e1"]).fresh("f1", "F", ["c"])
    void = []
    for n in range(400):
        i, on = f"e{n + 2}", ["gF"] if n % 50 == 49 else [f"e{n + 1}"]
        if n % 9 == 5: s.grant(i, "E", "gE", f"Z{n % 30}", READ, 300, on, own=True)
        else: s.change(i, "E", on)
        void.append(i)
    s.end(d, void=void, essential=sorted("G gA gB gM gE gF e1 c f1".split()), heads=["f1"], clean=["f1"])
    s = Story("L5", "a mixed history: the same after any restart, in any order")
    s.change("e1", "E", ["gF"]).change("f1", "F", ["e1"]).revoke("cM", "A", "gA", "gM", ["e1"], ["gF"])
    s.grant("gZ", "M", "gM", "Z", ADMIN, 30, ["f1"]).op("bE", "M", "gM", "ban", ["gZ"], key="E").revoke("zF", "Z", "gZ", "gF", ["gZ"])
    s.revoke("rA", "R", "G", "gA", ["f1"], ["gE"], soft=True).fresh("e2", "E", ["rA", "f1"]).op("ad", "F", "gF", "adopt", ["e2", "gZ"], "e2", ops=["f1"])
    s.revoke("nM", "B", "gB", "gM", ["cM", "e2"], ["gF"], seal="e2").change("m1", "M", ["bE"]).fresh("f2", "F", ["nM", "ad"])
    s.end(d, void=["zF", "gZ", "bE", "m1"])
    s = Story("L6", "a long control history: grants, revocations, own devices, downgrades", cast=False)
    last, void = "G", []
    for n in range(rounds):
        s.grant(f"g{n}", "C", "G", f"W{n}", ADMIN, 2000 + n, [last], enroll=True)
        s.grant(f"o{n}", f"W{n}", f"g{n}", f"V{n}", WRITE, 9000, [f"g{n}"], own=True)
        s.revoke(f"c{n}", "C", "G", f"g{n}", [f"g{n}"], level=n % 4, tree=n % 3 == 0)
        s.op(f"l{n}", f"V{n}", f"o{n}", "leave", [f"o{n}"])
        last = f"c{n}"
        # An unseen own grant of a writer needs write; so does what stands below it, but a leave.
        if n % 4 < WRITE: void += [f"o{n}", f"l{n}"]
    s.end(d, void=void)


def main(av):
    if not 1 <= len(av) <= 2: sys.exit(__doc__)
    d = pathlib.Path(av[0])
    d.mkdir(parents=True, exist_ok=True)
    for part in (edits, admins, forms, roots, keys, persons, contents): part(d)
    floods(d, int(av[1]) if len(av) > 1 else 250)


if __name__ == "__main__":
    main(sys.argv[1:])
