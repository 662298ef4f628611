# SPDX-License-Identifier: GPL-2.0-only
"""Tests in which something outside the CPU takes part: an NMI or a machine
check at a chosen instruction, a storm of NMIs, a patched image."""

import random
import struct
import time

import gdbstub
import passage
import ring0
import ui

# struct ring0_ledger of t_nmi.c, in order; all 64-bit.
LEDGER = ("quit guest_variant host_variant fault rounds differ row guest_bad "
          "nmi_gate nmi_raised nmi_passage nmi_guest mce_gate mce_forward "
          "ended latched").split()

# G_VAR_* of ctl.h.
DEBUG, SEGS, NO_FSGS, MSRS, TSS, TSS_NONE, CR0, TSS_HIGH, TSS_TYPE, \
    TSS_SAME, DEBUG_ON, STALE_SEG = (1 << n for n in range(12))

# A machine check as hardware reports an uncorrected error: VAL UC EN PCC off,
# MCG_STATUS RIPV and MCIP.
MCE = "mce -b 0 9 0xb000000000000000 0x5 0x0 0x0"


class Way:
    """A way through the switch: what the image does in each round, and what
    is injected before the address under test is looked for."""

    def __init__(self, name, mode="nmi", guest=0, host=0, fault=None,
                 first=None, cpu=None):
        self.name = name
        self.mode = mode
        self.guest = guest
        self.host = host
        self.fault = fault
        self.first = first	# (kind, label, skip, world)
        self.cpu = cpu


def ways(kind):
    plain = [
        Way("plain"),
        Way("debug registers of the guest", guest=DEBUG),
        Way("debug registers of the host", host=DEBUG),
        Way("breakpoints in the guest", guest=DEBUG | DEBUG_ON),
        Way("breakpoints in the host", host=DEBUG | DEBUG_ON),
        Way("segments of both", guest=SEGS, host=SEGS),
        Way("stale segments of the guest", guest=STALE_SEG),
        Way("stale segments of the host", host=STALE_SEG),
        Way("guest without FSGSBASE", guest=NO_FSGS),
        Way("MSRs", guest=MSRS),
        Way("new GDT", guest=TSS),
        Way("new TR", guest=TSS_SAME),
        Way("TR outside the GDT", guest=TSS_NONE),
        Way("TR too high", guest=TSS_HIGH),
        Way("TR names no TSS", guest=TSS_TYPE),
        Way("CR0.TS of the guest", guest=CR0),
        Way("SPEC_CTRL", host=CR0),
    ]
    nested = [Way("after %s in the %s's world" % (first, world),
                  first=(first, "cvm_passage_far", 2, world))
              for first in ("nmi", "mce") for world in ("host", "guest")
              # A machine check inside a machine check shuts the CPU down.
              if (first, kind) != ("mce", "mce")]
    old = [Way("CPU without FSGSBASE", cpu="max,la57=off,fsgsbase=off")]
    faults = [Way("guest's exception %d" % v, mode="fault", fault=v)
              for v in range(32) if v not in (2, 18)]
    return plain + nested + old + faults


