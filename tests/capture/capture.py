#!/usr/bin/python3
"""capture.py - what somebody on the cable, or a relay, gets to see.

Three devices live through a story full of names, titles, keys and texts, while
every packet on every cable is recorded.  Then the recording, and the envelopes
as the devices store and pass them on, are searched for each of those words: as
it is, in UTF-16, in hexadecimal, and in base64 at all three alignments.

A search that finds nothing proves nothing, so first: the same search must find
every word, in every encoding, in what the devices show their owner (`lk export`,
`lk members`, `lk device ls`), and the recording must hold more bytes than the
documents.

Without namespaces, or without root (tcpdump insists), the recording is made by a
relay on the loopback interface that the tickets name as the address.

usage: capture.py [--mode netns|loopback] [--lk PATH] [--log-dump PATH] [--keep]
"""
import argparse
import base64
import os
import pathlib
import random
import selectors
import socket
import subprocess
import sys
import threading
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "lan"))
from world import Failed, ROOT, World, tidy_exit  # noqa: E402

# Long enough that none turns up in random bytes.
NAMES = {"laptop": "Rosalinds-Klappstulle", "phone": "Rosalinds-Quasselstrippe",
         "friend": "Theodor-Fontanelli"}
TITLES = ["wanderjahre-tagebuch", "familienrezepte", "nachlassverzeichnis"]
SYLLABLES = "ba ker lu mi no ra sel ti vo wen da fur ge hol".split()
RNG = random.Random(1)
# Words that no compression makes much shorter.
TEXT = ("Der Schlüssel liegt unter dem dritten Blumentopf. "
        "Niemand soll erfahren, dass Amalie heimlich Cello spielt. " +
        " ".join("".join(RNG.choices(SYLLABLES, k=3)) for _ in range(500)))
SENTENCES = ["unter dem dritten Blumentopf", "heimlich Cello spielt",
             "nachgereichter Geheimsatz"]
KEYS = ["zutatenliste", "geheimzutat", "erbteilung"]
VALUES = ["dreieinhalb Vanilleschoten", "Silberbesteck an Wilhelmine"]
PREFACE = b"LK\x01"  # in clear, at the beginning of every session
WORDS = [*NAMES.values(), *TITLES, *SENTENCES, *KEYS, *VALUES]


def encodings(word):
    """What this word looks like in the usual disguises."""
    raw = word.encode()
    yield "plain", raw
    yield "UTF-16", word.encode("utf-16-le")
    yield "hex", raw.hex().encode()
    yield "HEX", raw.hex().upper().encode()
    for shift in range(3):
        # Of a longer stream the first and the last character also depend on
        # the neighbours of the word.
        b64 = base64.b64encode(b"\0" * shift + raw)
        start = -(-shift * 8 // 6)
        whole = (shift + len(raw)) * 8 // 6
        yield f"base64+{shift}", b64[start:whole]
        yield f"base64url+{shift}", b64[start:whole].translate(bytes.maketrans(b"+/", b"-_"))


def search(data, words=WORDS):
    return [(word, how) for word in words for how, needle in encodings(word) if needle in data]


def disguises(data):
    """The readable bytes in every encoding that is searched for."""
    yield data
    yield data.decode().encode("utf-16-le")
    yield data.hex().encode()
    yield data.hex().upper().encode()
    for shift in range(3):
        b64 = base64.b64encode(b"x" * shift + data)
        yield b64
        yield b64.translate(bytes.maketrans(b"+/", b"-_"))


class Recording:
    """tcpdump on every port of the bridge."""

    def __init__(self, world):
        self.path = world.dir / "cable.pcap"
        with open(self.path, "wb") as out:
            self.process = subprocess.Popen(
                ["nsenter", f"--net=/proc/{world.hub.pid}/ns/net", "--", "tcpdump",
                 "-i", "any", "-w", "-", "-U", "--immediate-mode", "-s", "0",
                 "-B", "16384", "-Z", "root"],
                stdin=subprocess.DEVNULL, stdout=out, stderr=subprocess.PIPE)
        # It says so once it listens.
        line = self.process.stderr.readline()
        while b"listening on" not in line:
            if not line:
                raise Failed("tcpdump does not start")
            line = self.process.stderr.readline()

    def end(self):
        self.process.terminate()
        said = self.process.communicate(timeout=30)[1]
        if b" 0 packets dropped by kernel" not in b" " + said.replace(b"\n", b" "):
            raise Failed(f"tcpdump lost packets: {said.decode()}")
        return self.path.read_bytes()


class Relay:
    """In place of tcpdump: passes a TCP port on and writes down what passes."""

    def __init__(self, port):
        self.lock, self.seen, self.port = threading.Lock(), bytearray(), port
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.address = f"127.0.0.1:{self.listener.getsockname()[1]}"
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self):
        while True:
            try:
                a, _ = self.listener.accept()
                b = socket.create_connection(("127.0.0.1", self.port))
            except OSError:
                return
            threading.Thread(target=self.carry, args=(a, b), daemon=True).start()

    def carry(self, a, b):
        other = {a: b, b: a}
        ready = selectors.DefaultSelector()
        for s in other:
            ready.register(s, selectors.EVENT_READ)
        try:
            while True:
                for key, _ in ready.select():
                    data = key.fileobj.recv(65536)
                    if not data:
                        return
                    with self.lock:
                        self.seen += data
                    other[key.fileobj].sendall(data)
        except OSError:
            pass
        finally:
            a.close()
            b.close()

    def end(self):
        self.listener.close()
        with self.lock:
            return bytes(self.seen)


