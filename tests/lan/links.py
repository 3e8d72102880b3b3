#!/usr/bin/python3
"""links.py - the same work over good and bad links: it converges, within a time
and a number of bytes.

Laptop, phone and friend, each in a network of its own, and tests/tools/wire.py
between them.  Over each link:

  pair     the phone becomes the laptop's, which has a text of 100 kB and some
           small documents; the friend is invited to the text and to a board
  edit     all three write at the same time: characters, keys, list items
  back     the cables are pulled, the daemons killed, each writes something
           alone; put back, they are in step and nothing old is sent again

In the end every `lk sync --wait=all` succeeds, the exports are the same bytes,
and everything lk said yes to is there.  Seconds are bounded, the bytes that
lk gave to TCP, and what was on the cable, before anything was lost.

  lan       100 Mbit/s, 0.2 ms
  wifi      20 Mbit/s, 3 to 15 ms, losses in bursts, frames late and twice
  mobile    2 Mbit/s, 60 to 120 ms, 1 % lost, a second's worth of queue
  satellite 600 ms each way and back, 5 Mbit/s
  modem     64 kbit/s, 100 ms
  lossy     20 % lost
  flapping  1 Mbit/s, up for at most 1.5 s, cut for up to 3 s, all the time
  resets    connections broken off by RST again and again
  half      one vanishes without a word, and comes back as if new

usage: links.py [--only NAME[,NAME...]] [--seed N] [--runs N] [--jobs N] [--edits N] [--lk PATH] [--keep]
"""
import argparse
import base64
import collections
import concurrent.futures
import json
import random
import subprocess
import sys
import threading
import time

from world import ROOT, Failed, World, commit, namespaces_allowed, tidy_exit, until

WIRE = ROOT / "tests/tools/wire.py"
SMALL = 10
FIRST_TOKEN = 0x4E00  # one CJK character each


Limits = collections.namedtuple("Limits", "seconds fresh bytes")


class Link:
    """What the wire does, and what each part of the work may take on it."""

    def __init__(self, wire, limits_, work_=None):
        self.wire, self.limits, self.work = wire, limits_, work_ or work

    @property
    def patience(self):
        return self.limits["pair"].seconds


