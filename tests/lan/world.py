"""world.py - several devices on one machine, and the cables between them.

Every device is a network namespace with an address of 10.76.0.0/24 and its own
LK_HOME; all are plugged into one bridge, in a namespace too, so nothing of the
machine's own network is touched.  Pulling a plug is `ip link set down` on the
bridge's side: packets disappear, connections hang, as with a real cable.

A namespace lives as long as the process that holds it, and that one ends with
the pipe from here, as do the daemons: nothing is left behind even when this
program is killed.

Where namespaces are not allowed the devices share the loopback interface.  Then
devices that are cut off from each other never run at the same time: before a
command runs on one, the daemons of the other side are stopped.
"""
import atexit
import contextlib
import json
import os
import pathlib
import select
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time

ROOT = pathlib.Path(__file__).resolve().parents[2]
SUBNET = "10.76.0"
MARK = "LK_WORLD_ROOT"  # set once this program runs as root of a user namespace


# Ends the daemons and removes the directory as soon as nobody holds the other
# end of its standard input: when the world is closed, or this program is gone.
KEEPER = """
cat >/dev/null
for file in /proc/[0-9]*/environ; do
	if grep -qsz "^LK_HOME=$1/" "$file"; then
		pid=${file#/proc/}
		kill -9 "${pid%/environ}"
	fi
done
[ "$2" = keep ] || rm -rf "$1" || { sleep 1; rm -rf "$1"; }
"""


class Failed(Exception):
    """Something lk promised did not hold."""


class Result:
    """How one command ended."""

    def __init__(self, host, args, code, out, err):
        self.host, self.args, self.code = host, args, code
        self.out, self.err = out, err

    @property
    def text(self):
        return self.out.decode("utf-8", "replace")

    def json(self):
        return json.loads(self.out)

    def lines(self):
        return [json.loads(line) for line in self.out.splitlines()]

    def __str__(self):
        said = (self.out[-2000:] + self.err[-2000:]).decode("utf-8", "replace")
        return f"{self.host}$ lk {' '.join(self.args)}\n{said}exit {self.code}"


def _quiet(*argv):
    return subprocess.run(argv, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                          stderr=subprocess.DEVNULL, check=False).returncode == 0


def namespaces_allowed():
    """Whether devices can have networks of their own.  When only an own user
    namespace stands in the way, this program starts itself again in one."""
    if shutil.which("ip") is None or shutil.which("nsenter") is None:
        return False
    if _quiet("unshare", "--net", "ip", "link", "add", "name", "br0", "type", "bridge"):
        return True
    if os.geteuid() != 0 and MARK not in os.environ and _quiet(
            "unshare", "--user", "--map-root-user", "--net",
            "ip", "link", "add", "name", "br0", "type", "bridge"):
        os.environ[MARK] = "1"
        os.execvp("unshare", ["unshare", "--user", "--map-root-user",
                              sys.executable, *sys.argv])
    return False


def until(what, seconds, test):
    """Calls `test` until it is true.  For what no command can wait for."""
    end = time.monotonic() + seconds
    while True:
        got = test()
        if got:
            return got
        if time.monotonic() > end:
            raise Failed(f"{what}: not within {seconds} s")
        select.select([], [], [], 0.05)


def gone(pid, seconds=20):
    """Waits for the end of a process that need not be our child."""
    try:
        fd = os.pidfd_open(pid)
    except ProcessLookupError:
        return True
    try:
        return bool(select.select([fd], [], [], seconds)[0])
    finally:
        os.close(fd)


def link_or_copy(source, target):
    try:
        os.link(source, target)
    except OSError:
        shutil.copy2(source, target)


