"""Protocol 1 of lk in Python: primitives, codecs and cryptography, written from the text alone.

Nothing here decides authority (see lkview.py) and nothing here is fast.  A decoder raises Refused when the
bytes can never be right and Wait when they may become right later (newer version, missing key).
"""
import hashlib
import ipaddress
import zlib
import nacl.bindings as na
import amref

ZERO = bytes(32)
ENVELOPE_MAX = 1 << 20
NONE, RELAY, READ, WRITE, ADMIN = range(5)
GENESIS, GRANT, REVOKE, BAN, LEAVE, CHANGE, ADOPT, EPOCH, SHARE, REKEY, GUARD, IMPORT = range(1, 13)
ENROLL, COLD, OWN, PARENT_HERE = 1, 4, 8, 16
SOFT, TREE = 1, 2
ROOT_INDEX = 255
CERT_LEN, BLOCK_LEN, GONE_LEN = 362, 228, 132


class Refused(Exception):
    pass


class Wait(Exception):
    pass


def check(cond, why):
    if not cond:
        raise Refused(why)


# ------------------------------------------------------------------ bytes

def u8(n): return n.to_bytes(1, "big")
def u16(n): return n.to_bytes(2, "big")
def u32(n): return n.to_bytes(4, "big")
def u64(n): return n.to_bytes(8, "big")


uleb = amref.w_uleb


def pad16(label):
    b = label.encode()
    assert len(b) <= 16
    return b.ljust(16, b"\0")


class Reader:
    def __init__(self, data):
        self.data, self.pos = data, 0

    def take(self, n):
        check(self.pos + n <= len(self.data), "truncated")
        out = self.data[self.pos:self.pos + n]
        self.pos += n
        return out

    def u8(self): return self.take(1)[0]
    def u16(self): return int.from_bytes(self.take(2), "big")
    def u32(self): return int.from_bytes(self.take(4), "big")
    def u64(self): return int.from_bytes(self.take(8), "big")

    def uleb(self, limit=None):
        try:
            v, self.pos = amref.r_uleb(self.data, self.pos)
        except amref.Bad as e:
            raise Refused(str(e))
        check(limit is None or v <= limit, "number over limit")
        return v

    def left(self): return len(self.data) - self.pos
    def rest(self): return self.take(self.left())
    def end(self): check(self.left() == 0, "trailing bytes")


def ascending(items, why):
    check(all(a < b for a, b in zip(items, items[1:])), why)


# ------------------------------------------------------------------ primitives

def H(n, label, msg=b"", key=b""):
    return hashlib.blake2b(msg, digest_size=n, key=key, person=pad16(label)).digest()


def sign_keys(seed):
    return na.crypto_sign_seed_keypair(seed)          # (public 32, secret 64)


def sign(seed, msg):
    return na.crypto_sign(msg, sign_keys(seed)[1])[:64]


def verify(pk, sig, msg):
    try:
        na.crypto_sign_open(sig + msg, pk)
        return True
    except Exception:
        return False


def valid_sign_key(pk):
    return na.crypto_core_ed25519_is_valid_point(pk)


def dh(secret, public):
    try:
        return na.crypto_scalarmult(secret, public)
    except Exception:
        raise Refused("small-order X25519 key")


def dh_base(secret):
    return na.crypto_scalarmult_base(secret)


def valid_box_key(pk):
    try:
        dh(b"\1" + bytes(31), pk)
        return True
    except Refused:
        return False


def seal_aead(key, nonce, ad, plain):
    return na.crypto_aead_xchacha20poly1305_ietf_encrypt(plain, ad, nonce, key)


def open_aead(key, nonce, ad, cipher):
    try:
        return na.crypto_aead_xchacha20poly1305_ietf_decrypt(cipher, ad, nonce, key)
    except Exception:
        raise Refused("AEAD")


def xor(a, b):
    return bytes(x ^ y for x, y in zip(a, b))


# ------------------------------------------------------------------ keys

def root_seed(phrase16):
    return na.crypto_pwhash_alg(32, phrase16, H(16, "lk1 root"), 3, 64 << 20, na.crypto_pwhash_ALG_ARGON2ID13)


def root_key(seed, purpose):
    return H(32, "lk1 root", u8(purpose), seed)


class Root:
    """What the recovery phrase gives."""
    def __init__(self, phrase16):
        self.seed = root_seed(phrase16)
        self.sign_seed, self.box_sk, self.home_L0 = (root_key(self.seed, p) for p in (1, 2, 3))
        self.pk, self.box_pk = sign_keys(self.sign_seed)[0], dh_base(self.box_sk)


class Device:
    def __init__(self, name, rng, counter=0):
        self.name = name
        self.sign_seed, self.noise_sk, self.box_sk, self.genesis_seed, self.beacon = (rng(32) for _ in range(5))
        self.counter = counter
        self.pk, self.noise_pk, self.box_pk = sign_keys(self.sign_seed)[0], dh_base(self.noise_sk), dh_base(self.box_sk)

    def box_sig(self):
        return sign(self.sign_seed, box_text(self.pk, self.box_pk, self.counter))

    def block(self):
        return device_block(self.pk, self.noise_pk, self.box_pk, self.counter, self.box_sig(),
                            sign(self.sign_seed, self_text(self.pk, self.noise_pk)))


def content_key(L): return H(32, "lk1 content", b"", L)
def epoch_tag(K): return H(16, "lk1 epoch tag", b"", K)
def etag_of(L): return epoch_tag(content_key(L))
def topic_secret(L0): return H(32, "lk1 topic", b"S", L0)
def topic_id(S): return H(16, "lk1 topic", b"id", S)
def author_tag(S, pk): return H(16, "lk1 author", pk, S)
def announce_key(S): return H(32, "lk1 announce", b"", S)
def relay_cred(K, topic): return H(32, "lk1 relay cred", topic, K)
def ack_key(K): return H(32, "lk1 ack key", b"", K)
def genesis_L0(genesis_seed, salt): return H(32, "lk1 genesis", salt, genesis_seed)


def actor_id(S, device_pk, grant_id, index):
    return H(16, "lk1 actor", device_pk + grant_id + u8(index), S)


# ------------------------------------------------------------------ statements and certificates

def box_text(device_pk, box_pk, counter): return pad16("lk1 box cert") + device_pk + box_pk + u32(counter)
def self_text(device_pk, noise_pk): return pad16("lk1 device self") + device_pk + noise_pk


def device_block(pk, noise, box, counter, box_sig, self_sig):
    return pk + noise + box + u32(counter) + box_sig + self_sig


def parse_block(b):
    r = Reader(b)
    d = dict(device=r.take(32), noise=r.take(32), box=r.take(32), counter=r.u32(), box_sig=r.take(64), self_sig=r.take(64))
    r.end()
    check(valid_sign_key(d["device"]), "device key")
    check(valid_box_key(d["box"]) and valid_box_key(d["noise"]), "small-order key")
    check(verify(d["device"], d["box_sig"], box_text(d["device"], d["box"], d["counter"])), "box signature")
    check(verify(d["device"], d["self_sig"], self_text(d["device"], d["noise"])), "self signature")
    return d


