# SPDX-License-Identifier: GPL-2.0-only
"""A hundred starts, each killed at a random moment: everything the guest had
comes back."""

import build
import inside
import machine
import paths
import suite_driver

CYCLES = {"6.12": 80, "6.1": 20}        # by host
SEED = 20260101
SLACK_KIB = 4096

# How long it takes until a guest has memory: from when to when, of uptime.
START = """\
read a b </proc/uptime
/lab/guest.sh >/tmp/out 2>&1 &
pid=$!
until ls /sys/kernel/debug/cvm/[0-9]*/ranges >/dev/null 2>&1; do
	usleep 10000
done
read b c </proc/uptime
kill -9 $pid
wait $pid
echo $a $b
"""

GUEST = """\
#!/bin/sh
exec cvmctl run --kernel %s --initrd %s --mem 64 --detach-key none \
	--cmdline 'console=hvc0 cvm.lab=agent' </dev/null
"""

# One cycle: $1 is the kind, $2 microseconds until the kill.
CYCLE = """\
#!/bin/sh
case $1 in
direct) /lab/bin/direct /dev/vda ;;
*) exec /lab/guest.sh ;;
esac </dev/null >/tmp/out 2>&1 &
pid=$!
usleep $2
kill -0 $pid || { echo "ended by itself:"; tail -5 /tmp/out; exit 9; }
kill -9 $pid
wait $pid
[ $? = 137 ]
"""


def _moments(count, start):
    """A repeatable choice of moments: most around the start, which takes so
    many microseconds, some later."""
    state = SEED
    for n in range(count):
        state = (state * 6364136223846793005 + 1442695040888963407) % 2**64
        spread = start + 2500000 if n % 4 == 3 else 2 * start
        yield "direct" if n % 5 == 4 else "guest", (state >> 33) % spread


def _cycles(t, host, count):
    bad, marks = [], {}
    begin, end = map(float, host.sh(START).split())
    start = max(200000, int((end - begin) * 1e6))
    t.info("a start takes %.2f s" % (end - begin))
    for n, (kind, moment) in enumerate(_moments(count, start), 1):
        if n % 10 == 0:     # the last moments: while the guest runs
            moment += start + 2000000
        done = host.run(["/lab/cycle", kind, str(moment)])
        if done.status:
            bad.append("cycle %d (%s, %d us): %s" % (
                n, kind, moment, done.out.decode("utf-8", "replace")))
        if n == 5:
            marks[n] = inside.mem_free_kib(host)
    marks[count] = inside.mem_free_kib(host, marks[5] - SLACK_KIB)
    t.check(not bad, "host %s: %d cycles of start and kill -9" % (
        host.options.host, count), "\n".join(bad[:10]))
    lost = marks[5] - marks[count]
    t.check(lost <= SLACK_KIB, "MemFree after cycle %d is %d KiB below cycle "
            "5's, at most %d" % (count, lost, SLACK_KIB))


def _host(t, version, count):
    direct = build.static_program(paths.PROGRAMS / "direct.c")
    script = GUEST % (machine.guest_file(t.guest),
                      machine.guest_initrd(t.guest))
    options = machine.Options(
        host=version, guest=t.guest, modules=("virtio_blk",),
        files={"lab/bin/direct": direct.read_bytes(),
               "lab/guest.sh": script.encode(),
               "lab/cycle": CYCLE.encode()},
        qemu=suite_driver.scratch_disk())
    with machine.Machine(options) as host:
        _cycles(t, host, count)
        t.equal(inside.vms(host), [], "no VM is left")
        counts = inside.pages_back(t, host, "pages taken = pages returned, "
                                   "each kind")
        t.info(" ".join("%s %d" % (k, c[0]) for k, c in counts.items()))
        t.check(sum(c[0] for c in counts.values()) > count * 1000,
                "the guests did take memory", counts)
        host.sh("rmmod cvm")
        t.check("cvm" not in host.sh("lsmod").split(), "the module unloads")
        inside.clean(t, host.sh("dmesg"), "the host's log is clean")


def run(t):
    for version, count in CYCLES.items():
        _host(t, version, count)
