# SPDX-License-Identifier: GPL-2.0-only
"""CPUs of the host come and go under a guest.

It runs on one that came after the driver, and moves on when its own goes away.
"""

import time

import guest
import inside
import machine
import paths

CYCLES = 5
ONLINE = "/sys/devices/system/cpu/cpu1/online"
SECOND = "2"            # taskset's mask of CPU 1

# For each thread of each cvmctl.
EACH = "for p in $(pidof cvmctl); do for t in /proc/$p/task/*; do %s; done; done"
PIN = EACH % ("taskset -p %s ${t##*/}" % SECOND)
STAT = EACH % "cat $t/stat"


def _turn(host, on):
    host.sh("echo %d >%s" % (on, ONLINE))


def _where(host):
    """The CPU of the busiest thread of cvmctl: the vCPU."""
    threads = [line.rpartition(")")[2].split()
               for line in host.sh(STAT).splitlines()]
    busiest = max(threads, key=lambda t: int(t[11]) + int(t[12]))
    return int(busiest[36])


def _beats(inner):
    return int(inner.sh("cat /tmp/beat"))


def _goes_on(inner):
    """The guest's busy program counts on."""
    before = _beats(inner)
    end = time.monotonic() + 20 * paths.PATIENCE
    while time.monotonic() < end:
        if _beats(inner) > before:
            return True
    return False


def run(t):
    options = machine.Options(host="6.1", guest=t.guests[-1], cpus=2)
    with machine.Machine(options) as host:
        host.sh("rmmod cvm")
        _turn(host, 0)
        host.sh("insmod /lab/ko/cvm.ko")
        _turn(host, 1)
        with guest.Guest(host) as inner:
            inner.spawn(["sh", "-c", "n=0; while :; do n=$((n+1)); "
                         "echo $n >/tmp/new; mv /tmp/new /tmp/beat; done"])
            inner.sh("until [ -e /tmp/beat ]; do usleep 100000; done")
            host.sh(PIN)
            t.check(_goes_on(inner) and _where(host) == 1,
                    "a guest runs on a CPU that came after the driver",
                    _where(host))
            for _ in range(CYCLES):
                _turn(host, 0)
                gone = _goes_on(inner) and _where(host) == 0
                _turn(host, 1)
                host.sh(PIN)
                back = _goes_on(inner) and _where(host) == 1
                if not (gone and back):
                    break
            t.check(gone and back, "%d times its CPU goes offline under it "
                    "and comes back" % CYCLES, (gone, back, _where(host)))
            inside.clean(t, inner.sh("dmesg"), "the guest's log is clean")
        inside.pages_back(t, host, "its pages came back")
        inside.clean(t, host.sh("dmesg"), "the host's log is clean")
