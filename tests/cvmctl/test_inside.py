#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only
"""Kernel and initrd out of the file system of a disk, by the fake driver.

usage: test_inside.py CVMCTL FAKE_DRIVER.so [unittest options]
"""
import os
import re
import shutil
import struct
import subprocess
import unittest

import case
from case import Case, cvmctl, elf, environment

MIB = 1 << 20
PATH = os.environ["PATH"] + ":/usr/sbin:/sbin"
TOOLS = {name: shutil.which(name, path=PATH)
         for name in ("mke2fs", "debugfs", "e2fsck", "sfdisk", "mkswap")}
OTHER, NEWER = 7, 9	# guest ABIs that nobody has: which kernel it is


def full(abi):
    """A kernel without blocks of zeroes, which a file system leaves out."""
    data = elf(abi=abi)
    return data[:512] + data[512:0x4000].replace(b"\0", b"x") + \
        data[0x4000:]


def tool(name, *args, **more):
    return subprocess.run([TOOLS[name], *args], check=True,
                          capture_output=True, **more).stdout


@unittest.skipUnless(all(TOOLS.values()), "no e2fsprogs, fdisk or util-linux")
class Inside(Case):
    def setUp(self):
        super().setUp()
        built = cvmctl("version", "--json").stdout
        if b'"ext2fs": true' not in built.replace(b'":true', b'": true'):
            self.skipTest("built without libext2fs")
        self.root = os.path.join(self.tmp.name, "root")
        os.makedirs(self.root + "/boot")
        self.put("boot/vmlinuz-1", elf())
        self.put("boot/initrd.img-1", bytes(15 * MIB))
        os.symlink("boot/vmlinuz-1", self.root + "/vmlinuz")
        os.symlink("/boot/initrd.img-1", self.root + "/initrd.img")
        self.disk = os.path.join(self.tmp.name, "disk.img")

    def put(self, name, data):
        with open(os.path.join(self.root, name), "wb") as handle:
            handle.write(data)

    def make(self, *options, kind="ext4", at=0, mib=32):
        with open(self.disk, "ab") as handle:
            handle.truncate(max(handle.tell(), (at + mib) * MIB))
        tool("mke2fs", "-q", "-F", "-t", kind, "-d", self.root, "-E",
             "offset=%d" % (at * MIB), *options, self.disk, "%dM" % mib)

    def debugfs(self, *commands):
        return tool("debugfs", "-w", "-f", "-", self.disk,
                    input="\n".join(commands).encode()).decode()

    def boot(self, kernel, *words, mem="64", disk="cobd0=", **fake):
        return cvmctl("run", "--mem", mem, "--kernel", kernel,
                      disk + self.disk, *words, stdin=b"poweroff\n", **fake)

    def boots(self, *args, **more):
        result = self.boot(*args, **more)
        self.assertEqual(result.returncode, 0, result.stderr)

    def is_kernel(self, abi, *args):
        """The one that is found is refused, by this number."""
        self.refused(self.boot(*args), 1, "cobd0",
                     "built for guest ABI %d" % abi)


