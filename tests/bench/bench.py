#!/usr/bin/python3
"""bench.py - what lk costs: delay, first copy, idle, commits.

Two devices of one person, each in a network namespace, on one bridge.  What is
measured and how is in docs/benchmarks.md; the JSON says it again beside every
figure.  A table for people, then one line of JSON; with --json only that.

usage: bench.py [--lk PATH] [--edits N] [--documents N] [--idle SECONDS] [--mode netns|loopback] [--json] [--dir DIR]
"""
import json
import os
import time

import measured
from measured import Failed, World, commit

METHODS = {
    "edit_to_visible_ms":
        "doc.set over the control socket of A (new key, 16 byte string), one after the other; "
        "from before the request is sent until the line of `lk watch --json` on B is read. "
        "Both commit before they speak. One clock",
    "edit_to_acknowledged_ms":
        "the same doc.set, until A's own answer is read: A's durable commit",
    "documents_seconds":
        "a new device runs `lk pair TICKET`; until it returns, all documents readable there",
    "documents_acknowledged_seconds":
        "the same, until `lk sync --wait=all` on the first device has returned as well",
    "documents_wire_bytes":
        "bytes received and sent by the new device's interface (Ethernet, IP and TCP headers "
        "included) in that time",
    "documents_store_bytes":
        "du of LK_HOME of the new device, apparent size of allocated blocks",
    "idle_rss_mb":
        "VmRSS of the new device's lkd, connected, after the copy and the idle seconds",
    "idle_pss_mb":
        "Pss of the same (pages shared with others counted in part)",
    "idle_restarted_rss_mb":
        "VmRSS after lkd was restarted, has caught up and was left alone for 10 s",
    "idle_cpu_percent":
        "user and system time of that lkd over the idle seconds, connected, nothing happening; "
        "they begin 75 s after the copy was acknowledged, as a minute after a pairing it looks once "
        "more for devices without a grant",
    "idle_wire_bytes_per_minute":
        "bytes on its interface over the idle seconds, scaled to a minute",
    "commits_per_second":
        "doc.set over the control socket, each sent after the answer to the one before; one "
        "device alone",
    "apply_edits_per_second":
        "edits written into the standard input of `lk apply`, one JSON line each, until it has "
        "ended, which is a durable commit; a process for every so many of them",
    "fsync_per_second":
        "for comparison: append 4 KiB and fdatasync, one after the other, in the same directory",
}


def commits(host, seconds):
    control = host.control()
    began, n = time.perf_counter(), 0
    while time.perf_counter() - began < seconds:
        control.call("doc.set", doc="bench", path=f"/key-{n % 100}", json=str(n))
        n += 1
    control.close()
    return n / (time.perf_counter() - began)


# Edits in one `lk apply`, and how often it is run.
APPLY_BATCHES = ((100, 100), (1000, 20), (10000, 5), (100000, 1))


def applies(host):
    """Edits a second through a pipe: keys of a map, and typing into a text."""
    forms = {"set": lambda i: {"set": f"/key-{i % 1000}", "value": i},
             "splice": lambda i: {"splice": "", "pos": i, "text": "x"}}
    out = {}
    for form, edit in forms.items():
        for batch, runs in APPLY_BATCHES:
            doc = f"apply-{form}-{batch}"
            host.ok("new", "--type", "text" if form == "splice" else "map", doc)
            lines = "".join(json.dumps(edit(i)) + "\n" for i in range(batch)).encode()
            began = time.perf_counter()
            for _ in range(runs):
                host.ok("apply", doc, input=lines)
            out[f"{form}_{batch}"] = round(batch * runs / (time.perf_counter() - began))
    return out


def fsyncs(folder, seconds):
    path = folder / "fsync"
    with open(path, "wb", buffering=0) as f:
        began, n = time.perf_counter(), 0
        while time.perf_counter() - began < seconds:
            f.write(b"\0" * 4096)
            os.fdatasync(f.fileno())
            n += 1
    path.unlink()
    return n / (time.perf_counter() - began)


def many(a, b, count, idle_seconds, out):
    a.ok("init", "--name", "first")
    a.start()
    out["documents"] = count
    out["documents_made_seconds"] = round(measured.fill(a, count), 1)
    b.ok("init", "--name", "second")
    pid = b.start()
    ticket = a.ok("pair", "--ticket").text.strip()
    before = b.wire_bytes()
    began = time.perf_counter()
    b.ok("pair", "--timeout", "30m", ticket, timeout=1900)
    out["documents_seconds"] = round(time.perf_counter() - began, 2)
    a.ok("sync", "--wait=all", "--timeout", "30m", timeout=1900)
    out["documents_acknowledged_seconds"] = round(time.perf_counter() - began, 2)
    out["documents_wire_bytes"] = sum(b.wire_bytes()) - sum(before)
    out["documents_wire_bytes_each"] = round(out["documents_wire_bytes"] / count, 1)
    here = len(b.ok("--json", "ls").json()["documents"])
    if here != count:
        raise Failed(f"{here} of {count} documents arrived")
    out["documents_store_bytes"] = measured.on_disk(b.home)["blocks_bytes"]
    out["idle_seconds"] = idle_seconds
    time.sleep(measured.SETTLE_SECONDS)
    out["idle_cpu_percent"], out["idle_wire_bytes_per_minute"] = measured.idle(b, pid, idle_seconds)
    out["idle_rss_mb"] = measured.memory_mb(pid, "VmRSS")
    out["idle_pss_mb"] = measured.memory_mb(pid, "Pss", "smaps_rollup")
    b.stop()
    pid = b.start()
    b.ok("sync", "--wait=all", "--timeout", "10m", timeout=700)
    time.sleep(measured.REST_SECONDS)
    out["idle_restarted_rss_mb"] = measured.memory_mb(pid, "VmRSS")


def measure(options):
    out = {"schema": "lk.bench/1", "commit": commit()}
    with World(("a", "b"), options.lk, options.mode, folder=options.dir) as world:
        out["machine"], out["network"] = measured.machine(world.dir), world.mode
        a, b = world["a"], world["b"]
        a.ok("init", "--name", "a")
        a.start()
        a.ok("new", "bench")
        a.ok("set", "bench", "/start", "1")
        out["fsync_per_second"] = round(fsyncs(world.dir, 2))
        out["commits_per_second"] = round(commits(a, 5))
        out["apply_edits_per_second"] = applies(a)
        b.ok("init", "--name", "b")
        b.start()
        b.ok("pair", a.ok("pair", "--ticket").text.strip())
        a.ok("sync", "--wait=all")
        out["edit_to_visible_ms"], out["edit_to_acknowledged_ms"] = measured.edits(a, b, options.edits)
    with World(("a", "b"), options.lk, options.mode, folder=options.dir) as world:
        many(world["a"], world["b"], options.documents, options.idle, out)
    out["methods"] = METHODS
    return out


def table(out):
    for key, value in out.items():
        if key in ("methods", "schema"):
            continue
        if isinstance(value, dict):
            value = ", ".join(f"{k} {v}" for k, v in value.items())
        print(f"{key:32} {value}")


def main():
    p = measured.arguments(__doc__, edits=500, documents=10000, idle=60)
    p.add_argument("--mode", choices=["auto", "netns", "loopback"], default="auto")
    measured.run(p.parse_args(), measure, table)


if __name__ == "__main__":
    main()
