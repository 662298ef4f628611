# SPDX-License-Identifier: GPL-2.0-only
"""cvm.sys on the ring-0 NT bed: the file as it is shipped, loaded, asked,
unloaded; guests to userspace; kills, dying processes and failing calls, with
every page, object and timer counted."""

import pathlib
import tempfile

import build
import images
import ntbed
import paths
import ring0

SCRIPT = b"cat /sys/hypervisor/cvm/host\nuname -r\n"


def _guests(t, initrd):
    for series in paths.GUESTS:
        files = (ntbed.driver(), build.guest_kernel(series).vmlinux, initrd)
        for nt in (1000, 502):
            result = ntbed.run("test=boot nt=%d compare mem=128 -- "
                               "console=hvc0 cvm.lab=auto" % nt, files)
            what = "a %s guest on NT %d.%d" % (series, nt // 100, nt % 100)
            ring0.report(t, result, what)
            lines = result.text.replace("\r", "").split("\n")
            at = lines.index("@lab begin") if "@lab begin" in lines else -1
            t.check(at >= 0 and lines[at + 1] == "nt" and
                    lines[at + 2].startswith(series + "."),
                    what + " says so", "\n".join(lines[at:at + 5]))


def _lives(t, initrd):
    files = (ntbed.driver(), build.guest_kernel("6.12").vmlinux, initrd)
    rounds = 500 if t.long else 100
    words = " mem=64 -- console=hvc0 cvm.lab=auto"
    result = ntbed.run("test=rounds rounds=%d%s" % (rounds, words), files,
                       1200)
    ring0.report(t, result, "load, start, kill, unload")
    for nt in (1000, 502):
        result = ntbed.run("test=failrun nt=%d kill=250%s" % (nt, words),
                           files)
        ring0.report(t, result, "failing calls of a VM, NT %d" % nt)


def run(t):
    probe = ntbed.image("probe.sys")
    for test in ("probe", "refuse"):
        ring0.report(t, ntbed.run("test=" + test, (probe,), 60), test)
    files = (ntbed.driver(),)
    for args in ("test=load nt=1000", "test=load nt=601", "test=load nt=502",
                 "test=load refused ci=1024", "test=load refused ci=8192",
                 "test=fail nt=1000", "test=fail nt=502"):
        ring0.report(t, ntbed.run(args, files, 120), args[5:])
    with tempfile.TemporaryDirectory(prefix="cvm-nt-") as where:
        initrd = pathlib.Path(where) / "initrd"
        initrd.write_bytes(images.guest_system(SCRIPT).bytes())
        _guests(t, initrd)
        _lives(t, initrd)
