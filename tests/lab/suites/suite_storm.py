# SPDX-License-Identifier: GPL-2.0-only
"""NMIs at random moments on a live guest: none is lost, none is left over."""

import random
import time

import build
import guest
import inside
import machine
import paths
import ring0

SENT = {"6.12": 1500, "6.1": 500}       # by host
LONG_TIMES = 10


class Watch:
    """How many NMIs the host's handler has run for, as it happens."""

    def __init__(self, host):
        self.host = host
        self.count = None
        self._text = b""
        self._proc = host.spawn(["nmiwatch"], stdout=self._line)
        host.wait(lambda: self.count is not None, "nmiwatch", 60)

    def _line(self, data):
        lines = (self._text + data).split(b"\n")
        self._text = lines.pop()
        if lines:
            self.count = int(lines[-1])

    def rises_above(self, count, limit=20):
        end = time.monotonic() + limit * paths.PATIENCE
        while self.count <= count and time.monotonic() < end:
            self.host.turn(0.01)
        return self.count > count

    def stop(self):
        self._proc.signal(9)


def _storm(host, watch, count):
    """Send, each after the one before has arrived: QEMU merges two that are
    pending.  Returns how many were sent."""
    chance = random.Random(1)
    monitor = ring0.Monitor(host.dir / "qmp")
    sent = 0
    try:
        for sent in range(1, count + 1):
            before = watch.count
            monitor.ask("inject-nmi")
            if not watch.rises_above(before):
                break
            time.sleep(chance.uniform(0, 0.004))
            host.check_alive(time.monotonic())
    finally:
        monitor.close()
    return sent


def _host(t, version, count):
    program = build.static_program(paths.PROGRAMS / "nmiwatch.c")
    options = machine.Options(host=version, guest=t.guest, files={
        "lab/bin/nmiwatch": program.read_bytes()})
    with machine.Machine(options) as host, guest.Guest(host) as inner:
        ident = inside.vms(host)[0]
        watch = Watch(host)
        before = watch.count
        # Much time in the switch: system time, sleeping, console output.
        inner.spawn(["sh", "-c", "while :; do echo; usleep 1; done"])
        sent = _storm(host, watch, count)
        t.equal(sent, count, "each NMI arrived before the next was sent")
        watch.stop()
        t.equal(inner.sh("echo alive"), "alive\n", "the guest lives")
        values = inside.stats(host, ident)
        runs = watch.count - before
        passage, inner_nmis = values["nmi_passage"], values["nmi_guest"]
        direct = runs - values["nmi_raised"]
        t.check(sent == direct + passage + inner_nmis,
                "host %s: sent %d = host %d + passage %d + guest %d" % (
                    version, sent, direct, passage, inner_nmis), values)
        t.check(direct > 0 and passage > 0 and inner_nmis > 0,
                "NMIs came in the host, in the switch and in the guest")
        t.equal(values["nmi_raised"], passage + inner_nmis,
                "all NMIs that were latched were raised again")
        t.equal(int(inner.sh("cat /sys/hypervisor/cvm/nmis")), inner_nmis,
                "the guest counted the same")
        inside.clean(t, inner.sh("dmesg"), "the guest's log is clean")
        log = host.sh("dmesg")
        t.check("Uhhuh" in log, "the host's own handler saw them")
        inside.clean(t, log, "the host's log is clean")


def run(t):
    for version, count in SENT.items():
        _host(t, version, count * (LONG_TIMES if t.long else 1))
