#!/usr/bin/python3
"""wire.py - a cable that delays, loses, reorders, repeats and breaks off.

Runs in the namespace in the middle and owns one end of a veth pair for every
device.  What arrives at one end leaves at the others, or at that of the frame's
destination once it is known, after what the link between the two does to it:

  loss      chance that a frame is lost
  burst     [chance to fall into a bad spell, chance to leave it, chance of a
            loss in it], each frame
  delay, jitter   ms; jitter alone keeps the order
  reorder   [chance, ms]: a frame is held up, and others overtake it
  twice     chance that it arrives again
  rate, queue     bits a second, and the bytes that may wait for their turn
  reset     chance that a segment with data breaks its connection off: both
            ends get a RST that fits
  up        false: everything is lost

Commands are lines of JSON on standard input, each answered by one:

  {"set": {...}, "between": [name, name]}
    in both directions; without `between` every link; what is not said is as on
    an ideal one.  Without `set` it only counts

An answer counts what happened so far on all of them: frames and bytes as sent;
of TCP's data what went out for the first time; what was lost, and what was for
want of room; resets.

Each direction of each link draws from a generator of its own, by seed; which
frames there are depends on the clock.

usage: wire.py SEED NAME=INTERFACE ...
"""
import ctypes
import fcntl
import heapq
import json
import os
import random
import select
import socket
import struct
import sys
import time

ETH_P_ALL, SOL_PACKET, IGNORE_OUTGOING = 3, 263, 23
FRAME_MAX = 65536
IDEAL = {"loss": 0, "burst": None, "delay": 0, "jitter": 0, "reorder": None, "twice": 0,
         "rate": 0, "queue": 65536, "reset": 0, "up": True}
FIN, SYN, RST, ACK = 1, 2, 4, 16
SIOCETHTOOL = 0x8946
SET_TX_CHECKSUM, SET_TSO, SET_GSO = 0x17, 0x1F, 0x24


