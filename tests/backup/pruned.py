#!/usr/bin/python3
"""pruned.py - two machines make backups in one bucket, end them and prune it, at once, and are killed at it.

The bucket (tests/remote/s3_server.py) answers each request after a time drawn from the seed, and now and then a
daemon is killed when a request of it that writes has come, before or after it is carried out; the putting of a
snapshot most of all.  In each step each machine does one thing: a change and a backup, forgetting one by its name or
by a rule, or pruning with or without a grace.  Then every backup that was made and not forgotten is read whole by
reader.py, and holds what it held at first.  What a killed machine was making is whole or not there; with a grace of
nothing, which makes no such promise, nobody is killed.  In the end nothing is in the bucket that no backup needs.
Who finds something gone from beneath the snapshot it has put removes that before it puts the next; that is made to
happen besides, at a bucket where things can only be added too.

usage: pruned.py [--seeds N] [--seed N] [--steps N] [--lk PATH]
"""
import argparse
import functools
import hashlib
import json
import os
import pathlib
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time

HERE = pathlib.Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent / "remote")]
import reader  # noqa: E402
import s3_server  # noqa: E402

ENDS = 120
DELAYS_MS = [0, 0, 0, 2, 10, 40]
PREFIX = "kept/"


class Failed(Exception):
    pass


class Bucket(s3_server.S3):
    """Slow in a way that the seed says; kills."""

    def __init__(self, rng):
        super().__init__()
        self.server.handle_error = lambda *_: None  # whoever is killed hangs up
        self.rng = rng
        self.keys = {f"AKID{name}": ("secret/of+tests", "") for name in ("one", "two")}
        self.kills = {}  # of whose key: what to do at which of its requests
        self.log = []
        self.spoils = 0  # so many snapshots lack something when they are there
        self.doing, self.idle = 0, threading.Condition()

    def quiet(self):
        """What the killed have asked for is done too, or will not be."""
        with self.idle:
            if not self.idle.wait_for(lambda: self.doing == 0, ENDS):
                raise Failed("the bucket does not come to rest")

    def handler(s3):
        class Handler(super().handler()):
            def object_do(self, key, query, body):
                with s3.idle:
                    s3.doing += 1
                try:
                    self.slowly_do(key, query, body)
                finally:
                    with s3.idle:
                        s3.doing -= 1
                        s3.idle.notify_all()

            def slowly_do(self, key, query, body):
                who = self.headers["Authorization"].split("Credential=AKID")[1].split("/")[0]
                writes = self.command != "GET"
                with s3.lock:
                    # Long is what comes between looking and doing.
                    delay = s3.rng.choice(DELAYS_MS) * (1 if not writes else 4 if not body else 12 if "/snap/" in key else 1)
                    kill = s3.kills.get(who) if writes else None
                    dies = kill is not None and kill.at(key)
                time.sleep(delay / 1000)
                s3.log.append((who, self.command, key or query.get("prefix"), "killed" if dies else ""))
                if dies and not kill.after:
                    kill.do()
                    self.close_connection = True
                    return
                if dies:
                    self.answer = lambda *_: None
                    self.close_connection = True
                if s3.spoils > 0 and self.command == "PUT" and "/snap/" in key:
                    s3.spoils -= 1
                    del s3.objects[min(k for k in s3.objects if "/data/" in k)]
                super().object_do(key, query, body)
                if dies:
                    kill.do()

        return Handler


class Kill:
    """When the n-th request that writes comes, or that of a snapshot."""

    def __init__(self, rng, machine):
        self.machine, self.after = machine, rng.random() < 0.6
        self.snapshot, self.left = rng.random() < 0.5, rng.randrange(1, 7)
        self.done = False

    def at(self, key):
        if self.done:
            return False
        self.left -= 1
        self.done = "/snap/" in key if self.snapshot else self.left == 0
        return self.done

    def do(self):
        self.machine.daemon.send_signal(signal.SIGKILL)


