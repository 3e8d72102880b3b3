#!/usr/bin/python3
"""thief.py - a copied device with valid keys, against people who hear of its
revocation in different orders (access.md section 12, L3 and L4).

The thief was a junior admin.  His home is copied, the laptop revokes him, and
nobody else knows yet.  Then, in an order drawn from the seed, two honest devices
meet, or the thief falls upon one of them alone with a program that is not lkd
(tests/tools/thief).  Each time he

  back-dates  edits on the state he stole, and a grant to a crony who edits too
  forks       another edit at the same place for everybody, and idle ones
  floods      envelopes of 16 ops that do nothing, one upon another
  lies        envelopes that are refused for good
  replays     all of that twice, and what others wrote
  withholds   the revocation: he gives nothing of it to anybody

and honest devices write before and after.  In the end all of them export the
same bytes, with nothing of his in it; the crony is nobody; and nothing written
by those who knew is in any file of the thief or the crony.

usage: thief.py [--seed N] [--runs N] [--flood N] [--floods N] [--tool PATH] [--mode netns] [--lk PATH] [--keep]
"""
import argparse
import os
import pathlib
import random
import shutil
import subprocess
import sys
import time

from revocation import DOC, holds, shown, view
from world import Failed, World, commit, namespaces_allowed, tidy_exit, until

HONEST = ("laptop", "phone", "friend")
PATIENCE = 120


