#!/usr/bin/python3
"""Random histories with void changes: the engine against the reference.

usage: diff.py TEST FIRST END     TEST: the built crdt_ghost_test
"""
import pathlib
import subprocess
import sys
import tempfile

HERE = pathlib.Path(__file__).resolve().parent


def main():
    test, first, end = sys.argv[1], sys.argv[2], sys.argv[3]
    with tempfile.TemporaryDirectory(prefix="lk-ghost-") as folder:
        cases = pathlib.Path(folder) / "cases.jsonl"
        with cases.open("wb") as out:
            subprocess.run([sys.executable, HERE / "cases.py", first, end], stdout=out, check=True)
        p = subprocess.run([test, cases], stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    said = p.stdout.decode("utf-8", "replace")
    print(f"{'ok' if p.returncode == 0 else 'not ok'}: histories {first} to {end}")
    if p.returncode != 0:
        print(said)
    return p.returncode != 0


if __name__ == "__main__":
    sys.exit(main())
