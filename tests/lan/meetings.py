#!/usr/bin/python3
"""meetings.py - a folder with files meets a document with files, as foreseen.

By seed: a folder is mirrored and let go, and another one, with other files of
the same names, joins its document.  What `lk mirror add --dry-run` said of each
file is what then happens to it, nothing is changed by asking, nothing that
either had is gone from both the folder and the history of the document, and who
asks again is told that all is the same.

usage: meetings.py [--seed N] [--runs N] [--lk PATH] [--keep]
"""
import argparse
import base64
import json
import os
import pathlib
import random
import sys
import time

from mirrors import QUIET, TOKEN, Ledger, pending, tokens_in, tree
from world import Failed, World, commit, tidy_exit, until

PATHS = ("a.md", "b", "c/d", "c/e f", "c/g/h.json", "i.png", "j", "k.txt", "l", "m/n")


def content(rng, ledger):
    if rng.random() < 0.35:
        return b"\0" + ledger.token().encode()
    lines = [ledger.token() for _ in range(rng.randint(0, 4))]
    return ("\n".join(lines) + rng.choice(["", "\n"] if lines else [""])).encode()


def fill(folder, rng, ledger, other):
    """Some files; of those that the other folder has some are alike."""
    for path in PATHS:
        if rng.random() < 0.35:
            continue
        file = folder / path
        file.parent.mkdir(parents=True, exist_ok=True)
        alike = other.get(path) if rng.random() < 0.4 else None
        file.write_bytes(content(rng, ledger) if alike is None else alike[0])
        file.chmod(0o755 if rng.random() < 0.2 else 0o644)
        saved = 1600000000 + rng.randint(0, 3)
        os.utime(file, (saved, saved))
    if not any(folder.iterdir()):
        (folder / "x").write_text("x\n")
    if rng.random() < 0.3:
        (folder / ".lkignore").write_text("*.txt\n")


def state(folder):
    return {p: (p.lstat().st_mtime_ns, p.lstat().st_ctime_ns) for p in folder.rglob("*")}


def history(host):
    """Every token that the document has shown."""
    found = set()
    for line in host.ok("log", "files", "--json").text.splitlines():
        shown = host.ok("get", "files", "--at", json.loads(line)["hash"]).json()
        for entry in shown.values():
            found |= set(TOKEN.findall(str(entry.get("text", ""))))
            found |= set(TOKEN.findall(base64.b64decode(entry.get("bytes", "")).decode()))
    return found


def foreseen(plan, mine, theirs):
    """What the folder will have: path -> content and x, or of a union its tokens."""
    end = dict(mine)
    for file in plan["files"]:
        path, what = file["path"], file["what"]
        x = any(t[path][1] for t in (mine, theirs) if path in t)
        if what in ("to-folder", "document-counts"):
            end[path] = (theirs[path][0], theirs[path][1] if path in mine else x)
        elif what in ("program", "folder-counts"):
            end[path] = (mine[path][0], x)
        elif what == "unite":
            both = mine[path][0] + b"\n" + theirs[path][0]
            end[path] = (set(TOKEN.findall(both.decode())), x)
        elif what == "to-document":
            if path in theirs:
                raise Failed(f"{path}: the document has it")
        elif what != "cannot":
            raise Failed(f"{path}: {what}?")
    return end


def compare(end, now):
    if set(end) != set(now):
        raise Failed(f"other files than foreseen: {sorted(set(end) ^ set(now))}")
    for path, (wanted, x) in end.items():
        has = now[path][0]
        if isinstance(wanted, set):
            has = set(TOKEN.findall(has.decode()))
        if (has, now[path][1]) != (wanted, x):
            raise Failed(f"{path}: {has!r}, x {now[path][1]}; foreseen {wanted!r}, x {x}")


def mirrored(host, folder):
    host.ok("mirror", "add", str(folder), "files")
    until("it is mirrored", QUIET, lambda: not pending(host))


def one(seed, options):
    rng, ledger = random.Random(seed), Ledger()
    with World(("laptop",), options.lk, options.mode, options.keep) as world:
        host = world["laptop"]
        first, second = (pathlib.Path(world.dir) / n for n in ("first", "second"))
        first.mkdir()
        second.mkdir()
        host.init()
        host.ok("new", "files")
        fill(first, rng, ledger, {})
        theirs = tree(first)
        if (first / ".lkignore").exists():
            theirs = {p: f for p, f in theirs.items() if not p.endswith(".txt")}
        fill(second, rng, ledger, theirs)
        mirrored(host, first)
        host.ok("mirror", "rm", str(first))
        before, log, mine = state(second), host.ok("log", "files", "--json").text, tree(second)
        plan = host.ok("mirror", "add", "--dry-run", str(second), "files", "--json").json()
        if state(second) != before or host.ok("log", "files", "--json").text != log:
            raise Failed("asking has changed something")
        mirrored(host, second)
        compare(foreseen(plan, mine, theirs), tree(second))
        had = {t for side in (mine, theirs) for f in side.values() for t in TOKEN.findall(f[0].decode())}
        lost = had - tokens_in(second) - history(host)
        if lost:
            raise Failed(f"lost: {sorted(lost)}")
        host.ok("mirror", "rm", str(second))
        again = host.ok("mirror", "add", "-n", str(second), "files", "--json").json()
        if any(f["what"] != "cannot" for f in again["files"]):
            raise Failed(f"not the same yet: {again['files']}")
        world.settle()
        return len(plan["files"]), plan["same"]


def main():
    p = argparse.ArgumentParser(usage=__doc__.rsplit("usage: ", 1)[1].strip())
    p.add_argument("--seed", type=int, default=1)
    p.add_argument("--runs", type=int, default=1)
    p.add_argument("--mode", choices=["auto", "netns", "loopback"], default="auto")
    p.add_argument("--lk")
    p.add_argument("--keep", action="store_true")
    options = p.parse_args()
    tidy_exit()
    began, steps, same, seed = time.monotonic(), 0, 0, options.seed
    try:
        for seed in range(options.seed, options.seed + options.runs):
            counts = one(seed, options)
            steps, same = steps + counts[0], same + counts[1]
    except Failed as e:
        print(f"not ok: meetings seed {seed}, commit {commit()}\n{e}", flush=True)
        return 1
    print(f"ok: meetings seeds {options.seed} to {seed}: {steps} files foreseen, {same} the same, "
          f"{time.monotonic() - began:.1f} s", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
