#!/usr/bin/python3
"""seeds.py - where the fuzzers begin: the vectors of tests/data, each as a
target takes it.

usage: seeds.py TARGET DIRECTORY    fills the directory; says how many
"""
import base64
import hashlib
import json
import pathlib
import sys

DATA = pathlib.Path(__file__).resolve().parents[1] / "data"
# A fuzzer's inputs get as long as the longest it was given.
SEED_MAX = 2048
# These are small and cost much, which is what they are for.
SLOW = {"c53b-huge-consistent", "c54-zip-bomb"}


def automerge():
    for file in sorted((DATA / "automerge").glob("*/*.automerge")):
        if file.stem not in SLOW:
            yield file.read_bytes()


def vectors(name, field, *lists):
    file = json.loads((DATA / "protocol" / f"{name}.json").read_text())
    for entry in (e for some in lists for e in file[some]):
        if entry.get(field):
            yield bytes.fromhex(entry[field])


def beacons():
    """With key and address in front; one a window's, which needs neither."""
    for entry in json.loads((DATA / "protocol/beacon.json").read_text())["devices"]:
        yield bytes.fromhex(entry["key"] + entry["address"] + entry["beacon"])
    for beacon in vectors("beacon", "beacon", "windows", "bad"):
        yield bytes(48) + beacon


def relays():
    file = json.loads((DATA / "protocol/relay.json").read_text())
    for entry in file["messages"] + file["bad"]:
        yield bytes([entry["type"] + 128 * entry["answer"]]) + bytes.fromhex(entry["body"])


def backups():
    """What is in objects of backups, and paths: backup_fuzz.c."""
    docid, envelope = bytes(range(32)), b"\3abc"
    yield b"LKBK\1\1\0\1" + bytes(80) + bytes(40)
    yield b"\3" + docid + b"\2" + 2 * envelope + b"\x05" + docid + b"\1" + envelope
    yield b"\7" + docid + bytes(32) + b"\0\2ab\3map\1" + docid + b"\x08" + docid + bytes(32) + b"\1\0\0\0"
    yield b"\2\1\x20\1\x08\2\2\3\1\1\x20\0\1\6mirror\1d\2/d"
    yield bytes(24) + b"\1" + docid
    yield b"lk1/backup/snap/0123456789ab-" + 64 * b"c"
    yield b"lk1/backup/mark/0123456789ab-" + 64 * b"c"
    yield b"LKBK\1\4" + bytes.fromhex("00000123456789ab") + b"\2" + 64 * b"n"


def object_streams():
    """The first byte says in what pieces it comes."""
    name = b"lk1/backup/data/" + 64 * b"c"
    frame = b"\1" + bytes([len(name)]) + name + b"\5hello"
    yield b"\1LKBS\1" + frame + b"\0" + (1).to_bytes(8, "big")
    yield b"\x40LKBS\1" + 2 * frame + b"\0" + (2).to_bytes(8, "big")


def scans():
    """What two folders have: scan_fuzz.c."""
    def scan(ignore, *files):
        head = b"\1" + bytes(4) + bytes([len(ignore) > 0]) + len(ignore).to_bytes(4, "big") + ignore
        return head + b"".join(bytes([flags]) + bytes(7) + bytes([saved]) + bytes([digest]) * 32 +
                               len(path).to_bytes(2, "big") + path
                               for flags, saved, digest, path in files)
    one = scan(b"*.o\n", (1, 1, 1, b"a"), (0, 2, 2, b"b/c"), (3, 1, 3, b"d"), (8, 0, 0, b"e"))
    two = scan(b"", (1, 1, 2, b"a"), (0, 3, 3, b"b/c"), (1, 1, 3, b"d"), (0, 0, 4, b"b"), (0, 0, 5, b"x.o"))
    yield (len(one)).to_bytes(2, "big") + one + two
    yield (len(two)).to_bytes(2, "big") + two + one


