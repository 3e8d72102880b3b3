#!/usr/bin/python3
"""story.py - the story of lk, told by the programs themselves.

Three devices, each in a network of its own: a laptop, a phone of the same
person, and a friend's machine.  Every command is shown with what it prints, and
every claim made between them is checked; the first that does not hold ends it.

usage: story.py [--mode netns|loopback] [--lk PATH] [--phone PATH] [--quiet]
"""
import argparse
import os
import pathlib
import shlex
import shutil
import subprocess
import sys
import time

from world import Failed, ROOT, World, tidy_exit, until

THESIS = ROOT / "tests/data/automerge/vectors/40-random-collab.automerge"
NOTES = """# Notes on the old harbour

The harbour was dug in 1843 and silted up within thirty years.
What is left is the mole, two cranes and the customs house.

- ask the archive for the plans
- photographs: the mole at low water
"""


class Story:
    def __init__(self, world, quiet):
        self.world, self.quiet = world, quiet
        self.color = sys.stdout.isatty() and not os.environ.get("NO_COLOR")
        self.steps = 0

    def style(self, code, text):
        return f"\033[{code}m{text}\033[0m" if self.color else text

    def print(self, text="", end="\n"):
        if not self.quiet:
            print(text, end=end, flush=True)

    def chapter(self, title, text):
        self.print(f"\n{self.style('1;34', title)}\n{text}\n")

    def note(self, text):
        self.print(self.style("2", f"  ({text})"))

    def __call__(self, host, line, *expect, code=0, env=None):
        """Types one line at a device; it must end so and print these."""
        h = self.world[host]
        words = shlex.split(line)
        shown = line
        while "=" in words[0]:
            key, _, value = words.pop(0).partition("=")
            env = {**(env or {}), key: value}
        self.print(f"{self.style('1;32', host + '$')} {shown}")
        result = h.lk(*words[1:], env=env)
        self.steps += 1
        out = (result.out + result.err).decode()
        for each in out.splitlines():
            self.print(f"  {each}")
        if result.code != 0:
            self.print(self.style("2", f"  [exit {result.code}]"))
        if result.code != code:
            raise Failed(f"{result}\nexpected exit {code}")
        for text in expect:
            if text not in out:
                raise Failed(f"{result}\nexpected {text!r}")
        return result.text.strip()

    def claim(self, text, true):
        self.steps += 1
        if not true:
            raise Failed(f"not so: {text}")
        self.print(self.style("32", f"  => {text}"))


def first_device(s):
    s.chapter("1. A laptop", "One command makes keys, a store and a daemon. An Automerge file, a text and a\n"
              "new document follow.")
    s("laptop", "lk init --name laptop", "Recovery phrase")
    s("laptop", "lk import thesis.automerge --as thesis")
    s("laptop", "lk import notes.md")
    s("laptop", "lk new shopping")
    s("laptop", "lk set --counter shopping /milk 2")
    s("laptop", """lk set shopping /who '{"name":"me","tags":["a","b"]}'""")
    s("laptop", "lk get shopping", '"milk": 2')
    s("laptop", "lk ls -l", "thesis", "notes", "shopping")


def second_device(s):
    s.chapter("2. A phone", "A ticket on one device, typed on the other: everything arrives, and both are\n"
              "devices of one person.")
    ticket = s("laptop", "lk pair --ticket", "lk1-")
    s("phone", "lk init --name phone")
    s("phone", f"lk pair {ticket}")
    s("phone", "lk ls", "notes", "shopping", "thesis")
    s("phone", "lk get shopping", '"milk": 2')
    s("phone", "lk get notes", "The harbour was dug in 1843")
    s("laptop", "lk device ls", "phone")


def apart(s):
    w = s.world
    s.chapter("3. Apart", "The phone loses its network. Both edit the same text and the same counter.")
    w.cut([w["laptop"], w["friend"]])
    s.note("the phone's cable is pulled")
    s("laptop", "EDITOR='sed -i s/1843/1841/' lk edit notes")
    s("phone", "lk splice notes '' 0 0 'Read this first. '")
    s("laptop", "lk inc shopping /milk 3")
    s("phone", "lk inc shopping /milk 10")
    s("phone", "lk sync --wait=all --timeout 1s", "laptop", code=75)
    w.heal()
    s.note("the cable is back")
    s("phone", "lk sync --wait=all --timeout 30s")
    s("laptop", "lk sync --wait=all --timeout 30s")
    for host in ("laptop", "phone"):
        s(host, "lk get notes", "Read this first. # Notes", "dug in 1841")
        s(host, "lk get shopping /milk", "15")
    s.claim("both edits of the text are there, and the counter has all 2 + 3 + 10",
            w["laptop"].ok("export", "notes", "--format", "automerge").out ==
            w["phone"].ok("export", "notes", "--format", "automerge").out)