class Machine:
    def __init__(self, lk, folder, name, bucket):
        self.lk, self.folder, self.name, self.home = lk, folder, name, folder / name
        self.dest = f"s3://notes/kept?endpoint=http://{bucket.host}&region=us-east-1"
        self.env = {"PATH": os.environ["PATH"], "LANG": "C.UTF-8", "HOME": str(folder), "TMPDIR": str(folder),
                    "TZ": "UTC", "LK_HOME": str(self.home), "AWS_ACCESS_KEY_ID": f"AKID{name}",
                    "AWS_SECRET_ACCESS_KEY": "secret/of+tests",
                    "ASAN_OPTIONS": f"detect_leaks=0:log_path={self.home}/report"}
        self.daemon, self.edits, self.phrase = None, 0, ""

    def begin(self, *args):
        return subprocess.Popen([self.lk, *map(str, args)], env=self.env, cwd=self.folder, stdin=subprocess.DEVNULL,
                                stdout=subprocess.PIPE, stderr=subprocess.PIPE)

    def run(self, *args):
        p = self.begin(*args)
        out, err = p.communicate(timeout=ENDS)
        return p.returncode, out.decode(), err.decode()

    def ok(self, *args):
        status, out, err = self.run(*args)
        if status != 0:
            raise Failed(f"lk {args}: {status}: {err}")
        return out

    def start(self):
        """Its daemon, to be killed by its number; one that was killed may let go of the store only now."""
        end = time.monotonic() + ENDS
        while time.monotonic() < end:
            if self.daemon is None or self.daemon.poll() is not None:
                self.daemon = subprocess.Popen([self.lk.with_name("lkd"), "-f"], env=self.env, cwd=self.folder,
                                               stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                                               stderr=subprocess.DEVNULL)
            if self.run("daemon", "status")[0] == 0 and self.daemon.poll() is None:
                return
            threading.Event().wait(0.02)
        raise Failed(f"{self.name}: no daemon")

    def stop(self):
        self.run("daemon", "stop")
        if self.daemon is not None:
            self.daemon.wait(ENDS)

    def found(self):
        self.phrase = self.ok("init", "--name", self.name, "-q")
        for i in range(3):
            self.ok("new", f"d{i}")
        self.ok("daemon", "stop")
        self.start()


class Place:
    """What is in the bucket, as a folder, and what has to be."""

    def __init__(self, bucket, folder):
        self.bucket, self.folder = bucket, folder
        self.made = {}  # name: (machine, what it holds)
        self.kills = self.backups = self.lacking = 0

    def lay_out(self):
        shutil.rmtree(self.folder, ignore_errors=True)
        (self.folder / "lk1/backup/snap").mkdir(parents=True)
        for key, data in self.bucket.objects.items():
            path = self.folder / key.removeprefix(PREFIX)
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(data)

    def snapshots(self):
        return sorted(k.rsplit("-", 1)[1] for k in self.bucket.objects if "/snap/" in k)

    def read(self, machine, name):
        """What it holds, or None when something is missing or damaged; it is laid out."""
        try:
            _, documents = reader.read(self.folder, machine.phrase, name)
        except (reader.Damaged, OSError):
            return None
        ids = sorted((d["name"], d["docid"], tuple(sorted(d["ids"]))) for d in documents.values())
        return hashlib.sha256(repr(ids).encode()).hexdigest()

    def needed(self):
        out = set()
        for key, data in self.bucket.objects.items():
            if "/snap/" in key:
                r = reader.Reader(data[6:])
                r = reader.Reader(r.bytes()[24:])
                out |= {r.take(32).hex() for _ in range(r.uleb())}
        return out


def thing_to_do(rng, machine, place, what, grace):
    """Its words, and which backups it forgets by name; None: by a rule."""
    ours = sorted(n for n, (m, _) in place.made.items() if m is machine)
    if what == "forget" and ours:
        # Without any what its next backup could rely on is needed by nobody.
        names = ours if rng.random() < 0.5 else [rng.choice(ours)]
        return ["backup", "forget", machine.dest, *[n[:rng.choice([12, 64])] for n in names]], set(names)
    if what == "rule":
        return ["backup", "forget", machine.dest, "--keep-last", rng.randrange(1, 4)], None
    if what == "prune":
        return ["backup", "prune", machine.dest, "--grace", grace], set()
    if rng.random() < 0.7:
        machine.edits += 1
        machine.ok("set", f"d{rng.randrange(3)}", f"/{machine.edits}", rng.randrange(1 << 30))
    if rng.random() < 0.2:
        machine.ok("new", f"n{machine.edits}-{rng.randrange(1 << 30)}")
    return ["backup", "create", machine.dest, "--json"], set()


