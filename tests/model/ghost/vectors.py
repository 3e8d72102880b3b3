#!/usr/bin/env python3
"""vectors.py DIR: writes DIR/*.json: directed cases. Each: changes (label, hash, chunk hex, in causal order), views: {void labels+hashes, heads?, tree, ghosts, stranded}"""
import ghost; from ghost import *; from gen import mkchange
ACT = {n: bytes([i + 1]) * 16 for i, n in enumerate("AEFGH")}
class W:
    def __init__(w, name, text): w.name = name; w.text = text; w.H = Hist(); w.x = {}; w.order = []; w.views = []
    def mask(w, labels):
        m = 0
        for l in labels: y = w.x[l]; m |= y.past | 1 << y.i
        return m
    def id(w, r, m, c):
        if isinstance(r, tuple): return (c, r[1])
        l, k = r.split("."); return w.H.ref(w.x[l].ops[int(k)], m)
    def ch(w, label, who, deps, *ops):
        m = w.mask(deps); A = ACT[who]; hs = w.H.heads(m); start = 1 + max([y.maxop for y in hs] + [0])
        own = [y.c.seq for y in w.H.bya.get(A, ()) if m >> y.i & 1]; out = []
        def R(r):
            if r is None: return None
            if r == "_head": return HEAD
            if r.startswith("."): return (start + int(r[1:]), A)
            l, k = r.split("."); return w.H.ref(w.x[l].ops[int(k)], m)
        for o in ops:
            kind, obj, key, *rest = o; p = {"obj": R(obj), "insert": False, "val": ("null", None), "pred": [], "expand": False, "name": None}
            p["key"] = key[1:] if key.startswith("#") else R(key)
            if kind == "ins": p.update(action=1, insert=True, val=rest[0])
            elif kind == "insmake": p.update(action=rest[0], insert=True)
            elif kind == "put": p.update(action=1, val=rest[0], pred=[R(x) for x in rest[1:]])
            elif kind == "make": p.update(action=rest[0], pred=[R(x) for x in rest[1:]])
            elif kind == "del": p.update(action=3, pred=[R(x) for x in rest])
            elif kind == "inc": p.update(action=5, val=("int", rest[0]), pred=[R(x) for x in rest[1:]])
            elif kind == "mark": p.update(action=7, insert=True, name=rest[0], val=rest[1])
            elif kind == "end": p.update(action=7, insert=True)
            out.append(Op(**p))
        c = mkchange(w.H, m, A, (max(own) if own else 0) + 1, out, time=0); y = w.H.add(c); w.x[label] = y; w.order.append(label); return y
    def view(w, *void, heads=None, note=None, expect=None):
        v = sum(1 << w.x[l].i for l in void); m = w.mask(heads) if heads else None
        B = Batch(w.H, v, m); lab = {y.i: l for l, y in w.x.items()}; t = tree(B)
        if expect is not None:
            got = js(t); assert got == expect, (w.name, void, got, expect)
        for I in (Inc(),):
            if m is None:
                for l in w.order: I.add(w.x[l].c, l in void)
                assert strip(tree(I)) == strip(t), w.name
        r = {"void": list(void), "voidHashes": [w.x[l].c.hash.hex() for l in void], "heads": heads, "tree": t, "plain": js(t), "ghosts": [lab[g.i] for g in ghosts(B)],
             "stranded": [{"op": "%s.%d" % (lab[n.ch.i], n.k), "because": sorted({"%s.%d" % (lab[g.ch.i], g.k) for g in ws})} for n, ws in stranded(B)]}
        if note: r["note"] = note
        if m is None:
            ghost.CELLS = True; b, et, X = export(w.H, v); r["exportFixOps"] = len(X.ops); r["exportHex"] = b.hex(); EXP.append({"name": w.name + str(void), "hex": b.hex(), "tree": strip(et)})
            ghost.CELLS = False; assert strip(tree(X.eff)) == strip(t)
            b2, _, _ = clean(w.H, v); r["cleanHex"] = b2.hex(); EXP.append({"name": w.name + str(void) + "clean", "hex": b2.hex(), "tree": strip(et)})
        w.views.append(r); return r
    def done(w):
        json.dump({"name": w.name, "what": w.text, "changes": [{"label": l, "actor": w.x[l].c.actor.hex(), "seq": w.x[l].c.seq, "hash": w.x[l].c.hash.hex(), "hex": chunk(1, encode_change(w.x[l].c)).hex()} for l in w.order],
                   "views": w.views}, open("%s/%s.json" % (OUT, w.name), "w"), indent=1, ensure_ascii=False)
        NAMES.append(w.name)
