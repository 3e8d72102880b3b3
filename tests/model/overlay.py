#!/usr/bin/python3
"""What neighbours in a crowd say to each other, in Python, written from docs/protocol.md section 20 alone.

usage: overlay.py [--write FILE | --check FILE]      needs python3-nacl
"""
import hashlib
import json
import pathlib
import sys
import lkproto as p
from lkproto import u8, u32

PUSH, IHAVE, GRAFT, PRUNE, NEIGHBOUR, WALK, SHUFFLED = range(96, 103)
JOIN, HIGH, LOW, YES, NO, DONE = range(1, 7)
DATA = pathlib.Path(__file__).parents[1] / "data/protocol"


def ids_body(topic, ids): return u32(topic) + b"".join(ids)


def entry(certs, addresses): return p.encode_proof(certs) + p.write_tlvs(addresses)


def walk_body(topic, kind, hops, name, entries):
    return u32(topic) + u8(kind) + u8(hops) + name + u8(len(entries)) + b"".join(entries)


def shuffled_body(topic, name, entries): return u32(topic) + name + u8(len(entries)) + b"".join(entries)


def parse_entries(r, least):
    n = r.u8()
    p.check(least <= n <= 8, "entries")
    for _ in range(n):
        p.verify_chain(p.read_proof(r))
        p.read_tlvs(r)
    r.end()


def parse(t, body):
    r = p.Reader(body)
    r.u32()
    if t in (IHAVE, GRAFT):
        p.check(r.left() % 32 == 0 and r.left() <= 64 * 32, "ids")
        p.check(t == GRAFT or r.left() > 0, "no ids")
    elif t == PRUNE:
        r.end()
    elif t == NEIGHBOUR:
        p.check(JOIN <= r.u8() <= DONE, "word")
        r.end()
    elif t == WALK:
        p.check(1 <= r.u8() <= 2, "kind")
        p.check(r.u8() <= 6, "hops")
        r.take(8)
        parse_entries(r, 1)
    elif t == SHUFFLED:
        r.take(8)
        parse_entries(r, 0)


def make():
    old = json.loads((DATA / "messages.json").read_text())["messages"]
    certs = [bytes.fromhex(c) for m in old if m["name"] == "peers" for c in m["certificates"]]
    batch = next(bytes.fromhex(m["body"]) for m in old if m["type"] == 35)
    one = entry(certs, [p.addr_v4("192.0.2.9", 7675)])
    two = entry(certs[1:], [p.addr_v4("192.0.2.10", 7675), p.addr_v4("198.51.100.1", 99)])
    ids = [hashlib.sha256(bytes([i])).digest() for i in range(3)]
    name = bytes(range(8))
    good = [("push", PUSH, batch[:4] + batch[5:]), ("ihave", IHAVE, ids_body(4, ids)),
            ("graft", GRAFT, ids_body(4, ids[:1])), ("graft, of nothing", GRAFT, ids_body(4, [])),
            ("prune", PRUNE, u32(4))]
    good += [(f"neighbour {w}", NEIGHBOUR, u32(4) + u8(w)) for w in range(JOIN, DONE + 1)]
    good += [("walk of a newcomer", WALK, walk_body(4, 1, 6, name, [one])),
             ("shuffle", WALK, walk_body(4, 2, 3, name, [two, one])),
             ("shuffled", SHUFFLED, shuffled_body(4, name, [one])),
             ("shuffled, nothing", SHUFFLED, shuffled_body(4, name, []))]
    bad = [("PUSH, cut", PUSH, bytes(3)), ("IHAVE, nothing", IHAVE, u32(4)), ("IHAVE, half an id", IHAVE, u32(4) + bytes(48)),
           ("IHAVE, 65 ids", IHAVE, u32(4) + bytes(65 * 32)), ("GRAFT, 65 ids", GRAFT, u32(4) + bytes(65 * 32)),
           ("PRUNE, too long", PRUNE, bytes(5)), ("NEIGHBOUR, word 0", NEIGHBOUR, u32(4) + u8(0)),
           ("NEIGHBOUR, word 7", NEIGHBOUR, u32(4) + u8(7)), ("WALK, kind 3", WALK, walk_body(4, 3, 6, name, [one])),
           ("WALK, 7 hops", WALK, walk_body(4, 1, 7, name, [one])), ("WALK, of nobody", WALK, walk_body(4, 1, 6, name, [])),
           ("WALK, 9 entries", WALK, walk_body(4, 1, 6, name, [two] * 9)),
           ("WALK, one more announced", WALK, u32(4) + u8(1) + u8(6) + name + u8(2) + one),
           ("SHUFFLED, trailing byte", SHUFFLED, shuffled_body(4, name, [one]) + b"\0")]
    for _, t, body in good:
        parse(t, body)
    refused = []
    for what, t, body in bad:
        try:
            parse(t, body)
        except p.Refused as why:
            refused.append(dict(name=what, type=t, body=body.hex(), why=str(why)))
            continue
        raise AssertionError(what)
    return json.dumps(dict(
        description="messages of neighbours in a crowd; bad ones are refused, `why` being this model's words",
        messages=[dict(name=n, type=t, body=b.hex()) for n, t, b in good], bad=refused), indent=1) + "\n"


def main():
    text = make()
    for flag in ("--write", "--check"):
        if flag in sys.argv:
            path = sys.argv[sys.argv.index(flag) + 1]
            if flag == "--write":
                open(path, "w").write(text)
            elif open(path).read() != text:
                sys.exit("differs: " + path)
    print("overlay: ok")


if __name__ == "__main__":
    main()