def names():
    """Packs, and their names."""
    file = json.loads((DATA / "protocol/stored.json").read_text())
    for entry in file["packs"]:
        yield bytes.fromhex(entry["pack"])
        yield bytes.fromhex(entry["pack"])[:-32]
        yield entry["name"].encode()
    for entry in file["bad_packs"]:
        yield bytes.fromhex(entry["pack"])


def overlays():
    file = json.loads((DATA / "protocol/overlay.json").read_text())
    for entry in file["messages"] + file["bad"]:
        yield bytes([entry["type"]]) + bytes.fromhex(entry["body"])


def uleb(data, at):
    value = shift = 0
    while True:
        value |= (data[at] & 0x7f) << shift
        shift += 7
        at += 1
        if not data[at - 1] & 0x80:
            return value, at


def chunks(*types):
    """Bodies of the chunks of these types, of files that hold nothing else wrong."""
    for data in automerge():
        at = 0
        while data[at:at + 4] == b"\x85\x6f\x4a\x83" and at + 10 < len(data):
            length, body = uleb(data, at + 9)
            if data[at + 8] in types:
                yield data[body:body + length]
            at = body + length


def uleb_of(n):
    out = bytearray()
    while n > 127:
        out.append(n & 127 | 128)
        n >>= 7
    return bytes(out) + bytes([n])


def entries(data):
    """The changes of a file, each as stream_fuzz.c has it."""
    at, before = 0, []
    while at < len(data):
        length, body = uleb(data, at + 9)
        at = body + length
        before.append(hashlib.sha256(b"\1" + uleb_of(length) + data[body:at]).digest())
        n, p = uleb(data, body)
        deps = [before.index(data[p + 32 * i:p + 32 * i + 32]) for i in range(n)]
        actor_len, p = uleb(data, p + 32 * n)
        actor = data[p:p + actor_len]
        _, p = uleb(data, p + actor_len)
        start, lean = uleb(data, p)
        backs = bytes(len(before) - 2 - d for d in deps)
        yield (bytes([2, 0]) + uleb_of(actor_len) + actor + bytes([n]) + backs +
               start.to_bytes(2, "big") + (at - lean).to_bytes(2, "big") + data[lean:at])


def changes():
    for file in sorted((DATA / "automerge/vectors").glob("*.changes")):
        data = file.read_bytes()
        # Of the compressed, the long and the wide there is nothing to learn here.
        try:
            yield b"".join(entries(data))
        except (ValueError, OverflowError, IndexError):
            pass


def files():
    """Files, and lists of their chunks: chunk_fuzz.c."""
    for data in automerge():
        yield b"\0" + data
        at, out = 0, b"\1"
        while data[at:at + 4] == b"\x85\x6f\x4a\x83" and at + 10 < len(data):
            length, body = uleb(data, at + 9)
            out += data[at + 8:at + 9] + (length & 0xffff).to_bytes(2, "big") + data[body:body + length]
            at = body + length
        yield out


def columns():
    """Columns of changes, each after its kind: column_fuzz.c."""
    for body in chunks(1):
        try:
            yield from columns_of(body)
        except (IndexError, OverflowError):
            pass  # one of the hostile ones


def columns_of(body):
    kinds = {0: 0, 1: 0, 2: 0, 3: 1, 4: 2, 5: 3, 6: 0}
    n, at = uleb(body, 0)
    at += 32 * n
    length, at = uleb(body, at)
    at += length
    for _ in range(3):  # seq, startOp, time
        _, at = uleb(body, at)
    length, at = uleb(body, at)
    n, at = uleb(body, at + length)
    for _ in range(n):
        length, at = uleb(body, at)
        at += length
    n, at = uleb(body, at)
    specs = []
    for _ in range(n):
        spec, at = uleb(body, at)
        length, at = uleb(body, at)
        specs.append((spec & 7, length))
    for kind, length in specs:
        if kind in kinds and at + length <= len(body):
            yield bytes([kinds[kind]]) + body[at:at + length]
        at += length


