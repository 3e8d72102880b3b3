"""trace_file.py - editing traces as bench_crdt and peers.mjs read them.

The format is in trace.h.  What reaches an agent just before a transaction is
all of the transaction's past that the agent has not got yet, in order.
"""
import gzip
import json
import random
import struct


def read(path):
    with gzip.open(path) as f:
        return json.load(f)


def generated(edits=20000, seed=1):
    """Somebody who types in bursts and takes some of it back."""
    rng = random.Random(seed)
    length, txns = 0, []
    while len(txns) < edits:
        at = rng.randint(0, length)
        for _ in range(rng.randint(1, 30)):
            if length > at > 0 and rng.random() < 0.2:
                at -= 1
                length -= 1
                txns.append({"patches": [[at, 1, ""]]})
            else:
                txns.append({"patches": [[at, 0, rng.choice("etaoin shrdlu")]]})
                at += 1
                length += 1
    return {"txns": txns[:edits]}


def arrivals(txns):
    """For each transaction, those of others that its agent gets before it."""
    past, have, out = [], {}, []
    for number, txn in enumerate(txns):
        mine = 0
        for parent in txn.get("parents", [number - 1] if number else []):
            mine |= past[parent] | 1 << parent
        past.append(mine)
        agent = txn.get("agent", 0)
        new = mine & ~have.get(agent, 0)
        have[agent] = mine | 1 << number
        numbers = []
        while new:
            low = (new & -new).bit_length() - 1
            numbers.append(low)
            new &= new - 1
        out.append(numbers)
    return out


def write(path, trace):
    txns = trace["txns"]
    sequential = "kind" not in trace
    gets = [[]] * len(txns) if sequential else arrivals(txns)
    out = [struct.pack("<II", trace.get("numAgents", 1), len(txns))]
    start = trace.get("startContent", "")
    for number, txn in enumerate(txns):
        patches = txn["patches"]
        if start and number == 0:
            patches = [[0, 0, start]] + patches
        out.append(struct.pack("<II", txn.get("agent", 0), len(gets[number])))
        out.append(struct.pack(f"<{len(gets[number])}I", *gets[number]))
        out.append(struct.pack("<I", len(patches)))
        for pos, deleted, text in patches:
            data = text.encode()
            out.append(struct.pack("<III", pos, deleted, len(data)) + data)
    path.write_bytes(b"".join(out))
