#!/usr/bin/python3
"""The protocol run whole: four parties, real cryptography, every claim asserted as it goes.

usage: story.py [--write DIR | --check DIR] [-q]      needs python3-nacl
"""
import json
import os
import sys
import amref
import lkproto as p
import lkview
from lkproto import ZERO, u8, u16, u32, u64

QUIET = "-q" in sys.argv


def step(text):
    if not QUIET:
        print("  " + text)


class Rng:
    """Deterministic bytes: BLAKE2b in counter mode."""
    def __init__(self, seed): self.seed, self.n = seed.encode(), 0

    def __call__(self, size):
        out = b""
        while len(out) < size:
            self.n += 1
            out += p.H(64, "lk test rng", self.seed + u64(self.n))
        return out[:size]


rng = Rng("lk protocol 1")
FILES = {}


def hexed(v):
    if isinstance(v, (bytes, bytearray)):
        return v.hex()
    if isinstance(v, dict):
        return {k: hexed(x) for k, x in v.items()}
    if isinstance(v, (list, tuple)):
        return [hexed(x) for x in v]
    return v


def vectors(name, description):
    FILES[name] = {"description": description}
    return FILES[name]


def put(file, group, **fields):
    FILES[file].setdefault(group, []).append(hexed(fields))


def refused(f, *args, why=None):
    try:
        f(*args)
    except p.Refused as r:
        assert why is None or why in str(r), (why, str(r))
        return str(r)
    raise AssertionError("not refused: %s" % why)


# ------------------------------------------------------------------ people and their replicas

class Party:
    """A device with its replicas; `hold` = keys, `say` = log of deliveries for the vectors."""
    def __init__(self, dev, root_pk): self.dev, self.root_pk, self.rep = dev, root_pk, {}


def keep_replica(party, doc, S, docid, keys):
    r = lkview.Replica(party.dev.name, S, docid, keys, party.dev.box_sk, party.dev.pk)
    party.rep[doc] = r
    put("story.json", "events", event="replica", who=party.dev.name, document=doc, S=S, docid=docid, keys=list(keys),
        box_secret=party.dev.box_sk, device=party.dev.pk)
    return r


def give(party, doc, name, expect="accepted", log=True):
    """Deliver a named envelope; the verdict must begin with `expect`."""
    got = party.rep[doc].receive(ENV[name]["raw"])
    assert got.startswith(expect), (party.dev.name, name, got)
    if log:
        put("story.json", "events", event="deliver", who=party.dev.name, document=doc, envelope=name,
            verdict=got.split(":")[0], why=got[len(got.split(":")[0]) + 2:])
    return got


ENV = {}       # name -> parsed envelope


def edit_ops(doc, actor, start, edits):
    """edits: ('put', key, value) in the root map; ('text', key, string) a new text."""
    ops = []
    now = {k: [o.id for o in v if not o.succ] for k, v in doc.objs[None][1].items()}
    nid = lambda: (start + len(ops), actor)
    for what, key, value in edits:
        make = amref.Op(id=nid(), obj=None, key=key, insert=False, action=1 if what == "put" else 4,
                        val=value if what == "put" else ("null", None), pred=sorted(now.get(key, [])), expand=False)
        now[key] = [make.id]
        ops.append(make)
        last = amref.HEAD
        for ch in value if what == "text" else "":
            o = amref.Op(id=nid(), obj=make.id, key=last, insert=True, action=1, val=("str", ch), pred=[], expand=False)
            last = o.id
            ops.append(o)
    return ops


def make_chunk(deps, actor, seq, start, ops):
    c = amref.Change()
    c.deps, c.actor, c.seq, c.start, c.time, c.msg, c.extra, c.ops = sorted(deps), actor, seq, start, 0, None, b"", ops
    body = amref.encode_change(c)
    assert amref.encode_change(amref.parse_change(body)) == body
    return amref.chunk(1, body)


def s(text): return ("str", text)


def record(name, raw, **inputs):
    e = p.parse_envelope(raw)
    ENV[name] = e
    put("envelope.json", "envelopes", name=name, **inputs, envelope=raw, id=e["id"], topic=e["topic"], tag=e["tag"],
        etag=e["etag"], salt=e["salt"], flags=e["flags"], key_section=e["aad"][98:], padded_length=len(e["cipher"]) - 16)
    return e


def compose(party, doc, name, ops=(), edits=None, grant=None, L=None, epoch=False, share=None, links=(), deflate=False,
            seed=None, pk=None, deps=None, section=None, expect="accepted", log=True):
    """One envelope on top of everything essential that the party's replica holds.

    L: seal under this key instead of the right one. epoch: draw a new key. section: bytes to use instead of the right ones.
    """
    rep = party.rep[doc]
    seed, pk = seed or party.dev.sign_seed, pk or party.dev.pk
    tip = rep.chain_tip(pk)
    base = rep.essential() | ({tip["id"]} | set(tip["past"]) if tip else set())
    view = lkview.View(rep, rep.ops_of(base))
    grant = grant or tip["grant"]
    seq, prev = (tip["seq"] + 1, tip["id"]) if tip else (1, ZERO)
    ops = list(ops)
    tag = p.author_tag(rep.S, pk)
    sec = b""
    if epoch:
        L = L or rng(32)
        rep.spare[p.etag_of(L)] = L
        older = [rep.L[view.etag(e)] for e in view.maximal() if view.etag(e) in rep.L]
        sec = p.epoch_section(L, rep.topic, seq, tag, view.box_keys(), older)
        ops.append((p.EPOCH, b""))
    if share is not None:
        sec, devices = p.share_section(rep.topic, seq, tag, share, links)
        ops.append((p.SHARE, p.share_body(devices)))
    if section is not None:
        sec = section(sec) if callable(section) else section
    if L is None:
        L = rep.L[view.etag(view.clean()[0]) if edits else view.seal_key()]
    chunk = None
    if edits:
        tops, actor, cseq, start, below = rep.change_place(view, grant)
        chunk = make_chunk([rep.am[t]["hash"] for t in tops], actor, cseq, start,
            edit_ops(rep.document(view), actor, start, edits))
        ops.append((p.CHANGE, p.lean_of(chunk, deflate)))
    deps = [i for i in rep.heads(base) if i != prev] if deps is None else deps
    g = None if tip and tip["grant"] == grant else grant
    body = p.encode_body(g, deps, ops)
    r32 = rng(32)
    raw = p.seal_envelope(seed, rep.S, L, rep.docid, seq, prev, body, r32, sec)
    e = record(name, raw, author_seed=seed, author=pk, S=rep.S, L=L, signing_docid=rep.docid, seq=seq, prev=prev,
               grant=None if g is None else {"id": g[0], "index": g[1]}, deps=deps,
               ops=[{"kind": k, "body": b} for k, b in ops], random32=r32, body=body, chunk=chunk or b"")
    give(party, doc, name, expect, log)
    return e


def genesis(name, author_seed, S, L0, ops, r32, salt):
    body = p.encode_body(None, [], ops)
    raw = p.seal_envelope(author_seed, S, L0, ZERO, 1, ZERO, body, r32, salt=salt)
    return record(name, raw, author_seed=author_seed, author=p.sign_keys(author_seed)[0], S=S, L=L0, signing_docid=ZERO,
                  seq=1, prev=ZERO, grant=None, deps=[], ops=[{"kind": k, "body": b} for k, b in ops], random32=r32,
                      body=body, chunk=b"")


# ------------------------------------------------------------------ pieces

def pieces():
    vectors("hash.json",
        "H[n](label, key; input) = BLAKE2b, personalisation = label padded with zeros to 16 bytes, no salt, key "
        "empty or 32 bytes")
    for n, label, key, msg in [(32, "lk1 envelope", b"", b""), (32, "lk1 envelope", b"", b"abc"),
            (16, "lk1 epoch tag", bytes(range(32)), b""),
                               (8, "lk1 nonce", b"\xff" * 32, b"x" * 200), (24, "lk1 nonce", b"", bytes(98)),
                                   (36, "lk1 key box", bytes(range(32)), bytes(112)),
                               (4, "lk1 ticket", b"", b"lk"), (64, "lk1 pair conf", b"k" * 32, b"m" * 129)]:
        out = p.H(n, label, msg, key)
        assert out == p.na.crypto_generichash_blake2b_salt_personal(msg, n, key, b"", p.pad16(label))
        put("hash.json", "vectors", label=label, key=key, input=msg, output=out)

    vectors("padding.json",
        "length of the padded plaintext for n = 64 + body bytes; only lengths that map to themselves are accepted")
    for n in [65, 67, 95, 96, 97, 99, 128, 129, 160, 161, 481, 511, 512, 513, 544, 545, 576, 577, 1023, 1024, 1025, 1088,
            1089, 2047, 2048, 2049, 4095, 4096,
              4097, 4352, 65535, 65536, 65537, 67584, 67585, 524288, 524289, 1000000, 1032191, 1032192, 1032193, 1048576]:
        b = p.bucket(n)
        assert b >= n and p.bucket(b) == b and (b - n <= 31 or (b - n) / n < 0.12)
        put("padding.json", "vectors", n=n, bucket=b)
    assert p.bucket(1032192) + 98 + 16 <= p.ENVELOPE_MAX < p.bucket(1032193) + 98 + 16
    assert p.bucket(64 + (1 << 20) - 4096) + 114 > p.ENVELOPE_MAX
    FILES["padding.json"]["largest_plaintext"], FILES["padding.json"]["largest_body"] = 1032192, 1032128

    vectors("lean.json",
        "Automerge chunk (type 1) to lean bytes and back: content = body from `time` on; form 1 = raw DEFLATE. "
        "deps, actor, seq and "
                         "startOp are given from outside. `bad`: lean bytes that are refused. Deflate streams are "
                         "inputs to a decoder, another encoder may differ")
    a, b = bytes(range(16)), bytes(range(16, 32))
    one = make_chunk([], a, 1, 1, edit_ops(amref.Doc(), a, 1, [("put", "title", s("Plan"))]))
    d = amref.load(one)
    two = make_chunk(d.heads(), b, 1, 2, edit_ops(d, b, 2,
        [("put", "title", s("Plan B")), ("text", "note", "hello hello hello hello hello hello hello hello")]))
    d = amref.load(two, d)
    three = make_chunk([d.heads()[0], bytes(32)], a, 2, 300, [])
    for name, chunk, deflate in [("set one key", one, False), ("text, plain", two, False), ("text, deflated", two, True),
            ("no ops, two deps", three, False)]:
        (_, body, h), = amref.chunks(chunk)
        c = amref.parse_change(body, h)
        lean = p.lean_of(chunk, deflate)
        assert lean[0] == deflate
        content = p.parse_lean(lean)
        assert p.chunk_of(content, c.deps, c.actor, c.seq, c.start) == chunk
        put("lean.json", "vectors", name=name, chunk=chunk, hash=h, deps=c.deps, actor=c.actor, seq=c.seq, start_op=c.start,
            form=lean[0], content=content, lean=lean)
    z = p.lean_of(two, True)
    bomb = p.zlib.compressobj(9, p.zlib.DEFLATED, -15)
    bomb = u8(1) + bomb.compress(bytes(20 << 20)) + bomb.flush()
    short = p.zlib.compressobj(9, p.zlib.DEFLATED, -15)
    short = u8(1) + short.compress(b"xyz") + short.flush()
    for reason, lean in [("form 2", u8(2) + z[1:]), ("empty", b""), ("byte after the stream", z + b"\0"),
            ("stream cut", z[:-1]), ("not shorter than what it gives", short),
                         ("over 1000:1 and 16 MiB", bomb), ("no deflate stream", u8(1) + b"\xff\xff\xff")]:
        refused(p.parse_lean, lean)
        if len(lean) < 5000:
            put("lean.json", "bad", reason=reason, lean=lean)
    step("hash, padding, lean change: encoders and decoders agree; 1 MiB - 4 KiB of body does not fit into an envelope")


# ------------------------------------------------------------------ the story

def people():
    vectors("keys.json",
        "phrase bytes -> Argon2id -> root seed -> purposes; device keys from seeds; epoch, topic and author values")
    out = []
    for name, n in (("laura", 1), ("fred", 2), ("nora", 3)):
        phrase = rng(16)
        root = p.Root(phrase)
        out.append(root)
        put("keys.json", "roots", name=name, phrase=phrase, root_seed=root.seed, sign_seed=root.sign_seed, sign_pk=root.pk,
            box_secret=root.box_sk, box_pk=root.box_pk,
            home_L0=root.home_L0, home_S=p.topic_secret(root.home_L0), home_topic=p.topic_id(p.topic_secret(root.home_L0)))
    devs = []
    for name in ("laptop", "phone", "fred", "nora"):
        d = p.Device(name, rng)
        devs.append(d)
        put("keys.json", "devices", name=name, sign_seed=d.sign_seed, sign_pk=d.pk, noise_secret=d.noise_sk,
            noise_pk=d.noise_pk, box_secret=d.box_sk,
            box_pk=d.box_pk, box_counter=d.counter, genesis_seed=d.genesis_seed, beacon_key=d.beacon,
                box_signature=d.box_sig(), block=d.block())
    L = rng(32)
    K, S = p.content_key(L), p.topic_secret(L)
    gid, salt = rng(32), rng(8)
    put("keys.json", "epochs", L=L, K=K, etag=p.epoch_tag(K), S=S, topic=p.topic_id(S), announce_key=p.announce_key(S),
        relay_credential_seed=p.relay_cred(K, p.topic_id(S)),
        ack_key=p.ack_key(K), device=devs[0].pk, author_tag=p.author_tag(S, devs[0].pk), grant_id=gid, grant_index=0,
            actor=p.actor_id(S, devs[0].pk, gid, 0),
        actor_root_index=p.actor_id(S, devs[0].pk, gid, 255), genesis_seed=devs[0].genesis_seed, salt=salt,
            L0=p.genesis_L0(devs[0].genesis_seed, salt))
    step("phrases and devices: three persons, four devices")
    return out, devs