class Play:
    def __init__(self, world, options, rng):
        self.world, self.options, self.rng = world, options, rng
        self.honest = [world[name] for name in HONEST]
        self.loot = world.dir / "loot"
        self.knows = {"laptop"}
        self.secrets, self.kept, self.his = [], ["by-laptop", "thief-before"], []
        self.sent = self.attacks = 0
        self.slowest = 0.0

    def found(self):
        """A document of laptop and phone; the friend writes, the thief is an
        admin below them."""
        laptop, phone = self.world["laptop"], self.world["phone"]
        self.world.everywhere(lambda h: h.init())
        laptop.ok("new", DOC)
        laptop.ok("set", "--string", DOC, "/start", "by-laptop")
        phone.ok("pair", laptop.ok("pair", "--ticket").text.strip())
        for name, role in (("friend", "write"), ("thief", "admin")):
            self.world[name].ok(
                "accept", laptop.ok("invite", DOC, "--role", role).text.strip())
        self.world["thief"].ok("set", "--string", DOC, "/before", "thief-before")
        for h in [*self.honest, self.world["thief"]]:
            h.ok("sync", "--wait=all", "--timeout", f"{PATIENCE}s", DOC)

    def steal(self):
        """From here on the thief is two: what lkd would do, and his program.
        Nobody hears that he lets a crony in."""
        thief, crony = self.world["thief"], self.world["crony"]
        self.world.cut([thief, crony])
        crony.ok("accept", thief.ok("invite", DOC, "--role", "write").text.strip())
        self.edit(crony, "crony", self.his)
        crony.ok("sync", "--wait=1", "--timeout", f"{PATIENCE}s", DOC)
        self.edit(thief, "thief-alone", self.his)
        for h in (thief, crony):
            h.stop()
            shutil.copytree(h.home, self.loot / h.name, symlinks=True,
                            ignore=shutil.ignore_patterns("control", "bin", "run"))

    def edit(self, host, text, into):
        text = f"{text}-{os.urandom(4).hex()}"
        host.ok("set", "--string", DOC, f"/{text}", text)
        into.append(text)

    def write(self, host):
        """Who knows of it writes what the thief must not read."""
        began = time.monotonic()
        self.edit(host, f"by-{host.name}", self.kept)
        self.slowest = max(self.slowest, time.monotonic() - began)
        if host.name in self.knows:
            self.secrets.append(self.kept[-1])

    def tool(self, name, victim, *steps):
        """The thief's program, on what was stolen, in his network."""
        home = self.world.dir / f"{name}-{self.attacks}"
        shutil.copytree(self.loot / name, home, symlinks=True)
        p = subprocess.run(
            self.world["thief"].argv(str(self.options.tool), str(home), DOC, victim.address,
                                     *(str(s) for s in steps)),
            env=self.world["thief"].env, stdin=subprocess.DEVNULL, capture_output=True,
            timeout=3600, check=False)
        if p.returncode != 0:
            raise Failed(f"thief upon {victim.name}: {p.stdout.decode()}{p.stderr.decode()}")
        self.sent += int(p.stdout.split()[0])
        self.searched(home)
        shutil.rmtree(home)

    def searched(self, home):
        class Taken:
            pass
        taken = Taken()
        taken.home = home
        for secret in self.secrets:
            where = holds(taken, secret.encode())
            if where is not None:
                raise Failed(f"{secret}, written by who knew, stands in {where}")

    def attack(self, victim):
        self.world.cut([victim, self.world["thief"]])
        victim.start()
        text = f"thief-fork-{self.attacks}-{os.urandom(4).hex()}"
        self.his.append(text)
        flood = self.options.flood
        self.tool("thief", victim, "all", "edit", text, text, "forks", min(flood, 40), "lies", 200,
                  "flood", flood, "again")
        self.tool("crony", victim, "own", "again")
        self.attacks += 1
        self.reported(victim)
        # Who has not heard takes him for what he was; who has is not moved.
        believed = {text, *self.his[:2]}
        values = set(shown(victim).values())
        if victim.name in self.knows and believed & values:
            raise Failed(f"{victim.name}, who knows, shows {believed & values}")
        if victim.name not in self.knows and not believed <= values:
            raise Failed(f"{victim.name}, who does not know, lacks {believed - values}: "
                         "the thief does nothing")
        self.write(victim)

    def reported(self, victim):
        """Every fourth lie is a revocation of somebody above him."""
        thief = self.world["thief"].device
        [doc] = [d for d in victim.ok("--json", "status").json()["documents"] if d["name"] == DOC]
        if not [d for d in doc["duels"] if d["by_key"] == thief and d["count"] >= 50]:
            raise Failed(f"{victim.name} does not say whom the thief tried to revoke: {doc['duels']}")
        if f"refused what {thief[:8]} sent" not in (victim.home / "log").read_text():
            raise Failed(f"no line in the log of {victim.name}")

    def meet(self, a, b):
        self.world.meet(a, b)
        for h in (a, b):
            h.ok("sync", "--wait=1", "--timeout", f"{PATIENCE}s", DOC)
        if {a.name, b.name} & self.knows:
            # An acknowledgement may be of somebody met earlier: ask what it sees.
            until(f"{a.name} and {b.name} know", PATIENCE,
                  lambda: not any(self.world["thief"].device in members(h) for h in (a, b)))
            self.knows |= {a.name, b.name}
        for h in (a, b):
            self.write(h)

    def happen(self):
        laptop, phone, friend = self.honest
        self.world.cut()
        laptop.ok("revoke", DOC, "thief")
        self.write(laptop)
        acts = [lambda h=h: self.attack(h) for h in self.honest]
        acts += [lambda p=p: self.meet(*p)
                 for p in ((laptop, phone), (phone, friend), (laptop, friend))]
        self.rng.shuffle(acts)
        for act in acts:
            act()

    def end(self):
        """Everybody meets; the thief's and the crony's lkd are there too."""
        for name in ("thief", "crony"):
            home = self.world[name].home
            for old in ("store", "identity"):
                path = home / old
                shutil.rmtree(path) if path.is_dir() else path.unlink()
                new = self.loot / name / old
                (shutil.copytree if new.is_dir() else shutil.copy2)(new, path)
        self.world.heal()
        for h in self.honest:
            h.ok("sync", "--wait=all", "--timeout", f"{PATIENCE}s", DOC)
        self.knows = set(HONEST)
        for h in self.honest:
            self.write(h)
        for h in self.honest:
            h.ok("sync", "--wait=all", "--timeout", f"{PATIENCE}s", DOC)
        self.agree()
        thief = self.world["thief"]
        until("the thief's own device says 77", PATIENCE,
              lambda: thief.lk("set", DOC, "/late", "1").code == 77)
        for name in ("thief", "crony"):
            text = self.world[name].lk("--json", "get", DOC).text
            for secret in self.secrets:
                if secret in text:
                    raise Failed(f"{name} reads {secret}")
            self.world[name].stop()
            self.searched(self.world[name].home)
        if holds(self.world["friend"], self.kept[-1].encode()) is None:
            raise Failed("the search finds nothing where it must")

    def agree(self):
        views = [view(h) for h in self.honest]
        for h, got in zip(self.honest, views):
            if got != views[0]:
                parts = [i for i, (x, y) in enumerate(zip(got, views[0])) if x != y]
                raise Failed(f"{h.name} and laptop differ in {parts}")
        values = set(shown(self.honest[0]).values())
        if not set(self.kept) <= values:
            raise Failed(f"lost: {set(self.kept) - values}")
        if set(self.his) & values:
            raise Failed(f"shown: {set(self.his) & values}")
        devices = members(self.honest[0])
        if self.honest[2].device not in devices:
            raise Failed("the friend is no member")
        if {self.world["thief"].device, self.world["crony"].device} & devices:
            raise Failed("the thief or his crony is a member")