EXP = []; NAMES = []
def js(t):
    """plain reading: map -> dict key -> list of conflicting values (ascending), list -> list of lists, text -> string (or [string, marks])"""
    if t["t"] == "map": return {k: [js(x) for x in v] for k, v in t["entries"].items()}
    if t["t"] == "list": return [[js(x) for x in v] for v in t["items"]]
    if t["t"] == "text": return t["text"] if not t["marks"] else [t["text"], [[m["name"], m["start"], m["end"], m["value"][1]] for m in t["marks"]]]
    return t.get("v")
I = lambda n: ("int", n); S = lambda s: ("str", s); CN = lambda n: ("counter", n); T = ("boolean", True)
def go():
    w = W("C1", "a void change overwrote honest a: a is visible again"); w.ch("a", "A", [], ("put", None, "#k", I(1))); w.ch("v", "E", ["a"], ("put", None, "#k", I(2), "a.0")); w.ch("f", "F", ["v"], ("put", None, "#z", I(9)))
    w.view(expect={"k": ["2"], "z": ["9"]}); w.view("v", expect={"k": ["1"], "z": ["9"]}); w.done()
    w = W("C2", "honest c overwrote the void value which had overwritten a: only c"); w.ch("a", "A", [], ("put", None, "#k", I(1))); w.ch("v", "E", ["a"], ("put", None, "#k", I(2), "a.0")); w.ch("c", "F", ["v"], ("put", None, "#k", I(3), "v.0"))
    w.view("v", expect={"k": ["3"]}); w.view("v", "c", expect={"k": ["1"]}, note="v now has no visible dependant: absent"); w.view("c", expect={"k": ["2"]}); w.done()
    w = W("C3", "honest delete of the void value: deleted, a does not come back"); w.ch("a", "A", [], ("put", None, "#k", I(1))); w.ch("v", "E", ["a"], ("put", None, "#k", I(2), "a.0")); w.ch("c", "F", ["v"], ("del", None, "#k", "v.0"))
    w.view("v", expect={}); w.view("c", expect={"k": ["2"]}); w.done()
    w = W("C4", "honest characters typed after and between void ones keep order and place"); w.ch("a", "A", [], ("make", None, "#t", 4), ("ins", ".0", "_head", S("x")), ("ins", ".0", ".1", S("y")))
    w.ch("v", "E", ["a"], ("ins", "a.0", "a.1", S("1")), ("ins", "a.0", ".0", S("2")), ("ins", "a.0", ".1", S("3"))); w.ch("c", "F", ["v"], ("ins", "a.0", "v.0", S("p")), ("ins", "a.0", "v.2", S("q")), ("del", "a.0", "v.1", "v.1"))
    w.ch("d", "G", ["a"], ("ins", "a.0", "a.1", S("d")))
    w.view(expect={"t": ["xd1p3qy"]} if False else None); w.view("v"); w.done()
    w = W("C5", "honest keys inside a void-made object are stranded, back after adopt; a nested honest object too"); w.ch("a", "A", [], ("put", None, "#k", I(1))); w.ch("v", "E", ["a"], ("make", None, "#k", 0, "a.0"), ("put", ".0", "#own", I(7)))
    w.ch("c", "F", ["v"], ("put", "v.0", "#h", I(5)), ("make", "v.0", "#n", 0), ("put", ".1", "#d", I(6))); w.view("v", expect={"k": ["1"]}); w.view(expect={"k": [{"h": ["5"], "n": [{"d": ["6"]}], "own": ["7"]}]}); w.done()
    w = W("C6", "void increments are ignored, honest ones count, overflow wraps"); w.ch("a", "A", [], ("put", None, "#n", CN(10)), ("put", None, "#m", CN((1 << 63) - 1))); w.ch("v", "E", ["a"], ("inc", None, "#n", 100, "a.0"), ("inc", None, "#m", 5, "a.1")); w.ch("c", "F", ["v"], ("inc", None, "#n", 1, "a.0"), ("inc", None, "#m", 1, "a.1"))
    w.view("v", expect={"m": [str(-(1 << 63))], "n": ["11"]}); w.view(); w.done()
    w = W("C7", "fork: (E,2) twice; b1 used by F, b2 used by G; either branch may win, the other is a ghost because F or G stand on it"); w.ch("e1", "E", [], ("make", None, "#l", 2), ("ins", ".0", "_head", I(0)))
    w.ch("b1", "E", ["e1"], ("ins", "e1.0", "e1.1", I(1)), ("put", None, "#k", S("one"))); w.ch("b2", "E", ["e1"], ("ins", "e1.0", "e1.1", I(2)), ("put", None, "#k", S("two")))
    w.ch("f", "F", ["b1"], ("ins", "e1.0", "b1.0", I(11))); w.ch("g", "G", ["b2"], ("ins", "e1.0", "b2.0", I(22)), ("put", None, "#k", S("gee"), "b2.1")); w.ch("m", "H", ["f", "g"], ("put", None, "#done", T), ("put", None, "#k", S("end"), "b1.1", "b2.1", "g.1"))
    w.view("b1"); w.view("b2"); w.view("b1", "b2"); w.done()
    w = W("C8", "void ops nobody depends on, interleaved: same tree as if never sent"); w.ch("a", "A", [], ("make", None, "#l", 2)); prev, pv = "a", "a"
    for i in range(10):
        l = "v%d" % i; w.ch(l, "E", sorted({prev, pv}), ("ins", "a.0", "_head", I(100 + i)), ("put", None, "#k", I(i), *(["v%d.1" % (i - 1)] if i else []))); pv = l
        l = "c%d" % i; w.ch(l, "A", [prev], ("ins", "a.0", "_head", I(i))); prev = l
    w.view(*["v%d" % i for i in range(10)], expect={"l": [[[str(i)] for i in range(9, -1, -1)]]}); w.view(); w.done()
    w = W("G01", "FLAW 1: ghost delete d of a; honest c sets the key with no preds (it saw no value): only c, no conflict with a"); w.ch("a", "A", [], ("put", None, "#k", I(1))); w.ch("d", "E", ["a"], ("del", None, "#k", "a.0")); w.ch("c", "F", ["d"], ("put", None, "#k", I(3)))
    w.view("d", expect={"k": ["3"]}); w.view("c", expect={}); w.view("d", "c", expect={"k": ["1"]}); w.done()
    w = W("G02", "FLAW 1b: ghost delete, honest put, honest delete: a must not come back"); w.ch("a", "A", [], ("put", None, "#k", I(1))); w.ch("d", "E", ["a"], ("del", None, "#k", "a.0")); w.ch("c", "F", ["d"], ("put", None, "#k", I(3))); w.ch("x", "F", ["c"], ("del", None, "#k", "c.0"))
    w.view("d", expect={}); w.view("d", "c", expect={}, note="x covers ghost c which covers ghost d"); w.view("d", "x", expect={"k": ["3"]}); w.done()
    w = W("G03", "closure over several levels, through ghosts only"); w.ch("a", "A", [], ("put", None, "#k", I(1))); w.ch("v1", "E", ["a"], ("put", None, "#k", I(2), "a.0")); w.ch("v2", "E", ["v1"], ("put", None, "#k", I(3), "v1.0")); w.ch("c", "F", ["v2"], ("put", None, "#k", I(4), "v2.0")); w.ch("z", "G", ["c"], ("put", None, "#z", T))
    w.view("v1", "v2", expect={"k": ["4"], "z": [True]}); w.view("v1", "v2", "c", expect={"k": ["1"], "z": [True]}); w.view("v2", "c", expect={"k": ["2"], "z": [True]}, note="v1 adopted, v2 not"); w.view("v1", "c", expect={"k": ["3"], "z": [True]}); w.done()
    w = W("G04", "honest increment of a ghost counter that had overwritten an honest counter goes to the honest one"); w.ch("a", "A", [], ("put", None, "#n", CN(10))); w.ch("v", "E", ["a"], ("put", None, "#n", CN(1000), "a.0")); w.ch("c", "F", ["v"], ("inc", None, "#n", 5, "v.0"))
    w.view("v", expect={"n": ["15"]}); w.view(expect={"n": ["1005"]}); w.done()
    w = W("G05", "FLAW 2: honest increment of a ghost counter that had overwritten a string must not hide the string; the increment is stranded"); w.ch("a", "A", [], ("put", None, "#n", S("x"))); w.ch("v", "E", ["a"], ("put", None, "#n", CN(1000), "a.0")); w.ch("c", "F", ["v"], ("inc", None, "#n", 5, "v.0"))
    w.view("v", expect={"n": ["x"]}); w.done()
    w = W("G06", "FLAW 3: two ghost counters over one honest counter, one honest increment naming both: counted once"); w.ch("a", "A", [], ("put", None, "#n", CN(10))); w.ch("v1", "E", ["a"], ("put", None, "#n", CN(1), "a.0")); w.ch("v2", "G", ["a"], ("put", None, "#n", CN(2), "a.0")); w.ch("c", "F", ["v1", "v2"], ("inc", None, "#n", 5, "v1.0", "v2.0"))
    w.view("v1", "v2", expect={"n": ["15"]}); w.view("v1", expect={"n": ["7"]}, note="v2 visible: gets it; v1's ghost path also reaches a, but a is overwritten by v2"); w.view(); w.done()
    w = W("G07", "a ghost increment that hid a string (conflict string/counter) un-hides it; a later honest put that did not see the string still replaces it"); w.ch("a", "A", [], ("put", None, "#n", CN(1))); w.ch("b", "F", [], ("put", None, "#n", S("s"))); w.ch("v", "E", ["a", "b"], ("inc", None, "#n", 5, "a.0", "b.0")); w.ch("z", "G", ["v"], ("put", None, "#z", T)); w.ch("c", "F", ["v"], ("put", None, "#n", I(3), "a.0"))
    w.view("v", expect={"n": ["3"], "z": [True]}); w.view("v", "c", expect={"n": ["1", "s"], "z": [True]}); w.view("c", expect={"n": ["6"], "z": [True]}); w.done()
    w = W("G08", "honest put on a ghost-inserted list element: present at that place; increment of a ghost-inserted counter: stranded, not present"); w.ch("a", "A", [], ("make", None, "#l", 2), ("ins", ".0", "_head", I(1)), ("ins", ".0", ".1", I(2))); w.ch("v", "E", ["a"], ("ins", "a.0", "a.1", I(50)), ("ins", "a.0", ".0", CN(60))); w.ch("c", "F", ["v"], ("put", "a.0", "v.0", I(51), "v.0"), ("inc", "a.0", "v.1", 1, "v.1"))
    w.view("v", expect={"l": [[["1"], ["51"], ["2"]]]}); w.view(); w.done()
    w = W("G09", "ghost delete of list elements and characters: back in place, honest text typed meanwhile around them keeps place"); w.ch("a", "A", [], ("make", None, "#t", 4), ("ins", ".0", "_head", S("a")), ("ins", ".0", ".1", S("b")), ("ins", ".0", ".2", S("c"))); w.ch("v", "E", ["a"], ("del", "a.0", "a.2", "a.2")); w.ch("c", "F", ["v"], ("ins", "a.0", "a.1", S("X")))
    w.view("v", expect={"t": ["aXbc"]}); w.view(expect={"t": ["aXc"]}); w.done()
    w = W("G10", "ghost mark over an honest mark: honest one back; honest unmark over a ghost mark stays and also unmarks the older honest mark; text typed after a ghost mark end keeps its place"); w.ch("a", "A", [], ("make", None, "#t", 4), *[("ins", ".0", "_head" if i == 0 else ".%d" % i, S("abcdef"[i])) for i in range(6)], ("mark", ".0", "_head", "b", S("red")), ("end", ".0", ".3"))
    w.ch("v", "E", ["a"], ("mark", "a.0", "a.1", "b", S("blue")), ("end", "a.0", "a.5")); w.ch("c", "F", ["v"], ("mark", "a.0", "a.2", "b", ("null", None)), ("end", "a.0", "a.4"), ("ins", "a.0", "v.1", S("!")))
    w.view("v"); w.view(); w.view("c"); w.view("v", "c", expect={"t": [["abcdef", [["b", 0, 3, "red"]]]]}); w.done()
    w = W("G11", "conflict whose winner is a ghost: the greatest visible one wins; restored loser below a survivor keeps ascending order"); w.ch("o", "A", [], ("put", None, "#k", I(0))); w.ch("a", "A", ["o"], ("put", None, "#k", I(1), "o.0")); w.ch("b", "F", ["o"], ("put", None, "#k", I(2), "o.0")); w.ch("v", "H", ["o"], ("put", None, "#k", I(3), "o.0")); w.ch("v2", "E", ["a"], ("del", None, "#k", "a.0")); w.ch("z", "G", ["a", "b", "v", "v2"], ("put", None, "#z", T))
    w.view(); w.view("v", expect={"k": ["2"], "z": [True]}); w.view("v2"); w.view("v", "v2", expect={"k": ["1", "2"], "z": [True]}, note="export must move survivor b above restored a"); w.done()
    w = W("G12", "ghost overwrote an object: it is back with what others wrote into it concurrently; export deep-copies it, clean export keeps its id"); w.ch("a", "A", [], ("make", None, "#o", 0), ("put", ".0", "#x", I(1)), ("make", ".0", "#l", 2), ("ins", ".2", "_head", CN(4))); w.ch("v", "E", ["a"], ("put", None, "#o", S("gone"), "a.0")); w.ch("c", "F", ["a"], ("put", "a.0", "#y", I(2)), ("inc", "a.2", "a.3", 3, "a.3")); w.ch("z", "G", ["c", "v"], ("put", None, "#z", T))
    w.view("v", expect={"o": [{"l": [[["7"]]], "x": ["1"], "y": ["2"]}], "z": [True]}); w.view(expect={"o": ["gone"], "z": [True]}); w.done()
    w = W("G13", "views at old heads use today's void set on the ancestors of the heads"); w.ch("a", "A", [], ("put", None, "#k", I(1))); w.ch("v", "E", ["a"], ("put", None, "#k", I(2), "a.0")); w.ch("c", "F", ["v"], ("put", None, "#k", I(3), "v.0")); w.ch("d", "F", ["c"], ("put", None, "#k", I(4), "c.0"))
    w.view("v", heads=["v"], expect={"k": ["1"]}); w.view("v", heads=["c"], expect={"k": ["3"]}); w.view("v", heads=["a"], expect={"k": ["1"]}); w.view("v", expect={"k": ["4"]}); w.done()
    w = W("G14", "re-affirming a ghost's value leaves no op: setting the ghost winner's value again only deletes the losers; after voiding, what the ghost had overwritten is back"); w.ch("a", "A", [], ("put", None, "#k", I(1))); w.ch("b", "F", ["a"], ("put", None, "#k", I(2), "a.0")); w.ch("v", "H", ["a"], ("put", None, "#k", I(3), "a.0")); w.ch("c", "G", ["b", "v"], ("del", None, "#k", "b.0"))
    w.view(expect={"k": ["3"]}); w.view("v", expect={}, note="a is overwritten by visible b, b deleted by c: nothing left. Known loss, see the report"); w.done()
    w = W("G15", "void change without visible dependants is absent; un-voiding restores; adopting only the later of two"); w.ch("a", "A", [], ("make", None, "#t", 4), ("ins", ".0", "_head", S("a"))); w.ch("v1", "E", ["a"], ("ins", "a.0", "a.1", S("1"))); w.ch("v2", "E", ["v1"], ("ins", "a.0", "v1.0", S("2")), ("del", "a.0", "a.1", "a.1"))
    w.view("v1", "v2", expect={"t": ["a"]}); w.view("v1", expect={"t": ["2"]}); w.view(expect={"t": ["12"]}); w.view("v2", expect={"t": ["a1"]}); w.done()
    w = W("G16", "honest delete naming a ghost and an honest value; honest put by an informed author names the restored value and the ghost"); w.ch("a", "A", [], ("put", None, "#k", I(1))); w.ch("v", "E", ["a"], ("put", None, "#k", I(2), "a.0")); w.ch("f", "F", ["v"], ("put", None, "#z", T)); w.ch("c", "G", ["f"], ("put", None, "#k", I(5), "a.0", "v.0"))
    w.view("v", expect={"k": ["5"], "z": [True]}); w.view(expect={"k": ["5"], "z": [True]}, note="after adopt of v: still only c"); w.done()
    w = W("G17", "ghost text with a ghost block and honest content inside the block: stranded"); w.ch("a", "A", [], ("make", None, "#t", 4), ("ins", ".0", "_head", S("a"))); w.ch("v", "E", ["a"], ("insmake", "a.0", "a.1", 0), ("put", ".0", "#type", S("para"))); w.ch("c", "F", ["v"], ("put", "v.0", "#type", S("head"), "v.1"), ("ins", "a.0", "v.0", S("z")))
    w.view("v", expect={"t": ["az"]}); w.view(); w.done()
    w = W("G18", "FLAW 8: fork; branch b2 inserts an element, honest g overwrites it; b1 wins; the element is present with g's value, and an informed author must name it: pick cannot, the alias can"); w.ch("e1", "E", [], ("make", None, "#l", 2)); w.ch("b1", "E", ["e1"], ("ins", "e1.0", "_head", I(1))); w.ch("b2", "E", ["e1"], ("ins", "e1.0", "_head", I(2)))
    w.ch("g", "G", ["b2"], ("put", "e1.0", "b2.0", I(22), "b2.0")); w.ch("f", "F", ["b1", "g"], ("ins", "e1.0", "b2.0", I(33)), ("del", "e1.0", "b2.0", "g.0")); w.ch("h", "H", ["f"], ("ins", "e1.0", "b1.0", I(44)))
    w.view("b2"); w.view("b1"); w.view("b2", "f", "h", expect={"l": [[["22"], ["1"]]]}, note="the element of the losing branch is present with honest g's value"); w.done()
    w = W("G19", "FLAW 7: fork with two changes on each branch; choosing per (actor, seq) by smallest hash could mix branches, choosing at the fork point cannot"); w.ch("e1", "E", [], ("put", None, "#k", I(0)))
    w.ch("b1", "E", ["e1"], ("put", None, "#k", I(1), "e1.0")); w.ch("b2", "E", ["e1"], ("put", None, "#k", I(2), "e1.0")); w.ch("b1b", "E", ["b1"], ("put", None, "#k", I(11), "b1.0")); w.ch("b2b", "E", ["b2"], ("put", None, "#k", I(22), "b2.0"))
    w.view("b1", "b1b", expect={"k": ["22"]}); w.view("b2", "b2b", expect={"k": ["11"]}); w.done()
    w = W("G20", "fork inside a fork; all three branches used"); w.ch("e1", "E", [], ("make", None, "#l", 2)); w.ch("b1", "E", ["e1"], ("ins", "e1.0", "_head", I(1))); w.ch("b2", "E", ["e1"], ("ins", "e1.0", "_head", I(2))); w.ch("b1x", "E", ["b1"], ("ins", "e1.0", "b1.0", I(11))); w.ch("b1y", "E", ["b1"], ("ins", "e1.0", "b1.0", I(12)))
    w.ch("f", "F", ["b1x"], ("ins", "e1.0", "b1x.0", I(91))); w.ch("g", "G", ["b1y"], ("ins", "e1.0", "b1y.0", I(92))); w.ch("h", "H", ["b2"], ("ins", "e1.0", "b2.0", I(93))); w.ch("m", "A", ["f", "g", "h"], ("ins", "e1.0", "g.0", I(99)))
    w.view("b1y", "b2"); w.view("b1x", "b2"); w.view("b1", "b1x", "b1y"); w.done()
if __name__ == "__main__":
    OUT = sys.argv[1]; os.makedirs(OUT, exist_ok=True); go(); json.dump(NAMES, open(OUT + "/index.json", "w"))
    print(len(NAMES), "vectors", sum(len(json.load(open("%s/%s.json" % (OUT, n)))["views"]) for n in NAMES), "views")
