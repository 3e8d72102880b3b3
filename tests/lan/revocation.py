#!/usr/bin/python3
"""revocation.py - a writer is revoked while he edits, cut off (access.md 12).

The friend edits where nobody hears him, the laptop revokes him, the cables come
back in one order or the other.  However that goes, laptop and phone must agree
byte for byte, what he wrote past the frontier must be nowhere, what he wrote
before must be everywhere, his own device must say 77, and nothing written after
may ever be found in what he holds.

  T1  he edited before the revocation (stays) and concurrently (void)
  T2  later he writes again on the old state, from a copy of his store made
      before he heard of it
  T3  a device that has not heard of it edits on top of his void edit: that
      edit stays
  T5  his own device, once it knows, refuses to write and records nothing

usage: revocation.py [--only T1|T2|T3] [--order phone|laptop] [--mode netns|loopback] [--lk PATH] [--keep]
"""
import argparse
import json
import os
import shutil
import sys
import time

from world import Failed, World, commit, tidy_exit, until

DOC, CANARY = "plans", "canary"
PATIENCE = 60


def found(world):
    """plans and canary on laptop and phone, the friend a writer of both.  The
    canary is the document he keeps: what reaches him there shows that his
    device was connected and had its turn."""
    laptop, phone, friend = world["laptop"], world["phone"], world["friend"]
    world.everywhere(lambda h: h.init())
    for name in (DOC, CANARY):
        laptop.ok("new", name)
        laptop.ok("set", "--string", name, "/start", "by-laptop")
    phone.ok("pair", laptop.ok("pair", "--ticket").text.strip())
    for name in (DOC, CANARY):
        friend.ok("accept", laptop.ok("invite", name, "--role", "write").text.strip())
    friend.ok("set", "--string", DOC, "/e1", "friend-before")
    for h in world:
        h.ok("sync", "--wait=all", "--timeout", f"{PATIENCE}s")


def shown(host):
    return host.ok("--json", "get", DOC).json()


def view(host):
    """Everything a person can see of the document, however it is asked for."""
    files = [host.ok("export", DOC, "--format", "automerge", *form).out
             for form in ([], ["--clean"], ["--squash"])]
    # Void changes that nothing rests on may be kept or dropped by each device.
    log = sorted(e["hash"] for e in host.ok("--json", "log", DOC).lines() if e["visible"])
    return (*files, host.ok("get", "--typed", DOC).out,
            host.ok("export", DOC, "--format", "json").out, log)


def agree(world, present, absent):
    """Laptop and phone show the same, with and without these values."""
    laptop, phone = world["laptop"], world["phone"]
    for h in (laptop, phone):
        h.ok("sync", "--wait=all", "--timeout", f"{PATIENCE}s", DOC)
    a, b = view(laptop), view(phone)
    for what, x, y in zip(("export", "clean export", "squashed export", "get", "JSON export",
                           "log"), a, b):
        if x != y:
            raise Failed(f"laptop and phone differ in {what}:\n{x!r}\n{y!r}")
    values = {v if isinstance(v, str) else json.dumps(v) for v in shown(laptop).values()}
    if not set(present) <= values or set(absent) & values:
        raise Failed(f"{DOC} shows {sorted(values)}; expected {present} and none of {absent}")
    # The whole history has in it what void changes said below honest ones.
    for needle in absent:
        if needle.encode() in a[1] + a[2] + a[3] + a[4]:
            raise Failed(f"{needle} is in what laptop exports")
    for number, file in enumerate(a[:3]):
        laptop.ok("-q", "import", "--format", "automerge", "--as", f"copy{number}", "-", input=file)
        copy = laptop.ok("--json", "get", f"copy{number}").json()
        if copy != shown(laptop):
            raise Failed(f"an export shows {copy} and not {shown(laptop)}")


def refused(friend):
    """His own device says 77, and says why."""
    return friend.lk("set", DOC, "/late", '"friend-late"').code == 77


def learns(friend):
    """T5: as soon as he knows, his device refuses, and records nothing."""
    until("the friend's device says 77", PATIENCE, lambda: refused(friend))
    before = friend.ok("--json", "log", DOC).out
    said = friend.fails(77, "set", DOC, "/late", '"friend-late"')
    if not any(word in said.err for word in (b"revoked", b"may not write")):
        raise Failed(f"{said}\nit does not say why")
    if friend.ok("--json", "log", DOC).out != before:
        raise Failed("a refused edit is in the friend's log")


def holds(host, needle):
    """Whether these bytes stand in any file of this device."""
    for folder, below, files in os.walk(host.home):
        below[:] = [name for name in below if name != "bin"]
        for name in files:
            path = os.path.join(folder, name)
            if os.path.isfile(path) and needle in open(path, "rb").read():
                return path
    return None