def make_cert(root_pk, block, rank, serial, issuer_pk, issuer_seed):
    body = root_pk + block + u16(rank) + u32(serial) + issuer_pk
    return body + sign(issuer_seed, pad16("lk1 device cert") + body)


def parse_cert(b):
    """Checks what the certificate alone can show; the chain is verify_chain's."""
    check(len(b) == CERT_LEN, "certificate length")
    d = parse_block(b[32:260])
    r = Reader(b[260:])
    d.update(root=b[:32], rank=r.u16(), serial=r.u32(), issuer=r.take(32), sig=r.take(64), raw=b)
    check(d["rank"] > 0, "rank 0 is the root's")
    check(verify(d["issuer"], d["sig"], pad16("lk1 device cert") + b[:298]), "issuer signature")
    return d


def verify_chain(certs):
    """certs: parsed, each certified by the next one's device, the last by the root."""
    for i, c in enumerate(certs):
        check(c["root"] == certs[0]["root"], "roots differ")
        if i + 1 < len(certs):
            check(c["issuer"] == certs[i + 1]["device"] and certs[i + 1]["rank"] < c["rank"], "chain")
    check(certs[-1]["issuer"] == certs[-1]["root"], "chain does not reach the root")
    return certs[0]


def encode_proof(certs): return u8(len(certs)) + b"".join(certs)


def read_proof(r):
    n = r.u8()
    check(1 <= n <= 8, "proof length")
    return [parse_cert(r.take(CERT_LEN)) for _ in range(n)]


def parse_proof(b, noise_static=None):
    r = Reader(b)
    certs = read_proof(r)
    r.end()
    c = verify_chain(certs)
    check(noise_static is None or c["noise"] == noise_static, "certificate is for another static key")
    return c


def make_gone(root_pk, device_pk, serial, issuer_pk, issuer_seed):
    body = device_pk + u32(serial) + issuer_pk
    return body + sign(issuer_seed, pad16("lk1 device gone") + root_pk + body)


def parse_gone(b, root_pk):
    r = Reader(b)
    d = dict(device=r.take(32), serial=r.u32(), issuer=r.take(32), sig=r.take(64))
    r.end()
    check(verify(d["issuer"], d["sig"], pad16("lk1 device gone") + root_pk + b[:68]), "gone signature")
    return d


def tlv(t, value): return u8(t) + u8(len(value)) + value
def addr_v4(ip, port): return tlv(1, bytes(map(int, ip.split("."))) + u16(port))


def read_tlvs(r):
    n = r.u8()
    check(n <= 8, "too many addresses")
    out = []
    for _ in range(n):
        t = r.u8()
        out.append((t, r.take(r.u8())))
    return out


def write_tlvs(raw): return u8(len(raw)) + b"".join(raw)


def beacon_key(seed, removed): return H(32, "lk1 beacon", removed, seed)


def beacon_address(text):
    ip = ipaddress.ip_address(text)
    return ip.packed if ip.version == 6 else bytes(10) + b"\xff\xff" + ip.packed


def make_beacon(key, nonce, port, address):
    said = u8(1) + nonce + u16(port)
    return b"LKB1" + said + H(16, "lk1 beacon", said + beacon_address(address), key)


def make_window_beacon(number, port): return b"LKB1" + u8(2) + u8(number) + u16(port)


def parse_beacon(b):
    r = Reader(b)
    check(r.take(4) == b"LKB1", "magic of a beacon")
    d = dict(type=r.u8())
    check(d["type"] in (1, 2), "type of a beacon")
    if d["type"] == 1:
        d.update(nonce=r.take(8), port=r.u16(), mac=r.take(16))
    else:
        d.update(number=r.u8(), port=r.u16())
        check(d["number"] < 100, "window number")
    r.end()
    check(d["port"] > 0, "port")
    return d


def beacon_is_from(d, key, address):
    return d["type"] == 1 and d["mac"] == H(16, "lk1 beacon", u8(1) + d["nonce"] + u16(d["port"]) +
                                             beacon_address(address), key)


def make_card(root_pk, serial, name, devices, gone, relays, signer_pk, signer_seed):
    """devices: (certificate, beacon key, [tlv])"""
    b = u8(1) + root_pk + u64(serial) + u8(len(name.encode())) + name.encode()
    b += u8(len(devices)) + b"".join(c + k + write_tlvs(a) for c, k, a in devices)
    b += u8(len(gone)) + b"".join(gone) + write_tlvs(relays) + signer_pk
    return b + sign(signer_seed, pad16("lk1 card sig") + b)


def parse_card(b):
    check(len(b) <= 24 << 10, "card over limit")
    r = Reader(b)
    check(r.u8() == 1, "card version")
    d = dict(root=r.take(32), serial=r.u64())
    try:
        d["name"] = r.take(r.u8()).decode()
    except UnicodeDecodeError:
        raise Refused("name")
    n = r.u8()
    check(1 <= n <= 32, "devices")
    d["devices"] = [(parse_cert(r.take(CERT_LEN)), r.take(32), read_tlvs(r)) for _ in range(n)]
    n = r.u8()
    check(n <= 32, "gone")
    d["gone"] = [parse_gone(r.take(GONE_LEN), d["root"]) for _ in range(n)]
    d["relays"], d["signer"] = read_tlvs(r), r.take(32)
    signed = b[:r.pos]
    sig = r.take(64)
    r.end()
    certs = {c["device"]: c for c, _, _ in d["devices"]}
    check(len(certs) == len(d["devices"]), "device twice")
    for c in certs.values():                       # every chain must close inside the card
        chain = [c]
        while chain[-1]["issuer"] != d["root"]:
            nxt = certs.get(chain[-1]["issuer"])
            check(nxt is not None and len(chain) < 8, "issuer not listed")
            chain.append(nxt)
        check(c["root"] == d["root"], "root")
        verify_chain(chain)
    for g in d["gone"]:                            # strictly senior issuers only
        check(g["issuer"] == d["root"] or g["issuer"] in certs, "gone issuer not listed")
        check(g["device"] not in certs, "gone device listed")
    check(d["signer"] in certs and verify(d["signer"], sig, pad16("lk1 card sig") + signed), "card signature")
    return d


# ------------------------------------------------------------------ padding

def bucket(n):
    """Length of the padded plaintext for n = 64 + body bytes."""
    if n <= 512:
        return (n + 31) // 32 * 32
    e = n.bit_length() - 1
    unit = 1 << (e - e.bit_length())
    return (n + unit - 1) // unit * unit


# ------------------------------------------------------------------ body

def genesis_body(root, device, box, counter, root_box=None, box_sig=None, k=0, guardians=()):
    b = root + device + box + u32(counter) + u8(1 if root_box else 0)
    if root_box:
        b += root_box + box_sig
    return b + u8(k) + u8(len(guardians)) + b"".join(guardians)


def grant_body(device, box, counter, box_sig, role, rank, flags=0, parent=None):
    b = device + (box + u32(counter) + box_sig if box else ZERO) + u8(role) + u16(rank)
    return b + u8(flags) + (u8(parent) if flags & PARENT_HERE else b"")