class Plan:
    """The choices of doc_fuzz.c, in its order."""

    def __init__(self):
        self.out, self.ops = bytearray(), []

    def change(self, actor, past, ops, visible=True, forks=False):
        """past: numbers of changes.  Each op: a function of where it stands."""
        n = len(self.ops)
        self.out += bytes([3, actor, 0 if forks else 1])
        self.out += bytes(0 if x in past else 1 for x in range(n)) + bytes([0, len(ops) - 1])
        for at, op in enumerate(ops):
            self.out += op(n, at)
        self.out.append(1 if visible else 0)
        self.ops.append(len(ops))

    def id(self, change, op):
        """An op of an earlier change, or of the change at hand."""
        return lambda n, at: bytes([change, op, 3] if change < n else [change, at - op])

    def op(self, action, key=0, obj=None, elem=None, preds=(), tail=b""):
        """elem: what it stands behind ("head", or an id), or what it replaces
        when it has predecessors."""
        def write(n, at):
            out = bytes([action, 0]) if obj is None else bytes([action, 1]) + obj(n, at)
            kind = 0 if elem is None else 1 if elem == "head" else 2
            out += bytes([kind, key])
            if kind:
                out += bytes([0 if preds else 1])
            if kind == 2:
                out += elem(n, at)
            if not kind or (preds and kind == 2):
                out += bytes([len(preds)]) + b"".join(p(n, at) for p in preds)
            return out + tail
        return write

    def flip(self, change):
        self.out += bytes([0, change])


def plans():
    p = Plan()  # a counter: put, added to, overwritten, deleted, made void
    first, counter = p.id(0, 0), bytes([5, 1])
    p.change(0, [], [p.op(1, tail=counter)])
    for actor in (1, 2):
        p.change(actor, [0], [p.op(6, preds=[first], tail=b"\3"), p.op(1, preds=[first], tail=counter)])
    p.change(3, [0], [p.op(4, preds=[first])], visible=False)
    p.change(0, range(4), [p.op(1, tail=counter)])
    for change in (0, 1, 3, 4, 1):
        p.flip(change)
    yield bytes(p.out)

    p = Plan()  # a text: characters, a mark, one overwritten, two at one place
    text, string = p.id(0, 0), bytes([0, 0])
    p.change(0, [], [p.op(5)] + [p.op(1, obj=text, elem="head", tail=string)] * 3)
    last = p.id(0, 3)
    for actor in (1, 2):
        p.change(actor, [0], [p.op(1, obj=text, elem=last, tail=string),
                              p.op(1, obj=text, elem=last, preds=[last], tail=string)])
    p.change(3, range(3), [p.op(7, obj=text, elem=last, tail=b"\1"),
                           p.op(7, obj=text, elem=p.id(0, 1), tail=b"\0")])
    p.flip(1)
    p.out.append(2)
    p.flip(3)
    yield bytes(p.out)

    p = Plan()  # forks of one actor, and one who knows them
    for n in range(3):
        p.change(0, [], [p.op(1, tail=bytes([n, 1])), p.op(0)], forks=True)
    p.change(1, range(3), [p.op(1, obj=p.id(2, 1), tail=string)])
    p.flip(2)
    yield bytes(p.out)


def messages():
    file = json.loads((DATA / "protocol/messages.json").read_text())
    for entry in file["messages"] + file["bad"]:
        yield bytes([entry["type"]]) + bytes.fromhex(entry["body"])
    for entry in file["bad_batches"]:
        yield bytes([35]) + bytes.fromhex(entry["body"])


def ranges():
    for exchange in json.loads((DATA / "protocol/ranges.json").read_text())["exchanges"]:
        for message in exchange["messages"]:
            yield bytes.fromhex(message["body"])[4:]


