#!/usr/bin/python3
"""sync.py - what replication costs: scripts/bench sync.

What is measured and how is in docs/benchmarks.md.  A table for people, then one
line of JSON; with --json only that.

usage: sync.py [--only ROW[,ROW...]] [--lk PATH] [--edits N] [--changes N] [--documents N] [--devices N] [--idle SECONDS] [--json] [--dir DIR]

rows: latency changes documents crowd pairing stored syncthing
"""
import json
import random
import selectors
import time

import measured
import syncthing
from measured import Failed
from pairing import Shown
from world import until

PUTS = 4          # in an envelope
PUT_BYTES = 200
WINDOW = 64       # requests under way
PEERS = 3
PATIENCE = ("--timeout", "60m")


def waits(host, *args):
    return host.ok(*args, *PATIENCE, timeout=3700)


class Cost:
    """Time, processor time of these hosts' daemons, and bytes on the cable of
    the last of them, since it was made."""

    def __init__(self, *hosts):
        self.hosts, self.pids = hosts, [h.running()[0] for h in hosts]
        self.cpu = [measured.cpu_seconds(p) for p in self.pids]
        self.wire = sum(hosts[-1].wire_bytes())
        self.began = time.perf_counter()

    def so_far(self):
        out = {"seconds": round(time.perf_counter() - self.began, 2),
               "wire_bytes": sum(self.hosts[-1].wire_bytes()) - self.wire}
        for h, pid, before in zip(self.hosts, self.pids, self.cpu):
            out[f"cpu_{h.name}"] = round(measured.cpu_seconds(pid) - before, 2)
        return out


def fresh(host):
    host.ok("init", "--name", host.name)
    host.start()


def pair(a, b):
    b.ok("pair", *PATIENCE, a.ok("pair", "--ticket").text.strip(), timeout=3700)


def latency(world, options, out):
    a, b = world["a"], world["b"]
    fresh(a)
    a.ok("new", "bench")
    a.ok("set", "bench", "/start", "1")
    fresh(b)
    pair(a, b)
    a.ok("sync", "--wait=all")
    seen, acknowledged = measured.edits(a, b, options.edits)
    out[f"{world.mode}_visible_ms"] = seen
    out[f"{world.mode}_acknowledged_ms"] = acknowledged


