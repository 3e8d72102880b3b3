#!/usr/bin/python3
"""relay.py - a laptop and a phone of one person that are never online together, and a relay between them.

Real daemons in namespaces: the relay is killed, put back to an older copy of its disk and replaced by an empty one; a
device is revoked; in the end the relay's disk is searched.

usage: relay.py [--mode netns|loopback] [--lk PATH]
"""
import argparse
import json
import secrets
import shutil
import sys
import time

from world import Failed, World, tidy_exit, until

CANARY = "CANARY-" + secrets.token_hex(8)


class Play:
    def __init__(self, world):
        self.w, self.count = world, 0
        self.laptop, self.phone, self.tablet, self.relay = (world[n] for n in ("laptop", "phone", "tablet", "relay"))

    def claim(self, text, true):
        if not true:
            raise Failed(f"not so: {text}")
        self.count += 1
        print(f"ok: {text}", flush=True)

    def get(self, host, doc="notes"):
        return json.loads(host.ok("get", doc).out)

    def has(self, host, key, seconds=60):
        """Waits until a key is there."""
        try:
            until(f"{key} at {host.name}", seconds, lambda: key in self.get(host))
        except Failed:
            print(f"{host.name}: {self.status(host)} {self.get(host)}", flush=True)
            return False
        return True

    def status(self, host):
        remotes = host.ok("--json", "remote", "ls").json()["remotes"]
        return remotes[0] if remotes else {}

    def stored(self, host, seconds=40):
        """Waits until all it has is at the relay, by its own account."""
        def all_there():
            s = self.status(host)
            return s.get("reachable") and s.get("lacking", 0) == 0
        until(f"{host.name}: all stored", seconds, all_there)

    def states(self, host, doc="notes"):
        """What it shows of the other devices."""
        documents = host.ok("--json", "status").json()["documents"]
        devices = next(d for d in documents if d["name"] == doc)["devices"]
        return [d["state"] for d in devices if d["state"] != "self"]

    def only(self, *hosts):
        """These and nobody else are online, and none holds a connection that hangs."""
        for host in (self.laptop, self.phone, self.tablet):
            if host.running():
                host.stop()
        self.w.meet(*hosts)


def begin(p):
    p.relay.ok("relay", "init")
    address = p.relay.ok("relay", "invite").text.split()[0]
    for host in (p.laptop, p.phone, p.tablet):
        host.init()
    p.laptop.ok("new", "notes")
    p.laptop.ok("set", "notes", "/first", f'"{CANARY}"')
    for host in (p.phone, p.tablet):
        host.ok("pair", p.laptop.ok("pair", "--ticket").text.strip())
    p.claim("a phone and a tablet have what the laptop has", p.has(p.phone, "first") and p.has(p.tablet, "first"))
    p.only(p.laptop, p.relay)
    p.laptop.ok("remote", "add", "relay", address)
    p.stored(p.laptop)
    p.claim("an invitation makes an account, and all documents are stored", True)
    return p.status(p.laptop)["address"]


def apart(p, address):
    p.laptop.ok("set", "notes", "/laptop", "1")
    p.stored(p.laptop)
    p.only(p.phone, p.relay)
    p.phone.ok("remote", "add", "relay", address)
    p.claim("the phone has what the laptop wrote, and they were never online together", p.has(p.phone, "laptop"))
    p.phone.ok("set", "notes", "/phone", "2")
    p.phone.ok("new", "second")
    p.phone.ok("set", "second", "/x", "1")
    p.stored(p.phone)
    p.only(p.laptop, p.relay)
    p.claim("and the other way round", p.has(p.laptop, "phone"))
    until("the new document at the laptop", 60, lambda: p.laptop.lk("get", "second").code == 0)
    p.claim("a document that is new arrives as well", p.get(p.laptop, "second") == {"x": 1})
    p.only(p.tablet, p.relay)
    p.tablet.ok("remote", "add", "relay", address)
    p.claim("so does everything at a third device", p.has(p.tablet, "phone"))


def known(p):
    """Each in turn learns at the relay what the others have."""
    everybody = (p.laptop, p.phone, p.tablet)
    for key in ("phone", "known"):
        if key == "known":
            p.only(p.laptop, p.relay)
            p.laptop.ok("set", "notes", "/known", "1")
            p.claim("what is new is pending at both others", p.states(p.laptop) == ["pending", "pending"])
            p.stored(p.laptop)
        for host in everybody:
            p.only(host, p.relay)
            if not p.has(host, key):
                raise Failed(f"{key} is not at {host.name}")
            time.sleep(2)  # it acknowledges what it has
        for host in everybody:
            p.only(host, p.relay)
            host.ok("sync", "--wait=all", "--timeout", "60s")
            p.claim(f"the {host.name} knows that both others have it", p.states(host) == ["synced", "synced"])


