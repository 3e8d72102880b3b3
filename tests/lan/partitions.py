#!/usr/bin/python3
"""partitions.py - three devices, pulled plugs, kill -9: nothing is lost.

Two devices of one person and a friend edit the same text, map, list and counter
while cables are pulled and put back and daemons are killed at any moment.  In
the end every `lk sync --wait=all` succeeds, `lk export` gives the same bytes
everywhere, and everything `lk` said yes to is there:

  text     every inserted character (each is used once) exactly once
  map      a key written once has its value; a key written by several has a
           value that none of its writers had replaced himself
  list     every inserted element exactly once
  counter  the sum of the acknowledged increments, and of some of those that
           were cut off in the middle
  log      `lk watch --since 0` gives every change of `lk log` exactly once
  status   a device shown as synced has all that the status was about

usage: partitions.py [--seed N] [--runs N] [--steps N] [--mode netns|loopback] [--lk PATH] [--keep]
"""
import argparse
import collections
import itertools
import random
import sys
import threading
import time

from world import Failed, World, commit, tidy_exit

SHARED = ("notes", "board")
# An interrupted command: neither done nor not done.  The daemon was killed
# under it, or was about to start.
INTERRUPTED = {69, 75}
KILL_SPAN = 0.02  # seconds; about what a command takes
FIRST_TOKEN = 0x4E00  # one CJK character each: no edit can cut one in two


class Ledger:
    """What was tried, and what lk said to it."""

    def __init__(self):
        self.lock = threading.Lock()
        self.next = 0
        self.chars, self.keys, self.items, self.sums = {}, [], {}, []

    def token(self):
        with self.lock:
            self.next += 1
            return self.next


def attempt(host, *args):
    """True: acknowledged.  None: nobody knows."""
    result = host.lk(*args)
    if result.code == 0:
        return True
    if result.code in INTERRUPTED:
        return None
    raise Failed(f"{result}\nno reason to refuse this")


def edit_text(host, rng, ledger):
    length = len(host.lk("get", "notes").text)
    char = chr(FIRST_TOKEN + ledger.token())
    # The text only grows, so this position exists whatever arrives meanwhile.
    at = rng.choice([0, length, rng.randint(0, length)])
    ledger.chars[char] = attempt(host, "splice", "notes", "", str(at), "0", char)


def edit_key(host, rng, ledger):
    number = ledger.token()
    key = rng.choice(["a", "b", "c", f"once-{number}"])
    value = f"{host.name}-{number}"
    said = attempt(host, "set", "--string", "board", f"/map/{key}", value)
    with ledger.lock:
        ledger.keys.append((key, host.name, value, said))


def edit_list(host, rng, ledger):
    item = f"item-{ledger.token()}"
    where = rng.choice(["/list/-", "/list/0"])
    ledger.items[item] = attempt(host, "insert", "board", where, f'"{item}"')


def edit_counter(host, rng, ledger):
    by = rng.randint(1, 1000)
    said = attempt(host, "inc", "board", "/count", str(by))
    with ledger.lock:
        ledger.sums.append((by, said))


EDITS = [edit_text, edit_text, edit_key, edit_key, edit_list, edit_counter]


def found(world):
    """Laptop with two documents, phone paired, friend invited to both."""
    laptop, phone, friend = world["laptop"], world["phone"], world["friend"]
    world.everywhere(lambda h: h.init())
    laptop.ok("new", "notes", "--type", "text")
    laptop.ok("new", "board")
    laptop.ok("apply", "board", input=b'{"set":"/map","value":{}}\n'
              b'{"set":"/list","value":[]}\n')
    laptop.ok("set", "--counter", "board", "/count", "0")
    phone.ok("pair", laptop.ok("pair", "--ticket").text.strip())
    for name in SHARED:
        friend.ok("accept", laptop.ok("invite", name).text.strip())


def burst(world, rng, ledger, steps):
    """All devices edit at once, and now and then a daemon dies under them."""
    plans = {h.name: [(rng.choice(EDITS), rng.random() < 0.15)
                      for _ in range(rng.randint(1, steps))] for h in world}
    seeds = {h.name: rng.random() for h in world}

    def work(h):
        own = random.Random(seeds[h.name])
        for edit, deadly in plans[h.name]:
            if not deadly:
                edit(h, own, ledger)
                continue
            # Somewhere between the command's first and last instruction.
            killer = threading.Timer(own.random() * KILL_SPAN, h.kill, [h.start()])
            killer.start()
            edit(h, own, ledger)
            killer.join()
        h.start()

    world.everywhere(work)
    return sum(deadly for plan in plans.values() for _, deadly in plan)


def hashes(host, name):
    return [e["hash"] for e in host.ok("--json", "log", name).lines()]


def check_status(world, rng):
    """Who is shown as synced has everything there was when it was shown."""
    h = rng.choice(list(world))
    had = {name: set(hashes(h, name)) for name in SHARED}
    status = h.ok("--json", "status").json()
    for doc in status["documents"]:
        for device in doc["devices"]:
            other = next((o for o in world if o.device == device["device"]), None)
            if other is None or device["state"] != "synced" or doc["name"] not in had:
                continue
            lacks = had[doc["name"]] - set(hashes(other, doc["name"]))
            if lacks:
                raise Failed(f"{h.name} says {doc['name']} is synced on {other.name}, "
                             f"which lacks {sorted(lacks)}")


