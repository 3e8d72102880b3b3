#!/usr/bin/python3
"""mirrors.py - folders on several devices, real tools, pulled plugs, kill -9.

Three devices of one person mirror one document.  Cables are pulled, files are
written by the tools people use, daemons are killed at any moment, and after
every seed all is plugged in again.  Then:

  every token that was written, and that nobody has deleted, is in every folder
  the folders are equal, byte for byte, programs included
  nothing is called a conflict, and nothing of ours is left lying about

A tool that reads a file and writes it back, as sed -i does, runs only where
nothing arrives meanwhile: what it has not read it cannot keep.

usage: mirrors.py [--seed N] [--runs N] [--steps N] [--mode netns|loopback] [--lk PATH] [--keep]
"""
import argparse
import os
import pathlib
import random
import re
import stat
import subprocess
import sys
import threading
import time

from world import Failed, World, commit, tidy_exit, until

NAMES = ("laptop", "phone", "tablet")
# One CJK character each: no edit can cut one in two.
TOKEN = re.compile("[\u4e00-\u9fff]")
FIRST_TOKEN = 0x4E00
FILES = ("a.md", "b.txt", "sub/c.py", "sub/deep/d.json", "e")
QUIET = 20  # seconds until all folders must be equal


class Ledger:
    def __init__(self):
        self.lock = threading.Lock()
        self.next, self.written, self.deleted, self.steps = 0, {}, set(), []

    def token(self):
        with self.lock:
            self.next += 1
            return chr(FIRST_TOKEN + self.next)


def tokens(path):
    try:
        return set(TOKEN.findall(path.read_bytes().decode("utf-8", "ignore")))
    except (FileNotFoundError, NotADirectoryError, IsADirectoryError):
        return set()


def tree(folder):
    """What a folder holds: path -> content and x."""
    found = {}
    for path in sorted(folder.rglob("*")):
        name = str(path.relative_to(folder))
        if {".lk-mirror", ".git"} & set(path.parts):
            continue
        try:
            mode = path.lstat().st_mode
            if stat.S_ISREG(mode):
                found[name] = (path.read_bytes(), bool(mode & 0o100))
        except FileNotFoundError:
            pass
    return found


def tokens_in(folder):
    """Of what is mirrored: in a repository's objects, which are compressed, any
    character may appear."""
    return set().union(*(tokens(p) for p in folder.rglob("*")
                         if not {".lk-mirror", ".git"} & set(p.relative_to(folder).parts)))


def shell(folder, script, *args):
    """Runs what a person would type; a file that is not there is no matter."""
    subprocess.run(["sh", "-c", script, "sh", *args], cwd=folder, check=False,
                   stdin=subprocess.DEVNULL, timeout=60,
                   stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
                   env={**os.environ, "LC_ALL": "C.UTF-8", "EXINIT": ""})


# Tools that only add: they may run while something arrives.
ADDING = {
    "append": 'mkdir -p "$(dirname "$1")"; echo "$2" >>"$1"',
    "partly": 'mkdir -p "$(dirname "$1")"; { printf "%s" "$2" | head -c 1; sleep 0.02; '
              'echo "$2" | tail -c +2; } >>"$1"',
    "new": 'mkdir -p "$(dirname "$1")"; echo "$2" >"$1.new-$2"',
    "binary": 'printf "%s\\000\\001" "$2" >"bin-$2"',
}
# Tools that read and write back, or take something away.
REWRITING = {
    "first": 'mkdir -p "$(dirname "$1")"; { echo "$2"; cat "$1"; } >tmp.$2; mv tmp.$2 "$1"',
    "sed": 'sed -i "1s/\\$/ $2/" "$1"',
    "sed-delete": 'sed -i "2d" "$1"; echo "$2" >>"$1"',
    "ed": 'printf "0a\\n%s\\n.\\nw\\nq\\n" "$2" | ed -s "$1"',
    "vim": 'vim -Nu NONE -es -c "normal Go$2" -c wq "$1"',
    "vim-in-place": 'vim -Nu NONE -es -c "set backupcopy=yes" -c "normal ggO$2" -c wq "$1"',
    "over": 'mkdir -p "$(dirname "$1")"; echo "$2" >"$1"',
    "truncate": 'truncate -cs 0 "$1"; echo "$2" >>"$1"',
    "remove": 'rm "$1"',
    "move": 'mv "$1" "$1-moved-$2"',
    "move-over": 'mv "$1" "$3"',
    "copy": 'cp "$1" "$1-copy"; echo "$2" >>"$1-copy"',
    "exec": 'chmod +x "$1"; echo "$2" >>"$1"',
    "git": 'git init -q . 2>/dev/null; git add -A; git -c user.name=x -c user.email=x@x commit -qm x; '
           'echo "$2" >>"$1"; git -c user.name=x -c user.email=x@x commit -qam y; '
           'git checkout -q HEAD~ 2>/dev/null; git checkout -q -',
}


def step(host, folder, rng, ledger, alone):
    name = rng.choice(sorted({**ADDING, **REWRITING} if alone else ADDING))
    script = ADDING.get(name) or REWRITING[name]
    path, other = rng.choice(FILES), rng.choice(FILES)
    token = ledger.token()
    with ledger.lock:
        ledger.steps.append(f"{host.name}: {name} {path} {token} {other}")
    before = tokens_in(folder) if alone else set()
    shell(folder, script, path, token, other)
    after = tokens_in(folder)
    with ledger.lock:
        if token in after or not alone and name != "binary":
            ledger.written[token] = host.name
        ledger.deleted |= before - after


