#!/usr/bin/python3
"""What devices and relays say to each other, in Python, written from docs/protocol.md section 17 alone.

usage: relay.py [--write FILE | --check FILE]      needs python3-nacl
"""
import hashlib
import json
import sys
import lkproto as p
from lkproto import u8, u16, u32, u64

ACK, OPEN, REGISTER, STORED, PURGE, QUOTA, PUT, GET, DELETE = 38, 64, 65, 66, 67, 68, 70, 71, 72
LOGIN, CREATE, SUCCEED, CREDENTIALS, SLOTS, SLOTS_DROP, SLOTS_OPEN = range(1, 8)
NOBODY = 2**32 - 1


def ascending(list_, why):
    p.check(all(a < b for a, b in zip(list_, list_[1:])), why)


# ------------------------------------------------------------------ what a device says

def open_said(h, account, topic): return p.pad16("lk1 relay open") + h + account + topic


def open_body(seed, h, number, account, topic):
    return u32(number) + account + topic + p.sign_keys(seed)[0] + p.sign(seed, open_said(h, account, topic))


def parse_open(r, h):
    number, account, topic, pk, sig = r.u32(), r.take(32), r.take(16), r.take(32), r.take(64)
    p.check(number != NOBODY, "number")
    return dict(number=number, account=account, topic=topic, pk=pk,
                signed=p.verify(pk, sig, open_said(h, account, topic)))


def account_body(seed, h, said): return said + p.sign(seed, p.pad16("lk1 relay acct") + h + said)


def parse_register(r, h):
    at = r.pos
    d = dict(what=r.u8())
    p.check(1 <= d["what"] <= 7, "what")
    if d["what"] <= SUCCEED:
        d["account"] = r.take(32)
        if d["what"] == SUCCEED:
            d["key"] = r.take(32)
        if d["what"] != LOGIN:
            d["successor"] = r.take(32)
        if d["what"] == CREATE:
            d["invite"] = r.take(16)
        d["said"] = r.data[at:r.pos]
        d["sig"] = r.take(64)
    elif d["what"] == CREDENTIALS:
        d["topic"], n = r.take(16), r.u8()
        d["credentials"] = [(r.take(32), r.u8()) for _ in range(n)]
        p.check(1 <= n <= 64, "number of credentials")
        ascending([k for k, _ in d["credentials"]], "order")
        p.check(all(1 <= s <= 3 for _, s in d["credentials"]), "scope")
    else:
        n = r.u8()
        d["slots"] = [r.take(16) for _ in range(n)]
        p.check(n > 0, "no slots")
        ascending(d["slots"], "order")
    return d


def parse_purge(r, h): return dict(topic=r.take(16))
def parse_ask(r, h): return {}


def parse_put(r, h):
    d = dict(slot=r.take(16), letter=r.rest())
    p.check(1 <= len(d["letter"]) <= 8192, "letter")
    return d


def parse_get(r, h): return dict(slot=r.take(16))