def write_many(host, doc, count):
    """`count` puts, four to an envelope, many requests under way."""
    control, rng = host.control(), random.Random(1)
    sent = done = 0
    while done < count // PUTS:
        while sent < count // PUTS and sent - done < WINDOW:
            patch = "".join(json.dumps(
                {"set": f"/key-{rng.randrange(1000)}", "as": "string",
                 "value": rng.randbytes(PUT_BYTES // 2).hex()}) + "\n" for _ in range(PUTS))
            control.send("doc.apply", {"doc": doc, "patch": patch})
            sent += 1
        answer = control.receive()
        if "error" in answer:
            raise Failed(f"control: {answer['error']}")
        done += 1
    control.close()


def quiet(host):
    """Waits until nothing goes over its cable any more."""
    last = -1
    while last != sum(host.wire_bytes()):
        last = sum(host.wire_bytes())
        time.sleep(2)


def one_comparison(a, b):
    """Bytes on the cable for `lk sync` between two that are equal."""
    quiet(b)
    before = sum(b.wire_bytes())
    a.ok("sync", "--wait=all")
    quiet(b)
    return sum(b.wire_bytes()) - before


def differences(world, a, b, count):
    """Some edits while cut off; what it takes from the plug to being equal."""
    quiet(b)
    world.cut([h for h in world if h is not b])
    control = a.control()
    for i in range(count):
        control.call("doc.set", doc="big", path=f"/new-{i}", json='"0123456789abcdef"')
    control.close()
    b.stop()
    before, began = sum(b.wire_bytes()), time.perf_counter()
    world.heal()
    waits(a, "sync", "--wait=all")
    took = time.perf_counter() - began
    quiet(b)
    return {"seconds": round(took, 2), "wire_bytes": sum(b.wire_bytes()) - before}


def rates(cost, changes):
    """Changes a second, by the clock, and of the receiver's processor time."""
    cpu = [v for k, v in cost.items() if k.startswith("cpu_")][-1]
    return {**cost, "changes_per_second": round(changes / cost["seconds"]),
            "changes_per_cpu_second": round(changes / max(cpu, 0.01)),
            "wire_bytes_each": round(cost["wire_bytes"] / changes, 1)}


def changes(world, options, out):
    a, b, c = world["a"], world["b"], world["c"]
    fresh(a)
    a.ok("new", "big")
    began = time.perf_counter()
    write_many(a, "big", options.changes)
    out["made_seconds"] = round(time.perf_counter() - began, 1)
    out["changes"] = options.changes
    fresh(b)
    cost = Cost(a, b)
    pair(a, b)
    waits(a, "sync", "--wait=all")
    out["to_own_device"] = rates(cost.so_far(), options.changes)
    out["equal_wire_bytes"] = one_comparison(a, b)
    out["ten_differences"] = differences(world, a, b, 10)
    b.stop()
    fresh(c)
    cost = Cost(a, c)
    c.ok("accept", *PATIENCE, a.ok("invite", "big").text.strip(), timeout=3700)
    waits(a, "sync", "--wait=1", "big")
    out["to_another_person"] = rates(cost.so_far(), options.changes)


def each(cost, count):
    return {**cost, "wire_bytes_each": round(cost["wire_bytes"] / count, 1)}


def copied(a, b, count, here, work):
    """So many documents come to `b` by `work`, which then has `here`: readable
    there, acknowledged, and everything said about it."""
    cost = Cost(a, b)
    work()
    until("the documents", 1800, lambda: len(b.ok("--json", "ls").json()["documents"]) == here)
    readable = cost.so_far()["seconds"]
    waits(a, "sync", "--wait=all")
    said = cost.so_far()
    quiet(b)
    return {"readable_seconds": readable, **each(said, count),
            "wire_bytes_each_until_quiet": each(cost.so_far(), count)["wire_bytes_each"]}


def documents(world, options, out):
    """To a new device; to one that was away when they were made; then idle, with
    three peers."""
    a, b, *others = world
    count = options.documents
    fresh(a)
    measured.fill(a, count)
    fresh(b)
    out["to_new_device"] = copied(a, b, count, count, lambda: pair(a, b))
    world.cut([h for h in world if h is not b])
    measured.fill(a, count, count)
    out["to_device_that_was_away"] = copied(a, b, count, 2 * count, lambda: back(world))
    for h in others:
        fresh(h)
        pair(a, h)
    waits(a, "sync", "--wait=all")
    for h in world:
        h.stop()
    pids = {h.name: h.start() for h in world}
    waits(a, "sync", "--wait=all")
    time.sleep(measured.SETTLE_SECONDS)
    out["idle"] = {"documents": 2 * count, "peers": len(others) + 1}
    out["idle"]["cpu_percent"], wire = measured.idle(a, pids["a"], options.idle)
    out["idle"]["wire_bytes_per_minute_and_peer"] = round(wire / (len(others) + 1))
    out["idle"]["rss_mb"] = measured.memory_mb(pids["a"], "VmRSS")
    out["idle"]["pss_mb"] = measured.memory_mb(pids["a"], "Pss", "smaps_rollup")


def back(world):
    world.heal()
    world["b"].ok("sync")


CROWD_EDITS = 30
CROWD_PAUSE = 1   # seconds from one edit to the next


def arrivals(watches, began):
    """When each of them has its next line."""
    ready, after = selectors.DefaultSelector(), []
    for w in watches:
        ready.register(w.process.stdout, selectors.EVENT_READ, w)
    while ready.get_map():
        some = ready.select(60)
        if not some:
            raise Failed(f"{len(ready.get_map())} devices without the edit")
        for key, _ in some:
            after.append(key.data.line()[0] - began)
            ready.unregister(key.fileobj)
    ready.close()
    return after


def crowd(world, options, out):
    """One edit after the other to many devices that have the document."""
    del options
    first, *others = world
    fresh(first)
    first.ok("new", "bench")
    first.ok("set", "bench", "/start", "1")
    # The devices of two persons, as one may have 32.
    half = len(others) // 2
    for i, h in enumerate(others):
        fresh(h)
        if i == half:
            h.ok("accept", *PATIENCE, first.ok("invite", "bench").text.strip(), timeout=3700)
        else:
            pair(first if i < half else others[half], h)
    quiet(others[-1])
    watches = []
    for h in others:
        cursor = max(e["cursor"] for e in h.ok("--json", "log", "bench").lines())
        watches.append(measured.Watch(h, "bench", cursor))
    control, after = first.control(), []
    cost, wire = Cost(*world), [sum(h.wire_bytes()) for h in others]
    for i in range(CROWD_EDITS):
        time.sleep(CROWD_PAUSE)
        began = time.perf_counter()
        control.call("doc.set", doc="bench", path=f"/key-{i}", json='"0123456789abcdef"')
        after += arrivals(watches, began)
    wire = [sum(h.wire_bytes()) - w for h, w in zip(others, wire)]
    cpu = [v for k, v in cost.so_far().items() if k.startswith("cpu_")]
    for w in watches:
        w.close()
    control.close()
    out.update(devices=len(world.hosts), edits=CROWD_EDITS, arrival_ms=measured.spread(after),
               wire_bytes_each_device_and_edit=round(sum(wire) / len(wire) / CROWD_EDITS),
               cpu_ms_each_device_and_edit=round(1000 * sum(cpu) / len(cpu) / CROWD_EDITS, 2))


def pairing(world, options, out):
    """By code, the address in front of it: until both have said so."""
    del options
    a, b = world["a"], world["b"]
    fresh(a)
    a.ok("new", "plan")
    fresh(b)
    shown = Shown(a)
    cost = Cost(a, b)
    b.ok("pair", "-", input=shown.typed)
    shown.end()
    out.update(cost.so_far())


def store_whole(host, name, began):
    """Waits until a remote lacks nothing; how long that was."""
    def whole():
        r = next(r for r in host.ok("--json", "remote", "ls").json()["remotes"] if r["name"] == name)
        return r["tried"] and r["reachable"] and r["lacking"] == 0
    until(f"{name}: all stored", 1800, whole)
    return round(time.perf_counter() - began, 1)


def stored(world, options, out):
    """What those who can read nothing keep of so many documents: a relay, and a
    folder, whose objects are those of a bucket."""
    a, relay = world["a"], world["r"]
    relay.ok("relay", "init")
    relay.start()
    fresh(a)
    measured.fill(a, options.documents)
    out["documents"] = options.documents
    for name, url, place in (("relay", relay.ok("relay", "invite", "--puts", "1000000").text.split()[0], relay.home),
                             ("folder", f"file://{world.dir}/stick", world.dir / "stick")):
        place.mkdir(exist_ok=True)
        before, began = measured.on_disk(place), time.perf_counter()
        a.ok("remote", "add", name, url)
        took = store_whole(a, name, began)
        out[name] = {"seconds": took, **{k: v - before[k] for k, v in measured.on_disk(place).items()}}
    out["relay"]["envelopes_bytes"] = relay.ok("--json", "relay", "ls").json()["accounts"][0]["bytes"]
    if syncthing.there():
        took, place = syncthing.untrusted(world, some_texts(options.documents))
        out["syncthing"] = {"seconds": took, **measured.on_disk(place)}


def some_texts(count):
    rng = random.Random(1)
    return [rng.randbytes(measured.DOCUMENT_BYTES // 2).hex() for _ in range(count)]


def beside(world, options, out):
    if not syncthing.there():
        raise Failed("Syncthing is not installed: scripts/setup --bench")
    out.update(syncthing.measure(world, some_texts(options.documents), options.idle, options.edits))


def measure(options):
    many = [f"d{i}" for i in range(options.devices)]
    return measured.rows_measure(options, "lk.bench.sync/1", {
        "latency": ((latency, "ab", "netns"), (latency, "ab", "loopback")),
        "changes": ((changes, "abc", "netns"),),
        "documents": ((documents, "abcd", "netns"),),
        "crowd": ((crowd, many, "netns"),),
        "pairing": ((pairing, "ab", "netns"),),
        "stored": ((stored, "ar", "netns"),),
        "syncthing": ((beside, "ab", "netns"),),
    })


def main():
    p = measured.arguments(__doc__, edits=500, changes=100000, documents=10000, devices=64, idle=120)
    p.add_argument("--only")
    measured.run(p.parse_args(), measure, measured.rows_print)


if __name__ == "__main__":
    main()
