#!/usr/bin/python3
"""mirror.py - what mirrored folders cost, beside Syncthing: scripts/bench mirror.

Two devices in networks of their own; both programs mirror a folder between them,
lk and Syncthing by turns, in the same world.  What is measured and how is in
docs/benchmarks.md.  A table for people, then one line of JSON; with --json only
that.

usage: mirror.py [--only ROW[,ROW...]] [--lk PATH] [--edits N] [--files N] [--rounds N] [--idle SECONDS] [--json] [--dir DIR]

rows: saved conflicts files
"""
import pathlib
import random
import signal
import subprocess
import sys
import time

import measured
import syncthing
from world import until

TURNS = 5
BY_NOTICE = 10         # saves of which Syncthing hears by the kernel; seconds each
BY_NOTICE_DEFAULT = 4  # the same gathered as by default; 10 s and more each
LINES = 20             # of a file that both sides edit
FILES = ("plan.md", "notes.txt", "data.json", "tool.py")
EDITS = 3              # of each side in each file, in each partition
OURS = {".lk-mirror", ".stfolder"}


class Mirror:
    """A folder of lk on a host."""

    def __init__(self, host):
        self.host = host
        self.folder = host.home.with_name(f"lk-{host.name}")
        self.folder.mkdir()

    def add(self):
        self.host.ok("mirror", "add", str(self.folder), "files", timeout=3700)

    def status(self):
        return self.host.ok("--json", "mirror", "status", timeout=600).json()["mirrors"][0]

    def is_at_rest(self, count=None):
        m = self.status()
        return m["state"] == "live" and m["pending"] == 0 and count in (None, m["files"])


def mirrors(world):
    """The two hosts' folders, mirrored and live."""
    hosts = list(world)[:2]
    for h in hosts:
        h.init()
    hosts[1].ok("pair", hosts[0].ok("pair", "--ticket").text.strip())
    hosts[0].ok("new", "files")
    hosts[0].ok("sync", "--wait=all")
    pair = [Mirror(h) for h in hosts]
    for m in pair:
        m.add()
    for m in pair:
        until("the mirror is live", 60, m.is_at_rest)
    return pair


class Syncthings:
    """Two of them, for as long as the block lasts; nothing where it is not
    installed."""

    def __init__(self, world, gather_s=1):
        hosts = list(world)[:2]
        self.pair = [syncthing.Syncthing(h) for h in hosts] if syncthing.there() else []
        for one, other in zip(self.pair, self.pair[::-1]):
            one.configure(other, gather_s)

    def __enter__(self):
        for s in self.pair:
            s.start()
        if self.pair:
            until("they are connected", 120, self.connected)
        return self.pair

    def __exit__(self, *exc):
        for s in self.pair:
            s.stop()

    def connected(self):
        said = self.pair[0].ask("/rest/system/connections") or {}
        return any(c["connected"] for c in said.get("connections", {}).values())


def renamed(path, text):
    """As most editors save: beside it, then over it."""
    beside = path.with_name(f".{path.name}.new")
    beside.write_text(text)
    beside.rename(path)


def lk_delays(a, b, count, how, name):
    return [syncthing.arrival(a.folder / name, b.folder / name, f"saved {i:016} {time.monotonic_ns()}\n",
                              how=how) for i in range(count + 5)][5:]


