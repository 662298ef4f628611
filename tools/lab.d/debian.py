# SPDX-License-Identifier: GPL-2.0-only
"""What comes from Debian: build packages, sources, kernels for hosts and guests.

The kernels are unpacked into the cache, never installed: the machine the lab
runs on keeps its own.  Only the newest point release is in the archive, so
its name is asked for at run time; without network the newest one in the cache
serves.
"""

import os
import re
import shutil
import subprocess
import sys
import time

import paths
import ui

# The metapackages that name the newest point release.
IMAGE_META = {("6.1", "cloud"): "linux-image-cloud-amd64",
              ("6.1", "amd64"): "linux-image-amd64",
              ("6.1", "rt"): "linux-image-rt-amd64",
              ("6.12", "cloud"): "linux-image-6.12-cloud-amd64",
              ("6.12", "amd64"): "linux-image-6.12-amd64",
              ("6.12", "rt"): "linux-image-6.12-rt-amd64"}
UPDATE_EVERY = 24 * 3600


def as_root(argv):
    return argv if os.geteuid() == 0 else ["sudo", "-n"] + argv


def ask_for_sudo():
    """Have sudo ask for a password, where there is somebody to ask: what runs
    later has no terminal."""
    if os.geteuid() and sys.stdin.isatty() and subprocess.run(
            ["sudo", "-n", "true"], stderr=subprocess.DEVNULL).returncode:
        subprocess.run(["sudo", "-v"])


def _apt(*args):
    env = {"DEBIAN_FRONTEND": "noninteractive"}
    argv = as_root(["apt-get", "-o", "DPkg::Lock::Timeout=600", "-q", "-y"]
                    + list(args))
    ui.run(argv, log=paths.CACHE / "log" / ("apt-%s.log" % args[0]), env=env)


def update_lists():
    """apt-get update at most once a day; a machine without network goes on
    with what it has.  Returns whether the lists are fresh."""
    stamp = paths.CACHE / "apt-updated"
    try:
        if time.time() - stamp.stat().st_mtime < UPDATE_EVERY:
            return True
    except OSError:
        pass
    try:
        with ui.step("apt-get update"):
            _apt("update")
    except (ui.LabError, OSError) as err:
        ui.say("apt-get update failed, using the old package lists: %s" % err)
        return False
    stamp.parent.mkdir(parents=True, exist_ok=True)
    stamp.touch()
    return True


