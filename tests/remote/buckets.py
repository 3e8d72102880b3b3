#!/usr/bin/python3
"""buckets.py - object stores as the daemon uses them: a store of the tests' own
that checks every signature and misbehaves, a folder, and foreign stores.

usage: buckets.py --ask PROGRAM [--foreign FOLDER] [--ceph] [--only PLAY,...]

PROGRAM is tests/tools/object_ask.  FOLDER has node_modules with s3rver in it;
--ceph wants Debian's radosgw, ceph-mon and ceph-osd.
Prints a line for each thing that holds.
"""
import argparse
import concurrent.futures
import hashlib
import os
import pathlib
import random
import socket
import subprocess
import sys
import tempfile
import time
import traceback
import urllib.request

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
import sigv4  # noqa: E402
from s3_server import S3, Fault  # noqa: E402

TOGETHER = 4
ENV = {"PATH": os.environ["PATH"], "HOME": "/nonexistent",
       **{k: v for k, v in os.environ.items() if k.endswith("SAN_OPTIONS")}}
KEYS = {"AWS_ACCESS_KEY_ID": "AKIDTEST", "AWS_SECRET_ACCESS_KEY": "secret/of+tests"}


class Answer:
    def __init__(self, line):
        head, data, entries = line.rstrip("\n").split("\t")
        number, self.err, more, self.why = head.split(" ", 3)
        self.number, self.more, self.data = int(number), more == "1", bytes.fromhex(data)
        self.entries = {n: int(s) for n, s in (e.split("=") for e in entries.split())}

    def __repr__(self):
        return f"<{self.number} {self.err} {self.why} {self.data[:20]} {list(self.entries)[:5]} {self.more}>"


class Ask:
    """A running object_ask."""

    def __init__(self, url, env=KEYS):
        self.p = subprocess.Popen([ARGS.ask, url], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                  env={**ENV, **env}, text=True)

    def many(self, *lines):
        text = "".join(f"{words[0]} {i} {' '.join(words[1:])}\n"
                       for i, words in enumerate(lines, 1))
        self.p.stdin.write(text + f"wait {len(lines)}\n")
        self.p.stdin.flush()
        answers = [Answer(self.p.stdout.readline()) for _ in lines]
        assert sorted(a.number for a in answers) == list(range(1, len(lines) + 1)), answers
        return sorted(answers, key=lambda a: a.number)

    def __call__(self, *words):
        return self.many(words)[0]

    def put(self, name, data):
        return self("put", name, data.hex() or "-")

    def get(self, name, most=1 << 20):
        return self("get", name, str(most))

    def list(self, prefix="-", after="-"):
        return self("list", prefix, after)

    def end(self):
        self.p.stdin.close()
        status = self.p.wait(60)
        assert status == 0, f"object_ask ended with {status}"


def is_(answer, err, why=""):
    assert answer.err == err and why in answer.why, f"{answer}, not {err} {why}"
    return answer


def url(s3, more="", prefix=""):
    return f"s3://{s3.bucket}/{prefix}?endpoint=http://{s3.host}{more}"


def basics(ask):
    """What every store does."""
    is_(ask.get("lk1/a/none"), "not-found")
    is_(ask.put("lk1/a/one", b"first"), "ok")
    assert is_(ask.get("lk1/a/one"), "ok").data == b"first"
    is_(ask.put("lk1/a/one", b"second"), "ok")
    assert is_(ask.get("lk1/a/one"), "ok").data == b"second"
    is_(ask.put("lk1/a/empty", b""), "ok")
    assert is_(ask.get("lk1/a/empty"), "ok").data == b""
    big = random.Random(1).randbytes(3 << 20)
    is_(ask.put("lk1/b/big", big), "ok")
    assert is_(ask.get("lk1/b/big", 3 << 20), "ok").data == big
    is_(ask.get("lk1/b/big", (3 << 20) - 1), "limit")
    listed = is_(ask.list(), "ok")
    assert listed.entries == {"lk1/a/empty": 0, "lk1/a/one": 6, "lk1/b/big": 3 << 20}, listed
    assert list(is_(ask.list("lk1/a"), "ok").entries) == ["lk1/a/empty", "lk1/a/one"]
    assert list(is_(ask.list("lk1/", "lk1/a/one"), "ok").entries) == ["lk1/b/big"]
    assert is_(ask.list("lk1/c"), "ok").entries == {}
    for name in ("lk1/a/one", "lk1/a/one", "lk1/a/empty", "lk1/b/big"):
        is_(ask("delete", name), "ok")
    is_(ask.get("lk1/a/one"), "not-found")
    assert is_(ask.list(), "ok").entries == {}


