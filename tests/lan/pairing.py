#!/usr/bin/python3
"""pairing.py - two devices in networks of their own pair by a code.

  whole    a code on one, typed on the other: how long it takes, what both show
  guess    a third device types another code first: the right one is dead
  quit     the typer's daemon, or the cable, is gone at some moment of it: nobody
           is half of anything, and another code brings it about

usage: pairing.py [--only whole|guess|quit] [--mode netns|loopback] [--lk PATH] [--keep]
"""
import argparse
import json
import pathlib
import sys
import time

from world import Failed, World, commit, tidy_exit, until

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "model"))
import paircode  # noqa: E402

MOMENTS = [0, 5, 10, 20, 40, 80, 160, 320]  # ms after the code was typed
PATIENCE = 60


class Shown:
    """A code that a device shows until it was used, or is dead."""

    def __init__(self, host):
        self.process = host.popen("--json", "pair", stdout=-1, stderr=-1)
        event = json.loads(self.process.stdout.readline())
        self.code = event["code"]
        port = host.ok("--json", "daemon", "status").json()["port"]
        address = host.address if host.holder is not None else "127.0.0.1"
        self.typed = f"{self.code}@{address}:{port}\n".encode()

    def end(self):
        """Its last event, or None and why."""
        out, err = self.process.communicate(timeout=PATIENCE)
        return json.loads(out) if self.process.returncode == 0 else None, err.decode()

    def withdraw(self):
        self.process.kill()
        self.process.communicate()


def devices(host):
    return [d["name"] for d in host.ok("--json", "device", "ls").json()["devices"]]


def person(host):
    return host.ok("--json", "key", "show").json()["person"]


def expect(what, got, want):
    if got != want:
        raise Failed(f"{what}: {got!r}, expected {want!r}")


def paired(world):
    laptop, phone = world["laptop"], world["phone"]
    expect("person", person(phone), person(laptop))
    expect("devices", sorted(devices(laptop)), ["laptop", "phone"])
    until("the phone lists both", PATIENCE, lambda: sorted(devices(phone)) == ["laptop", "phone"])
    until("the document", PATIENCE, lambda: phone.lk("get", "plan").code == 0)


def found(world):
    """Without an address: by the beacon of the window."""
    if world.mode != "netns":
        return "no network of its own to be found on: not tried"
    return whole(world, lambda shown: f"{shown.code}\n".encode())


def whole(world, typed=lambda shown: shown.typed):
    laptop, phone = world["laptop"], world["phone"]
    shown = Shown(laptop)
    began = time.monotonic()
    result = phone.ok("--json", "pair", "-", input=typed(shown)).json()
    took = time.monotonic() - began
    event, err = shown.end()
    if event is None:
        raise Failed(err)
    expect("words", event["words"], result["words"])
    expect("name", event["name"], "phone")
    expect("documents", result["documents"], 1)
    paired(world)
    return f"{took:.2f} s"


def guess(world):
    laptop, phone, third = world["laptop"], world["phone"], world["third"]
    shown = Shown(laptop)
    window, secret = paircode.parse_code(shown.code, 1)
    wrong = shown.typed.replace(shown.code.encode(),
                                paircode.make_code(1, window, secret ^ 1).encode())
    third.fails(77, "pair", "-", input=wrong)
    event, err = shown.end()
    expect("event", event, None)
    if "a wrong code was typed" not in err:
        raise Failed(err)
    phone.fails(77, "pair", "-", input=shown.typed)
    expect("devices", devices(laptop), ["laptop"])
    return "refused"


def quit_at(world, moment, how):
    """What the phone is afterwards: somebody's whole, or nobody's."""
    laptop, phone = world["laptop"], world["phone"]
    shown = Shown(laptop)
    typing = phone.popen("-q", "pair", "-", "--timeout", "2s", stdin=-1, stdout=-1, stderr=-1)
    typing.stdin.write(shown.typed)
    typing.stdin.close()
    typing.stdin = None
    time.sleep(moment / 1000)
    if how == "kill":
        for pid in phone.running():
            phone.kill(pid)
    else:
        world.cut()
    typing.communicate(timeout=PATIENCE)
    shown.withdraw()
    world.heal()
    joined = person(phone) == person(laptop)
    if not joined:
        expect("devices of the phone", devices(phone), ["phone"])
        again = Shown(laptop)
        phone.ok("pair", "-", input=again.typed)
        if again.end()[0] is None:
            raise Failed("the second code was refused")
    paired(world)
    return joined


CASES = {"whole": whole, "found": found, "guess": guess}


def one(case, options):
    with World(("laptop", "phone", "third"), options.lk, options.mode, options.keep) as world:
        try:
            world.everywhere(lambda h: h.init())
            world["laptop"].ok("new", "plan")
            said = case(world)
            world.settle()
        except Failed as e:
            raise Failed(f"{e}\n{world.reports()}{world.logs()}") from None
        return f"{world.mode}, {said}"


def cases(options):
    for name, case in CASES.items():
        if options.only in (None, name):
            yield name, case
    if options.only not in (None, "quit"):
        return
    for how in ("kill", "cut"):
        for moment in MOMENTS:
            yield (f"{how} after {moment} ms",
                   lambda world, moment=moment, how=how:
                   "was joined" if quit_at(world, moment, how) else "joined by another code")


def main():
    p = argparse.ArgumentParser(usage=__doc__.rsplit("usage: ", 1)[1].strip())
    p.add_argument("--only", choices=[*CASES, "quit"])
    p.add_argument("--mode", choices=["auto", "netns", "loopback"], default="auto")
    p.add_argument("--lk")
    p.add_argument("--keep", action="store_true")
    options = p.parse_args()
    tidy_exit()
    failed = 0
    for name, case in cases(options):
        try:
            print(f"ok: pairing {name}: {one(case, options)}", flush=True)
        except Failed as e:
            failed += 1
            print(f"not ok: pairing {name}, commit {commit()}\n{e}", flush=True)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
