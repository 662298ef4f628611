# SPDX-License-Identifier: GPL-2.0-only
"""Memory fails under a guest, in a program and in its kernel: the VM ends and
says why, the host lives, the bad page stays out of use."""

import re
import time

import guest
import inside
import machine
import paths
import ring0
import ui

# An Intel CPU: only those say where, and that going on is possible.
MODEL = "Skylake-Client"
BANK = 4
BANKS = "/sys/devices/system/machinecheck"
# SDM vol. 3B, 16.3.2.2 "IA32_MCi_STATUS MSRS" and table 16-10: a load met
# uncorrected data and must not go on (VAL UC EN MISCV ADDRV S AR); 16.3.2.4:
# a physical address, of which bits from 12 on are valid; 16.3.1.2: restart
# and error IP are valid, a machine check is in progress.
STATUS = 0xbd80000000000134
MISC = 2 << 6 | 12
MCG_STATUS = 7
ENDED = 5			# cvmctl's status
SECONDS = 60			# to find the guest where it shall be

USER = "while :; do :; done"
KERNEL = "exec dd if=/dev/zero of=/dev/null bs=16M"


def _registers(monitor):
    text = monitor.ask("human-monitor-command",
                       **{"command-line": "info registers"})
    found = re.search(r"RIP=(\w+) RFL=(\w+) .*CPL=(\d).*CR3=(\w+)", text, re.S)
    rip, flags, level, cr3 = found.groups()
    return (int(rip, 16), int(flags, 16), int(level),
            int(cr3, 16) & 0x000ffffffffff000)


def _stop_in_guest(monitor, chunks, level):
    """The machine stands still where the guest runs on this level, outside
    of the switch (interrupts are on); the address of its next instruction."""
    end = time.monotonic() + SECONDS * paths.PATIENCE
    while time.monotonic() < end:
        monitor.ask("stop")
        rip, flags, now, cr3 = _registers(monitor)
        if now == level and flags & 0x200 and any(
                low <= cr3 <= high for low, high in chunks):
            return rip
        monitor.ask("cont")
        time.sleep(0.01)
    raise ui.LabError("the guest was never found on level %d" % level)


def _fail_memory(host, inner, level):
    """An error at an address of the guest's, while it runs there."""
    ident = inside.vms(host)[0]
    chunks = inside.ranges(
        host.sh("cat /sys/kernel/debug/cvm/%d/ranges" % ident), ".")
    address = max(high + 1 - low for low, high in chunks) // 2
    address += next(low for low, high in chunks
                    if high + 1 - low >= 2 * address) & ~4095
    monitor = ring0.Monitor(host.dir / "qmp")
    try:
        rip = _stop_in_guest(monitor, chunks, level)
        monitor.ask("human-monitor-command", **{
            "command-line": "mce 0 %d %#x %d %#x %#x" % (
                BANK, STATUS, MCG_STATUS, address, MISC)})
        monitor.ask("cont")
    finally:
        monitor.close()
    return address, rip


def _one(t, host, version, program, level, who):
    what = "host %s, %s" % (version, who)
    with guest.Guest(host) as inner:
        inside.start(inner, host, program)
        address, rip = _fail_memory(host, inner, level)
        status = inner.ended()
        said = inner.err.decode("utf-8", "replace")
        t.check(status == ENDED and "(machine check) in %s at 0x%x" % (
                who, rip) in said,
                "%s: the VM ends, status %d: %s" % (
                    what, ENDED, said.strip()), (status, said))
    t.equal(host.sh("echo alive"), "alive\n", "%s: the host lives" % what)
    log = host.sh("dmesg")
    t.check("hardware memory error in user-access at %x" % address in log,
            "%s: its log says where" % what, ui.tail(log))


def _host(t, version):
    options = machine.Options(host=version, guest=t.guest, cpu=MODEL)
    with machine.Machine(options) as host:
        if host.run(["test", "-e", BANKS]).status:
            t.skip("host %s" % version, "Debian's kernel for clouds takes no "
                   "machine checks there")
            return
        _one(t, host, version, USER, 3, "a program of the guest")
        _one(t, host, version, KERNEL, 0, "the guest's kernel")
        bad = host.sh("grep HardwareCorrupted /proc/meminfo").split()[1]
        t.equal(bad, "8", "host %s: two bad pages, in KiB" % version)
        inside.pages_back(t, host, "host %s: all pages came back" % version)
        with guest.Guest(host) as inner:
            t.equal(inner.sh("uname -s"), "Linux\n",
                    "host %s: the next guest starts" % version)


def run(t):
    for version in paths.HOSTS:
        _host(t, version)
