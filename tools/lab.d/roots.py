# SPDX-License-Identifier: GPL-2.0-only
"""Directories that hold another Debian, and commands that have one as their
"/" (enter.py).  Nothing of them is installed on this machine."""

import contextlib
import pathlib
import re
import subprocess
import sys
import tempfile
import time

import children
import debian
import paths
import ui

ENTER = paths.LAB / "enter.py"
# What any package leans on without naming it, and awk, which a maintainer
# script would link.
BASE = ("base-files", "coreutils", "dash", "findutils", "grep", "mawk",
        "perl", "sed")


class NoNetwork(Exception):
    """The archive cannot be reached: what needs it is skipped."""


class Root:
    """A directory that commands can have as their "/"."""

    def __init__(self, where):
        self.dir = pathlib.Path(where)

    def run(self, *argv, binds=(), root=True, log=None):
        """(status, output) of a command there.  binds are {FROM: TO}; with
        root it runs with root's rights on this machine, by sudo."""
        words = [sys.executable, ENTER, self.dir,
                 *("%s=%s" % pair for pair in dict(binds).items()), "--",
                 *argv]
        # Its input stays open as long as somebody waits.
        with children.started(debian.as_root(words) if root else words,
                              stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT) as proc:
            text = proc.stdout.read().decode("utf-8", "replace")
            status = proc.wait()
            proc.stdin.close()
        if log:
            log.parent.mkdir(parents=True, exist_ok=True)
            log.write_text(text)
        return status, text


class Archive:
    """One release of Debian, by an apt that knows nothing of this machine but
    its mirror and the way there."""

    def __init__(self, release):
        self.release = release
        self.dir = paths.CACHE / "apt" / release
        for name in ("lists/partial", "archives/partial", "state"):
            (self.dir / name).mkdir(parents=True, exist_ok=True)
        sources = self.dir / "sources.list"
        text = "".join("deb %s %s main\n" % pair for pair in
                       debian.archives_of(release))
        if not sources.exists() or sources.read_text() != text:
            sources.write_text(text)
            (self.dir / "updated").unlink(missing_ok=True)
        (self.dir / "state/status").touch()
        self._options = []
        for name, value in (
                ("Dir::Etc::SourceList", sources),
                ("Dir::Etc::SourceParts", "/dev/null"),
                ("Dir::State", self.dir / "state"),
                ("Dir::State::Lists", self.dir / "lists"),
                ("Dir::State::Status", self.dir / "state/status"),
                ("Dir::Cache", self.dir),
                ("APT::Update::Error-Mode", "any"),
                ("APT::Sandbox::User", "root")):
            self._options += ["-o", "%s=%s" % (name, value)]

    def _apt(self, *words):
        ui.run(["apt-get", *self._options, "-q", "-y", *words],
               log=paths.CACHE / "log" / ("apt-%s-%s.log" % (
                   self.release, words[0])))

    def _update(self):
        stamp = self.dir / "updated"
        with contextlib.suppress(OSError):
            if time.time() - stamp.stat().st_mtime < debian.UPDATE_EVERY:
                return
        try:
            self._apt("update")
        except ui.LabError as err:
            raise NoNetwork(str(err))
        stamp.touch()

    def _files(self, *packages):
        """Where these packages and what they depend on lie, as downloaded:
        other roots have left theirs beside them."""
        text = subprocess.check_output(
            ["apt-get", *self._options, "-q", "-s", "--no-install-recommends",
             "install", *packages], text=True)
        for name, version, arch in re.findall(
                r"^Inst (\S+) \((\S+) .*\[(\w+)\]\)", text, re.M):
            yield self.dir / "archives" / ("%s_%s_%s.deb" % (
                name, version.replace(":", "%3a"), arch))

    @contextlib.contextmanager
    def unpacked(self, *packages):
        """A Root with these packages and what they depend on.  They are
        unpacked only: no script of theirs has run."""
        with tempfile.TemporaryDirectory(prefix="cvm-root-") as where, \
                ui.locked(self.dir / "apt"):
            self._update()
            with ui.step("unpacking %s from Debian's %s" % (
                    " ".join(packages), self.release)):
                self._apt("install", "--download-only",
                          "--no-install-recommends", *BASE, *packages)
                self._apt("autoclean")
                for deb in self._files(*BASE, *packages):
                    ui.run(["dpkg-deb", "-x", deb, where])
            awk = pathlib.Path(where) / "usr/bin/awk"
            if not awk.exists():
                awk.symlink_to("mawk")
            yield Root(where)