def pages(ask, n=2300):
    """More than one answer holds."""
    names = [f"lk1/p/{random.Random(i).getrandbits(64):016x}" for i in range(n)]
    for i in range(0, n, 50):
        for a in ask.many(*(("put", name, "00") for name in names[i:i + 50])):
            is_(a, "ok")
    seen, after = [], "-"
    while True:
        a = is_(ask.list("lk1/p/", after), "ok")
        seen += a.entries
        if not a.more:
            break
        after = seen[-1]
    assert seen == sorted(names), f"{len(seen)} of {n}"
    for i in range(0, n, 50):
        for a in ask.many(*(("delete", name) for name in names[i:i + 50])):
            is_(a, "ok")


def on_folder():
    """a folder keeps, lists in pages and forgets objects"""
    with tempfile.TemporaryDirectory(prefix="lk-folder-", dir="/tmp") as folder:
        os.mkdir(f"{folder}/lk1")
        ask = Ask(f"file://{folder}")
        basics(ask)
        pages(ask)
        ask.end()


def crowded_folder():
    """a folder with 100,000 entries, and junk among them, is listed in bounded memory"""
    place = "/dev/shm" if os.access("/dev/shm", os.W_OK) else "/tmp"
    with tempfile.TemporaryDirectory(prefix="lk-crowd-", dir=place) as folder:
        at = pathlib.Path(folder, "lk1")
        at.mkdir()
        for i in range(100_000):
            os.close(os.open(at / (f"{i:06}" if i % 2 else f"junk {i:06}"), os.O_CREAT | os.O_WRONLY))
        ask = Ask(f"file://{folder}")
        a = is_(ask.list(), "ok")
        assert a.more and list(a.entries) == [f"lk1/{i:06}" for i in range(1, 2000, 2)]
        a = is_(ask.list("-", "lk1/090000"), "ok")
        assert a.more and list(a.entries) == [f"lk1/{i:06}" for i in range(90001, 92000, 2)]
        a = is_(ask.list("-", "lk1/099000"), "ok")
        assert not a.more and len(a.entries) == 500
        children = subprocess.run(["pgrep", "-f", f"file://{folder}"], capture_output=True, text=True).stdout
        most = [int(line.split()[1]) for pid in children.split()
                for line in pathlib.Path("/proc", pid, "status").read_text().splitlines()
                if line.startswith("VmHWM")]
        assert len(most) >= 3 and max(most) < 200_000, most  # with the sanitizer's own
        ask.end()


def both_styles():
    """every request is signed as the store wants it: paths, and a name a bucket"""
    for style in "path", "virtual":
        s3 = S3()
        host = s3.host.replace("127.0.0.1", "localhost")
        at = f"s3://notes/?endpoint=http://{host}&style={style}"
        ask = Ask(at)
        basics(ask)
        ask.end()
        assert {h for _, h, _, _ in s3.seen} == {host if style == "path" else f"notes.{host}"}
        s3.stop()


def listed_in_pages():
    """two thousand names come in pages, from where one left off"""
    s3 = S3()
    ask = Ask(url(s3))
    pages(ask)
    ask.end()
    s3.stop()


def odd_prefix():
    """a prefix of any text keeps two remotes of one bucket apart"""
    s3 = S3()
    for prefix in "my%20notes/%C3%A4%2B%26%3D%3F%23", "other":
        ask = Ask(url(s3, prefix=prefix))
        basics(ask)
        is_(ask.put("lk1/x", b"1"), "ok")
        ask.end()
    assert sorted(s3.objects) == ["my notes/ä+&=?#/lk1/x", "other/lk1/x"], sorted(s3.objects)
    s3.stop()


