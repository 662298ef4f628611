# SPDX-License-Identifier: GPL-2.0-only
"""Things several suites look at inside a host or a guest, and how they read
the lines of a test program that ran there."""

import itertools
import re

TROUBLE = re.compile(
    r"WARNING:|BUG:|\bOops|Call Trace|unchecked MSR|general protection|"
    r"kernel panic|invalid opcode|soft lockup|hard LOCKUP|stack guard|"
    r"scheduling while atomic|Bad page|rcu.*stall|WARN_ON", re.I)

# What any kernel says natively too: of a CPU model with that weakness; of an
# emulated PIT that its QEMU had no time for, long before libcvm is there; of
# old programs (answers.c is one).
NATIVE = re.compile(r"\] (RETBleed|Speculative Return Stack Overflow): "
                    r"WARNING: |"
                    r"\] VFS: Warning: \S+ using old stat\(\) call|"
                    r"\] \.\.MP-BIOS bug: 8254 timer not connected to IO-APIC")


def trouble(log):
    """Lines of a kernel log that should not be there."""
    return [line for line in log.splitlines()
            if TROUBLE.search(line) and not NATIVE.search(line)]


def clean(t, log, what):
    """The log says nothing of trouble (and is a log at all)."""
    found = trouble(log)
    t.check(not found and len(log.splitlines()) > 20, what,
            "\n".join(found[:20]) or "log of %d bytes" % len(log))


def stats(host, ident):
    """A VM's counters from debugfs: {name: value}, vectors as
    "vector_xx": (monitor's, guest's)."""
    values = {}
    for line in host.sh("cat /sys/kernel/debug/cvm/%s/stats" %
                        ident).splitlines():
        words = line.split()
        if words[0].startswith("vector_"):
            values[words[0]] = (int(words[1]), int(words[3]))
        elif len(words) == 2 and words[1].lstrip("-").isdigit():
            values[words[0]] = int(words[1])
    return values


def vms(host):
    """The numbers of the VMs the driver knows."""
    names = host.sh("ls /sys/kernel/debug/cvm").split()
    return sorted(int(n) for n in names if n.isdigit())


def pages(host):
    """{kind: (taken, returned)} of the driver's page counters."""
    found = {}
    for line in host.sh("cat /sys/kernel/debug/cvm/pages").splitlines():
        words = line.split()
        found[words[0]] = (int(words[2]), int(words[4]))
    return found


def pages_back(t, host, what):
    counts = pages(host)
    out = {kind: c for kind, c in counts.items() if c[0] != c[1]}
    t.check(counts and not out, what, counts)
    return counts


def mem_free_kib(host, wanted=None):
    """Free memory without caches; looked at for a while, until so much is:
    what a kernel has put off to free comes back when it has time."""
    for _ in range(20):
        free = int(host.sh("sync; echo 3 >/proc/sys/vm/drop_caches; sleep 1; "
                           "grep MemFree /proc/meminfo").split()[1])
        if wanted is None or free >= wanted:
            break
    return free


def start(kernel, host, script):
    """A shell script in a host or a guest, once it runs."""
    proc = kernel.spawn(["sh", "-c", "echo started; " + script])
    host.wait(lambda: b"started" in proc.out, "a script to start", 60)
    return proc


def root(kernel):
    """Number and kind of what the root of a host or a guest is on."""
    for line in kernel.sh("cat /proc/self/mountinfo").splitlines():
        words = line.split()
        kind = words[words.index("-") + 1]
        if words[4] == "/" and kind != "rootfs":
            return words[2], kind
    return None


def ranges(text, pattern):
    """(start, end) pairs of the lines that match."""
    found = []
    for line in text.splitlines():
        if re.search(pattern, line):
            low, high = re.match(r"\s*([0-9a-f]+)-([0-9a-f]+)",
                                 line).groups()
            found.append((int(low, 16), int(high, 16)))
    return found


def _details(lines, at):
    """What a test program says below one of its lines."""
    more = itertools.takewhile(lambda line: line.startswith("#"),
                               lines[at + 1:])
    return "\n".join(more)


def each_line(t, text, what):
    """Hand the lines of an inner test program on: ok, not ok (or FAIL), skip.
    At its end it says "0 failed"."""
    lines = text.splitlines()
    count = 0
    for at, line in enumerate(lines):
        good = line.startswith("ok ")
        if good or line.startswith(("not ok ", "FAIL")):
            words = line.split("ok ", 1)[-1]
            t.check(good, "%s: %s" % (what, words), _details(lines, at))
            count += 1
        elif line.startswith("skip "):
            name, _, why = line[5:].partition(": ")
            t.skip("%s: %s" % (what, name), why)
    t.check(count and "0 failed" in lines, "%s: completes" % what, text)
