#!/usr/bin/python3
"""package.py - the systemd unit, the Debian package, and a daemon at rest.

usage: package.py --build DIR [--only NAME[,NAME...]]

DIR is a build of lk, without sanitizers: they and strace do not go together.  What needs systemd's or Debian's own tools says so where
they are missing; nothing is installed on this machine.
"""
import argparse
import contextlib
import os
import pathlib
import re
import shlex
import shutil
import signal
import subprocess
import sys
import tempfile
import time

# How exposed systemd-analyze may find the unit, of 100.
EXPOSURE_MAX = 30
# A daemon without peers is watched for so long, when so much has passed.
IDLE_SECONDS = 20
IDLE_AFTER = 6


class Failed(Exception):
    """What does not hold."""


class Skipped(Exception):
    """What cannot be tried here."""


def run(*argv, env=None, code=0, **kw):
    try:
        p = subprocess.run([str(a) for a in argv], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                           stderr=subprocess.STDOUT, env=env, check=False, timeout=120, **kw)
    except subprocess.TimeoutExpired as e:
        raise Failed(f"{shlex.join(map(str, argv))}: hangs\n{e.output}") from None
    out = p.stdout.decode("utf-8", "replace")
    if p.returncode != code:
        raise Failed(f"{shlex.join(map(str, argv))}: exit {p.returncode}\n{out}")
    return out


def needs(*programs):
    for each in programs:
        if shutil.which(each) is None:
            raise Skipped(f"{each} is not here")


class Place:
    """A folder with an installed lk, a home directory and nothing else."""

    def __init__(self, build, folder):
        self.build, self.folder = build, folder
        self.prefix, self.home = folder / "prefix", folder / "home"
        self.runtime = folder / "run"
        self.home.mkdir(mode=0o700)
        self.runtime.mkdir(mode=0o700)
        run("cmake", "--install", build, "--prefix", self.prefix)
        self.unit = self.prefix / "share/systemd/user/lkd.service"
        self.env = {"HOME": str(self.home), "PATH": os.environ["PATH"], "LC_ALL": "C.UTF-8",
                    "XDG_RUNTIME_DIR": str(self.runtime)}
        self.lk = self.prefix / "bin/lk"

    def exec_start(self):
        return shlex.split(re.search(r"(?m)^ExecStart=(.*)$", self.unit.read_text())[1])

    def ask(self, *args, code=0):
        return run(self.lk, *args, env=self.env, code=code)

    def known(self):
        """A device with an identity, whoever was first."""
        if not (self.home / ".local/share/lk/identity").exists():
            self.ask("init", "--name", "laptop")

    @contextlib.contextmanager
    def daemon(self, *before, **kw):
        """The unit's command as systemd runs it: nothing but this environment."""
        p = subprocess.Popen([*before, *self.exec_start()], env={**self.env, **kw.pop("more", {})},
                             cwd="/", stdin=subprocess.DEVNULL, **kw)
        try:
            end = time.monotonic() + 60
            while not list(self.runtime.glob("lk/*/control")) and time.monotonic() < end:
                if p.poll() is not None:
                    raise Failed(f"lkd -f: exit {p.returncode}")
                time.sleep(0.05)
            yield p
        finally:
            if p.poll() is None:
                p.terminate()
                try:
                    p.wait(30)
                except subprocess.TimeoutExpired:
                    p.kill()
                    p.wait()


def unit_is_sound(place):
    """systemd finds no flaw in the unit, and little that it leaves open"""
    needs("systemd-analyze")
    out = run("systemd-analyze", "verify", "--user", "--man=no", place.unit, env=place.env)
    if out.strip():
        raise Failed(out)
    out = run("systemd-analyze", "security", "--user", "--offline=yes", "--no-pager",
              f"--threshold={EXPOSURE_MAX}", place.unit, env=place.env)
    print("  " + re.search(r"Overall exposure level.*?: ([\d.]+)", out)[0])


def unit_runs(place):
    """the unit's command serves lk, logs as the journal reads it, and ends with 0"""
    log = place.folder / "journal"
    with log.open("wb") as f:
        st = os.fstat(f.fileno())
        with place.daemon(stderr=f, more={"JOURNAL_STREAM": f"{st.st_dev}:{st.st_ino}"}) as p:
            place.known()
            place.ask("new", "shopping")
            if p.pid != int(re.search(r"pid +(\d+)", place.ask("daemon", "status"))[1]):
                raise Failed("another daemon answers")
            p.terminate()
            if p.wait(30) != 0:
                raise Failed(f"SIGTERM: exit {p.returncode}")
    lines = log.read_text().splitlines()
    wrong = [line for line in lines if not re.match(r"<[3467]>\w+: ", line)]
    if wrong or not any("sandbox: " in line for line in lines):
        raise Failed("\n".join(lines))
    if (place.home / ".local/share/lk/log").exists():
        raise Failed("it logs to a file as well")


def allowed_calls(place):
    """Names of system calls the unit lets through."""
    wanted, calls = re.findall(r"(?m)^SystemCallFilter=(.*)$", place.unit.read_text()), set()
    names = " ".join(wanted).split()
    while names:
        name = names.pop()
        if name.startswith("@"):
            names += [line.strip() for line in run("systemd-analyze", "syscall-filter", name).splitlines()[1:]
                      if line.startswith("    ") and not line.strip().startswith("#")]
        else:
            calls.add(name)
    return calls


