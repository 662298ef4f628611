# SPDX-License-Identifier: GPL-2.0-only
"""Vector 0x80, where it is a device's: on a host without 32-bit programs.

The guest hands it over, and the host takes it."""

import re

import guest
import inside
import machine
import suite_irq

# Two vectors each: enough that those below 0x80 are all in use.
DISKS = 56
SLOT = 0x10
BYTES = 8 << 20
SECONDS = 5
VECTOR = 0x80

TRACING = "/sys/kernel/tracing"
LOAD = """\
cd %s; echo 0 >tracing_on; echo 4096 >buffer_size_kb
echo 1 >events/irq_vectors/vector_config/enable; echo >trace
echo 1 >tracing_on
insmod /lab/ko/virtio_blk.ko*
echo 0 >tracing_on; cat trace
echo 0 >events/irq_vectors/vector_config/enable
""" % TRACING


def _devices():
    """Disks that take a moment to answer, so that the guest runs then."""
    argv = ["-netdev", "user,id=net", "-device",
            "virtio-net-pci,netdev=net,addr=%#x" % (SLOT - 1)]
    for n in range(DISKS):
        argv += ["-blockdev", "driver=null-co,node-name=n%d,size=%d,"
                 "read-zeroes=on,latency-ns=1000000" % (n, BYTES),
                 "-device", "virtio-blk-pci,drive=n%d,multifunction=on,"
                 "addr=%#x.%d" % (n, SLOT + n // 8, n % 8)]
    return argv


def _owner(host):
    """The device whose vector it is, and which of its interrupts."""
    trace = host.sh(LOAD)
    irqs = {int(vector): int(irq) for irq, vector in
            re.findall(r"vector_config: irq=(\d+) vector=(\d+)", trace)}
    line = host.sh("grep '^ *%d:' /proc/interrupts || true" %
                   irqs.get(VECTOR, -1))
    found = re.search(r"(virtio\d+)-(\S+)", line)
    return found.groups() if found else (None, trace)


def _disk(t, host):
    """The disk for whose requests it is.  A disk has two vectors, and the
    other is silent; a card takes three, and moves them by one."""
    device, what = _owner(host)
    if what == "config":
        host.sh("rmmod virtio_blk; insmod /lab/ko/virtio_net.ko*")
        device, what = _owner(host)
    if not t.check(what and what.startswith("req"), "vector 0x80 is that of a "
                   "disk's requests: %s" % device, what):
        return None
    return host.sh("ls /sys/bus/virtio/devices/%s/block" % device).strip()


def run(t):
    options = machine.Options(
        host="6.12", guest=t.guest, append="ia32_emulation=0",
        modules=("virtio_blk", "virtio_net"), qemu=_devices())
    with machine.Machine(options) as host:
        host.sh("rmmod virtio_blk virtio_net")
        disk = _disk(t, host)
        if not disk:
            return
        with guest.Guest(host) as inner:
            inside.start(inner, host, "while :; do :; done")
            host.spawn(["dd", "if=/dev/" + disk, "of=/dev/null", "bs=4k",
                        "iflag=direct"])
            forwarded, handled, odd = suite_irq.follow(
                suite_irq.trace(host, SECONDS))
            t.check(forwarded.get(VECTOR, 0) > 20 and not odd and
                    forwarded == handled, "each that came in the guest ran "
                    "its handler next: %s" % {
                        hex(v): n for v, n in forwarded.items()},
                    "%s\n%s\n%s" % (forwarded, handled, "\n".join(odd[:10])))
            proc = host.run(["dd", "if=/dev/" + disk, "of=/dev/null",
                             "bs=64k", "iflag=direct"], limit=60)
            t.equal(proc.status, 0, "the disk can be read")
            ident = inside.vms(host)[0]
            ours, theirs = inside.stats(host, ident)["vector_80"]
            t.check(ours == theirs and ours, "guest and monitor counted the "
                    "same, %d" % ours, theirs)
            inside.clean(t, inner.sh("dmesg"), "the guest's log is clean")
        inside.clean(t, host.sh("dmesg"), "the host's log is clean")