def revoke_body(entries):
    """entries: (grant id, index, level, flags, [keep ids])"""
    return uleb(len(entries)) + b"".join(
        i + u8(x) + u8(level) + u8(flags) + uleb(len(keep)) + b"".join(keep) for i, x, level, flags, keep in entries)


def share_body(devices): return uleb(len(devices)) + b"".join(devices)
def import_body(last, data): return u8(last) + uleb(len(data)) + data


def adopt_body(ids): return uleb(len(ids)) + b"".join(ids)
def rekey_body(box, counter): return box + u32(counter)


def guard_text(docid, author, nonce, op, targets=()):
    """What a guardian signs; op: u8 kind || uLEB length || body of a grant or revoke; targets: whose grant each entry names."""
    return b"lk1 guard sig".ljust(16, b"\0") + docid + author + nonce + H(32, "lk1 guard", op + b"".join(targets))


def guard_body(kind, body, nonce, signatures):
    """signatures: (index, signature)"""
    return u8(kind) + uleb(len(body)) + body + nonce + u8(len(signatures)) + b"".join(u8(i) + s for i, s in signatures)


def armor(prefix, label, b):
    return prefix + b32encode(b + H(4, label, b))


def guard_request(docid, author, nonce, op, targets, k, guardians, name):
    return armor("lkg1-", "lk1 guard", u8(1) + u8(1) + docid + author + nonce + op + b"".join(targets) + u8(k) +
                 u8(len(guardians)) + b"".join(sorted(guardians)) + uleb(len(name)) + name)


def guard_answer(text, guardian, signature):
    """text: what was signed, guard_text."""
    return armor("lkg1-", "lk1 guard", u8(1) + u8(2) + H(32, "lk1 guard", text[16:]) + guardian + signature)


def encode_body(grant, deps, ops):
    """grant: None (as in the previous envelope) or (id, index); ops: (kind, bytes)"""
    b = u8(0) if grant is None else u8(1) + grant[0] + u8(grant[1])
    b += uleb(len(deps)) + b"".join(deps) + u8(len(ops))
    return b + b"".join(u8(k) + uleb(len(o)) + o for k, o in ops)


def parse_genesis(r):
    d = dict(root=r.take(32), device=r.take(32), box=r.take(32), counter=r.u32(), policy=r.u8())
    if d["policy"] & ~1:
        raise Wait("genesis policy")
    if d["policy"] & 1:
        d.update(root_box=r.take(32), box_sig=r.take(64))
        check(valid_box_key(d["root_box"]), "root box key")
        check(verify(d["device"], d["box_sig"], box_text(d["device"], d["box"], d["counter"])), "box signature")
    d["k"], m = r.u8(), r.u8()
    check(m <= 16 and d["k"] <= m and (d["k"] > 0 or m == 0), "guardians")
    d["guardians"] = [r.take(32) for _ in range(m)]
    ascending(d["guardians"], "guardians order")
    check(all(map(valid_sign_key, [d["root"], d["device"]] + d["guardians"])) and d["root"] != d["device"], "genesis keys")
    check(valid_box_key(d["box"]), "box key")
    return d


def parse_grant(r, index):
    d = dict(device=r.take(32), box=r.take(32))
    check(valid_sign_key(d["device"]), "device key is no valid point")
    if d["box"] == ZERO:
        d["box"] = None
    else:
        d.update(counter=r.u32(), box_sig=r.take(64))
        check(valid_box_key(d["box"]), "small-order box key")
        check(verify(d["device"], d["box_sig"], box_text(d["device"], d["box"], d["counter"])), "box signature")
    d.update(role=r.u8(), rank=r.u16(), flags=r.u8())
    if d["flags"] & ~(ENROLL | COLD | OWN | PARENT_HERE):
        raise Wait("grant flags")
    check(RELAY <= d["role"] <= ADMIN, "role")
    check((d["box"] is None) == bool(d["flags"] & COLD or d["role"] == RELAY), "box key and role")
    if d["flags"] & PARENT_HERE:
        d["parent"] = r.u8()
        check(d["flags"] & OWN and d["parent"] < index, "parent")
    return d


def parse_revoke(r):
    n = r.uleb(64)
    check(n > 0, "empty revoke")
    out = []
    for _ in range(n):
        e = dict(id=r.take(32), index=r.u8(), level=r.u8(), flags=r.u8())
        if e["flags"] & ~(SOFT | TREE):
            raise Wait("revoke flags")
        check(e["level"] <= WRITE, "level")
        e["keep"] = [r.take(32) for _ in range(r.uleb(16))]
        ascending(e["keep"], "keep order")
        out.append(e)
    ascending([(e["id"], e["index"]) for e in out], "entries order")
    return out


def parse_guard(r, index):
    kind = r.u8()
    inner = Reader(r.take(r.uleb()))
    check(kind in (GRANT, REVOKE), "guard kind")
    op = parse_grant(inner, index) if kind == GRANT else parse_revoke(inner)
    inner.end()
    check(kind == REVOKE or not op["flags"] & OWN, "guard of an own device")
    nonce = r.take(16)
    n = r.u8()
    check(n <= 16, "guard signatures")
    sigs = [(r.u8(), r.take(64)) for _ in range(n)]
    ascending([i for i, _ in sigs], "guard order")
    return dict(kind=kind, op=op, nonce=nonce, signatures=sigs)


def parse_lean(data):
    """Returns the content: a change chunk's body from `time` on."""
    r = Reader(data)
    form = r.u8()
    check(form <= 1, "lean form")
    if form == 0:
        return r.rest()
    z = r.rest()
    d = zlib.decompressobj(-15)
    try:
        out = d.decompress(z, min(16 << 20, 1000 * len(z)) + 1)
    except zlib.error:
        raise Refused("deflate")
    check(d.eof and not d.unused_data and not d.unconsumed_tail, "deflate stream does not end with the data")
    check(len(out) <= min(16 << 20, 1000 * len(z)), "inflates to too much")
    check(len(z) < len(out), "deflated although not shorter")
    return out


def parse_op(kind, data, index):
    r = Reader(data)
    if kind == GENESIS:
        v = parse_genesis(r)
    elif kind == GRANT:
        v = parse_grant(r, index)
    elif kind == REVOKE:
        v = parse_revoke(r)
    elif kind in (LEAVE, EPOCH):
        v = None
    elif kind == BAN:
        v = r.take(32)
    elif kind == ADOPT:
        v = [r.take(32) for _ in range(r.uleb(256))]
        check(v, "empty adopt")
        ascending(v, "adopt order")
    elif kind == REKEY:
        v = dict(box=r.take(32), counter=r.u32())
        check(v["box"] != ZERO, "rekey")
        check(valid_box_key(v["box"]), "small-order box key")
    elif kind == GUARD:
        v = parse_guard(r, index)
    elif kind == CHANGE:
        v = parse_lean(r.rest())
    elif kind == SHARE:
        v = [r.take(32) for _ in range(r.uleb(1024))]
    elif kind == IMPORT:
        v = dict(last=r.u8(), data=r.take(r.uleb()))
        check(v["last"] <= 1, "import flag")
    elif kind >= 128:
        v = r.rest()
    elif kind == 0:
        raise Refused("kind 0")
    else:
        raise Wait("kind %d needs a newer version" % kind)
    r.end()
    return v


