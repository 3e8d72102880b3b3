#!/usr/bin/python3
"""discovery.py - devices that find each other with nothing to go by.

A laptop and a phone are paired; then both are given other addresses at once, so
that none that they know is good any more.  They must be in step again within
seconds, and what they find must be a real address.  Over and over:

  ipv4      without IPv6
  ipv6      with nothing but link-local IPv6 addresses
  two       the laptop is on two networks, the phone on the other one of them
  later     the phone's interface comes up long after its daemon
  blocked   no multicast: the phone comes back where it was, and so is found
  one       two daemons on one machine share the port
  flood     beacons of strangers, as many as go out: bounded work, no memory
  replay    another device repeats what it overheard: nobody calls it

usage: discovery.py [--only NAME] [--lk PATH] [--keep]
"""
import argparse
import os
import pathlib
import re
import sys
import time

from world import Failed, World, commit, tidy_exit, until

DOC = "plans"
PATIENCE = 30
# A hundred times what a beacon in a minute takes.
FLOOD_SECONDS, FLOOD_CPU = 5, 0.5

SAY = """
import socket, sys, time
group, seconds, lan = "239.255.76.75", float(sys.argv[1]), sys.argv[2]
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
s.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_IF, socket.inet_aton(lan))
end, n = time.monotonic() + seconds, 0
while time.monotonic() < end:
    s.sendto(b"LKB1\\1" + n.to_bytes(26, "big"), (group, 7675))
    n += 1
print(n)
"""
REPEAT = """
import socket, struct, sys, time
group, seconds, lan = "239.255.76.75", float(sys.argv[1]), sys.argv[2]
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
s.bind((group, 7675))
s.setsockopt(socket.IPPROTO_IP, socket.IP_ADD_MEMBERSHIP, socket.inet_aton(group) + socket.inet_aton(lan))
s.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_IF, socket.inet_aton(lan))
out = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
out.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_IF, socket.inet_aton(lan))
doors = {}
end, n = time.monotonic() + seconds, 0
s.settimeout(0.2)
while time.monotonic() < end:
    try:
        data, (host, _) = s.recvfrom(100)
        if host != lan:
            port = struct.unpack(">H", data[13:15])[0]
            if port not in doors:
                doors[port] = socket.create_server(("", port))
                doors[port].setblocking(False)
            out.sendto(data, (group, 7675))
            n += 1
    except TimeoutError:
        pass
called = 0
for door in doors.values():
    try:
        door.accept()
        called += 1
    except BlockingIOError:
        pass
print(n, called)
"""


def pair(world, *others):
    """The laptop's person gets these devices, and they are in step."""
    laptop = world["laptop"]
    world.everywhere(lambda h: h.init())
    laptop.ok("new", DOC)
    for other in others:
        other.ok("pair", laptop.ok("pair", "--ticket").text.strip())
    # Their keys of beacons go round behind that.
    laptop.ok("set", "--string", DOC, "/start", "here")
    for h in (laptop, *others):
        h.ok("sync", "--wait=all", "--timeout", f"{PATIENCE}s")
    time.sleep(4)


def together(a, b, what):
    """Waits until they are connected, writes there, reads here; the seconds.  A
    connection that is dead may still seem to be one."""
    began = time.monotonic()
    until(f"{what}: {a.name} and {b.name} are connected", PATIENCE,
          lambda: b.name in a.peers() and a.name in b.peers())
    a.ok("set", "--string", DOC, "/what", what)
    a.ok("sync", "--wait=all" if len(a.peers()) > 1 else "--wait=1", "--timeout", f"{PATIENCE}s")
    until(f"{what}: it arrives", PATIENCE, lambda: b.ok("--json", "get", DOC, "/what").json() == what)
    return time.monotonic() - began


def alone(*hosts):
    for h in hosts:
        if h.peers():
            raise Failed(f"{h.name} is connected with {h.peers()}")


def move(hosts, subnet):
    """Each gets another address in place of the one it has."""
    for h in hosts:
        h.net("addr flush dev eth0 scope global")
    for h in hosts:
        h.net(f"addr add {subnet}.{h.number}/24 dev eth0")


def ipv4(world):
    laptop, phone = world["laptop"], world["phone"]
    for h in world:
        h.ipv6(False)
    pair(world, phone)
    move((laptop, phone), "10.77.1")
    first = together(laptop, phone, "moved")
    if not all(at.startswith("10.77.1.") for at in (*laptop.peers().values(), *phone.peers().values())):
        raise Failed(f"connected at {laptop.peers()}, {phone.peers()}")
    world.cut()
    time.sleep(1)
    move((laptop, phone), "10.77.2")
    world.cut((laptop, phone))
    return f"moved: {first:.1f} s, behind a cut: {together(laptop, phone, 'moved again'):.1f} s"


def ipv6(world):
    laptop, phone = world["laptop"], world["phone"]
    pair(world, phone)
    for h in (laptop, phone):
        h.net("link set eth0 down", "addr flush dev eth0",
              f"link set eth0 address 02:00:00:00:00:{16 + h.number}", "link set eth0 up")
    took = together(laptop, phone, "link-local")
    for at in (*laptop.peers().values(), *phone.peers().values()):
        if not re.match(r"\[fe80::[0-9a-f:]+%eth0\]:\d+$", at):
            raise Failed(f"connected at {at}")
    return f"{took:.1f} s"


