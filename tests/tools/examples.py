#!/usr/bin/python3
"""examples.py - runs what manuals and documents show.

usage: examples.py --lk LK [--keep] PAGE...

A line "$ command" of an example is run by bash, "phone$ command" as the device
phone; each page has a folder of its own, which is HOME, and a store for each
device in it.  In a page of docs/ these are the blocks that begin with ```sh, in
a manual the literal displays that have such a line.  What only prepares an
example is in a comment: <!-- Run by the tests: ... -->, or lines of .\\" $.

A command has to succeed, and when lines follow it what it says has to be these:
"..." stands for any text, alone on a line for any lines, and several blanks for
any number of them.  Ids, codes, tickets, addresses and times differ from run to
run: such a word stands for any of its kind, and for the same one wherever the
page has it again, also in a command.

lk pair and lk contact pair wait for somebody: they are run beside the next
commands, on a terminal, and have to be done when the page is.
"""
import argparse
import os
import pathlib
import pty
import re
import select
import shutil
import subprocess
import sys
import tempfile
import time

SECONDS = 60
WORD = "[bdfghjklmnprstvz][aiou][bdfghjklmnprstvz][aiou][bdfghjklmnprstvz]"
# What a page shows, and what that stands for; None: as it says, without a name.
KINDS = [
    (r"lk1-[\w.]+", r"lk1-\w+"),
    (r"relay://[\w.@:\[\]?=/]+", r"relay://\S+"),
    (rf"\d+(?:-{WORD}){{3}}", rf"\d+(?:-{WORD}){{3}}"),
    (rf"\b{WORD} {WORD} {WORD}\b", rf"{WORD} {WORD} {WORD}"),
    (r"\b\d+\.\d+\.\d+\.\d+:\d+\b", r"[\d.]+:\d+"),
    (r"\b[0-9a-f]{64}\b", r"[0-9a-f]{64}"),
    (r"\b[0-9a-f]{32}\b", r"[0-9a-f]{32}"),
    (r"\b(?=[a-f]*\d)[0-9a-f]{8}\b", r"[0-9a-f]{8}"),
]
LOOSE = [
    (r"\.\.\.", r".*"),
    (r"\d{4}-\d\d-\d\dT[\d:.]+Z", r"\d{4}-\d\d-\d\dT[\d:.]+Z"),
    (r"just now|\b\d+ (?:s|min|h|d) ago\b", r"(?:just now|\d+ \w+ ago)"),
    (r" {2,}", r"[ \t]+"),
]
TOKEN = re.compile("|".join(f"(?P<k{i}>{shown})" for i, (shown, _) in enumerate(KINDS)) + "|" +
                   "|".join(f"(?P<l{i}>{shown})" for i, (shown, _) in enumerate(LOOSE)))
WAITS = re.compile(r"lk (contact )?pair( --code)?( --qr)?")


class Example:
    def __init__(self, device, command, line):
        self.device, self.command, self.line = device, command, line
        self.shown = []


class Flaw(Exception):
    pass


def roff_plain(line):
    return line.replace("\\&", "").replace("\\-", "-").replace("\\e", "\\").replace('\\(dq', '"')


def lines_of(path):
    """The lines of examples, as (number, text); None between two of them."""
    inside, manual = False, path.suffix in (".1", ".5", ".7", ".8")
    for number, line in enumerate(path.read_text().splitlines(), 1):
        if manual:
            if re.match(r'\.\\" \w*\$ ', line):
                yield number, line[4:]
                yield number, None
            elif line.startswith((".Bd -literal", ".Dl")):
                inside = True
            elif line.startswith(".Ed"):
                inside = False
                yield number, None
            elif inside:
                yield number, roff_plain(line)
        elif line.startswith(("```sh", "<!-- Run by the tests")):
            inside = True
        elif line.startswith(("```", "-->")):
            inside = False
            yield number, None
        elif inside:
            yield number, line


def examples_of(path):
    found, now, longer = [], None, False
    for number, line in lines_of(path):
        begun = re.match(r"(\w*)\$ (.*)", line) if line is not None else None
        if line is None:
            now, longer = None, False
        elif longer:
            now.command += "\n" + line
            longer = line.endswith("\\")
        elif begun:
            now = Example(begun[1] or "laptop", begun[2], number)
            longer = begun[2].endswith("\\")
            found.append(now)
        elif now and not line.startswith("#"):
            now.shown.append(line)
    for e in found:
        while e.shown and not e.shown[-1].strip():
            e.shown.pop()
    return found