def parse_body(b, seq, section=None):
    """b: body || zero padding. Returns dict(grant, deps, ops=[(kind, value)], length)."""
    r = Reader(b)
    g = r.u8()
    check(g <= 1, "g")
    grant = (r.take(32), r.u8()) if g else None
    deps = [r.take(32) for _ in range(r.uleb(64))]
    ascending(deps, "deps order")
    n = r.u8()
    check(1 <= n <= 16, "number of ops")
    raw = []
    for _ in range(n):
        k = r.u8()
        raw.append((k, r.take(r.uleb())))
    length = r.pos
    check(not any(r.rest()), "padding is not zero")
    kinds = [k for k, _ in raw]
    check(kinds.count(CHANGE) + kinds.count(IMPORT) <= 1, "two changes")
    check(kinds.count(EPOCH) + kinds.count(SHARE) <= 1, "two key sections")
    check(not (EPOCH in kinds and (REVOKE in kinds or BAN in kinds)), "revoke in an epoch's envelope")
    check(GUARD not in kinds or n == 1, "guard is not alone")
    check(LEAVE not in kinds[:-1], "leave is not last")
    if kinds[0] == GENESIS:
        check(seq == 1 and g == 0 and not deps, "genesis place")
        check(EPOCH not in kinds and SHARE not in kinds, "genesis with a key section")
    check(GENESIS not in kinds[1:], "genesis place")
    if seq == 1 and kinds[0] != GENESIS:
        check(g == 1 and deps, "first envelope names no grant or no deps")
    want = 1 if EPOCH in kinds else 2 if SHARE in kinds else None
    if all(1 <= k <= 12 or k >= 128 for k in kinds):
        check((section["type"] if section else None) == want, "key section and ops do not match")
    ops = [(k, parse_op(k, v, i)) for i, (k, v) in enumerate(raw)]
    for k, v in ops:
        check(k != GRANT or "parent" not in v or kinds[v["parent"]] == GRANT, "parent is no grant")
    if kinds[0] == GENESIS and ops[0][1]["policy"] & 1:
        check(len(ops) == 1, "a home genesis stands alone")
    if SHARE in kinds:
        check(len(ops[kinds.index(SHARE)][1]) == len(section["boxes"]), "share names another number of devices")
    return dict(grant=grant, deps=deps, ops=ops, raw=raw, length=length)


# ------------------------------------------------------------------ key section

def box_secret(L, topic, seq, tag):
    return H(32, "lk1 key box", topic + u64(seq) + tag, L)


def share_secret(secrets, topic, seq, tag):
    """secrets: the distinct L of the boxes."""
    joined = b"".join(sorted(set(secrets), key=etag_of))
    return box_secret(H(32, "lk1 key box", joined), topic, seq, tag)


def box_mask(shared, eph, box_pk, topic, etag):
    return H(36, "lk1 key box", eph + box_pk + topic + etag, shared)


def make_box(eph_sk, box_pk, topic, L, with_etag):
    eph, tag = dh_base(eph_sk), etag_of(L)
    x = box_mask(dh(eph_sk, box_pk), eph, box_pk, topic, tag)
    return x[32:] + xor(x[:32], L) + (tag if with_etag else b"")


def link_mask(L_new, newer, older):
    return H(32, "lk1 link", newer + older, L_new)


def epoch_section(L, topic, seq, tag, box_keys, older):
    """box_keys: of the effective readers; older: the L of the maximal epochs of the past that the author has."""
    sk = box_secret(L, topic, seq, tag)
    boxes = sorted(make_box(sk, b, topic, L, False) for b in set(box_keys))
    me = etag_of(L)
    links = sorted(etag_of(o) + xor(o, link_mask(L, me, etag_of(o))) for o in older)
    return (u8(1) + dh_base(sk) + u16(len(boxes)) + b"".join(boxes) + u8(len(links)) + b"".join(links))


def share_section(topic, seq, tag, recipients, links=()):
    """recipients: (device pk, box pk, L); links: (L_new, L_old). Returns (section, devices in the order of the boxes)."""
    eph, boxes = ZERO, []
    if recipients:
        sk = share_secret([L for _, _, L in recipients], topic, seq, tag)
        eph = dh_base(sk)
        boxes = sorted((make_box(sk, b, topic, L, True), d) for d, b, L in recipients)
    rows = sorted(etag_of(n) + etag_of(o) + xor(o, link_mask(n, etag_of(n), etag_of(o))) for n, o in links)
    return (u8(2) + eph + u16(len(boxes)) + b"".join(b for b, _ in boxes) + u8(len(rows)) + b"".join(rows),
            [d for _, d in boxes])


def read_section(r):
    d = dict(type=r.u8())
    check(d["type"] in (1, 2), "key section type")
    share = d["type"] == 2
    d["eph"] = r.take(32)
    n = r.u16()
    check((0 if share else 1) <= n <= 1024, "number of boxes")
    raw = [r.take(52 if share else 36) for _ in range(n)]
    ascending(raw, "boxes order")
    d["boxes"] = [(b[:4], b[4:36], b[36:] if share else None) for b in raw]
    m = r.u8()
    check(m <= 64, "number of links")
    links = [r.take(64 if share else 48) for _ in range(m)]
    ascending(links, "links order")
    d["links"] = [(l[:16], l[16:32], l[32:]) if share else (None, l[:16], l[16:]) for l in links]
    if share:
        check(n + m > 0, "empty share")
        check((d["eph"] == ZERO) == (n == 0), "eph")
    else:
        older = [o for _, o, _ in d["links"]]
        check(len(set(older)) == len(older), "link twice")
    return d


def find_my_keys(section, box_sk, topic, header_etag):
    """All L that boxes of this section give to the holder of box_sk, by etag."""
    out = {}
    if not section["boxes"]:
        return out
    eph, box_pk = section["eph"], dh_base(box_sk)
    try:
        shared = dh(box_sk, eph)
    except Refused:
        return out
    for hint, masked, tag in section["boxes"]:
        tag = tag or header_etag
        x = box_mask(shared, eph, box_pk, topic, tag)
        if x[32:] == hint:
            L = xor(x[:32], masked)
            if etag_of(L) == tag:
                out[tag] = L
    return out


def follow_links(section, header_etag, keys):
    """L of older epochs that the links give to somebody with `keys` (etag -> L); wrong ones are left out."""
    out = {}
    for newer, older, masked in section["links"]:
        newer = newer or header_etag
        if newer in keys:
            L = xor(masked, link_mask(keys[newer], newer, older))
            if etag_of(L) == older:
                out[older] = L
    return out


