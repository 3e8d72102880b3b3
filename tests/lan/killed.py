#!/usr/bin/python3
"""killed.py - a mirror's daemon is killed at its every write.

Two devices mirror one document.  While the daemon of one is down, files are
written, moved and deleted on both sides; then it is started under
lk_killed_at, which kills it where it is about to enter its N-th system call
that writes to a file, a folder or a socket.  It also finds what an earlier crash
left when it had just exchanged a file that somebody saved at that moment.
Somebody goes on writing into the folder it left, it is started again, and all of
mirrors.py must hold.  N goes
up by `--every` until the daemon has done all its work before it is reached.

usage: killed.py --tool LK_KILLED_AT [--every N] [--first N] [--mode netns|loopback] [--lk PATH] [--keep]
"""
import argparse
import json
import pathlib
import subprocess
import sys
import time

from mirrors import Ledger, QUIET, check, pending, shell, tokens
from world import Failed, World, commit, tidy_exit, until

BEFORE_HERE = [
    'echo "$1" >>a.md', 'sed -i "2s/$/ $1/" b.txt', 'echo "$1" >"new-$1"', 'mv "moves-$0" "moved-$0"',
    'rm -f "goes-$0"', 'echo "$1" >>sub/c.py', 'vim -Nu NONE -es -c "normal ggO$1" -c wq e',
]
BEFORE_THERE = [
    'sed -i "1s/^/$1 /" a.md', 'echo "$1" >>b.txt', 'echo "$1" >>"moves-$0"', 'echo "$1" >"other-$1"',
    'printf "$1\\n" | cat - sub/c.py >t; mv t sub/c.py', 'chmod +x e', 'echo "$1" >>"goes-$0"',
]
AFTER_HERE = ['echo "$1" >>a.md', 'echo "$1" >>"moved-$0"', 'sed -i "3s/$/ $1/" b.txt', 'echo "$1" >"late-$1"']


def write(host, folder, ledger, scripts, name):
    for script in scripts:
        token = ledger.token()
        before = set().union(*(tokens(p) for p in folder.rglob("*")))
        subprocess.run(["sh", "-c", script, name, token], cwd=folder, check=False,
                       stdin=subprocess.DEVNULL, timeout=30,
                       stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        after = set().union(*(tokens(p) for p in folder.rglob("*")))
        if token in after:
            ledger.written[token] = host.name
        ledger.deleted |= before - after
        ledger.steps.append(f"{host.name}: {script} {token}")


def set_aside(host, folder, ids, ledger):
    """What comes out of an exchange: the file with what was saved meanwhile."""
    for name, put in (("a.md", ""), ("b.txt", "-" + 16 * "0")):
        path, token = folder / name, ledger.token()
        if path.exists() and name in ids:
            aside = folder / f".lk-out-{ids[name]}{put}"
            aside.write_text(path.read_text() + f"aside {token}\n")
            ledger.written[token] = host.name
            ledger.steps.append(f"{host.name}: {aside.name} {token}")


def ids_of(host):
    entries = json.loads(host.ok("get", "files").text)
    return {e["path"]: i for i, e in entries.items() if "gone" not in e}


def at_rest(world, folders, ledger, what):
    try:
        check(world, folders, ledger)
    except Failed as e:
        steps = "\n".join("  " + s for s in ledger.steps[-40:])
        raise Failed(f"{what}: {e}\n{steps}\n{world.reports()}{world.logs()}") from None


def ended(host, p):
    """Ends it; whether it was killed at that, which is writing too."""
    try:
        host.stop()
    except Failed:
        if p.wait() == 137:
            return True
        raise
    p.wait()
    return False


def killed_run(world, folders, tool, n):
    """Starts lkd so that it is killed at its n-th write; whether it was."""
    host = world["phone"]
    p = subprocess.Popen(host.argv(str(tool), str(n), str(host.lk_path.with_name("lkd")), "-f"),
                         env=host.env, cwd=world.dir, stdin=subprocess.DEVNULL,
                         stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    end = time.monotonic() + QUIET
    while p.poll() is None:
        if time.monotonic() > end:
            host.stop()
            p.wait()
            raise Failed(f"write {n}: it neither ends nor comes to rest")
        # Asking is writing too: only the other side is asked.
        if folders_equal(folders) and not pending(world["laptop"]):
            time.sleep(0.3)
            if p.poll() is None:
                return ended(host, p)
        time.sleep(0.02)
    return p.returncode == 137


def folders_equal(folders):
    from mirrors import tree
    trees = [tree(f) for f in folders.values()]
    return all(t == trees[0] for t in trees)


def one(world, folders, ledger, tool, n):
    laptop, phone = world["laptop"], world["phone"]
    name = str(n)
    for kind in ("moves", "goes"):
        (folders["laptop"] / f"{kind}-{name}").write_text(f"{kind}\n")
    at_rest(world, folders, ledger, f"before write {n}")
    ids = ids_of(laptop)
    phone.stop()
    world.cut([laptop])
    set_aside(phone, folders["phone"], ids, ledger)
    write(phone, folders["phone"], ledger, BEFORE_HERE, name)
    write(laptop, folders["laptop"], ledger, BEFORE_THERE, name)
    until("the other side is at rest", QUIET, lambda: not pending(laptop))
    world.cut([laptop, phone])
    killed = killed_run(world, folders, tool, n)
    write(phone, folders["phone"], ledger, AFTER_HERE, name)
    phone.start()
    at_rest(world, folders, ledger, f"killed at write {n}")
    return killed


def found(world, folders):
    laptop, phone = world["laptop"], world["phone"]
    laptop.init()
    phone.init()
    phone.ok("pair", laptop.ok("pair", "--ticket").text.strip())
    laptop.ok("new", "files")
    phone.ok("sync", "--wait=all", "--timeout", "30s")
    for h in world:
        folders[h.name].mkdir()
        h.ok("mirror", "add", str(folders[h.name]), "files")
    shell(folders["laptop"], "mkdir sub; for f in a.md b.txt sub/c.py e; do "
                             "seq 5 >$f; done; for i in $(seq 20); do echo $i >filler-$i; done")


def main():
    p = argparse.ArgumentParser(usage=__doc__.rsplit("usage: ", 1)[1].strip())
    p.add_argument("--tool", required=True, type=pathlib.Path)
    p.add_argument("--every", type=int, default=20)
    p.add_argument("--first", type=int, default=1)
    p.add_argument("--mode", choices=["auto", "netns", "loopback"], default="auto")
    p.add_argument("--lk")
    p.add_argument("--keep", action="store_true")
    options = p.parse_args()
    options.tool = options.tool.resolve()
    tidy_exit()
    began, n, times = time.monotonic(), options.first, 0
    try:
        with World(("laptop", "phone"), options.lk, options.mode, options.keep) as world:
            if world.mode != "netns":
                print("ok: killed: needs network namespaces, which are not allowed here", flush=True)
                return 0
            folders = {h.name: pathlib.Path(world.dir) / f"{h.name}-files" for h in world}
            found(world, folders)
            ledger = Ledger()
            while one(world, folders, ledger, options.tool, n):
                times += 1
                n += options.every
            world.settle()
    except Failed as e:
        print(f"not ok: killed at write {n}, commit {commit()}\n{e}", flush=True)
        return 1
    print(f"ok: killed at {times} of {n} writes, {len(ledger.written)} tokens, "
          f"{time.monotonic() - began:.1f} s", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
