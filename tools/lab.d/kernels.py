# SPDX-License-Identifier: GPL-2.0-only
"""Guest kernels, by name: Debian's own as its packages ship them (stock), and
those that guest-patch/build makes from patched sources (built).

A stock kernel is adapted by cvmctl whenever it is started.  Beside it in the
machine lies what that takes, the platform object that was built with the
kernel's headers, under the build ID by which cvmctl looks for it.
"""

import functools
import json
import pathlib
import shutil

import build
import children
import debian
import paths
import ui

SERIES = ("6.12", "6.1")
STOCK = tuple("stock-" + series for series in SERIES)
BUILT = tuple("built-" + series for series in SERIES)
# Those of Debian's that are not made for clouds.
FLAVOURS = ("amd64", "rt")
NAMES = STOCK + BUILT + tuple("%s-%s" % (name, flavour) for name in STOCK
                              for flavour in FLAVOURS)
PLATFORMS = "/usr/lib/cvm/platform"
KEPT = 8


# Both of a kind, the newer one first.
KINDS = {"stock": STOCK, "built": BUILT}
USUAL = "stock"
DEFAULT = KINDS[USUAL][0]


def of_kind(name):
    return KINDS[name.split("-")[0]]


def name_of(text):
    """The name that a user meant; a series alone is of the usual kind."""
    if text in SERIES:
        return "%s-%s" % (USUAL, text)
    if text not in NAMES:
        raise ValueError(text)
    return text


def series(name):
    return name.split("-")[1]


def stock(name):
    return name.startswith("stock-")


def like(name, other):
    """The kernel of the same kind and another series."""
    kind, _, *flavour = name.split("-")
    return "-".join((kind, other, *flavour))


def _forget_old():
    """Adapted kernels, of 60 MiB, by other builds."""
    made = sorted((paths.CACHE / "adapted").glob("*/vmlinux"),
                  key=lambda path: path.stat().st_mtime)
    for old in made[:-KEPT]:
        shutil.rmtree(old.parent)


class Stock:
    """A kernel package of Debian's, as it is unpacked."""

    def __init__(self, name, debian_kernel):
        self.name = name
        self.debian = debian_kernel
        self.release = debian_kernel.release
        self.image = self.native = debian_kernel.image
        self.modules = debian_kernel.modules
        self.dir = debian_kernel.dir

    def loadable(self):
        """The vmlinux that a start would load, for what loads nothing else."""
        platform = build.platform_object(self.debian)
        key = paths.content_hash([self.image, platform, build.cvmctl()])
        path = paths.CACHE / "adapted" / key / "vmlinux"
        with ui.locked(path.parent):
            if not path.exists():
                shutil.rmtree(path.parent, ignore_errors=True)
                path.parent.mkdir(parents=True)
                part = path.with_suffix(".part")
                ui.run([build.cvmctl(), "kernel", "adapt", self.image, part,
                        "--platform", platform])
                part.rename(path)
                _forget_old()
        return path

    def is_release(self, text):
        """What uname -r says."""
        return text == self.release

    def module(self, source):
        """A module of one directory, built with this kernel's headers."""
        return build.debian_module(self.debian, source)

    def files(self, of_series=False):
        """{where cvmctl looks for it: contents} of the platform object: this
        build's, or the one of its whole series."""
        if of_series:
            return {"%s/%s.o" % (PLATFORMS, series(self.name)):
                    series_object(series(self.name)).read_bytes()}
        where = "%s/%s.o" % (PLATFORMS, build_id(self.image))
        return {where: build.platform_object(self.debian).read_bytes()}


class Built:
    """A kernel that guest-patch/build made; nothing of it is a module."""

    modules = None

    def __init__(self, name, where):
        self.name = name
        self.dir = pathlib.Path(where)
        self.image = self.dir / "vmlinux"
        self.native = self.dir / "bzImage"

    def loadable(self):
        return self.image

    def is_release(self, text):
        return text.startswith(series(self.name) + ".") and "cvm" in text

    def module(self, source):
        key = paths.content_hash(
            [self.dir / "config", *paths.files_below(source, "include")],
            self.dir.name)
        return build.module(source, key, self._headers)

    def _headers(self, where):
        ui.run(["tar", "-C", where, "--zstd", "-xf",
                self.dir / "headers.tar.zst"])
        return where / "linux"

    def files(self, of_series=False):
        return {}


@functools.cache
def _built(name, config):
    """guest-patch/build has its own cache."""
    debian.update_lists()
    out = ui.run_shown([paths.ROOT / "guest-patch/build",
                        "--kernel", series(name), "--config", config],
                       env={"CVM_CACHE": str(paths.CACHE)}, quiet=": cached")
    lines = out.strip().splitlines()
    if not lines or not pathlib.Path(lines[-1]).is_dir():
        raise ui.LabError("guest-patch/build printed no directory")
    return Built(name, lines[-1])


def guest(name, config="tiny"):
    """The kernel of that name; of built ones there are several
    configurations."""
    if not stock(name):
        return _built(name, config)
    flavour = name.split("-")[2:] or ["cloud"]
    return Stock(name, debian.kernel(series(name), *flavour))


def series_object(name, flavour="cloud"):
    """One platform object for all kernels of a series; the flavour whose
    headers it is made with should not matter."""
    return build.platform_object(debian.kernel(name, flavour), name)


@functools.cache
def build_id(image):
    """By which cvmctl looks for a kernel's platform object."""
    done = children.run([build.cvmctl(), "kernel", "check", "--json", image])
    try:
        return json.loads(done.stdout)["build_id"]
    except (ValueError, KeyError):
        raise ui.LabError("%s: no build ID: %s" % (
            image, ui.last_line(done.stderr.decode("utf-8", "replace"))))
