#!/usr/bin/env python3
"""spin.py - the access rules in every set of a few operations; and with one rule wrong, which must fail.

usage: spin.py [--long] [--jobs N] [--keep DIR] [NAME..]     NAME: "model" or mutants

access.pml says what is checked.  A mutant replaces one piece of its text, and is checked for one property only, which
must be violated.  One line "ok: " or "not ok: " each.
"""
import argparse, concurrent.futures, pathlib, re, subprocess, sys, tempfile, time

MODEL = pathlib.Path(__file__).with_name("access.pml")

ALL, AUTHORITY, KEYS = "-DSCENE=0", "-DSCENE=1", "-DSCENE=2"
SHORT = {"everything, three operations": (ALL, "-DN=3"), "keys, four operations": (KEYS, "-DN=4")}
LONG = {"authority, four operations": (AUTHORITY, "-DN=4"), "keys, five operations": (KEYS, "-DN=5")}
MUTANTS_IN = {ALL: "-DN=3", AUTHORITY: "-DN=3", KEYS: "-DN=4"}

# Name: where, what the wrong rule says, the properties that must fail, the text, what stands there instead.
MUTANTS = {
    "keep-all": (AUTHORITY, "a revocation keeps all its author has seen", "I3",
                 "level[c] < need[x] && !in(keep[c], x) && \\", "level[c] < need[x] && !in(past[c], x) && \\"),
    "keep-none": (AUTHORITY, "a revocation keeps nothing", "R1",
                  "level[c] < need[x] && !in(keep[c], x) && \\", "level[c] < need[x] && \\"),
    "equal-revokes": (AUTHORITY, "an equal may revoke", "I6 WELL",
                      "rank[under[n]] >= rank[target[n]]", "rank[under[n]] > rank[target[n]]"),
    "junior-revokes": (AUTHORITY, "a junior may revoke", "I4", " || rank[under[n]] >= rank[target[n]]", ""),
    "level-ignored": (AUTHORITY, "a downgrade voids everything", "R1",
                      "level[c] < need[x] && !in(keep[c], x) && \\", "!in(keep[c], x) && \\"),
    "soft-all": (AUTHORITY, "soft spares everything", "I3",
                 "denial(x) && !in(past[x], c)))\n#define left", "!in(past[x], c)))\n#define left"),
    "soft-seen": (AUTHORITY, "soft spares denials that had seen it", "A5",
                  "denial(x) && !in(past[x], c)))\n#define left",
                  "denial(x)))\n#define left"),
    "soft-ignored": (AUTHORITY, "soft spares nothing", "R1",
                     "!((flags[c] & SOFT) && denial(x) && !in(past[x], c)))\n#define left",
                     "true)\n#define left"),
    "tree-ignored": (AUTHORITY, "the devices of a revoked person stay", "I3",
                     "((flags[c] & TREE) -> in(person[g], target[c]) : target[c] == (g))", "(target[c] == (g))"),
    "key-revoked": (AUTHORITY, "a revocation hits every grant of the key", "I8",
                    "in(person[g], target[c]) : target[c] == (g))",
                    "in(person[g], target[c]) : key[target[c]] == key[g])"),
    "ban-by-junior": (AUTHORITY, "a ban counts against seniors", "I4",
                      "(rank_of(x) > rank_of(c) || (rank_of(x) == rank_of(c) && !in(past[x], c))))", "true)"),
    "ban-later-only": (AUTHORITY, "a ban counts for who has seen it", "BANS",
                       "!in(past[c], x) && \\", "in(past[x], c) && \\"),
    "ban-not-lifted": (AUTHORITY, "an equal cannot lift a ban", "FAIR",
                       "(rank_of(x) > rank_of(c) || (rank_of(x) == rank_of(c) && !in(past[x], c))))",
                       "rank_of(x) >= rank_of(c))"),
    "ban-not-equal": (AUTHORITY, "a ban does not count against equals", "BANS",
                      "(rank_of(x) > rank_of(c) || (rank_of(x) == rank_of(c) && !in(past[x], c))))",
                      "rank_of(x) > rank_of(c))"),
    "ban-seen": (AUTHORITY, "a ban takes back what its author had seen", "R1",
                 "key[BASE + x] == target[c] && !in(past[c], x) && \\",
                 "key[BASE + x] == target[c] && \\"),
    "leave-later-only": (AUTHORITY, "a leave counts for who has seen it", "GONE",
                         "kind[x] != LEAVE && !in(keep[c], x))", "kind[x] != LEAVE && in(past[x], c))"),
    "leave-keeps-none": (AUTHORITY, "a leave takes everything along", "R1",
                         "kind[x] != LEAVE && !in(keep[c], x))", "kind[x] != LEAVE)"),
    "leave-by-key": (AUTHORITY, "a leave ends every grant of the key", "R9",
                     "under[c] == under[x] && kind[x] != LEAVE",
                     "key_of(c) == key_of(x) && kind[x] != LEAVE"),
    "leave-needs-nothing": (AUTHORITY, "one who is out may still leave", "OUT", "kind[n] = LEAVE; need[n] = RELAY",
                            "kind[n] = LEAVE; need[n] = NONE"),
    "late": (AUTHORITY, "an op that its own past voids is taken", "A5", "ok = in(eff, n);", "ok = true;"),
    "role-unchecked": (AUTHORITY, "a writer may ban", "I2",
                       "w >= ADMIN -> kind[n] = BAN", "w >= WRITE -> kind[n] = BAN"),
    "rank-kept": (AUTHORITY, "a grant at its author's own rank", "I2", "rank[BASE + n] = rank[under[n]] + 1;\n	if",
                  "rank[BASE + n] = rank[under[n]];\n	if"),
    "role-raised": (AUTHORITY, "a device may do more than who adds it", "I2",
                    "key[BASE + n] = Z; role[BASE + n] = w;",
                    "key[BASE + n] = Z; role[BASE + n] = ADMIN;"),
    "own-unchecked": (AUTHORITY, "anybody's junior is one's own device", "I2",
                      "(target[n] != under[n] && in(person[target[n]], under[n]) -> RELAY : ADMIN)", "RELAY"),
    "void-grant": (AUTHORITY, "a void grant gives", "I2",
                   "(denied[o] & r) == 0 && (under[o] < BASE || in(r, under[o] - BASE)) ->",
                   "(denied[o] & r) == 0 ->"),
    "void-counts": (AUTHORITY, "a void denial denies", "VAIN", "(denied[o] & r) == 0", "(denied[o] & (m)) == 0"),
    "first-come": (AUTHORITY, "what is decided stays decided", "I1",
                   "dirty = (dirty | denies[o] | gives[o]) & seen", "skip"),
    "no-heirs": (AUTHORITY, "what hangs on a grant is not looked at again", "I1",
                 "(dirty | denies[o] | gives[o])", "(dirty | denies[o])"),
    "no-order": (AUTHORITY, "a replica looks again in order of arrival", "I1",
                 "stage(order[x - 1]) > stage(n)", "false"),
    "rank-only": (AUTHORITY, "a replica goes by rank alone, leaves and bans not first", "I1",
                  "(kind[x] == LEAVE -> 0 : (kind[x] == GRANT -> 2 : 1))", "0"),
    "adopt-void": (AUTHORITY, "a void adopt shows", "SHOW",
                   "in(m & f, z) && kind[z] == ADOPT", "in(m, z) && kind[z] == ADOPT"),
    "adopt-authority": (AUTHORITY, "what is adopted is effective", "MUTE I5", "r = r | bit(o)\n				:: else",
                        "r = r | bit(o); if :: kind[o] == ADOPT -> r = r | keep[o] :: else fi\n				:: else"),
    "essential-bare": (AUTHORITY, "the past of what is effective is dropped", "I7",
                       "others = others | past[x] | bit(x)",
                       "others = others | bit(x)"),
    "key-unclean": (ALL, "a change under any epoch", "I9", "ok = in(top, seal[n]);", "ok = true;"),
    "key-for-all": (KEYS, "an epoch is clean whoever knows it", "I9", "(known[y] & ~rs) != 0", "false"),
    "key-by-grant": (KEYS, "a newcomer is not thought to know the keys he was given", "I9",
                     "known[y] = known[y] | bit(key[BASE + z])", "skip"),
    "box-too-many": (KEYS, "an epoch with one box too many", "I13", "boxed[n] = rs\n", "boxed[n] = rs | bit(Z)\n"),
    "box-too-few": (KEYS, "an epoch without a box for the root", "I12",
                    "boxed[n] = rs\n", "boxed[n] = rs & ~bit(R)\n"),
    "epoch-void": (KEYS, "a void epoch may be used", "TOP", "maximal(m, r);", "maximal(m, 255);"),
    "epoch-old": (KEYS, "a superseded epoch may be used", "TOP", "maximal(m, r);", "top = bit(GENESIS) | (m & r);"),
    "rekey-ignored": (KEYS, "an epoch that a replaced box key opens may be used", "I9",
                      "(known[y] & ~rs) != 0", "(known[y] & ~(rs | (in(rs, E2) -> bit(E) : 0))) != 0"),
    "key-by-link": (KEYS, "who can open a later epoch is not thought to know the older", "I9",
                    "known[y] = known[y] | known[z]", "skip"),
    "key-by-share": (KEYS, "a share is forgotten", "I9", "known[seal[z]] = known[seal[z]] | bit(target[z])", "skip"),
    "key-by-void": (KEYS, "boxes of void epochs are forgotten", "I9", "in(m, z) && kind[z] == EPOCH -> known",
                    "in(m & live, z) && kind[z] == EPOCH -> known"),
}


