# SPDX-License-Identifier: GPL-2.0-only
"""Debian in the lab: one image, made by `cvmctl image create`, is the disk of
the guest and, on request, of the host too.

The image is as that command makes it.  The lab's agent comes in through an
initrd that puts it into the new root's /run (images.py); QEMU keeps what a
run writes apart from the image and forgets it.
"""

import shutil

import build
import debian
import guest
import kernels
import machine
import paths
import ui

SUITE = "bookworm"
# What the suite runs in the guest, and what cvmctl needs in the host.
PACKAGES = ("fio", "fdisk", "openssh-client", "libslirp0", "liburing2",
            "libseccomp2", "libzydis4.0", "xvfb", "x11-apps", "x11-utils",
            "x11-xserver-utils")
# Whose modules it has; the first one is what it starts by itself.
KERNELS = tuple(debian.IMAGE_META[series, "cloud"] for series in
                kernels.SERIES)
KEPT = 3		# images, of some 700 MiB
HOST_MEM = 1536
MEM = 512
CONFIG = "/lab/debian.conf"
SSH_PORT = 2222

_SOURCES = ("image_create.sh", "image_initrd.sh", "image_setup.sh",
            "image_create_linux.c")


class Image:
    def __init__(self, where):
        self.dir = where
        self.path = where / "debian.img"
        self.key = where / "key"


def _make(image):
    where = image.dir.with_suffix(".part")
    shutil.rmtree(where, ignore_errors=True)
    where.mkdir(parents=True)
    part = Image(where)
    ui.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "lab",
            "-f", part.key])
    try:
        with ui.step("making a Debian image"):
            ui.run_shown([build.cvmctl(), "image", "create", part.path,
                          "--suite", SUITE, "--kernel", KERNELS[0], "--ssh-key",
                          str(part.key) + ".pub",
                          "--packages",
                          ",".join(PACKAGES + KERNELS[1:])])
        where.rename(image.dir)
    finally:
        shutil.rmtree(where, ignore_errors=True)


def _forget_old():
    """Images of other ingredients, which nobody may ask for again."""
    made = sorted((paths.CACHE / "debian").glob("*/debian.img"),
                  key=lambda path: path.stat().st_mtime)
    for old in made[:-KEPT]:
        shutil.rmtree(old.parent)


def image():
    """The image, made when there is none of the same ingredients.  It does
    not grow old by itself: removing it from the cache gives a new one."""
    key = paths.content_hash(
        [paths.ROOT / "tools/cvmctl/cmd" / name for name in _SOURCES],
        SUITE, *PACKAGES, *KERNELS)
    found = Image(paths.CACHE / "debian" / key)
    with ui.locked(found.dir):
        if not found.path.exists():
            _make(found)
            _forget_old()
    return found


def options(**given):
    """Options of a machine whose guest, or host and guest, are Debian."""
    disk = image().path
    debian_host = given.pop("debian_host", False)
    chosen = machine.Options(
        **{"host_mem": HOST_MEM, "mem": MEM, "config": "distro",
           "network": True, **given})
    chosen.disks = (disk, *chosen.disks)
    if debian_host:
        chosen.disks = (disk, *chosen.disks)
    chosen.debian_host = debian_host
    chosen.root = "/dev/vda"
    return chosen


def guest_disk(options):
    """The guest's disk as the host names it."""
    return "/dev/vdb" if options.debian_host else "/dev/vda"


def configure(host, *words, disk=None, root=None, kernel=None):
    """Write the guest's configuration file, with which anybody can start it
    in the host; its name."""
    options = host.options
    lines = ["kernel=" + (kernel or machine.guest_file(options.guest)),
             "mem=%d" % options.mem,
             "cobd0=" + (disk or guest_disk(options)),
             "eth0=slirp,,tcp:%d:22" % SSH_PORT, *words,
             "root=%s ro" % (root or options.root)]
    host.put(CONFIG, ("\n".join(lines) + "\n").encode(), 0o644)
    return CONFIG


def boot(host, words=()):
    """A booted Debian guest that takes commands, to be used with `with`."""
    return guest.Guest(host, extra=("--config", configure(host, *words)))
