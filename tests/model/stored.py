#!/usr/bin/python3
"""What lies in a bucket or folder, in Python, written from docs/protocol.md alone: packs, their names, letters.

usage: stored.py DATA [--write | --check]      DATA: tests/data/protocol; needs python3-nacl
"""
import json
import pathlib
import sys
import lkproto as p
from lkproto import u8, u16, u32, u64

PACK_MAX = 16 << 20
LETTER_MAX = 8192


def header(envelope):
    return dict(topic=envelope[2:18], tag=envelope[18:34], seq=int.from_bytes(envelope[34:42], "big"),
                prev=envelope[42:74], keys=bool(envelope[1] & 1), id=p.H(32, "lk1 envelope", envelope))


def run_check(envelopes):
    """What makes envelopes a run of one author."""
    p.check(1 <= len(envelopes) <= 4096, "number of envelopes")
    heads = [header(e) for e in envelopes]
    for before, after in zip(heads, heads[1:]):
        p.check((after["topic"], after["tag"]) == (before["topic"], before["tag"]), "one author of one document")
        p.check(after["seq"] == before["seq"] + 1 and after["prev"] == before["id"], "one chain")
    return heads


def pack_encode(envelopes):
    heads = run_check(envelopes)
    said = b"LKP1" + u32(len(envelopes)) + b"".join(u32(len(e)) + e for e in envelopes)
    full = p.H(32, "lk1 pack", said)
    name = "lk1/%s/%s/%s%016x-%04x-%s" % (heads[0]["topic"].hex(), heads[0]["tag"].hex(),
                                         "k-" if any(h["keys"] for h in heads) else "", heads[0]["seq"],
                                         len(envelopes), full[:16].hex())
    return name, said + full


def pack_decode(b):
    r = p.Reader(b)
    p.check(len(b) <= PACK_MAX and r.take(4) == b"LKP1", "magic")
    envelopes = [r.take(r.u32()) for _ in range(r.u32())]
    p.check(r.take(32) == p.H(32, "lk1 pack", b[:-32]), "hash")
    r.end()
    run_check(envelopes)
    return envelopes


def slot(x, receiver): return p.H(16, "lk1 mailbox", receiver, x)
def letter_key(x, sender, receiver): return p.H(32, "lk1 mailbox", sender + receiver, x)
def ticket_route(secret, asker):
    """(slot, key) of requests, or with a device's key those of the answer to it."""
    def h(n, number): return p.H(n, "lk1 ticket", u8(number) + asker, secret + bytes(16))
    return (h(16, 6), h(32, 5)) if asker else (h(16, 3), h(32, 4))