def build(folder, text, speed, *defines):
    folder.mkdir()
    (folder / "access.pml").write_text(text)
    for argv in (["spin", "-a", *defines, "access.pml"],
                 ["gcc", speed, "-w", "-DSAFETY", "-DNOBOUNDCHECK", "-o", "pan", "pan.c"]):
        p = subprocess.run(argv, cwd=folder, capture_output=True, text=True)
        if p.returncode: return p.stdout + p.stderr
    return None


def check(folder, text, name, defines, speed="-O2"):
    """What pan says of one model, or why there is none."""
    folder = folder / re.sub(r"\W+", "-", name)
    error = build(folder, text, speed, *defines)
    if error: return error
    p = subprocess.run(["./pan", "-m1000", "-w20"], cwd=folder, capture_output=True, text=True)
    return p.stdout + p.stderr


def figure(out, pattern):
    found = re.search(pattern, out)
    return f"{float(found[1]):.0f}" if found else "?"


def run_model(folder, text, name, defines):
    began = time.monotonic()
    out = check(folder, text, name, defines)
    # In the whole model every choice has to be met.
    idle = ALL in defines and "(0 of" not in out
    whole = not idle and "errors: 0" in out and "Search not completed" not in out and "too small" not in out
    print(f"{'ok' if whole else 'not ok'}: model: {name}: {figure(out, r'([0-9.e+]+) states, stored')} states, "
          f"{figure(out, r'([0-9.e+]+) transitions')} transitions, {figure(out, r'([0-9.]+)	total actual memory')} MB, "
          f"{time.monotonic() - began:.0f} s", flush=True)
    if not whole: print(out)
    return whole


