# SPDX-License-Identifier: GPL-2.0-only
"""What a configuration file makes of a VM, and what the VM's process may."""

import json
import os

import build
import guest
import inside
import machine
import paths

DISK = "/tmp/disk.img"
FORCE = "/lab/force_syscall"
NOBODY = "65534"
EACCES = 13
ROW = ("Uid", "CapEff", "NoNewPrivs", "Seccomp")
SIGSYS = 31
SYS_OPENAT, SYS_UNLINK = 257, 87


def _pid(host, name):
    for vm in json.loads(host.sh("cvmctl list --json")):
        if vm["name"] == name:
            return vm["pid"]
    return None


# ---- confinement --------------------------------------------------------

def _threads(host, pid):
    """The status of each thread, as dictionaries."""
    text = host.sh("for t in /proc/%d/task/*; do cat $t/status; echo; done" %
                   pid)
    return [{key: value.strip() for key, _, value in
             (line.partition(":") for line in part.splitlines())}
            for part in text.strip().split("\n\n")]


def _rights(t, host, pid, uid):
    threads = _threads(host, pid)
    t.info("thread           " + " ".join(ROW))
    for one in threads:
        t.info("%-16s %s" % (one["Name"], " ".join(
            one[row].split()[0] for row in ROW)))
    t.check(len(threads) > 3 and all(
        one["Uid"].split() == 4 * [uid] and one["Gid"].split() == 4 * [uid]
        and not one["Groups"].strip() for one in threads),
        "each of its threads is user %s, without other groups" % uid, threads)
    t.check(all(not int(one[name], 16) for one in threads for name in
                ("CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb")),
            "none has or can get a capability", threads)
    t.check(all((one["NoNewPrivs"], one["Seccomp"]) == ("1", "2")
                for one in threads), "all are filtered, for good", threads)


def _force(host, pid, *words):
    return host.sh(" ".join(str(w) for w in (FORCE, pid, *words))).strip()


def _forbidden(t, host, inner, pid):
    t.equal(_force(host, pid, SYS_OPENAT, 0, 0, os.O_RDONLY),
            "returned %d" % -EACCES, "it is refused to open a file")
    t.equal(inner.sh("echo alive"), "alive\n", "and runs on")
    t.equal(_force(host, pid, SYS_UNLINK, 0), "killed by signal %d" % SIGSYS,
            "any other call that is on no list ends it")
    inner.ended()
    t.equal((host.sh("cvmctl list --json").strip(), inside.vms(host)),
            ("[]", []), "and the VM with it")
    inside.pages_back(t, host, "whose pages came back")


def _confined(t, host):
    host.sh("dd if=/dev/zero of=%s bs=1M count=8 2>/dev/null; "
            "echo cobd0=%s >/tmp/c" % (DISK, DISK))
    with guest.Guest(host, name="confined",
                     extra=("--config", "/tmp/c")) as inner:
        pid = _pid(host, "confined")
        inner.sh("mke2fs /dev/vda 2>&1 >/dev/null; sync")
        _rights(t, host, pid, NOBODY)
        _forbidden(t, host, inner, pid)


def _users(t, host):
    """Who the VM's process becomes."""
    for words, how, uid in (("user=4711", "", "4711"),
                            ("", "SUDO_UID=1234 ", "1234")):
        host.sh("echo '%s' >/tmp/c" % words)
        host.sh("%scvmctl start @/tmp/c kernel=%s initrd=%s name=who" % (
            how, machine.guest_file("6.12"), machine.GUEST_INITRD))
        pid = _pid(host, "who")
        t.equal({one["Uid"].split()[0] for one in _threads(host, pid)}, {uid},
                "with \"%s\" it is user %s" % (how.strip() or words, uid))
        host.sh("cvmctl kill who; while kill -0 %d; do usleep 50000; done "
                "2>/dev/null" % pid)


def run(t):
    force = build.static_program(paths.ROOT / "tests/lab/force_syscall.c")
    options = machine.Options(guests=("6.12",),
                              files={FORCE[1:]: force.read_bytes()})
    with machine.Machine(options) as host:
        _confined(t, host)
        _users(t, host)
        inside.pages_back(t, host, "all pages came back")
        inside.clean(t, host.sh("dmesg"), "the host's log is clean")
