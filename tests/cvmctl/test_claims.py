#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only
"""What a VM claims, by the fake driver: nothing is changed before all is had, and
nothing is taken for what it is not.

usage: test_claims.py CVMCTL FAKE_DRIVER.so [unittest options]
"""
import errno
import os
import resource
import shutil
import subprocess
import termios

import case
from case import SECONDS, Case, cvmctl, environment, until


class Started(Case):
    """Has VMs that run."""

    def start(self, *words):
        vm = subprocess.Popen(
            [case.CVMCTL, "run", "--kernel", self.kernel, *words],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE,
            stderr=subprocess.PIPE, env=environment())
        self.addCleanup(self.reap, vm)
        self.expect(vm, b"$ ")
        return vm


class Claims(Started):
    """Nothing on the host is changed before everything is claimed."""

    def setUp(self):
        super().setUp()
        self.disk = self.file("disk.img", bytes(1 << 20))
        self.grown = "scsi0=disk,%s,64" % self.disk

    def size(self):
        return os.stat(self.disk).st_size

    def test_grown(self):
        """It is, when the guest runs; a longer one is never cut."""
        for mib, bytes_ in (64, 64 << 20), (32, 64 << 20):
            vm = self.start("scsi0=disk,%s,%d" % (self.disk, mib))
            self.assertEqual(self.size(), bytes_)
            # The disk is in use until its VM has ended.
            vm.communicate(b"poweroff\n", timeout=SECONDS)

    def test_in_use(self):
        self.start("cobd0=" + self.disk)
        self.refused(self.run_vm(self.grown), 1, self.disk, "in use")
        self.assertEqual(self.size(), 1 << 20)

    def test_refused_later(self):
        """By any of those that come after the disk."""
        none = self.tmp.name + "/none"
        wrong = [["scsi1=disk," + none], ["eth0=tap,cvm-none"],
                 ["scsi1=disk,%s,32" % self.disk],
                 ["ttys0=file:%s/x" % none], ["ttys0=" + none],
                 ["exec0=" + none]]
        if not os.getuid():
            wrong.append(["user=cvm-none"])
        for words in wrong:
            with self.subTest(words):
                self.refused(self.run_vm(self.grown, *words), 1)
                self.assertEqual(self.size(), 1 << 20)
        self.refused(self.run_vm(self.grown, REFUSE=1), 1)
        self.assertEqual(self.size(), 1 << 20)

    def test_cannot_grow(self):
        self.refused(cvmctl("run", "--kernel", self.kernel,
                            "scsi0=disk,%s,1048576" % self.disk,
                            preexec_fn=lambda: resource.setrlimit(
                                resource.RLIMIT_FSIZE, (1 << 39, 1 << 39))),
                     1, self.disk, "cannot grow to 1099511627776 bytes")
        self.assertEqual(self.size(), 1 << 20)

    def test_file_port(self):
        """Its file stays when the VM has run, and one that was there."""
        path = self.tmp.name + "/out"
        words = ("ttys0=file:" + path, "ttys1=file:/nonexistent/out")
        self.refused(self.run_vm(*words), 1, "/nonexistent/out")
        self.assertFalse(os.path.exists(path))
        self.file("out", b"")
        self.refused(self.run_vm(*words), 1, "/nonexistent/out")
        self.assertTrue(os.path.exists(path))
        os.unlink(path)
        result = self.run_vm(words[0])
        self.assertEqual(result.returncode, 0, result.stderr)
        self.assertTrue(os.path.exists(path))

    def test_serial_line(self):
        """Its mode is as it was."""
        ours, theirs = os.openpty()
        before = termios.tcgetattr(theirs)
        self.refused(self.run_vm('ttys0=%s,"BAUD=9600"' % os.ttyname(theirs),
                                 "ttys1=file:/nonexistent/out"), 1)
        self.assertEqual(termios.tcgetattr(theirs), before)
        os.close(ours)
        os.close(theirs)


class Rescan(Started):
    """Disks that become longer or shorter while the guest runs."""

    def test_rescan(self):
        disk = self.file("disk.img", bytes(1 << 20))
        other = self.file("other.img", bytes(1 << 20))
        self.start("--name", "web", "cobd0=" + disk,
                   "scsi3=disk,%s,1" % other)
        os.truncate(disk, 3 << 20)
        os.truncate(other, 1 << 19)
        for words, said in (
                (["cobd0"], "cobd0: 3145728 bytes now, 1048576 before; the "
                 "guest was told\n"),
                ([], "cobd0: 3145728 bytes, as before\nscsi3: 524288 bytes "
                 "now, 1048576 before; the guest was told\n"),
                (["scsi3"], "scsi3: 524288 bytes, as before\n")):
            result = cvmctl("rescan", "web", *words)
            self.assertEqual((result.returncode, result.stdout.decode(),
                              result.stderr), (0, said, b""))
        self.refused(cvmctl("rescan", "7", "cobd1"), 1, "7: it has no disk "
                     "cobd1")
        self.refused(cvmctl("rescan", "8"), 1, "8: no such VM")

    def test_nobody(self):
        self.refused(cvmctl("rescan", "web"), 1, "web: ")
        self.start("--name", "web")
        self.refused(cvmctl("rescan", "web"), 1, "web: it has no disks")


class Formats(Case):
    """A disk that is not raw is not written over."""

    def setUp(self):
        super().setUp()
        self.head = b"QFI\xfb\0\0\0\3".ljust(1 << 20, b"\0")
        self.disk = self.file("disk.img", self.head)

    def test_refused(self):
        for key, kind in (("cobd1=", "cobd1"), ("scsi2=disk,", "scsi2"),
                          ("hda1=", "cobd0")):
            result = self.run_vm(key + self.disk)
            self.refused(result, 1, self.disk, "qcow2", "qemu-img convert "
                         "-f qcow2 -O raw %s NEW.img" % self.disk,
                         "set%s=format=raw" % kind)
        self.refused(self.run_vm("scsi0=disk,%s,64" % self.disk), 1)
        with open(self.disk, "rb") as handle:
            self.assertEqual(handle.read(), self.head)

    def test_insisted(self):
        result = self.run_vm("cobd0=" + self.disk, "setcobd0=format=raw")
        self.assertEqual(result.returncode, 0, result.stderr)

    def test_written_by_its_guest(self):
        self.disk = self.file("disk.img", bytes(1 << 20))
        result = self.run_vm("cobd0=" + self.disk)
        self.assertEqual(result.returncode, 0, result.stderr)
        try:
            os.getxattr(self.disk, "user.libcvm.raw")
        except OSError as err:
            self.assertEqual(err.errno, errno.EOPNOTSUPP)
            self.skipTest("no extended attributes here")
        with open(self.disk, "r+b") as handle:
            handle.write(self.head[:512])
        result = self.run_vm("cobd0=" + self.disk)
        self.assertEqual(result.returncode, 0, result.stderr)
        copy = self.disk + ".copy"
        shutil.copyfile(self.disk, copy)
        self.refused(self.run_vm("cobd0=" + copy), 1, "qcow2")


if __name__ == "__main__":
    case.main()
