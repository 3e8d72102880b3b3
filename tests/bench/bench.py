#!/usr/bin/python3
"""bench.py - what lk costs: delay, first copy, idle, commits.

Two devices of one person, each in a network namespace, on one bridge.  What is
measured and how is in docs/benchmarks.md; the JSON says it again beside every
figure.  A table for people, then one line of JSON; with --json only that.

usage: bench.py [--lk PATH] [--edits N] [--documents N] [--idle SECONDS] [--mode netns|loopback] [--json] [--dir DIR]
"""
import argparse
import base64
import json
import os
import pathlib
import platform
import selectors
import subprocess
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "lan"))
from world import Failed, World, commit, tidy_exit  # noqa: E402

DOCUMENT_BYTES = 200
# A minute after a pairing a device looks whether grants are left to be made.
SETTLE_SECONDS = 75
REST_SECONDS = 10
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


def percentile(values, p):
    values = sorted(values)
    return values[min(len(values) - 1, int(p / 100 * len(values)))]


def spread(values):
    return {"p50": round(percentile(values, 50) * 1e3, 2),
            "p99": round(percentile(values, 99) * 1e3, 2),
            "n": len(values)}


class Watch:
    """A live `lk watch`, and when each of its lines was read."""

    def __init__(self, host, doc, since):
        self.process = host.popen("watch", doc, "--json", "--since", str(since),
                                  stdout=subprocess.PIPE, bufsize=0)
        self.ready = selectors.DefaultSelector()
        self.ready.register(self.process.stdout, selectors.EVENT_READ)
        self.held = b""

    def line(self, timeout=30):
        while b"\n" not in self.held:
            if not self.ready.select(timeout):
                raise Failed("watch: no line")
            self.held += os.read(self.process.stdout.fileno(), 65536)
        at = time.perf_counter()
        line, _, self.held = self.held.partition(b"\n")
        return at, json.loads(line)

    def close(self):
        self.process.terminate()
        self.process.wait()
        self.process.stdout.close()


def edits(a, b, count):
    """Every edit on A until it is seen on B."""
    cursor = max(e["cursor"] for e in b.ok("--json", "log", "bench").lines())
    watch, control = Watch(b, "bench", cursor), a.control()
    seen, acknowledged = [], []
    for i in range(count + 20):
        began = time.perf_counter()
        control.call("doc.set", doc="bench", path=f"/key-{i}", json='"0123456789abcdef"')
        acknowledged.append(time.perf_counter() - began)
        at, _ = watch.line()
        seen.append(at - began)
    watch.close()
    control.close()
    # The first ones warm up caches.
    return spread(seen[20:]), spread(acknowledged[20:])


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


def fill(host, count, first=0):
    """Many texts, through the control socket: a process each takes longer."""
    control, began = host.control(), time.perf_counter()
    for i in range(first, first + count):
        text = (f"document {i} " + os.urandom(DOCUMENT_BYTES).hex())[:DOCUMENT_BYTES]
        handle = control.call("upload.begin")["handle"]
        control.call("upload.append", handle=handle,
                     data=base64.b64encode(text.encode()).decode())
        control.call("doc.import", name=f"doc-{i:05}", format="text", upload=handle)
    control.close()
    return time.perf_counter() - began


def memory_mb(pid, name, file="status"):
    for line in pathlib.Path(f"/proc/{pid}/{file}").read_text().splitlines():
        if line.startswith(f"{name}:"):
            return round(int(line.split()[1]) / 1024, 1)
    raise Failed(f"no {name} of {pid}")


def cpu_seconds(pid):
    fields = pathlib.Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def disk_bytes(folder):
    return sum(p.lstat().st_blocks * 512 for p in folder.rglob("*") if p.is_file())


def idle(host, pid, seconds):
    cpu, wire, began = cpu_seconds(pid), sum(host.wire_bytes()), time.perf_counter()
    # Watching costs nothing either: nothing is to be seen.
    time.sleep(seconds)
    took = time.perf_counter() - began
    return (round((cpu_seconds(pid) - cpu) / took * 100, 3),
            round((sum(host.wire_bytes()) - wire) / took * 60))


def many(a, b, count, idle_seconds, out):
    a.ok("init", "--name", "first")
    a.start()
    out["documents"] = count
    out["documents_made_seconds"] = round(fill(a, count), 1)
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
    out["documents_store_bytes"] = disk_bytes(b.home)
    out["idle_seconds"] = idle_seconds
    time.sleep(SETTLE_SECONDS)
    out["idle_cpu_percent"], out["idle_wire_bytes_per_minute"] = idle(b, pid, idle_seconds)
    out["idle_rss_mb"] = memory_mb(pid, "VmRSS")
    out["idle_pss_mb"] = memory_mb(pid, "Pss", "smaps_rollup")
    b.stop()
    pid = b.start()
    b.ok("sync", "--wait=all", "--timeout", "10m", timeout=700)
    time.sleep(REST_SECONDS)
    out["idle_restarted_rss_mb"] = memory_mb(pid, "VmRSS")


def machine(folder):
    cpu = next((line.partition(":")[2].strip() for line in
                pathlib.Path("/proc/cpuinfo").read_text().splitlines()
                if line.startswith("model name")), platform.machine())
    kind = subprocess.run(["stat", "-f", "-c", "%T", folder], capture_output=True,
                          text=True, check=False).stdout.strip()
    return {"cpu": cpu, "cores": os.cpu_count(), "kernel": platform.release(),
            "file_system": kind}


def measure(options):
    out = {"schema": "lk.bench/1", "commit": commit()}
    with World(("a", "b"), options.lk, options.mode, folder=options.dir) as world:
        out["machine"], out["network"] = machine(world.dir), world.mode
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
        out["edit_to_visible_ms"], out["edit_to_acknowledged_ms"] = edits(a, b, options.edits)
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
    p = argparse.ArgumentParser(usage=__doc__.rsplit("usage: ", 1)[1].strip())
    p.add_argument("--lk")
    p.add_argument("--edits", type=int, default=500)
    p.add_argument("--documents", type=int, default=10000)
    p.add_argument("--idle", type=int, default=60)
    p.add_argument("--mode", choices=["auto", "netns", "loopback"], default="auto")
    p.add_argument("--json", action="store_true")
    p.add_argument("--dir", default="/tmp", help="where the stores are: a real disk")
    options = p.parse_args()
    tidy_exit()
    out = measure(options)
    if not options.json:
        table(out)
    print(json.dumps(out))
    return 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except Failed as e:
        print(f"bench: {e}", file=sys.stderr)
        sys.exit(1)
