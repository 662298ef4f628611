# SPDX-License-Identifier: GPL-2.0-only
"""A bare Wine to run what was built for Windows.

Making a Wine prefix costs some 15 s of CPU and 700 MB, nearly all of it copies
of Wine's own files.  So one is made once per version of Wine and cached, with
those copies replaced by links; every session works in a fresh copy of that,
which costs nothing.
"""

import contextlib
import filecmp
import os
import pathlib
import shutil
import signal
import subprocess
import tempfile

import children
import paths
import ui

LOADER = "/usr/lib/wine/wine64"
SERVER = "/usr/lib/wine/wineserver64"
PACKAGES = ("wine64", "libwine")
LIMIT = 300
# A busy machine is slow to start a service; Wine gives it 10 s otherwise.
PATIENCE = ["reg", "add", "HKLM\\System\\CurrentControlSet\\Control", "/v",
            "ServicesPipeTimeout", "/t", "REG_DWORD", "/d", "120000", "/f"]


def _environment(prefix, scratch):
    """No display, no Mono, no Gecko, no menus; nothing of the user's."""
    keep = {k: v for k, v in os.environ.items()
            if not k.startswith(("WINE", "DISPLAY", "XDG_", "WAYLAND"))}
    return dict(keep, WINEPREFIX=str(prefix), WINEDEBUG="-all",
                WINEDLLOVERRIDES="mscoree,mshtml,winemenubuilder.exe=d",
                WINEARCH="win64", HOME=str(scratch), TMPDIR=str(scratch),
                LC_ALL="C.UTF-8")


def _wines_own():
    """Wine's files as installed, by name: they are linked to."""
    listed = subprocess.check_output(["dpkg", "-L", *PACKAGES]).decode()
    found = {}
    for path in map(pathlib.Path, listed.splitlines()):
        if path.is_file() and not path.is_symlink():
            found.setdefault(path.name, []).append(path)
    return found


def _link_copies(prefix):
    own = _wines_own()
    for path in sorted((prefix / "drive_c").rglob("*")):
        if path.is_symlink() or not path.is_file():
            continue
        for same in own.get(path.name, ()):
            if filecmp.cmp(path, same, shallow=False):
                path.unlink()
                path.symlink_to(same)
                break


def _make_template(path):
    part = path.with_suffix(".part")
    shutil.rmtree(part, ignore_errors=True)
    with tempfile.TemporaryDirectory(prefix="cvm-wine-") as scratch:
        env = _environment(part, scratch)
        log = paths.CACHE / "log" / "wineboot.log"
        try:
            ui.run([LOADER, "wineboot", "-i"], log=log, env=env)
            ui.run([LOADER, *PATIENCE], env=env)
        finally:
            subprocess.run([SERVER, "-k"], env=env)
            subprocess.run([SERVER, "-w"], env=env)
    (part / "wineserver").unlink(missing_ok=True)
    _link_copies(part)
    part.rename(path)


def _template():
    versions = subprocess.check_output(
        ["dpkg-query", "-W", *PACKAGES]).decode()
    path = paths.CACHE / "wine" / paths.content_hash(
        [pathlib.Path(__file__)], versions)
    with ui.locked(path):
        if not path.exists():
            with ui.step("making a Wine prefix"):
                _make_template(path)
    return path


def dos(path):
    """A path of this machine as Wine's programs know it."""
    return "Z:" + str(path).replace("/", "\\")


class Wine:
    """Wine with a prefix of its own, gone at the end of the with block.

    run() gives what a program printed and its status; drive_c is the place
    for files it shall find on C:.
    """

    def __init__(self):
        self._dir = pathlib.Path(tempfile.mkdtemp(prefix="cvm-wine-"))
        self.prefix = self._dir / "prefix"
        self.drive_c = self.prefix / "drive_c"
        self.env = _environment(self.prefix, self._dir)
        shutil.copytree(_template(), self.prefix, symlinks=True)
        self._server = subprocess.Popen(
            [SERVER, "-f", "-p"], env=self.env, stdin=subprocess.DEVNULL,
            preexec_fn=children.die_with_parent)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        subprocess.run([SERVER, "-k"], env=self.env)
        try:
            self._server.wait(20)
        except subprocess.TimeoutExpired:
            self._server.kill()
            self._server.wait()
        shutil.rmtree(self._dir, ignore_errors=True)

    def popen(self, argv, **how):
        """Start a program; its first word is a path of this machine."""
        argv = [LOADER] + [str(a) for a in argv]
        return subprocess.Popen(argv, env=self.env, start_new_session=True,
                                preexec_fn=children.die_with_parent, **how)

    def run(self, argv, stdin=b"", limit=LIMIT, **how):
        """(status, stdout, stderr), the last two as bytes.  Through files:
        what a program starts may hold a pipe for ever."""
        with contextlib.ExitStack() as stack:
            files = [stack.enter_context(tempfile.TemporaryFile())
                     for _ in range(3)]
            files[0].write(stdin)
            files[0].seek(0)
            proc = self.popen(argv, stdin=files[0], stdout=files[1],
                              stderr=files[2], **how)
            try:
                status = proc.wait(limit * paths.PATIENCE)
            except subprocess.TimeoutExpired:
                os.killpg(proc.pid, signal.SIGKILL)
                proc.wait()
                status = "timed out after %d s" % (limit * paths.PATIENCE)
            for file in files:
                file.seek(0)
            return status, files[1].read(), files[2].read()