class Found(Inside):
    def test_short(self):
        self.make()
        self.boots("cobd0:")
        # Its initrd comes along: with that it is too large.
        self.refused(self.boot("cobd0:", mem="16"), 1, "initrd 15 MiB")
        self.boots("cobd0:", "initrd=" + self.kernel, mem="16")
        self.boots("cobd0:/vmlinuz", mem="16")
        self.boots("cobd0:", disk="hda1=")
        self.boots("scsi2:", disk="scsi2=disk,")

    def test_long(self):
        self.make()
        self.boots("cobd0:/boot/vmlinuz-1", "initrd=cobd0:/initrd.img")
        self.refused(self.boot("cobd0:/vmlinuz", "initrd=cobd0:/initrd.img",
                               mem="16"), 1, "initrd 15 MiB")
        self.boots("hda2:/vmlinuz", disk="hda2=")

    def test_kinds(self):
        """All three, small and large blocks, and tails that are no block."""
        for kind, options in (("ext2", ()), ("ext3", ("-b", "1024")),
                              ("ext4", ("-b", "4096")),
                              ("ext4", ("-O", "^extent,^64bit,^has_journal")),
                              ("ext4", ("-O", "64bit,bigalloc"))):
            with self.subTest(kind, options=options):
                self.make(*options, kind=kind)
                self.boots("cobd0:")
                os.unlink(self.disk)

    def test_newest(self):
        """The next start has what a package made the link of."""
        self.make()
        new = self.file("new", elf(abi=NEWER))
        self.debugfs("write %s boot/vmlinuz-2" % new, "rm vmlinuz",
                     "symlink vmlinuz boot/vmlinuz-2")
        self.is_kernel(NEWER, "cobd0:")
        self.boots("cobd0:/boot/vmlinuz-1")

    def test_boot(self):
        os.unlink(self.root + "/vmlinuz")
        os.unlink(self.root + "/initrd.img")
        os.symlink("vmlinuz-1", self.root + "/boot/vmlinuz")
        os.symlink("initrd.img-1", self.root + "/boot/initrd")
        self.make()
        self.boots("cobd0:")

    def test_partitions(self):
        for label, kind in (("gpt", "L"), ("dos", "83")):
            with open(self.disk, "wb") as handle:
                handle.truncate(128 * MIB)
            tool("sfdisk", "-q", self.disk, input=(
                "label: %s\nsize=16M,type=%s\nsize=64M,type=%s\n" %
                (label, kind, kind)).encode())
            self.put("boot/vmlinuz-1", elf(abi=OTHER))
            self.make("-b", "1024", at=1, mib=16)
            self.put("boot/vmlinuz-1", elf())
            self.make(at=17, mib=64)
            self.boots("cobd0:")
            self.boots("cobd0:2")
            self.boots("cobd0:2/boot/vmlinuz-1")
            self.is_kernel(OTHER, "cobd0:1")
            self.is_kernel(OTHER, "cobd0:1/vmlinuz")
            self.boots("hda2:/vmlinuz", disk="hda=")
            self.refused(self.boot("cobd0:3/vmlinuz"), 1,
                         "cobd0:3/vmlinuz: %s has no partition 3" % self.disk)

    def test_read_only(self):
        """It is looked at, not changed."""
        self.make()
        with open(self.disk, "rb") as handle:
            before = handle.read()
        self.boots("cobd0:")
        with open(self.disk, "rb") as handle:
            self.assertEqual(handle.read(), before)


