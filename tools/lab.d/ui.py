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

import children


class LabError(Exception):
    """The lab itself failed: one clear line, exit status 125.  The detail is
    what else may be looked at: the end of a log, of a console."""

    def __init__(self, line, detail=""):
        super().__init__(line)
        self.detail = detail

    def full(self):
        return "%s\n%s" % (self, self.detail) if self.detail else str(self)


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


def without_cursor(text):
    """Without what moves cursors."""
    return re.sub(r"\033(\[[0-9;?]*[A-Za-z]|.)|[^ -~\n]", "", text)


def last_line(text):
    """The last one with something to read."""
    lines = [line.strip() for line in without_cursor(text[-2000:]).splitlines()]
    return next((line for line in reversed(lines) if line), "")


@contextlib.contextmanager
def output(path, mode):
    """A file for what takes long to make, opened before that begins."""
    try:
        file = open(path, mode)
    except OSError as err:
        raise LabError("%s: %s" % (path, err.strerror))
    with file:
        yield file


@contextlib.contextmanager
def locked(path):
    """One builder at a time for a cached product."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with open(str(path) + ".lock", "w") as handle:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield


# Who says in a log why all ended, the one before the other: a kernel that
# panics, our tool (what it says of a device goes on with it), a build's error,
# a shell that has no such program.
REASONS = tuple(re.compile(pattern, re.M) for pattern in (
    r"Kernel panic - not syncing.*",
    r"^cvmctl: (?!\S+: \w+ (?:in slot \d|is /dev/)).*", r"^E: .*",
    r"^.*\b(?:ERROR|error|BUG|Oops): .*", r"^.*: not found$"))


def reason(text):
    """The line of a log or a console that says why it ended so: the first of
    the best kind, and the last line where there is none."""
    plain = without_cursor(text)
    for kind in REASONS:
        found = kind.search(plain)
        if found:
            return found.group().strip()
    return last_line(text) or "it said nothing"


def tail(text, lines=40):
    return "\n".join(text.rstrip().splitlines()[-lines:])


def run(argv, log=None, env=None, cwd=None):
    """Run a build command; its output, when it succeeds."""
    argv = [str(a) for a in argv]
    done = children.run(argv, env=dict(os.environ, **(env or {})), cwd=cwd,
                        stderr=subprocess.STDOUT)
    text = done.stdout.decode("utf-8", "replace")
    if log:
        log.parent.mkdir(parents=True, exist_ok=True)
        log.write_text(text)
    if done.returncode:
        raise LabError("%s failed with status %d: %s%s" % (
            " ".join(argv[:3]), done.returncode, reason(text),
            " (log in %s)" % log if log else ""), tail(text))
    return text


def run_shown(argv, env=None, quiet=""):
    """Run a long build with its own progress on stderr, except lines that end
    in `quiet`; stdout is returned."""
    said = ""
    with children.started(argv, text=True, stdout=subprocess.PIPE,
                          stderr=subprocess.PIPE,
                          env=dict(os.environ, **(env or {}))) as build:
        for line in build.stderr:
            if not (quiet and line.rstrip().endswith(quiet)):
                sys.stderr.write(line)
                sys.stderr.flush()
                said = line
        out = build.stdout.read()
        status = build.wait()
    if status:
        raise LabError("%s failed with status %d: %s" % (
            argv[0], status, said.strip()))
    return out
