#!/usr/bin/python3
"""seeds.py - where the fuzzers begin: the vectors of tests/data, each as a
target takes it.

usage: seeds.py TARGET DIRECTORY    fills the directory; says how many
"""
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


def files():
    return (b"\0" + data for data in automerge())


def messages():
    file = json.loads((DATA / "protocol/messages.json").read_text())
    for entry in file["messages"] + file["bad"]:
        yield bytes([entry["type"]]) + bytes.fromhex(entry["body"])
    for entry in file["bad_batches"]:
        yield bytes([35]) + bytes.fromhex(entry["body"])


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


SEEDS = {
    "base58_fuzz": lambda: (b"27ASta98LTJfXcVKimzZeeet5FoE", b"11233QC4", b"1"),
    "body_fuzz": lambda: vectors("body", "body", "good", "bad", "wait"),
    "card_fuzz": lambda: (*vectors("cert", "card", "cards"), *vectors("cert", "proof", "proofs")),
    "change_fuzz": lambda: (b"\0" + c for c in chunks(1)),
    "chunk_fuzz": files,
    "cursor_fuzz": cursors,
    "document_fuzz": lambda: chunks(0),
    "envelope_fuzz": lambda: (b"\0" + e for e in vectors("envelope", "envelope", "envelopes", "bad")),
    "json_edit_fuzz": edits,
    "json_fuzz": texts,
    "keysection_fuzz": lambda: vectors("keysection", "section", "epochs", "wrong_epochs", "shares"),
    "lean_fuzz": lambda: vectors("lean", "content", "vectors"),
    "message_fuzz": messages,
    "salvage_fuzz": lambda: ((len(f) // 2 % 65536).to_bytes(2, "big") + f for f in automerge()),
    "session_fuzz": streams,
    "textdiff_fuzz": versions,
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