def home_document(root, laptop):
    """Home genesis by the root; the laptop then writes under the creator's grant."""
    L0, S = root.home_L0, p.topic_secret(root.home_L0)
    body = p.genesis_body(root.pk, laptop.dev.pk, laptop.dev.box_pk, 0, root.box_pk, laptop.dev.box_sig())
    ops = [(p.GENESIS, body)]
    r32 = rng(32)
    e = genesis("home", root.sign_seed, S, L0, ops, r32, p.make_salt(p.content_key(L0), r32, b"",
        p.encode_body(None, [], ops)))
    keep_replica(laptop, "home", S, e["id"], [L0])
    give(laptop, "home", "home")
    compose(laptop, "home", "home-1", edits=[("put", "devices", s("laptop"))], grant=(e["id"], 0))
    # whoever only knows L0 (every device that ever was in it) cannot make another genesis
    fake = genesis("home-forged", laptop.dev.sign_seed, S, L0, ops, rng(32), rng(8))
    stranger = lkview.Replica("recovering", S, fake["id"], [L0])
    assert stranger.receive(fake["raw"]) == "refused: author tag"
    body = p.encode_body(None, [], ops)      # ... nor under the root's tag, whose signature is missing
    K = p.content_key(L0)
    head = u8(1) + u8(0) + p.topic_id(S) + p.author_tag(S, root.pk) + u64(1) + ZERO + p.epoch_tag(K) + rng(8)
    padded = body + bytes(p.bucket(64 + len(body)) - 64 - len(body))
    sig = p.sign(laptop.dev.sign_seed, p.signed_text(ZERO, head, padded))
    raw = head + p.seal_aead(K, p.envelope_nonce(head), head, sig + padded)
    assert lkview.Replica("recovering", S, p.envelope_id(raw), [L0]).receive(raw) == "refused: signature"
    # the phrase alone opens it
    again = lkview.Replica("recovering", S, e["id"], [L0])
    assert again.receive(e["raw"]) == "accepted" and again.value((e["id"], 0))["root"] == root.pk
    step("home document: genesis by the root, L0 from the phrase; a device that knows L0 cannot forge another")


def new_document(root, laptop):
    """[genesis, change] in one envelope."""
    salt = rng(8)
    L0 = p.genesis_L0(laptop.dev.genesis_seed, salt)
    S = p.topic_secret(L0)
    chunk = make_chunk([], bytes(16), 1, 1, edit_ops(amref.Doc(), bytes(16), 1,
        [("put", "title", s("Plan"))]))   # the actor is not in the lean bytes
    ops = [(p.GENESIS, p.genesis_body(root.pk, laptop.dev.pk, laptop.dev.box_pk, 0)), (p.CHANGE, p.lean_of(chunk, False))]
    e = genesis("doc", laptop.dev.sign_seed, S, L0, ops, rng(32), salt)
    rep = keep_replica(laptop, "doc", S, e["id"], [L0])
    give(laptop, "doc", "doc")
    am = rep.am[(e["id"], 1)]
    assert am["change"].actor == p.actor_id(S, laptop.dev.pk, e["id"], 0) and am["change"].seq == am["change"].start == 1
    assert rep.document().tree()["entries"]["title"][0]["v"] == "Plan"
    # the creator cannot make a second genesis of the topic
    raw = p.seal_envelope(laptop.dev.sign_seed, S, L0, ZERO, 1, ZERO, p.encode_body(None, [], ops[:1]), rng(32), salt=salt)
    assert rep.receive(raw) == "refused: another genesis in this topic"
    step("document: one envelope [genesis, change], %d bytes stored, body %d" % (len(e["raw"]),
        rep.env[e["id"]]["body"]["length"]))


def handshake(name, pattern, number, extra, i_static, r_static, psk, payloads):
    """Run it, keep the vector, return both ends."""
    pro = p.preface(number, extra)
    ie, re = rng(32), rng(32)
    rs = p.dh_base(r_static) if pattern != "XX" else None
    a = p.Noise(pattern, True, pro, i_static, rs, ie, psk)
    b = p.Noise(pattern, False, pro, r_static, None, re, psk)
    msgs = []
    for i, payload in enumerate(payloads):
        w, r = (a, b) if i % 2 == 0 else (b, a)
        c = w.write(payload)
        assert r.read(c) == payload
        msgs.append({"payload": payload, "ciphertext": c})
    assert a.h == b.h
    fa, fb = a.split(), b.split()
    assert fa[0].k == fb[1].k and fa[1].k == fb[0].k
    put("noise.json", "handshakes", name=name, protocol="Noise_%s_25519_ChaChaPoly_BLAKE2b" % pattern, pattern=number,
        prologue=pro, init_static=i_static or b"",
        resp_static=r_static, init_ephemeral=ie, resp_ephemeral=re, psk=psk or b"", messages=msgs, h=a.h,
            init_to_resp=fa[0].k, resp_to_init=fa[1].k)
    return a, b, fa, fb


def certificates(root, laptop, phone, fred_root, fred, nora_root, nora):
    vectors("cert.json", "device blocks, certificates, gone statements, cards and proofs; `bad`: what must be refused")
    c = {}
    c["laptop"] = p.make_cert(root.pk, laptop.dev.block(), 1000, 1, root.pk, root.sign_seed)
    c["phone"] = p.make_cert(root.pk, phone.dev.block(), 1001, 1, laptop.dev.pk, laptop.dev.sign_seed)
    c["fred"] = p.make_cert(fred_root.pk, fred.dev.block(), 1000, 1, fred_root.pk, fred_root.sign_seed)
    c["nora"] = p.make_cert(nora_root.pk, nora.dev.block(), 1000, 1, nora_root.pk, nora_root.sign_seed)
    assert all(len(x) == p.CERT_LEN for x in c.values())
    for name, x in c.items():
        d = p.parse_cert(x)
        put("cert.json", "certificates", name=name, root=d["root"], device=d["device"], noise=d["noise"], box=d["box"],
            box_counter=d["counter"], box_sig=d["box_sig"],
            self_sig=d["self_sig"], rank=d["rank"], serial=d["serial"], issuer=d["issuer"], certificate=x)
    # the old format let anybody certify somebody else's device with his own Noise key
    block = phone.dev.block()
    stolen = block[:32] + fred.dev.noise_pk + block[64:]
    put("cert.json", "bad", reason="a foreign device with one's own Noise key: self signature",
        certificate=p.make_cert(fred_root.pk, stolen, 1001, 1, fred.dev.pk, fred.dev.sign_seed))
    stolen = block[:64] + fred.dev.box_pk + block[96:]
    put("cert.json", "bad", reason="a foreign device with one's own box key: box signature",
        certificate=p.make_cert(fred_root.pk, stolen, 1001, 1, fred.dev.pk, fred.dev.sign_seed))
    put("cert.json", "bad", reason="issuer signature", certificate=c["phone"][:-1] + bytes([c["phone"][-1] ^ 1]))
    put("cert.json", "bad", reason="small-order box key",
        certificate=p.make_cert(root.pk, p.device_block(phone.dev.pk, phone.dev.noise_pk, ZERO, 0,
        p.sign(phone.dev.sign_seed, p.box_text(
        phone.dev.pk, ZERO, 0)), block[164:]), 1001, 1, laptop.dev.pk, laptop.dev.sign_seed))
    for bad in FILES["cert.json"]["bad"]:
        refused(p.parse_cert, bytes.fromhex(bad["certificate"]))
    # a chain may not end at a device, nor climb in rank
    refused(lambda: p.verify_chain([p.parse_cert(c["phone"])]), why="root")
    up = p.make_cert(root.pk, phone.dev.block(), 999, 1, laptop.dev.pk, laptop.dev.sign_seed)
    refused(lambda: p.verify_chain([p.parse_cert(up), p.parse_cert(c["laptop"])]), why="chain")
    gone = p.make_gone(root.pk, bytes.fromhex("d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a"), 2,
        laptop.dev.pk, laptop.dev.sign_seed)
    p.parse_gone(gone, root.pk)
    put("cert.json", "gone", root=root.pk, device=gone[:32], serial=2, issuer=laptop.dev.pk, statement=gone)
    cards = {}
    for name, owner, certs, g, signer in [("laura", root, ["laptop", "phone"], [gone], laptop),
            ("fred", fred_root, ["fred"], [], fred), ("nora", nora_root, ["nora"], [], nora)]:
        rows = [(c[n], {"laptop": laptop, "phone": phone, "fred": fred, "nora": nora}[n].dev.beacon,
            [p.addr_v4("192.0.2.7", 7675)]) for n in certs]
        cards[name] = p.make_card(owner.pk, 7, name, rows, g, [], signer.dev.pk, signer.dev.sign_seed)
        d = p.parse_card(cards[name])
        put("cert.json", "cards", name=name, root=d["root"], serial=7, devices=[x[0]["device"] for x in d["devices"]],
            beacon_keys=[x[1] for x in d["devices"]], gone=[x["device"] for x in d["gone"]],
            signer=d["signer"], card=cards[name])
        for i in range(0, len(cards[name]), 37):
            refused(p.parse_card, cards[name][:i] + bytes([cards[name][i] ^ 4]) + cards[name][i + 1:])
    proof = p.encode_proof([c["phone"], c["laptop"]])
    assert p.parse_proof(proof, phone.dev.noise_pk)["device"] == phone.dev.pk
    refused(p.parse_proof, proof, laptop.dev.noise_pk)
    put("cert.json", "proofs", name="phone", noise=phone.dev.noise_pk, proof=proof)
    step("certificates: device proves its Noise and box key; foreign keys, broken chains, tampered cards refused")
    return c, cards


def beacons(laptop, phone):
    """What is said on the local network, from which address, and who recognises it."""
    vectors("beacon.json", "key = H[32]('lk1 beacon', seed; removed); `devices`: good from `address` only; "
        "`windows`: an open pairing window; `bad`: refused")
    fill = Rng("lk beacons")
    for who, removed, port, address in [(laptop, ZERO, 7675, "192.0.2.7"), (laptop, p.H(32, "lk1 beacon", b""), 7675,
            "192.0.2.7"), (phone, ZERO, 1, "fe80::fc:ff:fe00:1"), (phone, ZERO, 65535, "2001:db8::7")]:
        key, nonce = p.beacon_key(who.dev.beacon, removed), fill(8)
        beacon = p.make_beacon(key, nonce, port, address)
        d = p.parse_beacon(beacon)
        assert len(beacon) == 31 and p.beacon_is_from(d, key, address)
        assert not p.beacon_is_from(d, who.dev.beacon, address) and not p.beacon_is_from(d, key, "192.0.2.8")
        put("beacon.json", "devices", seed=who.dev.beacon, removed=removed, key=key, nonce=nonce, port=port,
            address=p.beacon_address(address), beacon=beacon)
    for number, port in [(0, 1), (7, 7675), (99, 65535)]:
        beacon = p.make_window_beacon(number, port)
        assert p.parse_beacon(beacon)["number"] == number
        put("beacon.json", "windows", number=number, port=port, beacon=beacon)
    good = p.make_beacon(fill(32), fill(8), 7675, "192.0.2.7")
    for reason, bad in [("magic", b"LKB2" + good[4:]), ("type", good[:4] + b"\x03" + good[5:]),
            ("one byte more", good + b"\0"), ("port", good[:13] + bytes(2) + good[15:]),
            ("window number", p.make_window_beacon(100, 7675)), ("window port", p.make_window_beacon(7, 0)),
            ("longer window", p.make_window_beacon(7, 7675) + b"\0")]:
        refused(p.parse_beacon, bad)
        put("beacon.json", "bad", reason=reason, beacon=bad)
    for n in range(31):
        refused(p.parse_beacon, good[:n])
    step("beacons: recognised with the key and from the one address, nothing repeats without it")