def keys_of_all_kinds():
    """keys come from variables, files and profiles, with a session token too"""
    s3 = S3()
    s3.keys = {"AKIDFILE": ("file+secret", ""), "AKIDWORK": ("work/secret", "a/session+token=="),
               **s3.keys}
    with tempfile.TemporaryDirectory(prefix="lk-keys-", dir="/tmp") as home:
        os.mkdir(f"{home}/.aws")
        keys = pathlib.Path(home, ".aws/credentials")
        keys.write_text("# mine\n[default]\naws_access_key_id = AKIDFILE\n"
                        "aws_secret_access_key=file+secret\n\n[work]\r\naws_access_key_id=AKIDWORK\r\n"
                        "aws_secret_access_key = work/secret\r\naws_session_token=a/session+token==\r\n")
        for env, more in (({"HOME": home}, ""), ({"HOME": home, "AWS_PROFILE": "work"}, ""),
                          ({"HOME": home, **KEYS}, "&profile=work"), (KEYS, ""),
                          ({"AWS_SHARED_CREDENTIALS_FILE": str(keys)}, "&profile=work")):
            ask = Ask(url(s3, more), env)
            is_(ask.put("lk1/x", b"1"), "ok")
            ask.end()
        for env, more in (({}, ""), ({"HOME": home}, "&profile=none"),
                          ({"HOME": home, "AWS_PROFILE": "none"}, ""),
                          ({"AWS_ACCESS_KEY_ID": "AKIDTEST"}, "")):
            ask = Ask(url(s3, more), env)
            is_(ask.put("lk1/x", b"1"), "config", "no keys")
            ask.end()
    s3.stop()


def keys_read_again():
    """a session that ended goes on when the file has a new one"""
    s3 = S3()
    with tempfile.TemporaryDirectory(prefix="lk-keys-", dir="/tmp") as home:
        keys = pathlib.Path(home, "credentials")
        text = ("[default]\naws_access_key_id=AKIDTEST\naws_secret_access_key=secret/of+tests\n"
                "aws_session_token={}\n")
        keys.write_text(text.format("first"))
        s3.keys["AKIDTEST"] = ("secret/of+tests", "first")
        ask = Ask(url(s3), {"AWS_SHARED_CREDENTIALS_FILE": str(keys)})
        is_(ask.put("lk1/x", b"1"), "ok")
        s3.keys["AKIDTEST"] = ("secret/of+tests", "second")
        is_(ask.put("lk1/x", b"1"), "denied", "ExpiredToken")
        keys.write_text(text.format("second"))
        is_(ask.put("lk1/x", b"1"), "ok")
        ask.end()
    s3.stop()


def wrong_keys():
    """keys the store refuses are said to be refused, once"""
    s3 = S3()
    for env in ({**KEYS, "AWS_SECRET_ACCESS_KEY": "wrong"}, {**KEYS, "AWS_ACCESS_KEY_ID": "OTHER"}):
        ask = Ask(url(s3), env)
        is_(ask.get("lk1/x"), "denied", "the bucket answers 403")
        ask.end()
    assert len(s3.seen) == 2, s3.seen
    ask = Ask(f"s3://another/?endpoint=http://{s3.host}")
    for a in ask.many(("get", "lk1/x", "10"), ("put", "lk1/x", "00"), ("list", "-", "-")):
        is_(a, "config", "NoSuchBucket")
    ask.end()
    s3.stop()


def region_learned():
    """another region is learned from whoever names it, once"""
    for known in "", "&region=eu-west-1":
        s3 = S3(region="eu-central-1")
        ask = Ask(url(s3, known))
        is_(ask.put("lk1/x", b"1"), "ok")
        is_(ask.get("lk1/x"), "ok")
        ask.end()
        assert len(s3.seen) == 3, s3.seen
        s3.stop()
    s3 = S3(region="eu-central-1")
    s3.faults = [Fault("bare", status=301, headers=[("x-amz-bucket-region", "eu-central-1")])]
    ask = Ask(url(s3))
    is_(ask.get("lk1/x"), "not-found")
    # One that sends in circles, and one that sends elsewhere.
    s3.faults = [Fault("bare", 100, status=307, headers=[("x-amz-bucket-region", "eu-central-1")])]
    is_(ask.get("lk1/x"), "config", "307")
    other = S3(region="eu-central-1")
    s3.faults = [Fault("bare", 1, status=302, headers=[("Location", f"http://{other.host}/notes/lk1/x")])]
    is_(ask.get("lk1/x"), "config", "302")
    assert other.seen == []
    s3.faults = [Fault("bare", 1, status=301, headers=[("x-amz-bucket-region", "../../evil.example/")])]
    is_(ask.get("lk1/x"), "config", "301")
    ask.end()
    s3.stop()
    other.stop()


