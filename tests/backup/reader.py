#!/usr/bin/python3
"""reader.py - opens a backup of lk from docs/backup.md alone.

No code of lk's is used, only libsodium (by ctypes) and Python's own library.  Of the newest backup, or the
one named, each document is printed with its name, the number of its envelopes and a hash of all their
ids; every envelope is opened with the keys of the backup, its place in its author's chain checked.  With --text the
contents of changes and imports are written to standard output as they are.  FOLDER may be a file too, a stream.

usage: reader.py FOLDER PHRASE-FILE [--snapshot NAME] [--text]
"""
import ctypes
import ctypes.util
import hashlib
import pathlib
import re
import sys
import time
import zlib

sodium = ctypes.CDLL(ctypes.util.find_library("sodium") or "libsodium.so.23")
assert sodium.sodium_init() >= 0
CONSONANTS, VOWELS = "bdfghjklmnprstvz", "aiou"


class Damaged(Exception):
    pass


def check(cond, what):
    if not cond:
        raise Damaged(what)


def H(n, label, msg, key=b""):
    return hashlib.blake2b(msg, digest_size=n, key=key, person=label.encode().ljust(16, b"\0")).digest()


class Reader:
    def __init__(self, data):
        self.data, self.pos = data, 0

    def take(self, n):
        check(self.pos + n <= len(self.data), "truncated")
        self.pos += n
        return self.data[self.pos - n:self.pos]

    def u8(self):
        return self.take(1)[0]

    def u64(self):
        return int.from_bytes(self.take(8), "big")

    def uleb(self):
        value = shift = 0
        while True:
            b = self.u8()
            value |= (b & 127) << shift
            shift += 7
            if b < 128:
                check(value < 1 << 64 and (b or shift == 7), "number")
                return value

    def bytes(self):
        return self.take(self.uleb())

    def rest(self):
        return self.take(len(self.data) - self.pos)

    def more(self):
        return self.pos < len(self.data)


# ------------------------------------------------------------------ keys

def word(i):
    c1, v1, c2 = i // 128, i // 32 % 4, i // 2 % 16
    v2 = 2 * (i % 2) + (c1 + v1 + c2) % 2
    last = (3 * c1 + v1 + 5 * c2 + 7 * v2 + 8) % 16
    return CONSONANTS[c1] + VOWELS[v1] + CONSONANTS[c2] + VOWELS[v2] + CONSONANTS[last]


def phrase_bytes(text):
    numbers = {word(i): i for i in range(2048)}
    words = text.lower().split()
    check(len(words) == 12 and all(w in numbers for w in words), "phrase")
    bits = "".join(f"{numbers[w]:011b}" for w in words)
    entropy = int(bits[:128], 2).to_bytes(16, "big")
    check(f"{hashlib.sha256(entropy).digest()[0]:08b}"[:4] == bits[128:], "phrase")
    return entropy


def root_seed(entropy):
    out = ctypes.create_string_buffer(32)
    rv = sodium.crypto_pwhash(out, ctypes.c_ulonglong(32), entropy, ctypes.c_ulonglong(16), H(16, "lk1 root", b""),
                              ctypes.c_ulonglong(3), ctypes.c_size_t(64 << 20), 2)
    check(rv == 0, "Argon2id")
    return out.raw


def public_of(secret):
    out = ctypes.create_string_buffer(32)
    sodium.crypto_scalarmult_base(out, secret)
    return out.raw


def signing_public(seed):
    pk, sk = ctypes.create_string_buffer(32), ctypes.create_string_buffer(64)
    sodium.crypto_sign_seed_keypair(pk, sk, seed)
    return pk.raw


def box_open(box, secret):
    out = ctypes.create_string_buffer(len(box) - 48)
    rv = sodium.crypto_box_seal_open(out, box, ctypes.c_ulonglong(len(box)), public_of(secret), secret)
    return out.raw if rv == 0 else None


def aead_open(key, nonce, ad, cipher):
    out = ctypes.create_string_buffer(max(len(cipher) - 16, 1))
    n = ctypes.c_ulonglong()
    rv = sodium.crypto_aead_xchacha20poly1305_ietf_decrypt(
        out, ctypes.byref(n), None, cipher, ctypes.c_ulonglong(len(cipher)), ad, ctypes.c_ulonglong(len(ad)), nonce, key)
    check(rv == 0, "AEAD")
    return out.raw[:n.value]


def verify(pk, sig, text):
    return sodium.crypto_sign_verify_detached(sig, text, ctypes.c_ulonglong(len(text)), pk) == 0


# ------------------------------------------------------------------ objects