def codes():
    """Texts, and the first messages of a run."""
    file = json.loads((DATA / "protocol/code.json").read_text())
    for code in file["codes"] + file["bad_codes"]:
        yield bytes([2 - code["purpose"]]) + code["text"].encode()
    for run in file["runs"]:
        yield b"\3" + b"".join(bytes([t, 32]) + bytes.fromhex(run[f])
                              for t, f in ((80, "typer_share"), (82, "typer_confirm")))


def scripts():
    """Steps of engine_fuzz.c: messages, envelopes and ops, by each who speaks."""
    announce, now = b"\1", b"\7"
    bodies = list(vectors("body", "body", "good", "bad", "wait"))
    contents = list(vectors("lean", "content", "vectors"))
    for who in range(5):
        for message in messages():
            long = len(message) - 1
            if long < 1500:
                yield (bytes([who]) + announce + bytes([0, message[0]]) + long.to_bytes(2, "big") +
                       message[1:] + now)
        for kind in range(8):
            op = bytes([3, 0, 1, kind, 0, 1, 100, 0, 0, 0, 0, 0])
            yield bytes([who]) + announce + op + now + op + bytes([6, 5, 0]) + now
        yield bytes([who]) + announce + b"".join(bytes([4, n, 0, n * 13, 1]) for n in range(8)) + now
        for content in contents:
            if len(content) < 1000:
                yield (bytes([who]) + announce + bytes([3, 0, 0, 4, 0]) +
                       len(content).to_bytes(2, "big") + content + now)
    for body in bodies:
        if len(body) < 1500:
            yield b"\0" + announce + b"\2" + len(body).to_bytes(2, "big") + body + now


def guests():
    """Steps of relay_fuzz.c: each message from nobody, from a member, from an
    account; and two who use a topic and mailboxes."""
    come, member, account, now = b"\0\0", b"\3\0\0", b"\4\0\0", b"\x0a\0\1"
    for message in (*relays(), *messages()):
        if message[0] < 128 and len(message) < 1500:
            said = b"\2" + message[:1] + (len(message) - 1).to_bytes(2, "big") + message[1:]
            yield come + said + now
            yield come + member + said + now
            yield come + account + said + now
    use = b"".join(bytes([7, n * 32 + 4 * (n & 1), n, 8, n, n]) for n in range(8))
    letters = b"".join(bytes([9, n * 8 + n % 4]) for n in range(16))
    yield come + account + member + use + now + letters + now
    for scope in range(3):
        yield (come + account + member + b"\x10\1" + bytes([0x13, 1, scope * 4]) + use + now +
               bytes([0x18, 1, 0x18, 5, 0x18, 9]) + now + b"\5\x1d\3\3\3" + use + now)
    yield come + account + b"\6\1\6\3" + letters + b"\6\0" + now + b"\x0c\0\x0c\1\x0c\2" + now
    yield come + account + member + use + b"\x0d\0" + come + member + use + now
    yield come + b"\4\1\2" + b"\5\x1c\1\2\3" + b"\3\1\0" + now + b"\4\2\x40" + now


def strangers():
    """Steps of stranger_fuzz.c: who comes how, and what he says; a code typed
    on either side, and a ticket used."""
    hello, time, plain = b"\2\0", b"\x0a\1\0", b"\0"
    said = [message for message in messages() if len(message) < 1500]
    for docs in range(2):
        for how in range(0, 32, 4):
            for who in range(5):
                for pattern, payload in ((0, plain), (1, plain), (2, b"")):
                    come = bytes([docs, 0, how + pattern, who]) + payload
                    yield come + hello + bytes([5, who, 1, 0]) + time
                    if pattern == 2:
                        yield come + hello + b"\4\0\0" + b"\4\0\0" + b"\4\2\0" + b"\4\3" + time
        for message in said:
            body = b"\3" + message[:1] + (len(message) - 1).to_bytes(2, "big") + message[1:]
            yield bytes([docs, 0, 0, 4, 0]) + hello + body + time
            yield bytes([docs, 0, 2, 4]) + hello + body + time
        for how in range(4):
            dialled = bytes([docs, 8, how]) + time + hello
            for card in (b"\5\4\1\0", b"\5\x81\1\0"):
                for welcome in (4, 5, 6, 7, 129):
                    given = b"\6" + bytes([welcome]) + plain + time
                    yield dialled + card + given
                    yield dialled + b"\4\0\0" + b"\4\0\0" + b"\4\2\0" + given
    for beacon in beacons():
        yield bytes([0, 7, len(beacon) - 48]) + beacon[48:] + time
    for side in streams():
        yield bytes([0, 0, 128, 0, 1, len(side) - 2]) + side[2:] if len(side) < 250 else b"\0\0"