class Wired(World):
    """A world whose middle is a wire."""

    seed = 1

    def _plug(self):
        self.hub = self._hold()
        lines = ["link set lo up"]
        for h in self:
            h.holder = self._hold()
            lines += [f"link add name v{h.number} type veth peer name eth0 netns {h.holder.pid}",
                      f"link set v{h.number} up"]
        self._ip(self.hub, *lines)
        for h in self:
            subprocess.run(h.argv(sys.executable, str(WIRE), "--plain", "eth0"), check=True)
            self._ip(h.holder, "link set lo up",
                     f"addr add {h.address}/24 dev eth0", "link set eth0 up")
        self.wire = subprocess.Popen(
            ["nsenter", f"--net=/proc/{self.hub.pid}/ns/net", "--", sys.executable, str(WIRE),
             str(self.seed), *(f"{h.name}=v{h.number}" for h in self)],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        self.wire.stdout.readline()
        self.asking = threading.Lock()

    def ask(self, **command):
        with self.asking:
            self.wire.stdin.write(json.dumps(command).encode() + b"\n")
            self.wire.stdin.flush()
            line = self.wire.stdout.readline()
        if not line:
            raise Failed("the wire is gone")
        return json.loads(line)

    def link(self, properties, *between):
        self.ask(set=properties, **({"between": [h.name for h in between]} if between else {}))

    def settle(self):
        super().settle()
        self.wire.stdin.close()
        self.wire.wait()
        self.wire.stdout.close()


class Course:
    """The parts of the work on one link, timed and counted."""

    def __init__(self, world, link):
        self.world, self.link, self.said = world, link, []

    def part(self, name, work):
        before, began = self.world.ask(), time.monotonic()
        work()
        took, after = time.monotonic() - began, self.world.ask()
        here = {what: after[what] - before[what] for what in after}
        said = [f"{name} {took:.1f} s, {here['fresh'] / 1000:.0f} kB in "
                f"{here['bytes'] / 1000:.0f}"]
        said += [f"{here[what]} {what}" for what in ("lost", "overflowed", "resets") if here[what]]
        self.said.append(", ".join(said))
        limits = self.link.limits[name]
        for what, is_, limit in (("seconds", took, limits.seconds),
                                 ("bytes of data", here["fresh"], limits.fresh),
                                 ("bytes on the cable", here["bytes"], limits.bytes)):
            if is_ > limit:
                raise Failed(f"{'; '.join(self.said)}: {is_:.1f} {what}, {limit} at most")


def found(world, rng):
    """What the laptop has before anybody is there."""
    laptop = world["laptop"]
    world.everywhere(lambda h: h.init())
    # Words, as half of what people write is said in a tenth of the bytes; this
    # deflates to about two fifths.
    words = [f"{rng.getrandbits(40):x}" for _ in range(2000)]
    text = " ".join(rng.choice(words) for _ in range(10000))[:100000]
    laptop.ok("import", "--as", "notes", "--format", "text", "-", input=text.encode())
    laptop.ok("new", "board")
    laptop.ok("apply", "board", input=b'{"set":"/list","value":[]}\n')
    control = laptop.control()
    for i in range(SMALL):
        handle = control.call("upload.begin")["handle"]
        control.call("upload.append", handle=handle,
                     data=base64.b64encode(f"small {i}".encode()).decode())
        control.call("doc.import", name=f"small-{i}", format="text", upload=handle)
    control.close()


def pair(world, patience):
    laptop, phone, friend = world["laptop"], world["phone"], world["friend"]
    wait = ("--timeout", f"{patience}s")
    timeout = patience + 30
    phone.ok("pair", *wait, laptop.ok("pair", "--ticket").text.strip(), timeout=timeout)
    for name in ("notes", "board"):
        friend.ok("accept", *wait, laptop.ok("invite", name).text.strip(), timeout=timeout)
    in_step(world, patience)


def in_step(world, patience):
    world.everywhere(lambda h: h.ok("sync", "--wait=all", "--timeout", f"{patience}s",
                                    timeout=patience + 30))


def same(world, names):
    for name in names:
        bytes_ = {h.name: h.ok("export", name, "--format", "automerge").out for h in world}
        if len(set(bytes_.values())) != 1:
            raise Failed(f"{name}: exports differ: "
                         f"{ {n: len(b) for n, b in bytes_.items()} } bytes")


def edit_at(h, seed, each, ledger):
    """Characters in the middle of the text, keys and elements on the board."""
    rng, control = random.Random(f"{seed} {h.name}"), h.control()
    for i in range(each):
        what, token = rng.randrange(3), f"{h.name}-{i}"
        if what == 0:
            char = chr(FIRST_TOKEN + h.number * 1000 + i)
            control.call("doc.splice", doc="notes", path="", pos=rng.randrange(99000), text=char)
            ledger["chars"].append(char)
        elif what == 1:
            control.call("doc.set", doc="board", path=f"/{token}", json=f'"{i}"')
            ledger["keys"].append(token)
        else:
            control.call("doc.insert", doc="board", path="/list/0", json=f'"{token}"')
            ledger["items"].append(token)
    control.close()


def complete(world, ledger):
    """Everything acknowledged is there, once."""
    for h in world:
        text = h.ok("get", "notes").text
        board = h.ok("get", "board").json()
        for char in ledger["chars"]:
            if text.count(char) != 1:
                raise Failed(f"{h.name}: {char} is there {text.count(char)} times")
        if sorted(board["list"]) != sorted(ledger["items"]):
            raise Failed(f"{h.name}: the list is not what was inserted")
        lost = [k for k in ledger["keys"] if k not in board]
        if lost:
            raise Failed(f"{h.name}: {lost} are lost")


def write_one(h):
    """Something for the others to get after all."""
    h.start()
    h.ok("set", "--string", "board", f"/{h.name}", "was alone")


def plugged_again(world, link, patience):
    world.link({"up": False})
    for h in world:
        for pid in h.running():
            h.kill(pid)
    world.everywhere(write_one)
    world.link(link.wire)
    in_step(world, patience)


class Flapping:
    """Cuts the link again and again while something goes on."""

    def __init__(self, world, link, seed):
        self.world, self.link = world, link
        self.rng, self.over = random.Random(f"{seed} flapping"), threading.Event()
        self.thread = threading.Thread(target=self._flap)
        self.cuts = 0

    def _flap(self):
        while not self.over.wait(self.rng.uniform(0.2, 1.5)):
            self.world.link({**self.link.wire, "up": False})
            self.cuts += 1
            self.over.wait(self.rng.uniform(0.3, 3))
            self.world.link(self.link.wire)

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *exc):
        self.over.set()
        self.thread.join()


def work(world, link, options, seed):
    """The work; what it took."""
    rng = random.Random(seed)
    ledger = {"chars": [], "keys": [], "items": []}
    course, patience = Course(world, link), link.patience
    found(world, rng)
    world.link(link.wire)
    course.part("pair", lambda: pair(world, patience))

    def edited():
        world.everywhere(lambda h: edit_at(h, seed, options.edits, ledger))
        in_step(world, patience)
    course.part("edit", edited)
    same(world, ("notes", "board"))
    complete(world, ledger)
    course.part("back", lambda: plugged_again(world, link, patience))
    return course.said


def flapping(world, link, options, seed):
    with Flapping(world, link, seed) as flaps:
        said = work(world, link, options, seed)
    return [*said, f"cut {flaps.cuts} times"]


