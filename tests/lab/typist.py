# SPDX-License-Identifier: GPL-2.0-only
"""A user at a terminal: runs a program on a pseudo terminal, types, reads."""

import os
import pty
import select
import termios
import time

import paths


class Typist:
    def __init__(self, argv, env=None):
        self.text = b""
        self.status = None
        self._pid, self._fd = pty.fork()
        if not self._pid:
            os.environ.update(env or {})
            os.execv(argv[0], [str(a) for a in argv])

    def __enter__(self):
        return self

    def __exit__(self, *exc):
        if self.status is None:
            os.kill(self._pid, 15)
            self.wait(60)
        os.close(self._fd)

    def mode(self):
        """The terminal's settings, to compare."""
        return termios.tcgetattr(self._fd)[:4]

    def type(self, text):
        os.write(self._fd, text.encode())

    def _read(self, seconds):
        ready, _, _ = select.select([self._fd], [], [], seconds)
        if ready:
            try:
                self.text += os.read(self._fd, 65536)
            except OSError:
                return False
        return True

    def expect(self, text, limit=60):
        """Read until text appears after what was expected before; what came
        before it, or None."""
        end = time.monotonic() + limit * paths.PATIENCE
        want = text.encode()
        while want not in self.text:
            if time.monotonic() > end or not self._read(0.2):
                return None
        before, _, self.text = self.text.partition(want)
        return before.decode("utf-8", "replace")

    def wait(self, limit=120):
        """The program's exit status."""
        end = time.monotonic() + limit * paths.PATIENCE
        while self.status is None and time.monotonic() < end:
            self._read(0.1)
            pid, status = os.waitpid(self._pid, os.WNOHANG)
            if pid:
                self.status = os.waitstatus_to_exitcode(status)
        return self.status