class Journal(Inside):
    """Of a file system that was not unmounted."""

    def setUp(self):
        super().setUp()
        self.old = full(OTHER)
        self.new = full(NEWER)
        self.put("boot/vmlinuz-1", self.old)

    def blocks(self, path="/boot/vmlinuz-1"):
        return tool("debugfs", "-R", "blocks " + path,
                    self.disk).decode().split()

    def write(self, data, options=""):
        """Into the journal alone, as a mount does before it writes them."""
        blocks = self.blocks()
        data = data.ljust(len(blocks) * 4096, b"\0")
        name = self.file("data", data)
        self.debugfs("jo" + options, "jw -b %s %s" % (",".join(blocks), name),
                     "jc")

    def replayed(self):
        """e2fsck's opinion: which kernel is it?"""
        copy = self.disk + ".copy"
        shutil.copy(self.disk, copy)
        subprocess.run([TOOLS["e2fsck"], "-fy", copy], capture_output=True)
        got = tool("debugfs", "-R", "cat /boot/vmlinuz-1", copy)
        os.unlink(copy)
        for abi in OTHER, NEWER:
            if got == full(abi):
                return abi
        return None

    def options(self):
        for features in ("", "64bit,", "^64bit,"):
            for csum in ("", " -c", " -c -v 2"):
                with self.subTest(features=features, csum=csum):
                    if os.path.exists(self.disk):
                        os.unlink(self.disk)
                    self.make("-b", "4096", "-O", features + "metadata_csum"
                              if csum else features + "^metadata_csum",
                              "-J", "size=4")
                    yield csum

    def test_committed(self):
        for csum in self.options():
            self.is_kernel(OTHER, "cobd0:/vmlinuz")
            self.write(self.new, csum)
            self.assertEqual(self.replayed(), NEWER)
            self.is_kernel(NEWER, "cobd0:/vmlinuz")

    def test_escaped(self):
        """A block that begins with the journal's own number."""
        self.make("-b", "4096", "-J", "size=4")
        magic = b"\xc0\x3b\x39\x98".ljust(4096, b"x")
        self.write(magic)
        self.refused(self.boot("cobd0:/vmlinuz"), 1, "not a kernel image")
        self.assertEqual(self.replayed(), None)

    def test_newest_counts(self):
        self.make("-b", "4096", "-J", "size=4")
        self.write(self.new)
        self.write(self.old)
        self.assertEqual(self.replayed(), OTHER)
        self.is_kernel(OTHER, "cobd0:/vmlinuz")
        self.write(self.new)
        self.assertEqual(self.replayed(), NEWER)
        self.is_kernel(NEWER, "cobd0:/vmlinuz")

    def test_revoked(self):
        """Freed after it was written: it must not come back."""
        self.make("-b", "4096", "-J", "size=4")
        self.write(self.new)
        blocks = ",".join(self.blocks())
        self.debugfs("jo", "jw -r " + blocks, "jc")
        self.assertEqual(self.replayed(), OTHER)
        self.is_kernel(OTHER, "cobd0:/vmlinuz")
        self.write(self.new)
        self.assertEqual(self.replayed(), NEWER)
        self.is_kernel(NEWER, "cobd0:/vmlinuz")

    def journal(self):
        """Where its blocks are on the disk."""
        return [int(n) for n in self.blocks("<8>")]

    def spoil(self, block, offset, data):
        with open(self.disk, "r+b") as handle:
            handle.seek(block * 4096 + offset)
            handle.write(data)

    def test_not_committed(self):
        """Without its commit block, or with a wrong one, it does not count."""
        for csum in self.options():
            self.write(self.new, csum)
            for block in self.journal():
                with open(self.disk, "rb") as handle:
                    handle.seek(block * 4096)
                    if handle.read(8) == struct.pack(">II", 0xc03b3998, 2):
                        break
            else:
                self.fail("no commit block")
            self.spoil(block, 4, struct.pack(">I", 77))
            self.assertEqual(self.replayed(), OTHER)
            self.is_kernel(OTHER, "cobd0:/vmlinuz")

    def test_damaged(self):
        self.make("-b", "4096", "-O", "metadata_csum", "-J", "size=4")
        self.write(self.new, " -c")
        # A block of a transaction that is complete by its commit block.
        self.spoil(self.journal()[2], 1000, b"yy")
        self.refused(self.boot("cobd0:/vmlinuz"), 1, "was not unmounted",
                     "its journal is damaged")
        self.spoil(self.journal()[0], 16, struct.pack(">I", 1 << 30))
        self.refused(self.boot("cobd0:/vmlinuz"), 1, "journal is damaged")

    def test_fast_commits(self):
        self.make("-b", "4096", "-O", "^metadata_csum", "-J", "size=4")
        self.write(self.new)
        self.spoil(self.journal()[0], 40, struct.pack(">I", 0x21))
        self.refused(self.boot("cobd0:/vmlinuz"), 1, "fast commits")