def remotes():
    """Steps of remote_fuzz.c: what a relay says, and what a bucket holds."""
    def long(data):
        return len(data).to_bytes(2, "big") + data
    time, now = b"\x08\0\x10", b"\x09"
    there = b"".join(b"\5\0\0" + time for _ in range(8))
    stored = json.loads((DATA / "protocol/stored.json").read_text())
    for message in (*relays(), *messages()):
        if len(message) < 1500:
            for answers in range(2):
                yield bytes([answers]) + b"\1" + bytes([message[0] & 127]) + long(message[1:]) + time
    for entry in stored["packs"]:
        pack = bytes.fromhex(entry["pack"])
        if len(pack) < 1500:
            yield b"\0\6" + bytes([len(entry["name"])]) + entry["name"].encode() + long(pack) + there
    for content in vectors("lean", "content", "vectors"):
        if len(content) < 1000:
            seal = b"\2" + long(content)
            yield b"\0" + seal + seal + b"\3\0\0\0" + time + b"\3\0\1\0" + now + time
            yield b"\0" + seal + seal + b"\7\0\0" + there + now + there
    for box in range(4):
        for welcome in vectors("welcome", "welcome", "welcomes"):
            if len(welcome) < 1500:
                for way in range(2):
                    yield b"\0\4" + bytes([box, 48 * 4 + 2 + way]) + long(welcome) + there
        for how in (6, 7, 14, 30, 198, 199):
            yield b"\0\4" + bytes([box, how]) + long(b"") + there
        for letter in vectors("stored", "plain", "letters", "ticket_letters"):
            yield b"\0\4" + bytes([box, 0]) + long(letter) + there
    for kind in range(4):
        for who in range(5):
            yield b"\0\6\4" + bytes([kind, who, 1, 0]) + long(bytes(200)) + there
    for how in range(0, 256, 13):
        yield b"\0" + b"".join(b"\5" + bytes([n, how]) + time for n in range(12))
        yield b"\1" + b"".join(b"\0" + bytes([n, how]) + time for n in range(12))


def answers():
    """Of a store: operation, status, header lines, body."""
    date, region = b"Date: Sat, 21 Nov 2026 10:00:00 GMT\r\n", b"x-amz-bucket-region: eu-west-1\r\n"
    head = b"\2" + b"".join(bytes([len(line)]) + line for line in (date, region))
    for op in range(4):
        for status in (200, 301, 307, 400, 403, 404, 408, 429, 500, 503, 507):
            for code in ("AccessDenied", "RequestTimeTooSkewed", "AuthorizationHeaderMalformed", "NoSuchKey",
                         "PermanentRedirect", "SlowDown", "InvalidAccessKeyId", "ExpiredToken", "NoSuchBucket"):
                body = f"<Error><Code>{code}</Code><Message>no</Message><Region>eu-west-1</Region></Error>"
                yield bytes([op]) + status.to_bytes(2, "big") + head + body.encode()


def streams():
    for side in range(3):
        yield bytes([side, 0]) + b"LK\1\1\0" + bytes(50)
    for message in messages():
        framed = (len(message)).to_bytes(4, "big") + message
        yield bytes([3, 0]) + framed
        yield bytes([3, 7]) + framed + framed


def texts():
    for file in sorted((DATA / "automerge/vectors").glob("*.json")):
        yield file.read_bytes()


