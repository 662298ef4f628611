# SPDX-License-Identifier: GPL-2.0-only
"""The rows of devices, measured in several worlds of one exact machine.

native is the host itself with a RAM disk and its loopback interface; guest is
a libcvm guest beside it, kvm the same kernel file in QEMU on KVM (by SVM,
which TCG has), uml Debian's user-mode-linux.  Their disk is one file on tmpfs,
the other end of their connections one server in the host.  slirp is the guest
once more, over the network that needs no rights.  tests/bench/host.sh runs the
worlds, rows.sh what is in each.
"""

import json
import pathlib
import re
import tempfile

import build
import debian
import exact
import images
import kernels
import machine
import paths
import ui

BENCH = paths.ROOT / "tests/bench"
LOG = paths.CACHE / "log" / "bench-worlds.log"
# What is started; slirp comes with the guest.
STARTED = ("native", "guest", "kvm", "uml")
QUICK = ("native", "guest")
MODULES = ("brd", "tun")
KVM_MODULES = ("kvm_amd", "vhost_net")
QEMU_ROMS = ("seabios/bios-256k.bin", "qemu/linuxboot_dma.bin",
             "qemu/kvmvapic.bin")

# What we are after, against the native world.
GOALS = {"block_4k": 4.0, "block_64k": 1.6, "block_1m": 1.15,
         "block_flush": 6.0, "tcp_rr": 2.0, "tcp_stream": 1.5}
UNITS = {"tcp_stream": "insns/MiB"}


class Row:
    """What one row of one world printed."""

    def __init__(self):
        self.batches = []
        self.total = None
        self.mix = {}
        self.counts = {"begin": {}, "end": {}}
        self.per_op = {}

    def value(self):
        """Instructions per operation, of the cheapest batch."""
        return min(cost / ops for ops, cost in self.batches)

    def counted(self, name):
        """How often per operation, None where nobody counts it."""
        if name in self.per_op:
            return self.per_op[name]
        begin, end = (self.counts[when].get(name) for when in ("begin", "end"))
        if begin is None or end is None or not self.total:
            return None
        return (end - begin) / self.total


def _stats(text):
    """The counters of `cvmctl stats --json` that mean something here."""
    stats = json.loads(text)
    return {"switches": stats["switches"],
            "doorbells": stats["exits"].get("doorbell", 0)}


def parse(text):
    """{(world, row): Row} and the rows in the order of their batches."""
    rows, batches = {}, []
    row, when = None, None
    for line in text.splitlines():
        words = line.split()
        if line.startswith("@count ") and len(words) == 4:
            row = rows.setdefault((words[1], words[2]), Row())
            when = row.counts[words[3]]
        elif line.startswith("@stats {"):
            when.update(_stats(line[len("@stats "):]))
        elif re.match(r"(interrupts|syncs) \d+$", line):
            when[words[0]] = int(words[1])
        elif re.match(r"(iob|tcpb) \w+ \d+ \d+ \d+$", line):
            row.batches.append((int(words[3]), int(words[4])))
            batches.append(row)
        elif re.match(r"(iob|tcpb) total \w+ \d+$", line):
            row.total = int(words[3])
    return rows, batches


def _add_mixes(path, batches, ops):
    """Per row {op: least count of a batch, per operation}; batches are in the
    order in which they ran."""
    lines = path.read_text().splitlines()
    if len(lines) != len(batches):
        raise ui.LabError("bench: %d batches were run, %d were counted" % (
            len(batches), len(lines)))
    for row, line in zip(batches, lines):
        each = row.batches[0][0]
        for op, n in zip(ops, map(int, line.split()[1:])):
            row.mix[op] = min(row.mix.get(op, n / each), n / each)


def _take_syncs(rows):
    """The watched flushes are no row of their own, they tell how often one
    reached the host's file."""
    for world, name in [key for key in rows if key[1] == "syncs"]:
        rows[world, "block_flush"].per_op["syncs"] = \
            rows.pop((world, name)).counted("syncs")


# ---- the machine -------------------------------------------------------------


def _peers(tree, worlds):
    """What the worlds that are not ours consist of."""
    if "kvm" in worlds:
        images.program(tree, "lab/bin/qemu-system-x86_64",
                       pathlib.Path("/usr/bin/qemu-system-x86_64"))
        for name in QEMU_ROMS:
            path = pathlib.Path("/usr/share") / name
            tree.file("lab/qemu/" + path.name, path.read_bytes())
    if "uml" in worlds:
        uml = debian.unpacked("user-mode-linux") / "usr/bin/linux.uml"
        images.program(tree, "lab/bin/linux.uml", uml)


def _run(worlds, guest, extra):
    programs = {"lab/bin/" + name: build.static_program(
        BENCH / (name + ".c")).read_bytes() for name in ("iob", "tcpb")}
    programs["lab/bench/rows.sh"] = (BENCH / "rows.sh").read_bytes()
    options = machine.Options(files=programs, host_mem=1280, guest=guest)
    options.modules = MODULES
    options.cpu = exact.CPU
    if "kvm" in worlds:
        options.modules += KVM_MODULES
        options.cpu += ",svm=on"

    def more(tree):
        kernel = kernels.guest(guest, options.config)
        tree.file(machine.guest_dir(guest) + "/bzImage",
                  kernel.native.read_bytes())
        tree.file("lab/bench/host.sh", (BENCH / "host.sh").read_bytes(),
                  0o755)
        _peers(tree, worlds)

    return exact.beside_host(
        options, "#!/bin/sh\nexport GUEST=%s KERNEL=%s\n"
        "exec /lab/bench/host.sh %s\n" % (
            machine.guest_dir(guest),
            machine.guest_file(guest), " ".join(worlds)),
        "#!/bin/sh\nfor w in $(cat /proc/cmdline); do\ncase $w in\n"
        "cvm.world=*) exec /lab/bench/rows.sh ${w#*=} ;;\nesac\ndone\n",
        extra, more)


def _check(text, worlds):
    """All worlds came to their end, and all rows of them."""
    parts = {part.split("\n", 1)[0].strip(): part for part in
             re.split(r"^@world ", text, flags=re.M)[1:]}
    for world in worlds:
        part = parts.get(world, "")
        failed = re.search(r"^@failed (\w+) (\w+)", part, re.M)
        if failed:
            before = part[:failed.start()].rsplit("@count ", 1)[-1]
            raise ui.LabError("bench: %s failed in the world %s: %s "
                              "(log in %s)" % (
                                  failed[2], failed[1], ui.reason(before),
                                  LOG), ui.tail(before))
        if "@done " + world not in part:
            raise ui.LabError("bench: the world %s did not finish: %s "
                              "(log in %s)" % (world, ui.reason(part), LOG),
                              ui.tail(part))


def measure(worlds, guest, ops):
    """All rows of these worlds, with that guest kernel: what bench.show() prints."""
    with tempfile.TemporaryDirectory(prefix="cvm-bench-") as where:
        out = pathlib.Path(where) / "mix"
        with ui.step("bench: devices in " + ", ".join(worlds)):
            text = _run(worlds, guest, exact.plugin(out))
        LOG.write_text(text)
        _check(text, worlds)
        rows, batches = parse(text)
        _add_mixes(out, batches, ops)
    _take_syncs(rows)
    return rows