def live(p):
    """Both online, but they do not reach each other."""
    if p.w.mode != "netns":
        return
    p.laptop.net(f"route add blackhole {p.phone.address}/32")
    p.phone.net(f"route add blackhole {p.laptop.address}/32")
    p.only(p.laptop, p.phone, p.relay)
    p.stored(p.laptop)
    p.stored(p.phone)
    p.laptop.ok("set", "notes", "/warm", "1")
    p.has(p.phone, "warm")
    began = time.monotonic()
    p.laptop.ok("set", "notes", "/live", "1")
    there = p.has(p.phone, "live", 5)
    p.claim(f"what is written goes through the relay at once ({time.monotonic() - began:.1f} s)", there)
    p.laptop.net(f"route del blackhole {p.phone.address}/32")
    p.phone.net(f"route del blackhole {p.laptop.address}/32")


def revocation(p):
    p.only(p.laptop, p.relay)
    # In what the phone made it is not for the laptop to say.
    p.laptop.fails(3, "device", "revoke", "tablet")
    p.laptop.ok("set", "notes", "/after", f'"{CANARY}"')
    p.stored(p.laptop)
    p.only(p.phone, p.relay)
    p.claim("the phone slept through the rotation and gets its key from the relay", p.has(p.phone, "after"))
    p.phone.ok("set", "notes", "/later", "1")
    p.stored(p.phone)
    before = p.relay.ok("--json", "relay", "status").json()["envelopes"]
    p.only(p.tablet, p.relay)
    p.tablet.ok("set", "notes", "/stolen", "1")
    time.sleep(4)
    p.claim("the tablet that was thrown out gets nothing that is new", "after" not in p.get(p.tablet))
    after = p.relay.ok("--json", "relay", "status").json()["envelopes"]
    # Letters it reads are gone.
    p.claim("and stores nothing", after <= before)
    p.only(p.laptop, p.relay)
    p.claim("so nobody sees what it wrote", p.has(p.laptop, "later") and "stolen" not in p.get(p.laptop))


def disk_clear(home):
    """But for where it listens, and what is not its own."""
    for name in ("store", "accounts"):
        shutil.rmtree(home / name)


def disk_copy(source, target):
    for name in ("store", "accounts"):
        shutil.rmtree(target / name, ignore_errors=True)
        shutil.copytree(source / name, target / name)


def disk(p):
    old = p.w.dir / "relay.old"
    p.relay.stop()
    old.mkdir()
    disk_copy(p.relay.home, old)
    p.only(p.laptop, p.relay)
    pid = p.relay.start()
    p.laptop.ok("set", "notes", "/killed", "1")
    p.stored(p.laptop)
    p.relay.kill(pid)
    p.relay.start()
    p.only(p.phone, p.relay)
    p.claim("what was stored survives kill -9", p.has(p.phone, "killed"))
    p.relay.stop()
    disk_copy(old, p.relay.home)
    before = p.get(p.phone)
    p.only(p.phone, p.relay)
    until("the phone has met the old relay", 60, lambda: p.status(p.phone).get("reachable"))
    p.stored(p.phone, 60)
    p.claim("a relay with an older disk changes nothing here, and is filled again", p.get(p.phone) == before)
    p.relay.stop()
    disk_clear(p.relay.home)
    p.relay.ok("relay", "init")
    p.phone.ok("set", "notes", "/alone", "1")
    until("the phone says so", 60, lambda: not p.status(p.phone).get("reachable", True))
    p.claim("an empty one in its place is another relay, and that is said", p.get(p.phone) == {**before, "alone": 1})
    p.relay.stop()
    disk_copy(old, p.relay.home)


def search(p):
    """Nothing readable on the relay's disk, and no key of a device."""
    keys = [bytes.fromhex(h.device) for h in (p.laptop, p.phone, p.tablet)]
    wanted = [CANARY.encode(), b"notes", b"laptop"] + keys + [k.hex().encode() for k in keys]
    found = []
    for path in p.relay.home.rglob("*"):
        if path.is_file() and path.relative_to(p.relay.home).parts[0] in ("store", "accounts"):
            data = path.read_bytes()
            found += [f"{w[:16]} in {path}" for w in wanted if w in data]
    p.claim(f"nothing is found on the relay's disk {found or ''}", not found)
    p.claim("but it was searched where it is", any(CANARY.encode() not in f.read_bytes()
            for f in p.relay.home.rglob("data.mdb")))


def play(options):
    with World(["laptop", "phone", "tablet", "relay"], lk=options.lk, mode=options.mode, keep=options.keep) as world:
        p = Play(world)
        world.heal()
        try:
            address = begin(p)
            apart(p, address)
            known(p)
            live(p)
            revocation(p)
            disk(p)
            search(p)
            world.settle()
        except Failed as e:
            raise Failed(f"{e}\n{world.reports()}{world.logs()}") from None
        return world.mode, p.count


def main():
    a = argparse.ArgumentParser(usage=__doc__.rsplit("usage: ", 1)[1].strip())
    a.add_argument("--mode", choices=["auto", "netns", "loopback"], default="auto")
    a.add_argument("--lk")
    a.add_argument("--keep", action="store_true")
    options = a.parse_args()
    tidy_exit()
    began = time.monotonic()
    try:
        mode, count = play(options)
    except Failed as e:
        print(f"not ok: relay\n{e}", flush=True)
        return 1
    print(f"ok: relay: {count} claims, {mode}, {time.monotonic() - began:.1f} s", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
