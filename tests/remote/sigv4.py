"""AWS Signature Version 4, written for the tests from its description and
without a look at net/sigv4.c.

usage: sigv4.py --vectors FILE     writes tests/data/sigv4/vectors.json
"""
import hashlib
import hmac
import json
import random
import sys
from urllib.parse import quote


def canonical(method, path, query, headers, payload_hash):
    """query: pairs, headers: pairs, all as they are, nothing encoded."""
    pairs = sorted((quote(k, safe="-._~"), quote(v, safe="-._~")) for k, v in query)
    fields = sorted((k.lower(), " ".join(v.split())) for k, v in headers)
    return "\n".join([
        method, quote(path, safe="/-._~"), "&".join(f"{k}={v}" for k, v in pairs),
        *(f"{k}:{v}" for k, v in fields), "", ";".join(k for k, _ in fields), payload_hash])


def mac(key, text):
    return hmac.new(key, text.encode(), hashlib.sha256).digest()


def authorize(key, text, signed):
    """The header Authorization, for a request in its canonical form."""
    scope = f"{key['date'][:8]}/{key['region']}/{key['service']}/aws4_request"
    to_sign = "\n".join(["AWS4-HMAC-SHA256", key["date"], scope,
                         hashlib.sha256(text.encode()).hexdigest()])
    derived = ("AWS4" + key["secret"]).encode()
    for part in scope.split("/"):
        derived = mac(derived, part)
    return (f"AWS4-HMAC-SHA256 Credential={key['id']}/{scope}, SignedHeaders={signed}, "
            f"Signature={mac(derived, to_sign).hex()}")


def made(r):
    word = lambda n, letters: "".join(r.choice(letters) for _ in range(r.randint(1, n)))
    odd = "abcxyzABC019-._~ /?&=+%:;,@$!*'()[]{}|\\^`\"<>#äß€😀"
    headers = {"host": word(20, "abc.:9"), "x-amz-date": "",
               **{"X-" + word(8, "abcABC-"): word(30, "abc  DEF,;=\"")
                  for _ in range(r.randint(0, 4))}}
    names = {k.lower(): k for k in headers}
    headers = {names[k]: headers[names[k]] for k in names}
    date = f"20{r.randint(10, 99)}{r.randint(1, 12):02}{r.randint(1, 28):02}T{r.randint(0, 23):02}0102Z"
    headers["x-amz-date"] = date
    key = {"id": word(20, "AKID"), "secret": word(40, "abc/+XYZ"), "date": date,
           "region": word(12, "eu-ws1"), "service": "s3"}
    query = {word(10, odd[:26]): word(20, odd) for _ in range(r.randint(0, 5))}
    request = {"method": r.choice(["GET", "PUT", "DELETE"]), "path": "/" + word(40, odd),
               "query": list(query.items()), "headers": list(headers.items()),
               "payload_hash": hashlib.sha256(r.randbytes(8)).hexdigest()}
    text = canonical(**request)
    signed = ";".join(sorted(k.lower() for k in headers))
    return {**request, "key": key, "canonical": text, "authorization": authorize(key, text, signed)}


if __name__ == "__main__":
    if len(sys.argv) != 3 or sys.argv[1] != "--vectors":
        sys.exit(__doc__)
    r = random.Random(4)
    with open(sys.argv[2], "w") as f:
        json.dump({"vectors": [made(r) for _ in range(40)]}, f, indent=1)
        f.write("\n")