class Refused(Inside):
    def says(self, text, kernel, *words, status=1, **more):
        self.assertEqual(self.boot(kernel, *words, **more).stderr.decode(),
                         "cvmctl: %s\n" % text.replace("DISK", self.disk))
        self.refused(self.boot(kernel, *words, **more), status)

    def test_words(self):
        self.make()
        for kernel, text in (
                ("cobd1:/vmlinuz", "no disk cobd1 is defined"),
                ("cobd99:/x", "no disk cobd99 is defined"),
                ("hda:/x", "no disk hda is defined"),
                ("cobd0:x", "x: neither a path (/vmlinuz) nor the number of "
                 "a partition"),
                ("cobd0:0/x", "0/x: neither a path (/vmlinuz) nor the number "
                 "of a partition")):
            self.says("run: --kernel %s: %s (see cvmctl run --help)" % (
                kernel, text), kernel, status=2)
        self.refused(self.boot("cobd0:", "initrd=cobd0:"), 1,
                     "initrd: no path given, as in initrd=cobd0:/initrd.img")
        # A file of the host's of such a name.
        self.refused(self.boot("./cobd0:"), 1, "./cobd0:: No such file")

    def test_missing(self):
        self.make()
        self.says("cobd0:/no: no such file in the file system of DISK",
                  "cobd0:/no")
        self.says("cobd0:/vmlinuz/x: its file system cannot be read (Ext2 "
                  "inode is not a directory); fsck it", "cobd0:/vmlinuz/x")
        os.unlink(self.root + "/initrd.img")
        self.make()
        self.says("cobd0: DISK has no /initrd.img nor /boot/initrd.img; "
                  "name it (initrd=cobd0:/PATH), or name the kernel if that "
                  "needs none", "cobd0:")
        os.unlink(self.root + "/vmlinuz")
        self.make()
        self.says("cobd0: DISK has neither /vmlinuz nor /boot/vmlinuz; name "
                  "the file, as in kernel=cobd0:/boot/vmlinuz-VERSION",
                  "cobd0:")

    def test_no_file(self):
        os.symlink("loop", self.root + "/loop")
        os.symlink("nowhere", self.root + "/dangling")
        with open(self.root + "/sparse", "wb") as handle:
            handle.truncate(3 << 30)
        self.put("empty", b"")
        self.make()
        self.says("cobd0:/boot: not a file", "cobd0:/boot")
        self.says("cobd0:/sparse: too large: 3072 MiB, at most 2048 "
                  "are possible", "cobd0:/sparse")
        self.refused(self.boot("cobd0:/loop"), 1, "symbolic links")
        self.refused(self.boot("cobd0:/dangling"), 1, "no such file")
        self.refused(self.boot("cobd0:/empty"), 1, "not a kernel image")

    def test_other_systems(self):
        with open(self.disk, "wb") as handle:
            handle.truncate(32 * MIB)
        self.says("cobd0: DISK is no file system, and only ext2, ext3 and "
                  "ext4 are read; give kernel and initrd as files", "cobd0:")
        tool("mkswap", self.disk)
        self.says("cobd0: DISK is on swap, and only ext2, ext3 and ext4 are "
                  "read; give kernel and initrd as files", "cobd0:")
        tool("sfdisk", "-q", self.disk, input=b"label: dos\nsize=4M\n")
        self.says("cobd0: no partition of DISK has a file system that a "
                  "Linux could be on", "cobd0:")
        self.file("disk.img", b"QFI\xfb\0\0\0\3".ljust(MIB, b"\0"))
        self.says("DISK: not a raw disk; cvmctl image info tells how to make "
                  "one", "cobd0:")

    def test_cut(self):
        self.make()
        os.truncate(self.disk, 20 * MIB)
        self.refused(self.boot("cobd0:"), 1, "shorter than its file system")

    def test_in_use(self):
        """By another VM, which writes to it: not even looked at."""
        self.put("boot/vmlinuz-1", elf(abi=OTHER))
        self.make()
        vm = subprocess.Popen(
            [case.CVMCTL, "run", "--kernel", self.kernel,
             "cobd0=" + self.disk], stdin=subprocess.PIPE,
            stdout=subprocess.PIPE, stderr=subprocess.PIPE,
            env=environment())
        self.addCleanup(self.reap, vm)
        self.expect(vm, b"$ ")
        self.says("DISK: in use by another VM or program", "cobd0:")

    def test_spoiled(self):
        """Any bytes of it: one line, or a kernel."""
        self.make("-b", "1024", mib=8)
        with open(self.disk, "rb") as handle:
            good = handle.read()
        places = [m.start() for m in re.finditer(rb"[^\0]{4}", good[:MIB])]
        for n in range(60):
            bad = bytearray(good)
            for at in places[n::61]:
                bad[at] ^= 1 << n % 8
            self.file("disk.img", bad)
            result = self.boot("cobd0:")
            if result.returncode:
                self.refused(result, 1)


if __name__ == "__main__":
    case.main()
