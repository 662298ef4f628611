# SPDX-License-Identifier: GPL-2.0-only
"""Each vector reaches its host handler once; sleepers of both sides wake on
time."""

import re

import build
import exact
import guest
import inside
import machine
import paths

TIMES = 4000            # each phase to the ticks once (tests/bench/jit.c)
QUANTILES = ("median", "p99", "p99.9", "latest")
# Instructions a host sleeper may be later beside a guest than beside a process.
# The last ones woke into a tick, the host's or the guest's.  The latest may be
# the one whose tick had a timer of the host's with it, which wakes a thread:
# +2400, beside either, once in thousands.
HOST_LATER = (1000, 1000, 2000, 5000)
# Instructions a guest sleeper may be late.
GUEST_LATER = (20000, 20000, 50000, 100000)

# A distribution's kernel tries its ciphers for the first second, at the lowest
# priority but a hundred microseconds at a time (preempt=voluntary).
NO_TESTS = "cvm.lab=auto cryptomgr.notests"

SPIN = """\
#!/bin/sh
jit 50 >/dev/null
jit spin & pid=$!
echo "process $(jit %(times)d)"
kill $pid; wait $pid
%(start)s </dev/null >/tmp/guest 2>&1 & pid=$!
n=0
until grep -q '@lab begin' /tmp/guest || [ $n = 60 ]; do sleep 1; n=$((n+1))
done
sleep 1
echo "guest $(jit %(times)d)"
kill -0 $pid && echo running
grep -h . /sys/kernel/debug/cvm/*/stats
kill -9 $pid; wait $pid
true
"""

IDLE = """\
#!/bin/sh
jit 50 >/dev/null
echo "idle $(jit %d)"
"""


def _files():
    jit = build.static_program(paths.ROOT / "tests/bench/jit.c")
    return {"lab/bin/jit": jit.read_bytes()}


def _lateness(text, who):
    found = re.search(who + r" jit p50 (-?\d+) p99 (-?\d+) p99.9 (-?\d+) "
                      r"max (-?\d+)", text)
    return tuple(int(n) for n in found.groups()) if found else None


def _host_beside_spinner(t):
    options = machine.Options(guest=t.guest, files=_files())
    script = SPIN % {"times": TIMES, "start": exact.start_guest(
        options, NO_TESTS)}
    text = exact.beside_host(options, script, "#!/bin/sh\nexec jit spin\n")
    process = _lateness(text, "process")
    beside = _lateness(text, "guest")
    if not t.check(process and beside and "\nrunning" in text,
                   "host sleeper beside a spinning process and guest", text):
        return
    for name, a, b, limit in zip(QUANTILES, process, beside, HOST_LATER):
        t.check(b - a <= limit, "host's 1 ms sleeper, %s: %d beside a "
                "process, %d beside a guest: %+d <= %d" % (
                    name, a, b, b - a, limit))


def _guest_wakes(t):
    options = machine.Options(guest=t.guest, files=_files())
    text = exact.beside_host(
        options, "#!/bin/sh\nexec %s\n" % exact.start_guest(
            options, NO_TESTS), IDLE % TIMES)
    late = _lateness(text, "idle")
    if t.check(late, "guest sleeper in an idle machine", text):
        for name, n, limit in zip(QUANTILES, late, GUEST_LATER):
            t.check(n <= limit, "guest's 1 ms sleeper, %s: %d <= %d "
                    "instructions late" % (name, n, limit))


TRACE_SECONDS = 5
EVENTS = ("cvm/cvm_forward", "irq_vectors", "irq/irq_handler_entry")


def trace(host, seconds):
    tracing = "/sys/kernel/tracing"
    on = "".join("echo 1 >%s/events/%s/enable\n" % (tracing, e)
                 for e in EVENTS)
    host.sh("cd %s; echo 0 >tracing_on; echo 16384 >buffer_size_kb\n%s"
            "echo >trace; echo 1 >tracing_on; sleep %d; echo 0 >tracing_on" %
            (tracing, on, seconds))
    return host.sh("cat %s/trace" % tracing)


def follow(text):
    """Forwarded vectors, and those whose host handler came next."""
    forwarded, handled, waiting, odd = {}, {}, {}, []
    for line in text.splitlines():
        found = re.search(r"\[(\d+)\].*: (\w+): (.*)", line)
        if not found:
            continue
        cpu, event, rest = found.groups()
        if event == "cvm_forward":
            vector = int(re.search(r"vector (\w+)", rest).group(1), 0)
            forwarded[vector] = forwarded.get(vector, 0) + 1
            if cpu in waiting:
                odd.append("vector %#x was not handled: %s" % (
                    waiting[cpu], line))
            waiting[cpu] = vector
        elif cpu in waiting and (event.endswith("_entry")):
            vector = waiting.pop(cpu)
            named = re.search(r"vector=(\d+)", rest)
            if named and int(named.group(1)) != vector:
                odd.append("vector %#x brought %s" % (vector, line))
            else:
                handled[vector] = handled.get(vector, 0) + 1
    return forwarded, handled, odd


def _vectors_agree(t, version):
    """The same interrupt counted by guest hook, monitor and host handler."""
    options = machine.Options(host=version, guest=t.guest, files=_files())
    with machine.Machine(options) as host, guest.Guest(host) as inner:
        ident = inside.vms(host)[0]
        inside.start(inner, host, "while :; do :; done")
        seen = trace(host, TRACE_SECONDS)
        values = inside.stats(host, ident)
        vectors = {n: v for n, v in values.items() if n.startswith("vector_")}
        wrong = {n: v for n, v in vectors.items() if v[0] != v[1]}
        t.check(vectors and not wrong, "host %s: each vector counts the same "
                "in guest and monitor: %s" % (version, vectors), wrong)
        forwarded, handled, odd = follow(seen)
        t.check(sum(forwarded.values()) > 100 and forwarded == handled and
                not odd, "host %s: each forwarded vector ran its host handler "
                "next: %s" % (version, {hex(v): n for v, n in
                                        forwarded.items()}),
                "%s\n%s\n%s" % (forwarded, handled, "\n".join(odd[:10])))


def run(t):
    for version in paths.HOSTS:
        _vectors_agree(t, version)
    _host_beside_spinner(t)
    _guest_wakes(t)
