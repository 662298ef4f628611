# SPDX-License-Identifier: GPL-2.0-only
"""A storm of NMIs at random moments on a live guest: none is lost, none is
left over, and nobody minds."""

import random
import time

import guest
import inside
import machine
import ring0

SENT = 2000
LONG_SENT = 20000


def _host_nmis(host):
    words = host.sh("grep NMI: /proc/interrupts").split()
    return int(words[1])


def _storm(t, host, count):
    """Send, each after the one before has arrived."""
    chance = random.Random(1)
    monitor = ring0.Monitor(host.dir / "qmp")
    sent = 0
    try:
        while sent < count:
            for _ in range(50):
                monitor.ask("inject-nmi")
                sent += 1
                time.sleep(chance.uniform(0.001, 0.006))
            host.turn(0)
            host.check_alive(time.monotonic())
    finally:
        monitor.close()
    return sent


def run(t):
    options = machine.Options(guests=("6.12",))
    with machine.Machine(options) as host, guest.Guest(host) as inner:
        ident = inside.vms(host)[0]
        before = _host_nmis(host)
        # Much time in the switch: system time, sleeping, console output.
        inner.spawn(["sh", "-c", "while :; do echo; usleep 1; done"])
        sent = _storm(t, host, LONG_SENT if t.long else SENT)
        time.sleep(1)
        t.equal(inner.sh("echo alive"), "alive\n", "the guest lives")
        values = inside.stats(host, ident)
        runs = _host_nmis(host) - before
        passage, inner_nmis = values["nmi_passage"], values["nmi_guest"]
        direct = runs - values["nmi_raised"]
        t.check(sent == direct + passage + inner_nmis,
                "sent %d = host %d + passage %d + guest %d" % (
                    sent, direct, passage, inner_nmis), values)
        t.check(direct > 0 and passage > 0 and inner_nmis > 0,
                "each of the three was hit")
        t.equal(values["nmi_raised"], passage + inner_nmis,
                "all that were latched were raised again, nothing is left")
        t.equal(int(inner.sh("cat /sys/hypervisor/cvm/nmis")), inner_nmis,
                "the guest counted the same")
        inside.clean(t, inner.sh("dmesg"), "the guest's log is clean")
        log = host.sh("dmesg")
        t.check("Uhhuh" in log, "the host's own handler saw them")
        inside.clean(t, log, "the host's log is clean")
