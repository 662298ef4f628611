# SPDX-License-Identifier: GPL-2.0-only
"""A busy guest for many minutes, the host's whole CPU state compared around
every stay in it."""

import time

import guest
import inside
import machine

SECONDS = 600
LOAD = """\
while :; do
	dd if=/dev/zero of=/tmp/a bs=64k count=100 2>/dev/null
	sha256sum /tmp/a; ls -lR /proc/self /sys/kernel; sleep 0.01
done >/dev/null 2>&1
"""


def run(t):
    for version in t.guests:
        options = machine.Options(guest=version)
        with machine.Machine(options) as host:
            with guest.Guest(host, extra=("--compare",)) as inner:
                loads = [inner.spawn(["sh", "-c", LOAD]),
                         inner.spawn(["sh", "-c", LOAD]),
                         host.spawn(["sh", "-c",
                                     LOAD.replace("/tmp/a", "/tmp/b")])]
                end = time.monotonic() + SECONDS
                host.wait(lambda: time.monotonic() > end, "the soak")
                t.check(all(load.status is None for load in loads),
                        "%s: the load went on to the end" % version,
                        [load.err for load in loads])
                values = inside.stats(host, inside.vms(host)[0])
                t.check(abs(values["switches"] - values["guest_calls"]) <= 1,
                        "%s: %d switches in %d s, both sides agree" % (
                            version, values["switches"], SECONDS), values)
                inside.clean(t, inner.sh("dmesg"),
                             "%s: the guest's log is clean" % version)
            inside.pages_back(t, host, "%s: its pages came back" % version)
            inside.clean(t, host.sh("dmesg"), "the host's log is clean")
