# SPDX-License-Identifier: GPL-2.0-only
"""Tests in which something outside the CPU takes part: an NMI or a machine
check at a chosen instruction, a storm of NMIs, a patched image."""

import random
import struct
import time

import bochs
import gdbstub
import passage
import paths
import ring0
import ui

# struct ring0_ledger of ledger.h, in order; all 64-bit.
LEDGER = ("passage quit guest_variant host_variant fault rounds differ row "
          "guest_bad nmi_gate nmi_raised nmi_passage nmi_guest mce_gate "
          "mce_forward ended latched").split()

# G_VAR_* of ctl.h.
DEBUG, SEGS, NO_FSGS, MSRS, TSS, TSS_NONE, CR0, TSS_HIGH, TSS_TYPE, \
    TSS_SAME, DEBUG_ON, STALE_SEG, SPEC_OTHER = (1 << n for n in range(13))

EAX, RBP, EFLAGS = 0, 6, 17	# gdb's numbers
ZF = 1 << 6

KERNEL_VA = 0xffffffff80000000
IMAGE_HPA = 0x100000

# Instructions from .Lfault to its jump to .Lcross, taken in the guest's world.
FAULT_IN_GUEST = 31

# A machine check as hardware reports an uncorrected error: VAL UC EN PCC off,
# MCG_STATUS RIPV and MCIP.
MCE = "mce -b 0 9 0xb000000000000000 0x5 0x0 0x0"


