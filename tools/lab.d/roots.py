# SPDX-License-Identifier: GPL-2.0-only
"""Directories that hold another Debian, and commands that have one as their
"/" (enter.py).  Nothing of them is installed on this machine."""

import contextlib
import datetime
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


# ---- a Debian with nothing on it ----------------------------------------

FRESH = paths.CACHE / "fresh"
USER = "user"

# Not what is installed but how: quickly, without questions, each package
# fetched once, and none because another one recommends it.
SETUP = """
cat >/etc/resolv.conf <<END
%s
END
echo 127.0.0.1 localhost fresh >/etc/hosts
echo force-unsafe-io >/etc/dpkg/dpkg.cfg.d/fresh
cat >/etc/apt/apt.conf.d/99fresh <<END
APT::Get::Assume-Yes "true";
APT::Install-Recommends "false";
Binary::apt::APT::Keep-Downloaded-Packages "true";
END
apt-get -qq autoclean
useradd -m -s /bin/bash %s
echo '%s ALL=(ALL) NOPASSWD: ALL' >/etc/sudoers.d/%s
"""


def may_be_made():
    """Why no such root can be made and entered here, or None."""
    try:
        ui.run(debian.as_root(["true"]))
    except (ui.LabError, OSError) as err:
        return "it takes root's rights: %s" % err
    with tempfile.TemporaryDirectory(prefix="cvm-root-") as where:
        for name in ("bin", "lib", "lib64"):
            (pathlib.Path(where) / name).symlink_to("usr/" + name)
        status, text = Root(where).run("true", binds={"/usr": "/usr"})
        # Made as mount points, by root.
        ui.run(debian.as_root(["rm", "-rf", "--one-file-system"] + [
            where + name for name in ("/proc", "/dev", "/sys", "/usr")]))
    return None if status == 0 else "no namespaces here: " + ui.reason(text)


def _apt_settings():
    """What this machine's apt was told about the way to the archives: its
    proxies, and whether old lists are good."""
    dump = children.run(["apt-config", "dump"]).stdout.decode()
    return "".join(line + "\n" for line in dump.splitlines() if re.match(
        r'Acquire::(https?|ftp|Check-|Retries|ForceIP)\S* "[^"]+";', line))


def _base(release, packages):
    """Its files in an archive, made once a day."""
    sources = ["deb %s %s main" % pair for pair in debian.archives_of(release)]
    day = datetime.date.today().isoformat()
    path = FRESH / ("base-%s-%s.tar" % (day, paths.content_hash(
        [], release, packages, *sources)))
    with ui.locked(FRESH / "base"):
        if path.exists():
            return path
        for old in FRESH.glob("base-*.tar"):
            old.unlink()
        settings = FRESH / "apt.conf"
        settings.write_text(_apt_settings())
        part = path.with_suffix(".part")
        try:
            with ui.step("making a Debian with nothing on it"):
                ui.run(debian.as_root([
                    "mmdebstrap", "--mode=root", "--variant=minbase",
                    "--format=tar", "--include=" + packages,
                    "--aptopt=%s" % settings, "--skip=cleanup/apt/lists",
                    release, part, *sources]),
                    log=paths.CACHE / "log" / "fresh-base.log")
        except ui.LabError as err:
            if re.search("Could not (connect|resolve)|Temporary failure",
                         err.full()):
                raise NoNetwork(str(err))
            raise
        part.rename(path)
    return path


class Fresh(Root):
    """One of one's own, with an ordinary user who may sudo; to be used with
    `with`, and gone behind it."""

    def __init__(self, release, packages):
        base = _base(release, packages)
        FRESH.mkdir(exist_ok=True)
        super().__init__(tempfile.mkdtemp(prefix="root-", dir=FRESH))
        # What apt fetched for an earlier one need not be fetched again.
        debs = FRESH / "debs"
        (debs / "partial").mkdir(parents=True, exist_ok=True)
        self.binds = {debs: "/var/cache/apt/archives"}
        self.home = self.dir / "home" / USER
        try:
            self._as_root("tar", "-C", self.dir, "--numeric-owner", "-xpf",
                          base)
            resolver = pathlib.Path("/etc/resolv.conf").read_text()
            self.must("sh", "-ec", SETUP % (resolver, USER, USER, USER))
        except BaseException:
            self.__exit__()
            raise

    def __enter__(self):
        return self

    def __exit__(self, *_):
        # Nothing is mounted in it: mounts end with the commands there.
        self._as_root("rm", "-rf", "--one-file-system", self.dir)

    @staticmethod
    def _as_root(*argv):
        return ui.run(debian.as_root([str(word) for word in argv]))

    def must(self, *argv):
        status, text = self.run(*argv, binds=self.binds)
        if status:
            raise ui.LabError("%s in a fresh Debian: status %d: %s" % (
                argv[0], status, ui.reason(text)), ui.tail(text))
        return text

    def as_user(self, script, log=None):
        """(status, output) of a script of its user, in his home."""
        return self.run("su", "-", USER, "-c", script, binds=self.binds,
                        log=log)

    def give(self, sources, name):
        """Copies of files and directories of this machine, in a directory of
        the user's home."""
        target = self.home / name
        self._as_root("mkdir", "-p", target)
        for source in sources:
            self._as_root("cp", "-a", source, target)
        self.must("chown", "-R", "%s:%s" % (USER, USER), "/home/" + USER)

    def checkout(self, name):
        """The files of this checkout, with all that was changed there."""
        listed = ui.run(["git", "-C", paths.ROOT, "ls-files", "-z", "--cached",
                         "--others", "--exclude-standard"])
        names = [n for n in listed.split("\0")
                 if n and (paths.ROOT / n).exists()]
        with tempfile.NamedTemporaryFile(prefix="cvm-checkout-") as packed, \
                tempfile.NamedTemporaryFile("w", prefix="cvm-list-") as wanted:
            wanted.write("\0".join(names))
            wanted.flush()
            ui.run(["tar", "-C", paths.ROOT, "--null", "-T", wanted.name,
                    "-cf", packed.name])
            self._as_root("mkdir", "-p", self.home / name)
            self._as_root("tar", "-C", self.home / name, "-xf", packed.name)
        self.must("chown", "-R", "%s:%s" % (USER, USER), "/home/" + USER)