def sealed(data, secret, kind):
    """(clear, plain)"""
    r = Reader(data)
    check(r.take(4) == b"LKBK", "magic")
    check(r.u8() == 1, "version")
    check(r.u8() == kind, "kind")
    clear = r.bytes()
    n = r.u8()
    check(1 <= n <= 8 and (kind == 3 or not clear), "object")
    keys = [box_open(r.take(80), secret) for _ in range(n)]
    key = next((k for k in keys if k), None)
    check(key, "sealed to another key")
    head = data[:r.pos]
    return clear, aead_open(key, bytes(24), head, r.rest())


def snapshot(data, secret):
    clear, plain = sealed(data, secret, 3)
    r = Reader(clear)
    machine, time = r.take(16), r.u64()
    names = [r.take(32) for _ in range(r.uleb())]
    check(not r.more(), "clear part")
    r = Reader(plain)
    s = dict(device=r.take(32), device_name=r.bytes().decode(), root=r.take(32), time=time)
    check(machine == H(16, "lk1 backup", b"machine" + s["device"]), "machine")
    s["parcels"] = []
    for _ in range(r.uleb()):
        p = dict(size=r.uleb(), first=r.uleb())
        p["last"], p["envelopes"], p["documents"], at = p["first"] + r.uleb(), r.uleb(), [], 0
        for _ in range(r.uleb()):
            at += r.uleb()
            p["documents"].append(at)
        s["parcels"].append(p)
    s["rolls"] = [dict(size=r.uleb(), block=r.uleb()) for _ in range(r.uleb())]
    s["settings"] = [tuple(r.bytes().decode() for _ in range(3)) for _ in range(r.uleb())]
    signed = plain[:r.pos]
    sig = r.take(64)
    check(not r.more(), "snapshot")
    text = b"lk1 backup sig".ljust(16, b"\0") + H(32, "lk1 backup", len(clear).to_bytes(8, "big") + clear + signed)
    check(verify(s["device"], sig, text), "signature")
    check(len(names) == len(s["parcels"]) + len(s["rolls"]), "names")
    for what, name in zip(s["parcels"] + s["rolls"], names):
        what["name"] = name
    for a, b in zip(s["parcels"], s["parcels"][1:]):
        check(a["last"] < b["first"], "parcels overlap")
    return s


def roll(data, secret):
    r = Reader(sealed(data, secret, 2)[1])
    while r.more():
        d = dict(number=r.uleb(), docid=r.take(32), S=r.take(32), home=r.u8(), name=r.bytes().decode(),
                 type=r.bytes().decode())
        d["keys"] = {}
        for _ in range(r.uleb()):
            K = H(32, "lk1 content", b"", r.take(32))
            d["keys"][H(16, "lk1 epoch tag", b"", K)] = K
        d["envelopes"], d["ids"], d["text"] = 0, {}, []
        yield d


def parcel(data, secret):
    r = Reader(sealed(data, secret, 1)[1])
    while r.more():
        number, docid = r.uleb(), r.take(32)
        yield number, docid, [r.bytes() for _ in range(r.uleb())]


# ------------------------------------------------------------------ envelopes (protocol.md, sections 3 to 6)

def section_length(data):
    r = Reader(data)
    kind = r.u8()
    r.take(32)
    r.take(int.from_bytes(r.take(2), "big") * (36 if kind == 1 else 52))
    r.take(r.u8() * (48 if kind == 1 else 64))
    return r.pos


def lean(data):
    return data[1:] if data[0] == 0 else zlib.decompress(data[1:], wbits=-15)


def envelope(d, raw):
    """Opens it, checks its place in its author's chain, and keeps what was written."""
    check(raw[0] == 1 and raw[2:18] == H(16, "lk1 topic", b"id", d["S"]), "topic")
    seq, prev, etag = int.from_bytes(raw[34:42], "big"), raw[42:74], raw[74:90]
    head = 98 + (section_length(raw[98:]) if raw[1] & 1 else 0)
    check(etag in d["keys"], "no key for an envelope")
    plain = aead_open(d["keys"][etag], H(24, "lk1 nonce", raw[:98]), raw[:head], raw[head:])
    check((seq == 1) == (prev == bytes(32)) and (seq == 1 or d["ids"].get(prev) == (raw[18:34], seq - 1)), "chain")
    d["ids"][H(32, "lk1 envelope", raw)] = (raw[18:34], seq)
    d["envelopes"] += 1
    r = Reader(plain[64:])
    r.take(33 if r.u8() else 0)
    for _ in range(r.uleb()):
        check(r.take(32) in d["ids"], "a dependency comes later")
    for _ in range(r.u8()):
        kind, op = r.u8(), r.bytes()
        if kind == 6:
            d["text"].append(lean(op))
        elif kind == 12:
            d["text"].append(op)


