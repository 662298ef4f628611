# SPDX-License-Identifier: GPL-2.0-only
"""A disk that a Linux on QEMU partitioned (MBR, GPT), formatted and filled: it
runs from it, and so do guests, from the same disk and from a copy without its
first 63 sectors.

As coLinux wanted them.  Each writes a file, and those that come after it read
it."""

import json
import pathlib
import tempfile

import build
import guest
import images
import inside
import kernels
import machine

MIB = 1 << 20
DISK_BYTES = 48 * MIB
TRACK = 63		# sectors before the first partition
MODULES = ("virtio_blk", "ext4", "loop")
TOOLS = ("/sbin/mke2fs", "/sbin/sfdisk")
STRIPPED = "/tmp/stripped.img"
CONFIG = "/tmp/vm.conf"
INITRD = "lab/root-initrd"	# for kernels that cannot mount it

# What an fdisk of old proposes, by pressing return: all of the disk, from the
# second track on.
FDISK = r"printf 'n\np\n1\n\n\na\n1\nw\n' | fdisk %s"
SFDISK = "printf 'label: gpt\n,,L\n' | sfdisk -q %s"

# The installing system copies itself.  What is there of the kernel it runs on
# stays behind, and what it starts with depends on where it finds itself.
INSTALL = """\
set -e
/sbin/mke2fs -q -t ext4 %s1
mkdir -p /mnt
mount -t ext4 %s1 /mnt
cp -a /bin /sbin /etc /lab /root /mnt
cd /mnt
rm -r lab/ko lab/modules
ln -s ../bin/busybox sbin/init
mkdir proc sys dev tmp run
cat >lab/start
chmod 755 lab/start lab/start-*
echo installer >from-installer
cd /
umount /mnt
"""
START = """\
#!/bin/sh
mount -o remount,rw /
[ -d /sys/hypervisor/cvm ] && exec /lab/start-guest
exec /lab/start-host
"""


def _qemu(paths):
    """What is written to these disks stays."""
    argv = []
    for number, path in enumerate(paths):
        argv += ["-drive", "if=none,id=d%d,format=raw,file=%s" % (
            number, path), "-device", "virtio-blk-pci,drive=d%d" % number]
    return tuple(argv)


def _files(programs):
    """Programs with their libraries, where they are on this machine."""
    parts = set(programs)
    for name in programs:
        parts.update(map(str, build.libraries(name)))
    return {name[1:]: pathlib.Path(name).read_bytes() for name in parts}


def _install(t, disks):
    files = _files(TOOLS)
    files["lab/start-host"] = images.HOST_START.encode()
    files["lab/start-guest"] = images.GUEST_START.encode()
    options = machine.Options(driver=False, guests=(), modules=MODULES,
                              files=files, qemu=_qemu(disks))
    with machine.Machine(options) as host:
        for disk, table in (("/dev/vda", FDISK), ("/dev/vdb", SFDISK)):
            host.sh(table % disk)
            machine.checked(host.run(
                ["sh", "-c", INSTALL.replace("%s", disk)],
                stdin=START.encode()), "installing to " + disk)
        t.equal(host.sh("cat /sys/block/vda/vda1/start").strip(), str(TRACK),
                "fdisk's first partition begins behind the first track")


def _write(kernel, who):
    kernel.sh("echo %s >/from-%s; sync" % (who, who))


def _read(t, kernel, names, what, where="/"):
    text = kernel.sh("cd %s; for f in from-*; do echo $f $(cat $f); done" %
                     where)
    t.equal(text.splitlines(), ["from-%s %s" % (n, n) for n in sorted(names)],
            what)


def _on(t, kernel, dev, known, what):
    """Its root is on that device, and has these files."""
    number = kernel.sh("cat /sys/class/block/%s/dev" % dev).strip()
    t.equal(inside.root(kernel), (number, "ext4"), what)
    _read(t, kernel, known, "it reads what was written before")


def _native(t, disks):
    """The installed system, on QEMU."""
    options = machine.Options(driver=False, guests=(), modules=MODULES,
                              debian_host=True, host_root="/dev/vda1",
                              qemu=_qemu(disks))
    with machine.Machine(options) as host:
        _on(t, host, "vda1", ["installer"], "a system that was installed on QEMU "
            "boots from its disk there")
        _write(host, "qemu")


def _guest(t, host, disk, root, known, who, what):
    """A guest that mounts its root itself, from its whole disk or from the
    one partition there, writes and powers off."""
    initrd = "initrd=/" + INITRD if INITRD in host.options.files else ""
    host.sh("echo 'kernel=%s %s mem=96 cobd0=%s root=%s rw cvm.lab=agent' "
            ">%s" % (machine.guest_file(t.guest), initrd, disk, root, CONFIG))
    with guest.Guest(host, command=("cvmctl", "run", "@" + CONFIG)) as inner:
        dev = inner.sh("cd /sys/class/block; ls -d vda* | tail -n 1").strip()
        _on(t, inner, dev, known, what)
        _write(inner, who)
        inner.spawn(["poweroff"])
        t.equal(inner.ended(), 0, "and powers off")


def _guests(t, host):
    known = ["installer", "qemu"]
    _guest(t, host, "/dev/vda", "/dev/vda1", known, "guest",
           "a guest runs from the same disk, unchanged")
    known += ["guest"]
    host.sh("dd if=/dev/vda of=%s bs=%d skip=1 2>/dev/null" % (
        STRIPPED, TRACK * 512))
    _guest(t, host, STRIPPED, "/dev/cobd0", known, "stripped",
           "and from a copy without its first 63 sectors")
    for disk, names, what in (
            ("/dev/vda1", known, "the host reads what the guest wrote"),
            ("-o loop " + STRIPPED, known + ["stripped"],
             "and what is in the copy")):
        host.sh("mkdir -p /mnt; mount -t ext4 %s /mnt" % disk)
        _read(t, host, names, what, "/mnt")
        host.sh("umount /mnt")


def _gpt(t, host):
    uuid = json.loads(host.sh("sfdisk -J /dev/vdb"))["partitiontable"][
        "partitions"][0]["uuid"]
    info = json.loads(host.sh("cvmctl image info --json /dev/vdb"))
    t.equal((info["table"], info["root"]), ("gpt", "/dev/vda1"),
            "image info knows a disk with a GPT")
    _guest(t, host, "/dev/vdb", "/dev/vda1", ["installer"], "guest",
           "a guest runs from a disk with a GPT")
    _guest(t, host, "/dev/vdb", "PARTUUID=" + uuid, ["installer", "guest"],
           "again", "and finds its root by the partition's UUID")


def run(t):
    with tempfile.TemporaryDirectory(prefix="cvm-disks-") as where:
        disks = [pathlib.Path(where) / name for name in ("mbr", "gpt")]
        for path in disks:
            with open(path, "wb") as handle:
                handle.truncate(DISK_BYTES)
        _install(t, disks)
        _native(t, disks)
        initrd = images.root_initrd(kernels.guest(t.guest))
        files = _files(TOOLS)
        if initrd:
            files[INITRD] = initrd
        options = machine.Options(guest=t.guest, modules=MODULES, files=files,
                                  qemu=_qemu(disks))
        with machine.Machine(options) as host:
            _guests(t, host)
            _gpt(t, host)
            inside.pages_back(t, host, "all pages came back")
            inside.clean(t, host.sh("dmesg"), "the host's log is clean")