def pairing(root, laptop, phone, cards):
    """Ticket of purpose 1, XKpsk3, certificate by CARD, home document by WELCOME, grant in the document."""
    vectors("ticket.json", "ticket text <-> fields; psk, id and mailbox slot are derived from the secret")
    vectors("welcome.json", "WELCOME bodies. f: 1 = S present, 2 = signed, 4 = grant id present "
        "(else it is the document id), 8 = type and name suggested. remotes: type, value. `bad`: refused by the recipient")
    tickets = {}
    for purpose in (1, 2):
        t = p.make_ticket(purpose, rng(16), laptop.dev.noise_pk,
            [p.addr_v4("192.0.2.7", 7675), p.tlv(3, u16(7675) + b"laptop.example"), p.tlv(200, b"later")])
        d = tickets[purpose] = p.parse_ticket(t)
        assert p.parse_ticket(t.upper())["id"] == d["id"]
        put("ticket.json", "tickets", text=t, purpose=purpose, secret=d["secret"], noise=d["noise"],
            tlvs=[{"type": k, "value": v} for k, v in d["tlvs"]], psk=d["psk"], id=d["id"], slot=d["slot"])
    for i in range(4, len(t)):
        bad = t[:i] + ("b" if t[i] != "b" else "c") + t[i + 1:]
        refused(p.parse_ticket, bad)
    put("ticket.json", "bad", reason="one character changed", text=bad)
    put("ticket.json", "bad", reason="cut", text=t[:-3])
    refused(p.parse_ticket, t[:-3])
    tk = tickets[1]
    join = u8(1) + phone.dev.block() + u8(5) + b"phone"
    a, b, fa, fb = handshake("ticket, pair", "XKpsk3", 2, tk["id"], phone.dev.noise_sk, laptop.dev.noise_sk, tk["psk"],
        [b"", b"", join])
    block = p.parse_block(join[1:1 + p.BLOCK_LEN])
    assert block["noise"] == b.rs and block["device"] == phone.dev.pk
    bad = p.Noise("XKpsk3", True, p.preface(2, tk["id"]), phone.dev.noise_sk, laptop.dev.noise_pk, rng(32),
        rng(32))     # without the secret
    srv = p.Noise("XKpsk3", False, p.preface(2, tk["id"]), laptop.dev.noise_sk, None, rng(32), tk["psk"])
    srv.read(bad.write())
    bad.read(srv.write())
    refused(srv.read, bad.write(join), why="Noise AEAD")
    # the issuer: card with the new certificate, then the welcome of the home document
    home = laptop.rep["home"]
    g = compose(laptop, "home", "home-grant-phone", [(p.GRANT,
        p.grant_body(phone.dev.pk, phone.dev.box_pk, 0, phone.dev.box_sig(), p.ADMIN, 1001, p.OWN | p.ENROLL))])
    w = p.make_welcome(home.docid, home.S, [home.L[t] for t in home.handed_by_grant((g["id"], 0))], (g["id"], 0), home=True)
    frame = fb[0].seal(p.message(p.CARD, cards["laura"]) + p.message(p.WELCOME, w))
    got = fa[1].messages(frame)
    assert [t for t, _ in got] == [p.CARD, p.WELCOME]
    card = p.parse_card(got[0][1])
    assert tk["noise"] in [c["noise"] for c, _, _ in card["devices"]] and phone.dev.pk in [c["device"] for c, _,
        _ in card["devices"]]
    d = p.parse_welcome(got[1][1], phone.dev.pk)
    assert d["S"] == home.S and d["signer"] is None
    put_welcome("home document, own device, unsigned", w, phone)
    keep_replica(phone, "home", d["S"], d["docid"], d["L"])
    for n in ("home-grant-phone", "home-1", "home"):      # any order: what comes early waits
        give(phone, "home", n, "")
    assert len(phone.rep["home"].order) == 3 and not phone.rep["home"].waiting
    # in the document
    doc = laptop.rep["doc"]
    g = compose(laptop, "doc", "grant-phone", [(p.GRANT, p.grant_body(phone.dev.pk, phone.dev.box_pk, 0, phone.dev.box_sig(),
        p.ADMIN, 1001, p.OWN | p.ENROLL))])
    w = p.make_welcome(doc.docid, doc.S, [doc.L[t] for t in doc.handed_by_grant((g["id"], 0))], (g["id"], 0))
    d = put_welcome("document, own device, unsigned", w, phone)
    keep_replica(phone, "doc", d["S"], d["docid"], d["L"])
    give(phone, "doc", "grant-phone", "waiting")
    give(phone, "doc", "doc")
    assert len(phone.rep["doc"].order) == 2
    compose(phone, "doc", "phone-1", edits=[("put", "from", s("phone"))], grant=(g["id"], 0))
    give(laptop, "doc", "phone-1")
    step("pairing by ticket: XKpsk3, certificate and home document; the phone is granted in the document and writes")
    return tickets


def same(doc, *parties):
    reps = [x.rep[doc] for x in parties]
    assert len({tuple(r.heads()) for r in reps}) == 1, "essential heads differ"
    assert len({json.dumps(r.document().tree(), default=str) for r in reps}) == 1, "documents differ"
    put("story.json", "events", event="state", who=[x.dev.name for x in parties], document=doc,
        essential=sorted(reps[0].essential()), heads=reps[0].heads(),
        automerge_heads=reps[0].document().heads(), visible=sorted([x[0].hex(), x[1]] for x in reps[0].view().visible()),
        void=sorted([x[0].hex(), x[1]] for x in reps[0].view().ops if not reps[0].view().effective(x)))


def exchange(doc, *parties):
    """Everybody gets everything essential of everybody else, in the sender's log order."""
    names = {e["id"]: n for n, e in ENV.items()}
    for a in parties:
        for b in parties:
            for i in a.rep[doc].order:
                if a is not b and i in a.rep[doc].essential() and i not in b.rep[doc].env:
                    give(b, doc, names[i], "")


def put_welcome(name, w, party, seed=b""):
    d = p.parse_welcome(w, party.dev.pk)
    kind, title = d["called"] or ("", "")
    put("welcome.json", "welcomes", name=name, recipient=party.dev.pk, f=d["f"], docid=d["docid"], S=d["S"], L=d["L"],
        grant_id=d["grant"][0], grant_index=d["grant"][1], remotes=[{"type": t, "value": v} for t, v in d["remotes"]],
        type=kind, title=title, signer=d["signer"] or b"", signer_seed=seed, welcome=w)
    return d


def welcome_to(giver, party, root_pk, doc, name, gid, index):
    r = giver.rep[doc]
    w = p.make_welcome(r.docid, r.S, [r.L[t] for t in r.handed_by_grant((gid, index))], (gid, index), [], giver.dev,
        party.dev.pk)
    d = put_welcome(name, w, party, giver.dev.sign_seed)
    refused(p.parse_welcome, w, giver.dev.pk, why="welcome signature")
    for i in range(len(w)):
        refused(p.parse_welcome, w[:i] + bytes([w[i] ^ 128]) + w[i + 1:], party.dev.pk)
    return d


def person_grants(root_pk, dev, role, rank):
    """cold root and device in one envelope, the device below the root's grant"""
    return [(p.GRANT, p.grant_body(root_pk, None, 0, b"", role, rank, p.COLD | p.ENROLL)),
            (p.GRANT, p.grant_body(dev.pk, dev.box_pk, 0, dev.box_sig(), role, rank + 1, p.OWN | p.PARENT_HERE, 0))]


def friend_joins(laptop, phone, fred, fred_root):
    g = compose(laptop, "doc", "grant-fred", person_grants(fred_root.pk, fred.dev, p.WRITE, 40000))
    d = welcome_to(laptop, fred, fred_root.pk, "doc", "friend, signed", g["id"], 1)
    keep_replica(fred, "doc", d["S"], d["docid"], d["L"])
    exchange("doc", laptop, phone, fred)
    # concurrent edits of three
    compose(fred, "doc", "fred-1", edits=[("put", "title", s("Fred's plan"))], grant=(g["id"], 1))
    compose(phone, "doc", "phone-2", edits=[("put", "title", s("Phone's plan")), ("text", "note", "milk")])
    compose(laptop, "doc", "laptop-2", edits=[("put", "list", s("a"))], deflate=True)
    exchange("doc", laptop, phone, fred)
    exchange("doc", laptop, phone, fred)
    same("doc", laptop, phone, fred)
    assert len(laptop.rep["doc"].document().tree()["entries"]["title"]) == 2
    compose(laptop, "doc", "laptop-3", edits=[("put", "title", s("Plan together"))])
    assert len(laptop.rep["doc"].am[(ENV["laptop-3"]["id"], 0)]["parents"]) == 3
    exchange("doc", laptop, phone, fred)
    same("doc", laptop, phone, fred)
    step("friend shared with as a person (cold root + device in one envelope); concurrent edits converge")


def revocation(laptop, phone, fred, fred_root):
    """T1, T2, T3, T5, K1, K2: the friend edits while cut off."""
    doc, old = laptop.rep["doc"], None
    fg = (ENV["grant-fred"]["id"], 1)
    compose(fred, "doc", "fred-2", edits=[("put", "kept", s("yes"))])
    exchange("doc", laptop, phone, fred)
    compose(fred, "doc", "fred-void", edits=[("put", "kept", s("no"))])          # cut off from here on
    old = doc.L[ENV["fred-2"]["etag"]]
    r = compose(laptop, "doc", "revoke-fred", [(p.REVOKE,
        p.revoke_body([(ENV["grant-fred"]["id"], 0, p.NONE, p.TREE, [ENV["fred-2"]["id"]])]))])
    assert r["etag"] == ENV["fred-2"]["etag"] and not r["flags"]                  # under the old key
    give(phone, "doc", "fred-void")                                               # the phone is not informed and builds on it
    compose(phone, "doc", "phone-on-void", edits=[("put", "phone", s("honest"))])
    n = compose(laptop, "doc", "epoch-1", epoch=True, edits=[("put", "title", s("Secret plan"))])
    assert n["flags"] == 1 and n["etag"] != r["etag"] and fred.dev.box_pk not in doc.view().box_keys()
    # the friend: sees why, opens nothing after. What the laptop still serves him is exactly the past of the revocation
    bye = doc.farewell(fred.dev.pk)
    assert r["id"] in bye and n["id"] not in bye and bye == set(doc.env[r["id"]]["past"]) | {r["id"]}
    assert doc.farewell(phone.dev.pk) is None and doc.farewell(rng(32)) is None
    give(fred, "doc", "revoke-fred")
    give(fred, "doc", "epoch-1", "waiting: key unknown")
    f = fred.rep["doc"]
    assert not f.view().allowed(None, fg, p.READ)
    assert p.find_my_keys(n["section"], fred.dev.box_sk, doc.topic, n["etag"]) == {} and n["etag"] not in f.L
    assert p.follow_links(n["section"], n["etag"], f.L) == {}
    for L in f.L.values():
        try:
            p.open_envelope(dict(n), L)
            raise AssertionError("opened")
        except p.Wait:
            pass
        refused(p.open_aead, p.content_key(L), p.envelope_nonce(n["raw"][:98]), n["aad"], n["cipher"])
    # an edit whose past holds his own revocation is refused by everybody
    tip = f.chain_tip(fred.dev.pk)
    body = p.encode_body(None, [r["id"]], [(p.CHANGE, u8(0) + b"\0\0\0\0")])
    t5 = p.seal_envelope(fred.dev.sign_seed, doc.S, old, doc.docid, tip["seq"] + 1, tip["id"], body, rng(32))
    record("fred-t5", t5, author_seed=fred.dev.sign_seed, author=fred.dev.pk, S=doc.S, L=old, signing_docid=doc.docid,
        seq=tip["seq"] + 1, prev=tip["id"], grant=None, deps=[r["id"]],
           ops=[{"kind": p.CHANGE, "body": u8(0) + b"\0\0\0\0"}], random32=b"", body=body, chunk=b"")
    # everybody else agrees in any order
    exchange("doc", laptop, phone)
    exchange("doc", laptop, phone)
    same("doc", laptop, phone)
    for x in (laptop, phone):
        give(x, "doc", "fred-t5", "refused: not effective in its own view")
        v = x.rep["doc"].view()
        assert not v.effective((ENV["fred-void"]["id"], 0)) and v.effective((ENV["fred-2"]["id"],
            0)) and v.effective((ENV["phone-on-void"]["id"], 0))
        assert ENV["fred-void"]["id"] in x.rep["doc"].essential()                 # in the past of honest work
    # a change under the old key by somebody who has seen the revocation
    compose(phone, "doc", "phone-old-key", edits=[("put", "x", s("y"))], L=old,
        expect="refused: change under a key that is not clean")
    give(laptop, "doc", "phone-old-key", "refused: change under a key that is not clean")
    # the next change does not carry the void one as a head, but its hash lies below as a ghost
    compose(phone, "doc", "phone-3", edits=[("put", "after", s("revocation"))])
    give(laptop, "doc", "phone-3")
    tops = laptop.rep["doc"].am[(ENV["phone-3"]["id"], 0)]["parents"]
    assert (ENV["fred-void"]["id"], 0) not in tops
    same("doc", laptop, phone)
    step("revocation: concurrent edit void, honest work on it stays, revoke readable, [epoch, change] closed to the removed friend")


