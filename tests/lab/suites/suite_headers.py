# SPDX-License-Identifier: GPL-2.0-only
"""The Linux driver builds with W=1, warnings being errors, for Debian's
ordinary and real-time kernels of this release, testing and unstable.

The lab's own hosts have the third flavour, for clouds.  Those of other releases
are built by their own compiler, in a directory with their own headers."""

import re
import shutil

import debian
import paths
import roots
import ui

OWN = "bookworm"
# The metapackages of each release's headers.
HEADERS = {
    OWN: ("linux-headers-amd64", "linux-headers-rt-amd64",
          "linux-headers-6.12-amd64", "linux-headers-6.12-rt-amd64"),
    "testing": ("linux-headers-amd64", "linux-headers-rt-amd64"),
    "unstable": ("linux-headers-amd64", "linux-headers-rt-amd64"),
}
SOURCES = ("hosts/linux-host", "libcvm", "include", "tests/host",
           "tools/gen-offsets")
THERE = "/cvm"


def _copy_sources(root):
    """What the module is made of, and nothing that was built here."""
    for path in paths.files_below(*SOURCES):
        name = path.relative_to(paths.ROOT)
        if name.is_relative_to("hosts/linux-host/build"):
            continue
        to = root.dir / THERE[1:] / name
        to.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(path, to)


def _build(t, release, root, headers):
    """One module; the directory is named on the command line, as by hand."""
    name = headers.name[len("linux-headers-"):]
    status, text = root.run(
        "make", "-j2", "-C", THERE + "/hosts/linux-host", "W=1",
        "KDIR=/usr/src/" + headers.name, "O=/tmp/" + name, root=False,
        log=paths.CACHE / "log" / ("headers-%s.log" % name))
    made = root.dir / "tmp" / name / "cvm.ko"
    compiler = re.search(r"(gcc-\d+)\b",
                         (headers / ".kernelvariables").read_text())
    t.check(status == 0 and made.exists() and
            not re.search(r"\bwarning\b", text, re.I),
            "%s: builds for %s by %s, without a warning" % (
                release, name, compiler.group(1)), ui.tail(text))


def _release(t, release, packages):
    try:
        with roots.Archive(release).unpacked("make", *packages) as root:
            _copy_sources(root)
            found = sorted(path.parent for path in (
                root.dir / "usr/src").glob("linux-headers-*/.config"))
            t.check(len(found) == len(packages), "%s: %d kernels' headers" % (
                release, len(packages)), found)
            for headers in found:
                _build(t, release, root, headers)
    except roots.NoNetwork as err:
        t.skip("the headers of " + release, str(err))


def run(t):
    debian.update_lists()
    for release, packages in HEADERS.items():
        _release(t, release, packages)