def unit_allows(place):
    """every system call of a daemon at work is one the unit allows"""
    needs("systemd-analyze", "strace")
    trace = place.folder / "calls"
    with place.daemon("strace", "-f", "-qq", "-o", trace, stderr=subprocess.DEVNULL):
        place.known()
        place.ask("new", "list")
        place.ask("set", "list", "/a", "1")
        (place.folder / "stick").mkdir()
        place.ask("remote", "add", "stick", f"file://{place.folder}/stick")
        place.ask("get", "list")
        place.ask("daemon", "stop")
    calls = set(re.findall(r"(?m)^\d+ +(\w+)\(", trace.read_text()))
    if len(calls) < 20:
        raise Failed(f"strace saw little: {calls}")
    wrong = calls - allowed_calls(place)
    if wrong:
        raise Failed(f"not allowed: {' '.join(sorted(wrong))}")


def at_rest(place):
    """a daemon with nothing to do, and no beacons to send, does not wake up"""
    needs("strace", "unshare")
    # In a network of its own: what others say in ours would wake it.
    alone = ["unshare", "--net", *([] if os.geteuid() == 0 else ["--map-root-user"])]
    if subprocess.run([*alone, "true"], stderr=subprocess.DEVNULL, check=False).returncode != 0:
        raise Skipped("network namespaces are not allowed here")
    # Beacons are a wake-up every 40 to 80 s.
    config = place.home / ".local/share/lk/config"
    with place.daemon(stderr=subprocess.DEVNULL):
        place.known()
    config.write_text("discovery off\n")
    with place.daemon(*alone, stderr=subprocess.DEVNULL) as p:
        place.ask("status")
        # Memory is given back a while after the last thing done.
        time.sleep(IDLE_AFTER)
        trace = place.folder / "idle"
        tracer = subprocess.Popen(["strace", "-f", "-tt", "-o", str(trace), "-p", str(p.pid)],
                                  stderr=subprocess.DEVNULL)
        time.sleep(IDLE_SECONDS)
        tracer.send_signal(signal.SIGINT)
        tracer.wait(30)
    calls = [line for line in trace.read_text().splitlines()
             if not re.search(r"strace: |restart_syscall|<unfinished|detached|resumed", line)]
    config.unlink()
    print(f"  {len(calls)} system calls in {IDLE_SECONDS} s")
    for line in calls[:40]:
        print(f"    {line[:150]}")
    if len(calls) > 0:
        raise Failed("it woke up")


class Dpkg:
    """Debian's package manager over a folder, with nothing else installed."""

    def __init__(self, root):
        self.root = root
        for each in ("updates", "info", "triggers"):
            (root / "var/lib/dpkg" / each).mkdir(parents=True)
        (root / "var/lib/dpkg/status").touch()

    def __call__(self, *args):
        return run("dpkg", f"--root={self.root}", "--force-not-root", "--force-depends",
                   "--force-script-chrootless", "--log=/dev/null", *args)

    def files(self):
        return sorted(str(p.relative_to(self.root)) for p in self.root.rglob("*")
                      if not p.is_dir() and not p.is_relative_to(self.root / "var"))


def packed(place, version):
    out = place.folder / f"deb-{version}"
    run("cpack", "--config", place.build / "CPackConfig.cmake", "-B", out, "-G", "DEB",
        "-D", f"CPACK_PACKAGE_VERSION={version}", "-D", f"CPACK_OUTPUT_FILE_PREFIX={out}")
    return next(out.glob("lk_*.deb"))


def package_lives(place):
    """the package installs, upgrades under a running daemon, and removes cleanly"""
    needs("cpack", "dpkg", "dpkg-shlibdeps")
    old, new = packed(place, "0.1.0"), packed(place, "0.1.1")
    depends = run("dpkg-deb", "-f", old, "Depends")
    if not all(re.search(rf"\b{name}", depends) for name in ("libc6", "liblmdb0", "libsodium", "libnng")):
        raise Failed(f"Depends: {depends}")
    root = place.folder / "root"
    dpkg = Dpkg(root)
    dpkg("-i", old)
    place.prefix = root / "usr"
    place.lk = root / "usr/bin/lk"
    place.known()
    place.ask("new", "kept")
    pid = place.ask("daemon", "status")
    dpkg("-i", new)
    if place.ask("daemon", "status") != pid or "kept" not in place.ask("ls"):
        raise Failed("the upgrade disturbed the daemon")
    if "0.1.1" not in run("dpkg-query", f"--admindir={root}/var/lib/dpkg", "-W", "lk"):
        raise Failed("not upgraded")
    place.ask("daemon", "stop")
    if "kept" not in place.ask("ls"):
        raise Failed("the documents are gone")
    place.ask("daemon", "stop")
    unit = next(iter(root.rglob("lkd.service"))).read_text()
    if "ExecStart=/usr/bin/lkd -f\n" not in unit:
        raise Failed(unit)
    dpkg("--purge", "lk")
    if dpkg.files():
        raise Failed(f"left behind: {dpkg.files()}")


PLAYS = [unit_is_sound, unit_runs, at_rest, unit_allows, package_lives]


def main():
    p = argparse.ArgumentParser(usage=__doc__.rsplit("usage: ", 1)[1].split("\n\n")[0])
    p.add_argument("--build", required=True, type=pathlib.Path)
    p.add_argument("--only")
    options = p.parse_args()
    failed = False
    with tempfile.TemporaryDirectory(prefix="lkp-", dir="/tmp") as folder:
        place = Place(options.build.resolve(), pathlib.Path(folder))
        for play in PLAYS:
            if options.only and play.__name__ not in options.only.split(","):
                continue
            try:
                play(place)
                print(f"ok: {play.__doc__}", flush=True)
            except Skipped as e:
                print(f"note: {play.__doc__}: {e}", flush=True)
            except Failed as e:
                failed = True
                print(f"not ok: {play.__doc__}\n{e}", flush=True)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
