#!/usr/bin/python3
"""Follows the changes of documents over the daemon's socket, and what each did.

usage: follow.py [--since CURSOR] [--count N] [DOC ...]

Needs nothing but Python.  docs/control.md is what it keeps to."""
import argparse
import base64
import json
import os
import pathlib
import socket
import struct
import sys


def socket_path():
    if os.environ.get("LK_SOCKET"):
        return os.environ["LK_SOCKET"]
    data = os.environ.get("XDG_DATA_HOME") or pathlib.Path.home() / ".local/share"
    home = os.environ.get("LK_HOME") or f"{data}/lk"
    name = 0xcbf29ce484222325
    for byte in os.fsencode(os.path.realpath(home)):
        name = (name ^ byte) * 0x100000001b3 % 2 ** 64
    runtime = os.environ.get("XDG_RUNTIME_DIR")
    path = f"{runtime}/lk/{name:016x}/control" if runtime else f"{home}/run/control"
    if len(os.fsencode(path)) > 107:
        path = f"/tmp/lk-{os.geteuid()}/{name:016x}/control"
    return path


class Refused(Exception):
    """What the daemon answers when it did not do it."""


class Daemon:
    def __init__(self, path):
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.connect(path)
        who = self.socket.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, struct.calcsize("3i"))
        if struct.unpack("3i", who)[1] != os.geteuid():
            raise PermissionError("another user listens there")
        self.lines = self.socket.makefile("rb")
        self.last_id = 0
        self.events = []
        if self.call("version")["protocol"] != "lk.control/1":
            raise Refused("another version listens there")

    def send(self, method, **params):
        self.last_id += 1
        request = {"jsonrpc": "2.0", "id": self.last_id, "method": method, "params": params}
        self.socket.sendall(json.dumps(request).encode() + b"\n")
        return self.last_id

    def message(self):
        line = self.lines.readline()
        if not line:
            raise ConnectionError("the daemon closed the connection")
        return json.loads(line)

    def result(self, answer):
        """The result of an answer; one too long for a line is fetched."""
        if "error" in answer:
            raise Refused(answer["error"]["message"])
        if "result_download" not in answer:
            return answer["result"]
        handle, text, left = answer["result_download"]["handle"], b"", 1
        while left:
            piece = self.call("download.read", handle=handle)
            text, left = text + base64.b64decode(piece["data"]), piece["left"]
        return json.loads(text)

    def call(self, method, **params):
        """Asks, and waits for the answer; events that come meanwhile are kept."""
        asked = self.send(method, **params)
        while True:
            message = self.message()
            if message.get("id") == asked:
                return self.result(message)
            self.events.append(message)

    def stream(self, method, **params):
        """The events of a request, until it is answered."""
        asked = self.send(method, **params)
        while True:
            message = self.events.pop(0) if self.events else self.message()
            if message.get("id") == asked:
                self.result(message)
                return
            if message.get("method") == "stream" and message["params"]["id"] == asked:
                yield message["params"]["event"]


def follow(daemon, options):
    params = {"docs": options.docs} if options.docs else {}
    if options.since is not None:
        params["since"] = options.since
    if options.count is not None:
        params["count"] = options.count
    for event in daemon.stream("watch", **params):
        print(f'{event["cursor"]} {event["name"]}: {event["who"]}: {event["message"] or "no message"}')
        if not event["import"]:
            # Requests of one connection overlap: the other one goes on.
            shown = daemon.call("doc.show", doc=event["doc"], rev=event["hash"])
            for patch in shown["patches"]:
                print(f'    {patch["action"]} {patch.get("path", "")} {patch.get("json", "")}'.rstrip())
        sys.stdout.flush()


def main():
    p = argparse.ArgumentParser(usage=__doc__.split("usage: ")[1].splitlines()[0])
    p.add_argument("--since", type=int)
    p.add_argument("--count", type=int)
    p.add_argument("docs", nargs="*")
    try:
        follow(Daemon(socket_path()), p.parse_args())
    except (OSError, Refused) as e:
        print(f"follow.py: {e}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