def cursors():
    file = json.loads((DATA / "automerge/vectors/37-cursors.json").read_text())
    for text in file["cursors"].values():
        yield text.encode()
    for form in ("0101", "0102", "01030101047b01", "0103010102", "00010103", "0103010104"):
        yield bytes.fromhex(form)
        yield bytes.fromhex(form + "02")


def versions():
    """Three versions of a text."""
    lines = b"one two three\nfour\n\xe6\x97\xa5\xe6\x9c\xac\xe8\xaa\x9e\n\nlast"
    yield b"\0".join([lines, lines.replace(b"two", b"2"), lines.replace(b"four", b"five six")])
    yield b"\0".join([b"a b a b a b", b"b a b a", lines])


def edits():
    """A document, and what an editor began and ended with."""
    yield b"""{"l":[1,{"id":1,"t":"x y"},2],"n":1.5,"t":"one two"}
{"l":[1,{"id":1,"t":"x"},2],"n":1.5,"t":"one"}
{"l":[{"id":1,"t":"x z"},2,3],"m":null,"t":"1"}"""
    yield b'{}{"a":[[],[],true]}{"a":[[1],[]],"b":{"":"2026-01-01T00:00:00Z"}}'


DOCUMENTS = [
    '{"a":1,"l":[1,{"x":2},"zwei"],"t":"some text","n":null}',
    '{"a":{"b":[1,2,{"c":18446744073709551615}],"d":-0.5},"l":[],"t":""}',
    '{"type":"map","l":[[[]],{}],"t":"\\u00e4\\ud83d\\ude00","a":"a"}',
]
PATCHES = [
    '[{"op":"add","path":"/l/0","value":5},{"op":"remove","path":"/a"},{"op":"test","path":"/n","value":null}]',
    '[{"op":"move","from":"/l","path":"/m"},{"op":"copy","from":"/m","path":"/a"},'
    '{"op":"replace","path":"/t","value":"some other text"}]',
    '{"set":"/a","value":{"b":[1]}}\n{"rm":"/l/0"}\n{"insert":"/l/0","value":7}\n'
    '{"set":"/c","value":3,"as":"counter"}\n{"inc":"/c","by":4}\n'
    '{"splice":"/t","pos":2,"del":1,"text":"xyz"}\n{"set":"/s","value":"s","as":"string"}',
]


def typed(value):
    if isinstance(value, dict):
        return {"type": "map", "value": {k: typed(v) for k, v in value.items()}}
    if isinstance(value, list):
        return {"type": "list", "value": [typed(v) for v in value]}
    name = {str: "text", bool: "boolean", float: "f64", type(None): "null", int: "int"}[type(value)]
    return {"type": "uint" if name == "int" and value >= 1 << 63 else name, "value": value}


def imports():
    for a in DOCUMENTS:
        for b in DOCUMENTS:
            yield f"\0{a}\n{b}".encode()
        whole = json.loads(a)
        yield b"\1" + json.dumps({k: typed(v) for k, v in whole.items()}).encode()


def patches():
    for document in DOCUMENTS:
        for patch in PATCHES:
            yield f"{document}\n{patch}".encode()


def guards():
    for entry in json.loads((DATA / "protocol/body.json").read_text())["guards"]:
        for text in (entry["request"], entry["answer"]):
            yield text.encode()
            yield base64.b32decode(text[5:].upper() + "=" * (-len(text[5:]) % 8))[:-4]


