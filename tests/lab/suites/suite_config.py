# SPDX-License-Identifier: GPL-2.0-only
"""A VM in coLinux's words, what is refused of it, what its process may do."""

import gzip
import json
import os
import struct

import build
import cpio
import guest
import images
import inside
import iso
import kernels
import machine
import paths

DISK = "/tmp/disk.img"
DIR = "/lab/vm"
REFUSED = 1
MIB = 1 << 20
ROOT_MIB = 16
TRACK = 63 * 512	# what is in front of the first partition
FORCE = "/lab/force_syscall"
NOBODY = "65534"
EACCES = 13
ROW = ("Uid", "CapEff", "NoNewPrivs", "Seccomp")
SIGSYS = 31
SYS_OPENAT, SYS_UNLINK, SYS_SOCKET = 257, 87, 41
AF_INET, SOCK_DGRAM = 2, 2
AT_FDCWD = -100


def _pid(host, name):
    for vm in json.loads(host.sh("cvmctl list --json")):
        if vm["name"] == name:
            return vm["pid"]
    return None


# ---- confinement --------------------------------------------------------

RIGHTS = ("Name", "Uid", "Gid", "Groups", "CapInh", "CapPrm", "CapEff",
          "CapBnd", "CapAmb", "NoNewPrivs", "Seccomp")


def _threads(host, pid):
    """The rights of each thread, as dictionaries."""
    text = host.sh("for t in /proc/%d/task/*; do cat $t/status; echo; done" %
                   pid)
    return [{key: value.strip() for key, _, value in
             (line.partition(":") for line in part.splitlines())
             if key in RIGHTS} for part in text.strip().split("\n\n")]


def _rights(t, host, pid, uid):
    threads = _threads(host, pid)
    t.info("thread           " + " ".join(ROW))
    for one in threads:
        t.info("%-16s %s" % (one["Name"], " ".join(
            one[row].split()[0] for row in ROW)))
    t.check(len(threads) > 3 and all(
        one["Uid"].split() == 4 * [uid] and one["Gid"].split() == 4 * [uid]
        and not one["Groups"].strip() for one in threads),
        "each thread of the VM is user %s, in no other group" % uid, threads)
    t.check(all(not int(one[name], 16) for one in threads for name in
                ("CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb")),
            "no thread of the VM has or can get a capability", threads)
    t.check(all((one["NoNewPrivs"], one["Seccomp"]) == ("1", "2")
                for one in threads),
                "each thread has a seccomp filter that cannot be removed",
                threads)


def _force(host, pid, *words):
    return host.sh(" ".join(str(w) for w in (FORCE, pid, *words))).strip()


def _forbidden(t, host, inner, pid):
    t.equal(_force(host, pid, SYS_OPENAT, 0, 0, os.O_RDONLY),
            "returned %d" % -EACCES, "the confined VM may not open a file")
    t.equal(inner.sh("echo alive"), "alive\n",
            "and runs on after it was refused")
    t.equal(_force(host, pid, SYS_UNLINK, 0), "killed by signal %d" % SIGSYS,
            "a system call that is on no list ends the confined VM")
    inner.ended()
    t.equal((host.sh("cvmctl list --json").strip(), inside.vms(host)),
            ("[]", []), "the driver has no VM then")
    inside.pages_back(t, host, "and the pages of that VM came back")


def _confined(t, host):
    host.sh("dd if=/dev/zero of=%s bs=1M count=8 2>/dev/null; "
            "echo cobd0=%s >/tmp/c" % (DISK, DISK))
    with guest.Guest(host, name="confined",
                     extra=("--config", "/tmp/c")) as inner:
        pid = _pid(host, "confined")
        inner.sh("mke2fs /dev/vda 2>&1 >/dev/null; sync")
        _rights(t, host, pid, NOBODY)
        _forbidden(t, host, inner, pid)


def _networked(t, host):
    """With a slirp card it may open sockets, and files no more than without.
    """
    with _start(host, "name=slirp"):
        pid = _pid(host, "slirp")
        t.check(int(_force(host, pid, SYS_SOCKET, AF_INET, SOCK_DGRAM, 0)
                    .split()[1]) > 2, "a VM with slirp may open sockets")
        t.equal(_force(host, pid, SYS_OPENAT, AT_FDCWD, "/etc/resolv.conf",
                       os.O_RDONLY), "returned %d" % -EACCES,
                       "a VM with slirp may open no file")
        t.equal(_force(host, pid, SYS_UNLINK, 0),
                "killed by signal %d" % SIGSYS,
                "any other system call ends a VM with slirp")
    host.wait(lambda: _ended(host) == "[]", "the VM to end", 60)