def newcomer(laptop, phone, nora, nora_root, tickets, cards):
    """Invite ticket, XKpsk3 with a card, person grant, welcome with the newest key only; the rest over links."""
    tk = tickets[2]
    pay = u8(2) + cards["nora"]
    a, b, fa, fb = handshake("ticket, invite", "XKpsk3", 2, tk["id"], nora.dev.noise_sk, laptop.dev.noise_sk, tk["psk"],
        [b"", b"", pay])
    card = p.parse_card(pay[1:])
    assert b.rs in [c["noise"] for c, _, _ in card["devices"]]
    g = compose(laptop, "doc", "grant-nora", person_grants(nora_root.pk, nora.dev, p.WRITE, 40002))
    d = welcome_to(laptop, nora, nora_root.pk, "doc", "newcomer, signed", g["id"], 1)
    assert len(d["L"]) == 1
    r = keep_replica(nora, "doc", d["S"], d["docid"], d["L"])
    names = {e["id"]: n for n, e in ENV.items()}
    for i in reversed(laptop.rep["doc"].order):        # the worst order: newest first
        give(nora, "doc", names[i], "")
    assert not r.waiting and len(r.L) == 2
    give(phone, "doc", "grant-nora")
    same("doc", laptop, phone, nora)
    fuller_welcome(laptop, nora, (g["id"], 1))
    step("newcomer: welcome with one key, reads everything over links, in the worst order of arrival")


def fuller_welcome(giver, party, grant):
    """The same with all that may be in it: older keys, addresses, a type and a name."""
    r = giver.rep["doc"]
    older = r.keys_before(grant) - r.handed_by_grant(grant)
    view = r.view()
    assert older and not older & {view.etag(e) for e in view.clean()}       # superseded wherever the grant is known
    keys = [r.L[t] for t in r.keys_before(grant)]
    make = lambda called: p.make_welcome(r.docid, r.S, keys, grant,
        [p.addr_v4("192.0.2.7", 7675), p.tlv(3, u16(7675) + b"laptop.example")], giver.dev, party.dev.pk, called=called)
    put_welcome("the same newcomer, with an older key and addresses", make(None), party, giver.dev.sign_seed)
    w = make((b"map", "Urlaub \u2602".encode()))
    d = put_welcome("the same, with type and name", w, party, giver.dev.sign_seed)
    assert d["called"] == ("map", "Urlaub \u2602") and len(w) == len(make(None)) + 1 + 3 + 1 + 10
    plain = p.make_welcome(r.docid, r.S, keys, grant)
    p.parse_welcome(plain, party.dev.pk)
    for why, w in [("empty type", make((b"", b"x"))), ("type of 8 bytes", make((b"document", b"x"))),
            ("empty name", make((b"map", b""))), ("name is no UTF-8", make((b"map", b"\xe2\x98"))),
            ("NUL in the name", make((b"map", b"a\0b"))), ("NUL in the type", make((b"ma\0", b"b"))),
            ("flag 16", u8(plain[0] | 16) + plain[1:]), ("trailing byte", plain + b"\0")]:
        refused(p.parse_welcome, w, party.dev.pk)
        put("welcome.json", "bad", reason=why, recipient=party.dev.pk, welcome=w)


def concurrent_removals(laptop, phone, fred, fred_root, nora):
    """The friend comes back by a grant concurrent with a rotation, gets the key by share; then two removals at once."""
    g = compose(phone, "doc", "grant-fred-2", person_grants(fred_root.pk, fred.dev, p.WRITE, 40010))
    e = compose(laptop, "doc", "epoch-2", epoch=True, edits=[("put", "rotated", s("yes"))])
    exchange("doc", laptop, phone, nora)
    exchange("doc", laptop, phone, nora)
    d = welcome_to(phone, fred, fred_root.pk, "doc", "re-added friend", g["id"], 1)
    doc, f = phone.rep["doc"], fred.rep["doc"]
    assert e["etag"] not in [p.etag_of(L) for L in d["L"]]       # not handed over by the grant, so not in the welcome
    f.L.update({p.etag_of(L): L for L in d["L"]})
    put("story.json", "events", event="keys", who="fred", document="doc", keys=d["L"])
    exchange("doc", laptop, phone)
    for n in ("phone-on-void", "phone-3", "grant-nora", "grant-fred-2"):
        give(fred, "doc", n, "")
    give(fred, "doc", "epoch-2", "waiting: key unknown")
    # had the welcome held that key all the same, nothing would say so, and it would count as clean after his removal
    assert fred.dev.pk not in {d for d,
        _ in doc.view().known()[e["etag"]]} and doc.view().etag(doc.view().clean()[0]) == e["etag"]
    # the share
    v = doc.view()
    assert e["etag"] not in f.L and v.readers()[fred.dev.pk] == fred.dev.box_pk
    compose(phone, "doc", "share-fred", share=[(fred.dev.pk, fred.dev.box_pk, doc.L[e["etag"]])],
        links=[(doc.L[e["etag"]], doc.L[ENV["doc"]["etag"]])])
    assert (fred.dev.pk, fred.dev.box_pk) in doc.view().known()[e["etag"]]
    sh = ENV["share-fred"]
    found = p.find_my_keys(sh["section"], fred.dev.box_sk, f.topic, sh["etag"])
    assert set(found) == {e["etag"]} and p.find_my_keys(sh["section"], nora.dev.box_sk, f.topic, sh["etag"]) == {}
    give(fred, "doc", "share-fred")               # its box opens the share itself and, before that, the epoch it waits for
    assert f.L[e["etag"]] == doc.L[e["etag"]] and e["id"] in f.env and not f.waiting
    exchange("doc", laptop, phone, nora, fred)
    exchange("doc", laptop, phone, nora, fred)
    same("doc", laptop, phone, fred, nora)
    compose(fred, "doc", "fred-back", edits=[("put", "fred", s("back"))], grant=(g["id"], 1))
    exchange("doc", laptop, phone, nora, fred)
    place = laptop.rep["doc"].am[(ENV["fred-back"]["id"], 0)]["change"]
    assert place.seq == 1 and place.actor != laptop.rep["doc"].am[(ENV["fred-1"]["id"],
        0)]["change"].actor      # a new grant is a new actor
    # laptop removes fred, phone removes nora, neither knows of the other
    compose(laptop, "doc", "remove-fred", [(p.REVOKE, p.revoke_body([(g["id"], 0, p.NONE, p.TREE,
        [ENV["fred-back"]["id"]])]))])
    a = compose(laptop, "doc", "epoch-3a", epoch=True, edits=[("put", "a", s("1"))])
    compose(phone, "doc", "remove-nora", [(p.REVOKE, p.revoke_body([(ENV["grant-nora"]["id"], 0, p.NONE, p.TREE, [])]))])
    b = compose(phone, "doc", "epoch-3b", epoch=True, edits=[("put", "b", s("2"))])
    give(nora, "doc", "remove-fred"), give(nora, "doc", "epoch-3a")        # nora is still in a
    give(fred, "doc", "remove-nora"), give(fred, "doc", "epoch-3b")        # fred is still in b
    exchange("doc", laptop, phone)
    v = laptop.rep["doc"].view()
    assert len(v.maximal()) == 2 and v.clean() == []
    for t in (a, b):
        compose(laptop, "doc", "dirty-" + t["etag"].hex()[:4], edits=[("put", "c", s("3"))], L=laptop.rep["doc"].L[t["etag"]],
            expect="refused: change under a key that is not clean")
    c = compose(laptop, "doc", "epoch-4", epoch=True, edits=[("put", "c", s("3"))])
    assert len(c["section"]["boxes"]) == 2 and len(c["section"]["links"]) == 2
    give(phone, "doc", "epoch-4")
    same("doc", laptop, phone)
    # both removed together, with all their keys, open neither c nor each other's removal's successor
    pool = dict(fred.rep["doc"].L)
    pool.update(nora.rep["doc"].L)
    assert a["etag"] in pool and b["etag"] in pool and c["etag"] not in pool
    for x in (fred, nora):
        assert not p.find_my_keys(c["section"], x.dev.box_sk, doc.topic, c["etag"])
    assert not p.follow_links(c["section"], c["etag"], pool)
    assert a["etag"] not in fred.rep["doc"].L and b["etag"] not in nora.rep["doc"].L
    # a share under a dirty key: the design's ephemeral secret gives the key away, ours does not
    sec = laptop.rep["doc"]
    La, Lb, Lc = (sec.L[t["etag"]] for t in (a, b, c))
    tag = p.author_tag(sec.S, laptop.dev.pk)
    leaky = p.box_secret(La, sec.topic, 99, tag)                  # header key a, which nora holds; the box holds c
    box = p.make_box(leaky, phone.dev.box_pk, sec.topic, Lc, True)
    mine = p.box_secret(nora.rep["doc"].L[a["etag"]], sec.topic, 99, tag)
    x = p.box_mask(p.dh(mine, phone.dev.box_pk), p.dh_base(mine), phone.dev.box_pk, sec.topic, c["etag"])
    assert p.xor(x[:32], box[4:36]) == Lc                         # the leak
    section, _ = p.share_section(sec.topic, 99, tag, [(phone.dev.pk, phone.dev.box_pk, Lc)])
    assert section[1:33] != p.dh_base(mine) and section[1:33] == p.dh_base(p.share_secret([Lc], sec.topic, 99, tag))
    step("concurrent grant and rotation healed by share; two concurrent removals: both keys dirty, third epoch closed to both together")


