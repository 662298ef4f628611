# SPDX-License-Identifier: GPL-2.0-only
"""A guest seen from inside and from its host: memory, clock, log, counters,
what its root reaches, interrupts it sends itself, CR4 changed under it, what
it answers to programs."""

import json
import re
import time

import answers
import build
import debian
import guest
import inside
import kernels
import machine
import paths
import typist

CR4 = "tests/lab/modules/cr4"
LAB = str(paths.ROOT / "tools/lab")
MINUTE = 62


def _clock(kernel):
    return float(kernel.sh("/lab/agent clock"))


def _identity(t, host, inner, name):
    release = host.sh("uname -r").strip()
    own = inner.sh("uname -r").strip()
    t.check(kernels.guest(name).is_release(own), "the guest is %s: %s" % (
        name, own))
    listed = json.loads(host.sh("cvmctl list --json"))
    t.check(len(listed) == 1 and listed[0]["state"] == "running" and
            listed[0]["kernel"] == own,
            "cvmctl list --json shows one running VM and its kernel", listed)
    ident = inside.vms(host)[0]
    shown = json.loads(host.sh("cvmctl stats --json %d" % ident))
    t.check((shown["id"], shown["state"], shown["kernel"]) ==
            (ident, "running", listed[0]["kernel"]) and
            shown["switches"] > 0 and shown["irqoff_tsc_max"] > 0,
            "cvmctl stats --json describes the same VM", shown)
    # (One may be under way while they are read.)
    for total, parts in (("switches", "exits"), ("forwarded", "vector")):
        sum_of = sum(shown[parts].values())
        t.check(abs(shown[total] - sum_of) <= 1, "stats: %s, %d, are the sum "
                "of its %s, %d" % (total, shown[total], parts, sum_of), shown)
    t.equal(host.sh("uname -r").strip(), release,
            "the host's uname is the same before and after")
    return ident


def _counters(t, host, inner, ident):
    before = inside.stats(host, ident)["switches"]
    seen = int(inner.sh("cat /sys/hypervisor/cvm/switches"))
    after = inside.stats(host, ident)
    t.check(before <= seen <= after["switches"] + 1,
            "switches: %d <= the guest's own %d <= %d" % (
                before, seen, after["switches"]))
    t.check(abs(after["switches"] - after["guest_calls"]) <= 1,
            "switches agree on both sides: %d and %d" % (
                after["switches"], after["guest_calls"]))
    t.equal(after["forwarded"], after["guest_forwarded"],
            "forwarded interrupts agree on both sides")


def _memory(t, host, inner, ident, given):
    chunks = inside.ranges(
        host.sh("cat /sys/kernel/debug/cvm/%d/ranges" % ident), ".")
    ram = inside.ranges(inner.sh("cat /proc/iomem"), r"^\S.*: System RAM")
    t.check(ram and all(any(low >= a and high <= b for a, b in chunks)
                        for low, high in ram),
            "the guest's RAM lies inside the driver's ranges",
            "%s\n%s" % (ram, chunks))
    host_ram = inside.ranges(host.sh("cat /proc/iomem"),
                             r"^\S.*: System RAM")
    t.check(all(any(low >= a and high <= b for a, b in host_ram)
                for low, high in chunks),
            "the driver's ranges lie inside the host's RAM",
            "%s\n%s" % (chunks, host_ram))
    total = int(inner.sh("grep MemTotal /proc/meminfo").split()[1])
    log = inner.sh("dmesg")
    image = sum(int(n) for n in re.findall(
        r"(\d+)K (?:kernel code|rwdata|rodata|init|bss)", log))
    pages = len(ram) and sum(b - a + 1 for a, b in chunks) // 4096 * 64 // 1024
    least = (given * 1024 - image - pages) * 98 // 100
    t.check(image and total >= least, "MemTotal %d KiB >= (%d - image %d - "
            "struct pages %d) - 2 %% = %d" % (total, given * 1024, image,
                                              pages, least))
    return chunks


def _doors(t, inner, chunks):
    probe = build.static_program(paths.PROGRAMS / "probe.c")
    proc = inner.run(["sh", "-c", "cat >/tmp/probe; chmod 755 /tmp/probe"],
                     stdin=probe.read_bytes())
    machine.checked(proc, "probe")
    seen = inner.sh("/tmp/probe")
    for line in seen.splitlines():
        if line.startswith("kcore-segment"):
            low, size = (int(x, 16) for x in line.split()[1:])
            t.check(any(low >= a and low + size - 1 <= b for a, b in chunks),
                    "guest root: %s stays inside the guest" % line)
        else:
            t.check(" refused " in line, "guest root: " + line)
    for command in ("hwclock -r", "devmem 0xfee00030",
                    "dd if=/dev/mem bs=64k skip=15 count=1 of=/dev/null",
                    "grep -w disk /sys/power/state"):
        proc = inner.run(["sh", "-c", command])
        t.check(proc.status, "guest root: %s fails" % command, proc.out)
    proc = inner.run(["sh", "-c", "cat /sys/firmware/dmi/tables/DMI"])
    t.check(proc.status, "guest root: no DMI tables")
    recorder = inner.sh("cat /sys/hypervisor/cvm/recorder")
    t.equal(recorder, "", "the hardware-access recorder is empty")


def _set_mce(host, on):
    host.sh("insmod /lab/cr4.ko mce=%d && rmmod cr4" % on)


