#!/usr/bin/python3
"""Random histories with void changes: the engine against the reference, and
what it exports of them against Automerge.

usage: diff.py [--forks] TEST FIRST END [EXPORTS]
    --forks  devices were cloned
    TEST     the built crdt_ghost_test
    EXPORTS  exports.mjs; without it Automerge is not asked
"""
import pathlib
import subprocess
import sys
import tempfile

HERE = pathlib.Path(__file__).resolve().parent


def said(argv):
    p = subprocess.run(argv, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    return p.returncode, p.stdout.decode("utf-8", "replace")


def main():
    forks = ["forks"] if sys.argv[1] == "--forks" else []
    test, first, end, *asked = sys.argv[1 + len(forks):]
    with tempfile.TemporaryDirectory(prefix="lk-ghost-") as folder:
        cases, exports = pathlib.Path(folder) / "cases", pathlib.Path(folder) / "exports"
        with cases.open("wb") as out:
            subprocess.run([sys.executable, HERE / "cases.py", first, end, *forks], stdout=out, check=True)
        status, out = said([test, cases, exports])
        if status == 0 and asked:
            status, out = said(["node", asked[0], exports])
    print(f"{'not ok' if status else 'ok'}: {'forked ' if forks else ''}histories {first} to {end}")
    if status:
        print(out)
    return status != 0


if __name__ == "__main__":
    sys.exit(main())