def check_epoch_section(section, L, topic, seq, tag, box_keys, past_etags):
    """What everybody who opens an epoch checks."""
    sk = box_secret(L, topic, seq, tag)
    check(section["eph"] == dh_base(sk), "epoch: ephemeral key")
    want = sorted(make_box(sk, b, topic, L, False) for b in set(box_keys))
    have = [h + m for h, m, _ in section["boxes"]]
    check(len(have) == len(want), "epoch: number of boxes")
    check(have == want, "epoch: wrong box")
    me = etag_of(L)
    for _, older, masked in section["links"]:
        check(older in past_etags, "epoch: link to no epoch of the past")
        check(etag_of(xor(masked, link_mask(L, me, older))) == older, "epoch: wrong link")


# ------------------------------------------------------------------ envelope

def make_salt(K, random32, section, body):
    return H(8, "lk1 nonce", random32 + section + body, K)


def envelope_nonce(header): return H(24, "lk1 nonce", header)


def signed_text(docid, aad, body_and_padding):
    return pad16("lk1 envelope sig") + docid + H(32, "lk1 env sign", aad + body_and_padding)


def seal_envelope(seed, S, L, docid, seq, prev, body, random32, section=b"", salt=None, fake_sig=None):
    """docid = ZERO for a genesis envelope. salt only for a genesis, where it is drawn before everything else."""
    K = content_key(L)
    pk = sign_keys(seed)[0]
    header = (u8(1) + u8(1 if section else 0) + topic_id(S) + author_tag(S, pk) + u64(seq) + prev + epoch_tag(K)
              + (salt or make_salt(K, random32, section, body)))
    assert len(header) == 98
    aad = header + section
    padded = body + bytes(bucket(64 + len(body)) - 64 - len(body))
    sig = fake_sig or sign(seed, signed_text(docid, aad, padded))
    out = aad + seal_aead(K, envelope_nonce(header), aad, sig + padded)
    assert len(out) <= ENVELOPE_MAX, "envelope over limit"
    return out


def envelope_id(raw): return H(32, "lk1 envelope", raw)


def parse_envelope(raw):
    """Header, key section, bucket: what needs no key."""
    check(len(raw) <= ENVELOPE_MAX, "envelope over limit")
    r = Reader(raw)
    check(r.u8() == 1, "envelope version")
    flags = r.u8()
    check(flags <= 1, "envelope flags")
    e = dict(raw=raw, id=envelope_id(raw), flags=flags, topic=r.take(16), tag=r.take(16), seq=r.u64(), prev=r.take(32),
             etag=r.take(16), salt=r.take(8))
    check(e["seq"] >= 1 and (e["seq"] == 1) == (e["prev"] == ZERO), "seq and prev")
    e["section"] = read_section(r) if flags else None
    e["aad"] = raw[:r.pos]
    e["cipher"] = r.rest()
    n = len(e["cipher"]) - 16
    check(n >= 96 and bucket(n) == n, "no bucket")
    return e


def open_envelope(e, L):
    """AEAD and canonical body; the signature needs the author's key and is verify_envelope's."""
    K = content_key(L)
    if epoch_tag(K) != e["etag"]:
        raise Wait("key unknown")
    plain = open_aead(K, envelope_nonce(e["raw"][:98]), e["aad"], e["cipher"])
    e["sig"], e["padded"] = plain[:64], plain[64:]
    e["body"] = parse_body(e["padded"], e["seq"], e["section"])
    check(len(plain) == bucket(64 + e["body"]["length"]), "not the smallest bucket")
    return e


def verify_envelope(e, author_pk, docid):
    check(verify(author_pk, e["sig"], signed_text(docid, e["aad"], e["padded"])), "signature")


# ------------------------------------------------------------------ lean change

def lean_of(chunk, deflate):
    """Type-1 Automerge chunk -> lean bytes, form 1 only if it is shorter."""
    (t, body, _), = amref.chunks(chunk)
    assert t == 1
    r = Reader(body)
    r.take(32 * r.uleb())                      # deps
    r.take(r.uleb())                           # actor
    r.uleb()                                   # seq
    r.uleb()                                   # startOp
    content = r.rest()
    if deflate:
        c = zlib.compressobj(9, zlib.DEFLATED, -15)
        z = c.compress(content) + c.flush()
        if len(z) < len(content):
            return u8(1) + z
    return u8(0) + content


def chunk_of(content, deps, actor, seq, start):
    body = (uleb(len(deps)) + b"".join(sorted(deps)) + uleb(len(actor)) + actor + uleb(seq) + uleb(start) + content)
    return amref.chunk(1, body)


# ------------------------------------------------------------------ welcome and tickets

def make_welcome(docid, S, secrets, grant, remotes=(), signer=None, recipient=None, home=False, called=None):
    """secrets: L of the epochs the grant hands over, and of older ones of its past. home: S is left out, it follows from
    the only L, which is L0. called: (type, name) to suggest, bytes."""
    secrets = sorted(set(secrets), key=etag_of)
    assert not home or (len(secrets) == 1 and topic_secret(secrets[0]) == S)
    f = (0 if home else 1) | (2 if signer else 0) | (0 if grant[0] == docid else 4) | (8 if called else 0)
    b = u8(f) + docid + (b"" if home else S) + u8(len(secrets)) + b"".join(secrets)
    b += (grant[0] if f & 4 else b"") + u8(grant[1]) + write_tlvs(list(remotes))
    for text in called or ():
        b += u8(len(text)) + text
    if signer:
        b += signer.pk
        b += sign(signer.sign_seed, pad16("lk1 welcome sig") + recipient + b)
    return b


def read_suggestion(r, limit):
    raw = r.take(r.u8())
    check(0 < len(raw) <= limit and b"\0" not in raw, "suggested name")
    try:
        return raw.decode()
    except UnicodeDecodeError:
        raise Refused("suggested name")


def parse_welcome(b, my_pk):
    check(len(b) <= 4096, "welcome over limit")
    r = Reader(b)
    f = r.u8()
    check(f < 16, "welcome flags")
    d = dict(f=f, docid=r.take(32))
    S = r.take(32) if f & 1 else None
    m = r.u8()
    check(1 <= m <= 64, "number of keys")
    d["L"] = [r.take(32) for _ in range(m)]
    ascending([etag_of(L) for L in d["L"]], "keys order")
    if S is None:
        check(m == 1, "S missing")
        S = topic_secret(d["L"][0])
    d["S"] = S
    gid = r.take(32) if f & 4 else d["docid"]
    check(not f & 4 or gid != d["docid"], "grant id written although it is the document's")
    d["grant"], d["remotes"] = (gid, r.u8()), read_tlvs(r)
    d["called"] = (read_suggestion(r, 7), read_suggestion(r, 255)) if f & 8 else None
    d["signer"] = None
    if f & 2:
        d["signer"] = r.take(32)
        signed = b[:r.pos]
        check(verify(d["signer"], r.take(64), pad16("lk1 welcome sig") + my_pk + signed), "welcome signature")
    r.end()
    return d


B32 = "abcdefghijklmnopqrstuvwxyz234567"


def b32encode(b):
    n, bits = int.from_bytes(b, "big"), len(b) * 8
    pad = -bits % 5
    n <<= pad
    return "".join(B32[n >> s & 31] for s in range(bits + pad - 5, -1, -5))


