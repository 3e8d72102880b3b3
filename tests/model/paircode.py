#!/usr/bin/python3
"""Pairing by code in Python, written from docs/protocol.md and RFC 9496 alone: ristretto255, CPace, the code's text,
the messages of one run.  Nothing here is constant in time.

usage: paircode.py [--write FILE | --check FILE]      needs python3-nacl
"""
import hashlib
import json
import sys
import lkproto as p
from lkproto import u8, u16, u32

# ------------------------------------------------------------------ ristretto255 (RFC 9496)

P = 2**255 - 19
ORDER = 2**252 + 27742317777372353535851937790883648493
D = -121665 * pow(121666, P - 2, P) % P
SQRT_M1 = pow(2, (P - 1) // 4, P)


def negative(x): return x % P & 1
def absolute(x): return -x % P if negative(x) else x % P


def sqrt_ratio(u, v):
    """Whether u / v is a square, and the nonnegative root of it, or of SQRT_M1 times it."""
    r = u * pow(v, 3, P) * pow(u * pow(v, 7, P), (P - 5) // 8, P) % P
    check = v * r * r % P
    if check in (-u % P, -u * SQRT_M1 % P):
        r = r * SQRT_M1 % P
    return check in (u % P, -u % P), absolute(r)


INVSQRT_A_MINUS_D = sqrt_ratio(1, -1 - D)[1]
SQRT_AD_MINUS_ONE = sqrt_ratio(-D - 1, 1)[1]
# RFC 9496 fixes the sign.
if SQRT_AD_MINUS_ONE != 25063068953384623474111414158702152701244531502492656460079210482610430750235:
    SQRT_AD_MINUS_ONE = -SQRT_AD_MINUS_ONE % P
IDENTITY = (0, 1, 1, 0)


def add(a, b):
    (x1, y1, z1, t1), (x2, y2, z2, t2) = a, b
    m, n = (y1 - x1) * (y2 - x2) % P, (y1 + x1) * (y2 + x2) % P
    c, d = 2 * t1 * t2 * D % P, 2 * z1 * z2 % P
    e, f, g, h = n - m, d - c, d + c, n + m
    return e * f % P, g * h % P, f * g % P, e * h % P


def multiply(k, point):
    out = IDENTITY
    while k:
        if k & 1:
            out = add(out, point)
        point, k = add(point, point), k >> 1
    return out


def encode(point):
    x, y, z, t = point
    u1, u2 = (z + y) * (z - y) % P, x * y % P
    root = sqrt_ratio(1, u1 * u2 * u2)[1]
    den1, den2 = root * u1 % P, root * u2 % P
    inverse = den1 * den2 * t % P
    if negative(t * inverse):
        x, y, den = y * SQRT_M1 % P, x * SQRT_M1 % P, den1 * INVSQRT_A_MINUS_D % P
    else:
        den = den2
    if negative(x * inverse):
        y = -y % P
    return absolute(den * (z - y)).to_bytes(32, "little")


def decode(data):
    s = int.from_bytes(data, "little")
    p.check(len(data) == 32 and s < P and not negative(s), "point encoding")
    u1, u2 = (1 - s * s) % P, (1 + s * s) % P
    v = (-D * u1 * u1 - u2 * u2) % P
    square, root = sqrt_ratio(1, v * u2 * u2)
    x = absolute(2 * s * root * u2)
    y = u1 * root * u2 * root * v % P
    p.check(square and not negative(x * y) and y, "not a point")
    return x, y, 1, x * y % P


def map_to_point(data):
    t = int.from_bytes(data, "little") & (2**255 - 1)
    r = SQRT_M1 * t * t % P
    u = (r + 1) * (1 - D * D) % P
    v = (-1 - r * D) * (r + D) % P
    square, s = sqrt_ratio(u, v)
    if not square:
        s, c = -absolute(s * t) % P, r
    else:
        c = -1
    n = (c * (r - 1) * pow(D - 1, 2, P) - v) % P
    w0, w1, w2, w3 = 2 * s * v, n * SQRT_AD_MINUS_ONE, 1 - s * s, 1 + s * s
    return w0 * w3 % P, w2 * w1 % P, w1 * w3 % P, w0 * w2 % P


def from_hash(data): return add(map_to_point(data[:32]), map_to_point(data[32:]))


# ------------------------------------------------------------------ CPace

def sha512(x): return hashlib.sha512(x).digest()
def lv(*parts): return b"".join(p.uleb(len(x)) + x for x in parts)


def generator(prs, ci, sid):
    label = b"CPaceRistretto255"
    zeros = bytes(max(0, 128 - len(lv(prs)) - len(lv(label)) - 1))
    return from_hash(sha512(lv(label, prs, zeros, ci, sid)))


class CPace:
    def __init__(self, prs, ci, sid, random64):
        self.sid, self.scalar = sid, int.from_bytes(random64, "little") % ORDER
        self.share = encode(multiply(self.scalar, generator(prs, ci, sid)))

    def key(self, theirs, initiator, ada=b"", adb=b""):
        shared = encode(multiply(self.scalar, decode(theirs)))
        p.check(any(shared), "identity")
        ya, yb = (self.share, theirs) if initiator else (theirs, self.share)
        return sha512(lv(b"CPaceRistretto255_ISK", self.sid, shared) + lv(ya, ada, yb, adb))


# ------------------------------------------------------------------ the code

def word(i):
    """Word number i of the recovery phrase's list."""
    con, vow = "bdfghjklmnprstvz", "aiou"
    c1, v1, c2 = i >> 7, i >> 5 & 3, i >> 1 & 15
    v2 = (i & 1) << 1 | (c1 + v1 + c2) & 1
    return con[c1] + vow[v1] + con[c2] + vow[v2] + con[(3 * c1 + v1 + 5 * c2 + 7 * v2 + 8) & 15]


NUMBERS = {word(i): i for i in range(2048)}


def code_check(purpose, window, secret): return p.H(1, "lk1 pair code", u8(purpose) + u8(window) + u32(secret))[0] >> 1


def make_code(purpose, window, secret):
    bits = secret << 7 | code_check(purpose, window, secret)
    return "%02d-%s" % (window, "-".join(word(bits >> s & 2047) for s in (22, 11, 0)))


def parse_code(text, purpose):
    number, *words = text.lower().split("-")
    p.check(len(number) == 2 and number.isdigit() and len(words) == 3, "shape of a code")
    bits = 0
    for w in words:
        p.check(w in NUMBERS, "word of a code")
        bits = bits << 11 | NUMBERS[w]
    window, secret = int(number), bits >> 7
    p.check(code_check(purpose, window, secret) == bits & 127, "check of a code")
    return window, secret


# ------------------------------------------------------------------ one run

TYPER, DISPLAYER = 1, 2


class Run:
    def __init__(self, role, purpose, window, secret, h, random64):
        self.role, self.h = role, h
        self.cpace = CPace(u32(secret), b"lk1 pair" + u8(purpose) + u8(window), h, random64)

    def agree(self, theirs): self.isk = self.cpace.key(theirs, self.role == TYPER)
    def confirmation(self, role): return p.H(32, "lk1 pair conf", u8(role) + self.h, self.isk[:32])

    def words(self):
        bits = p.H(6, "lk1 pair sas", self.h, self.isk[:32])
        return " ".join(word(int.from_bytes(bits[i:i + 2], "big") % 2048) for i in (0, 2, 4))


def proof_text(h, role, keys): return p.pad16("lk1 pair pop") + h + u8(role) + keys


# ------------------------------------------------------------------ vectors

class Rng:
    def __init__(self, seed): self.seed, self.n = seed, 0

    def __call__(self, size):
        self.n += 1
        return hashlib.shake_256(self.seed + u32(self.n)).digest(size)


def refused(f, *args):
    try:
        f(*args)
    except p.Refused as r:
        return str(r)
    raise AssertionError("not refused")


def codes_make(rng):
    good, bad = [], []
    for purpose in (1, 2):
        for window in (0, 7, 42, 99):
            secret = int.from_bytes(rng(4), "big") >> 6
            text = make_code(purpose, window, secret)
            assert parse_code(text, purpose) == (window, secret)
            good.append(dict(purpose=purpose, window=window, secret=secret, text=text))
    window, secret = 42, 12345678
    text = make_code(1, window, secret)
    words = text.split("-")
    for reason, wrong in (("a word of another code", "-".join(words[:3] + [make_code(1, 42, 1).split("-")[3]])),
                          ("two words exchanged", "-".join([words[0], words[2], words[1], words[3]])),
                          ("another window", "43" + text[2:]), ("no word", text[:-1] + "x"),
                          ("one digit", text[1:]), ("cut", text[:-1]), ("four words", text + "-" + words[3]),
                          ("of the other purpose", make_code(2, window, secret))):
        refused(parse_code, wrong, 1)
        bad.append(dict(reason=reason, purpose=1, text=wrong))
    return good, bad


def run_make(rng, purpose, window):
    """A whole run: handshake, agreement, confirmations, words."""
    secret = int.from_bytes(rng(4), "big") >> 6
    statics, ephemerals, randoms = [rng(32), rng(32)], [rng(32), rng(32)], [rng(64), rng(64)]
    preface = b"LK" + bytes([1, 3, 1, window])
    a = p.Noise("XX", True, preface, statics[0], None, ephemerals[0])
    b = p.Noise("XX", False, preface, statics[1], None, ephemerals[1])
    wire = [a.write(b"")]
    b.read(wire[0])
    wire.append(b.write(b""))
    a.read(wire[1])
    wire.append(a.write(b""))
    b.read(wire[2])
    assert a.h == b.h
    typer = Run(TYPER, purpose, window, secret, a.h, randoms[0])
    shower = Run(DISPLAYER, purpose, window, secret, b.h, randoms[1])
    typer.agree(shower.cpace.share)
    shower.agree(typer.cpace.share)
    assert typer.isk == shower.isk and typer.words() == shower.words()
    # Other bits, and another channel, have nothing in common with it.
    for other in (Run(DISPLAYER, purpose, window, secret ^ 1, b.h, randoms[1]),
                  Run(DISPLAYER, purpose, window, secret, b2(b.h), randoms[1]),
                  Run(DISPLAYER, 3 - purpose, window, secret, b.h, randoms[1])):
        other.agree(typer.cpace.share)
        assert other.confirmation(TYPER) != shower.confirmation(TYPER)
    seed = rng(32)
    pk = p.sign_keys(seed)[0]
    keys = bytes([purpose]) + rng(40)
    return dict(purpose=purpose, window=window, secret=secret, preface=preface, typer_static=statics[0],
                displayer_static=statics[1], typer_ephemeral=ephemerals[0], displayer_ephemeral=ephemerals[1],
                handshake=wire, h=a.h, typer_random=randoms[0], displayer_random=randoms[1],
                typer_share=typer.cpace.share, displayer_share=shower.cpace.share, isk=typer.isk,
                typer_confirm=typer.confirmation(TYPER), displayer_confirm=shower.confirmation(DISPLAYER),
                words=typer.words(), pop=dict(seed=seed, pk=pk, role=TYPER, keys=keys,
                                              sig=p.sign(seed, proof_text(a.h, TYPER, keys))))


def b2(x): return hashlib.blake2b(x).digest()


def points_make():
    """What is no share: `why` is this model's wording."""
    bad = dict(identity=bytes(32), negative=u8(1) + bytes(31), too_large=(P + 2).to_bytes(32, "little"),
               high_bit=bytes(31) + b"\x80", no_square=bytes.fromhex("26948d35ca62e643e26a83177332e6b6"
                                                                    "afeb9d08e4268b650f1f5bbd8d81d371"))
    run = CPace(b"1234", b"", b"", b"\5" * 64)
    return [dict(reason=k, why=refused(run.key, v, True), share=v) for k, v in bad.items()]


def hexed(v):
    if isinstance(v, bytes):
        return v.hex()
    if isinstance(v, dict):
        return {k: hexed(x) for k, x in v.items()}
    return [hexed(x) for x in v] if isinstance(v, list) else v


def main():
    base = bytes.fromhex("e2f2ae0a6abc4e71a884a961c500515f58e30b6aa582dd8db6a65945e08d2d76")  # RFC 9496
    assert encode(multiply(ORDER, decode(base))) == bytes(32)
    rng = Rng(b"lk pairing by code")
    good, bad = codes_make(rng)
    text = json.dumps(hexed(dict(
        description="codes (text <-> purpose, window, secret) and runs: the handshake, CPace with sid = h, "
                    "confirmations, the words both sides show, a proof of possession; shares to refuse",
        codes=good, bad_codes=bad, runs=[run_make(rng, 1, 42), run_make(rng, 2, 7)],
        bad_shares=points_make())), indent=1) + "\n"
    for flag in ("--write", "--check"):
        if flag in sys.argv:
            path = sys.argv[sys.argv.index(flag) + 1]
            if flag == "--write":
                open(path, "w").write(text)
            elif open(path).read() != text:
                sys.exit("differs: " + path)
    print("paircode: ok")


if __name__ == "__main__":
    main()