PAIRS = [("create", "prune")] * 6 + [("create", "create"), ("prune", "prune"), ("create", "rule"), ("prune", "rule"),
                                     ("forget", "prune"), ("forget", "create"), ("forget", "forget")]


def step(rng, machines, place):
    deadly = rng.random() < 0.5
    graces = ["1s", "3s", "7d"] if deadly else ["0", "0", "0", "1s"]
    doing = []
    for m, what in zip(rng.sample(machines, 2), rng.choice(PAIRS)):
        words, gone = thing_to_do(rng, m, place, what, rng.choice(graces))
        doing.append((m, words, gone))
    for m in machines:
        if deadly and rng.random() < 0.7:
            place.bucket.kills[m.name] = Kill(rng, m)
    logged = len(place.bucket.log)
    begun = [(m, words, gone, m.begin(*words)) for m, words, gone in doing]
    # Who prunes does so for as long as the other one is at it.
    begun.sort(key=lambda b: b[1][1] != "prune")
    by_rule, created = False, []
    for m, words, gone, p in begun:
        out, err = p.communicate(timeout=ENDS)
        while words[1] == "prune" and p.returncode == 0 and begun[-1][1][1] != "prune" and begun[-1][3].poll() is None:
            p = m.begin(*words)
            out, err = p.communicate(timeout=ENDS)
        killed = m.name in place.bucket.kills and place.bucket.kills[m.name].done
        # Somebody else may have taken away what it was about to take away.
        if p.returncode not in ((0, 66, 69, 70, 74, 75) if killed else (0, 66)):
            raise Failed(f"{m.name}: {words}: {p.returncode}: {err.decode()}")
        place.kills += killed
        if words[1] == "create" and p.returncode == 0:
            place.backups += 1
            created.append((m, json.loads(out)["snapshot"]))
        if words[1] == "create":
            place.lacking += removed_at_once(place.bucket.log[logged:], m.name)
        by_rule = by_rule or gone is None
        for name in gone or ():
            place.made.pop(name, None)
    place.bucket.kills.clear()
    for m in machines:
        if m.daemon.poll() is not None:
            m.run("daemon", "stop")
            m.start()
    place.bucket.quiet()
    look(machines, place, by_rule, created)


def removed_at_once(log, who):
    """How many snapshots of one backup were removed again: each one before another was put."""
    there, gone = None, 0
    for name, command, key, _ in log:
        if name != who or "/snap/" not in (key or "") or command == "GET":
            continue
        if command == "PUT" and there not in (None, key):
            raise Failed(f"{who}: another snapshot is put and {there} is still there")
        gone += command == "DELETE"
        there = key if command == "PUT" else None
    return gone


def look(machines, place, by_rule, created):
    place.lay_out()
    there = place.snapshots()
    for m, name in created:
        held = place.read(m, name) if name in there else None
        if held is None and not (by_rule and name not in there):
            raise Failed(f"{m.name}: backup {name[:8]} was made and is not whole")
        if held is not None:
            place.made[name] = (m, held)
    for name, (m, held) in list(place.made.items()):
        if name not in there and by_rule:
            del place.made[name]
        elif name not in there:
            raise Failed(f"{m.name}: backup {name[:8]} is gone")
        elif place.read(m, name) != held:
            raise Failed(f"{m.name}: backup {name[:8]} is not what it was")
    for name in set(there) - set(place.made):
        found = [(m, held) for m in machines if (held := place.read(m, name)) is not None]
        if not found:
            raise Failed(f"backup {name[:8]}, which nobody has finished, lacks something")
        place.made[name] = found[0]