def clocks():
    """a clock that is off is no obstacle"""
    for off in 86400 * 400, -86400 * 400, 1000:
        s3 = S3()
        s3.clock = off
        ask = Ask(url(s3))
        is_(ask.put("lk1/x", b"1"), "ok")
        is_(ask.get("lk1/x"), "ok")
        ask.end()
        assert len(s3.seen) == 3, s3.seen
        s3.stop()


def passing_troubles():
    """what fails in passing is tried again, five times in all"""
    s3 = S3()
    ask = Ask(url(s3))
    for f in (Fault("status", 2, status=503, code="SlowDown"), Fault("status", 1, status=500, code="InternalError"),
              Fault("bare", 1, status=502), Fault("bare", 1, status=429), Fault("reset", 2),
              Fault("status", 1, status=400, code="RequestTimeout")):
        s3.faults, s3.seen = [f], []
        times = f.times
        is_(ask.put("lk1/x", b"value"), "ok")
        assert len(s3.seen) == times + 1, (f.kind, s3.seen)
    s3.faults = [Fault("truncated", 1)]
    assert is_(ask.get("lk1/x"), "ok").data == b"value"
    s3.faults, s3.seen = [Fault("status", 100, status=503, code="SlowDown", message="please <wait>\x07ä")], []
    is_(ask.get("lk1/x"), "unavailable", "the bucket answers 503 SlowDown: please <wait>")
    assert len(s3.seen) == 5, s3.seen
    s3.faults, s3.seen = [Fault("status", 100, status=403, code="AccessDenied")], []
    is_(ask.put("lk1/x", b"1"), "denied", "AccessDenied")
    is_(ask.get("lk1/x"), "denied", "AccessDenied")
    is_(ask.list(), "denied", "AccessDenied")
    assert len(s3.seen) == 3, s3.seen
    # A page that is longer than the object may be says nothing about the object.
    page = b"<html>" + b"sorry " * 20000
    s3.faults = [Fault("bare", 1, status=503, body=page)]
    assert is_(ask.get("lk1/x", 1000), "ok").data == b"value"
    s3.faults = [Fault("bare", 1, status=403, body=page)]
    is_(ask.get("lk1/x", 1000), "denied", "403")
    s3.faults = [Fault("status", 1, status=507, code="XMinioStorageFull")]
    is_(ask.put("lk1/x", b"1"), "full", "XMinioStorageFull")
    ask.end()
    s3.stop()


def hostile_lists():
    """a list that lies costs bounded work and no name that is none"""
    s3 = S3()
    ask = Ask(url(s3))
    wrap = lambda inside, more="false": (
        f"<ListBucketResult><IsTruncated>{more}</IsTruncated>{inside}</ListBucketResult>").encode()
    row = lambda key, size="1": f"<Contents><Key>{key}</Key><Size>{size}</Size></Contents>"
    listing = lambda method, query: "list-type" in query

    def answers(body, times=1):
        s3.faults, s3.seen = [Fault("body", times, listing, body=body)], []
        return ask.list("lk1/", "lk1/b")

    # Out of order, twice, before what was asked for, foreign, and no names.
    a = is_(answers(wrap("".join(map(row, ["lk1/z", "lk1/c", "lk1/c", "lk1/a", "lk1/b", "x/y", "lk1/../e",
                                            "lk1/UP", "lk1/d&amp;", "lk1/m"])))), "ok")
    assert list(a.entries) == ["lk1/c", "lk1/m", "lk1/z"] and not a.more, a
    # Others fill whole pages; then one of ours comes.
    s3.objects = {f"lk1/c/{i:04}~": b"" for i in range(2100)} | {"lk1/d": b"1"}
    a = is_(ask.list("lk1/", "lk1/b"), "ok")
    assert a.entries == {"lk1/d": 1}, a
    # A list that has no end, and does not move; one of others without end.
    a = is_(answers(wrap(row("lk1/a"), "true"), 1000), "unavailable", "does not go on")
    assert len(s3.seen) <= 3, s3.seen
    is_(answers(wrap("", "true"), 1000), "unavailable", "does not go on")
    for body in (b"", b"{}", b"<ListBucketResult>", wrap(row("lk1/c", "-1")), wrap(row("lk1/c", "1e3")),
                 wrap("<Contents><Key>lk1/c</Key></Contents>"), wrap("<a>" * 20 + "</a>" * 20),
                 b'<!DOCTYPE a [<!ENTITY b "c">]>' + wrap(row("&b;")), wrap("", "maybe"),
                 b"<Error><Code>AccessDenied</Code></Error>", wrap(row("k" * 5000))):
        is_(answers(body, 1000), "unavailable", "no list")
    is_(answers(wrap("".join(row(f"lk1/c{i}") for i in range(1001)))), "limit")
    s3.faults = [Fault("endless", 100)]
    is_(ask.list(), "limit")
    is_(ask.get("lk1/d", 1000), "limit")
    ask.end()
    s3.stop()


