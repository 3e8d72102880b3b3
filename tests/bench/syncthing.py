"""syncthing.py - the same files with Syncthing, for comparison.

Two of them in the networks of a world's first two devices, each other's only
peer at a fixed address; no discovery, relays or NAT.  Changes are looked for by
the kernel's notices, gathered for 1 s, the least there is, unless `gather_s` says
otherwise (its default is 10); edits are also measured with it told at once of
each.  All else is its default.
"""
import contextlib
import copy
import http.client
import json
import os
import pathlib
import shutil
import socket
import subprocess
import time
import xml.etree.ElementTree as xml

import measured
from world import Failed, until

KEY = "bench"
PORT = 22000
NOTICED = 20  # seconds each


class OverSocket(http.client.HTTPConnection):
    def __init__(self, path):
        super().__init__("localhost", timeout=30)
        self.path = path

    def connect(self):
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.connect(self.path)


class Syncthing:
    """One of them, in a host's network."""

    def __init__(self, host):
        self.host = host
        self.home = host.home.with_name(f"st-{host.name}")
        self.folder = self.home / "files"
        self.folder.mkdir(parents=True)
        subprocess.run(["syncthing", "generate", f"--home={self.home}", "--no-default-folder"],
                       check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        self.id = subprocess.run(["syncthing", f"--home={self.home}", "--device-id"], check=True,
                                 capture_output=True, text=True).stdout.strip()
        self.process = None

    def configure(self, other, gather_s=1, password=None, kind="sendreceive"):
        """`password`: the other one has only what is sealed with it, in a folder
        of the kind receiveencrypted."""
        path = self.home / "config.xml"
        tree = xml.parse(path)
        root = tree.getroot()
        for device in root.findall("device"):
            root.remove(device)
        for folder in root.findall("folder"):
            root.remove(folder)
        # What it gives a new folder by itself, conflict copies among that.
        folder = copy.deepcopy(root.find("defaults/folder"))
        for device in folder.findall("device"):
            folder.remove(device)
        for name, value in (("id", "bench"), ("path", str(self.folder)), ("fsWatcherDelayS", str(gather_s)),
                            ("type", kind)):
            folder.set(name, value)
        root.append(folder)
        for peer in (self, other):
            shared = xml.SubElement(folder, "device", {"id": peer.id})
            if peer is other and password is not None:
                xml.SubElement(shared, "encryptionPassword").text = password
            device = xml.SubElement(root, "device", {"id": peer.id, "name": peer.host.name})
            xml.SubElement(device, "address").text = f"tcp://{peer.host.address}:{PORT}"
        gui = root.find("gui")
        gui.find("address").text = str(self.home / "gui")
        gui.find("apikey").text = KEY
        options = root.find("options")
        for name, value in (("listenAddress", f"tcp://{self.host.address}:{PORT}"),
                            ("globalAnnounceEnabled", "false"), ("localAnnounceEnabled", "false"),
                            ("relaysEnabled", "false"), ("natEnabled", "false"),
                            ("crashReportingEnabled", "false"), ("urAccepted", "-1"),
                            ("autoUpgradeIntervalH", "0"), ("startBrowser", "false")):
            found = options.find(name)
            if found is None:
                found = xml.SubElement(options, name)
            found.text = value
        tree.write(path)

    def start(self):
        self.process = subprocess.Popen(
            self.host.argv("syncthing", "serve", f"--home={self.home}", "--no-browser",
                           "--no-restart", "--no-upgrade"),
            env={**os.environ, "STNODEFAULTFOLDER": "1", "STNOUPGRADE": "1"},
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        until("Syncthing answers", 30, lambda: self.ask("/rest/system/ping"))

    def ask(self, path, method="GET"):
        with contextlib.suppress(OSError, http.client.HTTPException, ValueError):
            c = OverSocket(str(self.home / "gui"))
            c.request(method, path, headers={"X-API-Key": KEY})
            return json.loads(c.getresponse().read() or b"{}")
        return None

    def pids(self):
        """A parent watches over the one that works."""
        found = []
        for entry in pathlib.Path("/proc").iterdir():
            with contextlib.suppress(OSError, ValueError):
                if f"--home={self.home}".encode() in (entry / "cmdline").read_bytes().split(b"\0"):
                    found.append(int(entry.name))
        return found

    def files(self):
        return sum(1 for f in os.scandir(self.folder) if not f.name.startswith("."))

    def stop(self):
        if self.process is not None:
            self.process.terminate()
            self.process.wait()


def there():
    return shutil.which("syncthing") is not None


def version():
    said = subprocess.run(["syncthing", "--version"], capture_output=True, text=True, check=False)
    return " ".join(said.stdout.split()[:2])


def save(path, text):
    path.write_text(text)


def arrival(source, target, text, tell=None, how=save):
    """Seconds from before a file is written anew until the other one has it."""
    began = time.perf_counter()
    how(source, text)
    if tell is not None:
        tell()
    while True:
        with contextlib.suppress(OSError):
            if target.read_text() == text:
                return time.perf_counter() - began
        if time.perf_counter() - began > 120:
            raise Failed(f"{target}: what was saved does not arrive")
        time.sleep(0.001)


def edit_delays(a, b, count, told, name="edited", warm=5):
    """Every change of a file on A until it is seen on B."""
    def tell():
        a.ask(f"/rest/db/scan?folder=bench&sub={name}", "POST")

    return [arrival(a.folder / name, b.folder / name, f"{told} {i:016} {time.monotonic_ns()}",
                    tell if told else None)
            for i in range(count + warm)][warm:]


def untrusted(world, texts):
    """`texts` as files on the first; the folder of the second, which cannot read
    them, once it has all."""
    a, b = (Syncthing(h) for h in list(world)[:2])
    a.configure(b, password="untrusted")
    b.configure(a, kind="receiveencrypted")
    for i, text in enumerate(texts):
        (a.folder / f"doc-{i:05}.txt").write_text(text)
    began = time.perf_counter()
    try:
        a.start()
        b.start()
        until("all is there", 1800, lambda: (a.ask("/rest/db/status?folder=bench") or {}).get("localFiles") ==
              len(texts) and (a.ask(f"/rest/db/completion?folder=bench&device={b.id}") or {}).get("completion") == 100)
        return round(time.perf_counter() - began, 1), b.folder
    finally:
        a.stop()
        b.stop()


def measure(world, texts, idle_seconds, edits):
    """`texts` as files on the first, copied to the second; then idle; then edits."""
    hosts = list(world)[:2]
    a, b = (Syncthing(h) for h in hosts)
    out = {"version": version()}
    try:
        for one, other in ((a, b), (b, a)):
            one.configure(other)
        for i, text in enumerate(texts):
            (a.folder / f"doc-{i:05}.txt").write_text(text)
        a.start()
        until("Syncthing has read its files", 600, lambda: (a.ask(
            "/rest/db/status?folder=bench") or {}).get("localFiles") == len(texts))
        wire, began = sum(b.host.wire_bytes()), time.perf_counter()
        b.start()
        until("the files", 1800, lambda: b.files() == len(texts))
        out["documents_seconds"] = round(time.perf_counter() - began, 2)
        until("acknowledged", 600, lambda: (a.ask(
            f"/rest/db/completion?folder=bench&device={b.id}") or {}).get("completion") == 100)
        out["documents_acknowledged_seconds"] = round(time.perf_counter() - began, 2)
        out["documents_wire_bytes_each"] = round((sum(b.host.wire_bytes()) - wire) / len(texts), 1)
        out["edit_to_visible_ms"] = measured.spread(edit_delays(a, b, edits, True))
        out["edit_to_visible_by_notice_ms"] = measured.spread(
            edit_delays(a, b, min(edits, NOTICED), False))
        time.sleep(measured.REST_SECONDS)
        pids = b.pids()
        cpu, wire = sum(map(measured.cpu_seconds, pids)), sum(b.host.wire_bytes())
        time.sleep(idle_seconds)
        out["idle_cpu_percent"] = round(
            (sum(map(measured.cpu_seconds, pids)) - cpu) / idle_seconds * 100, 3)
        out["idle_wire_bytes_per_minute"] = round(
            (sum(b.host.wire_bytes()) - wire) / idle_seconds * 60)
        out["idle_rss_mb"] = round(sum(measured.memory_mb(p, "VmRSS") for p in pids), 1)
    finally:
        a.stop()
        b.stop()
    return out