def _users(t, host):
    """Who the VM's process becomes."""
    for words, how, uid in (("user=4711", "", "4711"),
                            ("", "SUDO_UID=1234 ", "1234")):
        host.sh("echo '%s' >/tmp/c" % words)
        host.sh("%scvmctl start @/tmp/c kernel=%s initrd=%s name=who" % (
            how, machine.guest_file(t.guest),
            machine.guest_initrd(t.guest)))
        pid = _pid(host, "who")
        t.equal({one["Uid"].split()[0] for one in _threads(host, pid)}, {uid},
                "with \"%s\" the VM's process is user %s" % (
                    how.strip() or words, uid))
        host.sh("cvmctl kill who; while kill -0 %d; do usleep 50000; done "
                "2>/dev/null" % pid)


# ---- files --------------------------------------------------------------

# The server of the example: it tells what it was given.
CD_TEXT = "hello, says a CD\n"
SERVER = """\
#!/bin/sh
echo "$#:$3" >/tmp/server
exec sleep 1000
"""


def _initrd(kernel):
    """Modules for the root file system, or an initrd that mounts it."""
    modules = cpio.Archive()
    modules.file("lib/modules/none", "")
    return gzip.compress(images.root_initrd(kernel) or modules.bytes())


def _files(t):
    """A VM's directory, as a user of coLinux had it."""
    kernel = kernels.guest(t.guest)
    root = images.guest_disk(kernel, ROOT_MIB)
    entry = struct.pack("<B3sB3sII", 0x80, b"\1\1\0", 0x83, b"\xfe\xff\xff",
                        TRACK // 512, len(root) // 512)
    table = entry.ljust(66, b"\0")[:64] + b"\x55\xaa"
    return {
        DIR + "/vm.conf": (paths.SUITES / "colinux.conf").read_bytes(),
        DIR + "/vmlinux": kernel.image.read_bytes(),
        DIR + "/initrd.gz": _initrd(kernel),
        DIR + "/root.img": root,
        DIR + "/swap, or so.img": bytes(MIB),
        DIR + "/whole.img": bytes(446) + table + bytes(TRACK - 512) + root,
        DIR + "/server": SERVER.encode(),
        DIR + "/cd.iso": iso.image("HELLO.TXT", CD_TEXT.encode()),
    }


def _start(host, *words):
    return guest.Guest(host, command=("cvmctl", "run", "@%s/vm.conf" % DIR,
                                      *words, "cvm.lab=agent"))


def _ended(host):
    """Nothing is left: VMs, their processes, their files."""
    return host.sh("cvmctl list --json; ls -A /run/cvm 2>/dev/null; "
                   "pidof cvmctl sleep; true").strip()


def _colinux(t, host):
    """A file as coLinux took it."""
    with _start(host) as inner:
        vda = inner.sh("cat /sys/block/vda/dev").strip()
        t.equal(inside.root(inner), (vda, "ext4"),
                "a file in coLinux's words starts a guest from its cobd0")
        t.equal(inner.sh("cat /sys/block/vdb/size").strip(),
                str(MIB // 512),
                "its second disk is a file with a comma in its name")
        inner.sh("ip addr add 10.0.2.15/24 dev eth0; ip link set eth0 up; "
                 "ping -c 1 10.0.2.2")
        t.check(True, "its slirp network answers")
        t.equal(host.sh("cat /tmp/server").strip(), "3:two words",
                "the program of exec0 is started beside it")
        t.check(host.sh("pidof sleep").strip(), "the program of exec0 goes on")
        total = int(inner.sh("grep MemTotal /proc/meminfo").split()[1])
        t.check(total < 128 << 10,
                "its memory has the size that the file says", total)
        inner.spawn(["poweroff", "-f"])
        t.equal(inner.ended(), 0, "the guest powers off")
    t.equal(_ended(host), "[]", "the program of exec0 has ended with the guest")


def _whole_disk(t, host):
    """An image with a partition table; the command line wins."""
    with _start(host, "mem=96", "cobd0=%s/whole.img" % DIR, "hda=:cobd0",
                "root=/dev/hda1") as inner:
        vda1 = inner.sh("cat /sys/block/vda/vda1/dev").strip()
        t.equal(inside.root(inner), (vda1, "ext4"),
                "an image with a partition table: hda1 is its first "
                "partition")
        total = int(inner.sh("grep MemTotal /proc/meminfo").split()[1])
        t.check(total < 96 << 10, "mem= on the command line wins", total)
    host.wait(lambda: _ended(host) == "[]", "the VM to end", 60)


def _cdrom(t, host):
    """By the kernel's file system for CDs, which those of the lab's own lack.
    """
    if not kernels.stock(t.guest):
        t.skip("scsi0=cdrom is mounted", "built kernels have no ISO 9660")
        return
    with _start(host, "scsi0=cdrom,%s/cd.iso" % DIR) as inner:
        inner.sh("mkdir -p /tmp/cd; mount -t iso9660 -o ro /dev/vdc /tmp/cd")
        t.equal(inner.sh("cat /tmp/cd/hello.txt"), CD_TEXT,
                "scsi0=cdrom is mounted, and has its file")
        t.check(inner.run(["dd", "if=/dev/zero", "of=/dev/vdc", "bs=2k",
                           "count=1"]).status, "and is not written to")
    host.wait(lambda: _ended(host) == "[]", "the VM to end", 60)


# ---- refusals -----------------------------------------------------------

# Words behind those of the file, and what the one line begins with.
REFUSALS = (
    ("cobd1=/no/such.img", "/no/such.img: No such file"),
    ("cobd1=/lab", "/lab: Is a directory"),
    ("cobd1=%s/short.img" % DIR, "%s/short.img: shorter than its partition "
     "table says" % DIR),
    ("cobd1=%s/root.img" % DIR, "%s/root.img: in use" % DIR),
    ("cobd1=c:\\coLinux\\root", "command line: cobd1: c:\\coLinux\\root: a "
     "Windows path"),
    ("cobd32=x", "command line: cobd32: no such number; the last is cobd31"),
    ("setcobd7=sync", "command line: setcobd7: no disk cobd7 is defined"),
    ("hda1=:cobd9", "command line: hda1: no disk cobd9 is defined"),
    ("root=/dev/cobd2", "command line: root=/dev/cobd2: no such disk"),
    ("scsi0=tape,x", "command line: scsi0: tape: not supported; use disk or "
     "cdrom"),
    ("cofs0=/home", "command line: cofs0: a directory of the host cannot"),
    ("eth1=slirp,02:00", "command line: eth1: \"02:00\": not a MAC"),
    ("eth1=pcap-bridge", "command line: eth1: \"pcap-bridge\": not supported"),
    ("mem=lots", "command line: mem: not a size"),
    ("kernl=x", "command line: kernl: unknown key; did you mean kernel?"),
    ("user=nobody-such", "user: nobody-such: no such user"),
    ("user=root", "user: root: a VM must not run as root"),
    ("exec1=/no/such", "exec1: /no/such: No such file"),
)


def _refused(t, host, words, begin):
    proc = host.run(["cvmctl", "run", "@%s/vm.conf" % DIR, *words], limit=120)
    text = proc.err.decode("utf-8", "replace").strip()
    t.check(proc.status == REFUSED and "\n" not in text and
            text.startswith("cvmctl: " + begin),
            "%s: \"%s\"" % (" ".join(words), text),
            "status %d" % proc.status)


def _refusals(t, host):
    host.sh("head -c 100000 %s/whole.img >%s/short.img" % (DIR, DIR))
    for word, begin in REFUSALS:
        _refused(t, host, [word], begin)
    host.sh("printf 'mem=8\nkernel=x\nmem=9\n' >%s/bad.conf" % DIR)
    _refused(t, host, ["@%s/bad.conf" % DIR],
             "%s/bad.conf:3: mem: given a second time" % DIR)
    t.equal(_ended(host), "[]", "after the refusals no VM and no program runs")
    inside.pages_back(t, host, "after the refusals no page is kept")
    with _start(host, "name=first"):
        _refused(t, host, ["name=second"], "%s/root.img: in use" % DIR)
        t.equal([vm["name"] for vm in
                 json.loads(host.sh("cvmctl list --json"))], ["first"],
                "of two VMs with one disk the first runs on")
    host.wait(lambda: _ended(host) == "[]", "the VM to end", 60)


def run(t):
    force = build.static_program(paths.PROGRAMS / "force_syscall.c")
    files = _files(t)
    files[FORCE] = force.read_bytes()
    options = machine.Options(guest=t.guest,
                              files={name[1:]: data for name, data in
                                     files.items()})
    with machine.Machine(options) as host:
        _colinux(t, host)
        _whole_disk(t, host)
        _cdrom(t, host)
        _refusals(t, host)
        _confined(t, host)
        _networked(t, host)
        _users(t, host)
        inside.pages_back(t, host, "all pages came back")
        inside.clean(t, host.sh("dmesg"), "the host's log is clean")