def stream(data):
    """The objects of a stream by their names."""
    r, objects = Reader(data), {}
    check(r.take(4) == b"LKBS" and r.u8() == 1, "stream")
    while r.u8():
        name = r.bytes().decode()
        check(re.fullmatch("lk1/backup/(data/|snap/[0-9a-f]{12}-)[0-9a-f]{64}", name) and name not in objects, "stream")
        objects[name] = r.bytes()
    check(r.u64() == len(objects) and not r.more(), "end of a stream")
    check(["/snap/" in name for name in objects] == [False] * (len(objects) - 1) + [True], "snapshot of a stream")
    return objects


def place(folder):
    """The names of snapshots, and what gives an object by its name."""
    if folder.is_file():
        objects = stream(folder.read_bytes())
        return [n for n in objects if n.startswith("lk1/backup/snap/")], objects.__getitem__
    # What a write that was cut off has left is no object.
    return [f"lk1/backup/snap/{p.name}" for p in (folder / "lk1/backup/snap").iterdir()
            if re.fullmatch("[0-9a-f]{12}-[0-9a-f]{64}", p.name)], lambda n: (folder / n).read_bytes()


def read(folder, phrase, wanted=None):
    seed = root_seed(phrase_bytes(phrase))
    secret, home = H(32, "lk1 root", b"\2", seed), H(32, "lk1 topic", b"S", H(32, "lk1 root", b"\3", seed))
    names, bytes_of = place(pathlib.Path(folder))
    # What is more than a day ahead, a wrong clock made: it is the newest only where there is no other.
    names = sorted((n for n in names if wanted is None or n.split("-")[1].startswith(wanted)),
                   key=lambda n: (int(n.split("/")[-1].split("-")[0], 16) <= (time.time() + 86400) * 1000, n))
    check(names, "no backup")

    def get(name):
        data = bytes_of(name)
        check(H(32, "lk1 backup", data).hex() == re.split("[/-]", name)[-1], "an object is not what it is named after")
        return data

    s = snapshot(get(names[-1]), secret)
    check(int(re.split("[/-]", names[-1])[-2], 16) == s["time"], "time")
    check(s["root"] == signing_public(H(32, "lk1 root", b"\1", seed)), "another person's")
    documents = {}
    for what in s["rolls"]:
        data = get("lk1/backup/data/" + what["name"].hex())
        check(len(data) == what["size"], "size")
        for d in roll(data, secret):
            check(d["number"] // 256 == what["block"], "block")
            check((d["home"] == 1) == (d["S"] == home), "home document")
            documents[d["number"]] = d
    for what in s["parcels"]:
        data = get("lk1/backup/data/" + what["name"].hex())
        check(len(data) == what["size"], "size")
        numbers = []
        for number, docid, envelopes in parcel(data, secret):
            numbers.append(number)
            if number in documents:
                check(documents[number]["docid"] == docid, "document")
                for e in envelopes:
                    envelope(documents[number], e)
        check(numbers == what["documents"], "documents of a parcel")
    return s, documents


def main():
    args = [a for a in sys.argv[1:] if a != "--text"]
    wanted = None
    if "--snapshot" in args:
        at = args.index("--snapshot")
        wanted = args[at + 1]
        del args[at:at + 2]
    if len(args) != 2:
        sys.exit(__doc__.rsplit("usage: ", 1)[1].strip())
    try:
        s, documents = read(args[0], pathlib.Path(args[1]).read_text(encoding="utf-8"), wanted)
    except Damaged as e:
        sys.exit(f"reader.py: {e}")
    if len(sys.argv) > len(args) + 1 and "--text" in sys.argv:
        for d in documents.values():
            sys.stdout.buffer.write(b"\n".join(d["text"]) + b"\n")
        return
    print(f"{s['device_name']} {s['time']}")
    for kind, of, value in s["settings"]:
        # What the engine comes to is beyond this reader.
        if kind == "state":
            check(of.isdecimal() and re.fullmatch("([A-Za-z0-9+/]{3}|[.]{3}){1,256}", value), "state")
            continue
        print(f"{kind} {of} {value}")
    for d in sorted(documents.values(), key=lambda d: d["name"]):
        ids = hashlib.sha256(b"".join(sorted(d["ids"]))).hexdigest()
        print(f"{d['name'] or '(home)'} {d['type'] or '-'} {d['docid'].hex()} {d['envelopes']} {ids}")


if __name__ == "__main__":
    main()