class Host:
    """One device: its directory, its network, its daemon."""

    def __init__(self, world, name, number):
        self.world, self.name, self.number = world, name, number
        self.home = world.dir / name
        self.address = f"{SUBNET}.{number}"
        self.device = None  # its key
        self.group = 0
        self.holder = None
        self.starting = threading.Lock()
        self.lk_path = world.others.get(name, world.lk)
        if world.sanitized and name not in world.others:
            self.lk_path = self.home / "bin/lk"
            self.lk_path.parent.mkdir(parents=True, mode=0o700)
            for name_ in ("lk", "lkd"):
                link_or_copy(world.lk.with_name(name_), self.lk_path.with_name(name_))
        self.env = {
            "PATH": os.environ.get("PATH", "/usr/bin:/bin"), "LANG": "C.UTF-8",
            "HOME": str(world.dir), "TMPDIR": str(world.dir),
            "LK_HOME": str(self.home), "NO_COLOR": "1",
        }
        # The daemon's sandbox lets it write nowhere else.
        reports = f"log_path={self.home}/report"
        for tool in ("ASAN", "UBSAN", "TSAN", "LSAN"):
            given = os.environ.get(f"{tool}_OPTIONS", "")
            self.env[f"{tool}_OPTIONS"] = f"{given}:{reports}".lstrip(":")

    def argv(self, *args):
        """A command line that runs in this device's network."""
        if self.holder is None:
            return list(args)
        return ["nsenter", f"--net=/proc/{self.holder.pid}/ns/net", "--", *args]

    def net(self, *lines):
        """Lines of `ip -batch` in this device's network."""
        World._ip(self.holder, *lines)

    def ipv6(self, on):
        """Before its interfaces come up."""
        value = "0" if on else "1"
        for which in ("all", "default"):
            path = f"/proc/sys/net/ipv6/conf/{which}/disable_ipv6"
            subprocess.run(self.argv("sh", "-c", f"echo {value} >{path}"), check=True)

    def peers(self):
        """Who is connected, and at which address."""
        return {p["who"]: p["address"] for p in self.ok("--json", "peers").json()["peers"]
                if p["connected"]}

    def popen(self, *args, **kw):
        self.world.awake(self)
        kw.setdefault("stdin", subprocess.DEVNULL)
        return subprocess.Popen(self.argv(str(self.lk_path), *args),
                                env=self.env, cwd=self.world.dir, **kw)

    def lk(self, *args, input=None, timeout=120, env=None):
        """Runs lk and says how it ended, whatever that was."""
        self.world.awake(self)
        p = subprocess.Popen(
            self.argv(str(self.lk_path), *args), env={**self.env, **(env or {})},
            cwd=self.world.dir, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
            stdin=subprocess.DEVNULL if input is None else subprocess.PIPE)
        try:
            out, err = p.communicate(input, timeout)
        except subprocess.TimeoutExpired:
            p.kill()
            out, err = p.communicate()
            raise Failed(f"{self.name}$ lk {' '.join(args)}: hangs\n"
                         f"{out[-1000:]}{err[-1000:]}") from None
        return Result(self.name, args, p.returncode, out, err)

    def ok(self, *args, **kw):
        """Runs lk, which must succeed."""
        result = self.lk(*args, **kw)
        if result.code != 0:
            raise Failed(str(result))
        return result

    def fails(self, code, *args, **kw):
        """Runs lk, which must end with this status."""
        result = self.lk(*args, **kw)
        if result.code != code:
            raise Failed(f"{result}\nexpected exit {code}")
        return result

    def init(self):
        """Makes its identity, and knows its key from then on."""
        self.device = self.ok("--json", "init", "--name", self.name).json()["device"]
        self.start()

    def start(self):
        """Starts the daemon, if it does not run, and returns its pid."""
        with self.starting:
            return self.ok("--json", "daemon", "start").json()["pid"]

    def stop(self):
        pids = self.running()
        self.ok("daemon", "stop")
        for pid in pids:
            if not gone(pid):
                raise Failed(f"{self.name}: lkd {pid} does not end")

    def running(self):
        """Its daemons, however they were started: by their environment."""
        found, mine = [], f"LK_HOME={self.home}".encode()
        for entry in pathlib.Path("/proc").iterdir():
            try:
                if (entry.name.isdigit() and (entry / "comm").read_text() == "lkd\n" and
                        mine in (entry / "environ").read_bytes().split(b"\0")):
                    found.append(int(entry.name))
            except OSError:
                pass
        return found

    def kill(self, pid):
        """kill -9, and waits until it is gone."""
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
        if not gone(pid):
            raise Failed(f"{self.name}: lkd {pid} survived kill -9")

    def wire_bytes(self, device="eth0"):
        """Bytes received and sent on this device's cable so far."""
        if self.holder is None:
            path, device = "/proc/net/dev", "lo"
        else:
            path = f"/proc/{self.holder.pid}/net/dev"
        for line in pathlib.Path(path).read_text().splitlines():
            name, colon, rest = line.partition(":")
            if colon and name.strip() == device:
                fields = rest.split()
                return int(fields[0]), int(fields[8])
        raise Failed(f"{self.name}: no interface {device}")

    def control(self):
        return Control(self)

    def log_tail(self, lines=30):
        path = self.home / "log"
        if not path.exists():
            return ""
        return "".join(f"  {self.name}: {line}\n" for line in
                       path.read_text(errors="replace").splitlines()[-lines:])