class Machine:
    """The image, standing still at ring0_sync()."""

    def __init__(self, run, where, quiet_limit=60):
        self.run = run
        self.where = where
        self.monitor = run.monitor()
        self.stub = gdbstub.Stub(run.dir / "gdb", quiet_limit)
        self.sync = where.symbol["ring0_sync"]
        self.done = where.symbol["ring0_done"]
        self.ledger_at = where.symbol["ring0_ledger"]
        # Only who has asked for the description may ask for one register.
        self.stub.ask("qXfer:features:read:target.xml:0,10")
        self.stub.breakpoint(self.sync)
        self._go_to(self.sync)
        self.stub.remove(self.sync)

    def close(self):
        self.monitor.close()
        self.stub.close()

    def _go_to(self, address):
        rip = self._go()
        if rip != address:
            raise ui.LabError("the image came to 0x%x instead of 0x%x" % (
                rip, address))

    def ledger(self):
        raw = self.stub.read(self.ledger_at, 8 * len(LEDGER))
        return dict(zip(LEDGER, struct.unpack("<%dQ" % len(LEDGER), raw)))

    def poke(self, field, value):
        at = self.ledger_at + 8 * LEDGER.index(field)
        text = struct.pack("<Q", value).hex()
        if self.stub.ask("M%x,8:%s" % (at, text)) != "OK":
            raise ui.LabError("cannot write the ledger")

    def take(self, way):
        """From the next round on go this way; one round to get there."""
        self.poke("guest_variant", way.guest)
        self.poke("host_variant", way.host)
        self.poke("fault", way.fault or 0)
        self.round([])

    def inject(self, kind):
        if kind == "nmi":
            self.monitor.ask("inject-nmi")
        else:
            self.monitor.ask("human-monitor-command",
                             **{"command-line": MCE})

    def rip(self):
        """The one register that is asked for at every stop."""
        return struct.unpack("<Q", bytes.fromhex(self.stub.ask("p10")))[0]

    def _go(self):
        if self.stub.go() is None:
            raise EOFError("the machine ended")
        return self.rip()

    def _back_to_sync(self):
        after = self.ledger()
        self.stub.remove(self.done)
        self.stub.breakpoint(self.sync)
        self._go_to(self.sync)
        self.stub.remove(self.sync)
        return after

    def reach(self, addresses):
        """Which of these one round comes to."""
        found = set()
        self.stub.breakpoint(self.done)
        for address in addresses:
            self.stub.breakpoint(address)
        rip = self._go()
        while rip != self.done:
            found.add(rip)
            self.stub.remove(rip)
            rip = self._go()
        for address in addresses:
            if address not in found:
                self.stub.remove(address)
        self._back_to_sync()
        return found

    def round(self, stops):
        """One round from ring0_sync() to the next.  stops: addresses at
        which, in this order, (kind, address) is injected.  Returns how many
        were reached and the ledgers before and after."""
        before = self.ledger()
        reached, rip = 0, None
        self.stub.breakpoint(self.done)
        for what, address in stops:
            self.stub.breakpoint(address)
            rip = self._go()
            self.stub.remove(address)
            if rip != address:
                break
            self.inject(what)
            reached += 1
        if rip != self.done:
            self._go_to(self.done)
        return reached, before, self._back_to_sync()

    def finish(self):
        self.poke("quit", 1)
        self.stub.ask("z1,%x,1" % self.sync)
        self.stub._send("c")


def _judge(before, after, sent):
    """What is wrong after a round in which `sent` was injected; '' if
    nothing."""
    new = {k: after[k] - before[k] for k in LEDGER}
    nmis, mces = sent.count("nmi"), sent.count("mce")
    if new["differ"]:
        return "the host's state differs, row %d" % after["row"]
    if new["guest_bad"]:
        return "registers or translations differ"
    if after["ended"]:
        return "the VM ended, RUN reason %d" % after["ended"]
    if after["latched"]:
        return "something is left latched"
    if new["nmi_gate"] != nmis:
        return "%d NMIs sent, host handler ran %d times" % (
            nmis, new["nmi_gate"])
    if new["mce_gate"] != mces:
        return "%d machine checks sent, host handler ran %d times" % (
            mces, new["mce_gate"])
    if new["nmi_raised"] != new["nmi_passage"] + new["nmi_guest"]:
        return "re-raised %d, latched %d, guest %d" % (
            new["nmi_raised"], new["nmi_passage"], new["nmi_guest"])
    return ""


def _owner(before, after, kind):
    if kind == "mce":
        return "forwarded" if after["mce_forward"] > before["mce_forward"] \
            else "host"
    if after["nmi_passage"] > before["nmi_passage"]:
        return "passage"
    return "guest" if after["nmi_guest"] > before["nmi_guest"] else "host"


