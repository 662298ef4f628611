# SPDX-License-Identifier: GPL-2.0-only
"""cvm.sys on the ring-0 NT bed: the file as it is shipped, loaded, asked,
unloaded; guests to userspace; kills, dying processes and failing calls, with
every page, object and timer counted; every register poisoned; an NMI and a
machine check at every instruction of the switch."""

import concurrent.futures
import contextlib
import pathlib
import random
import re
import sys
import tempfile
import time

import build
import images
import ntbed
import paths
import ring0

sys.path.append(str(paths.ROOT / "tests/ring0/lib"))

import drivers  # noqa: E402
import passage  # noqa: E402

# One machine is one thread, and most of the time one waits for another.
MACHINES = 2
WORDS = " -- console=hvc0 cvm.lab=%s"
SCRIPT = b"cat /sys/hypervisor/cvm/host\nuname -r\n"


def _guests(t, initrd):
    for series in paths.GUESTS:
        files = (ntbed.driver(), build.guest_kernel(series).vmlinux, initrd)
        for nt in (1000, 502):
            words = "test=boot nt=%d compare vectors sleep mem=128" % nt
            result = ntbed.run(words + WORDS % "auto", files)
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
    words = " mem=64" + WORDS % "shell"
    result = ntbed.run("test=rounds rounds=%d%s" % (rounds, words), files,
                       1200)
    ring0.report(t, result, "load, start, kill, unload")
    for nt in (1000, 502):
        result = ntbed.run("test=failrun nt=%d kill=250%s" % (nt, words),
                           files)
        ring0.report(t, result, "failing calls of a VM, NT %d" % nt)


def _nmis(t, initrd):
    """The machine's NMI button, pressed all the time."""
    files = (ntbed.driver(), build.guest_kernel("6.12").vmlinux, initrd)
    qmp = initrd.parent / "qmp"
    pressed = 0
    with ring0.started(
            ntbed.image(), "test=boot compare mem=128" + WORDS % "auto",
            mem=ntbed.MEM, extra=[
                *ntbed.modules(*files), "-qmp",
                "unix:%s,server=on,wait=off" % qmp]) as machine:
        while machine.qemu.poll() is None and "cvm:" not in machine.text():
            time.sleep(0.05)  # without an IDT an NMI is the end
        button = ring0.Monitor(qmp)
        try:
            while machine.qemu.poll() is None and pressed < 100000:
                button.ask("inject-nmi")
                pressed += 1
                time.sleep(random.random() * 0.004)
        except (OSError, ValueError):
            pass
        result = machine.finish(ntbed.LIMIT)
    with contextlib.suppress(OSError):
        button.close()
    ring0.report(t, result, "a guest under NMIs")
    taken = re.search(r"(\d+) NMIs", result.text)
    t.check(taken and int(taken.group(1)) > 100,
            "%s NMIs of %d reached NT" % (taken and taken.group(1), pressed))


def _sweep(kind):
    """An NMI or a machine check at every instruction of the loaded switch."""
    native = build.meson_dir("native")
    files = (ntbed.driver(), ntbed.mini_guest())
    where = passage.Passage(native / "tests/nt/bed/ntbed.elf",
                            native / "libcvm", ntbed.driver())
    return drivers.Sweep(ntbed.image(), where, kind, 900, {
        "cpu": ring0.CPU, "mem": ntbed.MEM,
        "extra": ntbed.modules(*files)}).go()


def _mini(t):
    files = (ntbed.driver(), ntbed.mini_guest())
    count = 100000 if t.long else 10000
    images_run = [
        ("poison nt=%d" % nt, "test=poison count=%d compare nt=%d seed=%d" % (
            count, nt, nt)) for nt in (1000, 502)]
    images_run += [("a damaged switch", "test=poison count=100 hurt"),
                   ("fault", "test=fault")]
    with concurrent.futures.ThreadPoolExecutor(MACHINES) as pool:
        sweeps = [pool.submit(_sweep, kind) for kind in ("nmi", "mce")]
        others = [pool.submit(ntbed.run, words, files)
                  for _, words in images_run]
        for (what, _), result in zip(images_run, others):
            ring0.report(t, result.result(), what)
        for kind, result in zip(("nmi", "mce"), sweeps):
            ring0.report(t, result.result(), "every address, " + kind)


def run(t):
    probe = ntbed.image("probe.sys")
    for test in ("probe", "refuse"):
        ring0.report(t, ntbed.run("test=" + test, (probe,), 60), test)
    for what, row in enumerate(("lstar", "cr4", "ds", "rsp")):
        result = ntbed.run("test=spoil what=%d" % what, (probe,), 60)
        t.check("PANIC: watch: %s is not" % row in result.text,
                "a spoilt %s is noticed" % row, result.text)
    files = (ntbed.driver(),)
    for args in ("test=load nt=1000", "test=load nt=601", "test=load nt=502",
                 "test=load refused ci=1024", "test=load refused ci=8192",
                 "test=fail nt=1000", "test=fail nt=502"):
        ring0.report(t, ntbed.run(args, files, 120), args[5:])
    _mini(t)
    with tempfile.TemporaryDirectory(prefix="cvm-nt-") as where:
        initrd = pathlib.Path(where) / "initrd"
        initrd.write_bytes(images.guest_system(SCRIPT).bytes())
        _guests(t, initrd)
        _nmis(t, initrd)
        _lives(t, initrd)
