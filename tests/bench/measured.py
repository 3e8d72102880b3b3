"""measured.py - what the benchmarks share: how a script of them runs and prints,
documents to measure with, and what daemons take of a machine.  Who imports it
finds tests/lan too."""
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


def arguments(doc, **numbers):
    """Of a script with this doc string: what all have, and numbers with their defaults."""
    p = argparse.ArgumentParser(usage=doc.rsplit("usage: ", 1)[1].strip().partition("\n")[0])
    p.add_argument("--lk")
    for name, default in numbers.items():
        p.add_argument(f"--{name}", type=int, default=default)
    p.add_argument("--json", action="store_true")
    p.add_argument("--dir", default="/tmp", help="where the stores are: a real disk")
    return p


def rows_measure(options, schema, rows):
    """Rows are {name: ((work, devices, network), ...)}.  Each work has a world of
    its own, and all of a row write into one table."""
    out = {"schema": schema, "commit": commit()}
    for row in options.only.split(",") if options.only else rows:
        if row not in rows:
            raise Failed(f"no row {row}: {', '.join(rows)}")
        began, out[row] = time.monotonic(), {}
        for work, names, mode in rows[row]:
            with World(names, options.lk, mode, folder=options.dir) as world:
                out.setdefault("machine", machine(world.dir))
                print(f"{row}, {mode}", file=sys.stderr)
                try:
                    work(world, options, out[row])
                except Failed as e:
                    out[row]["failed"] = str(e)
        out[row]["took_seconds"] = round(time.monotonic() - began)
        out[row]["load"] = round(os.getloadavg()[0], 1)
        print(f"  {json.dumps(out[row])}", file=sys.stderr)
    return out


def rows_print(out):
    for row, figures in out.items():
        print(row if isinstance(figures, dict) else f"{row:20} {figures}")
        for name, value in figures.items() if isinstance(figures, dict) else ():
            print(f"  {name:32} {value}")


def run(options, measure, table):
    """Measures, prints, and ends the script: 1 when something failed."""
    tidy_exit()
    try:
        out = measure(options)
    except Failed as e:
        sys.exit(f"bench: {e}")
    if not options.json:
        table(out)
    print(json.dumps(out))
    sys.exit(any(isinstance(row, dict) and "failed" in row for row in out.values()))


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


def on_disk(folder):
    """Files, what they say, and what the disk gives for that, folders included."""
    found = [(p.is_file(), p.lstat()) for p in folder.rglob("*")]
    return {"files": sum(is_file for is_file, _ in found), "bytes": sum(s.st_size for is_file, s in found if is_file),
            "blocks_bytes": sum(s.st_blocks * 512 for _, s in found)}


def idle(host, pid, seconds):
    cpu, wire, began = cpu_seconds(pid), sum(host.wire_bytes()), time.perf_counter()
    # Watching costs nothing either: nothing is to be seen.
    time.sleep(seconds)
    took = time.perf_counter() - began
    return (round((cpu_seconds(pid) - cpu) / took * 100, 3),
            round((sum(host.wire_bytes()) - wire) / took * 60))


def machine(folder):
    cpu = next((line.partition(":")[2].strip() for line in
                pathlib.Path("/proc/cpuinfo").read_text().splitlines()
                if line.startswith("model name")), platform.machine())
    kind = subprocess.run(["stat", "-f", "-c", "%T", folder], capture_output=True,
                          text=True, check=False).stdout.strip()
    return {"cpu": cpu, "cores": os.cpu_count(), "kernel": platform.release(),
            "file_system": kind}