def two(world):
    laptop, phone, tablet = world["laptop"], world["phone"], world["tablet"]
    pair(world, phone, tablet)
    world.cut((laptop, tablet))
    world._ip(world.hub, "link add name br1 type bridge", "link set br1 up",
              f"link add name w1 type veth peer name eth1 netns {laptop.holder.pid}",
              f"link set w1 master br1 up", f"link set v{phone.number} master br1 up")
    laptop.net("addr add 10.77.3.1/24 dev eth1", "link set eth1 up")
    move((phone,), "10.77.3")
    took = together(laptop, phone, "the second network")
    together(laptop, tablet, "the first network")
    return f"{took:.1f} s"


def later(world):
    laptop, phone = world["laptop"], world["phone"]
    pair(world, phone)
    phone.stop()
    phone.net("link set eth0 down", "addr flush dev eth0")
    move((laptop,), "10.77.4")
    phone.start()
    time.sleep(2)
    alone(phone)
    phone.net(f"addr add 10.77.4.{phone.number}/24 dev eth0", "link set eth0 up")
    return f"{together(laptop, phone, 'an interface that comes later'):.1f} s"


def blocked(world):
    laptop, phone = world["laptop"], world["phone"]
    pair(world, phone)
    for h in (laptop, phone):
        h.net("link set eth0 multicast off")
    world.cut()
    phone.stop()
    world.cut((laptop, phone))
    phone.start()
    return f"{together(laptop, phone, 'no multicast'):.1f} s"


def one(world):
    """The phone moves into the laptop's machine."""
    laptop, phone = world["laptop"], world["phone"]
    pair(world, phone)
    phone.stop()
    phone.holder, mine = laptop.holder, phone.holder
    move((laptop,), "10.77.5")
    phone.start()
    took = together(laptop, phone, "one machine")
    phone.stop()
    phone.holder = mine
    return f"{took:.1f} s"


def used(pid):
    """Processor seconds, and KiB of memory."""
    fields = pathlib.Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    status = pathlib.Path(f"/proc/{pid}/status").read_text()
    return ((int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK"),
            int(re.search(r"VmRSS:\s+(\d+)", status)[1]))


def run_in(host, program, *args):
    import subprocess
    return subprocess.run(host.argv("/usr/bin/python3", "-c", program, *args),
                          capture_output=True, check=True, text=True).stdout.split()


def flood(world):
    laptop, phone, tablet = world["laptop"], world["phone"], world["tablet"]
    pair(world, phone)
    pid = laptop.running()[0]
    run_in(tablet, SAY, "1", tablet.address)
    cpu, rss = used(pid)
    n = int(run_in(tablet, SAY, str(FLOOD_SECONDS), tablet.address)[0])
    after, more = used(pid)
    # Under sanitizers everything is slower.
    bound = FLOOD_CPU * (10 if world.sanitized else 1)
    if after - cpu > bound or (more - rss > 1024 and not world.sanitized):
        raise Failed(f"{n} datagrams: {after - cpu:.2f} s, {more - rss} KiB")
    move((laptop, phone), "10.77.6")
    took = together(laptop, phone, "after a flood")
    return f"{n} datagrams in {FLOOD_SECONDS} s: {after - cpu:.2f} s of processor, then {took:.1f} s"


def replay(world):
    laptop, phone, tablet = world["laptop"], world["phone"], world["tablet"]
    pair(world, phone)
    tablet.stop()
    laptop.stop()
    import threading
    said = []
    t = threading.Thread(target=lambda: said.extend(run_in(tablet, REPEAT, "8", tablet.address)))
    t.start()
    time.sleep(1)
    laptop.start()
    time.sleep(1)
    laptop.stop()
    t.join()
    n, called = map(int, said)
    if n == 0 or called:
        raise Failed(f"{n} repeated, {called} doors knocked at")
    return f"{n} repeated, nobody called"


CASES = {"ipv4": ipv4, "ipv6": ipv6, "two": two, "later": later, "blocked": blocked,
         "one": one, "flood": flood, "replay": replay}
THIRD = {"two", "flood", "replay"}


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--only", choices=CASES)
    parser.add_argument("--lk")
    parser.add_argument("--keep", action="store_true")
    o = parser.parse_args()
    failed = False
    for name in [o.only] if o.only else CASES:
        devices = ["laptop", "phone"] + (["tablet"] if name in THIRD else [])
        with World(devices, lk=o.lk, keep=o.keep) as world:
            if world.mode != "netns":
                print("ok: discovery: no network namespaces here, so nothing was tried")
                return 0
            try:
                said = CASES[name](world)
                world.settle()
                print(f"ok: discovery {name}: {said}", flush=True)
            except (Failed, OSError) as e:
                failed = True
                print(f"not ok: discovery {name}, commit {commit()}\n{e}\n{world.logs()}", flush=True)
    return 1 if failed else 0


if __name__ == "__main__":
    tidy_exit()
    sys.exit(main())