def _installed(names):
    query = subprocess.run(
        ["dpkg-query", "-W", "-f", "${Package} ${db:Status-Status}\n"] + names,
        stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    lines = query.stdout.decode().splitlines()
    return {line.split()[0] for line in lines if line.endswith(" installed")}


def install_packages(*lists):
    """Those of some lists of tools/lab.d/packages."""
    names = sorted({name for part in lists for name in
                    (paths.LAB / "packages" / part).read_text().splitlines()
                    if not name.startswith("#")})
    missing = [n for n in names if n not in _installed(names)]
    if not missing:
        return
    ask_for_sudo()
    update_lists()
    with ui.step("installing " + " ".join(missing)):
        _apt("install", "--no-install-recommends", *missing)


def archives():
    """[(URI, release)] of Debian that apt takes packages from, the main ones
    first."""
    out = subprocess.check_output(
        ["apt-get", "indextargets", "--format", "$(REPO_URI) $(RELEASE)",
         "Created-By: Packages", "Component: main",
         "Origin: Debian"]).decode()
    found = sorted({tuple(line.split()) for line in out.splitlines()},
                   key=lambda pair: ("security" in pair[0], pair))
    if not found:
        raise ui.LabError("apt knows no archive of Debian: add one to "
                          "its sources, and run apt-get update")
    return found


def archives_of(release):
    """The same for a release: this machine's own with its updates, or another
    one of the same mirror."""
    own = archives()
    if release in (name for _, name in own):
        return own
    return [(own[0][0], release)]


def source_file(pool, sha256):
    """A file of Debian's archive, in the cache.  Its address and hash are
    known, so no list of sources is needed, which many machines lack."""
    path = paths.CACHE / "dl" / os.path.basename(pool)
    with ui.locked(path):
        if path.exists():
            return path
        path.parent.mkdir(parents=True, exist_ok=True)
        part = path.with_suffix(".part")
        failures = []
        for mirror in dict.fromkeys(uri for uri, _ in archives()):
            try:
                ui.run(["/usr/lib/apt/apt-helper", "download-file",
                        mirror + pool, part, "SHA256:" + sha256],
                       log=paths.CACHE / "log" / "fetch-source.log")
                part.rename(path)
                return path
            except ui.LabError as err:
                failures.append(str(err))
    raise ui.LabError("cannot fetch %s: %s" % (pool, "; ".join(failures)))


def _depends(package):
    """The first alternative of each dependency, in the archive's order."""
    out = subprocess.run(["apt-cache", "depends", package],
                         stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    names = []
    for line in out.stdout.decode().splitlines():
        kind, _, name = line.strip().partition(": ")
        if kind in ("Depends", "|Depends"):
            names.append(name)
    return names


def _newest_release(meta):
    for name in _depends(meta):
        if name.startswith("linux-image-"):
            return name[len("linux-image-"):]
    return None


def _flavour(release):
    found = re.search(r"-(cloud|rt)-amd64$", release)
    return found.group(1) if found else "amd64"


def _cached_release(series, flavour):
    """The youngest complete kernel of this kind in the cache."""
    found = sorted((path for path in (paths.CACHE / "hosts").glob(
        series + ".*/complete") if _flavour(path.parent.name) == flavour),
        key=lambda path: path.stat().st_mtime)
    return found[-1].parent.name if found else None


def _packages_of(release):
    """Image, headers and what the headers need to build a module."""
    headers = "linux-headers-" + release
    wanted = ["linux-image-" + release, headers]
    for name in _depends(headers):
        if name.startswith(("linux-headers-", "linux-kbuild-")):
            wanted.append(name)
    return wanted


def _unpack(release, where):
    debs = where / "debs"
    shutil.rmtree(where, ignore_errors=True)
    debs.mkdir(parents=True)
    packages = _packages_of(release)
    with ui.step("fetching Debian's kernel " + release):
        ui.run(["apt-get", "-q", "download"] + packages, cwd=debs,
               log=paths.CACHE / "log" / ("fetch-%s.log" % release))
        for deb in sorted(debs.glob("*.deb")):
            ui.run(["dpkg-deb", "-x", deb, where])
    shutil.rmtree(debs)
    # The headers' Makefiles name their neighbours by absolute path.
    here = "include $(dir $(lastword $(MAKEFILE_LIST)))../"
    for makefile in (where / "usr/src").glob("linux-headers-*/Makefile"):
        text = makefile.read_text()
        if text.startswith("include /usr/src/"):
            makefile.write_text(text.replace("include /usr/src/", here))
    (where / "complete").touch()


def unpacked(package):
    """A directory with a package's files: for programs of the lab's machines
    that this one need not have.  As new as the lists of packages are."""
    update_lists()
    where = paths.CACHE / "unpacked" / package
    with ui.locked(where):
        if not (where / "complete").exists():
            shutil.rmtree(where, ignore_errors=True)
            where.mkdir(parents=True)
            with ui.step("fetching Debian's " + package):
                ui.run(["apt-get", "-q", "download", package], cwd=where,
                       log=paths.CACHE / "log" / ("fetch-%s.log" % package))
            for deb in where.glob("*.deb"):
                ui.run(["dpkg-deb", "-x", deb, where])
                deb.unlink()
            (where / "complete").touch()
    return where


class Kernel:
    """An unpacked Debian kernel: release, image, headers, modules."""

    def __init__(self, release):
        self.release = release
        self.dir = paths.CACHE / "hosts" / release
        self.image = self.dir / "boot" / ("vmlinuz-" + release)
        self.headers = self.dir / "usr/src" / ("linux-headers-" + release)
        self.modules = self.dir / "lib/modules" / release


_known = {}


def kernel(series, flavour="cloud"):
    """The newest Debian point release of 6.1 or 6.12, fetched if need be."""
    key = (series, flavour)
    if key in _known:
        return _known[key]
    update_lists()
    release = (_newest_release(IMAGE_META[key]) or
               _cached_release(series, flavour))
    if not release:
        raise ui.LabError("apt knows no package %s, and no such kernel is in "
                          "the cache %s" % (IMAGE_META[key], paths.CACHE))
    found = Kernel(release)
    with ui.locked(found.dir):
        if not (found.dir / "complete").exists():
            try:
                _unpack(release, found.dir)
            except ui.LabError:
                old = _cached_release(series, flavour)
                if not old:
                    raise
                ui.say("using the cached kernel %s instead" % old)
                found = Kernel(old)
    _known[key] = found
    return found


def host_kernel(series):
    """What the lab's hosts boot."""
    return kernel(series)