def key_sections(laptop, phone, fred, nora):
    """Key section vectors, and every wrong one refused."""
    vectors("keysection.json",
        "key sections. x = H[36]('lk1 key box', DH; eph || box pk || topic || etag), masked = x[0..31] xor L, hint "
        "= x[32..35]; link mask = "
                               "H[32]('lk1 link', L_new; newer || older). `wrong_epochs` must be found wrong by whoever holds L")
    topic, tag, seq = rng(16), rng(16), 5
    L, o1, o2 = rng(32), rng(32), rng(32)
    devs = [laptop.dev, phone.dev, fred.dev, nora.dev]
    keys = [d.box_pk for d in devs]
    sec = p.epoch_section(L, topic, seq, tag, keys + [keys[0]], [o1, o2])
    r = p.Reader(sec)
    d = p.read_section(r)
    r.end()
    past = {p.etag_of(o1), p.etag_of(o2)}
    p.check_epoch_section(d, L, topic, seq, tag, keys, past)
    for v in devs:
        assert p.find_my_keys(d, v.box_sk, topic, p.etag_of(L)) == {p.etag_of(L): L}
    assert p.follow_links(d, p.etag_of(L), {p.etag_of(L): L}) == {p.etag_of(o): o for o in (o1, o2)}
    put("keysection.json", "epochs", name="four recipients (one box key listed twice), two links", L=L, etag=p.etag_of(L),
        topic=topic, seq=seq, tag=tag, eph_secret=p.box_secret(L, topic, seq, tag), eph=d["eph"],
        recipients=[{"box_pk": v.box_pk, "box_secret": v.box_sk} for v in devs],
            older=[{"L": o, "etag": p.etag_of(o)} for o in (o1, o2)], section=sec)
    alone = p.epoch_section(L, topic, 2, tag, keys[:1], [])
    put("keysection.json", "epochs", name="one recipient, no link", L=L, etag=p.etag_of(L), topic=topic, seq=2, tag=tag,
        eph_secret=p.box_secret(L, topic, 2, tag), eph=alone[1:33],
        recipients=[{"box_pk": keys[0], "box_secret": devs[0].box_sk}], older=[], section=alone)
    n = len(devs)
    flip = lambda b, i: b[:i] + bytes([b[i] ^ 1]) + b[i + 1:]
    wrong = [("ephemeral key", flip(sec, 5)), ("hint", flip(sec, 38)), ("masked", flip(sec, 60)),
        ("one box too few", sec[:33] + u16(n - 1) + sec[35:35 + 36 * (n - 1)] + sec[35 + 36 * n:]),
             ("a recipient too many", p.epoch_section(L, topic, seq, tag, keys + [p.dh_base(rng(32))], [o1, o2])),
                 ("another recipient", p.epoch_section(L, topic, seq, tag, keys[:3] + [p.dh_base(rng(32))], [o1, o2])),
             ("link mask", flip(sec, len(sec) - 1)), ("link to no epoch of the past",
                 p.epoch_section(L, topic, seq, tag, keys, [o1, rng(32)])),
                 ("another topic", p.epoch_section(L, rng(16), seq, tag, keys, [o1, o2])),
             ("boxes not sorted", sec[:35] + sec[71:107] + sec[35:71] + sec[107:])]
    for name, bad in wrong:
        why = refused(lambda: p.check_epoch_section(p.read_section(p.Reader(bad)), L, topic, seq, tag, keys, past))
        put("keysection.json", "wrong_epochs", name=name, why=why, L=L, topic=topic, seq=seq, tag=tag, box_keys=keys,
            past_etags=sorted(past), section=bad)
    sec, order = p.share_section(topic, seq, tag, [(phone.dev.pk, phone.dev.box_pk, o1), (fred.dev.pk, fred.dev.box_pk, o1),
        (phone.dev.pk, phone.dev.box_pk, o2)], [(L, o1)])
    d = p.read_section(p.Reader(sec))
    assert set(p.find_my_keys(d, phone.dev.box_sk, topic, p.etag_of(L))) == past and set(p.find_my_keys(d, fred.dev.box_sk,
        topic, p.etag_of(L))) == {p.etag_of(o1)}
    assert len({b[1] for b in d["boxes"]}) == 3                   # two keys for one device: two masks
    k = p.H(32, "lk1 key box", b"".join(sorted((o1, o2), key=p.etag_of)))
    one_of = [p.dh_base(p.box_secret(x, topic, seq, tag)) for x in (L, o1, o2)]
    assert d["eph"] not in one_of and d["eph"] == p.dh_base(p.box_secret(k, topic, seq, tag))
    put("keysection.json", "shares", name="two keys for the phone, one for the friend, one link", topic=topic, seq=seq,
        tag=tag, secrets_joined_key=k, eph_secret=p.share_secret([o1, o2], topic, seq, tag), eph=d["eph"],
        boxes=[{"device": v.pk, "box_pk": v.box_pk, "box_secret": v.box_sk, "L": o, "etag": p.etag_of(o)} for v,
            o in ((phone.dev, o1), (fred.dev, o1), (phone.dev, o2))],
        links=[{"newer": p.etag_of(L), "L_new": L, "older": p.etag_of(o1), "L_old": o1}], devices_in_order=order, section=sec)
    only, _ = p.share_section(topic, seq, tag, [], [(L, o1)])
    p.read_section(p.Reader(only))
    put("keysection.json", "shares", name="a link only", topic=topic, seq=seq, tag=tag, secrets_joined_key=b"",
        eph_secret=b"", eph=ZERO, boxes=[], links=[{"newer": p.etag_of(L), "L_new": L, "older": p.etag_of(o1), "L_old": o1}],
        devices_in_order=[], section=only)
    # the same in whole envelopes: one wrong bit by the author himself, everything else right
    doc = phone.rep["doc"]
    old = doc.L[ENV["doc"]["etag"]]
    def spoil(sec_, victim):
        d = p.read_section(p.Reader(sec_))
        shared = p.dh(victim.box_sk, d["eph"])
        for n, (hint, _, _) in enumerate(d["boxes"]):
            for tag in [p.etag_of(L) for L in doc.spare.values()]:
                if p.box_mask(shared, d["eph"], victim.box_pk, doc.topic, tag)[32:] == hint:
                    return flip(sec_, 35 + 36 * n + 10)
        raise AssertionError("no box")

    cases = [("epoch-bad-box-other", lambda s_: spoil(s_, phone.dev), "epoch: wrong box", "refused: epoch: wrong box"),
             ("epoch-bad-box-mine", lambda s_: spoil(s_, laptop.dev), "epoch: wrong box", "waiting: key unknown"),
             ("epoch-bad-link", lambda s_: flip(s_, len(s_) - 1), "epoch: wrong link", "refused: epoch: wrong link")]
    for name, change, why, there in cases:
        compose(phone, "doc", name, epoch=True, section=change, expect="refused: " + why, log=False)
        give(laptop, "doc", name, there,
            log=False)          # he whose box is wrong waits, everybody else refuses, so nothing is ever built on it
    laptop.rep["doc"].waiting.clear()
    # sealed under a key that no epoch of the past has
    other = rng(32)
    phone.rep["doc"].spare[p.etag_of(other)] = other
    compose(phone, "doc", "no-epoch", [(200, b"")], L=other, expect="refused: sealed under no epoch of the past", log=False)
    compose(phone, "doc", "epoch-old-key", epoch=True, L=old, expect="refused: epoch key seen before")
    # a link of a share leads downwards only: else any reader could make a clean key count as known to the removed
    compose(phone, "doc", "share-upwards", share=[], links=[(old, doc.L[ENV["epoch-4"]["etag"]])], expect="refused: link upwards")
    give(laptop, "doc", "share-upwards", "refused: link upwards")
    # a wrong box in a share is ignored
    v = doc.view()
    La = doc.L[v.etag(v.maximal()[0])]
    compose(phone, "doc", "share-wrong", share=[(laptop.dev.pk, laptop.dev.box_pk, La)],
        section=lambda s_: s_[:40] + bytes([s_[40] ^ 1]) + s_[41:])
    give(laptop, "doc", "share-wrong")
    assert p.find_my_keys(ENV["share-wrong"]["section"], laptop.dev.box_sk, doc.topic, ENV["share-wrong"]["etag"]) == {}
    step("key sections: recomputed by every holder; wrong box, link, count, old key: epoch inadmissible; wrong box in a share ignored")


def bodies(root, laptop, phone, fred):
    vectors("body.json",
        "bodies (with zero padding where said) and op bodies: `good` with decoded fields, `bad` refused for ever, "
        "`wait` needs a newer version. section: 0 none, 1 epoch, 2 share with `boxes` boxes. `guards`: what a guardian "
        "signs about an op for one place")
    ids = sorted(rng(32) for _ in range(3))
    dev, box, sig = phone.dev.pk, phone.dev.box_pk, phone.dev.box_sig()
    gb = p.genesis_body(root.pk, laptop.dev.pk, laptop.dev.box_pk, 0)
    full = p.grant_body(dev, box, 0, sig, p.WRITE, 40000)
    cold = p.grant_body(fred.dev.pk, None, 0, b"", p.WRITE, 40000, p.COLD | p.ENROLL)
    rev = p.revoke_body([(ids[0], 0, p.NONE, p.TREE, [ids[1], ids[2]]), (ids[0], 255, p.READ, p.SOFT, [])])
    lean = u8(0) + b"\0" * 4

    def fake(t, n=1):
        return {"type": t, "boxes": [0] * n} if t else None

    def good(name, seq, grant, deps, ops, t=0, n=1, pad=0):
        b = p.encode_body(grant, deps, ops)
        d = p.parse_body(b + bytes(pad), seq, fake(t, n))
        assert d["length"] == len(b) and d["deps"] == deps and d["raw"] == ops
        put("body.json", "good", name=name, seq=seq, section=t, boxes=n if t else 0, body=b + bytes(pad), length=len(b),
            grant=None if grant is None else {"id": grant[0], "index": grant[1]},
            deps=deps, ops=[{"kind": k, "body": v} for k, v in ops])

    def bad(name, seq, b, t=0, n=1, group="bad"):
        try:
            p.parse_body(b, seq, fake(t, n))
            raise AssertionError("accepted: " + name)
        except (p.Refused, p.Wait) as e:
            assert isinstance(e, p.Wait) == (group == "wait"), (name, e)
            put("body.json", group, name=name, seq=seq, section=t, boxes=n if t else 0, body=b, why=str(e))

    enc, G = p.encode_body, (ids[0], 3)
    good("genesis and change", 1, None, [], [(p.GENESIS, gb), (p.CHANGE, lean)], pad=11)
    good("home genesis", 1, None, [], [(p.GENESIS, p.genesis_body(root.pk, laptop.dev.pk, laptop.dev.box_pk, 0, root.box_pk,
        laptop.dev.box_sig()))])
    good("genesis with guardians", 1, None, [], [(p.GENESIS,
        p.genesis_body(root.pk, laptop.dev.pk, laptop.dev.box_pk, 0, k=2, guardians=sorted([phone.dev.pk, fred.dev.pk])))])
    good("grant", 2, None, [], [(p.GRANT, full)])
    good("person: cold root, own device below it", 3, None, ids,
        [(p.GRANT, cold), (p.GRANT, p.grant_body(dev, box, 0, sig, p.WRITE, 40001, p.OWN | p.PARENT_HERE, 0))])
    good("relay", 2, None, [], [(p.GRANT, p.grant_body(dev, None, 0, b"", p.RELAY, 60000))])
    good("revoke, two entries", 7, None, [ids[1]], [(p.REVOKE, rev)])
    good("leave", 2, None, [], [(p.LEAVE, b"")])
    good("change, then leave", 2, None, [], [(p.CHANGE, lean), (p.LEAVE, b"")])
    good("first envelope of an author", 1, G, [ids[0]], [(p.CHANGE, lean)])
    good("under the root's grant", 1, (ids[0], 255), [ids[0]], [(p.GRANT, full)])
    good("epoch and change", 2, None, [], [(p.EPOCH, b""), (p.CHANGE, lean)], t=1, n=2)
    good("share", 2, None, [], [(p.SHARE, p.share_body([dev, fred.dev.pk]))], t=2, n=2)
    good("share with links only", 2, None, [], [(p.SHARE, p.share_body([]))], t=2, n=0)
    good("import", 2, None, [], [(p.IMPORT, p.import_body(1, b"chunks"))])
    good("ban", 2, None, [], [(p.BAN, dev)])
    good("adopt", 2, None, ids[:1], [(p.ADOPT, p.adopt_body(ids)), (p.CHANGE, lean)])
    good("rekey and epoch", 2, None, [], [(p.REKEY, p.rekey_body(fred.dev.box_pk, 1)), (p.EPOCH, b"")], t=1)
    guarded = {k: u8(k) + p.uleb(len(o)) + o for k, o in ((p.GRANT, full), (p.REVOKE, rev))}
    whose, nonce = {p.GRANT: (), p.REVOKE: (laptop.dev.pk, root.pk)}, bytes(range(16))
    sign = lambda who, k: p.sign(who.dev.sign_seed, p.guard_text(ids[0], laptop.dev.pk, nonce, guarded[k], whose[k]))
    good("guard: a grant by two of three", 2, None, [], [(p.GUARD, p.guard_body(p.GRANT, full, nonce,
        [(0, sign(phone, p.GRANT)), (2, sign(fred, p.GRANT))]))])
    good("guard: a revoke", 2, None, [], [(p.GUARD, p.guard_body(p.REVOKE, rev, nonce, [(1, sign(phone, p.REVOKE))]))])
    for k in (p.GRANT, p.REVOKE):
        put("body.json", "guards", op=guarded[k], document=ids[0], author=laptop.dev.pk, nonce=nonce, targets=whose[k],
            guardian=phone.dev.pk, signature=sign(phone, k),
            request=p.guard_request(ids[0], laptop.dev.pk, nonce, guarded[k], whose[k], 2, [phone.dev.pk, fred.dev.pk], b"Plan"),
            answer=p.guard_answer(p.guard_text(ids[0], laptop.dev.pk, nonce, guarded[k], whose[k]), phone.dev.pk, sign(phone, k)))
    good("unknown kind 200", 2, None, [], [(200, b"anything"), (p.CHANGE, lean)])
    one = lambda *ops: enc(None, [], list(ops))
    bad("g = 2", 2, u8(2) + one((p.LEAVE, b""))[1:])
    bad("no ops", 2, one())
    bad("17 ops", 2, one(*[(200, b"")] * 17))
    bad("deps not ascending", 2, enc(None, [ids[1], ids[0]], [(p.LEAVE, b"")]))
    bad("dep twice", 2, enc(None, [ids[1], ids[1]], [(p.LEAVE, b"")]))
    bad("65 deps", 2, enc(None, sorted(rng(32) for _ in range(65)), [(p.LEAVE, b"")]))
    bad("padding not zero", 2, one((p.LEAVE, b"")) + b"\0\1")
    bad("cut", 2, one((p.GRANT, full))[:-1])
    bad("overlong uLEB", 2, u8(0) + b"\x80\x00" + one((p.LEAVE, b""))[2:])
    bad("kind 0", 2, one((0, b"")))
    bad("two changes", 2, one((p.CHANGE, lean), (p.CHANGE, lean)))
    bad("change and import", 2, one((p.CHANGE, lean), (p.IMPORT, p.import_body(1, b""))))
    bad("genesis and epoch", 1, one((p.GENESIS, gb), (p.EPOCH, b"")), 1)
    bad("parent is no grant", 2, one((200, b""), (p.GRANT, p.grant_body(dev, box, 0, sig, p.WRITE, 40001,
        p.OWN | p.PARENT_HERE, 0))))
    bad("epoch and share", 2, one((p.EPOCH, b""), (p.SHARE, p.share_body([]))), 1)
    bad("epoch and revoke", 2, one((p.REVOKE, rev), (p.EPOCH, b"")), 1)
    bad("epoch without key section", 2, one((p.EPOCH, b"")))
    bad("key section without epoch or share", 2, one((p.LEAVE, b"")), 1)
    bad("epoch with a share's section", 2, one((p.EPOCH, b"")), 2)
    bad("share names another number of devices", 2, one((p.SHARE, p.share_body([dev]))), 2, 2)
    bad("leave not last", 2, one((p.LEAVE, b""), (p.CHANGE, lean)))
    bad("leave with a body", 2, one((p.LEAVE, b"x")))
    bad("genesis at seq 2", 2, one((p.GENESIS, gb)))
    bad("genesis second", 1, one((p.LEAVE, b""), (p.GENESIS, gb)))
    bad("genesis with a dep", 1, enc(None, [ids[0]], [(p.GENESIS, gb)]))
    bad("genesis: trailing byte", 1, one((p.GENESIS, gb + b"\0")))
    bad("home genesis with a change", 1, one((p.GENESIS, p.genesis_body(root.pk, laptop.dev.pk, laptop.dev.box_pk, 0,
        root.box_pk, laptop.dev.box_sig())), (p.CHANGE, lean)))
    bad("home genesis: creator's box signature", 1, one((p.GENESIS,
        p.genesis_body(root.pk, laptop.dev.pk, laptop.dev.box_pk, 0, root.box_pk, phone.dev.box_sig()))))
    bad("seq 1 without grant", 1, enc(None, [ids[0]], [(p.CHANGE, lean)]))
    bad("seq 1 without deps", 1, enc(G, [], [(p.CHANGE, lean)]))
    bad("grant: somebody else's box key (F1)", 2, one((p.GRANT,
        p.grant_body(dev, fred.dev.box_pk, 0, fred.dev.box_sig(), p.WRITE, 40000))))
    bad("grant: counter not the signed one", 2, one((p.GRANT, p.grant_body(dev, box, 1, sig, p.WRITE, 40000))))
    low = b"\1" + bytes(31)
    bad("grant: small-order box key", 2, one((p.GRANT, p.grant_body(dev, low, 0,
        p.sign(phone.dev.sign_seed, p.box_text(dev, low, 0)), p.WRITE, 40000))))
    mixed = p.na.crypto_core_ed25519_add(dev,
        bytes.fromhex("ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f"))
    bad("grant: device key outside the prime-order group", 2,
        one((p.GRANT, p.grant_body(mixed, None, 0, b"", p.RELAY, 60000))))
    bad("grant: role 0", 2, one((p.GRANT, p.grant_body(dev, box, 0, sig, 0, 40000))))
    bad("grant: role 5", 2, one((p.GRANT, p.grant_body(dev, box, 0, sig, 5, 40000))))
    bad("grant: writer without box key, not cold", 2, one((p.GRANT, p.grant_body(dev, None, 0, b"", p.WRITE, 40000))))
    bad("grant: cold with a box key", 2, one((p.GRANT, p.grant_body(dev, box, 0, sig, p.WRITE, 40000, p.COLD))))
    bad("grant: parent without own", 2, one((p.GRANT, cold),
        (p.GRANT, p.grant_body(dev, box, 0, sig, p.WRITE, 40001, p.PARENT_HERE, 0))))
    bad("grant: parent is not earlier", 2, one((p.GRANT, p.grant_body(dev, box, 0, sig, p.WRITE, 40001, p.OWN | p.PARENT_HERE,
        0))))
    bad("revoke: no entry", 2, one((p.REVOKE, p.revoke_body([]))))
    bad("revoke: level admin", 2, one((p.REVOKE, p.revoke_body([(ids[0], 0, p.ADMIN, 0, [])]))))
    bad("revoke: keep not ascending", 2, one((p.REVOKE, p.revoke_body([(ids[0], 0, 0, 0, [ids[2], ids[1]])]))))
    bad("revoke: entries not ascending", 2, one((p.REVOKE, p.revoke_body([(ids[0], 1, 0, 0, []), (ids[0], 0, 0, 0, [])]))))
    bad("revoke: 17 keeps", 2, one((p.REVOKE, p.revoke_body([(ids[0], 0, 0, 0, sorted(rng(32) for _ in range(17)))]))))
    bad("ban: too short", 2, one((p.BAN, dev[:31])))
    bad("ban and epoch", 2, one((p.BAN, dev), (p.EPOCH, b"")), 1)
    bad("adopt: none", 2, one((p.ADOPT, p.adopt_body([]))))
    bad("adopt: not ascending", 2, one((p.ADOPT, p.adopt_body([ids[1], ids[0]]))))
    bad("adopt: 257", 2, one((p.ADOPT, p.adopt_body([u16(i) + bytes(30) for i in range(257)]))))
    bad("rekey: no key", 2, one((p.REKEY, p.rekey_body(p.ZERO, 1))))
    bad("rekey: small-order box key", 2, one((p.REKEY, p.rekey_body(low, 1))))
    bad("guard: of a leave", 2, one((p.GUARD, p.guard_body(p.LEAVE, b"", nonce, []))))
    bad("guard: signatures not ascending", 2, one((p.GUARD, p.guard_body(p.REVOKE, rev, nonce,
        [(1, bytes(64)), (1, bytes(64))]))))
    bad("guard: of an own device", 2, one((p.GUARD, p.guard_body(p.GRANT,
        p.grant_body(dev, box, 0, sig, p.WRITE, 40001, p.OWN), nonce, []))))
    bad("guard: not alone", 2, one((p.GUARD, p.guard_body(p.REVOKE, rev, nonce, [])), (200, b"")))
    bad("guard: byte after the op", 2, one((p.GUARD, p.guard_body(p.REVOKE, rev + b"\0", nonce, []))))
    bad("change: form 2", 2, one((p.CHANGE, b"\2")))
    bad("import: flag 2", 2, one((p.IMPORT, p.import_body(2, b""))))
    for k in (13, 127):
        bad("kind %d" % k, 2, one((k, b"later"), (p.CHANGE, lean)), group="wait")
    bad("genesis: policy 2", 1, one((p.GENESIS, gb[:100] + u8(2) + gb[101:])), group="wait")
    bad("grant: flag 2", 2, one((p.GRANT, p.grant_body(dev, box, 0, sig, p.WRITE, 40000, 2))), group="wait")
    bad("revoke: flag 4", 2, one((p.REVOKE, p.revoke_body([(ids[0], 0, 0, 4, [])]))), group="wait")
    # every prefix of every good body fails
    for g in FILES["body.json"]["good"]:
        b = bytes.fromhex(g["body"])
        for i in range(g["length"]):
            try:
                p.parse_body(b[:i], g["seq"], fake(g["section"], g["boxes"]))
                raise AssertionError("prefix accepted")
            except (p.Refused, p.Wait):
                pass
    step("bodies: %d good, %d refused, %d wait; every prefix refused" % tuple(len(FILES["body.json"][k])
        for k in ("good", "bad", "wait")))