class Control:
    """A client of the control socket (docs/control.md), for what would take
    too long with one process for every command."""

    def __init__(self, host):
        path = host.ok("--json", "daemon", "status").json()["socket"]
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.socket.connect(path)
        self.file = self.socket.makefile("rb")
        self.last = 0

    def send(self, method, params=None):
        self.last += 1
        line = json.dumps({"jsonrpc": "2.0", "id": self.last, "method": method,
                           "params": params or {}}, separators=(",", ":"))
        self.socket.sendall(line.encode() + b"\n")
        return self.last

    def receive(self):
        line = self.file.readline()
        if not line:
            raise Failed("the daemon closed the control connection")
        return json.loads(line)

    def answer(self, id):
        while True:
            message = self.receive()
            if message.get("id") == id and "method" not in message:
                break
        if "error" in message:
            raise Failed(f"control: {message['error']}")
        return message["result"]

    def call(self, method, **params):
        return self.answer(self.send(method, params))

    def close(self):
        self.file.close()
        self.socket.close()


class World:
    """Devices with these names, all plugged in, none with an identity.  `others`
    are devices that have another lk."""

    def __init__(self, names, lk=None, mode="auto", keep=False, folder="/tmp", others=None):
        self.lk = pathlib.Path(lk or os.environ.get("LK") or
                               ROOT / "build/release/lk").resolve()
        self.others = {name: pathlib.Path(path).resolve() for name, path in (others or {}).items()}
        for path in (self.lk, *self.others.values()):
            if not os.access(path, os.X_OK):
                raise Failed(f"{path}: not there; scripts/build makes it")
        if mode == "auto":
            mode = "netns" if namespaces_allowed() else "loopback"
        self.mode, self.keep = mode, keep
        # What a sanitizer wants to say has names only when it can read the
        # program, and the daemon's sandbox leaves it nothing but LK_HOME.
        program = self.lk.read_bytes()
        self.sanitized = b"__asan_init" in program or b"__tsan_init" in program
        # Short: a socket has a path of at most 107 bytes.
        self.dir = pathlib.Path(tempfile.mkdtemp(prefix="lkw-", dir=folder))
        self.keeper = subprocess.Popen(
            ["sh", "-c", KEEPER, "sh", self.dir, "keep" if keep else "remove"],
            stdin=subprocess.PIPE, start_new_session=True)
        self.hub = None
        self.hosts = {}
        atexit.register(self.close)
        self.open = True
        for number, name in enumerate(names, 1):
            self.hosts[name] = Host(self, name, number)
        if mode == "netns":
            self._plug()

    def __enter__(self):
        return self

    def __exit__(self, *exc):
        self.close()

    def __getitem__(self, name):
        return self.hosts[name]

    def __iter__(self):
        return iter(self.hosts.values())

    @staticmethod
    def _hold():
        """A namespace of its own: a process that ends with our pipe."""
        p = subprocess.Popen(["unshare", "--net", "cat"], stdin=subprocess.PIPE,
                             stdout=subprocess.PIPE)
        # Answers once it is `cat`, which is after it has left our namespace.
        p.stdin.write(b"\n")
        p.stdin.flush()
        p.stdout.read(1)
        return p

    @staticmethod
    def _ip(holder, *lines):
        subprocess.run(["nsenter", f"--net=/proc/{holder.pid}/ns/net", "--",
                        "ip", "-batch", "-"], input="\n".join(lines).encode(),
                       check=True)

    def _plug(self):
        self.hub = self._hold()
        lines = ["link set lo up", "link add name br0 type bridge", "link set br0 up"]
        for h in self:
            h.holder = self._hold()
            lines += [f"link add name v{h.number} type veth peer name eth0 netns {h.holder.pid}",
                      f"link set v{h.number} master br0 up"]
        self._ip(self.hub, *lines)
        for h in self:
            self._ip(h.holder, "link set lo up",
                     f"addr add {h.address}/24 dev eth0", "link set eth0 up")

    def cut(self, *groups):
        """Devices of different groups lose each other; who is in no group is
        alone.  cut() without arguments leaves everybody alone."""
        groups = [list(g) for g in groups]
        for h in self:
            if not any(h in g for g in groups):
                groups.append([h])
        for number, group in enumerate(groups):
            for h in group:
                h.group = number
        if self.mode == "netns":
            # One bridge: at most one group of several can talk on it.
            if sum(len(g) > 1 for g in groups) > 1:
                raise Failed("only one group of several devices")
            together = next((g for g in groups if len(g) > 1), [])
            self._ip(self.hub, *(f"link set v{h.number} "
                                 f"{'up' if h in together else 'down'}" for h in self))

    def meet(self, *hosts):
        """These are connected with each other, and with nobody else."""
        self.cut(hosts)
        for h in hosts:
            h.start()

    def heal(self):
        self.meet(*self)

    def awake(self, host):
        """Without cables: nobody of another group may run now."""
        if self.mode != "loopback":
            return
        for other in self:
            if other.group == host.group:
                continue
            for pid in other.running():
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGTERM)
                gone(pid)

    def everywhere(self, work):
        """Runs work(host) on all devices at once, one group after the other
        where there are no cables; what one raises is raised here."""
        def guarded(h, failures):
            try:
                work(h)
            except BaseException as e:  # noqa: B902 - handed to the caller
                failures.append(e)
        if self.mode == "loopback":
            batches = {}
            for h in self:
                batches.setdefault(h.group, []).append(h)
            batches = list(batches.values())
        else:
            batches = [list(self)]
        for batch in batches:
            failures = []
            threads = [threading.Thread(target=guarded, args=(h, failures)) for h in batch]
            for t in threads:
                t.start()
            for t in threads:
                t.join()
            if failures:
                raise failures[0]

    def reports(self):
        """What sanitizers had to say about any process of this world."""
        return "".join(f"{p.parent.name} {p.name}:\n{p.read_text(errors='replace')}"
                       for p in sorted(self.dir.glob("*/report.*")))

    def settle(self):
        """Stops all daemons in order; a sanitizer's report is a failure."""
        for h in self:
            if h.home.exists():
                h.group = 0
                h.stop()
        said = self.reports()
        if said:
            raise Failed(said)

    def logs(self):
        return "".join(h.log_tail() for h in self)

    def close(self):
        if not self.open:
            return
        self.open = False
        atexit.unregister(self.close)
        with unhurried():
            self._clean()

    def _clean(self):
        self.keeper.stdin.close()
        self.keeper.wait()
        for p in [self.hub] + [h.holder for h in self]:
            if p is not None:
                p.stdin.close()
                p.stdout.close()
                p.wait()
        if self.keep:
            print(f"kept: {self.dir}", file=sys.stderr)


@contextlib.contextmanager
def unhurried():
    """What is done in here is not broken off by a second signal."""
    signals = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
    before = [signal.signal(s, signal.SIG_IGN) for s in signals]
    try:
        yield
    finally:
        for s, handler in zip(signals, before):
            signal.signal(s, handler)


def terminated(signum, frame):
    raise SystemExit(128 + signum)


def tidy_exit():
    """Makes SIGTERM and SIGHUP end the program the orderly way."""
    signal.signal(signal.SIGTERM, terminated)
    signal.signal(signal.SIGHUP, terminated)


def commit():
    p = subprocess.run(["git", "-C", str(ROOT), "rev-parse", "--short", "HEAD"],
                       capture_output=True, text=True, check=False)
    return p.stdout.strip() or "unknown"
