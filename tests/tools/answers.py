#!/usr/bin/python3
"""answers.py - what lk printed with --json, against docs/schema.

usage: answers.py check FOLDER        every answer in it is as its schema says
       answers.py complete FOLDER LK  what was met is all: every schema, and a
                                      schema for every command

A file of the folder has the arguments on its first line, after "# ", then what
lk printed.  Readers of lk's JSON must take members they do not know; here one
that is in no schema is a mistake.  What was met is noted in $LK_ANSWERS, a
folder, when there is one."""
import collections
import json
import os
import pathlib
import re
import subprocess
import sys

import jsonschema

SCHEMAS = pathlib.Path(__file__).resolve().parents[2] / "docs/schema"
# They print values of documents, as they are, and nothing about them.
BARE = {"get"}
# A long log says the same again and again.
LINES_MAX = 300


def strict(schema):
    """The same schema, of objects that have no other members."""
    if isinstance(schema, list):
        return [strict(s) for s in schema]
    if not isinstance(schema, dict):
        return schema
    out = {k: strict(v) for k, v in schema.items()}
    if isinstance(out.get("properties"), dict) and "type" in out:
        out.setdefault("additionalProperties", False)
    return out


def schemas():
    """A validator for each file but the one of common parts."""
    texts = {p.name: json.loads(p.read_text()) for p in SCHEMAS.glob("*.json")}
    for text in texts.values():
        jsonschema.Draft202012Validator.check_schema(text)
    store = {name: strict(text) for name, text in texts.items()}
    return {name.removesuffix(".json"): jsonschema.Draft202012Validator(
        text, resolver=jsonschema.RefResolver(name, text, store=store))
        for name, text in store.items() if name != "common.json"}


def answers(path):
    """The arguments, and every object of lk's in a file."""
    arguments, _, text = path.read_text(errors="replace").partition("\n")
    for line in text.splitlines():
        try:
            answer = json.loads(line)
        except ValueError:
            continue
        if not isinstance(answer, dict):
            continue
        if str(answer.get("schema", "")).startswith("lk."):
            yield arguments[2:], answer["schema"].removesuffix("/1"), answer
        elif {"error", "code", "message"} <= answer.keys():
            yield arguments[2:], "lk.error", answer


def why(error):
    """The most telling of what is wrong."""
    best = jsonschema.exceptions.best_match([error])
    return f"{'/'.join(str(p) for p in best.absolute_path)}: {best.message}"


def check(folder):
    known, met, bad = schemas(), collections.Counter(), 0
    for path in sorted(folder.glob("answer.*")):
        for arguments, name, answer in answers(path):
            met[name] += 1
            if met[name] > LINES_MAX:
                continue
            if name not in known:
                print(f"lk {arguments}: {name} has no schema: describe it in docs/schema/{name}.json")
                bad += 1
                continue
            error = next(known[name].iter_errors(answer), None)
            if error is not None:
                print(f"lk {arguments}: not as docs/schema/{name}.json says: {why(error)[:1500]}")
                bad += 1
    if os.environ.get("LK_ANSWERS"):
        for name in met:
            (pathlib.Path(os.environ["LK_ANSWERS"]) / name).touch()
    return bad


def complete(folder, lk):
    names, bad = set(schemas()), 0
    for name in sorted(names - {p.name for p in folder.iterdir()}):
        print(f"docs/schema/{name}.json: no answer met it: call it in tests/cli/answers.bats")
        bad += 1
    text = subprocess.run([lk, "help"], capture_output=True, text=True, check=True).stdout
    for verb in re.findall(r"(?m)^  ([a-z]+) +[A-Z]", text):
        if verb not in BARE and f"lk.{verb}" not in names:
            print(f"lk {verb}: its answers have no schema: add docs/schema/lk.{verb}.json, call it in "
                  "tests/cli/answers.bats, and if it prints none put it in BARE of tests/tools/answers.py")
            bad += 1
    return bad


def main():
    if len(sys.argv) == 3 and sys.argv[1] == "check":
        bad = check(pathlib.Path(sys.argv[2]))
    elif len(sys.argv) == 4 and sys.argv[1] == "complete":
        bad = complete(pathlib.Path(sys.argv[2]), sys.argv[3])
    else:
        print(__doc__, file=sys.stderr)
        return 64
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