def attacks(laptop, phone, fred):
    """Tampering, re-sealing, moving."""
    doc = laptop.rep["doc"]
    FILES["envelope.json"]["resealed"] = []

    def fresh():
        r = lkview.Replica("fresh", doc.S, doc.docid, list(doc.L.values()), laptop.dev.box_sk, laptop.dev.pk)
        return r

    for name in ("doc", "epoch-1", "grant-fred", "revoke-fred"):
        e = doc.env[ENV[name]["id"]]
        r = fresh()
        for i in sorted(e["past"], key=lambda i: len(doc.env[i]["past"])):
            assert r.receive(doc.env[i]["raw"]) == "accepted"
        if name == "doc":
            r.docid = None
        raw, waits = e["raw"], 0
        for i in range(len(raw)):
            bad = raw[:i] + bytes([raw[i] ^ 1]) + raw[i + 1:]
            if name == "doc":
                r.docid = p.envelope_id(bad)
            got = r.receive(bad)
            r.waiting.clear()
            assert got.startswith("refused") or (got == "waiting: key unknown" and 74 <= i < 90), (name, i, got)
        for cut in (0, 1, 97, 98, len(raw) // 2, len(raw) - 1):
            assert r.receive(raw[:cut]).startswith("refused")
        if name == "doc":
            r.docid = doc.docid
        assert r.receive(raw) == "accepted"
    step("every byte of four envelopes flipped: refused (a changed key tag waits for a key nobody has)")

    FILES["envelope.json"]["bad"] = []
    e = doc.env[ENV["fred-2"]["id"]]
    raw, L = e["raw"], doc.L[e["etag"]]

    def again(padded, sig=None):
        h = raw[:98]
        return h + p.seal_aead(p.content_key(L), p.envelope_nonce(h), h, (sig or e["sig"]) + padded)
    assert again(e["padded"]) == raw
    n = e["body"]["length"]
    big = bytes(p.bucket(p.bucket(64 + n) + 1) - 64 - n)
    dirty = e["padded"][:-1] + b"\1"
    body = e["padded"][:e["body"]["length"]]
    wide = p.sign(fred.dev.sign_seed, p.signed_text(doc.docid, e["aad"], body + big))
    bads = [("version 2", b"\2" + raw[1:], False), ("flags 2", raw[:1] + b"\2" + raw[2:], False),
        ("flags 1 without a section", raw[:1] + b"\1" + raw[2:], False), ("seq 0", raw[:34] + bytes(8) + raw[42:], False),
            ("prev at seq 1", raw[:34] + u64(1) + raw[42:], False), ("no prev at seq 2", raw[:42] + ZERO + raw[74:], False),
                ("one byte more", raw + b"\0", False), ("one byte less", raw[:-1], False), ("header only", raw[:98], False),
            ("plaintext of 64 bytes", raw[:98 + 80], False),
                ("a body with a larger bucket", again(e["padded"][:e["body"]["length"]] + big), True),
                ("the same, signed by the author", again(body + big, wide), True), ("padding not zero", again(dirty), True),
            ("ciphertext changed", raw[:-1] + bytes([raw[-1] ^ 1]), True),
                ("signature changed", again(e["padded"], bytes([e["sig"][0] ^ 1]) + e["sig"][1:]), True)]
    assert e["padded"][-1] == 0
    for name, bad, keyed in bads:
        def whole():
            x = p.open_envelope(p.parse_envelope(bad), L)
            p.verify_envelope(x, fred.dev.pk, doc.docid)
        why = refused(whole if keyed else lambda: p.parse_envelope(bad))
        put("envelope.json", "bad", name=name, needs_key=keyed, L=L, author=fred.dev.pk, docid=doc.docid, envelope=bad,
            why=why)

    # the friend held the first key: he re-seals the laptop's op with its own signature under another header
    e = doc.env[ENV["laptop-3"]["id"]]
    L = doc.L[e["etag"]]
    L2 = doc.L[ENV["epoch-1"]["etag"]]
    K = p.content_key(L)

    def reseal(seq=e["seq"], prev=e["prev"], tag=e["tag"], salt=e["salt"], L=L, padded=e["padded"], topic=e["topic"]):
        K = p.content_key(L)
        h = u8(1) + u8(0) + topic + tag + u64(seq) + prev + p.epoch_tag(K) + salt
        return h + p.seal_aead(K, p.envelope_nonce(h), h, e["sig"] + padded)
    assert reseal() == e["raw"]
    for why, raw in [("another salt", reseal(salt=rng(8))), ("another key", reseal(L=L2)),
            ("another seq", reseal(seq=e["seq"] + 1)), ("another prev", reseal(prev=ENV["doc"]["id"])),
                     ("another author tag", reseal(tag=ENV["fred-2"]["tag"])),
                         ("more padding", reseal(padded=e["padded"] + bytes(32)))]:
        r = fresh()
        for i in doc.order:
            if i != e["id"] and e["id"] not in doc.env[i]["past"]:
                r.receive(doc.env[i]["raw"])
        got = r.receive(raw)
        assert got.startswith("refused"), (why, got)
        put("envelope.json", "resealed", what=why, original="laptop-3", L=L2 if why == "another key" else L, envelope=raw,
            why=got[9:])
    # into another document whose key and topic secret he chooses
    assert not p.verify(laptop.dev.pk, e["sig"], p.signed_text(rng(32), e["aad"], e["padded"]))
    step("re-sealing under another salt, key, seq, prev, tag, padding or document: the signature or the chain refuses")

    # the largest envelope fits its own limit and a BATCH of 1 MiB; one byte of body more does not
    tip = doc.chain_tip(laptop.dev.pk)
    args = (laptop.dev.sign_seed, doc.S, L2, doc.docid, tip["seq"] + 1, tip["id"])
    frame = len(p.encode_body(None, [], [(200, bytes(1 << 20))])) - (1 << 20)
    top = p.encode_body(None, [], [(200, bytes(1032128 - frame))])
    assert len(top) == 1032128
    raw = p.seal_envelope(*args, top, bytes(32))
    assert len(raw) == 1032192 + 98 + 16 and p.bucket(64 + len(top) + 1) + 98 + 16 > p.ENVELOPE_MAX
    body = p.batch_body(0, 1, p.BatchState(doc.topic), [p.parse_envelope(raw)])
    assert len(body) <= p.LIMITS[p.BATCH] and p.parse_batch(body, {0: p.BatchState(doc.topic)})[2] == [raw]
    assert (1 << 20) - 98 + 1 + 3 + 16 + 10 + 32 + 16 + 8 + 3 + 5 <= p.LIMITS[p.BATCH]

    # why the key section is in the salt: two shares of one past with a repeating random source
    a, _ = p.share_section(doc.topic, 9, e["tag"], [(fred.dev.pk, fred.dev.box_pk, L)])
    b, _ = p.share_section(doc.topic, 9, e["tag"], [(fred.dev.pk, fred.dev.box_pk, L2)])
    body, r32 = p.encode_body(None, [], [(p.SHARE, p.share_body([fred.dev.pk]))]), bytes(32)
    assert p.make_salt(K, r32, b"", body) == p.make_salt(K, r32, b"", body) and p.make_salt(K, r32, a, body) != p.make_salt(K,
        r32, b, body)
    # one etag, one key: a ciphertext cannot be tried under another key
    try:
        p.open_envelope(p.parse_envelope(e["raw"]), L2)
        raise AssertionError
    except p.Wait:
        pass


def certificates_and_sessions(laptop, phone, certs, cards):
    """XK between the two devices, all message types over frames; XX and NK as bare handshakes."""
    a, b, fa, fb = handshake("known peer", "XK", 1, b"", phone.dev.noise_sk, laptop.dev.noise_sk, None,
        [b"", b"", p.encode_proof([certs["phone"], certs["laptop"]])])
    assert p.parse_proof(p.encode_proof([certs["phone"], certs["laptop"]]), b.rs)["device"] == phone.dev.pk
    handshake("code pairing", "XX", 3, u8(42), rng(32), rng(32), None, [b"", b"", b""])
    handshake("relay", "NK", 4, b"", None, rng(32), None, [b"", b""])
    wrong = p.Noise("XK", True, p.preface(1), phone.dev.noise_sk, phone.dev.noise_pk, rng(32))
    me = p.Noise("XK", False, p.preface(1), laptop.dev.noise_sk, None, rng(32))
    refused(me.read, wrong.write(), why="Noise AEAD")             # a prober without our key gets silence
    me = p.Noise("XK", False, p.preface(1), laptop.dev.noise_sk, None, rng(32))
    loop = p.Noise("XK", True, p.preface(1), laptop.dev.noise_sk, laptop.dev.noise_pk, rng(32))
    me.read(loop.write())
    loop.read(me.write())
    refused(me.read, loop.write(b""), why="own static key")

    vectors("messages.json",
        "messages: `type`, fields and `body`; framed = u32 length || u8 type || body. `session` gives h. Topic "
        "numbers are u32; `frames` = one stream in the "
                             "direction initiator -> responder, sealed with the key given, nonces from 0")
    h = a.h
    doc, home = laptop.rep["doc"], laptop.rep["home"]
    M = []

    def msg(name, t, body, **fields):
        M.append((t, body))
        put("messages.json", "messages", name=name, type=t, body=body, framed=p.message(t, body), **fields)
        return body
    FILES["messages.json"]["session"] = hexed({"h": h, "initiator": "phone", "responder": "laptop"})
    inc = rng(8)
    b = msg("hello", p.HELLO, p.hello(1, 1, 0, inc, p.ENVELOPE_MAX + 4096, 7675), lo=1, hi=1, caps=0, incarnation=inc,
        max_message=p.ENVELOPE_MAX + 4096, port=7675)
    assert p.parse_hello(b)["incarnation"] == inc
    topics = [doc.topic, home.topic]
    secrets = [doc.S, home.S]
    sb = msg("set", p.SET, p.set_body(h, topics), topics=sorted(topics), count=2)
    assert sb == p.set_body(h, topics[::-1]) != p.set_body(h, topics[:1])
    tb = msg("topics, by the initiator", p.TOPICS, p.topics_body(1, secrets, h, 1, rng), last=1, S=secrets, role=1)
    assert len(tb) == 1 + 16 * 8
    proofs = [tb[1 + 8 * i:9 + 8 * i] for i in range(16)]
    hits = sorted(proofs.index(p.topic_proof(S, h, 1)) for S in secrets)
    assert hits == [0, 1] and p.topic_proof(doc.S, h, 2) not in proofs       # an echo is no proof
    msg("match, by the responder: topic numbers 0 and 2", p.MATCH, p.match_body(hits), indices=hits)
    sets = [sorted(doc.essential()), sorted(home.essential())]
    msg("fp, question over both topics", p.FP, p.fp_body(0, 0, 2, sets, h), answer=0, first=0, last=2,
        count=sum(map(len, sets)), sets=sets)
    msg("fp, equal", p.FP, p.fp_body(1, 0, 2, sets, h), answer=1, first=0, last=2, count=sum(map(len, sets)), sets=sets)
    tips = {}
    for i in doc.essential():
        e = doc.env[i]
        if e["seq"] > tips.get(e["tag"], (0,))[0]:
            tips[e["tag"]] = (e["seq"], i)
    rows = sorted((t, q, i) for t, (q, i) in tips.items())
    vb = msg("vv", p.VV, p.vv_body(0, 0, rows), topic=0, answer=0,
        entries=[{"tag": t, "seq": q, "id": i} for t, q, i in rows])
    assert [(t, q) for t, q, _ in p.parse_vv(vb)["entries"]] == [(t, q) for t, q, _ in rows]
    msg("vv, empty (take only)", p.VV, p.vv_body(0, 1, []), topic=0, answer=1, entries=[])
    order = [i for i in doc.order if i in doc.essential()]
    send, recv = p.BatchState(doc.topic), {0: p.BatchState(doc.topic)}
    first = p.batch_body(0, 0, send, [doc.env[i] for i in order[:9]])
    second = p.batch_body(0, 1, send, [doc.env[i] for i in order[9:]])
    out = []
    for name, body, ids in (("batch 1, state starts here", first, order[:9]),
            ("batch 2, same stream, end", second, order[9:])):
        msg(name, p.BATCH, body, topic=0, topic_id=doc.topic, end=body[4], envelopes=[doc.env[i]["raw"] for i in ids])
        out += p.parse_batch(body, recv)[2]
    assert out == [doc.env[i]["raw"] for i in order]
    nora = lkview.Replica("cold", doc.S, doc.docid, list(doc.L.values()))
    assert all(nora.receive(x) == "accepted" for x in out)                    # log order is causal order
    one = p.BatchState(doc.topic)
    hops = [len(one.put(doc.env[i])) for i in order]
    msg("want", p.WANT, p.want_body(0, order[:2]), topic=0, ids=order[:2])
    L = doc.L[doc.view().etag(doc.view().maximal()[0])]
    nonce = rng(24)
    ab = msg("ack", p.ACK, p.ack_body(0, doc.S, L, doc.docid, laptop.dev, inc, 17, doc.heads(), nonce), topic=0, S=doc.S, L=L,
        docid=doc.docid, device_seed=laptop.dev.sign_seed, incarnation=inc, counter=17,
             heads=doc.heads(), nonce=nonce)
    tags = {p.author_tag(doc.S, laptop.dev.pk): laptop.dev.pk}
    assert p.parse_ack(ab, doc.topic, L, doc.docid, tags)["heads"] == doc.heads()
    for i in range(4, len(ab)):
        try:
            p.parse_ack(ab[:i] + bytes([ab[i] ^ 1]) + ab[i + 1:], doc.topic, L, doc.docid, tags)
            raise AssertionError
        except (p.Refused, p.Wait):
            pass
    known = [(p.author_tag(doc.S, laptop.dev.pk), inc, 17), (p.author_tag(doc.S, phone.dev.pk), bytes(8), 9)]
    msg("fp, of acknowledgements", p.FP, p.acks_fp_body(0, 0, 2, [known, []], h), first=0, last=2, count=2, known=known)
    said = [(0, 17, [0, doc.heads()[0]]), (2, 300, []), (5, 1, [doc.heads()[0]])]
    sb2 = msg("acks", p.ACKS, p.acks_body(said), entries=[
        {"topic": n, "counter": c, "heads": [{"slot": h} if isinstance(h, int) else {"id": h} for h in hs]} for n, c, hs in said])
    assert p.parse_acks(sb2) == said and p.parse_acks(sb2, {0: [order[-1]], 2: [], 5: []})[0][2] == [order[-1], doc.heads()[0]]
    refused(p.parse_acks, sb2, {0: [], 2: [], 5: []})
    msg("busy", p.BUSY, u32(0) + u32(250), topic=0, retry_ms=250)
    msg("card", p.CARD, cards["laura"])
    msg("welcome", p.WELCOME, bytes.fromhex(FILES["welcome.json"]["welcomes"][2]["welcome"]))
    pb = msg("peers", p.PEERS, p.peers_body([([certs["phone"], certs["laptop"]], [p.addr_v4("192.0.2.9", 7675)])]),
        certificates=[certs["phone"], certs["laptop"]])
    assert p.parse_peers(pb)[0][0]["device"] == phone.dev.pk
    msg("ping", p.PING, u64(5), value=5)
    msg("pong", p.PONG, u64(5), value=5)
    # a fork at the phone, found by RANGE
    ids = ranges(laptop, phone, h, msg)
    msg("close", p.CLOSE, u8(0), reason=0)
    for t, body in M:
        p.check_message(t, body)
    twice = vb[:5] + vb[5:5 + 16 + 1 + 8] * 2
    for name, t, body in [("HELLO, one byte short", p.HELLO, p.hello(1, 1, 0, inc, 0, 0)[:-1]),
            ("HELLO, lowest over highest", p.HELLO, p.hello(2, 1, 0, inc, 0, 0)), ("CLOSE, empty", p.CLOSE, b""),
                          ("SET, too long", p.SET, sb + b"\0"), ("TOPICS, half a proof", p.TOPICS, tb[:-4]),
                              ("TOPICS, flag 2", p.TOPICS, u8(2) + tb[1:]),
                              ("MATCH, twice the same", p.MATCH, p.match_body([1, 1])),
                          ("FP, first after last", p.FP, p.fp_body(0, 3, 2, [], h)), ("FP, flag 4", p.FP, p.fp_body(4, 0, 0, [[]], h)),
                              ("VV, tag twice", p.VV, twice),
                              ("VV, cut", p.VV, vb[:-1]), ("VV, seq 0", p.VV, u32(0) + u8(0) + bytes(16) + u8(0) + bytes(8)),
                          ("VV, long uLEB", p.VV, u32(0) + u8(0) + bytes(16) + b"\x81\x00" + bytes(8)),
                              ("RANGE, nothing", p.RANGE, u32(0)), ("RANGE, after the end", p.RANGE, u32(0) + bytes([255, 0]) * 2),
                          ("RANGE, bounds not ascending", p.RANGE, u32(0) + bytes([0, 1, 2, 0, 0, 1, 1, 0])),
                              ("RANGE, bound in a longer form", p.RANGE, u32(0) + bytes([0, 1, 2, 0, 0, 2, 2, 1, 0])),
                              ("RANGE, bound with a zero behind", p.RANGE, u32(0) + bytes([0, 2, 2, 0, 0])),
                              ("RANGE, bound of 57", p.RANGE, u32(0) + u8(0) + u8(57) + bytes([1] * 57) + u8(0)),
                          ("RANGE, mode 4", p.RANGE, u32(0) + bytes([255, 4])),
                              ("RANGE, ids not ascending", p.RANGE, u32(0) + bytes([255, 2, 2]) + bytes(64)),
                              ("RANGE, too long for exact", p.RANGE, u32(0) + bytes([255, 3]) + p.uleb(2049) + bytes(16)),
                              ("BATCH, end 2", p.BATCH, u32(0) + u8(2)), ("WANT, nothing", p.WANT, u32(0)),
                              ("WANT, 513 ids", p.WANT, u32(0) + bytes(32 * 513)),
                          ("ACK, cut", p.ACK, ab[:-1]), ("type 37, reserved", 37, bytes(50)), ("ACKS, empty", p.ACKS, b""),
                              ("ACKS, cut", p.ACKS, sb2[:-1]), ("ACKS, 65 heads", p.ACKS, bytes([0, 1, 65]) + bytes([1] * 65)),
                              ("ACKS, number over 2^32", p.ACKS, p.uleb((1 << 32) - 1) + bytes([1, 0, 0, 1, 0])), ("BUSY, short", p.BUSY, bytes(7)),
                              ("PEERS, trailing byte", p.PEERS, pb + b"\0"), ("type 19", 19, b""),
                              ("type 70, reserved", 70, b"")]:
        why = refused(p.check_message, t, body)
        if len(body) < 9000:
            put("messages.json", "bad", name=name, type=t, body=body, why=why)
    for name, item in [("slot unknown", u8(0) + u8(7) + bytes(8) + u8(0)),
            ("first item without etag", u8(3) + u8(0) + bytes(16) + u8(1) + bytes(8) + u8(0)),
            ("first item without seq", u8(5) + u8(0) + bytes(32) + bytes(8) + u8(0)),
                       ("slot 1 is new before 0", u8(7) + u8(1) + bytes(16) + u8(1) + bytes(24) + u8(0)),
                           ("f 16", u8(16 + 7) + u8(0) + bytes(16) + u8(1) + bytes(24) + u8(0)),
                           ("seq 0", u8(7) + u8(0) + bytes(16) + u8(0) + bytes(24) + u8(0)),
                       ("cut", u8(7) + u8(0) + bytes(16) + u8(1) + bytes(24) + u8(9))]:
        why = refused(p.parse_batch, u32(0) + u8(0) + item, {0: p.BatchState(doc.topic)})
        put("messages.json", "bad_batches", name=name, topic_id=doc.topic, body=u32(0) + u8(0) + item, why=why)
    # frames: all of it as one stream, cut at odd places
    stream = b"".join(p.message(t, body) for t, body in M)
    cuts = [1, 3, 400, 65519]
    frames, pos = [], 0
    put_frames = []
    while pos < len(stream):
        n = cuts[len(frames) % 4]
        plain = stream[pos:pos + n]
        pos += n
        frames.append(fa[0].seal(plain))
        put_frames.append(frames[-1])
    got = [m for f in frames for m in fb[1].messages(f)]
    assert got == M and fb[1].buf == b""
    # only the first frames go into the file, as inputs for a decoder of frames
    put("messages.json", "frames", key=fb[1].k, plaintext=stream, frames=put_frames)
    refused(fb[1].open, frames[0], why="Noise AEAD")             # replay
    f1, f2 = p.Flow(rng(32)), None
    f2 = p.Flow(f1.k)
    f1.n = f2.n = 65535
    k0 = f1.k
    x, y = f1.seal(b"last under the old key"), f1.seal(b"first under the new key")
    assert f2.open(x) == b"last under the old key" and f2.open(y) == b"first under the new key" and f1.k != k0
    put("noise.json", "rekey", key=k0, first_nonce=65535, plaintexts=[b"last under the old key", b"first under the new key"],
        frames=[x, y], new_key=f1.k)
    step("sessions: XK with proof, XX, NK; %d messages over %d frames, rekey; a typical change travels in %d bytes" % (len(M),
        len(frames), sorted(hops)[len(hops) // 2]))


def ranges(laptop, phone, h, msg):
    """The phone is cloned and forks; two sides that each know one branch find the difference by ranges."""
    rep = laptop.rep["doc"]
    tip = rep.chain_tip(phone.dev.pk)
    L = rep.L[rep.view().etag(rep.view().clean()[0])]
    heads = [i for i in rep.heads() if i != tip["id"]]
    pair = []
    for text in (b"A", b"B"):
        body = p.encode_body(None, heads, [(200, text)])
        pair.append(p.parse_envelope(p.seal_envelope(phone.dev.sign_seed, rep.S, L, rep.docid, tip["seq"] + 1, tip["id"],
            body, rng(32))))
    assert pair[0]["id"] != pair[1]["id"] and (pair[0]["tag"], pair[0]["seq"], pair[0]["prev"]) == (pair[1]["tag"],
        pair[1]["seq"], pair[1]["prev"])
    common = [rep.env[i] for i in rep.order if i in rep.essential()]
    sides = [common + pair[:1], common + pair[1:]]
    body = p.range_body(0, [(None, p.SUM, [e["id"] for e in sides[0]])], h)
    msg("range, the whole topic", p.RANGE, body, topic=0, count=len(sides[0]), ids=sorted((e["id"] for e in sides[0])))
    turn, want, sent = 1, [set(), set()], [[], []]
    for rounds in range(12):
        body, w, send = p.range_answer(body, sides[turn], h)
        want[turn] |= set(w)
        sent[turn] += [e["id"] for e in send]
        if body is None:
            break
        msg("range, answer %d" % (rounds + 1), p.RANGE, body, topic=0)
        turn = 1 - turn
    assert rounds < 12
    asked = want[0] | want[1] | set(sent[0]) | set(sent[1])
    assert asked == {pair[0]["id"], pair[1]["id"]}
    range_exchanges(h)
    return pair


def range_exchanges(h):
    """Sets of made-up envelopes: what each message of an exchange tells who gets it, for ranges.json."""
    vectors("ranges.json", "RANGE between two sets: `first` has opened, `messages` go to the second and the first in turn; what each of "
            "them tells who gets it, ids ascending. Sets are lists of [author, first seq, last seq, step, branch]: of each seq of the "
            "author one envelope, with tag = H[16](\"lk1 author\"; u8 author), id = H[32](\"lk1 envelope\"; u8 author || u64 seq || "
            "u8 branch). How a range is cut is free, so other programs answer with other parts")
    def expand(runs):
        return sorted((dict(tag=p.H(16, "lk1 author", u8(a)), seq=q, id=p.H(32, "lk1 envelope", u8(a) + u64(q) + u8(branch)))
            for a, low, high, by, branch in runs for q in range(low, high + 1, by)), key=p.range_key)
    def ids(side, mode, tag=b""): return (None, mode, [e["id"] for e in side if e["tag"].startswith(tag)])
    chain = [(a, 1, 2 + 70 * a, 1, 0) for a in range(5)]
    forks = [[(1, 9, 9, 1, b)] for b in range(1, 4)]
    thirds = [[(a, 1 + n, 2 + 70 * a, 3, 0) for a in range(5)] for n in range(3)]
    tag = expand(forks[0])[0]["tag"]
    after = (int.from_bytes(tag, "big") + 1).to_bytes(16, "big").rstrip(b"\0")
    for name, first, second, mode in [("equal", chain, chain, p.SUM), ("nothing anywhere", [], [], p.SUM),
            ("the newest of one", chain, chain[:4] + [(4, 1, 272, 1, 0)], p.SUM),
            ("gaps on both sides", thirds[0] + thirds[1], thirds[0] + thirds[2], p.SUM),
            ("nothing here", [], chain, p.SUM), ("nothing there", chain, [], p.SUM),
            ("exact", chain + forks[0], chain + forks[1] + forks[2], p.EXACT),
            ("a fork, one author asked about", chain + forks[0], chain + forks[1] + forks[2], None)]:
        a, b = expand(first), expand(second)
        start = [ids(a, mode)] if mode else [(tag, p.SKIP, None), (after,) + ids(a, p.SUM, tag)[1:]]
        body, turn, messages, found = p.range_body(0, start, h), 1, [], set()
        for _ in range(24):
            mine = (a, b)[turn]
            answer, want, send = p.range_answer(body, mine, h)
            found |= set(want) | {e["id"] for e in send}
            messages.append(dict(body=body, answered=answer is not None, want=sorted(want), send=sorted(e["id"] for e in send)))
            if answer is None:
                break
            body, turn = answer, 1 - turn
        else:
            raise AssertionError(name)
        assert found == {e["id"] for e in a} ^ {e["id"] for e in b}
        put("ranges.json", "exchanges", name=name, h=h, first=first, second=second, messages=messages)


def recovery(root, laptop, phone):
    """The phrase and a copy of the envelopes: everything is read, the stolen first device thrown out, a new one let in."""
    compose(laptop, "home", "home-epoch", epoch=True, edits=[("put", "document", s("plan"))])
    assert len(ENV["home-epoch"]["section"]["boxes"]) == 3                # laptop, phone and the recovery box
    give(phone, "home", "home-epoch")
    same("home", laptop, phone)
    again = p.Device("phrase", rng)
    again.sign_seed, again.pk, again.box_sk, again.box_pk = root.sign_seed, root.pk, root.box_sk, root.box_pk
    paper = Party(again, root.pk)
    keep_replica(paper, "home", p.topic_secret(root.home_L0), ENV["home"]["id"], [root.home_L0])
    for n in ("home", "home-1", "home-grant-phone", "home-epoch"):
        give(paper, "home", n)
    same("home", paper, phone)
    new = Party(p.Device("new", rng), root.pk)
    g = compose(paper, "home", "home-recover", [
        (p.GRANT, p.grant_body(new.dev.pk, new.dev.box_pk, 0, new.dev.box_sig(), p.ADMIN, 900, p.ENROLL)),
        (p.REVOKE, p.revoke_body([(ENV["home"]["id"], 0, p.NONE, 0, [ENV["home-epoch"]["id"]])]))])
    assert g["seq"] == 2 and g["prev"] == ENV["home"]["id"]               # the root's own chain begins with the genesis
    r = paper.rep["home"]
    w = p.make_welcome(r.docid, r.S, [r.L[t] for t in r.handed_by_grant((g["id"], 0))], (g["id"], 0))
    d = put_welcome("home document after a rotation, S present", w, new)
    keep_replica(new, "home", d["S"], d["docid"], d["L"])
    for n in ("home", "home-1", "home-grant-phone", "home-epoch", "home-recover"):
        give(new, "home", n, "")
    compose(new, "home", "home-new", epoch=True, edits=[("put", "devices", s("new"))], grant=(g["id"], 0))
    for x in (phone, laptop):
        give(x, "home", "home-recover")
    for x in (phone, paper):
        give(x, "home", "home-new")
    give(laptop, "home", "home-new", "waiting: key unknown")
    same("home", new, phone, paper)
    assert phone.rep["home"].view().readers().get(phone.dev.pk)           # enrolled by the laptop, still in
    step("recovery: the phrase alone reads the rotated home document, revokes the first device, lets a new one in")


def wrap_up(laptop):
    rep = laptop.rep["doc"]
    for x in sorted(rep.am, key=lambda x: rep.order.index(x[0])):
        c = rep.am[x]["change"]
        name, = [n for n, e in ENV.items() if e["id"] == x[0]]
        put("story.json", "changes", envelope=name, index=x[1], chunk=rep.am[x]["chunk"], hash=rep.am[x]["hash"],
            actor=c.actor, seq=c.seq, start_op=c.start, deps=c.deps)
    FILES["story.json"]["envelopes"] = [{"name": n, "id": e["id"].hex()} for n, e in ENV.items()]


def replay():
    """The files alone must tell the story: fresh replicas, fed from the vectors."""
    raw = {e["name"]: bytes.fromhex(e["envelope"]) for e in FILES["envelope.json"]["envelopes"]}
    reps, n = {}, 0
    for ev in FILES["story.json"]["events"]:
        x = lambda k: bytes.fromhex(ev[k])
        if ev["event"] == "replica":
            reps[ev["who"], ev["document"]] = lkview.Replica(ev["who"], x("S"), x("docid"),
                [bytes.fromhex(k) for k in ev["keys"]], x("box_secret"), x("device"))
        elif ev["event"] == "keys":
            r = reps[ev["who"], ev["document"]]
            r.L.update({p.etag_of(bytes.fromhex(k)): bytes.fromhex(k) for k in ev["keys"]})
        elif ev["event"] == "deliver":
            got = reps[ev["who"], ev["document"]].receive(raw[ev["envelope"]])
            assert got.split(":")[0] == ev["verdict"], (n, ev, got)
            n += 1
        else:
            for who in ev["who"]:
                r = reps[who, ev["document"]]
                assert [i.hex() for i in sorted(r.essential())] == ev["essential"] and [i.hex()
                    for i in r.heads()] == ev["heads"]
                assert [i.hex() for i in r.document().heads()] == ev["automerge_heads"]
                assert sorted([i.hex(), k] for i, k in r.view().visible()) == ev["visible"]
    step("replayed from the vectors alone: %d deliveries, the same verdicts and states" % n)


def main():
    vectors("story.json",
        "the whole history: replicas with their first keys, deliveries with the verdict (accepted, waiting, "
        "refused, known), keys from a later welcome, states that must be equal "
                          "(essential set, its heads, Automerge heads, visible and void ops as [envelope, index]). "
                          "Envelope names refer to envelope.json. `why` is this model's wording. `changes`: the "
                          "Automerge chunks as rebuilt")
    vectors("envelope.json",
        "inputs and the resulting envelopes. `envelopes`: author_seed signs; S gives topic and tag, L gives K and "
        "etag; signing_docid is zero for a genesis; grant null = g 0; salt = H[8]('lk1 nonce', K; "
                             "random32 || key_section || body) except for the genesis 'doc' (drawn first) and where "
                             "random32 is empty. `resealed`: the author's own signature under another header, refused")
    vectors("noise.json",
        "handshakes (statics, ephemerals, prologue, payloads, ciphertexts, h, both transport keys) and rekey")
    pieces()
    (root, fred_root, nora_root), devs = people()
    laptop, phone, fred, nora = (Party(d, r.pk) for d, r in zip(devs, (root, root, fred_root, nora_root)))
    home_document(root, laptop)
    new_document(root, laptop)
    certs, cards = certificates(root, laptop, phone, fred_root, fred, nora_root, nora)
    tickets = pairing(root, laptop, phone, cards)
    friend_joins(laptop, phone, fred, fred_root)
    revocation(laptop, phone, fred, fred_root)
    newcomer(laptop, phone, nora, nora_root, tickets, cards)
    concurrent_removals(laptop, phone, fred, fred_root, nora)
    key_sections(laptop, phone, fred, nora)
    bodies(root, laptop, phone, fred)
    attacks(laptop, phone, fred)
    certificates_and_sessions(laptop, phone, certs, cards)
    recovery(root, laptop, phone)
    beacons(laptop, phone)
    wrap_up(laptop)
    replay()
    texts = {n: json.dumps(v, indent=1, ensure_ascii=True) + "\n" for n, v in FILES.items()}
    for flag in ("--write", "--check"):
        if flag in sys.argv:
            folder = sys.argv[sys.argv.index(flag) + 1]
            for n, t in texts.items():
                path = os.path.join(folder, n)
                if flag == "--write":
                    open(path, "w").write(t)
                elif not os.path.exists(path) or open(path).read() != t:
                    sys.exit("differs: " + path)
            print("%s %d files" % ("wrote" if flag == "--write" else "equal:", len(texts)))
    print("story: ok")


if __name__ == "__main__":
    main()