def members(host):
    """The keys of who is in the document, as this device sees it."""
    return {m["key"] for m in host.ok("--json", "members", DOC).json()["members"]
            if m["ended"] is None}


def flooded(options):
    """L4: an informed device, and a flood; it goes on as before."""
    with World(("laptop", "phone", "friend", "thief", "crony"), options.lk, options.mode,
               options.keep) as world:
        play = Play(world, options, random.Random(0))
        try:
            play.found()
            play.steal()
            laptop, phone = world["laptop"], world["phone"]
            world.meet(laptop, phone)
            laptop.ok("revoke", DOC, "thief")
            play.knows = {"laptop", "phone"}
            laptop.ok("sync", "--wait=1", "--timeout", f"{PATIENCE}s", DOC)
            pid = laptop.start()
            before = disk(laptop), memory(pid)
            world.cut([laptop, phone, world["thief"]])
            began = time.monotonic()
            play.tool("thief", laptop, "all", "flood", options.floods)
            took = time.monotonic() - began
            play.write(laptop)
            for h in (laptop, phone):
                h.ok("sync", "--wait=1", "--timeout", f"{PATIENCE}s", DOC)
            if shown(phone).get(play.kept[-1]) != play.kept[-1]:
                raise Failed("the phone lacks what the laptop wrote after the flood")
            after = disk(laptop), memory(pid)
            world.settle()
        except Failed as e:
            raise Failed(f"{e}\n{world.reports()}{world.logs()}") from None
    return (f"{options.floods} envelopes upon one who knows, {took:.1f} s; "
            f"its disk grew by {(after[0] - before[0]) / 1e6:.1f} MB, "
            f"its memory by {(after[1] - before[1]) / 1e6:.1f} MB, "
            f"the next edit took {play.slowest * 1000:.0f} ms")


def disk(host):
    return sum(p.stat().st_blocks * 512 for p in (host.home / "store").rglob("*") if p.is_file())


def memory(pid):
    """Resident, without the pages of the mapped store."""
    for line in pathlib.Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("RssAnon:"):
            return int(line.split()[1]) * 1024
    raise Failed(f"no RssAnon of {pid}")


def robbed(seed, options):
    with World((*HONEST, "thief", "crony"), options.lk, options.mode, options.keep) as world:
        play = Play(world, options, random.Random(seed))
        try:
            play.found()
            play.steal()
            play.happen()
            play.end()
            world.settle()
        except Failed as e:
            raise Failed(f"{e}\n{world.reports()}{world.logs()}") from None
    return (f"seed {seed}: {play.attacks} attacks, {play.sent} envelopes sent, "
            f"{len(play.secrets)} secrets")


def main():
    p = argparse.ArgumentParser(usage=__doc__.rsplit("usage: ", 1)[1].strip())
    p.add_argument("--seed", type=int, default=1)
    p.add_argument("--runs", type=int, default=1)
    p.add_argument("--flood", type=int, default=100, help="envelopes in each attack")
    p.add_argument("--floods", type=int, default=0, help="envelopes upon a device that knows")
    p.add_argument("--tool", type=pathlib.Path,
                   default=pathlib.Path(__file__).resolve().parents[2] / "build/dev/tests/lk_thief")
    p.add_argument("--mode", choices=["auto", "netns"], default="auto")
    p.add_argument("--lk")
    p.add_argument("--keep", action="store_true")
    options = p.parse_args()
    options.tool = options.tool.resolve()
    tidy_exit()
    if not namespaces_allowed():
        print("ok: thief: no network namespaces here, so he cannot reach one device alone: not tried")
        return 0
    works = [lambda s=s: robbed(s, options) for s in range(options.seed, options.seed + options.runs)]
    if options.floods > 0:
        works.append(lambda: flooded(options))
    failed = 0
    for work in works:
        began = time.monotonic()
        try:
            print(f"ok: thief {work()}, {time.monotonic() - began:.1f} s", flush=True)
        except Failed as e:
            failed += 1
            print(f"not ok: thief, commit {commit()}\n{e}", flush=True)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