class Way:
    """A way through the switch: what the image does in each round, and what
    happens on the way to the address under test: (label, instructions
    behind it, world, "nmi" or "mce" or (register, bits to flip))."""

    def __init__(self, name, mode="nmi", guest=0, host=0, fault=None,
                 first=None, cpu=None):
        self.name = name
        self.mode = mode
        self.guest = guest
        self.host = host
        self.fault = fault
        self.first = first
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
        Way("other SPEC_CTRL of the guest", host=CR0 | SPEC_OTHER),
        Way("other SPEC_CTRL of the host", host=CR0,
            first=("Lmsr_all_done", 4, "host", (EAX, 1))),
        Way("msr_dirty left set", host=MSRS),
        # (QEMU has no PEBS: the jump is taken, with an empty list.)
        Way("debug store of the host",
            first=("Lds_is_off", -1, "host", (EFLAGS, ZF))),
    ]
    nested = [Way("after %s in the %s's world" % (first, world),
                  first=("cvm_passage_far", 2, world, first))
              for first in ("nmi", "mce") for world in ("host", "guest")
              # A machine check inside a machine check shuts the CPU down.
              if (first, kind) != ("mce", "mce")]
    old = [Way("CPU without FSGSBASE", cpu="max,la57=off,fsgsbase=off")]
    faults = [Way("guest's exception %d" % v, mode="fault", fault=v)
              for v in range(32) if v not in (2, 18)]
    # A pointer to the guest's side that leads nowhere: a page fault while the
    # guest is being loaded, at the host's addresses.
    faults += [Way("fault on the way to the guest", mode="fault", fault=14,
                   first=("Lcross", 0, "host", (RBP, 1 << 46)))]
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
        where.host = self.ledger()["passage"]

    def close(self):
        self.monitor.close()
        self.stub.close()

    def _go_to(self, address):
        rip = self._go()
        if rip != address:
            raise ui.LabError("the image stopped at 0x%x instead of 0x%x" % (
                rip, address))

    def ledger(self):
        raw = self.stub.read(self.ledger_at, 8 * len(LEDGER))
        return dict(zip(LEDGER, struct.unpack("<%dQ" % len(LEDGER), raw)))

    def poke(self, field, value):
        at = self.ledger_at + 8 * LEDGER.index(field)
        text = struct.pack("<Q", value).hex()
        if self.stub.ask("M%x,8:%s" % (at, text)) != "OK":
            raise ui.LabError("gdb stub: cannot write the ledger")

    def take(self, way):
        """From the next round on go this way.  Two rounds to get there: the
        image reads the first two at the end of a round, the guest acts on
        its one when it runs next."""
        self.poke("guest_variant", way.guest)
        self.poke("host_variant", way.host)
        self.poke("fault", way.fault or 0)
        self.round([])
        self.round([])

    def act(self, what):
        if what == "nmi":
            self.monitor.ask("inject-nmi")
        elif what == "mce":
            self.monitor.ask("human-monitor-command",
                             **{"command-line": MCE})
        else:
            register, bits = what
            old = bytes.fromhex(self.stub.ask("p%x" % register))
            new = (int.from_bytes(old, "little") ^ bits).to_bytes(
                len(old), "little").hex()
            if self.stub.ask("P%x=%s" % (register, new)) != "OK":
                raise ui.LabError("gdb stub: cannot write a register")

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

    def reach(self, addresses, first=None):
        """Which of these one round comes to; first: (action, address)."""
        found = set()
        armed = set(addresses) | {self.done}
        if first:
            armed.add(first[1])
        for address in armed:
            self.stub.breakpoint(address)
        rip = self._go()
        while rip != self.done:
            self.stub.remove(rip)
            armed.remove(rip)
            found.add(rip)
            if first and rip == first[1]:
                self.act(first[0])
            rip = self._go()
        for address in armed - {self.done}:
            self.stub.remove(address)
        self._back_to_sync()
        return found & set(addresses)

    def round(self, stops):
        """One round from ring0_sync() to the next.  stops: addresses at
        which, in this order, (action, address) happens.  Returns how many
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
            self.act(what)
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

    def __init__(self, image, where, kind, limit, how):
        self.image = image
        self.where = where
        self.kind = kind
        self.how = how
        self.end = time.monotonic() + limit * paths.PATIENCE
        self.text = []
        self.bad = 0
        self.owners = {}
        exempt = _exempt(self.where, kind)
        self.pending = [(world, offset) for world in ("host", "guest")
                        for offset, _ in self.where.insns
                        if (world, offset) not in exempt]
        self.want = len(self.pending)
        self.exempt = exempt

    def say(self, text):
        self.text.append(text)

    def _first(self, way):
        """[(action, address)] of what happens before, none or one."""
        if not way.first:
            return []
        label, skip, world, action = way.first
        offsets = [o for o, _ in self.where.insns]
        at = offsets[offsets.index(self.where.label[label]) + skip]
        return [(action, self.where.address(at, world))]

    def _try(self, machine, way, world, offset):
        """1: injected there and judged; 0: not on this way."""
        stops = self._first(way) + [
            (self.kind, self.where.address(offset, world))]
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
        return ring0.started(self.image, cmdline, gdb=True, **how)

    def _candidates(self, machine, way):
        """What is pending and on this way."""
        at = {self.where.address(o, w): (w, o) for w, o in self.pending}
        first = self._first(way)
        if first:
            at.pop(first[0][1], None)
        found = machine.reach(sorted(at), first[0] if first else None)
        return [at[a] for a in sorted(found)]

    def _go_way(self, machine, way):
        machine.take(way)
        for world, offset in self._candidates(machine, way):
            if time.monotonic() > self.end:
                raise ui.LabError("timed out")
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
            self.say("FAIL: did not reach %s in the %s's world: %s" % (
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


def _exempt(where, kind):
    """{(world, offset): reason} of what is not on any way in that world."""
    guest_only = "only at the guest's addresses"
    host_only = "only at the host's addresses"
    spans = [
        ("host", "cvm_passage_guest", 0, "Lcross", 0, guest_only),
        ("host", "Lsave_bases", 0, "Lload_bases", 0, guest_only),
        ("host", "Lguest_debug", 0, "Lsave_debug", 0, guest_only),
        ("host", "Lfind_tss", 0, "cvm_passage_boot", 0, guest_only),
        ("host", "cvm_passage_boot", 0, "Lnmi", 0, guest_only),
        ("guest", "cvm_x86_switch", 0, "cvm_passage_guest", 0, host_only),
        ("host", "Lguest_msrs", 0, "Lmsr_all", 0, guest_only),
        ("guest", "Ldebug_store_on", 0, "Lload_list", 0, host_only),
        ("guest", "Lmsr_all", 0, "Lfind_tss", 0, host_only),
        ("guest", "Lfault", FAULT_IN_GUEST, "Ldead", 0, host_only),
    ]
    for world in ("host", "guest"):
        spans += [
            (world, "Linvpcid", 0, "Lguest_debug", 0,
             "QEMU has no INVPCID (Bochs runs them)"),
            (world, "Ldead", 0, "cvm_passage_gates", 0,
             "resets the machine"),
        ]
        if kind == "mce":
            spans.append((world, "Lmce", 0, "Lfault", 0, "a machine check "
                          "in a machine check shuts the CPU down"))
    offsets = [o for o, _ in where.insns]
    found = {}
    for world, first, skip, last, back, why in spans:
        begin = offsets.index(where.label[first]) + skip
        end = next(i for i, o in enumerate(offsets)
                   if o >= where.label[last]) - back
        for offset in offsets[begin:end]:
            found[world, offset] = why
    gates = where.label["cvm_passage_gates"]
    for offset in offsets:
        vector = (offset - gates) // 32
        if offset >= gates and vector not in (2, 14, 18):
            found["host", offset] = "an exception of the host's world that " \
                "no guest can cause"
        if kind == "mce" and vector == 18:
            for world in ("host", "guest"):
                found[world, offset] = spans[-1][-1]
    return found


def _sweep(build, kind, limit, how):
    where = passage.Passage(build.elf, build.offsets)
    return Sweep(build.image, where, kind, limit, how).go()


def nmi(build, args, limit, how):
    return _sweep(build, "nmi", limit, how)


def mce(build, args, limit, how):
    return _sweep(build, "mce", limit, how)


def storm(build, args, limit, how):
    """NMIs at random moments; the next one when the last has arrived, so
    that none is lost in the one-deep latch of the CPU."""
    wanted = int(args.split("nmis=")[1].split()[0])
    symbols = passage.symbols(build.elf)
    arrived = symbols["bare_gate_count"] + 8 * 2 - KERNEL_VA
    rng = random.Random(1)
    sent = 0
    with ring0.started(build.image, args, gdb=True, **how) as run:
        monitor = run.monitor()
        monitor.ask("cont")
        end = time.monotonic() + limit * paths.PATIENCE
        while sent < wanted and time.monotonic() < end and \
                run.qemu.poll() is None:
            if "storm: ready" not in run.text():
                time.sleep(0.05)
                continue
            time.sleep(rng.random() * 0.002)
            monitor.ask("inject-nmi")
            sent += 1
            while _word(monitor, arrived) < sent and time.monotonic() < end:
                pass
        result = run.finish(max(1, end - time.monotonic()))
        monitor.close()
    return ring0.Result(result.status,
                        result.text + "storm: sent %d\n" % sent)


def _word(monitor, hpa):
    """A 64-bit word of the machine's memory."""
    try:
        text = monitor.ask("human-monitor-command",
                           **{"command-line": "xp /1gx 0x%x" % hpa})
    except (OSError, ValueError):	# the image has ended meanwhile
        return 1 << 63
    return int(text.split()[-1], 16) if text.strip() else 0


