# SPDX-License-Identifier: GPL-2.0-only
"""What goes wrong is said in one clear line, with the right exit status, and
the host stays healthy."""

import struct

import guest
import inside
import kernels
import machine

POWEROFF, REFUSED, USAGE, PANIC, REBOOT, ENDED = range(6)
NOTE = struct.pack("<III", 7, 32, 0x43564d) + b"libcvm\0\0"


def _bad_images(options):
    """Kernel files that must be refused, by name."""
    good = kernels.guest(options.guest).image.read_bytes()
    other = kernels.guest("stock-6.1" if options.guest == "stock-6.12" else
                          "stock-6.12")
    bad = bytearray(good)
    images = {
        "empty": b"",
        "text": b"This is no kernel.\n" * 1000,
        "truncated": good[:len(good) // 3],
        "foreign": other.image.read_bytes(),    # its platform is not there
    }
    if kernels.stock(options.guest):
        bad[len(bad) // 2] ^= 0xff
    else:
        headers = struct.unpack_from("<Q", good, 32)[0]
        struct.pack_into("<Q", bad, headers + 8, 1 << 62)
        other_abi = bytearray(good)
        struct.pack_into("<I", other_abi, good.index(NOTE) + len(NOTE), 99)
        images["other-abi"] = bytes(other_abi)
    images["corrupt"] = bytes(bad)
    return images


def _cvmctl(host, *args, limit=120):
    return host.run(["cvmctl", *args], limit=limit)


def _one_line(t, proc, status, what, word=""):
    text = proc.err.decode("utf-8", "replace")
    lines = text.strip().splitlines()
    t.check(proc.status == status and len(lines) == 1 and word in text,
            "%s: status %d, \"%s\"" % (what, status, lines[0] if lines
                                       else ""),
            "status %d\n%s" % (proc.status, text))


def _refusals(t, host, names):
    for name in names:
        proc = _cvmctl(host, "run", "--kernel", "/lab/bad/" + name,
                       "--initrd", machine.guest_initrd(t.guest),
                       "--mem", "128")
        _one_line(t, proc, REFUSED, "a kernel that is " + name,
                  "/lab/bad/" + name)
    kernel = machine.guest_file(t.guest)
    proc = _cvmctl(host, "run", "--kernel", "/no/such", "--mem", "128")
    _one_line(t, proc, REFUSED, "no kernel file", "/no/such")
    proc = _cvmctl(host, "run", "--kernel", kernel, "--initrd", "/no/initrd",
                   "--mem", "128")
    _one_line(t, proc, REFUSED, "no initrd", "/no/initrd")
    proc = _cvmctl(host, "run", "--kernel", kernel, "--mem", "65536")
    _one_line(t, proc, REFUSED, "too much memory")
    proc = _cvmctl(host, "run", "--kernel", kernel, "--mem", "4")
    _one_line(t, proc, REFUSED, "too little memory")
    t.equal(_cvmctl(host, "run", "--frobnicate").status, USAGE,
            "an unknown option: status %d" % USAGE)
    t.equal(_cvmctl(host, "frobnicate").status, USAGE,
            "an unknown command: status %d" % USAGE)


ENDS = {
    "panic": (PANIC, "guest panic: sysrq triggered crash"),
    "reboot": (REBOOT, "the guest asked for a reboot"),
    "poweroff": (POWEROFF, "powered off"),
    "cvmctl stop": (POWEROFF, "powered off"),
    "cvmctl kill": (ENDED, "killed"),
}
IN_GUEST = {"panic": "echo c >/proc/sysrq-trigger", "reboot": "reboot -f",
            "poweroff": "poweroff -f"}


def _ends(t, host, ways):
    """How a running guest ends, and what cvmctl makes of it."""
    for way in ways:
        status, text = ENDS[way]
        with guest.Guest(host, name="ends") as inner:
            if way in IN_GUEST:
                inner.spawn(["sh", "-c", IN_GUEST[way]])
            else:
                host.sh(way + " ends")
            got = inner.ended()
            t.equal((got, inner.err.decode("utf-8", "replace")),
                    (status, "cvmctl: ends: %s\n" % text),
                    "host %s, %s: status %d, \"%s\"" % (
                        host.options.host, way, status, text))


def _together(t, host):
    """Two tools at once; unloading meanwhile."""
    with guest.Guest(host) as one, guest.Guest(host) as two:
        t.check(one.sh("uname -s") == two.sh("uname -s") == "Linux\n" and
                len(inside.vms(host)) == 2, "two tools at once: two guests")
        proc = host.run(["rmmod", "cvm"])
        t.check(proc.status and one.sh("echo a") == "a\n" and
                two.sh("echo b") == "b\n",
                "unloading while guests run is refused and harms nobody",
                proc.err)


def _no_driver(t, host):
    host.sh("rmmod cvm")
    proc = _cvmctl(host, "run", "--kernel", machine.guest_file(t.guest),
                   "--mem", "128")
    _one_line(t, proc, REFUSED, "no driver", "/dev/cvm")
    host.sh("insmod /lab/ko/cvm.ko")
    with guest.Guest(host) as inner:
        t.equal(inner.sh("uname -s"), "Linux\n", "loaded again, it works")


def _root_only(t, host):
    proc = host.run(["su", "nobody", "-s", "/bin/sh", "-c", "exec "
                     "/lab/bin/cvmctl list"])
    _one_line(t, proc, REFUSED, "not root", "/dev/cvm")


def _other_host(t):
    with machine.Machine(machine.Options(host="6.1", guest=t.guest)) as host:
        _ends(t, host, ("panic", "cvmctl kill"))
        inside.pages_back(t, host, "host 6.1: every page came back")
        inside.clean(t, host.sh("dmesg"), "host 6.1: the log is clean")


def run(t):
    options = machine.Options(guest=t.guest)
    bad = _bad_images(options)
    options.files = {"lab/bad/" + name: data for name, data in bad.items()}
    options.host_mem = 1536
    with machine.Machine(options) as host:
        _refusals(t, host, sorted(bad))
        inside.pages_back(t, host, "refused starts keep no page")
        _ends(t, host, ENDS)
        _together(t, host)
        _no_driver(t, host)
        _root_only(t, host)
        inside.pages_back(t, host, "every page came back")
        inside.clean(t, host.sh("dmesg"), "the host's log is clean")
    _other_host(t)