def plain_frames(interface):
    """Frames as they would be on a cable: with checksums, and no larger than
    the MTU.  In the namespace of the device."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
        for command in (SET_TX_CHECKSUM, SET_TSO, SET_GSO):
            value = ctypes.create_string_buffer(struct.pack("=II", command, 0), 8)
            fcntl.ioctl(s, SIOCETHTOOL, struct.pack("16sP16x", interface.encode(),
                                                    ctypes.addressof(value)))


def checksum(data):
    if len(data) % 2:
        data += b"\0"
    total = sum(struct.unpack(f"!{len(data) // 2}H", data))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF


class Segment:
    """A TCP segment over IPv4 in a frame, or None of it."""

    def __init__(self, frame):
        head = 14 + (frame[14] & 15) * 4
        self.frame = frame
        self.source, self.target = frame[26:30], frame[30:34]
        (self.sport, self.dport, self.seq, self.ack, offset,
         self.flags) = struct.unpack_from("!HHIIBB", frame, head)
        end = 14 + struct.unpack_from("!H", frame, 16)[0]
        self.length = end - head - (offset >> 4) * 4

    @staticmethod
    def of(frame):
        if len(frame) < 54 or frame[12:14] != b"\x08\0" or frame[23] != 6:
            return None
        return Segment(frame)

    def _rst(self, macs, addresses, ports, seq, ack):
        tcp = struct.pack("!HHIIBBHHH", *ports, seq & 0xFFFFFFFF, ack & 0xFFFFFFFF,
                          5 << 4, RST | ACK, 0, 0, 0)
        pseudo = b"".join(addresses) + struct.pack("!BBH", 0, 6, len(tcp))
        tcp = tcp[:16] + struct.pack("!H", checksum(pseudo + tcp)) + tcp[18:]
        ip = struct.pack("!BBHHHBBH", 0x45, 0, 20 + len(tcp), 0, 0x4000, 64, 6, 0)
        ip += b"".join(addresses)
        ip = ip[:10] + struct.pack("!H", checksum(ip)) + ip[12:]
        return b"".join(macs) + b"\x08\0" + ip + tcp

    def resets(self):
        """One for who receives this segment, one for who sent it.  The sender's
        next expected byte is what it acknowledges here."""
        to, by = self.frame[:6], self.frame[6:12]
        after = self.seq + self.length
        return (self._rst((to, by), (self.source, self.target), (self.sport, self.dport),
                          after, self.ack),
                self._rst((by, to), (self.target, self.source), (self.dport, self.sport),
                          self.ack, after))


class Pipe:
    """One direction of one link."""

    def __init__(self, seed, source, target):
        self.random = random.Random(f"{seed} {source} {target}").random
        self.link = dict(IDEAL)
        self.bad = False
        self.free = self.last = 0.0  # when the sender may go on; the latest arrival
        self.frames = self.bytes = self.fresh = 0
        self.lost = self.overflowed = self.resets = 0
        self.ends = {}  # TCP flow -> what it has sent up to

    def count(self):
        return {"frames": self.frames, "bytes": self.bytes, "fresh": self.fresh,
                "lost": self.lost, "overflowed": self.overflowed, "resets": self.resets}

    def _is_lost(self):
        link = self.link
        chance = link["loss"]
        if link["burst"] is not None:
            enter, leave, worse = link["burst"]
            if self.random() < (leave if self.bad else enter):
                self.bad = not self.bad
            if self.bad:
                chance = worse
        return not link["up"] or (chance > 0 and self.random() < chance)

    def _departs(self, now, size):
        """When the last bit is out; None: there is no room to wait."""
        rate = self.link["rate"]
        if rate == 0:
            return now
        begins = max(now, self.free)
        if (begins - now) * rate / 8 + size > self.link["queue"]:
            return None
        self.free = begins + size * 8 / rate
        return self.free

    def sent(self, frame, segment):
        self.frames += 1
        self.bytes += len(frame)
        if segment is None or segment.length == 0:
            return
        flow, end = frame[26:38], (segment.seq + segment.length) & 0xFFFFFFFF
        before = self.ends.get(flow)
        new = segment.length if before is None else (end - before) & 0xFFFFFFFF
        if new < 1 << 31:
            self.fresh += min(new, segment.length)
            self.ends[flow] = end

    def arrivals(self, now, size):
        """When a frame arrives: never, once or twice."""
        if self._is_lost():
            self.lost += 1
            return ()
        departs = self._departs(now, size)
        if departs is None:
            self.overflowed += 1
            return ()
        link = self.link
        at = departs + (link["delay"] + link["jitter"] * self.random()) / 1000
        if link["reorder"] is not None and self.random() < link["reorder"][0]:
            return (at + link["reorder"][1] / 1000,)
        at = self.last = max(at, self.last)
        return (at, at) if link["twice"] and self.random() < link["twice"] else (at,)

    def breaks(self, segment):
        """Whether this segment breaks its connection off."""
        if (not self.link["reset"] or segment is None or segment.length == 0 or
                segment.flags & (FIN | SYN | RST) or self.random() >= self.link["reset"]):
            return False
        self.resets += 1
        return True


class Wire:
    def __init__(self, seed, ports):
        self.names = list(ports)
        self.sockets = [self._open(i) for i in ports.values()]
        n = len(self.names)
        self.pipes = {(a, b): Pipe(seed, self.names[a], self.names[b])
                      for a in range(n) for b in range(n) if a != b}
        self.where = {}   # MAC -> port
        self.heap, self.serial = [], 0

    @staticmethod
    def _open(interface):
        s = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0)
        s.setsockopt(SOL_PACKET, IGNORE_OUTGOING, 1)
        s.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 22)
        s.bind((interface, ETH_P_ALL))
        s.setblocking(False)
        return s

    def _later(self, at, port, frame):
        self.serial += 1
        heapq.heappush(self.heap, (at, self.serial, port, frame))

    def _taken(self, source, frame):
        now = time.monotonic()
        segment = Segment.of(frame)
        self.where[frame[6:12]] = source
        known = self.where.get(frame[:6])
        for port in range(len(self.sockets)) if known is None else (known,):
            if port == source:
                continue
            pipe = self.pipes[source, port]
            pipe.sent(frame, segment)
            times = pipe.arrivals(now, len(frame))
            for at in times:
                self._later(at, port, frame)
            if times and pipe.breaks(segment):
                forth, back = segment.resets()
                self._later(times[0], port, forth)
                self._later(times[0], source, back)

    def receive(self, source):
        for _ in range(64):
            try:
                frame = self.sockets[source].recv(FRAME_MAX)
            except BlockingIOError:
                return
            except OSError:  # the interface went down meanwhile
                return
            self._taken(source, frame)

    def deliver(self):
        """Sends what is due; when the next one is."""
        while self.heap:
            at, _, port, frame = self.heap[0]
            wait = at - time.monotonic()
            if wait > 0:
                return wait
            heapq.heappop(self.heap)
            try:
                self.sockets[port].send(frame)
            except OSError:
                pass  # as on a cable: nobody is told
        return None

    def obey(self, line):
        command = json.loads(line)
        if "set" in command:
            unknown = set(command["set"]) - set(IDEAL)
            if unknown:
                raise SystemExit(f"wire: no such property: {unknown}")
            ends = command.get("between", self.names)
            for (a, b), pipe in self.pipes.items():
                if self.names[a] in ends and self.names[b] in ends:
                    pipe.link = {**IDEAL, **command["set"]}
        counts = [pipe.count() for pipe in self.pipes.values()]
        return {what: sum(c[what] for c in counts) for what in counts[0]}


def main():
    if sys.argv[1] == "--plain":
        plain_frames(sys.argv[2])
        return
    wire = Wire(sys.argv[1], dict(arg.split("=", 1) for arg in sys.argv[2:]))
    poll, ports = select.epoll(), {s.fileno(): i for i, s in enumerate(wire.sockets)}
    for fd in (0, *ports):
        poll.register(fd, select.EPOLLIN)
    print("{}", flush=True)
    held = b""
    while True:
        wait = wire.deliver()
        for fd, _ in poll.poll(-1 if wait is None else wait):
            if fd != 0:
                wire.receive(ports[fd])
                continue
            got = os.read(0, 65536)
            if not got:
                return
            *lines, held = (held + got).split(b"\n")
            for line in lines:
                print(json.dumps(wire.obey(line)), flush=True)


if __name__ == "__main__":
    main()
