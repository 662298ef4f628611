# SPDX-License-Identifier: GPL-2.0-only
"""Messages, failures and progress.  Everything goes to stderr: stdout belongs
to the command that the lab runs."""

import contextlib
import fcntl
import os
import re
import shutil
import subprocess
import sys
import time


class LabError(Exception):
    """The lab itself failed: one clear line, exit status 125."""


def say(text):
    sys.stderr.write("lab: " + text + "\n")
    sys.stderr.flush()


@contextlib.contextmanager
def step(text):
    """A piece of work worth telling, with the time it took."""
    say(text + " ...")
    begin = time.monotonic()
    yield
    say("%s: done in %.0f s" % (text, time.monotonic() - begin))


@contextlib.contextmanager
def waiting(text, last):
    """A wait worth watching.  Yields what is to be called often: on a terminal
    it shows the time, and the last line of the console that last() gives."""
    begin = shown = time.monotonic()
    live = sys.stderr.isatty()

    def tick(now):
        nonlocal shown
        if live and now - shown >= 0.5:
            shown = now
            line = "lab: %s: %.0f s  %s" % (text, now - begin,
                                            last_line(last()))
            width = shutil.get_terminal_size().columns - 1
            sys.stderr.write("\r%s\033[K" % line[:width])
            sys.stderr.flush()

    if not live:
        say(text + " ...")
    try:
        yield tick
    finally:
        if live:
            sys.stderr.write("\r\033[K")
    say("%s: %.0f s" % (text, time.monotonic() - begin))


def last_line(text):
    """The last one with something to read, without what moves cursors."""
    plain = re.sub(r"\033(\[[0-9;?]*[A-Za-z]|.)|[^ -~\n]", "", text[-2000:])
    lines = [line.strip() for line in plain.splitlines()]
    return next((line for line in reversed(lines) if line), "")


@contextlib.contextmanager
def locked(path):
    """One builder at a time for a cached product."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with open(str(path) + ".lock", "w") as handle:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield


def tail(text, lines=40):
    return "\n".join(text.rstrip().splitlines()[-lines:])


def run(argv, log=None, env=None, cwd=None):
    """Run a build command; on failure show the end of what it said."""
    argv = [str(a) for a in argv]
    full = dict(os.environ, **(env or {}))
    done = subprocess.run(argv, stdin=subprocess.DEVNULL, env=full, cwd=cwd,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    text = done.stdout.decode("utf-8", "replace")
    if log:
        log.parent.mkdir(parents=True, exist_ok=True)
        log.write_text(text)
    if done.returncode:
        sys.stderr.write(tail(text) + "\n")
        raise LabError("%s failed with status %d%s" % (
            " ".join(argv[:3]), done.returncode,
            ", log in %s" % log if log else ""))
    return text


def run_shown(argv, env=None, quiet=""):
    """Run a long build with its own progress on stderr, except lines that end
    in `quiet`; stdout is returned."""
    build = subprocess.Popen([str(a) for a in argv], text=True,
                             stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                             stderr=subprocess.PIPE,
                             env=dict(os.environ, **(env or {})))
    for line in build.stderr:
        if not (quiet and line.rstrip().endswith(quiet)):
            sys.stderr.write(line)
            sys.stderr.flush()
    out = build.stdout.read()
    if build.wait():
        raise LabError("%s failed with status %d" % (
            argv[0], build.returncode))
    return out
