# SPDX-License-Identifier: GPL-2.0-only
"""A stock guest's start: NMIs at random from its first instruction to its
last, and how many of the instructions that became sites are executed.
"""

import bisect
import contextlib
import json
import pathlib
import random
import tempfile

import build
import children
import guest
import inside
import kernels
import machine
import paths
import ring0
import suite_storm
import ui

KERNEL_BASE = 0xffffffff81000000	# where guests are linked
KERNEL_BYTES = 1 << 26
HOSTS = 8		# until one does not lie there itself
RANDOM_BOOTS, LONG_TIMES = 1, 20
SHOWN = 12		# sites
HOT = 1000		# an exception costs a few hundred instructions


@contextlib.contextmanager
def _apart(options):
    """A host whose kernel is not where its guest's is linked: addresses alone
    tell which of the two it is."""
    for _ in range(HOSTS):
        with machine.Machine(options) as host:
            text = int(_symbol(host, "_text"), 16)
            if abs(text - KERNEL_BASE) >= KERNEL_BYTES:
                yield host
                return
    raise ui.LabError("the host's kernel is always where its guest's is")


def _symbol(host, name):
    return host.sh("grep -E ' %s(\\s|$)' /proc/kallsyms" % name).split()[0]


def _checked(name):
    """What the adapter changes of that kernel."""
    kernel = kernels.guest(name)
    done = children.run([
        build.cvmctl(), "kernel", "check", "--json", "--platform",
        build.platform_object(kernel.debian), kernel.image])
    return json.loads(done.stdout)


def _counts(t, host, watch, before, sent, what):
    """None was lost, and none taken twice."""
    ident = inside.vms(host)[0]
    values = inside.stats(host, ident)
    passage, inner = values["nmi_passage"], values["nmi_guest"]
    direct = watch.count - before - values["nmi_raised"]
    t.check(sent == direct + passage + inner and
            values["nmi_raised"] == passage + inner,
            "%s: %d NMIs sent = %d of the host + %d in the switch + %d of the "
            "guest" % (what, sent, direct, passage, inner), values)
    return inner


def _healthy(t, inner, what):
    inside.clean(t, inner.sh("dmesg"), "%s: the guest's log is clean" % what)
    t.equal(inner.sh("cat /sys/hypervisor/cvm/recorder"), "",
            "%s: the recorder is empty" % what)


def _at_random(t, host, watch, monitor, chance, what):
    """One boot; returns the guest's symbols."""
    before, sent = watch.count, 0
    with contextlib.closing(guest.Guest(host)) as inner:
        inner.launch()
        while not inner.channel.hello:
            inner.must_run()
            count = watch.count
            monitor.ask("inject-nmi")
            sent += 1
            if not watch.rises_above(count):
                break
            host.turn(chance.uniform(0, 0.02))
        inner.arrive()
        taken = _counts(t, host, watch, before, sent, what)
        t.check(taken, "%s: some came in the guest" % what)
        _healthy(t, inner, what)
        return inner.sh("cat /proc/kallsyms")


def _sites(t, name, sites, symbols, executed):
    """Which were executed in a boot, and none all the time."""
    known = sorted((int(line.split()[0], 16), line.split()[2])
                   for line in symbols.splitlines())
    counts = sorted(((executed[at], at) for at in sites if at in executed),
                    reverse=True)
    for count, at in counts[:SHOWN]:
        start, function = known[bisect.bisect(known, (at + 1,)) - 1]
        t.info("%6d  %s+0x%x" % (count, function, at - start))
    t.check(counts and counts[0][0] <= HOT, "%s: %d of %d sites are executed "
            "in a whole boot, none more than %d times" % (
                name, len(counts), len(sites), HOT), counts[:SHOWN])


def _boots(t, name, sites, where):
    """At random; the guest's symbols, and how often sites were executed."""
    ranges, out = where / "ranges", where / "executed"
    ranges.write_text("".join("%x %x\n" % (at, at + 1) for at in sites))
    plugin = build.program(paths.ROOT / "tests/bench/executed.c", "-shared",
                           "-fPIC", "-fvisibility=hidden")
    program = build.static_program(paths.PROGRAMS / "nmiwatch.c")
    options = machine.Options(
        guest=name, files={"lab/bin/nmiwatch": program.read_bytes()},
        qemu=("-plugin", "file=%s,ranges=%s,out=%s" % (plugin, ranges, out)))
    with _apart(options) as host:
        watch = suite_storm.Watch(host)
        monitor = ring0.Monitor(host.dir / "qmp")
        chance = random.Random(1)
        for number in range(RANDOM_BOOTS * (LONG_TIMES if t.long else 1)):
            symbols = _at_random(t, host, watch, monitor, chance,
                                 "%s, boot %d" % (name, number + 1))
        inside.pages_back(t, host, "%s: all pages came back" % name)
        inside.clean(t, host.sh("dmesg"), "%s: the host's log is clean" % name)
        monitor.quit()
        host.ended()
    lines = [line.split() for line in out.read_text().splitlines()]
    return symbols, {int(at, 16): int(count) for at, count in lines}


def _kernel(t, name):
    sites = sorted(change["address"] for change in _checked(name)["changes"]
                   if change["what"] == "site")
    with tempfile.TemporaryDirectory(prefix="cvm-lab-") as where:
        symbols, executed = _boots(t, name, sites, pathlib.Path(where))
    _sites(t, name, sites, symbols, executed)


def run(t):
    for name in t.guests if t.long else t.guests[:1]:
        if kernels.stock(name):
            _kernel(t, name)
        else:
            t.skip(name, "it is not adapted")
