# SPDX-License-Identifier: GPL-2.0-only
"""The user's terminal, connected through to a process in the machine, and
given back as it was whatever happens."""

import contextlib
import os
import shutil
import signal
import sys
import termios
import tty


def size():
    cols, rows = shutil.get_terminal_size()
    return rows, cols


@contextlib.contextmanager
def _raw(fd):
    """Raw mode, undone on every way out."""
    if not os.isatty(fd):
        yield
        return
    before = termios.tcgetattr(fd)
    tty.setraw(fd)
    try:
        yield
    finally:
        termios.tcsetattr(fd, termios.TCSADRAIN, before)


def _write_out(stream):
    def write(data):
        stream.buffer.write(data)
        stream.flush()
    return write


def interactive(machine, argv):
    """Run argv on a terminal of its own; its exit status."""
    proc = machine.spawn(argv, tty=size(), stdout=_write_out(sys.stdout))

    def resized(*_):
        proc.resize(*size())

    old = signal.signal(signal.SIGWINCH, resized)
    try:
        with _raw(0):
            _pump(machine, proc, lambda: None)
    finally:
        signal.signal(signal.SIGWINCH, old)
    return proc.status


def through(wait_on, proc, check):
    """Feed our stdin to a command that has no terminal, until it ends."""
    _pump(wait_on, proc, check)
    return proc.status


def _pump(machine, proc, check):
    import time
    stdin = [0]
    while proc.status is None:
        wanted = stdin if proc.backlog() < 65536 else []
        for _ in machine.turn(0.2, wanted):
            data = os.read(0, 65536)
            if data:
                proc.write(data)
            else:
                proc.close_stdin()
                stdin = []
        machine.check_alive(time.monotonic())
        check()


def outputs():
    """Callbacks that pass a command's output on, byte for byte."""
    return {"stdout": _write_out(sys.stdout), "stderr": _write_out(sys.stderr)}