def together(s):
    w = s.world
    s.chapter("4. A friend", "Somebody else may write one of the documents, and sees nothing of the others.")
    ticket = s("laptop", "lk invite shopping --role write", "lk1-")
    s("friend", "lk init --name friend")
    s("friend", f"lk accept {ticket}", "shopping")
    s("friend", "lk ls")
    s.claim("the friend has that document and no other",
            [d["name"] for d in w["friend"].ok("--json", "ls").json()["documents"]] == ["shopping"])
    watch = w["laptop"].popen("watch", "shopping", "--json", "--count", "1",
                              "--since", str(cursor(w["laptop"])), stdout=subprocess.PIPE)
    s("friend", """lk set shopping /cake '"two, with cherries"'""")
    line = watch.communicate(timeout=30)[0].decode().strip()
    s.print(f"{s.style('1;32', 'laptop$')} lk watch shopping --json --count 1")
    s.print(f"  {line}")
    s.claim("the laptop saw it as it happened", '"friend' in line and watch.returncode == 0)
    s("laptop", "lk members shopping", "friend", "write")
    s("laptop", "lk log shopping", "friend")
    s("laptop", "lk sync --wait=all --timeout 30s")
    s("laptop", "lk status", "synced")


def cursor(host):
    return max(e["cursor"] for e in host.ok("--json", "log", "shopping").lines())


def apart_for_good(s):
    w = s.world
    laptop, phone, friend = w["laptop"], w["phone"], w["friend"]
    s.chapter("5. Revoked while editing", "The friend is cut off and goes on writing. Meanwhile he is revoked. Nobody\n"
              "asks a server, or a clock, who was first.")
    w.cut([laptop, phone])
    s.note("the friend's cable is pulled")
    s("friend", """lk set shopping /cake '"none at all"'""")
    s("friend", """lk set shopping /beer '"forty crates"'""")
    w.meet(laptop, phone)
    s("laptop", "lk revoke shopping friend --dry-run", "Nothing was done")
    s("laptop", "lk revoke shopping friend", "Nothing already received can be taken back")
    s("laptop", """lk set --string shopping /surprise 'the party is on Saturday'""")
    s("laptop", "lk sync --wait=all --timeout 30s")
    w.heal()
    s.note("the friend's cable is back: his edits meet the revocation")
    until("the friend's device has heard it", 60, lambda: role(friend) == "none")
    s("friend", """lk set shopping /beer '"fifty crates"'""", code=77)
    s("friend", "lk get shopping", "two, with cherries")
    s("laptop", "lk sync --wait=all --timeout 30s")
    s("laptop", "lk get shopping", "two, with cherries", "Saturday")
    s("phone", "lk get shopping", "two, with cherries", "Saturday")
    s("laptop", "lk members shopping")
    files = {h.name: h.ok("export", "shopping", "--format", "automerge").out for h in (laptop, phone)}
    s.claim("laptop and phone hold the same bytes", files["laptop"] == files["phone"])
    s.claim("his edit from before is there, those past the revocation are nowhere",
            b"crates" not in files["laptop"] and "crates" not in phone.ok("get", "shopping").text)
    s.claim("he cannot read what was written after", "Saturday" not in friend.ok("get", "shopping").text)
    for h in w:
        h.stop()
    s.claim("nor is it in any file of his (the phone's has it)",
            not contains(friend, b"on Saturday") and contains(phone, b"on Saturday"))


def role(host):
    return next(d["role"] for d in host.ok("--json", "ls").json()["documents"]
                if d["name"] == "shopping")


def contains(host, needle):
    return any(needle in p.read_bytes() for p in host.home.rglob("*") if p.is_file())


def leave(s):
    w = s.world
    s.chapter("6. Out again", "Any Automerge application opens what lk writes.")
    s("laptop", "lk export thesis -o out.automerge")
    s("phone", "lk export thesis -o phone.automerge")
    s.claim("both devices write the same file",
            (w.dir / "out.automerge").read_bytes() == (w.dir / "phone.automerge").read_bytes())
    for host in ("laptop", "phone", "friend"):
        s(host, "lk daemon stop")


def tell(options):
    began = time.monotonic()
    others = {"phone": options.phone} if options.phone else {}
    with World(("laptop", "phone", "friend"), options.lk, options.mode, others=others) as world:
        s = Story(world, options.quiet)
        s.print(f"lk: {world.lk.relative_to(ROOT) if world.lk.is_relative_to(ROOT) else world.lk}; "
                + ("three network namespaces on one bridge" if world.mode == "netns" else
                   "namespaces are not allowed here: three stores on the loopback interface"))
        shutil.copy(THESIS, world.dir / "thesis.automerge")
        pathlib.Path(world.dir / "notes.md").write_text(NOTES)
        try:
            for chapter in (first_device, second_device, apart, together, apart_for_good, leave):
                chapter(s)
            world.settle()
        except Failed as e:
            raise Failed(f"{e}\n{world.reports()}{world.logs()}") from None
        print(f"ok: story: {s.steps} steps, {world.mode}, {time.monotonic() - began:.1f} s")


def main():
    p = argparse.ArgumentParser(usage=__doc__.rsplit("usage: ", 1)[1].strip())
    p.add_argument("--mode", choices=["auto", "netns", "loopback"], default="auto")
    p.add_argument("--lk")
    p.add_argument("--phone", metavar="LK", help="the phone's, where it is another one")
    p.add_argument("--quiet", action="store_true")
    options = p.parse_args()
    tidy_exit()
    try:
        tell(options)
    except Failed as e:
        print(f"not ok: story\n{e}")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
