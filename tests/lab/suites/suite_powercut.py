# SPDX-License-Identifier: GPL-2.0-only
"""The power fails while a guest writes: every record whose fsync it saw succeed
is on the disk.

A cut is real for the host, too: its disk's contents are taken at that moment,
without what is still in the host's page cache and journal, repaired as after
any cut, and the guest's image is read from there.  That this can fail is seen
from a host that ignores flushes.  A host whose disk fails them is told on."""

import pathlib
import random
import subprocess
import tempfile

import build
import guest
import machine
import paths
import ui

CUTS = 20
SEED = 20260101
IMAGE_BYTES = 256 << 20
DISK_BYTES = 320 << 20
FAILING_BYTES = 16 << 20
CONFIG = "/tmp/vm.conf"
# Nothing reaches the disk by itself, however long a slow machine takes.
MOUNT = "echo 0 >/proc/sys/vm/dirty_writeback_centisecs; mkdir -p /mnt; " \
    "mount -t ext4 -o commit=300 /dev/vda /mnt"
NEW_IMAGE = "rm -f /mnt/disk.img; truncate -s %d /mnt/disk.img; sync" % (
    IMAGE_BYTES)
LIAR = ("env", "LD_PRELOAD=/lab/noflush.so")


class Disks:
    """The host's two: a file system, and one whose flushes fail."""

    def __init__(self, where):
        self.system = where / "system"
        self.failing = where / "failing"
        self._cut, self._image = where / "cut", where / "image"
        for path, size in ((self.system, DISK_BYTES),
                           (self.failing, FAILING_BYTES)):
            with open(path, "wb") as handle:
                handle.truncate(size)
        ui.run(["mkfs.ext4", "-q", "-F", self.system])

    def qemu(self):
        return ("-blockdev", "driver=raw,node-name=d0,file.driver=file,"
                "file.filename=%s" % self.system,
                "-device", "virtio-blk-pci,drive=d0",
                "-blockdev", "driver=blkdebug,node-name=d1,image.driver=file,"
                "image.filename=%s,inject-error.0.event=none,"
                "inject-error.0.iotype=flush,inject-error.0.errno=5" %
                self.failing,
                "-device", "virtio-blk-pci,drive=d1")

    def cut(self, host):
        """The guest's image as a power cut right now would leave it."""
        host.qmp("stop")
        ui.run(["cp", "--sparse=always", self.system, self._cut])
        host.qmp("cont")
        fsck = subprocess.run(["e2fsck", "-fp", self._cut],
                              stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT)
        if fsck.returncode > 1:
            raise ui.LabError("e2fsck: " + fsck.stdout.decode())
        ui.run(["debugfs", "-R", "dump disk.img %s" % self._image, self._cut])
        return self._image


class Writer:
    """fsyncer in a guest; .acked is the last number it was promised."""

    def __init__(self, inner, program):
        self.inner = inner
        self.acked = 0
        self._part = b""
        machine.checked(inner.run(["sh", "-c", "cat >/tmp/fsyncer; chmod 755 "
                                   "/tmp/fsyncer"],
                                  stdin=program.read_bytes()), "fsyncer")
        self.proc = inner.spawn(["/tmp/fsyncer", "/dev/vda"],
                                stdout=self._said)

    def _said(self, data):
        *lines, self._part = (self._part + data).split(b"\n")
        if lines:
            self.acked = int(lines[-1])

    def until(self, number):
        self.inner.host.wait(lambda: self.acked >= number or
                             self.proc.status is not None,
                             "%d records" % number, 120)
        if self.proc.status is not None:
            raise self.inner.failure("fsyncer ended: " +
                                     self.proc.err.decode())


def _there(program, image):
    return int(ui.run([program, "check", image]))


def _cuts(t, host, disks, program):
    dice = random.Random(SEED)
    lost = []
    with guest.Guest(host, extra=("--config", CONFIG)) as inner:
        writer = Writer(inner, program)
        for n in range(CUTS):
            writer.until(writer.acked + dice.randrange(1, 30))
            acked = writer.acked
            there = _there(program, disks.cut(host))
            if there < acked:
                lost.append("cut %d: %d records promised, %d there" % (
                    n, acked, there))
        t.check(not lost, "%d power cuts, %d records promised, none lost" % (
            CUTS, writer.acked), "\n".join(lost))
        _failing(t, inner)
        writer.until(writer.acked + 10)
        inner.proc.signal(9)
        inner.ended()
        there = _there(program, disks.cut(host))
        t.check(there >= writer.acked, "the VMM killed and the power cut at "
                "once: %d promised, %d there" % (writer.acked, there))


def _failing(t, inner):
    done = inner.run(["dd", "if=/dev/zero", "of=/dev/vdb", "bs=4k", "count=1",
                      "conv=fsync"])
    t.check(done.status and b"Input/output error" in done.err,
            "a flush that the host's disk fails is an error in the guest",
            done.err)
    t.check("I/O error, dev vdb" in inner.sh("dmesg"),
            "a failed flush is in the guest kernel's log")


def _liar(t, host, disks, program):
    host.sh(NEW_IMAGE)
    with guest.Guest(host, extra=("--config", CONFIG), prefix=LIAR) as inner:
        writer = Writer(inner, program)
        writer.until(50)
        acked = writer.acked
        there = _there(program, disks.cut(host))
        t.check(there < acked, "a host that ignores flushes is found out: %d "
                "records promised, %d there" % (acked, there))


def run(t):
    program = build.static_program(paths.PROGRAMS / "fsyncer.c")
    liar = build.program(paths.PROGRAMS / "noflush.c", "-shared",
                         "-fPIC")
    with tempfile.TemporaryDirectory(prefix="cvm-powercut-") as where:
        disks = Disks(pathlib.Path(where))
        options = machine.Options(
            guest=t.guest, modules=("virtio_blk", "ext4"),
            qemu=disks.qemu(), files={"lab/noflush.so": liar.read_bytes()})
        with machine.Machine(options) as host:
            host.sh("%s; %s; printf 'cobd0=/mnt/disk.img\\ncobd1=/dev/vdb\\n' "
                    ">%s" % (MOUNT, NEW_IMAGE, CONFIG))
            _cuts(t, host, disks, program)
            _liar(t, host, disks, program)