def letter_make(key, where, items):
    plain = b"".join(u8(t) + u16(len(body)) + body for t, body in items)
    plain = plain.ljust(max(1, -(-len(plain) // 256)) * 256, b"\0")
    nonce = p.H(24, "lk1 mailbox", plain, key)
    out = b"LKM1" + nonce + p.seal_aead(key, nonce, b"LKM1" + where, plain)
    assert len(out) <= LETTER_MAX
    return out


def letter_open(key, where, b):
    p.check(b[:4] == b"LKM1" and len(b) <= LETTER_MAX and (len(b) - 44) % 256 == 0, "letter")
    r, items = p.Reader(p.open_aead(key, b[4:28], b"LKM1" + where, b[28:])), []
    while r.left():
        kind = r.u8()
        if kind == 0:
            break
        items.append((kind, r.take(r.u16())))
    return items


def refused(f, *args):
    try:
        f(*args)
    except p.Refused as e:
        return str(e)
    raise AssertionError("was taken")


def chains(data):
    """Runs of the story's envelopes."""
    by = {e["id"]: e for e in json.load(open(data / "envelope.json"))["envelopes"]}
    tails = set(by) - {e["prev"] for e in by.values()}
    for tail in sorted(tails):
        chain = []
        while tail in by:
            chain.insert(0, by[tail])
            tail = by[tail]["prev"]
        yield [bytes.fromhex(e["envelope"]) for e in chain]


def packs_make(data):
    good, bad = [], []
    for chain in chains(data):
        for envelopes in {1: [chain[:1]], 2: [chain]}.get(len(chain), [chain, chain[1:3]]):
            name, b = pack_encode(envelopes)
            assert pack_decode(b) == envelopes
            if name not in [x["name"] for x in good]:
                good.append(dict(name=name, envelopes=envelopes, pack=b))
    longest = max(chains(data), key=len)
    whole = pack_encode(longest)[1]

    def loose(envelopes):
        said = b"LKP1" + u32(len(envelopes)) + b"".join(u32(len(e)) + e for e in envelopes)
        return said + p.H(32, "lk1 pack", said)
    for reason, b in (("a hash that is not the content's", whole[:-1] + bytes([whole[-1] ^ 1])),
                      ("another magic", b"LKP2" + whole[4:]), ("no envelope", loose([])),
                      ("a gap", loose([longest[0], longest[2]])), ("twice the same", loose([longest[0]] * 2)),
                      ("another author", loose([longest[0], next(c for c in chains(data) if c[0] != longest[0])[0]])),
                      ("something behind", whole + b"\0"), ("not in order", loose(longest[1::-1]))):
        refused(pack_decode, b)
        bad.append(dict(reason=reason, pack=b))
    return good, bad


def letters_make(data):
    devices = {d["name"]: {k: bytes.fromhex(d[k]) for k in ("sign_pk", "box_secret", "box_pk")}
               for d in json.load(open(data / "keys.json"))["devices"]}
    secret = bytes.fromhex(json.load(open(data / "ticket.json"))["tickets"][0]["secret"])
    a, b = devices["laptop"], devices["phone"]
    x = p.dh(a["box_secret"], b["box_pk"])
    assert x == p.dh(b["box_secret"], a["box_pk"])
    out = []
    for items in ([], [(48, b"w" * 150)], [(49, b"c" * 700), (48, b"w" * 210), (48, b"")],
                               [(48, bytes([i]) * 300) for i in range(26)]):
        where, key = slot(x, b["sign_pk"]), letter_key(x, a["sign_pk"], b["sign_pk"])
        letter = letter_make(key, where, items)
        assert letter_open(key, where, letter) == items and letter == letter_make(key, where, items)
        out.append(dict(sender=a["sign_pk"], receiver=b["sign_pk"], box_secret=b["box_secret"], box=a["box_pk"],
                        slot=where, key=key,
                        items=[dict(type=t, body=body) for t, body in items], letter=letter))
    tickets = []
    for asker in (b"", b["sign_pk"]):
        (where, key), items = ticket_route(secret, asker), [(49 if asker else 1, b"card")]
        tickets.append(dict(secret=secret, asker=asker, slot=where, key=key,
                            items=[dict(type=t, body=body) for t, body in items],
                            letter=letter_make(key, where, items)))
    return out, tickets


def hexed(v):
    if isinstance(v, bytes):
        return v.hex()
    if isinstance(v, dict):
        return {k: hexed(x) for k, x in v.items()}
    return [hexed(x) for x in v] if isinstance(v, list) else v


def main():
    data = pathlib.Path(sys.argv[1])
    packs, bad = packs_make(data)
    letters, tickets = letters_make(data)
    text = json.dumps(hexed(dict(
        description="packs (name, envelopes <-> bytes), packs to refuse, letters between two devices and of a ticket",
        packs=packs, bad_packs=bad, letters=letters, ticket_letters=tickets)), indent=1) + "\n"
    if "--write" in sys.argv:
        open(data / "stored.json", "w").write(text)
    elif "--check" in sys.argv and open(data / "stored.json").read() != text:
        sys.exit("differs: stored.json")
    print("stored: ok")


if __name__ == "__main__":
    main()