def run_mutant(folder, text, name, prop):
    scene, says, _, old, new = MUTANTS[name]
    only = dict(re.findall(r"(?m)^#define (\w+) +(\d+)\b", text))[prop]
    defines = [scene, MUTANTS_IN[scene], f"-DONLY={only}"]
    out = "" if text.count(old) == 1 else f"access.pml has {text.count(old)} times: {old}\n"
    # Compiling costs more than running.
    out = out or check(folder, text.replace(old, new), f"{name} {prop}", defines, "-O0")
    caught = "assertion violated" in out
    print(f"{'ok' if caught else 'not ok'}: mutant {name}: {says}: {prop} {'fails' if caught else 'holds'}", flush=True)
    if not caught: print(out)
    return caught


def main():
    p = argparse.ArgumentParser()
    p.add_argument("--long", action="store_true", help="one operation more")
    p.add_argument("--jobs", type=int, default=2)
    p.add_argument("--keep", help="build here, and leave it")
    p.add_argument("names", nargs="*")
    a = p.parse_args()
    text = MODEL.read_text()
    models = {**LONG, **SHORT} if a.long else SHORT
    with tempfile.TemporaryDirectory(prefix="lk-spin-") as d, concurrent.futures.ThreadPoolExecutor(a.jobs) as pool:
        folder = pathlib.Path(a.keep or d)
        works = []
        if not a.names or "model" in a.names:
            works += [pool.submit(run_model, folder, text, n, defines) for n, defines in models.items()]
        works += [pool.submit(run_mutant, folder, text, n, prop) for n in MUTANTS if not a.names or n in a.names
                  for prop in MUTANTS[n][2].split()]
        return 0 if all([w.result() for w in works]) else 1


if __name__ == "__main__":
    sys.exit(main())