def relay_in_front(host):
    """The laptop listens on a port that is known, and tells peers another."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    relay = Relay(port)
    host.home.mkdir(mode=0o700, exist_ok=True)
    (host.home / "config").write_text(f"listen 127.0.0.1:{port}\naddress {relay.address}\n")
    return relay


def live(world):
    """The story; returns everything its people can read, as bytes."""
    laptop, phone, friend = world["laptop"], world["phone"], world["friend"]
    diary, recipes, estate = TITLES
    for h in world:
        h.ok("init", "--name", NAMES[h.name])
    (world.dir / "diary.txt").write_text(TEXT)
    laptop.ok("import", "diary.txt", "--as", diary)
    phone.ok("pair", laptop.ok("pair", "--ticket").text.strip())
    phone.ok("new", recipes)
    phone.ok("set", recipes, f"/{KEYS[0]}", "[]")
    phone.ok("set", "--string", recipes, f"/{KEYS[1]}", VALUES[0])
    laptop.ok("new", estate)
    laptop.ok("set", estate, f"/{KEYS[2]}", f'"{VALUES[1]}"', "-m", VALUES[0])
    friend.ok("accept", laptop.ok("invite", estate).text.strip())
    friend.ok("set", estate, f"/{KEYS[0]}", '"%s"' % SENTENCES[0])
    phone.ok("splice", diary, "", "0", "0", SENTENCES[2] + " ")
    for h in world:
        h.ok("sync", "--wait=all", "--timeout", "60s")
    laptop.ok("revoke", estate, NAMES["friend"])
    laptop.ok("set", estate, f"/{KEYS[1]}", f'"{SENTENCES[1]}"')
    laptop.ok("sync", "--wait=all", "--timeout", "60s")
    shown = b"".join(laptop.ok("export", t, "--format", "json").out for t in TITLES)
    return shown, b"\n".join([
        shown, laptop.ok("ls", "-l").out, laptop.ok("device", "ls").out,
        laptop.ok("members", "--all", estate).out])


def check_search(readable):
    found = {pair for text in disguises(readable) for pair in search(text)}
    missing = [(w, how) for w in WORDS for how, _ in encodings(w) if (w, how) not in found]
    if missing:
        raise Failed(f"the search does not find {missing} where they are")


def check_closed(what, data):
    found = search(data)
    if found:
        raise Failed(f"{what}: readable: {found}")


def run(options):
    with World(("laptop", "phone", "friend"), options.lk, options.mode, options.keep) as world:
        try:
            recorder = (Recording(world) if world.mode == "netns" else
                        relay_in_front(world["laptop"]))
            shown, readable = live(world)
            check_search(readable)
            for h in world:
                h.stop()
            cable = recorder.end()
            if PREFACE not in cable:
                raise Failed("no session was recorded")
            if len(cable) <= len(shown):
                raise Failed(f"{len(cable)} bytes on the cable for {len(shown)} shown")
            check_closed("cable", cable)
            envelopes = 0
            for h in world:
                path = world.dir / f"{h.name}.envelopes"
                # Where lkd keeps its store, below LK_HOME.
                store = next(p.parent for p in h.home.rglob("data.mdb"))
                subprocess.run([options.log_dump, store, path], check=True,
                               stdout=subprocess.DEVNULL)
                envelopes += path.stat().st_size
                check_closed(f"envelopes of {h.name}", path.read_bytes())
            if envelopes <= len(shown):
                raise Failed("the logs hold less than the documents")
            world.settle()
        except Failed as e:
            raise Failed(f"{e}\n{world.reports()}{world.logs()}") from None
        return world.mode, len(cable), envelopes, len(shown)


def main():
    p = argparse.ArgumentParser(usage=__doc__.rsplit("usage: ", 1)[1].strip())
    p.add_argument("--mode", choices=["auto", "netns", "loopback"], default="auto")
    p.add_argument("--lk")
    p.add_argument("--log-dump", default=os.environ.get(
        "LOG_DUMP", str(ROOT / "build/dev/tests/log_dump")))
    p.add_argument("--keep", action="store_true")
    options = p.parse_args()
    tidy_exit()
    if options.mode == "auto" and os.geteuid() != 0:
        options.mode = "loopback"
    began = time.monotonic()
    try:
        mode, cable, envelopes, shown = run(options)
    except Failed as e:
        print(f"not ok: capture\n{e}")
        return 1
    print(f"ok: capture: {len(WORDS)} words, {len(list(encodings('x')))} encodings, "
          f"{cable} bytes on the cable, {envelopes} of envelopes, {shown} shown, "
          f"{mode}, {time.monotonic() - began:.1f} s")
    return 0


if __name__ == "__main__":
    sys.exit(main())