def vanished(world, link, options, seed):
    """The phone goes without a word; the laptop still believes in a connection
    that nobody holds at the other end."""
    rng = random.Random(seed)
    ledger = {"chars": [], "keys": [], "items": []}
    laptop, phone, friend = world
    course, patience = Course(world, link), link.patience
    found(world, rng)
    world.link(link.wire)
    course.part("pair", lambda: pair(world, patience))
    world.link({"up": False}, phone, laptop)
    world.link({"up": False}, phone, friend)
    for pid in phone.running():
        phone.kill(pid)
    if "phone" not in laptop.peers():
        raise Failed("the laptop knows at once that the phone is gone")

    def back():
        for h in (laptop, friend):
            edit_at(h, seed, options.edits, ledger)
        laptop.ok("sync", "--wait=1", "notes", "board", "--timeout", f"{patience}s")
        phone.start()
        world.link(link.wire)
        edit_at(phone, seed, options.edits, ledger)
        in_step(world, patience)
    course.part("edit", back)
    same(world, ("notes", "board"))
    complete(world, ledger)

    world.link({"up": False}, phone, laptop)
    world.link({"up": False}, phone, friend)

    def noticed():
        until("the laptop and the friend notice", link.limits["back"].seconds,
              lambda: not any("phone" in h.peers() for h in (laptop, friend)))
    course.part("back", noticed)
    world.link(link.wire)
    return course.said


# Bytes that lk gives to TCP, all three devices together.  It is two to three
# times less where nothing goes wrong; the text alone, sent once more to both
# others, is 90 kB.
FRESH = {"pair": 200_000, "edit": 200_000, "back": 70_000}


def limits(pair, edit, back, breaks=1, waste=2):
    """Seconds of each part; how much more lk may say where connections break,
    and how much more TCP may send."""
    return {name: Limits(s, FRESH[name] * breaks, FRESH[name] * breaks * waste)
            for name, s in (("pair", pair), ("edit", edit), ("back", back))}


LINKS = {
    "half": Link({"rate": 100e6, "delay": 0.2}, limits(20, 30, 120), vanished),
    "flapping": Link({"rate": 1e6, "delay": 20}, limits(120, 120, 60, 2), flapping),
    "satellite": Link({"rate": 5e6, "delay": 300, "jitter": 20, "queue": 400000},
                      limits(60, 40, 40)),
    "modem": Link({"rate": 64e3, "delay": 100, "jitter": 10, "queue": 32768},
                  limits(120, 60, 40)),
    "lossy": Link({"rate": 20e6, "delay": 10, "loss": 0.2}, limits(120, 60, 60, 1, 3)),
    "resets": Link({"rate": 20e6, "delay": 10, "reset": 0.01}, limits(60, 60, 60, 2)),
    "mobile": Link({"rate": 2e6, "delay": 60, "jitter": 60, "loss": 0.01, "queue": 250000},
                   limits(60, 40, 40)),
    "wifi": Link({"rate": 20e6, "delay": 3, "jitter": 12, "burst": [0.005, 0.2, 0.6],
                  "reorder": [0.01, 10], "twice": 0.005}, limits(40, 30, 30)),
    "lan": Link({"rate": 100e6, "delay": 0.2}, limits(20, 20, 20)),
}


def run(name, seed, options):
    link = LINKS[name]
    Wired.seed = seed
    with Wired(("laptop", "phone", "friend"), options.lk, "netns", options.keep) as world:
        try:
            said = link.work(world, link, options, seed)
            world.settle()
        except Failed as e:
            raise Failed(f"{e}\n{world.reports()}{world.logs()}") from None
    return "; ".join(said)


def one(name, seed, options):
    try:
        print(f"ok: links {name} seed {seed}: {run(name, seed, options)}", flush=True)
        return True
    except Failed as e:
        print(f"not ok: links {name} seed {seed}, commit {commit()}\n{e}", flush=True)
        return False


def apart(name, seed, options):
    """In a process of its own: they mostly wait."""
    p = subprocess.run(
        [sys.executable, __file__, "--only", name, "--seed", str(seed), "--edits",
         str(options.edits), *(["--lk", options.lk] if options.lk else []),
         *(["--keep"] if options.keep else [])], stdout=subprocess.PIPE, check=False)
    sys.stdout.buffer.write(p.stdout)
    sys.stdout.flush()
    return p.returncode == 0


def main():
    p = argparse.ArgumentParser(usage=__doc__.rsplit("usage: ", 1)[1].strip())
    p.add_argument("--only")
    p.add_argument("--seed", type=int, default=1)
    p.add_argument("--runs", type=int, default=1)
    p.add_argument("--jobs", type=int, default=4)
    p.add_argument("--edits", type=int, default=20)
    p.add_argument("--lk")
    p.add_argument("--keep", action="store_true")
    options = p.parse_args()
    tidy_exit()
    if not namespaces_allowed():
        print("ok: links: network namespaces are not allowed here: not tried")
        return 0
    names = options.only.split(",") if options.only else list(LINKS)
    cases = [(name, seed) for seed in range(options.seed, options.seed + options.runs)
             for name in names]
    if len(cases) == 1:
        return 0 if one(*cases[0], options) else 1
    with concurrent.futures.ThreadPoolExecutor(options.jobs) as pool:
        return 0 if all(list(pool.map(lambda case: apart(*case, options), cases))) else 1


if __name__ == "__main__":
    sys.exit(main())