def saved(world, options, out):
    """A file saved on A until it is on B, both programs by turns."""
    a, b = mirrors(world)
    each = max(1, options.edits // TURNS)
    ours, by_rename, told, noticed = [], [], [], []
    with Syncthings(world) as st:
        for _ in range(TURNS):
            ours += lk_delays(a, b, each, syncthing.save, "edited")
            by_rename += lk_delays(a, b, each, renamed, "renamed")
            if st:
                told += syncthing.edit_delays(*st, each, True)
                noticed += syncthing.edit_delays(*st, BY_NOTICE // TURNS, False, warm=1)
    out["lk_ms"], out["lk_renamed_ms"] = measured.spread(ours), measured.spread(by_rename)
    if not st:
        return
    out["syncthing"] = syncthing.version()
    out["syncthing_told_ms"], out["syncthing_1s_ms"] = measured.spread(told), measured.spread(noticed)


def saved_default(world, options, out):
    """The same with Syncthing as it is installed: notices gathered for 10 s."""
    del options
    with Syncthings(world, 10) as st:
        if st:
            out["syncthing_default_ms"] = measured.spread(
                syncthing.edit_delays(*st, BY_NOTICE_DEFAULT, False, warm=1))


def switches(pid):
    """Context switches of all its threads so far."""
    n = 0
    for task in pathlib.Path(f"/proc/{pid}/task").iterdir():
        for line in (task / "status").read_text().splitlines():
            if "ctxt_switches" in line:
                n += int(line.split()[1])
    return n


def file_calls(pid, seconds, folder):
    """How often it looks at files in that time: system calls, by strace."""
    said = folder / "strace.txt"
    p = subprocess.Popen(["strace", "-f", "-qq", "-o", said, "-e", "trace=file,getdents64", "-p", str(pid)],
                         stdin=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    time.sleep(seconds)
    p.send_signal(signal.SIGINT)
    p.wait()
    return len(said.read_text().splitlines())


def files(world, options, out):
    """A folder of many: taken in, brought over, left alone, one of them saved."""
    a, b = mirrors(world)
    count, rng = options.files, random.Random(1)
    out["files"] = count
    began = time.perf_counter()
    for i in range(count):
        path = a.folder / f"{i // 100:03}" / f"{i:05}.txt"
        path.parent.mkdir(exist_ok=True)
        path.write_text(f"file {i}\n{rng.randbytes(90).hex()}\n")
    out["written_seconds"] = round(time.perf_counter() - began, 1)
    last = b.folder / f"{(count - 1) // 100:03}" / f"{count - 1:05}.txt"
    until("the files are taken in", 1800, lambda: a.is_at_rest(count))
    out["taken_in_seconds"] = round(time.perf_counter() - began, 1)
    until("the files are there", 1800, lambda: b.is_at_rest(count) and last.exists())
    out["there_seconds"] = round(time.perf_counter() - began, 1)
    time.sleep(measured.SETTLE_SECONDS)
    pid = b.host.running()[0]
    cpu, before = measured.cpu_seconds(pid), switches(pid)
    time.sleep(options.idle)
    out["idle_seconds"] = options.idle
    out["idle_cpu_percent"] = round((measured.cpu_seconds(pid) - cpu) / options.idle * 100, 3)
    out["idle_switches"] = switches(pid) - before
    out["idle_file_calls"] = file_calls(pid, options.idle, pathlib.Path(world.dir))
    out["rss_mb"] = measured.memory_mb(pid, "VmRSS")
    out["pss_mb"] = measured.memory_mb(pid, "Pss", "smaps_rollup")
    out["lk_ms"] = measured.spread(lk_delays(a, b, options.edits, syncthing.save, "000/00000.txt"))


def edits_of(rng, side, number, first):
    """What one side does to a file: (which line, whether before it or in it,
    token).  Tokens are words that nobody else writes."""
    return [(rng.randrange(LINES), rng.random() < 0.5, f"{side}{number:03}x{first + i}")
            for i in range(EDITS)]


def edited(text, edits):
    lines = text.splitlines()
    for at, before, token in edits:
        if before:
            lines.insert(at, f"line {token} of one side")
        else:
            lines[at] += f" {token}"
    return "\n".join(lines) + "\n"


def tree(folder):
    """path -> text of what is mirrored."""
    found = {}
    for path in sorted(folder.rglob("*")):
        name = path.relative_to(folder)
        if not OURS & set(name.parts) and not name.name.startswith((".syncthing.", "~syncthing~")):
            try:
                found[str(name)] = path.read_text() if path.is_file() else None
            except FileNotFoundError:
                found[str(name)] = "gone meanwhile"
    return found


def apart(folders, rng, number, tokens):
    """Both sides edit the same files, the same in each program's folders."""
    for name in FILES:
        file = f"{number}-{name}"
        for side in (0, 1):
            edits = edits_of(rng, "ab"[side], number, EDITS * FILES.index(name))
            tokens.extend((file, token) for _, _, token in edits)
            for pair in folders:
                path = pair[side] / file
                path.write_text(edited(path.read_text(), edits))


def first_text(number, name):
    return "".join(f"{name} {number}, line {i}\n" for i in range(LINES))


def judged(folder, tokens):
    """What is left of what was typed."""
    found = tree(folder)
    everything = "\n".join(t for t in found.values() if t)
    return {"conflict_files": sum("conflict" in name for name in found),
            "tokens_lost": sum(token not in everything for _, token in tokens),
            "tokens_not_in_their_file": sum(token not in (found.get(file) or "") for file, token in tokens)}


def alike(one, other):
    """Whether two folders have been the same for 2 s."""
    for _ in range(5):
        first = tree(one)
        if first != tree(other):
            return False
        time.sleep(0.5)
    return first == tree(one)


def rescan(st):
    for s in st:
        s.ask("/rest/db/scan?folder=bench", "POST")


def conflicts(world, options, out):
    """The same edits on both sides of a partition, in folders of both programs."""
    ours, rng, tokens = mirrors(world), random.Random(7), []
    with Syncthings(world) as st:
        folders = [[m.folder for m in ours]] + ([[s.folder for s in st]] if st else [])
        for number in range(options.rounds):
            for pair in folders:
                for name in FILES:
                    (pair[0] / f"{number}-{name}").write_text(first_text(number, name))
            rescan(st)
            for pair in folders:
                until("both have the files", 120, lambda pair=pair: alike(*pair))
            world.cut([ours[0].host])
            apart(folders, rng, number, tokens)
            rescan(st)
            for m in ours:
                until("they are taken in", 60, m.is_at_rest)
            world.heal()
            for pair in folders:
                until("both are the same again", 300, lambda pair=pair: alike(*pair))
        out.update(partitions=options.rounds, files=options.rounds * len(FILES), tokens=len(tokens),
                   lk=judged(folders[0][0], tokens))
        if st:
            out["syncthing"] = judged(folders[1][0], tokens)
            out["syncthing_version"] = syncthing.version()


ROWS = {
    "saved": ((saved, "ab", "netns"), (saved_default, "ab", "netns")),
    "conflicts": ((conflicts, "ab", "netns"),),
    "files": ((files, "ab", "netns"),),
}


def measure(options):
    if not syncthing.there():
        print("bench: Syncthing is not installed: scripts/setup --bench", file=sys.stderr)
    return measured.rows_measure(options, "lk.bench.mirror/1", ROWS)


def main():
    p = measured.arguments(__doc__, edits=50, files=10000, rounds=5, idle=30)
    p.add_argument("--only")
    measured.run(p.parse_args(), measure, measured.rows_print)


if __name__ == "__main__":
    main()