SEEDS = {
    "backup_fuzz": backups,
    "base58_fuzz": lambda: (b"27ASta98LTJfXcVKimzZeeet5FoE", b"11233QC4", b"1"),
    "beacon_fuzz": beacons,
    "body_fuzz": lambda: vectors("body", "body", "good", "bad", "wait"),
    "card_fuzz": lambda: (*vectors("cert", "card", "cards"), *vectors("cert", "proof", "proofs")),
    "change_fuzz": lambda: (b"\0" + c for c in chunks(1)),
    "chunk_fuzz": files,
    "code_fuzz": codes,
    "column_fuzz": columns,
    "cpace_fuzz": lambda: (bytes.fromhex(v[f]) + b"\0" for v in json.loads(
        (DATA / "protocol/code.json").read_text())["runs"] for f in ("typer_share", "displayer_share")),
    "credentials_fuzz": lambda: (b"[profile work]\nregion = eu-west-1\n[work]\naws_access_key_id=ID\n"
        b"aws_secret_access_key = s/+=\r\naws_session_token=T\n",),
    "cursor_fuzz": cursors,
    "doc_fuzz": plans,
    "document_fuzz": lambda: chunks(0),
    "engine_fuzz": scripts,
    "envelope_fuzz": lambda: (b"\0" + e for e in vectors("envelope", "envelope", "envelopes", "bad")),
    "guard_request_fuzz": guards,
    "import_fuzz": imports,
    "json_edit_fuzz": edits,
    "json_fuzz": texts,
    "keysection_fuzz": lambda: vectors("keysection", "section", "epochs", "wrong_epochs", "shares"),
    "lean_fuzz": lambda: vectors("lean", "content", "vectors"),
    "mail_fuzz": lambda: vectors("stored", "letter", "letters", "ticket_letters"),
    "message_fuzz": messages,
    "pack_fuzz": names,
    "object_stream_fuzz": object_streams,
    "overlay_message_fuzz": overlays,
    "patch_fuzz": patches,
    "pieces_fuzz": lambda: (b"\0\x0e\0\0" + b"d" * 64 + b"\0\0\1\0" + b"e" * 64, b"\xff" + bytes(range(40))),
    "ignore_fuzz": lambda: (b"build/keep.md\0build/\n!build/keep.md\n*.o\n", b"a/x/b\0/a/**/b\n[!a-z]?\n\\#\n"),
    "remote_url_fuzz": lambda: (b"file:///media/My%20stick/lk", b"relay://" + b"0f" * 32 + b"@host:4711",
        b"s3://notes/a/b?endpoint=http://[::1]:9000&region=us-east-1&style=virtual&profile=p"),
    "relay_message_fuzz": relays,
    "remote_fuzz": remotes,
    "relay_fuzz": guests,
    "range_fuzz": ranges,
    "remotes_fuzz": lambda: (bytes.fromhex("00000003010000000205") + b"stick\x0dfile:///media",),
    "s3_answer_fuzz": answers,
    "s3_xml_fuzz": lambda: (b"<?xml version='1.0'?>\n<ListBucketResult xmlns=\"x\"><IsTruncated>true</IsTruncated>"
        b"<Contents><Key>p/lk1/a&amp;&#x41;</Key><Size>1</Size></Contents><Contents><Key>p/lk1/b</Key>"
        b"<Size>2</Size><Owner><ID>1</ID></Owner></Contents></ListBucketResult>",
        b"<Error><Code>AccessDenied</Code><Message>no</Message><Region>eu-west-1</Region></Error>"),
    "salvage_fuzz": lambda: ((len(f) // 2 % 65536).to_bytes(2, "big") + f for f in automerge()),
    "session_fuzz": streams,
    "stranger_fuzz": strangers,
    "stream_fuzz": changes,
    "textdiff_fuzz": versions,
    "scan_fuzz": scans,
    "unite_fuzz": lambda: (b"a\nb\nc\n\0a\nx\nc", b"\0a\n", b"a\n\na\n\0\na\n\n"),
    "welcome_fuzz": lambda: vectors("welcome", "welcome", "welcomes"),
}


def fill(target, folder):
    n = 0
    for seed in SEEDS.get(target, tuple)():
        if len(seed) <= SEED_MAX:
            (folder / hashlib.sha256(seed).hexdigest()[:16]).write_bytes(seed)
            n += 1
    return n


if __name__ == "__main__":
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    print(fill(sys.argv[1], pathlib.Path(sys.argv[2])))