def end(machines, place):
    """Everything that can go is gone."""
    for _ in range(2):
        for m in machines:
            # All of it may have been forgotten.
            if place.bucket.objects:
                m.ok("backup", "prune", m.dest, "--grace", "0")
    data = {k.rsplit("/", 1)[1] for k in place.bucket.objects if "/data/" in k}
    if data != place.needed():
        raise Failed(f"{len(data - place.needed())} objects are left, {len(place.needed() - data)} missing")
    look(machines, place, False, [])
    for m in machines:
        (m.folder / "phrase").write_text(m.phrase, encoding="utf-8")
        if place.made and any(owner is m for owner, _ in place.made.values()):
            m.ok("backup", "check", m.dest, "--phrase-file", m.folder / "phrase")


def one_seed(seed, options, folder):
    rng = random.Random(seed)
    bucket = Bucket(random.Random(rng.random()))
    machines = [Machine(options.lk, folder, name, bucket) for name in ("one", "two")]
    place = Place(bucket, folder / "place")
    try:
        for m in machines:
            m.found()
        for _ in range(options.steps):
            step(rng, machines, place)
        end(machines, place)
    except Failed as e:
        said = "\n".join(" ".join(map(str, line)) for line in bucket.log[-80:])
        raise Failed(f"{e}\n{said}") from e
    finally:
        for m in machines:
            m.stop()
        bucket.stop()
    removed = sum(1 for _, command, key, _ in bucket.log if command == "DELETE" and "/data/" in key)
    return (f"{options.steps} steps, {place.backups} backups, {place.kills} times killed, {removed} objects removed, "
            f"{place.lacking} snapshots too late, {len(place.made)} backups are left and whole")


def spoiled(options, folder):
    """Something is gone from beneath a snapshot, once and always, and where nothing may be removed."""
    bucket = Bucket(random.Random(0))
    m = Machine(options.lk, folder, "one", bucket)
    place = Place(bucket, folder / "place")
    try:
        m.found()
        for spoils, append_only in ((1, False), (1, True), (100, False)):
            bucket.objects.clear()
            bucket.log.clear()
            bucket.spoils = spoils
            if append_only:
                bucket.objects[PREFIX + "lk1/backup/append-only"] = b""
            status, out, err = m.run("backup", "create", m.dest, "--json")
            if status != (0 if spoils == 1 else 75):
                raise Failed(f"{spoils} snapshots spoiled: {status}: {err}")
            removed = sum(1 for _, command, _, _ in bucket.log if command == "DELETE")
            if not append_only and removed_at_once(bucket.log, m.name) != removed or append_only and removed:
                raise Failed(f"{removed} objects removed, append-only: {append_only}")
            place.lay_out()
            left = place.snapshots()
            if len(left) != (2 if append_only else spoils == 1):
                raise Failed(f"{len(left)} snapshots are there, {spoils} spoiled, append-only: {append_only}")
            if spoils == 1 and place.read(m, json.loads(out)["snapshot"]) is None:
                raise Failed("a backup was made and is not whole")
    finally:
        m.stop()
        bucket.stop()
    return "a snapshot that lacks something is removed before the next is put, and never where nothing may be"


def in_folder(what, f, *args):
    """Whether it went well; said."""
    folder = pathlib.Path(tempfile.mkdtemp(prefix="lkb."))
    began = time.monotonic()
    try:
        said = f(*args, folder)
        print(f"ok: pruned: {what}: {said}, {time.monotonic() - began:.1f} s", flush=True)
        return True
    except (Failed, subprocess.TimeoutExpired) as e:
        print(f"not ok: pruned, {what}\n{e}", flush=True)
        return False
    finally:
        shutil.rmtree(folder)


def main():
    p = argparse.ArgumentParser(usage=__doc__.rsplit("usage: ", 1)[1].strip())
    p.add_argument("--seeds", type=int, default=2)
    p.add_argument("--seed", type=int, default=1)
    p.add_argument("--steps", type=int, default=25)
    p.add_argument("--lk", type=pathlib.Path, default=HERE.parents[1] / "build/dev/lk")
    options = p.parse_args()
    options.lk = options.lk.resolve()
    reader.root_seed = functools.lru_cache(reader.root_seed)
    good = in_folder("spoiled", spoiled, options)
    for seed in range(options.seed, options.seed + options.seeds):
        good = in_folder(f"seed {seed}", one_seed, seed, options) and good
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