def parse_delete(r, h):
    d = dict(slot=r.take(16))
    p.check(r.left() % 8 == 0 and 1 <= r.left() // 8 <= 8, "numbers")
    d["numbers"] = [r.u64() for _ in range(r.left() // 8)]
    ascending(d["numbers"], "order")
    return d


def parse_ack(r, h):
    """Both ways: what is in clear, and that the rest has the length of some heads and a signature."""
    d = dict(number=r.u32(), tag=r.take(16), incarnation=r.take(8), counter=r.u64(), etag=r.take(16), nonce=r.take(24),
             sealed=r.rest())
    heads, odd = divmod(len(d["sealed"]) - (1 + 64 + 16), 32)
    p.check(heads >= 0 and odd == 0 and len(r.data) <= 4096, "sealed")
    return d


# ------------------------------------------------------------------ what a relay says

def parse_opened(r, h):
    d = dict(number=r.u32(), scope=r.u8())
    p.check(d["scope"] <= 3, "scope")
    return d


def parse_registered(r, h):
    d = dict(what=r.u8(), result=r.u8())
    p.check(1 <= d["what"] <= 7 and d["result"] <= 4, "result")
    return d


def parse_stored(r, h):
    d = dict(number=r.u32())
    p.check(r.left() % 32 == 0 and 1 <= r.left() // 32 <= 512, "ids")
    d["ids"] = [r.take(32) for _ in range(r.left() // 32)]
    return d


def parse_quota(r, h):
    d = dict(number=r.u32(), why=r.u8(), bytes=r.u64(), bytes_max=r.u64(), envelopes=r.u64(), envelopes_max=r.u64(),
             puts_max=r.u32(), retry_s=r.u32())
    p.check(d["why"] <= 4 and (d["why"] == 0) == (d["number"] == NOBODY), "why")
    return d


def parse_posted(r, h):
    d = dict(slot=r.take(16), result=r.u8())
    p.check(d["result"] <= 4, "result")
    return d


def parse_content(r, h):
    d = dict(slot=r.take(16))
    n = r.u8()
    p.check(n <= 8, "letters")
    d["letters"] = [dict(number=r.u64(), letter=r.take(r.u16())) for _ in range(n)]
    p.check(all(1 <= len(x["letter"]) <= 8192 for x in d["letters"]), "letter")
    ascending([x["number"] for x in d["letters"]], "order")
    return d


ASKED = {OPEN: parse_open, REGISTER: parse_register, PURGE: parse_purge, QUOTA: parse_ask, PUT: parse_put,
         GET: parse_get, DELETE: parse_delete, ACK: parse_ack}
ANSWERED = {OPEN: parse_opened, REGISTER: parse_registered, STORED: parse_stored, PURGE: parse_purge,
            QUOTA: parse_quota, PUT: parse_posted, GET: parse_content, DELETE: parse_delete, ACK: parse_ack}


def parse(t, answer, body, h):
    r = p.Reader(body)
    p.check(t in (ANSWERED if answer else ASKED), "type")
    d = (ANSWERED if answer else ASKED)[t](r, h)
    r.end()
    return d


# ------------------------------------------------------------------ vectors

class Rng:
    def __init__(self, seed): self.seed, self.n = seed, 0

    def __call__(self, size):
        self.n += 1
        return hashlib.shake_256(self.seed + u32(self.n)).digest(size)


def good_make(rng, h):
    out = []

    def put(name, t, answer, body, **fields):
        d = parse(t, answer, body, h)
        assert all(d[k] == v for k, v in fields.items() if k in d), name
        out.append(dict(name=name, type=t, answer=int(answer), body=body, **fields))
        return body
    L, topic = rng(32), rng(16)
    K = p.content_key(L)
    seed = p.relay_cred(K, topic)
    account, device, next_ = rng(32), rng(32), rng(32)
    pk = [p.sign_keys(s)[0] for s in (account, device, next_)]
    body = put("open", OPEN, False, open_body(seed, h, 3, pk[0], topic), number=3, account=pk[0], topic=topic, L=L,
               credential_seed=seed, pk=p.sign_keys(seed)[0])
    assert parse(OPEN, False, body, h)["signed"] and not parse(OPEN, False, body, rng(64))["signed"]
    put("opened, keys only", OPEN, True, u32(3) + u8(3), number=3, scope=3)
    put("not opened", OPEN, True, u32(4) + u8(0), number=4, scope=0)
    put("login", REGISTER, False, account_body(account, h, u8(LOGIN) + pk[0]), what=LOGIN, account=pk[0], signer=account)
    invite = rng(16)
    put("create", REGISTER, False, account_body(account, h, u8(CREATE) + pk[0] + pk[1] + invite), what=CREATE,
        account=pk[0], successor=pk[1], invite=invite, signer=account)
    put("succeed", REGISTER, False, account_body(device, h, u8(SUCCEED) + pk[0] + pk[1] + pk[2]), what=SUCCEED,
        account=pk[0], key=pk[1], successor=pk[2], signer=device)
    creds = sorted((rng(32), s) for s in (1, 3, 2, 3))
    put("credentials", REGISTER, False, u8(CREDENTIALS) + topic + u8(4) + b"".join(k + u8(s) for k, s in creds),
        what=CREDENTIALS, topic=topic, credentials=creds)
    slots = sorted(rng(16) for _ in range(3))
    put("slots", REGISTER, False, u8(SLOTS) + u8(3) + b"".join(slots), what=SLOTS, slots=slots)
    put("slots dropped", REGISTER, False, u8(SLOTS_DROP) + u8(1) + slots[1], what=SLOTS_DROP, slots=slots[1:2])
    put("open slots", REGISTER, False, u8(SLOTS_OPEN) + u8(2) + b"".join(slots[:2]), what=SLOTS_OPEN, slots=slots[:2])
    put("registered", REGISTER, True, u8(CREATE) + u8(0), what=CREATE, result=0)
    put("not registered", REGISTER, True, u8(LOGIN) + u8(1), what=LOGIN, result=1)
    ids = [rng(32), rng(32)]
    put("stored", STORED, True, u32(3) + b"".join(ids), number=3, ids=ids)
    put("purge", PURGE, False, topic, topic=topic)
    put("purged", PURGE, True, topic, topic=topic)
    put("quota, a question", QUOTA, False, b"")
    put("quota, the answer", QUOTA, True, u32(NOBODY) + u8(0) + u64(10) + u64(2**30) + u64(1) + u64(10**6) + u32(6000)
        + u32(0), number=NOBODY, why=0, bytes=10, bytes_max=2**30, envelopes=1, envelopes_max=10**6, puts_max=6000,
        retry_s=0)
    put("quota, a put refused", QUOTA, True, u32(3) + u8(3) + u64(10) + u64(2**30) + u64(1) + u64(10**6) + u32(6000)
        + u32(60), number=3, why=3, bytes=10, bytes_max=2**30, envelopes=1, envelopes_max=10**6, puts_max=6000,
        retry_s=60)
    put("mailbox, put", PUT, False, slots[0] + b"sealed", slot=slots[0], letter=b"sealed")
    put("mailbox, full", PUT, True, slots[0] + u8(3), slot=slots[0], result=3)
    put("mailbox, get", GET, False, slots[0], slot=slots[0])
    letters = [dict(number=n, letter=x) for n, x in ((4, b"one"), (9, b"two"))]
    put("mailbox, letters", GET, True, slots[0] + u8(2) + b"".join(u64(x["number"]) + u16(len(x["letter"])) + x["letter"]
        for x in letters), slot=slots[0], letters=letters)
    put("mailbox, empty", GET, True, slots[0] + u8(0), slot=slots[0], letters=[])
    put("mailbox, delete", DELETE, False, slots[0] + u64(4) + u64(9), slot=slots[0], numbers=[4, 9])
    put("mailbox, deleted", DELETE, True, slots[0] + u64(4) + u64(9), slot=slots[0], numbers=[4, 9])
    tag, incarnation, etag, nonce, sealed = rng(16), rng(8), rng(16), rng(24), rng(1 + 64 + 16 + 2 * 32)
    clear = tag + incarnation + u64(7) + etag
    for name, answer, number in (("acknowledged", False, 3), ("acknowledged, to another", True, 12)):
        put(name, ACK, answer, u32(number) + clear + nonce + sealed, number=number, tag=tag, incarnation=incarnation,
            counter=7, etag=etag, nonce=nonce, sealed=sealed)
    return out


def bad_make(rng, good):
    by = {g["name"]: g["body"] for g in good}
    key, slot = rng(32), rng(16)
    cases = [("OPEN, number of nobody", OPEN, 0, u32(NOBODY) + by["open"][4:]), ("OPEN, cut", OPEN, 0, by["open"][:-1]),
             ("OPEN, scope 4", OPEN, 1, u32(1) + u8(4)), ("REGISTER, what 0", REGISTER, 0, u8(0) + by["login"][1:]),
             ("REGISTER, what 8", REGISTER, 0, u8(8) + by["login"][1:]), ("REGISTER, empty", REGISTER, 0, b""),
             ("REGISTER, login with a byte more", REGISTER, 0, by["login"] + b"\0"),
             ("REGISTER, no credentials", REGISTER, 0, u8(CREDENTIALS) + slot + u8(0)),
             ("REGISTER, a credential twice", REGISTER, 0, u8(CREDENTIALS) + slot + u8(2) + 2 * (key + u8(1))),
             ("REGISTER, scope 0", REGISTER, 0, u8(CREDENTIALS) + slot + u8(1) + key + u8(0)),
             ("REGISTER, scope 4", REGISTER, 0, u8(CREDENTIALS) + slot + u8(1) + key + u8(4)),
             ("REGISTER, 65 credentials", REGISTER, 0,
              u8(CREDENTIALS) + slot + u8(65) + b"".join(u8(i) + bytes(31) + u8(1) for i in range(65))),
             ("REGISTER, a slot twice", REGISTER, 0, u8(SLOTS) + u8(2) + 2 * slot),
             ("REGISTER, no slots", REGISTER, 0, u8(SLOTS) + u8(0)), ("REGISTER, result 5", REGISTER, 1, u8(1) + u8(5)),
             ("STORED, nothing", STORED, 1, u32(0)), ("STORED, half an id", STORED, 1, u32(0) + key[:16]),
             ("STORED, said by a device", STORED, 0, by["stored"]), ("PURGE, cut", PURGE, 0, slot[:-1]),
             ("QUOTA, why 5", QUOTA, 1, u32(3) + u8(5) + bytes(40)), ("QUOTA, asked, with a number", QUOTA, 1, u32(3) + bytes(41)),
             ("PUT, empty", PUT, 0, slot), ("PUT, too long", PUT, 0, slot + bytes(8193)),
             ("PUT, result 5", PUT, 1, slot + u8(5)), ("GET, cut", GET, 0, slot[1:]),
             ("GET, nine letters", GET, 1, slot + u8(9) + b"".join(u64(i) + u16(1) + b"x" for i in range(9))),
             ("GET, an empty letter", GET, 1, slot + u8(1) + u64(1) + u16(0)),
             ("GET, letters not in order", GET, 1, slot + u8(2) + (u64(1) + u16(1) + b"x") * 2),
             ("DELETE, nothing", DELETE, 0, slot), ("DELETE, nine", DELETE, 0, slot + b"".join(u64(i) for i in range(9))),
             ("DELETE, twice the same", DELETE, 0, slot + u64(1) * 2),
             ("ACK, half a head", ACK, 0, by["acknowledged"][:-16]), ("ACK, cut", ACK, 1, by["acknowledged"][:100]),
             ("ACK, no signature", ACK, 0, by["acknowledged"][:-3 * 32])]
    out = []
    for name, t, answer, body in cases:
        try:
            parse(t, answer, body, bytes(64))
        except p.Refused as r:
            out.append(dict(name=name, type=t, answer=answer, body=body, why=str(r)))
            continue
        raise AssertionError(name)
    return out


def hexed(v):
    if isinstance(v, bytes):
        return v.hex()
    if isinstance(v, dict):
        return {k: hexed(x) for k, x in v.items()}
    return [hexed(x) for x in v] if isinstance(v, (list, tuple)) else v


def main():
    rng = Rng(b"lk relays")
    h = rng(64)
    good = good_make(rng, h)
    text = json.dumps(hexed(dict(
        description="messages between a device and a relay: answer 1 is what the relay says; h is the session's; bad ones "
                    "are refused, `why` being this model's words",
        h=h, messages=good, bad=bad_make(rng, good))), indent=1) + "\n"
    for flag in ("--write", "--check"):
        if flag in sys.argv:
            path = sys.argv[sys.argv.index(flag) + 1]
            if flag == "--write":
                open(path, "w").write(text)
            elif open(path).read() != text:
                sys.exit("differs: " + path)
    print("relay: ok")


if __name__ == "__main__":
    main()