def pending(host):
    result = host.lk("--json", "mirror", "status")
    if result.code != 0:
        return ["not running"]
    found = []
    for m in result.json()["mirrors"]:
        if m["state"] != "live" or m["pending"] > 0 or m["troubles"]:
            found.append(m)
    return found


def settled(host):
    until(f"{host.name} is at rest", QUIET, lambda: not pending(host))


def burst(host, folder, rng, ledger, options, alone):
    """Some steps on one device, with its daemon killed in between."""
    killed = 0
    if alone:
        settled(host)
    for _ in range(rng.randint(1, options.steps)):
        killer = None
        if rng.random() < 0.4:
            pids = host.running()
            killer = threading.Timer(rng.random() * 0.08,
                                     lambda pids=pids: [host.kill(p) for p in pids])
            killer.start()
            killed += 1
        step(host, folder, rng, ledger, alone)
        if killer is not None:
            killer.join()
            host.start()
            if alone:
                settled(host)
    return killed


def in_step(world, folders):
    trees = [tree(folders[h.name]) for h in world]
    return all(t == trees[0] for t in trees) and not any(pending(h) for h in world)


def differences(world, folders):
    trees = {h.name: tree(folders[h.name]) for h in world}
    said = ""
    for name in sorted(set().union(*trees.values())):
        held = {n: t.get(name) for n, t in trees.items()}
        if len(set(held.values())) > 1:
            said += f"  {name}: {held}\n"
    for h in world:
        said += f"  {h.name}: {pending(h)}\n"
    return said


def check(world, folders, ledger):
    end = time.monotonic() + QUIET
    while not in_step(world, folders):
        if time.monotonic() > end:
            raise Failed("the folders differ:\n" + differences(world, folders))
        time.sleep(0.05)
    held = set()
    for name, (content, _) in tree(folders[NAMES[0]]).items():
        held |= set(TOKEN.findall(content.decode("utf-8", "ignore")))
        if "conflict" in name or ".lk-" in name:
            raise Failed(f"{name} lies about")
    lost = {t for t in ledger.written if t not in held and t not in ledger.deleted}
    if lost:
        raise Failed(f"lost: {sorted(lost)}, written on "
                     f"{ {ledger.written[t] for t in lost} }")


def found(world, folders):
    hosts = list(world)
    for h in hosts:
        h.init()
    for h in hosts[1:]:
        h.ok("pair", hosts[0].ok("pair", "--ticket").text.strip())
    hosts[0].ok("new", "files")
    for h in hosts:
        h.ok("sync", "--wait=all", "--timeout", "30s")
        folders[h.name].mkdir()
        h.ok("mirror", "add", str(folders[h.name]), "files")
    # So many that a few that go are no reason to ask.
    for n in range(30):
        (folders[NAMES[0]] / f"filler-{n}").write_text(f"{n}\n")


def one(world, folders, seed, options):
    rng = random.Random(seed)
    ledger = Ledger()
    ledger.next = (seed - options.seed) * 100
    killed = 0
    try:
        for _ in range(rng.randint(1, 2)):
            hosts = list(world)
            rng.shuffle(hosts)
            together = rng.choice([0, 2, 3])
            world.cut(hosts[:together])
            work = [threading.Thread(target=lambda: None)]
            counts = []
            for i, h in enumerate(hosts):
                alone = i >= together
                if world.mode == "loopback" and not alone and i > 0:
                    continue
                seed_ = rng.random()
                work.append(threading.Thread(target=lambda h=h, a=alone, s=seed_: counts.append(
                    attempt(burst, h, folders[h.name], random.Random(s), ledger, options, a))))
            for t in work:
                t.start()
                if world.mode == "loopback":
                    t.join()
            for t in work:
                t.join()
            for c in counts:
                if isinstance(c, Failed):
                    raise c
                killed += c
        world.heal()
        check(world, folders, ledger)
    except Failed as e:
        steps = "\n".join("  " + s for s in ledger.steps)
        raise Failed(f"{e}\n{steps}\n{world.reports()}{world.logs()}") from None
    return len(ledger.written), len(ledger.deleted), killed


def attempt(what, *args):
    try:
        return what(*args)
    except Failed as e:
        return e


def main():
    p = argparse.ArgumentParser(usage=__doc__.rsplit("usage: ", 1)[1].strip())
    p.add_argument("--seed", type=int, default=1)
    p.add_argument("--runs", type=int, default=1)
    p.add_argument("--steps", type=int, default=4)
    p.add_argument("--mode", choices=["auto", "netns", "loopback"], default="auto")
    p.add_argument("--lk")
    p.add_argument("--keep", action="store_true")
    options = p.parse_args()
    tidy_exit()
    began = time.monotonic()
    totals = [0, 0, 0]
    seed = options.seed
    try:
        with World(NAMES, options.lk, options.mode, options.keep) as world:
            folders = {h.name: pathlib.Path(world.dir) / f"{h.name}-files" for h in world}
            found(world, folders)
            for seed in range(options.seed, options.seed + options.runs):
                totals = [a + b for a, b in zip(totals, one(world, folders, seed, options))]
            world.settle()
            mode = world.mode
    except Failed as e:
        print(f"not ok: mirrors seed {seed} of a run from {options.seed}, commit {commit()}\n{e}",
              flush=True)
        return 1
    print(f"ok: mirrors seeds {options.seed} to {seed}: {totals[0]} tokens, {totals[1]} deleted, "
          f"{totals[2]} daemons killed, {mode}, {time.monotonic() - began:.1f} s", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