def nobody_there():
    """a store that is not there, or not who it should be, is said to be so"""
    ask = Ask("s3://notes/?endpoint=http://127.0.0.1:1")
    is_(ask.get("lk1/x"), "unavailable", "connect")
    ask.end()
    with tempfile.TemporaryDirectory(prefix="lk-tls-", dir="/tmp") as folder:
        pem = f"{folder}/pem"
        subprocess.run(["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "1",
                        "-subj", "/CN=localhost", "-addext", "subjectAltName=IP:127.0.0.1",
                        "-keyout", f"{folder}/key", "-out", f"{folder}/cert"],
                       check=True, capture_output=True)
        pathlib.Path(pem).write_text(pathlib.Path(folder, "key").read_text() +
                                     pathlib.Path(folder, "cert").read_text())
        s3 = S3(certificate=pem)
        at = f"s3://notes/?endpoint=https://{s3.host}"
        ask = Ask(at)
        is_(ask.get("lk1/x"), "unavailable", "certificate")
        ask.end()
        ask = Ask(at, {**KEYS, "AWS_CA_BUNDLE": f"{folder}/cert"})
        basics(ask)
        ask.end()
        # The certificate is of an address, not of this name.
        ask = Ask(at.replace("127.0.0.1", "localhost"), {**KEYS, "AWS_CA_BUNDLE": f"{folder}/cert"})
        is_(ask.get("lk1/x"), "unavailable", "certificate")
        ask.end()
        s3.stop()


def slow_store():
    """a store that stalls is asked anew, and nobody waits for it at the end"""
    s3 = S3()
    s3.faults = [Fault("slow", 1, seconds=40)]
    ask = Ask(url(s3))
    begun = time.monotonic()
    is_(ask.put("lk1/x", b"1"), "ok")
    assert 10 < time.monotonic() - begun < 30, time.monotonic() - begun
    ask.end()
    s3.faults = [Fault("slow", 1000, seconds=40, match=lambda method, query: method == "GET")]
    ask = Ask(url(s3))
    ask.p.stdin.write("get 1 lk1/x 10\nget 2 lk1/y 10\n")
    ask.p.stdin.flush()
    is_(ask.put("lk1/x", b"1"), "ok")
    begun = time.monotonic()
    ask.end()
    assert time.monotonic() - begun < 5, "it waited"
    s3.stop()


def kept_secret():
    """no key is in what is said, nor in what is sent"""
    s3 = S3()
    s3.faults = [Fault("status", 3, status=403, code="SignatureDoesNotMatch", message="no")]
    p = subprocess.run([ARGS.ask, url(s3)], input="get 1 lk1/x 10\nput 2 lk1/x 00\nwait 2\n", text=True,
                       capture_output=True, env={**ENV, **KEYS}, timeout=60)
    assert p.returncode == 0 and KEYS["AWS_SECRET_ACCESS_KEY"] not in p.stdout + p.stderr
    assert KEYS["AWS_SECRET_ACCESS_KEY"] not in str(s3.seen)
    s3.stop()


def foreign_s3rver():
    """s3rver, an implementation of others, does the same"""
    with tempfile.TemporaryDirectory(prefix="lk-s3rver-", dir="/tmp") as folder:
        bin_ = pathlib.Path(ARGS.foreign, "node_modules/.bin/s3rver")
        log = open(f"{folder}/log", "w+")
        p = subprocess.Popen([bin_, "--directory", f"{folder}/data", "--port", "0", "--service-endpoint",
                              "localhost", "--configure-bucket", "notes"], stdout=log, stderr=log,
                             # Its marks in lists are made with a cipher of long ago.
                             env={**ENV, "NODE_OPTIONS": "--openssl-legacy-provider"})
        try:
            end = time.monotonic() + 30
            while "listening on" not in pathlib.Path(log.name).read_text():
                assert p.poll() is None and time.monotonic() < end, "s3rver did not start"
                time.sleep(0.1)
            port = pathlib.Path(log.name).read_text().split("listening on ")[1].split()[0].rpartition(":")[2]
            # What it calls the key and the secret of everybody.
            keys = {"AWS_ACCESS_KEY_ID": "S3RVER", "AWS_SECRET_ACCESS_KEY": "S3RVER"}
            for at in (f"some/prefix?endpoint=http://localhost:{port}",
                       f"?endpoint=http://s3.localhost:{port}&style=virtual"):
                ask = Ask(f"s3://notes/{at}", keys)
                basics(ask)
                pages(ask, 1100)
                ask.end()
        finally:
            p.terminate()
            p.wait()


