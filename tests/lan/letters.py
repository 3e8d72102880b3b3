#!/usr/bin/python3
"""letters.py - the main story of the README, among devices of which no two are ever online together.

A laptop and a phone of one person, once paired, and a friend who has nothing but a ticket.  They meet through a relay,
a bucket or a folder alone: each in turn is the only device that runs.

usage: letters.py [--through relay|bucket|folder]... [--mode netns|loopback] [--lk PATH]
"""
import argparse
import json
import re
import secrets
import select
import subprocess
import sys
import time

from world import ROOT, Failed, World, tidy_exit, until

WAYS = ("relay", "bucket", "folder")
CANARY = "CANARY-" + secrets.token_hex(8)
KEYS = {"AWS_ACCESS_KEY_ID": "AKIDTEST", "AWS_SECRET_ACCESS_KEY": "secret/of+tests"}


class Relay:
    """lk's own, in a namespace of its own."""

    def __init__(self, host):
        self.host = host
        host.ok("relay", "init")
        self.url = host.ok("relay", "invite").text.split()[0]
        self.here = host

    def begin(self, p):
        p.laptop.ok("remote", "add", "away", self.url)
        p.stored(p.laptop)
        address = p.laptop.ok("--json", "remote", "ls").json()["remotes"][0]["address"]
        p.alone(p.phone)
        p.phone.ok("remote", "add", "away", address)
        p.stored(p.phone)

    def read(self):
        files = [[f for f in (self.host.home / n).rglob("*") if f.is_file()] for n in ("store", "accounts")]
        if not all(files):
            raise Failed("what the relay keeps is not where it is looked for")
        return b"".join(f.read_bytes() for f in sum(files, []))

    def end(self):
        pass


class Stored:
    """A bucket or folder, which all have to know by name."""

    def begin(self, p):
        for host in (p.laptop, p.phone, p.fred):
            p.alone(host)
            host.ok("remote", "add", "away", self.url)


class Bucket(Stored):
    def __init__(self, host):
        self.here = host
        self.dump = host.world.dir / "bucket"
        self.process = subprocess.Popen(
            host.argv(sys.executable, str(ROOT / "tests/remote/s3_server.py"), "--address", host.address,
                      "--dump", str(self.dump)),
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True)
        if not select.select([self.process.stdout], [], [], 20)[0]:
            raise Failed("the bucket does not begin")
        at = self.process.stdout.readline().strip()
        self.url = f"s3://notes/lk?endpoint=http://{at}&region=us-east-1"

    def read(self):
        self.end()
        return self.dump.read_bytes()

    def end(self):
        if self.process.poll() is None:
            self.process.terminate()
            self.process.wait()
            self.process.stdout.close()


class Folder(Stored):
    def __init__(self, host):
        self.here = None
        self.path = host.world.dir / "stick"
        self.path.mkdir()
        self.url = f"file://{self.path}"

    def read(self):
        return b"".join(f.read_bytes() + f.name.encode() for f in self.path.rglob("*") if f.is_file())

    def end(self):
        pass


class Play:
    def __init__(self, world, way):
        self.w, self.way, self.count = world, way, 0
        self.laptop, self.phone, self.fred = (world[n] for n in ("laptop", "phone", "fred"))
        if way == "bucket":
            for host in world:
                host.env.update(KEYS)
        self.place = {"relay": Relay, "bucket": Bucket, "folder": Folder}[way](world["place"])

    def claim(self, text, true):
        if not true:
            raise Failed(f"not so: {text}")
        self.count += 1
        print(f"ok: {self.way}: {text}", flush=True)

    def alone(self, host):
        """The only device that runs."""
        for other in (self.laptop, self.phone, self.fred):
            if other is not host and other.home.exists() and other.running():
                other.stop()
        self.w.meet(host, *([self.place.here] if self.place.here else []))

    def cut(self, host):
        """It runs, and reaches nothing."""
        if self.way == "folder":
            self.place.path.rename(self.place.path.with_name("away"))
        for other in (self.laptop, self.phone, self.fred):
            if other.running():
                other.stop()
        self.w.meet(host)

    def heal(self):
        if self.way == "folder":
            self.place.path.with_name("away").rename(self.place.path)

    def stored(self, host, seconds=60):
        """All it has is there; as somebody's guest at a relay it has no place but for what it shares with him."""
        def all_there():
            remotes = host.ok("--json", "remote", "ls").json()["remotes"]
            documents = host.ok("--json", "status").json()["documents"]
            lacking = [r.get("lacking", 1) for r in remotes] if host is not self.fred else \
                [not r["stored"] for d in documents for r in d["remotes"] if d["name"] == "shopping"]
            return remotes and all(r.get("reachable") for r in remotes) and not any(lacking)
        until(f"{host.name}: all is stored", seconds, all_there)

    def turn(self, host, *args, doc="shopping"):
        """What it does while it is the only one, until that is stored."""
        self.alone(host)
        out = host.ok(*args)
        self.stored(host)
        return out

    def becomes(self, host, pointer, value, seconds=60):
        def there():
            got = host.lk("get", "shopping", pointer, "--json")
            return got.code == 0 and json.loads(got.out) == value
        until(f"{host.name}: {pointer} is {value}", seconds, there)

    def report(self):
        """What those say of themselves who run now."""
        return "".join(host.lk(*args).text for host in (self.laptop, self.phone, self.fred)
                       if host.home.exists() and host.running()
                       for args in (("status",), ("remote", "ls"), ("--json", "log", "shopping")))

    def gets(self, host, text, pointer, value):
        self.alone(host)
        self.becomes(host, pointer, value)
        self.claim(text, True)


