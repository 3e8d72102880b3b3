#!/usr/bin/python3
"""snapshots.py - snapshots of given times, as far as one without a key can tell them from others.

Each TIME (ISO 8601) becomes an object of that time, of the machine called MACHINE, or of the one with these 32 digits,
that names the objects NAME given with --needs, or none.  What is sealed in it is nothing.  Prints the id of each.

With --mark it is a mark instead: of the objects NAME, from SECONDS on.

usage: snapshots.py FOLDER MACHINE [--needs NAME,...] TIME...
       snapshots.py FOLDER --mark SECONDS NAME...
"""
import datetime
import hashlib
import pathlib
import re
import sys


def uleb(n):
    out = bytearray()
    while n >= 128:
        out.append(n & 127 | 128)
        n >>= 7
    out.append(n)
    return bytes(out)


def snapshot(machine, ms, names=()):
    known = re.fullmatch("[0-9a-f]{32}", machine)
    mark = bytes.fromhex(machine) if known else hashlib.blake2b(machine.encode(), digest_size=16).digest()
    clear = mark + ms.to_bytes(8, "big") + uleb(len(names)) + b"".join(names)
    return b"LKBK\1\3" + uleb(len(clear)) + clear + b"\1" + bytes(80 + 16)


def name_of(data):
    return hashlib.blake2b(data, digest_size=32, person=b"lk1 backup".ljust(16, b"\0")).hexdigest()


def mark_put(folder, seconds, names):
    ms = seconds * 1000
    data = b"LKBK\1\4" + ms.to_bytes(8, "big") + uleb(len(names)) + b"".join(map(bytes.fromhex, names))
    path = pathlib.Path(folder) / "lk1/backup/mark" / f"{ms:012x}-{name_of(data)}"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)


def main():
    if sys.argv[2] == "--mark":
        mark_put(sys.argv[1], int(sys.argv[3]), sys.argv[4:])
        return
    folder, machine, *times = sys.argv[1:]
    needs = []
    if times[0] == "--needs":
        needs, times = [bytes.fromhex(n) for n in times[1].split(",")], times[2:]
    snap = pathlib.Path(folder) / "lk1/backup/snap"
    snap.mkdir(parents=True, exist_ok=True)
    for t in times:
        ms = int(datetime.datetime.fromisoformat(t).timestamp() * 1000)
        data = snapshot(machine, ms, needs)
        name = name_of(data)
        (snap / f"{ms:012x}-{name}").write_bytes(data)
        print(name)


if __name__ == "__main__":
    main()
