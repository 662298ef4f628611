# SPDX-License-Identifier: GPL-2.0-only
"""A Debian as `cvmctl image create` makes it, started with the kernel and the
initrd that its disk has; with `--long` 50 modules, a bridge, ftrace, kprobes
in it, another kernel that apt installs, at its next start, and nftables, btrfs,
LVM, LUKS, podman, perf, bpftrace, dkms with that."""

import re

import distro
import kernels
import machine
import paths
import ui

CONFIG = "/lab/own.conf"
SCRIPT = "/lab/distro.sh"
PROMPT = b"root@debian:~# "
PARTS = ("usual",)
LONG = ("filter", "disks", "container", "tools", "dkms")
# Of a series that has an object which is for all its kernels.
OTHER = "linux-image-6.12-rt-amd64"
DISKS = 3		# empty ones, for LONG
SECONDS = 600
LONG_SECONDS = 5400


def _options(t):
    """No kernel for guests lies in the machine, only what any kernel of these
    series takes."""
    objects = {"%s/%s.o" % (kernels.PLATFORMS[1:], series):
               kernels.series_object(series).read_bytes()
               for series in kernels.SERIES}
    script = (paths.ROOT / "tests/lab/programs/distro.sh").read_bytes()
    # It is a disk of the guest's, whose sectors are whole.
    script += b"\n" * (-len(script) % 512)
    return distro.options(guests=(), files={**objects, SCRIPT[1:]: script})


def _start(host, kernel):
    """cvmctl, and what its console says; at the login's prompt."""
    seen = bytearray()
    lines = ["kernel=" + kernel, "mem=%d" % host.options.mem,
             "cobd0=/dev/vda", "cobd1=" + SCRIPT, "setcobd1=readonly",
             "eth0=slirp", "root=/dev/vda ro"]
    for number in range(DISKS):
        path = "/lab/disk%d.img" % number
        host.sh("truncate -s 256M " + path)
        lines.append("cobd%d=%s" % (number + 2, path))
    host.put(CONFIG, ("\n".join(lines) + "\n").encode(), 0o644)
    said = bytearray()
    proc = host.spawn(["cvmctl", "run", "--detach-key", "none", "@" + CONFIG],
                      stdout=seen.extend, stderr=said.extend)
    host.wait(lambda: PROMPT in seen or proc.status is not None, "a login",
              machine.DEBIAN_SECONDS)
    if proc.status is not None:
        raise ui.LabError("the guest ended (cvmctl's status %d): %s" % (
            proc.status, said.decode("utf-8", "replace")),
            ui.tail(seen.decode("utf-8", "replace")))
    return proc, seen


def _say(host, proc, seen, command, until, seconds):
    """What comes after a command is typed, up to a line that ends it."""
    start = len(seen)
    proc.write(command.encode() + b"\r")
    host.wait(lambda: until in seen[start:] or proc.status is not None,
              command, seconds)
    # The shell turns pasting in brackets on and off around what it runs.
    text = re.sub(rb"\r|\x1b\[\?2004[hl]", b"", seen[start:])
    return text.decode("utf-8", "replace")


def _try(t, host, proc, seen, parts, seconds):
    """The script's lines become checks."""
    for part in parts:
        text = _say(host, proc, seen, "sh /dev/vdb " + part, b"\n@end",
                    seconds)
        found = re.findall(r"^@(ok|no) (.*)$", text, re.M)
        for verdict, what in found:
            t.check(verdict == "ok", "%s: %s" % (part, what), text)
        t.check(len(found) > 2, "%s: it came to its end" % part, text)


def _release(host, proc, seen):
    text = _say(host, proc, seen, "echo @$(uname -r)@", PROMPT, SECONDS)
    return re.search(r"^@(.*)@$", text, re.M)[1]


def _off(t, host, proc, what):
    proc.write(b"poweroff\r")
    host.wait(lambda: proc.status is not None, "poweroff",
              machine.DEBIAN_SECONDS)
    t.equal(proc.status, 0, what)


def run(t):
    with machine.Machine(_options(t)) as host:
        proc, seen = _start(host, "cobd0:")
        first = _release(host, proc, seen)
        t.check(first.split(".")[1] in ("1", "12") and "cvm" not in first,
                "kernel=cobd0: starts the disk's own kernel, %s" % first)
        if t.long:
            _try(t, host, proc, seen, PARTS, LONG_SECONDS)
            _try(t, host, proc, seen, ("update", OTHER), LONG_SECONDS)
        _off(t, host, proc, "asked to power off, it does")
        if t.long:
            proc, seen = _start(host, "cobd0:")
            second = _release(host, proc, seen)
            t.check(second != first and "rt" in second, "the next start "
                    "takes the kernel that apt installed, %s" % second)
            _try(t, host, proc, seen, PARTS, LONG_SECONDS)
            _try(t, host, proc, seen, LONG, LONG_SECONDS)
            _off(t, host, proc, "that one powers off, too")