def b32decode(s):
    n = 0
    for c in s.lower():
        check(c in B32, "base32")
        n = n << 5 | B32.index(c)
    extra = len(s) * 5 % 8
    check(extra < 5 and n & ((1 << extra) - 1) == 0, "base32 tail")
    return (n >> extra).to_bytes(len(s) * 5 // 8, "big")


def make_ticket(purpose, secret16, noise_pk, tlvs):
    b = u8(1) + u8(purpose) + secret16 + noise_pk + b"".join(tlvs)
    return armor("lk1-", "lk1 ticket", b)


def parse_ticket(text):
    check(text[:4].lower() == "lk1-", "ticket prefix")
    b = b32decode(text[4:])
    check(len(b) >= 54 and H(4, "lk1 ticket", b[:-4]) == b[-4:], "ticket check")
    r = Reader(b[:-4])
    check(r.u8() == 1, "ticket version")
    d = dict(purpose=r.u8(), secret=r.take(16), noise=r.take(32), tlvs=[])
    check(d["purpose"] in (1, 2), "ticket purpose")
    while r.left():
        t = r.u8()
        d["tlvs"].append((t, r.take(r.u8())))
    key = d["secret"] + bytes(16)
    d["psk"], d["id"], d["slot"] = (H(n, "lk1 ticket", u8(i), key) for n, i in ((32, 1), (8, 2), (16, 3)))
    return d


# ------------------------------------------------------------------ Noise, 25519_ChaChaPoly_BLAKE2b

def b2(x): return hashlib.blake2b(x).digest()


def hmac(key, msg):
    assert len(key) <= 128
    k = key.ljust(128, b"\0")
    return b2(bytes(x ^ 0x5c for x in k) + b2(bytes(x ^ 0x36 for x in k) + msg))


def hkdf(ck, ikm, n):
    t, out = hmac(ck, ikm), []
    prev = b""
    for i in range(n):
        prev = hmac(t, prev + u8(i + 1))
        out.append(prev)
    return out


def chacha(key, n, ad, plain):
    return na.crypto_aead_chacha20poly1305_ietf_encrypt(plain, ad, bytes(4) + n.to_bytes(8, "little"), key)


def unchacha(key, n, ad, cipher):
    try:
        return na.crypto_aead_chacha20poly1305_ietf_decrypt(cipher, ad, bytes(4) + n.to_bytes(8, "little"), key)
    except Exception:
        raise Refused("Noise AEAD")


PATTERNS = {   # pre-message of the responder, messages
    "XK": ("s", ["e es", "e ee", "s se"]),
    "XKpsk3": ("s", ["e es", "e ee", "s se psk"]),
    "XX": ("", ["e", "e ee s es", "s se"]),
    "NK": ("s", ["e es", "e ee"]),
}


class Noise:
    def __init__(self, pattern, initiator, prologue, s=None, rs=None, e=None, psk=None):
        pre, self.messages = PATTERNS[pattern]
        self.init, self.s, self.e, self.rs, self.re, self.psk = initiator, s, e, rs, None, psk
        self.with_psk = "psk" in pattern
        name = ("Noise_%s_25519_ChaChaPoly_BLAKE2b" % pattern).encode()
        self.h = name.ljust(64, b"\0") if len(name) <= 64 else b2(name)
        self.ck, self.k, self.n, self.turn = self.h, None, 0, 0
        self.mix_hash(prologue)
        if pre == "s":
            self.mix_hash(self.rs if initiator else dh_base(self.s))

    def mix_hash(self, x): self.h = b2(self.h + x)

    def mix_key(self, x):
        self.ck, t = hkdf(self.ck, x, 2)
        self.k, self.n = t[:32], 0

    def mix_dh(self, token):
        mine = token[0] if self.init else token[1]
        other = token[1] if self.init else token[0]
        self.mix_key(dh(self.e if mine == "e" else self.s, self.re if other == "e" else self.rs))

    def mix_psk(self):
        self.ck, t, k = hkdf(self.ck, self.psk, 3)
        self.mix_hash(t)
        self.k, self.n = k[:32], 0

    def enc(self, plain):
        c = chacha(self.k, self.n, self.h, plain) if self.k else plain
        self.n += bool(self.k)
        self.mix_hash(c)
        return c

    def dec(self, cipher):
        p = unchacha(self.k, self.n, self.h, cipher) if self.k else cipher
        self.n += bool(self.k)
        self.mix_hash(cipher)
        return p

    def write(self, payload=b""):
        out = b""
        for t in self.messages[self.turn].split():
            if t == "e":
                e = dh_base(self.e)
                out += e
                self.mix_hash(e)
                if self.with_psk:
                    self.mix_key(e)
            elif t == "s":
                out += self.enc(dh_base(self.s))
            elif t == "psk":
                self.mix_psk()
            else:
                self.mix_dh(t)
        self.turn += 1
        return out + self.enc(payload)

    def read(self, msg):
        r = Reader(msg)
        for t in self.messages[self.turn].split():
            if t == "e":
                self.re = r.take(32)
                check(self.e is None or self.re != dh_base(self.e), "reflected ephemeral key")
                self.mix_hash(self.re)
                if self.with_psk:
                    self.mix_key(self.re)
            elif t == "s":
                self.rs = self.dec(r.take(48 if self.k else 32))
                check(self.s is None or self.rs != dh_base(self.s), "own static key")
            elif t == "psk":
                self.mix_psk()
            else:
                self.mix_dh(t)
        self.turn += 1
        return self.dec(r.rest())

    def split(self):
        a, b = (k[:32] for k in hkdf(self.ck, b"", 2))
        return (Flow(a), Flow(b)) if self.init else (Flow(b), Flow(a))     # (send, receive)


class Flow:
    """One direction after the handshake."""
    def __init__(self, key): self.k, self.n, self.buf = key, 0, b""

    def rekey_if_due(self):
        if self.n and self.n % 65536 == 0:
            self.k = chacha(self.k, (1 << 64) - 1, b"", bytes(32))[:32]

    def seal(self, plain):
        assert 1 <= len(plain) <= 65535 - 16
        self.rekey_if_due()
        c = chacha(self.k, self.n, b"", plain)
        self.n += 1
        return u16(len(c)) + c

    def open(self, frame):
        check(17 <= len(frame) - 2 == int.from_bytes(frame[:2], "big"), "frame length")
        self.rekey_if_due()
        p = unchacha(self.k, self.n, b"", frame[2:])
        self.n += 1
        return p

    def messages(self, frame, limit=1 + (1 << 20) + (1 << 16)):
        """Receiver: takes a frame, returns the messages completed by it as (type, body)."""
        self.buf += self.open(frame)
        out = []
        while len(self.buf) >= 4:
            n = int.from_bytes(self.buf[:4], "big")
            check(1 <= n <= limit, "message length")
            if len(self.buf) < 4 + n:
                break
            out.append((self.buf[4], self.buf[5:4 + n]))
            self.buf = self.buf[4 + n:]
        return out


def preface(pattern_number, extra=b""): return b"LK" + u8(1) + u8(pattern_number) + u8(len(extra)) + extra
def message(t, body): return u32(1 + len(body)) + u8(t) + body


# ------------------------------------------------------------------ messages

MESSAGE_MAX = (1 << 20) + (1 << 16)
HELLO, CLOSE, PING, PONG, SET, TOPICS, MATCH = 1, 2, 3, 4, 16, 17, 18
FP, VV, RANGE, BATCH, WANT, ACK, BUSY, ACKS, WELCOME, CARD, PEERS = 32, 33, 34, 35, 36, 38, 39, 40, 48, 49, 50


def hello(lo, hi, caps, incarnation, max_message, port):
    return u8(lo) + u8(hi) + u64(caps) + incarnation + u32(max_message) + u16(port)


def parse_hello(b):
    check(len(b) == 24, "HELLO length")
    r = Reader(b)
    return dict(lo=r.u8(), hi=r.u8(), caps=r.u64(), incarnation=r.take(8), max_message=r.u32(), port=r.u16())


def set_body(h, topics): return u32(len(topics)) + H(16, "lk1 announce", h + b"".join(sorted(topics)))
def topic_proof(S, h, role): return H(8, "lk1 announce", h + u8(role), announce_key(S))


def topics_body(last, secrets, h, role, rng):
    proofs = [topic_proof(S, h, role) for S in secrets]
    while len(proofs) % 16:
        proofs.append(rng(8))
    return u8(last) + b"".join(proofs)


def match_body(indices): return b"".join(map(u32, indices))


def id_sum(ids): return (sum(int.from_bytes(i, "big") for i in ids) % (1 << 256)).to_bytes(32, "big")
def fingerprint(h, sums): return H(16, "lk1 fp", h + b"".join(sums))


def fp_body(answer, first, last, sets, h):
    """sets: lists of ids, of the topics first..last in order of their number."""
    return (u8(answer) + u32(first) + u32(last) + u64(sum(map(len, sets))) + fingerprint(h, map(id_sum, sets)))


def acks_fp_body(answer, first, last, topics, h):
    """topics: of each, in order of the numbers, the acknowledgements known of others: (tag, incarnation, counter)"""
    sums = [id_sum([H(32, "lk1 fp", t + i + u64(c)) for t, i, c in acks]) for acks in topics]
    return u8(2 + answer) + u32(first) + u32(last) + u64(sum(map(len, topics))) + fingerprint(h, sums)


def vv_body(topic, answer, entries):
    """entries: (tag, seq, id)"""
    return u32(topic) + u8(answer) + b"".join(t + uleb(s) + i[:8] for t, s, i in sorted(entries))


def parse_vv(b):
    r = Reader(b)
    d = dict(topic=r.u32(), answer=r.u8(), entries=[])
    check(d["answer"] <= 1, "VV flags")
    while r.left():
        d["entries"].append((r.take(16), r.uleb(), r.take(8)))
    ascending([t for t, _, _ in d["entries"]], "VV order")
    check(all(s for _, s, _ in d["entries"]), "VV seq")
    return d


def want_body(topic, ids): return u32(topic) + b"".join(ids)


class BatchState:
    """One topic, one direction, one session; sender and receiver keep the same."""
    def __init__(self, topic_id): self.topic_id, self.slots, self.etag, self.last = topic_id, {}, None, {}

    def put(self, e):
        """parsed envelope -> item"""
        f, out = 0, b""
        slot = self.slots.get(e["tag"])
        if slot is None:
            slot = self.slots[e["tag"]] = len(self.slots)
            f |= 1
        if self.last.get(slot) != (e["seq"] - 1, e["prev"]):
            f |= 2
        if self.etag != e["etag"]:
            f |= 4
        f |= 8 if e["section"] else 0
        out = u8(f) + uleb(slot)
        out += e["tag"] if f & 1 else b""
        out += uleb(e["seq"]) + (e["prev"] if e["seq"] > 1 else b"") if f & 2 else b""
        out += e["etag"] if f & 4 else b""
        rest = e["raw"][98:]
        self.note(slot, e["seq"], e["id"], e["etag"])
        return out + e["salt"] + uleb(len(rest)) + rest

    def note(self, slot, seq, eid, etag): self.last[slot], self.etag = (seq, eid), etag

    def get(self, r):
        """one item -> raw envelope"""
        f, slot = r.u8(), r.uleb()
        check(f < 16, "item flags")
        if f & 1:
            check(slot == len(self.slots), "slot number")
            tag = r.take(16)
            check(tag not in self.slots, "tag has a slot")
            self.slots[tag] = slot
        else:
            check(slot < len(self.slots), "slot unknown")
            tag = list(self.slots)[slot]
        if f & 2:
            seq = r.uleb()
            check(seq >= 1, "seq")
            prev = r.take(32) if seq > 1 else ZERO
        else:
            check(slot in self.last, "seq missing")
            seq, prev = self.last[slot][0] + 1, self.last[slot][1]
        etag = r.take(16) if f & 4 else self.etag
        check(etag is not None, "etag missing")
        salt = r.take(8)
        rest = r.take(r.uleb(ENVELOPE_MAX - 98))
        raw = u8(1) + u8(f >> 3 & 1) + self.topic_id + tag + u64(seq) + prev + etag + salt + rest
        self.note(slot, seq, envelope_id(raw), etag)
        return raw


def batch_body(topic, end, state, envelopes):
    return u32(topic) + u8(end) + b"".join(state.put(e) for e in envelopes)


def parse_batch(b, states):
    r = Reader(b)
    topic, end = r.u32(), r.u8()
    check(end <= 1, "BATCH flags")
    out = []
    while r.left():
        out.append(states[topic].get(r))
    return topic, end, out


def ack_text(docid, aad, heads): return pad16("lk1 ack sig") + docid + aad + u8(len(heads)) + b"".join(heads)


def ack_body(topic_no, S, L, docid, dev, incarnation, counter, heads, nonce):
    K, topic = content_key(L), topic_id(S)
    head = author_tag(S, dev.pk) + incarnation + u64(counter) + epoch_tag(K)
    aad, heads = topic + head, sorted(heads)
    plain = u8(len(heads)) + b"".join(heads) + sign(dev.sign_seed, ack_text(docid, aad, heads))
    return u32(topic_no) + head + nonce + seal_aead(ack_key(K), nonce, aad, plain)


def parse_ack(b, topic, L, docid, pk_of_tag):
    r = Reader(b)
    d = dict(topic=r.u32(), tag=r.take(16), incarnation=r.take(8), counter=r.u64(), etag=r.take(16))
    aad = topic + b[4:r.pos]
    nonce = r.take(24)
    if etag_of(L) != d["etag"]:
        raise Wait("key unknown")
    p = Reader(open_aead(ack_key(content_key(L)), nonce, aad, r.rest()))
    n = p.u8()
    check(n <= 64, "heads")
    d["heads"] = [p.take(32) for _ in range(n)]
    ascending(d["heads"], "heads order")
    sig = p.take(64)
    p.end()
    check(verify(pk_of_tag[d["tag"]], sig, ack_text(docid, aad, d["heads"])), "ack signature")
    return d


def acks_body(entries):
    """entries: (topic number, counter, heads), by number; a head is an id, or the number of a slot"""
    out, least = b"", 0
    for number, counter, heads in entries:
        out += uleb(number - least) + uleb(counter) + u8(len(heads))
        out += b"".join(uleb(h + 1) if isinstance(h, int) else uleb(0) + h for h in heads)
        least = number + 1
    return out


def parse_acks(b, last=None):
    """last: of each topic number, the ids of the last items of the sender's slots; None: slots stay numbers"""
    check(b, "ACKS, empty")
    r, out, number = Reader(b), [], -1
    while r.left():
        number += 1 + r.uleb()
        counter, heads = r.uleb(), []
        check(number < 1 << 32, "topic number")
        n = r.u8()
        check(n <= 64, "heads")
        for _ in range(n):
            slot = r.uleb()
            if slot == 0:
                heads.append(r.take(32))
            elif last is None:
                heads.append(slot - 1)
            else:
                check(slot <= len(last[number]), "slot")
                heads.append(last[number][slot - 1])
        out.append((number, counter, heads))
    return out


def peers_body(peers):
    """peers: ([certificates], [tlv])"""
    return u8(len(peers)) + b"".join(encode_proof(c) + write_tlvs(a) for c, a in peers)


def parse_peers(b):
    r = Reader(b)
    n = r.u8()
    check(n <= 64, "peers")
    out = [(verify_chain(read_proof(r)), read_tlvs(r)) for _ in range(n)]
    r.end()
    return out


LIMITS = {HELLO: 24, CLOSE: 1, PING: 8, PONG: 8, SET: 20, TOPICS: 64 << 10, MATCH: 512 << 10, FP: 33, VV: 256 << 10,
    RANGE: 64 << 10, BATCH: MESSAGE_MAX,
          WANT: 4 + 512 * 32, ACK: 4096, BUSY: 8, ACKS: 64 << 10, WELCOME: 4096, CARD: 24 << 10, PEERS: 256 << 10}
FIXED = {HELLO, CLOSE, PING, PONG, SET, FP, BUSY}


def check_message(t, b):
    """Shape of a message body, as far as it can be seen without keys and state."""
    if t >= 128:
        return
    check(t in LIMITS, "unknown type")
    check(len(b) <= LIMITS[t], "over limit")
    check(t not in FIXED or len(b) == LIMITS[t], "length")
    r = Reader(b)
    if t == HELLO:
        d = parse_hello(b)
        check(1 <= d["lo"] <= d["hi"], "versions")
    elif t == TOPICS:
        check(r.u8() <= 1 and r.left() % 8 == 0, "TOPICS")
    elif t == MATCH:
        check(len(b) % 4 == 0, "MATCH")
        ascending([b[i:i + 4] for i in range(0, len(b), 4)], "MATCH order")
    elif t == FP:
        check(r.u8() <= 3 and r.u32() <= r.u32(), "FP")
    elif t == VV:
        parse_vv(b)
    elif t == RANGE:
        parse_range(b)
    elif t == BATCH:
        check(len(b) >= 5 and b[4] <= 1, "BATCH")
    elif t == WANT:
        check(len(b) > 4 and len(b) % 32 == 4, "WANT")
    elif t == ACK:
        check(len(b) >= 76 + 16 + 65 and (len(b) - 76 - 16 - 65) % 32 == 0, "ACK")
    elif t == ACKS:
        parse_acks(b)
    elif t == CARD:
        parse_card(b)
    elif t == PEERS:
        parse_peers(b)


# RANGE: key of an envelope = tag 16 || seq u64 || id 32, ranges follow each other from the lowest key on.
SKIP, SUM, LIST, EXACT = 0, 1, 2, 3


def range_key(e): return e["tag"] + u64(e["seq"]) + e["id"]


def range_value(mode, value, h):
    """value: the ids in the range, in the order of the keys"""
    if mode == SUM:
        return uleb(len(value)) + fingerprint(h, [id_sum(value)])
    if mode == EXACT:
        return uleb(len(value)) + H(16, "lk1 fp", h + b"".join(value))
    return uleb(len(value)) + b"".join(sorted(value)) if mode == LIST else b""


def range_body(topic, parts, h=b""):
    """parts: (exclusive upper bound or None = none, mode, ids)"""
    out, low = u32(topic), bytes(56)
    for bound, mode, value in parts:
        if bound is None:
            out += u8(255)
        else:
            up = bound.ljust(56, b"\0")
            same = next(i for i in range(56) if up[i] != low[i])
            rest = up[same:].rstrip(b"\0")
            out, low = out + u8(same) + u8(len(rest)) + rest, up
        out += u8(mode) + range_value(mode, value, h)
    return out


def parse_range(b):
    r = Reader(b)
    topic, out, low = r.u32(), [], bytes(56)
    check(r.left(), "nothing")
    while r.left():
        same, up = r.u8(), None
        if same != 255:
            n = r.u8()
            check(n > 0 and same + n <= 56, "bound")
            rest = r.take(n)
            check(rest[0] > low[same] and rest[-1], "bounds order")
            up = (low[:same] + rest).ljust(56, b"\0")
        mode = r.u8()
        check(mode <= 3, "mode")
        v = None
        if mode in (SUM, EXACT):
            v = (r.uleb(), r.take(16))
            check(mode == SUM or v[0] <= 2048, "exact range too long")
        elif mode == LIST:
            v = [r.take(32) for _ in range(r.uleb(2047))]
            ascending(v, "ids order")
        out.append((low, up, mode, v))
        check(up is not None or r.left() == 0, "range after the end")
        low = up
    return topic, out


def bound_between(a, b):
    """the shortest string that, with zeros behind, is above a and not above b"""
    return next(b[:n] for n in range(1, 57) if b[:n].ljust(56, b"\0") > a)


def range_answer(body, mine, h):
    """mine: parsed envelopes of my essential set. Returns (answer body or None, ids to ask for, envelopes to send)."""
    topic, ranges = parse_range(body)
    parts, want, send, busy, held = [], [], [], False, {e["id"] for e in mine}
    for low, up, mode, v in ranges:
        here = sorted((e for e in mine if range_key(e) >= low and (up is None or range_key(e) < up)), key=range_key)
        ids = [e["id"] for e in here]
        if mode in (SUM, EXACT) and uleb(v[0]) + v[1] != range_value(mode, ids, h):
            busy = True
            if len(ids) <= 32:
                parts.append((up, LIST, ids))
                continue
            step = -(-len(ids) // 16)
            for i in range(0, len(here), step):
                last = i + step >= len(here)
                top = up if last else bound_between(range_key(here[i + step - 1]), range_key(here[i + step]))
                parts.append((top, EXACT if mode == EXACT and len(ids) <= 2048 else SUM, ids[i:i + step]))
            continue
        if mode == LIST:
            want += [i for i in v if i not in held]
            send += [e for e in here if e["id"] not in v]
        parts.append((up, SKIP, None))
    return (range_body(topic, parts, h) if busy else None), want, send