def _cr4_follows(t, host, inner, name):
    """The host changes a bit of CR4 that is its own, as the first virtual
    machine of KVM does VMXE (which QEMU has not), after the guest has
    started: the guest's next writes of CR4 leave it alone."""
    module = kernels.guest(name).module(CR4).read_bytes()
    proc = inner.run(["sh", "-c", "cat >/tmp/cr4.ko"], stdin=module)
    machine.checked(proc, "cr4.ko")
    for on in (1, 0, 1):
        _set_mce(host, on)
        inner.sh("insmod /tmp/cr4.ko look=1 && rmmod cr4")
        found = inner.sh("dmesg | grep cr4: | tail -n 1")
        t.check("found MCE %d, with TSD %d, without %d\n" % (on, on, on)
                in found, "guest %s: CR4.MCE is %d as the host has made it, "
                "also after the guest has written CR4" % (name, on), found)


def _interrupts_itself(t, host, inner):
    """irq_work, on the host first."""
    program = build.static_program(paths.PROGRAMS / "irqwork.c")
    for who, kernel in (("host", host), ("guest", inner)):
        proc = kernel.run(["sh", "-c", "cat >/tmp/irqwork; "
                           "chmod 755 /tmp/irqwork; /tmp/irqwork"],
                          stdin=program.read_bytes())
        inside.each_line(t, proc.out.decode(), "irq_work, %s" % who)


def _log(t, inner):
    """Nothing of trouble, nothing at level error or above, and no word of
    huge mappings: the questions before had a table of 900,000 descriptors."""
    log = inner.sh("dmesg -r")
    inside.clean(t, log, "the guest's log is clean")
    errors = [line for line in log.splitlines()
              if re.match(r"<\d*[0-3]>", line)]
    t.check(not errors, "the guest's log has no line at level error",
            "\n".join(errors))
    t.check("huge-page mapping" not in log,
            "the guest's kernel refused no huge mapping",
            "\n".join(line for line in log.splitlines() if "huge" in line))


def _look(t, name):
    """Beside the host of the same version; `pairs` has the others."""
    version = kernels.series(name)
    module = build.debian_module(debian.host_kernel(version), CR4)
    options = machine.Options(host=version, guest=name, files={
        "lab/cr4.ko": module.read_bytes()})
    with machine.Machine(options) as host:
        _set_mce(host, 0)
        with guest.Guest(host) as inner:
            begin = time.monotonic()
            ident = _identity(t, host, inner, name)
            chunks = _memory(t, host, inner, ident, options.mem)
            _doors(t, inner, chunks)
            text = inner.sh("cat /proc/cpuinfo /proc/meminfo "
                            "/proc/interrupts")
            t.check("hypervisor" in text and "vmx" not in text.split() and
                    "svm" not in text.split(),
                    "cpuinfo: a hypervisor, and no VMX or SVM")
            _interrupts_itself(t, host, inner)
            _cr4_follows(t, host, inner, name)
            (answers.same if kernels.stock(name) else answers.alike)(
                t, host, inner, "the guest")
            time.sleep(max(0, MINUTE - (time.monotonic() - begin)))
            _compare_clocks(t, host, inner)
            _counters(t, host, inner, ident)
            _log(t, inner)
            inner.spawn(["poweroff"])
            t.equal(inner.ended(), 0, "poweroff ends cvmctl with status 0")
        inside.pages_back(t, host, "its pages came back")
        inside.clean(t, host.sh("dmesg"), "the host's log is clean")


def _for_debian(t):
    """A kernel for a distribution's user space."""
    options = machine.Options(host="6.12", guest="built-6.12",
                              config="distro")
    with machine.Machine(options) as host, guest.Guest(host) as inner:
        answers.whole(t, host, inner, "a guest for Debian")
        _log(t, inner)


def _compare_clocks(t, host, inner):
    first, theirs, last = _clock(host), _clock(inner), _clock(host)
    t.check(first - 1 <= theirs <= last + 1,
            "after %d s the guest's clock %.3f is within 1 s of the "
            "host's %.3f..%.3f" % (MINUTE, theirs, first, last))


def _high_memory(t):
    options = machine.Options(host_mem=6144, guest=t.guest)
    with machine.Machine(options) as host:
        with guest.Guest(host, extra=("--min-address", "4G")) as inner:
            chunks = inside.ranges(
                host.sh("cat /sys/kernel/debug/cvm/*/ranges"), ".")
            t.check(chunks and all(low >= 1 << 32 for low, _ in chunks) and
                    inner.sh("uname -s") == "Linux\n",
                    "a guest wholly above 4 GiB boots", chunks)


def _terminal(t):
    with typist.Typist([LAB, "run", "--guest", t.guest],
                       {"TERM": "xterm"}) as user:
        before = user.mode()
        t.check(user.expect("cvm-guest:~# ", 180) is not None,
                "guest shell: a prompt", user.text)
        user.type("echo w\x08world\r")
        t.check(user.expect("\nworld") is not None, "guest shell: edits lines")
        # (A ^C before a shell has forked is the shell's.)
        user.type("sh -c 'echo asleep; exec sleep 1000'\r")
        user.expect("\nasleep\r")
        user.type("\x03")
        t.check(user.expect("# ") is not None, "guest shell: takes Ctrl-C")
        user.type("cat -v\r")
        user.type("\x0fh\x0fz\r")
        t.check(user.expect("^Oh^Oz") is not None, "guest shell: ^O is a "
                "character like others, and no SysRq", user.text)
        user.type("\x04")
        user.expect("# ")
        user.type("poweroff\r")
        t.equal(user.wait(), 0, "guest shell: poweroff gives the prompt back")
        t.equal(user.mode(), before, "the terminal is as before")


def run(t):
    for name in t.guests:
        _look(t, name)
    if t.long and not kernels.stock(t.guest):
        _for_debian(t)
    _high_memory(t)
    _terminal(t)
