# SPDX-License-Identifier: GPL-2.0-only
"""The Linux driver in both host kernels: conformance, its edge to user space,
what a memory group is charged, unloading."""

import json
import os
import tempfile

import build
import inside
import machine
import paths

CPUS = {"6.1": 2, "6.12": 1}
HOLD_MIB = 64

CHARGE = """\
mkdir -p /tmp/cg && mount -t cgroup2 none /tmp/cg
echo +memory >/tmp/cg/cgroup.subtree_control
mkdir /tmp/cg/vmm
sh -c 'echo $$ >/tmp/cg/vmm/cgroup.procs; exec linux_driver hold %d /tmp/cg/vmm'
""" % HOLD_MIB


def scratch_disk():
    """QEMU arguments for a disk that forgets what is written to it."""
    disk = paths.CACHE / "scratch-disk"
    if not disk.exists():
        # Whole at once: another suite may take it meanwhile.
        with tempfile.NamedTemporaryFile(dir=disk.parent,
                                         delete=False) as handle:
            handle.truncate(64 << 20)
        os.replace(handle.name, disk)
    return ("-drive", "file=%s,format=raw,if=none,id=d,snapshot=on" % disk,
            "-device", "virtio-blk-pci,drive=d")


def _limits(t, host, version):
    """What a control group, or a kernel that guards itself, refuses."""
    host.sh("echo %dM >/tmp/cg/vmm/memory.max" % (HOLD_MIB // 2))
    proc = host.run(["sh", "-c", "echo $$ >/tmp/cg/vmm/cgroup.procs; "
                     "exec linux_driver hold %d /tmp/cg/vmm" % HOLD_MIB])
    t.check(proc.status == 1 and b"Cannot allocate memory" in proc.err,
            "%s: a VM beyond its group's limit is refused" % version,
            proc.err)
    host.sh("mount -t securityfs none /sys/kernel/security || true; "
            "echo integrity >/sys/kernel/security/lockdown")
    proc = host.run(["linux_driver", "hold", "2", "/tmp/cg/vmm"])
    t.check(proc.status == 1 and b"Operation not permitted" in proc.err,
            "%s: a locked down kernel does not open the device" % version,
            proc.err)


def _clock(t, host, version):
    """CHECK tells what keeps the host's time now, not at load."""
    where = "/sys/devices/system/clocksource/clocksource0/"
    first = host.sh("cat %scurrent_clocksource" % where).strip()

    def row():
        rows = json.loads(host.sh("cvmctl check --json || true"))["rows"]
        return next((row["status"], row["reason"]) for row in rows
                    if row["name"] == "tsc-stable")

    for name in [name for name in host.sh(
            "cat %savailable_clocksource" % where).split()
                 if name != first] + [first]:
        host.sh("echo %s >%scurrent_clocksource" % (name, where))
        status, reason = row()
        wanted = ("ok", "clock is the TSC") if name == "tsc" else (
            "note", "clock is %s, not the TSC" % name)
        t.check(status == wanted[0] and wanted[1] in reason,
                "%s: CHECK names the clock %s" % (version, name),
                "%s %s" % (status, reason))


def _look(t, version):
    program = build.static_program(paths.PROGRAMS / "linux_driver.c")
    options = machine.Options(
        host=version, cpus=CPUS[version], guests=(), modules=("virtio_blk",),
        files={"lab/bin/linux_driver": program.read_bytes()},
        qemu=scratch_disk())
    with machine.Machine(options) as host:
        selftest = "/sys/kernel/debug/cvm/selftest"
        text = host.sh("echo 1 >%s; cat %s" % (selftest, selftest))
        inside.each_line(t, text, "%s host API" % version)
        proc = host.run(["linux_driver", "/dev/vda"])
        inside.each_line(t, proc.out.decode(), "%s driver" % version)
        charged = int(host.sh(CHARGE)) >> 20
        t.check(charged >= HOLD_MIB, "%s: %d MiB of guest memory charge the "
                "VMM's group with %d MiB" % (version, HOLD_MIB, charged))
        inside.pages_back(t, host, "%s: every page came back" % version)
        _clock(t, host, version)
        host.sh("rmmod cvm; insmod /lab/ko/cvm.ko")
        _limits(t, host, version)
        host.sh("rmmod cvm")
        t.check("cvm" not in host.sh("lsmod").split(),
                "%s: the module unloads" % version)
        inside.clean(t, host.sh("dmesg"),
                     "%s: the host's log is clean" % version)


def run(t):
    for version in paths.HOSTS:
        _look(t, version)
