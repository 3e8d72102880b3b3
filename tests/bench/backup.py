#!/usr/bin/python3
"""backup.py - backups of lk beside those of restic: scripts/bench backup.

The same texts as documents and as files, to a folder on the same disk, the two by turns in each run, each run to a new
place.  What is measured is in docs/benchmarks.md.  A table for people with medians and what restic takes for one of lk,
then one line of JSON; with --json only that.

usage: backup.py [--lk PATH] [--documents N] [--runs N] [--json] [--dir DIR]
"""
import os
import pathlib
import random
import shutil
import statistics
import subprocess
import tempfile
import time

import measured
from measured import Failed

CHANGED = 100  # one of so many
AT_ONCE = 500  # files named in one command
ROWS = {
    "first": "s", "unchanged": "s", "check": "s", "check_structure": "s", "size": "bytes", "changed": "s",
    "unchanged_added": "bytes", "changed_added": "bytes", "restore": "s", "restore_files": "s",
}


def run(argv, env, cwd):
    """How long it took."""
    began = time.perf_counter()
    p = subprocess.run(list(map(str, argv)), env=env, cwd=cwd, stdin=subprocess.DEVNULL, capture_output=True,
                       check=False)
    took = time.perf_counter() - began
    if p.returncode != 0:
        raise Failed(f"{argv[:4]}: {p.returncode}: {p.stderr.decode()[-500:]}")
    return took, p.stdout


def size_of(folder):
    return measured.on_disk(folder)["bytes"]


class Lk:
    def __init__(self, lk, folder, texts):
        self.lk, self.folder, self.home = lk, folder, folder / "home"
        self.phrase = folder / "phrase"
        self.phrase.write_bytes(self.run("init", "--name", "laptop", "-q")[1])
        for i in range(0, len(texts), AT_ONCE):
            self.run("import", *texts[i:i + AT_ONCE])
        self.names = [t.stem for t in texts]

    def run(self, *args, home=None):
        home = home or self.home
        home.mkdir(mode=0o700, exist_ok=True)
        # Two devices of one person are not to meet here.
        (home / "config").write_text("discovery off\nlisten 127.0.0.1:0\n", encoding="ascii")
        env = {"PATH": os.environ["PATH"], "LANG": "C.UTF-8", "HOME": str(self.folder), "LK_HOME": str(home)}
        return run([self.lk, *args], env, self.folder)

    def change(self, some):
        for i in some:
            self.run("splice", self.names[i], "", "0", "0", "x")

    def measure(self, place, some):
        place.mkdir()
        phrase = ("--phrase-file", self.phrase)
        out = {"first": self.run("backup", "create", place)[0]}
        before = out["size"] = size_of(place)
        out["unchanged"] = self.run("backup", "create", place)[0]
        out["unchanged_added"], before = size_of(place) - before, size_of(place)
        out["check"] = self.run("backup", "check", place, *phrase)[0]
        out["check_structure"] = self.run("backup", "check", place, "--sealed")[0]
        self.change(some)
        out["changed"] = self.run("backup", "create", place)[0]
        out["changed_added"] = size_of(place) - before
        out["restore_files"] = self.run("backup", "restore", place, "--files", self.folder / "files", *phrase)[0]
        shutil.rmtree(self.folder / "files")
        self.run("daemon", "stop")
        new = self.folder / "new"
        out["restore"] = self.run("backup", "restore", place, "--name", "new", *phrase, home=new)[0]
        self.run("daemon", "stop", home=new)
        shutil.rmtree(new)
        return out


class Restic:
    def __init__(self, folder, texts):
        self.folder, self.texts = folder, texts
        self.env = {"PATH": os.environ["PATH"], "LANG": "C.UTF-8", "HOME": str(folder), "RESTIC_PASSWORD": "bench",
                    "RESTIC_CACHE_DIR": str(folder / "cache")}

    def run(self, place, *args):
        return run(["restic", "-r", place, "--quiet", *args], self.env, self.folder)[0]

    def measure(self, place, some):
        shutil.rmtree(self.folder / "cache", ignore_errors=True)
        self.run(place, "init")
        texts = self.texts[0].parent
        out = {"first": self.run(place, "backup", texts)}
        before = out["size"] = size_of(place)
        out["unchanged"] = self.run(place, "backup", texts)
        out["unchanged_added"], before = size_of(place) - before, size_of(place)
        out["check"] = self.run(place, "check", "--read-data")
        out["check_structure"] = self.run(place, "check")
        for i in some:
            self.texts[i].write_bytes(b"x" + self.texts[i].read_bytes())
        out["changed"] = self.run(place, "backup", texts)
        out["changed_added"] = size_of(place) - before
        out["restore_files"] = self.run(place, "restore", "latest", "--target", self.folder / "files")
        shutil.rmtree(self.folder / "files")
        return out


def medians(options, folder):
    rng = random.Random(1)
    texts = []
    (folder / "texts").mkdir()
    for i in range(options.documents):
        texts.append(folder / "texts" / f"t{i}.txt")
        texts[-1].write_text(rng.randbytes(measured.DOCUMENT_BYTES // 2).hex(), encoding="ascii")
    (folder / "lk").mkdir()
    (folder / "restic").mkdir()
    lk = pathlib.Path(options.lk or "build/release/lk").resolve()
    beside = [Lk(lk, folder / "lk", texts), Restic(folder / "restic", texts)]
    runs = {"lk": [], "restic": []}
    try:
        for n in range(options.runs):
            some = rng.sample(range(options.documents), options.documents // CHANGED)
            for what in beside:
                name = type(what).__name__.lower()
                runs[name].append(what.measure(folder / name / f"place{n}", some))
    finally:
        beside[0].run("daemon", "stop")
    return {name: {row: round(statistics.median(r[row] for r in all_), 4) for row in all_[0]}
            for name, all_ in runs.items()}


def measure(options):
    if shutil.which("restic") is None:
        raise Failed("restic is not there: scripts/setup --bench")
    version = subprocess.run(["restic", "version"], capture_output=True, text=True, check=True).stdout.split()[1]
    folder = pathlib.Path(tempfile.mkdtemp(prefix="lkb.", dir=options.dir))
    out = {"schema": "lk.bench.backup/1", "commit": measured.commit(), "machine": measured.machine(folder),
           "documents": options.documents, "runs": options.runs, "restic_version": version}
    try:
        out.update(medians(options, folder))
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    out["load"] = round(os.getloadavg()[0], 1)
    return out


def table(out):
    print(f"{'':18}{'lk':>12}{'restic':>12}{'ratio':>8}")
    for row, unit in ROWS.items():
        lk, restic = (out[n].get(row) for n in ("lk", "restic"))
        ratio = f"{restic / lk:8.1f}" if lk and restic else ""
        cells = "".join("" .rjust(12) if v is None else f"{v:12.2f}" if unit == "s" else f"{v:12,.0f}"
                        for v in (lk, restic))
        print(f"{row:18}{cells}{ratio}  {unit}")


def main():
    measured.run(measured.arguments(__doc__, documents=10000, runs=5).parse_args(), measure, table)


if __name__ == "__main__":
    main()