def stays_closed(world, number):
    """Written after: laptop and phone read it, the friend never holds it."""
    laptop, phone, friend = world["laptop"], world["phone"], world["friend"]
    secret = f"only-for-members-{number}-{os.urandom(6).hex()}"
    laptop.ok("set", "--string", DOC, f"/secret-{number}", secret)
    laptop.ok("sync", "--wait=all", "--timeout", f"{PATIENCE}s", DOC)
    bird = f"canary-{number}-{os.urandom(6).hex()}"
    for h in (laptop, phone):
        h.ok("set", "--string", CANARY, f"/{h.name}-{number}", bird)
    # His own word for it would do, but a store put back from a copy counts
    # its acknowledgements from there.
    until("the friend has both canaries", PATIENCE,
          lambda: friend.ok("--json", "get", CANARY).text.count(bird) == 2)
    if shown(phone).get(f"secret-{number}") != secret:
        raise Failed("the phone cannot read what the laptop wrote after the revocation")
    if secret in friend.lk("--json", "get", DOC).text:
        raise Failed("the friend's device shows what was written after he was revoked")
    for h in world:
        h.stop()
    if holds(phone, secret.encode()) is None or holds(friend, bird.encode()) is None:
        raise Failed("the search finds nothing where it must")
    where = holds(friend, secret.encode())
    if where is not None:
        raise Failed(f"what was written after the revocation stands in {where}")
    for h in world:
        h.start()


def come_back(world, first):
    """The friend meets `first` alone, then everybody meets."""
    friend = world["friend"]
    world.meet(world[first], friend)
    # What he met is what he hears from; the canary tells that it happened.
    friend.ok("set", "--string", CANARY, "/met", f"{first}-{time.monotonic_ns()}")
    friend.ok("sync", "--wait=1", "--timeout", f"{PATIENCE}s", CANARY)


def t1(world, first):
    laptop, phone, friend = world["laptop"], world["phone"], world["friend"]
    # The phone hears of the revocation before or after the friend's edit.
    knows = first == "laptop"
    world.cut([laptop, phone])
    friend.ok("set", "--string", DOC, "/e2", "friend-concurrent")
    friend.ok("set", "--string", DOC, "/start", "friend-overwrites")
    if knows:
        world.meet(laptop, phone)
    else:
        world.cut()
    laptop.ok("revoke", DOC, "friend")
    if knows:
        laptop.ok("sync", "--wait=all", "--timeout", f"{PATIENCE}s", DOC)
    come_back(world, first)
    if not knows:
        until("the phone has heard the friend's edit", PATIENCE,
              lambda: shown(phone).get("e2") == "friend-concurrent")
    world.heal()
    learns(friend)
    agree(world, ["friend-before", "by-laptop"],
          ["friend-concurrent", "friend-overwrites", "friend-late"])
    stays_closed(world, 1)


def t2(world, first):
    laptop, phone, friend = world["laptop"], world["phone"], world["friend"]
    friend.stop()
    old = world.dir / "friend-before"
    shutil.copytree(friend.home, old, symlinks=True,
                    ignore=shutil.ignore_patterns("control"))
    laptop.ok("revoke", DOC, "friend")
    laptop.ok("sync", "--wait=all", "--timeout", f"{PATIENCE}s", DOC)
    friend.start()
    learns(friend)
    # He puts his old store back, where he is still a writer, and goes on.
    friend.stop()
    shutil.rmtree(friend.home)
    shutil.copytree(old, friend.home, symlinks=True)
    world.cut([laptop, phone])
    friend.ok("set", "--string", DOC, "/e9", "friend-backdated")
    come_back(world, first)
    world.heal()
    learns(friend)
    agree(world, ["friend-before", "by-laptop"], ["friend-backdated", "friend-late"])
    stays_closed(world, 2)


def t3(world, first):
    """The phone stands for the honest writer who has not heard of it."""
    laptop, phone, friend = world["laptop"], world["phone"], world["friend"]
    world.cut([phone, friend])
    laptop.ok("revoke", DOC, "friend")
    world.meet(phone, friend)
    friend.ok("apply", DOC, input=b'{"set":"/e9","value":{"a":"friend-void"}}\n'
              b'{"set":"/start","value":"friend-overwrites"}\n')
    friend.ok("sync", "--wait=1", "--timeout", f"{PATIENCE}s", DOC)
    phone.ok("set", "--string", DOC, "/f1", "phone-on-top")
    if first == "phone":
        world.meet(laptop, phone)
    else:
        world.meet(laptop, friend)
        learns(friend)
    world.heal()
    learns(friend)
    agree(world, ["friend-before", "by-laptop", "phone-on-top"],
          ["friend-void", "friend-overwrites", "friend-late"])
    stays_closed(world, 3)


CASES = {"T1": t1, "T2": t2, "T3": t3}


def run(name, first, options):
    with World(("laptop", "phone", "friend"), options.lk, options.mode, options.keep) as world:
        try:
            found(world)
            CASES[name](world, first)
            world.settle()
        except Failed as e:
            raise Failed(f"{e}\n{world.reports()}{world.logs()}") from None
        return world.mode


def main():
    p = argparse.ArgumentParser(usage=__doc__.rsplit("usage: ", 1)[1].strip())
    p.add_argument("--only", choices=sorted(CASES))
    p.add_argument("--order", choices=["phone", "laptop"])
    p.add_argument("--mode", choices=["auto", "netns", "loopback"], default="auto")
    p.add_argument("--lk")
    p.add_argument("--keep", action="store_true")
    options = p.parse_args()
    tidy_exit()
    failed = 0
    for name in [options.only] if options.only else CASES:
        for first in [options.order] if options.order else ("phone", "laptop"):
            began = time.monotonic()
            what = f"revocation {name}{', T5' if name != 'T5' else ''}, friend meets {first} first"
            try:
                mode = run(name, first, options)
            except Failed as e:
                failed += 1
                print(f"not ok: {what}, commit {commit()}\n{e}", flush=True)
                continue
            print(f"ok: {what}: {mode}, {time.monotonic() - began:.1f} s", flush=True)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
