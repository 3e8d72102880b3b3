"""A small S3 of the tests' own: it checks every signature, with the
implementation in sigv4.py, and does what it is told to do wrong.

usage: s3_server.py [--address IP] [--append-only] [--dump FILE]

Serves the bucket "notes" and says where, until it is ended; then what it held goes to the file.
"""
import argparse
import hashlib
import http.server
import pathlib
import signal
import sys
import threading
import time
import urllib.parse
from email.utils import formatdate
from xml.sax.saxutils import escape

import sigv4


class Fault:
    """What goes wrong with the next `times` requests that `match` accepts."""

    def __init__(self, kind, times=1, match=lambda method, query: True, **more):
        self.kind, self.times, self.match = kind, times, match
        self.__dict__.update(more)


class S3:
    def __init__(self, region="us-east-1", bucket="notes", certificate=None, address="127.0.0.1"):
        self.region, self.bucket = region, bucket
        self.keys = {"AKIDTEST": ("secret/of+tests", "")}  # id: secret, token
        self.objects, self.faults, self.seen = {}, [], []
        self.times = {}  # of what was put, when
        self.clock = 0  # seconds ahead of ours
        self.append_only = False  # nobody may delete
        self.lock = threading.Lock()
        self.server = http.server.ThreadingHTTPServer((address, 0), self.handler())
        self.server.daemon_threads = True
        if certificate:
            import ssl
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(certificate)
            self.server.socket = context.wrap_socket(self.server.socket, server_side=True)
        self.host = "%s:%d" % self.server.server_address
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def stop(self):
        self.server.shutdown()
        self.server.server_close()

    def fault(self, method, query):
        with self.lock:
            for f in self.faults:
                if f.match(method, query):
                    f.times -= 1
                    if f.times == 0:
                        self.faults.remove(f)
                    return f
        return None

    def handler(s3):
        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            timeout = 60

            def log_message(self, *_):
                pass

            def date_time_string(self, timestamp=None):
                return formatdate(time.time() + s3.clock, usegmt=True)

            def answer(self, status, body=b"", headers=()):
                self.send_response(status)
                for k, v in headers:
                    self.send_header(k, v)
                if status != 204:
                    self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def error(self, status, code, message="", extra="", headers=()):
                self.answer(status, ('<?xml version="1.0" encoding="UTF-8"?>\n<Error><Code>'
                                     f"{code}</Code><Message>{escape(message)}</Message>{extra}"
                                     "<RequestId>1</RequestId></Error>").encode(), headers)

            def signed(self, path, query, body):
                """None, or why it is refused; everything that is sent counts."""
                scheme, _, fields = self.headers.get("Authorization", "").partition(" ")
                given = dict(f.strip().split("=", 1) for f in fields.split(",") if "=" in f)
                if scheme != "AWS4-HMAC-SHA256" or len(given) != 3:
                    return (403, "AccessDenied", "not signed", "")
                id_, day, region, service, end = given["Credential"].split("/")
                names = given["SignedHeaders"].split(";")
                date = self.headers.get("x-amz-date", "")
                digest = self.headers.get("x-amz-content-sha256", "")
                if id_ not in s3.keys:
                    return (403, "InvalidAccessKeyId", id_, "")
                secret, token = s3.keys[id_]
                if region != s3.region:
                    return (400, "AuthorizationHeaderMalformed", f"expecting '{s3.region}'",
                            f"<Region>{s3.region}</Region>")
                ours = [h.lower() for h in self.headers
                        if h.lower().startswith("x-amz-") or h.lower() == "host"]
                if sorted(ours) != names or service != "s3" or end != "aws4_request" or \
                        not date.startswith(day):
                    return (403, "AccessDenied", f"signed are {names}", "")
                if (self.headers.get("x-amz-security-token") or "") != token:
                    return (400, "ExpiredToken", "the token has expired", "")
                if hashlib.sha256(body).hexdigest() != digest:
                    return (400, "XAmzContentSHA256Mismatch", digest, "")
                when = time.mktime(time.strptime(date, "%Y%m%dT%H%M%SZ")) - time.timezone
                if abs(when - time.time() - s3.clock) > 900:
                    return (403, "RequestTimeTooSkewed", "the difference is too large", "")
                text = sigv4.canonical(self.command, path, query,
                                       [(n, self.headers[n]) for n in names], digest)
                key = {"id": id_, "secret": secret, "date": date, "region": region, "service": service}
                if sigv4.authorize(key, text, given["SignedHeaders"]) != self.headers["Authorization"]:
                    return (403, "SignatureDoesNotMatch", text, "")
                return None

            def spoiled(self, f):
                """Whether that was the answer."""
                if f.kind == "status":
                    self.error(f.status, f.code, getattr(f, "message", "made up"),
                               headers=getattr(f, "headers", ()))
                elif f.kind == "bare":
                    self.answer(f.status, getattr(f, "body", b"<html><body>Bad gateway</body></html>"),
                                getattr(f, "headers", ()))
                elif f.kind == "reset":
                    self.connection.close()
                    self.close_connection = True
                elif f.kind == "slow":
                    time.sleep(f.seconds)
                    return False
                elif f.kind == "truncated":
                    self.send_response(200)
                    self.send_header("Content-Length", "1000000")
                    self.end_headers()
                    self.wfile.write(b"x" * 1000)
                    self.close_connection = True
                elif f.kind == "endless":
                    self.send_response(200)
                    self.end_headers()
                    self.close_connection = True
                    try:
                        while True:
                            self.wfile.write(b"<" * 65536)
                    except OSError:
                        pass
                elif f.kind == "body":
                    self.answer(200, f.body)
                else:
                    raise AssertionError(f.kind)
                return True

            def serve(self):
                raw, _, raw_query = self.path.partition("?")
                body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
                path = urllib.parse.unquote(raw)
                query = urllib.parse.parse_qsl(raw_query, keep_blank_values=True)
                with s3.lock:
                    s3.seen.append((self.command, self.headers.get("Host"), path, dict(query)))
                f = s3.fault(self.command, dict(query))
                if f and self.spoiled(f):
                    return
                why = self.signed(path, query, body)
                if why:
                    self.error(*why)
                    return
                host = self.headers["Host"]
                if host.startswith(s3.bucket + "."):
                    key = path[1:]
                elif path == "/" + s3.bucket or path.startswith(f"/{s3.bucket}/"):
                    key = path[len(s3.bucket) + 2:]
                else:
                    self.error(404, "NoSuchBucket", path)
                    return
                self.object_do(key, dict(query), body)

            def object_do(self, key, query, body):
                if self.command == "GET" and not key:
                    self.list_do(query)
                elif self.command == "GET" and key in s3.objects:
                    self.answer(200, s3.objects[key])
                elif self.command == "GET":
                    self.error(404, "NoSuchKey", key)
                elif self.command == "PUT":
                    s3.objects[key], s3.times[key] = body, time.gmtime()
                    self.answer(200)
                elif s3.append_only:
                    self.error(403, "AccessDenied", "no s3:DeleteObject")
                else:
                    s3.objects.pop(key, None)
                    self.answer(204)

            def list_do(self, query):
                prefix, after = query.get("prefix", ""), query.get("start-after", "")
                keys = sorted((k for k in s3.objects if k.startswith(prefix) and k > after),
                              key=str.encode)
                most = min(int(query.get("max-keys", "1000")), 1000)
                rows = "".join(
                    f"<Contents><Key>{escape(k)}</Key><LastModified>"
                    f"{time.strftime('%Y-%m-%dT%H:%M:%S.000Z', s3.times.get(k, time.gmtime(0)))}</LastModified><ETag>&quot;{hashlib.md5(s3.objects[k]).hexdigest()}&quot;</ETag>"
                    f"<Size>{len(s3.objects[k])}</Size><Owner><ID>1</ID><DisplayName>t</DisplayName>"
                    "</Owner><StorageClass>STANDARD</StorageClass></Contents>" for k in keys[:most])
                self.answer(200, (
                    '<?xml version="1.0" encoding="UTF-8"?>\n'
                    '<ListBucketResult xmlns="http://s3.amazonaws.com/doc/2006-03-01/">'
                    f"<Name>{s3.bucket}</Name><Prefix>{escape(prefix)}</Prefix>"
                    f"<KeyCount>{len(keys[:most])}</KeyCount><MaxKeys>{most}</MaxKeys>"
                    f"<IsTruncated>{str(len(keys) > most).lower()}</IsTruncated>{rows}"
                    "</ListBucketResult>").encode())

            do_GET = do_PUT = do_DELETE = serve

        return Handler


if __name__ == "__main__":
    options = argparse.ArgumentParser()
    options.add_argument("--address", default="127.0.0.1")
    options.add_argument("--append-only", action="store_true")
    options.add_argument("--dump")
    given = options.parse_args()
    served = S3(address=given.address)
    served.append_only = given.append_only
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    print(served.host, flush=True)
    try:
        threading.Event().wait()
    finally:
        if given.dump:
            pathlib.Path(given.dump).write_bytes(
                b"\n".join(k.encode() + b" " + v for k, v in served.objects.items()))