class World:
    """A folder with devices in it."""

    def __init__(self, lk, folder):
        self.lk, self.folder, self.known, self.beside = lk, folder, {}, []

    def environment(self, device):
        kept = {k: v for k, v in os.environ.items()
                if not k.startswith(("LK", "XDG_", "AWS_")) and k not in ("EDITOR", "VISUAL")}
        return {**kept, "HOME": str(self.folder), "LK_HOME": str(self.folder / ".lk" / device),
                "PATH": f"{self.lk.parent}:{kept['PATH']}", "NO_COLOR": "1", "TERM": "xterm", "TZ": "UTC",
                "LC_ALL": "C.UTF-8", "TMPDIR": str(self.folder / ".tmp")}

    def said(self, text):
        """A text of the page with what is known of this run in it."""
        return TOKEN.sub(lambda m: self.known.get(m[0], m[0]), text)

    def pattern(self, shown):
        """What lines stand for, and the words of the page that it learns."""
        names, parts = {}, []
        for line in shown:
            if line.strip() == "...":
                parts.append(r"(?:.*\n)*?")
                continue
            at, out = 0, ""
            for m in TOKEN.finditer(line):
                out += re.escape(line[at:m.start()])
                at, kind = m.end(), m.lastgroup
                if kind[0] == "l":
                    out += LOOSE[int(kind[1:])][1]
                elif m[0] in self.known:
                    out += re.escape(self.known[m[0]])
                elif m[0] in names:
                    out += f"(?P={names[m[0]]})"
                else:
                    names[m[0]] = f"n{len(names)}"
                    out += f"(?P<{names[m[0]]}>{KINDS[int(kind[1:])][1]})"
            parts.append(out + re.escape(line[at:].rstrip()) + r" *\n")
        return "".join(parts), names

    def learn(self, shown, out, whole=True):
        pattern, names = self.pattern(shown)
        m = (re.fullmatch if whole else re.match)(pattern, out if out.endswith("\n") or not out else out + "\n")
        if not m:
            return False
        self.known.update((word, m[name]) for word, name in names.items())
        return True

    def run(self, e):
        command = self.said(e.command)
        if WAITS.fullmatch(e.command):
            return self.wait_beside(e, command)
        p = subprocess.run(["bash", "-o", "pipefail", "-c", command], cwd=self.folder, stdin=subprocess.DEVNULL,
                           stdout=subprocess.PIPE, stderr=subprocess.STDOUT, env=self.environment(e.device),
                           timeout=SECONDS, check=False)
        out = p.stdout.decode("utf-8", "replace")
        if p.returncode != 0:
            raise Flaw(f"{e.line}: {command}: exit {p.returncode}\n{out}")
        if e.shown and not self.learn(e.shown, out):
            raise Flaw(f"{e.line}: {command}: said\n{out}instead of\n" + "\n".join(e.shown))
        return None

    def wait_beside(self, e, command):
        pid, fd = pty.fork()
        if pid == 0:
            os.chdir(self.folder)
            os.execvpe("bash", ["bash", "-c", command], self.environment(e.device))
        self.beside.append((pid, fd, e))
        # What it shows at first; the rest comes when somebody has answered.
        first = list(e.shown)
        while first and first[-1].strip() == "...":
            first.pop()
        out, end = "", time.monotonic() + SECONDS
        while first and not self.learn(first, out.replace("\r\n", "\n"), whole=False):
            ready, _, _ = select.select([fd], [], [], max(0, end - time.monotonic()))
            try:
                more = os.read(fd, 65536) if ready else b""
            except OSError:
                more = b""
            if not more:
                raise Flaw(f"{e.line}: {command}: said\n{out}instead of\n" + "\n".join(first))
            out += more.decode("utf-8", "replace")

    def finish(self):
        """Everything that waited has to be done."""
        for pid, fd, e in self.beside:
            end, out = time.monotonic() + SECONDS, ""
            while time.monotonic() < end and select.select([fd], [], [], end - time.monotonic())[0]:
                try:
                    more = os.read(fd, 65536)
                except OSError:
                    break
                if not more:
                    break
                out += more.decode("utf-8", "replace")
            else:
                os.kill(pid, 9)
            if os.waitpid(pid, 0)[1] != 0:
                raise Flaw(f"{e.line}: {e.command}: did not end as it should\n{out}")

    def end(self):
        for home in (self.folder / ".lk").iterdir():
            subprocess.run([self.lk, "-q", "daemon", "stop"], env=self.environment(home.name), check=False,
                           stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
                           timeout=SECONDS)


def page_run(path, lk, keep):
    examples = examples_of(path)
    folder = pathlib.Path(tempfile.mkdtemp(prefix="lk-examples-", dir="/tmp"))
    (folder / ".lk").mkdir(mode=0o700)
    (folder / ".tmp").mkdir()
    world = World(lk, folder)
    try:
        for e in examples:
            world.run(e)
        world.finish()
    except (Flaw, subprocess.TimeoutExpired) as flaw:
        print(f"not ok: {path.name}:{flaw}")
        return False
    finally:
        world.end()
        if keep:
            print(f"kept: {folder}")
        else:
            shutil.rmtree(folder, ignore_errors=True)
    print(f"ok: {path.name}, {len(examples)} examples")
    return True


def main():
    p = argparse.ArgumentParser()
    p.add_argument("--lk", required=True, type=pathlib.Path)
    p.add_argument("--keep", action="store_true")
    p.add_argument("pages", nargs="+", type=pathlib.Path)
    options = p.parse_args()
    results = [page_run(page, options.lk.resolve(), options.keep) for page in options.pages]
    return 0 if all(results) else 1


sys.exit(main())
