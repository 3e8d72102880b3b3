#!/usr/bin/python3
"""run.py - all tests of lk, part by part.

usage: run.py [--long] [--only PART[,PART...]] [--list]

What each part shows is in docs/testing.md.  A part that cannot run as meant
here says so and does what it can instead; none is left out.
"""
import argparse
import concurrent.futures
import os
import pathlib
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import xml.etree.ElementTree as xml

ROOT = pathlib.Path(__file__).resolve().parents[1]
BUILD = ROOT / "build"
TESTS = ROOT / "tests"
PYTHON = sys.executable
JOBS = 2


class Tally:
    """Counts, and says what failed as soon as it has: at once, or when it is asked
    to, where several work at the same time."""

    def __init__(self, at_once=True):
        self.passed = self.failed = 0
        self.at_once, self.held = at_once, []

    def say(self, line):
        if self.at_once:
            print(line, flush=True)
        else:
            self.held.append(line)

    def add(self, ok, name, output=""):
        if ok:
            self.passed += 1
            return
        self.failed += 1
        self.say("\n".join([f"FAILED: {name}"] + [f"    {line}" for line in output.rstrip().splitlines()[-400:]]))

    def note(self, text):
        self.say(f"  note: {text}")


def run(argv, seconds, cwd=ROOT, env=None):
    """Exit status and everything it said.  After `seconds` it is ended, with
    whatever it started."""
    try:
        p = subprocess.Popen([str(a) for a in argv], cwd=cwd,
                             env={**os.environ, **(env or {})}, stdin=subprocess.DEVNULL,
                             stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                             start_new_session=True)
    except OSError as e:
        return -1, f"{argv[0]}: {e}"
    try:
        out, _ = p.communicate(timeout=seconds)
        return p.returncode, out.decode("utf-8", "replace")
    except subprocess.TimeoutExpired:
        os.killpg(p.pid, signal.SIGTERM)
        try:
            out, _ = p.communicate(timeout=30)
        except subprocess.TimeoutExpired:
            os.killpg(p.pid, signal.SIGKILL)
            out, _ = p.communicate()
        return -1, out.decode("utf-8", "replace") + f"\nended after {seconds} s"
    except BaseException:
        os.killpg(p.pid, signal.SIGTERM)
        raise


def together(works):
    """Runs these at the same time, JOBS at once; yields what they return."""
    with concurrent.futures.ThreadPoolExecutor(JOBS) as pool:
        yield from (f.result() for f in
                    concurrent.futures.as_completed([pool.submit(w) for w in works]))


def one(t, name, argv, seconds, **kw):
    status, out = run(argv, seconds, **kw)
    t.add(status == 0, name, out)
    return status == 0


def needs(t, name, argv, seconds, **kw):
    """What a test rests on: counted only when it fails."""
    status, out = run(argv, seconds, **kw)
    if status != 0:
        t.add(False, name, out)
    return status == 0


def said(t, name, status, out):
    """Counts the lines "ok: ..." and "not ok: ..." of one of our drivers, each
    failure with the lines behind it."""
    blocks, any_ = re.split(r"(?m)^(?=(?:not )?ok: )", out), False
    for block in blocks:
        if not block.startswith(("ok: ", "not ok: ")):
            if block.strip() and status != 0:
                t.say(block.rstrip())
            continue
        any_ = True
        line = block.splitlines()[0]
        if block.startswith("ok: "):
            t.say(f"  {line}")
        t.add(block.startswith("ok: "), line.partition(": ")[2], block)
    if status != 0 and "not ok: " not in out or not any_:
        t.add(False, name, f"{out}\nexit {status}")


# Builds.

def build(t, preset, *targets):
    return one(t, f"build {preset}", [ROOT / "scripts/build", preset, *targets], 1800)


def part_build(t, long):
    """everything, with warnings as errors; sanitizers, threads, fuzzers"""
    build(t, "dev")
    build(t, "release", "lk", "lkd", "lk_sim", "lk_world", "lk_thief", "crdt_verdict_test")
    build(t, "tsan", "lk", "lkd", "tests_net", "tests_daemon", "object_ask")
    build(t, "fuzz", *fuzzers())


def fuzzers():
    return sorted(CHEAP + [p.stem for p in (TESTS / "fuzz").glob("*/*_fuzz.c")])


# Unit tests.

