#!/usr/bin/python3
"""typed.py - a person at a shell: types into a real one, on a terminal of its
own, and waits for what should come of it.

usage: typed.py bash|zsh|fish LINE EXPECTED [LINE EXPECTED]...

LINE is typed and followed by Enter; \\t in it is the Tab key.  EXPECTED has to
appear afterwards, and must not be in LINE, which the terminal shows too.  What
lk completion prints for the shell has been loaded.
"""
import os
import pty
import re
import select
import signal
import sys
import tempfile
import termios
import time

PROMPT = "@@ready@@"
# The prompt in two pieces: what is typed is shown as well.
SHELLS = {
    "bash": (["bash", "--norc", "--noprofile", "-i"],
             "PS1='@@re''ady@@'; source <(lk completion bash)"),
    "zsh": (["zsh", "-f", "-i"],
            "autoload -U compinit; compinit -D; source <(lk completion zsh); PS1='@@re''ady@@'"),
    "fish": (["fish", "-i"],
             "function fish_prompt; printf '@@re''ady@@'; end; lk completion fish | source"),
}
SECONDS = 30


class Terminal:
    def __init__(self, argv, home):
        self.pid, self.fd = pty.fork()
        if self.pid == 0:
            env = {k: v for k, v in os.environ.items() if not k.startswith("XDG_")}
            os.execvpe(argv[0], argv, {**env, "HOME": home, "TERM": "xterm", "HISTFILE": "/dev/null",
                                       "COLUMNS": "200", "LINES": "50"})
        termios.tcsetwinsize(self.fd, (50, 200))
        self.seen = ""

    def type(self, text):
        os.write(self.fd, text.encode())

    def wait(self, text):
        """Reads until it is there, and forgets what came up to it."""
        end = time.monotonic() + SECONDS
        while text not in self.seen:
            ready, _, _ = select.select([self.fd], [], [], max(0, end - time.monotonic()))
            try:
                more = os.read(self.fd, 65536) if ready else b""
            except OSError:
                more = b""
            if not more:
                return False
            self.seen += more.decode("utf-8", "replace")
        self.seen = self.seen.partition(text)[2]
        return True

    def close(self):
        os.kill(self.pid, signal.SIGHUP)
        os.close(self.fd)
        os.waitpid(self.pid, 0)


def main():
    argv, first = SHELLS[sys.argv[1]]
    lines = sys.argv[2:]
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as home:
        t = Terminal(argv, home)
        steps = [(first, "")] + list(zip(lines[::2], lines[1::2]))
        try:
            for line, expected in steps:
                t.type(line.replace("\\t", "\t") + "\r")
                for what in filter(None, (expected, PROMPT)):
                    if not t.wait(what):
                        shown = re.sub(r"\x1b\[[0-9;?]*[a-zA-Z]", "", t.seen)
                        print(f"{sys.argv[1]}: {line}: no {what}\n{shown}")
                        return 1
        finally:
            t.close()
    return 0


sys.exit(main())
