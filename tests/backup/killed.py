#!/usr/bin/python3
"""killed.py - a backup is cut off at any write, and any byte of one is damaged.

killed: `lk backup create` with a daemon that lk_killed_at kills, with the process beside it that sees folders, where
one of them is about to enter its N-th system call that writes.  Every backup that was there is still read, whole, by
reader.py; the next one is made as if nothing had been; N goes up by `--every` until the work is done before it.

pruned: the same with `lk backup prune` of what a forgotten backup had: every backup that is left is read as before.

flipped: one byte of a repository is another one, for offsets drawn from the seed, the first and the last of each object
among them: `lk backup check` ends with 65 and names the object and a document, each time.

usage: killed.py --tool LK_KILLED_AT [--every N] [--flips N] [--seed N] [--lk PATH]
"""
import argparse
import json
import os
import pathlib
import random
import shutil
import subprocess
import sys
import tempfile
import time

HERE = pathlib.Path(__file__).resolve().parent
ENDS = 60
KILLED = 137


class Failed(Exception):
    pass


class Device:
    def __init__(self, lk, folder):
        self.lk, self.folder, self.home = lk, folder, folder / "laptop"
        self.dest = folder / "dest"
        self.dest.mkdir()
        self.env = {"PATH": os.environ["PATH"], "LANG": "C.UTF-8", "HOME": str(folder), "TMPDIR": str(folder),
                    "LK_HOME": str(self.home), "ASAN_OPTIONS": f"detect_leaks=0:log_path={self.home}/report"}

    def run(self, *args):
        return subprocess.run([self.lk, *map(str, args)], env=self.env, cwd=self.folder, stdin=subprocess.DEVNULL,
                              capture_output=True, timeout=ENDS, check=False)

    def ok(self, *args):
        p = self.run(*args)
        if p.returncode != 0:
            raise Failed(f"lk {args}: {p.returncode}: {p.stderr.decode()}")
        return p.stdout.decode()

    def start(self, tool, n):
        """lkd, killed at its n-th write; returns when it listens, or is gone."""
        p = subprocess.Popen([tool, "-f", str(n), self.lk.with_name("lkd"), "-f"], env=self.env, cwd=self.folder,
                             stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        end = time.monotonic() + ENDS
        while p.poll() is None and time.monotonic() < end:
            if self.run("daemon", "status").returncode == 0:
                break
            time.sleep(0.02)
        return p

    def snapshots(self):
        return sorted(p.name.split("-")[1] for p in self.dest.glob("lk1/backup/snap/*") if "-" in p.name)

    def read(self, name):
        p = subprocess.run(["/usr/bin/python3", HERE / "reader.py", self.dest, self.folder / "phrase",
                            "--snapshot", name], capture_output=True, timeout=ENDS, check=False)
        if p.returncode != 0:
            raise Failed(f"backup {name[:8]}: {p.stderr.decode()}")
        return p.stdout.decode()


def found(d):
    (d.folder / "phrase").write_text(d.ok("init", "--name", "laptop", "-q"), encoding="utf-8")
    for i in range(8):
        d.ok("new", f"d{i}")
        d.ok("set", f"d{i}", "/n", i)
    d.ok("backup", "create", d.dest)
    d.ok("daemon", "stop")


def cut_off(d, tool, n, known):
    """Whether it was."""
    p = d.start(tool, n)
    if p.poll() is None:
        d.run("set", f"d{n % 8}", "/n", n)
        d.run("backup", "create", d.dest)
    # Ending writes as well: the N-th write may be one of those.
    d.run("daemon", "stop")
    killed = p.wait(ENDS) == KILLED
    for name in d.snapshots():
        said = d.read(name)
        if known.setdefault(name, said) != said:
            raise Failed(f"backup {name[:8]} has changed")
    return killed


def again(d, known):
    # The dead daemon's processes let go of the store one after the other.
    end = time.monotonic() + ENDS
    while d.run("daemon", "start").returncode != 0 and time.monotonic() < end:
        time.sleep(0.05)
    made = json.loads(d.ok("backup", "create", d.dest, "--json"))
    said = d.read(made["snapshot"])
    if [line.split()[0] for line in said.splitlines()[2:]] != [f"d{i}" for i in range(8)]:
        raise Failed(f"not all documents are in the next backup: {said}")
    known[made["snapshot"]] = said
    d.ok("daemon", "stop")


def killed(d, options):
    known, n, times = {}, 1, 0
    while cut_off(d, options.tool, n, known):
        again(d, known)
        times += 1
        n += options.every
    d.ok("backup", "check", d.dest, "--phrase-file", d.folder / "phrase")
    if times == 0:
        raise Failed("it was never killed")
    return f"killed at {times} of {n} writes, {len(known)} backups are good"


def pruned(d, options):
    n, times, killed_, known = 1, 0, True, {}
    while killed_:
        made = []
        d.ok("daemon", "start")
        for _ in range(2):
            d.ok("set", f"d{n % 8}", "/p", n)
            made.append(json.loads(d.ok("backup", "create", d.dest, "--json"))["snapshot"])
        d.ok("backup", "forget", d.dest, *(name for name in d.snapshots() if name != made[1]))
        d.ok("daemon", "stop")
        known = {made[1]: d.read(made[1])}
        p = d.start(options.tool, n)
        if p.poll() is None:
            d.run("backup", "prune", d.dest, "--grace", "0")
        d.run("daemon", "stop")
        killed_ = p.wait(ENDS) == KILLED
        if {name: d.read(name) for name in d.snapshots()} != known:
            raise Failed(f"prune, killed at {n}: backup {made[1][:8]} has changed")
        # The dead daemon's processes let go of the store one after the other.
        end = time.monotonic() + ENDS
        while d.run("daemon", "start").returncode != 0 and time.monotonic() < end:
            time.sleep(0.05)
        d.ok("backup", "prune", d.dest, "--grace", "0")
        d.ok("backup", "check", d.dest, "--phrase-file", d.folder / "phrase")
        d.ok("daemon", "stop")
        left = {p.name for p in d.dest.glob("lk1/backup/data/*") if not p.name.startswith("~")}
        if left != needed(d) - {made[1]}:
            raise Failed(f"prune, killed at {n}: {len(left)} objects are left")
        times += killed_
        n += options.every
    return f"pruning killed at {times} of {n} writes, what is left is good"


def flipped(d, options):
    rng = random.Random(options.seed)
    paths = sorted(p for p in d.dest.glob("lk1/backup/*/*") if not p.name.startswith("~"))
    places = [(p, at) for p in paths for at in (0, p.stat().st_size - 1)]
    rng.shuffle(places)
    places = places[:options.flips // 2]
    while len(places) < options.flips:
        p = rng.choice(paths)
        places.append((p, rng.randrange(p.stat().st_size)))
    for path, at in places:
        good = path.read_bytes()
        bad = bytearray(good)
        bad[at] ^= rng.randrange(1, 256)
        path.write_bytes(bad)
        p = d.run("backup", "check", d.dest, "--phrase-file", d.folder / "phrase", "--json")
        path.write_bytes(good)
        what = f"{path.name} byte {at}: status {p.returncode}: {p.stderr.decode()}"
        if p.returncode != 65:
            raise Failed(what)
        damaged = json.loads(p.stdout)["damaged"]
        if [b["object"] for b in damaged] != [path.name.split("-")[-1]]:
            raise Failed(f"{what}: {damaged}")
        if path.name.split("-")[-1] in needed(d) and not damaged[0]["documents"]:
            raise Failed(f"{what}: no document is named")
    return f"{len(places)} bytes of {len(paths)} objects flipped, each found"


def needed(d):
    """Objects that some backup has: a backup that was cut off leaves others behind."""
    out = set()
    for path in d.dest.glob("lk1/backup/snap/*-*"):
        data, names = path.read_bytes(), path.name.split("-")[1]
        length = shift = 0
        at = 6
        while True:
            b = data[at]
            at += 1
            length |= (b & 127) << shift
            shift += 7
            if b < 128:
                break
        clear = data[at:at + length]
        at = 25 if clear[24] < 128 else 26 if clear[25] < 128 else 27
        out |= {names} | {clear[i:i + 32].hex() for i in range(at, len(clear), 32)}
    return out


def main():
    p = argparse.ArgumentParser(usage=__doc__.rsplit("usage: ", 1)[1].strip())
    p.add_argument("--tool", required=True, type=pathlib.Path)
    p.add_argument("--every", type=int, default=12)
    p.add_argument("--flips", type=int, default=20)
    p.add_argument("--seed", type=int, default=1)
    p.add_argument("--lk", type=pathlib.Path, default=HERE.parents[1] / "build/dev/lk")
    options = p.parse_args()
    options.tool, options.lk = options.tool.resolve(), options.lk.resolve()
    folder = pathlib.Path(tempfile.mkdtemp(prefix="lkb."))
    began, status = time.monotonic(), 0
    device = Device(options.lk, folder)
    try:
        found(device)
        for part in (killed, pruned, flipped):
            print(f"ok: backup: {part(device, options)}, {time.monotonic() - began:.1f} s", flush=True)
    except (Failed, subprocess.TimeoutExpired) as e:
        print(f"not ok: backup, seed {options.seed}\n{e}", flush=True)
        status = 1
    device.run("daemon", "stop")
    shutil.rmtree(folder)
    return status


if __name__ == "__main__":
    sys.exit(main())