def check_watch(host):
    """From the beginning: every change once, whatever died in between."""
    names = [d["name"] for d in host.ok("--json", "ls").json()["documents"]]
    logged = collections.Counter(h for n in names for h in hashes(host, n))
    seen = collections.Counter(
        e["hash"] for e in host.ok("--json", "watch", "--since", "0", "--count",
                                   str(sum(logged.values()))).lines())
    if seen != logged:
        raise Failed(f"{host.name}: watch and log differ: {(seen - logged) + (logged - seen)}")


def check_text(text, ledger):
    counts = collections.Counter(text)
    for char, said in ledger.chars.items():
        n = counts.pop(char, 0)
        if n > 1 or (said and n != 1):
            raise Failed(f"text: {char} (U+{ord(char):04X}) is there {n} times, "
                         f"acknowledged: {said}")
    if counts:
        raise Failed(f"text: nobody wrote {dict(counts)}")


def check_map(shown, ledger):
    writes = collections.defaultdict(list)
    for key, host, value, said in ledger.keys:
        writes[key].append((host, value, said))
    for key, list_ in writes.items():
        possible = set()
        for host in {w[0] for w in list_}:
            for h, value, said in list_:
                if h != host:
                    continue
                if said:
                    possible = {p for p in possible if p[0] != host}
                possible.add((host, value))
        if not any(said for _, _, said in list_) and key not in shown:
            continue
        if shown.get(key) not in {value for _, value in possible}:
            raise Failed(f"map: {key} is {shown.get(key)!r}, possible: {sorted(possible)}")
    extra = set(shown) - set(writes)
    if extra:
        raise Failed(f"map: nobody wrote {sorted(extra)}")


def check_list(shown, ledger):
    counts = collections.Counter(shown)
    for item, said in ledger.items.items():
        n = counts.pop(item, 0)
        if n > 1 or (said and n != 1):
            raise Failed(f"list: {item} is there {n} times, acknowledged: {said}")
    if counts:
        raise Failed(f"list: nobody inserted {dict(counts)}")


def check_counter(shown, ledger):
    rest = shown - sum(by for by, said in ledger.sums if said)
    open_ = [by for by, said in ledger.sums if not said]
    sums = (sum(c) for n in range(len(open_) + 1) for c in itertools.combinations(open_, n))
    if rest not in sums:
        raise Failed(f"counter: {shown} is {rest} away from what was acknowledged; "
                     f"not known: {open_}")


def check(world, ledger):
    for h in world:
        h.ok("sync", "--wait=all", "--timeout", "60s")
    laptop = world["laptop"]
    for name in SHARED:
        bytes_ = {h.name: h.ok("export", name, "--format", "automerge").out for h in world}
        if len(set(bytes_.values())) != 1:
            raise Failed(f"{name}: exports differ: "
                         f"{ {n: len(b) for n, b in bytes_.items()} } bytes")
    check_text(laptop.ok("get", "notes").text, ledger)
    board = laptop.ok("get", "board").json()
    check_map(board["map"], ledger)
    check_list(board["list"], ledger)
    check_counter(board["count"], ledger)
    for h in world:
        check_watch(h)
        if h.lk("status", "--exit-code").code != 0:
            raise Failed(f"{h.name}: all is acknowledged and status says it is not")


def run(seed, options):
    rng = random.Random(seed)
    ledger = Ledger()
    killed = 0
    with World(("laptop", "phone", "friend"), options.lk, options.mode, options.keep) as world:
        try:
            found(world)
            for _ in range(rng.randint(2, 4)):
                hosts = list(world)
                rng.shuffle(hosts)
                world.cut(hosts[:rng.choice([0, 2, 2, 3])])
                killed += burst(world, rng, ledger, options.steps)
                if rng.random() < 0.5:
                    world.heal()
                if world.mode == "netns":
                    check_status(world, rng)
            world.heal()
            check(world, ledger)
            world.settle()
        except Failed as e:
            raise Failed(f"{e}\n{world.reports()}{world.logs()}") from None
        mode = world.mode
    said = [*ledger.chars.values(), *(k[3] for k in ledger.keys),
            *ledger.items.values(), *(s[1] for s in ledger.sums)]
    return mode, len(said), sum(s is None for s in said), killed


def main():
    p = argparse.ArgumentParser(usage=__doc__.rsplit("usage: ", 1)[1].strip())
    p.add_argument("--seed", type=int, default=1)
    p.add_argument("--runs", type=int, default=1)
    p.add_argument("--steps", type=int, default=8)
    p.add_argument("--mode", choices=["auto", "netns", "loopback"], default="auto")
    p.add_argument("--lk")
    p.add_argument("--keep", action="store_true")
    options = p.parse_args()
    tidy_exit()
    failed = 0
    for seed in range(options.seed, options.seed + options.runs):
        began = time.monotonic()
        try:
            mode, edits, cut_off, killed = run(seed, options)
        except Failed as e:
            failed += 1
            print(f"not ok: partitions seed {seed}, commit {commit()}\n{e}", flush=True)
            continue
        print(f"ok: partitions seed {seed}: {edits} edits, {cut_off} cut off, "
              f"{killed} daemons killed, {mode}, {time.monotonic() - began:.1f} s", flush=True)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
