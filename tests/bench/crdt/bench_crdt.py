#!/usr/bin/python3
"""bench_crdt.py - the document engine beside automerge, yjs and loro.

Every figure is the median of cold processes, ours and the others' in turn, one
at a time.  What is measured is in docs/performance.md.  A table, then one line
of JSON; with --json only that.

usage: bench_crdt.py --program PATH [--runs N] [--only WORD]... [--ours] [--json] [--dir DIR]
"""
import argparse
import json
import os
import pathlib
import platform
import shutil
import statistics
import subprocess
import sys
import tempfile
import time

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))
import trace_file  # noqa: E402

LIBRARIES = ("automerge", "yjs", "loro")
PACKAGES = {"automerge": "@automerge/automerge", "yjs": "yjs", "loro": "loro-crdt"}
PAPER = "automerge-paper"
KEYS, HEADS, LARGE = 1000000, 100000, 10000000
# One process may take this long; more is reported as that.  What a package
# needs longer than SLOW for is done once.
TIMEOUT, SLOW = 300, 20


class Peers:
    """The npm packages, installed when there is a registry."""

    def __init__(self, wanted):
        self.here = []
        if not wanted:
            return
        if shutil.which("npm") is None or shutil.which("node") is None:
            print("bench: no node and npm: only ours is measured", file=sys.stderr)
            return
        if not (HERE / "node_modules" / "yjs").is_dir():
            made = subprocess.run(["npm", "ci", "--silent", "--no-fund", "--no-audit"], cwd=HERE,
                                  stdin=subprocess.DEVNULL, capture_output=True, text=True)
            if made.returncode != 0:
                print("bench: npm has no registry, only ours is measured: "
                      + made.stderr.strip().split("\n")[0], file=sys.stderr)
                return
        self.here = list(LIBRARIES)

    def version(self, library):
        manifest = HERE / "node_modules" / PACKAGES[library] / "package.json"
        return json.loads(manifest.read_text())["version"]


class Bench:
    def __init__(self, args, work, peers):
        self.args, self.work, self.peers = args, work, peers
        self.rows = []

    def path(self, name):
        return str(self.work / name)

    def once(self, command):
        try:
            done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True,
                                  timeout=TIMEOUT)
        except subprocess.TimeoutExpired:
            return {"failed": f"over {TIMEOUT} s"}
        if done.returncode != 0:
            return {"failed": (done.stderr.strip().split("\n") or ["?"])[-1][:200]}
        result = json.loads(done.stdout.strip().split("\n")[-1])
        return {**result, **result["phases"]}

    def ours(self, *arguments):
        return self.once([self.args.program, *map(str, arguments)])

    def peer(self, library, *arguments):
        return self.once(["node", str(HERE / "peers.mjs"), library, *map(str, arguments)])

    def row(self, name, aim, ours, others=None, key="ms"):
        """Runs each of them in turn, as often as asked for.  others: the arguments of each
        library; the figure is what they print as `key`."""
        if self.args.only and not any(word in name for word in self.args.only):
            return
        runs = {"lk": [], **{library: [] for library in others or {} if library in self.peers.here}}
        for _ in range(self.args.runs):
            runs["lk"].append(self.ours(*ours))
            for library in runs:
                if library != "lk" and not any(done_with(run) for run in runs[library]):
                    runs[library].append(self.peer(library, *others[library]))
        row = {"row": name, "aim": aim, **{who: median(all_of, key) for who, all_of in runs.items()}}
        self.rows.append(row)
        if not self.args.json:
            show(row)


def done_with(run):
    return "failed" in run or run["ms"] > 1000 * SLOW


def median(runs, key):
    failed = [run["failed"] for run in runs if "failed" in run]
    if failed:
        return {"failed": failed[0]}
    middle = lambda values: round(statistics.median(values), 3)  # noqa: E731
    out = {"figure": middle(run[key] for run in runs), "runs": len(runs)}
    out["cpu"] = middle(run["cpu"].get(key, run["cpu_ms"]) for run in runs)
    for name in ("rss_kb", "rss_before_kb", "bytes", "length", "sum", "worst_ms"):
        if name in runs[0]:
            out[name] = middle(run[name] for run in runs)
    out["phases"] = {name: middle(run["phases"].get(name, 0) for run in runs)
                     for name in runs[0]["phases"]}
    return out


def span(ms):
    return f"{ms / 1000:.3g} s" if ms >= 1000 else f"{ms:.3g} ms"


def cell(figures, ours):
    if figures is None:
        return "-"
    if "failed" in figures:
        return figures["failed"][:30]
    text = f"{span(figures['figure'])} (cpu {span(figures['cpu'])}), {figures['rss_kb'] / 1024:.0f} MB"
    if "bytes" in figures:
        text += f", {figures['bytes']:,.0f} B"
    if ours and ours.get("figure"):
        text += f", {figures['figure'] / ours['figure']:.3g}x"
    return text


def show(row):
    cells = [cell(row["lk"], None)] + [cell(row.get(who), row["lk"]) for who in LIBRARIES]
    print("| {} | {} | {} |".format(row["row"], row["aim"] or "", " | ".join(cells)), flush=True)


def traces(work):
    """Writes the traces that are there; name -> where it is from."""
    shared = pathlib.Path(os.environ.get("LK_SHARED", HERE.parents[2].parent / "shared"))
    used = {}
    for name in (PAPER, "friendsforever", "clownschool"):
        source = shared / "data" / "traces" / f"{name}.json.gz"
        if source.is_file():
            trace_file.write(work / f"{name}.trace", trace_file.read(source))
            used[name] = "josephg/editing-traces"
        elif name == PAPER:
            print(f"bench: no {source}: a generated trace instead", file=sys.stderr)
            trace_file.write(work / f"{name}.trace", trace_file.generated())
            used[name] = "generated"
        else:
            print(f"bench: no {source}: left out", file=sys.stderr)
    return used


