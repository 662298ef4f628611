# SPDX-License-Identifier: GPL-2.0-only
"""Disks and randomness by the kernels' own virtio drivers: contents both ways,
what fsync promised, bad disks."""

import guest
import inside
import machine

DISK = "/tmp/disk.img"
CONFIG = "/tmp/vm.conf"
MIB = 1 << 20
REFUSED = 1


def _configure(host, *words):
    host.sh("cat >%s <<'END'\n%s\nEND" % (CONFIG, "\n".join(words)))


def _sha(kernel, path):
    return kernel.sh("sha256sum " + path).split()[0]


def _interrupts(inner, slot):
    for line in inner.sh("cat /proc/interrupts").splitlines():
        words = line.split()
        if words and words[-1] == "cvm-virtio%d" % slot:
            return int(words[1])
    return None


def _disk(t, host, inner):
    t.equal(inner.sh("cat /sys/block/vda/size").strip(), str(8 * MIB // 512),
            "the guest sees a disk of 8 MiB")
    t.equal(_sha(inner, "/dev/vda"), _sha(host, DISK),
            "the guest reads from it what the host's file holds")
    before = _interrupts(inner, 1)
    inner.sh("dd if=/dev/urandom of=/dev/vda bs=64k count=64 conv=fsync "
             "2>/dev/null; echo 3 >/proc/sys/vm/drop_caches")
    after = _interrupts(inner, 1)
    t.check(before is not None and after > before,
            "the disk's interrupt is named and counted", (before, after))
    t.equal(_sha(host, DISK), _sha(inner, "/dev/vda"),
            "what the guest wrote and synced is in the file")


def _rung(host, inner, script):
    """While the guest runs a script: doorbells, those that left RUN, and
    interrupts that the monitor armed."""
    ident = inside.vms(host)[0]
    before = inside.stats(host, ident)
    inner.sh(script)
    after = inside.stats(host, ident)

    def more(name):
        return after[name] - before[name]

    rung = more("exit_doorbell")
    return rung, rung - more("doorbells"), more("windows")


def _doorbells(t, host, inner):
    """A device with a thread of its own is signalled by the driver, and what
    leaves RUN are commands, of which there are none while it works.  A disk
    in the host's memory is served in the vCPU's thread, and its interrupt comes
    with the answer."""
    rung, left, _ = _rung(host, inner, "head -c 20000 /dev/hwrng >/dev/null")
    t.check(rung > 0 and not left, "%d doorbells while random numbers were "
            "read, %d of them left RUN" % (rung, left))
    rung, left, windows = _rung(
        host, inner, "for i in 1 2 3 4 5 6 7 8 9 10; do dd if=/dev/vda "
        "of=/dev/null bs=64k count=8 iflag=direct 2>/dev/null; done")
    # (The guest may have asked for randomness meanwhile.)
    t.check(rung >= left >= 80, "%d doorbells while a disk in memory was read "
            "80 times, %d of them left RUN" % (rung, left))
    t.check(windows < rung // 2, "for %d of them an interrupt was armed" %
            windows)


def _shortened(t, host, inner):
    """The host's file loses its end: the guest's disk does, nobody else; and
    has another length then, of which its kernel is told."""
    disk = DISK + ".2"
    size = ("n=0; until [ $(cat /sys/block/vdb/size) = %d -o $n = 600 ]; do "
            "sleep 0.1; n=$((n + 1)); done; cat /sys/block/vdb/size")
    host.sh("truncate -s 4M " + disk)
    read = ("dd if=/dev/vdb of=/dev/null bs=64k skip=%d count=4 iflag=direct "
            "2>&1")
    t.check("error" in inner.sh(read % 96 + "; true"),
            "a disk whose file was cut off gives errors there")
    t.check("error" not in inner.sh(read % 8 + "; true"),
            "the beginning of a disk that was cut off can be read")
    t.equal(inner.sh(size % 8192).strip(), "8192", "the guest's kernel knows "
            "how long it is")
    host.sh("truncate -s 8M " + disk)
    t.equal(host.sh("cvmctl rescan %s cobd1" % inside.vms(host)[0]).strip(),
            "cobd1: 8388608 bytes now, 4194304 before; the guest was told",
            "rescan looks at a disk anew")
    t.equal(inner.sh(size % 16384).strip(), "16384",
            "after rescan the guest knows the new length")
    t.check("error" not in inner.sh(read % 96 + "; true"),
            "and the end can be read, once the file has one again")


def _filesystem(t, inner):
    inner.sh("mke2fs /dev/vdb >/dev/null 2>&1; mkdir /tmp/m; "
             "mount -t ext4 /dev/vdb /tmp/m")
    inner.sh("dd if=/dev/urandom of=/tmp/m/f bs=64k count=32 2>/dev/null")
    first = _sha(inner, "/tmp/m/f")
    inner.sh("umount /tmp/m; echo 3 >/proc/sys/vm/drop_caches; "
             "mount -t ext4 /dev/vdb /tmp/m")
    t.equal(_sha(inner, "/tmp/m/f"), first,
            "a file on a second disk survives being mounted anew")
    inner.sh("umount /tmp/m")


def _random(t, inner):
    source = inner.sh("cat /sys/class/misc/hw_random/rng_current").strip()
    t.check(source.startswith("virtio_rng"), "the guest's source of "
            "randomness is virtio's", source)
    t.equal(inner.sh("head -c 5000 /dev/hwrng | wc -c").strip(), "5000",
            "the guest's source of randomness gives 5000 bytes")


def _killed(t, host, inner):
    """What fsync acknowledged outlives the VMM."""
    inner.sh("echo acknowledged | dd of=/dev/vda bs=512 count=1 conv=fsync,"
             "notrunc 2>/dev/null")
    inner.proc.signal(9)
    inner.ended()
    t.equal(host.sh("head -n 1 " + DISK), "acknowledged\n",
            "what the guest synced outlives kill -9 of its VMM")


def _guest(t, host, version):
    options = machine.Options(guest=version)
    host.sh("dd if=/dev/urandom of=%s bs=1M count=8 2>/dev/null; "
            "dd if=/dev/zero of=%s.2 bs=1M count=8 2>/dev/null" % (DISK, DISK))
    _configure(host, "cobd0=" + DISK, "cobd1=%s.2" % DISK)
    with guest.Guest(host, options, extra=("--config", CONFIG)) as inner:
        _disk(t, host, inner)
        _doorbells(t, host, inner)
        _filesystem(t, inner)
        _random(t, inner)
        t.equal(inner.sh("cat /sys/hypervisor/cvm/recorder"), "",
                "the hardware-access recorder is empty")
        inside.clean(t, inner.sh("dmesg"), "the guest's log is clean")
        _shortened(t, host, inner)
        _busy(t, host)
        _killed(t, host, inner)


def _refused(t, host, disk, word, what):
    _configure(host, "kernel=" + machine.guest_file(t.guest), "mem=64",
               "cobd0=" + disk)
    proc = host.run(["cvmctl", "run", "@" + CONFIG], limit=120)
    text = proc.err.decode("utf-8", "replace").strip()
    t.check(proc.status == REFUSED and "\n" not in text and disk in text and
            word in text, "%s: \"%s\"" % (what, text),
            "status %d" % proc.status)


def _busy(t, host):
    _refused(t, host, DISK, "", "a disk that another VM writes to")


def _refusals(t, host):
    _refused(t, host, "/no/such.img", "No such file", "no such disk")
    _refused(t, host, "/tmp", "", "a directory for a disk")
    # One partition, from sector 63, of 1 GiB, in a file of 1 MiB.
    host.sh("dd if=/dev/zero of=/tmp/short.img bs=1M count=1 2>/dev/null; "
            "printf '\\000\\000\\000\\000\\203\\000\\000\\000\\077\\000\\000"
            "\\000\\000\\000\\040\\000' | dd of=/tmp/short.img bs=1 seek=446 "
            "conv=notrunc 2>/dev/null; printf '\\125\\252' | dd "
            "of=/tmp/short.img bs=1 seek=510 conv=notrunc 2>/dev/null")
    _refused(t, host, "/tmp/short.img", "partition",
             "a disk shorter than its partition table says")
    _threads(t, host)
    t.equal(host.sh("cvmctl list --json").strip(), "[]",
            "no VM is left behind")


def _threads(t, host):
    """A user who may have as many as are there already."""
    _configure(host, "kernel=" + machine.guest_file(t.guest), "mem=64",
               "cobd0=" + DISK)
    for verb in "run", "start":
        proc = host.run(["sh", "-c", "ulimit -u 1; exec cvmctl %s @%s" %
                         (verb, CONFIG)], limit=120)
        text = proc.err.decode("utf-8", "replace").strip()
        t.check(proc.status == REFUSED and "\n" not in text and
                "no thread for queue" in text,
                "%s without threads: \"%s\"" % (verb, text),
                "status %d" % proc.status)


def run(t):
    options = machine.Options(guest=t.guest, guests=t.guests)
    with machine.Machine(options) as host:
        for version in t.guests:
            t.info("guest %s" % version)
            _guest(t, host, version)
        _refusals(t, host)
        inside.pages_back(t, host, "all pages came back")
        inside.clean(t, host.sh("dmesg"), "the host's log is clean")
