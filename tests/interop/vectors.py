#!/usr/bin/python3
"""vectors.py - what lk writes, read by a second implementation.

Every recorded document of Automerge goes into lk and out again.  The Python
reader of tests/model, which shares nothing with lk, must then find the heads,
the changes, and every value, conflict, op id and mark that Automerge recorded.
Needs no npm.

usage: vectors.py [--lk PATH]
"""
import argparse
import json
import pathlib
import sys

TESTS = pathlib.Path(__file__).resolve().parents[1]
sys.path[:0] = [str(TESTS / "lan"), str(TESTS / "model")]
import amref  # noqa: E402
from world import Failed, World, tidy_exit  # noqa: E402

VECTORS = TESTS / "data/automerge/vectors"


def through(host, file, name):
    expected = json.loads((VECTORS / f"{file.name.split('.')[0]}.json").read_text())
    # What depends on changes that are not in the file is left out, and said.
    if "orphanHashes" in expected and ".raw." not in file.name:
        host.fails(3, "import", str(file), "--as", name)
    else:
        host.ok("import", str(file), "--as", name)
    doc = amref.load(host.ok("export", name, "--format", "automerge").out)
    if sorted(h.hex() for h in doc.heads()) != sorted(expected["heads"]):
        raise Failed(f"heads {[h.hex() for h in doc.heads()]}, recorded {expected['heads']}")
    if {c.hash.hex() for c in doc.changes} != {c["hash"] for c in expected["changes"]}:
        raise Failed("other changes")
    amref.same(expected["tree"], doc.tree())


def main():
    p = argparse.ArgumentParser(usage=__doc__.rsplit("usage: ", 1)[1].strip())
    p.add_argument("--lk")
    options = p.parse_args()
    tidy_exit()
    failed = done = 0
    with World(("reader",), options.lk, "loopback") as world:
        host = world["reader"]
        host.init()
        for i, file in enumerate(sorted(VECTORS.glob("[0-9]*.automerge"))):
            try:
                through(host, file, f"doc-{i}")
                done += 1
            except (Failed, AssertionError, amref.Bad) as e:
                failed += 1
                print(f"not ok: vectors {file.name}\n{e}")
        world.settle()
    print(f"ok: vectors: {done} files in and out, as recorded")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