def need(result, what):
    if "failed" in result:
        raise SystemExit(f"bench: {what}: {result['failed']}")


def measure_paper(bench):
    path = bench.path
    trace = path(f"{PAPER}.trace")
    for how, name, aims in (("each", "one change per edit", ("500 ms, 40 MB", "600 ms, 40 MB")),
                            ("one", "one change", ("150 ms", "60 ms"))):
        changes, saved, store = path(f"changes.{how}"), path(f"saved.{how}"), path(f"store.{how}")
        need(bench.ours("replay", trace, how, changes), "replay")
        need(bench.ours("save", changes, saved), "save")
        need(bench.ours("store-text", changes, store), "store-text")
        bench.row(f"replay, {name}", aims[0], ("replay", trace, how, path("scratch")),
                  {library: ("replay", trace, how, path(f"{library}.{how}"))
                   for library in LIBRARIES})
        # Automerge gets our file; the others' own were written just now.
        files = {"automerge": saved, "yjs": path(f"yjs.{how}"), "loro": path(f"loro.{how}")}
        theirs = {library: files[library] for library in LIBRARIES
                  if pathlib.Path(files[library]).exists()}
        bench.row(f"load, {name}", aims[1], ("load", saved),
                  {library: ("load", file) for library, file in theirs.items()})
        bench.row(f"save, {name}", "30 ms, 129,200 B", ("save", changes, path("scratch")),
                  {library: ("save", file) for library, file in theirs.items()}, key="write")
        bench.row(f"first read from the store, {name}", "5 ms", ("store-read", store))
    for where, first in (("first", 1), ("middle", 130000)):
        bench.row(f"view at the {where} of 260,000 changes", None,
                  ("view", path("changes.each"), first), key="view")
    bench.row("merge 1,000 against 1,000 concurrent edits", "5 ms",
              ("merge", path("changes.one"), path("scratch")),
              {library: ("merge", file) for library, file in theirs.items()}, key="merge")


def measure_others(bench, used):
    path = bench.path
    for name in ("friendsforever", "clownschool"):
        if name in used:
            arguments = ("concurrent", path(f"{name}.trace"))
            bench.row(f"concurrent trace {name}", None, arguments,
                      {library: arguments for library in LIBRARIES})
    for name, arguments in (("1,000 actors", ("actors", 1000, 20)),
                            (f"{HEADS:,} heads merged", ("heads", HEADS)),
                            (f"{LARGE // 1000000} MB of text", ("large", LARGE))):
        word = arguments[0]
        changes, saved = path(f"changes.{word}"), path(f"saved.{word}")
        need(bench.ours(*arguments, changes), word)
        bench.row(f"{name}: edit", None, (*arguments, path("scratch")),
                  {library: (*arguments, path(f"{library}.{word}")) for library in LIBRARIES}
                  if word == "large" else None)
        bench.row(f"{name}: save", None, ("save", changes, saved), key="write")
        bench.row(f"{name}: load", None, ("load", saved), {"automerge": ("load", saved)})
    need(bench.ours("store-text", changes, path("store.large")), "store-text")
    bench.row(f"{name}: first read from the store", None, ("store-read", path("store.large")))


def measure_map(bench, memory):
    """Where syncing costs nothing: a file system in memory."""
    with tempfile.TemporaryDirectory(dir=memory) as folder:
        need(bench.ours("store-map", f"{folder}/map", KEYS), "store-map")
        bench.row(f"one edit of a map of {KEYS:,} keys in the store, no disk sync", "0.2 ms",
                  ("store-edit", f"{folder}/map", KEYS), key="median_ms")


def machine():
    for line in pathlib.Path("/proc/cpuinfo").read_text().split("\n"):
        if line.startswith("model name"):
            return line.split(":", 1)[1].strip()
    return platform.processor()


def main():
    p = argparse.ArgumentParser(usage=__doc__.rsplit("usage: ", 1)[1].strip())
    p.add_argument("--program", required=True)
    p.add_argument("--runs", type=int, default=5)
    p.add_argument("--only", action="append", help="rows whose name has this word in it")
    p.add_argument("--ours", action="store_true", help="leave the npm packages out")
    p.add_argument("--json", action="store_true")
    p.add_argument("--dir", default="/tmp", help="where files and stores are: a real disk")
    p.add_argument("--memory", default="/dev/shm", help="a file system in memory")
    args = p.parse_args()
    peers = Peers(not args.ours)
    with tempfile.TemporaryDirectory(dir=args.dir, prefix="lk-bench-") as folder:
        bench = Bench(args, pathlib.Path(folder), peers)
        used = traces(bench.work)
        if not args.json:
            print("| | aim | lk | " + " | ".join(LIBRARIES) + " |\n|---|---|---|---|---|---|")
        measure_paper(bench)
        measure_others(bench, used)
        measure_map(bench, args.memory)
    print(json.dumps({"schema": "lk-bench-crdt 1", "when": time.strftime("%Y-%m-%dT%H:%M:%SZ",
                                                                       time.gmtime()),
                      "cpu": machine(), "cores": os.cpu_count(), "load": os.getloadavg()[0],
                      "runs": args.runs, "traces": used,
                      "versions": {library: peers.version(library) for library in peers.here},
                      "rows": bench.rows}))
    return 0


if __name__ == "__main__":
    sys.exit(main())