def bucket_make(host, name):
    """What lk never does: makes a bucket."""
    date = time.strftime("%Y%m%dT%H%M%SZ", time.gmtime())
    digest = hashlib.sha256(b"").hexdigest()
    headers = [("host", host), ("x-amz-content-sha256", digest), ("x-amz-date", date)]
    key = {"id": KEYS["AWS_ACCESS_KEY_ID"], "secret": KEYS["AWS_SECRET_ACCESS_KEY"], "date": date,
           "region": "us-east-1", "service": "s3"}
    signed = sigv4.authorize(key, sigv4.canonical("PUT", f"/{name}", [], headers, digest),
                             ";".join(k for k, _ in headers))
    request = urllib.request.Request(f"http://{host}/{name}", method="PUT",
                                     headers={**dict(headers), "Authorization": signed})
    urllib.request.urlopen(request, timeout=60).close()


def foreign_ceph():
    """Ceph's gateway, which checks signatures, does the same"""
    script = pathlib.Path(__file__).with_name("ceph.sh")
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        port = s.getsockname()[1]
    with tempfile.TemporaryDirectory(prefix="lk-ceph-", dir="/tmp") as folder:
        try:
            subprocess.run([script, "start", folder, str(port), *KEYS.values()], check=True, timeout=300,
                           stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
            host = f"localhost:{port}"
            bucket_make(host, "notes")
            for at in (f"some%20prefix/%C3%A4?endpoint=http://{host}", f"?endpoint=http://{host}&style=virtual"):
                ask = Ask(f"s3://notes/{at}")
                basics(ask)
                pages(ask)
                ask.end()
            ask = Ask(f"s3://notes/?endpoint=http://{host}", {**KEYS, "AWS_SECRET_ACCESS_KEY": "wrong"})
            is_(ask.put("lk1/x", b"1"), "denied", "SignatureDoesNotMatch")
            ask.end()
            ask = Ask(f"s3://notes/?endpoint=http://{host}", {**KEYS, "AWS_ACCESS_KEY_ID": "OTHER"})
            is_(ask.list(), "denied", "InvalidAccessKeyId")
            ask.end()
            ask = Ask(f"s3://others/?endpoint=http://{host}")
            for a in ask.many(("list", "-", "-"), ("put", "lk1/x", "00"), ("get", "lk1/x", "10")):
                is_(a, "config", "NoSuchBucket")
            ask.end()
        finally:
            subprocess.run([script, "stop", folder])


PLAYS = [on_folder, crowded_folder, both_styles, listed_in_pages, odd_prefix, keys_of_all_kinds, keys_read_again, wrong_keys,
         region_learned, clocks, passing_troubles, hostile_lists, nobody_there, slow_store, kept_secret]


def run(play):
    """None, or what went wrong."""
    try:
        play()
    except Exception:
        return traceback.format_exc()
    return None


def main():
    plays = PLAYS + [foreign_s3rver] * bool(ARGS.foreign) + [foreign_ceph] * ARGS.ceph
    if ARGS.only:
        plays = [p for p in plays if p.__name__ in ARGS.only.split(",")]
    failed = 0
    # Most of them mostly wait.
    with concurrent.futures.ThreadPoolExecutor(TOGETHER) as pool:
        for play, wrong in zip(plays, pool.map(run, plays)):
            failed += wrong is not None
            print(f"not ok: {play.__doc__}\n{wrong}" if wrong else f"ok: {play.__doc__}", flush=True)
    print(f"{len(plays) - failed} passed, {failed} failed")
    return failed > 0


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--ask", required=True)
    parser.add_argument("--foreign")
    parser.add_argument("--ceph", action="store_true")
    parser.add_argument("--only")
    ARGS = parser.parse_args()
    sys.exit(main())
