# SPDX-License-Identifier: GPL-2.0-only
"""tools/lab bench: the scoreboard, in exact instructions.

The rows of mb.c are measured in two worlds: in the guest beside a Debian
host, and natively, which is the guest's own kernel file booted by QEMU with
the same CPU model and icount.  The rows of the world switch come from the
bare ring-0 host, those of devices from worlds.py.
"""

import json
import os
import pathlib
import re
import tempfile

import build
import exact
import kernels
import machine
import paths
import ring0
import ui
import worlds

ROWS = ("getppid", "fork", "exec", "anon_fault")
BARE_ROWS = {16: "world_switch", 17: "world_switch_fpu",   # by marker
             18: "hypercall_noop"}
OPS = ("cr3", "cr4", "invpcid", "rdmsr", "wrmsr", "vmrun")
# What is counted per operation, and the heads of its columns.
COUNTS = {"doorbells": "bells", "interrupts": "irqs", "switches": "switches",
          "syncs": "syncs"}
SCRIPT = "#!/bin/sh\nexec /lab/bin/mb\n"


def _rows(text):
    """{row: (ops per batch, [TSC per batch])} of mb's output."""
    rows = {}
    for line in text.splitlines():
        words = line.split()
        if len(words) == 5 and words[0] == "mb":
            ops, costs = rows.setdefault(words[1], (int(words[3]), []))
            costs.append(int(words[4]))
    if "mb done" not in text or set(rows) != set(ROWS):
        raise ui.LabError("the program mb did not finish: " + ui.reason(text),
                          ui.tail(text))
    return rows


def _mixes(path, ops):
    """{marker: {op: least count of a batch, per operation}}; ops tells how
    many operations a batch of that marker has."""
    least = {}
    for line in path.read_text().splitlines():
        mark, *counts = map(int, line.split())
        old = least.get(mark, counts)
        least[mark] = [min(pair) for pair in zip(old, counts)]
    return {mark: {op: n / ops(mark) for op, n in zip(OPS, counts)}
            for mark, counts in least.items()}


def _measure(world, run):
    """Rows of one world: [(row, insns per op, mix)]."""
    with tempfile.TemporaryDirectory(prefix="cvm-bench-") as where:
        out = pathlib.Path(where) / "mix"
        with ui.step("bench: " + world):
            text = run(exact.plugin(out))
        rows = _rows(text)
        mixes = _mixes(out, lambda mark: rows[ROWS[mark]][0])
    return [(name, min(rows[name][1]) / rows[name][0], mixes[mark])
            for mark, name in enumerate(ROWS)]


def _options(guest):
    mb = build.static_program(paths.ROOT / "tests/bench/mb.c")
    return machine.Options(guest=guest, files={"lab/bin/mb": mb.read_bytes()})


def os_rows(guest):
    """The rows that need an operating system, native first."""
    options = _options(guest)
    kernel = kernels.guest(options.guest, options.config)
    host_script = "#!/bin/sh\nexec %s\n" % exact.start_guest(
        options, "cvm.lab=auto")
    native = _measure("native", lambda extra: exact.native(
        kernel, SCRIPT, options.files, options.mem, extra))
    inside = _measure("guest", lambda extra: exact.beside_host(
        options, host_script, SCRIPT, extra))
    base = {name: value for name, value, _ in native}
    return ([_row(n, "native", v, 1.0, m) for n, v, m in native] +
            [_row(n, "guest", v, v / base[n], m) for n, v, m in inside])


def bare_rows():
    """World switch and hypercall on the bare host."""
    image = build.meson_dir("native") / "tests/ring0/ring0.bin"
    with tempfile.TemporaryDirectory(prefix="cvm-bench-") as where:
        out = pathlib.Path(where) / "mix"
        with ui.step("bench: bare"):
            result = ring0.run_image(image, "test=bench", icount=True,
                                     cpu=exact.CPU, extra=exact.plugin(out))
        found = {name: float(value) for name, value in re.findall(
            r"^BENCH (\w+) ([\d.]+)", result.text, re.M)}
        if result.status != ring0.EXIT_PASS or "rounds" not in found:
            raise ui.LabError("the measurement on the bare host failed: " +
                              ui.reason(result.text), ui.tail(result.text))
        mixes = _mixes(out, lambda _: found["rounds"])
    return [_row(name, "bare", found[name], None, mixes[mark])
            for mark, name in BARE_ROWS.items()]


def device_rows(guest, started):
    """Disks and networks in the worlds that are to be started."""
    found = worlds.measure(started, guest, OPS)
    base = {row: part.value() for (world, row), part in found.items()
            if world == "native"}
    return [_row(row, world, part.value(), part.value() / base[row], part.mix,
                 unit=worlds.UNITS.get(row, "insns/op"),
                 goal=worlds.GOALS.get(row) if world == "guest" else None,
                 counts={name: part.counted(name) for name in COUNTS})
            for (world, row), part in sorted(
                found.items(), key=lambda item: list(base).index(item[0][1]))]


def _row(row, world, value, ratio, mix, unit="insns/op", goal=None,
         counts=None):
    return {"row": row, "world": world, "unit": unit,
            "value": round(value, 3),
            "ratio": None if ratio is None else round(ratio, 6),
            "goal": goal, "mix": mix, "counts": counts or {}}


def _number(value, form):
    return "-" if value is None else form % value


def _line(row, world, value, ratio, goal, counts, mix):
    print(" ".join(["%-16s %-6s %10s %8s %5s" % (row, world, value, ratio,
                                                goal)] +
                   ["%8s" % count for count in counts] +
                   ["%7s" % op for op in mix]))


def show(rows):
    """One line a row; what is counted is per operation."""
    _line("row", "world", "insns/op", "ratio", "goal", COUNTS.values(), OPS)
    for row in rows:
        _line(row["row"], row["world"], "%.1f" % row["value"],
              _number(row["ratio"], "%.4f"), _number(row["goal"], "%.2f"),
              [_number(row["counts"].get(name), "%.3f") for name in COUNTS],
              ["%.2f" % row["mix"][name] for name in OPS])


def all_rows(guest, started=worlds.STARTED):
    return os_rows(guest) + device_rows(guest, started) + bare_rows()


def main(guest, json_file):
    with ui.output(json_file or os.devnull, "w") as file:
        rows = all_rows(guest)
        show(rows)
        file.write(json.dumps(rows, indent=1) + "\n")
    return 0