def ctest(t, preset, *args, env=None):
    report = BUILD / preset / "tests.xml"
    report.unlink(missing_ok=True)
    status, out = run(["ctest", "--test-dir", BUILD / preset, "-j", JOBS,
                       "--timeout", "600", "--output-junit", report, *args], 3000, env=env)
    if not report.exists():
        t.add(False, f"ctest {preset}", out)
        return
    for case in xml.parse(report).getroot().iter("testcase"):
        text = "".join(case.itertext())
        # cmocka says how each of its tests ended; that is what is counted.
        good = len(re.findall(r"(?m)^\[       OK \]", text))
        bad = len(re.findall(r"(?m)^\[  FAILED  \] (?!\d)\S+$", text))
        for skipped in re.findall(r"(?m)^\[  SKIPPED \] (?!\d)(.*)$", text):
            t.note(f"{case.get('name')}: {skipped}: skipped")
        failed = case.get("status") != "run"
        t.passed += good
        if failed:
            t.add(False, f"{preset}: {case.get('name')}", text)
            t.failed += max(0, bad // 2 - 1)
        elif good == 0:
            t.add(True, case.get("name"))


def part_unit(t, long):
    """every module alone, the layers and the style; the planted bugs can be planted"""
    ctest(t, "dev")
    ctest(t, "release", "-R", "^unit/crdt/verdict_test$")
    if long:
        needs(t, "ranges of a million envelopes",
              ["env", "LK_LONG=1", ROOT / "build/dev/tests/sync_range_test"], 1800, cwd=ROOT)
    for patch in sorted((TESTS / "mutants").glob("*.patch")):
        needs(t, f"mutant {patch.stem} applies",
              ["patch", "-p1", "--dry-run", "-s", "-f", "-i", patch], 60, cwd=ROOT)


def part_threads(t, long):
    """net and daemon under ThreadSanitizer"""
    supp = TESTS / "tsan.supp"
    env = {"TSAN_OPTIONS": f"suppressions={supp}:halt_on_error=1:second_deadlock_stack=1"}
    # One has no threads and half a gigabyte.
    ctest(t, "tsan", "-R", "^unit/(net|daemon)/", "-E", "diff_json_test", env=env)
    # The daemon as a whole, with its threads.
    runs = 20 if long else 1
    status, out = run([PYTHON, TESTS / "lan/partitions.py", "--lk", BUILD / "tsan/lk",
                       "--seed", "9001", "--runs", runs], 120 * runs + 120, env=env)
    said(t, "threads: partitions", status, out)
    status, out = run([PYTHON, TESTS / "remote/buckets.py", "--ask", BUILD / "tsan/tests/object_ask", "--only",
                       "on_folder,both_styles,passing_troubles,slow_store"], 300, env=env)
    said(t, "threads: remotes", status, out)


def part_model(t, long):
    """the protocol's vectors and the access rules, by independent implementations"""
    one(t, "model", [PYTHON, TESTS / "model/story.py", "--check", TESTS / "data/protocol"], 600)
    status, out = run([PYTHON, TESTS / "model/access_test.py", "--runs", 5000 if long else 300], 3600)
    said(t, "access model", status, out)
    runs = 100000 if long else 2000
    status, out = run([PYTHON, TESTS / "model/access_diff.py", "--runs", runs,
                       f"{BUILD}/dev/tests/lk-access-eval --full"],
                      7200 if long else 900)
    said(t, "access rules", status, out)


def npm_there(folder, package):
    """Whether npm's packages of a folder are there."""
    status, _ = run(["npm", "ci"], 300, cwd=folder)
    return status == 0 or (folder / "node_modules" / package).exists()


def has_ceph(t):
    """Ceph is 70 MB of packages: only for long runs, and only where they can be had."""
    packages = ["radosgw", "ceph-mon", "ceph-osd"]
    status, _ = run(["dpkg", "-s", *packages], 60)
    if status != 0:
        status, _ = run(["apt-get", "-qq", "-y", "install", "--no-install-recommends", *packages], 900,
                        env={"DEBIAN_FRONTEND": "noninteractive"})
    if status != 0:
        t.note("Ceph cannot be installed here: its gateway is not asked")
    return status == 0


def part_remotes(t, long):
    """folders and buckets, kept by others and by stores that misbehave"""
    folder, foreign = TESTS / "remote", []
    if npm_there(folder, "s3rver"):
        foreign = ["--foreign", folder]
    else:
        t.note("npm cannot fetch s3rver here: it is not asked")
    if long and has_ceph(t):
        foreign += ["--ceph"]
    status, out = run([PYTHON, folder / "buckets.py", "--ask", BUILD / "dev/tests/object_ask", *foreign], 900)
    said(t, "remote/buckets.py", status, out)


def has_automerge(t):
    """Whether npm's packages are there for those who ask Automerge."""
    there = npm_there(TESTS / "interop", "@automerge/automerge-repo")
    if not there:
        t.note("npm cannot fetch @automerge/automerge here: it is not asked")
    return there


def part_ghosts(t, long):
    """random histories with void changes, against the Python reference and Automerge"""
    count = 20000 if long else 2000
    asked = [TESTS / "interop/exports.mjs"] if has_automerge(t) else []
    works = [lambda first=first, forks=forks: run(
        [PYTHON, TESTS / "model/ghost/diff.py", *forks, BUILD / "dev/tests/crdt_ghost_test",
         first, first + count // 20, *asked], 600)
        for forks, end in (([], 1000 + count), (["--forks"], 1000 + count // 4))
        for first in range(1000, end, count // 20)]
    for status, out in together(works):
        said(t, "ghosts", status, out)


def part_manuals(t, long):
    """the manuals have no flaw that mandoc finds"""
    for page in sorted((ROOT / "docs/man").glob("*.[1-8]")):
        status, out = run(["mandoc", "-T", "lint", page], 60)
        # Our own pages are not installed while they are tested.
        left = [line for line in out.splitlines()
                if not re.search(r"referenced manual not found: Xr lk(d|\.conf|-access)? [1578]( \(\d+ times\))?$", line)]
        t.add(not left, f"manual {page.name}", "\n".join(left))


def part_examples(t, long):
    """every example of the manuals and documents, run, and what it says compared"""
    pages = [*sorted((ROOT / "docs/man").glob("*.[1-8]")), *sorted((ROOT / "docs").glob("*.md"))]
    pages = [p for p in pages if re.search(r"(?m)^(```sh|\w*\$ )", p.read_text())]
    for status, out in together([lambda p=p: run(
            [PYTHON, TESTS / "tools/examples.py", "--lk", BUILD / "dev/lk", p], 300) for p in pages]):
        said(t, "examples", status, out)


def part_spin(t, long):
    """the access rules as a state model, exhaustively, and with one rule wrong"""
    status, out = run([PYTHON, TESTS / "model/spin.py", "--jobs", JOBS, *(["--long"] if long else [])],
                      4 * 3600 if long else 900)
    said(t, "spin", status, out)


# The programs as a whole.

def bats_file(path, answers):
    env = {"LK": str(BUILD / "dev/lk"), "LKD": str(BUILD / "dev/lkd"), "LK_ANSWERS": answers}
    return path, run(["bats", "--formatter", "tap", path], 900, env=env)


def part_cli(t, long):
    """every command: output, errors, exit statuses, JSON"""
    with tempfile.TemporaryDirectory(prefix="lk-answers-", dir="/tmp") as answers:
        for path, (status, out) in together(
                [lambda p=p: bats_file(p, answers) for p in sorted((TESTS / "cli").glob("*.bats"))]):
            tests = re.split(r"(?m)^(?=(?:not )?ok \d+ )", out)[1:]
            for block in tests:
                line = block.splitlines()[0]
                if " # skip" in line:
                    t.note(f"{path.name}: {line}")
                    continue
                t.add(line.startswith("ok "), f"{path.name}: {line}", block)
            if not tests or status != 0 and "not ok" not in out:
                t.add(False, path.name, out)
        status, out = run([PYTHON, TESTS / "tools/answers.py", "complete", answers, BUILD / "dev/lk"], 60)
        t.add(status == 0, "every answer has a schema, every schema an answer", out)


def driver(t, script, *args, seconds=600, preset="dev"):
    status, out = run([PYTHON, TESTS / script, "--lk", BUILD / preset / "lk", *args], seconds)
    said(t, script, status, out)


def part_story(t, long):
    """the story of scripts/demo"""
    driver(t, "lan/story.py", "--quiet")


def part_partitions(t, long):
    """cut cables and kill -9 between three devices: nothing is lost"""
    total = 200 if long else 25
    each = -(-total // JOBS)
    works = [lambda first=first: run(
        [PYTHON, TESTS / "lan/partitions.py", "--lk", BUILD / "dev/lk", "--seed", first,
         "--runs", min(each, total + 1 - first)], 60 * each + 300)
        for first in range(1, total + 1, each)]
    for status, out in together(works):
        said(t, "partitions", status, out)


def part_revocation(t, long):
    """revoked while editing, cut off (T1, T2, T3, T5 of access.md)"""
    for _ in range(10 if long else 1):
        driver(t, "lan/revocation.py", seconds=900)


def part_discovery(t, long):
    """devices that find each other on the local network"""
    del long
    driver(t, "lan/discovery.py", seconds=900)


def part_relay(t, long):
    """devices that are never online together, and a relay between them"""
    for _ in range(5 if long else 1):
        driver(t, "lan/relay.py", seconds=600)


def part_letters(t, long):
    """the README's main story through a relay, a bucket and a folder alone, the friend having only a ticket"""
    works = [lambda way=way: run([PYTHON, TESTS / "lan/letters.py", "--lk", BUILD / "dev/lk", "--through", way], 600)
             for way in ("relay", "bucket", "folder") for _ in range(5 if long else 1)]
    for status, out in together(works):
        said(t, "letters", status, out)


def part_pairing(t, long):
    """pairing by a code between networks, and whoever quits midway"""
    for _ in range(5 if long else 1):
        driver(t, "lan/pairing.py", seconds=600)


def part_links(t, long):
    """the same work over good and bad links, in bounded time and bytes"""
    runs = 20 if long else 1
    driver(t, "lan/links.py", "--runs", runs, seconds=300 * runs)


def part_mirrors(t, long):
    """folders of files written by real tools, cut off and killed: nothing typed is lost"""
    total = 500 if long else 50
    each = 25
    works = [lambda first=first: run(
        [PYTHON, TESTS / "lan/mirrors.py", "--lk", BUILD / "dev/lk", "--seed", first,
         "--runs", each], 600) for first in range(1, total + 1, each)]
    for status, out in together(works):
        said(t, "mirrors", status, out)
    runs = 60 if long else 6
    driver(t, "lan/meetings.py", "--runs", runs, seconds=30 * runs)
    # A sanitizer cannot look for leaks in what is traced.
    driver(t, "lan/killed.py", "--tool", BUILD / "dev/tests/lk_killed_at", "--every",
           1 if long else 20, seconds=7200 if long else 600, preset="release")


def part_backups(t, long):
    """backups that are cut off at any write are good, and any byte of one that flips is found"""
    status, out = run([PYTHON, TESTS / "backup/killed.py", "--lk", BUILD / "release/lk", "--tool",
                       BUILD / "dev/tests/lk_killed_at", "--every", 1 if long else 6,
                       "--flips", 400 if long else 20], 3600 if long else 300)
    said(t, "backup/killed.py", status, out)
    status, out = run([PYTHON, TESTS / "backup/pruned.py", "--lk", BUILD / "release/lk",
                       "--seeds", 40 if long else 1, "--steps", 40 if long else 20], 3600 if long else 300)
    said(t, "backup/pruned.py", status, out)


def part_thief(t, long):
    """a stolen device that forks, floods, lies and lets others in"""
    # 16 ops an envelope: 10^6 in --long.
    flood, runs = (62500, 40) if long else (2000, 6)
    driver(t, "lan/thief.py", "--tool", BUILD / "dev/tests/lk_thief", "--runs", runs,
           seconds=60 * runs)
    driver(t, "lan/thief.py", "--tool", BUILD / "release/tests/lk_thief", "--runs", 0,
           "--floods", flood, seconds=7200 if long else 300, preset="release")


def part_capture(t, long):
    """nothing readable on the cable or in what is passed on"""
    driver(t, "capture/capture.py", "--log-dump", BUILD / "dev/tests/log_dump")


def node(t, script, *args, seconds):
    """Counts the lines "ok: ..." and "not ok: ..." of a script beside Automerge."""
    folder = TESTS / "interop"
    status, out = run(["node", folder / script, "--lk", BUILD / "dev/lk", *args], seconds,
                      cwd=folder)
    for block in re.split(r"(?m)^(?=(?:not )?ok: )", out):
        if block.startswith(("ok: ", "not ok: ")):
            t.add(block.startswith("ok: "), block.splitlines()[0].partition(": ")[2], block)
    if status != 0 and "not ok: " not in out or "ok: " not in out:
        t.add(False, script, out)
    return out.count("ok: ") - out.count("not ok: ")


def part_interop(t, long):
    """Automerge and automerge-repo read what lk writes, and the other way round"""
    driver(t, "interop/vectors.py")
    if not has_automerge(t):
        return
    n = node(t, "interop.mjs", "--seeds", 200 if long else 20, seconds=3000 if long else 900)
    t.say(f"  {n} files and documents both ways")
    node(t, "repo.mjs", "--rounds", 100 if long else 8, seconds=1200 if long else 300)


def twins(first, seeds, program):
    return run(["node", TESTS / "interop/twins.mjs", "--twin", program, "--from", first,
                "--seeds", seeds], 120 + seeds)


def part_twins(t, long):
    """the document engine and Automerge, edit by edit"""
    if not has_automerge(t):
        return
    total, each = (50000, 500) if long else (2000, 250)
    histories = 0
    works = [lambda first=first: twins(first, each, BUILD / "dev/tests/lk_twin")
             for first in range(1, total + 1, each)]
    for status, out in together(works):
        for note in re.findall(r"(?m)^note: (.*)$", out):
            t.note(note)
        done = re.search(r"(?m)^(?:not )?ok: twins, (\d+) of \d+ histories", out)
        histories += int(done[1]) if done else 0
        said(t, "twins", status, out)
    print(f"  {histories} histories")


def part_install(t, long):
    """an installed lk, without namespaces; the systemd unit, the Debian package, a daemon at rest"""
    with tempfile.TemporaryDirectory(prefix="lk-install-", dir="/tmp") as prefix:
        if one(t, "cmake --install", ["cmake", "--install", BUILD / "release",
                                      "--prefix", prefix], 120):
            missing = [f for f in ("man/man1/lk.1", "man/man8/lkd.8", "man/man5/lk.conf.5", "man/man7/lk-access.7",
                                   "bash-completion/completions/lk", "zsh/site-functions/_lk",
                                   "fish/vendor_completions.d/lk.fish")
                       if not pathlib.Path(prefix, "share", f).exists()]
            t.add(not missing, "pages and completions are installed", str(missing))
            status, out = run([PYTHON, TESTS / "lan/story.py", "--quiet", "--mode", "loopback",
                               "--lk", f"{prefix}/bin/lk"], 300)
            said(t, "installed story", status, out)
    status, out = run([PYTHON, TESTS / "install/package.py", "--build", BUILD / "release"], 600)
    for note in re.findall(r"(?m)^note: (.*)$", out):
        t.note(note)
    said(t, "install/package.py", status, out)


# Other machines.

def foreign_build(t, machine, *options, targets=()):
    """Where what was built for another machine is; None when it cannot be built."""
    out = BUILD / f"foreign-{machine}"
    configure = ["cmake", "-S", ROOT, "-B", out, "-G", "Ninja", "--toolchain", ROOT / "cmake/foreign.cmake",
                 f"-DLK_MACHINE={machine}", f"-DLK_SYSROOT={BUILD}/sysroot/{machine}", "-DCMAKE_C_FLAGS=-O1",
                 *options]
    if not needs(t, f"{machine}: configure", configure, 120) or not one(
            t, f"build for {machine}", ["cmake", "--build", out, "-j", JOBS, "--target", *targets], 1800):
        return None
    return out


def foreign_there(t, machine):
    """The cross compiler, the emulator and the libraries: some 150 MB of packages."""
    status, out = run([ROOT / "scripts/setup", f"--foreign={machine}"], 900)
    if status == 0:
        status, out = run([ROOT / "scripts/sysroot", machine], 600)
    if status != 0:
        t.note(f"what building for {machine} needs cannot be had here: {out.strip().splitlines()[-1:]}")
    return status == 0


# Random damage and full disks by the thousand: an emulator needs hours for them.
# And it traces no process for another.
FOREIGN_LEFT_OUT = "(doc_damage|doc_limits|limits|damage|content_limits|bench|killed)_test$"


def foreign_tests(t, machine):
    """Unit tests with all vectors, the access rules beside the reference, and some
    seeds of the simulation."""
    tests = [f"tests_{m}" for m in "base crypto crdt access store sync relay net mirror backup daemon".split()]
    out = foreign_there(t, machine) and foreign_build(
        t, machine, targets=(*tests, "lk", "lkd", "lk_sim", "lk-access-eval"))
    if not out:
        return
    ctest(t, f"foreign-{machine}", "-L", "unit", "-E", FOREIGN_LEFT_OUT)
    emulator = {"armhf": "qemu-arm", "s390x": "qemu-s390x"}[machine]
    emulator = [emulator, "-L", BUILD / "sysroot" / machine]
    status, said_ = run([PYTHON, TESTS / "model/access_diff.py", "--runs", 100,
                         " ".join(map(str, [*emulator, out / "tests/lk-access-eval", "--full"]))], 1800)
    said(t, f"{machine}: access rules", status, said_)
    # The same events, byte for byte, as on this machine.
    status, here = run([BUILD / "release/tests/lk_sim", "-j", 1, "--seeds", 10], 600)
    status_, there = run([*emulator, out / "tests/lk_sim", "-j", 1, "--seeds", 10], 3600)
    t.add(status == status_ == 0 and here == there, f"{machine}: simulation, 10 seeds, the same as here",
          here + there)


def part_foreign(t, long):
    """an aarch64 phone beside the laptop; in --long the unit tests on s390x and 32-bit ARM"""
    static = ("-DLK_STATIC=ON", "-DBUILD_TESTING=OFF")
    out = foreign_there(t, "arm64") and foreign_build(t, "arm64", *static, targets=("lk", "lkd"))
    if out:
        phone = BUILD / "phone"
        if needs(t, "an emulated phone", [TESTS / "foreign/emulate", "qemu-aarch64", out, phone], 60):
            driver(t, "lan/story.py", "--quiet", "--phone", phone / "lk")
    if long:
        foreign_tests(t, "s390x")
        foreign_tests(t, "armhf")


# Machines that search.

# Built a second time, over signatures and key agreement that cost next to
# nothing: tests/CMakeLists.txt.
CHEAP = [f"{name}_fuzz_cheap" for name in ("code", "cpace", "noise", "session", "stranger")]
# What somebody says before anybody knows who he is, message by message: frames
# and handshakes of all patterns, what is in their payload, beacons, pairing by
# code, texts that people type, letters, and what a relay or a store answers.
STRANGERS = ["beacon_fuzz", "card_fuzz", "code_fuzz_cheap", "cpace_fuzz_cheap", "mail_fuzz",
             "noise_fuzz_cheap", "pack_fuzz", "relay_message_fuzz", "s3_answer_fuzz", "s3_xml_fuzz",
             "session_fuzz_cheap", "ticket_fuzz"]
STRANGERS_RUNS = 100_000_000
# The same, and what follows on it, as scripts against real engines and relays;
# the same messages over real cryptography; and those that decode and apply what
# strangers write as documents.
SCRIPTS = ["engine_fuzz", "relay_fuzz", "remote_fuzz", "stranger_fuzz_cheap"]
DEEP = [*SCRIPTS, "code_fuzz", "cpace_fuzz", "noise_fuzz", "session_fuzz",
        "change_fuzz", "chunk_fuzz", "document_fuzz", "stream_fuzz", "import_fuzz", "patch_fuzz"]
DEEP_RUNS = 10_000_000


def fuzz_wanted(name, long):
    """How many inputs, or -1, in how many seconds at the most."""
    if not long:
        # Of two that differ in their cryptography each has half of the time.
        return -1, 3 if name in CHEAP or f"{name}_cheap" in CHEAP else 6
    runs = STRANGERS_RUNS if name in STRANGERS else DEEP_RUNS if name in DEEP else -1
    return runs, 600 if runs < 0 else 24 * 3600


def fuzz_corpus(name, long, folder):
    """Where it begins: the seeds; in long runs also what an earlier one found,
    as far as that adds something."""
    corpus = folder / name
    corpus.mkdir()
    status, out = run([PYTHON, TESTS / "fuzz/seeds.py", name.removesuffix("_cheap"), corpus], 60)
    kept = BUILD / "corpus" / name
    if status != 0 or not long or not kept.exists():
        return status, out, corpus
    merged = folder / f"{name}.merged"
    merged.mkdir()
    status, out = run([BUILD / "fuzz/tests" / name, "-merge=1", merged, corpus, kept], 3600, cwd=folder)
    return status, out, merged


def fuzz_keep(name, corpus):
    kept = BUILD / "corpus" / name
    shutil.rmtree(kept, ignore_errors=True)
    shutil.copytree(corpus, kept)


def fuzz_one(name, long, folder):
    folder = pathlib.Path(folder)
    status, out, corpus = fuzz_corpus(name, long, folder)
    if status != 0:
        return name, status, out, 0, 0
    wanted, seconds = fuzz_wanted(name, long)
    # Most of the time went into statistics about inputs and stacks of allocations.
    status, out = run(
        [BUILD / "fuzz/tests" / name, corpus, f"-max_total_time={seconds}", "-timeout=20",
         f"-runs={wanted}", "-entropic=0", "-rss_limit_mb=4096",
         "-print_final_stats=1", f"-artifact_prefix={folder}/{name}-"],
        seconds + 120, cwd=folder,
        env={"ASAN_OPTIONS": "malloc_context_size=4:quarantine_size_mb=16"})
    for crash in folder.glob(f"{name}-*"):
        if crash.is_file():
            out += f"\n{crash.name}: {crash.read_bytes()[:2000].hex()}"
    if long:
        fuzz_keep(name, corpus)
    runs = re.search(r"stat::number_of_executed_units: (\d+)", out)
    runs = int(runs[1]) if runs else 0
    if runs < wanted:
        status = status or -1
    each = re.search(r"stat::average_exec_per_sec: *(\d+)", out)
    return name, status, out, runs, int(each[1]) if each else 0


def part_fuzz(t, long):
    """every decoder against damaged input"""
    runs = 0
    with tempfile.TemporaryDirectory(prefix="lk-fuzz-", dir="/tmp") as folder:
        works = [lambda n=n: fuzz_one(n, long, folder) for n in fuzzers()]
        for name, status, out, n, each in together(works):
            t.add(status == 0, f"fuzz {name}", out)
            runs += n
            if long or name in STRANGERS + SCRIPTS:
                print(f"  {name}: {n} inputs, {each} a second", flush=True)
    print(f"  {len(fuzzers())} targets, {runs} inputs")


def part_simulation(t, long):
    """many devices, some of them hostile, one seed, virtual time"""
    seeds, again = (20000, 1000) if long else (300, 20)
    for name, args in ((f"{seeds} seeds", ["--seeds", seeds]),
                       (f"{again} seeds twice", ["--twice", "--seeds", again])):
        status, out = run([BUILD / "release/tests/lk_sim", "-j", JOBS, *args],
                          8 * 3600 if long else 900)
        last = out.rstrip().splitlines()[-1:] or [""]
        print(f"  {name}: {last[0]}")
        t.add(status == 0, f"simulation, {name}", out)


def world(program, *args, seconds=900):
    status, out = run([program, *args], seconds)
    for line in out.splitlines():
        if line.startswith(("arrival", "per device")) or "of heap" in line:
            print(f"  {line}")
    return status, out


def part_world(t, long):
    """a hundred to a thousand devices of one document; ten thousand in --long"""
    program = BUILD / "release/tests/lk_world"
    # One edit to all of 64: a second, 1.3 payloads each.
    runs = [("-n", 64, "-p", 1000, "-x", 130), ("-n", 1000, "-c", "-g", "-w", 20, "-t", 40, "-e", 20, "-p", 2000)]
    if long:
        runs.append(("-n", 10000, "-m", 200, "-c", "-g", "-w", 20, "-t", 30, "-e", 40, "-p", 2000))
    for args in runs:
        status, out = world(program, *args, seconds=4 * 3600 if long else 900)
        said(t, f"world of {args[1]}", status, out)
    traces = [re.findall(r"(?m)^seed 5: (\w+)$", out) for _, out in together(
        [lambda: run([program, "-n", 100, "-c", "-g", "-s", 5, "-w", 20, "-t", 20, "-e", 10], 300)] * 2)]
    t.add(traces[0] == traces[1] != [], "world of 100: twice the same trace", str(traces))


# Mutants.

def sim_seeds(program, args):
    """Runs the simulator over the seeds a patch names until one fails, then over
    300: what a seed does changes with the code, that one of 300 fails does not.
    Where the patch names an invariant the failure must, too."""
    twice = [a for a in args if a.startswith("--")]
    broken = [a for a in args if re.fullmatch(r"[SI]\d+", a)]
    found = re.compile(rf"(?m)^FAILED: seed \d+: [\d.]+ s: [^:]*\b{broken[0]}\b") if broken else None
    for seed in [a for a in args if a.isdigit()]:
        status, out = run([program, *twice, "--seed", seed], 600)
        if status != 0 and (found is None or found.search(out)):
            return status, out
    status, out = run([program, *twice, "-j", JOBS, "--seeds", 300], 7200)
    return (0 if found and not found.search(out) else status), out


def mutant_check(t, tree, name, test, args):
    """The test the patch names must fail on the patched tree."""
    out_dir = tree / "build/mutant"
    if test.startswith("unit/"):
        target = "_".join(test.split("/")[1:])
        check = lambda: run([out_dir / "tests" / target], 600, cwd=tree)  # noqa: E731
    elif test == "sim":
        target = "lk_sim"
        check = lambda: sim_seeds(out_dir / "tests/lk_sim", args)  # noqa: E731
    elif test == "world":
        target = "lk_world"
        check = lambda: run([out_dir / "tests/lk_world", "-n", 100, "-c", "-g", "-w", 30, "-t",  # noqa: E731
                             60, "-p", 2000, "-x", 200], 1800)
    elif test == "access":
        target = "lk-access-eval"
        check = lambda: run([PYTHON, TESTS / "model/access_diff.py", "--runs", 300,  # noqa: E731
                             f"{out_dir}/tests/lk-access-eval --full"], 600)
    elif test == "twins":
        target = "lk_twin"
        check = lambda: twins(1, 300, out_dir / "tests/lk_twin")  # noqa: E731
    elif test in ("lan", "revocation", "links"):
        target = "all"
        script = {"lan": "partitions.py"}.get(test, f"{test}.py")
        more = {"lan": ["--runs", 10], "links": ["--only", "lan,resets"]}.get(test, [])
        check = lambda: run([PYTHON, TESTS / "lan" / script, "--lk", out_dir / "lk", *more],  # noqa: E731
                            1800)
    elif test == "cli":
        target = "all"
        check = lambda: run(["bats", TESTS / "cli"], 1800,  # noqa: E731
                            env={"LK": str(out_dir / "lk"), "LKD": str(out_dir / "lkd")})
    else:
        t.add(False, f"mutant {name}", f"names no test that is known: {test}")
        return
    if not needs(t, f"mutant {name}: build",
                 ["cmake", "--build", out_dir, "--target", target], 1800, cwd=tree):
        return
    status, out = check()
    print(f"  mutant {name}: {'caught by' if status != 0 else 'NOT caught by'} {test}", flush=True)
    t.add(status != 0, f"mutant {name}: {test} passes", out[-4000:])


def part_mutants(t, long):
    """planted bugs: the tests must fail"""
    if not list((TESTS / "mutants").glob("*.patch")):
        t.add(False, "mutants", "tests/mutants holds no patch")
        return
    with tempfile.TemporaryDirectory(prefix="lk-mutants-", dir="/tmp") as folder:
        tree = pathlib.Path(folder) / "tree"
        shutil.copytree(ROOT, tree, symlinks=True,
                        ignore=shutil.ignore_patterns("build", ".git", "node_modules"))
        if not needs(t, "mutants: configure", [
                "cmake", "--preset", "dev", "-B", tree / "build/mutant", "-DLK_WERROR=OFF"],
                300, cwd=tree):
            return
        for patch in sorted((TESTS / "mutants").glob("*.patch")):
            named = re.findall(r"(?m)^Test: (\S+)(.*)$", patch.read_text())
            if not named:
                t.add(False, f"mutant {patch.stem}", "the patch names no test")
                continue
            apply = ["patch", "-p1", "--no-backup-if-mismatch", "-i", patch]
            if not needs(t, f"mutant {patch.stem}: applies", apply, 60, cwd=tree):
                continue
            for test, args in named:
                mutant_check(t, tree, patch.stem, test, args.split())
            if not needs(t, f"mutant {patch.stem}: taken back", [*apply, "-R"], 60, cwd=tree):
                return


PARTS = [part_build, part_unit, part_threads, part_model, part_ghosts, part_manuals, part_examples, part_spin,
         part_cli, part_story, part_partitions, part_revocation, part_relay, part_letters, part_pairing, part_discovery, part_links, part_mirrors,
         part_backups,
         part_thief, part_capture, part_remotes,
         part_interop, part_twins, part_install, part_foreign, part_fuzz, part_simulation, part_world]
LONG_PARTS = [*PARTS, part_mutants]


# One program after the other, which mostly wait: two of these at a time.
ALONE = [part_revocation, part_relay, part_pairing, part_discovery, part_links, part_thief, part_remotes,
         part_interop, part_install]


def groups_of(parts):
    """In their order, but those of ALONE together where the first of them is."""
    alone = [part for part in parts if part in ALONE]
    for part in parts:
        if part not in ALONE:
            yield [part]
        elif part is alone[0]:
            yield alone


def part_run(part, long, at_once):
    t, began = Tally(at_once), time.monotonic()
    t.say(f"{name_of(part)}: {part.__doc__}")
    part(t, long)
    took = time.monotonic() - began
    t.say(f"  {t.passed} passed, {t.failed} failed, {took:.0f} s")
    if not at_once:
        print("\n".join(t.held), flush=True)
    return t, (name_of(part), took)


def name_of(part):
    return part.__name__[len("part_"):]


def main():
    p = argparse.ArgumentParser(usage="scripts/test [--long] [--only PART[,PART...]] [--list]")
    p.add_argument("--long", action="store_true", help="hours instead of minutes")
    p.add_argument("--only", help="these parts, in this order")
    p.add_argument("--list", action="store_true", help="list the parts")
    options = p.parse_args()
    if options.list:
        for part in LONG_PARTS:
            print(f"{name_of(part):12} {part.__doc__}")
        return 0
    parts = LONG_PARTS if options.long else PARTS
    if options.only:
        known = {name_of(part): part for part in LONG_PARTS}
        unknown = [n for n in options.only.split(",") if n not in known]
        if unknown:
            p.error(f"no such part: {', '.join(unknown)}")
        parts = [known[n] for n in options.only.split(",")]
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    passed, failed, times, began = 0, 0, [], time.monotonic()
    for group in groups_of(parts):
        works = [lambda part=part, at_once=len(group) == 1: part_run(part, options.long, at_once) for part in group]
        for t, took in together(works) if len(group) > 1 else [works[0]()]:
            passed, failed = passed + t.passed, failed + t.failed
            times.append(took)
    print("times: " + ", ".join(f"{n} {s:.0f} s" for n, s in times) +
          f"; {(time.monotonic() - began) / 60:.1f} min in all")
    print(f"{passed} passed, {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