def begin(p):
    for host in (p.laptop, p.phone, p.fred):
        host.init()
    p.laptop.ok("new", "shopping")
    p.laptop.ok("set", "--counter", "shopping", "/milk", "2")
    p.w.heal()
    p.phone.ok("pair", p.laptop.ok("pair", "--ticket").text.strip())
    p.alone(p.laptop)
    p.place.begin(p)
    p.turn(p.laptop, "set", "shopping", "/who", f'"{CANARY}"')
    p.gets(p.phone, "the phone has what the laptop wrote, and they were not online together", "/who", CANARY)


def invitation(p):
    ticket = p.turn(p.laptop, "invite", "shopping", "--role", "write").text.strip()
    # What a relay is to know of it has to arrive there.
    time.sleep(2)
    p.alone(p.fred)
    p.fred.fails(75, "accept", "--timeout", "5s", ticket)
    p.claim("a friend with a ticket asks, and is told that nobody answers yet", True)
    p.alone(p.laptop)
    until("the laptop lets him in", 60, lambda: "fred" in p.laptop.ok("members", "shopping").text)
    p.claim("the laptop reads his request and lets him in", True)
    p.stored(p.laptop)
    time.sleep(2)
    p.alone(p.fred)
    p.becomes(p.fred, "/milk", 2, 90)
    p.claim("the friend reads the document, and never met anybody", True)
    if p.way == "relay":
        remotes = p.fred.ok("--json", "remote", "ls").json()["remotes"]
        p.claim("the relay is one of his remotes now", [r["kind"] for r in remotes] == ["relay"])


def story(p):
    p.turn(p.fred, "inc", "shopping", "/milk")
    p.gets(p.phone, "what the friend wrote is at the phone", "/milk", 3)
    p.turn(p.phone, "inc", "shopping", "/milk", "4")
    p.gets(p.laptop, "and at the laptop, with what the phone wrote", "/milk", 7)
    p.gets(p.fred, "and all of it at the friend", "/milk", 7)


def revocation(p):
    p.turn(p.laptop, "revoke", "shopping", "fred")
    p.turn(p.laptop, "set", "shopping", "/secret", '"ours"')
    p.cut(p.fred)
    p.fred.ok("set", "shopping", "/late", '"from fred"')
    p.fred.ok("inc", "shopping", "/milk", "100")
    p.fred.stop()
    p.heal()
    p.alone(p.fred)
    if p.way == "relay":
        # It shows him what has keys in it, and no more.
        until("fred reaches the relay", 60, lambda: all(
            r.get("reachable") for r in p.fred.ok("--json", "remote", "ls").json()["remotes"]))
        time.sleep(5)
    else:
        until("fred is told", 60,
              lambda: any(d.get("revoked") for d in p.fred.ok("--json", "status").json()["documents"]))
        p.claim("the friend hears that he was thrown out", True)
        p.fred.fails(77, "set", "shopping", "/later", "1")
    p.claim("the friend does not get what came after", p.fred.lk("get", "shopping", "/secret").code != 0)
    p.alone(p.phone)
    p.becomes(p.phone, "/secret", "ours")
    time.sleep(3)
    got = json.loads(p.phone.ok("get", "shopping").out)
    p.claim("the phone has what came after, and nothing of what he slipped in",
            "late" not in got and got["milk"] == 7)
    p.stored(p.phone)


def quarantine(p):
    """What he wrote after he was thrown out, where it has come to; a relay does not take it from him."""
    p.alone(p.laptop)
    p.stored(p.laptop)
    listed = p.laptop.ok("quarantine", "shopping").text
    found = re.search(r"\b[0-9a-f]{8}\b", listed)
    if p.way == "relay":
        p.claim("the relay took nothing from him after that", found is None)
        return
    until("what he wrote late is in quarantine", 60,
          lambda: re.search(r"\b[0-9a-f]{8}\b", p.laptop.ok("quarantine", "shopping").text))
    changes = p.laptop.ok("--json", "quarantine", "shopping").json()
    p.claim("what he wrote late lies in quarantine", bool(changes))


def search(p):
    data = p.place.read()
    p.claim(f"{len(data)} bytes lie there", len(data) > 1000)
    wanted = [CANARY.encode(), b"shopping", b"fred", b"from fred"]
    keys = [bytes.fromhex(h.device) for h in (p.laptop, p.phone, p.fred)]
    found = [w for w in wanted + keys + [k.hex().encode() for k in keys] if w in data]
    p.claim(f"nothing of it can be read there {found or ''}", not found)


def play(options, way):
    with World(["laptop", "phone", "fred", "place"], lk=options.lk, mode=options.mode, keep=options.keep) as world:
        p = Play(world, way)
        try:
            begin(p)
            invitation(p)
            story(p)
            revocation(p)
            quarantine(p)
            search(p)
            world.settle()
        except Failed as e:
            raise Failed(f"{e}\n{p.report()}{world.reports()}{world.logs()}") from None
        finally:
            p.place.end()
        return world.mode, p.count


def main():
    a = argparse.ArgumentParser(usage=__doc__.rsplit("usage: ", 1)[1].strip())
    a.add_argument("--through", action="append", choices=WAYS)
    a.add_argument("--mode", choices=["auto", "netns", "loopback"], default="auto")
    a.add_argument("--lk")
    a.add_argument("--keep", action="store_true")
    options = a.parse_args()
    tidy_exit()
    failed = 0
    for way in options.through or WAYS:
        began = time.monotonic()
        try:
            mode, count = play(options, way)
        except Failed as e:
            print(f"not ok: letters through a {way}\n{e}", flush=True)
            failed = 1
            continue
        print(f"ok: letters through a {way}: {count} claims, {mode}, {time.monotonic() - began:.1f} s", flush=True)
    return failed


if __name__ == "__main__":
    sys.exit(main())