def noflush(build, image, args, cpu, limit):
    """With the flush patched out the image must fail under Bochs, and by its
    translations: QEMU forgets them anyway, Bochs does not."""
    patched, changed = _without_flush(build, image)
    text = "flush patched out: %d instructions\n" % changed
    result = bochs.run(build.disk, patched, args, cpu, limit)
    stale = "stale translations" in "".join(
        line for verdict, line in result.lines if verdict == "FAIL")
    text += "".join("     " + line + "\n" for line in
                    result.text.splitlines()[-12:])
    text += "%s: without the flush the image fails under Bochs\n" % (
        "PASS" if stale and changed else "FAIL")
    good = stale and changed
    return ring0.Result(ring0.EXIT_PASS if good else "passed", text)


def _without_flush(build, image):
    """The image with what flushes the TLB replaced: INVPCID by NOPs, the
    clearing of CR4.PGE by nothing."""
    where = passage.Passage(build.elf, build.offsets)
    at = where.host - KERNEL_VA - IMAGE_HPA
    begin = where.label["cvm_flush_begin"]
    end = where.label["cvm_flush_end"]
    data = bytearray(image)
    offsets = [o for o, _ in where.insns] + [end]
    changed = 0
    for (offset, text), after in zip(where.insns, offsets[1:]):
        if begin <= offset < end or text.startswith("invpcid"):
            data[at + offset:at + after] = b"\x90" * (after - offset)
            changed += 1
    return bytes(data), changed