class Sweep:
    """Every address of the switch, in both worlds, once."""

    def __init__(self, build, kind, limit, how):
        self.build = build
        self.kind = kind
        self.how = how
        self.end = time.monotonic() + limit
        self.where = passage.Passage(build)
        self.text = []
        self.bad = 0
        self.owners = {}
        exempt = self._exempt()
        self.pending = [(world, offset) for world in ("host", "guest")
                        for offset, _ in self.where.insns
                        if (world, offset) not in exempt]
        self.want = len(self.pending)
        self.exempt = exempt

    def _exempt(self):
        """{(world, offset): reason} of what cannot be reached."""
        found = {}
        for world, first, last, why in passage_exempt(self.where):
            for offset in self.where.span(first, last):
                found.setdefault((world, offset), why)
        return {k: v for k, v in found.items()
                if k[1] in {o for o, _ in self.where.insns}}

    def say(self, text):
        self.text.append(text)

    def _stops(self, way, target):
        stops = [(self.kind, target)]
        if way.first:
            kind, label, skip, world = way.first
            offsets = [o for o, _ in self.where.insns]
            at = offsets[offsets.index(self.where.label[label]) + skip]
            stops.insert(0, (kind, self.where.address(at, world)))
        return stops

    def _try(self, machine, way, world, offset):
        """1: injected there and judged; 0: not on this way."""
        stops = self._stops(way, self.where.address(offset, world))
        reached, before, after = machine.round(stops)
        if reached < len(stops):
            return 0
        wrong = _judge(before, after, [kind for kind, _ in stops])
        if wrong:
            self.bad += 1
            self.say("FAIL: %s at %s in the %s's world (%s): %s" % (
                self.kind, self.where.name(offset), world, way.name, wrong))
        owner = _owner(before, after, self.kind)
        self.owners[owner] = self.owners.get(owner, 0) + 1
        return 1

    def _go(self, way):
        how = dict(self.how)
        if way.cpu:
            how["cpu"] = way.cpu
        cmdline = "test=" + way.mode
        if way.mode == "fault":
            cmdline += " driven=1"
        return ring0.started(self.build.image, cmdline, gdb=True, **how)

    def _candidates(self, machine, way):
        """What is pending and on this way."""
        at = {self.where.address(o, w): (w, o) for w, o in self.pending}
        if way.first:
            return list(at.values())
        return [at[a] for a in sorted(machine.reach(sorted(at)))]

    def _go_way(self, machine, way):
        machine.take(way)
        for world, offset in self._candidates(machine, way):
            if time.monotonic() > self.end:
                raise ui.LabError("out of time")
            try:
                if self._try(machine, way, world, offset):
                    self.pending.remove((world, offset))
            except (EOFError, OSError):
                raise ui.LabError("%s at %s in the %s's world (%s) ended the "
                                  "machine:\n%s" % (
                                      self.kind, self.where.name(offset),
                                      world, way.name,
                                      ui.tail(machine.run.text())))

    def _pass(self, some):
        """Ways that one machine can go."""
        with self._go(some[0]) as run:
            machine = Machine(run, self.where)
            for way in some:
                if self.pending:
                    self._go_way(machine, way)
            machine.finish()
            result = run.finish(60)
            machine.close()
        self.bad += result.status != ring0.EXIT_PASS
        for verdict, text in result.lines:
            if verdict == "FAIL":
                self.say("FAIL: " + text)

    def go(self):
        groups = {}
        for way in ways(self.kind):
            groups.setdefault((way.mode, way.cpu), []).append(way)
        for some in groups.values():
            if self.pending:
                self._pass(some)
        return self._result()

    def _result(self):
        for (world, offset) in self.pending:
            self.say("FAIL: never came to %s in the %s's world: %s" % (
                self.where.name(offset), world, dict(
                    self.where.insns)[offset]))
        why = {}
        for reason in self.exempt.values():
            why[reason] = why.get(reason, 0) + 1
        for reason, count in why.items():
            self.say("not counted: %d addresses: %s" % (count, reason))
        done = self.want - len(self.pending)
        self.say("%s: %s: %d of %d addresses, host's and guest's world; "
                 "taken by %s" % (
                     "FAIL" if self.bad or self.pending else "PASS",
                     self.kind, done, self.want, ", ".join(
                         "%s %d" % o for o in sorted(self.owners.items()))))
        good = not self.bad and not self.pending
        return ring0.Result(ring0.EXIT_PASS if good else "failed",
                            "\n".join(self.text) + "\n")


def passage_exempt(where):
    """[(world, first label, label behind the last, reason)]."""
    return []


def nmi(build, args, limit, how):
    return Sweep(build, "nmi", limit, how).go()


def mce(build, args, limit, how):
    return Sweep(build, "mce", limit, how).go()
